#include "tests/double/right_kernels.h"

enum { THREADS = 128, TILE = 16 };

static __device__ int number(void)
{
    return (int)(blockIdx.x * blockDim.x + threadIdx.x);
}

PDM_KERNEL(empty_right, vectors_args)
{
    (void)a;
}

PDM_KERNEL(rounds_right, vectors_args)
{
    (void)a;
    for (int i = 0; i < 10; i++) __syncthreads();
}

PDM_KERNEL(scale_right, vectors_args)
{
    const int i = number();
    if (i < a.n) a.y[i] = 2.0 * a.x[i];
}

PDM_KERNEL(sum_right, vectors_args)
{
    __shared__ double part[THREADS];
    const int         i = number(), t = (int)threadIdx.x;

    part[t] = i < a.n ? a.x[i] : 0.0;
    for (int step = THREADS / 2; step > 0; step /= 2) {
        __syncthreads();
        if (t < step) part[t] += part[t + step];
    }
    if (t == 0) a.y[blockIdx.x] = part[0];
}

PDM_KERNEL(warps_right, vectors_args)
{
    __shared__ double part[THREADS / 32];
    const int         i = number(), t = (int)threadIdx.x;
    double            s = i < a.n ? a.x[i] : 0.0;

    for (int step = 16; step > 0; step /= 2) s += __shfl_down_sync(0xFFFFFFFFu, s, step);
    if (t % 32 == 0) part[t / 32] = s;
    __syncthreads();
    if (t < 32) {
        s = t < THREADS / 32 ? part[t] : 0.0;
        s += __shfl_xor_sync(0xFFFFFFFFu, s, 1);
        s += __shfl_xor_sync(0xFFFFFFFFu, s, 2);
        s = __shfl_sync(0xFFFFFFFFu, s, 0, 32);
        if (t == 0) a.y[blockIdx.x] = s;
    }
}

PDM_KERNEL(votes_right, vectors_args)
{
    const int      i    = number();
    const int      sign = a.x[i] > 0.0;
    const unsigned all  = __ballot_sync(0xFFFFFFFFu, sign);
    const int      up   = __shfl_up_sync(0xFFFFFFFFu, i, 1, 8);
    const float    f    = __shfl_xor_sync(0xFFFFFFFFu, (float)i, 31);

    a.y[i] = __popc(all) + 100.0 * __any_sync(0xFFFFFFFFu, sign) + 1000.0 * __all_sync(0xFFFFFFFFu, sign) + 1.0e4 * up +
             1.0e7 * f;
}

/* Lanes hand numbers on with no more than __syncwarp(), threads write bytes of the same word, and half of a warp
 * shuffles. */
PDM_KERNEL(lanes_right, vectors_args)
{
    __shared__ double        v[THREADS];
    __shared__ unsigned char odd[THREADS];
    const int                i = number(), t = (int)threadIdx.x;

    odd[t] = (unsigned char)(t % 2);
    v[t]   = a.x[i];
    for (int step = 1; step < 8; step *= 2) {
        __syncwarp();
        const double other = v[t ^ step];
        __syncwarp();
        v[t] += other;
    }
    double s = v[t];
    if (t % 32 < 16) s += __shfl_xor_sync(0x0000FFFFu, s, 8);
    __syncthreads();
    a.y[i] = t % 32 < 16 && odd[t] + odd[t ^ 1] == 1 ? s : 0.0;
    __syncthreads();
    if (t + 1 < THREADS) a.y[i + 1] += 0.0; /* of another thread, behind a barrier */
}

PDM_KERNEL(math_right, vectors_args)
{
    const int    i = number();
    const double x = a.x[i];
    const int    k = (int)(10.0 * x);

    switch (i) {
    case 0: a.y[i] = rsqrt(1.0 + x * x); break;
    case 1: a.y[i] = fma(x, x, 1.0); break;
    case 2: a.y[i] = min(k, 3) + max(k, -3); break;
    case 3: a.y[i] = (double)max((long long)k, 2ll) + min(5u, 6u); break;
    case 4: a.y[i] = __ldg(&a.x[i]) + min(x, 0.25); break;
    case 5: a.y[i] = sinpi(x) + cospi(2.0 * x); break;
    case 6: a.y[i] = __popc(0xF0F0u) + __clz(1) + __ffs(8); break;
    case 7: a.y[i] = __longlong_as_double(__double_as_longlong(x) + 1); break;
    default: {
        double s, c;
        sincos(x, &s, &c);
        a.y[i] = s * s + c * c + (isfinite(x) ? 1.0 : 0.0);
    }
    }
}

PDM_KERNEL(transpose_right, transpose_args)
{
    __shared__ double tile[TILE][TILE + 1];
    const int         x = (int)threadIdx.x, y = (int)threadIdx.y;
    int               row = (int)blockIdx.y * TILE + y, col = (int)blockIdx.x * TILE + x;

    if (row < a.n_row && col < a.n_col) tile[y][x] = a.x[row * a.n_col + col];
    __syncthreads();
    row = (int)blockIdx.y * TILE + x;
    col = (int)blockIdx.x * TILE + y;
    if (row < a.n_row && col < a.n_col) a.y[col * a.n_row + row] = tile[x][y];
}

PDM_KERNEL(transpose_dynamic_right, transpose_args)
{
    PDM_DYNAMIC_SHARED(double, tile);
    const int x = (int)threadIdx.x, y = (int)threadIdx.y;
    int       row = (int)blockIdx.y * TILE + y, col = (int)blockIdx.x * TILE + x;

    if (row < a.n_row && col < a.n_col) tile[y * TILE + x] = a.x[row * a.n_col + col];
    __syncthreads();
    row = (int)blockIdx.y * TILE + x;
    col = (int)blockIdx.x * TILE + y;
    if (row < a.n_row && col < a.n_col) a.y[col * a.n_row + row] = tile[x * TILE + y];
}

PDM_KERNEL(count_right, count_args)
{
    const int i = number();
    if (i < a.n && a.x[i] > 0.0) atomicAdd(a.n_positive, 1);
    atomicAdd(a.n_all, 1ull);
}
