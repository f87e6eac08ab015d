/* Several ranks on one model, as threads: the weights, columns, rows, files and answers of one rank. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/kinds.h"
#include "tests/models.h"
#include "tests/ranks.h"

enum { MOST = 7 };
static const int numbers[] = {2, 3, 4, 7}, N_NUMBER = sizeof numbers / sizeof *numbers;

/* A training by n ranks, and what each has at its end. */
typedef struct run {
    const training_kind *kind;
    const char          *file;
    bool                 goes_on; /* with the file */
    int                  stop;    /* the last rank asks to stop after this step; 0: it does not */
    int                  fail;    /* allocation number `fail` of rank 1 fails; 0: none does     */
    pdm_size             n_weight, n_answer;
    double              *weight[MOST], *answer[MOST], loss[MOST];
} run;

/* Asks to stop after a step, where it is the last rank. */
typedef struct stopping {
    bool is_last;
    int  after;
} stopping;

static int progress(void *user, const pdm_model *m)
{
    const stopping *s = user;
    return s->is_last && s->after > 0 && pdm_model_step(m) >= s->after;
}

static pdm_status train(pdm_context *own, void *user)
{
    pdm_status     status = PDM_OK;
    run           *x      = user;
    const pdm_size rank   = pdm_rank(own);
    stopping       stop   = {rank == pdm_n_rank(own) - 1, x->stop};
    pdm_model     *m      = NULL;
    pdm_size       n      = 0;
    char           output[64];

    if (rank == 1 && x->fail > 0) pdm_context_fail_allocation(own, x->fail);
    PDM_TRY(x->goes_on ? pdm_model_read(own, x->file, &m) : kind_model(own, x->kind, KIND_STEPS, &m));
    PDM_TRY(pdm_model_train(m, x->file, progress, &stop));
    PDM_TRY(kind_weights(m, &n, &x->weight[rank]));
    PDM_TRY(kind_answer(m, &n, &x->answer[rank]));
    x->loss[rank] = pdm_model_value(m, "loss");
    if (rank == 0) {
        x->n_answer = n;
        x->n_weight = m->surrogate->n_parameter + pdm_experts_logits(m->experts).n;
    }
    snprintf(output, sizeof output, "out_%s", x->file);
    PDM_TRY(pdm_model_predict_file(m, "ranks_inputs.nc", output, 0.0));
done:
    pdm_model_destroy(&m);
    return status;
}

static void forget(run *x)
{
    for (int k = 0; k < MOST; k++) {
        free(x->weight[k]);
        free(x->answer[k]);
        x->weight[k] = x->answer[k] = NULL;
    }
}

/* Of one rank, as a context without ranks is. */
static void train_alone(run *x)
{
    open_context();
    OK(train(ctx, x));
    close_context();
}

static double farthest(pdm_size n, const double *a, const double *b)
{
    double most = 0.0, size = 1e-300;
    for (pdm_size i = 0; i < n; i++) {
        most = fmax(most, fabs(a[i] - b[i]));
        size = fmax(size, fabs(b[i]));
    }
    return most / size;
}

/* Fields and verdicts of two files of predictions, as read back. */
static double files_differ(const char *a, const char *b)
{
    double *u[2] = {NULL, NULL}, most = 0.0;
    open_context();
    for (int k = 0; k < 2; k++) {
        pdm_model  *m = NULL;
        pdm_fields *f = NULL;
        OK(kind_model(ctx, &training_kinds[0], 0, &m));
        OK(pdm_fields_open(ctx, k ? b : a, &f));
        OK(pdm_file_field_read(m->whole->domain, f, 0, 5, &u[k]));
        pdm_fields_close(&f);
        if (k) most = farthest(5 * 100, u[0], u[1]);
        if (k) pdm_free(ctx, u[0]), pdm_free(ctx, u[1]);
        pdm_model_destroy(&m);
    }
    close_context();
    return most;
}

static void write_inputs(const training_kind *k)
{
    pdm_model *m = NULL;
    open_context();
    OK(kind_write_data(ctx));
    OK(kind_model(ctx, k, 0, &m));
    OK(pdm_model_polish_file(m, NULL, 5, "ranks_inputs.nc", 1e-6, NULL, NULL));
    pdm_model_destroy(&m);
    close_context();
}

static void remove_files(void)
{
    static const char *const names[] = {KIND_DATA,    "ranks_inputs.nc", "one.nc",         "one.log.jsonl",
                                        "out_one.nc", "many.nc",         "many.log.jsonl", "out_many.nc"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) remove(names[i]);
}

START_TEST(ranks_have_the_answer_of_one)
    {
        const training_kind *k   = &training_kinds[_i];
        run                  one = {.kind = k, .file = "one.nc"}, many = one;

        write_inputs(k);
        train_alone(&one);
        for (int i = 0; i < N_NUMBER; i++) {
            const int n = numbers[i];
            many.file   = "many.nc";
            ranks_run(n, NULL, train, &many, NULL, NULL);
            const double w = farthest(one.n_weight, many.weight[0], one.weight[0]),
                         u = farthest(one.n_answer, many.answer[0], one.answer[0]);
            printf("%-34s %d ranks: weights %.1e, answers %.1e\n", k->name, n, w, u);
            ck_assert_int_eq(many.n_weight, one.n_weight);
            ck_assert_double_le(w, 1e-9);
            ck_assert_double_le(u, 1e-9);
            for (int r = 1; r < n; r++) {
                ck_assert_int_eq(memcmp(many.weight[r], many.weight[0], (size_t)one.n_weight * sizeof(double)), 0);
                ck_assert_int_eq(memcmp(many.answer[r], many.answer[0], (size_t)one.n_answer * sizeof(double)), 0);
                ck_assert(many.loss[r] == many.loss[0] || many.loss[0] != many.loss[0]);
            }
            if (_i != 3) ck_assert_double_le(files_differ("out_many.nc", "out_one.nc"), 1e-9);
            forget(&many);
        }
        forget(&one);
        remove_files();
    }
END_TEST

/* The same bits from run to run; and a training that goes on with another number of ranks. */
START_TEST(bits_and_resume)
    {
        const training_kind *k   = &training_kinds[_i];
        run                  one = {.kind = k, .file = "one.nc"}, many = one, again = one;

        pdm_status status[MOST];

        many.file = again.file = "many.nc";
        write_inputs(k);
        train_alone(&one);
        ranks_run(3, NULL, train, &many, NULL, NULL);
        ranks_run(3, NULL, train, &again, NULL, NULL);
        ck_assert_int_eq(memcmp(many.weight[0], again.weight[0], (size_t)one.n_weight * sizeof(double)), 0);
        ck_assert_int_eq(memcmp(many.answer[0], again.answer[0], (size_t)one.n_answer * sizeof(double)), 0);
        forget(&again);
        many.stop = KIND_STEPS / 2 + 1;
        ranks_run(4, NULL, train, &many, status, NULL);
        if (_i != 5) /* columns from solutions take no steps */
            for (int r = 0; r < 4; r++) ck_assert_int_eq(status[r], PDM_ERR_INTERRUPTED);
        forget(&many);
        many.stop    = 0;
        many.goes_on = true;
        ranks_run(2, NULL, train, &many, NULL, NULL);
        ck_assert_double_le(farthest(one.n_weight, many.weight[0], one.weight[0]), 1e-9);
        ck_assert_double_le(farthest(one.n_answer, many.answer[0], one.answer[0]), 1e-9);
        forget(&many);
        forget(&one);
        remove_files();
    }
END_TEST

/* Memory that one rank does not get, anywhere: all end with its words, and the file is whole, or not there. */
START_TEST(one_fails_all_fail)
    {
        const training_kind *k      = &training_kinds[2];
        int                  failed = 0, last = 0, told = 0;
        pdm_status           status[MOST];
        char                 text[MOST][RANK_TEXT];

        write_inputs(k);
        for (int fail = 1; last < 2; fail += 1 + fail / 3) {
            run x = {.kind = k, .file = "many.nc", .fail = fail};
            ranks_run(3, NULL, train, &x, status, text);
            last += status[1] == PDM_OK;
            for (int r = 0; r < 3 && status[1] != PDM_OK; r++) {
                const bool left = strstr(text[r], "rank 1 has left") != NULL; /* it failed between what all do */
                ck_assert_int_eq(status[r], left ? PDM_ERR_INTERNAL : PDM_ERR_MEMORY);
                if (r != 1) ck_assert_msg(left || strncmp(text[r], "rank 1: ", 8) == 0, "%s", text[r]);
                told += !left;
            }
            failed += status[1] != PDM_OK;
            forget(&x);
            pdm_model *m = NULL;
            open_context();
            if (access("many.nc", F_OK) == 0) OK(pdm_model_read(ctx, "many.nc", &m));
            pdm_model_destroy(&m);
            close_context();
            remove("many.nc");
        }
        printf("%d failures\n", failed);
        ck_assert_int_ge(failed, 10);
        ck_assert_int_gt(told, failed); /* what a rank does by itself is not told */
        remove_files();
    }
END_TEST

/* A message that is lost: the others say whom they wait for. */
START_TEST(silence_ends)
    {
        const rank_troubles troubles = {.drop = 40, .seconds = 1.0};
        run                 x        = {.kind = &training_kinds[0], .file = "many.nc"};
        pdm_status          status[MOST];
        char                text[MOST][RANK_TEXT];
        bool                named = false;

        write_inputs(x.kind);
        ranks_run(3, &troubles, train, &x, status, text);
        for (int r = 0; r < 3; r++) {
            ck_assert_int_ne(status[r], PDM_OK);
            named = named || (strstr(text[r], "after 1 s in") && strstr(text[r], "still waits for rank 0"));
        }
        ck_assert(named);
        forget(&x);
        remove_files();
    }
END_TEST

/* Shares of a step are all its samples, one after the other, also where ranks have none and the last chunk is short. */
static pdm_status sum_shares(pdm_context *own, void *user)
{
    const pdm_size n_rank = pdm_n_rank(own);
    (void)user;

    for (pdm_size n = 1; n <= 700; n++) {
        const pdm_model m     = {.ctx = own, .n_total = n};
        pdm_size        first = 0;
        for (pdm_size k = 0; k < n_rank; k++) {
            const pdm_share share = pdm_model_share(&m, k);
            ck_assert_int_eq(share.first, first);
            ck_assert_int_ge(share.n, 0);
            first += share.n;
        }
        ck_assert_int_eq(first, n);
    }
    return PDM_OK;
}

START_TEST(shares_are_all_samples)
    {
        ranks_run(1 + _i, NULL, sum_shares, NULL, NULL, NULL);
    }
END_TEST

int main(void)
{
    Suite *s = suite_create("ranks");
    TCase *t = tcase_create("ranks");
    tcase_set_timeout(t, 120);
    tcase_add_loop_test(t, ranks_have_the_answer_of_one, 0, N_KIND);
    tcase_add_loop_test(t, bits_and_resume, 0, N_KIND);
    tcase_add_loop_test(t, shares_are_all_samples, 0, 16);
    tcase_add_test(t, one_fails_all_fail);
    tcase_add_test(t, silence_ends);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? 0 : 1;
}
