/* Sums of a block's threads, by fixed trees. */
#ifndef PDM_CUDA_TREE_H
#define PDM_CUDA_TREE_H

#include "backend/cuda/device.h"

/* The sum of every thread's `value`, in all threads; work [blockDim.x], blockDim.x a power of two. All threads call. */
static __device__ double tree_sum(double value, double *work)
{
    const unsigned t = threadIdx.x;

    __syncthreads(); /* work may be read still */
    work[t] = value;
    __syncthreads();
    for (unsigned half = blockDim.x / 2; half > 0; half /= 2) {
        if (t < half) work[t] += work[t + half];
        __syncthreads();
    }
    return work[0];
}

/* The same over the threads whose place among `width` of them is the caller's: t, t + width, t + 2 width ..; width a
 * power of two. */
static __device__ double tree_sum_across(double value, unsigned width, double *work)
{
    const unsigned t = threadIdx.x;

    __syncthreads();
    work[t] = value;
    __syncthreads();
    for (unsigned half = blockDim.x / 2; half >= width; half /= 2) {
        if (t < half) work[t] += work[t + half];
        __syncthreads();
    }
    return work[t % width];
}

/* The same over `width` threads one after the other, a power of two: those of t / width. */
static __device__ double tree_sum_along(double value, unsigned width, double *work)
{
    const unsigned t = threadIdx.x;

    __syncthreads();
    work[t] = value;
    __syncthreads();
    for (unsigned half = width / 2; half > 0; half /= 2) {
        if (t % width < half) work[t] += work[t + half];
        __syncthreads();
    }
    return work[t / width * width];
}

/* The sum over a warp's threads, in its first; all of the warp call. */
static __device__ double warp_sum(double value)
{
    for (unsigned half = 16; half > 0; half /= 2) value += __shfl_down_sync(0xffffffffu, value, half);
    return value;
}

/* The largest of every thread's `value`, none of which is NaN. */
static __device__ double tree_most(double value, double *work)
{
    const unsigned t = threadIdx.x;

    __syncthreads();
    work[t] = value;
    __syncthreads();
    for (unsigned half = blockDim.x / 2; half > 0; half /= 2) {
        if (t < half) work[t] = work[t + half] > work[t] ? work[t + half] : work[t];
        __syncthreads();
    }
    return work[0];
}

#endif
