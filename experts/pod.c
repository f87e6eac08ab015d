/* The prior "pod": columns that are the leading directions of solutions, the same for all samples. They are found by
 * whoever has solutions, and stand in the model. docs/mathematics.md, "Columns from solutions". */
#include "experts/experts.h"

#include "experts/experts_impl.h"

pdm_status experts_pod_create(pdm_experts *x)
{
    pdm_status     status  = PDM_OK;
    const pdm_size n_group = x->desc.n_expert * x->desc.n_field;

    x->n_pod = x->desc.n_field * x->desc.n_coef;
    for (pdm_size g = 0; g < n_group; g++) x->n_pod += x->group[g].n_coef * x->group[g].n_col;
    PDM_TRY(pdm_alloc_array(x->ctx, x->n_pod, &x->prior));
    double *next = x->prior;
    for (pdm_size g = 0; g < n_group; g++) {
        x->group[g].prior = next;
        next += x->group[g].n_coef * x->group[g].n_col;
    }
    x->desc.offset = next;
done:
    return status;
}

pdm_pod pdm_experts_pod(const pdm_experts *x)
{
    if (x->n_pod == 0) return (pdm_pod){0};
    return (pdm_pod){x->n_pod, x->prior, x->prior + x->n_pod - x->desc.n_field * x->desc.n_coef};
}
