/* One training step: network, solve, loss, adjoint, network backward, update. */
#include "train/train.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>

#include "train/train_impl.h"

static const double NOTHING = 1e-24; /* beside objectives of which the logarithm is taken */

/* May the loss use what a solve ended with? The physics loss is phi(w) itself: wherever w is, its derivative by the
 * columns is A^T y w^T, and a step along it lowers what the next solve starts from. A loss on data is differentiated
 * through the minimum, so the solve has to be at one. */
static bool is_usable(int reason, bool physics_only)
{
    return pdm_reason_is_good(reason) ||
           (physics_only && (reason == PDM_REASON_MAX_ITER || reason == PDM_REASON_STALLED));
}

/* Samples of a batch that the loss can use, into m->good; the others are left out of loss and gradient. */
static pdm_size keep_solved(pdm_model *m, pdm_batch among, bool physics_only)
{
    const pdm_solve_result *result = pdm_solver_results(m->solver);
    pdm_size                kept   = 0;
    for (pdm_size i = 0; i < among.n; i++)
        if (is_usable(result[among.index[i]].reason, physics_only)) m->good[kept++] = among.index[i];
    return kept;
}

/* Of the first n of m->good those whose adjoint converged. */
static pdm_size keep_derived(pdm_model *m, pdm_size n)
{
    pdm_size kept = 0;
    for (pdm_size i = 0; i < n; i++)
        if (pdm_implicit_results(m->implicit)[m->good[i]].converged) m->good[kept++] = m->good[i];
    return kept;
}

/* Weights of the objective and of the misfit in the loss. */
static void loss_weights(const pdm_model *m, double *physics, double *data)
{
    *physics = m->whole->training.loss == PDM_LOSS_PHYSICS ? 1.0
               : m->whole->training.loss == PDM_LOSS_DATA  ? 0.0
                                                           : 1.0 - m->whole->training.data_weight;
    *data    = 1.0 - *physics;
}

/* Statistics of the solves, for the log. */
static void record_solves(const pdm_model *m, pdm_batch among, pdm_step_report *report)
{
    const pdm_solve_result *result = pdm_solver_results(m->solver);

    report->iterations = report->failed = 0.0;
    report->solves                      = (double)among.n;
    for (pdm_size i = 0; i < among.n; i++) {
        report->iterations += (double)result[among.index[i]].iterations / (double)among.n;
        report->failed += pdm_reason_is_good(result[among.index[i]].reason) ? 0.0 : 1.0;
    }
    report->gate_unknowns = m->gate ? m->load.unknowns : NAN;
    report->gate_null     = m->gate ? m->load.null : NAN;
    report->gate_load     = m->gate ? m->load.load : NAN;
}

/* The time since *from, which moves on. */
static double time_since(double *from)
{
    const double before = *from;
    *from               = pdm_clock();
    return *from - before;
}

/* Objectives are those of different slabs, which need not be of a size: no derivative by a small one is to drown in that
 * by a large one. */
double step_geometric_mean(pdm_batch batch, const pdm_solve_result *result)
{
    double sum = 0.0;
    for (pdm_size i = 0; i < batch.n; i++) sum += log(result[batch.index[i]].objective + NOTHING);
    return exp(sum / (double)batch.n);
}

/* The derivative of the loss of the first n_good of m->good by each one's objective, into m->weight. */
static void weigh_objectives(pdm_model *m, pdm_size n_good, double physics, double loss)
{
    for (pdm_size i = 0; i < n_good; i++) {
        const double objective = pdm_solver_results(m->solver)[m->good[i]].objective;
        m->weight[m->good[i]]  = (m->march ? loss / (objective + NOTHING) : physics) / (double)n_good;
    }
}

/* Mean loss of the first n_good of m->good, of a march the geometric one; with data also its cotangent by c. */
static pdm_status loss_of_good(pdm_model *m, pdm_size n_good, double physics, double data, double *loss)
{
    pdm_status      status = PDM_OK;
    const pdm_batch good   = {.n = n_good, .index = m->good};
    const double    share  = 1.0 / (double)n_good;
    double          value  = m->march ? step_geometric_mean(good, pdm_solver_results(m->solver)) : 0.0;
    for (pdm_size i = 0; i < n_good && !m->march; i++)
        value += share * physics * pdm_solver_results(m->solver)[m->good[i]].objective;
    if (data > 0.0) PDM_TRY(misfit_add(m, good, share * data, &value));
    *loss = value;
done:
    return status;
}

/* The same, and its gradient into the network's parameters. A sample whose adjoint fails is found late: then loss,
 * shares and cotangents are made once more without it, so that all three are of the same samples. */
static pdm_status gradient_of_good(pdm_model *m, pdm_size *n_good, double physics, double data, pdm_step_report *report)
{
    pdm_status status = PDM_OK;
    pdm_size   before = *n_good, kept = 0;
    double     clock = pdm_clock();

    for (;;) {
        const pdm_batch good = {.n = before, .index = m->good};
        PDM_TRY(loss_of_good(m, before, physics, data, &report->loss));
        weigh_objectives(m, before, physics, report->loss);
        PDM_TRY(pdm_implicit_backward(m->implicit, good, &m->samples->data, m->weight, data > 0.0 ? m->g_c : NULL,
                                      m->g_basis));
        kept = keep_derived(m, before);
        if (kept == before) break;
        if (kept == 0)
            PDM_FAIL(m->ctx, PDM_ERR_NUMERIC,
                     "none of the %lld solves of the batch that converged has a derivative: the adjoint system is not "
                     "that of a minimum, or could not be solved",
                     (long long)*n_good);
        before = kept;
    }
    *n_good = kept;
    PDM_TRY(pdm_model_gate_backward(m, (pdm_batch){.n = kept, .index = m->good}));
    PDM_TRY(pdm_model_windows_backward(m, (pdm_batch){.n = kept, .index = m->good}));
    report->seconds_adjoint = time_since(&clock);
    PDM_TRY(m->surrogate->ops->backward(m->surrogate, (pdm_batch){.n = kept, .index = m->good}, m->g_basis));
    report->seconds_backward = time_since(&clock);
done:
    return status;
}

/* PDM_ERR_NUMERIC with the message, and where the equations are singular in the batch, if they are. */
static pdm_status fail_singular(pdm_model *m, pdm_batch batch, const char *format, ...) PDM_PRINTF(3, 4);
static pdm_status fail_singular(pdm_model *m, pdm_batch batch, const char *format, ...)
{
    pdm_status status = PDM_OK;
    pdm_text   where  = {.ctx = m->ctx};
    char       text[512];
    va_list    arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    PDM_TRY(pdm_solver_explain(m->solver, m->problem->domain, &m->samples->data, batch, &where));
    PDM_FAIL(m->ctx, PDM_ERR_NUMERIC, "%s%s%s", text, where.length ? "; " : "", where.length ? where.data : "");
done:
    pdm_text_destroy(&where);
    return status;
}

pdm_status pdm_train_loss(pdm_model *m, pdm_size step, pdm_batch among, bool gradient, pdm_size *n_good,
                          pdm_step_report *report)
{
    pdm_status status = PDM_OK;
    double     physics, data, clock = pdm_clock();

    loss_weights(m, &physics, &data);
    PDM_TRY(pdm_model_draw(m, step));
    report->seconds_data = time_since(&clock);
    PDM_TRY(pdm_model_basis(m, among, gradient));
    PDM_TRY(pdm_model_choose(m, among));
    report->seconds_network = time_since(&clock);
    PDM_TRY(pdm_model_solve(m, among));
    report->seconds_solve = time_since(&clock);
    *n_good               = keep_solved(m, among, data == 0.0);
    record_solves(m, among, report);
    if (*n_good == 0)
        PDM_TRY(
            fail_singular(m, among, "none of the %lld solves of the batch can be used; the first stopped because: %s",
                          (long long)among.n, pdm_reason_text(pdm_solver_results(m->solver)[among.index[0]].reason)));
    PDM_TRY(gradient ? gradient_of_good(m, n_good, physics, data, report)
                     : loss_of_good(m, *n_good, physics, data, &report->loss));
    if (data > 0.0) report->failed = (double)(among.n - *n_good); /* with those that have no derivative */
done:
    return status;
}

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
        PDM_TRY(fail_singular(m, pdm_model_batch(m, m->n_batch),
                              "the gradient of the network's weights is not finite (loss %g)", report->loss));
    if (m->gate) {
        const double        start = pdm_routing_get_settings(m->gate->routing)->learning_rate;
        const pdm_gate_time now   = {m->state.step, m->state.moments_since, optimiser_rate(m, start)};
        report->gate_price        = pdm_gate_update(m->gate, good, pdm_model_batch(m, m->n_batch), now, &m->load);
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
    PDM_TRY(pdm_train_loss(m, m->state.step, pdm_model_batch(m, m->n_batch), true, &n_good, r));
    if (!isfinite(r->loss)) PDM_FAIL(m->ctx, PDM_ERR_NUMERIC, "the loss is %g", r->loss);
    PDM_TRY(update(m, (pdm_batch){.n = n_good, .index = m->good}, r));
    if (m->march || m->whole->training.slabs > 1) PDM_TRY(pdm_model_carry_on(m));
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
    return status;
}
