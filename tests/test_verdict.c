/* verdict/: knots inserted, errors from three grids, words. What they come to on problems: test_truth, test_random. */
#include "verdict/verdict.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>

#include "tests/models.h"
#include "verdict/verdict_impl.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

/* ---- prolongation: the same spline on a grid that holds its own ---- */

/* Along x: clamped, round a period, with a kink, unequal knots, and in a map. */
static const word lines[][3] = {
    {{"domain/x", "control_points", "9"}},
    {{"domain/x", "control_points", "9"}, {"domain/x", "kind", "periodic"}},
    {{"domain/x", "control_points", "9"}, {"domain/x", "kinks", "0.5"}},
    {{"domain/x", "control_points", "7"}, {"domain/x", "knots", "0 0.1 0.3 0.35 1"}},
    {{"domain/x", "control_points", "8"}, {"domain/x", "map", "sinh 0.3 2"}},
};

START_TEST(prolonged_splines_are_the_same)
    {
        enum { N_POINT = 23 };
        static const word usual[] = {{"pde", "fields", "u"},        {"pde/residuals", "u", "dt(u) - dx(dx(u))"},
                                     {"pde/initial", "u", "0"},     {"domain", "dimensions", "t x"},
                                     {"domain/t", "extent", "0 1"}, {"domain/t", "control_points", "6"},
                                     {"domain/t", "degree", "2"},   {"domain/x", "extent", "0 1"}};
        static const word sides[] = {{"pde/boundary", "x_min", "u free"}, {"pde/boundary", "x_max", "u free"}};
        pdm_case         *c       = NULL;
        pdm_problem      *p = NULL, *finer = NULL;
        prolongation      insert;
        double            x[N_POINT], t[N_POINT], v[2][N_POINT * N_POINT];

        open_context();
        OK(pdm_case_create(ctx, &c));
        set(c, COUNT(usual), usual);
        for (int i = 0; i < 3 && lines[_i][i].group; i++) set(c, 1, &lines[_i][i]);
        if (_i != 1) set(c, COUNT(sides), sides);
        OK(pdm_problem_create(c, PDM_PROBLEM_ROWS, NULL, &p));
        OK(pdm_problem_change_grid(p, PDM_GRID_HALVED, &finer));
        ck_assert_int_gt(pdm_domain_n_coef(finer->domain), 2 * pdm_domain_n_coef(p->domain));
        OK(prolongation_create(p->domain, finer->domain, &insert));
        double *from = calloc((size_t)pdm_domain_n_coef(p->domain), sizeof *from);
        double *to   = calloc((size_t)pdm_domain_n_coef(finer->domain), sizeof *to);
        for (pdm_size i = 0; i < pdm_domain_n_coef(p->domain); i++) from[i] = cos(7.0 * (double)i * (double)i);
        prolongation_apply(&insert, from, to);
        for (int i = 0; i < N_POINT; i++) t[i] = x[i] = i / (N_POINT - 1.0) * (_i == 1 ? 0.999 : 1.0);
        for (int g = 0; g < 2; g++) {
            const pdm_problem *on                      = g ? finer : p;
            pdm_backend       *b                       = on->backend;
            const double      *coordinate[PDM_MAX_DIM] = {t, x};
            const pdm_size     n[PDM_MAX_DIM]          = {N_POINT, N_POINT};
            pdm_point_grid     grid                    = {0};
            pdm_points_plan   *plan                    = NULL;
            pdm_buffer        *coef = NULL, *values = NULL;
            const int32_t      zero = 0;
            void              *host = NULL;
            const size_t       size = (size_t)pdm_domain_n_coef(on->domain) * sizeof(double);
            OK(pdm_point_grid_create(on->domain, n, coordinate, &grid));
            OK(b->ops->points_create(b, &grid.desc, &plan));
            OK(b->ops->buffer_create(b, size, &coef));
            OK(b->ops->buffer_create(b, sizeof v[g], &values));
            OK(b->ops->acquire(b, coef, PDM_WRITE, &host));
            memcpy(host, g ? to : from, size);
            OK(b->ops->release(b, coef, &host));
            OK(b->ops->points_evaluate(b, plan, (pdm_batch){1, &zero}, (pdm_atom){.field = 0}, coef, values));
            OK(b->ops->acquire(b, values, PDM_READ, &host));
            memcpy(v[g], host, sizeof v[g]);
            OK(b->ops->release(b, values, &host));
            b->ops->buffer_destroy(b, &coef);
            b->ops->buffer_destroy(b, &values);
            b->ops->points_destroy(b, &plan);
            pdm_point_grid_destroy(&grid);
        }
        for (int i = 0; i < N_POINT * N_POINT; i++) ck_assert_double_eq_tol(v[0][i], v[1][i], 1e-13);
        free(from);
        free(to);
        prolongation_destroy(ctx, &insert);
        pdm_problem_destroy(&finer);
        pdm_problem_destroy(&p);
        pdm_case_destroy(&c);
        close_context();
    }
END_TEST

/* ---- words ---- */

static const struct {
    const char    *name;
    pdm_assessment v;
    int            word, cause;
} verdicts[] = {
    {"right", {.reason = 1, .estimated = true, .finer_good = true, .worst = 1e-3, .order = 4, .left = 0.01}, 1, 0},
    {"no answer", {.reason = 6, .estimated = true, .finer_good = true, .worst = 1e-3, .order = 4}, 3, 1},
    {"left over", {.reason = 1, .estimated = true, .finer_good = true, .worst = 1e-3, .order = 4, .left = 0.4}, 3, 2},
    {"not a number", {.reason = 1, .estimated = true, .finer_good = true, .worst = NAN, .order = 4}, 3, 3},
    {"far off", {.reason = 1, .estimated = true, .finer_good = true, .worst = 0.6, .order = 4}, 3, 3},
    {"off", {.reason = 1, .estimated = true, .finer_good = true, .worst = 0.011, .order = 4}, 2, 3},
    {"stopped", {.reason = 3, .estimated = true, .finer_good = true, .worst = 1e-3, .order = 4}, 2, 4},
    {"finer one stopped", {.reason = 1, .estimated = true, .worst = 1e-3, .order = 4}, 2, 4},
    {"no order", {.reason = 1, .estimated = true, .finer_good = true, .worst = 1e-3, .order = 0.1}, 2, 5},
    {"no order of nothing", {.reason = 1, .estimated = true, .finer_good = true, .worst = 1e-5, .order = 0.1}, 1, 0},
    {"what is left stays",
     {.reason = 1, .estimated = true, .finer_good = true, .worst = 1e-3, .order = 4, .left = 0.05, .left_finer = 0.04},
     2,
     5},
    {"a prediction", {.reason = 1, .left = 0.05, .worst = NAN, .order = NAN}, 0, 0},
    {"a doubtful one", {.reason = 1, .left = 0.5, .worst = NAN, .order = NAN}, 2, 2},
};

START_TEST(words_follow_from_numbers)
    {
        pdm_assessment v = verdicts[_i].v;
        pdm_verdict_decide(&v, 0.01);
        ck_assert_msg(v.word == verdicts[_i].word && v.cause == verdicts[_i].cause, "%s: %s, cause %d",
                      verdicts[_i].name, pdm_verdict_text(v.word), (int)v.cause);
    }
END_TEST

/* ---- without room for a finer grid nothing is said, and nothing fails ---- */

START_TEST(no_room_is_no_verdict)
    {
        static const word words[] = {{"pde", "fields", "u"},
                                     {"pde/residuals", "u", "-dx(dx(u)) + u - 1"},
                                     {"pde/boundary", "x_min", "u = 0"},
                                     {"pde/boundary", "x_max", "u = 0"},
                                     {"domain", "dimensions", "x"},
                                     {"domain/x", "extent", "0 1"},
                                     {"domain/x", "control_points", "900"}};
        pdm_case         *c       = NULL;
        pdm_problem      *p       = NULL;
        pdm_output_grid  *grid    = NULL;
        pdm_judge        *j       = NULL;
        pdm_size          live    = 0;
        pdm_solve_result  result  = {.reason = PDM_REASON_CONVERGED};
        pdm_assessment    v;
        double            input = 0.0, u[4000] = {0.0};

        open_context();
        OK(pdm_case_create(ctx, &c));
        set(c, COUNT(words), words);
        OK(pdm_problem_create(c, PDM_PROBLEM_WHOLE, NULL, &p));
        OK(pdm_output_grid_create(p, 1, NULL, NULL, &grid));
        pdm_context_memory(ctx, &live, NULL, NULL);
        OK(pdm_context_set_memory(ctx, live + 300000));
        OK(pdm_judge_create(p, NULL, grid, 1, PDM_JUDGE_ESTIMATE, &j));
        OK(pdm_judge_begin(j, 1, &input));
        OK(pdm_judge_slab(j, 0, NULL));
        OK(pdm_judge_end(j, u, &result, &v));
        ck_assert_int_eq(v.word, PDM_VERDICT_NONE);
        ck_assert(isnan(v.left) && isnan(v.worst));
        pdm_judge_destroy(&j);
        pdm_output_grid_destroy(&grid);
        pdm_problem_destroy(&p);
        pdm_case_destroy(&c);
        close_context();
    }
END_TEST

int main(void)
{
    Suite *suite = suite_create("verdict");
    TCase *tests = tcase_create("verdict");
    tcase_add_loop_test(tests, prolonged_splines_are_the_same, 0, COUNT(lines));
    tcase_add_loop_test(tests, words_follow_from_numbers, 0, COUNT(verdicts));
    tcase_add_test(tests, no_room_is_no_verdict);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
