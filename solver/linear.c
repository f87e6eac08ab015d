/* The linear system of a step. docs/mathematics.md, "Steps by conjugate gradients". */
#include "solver/solver_impl.h"

/* What a factorisation may cost before "auto" takes conjugate gradients: operations, and numbers in the factor. */
static const double FLOPS_MOST  = 2e10;
static const double VALUES_MOST = 1e8;

/* Where there are nested splines: operations of a factorisation that take as long as one of theirs, measured on Poisson
 * in two and three dimensions; and what they do for an unknown, in the sweeps of forty iterations. Isotropic equations
 * take eight, but where one direction is a thousand times stiffer they take hundreds. */
static const double DENSE_FASTER = 30.0;
static const double VALUES_NEST  = 5e7; /* in a factor, instead of VALUES_MOST: theirs are a seventh at most */
static const double SWEEPS       = 160.0;
static const double SQUARES      = 10.0; /* for matrices of elements */

/* With constraints on integrals: the experts' own blocks know nothing of their large weight,
 * and iterations do not end. */
static const double PATIENCE = 20.0;

/* Are there nested splines for these rows and unknowns? */
static bool can_nest(const solver_shape *shape)
{
    const pdm_rows_desc *rows = shape->rows;
    return shape->domain && shape->columns->kind == PDM_COLUMNS_IDENTITY && rows->n_pyramid == 0 &&
           rows->n_derived == 0;
}

/* Of a solve by a cycle over nested splines, about: an unknown is in 2^d patches. */
static double nested_flops(const pdm_rows_desc *rows)
{
    double n = (double)rows->n_field, width = (double)rows->n_field, m = (double)rows->n_field, patches = 1.0;
    for (pdm_size j = 0; j < rows->n_dim; j++) {
        n *= (double)rows->n_coef[j];
        width *= 2.0 * (double)rows->degree[j] + 1.0;
        m *= (double)rows->degree[j] + 1.0;
        patches *= 2.0;
    }
    return n * (SWEEPS * patches * width + SQUARES * m * m);
}

static bool too_large(const pdm_blocks *b, const solver_shape *shape)
{
    const pdm_rows_desc *rows = shape->rows;
    double               most = can_nest(shape) ? DENSE_FASTER * nested_flops(rows) : FLOPS_MOST;
    for (pdm_size k = 0; k < rows->n_pyramid; k++)
        if (rows->pyramid[k].only_sums) most = PATIENCE * FLOPS_MOST;
    return pdm_blocks_flops(b) > most ||
           (double)pdm_blocks_describe(b)->n_value > (can_nest(shape) ? VALUES_NEST : VALUES_MOST);
}

pdm_status solver_linear_choose(pdm_solver *s, const solver_shape *shape)
{
    pdm_status           status   = PDM_OK;
    const pdm_rows_desc *rows     = shape->rows;
    pdm_coupling         coupling = s->settings.linear == PDM_LINEAR_CG ? PDM_COUPLING_OWN : PDM_COUPLING_ALL;

    if (s->settings.linear == PDM_LINEAR_AUTO && rows->n_derived > 0) coupling = PDM_COUPLING_OWN;
    if (s->settings.mode != PDM_MODE_COUPLED) coupling = PDM_COUPLING_SEPARATE;
    PDM_TRY(pdm_blocks_create(s->ctx, rows, s->columns, coupling, &s->structure));
    if (coupling == PDM_COUPLING_ALL && s->settings.linear == PDM_LINEAR_AUTO && too_large(s->structure, shape)) {
        coupling = PDM_COUPLING_OWN;
        pdm_blocks_destroy(&s->structure);
        PDM_TRY(pdm_blocks_create(s->ctx, rows, s->columns, coupling, &s->structure));
    }
    s->state.exact = coupling == PDM_COUPLING_ALL && rows->n_derived == 0;
done:
    return status;
}

pdm_status solver_linear_create(pdm_solver *s, const solver_shape *shape)
{
    pdm_status   status = PDM_OK;
    pdm_backend *b      = s->backend;

    if (s->state.exact || s->settings.mode != PDM_MODE_COUPLED) return PDM_OK;
    PDM_TRY(b->ops->buffer_create(b, (size_t)(s->state.n_sample * s->state.c_size) * sizeof(double), &s->curvature));
    PDM_TRY(pdm_cg_create(s->ctx, b, s->state.n_sample, s->state.n_column, &s->cg));
    if (s->y_try == s->r_try) {
        const pdm_size n = s->state.n_sample * pdm_rows_n_partial(shape->rows);
        PDM_TRY(b->ops->buffer_create(b, (size_t)n * sizeof(double), &s->partials));
    }
    if (!can_nest(shape)) goto done;
    PDM_TRY(pdm_nest_create(s->ctx, shape->domain, &s->nest));
    PDM_TRY(b->ops->nest_create(b, shape->rows, pdm_nest_describe(s->nest), s->state.n_sample, &s->nested));
done:
    return status;
}

pdm_status solver_linear_factor(pdm_solver *s, pdm_batch batch, const double *shift)
{
    const pdm_backend_ops *ops = s->backend->ops;
    pdm_solver_state      *st  = &s->state;
    if (s->nested) return ops->nest_factor(s->backend, s->nested, batch, shift, st->A, st->failed);
    return ops->blocks_factor(s->backend, st->blocks, batch, shift, s->settings.ridge, st->ridges, st->H, st->L,
                              st->failed);
}

void solver_linear_destroy(pdm_solver *s)
{
    s->backend->ops->buffer_destroy(s->backend, &s->curvature);
    s->backend->ops->buffer_destroy(s->backend, &s->partials);
    pdm_cg_destroy(&s->cg);
    if (s->nested) s->backend->ops->nest_destroy(s->backend, &s->nested);
    pdm_nest_destroy(&s->nest);
}

pdm_status pdm_solver_curvature(pdm_solver *s, pdm_batch batch, pdm_buffer *w, pdm_buffer *v, pdm_buffer *curvature)
{
    pdm_status        status = PDM_OK;
    pdm_backend      *b      = s->backend;
    pdm_solver_state *st     = &s->state;

    PDM_TRY(b->ops->columns_expand(b, st->columns, batch, w, NULL, v));
    if (s->y_try == s->r_try) return b->ops->rows_curvature(b, s->pass.rows, batch, st->A, s->partials, v, curvature);
    PDM_TRY(b->ops->rows_apply(b, s->pass.rows, batch, st->A, v, s->r_try));
    PDM_TRY(b->ops->rows_weigh(b, s->pass.rows, batch, s->r_try, s->y_try));
    PDM_TRY(b->ops->rows_apply_adjoint(b, s->pass.rows, batch, st->A, s->y_try, curvature));
done:
    return status;
}

pdm_status pdm_solver_add_ridge(pdm_solver *s, pdm_batch batch, pdm_buffer *x, pdm_buffer *y)
{
    pdm_status        status = PDM_OK;
    pdm_backend      *b      = s->backend;
    pdm_solver_state *st     = &s->state;

    if (!st->ridges) return b->ops->vector_combine(b, batch, st->n_column, s->one, y, s->ridge, x, y);
    PDM_TRY(b->ops->vector_multiply(b, batch, st->n_column, st->ridges, x, s->pulled));
    PDM_TRY(b->ops->vector_combine(b, batch, st->n_column, s->one, y, s->one, s->pulled, y));
done:
    return status;
}

/* y = (H + shift D + ridge) x */
static pdm_status apply(void *user, pdm_batch batch, pdm_buffer *x, pdm_buffer *y)
{
    pdm_status        status = PDM_OK;
    pdm_solver       *s      = user;
    pdm_backend      *b      = s->backend;
    pdm_solver_state *st     = &s->state;

    PDM_TRY(pdm_solver_curvature(s, batch, x, s->c_try, s->curvature));
    PDM_TRY(b->ops->columns_reduce(b, st->columns, batch, s->curvature, y));
    PDM_TRY(pdm_solver_add_ridge(s, batch, x, y));
    PDM_TRY(b->ops->vector_multiply(b, batch, st->n_column, s->diagonal, x, s->w_try));
    PDM_TRY(b->ops->vector_combine(b, batch, st->n_column, s->one, y, s->shift, s->w_try, y));
done:
    return status;
}

static pdm_status precondition(void *user, pdm_batch batch, pdm_buffer *x, pdm_buffer *y)
{
    pdm_status             status = PDM_OK;
    pdm_solver            *s      = user;
    const pdm_backend_ops *ops    = s->backend->ops;
    if (!s->nested) return ops->blocks_solve(s->backend, s->state.blocks, batch, s->state.L, x, y);
    PDM_TRY(ops->columns_expand(s->backend, s->state.columns, batch, x, NULL, s->c_try));
    PDM_TRY(ops->nest_solve(s->backend, s->nested, batch, s->c_try, s->curvature));
    PDM_TRY(ops->columns_reduce(s->backend, s->state.columns, batch, s->curvature, y));
done:
    return status;
}

pdm_status solver_linear_solve(pdm_solver *s, pdm_batch batch)
{
    pdm_status          status = PDM_OK;
    pdm_backend        *b      = s->backend;
    const pdm_cg_system system = {.apply        = apply,
                                  .precondition = precondition,
                                  .user         = s,
                                  .tolerance    = s->settings.cg_tolerance,
                                  .max_iter     = s->settings.cg_iterations};

    if (s->state.exact) return b->ops->blocks_solve(b, s->state.blocks, batch, s->state.L, s->g, s->step);
    if (s->settings.mode == PDM_MODE_SCHWARZ) return solver_schwarz_sweep(s, batch);
    PDM_TRY(pdm_cg_solve(s->cg, batch, &system, s->g, s->step));
    for (pdm_size i = 0; i < batch.n; i++)
        s->result[batch.index[i]].cg_iterations += pdm_cg_results(s->cg)[batch.index[i]].iterations;
done:
    return status;
}

pdm_status pdm_solver_view(const pdm_solver *s, pdm_text *out)
{
    const pdm_blocks_desc *d = pdm_blocks_describe(s->structure);
    return pdm_text_append(out, "steps        %s: %lld unknowns in %lld block%s, %.3g MB a factor\n",
                           s->settings.mode == PDM_MODE_SCHWARZ       ? "in sweeps, each expert by itself"
                           : s->settings.mode == PDM_MODE_INDEPENDENT ? "of each expert on its own rows alone"
                           : s->state.exact                           ? "by Cholesky factorisation"
                           : s->nested                 ? "by conjugate gradients with a cycle over nested splines"
                           : pdm_blocks_are_coupled(d) ? "by conjugate gradients with the factor of the local part"
                                                       : "by conjugate gradients with the experts' own blocks",
                           (long long)d->n_unknown, (long long)d->n_block, d->n_block == 1 ? "" : "s",
                           8e-6 * (double)d->n_value);
}
