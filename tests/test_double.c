/* The double of the CUDA toolkit: right programs give right numbers, whatever the seed. */
#define _DEFAULT_SOURCE /* setenv() */
#include <check.h>
#include <cublas_v2.h>
#include <cuda_runtime_api.h>
#include <cusolverDn.h>
#include <math.h>
#include <nvrtc.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/core.h"
#include "tests/double/double.h"
#include "tests/double/right_kernels.h"
#include "tests/double/wrong_kernels.h"

enum { N_SEED = 5 };

static cudaStream_t stream;
static char         found[1024]; /* the first finding */
static int          n_found;

static void take_finding(const char *text)
{
    if (n_found++ == 0) snprintf(found, sizeof found, "%s", text);
}

/* Has `part` been found, once? Prepares for the next finding. */
static bool was_found(const char *part)
{
    const bool right = n_found == 1 && strstr(found, part);
    if (!right) fprintf(stderr, "%d findings, the first is: %s\nexpected: %s\n", n_found, found, part);
    n_found  = 0;
    found[0] = '\0';
    return right;
}

static void set_up(void)
{
    ck_assert_int_eq(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), cudaSuccess);
}

static void tear_down(void)
{
    ck_assert_int_eq(cudaStreamDestroy(stream), cudaSuccess);
    const pdm_double_count count = pdm_double_counts();
    ck_assert_int_eq(count.live, 0);
    ck_assert_int_eq(count.live_pinned, 0);
    ck_assert_int_eq(count.live_handles, 0);
    ck_assert_int_eq(count.pending, 0);
}

/* Device memory, filled where `from` is given. */
static void *on_device(const void *from, size_t bytes)
{
    void *p = NULL;
    ck_assert_int_eq(cudaMalloc(&p, bytes), cudaSuccess);
    if (from) ck_assert_int_eq(cudaMemcpyAsync(p, from, bytes, cudaMemcpyHostToDevice, stream), cudaSuccess);
    return p;
}

static void fetch(void *to, const void *from, size_t bytes)
{
    ck_assert_int_eq(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToHost, stream), cudaSuccess);
    ck_assert_int_eq(cudaStreamSynchronize(stream), cudaSuccess);
}

static double *numbers(int n, uint64_t which)
{
    double *x = malloc((size_t)n * sizeof *x);
    ck_assert_ptr_nonnull(x);
    for (int i = 0; i < n; i++)
        x[i] = 2.0 * pdm_random_uniform((pdm_random_key){3, PDM_RANDOM_CHECK, which}, (uint64_t)i) - 1.0;
    return x;
}

static cudaError_t launch(void (*kernel)(void), dim3 grid, dim3 block, void *args, size_t shared)
{
    return cudaLaunchKernel((const void *)(uintptr_t)kernel, grid, block, (void *[]){args}, shared, stream);
}

static dim3 of(unsigned x, unsigned y)
{
    return (dim3){x, y, 1};
}

/* ---- kernels ---- */

START_TEST(test_sums)
    {
        void (*const kernels[])(void) = {sum_right, warps_right};
        enum { N = 1000, N_BLOCK = 8 };
        double *x = numbers(N, 1), sums[2][N_BLOCK];

        pdm_double_seed((uint64_t)_i);
        for (int k = 0; k < 2; k++) {
            vectors_args args = {.n = N, .x = on_device(x, N * sizeof *x), .y = on_device(NULL, sizeof sums[k])};
            ck_assert_int_eq(launch(kernels[k], of(N_BLOCK, 1), of(128, 1), &args, 0), cudaSuccess);
            fetch(sums[k], args.y, sizeof sums[k]);
            cudaFree((void *)(uintptr_t)args.x);
            cudaFree(args.y);
        }
        for (int b = 0; b < N_BLOCK; b++) {
            double sum = 0.0;
            for (int i = 128 * b; i < N && i < 128 * b + 128; i++) sum += x[i];
            ck_assert_double_eq_tol(sums[0][b], sum, 1e-12);
            ck_assert_double_eq_tol(sums[1][b], sum, 1e-12);
        }
        free(x);
    }
END_TEST

START_TEST(test_transposes)
    {
        void (*const kernels[])(void) = {transpose_right, transpose_dynamic_right};
        enum { N_ROW = 37, N_COL = 50, N = N_ROW * N_COL };
        double *x = numbers(N, 2), *y = numbers(N, 3);

        pdm_double_seed((uint64_t)_i);
        for (int k = 0; k < 2; k++) {
            transpose_args args = {N_ROW, N_COL, on_device(x, N * sizeof *x), on_device(NULL, N * sizeof *x)};
            ck_assert_int_eq(launch(kernels[k], of(4, 3), of(16, 16), &args, k ? 16 * 16 * sizeof(double) : 0),
                             cudaSuccess);
            fetch(y, args.y, N * sizeof *y);
            for (int i = 0; i < N; i++) ck_assert_double_eq(y[i % N_COL * N_ROW + i / N_COL], x[i]);
            cudaFree((void *)(uintptr_t)args.x);
            cudaFree(args.y);
        }
        free(x);
        free(y);
    }
END_TEST

START_TEST(test_votes)
    {
        double       x[32], y[32];
        vectors_args args = {.n = 32};
        int          n    = 0;

        pdm_double_seed((uint64_t)_i);
        for (int i = 0; i < 32; i++) n += (x[i] = i % 3 - 1) > 0.0;
        args.x = on_device(x, sizeof x);
        args.y = on_device(NULL, sizeof y);
        ck_assert_int_eq(launch(votes_right, of(1, 1), of(32, 1), &args, 0), cudaSuccess);
        fetch(y, args.y, sizeof y);
        for (int i = 0; i < 32; i++)
            ck_assert_double_eq(y[i], n + 100.0 + 1.0e4 * (i % 8 ? i - 1 : i) + 1.0e7 * (i ^ 31));
        cudaFree((void *)(uintptr_t)args.x);
        cudaFree(args.y);
    }
END_TEST

START_TEST(test_counts_by_atomics)
    {
        enum { N = 500 };
        double            *x = numbers(N, 4);
        int                n = 0, n_positive = 0;
        unsigned long long n_all = 0;
        count_args args = {N, on_device(x, N * sizeof *x), on_device(NULL, sizeof n), on_device(NULL, sizeof n_all)};

        pdm_double_seed((uint64_t)_i);
        ck_assert_int_eq(cudaMemsetAsync(args.n_positive, 0, sizeof n, stream), cudaSuccess);
        ck_assert_int_eq(cudaMemsetAsync(args.n_all, 0, sizeof n_all, stream), cudaSuccess);
        ck_assert_int_eq(launch(count_right, of(8, 1), of(64, 1), &args, 0), cudaSuccess);
        fetch(&n_positive, args.n_positive, sizeof n);
        fetch(&n_all, args.n_all, sizeof n_all);
        for (int i = 0; i < N; i++) n += x[i] > 0.0;
        ck_assert_int_eq(n_positive, n);
        ck_assert_uint_eq(n_all, 512);
        cudaFree((void *)(uintptr_t)args.x);
        cudaFree(args.n_positive);
        cudaFree(args.n_all);
        free(x);
    }
END_TEST

START_TEST(test_lanes)
    {
        enum { N = 256 };
        double      *x    = numbers(N, 14), y[N];
        vectors_args args = {.n = N, .x = on_device(x, N * sizeof *x), .y = on_device(NULL, sizeof y)};

        pdm_double_seed((uint64_t)_i);
        ck_assert_int_eq(launch(lanes_right, of(2, 1), of(128, 1), &args, 0), cudaSuccess);
        fetch(y, args.y, sizeof y);
        for (int i = 0; i < N; i++) {
            double sum = 0.0;
            for (int k = 0; k < 16 && i % 32 < 16; k++) sum += x[i / 32 * 32 + k];
            ck_assert_double_eq_tol(y[i], sum, 1e-14);
        }
        cudaFree((void *)(uintptr_t)args.x);
        cudaFree(args.y);
        free(x);
    }
END_TEST

START_TEST(test_device_mathematics)
    {
        enum { N = 9 };
        double      *x    = numbers(N, 11), y[N];
        vectors_args args = {.n = N, .x = on_device(x, N * sizeof *x), .y = on_device(NULL, sizeof y)};

        ck_assert_int_eq(launch(math_right, of(1, 1), of(N, 1), &args, 0), cudaSuccess);
        fetch(y, args.y, sizeof y);
        const double pi     = 3.14159265358979323846;
        const int    k[4]   = {0, 0, (int)(10.0 * x[2]), (int)(10.0 * x[3])};
        const double want[] = {1.0 / sqrt(1.0 + x[0] * x[0]),
                               fma(x[1], x[1], 1.0),
                               (k[2] < 3 ? k[2] : 3) + (k[2] > -3 ? k[2] : -3),
                               (k[3] > 2 ? k[3] : 2) + 5,
                               x[4] + fmin(x[4], 0.25),
                               sin(pi * x[5]) + cos(2.0 * pi * x[5]),
                               8 + 31 + 4,
                               nextafter(x[7], 2.0 * x[7]),
                               2.0};
        for (int i = 0; i < N; i++) ck_assert_double_eq_tol(y[i], want[i], 4e-16 * (1.0 + fabs(want[i])));
        cudaFree((void *)(uintptr_t)args.x);
        cudaFree(args.y);
        free(x);
    }
END_TEST

/* Host threads with streams of their own. */
static void *sum_often(void *failed)
{
    enum { N = 128, N_TIME = 50 };
    double       x[N], sum = 0.0;
    vectors_args args = {.n = N};
    cudaStream_t mine = NULL;
    int          bad  = cudaStreamCreateWithFlags(&mine, cudaStreamNonBlocking) != cudaSuccess;

    for (int i = 0; i < N; i++) x[i] = i;
    bad |= cudaMalloc((void **)(uintptr_t)&args.x, sizeof x) || cudaMalloc((void **)&args.y, sizeof sum);
    for (int k = 0; k < N_TIME && !bad; k++) {
        bad |= cudaMemcpyAsync((void *)(uintptr_t)args.x, x, sizeof x, cudaMemcpyHostToDevice, mine) != cudaSuccess;
        bad |= cudaLaunchKernel((const void *)(uintptr_t)sum_right, (dim3){1, 1, 1}, (dim3){N, 1, 1}, (void *[]){&args},
                                0, mine) != cudaSuccess;
        bad |= cudaMemcpyAsync(&sum, args.y, sizeof sum, cudaMemcpyDeviceToHost, mine) != cudaSuccess;
        bad |= sum != N * (N - 1) / 2;
        x[0] += 1.0;
        x[1] -= 1.0;
    }
    cudaFree((void *)(uintptr_t)args.x);
    cudaFree(args.y);
    bad |= cudaStreamDestroy(mine) != cudaSuccess;
    *(int *)failed = bad;
    return NULL;
}

START_TEST(test_threads)
    {
        enum { N_THREAD = 4 };
        pthread_t thread[N_THREAD];
        int       failed[N_THREAD];
        for (int i = 0; i < N_THREAD; i++) ck_assert_int_eq(pthread_create(&thread[i], NULL, sum_often, &failed[i]), 0);
        for (int i = 0; i < N_THREAD; i++) {
            ck_assert_int_eq(pthread_join(thread[i], NULL), 0);
            ck_assert_int_eq(failed[i], 0);
        }
    }
END_TEST

/* ---- libraries ---- */

START_TEST(test_products)
    {
        enum { M = 5, N = 4, K = 3, BATCH = 3, LD = 7 };
        double *A = numbers(LD * K * BATCH, 5), *B = numbers(LD * N * BATCH, 6), *C = numbers(LD * N * BATCH, 7),
               *got          = numbers(LD * N * BATCH, 8);
        const double   alpha = 1.5, beta = -0.5;
        const size_t   bytesA = LD * K * BATCH * sizeof(double), bytesC = LD * N * BATCH * sizeof(double);
        cublasHandle_t handle = NULL;
        double        *dA = on_device(A, bytesA), *dB = on_device(B, bytesC), *dC = on_device(C, bytesC);

        ck_assert_int_eq(cublasCreate(&handle), CUBLAS_STATUS_SUCCESS);
        ck_assert_int_eq(cublasSetStream(handle, stream), CUBLAS_STATUS_SUCCESS);
        ck_assert_int_eq(cublasDgemmStridedBatched(handle, CUBLAS_OP_N, CUBLAS_OP_N, M, N, K, &alpha, dA, LD, LD * K,
                                                   dB, LD, LD * N, &beta, dC, LD, LD * N, BATCH),
                         CUBLAS_STATUS_SUCCESS);
        fetch(got, dC, bytesC);
        for (int b = 0; b < BATCH; b++)
            for (int j = 0; j < N; j++)
                for (int i = 0; i < LD; i++) {
                    double c = C[(b * N + j) * LD + i];
                    if (i < M) {
                        c *= beta;
                        for (int k = 0; k < K; k++) c += alpha * A[(b * K + k) * LD + i] * B[(b * N + j) * LD + k];
                    }
                    ck_assert_double_eq_tol(got[(b * N + j) * LD + i], c, 1e-14);
                }
        ck_assert_int_eq(cublasDestroy(handle), CUBLAS_STATUS_SUCCESS);
        cudaFree(dA);
        cudaFree(dB);
        cudaFree(dC);
        free(A);
        free(B);
        free(C);
        free(got);
    }
END_TEST

/* H = A'A + I by dsyrk, its factor by potrf, H y = x by two dtrsm and by potrs. */
START_TEST(test_cholesky)
    {
        enum { M = 9, N = 6 };
        double            *A = numbers(M * N, 9), H[N * N] = {0}, x[N], y[2][N];
        const double       one    = 1.0;
        cublasHandle_t     blas   = NULL;
        cusolverDnHandle_t solve  = NULL;
        int                n_work = 0, info = -1;

        for (int i = 0; i < N; i++) {
            H[i * N + i] = 1.0;
            x[i]         = i - 2.5;
        }
        double *dA = on_device(A, M * N * sizeof *A), *dH = on_device(H, sizeof H);
        double *dx[2]  = {on_device(x, sizeof x), on_device(x, sizeof x)};
        int    *d_info = on_device(NULL, sizeof info);
        ck_assert_int_eq(cublasCreate(&blas), CUBLAS_STATUS_SUCCESS);
        ck_assert_int_eq(cusolverDnCreate(&solve), CUSOLVER_STATUS_SUCCESS);
        ck_assert_int_eq(cublasSetStream(blas, stream), CUBLAS_STATUS_SUCCESS);
        ck_assert_int_eq(cusolverDnSetStream(solve, stream), CUSOLVER_STATUS_SUCCESS);
        ck_assert_int_eq(cublasDsyrk(blas, CUBLAS_FILL_MODE_LOWER, CUBLAS_OP_T, N, M, &one, dA, M, &one, dH, N),
                         CUBLAS_STATUS_SUCCESS);
        ck_assert_int_eq(cusolverDnDpotrf_bufferSize(solve, CUBLAS_FILL_MODE_LOWER, N, dH, N, &n_work),
                         CUSOLVER_STATUS_SUCCESS);
        double *work = on_device(NULL, (size_t)n_work * sizeof *work);
        ck_assert_int_eq(cusolverDnDpotrf(solve, CUBLAS_FILL_MODE_LOWER, N, dH, N, work, n_work, d_info),
                         CUSOLVER_STATUS_SUCCESS);
        for (int op = CUBLAS_OP_N; op <= CUBLAS_OP_T; op++)
            ck_assert_int_eq(cublasDtrsm(blas, CUBLAS_SIDE_LEFT, CUBLAS_FILL_MODE_LOWER, (cublasOperation_t)op,
                                         CUBLAS_DIAG_NON_UNIT, N, 1, &one, dH, N, dx[0], N),
                             CUBLAS_STATUS_SUCCESS);
        ck_assert_int_eq(cusolverDnDpotrs(solve, CUBLAS_FILL_MODE_LOWER, N, 1, dH, N, dx[1], N, d_info),
                         CUSOLVER_STATUS_SUCCESS);
        fetch(y[0], dx[0], sizeof y[0]);
        fetch(y[1], dx[1], sizeof y[1]);
        fetch(&info, d_info, sizeof info);
        ck_assert_int_eq(info, 0);
        for (int k = 0; k < 2; k++)
            for (int i = 0; i < N; i++) {
                double r = y[k][i] - x[i];
                for (int j = 0; j < N; j++)
                    for (int m = 0; m < M; m++) r += A[i * M + m] * A[j * M + m] * y[k][j];
                ck_assert_double_eq_tol(r, 0.0, 1e-13);
            }
        ck_assert_int_eq(cublasDestroy(blas), CUBLAS_STATUS_SUCCESS);
        ck_assert_int_eq(cusolverDnDestroy(solve), CUSOLVER_STATUS_SUCCESS);
        cudaFree(dA);
        cudaFree(dH);
        cudaFree(dx[0]);
        cudaFree(dx[1]);
        cudaFree(d_info);
        cudaFree(work);
        free(A);
    }
END_TEST

/* Batches by pointers that lie on the device: H = B'B + I by gemmBatched, its factor by potrfBatched, H y = x by two
 * trsmBatched and by potrsBatched; what is left over, H y - x, by gemv. */
START_TEST(test_batches)
    {
        enum { N = 4, BATCH = 3, MATRIX = N * N };
        const double one = 1.0, minus = -1.0;
        double      *B = numbers(BATCH * MATRIX, 12), *x = numbers(BATCH * N, 13), H[BATCH * MATRIX] = {0},
               rest[2][BATCH * N];
        const double     **pointers = calloc(BATCH, sizeof *pointers);
        const size_t       bytes[5] = {sizeof H, sizeof H, sizeof H, sizeof rest[0], sizeof rest[0]};
        double            *d[5], **p[5]; /* B, H, factor, and y by either way */
        cublasHandle_t     blas  = NULL;
        cusolverDnHandle_t solve = NULL;
        int               *info  = on_device(NULL, BATCH * sizeof *info), got[BATCH];

        for (int i = 0; i < BATCH * MATRIX; i++) H[i] = i % MATRIX % (N + 1) == 0;
        const double *const from[5] = {B, H, NULL, x, x};
        for (int i = 0; i < 5; i++) {
            d[i] = on_device(from[i], bytes[i]);
            for (int b = 0; b < BATCH; b++) pointers[b] = d[i] + b * (i < 3 ? MATRIX : N);
            p[i] = on_device(pointers, BATCH * sizeof *pointers);
        }
        double *dx = on_device(x, sizeof rest[0]);
        ck_assert_int_eq(cublasCreate(&blas), CUBLAS_STATUS_SUCCESS);
        ck_assert_int_eq(cusolverDnCreate(&solve), CUSOLVER_STATUS_SUCCESS);
        ck_assert_int_eq(cublasSetStream(blas, stream), CUBLAS_STATUS_SUCCESS);
        ck_assert_int_eq(cusolverDnSetStream(solve, stream), CUSOLVER_STATUS_SUCCESS);
        const double *const *const p_B = (const double *const *)(void *)p[0], *const *const p_L =
                                                                                  (const double *const *)(void *)p[2];
        ck_assert_int_eq(cublasDgemmBatched(blas, CUBLAS_OP_T, CUBLAS_OP_N, N, N, N, &one, p_B, N, p_B, N, &one,
                                            (double *const *)p[1], N, BATCH),
                         CUBLAS_STATUS_SUCCESS);
        ck_assert_int_eq(cudaMemcpyAsync(d[2], d[1], sizeof H, cudaMemcpyDeviceToDevice, stream), cudaSuccess);
        ck_assert_int_eq(cusolverDnDpotrfBatched(solve, CUBLAS_FILL_MODE_LOWER, N, p[2], N, info, BATCH),
                         CUSOLVER_STATUS_SUCCESS);
        for (int op = CUBLAS_OP_N; op <= CUBLAS_OP_T; op++)
            ck_assert_int_eq(cublasDtrsmBatched(blas, CUBLAS_SIDE_LEFT, CUBLAS_FILL_MODE_LOWER, (cublasOperation_t)op,
                                                CUBLAS_DIAG_NON_UNIT, N, 1, &one, p_L, N, (double *const *)p[3], N,
                                                BATCH),
                             CUBLAS_STATUS_SUCCESS);
        ck_assert_int_eq(cusolverDnDpotrsBatched(solve, CUBLAS_FILL_MODE_LOWER, N, 1, p[2], N, p[4], N, info, BATCH),
                         CUSOLVER_STATUS_SUCCESS);
        for (int way = 0; way < 2; way++) {
            ck_assert_int_eq(cudaMemcpyAsync(dx, x, sizeof rest[way], cudaMemcpyHostToDevice, stream), cudaSuccess);
            ck_assert_int_eq(cublasDgemvStridedBatched(blas, CUBLAS_OP_N, N, N, &one, d[1], N, MATRIX, d[3 + way], 1, N,
                                                       &minus, dx, 1, N, BATCH),
                             CUBLAS_STATUS_SUCCESS);
            fetch(rest[way], dx, sizeof rest[way]);
            for (int i = 0; i < BATCH * N; i++) ck_assert_double_eq_tol(rest[way][i], 0.0, 1e-14);
        }
        fetch(got, info, BATCH * sizeof *info);
        ck_assert_int_eq(got[1], 0);

        /* A matrix that has no factor says so, and is no finding. */
        H[0] = -1.0;
        ck_assert_int_eq(cudaMemcpyAsync(d[1], H, sizeof H, cudaMemcpyHostToDevice, stream), cudaSuccess);
        ck_assert_int_eq(cusolverDnDpotrfBatched(solve, CUBLAS_FILL_MODE_UPPER, N, p[1], N, info, BATCH),
                         CUSOLVER_STATUS_SUCCESS);
        fetch(got, info, BATCH * sizeof *info);
        ck_assert_int_eq(got[0], 1);
        ck_assert_int_eq(got[1], 0);
        ck_assert_int_eq(cublasDestroy(blas), CUBLAS_STATUS_SUCCESS);
        ck_assert_int_eq(cusolverDnDestroy(solve), CUSOLVER_STATUS_SUCCESS);
        for (int i = 0; i < 5; i++) {
            cudaFree(d[i]);
            cudaFree(p[i]);
        }
        cudaFree(dx);
        cudaFree(info);
        free(pointers);
        free(B);
        free(x);
    }
END_TEST

/* ---- run-time compilation ---- */

static const char *const HEADER = "typedef struct text_args { int n; double factor; double *x; } text_args;\n";
static const char *const TEXT   = "#include \"some/where.h\"\n"
                                  "PDM_KERNEL(text_kernel, text_args)\n"
                                  "{\n"
                                  "    __shared__ double last[64];\n"
                                  "    const int i = (int)threadIdx.x;\n"
                                  "    last[i] = a.x[i];\n"
                                  "    __syncthreads();\n"
                                  "    a.x[i] = a.factor * last[a.n - 1 - i] + exp(0.0);\n"
                                  "}\n";

static nvrtcResult compile(const char *source, char **cubin, char **log)
{
    nvrtcProgram      program   = NULL;
    size_t            n         = 0;
    const char *const options[] = {"--gpu-architecture=sm_90", "--fmad=false"};

    ck_assert_int_eq(nvrtcCreateProgram(&program, source, "text.cu", 1, (const char *const[]){HEADER},
                                        (const char *const[]){"some/where.h"}),
                     NVRTC_SUCCESS);
    const nvrtcResult result = nvrtcCompileProgram(program, 2, options);
    ck_assert_int_eq(nvrtcGetProgramLogSize(program, &n), NVRTC_SUCCESS);
    *log = malloc(n);
    ck_assert_int_eq(nvrtcGetProgramLog(program, *log), NVRTC_SUCCESS);
    if (result == NVRTC_SUCCESS) {
        ck_assert_int_eq(nvrtcGetCUBINSize(program, &n), NVRTC_SUCCESS);
        *cubin = malloc(n);
        ck_assert_int_eq(nvrtcGetCUBIN(program, *cubin), NVRTC_SUCCESS);
    }
    ck_assert_int_eq(nvrtcDestroyProgram(&program), NVRTC_SUCCESS);
    return result;
}

START_TEST(test_texts)
    {
        struct {
            int     n;
            double  factor;
            double *x;
        } args = {.n = 64, .factor = 3.0};
        double        x[64];
        char         *cubin = NULL, *log = NULL;
        cudaLibrary_t library = NULL;
        cudaKernel_t  kernel = NULL, none = NULL;

        if (_i) setenv("PDM_DOUBLE_WATCH", "1", 1);
        for (int i = 0; i < 64; i++) x[i] = i;
        args.x = on_device(x, sizeof x);
        ck_assert_int_eq(compile(TEXT, &cubin, &log), NVRTC_SUCCESS);
        ck_assert_int_eq(cudaLibraryLoadData(&library, cubin, NULL, NULL, 0, NULL, NULL, 0), cudaSuccess);
        ck_assert_int_eq(cudaLibraryGetKernel(&none, library, "other_kernel"), cudaErrorSymbolNotFound);
        ck_assert_int_eq(cudaLibraryGetKernel(&kernel, library, "text_kernel"), cudaSuccess);
        ck_assert_int_eq(cudaLaunchKernel((const void *)kernel, of(1, 1), of(64, 1), (void *[]){&args}, 0, stream),
                         cudaSuccess);
        fetch(x, args.x, sizeof x);
        for (int i = 0; i < 64; i++) ck_assert_double_eq(x[i], 3.0 * (63 - i) + 1.0);
        ck_assert_int_eq(cudaLibraryUnload(library), cudaSuccess);
        cudaFree(args.x);
        free(cubin);
        free(log);
    }
END_TEST

/* A text is watched where it is asked for. */
START_TEST(test_watched_text)
    {
        struct {
            int     n;
            double  factor;
            double *x;
        } args                 = {.n = 1, .factor = 3.0, .x = on_device(NULL, 8)};
        const char *const text = "#include \"some/where.h\"\nPDM_KERNEL(same_word, text_args) { a.x[0] = a.factor; }\n";
        char             *cubin = NULL, *log = NULL;
        cudaLibrary_t     library = NULL;
        cudaKernel_t      kernel  = NULL;

        if (_i) setenv("PDM_DOUBLE_WATCH", "1", 1);
        ck_assert_int_eq(compile(text, &cubin, &log), NVRTC_SUCCESS);
        ck_assert_int_eq(cudaLibraryLoadData(&library, cubin, NULL, NULL, 0, NULL, NULL, 0), cudaSuccess);
        ck_assert_int_eq(cudaLibraryGetKernel(&kernel, library, "same_word"), cudaSuccess);
        pdm_double_on_finding(take_finding);
        ck_assert_int_eq(cudaLaunchKernel((const void *)kernel, of(1, 1), of(64, 1), (void *[]){&args}, 0, stream),
                         cudaSuccess);
        ck_assert_int_eq(cudaStreamSynchronize(stream), cudaSuccess);
        if (_i)
            ck_assert(was_found("kernel same_word"));
        else
            ck_assert_int_eq(n_found, 0);
        ck_assert_int_eq(cudaLibraryUnload(library), cudaSuccess);
        cudaFree(args.x);
        free(cubin);
        free(log);
    }
END_TEST

START_TEST(test_wrong_text)
    {
        char *cubin = NULL, *log = NULL;
        ck_assert_int_eq(compile("PDM_KERNEL(f, text_args) { a.x = ; }\n", &cubin, &log), NVRTC_ERROR_COMPILATION);
        ck_assert_ptr_nonnull(strstr(log, "error"));
        free(log);
    }
END_TEST

/* ---- wrong kernels ---- */

typedef struct wrong_kernel {
    void (*kernel)(void);
    const char *name, *text;
} wrong_kernel;

static const wrong_kernel WRONG[] = {
#define X(name, text) {name, #name, text},
    WRONG_KERNELS(X)
#undef X
};
enum { N_WRONG = sizeof WRONG / sizeof *WRONG };

static wrong_args wrong_set_up(void)
{
    double    *x          = numbers(256, 10);
    const char zeros[512] = {0};
    wrong_args args       = {.x   = on_device(x, 256 * sizeof *x),
                             .y   = on_device(NULL, 256 * sizeof *x),
                             .out = on_device(zeros, sizeof zeros),
                             .n   = on_device(zeros, 252)};
    free(x);
    pdm_double_on_finding(take_finding);
    return args;
}

static void wrong_tear_down(wrong_args args)
{
    pdm_double_on_finding(NULL);
    cudaFree((void *)(uintptr_t)args.x);
    cudaFree(args.y);
    cudaFree(args.out);
    cudaFree(args.n);
}

/* Each is found with its name, block and thread, whatever the seed; a right kernel runs as before afterwards. */
START_TEST(test_wrong_kernels)
    {
        const wrong_kernel *wrong = &WRONG[_i];
        char                start[128];

        snprintf(start, sizeof start, "kernel %s, block (", wrong->name);
        for (uint64_t seed = 0; seed < N_SEED; seed++) {
            wrong_args args = wrong_set_up();
            pdm_double_seed(seed);
            ck_assert_int_eq(launch(wrong->kernel, of(4, 1), of(64, 1), &args, 256), cudaSuccess);
            ck_assert_int_eq(n_found, 0); /* late */
            ck_assert_int_eq(cudaStreamSynchronize(stream), cudaSuccess);
            ck_assert_msg(!strncmp(found, start, strlen(start)) && strstr(found, "), thread ("), "%s", found);
            ck_assert(was_found(wrong->text));
            vectors_args right = {.n = 256, .x = args.x, .y = args.y};
            ck_assert_int_eq(launch(sum_right, of(2, 1), of(128, 1), &right, 0), cudaSuccess);
            ck_assert_int_eq(cudaStreamSynchronize(stream), cudaSuccess);
            ck_assert_int_eq(n_found, 0);
            wrong_tear_down(args);
        }
    }
END_TEST

START_TEST(test_wrong_plain_kernels)
    {
        const wrong_kernel plain[] = {{plain_touch, "", "behind the end of an allocation of 2048 bytes"},
                                      {plain_dynamic, "", "behind dynamic shared memory"},
                                      {plain_wild, "", "touches 0x10000, which is no memory"},
                                      {plain_barrier, "", "which has ended"}};
        wrong_args         args    = wrong_set_up();
        ck_assert_int_eq(launch(plain[_i].kernel, of(4, 1), of(64, 1), &args, 256), cudaSuccess);
        ck_assert_int_eq(cudaStreamSynchronize(stream), cudaSuccess);
        ck_assert(was_found(plain[_i].text));
        wrong_tear_down(args);
    }
END_TEST

/* Memory of the host, null, and what was freed, in arguments of kernels. */
START_TEST(test_wrong_pointers)
    {
        wrong_args    args = wrong_set_up(), wrong = args;
        static double image[64];
        double        local[64];
        double       *heap = calloc(64, sizeof *heap);

        const double *const x[]    = {heap, local, NULL, args.x};
        const char *const   text[] = {"memory of the host", "memory of the host", "a null pointer",
                                      "bytes that were freed"};
        (void)image;
        for (int i = 0; i < 4; i++) {
            if (i == 3) ck_assert_int_eq(cudaFree((void *)(uintptr_t)args.x), cudaSuccess);
            wrong.x = x[i];
            ck_assert_int_eq(launch(reads_x, of(1, 1), of(64, 1), &wrong, 0), cudaSuccess);
            ck_assert_int_eq(cudaStreamSynchronize(stream), cudaSuccess);
            ck_assert(was_found(text[i]));
        }
        free(heap);
        args.x = NULL;
        wrong_tear_down(args);
    }
END_TEST

/* ---- the host ---- */

/* What is not waited for has not happened: numbers in pinned memory are NaN until then. */
START_TEST(test_copies_are_late)
    {
        enum { N = 64 };
        double      *x = NULL, *y = NULL, plain[N];
        vectors_args args = {.n = N, .x = on_device(NULL, N * sizeof *x), .y = on_device(NULL, N * sizeof *x)};

        pdm_double_seed((uint64_t)_i);
        ck_assert_int_eq(cudaMallocHost((void **)&x, N * sizeof *x), cudaSuccess);
        ck_assert_int_eq(cudaHostAlloc((void **)&y, N * sizeof *y, cudaHostAllocDefault), cudaSuccess);
        for (int i = 0; i < N; i++) x[i] = y[i] = i;
        ck_assert_int_eq(cudaMemcpyAsync((void *)(uintptr_t)args.x, x, N * sizeof *x, cudaMemcpyHostToDevice, stream),
                         cudaSuccess);
        ck_assert_int_eq(launch(scale_right, of(1, 1), of(64, 1), &args, 0), cudaSuccess);
        ck_assert_int_eq(cudaMemcpyAsync(y, args.y, N * sizeof *y, cudaMemcpyDeviceToHost, stream), cudaSuccess);
        for (int i = 0; i < N; i++) ck_assert_double_nan(y[i]);
        args.n = 0; /* the launch has its own */
        ck_assert_int_eq(cudaStreamSynchronize(stream), cudaSuccess);
        for (int i = 0; i < N; i++) ck_assert_double_eq(y[i], 2.0 * i);

        /* Memory that is not pinned is copied before the call returns, either way. */
        for (int i = 0; i < N; i++) plain[i] = -i;
        ck_assert_int_eq(cudaMemcpyAsync(args.y, plain, sizeof plain, cudaMemcpyHostToDevice, stream), cudaSuccess);
        memset(plain, 0, sizeof plain);
        ck_assert_int_eq(cudaMemcpyAsync(plain, args.y, sizeof plain, cudaMemcpyDeviceToHost, stream), cudaSuccess);
        for (int i = 0; i < N; i++) ck_assert_double_eq(plain[i], -i);

        /* A pinned source is not. */
        pdm_double_on_finding(take_finding);
        ck_assert_int_eq(cudaMemcpyAsync(args.y, x, N * sizeof *x, cudaMemcpyHostToDevice, stream), cudaSuccess);
        x[3] = 100.0;
        ck_assert_int_eq(cudaStreamSynchronize(stream), cudaSuccess);
        ck_assert(was_found("was changed before the copy was done"));
        ck_assert_int_eq(cudaFreeHost(x), cudaSuccess);
        ck_assert_int_eq(cudaFreeHost(y), cudaSuccess);
        cudaFree((void *)(uintptr_t)args.x);
        cudaFree(args.y);
    }
END_TEST

/* Two streams fill the same memory: without an event both orders come up, with one only the one asked for. */
START_TEST(test_streams)
    {
        int *value = on_device(NULL, sizeof *value), n[2] = {0, 0};

        for (uint64_t seed = 0; seed < 40; seed++) {
            cudaStream_t other = NULL;
            cudaEvent_t  event = NULL;
            int          got   = 0;
            pdm_double_seed(seed);
            ck_assert_int_eq(cudaStreamCreateWithFlags(&other, cudaStreamNonBlocking), cudaSuccess);
            ck_assert_int_eq(cudaEventCreateWithFlags(&event, cudaEventDisableTiming), cudaSuccess);
            ck_assert_int_eq(cudaMemsetAsync(value, 1, sizeof *value, other), cudaSuccess);
            if (_i) {
                ck_assert_int_eq(cudaEventRecord(event, other), cudaSuccess);
                ck_assert_int_eq(cudaStreamWaitEvent(stream, event, 0), cudaSuccess);
            }
            ck_assert_int_eq(cudaMemsetAsync(value, 2, sizeof *value, stream), cudaSuccess);
            ck_assert_int_eq(cudaEventRecord(event, stream), cudaSuccess);
            ck_assert_int_eq(cudaEventQuery(event), cudaErrorNotReady);
            ck_assert_int_eq(cudaDeviceSynchronize(), cudaSuccess);
            ck_assert_int_eq(cudaEventQuery(event), cudaSuccess);
            fetch(&got, value, sizeof got);
            ck_assert(got == 0x01010101 || got == 0x02020202);
            n[got == 0x02020202]++;
            ck_assert_int_eq(cudaEventDestroy(event), cudaSuccess);
            ck_assert_int_eq(cudaStreamDestroy(other), cudaSuccess);
        }
        if (_i)
            ck_assert_int_eq(n[1], 40);
        else {
            ck_assert_int_gt(n[0], 5);
            ck_assert_int_gt(n[1], 5);
        }
        cudaFree(value);
    }
END_TEST

/* Streams that block keep the order of calls with the default one; an event is waited for alone. */
START_TEST(test_default_stream)
    {
        cudaStream_t blocking = NULL;
        cudaEvent_t  event    = NULL;
        int         *value    = on_device(NULL, 2 * sizeof *value), got[2];

        ck_assert_int_eq(cudaStreamCreate(&blocking), cudaSuccess);
        ck_assert_int_eq(cudaEventCreate(&event), cudaSuccess);
        for (uint64_t seed = 0; seed < 20; seed++) {
            pdm_double_seed(seed);
            ck_assert_int_eq(cudaMemsetAsync(value, 1, sizeof *value, blocking), cudaSuccess);
            ck_assert_int_eq(cudaMemsetAsync(value, 2, sizeof *value, NULL), cudaSuccess);
            ck_assert_int_eq(cudaMemcpyAsync(value + 1, value, sizeof *value, cudaMemcpyDeviceToDevice, blocking),
                             cudaSuccess);
            ck_assert_int_eq(cudaEventRecord(event, blocking), cudaSuccess);
            ck_assert_int_eq(cudaMemsetAsync(value + 1, 3, sizeof *value, blocking), cudaSuccess);
            ck_assert_int_eq(cudaEventSynchronize(event), cudaSuccess);
            ck_assert_int_eq(cudaMemcpy(got, value, sizeof got, cudaMemcpyDeviceToHost), cudaSuccess);
            ck_assert_int_eq(got[0], 0x02020202);
            ck_assert_int_eq(got[1], 0x03030303);
        }
        ck_assert_int_eq(cudaEventDestroy(event), cudaSuccess);
        ck_assert_int_eq(cudaStreamDestroy(blocking), cudaSuccess);
        cudaFree(value);
    }
END_TEST

/* On the device a copy takes along what was never written; the host must not see it. */
START_TEST(test_copies_of_the_unwritten)
    {
        double  x[4] = {1.0, 2.0, 3.0, 4.0};
        double *from = on_device(NULL, sizeof x), *to = on_device(NULL, sizeof x);

        pdm_double_on_finding(take_finding);
        ck_assert_int_eq(cudaMemcpyAsync(from, x, 16, cudaMemcpyHostToDevice, stream), cudaSuccess);
        ck_assert_int_eq(cudaMemcpyAsync(to, from, sizeof x, cudaMemcpyDeviceToDevice, stream), cudaSuccess);
        fetch(x, to, 16);
        ck_assert_int_eq(n_found, 0);
        fetch(x, to, 24);
        ck_assert(was_found("byte 16 of an allocation of 32 bytes was never written"));
        cudaFree(from);
        cudaFree(to);
    }
END_TEST

static sigjmp_buf after_fault;

static void leave_fault(const char *text)
{
    take_finding(text);
    siglongjmp(after_fault, 1);
}

START_TEST(test_host_touches_device)
    {
        double *x = on_device(NULL, 8 * sizeof *x);

        pdm_double_on_finding(leave_fault);
        if (!sigsetjmp(after_fault, 1)) ck_assert_double_eq(*(volatile double *)x, 0.0);
        ck_assert(was_found("the host touches"));
        if (!sigsetjmp(after_fault, 1)) *(volatile double *)x = 0.0;
        ck_assert(was_found("which is device memory"));
        cudaFree(x);
        if (!sigsetjmp(after_fault, 1)) *(volatile double *)x = 0.0;
        ck_assert(was_found("that were freed"));
    }
END_TEST

START_TEST(test_abort)
    {
        double *x             = on_device(NULL, 8 * sizeof *x);
        *(volatile double *)x = 0.0;
    }
END_TEST

/* ---- calls that the libraries refuse ---- */

typedef struct refusal {
    double            *x, *y; /* on the device: x of 512 zeros, y of 512 never written */
    double             host[8];
    wrong_args         args;
    cublasHandle_t     blas;
    cusolverDnHandle_t solver;
} refusal;

static const double ONE = 1.0;

#define REFUSALS(X)                                                                                                   \
    X("a block of 1025 x 1 x 1", launch(reads_x, of(1, 1), of(1025, 1), &r->args, 0))                                 \
    X("a block of 64 x 32 x 1", launch(reads_x, of(1, 1), of(64, 32), &r->args, 0))                                   \
    X("a block of 0 x 1 x 1", launch(reads_x, of(1, 1), of(0, 1), &r->args, 0))                                       \
    X("a grid of 0 x 1 x 1", launch(reads_x, of(0, 1), of(1, 1), &r->args, 0))                                        \
    X("a grid of 1 x 65536 x 1", launch(reads_x, of(1, 65536), of(1, 1), &r->args, 0))                                \
    X("a grid of 2147483648 x 1 x 1", launch(reads_x, of(0x80000000u, 1), of(1, 1), &r->args, 0))                     \
    X("without cudaFuncSetAttribute", launch(reads_x, of(1, 1), of(1, 1), &r->args, 49153))                           \
    X("is no kernel", cudaLaunchKernel(r->host, of(1, 1), of(1, 1), (void *[]){&r->args}, 0, stream))                 \
    X("no arguments", cudaLaunchKernel((const void *)(uintptr_t)reads_x, of(1, 1), of(1, 1), NULL, 0, stream))        \
    X("a stream that does not exist", cudaStreamSynchronize((cudaStream_t)(void *)r->host))                           \
    X("a null event", cudaEventRecord(NULL, stream))                                                                  \
    X("is not the start of an allocation", cudaFree(r->x + 1))                                                        \
    X("is not the start of an allocation", cudaFree(r->host))                                                         \
    X("was not given by cudaMallocHost", cudaFreeHost(r->host))                                                       \
    X("kind 0", cudaMemcpyAsync(r->host, r->host, 8, cudaMemcpyHostToHost, stream))                                   \
    X("kind 0", cudaMemcpyAsync(r->host, r->host, 8, cudaMemcpyDefault, stream))                                      \
    X("is memory of the host", cudaMemcpyAsync(r->host, r->host, 8, cudaMemcpyHostToDevice, stream))                  \
    X("is memory of the device", cudaMemcpyAsync(r->x, r->x, 8, cudaMemcpyHostToDevice, stream))                      \
    X("a null pointer", cudaMemcpyAsync(NULL, r->host, 8, cudaMemcpyHostToDevice, stream))                            \
    X("8 bytes at byte 4089", cudaMemcpyAsync((char *)r->x + 4089, r->host, 8, cudaMemcpyHostToDevice, stream))       \
    X("is memory of the host", cudaMemsetAsync(r->host, 0, 8, stream))                                                \
    X("a null handle", cublasSetStream(NULL, stream))                                                                 \
    X("sizes -1, 1, 1",                                                                                               \
      cublasDgemm(r->blas, CUBLAS_OP_N, CUBLAS_OP_N, -1, 1, 1, &ONE, r->x, 1, r->x, 1, &ONE, r->y, 1))                \
    X("leading dimension 3 of A; 4 or more",                                                                          \
      cublasDgemm(r->blas, CUBLAS_OP_N, CUBLAS_OP_N, 4, 4, 4, &ONE, r->x, 3, r->x, 4, &ONE, r->y, 4))                 \
    X("leading dimension 2 of B; 5 or more",                                                                          \
      cublasDgemm(r->blas, CUBLAS_OP_N, CUBLAS_OP_T, 4, 5, 4, &ONE, r->x, 4, r->x, 2, &ONE, r->y, 4))                 \
    X("beta is null", cublasDgemm(r->blas, CUBLAS_OP_N, CUBLAS_OP_N, 1, 1, 1, &ONE, r->x, 1, r->x, 1, NULL, r->y, 1)) \
    X("cublasDgemm, A: ",                                                                                             \
      cublasDgemm(r->blas, CUBLAS_OP_N, CUBLAS_OP_N, 1, 1, 1, &ONE, r->host, 1, r->x, 1, &ONE, r->y, 1))              \
    X("fill mode 7", cublasDsyrk(r->blas, (cublasFillMode_t)7, CUBLAS_OP_N, 1, 1, &ONE, r->x, 1, &ONE, r->y, 1))      \
    X("leading dimension 0 of x", cublasDgemv(r->blas, CUBLAS_OP_N, 1, 1, &ONE, r->x, 1, r->x, 0, &ONE, r->y, 1))     \
    X("a workspace of 3", cusolverDnDpotrf(r->solver, CUBLAS_FILL_MODE_LOWER, 2, r->x, 2, r->y, 3, r->args.n))        \
    X("leading dimensions 1", cusolverDnDpotrf(r->solver, CUBLAS_FILL_MODE_LOWER, 2, r->x, 1, r->y, 99, r->args.n))   \
    X("is memory of the host",                                                                                        \
      cusolverDnDpotrs(r->solver, CUBLAS_FILL_MODE_LOWER, 2, 1, r->x, 2, r->y, 2, (int *)r->host))

/* Call number `which`; -1: there is none. */
static int refuse(int which, refusal *r, const char **text)
{
    int i = 0;
#define X(words, call) \
    if (which == i++) return *text = (words), (int)(call);
    REFUSALS(X)
#undef X
    return -1;
}

START_TEST(test_refusals)
    {
        const double zeros[512] = {0};
        refusal r = {.x = on_device(zeros, sizeof zeros), .y = on_device(NULL, sizeof zeros), .args = wrong_set_up()};
        int     status = 0;

        ck_assert_int_eq(cublasCreate(&r.blas), CUBLAS_STATUS_SUCCESS);
        ck_assert_int_eq(cusolverDnCreate(&r.solver), CUSOLVER_STATUS_SUCCESS);
        for (int i = 0; status >= 0; i++) {
            const char *text = NULL;
            status           = refuse(i, &r, &text);
            ck_assert_int_ne(status, 0);
            if (text) ck_assert(was_found(text));
        }
        ck_assert_int_eq(cudaDeviceSynchronize(), cudaSuccess);
        ck_assert_int_eq(n_found, 0);
        ck_assert_int_eq(cublasDestroy(r.blas), CUBLAS_STATUS_SUCCESS);
        ck_assert_int_eq(cusolverDnDestroy(r.solver), CUSOLVER_STATUS_SUCCESS);
        cudaFree(r.x);
        cudaFree(r.y);
        wrong_tear_down(r.args);
    }
END_TEST

/* ---- calls that are found when they run ---- */

START_TEST(test_late_refusals)
    {
        double        *x = on_device(NULL, 64 * sizeof *x), one = 1.0;
        double       **d_pointers = on_device(NULL, 2 * sizeof x);
        int           *info       = on_device(NULL, 2 * sizeof *info);
        cublasHandle_t blas       = NULL;

        pdm_double_on_finding(take_finding);
        ck_assert_int_eq(cublasCreate(&blas), CUBLAS_STATUS_SUCCESS);
        ck_assert_int_eq(cublasSetStream(blas, stream), CUBLAS_STATUS_SUCCESS);
        const double *const *d_const = (const double *const *)(uintptr_t)d_pointers;
        for (int i = 0; i < 3; i++) {
            static const char *const text[] = {"byte 0 of an allocation of 512 bytes was never written",
                                               "648 bytes at byte 0 of an allocation of 512",
                                               "byte 0 of an allocation of 16 bytes was never written"};
            if (i == 0)
                ck_assert_int_eq(cublasDgemm(blas, CUBLAS_OP_N, CUBLAS_OP_N, 2, 2, 2, &one, x, 2, x, 2, &one, x, 2),
                                 CUBLAS_STATUS_SUCCESS);
            if (i == 1)
                ck_assert_int_eq(cublasDgemm(blas, CUBLAS_OP_N, CUBLAS_OP_N, 9, 9, 9, &one, x, 9, x, 9, &one, x, 9),
                                 CUBLAS_STATUS_SUCCESS);
            if (i == 2)
                ck_assert_int_eq(cublasDgemmBatched(blas, CUBLAS_OP_N, CUBLAS_OP_N, 2, 2, 2, &one, d_const, 2, d_const,
                                                    2, &one, (double *const *)d_pointers, 2, 2),
                                 CUBLAS_STATUS_SUCCESS);
            ck_assert_int_eq(n_found, 0);
            ck_assert_int_eq(cudaStreamSynchronize(stream), cudaSuccess);
            ck_assert(was_found(text[i]));
        }
        ck_assert_int_eq(cublasDestroy(blas), CUBLAS_STATUS_SUCCESS);
        ck_assert_int_eq(cublasSetStream(blas, stream), CUBLAS_STATUS_NOT_INITIALIZED);
        ck_assert(was_found("a handle that does not exist any more"));
        cudaFree(x);
        cudaFree(d_pointers);
        cudaFree(info);
    }
END_TEST

/* ---- what tests ask the double for ---- */

START_TEST(test_counts)
    {
        double                 x[8] = {0}, *d = on_device(x, sizeof x);
        const pdm_double_count before = pdm_double_counts();
        vectors_args           args   = {.n = 8, .x = d, .y = d};

        ck_assert_int_eq(launch(empty_right, of(3, 1), of(8, 1), &args, 0), cudaSuccess);
        ck_assert_int_eq(cudaMemcpyAsync(d, x, 24, cudaMemcpyHostToDevice, stream), cudaSuccess);
        ck_assert_int_eq(cudaMemsetAsync(d, 0, 24, stream), cudaSuccess);
        fetch(x, d, 16);
        const pdm_double_count after = pdm_double_counts();
        ck_assert_int_eq(after.launches - before.launches, 1);
        ck_assert_int_eq(after.to_device - before.to_device, 1);
        ck_assert_int_eq(after.bytes_to_device - before.bytes_to_device, 24);
        ck_assert_int_eq(after.to_host - before.to_host, 1);
        ck_assert_int_eq(after.bytes_to_host - before.bytes_to_host, 16);
        ck_assert_int_eq(after.on_device - before.on_device, 1);
        ck_assert_int_eq(after.synchronisations - before.synchronisations,
                         2); /* a copy to pageable memory, and fetch()'s own */
        ck_assert_int_eq(before.live, 1);
        ck_assert_int_eq(before.live_bytes, sizeof x);
        cudaFree(d);
    }
END_TEST

/* Each fallible call of a small program fails once, with an error of its kind, and leaves things as they were. */
START_TEST(test_failures)
    {
        int64_t k = 0;
        for (bool failed = true; failed;) {
            void          *p     = NULL;
            cublasHandle_t blas  = NULL;
            cudaEvent_t    event = NULL;
            pdm_double_fail_at(++k);
            const cudaError_t    first  = cudaMalloc(&p, 64);
            const cudaError_t    second = cudaEventCreateWithFlags(&event, cudaEventDisableTiming);
            const cublasStatus_t third  = cublasCreate(&blas);
            const cudaError_t    fourth = cudaStreamSynchronize(stream);
            ck_assert_int_eq(first, k == 1 ? cudaErrorMemoryAllocation : cudaSuccess);
            ck_assert_int_eq(second, k == 2 ? cudaErrorMemoryAllocation : cudaSuccess);
            ck_assert_int_eq(third, k == 3 ? CUBLAS_STATUS_NOT_INITIALIZED : CUBLAS_STATUS_SUCCESS);
            ck_assert_int_eq(fourth, k == 4 ? cudaErrorLaunchFailure : cudaSuccess);
            ck_assert_int_eq(cudaGetLastError(), k == 1 || k == 2 ? cudaErrorMemoryAllocation
                                                 : k == 4         ? cudaErrorLaunchFailure
                                                                  : cudaSuccess);
            ck_assert_int_eq(cudaGetLastError(), cudaSuccess);
            failed = k <= 4;
            pdm_double_fail_at(0);
            if (first == cudaSuccess) cudaFree(p);
            if (second == cudaSuccess) cudaEventDestroy(event);
            if (third == CUBLAS_STATUS_SUCCESS) cublasDestroy(blas);
        }
    }
END_TEST

START_TEST(test_machines)
    {
        int                   n = -7, major = 0;
        void                 *p = NULL;
        struct cudaDeviceProp prop;
        cublasHandle_t        blas       = NULL;
        size_t                free_bytes = 0, total = 0;

        pdm_double_device(2, 86, 1000);
        ck_assert_int_eq(cudaGetDeviceCount(&n), cudaSuccess);
        ck_assert_int_eq(n, 2);
        ck_assert_int_eq(cudaSetDevice(1), cudaSuccess);
        ck_assert_int_eq(cudaSetDevice(2), cudaErrorInvalidDevice);
        ck_assert_int_eq(cudaGetDeviceProperties(&prop, 1), cudaSuccess);
        ck_assert_int_eq(10 * prop.major + prop.minor, 86);
        ck_assert_int_eq(cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, 0), cudaSuccess);
        ck_assert_int_eq(major, 8);
        ck_assert_int_eq(cudaMalloc(&p, 1001), cudaErrorMemoryAllocation);
        ck_assert_int_eq(cudaMalloc(&p, 600), cudaSuccess);
        ck_assert_int_eq(cudaMemGetInfo(&free_bytes, &total), cudaSuccess);
        ck_assert_uint_eq(free_bytes, 400);
        ck_assert_uint_eq(total, 1000);
        cudaFree(p);

        n = -7;
        pdm_double_device(0, 90, 1000);
        ck_assert_int_eq(cudaGetDeviceCount(&n), cudaErrorNoDevice);
        ck_assert_int_eq(cudaMalloc(&p, 8), cudaErrorNoDevice);
        ck_assert_int_eq(cublasCreate(&blas), CUBLAS_STATUS_NOT_INITIALIZED);
        pdm_double_device(-1, 90, 1000);
        ck_assert_int_eq(cudaGetDeviceCount(&n), cudaErrorInsufficientDriver);
        ck_assert_int_eq(n, -7);
        ck_assert_int_eq(cudaMalloc(&p, 8), cudaErrorInsufficientDriver);
        ck_assert_str_eq(cudaGetErrorName(cudaGetLastError()), "cudaErrorInsufficientDriver");
        pdm_double_device(1, 90, (size_t)1 << 30);
    }
END_TEST

int main(void)
{
    Suite *suite = suite_create("double");
    TCase *tests = tcase_create("right");

    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_loop_test(tests, test_sums, 0, N_SEED);
    tcase_add_loop_test(tests, test_transposes, 0, N_SEED);
    tcase_add_loop_test(tests, test_votes, 0, N_SEED);
    tcase_add_loop_test(tests, test_counts_by_atomics, 0, N_SEED);
    tcase_add_loop_test(tests, test_lanes, 0, N_SEED);
    tcase_add_test(tests, test_device_mathematics);
    tcase_add_test(tests, test_threads);
    tcase_add_test(tests, test_products);
    tcase_add_test(tests, test_cholesky);
    tcase_add_test(tests, test_batches);
    tcase_add_loop_test(tests, test_texts, 0, 2);
    tcase_add_loop_test(tests, test_watched_text, 0, 2);
    tcase_add_test(tests, test_wrong_text);
    tcase_add_loop_test(tests, test_wrong_kernels, 0, N_WRONG);
    tcase_add_loop_test(tests, test_wrong_plain_kernels, 0, 4);
    tcase_add_test(tests, test_wrong_pointers);
    tcase_add_loop_test(tests, test_copies_are_late, 0, N_SEED);
    tcase_add_loop_test(tests, test_streams, 0, 2);
    tcase_add_test(tests, test_default_stream);
    tcase_add_test(tests, test_copies_of_the_unwritten);
    tcase_add_test(tests, test_host_touches_device);
    tcase_add_test_raise_signal(tests, test_abort, SIGABRT);
    tcase_add_test(tests, test_refusals);
    tcase_add_test(tests, test_late_refusals);
    tcase_add_test(tests, test_counts);
    tcase_add_test(tests, test_failures);
    tcase_add_test(tests, test_machines);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    const int n_failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return n_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
