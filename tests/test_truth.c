/* How right answers are, and whether they know: every problem of tests/truth/problems.txt as pdemoe polish solves it, its
 * true error beside estimate and verdict, against what must come out. Prints the table of docs/results.md.
 * usage: test_truth [NAME...] */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/answer.h"
#include "tests/plain.h"
#include "tests/truth.h"

enum { LINE = 512, TIMES = 21 };
static const double FACTOR  = 3.0;  /* an error may be so many times its estimate                */
static const double NOTHING = 1e-8; /* an error that is none: the tolerance of the solve        */

typedef enum expectation { GOOD, NOT_GOOD, HONEST, REFUSED } expectation;

/* A line of problems.txt. */
typedef struct entry {
    char        kind[16], name[48], truth[48], word[48], known[LINE];
    expectation expected;
    double      bound;
} entry;

/* What came out; error NaN: there is no truth. */
typedef struct outcome {
    bool           refused, answered;
    char           message[LINE];
    double         error, change;
    double         plain; /* error of finite differences with as many unknowns */
    pdm_size       n_unknown;
    pdm_assessment verdict;
} outcome;

/* ---- problems.txt ---- */

static bool read_expectation(const char *text, entry *e)
{
    static const char *const words[]  = {"good", "not-good", "honest", "refused"};
    char                     word[16] = "", rest[48] = "";
    int                      n = sscanf(text, "%15s %47s", word, rest);
    int                      i = 0;
    while (i < 4 && strcmp(word, words[i]) != 0) i++;
    e->expected = (expectation)i;
    e->bound    = i == GOOD && n == 2 ? atof(rest) : NAN;
    snprintf(e->word, sizeof e->word, "%s", i == REFUSED ? rest : "");
    return i < 4 && (i != GOOD || e->bound > 0.0) && (i != REFUSED || n == 2);
}

/* false: a comment. A line that is none of the kind ends the test. */
static bool read_entry(char *line, entry *e)
{
    int   at    = 0;
    char *known = strstr(line, " | known ");

    line[strcspn(line, "\n")] = '\0';
    if (line[0] == '#' || line[0] == '\0') return false;
    snprintf(e->known, sizeof e->known, "%s", known ? known + strlen(" | known ") : "");
    if (known) *known = '\0';
    if (sscanf(line, "%15s %47s %47s %n", e->kind, e->name, e->truth, &at) != 3 || !read_expectation(line + at, e)) {
        printf("problems.txt: \"%s\"; kind, name, truth and expectation expected\n", line);
        exit(EXIT_FAILURE);
    }
    return true;
}

/* ---- one problem ---- */

/* Points of the output where the truth is had on a grid of its own. */
static bool points_of(const entry *e, pdm_size n[PDM_MAX_DIM])
{
    if (strncmp(e->truth, "lines:", 6) != 0) return false;
    n[0] = TIMES;
    n[1] = atoi(e->truth + 6);
    return true;
}

static bool integrate(const entry *e, const answer *a, const pdm_output_grid *grid, double *truth, double *change)
{
    double *const *x       = grid->coordinate;
    const size_t   n_field = (size_t)a->n_field, n0 = (size_t)grid->n[0], n1 = (size_t)grid->n[1];

    if (strncmp(e->truth, "rk4", 3) == 0)
        return truth_ode(e->truth[3] == ':' ? e->truth + 4 : e->name, n_field, n0, x[0], truth, change);
    if (strncmp(e->truth, "lines:", 6) == 0) return truth_lines(e->name, n_field, n0, x[0], n1, x[1], truth, change);
    if (strcmp(e->truth, "hot_side") != 0) return false;
    truth_hot_side(n0, x[0], n1, x[1], truth);
    return true;
}

/* Of fields u on a grid; NaN where there is no truth. */
static pdm_status find_error(const entry *e, const answer *a, const pdm_output_grid *grid, const double *u,
                             double *change, double *error)
{
    pdm_status   status = PDM_OK;
    pdm_context *ctx    = a->m->problem->ctx;
    double      *truth  = NULL;

    *error = NAN;
    if (strcmp(e->truth, "-") == 0) return PDM_OK;
    PDM_TRY(pdm_alloc_array(ctx, a->n_field * grid->n_point, &truth));
    if (strcmp(e->truth, "exact") == 0)
        PDM_TRY(answer_exact(a, grid, truth));
    else
        PDM_EXPECT(ctx, integrate(e, a, grid, truth, change), "%s: no truth \"%s\"", e->name, e->truth);
    *error = answer_error(a, grid, u, truth);
done:
    pdm_free(ctx, truth);
    return status;
}

/* The error of the plain scheme with as many unknowns: at its own points, one a control point (of a periodic dimension
 * the first is there twice). NaN: there is no such scheme, or it does not come to an end. */
static pdm_status find_plain_error(const entry *e, const answer *a, double *error)
{
    pdm_status        status         = PDM_OK;
    const pdm_domain *d              = a->m->problem->domain;
    pdm_context      *ctx            = a->m->problem->ctx;
    pdm_output_grid  *grid           = NULL;
    pdm_size          n[PDM_MAX_DIM] = {0};
    size_t            size[PDM_MAX_DIM];
    double           *u     = NULL, change;
    bool              ended = false;

    *error = NAN;
    for (pdm_size i = 0; i < pdm_domain_n_dim(d); i++) {
        n[i]    = pdm_domain_spline(d, i)->n_coef + (pdm_domain_spline(d, i)->periodic ? 1 : 0);
        size[i] = (size_t)n[i];
    }
    PDM_TRY(answer_grid(a, n, &grid));
    PDM_TRY(pdm_alloc_array(ctx, a->n_field * grid->n_point, &u));
    if (plain_answer(e->name, (size_t)a->n_field, size, grid->coordinate, u, &ended) && ended)
        PDM_TRY(find_error(e, a, grid, u, &change, error));
done:
    pdm_free(ctx, u);
    pdm_output_grid_destroy(&grid);
    return status;
}

static pdm_status solve(pdm_context *ctx, const char *folder, const entry *e, outcome *o)
{
    pdm_status status         = PDM_OK;
    pdm_case  *c              = NULL;
    answer     a              = {0};
    pdm_size   n[PDM_MAX_DIM] = {0};
    char       path[LINE];

    *o = (outcome){.error = NAN, .change = NAN, .plain = NAN};
    snprintf(path, sizeof path, "%s/%s.cdl", folder, e->name);
    PDM_TRY(pdm_case_read(ctx, path, &c));
    status     = answer_find(c, points_of(e, n) ? n : NULL, &a);
    o->refused = status == PDM_ERR_CASE;
    snprintf(o->message, sizeof o->message, "%s", status == PDM_OK ? "" : pdm_context_error(ctx));
    if (status != PDM_OK) goto done;
    o->answered  = true;
    o->verdict   = a.verdict;
    o->n_unknown = a.n_unknown;
    PDM_TRY(find_error(e, &a, a.grid, a.u, &o->change, &o->error));
    PDM_TRY(find_plain_error(e, &a, &o->plain));
done:
    answer_close(&a);
    pdm_case_destroy(&c);
    return status;
}

/* ---- what must come out ---- */

static bool is_good(const outcome *o)
{
    return o->answered && o->verdict.word == PDM_VERDICT_GOOD;
}

/* A good answer is no further off than it says. */
static bool is_honest(const outcome *o)
{
    return !is_good(o) || isnan(o->error) || o->error <= FACTOR * o->verdict.worst + NOTHING;
}

static bool is_conserved(const outcome *o)
{
    for (int i = 0; i < PDM_MAX_FIELD; i++)
        if (pdm_account_is_off(&o->verdict.account[i])) return false;
    return true;
}

static bool is_right(const entry *e, const outcome *o)
{
    switch (e->expected) {
    case GOOD: return is_good(o) && o->error <= e->bound && is_honest(o) && is_conserved(o);
    case NOT_GOOD: return !o->refused && !is_good(o);
    case HONEST: return !o->refused && is_honest(o);
    default: return o->refused && strstr(o->message, e->word);
    }
}

static void print_percent(double share)
{
    if (isnan(share))
        printf(" %11s", "-");
    else
        printf(" %9.2g %%", 100.0 * share);
}

static void print_row(const entry *e, const outcome *o, double seconds)
{
    static const char *const expected[] = {"good", "not good", "honest", "refused"};
    printf("%-8s %-16s ", e->kind, e->name);
    if (o->answered) {
        printf("%6lld", (long long)o->n_unknown);
        print_percent(o->error);
        print_percent(o->verdict.worst);
        printf(" %6.1f", o->verdict.order);
        print_percent(o->verdict.left);
        print_percent(o->plain);
        printf(" %-9s", pdm_verdict_text(o->verdict.word));
    } else
        printf("%6s %11s %11s %6s %11s %11s %-9s", "", "", "", "", "", "", o->refused ? "refused" : "none");
    printf(" %-9s %5.2f s", expected[e->expected], seconds);
}

/* Runs and judges a problem: 0, or 1 where something else comes out than must. */
static int run(pdm_context *ctx, const char *folder, const entry *e)
{
    outcome          o;
    const double     start  = pdm_clock();
    const pdm_status status = solve(ctx, folder, e, &o);
    const bool       right = is_right(e, &o), known = e->known[0] != '\0';

    print_row(e, &o, pdm_clock() - start);
    if (o.change > 1e-4) printf("  truth known to %.1g", o.change);
    if (!right && !known) printf("  FAILED: %s", o.message);
    if (!right && known) printf("  KNOWN: %s", e->known);
    if (right && known) printf("  FAILED: right now; take the mark out of problems.txt");
    if (right && !known && o.message[0] != '\0') printf("  %s", o.message);
    printf("\n");
    fflush(stdout);
    if (status != PDM_OK && !o.refused && !o.message[0]) printf("%s: %s\n", e->name, pdm_context_error(ctx));
    return right == known || (status != PDM_OK && !o.refused && !o.message[0]);
}

static bool is_wanted(const entry *e, int n, char **name)
{
    for (int i = 0; i < n; i++)
        if (strcmp(name[i], e->name) == 0) return true;
    return n == 0;
}

int main(int argc, char **argv)
{
    static const char folder[] = PDM_SOURCE_DIR "/tests/truth";
    pdm_context      *ctx      = NULL;
    int               failed = 0, n = 0;
    entry             e;
    char              line[LINE];
    FILE             *list = fopen(PDM_SOURCE_DIR "/tests/truth/problems.txt", "r");

    if (!list || pdm_context_create(NULL, &ctx) != PDM_OK) return EXIT_FAILURE;
    (void)pdm_context_set_threads(ctx, 1);
    printf("%-8s %-16s %6s %11s %11s %6s %11s  %-9s %-9s\n", "kind", "problem", "free", "true error", "estimate",
           "order", "left over", "verdict", "expected");
    while (fgets(line, sizeof line, list)) {
        if (!read_entry(line, &e) || !is_wanted(&e, argc - 1, argv + 1)) continue;
        failed += run(ctx, folder, &e);
        n++;
    }
    printf("%d problems, %d failed\n", n, failed);
    fclose(list);
    if (pdm_context_destroy(&ctx) != 0) failed++;
    return failed || n == 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
