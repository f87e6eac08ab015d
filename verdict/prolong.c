/* Knot insertion: a spline's coefficients on a grid that holds its own. The matrix of a dimension is found once, from
 * values of the coarse functions at the Greville points of the fine ones, which the fine spline interpolates exactly. */
#include "verdict/verdict.h"

#include <math.h>
#include <string.h>

#include "verdict/verdict_impl.h"

static const double ZERO = 1e-13; /* weights below that are rounding: they add up to 1 */

/* weight [n_to][n_from]: values of the functions of `from` at the Greville points of `to`. */
static void coarse_values(const pdm_spline *from, const pdm_spline *to, double *weight)
{
    double basis[PDM_MAX_DEGREE + 1];
    for (pdm_size i = 0; i < to->n_coef; i++) {
        const pdm_size e = pdm_spline_element(from, to->greville[i]);
        pdm_spline_basis(from, e, to->greville[i], 1, basis);
        for (pdm_size k = 0; k <= from->degree; k++) weight[i * from->n_coef + (e + k) % from->n_coef] += basis[k];
    }
}

static pdm_status create_dim(pdm_context *ctx, const pdm_spline *from, const pdm_spline *to, pdm_size dim,
                             prolongation *p)
{
    pdm_status status = PDM_OK;
    double    *values = NULL;

    PDM_TRY(pdm_alloc_array(ctx, to->n_coef * from->n_coef, &values));
    PDM_TRY(pdm_alloc_array(ctx, to->n_coef * from->n_coef, &p->weight[dim]));
    PDM_TRY(pdm_alloc_array(ctx, to->n_coef, &p->first[dim]));
    PDM_TRY(pdm_alloc_array(ctx, to->n_coef, &p->last[dim]));
    coarse_values(from, to, values);
    for (pdm_size k = 0; k < from->n_coef; k++)
        pdm_spline_interpolate(to, values + k, from->n_coef, p->weight[dim] + k, from->n_coef);
    for (pdm_size i = 0; i < to->n_coef; i++) {
        const double *row = p->weight[dim] + i * from->n_coef;
        pdm_size      a = 0, b = from->n_coef - 1;
        while (a < b && fabs(row[a]) < ZERO) a++;
        while (b > a && fabs(row[b]) < ZERO) b--;
        p->first[dim][i] = a;
        p->last[dim][i]  = b;
    }
done:
    pdm_free(ctx, values);
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
        pdm_free(ctx, p->last[j]);
    }
    for (int i = 0; i < 2; i++) pdm_free(ctx, p->work[i]);
    *p = (prolongation){0};
}

/* One dimension: in [outer][n_from][inner] to out [outer][n_to][inner]. */
static void apply_dim(const prolongation *p, pdm_size dim, pdm_size outer, pdm_size inner, const double *in,
                      double *out)
{
    const pdm_size n_from = pdm_domain_spline(p->from, dim)->n_coef, n_to = pdm_domain_spline(p->to, dim)->n_coef;

    memset(out, 0, (size_t)(outer * n_to * inner) * sizeof *out);
    for (pdm_size o = 0; o < outer; o++)
        for (pdm_size i = 0; i < n_to; i++) {
            double *to = out + (o * n_to + i) * inner;
            for (pdm_size k = p->first[dim][i]; k <= p->last[dim][i]; k++) {
                const double  w    = p->weight[dim][i * n_from + k];
                const double *from = in + (o * n_from + k) * inner;
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
