/* Guesses and columns from solutions (experts:guess, experts:prior = "pod"): what they reach, that trainings with them
 * can be stopped anywhere, what is refused. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/model_impl.h"
#include "tests/models.h"
#include "tests/prediction.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

/* Heat from two modes: solutions are linear in a and b. */
static pdm_case *heat_case(const char *residual)
{
    const word words[] = {{"pde", "fields", "u"},
                          {"pde/residuals", "u", residual},
                          {"pde/initial", "u", "a*sin(pi*x) + b*sin(2*pi*x)"},
                          {"pde/boundary", "x_min", "u = 0"},
                          {"pde/boundary", "x_max", "u = 0"},
                          {"inputs/a", "distribution", "uniform(0.5, 1)"},
                          {"inputs/b", "distribution", "uniform(-1, 1)"},
                          {"domain", "dimensions", "t x"},
                          {"domain/t", "extent", "0 1"},
                          {"domain/t", "control_points", "10"},
                          {"domain/x", "extent", "0 1"},
                          {"domain/x", "control_points", "12"},
                          {"surrogate", "width", "6"},
                          {"surrogate", "layers", "2"},
                          {"surrogate", "hidden", "8"},
                          {"solver", "tolerance", "1e-8"},
                          {"training", "batch", "2"},
                          {"training", "solutions", "6"},
                          {"experts", "prior", "pod"},
                          {"experts", "basis", "2"}};
    pdm_case  *c       = NULL;
    OK(pdm_case_create(ctx, &c));
    set(c, COUNT(words), words);
    return c;
}
static const char LINEAR[] = "dt(u) - 0.1*dxx(u)", NONLINEAR[] = "dt(u) - 0.1*dxx(u) + u^2";

/* Trained to its last step, into a file that is gone again. */
static pdm_model *finished(pdm_case *c, const char *steps)
{
    pdm_model *m = NULL;
    OK(pdm_case_set_text(c, "training", "steps", steps));
    OK(pdm_model_create(c, &m));
    pdm_case_destroy(&c);
    OK(pdm_model_train(m, "pod.nc", NULL, NULL));
    remove("pod.nc");
    remove("pod.log.jsonl");
    return m;
}

/* Largest distance of two answers to the same inputs, over the largest number of the second one's. */
static double distance(pdm_model *a, pdm_model *b)
{
    static const double input[] = {0.6, -0.7, 0.9, 0.4, 0.5, 0.95};
    const pdm_size      n       = 3 * pdm_model_n_point(a);
    double *u[2] = {calloc((size_t)n, sizeof(double)), calloc((size_t)n, sizeof(double))}, most = 0.0, size = 0.0;
    OK(pdm_model_predict(a, 3, input, u[0], NULL));
    OK(pdm_model_predict(b, 3, input, u[1], NULL));
    for (pdm_size i = 0; i < n; i++) {
        most = fmax(most, fabs(u[0][i] - u[1][i]));
        size = fmax(size, fabs(u[1][i]));
    }
    free(u[0]), free(u[1]);
    return most / size;
}

/* The same case with as many polynomials as there are coefficients: the polished answer. */
static pdm_model *complete(const char *residual)
{
    pdm_case  *c     = heat_case(residual);
    const word all[] = {{"experts", "prior", "polynomial"}, {"experts", "basis", "90"}};
    set(c, COUNT(all), all);
    return model_of(c);
}

/* Two columns, and the mean, are all that a linear problem with two inputs has. */
START_TEST(linear_problems_need_as_many_columns_as_inputs)
    {
        open_context();
        pdm_model *m = finished(heat_case(LINEAR), "5"), *all = complete(LINEAR);
        ck_assert_int_eq(pdm_model_steps(m), 0); /* nothing has weights */
        ck_assert_int_eq(pdm_experts_n_column(m->experts), 2);
        ck_assert_int_eq(m->surrogate->n_parameter, 0);
        ck_assert_int_eq(pdm_model_steps(all), 400);
        ck_assert_double_le(distance(m, all), 5e-5); /* targets are in FP32 */
        pdm_model_destroy(&all);
        pdm_model_destroy(&m);
        close_context();
    }
END_TEST

/* Of others a few more do. Two experts have columns each of their own; with a smooth partition too. */
START_TEST(errors_fall_with_columns)
    {
        static const char *const basis[] = {"1", "3", "6"};
        double                   error[3];
        open_context();
        pdm_model *all = complete(NONLINEAR);
        for (int i = 0; i < 3; i++) {
            pdm_case *c = heat_case(NONLINEAR);
            OK(pdm_case_set_text(c, "experts", "basis", basis[i]));
            OK(pdm_case_set_text(c, "training", "solutions", "30"));
            OK(pdm_case_set_text(c, "domain/x", "experts", _i ? "2" : "1"));
            OK(pdm_case_set_text(c, "experts", "partition", _i == 2 ? "smooth" : "hard"));
            pdm_model *m = finished(c, "0");
            error[i]     = distance(m, all);
            pdm_model_destroy(&m);
        }
        ck_assert_double_le(error[1], 0.2 * error[0]);
        ck_assert_double_le(error[2], 0.2 * error[1]);
        ck_assert_double_le(error[2], 1e-3);
        pdm_model_destroy(&all);
        close_context();
    }
END_TEST

static void weights_of(const pdm_model *m, double **out, pdm_size *n)
{
    pdm_backend  *b    = m->problem->backend;
    const pdm_pod pod  = pdm_experts_pod(m->experts);
    void         *host = NULL;
    *n                 = m->surrogate->n_parameter + pod.n;
    *out               = calloc((size_t)*n, sizeof **out);
    OK(b->ops->acquire(b, m->surrogate->parameters, PDM_READ, &host));
    for (pdm_size i = 0; i < m->surrogate->n_parameter; i++) (*out)[i] = (double)((float *)host)[i];
    OK(b->ops->release(b, m->surrogate->parameters, &host));
    memcpy(*out + m->surrogate->n_parameter, pod.column, (size_t)pod.n * sizeof **out);
}

static pdm_case *guess_case(void)
{
    pdm_case  *c       = heat_case(NONLINEAR);
    const word words[] = {
        {"experts", "guess", "network"}, {"training", "guess_steps", "5"}, {"training", "steps", "8"}};
    set(c, COUNT(words), words);
    return c;
}

/* While the guess learns, when it has just done so, and after that. */
START_TEST(resumed_training_is_the_same_training)
    {
        static const int stop[] = {2, 5, 7};
        double          *weight[2];
        pdm_size         n = 0;
        open_context_threads(2);
        pdm_model *m = model_of(guess_case());
        for (int k = 0; k < 8; k++) {
            if (k == stop[_i]) OK(pdm_model_write(m, "resumed-pod.nc"));
            OK(pdm_model_train_step(m));
        }
        weights_of(m, &weight[0], &n);
        pdm_model_destroy(&m);
        OK(pdm_model_read(ctx, "resumed-pod.nc", &m));
        ck_assert_int_eq(pdm_model_step(m), stop[_i]);
        for (int k = stop[_i]; k < 8; k++) OK(pdm_model_train_step(m));
        weights_of(m, &weight[1], &n);
        ck_assert_int_eq(memcmp(weight[0], weight[1], (size_t)n * sizeof **weight), 0);
        pdm_model_destroy(&m);
        remove("resumed-pod.nc");
        free(weight[0]), free(weight[1]);
        close_context();
    }
END_TEST

/* From solutions alone; the loss is what it is off by, squared, relative to solutions. */
START_TEST(guesses_learn_from_solutions)
    {
        double loss[2];
        open_context();
        pdm_case *c = guess_case();
        OK(pdm_case_set_text(c, "training", "guess_steps", "300"));
        pdm_model *m = model_of(c);
        for (int k = 0; k < 300; k++) {
            OK(pdm_model_train_step(m));
            if (k == 0) loss[0] = pdm_model_value(m, "loss");
        }
        loss[1] = pdm_model_value(m, "loss");
        ck_assert_double_le(loss[1], 1e-2 * loss[0]);
        pdm_model_destroy(&m);
        close_context();
    }
END_TEST

/* Where nothing was solved in training, nothing is said of solves; of those that were, the last one's inputs count,
 * whatever columns and rows have been found from others since. */
START_TEST(losses_are_those_of_solves)
    {
        open_context();
        pdm_model *m = finished(guess_case(), "5");
        ck_assert(isfinite(pdm_model_value(m, "loss")));
        ck_assert(isnan(pdm_model_value(m, "loss.last")));
        ck_assert(isnan(pdm_model_value(m, "loss.free")));
        pdm_model_destroy(&m);
        pdm_case *c = guess_case();
        OK(pdm_case_set_text(c, "solver", "rows", "few"));
        m                   = finished(c, "8");
        const double plain  = pdm_model_value(m, "loss.free");
        pdm_model   *others = finished(guess_case(), "8");
        ck_assert(isfinite(plain));
        ck_assert_double_eq(plain, pdm_model_value(others, "loss.free"));
        pdm_model_destroy(&others);
        pdm_model_destroy(&m);
        close_context();
    }
END_TEST

/* The guess counts in the loss by what is left of it after the solve. */
START_TEST(loss_gradient_passes_the_taylor_test)
    {
        char   table[4096] = "";
        double slope       = 0.0;
        open_context();
        pdm_model *m = model_of(guess_case());
        for (int k = 0; k < 6; k++) OK(pdm_model_train_step(m));
        OK(pdm_model_check_gradient(m, &slope, NULL, table));
        ck_assert_double_le(fabs(slope - 2.0), 0.1);
        pdm_model_destroy(&m);
        close_context();
    }
END_TEST

/* Models that go on from one: its columns, where they fit. */
START_TEST(columns_are_inherited)
    {
        pdm_model *less = NULL;
        pdm_case  *c    = NULL;
        open_context();
        pdm_model *m = finished(heat_case(NONLINEAR), "0"), *same = branch(m, (word){"solver", "tolerance", "1e-9"}, 0);
        ck_assert_double_le(distance(m, same), 1e-6);
        OK(pdm_model_case(m, &c));
        OK(pdm_case_set_text(c, "experts", "basis", "1"));
        ck_assert_int_eq(pdm_model_create_from(c, m, &less), PDM_ERR_MODEL);
        SAYS("columns from solutions");
        pdm_case_destroy(&c);
        pdm_model_destroy(&same);
        pdm_model_destroy(&m);
        close_context();
    }
END_TEST

/* ---- few rows ---- */

static pdm_case *few_case(const char *residual, const char *error)
{
    pdm_case  *c       = heat_case(residual);
    const word words[] = {{"solver", "rows", "few"},
                          {"solver", "rows_error", error},
                          {"domain/x", "control_points", "24"},
                          {"domain/t", "control_points", "20"},
                          {"training", "solutions", "12"},
                          {"experts", "basis", "3"}};
    set(c, COUNT(words), words);
    return c;
}

/* What is zero would rise, what is not is at rest (Karush, Kuhn, Tucker); no more than are wanted, in two goes. */
START_TEST(weights_are_a_minimum)
    {
        enum { N = 12, M = 20 };
        double at[N][M], b[M];
        int    n_zero = 0;
        nnls  *x      = NULL;
        open_context();
        for (int i = 0; i < M; i++) {
            b[i] = pdm_random_normal((pdm_random_key){(uint64_t)_i, PDM_RANDOM_TEST, 1}, (uint64_t)i);
            for (int j = 0; j < N; j++)
                at[j][i] = pdm_random_normal((pdm_random_key){(uint64_t)_i, PDM_RANDOM_TEST, 2}, (uint64_t)(i * N + j));
        }
        OK(nnls_create(ctx, M, N, at[0], b, &x));
        const double *w = nnls_numbers(x);
        ck_assert_int_le(nnls_extend(x, 3), 3);
        for (int j = 0; j < N; j++) n_zero += w[j] == 0.0;
        ck_assert_int_ge(n_zero, N - 3);
        nnls_extend(x, N);
        for (int j = n_zero = 0; j < N; j++) {
            double slope = 0.0;
            for (int i = 0; i < M; i++) {
                double rest = -b[i];
                for (int k = 0; k < N; k++) rest += at[k][i] * w[k];
                slope += at[j][i] * rest;
            }
            ck_assert_double_ge(w[j], 0.0);
            ck_assert_double_ge(slope, -1e-8);
            ck_assert_double_le(w[j] * slope, 1e-8);
            n_zero += w[j] == 0.0;
        }
        ck_assert_int_gt(n_zero, 0);
        nnls_destroy(&x);
        close_context();
    }
END_TEST

/* Far fewer than there are; what they are told to keep; the same from a file; forgotten when weights change. */
START_TEST(few_rows_stand_for_all)
    {
        pdm_model *read = NULL;
        open_context_threads(2);
        pdm_model *m = finished(few_case(_i ? NONLINEAR : LINEAR, "1e-4"), "0");
        ck_assert_ptr_nonnull(m->cubature);
        ck_assert_int_le(m->cubature->rows.desc.n_row, m->problem ? pdm_domain_rows(m->problem->domain)->n_row / 5 : 0);
        OK(pdm_model_write(m, "few.nc"));
        OK(pdm_model_read(ctx, "few.nc", &read));
        ck_assert_ptr_nonnull(read->cubature);
        ck_assert_double_eq(distance(m, read), 0.0);
        pdm_cubature_destroy(&read->cubature);
        ck_assert_double_le(distance(m, read), 1e-3); /* of the largest number, where 1e-4 is that of the means */
        ck_assert_double_gt(distance(m, read), 0.0);
        OK(pdm_model_train_step(m));
        ck_assert_ptr_null(m->cubature);
        pdm_model_destroy(&read);
        pdm_model_destroy(&m);
        remove("few.nc");
        close_context();
    }
END_TEST

/* Where no few rows do, there are none. */
START_TEST(rows_that_do_not_do_are_not_taken)
    {
        open_context();
        pdm_model *m = finished(few_case(NONLINEAR, "1e-13"), "0");
        ck_assert_ptr_null(m->cubature);
        pdm_model_destroy(&m);
        close_context();
    }
END_TEST

/* An objective on all rows that is not what the few promise has the sample solved on all of them. */
START_TEST(what_is_out_of_line_is_solved_on_all_rows)
    {
        open_context();
        pdm_model *m = finished(few_case(NONLINEAR, "1e-4"), "0"), *all = finished(few_case(NONLINEAR, "1e-13"), "0");
        ck_assert_double_gt(distance(m, all), 1e-9);
        m->cubature->most = 0.0;
        ck_assert_double_eq(distance(m, all), 0.0);
        pdm_model_destroy(&all);
        pdm_model_destroy(&m);
        close_context();
    }
END_TEST

static int stop_at_once(void *user, const pdm_model *m)
{
    *(double *)user = pdm_model_value(m, "solutions.so_far");
    return 1;
}

/* Between batches of solutions, with the model as it was before them. */
START_TEST(finding_columns_can_be_stopped)
    {
        pdm_model *m      = NULL;
        double     so_far = NAN;
        open_context();
        pdm_case *c = heat_case(LINEAR);
        OK(pdm_case_set_text(c, "training", "steps", "0"));
        OK(pdm_model_create(c, &m));
        pdm_case_destroy(&c);
        ck_assert_int_eq(pdm_model_train(m, "stopped-pod.nc", stop_at_once, &so_far), PDM_ERR_INTERRUPTED);
        SAYS("2 of 6 inputs");
        ck_assert_double_eq(so_far, 2.0);
        pdm_model_destroy(&m);
        OK(pdm_model_read(ctx, "stopped-pod.nc", &m));
        ck_assert(pdm_model_wants_pod(m));
        OK(pdm_model_train(m, "stopped-pod.nc", NULL, NULL));
        ck_assert(!pdm_model_wants_pod(m));
        pdm_model_destroy(&m);
        remove("stopped-pod.nc");
        remove("stopped-pod.log.jsonl");
        close_context();
    }
END_TEST

static const struct {
    word        word;
    const char *says;
} wrong_rows[] = {
    {{"domain", "levels", "on"}, "rows count as sums"},
    {{"gate", "groups", "1"}, "a gate chooses columns"},
    {{"solver", "mode", "schwarz"}, "not solved together"},
    {{"experts", "prior", "polynomial"}, "not those of all inputs"},
    {{"solver", "rows", "some"}, "all, few"},
};
START_TEST(what_does_not_go_with_few_rows_is_refused)
    {
        pdm_model *m = NULL;
        open_context();
        pdm_case *c = few_case(LINEAR, "1e-4");
        set(c, 1, &wrong_rows[_i].word);
        ck_assert_int_eq(pdm_model_create(c, &m), PDM_ERR_CASE);
        SAYS(wrong_rows[_i].says);
        pdm_case_destroy(&c);
        close_context();
    }
END_TEST

static const struct {
    word        word;
    const char *says;
} wrong[] = {
    {{"training", "guess_steps", "3"}, "a guess that is not there"},
    {{"solver", "mode", "independent"}, "columns from solutions"},
    {{"experts", "guess", "oracle"}, "none, network"},
};
START_TEST(bad_settings_are_refused)
    {
        pdm_model *m = NULL;
        open_context();
        pdm_case *c = heat_case(LINEAR);
        set(c, 1, &wrong[_i].word);
        ck_assert_int_eq(pdm_model_create(c, &m), PDM_ERR_CASE);
        SAYS(wrong[_i].says);
        pdm_case_destroy(&c);
        close_context();
    }
END_TEST

int main(void)
{
    Suite *s = suite_create("pod");
    TCase *t = tcase_create("pod");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, linear_problems_need_as_many_columns_as_inputs);
    tcase_add_loop_test(t, errors_fall_with_columns, 0, 3);
    tcase_add_loop_test(t, resumed_training_is_the_same_training, 0, 3);
    tcase_add_test(t, guesses_learn_from_solutions);
    tcase_add_test(t, losses_are_those_of_solves);
    tcase_add_test(t, loss_gradient_passes_the_taylor_test);
    tcase_add_test(t, columns_are_inherited);
    tcase_add_loop_test(t, bad_settings_are_refused, 0, COUNT(wrong));
    tcase_add_test(t, finding_columns_can_be_stopped);
    tcase_add_loop_test(t, weights_are_a_minimum, 1, 6);
    tcase_add_loop_test(t, few_rows_stand_for_all, 0, 2);
    tcase_add_test(t, rows_that_do_not_do_are_not_taken);
    tcase_add_test(t, what_is_out_of_line_is_solved_on_all_rows);
    tcase_add_loop_test(t, what_does_not_go_with_few_rows_is_refused, 0, COUNT(wrong_rows));
    suite_add_tcase(s, t);
    SRunner *runner = srunner_create(s);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
