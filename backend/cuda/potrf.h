/* Cholesky of a small matrix by one block of threads. */
#ifndef PDM_CUDA_POTRF_H
#define PDM_CUDA_POTRF_H

#include "backend/cuda/device.h"

/* Entry (i, j), j <= i, of a lower triangle that is packed row by row. */
static __device__ int32_t lower(int32_t i, int32_t j)
{
    return i * (i + 1) / 2 + j;
}

/* A packed lower triangle a = L L^T becomes L, right-looking, by a block of threads with `wide` of them along a row; all
 * call. 0, or 1 + the first column whose pivot is not positive and finite: the same in all threads, and a is then
 * undefined. Two barriers a column and one more; panels of columns would need fewer. */
static __device__ int32_t packed_potrf(int32_t n, double *a, int32_t wide)
{
    const int32_t t = (int32_t)threadIdx.x, ti = t / wide, tj = t % wide, high = (int32_t)blockDim.x / wide;

    for (int32_t k = 0; k < n; k++) {
        __syncthreads();
        const double pivot = a[lower(k, k)];
        if (!(pivot > 0.0) || pivot > 1.7976931348623157e308) return 1 + k;
        const double root = sqrt(pivot);
        __syncthreads(); /* all have read the pivot */
        if (t == 0) a[lower(k, k)] = root;
        for (int32_t i = k + 1 + t; i < n; i += (int32_t)blockDim.x) a[lower(i, k)] /= root;
        __syncthreads();
        for (int32_t i = k + 1 + ti; i < n; i += high)
            for (int32_t j = k + 1 + tj; j <= i; j += wide) a[lower(i, j)] -= a[lower(i, k)] * a[lower(j, k)];
    }
    __syncthreads();
    return 0;
}

#endif
