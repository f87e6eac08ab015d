#include "domain/domain_impl.h"

#include <math.h>
#include <string.h>

/* Values and derivatives by xi, orders 0 .. n_order-1, of the degree+1 functions of the knot interval
 * knots[span] .. knots[span+1]: The NURBS Book, algorithm A2.3. out [n_order][degree+1]. */
static void basis_by_parameter(const double *knots, pdm_size degree, pdm_size span, double xi, pdm_size n_order,
                               double *out)
{
    const pdm_size p = degree;
    double         table[PDM_MAX_DEGREE + 1][PDM_MAX_DEGREE + 1]; /* upper: basis values, lower: knot differences */
    double         left[PDM_MAX_DEGREE + 1], right[PDM_MAX_DEGREE + 1];

    table[0][0] = 1.0;
    for (pdm_size j = 1; j <= p; j++) {
        double saved = 0.0;
        left[j]      = xi - knots[span + 1 - j];
        right[j]     = knots[span + j] - xi;
        for (pdm_size r = 0; r < j; r++) {
            table[j][r]    = right[r + 1] + left[j - r];
            const double t = table[r][j - 1] / table[j][r];
            table[r][j]    = saved + right[r + 1] * t;
            saved          = left[j - r] * t;
        }
        table[j][j] = saved;
    }
    for (pdm_size j = 0; j <= p; j++) out[j] = table[j][p];
    for (pdm_size k = 1; k < n_order; k++)
        for (pdm_size j = 0; j <= p; j++) out[k * (p + 1) + j] = 0.0;

    for (pdm_size r = 0; r <= p; r++) {
        double   a[2][PDM_MAX_DEGREE + 1];
        pdm_size from = 0, to = 1;
        a[0][0] = 1.0;
        for (pdm_size k = 1; k < n_order && k <= p; k++) {
            double         d  = 0.0;
            const pdm_size rk = r - k, pk = p - k;
            if (r >= k) {
                a[to][0] = a[from][0] / table[pk + 1][rk];
                d        = a[to][0] * table[rk][pk];
            }
            const pdm_size j1 = rk >= -1 ? 1 : -rk, j2 = r - 1 <= pk ? k - 1 : p - r;
            for (pdm_size j = j1; j <= j2; j++) {
                a[to][j] = (a[from][j] - a[from][j - 1]) / table[pk + 1][rk + j];
                d += a[to][j] * table[rk + j][pk];
            }
            if (r <= pk) {
                a[to][k] = -a[from][k - 1] / table[pk + 1][r];
                d += a[to][k] * table[r][pk];
            }
            out[k * (p + 1) + r] = d;
            const pdm_size swap  = from;
            from                 = to;
            to                   = swap;
        }
    }
    double factor = (double)p;
    for (pdm_size k = 1; k < n_order && k <= p; k++) {
        for (pdm_size j = 0; j <= p; j++) out[k * (p + 1) + j] *= factor;
        factor *= (double)(p - k);
    }
}

/* Coefficients e[1..n] of the inverse series: h = sum a_k eta^k  <=>  eta = sum e_k h^k (reversion of series). */
static void series_inverse(const double *a, double *e)
{
    const double a1 = a[1], a2 = a[2], a3 = a[3], a4 = a[4];
    e[0] = 0.0;
    e[1] = 1.0 / a1;
    e[2] = -a2 / pow(a1, 3);
    e[3] = (2.0 * a2 * a2 - a1 * a3) / pow(a1, 5);
    e[4] = (5.0 * a1 * a2 * a3 - a1 * a1 * a4 - 5.0 * a2 * a2 * a2) / pow(a1, 7);
}

/* Turns derivatives by xi into derivatives by x = X(xi), orders 0..4, in place: f(eta(h)) by truncated series. */
static void chain_rule(const pdm_map *map, double xi, pdm_size n_order, pdm_size n_function, double *basis)
{
    double a[PDM_MAX_ORDER + 1], e[PDM_MAX_ORDER + 1], power[PDM_MAX_ORDER + 1][PDM_MAX_ORDER + 1];
    double factorial[PDM_MAX_ORDER + 1] = {1.0};

    pdm_map_derivatives(map, xi, PDM_MAX_ORDER, a);
    for (pdm_size k = 1; k <= PDM_MAX_ORDER; k++) {
        factorial[k] = factorial[k - 1] * (double)k;
        a[k] /= factorial[k];
    }
    series_inverse(a, e);
    memset(power, 0, sizeof power);
    power[0][0] = 1.0;
    for (pdm_size k = 1; k <= PDM_MAX_ORDER; k++) /* power[k] = eta^k as a series in h */
        for (pdm_size i = 0; i <= PDM_MAX_ORDER; i++)
            for (pdm_size j = 1; i + j <= PDM_MAX_ORDER; j++) power[k][i + j] += power[k - 1][i] * e[j];
    for (pdm_size f = 0; f < n_function; f++) {
        double in[PDM_MAX_ORDER + 1];
        for (pdm_size k = 0; k < n_order; k++) in[k] = basis[k * n_function + f] / factorial[k];
        for (pdm_size m = 1; m < n_order; m++) {
            double sum = 0.0;
            for (pdm_size k = 1; k <= m; k++) sum += in[k] * power[k][m];
            basis[m * n_function + f] = sum * factorial[m];
        }
    }
}

void pdm_spline_basis(const pdm_spline *s, pdm_size element, double xi, pdm_size n_order, double *basis)
{
    PDM_ASSERT(element >= 0 && element < s->n_element && n_order >= 1 && n_order <= PDM_MAX_ORDER + 1);
    basis_by_parameter(s->knots, s->degree, element + s->degree, xi, n_order, basis);
    if (n_order > 1) chain_rule(&s->map, xi, n_order, s->degree + 1, basis);
}

pdm_size pdm_spline_element(const pdm_spline *s, double xi)
{
    pdm_size low = 0, high = s->n_element; /* breaks[low] <= xi < breaks[high] */
    while (high - low > 1) {
        const pdm_size middle = (low + high) / 2;
        if (xi >= s->breaks[middle])
            low = middle;
        else
            high = middle;
    }
    return low;
}

/* Elements with a length, and the breaks without repetition. */
static void list_spans(pdm_spline *s)
{
    for (pdm_size e = 0; e < s->n_element; e++) {
        if (!(s->breaks[e + 1] > s->breaks[e])) continue;
        s->ends[s->n_span]   = s->breaks[e];
        s->span[s->n_span++] = e;
    }
    s->ends[s->n_span] = s->breaks[s->n_element];
}

static void spline_knots(pdm_spline *s, const double *interior)
{
    const pdm_size p = s->degree, n = s->n_element;
    for (pdm_size i = 0; i <= n; i++) s->breaks[i] = (double)i / (double)n;
    for (pdm_size i = 1; i < n && interior; i++) s->breaks[i] = interior[i - 1];
    for (pdm_size i = 0; i <= n; i++) s->knots[p + i] = s->breaks[i];
    for (pdm_size i = 1; i <= p; i++) {
        if (!s->periodic) {
            s->knots[p - i]     = 0.0;
            s->knots[p + n + i] = 1.0;
        } else { /* the period repeated as often as needed: few elements may be passed more than once */
            const pdm_size below = ((-i) % n + n) % n, above = i % n;
            s->knots[p - i]     = s->breaks[below] - (double)((i + n - 1) / n);
            s->knots[p + n + i] = s->breaks[above] + (double)(i / n) + 1.0;
        }
    }
    for (pdm_size i = 0; i < s->n_coef; i++) {
        double sum = 0.0;
        for (pdm_size j = 1; j <= p; j++) sum += s->knots[i + j];
        s->greville[i] = sum / (double)p;
        if (s->periodic) s->greville[i] -= floor(s->greville[i]);
    }
}

pdm_status pdm_spline_create(pdm_context *ctx, const pdm_map *map, pdm_size degree, pdm_size n_coef, bool periodic,
                             const double *interior, pdm_spline *out)
{
    pdm_status status = PDM_OK;
    pdm_spline s      = {.ctx = ctx, .map = *map, .degree = degree, .n_coef = n_coef, .periodic = periodic};

    s.n_element = periodic ? n_coef : n_coef - degree;
    if (degree < 1 || degree > PDM_MAX_DEGREE || s.n_element < 1 || (periodic && n_coef < degree + 1))
        PDM_FAIL(ctx, PDM_ERR_ARGUMENT,
                 "degree %lld with %lld control points; degree 1 to %d and at least degree + 1 points expected",
                 (long long)degree, (long long)n_coef, PDM_MAX_DEGREE);
    PDM_TRY(pdm_alloc_array(ctx, s.n_element + 1, &s.breaks));
    PDM_TRY(pdm_alloc_array(ctx, s.n_element + 1 + 2 * degree, &s.knots));
    PDM_TRY(pdm_alloc_array(ctx, n_coef, &s.greville));
    PDM_TRY(pdm_alloc_array(ctx, s.n_element + 1, &s.ends));
    PDM_TRY(pdm_alloc_array(ctx, s.n_element, &s.span));
    spline_knots(&s, interior);
    list_spans(&s);
    PDM_TRY(pdm_collocation_create(&s, s.greville, &s.collocation));
    *out = s;
    s    = (pdm_spline){.ctx = ctx};
done:
    pdm_spline_destroy(&s);
    return status;
}

void pdm_spline_destroy(pdm_spline *s)
{
    if (!s || !s->ctx) return;
    pdm_free(s->ctx, s->breaks);
    pdm_free(s->ctx, s->knots);
    pdm_free(s->ctx, s->ends);
    pdm_free(s->ctx, s->span);
    pdm_free(s->ctx, s->greville);
    pdm_collocation_destroy(&s->collocation);
    *s = (pdm_spline){0};
}

void pdm_spline_interpolate(const pdm_spline *s, const double *values, pdm_size stride, double *coef,
                            pdm_size coef_stride)
{
    for (pdm_size i = 0; i < s->n_coef; i++) coef[i * coef_stride] = values[i * stride];
    pdm_collocation_solve(s->collocation, coef, coef_stride);
}
