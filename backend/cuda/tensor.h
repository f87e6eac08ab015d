/* Tensor grids of points and rows: the sums over them that are the same for every program. What depends on programs is
 * compiled at run time (term.h). */
#ifndef PDM_CUDA_TENSOR_H
#define PDM_CUDA_TENSOR_H

#include "backend/cuda/axis.h"

typedef struct tensor_args {
    const int32_t *index; /* samples */
    int64_t        n_listed;
    int64_t        n_point, n_row, n_coef, n_local; /* products over the axes */
    int32_t        order[AXES];
    int32_t        add;                   /* to what is there */
    int32_t        in_place;              /* `in` lies by place in the list, not by sample; */
    int32_t        out_place;             /* and so does `out`                              */
    int64_t        in_stride, out_stride; /* doubles of a sample; both begin at what is meant of the first one */
    int64_t        row_size;              /* blank: numbers from a row of `out` to the next */
    const double  *in;
    double        *out;
    cuda_axis      axis[AXES];
} tensor_args;

/* in: coefficients of a field, out [n_point]: derivative `order` at the points; a thread a point. */
PDM_KERNEL_DECLARE(tensor_evaluate_kernel);
/* Its transpose, in [n_point], out [n_coef]; a thread a coefficient. */
PDM_KERNEL_DECLARE(tensor_evaluate_adjoint_kernel);
/* in [n_point], out [n_row]: weighted sums of points, scaled; a thread a row. */
PDM_KERNEL_DECLARE(tensor_rows_kernel);
/* The same by a block a row, for rows of many points. */
PDM_KERNEL_DECLARE(tensor_long_rows_kernel);
/* The transpose: in [n_row], out [n_point]; a thread a point. */
PDM_KERNEL_DECLARE(tensor_rows_adjoint_kernel);

enum { LONG_ROWS_THREADS = 128 };

/* A step of assembling A, along one dimension: numbers at points of the dimensions up to it, at rows and places of the
 * later ones, become such at rows and places of this one too:
 *     out [outer][n_row][rows][width local] = sum over pairs of a row of basis[pair][.] in [outer][point][rows][local]
 * times the row's scale. The first dimension is the last step and leaves rows of A. */
typedef struct assemble_args {
    const int32_t *index;
    int64_t        n_listed;
    int32_t        outer, rows, local; /* points of earlier dimensions, rows and places of later ones        */
    int32_t        order, add, out_place;
    int64_t        row_size;              /* numbers from a row of `out` to the next: width local, or a row of A */
    int64_t        in_stride, out_stride; /* of `in` by place in the list */
    const double  *in;
    double        *out;
    cuda_axis      axis;
} assemble_args;

/* A thread a number of `out`. */
PDM_KERNEL_DECLARE(tensor_assemble_kernel);
/* out [n_row][row_size], the first n_local of each: 0. */
PDM_KERNEL_DECLARE(tensor_blank_kernel);

#endif
