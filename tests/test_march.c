/* problem/, predict/: solves with all coefficients free, slab after slab in time, against exact solutions and against
 * small integrators of the test's own. */
#include "predict/predict.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/models.h"
#include "tests/prediction.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))
enum { WORDS = 24 };

/* As many words as are there, and a small network that nobody asks. */
static pdm_case *case_of(const word *w)
{
    static const word small[] = {{"surrogate", "width", "4"},
                                 {"surrogate", "layers", "1"},
                                 {"surrogate", "hidden", "4"},
                                 {"experts", "basis", "2"}};
    pdm_case         *c       = NULL;
    OK(pdm_case_create(ctx, &c));
    set(c, COUNT(small), small);
    for (int i = 0; i < WORDS && w[i].group; i++) set(c, 1, &w[i]);
    return c;
}

/* ---- exact solutions ---- */

/* In slabs the worst relative error of all samples and fields is below `error`; at once above `at_once`. */
typedef struct exact_case {
    const char *name;
    word        words[WORDS];
    double      error, at_once;
} exact_case;
#define TIME(low_high, n)               \
    {"domain/t", "extent", low_high},   \
    {                                   \
        "domain/t", "control_points", n \
    }
#define SPACE(low_high, n)              \
    {"domain/x", "extent", low_high},   \
    {                                   \
        "domain/x", "control_points", n \
    }
static const exact_case exact_cases[] = {
    {"growth from a small state",
     {{"pde", "fields", "u"},
      {"pde/residuals", "u", "dt(u) - u*(1 - u)"},
      {"pde/initial", "u", "0.001"},
      {"pde/exact", "u", "1/(1 + 999*exp(-t))"},
      {"domain", "dimensions", "t"},
      TIME("0 20", "33")},
     1e-4,
     0.5},
    /* t is read by a definition, the equation, both sides and the initial state; time starts at 2 */
    {"equations that read t",
     {{"pde", "fields", "u"},
      {"pde/definitions", "e", "(1 + 0.3*sin(3*t + a))*(1 + 0.2*x^2) + 0.1*t"},
      {"pde/residuals", "u", "dt(u) - dx(0.1*dx(u)) - (dt(e) - 0.1*dxx(e))"},
      {"pde/initial", "u", "e"},
      {"pde/boundary", "x_min", "u = e"},
      {"pde/boundary", "x_max", "dx(u) = dx(e)"},
      {"pde/exact", "u", "e"},
      {"inputs/a", "distribution", "uniform(0, 3)"},
      {"training", "batch", "3"},
      {"domain", "dimensions", "t x"},
      TIME("2 5", "27"),
      SPACE("0 1", "8")},
     1e-4,
     0.0},
    {"second order in time",
     {{"pde", "fields", "u"},
      {"pde/residuals", "u", "dt(dt(u)) - dxx(u)"},
      {"pde/initial", "u", "sin(pi*x)"},
      {"pde/initial", "u_t", "b*pi*sin(pi*x)"},
      {"pde/boundary", "x_min", "u = 0"},
      {"pde/boundary", "x_max", "u = 0"},
      {"pde/exact", "u", "sin(pi*x)*(cos(pi*t) + b*sin(pi*t))"},
      {"inputs/b", "distribution", "uniform(-1, 1)"},
      {"domain", "dimensions", "t x"},
      TIME("0 2", "43"),
      SPACE("0 1", "14")},
     2e-3,
     0.0},
    {"a positive field, from an input field and a scalar",
     {{"pde", "fields", "u"},
      {"pde", "positive", "u 0.1"},
      {"pde/residuals", "u", "dt(u) + a*u"},
      {"pde/initial", "u", "1 + 0.1*u0"},
      {"pde/exact", "u", "(1 + 0.1*u0)*exp(-a*t)"},
      {"inputs/a", "distribution", "uniform(1, 2)"},
      {"inputs/u0", "distribution", "gaussian_field(length=0.5)"},
      {"inputs/u0", "dimensions", "x"},
      {"training", "batch", "3"},
      {"domain", "dimensions", "t x"},
      TIME("0 3", "19"),
      SPACE("0 1", "8")},
     1e-3,
     0.0},
    /* the spline through g at the control points is what the equation sees: its time derivative is exact there */
    {"an input field that varies in time",
     {{"pde", "fields", "u"},
      {"pde/residuals", "u", "dt(u) - dt(g) - 2*(u - g)"},
      {"pde/initial", "u", "g"},
      {"pde/exact", "u", "g"},
      {"inputs/g", "distribution", "gaussian_field(length=0.5, mean=2, amplitude=0.5)"},
      {"inputs/g", "dimensions", "t x"},
      {"training", "batch", "3"},
      {"domain", "dimensions", "t x"},
      TIME("1 4", "19"),
      SPACE("0 1", "8")},
     1e-8,
     0.0},
    {"a positive field of second order",
     {{"pde", "fields", "u"},
      {"pde", "positive", "u"},
      {"pde/residuals", "u", "dt(dt(u)) + 4*(u - 2)"},
      {"pde/initial", "u", "2"},
      {"pde/initial", "u_t", "3"},
      {"pde/exact", "u", "2 + 1.5*sin(2*t)"},
      {"domain", "dimensions", "t"},
      TIME("0 6", "43")},
     2e-3,
     0.0},
    {"a field without initial state",
     {{"pde", "fields", "u w"},
      {"pde/residuals", "u", "dt(u) - w"},
      {"pde/residuals", "w", "w - 0.1*dxx(u)"},
      {"pde/initial", "u", "sin(pi*x)"},
      {"pde/boundary", "x_min", "u = 0"},
      {"pde/boundary", "x_max", "u = 0"},
      {"pde/exact", "u", "exp(-0.1*pi^2*t)*sin(pi*x)"},
      {"pde/exact", "w", "-0.1*pi^2*exp(-0.1*pi^2*t)*sin(pi*x)"},
      {"domain", "dimensions", "t x"},
      TIME("0 2", "19"),
      SPACE("0 1", "14")},
     5e-3,
     0.0},
    {"a constraint that reads t",
     {{"pde", "fields", "u p"},
      {"pde/residuals", "u", "dt(u) + u"},
      {"pde/residuals", "p", "dxx(p) + pi^2*cos(pi*x)*u"},
      {"pde/initial", "u", "1"},
      {"pde/boundary", "x_min", "flux(p) = 0"},
      {"pde/boundary", "x_max", "flux(p) = 0"},
      {"pde/constraints", "level", "integral(p) = 1 + t"},
      {"pde/exact", "u", "exp(-t)"},
      {"pde/exact", "p", "cos(pi*x)*exp(-t) + 1 + t"},
      {"domain", "dimensions", "t x"},
      TIME("0 2", "19"),
      SPACE("0 1", "12")},
     1e-3,
     0.0},
    {"a derived field",
     {{"pde", "fields", "u"},
      {"pde/residuals", "u", "dt(u) - invlap(u)"},
      {"pde/initial", "u", "sin(x)"},
      {"pde/exact", "u", "exp(-t)*sin(x)"},
      {"domain", "dimensions", "t x"},
      {"domain/x", "kind", "periodic"},
      TIME("0 2", "19"),
      SPACE("0 6.283185307179586", "16")},
     1e-3,
     0.0},
};

static double exact_error(const exact_case *x, const char *slabs)
{
    pdm_case *c = case_of(x->words);
    OK(pdm_case_set_text(c, "domain/t", "slabs", slabs));
    pdm_model *m      = model_of(c);
    const bool is_cut = pdm_march_slabs(m->problem) > 1;
    ck_assert_msg(is_cut == (strcmp(slabs, "1") != 0), "%s", x->name);
    OK(pdm_model_evaluate_exact(m, 1e-9, NULL, NULL));
    const double error = pdm_model_value(m, "error.worst");
    ck_assert_msg(pdm_model_value(m, "unconverged") == 0.0, "%s: %g unconverged", x->name,
                  pdm_model_value(m, "unconverged"));
    pdm_model_destroy(&m);
    return error;
}

START_TEST(slabs_reach_the_exact_solution)
    {
        const exact_case *x = &exact_cases[_i];
        open_context();
        const double slabs = exact_error(x, "auto"), at_once = exact_error(x, "1");
        ck_assert_msg(slabs < x->error, "%s: %g", x->name, slabs);
        ck_assert_msg(at_once > x->at_once, "%s: %g", x->name, at_once);
        close_context();
    }
END_TEST

/* ---- states that grow, beside an integrator ---- */

enum { MOST = 4 };
typedef void (*rate)(const double *y, double *slope);

static void pendulum(const double *y, double *slope)
{
    slope[0] = y[1];
    slope[1] = -sin(y[0]);
}

static void lorenz(const double *y, double *slope)
{
    slope[0] = 10.0 * (y[1] - y[0]);
    slope[1] = y[0] * (28.0 - y[2]) - y[1];
    slope[2] = y[0] * y[1] - 8.0 / 3.0 * y[2];
}

static void brusselator(const double *y, double *slope)
{
    slope[0] = 1.0 + y[0] * y[0] * y[1] - 4.0 * y[0];
    slope[1] = 3.0 * y[0] - y[0] * y[0] * y[1];
}

static void infection(const double *y, double *slope)
{
    slope[0] = -0.5 * y[0] * y[1];
    slope[1] = 0.5 * y[0] * y[1] - 0.1 * y[1];
    slope[2] = 0.1 * y[1];
}

/* The classical method of Runge and Kutta: y after n steps of h. */
static void integrate(rate f, int n_y, double h, int n, double *y)
{
    double k[4][MOST], at[MOST];
    for (int i = 0; i < n; i++) {
        for (int s = 0; s < 4; s++) {
            const double part = s == 0 ? 0.0 : s == 3 ? h : 0.5 * h;
            for (int j = 0; j < n_y; j++) at[j] = y[j] + (s ? part * k[s - 1][j] : 0.0);
            f(at, k[s]);
        }
        for (int j = 0; j < n_y; j++) y[j] += h / 6.0 * (k[0][j] + 2.0 * k[1][j] + 2.0 * k[2][j] + k[3][j]);
    }
}

typedef struct growth_case {
    const char *name;
    word        words[WORDS];
    rate        slope;
    int         n_y;
    double      y[MOST], end, error;
} growth_case;
static const growth_case growth_cases[] = {
    {"pendulum from near its top",
     {{"pde", "fields", "q"},
      {"pde/residuals", "q", "dt(dt(q)) + sin(q)"},
      {"pde/initial", "q", "3.1"},
      {"pde/initial", "q_t", "0"},
      {"domain", "dimensions", "t"},
      TIME("0 20", "83")},
     pendulum,
     2,
     {3.1, 0.0},
     20.0,
     2e-4},
    {"Lorenz",
     {{"pde", "fields", "x y z"},
      {"pde/residuals", "x", "dt(x) - 10*(y - x)"},
      {"pde/residuals", "y", "dt(y) - x*(28 - z) + y"},
      {"pde/residuals", "z", "dt(z) - x*y + 8/3*z"},
      {"pde/initial", "x", "1"},
      {"pde/initial", "y", "1"},
      {"pde/initial", "z", "1"},
      {"domain", "dimensions", "t"},
      TIME("0 3", "103")},
     lorenz,
     3,
     {1.0, 1.0, 1.0},
     3.0,
     1e-3},
    {"Brusselator",
     {{"pde", "fields", "a b"},
      {"pde/residuals", "a", "dt(a) - 1 - a^2*b + 4*a"},
      {"pde/residuals", "b", "dt(b) - 3*a + a^2*b"},
      {"pde/initial", "a", "1.2"},
      {"pde/initial", "b", "3.1"},
      {"domain", "dimensions", "t"},
      TIME("0 20", "203")},
     brusselator,
     2,
     {1.2, 3.1},
     20.0,
     5e-3},
    /* sizes of fields differ by 1e4 at the start, and not in the end */
    {"infection",
     {{"pde", "fields", "s i r"},
      {"pde/residuals", "s", "dt(s) + 0.5*s*i"},
      {"pde/residuals", "i", "dt(i) - 0.5*s*i + 0.1*i"},
      {"pde/residuals", "r", "dt(r) - 0.1*i"},
      {"pde/initial", "s", "0.9999"},
      {"pde/initial", "i", "0.0001"},
      {"pde/initial", "r", "0"},
      {"domain", "dimensions", "t"},
      TIME("0 100", "43")},
     infection,
     3,
     {0.9999, 0.0001, 0.0},
     100.0,
     3e-3},
};

/* Worst relative error over the fields, at N times up to the end. */
static double growth_error(const growth_case *x, const char *slabs)
{
    enum { N = 41, STEPS = 2000 };
    double           time[N], u[MOST * N], y[MOST], worst = 0.0, square[2][MOST] = {{0.0}};
    double          *coordinate[PDM_MAX_DIM] = {time};
    const pdm_size   n[PDM_MAX_DIM]          = {N};
    pdm_solve_result result;
    pdm_case        *c = case_of(x->words);

    OK(pdm_case_set_text(c, "domain/t", "slabs", slabs));
    pdm_model   *m       = model_of(c);
    const double nothing = 0.0;
    for (int i = 0; i < N; i++) time[i] = x->end * i / (N - 1);
    OK(predict_on(m, n, coordinate, 1e-9, 1, &nothing, u, &result));
    memcpy(y, x->y, sizeof y);
    for (int i = 0; i < N; i++) {
        if (i > 0) integrate(x->slope, x->n_y, x->end / (N - 1) / STEPS, STEPS, y);
        for (int f = 0; f < (int)pdm_domain_n_field(m->problem->domain); f++) {
            square[0][f] += (u[f * N + i] - y[f]) * (u[f * N + i] - y[f]);
            square[1][f] += y[f] * y[f];
        }
    }
    for (int f = 0; f < (int)pdm_domain_n_field(m->problem->domain); f++)
        worst = fmax(worst, sqrt(square[0][f] / square[1][f]));
    pdm_model_destroy(&m);
    return worst;
}

START_TEST(states_grow_as_they_must)
    {
        const growth_case *x = &growth_cases[_i];
        open_context();
        const double slabs = growth_error(x, "auto"), at_once = growth_error(x, "1");
        ck_assert_msg(slabs < x->error, "%s: %g", x->name, slabs);
        ck_assert_msg(at_once > 0.3, "%s: %g", x->name, at_once); /* else there is nothing to see */
        close_context();
    }
END_TEST

static const word logistic_words[] = {{"pde", "fields", "u"},
                                      {"pde/residuals", "u", "dt(u) - u*(1 - u)"},
                                      {"pde/initial", "u", "a"},
                                      {"inputs/a", "distribution", "uniform(0, 1)"},
                                      {"training", "batch", "3"},
                                      {"domain", "dimensions", "t"},
                                      {"domain/t", "slabs", "2"},
                                      TIME("0 6", "19"),
                                      {0}};

/* So few steps that long slabs have no solution: those inputs, and no others, have one in slabs of half the length. */
START_TEST(slabs_without_a_solution_are_halved)
    {
        enum { N = 11, SAMPLES = 3, STEPS = 6 };
        static const double input[SAMPLES] = {1.0, 0.01, 0.99};
        double              time[N], u[SAMPLES * N];
        double             *coordinate[PDM_MAX_DIM] = {time};
        const pdm_size      n[PDM_MAX_DIM]          = {N};
        pdm_solve_result    result[SAMPLES];
        pdm_output_grid    *grid  = NULL;
        pdm_predict_times   times = {0};
        pdm_free_way        by;
        pdm_way             way;
        const pdm_run       run = {.n = SAMPLES, .input = input, .u = u, .result = result, .times = &times};
        open_context();
        pdm_model *m = model_of(case_of(logistic_words));
        for (int i = 0; i < N; i++) time[i] = 6.0 * i / (N - 1);
        OK(pdm_output_grid_create(m->problem, 3, n, coordinate, &grid));
        OK(pdm_way_of_free(&by, m->problem, grid, 1e-6, STEPS, &way));
        OK(pdm_predict_run(&way, grid, &run));
        ck_assert_ptr_nonnull(by.half);
        ck_assert_int_eq(by.half->own.march->n_slab, 4);
        ck_assert_int_eq(by.half->own.march->n_element, by.march->n_element);
        for (int s = 0; s < SAMPLES; s++) {
            ck_assert_msg(pdm_reason_is_good(result[s].reason), "sample %d: %s", s, pdm_reason_text(result[s].reason));
            for (int i = 0; i < N; i++) {
                const double right = 1.0 / (1.0 + (1.0 / input[s] - 1.0) * exp(-time[i]));
                ck_assert_double_eq_tol(u[s * N + i], right, 1e-3);
            }
        }
        ck_assert_int_le(result[0].iterations, 2 * STEPS);
        pdm_free_way_close(&by);
        pdm_output_grid_destroy(&grid);
        pdm_model_destroy(&m);
        close_context();
    }
END_TEST

/* Whatever allocation fails, all is given back: close_context() looks. */
START_TEST(allocation_failures_leave_nothing)
    {
        static const double input[1] = {0.01};
        double              u[1000];
        pdm_solve_result    result;
        pdm_output_grid    *grid   = NULL;
        pdm_predict_times   times  = {0};
        pdm_status          status = PDM_ERR_MEMORY;
        pdm_way             way;
        const pdm_run       run = {.n = 1, .input = input, .u = u, .result = &result, .times = &times};
        open_context();
        pdm_model *m = model_of(case_of(logistic_words));
        OK(pdm_output_grid_create(m->problem, 3, NULL, NULL, &grid));
        ck_assert_int_le(grid->n_point, 1000);
        for (pdm_size k = 1; status != PDM_OK; k++) {
            pdm_free_way by = {0};
            pdm_context_fail_allocation(ctx, k);
            status = pdm_way_of_free(&by, m->problem, grid, 1e-6, 6, &way);
            if (status == PDM_OK) status = pdm_predict_run(&way, grid, &run);
            pdm_context_fail_allocation(ctx, 0);
            ck_assert_msg(status == PDM_OK || status == PDM_ERR_MEMORY, "%s", pdm_context_error(ctx));
            ck_assert(status != PDM_OK || by.half); /* halving, too */
            pdm_free_way_close(&by);
        }
        pdm_output_grid_destroy(&grid);
        pdm_model_destroy(&m);
        close_context();
    }
END_TEST

/* u_t = 0.01 u_xx + 5 (u - u^3) without flux, from 0.001 cos(pi x): cells and small steps. */
enum { CELLS = 100 };
static void allen_cahn(const double *u, double *slope)
{
    for (int i = 0; i < CELLS; i++) {
        const double left = i > 0 ? u[i - 1] : u[i], right = i < CELLS - 1 ? u[i + 1] : u[i];
        slope[i] = 0.01 * CELLS * CELLS * (left - 2.0 * u[i] + right) + 5.0 * (u[i] - u[i] * u[i] * u[i]);
    }
}

START_TEST(a_field_grows_as_it_must)
    {
        enum { N = 9, STEPS = 250 };
        static const word words[] = {{"pde", "fields", "u"},
                                     {"pde/residuals", "u", "dt(u) - dx(0.01*dx(u)) - 5*(u - u^3)"},
                                     {"pde/initial", "u", "0.001*cos(pi*x)"},
                                     {"pde/boundary", "x_min", "flux(u) = 0"},
                                     {"pde/boundary", "x_max", "flux(u) = 0"},
                                     {"domain", "dimensions", "t x"},
                                     TIME("0 4", "24"),
                                     SPACE("0 1", "16"),
                                     {0}};
        double            time[N], x[CELLS], u[N * CELLS], cell[CELLS], half[CELLS], slope[CELLS];
        double            error = 0.0, norm = 0.0;
        double           *coordinate[PDM_MAX_DIM] = {time, x};
        const pdm_size    n[PDM_MAX_DIM]          = {N, CELLS};
        const double      nothing = 0.0, h = 4.0 / (N - 1) / STEPS;
        pdm_solve_result  result;
        open_context();
        pdm_model *m = model_of(case_of(words));
        for (int i = 0; i < N; i++) time[i] = 4.0 * i / (N - 1);
        for (int i = 0; i < CELLS; i++) x[i] = (i + 0.5) / CELLS;
        for (int i = 0; i < CELLS; i++) cell[i] = 0.001 * cos(acos(-1.0) * x[i]);
        OK(predict_on(m, n, coordinate, 1e-9, 1, &nothing, u, &result));
        for (int k = 0; k < N; k++) {
            for (int s = 0; k > 0 && s < STEPS; s++) { /* midpoint rule */
                allen_cahn(cell, slope);
                for (int i = 0; i < CELLS; i++) half[i] = cell[i] + 0.5 * h * slope[i];
                allen_cahn(half, slope);
                for (int i = 0; i < CELLS; i++) cell[i] += h * slope[i];
            }
            for (int i = 0; i < CELLS; i++) {
                error += pow(u[k * CELLS + i] - cell[i], 2.0);
                norm += cell[i] * cell[i];
            }
        }
        ck_assert_double_lt(sqrt(error / norm), 2e-3);
        pdm_model_destroy(&m);
        close_context();
    }
END_TEST

/* ---- what the slabs are ---- */

static const word growth_words[] = {{"pde", "fields", "u"},
                                    {"pde/residuals", "u", "dt(u) - a*u"},
                                    {"pde/initial", "u", "u0"},
                                    {"inputs/a", "distribution", "uniform(0, 1)"},
                                    {"inputs/u0", "distribution", "gaussian_field(length=0.5)"},
                                    {"inputs/u0", "dimensions", "x"},
                                    {"domain", "dimensions", "t x"},
                                    TIME("1 3", "25"),
                                    SPACE("0 1", "9"),
                                    {0}};

START_TEST(a_slab_is_a_short_problem)
    {
        pdm_march *march = NULL, *fine = NULL;
        double     input[2 * 10], slab[2 * 20];
        open_context();
        pdm_model *m = model_of(case_of(growth_words)), *finer = NULL;
        OK(pdm_march_create(m->problem, 5, &march)); /* 22 knot spans */
        ck_assert_int_eq(march->n_element, 5);
        const pdm_spline *t = pdm_domain_spline(march->slab->domain, 0);
        ck_assert_double_eq(t->map.low, 1.0);
        ck_assert_double_eq_tol(t->map.high, 1.4, 1e-15);
        ck_assert_int_eq(t->n_element, 5);
        ck_assert_int_eq(pdm_domain_n_input(march->slab->domain), 20);
        for (int i = 0; i < 20; i++) input[i] = 0.5 + 0.01 * i;
        OK(pdm_march_inputs(march, 2, input, slab));
        for (int s = 0; s < 2; s++) {
            ck_assert_mem_eq(slab + 20 * s, input + 10 * s, 10 * sizeof *slab);
            ck_assert_double_eq(slab[20 * s + 10], 0.0);
            for (int i = 0; i < 9; i++) ck_assert_double_eq_tol(slab[20 * s + 11 + i], input[10 * s + 1 + i], 1e-14);
        }
        for (pdm_size i = 0; i < pdm_domain_n_block(m->problem->domain); i++)
            ck_assert_double_eq(pdm_domain_scale(march->slab->domain, i), pdm_domain_scale(m->problem->domain, i));
        pdm_case *c = case_of(growth_words);
        OK(pdm_case_set_text(c, "domain/t", "control_points", "47"));
        finer = model_of(c);
        OK(pdm_march_refine(march, finer->problem, 2, &fine));
        ck_assert_int_eq(pdm_domain_spline(fine->slab->domain, 0)->n_element, 10);
        ck_assert_int_eq(fine->n_slab, 5);
        pdm_march_destroy(&fine);
        pdm_march_destroy(&march);
        pdm_model_destroy(&m);
        pdm_model_destroy(&finer);
        close_context();
    }
END_TEST

/* Times beyond the horizon, and a batch: the same numbers sample by sample, and those of exp(a t). */
START_TEST(slabs_go_on_beyond_the_horizon)
    {
        enum { N = 5, X = 9, SAMPLES = 3 };
        double           time[N] = {1.0, 1.7, 3.0, 3.4, 6.2}, x[X], u[SAMPLES * N * X], one[N * X], input[SAMPLES * 10];
        double          *coordinate[PDM_MAX_DIM] = {time, x};
        const pdm_size   n[PDM_MAX_DIM]          = {N, X};
        pdm_solve_result result[SAMPLES];
        open_context();
        pdm_case *c = case_of(growth_words);
        OK(pdm_case_set_text(c, "training", "batch", "2"));
        pdm_model *m = model_of(c);
        for (int i = 0; i < X; i++) x[i] = pdm_domain_greville(m->problem->domain, 1)[i];
        OK(pdm_inputs_draw_unseen(m->problem->inputs, SAMPLES, input));
        OK(predict_on(m, n, coordinate, 1e-9, SAMPLES, input, u, result));
        for (int s = 0; s < SAMPLES; s++) {
            OK(predict_on(m, n, coordinate, 1e-9, 1, input + 10 * s, one, result));
            ck_assert_mem_eq(one, u + s * N * X, sizeof one);
            for (int k = 0; k < N; k++)
                for (int i = 0; i < X; i++) {
                    const double right = input[10 * s + 1 + i] * exp(input[10 * s] * (time[k] - 1.0));
                    ck_assert_double_eq_tol(one[k * X + i], right, 1e-4 * exp(input[10 * s] * (time[k] - 1.0)));
                }
        }
        pdm_model_destroy(&m);
        close_context();
    }
END_TEST

/* ---- what stays at once, and what is refused ---- */

typedef struct refusal {
    word        change;
    const char *words;
} refusal;
static const refusal refusals[] = {
    {{"domain/t", "map", "sqrt"}, "knots are not at equal distances"},
    {{"domain/t", "grading", "power 1.5"}, "knots are not at equal distances"},
    {{"domain/t", "grading", "auto"}, "knots are not at equal distances"},
    {{"inputs/u0", "kind", "cells"}, "\"u0\" is on cells of it"},
    {{"domain/t", "sub", "1"}, "one row a knot span"},
};

START_TEST(what_cannot_be_cut_stays_at_once)
    {
        const refusal *x = &refusals[_i];
        char           why[PDM_MARCH_WHY];
        pdm_text       view = {0};
        open_context();
        pdm_case    *c = case_of(growth_words);
        pdm_problem *p = NULL;
        pdm_model   *m = NULL;
        if (strcmp(x->change.name, "kind") == 0) OK(pdm_case_set_text(c, "inputs/u0", "dimensions", "t x"));
        set(c, 1, &x->change);
        OK(pdm_problem_create(c, PDM_PROBLEM_INPUTS, NULL, &p));
        ck_assert(!pdm_march_possible(p, why));
        ck_assert_msg(strstr(why, x->words), "%s", why);
        ck_assert_int_eq(pdm_march_slabs(p), 1);
        view.ctx = ctx;
        OK(pdm_march_view(p, &view));
        ck_assert_ptr_nonnull(strstr(view.data, "at once"));
        ck_assert_ptr_nonnull(strstr(view.data, x->words));
        pdm_text_destroy(&view);
        pdm_problem_destroy(&p);
        OK(pdm_case_set_text(c, "domain/t", "slabs", "3"));
        ck_assert_int_eq(pdm_model_create(c, &m), PDM_ERR_CASE);
        SAYS("slabs");
        SAYS(x->words);
        pdm_case_destroy(&c);
        close_context();
    }
END_TEST

static const refusal settings[] = {{{"domain/t", "slabs", "0"}, "1 to"},
                                   {{"domain/t", "slabs", "2.5"}, "whole number"},
                                   {{"domain/t", "slabs", "many"}, "auto"},
                                   {{"domain/t", "slabs", "11"}, "at most 10"},
                                   {{"domain/x", "slabs", "2"}, "slabs"}};

START_TEST(numbers_of_slabs_are_checked)
    {
        open_context();
        pdm_case  *c = case_of(growth_words);
        pdm_model *m = NULL;
        set(c, 1, &settings[_i].change);
        ck_assert_int_eq(pdm_model_create(c, &m), PDM_ERR_CASE);
        SAYS(settings[_i].words);
        pdm_case_destroy(&c);
        close_context();
    }
END_TEST

int main(void)
{
    Suite *s = suite_create("march");
    TCase *t = tcase_create("march");
    tcase_set_timeout(t, 120);
    tcase_add_loop_test(t, slabs_reach_the_exact_solution, 0, (int)COUNT(exact_cases));
    tcase_add_loop_test(t, states_grow_as_they_must, 0, (int)COUNT(growth_cases));
    tcase_add_test(t, slabs_without_a_solution_are_halved);
    if (!on_backend("check")) tcase_add_test(t, allocation_failures_leave_nothing);
    tcase_add_test(t, a_field_grows_as_it_must);
    tcase_add_test(t, a_slab_is_a_short_problem);
    tcase_add_test(t, slabs_go_on_beyond_the_horizon);
    tcase_add_loop_test(t, what_cannot_be_cut_stays_at_once, 0, (int)COUNT(refusals));
    tcase_add_loop_test(t, numbers_of_slabs_are_checked, 0, (int)COUNT(settings));
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
