/* Kernels on rows that count as sums over boxes: M r, level by level. */
#ifndef PDM_CUDA_PYRAMID_H
#define PDM_CUDA_PYRAMID_H

#include "backend/cuda/device.h"

enum { PYRAMID_LANES = 32, PYRAMID_THREADS = 128 }; /* threads that add up a box; threads of a block */

typedef struct pyramid_args {
    const int32_t *index;
    int64_t        n_listed, n_row, n_box;
    int64_t        box0, n;       /* boxes of the launch: box0 .. box0+n-1                                           */
    const int32_t *child0;        /* [n_box+1] into child; boxes of all levels, level 1 first                         */
    const int32_t *child;         /* rows below boxes of level 1, boxes below others                                  */
    const int32_t *above;         /* [n_box] a box's box of the next level; -1: none                                  */
    const double  *scale;         /* [n_box]                                                                          */
    const int32_t *parent;        /* [n_row] a row's box; -1: none                                                    */
    const double  *unscale, *own; /* [n_row] as in cpu_pyramid                                                  */
    const double  *r;             /* [n_sample][n_row]                                                          */
    double        *out, *sum;     /* out like r; sum [n_listed][n_box]                                          */
} pyramid_args;

/* sum of boxes of level 1, PYRAMID_LANES threads a box. */
PDM_KERNEL_DECLARE(pyramid_rows_up_kernel);
/* sum of boxes of another level, from those below. */
PDM_KERNEL_DECLARE(pyramid_up_kernel);
/* sum = scale^2 sum + that of the box above */
PDM_KERNEL_DECLARE(pyramid_down_kernel);
/* out = own r + unscale (sum of the row's box); n_box 0: out = r */
PDM_KERNEL_DECLARE(pyramid_rows_down_kernel);

#endif
