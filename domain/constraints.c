/* Constraints on integrals over space, as rows of cells that count only as their sum. docs/mathematics.md, "Integral
 * constraints". */
#include "domain/domain_impl.h"

#include <stdio.h>

pdm_size domain_first_constraint(const pdm_domain *d)
{
    return d->n_block - pdm_pde_n_constraint(d->pde);
}

/* The integrand in every cell; the value, with a minus, in one cell of space at each time: one point,
 * weights -1 and 1. */
pdm_status domain_constraint_block(pdm_domain *d, pdm_case *c, pdm_size i, pdm_size block)
{
    pdm_status            status = PDM_OK;
    const pdm_constraint *k      = pdm_pde_constraint(d->pde, i);
    const pdm_size        first  = pdm_pde_has_time(d->pde) ? 1 : 0;
    axis_kind             kind[PDM_MAX_DIM];

    snprintf(d->block[block].name, sizeof d->block[block].name, "constraint %.48s", k->name);
    for (pdm_size j = 0; j < d->n_dim; j++) kind[j] = AXIS_CELL;
    PDM_TRY(domain_add_term(d, c, block, k->inside, kind));
    for (pdm_size j = first; j < d->n_dim; j++) kind[j] = j == first ? AXIS_FLUX_LOW : AXIS_FLUX_HIGH;
    PDM_TRY(domain_add_term(d, c, block, k->value, kind));
done:
    return status;
}
