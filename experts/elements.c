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

/* The control point whose Greville point is nearest to the middle of an element, of two as near the upper one. */
static pdm_size nearest_point(const pdm_spline *s, pdm_size element)
{
    static const double SAME   = 1e-9; /* of distances in xi */
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
    return found;
}

bool pdm_experts_owns(const pdm_experts *x, pdm_size expert, pdm_size dim, pdm_size element)
{
    const double at = (double)nearest_point(pdm_domain_spline(x->domain, dim), element) + 0.5;
    return at >= x->box[expert].low[dim] && at < x->box[expert].high[dim];
}

bool pdm_experts_meet(const pdm_experts *x, const pdm_size *element)
{
    const pdm_size n_dim   = pdm_domain_n_dim(x->domain);
    pdm_size       n_local = 1;
    int32_t        first   = -1;

    for (pdm_size j = 0; j < n_dim; j++) n_local *= pdm_domain_spline(x->domain, j)->degree + 1;
    for (pdm_size l = 0; l < n_local; l++) {
        pdm_size rest = l, stride = 1, coef = 0;
        for (pdm_size j = n_dim - 1; j >= 0; j--) {
            const pdm_spline *s = pdm_domain_spline(x->domain, j);
            coef += seen_point(s, element[j], rest % (s->degree + 1)) * stride;
            rest /= s->degree + 1;
            stride *= s->n_coef;
        }
        if (l == 0) first = x->owner[coef];
        if (x->owner[coef] < 0 || x->owner[coef] != first) return true;
    }
    return false;
}
