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

/* Describes a dot product and adds its blocks to those of the launch. */
static vector_dot describe_dot(const pdm_dot *dot, pdm_size *n_chunk)
{
    vector_dot d = {.n      = dot->n,
                    .x      = cuda_data(dot->x),
                    .y      = cuda_data(dot->y),
                    .weight = cuda_data(dot->weight),
                    .chunk0 = *n_chunk};
    dot_chunks(d.n, &d.chunk, &d.n_chunk);
    *n_chunk += d.n_chunk;
    return d;
}

/* At most DOTS_MOST dot products into args.sum. */
static pdm_status launch_dots(pdm_cuda *cu, pdm_size n_dot, const pdm_dot *dot, vector_dots_args args)
{
    pdm_status status = PDM_OK;

    for (pdm_size i = 0; i < n_dot; i++) args.dot[i] = describe_dot(&dot[i], &args.n_chunk);
    PDM_TRY(
        cuda_launch(cu, vector_dots_chunks_kernel, ((cuda_grid){args.n_chunk, args.n_listed, DOT_THREADS, 0}), &args));
    PDM_TRY(cuda_launch(cu, vector_dots_sum_kernel, ((cuda_grid){n_dot, args.n_listed, DOT_THREADS, 0}), &args));
done:
    return status;
}

pdm_status vector_dots_cuda(pdm_backend *b, pdm_batch s, pdm_size n_dot, const pdm_dot *dot)
{
    CUDA_HERE(b);
    pdm_status       status = PDM_OK;
    pdm_cuda        *cu     = pdm_cuda_of(b);
    vector_dots_args args   = {.n_listed = s.n};

    if (s.n == 0 || n_dot == 0) return PDM_OK;
    PDM_TRY(cuda_reserve(cu, (size_t)(s.n * (n_dot + DOTS_MOST * DOT_MOST)) * sizeof(double)));
    PDM_TRY(cuda_post_list(cu, s, &args.index));
    double *sum  = cu->scratch;
    args.partial = sum + n_dot * s.n;
    for (pdm_size i = 0; i < n_dot; i += DOTS_MOST) {
        args.sum = sum + i * s.n;
        PDM_TRY(launch_dots(cu, n_dot - i < DOTS_MOST ? n_dot - i : DOTS_MOST, dot + i, args));
    }
    PDM_TRY(cuda_fetch_dots(cu, s, sum, n_dot, dot));
done:
    return status;
}

pdm_status vector_combine_cuda(pdm_backend *b, pdm_batch s, pdm_size n, const double *alpha, pdm_buffer *x,
                               const double *beta, pdm_buffer *y, pdm_buffer *z)
{
    CUDA_HERE(b);
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
    CUDA_HERE(b);
    pdm_status  status = PDM_OK;
    pdm_cuda   *cu     = pdm_cuda_of(b);
    vector_args args   = {.n_listed = s.n, .n = n, .x = cuda_data(x), .y = cuda_data(y), .z = cuda_data(z)};

    PDM_TRY(cuda_post_list(cu, s, &args.index));
    PDM_TRY(cuda_launch(cu, vector_multiply_kernel, cuda_grid_of(n, s.n), &args));
done:
    return status;
}

pdm_status vector_positive_cuda(pdm_backend *b, pdm_batch s, pdm_size n, double scale, pdm_buffer *x)
{
    CUDA_HERE(b);
    pdm_status  status = PDM_OK;
    pdm_cuda   *cu     = pdm_cuda_of(b);
    vector_args args   = {.n_listed = s.n, .n = n, .scale = scale, .z = cuda_data(x)};

    PDM_TRY(cuda_post_list(cu, s, &args.index));
    PDM_TRY(cuda_launch(cu, vector_positive_kernel, cuda_grid_of(n, s.n), &args));
done:
    return status;
}
