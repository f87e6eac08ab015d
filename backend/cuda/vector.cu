/* FP64 vectors: dot products by a fixed tree, linear combinations, products. */
#include "backend/cuda/vector.h"

#include "backend/cuda/tree.h"

PDM_KERNEL(vector_dots_chunks_kernel, vector_dots_args)
{
    __shared__ double work[DOT_THREADS];
    const vector_dot *d = a.dot;

    while (blockIdx.x >= d->chunk0 + d->n_chunk) d++;
    for (int64_t s = blockIdx.y; s < a.n_listed; s += gridDim.y) {
        const int64_t at = a.index[s] * d->n, first = (blockIdx.x - d->chunk0) * d->chunk,
                      end = first + d->chunk < d->n ? first + d->chunk : d->n;
        double sum        = 0.0;
        for (int64_t i = at + first + threadIdx.x; i < at + end; i += DOT_THREADS)
            sum += d->weight ? d->x[i] * d->y[i] * d->weight[i] : d->x[i] * d->y[i];
        sum = tree_sum(sum, work);
        if (threadIdx.x == 0) a.partial[s * a.n_chunk + blockIdx.x] = sum;
    }
}

PDM_KERNEL(vector_dots_sum_kernel, vector_dots_args)
{
    __shared__ double work[DOT_THREADS];
    const vector_dot *d = &a.dot[blockIdx.x];

    for (int64_t s = blockIdx.y; s < a.n_listed; s += gridDim.y) {
        const double *partial = a.partial + s * a.n_chunk + d->chunk0;
        const double  sum     = tree_sum(threadIdx.x < d->n_chunk ? partial[threadIdx.x] : 0.0, work);
        if (threadIdx.x == 0) a.sum[blockIdx.x * a.n_listed + s] = sum;
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

/* As pdm_positive(). */
PDM_KERNEL(vector_positive_kernel, vector_args)
{
    const int64_t i = item();

    for (int64_t s = blockIdx.y; s < a.n_listed && i < a.n; s += gridDim.y) {
        const int64_t at = a.index[s] * a.n + i;
        const double  v = a.z[at], z = v / a.scale;
        a.z[at]         = z > 40.0 ? v : a.scale * log1p(exp(fmax(z, -700.0)));
    }
}
