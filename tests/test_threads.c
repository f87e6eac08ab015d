/* Contexts in different threads are independent: eight threads, each with contexts of its own, read, train, write and
 * predict at the same time, get the numbers that one thread gets alone, and nothing is printed.
 * usage: test_threads [ROUNDS] */
#define _GNU_SOURCE /* mkdtemp */
#include "pdemoe/pdemoe.h"

#include <check.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { N_THREAD = 8, PATH_SIZE = 256, TEXT_SIZE = 4096 };

static const char case_text[] =
    "netcdf tiny {\n"
    "group: pde { :fields = \"u\" ;\n"
    "  group: parameters { :D = 1. ; }\n"
    "  group: residuals { :u = \"dx(-D*dx(u)) - a\" ; }\n"
    "  group: boundary { :x_min = \"u = 0\" ; :x_max = \"u = 0\" ; }\n"
    "  group: units { :x = \"m\" ; :u = \"K\" ; :D = \"m2 s-1\" ; } }\n"
    "group: inputs { group: a { :distribution = \"uniform(1, 2)\" ; :units = \"K s-1\" ; } }\n"
    "group: domain { :dimensions = \"x\" ;\n"
    "  group: x { :extent = 0., 1. ; :control_points = 8 ; :experts = 2 ; } }\n"
    "group: experts { :basis = 3 ; }\n"
    "group: surrogate { :width = 4 ; :layers = 1 ; :hidden = 4 ; :modes = 2 ; }\n"
    "group: training { :steps = 3 ; :batch = 2 ; }\n}\n";
/* In units that have to be converted. */
static const char input_text[] = "netcdf in { dimensions: sample = 2 ; x = 3 ;\n"
                                 "variables: double a(sample) ; a:units = \"K min-1\" ;\n"
                                 "  double x(x) ; x:units = \"cm\" ;\n"
                                 "data: a = 60, 120 ; x = 0, 50, 100 ; }\n";

static char folder[] = "/tmp/pdemoe-threads-XXXXXX";
static int  n_round  = 15;

/* "<folder>/<name>-<number><ending>" */
static void find_path(char out[PATH_SIZE], const char *name, int number, const char *ending)
{
    (void)snprintf(out, PATH_SIZE, "%s/%s-%d%s", folder, name, number, ending);
}

static void make_file(const char *name, const char *text)
{
    char  path[PATH_SIZE], order[3 * PATH_SIZE];
    FILE *file;

    find_path(path, name, 0, ".cdl");
    file = fopen(path, "w");
    ck_assert(file && fputs(text, file) >= 0 && fclose(file) == 0);
    (void)snprintf(order, sizeof order, "ncgen -4 -o %s/%s-0.nc %s", folder, name, path);
    ck_assert_int_eq(system(order), 0);
}

typedef struct worker {
    pthread_t  thread;
    int        number, round;
    pdm_status status;
    double    *u; /* [n]: what a model predicts that was read from its file */
    pdm_size   n;
    char       text[TEXT_SIZE];
} worker;

#define TRY(call)                                      \
    do {                                               \
        if ((w->status = (call)) != PDM_OK) goto done; \
    } while (0)

static void one_round(worker *w)
{
    pdm_context *ctx  = NULL;
    pdm_case    *c    = NULL;
    pdm_model   *m    = NULL;
    const double a[1] = {1.5};
    char         model[PATH_SIZE], output[PATH_SIZE], path[PATH_SIZE];

    find_path(model, "model", w->number, ".nc");
    find_path(output, "output", w->number, ".nc");
    find_path(path, "case", 0, w->round % 2 ? ".nc" : ".cdl");
    TRY(pdm_context_create(NULL, &ctx));
    TRY(pdm_context_set_threads(ctx, 1 + w->number % 2));
    TRY(pdm_case_read(ctx, path, &c));
    TRY(pdm_model_create(c, &m));
    for (int i = 0; i < 3 && w->round % 2; i++) TRY(pdm_model_train_step(m));
    if (w->round % 2)
        TRY(pdm_model_write(m, model));
    else
        TRY(pdm_model_train(m, model, NULL, NULL)); /* with its lock and log, beside those of the others */
    pdm_model_destroy(&m);
    TRY(pdm_model_read(ctx, model, &m));
    find_path(path, "input", 0, ".nc");
    TRY(pdm_model_predict_file(m, path, output, 0.0));
    free(w->u);
    w->n = pdm_model_n_field(m) * pdm_model_n_point(m);
    w->u = malloc((size_t)w->n * sizeof *w->u);
    TRY(pdm_model_predict(m, 1, a, w->u, NULL));
done:
    (void)snprintf(w->text, sizeof w->text, "%s", pdm_context_error(ctx));
    pdm_model_destroy(&m);
    pdm_case_destroy(&c);
    (void)pdm_context_destroy(&ctx);
}

static void *work(void *user)
{
    worker *w = user;

    for (w->round = 0; w->round < n_round && w->status == PDM_OK; w->round++) one_round(w);
    return NULL;
}

START_TEST(test_independent)
    {
        worker alone = {0}, w[N_THREAD]            = {0};
        char   path[PATH_SIZE], printed[TEXT_SIZE] = "";
        int    said = -1, before = -1;

        ck_assert_ptr_nonnull(mkdtemp(folder));
        make_file("case", case_text);
        make_file("input", input_text);
        find_path(path, "stderr", 0, ".txt");
        said   = open(path, O_RDWR | O_CREAT | O_EXCL, 0600);
        before = dup(STDERR_FILENO);
        ck_assert(said >= 0 && before >= 0 && dup2(said, STDERR_FILENO) == STDERR_FILENO);
        for (int i = 0; i < N_THREAD; i++) {
            w[i].number = i + 1;
            ck_assert_int_eq(pthread_create(&w[i].thread, NULL, work, &w[i]), 0);
        }
        for (int i = 0; i < N_THREAD; i++) ck_assert_int_eq(pthread_join(w[i].thread, NULL), 0);
        one_round(&alone);
        ck_assert_int_eq(dup2(before, STDERR_FILENO), STDERR_FILENO);
        ck_assert_int_ge((int)pread(said, printed, sizeof printed - 1, 0), 0);
        ck_assert_str_eq(printed, "");
        ck_assert_msg(alone.status == PDM_OK, "%s", alone.text);
        for (int i = 0; i < N_THREAD; i++) {
            ck_assert_msg(w[i].status == PDM_OK, "thread %d, round %d: %s", i, w[i].round, w[i].text);
            ck_assert_int_eq(w[i].n, alone.n);
            ck_assert_int_eq(memcmp(w[i].u, alone.u, (size_t)alone.n * sizeof *alone.u), 0);
            free(w[i].u);
        }
        free(alone.u);
        (void)close(said);
        (void)close(before);
        (void)snprintf(path, sizeof path, "rm -r %s", folder);
        ck_assert_int_eq(system(path), 0);
    }
END_TEST

int main(int n_word, char **word)
{
    Suite   *suite  = suite_create("threads");
    TCase   *tcase  = tcase_create("contexts");
    SRunner *runner = srunner_create(suite);
    int      failed;

    if (n_word > 1) n_round = atoi(word[1]);
    suite_add_tcase(suite, tcase);
    tcase_set_timeout(tcase, 60.0 + 2.0 * n_round);
    tcase_add_test(tcase, test_independent);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0;
}
