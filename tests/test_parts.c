/* A step's samples worked on in parts, as where there is no memory for all of them at once: the same weights, columns and
 * rows, bit by bit, as with room for all. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "predict/predict.h"
#include "tests/models.h"
#include "tests/prediction.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))
enum { BATCH = 11, WORDS = 10, STEPS = 8 };

typedef struct kind {
    const char *name;
    word        words[WORDS];
} kind;

static const kind kinds[] = {
    {"at once", {{NULL, NULL, NULL}}},
    {"learned windows", {{"domain/x", "experts", "3"}, {"experts", "partition", "learned"}}},
    {"slab after slab", {{"experts", "slabs", "3"}}},
    {"a roll-out",
     {{"training", "slabs", "2"},
      {"inputs/u0", "distribution", "gaussian_field(length=0.5)"},
      {"inputs/u0", "dimensions", "x"},
      {"pde/initial", "u", "u0"},
      {"pde/residuals", "u", "dt(u) - 0.1*dxx(u) + (1 + 0.1*a + 0.1*b)*u^2"},
      {"pde/boundary", "x_min", "dx(u) = 0"},
      {"pde/boundary", "x_max", "dx(u) = 0"}}},
    {"fields that are given", {{"training", "data", "parts_data.nc"}, {"training", "loss", "mix"}}},
    {"columns from solutions, few rows",
     {{"experts", "prior", "pod"},
      {"experts", "slabs", "2"},
      {"training", "solutions", "20"},
      {"solver", "rows", "few"}}},
    {"a guess, from solutions",
     {{"experts", "guess", "network"}, {"training", "guess_steps", "4"}, {"training", "solutions", "24"}}},
};

static pdm_model *model_of_kind(const kind *k)
{
    static const word words[] = {{"pde", "fields", "u"},
                                 {"pde/residuals", "u", "dt(u) - 0.1*dxx(u) + u^2"},
                                 {"pde/initial", "u", "a*sin(pi*x) + b*sin(2*pi*x)"},
                                 {"pde/boundary", "x_min", "u = 0"},
                                 {"pde/boundary", "x_max", "u = 0"},
                                 {"inputs/a", "distribution", "uniform(0.5, 1)"},
                                 {"inputs/b", "distribution", "uniform(-1, 1)"},
                                 {"domain", "dimensions", "t x"},
                                 {"domain/t", "extent", "0 0.6"},
                                 {"domain/t", "control_points", "12"},
                                 {"domain/x", "extent", "0 1"},
                                 {"domain/x", "control_points", "10"},
                                 {"surrogate", "width", "6"},
                                 {"surrogate", "layers", "2"},
                                 {"surrogate", "hidden", "8"},
                                 {"solver", "tolerance", "1e-8"},
                                 {"training", "batch", "11"},
                                 {"experts", "basis", "3"}};
    pdm_case         *c       = NULL;
    char              steps[8];

    OK(pdm_case_create(ctx, &c));
    set(c, COUNT(words), words);
    for (int i = 0; i < WORDS && k->words[i].group; i++) set(c, 1, &k->words[i]);
    snprintf(steps, sizeof steps, "%d", STEPS);
    OK(pdm_case_set_text(c, "training", "steps", steps));
    return model_of(c);
}

/* Fields of a few inputs, for the kind that is trained on such. */
static void write_data(void)
{
    pdm_model *m = model_of_kind(&kinds[0]);
    OK(pdm_model_polish_file(m, NULL, 5, "parts_data.nc", 1e-6, NULL, NULL));
    pdm_model_destroy(&m);
}

static double *weights_of(const pdm_model *m, pdm_size *n)
{
    const pdm_weights logits = pdm_experts_logits(m->experts);
    pdm_backend      *b      = m->problem->backend;
    void             *host   = NULL;

    *n        = m->surrogate->n_parameter + logits.n;
    double *w = calloc((size_t)*n + 1, sizeof *w);
    OK(b->ops->acquire(b, m->surrogate->parameters, PDM_READ, &host));
    for (pdm_size i = 0; i < m->surrogate->n_parameter; i++) w[i] = (double)((float *)host)[i];
    OK(b->ops->release(b, m->surrogate->parameters, &host));
    memcpy(w + m->surrogate->n_parameter, logits.parameter, (size_t)logits.n * sizeof *w);
    return w;
}

/* Trained with room for so many samples at a time. */
static pdm_model *trained_by(const kind *k, pdm_size room)
{
    pdm_model *m = model_of_kind(k);
    ck_assert_int_eq(m->n_batch, BATCH);
    m->n_batch = room;
    OK(pdm_model_train(m, "parts.nc", NULL, NULL));
    remove("parts.nc");
    remove("parts.log.jsonl");
    return m;
}

static double *answer_of(pdm_model *m, pdm_size *n)
{
    static const double input[] = {0.6, -0.7, 0.9, 0.4, 0.5, 0.95};
    *n                          = 3 * pdm_model_n_point(m);
    double *u                   = calloc((size_t)*n, sizeof *u);
    OK(pdm_model_predict(m, 3, input, u, NULL));
    return u;
}

START_TEST(parts_change_nothing)
    {
        static const pdm_size room[] = {1, 3, 10};
        const kind           *k      = &kinds[_i];

        open_context();
        write_data();
        pdm_model *all = trained_by(k, BATCH);
        pdm_size   n = 0, n_part = 0, n_answer = 0;
        double    *w = weights_of(all, &n), *u = answer_of(all, &n_answer);
        for (size_t r = 0; r < COUNT(room); r++) {
            pdm_model *m = trained_by(k, room[r]);
            double    *v = weights_of(m, &n_part), *answer = answer_of(m, &n_part);
            ck_assert_msg(memcmp(v, w, (size_t)n * sizeof *w) == 0, "%s: other weights with room for %lld", k->name,
                          (long long)room[r]);
            ck_assert_msg(memcmp(answer, u, (size_t)n_answer * sizeof *u) == 0, "%s: another answer with room for %lld",
                          k->name, (long long)room[r]);
            ck_assert(pdm_model_value(m, "loss") == pdm_model_value(all, "loss") || pdm_model_steps(m) == 0);
            pdm_model_destroy(&m);
            free(v);
            free(answer);
        }
        pdm_model_destroy(&all);
        free(w);
        free(u);
        remove("parts_data.nc");
        close_context();
    }
END_TEST

/* What does not fit is worked on in parts by itself, and that is told. */
static void hear(void *user, pdm_log_level level, const char *topic, const char *text)
{
    (void)level;
    (void)topic;
    if (strstr(text, "at a time")) strcpy(user, text);
}

START_TEST(memory_decides)
    {
        static const word large[]   = {{"domain/t", "control_points", "40"},
                                       {"domain/x", "control_points", "60"},
                                       {"experts", "basis", "2"},
                                       {"training", "steps", "2"},
                                       {"training", "batch", "64"}};
        char              said[512] = "";
        pdm_case         *c         = NULL;
        pdm_size          peak = 0, live = 0;
        double            loss[2];

        open_context();
        pdm_context_set_log(ctx, hear, said, PDM_LOG_WARNING);
        pdm_model *m = model_of_kind(&kinds[0]);
        OK(pdm_model_case(m, &c));
        pdm_model_destroy(&m);
        set(c, COUNT(large), large);
        pdm_context_memory(ctx, &live, NULL, NULL);
        for (int k = 0; k < 2; k++) {
            OK(pdm_model_create(c, &m));
            pdm_context_memory(ctx, NULL, &peak, NULL);
            ck_assert_int_eq(m->n_batch < 64, k);
            ck_assert_int_eq(*said != '\0', k);
            OK(pdm_model_train_step(m));
            loss[k] = pdm_model_value(m, "loss");
            pdm_model_destroy(&m);
            OK(pdm_context_set_memory(ctx, live + (peak - live) / 3));
        }
        ck_assert_double_eq(loss[0], loss[1]);
        OK(pdm_context_set_memory(ctx, live + (peak - live) / 200));
        ck_assert_int_eq(pdm_model_create(c, &m), PDM_ERR_MEMORY);
        pdm_case_destroy(&c);
        close_context();
    }
END_TEST

int main(void)
{
    Suite *s = suite_create("parts");
    TCase *t = tcase_create("parts");
    tcase_set_timeout(t, 120);
    tcase_add_loop_test(t, parts_change_nothing, 0, (int)COUNT(kinds));
    tcase_add_test(t, memory_decides);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? 0 : 1;
}
