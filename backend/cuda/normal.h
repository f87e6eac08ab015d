/* Kernels that make normal matrices H = C^T A^T M A C. */
#ifndef PDM_CUDA_NORMAL_H
#define PDM_CUDA_NORMAL_H

#include "backend/cuda/columns.h"
#include "backend/cuda/device.h"

enum {
    NORMAL_TILE    = 16, /* rows and columns of a product that a block of threads makes  */
    NORMAL_THREADS = NORMAL_TILE * NORMAL_TILE,
    NORMAL_ROWS    = 32,  /* rows of J that a block of threads forms                      */
    NORMAL_SLICE   = 256, /* rows of a product that a block of threads adds up            */
    NORMAL_LEVEL   = 17   /* PDM_MAX_LEVEL */
};

/* J_e of an expert: the rows that see it, [n_row][columns of it that exist] from j0 on. row0: into row and piece. */
typedef struct normal_expert {
    int64_t row0, j0;
    int32_t n_row, block; /* block of its unknowns; -1: it has none */
} normal_expert;

/* Rows first .. first+NORMAL_ROWS-1 of J_e. */
typedef struct normal_job {
    int32_t expert, first;
} normal_job;

/* A local coefficient of an element, by its place in A's rows, and what owns it: a row of a group's C; IDENTITY: an
 * unknown. */
typedef struct normal_reference {
    int32_t local, place;
} normal_reference;

/* J_a^T J_b, where it goes: rows of a and columns of b in the block at offset, block column j. a == b: lower triangle.
 * The rows that both have are common0 .. end-1 in `common`. */
typedef struct normal_pair {
    int64_t offset, common0, end;
    int32_t a, b, j;
} normal_pair;

/* A row of J_a and one of J_b that are the same. */
typedef struct normal_common {
    int32_t a, b;
} normal_common;

/* A tile of a pair's product, its slices n_slice from slice0 on. */
typedef struct normal_tile {
    int32_t pair, row, column, n_slice;
    int64_t slice0;
} normal_tile;

/* Common rows first .. end-1 for a tile. */
typedef struct normal_slice {
    int64_t first, end;
    int32_t tile;
} normal_slice;

/* Rows of J_e in one box of level 1: first .. end-1 in run_row. */
typedef struct normal_run {
    int32_t box, expert, first, end;
} normal_run;

/* A tile of block (i, j), at `entry`. */
typedef struct normal_block_tile {
    int32_t entry, i, j, row, column;
} normal_block_tile;

typedef struct normal_args {
    const int32_t *index;
    int64_t        n_listed;

    int64_t n_row, row_size, n_field, n_group, n_block, n_unknown, n_value; /* n_value: of H */
    int64_t n_column_value;                                                 /* of C, a sample */

    /* What exists: per sample, `sizes` numbers: a block's unknowns [n_block], a block's first place in packed order
     * [n_block+1], an expert's first unknown in its block [n_expert], a group's first column [n_group+1]. */
    const int32_t *exists;
    int64_t        sizes, packed_at, place_at, group_at;

    const int32_t *start, *block_row; /* pattern of H: start, row, offset */
    const int64_t *offset;

    /* columns from basis functions */
    const columns_group    *group;
    const normal_expert    *expert;
    const normal_job       *job;
    const int32_t          *row;        /* of A */
    const int32_t          *piece;      /* n_field lists of references each */
    const int32_t          *reference0; /* [n_piece*n_field+1] */
    const normal_reference *reference;
    const normal_pair      *pair;
    const normal_common    *common;
    const normal_tile      *tile;
    const normal_slice     *slice;
    const normal_run       *run;
    const int32_t          *run_row;
    double                 *J, *partial; /* [n_listed][j_size], [n_listed][n_slice][NORMAL_THREADS] */
    int64_t                 j_size, n_slice;

    /* columns that are coefficients */
    const int32_t          *row_element;  /* [n_row] */
    const int32_t          *element_row0; /* [n_element+1] into element_row */
    const int32_t          *element_row;
    const int32_t          *seen0;               /* [n_unknown+1] into seen: elements that see an unknown, and where */
    const normal_reference *seen;                /* place: the element */
    const int32_t          *block_of, *place_of; /* [n_unknown] block, place there */

    /* sums over boxes: S [n_listed][n_box][unknowns that exist, in packed order], without scales */
    const int32_t *child0, *child;
    const double  *unscale, *own, *scale;
    int64_t        n_box, n_level, box0, n_boxes; /* box0, n_boxes: of the launch */
    int64_t        level0[NORMAL_LEVEL + 2];
    const int32_t *touched; /* [n_level+1][n_block][2] boxes of a level that a block's columns touch: first, end */
    const normal_block_tile *block_tile;
    double                  *S;

    const double *A, *C;
    double       *H;
} normal_args;

/* A thread a value: H = 0; S = 0. */
PDM_KERNEL_DECLARE(normal_clear_kernel);
PDM_KERNEL_DECLARE(normal_clear_sums_kernel);
/* A block a job: rows of J. */
PDM_KERNEL_DECLARE(normal_rows_kernel);
/* A block a slice: partial; a block a tile: H from the sum of its slices. */
PDM_KERNEL_DECLARE(normal_products_kernel);
PDM_KERNEL_DECLARE(normal_gather_kernel);
/* A block an unknown: its row of H. */
PDM_KERNEL_DECLARE(normal_identity_kernel);
/* A block a run, a block a box: sums of level 1. */
PDM_KERNEL_DECLARE(normal_sums_kernel);
PDM_KERNEL_DECLARE(normal_identity_sums_kernel);
/* A thread for each unknown of each box: sums of another level. */
PDM_KERNEL_DECLARE(normal_sums_up_kernel);
/* A block a tile of H: H += S^T scale^2 S. */
PDM_KERNEL_DECLARE(normal_coarse_kernel);

#endif
