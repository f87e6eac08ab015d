/* Interpolation by splines: LU factors of collocation matrices, banded, with a border where a dimension is periodic.
 *
 * B-spline collocation matrices are totally positive, so that elimination without pivoting is as stable as can be (de
 * Boor, Pinkus, Backward error analysis for totally positive linear systems, Numer. Math. 27, 1977), keeps the band,
 * and needs O(n degree^2) operations. Row i, at a point inside the support of function i,
 * has the columns i - degree .. i + degree.
 *
 * Periodic ones are cyclic bands. The last `degree` rows and columns are set apart, [B E; F G]: B has no corner entries
 * and is a collocation matrix again; the Schur complement G - F B^-1 E is small and dense, and is pivoted. Where hardly
 * a point is left for B, all rows are set apart. */
#include "domain/domain_impl.h"

#include <math.h>

enum { MOST_APART = 2 * PDM_MAX_DEGREE };

static const double LEAST_PIVOT = 1e-14; /* function values are of size 1 */

struct pdm_collocation {
    pdm_context *ctx;
    pdm_size     n, n_band, n_apart, degree;
    double      *band;  /* [n_band][2 degree + 1] column j of row i at j - i + degree: L (unit diagonal) and U     */
    double      *right; /* [n_band][n_apart] B^-1 E                                                               */
    double      *below; /* [n_apart][n_band] F                                                                    */
    double      *schur; /* [n_apart][n_apart] factors of the Schur complement                                      */
    pdm_size    *pivot; /* [n_apart] row exchanged with row k                                                      */
};

static double *entry(const pdm_collocation *c, pdm_size i, pdm_size j)
{
    return &c->band[i * (2 * c->degree + 1) + j - i + c->degree];
}

static pdm_size smaller(pdm_size a, pdm_size b)
{
    return a < b ? a : b;
}

static pdm_size larger(pdm_size a, pdm_size b)
{
    return a > b ? a : b;
}

static bool factor_band(pdm_collocation *c)
{
    for (pdm_size k = 0; k < c->n_band; k++) {
        const pdm_size end   = smaller(k + c->degree + 1, c->n_band);
        const double   pivot = *entry(c, k, k);
        if (!(fabs(pivot) > LEAST_PIVOT)) return false;
        for (pdm_size i = k + 1; i < end; i++) {
            const double l = *entry(c, i, k) / pivot;
            if (l == 0.0) continue;
            *entry(c, i, k) = l;
            for (pdm_size j = k + 1; j < end; j++) *entry(c, i, j) -= l * *entry(c, k, j);
        }
    }
    return true;
}

/* x = B^-1 x, in place. */
static void solve_band(const pdm_collocation *c, double *x, pdm_size stride)
{
    for (pdm_size i = 0; i < c->n_band; i++)
        for (pdm_size j = larger(i - c->degree, 0); j < i; j++) x[i * stride] -= *entry(c, i, j) * x[j * stride];
    for (pdm_size i = c->n_band - 1; i >= 0; i--) {
        const pdm_size end = smaller(i + c->degree + 1, c->n_band);
        for (pdm_size j = i + 1; j < end; j++) x[i * stride] -= *entry(c, i, j) * x[j * stride];
        x[i * stride] /= *entry(c, i, i);
    }
}

/* schur holds G; from it the factors of G - F (B^-1 E). */
static bool factor_apart(pdm_collocation *c)
{
    const pdm_size m = c->n_apart;
    double        *S = c->schur;
    for (pdm_size i = 0; i < m; i++)
        for (pdm_size j = 0; j < m; j++)
            for (pdm_size k = 0; k < c->n_band; k++)
                if (c->below[i * c->n_band + k] != 0.0)
                    S[i * m + j] -= c->below[i * c->n_band + k] * c->right[k * m + j];
    for (pdm_size k = 0; k < m; k++) {
        pdm_size pivot = k;
        for (pdm_size i = k + 1; i < m; i++)
            if (fabs(S[i * m + k]) > fabs(S[pivot * m + k])) pivot = i;
        if (!(fabs(S[pivot * m + k]) > LEAST_PIVOT)) return false;
        c->pivot[k] = pivot;
        for (pdm_size j = 0; j < m && pivot != k; j++) {
            const double t   = S[k * m + j];
            S[k * m + j]     = S[pivot * m + j];
            S[pivot * m + j] = t;
        }
        for (pdm_size i = k + 1; i < m; i++) {
            S[i * m + k] /= S[k * m + k];
            for (pdm_size j = k + 1; j < m; j++) S[i * m + j] -= S[i * m + k] * S[k * m + j];
        }
    }
    return true;
}

static void solve_apart(const pdm_collocation *c, double *z)
{
    const pdm_size m = c->n_apart;
    for (pdm_size k = 0; k < m; k++) {
        const double t = z[k];
        z[k]           = z[c->pivot[k]];
        z[c->pivot[k]] = t;
    }
    for (pdm_size i = 0; i < m; i++)
        for (pdm_size j = 0; j < i; j++) z[i] -= c->schur[i * m + j] * z[j];
    for (pdm_size i = m - 1; i >= 0; i--) {
        for (pdm_size j = i + 1; j < m; j++) z[i] -= c->schur[i * m + j] * z[j];
        z[i] /= c->schur[i * m + i];
    }
}

/* Function values of spline s at xi, row by row. false: a function does not reach its point. */
static bool fill(pdm_collocation *c, const pdm_spline *s, const double *xi)
{
    for (pdm_size i = 0; i < c->n; i++) {
        double         value[PDM_MAX_DEGREE + 1];
        const pdm_size e = pdm_spline_element(s, xi[i]), m = c->n_apart, apart = i - c->n_band;
        pdm_spline_basis(s, e, xi[i], 1, value);
        for (pdm_size l = 0; l <= c->degree; l++) {
            const pdm_size j = (e + l) % c->n;
            if (apart >= 0 && j >= c->n_band)
                c->schur[apart * m + j - c->n_band] += value[l];
            else if (apart >= 0)
                c->below[apart * c->n_band + j] += value[l];
            else if (j >= c->n_band)
                c->right[i * m + j - c->n_band] += value[l];
            else if (j - i <= c->degree && i - j <= c->degree)
                *entry(c, i, j) += value[l];
            else if (value[l] != 0.0)
                return false;
        }
    }
    return true;
}

pdm_status pdm_collocation_create(const pdm_spline *s, const double *xi, pdm_collocation **out)
{
    pdm_status       status = PDM_OK;
    pdm_collocation *c      = NULL;

    PDM_TRY(pdm_alloc(s->ctx, sizeof *c, &c));
    c->ctx     = s->ctx;
    c->n       = s->n_coef;
    c->degree  = s->degree;
    c->n_apart = !s->periodic ? 0 : c->n > 2 * c->degree ? c->degree : c->n;
    c->n_band  = c->n - c->n_apart;
    PDM_TRY(pdm_alloc_array(c->ctx, c->n_band * (2 * c->degree + 1), &c->band));
    PDM_TRY(pdm_alloc_array(c->ctx, c->n_band * c->n_apart, &c->right));
    PDM_TRY(pdm_alloc_array(c->ctx, c->n_band * c->n_apart, &c->below));
    PDM_TRY(pdm_alloc_array(c->ctx, c->n_apart * c->n_apart, &c->schur));
    PDM_TRY(pdm_alloc_array(c->ctx, c->n_apart, &c->pivot));
    bool regular = fill(c, s, xi) && factor_band(c);
    for (pdm_size j = 0; j < c->n_apart && regular; j++) solve_band(c, c->right + j, c->n_apart);
    regular = regular && factor_apart(c);
    if (!regular)
        PDM_FAIL(s->ctx, PDM_ERR_NUMERIC, "no spline of degree %lld passes through %lld points placed like these",
                 (long long)s->degree, (long long)s->n_coef);
    *out = c;
    c    = NULL;
done:
    pdm_collocation_destroy(&c);
    return status;
}

void pdm_collocation_destroy(pdm_collocation **collocation)
{
    if (!collocation || !*collocation) return;
    pdm_collocation *c = *collocation;
    pdm_free(c->ctx, c->band);
    pdm_free(c->ctx, c->right);
    pdm_free(c->ctx, c->below);
    pdm_free(c->ctx, c->schur);
    pdm_free(c->ctx, c->pivot);
    pdm_free(c->ctx, c);
    *collocation = NULL;
}

void pdm_collocation_solve(const pdm_collocation *c, double *x, pdm_size stride)
{
    double         z[MOST_APART];
    const pdm_size m = c->n_apart;

    solve_band(c, x, stride);
    if (m == 0) return;
    for (pdm_size i = 0; i < m; i++) {
        z[i] = x[(c->n_band + i) * stride];
        for (pdm_size k = 0; k < c->n_band; k++) /* F is zero but for its two ends */
            if (c->below[i * c->n_band + k] != 0.0) z[i] -= c->below[i * c->n_band + k] * x[k * stride];
    }
    solve_apart(c, z);
    for (pdm_size i = 0; i < m; i++) x[(c->n_band + i) * stride] = z[i];
    for (pdm_size k = 0; k < c->n_band; k++)
        for (pdm_size i = 0; i < m; i++) x[k * stride] -= c->right[k * m + i] * z[i];
}
