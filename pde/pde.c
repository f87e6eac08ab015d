#include "pde/pde_impl.h"

#include <string.h>

static pdm_status pde_open(pdm_context *ctx, bool is_slab, pdm_pde **out)
{
    pdm_status status = PDM_OK;
    pdm_pde   *p      = NULL;

    PDM_TRY(pdm_alloc(ctx, sizeof *p, &p));
    p->ctx      = ctx;
    p->pool.ctx = ctx;
    p->is_slab  = is_slab;
    p->start    = -1;
    PDM_TRY(dag_create(&p->dag, ctx));
    *out = p;
    p    = NULL;
done:
    pdm_pde_destroy(&p);
    return status;
}

static pdm_status create(pdm_context *ctx, pdm_case *c, bool is_slab, pdm_pde **out)
{
    pdm_status status = PDM_OK;
    pdm_pde   *p      = NULL;

    PDM_TRY(pde_open(ctx, is_slab, &p));
    p->the_case = c;
    PDM_TRY(pde_read_names(p, c));
    PDM_TRY(pde_read_equations(p, c));
    PDM_TRY(pde_find_edges(p));
    PDM_TRY(pde_read_conditions(p, c));
    PDM_TRY(pde_read_constraints(p, c));
    PDM_TRY(pde_check_shape(p));
    p->the_case = NULL;
    *out        = p;
    p           = NULL;
done:
    pdm_pde_destroy(&p);
    return status;
}

pdm_status pdm_pde_create(pdm_context *ctx, pdm_case *c, pdm_pde **out)
{
    return create(ctx, c, false, out);
}

pdm_status pdm_pde_create_slab(pdm_context *ctx, pdm_case *c, pdm_pde **out)
{
    return create(ctx, c, true, out);
}

void pdm_pde_destroy(pdm_pde **pde)
{
    if (!pde || !*pde) return;
    pdm_pde *p = *pde;
    pdm_units_destroy(&p->units);
    dag_destroy(&p->dag);
    pool_destroy(&p->pool);
    pdm_free(p->ctx, p->symbol);
    pdm_free(p->ctx, p->condition);
    pdm_free(p->ctx, p->constraint);
    pdm_free(p->ctx, p->initial);
    pdm_free(p->ctx, p->shape.curve);
    pdm_free(p->ctx, p);
    *pde = NULL;
}

/* The place of byte 0 of `text` in where.text, when that is a part of it; else the text stands for itself. */
static pdm_where place_of_text(const char *text, pdm_where where)
{
    const pdm_size offset = where.offset < 0 ? 0 : where.offset;
    const size_t   length = where.text ? strlen(where.text) : 0;

    if (!where.text || (size_t)offset > length || strcmp(where.text + offset, text) != 0) {
        where.text   = text;
        where.offset = 0;
    } else {
        where.offset = offset;
    }
    return where;
}

pdm_status pdm_pde_compile(pdm_pde *p, const char *text, pdm_where where, bool allow_fields, const pdm_function **out)
{
    pdm_status          status = PDM_OK;
    const dag_mark      mark   = dag_get_mark(&p->dag);
    const pdm_function *f      = NULL;
    pde_value           value;
    pde_parser          s;

    where = place_of_text(text, where);
    PDM_TRY(parser_open(&s, p, where, where.offset, (pdm_size)strlen(where.text),
                        allow_fields ? PDE_SCOPE_ALL : PDE_SCOPE_DATA));
    PDM_TRY(parser_expression(&s, &value));
    PDM_TRY(parser_expect_end(&s));
    PDM_TRY(pde_function_create(p, where, dag_expand(&p->dag, value.node), &f));
    *out = f;
done:
    if (status != PDM_OK) dag_rollback(&p->dag, mark);
    return status;
}

pdm_status pdm_pde_unit_of(pdm_pde *p, const char *text, pdm_where where, char out[PDM_UNIT_TEXT])
{
    pdm_status     status = PDM_OK;
    const dag_mark mark   = dag_get_mark(&p->dag);
    pde_value      value  = {0};

    out[0] = '\0';
    if (!p->units) return PDM_OK;
    PDM_TRY(pde_parse(p, place_of_text(text, where), PDE_SCOPE_ALL, &value));
    if (value.unit) pdm_unit_format(value.unit, out, PDM_UNIT_TEXT);
done:
    if (status != PDM_OK) dag_rollback(&p->dag, mark);
    return status;
}

pdm_size pdm_pde_n_dim(const pdm_pde *p)
{
    return p->n_dim;
}
const char *pdm_pde_dim_name(const pdm_pde *p, pdm_size d)
{
    return p->dim_name[d];
}
const char *pdm_pde_dim_units(const pdm_pde *p, pdm_size d)
{
    return p->dim_units[d];
}
bool pdm_pde_has_time(const pdm_pde *p)
{
    return p->has_time;
}
pdm_size pdm_pde_start(const pdm_pde *p)
{
    return p->start;
}
pdm_size pdm_pde_n_field(const pdm_pde *p)
{
    return p->n_field;
}
const char *pdm_pde_field_name(const pdm_pde *p, pdm_size f)
{
    return p->field_name[f];
}
const char *pdm_pde_field_units(const pdm_pde *p, pdm_size f)
{
    return p->field_units[f];
}
pdm_size pdm_pde_order(const pdm_pde *p, pdm_size f, pdm_size d)
{
    return p->order[f][d];
}
pdm_size pdm_pde_n_equation(const pdm_pde *p)
{
    return p->n_field;
}
pdm_size pdm_pde_n_scalar(const pdm_pde *p)
{
    return p->n_scalar;
}
pdm_size pdm_pde_n_input(const pdm_pde *p)
{
    return p->n_input;
}
const pdm_input_info *pdm_pde_input(const pdm_pde *p, pdm_size i)
{
    return &p->input[i];
}
bool pdm_input_has_time(const pdm_input_info *info)
{
    for (pdm_size k = 0; k < info->n_dim; k++)
        if (info->dim[k] == 0) return true;
    return false;
}
bool pdm_pde_varies_in_time(const pdm_pde *p, const pdm_function *f)
{
    for (pdm_size i = 0; i < f->n_sampled; i++)
        if (f->sampled[i].input >= 0 && pdm_input_has_time(pdm_pde_input(p, f->sampled[i].input))) return true;
    return f->uses_time;
}
pdm_size pdm_pde_n_term(const pdm_pde *p)
{
    return p->n_term;
}
const pdm_term *pdm_pde_term(const pdm_pde *p, pdm_size i)
{
    return &p->term[i];
}
const pdm_function *pdm_pde_strong(const pdm_pde *p, pdm_size equation)
{
    return p->strong[equation];
}
pdm_size pdm_pde_n_condition(const pdm_pde *p)
{
    return p->n_condition;
}
const pdm_condition *pdm_pde_condition(const pdm_pde *p, pdm_size i)
{
    return &p->condition[i];
}
pdm_size pdm_pde_n_constraint(const pdm_pde *p)
{
    return p->n_constraint;
}
const pdm_constraint *pdm_pde_constraint(const pdm_pde *p, pdm_size i)
{
    return &p->constraint[i];
}
pdm_size pdm_pde_n_initial(const pdm_pde *p)
{
    return p->n_initial;
}
const pdm_initial *pdm_pde_initial(const pdm_pde *p, pdm_size i)
{
    return &p->initial[i];
}
