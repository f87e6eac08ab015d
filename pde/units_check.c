/* Units of what is parsed. Zero may have any unit (NULL); other literals are plain numbers. */
#include "pde/pde_impl.h"

#include <string.h>

typedef char unit_text[160];

static const char *text_of(const pdm_unit *unit, unit_text out)
{
    pdm_unit_format(unit, out, sizeof(unit_text));
    if (out[0] == '\0') (void)memcpy(out, "1", 2);
    return out;
}

static bool is_plain(const pde_parser *s, const pdm_unit *unit)
{
    return !unit || pdm_unit_same(unit, s->p->one);
}

/* NULL from the calls of io/: no memory, or no such unit. */
static pdm_status result(pde_parser *s, const pdm_unit *unit, const pdm_unit **out)
{
    pdm_status status = PDM_OK;

    if (!unit) {
        PDM_TRY(pdm_units_status(s->p->units));
        PARSE_FAIL(s, parser_at(s), "the unit of what stands before this place is beyond what UDUNITS-2 can express");
    }
    *out = unit;
done:
    return status;
}

pdm_status units_begin(pdm_pde *p)
{
    pdm_status status = PDM_OK;

    PDM_TRY(pdm_units_create(p->ctx, &p->units));
    p->one = pdm_unit_parse(p->units, "1");
    if (!p->one) PDM_FAIL(p->ctx, PDM_ERR_MEMORY, "no memory for units");
done:
    return status;
}

pdm_status units_read(pdm_pde *p, pdm_where where, const char *text, const pdm_unit **out)
{
    pdm_status status = PDM_OK;

    *out = NULL;
    if (!p->units) goto done;
    *out = pdm_unit_parse(p->units, text);
    if (*out) goto done;
    PDM_TRY(pdm_units_status(p->units));
    PDM_FAIL_AT(p->ctx, PDM_ERR_CASE, &where,
                "\"%.100s\" is not a unit known to UDUNITS-2; one like \"m s-1\", or \"1\", expected", text);
done:
    return status;
}

/* *out: the unit of differences of what is in `unit`, another one where that has an offset. */
static pdm_status difference_of(pde_parser *s, const pdm_unit *unit, const pdm_unit **out)
{
    if (!unit) {
        *out = NULL;
        return PDM_OK;
    }
    return result(s, pdm_unit_difference(s->p->units, unit), out);
}

/* Refuses an operation that depends on where zero is: "product", "quotient", ... */
static pdm_status expect_no_offset(pde_parser *s, pdm_size at, const char *operation, const pdm_unit *unit)
{
    pdm_status      status     = PDM_OK;
    const pdm_unit *difference = NULL;
    unit_text       text, plain;

    PDM_TRY(difference_of(s, unit, &difference));
    if (difference != unit)
        PARSE_FAIL(s, at,
                   "%s of a quantity in \"%s\", whose zero is not zero in \"%s\"; the quantity in \"%s\" expected "
                   "(/pde/units, with its numbers), or a difference like \"T - T_ref\" of two in \"%s\"",
                   operation, text_of(unit, text), text_of(difference, plain), plain, text);
done:
    return status;
}

/* A difference added to, or taken from, what has an offset; or the difference of two such. Whether it was one: *done. */
static pdm_status sum_of_offsets(pde_parser *s, char sign, const pdm_unit *a, const pdm_unit *b, const pdm_unit **out,
                                 bool *done)
{
    pdm_status      status = PDM_OK;
    const pdm_unit *of_a = NULL, *of_b = NULL;

    *done = false;
    if (!a || !b || (sign != '+' && sign != '-')) goto done;
    PDM_TRY(difference_of(s, a, &of_a));
    PDM_TRY(difference_of(s, b, &of_b));
    if (of_a == a && of_b == b) goto done;
    *done = true;
    if (of_a != a && of_b != b && sign == '-' && pdm_unit_same(a, b))
        *out = of_a;
    else if (of_a != a && of_b == b && pdm_unit_same(of_a, b))
        *out = a;
    else if (of_a == a && of_b != b && sign == '+' && pdm_unit_same(a, of_b))
        *out = b;
    else
        *done = false;
done:
    return status;
}

pdm_status units_sum(pde_parser *s, pdm_size at, const char *sign, const pdm_unit *a, const pdm_unit *b,
                     const pdm_unit **out)
{
    pdm_status status = PDM_OK;
    bool       summed = false;
    unit_text  left, right;

    PDM_TRY(sum_of_offsets(s, *sign, a, b, out, &summed));
    if (summed) goto done;
    if (a && b && !pdm_unit_same(a, b))
        PARSE_FAIL(s, at, "\"%s\" of a quantity in \"%s\" and one in \"%s\"; the same unit expected", sign,
                   text_of(a, left), text_of(b, right));
    *out = a ? a : b;
done:
    return status;
}

pdm_status units_negate(pde_parser *s, pdm_size at, const pdm_unit *a)
{
    return expect_no_offset(s, at, "the negative", a);
}

pdm_status units_derivative(pde_parser *s, const pdm_unit *a, const pdm_unit *by, const pdm_unit **out)
{
    pdm_status      status = PDM_OK;
    const pdm_unit *change = NULL;

    PDM_TRY(difference_of(s, a, &change));
    if (change && by)
        PDM_TRY(result(s, pdm_unit_divide(s->p->units, change, by), out));
    else
        *out = NULL;
done:
    return status;
}

pdm_status units_less_mean(pde_parser *s, const pdm_unit *a, const pdm_unit **out)
{
    return difference_of(s, a, out);
}

typedef const pdm_unit *unit_operation(pdm_units *u, const pdm_unit *a, const pdm_unit *b);

static pdm_status combine(pde_parser *s, pdm_size at, const char *what, unit_operation *operation, const pdm_unit *a,
                          const pdm_unit *b, const pdm_unit **out)
{
    pdm_status status = PDM_OK;

    PDM_TRY(expect_no_offset(s, at, what, a));
    PDM_TRY(expect_no_offset(s, at, what, b));
    if (a && b)
        PDM_TRY(result(s, operation(s->p->units, a, b), out));
    else
        *out = NULL;
done:
    return status;
}

pdm_status units_product(pde_parser *s, pdm_size at, const pdm_unit *a, const pdm_unit *b, const pdm_unit **out)
{
    return combine(s, at, "a product", pdm_unit_multiply, a, b, out);
}

pdm_status units_quotient(pde_parser *s, pdm_size at, const pdm_unit *a, const pdm_unit *b, const pdm_unit **out)
{
    return combine(s, at, "a quotient", pdm_unit_divide, a, b, out);
}

pdm_status units_power(pde_parser *s, pdm_size at, pde_value a, pde_value b, const pdm_unit **out)
{
    pdm_status status = PDM_OK;
    const dag *d      = &s->p->dag;
    unit_text  text;

    *out = a.unit;
    if (!s->p->units) goto done;
    PDM_TRY(expect_no_offset(s, at, "a power", a.unit));
    if (!is_plain(s, b.unit))
        PARSE_FAIL(s, at, "an exponent in \"%s\"; a dimensionless one expected", text_of(b.unit, text));
    if (!a.unit || is_plain(s, a.unit)) goto done;
    if (!dag_is_const(d, b.node))
        PARSE_FAIL(s, at, "a quantity in \"%s\" to a power that is not constant; a constant exponent expected",
                   text_of(a.unit, text));
    const double    exponent = d->node[b.node].value;
    const pdm_unit *unit     = pdm_unit_power(s->p->units, a.unit, exponent);
    if (!unit) {
        PDM_TRY(pdm_units_status(s->p->units));
        PARSE_FAIL(s, at, "\"%s\" to the power %g is no unit; divide by a parameter of the same unit first",
                   text_of(a.unit, text), exponent);
    }
    *out = unit;
done:
    return status;
}

pdm_status units_function(pde_parser *s, pdm_size at, pdm_opcode opcode, pde_value a, pde_value b, const pdm_unit **out)
{
    pdm_status status = PDM_OK;
    unit_text  text;

    *out = s->p->one;
    switch (opcode) {
    case PDM_OPCODE_ABS:
    case PDM_OPCODE_SIGN:
    case PDM_OPCODE_STEP:
        PDM_TRY(expect_no_offset(s, at, pde_function_name((int32_t)opcode), a.unit));
        if (opcode == PDM_OPCODE_ABS) *out = a.unit;
        break;
    case PDM_OPCODE_MIN: PDM_TRY(units_sum(s, at, "min", a.unit, b.unit, out)); break;
    case PDM_OPCODE_MAX: PDM_TRY(units_sum(s, at, "max", a.unit, b.unit, out)); break;
    case PDM_OPCODE_POW: PDM_TRY(units_power(s, at, a, b, out)); break;
    case PDM_OPCODE_SQRT:
        PDM_TRY(units_power(s, at, a, (pde_value){dag_const(&s->p->dag, 0.5), s->p->one}, out));
        break;
    default:
        if (s->p->units && !is_plain(s, a.unit))
            PARSE_FAIL(s, at, "%s of a quantity in \"%s\"; a dimensionless argument expected",
                       pde_function_name((int32_t)opcode), text_of(a.unit, text));
        break;
    }
done:
    return status;
}

pdm_status units_match(pde_parser *s, pdm_size at, const char *what, const pdm_unit *wanted, const pdm_unit *found)
{
    pdm_status status = PDM_OK;
    unit_text  left, right;

    if (wanted && found && !pdm_unit_same(wanted, found))
        PARSE_FAIL(s, at, "the expression is in \"%s\", %s in \"%s\"; the same unit expected", text_of(found, right),
                   what, text_of(wanted, left));
done:
    return status;
}
