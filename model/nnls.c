#include "model/model_impl.h"

#include <math.h>

struct nnls {
    pdm_context  *ctx;
    pdm_size      m, n, n_in, n_factored;
    const double *at, *b; /* [n][m], [m], lent                                        */
    double       *length; /* [n] of columns of A                                      */
    double       *x;      /* [n]                                                      */
    double       *rest;   /* [m] b - A x                                              */
    int32_t      *in;     /* [n_in] what may be other than zero; room for most_in()   */
    double       *factor; /* [n_in][most_in()] of that part of A^T A: n_factored rows */
    double       *trial;  /* [n_in]                                                   */
};

/* There are no more than m columns that do not depend on each other. */
static pdm_size most_in(const nnls *x)
{
    return x->m < x->n ? x->m : x->n;
}

static double dot(pdm_size n, const double *a, const double *b)
{
    double sum[4] = {0.0, 0.0, 0.0, 0.0};
    for (pdm_size i = 0; i + 4 <= n; i += 4)
        for (int l = 0; l < 4; l++) sum[l] += a[i + l] * b[i + l];
    for (pdm_size i = n / 4 * 4; i < n; i++) sum[0] += a[i] * b[i];
    return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

static const double *column(const nnls *x, pdm_size i)
{
    return x->at + i * x->m;
}

pdm_status nnls_create(pdm_context *ctx, pdm_size m, pdm_size n, const double *at, const double *b, nnls **out)
{
    pdm_status status = PDM_OK;
    nnls      *x      = NULL;

    PDM_TRY(pdm_alloc(ctx, sizeof *x, &x));
    *x = (nnls){.ctx = ctx, .m = m, .n = n, .at = at, .b = b};
    PDM_TRY(pdm_alloc_array(ctx, n, &x->length));
    PDM_TRY(pdm_alloc_array(ctx, n, &x->x));
    PDM_TRY(pdm_alloc_array(ctx, m, &x->rest));
    PDM_TRY(pdm_alloc_array(ctx, most_in(x), &x->in));
    PDM_TRY(pdm_alloc_array(ctx, most_in(x) * most_in(x), &x->factor));
    PDM_TRY(pdm_alloc_array(ctx, most_in(x), &x->trial));
    for (pdm_size i = 0; i < n; i++) x->length[i] = sqrt(dot(m, column(x, i), column(x, i)));
    for (pdm_size i = 0; i < m; i++) x->rest[i] = b[i];
    *out = x;
    x    = NULL;
done:
    nnls_destroy(&x);
    return status;
}

void nnls_destroy(nnls **x)
{
    if (!*x) return;
    pdm_context *ctx = (*x)->ctx;
    pdm_free(ctx, (*x)->length);
    pdm_free(ctx, (*x)->x);
    pdm_free(ctx, (*x)->rest);
    pdm_free(ctx, (*x)->in);
    pdm_free(ctx, (*x)->factor);
    pdm_free(ctx, (*x)->trial);
    pdm_free(ctx, *x);
    *x = NULL;
}

/* Rows of the factor that are missing; false where columns depend on each other. */
static bool factor(nnls *x)
{
    const pdm_size ld = most_in(x);
    for (; x->n_factored < x->n_in; x->n_factored++) {
        const pdm_size i   = x->n_factored;
        double        *row = x->factor + i * ld;
        for (pdm_size j = 0; j <= i; j++) {
            const double sum = dot(x->m, column(x, x->in[i]), column(x, x->in[j])) - dot(j, row, x->factor + j * ld);
            if (i == j && !(sum > 1e-12 * x->length[x->in[i]] * x->length[x->in[i]])) return false;
            row[j] = i == j ? sqrt(sum) : sum / x->factor[j * ld + j];
        }
    }
    return true;
}

/* trial = minimum over what may be other than zero. */
static void solve_inside(nnls *x)
{
    const pdm_size n = x->n_in, ld = most_in(x);
    for (pdm_size i = 0; i < n; i++)
        x->trial[i] =
            (dot(x->m, column(x, x->in[i]), x->b) - dot(i, x->factor + i * ld, x->trial)) / x->factor[i * ld + i];
    for (pdm_size i = n - 1; i >= 0; i--) {
        x->trial[i] /= x->factor[i * ld + i];
        for (pdm_size k = 0; k < i; k++) x->trial[k] -= x->factor[i * ld + k] * x->trial[i];
    }
}

/* Towards trial as far as nothing becomes negative; what becomes zero leaves. false: all the way. */
static bool step_inside(nnls *x)
{
    double   far  = 1.0;
    pdm_size kept = 0;
    for (pdm_size i = 0; i < x->n_in; i++) {
        const double from = x->x[x->in[i]];
        if (x->trial[i] <= 0.0 && from / (from - x->trial[i]) < far) far = from / (from - x->trial[i]);
    }
    for (pdm_size i = 0; i < x->n_in; i++) {
        const int32_t k = x->in[i];
        x->x[k] += far * (x->trial[i] - x->x[k]);
        if (far < 1.0 && x->x[k] <= 1e-14) {
            x->x[k] = 0.0;
            if (x->n_factored > kept) x->n_factored = kept;
        } else {
            x->in[kept++] = k;
        }
    }
    const bool left = kept < x->n_in;
    x->n_in         = kept;
    return left;
}

static void find_rest(nnls *x)
{
    for (pdm_size i = 0; i < x->m; i++) x->rest[i] = x->b[i];
    for (pdm_size k = 0; k < x->n_in; k++) {
        const double v = x->x[x->in[k]], *a = column(x, x->in[k]);
        for (pdm_size i = 0; i < x->m; i++) x->rest[i] -= v * a[i];
    }
}

/* What falls fastest and is zero; -1: nothing does. */
static int32_t steepest(const nnls *x)
{
    int32_t best = -1;
    double  most = 1e-10;
    for (int32_t i = 0; i < (int32_t)x->n; i++) {
        if (x->x[i] > 0.0 || !(x->length[i] > 0.0)) continue;
        const double fall = dot(x->m, column(x, i), x->rest) / x->length[i];
        if (fall > most) {
            most = fall;
            best = i;
        }
    }
    return best;
}

pdm_size nnls_extend(nnls *x, pdm_size most)
{
    if (most > most_in(x)) most = most_in(x);
    for (pdm_size turn = 0; turn < 3 * x->n && x->n_in < most; turn++) {
        const int32_t more = steepest(x);
        if (more < 0) break;
        x->in[x->n_in++] = more;
        for (bool left = true; left && x->n_in > 0;) {
            if (!factor(x)) { /* depends on the others: without it */
                x->n_in--;
                x->length[more] = 0.0;
                break;
            }
            solve_inside(x);
            left = step_inside(x);
        }
        find_rest(x);
    }
    return x->n_in;
}

const double *nnls_numbers(const nnls *x)
{
    return x->x;
}
