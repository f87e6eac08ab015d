/* What bench/ estimates that the back end "cuda" launches, hands to libraries, copies and waits for, against what the
 * double of its toolkit counts, call by call of a training step. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/watch.h"
#include "tests/double/reach.h"
#include "tests/models.h"

static pdm_double_count begun;
static pdm_text         view; /* of the back end: names what it has no kernels for */
static bool             compares;
static int              n_ring;
static double           differs[BENCH_N_SLOT], calls[BENCH_N_SLOT], factored; /* by libraries */

static bool is_the_cpus(bench_slot slot)
{
    const char *name = bench_slot_name(slot), *at = strstr(view.data, "on the CPU");
    char        line[1024], group[16];
    if (!at) return false;
    snprintf(line, sizeof line, "%.*s", (int)strcspn(at, "\n"), at);
    snprintf(group, sizeof group, "%.*s", (int)strcspn(name, "_"), name);
    return strstr(line, name) || strstr(line, group);
}

static void compare(bench_slot slot, const bench_cost *estimate)
{
    const pdm_double_count now = double_counts();

    if (!estimate) begun = now;
    if (!estimate || !compares || slot < BENCH_SLOT_rows_residual)
        return; /* buffers may be empty, or on their way still */
    calls[slot]++;
    const double got[] = {(double)(now.launches - begun.launches), (double)(now.library_calls - begun.library_calls),
                          (double)(now.to_device - begun.to_device + now.on_device - begun.on_device),
                          (double)(now.synchronisations - begun.synchronisations)};
    factored += slot == BENCH_SLOT_blocks_factor ? got[1] : 0.0;
    const double want[] = {estimate->launches, estimate->products, estimate->copies, estimate->waits};
    if (got[3] == want[3] + 1.0) { /* what posts numbers began at the start of its ring again */
        n_ring++;
        return;
    }
    for (int i = 0; i < 4; i++)
        if (got[i] != want[i] && !is_the_cpus(slot)) {
            differs[slot]++;
            fprintf(stderr, "%s: %.0f %.0f %.0f %.0f estimated, %.0f %.0f %.0f %.0f counted\n", bench_slot_name(slot),
                    want[0], want[1], want[2], want[3], got[0], got[1], got[2], got[3]);
            return;
        }
}

static const struct {
    int         number;
    const char *modes, *basis, *points, *experts; /* the latter along x; NULL: its own */
} PROBLEMS[] = {{PROBLEM_SORPTION, "2 2", "3", NULL, NULL}, {PROBLEM_SYSTEM, "2 2", "3", NULL, NULL},
                {PROBLEM_KINKS, "2 2", "3", NULL, NULL},    {PROBLEM_VORTICITY, "1 2 2", "3", NULL, NULL},
                {PROBLEM_SORPTION, "2 2", "24", "60", "8"},   /* two levels of blocks, */
                {PROBLEM_SORPTION, "2 2", "140", "36", "1"}}; /* and a block that is larger than our kernels factor */
enum { N_PROBLEM = sizeof PROBLEMS / sizeof *PROBLEMS, N_DIRECT = 3 /* steps by a factorisation: the first */ };

static pdm_model *tiny_model(int number)
{
    const word WORDS[] = {{"experts", "basis", PROBLEMS[number].basis},
                          {"surrogate", "modes", PROBLEMS[number].modes},
                          {"surrogate", "width", "6"},
                          {"surrogate", "layers", "3"},
                          {"surrogate", "hidden", "8"},
                          {"training", "batch", "3"},
                          {"solver", "backend", "cuda"}};
    pdm_case  *c       = NULL;
    OK(problem_case(ctx, PROBLEMS[number].number, &c));
    set(c, sizeof WORDS / sizeof *WORDS, WORDS);
    if (PROBLEMS[number].points) OK(pdm_case_set_text(c, "domain/x", "control_points", PROBLEMS[number].points));
    if (PROBLEMS[number].experts) OK(pdm_case_set_text(c, "domain/x", "experts", PROBLEMS[number].experts));
    return model_of(c);
}

/* What steps on equations alone do not call, and a list that is no run. */
static void call_others(pdm_model *m)
{
    static const int32_t    LIST[] = {2, 0};
    pdm_backend            *b      = m->problem->backend;
    const pdm_solver_state *st     = pdm_solver_lend(m->solver);
    const pdm_batch         s      = {2, LIST};

    OK(b->ops->rows_second_order(b, st->rows, s, &m->samples->data, st->c, st->y, st->c, st->gradient_c));
    OK(b->ops->rows_curvature(b, st->rows, s, st->A, NULL, st->c, st->gradient_c));
    OK(m->surrogate->ops->backward(m->surrogate, s, m->g_basis));
}

START_TEST(estimates_are_what_is_counted)
    {
        bench_model model  = {.device = bench_device_find("h200")};
        pdm_blocks *blocks = NULL;
        open_context();
        pdm_model              *m       = tiny_model(_i);
        const pdm_rows_desc    *rows    = pdm_domain_rows(m->problem->domain);
        const pdm_columns_desc *columns = pdm_experts_columns(m->experts);
        pdm_step_report         report;

        OK(pdm_blocks_create(ctx, rows, columns, PDM_COUPLING_ALL, &blocks));
        OK(bench_model_fill(m->surrogate, rows, columns, pdm_blocks_describe(blocks), &model));
        view = (pdm_text){.ctx = ctx};
        OK(pdm_backend_view(m->problem->backend, &view));
        bench_watch_start(m->problem->backend, &model, compare);
        for (int i = 0; i < 3; i++) {
            compares = i > 0; /* from a known list of samples on */
            OK(pdm_train_step(m, &report));
        }
        call_others(m);
        bench_watch_stop();
        for (int k = 0; k < BENCH_N_SLOT; k++) ck_assert_msg(differs[k] == 0.0, "%s", bench_slot_name((bench_slot)k));
        ck_assert_int_le(n_ring, 2);
        ck_assert((factored > 0.0) == (_i == N_PROBLEM - 1));
        ck_assert(calls[BENCH_SLOT_rows_linearise] > 0.0 && calls[BENCH_SLOT_fourier_layer_backward] > 0.0);
        pdm_text_destroy(&view);
        bench_model_clear(ctx, &model);
        pdm_blocks_destroy(&blocks);
        pdm_model_destroy(&m);
        close_context();
    }
END_TEST

/* A solve waits for the objective at its start; each step for its factor, what the step promises, and the objective; near
 * the end for what rounding does, too. And once, perhaps, for the ring. */
START_TEST(steps_of_a_solve_wait_three_times)
    {
        pdm_step_report report;
        open_context();
        pdm_model *m = tiny_model(_i);
        OK(pdm_train_step(m, &report));
        const pdm_double_count before = double_counts();
        OK(pdm_model_solve(m, pdm_model_batch(m, 1)));
        const int64_t          waits  = double_counts().synchronisations - before.synchronisations;
        const pdm_solve_result result = pdm_solver_results(m->solver)[0];
        const int64_t          least  = 1 + result.factorisations + 2 * result.iterations;

        printf("%d steps, %d factorisations: %d waits\n", (int)result.iterations, (int)result.factorisations,
               (int)waits);
        ck_assert_int_gt(result.iterations, 0);
        ck_assert_int_ge(waits, least);
        ck_assert_int_le(waits, least + result.iterations + 1);
        pdm_model_destroy(&m);
        close_context();
    }
END_TEST

int main(void)
{
    Suite *suite = suite_create("cuda_counts");
    TCase *tests = tcase_create("counts");

    tcase_set_timeout(tests, 600);
    tcase_add_loop_test(tests, estimates_are_what_is_counted, 0, N_PROBLEM);
    tcase_add_loop_test(tests, steps_of_a_solve_wait_three_times, 0, N_DIRECT);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    const int n_failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return n_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
