/* Sums of a block's threads, by a fixed tree. */
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

#endif
