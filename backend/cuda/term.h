/* What a kernel made of a term's programs is given (term_text.c writes its text): a thread a point of a sample. */
#ifndef PDM_CUDA_TERM_H
#define PDM_CUDA_TERM_H

#include "backend/cuda/axis.h"

typedef struct term_args {
    const int32_t *index; /* samples */
    int64_t        n_listed;
    int64_t        n_point, n_coef;               /* of the term; of a field                        */
    int64_t        c_stride, n_scalar, n_sampled; /* doubles of a sample                        */
    const double  *c, *v;                         /* coefficients that rows see, and a direction    */
    const double  *scalar, *sampled;
    const int32_t *sampled_offset; /* of the term's sampled fields in a sample's      */
    const double  *weight;         /* second order: [n_listed][n_point]               */
    double        *out;            /* [n_listed][what the kernel gives][n_point]      */
    cuda_axis      axis[AXES];
} term_args;

#ifdef PDM_KERNEL
static __device__ double square_of(double x)
{
    return x * x;
}
/* NaN stays NaN. */
static __device__ double sign_of(double x)
{
    return x > 0.0 ? 1.0 : x < 0.0 ? -1.0 : x;
}
static __device__ double step_of(double x)
{
    return x > 0.0 ? 1.0 : x <= 0.0 ? 0.0 : x;
}
static __device__ double min_of(double x, double y)
{
    return x < y ? x : y;
}
static __device__ double max_of(double x, double y)
{
    return x > y ? x : y;
}
#endif

#endif
