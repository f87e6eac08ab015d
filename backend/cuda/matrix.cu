#include "backend/cuda/matrix.h"

PDM_KERNEL(matrix_apply_kernel, matrix_args)
{
    const int64_t row = item();

    if (row >= a.n_row || a.row0[row] == a.row0[row + 1]) return;
    for (int64_t s = blockIdx.y; s < a.n_listed; s += gridDim.y) {
        const double *x   = a.x + a.index[s] * a.n_column;
        double        sum = 0.0;
        for (int32_t k = a.row0[row]; k < a.row0[row + 1]; k++) sum += a.value[k] * x[a.column[k]];
        a.y[a.index[s] * a.n_row + row] = sum;
    }
}
