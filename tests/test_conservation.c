/* verdict/conservation.c: what the domain gained, what walls let in and sources made, against quadratures of the output
 * fields that the test makes itself, and against numbers that are known. */
#include <check.h>
#include <math.h>
#include <stdlib.h>

#include "tests/answer.h"
#include "tests/models.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))
enum { WORDS = 24, N = 161 }; /* N: output points along each dimension, odd for Simpson's rule */
static const double PI = 3.14159265358979323846;

static pdm_case *case_of(const word *w)
{
    pdm_case *c = NULL;
    OK(pdm_case_create(ctx, &c));
    for (int i = 0; i < WORDS && w[i].group; i++) set(c, 1, &w[i]);
    return c;
}

/* ---- quadratures of fields on N equal steps ---- */

static double simpson(const double *f, int stride, double step)
{
    double sum = f[0] + f[(N - 1) * stride];
    for (int i = 1; i < N - 1; i++) sum += (i % 2 ? 4.0 : 2.0) * f[i * stride];
    return sum * step / 3.0;
}

/* The derivative at the first of five points, of order 4; a step below 0: at the last. */
static double slope(const double *f, int stride, double step)
{
    return (-25.0 * f[0] + 48.0 * f[stride] - 36.0 * f[2 * stride] + 16.0 * f[3 * stride] - 3.0 * f[4 * stride]) /
           (12.0 * step);
}

/* ---- equations in time and one dimension of space ---- */

static double no_source(double t, double x, double u)
{
    (void)t, (void)x, (void)u;
    return 0.0;
}

static double lamp(double t, double x, double u)
{
    (void)u;
    return sin(PI * x) * (1.0 + t);
}

static double decay(double t, double x, double u)
{
    (void)t, (void)x;
    return -u;
}

/* q is u, or u_t; F = -conducts u_x where walls are open, else they let in a given amount. s is made. The told imbalance
 * is between low and high; tell: by how much what is told may be off the quadratures, of the size of what is there. */
static const struct {
    const char *name;
    word        words[WORDS];
    double      extent[4]; /* of t, of x */
    bool        rate;
    double      conducts, given;
    double (*made)(double t, double x, double u);
    double low, high, tell;
} laws[] = {{"closed walls",
             {{"pde/residuals", "u", "dt(u) - dx(0.1*dx(u))"},
              {"pde/initial", "u", "1 + cos(2*pi*x)"},
              {"pde/boundary", "x_min", "flux(u) = 0"},
              {"pde/boundary", "x_max", "flux(u) = 0"},
              {"domain/t", "extent", "0 1"},
              {"domain/t", "control_points", "14"},
              {"domain/x", "extent", "0 1"},
              {"domain/x", "control_points", "14"}},
             {0, 1, 0, 1},
             false,
             0.0,
             0.0,
             no_source,
             -1e-12,
             1e-12,
             1e-9},
            {"walls that let through",
             {{"pde/residuals", "u", "dt(u) - dx(0.1*dx(u))"},
              {"pde/initial", "u", "1 - 3*x + 2*x^2/2"},
              {"pde/boundary", "x_min", "flux(u) = 0.3"},
              {"pde/boundary", "x_max", "flux(u) = 0.1"},
              {"domain/t", "extent", "0 2"},
              {"domain/t", "control_points", "14"},
              {"domain/x", "extent", "0 1"},
              {"domain/x", "control_points", "14"}},
             {0, 2, 0, 1},
             false,
             0.0,
             0.4,
             no_source,
             -1e-3,
             1e-3,
             1e-6},
            {"a source",
             {{"pde/residuals", "u", "dt(u) - dx(0.1*dx(u)) - sin(pi*x)*(1 + t)"},
              {"pde/initial", "u", "0"},
              {"pde/boundary", "x_min", "flux(u) = 0"},
              {"pde/boundary", "x_max", "flux(u) = 0"},
              {"domain/t", "extent", "0 1"},
              {"domain/t", "control_points", "14"},
              {"domain/x", "extent", "0 1"},
              {"domain/x", "control_points", "14"}},
             {0, 1, 0, 1},
             false,
             0.0,
             0.0,
             lamp,
             -1e-6,
             1e-6,
             1e-6},
            {"a sink of what is there, cold walls",
             {{"pde/residuals", "u", "dt(u) - dx(0.1*dx(u)) + u"},
              {"pde/initial", "u", "sin(pi*x)"},
              {"pde/boundary", "x_min", "u = 0"},
              {"pde/boundary", "x_max", "u = 0"},
              {"domain/t", "extent", "1 2"},
              {"domain/t", "control_points", "14"},
              {"domain/x", "extent", "0 1"},
              {"domain/x", "control_points", "14"}},
             {1, 2, 0, 1},
             false,
             0.1,
             0.0,
             decay,
             -1e-5,
             1e-5,
             1e-5},
            /* of fourth order, on a grid too coarse for it: 5 % of the mass are lost */
            {"Cahn-Hilliard as one equation",
             {{"pde/residuals", "u", "dt(u) - dxx(u^3 - u - 0.01*dxx(u))"},
              {"pde/initial", "u", "0.2 + 0.3*cos(pi*x) - 0.2*cos(2*pi*x)"},
              {"pde/boundary", "x_min", "flux(u) = 0; dx(u) = 0"},
              {"pde/boundary", "x_max", "flux(u) = 0; dx(u) = 0"},
              {"domain/t", "extent", "0 1"},
              {"domain/t", "control_points", "24"},
              {"domain/x", "extent", "0 1"},
              {"domain/x", "control_points", "20"},
              {"domain/x", "degree", "4"}},
             {0, 1, 0, 1},
             false,
             0.0,
             0.0,
             no_source,
             -0.2,
             -0.02,
             1e-5},
            {"Barenblatt, coarse",
             {{"pde/residuals", "u", "dt(u) - dxx(u^2)"},
              {"pde/initial", "u", "max(0, 1 - x^2/12)"},
              {"pde/boundary", "x_min", "u = 0"},
              {"pde/boundary", "x_max", "u = 0"},
              {"domain/t", "extent", "1 4"},
              {"domain/t", "control_points", "20"},
              {"domain/x", "extent", "-8 8"},
              {"domain/x", "control_points", "40"}},
             {1, 4, -8, 8},
             false,
             0.0,
             0.0,
             no_source,
             1e-4,
             2e-2,
             1e-4},
            {"round a period",
             {{"pde/residuals", "u", "dt(u) + dx(u)"},
              {"pde/initial", "u", "exp(2*cos(2*pi*x))"},
              {"domain/t", "extent", "0 1"},
              {"domain/t", "control_points", "30"},
              {"domain/x", "extent", "0 1"},
              {"domain/x", "kind", "periodic"},
              {"domain/x", "control_points", "30"}},
             {0, 1, 0, 1},
             false,
             0.0,
             0.0,
             no_source,
             -1e-12,
             1e-12,
             1e-6},
            {"a string",
             {{"pde/residuals", "u", "dtt(u) - dxx(u)"},
              {"pde/initial", "u", "sin(pi*x)"},
              {"pde/initial", "u_t", "1"},
              {"pde/boundary", "x_min", "u = 0"},
              {"pde/boundary", "x_max", "dx(u) = 0"},
              {"domain/t", "extent", "0 0.7"},
              {"domain/t", "control_points", "24"},
              {"domain/x", "extent", "0 1"},
              {"domain/x", "control_points", "24"}},
             {0, 0.7, 0, 1},
             true,
             1.0,
             0.0,
             no_source,
             -0.05,
             0.05,
             2e-3}};

static const word always[] = {{"pde", "fields", "u"}, {"domain", "dimensions", "t x"}};

/* What the test finds by itself. */
typedef struct finding {
    double gained, let_in, made, size;
} finding;

static finding quadrature(int law, const double *u)
{
    static double q[N * N], s[N * N];
    const double *e = laws[law].extent, dt = (e[1] - e[0]) / (N - 1), dx = (e[3] - e[2]) / (N - 1);
    double        amount[N], size[N], made[N], in[N], through[N];
    finding       f = {0};

    for (int x = 0; x < N; x++)
        for (int t = 0; t < N; t++) {
            const bool late = t + 4 >= N;
            q[t * N + x]    = !laws[law].rate ? u[t * N + x] : slope(u + t * N + x, late ? -N : N, late ? -dt : dt);
            s[t * N + x]    = laws[law].made(e[0] + t * dt, e[2] + x * dx, u[t * N + x]);
        }
    for (int t = 0; t < N; t++) {
        double       of_size[N];
        const double low  = laws[law].conducts * slope(u + t * N, 1, dx);
        const double high = laws[law].conducts * slope(u + t * N + N - 1, -1, -dx);
        for (int x = 0; x < N; x++) of_size[x] = fabs(q[t * N + x]);
        amount[t]  = simpson(q + t * N, 1, dx);
        size[t]    = simpson(of_size, 1, dx);
        made[t]    = simpson(s + t * N, 1, dx);
        in[t]      = high - low;
        through[t] = fabs(high) + fabs(low);
        f.size     = fmax(f.size, size[t]);
    }
    f.gained = amount[N - 1] - amount[0];
    f.let_in = laws[law].given + simpson(in, 1, dt);
    f.made   = simpson(made, 1, dt);
    for (int t = 0; t < N; t++) made[t] = fabs(made[t]); /* no source here changes its sign along x */
    f.size = fmax(f.size, fmax(simpson(made, 1, dt), simpson(through, 1, dt)));
    return f;
}

START_TEST(accounts_are_those_of_the_fields)
    {
        const pdm_size n[PDM_MAX_DIM] = {N, N};
        answer         a              = {0};

        open_context();
        pdm_case *c = case_of(laws[_i].words);
        set(c, COUNT(always), always);
        OK(answer_find(c, n, &a));
        const pdm_account *told = &a.verdict.account[0];
        const finding      f    = quadrature(_i, a.u);
        const double       near = laws[_i].tell * f.size;
        ck_assert(told->told);
        ck_assert_double_eq_tol(told->gained, f.gained, near);
        ck_assert_double_eq_tol(told->let_in, f.let_in, near);
        ck_assert_double_eq_tol(told->made, f.made, near);
        ck_assert_msg(told->imbalance > laws[_i].low && told->imbalance < laws[_i].high, "%s: %g", laws[_i].name,
                      told->imbalance);
        const double off = (f.gained - f.let_in - f.made) / f.size;
        ck_assert_double_eq_tol(told->imbalance, off, 3.0 * laws[_i].tell + 0.02 * fabs(off));
        ck_assert_int_eq(pdm_account_is_off(told), laws[_i].high < 0.0);
        answer_close(&a);
        pdm_case_destroy(&c);
        close_context();
    }
END_TEST

/* ---- numbers that are known ---- */

static const struct {
    const char *name;
    word        words[WORDS];
    double      gained, let_in, made;
    double      tell;
} known[] = {{"steady, cold walls",
              {{"pde/residuals", "u", "-dx((1 + x)*dx(u)) - pi*sin(pi*x)"},
               {"pde/boundary", "x_min", "u = 0"},
               {"pde/boundary", "x_max", "u = 0"},
               {"domain", "dimensions", "x"},
               {"domain/x", "extent", "0 1"},
               {"domain/x", "control_points", "20"}},
              0.0,
              -2.0,
              2.0,
              1e-4},
             {"through a channel, as much as comes out",
              {{"pde/residuals", "u", "dx(2*u - 0.1*dx(u))"},
               {"pde/boundary", "x_min", "u = 1"},
               {"pde/boundary", "x_max", "u = 1"},
               {"domain", "dimensions", "x"},
               {"domain/x", "extent", "0 1"},
               {"domain/x", "control_points", "12"}},
              0.0,
              0.0,
              0.0,
              1e-9},
             {"nothing at all",
              {{"pde/residuals", "u", "dx(dx(u)) + dy(dy(u))"},
               {"pde/boundary", "x_min", "u = 3"},
               {"pde/boundary", "x_max", "u = 3"},
               {"pde/boundary", "y_min", "u = 3"},
               {"pde/boundary", "y_max", "flux(u) = 0"},
               {"domain", "dimensions", "x y"},
               {"domain/x", "extent", "0 1"},
               {"domain/x", "control_points", "12"},
               {"domain/y", "extent", "0 1"},
               {"domain/y", "control_points", "12"}},
              0.0,
              0.0,
              0.0,
              1e-5},
             /* 0.5 flows in through 0.4 of a side, for a time of 2 */
             {"a part of a side",
              {{"pde/residuals", "u", "dt(u) - dx(dx(u)) - dy(dy(u)) - 0.25"},
               {"pde/initial", "u", "0"},
               {"pde/boundary", "x_min", "flux(u) = 0.5 where y < 0.4; flux(u) = 0 where y >= 0.4"},
               {"pde/boundary", "x_max", "flux(u) = 0"},
               {"pde/boundary", "y_min", "flux(u) = 0"},
               {"pde/boundary", "y_max", "flux(u) = 0"},
               {"domain", "dimensions", "t x y"},
               {"domain/t", "extent", "0 2"},
               {"domain/t", "control_points", "10"},
               {"domain/x", "extent", "0 1"},
               {"domain/x", "control_points", "8"},
               {"domain/y", "extent", "0 1"},
               {"domain/y", "control_points", "8"},
               {"domain/y", "kinks", "0.4"}},
              0.9,
              0.4,
              0.5,
              2e-3},
             /* 0.2 in at x = 0, out at x = 1 */
             {"a part of a side, steady",
              {{"pde/residuals", "u", "-dx(dx(u)) - dy(dy(u))"},
               {"pde/boundary", "x_min", "flux(u) = 0.5 where y < 0.4; flux(u) = 0 where y >= 0.4"},
               {"pde/boundary", "x_max", "u = 0"},
               {"pde/boundary", "y_min", "flux(u) = 0"},
               {"pde/boundary", "y_max", "flux(u) = 0"},
               {"domain", "dimensions", "x y"},
               {"domain/x", "extent", "0 1"},
               {"domain/x", "control_points", "14"},
               {"domain/y", "extent", "0 1"},
               {"domain/y", "control_points", "14"},
               {"domain/y", "kinks", "0.4"}},
              0.0,
              0.0,
              0.0,
              2e-3},
             {"two materials, closed",
              {{"pde/residuals", "u", "dt(u) - dx((1 + 9*step(x - 0.5))*dx(u))"},
               {"pde/initial", "u", "1 + cos(2*pi*x)"},
               {"pde/boundary", "x_min", "flux(u) = 0"},
               {"pde/boundary", "x_max", "flux(u) = 0"},
               {"domain", "dimensions", "t x"},
               {"domain/t", "extent", "0 0.1"},
               {"domain/t", "control_points", "14"},
               {"domain/x", "extent", "0 1"},
               {"domain/x", "control_points", "16"}},
              0.0,
              0.0,
              0.0,
              1e-3}};

START_TEST(accounts_are_right)
    {
        answer a = {0};

        open_context();
        pdm_case *c = case_of(known[_i].words);
        set(c, 1, always);
        OK(answer_find(c, NULL, &a));
        const pdm_account *told = &a.verdict.account[0];
        ck_assert(told->told);
        ck_assert_double_eq_tol(told->gained, known[_i].gained, known[_i].tell);
        ck_assert_double_eq_tol(told->let_in, known[_i].let_in, known[_i].tell);
        ck_assert_double_eq_tol(told->made, known[_i].made, known[_i].tell);
        ck_assert_msg(fabs(told->imbalance) <= known[_i].tell, "%s: %g", known[_i].name, told->imbalance);
        answer_close(&a);
        pdm_case_destroy(&c);
        close_context();
    }
END_TEST

/* ---- a coefficient that is an input says what the same number says in the equation ---- */

START_TEST(inputs_at_walls_count_like_numbers)
    {
        static const word usual[]    = {{"pde", "fields", "u v"},
                                        {"pde/residuals", "v", "-dx(dx(v)) - 1"},
                                        {"pde/initial", "u", "1 + x^2"},
                                        {"pde/boundary", "x_min", "u = 1; v = 0"},
                                        {"pde/boundary", "x_max", "u = 2; flux(v) = 0.5"},
                                        {"domain", "dimensions", "t x"},
                                        {"domain/t", "extent", "0 0.3"},
                                        {"domain/t", "control_points", "12"},
                                        {"domain/x", "extent", "0 1"},
                                        {"domain/x", "control_points", "14"}};
        static const word kinds[][4] = {
            {{"pde/residuals", "u", "dt(u) - dx(0.7*dx(u)) - v"}},
            {{"pde/residuals", "u", "dt(u) - dx(k*dx(u)) - v"},
             {"inputs/k", "dimensions", "x"},
             {"inputs/k", "distribution", "gaussian_field(length=0.5, mean=0.7, amplitude=0)"}}};
        pdm_account of[2][2];

        open_context();
        for (int i = 0; i < 2; i++) {
            answer    a = {0};
            pdm_case *c = case_of(kinds[i]);
            set(c, COUNT(usual), usual);
            OK(answer_find(c, NULL, &a));
            for (int e = 0; e < 2; e++) of[i][e] = a.verdict.account[e];
            answer_close(&a);
            pdm_case_destroy(&c);
        }
        for (int e = 0; e < 2; e++) { /* sizes of fields, and so scales of rows, differ a little */
            ck_assert(of[0][e].told && of[1][e].told);
            ck_assert_double_eq_tol(of[0][e].gained, of[1][e].gained, 1e-5);
            ck_assert_double_eq_tol(of[0][e].let_in, of[1][e].let_in, 1e-5);
            ck_assert_double_eq_tol(of[0][e].made, of[1][e].made, 1e-5);
            ck_assert_double_eq_tol(of[0][e].imbalance, of[1][e].imbalance, 1e-5);
        }
        ck_assert_double_gt(fabs(of[0][0].let_in), 1e-2);
        ck_assert_double_eq(of[0][1].gained, 0.0); /* v has no storage */
        ck_assert_double_eq_tol(of[0][1].made, 0.3, 1e-9);
        close_context();
    }
END_TEST

/* ---- of what nothing is told ---- */

static const struct {
    const char *residual;
    word        more[4];
    bool        told;
} forms[] = {{"dt(u) + dx(u^2/2) - 0.1*dxx(u)", {{0}}, true},
             {"dt(u) + u*dx(u) - 0.1*dxx(u)", {{0}}, false},
             {"dt(u^2) - dxx(u) + u - x", {{0}}, true},
             {"dt(u) - dxx(u) + dx(u)^2", {{0}}, false},
             {"x*dt(u) - dx(x*dx(u))", {{0}}, false},
             {"dt(x*u) - dx(x*dx(u))", {{0}}, true},
             {"dt(u) + dx(u) + invlap(u)", {{0}}, true},
             {"dt(u) + u", {{0}}, false},
             {"dt(u) - dxx(u)", {{"pde", "positive", "u"}}, false},
             {"dt(u) - dxx(u)", {{"domain", "rows", "point"}}, false}};

START_TEST(only_what_is_in_divergence_form_is_told)
    {
        static const word usual[] = {{"pde/initial", "u", "1"},           {"domain/t", "extent", "0 1"},
                                     {"domain/t", "control_points", "8"}, {"domain/x", "extent", "1 2"},
                                     {"domain/x", "kind", "periodic"},    {"domain/x", "control_points", "12"}};
        pdm_problem      *p       = NULL;

        open_context();
        pdm_case *c = case_of(forms[_i].more);
        set(c, COUNT(always), always);
        set(c, COUNT(usual), usual);
        OK(pdm_case_set_text(c, "pde/residuals", "u", forms[_i].residual));
        OK(pdm_problem_create(c, PDM_PROBLEM_ROWS, NULL, &p));
        ck_assert_msg(pdm_account_is_told(p, 0) == forms[_i].told, "%s", forms[_i].residual);
        pdm_problem_destroy(&p);
        pdm_case_destroy(&c);
        close_context();
    }
END_TEST

/* ---- words ---- */

static const struct {
    pdm_account account;
    const char *text;
} words[] = {{{.told = true, .gained = 0.12, .let_in = 0.1203, .made = 0.0, .imbalance = -0.0025},
              "the domain gained 0.12, walls let in 0.1203, sources made 0: 0.25 % lost"},
             {{.told = true, .gained = 0.5, .let_in = -0.25, .made = 0.125, .imbalance = 0.625},
              "the domain gained 0.5, walls let in -0.25, sources made 0.125: 62 % too much"},
             {{.told = true, .gained = 1e-17, .imbalance = -1e-15},
              "the domain gained 1e-17, walls let in 0, sources made 0: nothing lost"}};

START_TEST(accounts_in_words)
    {
        pdm_problem *p    = NULL;
        pdm_text     text = {0};

        open_context();
        pdm_case *c = case_of(laws[2].words);
        set(c, COUNT(always), always);
        OK(pdm_problem_create(c, PDM_PROBLEM_ROWS, NULL, &p));
        text.ctx = ctx;
        OK(pdm_account_explain(p, 0, &words[_i].account, &text));
        ck_assert_str_eq(text.data, words[_i].text);
        pdm_text_destroy(&text);
        pdm_problem_destroy(&p);
        pdm_case_destroy(&c);
        close_context();
    }
END_TEST

int main(void)
{
    Suite *suite = suite_create("conservation");
    TCase *tests = tcase_create("conservation");
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, accounts_are_those_of_the_fields, 0, COUNT(laws));
    tcase_add_loop_test(tests, accounts_are_right, 0, COUNT(known));
    tcase_add_test(tests, inputs_at_walls_count_like_numbers);
    tcase_add_loop_test(tests, only_what_is_in_divergence_form_is_told, 0, COUNT(forms));
    tcase_add_loop_test(tests, accounts_in_words, 0, COUNT(words));
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
