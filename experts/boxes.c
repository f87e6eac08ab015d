/* Boxes of control points, one an expert: equal ones, or of equal difficulty. docs/mathematics.md, "Experts". */
#include "experts/experts_impl.h"

void boxes_equal(pdm_size n_dim, const pdm_size *n_coef, const pdm_size *along, experts_box *box)
{
    pdm_size n = 1;
    for (pdm_size j = 0; j < n_dim; j++) n *= along[j];
    for (pdm_size e = 0; e < n; e++) {
        pdm_size rest = e;
        for (pdm_size j = n_dim - 1; j >= 0; j--) {
            const pdm_size k = rest % along[j];
            box[e].low[j]    = (double)n_coef[j] * (double)k / (double)along[j];
            box[e].high[j]   = (double)n_coef[j] * (double)(k + 1) / (double)along[j];
            rest /= along[j];
        }
    }
}

void boxes_from_bounds(pdm_size n_dim, pdm_size n_expert, const int64_t *bounds, experts_box *box)
{
    for (pdm_size e = 0; e < n_expert; e++)
        for (pdm_size j = 0; j < n_dim; j++) {
            box[e].low[j]  = (double)bounds[(e * n_dim + j) * 2];
            box[e].high[j] = (double)bounds[(e * n_dim + j) * 2 + 1];
        }
}
