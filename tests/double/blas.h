/* Checks that cuBLAS and cuSOLVER share. */
#ifndef PDM_DOUBLE_BLAS_H
#define PDM_DOUBLE_BLAS_H

#include "tests/double/impl.h"

#include <cblas.h>
#include <omp.h>

#pragma GCC visibility push(hidden)

/* OpenBLAS works on this thread alone: it is to whom device memory is open. */
static inline int blas_alone(void)
{
    const int before = omp_get_max_threads();
    omp_set_num_threads(1);
    return before;
}

/* Pointers of a batch, which lie on the device, when the batch runs; NULL: found. */
static inline void *const *blas_pointers(const char *what, const void *array, int n)
{
    return double_reads(what, array, (size_t)n * sizeof(void *)) ? array : NULL;
}

#pragma GCC visibility pop

#endif
