/* Splines through, or near, data: least squares, by the normal equations B^T B c = B^T v, B the values of the spline's
 * functions at the data's points (B^T W B, with weights). Banded; a periodic spline's last coefficients, which meet the
 * first ones too, are a border:
 *     B^T B = [K  G; G^T D],   K = L L^T banded,   S = D - G^T K^-1 G = M M^T. */
#include "domain/domain.h"

#include <math.h>

#include "domain/domain_impl.h"

static const double LEAST_PIVOT = 1e-13; /* of functions of size 1 */

struct pdm_spline_fit {
    pdm_context *ctx;
    pdm_size  n, m, band, n_border, n_inner; /* points; coefficients; degree; of these in the border, and before it */
    pdm_size *element;                       /* [n]                                                                 */
    double   *basis;                         /* [n][band + 1]                                                       */
    double   *L;                             /* [n_inner][band + 1]: L[i][i - k] in place k, k = 0 .. band          */
    double   *G;                             /* [n_inner][n_border], then L^-1 G                                    */
    double   *M;                             /* [n_border][n_border], lower                                         */
    double   *line;                          /* [m] work                                                            */
};

/* The entry of the normal matrix for coefficients i >= k, where it is kept; NULL: it is zero. */
static double *entry(pdm_spline_fit *f, pdm_size i, pdm_size k)
{
    if (i < f->n_inner) return i - k <= f->band ? &f->L[i * (f->band + 1) + i - k] : NULL;
    if (k < f->n_inner) return &f->G[k * f->n_border + i - f->n_inner];
    return &f->M[(i - f->n_inner) * f->n_border + k - f->n_inner];
}

/* weight [n]; NULL: 1 */
static void add_normal(pdm_spline_fit *f, const double *weight)
{
    for (pdm_size q = 0; q < f->n; q++) {
        const double *b = f->basis + q * (f->band + 1);
        for (pdm_size s = 0; s <= f->band; s++)
            for (pdm_size t = 0; t <= f->band; t++) {
                const pdm_size i = (f->element[q] + s) % f->m, k = (f->element[q] + t) % f->m;
                double        *to = i >= k ? entry(f, i, k) : NULL;
                if (to) *to += (weight ? weight[q] : 1.0) * b[s] * b[t];
            }
    }
}

/* K = L L^T in place. */
static bool factor_inner(pdm_spline_fit *f)
{
    const pdm_size w = f->band + 1;
    for (pdm_size i = 0; i < f->n_inner; i++)
        for (pdm_size k = i > f->band ? i - f->band : 0; k <= i; k++) {
            double sum = f->L[i * w + i - k];
            for (pdm_size j = i > f->band ? i - f->band : 0; j < k; j++)
                if (k - j <= f->band) sum -= f->L[i * w + i - j] * f->L[k * w + k - j];
            if (i == k && !(sum > LEAST_PIVOT)) return false;
            f->L[i * w + i - k] = i == k ? sqrt(sum) : sum / f->L[k * w];
        }
    return true;
}

/* G becomes L^-1 G, M the factor of S. */
static bool factor_border(pdm_spline_fit *f)
{
    const pdm_size w = f->band + 1, b = f->n_border;
    for (pdm_size i = 0; i < f->n_inner; i++)
        for (pdm_size c = 0; c < b; c++) {
            double sum = f->G[i * b + c];
            for (pdm_size k = i > f->band ? i - f->band : 0; k < i; k++) sum -= f->L[i * w + i - k] * f->G[k * b + c];
            f->G[i * b + c] = sum / f->L[i * w];
        }
    for (pdm_size i = 0; i < b; i++)
        for (pdm_size k = 0; k <= i; k++) {
            double sum = f->M[i * b + k];
            for (pdm_size q = 0; q < f->n_inner; q++) sum -= f->G[q * b + i] * f->G[q * b + k];
            for (pdm_size j = 0; j < k; j++) sum -= f->M[i * b + j] * f->M[k * b + j];
            if (i == k && !(sum > LEAST_PIVOT)) return false;
            f->M[i * b + k] = i == k ? sqrt(sum) : sum / f->M[k * b + k];
        }
    return true;
}

static pdm_status allocate(pdm_spline_fit *f)
{
    pdm_status status = PDM_OK;
    PDM_TRY(pdm_alloc_array(f->ctx, f->n, &f->element));
    PDM_TRY(pdm_alloc_array(f->ctx, f->n * (f->band + 1), &f->basis));
    PDM_TRY(pdm_alloc_array(f->ctx, f->n_inner * (f->band + 1), &f->L));
    PDM_TRY(pdm_alloc_array(f->ctx, f->n_inner * f->n_border, &f->G));
    PDM_TRY(pdm_alloc_array(f->ctx, f->n_border * f->n_border, &f->M));
    PDM_TRY(pdm_alloc_array(f->ctx, f->m, &f->line));
done:
    return status;
}

pdm_status pdm_spline_fit_create(const pdm_spline *s, pdm_size n, const double *xi, const double *weight,
                                 pdm_spline_fit **out, bool *possible)
{
    pdm_status      status = PDM_OK;
    pdm_spline_fit *f      = NULL;

    PDM_TRY(pdm_alloc(s->ctx, sizeof *f, &f));
    *f = (pdm_spline_fit){.ctx = s->ctx, .n = n, .m = s->n_coef, .band = s->degree};
    if (s->periodic) f->n_border = s->degree < s->n_coef ? s->degree : s->n_coef;
    f->n_inner = f->m - f->n_border;
    PDM_TRY(allocate(f));
    for (pdm_size q = 0; q < n; q++) {
        const double at = fmin(1.0, fmax(0.0, xi[q]));
        f->element[q]   = pdm_spline_element(s, at);
        pdm_spline_basis(s, f->element[q], at, 1, f->basis + q * (f->band + 1));
    }
    add_normal(f, weight);
    *possible = factor_inner(f) && factor_border(f);
    if (!*possible) goto done;
    *out = f;
    f    = NULL;
done:
    pdm_spline_fit_destroy(&f);
    return status;
}

void pdm_spline_fit_destroy(pdm_spline_fit **fit)
{
    pdm_spline_fit *f = *fit;
    if (!f) return;
    pdm_free(f->ctx, f->element);
    pdm_free(f->ctx, f->basis);
    pdm_free(f->ctx, f->L);
    pdm_free(f->ctx, f->G);
    pdm_free(f->ctx, f->M);
    pdm_free(f->ctx, f->line);
    pdm_free(f->ctx, f);
    *fit = NULL;
}

void pdm_spline_fit_solve(const pdm_spline_fit *f, double *c)
{
    const pdm_size w = f->band + 1, b = f->n_border, n = f->n_inner;
    double        *border = c + n;

    for (pdm_size i = 0; i < n; i++) {
        for (pdm_size k = i > f->band ? i - f->band : 0; k < i; k++) c[i] -= f->L[i * w + i - k] * c[k];
        c[i] /= f->L[i * w];
        for (pdm_size j = 0; j < b; j++) border[j] -= f->G[i * b + j] * c[i];
    }
    for (pdm_size i = 0; i < b; i++) {
        for (pdm_size k = 0; k < i; k++) border[i] -= f->M[i * b + k] * border[k];
        border[i] /= f->M[i * b + i];
    }
    for (pdm_size i = b - 1; i >= 0; i--) {
        for (pdm_size k = i + 1; k < b; k++) border[i] -= f->M[k * b + i] * border[k];
        border[i] /= f->M[i * b + i];
    }
    for (pdm_size i = n - 1; i >= 0; i--) {
        for (pdm_size j = 0; j < b; j++) c[i] -= f->G[i * b + j] * border[j];
        for (pdm_size k = i + 1; k < n && k <= i + f->band; k++) c[i] -= f->L[k * w + k - i] * c[k];
        c[i] /= f->L[i * w];
    }
}

void pdm_spline_fit_apply(pdm_spline_fit *f, const double *values, pdm_size stride, double *coef, pdm_size coef_stride)
{
    const pdm_size w = f->band + 1;
    double        *c = f->line;

    for (pdm_size i = 0; i < f->m; i++) c[i] = 0.0;
    for (pdm_size q = 0; q < f->n; q++)
        for (pdm_size s = 0; s < w; s++) c[(f->element[q] + s) % f->m] += f->basis[q * w + s] * values[q * stride];
    pdm_spline_fit_solve(f, c);
    for (pdm_size i = 0; i < f->m; i++) coef[i * coef_stride] = c[i];
}
