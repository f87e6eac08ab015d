/* Experts own control points; this says what that makes of the elements between the knots. */
#include "experts/experts.h"

#include <math.h>

#include "experts/experts_impl.h"

pdm_size pdm_experts_along(const pdm_experts *x, pdm_size dim)
{
    return x->per_dim[dim];
}

/* Control point number k of the degree + 1 that an element sees. */
static pdm_size seen_point(const pdm_spline *s, pdm_size element, pdm_size k)
{
    return (element + k) % s->n_coef; /* bounded splines have fewer elements than points */
}

/* The hard window without the window: its inverse, by the middle of a control point's place (experts.c, raw_window). */
static pdm_size owner_of_point(const pdm_experts *x, pdm_size dim, pdm_size point)
{
    const double n = (double)pdm_domain_spline(x->domain, dim)->n_coef, k = (double)x->per_dim[dim];
    return (pdm_size)floor(((double)point + 0.5) * k / n);
}

pdm_size pdm_experts_owner(const pdm_experts *x, pdm_size dim, pdm_size element)
{
    static const double SAME   = 1e-9; /* of distances in xi */
    const pdm_spline   *s      = pdm_domain_spline(x->domain, dim);
    const double        middle = 0.5 * (s->breaks[element] + s->breaks[element + 1]);
    double              least  = INFINITY;
    pdm_size            found  = 0;

    for (pdm_size k = 0; k <= s->degree; k++) {
        const pdm_size point    = seen_point(s, element, k);
        double         distance = fabs(s->greville[point] - middle);
        if (s->periodic && distance > 0.5) distance = 1.0 - distance;
        if (distance > least + SAME) continue;
        least = distance < least ? distance : least;
        found = point;
    }
    return owner_of_point(x, dim, found);
}

static bool has_point(const axis_windows *w, pdm_size expert, pdm_size point)
{
    for (pdm_size i = w->start[expert]; i < w->start[expert + 1]; i++)
        if (w->index[i] == point && w->value[i] > 0.0) return true;
    return false;
}

bool pdm_experts_meet(const pdm_experts *x, pdm_size dim, pdm_size element)
{
    const pdm_spline *s = pdm_domain_spline(x->domain, dim);
    pdm_size          n = 0;

    for (pdm_size e = 0; e < x->per_dim[dim]; e++)
        for (pdm_size k = 0; k <= s->degree; k++)
            if (has_point(&x->window_of[dim], e, seen_point(s, element, k))) {
                n++;
                break;
            }
    return n > 1;
}
