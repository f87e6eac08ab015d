/* Least squares in numbers that are not negative, few of which are not zero. */
#include "model/model_impl.h"

#include <math.h>

/* G = A^T A and A^T b stand for A x = b. */
typedef struct nnls {
    pdm_size n, n_in;
    double  *gram, *right; /* [n][n], [n]                             */
    int32_t *in;           /* [n_in] what may be other than zero      */
    double  *factor;       /* [n_in][n_in] of the part of G           */
    double  *trial;        /* [n_in]                                  */
} nnls;

/* trial = minimum over what may be other than zero; false where its part of G is singular. */
static bool solve_inside(nnls *x)
{
    const pdm_size n = x->n_in;
    for (pdm_size i = 0; i < n; i++) {
        for (pdm_size j = 0; j <= i; j++) {
            double sum = x->gram[x->in[i] * x->n + x->in[j]] * (i == j ? 1.0 + 1e-12 : 1.0);
            for (pdm_size k = 0; k < j; k++) sum -= x->factor[i * x->n + k] * x->factor[j * x->n + k];
            if (i == j && !(sum > 0.0)) return false;
            x->factor[i * x->n + j] = i == j ? sqrt(sum) : sum / x->factor[j * x->n + j];
        }
        x->trial[i] = x->right[x->in[i]];
        for (pdm_size k = 0; k < i; k++) x->trial[i] -= x->factor[i * x->n + k] * x->trial[k];
        x->trial[i] /= x->factor[i * x->n + i];
    }
    for (pdm_size i = n - 1; i >= 0; i--) {
        for (pdm_size k = i + 1; k < n; k++) x->trial[i] -= x->factor[k * x->n + i] * x->trial[k];
        x->trial[i] /= x->factor[i * x->n + i];
    }
    return true;
}

/* Towards trial as far as nothing becomes negative; what becomes zero leaves. false: all the way. */
static bool step_inside(nnls *x, double *w)
{
    double   far  = 1.0;
    pdm_size kept = 0;
    for (pdm_size i = 0; i < x->n_in; i++) {
        const double from = w[x->in[i]];
        if (x->trial[i] <= 0.0 && from / (from - x->trial[i]) < far) far = from / (from - x->trial[i]);
    }
    for (pdm_size i = 0; i < x->n_in; i++) {
        const int32_t k = x->in[i];
        w[k] += far * (x->trial[i] - w[k]);
        if (far < 1.0 && w[k] <= 1e-14)
            w[k] = 0.0;
        else
            x->in[kept++] = k;
    }
    const bool left = kept < x->n_in;
    x->n_in         = kept;
    return left;
}

/* What falls fastest and is zero; -1: nothing does. */
static int32_t steepest(const nnls *x, const double *w)
{
    int32_t best = -1;
    double  most = 1e-10;
    for (int32_t i = 0; i < (int32_t)x->n; i++) {
        double fall = x->right[i];
        if (w[i] > 0.0) continue;
        for (pdm_size j = 0; j < x->n; j++) fall -= x->gram[i * x->n + j] * w[j];
        fall /= sqrt(x->gram[i * x->n + i]) + 1e-300;
        if (fall > most) {
            most = fall;
            best = i;
        }
    }
    return best;
}

pdm_status nnls_solve(pdm_context *ctx, pdm_size n, pdm_size most, double *gram, double *right, double *w)
{
    pdm_status status = PDM_OK;
    nnls       x      = {.n = n, .gram = gram, .right = right};

    PDM_TRY(pdm_alloc_array(ctx, n, &x.in));
    PDM_TRY(pdm_alloc_array(ctx, n * n, &x.factor));
    PDM_TRY(pdm_alloc_array(ctx, n, &x.trial));
    for (pdm_size i = 0; i < n; i++) w[i] = 0.0;
    for (pdm_size turn = 0; turn < 3 * n && x.n_in < most; turn++) {
        const int32_t more = steepest(&x, w);
        if (more < 0) break;
        x.in[x.n_in++] = more;
        for (bool left = true; left && x.n_in > 0;) {
            if (!solve_inside(&x)) { /* depends on the others: without it */
                x.n_in--;
                goto done;
            }
            left = step_inside(&x, w);
        }
    }
done:
    pdm_free(ctx, x.in);
    pdm_free(ctx, x.factor);
    pdm_free(ctx, x.trial);
    return status;
}
