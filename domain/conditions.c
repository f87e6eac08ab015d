#include "domain/domain_impl.h"

#include <stdio.h>

static const char *const side_name[2] = {"min", "max"};

/* Conditions one side of a bounded dimension takes for a field whose highest derivative across it is `order`: one for
 * first and second order, two for fourth. */
static pdm_size conditions_wanted(pdm_size order)
{
    return order == 0 ? 0 : (order + 1) / 2;
}

static pdm_status check_periodic(pdm_domain *d)
{
    pdm_status status = PDM_OK;
    for (pdm_size i = 0; i < pdm_pde_n_condition(d->pde); i++) {
        const pdm_condition *c = pdm_pde_condition(d->pde, i);
        if (d->spline[c->dim].periodic)
            PDM_FAIL_AT(d->ctx, PDM_ERR_CASE, &c->where,
                        "dimension \"%s\" is periodic: a condition on its side is not possible",
                        pdm_pde_dim_name(d->pde, c->dim));
    }
done:
    return status;
}

static pdm_status check_side(pdm_domain *d, pdm_case *c, pdm_size field, pdm_size dim, int side)
{
    pdm_status           status = PDM_OK;
    const pdm_size       wanted = conditions_wanted(pdm_pde_order(d->pde, field, dim));
    pdm_size             n = 0, n_free = 0;
    pdm_where            last  = {0};
    const pdm_condition *value = NULL, *flux = NULL;

    for (pdm_size i = 0; i < pdm_pde_n_condition(d->pde); i++) {
        const pdm_condition *k = pdm_pde_condition(d->pde, i);
        if (k->dim != dim || k->side != side || k->field != field) continue;
        if (k->kind == PDM_CONDITION_FREE)
            n_free++;
        else
            n++;
        last = k->where;
        if (n > wanted || (n > 0 && n_free > 0) || n_free > 1)
            PDM_FAIL_AT(d->ctx, PDM_ERR_CASE, &last,
                        "%s conditions on side %s_%s of field \"%s\"; at most %lld expected, its highest derivative in "
                        "%s being of order %lld",
                        n + n_free == 2 ? "two" : "too many", pdm_pde_dim_name(d->pde, dim), side_name[side],
                        pdm_pde_field_name(d->pde, field), (long long)wanted, pdm_pde_dim_name(d->pde, dim),
                        (long long)pdm_pde_order(d->pde, field, dim));
        if (k->kind != PDM_CONDITION_DIRICHLET && k->kind != PDM_CONDITION_FLUX) continue;
        const pdm_condition **same = k->kind == PDM_CONDITION_FLUX ? &flux : &value;
        if (*same) /* the later one would win in silence */
            PDM_FAIL_AT(d->ctx, PDM_ERR_CASE, &last,
                        "the %s of \"%s\" on side %s_%s is prescribed twice, as %s and as %s; once expected",
                        same == &flux ? "flux" : "value", pdm_pde_field_name(d->pde, field),
                        pdm_pde_dim_name(d->pde, dim), side_name[side], (*same)->function->text, k->function->text);
        *same = k;
    }
    if (n + n_free == 0 && wanted > 0) {
        char attribute[128];
        snprintf(attribute, sizeof attribute, "%s_%s", pdm_pde_dim_name(d->pde, dim), side_name[side]);
        pdm_where where = pdm_case_where(c, "pde/boundary", NULL);
        where.attribute = attribute;
        PDM_FAIL_AT(d->ctx, PDM_ERR_CASE, &where,
                    "no condition for field \"%s\" on this side; expected one of \"%s = ...\", \"flux(%s) = ...\", "
                    "another equation, or \"%s free\"",
                    pdm_pde_field_name(d->pde, field), pdm_pde_field_name(d->pde, field),
                    pdm_pde_field_name(d->pde, field), pdm_pde_field_name(d->pde, field));
    }
done:
    return status;
}

static pdm_status check_complete(pdm_domain *d, pdm_case *c)
{
    pdm_status     status = PDM_OK;
    const pdm_size first  = pdm_pde_has_time(d->pde) ? 1 : 0;

    PDM_TRY(check_periodic(d));
    if (first == 1 && d->spline[0].periodic) {
        pdm_where where = pdm_case_where(c, "domain/t", "kind");
        PDM_FAIL_AT(d->ctx, PDM_ERR_CASE, &where, "time cannot be periodic; \"bounded\" expected");
    }
    for (pdm_size dim = first; dim < d->n_dim; dim++)
        for (pdm_size f = 0; f < d->n_field && !d->spline[dim].periodic; f++)
            for (int side = 0; side < 2; side++) PDM_TRY(check_side(d, c, f, dim, side));
done:
    return status;
}

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
            for (pdm_size j = 0; j < d->n_dim; j++) l->kind[j] = j == 0 ? AXIS_SIDE_LOW : AXIS_GREVILLE;
        }
    for (pdm_size i = 0; i < n_condition; i++) {
        const pdm_condition *k = pdm_pde_condition(d->pde, i);
        if (k->kind != PDM_CONDITION_DIRICHLET) continue;
        domain_layer *l = &d->side[d->n_side++];
        *l              = (domain_layer){
                         .function = k->function, .field = k->field, .dim = k->dim, .side = k->side, .where = k->where};
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
                fixed = fixed || (l->field == f && index == (l->side ? d->spline[l->dim].n_coef - 1 : 0));
            }
            d->free[f * d->n_coef + i] = !fixed;
            d->n_free += !fixed;
        }
}

pdm_status domain_conditions_create(pdm_domain *d, pdm_case *c)
{
    pdm_status status = PDM_OK;

    PDM_TRY(check_complete(d, c));
    PDM_TRY(collect_layers(d));
    PDM_TRY(check_time_map(d, c));
    PDM_TRY(pdm_alloc_array(d->ctx, d->n_field * d->n_coef, &d->free));
    mark_fixed(d);
done:
    return status;
}
