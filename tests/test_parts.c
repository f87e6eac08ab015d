/* A step's samples worked on in parts, as where there is no memory for all of them at once: the same weights, columns and
 * rows, bit by bit, as with room for all. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/kinds.h"
#include "tests/models.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

/* Trained with room for so many samples at a time. */
static pdm_model *trained_by(const training_kind *k, pdm_size room)
{
    pdm_model *m = NULL;
    OK(kind_model(ctx, k, KIND_STEPS, &m));
    ck_assert_int_eq(m->n_batch, KIND_BATCH);
    m->n_batch = room;
    OK(pdm_model_train(m, "parts.nc", NULL, NULL));
    remove("parts.nc");
    remove("parts.log.jsonl");
    return m;
}

START_TEST(parts_change_nothing)
    {
        static const pdm_size room[] = {1, 3, 10};
        const training_kind  *k      = &training_kinds[_i];
        pdm_size              n = 0, n_part = 0, n_answer = 0;
        double               *w, *u, *v, *answer;

        open_context();
        OK(kind_write_data(ctx));
        pdm_model *all = trained_by(k, KIND_BATCH);
        OK(kind_weights(all, &n, &w));
        OK(kind_answer(all, &n_answer, &u));
        for (size_t r = 0; r < COUNT(room); r++) {
            pdm_model *m = trained_by(k, room[r]);
            OK(kind_weights(m, &n_part, &v));
            OK(kind_answer(m, &n_part, &answer));
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
        remove(KIND_DATA);
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
        pdm_model        *m         = NULL;
        pdm_size          peak = 0, live = 0;
        double            loss[2];

        open_context();
        pdm_context_set_log(ctx, hear, said, PDM_LOG_WARNING);
        OK(kind_model(ctx, &training_kinds[0], KIND_STEPS, &m));
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
    tcase_add_loop_test(t, parts_change_nothing, 0, N_KIND);
    tcase_add_test(t, memory_decides);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? 0 : 1;
}
