/* The calling thread's current device: a model stays on the one that was current when it was made, and the caller finds
 * its own current again after every call, and while it is called back. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/double/reach.h"
#include "tests/models.h"

enum { N_DEVICE = 3, ANY = -1, OURS = 1, HOST = 2, N = 2 };

static int  n_called_back, n_elsewhere; /* of these: while another device than the host's was current */
static char path[64];

static void look(void)
{
    n_called_back++;
    n_elsewhere += double_current() != HOST;
}

static void look_at_log(void *user, pdm_log_level level, const char *topic, const char *text)
{
    (void)user, (void)level, (void)topic, (void)text;
    look();
}

static void look_at_text(void *user, const char *text)
{
    (void)user, (void)text;
    look();
}

static int look_at_progress(void *user, const pdm_model *m)
{
    (void)user, (void)m;
    look();
    return 0;
}

/* A model on device OURS, for which alone calls are until further notice, while the host goes on with its own. */
static pdm_model *model_on_ours(void)
{
    static const word WORDS[] = {{"experts", "basis", "3"},    {"surrogate", "modes", "2 2"},
                                 {"surrogate", "width", "4"},  {"surrogate", "layers", "1"},
                                 {"surrogate", "hidden", "4"}, {"training", "batch", "2"},
                                 {"training", "steps", "2"},   {"solver", "backend", "cuda"}};
    pdm_case         *c       = NULL;

    double_devices(N_DEVICE, OURS);
    double_make_current(OURS);
    pdm_context_set_log(ctx, look_at_log, NULL, PDM_LOG_DEBUG);
    OK(problem_case(ctx, PROBLEM_SORPTION, &c));
    set(c, sizeof WORDS / sizeof *WORDS, WORDS);
    pdm_model *m = model_of(c);
    ck_assert_int_eq(double_current(), OURS);
    double_make_current(HOST);
    n_called_back = n_elsewhere = 0;
    snprintf(path, sizeof path, "device-%d.nc", (int)getpid());
    return m;
}

#define STAYS(call)                               \
    do {                                          \
        OK(call);                                 \
        ck_assert_int_eq(double_current(), HOST); \
    } while (0)

static void predict(pdm_model *m)
{
    const pdm_size n     = pdm_model_n_input(m);
    double        *input = calloc((size_t)(N * n), sizeof *input);
    double        *u     = malloc((size_t)(N * pdm_model_n_field(m) * pdm_model_n_point(m)) * sizeof *u);

    for (pdm_size i = 0; i < N * n; i++) input[i] = 0.5;
    STAYS(pdm_model_predict(m, N, input, u, NULL));
    free(input);
    free(u);
}

START_TEST(callers_find_their_own_device)
    {
        if (!double_is_here()) return;
        open_context();
        pdm_model *m = model_on_ours(), *again = NULL;

        STAYS(pdm_model_train_step(m));
        predict(m);
        STAYS(pdm_model_write(m, path));
        double_devices(N_DEVICE, ANY); /* grids that calls make for themselves are on the device current then */
        STAYS(pdm_model_describe(m, look_at_text, NULL));
        STAYS(pdm_model_train(m, path, look_at_progress, NULL));
        STAYS(pdm_model_judge(m, NULL, look_at_text, NULL));
        STAYS(pdm_model_set_verdict(m, 1));
        predict(m);
        pdm_model_destroy(&m);
        ck_assert_int_eq(double_current(), HOST);
        double_devices(N_DEVICE, HOST);
        STAYS(pdm_model_read(ctx, path, &again)); /* on the host's, from now on */
        predict(again);
        pdm_model_destroy(&again);
        ck_assert_int_gt(n_called_back, 3);
        ck_assert_int_eq(n_elsewhere, 0);
        remove(path);
        close_context();
    }
END_TEST

/* A call that fails gives it back as well. */
START_TEST(failures_give_it_back)
    {
        pdm_step_report report;
        if (!double_is_here()) return;
        open_context();
        pdm_model             *m      = model_on_ours();
        const pdm_double_count before = double_counts();
        OK(pdm_train_step(m, &report));
        const int64_t n_call = double_counts().fallible - before.fallible;

        ck_assert_int_gt(n_call, 100);
        for (int64_t k = 1; k <= n_call; k += 7) {
            double_fail_at(k);
            (void)pdm_train_step(m, &report);
            double_fail_at(0);
            ck_assert_int_eq(double_current(), HOST);
        }
        pdm_model_destroy(&m);
        ck_assert_int_eq(double_current(), HOST);
        close_context();
    }
END_TEST

int main(void)
{
    Suite *suite = suite_create("cuda_device");
    TCase *tests = tcase_create("device");

    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, callers_find_their_own_device);
    tcase_add_test(tests, failures_give_it_back);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    const int n_failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return n_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
