/* Prediction: network, solve, perhaps polish, evaluation on the output grid. */
#include "train/train.h"

#include <math.h>
#include <string.h>

#include "train/train_impl.h"

enum { POLISH_TILE = 48, POLISH_ITERATIONS = 200 };
static const double POLISH_TOLERANCE = 1e-8; /* until a caller sets one */

/* ---- polish: the same rows with all coefficients free ---- */

static pdm_status polisher_get(pdm_model *m)
{
    pdm_status                status   = PDM_OK;
    const pdm_solver_settings settings = model_free_settings(m, POLISH_TOLERANCE, POLISH_ITERATIONS);
    if (m->polisher) return PDM_OK;
    if (!m->free_experts) PDM_TRY(pdm_experts_create_free(m->ctx, m->domain, POLISH_TILE, &m->free_experts));
    PDM_TRY(pdm_solver_create(m->ctx, m->backend, &settings, m->domain, m->free_experts, m->n_batch, &m->polisher));
done:
    return status;
}

/* Starts from the experts' answer (w = its free coefficients less the lift), or from the lift when nothing was trained. */
pdm_status polish_batch(pdm_model *m, pdm_batch batch, double tolerance)
{
    pdm_status   status = PDM_OK;
    pdm_backend *b      = m->backend;

    PDM_TRY(polisher_get(m));
    pdm_solver_set_limits(m->polisher, tolerance, POLISH_ITERATIONS);
    if (m->step == 0) return pdm_solver_solve(m->polisher, batch, &m->data, NULL, m->lift, PDM_START_ZERO);
    const pdm_solver_state *from = pdm_solver_lend(m->solver), *to = pdm_solver_lend(m->polisher);
    PDM_TRY(b->ops->vector_combine(b, batch, from->c_size, m->weight_one, from->c, m->weight_minus, m->lift, m->g_c));
    PDM_TRY(b->ops->columns_reduce(b, to->columns, batch, m->g_c, to->w));
    PDM_TRY(pdm_solver_solve(m->polisher, batch, &m->data, NULL, m->lift, PDM_START_PRESENT));
done:
    return status;
}

/* ---- prediction ---- */

/* Samples of a batch are solved in lock step: each has a share of the time like its share of the iterations. */
static void share_time(pdm_size n, const pdm_solve_result *result, double seconds, double *out)
{
    double sum = 0.0;
    for (pdm_size i = 0; i < n; i++) sum += 1.0 + (double)result[i].iterations;
    for (pdm_size i = 0; i < n; i++) out[i] = seconds * (1.0 + (double)result[i].iterations) / sum;
}

static pdm_solver *predicting_solver(const pdm_model *m, double polish_tolerance)
{
    return polish_tolerance > 0.0 ? m->polisher : m->solver;
}

/* One slab for the first n inputs of m->input. */
static pdm_status predict_slab(pdm_model *m, pdm_size n, pdm_size k, double polish_tolerance, double *u,
                               predict_times *times)
{
    pdm_status      status   = PDM_OK;
    const pdm_batch batch    = batch_of(m, n);
    const bool      polished = polish_tolerance > 0.0, network = !polished || m->step > 0;
    const double    t0 = pdm_clock();

    PDM_TRY(batch_prepare(m, n, m->input));
    const double t1 = pdm_clock();
    if (network) PDM_TRY(batch_basis(m, batch, false));
    if (network) PDM_TRY(gating_choose(m, batch));
    const double t2 = pdm_clock();
    if (network) PDM_TRY(pdm_solver_solve(m->solver, batch, &m->data, m->basis, m->lift, PDM_START_ZERO));
    if (polished) PDM_TRY(polish_batch(m, batch, polish_tolerance));
    const double t3 = pdm_clock();
    PDM_TRY(output_evaluate(m, batch, k, pdm_solver_lend(predicting_solver(m, polish_tolerance))->c, u));
    times->data += t1 - t0;
    times->network += t2 - t1;
    times->solve += t3 - t2;
    times->output += pdm_clock() - t3;
done:
    return status;
}

/* Results of slab k behind those of the slabs before: iterations and objectives add up, the first bad reason stays. */
static void add_results(const pdm_model *m, pdm_size n, pdm_size k, const pdm_solve_result *slab,
                        pdm_solve_result *result)
{
    for (pdm_size i = 0; i < n; i++) {
        const pdm_solve_result before = result[i], here = slab[m->index[i]];
        result[i] = here;
        if (k == 0) continue;
        result[i].iterations += before.iterations;
        result[i].factorisations += before.factorisations;
        result[i].cg_iterations += before.cg_iterations;
        result[i].objective += before.objective;
        if (!pdm_reason_is_good(before.reason)) result[i].reason = before.reason;
    }
}

pdm_status predict_run(pdm_model *m, pdm_size n, const double *input, double polish_tolerance, double *u,
                       pdm_solve_result *result, double *sample_seconds, predict_times *times)
{
    pdm_status     status  = PDM_OK;
    const pdm_size n_input = pdm_domain_n_input(m->domain), size = pdm_domain_n_field(m->domain) * m->output.n_point;

    if (polish_tolerance > 0.0) PDM_TRY(polisher_get(m)); /* not in the time of the first batch */
    if (m->solver) pdm_solver_set_limits(m->solver, m->solver_settings.tolerance, m->solver_settings.max_iter);
    for (pdm_size first = 0; first < n; first += m->n_batch) {
        const pdm_size here   = n - first < m->n_batch ? n - first : m->n_batch;
        const double   before = times->network + times->solve;
        memcpy(m->input, input + first * n_input, (size_t)(here * n_input) * sizeof *input);
        for (pdm_size k = 0; k < m->output.n_slab; k++) {
            if (k > 0) PDM_TRY(rollout_advance(m, here, predicting_solver(m, polish_tolerance)));
            PDM_TRY(predict_slab(m, here, k, polish_tolerance, u + first * size, times));
            if (k == 0) gating_record(m, first, here);
            add_results(m, here, k, pdm_solver_results(predicting_solver(m, polish_tolerance)), result + first);
        }
        if (sample_seconds)
            share_time(here, result + first, times->network + times->solve - before, sample_seconds + first);
    }
done:
    return status;
}

pdm_status predict_batches(pdm_model *m, pdm_size n, const double *input, double polish_tolerance, double *u,
                           pdm_solve_result *result, double *sample_seconds)
{
    pdm_status    status      = PDM_OK;
    predict_times times       = {0};
    pdm_size      unconverged = 0;

    PDM_TRY(predict_run(m, n, input, polish_tolerance, u, result, sample_seconds, &times));
    for (pdm_size i = 0; i < n; i++)
        if (!pdm_reason_is_good(result[i].reason)) unconverged++;
    model_set_value(m, "seconds.data", times.data);
    model_set_value(m, "seconds.network", times.network);
    model_set_value(m, "seconds.solve", times.solve);
    model_set_value(m, "seconds.output", times.output);
    model_set_value(m, "seconds", times.data + times.network + times.solve + times.output);
    model_set_value(m, "unconverged", (double)unconverged);
    if (unconverged > 0)
        pdm_log(m->ctx, PDM_LOG_WARNING, "predict", "%lld of %lld solves did not converge; reasons are in the output",
                (long long)unconverged, (long long)n);
done:
    return status;
}

pdm_status pdm_model_predict(pdm_model *m, pdm_size n, const double *input, double *u, int32_t *reason)
{
    pdm_status     status  = PDM_OK;
    const pdm_size n_input = m ? pdm_domain_n_input(m->domain) : 0;

    if (!m || n < 0 || (!input && n_input > 0) || !u) return PDM_ERR_ARGUMENT;
    if (!m->output.slab) PDM_TRY(output_set(m, NULL, NULL));
    const pdm_size size = pdm_domain_n_field(m->domain) * m->output.n_point;
    for (pdm_size first = 0; first < n; first += m->n_batch) {
        const pdm_size here = n - first < m->n_batch ? n - first : m->n_batch;
        PDM_TRY(predict_batches(m, here, input + first * n_input, 0.0, u + first * size, m->result, NULL));
        for (pdm_size i = 0; i < here && reason; i++) reason[first + i] = m->result[i].reason;
    }
done:
    return status;
}
