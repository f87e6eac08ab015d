/* solver/ and the CPU's columns, blocks and normal matrix: against dense algebra,
 * and the solve against analytic solutions. */
#include "solver/solver.h"

#include <check.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>

#include "tests/problems.h"

typedef struct fixture {
    problem      p;
    pdm_experts *experts;
    pdm_solver  *solver;
    pdm_buffer  *basis;
    pdm_size     n_channel, n_coef;
} fixture;

static const pdm_solver_settings usual_settings = {.tolerance     = 1e-10,
                                                   .ridge         = 1e-8,
                                                   .damping       = 1e-4,
                                                   .max_iter      = 100,
                                                   .cg_tolerance  = 1e-6,
                                                   .cg_iterations = 1000,
                                                   .linear        = PDM_LINEAR_DIRECT};

typedef enum kind { KIND_HARD, KIND_SMOOTH, KIND_FREE, KIND_COUNT } kind;

/* Once the problem is open, and its case as it should be. */
static void finish_fixture(fixture *f, kind k, pdm_size n_sample)
{
    pdm_context *ctx = f->p.ctx;
    f->experts = NULL, f->solver = NULL, f->basis = NULL;
    ck_assert_int_eq(pdm_case_set_text(f->p.the_case, "experts", "basis", "5"), PDM_OK);
    ck_assert_int_eq(pdm_case_set_text(f->p.the_case, "experts", "partition", k == KIND_SMOOTH ? "smooth" : "hard"),
                     PDM_OK);
    ck_assert_int_eq(pdm_case_set_text(f->p.the_case, "experts", "overlap", "3"), PDM_OK);
    if (k == KIND_FREE)
        ck_assert_int_eq(pdm_experts_create_free(ctx, f->p.domain, 12, &f->experts), PDM_OK);
    else
        ck_assert_msg(pdm_experts_create(ctx, f->p.the_case, f->p.domain, NULL, &f->experts) == PDM_OK, "%s",
                      pdm_context_error(ctx));
    ck_assert_int_eq(
        pdm_solver_create(ctx, f->p.backend, &usual_settings, f->p.domain, f->experts, n_sample, &f->solver), PDM_OK);
    f->n_coef    = pdm_domain_n_coef(f->p.domain);
    f->n_channel = pdm_experts_columns(f->experts)->n_channel;
    if (k == KIND_FREE) return;
    const pdm_size n    = n_sample * f->n_channel * f->n_coef;
    void          *host = NULL;
    ck_assert_int_eq(f->p.backend->ops->buffer_create(f->p.backend, (size_t)n * sizeof(float), &f->basis), PDM_OK);
    ck_assert_int_eq(f->p.backend->ops->acquire(f->p.backend, f->basis, PDM_WRITE, &host), PDM_OK);
    for (pdm_size i = 0; i < n; i++)
        ((float *)host)[i] = (float)pdm_random_normal((pdm_random_key){9, PDM_RANDOM_TEST, 0}, (uint64_t)i);
    ck_assert_int_eq(f->p.backend->ops->release(f->p.backend, f->basis, &host), PDM_OK);
}

static void open_fixture(fixture *f, int number, kind k, const char *backend, pdm_size n_sample, int n_thread)
{
    problem_open_threads(&f->p, number, backend, n_sample, n_thread);
    finish_fixture(f, k, n_sample);
}

static void close_fixture(fixture *f)
{
    f->p.backend->ops->buffer_destroy(f->p.backend, &f->basis);
    pdm_solver_destroy(&f->solver);
    pdm_experts_destroy(&f->experts);
    problem_close(&f->p);
}

static double *get(fixture *f, pdm_buffer *b, pdm_size n)
{
    double *x = calloc((size_t)(n ? n : 1), sizeof *x);
    problem_get(&f->p, b, x, n);
    return x;
}

/* At the solution the gradient C^T A^T r + ridge w vanishes: g relative to |A C| |r| summed. */
START_TEST(solution_is_stationary)
    {
        fixture f;
        open_fixture(&f, _i / KIND_COUNT, (kind)(_i % KIND_COUNT), "cpu", 3, 2);
        problem_random_state(&f.p, 11);
        const pdm_batch         batch = problem_batch(&f.p);
        const pdm_solver_state *st    = pdm_solver_lend(f.solver);
        pdm_backend            *b     = f.p.backend;
        ck_assert_int_eq(pdm_solver_solve(f.solver, batch, &f.p.data, f.basis, f.p.lift, PDM_START_ZERO), PDM_OK);
        for (pdm_size i = 0; i < 3; i++)
            ck_assert_msg(pdm_reason_is_good(pdm_solver_results(f.solver)[i].reason), "%s, kind %d: %s",
                          problem_name(f.p.number), _i % KIND_COUNT,
                          pdm_reason_text(pdm_solver_results(f.solver)[i].reason));
        ck_assert_int_eq(pdm_solver_linearise(f.solver, batch, &f.p.data, true), PDM_OK);
        pdm_buffer *g = NULL;
        ck_assert_int_eq(b->ops->buffer_create(b, (size_t)(3 * st->n_column) * sizeof(double), &g), PDM_OK);
        ck_assert_int_eq(b->ops->columns_reduce(b, st->columns, batch, st->gradient_c, g), PDM_OK);
        double *gw = get(&f, g, 3 * st->n_column), *w = get(&f, st->w, 3 * st->n_column);
        for (pdm_size s = 0; s < 3; s++) {
            double size = 0.0;
            for (pdm_size i = 0; i < st->n_column; i++)
                size = fmax(size, fabs(gw[s * st->n_column + i] + st->ridge * w[s * st->n_column + i]));
            /* the decrement bounds the gradient in the inverse Hessian's norm;
             * unscaled rows here have entries up to 1e3 */
            ck_assert_double_lt(size, 1e-4 * (1.0 + sqrt(2.0 * pdm_solver_results(f.solver)[s].objective)));
        }
        free(gw), free(w);
        b->ops->buffer_destroy(b, &g);
        close_fixture(&f);
    }
END_TEST

/* L L^T of the block factor against (A C)^T M (A C) + ridge formed column by column:
 * blocks_solve(H x) = x for random x. */
START_TEST(factor_inverts_the_normal_matrix)
    {
        fixture f;
        open_fixture(&f, _i / KIND_COUNT, (kind)(_i % KIND_COUNT), "cpu", 2, 2);
        problem_random_state(&f.p, 12);
        const pdm_batch         batch = problem_batch(&f.p);
        const pdm_solver_state *st    = pdm_solver_lend(f.solver);
        pdm_backend            *b     = f.p.backend;
        const pdm_size          n     = st->n_column;
        if (!st->exact) { /* the factor is that of a part of H */
            close_fixture(&f);
            return;
        }
        ck_assert_int_eq(pdm_solver_solve(f.solver, batch, &f.p.data, f.basis, f.p.lift, PDM_START_ZERO), PDM_OK);
        ck_assert_int_eq(pdm_solver_linearise(f.solver, batch, &f.p.data, true), PDM_OK);
        pdm_buffer *x = NULL, *Hx = NULL;
        ck_assert_int_eq(b->ops->buffer_create(b, (size_t)(2 * n) * sizeof(double), &x), PDM_OK);
        ck_assert_int_eq(b->ops->buffer_create(b, (size_t)(2 * n) * sizeof(double), &Hx), PDM_OK);
        double *host = calloc((size_t)(2 * n), sizeof *host);
        for (pdm_size i = 0; i < 2 * n; i++)
            host[i] = pdm_random_normal((pdm_random_key){5, PDM_RANDOM_TEST, 0}, (uint64_t)i);
        problem_put(&f.p, x, host, 2 * n);
        const double one[2] = {1, 1}, ridge[2] = {st->ridge, st->ridge};
        ck_assert_int_eq(b->ops->columns_expand(b, st->columns, batch, x, NULL, f.p.v), PDM_OK);
        ck_assert_int_eq(b->ops->rows_apply(b, st->rows, batch, st->A, f.p.v, f.p.r), PDM_OK);
        ck_assert_int_eq(b->ops->rows_weigh(b, st->rows, batch, f.p.r, f.p.r2), PDM_OK);
        ck_assert_int_eq(b->ops->rows_apply_adjoint(b, st->rows, batch, st->A, f.p.r2, f.p.out), PDM_OK);
        ck_assert_int_eq(b->ops->columns_reduce(b, st->columns, batch, f.p.out, Hx), PDM_OK);
        ck_assert_int_eq(b->ops->vector_combine(b, batch, n, one, Hx, ridge, x, Hx), PDM_OK);
        double *before = get(&f, Hx, 2 * n);
        ck_assert_int_eq(st->failed[0] + st->failed[1], 0);
        ck_assert_int_eq(b->ops->blocks_solve(b, st->blocks, batch, st->L, Hx, Hx), PDM_OK);
        /* compare H (solve(H x)) with H x: a backward error, whatever the condition */
        ck_assert_int_eq(b->ops->columns_expand(b, st->columns, batch, Hx, NULL, f.p.v), PDM_OK);
        ck_assert_int_eq(b->ops->rows_apply(b, st->rows, batch, st->A, f.p.v, f.p.r), PDM_OK);
        ck_assert_int_eq(b->ops->rows_weigh(b, st->rows, batch, f.p.r, f.p.r2), PDM_OK);
        ck_assert_int_eq(b->ops->rows_apply_adjoint(b, st->rows, batch, st->A, f.p.r2, f.p.out), PDM_OK);
        ck_assert_int_eq(b->ops->columns_reduce(b, st->columns, batch, f.p.out, x), PDM_OK);
        ck_assert_int_eq(b->ops->vector_combine(b, batch, n, one, x, ridge, Hx, x), PDM_OK);
        double *after = get(&f, x, 2 * n), difference = 0.0, size = 0.0;
        for (pdm_size i = 0; i < 2 * n; i++) {
            difference += (after[i] - before[i]) * (after[i] - before[i]);
            size += before[i] * before[i];
        }
        ck_assert_double_lt(sqrt(difference), 1e-9 * sqrt(size)); /* Cholesky: n eps |H| |x| */
        free(host), free(before), free(after);
        b->ops->buffer_destroy(b, &x);
        b->ops->buffer_destroy(b, &Hx);
        close_fixture(&f);
    }
END_TEST

/* Steps by conjugate gradients with the experts' own blocks end in the minimum that steps by factorisation end in. */
START_TEST(linear_solvers_find_the_same_minimum)
    {
        double phi[2][2];
        /* blocks of 12 unknowns are poor there: 800 iterations a step, and rounding before the end */
        if (_i == PROBLEM_VORTICITY * KIND_COUNT + KIND_FREE || _i == PROBLEM_FOURTH * KIND_COUNT + KIND_FREE) return;
        for (int cg = 0; cg < 2; cg++) {
            fixture             f;
            pdm_solver         *solver   = NULL;
            pdm_solver_settings settings = usual_settings;
            settings.linear              = cg ? PDM_LINEAR_CG : PDM_LINEAR_DIRECT;
            settings.tolerance           = 1e-7;
            settings.max_iter            = 200;
            open_fixture(&f, _i / KIND_COUNT, (kind)(_i % KIND_COUNT), "cpu", 2, 2);
            problem_random_state(&f.p, 12);
            ck_assert_int_eq(pdm_solver_create(f.p.ctx, f.p.backend, &settings, f.p.domain, f.experts, 2, &solver),
                             PDM_OK);
            ck_assert_int_eq(
                pdm_solver_solve(solver, problem_batch(&f.p), &f.p.data, f.basis, f.p.lift, PDM_START_ZERO), PDM_OK);
            for (int k = 0; k < 2; k++) {
                const pdm_solve_result *r = &pdm_solver_results(solver)[k];
                ck_assert_msg(pdm_reason_is_good(r->reason), "%s, kind %d, cg %d: %s", problem_name(f.p.number),
                              _i % KIND_COUNT, cg, pdm_reason_text(r->reason));
                ck_assert_int_eq(pdm_solver_lend(solver)->exact, !cg && f.p.number != PROBLEM_VORTICITY);
                ck_assert_int_eq(r->cg_iterations > 0, !pdm_solver_lend(solver)->exact);
                phi[cg][k] = r->objective;
            }
            pdm_solver_destroy(&solver);
            close_fixture(&f);
        }
        for (int k = 0; k < 2; k++) ck_assert_double_eq_tol(phi[1][k], phi[0][k], 1e-8 * phi[0][k]);
    }
END_TEST

/* K of nested splines is symmetric and positive, near H^-1 (few iterations, on three levels as on two), the same bits
 * for any number of threads, and leaves alone what is not free. */
START_TEST(nested_splines_precondition)
    {
        static const char *points[] = {"80", "160"};
        double            *first    = NULL;
        for (int i = 0; i < 4; i++) {
            fixture             f;
            pdm_nest           *nest     = NULL;
            pdm_nest_plan      *plan     = NULL;
            pdm_solver         *solver   = NULL;
            pdm_solver_settings settings = usual_settings;
            const double        shift[2] = {1e-10, 1e-10};
            double              xy[2], yx[2], xx[2];
            int32_t             failed[2] = {7, 7};
            settings.linear               = PDM_LINEAR_CG;
            settings.ridge                = 0.0;
            problem_open_points(&f.p, PROBLEM_POISSON, "cpu", 2, i < 2 ? 1 : 2, points[i % 2]);
            finish_fixture(&f, KIND_FREE, 2);
            problem_random_state(&f.p, 12);
            const pdm_batch        batch = problem_batch(&f.p);
            const pdm_backend_ops *ops   = f.p.backend->ops;
            ck_assert_int_eq(pdm_nest_create(f.p.ctx, f.p.domain, &nest), PDM_OK);
            ck_assert_int_gt(pdm_nest_describe(nest)->n_level, 1);
            ck_assert_int_eq(
                ops->nest_create(f.p.backend, pdm_domain_rows(f.p.domain), pdm_nest_describe(nest), 2, &plan), PDM_OK);
            ck_assert_int_eq(ops->rows_linearise(f.p.backend, f.p.rows, batch, &f.p.data, f.p.c, f.p.A), PDM_OK);
            ck_assert_int_eq(ops->nest_factor(f.p.backend, plan, batch, shift, f.p.A, failed), PDM_OK);
            ck_assert_int_eq(failed[0] + failed[1], 0);
            ck_assert_int_eq(ops->nest_solve(f.p.backend, plan, batch, f.p.c, f.p.out), PDM_OK);
            ck_assert_int_eq(ops->nest_solve(f.p.backend, plan, batch, f.p.v, f.p.out2), PDM_OK);
            ck_assert_int_eq(pdm_vector_dot(f.p.backend, batch, f.p.c_size, f.p.out, f.p.v, NULL, xy), PDM_OK);
            ck_assert_int_eq(pdm_vector_dot(f.p.backend, batch, f.p.c_size, f.p.out2, f.p.c, NULL, yx), PDM_OK);
            ck_assert_int_eq(pdm_vector_dot(f.p.backend, batch, f.p.c_size, f.p.out2, f.p.v, NULL, xx), PDM_OK);
            for (int k = 0; k < 2; k++) {
                ck_assert_double_eq_tol(xy[k], yx[k], 1e-9 * (fabs(xy[k]) + xx[k]));
                ck_assert_double_gt(xx[k], 0.0);
            }
            double *host = calloc((size_t)(2 * f.p.c_size), sizeof *host);
            problem_get(&f.p, f.p.out2, host, 2 * f.p.c_size);
            for (pdm_size k = 0; k < 2 * f.p.c_size; k++)
                if (!pdm_domain_free(f.p.domain)[k % f.p.c_size]) ck_assert_double_eq(host[k], 0.0);
            if (i == 1) first = host;
            if (i == 3) ck_assert_mem_eq(host, first, (size_t)(2 * f.p.c_size) * sizeof *host);
            if (i != 1) free(host);
            ck_assert_int_eq(pdm_solver_create(f.p.ctx, f.p.backend, &settings, f.p.domain, f.experts, 2, &solver),
                             PDM_OK);
            ck_assert_int_eq(pdm_solver_solve(solver, batch, &f.p.data, f.basis, f.p.lift, PDM_START_ZERO), PDM_OK);
            for (int k = 0; k < 2; k++) {
                const pdm_solve_result *r = &pdm_solver_results(solver)[k];
                ck_assert_msg(pdm_reason_is_good(r->reason), "%s", pdm_reason_text(r->reason));
                ck_assert_msg(r->cg_iterations <= 8 * r->iterations, "%d in %d steps", (int)r->cg_iterations,
                              (int)r->iterations);
            }
            pdm_solver_destroy(&solver);
            ops->nest_destroy(f.p.backend, &plan);
            pdm_nest_destroy(&nest);
            close_fixture(&f);
        }
        free(first);
    }
END_TEST

/* Of a matrix that is small as a whole, too, every expert has a block of its own, and nothing but that. */
START_TEST(sweeps_have_a_block_an_expert)
    {
        fixture     f;
        pdm_blocks *blocks = NULL;
        open_fixture(&f, _i, KIND_SMOOTH, "cpu", 1, 1);
        const pdm_columns_desc *columns = pdm_experts_columns(f.experts);
        ck_assert_int_eq(
            pdm_blocks_create(f.p.ctx, pdm_domain_rows(f.p.domain), columns, PDM_COUPLING_SEPARATE, &blocks), PDM_OK);
        const pdm_blocks_desc *d = pdm_blocks_describe(blocks);
        ck_assert_int_eq(d->n_block, columns->n_expert);
        ck_assert_int_eq(d->start[d->n_block], d->n_block);
        ck_assert_int_eq(d->n_unknown, pdm_experts_n_column(f.experts));
        pdm_blocks_destroy(&blocks);
        close_fixture(&f);
    }
END_TEST

/* Sweeps, each expert by itself, end in the minimum that steps of all experts together end in. The objective is
 * stationary there: at the tolerance 1e-4 it is off by 1e-8, times what the estimate of the sweeps to come is off by.
 * Free coefficients are left out: blocks of 12 take ten thousands of sweeps;
 * and windows that overlap with a mean that ties them. */
START_TEST(sweeps_find_the_same_minimum)
    {
        double phi[2][2];
        if (_i == PROBLEM_MEAN * 2 + 1) return;
        for (int sweeps = 0; sweeps < 2; sweeps++) {
            fixture             f;
            pdm_solver         *solver   = NULL;
            pdm_solver_settings settings = usual_settings;
            settings.mode                = sweeps ? PDM_MODE_SCHWARZ : PDM_MODE_COUPLED;
            settings.tolerance           = 1e-4;
            settings.max_iter            = 10000;
            open_fixture(&f, _i / 2, _i % 2 ? KIND_SMOOTH : KIND_HARD, "cpu", 2, 2);
            problem_random_state(&f.p, 12);
            ck_assert_int_eq(pdm_solver_create(f.p.ctx, f.p.backend, &settings, f.p.domain, f.experts, 2, &solver),
                             PDM_OK);
            ck_assert_int_eq(
                pdm_solver_solve(solver, problem_batch(&f.p), &f.p.data, f.basis, f.p.lift, PDM_START_ZERO), PDM_OK);
            for (int k = 0; k < 2; k++) {
                const pdm_solve_result *r = &pdm_solver_results(solver)[k];
                ck_assert_msg(pdm_reason_is_good(r->reason), "%s, mode %d: %s", problem_name(f.p.number), sweeps,
                              pdm_reason_text(r->reason));
                phi[sweeps][k] = r->objective;
            }
            pdm_solver_destroy(&solver);
            close_fixture(&f);
        }
        for (int k = 0; k < 2; k++) ck_assert_double_eq_tol(phi[1][k], phi[0][k], 1e-6 * phi[0][k]);
    }
END_TEST

static pdm_solver *solver_of(fixture *f, pdm_mode mode)
{
    pdm_solver         *solver   = NULL;
    pdm_solver_settings settings = usual_settings;
    settings.mode                = (int)mode;
    ck_assert_int_eq(
        pdm_solver_create(f->p.ctx, f->p.backend, &settings, f->p.domain, f->experts, f->p.n_sample, &solver), PDM_OK);
    return solver;
}

/* Experts by themselves: every row is one expert's, at the lift as the solver has it. */
START_TEST(rows_are_shared_out_among_independent_experts)
    {
        fixture f;
        open_fixture(&f, _i / 2, _i % 2 ? KIND_SMOOTH : KIND_HARD, "cpu", 1, 1);
        problem_random_state(&f.p, 18);
        pdm_solver     *s     = solver_of(&f, PDM_MODE_INDEPENDENT);
        pdm_backend    *b     = f.p.backend;
        const pdm_batch batch = problem_batch(&f.p);
        const pdm_size  n     = f.p.n_row;
        ck_assert_int_eq(pdm_solver_n_part(s), pdm_experts_columns(f.experts)->n_expert);
        ck_assert_int_eq(b->ops->rows_residual(b, f.p.rows, batch, &f.p.data, f.p.lift, f.p.r), PDM_OK);
        double *all = get(&f, f.p.r, n), *sum = calloc((size_t)n, sizeof *sum);
        for (pdm_size e = 0; e < pdm_solver_n_part(s); e++) {
            pdm_rows_plan *rows = pdm_solver_lend(pdm_solver_part(s, e))->rows;
            ck_assert_int_eq(b->ops->rows_residual(b, rows, batch, &f.p.data, f.p.lift, f.p.r), PDM_OK);
            double *own = get(&f, f.p.r, n);
            for (pdm_size i = 0; i < n; i++) {
                ck_assert(own[i] == 0.0 || own[i] == all[i]);
                sum[i] += own[i];
            }
            free(own);
        }
        ck_assert_int_eq(memcmp(all, sum, (size_t)n * sizeof *all), 0);
        free(all), free(sum);
        pdm_solver_destroy(&s);
        close_fixture(&f);
    }
END_TEST

/* Each expert's weights are a stationary point of its own rows, and the answer is the lift with what all of them add to
 * it, each as far as its window says. */
START_TEST(independent_experts_are_put_together)
    {
        fixture f;
        open_fixture(&f, _i / 2, _i % 2 ? KIND_SMOOTH : KIND_HARD, "cpu", 1, 1);
        problem_random_state(&f.p, 19);
        pdm_solver     *s     = solver_of(&f, PDM_MODE_INDEPENDENT);
        pdm_backend    *b     = f.p.backend;
        const pdm_batch batch = problem_batch(&f.p);
        const pdm_size  n     = f.p.c_size;
        double          worst = 0.0, size = 0.0, phi = 0.0;
        ck_assert_int_eq(pdm_solver_solve(s, batch, &f.p.data, f.basis, f.p.lift, PDM_START_ZERO), PDM_OK);
        ck_assert_msg(pdm_reason_is_good(pdm_solver_results(s)->reason), "%s: %s", problem_name(f.p.number),
                      pdm_reason_text(pdm_solver_results(s)->reason));
        double *c = get(&f, pdm_solver_lend(s)->c, n), *lift = get(&f, f.p.lift, n);
        double *sum = get(&f, f.p.lift, n), *w = get(&f, pdm_solver_lend(s)->w, pdm_solver_lend(s)->n_column);
        for (pdm_size e = 0; e < pdm_solver_n_part(s); e++) {
            pdm_solver             *part = pdm_solver_part(s, e);
            const pdm_solver_state *st   = pdm_solver_lend(part);
            pdm_buffer             *g    = NULL;
            double                 *own = get(&f, st->c, n), *own_w = get(&f, st->w, st->n_column);
            double                 *share = get(&f, pdm_solver_part_share(s, e), n);
            for (pdm_size i = 0; i < n; i++) sum[i] += share[i] * (own[i] - lift[i]);
            ck_assert_int_eq(memcmp(own_w, w + pdm_experts_column0(f.experts)[e], (size_t)st->n_column * sizeof *w), 0);
            phi += pdm_solver_results(part)->objective;
            ck_assert_int_eq(b->ops->buffer_create(b, (size_t)(st->n_column + 1) * sizeof(double), &g), PDM_OK);
            ck_assert_int_eq(pdm_solver_linearise(part, batch, &f.p.data, false), PDM_OK);
            ck_assert_int_eq(b->ops->columns_reduce(b, st->columns, batch, st->gradient_c, g), PDM_OK);
            double *gw = get(&f, g, st->n_column);
            for (pdm_size i = 0; i < st->n_column; i++) /* as in solution_is_stationary */
                ck_assert_double_lt(fabs(gw[i] + st->ridge * own_w[i]),
                                    1e-4 * (1.0 + sqrt(2.0 * pdm_solver_results(part)->objective)));
            free(gw), free(own), free(own_w), free(share);
            b->ops->buffer_destroy(b, &g);
        }
        for (pdm_size i = 0; i < n; i++) {
            worst = fmax(worst, fabs(c[i] - sum[i]));
            size  = fmax(size, fabs(c[i]));
        }
        ck_assert_double_le(worst, 1e-13 * size * (double)pdm_solver_n_part(s));
        ck_assert_double_eq(phi, pdm_solver_results(s)->objective);
        free(c), free(lift), free(sum), free(w);
        pdm_solver_destroy(&s);
        close_fixture(&f);
    }
END_TEST

/* One expert is not coupled to anything: the same by itself but for the last bit of lift + (c - lift),
 * the same minimum in sweeps. */
START_TEST(modes_agree_for_one_expert)
    {
        fixture   f;
        const int number = _i;
        problem_open_threads(&f.p, number, "cpu", 2, 1);
        for (pdm_size j = 0; j < pdm_domain_n_dim(f.p.domain); j++) {
            char group[64] = "domain/";
            strncat(group, pdm_pde_dim_name(f.p.pde, j), 32);
            ck_assert_int_eq(pdm_case_set_text(f.p.the_case, group, "experts", "1"), PDM_OK);
        }
        finish_fixture(&f, KIND_HARD, 2);
        problem_random_state(&f.p, 20);
        pdm_solver *alone = solver_of(&f, PDM_MODE_INDEPENDENT), *sweeps = solver_of(&f, PDM_MODE_SCHWARZ);
        pdm_solver *all[3] = {f.solver, alone, sweeps};
        ck_assert_int_eq(pdm_experts_columns(f.experts)->n_expert, 1);
        for (int k = 0; k < 3; k++)
            ck_assert_int_eq(
                pdm_solver_solve(all[k], problem_batch(&f.p), &f.p.data, f.basis, f.p.lift, PDM_START_ZERO), PDM_OK);
        double *c    = get(&f, pdm_solver_lend(f.solver)->c, 2 * f.p.c_size);
        double *d    = get(&f, pdm_solver_lend(alone)->c, 2 * f.p.c_size);
        double *lift = get(&f, f.p.lift, 2 * f.p.c_size);
        for (pdm_size i = 0; i < 2 * f.p.c_size; i++)
            ck_assert_double_eq_tol(c[i], d[i], 4.0 * DBL_EPSILON * (fabs(c[i]) + fabs(lift[i])) + DBL_MIN);
        free(lift);
        for (int k = 0; k < 2; k++) {
            const double phi = pdm_solver_results(f.solver)[k].objective;
            ck_assert_double_eq(pdm_solver_results(alone)[k].objective, phi);
            ck_assert_double_eq_tol(pdm_solver_results(sweeps)[k].objective, phi, 1e-9 * phi);
        }
        free(c), free(d);
        pdm_solver_destroy(&alone);
        pdm_solver_destroy(&sweeps);
        close_fixture(&f);
    }
END_TEST

/* One thread, two, the check back end, which hands out copies, the bare one, for which the CPU works: the same bits. */
START_TEST(same_bits_for_threads_and_back_ends)
    {
        static const struct {
            const char *backend;
            int         n_thread;
        } ways[4] = {{"cpu", 1}, {"cpu", 2}, {"check", 2}, {"bare", 2}};
        double  *answer[4];
        pdm_size n = 0;
        if (!problem_on_cpu()) return;
        for (int k = 0; k < 4; k++) {
            fixture f;
            open_fixture(&f, _i, KIND_SMOOTH, ways[k].backend, 3, ways[k].n_thread);
            problem_random_state(&f.p, 13);
            ck_assert_int_eq(
                pdm_solver_solve(f.solver, problem_batch(&f.p), &f.p.data, f.basis, f.p.lift, PDM_START_ZERO), PDM_OK);
            n         = 3 * f.p.c_size;
            answer[k] = get(&f, pdm_solver_lend(f.solver)->c, n);
            close_fixture(&f);
        }
        for (int k = 1; k < 4; k++) ck_assert_int_eq(memcmp(answer[0], answer[k], (size_t)n * sizeof(double)), 0);
        for (int k = 0; k < 4; k++) free(answer[k]);
    }
END_TEST

/* One sample of many blocks is shared out among threads, and none of them changes a bit. */
START_TEST(same_bits_when_threads_share_a_sample)
    {
        double  *answer[2];
        pdm_size n = 0;
        for (int k = 0; k < 2; k++) {
            fixture f;
            open_fixture(&f, _i, KIND_FREE, "cpu", 1, k ? 4 : 1);
            problem_random_state(&f.p, 17);
            ck_assert_int_eq(
                pdm_solver_solve(f.solver, problem_batch(&f.p), &f.p.data, f.basis, f.p.lift, PDM_START_ZERO), PDM_OK);
            n         = f.p.c_size;
            answer[k] = get(&f, pdm_solver_lend(f.solver)->c, n);
            close_fixture(&f);
        }
        ck_assert_int_eq(memcmp(answer[0], answer[1], (size_t)n * sizeof(double)), 0);
        free(answer[0]), free(answer[1]);
    }
END_TEST

/* A sample's answer does not depend on its companions: alone in a batch of one, and as third of three. */
START_TEST(samples_are_independent)
    {
        fixture f;
        open_fixture(&f, _i, KIND_HARD, "cpu", 3, 2);
        problem_random_state(&f.p, 14);
        const int32_t third = 2;
        ck_assert_int_eq(pdm_solver_solve(f.solver, problem_batch(&f.p), &f.p.data, f.basis, f.p.lift, PDM_START_ZERO),
                         PDM_OK);
        double *all = get(&f, pdm_solver_lend(f.solver)->c, 3 * f.p.c_size);
        ck_assert_int_eq(
            pdm_solver_solve(f.solver, (pdm_batch){1, &third}, &f.p.data, f.basis, f.p.lift, PDM_START_ZERO), PDM_OK);
        double *alone = get(&f, pdm_solver_lend(f.solver)->c, 3 * f.p.c_size);
        ck_assert_int_eq(memcmp(all, alone, (size_t)(3 * f.p.c_size) * sizeof(double)), 0);
        free(all), free(alone);
        close_fixture(&f);
    }
END_TEST

/* A start with so much damping that the first steps are tiny is no reason to call a solve done: the objective that it
 * ends with is the minimum's, (1 + tolerance^2) times. A tenth of that much is left for what the
 * decrement does not see. */
START_TEST(damped_steps_do_not_end_a_solve)
    {
        double phi[2][2];
        for (int damped = 0; damped < 2; damped++) {
            fixture             f;
            pdm_solver         *solver   = NULL;
            pdm_solver_settings settings = usual_settings;
            settings.tolerance           = damped ? 1e-2 : 1e-8;
            settings.damping             = damped ? 1e6 : 1e-4;
            settings.max_iter            = 200;
            open_fixture(&f, _i, KIND_HARD, "cpu", 2, 1);
            problem_random_state(&f.p, 16);
            ck_assert_int_eq(pdm_solver_create(f.p.ctx, f.p.backend, &settings, f.p.domain, f.experts, 2, &solver),
                             PDM_OK);
            ck_assert_int_eq(
                pdm_solver_solve(solver, problem_batch(&f.p), &f.p.data, f.basis, f.p.lift, PDM_START_ZERO), PDM_OK);
            for (int k = 0; k < 2; k++) {
                ck_assert(pdm_reason_is_good(pdm_solver_results(solver)[k].reason));
                phi[damped][k] = pdm_solver_results(solver)[k].objective;
            }
            pdm_solver_destroy(&solver);
            close_fixture(&f);
        }
        for (int k = 0; k < 2; k++) ck_assert_double_le(phi[1][k], 1.001 * phi[0][k]);
    }
END_TEST

/* NaN in the data is a reason, not a crash, and does not touch the other samples. */
START_TEST(not_finite_is_a_reason)
    {
        fixture f;
        open_fixture(&f, PROBLEM_SORPTION, KIND_HARD, "cpu", 2, 2);
        problem_random_state(&f.p, 15);
        double *lift = get(&f, f.p.lift, 2 * f.p.c_size);
        lift[0]      = NAN;
        problem_put(&f.p, f.p.lift, lift, 2 * f.p.c_size);
        ck_assert_int_eq(pdm_solver_solve(f.solver, problem_batch(&f.p), &f.p.data, f.basis, f.p.lift, PDM_START_ZERO),
                         PDM_OK);
        ck_assert_int_eq(pdm_solver_results(f.solver)[0].reason, PDM_REASON_NOT_FINITE);
        ck_assert(pdm_reason_is_good(pdm_solver_results(f.solver)[1].reason));
        free(lift);
        close_fixture(&f);
    }
END_TEST

/* The problem with `level` more in all fields at the start, solved with all coefficients free; twice that from where
 * the first solve ended. */
static void solve_at(fixture *f, double level, pdm_size max_iter, pdm_solve_result first[2], pdm_solve_result again[2])
{
    pdm_solver_settings settings = usual_settings;
    pdm_solver         *solver   = NULL;
    double             *lift     = get(f, f->p.lift, 2 * f->p.c_size);

    settings.ridge    = 0.0;
    settings.max_iter = max_iter;
    for (pdm_size i = 0; i < 2 * f->p.c_size; i++) lift[i] += level;
    problem_put(&f->p, f->p.lift, lift, 2 * f->p.c_size);
    ck_assert_int_eq(pdm_solver_create(f->p.ctx, f->p.backend, &settings, f->p.domain, f->experts, 2, &solver), PDM_OK);
    const pdm_batch batch = problem_batch(&f->p);
    ck_assert_int_eq(pdm_solver_solve(solver, batch, &f->p.data, NULL, f->p.lift, PDM_START_ZERO), PDM_OK);
    for (int k = 0; k < 2; k++) first[k] = pdm_solver_results(solver)[k];
    pdm_solver_set_limits(solver, 1e-14, 20);
    ck_assert_int_eq(pdm_solver_solve(solver, batch, &f->p.data, NULL, f->p.lift, PDM_START_PRESENT), PDM_OK);
    for (int k = 0; k < 2; k++) again[k] = pdm_solver_results(solver)[k];
    pdm_solver_destroy(&solver);
    free(lift);
}

/* Heat knows no level: on one of 1e5 the same objective in as few steps, to the rounding of rows that are sums of
 * numbers of the size of 1e5 over the row's scale. */
START_TEST(a_small_change_on_a_large_level_is_found)
    {
        static const double level[] = {0.0, 300.0, 1e5};
        double              phi[2]  = {0.0, 0.0};
        for (size_t i = 0; i < sizeof level / sizeof *level; i++) {
            fixture          f;
            pdm_solve_result first[2], again[2];
            open_fixture(&f, PROBLEM_HEAT, KIND_FREE, "cpu", 2, 1);
            problem_random_state(&f.p, 17);
            solve_at(&f, level[i], 100, first, again);
            for (int k = 0; k < 2; k++) {
                ck_assert_msg(pdm_reason_is_good(first[k].reason) && first[k].iterations <= 10,
                              "level %g: %s after %d steps", level[i], pdm_reason_text(first[k].reason),
                              (int)first[k].iterations);
                if (i == 0) phi[k] = first[k].objective;
                ck_assert_double_eq_tol(first[k].objective, phi[k], 1e-9 * phi[k] + 1e-11 * level[i]);
            }
            close_fixture(&f);
        }
    }
END_TEST

/* A level that the equations do feel is far from the solution: a solve that is cut short there is not converged, and one
 * that says so has nothing to gain. */
START_TEST(rounding_is_no_excuse)
    {
        static const double level[] = {0.0, 10.0, 1e3};
        for (size_t i = 0; i < sizeof level / sizeof *level; i++) {
            fixture          f;
            pdm_solve_result first[2], again[2];
            open_fixture(&f, _i, KIND_FREE, "cpu", 2, 1);
            problem_random_state(&f.p, 18);
            if (pdm_solver_lend(f.solver)->exact) solve_at(&f, level[i], 30, first, again);
            for (int k = 0; k < 2 && pdm_solver_lend(f.solver)->exact; k++)
                if (first[k].reason == PDM_REASON_ROUNDING)
                    ck_assert_msg(again[k].objective >=
                                      0.999 * first[k].objective - 1e-20 * (1.0 + level[i] * level[i]),
                                  "%s, level %g: %g, then %g", problem_name(_i), level[i], first[k].objective,
                                  again[k].objective);
            close_fixture(&f);
        }
    }
END_TEST

START_TEST(cut_short_is_not_converged)
    {
        fixture          f;
        pdm_solve_result first[2], again[2];
        open_fixture(&f, PROBLEM_FLUX, KIND_FREE, "cpu", 2, 1);
        problem_random_state(&f.p, 19);
        solve_at(&f, 1e3, 3, first, again);
        for (int k = 0; k < 2; k++) ck_assert_int_eq(first[k].reason, PDM_REASON_MAX_ITER);
        close_fixture(&f);
    }
END_TEST

int main(void)
{
    Suite *s = suite_create("solver");
    TCase *t = tcase_create("solver");
    tcase_set_timeout(t, 30);
    tcase_add_loop_test(t, solution_is_stationary, 0, PROBLEM_COUNT * KIND_COUNT);
    tcase_add_loop_test(t, linear_solvers_find_the_same_minimum, 0, PROBLEM_COUNT * KIND_COUNT);
    tcase_add_test(t, nested_splines_precondition);
    tcase_add_loop_test(t, sweeps_have_a_block_an_expert, 0, PROBLEM_COUNT);
    tcase_add_loop_test(t, sweeps_find_the_same_minimum, 0, PROBLEM_COUNT * 2);
    tcase_add_loop_test(t, rows_are_shared_out_among_independent_experts, 0, PROBLEM_COUNT * 2);
    tcase_add_loop_test(t, independent_experts_are_put_together, 0, PROBLEM_COUNT * 2);
    tcase_add_loop_test(t, modes_agree_for_one_expert, 0, PROBLEM_COUNT);
    tcase_add_loop_test(t, factor_inverts_the_normal_matrix, 0, PROBLEM_COUNT * KIND_COUNT);
    tcase_add_loop_test(t, same_bits_for_threads_and_back_ends, 0, PROBLEM_COUNT);
    tcase_add_loop_test(t, same_bits_when_threads_share_a_sample, 0, PROBLEM_COUNT);
    tcase_add_loop_test(t, samples_are_independent, 0, PROBLEM_COUNT);
    tcase_add_loop_test(t, damped_steps_do_not_end_a_solve, 0, PROBLEM_COUNT);
    tcase_add_test(t, not_finite_is_a_reason);
    tcase_add_test(t, a_small_change_on_a_large_level_is_found);
    tcase_add_loop_test(t, rounding_is_no_excuse, 0, PROBLEM_COUNT);
    tcase_add_test(t, cut_short_is_not_converged);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
