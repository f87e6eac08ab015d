/* Products with sparse matrices by rows, the same for all samples. */
#ifndef PDM_CUDA_MATRIX_H
#define PDM_CUDA_MATRIX_H

#include "backend/cuda/device.h"

typedef struct matrix_args {
    const int32_t *index;
    int64_t        n_listed, n_row, n_column;
    const int32_t *row0, *column;
    const double  *value;
    const double  *x;
    double        *y;
} matrix_args;

/* A thread a row. Rows without entries leave y as it is. */
PDM_KERNEL_DECLARE(matrix_apply_kernel);

#endif
