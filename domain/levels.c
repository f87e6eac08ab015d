/* Rows that count as sums: which blocks get a pyramid, and its scales. docs/mathematics.md, "Rows at every scale",
 * "Integral constraints". */
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

/* Factors of the boxes of level l: 2^(start + l growth). */
typedef struct level_weight {
    double start, growth;
} level_weight;

/* One dimension of a pyramid that has all but this table. Of level l, box i:
 *     s = 2^((start + l growth) / n_dim) (cells in the box)^-1/2
 *         (length of the box / mean length of the level's)^-row_power */
static void fill_dimension(const pdm_domain *d, const pdm_pyramid_desc *p, pdm_size dim, const domain_axis *axis,
                           level_weight weight, double *unscale, double *scale)
{
    const pdm_size n_cell = p->shape[dim];
    const double   power  = d->settings.row_power;
    pdm_size       width  = p->first_width[dim];

    for (pdm_size i = 0; i < n_cell; i++) unscale[i] = 1.0 / axis->row_scale[i];
    for (pdm_size l = 1; l <= p->n_level; l++, width *= p->width[dim]) {
        const pdm_size n_box = (n_cell - 1) / width + 1;
        const double   grow  = exp2((weight.start + (double)l * weight.growth) / (double)d->n_dim);
        for (pdm_size i = 0; i < n_box; i++) {
            const pdm_size end = (i + 1) * width < n_cell ? (i + 1) * width : n_cell, cells = end - i * width;
            const double   mean   = (double)n_cell / (double)n_box; /* in cells of mean length */
            double         length = 0.0;                            /* likewise */
            for (pdm_size k = i * width; k < end; k++) length += axis->row_length[k];
            scale[(l - 1) * n_cell + i] = grow / sqrt((double)cells) * pow(length / mean, -power);
        }
    }
}

/* p has all but the tables. */
static pdm_status add_pyramid(pdm_domain *d, pdm_pyramid_desc p, level_weight weight)
{
    pdm_status        status = PDM_OK;
    pdm_pyramid_desc *to     = &d->pyramid[d->rows.n_pyramid];

    *to = p;
    d->rows.n_pyramid++; /* what it owns so far is destroyed with the domain */
    for (pdm_size j = 0; j < d->n_dim; j++) {
        const domain_axis *axis;
        double            *table = NULL;
        PDM_TRY(domain_axis_get(d, j, AXIS_CELL, &axis));
        PDM_TRY(pdm_alloc_array(d->ctx, (1 + p.n_level) * p.shape[j], &table));
        fill_dimension(d, &p, j, axis, weight, table, table + p.shape[j]);
        to->unscale[j] = table;
        to->scale[j]   = table + p.shape[j];
    }
done:
    return status;
}

/* Boxes of 2^l cells. The product of the scales is 2^(l (a - d/2)) on a uniform grid of 2^n cells. */
static pdm_status add_levels(pdm_domain *d, const pdm_row_block *block)
{
    pdm_pyramid_desc p = {.row0 = block->row0, .n_level = levels_of(d, block)};
    for (pdm_size j = 0; j < d->n_dim; j++) {
        p.shape[j]       = block->shape[j];
        p.first_width[j] = p.width[j] = 2;
    }
    return add_pyramid(d, p, (level_weight){0.0, d->settings.level_power});
}

/* Of a constraint's sums, beside 1 of the rows of equations. A constraint that is not linear makes a curved valley, whose
 * walls must not be too steep for the solver to walk along. */
static const double LINEAR_WEIGHT = 1e3, NONLINEAR_WEIGHT = 30.0;

/* All of space: each piece of time by itself, with weight 1, then the pieces of a knot span together, with the large
 * weight (one sum for each, fewer than the coefficients in time, so that it can be met); steady,
 * all of space with that. */
static pdm_status add_constraint(pdm_domain *d, const pdm_row_block *block, const pdm_constraint *k)
{
    const bool         time   = pdm_pde_has_time(d->pde);
    const double       large  = log2(k->inside->n_second == 0 ? LINEAR_WEIGHT : NONLINEAR_WEIGHT);
    const level_weight weight = {time ? -large : 0.0, large};
    pdm_pyramid_desc   p      = {.row0 = block->row0, .n_level = time ? 2 : 1, .only_sums = true};

    for (pdm_size j = 0; j < d->n_dim; j++) {
        const bool is_time = time && j == 0;
        p.shape[j]         = block->shape[j];
        p.first_width[j]   = is_time ? 1 : block->shape[j];
        p.width[j]         = is_time ? d->sub[0] : 1;
    }
    return add_pyramid(d, p, weight);
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

/* Where a value ends and another kind of condition begins on a side, solutions go like the root of the distance. */
static bool values_end(const pdm_domain *d)
{
    for (pdm_size i = 0; i < pdm_pde_n_condition(d->pde); i++) {
        const pdm_condition *k = pdm_pde_condition(d->pde, i);
        if (k->kind == PDM_CONDITION_DIRICHLET && !domain_part_is_whole(d, k->part)) return true;
    }
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
    *why = "a value ends along a side, where solutions are like the root of the distance";
    if (values_end(d)) return true;
    *why = "levels = \"on\" is for shocks and layers thinner than the knot spans";
    return false;
}

pdm_status domain_levels_create(pdm_domain *d, pdm_case *c)
{
    pdm_status     status     = PDM_OK;
    const pdm_size n_equation = pdm_pde_n_equation(d->pde), n_constraint = pdm_pde_n_constraint(d->pde);

    if (d->settings.levels == LEVELS_ON && d->settings.rows == 1) {
        pdm_where where = pdm_case_where(c, "domain", "levels");
        PDM_FAIL_AT(d->ctx, PDM_ERR_CASE, &where,
                    "rows at every scale are sums of integrals; rows = \"volume\" expected beside levels = \"on\"");
    }
    d->has_levels = decide(d, &d->levels_why);
    if (!d->has_levels && n_constraint == 0) goto done;
    PDM_TRY(pdm_alloc_array(d->ctx, n_equation + n_constraint, &d->pyramid));
    d->rows.pyramid = d->pyramid;
    for (pdm_size b = 0; d->has_levels && b < n_equation; b++) PDM_TRY(add_levels(d, &d->block[b]));
    for (pdm_size i = 0; i < n_constraint; i++)
        PDM_TRY(add_constraint(d, &d->block[domain_first_constraint(d) + i], pdm_pde_constraint(d->pde, i)));
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
    if (!d->has_levels) return pdm_text_append(out, "levels       one (%s)\n", d->levels_why);
    return pdm_text_append(out, "levels       %lld, up to the whole domain (%s)\n",
                           (long long)d->pyramid[0].n_level + 1, d->levels_why);
}
