/* FP32 vectors of parameters: steps of Adam, norms by a fixed tree, linear combinations. */
#include "backend/cuda/optimiser.h"

#include "backend/cuda/tree.h"

PDM_KERNEL(adam_kernel, adam_args)
{
    const int64_t i = item();

    if (i < a.n) { /* fused where the CPU's kernels are */
        const float g   = a.gradient[i] * a.gradient_scale;
        const float m   = fmaf(a.one_minus_beta1, g, __fmul_rn(a.beta1, a.m[i]));
        const float v   = fmaf(a.one_minus_beta2 * g, g, __fmul_rn(a.beta2, a.v[i]));
        a.m[i]          = m;
        a.v[i]          = v;
        a.parameters[i] = a.parameters[i] - a.rate * m / __fadd_rn(sqrtf(v * a.correction2), a.epsilon);
    }
}

PDM_KERNEL(norm_chunks_kernel, norm_args)
{
    __shared__ double work[NORM_THREADS];
    const int64_t     first = (int64_t)blockIdx.x * a.chunk, end = first + a.chunk < a.n ? first + a.chunk : a.n;
    double            sum = 0.0;

    for (int64_t i = first + threadIdx.x; i < end; i += NORM_THREADS) sum += (double)a.x[i] * (double)a.x[i];
    sum = tree_sum(sum, work);
    if (threadIdx.x == 0) a.partial[blockIdx.x] = sum;
}

PDM_KERNEL(norm_sum_kernel, norm_args)
{
    __shared__ double work[NORM_MOST];
    const double      sum = tree_sum(threadIdx.x < a.n_chunk ? a.partial[threadIdx.x] : 0.0, work);

    if (threadIdx.x == 0) *a.sum = sum;
}

/* y is not read where beta is 0; x may be y. */
PDM_KERNEL(combine_kernel, combine_args)
{
    const int64_t i = item();

    if (i < a.n) {
        const float x = __fmul_rn(a.alpha, a.x[i]);
        a.y[i]        = a.beta == 0.0f ? x : __fadd_rn(x, __fmul_rn(a.beta, a.y[i]));
    }
}

/* wide is not read where the factor is 0. */
PDM_KERNEL(widen_kernel, width_args)
{
    const int64_t i = item();

    if (i < a.n) {
        const double x = (double)a.narrow[i];
        a.wide[i]      = a.factor == 0.0 ? x : __dadd_rn(x, __dmul_rn(a.factor, a.wide[i]));
    }
}

PDM_KERNEL(narrow_kernel, width_args)
{
    const int64_t i = item();

    if (i < a.n) a.narrow[i] = (float)(a.factor * a.wide[i]);
}
