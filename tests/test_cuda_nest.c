/* Nested splines of the back end "cuda", on the double of its toolkit: K is symmetric, positive, as good as the CPU's,
 * and what its definition says, written out with dense matrices. */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/double/reach.h"
#include "tests/nested.h"

enum { N_CASE = 14 }; /* those with longer strips are the CPU's */

static double *get(problem *p, pdm_buffer *b, pdm_size n)
{
    double *x = nested_numbers(n);
    problem_get(p, b, x, n);
    return x;
}

/* ---- pairs of problems ---- */

/* The CPU's A for both, and the factors. */
static void open_pair(nested pair[2], int number)
{
    nested_open(&pair[0], number, "cpu", 1);
    nested_open(&pair[1], number, "cuda", 1);
    problem *p = &pair[0].p;
    nested_linearise(&pair[0]);
    double *A = get(p, p->A, NESTED_SAMPLES * p->a_size);
    problem_put(&pair[1].p, pair[1].p.A, A, NESTED_SAMPLES * p->a_size);
    free(A);
    for (int k = 0; k < 2; k++) {
        int32_t failed[NESTED_SAMPLES] = {7, 7, 7};
        nested_factor(&pair[k], failed);
        ck_assert_int_eq(failed[0], 0);
        ck_assert_int_eq(failed[1], 7);
        ck_assert_int_eq(failed[2], 0);
    }
}

static void close_pair(nested pair[2])
{
    nested_close(&pair[0]);
    nested_close(&pair[1]);
}

/* All cases take a minute on the double: every fifth does, unless PDM_TEST_LONG is set. */
static bool is_left_out(int i)
{
    return i % 5 != 0 && !getenv("PDM_TEST_LONG");
}

START_TEST(K_is_symmetric_and_positive)
    {
        if (is_left_out(_i)) return;
        nested pair[2];
        open_pair(pair, _i);
        const problem *p = &pair[0].p;
        const pdm_size n = p->c_size;
        double        *x = nested_random(p, 1, 0.0), *y = nested_random(p, 2, 0.0);
        for (int k = 0; k < 2; k++) {
            double *Kx = nested_apply(&pair[k], x), *Ky = nested_apply(&pair[k], y);
            for (int i = 0; i < NESTED_LISTED; i++) {
                const pdm_size at = nested_listed[i] * n;
                const double   xy = nested_dot(Kx + at, y + at, n), yx = nested_dot(x + at, Ky + at, n);
                const double   size = sqrt(nested_dot(Kx + at, Kx + at, n) * nested_dot(y + at, y + at, n));
                ck_assert_msg(fabs(xy - yx) <= 1e-12 * size, "%s, %s: %.3g of %.3g", pair[0].name,
                              pair[k].p.backend->ops->name, xy - yx, size);
                ck_assert_double_gt(nested_dot(Kx + at, x + at, n), 0.0);
                for (pdm_size q = at; q < at + n; q++)
                    if (!nested_is_free(p, q)) ck_assert_double_eq(Kx[q], 0.0);
            }
            free(Kx), free(Ky);
        }
        free(x), free(y);
        close_pair(pair);
    }
END_TEST

/* ---- conjugate gradients ---- */

START_TEST(K_is_as_good_as_that_of_the_cpu)
    {
        if (is_left_out(_i)) return;
        nested  pair[2];
        double *H[NESTED_SAMPLES] = {NULL};
        open_pair(pair, _i);
        nested_H(&pair[0], H);
        const int32_t s   = nested_listed[1];
        const int     cpu = nested_iterations(&pair[0], s, H[s]), cuda = nested_iterations(&pair[1], s, H[s]);
        ck_assert_msg(cuda <= 1.2 * cpu + 1.0, "%s: %d iterations, %d on the CPU", pair[0].name, cuda, cpu);
        nested_free_H(H);
        close_pair(pair);
    }
END_TEST

/* ---- the definition ---- */

START_TEST(K_is_what_it_is_defined_to_be)
    {
        if (is_left_out(_i)) return;
        nested          pair[2];
        double         *H[NESTED_SAMPLES] = {NULL};
        pdm_nest_levels levels            = {0};
        open_pair(pair, _i);
        problem       *p = &pair[0].p;
        const pdm_size n = p->c_size;
        nested_H(&pair[0], H);
        nested_levels(&pair[0], &levels);
        double *y = nested_random(p, 4, 0.0), *x = nested_numbers(n), *K = nested_apply(&pair[1], y);
        for (int k = 0; k < NESTED_LISTED; k++) {
            const pdm_size at   = nested_listed[k] * n;
            double         most = 0.0, gap = 0.0;
            nested_cycle(&levels, 0, NESTED_COLOURS, H[nested_listed[k]], y + at, x);
            for (pdm_size i = 0; i < n; i++) {
                most = fmax(most, fabs(x[i]));
                gap  = fmax(gap, fabs(x[i] - K[at + i]));
            }
            ck_assert_msg(gap <= 1e-10 * most, "%s: %.3g of %.3g off", pair[0].name, gap, most);
        }
        free(x), free(y), free(K), nested_free_H(H);
        pdm_nest_levels_destroy(p->ctx, &levels);
        close_pair(pair);
    }
END_TEST

/* ---- manners ---- */

START_TEST(nests_repeat_to_the_bit)
    {
        if (is_left_out(_i)) return;
        if (!double_is_here()) return;
        nested pair[2];
        open_pair(pair, _i);
        const pdm_size n = NESTED_SAMPLES * pair[1].p.c_size;
        double        *y = nested_random(&pair[1].p, 6, 0.0), *x[2];
        for (int k = 0; k < 2; k++) {
            int32_t failed[NESTED_SAMPLES];
            double_seed((uint64_t)(1 + k));
            nested_factor(&pair[1], failed);
            x[k] = nested_apply(&pair[1], y);
        }
        ck_assert_mem_eq(x[0], x[1], (size_t)n * sizeof *y);
        free(x[0]), free(x[1]), free(y);
        close_pair(pair);
    }
END_TEST

/* What goes to the device and back: shifts, and which samples failed. */
START_TEST(nests_stay_on_the_device)
    {
        if (!double_is_here()) return;
        nested  pair[2];
        int32_t failed[NESTED_SAMPLES];
        open_pair(pair, _i);
        pdm_backend *b = pair[1].p.backend;
        double      *y = nested_random(&pair[1].p, 6, 0.0);
        free(nested_apply(&pair[1], y));
        const pdm_double_count first = double_counts();
        nested_factor(&pair[1], failed);
        const pdm_double_count before = double_counts();
        ck_assert_int_eq(b->ops->nest_solve(b, pair[1].plan, nested_batch(), pair[1].p.v, pair[1].p.out), PDM_OK);
        const pdm_double_count after = double_counts();
        ck_assert_int_le(before.to_device, first.to_device + 1);
        ck_assert_int_eq(before.to_host, first.to_host + 1);
        ck_assert_int_eq(before.synchronisations, first.synchronisations + 1);
        ck_assert_int_eq(after.to_device, before.to_device);
        ck_assert_int_eq(after.to_host, before.to_host);
        ck_assert_int_eq(after.synchronisations, before.synchronisations);
        ck_assert_int_eq(after.live, first.live);
        ck_assert_int_eq(after.live_pinned, first.live_pinned);
        free(y);
        close_pair(pair);
    }
END_TEST

/* A sample whose H is not positive is told; the other one has the bits that it has by itself. */
START_TEST(one_of_several_samples_fails)
    {
        if (is_left_out(_i)) return;
        nested pair[2];
        open_pair(pair, _i);
        nested        *k = &pair[1];
        problem       *p = &k->p;
        const pdm_size n = p->c_size;
        double *y = nested_random(p, 6, 0.0), *A = get(p, p->A, NESTED_SAMPLES * p->a_size), *x = nested_apply(k, y);
        int32_t failed[NESTED_SAMPLES] = {7, 7, 7};
        for (pdm_size i = 2 * p->a_size; i < 3 * p->a_size; i++) A[i] = i % 2 ? 0.0 : (double)NAN;
        problem_put(p, p->A, A, NESTED_SAMPLES * p->a_size);
        nested_factor(k, failed);
        ck_assert_int_eq(failed[0], 0);
        ck_assert_int_eq(failed[1], 7);
        ck_assert_int_gt(failed[2], 0);
        memset(A + 2 * p->a_size, 0, (size_t)p->a_size * sizeof *A);
        problem_put(p, p->A, A, NESTED_SAMPLES * p->a_size);
        nested_factor(k, failed);
        ck_assert_int_eq(failed[0], 0);
        ck_assert_int_gt(failed[2], 0);
        for (pdm_size i = 2 * n; i < 3 * n; i++) y[i] = 0.0;
        double *z = nested_apply(k, y);
        ck_assert_mem_eq(z, x, (size_t)n * sizeof *x);
        free(x), free(y), free(z), free(A);
        close_pair(pair);
    }
END_TEST

/* Every call of the toolkit that can fail does once: an error with words, and nothing is left behind. */
START_TEST(failures_are_survived)
    {
        if (!double_is_here()) return;
        bool done = false;
        for (int64_t k = 1; !done; k++) {
            nested n = {0};
            nested_case(&n.p, 2, 1);
            ck_assert_int_eq(pdm_pde_create(n.p.ctx, n.p.the_case, &n.p.pde), PDM_OK);
            ck_assert_int_eq(pdm_domain_create(n.p.ctx, n.p.the_case, n.p.pde, NULL, &n.p.domain), PDM_OK);
            ck_assert_int_eq(pdm_nest_create(n.p.ctx, n.p.domain, &n.nest), PDM_OK);
            ck_assert_int_eq(pdm_backend_create(n.p.ctx, "cuda", &n.p.backend), PDM_OK);
            double_fail_at(k);
            done = n.p.backend->ops->nest_create(n.p.backend, pdm_domain_rows(n.p.domain), pdm_nest_describe(n.nest), 2,
                                                 &n.plan) == PDM_OK;
            double_fail_at(0);
            if (!done) ck_assert_str_ne(pdm_context_error(n.p.ctx), "");
            ck_assert(done == (n.plan != NULL));
            n.p.backend->ops->nest_destroy(n.p.backend, &n.plan);
            pdm_nest_destroy(&n.nest);
            pdm_backend_destroy(&n.p.backend);
            pdm_domain_destroy(&n.p.domain);
            pdm_pde_destroy(&n.p.pde);
            pdm_case_destroy(&n.p.the_case);
            ck_assert_int_eq(pdm_context_destroy(&n.p.ctx), 0);
            const pdm_double_count now = double_counts();
            ck_assert_int_eq(now.live, 0);
            ck_assert_int_eq(now.live_pinned, 0);
            ck_assert_int_eq(now.live_handles, 0);
        }
    }
END_TEST

int main(void)
{
    Suite *suite = suite_create("cuda_nest");
    TCase *t     = tcase_create("nest");
    tcase_set_timeout(t, 120);
    tcase_add_loop_test(t, K_is_symmetric_and_positive, 0, N_CASE);
    tcase_add_loop_test(t, K_is_as_good_as_that_of_the_cpu, 0, N_CASE);
    tcase_add_loop_test(t, K_is_what_it_is_defined_to_be, 0, N_CASE);
    tcase_add_loop_test(t, nests_repeat_to_the_bit, 0, NESTED_QUICK);
    tcase_add_loop_test(t, nests_stay_on_the_device, 0, NESTED_QUICK);
    tcase_add_loop_test(t, one_of_several_samples_fails, 0, NESTED_QUICK);
    tcase_add_test(t, failures_are_survived);
    suite_add_tcase(suite, t);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
