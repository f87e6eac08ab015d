/* Kernels on FP64 vectors [n_sample][n], of the samples index[0 .. n_listed-1]. */
#ifndef PDM_CUDA_VECTOR_H
#define PDM_CUDA_VECTOR_H

#include "backend/cuda/device.h"

enum {
    DOT_THREADS = 128,
    DOT_CHUNK   = 4096, /* numbers of a block, at least                */
    DOT_MOST    = 64,   /* blocks of a sample: partial sums, at most   */
    DOTS_MOST   = 4     /* dot products of a launch                    */
};

typedef struct vector_dot {
    int64_t       n;
    const double *x, *y, *weight;  /* [n_sample][n]; weight NULL: 1                          */
    int64_t       chunk;           /* numbers of a block, a multiple of DOT_THREADS          */
    int64_t       chunk0, n_chunk; /* the blocks of a sample that are its: chunk0 .. + n_chunk */
} vector_dot;

typedef struct vector_dots_args {
    const int32_t *index;
    int64_t        n_listed, n_chunk; /* n_chunk: blocks of a sample            */
    vector_dot     dot[DOTS_MOST];    /* those that there are, in order of chunk0 */
    double        *partial;           /* [n_listed][n_chunk]                    */
    double        *sum;               /* [dot][n_listed]                        */
} vector_dots_args;

/* A block for every chunk of each dot product of a sample. */
PDM_KERNEL_DECLARE(vector_dots_chunks_kernel);
/* A block a dot product and sample: sum from partial. */
PDM_KERNEL_DECLARE(vector_dots_sum_kernel);

typedef struct vector_args {
    const int32_t *index;
    int64_t        n_listed, n;
    const double  *x, *y;
    const double  *alpha, *beta; /* [n_listed]; beta NULL: z = alpha x */
    double         scale;        /* positive                           */
    double        *z;            /* [n_sample][n]                      */
} vector_args;

PDM_KERNEL_DECLARE(vector_combine_kernel);
PDM_KERNEL_DECLARE(vector_multiply_kernel);
PDM_KERNEL_DECLARE(vector_positive_kernel);

#endif
