#include "domain/domain_impl.h"

#include <stdio.h>

static pdm_status collect_layers(pdm_domain *d)
{
    pdm_status     status    = PDM_OK;
    const pdm_size n_initial = pdm_pde_n_initial(d->pde), n_condition = pdm_pde_n_condition(d->pde);

    PDM_TRY(pdm_alloc_array(d->ctx, n_initial, &d->initial));
    PDM_TRY(pdm_alloc_array(d->ctx, n_condition, &d->side));
    for (int32_t order = 0; order < PDM_MAX_ORDER; order++)
        for (pdm_size i = 0; i < n_initial; i++) {
            const pdm_initial *k = pdm_pde_initial(d->pde, i);
            if (k->order != order) continue;
            domain_layer *l = &d->initial[d->n_initial++];
            *l = (domain_layer){.function = k->function, .field = k->field, .order = k->order, .where = k->where};
            l->initial = k;
            for (pdm_size j = 0; j < d->n_dim; j++) l->kind[j] = j == 0 ? AXIS_SIDE_LOW : AXIS_GREVILLE;
        }
    for (pdm_size i = 0; i < n_condition; i++) {
        const pdm_condition *k = pdm_pde_condition(d->pde, i);
        if (k->kind != PDM_CONDITION_DIRICHLET) continue;
        if (pdm_pde_curve_weight(d->pde, k->field)) continue; /* a row: the spline is not what has the value */
        domain_layer *l = &d->side[d->n_side++];
        *l              = (domain_layer){.function = k->function,
                                         .field    = k->field,
                                         .dim      = k->dim,
                                         .side     = k->side,
                                         .part     = k->part,
                                         .where    = k->where};
        for (pdm_size j = 0; j < d->n_dim; j++)
            l->kind[j] = j != k->dim ? AXIS_GREVILLE : k->side ? AXIS_SIDE_HIGH : AXIS_SIDE_LOW;
    }
    for (pdm_size i = 0; i < d->n_initial + d->n_side; i++)
        for (pdm_size j = 0; j < d->n_dim; j++) {
            const domain_axis  *unused;
            const domain_layer *l = i < d->n_initial ? &d->initial[i] : &d->side[i - d->n_initial];
            PDM_TRY(domain_axis_get(d, j, l->kind[j], &unused));
        }
done:
    return status;
}

/* A second initial condition is carried by the second layer of coefficients, which needs dt/dxi > 0 at the start. */
static pdm_status check_time_map(pdm_domain *d, pdm_case *c)
{
    pdm_status status = PDM_OK;
    for (pdm_size i = 0; i < d->n_initial; i++) {
        double slope[2];
        if (d->initial[i].order == 0) continue;
        pdm_map_derivatives(&d->spline[0].map, 0.0, 1, slope);
        if (!(slope[1] > 0.0 && slope[1] < 1e300)) {
            pdm_where where = pdm_case_where(c, "domain/t", "map");
            PDM_FAIL_AT(d->ctx, PDM_ERR_CASE, &where,
                        "this map has no finite slope at the start, so the time derivative of \"%s\" cannot be "
                        "prescribed; \"linear\" expected",
                        pdm_pde_field_name(d->pde, d->initial[i].field));
        }
        if (d->spline[0].degree < 2) {
            pdm_where where = pdm_case_where(c, "domain/t", "degree");
            PDM_FAIL_AT(d->ctx, PDM_ERR_CASE, &where,
                        "degree 1 in time; 2 or more expected for an equation of second order in time");
        }
    }
done:
    return status;
}

static bool sees_inside(const pdm_domain *d, pdm_size i)
{
    pdm_size index[PDM_MAX_DIM];
    for (pdm_size j = d->n_dim - 1; j >= 0; j--) {
        index[j] = i % d->spline[j].n_coef;
        i /= d->spline[j].n_coef;
    }
    return domain_shape_sees(d, index);
}

static void mark_fixed(pdm_domain *d)
{
    pdm_size stride[PDM_MAX_DIM], s = 1;
    for (pdm_size j = d->n_dim - 1; j >= 0; j--) {
        stride[j] = s;
        s *= d->spline[j].n_coef;
    }
    for (pdm_size f = 0; f < d->n_field; f++)
        for (pdm_size i = 0; i < d->n_coef; i++) {
            bool fixed = false;
            for (pdm_size k = 0; k < d->n_initial; k++)
                fixed = fixed || (d->initial[k].field == f && i / stride[0] == d->initial[k].order);
            for (pdm_size k = 0; k < d->n_side; k++) {
                const domain_layer *l     = &d->side[k];
                const pdm_size      index = i / stride[l->dim] % d->spline[l->dim].n_coef;
                const bool          outer = index == (l->side ? d->spline[l->dim].n_coef - 1 : 0);
                fixed                     = fixed || (l->field == f && outer && domain_layer_has(d, l, i));
            }
            fixed                      = fixed || (d->shape && !sees_inside(d, i));
            d->free[f * d->n_coef + i] = !fixed;
            d->n_free += !fixed;
        }
}

static pdm_status choose_kinds(pdm_domain *d)
{
    pdm_status     status = PDM_OK;
    const pdm_size n      = pdm_pde_n_condition(d->pde);

    PDM_TRY(pdm_alloc_array(d->ctx, n, &d->condition));
    for (pdm_size i = 0; i < n; i++) {
        pdm_condition *k = &d->condition[i];
        *k               = *pdm_pde_condition(d->pde, i);
        if (!k->flux || d->settings.rows == 1 || d->counts_for[i] != k->flux_field) continue;
        k->kind     = PDM_CONDITION_FLUX;
        k->field    = k->flux_field;
        k->function = k->flux;
    }
done:
    return status;
}

pdm_status domain_conditions_create(pdm_domain *d, pdm_case *c)
{
    pdm_status status = PDM_OK;

    PDM_TRY(domain_sides_check(d, c));
    PDM_TRY(choose_kinds(d));
    PDM_TRY(collect_layers(d));
    PDM_TRY(check_time_map(d, c));
    PDM_TRY(pdm_alloc_array(d->ctx, d->n_field * d->n_coef, &d->free));
    mark_fixed(d);
done:
    return status;
}
