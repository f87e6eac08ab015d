/* Kernels without fault for the tests of the double; backend/cuda/device.h says how they are written. */
#ifndef PDM_DOUBLE_RIGHT_KERNELS_H
#define PDM_DOUBLE_RIGHT_KERNELS_H

#include "backend/cuda/device.h"

typedef struct vectors_args {
    int           n;
    const double *x;
    double       *y;
} vectors_args;

PDM_KERNEL_DECLARE(scale_right);  /* y = 2 x */
PDM_KERNEL_DECLARE(sum_right);    /* y[block] = sum of the block's part of x, a tree in shared memory */
PDM_KERNEL_DECLARE(warps_right);  /* the same by shuffles */
PDM_KERNEL_DECLARE(votes_right);  /* y[thread] from ballots */
PDM_KERNEL_DECLARE(rounds_right); /* ten barriers, nothing else */
PDM_KERNEL_DECLARE(empty_right);
PDM_KERNEL_DECLARE(lanes_right); /* y[i] = sum of the 16 of x around i, of the first half of each warp; by bytes too */
PDM_KERNEL_DECLARE(math_right);  /* y = functions of x, one a thread */

typedef struct transpose_args {
    int           n_row, n_col;
    const double *x;
    double       *y;
} transpose_args;

PDM_KERNEL_DECLARE(transpose_right);         /* by tiles of static shared memory */
PDM_KERNEL_DECLARE(transpose_dynamic_right); /* of dynamic shared memory */

typedef struct count_args {
    int                 n;
    const double       *x;
    int                *n_positive;
    unsigned long long *n_all;
} count_args;

PDM_KERNEL_DECLARE(count_right); /* by atomics */

#endif
