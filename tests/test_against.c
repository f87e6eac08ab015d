/* Equations on data: factors that make the residual least, on exact solutions; conditions; data that will not do. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "evidence/evidence.h"
#include "evidence/evidence_impl.h"
#include "tests/prediction.h"

#define COUNT_OF(a) ((int)(sizeof(a) / sizeof *(a)))
#define OK(call)    ck_assert_msg((call) == PDM_OK, "%s", pdm_context_error(ctx))

static pdm_context *ctx;
static char         path[64];
static double       second, slip; /* size of the second mode; a smooth error of the data, relative */

static void set_up(void)
{
    ck_assert_int_eq(context_on_backend(&ctx), PDM_OK);
    OK(pdm_context_set_threads(ctx, 1));
    second = 0.5;
    slip   = 0.0;
    snprintf(path, sizeof path, "against-%d.nc", (int)getpid());
}

static void tear_down(void)
{
    (void)unlink(path);
    ck_assert_int_eq(pdm_context_destroy(&ctx), 0);
}

/* ---- diffusion and decay, two modes: u = a exp(-(D pi^2 + k) t) sin(pi x) + b exp(-(4 D pi^2 +
 * k) t) sin(2 pi x) ---- */

static const double D = 0.1, K = 0.7, PI = 3.141592653589793;
enum { N_SAMPLE = 2, N_T = 24, N_X = 32, N_POINT = N_T * N_X };

static double decay(double a, double t, double x)
{
    const double u =
        a * exp(-(D * PI * PI + K) * t) * sin(PI * x) + second * exp(-(4.0 * D * PI * PI + K) * t) * sin(2.0 * PI * x);
    return u * (1.0 + slip * cos(4.0 * PI * x) * t);
}

static void give_case(pdm_case **out, const char *residual)
{
    static const char *const setting[][3] = {
        {"pde", "fields", "u"},
        {"pde/parameters", "D", "0.1"},
        {"pde/parameters", "k", "0.7"},
        {"pde/initial", "u", "a*sin(pi*x) + sin(2*pi*x)/2"},
        {"pde/boundary", "x_min", "u = 0"},
        {"pde/boundary", "x_max", "flux(u) = D*pi*(a*exp(-(D*pi^2 + k)*t) - exp(-(4*D*pi^2 + k)*t))"},
        {"inputs/a", "distribution", "uniform(0.2, 1)"},
        {"domain", "dimensions", "t x"},
        {"domain/t", "extent", "0 1"},
        {"domain/t", "control_points", "8"},
        {"domain/x", "extent", "0 1"},
        {"domain/x", "control_points", "8"},
    };
    OK(pdm_case_create(ctx, out));
    for (int i = 0; i < COUNT_OF(setting); i++)
        OK(pdm_case_set_text(*out, setting[i][0], setting[i][1], setting[i][2]));
    OK(pdm_case_set_text(*out, "pde/residuals", "u", residual));
}

/* Samples of the solution from t = `start` and x = `left` on, plus noise of that size. */
static void write_data(double start, double left, double noise)
{
    static const double a[N_SAMPLE] = {0.4, 0.9};
    const char         *dims[]      = {"sample", "t", "x"};
    double              t[N_T], x[N_X], u[N_SAMPLE * N_POINT];
    pdm_output         *o = NULL;

    for (int i = 0; i < N_T; i++) t[i] = start + (1.0 - start) * i / (N_T - 1);
    for (int i = 0; i < N_X; i++) x[i] = left + (1.0 - left) * i / (N_X - 1);
    for (int s = 0; s < N_SAMPLE; s++)
        for (int i = 0; i < N_POINT; i++)
            u[s * N_POINT + i] = decay(a[s], t[i / N_X], x[i % N_X]) +
                                 noise * pdm_random_normal((pdm_random_key){1, 2, 3}, (uint64_t)(s * N_POINT + i));
    OK(pdm_output_create(ctx, path, &o));
    OK(pdm_output_dimension(o, "sample", N_SAMPLE, NULL, NULL, NULL, NULL));
    OK(pdm_output_dimension(o, "t", N_T, t, "1", "T", NULL));
    OK(pdm_output_dimension(o, "x", N_X, x, "1", "X", NULL));
    OK(pdm_output_variable(o, "a", 1, dims, "1", NULL));
    OK(pdm_output_variable(o, "u", 3, dims, "1", NULL));
    OK(pdm_output_put(o, "a", 0, N_SAMPLE, a));
    OK(pdm_output_put(o, "u", 0, N_SAMPLE, u));
    OK(pdm_output_commit(o));
    pdm_output_destroy(&o);
}

/* ---- what is found ---- */

static struct {
    char   text[8192];
    int    n;
    char   name[128][96];
    double value[128];
} found;

static void keep_text(void *user, const char *text)
{
    (void)user;
    ck_assert_int_eq(found.n, 0); /* before the numbers */
    snprintf(found.text, sizeof found.text, "%s", text);
}

static void keep_number(void *user, const char *name, double value)
{
    (void)user;
    ck_assert_int_lt(found.n, 128);
    snprintf(found.name[found.n], sizeof found.name[0], "%s", name);
    found.value[found.n++] = value;
}

static double number(const char *name)
{
    for (int i = 0; i < found.n; i++)
        if (strcmp(found.name[i], name) == 0) return found.value[i];
    ck_abort_msg("no number %s", name);
}

static double of_term(int k, const char *what)
{
    char name[96];
    snprintf(name, sizeof name, "equation.u.%d.%s", k, what);
    return number(name);
}

static void check_residual(const char *residual)
{
    pdm_case *c = NULL;
    memset(&found, 0, sizeof found);
    give_case(&c, residual);
    OK(pdm_case_check_data(c, path, keep_text, keep_number, NULL));
    pdm_case_destroy(&c);
}

/* Term `wrong` needs `factor`; -1: none does. Terms: time derivative, flux, decay. The splines' own errors are of order
 * h^3 and h^4, 1e-4 at these steps. */
static const struct {
    const char *residual;
    int         wrong;
    double      factor;
} faults[] = {
    {"dt(u) - dx(D*dx(u)) + k*u", -1, 1.0},  {"dt(u) - dx(10*D*dx(u)) + k*u", 1, 0.1},
    {"dt(u) + dx(D*dx(u)) + k*u", 1, -1.0},  {"dt(u) - dx(D*dx(u)) - k*u", 2, -1.0},
    {"dt(u) - dx(D*dx(u)) + k*u/2", 2, 2.0}, {"3*dt(u) - dx(D*dx(u)) + k*u", 0, 1.0 / 3.0},
};

START_TEST(the_factor_that_is_missing_is_found)
    {
        write_data(0.0, 0.0, 0.0);
        check_residual(faults[_i].residual);
        ck_assert_double_eq(number("equation.u.terms"), 3.0);
        ck_assert_double_eq(number("equation.u.best"), (double)faults[_i].wrong);
        if (faults[_i].wrong < 0) {
            ck_assert_double_eq(number("notes"), 0.0);
            ck_assert_ptr_nonnull(strstr(found.text, "nothing found"));
            ck_assert_double_lt(number("equation.u.residual"), 1e-3);
            for (int k = 0; k < 3; k++) ck_assert_double_eq_tol(of_term(k, "factor"), 1.0, 1e-3);
            for (int k = 1; k < 3; k++) ck_assert_double_eq_tol(of_term(k, "joint"), 1.0, 1e-2);
            for (int k = 0; k < 3; k++)
                ck_assert_double_lt(number(k == 0   ? "condition.0.misfit"
                                           : k == 1 ? "condition.1.misfit"
                                                    : "condition.2.misfit"),
                                    1e-3);
        } else {
            ck_assert_double_ge(number("notes"), 1.0);
            ck_assert_double_eq_tol(of_term(faults[_i].wrong, "factor"), faults[_i].factor, 2e-3);
            ck_assert_double_lt(of_term(faults[_i].wrong, "left"), 2e-3 * of_term(0, "rms"));
            ck_assert_ptr_nonnull(strstr(found.text, "the data fit better with "));
            ck_assert_int_eq(strstr(found.text, "its sign looks wrong") != NULL, faults[_i].factor < 0.0);
        }
    }
END_TEST

/* Two wrong at once: no single factor does, jointly both are found. */
START_TEST(two_factors_are_found_jointly)
    {
        write_data(0.0, 0.0, 0.0);
        check_residual("dt(u) - dx(2*D*dx(u)) + k*u/4");
        ck_assert_double_eq_tol(of_term(1, "joint"), 0.5, 5e-3);
        ck_assert_double_eq_tol(of_term(2, "joint"), 4.0, 4e-2);
        ck_assert_ptr_nonnull(strstr(found.text, "all at once, the data fit better with 0.5"));
    }
END_TEST

/* Errors of the factors cover what noise does to them (at 4 of them: one in 16000 by chance), and grow with it. */
START_TEST(standard_errors_cover_noise)
    {
        write_data(0.0, 0.0, 1e-4);
        check_residual("dt(u) - dx(D*dx(u)) + k*u");
        for (int k = 0; k < 3; k++) {
            ck_assert_double_le(fabs(of_term(k, "factor") - 1.0), 4.0 * of_term(k, "error") + 1e-3);
            ck_assert_double_lt(of_term(k, "error"), 0.02);
        }
        ck_assert_double_eq(number("equation.u.best"), -1.0);
    }
END_TEST

/* One mode: all terms are multiples of u, and any factors that add up will do. Data that are wrong in the fourth digit,
 * in a smooth way that every cluster of boxes shares, must not choose among them; where a sign is wrong, no noise
 * explains the misfit. */
START_TEST(terms_that_data_cannot_tell_apart_are_no_note)
    {
        second = 0.0;
        slip   = 5e-4;
        write_data(0.0, 0.0, 0.0);
        check_residual("dt(u) - dx(D*dx(u)) + k*u");
        ck_assert_double_gt(number("equation.u.residual"), 1e-4);
        ck_assert_double_gt(fabs(of_term(1, "joint") - 1.0), 0.02);
        ck_assert_double_lt(fabs(of_term(1, "joint") - 1.0), 3.0 * of_term(1, "joint_error"));
        ck_assert_ptr_null(strstr(found.text, "fit better"));
        check_residual("dt(u) + dx(D*dx(u)) + k*u");
        ck_assert_ptr_nonnull(strstr(found.text, "the data fit better with "));
    }
END_TEST

/* A part of the domain will do; conditions where the data do not reach are left out. */
START_TEST(a_part_of_the_domain_will_do)
    {
        write_data(0.3, 0.4, 0.0);
        check_residual("dt(u) - dx(D*dx(u)) + 2*k*u");
        ck_assert_double_eq(number("equation.u.best"), 2.0);
        ck_assert_double_eq_tol(of_term(2, "factor"), 0.5, 2e-3);
        ck_assert_ptr_nonnull(strstr(found.text, "not checked: the data start later"));
        ck_assert_ptr_nonnull(strstr(found.text, "not checked: the data end before"));
        ck_assert_double_lt(number("condition.2.misfit"), 1e-3);
    }
END_TEST

START_TEST(a_condition_that_is_not_met_is_noted)
    {
        pdm_case *c = NULL;
        memset(&found, 0, sizeof found);
        write_data(0.0, 0.0, 0.0);
        give_case(&c, "dt(u) - dx(D*dx(u)) + k*u");
        OK(pdm_case_set_text(c, "pde/boundary", "x_max", "flux(u) = 0"));
        OK(pdm_case_set_text(c, "pde/boundary", "x_min", "u + dx(u) = 0"));
        OK(pdm_case_check_data(c, path, keep_text, keep_number, NULL));
        ck_assert_double_eq(number("notes"), 2.0);
        ck_assert_double_lt(number("condition.0.misfit"), 1e-6);
        ck_assert_double_gt(number("condition.1.misfit"), 0.1);
        ck_assert_double_gt(number("condition.2.misfit"), 0.1);
        ck_assert_ptr_nonnull(strstr(found.text, "the data do not meet it"));
        pdm_case_destroy(&c);
    }
END_TEST

START_TEST(allocation_failures_are_survived)
    {
        pdm_status status = PDM_ERR_MEMORY;
        pdm_case  *c      = NULL;
        write_data(0.0, 0.0, 0.0);
        give_case(&c, "dt(u) - dx(D*dx(u)) + k*u");
        for (pdm_size k = 1; status == PDM_ERR_MEMORY; k += 1 + k / 16) { /* all early ones, then a share of the many */
            memset(&found, 0, sizeof found);
            pdm_context_fail_allocation(ctx, k);
            status = pdm_case_check_data(c, path, keep_text, keep_number, NULL);
            pdm_context_fail_allocation(ctx, 0);
            ck_assert_msg(status == PDM_OK || status == PDM_ERR_MEMORY, "%s", pdm_context_error(ctx));
            ck_assert_int_eq(found.n > 0, status == PDM_OK);
        }
        ck_assert_int_eq(status, PDM_OK);
        pdm_case_destroy(&c);
    }
END_TEST

START_TEST(misuse_is_refused)
    {
        pdm_case *c = NULL;
        give_case(&c, "dt(u) - dx(D*dx(u)) + k*u");
        ck_assert_int_eq(pdm_case_check_data(NULL, path, NULL, NULL, NULL), PDM_ERR_ARGUMENT);
        ck_assert_int_eq(pdm_case_check_data(c, NULL, NULL, NULL, NULL), PDM_ERR_ARGUMENT);
        ck_assert_int_eq(pdm_case_check_data(c, "missing.nc", NULL, NULL, NULL), PDM_ERR_IO);
        write_data(0.0, 0.0, 0.0);
        OK(pdm_case_check_data(c, path, NULL, NULL, NULL));
        pdm_case_destroy(&c);
    }
END_TEST

int main(void)
{
    Suite *s = suite_create("against");
    TCase *t = tcase_create("data");
    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_loop_test(t, the_factor_that_is_missing_is_found, 0, COUNT_OF(faults));
    tcase_add_test(t, two_factors_are_found_jointly);
    tcase_add_test(t, standard_errors_cover_noise);
    tcase_add_test(t, terms_that_data_cannot_tell_apart_are_no_note);
    tcase_add_test(t, a_part_of_the_domain_will_do);
    tcase_add_test(t, a_condition_that_is_not_met_is_noted);
    tcase_add_test(t, allocation_failures_are_survived);
    tcase_add_test(t, misuse_is_refused);
    suite_add_tcase(s, t);
    SRunner *runner = srunner_create(s);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
