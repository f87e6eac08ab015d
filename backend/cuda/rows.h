/* Products with A = dr/dc, [n_row][n_seen][n_local] a sample. */
#ifndef PDM_CUDA_ROWS_H
#define PDM_CUDA_ROWS_H

#include "backend/cuda/device.h"

typedef struct rows_args {
    const int32_t *index; /* samples */
    int64_t        n_listed;
    int64_t        n_row, n_seen, n_local, n_coef;
    const int32_t *row_element;  /* [n_row]                                              */
    const int32_t *element_coef; /* [n_element][n_local]                                 */
    const int32_t *element_row0; /* [n_element+1] into element_row                       */
    const int32_t *element_row;  /* [n_row]                                              */
    const int32_t *coef0;        /* [n_coef+1] into place: where a coefficient is seen   */
    const int32_t *place;        /* element * n_local + place in it                      */
    const double  *A;
    const double  *v;       /* like c, or like r for the adjoint */
    int32_t        v_place; /* v lies by place in the list, not by sample; */
    int32_t        out_place;
    double        *out;
} rows_args;

/* out = A v; a thread a row. */
PDM_KERNEL_DECLARE(rows_apply_kernel);
/* out = A^T v; a thread a coefficient of every field. */
PDM_KERNEL_DECLARE(rows_apply_adjoint_kernel);
/* out [n_seen][n_coef] = 0 */
PDM_KERNEL_DECLARE(rows_zero_kernel);

#endif
