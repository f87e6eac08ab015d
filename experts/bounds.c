#include "experts/bounds.h"

#include <math.h>
#include <string.h>

static const double HALF = 0.5 - 1e-9; /* of a control point */

/* Which of the n places along a dimension an expert has something at. */
static void find_places(const pdm_columns_desc *d, const pdm_domain *domain, pdm_size expert, pdm_size dim,
                        double least, bool *has)
{
    const pdm_size n      = pdm_domain_spline(domain, dim)->n_coef;
    pdm_size       stride = 1;

    for (pdm_size j = dim + 1; j < pdm_domain_n_dim(domain); j++) stride *= pdm_domain_spline(domain, j)->n_coef;
    memset(has, 0, (size_t)n * sizeof *has);
    for (pdm_size f = 0; f < d->n_field; f++) {
        const pdm_column_group *g = &d->group[expert * d->n_field + f];
        for (pdm_size i = 0; i < g->n_coef; i++)
            if (g->window[i] >= least) has[g->coef[i] / stride % n] = true;
    }
}

/* The shortest range of places that has all of them, on a circle where periodic: first, and last >= first, which may be n or
 * more there. False: there are none. */
static bool find_range(const bool *has, pdm_size n, bool periodic, pdm_size *first, pdm_size *last)
{
    pdm_size gap = 0, longest = -1;

    *first = *last = 0;
    while (*first < n && !has[*first]) (*first)++;
    if (*first == n) return false;
    for (*last = n - 1; !has[*last];) (*last)--;
    if (!periodic) return true;
    const pdm_size low = *first, high = *last;
    longest = low + n - 1 - high; /* places between the last one and the first one, over the seam */
    for (pdm_size i = low; i <= high; i++) {
        gap = has[i] ? 0 : gap + 1;
        if (gap <= longest) continue;
        longest = gap;
        *first  = i + 1;
        *last   = i - gap + n;
    }
    return true;
}

/* Between places i - 1 and i. Periodic: of any i, and growing with it. */
static double border(const pdm_spline *s, pdm_size i)
{
    if (!s->periodic) return 0.5 * (s->greville[i - 1] + s->greville[i]);
    const pdm_size here = i % s->n_coef, before = (here + s->n_coef - 1) % s->n_coef;
    const double   gap = s->greville[here] - s->greville[before];
    const double   xi  = s->greville[here] - 0.5 * (gap - floor(gap));
    return xi - floor(xi);
}

static void set_bounds(const pdm_spline *s, pdm_size first, pdm_size last, pdm_size first_of_all, pdm_size last_of_all,
                       double *bounds)
{
    if (!s->periodic) {
        bounds[0] = first == first_of_all ? s->map.low : pdm_map_value(&s->map, border(s, first));
        bounds[1] = last == last_of_all ? s->map.high : pdm_map_value(&s->map, border(s, last + 1));
        return;
    }
    const double length = s->map.high - s->map.low;
    const bool   whole  = last - first + 1 >= s->n_coef;
    bounds[0]           = whole ? s->map.low : pdm_map_value(&s->map, border(s, first));
    bounds[1]           = whole ? s->map.high : pdm_map_value(&s->map, border(s, last + 1));
    if (bounds[1] <= bounds[0]) bounds[1] += length;
}

static pdm_status bounds_along(pdm_context *ctx, const pdm_columns_desc *d, const pdm_domain *domain, pdm_size dim,
                               double *bounds)
{
    pdm_status        status = PDM_OK;
    const pdm_spline *s      = pdm_domain_spline(domain, dim);
    const pdm_size    n_dim  = pdm_domain_n_dim(domain);
    bool             *has    = NULL;
    pdm_size         *range = NULL, first_of_all = s->n_coef, last_of_all = -1;

    PDM_TRY(pdm_alloc_array(ctx, s->n_coef, &has));
    PDM_TRY(pdm_alloc_array(ctx, 2 * d->n_expert, &range));
    for (pdm_size e = 0; e < d->n_expert; e++) {
        pdm_size *r = range + 2 * e;
        for (int pass = 0; pass < 2; pass++) { /* one that has half of no control point has those that it has some of */
            find_places(d, domain, e, dim, pass == 0 ? HALF : 0.0, has);
            if (find_range(has, s->n_coef, s->periodic, &r[0], &r[1])) break;
            r[1] = -1;
        }
        if (r[1] < 0) continue;
        first_of_all = r[0] < first_of_all ? r[0] : first_of_all;
        last_of_all  = r[1] > last_of_all ? r[1] : last_of_all;
    }
    for (pdm_size e = 0; e < d->n_expert; e++) {
        double *to = bounds + 2 * (e * n_dim + dim);
        to[0] = to[1] = NAN;
        if (range[2 * e + 1] >= 0) set_bounds(s, range[2 * e], range[2 * e + 1], first_of_all, last_of_all, to);
    }
done:
    pdm_free(ctx, has);
    pdm_free(ctx, range);
    return status;
}

pdm_status pdm_experts_bounds(pdm_context *ctx, const pdm_columns_desc *columns, const pdm_domain *domain,
                              double *bounds)
{
    pdm_status status = PDM_OK;
    for (pdm_size j = 0; j < pdm_domain_n_dim(domain); j++) PDM_TRY(bounds_along(ctx, columns, domain, j, bounds));
done:
    return status;
}
