/* Nested splines: a spline without every second knot is one with it, so that coefficients of the finer one are linear in
 * those of the coarser one, element by element. */
#include "domain/domain_impl.h"

#include <math.h>
#include <string.h>

enum { COARSEST = 300, LEVEL_MOST = 20 }; /* coefficients of the last level, about; levels */

static const double NOTHING = 1e-12; /* below it an entry is rounding: coefficients are of size one */

struct pdm_nest {
    pdm_context   *ctx;
    pdm_size       n_dim;
    pdm_nest_axis *axis; /* [LEVEL_MOST][n_dim] */
    unsigned char *free;
    pdm_nest_desc  desc;
};

/* x [n][n] = a^-1 x, by elimination with pivots; a is used up. */
static void solve_small(pdm_size n, double a[PDM_MAX_DEGREE + 1][PDM_MAX_DEGREE + 1],
                        double x[PDM_MAX_DEGREE + 1][PDM_MAX_DEGREE + 1])
{
    for (pdm_size k = 0; k < n; k++) {
        pdm_size best = k;
        for (pdm_size i = k + 1; i < n; i++)
            if (fabs(a[i][k]) > fabs(a[best][k])) best = i;
        for (pdm_size j = 0; j < n; j++) {
            const double t = a[k][j], y = x[k][j];
            a[k][j]    = a[best][j];
            a[best][j] = t;
            x[k][j]    = x[best][j];
            x[best][j] = y;
        }
        for (pdm_size i = 0; i < n; i++) {
            const double factor = a[i][k] / a[k][k];
            if (i == k) continue;
            for (pdm_size j = k; j < n; j++) a[i][j] -= factor * a[k][j];
            for (pdm_size j = 0; j < n; j++) x[i][j] -= factor * x[k][j];
        }
    }
    for (pdm_size k = 0; k < n; k++)
        for (pdm_size j = 0; j < n; j++) x[k][j] /= a[k][k];
}

/* What element e of the finer spline sees, from what its parent sees: both have the same values at degree+1 points. */
static void element_matrix(const pdm_spline *fine, const pdm_spline *coarse, pdm_size e, pdm_size parent, double *out)
{
    const pdm_size n = fine->degree + 1;
    double         a[PDM_MAX_DEGREE + 1][PDM_MAX_DEGREE + 1], x[PDM_MAX_DEGREE + 1][PDM_MAX_DEGREE + 1];

    for (pdm_size i = 0; i < n; i++) {
        const double at = (double)i / (double)(n - 1), xi = (1.0 - at) * fine->breaks[e] + at * fine->breaks[e + 1];
        pdm_spline_basis(fine, e, xi, 1, a[i]);
        pdm_spline_basis(coarse, parent, xi, 1, x[i]);
    }
    solve_small(n, a, x);
    for (pdm_size i = 0; i < n; i++)
        for (pdm_size j = 0; j < n; j++) out[i * n + j] = fabs(x[i][j]) > NOTHING ? x[i][j] : 0.0;
}

static bool can_coarsen(const pdm_spline *s)
{
    const pdm_size n = (s->n_element + 1) / 2;
    return s->n_span == s->n_element && s->n_element >= 4 && (!s->periodic || n >= 2 * s->degree + 1);
}

/* coarse: every second break of fine, or all of them. */
static pdm_status coarsen(pdm_context *ctx, const pdm_spline *fine, bool drop, pdm_spline *coarse, pdm_nest_axis *axis)
{
    pdm_status     status = PDM_OK;
    const pdm_size step = drop ? 2 : 1, n = (fine->n_element + step - 1) / step, width = fine->degree + 1;
    double        *interior = NULL, *local = NULL;
    int32_t       *parent = NULL;

    PDM_TRY(pdm_alloc_array(ctx, n, &interior));
    PDM_TRY(pdm_alloc_array(ctx, fine->n_element, &parent));
    PDM_TRY(pdm_alloc_array(ctx, fine->n_element * width * width, &local));
    for (pdm_size i = 1; i < n; i++) interior[i - 1] = fine->breaks[step * i];
    PDM_TRY(pdm_spline_create(ctx, &fine->map, fine->degree, fine->periodic ? n : n + fine->degree, fine->periodic,
                              interior, coarse));
    for (pdm_size e = 0; e < fine->n_element; e++) {
        parent[e] = (int32_t)(e / step);
        if (drop)
            element_matrix(fine, coarse, e, parent[e], local + e * width * width);
        else
            for (pdm_size i = 0; i < width; i++) local[(e * width + i) * width + i] = 1.0;
    }
    *axis  = (pdm_nest_axis){.n_coef = coarse->n_coef, .n_element = n, .parent = parent, .local = local};
    parent = NULL;
    local  = NULL;
done:
    pdm_free(ctx, interior);
    pdm_free(ctx, parent);
    pdm_free(ctx, local);
    return status;
}

/* One level more, from the splines of the present one, which become those of the new one. *more false: there is none. */
static pdm_status add_level(pdm_nest *n, pdm_spline *spline, pdm_size n_field, bool *more)
{
    pdm_status status              = PDM_OK;
    pdm_spline coarse[PDM_MAX_DIM] = {0};
    double     size                = (double)n_field;
    bool       drops               = false;

    for (pdm_size j = 0; j < n->n_dim; j++) {
        size *= (double)spline[j].n_coef;
        drops = drops || can_coarsen(&spline[j]);
    }
    *more = drops && size > COARSEST && n->desc.n_level < LEVEL_MOST;
    if (!*more) return PDM_OK;
    for (pdm_size j = 0; j < n->n_dim; j++)
        PDM_TRY(coarsen(n->ctx, &spline[j], can_coarsen(&spline[j]), &coarse[j],
                        &n->axis[(n->desc.n_level - 1) * n->n_dim + j]));
    n->desc.n_level++;
    for (pdm_size j = 0; j < n->n_dim; j++) {
        pdm_spline_destroy(&spline[j]);
        spline[j] = coarse[j];
        coarse[j] = (pdm_spline){0};
    }
done:
    for (pdm_size j = 0; j < n->n_dim; j++) pdm_spline_destroy(&coarse[j]);
    return status;
}

pdm_status pdm_nest_create(pdm_context *ctx, const pdm_domain *domain, pdm_nest **out)
{
    pdm_status           status              = PDM_OK;
    const pdm_rows_desc *rows                = pdm_domain_rows(domain);
    pdm_spline           spline[PDM_MAX_DIM] = {0};
    pdm_nest            *n                   = NULL;
    const size_t         n_free              = (size_t)(rows->n_field * pdm_domain_n_coef(domain));

    PDM_TRY(pdm_alloc(ctx, sizeof *n, &n));
    n->ctx   = ctx;
    n->n_dim = rows->n_dim;
    PDM_TRY(pdm_alloc_array(ctx, LEVEL_MOST * n->n_dim, &n->axis));
    PDM_TRY(pdm_alloc_array(ctx, (pdm_size)n_free, &n->free));
    memcpy(n->free, pdm_domain_free(domain), n_free);
    n->desc = (pdm_nest_desc){.n_level = 1, .axis = n->axis, .free = n->free};
    for (pdm_size j = 0; j < n->n_dim; j++) {
        const pdm_spline *s = pdm_domain_spline(domain, j);
        PDM_TRY(pdm_spline_create(ctx, &s->map, s->degree, s->n_coef, s->periodic, s->breaks + 1, &spline[j]));
    }
    for (bool more = true; more;) PDM_TRY(add_level(n, spline, rows->n_field, &more));
    *out = n;
    n    = NULL;
done:
    for (pdm_size j = 0; j < PDM_MAX_DIM; j++) pdm_spline_destroy(&spline[j]);
    pdm_nest_destroy(&n);
    return status;
}

void pdm_nest_destroy(pdm_nest **nest)
{
    if (!nest || !*nest) return;
    pdm_nest *n = *nest;
    for (pdm_size i = 0; n->axis && i < LEVEL_MOST * n->n_dim; i++) {
        pdm_free(n->ctx, (void *)(uintptr_t)n->axis[i].parent);
        pdm_free(n->ctx, (void *)(uintptr_t)n->axis[i].local);
    }
    pdm_free(n->ctx, n->axis);
    pdm_free(n->ctx, n->free);
    pdm_free(n->ctx, n);
    *nest = NULL;
}

const pdm_nest_desc *pdm_nest_describe(const pdm_nest *n)
{
    return &n->desc;
}
