/* A shape inside the box, and values of fields on the curves that bound it. What is inside is one level function, above
 * zero inside: a > b becomes a - b, and those joined by words become one by R-functions, which are smooth but where both
 * are zero:
 *     a and b = a + b - sqrt(a^2 + b^2),    a or b = a + b + sqrt(a^2 + b^2),    not a = -a
 * (V. L. Rvachev, Theory of R-functions and some applications, 1982). A field that is g where w = 0 is built in,
 *     u = g + w v,    v the spline field,
 * w the product of the left less the right sides of its curves (L. V. Kantorovich, V. I. Krylov, Approximate methods of
 * higher analysis, 1958, IV.2). docs/mathematics.md, "Shapes". */
#include "pde/pde_impl.h"

#include <string.h>

static const char GROUP[] = "geometry", INSIDE[] = "inside";

/* ---- what is inside ---------------------------------------------------------------------------------------------- */

static bool word_is(const pde_parser *s, const char *word)
{
    return s->token == TOKEN_NAME && pdm_span_equals(s->span, word);
}

static bool is_relation(int token)
{
    return token == '<' || token == '>';
}

/* Is what the present "(" opens a condition, not a part of an expression? */
static bool opens_condition(pde_parser look)
{
    int depth = 0;
    do {
        if (look.token == '(') depth++;
        if (look.token == ')') depth--;
        if (is_relation(look.token)) return true;
        if (look.token == TOKEN_END || parser_next(&look) != PDM_OK) return false;
    } while (depth > 0);
    return false;
}

/* a + b -+ sqrt(a^2 + b^2) */
static int32_t join(dag *d, int32_t a, int32_t b, bool both)
{
    const int32_t root = dag_unary(d, PDM_OPCODE_SQRT, dag_add(d, dag_mul(d, a, a), dag_mul(d, b, b)));
    const int32_t sum  = dag_add(d, a, b);
    return both ? dag_sub(d, sum, root) : dag_add(d, sum, root);
}

/* "a < b", or "a < b < c" */
static pdm_status parse_relation(pde_parser *s, int32_t *level)
{
    pdm_status      status = PDM_OK;
    dag            *d      = &s->p->dag;
    pde_value       left, right;
    const pdm_unit *unit = NULL;

    PDM_TRY(parser_expression(s, &left));
    if (!is_relation(s->token))
        PARSE_FAIL(s, parser_at(s), "\"<\" or \">\" expected: what is inside is said like \"x^2 + y^2 < 1 and y > 0\"");
    for (int n = 0; is_relation(s->token); n++) {
        const bool     above = s->token == '>';
        const pdm_size at    = parser_at(s);
        PDM_TRY(parser_next(s));
        if (s->token == '=') PDM_TRY(parser_next(s)); /* a curve has no area */
        PDM_TRY(parser_expression(s, &right));
        PDM_TRY(units_sum(s, at, above ? ">" : "<", left.unit, right.unit, &unit));
        const int32_t here = above ? dag_sub(d, left.node, right.node) : dag_sub(d, right.node, left.node);
        *level             = n == 0 ? here : join(d, *level, here, true);
        left               = right;
    }
done:
    return status;
}

static pdm_status parse_any(pde_parser *s, int32_t *level);

static pdm_status parse_one(pde_parser *s, int32_t *level)
{
    pdm_status     status = PDM_OK;
    const pdm_size at     = parser_at(s);

    if (++s->depth > PDE_MAX_DEPTH) PARSE_FAIL(s, at, "nested more than %d deep", PDE_MAX_DEPTH);
    if (word_is(s, "not")) {
        PDM_TRY(parser_next(s));
        PDM_TRY(parse_one(s, level));
        *level = dag_neg(&s->p->dag, *level);
    } else if (s->token == '(' && opens_condition(*s)) {
        PDM_TRY(parser_next(s));
        PDM_TRY(parse_any(s, level));
        if (s->token != ')') PARSE_FAIL(s, at, "this parenthesis is not closed");
        PDM_TRY(parser_next(s));
    } else {
        PDM_TRY(parse_relation(s, level));
    }
    s->depth--;
done:
    return status;
}

static pdm_status parse_all(pde_parser *s, int32_t *level)
{
    pdm_status status = PDM_OK;
    int32_t    other  = DAG_ZERO;

    PDM_TRY(parse_one(s, level));
    while (word_is(s, "and")) {
        PDM_TRY(parser_next(s));
        PDM_TRY(parse_one(s, &other));
        *level = join(&s->p->dag, *level, other, true);
    }
done:
    return status;
}

static pdm_status parse_any(pde_parser *s, int32_t *level)
{
    pdm_status status = PDM_OK;
    int32_t    other  = DAG_ZERO;

    PDM_TRY(parse_all(s, level));
    while (word_is(s, "or")) {
        PDM_TRY(parser_next(s));
        PDM_TRY(parse_all(s, &other));
        *level = join(&s->p->dag, *level, other, false);
    }
done:
    return status;
}

/* What is built into a field is the same for all samples and at all times. */
static pdm_status check_fixed(pde_parser *s, pdm_size at, int32_t node)
{
    pdm_status      status = PDM_OK;
    const dag_node *n      = &s->p->dag.node[node];

    if (n->flags & DAG_INPUT)
        PARSE_FAIL(s, at,
                   "this reads an input; an expression of coordinates of space and parameters expected: shapes "
                   "and values on curves are the same for all samples");
    if (s->p->has_time && (n->dims & 1))
        PARSE_FAIL(s, at,
                   "this reads %s; an expression of coordinates of space and parameters expected: shapes and "
                   "values on curves are the same at all times",
                   s->p->dim_name[0]);
done:
    return status;
}

static pdm_status read_inside(pdm_pde *p, pdm_case *c)
{
    pdm_status status = PDM_OK;
    pde_shape *shape  = &p->shape;
    dag_leaf   leaf   = {.kind = PDM_INPUT_FIELD, .index = PDM_SAMPLED_INSIDE};
    pde_parser s;
    pdm_where  where;

    PDM_TRY(pde_read_text(c, GROUP, INSIDE, NULL, &where));
    PDM_TRY(parser_open(&s, p, where, 0, (pdm_size)strlen(where.text), PDE_SCOPE_DATA));
    PDM_TRY(parse_any(&s, &shape->level_node));
    PDM_TRY(parser_expect_end(&s));
    shape->level_node = dag_expand(&p->dag, shape->level_node);
    PDM_TRY(pde_check_dag(p, where));
    PDM_TRY(check_fixed(&s, 0, shape->level_node));
    PDM_TRY(pde_function_create(p, where, shape->level_node, &shape->level));
    PDM_TRY(pde_keep_where(p, where, &shape->where));
    for (pdm_size j = p->has_time ? 1 : 0; j < p->n_dim; j++) leaf.dims = (uint8_t)(leaf.dims | 1u << j);
    shape->counts = dag_leaf_node(&p->dag, leaf);
done:
    return status;
}

/* ---- values on curves -------------------------------------------------------------------------------------------- */

/* One "FIELD = expr on CURVES": u = g where w = 0. */
typedef struct on_curve {
    int32_t field, g, w;
} on_curve;

static pdm_status unknown_condition(pde_parser *s)
{
    pdm_status status = PDM_OK;
    pdm_text   fields = {.ctx = s->p->ctx};

    for (pdm_size f = 0; f < s->p->n_field; f++)
        PDM_TRY(pdm_text_append(&fields, "%s%s", f ? ", " : "", s->p->field_name[f]));
    PARSE_FAIL(s, parser_at(s),
               "\"FIELD = expr on CURVE\" or \"FIELD free\" expected, CURVE like \"x^2 + y^2 = 1\" or \"boundary\": "
               "slopes and fluxes on curves are not known; the fields are: %s",
               fields.data);
done:
    pdm_text_destroy(&fields);
    return status;
}

static pdm_status keep_curve(pde_parser *s, pdm_size at, int32_t field, int32_t node)
{
    pdm_status status = PDM_OK;
    pde_shape *shape  = &s->p->shape;
    pdm_curve *curve;
    pdm_where  where = s->where;

    where.offset = at;
    PDM_TRY(check_fixed(s, at, node));
    PDM_TRY(pde_grow(s->p->ctx, &shape->curve, sizeof *shape->curve, shape->n_curve, shape->n_curve + 1,
                     &shape->curve_capacity));
    curve  = &shape->curve[shape->n_curve];
    *curve = (pdm_curve){.field = field};
    PDM_TRY(pde_function_create(s->p, where, node, &curve->function));
    PDM_TRY(pde_keep_where(s->p, where, &curve->where));
    shape->n_curve++;
done:
    return status;
}

/* "expr = expr", or "boundary": all that bounds the inside. */
static pdm_status parse_curve(pde_parser *s, on_curve *k)
{
    pdm_status      status = PDM_OK;
    dag            *d      = &s->p->dag;
    const pdm_size  at     = parser_at(s);
    int32_t         node   = s->p->shape.level_node;
    pde_value       left, right;
    const pdm_unit *unit = NULL;

    if (word_is(s, "boundary")) {
        PDM_TRY(parser_next(s));
    } else {
        PDM_TRY(parser_expression(s, &left));
        if (s->token != '=') PARSE_FAIL(s, parser_at(s), "\"=\" expected: a curve is said like \"x^2 + y^2 = 1\"");
        const pdm_size sign = parser_at(s);
        PDM_TRY(parser_next(s));
        PDM_TRY(parser_expression(s, &right));
        PDM_TRY(units_sum(s, sign, "=", left.unit, right.unit, &unit));
        node = dag_expand(d, dag_sub(d, left.node, right.node));
        PDM_TRY(pde_check_dag(s->p, s->where));
        if (dag_is_const(d, node)) PARSE_FAIL(s, at, "no coordinate is read; a curve expected, like \"x^2 + y^2 = 1\"");
    }
    PDM_TRY(keep_curve(s, at, k->field, node));
    k->w = dag_mul(d, k->w, node);
done:
    return status;
}

/* "FIELD = expr on CURVE, CURVE" or "FIELD free"; w is 1 then. */
static pdm_status parse_on_curve(pde_parser *s, on_curve *k)
{
    pdm_status        status = PDM_OK;
    const pde_symbol *symbol = s->token == TOKEN_NAME ? pde_find(s->p, s->span) : NULL;
    pde_value         value;

    if (!symbol || symbol->kind != PDE_FIELD) PDM_TRY(unknown_condition(s));
    *k = (on_curve){.field = symbol->index, .g = DAG_ZERO, .w = DAG_ONE};
    PDM_TRY(parser_next(s));
    if (word_is(s, "free")) {
        PDM_TRY(parser_next(s));
        PDM_TRY(parser_expect_end(s));
        goto done;
    }
    if (s->token != '=') PDM_TRY(unknown_condition(s));
    PDM_TRY(parser_next(s));
    const pdm_size at = parser_at(s);
    PDM_TRY(parser_expression(s, &value));
    PDM_TRY(units_match(s, at, "the field", symbol->value.unit, value.unit));
    k->g = dag_expand(&s->p->dag, value.node);
    PDM_TRY(pde_check_dag(s->p, s->where));
    PDM_TRY(check_fixed(s, at, k->g));
    if (!word_is(s, "on"))
        PARSE_FAIL(s, parser_at(s), "\"on\" and a curve expected: \"%s = expr on x^2 + y^2 = 1\"", symbol->name);
    do {
        PDM_TRY(parser_next(s));
        PDM_TRY(parse_curve(s, k));
    } while (s->token == ',');
    PDM_TRY(parser_expect_end(s));
done:
    return status;
}

/* What was said of a field so far: u = g/below + w v. Two of them are joined so that each has its value on its own
 * curves, g = (g1 w2^2 + g2 w1^2)/(w1^2 + w2^2). */
typedef struct built_in {
    bool    said, same; /* same: all values are one expression */
    int32_t g, w;
    int32_t above, below; /* g as a fraction */
} built_in;

static void add_condition(dag *d, const on_curve *k, built_in *b)
{
    const int32_t mine = dag_mul(d, k->w, k->w), theirs = dag_mul(d, b->w, b->w);

    if (!b->said) {
        *b = (built_in){.said = true, .same = true, .g = k->g, .w = k->w, .above = k->g, .below = DAG_ONE};
        return;
    }
    b->same  = b->same && b->g == k->g;
    b->above = dag_add(d, dag_mul(d, b->above, mine), dag_mul(d, k->g, theirs));
    b->below = dag_add(d, dag_mul(d, b->below, mine), theirs);
    b->w     = dag_mul(d, b->w, k->w);
}

static pdm_status read_condition(pdm_pde *p, pdm_where where, pdm_size begin, pdm_size end, built_in *of)
{
    pdm_status status = PDM_OK;
    pde_parser s;
    on_curve   k;

    PDM_TRY(parser_open(&s, p, where, begin, end, PDE_SCOPE_DATA));
    const pdm_size at = parser_at(&s);
    PDM_TRY(parse_on_curve(&s, &k));
    if (p->positive[k.field] > 0.0)
        PARSE_FAIL(&s, at, "\"%s\" is positive (/pde:positive); values on curves cannot be built into it",
                   p->field_name[k.field]);
    if (of[k.field].said && (k.w == DAG_ONE || of[k.field].w == DAG_ONE))
        PARSE_FAIL(&s, at, "\"%s\" is free, and has other conditions; one or the other expected",
                   p->field_name[k.field]);
    add_condition(&p->dag, &k, &of[k.field]);
done:
    return status;
}

/* Conditions of an attribute, separated by ";". */
static pdm_status read_conditions(pdm_pde *p, pdm_case *c, const char *name, built_in *of)
{
    pdm_status status = PDM_OK;
    pdm_where  where;

    PDM_TRY(pde_read_text(c, GROUP, name, NULL, &where));
    const pdm_size end = (pdm_size)strlen(where.text);
    for (pdm_size begin = 0, next; begin <= end; begin = next + 1) {
        next             = begin + (pdm_size)strcspn(where.text + begin, ";");
        const bool blank = begin + (pdm_size)strspn(where.text + begin, " \t\r\n") >= next;
        if (blank && next == end && begin > 0) break; /* after a last ";" */
        PDM_TRY(read_condition(p, where, begin, next, of));
    }
done:
    return status;
}

/* What the field's name stands for from here on. */
static pdm_status build_in(pdm_pde *p, pdm_size f, const built_in *b)
{
    pdm_status      status = PDM_OK;
    dag            *d      = &p->dag;
    pde_shape      *shape  = &p->shape;
    const pdm_where where  = shape->where;

    if (b->w == DAG_ONE) return PDM_OK;
    shape->weight_node[f] = b->w;
    shape->data_node[f]   = b->same ? b->g : dag_div(d, b->above, b->below);
    PDM_TRY(pde_function_create(p, where, shape->weight_node[f], &shape->weight[f]));
    PDM_TRY(pde_function_create(p, where, shape->data_node[f], &shape->data[f]));
    for (pdm_size i = 0; i < p->n_symbol; i++)
        if (p->symbol[i].kind == PDE_FIELD && p->symbol[i].index == f) {
            const int32_t v         = p->symbol[i].value.node;
            p->spline_leaf[f]       = d->node[v].a;
            p->symbol[i].value.node = dag_add(d, shape->data_node[f], dag_mul(d, shape->weight_node[f], v));
            p->spline_node[f]       = p->symbol[i].value.node;
        }
    shape->is_built_in[f] = true;
    PDM_TRY(pde_check_dag(p, where));
done:
    return status;
}

pdm_status pde_read_shape(pdm_pde *p, pdm_case *c)
{
    pdm_status status            = PDM_OK;
    built_in   of[PDM_MAX_FIELD] = {{.said = false}};

    if (!pdm_case_has_group(c, GROUP)) return PDM_OK;
    PDM_TRY(read_inside(p, c));
    for (pdm_size i = 0; i < pdm_case_n_attribute(c, GROUP); i++) {
        const char *name = pdm_case_attribute_name(c, GROUP, i);
        if (strcmp(name, INSIDE) != 0 && !pde_is_free_word(name)) PDM_TRY(read_conditions(p, c, name, of));
    }
    for (pdm_size f = 0; f < p->n_field; f++) {
        const pdm_where where = pdm_case_where(c, GROUP, NULL);
        if (!of[f].said)
            PDM_FAIL_AT(
                p->ctx, PDM_ERR_CASE, &where,
                "no condition for field \"%s\" on what bounds the inside; \"%s = expr on boundary\", on a curve "
                "like \"x^2 + y^2 = 1\", or \"%s free\" expected",
                p->field_name[f], p->field_name[f], p->field_name[f]);
        PDM_TRY(build_in(p, f, &of[f]));
    }
done:
    return status;
}

pdm_status pde_check_shape(pdm_pde *p)
{
    pdm_status status = PDM_OK;

    if (!p->shape.level) return PDM_OK;
    if (p->n_constraint > 0)
        PDM_FAIL_AT(p->ctx, PDM_ERR_CASE, &p->constraint[0].where,
                    "integrals are those over the whole box, and /geometry is there; no constraint expected");
    if (p->n_derived > 0)
        PDM_FAIL_AT(p->ctx, PDM_ERR_CASE, &p->derived[0].where,
                    "invlap is for the whole box, and /geometry is there; a field of its own with the equation "
                    "\"lap(psi) - ...\" expected");
done:
    return status;
}

int32_t pde_count_inside(pdm_pde *p, int32_t residual)
{
    return p->shape.level ? dag_mul(&p->dag, p->shape.counts, residual) : residual;
}

const pdm_function *pdm_pde_level(const pdm_pde *p)
{
    return p->shape.level;
}

const pdm_where *pdm_pde_level_where(const pdm_pde *p)
{
    return &p->shape.where;
}

pdm_size pdm_pde_n_curve(const pdm_pde *p)
{
    return p->shape.n_curve;
}

const pdm_curve *pdm_pde_curve(const pdm_pde *p, pdm_size i)
{
    return &p->shape.curve[i];
}

const pdm_function *pdm_pde_curve_weight(const pdm_pde *p, pdm_size f)
{
    return p->shape.weight[f];
}

const pdm_function *pdm_pde_curve_data(const pdm_pde *p, pdm_size f)
{
    return p->shape.data[f];
}
