/* Preconditioned conjugate gradients for a batch of systems in lock step (Hestenes and Stiefel 1952). Residuals are
 * measured in the norm of the inverse preconditioner. */
#include "solver/solver.h"

#include <math.h>

struct pdm_cg {
    pdm_context   *ctx;
    pdm_backend   *backend;
    pdm_size       n;
    pdm_buffer    *r, *z, *p, *q;                                   /* [n_sample][n] */
    double        *rho, *rho_old, *pq, *first, *alpha, *beta, *one; /* [n_sample] host */
    int32_t       *active;
    pdm_cg_result *result;
    pdm_arena      arena;
};

static void cg_layout(pdm_cg *g, pdm_size n)
{
    pdm_arena *a       = &g->arena;
    double   **array[] = {&g->rho, &g->rho_old, &g->pq, &g->first, &g->alpha, &g->beta, &g->one};
    for (size_t i = 0; i < sizeof array / sizeof *array; i++) *array[i] = pdm_carve(a, double, n);
    g->result = pdm_carve(a, pdm_cg_result, n);
    g->active = pdm_carve(a, int32_t, n);
}

pdm_status pdm_cg_create(pdm_context *ctx, pdm_backend *backend, pdm_size n_sample, pdm_size n, pdm_cg **out)
{
    pdm_status status = PDM_OK;
    pdm_cg    *g      = NULL;

    PDM_TRY(pdm_alloc(ctx, sizeof *g, &g));
    *g                    = (pdm_cg){.ctx = ctx, .backend = backend, .n = n};
    pdm_buffer **vector[] = {&g->r, &g->z, &g->p, &g->q};
    for (size_t i = 0; i < sizeof vector / sizeof *vector; i++)
        PDM_TRY(backend->ops->buffer_create(backend, (size_t)(n_sample * n) * sizeof(double), vector[i]));
    pdm_arena_measure(&g->arena, ctx);
    cg_layout(g, n_sample);
    PDM_TRY(pdm_arena_allocate(&g->arena));
    cg_layout(g, n_sample);
    for (pdm_size i = 0; i < n_sample; i++) {
        g->one[i]    = 1.0;
        g->result[i] = (pdm_cg_result){0};
    }
    *out = g;
    g    = NULL;
done:
    pdm_cg_destroy(&g);
    return status;
}

void pdm_cg_destroy(pdm_cg **cg)
{
    if (!cg || !*cg) return;
    pdm_cg      *g        = *cg;
    pdm_buffer **vector[] = {&g->r, &g->z, &g->p, &g->q};
    for (size_t i = 0; i < sizeof vector / sizeof *vector; i++) g->backend->ops->buffer_destroy(g->backend, vector[i]);
    pdm_arena_destroy(&g->arena);
    pdm_free(g->ctx, g);
    *cg = NULL;
}

const pdm_cg_result *pdm_cg_results(const pdm_cg *g)
{
    return g->result;
}

/* x = 0, r = b, z = K^-1 r, p = z; the samples that have something to solve go into g->active. */
static pdm_status cg_start(pdm_cg *g, pdm_batch batch, const pdm_cg_system *system, pdm_buffer *b, pdm_buffer *x,
                           pdm_batch *active)
{
    pdm_status             status = PDM_OK;
    const pdm_backend_ops *ops    = g->backend->ops;

    for (pdm_size i = 0; i < batch.n; i++) {
        g->alpha[batch.index[i]]  = 0.0;
        g->result[batch.index[i]] = (pdm_cg_result){0};
    }
    PDM_TRY(ops->vector_combine(g->backend, batch, g->n, g->alpha, x, NULL, NULL, x));
    PDM_TRY(ops->vector_combine(g->backend, batch, g->n, g->one, b, NULL, NULL, g->r));
    PDM_TRY(system->precondition(system->user, batch, g->r, g->z));
    PDM_TRY(ops->vector_combine(g->backend, batch, g->n, g->one, g->z, NULL, NULL, g->p));
    PDM_TRY(pdm_vector_dot(g->backend, batch, g->n, g->r, g->z, NULL, g->rho));
    active->n = 0;
    for (pdm_size i = 0; i < batch.n; i++) {
        const int32_t k = batch.index[i];
        g->first[k]     = g->rho[k];
        if (g->rho[k] == 0.0)
            g->result[k].converged = true; /* b = 0 */
        else if (g->rho[k] > 0.0)
            g->active[active->n++] = k;
    }
done:
    return status;
}

/* x += alpha p, r -= alpha q. A sample whose operator is not positive along p stops as it is. */
static pdm_status cg_advance(pdm_cg *g, pdm_batch *active, const pdm_cg_system *system, pdm_buffer *x)
{
    pdm_status             status = PDM_OK;
    const pdm_backend_ops *ops    = g->backend->ops;
    pdm_size               kept   = 0;

    PDM_TRY(system->apply(system->user, *active, g->p, g->q));
    PDM_TRY(pdm_vector_dot(g->backend, *active, g->n, g->p, g->q, NULL, g->pq));
    for (pdm_size i = 0; i < active->n; i++) {
        const int32_t k = g->active[i];
        g->result[k].iterations++;
        if (!(g->pq[k] > 0.0)) continue;
        g->active[kept++] = k;
        g->alpha[k]       = g->rho[k] / g->pq[k];
        g->beta[k]        = -g->alpha[k];
    }
    active->n = kept;
    PDM_TRY(ops->vector_combine(g->backend, *active, g->n, g->one, x, g->alpha, g->p, x));
    PDM_TRY(ops->vector_combine(g->backend, *active, g->n, g->one, g->r, g->beta, g->q, g->r));
done:
    return status;
}

/* The next direction; samples that are done leave. */
static pdm_status cg_turn(pdm_cg *g, pdm_batch *active, const pdm_cg_system *system)
{
    pdm_status             status = PDM_OK;
    const pdm_backend_ops *ops    = g->backend->ops;
    pdm_size               kept   = 0;

    PDM_TRY(system->precondition(system->user, *active, g->r, g->z));
    for (pdm_size i = 0; i < active->n; i++) g->rho_old[g->active[i]] = g->rho[g->active[i]];
    PDM_TRY(pdm_vector_dot(g->backend, *active, g->n, g->r, g->z, NULL, g->rho));
    for (pdm_size i = 0; i < active->n; i++) {
        const int32_t k       = g->active[i];
        g->result[k].residual = sqrt(fabs(g->rho[k]) / g->first[k]);
        if (g->result[k].residual <= system->tolerance)
            g->result[k].converged = true;
        else if (g->result[k].iterations < system->max_iter && isfinite(g->rho[k]))
            g->active[kept++] = k;
        g->beta[k] = g->rho[k] / g->rho_old[k];
    }
    active->n = kept;
    PDM_TRY(ops->vector_combine(g->backend, *active, g->n, g->one, g->z, g->beta, g->p, g->p));
done:
    return status;
}

pdm_status pdm_cg_solve(pdm_cg *g, pdm_batch batch, const pdm_cg_system *system, pdm_buffer *b, pdm_buffer *x)
{
    pdm_status status = PDM_OK;
    pdm_batch  active = {.index = g->active};

    PDM_TRY(cg_start(g, batch, system, b, x, &active));
    while (active.n > 0) {
        PDM_TRY(cg_advance(g, &active, system, x));
        PDM_TRY(cg_turn(g, &active, system));
    }
done:
    return status;
}
