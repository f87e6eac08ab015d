#include "domain/domain.h"

#include <math.h>
#include <string.h>

double pdm_map_value(const pdm_map *m, double xi)
{
    const double length = m->high - m->low;
    switch (m->kind) {
    case PDM_MAP_LINEAR: return m->low + length * xi;
    case PDM_MAP_POWER: return m->low + length * pow(xi, m->exponent);
    case PDM_MAP_SINH: break;
    }
    if (xi <= 0.0) return m->low;
    if (xi >= 1.0) return m->high;
    const double below = sinh(m->strength * m->xi0), above = sinh(m->strength * (1.0 - m->xi0));
    const double s = length / (below + above);
    return m->centre + s * sinh(m->strength * (xi - m->xi0));
}

double pdm_map_inverse(const pdm_map *m, double x)
{
    const double length = m->high - m->low;
    switch (m->kind) {
    case PDM_MAP_LINEAR: return (x - m->low) / length;
    case PDM_MAP_POWER: return x <= m->low ? 0.0 : pow((x - m->low) / length, 1.0 / m->exponent);
    case PDM_MAP_SINH: break;
    }
    const double below = sinh(m->strength * m->xi0), above = sinh(m->strength * (1.0 - m->xi0));
    const double s = length / (below + above);
    return m->xi0 + asinh((x - m->centre) / s) / m->strength;
}

void pdm_map_derivatives(const pdm_map *m, double xi, pdm_size n, double *d)
{
    const double length = m->high - m->low;
    d[0]                = pdm_map_value(m, xi);
    switch (m->kind) {
    case PDM_MAP_LINEAR:
        for (pdm_size k = 1; k <= n; k++) d[k] = k == 1 ? length : 0.0;
        return;
    case PDM_MAP_POWER: {
        double factor = length;
        for (pdm_size k = 1; k <= n; k++) {
            const double left = m->exponent - (double)k;
            factor *= left + 1.0;
            d[k] = factor == 0.0 ? 0.0 : factor * pow(xi, left);
        }
        return;
    }
    case PDM_MAP_SINH: break;
    }
    const double below = sinh(m->strength * m->xi0), above = sinh(m->strength * (1.0 - m->xi0));
    double       s   = length / (below + above);
    const double arg = m->strength * (xi - m->xi0);
    for (pdm_size k = 1; k <= n; k++) {
        s *= m->strength;
        d[k] = s * (k % 2 == 1 ? cosh(arg) : sinh(arg));
    }
}

/* From x(0) = low and x(1) = high: sinh(b (1 - xi0)) = A sinh(b xi0), A = (high - centre)/(centre - low),
 * whose solution is
 *     exp(2 b xi0) = (A + exp b) / (A + exp -b) = 1 + 2 sinh b / (A + exp -b)
 * written so that no end of the range of A, b or xi0 overflows or cancels. */
static double sinh_origin(double below, double above, double b)
{
    return 0.5 * log1p(2.0 * sinh(b) * below / (above + below * exp(-b))) / b;
}

/* The numbers behind the first word of text; false unless there are exactly n and nothing else. */
static bool map_numbers(const char *text, pdm_size n, double *out)
{
    const char *p = text + strcspn(text, " ");
    for (pdm_size i = 0; i < n; i++) {
        char number[64];
        p += strspn(p, " ");
        const size_t length = strcspn(p, " ");
        if (length == 0 || length >= sizeof number) return false;
        memcpy(number, p, length);
        number[length] = '\0';
        if (!pdm_text_to_real(number, &out[i])) return false;
        p += length;
    }
    return p[strspn(p, " ")] == '\0';
}

pdm_status pdm_map_parse(pdm_context *ctx, const char *text, pdm_where where, double low, double high, pdm_map *out)
{
    pdm_status   status = PDM_OK;
    pdm_map      m      = {.kind = PDM_MAP_LINEAR, .low = low, .high = high, .exponent = 1.0};
    double       v[2]   = {0.0, 0.0};
    const size_t word   = strcspn(text, " ");

    if (word == 6 && strncmp(text, "linear", word) == 0 && map_numbers(text, 0, v)) {
        m.kind = PDM_MAP_LINEAR;
    } else if (word == 4 && strncmp(text, "sqrt", word) == 0 && map_numbers(text, 0, v)) {
        m.kind     = PDM_MAP_POWER;
        m.exponent = 2.0;
    } else if (word == 5 && strncmp(text, "power", word) == 0 && map_numbers(text, 1, v)) {
        if (!(v[0] >= 0.2 && v[0] <= 5.0))
            PDM_FAIL_AT(ctx, PDM_ERR_CASE, &where, "exponent %g; a number from 0.2 to 5 expected", v[0]);
        m.kind     = PDM_MAP_POWER;
        m.exponent = v[0];
    } else if (word == 4 && strncmp(text, "sinh", word) == 0 && map_numbers(text, 2, v)) {
        if (!(v[0] >= low && v[0] <= high))
            PDM_FAIL_AT(ctx, PDM_ERR_CASE, &where, "centre %g; a coordinate within the extent %g to %g expected", v[0],
                        low, high);
        if (!(v[1] >= 0.01 && v[1] <= 30.0))
            PDM_FAIL_AT(ctx, PDM_ERR_CASE, &where, "strength %g; a number from 0.01 to 30 expected", v[1]);
        m.kind     = PDM_MAP_SINH;
        m.centre   = v[0];
        m.strength = v[1];
        m.xi0      = sinh_origin(v[0] - low, high - v[0], v[1]);
    } else {
        PDM_FAIL_AT(ctx, PDM_ERR_CASE, &where,
                    "\"%s\" is not a map; one of: linear, sqrt, power EXPONENT, sinh CENTRE STRENGTH expected", text);
    }
    *out = m;
done:
    return status;
}
