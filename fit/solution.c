/* The solution at what was found: fields on the output grid with all coefficients free, and what they are worth. */
#include "fit/fit.h"

#include <math.h>
#include <string.h>

#include "fit/fit_impl.h"

/* The answer that holds for an experiment. */
const fit_answer *fit_answer_of(const fit_job *j, pdm_size experiment)
{
    return &j->answer[j->n_fit == 1 ? 0 : experiment];
}

static pdm_status fill_inputs(fit_job *j)
{
    pdm_status     status  = PDM_OK;
    const pdm_size n_input = pdm_domain_n_input(j->at->problem->domain), n = j->at->data.n_experiment;

    PDM_TRY(pdm_alloc_array(j->ctx, n * n_input, &j->input));
    memcpy(j->input, j->at->data.input, (size_t)(n * n_input) * sizeof *j->input);
    for (pdm_size e = 0; e < n; e++)
        fit_unknowns_apply(&j->at->unknowns, fit_answer_of(j, e)->theta, j->input + e * n_input);
done:
    return status;
}

pdm_status fit_solve(fit_job *j)
{
    pdm_status             status = PDM_OK;
    const pdm_problem     *p      = j->at->problem;
    const pdm_output_grid *grid   = j->at->response.grid;
    const pdm_size         n      = j->at->data.n_experiment;
    pdm_free_way           free   = {.tolerance = 0.0};
    pdm_way                way;
    pdm_predict_times      times = {0};
    pdm_judge             *judge = NULL;

    PDM_TRY(fill_inputs(j));
    PDM_TRY(pdm_alloc_array(j->ctx, n * pdm_domain_n_field(p->domain) * grid->n_point, &j->u));
    PDM_TRY(pdm_alloc_array(j->ctx, n, &j->result));
    PDM_TRY(pdm_alloc_array(j->ctx, n, &j->verdict));
    PDM_TRY(pdm_way_of_free(&free, p, grid, FIT_SOLVE_TOLERANCE, PDM_POLISH_ITERATIONS, &way));
    /* grids that were compared at the observations say more than an estimate does, and have been paid for */
    PDM_TRY(pdm_way_judge(&way, grid, isnan(j->shift) ? PDM_JUDGE_ESTIMATE : PDM_JUDGE_LEFT_OVER, &judge));
    const pdm_run run = {.n       = n,
                         .input   = j->input,
                         .u       = j->u,
                         .result  = j->result,
                         .times   = &times,
                         .judge   = judge,
                         .verdict = j->verdict};
    PDM_TRY(pdm_predict_run(&way, grid, &run));
    j->seconds_verdict = pdm_judge_seconds(judge);
done:
    pdm_judge_destroy(&judge);
    pdm_free_way_close(&free);
    return status;
}
