/* One training step: network, solve, loss, adjoint, network backward, update. */
#include "train/train.h"

#include <math.h>
#include <stdio.h>

#include "train/train_impl.h"

/* Samples whose solve converged, into m->good; the others are left out of loss and gradient and counted. */
static pdm_size keep_good(pdm_model *m, pdm_size n)
{
    const pdm_solve_result *result = pdm_solver_results(m->solver);
    pdm_size                kept   = 0;
    for (pdm_size i = 0; i < n; i++)
        if (pdm_reason_is_good(result[i].reason)) m->good[kept++] = (int32_t)i;
    return kept;
}

/* Misfit to the given fields, per sample 1/2 mean over points and fields of ((u - d)/magnitude)^2, times factor into *sum;
 * its cotangent by c into m->g_c. */
static pdm_status data_misfit(pdm_model *m, pdm_batch good, double factor, double *sum)
{
    pdm_status     status  = PDM_OK;
    pdm_backend   *b       = m->backend;
    const pdm_size n_field = pdm_domain_n_field(m->domain), n_point = m->given.n_point;
    void          *host = NULL;

    PDM_TRY(b->ops->acquire(b, m->g_c, PDM_WRITE, &host));
    for (pdm_size i = 0; i < good.n; i++) {
        double *g = (double *)host + good.index[i] * n_field * pdm_domain_n_coef(m->domain);
        for (pdm_size k = 0; k < n_field * pdm_domain_n_coef(m->domain); k++) g[k] = 0.0;
    }
    PDM_TRY(b->ops->release(b, m->g_c, &host));
    for (pdm_size f = 0; f < n_field; f++) {
        const pdm_atom atom   = {.field = (int32_t)f};
        const double   weight = factor / ((double)(n_point * n_field) * m->magnitude[f] * m->magnitude[f]);
        PDM_TRY(b->ops->points_evaluate(b, m->given.plan, good, atom, pdm_solver_lend(m->solver)->c, m->misfit));
        PDM_TRY(b->ops->acquire(b, m->misfit, PDM_READ_WRITE, &host));
        for (pdm_size i = 0; i < good.n; i++) {
            double       *u = (double *)host + good.index[i] * n_point;
            const double *d = m->given.field + (m->pick[good.index[i]] * n_field + f) * n_point;
            for (pdm_size k = 0; k < n_point; k++) {
                const double e = u[k] - d[k];
                *sum += 0.5 * weight * e * e;
                u[k] = weight * e;
            }
        }
        PDM_TRY(b->ops->release(b, m->misfit, &host));
        PDM_TRY(b->ops->points_evaluate_adjoint(b, m->given.plan, good, atom, m->misfit, m->g_c));
    }
done:
    if (host) (void)b->ops->release(b, m->misfit, &host);
    return status;
}

/* Weights of the objective and of the misfit in the loss. */
static void loss_weights(const pdm_model *m, double *physics, double *data)
{
    *physics = m->training.loss == LOSS_PHYSICS ? 1.0
               : m->training.loss == LOSS_DATA  ? 0.0
                                                : 1.0 - m->training.data_weight;
    *data    = 1.0 - *physics;
}

/* Statistics of the solves, for the log. */
static void record_solves(pdm_model *m, pdm_size n, pdm_size n_good)
{
    const pdm_solve_result *result     = pdm_solver_results(m->solver);
    double                  iterations = 0.0;
    for (pdm_size i = 0; i < n; i++) iterations += (double)result[i].iterations / (double)n;
    model_set_value(m, "iterations", iterations);
    model_set_value(m, "failed", (double)(n - n_good));
}

/* Adds the time since *from to a share of the step, and moves *from. */
static void take_time(pdm_model *m, const char *name, double *from)
{
    const double now = pdm_clock();
    model_set_value(m, name, now - *from);
    *from = now;
}

pdm_status pdm_model_loss(pdm_model *m, pdm_size step, bool gradient, double *loss)
{
    pdm_status status = PDM_OK;
    pdm_batch  all = batch_of(m, m->n_batch), good = {.index = m->good};
    double     physics, data, value = 0.0, clock = pdm_clock();

    loss_weights(m, &physics, &data);
    PDM_TRY(batch_draw(m, step));
    take_time(m, "seconds.data", &clock);
    PDM_TRY(m->surrogate->ops->forward(m->surrogate, all, m->features, m->basis, gradient));
    take_time(m, "seconds.network", &clock);
    PDM_TRY(pdm_solver_solve(m->solver, all, &m->data, m->basis, m->lift, PDM_START_ZERO));
    take_time(m, "seconds.solve", &clock);
    good.n = keep_good(m, m->n_batch);
    record_solves(m, m->n_batch, good.n);
    if (good.n == 0)
        PDM_FAIL(m->ctx, PDM_ERR_NUMERIC,
                 "none of the %lld solves of the batch converged; the first stopped because: %s", (long long)m->n_batch,
                 pdm_reason_text(pdm_solver_results(m->solver)[0].reason));
    const double share = 1.0 / (double)good.n;
    for (pdm_size i = 0; i < good.n; i++)
        value += share * physics * pdm_solver_results(m->solver)[good.index[i]].objective;
    if (data > 0.0) PDM_TRY(data_misfit(m, good, share * data, &value));
    *loss = value;
    if (!gradient) goto done;
    PDM_TRY(
        pdm_implicit_backward(m->implicit, good, &m->data, share * physics, data > 0.0 ? m->g_c : NULL, m->g_basis));
    pdm_size kept = 0;
    for (pdm_size i = 0; i < good.n; i++)
        if (pdm_implicit_results(m->implicit)[good.index[i]].converged) m->good[kept++] = good.index[i];
    model_set_value(m, "failed", (double)(m->n_batch - kept));
    good.n = kept;
    take_time(m, "seconds.adjoint", &clock);
    PDM_TRY(m->surrogate->ops->backward(m->surrogate, good, m->g_basis));
    take_time(m, "seconds.backward", &clock);
done:
    return status;
}

pdm_status pdm_model_train_step(pdm_model *m)
{
    pdm_status status = PDM_OK;
    double     loss = NAN, start = pdm_clock(), clock;
    bool       finite = false;

    if (!m) return PDM_ERR_ARGUMENT;
    pdm_solver_set_limits(m->solver, m->training.tolerance, m->training.max_iter);
    PDM_TRY(pdm_model_loss(m, m->step, true, &loss));
    if (!isfinite(loss)) PDM_FAIL(m->ctx, PDM_ERR_NUMERIC, "the loss is %g", loss);
    clock = pdm_clock();
    PDM_TRY(optimiser_step(m, &finite));
    if (!finite)
        PDM_FAIL(m->ctx, PDM_ERR_NUMERIC, "the gradient of the network's weights is not finite (loss %g)", loss);
    m->step++;
    take_time(m, "seconds.update", &clock);
    model_set_value(m, "loss", loss);
    model_set_value(m, "seconds", pdm_clock() - start);
done:
    if (status != PDM_OK)
        pdm_error_note(m->ctx, "in training step %lld; the weights are those of the step before", (long long)m->step);
    return status;
}
