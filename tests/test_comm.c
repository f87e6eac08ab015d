/* comm/: collective calls among ranks that are threads; their failures. */
#define _POSIX_C_SOURCE 200809L /* nanosleep */

#include "tests/calls.h"

#include "comm/comm_impl.h"
#include "tests/ranks.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { MAX_RANK = 7 };
static const int n_ranks[] = {1, 2, 3, 4, 7};
enum { N_CASE = sizeof n_ranks / sizeof *n_ranks };

/* ---- shares ---- */

START_TEST(test_share)
    {
        for (pdm_size n_rank = 1; n_rank < 9; n_rank++)
            for (pdm_size n = 0; n < 30; n++) {
                pdm_size next = 0;
                for (pdm_size k = 0; k < n_rank; k++) {
                    const pdm_share s = pdm_share_of(n, k, n_rank);
                    ck_assert_int_eq(s.first, next);
                    ck_assert_int_eq(s.n, n / n_rank + (k < n % n_rank));
                    next += s.n;
                }
                ck_assert_int_eq(next, n);
            }
    }
END_TEST

/* ---- calls ---- */

typedef struct calls {
    size_t   piece; /* 0: as it is */
    uint64_t hash[MAX_RANK];
} calls;

static pdm_status check_calls(pdm_context *ctx, void *user)
{
    calls     *c = user;
    calls_text t;

    if (c->piece > 0 && pdm_n_rank(ctx) > 1) pdm_ranks_set_piece(ctx, c->piece);
    t = calls_check(ctx, &c->hash[pdm_rank(ctx)]);
    ck_assert_str_eq(t.said, "");
    return PDM_OK;
}

START_TEST(test_calls)
    {
        const int           n     = n_ranks[_i];
        const rank_troubles late  = {.vary = 30};
        calls               plain = {0}, cut = {.piece = 1000}, delayed = {0};

        ranks_run(n, NULL, check_calls, &plain, NULL, NULL);
        ranks_run(n, NULL, check_calls, &cut, NULL, NULL);
        ranks_run(n, &late, check_calls, &delayed, NULL, NULL);
        ck_assert(plain.hash[0] != 0);
        for (int k = 0; k < n; k++) {
            ck_assert(plain.hash[k] == plain.hash[0]);
            ck_assert(cut.hash[k] == plain.hash[0]);
            ck_assert(delayed.hash[k] == plain.hash[0]);
        }
    }
END_TEST

START_TEST(test_without_ranks)
    {
        pdm_context *ctx = NULL;
        calls_text   t;

        ck_assert_int_eq(pdm_context_create(NULL, &ctx), PDM_OK);
        t = calls_check(ctx, NULL);
        ck_assert_str_eq(t.said, "");
        ck_assert_int_eq(pdm_ranks_end(ctx, PDM_ERR_IO), PDM_ERR_IO);
        ck_assert_int_eq(pdm_ranks_meet(ctx, "end"), PDM_OK);
        ck_assert_int_eq(pdm_context_destroy(&ctx), 0);
    }
END_TEST

/* ---- the context ---- */

static int carry_nothing(void *user, int rank, int tag, const void *data, size_t bytes, void **request)
{
    (void)user, (void)rank, (void)tag, (void)data, (void)bytes, (void)request;
    return 1;
}

static int take_nothing(void *user, int rank, int tag, void *data, size_t bytes, void **request)
{
    return carry_nothing(user, rank, tag, data, bytes, request);
}

static int test_nothing(void *user, void **request, int *done)
{
    (void)user, (void)request;
    *done = 1;
    return 0;
}

static int probe_nothing(void *user, int tag, int *from)
{
    (void)user, (void)tag;
    *from = -1;
    return 0;
}

static void cancel_nothing(void *user, void **request)
{
    (void)user, (void)request;
}

static void count_release(void *user)
{
    ++*(int *)user;
}

START_TEST(test_set_ranks)
    {
        int           released = 0;
        pdm_transport t        = {.n_rank  = 2,
                                  .user    = &released,
                                  .send    = carry_nothing,
                                  .receive = take_nothing,
                                  .test    = test_nothing,
                                  .probe   = probe_nothing,
                                  .cancel  = cancel_nothing,
                                  .release = count_release};
        pdm_context  *ctx      = NULL;

        ck_assert_int_eq(pdm_context_create(NULL, &ctx), PDM_OK);
        ck_assert_int_eq(pdm_context_set_ranks(NULL, &t, 0.0), PDM_ERR_ARGUMENT);
        ck_assert_int_eq(pdm_context_set_ranks(ctx, &t, -1.0), PDM_ERR_ARGUMENT);
        ck_assert_int_eq(pdm_context_set_ranks(ctx, &t, NAN), PDM_ERR_ARGUMENT);
        t.rank = 2;
        ck_assert_int_eq(pdm_context_set_ranks(ctx, &t, 0.0), PDM_ERR_ARGUMENT);
        ck_assert_str_eq(pdm_context_error(ctx), "rank 2 of 2; 0 to n_rank - 1 expected");
        t.rank  = 0;
        t.probe = NULL;
        ck_assert_int_eq(pdm_context_set_ranks(ctx, &t, 0.0), PDM_ERR_ARGUMENT);
        t.probe = probe_nothing;
        /* What carries messages fails: the context is as it was, the transport the caller's. */
        ck_assert_int_eq(pdm_context_set_ranks(ctx, &t, 0.0), PDM_ERR_INTERNAL);
        ck_assert_str_eq(pdm_context_error(ctx), "\"machines\": rank 1 cannot be reached");
        ck_assert_int_eq(pdm_context_n_rank(ctx), 1);
        ck_assert_int_eq(released, 0);
        ck_assert_int_eq(pdm_ranks_meet(ctx, "end"), PDM_OK);
        pdm_context_fail_allocation(ctx, 2);
        ck_assert_int_eq(pdm_context_set_ranks(ctx, &t, 0.0), PDM_ERR_MEMORY);
        pdm_context_fail_allocation(ctx, 0);
        ck_assert_int_eq(released, 0);

        t.n_rank = 1;
        ck_assert_int_eq(pdm_context_set_ranks(ctx, &t, 0.0), PDM_OK);
        ck_assert_int_eq(pdm_context_n_rank(ctx), 1);
        ck_assert_int_eq(pdm_context_set_ranks(ctx, NULL, 0.0), PDM_OK);
        ck_assert_int_eq(pdm_context_destroy(&ctx), 0);
        ck_assert_int_eq(released, 1);
        ck_assert_int_eq(pdm_context_rank(NULL), 0);
        ck_assert_int_eq(pdm_context_n_rank(NULL), 1);
    }
END_TEST

/* Ranks of one process may use the same cores: each gets its part of them, or fewer threads where it has fewer. */
static pdm_status share_cores(pdm_context *ctx, void *user)
{
    pdm_status status = PDM_OK;
    int        n_core, expected;

    (void)user;
    PDM_TRY(pdm_context_set_threads(ctx, 0));
    n_core   = pdm_context_threads(ctx);
    expected = n_core / pdm_context_n_rank(ctx);
    PDM_TRY(ranks_share_cores(ctx));
    ck_assert_int_eq(pdm_context_threads(ctx), expected > 0 ? expected : 1);
    PDM_TRY(pdm_context_set_threads(ctx, 1));
    PDM_TRY(ranks_share_cores(ctx));
    ck_assert_int_eq(pdm_context_threads(ctx), 1);
done:
    return status;
}

START_TEST(test_cores)
    {
        for (int n = 2; n < 5; n++) ranks_run(n, NULL, share_cores, NULL, NULL, NULL);
    }
END_TEST

/* ---- failures ---- */

typedef pdm_status outcome[MAX_RANK];
typedef char       texts[MAX_RANK][RANK_TEXT];

/* Later calls, of any kind, end as the one before did, with the same words. */
static pdm_status stays_so(pdm_context *ctx, pdm_status status)
{
    char   text[RANK_TEXT];
    double x = 0.0;

    if (status == PDM_OK) return status;
    (void)snprintf(text, sizeof text, "%s", pdm_context_error(ctx));
    (void)pdm_error_set(ctx, PDM_ERR_CASE, NULL, __func__, "something else");
    ck_assert_int_eq(pdm_ranks_sum(ctx, "later", 1, &x), status);
    ck_assert_str_eq(pdm_context_error(ctx), text);
    ck_assert_int_eq(pdm_ranks_broadcast(ctx, "later", 0, sizeof x, &x), status);
    ck_assert_int_eq(pdm_ranks_meet(ctx, "later"), status);
    ck_assert_int_eq(pdm_ranks_agree(ctx, "later", PDM_OK), status);
    ck_assert_str_eq(pdm_context_error(ctx), text);
    return status;
}

/* Rank 1 is not well after n_good calls. */
static pdm_status fail_in_job(pdm_context *ctx, void *user)
{
    const int  n_good  = *(int *)user;
    pdm_status status  = PDM_OK;
    double     x[2000] = {0};

    for (int i = 0; i < 5 && status == PDM_OK; i++) {
        if (pdm_rank(ctx) == 1 && i == n_good)
            status = pdm_error_set(ctx, PDM_ERR_NUMERIC, NULL, __func__, "not finite: step %d", i);
        else
            status = i % 2 ? pdm_ranks_sum(ctx, "gradient", 2000, x) : pdm_ranks_sum(ctx, "loss", 2, x);
    }
    return stays_so(ctx, pdm_ranks_end(ctx, status));
}

START_TEST(test_failure)
    {
        for (int n_good = 0; n_good < 5; n_good++) {
            outcome status;
            texts   text;
            char    words[64];

            ranks_run(4, NULL, fail_in_job, &n_good, status, text);
            for (int k = 0; k < 4; k++) {
                (void)snprintf(words, sizeof words, "%snot finite: step %d", k == 1 ? "" : "rank 1: ", n_good);
                ck_assert_str_eq(text[k], words);
                ck_assert_int_eq(status[k], PDM_ERR_NUMERIC);
            }
        }
    }
END_TEST

/* Allocation number *user of rank 2 fails in one call after the other. */
static pdm_status run_out_of_memory(pdm_context *ctx, void *user)
{
    pdm_status status   = PDM_OK;
    double     x[2000]  = {0};
    size_t     bytes[3] = {80, 800, 8};

    if (pdm_rank(ctx) == 2) pdm_context_fail_allocation(ctx, *(int *)user);
    PDM_TRY(pdm_ranks_sum(ctx, "loss", 10, x));
    PDM_TRY(pdm_ranks_sum(ctx, "gradient", 2000, x));
    PDM_TRY(pdm_ranks_gather_first(ctx, "fields", bytes, x, x + 1000));
    PDM_TRY(pdm_ranks_gather(ctx, "scales", bytes, x, x + 1000));
    PDM_TRY(pdm_ranks_broadcast(ctx, "weights", 0, 800, x));
    PDM_TRY(pdm_ranks_agree(ctx, "files", PDM_OK));
    PDM_TRY(pdm_ranks_meet(ctx, "end"));
done:
    if (pdm_rank(ctx) == 2) pdm_context_fail_allocation(ctx, 0);
    return stays_so(ctx, status);
}

START_TEST(test_memory)
    {
        int failures = 0, nth = 1;

        for (outcome status = {PDM_ERR_MEMORY}; status[0] != PDM_OK; nth++) {
            texts text;
            char  words[2 * RANK_TEXT];

            ranks_run(3, NULL, run_out_of_memory, &nth, status, text);
            if (status[2] == PDM_OK) break;
            failures++;
            (void)snprintf(words, sizeof words, "rank 2: %s", text[2]);
            for (int k = 0; k < 3; k++) ck_assert_int_eq(status[k], PDM_ERR_MEMORY);
            ck_assert_str_eq(text[0], words);
            ck_assert_str_eq(text[1], words);
        }
        ck_assert_int_ge(failures, 5);
    }
END_TEST

/* Rank 2 makes another call than the others. */
static pdm_status part(pdm_context *ctx, void *user)
{
    pdm_status status = PDM_OK;
    double     x[4]   = {0};

    (void)user;
    PDM_TRY(pdm_rank(ctx) == 2 ? pdm_ranks_broadcast(ctx, "weights", 2, sizeof x, x)
                               : pdm_ranks_sum(ctx, "gradient", 4, x));
    PDM_TRY(pdm_ranks_meet(ctx, "end"));
done:
    return stays_so(ctx, status);
}

/* The same one, with other sizes. */
static pdm_status part_in_size(pdm_context *ctx, void *user)
{
    double x[4] = {0};

    (void)user;
    return stays_so(ctx, pdm_ranks_sum(ctx, "gradient", pdm_rank(ctx) == 2 ? 3 : 4, x));
}

START_TEST(test_different_calls)
    {
        outcome status;
        texts   text;

        ranks_run(3, NULL, part, NULL, status, text);
        for (int k = 0; k < 3; k++) {
            ck_assert_int_eq(status[k], PDM_ERR_INTERNAL);
            ck_assert_ptr_nonnull(strstr(text[k], "ranks do not do the same: rank "));
            ck_assert_ptr_nonnull(strstr(text[k], "\"weights\""));
            ck_assert_ptr_nonnull(strstr(text[k], "\"gradient\""));
        }
        ranks_run(3, NULL, part_in_size, NULL, status, text);
        for (int k = 0; k < 3; k++) {
            ck_assert_int_eq(status[k], PDM_ERR_INTERNAL);
            ck_assert_ptr_nonnull(strstr(text[k], "\"gradient\": "));
            ck_assert_ptr_nonnull(strstr(text[k], "24"));
            ck_assert_ptr_nonnull(strstr(text[k], "32"));
        }
    }
END_TEST

/* Ranks 2 and 3 come when the patience of the others has ended; all that these have sent is there. */
static pdm_status come_late(pdm_context *ctx, void *user)
{
    const struct timespec while_away = {.tv_nsec = 700000000};
    pdm_status            status     = PDM_OK;

    (void)user;
    if (pdm_rank(ctx) >= 2) (void)nanosleep(&while_away, NULL);
    PDM_TRY(pdm_ranks_meet(ctx, "gradient"));
    PDM_TRY(pdm_ranks_meet(ctx, "loss"));
done:
    return stays_so(ctx, status);
}

static pdm_status sum_often(pdm_context *ctx, void *user)
{
    pdm_status status = PDM_OK;
    double     x      = 1.0;

    for (int i = 0; i < *(int *)user; i++) PDM_TRY(pdm_ranks_sum(ctx, "loss", 1, &x));
done:
    return stays_so(ctx, status);
}

static pdm_status leave_early(pdm_context *ctx, void *user)
{
    (void)user;
    return pdm_rank(ctx) == 1 ? PDM_OK : stays_so(ctx, pdm_ranks_meet(ctx, "end"));
}

START_TEST(test_missing)
    {
        /* Rank 0 has sent two messages when it starts; then one to rank 1, and one to rank 2. */
        const rank_troubles brief = {.seconds = 0.2}, hole = {.seconds = 0.2, .drop = 4};
        int                 once = 1, often = 5;
        outcome             status;
        texts               text;

        ranks_run(4, &brief, come_late, NULL, status, text);
        for (int k = 0; k < 4; k++) {
            ck_assert_int_eq(status[k], PDM_ERR_INTERNAL);
            ck_assert_ptr_nonnull(strstr(text[k], "after 0.2 s in \"gradient\" rank "));
            ck_assert_ptr_nonnull(strstr(text[k], " still waits for rank 2, rank 3"));
        }
        ranks_run(3, &hole, sum_often, &once, status, text);
        ck_assert_int_eq(status[0], PDM_OK);
        ck_assert_int_eq(status[1], PDM_OK);
        ck_assert_int_eq(status[2], PDM_ERR_INTERNAL);
        ck_assert_str_eq(text[2], "after 0.2 s in \"loss\" rank 2 still waits for rank 0");
        ranks_run(3, &hole, sum_often, &often, status, text); /* the next message comes in place of the lost one */
        for (int k = 0; k < 3; k++) ck_assert_int_eq(status[k], PDM_ERR_INTERNAL);
        ck_assert_ptr_nonnull(strstr(text[2], "ranks do not do the same: rank 0 is in \"loss\""));
        ranks_run(3, NULL, leave_early, NULL, status, text);
        ck_assert_int_eq(status[1], PDM_OK);
        for (int k = 0; k < 3; k += 2) ck_assert_ptr_nonnull(strstr(text[k], "rank 1 has left, rank "));
    }
END_TEST

/* ---- */

int main(void)
{
    Suite   *suite  = suite_create("comm");
    TCase   *tcase  = tcase_create("ranks");
    SRunner *runner = srunner_create(suite);
    int      failed;

    suite_add_tcase(suite, tcase);
    tcase_add_test(tcase, test_share);
    tcase_add_loop_test(tcase, test_calls, 0, N_CASE);
    tcase_add_test(tcase, test_without_ranks);
    tcase_add_test(tcase, test_set_ranks);
    tcase_add_test(tcase, test_cores);
    tcase_add_test(tcase, test_failure);
    tcase_add_test(tcase, test_memory);
    tcase_add_test(tcase, test_different_calls);
    tcase_add_test(tcase, test_missing);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0;
}
