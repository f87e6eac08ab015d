/* Layers where a term carries: u_x - eps u_xx = s, against central and upwind differences with as many unknowns, from
 * layers that the grid resolves to ones that it does not. Prints a table; docs/mathematics.md, "Layers". */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/model.h"
#include "tests/prediction.h"

enum { POINTS = 23, SPANS = POINTS - 3, UNKNOWNS = POINTS - 2, SOURCES = 3 };
static const double source[SOURCES] = {0.0, 0.5, 2.0}; /* 0: there is nothing but the layer, on the last nodes */

static pdm_context *ctx;
#define OK(call) ck_assert_msg((call) == PDM_OK, "%s", pdm_context_error(ctx))

/* u(0) = 0, u(1) = 1. */
static double exact(double eps, double s, double x)
{
    const double low = exp(-1.0 / eps);
    return s * x + (1.0 - s) * (exp((x - 1.0) / eps) - low) / (1.0 - low);
}

/* Relative, over the nodes of the differences. */
static double error_of(const double *u, double eps, double s)
{
    double wrong = 0.0, all = 0.0;
    for (int i = 1; i <= UNKNOWNS; i++) {
        const double right = exact(eps, s, (double)i / (UNKNOWNS + 1));
        wrong += (u[i] - right) * (u[i] - right);
        all += right * right;
    }
    return sqrt(wrong / all);
}

/* Differences on equal steps; upwind 0: central. By elimination. u [UNKNOWNS + 2] */
static void differences(double eps, double s, double upwind, double *u)
{
    const double h = 1.0 / (UNKNOWNS + 1), spread = eps / h + 0.5 * upwind;
    double       above[UNKNOWNS + 2] = {0.0}, right[UNKNOWNS + 2] = {0.0};
    for (int i = 1; i <= UNKNOWNS; i++) {
        const double low = -spread - 0.5, high = -spread + 0.5, pivot = 2.0 * spread - low * above[i - 1];
        above[i] = high / pivot;
        right[i] = (h * s - (i == UNKNOWNS ? high : 0.0) - low * right[i - 1]) / pivot;
    }
    u[0] = 0.0, u[UNKNOWNS + 1] = 1.0;
    for (int i = UNKNOWNS; i >= 1; i--) u[i] = right[i] - (i < UNKNOWNS ? above[i] * u[i + 1] : 0.0);
}

static pdm_case *layer_case(double eps)
{
    pdm_case *c = NULL;
    char      text[64];
    OK(pdm_case_create(ctx, &c));
    snprintf(text, sizeof text, "%.17g", eps);
    OK(pdm_case_set_text(c, "pde", "fields", "u"));
    OK(pdm_case_set_text(c, "pde/parameters", "eps", text));
    OK(pdm_case_set_text(c, "pde/residuals", "u", "dx(u) - dx(eps*dx(u)) - s"));
    OK(pdm_case_set_text(c, "pde/boundary", "x_min", "u = 0"));
    OK(pdm_case_set_text(c, "pde/boundary", "x_max", "u = 1"));
    OK(pdm_case_set_text(c, "inputs/s", "distribution", "uniform(0, 2)"));
    OK(pdm_case_set_text(c, "domain", "dimensions", "x"));
    OK(pdm_case_set_text(c, "domain/x", "extent", "0 1"));
    OK(pdm_case_set_text(c, "surrogate", "modes", "1"));
    OK(pdm_case_set_text(c, "experts", "basis", "2"));
    snprintf(text, sizeof text, "%d", POINTS);
    OK(pdm_case_set_text(c, "domain/x", "control_points", text));
    return c;
}

static const double peclet[] = {0.5, 1.0, 2.0, 3.0, 5.0, 10.0, 20.0, 50.0};

START_TEST(no_worse_than_differences)
    {
        const double     eps = 1.0 / (SPANS * peclet[_i]);
        double           x[UNKNOWNS + 2], u[SOURCES * (UNKNOWNS + 2)], v[UNKNOWNS + 2], *at[1] = {x};
        double           own = 0.0, central = 0.0, upwind = 0.0;
        const pdm_size   n = UNKNOWNS + 2;
        pdm_solve_result result[SOURCES];
        pdm_model       *m = NULL;

        OK(pdm_context_create(NULL, &ctx));
        pdm_case *c = layer_case(eps);
        OK(pdm_model_create(c, &m));
        for (int i = 0; i < n; i++) x[i] = (double)i / (UNKNOWNS + 1);
        OK(predict_on(m, &n, at, 1e-8, SOURCES, source, u, result));
        printf("| %4.1f |", peclet[_i]);
        for (int k = 0; k < SOURCES; k++) {
            own = error_of(u + k * n, eps, source[k]);
            differences(eps, source[k], 0.0, v);
            central = error_of(v, eps, source[k]);
            differences(eps, source[k], 1.0, v);
            upwind = error_of(v, eps, source[k]);
            printf(" %.2g | %.2g | %.2g |", 100.0 * own, 100.0 * central, 100.0 * upwind);
            fflush(stdout);
            ck_assert_double_le(own, 1.5 * fmin(central, upwind));
        }
        printf("\n");
        pdm_model_destroy(&m);
        pdm_case_destroy(&c);
        ck_assert_int_eq(pdm_context_destroy(&ctx), 0);
    }
END_TEST

/* The same in time, from rest: behind t = 1 it stands still. */
START_TEST(channel_comes_to_rest)
    {
        enum { N = 81 };
        const double     eps = 0.0025;
        double           t = 2.0, x[N], u[N], *at[2] = {&t, x}, wrong = 0.0, all = 0.0;
        const pdm_size   n[2] = {1, N};
        pdm_solve_result result;
        pdm_model       *m = NULL;

        OK(pdm_context_create(NULL, &ctx));
        pdm_case *c = layer_case(eps);
        OK(pdm_case_set_text(c, "pde/residuals", "u", "dt(u) + dx(u - eps*dx(u)) - 1"));
        OK(pdm_case_set_text(c, "pde/initial", "u", "0"));
        OK(pdm_case_set_text(c, "pde/boundary", "x_max", "u = 0"));
        OK(pdm_case_remove(c, "inputs/s", "distribution"));
        OK(pdm_case_set_text(c, "domain", "dimensions", "t x"));
        OK(pdm_case_set_text(c, "domain/t", "extent", "0 2"));
        OK(pdm_case_set_text(c, "domain/t", "control_points", "20"));
        OK(pdm_case_set_text(c, "surrogate", "modes", "1 1"));
        OK(pdm_model_create(c, &m));
        for (int i = 0; i < N; i++) x[i] = (double)i / (N - 1);
        OK(predict_on(m, n, at, 1e-8, 1, NULL, u, &result));
        for (int i = 0; i < N; i++) {
            const double right = x[i] - exp((x[i] - 1.0) / eps);
            wrong += (u[i] - right) * (u[i] - right);
            all += right * right;
        }
        printf("channel at rest: %.2g\n", sqrt(wrong / all));
        ck_assert_double_le(sqrt(wrong / all), 0.02); /* on equal spans 0.9 */
        pdm_model_destroy(&m);
        pdm_case_destroy(&c);
        ck_assert_int_eq(pdm_context_destroy(&ctx), 0);
    }
END_TEST

static double ratio_of_spans(const pdm_model *m)
{
    const pdm_spline *s = pdm_domain_spline(m->problem->domain, 0);
    return (s->ends[1] - s->ends[0]) / (s->ends[s->n_span] - s->ends[s->n_span - 1]);
}

/* Carried beyond the grid: graded, unless the case says otherwise; a file has what was found. */
START_TEST(knots_move_by_themselves)
    {
        static const char *const file = "carried_model.nc";
        pdm_model               *m = NULL, *again = NULL;
        pdm_text                 text = {0};

        OK(pdm_context_create(NULL, &ctx));
        text.ctx    = ctx;
        pdm_case *c = layer_case(0.0025);
        OK(pdm_model_create(c, &m));
        ck_assert_double_eq_tol(m->problem->peclet[0].value, 20.0, 1e-9);
        ck_assert_double_ge(ratio_of_spans(m), 10.0);
        OK(pdm_problem_view_peclet(m->problem, &text));
        ck_assert_ptr_nonnull(strstr(text.data, "up to 20 times"));
        ck_assert_ptr_nonnull(strstr(text.data, "knots were moved"));
        OK(pdm_model_write(m, file));
        OK(pdm_model_read(ctx, file, &again));
        const pdm_spline *s = pdm_domain_spline(m->problem->domain, 0),
                         *t = pdm_domain_spline(again->problem->domain, 0);
        ck_assert_mem_eq(s->breaks, t->breaks, sizeof(double) * (size_t)(s->n_element + 1));
        pdm_model_destroy(&again);
        remove(file);
        pdm_model_destroy(&m);
        OK(pdm_case_set_text(c, "domain/x", "grading", "none"));
        OK(pdm_model_create(c, &m));
        ck_assert_double_eq_tol(ratio_of_spans(m), 1.0, 1e-12);
        pdm_model_destroy(&m);
        OK(pdm_case_remove(c, "domain/x", "grading"));
        OK(pdm_case_set_text(c, "pde/parameters", "eps", "0.026")); /* resolved: 1.9 */
        OK(pdm_model_create(c, &m));
        ck_assert_double_eq_tol(ratio_of_spans(m), 1.0, 1e-12);
        pdm_text_destroy(&text);
        pdm_model_destroy(&m);
        pdm_case_destroy(&c);
        ck_assert_int_eq(pdm_context_destroy(&ctx), 0);
    }
END_TEST

/* What carries may stand in the source, and vary. */
START_TEST(numbers_of_fluxes_and_sources)
    {
        pdm_model *m = NULL;
        OK(pdm_context_create(NULL, &ctx));
        pdm_case *c = layer_case(0.01);
        OK(pdm_case_set_text(c, "domain/x", "grading", "none"));
        OK(pdm_case_set_text(c, "pde/residuals", "u", "x*dx(u) - dx(eps*dx(u)) - s"));
        OK(pdm_model_create(c, &m));
        ck_assert_double_eq_tol(m->problem->peclet[0].value, 5.0 * (1.0 - 0.5 / SPANS), 1e-3);
        ck_assert_double_eq_tol(m->problem->peclet[0].at[0], 1.0 - 0.5 / SPANS, 1e-9);
        pdm_model_destroy(&m);
        OK(pdm_case_set_text(c, "pde/residuals", "u", "-3*dx(u) + dx(u) - 2*eps*dxx(u) - dx(s*u)"));
        OK(pdm_model_create(c, &m)); /* s = 1: its middle */
        ck_assert_double_eq_tol(m->problem->peclet[0].value, 3.0 / (SPANS * 0.02), 1e-9);
        pdm_model_destroy(&m);
        pdm_case_destroy(&c);
        ck_assert_int_eq(pdm_context_destroy(&ctx), 0);
    }
END_TEST

int main(void)
{
    Suite *s = suite_create("carried");
    TCase *t = tcase_create("carried");
    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, no_worse_than_differences, 0, sizeof peclet / sizeof *peclet);
    tcase_add_test(t, channel_comes_to_rest);
    tcase_add_test(t, knots_move_by_themselves);
    tcase_add_test(t, numbers_of_fluxes_and_sources);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
