/* Kernels on FP64 vectors [n_sample][n], of the samples index[0 .. n_listed-1]. */
#ifndef PDM_CUDA_VECTOR_H
#define PDM_CUDA_VECTOR_H

#include "backend/cuda/device.h"

enum {
    DOT_THREADS = 128,
    DOT_CHUNK   = 4096, /* numbers of a block, at least                */
    DOT_MOST    = 64    /* blocks of a sample: partial sums, at most   */
};

typedef struct vector_args {
    const int32_t *index;
    int64_t        n_listed, n;
    const double  *x, *y, *weight; /* weight NULL: 1                                    */
    const double  *alpha, *beta;   /* [n_listed]; beta NULL: z = alpha x                */
    double        *z;              /* combine, multiply: [n_sample][n]                  */
    int64_t        chunk, n_chunk; /* dot: numbers of a block, a multiple of DOT_THREADS */
    double        *partial;        /* dot: [n_listed][n_chunk]                          */
    double        *sum;            /* dot: [n_listed]                                   */
} vector_args;

/* A block for every chunk of a sample. */
PDM_KERNEL_DECLARE(vector_dot_chunks_kernel);
/* A block a sample: sum from partial. */
PDM_KERNEL_DECLARE(vector_dot_sum_kernel);
PDM_KERNEL_DECLARE(vector_combine_kernel);
PDM_KERNEL_DECLARE(vector_multiply_kernel);

#endif
