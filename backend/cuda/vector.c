/* FP64 vectors: launches, and dot products to the host. */
#include "backend/cuda/cuda_impl.h"

#include "backend/cuda/vector.h"

/* Chunks of a dot product: of DOT_CHUNK numbers, longer where there would be more than DOT_MOST. For n alone. */
static void dot_chunks(pdm_size n, pdm_size *chunk, pdm_size *n_chunk)
{
    *chunk = DOT_CHUNK;
    while (*chunk * DOT_MOST < n) *chunk *= 2;
    *n_chunk = (n + *chunk - 1) / *chunk;
    if (*n_chunk < 1) *n_chunk = 1;
}

pdm_status vector_dot_cuda(pdm_backend *b, pdm_batch s, pdm_size n, pdm_buffer *x, pdm_buffer *y, pdm_buffer *weight,
                           double *out)
{
    pdm_status  status = PDM_OK;
    pdm_cuda   *cu     = pdm_cuda_of(b);
    vector_args args   = {.n_listed = s.n, .n = n, .x = cuda_data(x), .y = cuda_data(y), .weight = cuda_data(weight)};

    if (s.n == 0) return PDM_OK;
    dot_chunks(n, &args.chunk, &args.n_chunk);
    PDM_TRY(cuda_reserve(cu, (size_t)(s.n * (args.n_chunk + 1)) * sizeof(double)));
    PDM_TRY(cuda_post_list(cu, s, &args.index));
    args.sum     = cu->scratch;
    args.partial = args.sum + s.n;
    PDM_TRY(cuda_launch(cu, vector_dot_chunks_kernel, ((cuda_grid){args.n_chunk, s.n, DOT_THREADS, 0}), &args));
    PDM_TRY(cuda_launch(cu, vector_dot_sum_kernel, ((cuda_grid){1, s.n, DOT_THREADS, 0}), &args));
    PDM_TRY(cuda_fetch_listed(cu, s, args.sum, out));
done:
    return status;
}

pdm_status vector_combine_cuda(pdm_backend *b, pdm_batch s, pdm_size n, const double *alpha, pdm_buffer *x,
                               const double *beta, pdm_buffer *y, pdm_buffer *z)
{
    pdm_status  status = PDM_OK;
    pdm_cuda   *cu     = pdm_cuda_of(b);
    vector_args args   = {.n_listed = s.n, .n = n, .x = cuda_data(x), .y = cuda_data(y), .z = cuda_data(z)};

    PDM_TRY(cuda_post_list(cu, s, &args.index));
    PDM_TRY(cuda_post_listed(cu, s, alpha, &args.alpha));
    if (beta) PDM_TRY(cuda_post_listed(cu, s, beta, &args.beta));
    PDM_TRY(cuda_launch(cu, vector_combine_kernel, cuda_grid_of(n, s.n), &args));
done:
    return status;
}

pdm_status vector_multiply_cuda(pdm_backend *b, pdm_batch s, pdm_size n, pdm_buffer *x, pdm_buffer *y, pdm_buffer *z)
{
    pdm_status  status = PDM_OK;
    pdm_cuda   *cu     = pdm_cuda_of(b);
    vector_args args   = {.n_listed = s.n, .n = n, .x = cuda_data(x), .y = cuda_data(y), .z = cuda_data(z)};

    PDM_TRY(cuda_post_list(cu, s, &args.index));
    PDM_TRY(cuda_launch(cu, vector_multiply_kernel, cuda_grid_of(n, s.n), &args));
done:
    return status;
}
