/* Constraints on integrals over space: "integral(expr) = expr". */
#include "pde/pde_impl.h"

#include <string.h>

/* The unit of an integral over space. */
static pdm_status integral_unit(pde_parser *s, pdm_size at, const pdm_unit *unit, const pdm_unit **out)
{
    pdm_status status = PDM_OK;

    for (pdm_size j = s->p->has_time ? 1 : 0; j < s->p->n_dim; j++)
        PDM_TRY(units_product(s, at, unit, s->p->dim_unit[j], &unit));
    *out = unit;
done:
    return status;
}

/* "integral(expr)", up to "=". inside: expanded. */
static pdm_status parse_left(pde_parser *s, int32_t *inside, const pdm_unit **unit)
{
    pdm_status      status = PDM_OK;
    int32_t         field  = -1;
    const pdm_unit *summed = NULL;
    pde_value       value;

    if (!pdm_span_equals(s->span, "integral")) PARSE_FAIL(s, parser_at(s), "\"integral(expr) = expr\" expected");
    PDM_TRY(parser_next(s));
    const pdm_size open = parser_at(s);
    if (s->token != '(') PARSE_FAIL(s, open, "\"(\" expected: constraints are \"integral(expr) = expr\"");
    PDM_TRY(parser_next(s));
    const pdm_size at = parser_at(s);
    PDM_TRY(parser_expression(s, &value));
    if (s->token != ')') PARSE_FAIL(s, open, "this parenthesis is not closed");
    *inside = dag_expand(&s->p->dag, value.node);
    PDM_TRY(pde_check_dag(s->p, s->where));
    PDM_TRY(pde_lowest_field(s->p, *inside, &field));
    if (field < 0) PARSE_FAIL(s, at, "no field in this integral; at least one expected");
    PDM_TRY(integral_unit(s, at, value.unit, &summed));
    *unit = summed;
    PDM_TRY(parser_next(s));
    if (s->token != '=') PARSE_FAIL(s, parser_at(s), "\"=\" expected: constraints are \"integral(expr) = expr\"");
done:
    return status;
}

/* What stands after "=": nothing that varies in space. */
static pdm_status parse_right(pde_parser *s, const pdm_unit *unit, int32_t *node)
{
    pdm_status status = PDM_OK;
    pde_value  value;

    PDM_TRY(parser_next(s));
    const pdm_size at = parser_at(s);
    s->scope          = PDE_SCOPE_DATA;
    PDM_TRY(parser_expression(s, &value));
    PDM_TRY(parser_expect_end(s));
    PDM_TRY(units_match(s, at, "the integral", unit, value.unit));
    *node = dag_expand(&s->p->dag, value.node);
    PDM_TRY(pde_check_dag(s->p, s->where));
    for (pdm_size j = s->p->has_time ? 1 : 0; j < s->p->n_dim; j++)
        if (s->p->dag.node[*node].dims >> j & 1)
            PARSE_FAIL(s, at, "this varies in %s; an expression of %sparameters and scalar inputs expected",
                       s->p->dim_name[j], s->p->has_time ? "time, " : "");
done:
    return status;
}

static pdm_status read_constraint(pdm_pde *p, pdm_case *c, const char *name)
{
    pdm_status      status     = PDM_OK;
    pdm_constraint  constraint = {0};
    const pdm_unit *unit       = NULL;
    int32_t         inside = DAG_ZERO, value = DAG_ZERO;
    pde_parser      s;
    pdm_where       where;

    PDM_TRY(pde_read_text(c, "pde/constraints", name, NULL, &where));
    if (p->has_time && p->n_dim == 1)
        PDM_FAIL_AT(p->ctx, PDM_ERR_CASE, &where, "an integral over space, but the only dimension is time");
    PDM_TRY(parser_open(&s, p, where, 0, (pdm_size)strlen(where.text), PDE_SCOPE_ALL));
    PDM_TRY(parse_left(&s, &inside, &unit));
    PDM_TRY(parse_right(&s, unit, &value));
    PDM_TRY(pde_function_create(p, where, inside, &constraint.inside));
    PDM_TRY(pde_function_create(p, where, value, &constraint.value));
    PDM_TRY(pde_keep_where(p, where, &constraint.where));
    constraint.name = constraint.where.attribute;
    PDM_TRY(pde_grow(p->ctx, &p->constraint, sizeof *p->constraint, p->n_constraint, p->n_constraint + 1,
                     &p->constraint_capacity));
    p->constraint[p->n_constraint++] = constraint;
done:
    return status;
}

pdm_status pde_read_constraints(pdm_pde *p, pdm_case *c)
{
    pdm_status status = PDM_OK;

    for (pdm_size i = 0; i < pdm_case_n_attribute(c, "pde/constraints"); i++) {
        const char *name = pdm_case_attribute_name(c, "pde/constraints", i);
        if (!pde_is_free_word(name)) PDM_TRY(read_constraint(p, c, name));
    }
done:
    return status;
}
