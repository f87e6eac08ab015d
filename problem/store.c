/* What of a problem is found by solves, to and from a model's file. */
#include "problem/problem.h"

pdm_status pdm_problem_store_grading(pdm_problem **p, pdm_store *s, bool writing)
{
    pdm_status     status = PDM_OK;
    pdm_context   *ctx    = (*p)->ctx;
    pdm_grading    found  = {{NULL}};
    const pdm_size n_dim  = pdm_domain_n_dim((*p)->domain);

    for (pdm_size j = 0; j < n_dim; j++) {
        const pdm_spline *spline = pdm_domain_spline((*p)->domain, j);
        const char       *name   = pdm_pde_dim_name((*p)->pde, j);
        const pdm_size    n      = spline->n_span - 1;
        pdm_size          there  = -1;
        if (n == 0) continue;
        if (!writing && pdm_domain_says_no_knots((*p)->domain, j))
            PDM_TRY(pdm_store_length(s, "grading", name, &there)); /* was it graded by itself? */
        if (!pdm_domain_wants_grading((*p)->domain, j) && there < 0) continue;
        if (writing) {
            PDM_TRY(pdm_store_put(s, "grading", name, PDM_STORE_DOUBLE, n, spline->ends + 1, NULL));
        } else {
            PDM_TRY(pdm_alloc_array(ctx, n, &found.interior[j]));
            PDM_TRY(pdm_store_get(s, "grading", name, PDM_STORE_DOUBLE, n, found.interior[j]));
        }
    }
    if (!writing) PDM_TRY(pdm_problem_regrade(p, &found));
done:
    pdm_grading_destroy(ctx, &found);
    return status;
}

pdm_status pdm_problem_store_scales(pdm_problem *p, pdm_store *s, bool writing)
{
    pdm_status     status  = PDM_OK;
    const pdm_size n_block = pdm_domain_n_block(p->domain), n_field = pdm_domain_n_field(p->domain);
    double        *scale = NULL;

    PDM_TRY(pdm_alloc_array(p->ctx, n_block, &scale));
    for (pdm_size i = 0; i < n_block; i++) scale[i] = pdm_domain_scale(p->domain, i);
    PDM_TRY(pdm_store_exchange(s, writing, "scales", "rows", PDM_STORE_DOUBLE, n_block, scale));
    for (pdm_size i = 0; i < n_block; i++) pdm_domain_set_scale(p->domain, i, scale[i]);
    PDM_TRY(pdm_store_exchange(s, writing, "scales", "fields", PDM_STORE_DOUBLE, n_field, p->magnitude));
    if (p->inputs->n == 0) goto done;
    PDM_TRY(pdm_store_exchange(s, writing, "scales", "input_shift", PDM_STORE_DOUBLE, p->inputs->n, p->inputs->shift));
    PDM_TRY(pdm_store_exchange(s, writing, "scales", "input_scale", PDM_STORE_DOUBLE, p->inputs->n, p->inputs->scale));
done:
    pdm_free(p->ctx, scale);
    return status;
}
