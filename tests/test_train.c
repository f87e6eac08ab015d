/* train/: the whole chain by the Taylor test, resuming, determinism, memory, files, prediction. */
#include "evidence/evidence.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/models.h"
#include "tests/prediction.h"
#include "train/train_impl.h"
#include "model/model_impl.h"

/* A tiny model of a test problem. */
static pdm_case *tiny_case(int number)
{
    pdm_case *c = NULL;
    OK(problem_case(ctx, number, &c));
    OK(pdm_case_set_text(c, "experts", "basis", "3"));
    OK(pdm_case_set_text(c, "surrogate", "width", "6"));
    OK(pdm_case_set_text(c, "surrogate", "layers", "2"));
    OK(pdm_case_set_text(c, "surrogate", "hidden", "8"));
    OK(pdm_case_set_text(c, "surrogate", "modes",
                         number == PROBLEM_SPACE3      ? "1 1 1 1"
                         : number == PROBLEM_VORTICITY ? "1 2 2"
                                                       : "2 2"));
    OK(pdm_case_set_text(c, "training", "batch", "2"));
    OK(pdm_case_set_text(c, "training", "steps", "30"));
    return c;
}

/* ---- natural sizes ---- */

static pdm_case *steady_case(const char *x_min, const char *x_max)
{
    pdm_case *c = NULL;
    OK(pdm_case_create(ctx, &c));
    OK(pdm_case_set_text(c, "pde", "fields", "u"));
    OK(pdm_case_set_text(c, "pde/residuals", "u", "-dxx(u) - a*sin(pi*x)"));
    OK(pdm_case_set_text(c, "pde/boundary", "x_min", x_min));
    OK(pdm_case_set_text(c, "pde/boundary", "x_max", x_max));
    OK(pdm_case_set_text(c, "inputs/a", "distribution", "uniform(400, 600)"));
    OK(pdm_case_set_text(c, "domain", "dimensions", "x"));
    OK(pdm_case_set_text(c, "domain/x", "extent", "0 1"));
    OK(pdm_case_set_text(c, "domain/x", "control_points", "12"));
    OK(pdm_case_set_text(c, "experts", "basis", "4"));
    return c;
}

/* u = a/pi^2 sin(pi x), about 51, whether the boundary data are zero or the rounding of sin(pi). */
START_TEST(magnitude_is_of_the_solution_not_of_rounding)
    {
        open_context_threads(2);
        pdm_model *m = model_of(steady_case("u = 0", _i ? "u = a*sin(pi*x)" : "u = 0"));
        ck_assert_double_eq_tol(m->problem->magnitude[0], 500.0 / 9.8696, 1.0); /* coefficients are near the values */
        pdm_model_destroy(&m);
        close_context();
    }
END_TEST

START_TEST(a_field_without_a_level_is_refused)
    {
        open_context_threads(2);
        pdm_case  *c = steady_case("dx(u) = 0", "flux(u) = 0");
        pdm_model *m = NULL;
        ck_assert_int_eq(pdm_model_create(c, &m), PDM_ERR_CASE);
        ck_assert_ptr_nonnull(strstr(pdm_context_error(ctx), "nothing fixes the level of \"u\""));
        ck_assert_ptr_null(m);
        pdm_case_destroy(&c);
        close_context();
    }
END_TEST

/* A sum that does not react to a shift fixes nothing, though each of its rows does. */
START_TEST(an_integral_fixes_a_level_or_not)
    {
        static const char *const constraint[] = {"integral(u) = 0", "integral((1 + sin(2*pi*x))*u) = a",
                                                 "integral(dx(u)) = 0", "integral(sin(2*pi*x)*u) = 0"};
        open_context_threads(2);
        pdm_case  *c = steady_case("dx(u) = 0", "flux(u) = 0");
        pdm_model *m = NULL;
        OK(pdm_case_set_text(c, "pde/constraints", "level", constraint[_i]));
        if (_i < 2) {
            OK(pdm_model_create(c, &m));
        } else {
            ck_assert_int_eq(pdm_model_create(c, &m), PDM_ERR_CASE);
            ck_assert_ptr_nonnull(strstr(pdm_context_error(ctx), "nothing fixes the level of \"u\""));
        }
        pdm_model_destroy(&m);
        pdm_case_destroy(&c);
        close_context();
    }
END_TEST

/* ---- integral constraints ---- */

/* Insulated, and so coarse that the initial state loses 0.3 % of its amount: the equation keeps the wrong amount. */
static pdm_case *amount_case(const char *constraint)
{
    pdm_case         *c        = NULL;
    const char *const set[][3] = {
        {"pde", "fields", "u"},
        {"pde/residuals", "u", "dt(u) - dx(0.1*dx(u))"},
        {"pde/exact", "u", "1 + exp(-1.6*pi^2*t)*cos(4*pi*x) + 0.5*exp(-0.1*pi^2*t)*cos(pi*x)"},
        {"pde/initial", "u", "1 + cos(4*pi*x) + 0.5*cos(pi*x)"},
        {"pde/boundary", "x_min", "flux(u) = 0"},
        {"pde/boundary", "x_max", "flux(u) = 0"},
        {"domain", "dimensions", "t x"},
        {"domain/t", "extent", "0 1"},
        {"domain/t", "control_points", "8"},
        {"domain/x", "extent", "0 1"},
        {"domain/x", "control_points", "10"},
        {"domain/x", "grading", "power 1.2"},
        {"experts", "basis", "4"},
        {"surrogate", "modes", "2 2"},
        {"training", "batch", "1"}};
    OK(pdm_case_create(ctx, &c));
    for (size_t i = 0; i < sizeof set / sizeof *set; i++) OK(pdm_case_set_text(c, set[i][0], set[i][1], set[i][2]));
    if (constraint) OK(pdm_case_set_text(c, "pde/constraints", "amount", constraint));
    return c;
}

/* Largest mean over a knot span of time of (integral of the polished field - 1 - change t), from its coefficients:
 * function i of a spline of degree p has the integral (k_{i+p+1} - k_i) / (p + 1). */
static double worst_amount(pdm_model *m, double change)
{
    const pdm_spline   *t = pdm_domain_spline(m->problem->domain, 0), *x = pdm_domain_spline(m->problem->domain, 1);
    pdm_experts        *experts  = NULL;
    pdm_solver         *solver   = NULL;
    void               *host     = NULL;
    double              worst    = 0.0;
    pdm_solver_settings settings = {.tolerance = 1e-10, .damping = 1e-4, .max_iter = 50};
    const double        gauss[2] = {0.21132486540518712, 0.78867513459481288};

    OK(pdm_experts_create_free(ctx, m->problem->domain, 8, &experts));
    OK(pdm_solver_create(ctx, m->problem->backend, &settings, m->problem->domain, experts, 1, &solver));
    OK(pdm_model_prepare(m, 1, m->samples->input));
    OK(pdm_solver_solve(solver, pdm_model_batch(m, 1), &m->samples->data, NULL, m->samples->lift, PDM_START_ZERO));
    ck_assert(pdm_reason_is_good(pdm_solver_results(solver)[0].reason));
    OK(m->problem->backend->ops->acquire(m->problem->backend, pdm_solver_lend(solver)->c, PDM_READ, &host));
    const double *c = host;
    for (pdm_size e = 0; e < t->n_element; e++) {
        double mean = 0.0;
        for (int g = 0; g < 2; g++) {
            const double at = t->breaks[e] + (t->breaks[e + 1] - t->breaks[e]) * gauss[g];
            double       basis[8], amount = 0.0;
            pdm_spline_basis(t, e, at, 1, basis);
            for (pdm_size l = 0; l <= t->degree; l++)
                for (pdm_size i = 0; i < x->n_coef; i++)
                    amount += basis[l] * c[(e + l) * x->n_coef + i] * (x->knots[i + x->degree + 1] - x->knots[i]) /
                              (double)(x->degree + 1);
            mean += 0.5 * (amount - 1.0 - change * at);
        }
        worst = fmax(worst, fabs(mean));
    }
    OK(m->problem->backend->ops->release(m->problem->backend, pdm_solver_lend(solver)->c, &host));
    pdm_solver_destroy(&solver);
    pdm_experts_destroy(&experts);
    return worst;
}

/* Met to 1e-6 where the grid does not (3e-3 without), at no cost to the error; and against the equation as well. */
START_TEST(integral_is_met)
    {
        double error[2];
        for (int with = 0; with < 2; with++) {
            open_context_threads(2);
            pdm_model *m = model_of(amount_case(with ? "integral(u) = 1" : NULL));
            if (with)
                ck_assert_double_lt(worst_amount(m, 0.0), 1e-6);
            else
                ck_assert_double_gt(worst_amount(m, 0.0), 1e-3);
            OK(pdm_model_evaluate_exact(m, 1e-10, NULL, NULL));
            error[with] = pdm_model_value(m, "error");
            pdm_model_destroy(&m);
            close_context();
        }
        ck_assert_double_lt(error[1], 1.05 * error[0]);
        open_context_threads(2);
        pdm_model *m = model_of(amount_case("integral(u) = 1 + 0.3*t"));
        ck_assert_double_lt(worst_amount(m, 0.3), 1e-6);
        pdm_model_destroy(&m);
        close_context();
    }
END_TEST

/* ---- positive fields ---- */

/* A front of the equation of Fisher, Kolmogorov, Petrovsky and Piskunov on a grid that hardly holds it: without the
 * transform the field goes below zero ahead of the front, to -0.04; with it, it does not,
 * and the error is ten times smaller. */
START_TEST(positive_field_stays_positive)
    {
        double error[2], least[2];
        for (int with = 0; with < 2; with++) {
            pdm_case         *c        = NULL;
            const char       *e        = "(1 + exp((x - 5*t/sqrt(6))/sqrt(6)))^(-2)";
            const char *const set[][3] = {{"pde", "fields", "u"},
                                          {"pde/residuals", "u", "dt(u) - dx(dx(u)) - u*(1 - u)"},
                                          {"pde/definitions", "e", e},
                                          {"pde/exact", "u", "e"},
                                          {"pde/initial", "u", "e"},
                                          {"pde/boundary", "x_min", "u = e"},
                                          {"pde/boundary", "x_max", "u = e"},
                                          {"domain", "dimensions", "t x"},
                                          {"domain/t", "extent", "0 4"},
                                          {"domain/t", "control_points", "10"},
                                          {"domain/t", "slabs", "1"}, /* they mend it, in part */
                                          {"domain/x", "extent", "-10 30"},
                                          {"domain/x", "control_points", "14"},
                                          {"experts", "basis", "4"},
                                          {"surrogate", "modes", "2 2"},
                                          {"training", "batch", "1"}};
            open_context_threads(2);
            OK(pdm_case_create(ctx, &c));
            for (size_t i = 0; i < sizeof set / sizeof *set; i++)
                OK(pdm_case_set_text(c, set[i][0], set[i][1], set[i][2]));
            if (with) OK(pdm_case_set_text(c, "pde", "positive", "u"));
            pdm_model       *m      = model_of(c);
            const pdm_size   n      = pdm_model_n_point(m);
            double          *u      = calloc((size_t)n, sizeof *u);
            const double     none[] = {0.0};
            pdm_solve_result result;
            OK(predict_on(m, NULL, NULL, 1e-10, 1, none, u, &result));
            least[with] = INFINITY;
            for (pdm_size i = 0; i < n; i++) least[with] = fmin(least[with], u[i]);
            OK(pdm_model_evaluate_exact(m, 1e-10, NULL, NULL));
            error[with] = pdm_model_value(m, "error");
            free(u);
            pdm_model_destroy(&m);
            close_context();
        }
        ck_assert_double_lt(least[0], -0.01);
        ck_assert_double_gt(least[1], 0.0);
        ck_assert_double_lt(error[1], 0.1 * error[0]);
    }
END_TEST

/* ---- units ---- */

/* Heat in a rod of 1 m, 1 K, 1 s, or of micrometres, gigakelvins and days, with the same numbers behind the units. */
static pdm_case *twin_case(double length, double size, double time)
{
    pdm_case *c = NULL;
    char      text[256];
    OK(pdm_case_create(ctx, &c));
    OK(pdm_case_set_text(c, "pde", "fields", "u"));
#define TWIN(group, name, ...)                       \
    do {                                             \
        snprintf(text, sizeof text, __VA_ARGS__);    \
        OK(pdm_case_set_text(c, group, name, text)); \
    } while (0)
    TWIN("pde/residuals", "u", "dt(u) - dx(D*(1 + (u/U)^2)*dx(u)) + k*u");
    TWIN("pde/parameters", "U", "%.17g", size);
    TWIN("pde/parameters", "D", "%.17g", 0.1 * length * length / time);
    TWIN("pde/parameters", "k", "%.17g", 0.5 / time);
    TWIN("pde/initial", "u", "a*sin(pi*x/%.17g)", length);
    TWIN("pde/boundary", "x_min", "u = 0");
    TWIN("pde/boundary", "x_max", "dx(u) + u/%.17g = 0", length);
    TWIN("inputs/a", "distribution", "uniform(%.17g, %.17g)", 0.5 * size, 1.5 * size);
    TWIN("domain", "dimensions", "t x");
    TWIN("domain/t", "extent", "0 %.17g", time);
    TWIN("domain/t", "control_points", "8");
    TWIN("domain/x", "extent", "0 %.17g", length);
    TWIN("domain/x", "control_points", "10");
    TWIN("domain/x", "experts", "2");
    TWIN("experts", "basis", "6");
    TWIN("surrogate", "modes", "2 2");
#undef TWIN
    return c;
}

/* Dimensionless twins: the same answers in their own units, from a trained network to four digits (FP32 weights take
 * different last bits through 20 steps) and polished to ten. */
START_TEST(answers_do_not_depend_on_units)
    {
        static const double length[2] = {1.0, 2.5e-6}, size[2] = {1.0, 3e9}, time[2] = {1.0, 86400.0};
        double             *u[2][2] = {{NULL}};
        pdm_size            n       = 0;
        open_context_threads(2);
        for (int k = 0; k < 2; k++) {
            pdm_model       *m        = model_of(twin_case(length[k], size[k], time[k]));
            const double     input[1] = {1.1 * size[k]};
            pdm_solve_result result;
            for (int step = 0; step < 20; step++) OK(pdm_model_train_step(m));
            n = pdm_model_n_point(m);
            for (int polished = 0; polished < 2; polished++) {
                u[k][polished] = calloc((size_t)n, sizeof(double));
                OK(predict_on(m, NULL, NULL, polished ? 1e-12 : 0.0, 1, input, u[k][polished], &result));
                ck_assert(pdm_reason_is_good(result.reason));
            }
            pdm_model_destroy(&m);
        }
        for (int polished = 0; polished < 2; polished++) {
            double worst = 0.0;
            for (pdm_size i = 0; i < n; i++) worst = fmax(worst, fabs(u[0][polished][i] - u[1][polished][i] / size[1]));
            ck_assert_double_lt(worst, polished ? 1e-9 : 1e-3);
            free(u[0][polished]), free(u[1][polished]);
        }
        close_context();
    }
END_TEST

/* ---- the gold test: loss by network weights through everything ---- */

static const struct {
    int         problem;
    const char *experts, *partition;
} chains[] = {
    {PROBLEM_HEAT, "1", "hard"},      {PROBLEM_HEAT, "4", "smooth"},   {PROBLEM_FLUX, "1", "smooth"},
    {PROBLEM_FLUX, "4", "hard"},      {PROBLEM_SYSTEM, "1", "hard"},   {PROBLEM_SYSTEM, "4", "hard"},
    {PROBLEM_SYSTEM, "4", "smooth"},  {PROBLEM_BURGERS, "4", "hard"},  {PROBLEM_POINT, "4", "smooth"},
    {PROBLEM_WAVE, "4", "hard"},      {PROBLEM_FOURTH, "1", "hard"},   {PROBLEM_SPACE3, "2", "hard"},
    {PROBLEM_SORPTION, "4", "hard"},  {PROBLEM_SORPTION, "1", "hard"}, {PROBLEM_LEVELS, "4", "smooth"},
    {PROBLEM_VORTICITY, "2", "hard"}, {PROBLEM_POSITIVE, "2", "hard"}, {PROBLEM_AMOUNT, "3", "hard"},
    {PROBLEM_MEAN, "2", "smooth"},
};
enum { N_CHAIN = sizeof chains / sizeof *chains };
static const char *const losses[] = {"physics", "data", "mix"};

/* Writes a file with two samples of inputs and smooth fields to train on. */
static void write_data(const pdm_model *m, const char *path)
{
    const pdm_pde *pde                   = pdm_domain_pde(m->problem->domain);
    pdm_output    *o                     = NULL;
    const char    *dims[PDM_MAX_DIM + 1] = {"sample"};
    pdm_size       n_point               = 1;
    OK(pdm_output_create(ctx, path, &o));
    OK(pdm_output_dimension(o, "sample", 2, NULL, NULL, NULL, NULL));
    for (pdm_size j = 0; j < pdm_pde_n_dim(pde); j++) {
        const pdm_spline *s = pdm_domain_spline(m->problem->domain, j);
        double            x[5];
        for (int i = 0; i < 5; i++) x[i] = s->map.low + (s->map.high - s->map.low) * (i + 0.5) / 5.0;
        dims[j + 1] = pdm_pde_dim_name(pde, j);
        OK(pdm_output_dimension(o, dims[j + 1], 5, x, "1", NULL, NULL));
        n_point *= 5;
    }
    double *u = calloc((size_t)(2 * n_point), sizeof *u), a[2] = {0.6, 0.9};
    for (pdm_size i = 0; i < 2 * n_point; i++) u[i] = 0.5 + 0.3 * sin(0.7 * (double)i);
    OK(pdm_output_variable(o, "a", 1, dims, "1", NULL));
    OK(pdm_output_put(o, "a", 0, 2, a));
    for (pdm_size f = 0; f < pdm_pde_n_field(pde); f++) {
        OK(pdm_output_variable(o, pdm_pde_field_name(pde, f), pdm_pde_n_dim(pde) + 1, dims, "1", NULL));
        OK(pdm_output_put(o, pdm_pde_field_name(pde, f), 0, 2, u));
    }
    OK(pdm_output_commit(o));
    pdm_output_destroy(&o);
    free(u);
}

static void report(void *user, const char *text)
{
    snprintf(user, 4096, "%s", text);
}

START_TEST(loss_gradient_passes_the_taylor_test)
    {
        const int k      = _i / 3;
        char      path[] = "taylor-data.nc", table[4096];
        double    slope  = 0.0;
        open_context_threads(2);
        pdm_case *c = tiny_case(chains[k].problem);
        OK(pdm_case_set_text(c, "domain/x", "experts", chains[k].experts));
        OK(pdm_case_set_text(c, "experts", "partition", chains[k].partition));
        OK(pdm_case_set_text(c, "solver", "ridge", "1e-4"));
        if (_i % 3 > 0) {
            pdm_case *plain = NULL;
            OK(pdm_case_copy(c, &plain));
            pdm_model *m = model_of(plain);
            write_data(m, path);
            pdm_model_destroy(&m);
            OK(pdm_case_set_text(c, "training", "data", path));
        }
        OK(pdm_case_set_text(c, "training", "loss", losses[_i % 3]));
        pdm_model *m = model_of(c);
        for (int i = 0; i < 3; i++) OK(pdm_model_train_step(m));
        OK(pdm_model_check_gradient(m, &slope, report, table));
        ck_assert_msg(fabs(slope - 2.0) <= 0.1, "%s, %s experts, %s, %s loss:\n%s", problem_name(chains[k].problem),
                      chains[k].experts, chains[k].partition, losses[_i % 3], table);
        pdm_model_destroy(&m);
        if (_i % 3 > 0) remove(path);
        close_context();
    }
END_TEST

/* The same for solves in sweeps, and for experts by themselves. */
START_TEST(loss_gradient_in_other_modes)
    {
        static const int which[] = {PROBLEM_HEAT, PROBLEM_SYSTEM, PROBLEM_BURGERS};
        const bool       alone   = _i % 2;
        const int        number = which[_i / 6], loss = _i / 2 % 3;
        char             path[] = "taylor-modes.nc", table[4096];
        double           slope  = 0.0;
        open_context_threads(2);
        pdm_case *c = tiny_case(number);
        OK(pdm_case_set_text(c, "domain/x", "experts", "2"));
        OK(pdm_case_set_text(c, "solver", "ridge", alone ? "1e-1" : "1e-4")); /* alone they hardly have a minimum */
        if (loss > 0) {
            pdm_case *plain = NULL;
            OK(pdm_case_copy(c, &plain));
            pdm_model *m = model_of(plain);
            write_data(m, path);
            pdm_model_destroy(&m);
            OK(pdm_case_set_text(c, "training", "data", path));
        }
        OK(pdm_case_set_text(c, "training", "loss", losses[loss]));
        OK(pdm_case_set_text(c, "training", "max_iter", "500"));
        OK(pdm_case_set_text(c, "solver", "mode", alone ? "independent" : "schwarz"));
        pdm_model *m = model_of(c);
        for (int i = 0; i < 3; i++) OK(pdm_model_train_step(m));
        OK(pdm_model_check_gradient(m, &slope, report, table));
        ck_assert_msg(fabs(slope - 2.0) <= 0.1, "%s, %s, %s loss:\n%s", problem_name(number),
                      alone ? "independent" : "schwarz", losses[loss], table);
        pdm_model_destroy(&m);
        if (loss > 0) remove(path);
        close_context();
    }
END_TEST

/* A network whose backward pass is wrong by a factor close to 1. */
static const pdm_surrogate_ops *right_ops;

static pdm_status wrong_backward(pdm_surrogate *s, pdm_batch batch, pdm_buffer *g_basis)
{
    const pdm_status status = right_ops->backward(s, batch, g_basis);
    if (status != PDM_OK) return status;
    return s->backend->ops->combine_f32(s->backend, s->n_parameter, 1e-3, s->g_parameters, 1.0, s->g_parameters);
}

START_TEST(taylor_test_finds_a_small_mistake)
    {
        char   table[4096];
        double slope = 0.0;
        open_context_threads(2);
        pdm_case *c = tiny_case(chains[_i].problem);
        OK(pdm_case_set_text(c, "domain/x", "experts", chains[_i].experts));
        OK(pdm_case_set_text(c, "experts", "partition", chains[_i].partition));
        OK(pdm_case_set_text(c, "solver", "ridge", "1e-4"));
        pdm_model *m = model_of(c);
        for (int i = 0; i < 3; i++) OK(pdm_model_train_step(m));
        pdm_surrogate    *net = m->surrogate;
        pdm_surrogate_ops ops = *net->ops;
        ops.backward          = wrong_backward;
        right_ops             = net->ops;
        net->ops              = &ops;
        OK(pdm_model_check_gradient(m, &slope, report, table));
        net->ops = right_ops;
        ck_assert_msg(fabs(slope - 1.0) <= 0.3, "%s, %s experts, %s:\n%s", problem_name(chains[_i].problem),
                      chains[_i].experts, chains[_i].partition, table);
        pdm_model_destroy(&m);
        close_context();
    }
END_TEST

/* ---- the modes side by side ---- */

typedef struct mode_numbers {
    int    n;
    char   name[128][64];
    double value[128];
} mode_numbers;

static void take_number(void *user, const char *name, double value)
{
    mode_numbers *t = user;
    snprintf(t->name[t->n], sizeof t->name[t->n], "%s", name);
    t->value[t->n++] = value;
}

static double number_of(const mode_numbers *t, const char *name)
{
    for (int i = 0; i < t->n; i++)
        if (strcmp(t->name[i], name) == 0) return t->value[i];
    ck_abort_msg("no number %s", name);
    return NAN;
}

/* Coupled, in the case's own layout, is a prediction; it has the least objective, which enough sweeps reach, and
 * independent experts do not; the model stays as it is. Rows at interfaces are counted by hand: of the elements along x
 * with p + 1 control points, p at each inner boundary see two experts. */
START_TEST(modes_are_compared)
    {
        static const pdm_size count[] = {2, 1, 50};
        mode_numbers          t       = {0};
        char                  path[]  = "modes-data.nc";
        open_context_threads(2);
        pdm_case *c = tiny_case(PROBLEM_HEAT);
        OK(pdm_case_set_text(c, "domain/x", "experts", "2"));
        OK(pdm_case_set_text(c, "solver", "tolerance", "1e-6"));
        pdm_model *m = model_of(c);
        for (int i = 0; i < 2; i++) OK(pdm_model_train_step(m));
        write_data(m, path);
        OK(pdm_model_evaluate_file(m, path, NULL, 0.0, NULL, NULL));
        const double error = pdm_model_value(m, "error");
        ck_assert_int_eq(pdm_model_compare_modes(m, path, 3, count, 0, NULL, NULL, NULL), PDM_ERR_ARGUMENT);
        OK(pdm_model_compare_modes(m, path, 2, count, 20000, NULL, take_number, &t));
        ck_assert_str_eq(t.name[0], "samples");
        ck_assert_int_eq(t.n, 1 + 8 * 4);
        ck_assert_double_eq(number_of(&t, "2.coupled.error"), error);
        ck_assert_double_eq_tol(number_of(&t, "2.schwarz.error"), error, 1e-5 * error);
        ck_assert_double_gt(fabs(number_of(&t, "2.independent.error") - error), 1e-3 * error);
        const double phi = number_of(&t, "2.coupled.phi");
        ck_assert_double_eq_tol(number_of(&t, "2.schwarz.phi"), phi, 1e-9 * phi);
        ck_assert_double_gt(number_of(&t, "2.independent.phi"), 1.01 * phi);
        ck_assert_double_gt(number_of(&t, "1.coupled.phi"), 1.01 * phi);
        ck_assert_double_eq(number_of(&t, "2.coupled.unconverged") + number_of(&t, "2.schwarz.unconverged"), 0.0);
        const pdm_spline *s = pdm_domain_spline(m->problem->domain, 1);
        ck_assert(!s->periodic);
        ck_assert_double_eq_tol(number_of(&t, "2.coupled.interface_rows"), (double)s->degree / (double)s->n_element,
                                1e-14);
        ck_assert_double_eq(number_of(&t, "1.coupled.interface_rows"), 0.0);
        ck_assert_double_eq(number_of(&t, "1.coupled.interface_squares"), 0.0);
        ck_assert_double_gt(number_of(&t, "2.independent.interface_squares"),
                            number_of(&t, "2.coupled.interface_squares"));
        ck_assert_double_lt(number_of(&t, "2.independent.interface_squares"), 1.0);
        OK(pdm_model_evaluate_file(m, path, NULL, 0.0, NULL, NULL));
        ck_assert_double_eq(pdm_model_value(m, "error"), error);
        pdm_model_destroy(&m);
        remove(path);
        close_context();
    }
END_TEST

/* Independent experts whose polynomials reach the solution find it where nothing but the start is needed for it, each
 * for itself: their rows look at nothing of their neighbours. u = t + t^2; 15 functions a box reach all five
 * coefficients in t. */
START_TEST(independent_experts_find_what_they_reach)
    {
        open_context_threads(2);
        pdm_case *c = NULL;
        OK(pdm_case_create(ctx, &c));
        static const char *const words[][3] = {{"pde", "fields", "u"},
                                               {"pde/residuals", "u", "dt(u) - 1 - 2*t"},
                                               {"pde/initial", "u", "0"},
                                               {"pde/exact", "u", "t + t^2"},
                                               {"domain", "dimensions", "t x"},
                                               {"domain/t", "extent", "0 1"},
                                               {"domain/t", "control_points", "6"},
                                               {"domain/x", "extent", "0 1"},
                                               {"domain/x", "control_points", "16"},
                                               {"domain/x", "kind", "periodic"},
                                               {"domain/x", "experts", "3"},
                                               {"experts", "basis", "15"},
                                               {"surrogate", "modes", "2"},
                                               {"solver", "mode", "independent"},
                                               {"solver", "ridge", "1e-12"}};
        for (size_t i = 0; i < sizeof words / sizeof *words; i++)
            OK(pdm_case_set_text(c, words[i][0], words[i][1], words[i][2]));
        if (_i) OK(pdm_case_set_text(c, "experts", "partition", "smooth"));
        pdm_model     *m    = model_of(c);
        pdm_surrogate *net  = m->surrogate;
        void          *host = NULL;
        OK(net->backend->ops->acquire(net->backend, net->parameters, PDM_WRITE, &host));
        memset(host, 0, (size_t)net->n_parameter * sizeof(float)); /* it says nothing: polynomials are left */
        OK(net->backend->ops->release(net->backend, net->parameters, &host));
        OK(pdm_model_evaluate_exact(m, 0.0, NULL, NULL));
        ck_assert_double_lt(pdm_model_value(m, "error"), 1e-9); /* the ridge */
        pdm_model_destroy(&m);
        close_context();
    }
END_TEST

/* ---- determinism and files ---- */

static void weights_of(pdm_model *m, float **out, pdm_size *n)
{
    void        *host = NULL;
    pdm_backend *b    = m->problem->backend;
    *n                = m->surrogate->n_parameter;
    *out              = calloc((size_t)*n, sizeof **out);
    OK(b->ops->acquire(b, m->surrogate->parameters, PDM_READ, &host));
    memcpy(*out, host, (size_t)*n * sizeof **out);
    OK(b->ops->release(b, m->surrogate->parameters, &host));
}

/* Whatever allocation fails, a gradient check leaves the weights as they were. */
START_TEST(failed_gradient_check_keeps_the_weights)
    {
        if (on_backend("check")) return;
        float   *before, *after;
        pdm_size n     = 0;
        double   slope = 0.0;
        open_context_threads(2);
        pdm_model *m = model_of(tiny_case(PROBLEM_HEAT));
        weights_of(m, &before, &n);
        pdm_status status = PDM_ERR_MEMORY;
        for (pdm_size k = 1; status != PDM_OK; k++) {
            pdm_context_fail_allocation(ctx, k);
            status = pdm_model_check_gradient(m, &slope, NULL, NULL);
            pdm_context_fail_allocation(ctx, 0);
            ck_assert(status == PDM_OK || status == PDM_ERR_MEMORY);
            weights_of(m, &after, &n);
            ck_assert_int_eq(memcmp(before, after, (size_t)n * sizeof(float)), 0);
            free(after);
        }
        free(before);
        pdm_model_destroy(&m);
        close_context();
    }
END_TEST

START_TEST(threads_do_not_change_a_bit)
    {
        float   *weight[2];
        pdm_size n = 0;
        for (int t = 0; t < 2; t++) {
            open_context_threads(2);
            OK(pdm_context_set_threads(ctx, t + 1));
            pdm_model *m = model_of(tiny_case(_i));
            for (int k = 0; k < 10; k++) OK(pdm_model_train_step(m));
            weights_of(m, &weight[t], &n);
            pdm_model_destroy(&m);
            close_context();
        }
        ck_assert_int_eq(memcmp(weight[0], weight[1], (size_t)n * sizeof(float)), 0);
        free(weight[0]), free(weight[1]);
    }
END_TEST

/* ---- samples without a derivative ---- */

/* A back end whose second-order products make the adjoint systems of spoiled samples indefinite. */
static const pdm_backend_ops *real_ops;
static bool                   spoiled[2];
static pdm_size               spoiled_size; /* numbers in one sample's c */

static pdm_status spoiled_second_order(pdm_backend *b, pdm_rows_plan *plan, pdm_batch s, const pdm_rows_data *data,
                                       pdm_buffer *c, pdm_buffer *y, pdm_buffer *v, pdm_buffer *out)
{
    static const double minus[2] = {-1e12, -1e12};
    pdm_status          status   = real_ops->rows_second_order(b, plan, s, data, c, y, v, out);
    for (pdm_size i = 0; i < s.n && status == PDM_OK; i++)
        if (spoiled[s.index[i]])
            status = real_ops->vector_combine(b, (pdm_batch){1, s.index + i}, spoiled_size, minus, v, NULL, NULL, out);
    return status;
}

static void gradient_of(pdm_model *m, double *out)
{
    void                *host = NULL;
    pdm_backend         *b    = m->problem->backend;
    const pdm_surrogate *net  = m->surrogate;
    OK(b->ops->acquire(b, net->g_parameters, PDM_READ, &host));
    for (pdm_size i = 0; i < net->n_parameter; i++) out[i] = (double)((float *)host)[i];
    OK(b->ops->release(b, net->g_parameters, &host));
}

/* Loss and gradient are means over the same samples: that of two is half the sum of those where one of the two has no
 * derivative, and where neither has one the step fails and changes nothing. */
START_TEST(loss_and_gradient_are_of_the_same_samples)
    {
        double   loss[3] = {0.0}, worst = 0.0, size = 0.0, *g[3];
        float   *before, *after;
        pdm_size n;
        open_context_threads(2);
        pdm_case *c = tiny_case(PROBLEM_FLUX), *plain = NULL;
        OK(pdm_case_copy(c, &plain));
        pdm_model *m = model_of(plain);
        write_data(m, "spoiled-data.nc");
        pdm_model_destroy(&m);
        OK(pdm_case_set_text(c, "training", "data", "spoiled-data.nc"));
        OK(pdm_case_set_text(c, "training", "loss", "mix"));
        m                     = model_of(c);
        pdm_backend    *b     = m->problem->backend;
        pdm_backend_ops ops   = *b->ops;
        ops.rows_second_order = spoiled_second_order;
        real_ops              = b->ops;
        b->ops                = &ops;
        spoiled_size          = pdm_domain_n_coef(m->problem->domain) * pdm_domain_n_field(m->problem->domain);
        OK(pdm_model_train_step(m));
        n = m->surrogate->n_parameter;
        for (int k = 0; k < 3; k++) g[k] = calloc((size_t)n, sizeof *g[k]);
        for (pdm_size step = 1; step < 30 && !(fabs(loss[1] - loss[2]) > 1e-3 * loss[0]); step++)
            for (int k = 0; k < 3; k++) { /* steps that pick one sample of the data twice tell nothing */
                spoiled[0] = k == 1;
                spoiled[1] = k == 2;
                pdm_step_report r;
                pdm_size        n_good;
                OK(pdm_train_loss(m, step, pdm_model_batch(m, m->n_batch), true, &n_good, &r));
                ck_assert_double_eq(r.failed, k > 0 ? 1.0 : 0.0);
                loss[k] = r.loss;
                gradient_of(m, g[k]);
            }
        ck_assert_double_gt(fabs(loss[1] - loss[2]), 1e-3 * loss[0]);
        ck_assert_double_eq_tol(loss[0], 0.5 * (loss[1] + loss[2]), 1e-14 * loss[0]);
        for (pdm_size i = 0; i < n; i++) {
            worst = fmax(worst, fabs(g[0][i] - 0.5 * (g[1][i] + g[2][i])));
            size  = fmax(size, fabs(g[0][i]));
        }
        ck_assert_double_le(worst, 1e-4 * size); /* FP32 sums over samples in another order, adjoints to 1e-6 */
        spoiled[0] = spoiled[1] = true;
        weights_of(m, &before, &n);
        ck_assert_int_eq(pdm_model_train_step(m), PDM_ERR_NUMERIC);
        ck_assert_ptr_nonnull(strstr(pdm_context_error(ctx), "has a derivative"));
        ck_assert_int_eq(pdm_model_step(m), 1);
        weights_of(m, &after, &n);
        ck_assert_int_eq(memcmp(before, after, (size_t)n * sizeof *before), 0);
        b->ops = real_ops;
        pdm_model_destroy(&m);
        for (int k = 0; k < 3; k++) free(g[k]);
        free(before), free(after);
        remove("spoiled-data.nc");
        close_context();
    }
END_TEST

START_TEST(resumed_training_is_the_same_training)
    {
        float   *weight[2];
        pdm_size n = 0;
        open_context_threads(2);
        pdm_model *m = model_of(tiny_case(PROBLEM_FLUX));
        for (int k = 0; k < 12; k++) {
            if (k == 5) OK(pdm_model_write(m, "resume.nc"));
            OK(pdm_model_train_step(m));
        }
        weights_of(m, &weight[0], &n);
        pdm_model_destroy(&m);
        OK(pdm_model_read(ctx, "resume.nc", &m));
        ck_assert_int_eq(pdm_model_step(m), 5);
        for (int k = 5; k < 12; k++) OK(pdm_model_train_step(m));
        weights_of(m, &weight[1], &n);
        ck_assert_int_eq(memcmp(weight[0], weight[1], (size_t)n * sizeof(float)), 0);
        pdm_case *other = tiny_case(PROBLEM_HEAT), *same = tiny_case(PROBLEM_FLUX);
        OK(pdm_case_set_text(same, "training", "steps", "99"));
        ck_assert_int_eq(pdm_model_check_case(m, same), PDM_OK);
        ck_assert_int_eq(pdm_model_check_case(m, other), PDM_ERR_MODEL);
        pdm_case_destroy(&other);
        pdm_case_destroy(&same);
        pdm_model_destroy(&m);
        remove("resume.nc");
        free(weight[0]), free(weight[1]);
        close_context();
    }
END_TEST

/* The weights of an earlier format would be read as something that they are not. */
START_TEST(models_of_earlier_formats_are_refused)
    {
        pdm_store *s = NULL;
        pdm_model *m = NULL;
        open_context_threads(2);
        pdm_case *c = tiny_case(PROBLEM_HEAT);
        OK(pdm_store_create(ctx, "earlier.nc", "model", PDM_MODEL_FORMAT_PLAIN - 1, &s));
        OK(pdm_store_put_case(s, c));
        OK(pdm_store_commit(s));
        pdm_store_destroy(&s);
        ck_assert_int_eq(pdm_model_read(ctx, "earlier.nc", &m), PDM_ERR_MODEL);
        ck_assert_ptr_nonnull(strstr(pdm_context_error(ctx), "train anew"));
        ck_assert_ptr_null(m);
        pdm_case_destroy(&c);
        remove("earlier.nc");
        close_context();
    }
END_TEST

START_TEST(steps_do_not_allocate)
    {
        if (on_backend("check")) return;
        pdm_size second = 0, last = 0;
        open_context_threads(2);
        pdm_model *m = model_of(tiny_case(_i));
        for (int k = 0; k < 50 && k < 30; k++) {
            OK(pdm_model_train_step(m));
            if (k == 1) pdm_context_memory(ctx, NULL, NULL, &second);
        }
        pdm_context_memory(ctx, NULL, NULL, &last);
        ck_assert_int_eq(second, last);
        pdm_model_destroy(&m);
        close_context();
    }
END_TEST

START_TEST(training_lowers_the_loss)
    {
        double first = 0.0, last = 0.0;
        open_context_threads(2);
        pdm_case *c = tiny_case(PROBLEM_HEAT);
        OK(pdm_case_set_text(c, "training", "steps", "150"));
        pdm_model *m = model_of(c);
        for (int k = 0; k < 150; k++) {
            OK(pdm_model_train_step(m));
            if (k < 10) first += pdm_model_value(m, "loss");
            if (k >= 140) last += pdm_model_value(m, "loss");
        }
        ck_assert_double_lt(last, 0.5 * first);
        pdm_model_destroy(&m);
        close_context();
    }
END_TEST

/* ---- prediction ---- */

/* In batches or one by one, polished or not, the same numbers;
 * the polished answer of a problem with an exact solution. */
START_TEST(prediction_does_not_depend_on_the_batch)
    {
        open_context_threads(2);
        pdm_model   *m        = model_of(tiny_case(PROBLEM_HEAT));
        const double input[3] = {0.6, 0.9, 1.2};
        for (int k = 0; k < 5; k++) OK(pdm_model_train_step(m));
        const pdm_size n   = pdm_model_n_point(m);
        double        *all = calloc((size_t)(3 * n), sizeof *all), *one = calloc((size_t)n, sizeof *one);
        int32_t        reason[3];
        OK(pdm_model_predict(m, 3, input, all, reason));
        for (int i = 0; i < 3; i++) {
            ck_assert(pdm_reason_is_good(reason[i]));
            OK(pdm_model_predict(m, 1, input + i, one, NULL));
            ck_assert_int_eq(memcmp(one, all + i * n, (size_t)n * sizeof *one), 0);
        }
        const double nan_input[1] = {NAN};
        ck_assert_int_eq(pdm_model_predict(m, 1, nan_input, one, NULL), PDM_ERR_DATA);
        free(all), free(one);
        pdm_model_destroy(&m);
        close_context();
    }
END_TEST

/* Order of the polished error over four grids against exact solutions: of the shipped cases, and of a problem on one
 * interval, -u'' = a sin(x), of any degree and condition at its end. A third derivative in that condition is known to
 * order degree + 1 - 3, and the solution with it. */
static const struct {
    const char *file, *dims, *degree, *x_max;
    int         extra[3], base;
    double      order; /* at least, less 0.2 for the fit */
} orders[] = {{"cases/poisson/poisson.cdl", "xy", NULL, NULL, {3, 3, 0}, 5, 3.2},
              {"cases/heat2d/heat2d.cdl", "txy", NULL, NULL, {3, 3, 0}, 4, 3.2},
              {NULL, "x", "2", "dx(u) = a*cos(x)", {2}, 6, 2.0},
              {NULL, "x", "3", "dx(u) = a*cos(x)", {3}, 4, 4.0},
              {NULL, "x", "4", "dx(u) = a*cos(x)", {4}, 4, 4.0},
              {NULL, "x", "5", "dx(u) = a*cos(x)", {5}, 4, 6.0},
              {NULL, "x", "6", "dx(u) = a*cos(x)", {6}, 5, 6.0},
              {NULL, "x", "7", "dx(u) = a*cos(x)", {7}, 5, 8.0},
              {NULL, "x", "4", "u - dxxx(u) = a*(sin(x) + cos(x))", {4}, 4, 2.0}};

static pdm_case *interval_case(const char *degree, const char *x_max)
{
    pdm_case         *c        = NULL;
    const char *const set[][3] = {{"pde", "fields", "u"},           {"pde/residuals", "u", "-dxx(u) - a*sin(x)"},
                                  {"pde/exact", "u", "a*sin(x)"},   {"pde/boundary", "x_min", "u = 0"},
                                  {"pde/boundary", "x_max", x_max}, {"inputs/a", "distribution", "uniform(0.5, 1.5)"},
                                  {"domain", "dimensions", "x"},    {"domain/x", "extent", "0 3"},
                                  {"domain/x", "degree", degree}};
    OK(pdm_case_create(ctx, &c));
    for (size_t i = 0; i < sizeof set / sizeof *set; i++) OK(pdm_case_set_text(c, set[i][0], set[i][1], set[i][2]));
    return c;
}

START_TEST(polished_error_converges)
    {
        static const double      factor[4] = {1.0, 1.5, 2.0, 2.5};
        static const char *const modes[]   = {"1", "1 1", "1 1 1"};
        const char              *name      = orders[_i].file ? orders[_i].file : orders[_i].x_max;
        double                   sx = 0, sy = 0, sxx = 0, sxy = 0;
        char                     path[1024], line[64];
        open_context_threads(2);
        for (int k = 0; k < 4; k++) {
            pdm_case *c = NULL;
            const int n = (int)(orders[_i].base * factor[k] + 0.5);
            if (orders[_i].file) {
                snprintf(path, sizeof path, "%s/%s", PDM_SOURCE_DIR, orders[_i].file);
                OK(pdm_case_read(ctx, path, &c));
            } else {
                c = interval_case(orders[_i].degree, orders[_i].x_max);
            }
            for (int d = 0; orders[_i].dims[d]; d++) {
                char group[16];
                snprintf(group, sizeof group, "domain/%c", orders[_i].dims[d]);
                snprintf(line, sizeof line, "%d", n + orders[_i].extra[d]);
                OK(pdm_case_set_text(c, group, "control_points", line));
            }
            OK(pdm_case_set_text(c, "surrogate", "modes", modes[strlen(orders[_i].dims) - 1]));
            OK(pdm_case_set_text(c, "training", "batch", "1"));
            pdm_model *m = model_of(c);
            OK(pdm_model_evaluate_exact(m, 1e-9, NULL, NULL));
            const double x = log2(1.0 / n), y = log2(pdm_model_value(m, "error"));
            printf("%s: %d knot spans, relative L2 error %.3e\n", name, n, pdm_model_value(m, "error"));
            sx += x, sy += y, sxx += x * x, sxy += x * y;
            pdm_model_destroy(&m);
        }
        const double order = (4 * sxy - sx * sy) / (4 * sxx - sx * sx);
        printf("%s: observed order %.2f\n", name, order);
        ck_assert_double_ge(order, orders[_i].order - 0.2);
        close_context();
    }
END_TEST

/* ---- grading = "auto" ---- */

/* Layers of width 0.01: at both ends of an interval, u = 1 - cosh((x - 1/2)/0.01) / cosh(50); or around x = 0.3 and the
 * seam at 1 of a periodic one, where u is a sum of narrow bells. */
static pdm_case *layer_case(bool periodic, const char *grading)
{
    pdm_case *c = NULL;
    OK(pdm_case_create(ctx, &c));
    OK(pdm_case_set_text(c, "pde", "fields", "u"));
    OK(pdm_case_set_text(c, "domain", "dimensions", "x"));
    OK(pdm_case_set_text(c, "domain/x", "extent", "0 1"));
    OK(pdm_case_set_text(c, "domain/x", "control_points", "40"));
    OK(pdm_case_set_text(c, "domain/x", "grading", grading));
    OK(pdm_case_set_text(c, "surrogate", "modes", "2"));
    OK(pdm_case_set_text(c, "experts", "basis", "4"));
    if (periodic) {
        OK(pdm_case_set_text(c, "domain/x", "kind", "periodic"));
        OK(pdm_case_set_text(c, "pde/exact", "u", "exp(-1000*sin(pi*(x - 0.3))^2) + exp(-1000*sin(pi*x)^2)"));
        OK(pdm_case_set_text(c, "pde/residuals", "u", "u - (exp(-1000*sin(pi*(x - 0.3))^2) + exp(-1000*sin(pi*x)^2))"));
    } else {
        OK(pdm_case_set_text(c, "pde/exact", "u", "1 - (exp(100*(x - 1)) + exp(-100*x))/(1 + exp(-100))"));
        OK(pdm_case_set_text(c, "pde/residuals", "u", "-1e-4*dxx(u) + u - 1"));
        OK(pdm_case_set_text(c, "pde/boundary", "x_min", "u = 0"));
        OK(pdm_case_set_text(c, "pde/boundary", "x_max", "u = 0"));
    }
    return c;
}

/* Knots go where the solution bends: of 37 or 40 spans of equal length a layer has less than one; graded ones have some
 * ten, which for order 4 is a factor of hundreds or more. 30 is asked for. */
START_TEST(auto_grading_finds_layers)
    {
        double error[2];
        open_context_threads(2);
        for (int k = 0; k < 2; k++) {
            pdm_model *m = model_of(layer_case(_i == 1, k ? "auto" : "linear"));
            OK(pdm_model_evaluate_exact(m, 1e-9, NULL, NULL));
            error[k] = pdm_model_value(m, "error");
            pdm_model_destroy(&m);
        }
        printf("grading %s: %.3e linear, %.3e auto\n", _i ? "periodic" : "bounded", error[0], error[1]);
        ck_assert_double_lt(error[1], error[0] / 30.0);
        close_context();
    }
END_TEST

/* The knots that were found are in the model's file: it is read without their being found again,
 * and they are the same. */
START_TEST(auto_grading_is_kept_in_the_file)
    {
        open_context_threads(2);
        pdm_model *m = model_of(layer_case(false, "auto")), *again = NULL;
        OK(pdm_model_write(m, "grading.nc"));
        OK(pdm_model_read(ctx, "grading.nc", &again));
        const pdm_spline *a = pdm_domain_spline(m->problem->domain, 0),
                         *b = pdm_domain_spline(again->problem->domain, 0);
        ck_assert_mem_eq(a->breaks, b->breaks, (size_t)(a->n_element + 1) * sizeof *a->breaks);
        pdm_model_destroy(&again);
        pdm_model_destroy(&m);
        remove("grading.nc");
        close_context();
    }
END_TEST

/* ---- slabs ---- */

/* First order: a wave that moves and decays; second order: a standing wave. Periodic, initial state from inputs. */
static pdm_case *rolling_case(bool second_order)
{
    pdm_case         *c        = NULL;
    const char *const set[][3] = {
        {"pde", "fields", "u"},
        {"pde/residuals", "u", second_order ? "dt(dt(u)) - dxx(u)" : "dt(u) + dx(0.5*u - 0.01*dx(u))"},
        {"pde/initial", "u", "u0"},
        {"inputs/u0", "dimensions", "x"},
        {"inputs/u0", "distribution", "gaussian_field(length=0.3)"},
        {"domain", "dimensions", "t x"},
        {"domain/t", "extent", "0 0.25"},
        {"domain/t", "control_points", "8"},
        {"domain/x", "extent", "0 1"},
        {"domain/x", "kind", "periodic"},
        {"domain/x", "control_points", "24"},
        {"surrogate", "modes", "2 4"},
        {"experts", "basis", "4"}};
    OK(pdm_case_create(ctx, &c));
    for (size_t i = 0; i < sizeof set / sizeof *set; i++) OK(pdm_case_set_text(c, set[i][0], set[i][1], set[i][2]));
    if (second_order) {
        OK(pdm_case_set_text(c, "pde/initial", "u_t", "v0"));
        OK(pdm_case_set_text(c, "inputs/v0", "dimensions", "x"));
        OK(pdm_case_set_text(c, "inputs/v0", "distribution", "gaussian_field(length=0.3)"));
    }
    return c;
}

static double rolling_solution(bool second_order, double t, double x)
{
    const double k = 2.0 * 3.14159265358979323846;
    return second_order ? cos(k * t) * sin(k * x) : exp(-0.01 * k * k * t) * sin(k * (x - 0.5 * t));
}

/* Times up to four horizons, one slab of them empty, against the analytic solution; each slab adds an error of the
 * grid's, about 1e-4 here. */
START_TEST(later_times_are_reached_slab_by_slab)
    {
        static const double time[5] = {0.1, 0.25, 0.6, 0.75, 1.0};
        double              x[32], u[5 * 32], input[2 * 24] = {0.0}, error = 0.0, norm = 0.0;
        const double       *coordinate[PDM_MAX_DIM] = {time, x};
        const pdm_size      n[PDM_MAX_DIM]          = {5, 32};
        pdm_solve_result    result;
        open_context_threads(2);
        pdm_model *m = model_of(rolling_case(_i == 1));
        for (int i = 0; i < 24; i++)
            input[i] = rolling_solution(_i == 1, 0.0, pdm_domain_greville(m->problem->domain, 1)[i]);
        for (int i = 0; i < 32; i++) x[i] = i / 32.0;
        pdm_output_grid *grid = NULL;
        OK(pdm_output_grid_create(m->problem, 1, n, (double *const *)coordinate, &grid));
        ck_assert_int_eq(grid->n_slab, 4);
        pdm_output_grid_destroy(&grid);
        OK(predict_on(m, n, (double *const *)coordinate, 1e-10, 1, input, u, &result));
        ck_assert(pdm_reason_is_good(result.reason));
        for (int i = 0; i < 5; i++)
            for (int k = 0; k < 32; k++) {
                const double exact = rolling_solution(_i == 1, time[i], x[k]);
                error += (u[i * 32 + k] - exact) * (u[i * 32 + k] - exact);
                norm += exact * exact;
            }
        ck_assert_double_lt(sqrt(error / norm), 1e-3);
        pdm_model_destroy(&m);
        close_context();
    }
END_TEST

/* Training through three slabs a draw: the states on their way are part of the checkpoint, and resumed training has the
 * same bits; a state is drawn anew every third step only. */
START_TEST(training_carries_states_through_slabs)
    {
        float   *weight[2];
        pdm_size n = 0;
        open_context_threads(2);
        pdm_case *c = rolling_case(false);
        OK(pdm_case_set_text(c, "training", "slabs", "3"));
        pdm_model *m = model_of(c);
        for (int k = 0; k < 9; k++) {
            if (k == 4) OK(pdm_model_write(m, "slabs.nc"));
            OK(pdm_model_train_step(m));
            ck_assert_int_eq(m->state.carried.slab[0], (k + 1) % 3);
        }
        weights_of(m, &weight[0], &n);
        pdm_model_destroy(&m);
        OK(pdm_model_read(ctx, "slabs.nc", &m));
        for (int k = 4; k < 9; k++) OK(pdm_model_train_step(m));
        weights_of(m, &weight[1], &n);
        ck_assert_int_eq(memcmp(weight[0], weight[1], (size_t)n * sizeof(float)), 0);
        pdm_model_destroy(&m);
        remove("slabs.nc");
        free(weight[0]), free(weight[1]);
        close_context();
    }
END_TEST

/* What depends on time, or does not start from an input, has no next slab, and the message says so. */
START_TEST(slabs_that_cannot_follow_are_refused)
    {
        static const struct {
            const char *group, *name, *value, *words;
        } wrong[]            = {{"pde/residuals", "u", "dt(u) - dx(0.1*dx(u)) + sin(t)*u", "equations without t"},
                                {"pde/initial", "u", "2*u0", "initial data that are input fields"}};
        const double time[1] = {1.0};
        open_context_threads(2);
        pdm_case *c = rolling_case(false);
        OK(pdm_case_set_text(c, wrong[_i].group, wrong[_i].name, wrong[_i].value));
        pdm_model *m = model_of(c);
        ck_assert_int_eq(pdm_model_set_output(m, "t", 1, time), PDM_ERR_DATA);
        ck_assert_ptr_nonnull(strstr(pdm_context_error(ctx), wrong[_i].words));
        pdm_model_destroy(&m);
        close_context();
    }
END_TEST

/* Comparisons and predictions from files have grids of their own, also when they fail: arrays that a host has sized for
 * pdm_model_predict stay large enough. */
START_TEST(output_grid_is_the_hosts)
    {
        double       u[7], again[7], x[7];
        const double input[1] = {1.2};
        open_context_threads(2);
        pdm_case *c = interval_case("3", "dx(u) = a*cos(3)");
        OK(pdm_case_set_text(c, "domain/x", "control_points", "6"));
        OK(pdm_case_set_text(c, "surrogate", "modes", "2"));
        pdm_model *m = model_of(c);
        for (int i = 0; i < 7; i++) x[i] = 0.4 * i;
        OK(pdm_model_set_output(m, "x", 7, x));
        OK(pdm_model_predict(m, 1, input, u, NULL));
        write_data(m, "grid.nc");
        OK(pdm_model_predict_file(m, "grid.nc", "grid-out.nc", 0.0));
        ck_assert_int_eq(pdm_model_n_point(m), 7);
        OK(pdm_model_evaluate_file(m, "grid.nc", NULL, 0.0, NULL, NULL));
        ck_assert_int_eq(pdm_model_n_point(m), 7);
        ck_assert_int_ne(pdm_model_predict_file(m, "no-such-file.nc", "grid-out.nc", 0.0), PDM_OK);
        ck_assert_int_eq(pdm_model_n_point(m), 7);
        pdm_status status = PDM_ERR_MEMORY;
        for (pdm_size k = 1; status != PDM_OK; k++) {
            pdm_context_fail_allocation(ctx, k);
            status = pdm_model_evaluate_exact(m, 0.0, NULL, NULL);
            pdm_context_fail_allocation(ctx, 0);
            ck_assert(status == PDM_OK || status == PDM_ERR_MEMORY);
            ck_assert_int_eq(pdm_model_n_point(m), 7);
        }
        OK(pdm_model_predict(m, 1, input, again, NULL));
        ck_assert_int_eq(memcmp(u, again, sizeof u), 0);
        pdm_model_destroy(&m);
        remove("grid.nc"), remove("grid-out.nc");
        close_context();
    }
END_TEST

/* ---- distributions ---- */

static const struct {
    const char *text;
    bool        good;
    double      centre, width;
} distributions[] = {
    {"uniform(0, 0.2)", true, 0.1, 0.1}, {" normal( 1 ,2 ) ", true, 1.0, 2.0}, {"list(1, 2, 4)", true, 2.5, 1.5},
    {"list(3)", true, 3.0, 1.0},         {"uniform(1, 0)", false, 0, 0},       {"uniform(1)", false, 0, 0},
    {"normal(0, -1)", false, 0, 0},      {"gauss(0, 1)", false, 0, 0},         {"uniform(0, 1", false, 0, 0},
    {"uniform(0, x)", false, 0, 0},      {"uniform(0, 1) 2", false, 0, 0},     {"list()", false, 0, 0}};

START_TEST(distributions_parse)
    {
        pdm_distribution d;
        double           centre, width;
        open_context_threads(2);
        const pdm_status status = pdm_distribution_parse(
            ctx, distributions[_i].text, (pdm_where){.group = "inputs/a", .attribute = "distribution"}, &d);
        ck_assert_int_eq(status, distributions[_i].good ? PDM_OK : PDM_ERR_CASE);
        if (status == PDM_OK) {
            pdm_distribution_spread(&d, &centre, &width);
            ck_assert_double_eq_tol(centre, distributions[_i].centre, 1e-15);
            ck_assert_double_eq_tol(width, distributions[_i].width, 1e-15);
            for (uint64_t i = 0; i < 100; i++) {
                const double x = pdm_distribution_draw(&d, (pdm_random_key){1, PDM_RANDOM_TEST, 0}, i);
                ck_assert(d.kind == PDM_DISTRIBUTION_NORMAL || fabs(x - centre) <= width + 1e-15);
            }
        }
        close_context();
    }
END_TEST

int main(void)
{
    Suite *s = suite_create("train");
    TCase *t = tcase_create("train");
    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, magnitude_is_of_the_solution_not_of_rounding, 0, 2);
    tcase_add_test(t, a_field_without_a_level_is_refused);
    tcase_add_loop_test(t, an_integral_fixes_a_level_or_not, 0, 4);
    tcase_add_test(t, integral_is_met);
    tcase_add_test(t, positive_field_stays_positive);
    tcase_add_test(t, answers_do_not_depend_on_units);
    tcase_add_loop_test(t, loss_gradient_passes_the_taylor_test, 0, N_CHAIN * 3);
    tcase_add_loop_test(t, loss_gradient_in_other_modes, 0, 18);
    tcase_add_test(t, modes_are_compared);
    tcase_add_loop_test(t, independent_experts_find_what_they_reach, 0, 2);
    tcase_add_loop_test(t, taylor_test_finds_a_small_mistake, 0, N_CHAIN);
    tcase_add_test(t, failed_gradient_check_keeps_the_weights);
    tcase_add_loop_test(t, threads_do_not_change_a_bit, 0, PROBLEM_POISSON);
    tcase_add_test(t, loss_and_gradient_are_of_the_same_samples);
    tcase_add_test(t, resumed_training_is_the_same_training);
    tcase_add_loop_test(t, steps_do_not_allocate, 0, PROBLEM_POISSON);
    tcase_add_test(t, models_of_earlier_formats_are_refused);
    tcase_add_test(t, training_lowers_the_loss);
    tcase_add_test(t, prediction_does_not_depend_on_the_batch);
    tcase_add_loop_test(t, polished_error_converges, 0, (int)(sizeof orders / sizeof *orders));
    tcase_add_loop_test(t, auto_grading_finds_layers, 0, 2);
    tcase_add_test(t, auto_grading_is_kept_in_the_file);
    tcase_add_loop_test(t, later_times_are_reached_slab_by_slab, 0, 2);
    tcase_add_test(t, training_carries_states_through_slabs);
    tcase_add_loop_test(t, slabs_that_cannot_follow_are_refused, 0, 2);
    tcase_add_test(t, output_grid_is_the_hosts);
    tcase_add_loop_test(t, distributions_parse, 0, (int)(sizeof distributions / sizeof *distributions));
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
