/* Boxes of experts of equal difficulty (experts:boxes = "measured"): cut where a few solutions with all coefficients
 * free are hard to reach. docs/mathematics.md, "Experts". */
#include "model/model.h"

#include "model/model_impl.h"

/* What columns are to reach: the coefficients that were found less the lifts, over the fields' sizes. d
 * [few->batch.n][n_field][n_coef] */
static pdm_status read_solutions(const pdm_problem *p, const pdm_few *few, double *d)
{
    pdm_status     status = PDM_OK;
    pdm_backend   *b      = p->backend;
    pdm_buffer    *found  = pdm_solver_lend(few->free->solver)->c;
    void          *c = NULL, *lift = NULL;
    const pdm_size n_coef = pdm_domain_n_coef(p->domain), size = pdm_domain_n_field(p->domain) * n_coef;

    PDM_TRY(b->ops->acquire(b, found, PDM_READ, &c));
    PDM_TRY(b->ops->acquire(b, few->samples->lift, PDM_READ, &lift));
    for (pdm_size i = 0; i < few->batch.n; i++)
        for (pdm_size k = 0; k < size; k++) {
            const pdm_size from = few->batch.index[i] * size + k;
            d[i * size + k]     = (((double *)c)[from] - ((double *)lift)[from]) / p->magnitude[k / n_coef];
        }
done:
    status = pdm_release(b, status, found, &c);
    status = pdm_release(b, status, few->samples->lift, &lift);
    return status;
}

pdm_status pdm_model_find_boxes(const pdm_model *m, int64_t **out)
{
    pdm_status         status = PDM_OK;
    const pdm_problem *p      = m->problem;
    pdm_few            few    = {0};
    double            *d      = NULL;
    int64_t           *bounds = NULL;
    const pdm_size     size   = pdm_domain_n_field(p->domain) * pdm_domain_n_coef(p->domain),
                   n          = pdm_experts_columns(m->experts)->n_expert * pdm_domain_n_dim(p->domain) * 2;

    if (!pdm_experts_wants_boxes(m->experts)) return PDM_OK;
    PDM_TRY(pdm_few_solve(p, "experts:boxes = \"measured\"", &few));
    PDM_TRY(pdm_alloc_array(m->ctx, few.batch.n * size, &d));
    PDM_TRY(pdm_alloc_array(m->ctx, n, &bounds));
    PDM_TRY(read_solutions(p, &few, d));
    PDM_TRY(pdm_experts_cut(m->experts, few.batch.n, d, bounds));
    *out   = bounds;
    bounds = NULL;
done:
    pdm_free(m->ctx, d);
    pdm_free(m->ctx, bounds);
    pdm_few_destroy(m->ctx, &few);
    return status;
}

pdm_status pdm_model_set_boxes(pdm_model *m, const int64_t *bounds)
{
    pdm_status   status = PDM_OK;
    pdm_experts *x      = NULL;

    if (!bounds) return PDM_OK;
    PDM_TRY(pdm_experts_create(m->ctx, m->whole->the_case, m->problem->domain, bounds, &x));
    pdm_experts_destroy(&m->experts);
    m->experts = x;
done:
    return status;
}

pdm_status boxes_store(pdm_model *m, pdm_store *s, bool writing)
{
    pdm_status     status = PDM_OK;
    const pdm_size n      = pdm_experts_columns(m->experts)->n_expert * pdm_domain_n_dim(m->problem->domain) * 2;
    int64_t       *bounds = NULL;

    if (!pdm_experts_wants_boxes(m->experts)) return PDM_OK;
    if (writing) return pdm_store_put(s, "experts", "boxes", PDM_STORE_INT64, n, pdm_experts_boxes(m->experts), NULL);
    PDM_TRY(pdm_alloc_array(m->ctx, n, &bounds));
    PDM_TRY(pdm_store_get(s, "experts", "boxes", PDM_STORE_INT64, n, bounds));
    PDM_TRY(pdm_model_set_boxes(m, bounds));
done:
    pdm_free(m->ctx, bounds);
    return status;
}
