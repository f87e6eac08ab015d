/* The gate's network: from what an expert sees to probabilities of choices. One hidden layer, the same for all experts:
 *     p = softmax(W_1 tanh(W_0 x + b_0) + b_1)
 * FP64, on the host: it has a few hundred weights, and what it decides is needed there. W_1 and b_1 start at zero, so that all
 * choices are as probable as each other. docs/mathematics.md, "Gate". */
#ifndef PDM_GATE_H
#define PDM_GATE_H

#include "core/core.h"

typedef struct pdm_gate pdm_gate;

/* For up to n_row rows (experts of samples) of n_in numbers, n_choice choices. Weights are drawn from seed. */
pdm_status pdm_gate_create(pdm_context *ctx, pdm_size n_in, pdm_size n_hidden, pdm_size n_choice, pdm_size n_row,
                           uint64_t seed, pdm_gate **out);
void       pdm_gate_destroy(pdm_gate **g);

/* p [n][n_choice] from x [n][n_in]; what backward needs of row i is kept in place i. */
void pdm_gate_forward(pdm_gate *g, pdm_size first, pdm_size n, const double *x, double *p);
/* Adds to the gradient, of rows first .. first+n-1; g_score [n][n_choice]: cotangents of the scores before softmax. */
void pdm_gate_backward(pdm_gate *g, pdm_size first, pdm_size n, const double *x, const double *g_score);
/* g_score += softmax' g_p of one row. */
void pdm_gate_softmax_backward(pdm_size n_choice, const double *p, const double *g_p, double *g_score);

pdm_weights pdm_gate_lend(pdm_gate *g); /* W_0, b_0, W_1, b_1, one behind the other */
/* pdm_weights_update() of these. */
bool pdm_gate_update(pdm_gate *g, pdm_size step, double rate);

#endif
