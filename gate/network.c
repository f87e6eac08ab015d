/* The gate's network. */
#include "gate/gate.h"

#include <math.h>

struct pdm_gate_net {
    pdm_context *ctx;
    pdm_size     n_in, n_hidden, n_choice, n_row;
    pdm_weights  weights;
    double      *W0, *b0, *W1, *b1; /* of weights: [n_hidden][n_in], [n_hidden], [n_choice][n_hidden], [n_choice] */
    double      *hidden;            /* [n_row][n_hidden] of the last forward                                      */
    double      *g_hidden;          /* [n_hidden]                                                                */
};

pdm_status pdm_gate_net_create(pdm_context *ctx, pdm_size n_in, pdm_size n_hidden, pdm_size n_choice, pdm_size n_row,
                               uint64_t seed, pdm_gate_net **out)
{
    pdm_status           status = PDM_OK;
    pdm_gate_net        *g      = NULL;
    const pdm_random_key key    = {seed, PDM_RANDOM_WEIGHTS, UINT64_C(1) << 32}; /* behind the surrogate's tensors */

    PDM_TRY(pdm_alloc(ctx, sizeof *g, &g));
    g->ctx      = ctx;
    g->n_in     = n_in;
    g->n_hidden = n_hidden;
    g->n_choice = n_choice;
    g->n_row    = n_row;
    PDM_TRY(pdm_weights_create(ctx, n_hidden * (n_in + 1) + n_choice * (n_hidden + 1), &g->weights));
    PDM_TRY(pdm_alloc_array(ctx, n_row * n_hidden, &g->hidden));
    PDM_TRY(pdm_alloc_array(ctx, n_hidden, &g->g_hidden));
    g->W0 = g->weights.parameter;
    g->b0 = g->W0 + n_hidden * n_in;
    g->W1 = g->b0 + n_hidden;
    g->b1 = g->W1 + n_choice * n_hidden;
    for (pdm_size i = 0; i < n_hidden * n_in; i++) g->W0[i] = pdm_random_normal(key, (uint64_t)i) / sqrt((double)n_in);
    *out = g;
    g    = NULL;
done:
    pdm_gate_net_destroy(&g);
    return status;
}

void pdm_gate_net_destroy(pdm_gate_net **gate)
{
    if (!gate || !*gate) return;
    pdm_gate_net *g = *gate;
    pdm_weights_destroy(g->ctx, &g->weights);
    pdm_free(g->ctx, g->hidden);
    pdm_free(g->ctx, g->g_hidden);
    pdm_free(g->ctx, g);
    *gate = NULL;
}

static void forward_row(const pdm_gate_net *g, const double *x, double *hidden, double *p)
{
    double most = -INFINITY, sum = 0.0;
    for (pdm_size h = 0; h < g->n_hidden; h++) {
        double z = g->b0[h];
        for (pdm_size i = 0; i < g->n_in; i++) z += g->W0[h * g->n_in + i] * x[i];
        hidden[h] = tanh(z);
    }
    for (pdm_size k = 0; k < g->n_choice; k++) {
        p[k] = g->b1[k];
        for (pdm_size h = 0; h < g->n_hidden; h++) p[k] += g->W1[k * g->n_hidden + h] * hidden[h];
        most = p[k] > most ? p[k] : most;
    }
    for (pdm_size k = 0; k < g->n_choice; k++) {
        p[k] = exp(p[k] - most);
        sum += p[k];
    }
    for (pdm_size k = 0; k < g->n_choice; k++) p[k] /= sum;
}

void pdm_gate_net_forward(pdm_gate_net *g, pdm_size first, pdm_size n, const double *x, double *p)
{
    PDM_ASSERT(first + n <= g->n_row);
    for (pdm_size i = 0; i < n; i++)
        forward_row(g, x + i * g->n_in, g->hidden + (first + i) * g->n_hidden, p + i * g->n_choice);
}

static void backward_row(pdm_gate_net *g, const double *x, const double *hidden, const double *g_score)
{
    double *g_W0 = g->weights.gradient, *g_b0 = g_W0 + g->n_hidden * g->n_in, *g_W1 = g_b0 + g->n_hidden,
           *g_b1 = g_W1 + g->n_choice * g->n_hidden;
    for (pdm_size h = 0; h < g->n_hidden; h++) g->g_hidden[h] = 0.0;
    for (pdm_size k = 0; k < g->n_choice; k++) {
        g_b1[k] += g_score[k];
        for (pdm_size h = 0; h < g->n_hidden; h++) {
            g_W1[k * g->n_hidden + h] += g_score[k] * hidden[h];
            g->g_hidden[h] += g_score[k] * g->W1[k * g->n_hidden + h];
        }
    }
    for (pdm_size h = 0; h < g->n_hidden; h++) {
        const double g_z = g->g_hidden[h] * (1.0 - hidden[h] * hidden[h]);
        g_b0[h] += g_z;
        for (pdm_size i = 0; i < g->n_in; i++) g_W0[h * g->n_in + i] += g_z * x[i];
    }
}

void pdm_gate_net_backward(pdm_gate_net *g, pdm_size first, pdm_size n, const double *x, const double *g_score)
{
    for (pdm_size i = 0; i < n; i++)
        backward_row(g, x + i * g->n_in, g->hidden + (first + i) * g->n_hidden, g_score + i * g->n_choice);
}

void pdm_gate_net_softmax_backward(pdm_size n_choice, const double *p, const double *g_p, double *g_score)
{
    double mean = 0.0;
    for (pdm_size k = 0; k < n_choice; k++) mean += p[k] * g_p[k];
    for (pdm_size k = 0; k < n_choice; k++) g_score[k] += p[k] * (g_p[k] - mean);
}

pdm_weights pdm_gate_net_lend(pdm_gate_net *g)
{
    return g->weights;
}

bool pdm_gate_net_update(pdm_gate_net *g, pdm_size step, double rate)
{
    return pdm_weights_update(&g->weights, step, rate);
}
