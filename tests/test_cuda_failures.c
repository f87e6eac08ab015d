/* Lives of models on the double of the toolkit, of which one call fails: each ends with a status and a text, or as if
 * nothing had been; nothing is left on the host or the device; and who tries again gets the bits of a life without
 * failures. */
#define _GNU_SOURCE /* mkdtemp */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/double/reach.h"
#include "tests/models.h"

enum { N = 2, N_FAILURE = 500, PARTS = 10, N_FRESH = 4 /* of a part's: in an empty folder of kernels */ };

typedef struct kind {
    int  number;
    word words[8];
} kind;

static const kind KINDS[] = {
    {PROBLEM_SORPTION, {{0}}},
    {PROBLEM_SYSTEM, {{0}}},
    {PROBLEM_BURGERS, {{"solver", "linear", "cg"}}},
    {PROBLEM_SORPTION,
     {{"experts", "basis", "12"}, {"domain/x", "control_points", "40"}, {"domain/x", "experts", "4"}}},
    {PROBLEM_HEAT, {{"experts", "prior", "pod"}, {"training", "solutions", "6"}, {"solver", "rows", "few"}}}};
enum { N_KIND = sizeof KINDS / sizeof *KINDS };

/* What a life ends with. */
typedef struct answer {
    pdm_size n_weight, n_u;
    float   *weight;
    double  *u;
} answer;

static void forget(answer *a)
{
    free(a->weight);
    free(a->u);
    *a = (answer){0};
}

static bool is_same(const answer *a, const answer *b)
{
    return a->n_weight == b->n_weight && a->n_u == b->n_u &&
           memcmp(a->weight, b->weight, (size_t)a->n_weight * sizeof *a->weight) == 0 &&
           memcmp(a->u, b->u, (size_t)a->n_u * sizeof *a->u) == 0;
}

/* ---- a life ---- */

static pdm_case *case_of(const kind *k)
{
    static const word WORDS[] = {{"experts", "basis", "3"},    {"surrogate", "modes", "2 2"},
                                 {"surrogate", "width", "4"},  {"surrogate", "layers", "1"},
                                 {"surrogate", "hidden", "4"}, {"training", "batch", "2"},
                                 {"training", "steps", "2"},   {"solver", "backend", "cuda"}};
    pdm_case         *c       = NULL;

    OK(problem_case(ctx, k->number, &c));
    set(c, sizeof WORDS / sizeof *WORDS, WORDS);
    for (const word *w = k->words; w->group; w++) set(c, 1, w);
    return c;
}

static pdm_status read_weights(pdm_model *m, answer *a)
{
    pdm_status   status = PDM_OK;
    pdm_backend *b      = m->problem->backend;
    void        *host   = NULL;

    a->n_weight = m->surrogate->n_parameter;
    a->weight   = malloc((size_t)a->n_weight * sizeof *a->weight + 1);
    PDM_TRY(b->ops->acquire(b, m->surrogate->parameters, PDM_READ, &host));
    memcpy(a->weight, host, (size_t)a->n_weight * sizeof *a->weight);
    PDM_TRY(b->ops->release(b, m->surrogate->parameters, &host));
done:
    return status;
}

static pdm_status predict(pdm_model *m, answer *a)
{
    pdm_status     status = PDM_OK;
    const pdm_size n      = pdm_model_n_input(m);
    double        *input  = malloc((size_t)(N * n) * sizeof *input + 1);

    a->n_u = N * pdm_model_n_field(m) * pdm_model_n_point(m);
    a->u   = calloc((size_t)a->n_u, sizeof *a->u);
    for (pdm_size i = 0; i < N * n; i++) input[i] = 0.3 + 0.1 * (double)(i % 3);
    PDM_TRY(pdm_model_set_verdict(m, 1));
    PDM_TRY(pdm_model_predict(m, N, input, a->u, NULL));
done:
    free(input);
    return status;
}

/* Stages of a life, each of which may be tried again where it failed. */
typedef struct life {
    pdm_case  *c;
    pdm_model *m;
    answer     out;
} life;

static pdm_status be_born(life *l)
{
    return pdm_model_create(l->c, &l->m);
}

/* Columns from solutions and few rows are found by a training as a whole alone. */
static pdm_status learn(life *l)
{
    pdm_status status = PDM_OK;
    if (l->m->surrogate->n_parameter == 0) return pdm_model_train(l->m, "failures.nc", NULL, NULL);
    while (pdm_model_step(l->m) < pdm_model_steps(l->m)) PDM_TRY(pdm_model_train_step(l->m));
    PDM_TRY(pdm_model_write(l->m, "failures.nc"));
done:
    return status;
}

static pdm_status answer_all(life *l)
{
    pdm_status status = PDM_OK;
    forget(&l->out);
    PDM_TRY(read_weights(l->m, &l->out));
    PDM_TRY(predict(l->m, &l->out));
done:
    return status;
}

static pdm_status (*const STAGES[])(life *l) = {be_born, learn, answer_all};
enum { N_STAGE = sizeof STAGES / sizeof *STAGES };

/* Says what failed in words of the library that did. */
static void check_text(pdm_status status, int64_t k)
{
    const char *text = pdm_context_error(ctx);

    ck_assert_msg(status == PDM_ERR_MEMORY || status == PDM_ERR_INTERNAL || status == PDM_ERR_UNSUPPORTED,
                  "call %lld: status %d, %s", (long long)k, (int)status, text);
    ck_assert_msg(strstr(text, "CUDA: ") || strstr(text, "cuBLAS: ") || strstr(text, "cuSOLVER: ") ||
                      strstr(text, "NVRTC") || strstr(text, "MiB more are wanted") || strstr(text, "back end \"cuda\""),
                  "call %lld: says \"%s\"", (long long)k, text);
}

static void check_nothing_left(pdm_double_count before, int64_t k)
{
    const pdm_double_count now = double_counts();
    ck_assert_msg(now.live == before.live && now.live_pinned == before.live_pinned &&
                      now.live_handles == before.live_handles && now.findings == before.findings,
                  "call %lld: %lld allocations, %lld pinned ones, %lld handles are left", (long long)k,
                  (long long)(now.live - before.live), (long long)(now.live_pinned - before.live_pinned),
                  (long long)(now.live_handles - before.live_handles));
}

/* One life, of which call k fails (0: none). again: a stage that failed is tried once more; else the life is over then.
 * Returns whether it came to its end. */
static bool live(const kind *kd, int64_t k, bool again, answer *out)
{
    life                   l      = {0};
    pdm_status             status = PDM_OK;
    const pdm_double_count before = double_counts();

    open_context();
    l.c = case_of(kd);
    double_fail_at(k);
    for (int i = 0; i < N_STAGE && status == PDM_OK; i++) {
        status = STAGES[i](&l);
        if (status == PDM_OK) continue;
        ck_assert_msg(k != 0, "without a failure: %s", pdm_context_error(ctx));
        check_text(status, k);
        if (again) status = STAGES[i](&l);
        if (again) ck_assert_msg(status == PDM_OK, "call %lld, again: %s", (long long)k, pdm_context_error(ctx));
    }
    pdm_model_destroy(&l.m);
    double_fail_at(0);
    pdm_case_destroy(&l.c);
    close_context();
    check_nothing_left(before, k);
    if (status == PDM_OK)
        *out = l.out;
    else
        forget(&l.out);
    return status == PDM_OK;
}

/* ---- failures ---- */

static void new_folder(char folder[64])
{
    snprintf(folder, 64, "kernels-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    setenv("PDEMOE_KERNELS", folder, 1);
}

static void remove_folder(const char *folder)
{
    char command[128];
    snprintf(command, sizeof command, "rm -r %s", folder);
    ck_assert_int_eq(system(command), 0);
}

/* A life without failures, and how many calls of it may fail. */
static int64_t live_well(const kind *kd, answer *out)
{
    const int64_t before = double_counts().fallible;
    ck_assert(live(kd, 0, false, out));
    return double_counts().fallible - before;
}

/* Failure number i of `n`, at a place of its share of the calls. Returns whether the life ended early. */
static bool fail_once(const kind *kd, int64_t n_call, int i, int n, const answer *want)
{
    const pdm_random_key key   = {(uint64_t)i, PDM_RANDOM_SIGNS, (uint64_t)n_call};
    const int64_t        k     = 1 + (int64_t)(((double)i + pdm_random_uniform(key, 0)) * (double)n_call / n);
    const bool           again = i % 2;
    answer               got   = {0};
    const bool           ended = live(kd, k, again, &got);

    ck_assert(ended || !again);
    if (ended) ck_assert_msg(is_same(&got, want), "call %lld%s: another answer", (long long)k, again ? ", again" : "");
    forget(&got);
    return !ended;
}

START_TEST(failures_are_told_and_leave_nothing)
    {
        const kind *kd   = &KINDS[_i % N_KIND];
        const int   n    = N_FAILURE / PARTS - N_FRESH;
        answer      want = {0}, same = {0};
        int         n_early = 0;
        char        folder[64];

        if (!double_is_here()) return;
        double_seed((uint64_t)_i + 1);
        new_folder(folder);
        const int64_t n_fresh = live_well(kd, &want), n_call = live_well(kd, &same);
        ck_assert(is_same(&want, &same));
        ck_assert_int_gt(n_call, 500);
        ck_assert_int_gt(n_fresh, n_call);
        for (int i = 0; i < n; i++) n_early += fail_once(kd, n_call, i, n, &want);
        remove_folder(folder);
        for (int i = 0; i < N_FRESH; i++) {
            new_folder(folder);
            n_early += fail_once(kd, n_fresh, i, N_FRESH, &want);
            remove_folder(folder);
        }
        printf("part %d: %lld calls, %lld with kernels to compile; %d lives ended early\n", _i, (long long)n_call,
               (long long)n_fresh, n_early);
        ck_assert_int_gt(n_early, N_FAILURE / PARTS / 4); /* of the half that does not try again */
        forget(&same);
        (void)live_well(kd, &same);
        ck_assert(is_same(&want, &same));
        forget(&same);
        forget(&want);
    }
END_TEST

int main(void)
{
    Suite *suite = suite_create("cuda_failures");
    TCase *tests = tcase_create("failures");

    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, failures_are_told_and_leave_nothing, 0, PARTS);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    const int n_failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return n_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
