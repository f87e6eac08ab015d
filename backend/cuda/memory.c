/* Memory of the device, and the only ways of numbers between it and the host beside buffers. */
#include "backend/cuda/cuda_impl.h"

#include <string.h>

enum { RING_BYTES = 1 << 18, ALIGNMENT = 256 };

static double mebibytes(size_t bytes)
{
    return (double)bytes / 1048576.0;
}

pdm_status cuda_fail(pdm_cuda *cu, cudaError_t code, const char *call, const char *function)
{
    (void)cudaGetLastError(); /* it is told here, and not by the next launch again */
    return pdm_error_set(cu->base.ctx, code == cudaErrorMemoryAllocation ? PDM_ERR_MEMORY : PDM_ERR_INTERNAL, NULL,
                         function, "CUDA: %s (%s)", cudaGetErrorString(code), call);
}

pdm_status cuda_fail_blas(pdm_cuda *cu, cublasStatus_t code, const char *call, const char *function)
{
    const bool memory = code == CUBLAS_STATUS_ALLOC_FAILED || code == CUBLAS_STATUS_NOT_INITIALIZED;
    return pdm_error_set(cu->base.ctx, memory ? PDM_ERR_MEMORY : PDM_ERR_INTERNAL, NULL, function, "cuBLAS: %s (%s)",
                         cublasGetStatusString(code), call);
}

pdm_status cuda_fail_solver(pdm_cuda *cu, cusolverStatus_t code, const char *call, const char *function)
{
    const bool memory = code == CUSOLVER_STATUS_ALLOC_FAILED || code == CUSOLVER_STATUS_NOT_INITIALIZED;
    return pdm_error_set(cu->base.ctx, memory ? PDM_ERR_MEMORY : PDM_ERR_INTERNAL, NULL, function,
                         "cuSOLVER: status %d%s (%s)", (int)code, memory ? ", short of memory" : "", call);
}

static pdm_status fail_for_memory(pdm_cuda *cu, size_t bytes)
{
    size_t available = 0, total = 0;

    (void)cudaGetLastError();
    (void)cudaMemGetInfo(&available, &total);
    return pdm_error_set(cu->base.ctx, PDM_ERR_MEMORY, NULL, __func__,
                         "%.1f MiB more are wanted on device %d, \"%s\"; %.1f of its %.0f MiB are free; fewer samples "
                         "at once need less (training:batch)",
                         mebibytes(bytes), cu->device, cu->properties.name, mebibytes(available), mebibytes(total));
}

/* Room for one more. */
static pdm_status grow_taken(pdm_cuda *cu)
{
    pdm_status  status = PDM_OK;
    cuda_taken *larger = NULL;

    if (cu->n_taken < cu->most_taken) return PDM_OK;
    const pdm_size most = 2 * cu->most_taken + 64;
    PDM_TRY(pdm_alloc_array(cu->base.ctx, most, &larger));
    if (cu->n_taken > 0) memcpy(larger, cu->taken, (size_t)cu->n_taken * sizeof *larger);
    pdm_free(cu->base.ctx, cu->taken);
    cu->taken      = larger;
    cu->most_taken = most;
done:
    return status;
}

pdm_status cuda_take_bytes(pdm_cuda *cu, pdm_size n, size_t item, void **out)
{
    pdm_status status = PDM_OK;
    void      *device = NULL;
    size_t     bytes  = 0;

    if (n < 0 || __builtin_mul_overflow((size_t)n, item, &bytes))
        PDM_FAIL(cu->base.ctx, PDM_ERR_MEMORY, "%lld items of %zu bytes are more than there is memory", (long long)n,
                 item);
    if (bytes == 0) bytes = 1;
    PDM_TRY(grow_taken(cu));
    const cudaError_t code = cudaMalloc(&device, bytes);
    if (code == cudaErrorMemoryAllocation) PDM_TRY(fail_for_memory(cu, bytes));
    if (code != cudaSuccess) PDM_TRY(cuda_fail(cu, code, "cudaMalloc", __func__));
    cu->taken[cu->n_taken++] = (cuda_taken){device, bytes};
    pdm_context_count_device(cu->base.ctx, (int64_t)bytes);
    CUDA_TRY(cu, cudaMemsetAsync(device, 0, bytes, cu->stream));
    *out   = device;
    device = NULL;
done:
    cuda_free(cu, device);
    return status;
}

/* The last ones go first, mostly. */
void cuda_free(pdm_cuda *cu, void *device)
{
    pdm_size i = cu->n_taken - 1;

    if (!device) return;
    while (i > 0 && cu->taken[i].device != device) i--;
    pdm_context_count_device(cu->base.ctx, -(int64_t)cu->taken[i].bytes);
    cu->taken[i] = cu->taken[--cu->n_taken];
    (void)cudaFree(device);
}

pdm_status cuda_upload_bytes(pdm_cuda *cu, const void *host, pdm_size n, size_t item, void **out)
{
    pdm_status status = PDM_OK;
    void      *device = NULL;

    PDM_TRY(cuda_take_bytes(cu, n, item, &device));
    if (n > 0) CUDA_TRY(cu, cudaMemcpyAsync(device, host, (size_t)n * item, cudaMemcpyHostToDevice, cu->stream));
    PDM_TRY(cuda_wait(cu));
    *out   = device;
    device = NULL;
done:
    cuda_free(cu, device);
    return status;
}

pdm_status cuda_reserve(pdm_cuda *cu, size_t bytes)
{
    pdm_status status = PDM_OK;
    void      *larger = NULL;

    if (bytes <= cu->scratch_bytes) return PDM_OK;
    PDM_TRY(cuda_take_bytes(cu, (pdm_size)bytes, 1, &larger));
    PDM_TRY(cuda_wait(cu)); /* operations may still read the old one */
    void *old         = cu->scratch;
    cu->scratch       = larger;
    cu->scratch_bytes = bytes;
    larger            = old;
done:
    cuda_free(cu, larger);
    return status;
}

pdm_status cuda_wait(pdm_cuda *cu)
{
    pdm_status status = PDM_OK;

    CUDA_TRY(cu, cudaStreamSynchronize(cu->stream));
    cu->n_wait++;
done:
    return status;
}

/* ---- to the device ---- */

/* A ring of at least four times so many bytes in place of one that operations may still read from. */
static pdm_status grow_ring(pdm_cuda *cu, size_t bytes)
{
    pdm_status status = PDM_OK;
    cuda_ring *k      = &cu->ring;
    void      *host = NULL, *device = NULL;
    size_t     larger = k->bytes ? k->bytes : RING_BYTES;

    while (larger < 4 * bytes) larger *= 2;
    PDM_ASSERT(k->n_outgrown + 2 <= (int)(sizeof k->outgrown / sizeof *k->outgrown));
    CUDA_TRY(cu, cudaMallocHost(&host, larger));
    PDM_TRY(cuda_take_bytes(cu, (pdm_size)larger, 1, &device));
    if (k->bytes) {
        k->outgrown[k->n_outgrown++] = k->host;
        k->outgrown[k->n_outgrown++] = k->device;
    }
    k->host   = host;
    k->device = device;
    k->bytes  = larger;
    k->used   = 0;
    host      = NULL;
done:
    if (host) (void)cudaFreeHost(host);
    return status;
}

pdm_status cuda_memory_create(pdm_cuda *cu)
{
    return grow_ring(cu, 1);
}

/* Where in the ring so many bytes go. One operation's numbers take a quarter of it at most each, so that the one that
 * begins at its start again leaves alone what was posted just before. */
static pdm_status place_in_ring(pdm_cuda *cu, size_t bytes, size_t *at)
{
    pdm_status status = PDM_OK;
    cuda_ring *k      = &cu->ring;

    if (4 * bytes > k->bytes) PDM_TRY(grow_ring(cu, bytes));
    if (k->used + bytes > k->bytes) {
        PDM_TRY(cuda_wait(cu));
        k->used = 0;
    }
    *at = k->used;
    k->used += (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
done:
    return status;
}

pdm_status cuda_post_bytes(pdm_cuda *cu, const void *host, pdm_size n, size_t item, const void **out)
{
    pdm_status   status = PDM_OK;
    const size_t bytes  = (size_t)n * item;
    size_t       at     = 0;

    if (bytes == 0) {
        *out = cu->ring.device;
        return PDM_OK;
    }
    PDM_TRY(place_in_ring(cu, bytes, &at));
    char *from = cu->ring.host + at, *to = cu->ring.device + at;
    memcpy(from, host, bytes);
    CUDA_TRY(cu, cudaMemcpyAsync(to, from, bytes, cudaMemcpyHostToDevice, cu->stream));
    *out = to;
done:
    return status;
}

pdm_status cuda_post_listed(pdm_cuda *cu, pdm_batch s, const double *host, const double **out)
{
    pdm_status   status = PDM_OK;
    const size_t bytes  = (size_t)s.n * sizeof *host;
    size_t       at     = 0;

    PDM_TRY(place_in_ring(cu, bytes, &at));
    double *from = (double *)(void *)(cu->ring.host + at), *to = (double *)(void *)(cu->ring.device + at);
    for (pdm_size i = 0; i < s.n; i++) from[i] = host[s.index[i]];
    if (bytes > 0) CUDA_TRY(cu, cudaMemcpyAsync(to, from, bytes, cudaMemcpyHostToDevice, cu->stream));
    *out = to;
done:
    return status;
}

pdm_status cuda_reserve_list(pdm_cuda *cu, pdm_size n)
{
    pdm_status status = PDM_OK;
    cuda_list  larger = {.most = 2 * n};

    if (n <= cu->list.most) return PDM_OK;
    PDM_TRY(pdm_alloc_array(cu->base.ctx, larger.most, &larger.host));
    PDM_TRY(cuda_take(cu, larger.most, &larger.device));
    PDM_TRY(cuda_wait(cu));
    const cuda_list old = cu->list;
    cu->list            = larger;
    larger              = old;
done:
    pdm_free(cu->base.ctx, larger.host);
    cuda_free(cu, larger.device);
    return status;
}

pdm_status cuda_post_list(pdm_cuda *cu, pdm_batch s, const int32_t **out)
{
    pdm_status   status = PDM_OK;
    const size_t bytes  = (size_t)s.n * sizeof *s.index;
    size_t       at     = 0;
    cuda_list   *k      = &cu->list;

    PDM_TRY(cuda_reserve_list(cu, s.n));
    *out = k->device;
    if (s.n == 0 || (s.n == k->n && memcmp(s.index, k->host, bytes) == 0)) return PDM_OK;
    k->n = 0; /* until it is on its way */
    PDM_TRY(place_in_ring(cu, bytes, &at));
    memcpy(cu->ring.host + at, s.index, bytes);
    CUDA_TRY(cu, cudaMemcpyAsync(k->device, cu->ring.host + at, bytes, cudaMemcpyHostToDevice, cu->stream));
    memcpy(k->host, s.index, bytes);
    k->n = s.n;
done:
    return status;
}

/* ---- to the host ---- */

static pdm_status grow_fetched(pdm_cuda *cu, size_t bytes)
{
    pdm_status status = PDM_OK;
    void      *larger = NULL;

    if (bytes <= cu->fetched_bytes) return PDM_OK;
    CUDA_TRY(cu, cudaMallocHost(&larger, 2 * bytes));
    if (cu->fetched) (void)cudaFreeHost(cu->fetched); /* nothing is on its way: every fetch waits */
    cu->fetched       = larger;
    cu->fetched_bytes = 2 * bytes;
done:
    return status;
}

/* Into cu->fetched. */
static pdm_status fetch(pdm_cuda *cu, const void *device, size_t bytes)
{
    pdm_status status = PDM_OK;

    PDM_TRY(grow_fetched(cu, bytes));
    CUDA_TRY(cu, cudaMemcpyAsync(cu->fetched, device, bytes, cudaMemcpyDeviceToHost, cu->stream));
    PDM_TRY(cuda_wait(cu));
done:
    return status;
}

pdm_status cuda_fetch(pdm_cuda *cu, const void *device, size_t bytes, void *host)
{
    pdm_status status = PDM_OK;

    if (bytes == 0) return PDM_OK;
    PDM_TRY(fetch(cu, device, bytes));
    memcpy(host, cu->fetched, bytes);
done:
    return status;
}

pdm_status cuda_fetch_dots(pdm_cuda *cu, pdm_batch s, const double *device, pdm_size n_dot, const pdm_dot *dot)
{
    pdm_status status = PDM_OK;

    PDM_TRY(fetch(cu, device, (size_t)(n_dot * s.n) * sizeof *device));
    const double *from = cu->fetched;
    for (pdm_size k = 0; k < n_dot; k++)
        for (pdm_size i = 0; i < s.n; i++) dot[k].out[s.index[i]] = *from++;
done:
    return status;
}

void cuda_memory_destroy(pdm_cuda *cu)
{
    for (int i = 0; i < cu->ring.n_outgrown; i += 2) {
        (void)cudaFreeHost(cu->ring.outgrown[i]);
        cuda_free(cu, cu->ring.outgrown[i + 1]);
    }
    if (cu->ring.host) (void)cudaFreeHost(cu->ring.host);
    if (cu->fetched) (void)cudaFreeHost(cu->fetched);
    cuda_free(cu, cu->ring.device);
    cuda_free(cu, cu->list.device);
    pdm_free(cu->base.ctx, cu->list.host);
    cuda_free(cu, cu->scratch);
    pdm_free(cu->base.ctx, cu->taken);
}
