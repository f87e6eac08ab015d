/* Dimensions, fields, inputs, parameters and definitions of a case, in this order. */
#include "pde/pde_impl.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

pdm_status pde_read_text(pdm_case *c, const char *group, const char *name, const char *fallback, pdm_where *where)
{
    pdm_status  status = PDM_OK;
    const char *text   = NULL;

    PDM_TRY(pdm_case_text(c, group, name, fallback, &text));
    *where        = pdm_case_where(c, group, name);
    where->text   = text; /* of a numeric attribute too */
    where->offset = 0;
done:
    return status;
}

pdm_status pde_keep_where(pdm_pde *p, pdm_where where, pdm_where *out)
{
    pdm_status   status = PDM_OK;
    const char **part[] = {&where.file, &where.group, &where.attribute, &where.text};

    for (int i = 0; i < 4; i++)
        if (*part[i]) PDM_TRY(pool_text(&p->pool, *part[i], (pdm_size)strlen(*part[i]), part[i]));
    *out = where;
done:
    return status;
}

/* ---- lists of names ---------------------------------------------------------------------------------------------- */

/* At most n_max names of a text, with their places. */
static pdm_status split_names(pdm_pde *p, pdm_where where, pdm_size n_max, const char *what, pdm_span *name,
                              pdm_size *n)
{
    pdm_status  status = PDM_OK;
    const char *cursor = where.text;

    for (*n = 0;; (*n)++) {
        const pdm_span span = pdm_text_next_name(&cursor);
        if (span.length == 0) break;
        where.offset = span.start - where.text;
        if (*n == n_max)
            PDM_FAIL_AT(p->ctx, PDM_ERR_CASE, &where, "more than %lld %s; at most %lld expected", (long long)n_max,
                        what, (long long)n_max);
        name[*n] = span;
    }
    cursor += strspn(cursor, " \t\r\n,");
    where.offset = cursor - where.text;
    if (*cursor) PDM_FAIL_AT(p->ctx, PDM_ERR_CASE, &where, "names separated by blanks or commas expected");
done:
    return status;
}

/* Units that the case gives for a name; "" where it gives none. */
static pdm_status read_units(pdm_pde *p, pdm_case *c, const char *name, const char **text, const pdm_unit **unit)
{
    pdm_status status = PDM_OK;
    pdm_where  where;

    PDM_TRY(pde_read_text(c, "pde/units", name, "", &where));
    PDM_TRY(units_read(p, where, where.text, unit));
    PDM_TRY(pool_text(&p->pool, where.text, (pdm_size)strlen(where.text), text));
done:
    return status;
}

static pdm_status read_dimensions(pdm_pde *p, pdm_case *c)
{
    pdm_status status = PDM_OK;
    pdm_span   name[PDM_MAX_DIM];
    pdm_size   n = 0;
    pdm_where  where;

    PDM_TRY(pde_read_text(c, "domain", "dimensions", NULL, &where));
    PDM_TRY(split_names(p, where, PDM_MAX_DIM, "dimensions", name, &n));
    where.offset = -1;
    if (n == 0) PDM_FAIL_AT(p->ctx, PDM_ERR_CASE, &where, "no dimension; names like \"t x\" expected");
    for (pdm_size j = 0; j < n; j++) {
        const dag_leaf leaf  = {.kind = PDM_INPUT_COORDINATE, .index = (int32_t)j, .dims = (uint8_t)(1u << j)};
        pde_value      value = {.node = dag_leaf_node(&p->dag, leaf)};
        where.offset         = name[j].start - where.text;
        if (pdm_span_equals(name[j], "t")) {
            if (j > 0) PDM_FAIL_AT(p->ctx, PDM_ERR_CASE, &where, "\"t\" is time and must come first");
            p->has_time = true;
        }
        PDM_TRY(pde_add_symbol(p, where, name[j], PDE_DIMENSION, (int32_t)j, value, &p->dim_name[j]));
        PDM_TRY(read_units(p, c, p->dim_name[j], &p->dim_units[j], &p->dim_unit[j]));
        p->symbol[p->n_symbol - 1].value.unit = p->dim_unit[j];
        p->n_dim                              = j + 1;
    }
done:
    return status;
}

static uint8_t all_dimensions(const pdm_pde *p)
{
    return (uint8_t)((1u << p->n_dim) - 1u);
}

static pdm_status read_fields(pdm_pde *p, pdm_case *c)
{
    pdm_status status = PDM_OK;
    pdm_span   name[PDM_MAX_FIELD];
    pdm_size   n = 0;
    pdm_where  where;

    PDM_TRY(pde_read_text(c, "pde", "fields", NULL, &where));
    PDM_TRY(split_names(p, where, PDM_MAX_FIELD, "fields", name, &n));
    where.offset = -1;
    if (n == 0) PDM_FAIL_AT(p->ctx, PDM_ERR_CASE, &where, "no field; names like \"u\" or \"u v\" expected");
    for (pdm_size f = 0; f < n; f++) {
        const dag_leaf leaf  = {.kind = PDM_INPUT_ATOM, .index = (int32_t)f, .dims = all_dimensions(p)};
        pde_value      value = {.node = dag_leaf_node(&p->dag, leaf)};
        where.offset         = name[f].start - where.text;
        PDM_TRY(pde_add_symbol(p, where, name[f], PDE_FIELD, (int32_t)f, value, &p->field_name[f]));
        PDM_TRY(read_units(p, c, p->field_name[f], &p->field_units[f], &p->field_unit[f]));
        p->symbol[p->n_symbol - 1].value.unit = p->field_unit[f];
        p->n_field                            = f + 1;
    }
    PDM_TRY(pde_read_positive(p, c));
done:
    return status;
}

/* ---- inputs ------------------------------------------------------------------------------------------------------ */

static pdm_status read_input_dimensions(pdm_pde *p, pdm_where where, pdm_input_info *info, uint8_t *dims)
{
    pdm_status status = PDM_OK;
    pdm_span   name[PDM_MAX_DIM];
    pdm_text   known = {.ctx = p->ctx};

    PDM_TRY(split_names(p, where, PDM_MAX_DIM, "dimensions", name, &info->n_dim));
    for (pdm_size k = 0; k < info->n_dim; k++) {
        const pde_symbol *symbol = pde_find(p, name[k]);
        where.offset             = name[k].start - where.text;
        if (!symbol || symbol->kind != PDE_DIMENSION) {
            PDM_TRY(pde_append_dimensions(p, false, &known));
            PDM_FAIL_AT(p->ctx, PDM_ERR_CASE, &where, "unknown dimension \"%.*s\"; the dimensions are: %s",
                        name[k].length < 100 ? (int)name[k].length : 100, name[k].start, known.data);
        }
        if (*dims >> symbol->index & 1)
            PDM_FAIL_AT(p->ctx, PDM_ERR_CASE, &where, "dimension \"%s\" is named twice", symbol->name);
        *dims        = (uint8_t)(*dims | 1u << symbol->index);
        info->dim[k] = symbol->index;
    }
done:
    pdm_text_destroy(&known);
    return status;
}

static pdm_status read_input(pdm_pde *p, pdm_case *c, const char *name)
{
    pdm_status      status = PDM_OK;
    const int32_t   i      = (int32_t)p->n_input;
    pdm_input_info *info   = &p->input[i];
    dag_leaf        leaf   = {.index = i};
    pde_value       value  = {0};
    char            group[PDE_MAX_NAME + 160];
    pdm_where       where;

    (void)snprintf(group, sizeof group, "inputs/%s", name);
    PDM_TRY(pde_read_text(c, group, "dimensions", "", &where));
    PDM_TRY(read_input_dimensions(p, where, info, &leaf.dims));
    leaf.kind    = info->n_dim > 0 ? PDM_INPUT_FIELD : PDM_INPUT_SCALAR;
    info->scalar = info->n_dim > 0 ? -1 : (int32_t)p->n_scalar++;
    PDM_TRY(pde_read_text(c, group, "units", "", &where));
    PDM_TRY(units_read(p, where, where.text, &value.unit));
    PDM_TRY(pool_text(&p->pool, where.text, (pdm_size)strlen(where.text), &info->units));
    value.node = dag_leaf_node(&p->dag, leaf);
    where      = pdm_case_where(c, group, NULL);
    PDM_TRY(pde_add_symbol(p, where, (pdm_span){name, (pdm_size)strlen(name)}, PDE_INPUT, i, value, &info->name));
    p->n_input++;
done:
    return status;
}

static pdm_status read_inputs(pdm_pde *p, pdm_case *c)
{
    pdm_status     status = PDM_OK;
    const pdm_size n      = pdm_case_n_subgroup(c, "inputs");

    PDM_TRY(pool_take(&p->pool, n + (p->is_slab ? PDE_SLAB_INPUTS : 0), &p->input));
    for (pdm_size i = 0; i < n; i++) PDM_TRY(read_input(p, c, pdm_case_subgroup_name(c, "inputs", i)));
done:
    return status;
}

/* ---- parameters and definitions ---------------------------------------------------------------------------------- */

/* A bare number takes the unit that is given for the parameter; an expression of other parameters must have it. */
static pdm_status parameter_unit(pde_parser *s, pdm_case *c, const char *name, pde_value *value)
{
    pdm_status      status = PDM_OK;
    const char     *text   = NULL;
    const pdm_unit *unit   = NULL;

    PDM_TRY(read_units(s->p, c, name, &text, &unit));
    if (!s->p->units) goto done;
    if (s->mentions_names && text[0] == '\0') goto done;
    if (s->mentions_names) PDM_TRY(units_match(s, s->begin, "the parameter", unit, value->unit));
    value->unit = unit;
done:
    return status;
}

static pdm_status read_parameter(pdm_pde *p, pdm_case *c, const char *name)
{
    pdm_status status = PDM_OK;
    pde_value  value;
    pde_parser s;
    pdm_where  where;

    PDM_TRY(pde_read_text(c, "pde/parameters", name, NULL, &where));
    PDM_TRY(parser_open(&s, p, where, 0, (pdm_size)strlen(where.text), PDE_SCOPE_PARAMETER));
    PDM_TRY(parser_expression(&s, &value));
    PDM_TRY(parser_expect_end(&s));
    PDM_TRY(parameter_unit(&s, c, name, &value));
    where.offset = 0;
    if (!isfinite(p->dag.node[value.node].value))
        PDM_FAIL_AT(p->ctx, PDM_ERR_CASE, &where, "the value of the parameter is not finite");
    where.text = NULL; /* from here on it is about the name */
    PDM_TRY(pde_add_symbol(p, where, (pdm_span){name, (pdm_size)strlen(name)}, PDE_PARAMETER, 0, value, NULL));
done:
    return status;
}

static pdm_status read_definition(pdm_pde *p, pdm_case *c, const char *name)
{
    pdm_status status = PDM_OK;
    pde_value  value;
    pdm_where  where;

    PDM_TRY(pde_read_text(c, "pde/definitions", name, NULL, &where));
    PDM_TRY(pde_parse(p, where, PDE_SCOPE_ALL, &value));
    where.text = NULL; /* from here on it is about the name */
    PDM_TRY(pde_add_symbol(p, where, (pdm_span){name, (pdm_size)strlen(name)}, PDE_DEFINITION, 0, value, NULL));
done:
    return status;
}

static pdm_status read_group(pdm_pde *p, pdm_case *c, const char *group,
                             pdm_status (*read)(pdm_pde *, pdm_case *, const char *))
{
    pdm_status status = PDM_OK;

    for (pdm_size i = 0; i < pdm_case_n_attribute(c, group); i++) {
        const char *name = pdm_case_attribute_name(c, group, i);
        if (!pde_is_free_word(name)) PDM_TRY(read(p, c, name));
    }
done:
    return status;
}

/* ---- units of what there is -------------------------------------------------------------------------------------- */

static bool units_are_given(pdm_case *c)
{
    for (pdm_size i = 0; i < pdm_case_n_attribute(c, "pde/units"); i++)
        if (!pde_is_free_word(pdm_case_attribute_name(c, "pde/units", i))) return true;
    return false;
}

static pdm_status check_unit_name(pdm_pde *p, pdm_case *c, const char *name)
{
    pdm_status        status    = PDM_OK;
    const pde_symbol *symbol    = pde_find(p, (pdm_span){name, (pdm_size)strlen(name)});
    const char      **candidate = NULL;
    pdm_size          n         = 0;
    pdm_where         where     = pdm_case_where(c, "pde/units", name);

    if (symbol && symbol->kind != PDE_DEFINITION && symbol->kind != PDE_INPUT) goto done;
    if (symbol && symbol->kind == PDE_INPUT)
        PDM_FAIL_AT(p->ctx, PDM_ERR_CASE, &where, "\"%s\" is an input; its units are expected in /inputs/%s:units",
                    name, name);
    if (symbol)
        PDM_FAIL_AT(p->ctx, PDM_ERR_CASE, &where,
                    "\"%s\" is a definition and has the units of its expression; none expected here", name);
    PDM_TRY(pdm_alloc_array(p->ctx, p->n_symbol, &candidate));
    for (pdm_size i = 0; i < p->n_symbol; i++)
        if (p->symbol[i].kind != PDE_DEFINITION && p->symbol[i].kind != PDE_INPUT) candidate[n++] = p->symbol[i].name;
    const char *nearest = pdm_text_nearest(name, candidate, n);
    PDM_FAIL_AT(p->ctx, PDM_ERR_CASE, &where, "unknown name; a dimension, field or parameter expected%s%s%s",
                nearest ? "; did you mean \"" : "", nearest ? nearest : "", nearest ? "\"?" : "");
done:
    pdm_free(p->ctx, candidate);
    return status;
}

pdm_status pde_read_names(pdm_pde *p, pdm_case *c)
{
    pdm_status status = PDM_OK;

    if (units_are_given(c)) PDM_TRY(units_begin(p));
    PDM_TRY(read_dimensions(p, c));
    PDM_TRY(read_fields(p, c));
    PDM_TRY(read_inputs(p, c));
    if (p->is_slab) PDM_TRY(pde_slab_start(p));
    PDM_TRY(read_group(p, c, "pde/parameters", read_parameter));
    PDM_TRY(pde_read_shape(p, c));
    PDM_TRY(read_group(p, c, "pde/definitions", read_definition));
    PDM_TRY(read_group(p, c, "pde/units", check_unit_name));
done:
    return status;
}
