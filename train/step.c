/* One training step: network, solve, loss, adjoint, network backward, update. */
#include "train/train.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "train/train_impl.h"

/* May the loss use what a solve ended with? The physics loss is phi(w) itself: wherever w is, its derivative by the columns
 * is A^T y w^T, and a step along it lowers what the next solve starts from. A loss on data is differentiated through the
 * minimum, so the solve has to be at one. */
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
                const double e = pdm_pde_from_spline(m->pde, f, u[k]) - d[k];
                *sum += 0.5 * weight * e * e;
                u[k] = weight * e * pdm_pde_from_spline_slope(m->pde, f, u[k]);
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
static void record_solves(pdm_model *m, pdm_batch among)
{
    const pdm_solve_result *result     = pdm_solver_results(m->solver);
    double                  iterations = 0.0, failed = 0.0;
    for (pdm_size i = 0; i < among.n; i++) {
        iterations += (double)result[among.index[i]].iterations / (double)among.n;
        failed += pdm_reason_is_good(result[among.index[i]].reason) ? 0.0 : 1.0;
    }
    model_set_value(m, "iterations", iterations);
    model_set_value(m, "failed", failed);
}

/* Adds the time since *from to a share of the step, and moves *from. */
static void take_time(pdm_model *m, const char *name, double *from)
{
    const double now = pdm_clock();
    model_set_value(m, name, now - *from);
    *from = now;
}

/* Mean loss of the first n_good of m->good; with data also its cotangent by c. */
static pdm_status loss_of_good(pdm_model *m, pdm_size n_good, double physics, double data, double *loss)
{
    pdm_status      status = PDM_OK;
    const pdm_batch good   = {.n = n_good, .index = m->good};
    const double    share  = 1.0 / (double)n_good;
    double          value  = 0.0;
    for (pdm_size i = 0; i < n_good; i++)
        value += share * physics * pdm_solver_results(m->solver)[m->good[i]].objective;
    if (data > 0.0) PDM_TRY(data_misfit(m, good, share * data, &value));
    *loss = value;
done:
    return status;
}

/* The same, and its gradient into the network's parameters. A sample whose adjoint fails is found late: then loss, shares and
 * cotangents are made once more without it, so that all three are of the same samples. */
static pdm_status gradient_of_good(pdm_model *m, pdm_size *n_good, double physics, double data, double *loss)
{
    pdm_status status = PDM_OK;
    pdm_size   before = *n_good, kept = 0;
    double     clock = pdm_clock();

    for (;;) {
        const pdm_batch good = {.n = before, .index = m->good};
        PDM_TRY(loss_of_good(m, before, physics, data, loss));
        PDM_TRY(pdm_implicit_backward(m->implicit, good, &m->data, physics / (double)before, data > 0.0 ? m->g_c : NULL,
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
    PDM_TRY(gating_backward(m, (pdm_batch){.n = kept, .index = m->good}));
    PDM_TRY(partition_backward(m, (pdm_batch){.n = kept, .index = m->good}));
    take_time(m, "seconds.adjoint", &clock);
    PDM_TRY(m->surrogate->ops->backward(m->surrogate, (pdm_batch){.n = kept, .index = m->good}, m->g_basis));
    take_time(m, "seconds.backward", &clock);
done:
    return status;
}

pdm_status step_loss(pdm_model *m, pdm_size step, pdm_batch among, bool gradient, pdm_size *n_good, double *loss)
{
    pdm_status status = PDM_OK;
    double     physics, data, clock = pdm_clock();

    loss_weights(m, &physics, &data);
    PDM_TRY(batch_draw(m, step));
    take_time(m, "seconds.data", &clock);
    PDM_TRY(batch_basis(m, among, gradient));
    PDM_TRY(gating_choose(m, among));
    take_time(m, "seconds.network", &clock);
    PDM_TRY(pdm_solver_solve(m->solver, among, &m->data, m->basis, m->lift, PDM_START_ZERO));
    take_time(m, "seconds.solve", &clock);
    *n_good = keep_solved(m, among, data == 0.0);
    record_solves(m, among);
    if (*n_good == 0)
        PDM_FAIL(m->ctx, PDM_ERR_NUMERIC,
                 "none of the %lld solves of the batch can be used; the first stopped because: %s", (long long)among.n,
                 pdm_reason_text(pdm_solver_results(m->solver)[among.index[0]].reason));
    PDM_TRY(gradient ? gradient_of_good(m, n_good, physics, data, loss)
                     : loss_of_good(m, *n_good, physics, data, loss));
    if (data > 0.0) model_set_value(m, "failed", (double)(among.n - *n_good)); /* with those that have no derivative */
done:
    return status;
}

pdm_status pdm_model_loss(pdm_model *m, pdm_size step, bool gradient, double *loss)
{
    pdm_size n_good;
    return step_loss(m, step, batch_of(m, m->n_batch), gradient, &n_good, loss);
}

/* Samples whose solve went well go on from where it ended, until they have been through training:slabs intervals. */
static pdm_status carry_on(pdm_model *m)
{
    pdm_status              status  = PDM_OK;
    const pdm_size          n_input = pdm_domain_n_input(m->domain);
    const pdm_solve_result *result  = pdm_solver_results(m->solver);

    PDM_TRY(rollout_advance(m, m->n_batch, m->solver));
    memcpy(m->carried, m->input, (size_t)(m->n_batch * n_input) * sizeof *m->carried);
    for (pdm_size i = 0; i < m->n_batch; i++) {
        const bool ends = m->slab[i] + 1 >= m->training.slabs || !pdm_reason_is_good(result[i].reason);
        m->slab[i]      = ends ? 0 : m->slab[i] + 1;
    }
done:
    return status;
}

pdm_status pdm_model_train_step(pdm_model *m)
{
    pdm_status status = PDM_OK;
    double     loss = NAN, start = pdm_clock(), clock;
    bool       finite = false;
    pdm_size   n_good = 0;

    if (!m) return PDM_ERR_ARGUMENT;
    pdm_solver_set_limits(m->solver, m->training.tolerance, m->training.max_iter);
    PDM_TRY(step_loss(m, m->step, batch_of(m, m->n_batch), true, &n_good, &loss));
    if (!isfinite(loss)) PDM_FAIL(m->ctx, PDM_ERR_NUMERIC, "the loss is %g", loss);
    clock = pdm_clock();
    PDM_TRY(gating_learn(m, (pdm_batch){.n = n_good, .index = m->good}, loss));
    take_time(m, "seconds.gate", &clock);
    PDM_TRY(partition_learn(m, loss));
    PDM_TRY(optimiser_step(m, &finite));
    if (!finite)
        PDM_FAIL(m->ctx, PDM_ERR_NUMERIC, "the gradient of the network's weights is not finite (loss %g)", loss);
    gating_update(m, (pdm_batch){.n = n_good, .index = m->good});
    PDM_TRY(partition_update(m));
    m->step++;
    take_time(m, "seconds.update", &clock);
    if (m->training.slabs > 1) PDM_TRY(carry_on(m));
    model_set_value(m, "loss", loss);
    verdict_step(m, loss);
    model_set_value(m, "seconds", pdm_clock() - start);
done:
    if (status != PDM_OK)
        pdm_error_note(m->ctx, "in training step %lld; the weights are those of the step before", (long long)m->step);
    return status;
}
