/* Derivatives at the Greville points of one dimension from values there: those of a spline of high degree through them.
 *
 * The field's own spline, of degree p, has derivatives of order k to h^(p+1-k), with a size that jumps where the points
 * next to a boundary lie otherwise in their spans than the rest do: a derivative of a derivative is then wrong by
 * h^(p+1-2k), which grows as grids are refined. Degree 7 (less where points are few) leaves room for the three
 * derivatives in a row that domain/taylor.c takes. It is a spline of the physical coordinate, so that maps with an
 * infinite slope do no harm. */
#include "domain/domain_impl.h"

#include <string.h>

/* A periodic spline of higher degree on the same breaks: function j is centred where function j - shift of s is, so
 * that its point is that one's. */
static pdm_status periodic_create(const pdm_spline *s, domain_stencil *k, double *xi)
{
    pdm_status     status = PDM_OK;
    const pdm_size n      = s->n_coef;
    pdm_size       degree = s->degree;

    while (degree + 2 <= PDM_MAX_DEGREE && degree + 3 <= n) degree += 2;
    k->shift = (degree - s->degree) / 2;
    PDM_TRY(pdm_spline_create(s->ctx, &s->map, degree, n, true, s->breaks + 1, &k->spline));
    for (pdm_size j = 0; j < n; j++) xi[j] = s->greville[((j - k->shift) % n + n) % n];
done:
    return status;
}

/* A clamped one whose interior breaks are running averages of the points (as for data: domain/spline.c). */
static pdm_status bounded_create(const pdm_spline *s, domain_stencil *k, double *xi)
{
    pdm_status     status = PDM_OK;
    const pdm_map  map    = {.kind = PDM_MAP_LINEAR, .low = s->map.low, .high = s->map.high, .exponent = 1.0};
    const pdm_size n = s->n_coef, degree = n - 1 < PDM_MAX_DEGREE ? n - 1 : PDM_MAX_DEGREE;
    double        *interior = NULL;

    PDM_TRY(pdm_alloc_array(s->ctx, n, &interior));
    for (pdm_size i = 0; i < n; i++) xi[i] = pdm_map_inverse(&map, pdm_map_value(&s->map, s->greville[i]));
    for (pdm_size i = 0; i + degree + 1 < n; i++)
        for (pdm_size j = 1; j <= degree; j++) interior[i] += xi[i + j] / (double)degree;
    PDM_TRY(pdm_spline_create(s->ctx, &map, degree, n, false, interior, &k->spline));
done:
    pdm_free(s->ctx, interior);
    return status;
}

pdm_status domain_stencil_create(const pdm_spline *s, domain_stencil *out)
{
    pdm_status     status = PDM_OK;
    const pdm_size n      = s->n_coef;
    domain_stencil k      = {.ctx = s->ctx, .n = n};
    double        *xi     = NULL;

    PDM_TRY(pdm_alloc_array(s->ctx, n, &xi));
    PDM_TRY(pdm_alloc_array(s->ctx, n, &k.line));
    PDM_TRY(s->periodic ? periodic_create(s, &k, xi) : bounded_create(s, &k, xi));
    const pdm_size width = k.spline.degree + 1;
    PDM_TRY(pdm_collocation_create(&k.spline, xi, &k.through));
    PDM_TRY(pdm_alloc_array(s->ctx, n, &k.element));
    PDM_TRY(pdm_alloc_array(s->ctx, (PDM_MAX_ORDER + 1) * n * width, &k.basis));
    for (pdm_size i = 0; i < n; i++) {
        double         local[(PDM_MAX_ORDER + 1) * (PDM_MAX_DEGREE + 1)];
        const double   at = xi[(i + k.shift) % n]; /* point i */
        const pdm_size e  = pdm_spline_element(&k.spline, at);
        pdm_spline_basis(&k.spline, e, at, PDM_MAX_ORDER + 1, local);
        k.element[i] = e;
        for (pdm_size o = 0; o <= PDM_MAX_ORDER; o++)
            memcpy(k.basis + (o * n + i) * width, local + o * width, (size_t)width * sizeof(double));
    }
    *out = k;
    k    = (domain_stencil){.ctx = s->ctx};
done:
    pdm_free(s->ctx, xi);
    domain_stencil_destroy(&k);
    return status;
}

void domain_stencil_destroy(domain_stencil *k)
{
    if (!k->ctx) return;
    pdm_spline_destroy(&k->spline);
    pdm_collocation_destroy(&k->through);
    pdm_free(k->ctx, k->element);
    pdm_free(k->ctx, k->basis);
    pdm_free(k->ctx, k->line);
    *k = (domain_stencil){0};
}

void domain_stencil_apply(const domain_stencil *k, pdm_size order, double *values, pdm_size stride)
{
    const pdm_size n = k->n, width = k->spline.degree + 1;
    for (pdm_size j = 0; j < n; j++) k->line[j] = values[((j - k->shift) % n + n) % n * stride];
    pdm_collocation_solve(k->through, k->line, 1);
    for (pdm_size i = 0; i < n; i++) {
        const double *basis = k->basis + (order * n + i) * width;
        double        sum   = 0.0;
        for (pdm_size l = 0; l < width; l++) sum += basis[l] * k->line[(k->element[i] + l) % n];
        values[i * stride] = sum;
    }
}
