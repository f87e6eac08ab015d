/* Initial and boundary conditions. */
#include "pde/pde_impl.h"

#include <stdio.h>
#include <string.h>

#define ATTRIBUTE_BYTES (PDE_MAX_NAME + 8)

static const char *const side_name[2] = {"min", "max"};

/* ---- initial ----------------------------------------------------------------------------------------------------- */

/* Attribute that gives the time derivative of this order at the start: "u", "u_t". */
static void initial_name(const pdm_pde *p, pdm_size field, int32_t order, char out[ATTRIBUTE_BYTES])
{
    (void)snprintf(out, ATTRIBUTE_BYTES, "%s%s", p->field_name[field], order ? "_t" : "");
}

static pdm_size initial_wanted(const pdm_pde *p, pdm_size field)
{
    return p->has_time ? p->order[field][0] : 0;
}

/* Field and order of an attribute; false when no field has that name. */
static bool initial_of_name(const pdm_pde *p, const char *name, pdm_size *field, int32_t *order)
{
    char known[ATTRIBUTE_BYTES];
    for (*order = 0; *order < 2; (*order)++)
        for (*field = 0; *field < p->n_field; (*field)++) {
            initial_name(p, *field, *order, known);
            if (strcmp(known, name) == 0) return true;
        }
    return false;
}

static pdm_status check_initial_name(pdm_pde *p, pdm_case *c, const char *name)
{
    pdm_status status = PDM_OK;
    pdm_where  where  = pdm_case_where(c, "pde/initial", name);
    pdm_size   field  = 0;
    int32_t    order  = 0;
    pdm_text   fields = {.ctx = p->ctx};

    where.text = NULL;
    for (pdm_size f = 0; f < p->n_field; f++)
        PDM_TRY(pdm_text_append(&fields, "%s%s", f ? ", " : "", p->field_name[f]));
    if (!p->has_time)
        PDM_FAIL_AT(p->ctx, PDM_ERR_CASE, &where,
                    "an initial condition, but there is no dimension \"t\"; none expected");
    if (!initial_of_name(p, name, &field, &order))
        PDM_FAIL_AT(p->ctx, PDM_ERR_CASE, &where,
                    "no field of this name; FIELD, or FIELD_t for its time derivative, expected; the fields are: %s",
                    fields.data);
    if (order >= initial_wanted(p, field))
        PDM_FAIL_AT(p->ctx, PDM_ERR_CASE, &where, "field \"%s\" is of order %d in time: %s expected",
                    p->field_name[field], (int)p->order[field][0],
                    p->order[field][0] == 0 ? "no initial condition" : "one initial condition");
done:
    pdm_text_destroy(&fields);
    return status;
}

static pdm_status missing_initial(pdm_pde *p, pdm_case *c, pdm_size field, const char *name)
{
    pdm_where      where  = pdm_case_where(c, "pde/initial", NULL);
    const pdm_size wanted = initial_wanted(p, field);
    pdm_size       n      = 0;
    char           known[ATTRIBUTE_BYTES];

    for (int32_t order = 0; order < wanted; order++) {
        initial_name(p, field, order, known);
        n += pdm_case_has(c, "pde/initial", known);
    }
    return pdm_error_set(
        p->ctx, PDM_ERR_CASE, &where, __func__,
        "field \"%s\" is of order %lld in time: %lld initial condition%s expected, %lld given; \"%s\" is missing",
        p->field_name[field], (long long)wanted, (long long)wanted, wanted == 1 ? "" : "s", (long long)n, name);
}

/* Of a slab: an input in place of what the case gives. */
static pdm_status put_state(pdm_pde *p, pdm_case *c, const char *name, pdm_initial *initial)
{
    pdm_status status = PDM_OK;
    int32_t    node;
    pdm_where  where = pdm_case_where(c, "pde/initial", name);

    PDM_TRY(pde_keep_where(p, where, &initial->where));
    PDM_TRY(pde_slab_state(p, name, &node, &initial->state));
    PDM_TRY(pde_function_create(p, where, node, &initial->given));
    initial->function = initial->given;
done:
    return status;
}

/* state [n_field]: nodes of the fields at the start, written for order 0. */
static pdm_status parse_initial(pdm_pde *p, pdm_case *c, const char *name, int32_t *state, pdm_initial *initial)
{
    pdm_status    status = PDM_OK;
    const int32_t field = initial->field, order = initial->order;
    pde_parser    s;
    pde_value     value, wanted = {DAG_ZERO, p->field_unit[field]};
    pdm_where     where;

    PDM_TRY(pde_read_text(c, "pde/initial", name, NULL, &where));
    PDM_TRY(parser_open(&s, p, where, 0, (pdm_size)strlen(where.text), PDE_SCOPE_DATA));
    PDM_TRY(parser_expression(&s, &value));
    PDM_TRY(parser_expect_end(&s));
    if (order == 1) PDM_TRY(units_derivative(&s, wanted.unit, p->dim_unit[0], &wanted.unit));
    PDM_TRY(units_match(&s, 0, "the field", wanted.unit, value.unit));
    PDM_TRY(pde_keep_where(p, where, &initial->where));
    const int32_t given = dag_expand(&p->dag, value.node);
    PDM_TRY(pde_function_create(p, where, given, &initial->given));
    initial->function = initial->given;
    PDM_TRY(pde_find_jumps(p, given, initial));
    if (order == 0) state[field] = given;
    if (pde_is_transformed(p, (pdm_size)field)) {
        const int32_t v =
            order == 0 ? pde_to_spline(p, field, given) : pde_to_spline_rate(p, field, state[field], given);
        PDM_TRY(pde_function_create(p, where, v, &initial->function));
    }
done:
    return status;
}

static pdm_status read_initial(pdm_pde *p, pdm_case *c, pdm_size field, int32_t order, int32_t *state)
{
    pdm_status  status  = PDM_OK;
    pdm_initial initial = {.field = (int32_t)field, .order = order, .state = -1};
    char        name[ATTRIBUTE_BYTES];

    initial_name(p, field, order, name);
    if (!pdm_case_has(c, "pde/initial", name)) PDM_TRY(missing_initial(p, c, field, name));
    PDM_TRY(p->is_slab ? put_state(p, c, name, &initial) : parse_initial(p, c, name, state, &initial));
    PDM_TRY(pde_grow(p->ctx, &p->initial, sizeof *p->initial, p->n_initial, p->n_initial + 1, &p->initial_capacity));
    p->initial[p->n_initial++] = initial;
done:
    return status;
}

static pdm_status read_all_initial(pdm_pde *p, pdm_case *c)
{
    pdm_status status               = PDM_OK;
    int32_t    state[PDM_MAX_FIELD] = {0};

    for (pdm_size i = 0; i < pdm_case_n_attribute(c, "pde/initial"); i++) {
        const char *name = pdm_case_attribute_name(c, "pde/initial", i);
        if (!pde_is_free_word(name)) PDM_TRY(check_initial_name(p, c, name));
    }
    for (pdm_size f = 0; f < p->n_field; f++)
        for (int32_t order = 0; order < initial_wanted(p, f); order++) PDM_TRY(read_initial(p, c, f, order, state));
done:
    return status;
}

/* ---- one boundary condition -------------------------------------------------------------------------------------- */

static pdm_status find_field(pde_parser *s, pdm_span name, const pde_symbol **out)
{
    pdm_status        status = PDM_OK;
    const pde_symbol *symbol = pde_find(s->p, name);
    pdm_text          fields = {.ctx = s->p->ctx};

    if (!symbol || symbol->kind != PDE_FIELD) {
        for (pdm_size f = 0; f < s->p->n_field; f++)
            PDM_TRY(pdm_text_append(&fields, "%s%s", f ? ", " : "", s->p->field_name[f]));
        PARSE_FAIL(s, name.start - s->where.text, "unknown field \"%.*s\"; the fields are: %s",
                   name.length < 100 ? (int)name.length : 100, name.start, fields.data);
    }
    *out = symbol;
done:
    pdm_text_destroy(&fields);
    return status;
}

/* The next tokens, without moving the parser. */
static bool comes_next(pde_parser look, int n, const int *token)
{
    for (int i = 0; i < n; i++) {
        if (look.token != token[i]) return false;
        if (i + 1 < n && parser_next(&look) != PDM_OK) return false;
    }
    return true;
}

/* The right side, after "=". */
static pdm_status parse_right(pde_parser *s, pde_scope scope, pde_value *out)
{
    pdm_status status = PDM_OK;

    if (s->token != '=') {
        if (s->token == ')') PDM_TRY(parser_expect_end(s));
        PARSE_FAIL(s, parser_at(s),
                   "\"=\" expected: conditions are \"FIELD = expr\", \"flux(FIELD) = expr\", \"expr = expr\" or "
                   "\"FIELD free\"");
    }
    PDM_TRY(parser_next(s));
    s->scope = scope;
    PDM_TRY(parser_expression(s, out));
    if (s->token == '=') PARSE_FAIL(s, parser_at(s), "a second \"=\"; conditions are separated by \";\"");
    PDM_TRY(parser_expect_end(s));
done:
    return status;
}

/* "flux(FIELD) = expr" */
static pdm_status parse_flux(pde_parser *s, pdm_condition *k, int32_t *node)
{
    pdm_status        status = PDM_OK;
    const pde_symbol *symbol = NULL;
    const pdm_unit   *unit   = NULL;
    pde_value         value;

    PDM_TRY(parser_next(s)); /* ( */
    PDM_TRY(parser_next(s));
    PDM_TRY(find_field(s, s->span, &symbol));
    PDM_TRY(parser_next(s));
    if (s->token != ')') PARSE_FAIL(s, parser_at(s), "\")\" expected: flux(FIELD) names the equation of a field");
    PDM_TRY(parser_next(s));
    const pdm_size at = parser_at(s);
    PDM_TRY(parse_right(s, PDE_SCOPE_ALL, &value));
    PDM_TRY(units_product(s, at, s->p->equation_unit[symbol->index], s->p->dim_unit[k->dim], &unit));
    PDM_TRY(units_match(s, at, "the flux", unit, value.unit));
    k->kind  = PDM_CONDITION_FLUX;
    k->field = symbol->index;
    *node    = value.node;
    if (!pde_is_all_source(s->p, k->field)) goto done;
    const int32_t flux = s->p->whole_flux[k->field][k->dim]; /* their equations have no flux terms: rows of its own */
    if (flux == DAG_ZERO)
        PARSE_FAIL(s, at, "the equation of \"%s\" has no flux in %s: no term of the form d%s(...) stands alone",
                   symbol->name, s->p->dim_name[k->dim], s->p->dim_name[k->dim]);
    k->kind = PDM_CONDITION_GENERAL;
    *node   = dag_div(&s->p->dag, dag_sub(&s->p->dag, flux, dag_expand(&s->p->dag, value.node)),
                      pde_spline_slope(s->p, k->field));
done:
    return status;
}

/* "FIELD = expr" */
static pdm_status parse_dirichlet(pde_parser *s, const pde_symbol *symbol, pdm_condition *k, int32_t *node)
{
    pdm_status status = PDM_OK;
    pde_value  value;

    PDM_TRY(parser_next(s));
    const pdm_size at = parser_at(s);
    PDM_TRY(parse_right(s, PDE_SCOPE_DATA, &value));
    PDM_TRY(units_match(s, at, "the field", symbol->value.unit, value.unit));
    k->kind  = PDM_CONDITION_DIRICHLET;
    k->field = symbol->index;
    *node    = value.node;
done:
    return status;
}

pdm_status pde_lowest_field(pdm_pde *p, int32_t node, int32_t *field)
{
    pdm_status status = PDM_OK;
    dag       *d      = &p->dag;
    pde_list   order  = {0};

    *field = -1;
    dag_walk(d, dag_next_stamp(d), node, NULL, 0, &order);
    PDM_TRY(d->status);
    for (pdm_size i = 0; i < order.n; i++) {
        const dag_node *n = &d->node[order.item[i]];
        if (n->opcode != PDM_OPCODE_INPUT || d->leaf[n->a].kind != PDM_INPUT_ATOM) continue;
        const int32_t index = d->leaf[n->a].index;
        const int32_t here  = index < p->n_field ? index : p->derived[index - p->n_field].field;
        if (*field < 0 || here < *field) *field = here;
    }
done:
    list_destroy(p->ctx, &order);
    return status;
}

/* "expr = expr" */
static pdm_status parse_general(pde_parser *s, pdm_condition *k, int32_t *node)
{
    pdm_status      status = PDM_OK;
    dag            *d      = &s->p->dag;
    const pdm_size  start  = parser_at(s);
    const pdm_unit *unit   = NULL;
    pde_value       left, right;

    PDM_TRY(parser_expression(s, &left));
    const pdm_size at = parser_at(s);
    PDM_TRY(parse_right(s, PDE_SCOPE_ALL, &right));
    PDM_TRY(units_sum(s, at, "=", left.unit, right.unit, &unit));
    *node = dag_expand(d, dag_sub(d, left.node, right.node));
    PDM_TRY(pde_check_dag(s->p, s->where));
    PDM_TRY(pde_lowest_field(s->p, *node, &k->field));
    if (k->field < 0) PARSE_FAIL(s, start, "no field in this condition; at least one expected");
    k->kind = PDM_CONDITION_GENERAL;
done:
    return status;
}

static bool mentions_several(const pdm_pde *p, const pdm_function *f)
{
    int32_t first = -1;
    for (pdm_size a = 0; a < f->n_atom; a++) {
        const int32_t k = f->atom[a].field, field = k < p->n_field ? k : p->derived[k - p->n_field].field;
        if (first >= 0 && field != first) return true;
        first = field;
    }
    return false;
}

/* The summands of the flux of a field's equation that read no field: sources that joined it, like a definition's
 * derivative. */
static pdm_status find_fixed_flux(pdm_pde *p, pdm_where where, pdm_condition *k)
{
    enum { MOST = 64 };
    pdm_status  status = PDM_OK;
    dag        *d      = &p->dag;
    int32_t     sum    = DAG_ZERO;
    pde_summand part[MOST + 1];
    pdm_size    n = 0;

    for (pdm_size i = 0; i < p->n_term; i++)
        if (p->term[i].equation == k->field && p->term[i].dim == k->dim)
            PDM_TRY(pde_take_apart(p, p->term_node[i], MOST, part, &n));
    for (pdm_size i = 0; i < n; i++)
        if (!(d->node[part[i].node].flags & DAG_FIELD))
            sum = dag_add(d, sum, dag_mul(d, dag_const(d, part[i].factor), part[i].node));
    PDM_TRY(d->status);
    if (sum != DAG_ZERO) PDM_TRY(pde_function_create(p, where, sum, &k->fixed));
done:
    return status;
}

/* A condition of several fields in which the whole flux of an equation stands, as that flux too. */
static pdm_status take_whole_flux(pdm_pde *p, pdm_where where, int32_t node, pdm_condition *k)
{
    pdm_status status = PDM_OK;
    bool       found  = false;
    int32_t    prescribed;

    if (!mentions_several(p, k->given)) goto done;
    for (pdm_size i = 0; i < p->n_term && !found; i++) {
        if (p->term[i].dim != k->dim) continue;
        PDM_TRY(pde_find_whole_flux(p, node, p->term_node[i], &found, &prescribed));
        if (!found) continue;
        k->flux_field = p->term[i].equation;
        PDM_TRY(pde_function_create(p, where, prescribed, &k->flux));
    }
done:
    return status;
}

/* `where` has the place of the attribute; the condition is its bytes begin .. end. */
static pdm_status read_condition(pdm_pde *p, pdm_where where, pdm_size begin, pdm_size end, pdm_condition k)
{
    static const int flux[] = {TOKEN_NAME, '(', TOKEN_NAME}, equation[] = {TOKEN_NAME, '='},
                     word[]  = {TOKEN_NAME, TOKEN_NAME, TOKEN_END};
    pdm_status        status = PDM_OK;
    const pde_symbol *symbol = NULL;
    int32_t           node   = -1;
    pde_parser        s;

    PDM_TRY(pde_read_part(p, where, begin, end, &k, &end));
    PDM_TRY(parser_open(&s, p, where, begin, end, PDE_SCOPE_ALL));
    where.offset = parser_at(&s);
    symbol       = s.token == TOKEN_NAME ? pde_find(p, s.span) : NULL;
    if (pdm_span_equals(s.span, "flux") && comes_next(s, 3, flux)) {
        PDM_TRY(parse_flux(&s, &k, &node));
    } else if (symbol && symbol->kind == PDE_FIELD && comes_next(s, 2, equation)) {
        PDM_TRY(parse_dirichlet(&s, symbol, &k, &node));
    } else if (comes_next(s, 3, word)) {
        const pdm_span name = s.span;
        PDM_TRY(parser_next(&s));
        if (!pdm_span_equals(s.span, "free"))
            PARSE_FAIL(&s, parser_at(&s), "unexpected \"%.*s\"; \"= expr\" or \"free\" expected", (int)s.span.length,
                       s.span.start);
        PDM_TRY(find_field(&s, name, &symbol));
        k.kind  = PDM_CONDITION_FREE;
        k.field = symbol->index;
    } else {
        PDM_TRY(parse_general(&s, &k, &node));
        k.named = false;
    }
    if (node >= 0 && k.kind == PDM_CONDITION_GENERAL) node = pde_count_inside(p, dag_expand(&p->dag, node));
    if (node >= 0) PDM_TRY(pde_function_create(p, where, dag_expand(&p->dag, node), &k.given));
    k.function = k.given;
    if (k.kind == PDM_CONDITION_FLUX) PDM_TRY(find_fixed_flux(p, where, &k));
    if (!k.named) PDM_TRY(take_whole_flux(p, where, dag_expand(&p->dag, node), &k));
    if (k.kind == PDM_CONDITION_DIRICHLET && p->positive[k.field] > 0.0)
        PDM_TRY(pde_function_create(p, where, pde_to_spline(p, k.field, dag_expand(&p->dag, node)), &k.function));
    if (k.kind == PDM_CONDITION_DIRICHLET && (*k.part_text || p->shape.is_built_in[k.field])) {
        const int32_t misfit = pde_count_inside(p, dag_sub(&p->dag, symbol->value.node, dag_expand(&p->dag, node)));
        PDM_TRY(pde_function_create(p, where, misfit, &k.misfit));
    }
    PDM_TRY(pde_keep_where(p, where, &k.where));
    PDM_TRY(pde_grow(p->ctx, &p->condition, sizeof *p->condition, p->n_condition, p->n_condition + 1,
                     &p->condition_capacity));
    p->condition[p->n_condition++] = k;
done:
    return status;
}

/* ---- sides ------------------------------------------------------------------------------------------------------- */

/* Dimension and side of "DIM_min", "DIM_max". */
static bool side_of_name(const pdm_pde *p, const char *name, pdm_condition *k)
{
    char known[ATTRIBUTE_BYTES];
    for (int32_t j = p->has_time ? 1 : 0; j < p->n_dim; j++)
        for (int32_t side = 0; side < 2; side++) {
            (void)snprintf(known, sizeof known, "%s_%s", p->dim_name[j], side_name[side]);
            if (strcmp(known, name) != 0) continue;
            k->dim  = j;
            k->side = side;
            return true;
        }
    return false;
}

static pdm_status unknown_side(pdm_pde *p, pdm_case *c, const char *name)
{
    pdm_status status = PDM_OK;
    pdm_text   sides  = {.ctx = p->ctx};
    pdm_where  where  = pdm_case_where(c, "pde/boundary", name);

    where.text = NULL;
    if (p->has_time && (strcmp(name, "t_min") == 0 || strcmp(name, "t_max") == 0))
        PDM_FAIL_AT(p->ctx, PDM_ERR_CASE, &where, "time has no sides; initial conditions are expected in /pde/initial");
    for (pdm_size j = p->has_time ? 1 : 0; j < p->n_dim; j++)
        PDM_TRY(pdm_text_append(&sides, "%s%s_min, %s_max", sides.length ? ", " : "", p->dim_name[j], p->dim_name[j]));
    PDM_FAIL_AT(p->ctx, PDM_ERR_CASE, &where, "no such side; the sides are: %s", sides.data ? sides.data : "(none)");
done:
    pdm_text_destroy(&sides);
    return status;
}

static pdm_status read_side(pdm_pde *p, pdm_case *c, const char *name)
{
    pdm_status    status = PDM_OK;
    pdm_condition side   = {.named = true};
    pdm_where     where;

    if (!side_of_name(p, name, &side)) PDM_TRY(unknown_side(p, c, name));
    PDM_TRY(pde_read_text(c, "pde/boundary", name, NULL, &where));
    const pdm_size end = (pdm_size)strlen(where.text);
    for (pdm_size begin = 0, next; begin <= end; begin = next + 1) {
        next             = begin + (pdm_size)strcspn(where.text + begin, ";");
        const bool blank = begin + (pdm_size)strspn(where.text + begin, " \t\r\n") >= next;
        if (blank && next == end && begin > 0) break; /* after a last ";" */
        PDM_TRY(read_condition(p, where, begin, next, side));
    }
done:
    return status;
}

pdm_status pde_read_conditions(pdm_pde *p, pdm_case *c)
{
    pdm_status status = PDM_OK;

    PDM_TRY(read_all_initial(p, c));
    for (pdm_size i = 0; i < pdm_case_n_attribute(c, "pde/boundary"); i++) {
        const char *name = pdm_case_attribute_name(c, "pde/boundary", i);
        if (!pde_is_free_word(name)) PDM_TRY(read_side(p, c, name));
    }
done:
    return status;
}
