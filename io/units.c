#include "io/io.h"

#include <math.h>
#include <string.h>

#include <udunits2.h>

#include "io/io_impl.h"

struct pdm_unit {
    pdm_unit *next;
    ut_unit  *unit;
    char      given[32]; /* as it was parsed; "" of units that were computed, and of long ones */
};

struct pdm_units {
    pdm_context *ctx;
    ut_system   *system; /* that of the process: lent */
    pdm_unit    *first;
    pdm_status   status;
};

/* UDUNITS keeps its status, parsers and the handler of messages once for the process, and reads numbers by the locale.
 * Each function below that calls it is between these two; what the host has set is back in place afterwards. */
typedef struct host_state {
    ut_error_message_handler handler;
    pdm_plain_locale         locale;
} host_state;

static host_state enter(void)
{
    io_lock();
    /* the default handler prints */
    return (host_state){ut_set_error_message_handler(ut_ignore), pdm_plain_locale_begin()};
}

static void leave(host_state before)
{
    (void)ut_set_error_message_handler(before.handler);
    pdm_plain_locale_end(before.locale);
    io_unlock();
}

/* One system for the process, read when it is first wanted and kept: UDUNITS (2.2.28) keeps the prefixes of a system
 * that is freed, 10 kB each time. Nothing changes it; behind the lock. */
static ut_system *system_of_the_process;

static ut_system *read_system(ut_status *code)
{
    const host_state before = enter();

    if (!system_of_the_process) system_of_the_process = ut_read_xml(NULL);
    ut_system *system = system_of_the_process;
    *code             = ut_get_status();
    leave(before);
    return system;
}

pdm_status pdm_units_create(pdm_context *ctx, pdm_units **out)
{
    pdm_status status = PDM_OK;
    pdm_units *u      = NULL;
    ut_status  code   = UT_SUCCESS;

    PDM_TRY(pdm_alloc(ctx, sizeof *u, &u));
    u->ctx    = ctx;
    u->system = read_system(&code);
    if (!u->system)
        PDM_FAIL(ctx, PDM_ERR_IO,
                 "the UDUNITS-2 database cannot be read (status %d); install the package libudunits2-data or set "
                 "UDUNITS2_XML_PATH to udunits2.xml",
                 (int)code);
    *out = u;
    u    = NULL;
done:
    pdm_units_destroy(&u);
    return status;
}

void pdm_units_destroy(pdm_units **u)
{
    if (!u || !*u) return;
    const host_state before = enter();
    for (pdm_unit *unit = (*u)->first; unit; unit = unit->next) ut_free(unit->unit);
    leave(before);
    for (pdm_unit *unit = (*u)->first, *next; unit; unit = next) {
        next = unit->next;
        pdm_free((*u)->ctx, unit);
    }
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
        const host_state before = enter();
        ut_free(unit);
        leave(before);
        u->status = PDM_ERR_MEMORY;
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

    const host_state before = enter();
    ut_unit         *unit =
        n == 0 ? ut_get_dimensionless_unit_one(u->system) : ut_parse(u->system, trimmed, ascii ? UT_ASCII : UT_UTF8);
    leave(before);
    const pdm_unit *kept = keep(u, unit);
    if (kept && n < sizeof kept->given) memcpy(u->first->given, trimmed, n + 1);
    return kept;
}

const pdm_unit *pdm_unit_multiply(pdm_units *u, const pdm_unit *a, const pdm_unit *b)
{
    const host_state before = enter();
    ut_unit         *unit   = ut_multiply(a->unit, b->unit);

    leave(before);
    return keep(u, unit);
}

const pdm_unit *pdm_unit_divide(pdm_units *u, const pdm_unit *a, const pdm_unit *b)
{
    const host_state before = enter();
    ut_unit         *unit   = ut_divide(a->unit, b->unit);

    leave(before);
    return keep(u, unit);
}

/* a^(p/q) with the smallest q that makes p whole; NULL when there is none or it is no unit. Under the lock. */
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

/* "hours since 2000-01-01": UDUNITS would count from an epoch of its own when converting it to plain hours. */
static bool is_moment(const ut_unit *unit)
{
    char text[256];
    return ut_format(unit, text, sizeof text, UT_ASCII) > 0 && strstr(text, " UTC") != NULL;
}

/* y = factor x + offset. Under the lock. */
static bool convert(const ut_unit *from, const ut_unit *to, double *factor, double *offset)
{
    cv_converter *converter = NULL;
    const double  big       = 0x1p40; /* so that an offset costs the factor no digits */
    double        f = 0.0, o = 0.0, rest = 0.0;

    if (is_moment(from) == is_moment(to)) converter = ut_get_converter((ut_unit *)from, (ut_unit *)to);
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

/* Of a number in disguise any power is one. Under the lock. */
static ut_unit *power(const pdm_units *u, const ut_unit *a, double exponent)
{
    ut_unit *one    = ut_get_dimensionless_unit_one(u->system);
    ut_unit *raised = exponent == 0.0 ? ut_clone(one) : rational_power(a, exponent);
    double   factor = 0.0, offset = 0.0;

    if (!raised && convert(a, one, &factor, &offset) && offset == 0.0 && factor > 0.0) {
        factor = pow(factor, exponent);
        raised = factor == 1.0 ? ut_clone(one) : ut_scale(factor, one);
    }
    ut_free(one);
    return raised;
}

const pdm_unit *pdm_unit_power(pdm_units *u, const pdm_unit *a, double exponent)
{
    if (!isfinite(exponent)) return NULL;

    const host_state before = enter();
    ut_unit         *unit   = power(u, a->unit, exponent);
    leave(before);
    return keep(u, unit);
}

bool pdm_unit_convert(const pdm_unit *from, const pdm_unit *to, double *factor, double *offset)
{
    const host_state before = enter();
    const bool       done   = convert(from->unit, to->unit, factor, offset);

    leave(before);
    return done;
}

const pdm_unit *pdm_unit_difference(pdm_units *u, const pdm_unit *a)
{
    double           factor = 0.0, offset = 0.0;
    const host_state before     = enter();
    ut_unit         *one        = ut_get_dimensionless_unit_one(u->system);
    ut_unit         *difference = is_moment(a->unit) ? NULL : ut_multiply(a->unit, one);
    const bool       shifted    = difference && convert(a->unit, difference, &factor, &offset) && offset != 0.0;

    if (difference && !shifted) ut_free(difference);
    ut_free(one);
    leave(before);
    return shifted ? keep(u, difference) : a;
}

bool pdm_unit_same(const pdm_unit *a, const pdm_unit *b)
{
    double factor = 0.0, offset = 0.0;
    /* products of decimal prefixes are off by a few roundings */
    return pdm_unit_convert(a, b, &factor, &offset) && fabs(factor - 1.0) <= 1e-12 && fabs(offset) <= 1e-12;
}

/* Of a unit with an offset as it was given: "degC", not "K @ 273.15". */
void pdm_unit_format(const pdm_unit *a, char *out, size_t size)
{
    const host_state before = enter();
    const int        n      = size > 0 ? ut_format(a->unit, out, size, UT_ASCII) : 0;

    leave(before);
    if (size > 0 && (n < 0 || (size_t)n >= size)) out[0] = '\0';
    if (size > strlen(a->given) && *a->given && strstr(out, " @ ")) memcpy(out, a->given, strlen(a->given) + 1);
}

pdm_status pdm_units_conversion(pdm_context *ctx, const char *from, const char *to, double *factor, double *offset)
{
    pdm_status      status = PDM_OK;
    pdm_units      *u      = NULL;
    const pdm_unit *a = NULL, *b = NULL;

    if (!ctx) return PDM_ERR_ARGUMENT;
    PDM_EXPECT(ctx, from && to, "units are NULL; two texts expected");
    PDM_EXPECT(ctx, factor && offset, "no place for the factor or the offset");
    PDM_TRY(pdm_units_create(ctx, &u));
    a = pdm_unit_parse(u, from);
    b = pdm_unit_parse(u, to);
    PDM_TRY(pdm_units_status(u));
    if (!a || !b) PDM_FAIL(ctx, PDM_ERR_DATA, "\"%.80s\" is not a unit", a ? to : from);
    if (!pdm_unit_convert(a, b, factor, offset))
        PDM_FAIL(ctx, PDM_ERR_DATA, "\"%.80s\" does not convert to \"%.80s\"", from, to);
done:
    pdm_units_destroy(&u);
    return status;
}
