/* The coefficients of a batch, slab by slab, until its verdict. */
#include "verdict/verdict.h"

#include <string.h>

#include "verdict/verdict_impl.h"

/* Room for slab k of n numbers. */
static pdm_status make_room(pdm_context *ctx, kept_answer *a, pdm_size n, pdm_size k)
{
    pdm_status status = PDM_OK;
    double   **more   = NULL;

    if (k == a->capacity) {
        PDM_TRY(pdm_alloc_array(ctx, 2 * k + 1, &more));
        if (k > 0) memcpy(more, a->slab, (size_t)k * sizeof *more);
        pdm_free(ctx, a->slab);
        a->slab     = more;
        a->capacity = 2 * k + 1;
    }
    if (!a->slab[k]) PDM_TRY(pdm_alloc_array(ctx, n, &a->slab[k]));
done:
    return status;
}

pdm_status kept_answer_put(kept_answer *a, const pdm_problem *p, pdm_size n_most, pdm_size k, pdm_buffer *c)
{
    pdm_status     status = PDM_OK;
    pdm_backend   *b      = p->backend;
    const pdm_size n      = n_most * pdm_domain_n_field(p->domain) * pdm_domain_n_coef(p->domain);
    void          *host   = NULL;

    PDM_TRY(make_room(p->ctx, a, n, k));
    PDM_TRY(b->ops->acquire(b, c, PDM_READ, &host));
    memcpy(a->slab[k], host, (size_t)n * sizeof **a->slab);
    a->n_slab = k + 1;
done:
    status = pdm_release(b, status, c, &host);
    return status;
}

void kept_answer_destroy(pdm_context *ctx, kept_answer *a)
{
    for (pdm_size k = 0; k < a->capacity; k++) pdm_free(ctx, a->slab[k]);
    pdm_free(ctx, a->slab);
    *a = (kept_answer){0};
}
