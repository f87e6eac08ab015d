/* Predictions and losses of models, in a call, for the suites of model/ and above. */
#ifndef PDM_TESTS_PREDICTION_H
#define PDM_TESTS_PREDICTION_H

#include "predict/predict.h"
#include "train/train.h"

/* A context on the back end that the environment names (PDM_TEST_BACKEND, set by CTest), else on the case's. */
pdm_status context_on_backend(pdm_context **out);
/* Is it that one? Tests that spoil what is read, or count allocations, leave "check" out,
 * which sees the one and makes the other. */
bool on_backend(const char *name);
/* Mean loss of the whole batch for the inputs of a step, and its gradient where wanted. */
pdm_status model_loss(pdm_model *m, pdm_size step, bool gradient, double *loss);
/* Fields on a grid (coordinate NULL: the default one), by the network's experts, or polished: u [n][n_field][points]. */
pdm_status predict_on(pdm_model *m, const pdm_size *n_coordinate, double *const *coordinate, double polish, pdm_size n,
                      const double *input, double *u, pdm_solve_result *result);

#endif
