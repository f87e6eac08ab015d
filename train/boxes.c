/* Boxes of experts of equal difficulty (experts:boxes = "measured"): cut where a few solutions with all coefficients free are
 * hard to reach. docs/mathematics.md, "Experts". */
#include "train/train.h"

#include "train/train_impl.h"

/* What columns are to reach: the coefficients that few->polisher found less the lifts, over the fields' sizes. d
 * [batch.n][n_field][n_coef] */
static pdm_status read_solutions(pdm_model *few, pdm_batch batch, double *d)
{
    pdm_status     status = PDM_OK;
    pdm_backend   *b      = few->backend;
    pdm_buffer    *found  = pdm_solver_lend(few->polisher)->c;
    void          *c = NULL, *lift = NULL;
    const pdm_size n_field = pdm_domain_n_field(few->domain), n_coef = pdm_domain_n_coef(few->domain);

    PDM_TRY(b->ops->acquire(b, found, PDM_READ, &c));
    PDM_TRY(b->ops->acquire(b, few->lift, PDM_READ, &lift));
    for (pdm_size i = 0; i < batch.n; i++)
        for (pdm_size k = 0; k < n_field * n_coef; k++) {
            const pdm_size from         = batch.index[i] * n_field * n_coef + k;
            d[i * n_field * n_coef + k] = (((double *)c)[from] - ((double *)lift)[from]) / few->magnitude[k / n_coef];
        }
done:
    if (c) (void)b->ops->release(b, found, &c);
    if (lift) (void)b->ops->release(b, few->lift, &lift);
    return status;
}

pdm_status boxes_find(const pdm_model *m, int64_t **out)
{
    pdm_status     status = PDM_OK;
    pdm_model     *few    = NULL;
    double        *d      = NULL;
    int64_t       *bounds = NULL;
    pdm_grading    lent;
    pdm_batch      batch;
    const pdm_size n_dim = pdm_domain_n_dim(m->domain);

    if (!pdm_experts_wants_boxes(m->experts)) return PDM_OK;
    grading_lend(m, m, &lent);
    PDM_TRY(solve_few(m->the_case, &lent, "experts:boxes = \"measured\"", &few, &batch));
    PDM_TRY(pdm_alloc_array(m->ctx, batch.n * pdm_domain_n_field(m->domain) * pdm_domain_n_coef(m->domain), &d));
    PDM_TRY(pdm_alloc_array(m->ctx, pdm_experts_columns(m->experts)->n_expert * n_dim * 2, &bounds));
    PDM_TRY(read_solutions(few, batch, d));
    PDM_TRY(pdm_experts_cut(m->experts, batch.n, d, bounds));
    *out   = bounds;
    bounds = NULL;
done:
    pdm_free(m->ctx, d);
    pdm_free(m->ctx, bounds);
    pdm_model_destroy(&few);
    return status;
}

pdm_status boxes_set(pdm_model *m, const int64_t *bounds)
{
    pdm_status   status = PDM_OK;
    pdm_experts *x      = NULL;

    if (!bounds) return PDM_OK;
    PDM_TRY(pdm_experts_create(m->ctx, m->the_case, m->domain, bounds, &x));
    pdm_experts_destroy(&m->experts);
    m->experts = x;
done:
    return status;
}

pdm_status boxes_store(pdm_model *m, pdm_store *s, bool writing)
{
    pdm_status     status = PDM_OK;
    const pdm_size n      = pdm_experts_columns(m->experts)->n_expert * pdm_domain_n_dim(m->domain) * 2;
    int64_t       *bounds = NULL;

    if (!pdm_experts_wants_boxes(m->experts)) return PDM_OK;
    if (writing) return pdm_store_put(s, "experts", "boxes", PDM_STORE_INT64, n, pdm_experts_boxes(m->experts), NULL);
    PDM_TRY(pdm_alloc_array(m->ctx, n, &bounds));
    PDM_TRY(pdm_store_get(s, "experts", "boxes", PDM_STORE_INT64, n, bounds));
    PDM_TRY(boxes_set(m, bounds));
done:
    pdm_free(m->ctx, bounds);
    return status;
}
