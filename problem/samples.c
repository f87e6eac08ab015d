/* From inputs to what rows read: lift, and data at points. */
#include "problem/problem.h"

#include <math.h>

static void samples_layout(pdm_samples *s)
{
    pdm_arena *a = &s->arena;
    s->input     = pdm_carve(a, double, s->n_most *pdm_domain_n_input(s->problem->domain));
    s->index     = pdm_carve(a, int32_t, s->n_most);
    s->work      = pdm_carve(a, double, pdm_domain_prepare_work(s->problem->domain));
}

pdm_status pdm_samples_create(const pdm_problem *p, pdm_size n_most, pdm_samples **out)
{
    pdm_status           status = PDM_OK;
    pdm_backend         *b      = p->backend;
    const pdm_rows_desc *rows   = pdm_domain_rows(p->domain);
    const size_t         n = (size_t)n_most, c_size = (size_t)(rows->n_field * pdm_domain_n_coef(p->domain));
    pdm_samples         *s = NULL;

    PDM_TRY(pdm_alloc(p->ctx, sizeof *s, &s));
    s->problem = p;
    s->n_most  = n_most;
    PDM_TRY(b->ops->buffer_create(b, n * c_size * sizeof(double), &s->lift));
    PDM_TRY(b->ops->buffer_create(b, n * (size_t)rows->n_scalar * sizeof(double), &s->data.scalar));
    PDM_TRY(b->ops->buffer_create(b, n * (size_t)rows->n_sampled * sizeof(double), &s->data.sampled));
    pdm_arena_measure(&s->arena, p->ctx);
    samples_layout(s);
    PDM_TRY(pdm_arena_allocate(&s->arena));
    samples_layout(s);
    for (pdm_size i = 0; i < n_most; i++) s->index[i] = (int32_t)i;
    *out = s;
    s    = NULL;
done:
    pdm_samples_destroy(&s);
    return status;
}

void pdm_samples_destroy(pdm_samples **samples)
{
    pdm_samples *s = *samples;
    if (!s) return;
    pdm_backend *b = s->problem->backend;
    b->ops->buffer_destroy(b, &s->lift);
    b->ops->buffer_destroy(b, &s->data.scalar);
    b->ops->buffer_destroy(b, &s->data.sampled);
    pdm_arena_destroy(&s->arena);
    pdm_free(s->problem->ctx, s);
    *samples = NULL;
}

pdm_batch pdm_samples_batch(const pdm_samples *s, pdm_size n)
{
    return (pdm_batch){.n = n, .index = s->index};
}

pdm_status pdm_samples_prepare(pdm_samples *s, pdm_size n, const double *input)
{
    pdm_status           status = PDM_OK;
    const pdm_problem   *p      = s->problem;
    pdm_backend         *b      = p->backend;
    const pdm_rows_desc *rows   = pdm_domain_rows(p->domain);
    const pdm_size       c_size = rows->n_field * pdm_domain_n_coef(p->domain), n_input = pdm_domain_n_input(p->domain);
    void                *scalar = NULL, *sampled = NULL, *lift = NULL;

    PDM_TRY(b->ops->acquire(b, s->data.scalar, PDM_WRITE, &scalar));
    PDM_TRY(b->ops->acquire(b, s->data.sampled, PDM_WRITE, &sampled));
    PDM_TRY(b->ops->acquire(b, s->lift, PDM_WRITE, &lift));
    for (pdm_size i = 0; i < n; i++) {
        for (pdm_size k = 0; k < n_input; k++)
            if (!isfinite(input[i * n_input + k]))
                PDM_FAIL(p->ctx, PDM_ERR_DATA, "input number %lld of sample %lld is %g; a finite number expected",
                         (long long)k, (long long)i, input[i * n_input + k]);
        PDM_TRY(pdm_domain_prepare(p->domain, input + i * n_input, (double *)scalar + i * rows->n_scalar,
                                   (double *)sampled + i * rows->n_sampled, (double *)lift + i * c_size, s->work,
                                   NULL));
    }
done:
    status = pdm_release(b, status, s->data.scalar, &scalar);
    status = pdm_release(b, status, s->data.sampled, &sampled);
    status = pdm_release(b, status, s->lift, &lift);
    return status;
}
