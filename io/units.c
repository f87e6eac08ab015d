#include "io/io.h"

#include <math.h>
#include <string.h>

#include <udunits2.h>

#include "io/io_impl.h"

struct pdm_unit {
    pdm_unit *next;
    ut_unit  *unit;
};

struct pdm_units {
    pdm_context *ctx;
    ut_system   *system;
    pdm_unit    *first;
    pdm_status   status;
};

pdm_status pdm_units_create(pdm_context *ctx, pdm_units **out)
{
    pdm_status status = PDM_OK;
    pdm_units *u      = NULL;

    PDM_TRY(pdm_alloc(ctx, sizeof *u, &u));
    u->ctx = ctx;
    (void)ut_set_error_message_handler(ut_ignore); /* it would print */
    u->system = ut_read_xml(NULL);
    if (!u->system)
        PDM_FAIL(ctx, PDM_ERR_IO,
                 "the UDUNITS-2 database cannot be read (status %d); install the package libudunits2-data or set "
                 "UDUNITS2_XML_PATH to udunits2.xml",
                 (int)ut_get_status());
    *out = u;
    u    = NULL;
done:
    pdm_units_destroy(&u);
    return status;
}

void pdm_units_destroy(pdm_units **u)
{
    if (!u || !*u) return;
    for (pdm_unit *unit = (*u)->first, *next; unit; unit = next) {
        next = unit->next;
        ut_free(unit->unit);
        pdm_free((*u)->ctx, unit);
    }
    if ((*u)->system) ut_free_system((*u)->system);
    pdm_free((*u)->ctx, *u);
    *u = NULL;
}

pdm_status pdm_units_status(const pdm_units *u)
{
    return u->status;
}

/* Takes over `unit`, which may be NULL. */
static const pdm_unit *keep(pdm_units *u, ut_unit *unit)
{
    pdm_unit *kept = NULL;

    if (!unit) return NULL;
    if (pdm_alloc(u->ctx, sizeof *kept, &kept) != PDM_OK) {
        u->status = PDM_ERR_MEMORY;
        ut_free(unit);
        return NULL;
    }
    kept->unit = unit;
    kept->next = u->first;
    u->first   = kept;
    return kept;
}

const pdm_unit *pdm_unit_parse(pdm_units *u, const char *text)
{
    char   trimmed[256];
    size_t n     = 0;
    bool   ascii = true;

    if (!text) return NULL;
    text += strspn(text, " \t\r\n");
    n = strlen(text);
    while (n > 0 && strchr(" \t\r\n", text[n - 1])) n--;
    if (n >= sizeof trimmed) return NULL;
    memcpy(trimmed, text, n);
    trimmed[n] = '\0';
    for (size_t i = 0; i < n; i++) ascii = ascii && (unsigned char)trimmed[i] < 128;
    if (n == 0) return keep(u, ut_get_dimensionless_unit_one(u->system));
    return keep(u, ut_parse(u->system, trimmed, ascii ? UT_ASCII : UT_UTF8));
}

const pdm_unit *pdm_unit_multiply(pdm_units *u, const pdm_unit *a, const pdm_unit *b)
{
    return keep(u, ut_multiply(a->unit, b->unit));
}

const pdm_unit *pdm_unit_divide(pdm_units *u, const pdm_unit *a, const pdm_unit *b)
{
    return keep(u, ut_divide(a->unit, b->unit));
}

/* a^(p/q) with the smallest q that makes p whole; NULL when there is none or it is no unit. */
static ut_unit *rational_power(const ut_unit *a, double exponent)
{
    for (int q = 1; q <= 12; q++) {
        const double p     = exponent * q;
        ut_unit     *whole = NULL, *unit = NULL;
        if (fabs(p - nearbyint(p)) > 1e-12 * fmax(1.0, fabs(p)) || fabs(p) > 255.0) continue;
        whole = ut_raise(a, (int)nearbyint(p));
        if (!whole || q == 1) return whole;
        unit = ut_root(whole, q);
        ut_free(whole);
        return unit;
    }
    return NULL;
}

const pdm_unit *pdm_unit_power(pdm_units *u, const pdm_unit *a, double exponent)
{
    ut_unit        *one    = ut_get_dimensionless_unit_one(u->system);
    const pdm_unit  plain  = {.unit = one};
    const pdm_unit *power  = NULL;
    double          factor = 0.0, offset = 0.0;

    if (!isfinite(exponent)) goto done;
    power = keep(u, exponent == 0.0 ? ut_clone(one) : rational_power(a->unit, exponent));
    if (power || !pdm_unit_convert(a, &plain, &factor, &offset) || offset != 0.0 || factor <= 0.0) goto done;
    factor = pow(factor, exponent);
    power  = keep(u, factor == 1.0 ? ut_clone(one) : ut_scale(factor, one));
done:
    ut_free(one);
    return power;
}

/* "hours since 2000-01-01": UDUNITS would count from an epoch of its own when converting it to plain hours. */
static bool is_moment(const ut_unit *unit)
{
    char text[256];
    return ut_format(unit, text, sizeof text, UT_ASCII) > 0 && strstr(text, " UTC") != NULL;
}

bool pdm_unit_convert(const pdm_unit *from, const pdm_unit *to, double *factor, double *offset)
{
    cv_converter *converter = NULL;
    const double  big       = 0x1p40; /* so that an offset costs the factor no digits */
    double        f = 0.0, o = 0.0, rest = 0.0;

    if (is_moment(from->unit) == is_moment(to->unit)) converter = ut_get_converter(from->unit, to->unit);
    if (!converter) return false;
    o = cv_convert_double(converter, 0.0);
    f = (cv_convert_double(converter, big) - o) / big;
    /* UDUNITS also converts to reciprocals and logarithms: those are not linear */
    rest = cv_convert_double(converter, 1.0) - (f + o);
    cv_free(converter);
    if (!isfinite(o) || !isfinite(f) || f == 0.0 || !(fabs(rest) <= 1e-9 * (fabs(f) + fabs(o)))) return false;
    *factor = f;
    *offset = o;
    return true;
}

bool pdm_unit_convertible(const pdm_unit *a, const pdm_unit *b)
{
    double factor = 0.0, offset = 0.0;
    return pdm_unit_convert(a, b, &factor, &offset);
}

bool pdm_unit_same(const pdm_unit *a, const pdm_unit *b)
{
    double factor = 0.0, offset = 0.0;
    /* products of decimal prefixes are off by a few roundings */
    return pdm_unit_convert(a, b, &factor, &offset) && fabs(factor - 1.0) <= 1e-12 && fabs(offset) <= 1e-12;
}

bool pdm_unit_is_dimensionless(const pdm_unit *a)
{
    return ut_is_dimensionless(a->unit) != 0;
}

void pdm_unit_format(const pdm_unit *a, char *out, size_t size)
{
    const int n = size > 0 ? ut_format(a->unit, out, size, UT_ASCII) : 0;

    if (size > 0 && (n < 0 || (size_t)n >= size)) out[0] = '\0';
}
