/* The solve with all coefficients free: the same rows as with experts, and as unknowns all that data do not fix. */
#include "problem/problem.h"

enum { TILE = 48 }; /* unknowns a block, about: what the factorisation likes */

static void free_layout(pdm_free_solver *f, pdm_size n_sample)
{
    f->plus  = pdm_carve(&f->arena, double, n_sample);
    f->minus = pdm_carve(&f->arena, double, n_sample);
}

pdm_status pdm_free_solver_create(const pdm_problem *p, pdm_size n_sample, double tolerance, pdm_size max_iter,
                                  pdm_free_solver **out)
{
    pdm_status          status   = PDM_OK;
    pdm_backend        *b        = p->backend;
    pdm_free_solver    *f        = NULL;
    pdm_solver_settings settings = p->solving;
    const size_t        c_size   = (size_t)(pdm_domain_n_field(p->domain) * pdm_domain_n_coef(p->domain));

    settings.mode      = PDM_MODE_COUPLED;
    settings.ridge     = 0.0;
    settings.tolerance = tolerance;
    settings.max_iter  = max_iter;
    PDM_TRY(pdm_alloc(p->ctx, sizeof *f, &f));
    f->problem = p;
    PDM_TRY(pdm_experts_create_free(p->ctx, p->domain, TILE, &f->experts));
    PDM_TRY(pdm_solver_create(p->ctx, b, &settings, p->domain, f->experts, n_sample, &f->solver));
    PDM_TRY(b->ops->buffer_create(b, (size_t)n_sample * c_size * sizeof(double), &f->difference));
    pdm_arena_measure(&f->arena, p->ctx);
    free_layout(f, n_sample);
    PDM_TRY(pdm_arena_allocate(&f->arena));
    free_layout(f, n_sample);
    for (pdm_size i = 0; i < n_sample; i++) {
        f->plus[i]  = 1.0;
        f->minus[i] = -1.0;
    }
    *out = f;
    f    = NULL;
done:
    pdm_free_solver_destroy(&f);
    return status;
}

void pdm_free_solver_destroy(pdm_free_solver **free)
{
    pdm_free_solver *f = *free;
    if (!f) return;
    f->problem->backend->ops->buffer_destroy(f->problem->backend, &f->difference);
    pdm_solver_destroy(&f->solver);
    pdm_experts_destroy(&f->experts);
    pdm_arena_destroy(&f->arena);
    pdm_free(f->problem->ctx, f);
    *free = NULL;
}

/* w = C^T (c - lift): columns of free coefficients are those of the identity. */
pdm_status pdm_free_solver_start(pdm_free_solver *f, const pdm_samples *s, pdm_batch batch, pdm_buffer *c)
{
    pdm_status              status = PDM_OK;
    pdm_backend            *b      = f->problem->backend;
    const pdm_solver_state *to     = pdm_solver_lend(f->solver);

    PDM_TRY(b->ops->vector_combine(b, batch, to->c_size, f->plus, c, f->minus, s->lift, f->difference));
    PDM_TRY(b->ops->columns_reduce(b, to->columns, batch, f->difference, to->w));
done:
    return status;
}

pdm_status pdm_free_solver_solve(pdm_free_solver *f, const pdm_samples *s, pdm_batch batch, pdm_start start)
{
    return pdm_solver_solve(f->solver, batch, &s->data, NULL, s->lift, start);
}
