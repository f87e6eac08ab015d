#include "implicit_diff/implicit_diff.h"

#include <math.h>

enum { ITERATIONS_MOST = 500 };

struct pdm_implicit {
    pdm_context        *ctx;
    pdm_backend        *backend;
    pdm_solver         *solver;
    double              tolerance;
    pdm_buffer         *b, *x, *z, *p, *q;           /* conjugate gradients, like w          */
    pdm_buffer         *Av, *MAv;                    /* like r; MAv = Av where M = I          */
    pdm_buffer         *v, *curvature, *second, *up; /* like c                            */
    pdm_adjoint_result *result;
    double             *rho, *rho_old, *pq, *first, *alpha, *beta, *one, *minus, *ridge, *weight; /* [n_sample] host */
    int32_t            *active;
    pdm_arena           arena;
};

static void implicit_layout(pdm_implicit *d, pdm_size n)
{
    pdm_arena *a       = &d->arena;
    double   **array[] = {&d->rho,  &d->rho_old, &d->pq,    &d->first, &d->alpha,
                          &d->beta, &d->one,     &d->minus, &d->ridge, &d->weight};
    for (size_t i = 0; i < sizeof array / sizeof *array; i++) *array[i] = pdm_carve(a, double, n);
    d->result = pdm_carve(a, pdm_adjoint_result, n);
    d->active = pdm_carve(a, int32_t, n);
}

pdm_status pdm_implicit_create(pdm_context *ctx, pdm_backend *backend, pdm_solver *solver, double tolerance,
                               pdm_implicit **out)
{
    pdm_status              status = PDM_OK;
    pdm_implicit           *d      = NULL;
    const pdm_solver_state *st     = pdm_solver_lend(solver);
    const size_t            n      = (size_t)st->n_sample * sizeof(double);

    PDM_TRY(pdm_alloc(ctx, sizeof *d, &d));
    *d                    = (pdm_implicit){.ctx = ctx, .backend = backend, .solver = solver, .tolerance = tolerance};
    pdm_buffer **column[] = {&d->b, &d->x, &d->z, &d->p, &d->q}, **coef[] = {&d->v, &d->curvature, &d->second, &d->up};
    for (size_t i = 0; i < sizeof column / sizeof *column; i++)
        PDM_TRY(backend->ops->buffer_create(backend, n * (size_t)st->n_column, column[i]));
    for (size_t i = 0; i < sizeof coef / sizeof *coef; i++)
        PDM_TRY(backend->ops->buffer_create(backend, n * (size_t)st->c_size, coef[i]));
    PDM_TRY(backend->ops->buffer_create(backend, n * (size_t)st->n_row, &d->Av));
    if (st->y != st->r)
        PDM_TRY(backend->ops->buffer_create(backend, n * (size_t)st->n_row, &d->MAv));
    else
        d->MAv = d->Av;
    pdm_arena_measure(&d->arena, ctx);
    implicit_layout(d, st->n_sample);
    PDM_TRY(pdm_arena_allocate(&d->arena));
    implicit_layout(d, st->n_sample);
    for (pdm_size i = 0; i < st->n_sample; i++) {
        d->one[i]    = 1.0;
        d->minus[i]  = -1.0;
        d->ridge[i]  = st->ridge;
        d->result[i] = (pdm_adjoint_result){0};
    }
    *out = d;
    d    = NULL;
done:
    pdm_implicit_destroy(&d);
    return status;
}

void pdm_implicit_destroy(pdm_implicit **implicit)
{
    if (!implicit || !*implicit) return;
    pdm_implicit *d        = *implicit;
    pdm_buffer  **buffer[] = {&d->b, &d->x, &d->z, &d->p, &d->q, &d->v, &d->curvature, &d->second, &d->up, &d->Av};
    if (d->MAv != d->Av) d->backend->ops->buffer_destroy(d->backend, &d->MAv);
    for (size_t i = 0; i < sizeof buffer / sizeof *buffer; i++) d->backend->ops->buffer_destroy(d->backend, buffer[i]);
    pdm_arena_destroy(&d->arena);
    pdm_free(d->ctx, d);
    *implicit = NULL;
}

const pdm_adjoint_result *pdm_implicit_results(const pdm_implicit *d)
{
    return d->result;
}

/* curvature = (A^T M A + S) v, v = C p: the Hessian of 1/2 r.M r in the space of coefficients. */
static pdm_status curvature_of(pdm_implicit *d, pdm_batch batch, const pdm_rows_data *data, pdm_buffer *p)
{
    pdm_status              status = PDM_OK;
    pdm_backend            *b      = d->backend;
    const pdm_solver_state *st     = pdm_solver_lend(d->solver);
    PDM_TRY(b->ops->columns_expand(b, st->columns, batch, p, NULL, d->v));
    PDM_TRY(b->ops->rows_apply(b, st->rows, batch, st->A, d->v, d->Av));
    if (d->MAv != d->Av) PDM_TRY(b->ops->rows_weigh(b, st->rows, batch, d->Av, d->MAv));
    PDM_TRY(b->ops->rows_apply_adjoint(b, st->rows, batch, st->A, d->MAv, d->curvature));
    PDM_TRY(b->ops->rows_second_order(b, st->rows, batch, data, st->c, st->y, d->v, d->second));
    PDM_TRY(b->ops->vector_combine(b, batch, st->c_size, d->one, d->curvature, d->one, d->second, d->curvature));
done:
    return status;
}

/* One iteration of preconditioned conjugate gradients for the samples of active; those that end leave the list. */
static pdm_status cg_iteration(pdm_implicit *d, pdm_batch *active, const pdm_rows_data *data)
{
    pdm_status              status = PDM_OK;
    pdm_backend            *b      = d->backend;
    const pdm_solver_state *st     = pdm_solver_lend(d->solver);
    const pdm_size          n      = st->n_column;
    pdm_size                kept   = 0;

    PDM_TRY(curvature_of(d, *active, data, d->p));
    PDM_TRY(b->ops->columns_reduce(b, st->columns, *active, d->curvature, d->q));
    PDM_TRY(b->ops->vector_combine(b, *active, n, d->one, d->q, d->ridge, d->p, d->q));
    PDM_TRY(b->ops->vector_dot(b, *active, n, d->p, d->q, NULL, d->pq));
    for (pdm_size i = 0; i < active->n; i++) {
        const int32_t k = d->active[i];
        d->result[k].iterations++;
        if (!(d->pq[k] > 0.0)) continue; /* not a minimum, or NaN: this sample's derivative does not exist */
        d->active[kept++] = k;
        d->alpha[k]       = d->rho[k] / d->pq[k];
        d->beta[k]        = -d->alpha[k];
    }
    active->n = kept;
    PDM_TRY(b->ops->vector_combine(b, *active, n, d->one, d->x, d->alpha, d->p, d->x));
    PDM_TRY(b->ops->vector_combine(b, *active, n, d->one, d->b, d->beta, d->q, d->b));
    PDM_TRY(b->ops->blocks_solve(b, st->blocks, *active, st->L, d->b, d->z));
    for (pdm_size i = 0; i < active->n; i++) d->rho_old[d->active[i]] = d->rho[d->active[i]];
    PDM_TRY(b->ops->vector_dot(b, *active, n, d->b, d->z, NULL, d->rho));
    kept = 0;
    for (pdm_size i = 0; i < active->n; i++) {
        const int32_t k       = d->active[i];
        d->result[k].residual = sqrt(fabs(d->rho[k]) / d->first[k]);
        if (d->result[k].residual <= d->tolerance)
            d->result[k].converged = true;
        else if (d->result[k].iterations < ITERATIONS_MOST && isfinite(d->rho[k]))
            d->active[kept++] = k;
        d->beta[k] = d->rho[k] / d->rho_old[k];
    }
    active->n = kept;
    PDM_TRY(b->ops->vector_combine(b, *active, n, d->one, d->z, d->beta, d->p, d->p));
done:
    return status;
}

/* x = lambda. Conjugate gradients on the full Hessian, preconditioned by the factor of its Gauss-Newton part. */
static pdm_status adjoint_solve(pdm_implicit *d, pdm_batch batch, const pdm_rows_data *data, pdm_buffer *g_c)
{
    pdm_status              status = PDM_OK;
    pdm_backend            *b      = d->backend;
    const pdm_solver_state *st     = pdm_solver_lend(d->solver);
    pdm_batch               active = {.index = d->active};

    for (pdm_size i = 0; i < batch.n; i++) {
        const int32_t k = batch.index[i];
        if (st->failed[k] == 0) d->active[active.n++] = k;
        d->alpha[k] = 0.0;
    }
    PDM_TRY(b->ops->vector_combine(b, batch, st->n_column, d->alpha, d->x, NULL, NULL, d->x));
    PDM_TRY(b->ops->columns_reduce(b, st->columns, active, g_c, d->b));
    PDM_TRY(b->ops->blocks_solve(b, st->blocks, active, st->L, d->b, d->z));
    PDM_TRY(b->ops->vector_combine(b, active, st->n_column, d->one, d->z, NULL, NULL, d->p));
    PDM_TRY(b->ops->vector_dot(b, active, st->n_column, d->b, d->z, NULL, d->rho));
    pdm_size kept = 0;
    for (pdm_size i = 0; i < active.n; i++) {
        const int32_t k = d->active[i];
        d->first[k]     = d->rho[k];
        if (d->rho[k] == 0.0)
            d->result[k].converged = true; /* nothing to propagate: lambda = 0 */
        else if (d->rho[k] > 0.0)
            d->active[kept++] = k;
    }
    active.n = kept;
    while (active.n > 0) PDM_TRY(cg_iteration(d, &active, data));
done:
    return status;
}

pdm_status pdm_implicit_backward(pdm_implicit *d, pdm_batch batch, const pdm_rows_data *data, double weight,
                                 pdm_buffer *g_c, pdm_buffer *g_basis)
{
    pdm_status              status = PDM_OK;
    pdm_backend            *b      = d->backend;
    const pdm_solver_state *st     = pdm_solver_lend(d->solver);

    PDM_TRY(pdm_solver_linearise(d->solver, batch, data, g_c != NULL));
    for (pdm_size i = 0; i < batch.n; i++) {
        d->weight[batch.index[i]] = weight;
        d->result[batch.index[i]] = (pdm_adjoint_result){.converged = g_c == NULL};
    }
    if (!g_c) {
        PDM_TRY(b->ops->vector_combine(b, batch, st->c_size, d->weight, st->gradient_c, NULL, NULL, d->up));
        PDM_TRY(b->ops->columns_backward(b, st->columns, batch, d->up, st->w, NULL, NULL, g_basis));
        goto done;
    }
    PDM_TRY(adjoint_solve(d, batch, data, g_c));
    PDM_TRY(curvature_of(d, batch, data, d->x));
    PDM_TRY(b->ops->vector_combine(b, batch, st->c_size, d->one, g_c, d->minus, d->curvature, d->up));
    PDM_TRY(b->ops->vector_combine(b, batch, st->c_size, d->one, d->up, d->weight, st->gradient_c, d->up));
    PDM_TRY(b->ops->columns_backward(b, st->columns, batch, d->up, st->w, st->gradient_c, d->x, g_basis));
done:
    return status;
}
