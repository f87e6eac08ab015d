/* How good a model is, in two numbers, for what compares models. */
#include "kin/kin.h"

#include <math.h>
#include <string.h>

#include "kin/kin_impl.h"

enum { JUDGE_SAMPLES = 16 };
static const double FREE_TOLERANCE = 1e-6;

/* ---- inputs ---- */

static void copy_given(const pdm_model *m, pdm_size n, double *input)
{
    const pdm_size n_input = pdm_domain_n_input(m->whole->domain);
    for (pdm_size i = 0; i < n; i++)
        memcpy(input + i * n_input, m->whole->inputs->given.input + (i % m->whole->inputs->given.n_sample) * n_input,
               (size_t)n_input * sizeof *input);
}

/* Inputs [here][n_input] of what the network answers. */
static pdm_status solve_batch(pdm_model *m, pdm_size here, const double *input)
{
    pdm_status      status = PDM_OK;
    const pdm_batch batch  = pdm_model_batch(m, here);

    PDM_TRY(pdm_model_prepare(m, here, input));
    PDM_TRY(pdm_model_basis(m, batch, false));
    PDM_TRY(pdm_model_choose(m, batch));
    pdm_solver_set_limits(m->solver, m->whole->solving.tolerance, m->whole->solving.max_iter);
    PDM_TRY(pdm_model_solve(m, batch));
done:
    return status;
}

/* `here` inputs of the whole, from number `first` on, to those of a slab: the model takes input i through i mod n_slab
 * slabs, so that all are tried. */
static pdm_status march_batch(pdm_model *m, pdm_size first, pdm_size here, const double *whole, double *input)
{
    pdm_status     status  = PDM_OK;
    const pdm_size n_input = pdm_domain_n_input(m->problem->domain), n_slab = m->march->n_slab;
    double        *now = m->samples->input;
    pdm_slab_end  *end = NULL;

    PDM_TRY(pdm_model_slab_end(m, &end));
    PDM_TRY(pdm_march_inputs(m->march, here, whole, now));
    for (pdm_size k = 0; k < n_slab; k++) {
        for (pdm_size i = 0; i < here; i++)
            if ((first + i) % n_slab == k)
                memcpy(input + i * n_input, now + i * n_input, (size_t)n_input * sizeof *now);
        if (k == n_slab - 1) break;
        PDM_TRY(solve_batch(m, here, now));
        PDM_TRY(pdm_slab_advance(end, pdm_model_batch(m, here), pdm_solver_lend(m->solver)->c, now));
        PDM_TRY(pdm_march_follow(m->march, here, whole, now));
    }
done:
    return status;
}

/* drawn [n][inputs of the whole], which becomes x->input where these are what the network answers. */
static pdm_status take_drawn(pdm_model *m, double **drawn, trial_inputs *x)
{
    pdm_status     status  = PDM_OK;
    const pdm_size n_input = pdm_domain_n_input(m->problem->domain), n_whole = pdm_domain_n_input(m->whole->domain);

    if (!m->march) {
        x->input = *drawn;
        *drawn   = NULL;
        return PDM_OK;
    }
    PDM_TRY(pdm_alloc_array(m->ctx, x->n * n_input, &x->input));
    for (pdm_size first = 0; first < x->n; first += m->n_batch) {
        const pdm_size here = x->n - first < m->n_batch ? x->n - first : m->n_batch;
        PDM_TRY(march_batch(m, first, here, *drawn + first * n_whole, x->input + first * n_input));
    }
done:
    return status;
}

pdm_status trial_inputs_draw(pdm_model *m, pdm_size n, bool unseen, trial_inputs *out)
{
    pdm_status     status  = PDM_OK;
    const pdm_size n_whole = pdm_domain_n_input(m->whole->domain);
    trial_inputs   x       = {.n = n_whole > 0 ? n : m->march ? m->march->n_slab : 1};
    double        *drawn   = NULL;

    PDM_TRY(pdm_alloc_array(m->ctx, x.n * n_whole, &drawn));
    PDM_TRY(pdm_inputs_read(m->whole->inputs));
    if (m->whole->inputs->given.n_sample > 0)
        copy_given(m, x.n, drawn);
    else if (unseen)
        PDM_TRY(pdm_inputs_draw_unseen(m->whole->inputs, x.n, drawn));
    else
        pdm_inputs_draw_first(m->whole->inputs, x.n, drawn);
    PDM_TRY(take_drawn(m, &drawn, &x));
    *out = x;
    x    = (trial_inputs){0};
done:
    pdm_free(m->ctx, drawn);
    trial_inputs_destroy(m->ctx, &x);
    return status;
}

void trial_inputs_destroy(pdm_context *ctx, trial_inputs *x)
{
    pdm_free(ctx, x->input);
    pdm_free(ctx, x->floor);
    *x = (trial_inputs){0};
}

pdm_status trial_inputs_create(pdm_model *m, trial_inputs *out)
{
    pdm_status     status  = PDM_OK;
    const pdm_size n_input = pdm_domain_n_input(m->problem->domain);
    trial_inputs   x       = {0};

    PDM_TRY(trial_inputs_draw(m, JUDGE_SAMPLES, true, &x));
    PDM_TRY(pdm_alloc_array(m->ctx, x.n, &x.floor));
    x.has_floor = pdm_domain_n_free(m->problem->domain) <= PDM_FREE_CHEAP;
    for (pdm_size first = 0; first < x.n && x.has_floor; first += m->n_batch) {
        const pdm_size here = x.n - first < m->n_batch ? x.n - first : m->n_batch;
        PDM_TRY(solve_batch(m, here, x.input + first * n_input));
        PDM_TRY(pdm_model_polish(m, pdm_model_batch(m, here), FREE_TOLERANCE));
        for (pdm_size i = 0; i < here; i++) {
            const pdm_solve_result *result = &pdm_solver_results(m->free->solver)[i];
            x.has_floor                    = x.has_floor && pdm_reason_is_good(result->reason);
            x.floor[first + i]             = result->objective;
        }
    }
    if (!x.has_floor) memset(x.floor, 0, (size_t)x.n * sizeof *x.floor);
    *out = x;
    x    = (trial_inputs){0};
done:
    trial_inputs_destroy(m->ctx, &x);
    return status;
}

/* ---- judgement ---- */

pdm_status judge(pdm_model *m, const trial_inputs *x, const char *against, judgement *out)
{
    pdm_status     status  = PDM_OK;
    const pdm_size n_input = pdm_domain_n_input(m->problem->domain);
    judgement      found   = {.error = NAN};

    for (pdm_size first = 0; first < x->n; first += m->n_batch) {
        const pdm_size here = x->n - first < m->n_batch ? x->n - first : m->n_batch;
        PDM_TRY(solve_batch(m, here, x->input + first * n_input));
        found.columns += m->load.unknowns * (double)(pdm_experts_n_column(m->experts) * here) / (double)x->n;
        for (pdm_size i = 0; i < here; i++) {
            const pdm_solve_result *result = &pdm_solver_results(m->solver)[i];
            found.residual += sqrt(2.0 * result->objective) / (double)x->n;
            found.excess += sqrt(2.0 * fmax(result->objective - x->floor[first + i], 0.0)) / (double)x->n;
            found.unconverged += pdm_reason_is_good(result->reason) ? 0 : 1;
        }
    }
    if (against) {
        pdm_evaluation e;
        PDM_TRY(pdm_evaluate_file(m, against, NULL, 0.0, NULL, &e));
        found.error = e.error;
        found.unconverged += (pdm_size)e.prediction.unconverged;
    }
    *out = found;
done:
    return status;
}

double judgement_measure(const judgement *j)
{
    return isnan(j->error) ? j->excess : j->error;
}
