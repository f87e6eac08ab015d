#include "backend/cuda/derived.h"

PDM_KERNEL(derived_transform_kernel, transform_args)
{
    const int64_t i = item();

    if (i >= a.outer * a.n * a.inner) return;
    const int64_t inner = i % a.inner, to = i / a.inner % a.n, first = i / (a.inner * a.n) * a.n * a.inner + inner;
    for (int64_t s = blockIdx.y; s < a.n_listed; s += gridDim.y) {
        const double *in  = a.in + (a.in_place ? s : a.index[s]) * a.in_stride + first;
        double       *out = a.out + (a.out_place ? s : a.index[s]) * a.out_stride + i;
        double        sum = 0.0;
        for (int64_t k = 0; k < a.n; k++) sum += a.transform[to * a.n + k] * in[k * a.inner];
        if (a.symbol) sum *= a.symbol[i % a.n_symbol];
        *out = a.add ? *out + sum : sum;
    }
}

PDM_KERNEL(derived_fields_kernel, field_args)
{
    const int64_t i = item();

    if (i >= a.n) return;
    for (int64_t s = blockIdx.y; s < a.n_listed; s += gridDim.y)
        a.out[a.index[s] * a.out_stride + i] = a.in[a.index[s] * a.in_stride + i];
}
