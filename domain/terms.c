#include "domain/domain_impl.h"

#include <math.h>
#include <stdio.h>

/* Prescribed flux of an equation on all of a side, or NULL. */
static const pdm_condition *prescribed_flux(const pdm_domain *d, pdm_size equation, pdm_size dim, int side)
{
    for (pdm_size i = 0; i < pdm_pde_n_condition(d->pde); i++) {
        const pdm_condition *c = &d->condition[i];
        if (c->kind == PDM_CONDITION_FLUX && c->field == equation && c->dim == dim && c->side == side &&
            domain_part_is_whole(d, c->part))
            return c;
    }
    return NULL;
}

/* Where a derivative is infinite (a map without slope), the rows would be NaN: refuse it by name. */
static pdm_status check_tables_finite(pdm_domain *d, pdm_case *c, const pdm_function *f, const pdm_term_desc *term)
{
    pdm_status status = PDM_OK;
    for (pdm_size a = 0; a < f->n_atom; a++)
        for (pdm_size j = 0; j < d->n_dim; j++) {
            const pdm_axis *axis = &term->axis[j];
            const pdm_size  n    = axis->n_point * (d->spline[j].degree + 1);
            for (pdm_size i = 0; i < n; i++) {
                if (isfinite(axis->basis[f->atom[a].order[j] * n + i])) continue;
                char group[96];
                snprintf(group, sizeof group, "domain/%s", pdm_pde_dim_name(d->pde, j));
                pdm_where where = pdm_case_where(c, group, "map");
                PDM_FAIL_AT(d->ctx, PDM_ERR_CASE, &where,
                            "derivatives by %s are needed where this map has no slope (an end); use grading instead of "
                            "map, or another map",
                            pdm_pde_dim_name(d->pde, j));
            }
        }
done:
    return status;
}

/* On a part of a side [n_dim] only, NULL: on all of it; times sign. */
static pdm_status add_part(pdm_domain *d, pdm_case *c, pdm_size block, const pdm_function *f, const axis_kind *kind,
                           const pdm_interval *part, double sign)
{
    pdm_status status = PDM_OK;
    PDM_ASSERT(d->n_term < d->term_capacity);
    const pdm_size t = d->n_term;

    d->term[t] = (pdm_term_desc){.n_order   = d->n_order,
                                 .n_atom    = f->n_atom,
                                 .atom      = f->atom,
                                 .n_input   = f->n_input,
                                 .input     = f->input,
                                 .value     = f->value,
                                 .partial   = f->partial,
                                 .second    = f->second,
                                 .n_second  = f->n_second,
                                 .second_a  = f->second_a,
                                 .second_b  = f->second_b,
                                 .n_sampled = f->n_sampled,
                                 .row0      = d->block[block].row0,
                                 .scale     = 1.0};
    for (pdm_size j = 0; j < d->n_dim; j++) {
        const bool         restricted = part && !(isinf(part[j].low) && isinf(part[j].high));
        const double       factor     = j == 0 ? sign : 1.0;
        const domain_axis *axis;
        if (restricted || factor != 1.0)
            PDM_TRY(domain_axis_part(d, j, kind[j], restricted ? &part[j] : NULL, factor, &axis));
        else
            PDM_TRY(domain_axis_get(d, j, kind[j], &axis));
        d->term[t].axis[j]       = axis->axis;
        d->term[t].row_scale[j]  = axis->row_scale;
        d->term_kind[t][j]       = kind[j];
        d->block[block].shape[j] = axis->axis.n_row;
    }
    PDM_TRY(check_tables_finite(d, c, f, &d->term[t]));
    d->term_block[t]    = (int32_t)block;
    d->term_function[t] = f;
    d->n_term++;
done:
    return status;
}

pdm_status domain_add_term(pdm_domain *d, pdm_case *c, pdm_size block, const pdm_function *f, const axis_kind *kind)
{
    return add_part(d, c, block, f, kind, NULL, 1.0);
}

/* Fluxes prescribed on parts of the sides: what is computed there out, what is prescribed in. */
static pdm_status add_part_fluxes(pdm_domain *d, pdm_case *c, pdm_size block, const pdm_term *term)
{
    pdm_status status = PDM_OK;
    axis_kind  kind[PDM_MAX_DIM];

    for (pdm_size j = 0; j < d->n_dim; j++) kind[j] = AXIS_CELL;
    for (pdm_size i = 0; i < pdm_pde_n_condition(d->pde); i++) {
        const pdm_condition *k = &d->condition[i];
        if (k->kind != PDM_CONDITION_FLUX || k->field != term->equation || k->dim != term->dim ||
            domain_part_is_whole(d, k->part))
            continue;
        kind[k->dim] = k->side ? AXIS_FLUX_HIGH : AXIS_FLUX_LOW;
        PDM_TRY(add_part(d, c, block, term->function, kind, k->part, -1.0));
        PDM_TRY(add_part(d, c, block, k->function, kind, k->part, 1.0));
    }
done:
    return status;
}

static pdm_status add_flux(pdm_domain *d, pdm_case *c, pdm_size block, const pdm_term *term)
{
    pdm_status           status = PDM_OK;
    const pdm_size       dim    = term->dim;
    const pdm_condition *low    = prescribed_flux(d, term->equation, dim, 0);
    const pdm_condition *high   = prescribed_flux(d, term->equation, dim, 1);
    axis_kind            kind[PDM_MAX_DIM];

    for (pdm_size j = 0; j < d->n_dim; j++) kind[j] = AXIS_CELL;
    kind[dim] = low && high ? AXIS_FACE_INNER : low ? AXIS_FACE_LOW : high ? AXIS_FACE_HIGH : AXIS_FACE;
    PDM_TRY(domain_add_term(d, c, block, term->function, kind));
    if (low) {
        kind[dim] = AXIS_FLUX_LOW;
        PDM_TRY(domain_add_term(d, c, block, low->function, kind));
    }
    if (high) {
        kind[dim] = AXIS_FLUX_HIGH;
        PDM_TRY(domain_add_term(d, c, block, high->function, kind));
    }
    PDM_TRY(add_part_fluxes(d, c, block, term));
done:
    return status;
}

static void name_block(pdm_domain *d, pdm_size block, const char *kind, const char *name)
{
    snprintf(d->block[block].name, sizeof d->block[block].name, "%s %s", kind, name);
}

static pdm_size close_block(pdm_domain *d, pdm_size block)
{
    pdm_size n = 1;
    for (pdm_size j = 0; j < d->n_dim; j++) n *= d->block[block].shape[j];
    d->block[block].n_row = n;
    return d->block[block].row0 + n;
}

/* Rows of one equation: cells (fluxes through their faces and source inside), or points. */
static pdm_status equation_block(pdm_domain *d, pdm_case *c, pdm_size equation, pdm_size block)
{
    pdm_status status = PDM_OK;
    axis_kind  kind[PDM_MAX_DIM];

    name_block(d, block, "equation", pdm_pde_field_name(d->pde, equation));
    if (d->settings.rows == 1) {
        for (pdm_size j = 0; j < d->n_dim; j++) kind[j] = AXIS_POINT;
        PDM_TRY(domain_add_term(d, c, block, pdm_pde_strong(d->pde, equation), kind));
        goto done;
    }
    for (pdm_size j = 0; j < d->n_dim; j++) kind[j] = AXIS_CELL;
    for (pdm_size i = 0; i < pdm_pde_n_term(d->pde); i++) {
        const pdm_term *term = pdm_pde_term(d->pde, i);
        if (term->equation != equation) continue;
        if (term->dim < 0)
            PDM_TRY(domain_add_term(d, c, block, term->function, kind));
        else
            PDM_TRY(add_flux(d, c, block, term));
    }
done:
    return status;
}

static pdm_status condition_block(pdm_domain *d, pdm_case *c, const pdm_condition *k, pdm_size block)
{
    axis_kind kind[PDM_MAX_DIM];
    char      name[40];

    snprintf(name, sizeof name, "%s_%s", pdm_pde_dim_name(d->pde, k->dim), k->side ? "max" : "min");
    name_block(d, block, "condition", name);
    for (pdm_size j = 0; j < d->n_dim; j++) kind[j] = AXIS_POINT;
    kind[k->dim] = k->side ? AXIS_SIDE_HIGH : AXIS_SIDE_LOW;
    return add_part(d, c, block, k->misfit ? k->misfit : k->function, kind, k->part, 1.0);
}

/* A flux that is prescribed where the equation has none, or in point rows, would be silently lost. */
static pdm_status check_flux_conditions(pdm_domain *d)
{
    pdm_status status = PDM_OK;
    for (pdm_size i = 0; i < pdm_pde_n_condition(d->pde); i++) {
        const pdm_condition *c     = &d->condition[i];
        bool                 found = false;
        if (c->kind != PDM_CONDITION_FLUX) continue;
        if (d->settings.rows == 1)
            PDM_FAIL_AT(d->ctx, PDM_ERR_CASE, &c->where,
                        "a flux can be prescribed with rows = \"volume\" only; with point rows write the condition "
                        "out, like \"k*dx(u) = g\"");
        for (pdm_size t = 0; t < pdm_pde_n_term(d->pde); t++)
            found = found || (pdm_pde_term(d->pde, t)->equation == c->field && pdm_pde_term(d->pde, t)->dim == c->dim);
        if (!found)
            PDM_FAIL_AT(d->ctx, PDM_ERR_CASE, &c->where,
                        "the equation of \"%s\" has no flux in %s: no term of the form d%s(...) stands alone",
                        pdm_pde_field_name(d->pde, c->field), pdm_pde_dim_name(d->pde, c->dim),
                        pdm_pde_dim_name(d->pde, c->dim));
    }
done:
    return status;
}

/* Offsets of the sampled input fields of all terms inside one sample's share. */
static pdm_status place_sampled(pdm_domain *d)
{
    pdm_status status = PDM_OK;
    pdm_size   n = 0, offset = 0, k = 0;

    for (pdm_size t = 0; t < d->n_term; t++) n += d->term[t].n_sampled;
    PDM_TRY(pdm_alloc_array(d->ctx, n, &d->sampled_offset));
    for (pdm_size t = 0; t < d->n_term; t++) {
        pdm_size n_point = 1;
        for (pdm_size j = 0; j < d->n_dim; j++) n_point *= d->term[t].axis[j].n_point;
        d->term[t].sampled_offset = d->sampled_offset + k;
        for (pdm_size i = 0; i < d->term[t].n_sampled; i++) {
            int checked;
            PDM_TRY(pdm_narrow_int(d->ctx, offset, "points of input fields", &checked));
            d->sampled_offset[k++] = checked;
            offset += n_point;
        }
    }
    d->rows.n_sampled = offset;
done:
    return status;
}

static void fill_rows_desc(pdm_domain *d, pdm_size n_row)
{
    d->rows.n_dim    = d->n_dim;
    d->rows.n_field  = d->n_field;
    d->rows.n_row    = n_row;
    d->rows.n_term   = d->n_term;
    d->rows.term     = d->term;
    d->rows.n_scalar = pdm_pde_n_scalar(d->pde);
    for (pdm_size j = 0; j < d->n_dim; j++) {
        d->rows.degree[j]    = d->spline[j].degree;
        d->rows.n_coef[j]    = d->spline[j].n_coef;
        d->rows.n_element[j] = d->spline[j].n_element;
        d->rows.periodic[j]  = d->spline[j].periodic;
    }
}

/* Fewer rows than free coefficients leave a field that no row sees. */
static pdm_status check_enough_rows(pdm_domain *d, pdm_case *c, pdm_size n_row)
{
    pdm_status status = PDM_OK;
    if (n_row < d->n_free) {
        pdm_where where = pdm_case_where(c, "domain", d->settings.rows == 1 ? "gauss" : "sub");
        PDM_FAIL_AT(d->ctx, PDM_ERR_CASE, &where,
                    "%lld rows for %lld free coefficients; more control points, a lower degree, or more %s expected",
                    (long long)n_row, (long long)d->n_free,
                    d->settings.rows == 1 ? "Gauss points (domain:gauss)" : "cells per knot span (domain:sub)");
    }
done:
    return status;
}

pdm_status domain_terms_create(pdm_domain *d, pdm_case *c)
{
    pdm_status     status      = PDM_OK;
    const pdm_size n_condition = pdm_pde_n_condition(d->pde), n_equation = pdm_pde_n_equation(d->pde);
    const pdm_size n_constraint = pdm_pde_n_constraint(d->pde);
    pdm_size       n_row        = 0, n_counting;
    int            checked;

    d->term_capacity = pdm_pde_n_term(d->pde) + n_equation + 2 * n_condition + 2 * n_constraint;
    PDM_TRY(pdm_alloc_array(d->ctx, n_equation + n_condition + n_constraint, &d->block));
    PDM_TRY(pdm_alloc_array(d->ctx, d->term_capacity, &d->term));
    PDM_TRY(pdm_alloc_array(d->ctx, d->term_capacity, &d->term_block));
    PDM_TRY(pdm_alloc_array(d->ctx, d->term_capacity, &d->term_function));
    PDM_TRY(pdm_alloc_array(d->ctx, d->term_capacity, &d->term_kind));
    PDM_TRY(check_flux_conditions(d));
    for (pdm_size e = 0; e < n_equation; e++) {
        d->block[d->n_block].row0 = n_row;
        PDM_TRY(equation_block(d, c, e, d->n_block));
        n_row = close_block(d, d->n_block++);
    }
    for (pdm_size i = 0; i < n_condition; i++) {
        const pdm_condition *k = &d->condition[i];
        if (k->kind != PDM_CONDITION_GENERAL && !k->misfit) continue;
        d->block[d->n_block].row0 = n_row;
        PDM_TRY(condition_block(d, c, k, d->n_block));
        n_row = close_block(d, d->n_block++);
    }
    n_counting = n_row;
    for (pdm_size i = 0; i < n_constraint; i++) {
        d->block[d->n_block].row0 = n_row;
        PDM_TRY(domain_constraint_block(d, c, i, d->n_block));
        n_row = close_block(d, d->n_block);
        n_counting += pdm_pde_has_time(d->pde) ? d->block[d->n_block].shape[0] : 1;
        d->n_block++;
    }
    PDM_TRY(pdm_narrow_int(d->ctx, n_row, "rows", &checked));
    PDM_TRY(place_sampled(d));
    fill_rows_desc(d, n_row);
    PDM_TRY(check_enough_rows(d, c, n_counting));
done:
    return status;
}
