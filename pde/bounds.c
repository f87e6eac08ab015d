/* Bounds of programs over boxes, by interval arithmetic: the steps of the reference interpreter (backend/program.c) for
 * intervals in place of numbers. What comes out holds every number that the program takes in the box; it may be much
 * wider where an input is read more than once. docs/mathematics.md, "Data between the points". */
#include "pde/pde.h"

#include <float.h>
#include <math.h>

static const double     PI         = 3.14159265358979323846;
static const double     ULPS       = 4.0;  /* by which results are moved outwards: more than what libm is off */
static const double     FAR        = 1e6;  /* beyond it periods are not told apart                            */
static const double     SLACK      = 1e-9; /* of a period: what its count may be off                          */
static const pdm_bounds EVERYTHING = {-INFINITY, INFINITY};

/* ---- made of two ends -------------------------------------------------------------------------------------------- */

/* Rounding may have moved the ends inwards; an end that is no number says nothing. */
static pdm_bounds outward(double low, double high)
{
    if (isnan(low) || isnan(high)) return EVERYTHING;
    low  = fmin(low, DBL_MAX);
    high = fmax(high, -DBL_MAX);
    low -= ULPS * DBL_EPSILON * fabs(low) + DBL_MIN;
    high += ULPS * DBL_EPSILON * fabs(high) + DBL_MIN;
    return (pdm_bounds){low, high};
}

static pdm_bounds hull(const double *value, int n)
{
    double low = value[0], high = value[0];
    for (int i = 0; i < n; i++) {
        if (isnan(value[i])) return EVERYTHING;
        low  = fmin(low, value[i]);
        high = fmax(high, value[i]);
    }
    return outward(low, high);
}

static bool has_zero(pdm_bounds a)
{
    return a.low <= 0.0 && a.high >= 0.0;
}

static pdm_bounds rising(double (*f)(double), pdm_bounds a)
{
    return outward(f(a.low), f(a.high));
}

/* What cannot be left, whatever rounding has done. */
static pdm_bounds within(pdm_bounds a, double low, double high)
{
    return (pdm_bounds){fmax(a.low, low), fmin(a.high, high)};
}

/* ---- arithmetic -------------------------------------------------------------------------------------------------- */

/* An infinite end is a limit: 0 times it is 0. */
static double product(double a, double b)
{
    return a == 0.0 || b == 0.0 ? 0.0 : a * b;
}

static pdm_bounds multiply(pdm_bounds a, pdm_bounds b)
{
    const double end[] = {product(a.low, b.low), product(a.low, b.high), product(a.high, b.low),
                          product(a.high, b.high)};
    return hull(end, 4);
}

static pdm_bounds reciprocal(pdm_bounds a)
{
    if ((a.low < 0.0 && a.high > 0.0) || (a.low == 0.0 && a.high == 0.0)) return EVERYTHING;
    if (a.low == 0.0) return (pdm_bounds){outward(1.0 / a.high, 0.0).low, INFINITY};
    if (a.high == 0.0) return (pdm_bounds){-INFINITY, outward(0.0, 1.0 / a.low).high};
    return outward(1.0 / a.high, 1.0 / a.low);
}

static pdm_bounds absolute(pdm_bounds a)
{
    const double low = fmin(fabs(a.low), fabs(a.high)), high = fmax(fabs(a.low), fabs(a.high));
    return (pdm_bounds){has_zero(a) ? 0.0 : low, high};
}

static pdm_bounds square(pdm_bounds a)
{
    const pdm_bounds size = absolute(a);
    return within(outward(size.low * size.low, size.high * size.high), 0.0, INFINITY);
}

/* a >= 0: monotone in either. a < 0: for one whole b alone. */
static pdm_bounds power(pdm_bounds a, pdm_bounds b)
{
    if (a.low >= 0.0) {
        const double end[] = {pow(a.low, b.low), pow(a.low, b.high), pow(a.high, b.low), pow(a.high, b.high)};
        return within(hull(end, 4), 0.0, INFINITY);
    }
    if (b.low != b.high || b.low != nearbyint(b.low) || fabs(b.low) > FAR) return EVERYTHING;
    if (b.low < 0.0) return reciprocal(power(a, (pdm_bounds){-b.low, -b.low}));
    if (fmod(b.low, 2.0) != 0.0) return outward(pow(a.low, b.low), pow(a.high, b.low));
    const pdm_bounds size = absolute(a);
    return within(outward(pow(size.low, b.low), pow(size.high, b.low)), 0.0, INFINITY);
}

/* ---- functions --------------------------------------------------------------------------------------------------- */

static bool holds_whole(double low, double high)
{
    return floor(high) >= ceil(low);
}

/* sin or cos: 1 at crest + k periods, -1 half a period on. */
static pdm_bounds wave(double (*f)(double), double crest, pdm_bounds a)
{
    const double low = a.low / (2.0 * PI) - crest - SLACK, high = a.high / (2.0 * PI) - crest + SLACK;
    if (!(high - low < 1.0) || fmax(fabs(a.low), fabs(a.high)) > FAR) return (pdm_bounds){-1.0, 1.0};
    const double end[] = {f(a.low), f(a.high)};
    pdm_bounds   k     = hull(end, 2);
    if (holds_whole(low, high)) k.high = 1.0;
    if (holds_whole(low - 0.5, high - 0.5)) k.low = -1.0;
    return within(k, -1.0, 1.0);
}

static pdm_bounds tangent(pdm_bounds a)
{
    const double low = a.low / PI - 0.5 - SLACK, high = a.high / PI - 0.5 + SLACK;
    if (!(high - low < 1.0) || fmax(fabs(a.low), fabs(a.high)) > FAR || holds_whole(low, high)) return EVERYTHING;
    return rising(tan, a);
}

/* Rising from `least` on; below there is no number. */
static pdm_bounds from(double least, double (*f)(double), pdm_bounds a)
{
    return a.low < least ? EVERYTHING : rising(f, a);
}

static double sign_of(double a)
{
    return a > 0.0 ? 1.0 : a < 0.0 ? -1.0 : 0.0;
}

static pdm_bounds step_of(pdm_opcode opcode, pdm_bounds a, pdm_bounds b)
{
    switch (opcode) {
    case PDM_OPCODE_NEG: return (pdm_bounds){-a.high, -a.low};
    case PDM_OPCODE_ADD: return outward(a.low + b.low, a.high + b.high);
    case PDM_OPCODE_SUB: return outward(a.low - b.high, a.high - b.low);
    case PDM_OPCODE_MUL: return multiply(a, b);
    case PDM_OPCODE_DIV: return multiply(a, reciprocal(b));
    case PDM_OPCODE_POW: return power(a, b);
    case PDM_OPCODE_SQUARE: return square(a);
    case PDM_OPCODE_RECIPROCAL: return reciprocal(a);
    case PDM_OPCODE_EXP: return within(rising(exp, a), 0.0, INFINITY);
    case PDM_OPCODE_LOG: return from(0.0, log, a);
    case PDM_OPCODE_SQRT: return within(from(0.0, sqrt, a), a.low < 0.0 ? -INFINITY : 0.0, INFINITY);
    case PDM_OPCODE_SIN: return wave(sin, 0.25, a);
    case PDM_OPCODE_COS: return wave(cos, 0.0, a);
    case PDM_OPCODE_TAN: return tangent(a);
    case PDM_OPCODE_SINH: return rising(sinh, a);
    case PDM_OPCODE_COSH: return within(rising(cosh, absolute(a)), 1.0, INFINITY);
    case PDM_OPCODE_TANH: return within(rising(tanh, a), -1.0, 1.0);
    case PDM_OPCODE_ERF: return within(rising(erf, a), -1.0, 1.0);
    case PDM_OPCODE_ATAN: return rising(atan, a);
    case PDM_OPCODE_LOG1P: return from(-1.0, log1p, a);
    case PDM_OPCODE_ABS: return absolute(a);
    case PDM_OPCODE_SIGN: return (pdm_bounds){sign_of(a.low), sign_of(a.high)};
    case PDM_OPCODE_STEP: return (pdm_bounds){a.low > 0.0 ? 1.0 : 0.0, a.high > 0.0 ? 1.0 : 0.0};
    case PDM_OPCODE_MIN: return (pdm_bounds){fmin(a.low, b.low), fmin(a.high, b.high)};
    case PDM_OPCODE_MAX: return (pdm_bounds){fmax(a.low, b.low), fmax(a.high, b.high)};
    case PDM_OPCODE_CONST:
    case PDM_OPCODE_INPUT:
    case PDM_OPCODE_COUNT: break;
    }
    return EVERYTHING;
}

void pdm_program_bounds(const pdm_program *p, const pdm_bounds *in, pdm_bounds *out, pdm_bounds *work)
{
    for (pdm_size i = 0; i < p->n_instruction; i++) {
        const pdm_instruction *k = &p->instruction[i];
        if (k->opcode == PDM_OPCODE_CONST)
            work[k->target] = (pdm_bounds){k->value, k->value};
        else if (k->opcode == PDM_OPCODE_INPUT)
            work[k->target] = in[k->a];
        else
            work[k->target] = step_of((pdm_opcode)k->opcode, work[k->a], k->b >= 0 ? work[k->b] : EVERYTHING);
    }
    for (pdm_size i = 0; i < p->n_output; i++) out[i] = work[p->output[i]];
}
