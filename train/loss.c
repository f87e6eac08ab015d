/* The loss of a step and its gradient: network, solve, adjoint, network backward; part by part of the samples. */
#include "train/train.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

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

/* Sums over the samples of a step, to which its parts add, and then its ranks: doubles alone. */
typedef struct step_sums {
    double n, solved, good;    /* samples; those whose solve the loss can use; of these, those that have a derivative */
    double failed, iterations; /* of the solves                                     */
    double objective, misfit;  /* of good ones; of a march, logarithms of objectives */
} step_sums;

/* Statistics of the solves, for the log. */
static void add_solves(const pdm_model *m, pdm_batch among, step_sums *sums)
{
    const pdm_solve_result *result = pdm_solver_results(m->solver);

    sums->n += (double)among.n;
    for (pdm_size i = 0; i < among.n; i++) {
        sums->iterations += (double)result[among.index[i]].iterations;
        sums->failed += pdm_reason_is_good(result[among.index[i]].reason) ? 0.0 : 1.0;
    }
}

/* The time since *from, which moves on. */
double time_since(double *from)
{
    const double before = *from;
    *from               = pdm_clock();
    return *from - before;
}

/* Objectives are those of different slabs, which need not be of a size: no derivative by a small one is to drown in that
 * by a large one. */
double loss_geometric_mean(pdm_batch batch, const pdm_solve_result *result)
{
    double sum = 0.0;
    for (pdm_size i = 0; i < batch.n; i++) sum += log(result[batch.index[i]].objective + NOTHING);
    return exp(sum / (double)batch.n);
}

/* A share of 1/n_total for every sample; what is right for as many as are good, and for the mean of a march, is known
 * when all are: finish_loss(). Derivatives of the summands by objectives, into m->weight. */
static void weigh_objectives(pdm_model *m, pdm_batch good, double physics)
{
    for (pdm_size i = 0; i < good.n; i++) {
        const double objective   = pdm_solver_results(m->solver)[good.index[i]].objective;
        m->weight[good.index[i]] = (m->march ? 1.0 / (objective + NOTHING) : physics) / (double)m->n_total;
    }
}

static void add_loss(const pdm_model *m, pdm_batch good, bool data, step_sums *sums)
{
    sums->good += (double)good.n;
    for (pdm_size i = 0; i < good.n; i++) {
        const double objective = pdm_solver_results(m->solver)[good.index[i]].objective;
        sums->objective += m->march ? log(objective + NOTHING) : objective;
        if (data) sums->misfit += m->misfit_of[good.index[i]];
    }
}

/* The first chunk of what is left of a batch, which goes on behind it; empty at the end. */
static pdm_batch next_chunk(const pdm_model *m, pdm_batch *left)
{
    const pdm_size size = pdm_model_chunk(m);
    pdm_batch      here = {.index = left->index};

    while (here.n < left->n && (m->first + left->index[here.n]) / size == (m->first + left->index[0]) / size) here.n++;
    left->n -= here.n;
    left->index += here.n;
    return here;
}

pdm_status loss_add_gradient(pdm_model *m, pdm_batch batch, bool more)
{
    pdm_status     status = PDM_OK;
    pdm_backend   *b      = m->problem->backend;
    pdm_surrogate *net    = m->surrogate;

    for (pdm_batch here = next_chunk(m, &batch); here.n > 0; here = next_chunk(m, &batch), more = true) {
        PDM_TRY(net->ops->backward(net, here, m->g_basis));
        PDM_TRY(b->ops->widen_f32(b, net->n_parameter, net->g_parameters, more ? 1.0 : 0.0, m->g_sum));
    }
done:
    return status;
}

static pdm_status add_windows(pdm_model *m, pdm_batch batch, bool more)
{
    pdm_status status = PDM_OK;
    for (pdm_batch here = next_chunk(m, &batch); here.n > 0; here = next_chunk(m, &batch), more = true)
        PDM_TRY(pdm_model_windows_backward(m, here, more));
done:
    return status;
}

pdm_status loss_take_gradient(pdm_model *m, double factor)
{
    pdm_backend *b = m->problem->backend;
    return b->ops->narrow_f64(b, m->surrogate->n_parameter, factor, m->g_sum, m->surrogate->g_parameters);
}

/* The part of the loss and of its gradient that the first n of m->good are, onto what there is. Of those whose adjoint
 * fails nothing is taken; the others are the first *kept of m->good. */
static pdm_status add_gradient(pdm_model *m, pdm_size n, double physics, double data, step_sums *sums, pdm_size *kept,
                               pdm_step_report *report)
{
    pdm_status      status = PDM_OK;
    const pdm_batch solved = {.n = n, .index = m->good};
    const bool      more   = sums->good > 0.0;
    double          clock  = pdm_clock();

    if (data > 0.0) PDM_TRY(misfit_find(m, solved, data / (double)m->n_total));
    weigh_objectives(m, solved, physics);
    PDM_TRY(pdm_implicit_backward(m->implicit, solved, &m->samples->data, m->weight, data > 0.0 ? m->g_c : NULL,
                                  m->g_basis));
    *kept                = keep_derived(m, n);
    const pdm_batch good = {.n = *kept, .index = m->good};
    PDM_TRY(pdm_model_gate_backward(m, good));
    PDM_TRY(add_windows(m, good, more));
    report->seconds_adjoint += time_since(&clock);
    PDM_TRY(loss_add_gradient(m, good, more));
    report->seconds_backward += time_since(&clock);
    add_loss(m, good, data > 0.0, sums);
done:
    return status;
}

/* Weights that are learned on the host: their gradients times factor. */
static void scale_gradients(const pdm_model *m, double factor)
{
    const pdm_weights of[] = {m->gate ? pdm_gate_net_lend(m->gate->net) : (pdm_weights){0},
                              m->g_window ? pdm_experts_logits(m->experts) : (pdm_weights){0}};
    for (size_t k = 0; k < sizeof of / sizeof *of; k++)
        for (pdm_size i = 0; i < of[k].n; i++) of[k].gradient[i] *= factor;
}

pdm_status loss_fail_singular(pdm_model *m, pdm_batch batch, const char *format, ...)
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

/* The samples `among` of this part, drawn already: solved, and onto the sums; *kept: the first so many of m->good are
 * good ones. */
static pdm_status add_part(pdm_model *m, pdm_batch among, bool gradient, step_sums *sums, pdm_size *kept,
                           pdm_step_report *report)
{
    pdm_status status = PDM_OK;
    double     physics, data, clock = pdm_clock();

    loss_weights(m, &physics, &data);
    PDM_TRY(pdm_model_basis(m, among, gradient));
    PDM_TRY(pdm_model_choose(m, among));
    report->seconds_network += time_since(&clock);
    PDM_TRY(pdm_model_solve(m, among));
    report->seconds_solve += time_since(&clock);
    add_solves(m, among, sums);
    *kept = keep_solved(m, among, data == 0.0);
    sums->solved += (double)*kept;
    if (*kept == 0) goto done;
    if (gradient) {
        PDM_TRY(add_gradient(m, *kept, physics, data, sums, kept, report));
        goto done;
    }
    if (data > 0.0) PDM_TRY(misfit_find(m, (pdm_batch){.n = *kept, .index = m->good}, data / (double)m->n_total));
    add_loss(m, (pdm_batch){.n = *kept, .index = m->good}, data > 0.0, sums);
done:
    return status;
}

/* No sample has a loss, or a derivative of one. */
static pdm_status fail_without(pdm_model *m, pdm_batch among, const step_sums *sums)
{
    if (sums->solved > 0.0)
        return pdm_error_set(m->ctx, PDM_ERR_NUMERIC, NULL, __func__,
                             "none of the %.0f solves of the batch that converged has a derivative: the adjoint system "
                             "is not that of a minimum, or could not be solved",
                             sums->solved);
    if (m->own.n == 0)
        return pdm_error_set(m->ctx, PDM_ERR_NUMERIC, NULL, __func__,
                             "none of the %.0f solves of the batch can be used", sums->n);
    return loss_fail_singular(m, among,
                              "none of the %.0f solves of the batch can be used; the first stopped because: %s",
                              sums->n, pdm_reason_text(pdm_solver_results(m->solver)[among.index[0]].reason));
}

/* Mean loss of what the sums are of, of a march the geometric mean; with gradient also that of all weights. */
static pdm_status finish_loss(pdm_model *m, pdm_batch among, bool gradient, const step_sums *sums,
                              pdm_step_report *report)
{
    pdm_status status = PDM_OK;
    double     physics, data;

    loss_weights(m, &physics, &data);
    if (sums->good == 0.0) PDM_TRY(fail_without(m, among, sums));
    report->loss =
        m->march ? exp(sums->objective / sums->good) : (physics * sums->objective + data * sums->misfit) / sums->good;
    report->solves        = sums->n;
    report->failed        = data > 0.0 ? sums->n - sums->good : sums->failed; /* with those that have no derivative */
    report->iterations    = sums->iterations / sums->n;
    report->gate_unknowns = m->gate ? m->load.unknowns : NAN;
    report->gate_null     = m->gate ? m->load.null : NAN;
    report->gate_load     = m->gate ? m->load.load : NAN;
    if (!gradient) goto done;
    const double factor = (m->march ? report->loss : 1.0) * ((double)m->n_total / sums->good);
    PDM_TRY(loss_take_gradient(m, factor));
    scale_gradients(m, factor);
done:
    return status;
}

pdm_status pdm_train_loss(pdm_model *m, pdm_size step, pdm_batch among, bool gradient, pdm_size *n_good,
                          pdm_step_report *report)
{
    pdm_status status = PDM_OK;
    step_sums  sums   = {0};

    (void)pdm_model_turn_to(m, 0);
    PDM_TRY(pdm_model_draw(m, step));
    PDM_TRY(add_part(m, among, gradient, &sums, n_good, report));
    PDM_TRY(finish_loss(m, among, gradient, &sums, report));
done:
    return status;
}

pdm_status loss_sum_gradients(pdm_model *m, bool any)
{
    pdm_status        status = PDM_OK;
    pdm_backend      *b      = m->problem->backend;
    const pdm_weights logits = m->g_window ? pdm_experts_logits(m->experts) : (pdm_weights){0};
    const pdm_size    n      = m->surrogate->n_parameter;
    void             *host   = NULL;

    if (pdm_n_rank(m->ctx) == 1) return PDM_OK;
    PDM_TRY(b->ops->acquire(b, m->g_sum, any ? PDM_READ_WRITE : PDM_WRITE, &host));
    if (!any) memset(host, 0, (size_t)n * sizeof(double));
    if (!any && logits.n > 0) memset(logits.gradient, 0, (size_t)logits.n * sizeof *logits.gradient);
    PDM_TRY(pdm_ranks_sum(m->ctx, "gradient", n, host));
    PDM_TRY(pdm_ranks_sum(m->ctx, "gradient of windows", logits.n, logits.gradient));
done:
    return pdm_release(b, status, m->g_sum, &host);
}

pdm_status loss_of_step(pdm_model *m, pdm_size *n_good, pdm_step_report *r)
{
    pdm_status status = PDM_OK;
    step_sums  sums   = {0};
    double     clock  = pdm_clock();

    for (pdm_size k = 0; pdm_model_turn_to(m, k); k++) {
        PDM_TRY(pdm_model_draw(m, m->state.step));
        r->seconds_data += time_since(&clock);
        PDM_TRY(add_part(m, pdm_model_batch(m, m->n_now), true, &sums, n_good, r));
        if (pdm_model_n_slab(m) > 1) PDM_TRY(pdm_model_carry_on(m));
        (void)time_since(&clock);
    }
    PDM_TRY(loss_sum_gradients(m, sums.good > 0.0));
    PDM_TRY(pdm_ranks_sum(m->ctx, "loss", sizeof sums / sizeof(double), &sums.n));
    PDM_TRY(finish_loss(m, pdm_model_batch(m, m->n_now), true, &sums, r));
    if (!isfinite(r->loss)) PDM_FAIL(m->ctx, PDM_ERR_NUMERIC, "the loss is %g", r->loss);
done:
    return status;
}
