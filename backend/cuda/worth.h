/* What unknowns are worth to a quadratic, a block a set of unknowns. */
#ifndef PDM_CUDA_WORTH_H
#define PDM_CUDA_WORTH_H

#include "backend/cuda/blocks.h"

enum { WORTH_LANES = 8 }; /* threads of a warp that share out a row of L */

/* The unknowns of a set are set0 .. end-1 in the order of w; those that exist are listed from set0 on in `which`. */
typedef struct worth_set {
    int32_t set0, end;
} worth_set;

typedef struct worth_args {
    blocks_args      blocks; /* of it L; x in the order of w, [n_sample][n_unknown], and out likewise          */
    const worth_set *set;    /* one a block of threads                                                         */
    const int32_t   *which;  /* [n_listed][n_unknown] the last one first                                       */
    const int32_t   *m;      /* [n_listed][n_set] how many                                                     */
    int64_t          n_set, set_stride; /* doubles of a set's scratch                                          */
    double          *scratch; /* [n_listed][n_set] of: X [n_unknown][m], K m(m+1)/2, y [m]                      */
    double           nan;
} worth_args;

PDM_KERNEL_DECLARE(worth_kernel);

#endif
