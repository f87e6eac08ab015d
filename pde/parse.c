/* Recursive descent, at most PDE_MAX_DEPTH deep. Nodes are built, units are checked and names are looked up on the way,
 * so that each complaint has its place:
 *     sum     = product { (+|-) product }
 *     product = unary { (*|/) unary }
 *     unary   = (+|-) unary | power
 *     power   = primary [ ^ unary ]
 *     primary = number | name | name ( sum {, sum} ) | ( sum ) */
#include "pde/pde_impl.h"

#include <stdio.h>
#include <string.h>

#define SHOWN 100 /* bytes of a name in a message */

static int shown(pdm_span span)
{
    return span.length < SHOWN ? (int)span.length : SHOWN;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

pdm_size parser_at(const pde_parser *s)
{
    return s->span.start - s->where.text;
}

/* ---- tokens ------------------------------------------------------------------------------------------------------ */

/* Length of digits [. digits] [e [sign] digits] at byte `at`. */
static pdm_size number_length(const pde_parser *s, pdm_size at)
{
    const char *text = s->where.text;
    pdm_size    i    = at;
    while (i < s->end && is_digit(text[i])) i++;
    if (i < s->end && text[i] == '.') i++;
    while (i < s->end && is_digit(text[i])) i++;
    if (i < s->end && (text[i] == 'e' || text[i] == 'E')) {
        pdm_size k = i + 1;
        if (k < s->end && (text[k] == '+' || text[k] == '-')) k++;
        if (k < s->end && is_digit(text[k])) {
            while (k < s->end && is_digit(text[k])) k++;
            i = k;
        }
    }
    return i - at;
}

static pdm_status read_number(pde_parser *s, pdm_size at, pdm_size length)
{
    pdm_status status = PDM_OK;
    char       digits[64];

    if (length >= (pdm_size)sizeof digits)
        PARSE_FAIL(s, at, "a number of %lld characters; at most %d expected", (long long)length,
                   (int)sizeof digits - 1);
    memcpy(digits, s->where.text + at, (size_t)length);
    digits[length] = '\0';
    if (!pdm_text_to_real(digits, &s->number))
        PARSE_FAIL(s, at, "\"%s\" is not a number that a double can hold", digits);
    s->token = TOKEN_NUMBER;
done:
    return status;
}

pdm_status parser_next(pde_parser *s)
{
    pdm_status  status = PDM_OK;
    const char *text   = s->where.text;
    pdm_size    length = 1;

    while (s->next < s->end && is_blank(text[s->next])) s->next++;
    const pdm_size at = s->next;
    if (at >= s->end) {
        s->token = TOKEN_END;
        length   = 0;
    } else if (is_digit(text[at]) || (text[at] == '.' && at + 1 < s->end && is_digit(text[at + 1]))) {
        length = number_length(s, at);
        PDM_TRY(read_number(s, at, length));
    } else if (pde_is_name_start(text[at])) {
        while (at + length < s->end && pde_is_name_part(text[at + length])) length++;
        s->token = TOKEN_NAME;
    } else if (strchr("+-*/^(),=;<>", text[at]) && text[at]) {
        s->token = text[at];
    } else if (text[at] > ' ' && text[at] < 127) {
        PARSE_FAIL(s, at, "'%c' has no meaning in an expression", text[at]);
    } else {
        PARSE_FAIL(s, at, "byte 0x%02x has no meaning in an expression", (unsigned)(unsigned char)text[at]);
    }
    s->span = (pdm_span){text + at, length};
    s->next = at + length;
done:
    return status;
}

pdm_status parser_open(pde_parser *s, pdm_pde *p, pdm_where where, pdm_size begin, pdm_size end, pde_scope scope)
{
    pdm_status status = PDM_OK;

    *s = (pde_parser){.p = p, .scope = scope, .where = where, .begin = begin, .end = end, .next = begin};
    if (end - begin > PDE_MAX_TEXT)
        PARSE_FAIL(s, begin, "an expression of %lld characters; at most %d expected", (long long)(end - begin),
                   PDE_MAX_TEXT);
    PDM_TRY(parser_next(s));
done:
    return status;
}

/* ---- what was wrong ---------------------------------------------------------------------------------------------- */

static pdm_status unexpected(pde_parser *s, const char *expected)
{
    pdm_status status = PDM_OK;
    const bool empty  = s->token == TOKEN_END && parser_at(s) >= s->begin;
    pdm_size   first  = s->begin;

    while (first < s->end && is_blank(s->where.text[first])) first++;
    if (empty && first == s->end) PARSE_FAIL(s, s->begin, "the expression is empty; %s expected", expected);
    if (s->token == TOKEN_END) PARSE_FAIL(s, parser_at(s), "the expression ends here; %s expected", expected);
    if (s->token == '=')
        PARSE_FAIL(s, parser_at(s), "unexpected \"=\"; an expression that is zero expected: \"a - (b)\" for \"a = b\"");
    PARSE_FAIL(s, parser_at(s), "unexpected \"%.*s\"; %s expected", shown(s->span), s->span.start, expected);
done:
    return status;
}

/* The name as text of its own, cut off where nothing can be near it any more. */
static void name_text(pdm_span name, char out[SHOWN + 1])
{
    memcpy(out, name.start, (size_t)shown(name));
    out[shown(name)] = '\0';
}

static pdm_status unknown_name(pde_parser *s, pdm_span name, pdm_size at)
{
    pdm_status status = PDM_OK;
    pdm_case  *c      = s->p->the_case;
    pdm_text   known  = {.ctx = s->p->ctx};
    char       word[SHOWN + 1];
    pdm_opcode opcode;
    int        n;

    name_text(name, word);
    if (pde_function_of_name(name, &opcode, &n) || pdm_span_equals(name, "diff") || pdm_span_equals(name, "lap") ||
        pdm_span_equals(name, "invlap"))
        PARSE_FAIL(s, at, "\"%s\" is a function; its arguments in parentheses expected", word);
    if (pde_is_free_word(word))
        PARSE_FAIL(s, at,
                   "\"%s\" is a word that every group may have as a remark, and no name of a parameter or definition; "
                   "another name expected",
                   word);
    if (c && name.length <= PDE_MAX_NAME &&
        (pdm_case_has(c, "pde/definitions", word) || pdm_case_has(c, "pde/parameters", word)))
        PARSE_FAIL(s, at, "\"%s\" is used before it is defined; only what comes before is known here", word);
    PDM_TRY(pde_append_known(s->p, s->scope, word, &known));
    PARSE_FAIL(s, at, "unknown name \"%s\"%s", word, known.data ? known.data : "");
done:
    pdm_text_destroy(&known);
    return status;
}

/* A name that is known, but not here. */
static pdm_status check_scope(pde_parser *s, const pde_symbol *symbol, pdm_size at)
{
    pdm_status status = PDM_OK;
    const bool field  = s->p->dag.node[symbol->value.node].flags & DAG_FIELD;

    if (s->scope == PDE_SCOPE_PARAMETER && symbol->kind != PDE_PARAMETER)
        PARSE_FAIL(s, at, "\"%s\" is %s; a parameter may use numbers and parameters that come before it", symbol->name,
                   pde_kind_text(symbol->kind));
    if (s->scope != PDE_SCOPE_ALL && field)
        PARSE_FAIL(s, at, "\"%s\" %s; an expression of coordinates, parameters and inputs expected", symbol->name,
                   symbol->kind == PDE_FIELD ? "is a field" : "contains a field");
done:
    return status;
}

static pdm_status unknown_function(pde_parser *s, pdm_span name, pdm_size at)
{
    pdm_status status = PDM_OK;
    pdm_text   known  = {.ctx = s->p->ctx};
    char       word[SHOWN + 1];

    name_text(name, word);
    if (pdm_span_equals(name, "flux"))
        PARSE_FAIL(s, at, "flux(FIELD) can only stand alone on the left of a boundary condition");
    if (pdm_span_equals(name, "integral"))
        PARSE_FAIL(s, at, "integral(...) can only stand alone on the left of a constraint, in /pde/constraints");
    if (pde_find(s->p, name) || pdm_span_equals(name, "pi"))
        PARSE_FAIL(s, at, "\"%s\" is no function; a product is written with *", word);
    for (pdm_size i = 1; name.start[0] == 'd' && name.length > 1 && name.length <= 3 && i < name.length; i++) {
        if (pde_dimension_of_letter(s->p, name.start[i]) >= 0) continue;
        PDM_TRY(pde_append_dimensions(s->p, false, &known));
        PARSE_FAIL(s, at + i, "no dimension \"%c\" to differentiate by; the dimensions are: %s", name.start[i],
                   known.data);
    }
    PDM_TRY(pde_nearest_function(s->p, word, &known));
    PARSE_FAIL(s, at, "unknown function \"%s\"%s", word,
               known.data
                   ? known.data
                   : "; the functions are: exp, log, sqrt, sin, cos, tan, sinh, cosh, tanh, erf, atan, log1p, abs, "
                     "sign, step, min, max, pow, "
                     "and derivatives like dx, dxx, diff, lap, invlap");
done:
    pdm_text_destroy(&known);
    return status;
}

/* ---- parts ------------------------------------------------------------------------------------------------------- */

static pdm_status parse_sum(pde_parser *s, pde_value *out);

static pdm_status deeper(pde_parser *s, pdm_size at)
{
    pdm_status status = PDM_OK;

    if (++s->depth > PDE_MAX_DEPTH) PARSE_FAIL(s, at, "nested more than %d deep", PDE_MAX_DEPTH);
done:
    return status;
}

/* After the "(" at byte `open`. */
static pdm_status expect_close(pde_parser *s, pdm_size open)
{
    pdm_status status = PDM_OK;

    if (s->token == TOKEN_END || s->token == ';' || s->token == '=')
        PARSE_FAIL(s, open, "this parenthesis is not closed");
    if (s->token != ')') PDM_TRY(unexpected(s, "an operator or \")\""));
    PDM_TRY(parser_next(s));
done:
    return status;
}

#define ARGUMENTS_MAX 2

/* Arguments up to ")": the first two are kept, all are counted. The present token is "(". last_is_name: the second
 * argument is the name of a dimension, and is not parsed. */
static pdm_status parse_arguments(pde_parser *s, pde_value argument[ARGUMENTS_MAX], bool last_is_name, pdm_span *name,
                                  int *n)
{
    pdm_status     status = PDM_OK;
    const pdm_size open   = parser_at(s);
    pde_value      further;

    *n = 0;
    PDM_TRY(deeper(s, open));
    PDM_TRY(parser_next(s));
    while (s->token != ')' || *n > 0) {
        if (last_is_name && *n == 1) {
            *name = s->span;
            if (s->token != TOKEN_NAME) PDM_TRY(unexpected(s, "the name of a dimension"));
            PDM_TRY(parser_next(s));
        } else {
            PDM_TRY(parse_sum(s, *n < ARGUMENTS_MAX ? &argument[*n] : &further));
        }
        (*n)++;
        if (s->token != ',') break;
        PDM_TRY(parser_next(s));
    }
    PDM_TRY(expect_close(s, open));
    s->depth--;
done:
    return status;
}

static pdm_status check_count(pde_parser *s, pdm_span name, pdm_size at, int n, int expected)
{
    pdm_status status = PDM_OK;

    if (n != expected)
        PARSE_FAIL(s, at, "%.*s takes %d argument%s, not %d", shown(name), name.start, expected,
                   expected == 1 ? "" : "s", n);
done:
    return status;
}

static pdm_status derive(pde_parser *s, pdm_size at, int32_t dim, pde_value *value)
{
    pdm_status status = PDM_OK;
    dag       *d      = &s->p->dag;

    if (s->scope == PDE_SCOPE_PARAMETER)
        PARSE_FAIL(s, at, "a derivative in a parameter; numbers and parameters that come before it expected");
    if (d->node[value->node].order >= PDE_MAX_ORDER)
        PARSE_FAIL(s, at, "more than %d derivatives in each other", PDE_MAX_ORDER);
    value->node = dag_derivative(d, value->node, dim);
    PDM_TRY(units_derivative(s, value->unit, s->p->dim_unit[dim], &value->unit));
done:
    return status;
}

/* Sum of the second derivatives over the dimensions of space. */
static pdm_status parse_laplacian(pde_parser *s, pdm_size at, pde_value argument, pde_value *out)
{
    pdm_status     status = PDM_OK;
    const pdm_size first  = s->p->has_time ? 1 : 0;

    if (first == s->p->n_dim) PARSE_FAIL(s, at, "lap needs a dimension of space; the only one is time");
    for (pdm_size j = first; j < s->p->n_dim; j++) {
        pde_value part = argument;
        PDM_TRY(derive(s, at, (int32_t)j, &part));
        PDM_TRY(derive(s, at, (int32_t)j, &part));
        if (j == first) {
            *out = part;
        } else {
            PDM_TRY(units_sum(s, at, "lap", out->unit, part.unit, &out->unit));
            out->node = dag_add(&s->p->dag, out->node, part.node);
        }
    }
done:
    return status;
}

static pdm_status parse_diff(pde_parser *s, pdm_span name, pdm_size at, pde_value *out)
{
    pdm_status status = PDM_OK;
    pdm_span   dim    = {0};
    pdm_text   known  = {.ctx = s->p->ctx};
    pde_value  argument[ARGUMENTS_MAX];
    int        n = 0;

    PDM_TRY(parse_arguments(s, argument, true, &dim, &n));
    PDM_TRY(check_count(s, name, at, n, 2));
    const pde_symbol *symbol = pde_find(s->p, dim);
    if (!symbol || symbol->kind != PDE_DIMENSION) {
        PDM_TRY(pde_append_dimensions(s->p, false, &known));
        PARSE_FAIL(s, dim.start - s->where.text, "no dimension \"%.*s\" to differentiate by; the dimensions are: %s",
                   shown(dim), dim.start, known.data);
    }
    *out = argument[0];
    PDM_TRY(derive(s, at, symbol->index, out));
done:
    pdm_text_destroy(&known);
    return status;
}

/* dt, dxy, ...: the last letter is the innermost derivative. */
static bool is_letters_of_dimensions(const pde_parser *s, pdm_span name)
{
    bool all = name.length > 1 && name.start[0] == 'd';
    for (pdm_size i = 1; all && i < name.length; i++) all = pde_dimension_of_letter(s->p, name.start[i]) >= 0;
    return all;
}

static pdm_status parse_call(pde_parser *s, pdm_span name, pdm_size at, pde_value *out)
{
    pdm_status status                  = PDM_OK;
    pde_value  argument[ARGUMENTS_MAX] = {{DAG_ZERO, NULL}, {DAG_ZERO, NULL}};
    pdm_opcode opcode;
    int        n = 0, expected = 0;

    if (pde_function_of_name(name, &opcode, &expected)) {
        PDM_TRY(parse_arguments(s, argument, false, NULL, &n));
        PDM_TRY(check_count(s, name, at, n, expected));
        PDM_TRY(units_function(s, at, opcode, argument[0], argument[1], &out->unit));
        out->node = expected == 1 ? dag_unary(&s->p->dag, opcode, argument[0].node)
                                  : dag_binary(&s->p->dag, opcode, argument[0].node, argument[1].node);
    } else if (pdm_span_equals(name, "diff")) {
        PDM_TRY(parse_diff(s, name, at, out));
    } else if (pdm_span_equals(name, "lap")) {
        PDM_TRY(parse_arguments(s, argument, false, NULL, &n));
        PDM_TRY(check_count(s, name, at, n, 1));
        PDM_TRY(parse_laplacian(s, at, argument[0], out));
    } else if (pdm_span_equals(name, "invlap")) {
        PDM_TRY(parse_arguments(s, argument, false, NULL, &n));
        PDM_TRY(check_count(s, name, at, n, 1));
        PDM_TRY(pde_inverse_laplacian(s, at, argument[0], out));
    } else if (is_letters_of_dimensions(s, name)) {
        PDM_TRY(parse_arguments(s, argument, false, NULL, &n));
        PDM_TRY(check_count(s, name, at, n, 1));
        *out = argument[0];
        for (pdm_size i = name.length - 1; i > 0; i--)
            PDM_TRY(derive(s, at, pde_dimension_of_letter(s->p, name.start[i]), out));
    } else {
        PDM_TRY(unknown_function(s, name, at));
    }
done:
    return status;
}

static pdm_status parse_name(pde_parser *s, pde_value *out)
{
    pdm_status     status = PDM_OK;
    const pdm_span name   = s->span;
    const pdm_size at     = parser_at(s);

    PDM_TRY(parser_next(s));
    if (s->token == '(') {
        PDM_TRY(parse_call(s, name, at, out));
        goto done;
    }
    if (pdm_span_equals(name, "pi")) {
        *out = (pde_value){dag_const(&s->p->dag, 3.14159265358979323846), s->p->one};
        goto done;
    }
    const pde_symbol *symbol = pde_find(s->p, name);
    if (!symbol) PDM_TRY(unknown_name(s, name, at));
    PDM_TRY(check_scope(s, symbol, at));
    s->mentions_names = true;
    *out              = symbol->value;
done:
    return status;
}

static pdm_status parse_primary(pde_parser *s, pde_value *out)
{
    pdm_status     status = PDM_OK;
    const pdm_size at     = parser_at(s);

    switch (s->token) {
    case TOKEN_NUMBER:
        *out = (pde_value){dag_const(&s->p->dag, s->number), s->number == 0.0 ? NULL : s->p->one};
        PDM_TRY(parser_next(s));
        break;
    case TOKEN_NAME: PDM_TRY(parse_name(s, out)); break;
    case '(':
        PDM_TRY(deeper(s, at));
        PDM_TRY(parser_next(s));
        PDM_TRY(parse_sum(s, out));
        PDM_TRY(expect_close(s, at));
        s->depth--;
        break;
    default: PDM_TRY(unexpected(s, "a number, a name or \"(\"")); break;
    }
done:
    return status;
}

static pdm_status parse_unary(pde_parser *s, pde_value *out);

static pdm_status parse_power(pde_parser *s, pde_value *out)
{
    pdm_status status = PDM_OK;
    pde_value  exponent;

    PDM_TRY(parse_primary(s, out));
    if (s->token != '^') goto done;
    const pdm_size at = parser_at(s);
    PDM_TRY(deeper(s, at));
    PDM_TRY(parser_next(s));
    PDM_TRY(parse_unary(s, &exponent));
    s->depth--;
    PDM_TRY(units_power(s, at, *out, exponent, &out->unit));
    out->node = dag_pow(&s->p->dag, out->node, exponent.node);
done:
    return status;
}

static pdm_status parse_unary(pde_parser *s, pde_value *out)
{
    pdm_status status = PDM_OK;
    const int  sign   = s->token;

    if (sign != '-' && sign != '+') return parse_power(s, out);
    const pdm_size at = parser_at(s);
    PDM_TRY(deeper(s, at));
    PDM_TRY(parser_next(s));
    PDM_TRY(parse_unary(s, out));
    s->depth--;
    if (sign == '-') PDM_TRY(units_negate(s, at, out->unit));
    if (sign == '-') out->node = dag_neg(&s->p->dag, out->node);
done:
    return status;
}

static pdm_status parse_product(pde_parser *s, pde_value *out)
{
    pdm_status status = PDM_OK;
    pde_value  factor;

    PDM_TRY(parse_unary(s, out));
    while (s->token == '*' || s->token == '/') {
        const bool divides = s->token == '/';
        PDM_TRY(parser_next(s));
        if (s->token == '*' && !divides)
            PDM_TRY(unexpected(s, "a number, a name or \"(\"; a power is written with ^, not **,"));
        const pdm_size at = parser_at(s);
        PDM_TRY(parse_unary(s, &factor));
        if (divides && factor.node == DAG_ZERO && s->p->dag.status == PDM_OK) PARSE_FAIL(s, at, "division by zero");
        if (divides) {
            PDM_TRY(units_quotient(s, at, out->unit, factor.unit, &out->unit));
            out->node = dag_div(&s->p->dag, out->node, factor.node);
        } else {
            PDM_TRY(units_product(s, at, out->unit, factor.unit, &out->unit));
            out->node = dag_mul(&s->p->dag, out->node, factor.node);
        }
    }
done:
    return status;
}

static pdm_status parse_sum(pde_parser *s, pde_value *out)
{
    pdm_status status = PDM_OK;
    pde_value  term;

    PDM_TRY(parse_product(s, out));
    while (s->token == '+' || s->token == '-') {
        const bool     minus = s->token == '-';
        const pdm_size at    = parser_at(s);
        PDM_TRY(parser_next(s));
        PDM_TRY(parse_product(s, &term));
        PDM_TRY(units_sum(s, at, minus ? "-" : "+", out->unit, term.unit, &out->unit));
        out->node = minus ? dag_sub(&s->p->dag, out->node, term.node) : dag_add(&s->p->dag, out->node, term.node);
    }
done:
    return status;
}

pdm_status parser_expression(pde_parser *s, pde_value *out)
{
    pdm_status status = PDM_OK;
    pdm_where  where  = s->where;

    where.offset = s->begin;
    PDM_TRY(parse_sum(s, out));
    PDM_TRY(pde_check_dag(s->p, where));
done:
    return status;
}

pdm_status parser_expect_end(pde_parser *s)
{
    pdm_status status = PDM_OK;

    if (s->token == ')') PARSE_FAIL(s, parser_at(s), "\")\" without \"(\"");
    if (s->token == TOKEN_NAME || s->token == TOKEN_NUMBER || s->token == '(')
        PARSE_FAIL(s, parser_at(s), "unexpected \"%.*s\"; an operator or the end expected", shown(s->span),
                   s->span.start);
    if (s->token != TOKEN_END) PDM_TRY(unexpected(s, "an operator or the end"));
done:
    return status;
}

pdm_status pde_parse(pdm_pde *p, pdm_where where, pde_scope scope, pde_value *out)
{
    pdm_status status = PDM_OK;
    pde_parser s;

    PDM_TRY(parser_open(&s, p, where, 0, (pdm_size)strlen(where.text), scope));
    PDM_TRY(parser_expression(&s, out));
    PDM_TRY(parser_expect_end(&s));
done:
    return status;
}
