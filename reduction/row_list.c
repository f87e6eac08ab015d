#include "reduction/reduction.h"

pdm_status pdm_row_list_keep(pdm_context *ctx, pdm_size n_row, const double *weight, pdm_row_list *out)
{
    pdm_status   status = PDM_OK;
    pdm_row_list x      = {0};

    for (pdm_size i = 0; i < n_row; i++) x.n += weight[i] > 0.0;
    PDM_TRY(pdm_alloc_array(ctx, x.n, &x.row));
    PDM_TRY(pdm_alloc_array(ctx, x.n, &x.weight));
    x.n = 0;
    for (pdm_size i = 0; i < n_row; i++) {
        if (!(weight[i] > 0.0)) continue;
        x.row[x.n]      = (int32_t)i;
        x.weight[x.n++] = weight[i];
    }
    *out = x;
    x    = (pdm_row_list){0};
done:
    pdm_row_list_destroy(ctx, &x);
    return status;
}

void pdm_row_list_destroy(pdm_context *ctx, pdm_row_list *x)
{
    pdm_free(ctx, x->row);
    pdm_free(ctx, x->weight);
    *x = (pdm_row_list){0};
}
