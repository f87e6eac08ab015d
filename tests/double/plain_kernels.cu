/* Faults that are found in kernels which are not watched. */
#include "tests/double/wrong_kernels.h"

PDM_KERNEL(plain_touch, wrong_args)
{
    a.out[threadIdx.x] = a.x[256 + 32 + threadIdx.x];
}

PDM_KERNEL(plain_dynamic, wrong_args)
{
    PDM_DYNAMIC_SHARED(double, v);
    v[32 + threadIdx.x % 2] = a.x[0];
}

PDM_KERNEL(plain_wild, wrong_args)
{
    const double *wild = (const double *)(0x10000 + 8 * (long long)(a.x[0] > 1.0e300));
    a.out[threadIdx.x] = wild[0];
}

PDM_KERNEL(plain_barrier, wrong_args)
{
    if (threadIdx.x % 2 == 0) __syncthreads();
    a.out[threadIdx.x] = a.x[0];
}
