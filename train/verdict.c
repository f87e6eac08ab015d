/* What a training has come to: the loss at its start and end, and what the same inputs reach with all coefficients free, which
 * is all that the grid can do. */
#include "train/train.h"

#include <math.h>

#include "train/train_impl.h"

enum { FREE_TILE = 48, FREE_MOST = 6000, FREE_ITERATIONS = 5, FREE_ROUNDS = 20 };
static const double FREE_TOLERANCE = 1e-3; /* the loss then has three digits */

void verdict_step(pdm_model *m, double loss)
{
    const pdm_size step = m->step, ring = VERDICT_STEPS; /* steps done, this one included */
    pdm_size       n   = 0;
    double         sum = 0.0;

    if (step <= VERDICT_STEPS) m->first_loss += loss;
    m->last_loss[(step - 1) % ring] = loss;
    m->n_last_loss                  = m->n_last_loss < ring ? m->n_last_loss + 1 : ring;
    for (; n < m->n_last_loss; n++) sum += m->last_loss[(step - 1 - n) % ring];
    model_set_value(m, "loss.first", m->first_loss / (double)(step < ring ? step : ring));
    model_set_value(m, "loss.last", sum / (double)n);
}

/* Mean objective of the batch; NaN when a sample has not come to an end. */
static double mean_objective(const pdm_solver *s, pdm_batch batch)
{
    double sum = 0.0;

    for (pdm_size i = 0; i < batch.n; i++) {
        const pdm_solve_result *result = &pdm_solver_results(s)[batch.index[i]];
        if (!pdm_reason_is_good(result->reason) && result->reason != PDM_REASON_STALLED) return NAN;
        sum += result->objective / (double)batch.n;
    }
    return sum;
}

/* From the answer of the last step, a few iterations at a time. */
static pdm_status solve_free(pdm_model *m, pdm_solver *s, double seconds, double *loss)
{
    pdm_status              status = PDM_OK;
    pdm_backend            *b      = m->backend;
    const pdm_batch         batch  = batch_of(m, m->n_batch);
    const pdm_solver_state *from = pdm_solver_lend(m->solver), *to = pdm_solver_lend(s);
    const double            start = pdm_clock();

    PDM_TRY(b->ops->vector_combine(b, batch, from->c_size, m->weight_one, from->c, m->weight_minus, m->lift, m->g_c));
    PDM_TRY(b->ops->columns_reduce(b, to->columns, batch, m->g_c, to->w));
    for (int i = 0; i < FREE_ROUNDS && isnan(*loss) && (i == 0 || pdm_clock() - start < seconds); i++) {
        PDM_TRY(pdm_solver_solve(s, batch, &m->data, NULL, m->lift, PDM_START_PRESENT));
        *loss = mean_objective(s, batch);
    }
done:
    return status;
}

void verdict_free(pdm_model *m, double seconds)
{
    pdm_status                status   = PDM_OK;
    const pdm_solver_settings settings = model_free_settings(m, FREE_TOLERANCE, FREE_ITERATIONS);
    pdm_experts              *experts  = NULL;
    pdm_solver               *solver   = NULL;
    double                    loss     = NAN;
    const double              start    = pdm_clock();

    if (m->training.loss == LOSS_PHYSICS && m->solver_settings.mode != PDM_MODE_INDEPENDENT &&
        pdm_domain_n_free(m->domain) <= FREE_MOST) {
        PDM_TRY(pdm_experts_create_free(m->ctx, m->domain, FREE_TILE, &experts));
        PDM_TRY(pdm_solver_create(m->ctx, m->backend, &settings, m->domain, experts, m->n_batch, &solver));
        PDM_TRY(solve_free(m, solver, seconds, &loss));
    }
done:
    if (status != PDM_OK) pdm_log(m->ctx, PDM_LOG_INFO, "train", "the loss with all coefficients free is not known");
    model_set_value(m, "loss.free", loss);
    model_set_value(m, "seconds.free", pdm_clock() - start);
    pdm_solver_destroy(&solver);
    pdm_experts_destroy(&experts);
}
