/* Kernels for any machine: vectors of two doubles, in C alone. */
#include "backend/cpu/cpu_impl.h"

#include <float.h>
#include <math.h>
#include <string.h>

#define LANES       2
#define MR          4
#define NV          2
#define BATCH_ROWS  2
#define BATCH_COLS  2
#define MVEC1(name) _ZGVbN2v_##name
#define MVEC2(name) _ZGVbN2vv_##name

typedef double  vec __attribute__((vector_size(16)));
typedef double  vec_anywhere __attribute__((vector_size(16), aligned(8), may_alias));
typedef int64_t vec_mask __attribute__((vector_size(16)));

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
    return n == 1 ? (vec){p[0], 0.0} : vec_load(p);
}
/* The first n < LANES lanes alone. */
static inline void vec_store_part(double *p, vec v, int n)
{
    for (int lane = 0; lane < n; lane++) p[lane] = v[lane];
}
static inline vec vec_set(double x)
{
    return (vec){x, x};
}
/* c + a b */
static inline vec vec_fma(vec a, vec b, vec c)
{
    return c + a * b;
}
/* c - a b */
static inline vec vec_fnma(vec a, vec b, vec c)
{
    return c - a * b;
}
static inline vec vec_sqrt(vec a)
{
    return (vec){sqrt(a[0]), sqrt(a[1])};
}
static inline double vec_sum(vec a)
{
    return a[0] + a[1];
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
    SWAP(1, INDICES(0, 2), INDICES(1, 3));
}

#include "backend/cpu/kernels/dense_body.h"
#include "backend/cpu/kernels/narrow_body.h"
#include "backend/cpu/kernels/program_body.h"

const pdm_cpu_kernels pdm_cpu_kernels_portable = {
    .isa           = "portable",
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
