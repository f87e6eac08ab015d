/* The dense kernels and the program interpreter: time, speed, ratio to this machine's matrix product and to OpenBLAS,
 * which takes turns with them. One thread. usage: bench_kernels [instruction set] */
#include <cblas.h>
#include <lapacke.h>
#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <string.h>

#include "backend/cpu/cpu_impl.h"
#include "bench/bench.h"
#include "bench/limits.h"

enum { N_MATRIX = 32, N_POINT = 8192 };

typedef struct kernel_data {
    const pdm_cpu_kernels *k;
    pdm_size               m, n;
    double *J, *H, *A, *work; /* J [m][n]; H [n][n]; A positive definite [N_MATRIX][n][n]; work: the same */
    void   *scratch;
    int32_t failed[N_MATRIX];
} kernel_data;

static void syrk_own(void *user)
{
    kernel_data *d = user;
    d->k->syrk_tn(d->m, d->n, d->J, d->n, d->H, d->n, PDM_CPU_SET);
}

static void syrk_blas(void *user)
{
    kernel_data *d = user;
    const int    m = (int)d->m, n = (int)d->n;
    cblas_dsyrk(CblasRowMajor, CblasLower, CblasTrans, n, m, 1.0, d->J, n, 0.0, d->H, n);
}

/* C -= A B^T, all n x n */
static void gemm_own(void *user)
{
    kernel_data *d = user;
    d->k->gemm_nt(d->n, d->n, d->n, d->A, d->n, d->A + d->n * d->n, d->n, d->work, d->n, PDM_CPU_SUBTRACT);
}

static void gemm_blas(void *user)
{
    kernel_data *d = user;
    const int    n = (int)d->n;
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, n, n, n, -1.0, d->A, n, d->A + d->n * d->n, n, 1.0, d->work,
                n);
}

/* The copies that renew the matrices are part of all Cholesky times. */
static void potrf_batched_own(void *user)
{
    kernel_data *d = user;
    memcpy(d->work, d->A, (size_t)(N_MATRIX * d->n * d->n) * sizeof(double));
    d->k->potrf_batched(N_MATRIX, d->n, d->work, d->failed);
}

static void potrf_single_own(void *user)
{
    kernel_data *d = user;
    memcpy(d->work, d->A, (size_t)(N_MATRIX * d->n * d->n) * sizeof(double));
    for (pdm_size i = 0; i < N_MATRIX; i++) d->failed[i] = d->k->potrf(d->n, d->work + i * d->n * d->n, d->n);
}

static void potrf_blas(void *user)
{
    kernel_data *d = user;
    const int    n = (int)d->n;
    memcpy(d->work, d->A, (size_t)(N_MATRIX * d->n * d->n) * sizeof(double));
    for (pdm_size i = 0; i < N_MATRIX; i++)
        d->failed[i] = (int32_t)LAPACKE_dpotrf_work(LAPACK_COL_MAJOR, 'U', n, d->work + i * d->n * d->n, n);
}

/* X L^T = B, n x n; L = A's lower triangle */
static void trsm_own(void *user)
{
    kernel_data *d = user;
    memcpy(d->work, d->J, (size_t)(d->n * d->n) * sizeof(double));
    d->k->trsm_right(d->n, d->n, d->A, d->n, d->work, d->n);
}

static void trsm_blas(void *user)
{
    kernel_data *d = user;
    const int    n = (int)d->n;
    memcpy(d->work, d->J, (size_t)(d->n * d->n) * sizeof(double));
    cblas_dtrsm(CblasRowMajor, CblasRight, CblasLower, CblasTrans, CblasNonUnit, n, n, 1.0, d->A, n, d->work, n);
}

/* sign(u) (|u| + 1e-9)^0.874 */
static const pdm_instruction POWER[]       = {{PDM_OPCODE_INPUT, 0, 0, 0, 0.0},   {PDM_OPCODE_ABS, 1, 0, 0, 0.0},
                                              {PDM_OPCODE_CONST, 2, 0, 0, 1e-9},  {PDM_OPCODE_ADD, 1, 1, 2, 0.0},
                                              {PDM_OPCODE_CONST, 2, 0, 0, 0.874}, {PDM_OPCODE_POW, 1, 1, 2, 0.0},
                                              {PDM_OPCODE_SIGN, 0, 0, 0, 0.0},    {PDM_OPCODE_MUL, 1, 0, 1, 0.0}};
static const int32_t         POWER_OUT     = 1;
static const pdm_program     POWER_PROGRAM = {8, 3, 1, 1, POWER, &POWER_OUT};

static void program_own(void *user)
{
    kernel_data   *d      = user;
    const double  *in[]   = {d->J};
    const pdm_size stride = 1;
    double        *out[]  = {d->work};
    pdm_cpu_program_run(d->k, &POWER_PROGRAM, N_POINT, in, &stride, out, d->scratch);
}

static void program_libm(void *user)
{
    kernel_data *d = user;
    for (pdm_size i = 0; i < N_POINT; i++) {
        const double u = d->J[i];
        d->work[i]     = (double)((u > 0.0) - (u < 0.0)) * pow(fabs(u) + 1e-9, 0.874);
    }
}

static void fill(kernel_data *d, pdm_size m, pdm_size n)
{
    const pdm_random_key key = {1, PDM_RANDOM_CHECK, 0};
    d->m                     = m;
    d->n                     = n;
    for (pdm_size i = 0; i < m * n; i++) d->J[i] = 2.0 * pdm_random_uniform(key, (uint64_t)i) - 1.0;
    for (pdm_size b = 0; b < N_MATRIX; b++)
        for (pdm_size i = 0; i < n; i++)
            for (pdm_size j = 0; j < n; j++) d->A[(b * n + i) * n + j] = i == j ? 2.0 : 1.0 / (double)(n + i + j);
}

static void print_row(const char *name, pdm_size m, pdm_size n, const char *against, bench_time own, bench_time other,
                      double flops, double limit)
{
    char size[32];
    if (m > 0)
        snprintf(size, sizeof size, "%lldx%lld", (long long)m, (long long)n);
    else
        snprintf(size, sizeof size, "%lld", (long long)n);
    printf("%-16s %-9s %10.2f %5.0f%% %8.2f %7.0f%% %10.2f %5.0f%% %7.2f  %s\n", name, size, 1e6 * own.best,
           100.0 * own.spread, flops / own.best / 1e9, 100.0 * flops / own.best / limit, 1e6 * other.best,
           100.0 * other.spread, other.best / own.best, against);
}

static void bench_pair(kernel_data *d, const char *name, bench_function own, bench_function other, double flops,
                       double limit, bool with_m)
{
    const bench_function fn[] = {own, other};
    bench_time           time[2];
    bench_run(2, fn, d, BENCH_ROUNDS, 0.002, time);
    print_row(name, with_m ? d->m : 0, d->n, "OpenBLAS", time[0], time[1], flops, limit);
}

static void bench_all(kernel_data *d, double limit)
{
    static const pdm_size syrk[][2] = {{20000, 16}, {2000, 64},  {256, 64},  {256, 16},
                                       {1000, 10},  {1000, 130}, {1000, 256}};
    static const pdm_size square[]  = {8, 16, 32, 64, 128, 256};
    printf("%-16s %-9s %10s %6s %8s %8s %10s %6s %7s\n", "kernel", "size", "us", "spread", "GF/s", "of GEMM",
           "us, other", "spread", "faster");
    for (int i = 0; i < 7; i++) {
        fill(d, syrk[i][0], syrk[i][1]);
        bench_pair(d, "syrk_tn", syrk_own, syrk_blas, (double)(d->m * d->n * (d->n + 1)), limit, true);
    }
    for (int i = 0; i < 6; i++) {
        const double n = (double)square[i];
        fill(d, square[i], square[i]);
        bench_pair(d, "gemm_nt", gemm_own, gemm_blas, 2.0 * n * n * n, limit, false);
        bench_pair(d, "trsm_right", trsm_own, trsm_blas, n * n * n, limit, false);
        bench_pair(d, "potrf x 32", potrf_single_own, potrf_blas, N_MATRIX * n * n * n / 3.0, limit, false);
        if (square[i] <= PDM_CPU_BATCH_MAX)
            bench_pair(d, "potrf_batched 32", potrf_batched_own, potrf_blas, N_MATRIX * n * n * n / 3.0, limit, false);
    }
    const bench_function fn[] = {program_own, program_libm};
    bench_time           time[2];
    fill(d, N_POINT, 1);
    bench_run(2, fn, d, BENCH_ROUNDS, 0.002, time);
    printf("sign(u) (|u| + 1e-9)^0.874: %.2f ns a point (spread %.0f%%); libm, point by point: %.2f ns\n",
           1e9 * time[0].best / N_POINT, 100.0 * time[0].spread, 1e9 * time[1].best / N_POINT);
}

static void print_limits(const char *who, bench_limits l)
{
    printf("%-12s triad %6.1f GB/s   GEMM FP64 %6.1f GF/s   FP32 %6.1f GF/s\n", who, l.triad / 1e9, l.gemm64 / 1e9,
           l.gemm32 / 1e9);
}

int main(int argc, char **argv)
{
    pdm_status         status = PDM_OK;
    pdm_context       *ctx    = NULL;
    pdm_backend       *b      = NULL;
    kernel_data        d      = {0};
    const pdm_size     most   = N_MATRIX * 256 * 256;
    const bench_limits all    = bench_measure_limits(omp_get_max_threads());

    omp_set_num_threads(1); /* OpenBLAS too */
    const bench_limits one = bench_measure_limits(1);
    print_limits("1 thread", one);
    print_limits("all threads", all);
    PDM_TRY(pdm_context_create(NULL, &ctx));
    PDM_TRY(pdm_backend_create(ctx, "cpu", &b));
    if (argc > 1) PDM_TRY(pdm_cpu_force_isa(b, argv[1]));
    d.k = pdm_cpu_of(b)->kernels;
    printf("instruction set: %s; one thread; operands in cache where they fit\n\n", d.k->isa);
    PDM_TRY(pdm_alloc_array(ctx, most, &d.J));
    PDM_TRY(pdm_alloc_array(ctx, most, &d.A));
    PDM_TRY(pdm_alloc_array(ctx, most, &d.work));
    PDM_TRY(pdm_alloc_array(ctx, 256 * 256, &d.H));
    PDM_TRY(pdm_alloc(ctx, pdm_cpu_program_scratch(&POWER_PROGRAM), &d.scratch));
    bench_all(&d, one.gemm64);
done:
    if (status != PDM_OK)
        fprintf(stderr, "bench_kernels: %s\n", ctx ? pdm_context_error(ctx) : pdm_status_text(status));
    if (ctx) {
        void *owned[] = {d.J, d.A, d.work, d.H, d.scratch};
        for (int i = 0; i < 5; i++) pdm_free(ctx, owned[i]);
    }
    pdm_backend_destroy(&b);
    pdm_context_destroy(&ctx);
    return status == PDM_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
