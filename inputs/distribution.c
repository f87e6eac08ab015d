/* Distributions as text: NAME(ARGUMENT, ...), arguments by position or as NAME = VALUE. Scalars are drawn here, fields in
 * inputs/random_field.c. */
#include "inputs/inputs.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- what there is ---- */

typedef enum argument_type {
    ARGUMENT_REAL,   /* a double                                         */
    ARGUMENT_REALS,  /* doubles between blanks, their number at `count`  */
    ARGUMENT_CHOICE, /* an int, the place of a word among `choices`      */
    ARGUMENT_CHOICES /* ints, their number at `count`                    */
} argument_type;

/* An argument without default is required. A real lies above `low`, or at it when `closed`, and at most at `high`. */
typedef struct argument {
    const char   *name;
    argument_type type;
    size_t        offset, count;
    bool          required, closed;
    double        low, high;
    const char   *choices; /* "word|word" */
} argument;

#define AT(member)         offsetof(pdm_distribution, member)
#define ANY                true, -INFINITY, INFINITY, NULL
#define NOT_BELOW(low)     true, (low), INFINITY, NULL
#define BETWEEN(low, high) true, (low), (high), NULL
#define WORDS(words)       true, 0.0, 0.0, (words)
#define LENGTH             "length", ARGUMENT_REALS, AT(length), AT(n_length), true, false, 0.0, INFINITY, NULL
#define SMOOTHNESS         "smoothness", ARGUMENT_REAL, AT(smoothness), 0, false, NOT_BELOW(0.1)
#define KIND               "kind", ARGUMENT_CHOICES, AT(basis), AT(n_basis), false, WORDS("periodic|neumann|dirichlet")
#define CONSTANT           "constant", ARGUMENT_CHOICE, AT(constant), 0, false, WORDS("keep|drop")

static const argument uniform_arguments[]  = {{"low", ARGUMENT_REAL, AT(value[0]), 0, true, ANY},
                                              {"high", ARGUMENT_REAL, AT(value[1]), 0, true, ANY}};
static const argument normal_arguments[]   = {{"mean", ARGUMENT_REAL, AT(value[0]), 0, true, ANY},
                                              {"deviation", ARGUMENT_REAL, AT(value[1]), 0, true, NOT_BELOW(0.0)}};
static const argument gaussian_arguments[] = {
    {LENGTH},     {"amplitude", ARGUMENT_REAL, AT(amplitude), 0, false, NOT_BELOW(0.0)},
    {SMOOTHNESS}, {"mean", ARGUMENT_REAL, AT(mean), 0, false, ANY},
    {KIND},       {"normalise", ARGUMENT_CHOICE, AT(normalise), 0, false, WORDS("none|rms")},
    {CONSTANT}};
static const argument phase_arguments[] = {{"low", ARGUMENT_REAL, AT(low), 0, true, ANY},
                                           {"high", ARGUMENT_REAL, AT(high), 0, true, ANY},
                                           {LENGTH},
                                           {SMOOTHNESS},
                                           {"fraction", ARGUMENT_REAL, AT(fraction), 0, false, BETWEEN(0.0, 1.0)},
                                           {KIND},
                                           {CONSTANT}};

#define TABLE(arguments) (arguments), sizeof(arguments) / sizeof *(arguments)
static const struct kind {
    const char           *name;
    pdm_distribution_kind kind;
    const argument       *argument; /* NULL: a list of numbers */
    size_t                n;
} kinds[] = {{"uniform", PDM_DISTRIBUTION_UNIFORM, TABLE(uniform_arguments)},
             {"normal", PDM_DISTRIBUTION_NORMAL, TABLE(normal_arguments)},
             {"list", PDM_DISTRIBUTION_LIST, NULL, 0},
             {"gaussian_field", PDM_DISTRIBUTION_GAUSSIAN_FIELD, TABLE(gaussian_arguments)},
             {"two_phase", PDM_DISTRIBUTION_TWO_PHASE, TABLE(phase_arguments)}};
enum { N_KIND = sizeof kinds / sizeof *kinds, ARGUMENTS_MOST = 16 };

static const pdm_distribution defaults = {.smoothness = 2.0, .amplitude = 1.0, .fraction = 0.5};

/* ---- reading ---- */

typedef struct reader {
    pdm_context       *ctx;
    pdm_where          where; /* text is the whole attribute */
    const char        *at;
    const struct kind *kind;
    bool               given[ARGUMENTS_MOST];
} reader;

static pdm_where place(const reader *r, const char *p)
{
    pdm_where where = r->where;
    where.offset    = p - r->where.text;
    return where;
}

static void skip_blanks(reader *r)
{
    r->at += strspn(r->at, " \t\r\n");
}

static int as_length(pdm_span s)
{
    return s.length < 60 ? (int)s.length : 60;
}

/* The next word between blanks of *rest; length 0 at the end. */
static pdm_span next_word(pdm_span *rest)
{
    pdm_size skip = 0, n = 0;
    while (skip < rest->length && strchr(" \t\r\n", rest->start[skip])) skip++;
    while (skip + n < rest->length && !strchr(" \t\r\n", rest->start[skip + n])) n++;
    const pdm_span word = {rest->start + skip, n};
    rest->start += skip + n;
    rest->length -= skip + n;
    return word;
}

static bool span_to_real(pdm_span s, double *out)
{
    char text[64];
    if (s.length == 0 || s.length >= (pdm_size)sizeof text) return false;
    memcpy(text, s.start, (size_t)s.length);
    text[s.length] = '\0';
    return pdm_text_to_real(text, out) && isfinite(*out);
}

/* What a number is to be, in words. */
static void describe_limits(const argument *a, char *text, size_t size)
{
    if (isinf(a->low))
        snprintf(text, size, "a finite number");
    else if (isinf(a->high))
        snprintf(text, size, "a finite number, %s %g,", a->closed ? "at least" : "above", a->low);
    else
        snprintf(text, size, "a number from %g to %g", a->low, a->high);
}

static pdm_status read_real(const reader *r, const argument *a, pdm_span word, double *out)
{
    pdm_status status = PDM_OK;
    double     value  = 0.0;
    char       limits[96];
    pdm_where  where = place(r, word.start);

    if (a->offset == AT(smoothness) && pdm_span_equals(word, "inf")) {
        *out = INFINITY;
        return PDM_OK;
    }
    describe_limits(a, limits, sizeof limits);
    if (!span_to_real(word, &value) || value < a->low || value > a->high || (!a->closed && value == a->low))
        PDM_FAIL_AT(r->ctx, PDM_ERR_CASE, &where, "%s is \"%.*s\"; %s%s expected", a->name, as_length(word), word.start,
                    limits, a->offset == AT(smoothness) ? " or inf" : "");
    *out = value;
done:
    return status;
}

static pdm_status read_choice(const reader *r, const argument *a, pdm_span word, int *out)
{
    pdm_status  status = PDM_OK;
    pdm_where   where  = place(r, word.start);
    const char *next   = a->choices;
    for (int i = 0; *next; i++) {
        const size_t n = strcspn(next, "|");
        if ((pdm_size)n == word.length && strncmp(next, word.start, n) == 0) {
            *out = i;
            return PDM_OK;
        }
        next += n + (next[n] == '|');
    }
    PDM_FAIL_AT(r->ctx, PDM_ERR_CASE, &where, "%s is \"%.*s\"; one of %s expected", a->name, as_length(word),
                word.start, a->choices);
done:
    return status;
}

/* The value of one argument. */
static pdm_status read_value(const reader *r, const argument *a, pdm_span value, pdm_distribution *d)
{
    pdm_status     status = PDM_OK;
    const bool     many   = a->type == ARGUMENT_REALS || a->type == ARGUMENT_CHOICES;
    pdm_span       rest   = value;
    pdm_size       n      = 0;
    const pdm_size most   = many ? PDM_MAX_DIM : 1;

    for (pdm_span word = next_word(&rest); word.length > 0 || n == 0; word = next_word(&rest)) {
        pdm_where where = place(r, word.start);
        if (n == most)
            PDM_FAIL_AT(r->ctx, PDM_ERR_CASE, &where, "\"%.*s\" is too much for %s; at most %lld value%s expected",
                        as_length(word), word.start, a->name, (long long)most, most == 1 ? "" : "s");
        if (a->choices)
            PDM_TRY(read_choice(r, a, word, (int *)(void *)((char *)d + a->offset) + n));
        else
            PDM_TRY(read_real(r, a, word, (double *)(void *)((char *)d + a->offset) + n));
        n++;
    }
    if (many) *(pdm_size *)(void *)((char *)d + a->count) = n;
done:
    return status;
}

static pdm_status argument_names(const reader *r, pdm_text *out)
{
    pdm_status status = PDM_OK;
    for (size_t i = 0; i < r->kind->n; i++)
        PDM_TRY(pdm_text_append(out, "%s%s", i ? ", " : "", r->kind->argument[i].name));
done:
    return status;
}

/* One argument, from r->at to the next comma or parenthesis: which one it is, then its value. number: how many came
 * before; *named: one of them had its name. */
static pdm_status read_argument(reader *r, size_t number, bool *named, pdm_distribution *d)
{
    pdm_status   status = PDM_OK;
    pdm_text     names  = {.ctx = r->ctx};
    pdm_span     value  = {r->at, (pdm_size)strcspn(r->at, ",()")};
    const size_t name   = strcspn(r->at, "=,()");
    size_t       which  = number;
    pdm_where    where  = place(r, r->at);

    if (r->at[name] == '=') {
        pdm_span whole = {r->at, (pdm_size)name}, word = next_word(&whole);
        value.start += name + 1;
        value.length -= (pdm_size)name + 1;
        for (which = 0; which < r->kind->n; which++)
            if (pdm_span_equals(word, r->kind->argument[which].name)) break;
        if (which == r->kind->n || next_word(&whole).length > 0) {
            PDM_TRY(argument_names(r, &names));
            PDM_FAIL_AT(r->ctx, PDM_ERR_CASE, &where, "%s has no argument \"%.*s\"; its arguments are: %s",
                        r->kind->name, as_length(word), word.start, names.data);
        }
        *named = true;
    } else if (*named) {
        PDM_FAIL_AT(r->ctx, PDM_ERR_CASE, &where,
                    "an argument without a name behind one with a name; NAME = VALUE expected");
    } else if (which >= r->kind->n) {
        PDM_TRY(argument_names(r, &names));
        PDM_FAIL_AT(r->ctx, PDM_ERR_CASE, &where, "too many arguments of %s, which has: %s", r->kind->name, names.data);
    }
    if (r->given[which]) PDM_FAIL_AT(r->ctx, PDM_ERR_CASE, &where, "%s is given twice", r->kind->argument[which].name);
    r->given[which] = true;
    PDM_TRY(read_value(r, &r->kind->argument[which], value, d));
    r->at = value.start + value.length;
done:
    pdm_text_destroy(&names);
    return status;
}

static pdm_status read_list_number(reader *r, pdm_distribution *d)
{
    pdm_status     status = PDM_OK;
    const argument any    = {"a number of the list", ARGUMENT_REAL, 0, 0, true, ANY};
    pdm_span       value  = {r->at, (pdm_size)strcspn(r->at, ",()")};
    pdm_where      where  = place(r, r->at);
    if (d->n == PDM_LIST_MOST)
        PDM_FAIL_AT(r->ctx, PDM_ERR_CASE, &where, "more than %d numbers in a list", PDM_LIST_MOST);
    pdm_span word = next_word(&value);
    PDM_TRY(read_real(r, &any, word, &d->value[d->n]));
    r->at = word.start + word.length;
    d->n++;
done:
    return status;
}

/* "(" arguments ")" and nothing behind. */
static pdm_status read_arguments(reader *r, pdm_distribution *d)
{
    pdm_status status = PDM_OK;
    bool       named  = false;
    pdm_where  where;

    skip_blanks(r);
    where = place(r, r->at);
    if (*r->at != '(') PDM_FAIL_AT(r->ctx, PDM_ERR_CASE, &where, "\"(\" expected behind %s", r->kind->name);
    do {
        r->at++;
        skip_blanks(r);
        if (!r->kind->argument) {
            PDM_TRY(read_list_number(r, d));
        } else {
            size_t before = 0;
            for (size_t i = 0; i < r->kind->n; i++) before += r->given[i] ? 1 : 0;
            PDM_TRY(read_argument(r, before, &named, d));
        }
        skip_blanks(r);
    } while (*r->at == ',');
    where = place(r, r->at);
    if (*r->at != ')') PDM_FAIL_AT(r->ctx, PDM_ERR_CASE, &where, "\",\" or \")\" expected");
    r->at++;
    skip_blanks(r);
    where = place(r, r->at);
    if (*r->at) PDM_FAIL_AT(r->ctx, PDM_ERR_CASE, &where, "nothing more expected behind %s(...)", r->kind->name);
done:
    return status;
}

static pdm_status check_complete(const reader *r, pdm_distribution *d)
{
    pdm_status      status = PDM_OK;
    const pdm_where end    = place(r, r->at - 1); /* the closing parenthesis, or a blank behind it */
    for (size_t i = 0; i < r->kind->n; i++)
        if (r->kind->argument[i].required && !r->given[i])
            PDM_FAIL_AT(r->ctx, PDM_ERR_CASE, &end, "%s without %s; a value for it expected", r->kind->name,
                        r->kind->argument[i].name);
    if (d->kind == PDM_DISTRIBUTION_UNIFORM && !(d->value[1] >= d->value[0]))
        PDM_FAIL_AT(r->ctx, PDM_ERR_CASE, &end, "uniform from %g to %g; two numbers that do not decrease expected",
                    d->value[0], d->value[1]);
done:
    return status;
}

pdm_status pdm_distribution_parse(pdm_context *ctx, const char *text, pdm_where where, pdm_distribution *out)
{
    pdm_status       status = PDM_OK;
    pdm_distribution d      = defaults;
    reader           r      = {.ctx = ctx, .where = where, .at = text};

    r.where.text = text;
    skip_blanks(&r);
    const pdm_span  word = {r.at, (pdm_size)strcspn(r.at, " \t\r\n(")};
    const pdm_where here = place(&r, r.at);
    for (size_t i = 0; i < N_KIND; i++)
        if (pdm_span_equals(word, kinds[i].name)) r.kind = &kinds[i];
    if (!r.kind)
        PDM_FAIL_AT(ctx, PDM_ERR_CASE, &here,
                    "\"%.*s\" is not a distribution; uniform(LOW, HIGH), normal(MEAN, DEVIATION), list(A, B, ...), "
                    "gaussian_field(LENGTH, ...) or two_phase(LOW, HIGH, LENGTH, ...) expected",
                    as_length(word), word.start);
    d.kind = r.kind->kind;
    r.at += word.length;
    PDM_TRY(read_arguments(&r, &d));
    PDM_TRY(check_complete(&r, &d));
    if (d.kind == PDM_DISTRIBUTION_UNIFORM || d.kind == PDM_DISTRIBUTION_NORMAL) d.n = 2;
    *out = d;
done:
    return status;
}

bool pdm_distribution_is_field(const pdm_distribution *d)
{
    return d->kind == PDM_DISTRIBUTION_GAUSSIAN_FIELD || d->kind == PDM_DISTRIBUTION_TWO_PHASE;
}

/* ---- use ---- */

double pdm_distribution_draw(const pdm_distribution *d, pdm_random_key key, uint64_t index)
{
    switch (d->kind) {
    case PDM_DISTRIBUTION_UNIFORM: return d->value[0] + (d->value[1] - d->value[0]) * pdm_random_uniform(key, index);
    case PDM_DISTRIBUTION_NORMAL: return d->value[0] + d->value[1] * pdm_random_normal(key, index);
    case PDM_DISTRIBUTION_LIST: {
        const pdm_size i = (pdm_size)(pdm_random_uniform(key, index) * (double)d->n);
        return d->value[i < d->n ? i : d->n - 1];
    }
    case PDM_DISTRIBUTION_NONE:
    case PDM_DISTRIBUTION_GAUSSIAN_FIELD:
    case PDM_DISTRIBUTION_TWO_PHASE: break;
    }
    return 0.0;
}

void pdm_distribution_spread(const pdm_distribution *d, double *centre, double *width)
{
    double low = d->value[0], high = d->value[0];
    *centre = 0.0;
    *width  = 1.0;
    switch (d->kind) {
    case PDM_DISTRIBUTION_NONE: return;
    case PDM_DISTRIBUTION_NORMAL:
        *centre = d->value[0];
        *width  = d->value[1] > 0.0 ? d->value[1] : 1.0;
        return;
    case PDM_DISTRIBUTION_GAUSSIAN_FIELD:
        *centre = d->mean;
        *width  = d->amplitude > 0.0 ? d->amplitude : 1.0;
        return;
    case PDM_DISTRIBUTION_TWO_PHASE:
        low  = fmin(d->low, d->high);
        high = fmax(d->low, d->high);
        break;
    case PDM_DISTRIBUTION_UNIFORM:
    case PDM_DISTRIBUTION_LIST:
        for (pdm_size i = 1; i < d->n; i++) {
            low  = fmin(low, d->value[i]);
            high = fmax(high, d->value[i]);
        }
        break;
    }
    *centre = 0.5 * (low + high);
    *width  = high > low ? 0.5 * (high - low) : 1.0;
}
