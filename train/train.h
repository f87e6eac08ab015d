/* Training: steps, the loop with its files, the optimiser, a verdict on what it has come to, and the check of its
 * gradient. Public calls are in pdemoe/pdemoe.h. */
#ifndef PDM_TRAIN_H
#define PDM_TRAIN_H

#include "model/model.h"

/* What one step says of itself. Of a gate: NaN without one. */
typedef struct pdm_step_report {
    double loss, loss_first, loss_last; /* means of the first steps of the model, and of the last ones of this run */
    double gradient, rate;
    double solves, iterations,
        failed;          /* solves; their mean; how many failed, with a loss on data also those without derivative */
    double failed_share; /* of the solves of all steps so far; NaN: not known */
    double seconds, seconds_data, seconds_network, seconds_solve, seconds_adjoint, seconds_backward, seconds_gate,
        seconds_update;
    double gate_unknowns, gate_null, gate_load, gate_distance, gate_price;
} pdm_step_report;

/* PDM_ERR_NUMERIC when the loss is not finite, or no sample has one; then the weights are those of before. */
pdm_status pdm_train_step(pdm_model *m, pdm_step_report *out);
/* Mean loss (of a march: geometric mean) of the samples of `among` whose solve converged, at the present weights, for
 * the inputs of `step`; with gradient also the adjoint: the first *n_good of m->good. PDM_ERR_NUMERIC when there is
 * none. */
pdm_status pdm_train_loss(pdm_model *m, pdm_size step, pdm_batch among, bool gradient, pdm_size *n_good,
                          pdm_step_report *report);

/* What a training has come to (train/verdict.c). */
typedef struct pdm_verdict {
    double
        loss_free;  /* of the inputs of the last step with all coefficients free: the best network's; NaN: not known */
    double seconds; /* that it took */
} pdm_verdict;
/* loss_free is NaN when it takes more than about so many seconds, or more than PDM_FREE_CHEAP coefficients, or the loss
 * is not the objective alone. After a step. */
pdm_verdict pdm_train_verdict(pdm_model *m, double seconds);

#endif
