/* Rows at every scale: which blocks get a pyramid, and its scales. docs/mathematics.md, "Rows at every scale". */
#include "domain/domain_impl.h"

#include <math.h>

enum { LEVELS_AUTO, LEVELS_ON, LEVELS_OFF };

static pdm_size levels_of(const pdm_domain *d, const pdm_row_block *block)
{
    pdm_size most = 1, n = 0;
    for (pdm_size j = 0; j < d->n_dim; j++) most = block->shape[j] > most ? block->shape[j] : most;
    while (((pdm_size)1 << n) < most) n++;
    return n;
}

/* One dimension of a block. Of level l, box i:
 *     s = 2^(l a / n_dim) (cells in the box)^-1/2 (length of the box / mean length of the level's boxes)^-row_power
 * The product over the dimensions is 2^(l (a - d/2)) on a uniform grid of 2^n cells. */
static void fill_dimension(const pdm_domain *d, const domain_axis *axis, pdm_size n_cell, pdm_size n_level,
                           double *unscale, double *scale)
{
    const double power = d->settings.row_power;

    for (pdm_size i = 0; i < n_cell; i++) unscale[i] = 1.0 / axis->row_scale[i];
    for (pdm_size l = 1; l <= n_level; l++) {
        const pdm_size width = (pdm_size)1 << l, n_box = (n_cell - 1) / width + 1;
        const double   grow = exp2((double)l * d->settings.level_power / (double)d->n_dim);
        for (pdm_size i = 0; i < n_box; i++) {
            const pdm_size end = (i + 1) * width < n_cell ? (i + 1) * width : n_cell, cells = end - i * width;
            const double   mean   = (double)n_cell / (double)n_box; /* in cells of mean length */
            double         length = 0.0;                            /* likewise */
            for (pdm_size k = i * width; k < end; k++) length += axis->row_length[k];
            scale[(l - 1) * n_cell + i] = grow / sqrt((double)cells) * pow(length / mean, -power);
        }
    }
}

static pdm_status add_pyramid(pdm_domain *d, const pdm_row_block *block)
{
    pdm_status        status = PDM_OK;
    pdm_pyramid_desc *p      = &d->pyramid[d->rows.n_pyramid];

    *p = (pdm_pyramid_desc){.row0 = block->row0, .n_level = levels_of(d, block)};
    d->rows.n_pyramid++; /* what it owns so far is destroyed with the domain */
    for (pdm_size j = 0; j < d->n_dim; j++) {
        const domain_axis *axis;
        double            *table = NULL;
        p->shape[j]              = block->shape[j];
        PDM_TRY(domain_axis_get(d, j, AXIS_CELL, &axis));
        PDM_TRY(pdm_alloc_array(d->ctx, (1 + p->n_level) * p->shape[j], &table));
        fill_dimension(d, axis, p->shape[j], p->n_level, table, table + p->shape[j]);
        p->unscale[j] = table;
        p->scale[j]   = table + p->shape[j];
    }
done:
    return status;
}

/* Coefficients that are data may jump, and a jump in a flux is what one level of rows does not survive. */
static bool flux_reads_field(const pdm_domain *d)
{
    for (pdm_size i = 0; i < pdm_pde_n_term(d->pde); i++)
        if (pdm_pde_term(d->pde, i)->dim >= 0 && pdm_pde_term(d->pde, i)->function->n_sampled > 0) return true;
    return false;
}

static bool is_nonlinear(const pdm_domain *d)
{
    for (pdm_size i = 0; i < d->n_term; i++)
        if (d->term[i].n_second > 0) return true;
    return false;
}

/* What "auto" comes to, and why. */
static bool decide(const pdm_domain *d, const char **why)
{
    *why = "as the case says";
    if (d->settings.levels != LEVELS_AUTO) return d->settings.levels == LEVELS_ON;
    *why = "point rows are not integrals";
    if (d->settings.rows == 1) return false;
    *why = "a flux reads an input field, which may jump";
    if (flux_reads_field(d)) return true;
    *why = "steady and nonlinear: the large scales must not end in a wrong minimum";
    if (!pdm_pde_has_time(d->pde) && is_nonlinear(d)) return true;
    *why = "levels = \"on\" is for shocks and layers thinner than the knot spans";
    return false;
}

pdm_status domain_levels_create(pdm_domain *d, pdm_case *c)
{
    pdm_status     status     = PDM_OK;
    const pdm_size n_equation = pdm_pde_n_equation(d->pde);

    if (d->settings.levels == LEVELS_ON && d->settings.rows == 1) {
        pdm_where where = pdm_case_where(c, "domain", "levels");
        PDM_FAIL_AT(d->ctx, PDM_ERR_CASE, &where,
                    "rows at every scale are sums of integrals; rows = \"volume\" expected beside levels = \"on\"");
    }
    if (!decide(d, &d->levels_why)) goto done;
    PDM_TRY(pdm_alloc_array(d->ctx, n_equation, &d->pyramid));
    d->rows.pyramid = d->pyramid;
    for (pdm_size b = 0; b < n_equation; b++) PDM_TRY(add_pyramid(d, &d->block[b]));
done:
    return status;
}

void domain_levels_destroy(pdm_domain *d)
{
    for (pdm_size i = 0; i < d->rows.n_pyramid; i++)
        for (pdm_size j = 0; j < d->n_dim; j++) pdm_free(d->ctx, (void *)(uintptr_t)d->pyramid[i].unscale[j]);
    pdm_free(d->ctx, d->pyramid);
}

pdm_status domain_levels_view(const pdm_domain *d, pdm_text *out)
{
    if (d->rows.n_pyramid == 0) return pdm_text_append(out, "levels       one (%s)\n", d->levels_why);
    return pdm_text_append(out, "levels       %lld, up to the whole domain (%s)\n",
                           (long long)d->pyramid[0].n_level + 1, d->levels_why);
}
