/* The model: everything joined. Public calls are in pdemoe/pdemoe.h (pdm_model_*, pdm_case_describe); this header is for
 * tests and benchmarks, which look inside. */
#ifndef PDM_TRAIN_H
#define PDM_TRAIN_H

#include "implicit_diff/implicit_diff.h"
#include "surrogate/surrogate.h"

/* ---- distributions of inputs: "uniform(a, b)", "normal(mean, deviation)", "list(a, b, ...)" (train/distribution.c) ---- */
typedef enum pdm_distribution_kind {
    PDM_DISTRIBUTION_NONE,
    PDM_DISTRIBUTION_UNIFORM,
    PDM_DISTRIBUTION_NORMAL,
    PDM_DISTRIBUTION_LIST
} pdm_distribution_kind;
enum { PDM_LIST_MOST = 64 };
typedef struct pdm_distribution {
    pdm_distribution_kind kind;
    pdm_size              n;                    /* numbers in value                                         */
    double                value[PDM_LIST_MOST]; /* low, high; mean, deviation; the list                 */
} pdm_distribution;
pdm_status pdm_distribution_parse(pdm_context *ctx, const char *text, pdm_where where, pdm_distribution *out);
double     pdm_distribution_draw(const pdm_distribution *d, pdm_random_key key, uint64_t index);
/* Centre, and half the width (deviation for normal); 1 where the width is zero. */
void pdm_distribution_spread(const pdm_distribution *d, double *centre, double *width);

/* ---- looking inside ---- */
pdm_backend      *pdm_model_backend(pdm_model *m);
pdm_solver       *pdm_model_solver(pdm_model *m);
pdm_surrogate    *pdm_model_surrogate(pdm_model *m);
const pdm_domain *pdm_model_domain(const pdm_model *m);
/* Loss of the mean over the present batch at the present weights, and its gradient into the surrogate's g_parameters when
 * wanted; draws the inputs of `step`. The building block of train steps and gradient checks. */
pdm_status pdm_model_loss(pdm_model *m, pdm_size step, bool gradient, double *loss);

#endif
