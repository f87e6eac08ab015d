/* FP64 vectors: dot products by a fixed tree, linear combinations, products. */
#include "backend/cuda/vector.h"

#include "backend/cuda/tree.h"

PDM_KERNEL(vector_dot_chunks_kernel, vector_args)
{
    __shared__ double work[DOT_THREADS];

    for (int64_t s = blockIdx.y; s < a.n_listed; s += gridDim.y) {
        const int64_t at = a.index[s] * a.n, first = (int64_t)blockIdx.x * a.chunk,
                      end = first + a.chunk < a.n ? first + a.chunk : a.n;
        double sum        = 0.0;
        for (int64_t i = at + first + threadIdx.x; i < at + end; i += DOT_THREADS)
            sum += a.weight ? a.x[i] * a.y[i] * a.weight[i] : a.x[i] * a.y[i];
        sum = tree_sum(sum, work);
        if (threadIdx.x == 0) a.partial[s * a.n_chunk + blockIdx.x] = sum;
    }
}

PDM_KERNEL(vector_dot_sum_kernel, vector_args)
{
    __shared__ double work[DOT_THREADS];

    for (int64_t s = blockIdx.y; s < a.n_listed; s += gridDim.y) {
        const double sum = tree_sum(threadIdx.x < a.n_chunk ? a.partial[s * a.n_chunk + threadIdx.x] : 0.0, work);
        if (threadIdx.x == 0) a.sum[s] = sum;
    }
}

/* z may be x or y. */
PDM_KERNEL(vector_combine_kernel, vector_args)
{
    const int64_t i = item();

    for (int64_t s = blockIdx.y; s < a.n_listed && i < a.n; s += gridDim.y) {
        const int64_t at    = a.index[s] * a.n + i;
        const double  alpha = a.alpha[s];
        if (a.beta)
            a.z[at] = alpha * a.x[at] + a.beta[s] * a.y[at];
        else
            a.z[at] = alpha == 0.0 ? 0.0 : alpha * a.x[at]; /* also where x holds NaN from a solve that failed */
    }
}

PDM_KERNEL(vector_multiply_kernel, vector_args)
{
    const int64_t i = item();

    for (int64_t s = blockIdx.y; s < a.n_listed && i < a.n; s += gridDim.y) {
        const int64_t at = a.index[s] * a.n + i;
        a.z[at]          = a.x[at] * a.y[at];
    }
}
