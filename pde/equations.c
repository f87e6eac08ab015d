/* Residuals: strong form, fluxes, source, orders. */
#include "pde/pde_impl.h"

#include <string.h>

static pdm_size field_of_name(const pdm_pde *p, const char *name)
{
    pdm_size f = 0;
    while (f < p->n_field && strcmp(p->field_name[f], name) != 0) f++;
    return f;
}

static pdm_status append_fields(const pdm_pde *p, pdm_text *out)
{
    pdm_status status = PDM_OK;

    for (pdm_size f = 0; f < p->n_field; f++) PDM_TRY(pdm_text_append(out, "%s%s", f ? ", " : "", p->field_name[f]));
done:
    return status;
}

/* One residual a field, under its name. */
static pdm_status check_residuals(const pdm_pde *p, pdm_case *c)
{
    pdm_status  status = PDM_OK;
    pdm_text    fields = {.ctx = p->ctx};
    pdm_size    n      = 0;
    const char *name   = NULL;

    PDM_TRY(append_fields(p, &fields));
    for (pdm_size i = 0; i < pdm_case_n_attribute(c, "pde/residuals"); i++) {
        name             = pdm_case_attribute_name(c, "pde/residuals", i);
        pdm_where  where = pdm_case_where(c, "pde/residuals", name);
        const bool known = field_of_name(p, name) < p->n_field;
        n += known || !pde_is_free_word(name);
        if (!known && !pde_is_free_word(name)) {
            where.text = NULL;
            PDM_FAIL_AT(p->ctx, PDM_ERR_CASE, &where,
                        "no field of this name; one residual for each field, under its name, expected: %s",
                        fields.data);
        }
    }
    pdm_where where = pdm_case_where(c, "pde/residuals", NULL);
    for (pdm_size f = 0; f < p->n_field; f++)
        if (!pdm_case_has(c, "pde/residuals", p->field_name[f]))
            PDM_FAIL_AT(p->ctx, PDM_ERR_CASE, &where,
                        "%lld residual%s for %lld field%s (%s); none for \"%s\"; one for each expected", (long long)n,
                        n == 1 ? "" : "s", (long long)p->n_field, p->n_field == 1 ? "" : "s", fields.data,
                        p->field_name[f]);
done:
    pdm_text_destroy(&fields);
    return status;
}

static void raise_orders(pdm_pde *p, const pdm_function *f)
{
    for (pdm_size a = 0; a < f->n_atom; a++)
        for (pdm_size j = 0; j < p->n_dim; j++)
            if (f->atom[a].order[j] > p->order[f->atom[a].field][j])
                p->order[f->atom[a].field][j] = f->atom[a].order[j];
}

static pdm_status add_term(pdm_pde *p, pdm_where where, pdm_size equation, int32_t dim, int32_t node)
{
    pdm_status status = PDM_OK;
    pdm_term   term   = {.equation = (int32_t)equation, .dim = dim};

    if (node == DAG_ZERO) goto done;
    PDM_TRY(pde_function_create(p, where, node, &term.function));
    raise_orders(p, term.function);
    p->term_node[p->n_term] = node;
    p->term[p->n_term++]    = term;
done:
    return status;
}

static pdm_status read_equation(pdm_pde *p, pdm_case *c, pdm_size equation)
{
    pdm_status status = PDM_OK;
    int32_t    flux[PDM_MAX_DIM], source = DAG_ZERO;
    pde_value  residual;
    pdm_where  where;

    PDM_TRY(pde_read_text(c, "pde/residuals", p->field_name[equation], NULL, &where));
    PDM_TRY(pde_parse(p, where, PDE_SCOPE_ALL, &residual));
    p->equation_unit[equation] = residual.unit;
    const int32_t slope        = pde_spline_slope(p, equation);
    const int32_t strong       = pde_count_inside(p, dag_div(&p->dag, dag_expand(&p->dag, residual.node), slope));
    PDM_TRY(pde_check_dag(p, where));
    if (!(p->dag.node[strong].flags & DAG_FIELD))
        PDM_FAIL_AT(p->ctx, PDM_ERR_CASE, &where, "no field is left in this equation; at least one expected");
    PDM_TRY(pde_function_create(p, where, strong, &p->strong[equation]));
    raise_orders(p, p->strong[equation]);
    status = pde_split(p, residual.node, flux, &source);
    if (status != PDM_OK) PDM_TRY(p->dag.too_large ? pde_check_dag(p, where) : status);
    if (pde_is_all_source(p, equation)) { /* docs/mathematics.md, "Positive fields", "Shapes" */
        for (pdm_size j = 0; j < p->n_dim; j++) p->whole_flux[equation][j] = flux[j];
        PDM_TRY(pool_text(&p->pool, where.text, (pdm_size)strlen(where.text), &p->residual_text[equation]));
        PDM_TRY(add_term(p, where, equation, -1, strong));
        goto done;
    }
    for (pdm_size j = 0; j < p->n_dim; j++) PDM_TRY(add_term(p, where, equation, (int32_t)j, flux[j]));
    PDM_TRY(add_term(p, where, equation, -1, source));
done:
    return status;
}

static bool is_mentioned(const pdm_pde *p, pdm_size field)
{
    for (pdm_size e = 0; e < p->n_field; e++)
        for (pdm_size a = 0; a < p->strong[e]->n_atom; a++)
            if (p->strong[e]->atom[a].field == field) return true;
    return false;
}

pdm_status pde_read_equations(pdm_pde *p, pdm_case *c)
{
    pdm_status status = PDM_OK;

    PDM_TRY(check_residuals(p, c));
    for (pdm_size e = 0; e < p->n_field; e++) PDM_TRY(read_equation(p, c, e));
    for (pdm_size f = 0; f < p->n_field; f++) {
        pdm_where where = pdm_case_where(c, "pde/residuals", NULL);
        if (!is_mentioned(p, f))
            PDM_FAIL_AT(p->ctx, PDM_ERR_CASE, &where, "field \"%s\" is in no equation", p->field_name[f]);
        where = pdm_case_where(c, "pde/residuals", p->field_name[f]);
        if (p->has_time && p->order[f][0] > 2)
            PDM_FAIL_AT(p->ctx, PDM_ERR_CASE, &where, "field \"%s\" is of order %d in time; at most 2 expected",
                        p->field_name[f], (int)p->order[f][0]);
    }
done:
    return status;
}
