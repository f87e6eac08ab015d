/* The spline through data on points of their own, at other points. */
#include "domain/domain.h"

#include <math.h>

#include "domain/domain_impl.h"

enum { MARGIN = 8 }; /* points by which periodic data are continued on either side, then treated as bounded */

struct pdm_resample {
    pdm_context *ctx;
    pdm_size     n_from, n_to;
    pdm_size     n_wide, turn; /* points of the spline: data, and what continues them; data in a period, 0: bounded */
    pdm_size     degree;
    pdm_collocation *through; /* NULL: one value, which is the same everywhere */
    pdm_size        *element; /* [n_to]             */
    double          *basis;   /* [n_to][degree + 1] */
    double          *coef;    /* [n_wide] work      */
};

/* Degree 3 or what the data allow, interior knots are running averages of the data points (de Boor, A Practical Guide to
 * Splines, ch. XIII). x [n_wide], to [n_to]. */
static pdm_status place_spline(pdm_resample *r, const double *x, const double *to)
{
    pdm_status     status = PDM_OK;
    const pdm_size n      = r->n_wide;
    const pdm_map  map    = {.kind = PDM_MAP_LINEAR, .low = x[0], .high = x[n - 1], .exponent = 1.0};
    pdm_spline     s      = {0};
    double        *xi = NULL, *interior = NULL;

    r->degree = n > 3 ? 3 : n - 1;
    PDM_TRY(pdm_alloc_array(r->ctx, n, &xi));
    PDM_TRY(pdm_alloc_array(r->ctx, n, &interior));
    PDM_TRY(pdm_alloc_array(r->ctx, r->n_to * (r->degree + 1), &r->basis));
    for (pdm_size i = 0; i < n; i++) xi[i] = pdm_map_inverse(&map, x[i]);
    for (pdm_size i = 0; i + r->degree + 1 < n; i++) {
        double sum = 0.0;
        for (pdm_size j = 1; j <= r->degree; j++) sum += xi[i + j];
        interior[i] = sum / (double)r->degree;
    }
    PDM_TRY(pdm_spline_create(r->ctx, &map, r->degree, n, false, interior, &s));
    PDM_TRY(pdm_collocation_create(&s, xi, &r->through));
    for (pdm_size i = 0; i < r->n_to; i++) {
        const double at = pdm_map_inverse(&map, to[i]);
        r->element[i]   = pdm_spline_element(&s, at);
        pdm_spline_basis(&s, r->element[i], at, 1, r->basis + i * (r->degree + 1));
    }
done:
    pdm_spline_destroy(&s);
    pdm_free(r->ctx, xi);
    pdm_free(r->ctx, interior);
    return status;
}

/* Periodic data, `turn` of them in a period, with a few more on either side. */
static pdm_status place_periodic(pdm_resample *r, const double *from, const double *to, double period)
{
    pdm_status     status = PDM_OK;
    const pdm_size n      = r->turn;
    double        *x = NULL, *wrapped = NULL;

    PDM_TRY(pdm_alloc_array(r->ctx, r->n_wide, &x));
    PDM_TRY(pdm_alloc_array(r->ctx, r->n_to, &wrapped));
    for (pdm_size i = 0; i < r->n_wide; i++) {
        const pdm_size k = i - MARGIN, turn = k >= 0 ? k / n : -((n - 1 - k) / n);
        x[i] = from[k - turn * n] + (double)turn * period;
    }
    for (pdm_size i = 0; i < r->n_to; i++) wrapped[i] = to[i] - floor((to[i] - from[0]) / period) * period;
    PDM_TRY(place_spline(r, x, wrapped));
done:
    pdm_free(r->ctx, x);
    pdm_free(r->ctx, wrapped);
    return status;
}

pdm_status pdm_resample_create(pdm_context *ctx, pdm_size n_from, const double *from, pdm_size n_to, const double *to,
                               double period, pdm_resample **out)
{
    pdm_status    status = PDM_OK;
    pdm_resample *r      = NULL;

    PDM_TRY(pdm_alloc(ctx, sizeof *r, &r));
    *r = (pdm_resample){.ctx = ctx, .n_from = n_from, .n_to = n_to, .n_wide = n_from};
    if (n_from > 1) {
        /* a closing point that repeats the first one does not count */
        const bool closed = period > 0.0 && fabs(from[n_from - 1] - from[0] - period) < 1e-9 * period;
        if (period > 0.0) {
            r->turn   = closed ? n_from - 1 : n_from;
            r->n_wide = r->turn + 2 * MARGIN;
        }
        PDM_TRY(pdm_alloc_array(ctx, n_to, &r->element));
        PDM_TRY(pdm_alloc_array(ctx, r->n_wide, &r->coef));
        PDM_TRY(period > 0.0 ? place_periodic(r, from, to, period) : place_spline(r, from, to));
    }
    *out = r;
    r    = NULL;
done:
    pdm_resample_destroy(&r);
    return status;
}

void pdm_resample_destroy(pdm_resample **resample)
{
    pdm_resample *r = *resample;
    if (!r) return;
    pdm_collocation_destroy(&r->through);
    pdm_free(r->ctx, r->element);
    pdm_free(r->ctx, r->basis);
    pdm_free(r->ctx, r->coef);
    pdm_free(r->ctx, r);
    *resample = NULL;
}

void pdm_resample_apply(pdm_resample *r, const double *values, pdm_size stride, double *out, pdm_size out_stride)
{
    for (pdm_size i = 0; i < r->n_to && !r->through; i++) out[i * out_stride] = values[0];
    if (!r->through) return;
    for (pdm_size i = 0; i < r->n_wide; i++) {
        const pdm_size n = r->turn, k = n > 0 ? ((i - MARGIN) % n + n) % n : i;
        r->coef[i] = values[k * stride];
    }
    pdm_collocation_solve(r->through, r->coef, 1);
    for (pdm_size i = 0; i < r->n_to; i++) {
        const double *b = r->basis + i * (r->degree + 1), *c = r->coef + r->element[i];
        double        sum = 0.0;
        for (pdm_size j = 0; j <= r->degree; j++) sum += b[j] * c[j];
        out[i * out_stride] = sum;
    }
}
