/* What the program tells of a case before it is believed: which condition counts for which field, contradictions with
 * their size, what is singular; and that what it accepts is solved right. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/models.h"
#include "tests/prediction.h"

#define COUNT_OF(a) ((int)(sizeof(a) / sizeof *(a)))

/* Words of a case; the rest are of a small grid. */
enum { MOST_WORD = 20 };
static const word usual[]   = {{"domain/x", "extent", "0 1"}, {"domain/x", "control_points", "10"},
                               {"experts", "basis", "3"},     {"surrogate", "width", "4"},
                               {"surrogate", "layers", "1"},  {"training", "batch", "1"}};
static const word in_time[] = {
    {"domain", "dimensions", "t x"}, {"domain/t", "extent", "0 1"}, {"domain/t", "control_points", "8"}};

static void fill_case(pdm_case *c, const word *w)
{
    set(c, sizeof usual / sizeof *usual, usual);
    set(c, sizeof in_time / sizeof *in_time, in_time);
    for (int i = 0; i < MOST_WORD && w[i].group; i++) set(c, 1, &w[i]);
}

/* ---- conditions that read several fields ---- */

/* u = 1 + t + x^2, v = 2 + t x are splines: solved for to rounding, by fluxes in cells and by boundary rows. */
static const char *const robin[] = {
    "dx(u) = u - v + 2; dx(v) = v - u + t",
    "dx(v) = v - u + t; dx(u) = u - v + 2",
    "v - u + t = dx(v); u - v + 2 = dx(u)",
};

START_TEST(pairs_of_conditions_are_solved_in_any_order)
    {
        const word words[MOST_WORD] = {{"pde", "fields", "u v"},
                                       {"pde/residuals", "u", "dt(u) - dx(dx(u)) + 1"},
                                       {"pde/residuals", "v", "dt(v) - dx(0.5*dx(v)) - x"},
                                       {"pde/initial", "u", "1 + x^2"},
                                       {"pde/initial", "v", "2"},
                                       {"pde/boundary", "x_min", "dx(u) = 0; dx(v) = t"},
                                       {"pde/boundary", "x_max", robin[_i % COUNT_OF(robin)]},
                                       {"domain", "rows", _i < COUNT_OF(robin) ? "volume" : "point"}};
        enum { N = 9 };
        double           at[N], u[2 * N * N], worst = 0.0;
        double          *x[] = {at, at};
        const pdm_size   n[] = {N, N};
        pdm_case        *c   = NULL;
        pdm_solve_result r;
        for (int i = 0; i < N; i++) at[i] = (double)i / (N - 1);
        OK(pdm_case_create(ctx, &c));
        fill_case(c, words);
        pdm_model *m = model_of(c);
        OK(predict_on(m, n, x, 1e-12, 1, NULL, u, &r));
        for (int i = 0; i < N; i++)
            for (int j = 0; j < N; j++) {
                worst = fmax(worst, fabs(u[i * N + j] - (1.0 + at[i] + at[j] * at[j])));
                worst = fmax(worst, fabs(u[(N + i) * N + j] - (2.0 + at[i] * at[j])));
            }
        ck_assert(pdm_reason_is_good(r.reason));
        ck_assert_double_lt(worst, 1e-8); /* normal equations of a matrix of condition 1e3 or so */
        pdm_model_destroy(&m);
    }
END_TEST

/* ---- contradictions and gaps ---- */

/* kind -1: nothing is told. relative: by hand; words: in the text. */
static const struct {
    word        words[MOST_WORD];
    int         kind;
    double      relative;
    const char *says[2];
} told[] = {
    /* a value beside the initial state: 0.5 of 2 */
    {{{"pde", "fields", "u"},
      {"pde/residuals", "u", "dt(u) - dxx(u)"},
      {"pde/initial", "u", "1 + x"},
      {"pde/boundary", "x_min", "u = 1.5"},
      {"pde/boundary", "x_max", "u = 2"}},
     PDM_NOTE_CORNER,
     0.25,
     {"disagree by 0.5", "x_min"}},
    /* values of two sides: 1 and x = 0 at the corner (0, 1), of at most 2 */
    {{{"pde", "fields", "u"},
      {"pde/residuals", "u", "lap(u)"},
      {"pde/boundary", "x_min", "u = 1"},
      {"pde/boundary", "x_max", "u = 2"},
      {"pde/boundary", "y_min", "u = 1 + x"},
      {"pde/boundary", "y_max", "u = 2*x"},
      {"domain", "dimensions", "x y"},
      {"domain/y", "extent", "0 1"},
      {"domain/y", "control_points", "6"}},
     PDM_NOTE_EDGE,
     0.5,
     {"values of u on two sides disagree by 1", "y_max"}},
    /* a flux: 0 of the initial state, -3 prescribed */
    {{{"pde", "fields", "u"},
      {"pde/residuals", "u", "dt(u) - dx(0.1*dx(u))"},
      {"pde/initial", "u", "7"},
      {"pde/boundary", "x_min", "u = 7"},
      {"pde/boundary", "x_max", "flux(u) = -3"}},
     PDM_NOTE_WALL,
     1.0,
     {"flux(u) = -3 on x_max", "off by 3"}},
    /* a general condition: dx(u) + u - 1 at u = x^2, x = 1 is 2, its largest term dx(u) = 2 */
    {{{"pde", "fields", "u"},
      {"pde/residuals", "u", "dt(u) - dxx(u)"},
      {"pde/initial", "u", "x^2"},
      {"pde/boundary", "x_min", "u = 0"},
      {"pde/boundary", "x_max", "dx(u) + u = 1"}},
     PDM_NOTE_WALL,
     1.0,
     {"u + dx(u) - 1 = 0 on x_max", "off by 2"}},
    /* the same on a part of a side alone: y^2 - 1/4 up to y = 0.5 */
    {{{"pde", "fields", "u"},
      {"pde/residuals", "u", "dt(u) - lap(u)"},
      {"pde/initial", "u", "y^2"},
      {"pde/boundary", "x_min", "flux(u) = 0"},
      {"pde/boundary", "x_max", "flux(u) = 0 where y > 0.5; 2*u = 0.5 where y <= 0.5"},
      {"pde/boundary", "y_min", "flux(u) = 0"},
      {"pde/boundary", "y_max", "flux(u) = -2"},
      {"domain", "dimensions", "t x y"},
      {"domain/x", "control_points", "5"},
      {"domain/y", "extent", "0 1"},
      {"domain/y", "knots", "0 0.25 0.5 0.75 1"},
      {"domain/y", "control_points", "7"}},
     PDM_NOTE_WALL,
     0.25,
     {"2*u - 0.5 = 0 on x_max", "off by 0.5"}},
    /* an equation without time derivative: dx(u) + dy(v) = 3 x^2 - y^2, up to 3, its largest term 3 x^2 */
    {{{"pde", "fields", "u v p"},
      {"pde/residuals", "u", "dt(u) - lap(u) + dx(p)"},
      {"pde/residuals", "v", "dt(v) - lap(v) + dy(p)"},
      {"pde/residuals", "p", "dx(u) + dy(v)"},
      {"pde/initial", "u", "x^3"},
      {"pde/initial", "v", "-y^3/3"},
      {"pde/boundary", "x_min", "u = 0; dx(v) = 0; p free"},
      {"pde/boundary", "x_max", "u = 1; dx(v) = 0; p free"},
      {"pde/boundary", "y_min", "v = 0; dy(u) = 0; p free"},
      {"pde/boundary", "y_max", "v = -1/3; dy(u) = 0; p free"},
      {"pde/constraints", "level", "integral(p) = 0"},
      {"domain", "dimensions", "t x y"},
      {"domain/t", "control_points", "4"},
      {"domain/x", "control_points", "6"},
      {"domain/y", "extent", "0 1"},
      {"domain/y", "control_points", "6"}},
     PDM_NOTE_STEADY,
     1.0,
     {"equation p", "up to 3"}},
    /* an integral: 1/3 at the start, 1/2 demanded */
    {{{"pde", "fields", "u"},
      {"pde/residuals", "u", "dt(u) - dxx(u)"},
      {"pde/initial", "u", "x^2"},
      {"pde/boundary", "x_min", "flux(u) = 0"},
      {"pde/boundary", "x_max", "flux(u) = -2"},
      {"pde/constraints", "amount", "integral(u) = 0.5"}},
     PDM_NOTE_CONSTRAINT,
     1.0 / 3.0,
     {"amount: the integral of u is 0.333333", "0.5 is demanded"}},
    /* data that do not close: 2 of 3 */
    {{{"pde", "fields", "u"},
      {"pde/residuals", "u", "dt(u) + dx(u)"},
      {"pde/initial", "u", "1 + 2*x"},
      {"domain/x", "kind", "periodic"}},
     PDM_NOTE_SEAM,
     2.0 / 3.0,
     {"the initial state 2*x + 1 jumps by 2", "/pde/initial:u"}},
    /* a coefficient that does not: 1 of 2 */
    {{{"pde", "fields", "u"},
      {"pde/residuals", "u", "dt(u) - dx((1 + x)*dx(u))"},
      {"pde/initial", "u", "1"},
      {"domain/x", "kind", "periodic"}},
     PDM_NOTE_SEAM,
     0.5,
     {"the flux ", "jumps by 1"}},
    /* a side of a second-order equation left open */
    {{{"pde", "fields", "u"},
      {"pde/residuals", "u", "dxx(u) - 1"},
      {"pde/boundary", "x_min", "u = 0"},
      {"pde/boundary", "x_max", "u free"},
      {"domain", "dimensions", "x"}},
     PDM_NOTE_OPEN,
     1.0,
     {"u has no condition on x_max", "of order 2 in x"}},
    /* of fourth order, with one condition */
    {{{"pde", "fields", "u"},
      {"pde/residuals", "u", "dxx(dxx(u)) - 1"},
      {"pde/boundary", "x_min", "u = 0; dx(u) = 0"},
      {"pde/boundary", "x_max", "u = 0"},
      {"domain", "dimensions", "x"},
      {"domain/x", "degree", "5"}},
     PDM_NOTE_OPEN,
     1.0,
     {"u has one condition on x_max", "asks for two"}},
    /* advection to the left, with its value where it goes out */
    {{{"pde", "fields", "u"},
      {"pde/residuals", "u", "dt(u) - 2*dx(u)"},
      {"pde/initial", "u", "0"},
      {"pde/boundary", "x_min", "u = 0"},
      {"pde/boundary", "x_max", "u free"}},
     PDM_NOTE_OUTFLOW,
     1.0,
     {"the condition of u on x_min", "\"u free\" there"}},
    {{{"pde", "fields", "u"},
      {"pde/residuals", "u", "dt(u) - 2*dx(u)"},
      {"pde/initial", "u", "0"},
      {"pde/boundary", "x_min", "u free"},
      {"pde/boundary", "x_max", "u free"}},
     PDM_NOTE_OPEN,
     1.0,
     {"u is free on x_max", "carries it into the domain"}},
    /* a division by what goes through zero */
    {{{"pde", "fields", "u"},
      {"pde/residuals", "u", "dt(u) - dxx(u) - 1/(u - 0.5)"},
      {"pde/initial", "u", "2 - 2*x"},
      {"pde/boundary", "x_min", "u = 2"},
      {"pde/boundary", "x_max", "u = 0"}},
     PDM_NOTE_DIVISION,
     1.0,
     {"equation u divides by u - 0.5", "from -0.5 to 1.5"}},
    /* ---- nothing to tell ---- */
    {{{"pde", "fields", "u"}, /* divisors that are never zero */
      {"pde/residuals", "u", "dt(u) - dxx(u) - u/(1 + u^2) - 1/(3 + u)"},
      {"pde/initial", "u", "2 - 2*x"},
      {"pde/boundary", "x_min", "u = 2"},
      {"pde/boundary", "x_max", "u = 0"}},
     -1,
     0.0,
     {NULL}},
    {{{"pde", "fields", "u"},
      {"pde/residuals", "u", "dt(u) - dx(0.1*dx(u))"},
      {"pde/initial", "u", "101325 + cos(pi*x)"},
      {"pde/boundary", "x_min", "flux(u) = 0"},
      {"pde/boundary", "x_max", "flux(u) = 0"},
      {"pde/constraints", "amount", "integral(u) = 101325"}},
     -1,
     0.0,
     {NULL}},
    {{{"pde", "fields", "u"}, /* nothing changes at the start */
      {"pde/residuals", "u", "dt(u) - dx(0.1*dx(u))"},
      {"pde/initial", "u", "300"},
      {"pde/boundary", "x_min", "u = 300 + sin(t)"},
      {"pde/boundary", "x_max", "flux(u) = 2*(u - 300)"}},
     -1,
     0.0,
     {NULL}},
    {{{"pde", "fields", "u"}, /* the coefficient vanishes at x = 0 */
      {"pde/residuals", "u", "dx(x*dx(u)) + x"},
      {"pde/boundary", "x_min", "u free"},
      {"pde/boundary", "x_max", "u = 0"},
      {"domain", "dimensions", "x"}},
     -1,
     0.0,
     {NULL}},
    {{{"pde", "fields", "u p"}, /* sound between walls */
      {"pde/residuals", "u", "dt(u) + dx(p)"},
      {"pde/residuals", "p", "dt(p) + dx(u)"},
      {"pde/initial", "u", "sin(pi*x)"},
      {"pde/initial", "p", "0"},
      {"pde/boundary", "x_min", "u = 0; p free"},
      {"pde/boundary", "x_max", "u = 0; p free"}},
     -1,
     0.0,
     {NULL}},
    {{{"pde", "fields", "u"}, /* in at x_min, out at x_max */
      {"pde/residuals", "u", "dt(u) + dx(u^2/2)"},
      {"pde/initial", "u", "1 + x"},
      {"pde/boundary", "x_min", "u = 1/(1 + t)"},
      {"pde/boundary", "x_max", "u free"}},
     -1,
     0.0,
     {NULL}},
    {{{"pde", "fields", "u"}, /* closes */
      {"pde/residuals", "u", "dt(u) - dx((2 + cos(2*pi*x))*dx(u)) - x*(1 - x)"},
      {"pde/initial", "u", "sin(2*pi*x)"},
      {"domain/x", "kind", "periodic"}},
     -1,
     0.0,
     {NULL}},
};

static const pdm_note *find_note(const pdm_notes *notes, int kind)
{
    for (pdm_size i = 0; i < notes->n; i++)
        if ((int)notes->note[i].kind == kind) return &notes->note[i];
    return NULL;
}

START_TEST(contradictions_are_told_with_their_size)
    {
        pdm_case    *c     = NULL;
        pdm_problem *p     = NULL;
        pdm_notes    notes = {.n = 0};
        OK(pdm_case_create(ctx, &c));
        fill_case(c, told[_i].words);
        OK(pdm_problem_create(c, PDM_PROBLEM_WHOLE, NULL, &p));
        OK(pdm_notes_of_case(p, &notes));
        if (told[_i].kind < 0) {
            ck_assert_msg(notes.n == 0, "case %d: %s", _i, notes.note[0].text);
        } else {
            const pdm_note *note = find_note(&notes, told[_i].kind);
            ck_assert_msg(note != NULL, "case %d: %lld notes, %s", _i, (long long)notes.n, notes.note[0].text);
            for (int k = 0; k < 2; k++)
                ck_assert_msg(strstr(note->text, told[_i].says[k]) != NULL, "case %d: %s", _i, note->text);
            ck_assert_double_eq_tol(note->relative, told[_i].relative, 1e-3 * told[_i].relative);
        }
        pdm_problem_destroy(&p);
        pdm_case_destroy(&c);
    }
END_TEST

/* A source whose derivatives joined the flux: the part without fields is told where the flux is prescribed. */
START_TEST(sources_that_join_a_flux_are_told)
    {
        static const struct {
            const char *residual, *part;
        } joins[] = {{"-dx(2*dx(u)) - dx(x^3)", "-x^3"},
                     {"-dx(2*dx(u)) + s", "x^2"}, /* s = dx(x^2) */
                     {"-dx(2*dx(u)) - 3*x^2", NULL},
                     {"-dx(2*dx(u) - 2*u)", NULL}};
        for (int i = 0; i < COUNT_OF(joins); i++) {
            const word words[MOST_WORD] = {{"pde", "fields", "u"},
                                           {"pde/definitions", "s", "dx(x^2)"},
                                           {"pde/residuals", "u", joins[i].residual},
                                           {"pde/boundary", "x_min", "u = 0"},
                                           {"pde/boundary", "x_max", "flux(u) = 1"},
                                           {"domain", "dimensions", "x"}};
            pdm_case  *c                = NULL;
            pdm_pde   *p                = NULL;
            pdm_text   view             = {.ctx = ctx};
            OK(pdm_case_create(ctx, &c));
            fill_case(c, words);
            OK(pdm_pde_create(ctx, c, &p));
            OK(pdm_pde_view(p, &view));
            const pdm_function *fixed = pdm_pde_condition(p, 1)->fixed;
            ck_assert_int_eq(fixed != NULL, joins[i].part != NULL);
            if (fixed) ck_assert_str_eq(fixed->text, joins[i].part);
            ck_assert_int_eq(strstr(view.data, "write flux(u) = g + that part") != NULL, joins[i].part != NULL);
            pdm_text_destroy(&view);
            pdm_pde_destroy(&p);
            pdm_case_destroy(&c);
        }
    }
END_TEST

/* ---- time that starts with a layer ---- */

/* Of dt(u) = 0.1 dxx(u), u = 0 at first, 1 at x = 0, insulated at 1: images of the half line's erfc. */
static double heated(double t, double x)
{
    const double s = 2.0 * sqrt(0.1 * t);
    double       u = 0.0, sign = 1.0;
    for (int k = 0; k < 8; k++, sign = -sign) u += sign * (erfc((2 * k + x) / s) + erfc((2 * k + 2 - x) / s));
    return u;
}

static const struct {
    word words[4];
    bool graded;
} starts[] = {
    {{{"pde/boundary", "x_min", "u = 1"}}, true},
    {{{"pde/boundary", "x_min", "flux(u) = 1"}}, true},
    {{{"pde/boundary", "x_min", "u - dx(u) = 1"}}, true},
    {{{"pde/boundary", "x_min", "u = 1"}, {"domain/t", "grading", "none"}}, false},
    {{{"pde/boundary", "x_min", "u = 1"}, {"domain/t", "grading", "linear"}}, false},
    {{{"pde/boundary", "x_min", "u = 1"}, {"domain/t", "map", "sqrt"}}, false},
    {{{"pde/boundary", "x_min", "u = 1"}, {"domain/t", "control_points", "6"}}, false}, /* three spans */
    {{{"pde/boundary", "x_min", "u = 0.2*t"}}, false},                                  /* no misfit */
    {{{"pde/boundary", "x_min", "u = 1.02"}, {"pde/initial", "u", "1"}}, false},        /* a small one */
    {{{"pde/boundary", "x_min", "u = 1 + sin(12*t)"}}, false}, /* much goes on later                  */
    {{{"pde/boundary", "x_min", "u = 1"}, {"pde/residuals", "u", "dt(u) - dx(0.01*dx(u)) + dx(u)"}},
     false}, /* it is carried along */
    {{{"pde/boundary", "x_min", "u = 1"}, {"pde/residuals", "u", "dt(dt(u)) - dxx(u)"}, {"pde/initial", "u_t", "0"}},
     false}, /* a wave */
};

static void start_case(pdm_case *c, const word *w, pdm_size n)
{
    const word words[MOST_WORD] = {{"pde", "fields", "u"},
                                   {"pde/residuals", "u", "dt(u) - dx(0.1*dx(u))"},
                                   {"pde/initial", "u", "0"},
                                   {"pde/boundary", "x_max", "flux(u) = 0"},
                                   {"domain/t", "control_points", "15"},
                                   {"domain/x", "control_points", "15"}};
    fill_case(c, words);
    for (pdm_size i = 0; i < n && w[i].group; i++) set(c, 1, &w[i]);
    if (n > 2 && w[2].group) set(c, 1, &(word){"pde/boundary", "x_max", "u = 0"}); /* of the wave */
}

START_TEST(knots_crowd_at_a_start_with_a_layer)
    {
        pdm_case    *c     = NULL;
        pdm_problem *p     = NULL;
        pdm_notes    notes = {.n = 0};
        OK(pdm_case_create(ctx, &c));
        start_case(c, starts[_i].words, 4);
        OK(pdm_problem_create(c, PDM_PROBLEM_WHOLE, NULL, &p));
        OK(pdm_notes_of_case(p, &notes));
        const pdm_spline *t = pdm_domain_spline(p->domain, 0);
        ck_assert_int_eq(p->start_is_graded, starts[_i].graded);
        ck_assert_int_eq(find_note(&notes, PDM_NOTE_GRADED) != NULL, starts[_i].graded);
        ck_assert_double_eq_tol(t->breaks[1] * pow((double)t->n_element, starts[_i].graded ? 3.0 : 1.0), 1.0, 1e-12);
        pdm_problem_destroy(&p);
        pdm_case_destroy(&c);
    }
END_TEST

/* Against the series: 8 % with equal spans, 0.1 % with graded ones. A model keeps its knots, in its file and in one that
 * goes on from it. */
START_TEST(a_layer_at_the_start_is_resolved)
    {
        enum { N = 11 };
        const word       jump[] = {{"pde/boundary", "x_min", "u = 1"}};
        double           t[N], x[N], u[N * N], off = 0.0, size = 0.0;
        double          *at[] = {t, x};
        const pdm_size   n[]  = {N, N};
        pdm_case        *c    = NULL;
        pdm_model       *read = NULL;
        pdm_solve_result r;
        char             path[64];
        for (int i = 0; i < N; i++) {
            t[i] = 0.02 + 0.98 * i / (N - 1);
            x[i] = (double)i / (N - 1);
        }
        OK(pdm_case_create(ctx, &c));
        start_case(c, jump, 1);
        pdm_model *m = model_of(c);
        OK(predict_on(m, n, at, 1e-10, 1, NULL, u, &r));
        for (int i = 0; i < N; i++)
            for (int j = 0; j < N; j++) {
                const double e = heated(t[i], x[j]);
                off += (u[i * N + j] - e) * (u[i * N + j] - e);
                size += e * e;
            }
        ck_assert_double_lt(sqrt(off / size), 2e-3);
        const double first = pdm_domain_spline(m->problem->domain, 0)->breaks[1];
        pdm_model   *child = branch(m, (word){"training", "seed", "2"}, 1);
        ck_assert(child->problem->start_is_graded);
        ck_assert_double_eq(pdm_domain_spline(child->problem->domain, 0)->breaks[1], first);
        pdm_model_destroy(&child);
        snprintf(path, sizeof path, "told-%d.nc", (int)getpid());
        write_and_destroy(&m, path);
        OK(pdm_model_read(ctx, path, &read));
        ck_assert(read->problem->start_is_graded);
        ck_assert_double_eq(pdm_domain_spline(read->problem->domain, 0)->breaks[1], first);
        pdm_model_destroy(&read);
        (void)unlink(path);
    }
END_TEST

int main(void)
{
    Suite *s = suite_create("told");
    TCase *t = tcase_create("told");
    tcase_add_checked_fixture(t, open_context, close_context);
    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, pairs_of_conditions_are_solved_in_any_order, 0, 2 * COUNT_OF(robin));
    tcase_add_loop_test(t, contradictions_are_told_with_their_size, 0, COUNT_OF(told));
    tcase_add_test(t, sources_that_join_a_flux_are_told);
    tcase_add_loop_test(t, knots_crowd_at_a_start_with_a_layer, 0, COUNT_OF(starts));
    tcase_add_test(t, a_layer_at_the_start_is_resolved);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
