/* Kernels for AVX-512: 32 registers of eight doubles, tile 8 x 24. */
#include "backend/cpu/cpu_impl.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include <immintrin.h>

#define LANES       8
#define MR          8
#define NV          3
#define BATCH_ROWS  6
#define BATCH_COLS  4
#define MVEC1(name) _ZGVeN8v_##name
#define MVEC2(name) _ZGVeN8vv_##name

typedef double  vec __attribute__((vector_size(64)));
typedef double  vec_anywhere __attribute__((vector_size(64), aligned(8), may_alias));
typedef int64_t vec_mask __attribute__((vector_size(64)));

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
    return _mm512_maskz_loadu_pd((__mmask8)((1u << n) - 1u), p);
}
/* The first n < LANES lanes alone. */
static inline void vec_store_part(double *p, vec v, int n)
{
    _mm512_mask_storeu_pd(p, (__mmask8)((1u << n) - 1u), v);
}
/* p[place[0]], p[place[1]], ... window: all of them lie in [window, window + PDM_CPU_WINDOW); -1: anywhere. */
#define VEC_PLACES
typedef struct vec_places {
    __m256i at;
    __m512i within;
    int32_t window;
} vec_places;
static inline vec_places vec_places_of(const int32_t *place, int32_t window)
{
    const __m256i at = _mm256_loadu_si256((const __m256i_u *)place);
    return (vec_places){at, _mm512_cvtepi32_epi64(_mm256_sub_epi32(at, _mm256_set1_epi32(window))), window};
}
static inline vec vec_gather(const double *p, const vec_places *q)
{
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wsign-conversion" /* a macro without optimisation: its mask of 255 becomes a char */
    if (q->window < 0) return _mm512_i32gather_pd(q->at, p, 8);
#pragma GCC diagnostic pop
    return _mm512_permutex2var_pd(vec_load(p + q->window), q->within, vec_load(p + q->window + LANES));
}
static inline vec vec_set(double x)
{
    return (vec){x, x, x, x, x, x, x, x};
}
/* c + a b */
static inline vec vec_fma(vec a, vec b, vec c)
{
    return _mm512_fmadd_pd(a, b, c);
}
/* c - a b */
static inline vec vec_fnma(vec a, vec b, vec c)
{
    return _mm512_fnmadd_pd(a, b, c);
}
static inline vec vec_sqrt(vec a)
{
    return _mm512_sqrt_pd(a);
}
static inline double vec_sum(vec a)
{
    return ((a[0] + a[1]) + (a[2] + a[3])) + ((a[4] + a[5]) + (a[6] + a[7]));
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
    SWAP(4, INDICES(0, 1, 2, 3, 8, 9, 10, 11), INDICES(4, 5, 6, 7, 12, 13, 14, 15));
    SWAP(2, INDICES(0, 1, 8, 9, 4, 5, 12, 13), INDICES(2, 3, 10, 11, 6, 7, 14, 15));
    SWAP(1, INDICES(0, 8, 2, 10, 4, 12, 6, 14), INDICES(1, 9, 3, 11, 5, 13, 7, 15));
}

#include "backend/cpu/kernels/dense_body.h"
#include "backend/cpu/kernels/narrow_body.h"
#include "backend/cpu/kernels/program_body.h"

const pdm_cpu_kernels pdm_cpu_kernels_avx512 = {
    .isa           = "avx512",
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
