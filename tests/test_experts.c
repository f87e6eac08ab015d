/* experts/: windows share out the free coefficients; what they cost. */
#include "experts/experts.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>

#include "tests/problems.h"

static const struct {
    int         problem;
    const char *x_experts, *t_experts, *partition, *overlap;
} partitions[] = {
    {PROBLEM_HEAT, "1", "1", "hard", "4"},      {PROBLEM_HEAT, "3", "2", "hard", "4"},
    {PROBLEM_HEAT, "8", "5", "hard", "4"},      {PROBLEM_HEAT, "3", "2", "smooth", "0.5"},
    {PROBLEM_HEAT, "4", "3", "smooth", "4"},    {PROBLEM_HEAT, "8", "5", "smooth", "64"},
    {PROBLEM_SYSTEM, "3", "2", "smooth", "3"},  {PROBLEM_BURGERS, "1", "1", "smooth", "4"},
    {PROBLEM_BURGERS, "2", "1", "smooth", "4"}, {PROBLEM_BURGERS, "4", "2", "hard", "4"},
    {PROBLEM_BURGERS, "4", "2", "smooth", "3"}, {PROBLEM_BURGERS, "9", "5", "smooth", "7"},
    {PROBLEM_SPACE3, "2", "1", "smooth", "2"},
};
enum { N_PARTITION = sizeof partitions / sizeof *partitions };

/* Windows are positive, stand at rising free coefficients, and sum to one there. */
START_TEST(windows_share_out_the_free_coefficients)
    {
        problem      p;
        pdm_experts *x = NULL;
        problem_open(&p, partitions[_i].problem, "cpu", 1);
        ck_assert_int_eq(pdm_case_set_text(p.the_case, "domain/x", "experts", partitions[_i].x_experts), PDM_OK);
        ck_assert_int_eq(pdm_case_set_text(p.the_case, "domain/t", "experts", partitions[_i].t_experts), PDM_OK);
        ck_assert_int_eq(pdm_case_set_text(p.the_case, "experts", "partition", partitions[_i].partition), PDM_OK);
        ck_assert_int_eq(pdm_case_set_text(p.the_case, "experts", "overlap", partitions[_i].overlap), PDM_OK);
        ck_assert_int_eq(pdm_experts_create(p.ctx, p.the_case, p.domain, &x), PDM_OK);
        const pdm_columns_desc *desc    = pdm_experts_columns(x);
        const unsigned char    *is_free = pdm_domain_free(p.domain);
        double                 *sum     = calloc((size_t)p.c_size, sizeof *sum);
        ck_assert_int_eq(desc->n_expert, atoi(partitions[_i].x_experts) * atoi(partitions[_i].t_experts));
        for (pdm_size k = 0; k < desc->n_expert * desc->n_field; k++) {
            const pdm_column_group *g = &desc->group[k];
            for (pdm_size i = 0; i < g->n_coef; i++) {
                ck_assert(i == 0 || g->coef[i] > g->coef[i - 1]);
                ck_assert(g->coef[i] >= 0 && g->coef[i] < desc->n_coef);
                ck_assert_double_gt(g->window[i], 0.0);
                sum[g->field * desc->n_coef + g->coef[i]] += g->window[i];
            }
        }
        for (pdm_size i = 0; i < p.c_size; i++) ck_assert_double_eq_tol(sum[i], is_free[i] ? 1.0 : 0.0, 1e-14);
        free(sum);
        pdm_experts_destroy(&x);
        problem_close(&p);
    }
END_TEST

/* Memory, and with it the work, follows the coefficients that the windows reach, not experts times coefficients. */
START_TEST(many_experts_cost_what_they_reach)
    {
        problem      p;
        pdm_experts *x = NULL;
        pdm_domain  *d = NULL;
        pdm_size     before, after;
        problem_open(&p, PROBLEM_HEAT, "cpu", 1);
        ck_assert_int_eq(pdm_case_set_text(p.the_case, "domain/x", "control_points", "4000"), PDM_OK);
        ck_assert_int_eq(pdm_case_set_text(p.the_case, "domain/x", "experts", "1000"), PDM_OK);
        ck_assert_int_eq(pdm_domain_create(p.ctx, p.the_case, p.pde, NULL, &d), PDM_OK);
        pdm_context_memory(p.ctx, &before, NULL, NULL);
        ck_assert_int_eq(pdm_experts_create(p.ctx, p.the_case, d, &x), PDM_OK);
        pdm_context_memory(p.ctx, &after, NULL, NULL);
        ck_assert_int_lt(after - before, 100 * pdm_domain_n_coef(d));
        pdm_experts_destroy(&x);
        pdm_domain_destroy(&d);
        problem_close(&p);
    }
END_TEST

int main(void)
{
    Suite *s = suite_create("experts");
    TCase *t = tcase_create("experts");
    tcase_add_loop_test(t, windows_share_out_the_free_coefficients, 0, N_PARTITION);
    tcase_add_test(t, many_experts_cost_what_they_reach);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
