/* pdemoe new: a commented case to start from, of texts in cli/new/. */
#include "cli/template.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Name, dimensions of space from and to, conditions in the order of preference, what it is. */
#define KIND_LIST(X)                                                                                           \
    X(heat, 1, 2, "value flux periodic", "heat that spreads, dt(u) = div(D grad u)")                           \
    X(poisson, 1, 3, "value flux periodic", "a potential and its sources, -lap(u) = f")                        \
    X(advection_diffusion, 1, 2, "flux value periodic", "a concentration that drifts and spreads")             \
    X(burgers, 1, 1, "value periodic", "waves that steepen into fronts, dt(u) + dx(u^2/2 - nu*dx(u)) = 0")     \
    X(wave, 1, 2, "value flux periodic", "a string or a membrane, dt(dt(u)) = div(c^2 grad u)")                \
    X(reaction_diffusion, 1, 2, "flux periodic", "two substances that react and spread (FitzHugh-Nagumo)")     \
    X(allen_cahn, 1, 2, "flux periodic", "two phases and fronts between them, dt(u) = D lap(u) + r*(u - u^3)") \
    X(darcy, 1, 2, "value", "flow through a random medium, -div(k grad p) = 1: inputs are fields")             \
    X(ode, 0, 0, "", "an ordinary differential equation, a swing with friction")                               \
    X(steady_nonlinear, 1, 2, "value", "a steady equation that is not linear, -lap(u) = s*exp(u)")

#define KIND_TEXT(name, least, most, conditions, about) extern const char new_##name##_text[];
KIND_LIST(KIND_TEXT)
#undef KIND_TEXT

typedef struct kind {
    const char *name;
    int         least, most; /* dimensions of space */
    const char *conditions, *about, *text;
} kind;
#define KIND_ENTRY(name, least, most, conditions, about) {#name, least, most, conditions, about, new_##name##_text},
static const kind kinds[] = {KIND_LIST(KIND_ENTRY)};
#undef KIND_ENTRY
enum { N_KIND = sizeof kinds / sizeof *kinds, MOST_WORD = 256 };

static const option_info table[] = {
    {"output", 'o', OPTION_TEXT, offsetof(options, output), false, "CASE.cdl", "the case; KIND.cdl by default"},
    {"dims", 0, OPTION_COUNT, offsetof(options, dims), false, "N", "dimensions of space; the least by default"},
    {"conditions", 0, OPTION_TEXT, offsetof(options, conditions), false, "WORD",
     "on the sides: value, flux or periodic; the first of its kind by default"},
    {"list", 0, OPTION_FLAG, offsetof(options, list), false, NULL, "instead: the kinds, with what they can have"},
};

static const char *kind_name(const void *list, int i)
{
    (void)list;
    return i < N_KIND ? kinds[i].name : NULL;
}

static void print_kinds(FILE *to)
{
    for (int i = 0; i < N_KIND; i++) {
        const kind *k = &kinds[i];
        fprintf(to, "%-20s %s\n", k->name, k->about);
        if (k->most > 0)
            fprintf(to, "%20s %s%d dimension%s; %s\n", "", k->most > 1 ? "1 to " : "", k->most, k->most > 1 ? "s" : "",
                    k->conditions);
    }
}

static exit_code list_kinds(const options *o)
{
    if (!o->json) {
        print_kinds(stdout);
        return CODE_FINE;
    }
    fputs("{\"command\": \"new\", \"kinds\": {", stdout);
    for (int i = 0; i < N_KIND; i++)
        printf("%s\"%s\": {\"dims\": [%d, %d], \"conditions\": \"%s\"}", i ? ", " : "", kinds[i].name, kinds[i].least,
               kinds[i].most, kinds[i].conditions);
    puts("}}");
    return CODE_FINE;
}

static bool has_word(const char *words, const char *word)
{
    const size_t n = strlen(word);

    for (const char *p = words; *p; p += strcspn(p, " "), p += *p == ' ')
        if (n > 0 && strcspn(p, " ") == n && strncmp(p, word, n) == 0) return true;
    return false;
}

/* ---- what is wanted: by options, or by questions ---- */

typedef struct wish {
    const kind *kind;
    int         dims;
    char        conditions[MOST_WORD], output[MOST_WORD];
} wish;

static exit_code find_kind(session *s, const char *name, const kind **out)
{
    char text[SUGGESTION_SIZE];

    for (int i = 0; i < N_KIND; i++)
        if (strcmp(kinds[i].name, name) == 0) *out = &kinds[i];
    return *out ? CODE_FINE
                : fail(s, CODE_USAGE, "new: no kind of problem \"%s\"%s (see pdemoe new --list)", name,
                       suggestion(name, kind_name, NULL, text));
}

static exit_code set_conditions(session *s, const char *word, wish *w)
{
    if (!has_word(w->kind->conditions, word))
        return fail(s, CODE_USAGE, "new: conditions \"%s\" of %s; %s expected", word, w->kind->name,
                    *w->kind->conditions ? w->kind->conditions : "none, as it has no space,");
    snprintf(w->conditions, sizeof w->conditions, "%s", word);
    return CODE_FINE;
}

static exit_code set_dims(session *s, int dims, wish *w)
{
    if (dims < w->kind->least || dims > w->kind->most)
        return fail(s, CODE_USAGE, "new: %d dimensions of space of %s; %d to %d expected", dims, w->kind->name,
                    w->kind->least, w->kind->most);
    w->dims = dims;
    return CODE_FINE;
}

static exit_code set_output(session *s, const char *path, wish *w)
{
    const size_t n = strlen(path);

    if (n < 5 || strcmp(path + n - 4, ".cdl") != 0)
        return fail(s, CODE_USAGE, "new: --output %s: a name that ends in .cdl expected", path);
    if (n >= sizeof w->output)
        return fail(s, CODE_USAGE, "new: --output: a name of at most %d bytes expected", MOST_WORD - 1);
    snprintf(w->output, sizeof w->output, "%s", path);
    return CODE_FINE;
}

static void set_defaults(wish *w)
{
    w->dims = w->kind->least;
    snprintf(w->conditions, sizeof w->conditions, "%.*s", (int)strcspn(w->kind->conditions, " "), w->kind->conditions);
    snprintf(w->output, sizeof w->output, "%s.cdl", w->kind->name);
}

static exit_code wish_by_options(session *s, const options *o, wish *w)
{
    exit_code code = CODE_FINE;

    CLI_TRY(find_kind(s, o->operand[0], &w->kind));
    set_defaults(w);
    if (o->dims > 0) CLI_TRY(set_dims(s, o->dims, w));
    if (o->conditions) CLI_TRY(set_conditions(s, o->conditions, w));
    if (o->output) CLI_TRY(set_output(s, o->output, w));
done:
    return code;
}

/* One line of the terminal; what stands in answer already where it is empty. */
static exit_code ask(session *s, const char *question, char answer[MOST_WORD])
{
    char line[MOST_WORD];

    fprintf(stderr, "%s [%s]: ", question, answer);
    if (!fgets(line, sizeof line, stdin)) return fail(s, CODE_USAGE, "new: no answer");
    line[strcspn(line, "\n")] = '\0';
    if (*line) snprintf(answer, MOST_WORD, "%s", line);
    return CODE_FINE;
}

static exit_code wish_by_questions(session *s, wish *w)
{
    exit_code code              = CODE_FINE;
    char      answer[MOST_WORD] = "heat", question[2 * MOST_WORD];

    print_kinds(stderr);
    CLI_TRY(ask(s, "Equation", answer));
    CLI_TRY(find_kind(s, answer, &w->kind));
    set_defaults(w);
    if (w->kind->most > w->kind->least) {
        snprintf(question, sizeof question, "Dimensions of space, %d to %d", w->kind->least, w->kind->most);
        snprintf(answer, sizeof answer, "%d", w->dims);
        CLI_TRY(ask(s, question, answer));
        CLI_TRY(set_dims(s, (int)strtol(answer, NULL, 10), w));
    }
    if (strchr(w->kind->conditions, ' ')) {
        snprintf(question, sizeof question, "Conditions on the sides, %s", w->kind->conditions);
        snprintf(answer, sizeof answer, "%s", w->conditions);
        CLI_TRY(ask(s, question, answer));
        CLI_TRY(set_conditions(s, answer, w));
    }
    snprintf(answer, sizeof answer, "%s", w->output);
    CLI_TRY(ask(s, "File", answer));
    code = set_output(s, answer, w);
done:
    return code;
}

/* ---- the file ---- */

static exit_code write_new(session *s, const char *path, const char *text)
{
    FILE *to = fopen(path, "wx");

    if (!to && errno == EEXIST) return fail(s, CODE_USAGE, "%s exists, and is not written over", path);
    if (!to) return fail(s, CODE_FILE, "%s: %s", path, strerror(errno));
    const bool written = fputs(text, to) >= 0;
    if (fclose(to) == 0 && written) return CODE_FINE;
    const int why = errno;
    remove(path);
    return fail(s, CODE_FILE, "%s: %s", path, strerror(why));
}

/* Settings from the command line may be ones that no part of a case reads: the file goes again then. */
static exit_code try_case(session *s, const char *path)
{
    exit_code  code = CODE_FINE;
    pdm_case  *c    = NULL;
    pdm_model *m    = NULL;

    CLI_TRY(check(s, pdm_case_read(s->ctx, path, &c)));
    code = check(s, pdm_model_create(c, &m));
done:
    pdm_model_destroy(&m);
    pdm_case_destroy(&c);
    if (code != CODE_FINE) remove(path);
    return code;
}

static void say_what_next(const options *o, const wish *w)
{
    if (o->json) {
        printf("{\"command\": \"new\", \"kind\": \"%s\", \"dims\": %d, \"conditions\": \"%s\"", w->kind->name, w->dims,
               w->conditions);
        json_text("output", w->output);
        json_end();
        return;
    }
    say("%s: %s\n", w->output, w->kind->about);
    say("  pdemoe check %s                      what will be solved\n", w->output);
    say("  pdemoe polish %s -o answers.nc       a classical solve, for inputs that are drawn\n", w->output);
    say("  pdemoe train %s -o model.nc          a model, for inputs that come later\n", w->output);
}

static exit_code run(session *s, const options *o)
{
    exit_code code = CODE_FINE;
    wish      w    = {0};
    char     *text = NULL;

    if (o->list) return list_kinds(o);
    if (o->operand[0]) {
        CLI_TRY(wish_by_options(s, o, &w));
    } else if (isatty(STDIN_FILENO) && !o->output && !o->dims && !o->conditions && !o->json) {
        CLI_TRY(wish_by_questions(s, &w));
    } else {
        code = fail(s, CODE_USAGE, "new: a kind of problem expected (see pdemoe new --list)");
        goto done;
    }
    text = template_expand(w.kind->text, w.dims, w.conditions);
    if (!text) {
        code = fail(s, CODE_MEMORY, "%s", pdm_status_text(PDM_ERR_MEMORY));
        goto done;
    }
    for (int i = 0; i < o->n_set; i++) CLI_TRY(template_set(s, &text, &o->set[i]));
    CLI_TRY(write_new(s, w.output, text));
    if (o->n_set > 0) CLI_TRY(try_case(s, w.output));
    say_what_next(o, &w);
done:
    free(text);
    return code;
}

const command new_command = {
    .name     = "new",
    .operands = "[KIND]",
    .summary  = "write a commented case to start from",
    .details =
        "Writes a case of one of ten kinds of problem, with comments, that check and polish accept as it is. Without\n"
        "KIND, on a terminal, it asks for equation, dimensions, conditions and file. A file that exists is not "
        "written\n"
        "over. Settings by --set stand in the case, which is then checked as a whole.",
    .n_needed  = 0,
    .n_operand = 1,
    .option    = table,
    .n_option  = sizeof table / sizeof *table,
    .run       = run,
};
