/* Kernels on columns of experts: C from basis functions, C w, C^T g, and the way back to the basis.
 *
 * Sums over the coefficients of a group run in blocks of COLUMNS_LANES x COLUMNS_WIDE threads, a column for every
 * threadIdx.x % COLUMNS_WIDE; lanes take every COLUMNS_LANES-th coefficient. */
#ifndef PDM_CUDA_COLUMNS_H
#define PDM_CUDA_COLUMNS_H

#include "backend/cuda/device.h"

enum { COLUMNS_WIDE = 16, COLUMNS_LANES = 16, COLUMNS_THREADS = COLUMNS_WIDE * COLUMNS_LANES };

typedef struct columns_group {
    int64_t column0, value0, window0; /* first column in w, value in C, place in coef and window */
    int32_t n_coef, n_col, field;
    double  scale;
} columns_group;

/* Columns first .. first+COLUMNS_WIDE-1 of a group, as they are when all exist. */
typedef struct columns_tile {
    int32_t group, first;
} columns_tile;

typedef struct columns_args {
    const int32_t *index;
    int64_t        n_listed;

    int64_t              n_field, n_coef, n_channel, n_group, n_column, n_value, n_window;
    const columns_group *group;       /* [n_group]                                                            */
    const columns_tile  *tile;        /* one a block                                                          */
    const int32_t       *coef;        /* [n_window]                                                           */
    const int32_t       *at_group;    /* [n_window] group of a place in coef                                  */
    const int32_t       *channel;     /* [n_column] -1: the prior alone                                       */
    const int32_t       *first_with;  /* [n_group][n_channel] first column of a group with a channel; -1: none */
    const int32_t       *next_with;   /* [n_column] next column of the group with the same one; -1: none      */
    const int64_t       *owner0;      /* [n_field*n_coef+1] a coefficient's groups, rising, into the next two */
    const int32_t       *owner_group; /* [n_window]                                                           */
    const int32_t       *owner_place; /* [n_window] coefficient's place in the group                          */
    const double        *window, *prior, *offset; /* [n_window], [n_value] all columns, [n_field*n_coef]      */
    const unsigned char *guess;                   /* [n_field*n_coef] or NULL                                 */
    const int32_t       *n_on;                    /* [n_sample][n_group] columns that exist                   */
    const int32_t       *on;                      /* [n_sample][n_column] they, group by group                */
    const int32_t       *place;                   /* [n_sample][n_column] a column's place among them; -1     */
    double              *C, *norm;                /* [n_sample][n_value], [n_sample][n_column]; what exists   */

    const float  *basis;
    const double *w, *lift, *p, *q, *lambda;
    double       *along; /* [n_listed][n_column] <C, g_C> / scale^2 of what exists */
    double       *out;
    float        *g_basis;
} columns_args;

/* A block a tile. */
PDM_KERNEL_DECLARE(columns_build_kernel);
PDM_KERNEL_DECLARE(columns_reduce_kernel);
PDM_KERNEL_DECLARE(columns_along_kernel);
/* A thread for each coefficient of each field. */
PDM_KERNEL_DECLARE(columns_start_kernel);
PDM_KERNEL_DECLARE(columns_expand_kernel);
PDM_KERNEL_DECLARE(columns_expand_identity_kernel);
/* A thread for each column. */
PDM_KERNEL_DECLARE(columns_reduce_identity_kernel);
/* A thread for each coefficient of each channel. */
PDM_KERNEL_DECLARE(columns_backward_kernel);
/* A thread for each window, which adds up the samples. */
PDM_KERNEL_DECLARE(columns_windows_backward_kernel);

#endif
