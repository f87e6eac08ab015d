/* Networks point by point: lift, gelu and its derivative, sums of gradients. */
#include "backend/cuda/network.h"

#define OUTSIDE 0xFFFFFFFFu

static __device__ unsigned item_of(void)
{
    return blockIdx.x * blockDim.x + threadIdx.x;
}

/* The item on the control grid of an item on the padded one; OUTSIDE where there is none. */
static __device__ unsigned inside_of(const fourier_grids *g, unsigned item, unsigned width)
{
    unsigned rest = item / width, point = 0, stride = 1;

    for (int d = g->n_dim - 1; d >= 0; d--) {
        const unsigned i = rest % g->n_padded[d];
        if (i >= g->n_grid[d]) return OUTSIDE;
        point += i * stride;
        stride *= g->n_grid[d];
        rest /= g->n_padded[d];
    }
    return point * width + item % width;
}

/* gelu(x) = x s with s = (1 + tanh u)/2 = 1/(1 + e^{-2u}), u = sqrt(2/pi) (x + c x^3);
 * gelu'(x) = s + x s (1 - s) 2 sqrt(2/pi) (1 + 3 c x^2). As in cpu/kernels/f32.h, whose 2^x ends at 2^126 too. */
static __device__ float gelu(float x, float *slope)
{
    const float c = 0.044715f, two_root = 1.5957691216057308f, log2_e = 1.4426950408889634f; /* 2 sqrt(2/pi) */
    const float square   = x * x;
    const float exponent = x * fmaf(square, -two_root * log2_e * c, -two_root * log2_e);
    const float s        = 1.0f / (1.0f + exp2f(fminf(126.0f, fmaxf(-126.0f, exponent))));
    const float y        = x * s;

    *slope = fmaf(y * (1.0f - s), fmaf(square, 3.0f * two_root * c, two_root), s);
    return y;
}

PDM_KERNEL(fourier_gelu_kernel, fourier_points_args)
{
    const unsigned i = item_of();

    if (i >= a.n) return;
    const float    bias   = a.bias[i % a.width];
    const unsigned inside = a.add || a.leave ? inside_of(&a.grids, i, a.width) : OUTSIDE;
    for (int64_t s = blockIdx.y; s < a.n_listed; s += gridDim.y) {
        const int64_t sample = a.index[s];
        float         slope, x = a.x[s * a.n + i] + bias;
        if (a.add && inside != OUTSIDE) x += a.inside[s * a.n_inside + inside];
        x                = gelu(x, &slope);
        a.x[s * a.n + i] = x;
        if (a.slope) a.slope[sample * a.n + i] = slope;
        if (a.kept && !a.leave) a.kept[sample * a.n + i] = x;
        if (!a.leave || inside == OUTSIDE) continue;
        a.inside[s * a.n_inside + inside] = x;
        if (a.kept) a.kept[sample * a.n_inside + inside] = x;
    }
}

PDM_KERNEL(fourier_gelu_backward_kernel, fourier_points_args)
{
    const unsigned i = item_of();

    if (i >= a.n) return;
    const unsigned inside = a.add || a.leave ? inside_of(&a.grids, i, a.width) : OUTSIDE;
    for (int64_t s = blockIdx.y; s < a.n_listed; s += gridDim.y) {
        float g = a.x[s * a.n + i];
        if (a.add && inside != OUTSIDE) g += a.inside[s * a.n_inside + inside];
        g *= a.slope[(int64_t)a.index[s] * a.n + i];
        a.x[s * a.n + i] = g;
        if (a.leave && inside != OUTSIDE) a.inside[s * a.n_inside + inside] = g;
    }
}

PDM_KERNEL(fourier_lift_kernel, fourier_lift_args)
{
    const unsigned i = item_of(), n = a.n_point * a.width, n_kept = a.n_point * a.n_feature;

    for (int64_t s = blockIdx.y; s < a.n_listed; s += gridDim.y) {
        const float *features = a.features + (int64_t)a.index[s] * n_kept;
        if (i < n) {
            const unsigned point = i / a.width, j = i % a.width;
            float          h = a.bias[j];
            for (unsigned f = 0; f < a.n_feature; f++)
                h = fmaf(features[f * a.n_point + point], a.weight[f * a.width + j], h);
            a.h[s * n + i] = h;
            if (a.kept) a.kept[(int64_t)a.index[s] * n + i] = h;
        }
        if (a.kept_features && i < n_kept)
            a.kept_features[(int64_t)a.index[s] * n_kept + i] = features[i % a.n_feature * a.n_point + i / a.n_feature];
    }
}

PDM_KERNEL(fourier_gather_kernel, fourier_copy_args)
{
    const unsigned i = item_of();

    for (int64_t s = blockIdx.y; s < a.n_listed && i < a.n; s += gridDim.y)
        a.to[s * a.n + i] = a.from[(int64_t)a.index[s] * a.n + i];
}

PDM_KERNEL(fourier_gather_turned_kernel, fourier_copy_args)
{
    const unsigned i = item_of();

    for (int64_t s = blockIdx.y; s < a.n_listed && i < a.n; s += gridDim.y)
        a.to[s * a.n + i % a.n_point * a.n_channel + i / a.n_point] = a.from[(int64_t)a.index[s] * a.n + i];
}

PDM_KERNEL(fourier_basis_kernel, fourier_copy_args)
{
    const unsigned i = item_of();

    for (int64_t s = blockIdx.y; s < a.n_listed && i < a.n; s += gridDim.y)
        a.to[(int64_t)a.index[s] * a.n + i] = a.from[s * a.n + i] + a.bias[i / a.n_point];
}

PDM_KERNEL(fourier_sum_kernel, fourier_sum_args)
{
    __shared__ float work[SUM_PARAMETERS * SUM_GROUPS];
    const int        k     = (int)blockIdx.y;
    const unsigned   group = threadIdx.x / SUM_PARAMETERS;
    const int64_t    i = (int64_t)blockIdx.x * SUM_PARAMETERS + threadIdx.x % SUM_PARAMETERS, n = a.tensor[k].n;
    const int64_t first = group * a.tensor[k].n_term / SUM_GROUPS, end = (group + 1) * a.tensor[k].n_term / SUM_GROUPS;
    float         sum = 0.0f;

    for (int64_t t = first; t < end && i < n; t++) sum += a.tensor[k].partial[t * n + i];
    work[threadIdx.x] = sum;
    __syncthreads();
    if (group > 0 || i >= n) return;
    for (unsigned g = 1; g < SUM_GROUPS; g++) sum += work[g * SUM_PARAMETERS + threadIdx.x];
    a.tensor[k].out[i] = sum;
}
