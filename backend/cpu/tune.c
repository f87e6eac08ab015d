/* Which kernels run where, and from which sizes on OpenBLAS is faster (bench/kernels prints the comparison). */
#include "backend/cpu/cpu_impl.h"

#include <cblas.h>
#include <lapacke.h>

enum {
    SYRK_MAX  = 192, /* columns of C                                        */
    GEMM_MAX  = 192, /* larger dimension of C                               */
    POTRF_MAX = 256,
    TRSM_MAX  = 256 /* at most SOLVE_MAX of kernels/dense_body.h           */
};

/* ---- instruction sets ---- */

static const pdm_cpu_kernels *const KERNELS[] = {
#ifdef PDM_CPU_X86
    &pdm_cpu_kernels_avx512, &pdm_cpu_kernels_avx2,
#endif
    &pdm_cpu_kernels_portable, NULL};

const pdm_cpu_kernels *const *pdm_cpu_kernels_all(void)
{
    return KERNELS;
}

bool pdm_cpu_kernels_supported(const pdm_cpu_kernels *k)
{
#ifdef PDM_CPU_X86
    if (k == &pdm_cpu_kernels_avx512) return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq");
    if (k == &pdm_cpu_kernels_avx2) return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#endif
    return k == &pdm_cpu_kernels_portable;
}

const pdm_cpu_kernels *pdm_cpu_kernels_best(void)
{
    const pdm_cpu_kernels *const *k = KERNELS;
    while (!pdm_text_equal((*k)->isa, PDM_CPU_WIDEST)) k++;
    while (!pdm_cpu_kernels_supported(*k)) k++;
    return *k;
}

/* ---- own kernel or OpenBLAS ----
 * Row-major through column-major calls where CBLAS would only transpose; sizes are below INT_MAX, as blocks are. */

static double blas_alpha(pdm_cpu_update op)
{
    return op == PDM_CPU_SUBTRACT ? -1.0 : 1.0;
}
static double blas_beta(pdm_cpu_update op)
{
    return op == PDM_CPU_SET ? 0.0 : 1.0;
}

void pdm_cpu_syrk_tn(const pdm_cpu_kernels *k, pdm_size m, pdm_size n, const double *J, pdm_size ldj, double *H,
                     pdm_size ldh, pdm_cpu_update op)
{
    if (n <= SYRK_MAX)
        k->syrk_tn(m, n, J, ldj, H, ldh, op);
    else
        cblas_dsyrk(CblasRowMajor, CblasLower, CblasTrans, (int)n, (int)m, blas_alpha(op), J, (int)ldj, blas_beta(op),
                    H, (int)ldh);
}

void pdm_cpu_syrk_nt(const pdm_cpu_kernels *k, pdm_size n, pdm_size n_k, const double *A, pdm_size lda, double *C,
                     pdm_size ldc, pdm_cpu_update op)
{
    if (n <= SYRK_MAX)
        k->syrk_nt(n, n_k, A, lda, C, ldc, op);
    else
        cblas_dsyrk(CblasRowMajor, CblasLower, CblasNoTrans, (int)n, (int)n_k, blas_alpha(op), A, (int)lda,
                    blas_beta(op), C, (int)ldc);
}

void pdm_cpu_gemm_tn(const pdm_cpu_kernels *k, pdm_size m, pdm_size n1, pdm_size n2, const double *J1, pdm_size ld1,
                     const double *J2, pdm_size ld2, double *C, pdm_size ldc, pdm_cpu_update op)
{
    if (n1 <= GEMM_MAX && n2 <= GEMM_MAX)
        k->gemm_tn(m, n1, n2, J1, ld1, J2, ld2, C, ldc, op);
    else
        cblas_dgemm(CblasRowMajor, CblasTrans, CblasNoTrans, (int)n1, (int)n2, (int)m, blas_alpha(op), J1, (int)ld1, J2,
                    (int)ld2, blas_beta(op), C, (int)ldc);
}

void pdm_cpu_gemm_nn(const pdm_cpu_kernels *k, pdm_size m, pdm_size n, pdm_size n_k, const double *A, pdm_size lda,
                     const double *B, pdm_size ldb, double *C, pdm_size ldc, pdm_cpu_update op)
{
    if (m <= GEMM_MAX && n <= GEMM_MAX)
        k->gemm_nn(m, n, n_k, A, lda, B, ldb, C, ldc, op);
    else
        cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (int)m, (int)n, (int)n_k, blas_alpha(op), A, (int)lda, B,
                    (int)ldb, blas_beta(op), C, (int)ldc);
}

void pdm_cpu_gemm_nt(const pdm_cpu_kernels *k, pdm_size m, pdm_size n, pdm_size n_k, const double *A, pdm_size lda,
                     const double *B, pdm_size ldb, double *C, pdm_size ldc, pdm_cpu_update op)
{
    if (m <= GEMM_MAX && n <= GEMM_MAX)
        k->gemm_nt(m, n, n_k, A, lda, B, ldb, C, ldc, op);
    else
        cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)m, (int)n, (int)n_k, blas_alpha(op), A, (int)lda, B,
                    (int)ldb, blas_beta(op), C, (int)ldc);
}

/* LAPACK's own check lets a NaN pass into later columns and a pivot of infinity through; such matrices come from NaN
 * coefficients, which the factor's diagonal still shows. */
static int32_t first_bad_pivot(pdm_size n, const double *L, pdm_size ldl)
{
    for (pdm_size i = 0; i < n; i++)
        if (!(L[i * (ldl + 1)] > 0.0 && L[i * (ldl + 1)] <= 1e300)) return (int32_t)(1 + i);
    return 0;
}

int32_t pdm_cpu_potrf(const pdm_cpu_kernels *k, pdm_size n, double *A, pdm_size lda)
{
    if (n <= POTRF_MAX) return k->potrf(n, A, lda);
    const int32_t failed = (int32_t)LAPACKE_dpotrf_work(LAPACK_COL_MAJOR, 'U', (int)n, A, (int)lda);
    return failed > 0 ? failed : first_bad_pivot(n, A, lda);
}

void pdm_cpu_trsm_right(const pdm_cpu_kernels *k, pdm_size m, pdm_size n, const double *L, pdm_size ldl, double *B,
                        pdm_size ldb)
{
    if (n <= TRSM_MAX)
        k->trsm_right(m, n, L, ldl, B, ldb);
    else
        cblas_dtrsm(CblasRowMajor, CblasRight, CblasLower, CblasTrans, CblasNonUnit, (int)m, (int)n, 1.0, L, (int)ldl,
                    B, (int)ldb);
}
