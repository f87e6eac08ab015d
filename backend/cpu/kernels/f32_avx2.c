/* FP32 kernels for AVX2 with fused multiply-add. */
#include "backend/cpu/network_impl.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define KERNEL __attribute__((target("avx2,fma")))
#define VECTOR __m256
#define LANES  8

/* The masked store of the instruction set takes dozens of cycles on some machines. */
KERNEL static inline void store_part(float *p, int n, __m256 x)
{
    __m128 half = _mm256_castps256_ps128(x);
    if (n >= 4) {
        _mm_storeu_ps(p, half);
        half = _mm256_extractf128_ps(x, 1);
        p += 4, n -= 4;
    }
    if (n >= 2) {
        _mm_storel_pi((__m64 *)p, half);
        half = _mm_movehl_ps(half, half);
        p += 2, n -= 2;
    }
    if (n > 0) _mm_store_ss(p, half);
}

#define V_LOAD(p)      _mm256_loadu_ps(p)
#define V_STORE(p, x)  _mm256_storeu_ps((p), (x))
#define V_SET(a)       _mm256_set1_ps(a)
#define V_FMA(a, b, c) _mm256_fmadd_ps((a), (b), (c))
#define V_MIN(a, b)    _mm256_min_ps((a), (b))
#define V_MAX(a, b)    _mm256_max_ps((a), (b))
#define V_SQRT(x)      _mm256_sqrt_ps(x)
/* p * 2^k, k in the low bits of the float `bits` */
#define V_SCALE(p, bits) \
    _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(p), _mm256_slli_epi32(_mm256_castps_si256(bits), 23)))
#define V_MASK(n)             _mm256_cmpgt_epi32(_mm256_set1_epi32(n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7))
#define V_LOAD_PART(p, n)     _mm256_maskload_ps((p), V_MASK(n))
#define V_STORE_PART(p, n, x) store_part((p), (n), (x))
#define F32_TABLE             f32_kernels_avx2

#include "backend/cpu/kernels/f32.h"
#endif
