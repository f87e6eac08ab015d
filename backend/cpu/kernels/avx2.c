/* Kernels for AVX2 with FMA: 16 registers of four doubles, tile 4 x 12. */
#include "backend/cpu/cpu_impl.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include <immintrin.h>

#define LANES       4
#define MR          4
#define NV          3
#define BATCH_ROWS  4
#define BATCH_COLS  3
#define MVEC1(name) _ZGVdN4v_##name
#define MVEC2(name) _ZGVdN4vv_##name

typedef double  vec __attribute__((vector_size(32)));
typedef double  vec_anywhere __attribute__((vector_size(32), aligned(8), may_alias));
typedef int64_t vec_mask __attribute__((vector_size(32)));

static inline vec vec_load(const double *p)
{
    return *(const vec_anywhere *)p;
}
static inline void vec_store(double *p, vec v)
{
    *(vec_anywhere *)p = v;
}
/* The first n < LANES of them, then zeros; the rest is not read. */
static inline vec vec_load_part(const double *p, int n)
{
    const vec_mask wanted = {n > 0 ? -1 : 0, n > 1 ? -1 : 0, n > 2 ? -1 : 0, n > 3 ? -1 : 0};
    return _mm256_maskload_pd(p, (__m256i)wanted);
}
/* The first n < LANES lanes alone. */
static inline void vec_store_part(double *p, vec v, int n)
{
    const vec_mask wanted = {n > 0 ? -1 : 0, n > 1 ? -1 : 0, n > 2 ? -1 : 0, n > 3 ? -1 : 0};
    _mm256_maskstore_pd(p, (__m256i)wanted, v);
}
static inline vec vec_set(double x)
{
    return (vec){x, x, x, x};
}
/* c + a b */
static inline vec vec_fma(vec a, vec b, vec c)
{
    return _mm256_fmadd_pd(a, b, c);
}
/* c - a b */
static inline vec vec_fnma(vec a, vec b, vec c)
{
    return _mm256_fnmadd_pd(a, b, c);
}
static inline vec vec_sqrt(vec a)
{
    return _mm256_sqrt_pd(a);
}
static inline double vec_sum(vec a)
{
    return (a[0] + a[1]) + (a[2] + a[3]);
}

/* v[i], v[i + half] = a, b -> the indices `low` and `high` into (a, b) */
#define SWAP(half, low, high)                                    \
    for (int i = 0; i < LANES; i++)                              \
        if ((i & (half)) == 0) {                                 \
            const vec a = v[i], b = v[i + (half)];               \
            v[i]          = __builtin_shufflevector(a, b, low);  \
            v[i + (half)] = __builtin_shufflevector(a, b, high); \
        }
#define INDICES(...) __VA_ARGS__

/* v [LANES], rows to columns: blocks off the diagonal change places, then those inside the blocks. */
static inline void vec_transpose(vec v[LANES])
{
    SWAP(2, INDICES(0, 1, 4, 5), INDICES(2, 3, 6, 7));
    SWAP(1, INDICES(0, 4, 2, 6), INDICES(1, 5, 3, 7));
}

#include "backend/cpu/kernels/dense_body.h"
#include "backend/cpu/kernels/narrow_body.h"
#include "backend/cpu/kernels/program_body.h"

const pdm_cpu_kernels pdm_cpu_kernels_avx2 = {
    .isa           = "avx2",
    .lanes         = LANES,
    .syrk_tn       = syrk_tn,
    .gemm_tn       = gemm_tn,
    .gemm_nn       = gemm_nn,
    .gemm_nt       = gemm_nt,
    .syrk_nt       = syrk_nt,
    .potrf         = potrf,
    .potrf_batched = potrf_batched,
    .trsm_right    = trsm_right,
    .trsm_forward  = trsm_forward,
    .trsm_backward = trsm_backward,
    .trsv_forward  = trsv_forward,
    .trsv_backward = trsv_backward,
    .gemv_n        = gemv_n,
    .gemv_t        = gemv_t,
    .narrow        = narrow,
    .assemble      = assemble,
    .program_step  = program_step,
};
