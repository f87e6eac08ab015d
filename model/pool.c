/* Solutions with all coefficients free of inputs that training draws: what a network's guess learns from.
 * docs/mathematics.md, "Guess". */
#include "model/model.h"

#include <string.h>

/* What the guess needs, and no more: errors of a solve are then far below those of a network. */
static const double TOLERANCE = 1e-3;
enum { ITERATIONS = 50, HELD_OUT = 4 }; /* one more that a guess does not learn from for so many that it does */

static pdm_size target_size(const pdm_pool *p)
{
    return pdm_domain_n_field(p->m->problem->domain) * pdm_domain_n_coef(p->m->problem->domain);
}

pdm_status pdm_pool_create(pdm_model *m, pdm_size n_input, pdm_pool **out)
{
    pdm_status     status = PDM_OK;
    const pdm_size n_slab = pdm_model_n_slab(m), n_field = pdm_domain_n_field(m->problem->domain);
    pdm_pool      *p = NULL;

    PDM_TRY(pdm_alloc(m->ctx, sizeof *p, &p));
    p->m          = m;
    p->n_wanted   = (n_input + m->n_total - 1) / m->n_total;
    p->n_held_out = pdm_experts_guess(m->experts) ? (p->n_wanted + HELD_OUT - 1) / HELD_OUT : 0;
    p->n_most     = (p->n_wanted + p->n_held_out) * m->n_total * n_slab;
    PDM_TRY(pdm_alloc_array(m->ctx, p->n_most * pdm_domain_n_input(m->problem->domain), &p->input));
    PDM_TRY(pdm_alloc_array(m->ctx, p->n_most * target_size(p), &p->target));
    PDM_TRY(pdm_alloc_array(m->ctx, m->n_total * n_slab, &p->is_good));
    PDM_TRY(pdm_alloc_array(m->ctx, n_field, &p->square));
    PDM_TRY(pdm_free_solver_create(m->problem, m->n_batch, TOLERANCE, ITERATIONS, &p->free));
    *out = p;
    p    = NULL;
done:
    pdm_pool_destroy(&p);
    return status;
}

void pdm_pool_destroy(pdm_pool **pool)
{
    pdm_pool *p = *pool;
    if (!p) return;
    pdm_free_solver_destroy(&p->free);
    pdm_free(p->m->ctx, p->input);
    pdm_free(p->m->ctx, p->target);
    pdm_free(p->m->ctx, p->is_good);
    pdm_free(p->m->ctx, p->square);
    pdm_free(p->m->ctx, p);
    *pool = NULL;
}

/* Place i of the pool: c and lift [n_field][n_coef] as the network is to guess them, in sizes of fields. */
static void put_sample(pdm_pool *p, pdm_size i, const double *input, const double *c, const double *lift)
{
    const pdm_domain    *domain  = p->m->problem->domain;
    const unsigned char *is_free = pdm_domain_free(domain);
    const pdm_size       n_input = pdm_domain_n_input(domain), n_coef = pdm_domain_n_coef(domain);
    float               *target = p->target + i * target_size(p);

    memcpy(p->input + i * n_input, input, (size_t)n_input * sizeof *input);
    for (pdm_size f = 0; f < pdm_domain_n_field(domain); f++)
        for (pdm_size k = f * n_coef; k < (f + 1) * n_coef; k++)
            target[k] = (float)(is_free[k] ? (c[k] - lift[k]) / p->m->problem->magnitude[f] : 0.0);
}

/* Slab k of the samples of this part, into their places behind the pool: sample by sample, slab by slab. */
static pdm_status put_slab(pdm_pool *p, pdm_batch batch, pdm_size k)
{
    pdm_status         status  = PDM_OK;
    const pdm_model   *m       = p->m;
    const pdm_samples *s       = m->samples;
    const pdm_solver  *solver  = p->free->solver;
    pdm_backend       *b       = m->problem->backend;
    const pdm_size     n_input = pdm_domain_n_input(m->problem->domain), n_slab = pdm_model_n_slab(m);
    void              *c = NULL, *lift = NULL;

    PDM_TRY(b->ops->acquire(b, pdm_solver_lend(solver)->c, PDM_READ, &c));
    PDM_TRY(b->ops->acquire(b, s->lift, PDM_READ, &lift));
    for (pdm_size i = 0; i < batch.n; i++) {
        const pdm_size from = batch.index[i] * target_size(p), to = (m->first + batch.index[i]) * n_slab + k;
        p->is_good[to] = pdm_reason_is_good(pdm_solver_results(solver)[batch.index[i]].reason);
        put_sample(p, p->n + to, s->input + batch.index[i] * n_input, (double *)c + from, (double *)lift + from);
    }
done:
    status = pdm_release(b, status, pdm_solver_lend(solver)->c, &c);
    status = pdm_release(b, status, s->lift, &lift);
    return status;
}

/* Those behind the pool whose solve went well become its own. */
static void keep_good(pdm_pool *p)
{
    const pdm_size n_input = pdm_domain_n_input(p->m->problem->domain),
                   n_coef = pdm_domain_n_coef(p->m->problem->domain), size = target_size(p), first = p->n,
                   n = p->m->n_total * pdm_model_n_slab(p->m);

    for (pdm_size i = 0; i < n; i++) {
        float *target = p->target + p->n * size;
        if (!p->is_good[i]) {
            p->n_failed++;
            continue;
        }
        memmove(p->input + p->n * n_input, p->input + (first + i) * n_input, (size_t)n_input * sizeof *p->input);
        memmove(target, p->target + (first + i) * size, (size_t)size * sizeof *target);
        for (pdm_size k = 0; k < size; k++) p->square[k / n_coef] += (double)target[k] * (double)target[k];
        p->n++;
    }
}

/* The slabs of this part of the samples, one after the other. */
static pdm_status solve_part(pdm_pool *p)
{
    pdm_status      status = PDM_OK;
    pdm_model      *m      = p->m;
    const pdm_batch batch  = pdm_model_batch(m, m->n_now);
    const pdm_size  n_slab = pdm_model_n_slab(m);

    PDM_TRY(pdm_model_begin(m, p->n_draw));
    for (pdm_size k = 0; k < n_slab; k++) {
        if (k > 0) PDM_TRY(pdm_model_next_slab(m, pdm_solver_lend(p->free->solver)->c));
        PDM_TRY(pdm_samples_prepare(m->samples, batch.n, m->samples->input));
        PDM_TRY(pdm_free_solver_solve(p->free, m->samples, batch, PDM_START_ZERO));
        PDM_TRY(put_slab(p, batch, k));
    }
done:
    return status;
}

/* What the other ranks have solved. */
static pdm_status gather(pdm_pool *p)
{
    pdm_status     status  = PDM_OK;
    pdm_model     *m       = p->m;
    const size_t   n_slab  = (size_t)pdm_model_n_slab(m);
    const pdm_size n_input = pdm_domain_n_input(m->problem->domain), size = target_size(p);

    PDM_TRY(pdm_model_gather(m, "solutions' reasons", n_slab, p->is_good));
    PDM_TRY(pdm_model_gather(m, "solutions' inputs", n_slab * (size_t)n_input * sizeof *p->input,
                             p->input + p->n * n_input));
    PDM_TRY(pdm_model_gather(m, "solutions", n_slab * (size_t)size * sizeof *p->target, p->target + p->n * size));
done:
    return status;
}

/* One batch of inputs more. */
static pdm_status grow(pdm_pool *p)
{
    pdm_status status = PDM_OK;

    PDM_ASSERT(p->n + p->m->n_total * pdm_model_n_slab(p->m) <= p->n_most);
    for (pdm_size k = 0; pdm_model_turn_to(p->m, k); k++) PDM_TRY(solve_part(p));
    PDM_TRY(gather(p));
    keep_good(p);
    p->n_draw++;
    if (p->n_draw <= p->n_wanted) p->n_learn = p->n;
done:
    return status;
}

pdm_status pdm_pool_fill(pdm_pool *p, pdm_size n_draw)
{
    pdm_status status = PDM_OK;

    while (p->n_draw < n_draw) PDM_TRY(grow(p));
    if (p->n_learn == 0)
        PDM_FAIL(p->m->ctx, PDM_ERR_NUMERIC,
                 "none of %lld inputs has a solution with all coefficients free to learn from (training:solutions)",
                 (long long)p->n_failed);
done:
    return status;
}
