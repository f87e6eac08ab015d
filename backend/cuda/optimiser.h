/* Kernels on FP32 vectors of network parameters. */
#ifndef PDM_CUDA_OPTIMISER_H
#define PDM_CUDA_OPTIMISER_H

#include "backend/cuda/device.h"

enum {
    NORM_THREADS = 128,
    NORM_CHUNK   = 4096, /* numbers of a block, at least                                */
    NORM_MOST    = 256   /* blocks, hence partial sums, at most; threads of the last one */
};

/* Constants of one Adam step, rounded to FP32 once. */
typedef struct adam_args {
    int64_t      n;
    const float *gradient;
    float       *m, *v, *parameters;
    float        gradient_scale, beta1, one_minus_beta1, beta2, one_minus_beta2;
    float        rate;        /* learning_rate / (1 - beta1^step) */
    float        correction2; /* 1 / (1 - beta2^step)             */
    float        epsilon;
} adam_args;

typedef struct norm_args {
    int64_t      n, chunk, n_chunk; /* chunk: a multiple of NORM_THREADS */
    const float *x;
    double      *partial; /* [n_chunk] */
    double      *sum;
} norm_args;

typedef struct combine_args {
    int64_t      n;
    float        alpha, beta;
    const float *x;
    float       *y;
} combine_args;

typedef struct width_args {
    int64_t n;
    double  factor;
    float  *narrow;
    double *wide;
} width_args;

PDM_KERNEL_DECLARE(adam_kernel);
/* A block a chunk. */
PDM_KERNEL_DECLARE(norm_chunks_kernel);
/* One block of NORM_MOST threads: sum from partial. */
PDM_KERNEL_DECLARE(norm_sum_kernel);
PDM_KERNEL_DECLARE(combine_kernel);
/* wide = narrow + factor wide; narrow = factor wide */
PDM_KERNEL_DECLARE(widen_kernel);
PDM_KERNEL_DECLARE(narrow_kernel);

#endif
