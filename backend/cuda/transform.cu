/* Between spectra (products of cosines and sines) and complex modes. */
#include "backend/cuda/transform.h"

/* A thread's group, and channel j of it. */
typedef struct group_part {
    int32_t        group, j;
    const int32_t *trig, *mode;
} group_part;

static __device__ int find_part(const fourier_modes_args *a, group_part *k)
{
    const int64_t i = item();

    if (i >= (int64_t)a->n_group * a->width) return 0;
    k->group = (int32_t)(i / a->width);
    k->j     = (int32_t)(i % a->width);
    k->trig  = a->trig + (int64_t)k->group * a->n_part;
    k->mode  = a->mode + (int64_t)k->group * (a->n_part / 2);
    return 1;
}

/* Loops over parts have constant ends, so that x stays in registers. */
static __device__ void read_parts(const fourier_modes_args *a, const group_part *k, int64_t s, float *x)
{
    const float *from = a->spectrum + s * a->n_spectrum * a->width + k->j;

    for (int part = 0; part < FOURIER_PARTS; part++)
        x[part] = part < a->n_part && k->trig[part] >= 0 ? from[(int64_t)k->trig[part] * a->width] : 0.0f;
}

static __device__ void write_parts(const fourier_modes_args *a, const group_part *k, int64_t s, const float *x)
{
    float *to = a->spectrum + s * a->n_spectrum * a->width + k->j;

    for (int part = 0; part < FOURIER_PARTS; part++)
        if (part < a->n_part && k->trig[part] >= 0) to[(int64_t)k->trig[part] * a->width] = x[part];
}

/* cos - i sin in the last dimension; then, dimension by dimension, C - i S for k >= 0 and C + i S for k < 0. */
static __device__ void butterfly(int32_t n_part, const int32_t *trig, float *x)
{
    for (int part = 1; part < FOURIER_PARTS; part += 2) x[part] = -x[part];
    for (int d = 0; d < 3; d++) {
        const int bit = 2 << d;
        if (bit >= n_part || trig[bit] < 0) continue; /* k = 0 */
        for (int part = 0; part < FOURIER_PARTS; part += 2) {
            if (part & bit) continue;
            const float c_re = x[part], c_im = x[part + 1], s_re = x[part + bit], s_im = x[part + bit + 1];
            x[part]           = c_re + s_im;
            x[part + 1]       = c_im - s_re;
            x[part + bit]     = c_re - s_im;
            x[part + bit + 1] = c_im + s_re;
        }
    }
}

static __device__ void butterfly_transpose(int32_t n_part, const int32_t *trig, float *x)
{
    for (int d = 0; d < 3; d++) {
        const int bit = 2 << d;
        if (bit >= n_part || trig[bit] < 0) continue;
        for (int part = 0; part < FOURIER_PARTS; part += 2) {
            if (part & bit) continue;
            const float p_re = x[part], p_im = x[part + 1], m_re = x[part + bit], m_im = x[part + bit + 1];
            x[part]           = p_re + m_re;
            x[part + 1]       = p_im + m_im;
            x[part + bit]     = m_im - p_im;
            x[part + bit + 1] = p_re - m_re;
        }
    }
    for (int part = 1; part < FOURIER_PARTS; part += 2) x[part] = -x[part];
}

/* The first row of listed sample s; the second is FOURIER_TILE rows further on. */
static __device__ int64_t row_of(const fourier_modes_args *a, int32_t mode, int64_t s)
{
    return (s / FOURIER_TILE * a->n_mode + mode) * 2 * FOURIER_TILE + s % FOURIER_TILE;
}

/* Rows (u, v) and (-v, u) of listed sample s in x. */
static __device__ void write_rows(const fourier_modes_args *a, int32_t mode, int64_t s, int32_t j, float u, float v)
{
    float *row    = a->x + row_of(a, mode, s) * 2 * a->width + j;
    float *turned = row + 2 * FOURIER_TILE * a->width;

    row[0]           = u;
    row[a->width]    = v;
    turned[0]        = -v;
    turned[a->width] = u;
}

PDM_KERNEL(fourier_split_kernel, fourier_modes_args)
{
    group_part k;
    float      x[FOURIER_PARTS];

    if (!find_part(&a, &k)) return;
    const float factor = a.factor[k.group];
    for (int64_t s = blockIdx.y; s < a.n_tile * FOURIER_TILE; s += gridDim.y) {
        const int is_listed = s < a.n_listed;
        read_parts(&a, &k, is_listed ? s : 0, x);
        butterfly(a.n_part, k.trig, x);
        for (int sign = 0; sign < FOURIER_PARTS / 2; sign++) {
            if (sign >= a.n_part / 2 || k.mode[sign] < 0) continue;
            const float u = is_listed ? factor * x[2 * sign] : 0.0f, v = is_listed ? -(factor * x[2 * sign + 1]) : 0.0f;
            write_rows(&a, k.mode[sign], s, k.j, u, v);
            if (!a.kept || !is_listed) continue;
            float *to   = a.kept + (a.index[s] * a.n_mode + k.mode[sign]) * 2 * a.width + k.j;
            to[0]       = u;
            to[a.width] = v;
        }
    }
}

PDM_KERNEL(fourier_join_kernel, fourier_modes_args)
{
    group_part k;
    float      x[FOURIER_PARTS];

    if (!find_part(&a, &k)) return;
    for (int64_t s = blockIdx.y; s < a.n_listed; s += gridDim.y) {
        for (int sign = 0; sign < FOURIER_PARTS / 2; sign++) {
            x[2 * sign] = x[2 * sign + 1] = 0.0f;
            if (sign >= a.n_part / 2 || k.mode[sign] < 0) continue;
            const float *from = a.y + row_of(&a, k.mode[sign], s) * a.width + k.j;
            x[2 * sign]       = from[0];
            x[2 * sign + 1]   = from[FOURIER_TILE * a.width];
        }
        butterfly_transpose(a.n_part, k.trig, x);
        write_parts(&a, &k, s, x);
    }
}

PDM_KERNEL(fourier_join_backward_kernel, fourier_modes_args)
{
    group_part k;
    float      x[FOURIER_PARTS];

    if (!find_part(&a, &k)) return;
    for (int64_t s = blockIdx.y; s < a.n_tile * FOURIER_TILE; s += gridDim.y) {
        const int is_listed = s < a.n_listed;
        read_parts(&a, &k, is_listed ? s : 0, x);
        butterfly(a.n_part, k.trig, x);
        for (int sign = 0; sign < FOURIER_PARTS / 2; sign++) {
            if (sign >= a.n_part / 2 || k.mode[sign] < 0) continue;
            float       *to   = a.y + row_of(&a, k.mode[sign], s) * a.width + k.j;
            const float *kept = a.kept + (a.index[is_listed ? s : 0] * a.n_mode + k.mode[sign]) * 2 * a.width + k.j;
            to[0]             = is_listed ? x[2 * sign] : 0.0f;
            to[FOURIER_TILE * a.width] = is_listed ? x[2 * sign + 1] : 0.0f;
            write_rows(&a, k.mode[sign], s, k.j, is_listed ? kept[0] : 0.0f, is_listed ? kept[a.width] : 0.0f);
        }
    }
}

PDM_KERNEL(fourier_split_backward_kernel, fourier_modes_args)
{
    group_part k;
    float      x[FOURIER_PARTS];

    if (!find_part(&a, &k)) return;
    const float factor = a.factor[k.group];
    for (int64_t s = blockIdx.y; s < a.n_listed; s += gridDim.y) {
        for (int sign = 0; sign < FOURIER_PARTS / 2; sign++) {
            x[2 * sign] = x[2 * sign + 1] = 0.0f;
            if (sign >= a.n_part / 2 || k.mode[sign] < 0) continue;
            const float *row    = a.x + row_of(&a, k.mode[sign], s) * 2 * a.width + k.j;
            const float *turned = row + 2 * FOURIER_TILE * a.width;
            x[2 * sign]         = factor * (row[0] + turned[a.width]);
            x[2 * sign + 1]     = factor * (turned[0] - row[a.width]);
        }
        butterfly_transpose(a.n_part, k.trig, x);
        write_parts(&a, &k, s, x);
    }
}
