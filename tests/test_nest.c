/* Nested splines of the CPU: K is symmetric, positive and what its definition says, whatever the number of threads; and
 * patches that are worked on at once do not touch. */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/nested.h"

static void open_factored(nested *k, int number, int n_thread)
{
    int32_t failed[NESTED_SAMPLES] = {7, 7, 7};
    nested_open(k, number, "cpu", n_thread);
    nested_linearise(k);
    nested_factor(k, failed);
    ck_assert_int_eq(failed[0], 0);
    ck_assert_int_eq(failed[1], 7);
    ck_assert_int_eq(failed[2], 0);
}

START_TEST(K_is_symmetric_and_positive)
    {
        nested k;
        open_factored(&k, _i, 1);
        const pdm_size n = k.p.c_size;
        double        *x = nested_random(&k.p, 1, 0.0), *y = nested_random(&k.p, 2, 0.0);
        double        *Kx = nested_apply(&k, x), *Ky = nested_apply(&k, y);
        for (int i = 0; i < NESTED_LISTED; i++) {
            const pdm_size at   = nested_listed[i] * n;
            const double   size = sqrt(nested_dot(Kx + at, Kx + at, n) * nested_dot(y + at, y + at, n));
            const double   gap  = nested_dot(Kx + at, y + at, n) - nested_dot(x + at, Ky + at, n);
            ck_assert_msg(fabs(gap) <= 1e-12 * size, "%s: %.3g of %.3g", k.name, gap, size);
            ck_assert_double_gt(nested_dot(Kx + at, x + at, n), 0.0);
            for (pdm_size q = at; q < at + n; q++)
                if (!nested_is_free(&k.p, q)) ck_assert_double_eq(Kx[q], 0.0);
        }
        free(x), free(y), free(Kx), free(Ky);
        nested_close(&k);
    }
END_TEST

START_TEST(K_is_what_it_is_defined_to_be)
    {
        nested          k;
        double         *H[NESTED_SAMPLES] = {NULL};
        pdm_nest_levels levels            = {0};
        open_factored(&k, _i, 1);
        const pdm_size n = k.p.c_size;
        nested_H(&k, H);
        nested_levels(&k, &levels);
        double *y = nested_random(&k.p, 4, 0.0), *x = nested_numbers(n), *K = nested_apply(&k, y);
        for (int i = 0; i < NESTED_LISTED; i++) {
            const pdm_size at   = nested_listed[i] * n;
            double         most = 0.0, gap = 0.0;
            nested_cycle(&levels, 0, NESTED_STRIPS, H[nested_listed[i]], y + at, x);
            for (pdm_size q = 0; q < n; q++) {
                most = fmax(most, fabs(x[q]));
                gap  = fmax(gap, fabs(x[q] - K[at + q]));
            }
            ck_assert_msg(gap <= 1e-10 * most, "%s: %.3g of %.3g off", k.name, gap, most);
        }
        free(x), free(y), free(K), nested_free_H(H);
        pdm_nest_levels_destroy(k.p.ctx, &levels);
        nested_close(&k);
    }
END_TEST

START_TEST(threads_do_not_change_a_bit)
    {
        nested k[2];
        for (int i = 0; i < 2; i++) open_factored(&k[i], _i, 1 + 3 * i);
        double *y = nested_random(&k[0].p, 6, 0.0), *x[2] = {nested_apply(&k[0], y), nested_apply(&k[1], y)};
        ck_assert_mem_eq(x[0], x[1], (size_t)(NESTED_SAMPLES * k[0].p.c_size) * sizeof *y);
        free(x[0]), free(x[1]), free(y);
        for (int i = 0; i < 2; i++) nested_close(&k[i]);
    }
END_TEST

START_TEST(a_sample_that_is_not_positive_is_told)
    {
        nested  k;
        int32_t failed[NESTED_SAMPLES] = {7, 7, 7};
        open_factored(&k, _i, 1);
        const pdm_size n = k.p.a_size;
        double        *A = nested_numbers(NESTED_SAMPLES * n);
        problem_get(&k.p, k.p.A, A, NESTED_SAMPLES * n);
        for (pdm_size i = 2 * n; i < 3 * n; i++) A[i] = i % 2 ? 0.0 : (double)NAN;
        problem_put(&k.p, k.p.A, A, NESTED_SAMPLES * n);
        nested_factor(&k, failed);
        ck_assert_int_eq(failed[0], 0);
        ck_assert_int_eq(failed[1], 7);
        ck_assert_int_gt(failed[2], 0);
        free(A);
        nested_close(&k);
    }
END_TEST

/* ---- what is worked on at once ---- */

/* Marks what patch q of a level changes of r; returns false where somebody has read or changed it before. */
static bool mark(const pdm_nest_levels *p, const pdm_nest_level *l, pdm_size q, int32_t own, int32_t *owner)
{
    bool alone = true;
    for (pdm_size u = l->patch0[q]; u < l->patch0[q + 1]; u++)
        for (pdm_size w = 0; w < p->width; w++) {
            pdm_size index[PDM_MAX_DIM], width[PDM_MAX_DIM], offset[PDM_MAX_DIM], at = 0;
            bool     inside = true;
            for (pdm_size j = 0; j < p->n_dim; j++) width[j] = 2 * p->rows->degree[j] + 1;
            pdm_nest_unpack(p->n_dim, l->n_coef, l->unknown[u] % l->n, index);
            pdm_nest_unpack(p->n_dim, width, w, offset);
            for (pdm_size j = 0; j < p->n_dim; j++) {
                const pdm_size m = l->n_coef[j];
                pdm_size       o = index[j] + offset[j] - p->rows->degree[j];
                if (p->rows->periodic[j]) o = (o % m + m) % m;
                inside = inside && o >= 0 && o < m;
                at     = at * m + o;
            }
            if (!inside) continue;
            alone     = alone && (owner[at] == 0 || owner[at] == own);
            owner[at] = own;
        }
    return alone;
}

/* No two patches of a colour touch: what one solves for no other one changes. */
START_TEST(patches_of_a_colour_are_apart)
    {
        nested          k;
        pdm_nest_levels levels = {0};
        nested_open(&k, _i, "cpu", 1);
        nested_levels(&k, &levels);
        for (pdm_size i = 0; i < levels.n_level; i++) {
            const pdm_nest_level *l     = &levels.level[i];
            int32_t              *owner = calloc((size_t)l->n, sizeof *owner);
            for (pdm_size c = 0; c < l->n_colour; c++) {
                memset(owner, 0, (size_t)l->n * sizeof *owner);
                for (pdm_size q = 0; q < l->n_patch; q++) {
                    if (l->colour[q] != c) continue;
                    for (pdm_size u = l->patch0[q]; u < l->patch0[q + 1]; u++)
                        ck_assert(owner[l->unknown[u] % l->n] == 0);
                    mark(&levels, l, q, (int32_t)(1 + q), owner);
                }
            }
            free(owner);
        }
        pdm_nest_levels_destroy(k.p.ctx, &levels);
        nested_close(&k);
    }
END_TEST

/* No two strips of every second one change the same number. */
START_TEST(strips_are_apart)
    {
        nested          k;
        pdm_nest_levels levels = {0};
        nested_open(&k, _i, "cpu", 1);
        nested_levels(&k, &levels);
        for (pdm_size i = 0; i < levels.n_level; i++) {
            const pdm_nest_level *l     = &levels.level[i];
            int32_t              *owner = calloc((size_t)l->n, sizeof *owner);
            ck_assert_int_eq(l->strip0[0], 0);
            ck_assert_int_eq(l->strip0[l->n_strip], l->n_patch);
            for (pdm_size turn = 0; turn < 2; turn++) {
                memset(owner, 0, (size_t)l->n * sizeof *owner);
                for (pdm_size s = turn; s < l->n_strip; s += 2)
                    for (pdm_size q = l->strip0[s]; q < l->strip0[s + 1]; q++)
                        ck_assert_msg(mark(&levels, l, q, (int32_t)(1 + s), owner), "%s: strip %d", k.name, (int)s);
            }
            free(owner);
        }
        pdm_nest_levels_destroy(k.p.ctx, &levels);
        nested_close(&k);
    }
END_TEST

int main(void)
{
    Suite *suite = suite_create("nest");
    TCase *t     = tcase_create("nest");
    tcase_set_timeout(t, 120);
    tcase_add_loop_test(t, K_is_symmetric_and_positive, 0, NESTED_CASES);
    tcase_add_loop_test(t, K_is_what_it_is_defined_to_be, 0, NESTED_CASES);
    tcase_add_loop_test(t, threads_do_not_change_a_bit, 0, NESTED_CASES);
    tcase_add_loop_test(t, a_sample_that_is_not_positive_is_told, 0, NESTED_CASES);
    tcase_add_loop_test(t, patches_of_a_colour_are_apart, 0, NESTED_CASES);
    tcase_add_loop_test(t, strips_are_apart, 0, NESTED_CASES);
    suite_add_tcase(suite, t);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
