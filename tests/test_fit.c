/* Parameters from data: closed forms, coverage of the errors, what the data do not see, bounds, beliefs, files that say
 * something wrong. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fit/fit_impl.h"
#include "tests/prediction.h"

#define COUNT_OF(a) ((int)(sizeof(a) / sizeof *(a)))
#define OK(call)    ck_assert_msg((call) == PDM_OK, "%s", pdm_context_error(ctx))

static const double PI = 3.14159265358979323846;
static pdm_context *ctx;
static char         data[64], output[64], warnings[8192];

static void keep_warning(void *user, pdm_log_level level, const char *topic, const char *text)
{
    (void)user;
    (void)topic;
    const size_t used = strlen(warnings);
    if (level == PDM_LOG_WARNING) snprintf(warnings + used, sizeof warnings - used, "%s\n", text);
}

static void set_up(void)
{
    ck_assert_int_eq(context_on_backend(&ctx), PDM_OK);
    OK(pdm_context_set_threads(ctx, 1));
    pdm_context_set_log(ctx, keep_warning, NULL, PDM_LOG_WARNING);
    snprintf(data, sizeof data, "fit-data-%d.nc", (int)getpid());
    snprintf(output, sizeof output, "fit-%d.nc", (int)getpid());
    warnings[0] = '\0';
}

static void tear_down(void)
{
    (void)unlink(data);
    (void)unlink(output);
    ck_assert_int_eq(pdm_context_destroy(&ctx), 0);
}

/* ---- cases ---- */

typedef struct setting {
    const char *group, *name, *value;
} setting;

static void give_case(pdm_case **out, int n, const setting *s)
{
    static const setting all[] = {{"experts", "basis", "2"}, {"surrogate", "width", "2"}, {"surrogate", "layers", "1"}};
    OK(pdm_case_create(ctx, out));
    for (int i = 0; i < n; i++) OK(pdm_case_set_text(*out, s[i].group, s[i].name, s[i].value));
    for (int i = 0; i < COUNT_OF(all); i++) OK(pdm_case_set_text(*out, all[i].group, all[i].name, all[i].value));
}

/* u = r u (1 - u/K), u(0) = u0: u = K / (1 + (K/u0 - 1) exp(-r t)). */
static void give_logistic(pdm_case **out)
{
    static const setting s[] = {{"pde", "fields", "u"},
                                {"pde/parameters", "r", "1"},
                                {"pde/parameters", "K", "2"},
                                {"pde/parameters", "per", "1/K"},
                                {"pde/residuals", "u", "dt(u) - r*u*(1 - u*per)"},
                                {"pde/initial", "u", "u0"},
                                {"inputs/u0", "distribution", "uniform(0.01, 1)"},
                                {"domain", "dimensions", "t"},
                                {"domain/t", "extent", "0 6"},
                                {"domain/t", "control_points", "24"}};
    give_case(out, COUNT_OF(s), s);
}

static double logistic(double r, double k, double u0, double t)
{
    return k / (1.0 + (k / u0 - 1.0) * exp(-r * t));
}

/* u = A exp(-pi^2 D t) sin(pi x), A the input. */
static void give_heat(pdm_case **out, const char *residual, const char *points_in_time)
{
    const setting s[] = {{"pde", "fields", "u"},
                         {"pde/parameters", "D", "0.1"},
                         {"pde/parameters", "k", "1"},
                         {"pde/residuals", "u", residual},
                         {"pde/initial", "u", "A*sin(pi*x)"},
                         {"pde/boundary", "x_min", "u = 0"},
                         {"pde/boundary", "x_max", "u = 0"},
                         {"inputs/A", "distribution", "uniform(0.2, 3)"},
                         {"domain", "dimensions", "t x"},
                         {"domain/t", "extent", "0 1"},
                         {"domain/t", "control_points", points_in_time},
                         {"domain/x", "extent", "0 1"},
                         {"domain/x", "control_points", "9"}};
    give_case(out, COUNT_OF(s), s);
}
static const char *const plain_heat = "dt(u) - dx(k*D*dx(u))";

static double heat(double a, double d, double t, double x)
{
    return a * exp(-PI * PI * d * t) * sin(PI * x);
}

/* ---- data ---- */

enum { DATA_MOST = 4000 };
typedef struct observations {
    pdm_size    n_sample, n; /* n_sample 0: no such dimension */
    double      t[DATA_MOST], x[DATA_MOST], u[DATA_MOST];
    const char *name, *observed;           /* of the variable; "u" and none where NULL */
    const char *units, *units_t, *units_x; /* "1" where NULL */
    double      standard_error;            /* 0: not given */
    bool        has_x;
} observations;
static observations d;

static double noise(uint64_t i)
{
    return pdm_random_normal((pdm_random_key){.seed = 7, .purpose = PDM_RANDOM_TEST, .step = 0}, i);
}

/* Points that fill the box evenly: a Kronecker sequence. */
static void place(pdm_size n_sample, pdm_size n, double t_end, bool has_x)
{
    d = (observations){.n_sample = n_sample, .n = n, .has_x = has_x};
    for (pdm_size i = 0; i < n * (n_sample > 0 ? n_sample : 1); i++) {
        d.t[i] = t_end * fmod(0.5 + 0.7548776662466927 * (double)i, 1.0);
        d.x[i] = fmod(0.5 + 0.5698402909980532 * (double)i, 1.0);
    }
}

static void put(pdm_output *o, const char *name, const char *units, const double *values)
{
    const char *dims[] = {"sample", "place"};
    const bool  two    = d.n_sample > 0;
    OK(pdm_output_variable(o, name, two ? 2 : 1, two ? dims : dims + 1, units ? units : "1", name));
    for (pdm_size i = 0; i < (two ? d.n_sample : 1); i++)
        OK(pdm_output_put(o, name, two ? i : 0, two ? 1 : d.n, values + i * d.n));
}

static void write_data(void)
{
    pdm_output *o    = NULL;
    const char *name = d.name ? d.name : "u";
    OK(pdm_output_create(ctx, data, &o));
    if (d.n_sample > 0) OK(pdm_output_dimension(o, "sample", d.n_sample, NULL, NULL, NULL, NULL));
    OK(pdm_output_dimension(o, "place", d.n, NULL, NULL, NULL, NULL));
    put(o, "t", d.units_t, d.t);
    if (d.has_x) put(o, "x", d.units_x, d.x);
    put(o, name, d.units, d.u);
    if (d.observed) OK(pdm_output_attribute(o, name, "observed", d.observed));
    if (d.standard_error > 0.0) OK(pdm_output_attribute_real(o, name, "standard_error", d.standard_error));
    OK(pdm_output_commit(o));
    pdm_output_destroy(&o);
}

/* ---- fits ---- */

static struct {
    char   text[65536];
    int    n;
    char   name[2048][64];
    double value[2048];
} found;

static void keep_text(void *user, const char *text)
{
    (void)user;
    snprintf(found.text, sizeof found.text, "%s", text);
}

static void keep_number(void *user, const char *name, double value)
{
    (void)user;
    ck_assert_int_lt(found.n, COUNT_OF(found.value));
    snprintf(found.name[found.n], sizeof found.name[0], "%s", name);
    found.value[found.n++] = value;
}

static double number(const char *name)
{
    for (int i = 0; i < found.n; i++)
        if (strcmp(found.name[i], name) == 0) return found.value[i];
    ck_abort_msg("no number %s", name);
}

static pdm_status try_fit(pdm_case *c, const pdm_fit_settings *s)
{
    memset(&found, 0, sizeof found);
    return pdm_case_fit(c, data, output, s, keep_text, keep_number, NULL);
}

#define SETTINGS(...) \
    (&(pdm_fit_settings){.size = sizeof(pdm_fit_settings), .tolerance = 1e-4, .max_iter = 50, __VA_ARGS__})
/* Not on finer grids, unless settings say so. */
static void fit(pdm_case **c, const pdm_fit_settings *s)
{
    OK(try_fit(*c, s));
    pdm_case_destroy(c);
    ck_assert_double_eq(number("converged"), 1.0);
}

static void expect(const char *name, double right, double most)
{
    char key[64];
    snprintf(key, sizeof key, "value.%s", name);
    ck_assert_msg(fabs(number(key) - right) <= most, "%s = %.10g, %.10g expected", name, number(key), right);
}

/* ---- closed forms ---- */

static void give_logistic_data(double r, double k, double u0, double sigma)
{
    for (pdm_size i = 0; i < d.n * (d.n_sample > 0 ? d.n_sample : 1); i++)
        d.u[i] = logistic(r, k, u0, d.t[i]) + sigma * noise((uint64_t)i);
}

START_TEST(exact_data_give_the_parameters)
    {
        pdm_case *c = NULL;
        give_logistic(&c);
        place(0, 40, 6.0, false);
        give_logistic_data(1.4, 1.7, 0.1, 0.0);
        d.standard_error = 1e-7;
        write_data();
        fit(&c, SETTINGS(.parameters = "r, K, u0", .max_unknowns = 2000));
        expect("r", 1.4, 1e-6);
        expect("K", 1.7, 1e-6);
        expect("u0", 0.1, 1e-6);
        ck_assert_double_gt(number("grids"), 1.0); /* the first has larger errors */
        ck_assert_double_le(number("shift"), 0.3);
    }
END_TEST

/* At once, and in slabs. */
START_TEST(diffusivity_is_the_rate_of_decay)
    {
        pdm_case *c = NULL;
        give_heat(&c, plain_heat, _i == 0 ? "7" : "19");
        place(0, 60, 1.0, true);
        for (pdm_size i = 0; i < d.n; i++) d.u[i] = (1.0 + d.t[i]) * heat(1.3, 0.17, d.t[i], d.x[i]);
        d.name           = "later";
        d.observed       = "(1 + t)*u";
        d.standard_error = 1e-3;
        write_data();
        fit(&c, SETTINGS(.parameters = "D, A", .max_unknowns = 2000));
        expect("D", 0.17, 0.5 * number("error.D"));
        expect("A", 1.3, 0.5 * number("error.A"));
        ck_assert_double_lt(number("error.D"), 1e-3);
        ck_assert_double_lt(number("chi2"), 10.0);
        ck_assert_ptr_nonnull(strstr(warnings, "noise of the data is smaller"));
    }
END_TEST

/* u = sin(2 pi (x - a t)) on a circle. */
START_TEST(speed_of_a_wave)
    {
        static const setting s[] = {{"pde", "fields", "u"},
                                    {"pde/parameters", "a", "0.5"},
                                    {"pde/residuals", "u", "dt(u) + dx(a*u)"},
                                    {"pde/initial", "u", "sin(2*pi*x)"},
                                    {"domain", "dimensions", "t x"},
                                    {"domain/t", "extent", "0 1"},
                                    {"domain/t", "control_points", "12"},
                                    {"domain/x", "extent", "0 1"},
                                    {"domain/x", "kind", "periodic"},
                                    {"domain/x", "control_points", "12"}};
        pdm_case            *c   = NULL;
        give_case(&c, COUNT_OF(s), s);
        place(0, 50, 1.0, true);
        for (pdm_size i = 0; i < d.n; i++) d.u[i] = sin(2.0 * PI * (d.x[i] - 0.4 * d.t[i])) + 0.01 * noise((uint64_t)i);
        write_data();
        fit(&c, SETTINGS(.parameters = "a", .max_unknowns = 2000));
        expect("a", 0.4, 3.0 * number("error.a"));
        ck_assert_double_lt(number("error.a"), 1e-3);
    }
END_TEST

/* Of the slope, in other units, on a grid; with values that are missing. */
START_TEST(derived_quantities_in_other_units)
    {
        pdm_case *c = NULL;
        give_heat(&c, plain_heat, "9");
        OK(pdm_case_set_text(c, "pde/units", "u", "m"));
        OK(pdm_case_set_text(c, "pde/units", "x", "m"));
        OK(pdm_case_set_text(c, "pde/units", "t", "s"));
        OK(pdm_case_set_text(c, "pde/units", "D", "m2 s-1"));
        OK(pdm_case_set_text(c, "pde/units", "k", "1"));
        OK(pdm_case_set_text(c, "inputs/A", "units", "m"));
        OK(pdm_case_set_text(c, "pde/initial", "u", "A*sin(pi*x/L)"));
        OK(pdm_case_set_text(c, "pde/parameters", "L", "1"));
        OK(pdm_case_set_text(c, "pde/units", "L", "m"));
        place(0, 60, 1.0, true);
        for (pdm_size i = 0; i < d.n; i++)
            d.u[i] =
                i % 7 == 3 ? (double)NAN : 1000.0 * 1.1 * PI * exp(-PI * PI * 0.2 * d.t[i]) * cos(PI * d.x[i]) * 2.0;
        d.name     = "strain";
        d.observed = "2*dx(u)*L";
        d.units    = "mm";
        d.units_t  = "min";
        d.units_x  = "m";
        for (pdm_size i = 0; i < d.n; i++) d.t[i] /= 60.0;
        d.standard_error = 5.0;
        write_data();
        fit(&c, SETTINGS(.parameters = "D, A", .max_unknowns = 2000));
        expect("D", 0.2, 0.5 * number("error.D"));
        expect("A", 1.1, 0.5 * number("error.A"));
        ck_assert_double_eq(number("missing"), 9.0);
        ck_assert_double_eq(number("observations"), 51.0);
    }
END_TEST

/* u(station, time) with x(station), t(time) and a standard error of every station; one is far off, and says so. */
START_TEST(stations_with_ancillary_errors)
    {
        enum { STATIONS = 5, TIMES = 8 };
        static const char *const dims[] = {"station", "time"};
        double                   x[STATIONS], t[TIMES], error[STATIONS], u[STATIONS * TIMES];
        pdm_case                *c = NULL;
        pdm_output              *o = NULL;
        for (int i = 0; i < STATIONS; i++) {
            x[i]     = 0.15 + 0.17 * i;
            error[i] = i == 2 ? 10.0 : 0.01;
        }
        for (int k = 0; k < TIMES; k++) t[k] = 0.1 + 0.12 * k;
        for (int i = 0; i < STATIONS; i++)
            for (int k = 0; k < TIMES; k++)
                u[i * TIMES + k] =
                    heat(1.3, 0.17, t[k], x[i]) + error[i] * noise((uint64_t)(i * TIMES + k)) + (i == 2 ? 8.0 : 0.0);
        OK(pdm_output_create(ctx, data, &o));
        OK(pdm_output_dimension(o, "station", STATIONS, NULL, NULL, NULL, NULL));
        OK(pdm_output_dimension(o, "time", TIMES, NULL, NULL, NULL, NULL));
        OK(pdm_output_variable(o, "x", 1, dims, "1", "x"));
        OK(pdm_output_variable(o, "t", 1, dims + 1, "1", "t"));
        OK(pdm_output_variable(o, "u", 2, dims, "1", "u"));
        OK(pdm_output_variable(o, "u_error", 1, dims, "1", "error"));
        OK(pdm_output_attribute(o, "u", "ancillary_variables", "u_error"));
        OK(pdm_output_attribute(o, "u_error", "standard_name", "temperature standard_error"));
        OK(pdm_output_put(o, "x", 0, STATIONS, x));
        OK(pdm_output_put(o, "t", 0, TIMES, t));
        OK(pdm_output_put(o, "u", 0, STATIONS, u));
        OK(pdm_output_put(o, "u_error", 0, STATIONS, error));
        OK(pdm_output_commit(o));
        pdm_output_destroy(&o);
        give_heat(&c, plain_heat, "9");
        fit(&c, SETTINGS(.parameters = "D, A", .max_unknowns = 2000));
        expect("D", 0.17, 3.0 * number("error.D"));
        expect("A", 1.3, 3.0 * number("error.A"));
        ck_assert_double_lt(number("error.A"), 0.03);
        ck_assert_double_eq_tol(number("chi2"), number("freedom"), 4.0 * sqrt(2.0 * number("freedom")));
    }
END_TEST

/* ---- errors ---- */

/* 68 and 95 expected; four standard deviations of the binomial are left on either side. */
START_TEST(errors_cover_the_truth)
    {
        enum { DRAWS = 100 };
        static const char *const name[]  = {"r", "K"};
        static const double      right[] = {1.4, 1.7};
        pdm_case                *c       = NULL;
        double                   u0[1]   = {0.1};
        give_logistic(&c);
        place(DRAWS, 20, 6.0, false);
        give_logistic_data(right[0], right[1], u0[0], 0.05);
        write_data();
        fit(&c, SETTINGS(.parameters = "r, K, u0", .apart = 1, .start = "u0 = 0.2"));
        ck_assert_double_eq(number("fits"), DRAWS);
        for (int k = 0; k < 2; k++) {
            int one = 0, two = 0;
            for (int i = 0; i < DRAWS; i++) {
                char value[64], error[64];
                char prefix[16] = "";
                if (i > 0) snprintf(prefix, sizeof prefix, "%d.", i);
                snprintf(value, sizeof value, "%svalue.%s", prefix, name[k]);
                snprintf(error, sizeof error, "%serror.%s", prefix, name[k]);
                const double z = fabs(number(value) - right[k]) / number(error);
                one += z <= 1.0;
                two += z <= 2.0;
            }
            ck_assert_msg(one >= 49 && one <= 87, "%s: %d of 100 within one standard error", name[k], one);
            ck_assert_msg(two >= 86, "%s: %d of 100 within two standard errors", name[k], two);
        }
    }
END_TEST

/* Experiments with one theta: the error falls with the root of their number. */
START_TEST(experiments_add_up)
    {
        double error[2];
        for (int i = 0; i < 2; i++) {
            pdm_case *c = NULL;
            give_logistic(&c);
            place(i == 0 ? 1 : 9, 20, 6.0, false);
            give_logistic_data(1.4, 1.7, 0.1, 0.05);
            d.standard_error = 0.05;
            write_data();
            fit(&c, SETTINGS(.parameters = "r, K, u0"));
            error[i] = number("error.r");
            expect("r", 1.4, 3.5 * error[i]);
        }
        ck_assert_double_eq_tol(error[0] / error[1], 3.0, 0.6);
    }
END_TEST

/* The equation has k*D alone. */
START_TEST(what_data_do_not_see_is_named)
    {
        pdm_case *c = NULL;
        give_heat(&c, plain_heat, "7");
        place(0, 60, 1.0, true);
        for (pdm_size i = 0; i < d.n; i++) d.u[i] = heat(1.3, 0.17, d.t[i], d.x[i]) + 0.01 * noise((uint64_t)i);
        write_data();
        fit(&c, SETTINGS(.parameters = "D, k, A"));
        ck_assert_double_eq(number("unseen"), 1.0);
        ck_assert(isinf(number("error.D")) && isinf(number("error.k")));
        ck_assert_double_lt(number("error.A"), 0.02);
        expect("A", 1.3, 3.0 * number("error.A"));
        ck_assert_double_eq_tol(number("value.D") * number("value.k"), 0.17, 0.01);
        ck_assert_msg(strstr(warnings, "do not see a change together of D") && strstr(warnings, ", k ") &&
                          !strstr(warnings, ", A "),
                      "%s", warnings);
        ck_assert_ptr_nonnull(strstr(found.text, "not seen by the data"));
    }
END_TEST

START_TEST(a_belief_makes_up_for_it)
    {
        pdm_case *c = NULL;
        give_heat(&c, plain_heat, "7");
        place(0, 60, 1.0, true);
        for (pdm_size i = 0; i < d.n; i++) d.u[i] = heat(1.3, 0.17, d.t[i], d.x[i]) + 0.01 * noise((uint64_t)i);
        write_data();
        fit(&c, SETTINGS(.parameters = "D, k, A", .priors = "k = 2 +- 0.1", .start = "k = 1.5"));
        ck_assert_double_eq(number("unseen"), 0.0);
        expect("k", 2.0, 1e-3);
        ck_assert_double_eq_tol(number("error.k"), 0.1, 1e-3);
        expect("D", 0.085, 0.003);
    }
END_TEST

/* The amplitude of a linear equation: mean and variance of two normal beliefs are known. */
START_TEST(beliefs_and_data_are_weighed)
    {
        const double sigma = 0.1, mean = 0.8, deviation = 0.02;
        double       square = 0.0, sum = 0.0;
        pdm_case    *c = NULL;
        give_heat(&c, plain_heat, "9");
        place(0, 30, 1.0, true);
        for (pdm_size i = 0; i < d.n; i++) {
            const double one = heat(1.0, 0.1, d.t[i], d.x[i]);
            d.u[i]           = 1.3 * one + sigma * noise((uint64_t)i);
            square += one * one;
            sum += one * d.u[i];
        }
        write_data();
        fit(&c, SETTINGS(.parameters = "A", .priors = "A = 0.8 +- 0.02", .noise = "0.1"));
        const double precision = square / (sigma * sigma) + 1.0 / (deviation * deviation);
        expect("A", (sum / (sigma * sigma) + mean / (deviation * deviation)) / precision, 1e-4);
        ck_assert_double_eq_tol(number("error.A"), 1.0 / sqrt(precision), 1e-5);
    }
END_TEST

START_TEST(bounds_hold_and_are_told)
    {
        pdm_case *c = NULL;
        give_heat(&c, plain_heat, "7");
        place(0, 60, 1.0, true);
        for (pdm_size i = 0; i < d.n; i++) d.u[i] = heat(1.3, 0.17, d.t[i], d.x[i]) + 0.01 * noise((uint64_t)i);
        write_data();
        fit(&c, SETTINGS(.parameters = "D, A", .bounds = "D = 0.01 : 0.12, A = : 5"));
        ck_assert_double_eq(number("value.D"), 0.12);
        ck_assert_double_eq(number("error.D"), 0.0);
        ck_assert_double_eq(number("at_bound.D"), 1.0);
        ck_assert_double_eq(number("at_bound.A"), 0.0);
        ck_assert_ptr_nonnull(strstr(warnings, "\"D\" is at its upper bound"));
    }
END_TEST

/* ---- a field ---- */

/* u0 of a heat equation from values a little later; the prior is the distribution. Of the second, which is rough, finer
 * grids carry more modes. */
START_TEST(an_initial_field_from_later_values)
    {
        const setting s[] = {{"pde", "fields", "u"},
                             {"pde/residuals", "u", "dt(u) - dx(0.01*dx(u))"},
                             {"pde/initial", "u", "u0"},
                             {"pde/boundary", "x_min", "u = 0"},
                             {"pde/boundary", "x_max", "u = 0"},
                             {"inputs/u0", "dimensions", "x"},
                             {"inputs/u0", "distribution",
                              _i == 0 ? "gaussian_field(0.3, smoothness=inf, kind=dirichlet)"
                                      : "gaussian_field(0.5, smoothness=1.5, kind=dirichlet)"},
                             {"domain", "dimensions", "t x"},
                             {"domain/t", "extent", "0 1"},
                             {"domain/t", "control_points", "7"},
                             {"domain/x", "extent", "0 1"},
                             {"domain/x", "control_points", "12"}};
        pdm_case     *c   = NULL;
        pdm_fields   *f   = NULL;
        double       *u0 = NULL, *error = NULL;
        pdm_size      shape[2];
        const char   *dims[] = {"?sample", "x"}, *of_fit[] = {"fit", "x"};
        double        worst = 0.0, largest = 0.0;
        give_case(&c, COUNT_OF(s), s);
        place(0, 60, 1.0, true);
        for (pdm_size i = 0; i < d.n; i++)
            d.u[i] = heat(0.9, 0.01, d.t[i], d.x[i]) +
                     0.5 * exp(-4.0 * PI * PI * 0.01 * d.t[i]) * sin(2.0 * PI * d.x[i]) + 0.01 * noise((uint64_t)i);
        write_data();
        fit(&c, SETTINGS(.parameters = "u0"));
        OK(pdm_fields_open(ctx, output, &f));
        OK(pdm_fields_read(f, "u0", 2, dims, NULL, shape, &u0));
        OK(pdm_fields_read(f, "fit_error_u0", 2, of_fit, NULL, shape, &error));
        for (pdm_size i = 0; i < shape[1]; i++) {
            const double x   = (double)i / (double)(shape[1] - 1);
            const double off = u0[i] - 0.9 * sin(PI * x) - 0.5 * sin(2.0 * PI * x);
            ck_assert_double_eq_tol(off, 0.0, _i == 0 ? 0.03 : 0.1);
            if (error[i] > 1e-3) worst = fmax(worst, fabs(off) / error[i]);
            largest = fmax(largest, error[i]);
        }
        ck_assert_double_lt(worst, 4.0);                    /* standard errors, at any point */
        ck_assert_double_lt(largest, _i == 0 ? 0.03 : 0.1); /* 1 before there were data */
        pdm_free(ctx, error);
        pdm_free(ctx, u0);
        pdm_fields_close(&f);
    }
END_TEST

/* ---- derivatives ---- */

/* What is left of predictions behind the linear model falls with the square of the step. */
START_TEST(derivatives_are_those_of_solves)
    {
        pdm_case    *c     = NULL;
        fit_words    names = {.n = 2, .word = {{.name = "r"}, {.name = "K"}}};
        bool         constant[FIT_PART_MOST], good = true;
        pdm_case    *copy = NULL;
        pdm_problem *p    = NULL;
        fit_words    none = {.n = 0};
        fit_unknowns u    = {.ctx = NULL};
        fit_data     read = {.ctx = NULL};
        fit_response r    = {.ctx = NULL};
        fit_search   s    = {.response = NULL};
        double       rest[3], *predicted = NULL;

        give_logistic(&c);
        place(0, 20, 6.0, false);
        give_logistic_data(1.4, 1.7, 0.1, 0.0);
        write_data();
        OK(fit_case_create(c, &names, constant, &copy));
        OK(pdm_case_set_text(copy, "pde/initial", "u", "0.1"));
        OK(pdm_case_remove(copy, "inputs/u0", "distribution"));
        OK(pdm_problem_create(copy, PDM_PROBLEM_WHOLE, NULL, &p));
        OK(fit_unknowns_create(p, &names, SETTINGS(.parameters = "r, K"), NULL, &u));
        OK(fit_data_read(p, &u, data, &none, &read));
        OK(fit_response_create(p, NULL, &u, &read, &r));
        OK(fit_search_create(&r, 0, 1, 1e-4, 50, &s));
        OK(fit_search_linearise(&s, &good));
        ck_assert(good);
        OK(pdm_alloc_array(ctx, s.n_obs, &predicted));
        for (int i = 0; i < 3; i++) {
            const double h = 0.1 * pow(0.5, i), theta[2] = {s.theta[0] + h, s.theta[1] - 0.7 * h};
            double       sum = 0.0;
            OK(fit_respond(&r, 0, 1, 1, theta, false, predicted, &good));
            ck_assert(good);
            for (pdm_size k = 0; k < s.n_obs; k++) {
                const double e = predicted[k] - s.predicted[k] - h * (s.jacobian[k] - 0.7 * s.jacobian[s.n_obs + k]);
                sum += e * e;
            }
            rest[i] = sqrt(sum);
        }
        for (int i = 0; i < 2; i++) ck_assert_double_eq_tol(log2(rest[i] / rest[i + 1]), 2.0, 0.2);
        pdm_free(ctx, predicted);
        fit_search_destroy(&s);
        fit_response_destroy(&r);
        fit_data_destroy(&read);
        fit_unknowns_destroy(&u);
        pdm_problem_destroy(&p);
        pdm_case_destroy(&copy);
        pdm_case_destroy(&c);
    }
END_TEST

/* ---- what is wrong is said ---- */

static const struct {
    pdm_fit_settings settings;
    const char      *change; /* of the data */
    pdm_status       status;
    const char      *words[3];
} wrongs[] = {
    {{.parameters = "Dd"}, "", PDM_ERR_ARGUMENT, {"unknown name \"Dd\"", "did you mean \"D\"?", "A, D, k"}},
    {{.parameters = "D D"}, "", PDM_ERR_ARGUMENT, {"D D", NULL, NULL}},
    {{.parameters = "D, D"}, "", PDM_ERR_ARGUMENT, {"\"D\" is there twice", NULL, NULL}},
    {{.parameters = ""}, "", PDM_ERR_ARGUMENT, {"parameters", "\"D, k\"", NULL}},
    {{.parameters = "D"}, "", PDM_ERR_DATA, {"\"A\" is not among the parameters", "no variable of that name", NULL}},
    {{.parameters = "D, A", .start = "A = 5"}, "", PDM_ERR_ARGUMENT, {"start of \"A\": 5", "0.2 to 3", NULL}},
    {{.parameters = "D, A", .start = "k = 5"}, "", PDM_ERR_ARGUMENT, {"start: unknown name \"k\"", NULL, NULL}},
    {{.parameters = "D, A", .start = "D = nan"}, "", PDM_ERR_ARGUMENT, {"start of \"D\": \"nan\"", NULL, NULL}},
    {{.parameters = "D, A", .bounds = "D = 3 : 2"}, "", PDM_ERR_ARGUMENT, {"bounds of \"D\"", NULL, NULL}},
    {{.parameters = "D, A", .bounds = "D = 3"}, "", PDM_ERR_ARGUMENT, {"LOW : HIGH", NULL, NULL}},
    {{.parameters = "D, A", .priors = "D = 3"}, "", PDM_ERR_ARGUMENT, {"MEAN +- DEVIATION", NULL, NULL}},
    {{.parameters = "D, A", .priors = "D = 3 +- 0"}, "", PDM_ERR_ARGUMENT, {"deviation 0", NULL, NULL}},
    {{.parameters = "D, A", .noise = "v = 1"}, "", PDM_ERR_ARGUMENT, {"noise: unknown name \"v\"", NULL, NULL}},
    {{.parameters = "D, A", .noise = "-1"}, "", PDM_ERR_DATA, {"standard error of \"u\" is -1", NULL, NULL}},
    {{.parameters = "D, A"}, "name", PDM_ERR_DATA, {"no observations", "\"u\"", "observed"}},
    {{.parameters = "D, A"}, "missing", PDM_ERR_DATA, {"all 10 values of \"u\" are missing", NULL, NULL}},
    {{.parameters = "D, A"}, "nan x", PDM_ERR_DATA, {"\"x\" of observation 3 of \"u\"", "not finite", NULL}},
    {{.parameters = "D, A"}, "outside", PDM_ERR_DATA, {"observation 4 of \"u\" is at t = 1.5", "0 to 1", NULL}},
    {{.parameters = "D, A"}, "no x", PDM_ERR_DATA, {"no variable \"x\"", "where the observations \"u\" lie", NULL}},
    {{.parameters = "D, A"}, "units", PDM_ERR_DATA, {"\"kg\" does not convert to \"m\"", NULL, NULL}},
    {{.parameters = "D, A"}, "observed", PDM_ERR_CASE, {"u:observed", "w", NULL}},
};

static void spoil(const char *change, pdm_case *c)
{
    place(0, 10, 1.0, true);
    for (pdm_size i = 0; i < d.n; i++) d.u[i] = heat(1.3, 0.17, d.t[i], d.x[i]);
    if (strcmp(change, "name") == 0) d.name = "v";
    for (pdm_size i = 0; i < d.n && strcmp(change, "missing") == 0; i++) d.u[i] = (double)NAN;
    if (strcmp(change, "nan x") == 0) d.x[3] = (double)NAN;
    if (strcmp(change, "outside") == 0) d.t[4] = 1.5;
    if (strcmp(change, "no x") == 0) d.has_x = false;
    if (strcmp(change, "observed") == 0) d.observed = "u + w";
    if (strcmp(change, "units") == 0) {
        d.units   = "kg";
        d.units_t = "s";
        OK(pdm_case_set_text(c, "pde/units", "u", "m"));
        OK(pdm_case_set_text(c, "pde/units", "D", "s-1"));
        OK(pdm_case_set_text(c, "pde/units", "t", "s"));
        OK(pdm_case_set_text(c, "inputs/A", "units", "m"));
    }
    write_data();
}

START_TEST(what_is_wrong_is_said)
    {
        pdm_case        *c = NULL;
        pdm_fit_settings s;
        give_heat(&c, plain_heat, "7");
        spoil(wrongs[_i].change, c);
        pdm_fit_settings_init(&s, sizeof s);
        s.parameters            = wrongs[_i].settings.parameters;
        s.start                 = wrongs[_i].settings.start;
        s.bounds                = wrongs[_i].settings.bounds;
        s.priors                = wrongs[_i].settings.priors;
        s.noise                 = wrongs[_i].settings.noise;
        const pdm_status status = try_fit(c, &s);
        ck_assert_msg(status == wrongs[_i].status, "%d: %d %s", _i, (int)status, pdm_context_error(ctx));
        for (int k = 0; k < 3 && wrongs[_i].words[k]; k++)
            ck_assert_msg(strstr(pdm_context_error(ctx), wrongs[_i].words[k]), "%d: %s", _i, pdm_context_error(ctx));
        ck_assert_int_ne(access(output, F_OK), 0);
        pdm_case_destroy(&c);
    }
END_TEST

/* A constant that is made of others, one before a derivative under a condition on its flux. */
START_TEST(constants_that_cannot_be_found)
    {
        pdm_case *c = NULL;
        give_logistic(&c);
        place(0, 10, 6.0, false);
        give_logistic_data(1.4, 1.7, 0.1, 0.0);
        write_data();
        ck_assert_int_eq(try_fit(c, SETTINGS(.parameters = "per, u0")), PDM_ERR_ARGUMENT);
        ck_assert_ptr_nonnull(strstr(pdm_context_error(ctx), "made of other parameters"));
        pdm_case_destroy(&c);
        for (int i = 0; i < 2; i++) {
            give_heat(&c, i == 0 ? "dt(u) - D*dxx(u)" : "dt(u) - D*dxx(u) + dx(k*u)", "7");
            OK(pdm_case_set_text(c, "pde/boundary", "x_max", "flux(u) = 0"));
            place(0, 10, 1.0, true);
            write_data();
            ck_assert_int_eq(try_fit(c, SETTINGS(.parameters = "D, A")), PDM_ERR_CASE);
            ck_assert_msg(strstr(pdm_context_error(ctx), "like dx(D*dx(u))"), "%s", pdm_context_error(ctx));
            pdm_case_destroy(&c);
        }
    }
END_TEST

START_TEST(a_search_that_ends_early_is_told)
    {
        pdm_case *c = NULL;
        give_logistic(&c);
        place(0, 40, 6.0, false);
        give_logistic_data(1.4, 1.7, 0.1, 0.0);
        write_data();
        pdm_fit_settings s = *SETTINGS(.parameters = "r, K, u0");
        s.max_iter         = 1;
        OK(try_fit(c, &s));
        ck_assert_double_eq(number("converged"), 0.0);
        ck_assert_ptr_nonnull(strstr(warnings, "did not converge (too many steps)"));
        pdm_case_destroy(&c);
    }
END_TEST

/* ---- an input in front of a trained model ---- */

START_TEST(a_trained_model_begins)
    {
        static const char *const set[][3] = {
            {"experts", "prior", "pod"},    {"experts", "basis", "6"},
            {"training", "solutions", "8"}, {"training", "steps", "2"},
            {"surrogate", "kind", "none"},  {"inputs/D", "distribution", "uniform(0.05, 0.3)"}};
        pdm_case  *c = NULL;
        pdm_model *m = NULL;
        give_heat(&c, plain_heat, "9");
        OK(pdm_case_remove(c, "pde/parameters", "D"));
        OK(pdm_case_remove(c, "surrogate", "width"));
        OK(pdm_case_remove(c, "surrogate", "layers"));
        for (int i = 0; i < COUNT_OF(set); i++) OK(pdm_case_set_text(c, set[i][0], set[i][1], set[i][2]));
        OK(pdm_model_create(c, &m));
        OK(pdm_model_train(m, output, NULL, NULL));
        place(0, 60, 1.0, true);
        for (pdm_size i = 0; i < d.n; i++) d.u[i] = heat(1.3, 0.17, d.t[i], d.x[i]) + 0.02 * noise((uint64_t)i);
        write_data();
        memset(&found, 0, sizeof found);
        OK(pdm_model_fit(m, data, output, SETTINGS(.parameters = "D, A", .max_unknowns = 2000), keep_text, keep_number,
                         NULL));
        ck_assert_double_eq(number("converged"), 1.0);
        expect("D", 0.17, 3.0 * number("error.D"));
        expect("A", 1.3, 3.0 * number("error.A"));
        ck_assert(!isnan(number("shift")));
        ck_assert_msg(number("grids") > 1.0 || strstr(found.text, "by the model"), "%s", found.text);
        ck_assert_int_eq(pdm_model_fit(m, data, output, SETTINGS(.parameters = "k"), NULL, NULL, NULL),
                         PDM_ERR_ARGUMENT);
        pdm_model_destroy(&m);
        pdm_case_destroy(&c);
        char log[80];
        snprintf(log, sizeof log, "%.*s.log.jsonl", (int)strlen(output) - 3, output);
        (void)unlink(log);
    }
END_TEST

/* ---- memory ---- */

START_TEST(want_of_memory_is_told)
    {
        pdm_case *c = NULL;
        if (on_backend("check")) return;
        give_logistic(&c);
        place(0, 10, 6.0, false);
        give_logistic_data(1.4, 1.7, 0.1, 0.01);
        write_data();
        for (pdm_size k = 1, status = PDM_ERR_MEMORY; status != PDM_OK; k += 1 + k / 8) {
            pdm_context_fail_allocation(ctx, k);
            status = (pdm_size)try_fit(c, SETTINGS(.parameters = "r, K, u0"));
            ck_assert_msg(status == PDM_OK || status == PDM_ERR_MEMORY, "%lld: %s", (long long)k,
                          pdm_context_error(ctx));
        }
        pdm_context_fail_allocation(ctx, 0);
        pdm_case_destroy(&c);
    }
END_TEST

int main(void)
{
    Suite   *suite  = suite_create("fit");
    TCase   *t      = tcase_create("fit");
    SRunner *runner = srunner_create(suite);

    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_set_timeout(t, 120);
    tcase_add_test(t, exact_data_give_the_parameters);
    tcase_add_loop_test(t, diffusivity_is_the_rate_of_decay, 0, 2);
    tcase_add_test(t, speed_of_a_wave);
    tcase_add_test(t, derived_quantities_in_other_units);
    tcase_add_test(t, stations_with_ancillary_errors);
    tcase_add_test(t, errors_cover_the_truth);
    tcase_add_test(t, experiments_add_up);
    tcase_add_test(t, what_data_do_not_see_is_named);
    tcase_add_test(t, a_belief_makes_up_for_it);
    tcase_add_test(t, beliefs_and_data_are_weighed);
    tcase_add_test(t, bounds_hold_and_are_told);
    tcase_add_loop_test(t, an_initial_field_from_later_values, 0, 2);
    tcase_add_test(t, derivatives_are_those_of_solves);
    tcase_add_loop_test(t, what_is_wrong_is_said, 0, COUNT_OF(wrongs));
    tcase_add_test(t, constants_that_cannot_be_found);
    tcase_add_test(t, a_search_that_ends_early_is_told);
    tcase_add_test(t, a_trained_model_begins);
    tcase_add_test(t, want_of_memory_is_told);
    suite_add_tcase(suite, t);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
