/* The cells of rows along a dimension: equal parts of knot spans, and a joint on each kink. */
#include "domain/domain_impl.h"

pdm_status domain_row_cells_create(pdm_domain *d, pdm_size dim)
{
    pdm_status        status = PDM_OK;
    const pdm_spline *s      = &d->spline[dim];
    domain_row_cells *c      = &d->row_cells[dim];
    const pdm_size    sub = d->sub[dim], most = s->n_span * sub + d->kinks[dim].n;

    PDM_TRY(pdm_alloc_array(d->ctx, most + 1, &c->edge));
    PDM_TRY(pdm_alloc_array(d->ctx, most, &c->element));
    for (pdm_size i = 0; i < s->n_span; i++) {
        const pdm_size e = s->span[i];
        if (d->kinks[dim].joints && i > 0 && e > s->span[i - 1] + 1) {
            c->edge[c->n]      = s->ends[i];
            c->element[c->n++] = s->span[i - 1] + s->degree / 2;
            c->n_joint++;
        }
        for (pdm_size k = 0; k < sub; k++) {
            c->edge[c->n]      = s->ends[i] + (s->ends[i + 1] - s->ends[i]) * (double)k / (double)sub;
            c->element[c->n++] = e;
        }
    }
    c->edge[c->n] = s->ends[s->n_span];
done:
    return status;
}

pdm_size domain_n_cell(const pdm_domain *d, pdm_size dim)
{
    return d->row_cells[dim].n;
}

double pdm_domain_cell_middle(const pdm_domain *d, pdm_size dim, pdm_size i)
{
    const pdm_map          *map = &d->spline[dim].map;
    const domain_row_cells *c   = &d->row_cells[dim];
    return 0.5 * (pdm_map_value(map, c->edge[i]) + pdm_map_value(map, c->edge[i + 1]));
}
