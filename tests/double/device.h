/* Put before kernels that are compiled as C (-include): CUDA's words, as far as backend/cuda/device.h allows them.
 * With -fsanitize=thread besides, the double sees every access. */
#ifndef PDM_DOUBLE_DEVICE_H
#define PDM_DOUBLE_DEVICE_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* sincos */
#endif
#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../double/kernel.h"

enum { warpSize = 32 };

/* The module's own shared memory; both are missing where it has none. */
extern char __start_pdm_shared[] __attribute__((weak, visibility("hidden")));
extern char __stop_pdm_shared[] __attribute__((weak, visibility("hidden")));

/* ---- words of the language ---- */

#if defined(__has_feature)
#define PDM_DOUBLE_WATCHED __has_feature(thread_sanitizer)
#elif defined(__SANITIZE_THREAD__)
#define PDM_DOUBLE_WATCHED 1
#else
#define PDM_DOUBLE_WATCHED 0
#endif
#define PDM_DOUBLE_UNWATCHED __attribute__((no_sanitize("thread", "address")))
#define PDM_KERNEL_DECLARE(name)
#define PDM_KERNEL(name, type)                                                                            \
    static void                                                      name##_body(const type a);           \
    PDM_DOUBLE_UNWATCHED __attribute__((visibility("default"))) void name(const void *args);              \
    PDM_DOUBLE_UNWATCHED void                                        name(const void *args)               \
    {                                                                                                     \
        name##_body(*(const type *)args);                                                                 \
    }                                                                                                     \
    __attribute__((constructor)) PDM_DOUBLE_UNWATCHED static void name##_register(void)                   \
    {                                                                                                     \
        _Static_assert(sizeof(type) <= 4096, "arguments of a kernel take 4096 bytes at most");            \
        pdm_double_kernel((const void *)name, #name, sizeof(type), __start_pdm_shared, __stop_pdm_shared, \
                          PDM_DOUBLE_WATCHED);                                                            \
    }                                                                                                     \
    __attribute__((destructor)) PDM_DOUBLE_UNWATCHED static void name##_forget(void)                      \
    {                                                                                                     \
        pdm_double_forget((const void *)name);                                                            \
    }                                                                                                     \
    static void name##_body(const type a)
#define PDM_DYNAMIC_SHARED(type, name) type *name = (type *)pdm_double_dynamic()

#define __shared__ static __attribute__((section("pdm_shared")))
#define __device__ __attribute__((unused)) /* headers have more than a kernel needs */
#define __host__
#define __global__
#define __constant__    static const
#define __forceinline__ inline __attribute__((always_inline))
#define __noinline__    __attribute__((noinline))
#define __align__(n)    __attribute__((aligned(n)))
#define __launch_bounds__(...)
#ifndef __restrict__
#define __restrict__ __restrict
#endif

/* ---- threads of a block and of a warp ---- */

#define __syncthreads()            pdm_double_barrier(__FILE__, __LINE__)
#define PDM_ANY_MASK(mask)         ((unsigned)(mask))
#define PDM_SYNCWARP_1(m)          ((void)pdm_double_warp(PDM_SYNCWARP, (unsigned)(m), 0, 0, 32, __FILE__, __LINE__))
#define PDM_PICK_SECOND(a, b, ...) b
#define __syncwarp(...)            PDM_SYNCWARP_1(0xFFFFFFFFu __VA_OPT__(&(__VA_ARGS__)))
#define __threadfence()            ((void)0)
#define __threadfence_block()      ((void)0)

#define PDM_SHUFFLE(type, name)                                                                           \
    static inline type pdm_shuffle_##name(pdm_warp_op op, unsigned mask, type value, int lane, int width, \
                                          const char *file, int line)                                     \
    {                                                                                                     \
        union {                                                                                           \
            type     value;                                                                               \
            uint64_t bits;                                                                                \
        } u     = {.bits = 0};                                                                            \
        u.value = value;                                                                                  \
        u.bits  = pdm_double_warp(op, mask, u.bits, lane, width, file, line);                             \
        return u.value;                                                                                   \
    }
PDM_SHUFFLE(int, int)
PDM_SHUFFLE(unsigned, unsigned)
PDM_SHUFFLE(long, long)
PDM_SHUFFLE(unsigned long, unsigned_long)
PDM_SHUFFLE(long long, long_long)
PDM_SHUFFLE(unsigned long long, unsigned_long_long)
PDM_SHUFFLE(float, float)
PDM_SHUFFLE(double, double)
#define PDM_SHUFFLE_OF(op, mask, value, lane, width)     \
    _Generic((value), int                                \
             : pdm_shuffle_int, unsigned                 \
             : pdm_shuffle_unsigned, long                \
             : pdm_shuffle_long, unsigned long           \
             : pdm_shuffle_unsigned_long, long long      \
             : pdm_shuffle_long_long, unsigned long long \
             : pdm_shuffle_unsigned_long_long, float     \
             : pdm_shuffle_float, double                 \
             : pdm_shuffle_double)(op, mask, value, lane, width, __FILE__, __LINE__)

/* The width is optional. */
#define PDM_4TH(a, b, c, d, ...) d
#define __shfl_sync(mask, value, ...) \
    PDM_SHUFFLE_OF(PDM_SHFL, mask, value, PDM_LANE(__VA_ARGS__, 32), PDM_WIDTH(__VA_ARGS__, 32, 0))
#define __shfl_up_sync(mask, value, ...) \
    PDM_SHUFFLE_OF(PDM_SHFL_UP, mask, value, PDM_LANE(__VA_ARGS__, 32), PDM_WIDTH(__VA_ARGS__, 32, 0))
#define __shfl_down_sync(mask, value, ...) \
    PDM_SHUFFLE_OF(PDM_SHFL_DOWN, mask, value, PDM_LANE(__VA_ARGS__, 32), PDM_WIDTH(__VA_ARGS__, 32, 0))
#define __shfl_xor_sync(mask, value, ...) \
    PDM_SHUFFLE_OF(PDM_SHFL_XOR, mask, value, PDM_LANE(__VA_ARGS__, 32), PDM_WIDTH(__VA_ARGS__, 32, 0))
#define PDM_LANE(lane, ...)         ((int)(lane))
#define PDM_WIDTH(lane, width, ...) ((int)(width))

#define __ballot_sync(mask, p) ((unsigned)pdm_double_warp(PDM_BALLOT, mask, (p) != 0, 0, 32, __FILE__, __LINE__))
#define __any_sync(mask, p)    (__ballot_sync(mask, p) != 0)
#define __all_sync(mask, p)    (__ballot_sync(mask, !(p)) == 0)

/* ---- atomics on integers: threads run one at a time ---- */

#define PDM_ATOMIC(type, name)                                                                   \
    static inline PDM_DOUBLE_UNWATCHED type pdm_atomic_add_##name(type *p, type v)               \
    {                                                                                            \
        pdm_double_atomic(p, sizeof *p);                                                         \
        const type old = *p;                                                                     \
        *p             = (type)(old + v);                                                        \
        return old;                                                                              \
    }                                                                                            \
    static inline PDM_DOUBLE_UNWATCHED type pdm_atomic_max_##name(type *p, type v)               \
    {                                                                                            \
        pdm_double_atomic(p, sizeof *p);                                                         \
        const type old = *p;                                                                     \
        if (v > old) *p = v;                                                                     \
        return old;                                                                              \
    }                                                                                            \
    static inline PDM_DOUBLE_UNWATCHED type pdm_atomic_min_##name(type *p, type v)               \
    {                                                                                            \
        pdm_double_atomic(p, sizeof *p);                                                         \
        const type old = *p;                                                                     \
        if (v < old) *p = v;                                                                     \
        return old;                                                                              \
    }                                                                                            \
    static inline PDM_DOUBLE_UNWATCHED type pdm_atomic_or_##name(type *p, type v)                \
    {                                                                                            \
        pdm_double_atomic(p, sizeof *p);                                                         \
        const type old = *p;                                                                     \
        *p             = old | v;                                                                \
        return old;                                                                              \
    }                                                                                            \
    static inline PDM_DOUBLE_UNWATCHED type pdm_atomic_exchange_##name(type *p, type v)          \
    {                                                                                            \
        pdm_double_atomic(p, sizeof *p);                                                         \
        const type old = *p;                                                                     \
        *p             = v;                                                                      \
        return old;                                                                              \
    }                                                                                            \
    static inline PDM_DOUBLE_UNWATCHED type pdm_atomic_cas_##name(type *p, type compare, type v) \
    {                                                                                            \
        pdm_double_atomic(p, sizeof *p);                                                         \
        const type old = *p;                                                                     \
        if (old == compare) *p = v;                                                              \
        return old;                                                                              \
    }
PDM_ATOMIC(int, int)
PDM_ATOMIC(unsigned, unsigned)
PDM_ATOMIC(unsigned long long, wide)
#define PDM_ATOMIC_OF(verb, p) \
    _Generic((p), int *: pdm_atomic_##verb##_int, unsigned *: pdm_atomic_##verb##_unsigned,                          \
        unsigned long long *: pdm_atomic_##verb##_wide)
#define atomicAdd(p, v)    PDM_ATOMIC_OF(add, p)(p, v)
#define atomicMax(p, v)    PDM_ATOMIC_OF(max, p)(p, v)
#define atomicMin(p, v)    PDM_ATOMIC_OF(min, p)(p, v)
#define atomicOr(p, v)     PDM_ATOMIC_OF(or, p)(p, v)
#define atomicExch(p, v)   PDM_ATOMIC_OF(exchange, p)(p, v)
#define atomicCAS(p, c, v) PDM_ATOMIC_OF(cas, p)(p, c, v)

/* ---- mathematics that C lacks ---- */

#define __ldg(p) (*(p))

/* Macros: a C library may come to have them. */
#define rsqrt  pdm_rsqrt
#define rsqrtf pdm_rsqrtf
#define rcbrt  pdm_rcbrt
#define sinpi  pdm_sinpi
#define cospi  pdm_cospi
#define __expf expf
#define __logf logf

#define PDM_EXTREMES(type, name)                      \
    static inline type pdm_min_##name(type a, type b) \
    {                                                 \
        return a < b ? a : b;                         \
    }                                                 \
    static inline type pdm_max_##name(type a, type b) \
    {                                                 \
        return a > b ? a : b;                         \
    }
PDM_EXTREMES(int, int)
PDM_EXTREMES(unsigned, unsigned)
PDM_EXTREMES(long, long)
PDM_EXTREMES(unsigned long, unsigned_long)
PDM_EXTREMES(long long, long_long)
PDM_EXTREMES(unsigned long long, unsigned_long_long)
#define PDM_EXTREME_OF(verb, a, b)                        \
    _Generic((a) + (b), int                               \
             : pdm_##verb##_int, unsigned                 \
             : pdm_##verb##_unsigned, long                \
             : pdm_##verb##_long, unsigned long           \
             : pdm_##verb##_unsigned_long, long long      \
             : pdm_##verb##_long_long, unsigned long long \
             : pdm_##verb##_unsigned_long_long, float     \
             : f##verb##f, double                         \
             : f##verb)(a, b)
#define min(a, b) PDM_EXTREME_OF(min, a, b)
#define max(a, b) PDM_EXTREME_OF(max, a, b)

static inline double pdm_rsqrt(double x)
{
    return 1.0 / sqrt(x);
}
static inline float pdm_rsqrtf(float x)
{
    return 1.0f / sqrtf(x);
}
static inline double pdm_rcbrt(double x)
{
    return 1.0 / cbrt(x);
}
/* Exact where the result is 0 or 1, as CUDA's. */
static inline double pdm_sinpi(double x)
{
    const double r = remainder(x, 2.0);
    return r == trunc(r) ? copysign(0.0, x) : fabs(r) == 0.5 ? copysign(1.0, r) : sin(3.14159265358979323846 * r);
}
static inline double pdm_cospi(double x)
{
    const double r = fabs(remainder(x, 2.0));
    return r == 0.5 ? 0.0 : r == 1.0 ? -1.0 : cos(3.14159265358979323846 * r);
}
static inline float __fdividef(float x, float y)
{
    return x / y;
}
static inline double __dadd_rn(double x, double y)
{
    return x + y;
}
static inline double __dmul_rn(double x, double y)
{
    return x * y;
}
static inline double __fma_rn(double x, double y, double z)
{
    return fma(x, y, z);
}
static inline float __fadd_rn(float x, float y)
{
    return x + y;
}
static inline float __fmul_rn(float x, float y)
{
    return x * y;
}
static inline long long __double_as_longlong(double x)
{
    long long bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}
static inline double __longlong_as_double(long long bits)
{
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}
static inline int __float_as_int(float x)
{
    int bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}
static inline float __int_as_float(int bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}
static inline int __popc(unsigned x)
{
    return __builtin_popcount(x);
}
static inline int __clz(int x)
{
    return x ? __builtin_clz((unsigned)x) : 32;
}
static inline int __ffs(int x)
{
    return __builtin_ffs(x);
}
#define __trap() pdm_double_trap()

#endif
