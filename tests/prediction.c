#include "tests/prediction.h"

#include <stdlib.h>
#include <string.h>

pdm_status context_on_backend(pdm_context **out)
{
    pdm_status   status = PDM_OK;
    pdm_context *ctx    = NULL;
    PDM_TRY(pdm_context_create(NULL, &ctx));
    PDM_TRY(pdm_context_set_backend(ctx, getenv("PDM_TEST_BACKEND")));
    *out = ctx;
done:
    return status;
}

bool on_backend(const char *name)
{
    const char *given = getenv("PDM_TEST_BACKEND");
    return given && strcmp(given, name) == 0;
}

pdm_status model_loss(pdm_model *m, pdm_size step, bool gradient, double *loss)
{
    pdm_status      status = PDM_OK;
    pdm_size        n_good = 0;
    pdm_step_report r;
    PDM_TRY(pdm_train_loss(m, step, pdm_model_batch(m, m->n_batch), gradient, &n_good, &r));
    *loss = r.loss;
done:
    return status;
}

pdm_status predict_on(pdm_model *m, const pdm_size *n_coordinate, double *const *coordinate, double polish, pdm_size n,
                      const double *input, double *u, pdm_solve_result *result)
{
    pdm_status        status = PDM_OK;
    pdm_output_grid  *grid   = NULL;
    pdm_model_way     by     = {.m = m, .polish = polish};
    pdm_way           way;
    pdm_predict_times times = {0};
    const pdm_run     run   = {.n = n, .input = input, .u = u, .result = result, .times = &times};
    PDM_TRY(pdm_output_grid_create(m->whole, m->n_batch, n_coordinate, coordinate, &grid));
    PDM_TRY(pdm_way_of_model(&by, grid, &way));
    PDM_TRY(pdm_predict_run(&way, grid, &run));
done:
    pdm_model_way_close(&by);
    pdm_output_grid_destroy(&grid);
    return status;
}
