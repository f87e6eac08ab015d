/* Derived fields: invlap on periodic boxes. A mode k of a uniform periodic spline of any degree is its coefficients'
 * mode k times a number of its own, so that the inverse Laplacian of the modes below the grid's frequency is a
 * circulant in the coefficients with the symbol -1/|K|^2, K = 2 pi k / length, and 0 for the mean. docs/mathematics.md,
 * "Derived fields". */
#include "domain/domain_impl.h"

#include <math.h>
#include <string.h>

static const double TWO_PI = 6.28318530717958647692;

/* Whole waves of index k of n, from -n/2 to n/2. */
static double waves(pdm_size k, pdm_size n)
{
    return (double)(2 * k <= n ? k : n - k);
}

static pdm_status check_box(const pdm_domain *d)
{
    pdm_status       status = PDM_OK;
    const pdm_where *at     = &pdm_pde_derived(d->pde, 0)->where;

    for (pdm_size j = d->rows.first_dim; j < d->n_dim; j++) {
        const pdm_spline *s = &d->spline[j];
        if (!s->periodic)
            PDM_FAIL_AT(
                d->ctx, PDM_ERR_CASE, at,
                "invlap is for periodic boxes, and %s is bounded; kind = \"periodic\" in /domain/%s, or a field "
                "of its own with the equation \"lap(psi) - (...)\", expected",
                pdm_pde_dim_name(d->pde, j), pdm_pde_dim_name(d->pde, j));
        for (pdm_size e = 0; e < s->n_element; e++)
            if (fabs((s->breaks[e + 1] - s->breaks[e]) * (double)s->n_element - 1.0) > 1e-9)
                PDM_FAIL_AT(d->ctx, PDM_ERR_CASE, at,
                            "invlap is for equal knot spans, and those of %s differ; no grading, knots or kinks in "
                            "/domain/%s expected",
                            pdm_pde_dim_name(d->pde, j), pdm_pde_dim_name(d->pde, j));
    }
done:
    return status;
}

static pdm_status fill_transforms(pdm_domain *d)
{
    pdm_status status = PDM_OK;
    for (pdm_size j = d->rows.first_dim; j < d->n_dim; j++) {
        const pdm_size n     = d->spline[j].n_coef;
        double        *table = NULL;
        PDM_TRY(pdm_alloc_array(d->ctx, n * n, &table));
        d->rows.transform[j] = table;
        for (pdm_size a = 0; a < n; a++)
            for (pdm_size b = 0; b < n; b++) {
                const double angle = TWO_PI * (double)(a * b % n) / (double)n;
                table[a * n + b]   = cos(angle) + sin(angle);
            }
    }
done:
    return status;
}

static pdm_status fill_symbol(pdm_domain *d, pdm_size k)
{
    pdm_status status = PDM_OK;
    pdm_size   n      = 1;
    double    *symbol = NULL;

    for (pdm_size j = d->rows.first_dim; j < d->n_dim; j++) n *= d->spline[j].n_coef;
    PDM_TRY(pdm_alloc_array(d->ctx, n, &symbol));
    d->derived[k] = (pdm_derived_desc){.field = pdm_pde_derived(d->pde, k)->field, .symbol = symbol};
    for (pdm_size i = 0; i < n; i++) {
        pdm_size rest = i;
        double   sum  = 0.0;
        for (pdm_size j = d->n_dim - 1; j >= d->rows.first_dim; j--) {
            const pdm_spline *s      = &d->spline[j];
            const double      number = TWO_PI * waves(rest % s->n_coef, s->n_coef) / (s->map.high - s->map.low);
            sum += number * number;
            rest /= s->n_coef;
        }
        symbol[i] = sum > 0.0 ? -1.0 / (sum * (double)n) : 0.0; /* 1/n: T T = n */
    }
done:
    return status;
}

pdm_status domain_derived_create(pdm_domain *d)
{
    pdm_status     status = PDM_OK;
    const pdm_size n      = pdm_pde_n_derived(d->pde);

    if (n == 0) return PDM_OK;
    d->rows.first_dim = pdm_pde_has_time(d->pde) ? 1 : 0;
    PDM_TRY(check_box(d));
    PDM_TRY(pdm_alloc_array(d->ctx, n, &d->derived));
    d->rows.derived   = d->derived;
    d->rows.n_derived = n;
    PDM_TRY(fill_transforms(d));
    for (pdm_size k = 0; k < n; k++) PDM_TRY(fill_symbol(d, k));
done:
    return status;
}

void domain_derived_destroy(pdm_domain *d)
{
    for (pdm_size j = 0; j < PDM_MAX_DIM; j++) pdm_free(d->ctx, (void *)(uintptr_t)d->rows.transform[j]);
    for (pdm_size k = 0; k < d->rows.n_derived; k++) pdm_free(d->ctx, (void *)(uintptr_t)d->derived[k].symbol);
    pdm_free(d->ctx, d->derived);
}

/* Coefficients of one layer: all dimensions from first_dim on. */
static pdm_size layer_size(const pdm_domain *d)
{
    pdm_size n = 1;
    for (pdm_size j = d->rows.first_dim; j < d->n_dim; j++) n *= d->spline[j].n_coef;
    return n;
}

/* out = T in for `size` coefficients, a number of layers, one dimension after the other. */
static void transform(const pdm_domain *d, pdm_size size, const double *in, double *out, double *other)
{
    pdm_size inner = layer_size(d);
    memcpy(out, in, (size_t)size * sizeof *out);
    for (pdm_size j = d->rows.first_dim; j < d->n_dim; j++) {
        const pdm_size n = d->spline[j].n_coef;
        inner /= n;
        memcpy(other, out, (size_t)size * sizeof *out);
        memset(out, 0, (size_t)size * sizeof *out);
        for (pdm_size o = 0; o < size / (n * inner); o++)
            for (pdm_size a = 0; a < n; a++)
                for (pdm_size b = 0; b < n; b++) {
                    const double factor = d->rows.transform[j][a * n + b];
                    for (pdm_size i = 0; i < inner; i++)
                        out[(o * n + a) * inner + i] += factor * other[(o * n + b) * inner + i];
                }
    }
}

void domain_derive_layers(const pdm_domain *d, pdm_size k, pdm_size size, const double *in, double *out, double *work)
{
    const pdm_size n     = layer_size(d);
    double        *modes = work, *other = work + size;
    transform(d, size, in, modes, other);
    for (pdm_size i = 0; i < size; i++) modes[i] *= d->derived[k].symbol[i % n];
    transform(d, size, modes, out, other);
}
