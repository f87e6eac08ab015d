/* Tables of numbers, sample by sample: what exists of a sample. The host has them too. */
#include "backend/cuda/cuda_impl.h"

#include <string.h>

#include "backend/cuda/table.h"

void cuda_owned_destroy(pdm_cuda *cu, cuda_owned *o)
{
    for (int i = 0; i < o->n; i++) cuda_free(cu, o->item[i]);
    *o = (cuda_owned){.n = 0};
}

pdm_status cuda_keep_room_bytes(pdm_cuda *cu, cuda_owned *o, pdm_size n, size_t item, void **out)
{
    pdm_status status = PDM_OK;

    PDM_ASSERT(o->n < (int)(sizeof o->item / sizeof *o->item));
    PDM_TRY(cuda_take_bytes(cu, n, item, &o->item[o->n]));
    *out = o->item[o->n++];
done:
    return status;
}

pdm_status cuda_keep_bytes(pdm_cuda *cu, cuda_owned *o, const void *host, pdm_size n, size_t item, const void **out)
{
    pdm_status status = PDM_OK;

    PDM_ASSERT(o->n < (int)(sizeof o->item / sizeof *o->item));
    PDM_TRY(cuda_upload_bytes(cu, host, n, item, &o->item[o->n]));
    *out = o->item[o->n++];
done:
    return status;
}

pdm_status cuda_table_create(pdm_cuda *cu, pdm_size n_sample, pdm_size n, cuda_table *t)
{
    pdm_status status = PDM_OK;

    *t = (cuda_table){.n_sample = n_sample, .n = n};
    PDM_TRY(pdm_alloc_array(cu->base.ctx, n_sample * n, &t->host));
    PDM_TRY(pdm_alloc_array(cu->base.ctx, n_sample * n, &t->listed));
    PDM_TRY(cuda_take(cu, n_sample * n, &t->device));
done:
    return status;
}

void cuda_table_destroy(pdm_cuda *cu, cuda_table *t)
{
    pdm_free(cu->base.ctx, t->host);
    pdm_free(cu->base.ctx, t->listed);
    cuda_free(cu, t->device);
    *t = (cuda_table){0};
}

pdm_status cuda_table_send(pdm_cuda *cu, cuda_table *t, pdm_batch s)
{
    pdm_status status = PDM_OK;
    table_args args   = {.n_listed = s.n, .n = t->n, .to = t->device};

    if (s.n == 0 || t->n == 0) return PDM_OK;
    for (pdm_size i = 0; i < s.n; i++)
        memcpy(t->listed + i * t->n, t->host + s.index[i] * t->n, (size_t)t->n * sizeof *t->host);
    PDM_TRY(cuda_post_list(cu, s, &args.index));
    PDM_TRY(cuda_post(cu, t->listed, s.n * t->n, &args.from));
    PDM_TRY(cuda_launch(cu, table_place_kernel, cuda_grid_of(t->n, s.n), &args));
done:
    return status;
}

pdm_status cuda_send_bytes(pdm_cuda *cu, const void *host, pdm_size n, size_t item, void *device)
{
    pdm_status  status = PDM_OK;
    const void *from   = NULL;

    if (n == 0) return PDM_OK;
    PDM_TRY(cuda_post_bytes(cu, host, n, item, &from));
    CUDA_TRY(cu, cudaMemcpyAsync(device, from, (size_t)n * item, cudaMemcpyDeviceToDevice, cu->stream));
done:
    return status;
}

pdm_status cuda_table_send_all(pdm_cuda *cu, cuda_table *t)
{
    return cuda_send(cu, t->host, t->n_sample * t->n, t->device);
}
