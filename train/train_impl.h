/* Inside of train/. */
#ifndef PDM_TRAIN_IMPL_H
#define PDM_TRAIN_IMPL_H

#include "train/train.h"

/* optimiser.c: a step of Adam on the network, for report->loss; *finite: false where its gradient is not, and nothing was
 * done. Sets gradient and rate of the report. */
pdm_status optimiser_step(pdm_model *m, bool *finite, pdm_step_report *report);
/* The present rate of something that starts at `start` and falls like the network's. */
double optimiser_rate(const pdm_model *m, double start);
/* guess.c: is this one of the steps that learn from solutions? One such step. */
bool       guess_learns(const pdm_model *m);
pdm_status guess_step(pdm_model *m, pdm_step_report *report);
/* Once the guess is there: do columns still want solutions? Those of one batch of inputs more. */
bool       guess_wants_solutions(const pdm_model *m);
pdm_status guess_solve_more(pdm_model *m);
/* Columns from solutions, where the experts want them and have none. */
pdm_status guess_columns(pdm_model *m);
/* Of the guess in m->basis for samples m->pick of the pool: squares of what it is off by, relative to the mean of the
 * solutions' over the pool, mean over samples and fields, the samples of this part onto *loss; its gradient into
 * m->g_basis. */
pdm_status guess_loss(pdm_model *m, double *loss);
/* misfit.c: 1/2 mean over points and fields of ((u - d)/magnitude)^2, sample by sample, into m->misfit_of; factor times
 * its cotangent by c into m->g_c. u: fields of the present answer, d: those of training:data. */
pdm_status misfit_find(pdm_model *m, pdm_batch good, double factor);
/* loss.c: loss and gradient of the step that is next; *n_good: good samples of the last part, the first of m->good. */
pdm_status loss_of_step(pdm_model *m, pdm_size *n_good, pdm_step_report *r);
/* PDM_ERR_NUMERIC with the message, and where the equations are singular in the batch, if they are. */
pdm_status loss_fail_singular(pdm_model *m, pdm_batch batch, const char *format, ...) PDM_PRINTF(3, 4);
/* The time since *from, which moves on. */
double time_since(double *from);
/* Sums over ranks: the network's gradient, and that of windows; any: is there something of this rank? */
pdm_status loss_sum_gradients(pdm_model *m, bool any);
/* The network's gradient of samples of this part, from m->g_basis, onto m->g_sum (in place of what is there:
 * more = false), chunk by chunk; then factor times all of it where the optimiser reads it. */
pdm_status loss_add_gradient(pdm_model *m, pdm_batch batch, bool more);
pdm_status loss_take_gradient(pdm_model *m, double factor);
/* Geometric mean of the objectives of a batch: the loss of a march. */
double loss_geometric_mean(pdm_batch batch, const pdm_solve_result *result);
/* verdict.c: takes in the loss of the step that was just done. */
void verdict_step(pdm_model *m, pdm_step_report *report);
/* numbers.c: a step's numbers by name, for pdm_model_value(); for the log file, those that it has: gate:
 * also the gate's. */
void step_values(pdm_model *m, const pdm_step_report *r);
enum { LOGGED_MOST = 16 };
typedef struct logged_number {
    const char *name;
    double      value;
} logged_number;
pdm_size step_logged(const pdm_step_report *r, bool gate, logged_number out[LOGGED_MOST]);

#endif
