/* cuSOLVER: Cholesky factors and what is solved by them, done by LAPACK. */
#include "tests/double/blas.h"

#include <cusolverDn.h>
#include <lapacke.h>
#include <stdlib.h>

enum { HANDLE = 0x536f6c76, GONE = 0x676f6e65 };

struct cusolverDnContext {
    int                magic;
    cudaStream_t       stream;
    cusolverDnHandle_t next_gone;
};

struct cusolverDnParams {
    int magic;
};

typedef struct call {
    const char      *name;
    bool             single, arrays;
    cublasFillMode_t fill;
    int              n, n_rhs, ldA, ldB, batch;
    void            *A, *B;
    int             *info;
} call;

#define REFUSE(code, ...) return (double_found(__VA_ARGS__), code)

static cusolverStatus_t start(cusolverDnHandle_t handle, const char *name)
{
    if (!handle) REFUSE(CUSOLVER_STATUS_NOT_INITIALIZED, "%s: a null handle", name);
    if (handle->magic != HANDLE)
        REFUSE(CUSOLVER_STATUS_NOT_INITIALIZED, "%s: a handle that does not exist any more", name);
    double_device_ok(name);
    return double_fails() ? CUSOLVER_STATUS_EXECUTION_FAILED : CUSOLVER_STATUS_SUCCESS;
}
#define START(handle)                                              \
    ENTER();                                                       \
    do {                                                           \
        const cusolverStatus_t started_ = start(handle, __func__); \
        if (started_ != CUSOLVER_STATUS_SUCCESS) return started_;  \
    } while (0)

cusolverStatus_t cusolverDnCreate(cusolverDnHandle_t *out)
{
    ENTER();
    if (double_now.n_device <= 0 || double_fails()) return CUSOLVER_STATUS_NOT_INITIALIZED;
    double_device_ok(__func__);
    if (!out) REFUSE(CUSOLVER_STATUS_INVALID_VALUE, "cusolverDnCreate: null");
    cusolverDnHandle_t handle = calloc(1, sizeof *handle);
    if (!handle) abort();
    handle->magic = HANDLE;
    *out          = handle;
    double_now.count.live_handles++;
    return CUSOLVER_STATUS_SUCCESS;
}

cusolverStatus_t cusolverDnDestroy(cusolverDnHandle_t handle)
{
    static cusolverDnHandle_t gone; /* addresses are not given out again */
    ENTER();
    if (!handle || handle->magic != HANDLE)
        REFUSE(CUSOLVER_STATUS_NOT_INITIALIZED, "cusolverDnDestroy: no handle, or not any more");
    double_drain_all();
    handle->magic     = GONE;
    handle->next_gone = gone;
    gone              = handle;
    double_now.count.live_handles--;
    return CUSOLVER_STATUS_SUCCESS;
}

cusolverStatus_t cusolverDnSetStream(cusolverDnHandle_t handle, cudaStream_t stream)
{
    START(handle);
    if (!double_stream_ok(stream, "cusolverDnSetStream")) return CUSOLVER_STATUS_INVALID_VALUE;
    handle->stream = stream;
    return CUSOLVER_STATUS_SUCCESS;
}

cusolverStatus_t cusolverDnSetDeterministicMode(cusolverDnHandle_t handle, cusolverDeterministicMode_t mode)
{
    START(handle);
    (void)mode;
    return CUSOLVER_STATUS_SUCCESS;
}

cusolverStatus_t cusolverDnCreateParams(cusolverDnParams_t *out)
{
    ENTER();
    if (double_fails()) return CUSOLVER_STATUS_ALLOC_FAILED;
    if (!out) REFUSE(CUSOLVER_STATUS_INVALID_VALUE, "cusolverDnCreateParams: null");
    *out = calloc(1, sizeof **out);
    if (!*out) abort();
    double_now.count.live_handles++;
    return CUSOLVER_STATUS_SUCCESS;
}

cusolverStatus_t cusolverDnDestroyParams(cusolverDnParams_t params)
{
    ENTER();
    if (!params) REFUSE(CUSOLVER_STATUS_INVALID_VALUE, "cusolverDnDestroyParams: null");
    free(params);
    double_now.count.live_handles--;
    return CUSOLVER_STATUS_SUCCESS;
}

/* ---- queueing ---- */

static cusolverStatus_t check(const call *c)
{
    if (c->n < 0 || c->n_rhs < 0 || c->batch < 0)
        REFUSE(CUSOLVER_STATUS_INVALID_VALUE, "%s: sizes %d, %d, batch %d; 0 or more expected", c->name, c->n, c->n_rhs,
               c->batch);
    if (c->fill != CUBLAS_FILL_MODE_LOWER && c->fill != CUBLAS_FILL_MODE_UPPER)
        REFUSE(CUSOLVER_STATUS_INVALID_VALUE, "%s: fill mode %d", c->name, (int)c->fill);
    if (c->ldA < (c->n > 1 ? c->n : 1) || (c->B && c->ldB < (c->n > 1 ? c->n : 1)))
        REFUSE(CUSOLVER_STATUS_INVALID_VALUE, "%s: leading dimensions %d, %d; %d or more expected", c->name, c->ldA,
               c->ldB, c->n);
    return CUSOLVER_STATUS_SUCCESS;
}

static cusolverStatus_t enqueue(cusolverDnHandle_t handle, void (*run)(void *), call c)
{
    const cusolverStatus_t status = check(&c);
    const size_t           batch  = (size_t)c.batch;
    if (status != CUSOLVER_STATUS_SUCCESS) return status;
    if (c.n == 0 || batch == 0) return CUSOLVER_STATUS_SUCCESS;
    if (!double_on_device(c.name, c.A, c.arrays ? batch * sizeof(void *) : 1) ||
        !double_on_device(c.name, c.info, batch * sizeof(int)) ||
        (c.B && !double_on_device(c.name, c.B, c.arrays ? batch * sizeof(void *) : 1)))
        return CUSOLVER_STATUS_INVALID_VALUE;
    *(call *)double_enqueue(handle->stream, run, sizeof c) = c;
    double_now.count.library_calls++;
    return CUSOLVER_STATUS_SUCCESS;
}

static double_matrix factor_of(const call *c, const void *A)
{
    return (double_matrix){A,
                           c->n,
                           c->n,
                           c->ldA,
                           c->single ? sizeof(float) : sizeof(double),
                           c->fill == CUBLAS_FILL_MODE_LOWER ? LOWER : UPPER};
}

static void *member(const call *c, void *p, int b)
{
    void *const *pointers = c->arrays ? blas_pointers(c->name, p, c->batch) : NULL;
    if (pointers && !pointers[b]) double_found("%s: pointer %d of the batch is null", c->name, b);
    return !c->arrays ? p : pointers ? pointers[b] : NULL;
}

/* ---- factors ---- */

static void run_potrf(void *argument)
{
    const call *c      = argument;
    const char  uplo   = c->fill == CUBLAS_FILL_MODE_LOWER ? 'L' : 'U';
    const int   before = blas_alone();
    for (int b = 0; b < c->batch; b++) {
        void *A = member(c, c->A, b);
        if (!A || !double_reads_matrix(c->name, factor_of(c, A)) || !double_writes(c->name, c->info + b, sizeof(int)))
            break;
        c->info[b] = c->single ? LAPACKE_spotrf_work(LAPACK_COL_MAJOR, uplo, c->n, A, c->ldA)
                               : LAPACKE_dpotrf_work(LAPACK_COL_MAJOR, uplo, c->n, A, c->ldA);
    }
    omp_set_num_threads(before);
}

#define POTRF(letter, type, is_single)                                                                                \
    cusolverStatus_t cusolverDn##letter##potrf_bufferSize(cusolverDnHandle_t handle, cublasFillMode_t fill, int n,    \
                                                          type *A, int ldA, int *n_work)                              \
    {                                                                                                                 \
        START(handle);                                                                                                \
        (void)A;                                                                                                      \
        if (!n_work) REFUSE(CUSOLVER_STATUS_INVALID_VALUE, "cusolverDn" #letter "potrf_bufferSize: null");            \
        *n_work = 32 * n + 1;                                                                                         \
        return check(&(call){.name = "cusolverDn" #letter "potrf_bufferSize", .fill = fill, .n = n, .ldA = ldA});     \
    }                                                                                                                 \
    cusolverStatus_t cusolverDn##letter##potrf(cusolverDnHandle_t handle, cublasFillMode_t fill, int n, type *A,      \
                                               int ldA, type *work, int n_work, int *info)                            \
    {                                                                                                                 \
        START(handle);                                                                                                \
        if (n > 0 && n_work < 32 * n + 1)                                                                             \
            REFUSE(CUSOLVER_STATUS_INVALID_VALUE, "cusolverDn" #letter "potrf: a workspace of %d; %d expected",       \
                   n_work, 32 * n + 1);                                                                               \
        if (n > 0 && !double_on_device("cusolverDn" #letter "potrf, workspace", work, (size_t)n_work * sizeof(type))) \
            return CUSOLVER_STATUS_INVALID_VALUE;                                                                     \
        return enqueue(handle, run_potrf,                                                                             \
                       (call){.name   = "cusolverDn" #letter "potrf",                                                 \
                              .single = is_single,                                                                    \
                              .fill   = fill,                                                                         \
                              .n      = n,                                                                            \
                              .ldA    = ldA,                                                                          \
                              .batch  = 1,                                                                            \
                              .A      = A,                                                                            \
                              .info   = info});                                                                         \
    }                                                                                                                 \
    cusolverStatus_t cusolverDn##letter##potrfBatched(cusolverDnHandle_t handle, cublasFillMode_t fill, int n,        \
                                                      type *A[], int ldA, int *info, int batch)                       \
    {                                                                                                                 \
        START(handle);                                                                                                \
        return enqueue(handle, run_potrf,                                                                             \
                       (call){.name   = "cusolverDn" #letter "potrfBatched",                                          \
                              .single = is_single,                                                                    \
                              .arrays = true,                                                                         \
                              .fill   = fill,                                                                         \
                              .n      = n,                                                                            \
                              .ldA    = ldA,                                                                          \
                              .batch  = batch,                                                                        \
                              .A      = (void *)A,                                                                    \
                              .info   = info});                                                                         \
    }
POTRF(S, float, true)
POTRF(D, double, false)

static bool types_ok(const char *name, cudaDataType a, cudaDataType b)
{
    if (a == b && (a == CUDA_R_32F || a == CUDA_R_64F)) return true;
    double_found("%s: types %d and %d; CUDA_R_32F or CUDA_R_64F, twice, expected", name, (int)a, (int)b);
    return false;
}

cusolverStatus_t cusolverDnXpotrf_bufferSize(cusolverDnHandle_t handle, cusolverDnParams_t params,
                                             cublasFillMode_t fill, int64_t n, cudaDataType type, const void *A,
                                             int64_t ldA, cudaDataType compute, size_t *on_device, size_t *on_host)
{
    START(handle);
    (void)params, (void)A;
    if (!on_device || !on_host || !types_ok("cusolverDnXpotrf_bufferSize", type, compute))
        return CUSOLVER_STATUS_INVALID_VALUE;
    *on_device = 256 * (size_t)n + 8;
    *on_host   = 64;
    return check(&(call){.name = "cusolverDnXpotrf_bufferSize", .fill = fill, .n = (int)n, .ldA = (int)ldA});
}

cusolverStatus_t cusolverDnXpotrf(cusolverDnHandle_t handle, cusolverDnParams_t params, cublasFillMode_t fill,
                                  int64_t n, cudaDataType type, void *A, int64_t ldA, cudaDataType compute,
                                  void *on_device, size_t bytes_on_device, void *on_host, size_t bytes_on_host,
                                  int *info)
{
    START(handle);
    (void)params;
    if (!types_ok("cusolverDnXpotrf", type, compute)) return CUSOLVER_STATUS_INVALID_VALUE;
    if (n > 0 && (bytes_on_device < 256 * (size_t)n + 8 || bytes_on_host < 64 || !on_host))
        REFUSE(CUSOLVER_STATUS_INVALID_VALUE, "cusolverDnXpotrf: workspaces of %zu and %zu bytes; %zu and 64 expected",
               bytes_on_device, bytes_on_host, 256 * (size_t)n + 8);
    if (n > 0 && !double_on_device("cusolverDnXpotrf, workspace", on_device, bytes_on_device))
        return CUSOLVER_STATUS_INVALID_VALUE;
    return enqueue(handle, run_potrf,
                   (call){.name   = "cusolverDnXpotrf",
                          .single = type == CUDA_R_32F,
                          .fill   = fill,
                          .n      = (int)n,
                          .ldA    = (int)ldA,
                          .batch  = 1,
                          .A      = A,
                          .info   = info});
}

/* ---- solutions ---- */

static void run_potrs(void *argument)
{
    const call *c      = argument;
    const char  uplo   = c->fill == CUBLAS_FILL_MODE_LOWER ? 'L' : 'U';
    const int   before = blas_alone();
    for (int b = 0; b < c->batch; b++) {
        void               *A = member(c, c->A, b), *B = A ? member(c, c->B, b) : NULL;
        const double_matrix mB   = {B, c->n, c->n_rhs, c->ldB, c->single ? sizeof(float) : sizeof(double), WHOLE};
        int                *info = c->arrays ? c->info : c->info + b;
        if (!B || !double_reads_matrix(c->name, factor_of(c, A)) || !double_reads_matrix(c->name, mB) ||
            !double_writes(c->name, info, sizeof(int)))
            break;
        *info = c->single ? LAPACKE_spotrs_work(LAPACK_COL_MAJOR, uplo, c->n, c->n_rhs, A, c->ldA, B, c->ldB)
                          : LAPACKE_dpotrs_work(LAPACK_COL_MAJOR, uplo, c->n, c->n_rhs, A, c->ldA, B, c->ldB);
    }
    omp_set_num_threads(before);
}

cusolverStatus_t cusolverDnDpotrs(cusolverDnHandle_t handle, cublasFillMode_t fill, int n, int n_rhs, const double *A,
                                  int ldA, double *B, int ldB, int *info)
{
    START(handle);
    if (!B && n > 0 && n_rhs > 0) REFUSE(CUSOLVER_STATUS_INVALID_VALUE, "cusolverDnDpotrs: B is null");
    return enqueue(handle, run_potrs,
                   (call){.name  = "cusolverDnDpotrs",
                          .fill  = fill,
                          .n     = n,
                          .n_rhs = n_rhs,
                          .ldA   = ldA,
                          .ldB   = ldB,
                          .batch = 1,
                          .A     = (void *)(uintptr_t)A,
                          .B     = B,
                          .info  = info});
}

cusolverStatus_t cusolverDnDpotrsBatched(cusolverDnHandle_t handle, cublasFillMode_t fill, int n, int n_rhs,
                                         double *A[], int ldA, double *B[], int ldB, int *info, int batch)
{
    START(handle);
    if (n_rhs != 1 || !B)
        REFUSE(CUSOLVER_STATUS_INVALID_VALUE, "cusolverDnDpotrsBatched: %d right-hand sides%s; 1 expected", n_rhs,
               B ? "" : ", null");
    return enqueue(handle, run_potrs,
                   (call){.name   = "cusolverDnDpotrsBatched",
                          .arrays = true,
                          .fill   = fill,
                          .n      = n,
                          .n_rhs  = 1,
                          .ldA    = ldA,
                          .ldB    = ldB,
                          .batch  = batch,
                          .A      = (void *)A,
                          .B      = (void *)B,
                          .info   = info});
}
