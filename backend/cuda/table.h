/* Rows of numbers to their samples' places. */
#ifndef PDM_CUDA_TABLE_H
#define PDM_CUDA_TABLE_H

#include "backend/cuda/device.h"

typedef struct table_args {
    const int32_t *index;
    int64_t        n_listed, n;
    const int32_t *from; /* [n_listed][n] */
    int32_t       *to;   /* [n_sample][n] */
} table_args;

PDM_KERNEL_DECLARE(table_place_kernel);

#endif
