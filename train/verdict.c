/* What a training has come to: the loss at its start and end, and what the same inputs reach with all coefficients
 * free, which is all that the grid can do. */
#include "train/train.h"

#include <math.h>

#include "train/train_impl.h"

enum { FREE_ITERATIONS = 5, FREE_ROUNDS = 20 };
static const double FREE_TOLERANCE = 1e-3; /* the loss then has three digits */

void verdict_step(pdm_model *m, pdm_step_report *report)
{
    pdm_training_state *t    = &m->state;
    const pdm_size      step = t->step - m->whole->training.guess_steps; /* steps done, this one included */
    const pdm_size      ring = PDM_VERDICT_STEPS;
    pdm_size            n    = 0;
    double              sum  = 0.0;

    if (step <= ring) t->first_loss += report->loss;
    t->last_loss[(step - 1) % ring] = report->loss;
    t->n_last_loss                  = t->n_last_loss < ring ? t->n_last_loss + 1 : ring;
    for (; n < t->n_last_loss; n++) sum += t->last_loss[(step - 1 - n) % ring];
    report->loss_first = t->first_loss / (double)(step < ring ? step : ring);
    report->loss_last  = sum / (double)n;
    t->judged.n        = 0.0; /* was of other weights */
    if (step == 1) t->solves[0] = t->solves[1] = 0.0;
    t->solves[0] += report->solves;
    t->solves[1] += report->failed;
    report->failed_share = t->solves[1] / t->solves[0];
}

/* Mean objective of the batch, of a march the geometric one; NaN when a sample has not come to an end. */
static double mean_objective(const pdm_model *m, const pdm_solver *s, pdm_batch batch)
{
    double sum = 0.0;

    for (pdm_size i = 0; i < batch.n; i++) {
        const pdm_solve_result *result = &pdm_solver_results(s)[batch.index[i]];
        if (!pdm_reason_is_good(result->reason) && result->reason != PDM_REASON_STALLED) return NAN;
        sum += result->objective / (double)batch.n;
    }
    return m->march ? loss_geometric_mean(batch, pdm_solver_results(s)) : sum;
}

/* From the answer of the last step, a few iterations at a time. */
static pdm_status solve_free(pdm_model *m, pdm_free_solver *f, double seconds, double *loss)
{
    pdm_status      status = PDM_OK;
    const pdm_batch batch  = pdm_model_batch(m, m->n_now);
    const double    start  = pdm_clock();

    PDM_TRY(pdm_free_solver_start(f, m->samples, batch, pdm_solver_lend(m->solver)->c));
    for (int i = 0; i < FREE_ROUNDS && isnan(*loss) && (i == 0 || pdm_clock() - start < seconds); i++) {
        PDM_TRY(pdm_free_solver_solve(f, m->samples, batch, PDM_START_PRESENT));
        *loss = mean_objective(m, f->solver, batch);
    }
done:
    return status;
}

/* The mean over this rank's n samples becomes that over all ranks'. Not known where one of them does not know it. */
static pdm_status mean_over_ranks(pdm_model *m, pdm_size n, double *loss)
{
    pdm_status status = PDM_OK;
    double     sum[]  = {(double)n, n > 0 && isnan(*loss), n > 0 ? (double)n * (m->march ? log(*loss) : *loss) : 0.0};

    if (pdm_n_rank(m->ctx) == 1) return PDM_OK;
    PDM_TRY(pdm_ranks_sum(m->ctx, "loss with all coefficients free", sizeof sum / sizeof *sum, sum));
    *loss = sum[1] > 0.0 ? NAN : m->march ? exp(sum[2] / sum[0]) : sum[2] / sum[0];
done:
    return status;
}

pdm_verdict pdm_train_verdict(pdm_model *m, double seconds)
{
    pdm_status         status = PDM_OK;
    const pdm_problem *p      = m->problem;
    pdm_free_solver   *free   = NULL;
    double             loss   = NAN;
    const double       start  = pdm_clock();
    const bool wanted = m->whole->training.loss == PDM_LOSS_PHYSICS && m->whole->solving.mode != PDM_MODE_INDEPENDENT &&
                        pdm_domain_n_free(p->domain) <= PDM_FREE_CHEAP;

    if (!wanted || m->own.n == 0) goto done;
    PDM_TRY(pdm_free_solver_create(p, m->n_batch, FREE_TOLERANCE, FREE_ITERATIONS, &free));
    PDM_TRY(solve_free(m, free, seconds, &loss));
done:
    if (wanted && mean_over_ranks(m, m->own.n > 0 ? m->n_now : 0, &loss) != PDM_OK) loss = NAN;
    if (status != PDM_OK) pdm_log(m->ctx, PDM_LOG_INFO, "train", "the loss with all coefficients free is not known");
    pdm_free_solver_destroy(&free);
    return (pdm_verdict){.loss_free = loss, .seconds = pdm_clock() - start};
}
