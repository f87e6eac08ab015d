/* Kernels on block-sparse symmetric matrices: Cholesky, solves, diagonals. What exists of a sample's blocks is told by
 * its sizes; a block (i, j) is [size i][size j] at offset[entry], row-major. */
#ifndef PDM_CUDA_BLOCKS_H
#define PDM_CUDA_BLOCKS_H

#include "backend/cuda/device.h"

enum {
    BLOCKS_TILE    = 16, /* rows and columns of a product that a block of threads makes        */
    BLOCKS_THREADS = BLOCKS_TILE * BLOCKS_TILE,
    BLOCKS_OWN     = 128, /* largest diagonal block that our kernel factors; cuSOLVER above     */
    BLOCKS_PANEL   = 32,  /* unknowns that blocks_solve takes at once; threads of a warp        */
    BLOCKS_WARPS   = BLOCKS_THREADS / BLOCKS_PANEL
};

/* A tile of the block at `entry`, of block row i and block column j. */
typedef struct blocks_tile {
    int32_t entry, i, j, row, column; /* row, column: first ones of the tile */
} blocks_tile;

/* block (i, k) at `left` and block (j, k) at `right`: their product belongs to block (i, j). */
typedef struct blocks_source {
    int32_t left, right, k;
} blocks_source;

/* Block (j, k), k < j. */
typedef struct blocks_left {
    int32_t entry, k;
} blocks_left;

typedef struct blocks_args {
    const int32_t *index;
    int64_t        n_listed;

    int64_t              n_block, n_unknown, n_value;
    const int32_t       *start, *row; /* as in pdm_blocks_desc                                       */
    const int64_t       *offset;      /* likewise                                                    */
    const int32_t       *packed0;     /* [n_block+1] first packed position of a block                */
    const int32_t       *block_of;    /* [n_unknown] of an unknown                                   */
    const int32_t       *source0;     /* [start[n_block]+1] an entry's sources, k rising             */
    const blocks_source *source;
    const int32_t       *left0; /* [n_block+1] blocks left of a diagonal block, k rising       */
    const blocks_left   *left;
    const int32_t       *size; /* [n_sample][n_block]                                         */
    const int32_t       *at;   /* [n_sample][n_unknown] packed position of an unknown; -1     */

    const blocks_tile *tile;               /* one a block of threads                                                 */
    const int32_t     *column;             /* diagonals: block columns, one a block of threads                       */
    const double      *H, *ridges, *shift; /* shift [n_listed], ridges NULL: ridge                        */
    double             ridge;
    double            *L;
    double            *least;  /* [n_listed] least diagonal entry that counts                            */
    int32_t           *failed; /* [n_listed] block whose pivot failed, the first; n_block: none          */
    int32_t           *info;   /* [n_listed] cuSOLVER's word on block column j                           */
    int64_t            j;
    const double      *y;
    double            *x, *out; /* x [n_listed][n_unknown] packed                                        */
} blocks_args;

/* A block a sample: least; nothing has failed. */
PDM_KERNEL_DECLARE(blocks_least_kernel);
/* A thread a value: L = H, whole. */
PDM_KERNEL_DECLARE(blocks_copy_kernel);
/* A thread an unknown: L += shift D + ridge; out = D. */
PDM_KERNEL_DECLARE(blocks_shift_kernel);
PDM_KERNEL_DECLARE(blocks_diagonal_kernel);
/* A block a tile of (i, j): L_ij -= sum over sources of L_ik L_jk^T. */
PDM_KERNEL_DECLARE(blocks_subtract_kernel);
/* A block a column: its diagonal block becomes its factor, shared memory n(n+1)/2 doubles. */
PDM_KERNEL_DECLARE(blocks_potrf_kernel);
/* A block for BLOCKS_TILE rows of (i, j): L_ij = L_ij L_jj^-T, shared memory n(n+1)/2 + BLOCKS_TILE n doubles. */
PDM_KERNEL_DECLARE(blocks_divide_kernel);
/* A block a sample: what cuSOLVER says, and whether the diagonal is positive and finite. */
PDM_KERNEL_DECLARE(blocks_judge_kernel);
/* A block a sample: out = (L L^T)^-1 y. */
PDM_KERNEL_DECLARE(blocks_solve_kernel);

#endif
