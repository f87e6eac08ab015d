#include "experts/experts.h"

#include <math.h>

#include "experts/experts_impl.h"

static bool has_points(const pdm_experts *x, pdm_size expert)
{
    const pdm_column_group *g = &x->group[expert * x->desc.n_field];
    for (pdm_size f = 0; f < x->desc.n_field; f++)
        if (g[f].n_coef > 0) return true;
    return false;
}

/* The first control point that stands, as i + 1/2, at a border of boxes or above it. */
static pdm_size point_from(double border)
{
    return (pdm_size)ceil(border - 0.5);
}

/* Physical coordinate between control points i - 1 and i; in a periodic dimension,
 * that of the border within the extent. */
static double border_before(const pdm_spline *s, pdm_size i)
{
    if (!s->periodic) return pdm_map_value(&s->map, 0.5 * (s->greville[i - 1] + s->greville[i]));
    const pdm_size here = i % s->n_coef, before = (here + s->n_coef - 1) % s->n_coef;
    const double   gap = s->greville[here] - s->greville[before];
    const double   xi  = s->greville[here] - 0.5 * (gap - floor(gap));
    return pdm_map_value(&s->map, xi - floor(xi));
}

static void bounds_along(const pdm_experts *x, pdm_size dim, double *bounds)
{
    const pdm_spline *s     = pdm_domain_spline(x->domain, dim);
    const pdm_size    n_dim = pdm_domain_n_dim(x->domain);
    double            least = (double)s->n_coef, most = 0.0;

    for (pdm_size e = 0; e < x->desc.n_expert; e++) {
        if (!has_points(x, e)) continue;
        least = fmin(least, x->box[e].low[dim]);
        most  = fmax(most, x->box[e].high[dim]);
    }
    for (pdm_size e = 0; e < x->desc.n_expert; e++) {
        const double low = x->box[e].low[dim], high = x->box[e].high[dim];
        const bool   ends = !s->periodic || high - low >= (double)s->n_coef; /* else it may go on at the other side */
        double      *to   = bounds + 2 * (e * n_dim + dim);
        to[0] = to[1] = NAN;
        if (!has_points(x, e)) continue;
        to[0] = ends && low <= least ? s->map.low : border_before(s, point_from(low));
        to[1] = ends && high >= most ? s->map.high : border_before(s, point_from(high));
        if (to[1] <= to[0]) to[1] += s->map.high - s->map.low;
    }
}

void pdm_experts_bounds(const pdm_experts *x, double *bounds)
{
    for (pdm_size j = 0; j < pdm_domain_n_dim(x->domain); j++) bounds_along(x, j, bounds);
}
