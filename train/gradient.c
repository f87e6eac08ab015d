/* Taylor test of the whole chain: loss by network weights, through basis, solve, adjoint and back. */
#include "train/train.h"

#include <math.h>
#include <string.h>

#include "train/train_impl.h"

enum { STEPS = 12, FITTED = 4, N_NOISE = 3, DIRECTIONS = 4 };

static const double NOISE_STEP  = 1e-7,
                    ABOVE_NOISE = 20.0; /* steps of a few FP32 roundings; what counts as far above them */

/* Random direction over the weights, each tensor's part as long as `size` times the tensor itself (or its usual size). */
static void draw_direction(const pdm_surrogate *net, const float *weight, double size, int number, double *direction)
{
    for (pdm_size t = 0; t < net->n_tensor; t++) {
        const pdm_tensor_info *info = &net->tensor[t];
        double                 norm = 0.0, length = 0.0;
        for (pdm_size i = info->offset; i < info->offset + info->n; i++) {
            direction[i] = pdm_random_normal((pdm_random_key){7, PDM_RANDOM_CHECK, (uint64_t)number}, (uint64_t)i);
            norm += direction[i] * direction[i];
            length += (double)weight[i] * weight[i];
        }
        const double scale = size * (length > 0.0 ? sqrt(length / norm) : 0.1);
        for (pdm_size i = info->offset; i < info->offset + info->n; i++) direction[i] *= scale;
    }
}

static pdm_status loss_at(pdm_model *m, const float *weight, const double *direction, double h, double *loss,
                          double *moved_along)
{
    pdm_status     status = PDM_OK;
    pdm_backend   *b      = m->backend;
    pdm_surrogate *net    = m->surrogate;
    void          *host = NULL, *g = NULL;

    PDM_TRY(b->ops->acquire(b, net->parameters, PDM_WRITE, &host));
    PDM_TRY(b->ops->acquire(b, net->g_parameters, PDM_READ, &g));
    *moved_along = 0.0;
    for (pdm_size i = 0; i < net->n_parameter; i++) {
        float *p = (float *)host + i;
        *p       = (float)((double)weight[i] + h * direction[i]);
        *moved_along += ((double)*p - (double)weight[i]) * (double)((float *)g)[i]; /* as rounded to FP32 */
    }
    PDM_TRY(b->ops->release(b, net->parameters, &host));
    PDM_TRY(b->ops->release(b, net->g_parameters, &g));
    PDM_TRY(pdm_model_loss(m, m->step, false, loss));
done:
    if (host) (void)b->ops->release(b, net->parameters, &host);
    if (g) (void)b->ops->release(b, net->g_parameters, &g);
    return status;
}

/* Least squares slope of log2(rest) over FITTED halvings. */
static double fit_slope(const double *rest)
{
    double sx = 0.0, sy = 0.0, sxx = 0.0, sxy = 0.0;
    for (int k = 0; k < FITTED; k++) {
        const double x = -k, y = log2(rest[k]);
        sx += x;
        sy += y;
        sxx += x * x;
        sxy += x * y;
    }
    return (FITTED * sxy - sx * sy) / (FITTED * sxx - sx * sx);
}

/* What is left of the first-order model at step h, the root mean square over directions d and -d: with both signs the terms
 * of third order cannot cancel those of second order at some h and spoil the slope. directions [DIRECTIONS][n_parameter] */
static pdm_status rest_at(pdm_model *m, const float *weight, const double *directions, double h, double base,
                          double *rest)
{
    pdm_status status = PDM_OK;
    double     sum    = 0.0;
    for (int k = 0; k < 2 * DIRECTIONS; k++) {
        double loss = 0.0, along = 0.0;
        PDM_TRY(loss_at(m, weight, directions + (k / 2) * m->surrogate->n_parameter, k % 2 ? -h : h, &loss, &along));
        sum += (loss - base - along) * (loss - base - along);
    }
    *rest = sqrt(sum / (2 * DIRECTIONS));
done:
    return status;
}

/* Rests at h = 1, 1/2, ...; the slope is fitted over the smallest steps whose rests are all far above the noise that FP32
 * weights and the solver's tolerance leave, which tiny steps measure. */
static pdm_status taylor_table(pdm_model *m, const float *weight, const double *directions, double base, pdm_text *text,
                               double *slope)
{
    pdm_status status = PDM_OK;
    double     rest[STEPS], noise = 0.0, h = 1.0;
    int        last = 0;

    for (int k = 0; k < N_NOISE; k++) {
        double r;
        PDM_TRY(rest_at(m, weight, directions, NOISE_STEP * (k + 1), base, &r));
        noise = fmax(noise, r);
    }
    PDM_TRY(
        pdm_text_append(text, "loss %.10e, noise %.1e\n%-12s %-14s %s\n", base, noise, "step h", "|rest|", "ratio"));
    for (int k = 0; k < STEPS; k++, h *= 0.5) {
        PDM_TRY(rest_at(m, weight, directions, h, base, &rest[k]));
        PDM_TRY(pdm_text_append(text, "%-12.5g %-14.5e", h, rest[k]));
        if (k) PDM_TRY(pdm_text_append(text, " %.3f", rest[k - 1] / rest[k]));
        PDM_TRY(pdm_text_append(text, "\n"));
        if (rest[k] > ABOVE_NOISE * noise && last == k) last = k + 1;
    }
    *slope = last >= FITTED ? fit_slope(rest + last - FITTED) : NAN;
    if (last >= FITTED)
        PDM_TRY(pdm_text_append(text, "slope %.3f over h = %g to %g (2 is right, 1 is a wrong gradient)\n", *slope,
                                pow(0.5, last - FITTED), pow(0.5, last - 1)));
    else
        PDM_TRY(pdm_text_append(text, "no slope: the rests are too close to the noise\n"));
done:
    return status;
}

pdm_status pdm_model_check_gradient(pdm_model *m, double *slope, pdm_sink sink, void *user)
{
    pdm_status     status     = PDM_OK;
    pdm_surrogate *net        = m ? m->surrogate : NULL;
    float         *weight     = NULL;
    double        *directions = NULL, base;
    void          *host       = NULL;
    pdm_text       text       = {0};
    bool           saved      = false;

    if (!m || !slope) return PDM_ERR_ARGUMENT;
    text.ctx = m->ctx;
    PDM_TRY(pdm_alloc_array(m->ctx, net->n_parameter, &weight));
    PDM_TRY(pdm_alloc_array(m->ctx, DIRECTIONS * net->n_parameter, &directions));
    PDM_TRY(m->backend->ops->acquire(m->backend, net->parameters, PDM_READ, &host));
    memcpy(weight, host, (size_t)net->n_parameter * sizeof *weight);
    saved = true;
    PDM_TRY(m->backend->ops->release(m->backend, net->parameters, &host));
    for (int k = 0; k < DIRECTIONS; k++) draw_direction(net, weight, 0.08, k, directions + k * net->n_parameter);
    pdm_solver_set_limits(m->solver, 1e-12, 500);
    PDM_TRY(pdm_model_loss(m, m->step, true, &base));
    PDM_TRY(taylor_table(m, weight, directions, base, &text, slope));
    if (sink) sink(user, text.data);
done:
    if (host) (void)m->backend->ops->release(m->backend, net->parameters, &host);
    if (saved && m->backend->ops->acquire(m->backend, net->parameters, PDM_WRITE, &host) == PDM_OK) {
        memcpy(host, weight, (size_t)net->n_parameter * sizeof *weight);
        (void)m->backend->ops->release(m->backend, net->parameters, &host);
    }
    if (m) {
        pdm_free(m->ctx, weight);
        pdm_free(m->ctx, directions);
    }
    pdm_text_destroy(&text);
    return status;
}
