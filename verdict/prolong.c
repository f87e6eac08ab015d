/* Knot insertion, by the Oslo algorithm (Cohen, Lyche and Riesenfeld, Computer Graphics and Image Processing 14, 1980): a
 * coefficient of the fine spline is a mean of degree + 1 of the coarse one's, with the weights of the coarse functions'
 * recursion, taken at the fine knots i+1, i+2, ... in turn. */
#include "verdict/verdict.h"

#include <string.h>

#include "verdict/verdict_impl.h"

/* Interval [knot, next) of a length that holds x. */
static pdm_size interval_of(const pdm_spline *s, double x)
{
    pdm_size low = s->degree, high = s->degree + s->n_element; /* knots there: 0 and 1 */
    while (high - low > 1) {
        const pdm_size middle = (low + high) / 2;
        if (s->knots[middle] <= x)
            low = middle;
        else
            high = middle;
    }
    return low;
}

/* weight [degree+1] of the coarse coefficients from *first on, modulo their number, in fine coefficient i. */
static void insertion_weights(const pdm_spline *from, const pdm_spline *to, pdm_size i, double *weight, pdm_size *first)
{
    const pdm_size p   = from->degree;
    const double *fine = to->knots + (to->periodic && i < p ? i + to->n_coef : i); /* the same function, inside [0,1] */
    const pdm_size mu  = interval_of(from, fine[0]);
    const double  *tau = from->knots + mu + 1;

    weight[0] = 1.0;
    for (pdm_size k = 1; k <= p; k++) {
        double saved = 0.0;
        for (pdm_size r = 0; r < k; r++) {
            const double left = tau[r - k], right = tau[r], part = weight[r] / (right - left);
            weight[r] = saved + (right - fine[k]) * part;
            saved     = (fine[k] - left) * part;
        }
        weight[k] = saved;
    }
    *first = mu - p;
}

static pdm_status create_dim(pdm_context *ctx, const pdm_spline *from, const pdm_spline *to, pdm_size dim,
                             prolongation *p)
{
    pdm_status     status = PDM_OK;
    const pdm_size n      = from->degree + 1;

    PDM_TRY(pdm_alloc_array(ctx, to->n_coef * n, &p->weight[dim]));
    PDM_TRY(pdm_alloc_array(ctx, to->n_coef, &p->first[dim]));
    for (pdm_size i = 0; i < to->n_coef; i++) insertion_weights(from, to, i, p->weight[dim] + i * n, &p->first[dim][i]);
done:
    return status;
}

pdm_status prolongation_create(const pdm_domain *from, const pdm_domain *to, prolongation *out)
{
    pdm_status     status = PDM_OK;
    pdm_context   *ctx    = pdm_domain_spline(from, 0)->ctx;
    const pdm_size n_dim  = pdm_domain_n_dim(from);
    pdm_size       most   = 1;
    prolongation   p      = {.from = from, .to = to};

    for (pdm_size j = 0; j < n_dim; j++) {
        PDM_TRY(create_dim(ctx, pdm_domain_spline(from, j), pdm_domain_spline(to, j), j, &p));
        most *= pdm_domain_spline(to, j)->n_coef;
    }
    for (int i = 0; i < 2; i++) PDM_TRY(pdm_alloc_array(ctx, most, &p.work[i]));
    *out = p;
    p    = (prolongation){0};
done:
    prolongation_destroy(ctx, &p);
    return status;
}

void prolongation_destroy(pdm_context *ctx, prolongation *p)
{
    for (pdm_size j = 0; j < PDM_MAX_DIM; j++) {
        pdm_free(ctx, p->weight[j]);
        pdm_free(ctx, p->first[j]);
    }
    for (int i = 0; i < 2; i++) pdm_free(ctx, p->work[i]);
    *p = (prolongation){0};
}

/* One dimension: in [outer][n_from][inner] to out [outer][n_to][inner]. */
static void apply_dim(const prolongation *p, pdm_size dim, pdm_size outer, pdm_size inner, const double *in,
                      double *out)
{
    const pdm_size n_from = pdm_domain_spline(p->from, dim)->n_coef, n_to = pdm_domain_spline(p->to, dim)->n_coef;
    const pdm_size n_weight = pdm_domain_spline(p->from, dim)->degree + 1;

    memset(out, 0, (size_t)(outer * n_to * inner) * sizeof *out);
    for (pdm_size o = 0; o < outer; o++)
        for (pdm_size i = 0; i < n_to; i++) {
            double *to = out + (o * n_to + i) * inner;
            for (pdm_size r = 0; r < n_weight; r++) {
                const double  w    = p->weight[dim][i * n_weight + r];
                const double *from = in + (o * n_from + (p->first[dim][i] + r) % n_from) * inner;
                for (pdm_size q = 0; q < inner; q++) to[q] += w * from[q];
            }
        }
}

void prolongation_apply(const prolongation *p, const double *from, double *to)
{
    const pdm_size n_dim = pdm_domain_n_dim(p->from);
    const double  *in    = from;

    for (pdm_size j = 0; j < n_dim; j++) {
        pdm_size outer = 1, inner = 1;
        for (pdm_size i = 0; i < j; i++) outer *= pdm_domain_spline(p->to, i)->n_coef;
        for (pdm_size i = j + 1; i < n_dim; i++) inner *= pdm_domain_spline(p->from, i)->n_coef;
        double *out = j == n_dim - 1 ? to : p->work[j % 2];
        apply_dim(p, j, outer, inner, in, out);
        in = out;
    }
}
