/* What this machine can do at best: the denominators of all other benchmarks. */
#ifndef PDM_BENCH_LIMITS_H
#define PDM_BENCH_LIMITS_H

typedef struct bench_limits {
    double triad;          /* bytes a second from memory, a = b + s c                    */
    double gemm64, gemm32; /* flops a second of a large matrix product, FP64 and FP32    */
} bench_limits;

/* Takes a few seconds. n_thread threads. */
bench_limits bench_measure_limits(int n_thread);

#endif
