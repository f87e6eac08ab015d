/* Fields that stay above zero: u = s(v) of the spline field v, with the softplus s(v) = a log(1 + exp(v/a)). Above the
 * scale a it is the field itself, so that the solver finds what it finds without; below it is a exp(v/a), so that u is
 * smooth and accurate relative to itself however small. docs/mathematics.md, "Positive fields". */
#include "pde/pde_impl.h"

#include <math.h>
#include <string.h>

static const double LINEAR = 40.0; /* v/a from which on s(v) = v to rounding */

/* s of the leaf v; exp of a bounded argument, as trial steps may go anywhere. */
static int32_t from_spline(dag *d, double a, int32_t v)
{
    const int32_t z = dag_div(d, v, dag_const(d, a)), most = dag_const(d, LINEAR);
    const int32_t e      = dag_unary(d, PDM_OPCODE_EXP, dag_binary(d, PDM_OPCODE_MIN, z, most));
    const int32_t beyond = dag_binary(d, PDM_OPCODE_MAX, dag_sub(d, z, most), DAG_ZERO);
    return dag_mul(d, dag_const(d, a), dag_add(d, dag_unary(d, PDM_OPCODE_LOG1P, e), beyond));
}

/* v = a log(exp(u/a) - 1) = u + a log(1 - exp(-u/a)) */
int32_t pde_to_spline(pdm_pde *p, pdm_size f, int32_t u)
{
    dag          *d = &p->dag;
    const int32_t a = dag_const(d, p->positive[f]), twice = dag_const(d, 2.0 * p->positive[f]);

    if (p->shape.is_built_in[f]) return dag_div(d, dag_sub(d, u, p->shape.data_node[f]), p->shape.weight_node[f]);
    if (p->positive[f] == 0.0) return u;
    const int32_t t = dag_unary(d, PDM_OPCODE_TANH, dag_div(d, u, twice));
    const int32_t e = dag_div(d, dag_mul(d, dag_const(d, 2.0), t), dag_add(d, DAG_ONE, t)); /* 1 - exp(-u/a) */
    return dag_add(d, u, dag_mul(d, a, dag_unary(d, PDM_OPCODE_LOG, e)));
}

int32_t pde_to_spline_rate(pdm_pde *p, pdm_size f, int32_t u, int32_t u_t)
{
    dag *d = &p->dag;
    if (p->shape.is_built_in[f]) return dag_div(d, u_t, p->shape.weight_node[f]);
    if (p->positive[f] == 0.0) return u_t;
    const int32_t e = dag_unary(d, PDM_OPCODE_EXP, dag_neg(d, dag_div(d, u, dag_const(d, p->positive[f]))));
    return dag_div(d, u_t, dag_sub(d, DAG_ONE, e));
}

int32_t pde_spline_slope(pdm_pde *p, pdm_size f)
{
    return p->positive[f] == 0.0 ? DAG_ONE : dag_partial(&p->dag, p->spline_node[f], p->spline_leaf[f]);
}

bool pdm_pde_is_positive(const pdm_pde *p, pdm_size f)
{
    return p->positive[f] > 0.0;
}

bool pdm_pde_is_transformed(const pdm_pde *p, pdm_size f)
{
    return pde_is_transformed(p, f);
}

double pdm_pde_positive_scale(const pdm_pde *p, pdm_size f)
{
    return p->positive[f];
}

double pdm_pde_from_spline(const pdm_pde *p, pdm_size f, double v)
{
    return p->positive[f] == 0.0 ? v : pdm_positive(p->positive[f], v);
}

double pdm_pde_from_spline_slope(const pdm_pde *p, pdm_size f, double v)
{
    return p->positive[f] == 0.0 ? 1.0 : 1.0 / (1.0 + exp(-v / p->positive[f]));
}

double pdm_pde_to_spline(const pdm_pde *p, pdm_size f, double u)
{
    const double a = p->positive[f];
    return a == 0.0 ? u : u > 0.0 ? u + a * log(-expm1(-u / a)) : NAN;
}

static pdm_status unknown_field(pde_parser *s)
{
    pdm_status status = PDM_OK;
    pdm_text   known  = {.ctx = s->p->ctx};

    for (pdm_size f = 0; f < s->p->n_field; f++)
        PDM_TRY(pdm_text_append(&known, "%s%s", f ? ", " : "", s->p->field_name[f]));
    PARSE_FAIL(s, parser_at(s), "the name of a field, and a scale if any, expected; the fields are: %s", known.data);
done:
    pdm_text_destroy(&known);
    return status;
}

/* FIELD [SCALE] */
static pdm_status read_one(pde_parser *s)
{
    pdm_status        status = PDM_OK;
    pdm_pde          *p      = s->p;
    const pde_symbol *symbol = s->token == TOKEN_NAME ? pde_find(p, s->span) : NULL;

    if (!symbol || symbol->kind != PDE_FIELD) PDM_TRY(unknown_field(s));
    const int32_t f = symbol->index;
    if (p->positive[f] > 0.0) PARSE_FAIL(s, parser_at(s), "\"%s\" is named twice", symbol->name);
    p->positive[f] = 1.0;
    PDM_TRY(parser_next(s));
    if (s->token == '-') PARSE_FAIL(s, parser_at(s), "a scale above 0 expected");
    if (s->token == TOKEN_NUMBER) {
        if (!(s->number > 0.0)) PARSE_FAIL(s, parser_at(s), "a scale of %g; one above 0 expected", s->number);
        p->positive[f] = s->number;
        PDM_TRY(parser_next(s));
    }
    for (pdm_size i = 0; i < p->n_symbol; i++)
        if (p->symbol[i].kind == PDE_FIELD && p->symbol[i].index == f) {
            p->spline_leaf[f]       = p->dag.node[p->symbol[i].value.node].a;
            p->symbol[i].value.node = from_spline(&p->dag, p->positive[f], p->symbol[i].value.node);
            p->spline_node[f]       = p->symbol[i].value.node;
        }
    PDM_TRY(pde_check_dag(p, s->where));
done:
    return status;
}

pdm_status pde_read_positive(pdm_pde *p, pdm_case *c)
{
    pdm_status status = PDM_OK;
    pde_parser s;
    pdm_where  where;

    if (!pdm_case_has(c, "pde", "positive")) return PDM_OK;
    PDM_TRY(pde_read_text(c, "pde", "positive", NULL, &where));
    PDM_TRY(parser_open(&s, p, where, 0, (pdm_size)strlen(where.text), PDE_SCOPE_PARAMETER));
    while (s.token != TOKEN_END) {
        PDM_TRY(read_one(&s));
        if (s.token == ',') PDM_TRY(parser_next(&s));
    }
done:
    return status;
}
