/* Command lines: from tables of options to a struct, and to help. */
#include "cli/cli.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const option_info common_table[] = {
    {"set", 0, OPTION_SETTING, 0, false, "GROUP.NAME=VALUE", "change a setting of the case; may be repeated"},
    {"threads", 'j', OPTION_COUNT, offsetof(options, threads), false, "N",
     "threads; all cores by default. Results do not depend on it"},
    {"backend", 0, OPTION_TEXT, offsetof(options, backend), false, "NAME",
     "where it runs: cpu; cuda, a GPU; auto, a GPU where there is one; check, to find mistakes; else as the case "
     "says (solver.backend)"},
    {"json", 0, OPTION_FLAG, offsetof(options, json), false, NULL, "result on stdout as one JSON object"},
    {"quiet", 'q', OPTION_FLAG, offsetof(options, quiet), false, NULL,
     "no progress and no log on stderr but warnings and errors"},
    {"verbose", 'v', OPTION_FLAG, offsetof(options, verbose), false, NULL, "log everything"},
    {"help", 'h', OPTION_FLAG, offsetof(options, help), false, NULL, "this text"},
};

enum {
    N_COMMON    = sizeof common_table / sizeof *common_table,
    MAX_OPTION  = 32,
    LONG_OPTION = 256, /* getopt_long's value of option number 0; beyond any letter */
    MAX_WORD    = 64
};

/* The command's own options first. NULL behind the last. */
static const option_info *option_at(const command *c, int i)
{
    if (i < c->n_option) return &c->option[i];
    return i - c->n_option < N_COMMON ? &common_table[i - c->n_option] : NULL;
}

/* ---- suggestions ---- */

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Edit distance; words longer than MAX_WORD are never near. */
static size_t distance(const char *a, const char *b)
{
    const size_t n_a = strlen(a), n_b = strlen(b);
    size_t       row[MAX_WORD + 1];

    if (n_a > MAX_WORD || n_b > MAX_WORD) return MAX_WORD;
    for (size_t j = 0; j <= n_b; j++) row[j] = j;
    for (size_t i = 1; i <= n_a; i++) {
        size_t corner = row[0]; /* row i-1, column j-1 */
        row[0]        = i;
        for (size_t j = 1; j <= n_b; j++) {
            const size_t change = corner + (a[i - 1] != b[j - 1]);
            corner              = row[j];
            row[j]              = least(change, least(row[j], row[j - 1]) + 1);
        }
    }
    return row[n_b];
}

const char *suggestion(const char *word, word_at at, const void *list, char *text)
{
    const char *found = NULL, *name;
    size_t      most  = strlen(word) / 3 + 1;

    for (int i = 0; (name = at(list, i)); i++) {
        const size_t d = distance(word, name);
        if (d < most || (d == most && !found)) {
            most  = d;
            found = name;
        }
    }
    text[0] = '\0';
    if (found) snprintf(text, SUGGESTION_SIZE, "; did you mean \"%s\"?", found);
    return text;
}

static const char *long_name(const void *list, int i)
{
    const option_info *o = option_at(list, i);
    return o ? o->name : NULL;
}

/* ---- reading ---- */

/* getopt_long's two descriptions of the options; both start with ':', so that a missing value is told apart. */
typedef struct getopt_tables {
    struct option option[MAX_OPTION + 1];
    char          letters[2 * MAX_OPTION + 2];
} getopt_tables;

static void describe_to_getopt(const command *c, getopt_tables *t)
{
    const option_info *o;
    char              *letter = t->letters;

    *letter++ = ':';
    for (int i = 0; i < MAX_OPTION && (o = option_at(c, i)); i++) {
        t->option[i] =
            (struct option){o->name, o->kind == OPTION_FLAG ? no_argument : required_argument, NULL, LONG_OPTION + i};
        if (o->letter) *letter++ = o->letter;
        if (o->letter && o->kind != OPTION_FLAG) *letter++ = ':';
    }
}

/* The option of a value that getopt_long returned or left in optopt; NULL: none. */
static const option_info *option_of(const command *c, int value)
{
    const option_info *o = NULL;

    if (value >= LONG_OPTION) return option_at(c, value - LONG_OPTION);
    for (int i = 0; (o = option_at(c, i)); i++)
        if (o->letter && o->letter == value) return o;
    return NULL;
}

static exit_code refuse_option(const command *c, const char *word)
{
    const option_info *known = option_of(c, optopt);
    char               name[MAX_WORD], text[SUGGESTION_SIZE];

    if (optopt >= LONG_OPTION && known) return fail(NULL, CODE_USAGE, "%s: --%s takes no value", c->name, known->name);
    if (optopt > 0)
        return fail(NULL, CODE_USAGE, "%s: unknown option -%c (see pdemoe %s --help)", c->name, optopt, c->name);
    snprintf(name, sizeof name, "%.*s", (int)strcspn(word + 2, "="), word + 2);
    return fail(NULL, CODE_USAGE, "%s: unknown or ambiguous option --%s%s (see pdemoe %s --help)", c->name, name,
                suggestion(name, long_name, c, text), c->name);
}

/* An option stands at the end, without its value. */
static exit_code refuse_absence(const command *c)
{
    const option_info *known = option_of(c, optopt);
    return fail(NULL, CODE_USAGE, "%s: --%s: %s expected behind it", c->name, known->name, known->argument);
}

/* Takes GROUP.NAME=VALUE apart in place; without a dot the group is the root. */
static exit_code read_setting(const command *c, char *word, setting *out)
{
    char *value = strchr(word, '='), *dot;

    if (!value || value == word)
        return fail(NULL, CODE_USAGE, "%s: --set %s: GROUP.NAME=VALUE expected, like training.steps=400", c->name,
                    word);
    *value++ = '\0';
    dot      = strrchr(word, '.');
    if (dot) *dot = '\0';
    *out = (setting){dot ? word : "", dot ? dot + 1 : word, value};
    return *out->name
               ? CODE_FINE
               : fail(NULL, CODE_USAGE, "%s: --set %s.=%s: a name expected behind the dot", c->name, word, value);
}

static exit_code read_value(const command *c, const option_info *info, char *word, options *out)
{
    char *place = (char *)out + info->offset, *end;

    errno = 0;
    switch (info->kind) {
    case OPTION_FLAG: *(bool *)place = true; break;
    case OPTION_TEXT: *(const char **)place = word; break;
    case OPTION_SETTING: return read_setting(c, word, &out->set[out->n_set++]);
    case OPTION_COUNT:
    case OPTION_INDEX: {
        const int  least = info->kind == OPTION_COUNT;
        const long value = strtol(word, &end, 10);
        if (errno || end == word || *end || value < least || value > INT_MAX)
            return fail(NULL, CODE_USAGE, "%s: --%s %s: a whole number of at least %d expected", c->name, info->name,
                        word, least);
        *(int *)place = (int)value;
        break;
    }
    case OPTION_REAL: {
        const double value = strtod(word, &end);
        if (end == word || *end || !isfinite(value) || value <= 0.0)
            return fail(NULL, CODE_USAGE, "%s: --%s %s: a number above 0 expected", c->name, info->name, word);
        *(double *)place = value;
        break;
    }
    }
    return CODE_FINE;
}

static exit_code read_operands(const command *c, int n, char **word, options *out)
{
    if (n < c->n_needed || n > c->n_operand)
        return fail(NULL, CODE_USAGE, "%s: %d file name%s given; %s expected (see pdemoe %s --help)", c->name, n,
                    n == 1 ? "" : "s", c->operands, c->name);
    for (int i = 0; i < n; i++) out->operand[i] = word[i];
    return CODE_FINE;
}

static exit_code check_required(const command *c, const bool *given)
{
    for (int i = 0; i < c->n_option; i++)
        if (c->option[i].required && !given[i])
            return fail(NULL, CODE_USAGE, "%s: --%s %s is required (see pdemoe %s --help)", c->name, c->option[i].name,
                        c->option[i].argument, c->name);
    return CODE_FINE;
}

exit_code options_read(const command *c, int argc, char **argv, options *out)
{
    exit_code     code              = CODE_FINE;
    getopt_tables tables            = {0};
    bool          given[MAX_OPTION] = {false};
    options       o                 = {.sample = -1, .set = calloc((size_t)argc, sizeof *o.set)};
    int           value;

    if (!o.set) return fail(NULL, CODE_MEMORY, "%s", pdm_status_text(PDM_ERR_MEMORY));
    describe_to_getopt(c, &tables);
    opterr = 0;
    while ((value = getopt_long(argc, argv, tables.letters, tables.option, NULL)) != -1) {
        const option_info *info = option_of(c, value);
        if (!info) {
            code = value == ':' ? refuse_absence(c) : refuse_option(c, argv[optind - 1]);
            goto done;
        }
        CLI_TRY(read_value(c, info, optarg, &o));
        if (value >= LONG_OPTION && value - LONG_OPTION < c->n_option) given[value - LONG_OPTION] = true;
        if (value < LONG_OPTION && info >= c->option && info < c->option + c->n_option) given[info - c->option] = true;
    }
    if (!o.help) {
        CLI_TRY(read_operands(c, argc - optind, argv + optind, &o));
        CLI_TRY(check_required(c, given));
    }
    *out  = o;
    o.set = NULL;
done:
    options_release(&o);
    return code;
}

void options_release(options *o)
{
    free(o->set);
    o->set = NULL;
}

/* ---- help ---- */

static void print_option(const option_info *o)
{
    char left[64];

    snprintf(left, sizeof left, "--%s%s%s", o->name, o->argument ? " " : "", o->argument ? o->argument : "");
    printf(o->letter ? "  -%c, " : "      ", o->letter);
    printf("%-24s %s%s\n", left, o->help, o->required ? " (required)" : "");
}

static void print_text(void *user, const char *text)
{
    (void)user;
    fputs(text, stdout);
}

static void print_settings(void)
{
    pdm_context *ctx = NULL;

    if (pdm_context_create(NULL, &ctx) == PDM_OK) {
        puts("\nSettings of a case, for --set: name, default, range, meaning. docs/case-format.md also has those of "
             "pde,\n"
             "inputs and single dimensions.");
        (void)pdm_settings_describe(ctx, print_text, NULL);
    }
    pdm_context_destroy(&ctx);
}

void options_help(const command *c)
{
    const option_info *o;

    printf("Usage: pdemoe %s %s", c->name, c->operands);
    for (int i = 0; i < c->n_option; i++)
        if (c->option[i].required) printf(" --%s %s", c->option[i].name, c->option[i].argument);
    printf(" [options]\n\n%s\n\nOptions:\n", c->details);
    for (int i = 0; (o = option_at(c, i)); i++) print_option(o);
    if (c->has_settings) print_settings();
    puts("\nExit codes: see pdemoe --help.");
}
