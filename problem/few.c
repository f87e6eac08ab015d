/* Solutions of a few inputs, to see where they bend and where they are hard to reach. */
#include "problem/problem.h"

enum { ITERATIONS = 200 };
static const double TOLERANCE = 1e-4;

void pdm_few_destroy(pdm_context *ctx, pdm_few *few)
{
    pdm_free_solver_destroy(&few->free);
    pdm_samples_destroy(&few->samples);
    pdm_free(ctx, few->number);
    *few = (pdm_few){0};
}

/* The samples whose solution says something: also of a solve that did not get to the end. */
static pdm_size keep_usable(pdm_few *few, pdm_size n)
{
    pdm_size kept = 0;
    for (pdm_size i = 0; i < n; i++) {
        const int reason = pdm_solver_results(few->free->solver)[i].reason;
        if (reason != PDM_REASON_NOT_FINITE && reason != PDM_REASON_SINGULAR) few->number[kept++] = (int32_t)i;
    }
    return kept;
}

pdm_status pdm_few_solve(const pdm_problem *p, const char *what, pdm_few *out)
{
    pdm_status     status = PDM_OK;
    pdm_few        few    = {0};
    const pdm_size n      = pdm_domain_n_input(p->domain) > 0 ? p->training.batch : 1;

    PDM_TRY(pdm_alloc_array(p->ctx, n, &few.number));
    PDM_TRY(pdm_samples_create(p, n, &few.samples));
    PDM_TRY(pdm_inputs_draw_step(p->inputs, 0, 0, n, few.samples->input, few.number)); /* which ones does not matter */
    PDM_TRY(pdm_samples_prepare(few.samples, n, few.samples->input));
    pdm_log(p->ctx, PDM_LOG_INFO, "model", "%s: solving for %lld input%s with all coefficients free", what,
            (long long)n, n == 1 ? "" : "s");
    PDM_TRY(pdm_free_solver_create(p, n, TOLERANCE, ITERATIONS, &few.free));
    PDM_TRY(pdm_free_solver_solve(few.free, few.samples, pdm_samples_batch(few.samples, n), PDM_START_ZERO));
    const pdm_size kept = keep_usable(&few, n);
    if (kept == 0)
        PDM_FAIL(p->ctx, PDM_ERR_NUMERIC, "%s: no solve went well enough to see where solutions bend (%s)", what,
                 pdm_reason_text(pdm_solver_results(few.free->solver)[0].reason));
    few.batch = (pdm_batch){kept, few.number};
    *out      = few;
    few       = (pdm_few){0};
done:
    pdm_few_destroy(p->ctx, &few);
    return status;
}
