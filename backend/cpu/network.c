/* Fourier networks on the CPU.
 *
 * The transform is a tensor product of small real matrices R_d, rows cos(2 pi k j / n) and sin(2 pi k j / n):
 * nothing complex is ever transformed. A spectrum [n_trig 0]..[n_trig d-1][width] holds the products of cosines and
 * sines; the complex modes (and, for the same |k|, all signs of k) are sums and differences of these ("butterfly"),
 * taken while mixing. The inverse is the transpose of everything times a factor per mode, hence forward and backward
 * share all the code:
 *     layer:  R^T B^T D K B R h,    its transpose:  R^T B^T K^T D B R g,    B butterfly, D factors, K weights.
 *
 * A sample is cut along dimension 0 into slabs of rows, a fixed number whatever the threads: a task takes one slab
 * of one sample through inverse transform, pointwise part, gelu and the part of the next transform that its rows
 * contribute to ("partial"), row by row, so that a row never leaves the cache. Tasks over groups of modes of equal
 * |k| add up the slabs and multiply by the weights, all samples at once. Between the calls of backend.h, work is
 * therefore shifted by a half: who produces an h also leaves its partial spectra behind, who produces a cotangent
 * those of the cotangent. */
#include "backend/cpu/network_impl.h"

#include <math.h>
#include <string.h>

#include "backend/cpu/cpu_impl.h"
#include "backend/fourier.h"

enum {
    MAX_SLAB   = 4,  /* slabs of a sample: tasks for threads; each costs one pass over a partial spectrum */
    HEAD_BLOCK = 48, /* points of the head worked on together */
    SUM_BLOCK  = 512 /* parameters of one task that adds up gradients */
};

struct pdm_fourier_plan {
    pdm_fourier_desc   desc; /* a grid of one dimension gets a first one of a single point */
    pdm_size           n_sample, n_slab, n_part, n_group, n_mode;
    pdm_size           n_trig[PDM_MAX_DIM];
    pdm_size           n_spectrum, n_rest; /* product of n_trig; same without dimension 0                  */
    pdm_size           n_point, n_point_padded;
    pdm_size           row_scratch; /* floats of one intermediate of the transform of a row         */
    size_t             scratch_bytes;
    pdm_arena          arena;
    pdm_fourier_group *group;                 /* [n_group]                                                    */
    float             *matrix[PDM_MAX_DIM];   /* [n_trig][n_padded]                                           */
    float             *features;              /* [n_sample][n_feature][n_point]                               */
    float            **h;                     /* [n_layer+1] of [n_sample][points of the extent][width]       */
    float            **slope;                 /* [n_layer] of the same: gelu' at what made h[l+1]             */
    float            **modes;                 /* [n_layer] of [n_mode][n_sample][2 width]: Re, -Im of D B R h */
    float             *partial;               /* [n_sample][n_slab][n_spectrum][width]                        */
    float             *spectrum;              /* [n_sample][n_spectrum][width]                                */
    float             *hidden, *hidden_slope; /* [n_sample][n_point][n_hidden]                                */
    float             *g[2];                  /* [n_sample][n_point_padded][width]: g[l%2] belongs to layer l  */
    float             *sum_layer, *sum_head, *sum_lift; /* [n_sample*n_slab][tensors]: gradients of a task     */
    float             *weight_t, *head0_t, *head1_t;    /* transposed weights                                  */
};

/* What the tasks of one call read. */
typedef struct fourier_call {
    pdm_fourier_plan  *plan;
    const f32_kernels *kernels;
    pdm_cpu           *cpu;
    pdm_batch          batch;
    pdm_size           layer, n_sum, sum_size;
    const float       *parameters, *features, *g_basis, *sum;
    float             *g_parameters, *basis, *target;
    bool               keep;
} fourier_call;

static fourier_call call_of(pdm_backend *b, pdm_fourier_plan *plan, pdm_batch s)
{
    return (fourier_call){
        .plan = plan, .cpu = pdm_cpu_of(b), .batch = s, .kernels = f32_kernels_for(pdm_cpu_of(b)->kernels->isa)};
}

/* ---- sizes and places ---- */

/* Grid of h_l: the control grid for the first and the last, which alone is read or not zero there. */
static const pdm_size *extent_of(const pdm_fourier_plan *p, pdm_size l)
{
    return l == 0 || l == p->desc.n_layer ? p->desc.n_grid : p->desc.n_padded;
}

static pdm_size product_of(const pdm_size *n, pdm_size from, pdm_size to)
{
    pdm_size product = 1;
    for (pdm_size d = from; d < to; d++) product *= n[d];
    return product;
}

static pdm_size points_of(const pdm_fourier_plan *p, pdm_size l)
{
    return product_of(extent_of(p, l), 0, p->desc.n_dim);
}

typedef struct range {
    pdm_size first, n;
} range;

static range slab_range(const pdm_fourier_plan *p, pdm_size n_row, pdm_size slab)
{
    const pdm_size first = slab * n_row / p->n_slab;
    return (range){first, (slab + 1) * n_row / p->n_slab - first};
}

static float *sample_of(float *base, pdm_size sample, pdm_size points, pdm_size width)
{
    return base + sample * points * width;
}

static const float *layer_parameters(const fourier_call *k)
{
    return k->parameters + k->plan->desc.offset_layer + k->layer * k->plan->desc.layer_stride;
}

/* Tensors W_l, b_l behind the modes' weights. */
static pdm_size layer_pointwise(const pdm_fourier_plan *p)
{
    return p->n_mode * 2 * p->desc.width * p->desc.width;
}

/* Line (points along the last dimension) number `line` of row `row` of a grid of extent `to`: returns how many of
 * its points exist in the extent `from` too, and at which point they start there. */
static pdm_size line_overlap(const pdm_fourier_plan *p, const pdm_size *to, const pdm_size *from, pdm_size row,
                             pdm_size line, pdm_size *point)
{
    const pdm_size last   = p->desc.n_dim - 1;
    pdm_size       offset = 0, stride = from[last];

    for (pdm_size d = last - 1; d > 0; d--) {
        const pdm_size i = line % to[d];
        line /= to[d];
        if (i >= from[d]) return 0;
        offset += i * stride;
        stride *= from[d];
    }
    if (row >= from[0]) return 0;
    *point = offset + row * stride;
    return to[last] < from[last] ? to[last] : from[last];
}

/* ---- transforms of a slab ---- */

/* Scratch of a task on a slab. */
typedef struct slab_scratch {
    float *synthesis, *analysis; /* [rows of the slab][n_rest][width] */
    float *row[2];               /* [row_scratch]                     */
    float *rest;                 /* what the operation needs besides  */
} slab_scratch;

static pdm_size slab_floats(const pdm_fourier_plan *p)
{
    const pdm_size n_row = (p->desc.n_padded[0] + p->n_slab - 1) / p->n_slab;
    return (n_row + 1) * p->n_rest * p->desc.width;
}

static slab_scratch scratch_of(const fourier_call *k, int thread)
{
    const pdm_fourier_plan *p = k->plan;
    slab_scratch            s;

    s.synthesis = pdm_cpu_scratch(k->cpu, thread);
    s.analysis  = s.synthesis + slab_floats(p);
    s.row[0]    = s.analysis + slab_floats(p);
    s.row[1]    = s.row[0] + p->row_scratch;
    s.rest      = s.row[1] + p->row_scratch;
    return s;
}

/* All dimensions but the first: field row [extent 1]..[width] to out [n_trig 1]..[width]. */
static void analyse_row(const fourier_call *k, const pdm_size *extent, const float *field, const slab_scratch *s,
                        float *out)
{
    const pdm_fourier_plan *p    = k->plan;
    const pdm_size          last = p->desc.n_dim - 1, width = p->desc.width;
    const pdm_size          n_line = product_of(extent, 1, last), n = extent[last], q = p->n_trig[last];
    float                  *to = last > 1 ? s->row[0] : out;

    for (pdm_size line = 0; line < n_line; line++)
        k->kernels->product(q, width, n, p->matrix[last], p->desc.n_padded[last], 1, field + line * n * width, width,
                            NULL, 0, to + line * q * width, width);
    for (pdm_size d = last - 1; d > 0; d--) {
        const float   *from  = to;
        const pdm_size outer = product_of(extent, 1, d), inner = product_of(p->n_trig, d + 1, last + 1) * width;
        to = d == 1 ? out : from == s->row[0] ? s->row[1] : s->row[0];
        for (pdm_size o = 0; o < outer; o++)
            k->kernels->product(p->n_trig[d], inner, extent[d], p->matrix[d], p->desc.n_padded[d], 1,
                                from + o * extent[d] * inner, inner, NULL, 0, to + o * p->n_trig[d] * inner, inner);
    }
}

/* The first dimension: the slab's part of the spectrum. */
static void analyse_slab(const fourier_call *k, range rows, pdm_size sample, pdm_size slab, const slab_scratch *s)
{
    const pdm_fourier_plan *p = k->plan;
    const pdm_size          n = p->n_rest * p->desc.width;
    k->kernels->product(p->n_trig[0], n, rows.n, p->matrix[0] + rows.first, p->desc.n_padded[0], 1, s->analysis, n,
                        NULL, 0, p->partial + (sample * p->n_slab + slab) * p->n_spectrum * p->desc.width, n);
}

static void synthesise_slab(const fourier_call *k, range rows, pdm_size sample, const slab_scratch *s)
{
    const pdm_fourier_plan *p = k->plan;
    const pdm_size          n = p->n_rest * p->desc.width;
    k->kernels->product(rows.n, n, p->n_trig[0], p->matrix[0] + rows.first, 1, p->desc.n_padded[0],
                        p->spectrum + sample * p->n_spectrum * p->desc.width, n, NULL, 0, s->synthesis, n);
}

/* Row `row` of the slab up to, not including, the last dimension: returns [extent 1]..[extent last-1][n_trig
 * last][width]. */
static const float *synthesise_row(const fourier_call *k, const pdm_size *extent, pdm_size row, const slab_scratch *s)
{
    const pdm_fourier_plan *p    = k->plan;
    const pdm_size          last = p->desc.n_dim - 1, width = p->desc.width;
    const float            *from = s->synthesis + row * p->n_rest * width;

    for (pdm_size d = 1; d < last; d++) {
        const pdm_size outer = product_of(extent, 1, d), inner = product_of(p->n_trig, d + 1, last + 1) * width;
        float         *to = from == s->row[0] ? s->row[1] : s->row[0];
        for (pdm_size o = 0; o < outer; o++)
            k->kernels->product(extent[d], inner, p->n_trig[d], p->matrix[d], 1, p->desc.n_padded[d],
                                from + o * p->n_trig[d] * inner, inner, NULL, 0, to + o * extent[d] * inner, inner);
        from = to;
    }
    return from;
}

/* Last dimension of one line: out [n][width] += R^T trig; set instead when init is NULL. */
static void synthesise_line(const fourier_call *k, pdm_size n, const float *trig, const float *init, float *out)
{
    const pdm_fourier_plan *p    = k->plan;
    const pdm_size          last = p->desc.n_dim - 1, width = p->desc.width;
    k->kernels->product(n, width, p->n_trig[last], p->matrix[last], 1, p->desc.n_padded[last], trig, width, init, width,
                        out, width);
}

/* ---- mixing of modes ---- */

/* Scratch of a task on a group, all for the whole batch of n. */
typedef struct mix_scratch {
    float *x;       /* [n_part][n][width] */
    float *rows;    /* [2 n][2 width]: rows (Re, -Im) of every sample, then rows (Im, Re) */
    float *g_t;     /* [width][2 n]   */
    float *product; /* [2 width][2 n] */
} mix_scratch;

static pdm_size mix_floats(const pdm_fourier_plan *p)
{
    return p->n_sample * p->desc.width * (p->n_part + 4 + 2 + 4);
}

static mix_scratch mix_scratch_of(const fourier_call *k, int thread)
{
    const pdm_fourier_plan *p    = k->plan;
    const pdm_size          size = p->n_sample * p->desc.width;
    mix_scratch             s;

    s.x       = pdm_cpu_scratch(k->cpu, thread);
    s.rows    = s.x + p->n_part * size;
    s.g_t     = s.rows + 4 * size;
    s.product = s.g_t + 2 * size;
    return s;
}

/* Adds up the slabs. */
static void gather_group(const fourier_call *k, const pdm_fourier_group *group, float *restrict x)
{
    const pdm_fourier_plan *p     = k->plan;
    const pdm_size          width = p->desc.width, slab_stride = p->n_spectrum * width;

    for (pdm_size part = 0; part < p->n_part; part++)
        for (pdm_size i = 0; i < k->batch.n; i++) {
            float *restrict to = x + (part * k->batch.n + i) * width;
            const float *restrict from =
                p->partial + k->batch.index[i] * p->n_slab * slab_stride + group->trig[part] * width;
            if (group->trig[part] < 0) {
                memset(to, 0, (size_t)width * sizeof *to);
                continue;
            }
            memcpy(to, from, (size_t)width * sizeof *to);
            for (pdm_size slab = 1; slab < p->n_slab; slab++)
                for (pdm_size j = 0; j < width; j++) to[j] += from[slab * slab_stride + j];
        }
}

static void scatter_group(const fourier_call *k, const pdm_fourier_group *group, const float *x)
{
    const pdm_fourier_plan *p     = k->plan;
    const pdm_size          width = p->desc.width;

    for (pdm_size part = 0; part < p->n_part; part++)
        for (pdm_size i = 0; i < k->batch.n && group->trig[part] >= 0; i++)
            memcpy(p->spectrum + (k->batch.index[i] * p->n_spectrum + group->trig[part]) * width,
                   x + (part * k->batch.n + i) * width, (size_t)width * sizeof *x);
}

/* cos - i sin in the last dimension; then, dimension by dimension, C - i S for k >= 0 and C + i S for k < 0. n:
 * floats a part. */
static void butterfly(const pdm_fourier_plan *p, const pdm_fourier_group *group, pdm_size n, float *x)
{
    for (pdm_size part = 1; part < p->n_part; part += 2)
        for (pdm_size j = 0; j < n; j++) x[part * n + j] = -x[part * n + j];
    for (pdm_size bit = 2; bit < p->n_part; bit *= 2) {
        if (group->trig[bit] < 0) continue; /* k = 0 */
        for (pdm_size part = 0; part < p->n_part; part += 2) {
            if (part & bit) continue;
            float *restrict cr = x + part * n, *restrict ci = cr + n, *restrict sr = x + (part + bit) * n,
                            *restrict si = sr + n;
            for (pdm_size j = 0; j < n; j++) {
                const float a = cr[j], b = ci[j], c = sr[j], d = si[j];
                cr[j] = a + d, ci[j] = b - c;
                sr[j] = a - d, si[j] = b + c;
            }
        }
    }
}

static void butterfly_transpose(const pdm_fourier_plan *p, const pdm_fourier_group *group, pdm_size n, float *x)
{
    for (pdm_size bit = 2; bit < p->n_part; bit *= 2) {
        if (group->trig[bit] < 0) continue;
        for (pdm_size part = 0; part < p->n_part; part += 2) {
            if (part & bit) continue;
            float *restrict pr = x + part * n, *restrict pi = pr + n, *restrict mr = x + (part + bit) * n,
                            *restrict mi = mr + n;
            for (pdm_size j = 0; j < n; j++) {
                const float a = pr[j], b = pi[j], c = mr[j], d = mi[j];
                pr[j] = a + c, pi[j] = b + d;
                mr[j] = d - b, mi[j] = a - c;
            }
        }
    }
    for (pdm_size part = 1; part < p->n_part; part += 2)
        for (pdm_size j = 0; j < n; j++) x[part * n + j] = -x[part * n + j];
}

/* The second row of a sample in `rows` from the first: (Re, -Im) to (Im, Re). */
static void turn_row(pdm_size width, const float *restrict row, float *restrict turned)
{
    for (pdm_size j = 0; j < width; j++) turned[j] = -row[width + j];
    memcpy(turned + width, row, (size_t)width * sizeof *row);
}

/* Y = X K as reals: rows (Re, -Im) and (Im, Re) of X times the stacked (Kr, Ki). */
static void mix_task(void *user, pdm_size task, int thread)
{
    const fourier_call      *k     = user;
    pdm_fourier_plan        *p     = k->plan;
    const pdm_fourier_group *group = &p->group[task];
    const mix_scratch        s     = mix_scratch_of(k, thread);
    const pdm_size           width = p->desc.width, n = k->batch.n, size = n * width;

    gather_group(k, group, s.x);
    butterfly(p, group, size, s.x);
    for (pdm_size sign = 0; sign < p->n_part / 2; sign++) {
        const pdm_size mode = group->mode[sign];
        float         *x    = s.x + 2 * sign * size; /* [2][n][width] */
        if (mode < 0) {
            memset(x, 0, 2 * (size_t)size * sizeof *x);
            continue;
        }
        for (pdm_size i = 0; i < n; i++) {
            float *restrict row      = s.rows + i * 2 * width;
            const float *restrict re = x + i * width, *restrict im = re + size;
            for (pdm_size j = 0; j < width; j++)
                row[j] = group->factor * re[j], row[width + j] = -group->factor * im[j];
            turn_row(width, row, row + 2 * size);
            if (k->keep)
                memcpy(p->modes[k->layer] + (mode * p->n_sample + k->batch.index[i]) * 2 * width, row,
                       2 * (size_t)width * sizeof *row);
        }
        k->kernels->product(2 * n, width, 2 * width, s.rows, 2 * width, 1,
                            layer_parameters(k) + mode * 2 * width * width, width, NULL, 0, x, width);
    }
    butterfly_transpose(p, group, size, s.x);
    scatter_group(k, group, s.x);
}

/* g_K = X^T g_Y; g_X = g_Y K^T, computed transposed so that K is read as it lies: [2 width][2 n] = K g_Y^T. */
static void mix_backward_mode(const fourier_call *k, pdm_size mode, float factor, const mix_scratch *s, float *x)
{
    pdm_fourier_plan *p     = k->plan;
    const pdm_size    width = p->desc.width, n = k->batch.n, size = n * width;
    const pdm_size    weight = p->desc.offset_layer + k->layer * p->desc.layer_stride + mode * 2 * width * width;

    for (pdm_size i = 0; i < n; i++) {
        float *row = s->rows + i * 2 * width;
        memcpy(row, p->modes[k->layer] + (mode * p->n_sample + k->batch.index[i]) * 2 * width,
               2 * (size_t)width * sizeof *row);
        turn_row(width, row, row + 2 * size);
    }
    k->kernels->product(2 * width, width, 2 * n, s->rows, 1, 2 * width, x, width, NULL, 0, k->g_parameters + weight,
                        width);
    k->kernels->transpose(2 * n, width, x, width, s->g_t, 2 * n);
    k->kernels->product(2 * width, 2 * n, width, k->parameters + weight, width, 1, s->g_t, 2 * n, NULL, 0, s->product,
                        2 * n);
    k->kernels->transpose(2 * width, 2 * n, s->product, 2 * n, s->rows, 2 * width);
    for (pdm_size i = 0; i < n; i++) { /* cotangents of rows (Re, -Im) and (Im, Re) to those of Re and Im */
        const float *restrict a = s->rows + i * 2 * width, *restrict b = a + 2 * size;
        float *restrict re = x + i * width, *restrict im = re + size;
        for (pdm_size j = 0; j < width; j++)
            re[j] = factor * (a[j] + b[width + j]), im[j] = factor * (b[j] - a[width + j]);
    }
}

/* Adds up SUM_BLOCK parameters of the tasks' gradients, in the order of the tasks. */
static void sum_task(void *user, pdm_size task, int thread)
{
    const fourier_call *k     = user;
    const pdm_size      first = task * SUM_BLOCK, left = k->sum_size - first, n = left < SUM_BLOCK ? left : SUM_BLOCK;
    float *restrict to = k->target + first;
    (void)thread;

    memset(to, 0, (size_t)n * sizeof *to);
    for (pdm_size t = 0; t < k->n_sum; t++) {
        const float *restrict from = k->sum + t * k->sum_size + first;
        for (pdm_size j = 0; j < n; j++) to[j] += from[j];
    }
}

static pdm_size n_sum_task(pdm_size size)
{
    return (size + SUM_BLOCK - 1) / SUM_BLOCK;
}

/* Tasks: the groups, then the sums of the pointwise tensors. */
static void mix_backward_task(void *user, pdm_size task, int thread)
{
    const fourier_call *k = user;
    pdm_fourier_plan   *p = k->plan;

    if (task >= p->n_group) {
        sum_task(user, task - p->n_group, thread);
        return;
    }
    const pdm_fourier_group *group = &p->group[task];
    const mix_scratch        s     = mix_scratch_of(k, thread);
    const pdm_size           size  = k->batch.n * p->desc.width;

    gather_group(k, group, s.x);
    butterfly(p, group, size, s.x);
    for (pdm_size sign = 0; sign < p->n_part / 2; sign++) {
        float *x = s.x + 2 * sign * size;
        if (group->mode[sign] < 0)
            memset(x, 0, 2 * (size_t)size * sizeof *x);
        else
            mix_backward_mode(k, group->mode[sign], group->factor, &s, x);
    }
    butterfly_transpose(p, group, size, s.x);
    scatter_group(k, group, s.x);
}

/* ---- lift ---- */

static void lift_task(void *user, pdm_size task, int thread)
{
    const fourier_call *k      = user;
    pdm_fourier_plan   *p      = k->plan;
    const pdm_size      sample = k->batch.index[task / p->n_slab], slab = task % p->n_slab;
    const pdm_size width = p->desc.width, n_feature = p->desc.n_feature, row_points = p->n_point / p->desc.n_grid[0];
    const range    rows         = slab_range(p, p->desc.n_grid[0], slab);
    const slab_scratch s        = scratch_of(k, thread);
    const float       *features = k->features + sample * n_feature * p->n_point;
    const float       *weight   = k->parameters + p->desc.offset_lift;
    float             *h        = sample_of(p->h[0], sample, p->n_point, width);

    for (pdm_size i = 0; i < rows.n; i++) {
        const pdm_size point = (rows.first + i) * row_points;
        k->kernels->product(row_points, width, n_feature, features + point, 1, p->n_point, weight, width,
                            weight + n_feature * width, 0, h + point * width, width);
        analyse_row(k, p->desc.n_grid, h + point * width, &s, s.analysis + i * p->n_rest * width);
        for (pdm_size f = 0; f < n_feature && k->keep; f++)
            memcpy(p->features + (sample * n_feature + f) * p->n_point + point, features + f * p->n_point + point,
                   (size_t)row_points * sizeof *features);
    }
    analyse_slab(k, rows, sample, slab, &s);
}

pdm_status fourier_lift_cpu(pdm_backend *b, pdm_fourier_plan *plan, pdm_batch s, pdm_buffer *parameters,
                            pdm_buffer *features, bool keep)
{
    fourier_call k = call_of(b, plan, s);

    k.parameters = cpu_data(parameters);
    k.features   = cpu_data(features);
    k.keep       = keep;
    pdm_cpu_for(k.cpu, s.n * plan->n_slab, lift_task, &k);
    return PDM_OK;
}

static void lift_backward_task(void *user, pdm_size task, int thread)
{
    const fourier_call *k      = user;
    pdm_fourier_plan   *p      = k->plan;
    const pdm_size      sample = k->batch.index[task / p->n_slab];
    const pdm_size width = p->desc.width, n_feature = p->desc.n_feature, row_points = p->n_point / p->desc.n_grid[0];
    const range    rows  = slab_range(p, p->desc.n_grid[0], task % p->n_slab);
    const pdm_size first = rows.first * row_points, n = rows.n * row_points;
    const float   *g   = sample_of(p->g[1], sample, p->n_point_padded, width) + first * width;
    float         *sum = p->sum_lift + task * (n_feature + 1) * width;
    (void)thread;

    k->kernels->product(n_feature, width, n, p->features + sample * n_feature * p->n_point + first, p->n_point, 1, g,
                        width, NULL, 0, sum, width);
    memset(sum + n_feature * width, 0, (size_t)width * sizeof *sum);
    k->kernels->add_rows(n, width, g, sum + n_feature * width);
}

pdm_status fourier_lift_backward_cpu(pdm_backend *b, pdm_fourier_plan *plan, pdm_batch s, pdm_buffer *g_parameters)
{
    fourier_call k = call_of(b, plan, s);

    k.n_sum    = s.n * plan->n_slab;
    k.sum      = plan->sum_lift;
    k.sum_size = (plan->desc.n_feature + 1) * plan->desc.width;
    k.target   = (float *)cpu_data(g_parameters) + plan->desc.offset_lift;
    pdm_cpu_for(k.cpu, k.n_sum, lift_backward_task, &k);
    pdm_cpu_for(k.cpu, n_sum_task(k.sum_size), sum_task, &k);
    return PDM_OK;
}

/* ---- layers ---- */

/* A slab of h_{l+1} from the mixed spectrum and h_l, and its part of the next spectrum. */
static void layer_task(void *user, pdm_size task, int thread)
{
    const fourier_call *k = user;
    pdm_fourier_plan   *p = k->plan;
    const pdm_size      l = k->layer, sample = k->batch.index[task / p->n_slab], slab = task % p->n_slab;
    const pdm_size     *to = extent_of(p, l + 1), *from = extent_of(p, l);
    const pdm_size      width = p->desc.width, last = p->desc.n_dim - 1, n = to[last], n_line = product_of(to, 1, last);
    const range         rows   = slab_range(p, to[0], slab);
    const slab_scratch  s      = scratch_of(k, thread);
    const float        *weight = layer_parameters(k) + layer_pointwise(p), *bias = weight + width * width;
    const float        *in = sample_of(p->h[l], sample, points_of(p, l), width);
    float *out   = sample_of(p->h[l + 1], sample, points_of(p, l + 1), width) + rows.first * n_line * n * width;
    float *slope = sample_of(p->slope[l], sample, points_of(p, l + 1), width) + rows.first * n_line * n * width;

    synthesise_slab(k, rows, sample, &s);
    for (pdm_size i = 0; i < rows.n; i++) {
        const float *trig = synthesise_row(k, to, i, &s);
        for (pdm_size line = 0; line < n_line; line++) {
            float         *o      = out + (i * n_line + line) * n * width;
            pdm_size       point  = 0;
            const pdm_size common = line_overlap(p, to, from, rows.first + i, line, &point);
            k->kernels->product(common, width, width, in + point * width, width, 1, weight, width, bias, 0, o, width);
            k->kernels->product(n - common, width, 0, bias, 0, 0, bias, 0, bias, 0, o + common * width,
                                width); /* no A, no B */
            synthesise_line(k, n, trig + line * p->n_trig[last] * width, o, o);
            k->kernels->gelu(n * width, o, k->keep ? slope + (i * n_line + line) * n * width : NULL);
        }
        if (l + 1 < p->desc.n_layer)
            analyse_row(k, to, out + i * n_line * n * width, &s, s.analysis + i * p->n_rest * width);
    }
    if (l + 1 < p->desc.n_layer) analyse_slab(k, rows, sample, slab, &s);
}

pdm_status fourier_layer_cpu(pdm_backend *b, pdm_fourier_plan *plan, pdm_batch s, pdm_size layer,
                             pdm_buffer *parameters, bool keep)
{
    fourier_call k = call_of(b, plan, s);

    if (s.n == 0) return PDM_OK;
    k.parameters = cpu_data(parameters);
    k.layer      = layer;
    k.keep       = keep;
    pdm_cpu_for(k.cpu, plan->n_group, mix_task, &k);
    pdm_cpu_for(k.cpu, s.n * plan->n_slab, layer_task, &k);
    return PDM_OK;
}

/* The half of layer l's backward that works on points: g at h_{l+1} becomes g at the argument of gelu; gradients of
 * W_l and b_l of this task; the slab's part of the spectrum of g. Row i of the slab. */
static void backward_row(const fourier_call *k, pdm_size l, pdm_size sample, range rows, pdm_size i,
                         const slab_scratch *s, float *sum)
{
    pdm_fourier_plan *p  = k->plan;
    const pdm_size   *to = extent_of(p, l + 1), *from = extent_of(p, l);
    const pdm_size    width = p->desc.width, last = p->desc.n_dim - 1, n = to[last], n_line = product_of(to, 1, last);
    const pdm_size    offset = (rows.first + i) * n_line * n * width;
    const float      *in     = sample_of(p->h[l], sample, points_of(p, l), width);
    float            *g      = sample_of(p->g[l % 2], sample, p->n_point_padded, width) + offset;

    k->kernels->multiply(n_line * n * width, sample_of(p->slope[l], sample, points_of(p, l + 1), width) + offset, g);
    for (pdm_size line = 0; line < n_line; line++) {
        pdm_size       point  = 0;
        const pdm_size common = line_overlap(p, to, from, rows.first + i, line, &point);
        if (common > 0)
            k->kernels->product(width, width, common, in + point * width, 1, width, g + line * n * width, width, sum,
                                width, sum, width);
    }
    k->kernels->add_rows(n_line * n, width, g, sum + width * width);
    analyse_row(k, to, g, s, s->analysis + i * p->n_rest * width);
}

static float *layer_sum(const pdm_fourier_plan *p, pdm_size task)
{
    return p->sum_layer + task * (p->desc.width + 1) * p->desc.width;
}

static void layer_backward_task(void *user, pdm_size task, int thread)
{
    const fourier_call *k = user;
    pdm_fourier_plan   *p = k->plan;
    const pdm_size      l = k->layer, sample = k->batch.index[task / p->n_slab], slab = task % p->n_slab;
    const pdm_size     *to = extent_of(p, l), *from = extent_of(p, l + 1);
    const pdm_size      width = p->desc.width, last = p->desc.n_dim - 1, n = to[last], n_line = product_of(to, 1, last);
    const range         rows = slab_range(p, to[0], slab);
    const slab_scratch  s    = scratch_of(k, thread);
    const float        *g    = sample_of(p->g[l % 2], sample, p->n_point_padded, width);
    float *out = sample_of(p->g[(l + 1) % 2], sample, p->n_point_padded, width) + rows.first * n_line * n * width;
    float *sum = layer_sum(p, task);

    synthesise_slab(k, rows, sample, &s);
    memset(sum, 0, (size_t)((width + 1) * width) * sizeof *sum);
    for (pdm_size i = 0; i < rows.n; i++) {
        const float *trig = synthesise_row(k, to, i, &s);
        for (pdm_size line = 0; line < n_line; line++) {
            float         *o      = out + (i * n_line + line) * n * width;
            pdm_size       point  = 0;
            const pdm_size common = line_overlap(p, to, from, rows.first + i, line, &point);
            synthesise_line(k, n, trig + line * p->n_trig[last] * width, NULL, o);
            k->kernels->product(common, width, width, g + point * width, width, 1, p->weight_t, width, o, width, o,
                                width);
        }
        if (l > 0) backward_row(k, l - 1, sample, rows, i, &s, sum);
    }
    if (l > 0) analyse_slab(k, rows, sample, slab, &s);
}

pdm_status fourier_layer_backward_cpu(pdm_backend *b, pdm_fourier_plan *plan, pdm_batch s, pdm_size layer,
                                      pdm_buffer *parameters, pdm_buffer *g_parameters)
{
    fourier_call   k     = call_of(b, plan, s);
    const pdm_size width = plan->desc.width, place = plan->desc.offset_layer + layer * plan->desc.layer_stride;

    k.parameters   = cpu_data(parameters);
    k.g_parameters = cpu_data(g_parameters);
    k.layer        = layer;
    k.n_sum        = s.n * plan->n_slab;
    k.sum          = plan->sum_layer;
    k.sum_size     = (width + 1) * width;
    k.target       = k.g_parameters + place + layer_pointwise(plan);
    if (s.n == 0) {
        memset(k.g_parameters + place, 0, (size_t)plan->desc.layer_stride * sizeof(float));
        return PDM_OK;
    }
    k.kernels->transpose(width, width, layer_parameters(&k) + layer_pointwise(plan), width, plan->weight_t, width);
    pdm_cpu_for(k.cpu, plan->n_group + n_sum_task(k.sum_size), mix_backward_task, &k);
    pdm_cpu_for(k.cpu, k.n_sum, layer_backward_task, &k);
    return PDM_OK;
}

/* ---- head ---- */

static pdm_size head_size(const pdm_fourier_desc *d)
{
    return (d->width + 1) * d->n_hidden + (d->n_hidden + 1) * d->n_channel;
}

static void head_task(void *user, pdm_size task, int thread)
{
    const fourier_call     *k      = user;
    pdm_fourier_plan       *p      = k->plan;
    const pdm_fourier_desc *d      = &p->desc;
    const pdm_size          sample = k->batch.index[task / p->n_slab], row_points = p->n_point / d->n_grid[0];
    const range             rows = slab_range(p, d->n_grid[0], task % p->n_slab);
    const float            *w0 = k->parameters + d->offset_head, *b0 = w0 + d->width * d->n_hidden;
    const float            *w1 = b0 + d->n_hidden, *b1 = w1 + d->n_hidden * d->n_channel;
    const float            *h     = sample_of(p->h[d->n_layer], sample, p->n_point, d->width);
    float                  *basis = k->basis + sample * d->n_channel * p->n_point;
    const slab_scratch      s     = scratch_of(k, thread);

    for (pdm_size point = rows.first * row_points, end = point + rows.n * row_points; point < end;
         point += HEAD_BLOCK) {
        const pdm_size n      = end - point < HEAD_BLOCK ? end - point : HEAD_BLOCK;
        float         *hidden = sample_of(p->hidden, sample, p->n_point, d->n_hidden) + point * d->n_hidden;
        float         *slope  = sample_of(p->hidden_slope, sample, p->n_point, d->n_hidden) + point * d->n_hidden;
        k->kernels->product(n, d->n_hidden, d->width, h + point * d->width, d->width, 1, w0, d->n_hidden, b0, 0, hidden,
                            d->n_hidden);
        k->kernels->gelu(n * d->n_hidden, hidden, k->keep ? slope : NULL);
        k->kernels->product(n, d->n_channel, d->n_hidden, hidden, d->n_hidden, 1, w1, d->n_channel, b1, 0, s.rest,
                            d->n_channel);
        k->kernels->transpose(n, d->n_channel, s.rest, d->n_channel, basis + point, p->n_point);
    }
}

pdm_status fourier_head_cpu(pdm_backend *b, pdm_fourier_plan *plan, pdm_batch s, pdm_buffer *parameters,
                            pdm_buffer *basis, bool keep)
{
    fourier_call k = call_of(b, plan, s);

    k.parameters = cpu_data(parameters);
    k.basis      = cpu_data(basis);
    k.keep       = keep;
    pdm_cpu_for(k.cpu, s.n * plan->n_slab, head_task, &k);
    return PDM_OK;
}

/* One block of points: gradients added to sum (in the order of the parameters), cotangent of h_L to g_h. */
static void head_backward_block(const fourier_call *k, pdm_size sample, pdm_size point, pdm_size n, float *scratch,
                                float *sum, float *g_h)
{
    pdm_fourier_plan       *p       = k->plan;
    const pdm_fourier_desc *d       = &p->desc;
    const float            *g_basis = k->g_basis + sample * d->n_channel * p->n_point;
    const float            *h       = sample_of(p->h[d->n_layer], sample, p->n_point, d->width) + point * d->width;
    const float            *hidden  = sample_of(p->hidden, sample, p->n_point, d->n_hidden) + point * d->n_hidden;
    const float            *slope   = sample_of(p->hidden_slope, sample, p->n_point, d->n_hidden) + point * d->n_hidden;
    float *g_out = scratch, *g_hidden = scratch + HEAD_BLOCK * d->n_channel; /* [n][n_channel], [n][n_hidden] */
    float *g_w0 = sum, *g_b0 = g_w0 + d->width * d->n_hidden, *g_w1 = g_b0 + d->n_hidden;
    float *g_b1 = g_w1 + d->n_hidden * d->n_channel;

    k->kernels->transpose(d->n_channel, n, g_basis + point, p->n_point, g_out, d->n_channel);
    k->kernels->add_rows(n, d->n_channel, g_out, g_b1);
    k->kernels->product(d->n_hidden, d->n_channel, n, hidden, 1, d->n_hidden, g_out, d->n_channel, g_w1, d->n_channel,
                        g_w1, d->n_channel);
    k->kernels->product(n, d->n_hidden, d->n_channel, g_out, d->n_channel, 1, p->head1_t, d->n_hidden, NULL, 0,
                        g_hidden, d->n_hidden);
    k->kernels->multiply(n * d->n_hidden, slope, g_hidden);
    k->kernels->add_rows(n, d->n_hidden, g_hidden, g_b0);
    k->kernels->product(d->width, d->n_hidden, n, h, 1, d->width, g_hidden, d->n_hidden, g_w0, d->n_hidden, g_w0,
                        d->n_hidden);
    k->kernels->product(n, d->width, d->n_hidden, g_hidden, d->n_hidden, 1, p->head0_t, d->width, NULL, 0,
                        g_h + point * d->width, d->width);
}

static void head_backward_task(void *user, pdm_size task, int thread)
{
    const fourier_call     *k = user;
    pdm_fourier_plan       *p = k->plan;
    const pdm_fourier_desc *d = &p->desc;
    const pdm_size          l = d->n_layer - 1, sample = k->batch.index[task / p->n_slab], slab = task % p->n_slab;
    const pdm_size          row_points = p->n_point / d->n_grid[0];
    const range             rows       = slab_range(p, d->n_grid[0], slab);
    const slab_scratch      s          = scratch_of(k, thread);
    float                  *g          = sample_of(p->g[l % 2], sample, p->n_point_padded, d->width);
    float                  *sum = p->sum_head + task * head_size(d), *sum_l = layer_sum(p, task);

    memset(sum, 0, (size_t)head_size(d) * sizeof *sum);
    memset(sum_l, 0, (size_t)((d->width + 1) * d->width) * sizeof *sum_l);
    for (pdm_size point = rows.first * row_points, end = point + rows.n * row_points; point < end; point += HEAD_BLOCK)
        head_backward_block(k, sample, point, end - point < HEAD_BLOCK ? end - point : HEAD_BLOCK, s.rest, sum, g);
    for (pdm_size i = 0; i < rows.n; i++) backward_row(k, l, sample, rows, i, &s, sum_l);
    analyse_slab(k, rows, sample, slab, &s);
}

pdm_status fourier_head_backward_cpu(pdm_backend *b, pdm_fourier_plan *plan, pdm_batch s, pdm_buffer *parameters,
                                     pdm_buffer *g_basis, pdm_buffer *g_parameters)
{
    fourier_call            k = call_of(b, plan, s);
    const pdm_fourier_desc *d = &plan->desc;
    const float *w0 = (const float *)cpu_data(parameters) + d->offset_head, *w1 = w0 + (d->width + 1) * d->n_hidden;

    k.g_basis  = cpu_data(g_basis);
    k.n_sum    = s.n * plan->n_slab;
    k.sum      = plan->sum_head;
    k.sum_size = head_size(d);
    k.target   = (float *)cpu_data(g_parameters) + d->offset_head;
    k.kernels->transpose(d->width, d->n_hidden, w0, d->n_hidden, plan->head0_t, d->width);
    k.kernels->transpose(d->n_hidden, d->n_channel, w1, d->n_channel, plan->head1_t, d->n_hidden);
    pdm_cpu_for(k.cpu, k.n_sum, head_backward_task, &k);
    pdm_cpu_for(k.cpu, n_sum_task(k.sum_size), sum_task, &k);
    return PDM_OK;
}

/* ---- life ---- */

static void plan_sizes(pdm_fourier_plan *p)
{
    const pdm_fourier_desc *d     = &p->desc;
    const pdm_fourier_sizes sizes = pdm_fourier_sizes_of(d);

    p->n_part     = sizes.n_part;
    p->n_group    = sizes.n_group;
    p->n_mode     = sizes.n_mode;
    p->n_spectrum = sizes.n_spectrum;
    memcpy(p->n_trig, sizes.n_trig, sizeof p->n_trig);
    p->n_rest         = p->n_spectrum / p->n_trig[0];
    p->n_point        = sizes.n_point;
    p->n_point_padded = sizes.n_point_padded;
    p->n_slab         = d->n_grid[0] < MAX_SLAB ? d->n_grid[0] : MAX_SLAB;
    p->row_scratch    = 0;
    for (pdm_size i = 1; i + 1 < d->n_dim; i++) { /* between dimensions i and i+1 of a row's transform */
        const pdm_size n = product_of(d->n_padded, 1, i + 1) * product_of(p->n_trig, i + 1, d->n_dim) * d->width;
        if (n > p->row_scratch) p->row_scratch = n;
    }
    const pdm_size slab = 2 * slab_floats(p) + 2 * p->row_scratch + HEAD_BLOCK * (d->n_channel + d->n_hidden);
    p->scratch_bytes    = sizeof(float) * (size_t)(slab > mix_floats(p) ? slab : mix_floats(p));
}

static void plan_layout(pdm_fourier_plan *p)
{
    pdm_arena              *a      = &p->arena;
    const pdm_fourier_desc *d      = &p->desc;
    const pdm_size          n_task = p->n_sample * p->n_slab;

    p->group = pdm_carve(a, pdm_fourier_group, p->n_group);
    for (pdm_size i = 0; i < d->n_dim; i++) p->matrix[i] = pdm_carve(a, float, p->n_trig[i] * d->n_padded[i]);
    for (pdm_size l = 0; l <= d->n_layer; l++) p->h[l] = pdm_carve(a, float, p->n_sample *points_of(p, l) * d->width);
    for (pdm_size l = 0; l < d->n_layer; l++) {
        p->slope[l] = pdm_carve(a, float, p->n_sample *points_of(p, l + 1) * d->width);
        p->modes[l] = pdm_carve(a, float, p->n_mode * p->n_sample * 2 * d->width);
    }
    p->features     = pdm_carve(a, float, p->n_sample * d->n_feature * p->n_point);
    p->partial      = pdm_carve(a, float, n_task * p->n_spectrum * d->width);
    p->spectrum     = pdm_carve(a, float, p->n_sample * p->n_spectrum * d->width);
    p->hidden       = pdm_carve(a, float, p->n_sample * p->n_point * d->n_hidden);
    p->hidden_slope = pdm_carve(a, float, p->n_sample * p->n_point * d->n_hidden);
    for (int i = 0; i < 2; i++) p->g[i] = pdm_carve(a, float, p->n_sample * p->n_point_padded * d->width);
    p->sum_layer = pdm_carve(a, float, n_task *(d->width + 1) * d->width);
    p->sum_head  = pdm_carve(a, float, n_task *head_size(d));
    p->sum_lift  = pdm_carve(a, float, n_task *(d->n_feature + 1) * d->width);
    p->weight_t  = pdm_carve(a, float, d->width * d->width);
    p->head0_t   = pdm_carve(a, float, d->width * d->n_hidden);
    p->head1_t   = pdm_carve(a, float, d->n_hidden * d->n_channel);
}

pdm_status fourier_create_cpu(pdm_backend *b, const pdm_fourier_desc *desc, pdm_size n_sample, pdm_fourier_plan **out)
{
    pdm_status        status = PDM_OK;
    pdm_fourier_plan *p      = NULL;

    PDM_TRY(pdm_fourier_check(b->ctx, desc, n_sample));
    PDM_TRY(pdm_alloc(b->ctx, sizeof *p, &p));
    p->desc     = *desc;
    p->n_sample = n_sample;
    if (desc->n_dim == 1) {
        p->desc.n_dim     = 2;
        p->desc.n_grid[1] = desc->n_grid[0], p->desc.n_padded[1] = desc->n_padded[0],
        p->desc.n_mode[1] = desc->n_mode[0];
        p->desc.n_grid[0] = p->desc.n_padded[0] = 1;
        p->desc.n_mode[0]                       = 0;
    }
    plan_sizes(p);
    PDM_TRY(pdm_alloc_array(b->ctx, desc->n_layer + 1, &p->h));
    PDM_TRY(pdm_alloc_array(b->ctx, desc->n_layer, &p->slope));
    PDM_TRY(pdm_alloc_array(b->ctx, desc->n_layer, &p->modes));
    pdm_arena_measure(&p->arena, b->ctx);
    plan_layout(p);
    PDM_TRY(pdm_arena_allocate(&p->arena));
    plan_layout(p);
    for (pdm_size i = 0; i < p->desc.n_dim; i++) pdm_fourier_fill_matrix(&p->desc, i, p->matrix[i]);
    for (pdm_size g = 0; g < p->n_group; g++) pdm_fourier_fill_group(&p->desc, g, &p->group[g]);
    PDM_TRY(pdm_cpu_reserve(pdm_cpu_of(b), p->scratch_bytes));
    *out = p;
    p    = NULL;
done:
    fourier_destroy_cpu(b, &p);
    return status;
}

void fourier_destroy_cpu(pdm_backend *b, pdm_fourier_plan **plan)
{
    if (!plan || !*plan) return;
    pdm_arena_destroy(&(*plan)->arena);
    pdm_free(b->ctx, (*plan)->h);
    pdm_free(b->ctx, (*plan)->slope);
    pdm_free(b->ctx, (*plan)->modes);
    pdm_free(b->ctx, *plan);
    *plan = NULL;
}
