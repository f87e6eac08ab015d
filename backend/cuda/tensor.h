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

enum { ASSEMBLE_ATOMS = 16, LONG_ROWS_THREADS = 128 };

typedef struct assemble_args {
    tensor_args tensor;               /* in [..][n_point]: partials; out: the first row's part of A for a field */
    int64_t     row_size;             /* numbers of a row of A */
    int32_t     n_atom;               /* of one field          */
    int32_t     atom[ASSEMBLE_ATOMS]; /* where in `in`         */
    int32_t     order[ASSEMBLE_ATOMS][AXES];
} assemble_args;

/* A [n_row][row_size], the n_local numbers of one field; a thread a number. */
PDM_KERNEL_DECLARE(tensor_assemble_kernel);

#endif
