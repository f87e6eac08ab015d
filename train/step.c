/* One training step: loss and gradient, and the update of all that has weights. */
#include "train/train.h"

#include <math.h>

#include "train/train_impl.h"

/* Steps of all that has weights: network, gate, windows. */
static pdm_status update(pdm_model *m, pdm_batch good, pdm_step_report *report)
{
    pdm_status status = PDM_OK;
    double     clock  = pdm_clock();
    bool       finite = false;

    PDM_TRY(pdm_model_gate_learn(m, good, report->loss, &report->gate_distance));
    report->seconds_gate = time_since(&clock);
    PDM_TRY(pdm_model_windows_learn(m, report->loss));
    PDM_TRY(optimiser_step(m, &finite, report));
    if (!finite)
        PDM_TRY(loss_fail_singular(m, pdm_model_batch(m, m->n_now),
                                   "the gradient of the network's weights is not finite (loss %g)", report->loss));
    if (m->gate) {
        const double        start = pdm_routing_get_settings(m->gate->routing)->learning_rate;
        const pdm_gate_time now   = {m->state.step, m->state.moments_since, optimiser_rate(m, start)};
        report->gate_price        = pdm_gate_update(m->gate, good, pdm_model_batch(m, m->n_now), now, &m->load);
    }
    PDM_TRY(pdm_model_windows_update(m, optimiser_rate(m, pdm_experts_learning_rate(m->experts))));
    m->state.step++;
    report->seconds_update = time_since(&clock);
done:
    return status;
}

/* A step on the equations, through the solve. */
static pdm_status solved_step(pdm_model *m, pdm_step_report *r)
{
    pdm_status status = PDM_OK;
    pdm_size   n_good = 0;

    pdm_solver_set_limits(m->solver, m->whole->training.tolerance, m->whole->training.max_iter);
    PDM_TRY(loss_of_step(m, &n_good, r));
    PDM_TRY(update(m, (pdm_batch){.n = n_good, .index = m->good}, r));
    if (pdm_model_n_slab(m) > 1) pdm_model_carried(m);
    verdict_step(m, r);
done:
    return status;
}

pdm_status pdm_train_step(pdm_model *m, pdm_step_report *out)
{
    pdm_status      status = PDM_OK;
    const double    start  = pdm_clock();
    pdm_step_report r      = {.loss = NAN, .gate_distance = NAN, .gate_price = NAN};

    pdm_cubature_destroy(&m->cubature); /* was of other weights */
    PDM_TRY(guess_columns(m));
    PDM_TRY(guess_learns(m) ? guess_step(m, &r) : solved_step(m, &r));
    r.seconds = pdm_clock() - start;
    *out      = r;
done:
    if (status != PDM_OK)
        pdm_error_note(m->ctx, "in training step %lld; the weights are those of the step before",
                       (long long)m->state.step);
    return status;
}

pdm_status pdm_model_train_step(pdm_model *m)
{
    pdm_status      status = PDM_OK;
    pdm_step_report r;

    if (!m) return PDM_ERR_ARGUMENT;
    PDM_TRY(pdm_train_step(m, &r));
    step_values(m, &r);
done:
    return pdm_ranks_end(m->ctx, status);
}
