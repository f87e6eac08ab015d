/* Vectors of network parameters: launches, and norms to the host. */
#include "backend/cuda/cuda_impl.h"

#include <math.h>

#include "backend/cuda/optimiser.h"

pdm_status adam_f32_cuda(pdm_backend *b, const pdm_adam *adam, pdm_buffer *gradient, pdm_buffer *m, pdm_buffer *v,
                         pdm_buffer *parameters)
{
    CUDA_HERE(b);
    const double correction1 = 1.0 - pow(adam->beta1, (double)adam->step),
                 correction2 = 1.0 - pow(adam->beta2, (double)adam->step);
    adam_args args           = {.n               = adam->n,
                                .gradient        = cuda_data(gradient),
                                .m               = cuda_data(m),
                                .v               = cuda_data(v),
                                .parameters      = cuda_data(parameters),
                                .gradient_scale  = (float)adam->gradient_scale,
                                .beta1           = (float)adam->beta1,
                                .one_minus_beta1 = (float)(1.0 - adam->beta1),
                                .beta2           = (float)adam->beta2,
                                .one_minus_beta2 = (float)(1.0 - adam->beta2),
                                .rate            = (float)(adam->learning_rate / correction1),
                                .correction2     = (float)(1.0 / correction2),
                                .epsilon         = (float)adam->epsilon};

    return cuda_launch(pdm_cuda_of(b), adam_kernel, cuda_grid_of(adam->n, 1), &args);
}

pdm_status norm2_f32_cuda(pdm_backend *b, pdm_size n, pdm_buffer *x, double *out)
{
    CUDA_HERE(b);
    pdm_status status = PDM_OK;
    pdm_cuda  *cu     = pdm_cuda_of(b);
    norm_args  args   = {.n = n, .chunk = NORM_CHUNK, .x = cuda_data(x)};

    while (args.chunk * NORM_MOST < n) args.chunk *= 2;
    args.n_chunk = n > 0 ? (n + args.chunk - 1) / args.chunk : 1;
    PDM_TRY(cuda_reserve(cu, (NORM_MOST + 1) * sizeof(double)));
    args.sum     = cu->scratch;
    args.partial = args.sum + 1;
    PDM_TRY(cuda_launch(cu, norm_chunks_kernel, ((cuda_grid){args.n_chunk, 1, NORM_THREADS, 0}), &args));
    PDM_TRY(cuda_launch(cu, norm_sum_kernel, ((cuda_grid){1, 1, NORM_MOST, 0}), &args));
    PDM_TRY(cuda_fetch(cu, args.sum, sizeof *args.sum, out));
done:
    return status;
}

pdm_status combine_f32_cuda(pdm_backend *b, pdm_size n, double alpha, pdm_buffer *x, double beta, pdm_buffer *y)
{
    CUDA_HERE(b);
    combine_args args = {.n = n, .alpha = (float)alpha, .beta = (float)beta, .x = cuda_data(x), .y = cuda_data(y)};

    return cuda_launch(pdm_cuda_of(b), combine_kernel, cuda_grid_of(n, 1), &args);
}

pdm_status widen_f32_cuda(pdm_backend *b, pdm_size n, pdm_buffer *x, double beta, pdm_buffer *y)
{
    CUDA_HERE(b);
    width_args args = {.n = n, .factor = beta, .narrow = cuda_data(x), .wide = cuda_data(y)};

    return cuda_launch(pdm_cuda_of(b), widen_kernel, cuda_grid_of(n, 1), &args);
}

pdm_status narrow_f64_cuda(pdm_backend *b, pdm_size n, double alpha, pdm_buffer *x, pdm_buffer *y)
{
    CUDA_HERE(b);
    width_args args = {.n = n, .factor = alpha, .narrow = cuda_data(y), .wide = cuda_data(x)};

    return cuda_launch(pdm_cuda_of(b), narrow_kernel, cuda_grid_of(n, 1), &args);
}
