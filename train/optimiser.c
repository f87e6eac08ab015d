/* Adam with a cosine schedule; gradients are cut at a multiple of their running mean norm, which needs no knowledge of
 * the loss's scale. */
#include "train/train.h"

#include <math.h>

#include "train/train_impl.h"

static const double BETA1 = 0.9, BETA2 = 0.999, EPSILON = 1e-8;
static const double NORM_MEMORY = 0.95; /* of the running mean */

/* Two cosines, one after the other, where a guess learns from solutions first. */
static double learning_rate(const pdm_training_settings *t, pdm_size step)
{
    const double   pi      = 3.14159265358979323846;
    const bool     guesses = step < t->guess_steps;
    const pdm_size first   = guesses || t->guess_steps < t->warmup ? t->warmup : t->guess_steps,
                   last    = guesses ? t->guess_steps : t->steps;
    if (step < t->warmup) return t->learning_rate * (double)(step + 1) / (double)t->warmup;
    const double run = last > first ? (double)(step - first) / (double)(last - first) : 1.0;
    const double cut = run < 1.0 ? run : 1.0;
    return t->learning_rate * (t->final_rate + (1.0 - t->final_rate) * 0.5 * (1.0 + cos(pi * cut)));
}

double optimiser_rate(const pdm_model *m, double start)
{
    pdm_training_settings own = m->whole->training;
    own.learning_rate         = start;
    return learning_rate(&own, m->state.step);
}

pdm_status optimiser_step(pdm_model *m, bool *finite, pdm_step_report *report)
{
    pdm_status     status = PDM_OK;
    pdm_backend   *b      = m->problem->backend;
    pdm_surrogate *net    = m->surrogate;
    double         square;

    *finite = false;
    PDM_TRY(b->ops->norm2_f32(b, net->n_parameter, net->g_parameters, &square));
    if (!isfinite(square)) goto done;
    /* a loss can be of any size: Adam gets the gradient of its logarithm, far above EPSILON */
    const double unit = report->loss > 0.0 ? 1.0 / report->loss : 1.0, norm = unit * sqrt(square);
    if (m->state.norm_mean == 0.0) m->state.norm_mean = norm;
    const double   most = m->whole->training.clip * m->state.norm_mean, scale = norm > most ? most / norm : 1.0;
    const pdm_adam adam = {.n              = net->n_parameter,
                           .step           = m->state.step - m->state.moments_since + 1,
                           .learning_rate  = learning_rate(&m->whole->training, m->state.step),
                           .beta1          = BETA1,
                           .beta2          = BETA2,
                           .epsilon        = EPSILON,
                           .gradient_scale = unit * scale};
    PDM_TRY(b->ops->adam_f32(b, &adam, net->g_parameters, m->state.adam_m, m->state.adam_v, net->parameters));
    m->state.moments_empty = false;
    if (norm > 0.0) /* a step in which all experts are null says nothing of gradients */
        m->state.norm_mean = NORM_MEMORY * m->state.norm_mean + (1.0 - NORM_MEMORY) * norm * scale;
    report->gradient = norm;
    report->rate     = adam.learning_rate;
    *finite          = true;
done:
    return status;
}
