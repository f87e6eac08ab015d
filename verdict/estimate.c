/* Errors from answers on two or three grids. With d0 the distance to the finer answer, d1 that from the coarser one,
 * spans being twice as long each time: order p = log2(d1/d0), error of the middle one d0 / (1 - 2^-p). Nothing is gained
 * from a high order, by which differences may only seem to fall: beyond 1 the factor is at most 2, and goes to 1; below,
 * it grows up to MOST. From the coarser one alone d1 / (2^p - 1), with the order p in which residuals fall.
 * docs/mathematics.md, "Verdicts". */
#include "verdict/verdict.h"

#include <math.h>

#include "verdict/verdict_impl.h"

static const double MOST    = 10.0; /* of the factor                                   */
static const double UNKNOWN = 2.0;  /* the factor where there is no coarser answer     */

/* ||u - v|| / ||v||, and the larger of the norms that has the other's place where v is nothing. */
static double distance(const pdm_output_grid *grid, const double *u, const double *v)
{
    double difference = 0.0, norm = 0.0, other = 0.0;
    for (pdm_size i = 0; i < grid->n_point; i++) {
        if (!pdm_output_grid_is_inside(grid, i)) continue;
        difference += (u[i] - v[i]) * (u[i] - v[i]);
        norm += v[i] * v[i];
        other += u[i] * u[i];
    }
    if (difference == 0.0) return 0.0;
    return sqrt(difference / (norm > 1e-24 * other ? norm : other));
}

static double factor_of(double order, double most_order)
{
    if (isnan(order)) return UNKNOWN;
    const double factor = 1.0 / (1.0 - pow(2.0, -fmin(order, most_order)));
    return order > 0.0 && factor < MOST ? factor : MOST;
}

void estimate_error(const pdm_output_grid *grid, const double *u, const double *finer, const double *coarser,
                    double most_order, pdm_assessment *out)
{
    const pdm_size n = grid->n_point;

    out->worst = 0.0;
    out->order = NAN;
    for (pdm_size f = 0; f < pdm_domain_n_field(grid->problem->domain); f++) {
        const double d0    = distance(grid, u + f * n, finer + f * n);
        const double order = coarser && d0 > 0.0 ? log2(distance(grid, coarser + f * n, u + f * n) / d0) : NAN;
        out->estimate[f]   = d0 * factor_of(order, most_order);
        if (out->estimate[f] <= out->worst && f > 0) continue; /* NaN is taken */
        out->worst = out->estimate[f];
        out->order = order;
    }
}

void estimate_by_coarser(const pdm_output_grid *grid, const double *u, const double *coarser, double order,
                         double most_order, pdm_assessment *out)
{
    const pdm_size n = grid->n_point;

    out->worst = 0.0;
    out->order = order;
    for (pdm_size f = 0; f < pdm_domain_n_field(grid->problem->domain); f++) {
        out->estimate[f] = distance(grid, coarser + f * n, u + f * n) / (pow(2.0, fmin(order, most_order)) - 1.0);
        if (!(out->estimate[f] <= out->worst)) out->worst = out->estimate[f];
    }
}
