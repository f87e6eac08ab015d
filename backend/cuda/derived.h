/* Derived fields on the device: dense transforms of layers, dimension by dimension. */
#ifndef PDM_CUDA_DERIVED_H
#define PDM_CUDA_DERIVED_H

#include "backend/cuda/device.h"

/* One dimension, of one field of the listed samples: out [outer][n][inner] = sum over k of transform[i][k]
 * in [outer][k][inner], times symbol where there is one. */
typedef struct transform_args {
    const int32_t *index;
    int64_t        n_listed, outer, n, inner;
    const double  *transform; /* [n][n] */
    const double  *symbol;    /* [size of a layer], of `out` when all is said; NULL: 1  */
    int64_t        n_symbol;
    int32_t        in_place, out_place, add; /* by place in the list; out += */
    int64_t        in_stride, out_stride;    /* doubles of a sample; both begin at the field of the first one */
    const double  *in;
    double        *out;
} transform_args;
PDM_KERNEL_DECLARE(derived_transform_kernel);

/* Fields of the listed samples: out [n_field][n_coef] of a sample = in, whose samples may have more of them, or less. */
typedef struct field_args {
    const int32_t *index;
    int64_t        n_listed, n; /* numbers of a sample */
    int64_t        in_stride, out_stride;
    const double  *in;
    double        *out;
} field_args;
PDM_KERNEL_DECLARE(derived_fields_kernel);

#endif
