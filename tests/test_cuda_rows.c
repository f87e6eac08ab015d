/* Rows, points and sparse matrices of the back end "cuda", on the double of its toolkit, against those of the CPU: every
 * slot, on every kind of problem, for some of the samples in any order. */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/double/reach.h"
#include "tests/problems.h"

enum { N_SAMPLE = 3, N_LISTED = 2 };
static const int32_t LISTED[N_LISTED] = {2, 0}; /* sample 1 is left alone */

static pdm_batch listed(void)
{
    return (pdm_batch){N_LISTED, LISTED};
}

static double *get(problem *p, pdm_buffer *b, pdm_size n)
{
    double *x = calloc((size_t)n + 1, sizeof *x);
    problem_get(p, b, x, n);
    return x;
}

/* Both problems in the same state, with numbers everywhere that results will go. */
static void open_pair(problem pair[2], int number)
{
    static const char *const BACKEND[] = {"cpu", "cuda"};
    for (int k = 0; k < 2; k++) {
        problem *p = &pair[k];
        problem_open(p, number, BACKEND[k], N_SAMPLE);
        problem_random_state(p, 5);
        double *some = calloc((size_t)(N_SAMPLE * p->a_size) + 1, sizeof *some);
        for (pdm_size i = 0; i < N_SAMPLE * p->a_size; i++) some[i] = 1.0 + (double)(i % 7);
        problem_put(p, p->A, some, N_SAMPLE * p->a_size);
        problem_put(p, p->r, some, N_SAMPLE * p->n_row);
        problem_put(p, p->r2, some, N_SAMPLE * p->n_row);
        problem_put(p, p->out, some, N_SAMPLE * p->c_size);
        free(some);
    }
}

static void close_pair(problem pair[2])
{
    for (int k = 0; k < 2; k++) problem_close(&pair[k]);
}

/* One buffer of each, [N_SAMPLE][n], alike but for rounding: relative to the largest number of a sample; and the sample
 * that is not listed the same to the bit. */
static void check_same(problem pair[2], pdm_buffer *a, pdm_buffer *b, pdm_size n, const char *what)
{
    double *x = get(&pair[0], a, N_SAMPLE * n), *y = get(&pair[1], b, N_SAMPLE * n);
    for (pdm_size s = 0; s < N_SAMPLE; s++) {
        double most = 0.0, gap = 0.0;
        for (pdm_size i = s * n; i < (s + 1) * n; i++) {
            ck_assert_msg(isfinite(y[i]), "%s of %s: %g", what, problem_name(pair[0].number), y[i]);
            most = fmax(most, fabs(x[i]));
            gap  = fmax(gap, fabs(x[i] - y[i]));
        }
        ck_assert_msg(gap <= 1e-12 * most, "%s of %s: %.3g of %.3g off", what, problem_name(pair[0].number), gap, most);
        if (s == 1) ck_assert_mem_eq(x + s * n, y + s * n, (size_t)n * sizeof *x);
    }
    free(x), free(y);
}

typedef pdm_status (*slot)(problem *p);

static pdm_status residual(problem *p)
{
    return p->backend->ops->rows_residual(p->backend, p->rows, listed(), &p->data, p->c, p->r);
}
static pdm_status linearise(problem *p)
{
    return p->backend->ops->rows_linearise(p->backend, p->rows, listed(), &p->data, p->c, p->A);
}
static pdm_status weigh(problem *p)
{
    return p->backend->ops->rows_weigh(p->backend, p->rows, listed(), p->y, p->r2);
}
static pdm_status apply(problem *p)
{
    return p->backend->ops->rows_apply(p->backend, p->rows, listed(), p->A, p->v, p->r2);
}
static pdm_status apply_adjoint(problem *p)
{
    return p->backend->ops->rows_apply_adjoint(p->backend, p->rows, listed(), p->A, p->y, p->out);
}
static pdm_status curvature(problem *p)
{
    return p->backend->ops->rows_curvature(p->backend, p->rows, listed(), p->A, NULL, p->v, p->out);
}
static pdm_status second_order(problem *p)
{
    return p->backend->ops->rows_second_order(p->backend, p->rows, listed(), &p->data, p->c, p->y, p->v, p->out);
}

/* Where a slot's result is. */
typedef enum where { IN_R, IN_R2, IN_A, IN_OUT } where;

static const struct {
    const char *name;
    slot        run;
    where       result;
} SLOTS[] = {{"residual", residual, IN_R},
             {"linearise", linearise, IN_A},
             {"weigh", weigh, IN_R2},
             {"apply", apply, IN_R2},
             {"adjoint", apply_adjoint, IN_OUT},
             {"curvature", curvature, IN_OUT},
             {"second order", second_order, IN_OUT}};
enum { N_SLOT = sizeof SLOTS / sizeof *SLOTS };

static pdm_buffer *result_of(problem *p, where w)
{
    return w == IN_R ? p->r : w == IN_R2 ? p->r2 : w == IN_A ? p->A : p->out;
}
static pdm_size size_of(const problem *p, where w)
{
    return w == IN_A ? p->a_size : w == IN_OUT ? p->c_size : p->n_row;
}

START_TEST(rows_are_those_of_the_cpu)
    {
        problem pair[2];
        open_pair(pair, _i);
        for (int k = 0; k < N_SLOT; k++) {
            for (int i = 0; i < 2; i++)
                ck_assert_msg(SLOTS[k].run(&pair[i]) == PDM_OK, "%s: %s", SLOTS[k].name,
                              pdm_context_error(pair[i].ctx));
            check_same(pair, result_of(&pair[0], SLOTS[k].result), result_of(&pair[1], SLOTS[k].result),
                       size_of(&pair[0], SLOTS[k].result), SLOTS[k].name);
        }
        close_pair(pair);
    }
END_TEST

START_TEST(rows_repeat_to_the_bit)
    {
        if (!double_is_here()) return;
        problem p;
        problem_open(&p, _i, "cuda", N_SAMPLE);
        problem_random_state(&p, 6);
        for (int k = 0; k < N_SLOT; k++) {
            const pdm_size n = N_SAMPLE * size_of(&p, SLOTS[k].result);
            double_seed(1);
            ck_assert_int_eq(SLOTS[k].run(&p), PDM_OK);
            double *x = get(&p, result_of(&p, SLOTS[k].result), n);
            double_seed(2);
            ck_assert_int_eq(SLOTS[k].run(&p), PDM_OK);
            double *y = get(&p, result_of(&p, SLOTS[k].result), n);
            ck_assert_msg(memcmp(x, y, (size_t)n * sizeof *x) == 0, "%s of %s", SLOTS[k].name, problem_name(_i));
            free(x), free(y);
        }
        problem_close(&p);
    }
END_TEST

/* What rows and their products take to the device and back: the list of samples once, and nothing else. */
START_TEST(rows_stay_on_the_device)
    {
        if (!double_is_here()) return;
        problem p;
        problem_open(&p, _i, "cuda", N_SAMPLE);
        problem_random_state(&p, 7);
        ck_assert_int_eq(residual(&p), PDM_OK);
        const pdm_double_count before = double_counts();
        for (int k = 0; k < N_SLOT; k++)
            if (SLOTS[k].run != weigh) ck_assert_int_eq(SLOTS[k].run(&p), PDM_OK);
        const pdm_double_count after = double_counts();
        ck_assert_int_eq(after.to_device, before.to_device);
        ck_assert_int_eq(after.to_host, before.to_host);
        ck_assert_int_eq(after.synchronisations, before.synchronisations);
        ck_assert_int_eq(after.live, before.live);
        ck_assert_int_gt(after.launches, before.launches);
        problem_close(&p);
    }
END_TEST

/* Every call of the toolkit that can fail does once: an error with words, and nothing is left behind. */
START_TEST(failures_are_survived)
    {
        if (!double_is_here()) return;
        bool done = false;
        for (int64_t k = 1; !done; k += k < 40 ? 1 : 7) {
            problem p = {.n_sample = 2};
            ck_assert_int_lt(k, 2000);
            ck_assert_int_eq(pdm_context_create(NULL, &p.ctx), PDM_OK);
            ck_assert_int_eq(problem_case(p.ctx, PROBLEM_VORTICITY, &p.the_case), PDM_OK);
            ck_assert_int_eq(pdm_pde_create(p.ctx, p.the_case, &p.pde), PDM_OK);
            ck_assert_int_eq(pdm_domain_create(p.ctx, p.the_case, p.pde, NULL, &p.domain), PDM_OK);
            double_fail_at(k);
            pdm_status status = pdm_backend_create(p.ctx, "cuda", &p.backend);
            if (status == PDM_OK)
                status = p.backend->ops->rows_create(p.backend, pdm_domain_rows(p.domain), 2, &p.rows);
            done = status == PDM_OK;
            double_fail_at(0);
            if (!done) ck_assert_str_ne(pdm_context_error(p.ctx), "");
            ck_assert(done || !p.rows);
            if (p.backend) p.backend->ops->rows_destroy(p.backend, &p.rows);
            pdm_backend_destroy(&p.backend);
            pdm_domain_destroy(&p.domain);
            pdm_pde_destroy(&p.pde);
            pdm_case_destroy(&p.the_case);
            ck_assert_int_eq(pdm_context_destroy(&p.ctx), 0);
            const pdm_double_count now = double_counts();
            ck_assert_int_eq(now.live, 0);
            ck_assert_int_eq(now.live_pinned, 0);
            ck_assert_int_eq(now.live_handles, 0);
        }
    }
END_TEST

/* ---- points ---- */

/* Values and a derivative on a grid of points, and back. */
START_TEST(points_are_those_of_the_cpu)
    {
        problem          pair[2];
        pdm_points_plan *plan[2] = {NULL};
        pdm_buffer      *at[2]   = {NULL};
        pdm_points_desc  desc    = {0};
        pdm_size         n_point = 1;
        open_pair(pair, _i);
        const pdm_rows_desc *rows = pdm_domain_rows(pair[0].domain);
        desc.n_dim = rows->n_dim, desc.n_field = rows->n_field, desc.n_order = rows->term[0].n_order;
        for (pdm_size j = 0; j < rows->n_dim; j++) {
            desc.degree[j] = rows->degree[j], desc.n_coef[j] = rows->n_coef[j], desc.periodic[j] = rows->periodic[j];
            const pdm_axis *axis = &rows->term[0].axis[j];
            desc.axis[j]         = (pdm_axis){.n_point    = axis->n_point,
                                              .coordinate = axis->coordinate,
                                              .element    = axis->element,
                                              .basis      = axis->basis};
            n_point *= desc.axis[j].n_point;
        }
        for (int k = 0; k < 2; k++) {
            pdm_backend *b = pair[k].backend;
            ck_assert_int_eq(b->ops->points_create(b, &desc, &plan[k]), PDM_OK);
            ck_assert_int_eq(b->ops->buffer_create(b, (size_t)(N_SAMPLE * n_point) * sizeof(double), &at[k]), PDM_OK);
        }
        for (int order = 0; order < 2; order++) {
            pdm_atom atom = {.field = (int32_t)rows->n_field - 1};
            if (order) atom.order[rows->n_dim - 1] = 1;
            for (int k = 0; k < 2; k++) {
                pdm_backend *b = pair[k].backend;
                ck_assert_int_eq(b->ops->points_evaluate(b, plan[k], listed(), atom, pair[k].c, at[k]), PDM_OK);
                ck_assert_int_eq(b->ops->points_evaluate_adjoint(b, plan[k], listed(), atom, at[k], pair[k].out),
                                 PDM_OK);
            }
            check_same(pair, at[0], at[1], n_point, "points");
            check_same(pair, pair[0].out, pair[1].out, pair[0].c_size, "points' adjoint");
        }
        for (int k = 0; k < 2; k++) {
            pdm_backend *b = pair[k].backend;
            b->ops->points_destroy(b, &plan[k]);
            b->ops->buffer_destroy(b, &at[k]);
        }
        close_pair(pair);
    }
END_TEST

/* ---- sparse matrices ---- */

START_TEST(matrices_are_those_of_the_cpu)
    {
        static const int32_t  row0[] = {0, 3, 3, 4, 4}, column[] = {4, 0, 2, 1};
        static const double   value[] = {1.5, -2.0, 0.25, 3.0};
        const pdm_matrix_desc desc    = {4, 5, row0, column, value};
        double                x[N_SAMPLE * 5], y[2][N_SAMPLE * 4];
        for (int i = 0; i < N_SAMPLE * 5; i++) x[i] = sin(1.0 + i);
        for (int k = 0; k < 2; k++) {
            pdm_context     *ctx  = NULL;
            pdm_backend     *b    = NULL;
            pdm_matrix_plan *plan = NULL;
            pdm_buffer      *in = NULL, *out = NULL;
            void            *host = NULL;
            ck_assert_int_eq(pdm_context_create(NULL, &ctx), PDM_OK);
            ck_assert_int_eq(pdm_backend_create(ctx, k ? "cuda" : "cpu", &b), PDM_OK);
            ck_assert_int_eq(b->ops->matrix_create(b, &desc, &plan), PDM_OK);
            ck_assert_int_eq(b->ops->buffer_create(b, sizeof x, &in), PDM_OK);
            ck_assert_int_eq(b->ops->buffer_create(b, sizeof y[k], &out), PDM_OK);
            ck_assert_int_eq(b->ops->acquire(b, in, PDM_WRITE, &host), PDM_OK);
            memcpy(host, x, sizeof x);
            ck_assert_int_eq(b->ops->release(b, in, &host), PDM_OK);
            ck_assert_int_eq(b->ops->matrix_apply(b, plan, listed(), in, out), PDM_OK);
            ck_assert_int_eq(b->ops->acquire(b, out, PDM_READ, &host), PDM_OK);
            memcpy(y[k], host, sizeof y[k]);
            ck_assert_int_eq(b->ops->release(b, out, &host), PDM_OK);
            b->ops->matrix_destroy(b, &plan);
            b->ops->buffer_destroy(b, &in);
            b->ops->buffer_destroy(b, &out);
            pdm_backend_destroy(&b);
            ck_assert_int_eq(pdm_context_destroy(&ctx), 0);
        }
        for (int i = 0; i < N_SAMPLE * 4; i++) ck_assert_double_eq_tol(y[1][i], y[0][i], 1e-15);
        ck_assert_double_eq(y[1][1], 0.0); /* a row without entries */
    }
END_TEST

int main(void)
{
    Suite *suite = suite_create("cuda_rows");
    TCase *t     = tcase_create("rows");
    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, rows_are_those_of_the_cpu, 0, PROBLEM_COUNT);
    tcase_add_loop_test(t, rows_repeat_to_the_bit, 0, 4);
    tcase_add_loop_test(t, rows_stay_on_the_device, 0, PROBLEM_COUNT);
    tcase_add_test(t, failures_are_survived);
    tcase_add_loop_test(t, points_are_those_of_the_cpu, 0, PROBLEM_COUNT);
    tcase_add_test(t, matrices_are_those_of_the_cpu);
    suite_add_tcase(suite, t);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
