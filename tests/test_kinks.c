/* Kinks: coefficients that jump or bend, in space and in time, against exact solutions and finite volumes. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/io_impl.h"
#include "model/model.h"
#include "tests/prediction.h"

typedef struct setting {
    const char *group, *name, *value;
} setting;

static pdm_context *ctx;
#define OK(call) ck_assert_msg((call) == PDM_OK, "%s", pdm_context_error(ctx))

static void set_all(pdm_case *c, const setting *s)
{
    for (; s->group; s++) OK(pdm_case_set_text(c, s->group, s->name, s->value));
}

/* dims: letters, each from 0 to 1. */
static pdm_case *small_case(const char *dims, const char *points)
{
    pdm_case    *c = NULL;
    char         group[16], names[8] = "", modes[8] = "";
    const size_t n = strlen(dims);

    OK(pdm_case_create(ctx, &c));
    for (size_t j = 0; j < n; j++) {
        snprintf(names + strlen(names), sizeof names - strlen(names), "%s%c", j ? " " : "", dims[j]);
        snprintf(modes + strlen(modes), sizeof modes - strlen(modes), "%s1", j ? " " : "");
        snprintf(group, sizeof group, "domain/%c", dims[j]);
        OK(pdm_case_set_text(c, group, "extent", "0 1"));
        OK(pdm_case_set_text(c, group, "control_points", points));
    }
    OK(pdm_case_set_text(c, "pde", "fields", "u"));
    OK(pdm_case_set_text(c, "domain", "dimensions", names));
    OK(pdm_case_set_text(c, "surrogate", "modes", modes));
    OK(pdm_case_set_text(c, "experts", "basis", "2"));
    OK(pdm_case_set_text(c, "training", "batch", "1"));
    return c;
}

/* ---- exact solutions --------------------------------------------------------------------------------------------- */

/* s is the temperature of a slab of conductivity 4 up to x = 1/2 and 1 beyond: 1 and 0 at its ends, two straight lines
 * with one flux, 1.6. r is the same with a ratio of 290. */
static const setting slabs[] = {{"pde/definitions", "k", "1 + 3*step(0.5 - x)"},
                                {"pde/definitions", "s", "1.6*min(2.5/4 - x/4, 1 - x)"},
                                {"pde/definitions", "g", "1 + 289*step(0.5 - x)"},
                                {"pde/definitions", "r", "580/291*min(291/580 - x/290, 1 - x)"},
                                {0}};

static const struct {
    const char *name, *dims, *points;
    double      error; /* relative L2, at most */
    setting     set[16];
} cases[] = {
    {"slab, degree 2",
     "x",
     "12",
     1e-10,
     {{"pde/residuals", "u", "-dx(k*dx(u))"},
      {"pde/exact", "u", "s"},
      {"pde/boundary", "x_min", "u = 1"},
      {"pde/boundary", "x_max", "u = 0"},
      {"domain/x", "degree", "2"}}},
    {"slab",
     "x",
     "23",
     1e-9,
     {{"pde/residuals", "u", "-dx(k*dx(u))"},
      {"pde/exact", "u", "s"},
      {"pde/boundary", "x_min", "u = 1"},
      {"pde/boundary", "x_max", "u = 0"}}},
    {"slab, degree 4, few spans",
     "x",
     "6",
     1e-9,
     {{"pde/residuals", "u", "-dx(k*dx(u))"},
      {"pde/exact", "u", "s"},
      {"pde/boundary", "x_min", "u = 1"},
      {"pde/boundary", "x_max", "u = 0"},
      {"domain/x", "degree", "4"}}},
    {"ratio 290, all levels",
     "x",
     "23",
     1e-9,
     {{"pde/residuals", "u", "-dx(g*dx(u))"},
      {"pde/exact", "u", "r"},
      {"pde/boundary", "x_min", "u = 1"},
      {"pde/boundary", "x_max", "u = 0"},
      {"domain", "levels", "on"}}},
    {"ratio 290, the flux given",
     "x",
     "15",
     1e-9,
     {{"pde/residuals", "u", "-dx(g*dx(u))"},
      {"pde/exact", "u", "r"},
      {"pde/boundary", "x_min", "flux(u) = 580/291"},
      {"pde/boundary", "x_max", "u = 0"}}},
    {"kink given, knots given, none of them there",
     "x",
     "7",
     1e-9,
     {{"pde/residuals", "u", "-dx(k*dx(u))"},
      {"pde/exact", "u", "s"},
      {"pde/boundary", "x_min", "u = 1"},
      {"pde/boundary", "x_max", "u = 0"},
      {"domain/x", "kinks", "0.5"},
      {"domain/x", "knots", "0 0.2 0.45 0.8 1"}}},
    {"graded, bent coordinate",
     "x",
     "13",
     1e-5, /* a straight line is none in xi */
     {{"pde/residuals", "u", "-dx(k*dx(u))"},
      {"pde/exact", "u", "s"},
      {"pde/boundary", "x_min", "u = 1"},
      {"pde/boundary", "x_max", "u = 0"},
      {"domain/x", "map", "sinh 0.3 2"},
      {"domain/x", "grading", "power 1.3"}}},
    {"quarters",
     "xy",
     "8",
     1e-9,
     {{"pde/definitions", "h", "1 + 9*step(y - 0.3)"},
      {"pde/residuals", "u", "-dx(h*k*dx(u)) - dy(h*k*dy(u))"},
      {"pde/exact", "u", "s*(1 + min(10*y, y + 2.7))"},
      {"pde/boundary", "x_min", "u = 1 + min(10*y, y + 2.7)"},
      {"pde/boundary", "x_max", "u = 0"},
      {"pde/boundary", "y_min", "u = s"},
      {"pde/boundary", "y_max", "h*dy(u) = 10*s"}}},
    {"heat",
     "tx",
     "9",
     5e-6, /* of exp(-t) on six spans */
     {{"pde/residuals", "u", "dt(u) - dx(k*dx(u)) + exp(-t)*s"},
      {"pde/exact", "u", "exp(-t)*s"},
      {"pde/initial", "u", "s"},
      {"pde/boundary", "x_min", "u = exp(-t)"},
      {"pde/boundary", "x_max", "u = 0"}}},
    {"round a period",
     "x",
     "48",
     1e-5,
     {{"pde/definitions", "c", "1 + 3*step(x - 0.25)*step(0.75 - x)"},
      {"pde/exact", "u", "-cos(2*pi*x)/(2*pi*c)"},
      {"pde/residuals", "u", "u - dx(c*dx(u)) + cos(2*pi*x)/(2*pi*c) + 2*pi*cos(2*pi*x)"},
      {"domain/x", "kind", "periodic"}}},
    {"a source that bends",
     "x",
     "9",
     1e-10,
     {{"pde/residuals", "u", "-dx(dx(u)) + abs(x - 0.3)"},
      {"pde/exact", "u", "abs(x - 0.3)^3/6"},
      {"pde/boundary", "x_min", "u = 0.3^3/6"},
      {"pde/boundary", "x_max", "u = 0.7^3/6"}}},
    {"switched on",
     "t",
     "9",
     1e-10,
     {{"pde/residuals", "u", "dt(u) - 1 - step(t - 0.4)"},
      {"pde/exact", "u", "t + max(t - 0.4, 0)"},
      {"pde/initial", "u", "0"}}},
    {"pushed",
     "t",
     "9",
     1e-9,
     {{"pde/residuals", "u", "dt(dt(u)) - step(abs(t - 0.5) - 0.2)"},
      {"pde/exact", "u", "t^2/2 - max(t - 0.3, 0)^2/2 + max(t - 0.7, 0)^2/2"},
      {"pde/initial", "u", "0"},
      {"pde/initial", "u_t", "0"}}},
};
enum { N_CASE = sizeof cases / sizeof *cases };

START_TEST(what_bends_is_met)
    {
        pdm_model *m = NULL;
        OK(pdm_context_create(NULL, &ctx));
        pdm_case *c = small_case(cases[_i].dims, cases[_i].points);
        if (strchr(cases[_i].dims, 'x')) set_all(c, slabs);
        set_all(c, cases[_i].set);
        OK(pdm_model_create(c, &m));
        OK(pdm_model_evaluate_exact(m, 1e-12, NULL, NULL));
        const double error = pdm_model_value(m, "error");
        printf("%s: %.2e\n", cases[_i].name, error);
        ck_assert_double_le(error, cases[_i].error);
        pdm_model_destroy(&m);
        pdm_case_destroy(&c);
        ck_assert_int_eq(pdm_context_destroy(&ctx), 0);
    }
END_TEST

/* Without a kink the slab is wrong on every grid: what the tests above are for. */
START_TEST(without_kinks_it_is_not)
    {
        pdm_model *m = NULL;
        OK(pdm_context_create(NULL, &ctx));
        pdm_case *c = small_case("x", "43");
        set_all(c, slabs);
        set_all(c, cases[1].set);
        OK(pdm_case_set_text(c, "domain/x", "kinks", "none"));
        OK(pdm_case_set_text(c, "domain/x", "control_points", "43"));
        OK(pdm_model_create(c, &m));
        OK(pdm_model_evaluate_exact(m, 1e-12, NULL, NULL));
        ck_assert_double_ge(pdm_model_value(m, "error"), 0.01);
        pdm_model_destroy(&m);
        pdm_case_destroy(&c);
        ck_assert_int_eq(pdm_context_destroy(&ctx), 0);
    }
END_TEST

/* ---- finite volumes ---------------------------------------------------------------------------------------------- */

enum { CELLS = 800, STEPS = 3200, TOLD = 5 };

/* u_t = (k u_x)_x, u = 0 at first, u(t, 0) = 1 - exp(-20 t), u(t, 1) = 0, k = 0.2 up to 0.4 and 3 beyond, at t = 1/2 and
 * TOLD equally spaced cell middles: cells with a face on the jump, conductances in series, the trapezoidal rule. */
static void two_materials(double out[TOLD])
{
    static double u[CELLS], above[CELLS], right[CELLS], flux[CELLS + 1], conduct[CELLS + 1];
    const double  h = 1.0 / CELLS, step = 0.5 / STEPS;

    memset(u, 0, sizeof u);
    for (int i = 0; i <= CELLS; i++) {
        const double below = i == 0 ? 0.0 : (i - 1 < 2 * CELLS / 5 ? h / 0.4 : h / 6.0);
        const double over  = i == CELLS ? 0.0 : (i < 2 * CELLS / 5 ? h / 0.4 : h / 6.0);
        conduct[i]         = 1.0 / (below + over);
    }
    for (int n = 0; n < STEPS; n++) {
        const double before = 1.0 - exp(-20.0 * n * step), after = 1.0 - exp(-20.0 * (n + 1) * step);
        for (int i = 0; i <= CELLS; i++)
            flux[i] = -conduct[i] * ((i < CELLS ? u[i] : 0.0) - (i > 0 ? u[i - 1] : before));
        const double q = 0.5 * step / h;
        for (int i = 0; i < CELLS; i++) { /* elimination of the tridiagonal matrix */
            const double low   = i > 0 ? -q * conduct[i] : 0.0,
                         pivot = 1.0 + q * (conduct[i] + conduct[i + 1]) - (i > 0 ? low * above[i - 1] : 0.0);
            above[i]           = -q * conduct[i + 1] / pivot;
            double sides       = u[i] - q * (flux[i + 1] - flux[i]);
            if (i == 0) sides += q * conduct[0] * after;
            right[i] = (sides - (i > 0 ? low * right[i - 1] : 0.0)) / pivot;
        }
        for (int i = CELLS - 1; i >= 0; i--) u[i] = right[i] - (i + 1 < CELLS ? above[i] * u[i + 1] : 0.0);
    }
    for (int k = 0; k < TOLD; k++) out[k] = u[(2 * k + 1) * CELLS / (2 * TOLD)];
}

START_TEST(heat_as_finite_volumes_have_it)
    {
        static const setting set[] = {{"pde/residuals", "u", "dt(u) - dx((0.2 + 2.8*step(x - 0.4))*dx(u))"},
                                      {"pde/initial", "u", "0"},
                                      {"pde/boundary", "x_min", "u = 1 - exp(-20*t)"},
                                      {"pde/boundary", "x_max", "u = 0"},
                                      {"domain/t", "extent", "0 0.5"},
                                      {"domain/t", "control_points", "24"},
                                      {"domain/t", "grading", "power 1.5"},
                                      {0}};
        double               right[TOLD], t = 0.5, x[TOLD], u[TOLD];
        double              *at[2] = {&t, x};
        const pdm_size       n[2]  = {1, TOLD};
        pdm_solve_result     result;
        pdm_model           *m = NULL;

        OK(pdm_context_create(NULL, &ctx));
        pdm_case *c = small_case("tx", "24");
        set_all(c, set);
        OK(pdm_model_create(c, &m));
        for (int k = 0; k < TOLD; k++) x[k] = ((2 * k + 1) * CELLS / (2 * TOLD) + 0.5) / CELLS;
        OK(predict_on(m, n, at, 1e-10, 1, NULL, u, &result));
        two_materials(right);
        for (int k = 0; k < TOLD; k++) {
            printf("x = %.4f: %.7f against %.7f\n", x[k], u[k], right[k]);
            ck_assert_double_eq_tol(u[k], right[k], 5e-6); /* the square of their width, nearly */
        }
        pdm_model_destroy(&m);
        pdm_case_destroy(&c);
        ck_assert_int_eq(pdm_context_destroy(&ctx), 0);
    }
END_TEST

/* ---- inputs on cells, files -------------------------------------------------------------------------------------- */

static pdm_case *cells_case(void)
{
    static const setting set[] = {{"pde/residuals", "u", "-dx(k*dx(u))"},
                                  {"pde/boundary", "x_min", "u = 1"},
                                  {"pde/boundary", "x_max", "u = 0"},
                                  {"inputs/k", "dimensions", "x"},
                                  {"inputs/k", "kind", "cells"},
                                  {"inputs/k", "cells", "4"},
                                  {"inputs/k", "distribution", "two_phase(1, 400, 0.5)"},
                                  {0}};
    pdm_case            *c     = small_case("x", "23");
    set_all(c, set);
    return c;
}

/* A slab of four layers: the fall across each is its share of the resistance. */
static void check_layers(pdm_model *m, const double k[4])
{
    double           x[9], u[9], *at[1] = {x}, all = 0.0, before = 0.0;
    const pdm_size   n = 9;
    pdm_solve_result result;

    for (int i = 0; i < 9; i++) x[i] = i / 8.0;
    OK(predict_on(m, &n, at, 1e-12, 1, k, u, &result));
    for (int i = 0; i < 4; i++) all += 1.0 / k[i];
    for (int i = 0; i < 9; i++) {
        ck_assert_double_eq_tol(u[i], 1.0 - before / all, 1e-9);
        before += i < 8 ? 0.5 / k[i / 2] : 0.0;
    }
}

START_TEST(layers_of_an_input_are_exact)
    {
        static const double k[4] = {400.0, 1.38, 20.0, 3.0};
        pdm_model          *m    = NULL;
        OK(pdm_context_create(NULL, &ctx));
        pdm_case *c = cells_case();
        OK(pdm_model_create(c, &m));
        ck_assert_int_eq(pdm_domain_n_kink(m->problem->domain, 0), 3);
        ck_assert_int_le(pdm_domain_n_coef(m->problem->domain), 23); /* no more than asked for */
        check_layers(m, k);
        pdm_model_destroy(&m);
        pdm_case_destroy(&c);
        ck_assert_int_eq(pdm_context_destroy(&ctx), 0);
    }
END_TEST

START_TEST(few_control_points_have_no_room_for_cells)
    {
        pdm_model *m    = NULL;
        pdm_text   text = {0};
        OK(pdm_context_create(NULL, &ctx));
        text.ctx    = ctx;
        pdm_case *c = cells_case();
        OK(pdm_case_set_text(c, "domain/x", "control_points", "12"));
        OK(pdm_model_create(c, &m));
        ck_assert_int_eq(pdm_domain_n_kink(m->problem->domain, 0), 0);
        OK(pdm_domain_view(m->problem->domain, &text));
        ck_assert_ptr_nonnull(strstr(text.data, "13 control points have room"));
        pdm_model_destroy(&m);
        OK(pdm_case_set_text(c, "domain/x", "control_points", "13"));
        OK(pdm_model_create(c, &m));
        ck_assert_int_eq(pdm_domain_n_kink(m->problem->domain, 0), 3);
        pdm_text_destroy(&text);
        pdm_model_destroy(&m);
        pdm_case_destroy(&c);
        ck_assert_int_eq(pdm_context_destroy(&ctx), 0);
    }
END_TEST

/* Breaks that were found, and kinks among them, come back from a file. */
START_TEST(a_file_keeps_graded_breaks_and_kinks)
    {
        static const char *const file = "kinks_model.nc";
        pdm_model               *m = NULL, *again = NULL;
        OK(pdm_context_create(NULL, &ctx));
        pdm_case *c = small_case("x", "15");
        set_all(c, slabs);
        set_all(c, cases[1].set);
        OK(pdm_case_set_text(c, "pde/residuals", "u", "-dx(k*dx(u)) - 40*exp(-(20*(x - 0.8))^2)"));
        OK(pdm_case_remove(c, "pde/exact", "u"));
        OK(pdm_case_set_text(c, "domain/x", "grading", "auto"));
        OK(pdm_model_create(c, &m));
        OK(pdm_model_write(m, file));
        OK(pdm_model_read(ctx, file, &again));
        const pdm_spline *s = pdm_domain_spline(m->problem->domain, 0),
                         *t = pdm_domain_spline(again->problem->domain, 0);
        ck_assert_int_eq(s->n_element, t->n_element);
        ck_assert_mem_eq(s->breaks, t->breaks, sizeof(double) * (size_t)(s->n_element + 1));
        ck_assert_int_eq(t->n_element - t->n_span, 2);
        remove(file);
        pdm_model_destroy(&m);
        pdm_model_destroy(&again);
        pdm_case_destroy(&c);
        ck_assert_int_eq(pdm_context_destroy(&ctx), 0);
    }
END_TEST

/* A spline has no kink at the ends of a period: that is said. */
START_TEST(ends_of_a_period_are_told)
    {
        pdm_model *m    = NULL;
        pdm_text   text = {0};
        OK(pdm_context_create(NULL, &ctx));
        text.ctx    = ctx;
        pdm_case *c = small_case("x", "12");
        OK(pdm_case_set_text(c, "pde/residuals", "u", "u - dx((1 + step(x - 0.5))*dx(u)) - 1"));
        OK(pdm_case_set_text(c, "domain/x", "kind", "periodic"));
        OK(pdm_model_create(c, &m));
        ck_assert_int_eq(pdm_domain_n_kink(m->problem->domain, 0), 1);
        OK(pdm_domain_view(m->problem->domain, &text));
        ck_assert_ptr_nonnull(strstr(text.data, "none at the ends of the period"));
        pdm_text_destroy(&text);
        pdm_model_destroy(&m);
        pdm_case_destroy(&c);
        ck_assert_int_eq(pdm_context_destroy(&ctx), 0);
    }
END_TEST

/* A file from before there were kinks has defaults, and none for them. */
START_TEST(older_models_have_none)
    {
        char       before[] = "domain.sub=2\n", since[] = "domain.kinks=auto\n";
        pdm_model *m = NULL;
        OK(pdm_context_create(NULL, &ctx));
        for (int i = 0; i < 2; i++) {
            pdm_case *c = small_case("x", "12");
            set_all(c, slabs);
            set_all(c, cases[1].set);
            OK(pdm_case_set_text(c, "domain/x", "control_points", "12"));
            OK(case_defaults_parse(c, i ? since : before));
            OK(pdm_model_create(c, &m));
            ck_assert_int_eq(pdm_domain_n_kink(m->problem->domain, 0), i);
            pdm_model_destroy(&m);
            pdm_case_destroy(&c);
        }
        ck_assert_int_eq(pdm_context_destroy(&ctx), 0);
    }
END_TEST

/* ---- refusals ---------------------------------------------------------------------------------------------------- */

static const struct {
    const char *message;
    setting     set[4];
} wrong[] = {
    {"a kink at 1; numbers between 0 and 1 expected", {{"domain/x", "kinks", "0.5 1"}}},
    {"kinks 1 and 2 do not increase", {{"domain/x", "kinks", "0.5 0.5"}}},
    {"rows = \"volume\"", {{"domain/x", "kinks", "0.5"}, {"domain", "rows", "point"}}},
    {"degree of 2 or more",
     {{"domain/x", "kinks", "0.5"}, {"pde/residuals", "u", "dx(u)"}, {"domain/x", "degree", "1"}}},
    {"outside the fluxes", {{"domain/x", "kinks", "0.5"}, {"pde/residuals", "u", "-k*dxx(u)"}}},
    {"more than twice",
     {{"domain/x", "kinks", "0.5"}, {"pde/residuals", "u", "dx(dxxx(u))"}, {"domain/x", "degree", "4"}}},
    {"have no fluxes", {{"domain/x", "kinks", "0.5"}, {"pde", "positive", "u"}, {"pde/boundary", "x_max", "u = 1"}}},
    {"kinks", {{"domain/x", "kinks", "everywhere"}}},
};

START_TEST(refusals_say_why)
    {
        pdm_model *m = NULL;
        OK(pdm_context_create(NULL, &ctx));
        pdm_case *c = small_case("x", "12");
        set_all(c, slabs);
        set_all(c, cases[1].set);
        set_all(c, wrong[_i].set);
        ck_assert_int_eq(pdm_model_create(c, &m), PDM_ERR_CASE);
        ck_assert_msg(strstr(pdm_context_error(ctx), wrong[_i].message) != NULL, "%s", pdm_context_error(ctx));
        pdm_case_destroy(&c);
        ck_assert_int_eq(pdm_context_destroy(&ctx), 0);
    }
END_TEST

int main(void)
{
    Suite *s = suite_create("kinks");
    TCase *t = tcase_create("kinks");
    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, what_bends_is_met, 0, N_CASE);
    tcase_add_test(t, without_kinks_it_is_not);
    tcase_add_test(t, heat_as_finite_volumes_have_it);
    tcase_add_test(t, layers_of_an_input_are_exact);
    tcase_add_test(t, few_control_points_have_no_room_for_cells);
    tcase_add_test(t, a_file_keeps_graded_breaks_and_kinks);
    tcase_add_test(t, ends_of_a_period_are_told);
    tcase_add_test(t, older_models_have_none);
    tcase_add_loop_test(t, refusals_say_why, 0, sizeof wrong / sizeof *wrong);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
