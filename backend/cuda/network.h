/* Kernels of the networks on points: "listed" arrays lie in the order of the batch, kept ones by sample. */
#ifndef PDM_CUDA_NETWORK_H
#define PDM_CUDA_NETWORK_H

#include "backend/cuda/device.h"

enum {
    FOURIER_DIMS   = 4,
    SUM_PARAMETERS = 32, /* of a block */
    SUM_GROUPS     = 8,  /* of terms, by as many threads for each parameter */
    SUM_TENSORS    = 2
};

/* Where points of the padded grid lie in the control grid. */
typedef struct fourier_grids {
    int32_t  n_dim;
    unsigned n_grid[FOURIER_DIMS], n_padded[FOURIER_DIMS];
} fourier_grids;

/* Items are (point, channel), channels fastest. */
typedef struct fourier_points_args {
    const int32_t *index;
    int64_t        n_listed;
    unsigned       n, width; /* items of a sample; channels */
    const float   *bias;     /* [width] */
    float         *x;        /* listed [n]: h W + R^T .. to h; backward its cotangent to that of gelu's argument */
    float         *slope;    /* kept [n]; NULL: not to be kept */
    float         *kept;     /* [n_sample][n], or on the control grid where `leave`; NULL: not to be kept */
    /* what is on the control grid alone: added to x, left there, or neither; never read where both are 0 */
    fourier_grids grids;
    unsigned      n_inside; /* items of it */
    float        *inside;   /* listed [n_inside] */
    int32_t       add, leave;
} fourier_points_args;

/* x becomes gelu(x + bias (+ inside)); slope: gelu' there. */
PDM_KERNEL_DECLARE(fourier_gelu_kernel);
/* x becomes (x (+ inside)) slope. */
PDM_KERNEL_DECLARE(fourier_gelu_backward_kernel);

typedef struct fourier_lift_args {
    const int32_t *index;
    int64_t        n_listed;
    unsigned       n_point, n_feature, width;
    const float   *weight, *bias; /* [n_feature][width], [width]             */
    const float   *features;      /* [n_sample][n_feature][n_point]          */
    float         *h;             /* listed [n_point][width]                 */
    float         *kept;          /* [n_sample][n_point][width]              */
    float         *kept_features; /* [n_sample][n_point][n_feature]; NULL: nothing is kept */
} fourier_lift_args;

/* A thread for every number of h, and for every feature of a point. */
PDM_KERNEL_DECLARE(fourier_lift_kernel);

typedef struct fourier_copy_args {
    const int32_t *index;
    int64_t        n_listed;
    unsigned       n, n_point, n_channel; /* n floats of a sample */
    const float   *from;
    float         *to;
    const float   *bias; /* [n_channel] */
} fourier_copy_args;

/* listed [n] from by sample [n] */
PDM_KERNEL_DECLARE(fourier_gather_kernel);
/* listed [n_point][n_channel] from by sample [n_channel][n_point] */
PDM_KERNEL_DECLARE(fourier_gather_turned_kernel);
/* by sample [n_channel][n_point] from listed [n_channel][n_point], plus bias */
PDM_KERNEL_DECLARE(fourier_basis_kernel);

/* out [n] = sum over n_term of partial [n_term][n], of some tensors */
typedef struct fourier_sum_args {
    struct {
        const float *partial;
        int64_t      n_term, n;
        float       *out;
    } tensor[SUM_TENSORS];
} fourier_sum_args;

/* A block of SUM_PARAMETERS * SUM_GROUPS threads for SUM_PARAMETERS; blockIdx.y: the tensor. A group adds up terms that
 * follow each other, in their order; then the groups in theirs. */
PDM_KERNEL_DECLARE(fourier_sum_kernel);

#endif
