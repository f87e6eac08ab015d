#include "backend/cuda/pack.h"

#include <string.h>

enum { ALIGNMENT = 256 };

const void *cuda_pack_put_items(cuda_pack *k, const void *host, pdm_size n, size_t item)
{
    const size_t bytes = (size_t)n * item, at = k->used;

    k->used += (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    if (!k->host) return NULL;
    if (bytes > 0) memcpy(k->host + at, host, bytes);
    return k->device + at;
}

pdm_status cuda_pack_allocate(pdm_cuda *cu, cuda_pack *k)
{
    pdm_status status = PDM_OK;

    k->bytes = k->used > 0 ? k->used : 1;
    k->used  = 0;
    PDM_TRY(cuda_take(cu, (pdm_size)k->bytes, &k->device));
    PDM_TRY(pdm_alloc(cu->base.ctx, k->bytes, &k->host));
done:
    return status;
}

pdm_status cuda_pack_send(pdm_cuda *cu, cuda_pack *k)
{
    pdm_status status = PDM_OK;

    CUDA_TRY(cu, cudaMemcpyAsync(k->device, k->host, k->bytes, cudaMemcpyHostToDevice, cu->stream));
    PDM_TRY(cuda_wait(cu));
    pdm_free(cu->base.ctx, k->host);
    k->host = NULL;
done:
    return status;
}

void cuda_pack_destroy(pdm_cuda *cu, cuda_pack *k)
{
    pdm_free(cu->base.ctx, k->host);
    cuda_free(cu, k->device);
    *k = (cuda_pack){0};
}
