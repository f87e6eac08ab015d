/* What kernels are written in: the part of CUDA that is C as well, so that nvcc, NVRTC and, with a PDM_KERNEL of its own
 * (the tests' double of the toolkit), a C compiler read the same text.
 *
 * A kernel takes one struct by value, called `a`, of at most 4096 bytes:
 *     PDM_KERNEL(vector_multiply_kernel, vector_args) { ... a.x[i] ... }
 * Its argument struct stands in a header that host code includes too, with a PDM_KERNEL_DECLARE(vector_multiply_kernel);
 * cuda_launch() takes the address. No templates, references, overloads or `auto`; types are named by typedef, functions
 * are `static __device__`, void pointers are cast. Sums follow fixed trees; there are no atomics on floating-point
 * numbers. */
#ifndef PDM_CUDA_DEVICE_H
#define PDM_CUDA_DEVICE_H

#ifdef __CUDACC_RTC__ /* NVRTC has no headers */
typedef int       int32_t;
typedef long long int64_t;
#else
#include <stdint.h>
#endif

#ifndef PDM_KERNEL
#if defined(__CUDACC__) || defined(__CUDACC_RTC__)
#define PDM_KERNEL(name, type) extern "C" __global__ void name(const __grid_constant__ type a)
#define PDM_KERNEL_DECLARE(name)
/* Shared memory whose size the launch gives; one a kernel. */
#define PDM_DYNAMIC_SHARED(type, name)                              \
    extern __shared__ __align__(16) unsigned char dynamic_shared[]; \
    type                                         *name = (type *)dynamic_shared
#else /* host code, to which the address alone is of use */
#define PDM_KERNEL_DECLARE(name) extern void name(void)
#endif
#endif

#ifdef PDM_KERNEL
/* The thread's number in its row of blocks. */
static __device__ int64_t item(void)
{
    return (int64_t)blockIdx.x * blockDim.x + threadIdx.x;
}
#endif

#endif
