/* predict/: statistics of many answers, against closed forms and against all of them sorted. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "predict/predict_impl.h"
#include "tests/models.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))
#define OUT      "ensemble-out.nc"
enum { MANY = 10000, MARKS = 100, N_X = 3, N_Q = 5 };

static const double quantiles[N_Q] = {0.0, 0.05, 0.5, 0.95, 1.0};

/* ---- the stream alone ---- */

static int compare_doubles(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Number p (n - 1) of sorted values. */
static double quantile_of(pdm_size n, const double *sorted, double p)
{
    const double   rank = p * (double)(n - 1);
    const pdm_size k    = (pdm_size)rank;
    return k + 1 < n ? sorted[k] + (rank - (double)k) * (sorted[k + 1] - sorted[k]) : sorted[n - 1];
}

/* Of many kinds: even, with tails, few different ones, all alike, rising. */
static double value_of(int kind, pdm_random_key key, pdm_size i)
{
    const double z = pdm_random_normal(key, (uint64_t)i), u = pdm_random_uniform(key, (uint64_t)i);
    return kind == 0 ? u : kind == 1 ? exp(2.0 * z) : kind == 2 ? floor(4.0 * u) : kind == 3 ? -7.0 : (double)i;
}

START_TEST(quantiles_are_within_their_error)
    {
        static const pdm_size numbers[] = {1, 2, 7, MARKS - 1, MARKS, MARKS + 1, 5000};
        const int             kind      = _i % 5;
        const pdm_size        n         = numbers[_i / 5];
        const pdm_random_key  key       = {3, PDM_RANDOM_CHECK, (uint64_t)_i};
        spread_stats          s         = {0};
        const double        **sample    = calloc((size_t)n, sizeof *sample);
        double               *x = calloc((size_t)n, sizeof *x), mean = 0.0, square = 0.0, error, worst = 0.0;
        open_context();
        OK(spread_create(ctx, 1, MARKS, &s));
        for (pdm_size i = 0; i < n; i++) {
            x[i]      = value_of(kind, key, i);
            sample[i] = &x[i];
            mean += x[i] / (double)n;
        }
        spread_add(&s, n / 3, sample); /* in two batches */
        spread_add(&s, n - n / 3, sample + n / 3);
        spread_end(&s);
        for (pdm_size i = 0; i < n; i++) square += (x[i] - mean) * (x[i] - mean);
        qsort(x, (size_t)n, sizeof *x, compare_doubles);
        ck_assert(fabs(s.mean[0] - mean) <= 1e-12 * (1.0 + fabs(mean)));
        if (n == 1)
            ck_assert(isnan(spread_deviation(&s, 0)));
        else
            ck_assert(fabs(spread_deviation(&s, 0) - sqrt(square / (double)(n - 1))) <= 1e-9 * (1.0 + sqrt(square)));
        ck_assert(s.low[0] == x[0] && s.high[0] == x[n - 1]);
        for (int k = 0; k <= 40; k++) {
            const double p = k / 40.0, right = quantile_of(n, x, p), q = spread_quantile(&s, 0, p, &error);
            ck_assert_msg(fabs(q - right) <= error + 1e-12 * fabs(right),
                          "kind %d, %lld values, %g: %g, %g is right, %g", kind, (long long)n, p, q, right, error);
            if (k > 1 && k < 39) worst = fmax(worst, error);
        }
        if (n <= MARKS || kind == 3) ck_assert_double_eq(worst, 0.0);
        if (kind == 0) ck_assert_double_lt(worst, 0.1);
        spread_destroy(&s);
        close_context();
        free(x);
        free(sample);
    }
END_TEST

/* ---- models ---- */

/* u = a exp(-0.1 pi^2 t) sin(pi x), by as many functions as there are coefficients; the other one has inputs that the
 * grid is too coarse for. */
static const word heat[] = {{"pde", "fields", "u"},
                            {"pde/residuals", "u", "dt(u) - dx(0.1*dx(u))"},
                            {"pde/initial", "u", "a*sin(pi*x)"},
                            {"pde/boundary", "x_min", "u = 0"},
                            {"pde/boundary", "x_max", "u = 0"},
                            {"inputs/a", "distribution", "uniform(0.5, 1.5)"},
                            {"domain", "dimensions", "t x"},
                            {"domain/t", "extent", "0 1"},
                            {"domain/t", "control_points", "7"},
                            {"domain/x", "extent", "0 1"},
                            {"domain/x", "control_points", "8"},
                            {"experts", "basis", "40"},
                            {"training", "batch", "64"},
                            {"surrogate", "width", "4"},
                            {"surrogate", "layers", "1"},
                            {"surrogate", "hidden", "4"},
                            {"surrogate", "modes", "2"}};
static const word hard[] = {{"pde/residuals", "u", "dt(u) - dx(0.1*dx(u)) - 30*max(a - 1.2, 0)*sin(7*pi*x)"}};

static pdm_model *make(bool too_hard)
{
    pdm_case *c = NULL;
    OK(pdm_case_create(ctx, &c));
    set(c, COUNT(heat), heat);
    if (too_hard) set(c, COUNT(hard), hard);
    pdm_model *m = model_of(c);
    OK(pdm_model_set_output(m, "t", 1, &(double){0.5}));
    OK(pdm_model_set_output(m, "x", N_X, (const double[]){0.2, 0.5, 0.7}));
    return m;
}

static pdm_ensemble_settings with(pdm_size n)
{
    pdm_ensemble_settings s;
    pdm_ensemble_settings_init(&s, sizeof s);
    s.n_sample   = n;
    s.n_quantile = N_Q;
    s.quantile   = quantiles;
    return s;
}

/* A variable of the output, [n] times the points of the model. */
static void take(const char *name, pdm_size n, const char *first, double *out)
{
    const char *dims[] = {first, "t", "x"};
    pdm_fields *f      = NULL;
    pdm_size    shape[3];
    double     *values = NULL;
    OK(pdm_fields_open(ctx, OUT, &f));
    OK(pdm_fields_read(f, name, first ? 3 : 2, first ? dims : dims + 1, NULL, shape, &values));
    memcpy(out, values, (size_t)(n * N_X) * sizeof *out);
    pdm_free(ctx, values);
    pdm_fields_close(&f);
}

/* Mean, deviation, quantiles are those of a, times the answer to a = 1. */
START_TEST(a_uniform_amplitude)
    {
        double mean[N_X], deviation[N_X], q[N_Q * N_X], error[N_Q * N_X], one[N_X], *a;
        double sum = 0.0, square = 0.0;
        open_context();
        pdm_model            *m = make(false);
        pdm_ensemble_settings s = with(MANY);
        OK(pdm_model_ensemble(m, OUT, &s, NULL, NULL, NULL));
        OK(pdm_model_predict(m, 1, &(double){1.0}, one, NULL));
        a = calloc(MANY, sizeof *a);
        OK(pdm_inputs_draw_stream(m->whole->inputs, 0, MANY, a));
        for (int i = 0; i < MANY; i++) sum += a[i] / MANY;
        for (int i = 0; i < MANY; i++) square += (a[i] - sum) * (a[i] - sum);
        qsort(a, MANY, sizeof *a, compare_doubles);
        ck_assert_msg(fabs(sum - 1.0) < 0.012 && fabs(sqrt(square / MANY) - sqrt(1.0 / 12.0)) < 0.006, "a is not even");
        take("u_mean", 1, NULL, mean);
        take("u_deviation", 1, NULL, deviation);
        take("u_quantile", N_Q, "quantile", q);
        take("u_quantile_error", N_Q, "quantile", error);
        for (int x = 0; x < N_X; x++) {
            ck_assert_double_lt(
                fabs(one[x] / (exp(-0.05 * 9.869604401) * sin((double[]){0.2, 0.5, 0.7}[x] * 3.14159265)) - 1.0), 5e-3);
            ck_assert_double_lt(fabs(mean[x] / one[x] - sum), 1e-5);
            ck_assert_double_lt(fabs(deviation[x] / one[x] - sqrt(square / (MANY - 1))), 1e-5);
            for (int k = 0; k < N_Q; k++) {
                const double right = one[x] * quantile_of(MANY, a, quantiles[k]), got = q[k * N_X + x];
                ck_assert_double_le(fabs(got - right), error[k * N_X + x] + 1e-5);
                ck_assert_double_lt(error[k * N_X + x], 0.05 * one[x]);
                ck_assert_double_lt(fabs(got / one[x] - (0.5 + quantiles[k])), 0.02);
            }
        }
        ck_assert(pdm_model_value(m, "samples") == MANY && pdm_model_value(m, "used") == MANY);
        ck_assert(isnan(pdm_model_value(m, "ensemble.wanted")));
        free(a);
        pdm_model_destroy(&m);
        close_context();
        remove(OUT);
    }
END_TEST

/* With ten times as many samples the most memory held is the same. */
START_TEST(memory_is_flat)
    {
        pdm_size peak[3], live[3]; /* the first takes what is kept: names of values */
        open_context();
        pdm_model *m = make(false);
        for (int i = 0; i < 3; i++) {
            pdm_ensemble_settings s = with(i < 2 ? 300 : 3000);
            OK(pdm_model_ensemble(m, OUT, &s, NULL, NULL, NULL));
            pdm_context_memory(ctx, &live[i], &peak[i], NULL);
        }
        ck_assert_int_eq(live[1], live[2]);
        ck_assert_int_eq(peak[1], peak[2]);
        pdm_model_destroy(&m);
        close_context();
        remove(OUT);
    }
END_TEST

static void keep_text(void *user, const char *text)
{
    snprintf(user, 1024, "%s", text);
}

/* Doubtful answers are used, and told, or left out. */
START_TEST(doubtful_answers_are_not_hidden)
    {
        char   told[1024];
        double mean[2][N_X], effect[2], deviation[2];
        open_context();
        pdm_model *m = make(true);
        for (int skip = 0; skip < 2; skip++) {
            pdm_ensemble_settings s = with(200);
            s.skip_doubtful         = skip;
            OK(pdm_model_ensemble(m, OUT, &s, NULL, keep_text, told));
            const double bad = pdm_model_value(m, "verdict.doubtful") + pdm_model_value(m, "verdict.wrong");
            ck_assert_msg(bad > 0.0 && bad < 200.0, "%g answers are not good", bad);
            ck_assert(pdm_model_value(m, "used") == (skip ? 200.0 - bad : 200.0));
            effect[skip]    = pdm_model_value(m, "effect.mean");
            deviation[skip] = pdm_model_value(m, "effect.deviation");
            ck_assert(effect[skip] > 0.0 && deviation[skip] > 0.0);
            ck_assert_msg(strstr(told, skip ? "left out; they change means by" : "used; they change means by"), "%s",
                          told);
            take("u_mean", 1, NULL, mean[skip]);
        }
        ck_assert(mean[0][1] != mean[1][1]);
        ck_assert_double_lt(fabs(effect[0] / effect[1] - 1.0), 1e-8);
        ck_assert_double_lt(fabs(deviation[0] / deviation[1] - 1.0), 1e-8);
        pdm_model_destroy(&m);
        close_context();
        remove(OUT);
    }
END_TEST

/* ---- files, and the end ---- */

static int stop(void *user, const pdm_model *m)
{
    ck_assert(pdm_model_value(m, "ensemble.wanted") == 300.0);
    return ++*(int *)user == 2;
}

START_TEST(who_stops_it_gets_no_file)
    {
        int n = 0;
        open_context();
        pdm_model            *m = make(false);
        pdm_ensemble_settings s = with(300);
        remove(OUT);
        ck_assert_int_eq(pdm_model_ensemble(m, OUT, &s, stop, NULL, &n), PDM_ERR_INTERRUPTED);
        SAYS("after 128 of 300 samples");
        ck_assert_ptr_null(fopen(OUT, "r"));
        pdm_model_destroy(&m);
        close_context();
    }
END_TEST

/* Those of a file, in rising order, on its coordinates: as many as marks, so that all is exact. */
START_TEST(inputs_of_a_file)
    {
        enum { N = 101 };
        const char *const dims[] = {"sample"};
        double            a[N], x[N_X] = {0.2, 0.5, 0.7}, q[N_Q * N_X], error[N_Q * N_X], one[N_X];
        pdm_output       *o = NULL;
        open_context();
        pdm_model            *m = make(false);
        pdm_ensemble_settings s = with(0);
        for (int i = 0; i < N; i++) a[i] = 0.5 + (double)i / (N - 1);
        OK(pdm_output_create(ctx, "ensemble-in.nc", &o));
        OK(pdm_output_dimension(o, "sample", N, NULL, NULL, NULL, NULL));
        OK(pdm_output_dimension(o, "t", 1, &(double){0.5}, "1", NULL, NULL));
        OK(pdm_output_dimension(o, "x", N_X, x, "1", NULL, NULL));
        OK(pdm_output_variable(o, "a", 1, dims, "1", NULL));
        OK(pdm_output_put(o, "a", 0, N, a));
        OK(pdm_output_commit(o));
        pdm_output_destroy(&o);
        s.input = "ensemble-in.nc";
        OK(pdm_model_ensemble(m, OUT, &s, NULL, NULL, NULL));
        OK(pdm_model_predict(m, 1, &(double){1.0}, one, NULL));
        take("u_quantile", N_Q, "quantile", q);
        take("u_quantile_error", N_Q, "quantile", error);
        for (int k = 0; k < N_Q * N_X; k++) {
            ck_assert_double_eq(error[k], 0.0);
            ck_assert_double_lt(fabs(q[k] - (0.5 + quantiles[k / N_X]) * one[k % N_X]), 1e-5);
        }
        s.n_sample = 3;
        ck_assert_int_eq(pdm_model_ensemble(m, OUT, &s, NULL, NULL, NULL), PDM_ERR_ARGUMENT);
        SAYS("one of them expected");
        pdm_model_destroy(&m);
        close_context();
        remove("ensemble-in.nc");
        remove(OUT);
    }
END_TEST

int main(void)
{
    Suite *s = suite_create("ensemble");
    TCase *t = tcase_create("ensemble");
    tcase_set_timeout(t, 120);
    tcase_add_loop_test(t, quantiles_are_within_their_error, 0, 35);
    tcase_add_test(t, a_uniform_amplitude);
    tcase_add_test(t, memory_is_flat);
    tcase_add_test(t, doubtful_answers_are_not_hidden);
    tcase_add_test(t, who_stops_it_gets_no_file);
    tcase_add_test(t, inputs_of_a_file);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
