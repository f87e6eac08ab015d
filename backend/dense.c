#include "backend/backend.h"

#include <complex.h>

#define lapack_complex_double double _Complex
#include <cblas.h>
#include <lapacke.h>
#include <omp.h>

/* OpenBLAS of either kind: see backend/cpu/cpu.c. */
pdm_dense pdm_dense_begin(void)
{
    const pdm_dense before = {openblas_get_num_threads(), omp_get_max_threads()};
    omp_set_num_threads(1);
    openblas_set_num_threads(1);
    return before;
}

void pdm_dense_end(const pdm_dense *d)
{
    openblas_set_num_threads(d->blas);
    omp_set_num_threads(d->omp);
}

pdm_status pdm_dense_eigen(pdm_context *ctx, pdm_size n, double _Complex *a, double *value)
{
    pdm_status       status = PDM_OK;
    const lapack_int info   = LAPACKE_zheevd(LAPACK_ROW_MAJOR, 'V', 'U', (lapack_int)n, a, (lapack_int)n, value);
    if (info != 0)
        PDM_FAIL(ctx, info == LAPACK_WORK_MEMORY_ERROR ? PDM_ERR_MEMORY : PDM_ERR_NUMERIC,
                 "eigenvalues of a matrix of order %lld cannot be found: finite numbers, and memory, expected",
                 (long long)n);
done:
    return status;
}

pdm_status pdm_dense_svd(pdm_context *ctx, pdm_size n, pdm_size m, double _Complex *a, double *value,
                         double _Complex *u, double _Complex *v, double *work)
{
    pdm_status       status = PDM_OK;
    const lapack_int l      = (lapack_int)(n < m ? n : m);
    const lapack_int info   = LAPACKE_zgesvd(LAPACK_ROW_MAJOR, 'S', 'S', (lapack_int)n, (lapack_int)m, a, (lapack_int)m,
                                             value, u, l, v, (lapack_int)m, work);
    if (info != 0)
        PDM_FAIL(ctx, info == LAPACK_WORK_MEMORY_ERROR ? PDM_ERR_MEMORY : PDM_ERR_NUMERIC,
                 "singular values of a matrix of %lld by %lld cannot be found: finite numbers, and memory, expected",
                 (long long)n, (long long)m);
done:
    return status;
}
