#include "tests/double/wrong_kernels.h"

#define ALL_LANES 0xFFFFFFFFu

static __device__ int own(void)
{
    return (int)threadIdx.x;
}

/* ---- barriers ---- */

PDM_KERNEL(barrier_not_reached, wrong_args)
{
    if (own() == 17) return;
    __syncthreads();
    if (own() == 0) a.out[0] = a.x[0];
}

PDM_KERNEL(barrier_in_two_places, wrong_args)
{
    if (own() < 32) {
        __syncthreads();
        a.out[own()] = a.x[0];
    } else {
        __syncthreads();
        a.out[own()] = a.x[1];
    }
}

/* ---- races ---- */

PDM_KERNEL(shared_read_after_write, wrong_args)
{
    __shared__ double v[64];
    v[own()] = 0.0;
    __syncthreads();
    v[own()]     = a.x[own()];
    a.out[own()] = v[63 - own()];
}

PDM_KERNEL(shared_write_after_read, wrong_args)
{
    __shared__ double v[64];
    v[own()] = a.x[own()];
    __syncthreads();
    const double w = v[63 - own()];
    v[own()]       = 2.0 * w;
}

PDM_KERNEL(shared_by_lanes, wrong_args)
{
    __shared__ double v[64];
    v[own()] = a.x[own()];
    __syncwarp();
    v[own()] += v[own() ^ 1];
}

PDM_KERNEL(shared_by_warps, wrong_args)
{
    __shared__ double v[64];
    v[own()] = a.x[own()];
    __syncwarp();
    a.out[own()] = v[63 - own()];
}

PDM_KERNEL(global_in_a_block, wrong_args)
{
    a.y[7] = own();
}

PDM_KERNEL(global_write_over_blocks, wrong_args)
{
    if (own() == 0) a.out[7] = blockIdx.x;
}

PDM_KERNEL(global_read_over_blocks, wrong_args)
{
    if (own() == 0) a.out[blockIdx.x] = a.x[0];
    __syncthreads();
    if (own() == 0 && a.out[0] + a.out[1] + a.out[2] + a.out[3] > 100.0) a.y[blockIdx.x] = 1.0;
}

PDM_KERNEL(global_overwrite_over_blocks, wrong_args)
{
    a.y[64 * blockIdx.x + threadIdx.x] = a.out[own()];
    __syncthreads();
    if (blockIdx.x == 1) a.out[own()] = 0.0;
    if (blockIdx.x == 2) a.out[own()] = 1.0;
}

PDM_KERNEL(global_behind_a_barrier_over_blocks, wrong_args)
{
    const double v = a.out[own()];
    __syncthreads();
    if (blockIdx.x != 0) a.y[64 * blockIdx.x + threadIdx.x] = a.out[63 - own()] + v;
    __syncthreads();
    if (blockIdx.x == 0) a.out[own()] = v;
}

PDM_KERNEL(atomic_and_not, wrong_args)
{
    if (own() == 5)
        a.n[0] = 7;
    else
        atomicAdd(&a.n[0], 1);
}

PDM_KERNEL(bytes_together, wrong_args)
{
    unsigned char *bytes = (unsigned char *)a.n;
    bytes[own() / 2]     = (unsigned char)own();
}

/* ---- what was never written ---- */

PDM_KERNEL(device_unwritten, wrong_args)
{
    a.out[own()] = a.y[own()];
}

PDM_KERNEL(atomic_unwritten, wrong_args)
{
    atomicAdd((int *)a.y, 1);
}

PDM_KERNEL(shared_unwritten, wrong_args)
{
    __shared__ double v[64];
    if (own() != 3) v[own()] = a.x[own()];
    __syncthreads();
    a.out[own()] = v[own()];
}

PDM_KERNEL(shared_of_the_block_before, wrong_args)
{
    __shared__ double v[64];
    if (blockIdx.x == 0) v[own()] = a.x[own()];
    a.y[64 * blockIdx.x + threadIdx.x] = v[own()];
}

PDM_KERNEL(dynamic_unwritten, wrong_args)
{
    PDM_DYNAMIC_SHARED(float, v);
    a.out[own()] = v[own()];
}

/* ---- where nothing is ---- */

PDM_KERNEL(behind_the_end, wrong_args)
{
    a.out[own() + 1] = a.x[own()];
}

PDM_KERNEL(before_the_start, wrong_args)
{
    a.out[own() - 64] = a.x[own()];
}

PDM_KERNEL(over_the_end, wrong_args)
{
    a.out[own()] = ((const double *)a.n)[31];
}

PDM_KERNEL(misaligned, wrong_args)
{
    a.y[own()] = *(const double *)((const char *)a.x + 4);
}

PDM_KERNEL(dynamic_too_far, wrong_args)
{
    PDM_DYNAMIC_SHARED(double, v);
    if (own() <= 32) v[own()] = a.x[own()];
}

PDM_KERNEL(dynamic_before, wrong_args)
{
    PDM_DYNAMIC_SHARED(double, v);
    if (own() < 32) v[own() - 1] = a.x[own()];
}

/* ---- warps ---- */

PDM_KERNEL(shuffle_not_reached, wrong_args)
{
    if (own() % 32 == 9) return;
    a.out[own()] = __shfl_down_sync(ALL_LANES, a.x[own()], 1);
}

PDM_KERNEL(shuffle_and_barrier, wrong_args)
{
    if (own() == 40)
        __syncthreads();
    else
        a.out[own()] = __shfl_down_sync(ALL_LANES, a.x[own()], 1);
}

PDM_KERNEL(shuffles_in_two_places, wrong_args)
{
    if (own() % 2)
        a.out[own()] = __shfl_sync(ALL_LANES, a.x[own()], 1);
    else
        a.out[own()] = __shfl_sync(ALL_LANES, a.x[own()], 2);
}

PDM_KERNEL(shuffle_without_oneself, wrong_args)
{
    a.out[own()] = __shfl_sync(0x0000FFFFu, a.x[own()], 1);
}

PDM_KERNEL(shuffle_from_nobody, wrong_args)
{
    if (own() % 32 < 16) a.out[own()] = __shfl_sync(0x0000FFFFu, a.x[own()], 20);
}

PDM_KERNEL(masks_that_differ, wrong_args)
{
    a.out[own()] = __ballot_sync(own() % 32 == 0 ? 0xFFFFFFFFu : 0xFFFFFFFEu, a.x[own()] > 0.0);
}

/* ---- the rest ---- */

PDM_KERNEL(trap_reached, wrong_args)
{
    if (a.x[own()] > -1.0e300) __trap();
}

static __device__ __noinline__ double use_much(int n, double x)
{
    double v[4096];
    for (int i = 0; i < 4096; i++) v[i] = x + i;
    return n > 0 ? v[n] + use_much(n - 1, v[n + 1]) : v[0];
}

PDM_KERNEL(stack_too_small, wrong_args)
{
    a.out[own()] = use_much(12, a.x[own()]);
}

PDM_KERNEL(reads_x, wrong_args)
{
    a.out[own()] = a.x[own()];
}
