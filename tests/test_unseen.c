/* Data between the points of a grid: bounds of expressions hold their values, what no point sees is told with its place
 * and share, what points see is not, and an answer to what is not seen is not good. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/answer.h"
#include "tests/models.h"

#define COUNT_OF(a) ((int)(sizeof(a) / sizeof *(a)))

enum { MOST_WORD = 12 };

/* Twenty spans in x, faces 0.025 apart where they are equal; `open`: the case does not say so. */
static pdm_case *case_of(const word *w, bool open)
{
    static const word usual[] = {{"domain", "dimensions", "x"},      {"pde", "fields", "u"},
                                 {"pde/boundary", "x_min", "u = 0"}, {"pde/boundary", "x_max", "u = 0"},
                                 {"domain/x", "extent", "0 1"},      {"domain/x", "control_points", "23"},
                                 {"domain/x", "grading", "none"}};
    pdm_case         *c       = NULL;
    OK(pdm_case_create(ctx, &c));
    set(c, COUNT_OF(usual) - (open ? 1 : 0), usual);
    for (int i = 0; i < MOST_WORD && w[i].group; i++) set(c, 1, &w[i]);
    return c;
}

/* ---- bounds ---- */

/* Of x and y in boxes within 0 .. 1 and 0.5 .. 1.5; low and high over all of it, where they are to be found exactly. */
static const struct {
    const char *text;
    double      low, high;
} bounded[] = {
    {"exp(-((x - 0.5)/0.001)^2)", 0.0, 1.0},
    {"sin(7*x)", -1.0, 1.0},
    {"cos(20*x)*y", -1.5, 1.5},
    {"1/(x - 0.3)", -INFINITY, INFINITY},
    {"1/y", 2.0 / 3.0, 2.0},
    {"x^3 - 1", -1.0, 0.0},
    {"(x - 0.5)^2", 0.0, 0.25},
    {"(x - 0.5)^3", -0.125, 0.125},
    {"y^1.7", 0.30778610333622908, 1.9923018599150013},
    {"y^(-0.3)", 0.88546749329555607, 1.2311444133449163},
    {"y^x", 0.5, 1.5},
    {"log(y)", -0.69314718055994531, 0.40546510810816438},
    {"log1p(x)", 0.0, 0.69314718055994531},
    {"sqrt(x)", 0.0, 1.0},
    {"tan(x)", 0.0, 1.5574077246549023},
    {"tan(3*x)", -INFINITY, INFINITY},
    {"sinh(x)", 0.0, 1.1752011936438014},
    {"cosh(x - 0.5)", 1.0, 1.1276259652063807},
    {"tanh(x) + erf(x)", 0.0, 1.6042949489054799},
    {"atan(1 - x)", 0.0, 0.78539816339744831},
    {"abs(x - 0.25)", 0.0, 0.75},
    {"sign(x - 0.25)", -1.0, 1.0},
    {"step(x - 2)", 0.0, 0.0},
    {"min(x, y)", 0.0, 1.0},
    {"max(x, y)", 0.5, 1.5},
    {"log(x - 0.5)", -INFINITY, INFINITY},
};

enum { REGISTERS = 64 };

static pdm_bounds bounds_of(const pdm_function *f, const double *low, const double *high)
{
    pdm_bounds in[2] = {{0.0, 0.0}, {0.0, 0.0}}, out, work[REGISTERS];
    ck_assert_int_le(f->value->n_register, REGISTERS);
    for (pdm_size i = 0; i < f->n_input; i++) in[i] = (pdm_bounds){low[f->input[i].index], high[f->input[i].index]};
    pdm_program_bounds(f->value, in, &out, work);
    return out;
}

static double value_of(const pdm_function *f, const double *at)
{
    double in[2] = {0.0, 0.0}, out, work[REGISTERS];
    for (pdm_size i = 0; i < f->n_input; i++) in[i] = at[f->input[i].index];
    pdm_program_evaluate(f->value, in, &out, work);
    return out;
}

static double draw(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return (double)(*state >> 8) / 16777216.0;
}

START_TEST(bounds_hold_all_values)
    {
        const word          words[MOST_WORD] = {{"pde/residuals", "u", "lap(u)"},   {"pde/boundary", "y_min", "u = 0"},
                                                {"pde/boundary", "y_max", "u = 0"}, {"domain", "dimensions", "x y"},
                                                {"domain/y", "extent", "0.5 1.5"},  {"domain/y", "control_points", "8"}};
        const double        low[] = {0.0, 0.5}, high[] = {1.0, 1.5};
        pdm_pde            *p     = NULL;
        const pdm_function *f     = NULL;
        uint32_t            state = 7;
        pdm_case           *c     = case_of(words, false);
        OK(pdm_pde_create(ctx, c, &p));
        OK(pdm_pde_compile(p, bounded[_i].text, (pdm_where){.offset = -1}, false, &f));
        const pdm_bounds all = bounds_of(f, low, high);
        if (isfinite(bounded[_i].low)) {
            ck_assert_double_eq_tol(all.low, bounded[_i].low, 1e-9);
            ck_assert_double_eq_tol(all.high, bounded[_i].high, 1e-9);
        } else
            ck_assert(all.low == bounded[_i].low && all.high == bounded[_i].high);
        for (int k = 0; k < 400; k++) {
            double       a[2], b[2], at[2];
            const double size = pow(0.1, 4.0 * draw(&state));
            for (int j = 0; j < 2; j++) {
                a[j] = low[j] + (1.0 - size) * draw(&state);
                b[j] = a[j] + size;
            }
            const pdm_bounds box = bounds_of(f, a, b);
            for (int i = 0; i < 20; i++) {
                for (int j = 0; j < 2; j++) at[j] = i < 4 ? (i >> j & 1 ? a[j] : b[j]) : a[j] + size * draw(&state);
                const double value = value_of(f, at);
                ck_assert_msg(isnan(value) || (box.low <= value && value <= box.high), "%s = %.17g in %.17g, %.17g",
                              bounded[_i].text, value, box.low, box.high);
            }
        }
        pdm_pde_destroy(&p);
        pdm_case_destroy(&c);
    }
END_TEST

/* ---- what is told ---- */

/* g: a Gaussian of unit integral at 0.5137. share NAN: nothing is told. By hand; at: its place in x. */
static const struct {
    word        words[MOST_WORD];
    double      share, within, at;
    const char *says;
} hidden[] = {
    {{{"pde/residuals", "u", "-dxx(u) - exp(-((x - 0.5137)/1e-5)^2)/(1e-5*sqrt(pi))"}},
     1.0,
     1e-6,
     0.5137,
     "source of equation u"},
    {{{"pde/residuals", "u", "-dxx(u) - 1 - exp(-((x - 0.5137)/1e-7)^2)/(1e-7*sqrt(pi))"}}, /* 1 of 2 */
     0.5,
     0.02,
     0.5137,
     "source of equation u"},
    {{{"pde/residuals", "u", "-dxx(u) - 1 + u*exp(-((x - 0.5137)/1e-4)^2)"}}, 1.0, 1e-6, 0.5137, "factor of u"},
    {{{"domain", "rows", "point"}, {"pde/residuals", "u", "-dxx(u) - 1 + u*exp(-((x - 0.5137)/1e-4)^2)"}},
     1.0,
     1e-6,
     0.5137,
     "factor of u"},
    /* a layer that hardly conducts: 1/k is 1e4 over about 1e-4 */
    {{{"pde/residuals", "u", "-dx((1 - 0.9999*(step(x - 0.5136) - step(x - 0.5137)))*dx(u)) - 1"},
      {"domain/x", "kinks", "0.3"},
      {"domain/x", "grading", "linear"}},
     0.5,
     0.02,
     0.51365,
     "down to 0.0001"},
    {{{"pde/residuals", "u", "dt(u) - dxx(u)"},
      {"pde/initial", "u", "exp(-((x - 0.5137)/0.001)^2)"},
      {"domain", "dimensions", "t x"},
      {"domain/t", "extent", "0 1"},
      {"domain/t", "control_points", "8"}},
     1.0,
     1e-3,
     0.5137,
     "initial state of u"},
    {{{"pde/residuals", "u", "lap(u)"},
      {"pde/boundary", "y_min", "u = exp(-((x - 0.5137)/0.001)^2)"},
      {"pde/boundary", "y_max", "u = 0"},
      {"domain", "dimensions", "x y"},
      {"domain/y", "extent", "0 1"},
      {"domain/y", "control_points", "8"}},
     1.0,
     1e-3,
     0.5137,
     "value of u on y_min"},
    /* in two dimensions, and on a side that has a flux */
    {{{"pde/residuals", "u", "lap(u) + 1e6*exp(-((x - 0.5137)^2 + (y - 0.3)^2)/1e-6)"},
      {"pde/boundary", "y_min", "u = 0"},
      {"pde/boundary", "y_max", "u = 0"},
      {"domain", "dimensions", "x y"},
      {"domain/y", "extent", "0 1"},
      {"domain/y", "control_points", "8"}},
     1.0,
     1e-3,
     0.5137,
     "source of equation u"},
    {{{"pde/residuals", "u", "lap(u)"},
      {"pde/boundary", "y_min", "flux(u) = 1e4*exp(-((x - 0.5137)/1e-4)^2)"},
      {"pde/boundary", "y_max", "u = 0"},
      {"domain", "dimensions", "x y"},
      {"domain/y", "extent", "0 1"},
      {"domain/y", "control_points", "8"}},
     1.0,
     1e-3,
     0.5137,
     "flux of equation u"},
    /* ---- nothing ---- */
    {{{"pde/residuals", "u", "-dxx(u) - exp(-((x - 0.5137)/0.1)^2)"}}, NAN, 0.0, 0.0, NULL},           /* wide */
    {{{"pde/residuals", "u", "-dxx(u) - 1 - 0.01*exp(-((x - 0.5137)/1e-5)^2)"}}, NAN, 0.0, 0.0, NULL}, /* little */
    {{{"pde/residuals", "u", "-dxx(u) - 1/sqrt(x)"}}, NAN, 0.0, 0.0, NULL},             /* its integral is finite */
    {{{"pde/residuals", "u", "-dx(x*dx(u)) - x"}}, NAN, 0.0, 0.0, NULL},                /* nothing at the axis    */
    {{{"pde/residuals", "u", "-dxx(u) - step(x - 0.5137)"}}, NAN, 0.0, 0.0, NULL},      /* seen from both sides   */
    {{{"pde/residuals", "u", "-dxx(u) - 1/(1 - u) - sin(20*x)"}}, NAN, 0.0, 0.0, NULL}, /* some points a wave     */
    {{{"pde/residuals", "u", "-dxx(u) - tanh((x - 0.5137)/1e-5)"}}, NAN, 0.0, 0.0, NULL},
    {{{"pde/residuals", "u", "-dx((1 + 1e3*exp(-((x - 0.5137)/1e-5)^2))*dx(u)) - 1"}}, NAN, 0.0, 0.0, NULL},
    {{{"pde/residuals", "u", "lap(u) + step(0.09 - (x - 0.5)^2 - (y - 0.5)^2)"}, /* a disc */
      {"pde/boundary", "y_min", "u = 0"},
      {"pde/boundary", "y_max", "u = 0"},
      {"domain", "dimensions", "x y"},
      {"domain/y", "extent", "0 1"},
      {"domain/y", "control_points", "13"}},
     NAN,
     0.0,
     0.0,
     NULL},
};

START_TEST(what_no_point_sees_is_told)
    {
        pdm_case       *c = case_of(hidden[_i].words, false);
        pdm_problem    *p = NULL;
        pdm_unseen_list list;
        pdm_text        text = {.ctx = ctx};
        OK(pdm_problem_create(c, PDM_PROBLEM_WHOLE, NULL, &p));
        OK(pdm_domain_unseen(p->domain, NULL, p->magnitude, PDM_UNSEEN_ALL, &list));
        if (list.n > 0) OK(pdm_unseen_view(p, &list.item[0], &text));
        if (isnan(hidden[_i].share)) {
            ck_assert_msg(list.n == 0, "case %d: %s, share %g", _i, text.data, list.item[0].share);
        } else {
            ck_assert_msg(list.n == 1, "case %d: %lld are told, %s", _i, (long long)list.n, text.data ? text.data : "");
            ck_assert_msg(strstr(text.data, hidden[_i].says) != NULL, "case %d: %s", _i, text.data);
            ck_assert_double_eq_tol(list.item[0].share, hidden[_i].share, hidden[_i].within);
            const pdm_size x = pdm_domain_n_dim(p->domain) > 1 && pdm_pde_has_time(p->pde) ? 1 : 0;
            ck_assert_double_eq_tol(list.item[0].at[x], hidden[_i].at, 1e-3);
        }
        pdm_text_destroy(&text);
        pdm_problem_destroy(&p);
        pdm_case_destroy(&c);
    }
END_TEST

/* ---- verdicts ---- */

/* u = 0 is what all points say, here and on the finer grid. With the width an input, for the samples that have it. */
static const struct {
    const char *width;
    bool        unseen;
} widths[] = {{"1e-5", true}, {"0.2", false}, {"w", true}};

START_TEST(an_answer_to_what_is_not_seen_is_doubtful)
    {
        const bool drawn = widths[_i].width[0] == 'w';
        char       residual[160];
        const word words[MOST_WORD] = {{"pde/residuals", "u", residual},
                                       {"inputs/w", "dimensions", drawn ? "" : NULL},
                                       {"inputs/w", "distribution", "uniform(1e-5, 2e-5)"}};
        word       used[MOST_WORD]  = {words[0]};
        answer     a                = {0};
        (void)snprintf(residual, sizeof residual, "-dxx(u) - exp(-((x - 0.5137)/%s)^2)/(%s*sqrt(pi))", widths[_i].width,
                       widths[_i].width);
        for (int i = 1; i < 3 && drawn; i++) used[i] = words[i];
        pdm_case *c = case_of(used, false);
        OK(answer_find(c, NULL, &a));
        ck_assert_int_eq(a.verdict.cause == PDM_CAUSE_UNSEEN, widths[_i].unseen);
        ck_assert_int_eq(a.verdict.word, widths[_i].unseen ? PDM_VERDICT_DOUBTFUL : PDM_VERDICT_GOOD);
        answer_close(&a);
        pdm_case_destroy(&c);
    }
END_TEST

/* ---- knots about it ---- */

/* Sources of integral 1 at 0.5137: u has a kink there. A pulse that spreads by diffusion. error: at most, of the answer;
 * 100 % and 99 % on equal spans. */
static const struct {
    word   words[MOST_WORD];
    int    verdict; /* pdm_verdict_word; -1: good or doubtful */
    double error;
    bool   graded;
} narrow[] = {
    {{{"pde/parameters", "w", "1e-3"}}, PDM_VERDICT_GOOD, 1e-2, true},
    {{{"pde/parameters", "w", "1e-4"}}, PDM_VERDICT_GOOD, 1e-2, true},
    {{{"pde/parameters", "w", "1e-5"}, {"domain/x", "control_points", "27"}}, PDM_VERDICT_GOOD, 1e-2, true},
    {{{"pde/parameters", "w", "1e-5"}}, PDM_VERDICT_DOUBTFUL, 5e-2, true}, /* spans grow by 4 */
    {{{"pde/parameters", "w", "1e-4"}, {"domain/x", "grading", "none"}}, PDM_VERDICT_WRONG, 1.01, false},
    {{{"pde/parameters", "w", "0.01"},
      {"domain", "dimensions", "t x"},
      {"domain/t", "extent", "0 1"},
      {"domain/t", "control_points", "16"},
      {"pde/residuals", "u", "dt(u) - dx(0.001*dx(u))"},
      {"pde/initial", "u", "exp(-((x - 0.5137)/w)^2)"},
      {"pde/exact", "u", "0.01/sqrt(0.0001 + 0.004*t)*exp(-(x - 0.5137)^2/(0.0001 + 0.004*t))"}},
     -1,
     3e-2,
     true},
    {{{"pde/parameters", "w", "0.01"}, /* its crest is the middle of the extent, and of boxes */
      {"domain", "dimensions", "t x"},
      {"domain/t", "extent", "0 1"},
      {"domain/t", "control_points", "16"},
      {"domain/x", "control_points", "24"},
      {"pde/residuals", "u", "dt(u) - dx(0.001*dx(u))"},
      {"pde/initial", "u", "exp(-((x - 0.5)/w)^2)"},
      {"pde/exact", "u", "0.01/sqrt(0.0001 + 0.004*t)*exp(-(x - 0.5)^2/(0.0001 + 0.004*t))"}},
     -1,
     3e-2,
     true},
};

START_TEST(knots_go_about_narrow_data)
    {
        const word usual[]         = {{"pde/residuals", "u", "-dx(dx(u)) - exp(-((x - 0.5137)/w)^2)/(w*sqrt(pi))"},
                                      {"pde/exact", "u", "0.4863*x - max(0, x - 0.5137)"}};
        word       used[MOST_WORD] = {usual[0], usual[1]};
        answer     a               = {0};
        double     error = NAN, *truth = NULL;
        for (int i = 0; i + 2 < MOST_WORD && narrow[_i].words[i].group; i++) used[i + 2] = narrow[_i].words[i];
        pdm_case *c = case_of(used, true);
        OK(answer_find(c, NULL, &a));
        OK(pdm_alloc_array(ctx, a.n_field * a.grid->n_point, &truth));
        OK(answer_exact(&a, a.grid, truth));
        error = answer_error(&a, a.grid, a.u, truth);
        pdm_free(ctx, truth);
        const pdm_size x = pdm_domain_n_dim(a.m->problem->domain) - 1;
        ck_assert_int_eq(a.m->problem->data_growth[x] > 0.0, narrow[_i].graded);
        ck_assert_double_lt(error, narrow[_i].error);
        ck_assert_msg(narrow[_i].verdict < 0 ? a.verdict.word != PDM_VERDICT_WRONG
                                             : a.verdict.word == narrow[_i].verdict,
                      "case %d: %s", _i, pdm_verdict_text(a.verdict.word));
        answer_close(&a);
        pdm_case_destroy(&c);
    }
END_TEST

/* What moves is not where it was: nothing is graded for a pulse that is carried, or splits into waves. */
static const struct {
    const char *residual, *slope;
} moving[] = {{"dt(u) - dx(0.001*dx(u)) + dx(u)", NULL}, {"dt(dt(u)) - dxx(u)", "0"}};

START_TEST(no_knots_about_what_moves)
    {
        const word   words[MOST_WORD] = {{"domain", "dimensions", "t x"},
                                         {"domain/t", "extent", "0 1"},
                                         {"domain/t", "control_points", "8"},
                                         {"domain/t", "grading", "none"},
                                         {"pde/residuals", "u", moving[_i].residual},
                                         {"pde/initial", "u", "exp(-((x - 0.5137)/0.001)^2)"},
                                         {moving[_i].slope ? "pde/initial" : NULL, "u_t", moving[_i].slope}};
        pdm_case    *c                = case_of(words, true);
        pdm_problem *p                = NULL;
        OK(pdm_problem_create(c, PDM_PROBLEM_WHOLE, NULL, &p));
        ck_assert_double_eq(p->data_growth[1], 0.0);
        pdm_problem_destroy(&p);
        pdm_case_destroy(&c);
    }
END_TEST

int main(void)
{
    Suite *s = suite_create("unseen");
    TCase *t = tcase_create("unseen");
    tcase_add_checked_fixture(t, open_context, close_context);
    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, bounds_hold_all_values, 0, COUNT_OF(bounded));
    tcase_add_loop_test(t, what_no_point_sees_is_told, 0, COUNT_OF(hidden));
    tcase_add_loop_test(t, an_answer_to_what_is_not_seen_is_doubtful, 0, COUNT_OF(widths));
    tcase_add_loop_test(t, knots_go_about_narrow_data, 0, COUNT_OF(narrow));
    tcase_add_loop_test(t, no_knots_about_what_moves, 0, COUNT_OF(moving));
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
