/* A cycle over nested splines (backend/nest.h): matrices of levels from A, factors of patches, sweeps over the patches of
 * a colour at a time. Dimensions that a problem has not are filled up with one coefficient and degree 0, so that kernels
 * have four. */
#ifndef PDM_CUDA_NEST_H
#define PDM_CUDA_NEST_H

#include "backend/cuda/axis.h"

enum { NEST_LANES = 8 }; /* threads that share the sum of a row; blocks have a multiple of 32 */

/* A level: its tables, and where the numbers of the first sample are. */
typedef struct nest_level {
    int32_t        n_coef[AXES], n_element[AXES], degree[AXES], periodic[AXES];
    int32_t        n_field, width, most; /* of a stencil; unknowns of a patch */
    int64_t        n;                    /* coefficients of a field */
    const int32_t *near[AXES];    /* [n_coef][2 degree + 1] neighbours, times the stride; itself where there is none */
    const int32_t *place;         /* [width] offsets, from 0 on, of a stencil's entry: a byte a dimension */
    const unsigned char *free;    /* [n_field][n] */
    const int32_t       *colour0; /* [n_colour+1] patches of a colour, which follow one another */
    const int32_t       *patch0;  /* [n_patch+1] into unknown */
    const int32_t       *unknown;
    const int64_t       *factor0; /* [n_patch] into factor */
    int64_t              stride;  /* doubles of a sample in H and factor */
    double              *H;       /* [n_field][n][n_field][width]; 0 where one of the two is not free */
    double              *factor;  /* L^-1 of each patch's H = L L^T, lower triangle by rows */
    int64_t              y_stride, x_stride;
    double              *y; /* [n_field][n] right-hand side; not read where it is not free */
    double              *x;
} nest_level;

/* From a level to the next, dimension by dimension. */
typedef struct nest_axis {
    int32_t        n_fine, n_coarse, width; /* degree + 1                                                        */
    const int32_t *first;                   /* [n_fine] what a coefficient sees of the next level begins here     */
    const double  *weight;                  /* [n_fine][width]                                                   */
    const int32_t *seen0, *seen;            /* [n_coarse+1], of finer coefficients: by which it is seen,         */
    const int32_t *seen_local;              /* at which place of them,                                           */
    const double  *seen_weight;             /* and its weight there                                              */
} nest_axis;

/* H of level 0, A^T A + shift diag(A^T A); a thread a number. */
typedef struct nest_square_args {
    const int32_t *index; /* samples */
    int64_t        n_listed, n_row, n_local;
    nest_level     level;
    const int32_t *element_row0, *element_row;
    const double  *A;      /* [n_row][n_field][n_local] */
    const double  *shift;  /* [n_listed] */
    int32_t       *failed; /* [n_listed] becomes 0 */
} nest_square_args;
PDM_KERNEL_DECLARE(nest_square_kernel);

/* P^T H P, P along one dimension alone; a thread a number of the result, which is symmetric to the bit if H is. */
typedef struct nest_coarsen_args {
    const int32_t       *index;
    int64_t              n_listed;
    int32_t              n_coef[AXES], degree[AXES], periodic[AXES]; /* n_coef: of the result */
    int32_t              n_field, width, dim;
    int64_t              n; /* product of n_coef */
    nest_axis            axis;
    const int32_t       *place;
    const unsigned char *free;                  /* of the result; NULL: all that is there */
    int32_t              in_place, out_place;   /* by place in the list, not by sample */
    int64_t              in_stride, out_stride; /* doubles of a sample */
    const double        *in;
    double              *out;
} nest_coarsen_args;
PDM_KERNEL_DECLARE(nest_coarsen_kernel);

/* Factors; a block a patch. Dynamic shared memory: [most], and the triangle of a patch where in_shared. */
typedef struct nest_factor_args {
    const int32_t *index;
    int64_t        n_listed;
    nest_level     level;
    int32_t        in_shared;
    int32_t *failed; /* [n_listed] 1 + the highest patch whose matrix is not positive, of this level or one before */
} nest_factor_args;
PDM_KERNEL_DECLARE(nest_factor_kernel);

/* x += the solutions for residuals y - H x, patches of a colour at once, a block each, one colour after another: for more
 * than one colour a sample has one block. Dynamic shared memory: [2][most]. */
typedef struct nest_relax_args {
    const int32_t *index;
    int64_t        n_listed;
    nest_level     level;
    int32_t        colour, n_colour; /* of which there are so many from `colour` on */
    int32_t        back;             /* the last one first */
} nest_relax_args;
PDM_KERNEL_DECLARE(nest_relax_kernel);

/* Between a level and the next. */
typedef struct nest_transfer_args {
    const int32_t *index;
    int64_t        n_listed;
    nest_level     fine, coarse;
    nest_axis      axis[AXES];
    double        *residual; /* [n_listed][n_field][n] */
} nest_transfer_args;
/* x of `fine` = 0; a thread an unknown. */
PDM_KERNEL_DECLARE(nest_zero_kernel);
/* residual = y - H x of `fine`, 0 where it is not free; NEST_LANES threads an unknown. */
PDM_KERNEL_DECLARE(nest_residual_kernel);
/* y of `coarse` = P^T residual, 0 where it is not free, and its x = 0; a thread a coarse unknown. */
PDM_KERNEL_DECLARE(nest_restrict_kernel);
/* x of `fine` += P x; a thread a fine unknown. */
PDM_KERNEL_DECLARE(nest_prolong_kernel);

#endif
