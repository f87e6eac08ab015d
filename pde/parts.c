/* Parts of a side: "... where 0.2 < y <= 0.8 and t < 1". */
#include "pde/pde_impl.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* One side of a comparison: a coordinate (dim >= 0) or a number. */
typedef struct operand {
    int32_t         dim;
    double          value;
    const pdm_unit *unit; /* NULL: taken in that of the coordinate */
    pdm_size        at;
} operand;

static pdm_status unknown_coordinate(pde_parser *s, pdm_size at, const pdm_condition *k)
{
    pdm_status status = PDM_OK;
    pdm_text   known  = {.ctx = s->p->ctx};

    for (int32_t j = 0; j < s->p->n_dim; j++)
        if (j != k->dim) PDM_TRY(pdm_text_append(&known, "%s%s", known.length ? ", " : "", s->p->dim_name[j]));
    PARSE_FAIL(s, at, "a coordinate along this side expected in \"COORDINATE < NUMBER\": %s",
               known.length ? known.data : "there is none");
done:
    pdm_text_destroy(&known);
    return status;
}

static pdm_status parse_operand(pde_parser *s, operand *out)
{
    pdm_status        status = PDM_OK;
    const pde_symbol *symbol = s->token == TOKEN_NAME ? pde_find(s->p, s->span) : NULL;
    pde_value         value;

    *out = (operand){.dim = -1, .at = parser_at(s)};
    if (symbol && symbol->kind == PDE_DIMENSION) {
        out->dim = symbol->index;
        PDM_TRY(parser_next(s));
        goto done;
    }
    s->scope          = PDE_SCOPE_PARAMETER;
    s->mentions_names = false;
    PDM_TRY(parser_expression(s, &value));
    const int32_t node = dag_expand(&s->p->dag, value.node);
    PDM_TRY(pde_check_dag(s->p, s->where));
    out->value = s->p->dag.node[node].value;
    out->unit  = s->mentions_names ? value.unit : NULL;
    if (!dag_is_const(&s->p->dag, node) || !isfinite(out->value))
        PARSE_FAIL(s, out->at, "a finite number, or parameters, expected");
done:
    return status;
}

/* "<", "<=", ">", ">="; turned: the greater one stands first. */
static pdm_status parse_sign(pde_parser *s, bool *turned, bool *open)
{
    pdm_status status = PDM_OK;

    if (s->token != '<' && s->token != '>')
        PARSE_FAIL(s, parser_at(s), "\"<\", \"<=\", \">\" or \">=\" expected: \"where COORDINATE < NUMBER\"");
    *turned = s->token == '>';
    PDM_TRY(parser_next(s));
    *open = s->token != '=';
    if (!*open) PDM_TRY(parser_next(s));
done:
    return status;
}

/* a < b, one of them a coordinate. */
static pdm_status apply(pde_parser *s, operand a, operand b, bool open, pdm_condition *k)
{
    pdm_status     status = PDM_OK;
    const operand *x = a.dim >= 0 ? &a : &b, *number = a.dim >= 0 ? &b : &a;

    if (x->dim < 0) PDM_TRY(unknown_coordinate(s, x->at, k));
    if (number->dim >= 0) PARSE_FAIL(s, number->at, "a number expected: \"where COORDINATE < NUMBER\"");
    if (x->dim == k->dim)
        PARSE_FAIL(s, x->at, "%s is the same all over this side; another coordinate expected", s->p->dim_name[k->dim]);
    PDM_TRY(units_match(s, number->at, "the coordinate", s->p->dim_unit[x->dim], number->unit));
    pdm_interval *range = &k->part[x->dim];
    if (x == &b && (a.value > range->low || (a.value == range->low && open))) {
        range->low      = a.value;
        range->open_low = open;
    }
    if (x == &a && (b.value < range->high || (b.value == range->high && open))) {
        range->high      = b.value;
        range->open_high = open;
    }
done:
    return status;
}

/* a < b, or a < b < c. */
static pdm_status parse_comparison(pde_parser *s, pdm_condition *k)
{
    pdm_status status = PDM_OK;
    operand    a, b;
    bool       turned = false, open = false, further_turned = false;

    PDM_TRY(parse_operand(s, &a));
    PDM_TRY(parse_sign(s, &turned, &open));
    PDM_TRY(parse_operand(s, &b));
    PDM_TRY(turned ? apply(s, b, a, open, k) : apply(s, a, b, open, k));
    if (s->token != '<' && s->token != '>') goto done;
    const pdm_size at = parser_at(s);
    PDM_TRY(parse_sign(s, &further_turned, &open));
    if (further_turned != turned || b.dim < 0)
        PARSE_FAIL(s, at, "\"NUMBER < COORDINATE < NUMBER\", or \"and\" and another comparison, expected");
    PDM_TRY(parse_operand(s, &a));
    PDM_TRY(turned ? apply(s, a, b, open, k) : apply(s, b, a, open, k));
done:
    return status;
}

static pdm_status print_part(pdm_pde *p, pdm_condition *k)
{
    pdm_status status = PDM_OK;
    pdm_text   text   = {.ctx = p->ctx};
    char       number[32];

    for (pdm_size j = 0; j < p->n_dim; j++) {
        const pdm_interval *range = &k->part[j];
        if (isinf(range->low) && isinf(range->high)) continue;
        if (text.length) PDM_TRY(pdm_text_append(&text, " and "));
        pde_number_text(range->low, number);
        if (!isinf(range->low)) PDM_TRY(pdm_text_append(&text, "%s %s ", number, range->open_low ? "<" : "<="));
        PDM_TRY(pdm_text_append(&text, "%s", p->dim_name[j]));
        pde_number_text(range->high, number);
        if (!isinf(range->high)) PDM_TRY(pdm_text_append(&text, " %s %s", range->open_high ? "<" : "<=", number));
    }
    PDM_TRY(pool_text(&p->pool, text.data ? text.data : "", (pdm_size)text.length, &k->part_text));
done:
    pdm_text_destroy(&text);
    return status;
}

/* Byte of the word "where" in begin .. end; end: there is none. */
static pdm_size find_where(const char *text, pdm_size begin, pdm_size end)
{
    static const char word[] = "where";
    const pdm_size    n      = sizeof word - 1;

    for (pdm_size i = begin; i + n <= end; i++)
        if (memcmp(text + i, word, (size_t)n) == 0 && (i == begin || !pde_is_name_part(text[i - 1])) &&
            (i + n == end || !pde_is_name_part(text[i + n])))
            return i;
    return end;
}

/* What numbers along a dimension may differ by and yet mean one place: rounding, or a billionth of the extent. */
static pdm_status read_slack(pdm_pde *p, pdm_size dim, pdm_interval *range)
{
    pdm_status status    = PDM_OK;
    double     extent[2] = {0.0, 0.0}, scale = 0.0;
    pdm_size   n         = 0;
    char       group[PDE_MAX_NAME + 8];

    (void)snprintf(group, sizeof group, "domain/%s", p->dim_name[dim]);
    PDM_TRY(pdm_case_reals(p->the_case, group, "extent", false, 2, 2, extent, &n));
    if (isfinite(range->low)) scale = fabs(range->low);
    if (isfinite(range->high)) scale = fmax(scale, fabs(range->high));
    range->slack = 0x1p-48 * scale + 1e-9 * fmax(extent[1] - extent[0], 0.0);
done:
    return status;
}

pdm_status pde_read_part(pdm_pde *p, pdm_where where, pdm_size begin, pdm_size end, pdm_condition *k, pdm_size *stop)
{
    pdm_status     status = PDM_OK;
    const pdm_size at     = find_where(where.text, begin, end);
    pde_parser     s;

    for (int j = 0; j < PDM_MAX_DIM; j++) k->part[j] = (pdm_interval){.low = -INFINITY, .high = INFINITY};
    if (at < end) {
        PDM_TRY(parser_open(&s, p, where, at + 5, end, PDE_SCOPE_PARAMETER));
        PDM_TRY(parse_comparison(&s, k));
        while (s.token == TOKEN_NAME && pdm_span_equals(s.span, "and")) {
            PDM_TRY(parser_next(&s));
            PDM_TRY(parse_comparison(&s, k));
        }
        if (s.token != TOKEN_END) PARSE_FAIL(&s, parser_at(&s), "\"and\" and another comparison, or the end, expected");
        for (pdm_size j = 0; j < p->n_dim; j++) {
            pdm_interval *range = &k->part[j];
            PDM_TRY(read_slack(p, j, range));
            const double length = range->high - range->low;
            if (length < -range->slack || (length <= range->slack && (range->open_low || range->open_high)))
                PARSE_FAIL(&s, at, "no %s is in this part", p->dim_name[j]);
        }
    }
    PDM_TRY(print_part(p, k));
    *stop = at;
done:
    return status;
}
