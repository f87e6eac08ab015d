/* Rows that count as sums over boxes. */
#include "backend/cuda/pyramid.h"

#include "backend/cuda/tree.h"

PDM_KERNEL(pyramid_rows_up_kernel, pyramid_args)
{
    __shared__ double work[PYRAMID_THREADS];
    const int64_t i    = (int64_t)blockIdx.x * (PYRAMID_THREADS / PYRAMID_LANES) + (int32_t)threadIdx.x / PYRAMID_LANES;
    const int32_t lane = (int32_t)threadIdx.x % PYRAMID_LANES, first = i < a.n ? a.child0[a.box0 + i] : 0,
                  end = i < a.n ? a.child0[a.box0 + i + 1] : 0;

    for (int64_t s = blockIdx.y; s < a.n_listed; s += gridDim.y) {
        const double *r   = a.r + a.index[s] * a.n_row;
        double        sum = 0.0;
        for (int32_t k = first + lane; k < end; k += PYRAMID_LANES) sum += a.unscale[a.child[k]] * r[a.child[k]];
        sum = tree_sum_along(sum, PYRAMID_LANES, work);
        if (lane == 0 && i < a.n) a.sum[s * a.n_box + a.box0 + i] = sum;
    }
}

PDM_KERNEL(pyramid_up_kernel, pyramid_args)
{
    const int64_t i = item(), box = a.box0 + i;

    for (int64_t s = blockIdx.y; s < a.n_listed && i < a.n; s += gridDim.y) {
        double sum = 0.0;
        for (int32_t k = a.child0[box]; k < a.child0[box + 1]; k++) sum += a.sum[s * a.n_box + a.child[k]];
        a.sum[s * a.n_box + box] = sum;
    }
}

PDM_KERNEL(pyramid_down_kernel, pyramid_args)
{
    const int64_t i = item(), box = a.box0 + i;

    for (int64_t s = blockIdx.y; s < a.n_listed && i < a.n; s += gridDim.y) {
        double       *sum = a.sum + s * a.n_box;
        const int32_t up  = a.above[box];
        sum[box]          = a.scale[box] * a.scale[box] * sum[box] + (up >= 0 ? sum[up] : 0.0);
    }
}

PDM_KERNEL(pyramid_rows_down_kernel, pyramid_args)
{
    const int64_t i = item();

    for (int64_t s = blockIdx.y; s < a.n_listed && i < a.n_row; s += gridDim.y) {
        const int64_t at = a.index[s] * a.n_row + i;
        if (a.n_box == 0)
            a.out[at] = a.r[at];
        else
            a.out[at] = a.own[i] * a.r[at] + (a.parent[i] >= 0 ? a.unscale[i] * a.sum[s * a.n_box + a.parent[i]] : 0.0);
    }
}
