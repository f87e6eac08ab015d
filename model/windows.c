/* Learned windows of experts in training. docs/mathematics.md, "Learned windows". */
#include "model/model.h"

#include <math.h>
#include <string.h>

#include "model/model_impl.h"

pdm_status pdm_model_create_windows(pdm_model *m)
{
    const size_t bytes = (size_t)pdm_experts_n_window(m->experts) * sizeof(double);
    if (pdm_experts_logits(m->experts).n == 0) return PDM_OK;
    return m->problem->backend->ops->buffer_create(m->problem->backend, bytes, &m->g_window);
}

pdm_status pdm_model_apply_windows(pdm_model *m)
{
    if (!m->g_window) return PDM_OK;
    pdm_experts_put_windows(m->experts);
    return pdm_solver_take_windows(m->solver);
}

pdm_status pdm_model_windows_backward(pdm_model *m, pdm_batch good, bool more)
{
    pdm_status        status = PDM_OK;
    const pdm_weights logits = pdm_experts_logits(m->experts);
    void             *host   = NULL;

    if (!m->g_window) return PDM_OK;
    if (!more) memset(logits.gradient, 0, (size_t)logits.n * sizeof *logits.gradient);
    PDM_TRY(pdm_implicit_windows(m->implicit, good, m->basis, m->g_window));
    PDM_TRY(m->problem->backend->ops->acquire(m->problem->backend, m->g_window, PDM_READ, &host));
    pdm_experts_windows_backward(m->experts, host);
    PDM_TRY(m->problem->backend->ops->release(m->problem->backend, m->g_window, &host));
done:
    status = pdm_release(m->problem->backend, status, m->g_window, &host);
    return status;
}

pdm_status pdm_model_windows_learn(pdm_model *m, double loss)
{
    pdm_status        status = PDM_OK;
    const pdm_weights logits = pdm_experts_logits(m->experts);
    double            square = 0.0;

    if (!m->g_window) return PDM_OK;
    for (pdm_size i = 0; i < logits.n; i++) {
        logits.gradient[i] *= loss > 0.0 ? 1.0 / loss : 0.0;
        square += logits.gradient[i] * logits.gradient[i];
    }
    if (!isfinite(square))
        PDM_FAIL(m->ctx, PDM_ERR_NUMERIC, "the gradient of the experts' windows is not finite (loss %g)", loss);
done:
    return status;
}

pdm_status pdm_model_windows_update(pdm_model *m, double rate)
{
    const pdm_weights logits = pdm_experts_logits(m->experts);
    if (!m->g_window) return PDM_OK;
    (void)pdm_weights_update(&logits, m->state.step - m->state.moments_since + 1, rate);
    return pdm_model_apply_windows(m);
}

/* ---- file, and other models ---- */

pdm_status windows_store(pdm_model *m, pdm_store *s, bool moments, bool writing)
{
    pdm_status        status  = PDM_OK;
    const pdm_weights logits  = pdm_experts_logits(m->experts);
    const char *const name[]  = {"logits", "adam_m", "adam_v"};
    double *const     piece[] = {logits.parameter, logits.m, logits.v};

    if (!m->g_window) return PDM_OK;
    for (int i = 0; i < (moments ? 3 : 1); i++)
        PDM_TRY(pdm_store_exchange(s, writing, "experts", name[i], PDM_STORE_DOUBLE, logits.n, piece[i]));
    if (!writing) PDM_TRY(pdm_model_apply_windows(m));
done:
    return status;
}

pdm_status pdm_model_take_windows(pdm_model *m, const pdm_model *parent)
{
    pdm_status        status = PDM_OK;
    const pdm_weights to = pdm_experts_logits(m->experts), from = pdm_experts_logits(parent->experts);

    if (from.n == 0 || to.n == 0) return PDM_OK;
    if (!pdm_experts_same_logits(m->experts, parent->experts))
        PDM_FAIL(
            m->ctx, PDM_ERR_MODEL,
            "%s: its windows do not fit: %lld experts learn to share %lld control points, %lld and %lld here; the same "
            "experts and overlap, or /experts:partition = \"smooth\" or \"hard\" expected",
            pdm_model_name(parent), (long long)pdm_experts_columns(parent->experts)->n_expert,
            (long long)pdm_experts_n_shared(parent->experts), (long long)pdm_experts_columns(m->experts)->n_expert,
            (long long)pdm_experts_n_shared(m->experts));
    PDM_TRY(pdm_model_set_windows(m, from.parameter));
done:
    return status;
}

pdm_status pdm_model_set_windows(pdm_model *m, const double *logit)
{
    const pdm_weights logits = pdm_experts_logits(m->experts);
    if (logits.n == 0) return PDM_OK;
    memcpy(logits.parameter, logit, (size_t)logits.n * sizeof *logit);
    memset(logits.m, 0, (size_t)logits.n * sizeof *logits.m);
    memset(logits.v, 0, (size_t)logits.n * sizeof *logits.v);
    return pdm_model_apply_windows(m);
}
