#include "backend/cuda/rows.h"

static __device__ double row_times(const rows_args *a, int64_t row, const double *A, const double *v)
{
    const int32_t *coef = a->element_coef + a->row_element[row] * a->n_local;
    double         sum  = 0.0;

    for (int64_t f = 0; f < a->n_seen; f++)
        for (int64_t l = 0; l < a->n_local; l++)
            sum += A[(row * a->n_seen + f) * a->n_local + l] * v[f * a->n_coef + coef[l]];
    return sum;
}

PDM_KERNEL(rows_apply_kernel, rows_args)
{
    const int64_t row = item();

    if (row >= a.n_row) return;
    for (int64_t s = blockIdx.y; s < a.n_listed; s += gridDim.y) {
        const int64_t sample = a.index[s];
        const double *A = a.A + sample * a.n_row * a.n_seen * a.n_local, *v = a.v + sample * a.n_seen * a.n_coef;
        a.out[(a.out_place ? s : sample) * a.n_row + row] = row_times(&a, row, A, v);
    }
}

/* Elements that see the coefficient, in order, and all rows in each. */
static __device__ double coefficient_of(const rows_args *a, int64_t field, int64_t coef, const double *A,
                                        const double *y)
{
    double sum = 0.0;

    for (int32_t k = a->coef0[coef]; k < a->coef0[coef + 1]; k++) {
        const int64_t element = a->place[k] / a->n_local, at = field * a->n_local + a->place[k] % a->n_local;
        for (int32_t i = a->element_row0[element]; i < a->element_row0[element + 1]; i++) {
            const int64_t row = a->element_row[i];
            sum += A[row * a->n_seen * a->n_local + at] * y[row];
        }
    }
    return sum;
}

PDM_KERNEL(rows_apply_adjoint_kernel, rows_args)
{
    const int64_t i = item();

    if (i >= a.n_seen * a.n_coef) return;
    for (int64_t s = blockIdx.y; s < a.n_listed; s += gridDim.y) {
        const int64_t sample = a.index[s];
        a.out[sample * a.n_seen * a.n_coef + i] =
            coefficient_of(&a, i / a.n_coef, i % a.n_coef, a.A + sample * a.n_row * a.n_seen * a.n_local,
                           a.v + (a.v_place ? s : sample) * a.n_row);
    }
}

PDM_KERNEL(rows_zero_kernel, rows_args)
{
    const int64_t n = a.n_seen * a.n_coef;

    for (int64_t s = blockIdx.y; s < a.n_listed && item() < n; s += gridDim.y) a.out[a.index[s] * n + item()] = 0.0;
}
