/* FP32 kernels of the networks, written once over a vector type; included by one file per instruction set, which
 * defines
 *   VECTOR              the vector type, LANES floats
 *   KERNEL              attributes of every function (instruction set)
 *   V_LOAD(p) V_STORE(p, x) V_SET(a) V_FMA(a, b, c)   unaligned; V_FMA is a*b + c
 *   V_LOAD_PART(p, n) V_STORE_PART(p, n, x)           the first n < LANES floats only; others read as 0
 *   V_MIN(a, b) V_MAX(a, b)                           b where one is NaN
 *   V_SQRT(x) V_SCALE(p, bits)                        p * 2^k, k (two's complement) the low 9 bits of the float `bits`
 * and F32_TABLE, the name of the table. Each output is the same sequence of operations wherever it stands in a tile. */
#include "backend/cpu/network_impl.h"

#include <math.h>

#define INLINE static inline __attribute__((always_inline)) KERNEL

enum { TILE_ROWS = 6, TILE_VECTORS = 2 }; /* 12 accumulators, 2 of B, 1 of A: 15 of 16 registers */

typedef struct f32_operands {
    pdm_size     m, k, a_row, a_col, ldb, ld_init, ldc;
    const float *a, *b, *init;
    float       *c;
} f32_operands;

INLINE void tile_step(const int m, const int nv, const float *a, pdm_size a_row, const VECTOR *bv,
                      VECTOR acc[TILE_ROWS][TILE_VECTORS])
{
#pragma GCC unroll 6
    for (int i = 0; i < m; i++) {
        const VECTOR av = V_SET(a[i * a_row]);
#pragma GCC unroll 2
        for (int v = 0; v < nv; v++) acc[i][v] = V_FMA(av, bv[v], acc[i][v]);
    }
}

/* Rows first .. first+m of nv vectors of columns; of the last vector, part floats exist (0: all). */
INLINE void tile(const int m, const int nv, const int part, const f32_operands *o, pdm_size first)
{
    const pdm_size a_row = o->a_row, a_col = o->a_col, ldb = o->ldb;
    const float   *a = o->a + first * a_row, *b = o->b, *init = o->init;
    float         *c = o->c + first * o->ldc;
    VECTOR         acc[TILE_ROWS][TILE_VECTORS];
    /* A row's vector may read on into the next row of B; loads of a part are slow. */
    const pdm_size n_whole = !part ? o->k : ldb + part >= LANES ? o->k - 1 : 0;
    pdm_size       k       = 0;

    if (init) init += first * o->ld_init;
#pragma GCC unroll 6
    for (int i = 0; i < m; i++)
#pragma GCC unroll 2
        for (int v = 0; v < nv; v++) {
            if (!init)
                acc[i][v] = V_SET(0.0f);
            else if (part && v == nv - 1)
                acc[i][v] = V_LOAD_PART(init + i * o->ld_init + v * LANES, part);
            else
                acc[i][v] = V_LOAD(init + i * o->ld_init + v * LANES);
        }
    for (; k < n_whole; k++) {
        VECTOR bv[TILE_VECTORS];
#pragma GCC unroll 2
        for (int v = 0; v < nv; v++) bv[v] = V_LOAD(b + v * LANES);
        tile_step(m, nv, a, a_row, bv, acc);
        a += a_col;
        b += ldb;
    }
    for (; part && k < o->k; k++) {
        VECTOR bv[TILE_VECTORS];
#pragma GCC unroll 2
        for (int v = 0; v < nv; v++) bv[v] = v == nv - 1 ? V_LOAD_PART(b + v * LANES, part) : V_LOAD(b + v * LANES);
        tile_step(m, nv, a, a_row, bv, acc);
        a += a_col;
        b += ldb;
    }
#pragma GCC unroll 6
    for (int i = 0; i < m; i++)
#pragma GCC unroll 2
        for (int v = 0; v < nv; v++) {
            if (part && v == nv - 1)
                V_STORE_PART(c + i * o->ldc + v * LANES, part, acc[i][v]);
            else
                V_STORE(c + i * o->ldc + v * LANES, acc[i][v]);
        }
}

/* All rows, shared out evenly over the tiles: 14 is 5 + 5 + 4. */
INLINE void panel(const int nv, const int part, const f32_operands *o)
{
    const int n_tile = (int)((o->m + TILE_ROWS - 1) / TILE_ROWS), rows = n_tile > 0 ? (int)(o->m / n_tile) : 0;
    const int longer = (int)o->m - rows * n_tile; /* tiles of one row more come first */
    pdm_size  first  = 0;

    for (int t = 0; t < n_tile; t++) {
        const int m = rows + (t < longer);
        switch (m) {
        case 1: tile(1, nv, part, o, first); break;
        case 2: tile(2, nv, part, o, first); break;
        case 3: tile(3, nv, part, o, first); break;
        case 4: tile(4, nv, part, o, first); break;
        case 5: tile(5, nv, part, o, first); break;
        default: tile(6, nv, part, o, first);
        }
        first += m;
    }
}

KERNEL static void panel_two(const f32_operands *o)
{
    panel(2, 0, o);
}
KERNEL static void panel_one(const f32_operands *o)
{
    panel(1, 0, o);
}
KERNEL static void panel_two_part(int part, const f32_operands *o)
{
    panel(2, part, o);
}
KERNEL static void panel_one_part(int part, const f32_operands *o)
{
    panel(1, part, o);
}

KERNEL static void f32_product(pdm_size m, pdm_size n, pdm_size k, const float *a, pdm_size a_row, pdm_size a_col,
                               const float *b, pdm_size ldb, const float *init, pdm_size ld_init, float *c,
                               pdm_size ldc)
{
    f32_operands o = {.m       = m,
                      .k       = k,
                      .a_row   = a_row,
                      .a_col   = a_col,
                      .ldb     = ldb,
                      .ld_init = ld_init,
                      .ldc     = ldc,
                      .a       = a,
                      .b       = b,
                      .init    = init,
                      .c       = c};

    for (; n >= 2 * LANES; n -= 2 * LANES) {
        panel_two(&o);
        o.b += 2 * LANES;
        o.c += 2 * LANES;
        if (init) o.init += 2 * LANES;
    }
    if (n > LANES)
        panel_two_part((int)n - LANES, &o);
    else if (n == LANES)
        panel_one(&o);
    else if (n > 0)
        panel_one_part((int)n, &o);
}

/* 2^x, relative error 1e-7; x is clipped to [-126, 126]. Adding 1.5 * 2^23 rounds to a whole number, which then
 * stands in the low bits; the polynomial interpolates (2^r - 1)/r at six Chebyshev points of [-1/2, 1/2], relative
 * error of 2^r 5e-9. */
INLINE VECTOR exp2_vector(VECTOR x)
{
    const VECTOR big  = V_SET(12582912.0f);
    x                 = V_MIN(V_SET(126.0f), V_MAX(V_SET(-126.0f), x));
    const VECTOR bits = x + big, r = x - (bits - big);
    const VECTOR square = r * r;
    const VECTOR low    = V_FMA(V_SET(6.9314718803e-1f), r, V_SET(1.0f)),
                 middle = V_FMA(V_SET(5.5503571142e-2f), r, V_SET(2.4022650761e-1f));
    const VECTOR high =
        V_FMA(V_SET(1.5453162948e-4f), square, V_FMA(V_SET(1.3390863365e-3f), r, V_SET(9.6180825573e-3f)));
    const VECTOR p = V_FMA(V_FMA(high, square, middle), square, low);
    return V_SCALE(p, bits);
}

/* gelu(x) = x s with s = (1 + tanh u)/2 = 1/(1 + e^{-2u}), u = sqrt(2/pi) (x + a x^3);
 * gelu'(x) = s + x s (1 - s) 2 sqrt(2/pi) (1 + 3 a x^2). The returned value is gelu. */
INLINE VECTOR gelu_vector(VECTOR x, VECTOR *slope)
{
    const float  a = 0.044715f, two_root = 1.5957691216057308f, log2_e = 1.4426950408889634f; /* 2 sqrt(2/pi) */
    const VECTOR square = x * x;
    const VECTOR e      = exp2_vector(x * V_FMA(square, V_SET(-two_root * log2_e * a), V_SET(-two_root * log2_e)));
    const VECTOR s      = V_SET(1.0f) / (V_SET(1.0f) + e);
    const VECTOR y      = x * s;

    *slope = V_FMA(y * (V_SET(1.0f) - s), V_FMA(square, V_SET(3.0f * two_root * a), V_SET(two_root)), s);
    return y;
}

KERNEL static void f32_gelu(pdm_size n, float *x, float *slope)
{
    VECTOR   d;
    pdm_size i = 0;

    if (slope) {
        for (; i + LANES <= n; i += LANES) {
            V_STORE(x + i, gelu_vector(V_LOAD(x + i), &d));
            V_STORE(slope + i, d);
        }
    } else {
        for (; i + LANES <= n; i += LANES) V_STORE(x + i, gelu_vector(V_LOAD(x + i), &d));
    }
    if (i < n) {
        const int part = (int)(n - i);
        V_STORE_PART(x + i, part, gelu_vector(V_LOAD_PART(x + i, part), &d));
        if (slope) V_STORE_PART(slope + i, part, d);
    }
}

KERNEL static void f32_multiply(pdm_size n, const float *restrict x, float *restrict y)
{
    pdm_size i = 0;
    for (; i + LANES <= n; i += LANES) V_STORE(y + i, V_LOAD(y + i) * V_LOAD(x + i));
    for (; i < n; i++) y[i] *= x[i];
}

KERNEL static void f32_add_rows(pdm_size m, pdm_size n, const float *restrict x, float *restrict y)
{
    pdm_size j = 0;
    for (; j + 4 * LANES <= n; j += 4 * LANES) {
        VECTOR s0 = V_LOAD(y + j), s1 = V_LOAD(y + j + LANES), s2 = V_LOAD(y + j + 2 * LANES),
               s3 = V_LOAD(y + j + 3 * LANES);
        for (pdm_size i = 0; i < m; i++) {
            s0 += V_LOAD(x + i * n + j);
            s1 += V_LOAD(x + i * n + j + LANES);
            s2 += V_LOAD(x + i * n + j + 2 * LANES);
            s3 += V_LOAD(x + i * n + j + 3 * LANES);
        }
        V_STORE(y + j, s0);
        V_STORE(y + j + LANES, s1);
        V_STORE(y + j + 2 * LANES, s2);
        V_STORE(y + j + 3 * LANES, s3);
    }
    for (; j < n; j++) {
        float s = y[j];
        for (pdm_size i = 0; i < m; i++) s += x[i * n + j];
        y[j] = s;
    }
}

typedef float   quad __attribute__((vector_size(16), aligned(4), may_alias));
typedef int32_t quad_index __attribute__((vector_size(16)));
#if defined(__clang__)
#define SHUFFLE(a, b, i, j, k, l) __builtin_shufflevector((a), (b), i, j, k, l)
#else
#define SHUFFLE(a, b, i, j, k, l) __builtin_shuffle((a), (b), (quad_index){i, j, k, l})
#endif

KERNEL static void f32_transpose(pdm_size m, pdm_size n, const float *restrict a, pdm_size lda, float *restrict b,
                                 pdm_size ldb)
{
    const pdm_size m4 = m / 4 * 4, n4 = n / 4 * 4;

    for (pdm_size i = 0; i < m4; i += 4)
        for (pdm_size j = 0; j < n4; j += 4) {
            const float *p  = a + i * lda + j;
            const quad   r0 = *(const quad *)p, r1 = *(const quad *)(p + lda), r2 = *(const quad *)(p + 2 * lda),
                       r3 = *(const quad *)(p + 3 * lda);
            const quad t0 = SHUFFLE(r0, r1, 0, 4, 1, 5), t1 = SHUFFLE(r2, r3, 0, 4, 1, 5);
            const quad t2 = SHUFFLE(r0, r1, 2, 6, 3, 7), t3 = SHUFFLE(r2, r3, 2, 6, 3, 7);
            float     *q           = b + j * ldb + i;
            *(quad *)q             = SHUFFLE(t0, t1, 0, 1, 4, 5);
            *(quad *)(q + ldb)     = SHUFFLE(t0, t1, 2, 3, 6, 7);
            *(quad *)(q + 2 * ldb) = SHUFFLE(t2, t3, 0, 1, 4, 5);
            *(quad *)(q + 3 * ldb) = SHUFFLE(t2, t3, 2, 3, 6, 7);
        }
    for (pdm_size i = 0; i < m; i++)
        for (pdm_size j = i < m4 ? n4 : 0; j < n; j++) b[j * ldb + i] = a[i * lda + j];
}

INLINE VECTOR adam_vector(const f32_adam *s, VECTOR g, VECTOR *m, VECTOR *v, VECTOR p)
{
    g  = g * V_SET(s->gradient_scale);
    *m = V_FMA(V_SET(s->one_minus_beta1), g, V_SET(s->beta1) * *m);
    *v = V_FMA(V_SET(s->one_minus_beta2) * g, g, V_SET(s->beta2) * *v);
    return p - V_SET(s->rate) * *m / (V_SQRT(*v * V_SET(s->correction2)) + V_SET(s->epsilon));
}

KERNEL static void f32_adam_step(const f32_adam *s, pdm_size n, const float *restrict g, float *restrict m,
                                 float *restrict v, float *restrict p)
{
    for (pdm_size i = 0; i < n; i += LANES) {
        const int part = n - i < LANES ? (int)(n - i) : 0;
        VECTOR    gv, mv, vv, pv;
        if (part) {
            gv = V_LOAD_PART(g + i, part), mv = V_LOAD_PART(m + i, part), vv = V_LOAD_PART(v + i, part),
            pv = V_LOAD_PART(p + i, part);
            pv = adam_vector(s, gv, &mv, &vv, pv);
            V_STORE_PART(m + i, part, mv);
            V_STORE_PART(v + i, part, vv);
            V_STORE_PART(p + i, part, pv);
        } else {
            gv = V_LOAD(g + i), mv = V_LOAD(m + i), vv = V_LOAD(v + i), pv = V_LOAD(p + i);
            pv = adam_vector(s, gv, &mv, &vv, pv);
            V_STORE(m + i, mv);
            V_STORE(v + i, vv);
            V_STORE(p + i, pv);
        }
    }
}

/* Eight sums side by side, whatever the instruction set. */
KERNEL static double f32_norm2(pdm_size n, const float *x)
{
    double   sum[8] = {0.0};
    pdm_size i      = 0;

    for (; i + 8 <= n; i += 8)
        for (int l = 0; l < 8; l++) sum[l] += (double)x[i + l] * (double)x[i + l];
    for (int l = 0; i < n; i++, l++) sum[l] += (double)x[i] * (double)x[i];
    return ((sum[0] + sum[4]) + (sum[2] + sum[6])) + ((sum[1] + sum[5]) + (sum[3] + sum[7]));
}

const f32_kernels F32_TABLE = {
    .product   = f32_product,
    .gelu      = f32_gelu,
    .multiply  = f32_multiply,
    .add_rows  = f32_add_rows,
    .transpose = f32_transpose,
    .adam      = f32_adam_step,
    .norm2     = f32_norm2,
};
