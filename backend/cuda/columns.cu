/* Columns of the experts. docs/mathematics.md, "Columns". */
#include "backend/cuda/columns.h"

#include "backend/cuda/tree.h"

/* Added to squared norms, so that a column that is zero stays zero instead of becoming NaN. */
#define NORM_FLOOR 1e-30

/* (prior + basis channel, if it has one) of column n at coefficient i of a group; basis: of one sample */
static __device__ double function_value(const columns_args *a, const columns_group *g, const float *basis, int64_t i,
                                        int64_t n)
{
    const double  prior   = a->prior[g->value0 + i * g->n_col + n];
    const int32_t channel = a->channel[g->column0 + n];
    return channel < 0 ? prior : prior + (double)basis[channel * a->n_coef + a->coef[g->window0 + i]];
}

PDM_KERNEL(columns_build_kernel, columns_args)
{
    __shared__ double   work[COLUMNS_THREADS];
    const columns_tile  tile = a.tile[blockIdx.x];
    const columns_group g    = a.group[tile.group];
    const int32_t n = tile.first + (int32_t)threadIdx.x % COLUMNS_WIDE, lane = (int32_t)threadIdx.x / COLUMNS_WIDE;

    for (int64_t s = blockIdx.y; s < a.n_listed; s += gridDim.y) {
        const int64_t sample = a.index[s], n_on = a.n_on[sample * a.n_group + tile.group];
        const int32_t k     = n < g.n_col ? a.place[sample * a.n_column + g.column0 + n] : -1;
        const float  *basis = a.basis + sample * a.n_channel * a.n_coef;
        double       *C = a.C + sample * a.n_value + g.value0, sum = 0.0;
        for (int32_t i = lane; i < g.n_coef && k >= 0; i += COLUMNS_LANES) {
            const double v  = a.window[g.window0 + i] * function_value(&a, &g, basis, i, n);
            C[i * n_on + k] = v;
            sum += v * v;
        }
        const double norm = sqrt(NORM_FLOOR + tree_sum_across(sum, COLUMNS_WIDE, work)) / g.scale;
        if (k >= 0 && lane == 0) a.norm[sample * a.n_column + g.column0 + k] = norm;
        for (int32_t i = lane; i < g.n_coef && k >= 0; i += COLUMNS_LANES) C[i * n_on + k] /= norm;
    }
}

PDM_KERNEL(columns_reduce_kernel, columns_args)
{
    __shared__ double   work[COLUMNS_THREADS];
    const columns_tile  tile = a.tile[blockIdx.x];
    const columns_group g    = a.group[tile.group];
    const int32_t n = tile.first + (int32_t)threadIdx.x % COLUMNS_WIDE, lane = (int32_t)threadIdx.x / COLUMNS_WIDE;

    for (int64_t s = blockIdx.y; s < a.n_listed; s += gridDim.y) {
        const int64_t sample = a.index[s], n_on = a.n_on[sample * a.n_group + tile.group];
        const int32_t k   = n < g.n_col ? a.place[sample * a.n_column + g.column0 + n] : -1;
        const double *C   = a.C + sample * a.n_value + g.value0;
        const double *g_c = a.p + (sample * a.n_field + g.field) * a.n_coef;
        double        sum = 0.0;
        for (int32_t i = lane; i < g.n_coef && k >= 0; i += COLUMNS_LANES)
            sum += C[i * n_on + k] * g_c[a.coef[g.window0 + i]];
        sum = tree_sum_across(sum, COLUMNS_WIDE, work);
        if (lane == 0 && n < g.n_col) a.out[sample * a.n_column + g.column0 + n] = k >= 0 ? sum : 0.0;
    }
}

/* g_C at coefficient `coef` of column n of a group: up w^T - uq lambda^T; up, uq: of its field, w, lambda: of it. */
static __device__ double g_column(const double *up, const double *w, const double *uq, const double *lambda,
                                  int64_t coef, int64_t n)
{
    return up[coef] * w[n] - (uq ? uq[coef] * lambda[n] : 0.0);
}

PDM_KERNEL(columns_along_kernel, columns_args)
{
    __shared__ double   work[COLUMNS_THREADS];
    const columns_tile  tile = a.tile[blockIdx.x];
    const columns_group g    = a.group[tile.group];
    const int32_t n = tile.first + (int32_t)threadIdx.x % COLUMNS_WIDE, lane = (int32_t)threadIdx.x / COLUMNS_WIDE;

    for (int64_t s = blockIdx.y; s < a.n_listed; s += gridDim.y) {
        const int64_t sample = a.index[s], n_on = a.n_on[sample * a.n_group + tile.group],
                      c = (sample * a.n_field + g.field) * a.n_coef, column = sample * a.n_column + g.column0;
        const int32_t k   = n < g.n_col ? a.place[column + n] : -1;
        const double *C   = a.C + sample * a.n_value + g.value0;
        double        sum = 0.0;
        for (int32_t i = lane; i < g.n_coef && k >= 0; i += COLUMNS_LANES)
            sum += C[i * n_on + k] * g_column(a.p + c, a.w + column, a.q ? a.q + c : 0, a.q ? a.lambda + column : 0,
                                              a.coef[g.window0 + i], n);
        sum = tree_sum_across(sum, COLUMNS_WIDE, work);
        if (lane == 0 && k >= 0) a.along[s * a.n_column + g.column0 + n] = sum / (g.scale * g.scale);
    }
}

/* The cotangent of b, of which C is the column of unit length: g_b = (g_C - C <C, g_C> / scale^2) / norm; of column n,
 * the k-th that exists, at coefficient i. */
static __device__ double g_unscaled(const columns_args *a, const columns_group *g, int64_t s, int64_t n_on, int64_t i,
                                    int64_t n, int64_t k)
{
    const int64_t sample = a->index[s], c = (sample * a->n_field + g->field) * a->n_coef,
                  column = sample * a->n_column + g->column0;
    const double g_C     = g_column(a->p + c, a->w + column, a->q ? a->q + c : 0, a->q ? a->lambda + column : 0,
                                    a->coef[g->window0 + i], n);
    return (g_C - a->C[sample * a->n_value + g->value0 + i * n_on + k] * a->along[s * a->n_column + g->column0 + n]) /
           a->norm[column + k];
}

/* The last n_field channels are the guess: its way back is that of columns_start. Experts that share a channel add up in
 * order, in float as the CPU does. */
PDM_KERNEL(columns_backward_kernel, columns_args)
{
    const int64_t t = item(), channel = t / a.n_coef, coef = t % a.n_coef;
    const int64_t guessed = a.guess ? channel - (a.n_channel - a.n_field) : -1; /* field */

    for (int64_t s = blockIdx.y; s < a.n_listed && channel < a.n_channel; s += gridDim.y) {
        const int64_t sample = a.index[s];
        float         sum    = 0.0f;
        if (guessed >= 0 && a.guess[guessed * a.n_coef + coef])
            sum = (float)(a.group[guessed].scale * a.p[(sample * a.n_field + guessed) * a.n_coef + coef]);
        for (int64_t f = 0; f < a.n_field; f++)
            for (int64_t o = a.owner0[f * a.n_coef + coef]; o < a.owner0[f * a.n_coef + coef + 1]; o++) {
                const int32_t group = a.owner_group[o], i = a.owner_place[o];
                int32_t       n    = a.first_with[group * a.n_channel + channel];
                const int64_t n_on = a.n_on[sample * a.n_group + group];
                if (n < 0) continue;
                const columns_group g = a.group[group];
                for (; n >= 0; n = a.next_with[g.column0 + n]) {
                    const int32_t k = a.place[sample * a.n_column + g.column0 + n];
                    if (k >= 0) sum += (float)(a.window[g.window0 + i] * g_unscaled(&a, &g, s, n_on, i, n, k));
                }
            }
        a.g_basis[(sample * a.n_channel + channel) * a.n_coef + coef] = sum;
    }
}

/* docs/mathematics.md, "Learned windows". */
PDM_KERNEL(columns_windows_backward_kernel, columns_args)
{
    const int64_t t = item();

    if (t >= a.n_window) return;
    const int32_t       group = a.at_group[t];
    const columns_group g     = a.group[group];
    double              sum   = 0.0;
    for (int64_t s = 0; s < a.n_listed; s++) {
        const int64_t  sample = a.index[s], n_on = a.n_on[sample * a.n_group + group];
        const int32_t *on    = a.on + sample * a.n_column + g.column0;
        const float   *basis = a.basis + sample * a.n_channel * a.n_coef;
        for (int64_t k = 0; k < n_on; k++)
            sum += function_value(&a, &g, basis, t - g.window0, on[k]) *
                   g_unscaled(&a, &g, s, n_on, t - g.window0, on[k], k);
    }
    a.out[t] = sum;
}

PDM_KERNEL(columns_start_kernel, columns_args)
{
    const int64_t t = item(), field = t / a.n_coef, coef = t % a.n_coef;

    for (int64_t s = blockIdx.y; s < a.n_listed && field < a.n_field; s += gridDim.y) {
        const int64_t sample = a.index[s], at = sample * a.n_field * a.n_coef + t;
        const double  scale = a.group[field].scale;
        double        start = a.lift[at] + scale * a.offset[t];
        if (a.guess && a.guess[t])
            start +=
                scale * (double)a.basis[(sample * a.n_channel + a.n_channel - a.n_field + field) * a.n_coef + coef];
        a.out[at] = start;
    }
}

/* Threads read rows of C, n_on numbers each; several threads a row would read them together. */
PDM_KERNEL(columns_expand_kernel, columns_args)
{
    const int64_t t = item(), n = a.n_field * a.n_coef;

    for (int64_t s = blockIdx.y; s < a.n_listed && t < n; s += gridDim.y) {
        const int64_t sample = a.index[s];
        double        c      = a.lift ? a.lift[sample * n + t] : 0.0;
        for (int64_t o = a.owner0[t]; o < a.owner0[t + 1]; o++) {
            const int32_t       group = a.owner_group[o];
            const columns_group g     = a.group[group];
            const int64_t       n_on  = a.n_on[sample * a.n_group + group];
            const double       *C     = a.C + sample * a.n_value + g.value0 + a.owner_place[o] * n_on;
            const int32_t      *on    = a.on + sample * a.n_column + g.column0;
            const double       *w     = a.w + sample * a.n_column + g.column0;
            double              sum   = 0.0;
            for (int64_t k = 0; k < n_on; k++) sum += C[k] * w[on[k]];
            c += sum;
        }
        a.out[sample * n + t] = c;
    }
}

PDM_KERNEL(columns_expand_identity_kernel, columns_args)
{
    const int64_t t = item(), n = a.n_field * a.n_coef;

    for (int64_t s = blockIdx.y; s < a.n_listed && t < n; s += gridDim.y) {
        const int64_t sample = a.index[s];
        double        c      = a.lift ? a.lift[sample * n + t] : 0.0;
        for (int64_t o = a.owner0[t]; o < a.owner0[t + 1]; o++)
            c += a.w[sample * a.n_column + a.group[a.owner_group[o]].column0 + a.owner_place[o]];
        a.out[sample * n + t] = c;
    }
}

PDM_KERNEL(columns_reduce_identity_kernel, columns_args)
{
    const int64_t t = item();

    for (int64_t s = blockIdx.y; s < a.n_listed && t < a.n_column; s += gridDim.y) {
        const int64_t sample = a.index[s];
        a.out[sample * a.n_column + t] =
            a.p[(sample * a.n_field + a.group[a.at_group[t]].field) * a.n_coef + a.coef[t]];
    }
}
