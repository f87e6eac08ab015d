/* The double of the CUDA toolkit: right programs give right numbers, whatever the seed. */
#define _DEFAULT_SOURCE /* setenv() */
#include <check.h>
#include <cublas_v2.h>
#include <cuda_runtime_api.h>
#include <cusolverDn.h>
#include <math.h>
#include <nvrtc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/core.h"
#include "tests/double/double.h"
#include "tests/double/right_kernels.h"

enum { N_SEED = 5 };

static cudaStream_t stream;

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

START_TEST(test_wrong_text)
    {
        char *cubin = NULL, *log = NULL;
        ck_assert_int_eq(compile("PDM_KERNEL(f, text_args) { a.x = ; }\n", &cubin, &log), NVRTC_ERROR_COMPILATION);
        ck_assert_ptr_nonnull(strstr(log, "error"));
        free(log);
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
    tcase_add_test(tests, test_products);
    tcase_add_test(tests, test_cholesky);
    tcase_add_loop_test(tests, test_texts, 0, 2);
    tcase_add_test(tests, test_wrong_text);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    const int n_failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return n_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
