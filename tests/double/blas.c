/* cuBLAS: queued, checked, done by OpenBLAS. */
#include "tests/double/blas.h"

#include <cublas_v2.h>
#include <stdio.h>
#include <stdlib.h>

enum { HANDLE = 0x426c6173, GONE = 0x676f6e65 };

struct cublasContext {
    int                 magic;
    cudaStream_t        stream;
    cublasPointerMode_t mode;
    cublasHandle_t      next_gone;
};

/* One call. Operands 0 and 1 are read, 2 is written; which of them there are depends on the verb. */
typedef struct call {
    const char       *name;
    bool              single, arrays, scalars_on_device;
    int               m, n, k, batch;
    cublasOperation_t op[2];
    cublasFillMode_t  fill;
    cublasSideMode_t  side;
    cublasDiagType_t  diag;
    double            alpha, beta;
    const void       *alpha_at, *beta_at;
    const void       *p[3];
    int               ld[3];
    long long         stride[3];
} call;

#define REFUSE(code, ...) return (double_found(__VA_ARGS__), code)

static cublasStatus_t start(cublasHandle_t handle, const char *name)
{
    if (!handle) REFUSE(CUBLAS_STATUS_NOT_INITIALIZED, "%s: a null handle", name);
    if (handle->magic != HANDLE)
        REFUSE(CUBLAS_STATUS_NOT_INITIALIZED, "%s: a handle that does not exist any more", name);
    double_device_ok(name);
    return double_fails() ? CUBLAS_STATUS_EXECUTION_FAILED : CUBLAS_STATUS_SUCCESS;
}
#define START(handle)                                            \
    ENTER();                                                     \
    do {                                                         \
        const cublasStatus_t started_ = start(handle, __func__); \
        if (started_ != CUBLAS_STATUS_SUCCESS) return started_;  \
    } while (0)

/* ---- handles ---- */

cublasStatus_t cublasCreate_v2(cublasHandle_t *out)
{
    ENTER();
    if (double_now.n_device <= 0 || double_fails()) return CUBLAS_STATUS_NOT_INITIALIZED;
    double_device_ok(__func__);
    if (!out) REFUSE(CUBLAS_STATUS_INVALID_VALUE, "cublasCreate: null");
    cublasHandle_t handle = calloc(1, sizeof *handle);
    if (!handle) abort();
    handle->magic = HANDLE;
    *out          = handle;
    double_now.count.live_handles++;
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasDestroy_v2(cublasHandle_t handle)
{
    static cublasHandle_t gone; /* addresses are not given out again */
    ENTER();
    if (!handle || handle->magic != HANDLE)
        REFUSE(CUBLAS_STATUS_NOT_INITIALIZED, "cublasDestroy: no handle, or not any more");
    double_drain_all();
    handle->magic     = GONE;
    handle->next_gone = gone;
    gone              = handle;
    double_now.count.live_handles--;
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasSetStream_v2(cublasHandle_t handle, cudaStream_t stream)
{
    START(handle);
    if (!double_stream_ok(stream, "cublasSetStream")) return CUBLAS_STATUS_INVALID_VALUE;
    handle->stream = stream;
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasSetMathMode(cublasHandle_t handle, cublasMath_t mode)
{
    START(handle);
    if ((mode & 0xF) > CUBLAS_TF32_TENSOR_OP_MATH)
        REFUSE(CUBLAS_STATUS_INVALID_VALUE, "cublasSetMathMode: mode %d", (int)mode);
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasSetPointerMode_v2(cublasHandle_t handle, cublasPointerMode_t mode)
{
    START(handle);
    handle->mode = mode;
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasSetAtomicsMode(cublasHandle_t handle, cublasAtomicsMode_t mode)
{
    START(handle);
    (void)mode;
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasSetWorkspace_v2(cublasHandle_t handle, void *workspace, size_t bytes)
{
    START(handle);
    if (bytes && !double_on_device("cublasSetWorkspace", workspace, bytes)) return CUBLAS_STATUS_INVALID_VALUE;
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasGetVersion_v2(cublasHandle_t handle, int *version)
{
    (void)handle;
    *version = CUBLAS_VERSION;
    return CUBLAS_STATUS_SUCCESS;
}

const char *cublasGetStatusString(cublasStatus_t status)
{
    switch (status) {
    case CUBLAS_STATUS_SUCCESS: return "the operation completed successfully";
    case CUBLAS_STATUS_NOT_INITIALIZED: return "the library was not initialized";
    case CUBLAS_STATUS_ALLOC_FAILED: return "the resource allocation failed";
    case CUBLAS_STATUS_INVALID_VALUE: return "an invalid parameter was passed to the function";
    case CUBLAS_STATUS_EXECUTION_FAILED: return "the function failed to launch on the GPU";
    case CUBLAS_STATUS_INTERNAL_ERROR: return "an internal operation failed";
    default: return "an unknown error";
    }
}

const char *cublasGetStatusName(cublasStatus_t status)
{
    switch (status) {
    case CUBLAS_STATUS_SUCCESS: return "CUBLAS_STATUS_SUCCESS";
    case CUBLAS_STATUS_NOT_INITIALIZED: return "CUBLAS_STATUS_NOT_INITIALIZED";
    case CUBLAS_STATUS_ALLOC_FAILED: return "CUBLAS_STATUS_ALLOC_FAILED";
    case CUBLAS_STATUS_INVALID_VALUE: return "CUBLAS_STATUS_INVALID_VALUE";
    case CUBLAS_STATUS_EXECUTION_FAILED: return "CUBLAS_STATUS_EXECUTION_FAILED";
    case CUBLAS_STATUS_INTERNAL_ERROR: return "CUBLAS_STATUS_INTERNAL_ERROR";
    default: return "CUBLAS_STATUS unknown";
    }
}

/* ---- queueing ---- */

/* Shapes are as stored. */
static cublasStatus_t enqueue(cublasHandle_t handle, void (*run)(void *), call c, const int rows[3],
                              const char *const names)
{
    if (c.m < 0 || c.n < 0 || c.k < 0 || c.batch < 0)
        REFUSE(CUBLAS_STATUS_INVALID_VALUE, "%s: sizes %d, %d, %d, batch %d; 0 or more expected", c.name, c.m, c.n, c.k,
               c.batch);
    for (int i = 0; i < 3; i++)
        if (names[i] != ' ' && c.ld[i] < (rows[i] > 1 ? rows[i] : 1))
            REFUSE(CUBLAS_STATUS_INVALID_VALUE, "%s: leading dimension %d of %c; %d or more expected", c.name, c.ld[i],
                   names[i], rows[i] > 1 ? rows[i] : 1);
    if (!c.alpha_at) REFUSE(CUBLAS_STATUS_INVALID_VALUE, "%s: alpha is null", c.name);
    c.scalars_on_device = handle->mode == CUBLAS_POINTER_MODE_DEVICE;
    if (!c.scalars_on_device) {
        c.alpha = c.single ? (double)*(const float *)c.alpha_at : *(const double *)c.alpha_at;
        c.beta  = !c.beta_at ? 0.0 : c.single ? (double)*(const float *)c.beta_at : *(const double *)c.beta_at;
    }
    if (c.m == 0 || c.n == 0 || c.batch == 0) return CUBLAS_STATUS_SUCCESS;
    for (int i = 0; i < 3; i++) {
        char what[80];
        snprintf(what, sizeof what, "%s, %c", c.name, names[i]);
        if (names[i] != ' ' && !double_on_device(what, c.p[i], c.arrays ? (size_t)c.batch * sizeof(void *) : 1))
            return CUBLAS_STATUS_INVALID_VALUE;
    }
    *(call *)double_enqueue(handle->stream, run, sizeof c) = c;
    double_now.count.library_calls++;
    return CUBLAS_STATUS_SUCCESS;
}

static size_t element(const call *c)
{
    return c->single ? sizeof(float) : sizeof(double);
}

/* Operand i of the batch's member b; NULL: found. */
static void *operand(const call *c, int i, int b)
{
    if (!c->arrays) return (char *)(uintptr_t)c->p[i] + (long long)element(c) * c->stride[i] * b;
    void *const *pointers = blas_pointers(c->name, c->p[i], c->batch);
    if (pointers && !pointers[b]) double_found("%s: pointer %d of the batch is null", c->name, b);
    return pointers ? pointers[b] : NULL;
}

static bool read_scalars(call *c)
{
    if (!c->scalars_on_device) return true;
    if (!double_reads(c->name, c->alpha_at, element(c)) ||
        (c->beta_at && !double_reads(c->name, c->beta_at, element(c))))
        return false;
    c->alpha = c->single ? (double)*(const float *)c->alpha_at : *(const double *)c->alpha_at;
    c->beta  = !c->beta_at ? 0.0 : c->single ? (double)*(const float *)c->beta_at : *(const double *)c->beta_at;
    return true;
}

static CBLAS_TRANSPOSE transpose(cublasOperation_t op)
{
    return op == CUBLAS_OP_N ? CblasNoTrans : CblasTrans;
}

static double_part part_of(cublasFillMode_t fill)
{
    return fill == CUBLAS_FILL_MODE_LOWER ? LOWER : fill == CUBLAS_FILL_MODE_UPPER ? UPPER : WHOLE;
}

static call call_of(const char *name, bool single, int m, int n, int k, int batch, const void *alpha, const void *beta)
{
    return (call){
        .name = name, .single = single, .m = m, .n = n, .k = k, .batch = batch, .alpha_at = alpha, .beta_at = beta};
}

static void put(call *c, int i, const void *p, int ld, long long stride)
{
    c->p[i]      = p;
    c->ld[i]     = ld;
    c->stride[i] = stride;
}

/* ---- C = alpha op(A) op(B) + beta C ---- */

static void run_gemm(void *argument)
{
    call *c = argument;
    if (!read_scalars(c)) return;
    const int before = blas_alone();
    for (int b = 0; b < c->batch; b++) {
        const void   *A = operand(c, 0, b), *B = A ? operand(c, 1, b) : NULL;
        void         *C  = B ? operand(c, 2, b) : NULL;
        const bool    tA = c->op[0] != CUBLAS_OP_N, tB = c->op[1] != CUBLAS_OP_N;
        const size_t  size = element(c);
        double_matrix mA   = {A, tA ? c->k : c->m, tA ? c->m : c->k, c->ld[0], size, WHOLE};
        double_matrix mB   = {B, tB ? c->n : c->k, tB ? c->k : c->n, c->ld[1], size, WHOLE};
        double_matrix mC   = {C, c->m, c->n, c->ld[2], size, WHOLE};
        if (!C || !double_reads_matrix(c->name, mA) || !double_reads_matrix(c->name, mB) ||
            (c->beta != 0.0 && !double_reads_matrix(c->name, mC)) || !double_writes_matrix(c->name, mC))
            break;
        if (c->single)
            cblas_sgemm(CblasColMajor, transpose(c->op[0]), transpose(c->op[1]), c->m, c->n, c->k, (float)c->alpha, A,
                        c->ld[0], B, c->ld[1], (float)c->beta, C, c->ld[2]);
        else
            cblas_dgemm(CblasColMajor, transpose(c->op[0]), transpose(c->op[1]), c->m, c->n, c->k, c->alpha, A,
                        c->ld[0], B, c->ld[1], c->beta, C, c->ld[2]);
    }
    omp_set_num_threads(before);
}

static cublasStatus_t gemm(cublasHandle_t handle, cublasOperation_t opA, cublasOperation_t opB, call c)
{
    c.op[0]           = opA;
    c.op[1]           = opB;
    const int rows[3] = {c.op[0] == CUBLAS_OP_N ? c.m : c.k, c.op[1] == CUBLAS_OP_N ? c.k : c.n, c.m};
    if (!c.beta_at) REFUSE(CUBLAS_STATUS_INVALID_VALUE, "%s: beta is null", c.name);
    for (int i = 0; i < 2; i++)
        if ((unsigned)c.op[i] > CUBLAS_OP_C)
            REFUSE(CUBLAS_STATUS_INVALID_VALUE, "%s: operation %d", c.name, (int)c.op[i]);
    return enqueue(handle, run_gemm, c, rows, "ABC");
}

#define GEMM(letter, type, is_single)                                                                                  \
    cublasStatus_t cublas##letter##gemm_v2(cublasHandle_t handle, cublasOperation_t opA, cublasOperation_t opB, int m, \
                                           int n, int k, const type *alpha, const type *A, int ldA, const type *B,     \
                                           int ldB, const type *beta, type *C, int ldC)                                \
    {                                                                                                                  \
        return cublas##letter##gemmStridedBatched(handle, opA, opB, m, n, k, alpha, A, ldA, 0, B, ldB, 0, beta, C,     \
                                                  ldC, 0, 1);                                                          \
    }                                                                                                                  \
    cublasStatus_t cublas##letter##gemmStridedBatched(                                                                 \
        cublasHandle_t handle, cublasOperation_t opA, cublasOperation_t opB, int m, int n, int k, const type *alpha,   \
        const type *A, int ldA, long long int strideA, const type *B, int ldB, long long int strideB,                  \
        const type *beta, type *C, int ldC, long long int strideC, int batch)                                          \
    {                                                                                                                  \
        START(handle);                                                                                                 \
        call c = call_of("cublas" #letter "gemm", is_single, m, n, k, batch, alpha, beta);                             \
        put(&c, 0, A, ldA, strideA);                                                                                   \
        put(&c, 1, B, ldB, strideB);                                                                                   \
        put(&c, 2, C, ldC, strideC);                                                                                   \
        return gemm(handle, opA, opB, c);                                                                              \
    }                                                                                                                  \
    cublasStatus_t cublas##letter##gemmBatched(cublasHandle_t handle, cublasOperation_t opA, cublasOperation_t opB,    \
                                               int m, int n, int k, const type *alpha, const type *const A[], int ldA, \
                                               const type *const B[], int ldB, const type *beta, type *const C[],      \
                                               int ldC, int batch)                                                     \
    {                                                                                                                  \
        START(handle);                                                                                                 \
        call c   = call_of("cublas" #letter "gemmBatched", is_single, m, n, k, batch, alpha, beta);                    \
        c.arrays = true;                                                                                               \
        put(&c, 0, A, ldA, 0);                                                                                         \
        put(&c, 1, B, ldB, 0);                                                                                         \
        put(&c, 2, C, ldC, 0);                                                                                         \
        return gemm(handle, opA, opB, c);                                                                              \
    }
GEMM(S, float, true)
GEMM(D, double, false)

/* ---- C = alpha op(A) op(A)' + beta C, a triangle ---- */

static void run_syrk(void *argument)
{
    call *c = argument;
    if (!read_scalars(c)) return;
    const int           before = blas_alone();
    const bool          t      = c->op[0] != CUBLAS_OP_N;
    const double_matrix mA     = {c->p[0], t ? c->k : c->n, t ? c->n : c->k, c->ld[0], element(c), WHOLE};
    const double_matrix mC     = {c->p[2], c->n, c->n, c->ld[2], element(c), part_of(c->fill)};
    const CBLAS_UPLO    uplo   = c->fill == CUBLAS_FILL_MODE_LOWER ? CblasLower : CblasUpper;
    void               *C      = (void *)(uintptr_t)c->p[2];
    if (double_reads_matrix(c->name, mA) && (c->beta == 0.0 || double_reads_matrix(c->name, mC)) &&
        double_writes_matrix(c->name, mC)) {
        if (c->single)
            cblas_ssyrk(CblasColMajor, uplo, transpose(c->op[0]), c->n, c->k, (float)c->alpha, c->p[0], c->ld[0],
                        (float)c->beta, C, c->ld[2]);
        else
            cblas_dsyrk(CblasColMajor, uplo, transpose(c->op[0]), c->n, c->k, c->alpha, c->p[0], c->ld[0], c->beta, C,
                        c->ld[2]);
    }
    omp_set_num_threads(before);
}

#define SYRK(letter, type, is_single)                                                                                 \
    cublasStatus_t cublas##letter##syrk_v2(cublasHandle_t handle, cublasFillMode_t fill, cublasOperation_t op, int n, \
                                           int k, const type *alpha, const type *A, int ldA, const type *beta,        \
                                           type *C, int ldC)                                                          \
    {                                                                                                                 \
        START(handle);                                                                                                \
        const int rows[3] = {op == CUBLAS_OP_N ? n : k, 0, n};                                                        \
        if (!beta || part_of(fill) == WHOLE)                                                                          \
            REFUSE(CUBLAS_STATUS_INVALID_VALUE, "cublas" #letter "syrk: beta is null, or fill mode %d", (int)fill);   \
        call c  = call_of("cublas" #letter "syrk", is_single, n, n, k, 1, alpha, beta);                               \
        c.op[0] = op;                                                                                                 \
        c.fill  = fill;                                                                                               \
        put(&c, 0, A, ldA, 0);                                                                                        \
        put(&c, 2, C, ldC, 0);                                                                                        \
        return enqueue(handle, run_syrk, c, rows, "A C");                                                             \
    }
SYRK(S, float, true)
SYRK(D, double, false)

/* ---- B = alpha op(A)^-1 B, or from the right ---- */

static void run_trsm(void *argument)
{
    call *c = argument;
    if (!read_scalars(c)) return;
    const int             before = blas_alone();
    const int             n      = c->side == CUBLAS_SIDE_LEFT ? c->m : c->n;
    const CBLAS_SIDE      side   = c->side == CUBLAS_SIDE_LEFT ? CblasLeft : CblasRight;
    const CBLAS_UPLO      uplo   = c->fill == CUBLAS_FILL_MODE_LOWER ? CblasLower : CblasUpper;
    const CBLAS_DIAG      diag   = c->diag == CUBLAS_DIAG_UNIT ? CblasUnit : CblasNonUnit;
    const CBLAS_TRANSPOSE op     = transpose(c->op[0]);
    for (int b = 0; b < c->batch; b++) {
        const void         *A  = operand(c, 0, b);
        void               *B  = A ? operand(c, 2, b) : NULL;
        const double_matrix mA = {A, n, n, c->ld[0], element(c), part_of(c->fill)};
        const double_matrix mB = {B, c->m, c->n, c->ld[2], element(c), WHOLE};
        if (!B || !double_reads_matrix(c->name, mA) || !double_reads_matrix(c->name, mB)) break;
        if (c->single)
            cblas_strsm(CblasColMajor, side, uplo, op, diag, c->m, c->n, (float)c->alpha, A, c->ld[0], B, c->ld[2]);
        else
            cblas_dtrsm(CblasColMajor, side, uplo, op, diag, c->m, c->n, c->alpha, A, c->ld[0], B, c->ld[2]);
    }
    omp_set_num_threads(before);
}

/* A triangle, and from where it is applied. */
typedef struct triangle {
    cublasSideMode_t  side;
    cublasFillMode_t  fill;
    cublasOperation_t op;
    cublasDiagType_t  diag;
} triangle;

static cublasStatus_t trsm(cublasHandle_t handle, triangle t, call c)
{
    const int rows[3] = {t.side == CUBLAS_SIDE_LEFT ? c.m : c.n, 0, c.m};
    if (part_of(t.fill) == WHOLE || (unsigned)t.side > CUBLAS_SIDE_RIGHT || (unsigned)t.diag > CUBLAS_DIAG_UNIT)
        REFUSE(CUBLAS_STATUS_INVALID_VALUE, "%s: fill mode %d, side %d, diagonal %d", c.name, (int)t.fill, (int)t.side,
               (int)t.diag);
    c.side  = t.side;
    c.fill  = t.fill;
    c.op[0] = t.op;
    c.diag  = t.diag;
    return enqueue(handle, run_trsm, c, rows, "A B");
}

#define TRSM(letter, type, is_single)                                                                               \
    cublasStatus_t cublas##letter##trsm_v2(cublasHandle_t handle, cublasSideMode_t side, cublasFillMode_t fill,     \
                                           cublasOperation_t op, cublasDiagType_t diag, int m, int n,               \
                                           const type *alpha, const type *A, int ldA, type *B, int ldB)             \
    {                                                                                                               \
        START(handle);                                                                                              \
        call c = call_of("cublas" #letter "trsm", is_single, m, n, 0, 1, alpha, NULL);                              \
        put(&c, 0, A, ldA, 0);                                                                                      \
        put(&c, 2, B, ldB, 0);                                                                                      \
        return trsm(handle, (triangle){side, fill, op, diag}, c);                                                   \
    }                                                                                                               \
    cublasStatus_t cublas##letter##trsmBatched(cublasHandle_t handle, cublasSideMode_t side, cublasFillMode_t fill, \
                                               cublasOperation_t op, cublasDiagType_t diag, int m, int n,           \
                                               const type *alpha, const type *const A[], int ldA, type *const B[],  \
                                               int ldB, int batch)                                                  \
    {                                                                                                               \
        START(handle);                                                                                              \
        call c   = call_of("cublas" #letter "trsmBatched", is_single, m, n, 0, batch, alpha, NULL);                 \
        c.arrays = true;                                                                                            \
        put(&c, 0, A, ldA, 0);                                                                                      \
        put(&c, 2, B, ldB, 0);                                                                                      \
        return trsm(handle, (triangle){side, fill, op, diag}, c);                                                   \
    }
TRSM(S, float, true)
TRSM(D, double, false)

/* ---- y = alpha op(A) x + beta y; the vectors are matrices of one row, their steps leading dimensions ---- */

static void run_gemv(void *argument)
{
    call *c = argument;
    if (!read_scalars(c)) return;
    const int  before = blas_alone();
    const bool t      = c->op[0] != CUBLAS_OP_N;
    for (int b = 0; b < c->batch; b++) {
        const void         *A = operand(c, 0, b), *x = operand(c, 1, b);
        void               *y  = operand(c, 2, b);
        const double_matrix mA = {A, c->m, c->n, c->ld[0], element(c), WHOLE};
        const double_matrix mx = {x, 1, t ? c->m : c->n, c->ld[1], element(c), WHOLE};
        const double_matrix my = {y, 1, t ? c->n : c->m, c->ld[2], element(c), WHOLE};
        if (!double_reads_matrix(c->name, mA) || !double_reads_matrix(c->name, mx) ||
            (c->beta != 0.0 && !double_reads_matrix(c->name, my)) || !double_writes_matrix(c->name, my))
            break;
        if (c->single)
            cblas_sgemv(CblasColMajor, transpose(c->op[0]), c->m, c->n, (float)c->alpha, A, c->ld[0], x, c->ld[1],
                        (float)c->beta, y, c->ld[2]);
        else
            cblas_dgemv(CblasColMajor, transpose(c->op[0]), c->m, c->n, c->alpha, A, c->ld[0], x, c->ld[1], c->beta, y,
                        c->ld[2]);
    }
    omp_set_num_threads(before);
}

#define GEMV(letter, type, is_single)                                                                                \
    cublasStatus_t cublas##letter##gemv_v2(cublasHandle_t handle, cublasOperation_t op, int m, int n,                \
                                           const type *alpha, const type *A, int ldA, const type *x, int step_x,     \
                                           const type *beta, type *y, int step_y)                                    \
    {                                                                                                                \
        return cublas##letter##gemvStridedBatched(handle, op, m, n, alpha, A, ldA, 0, x, step_x, 0, beta, y, step_y, \
                                                  0, 1);                                                             \
    }                                                                                                                \
    cublasStatus_t cublas##letter##gemvStridedBatched(                                                               \
        cublasHandle_t handle, cublasOperation_t op, int m, int n, const type *alpha, const type *A, int ldA,        \
        long long int strideA, const type *x, int step_x, long long int stride_x, const type *beta, type *y,         \
        int step_y, long long int stride_y, int batch)                                                               \
    {                                                                                                                \
        START(handle);                                                                                               \
        const int rows[3] = {m, 1, 1};                                                                               \
        if (!beta) REFUSE(CUBLAS_STATUS_INVALID_VALUE, "cublas" #letter "gemv: beta is null");                       \
        call c  = call_of("cublas" #letter "gemv", is_single, m, n, 0, batch, alpha, beta);                          \
        c.op[0] = op;                                                                                                \
        put(&c, 0, A, ldA, strideA);                                                                                 \
        put(&c, 1, x, step_x, stride_x);                                                                             \
        put(&c, 2, y, step_y, stride_y);                                                                             \
        return enqueue(handle, run_gemv, c, rows, "Axy");                                                            \
    }
GEMV(S, float, true)
GEMV(D, double, false)
