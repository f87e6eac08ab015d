/* FP64 vectors [n_sample][n]: dot products by a fixed tree, linear combinations, products. */
#include "backend/cpu/cpu_impl.h"

#include <math.h>
#include <string.h>

enum { LEAF = 256, CHUNK = 8192 };

static const double LINEAR = 40.0;   /* v/a from which on a log(1 + exp(v/a)) = v to rounding */
static const double LEAST  = -700.0; /* exp of less is no normal number                       */

typedef struct vector_task {
    pdm_batch     batch;
    pdm_size      n, n_chunk;
    const double *x, *y, *alpha, *beta;
    double        scale;
    double       *out; /* [n_sample][n] */
} vector_task;

/* At most LEAF terms in eight running sums; weight NULL: 1. */
static double dot_leaf(pdm_size n, const double *restrict x, const double *restrict y, const double *restrict weight)
{
    double   sum[8] = {0};
    pdm_size i      = 0;
    if (weight) {
        for (; i + 8 <= n; i += 8)
            for (pdm_size l = 0; l < 8; l++) sum[l] += x[i + l] * y[i + l] * weight[i + l];
        for (pdm_size l = 0; i + l < n; l++) sum[l] += x[i + l] * y[i + l] * weight[i + l];
    } else {
        for (; i + 8 <= n; i += 8)
            for (pdm_size l = 0; l < 8; l++) sum[l] += x[i + l] * y[i + l];
        for (pdm_size l = 0; i + l < n; l++) sum[l] += x[i + l] * y[i + l];
    }
    return ((sum[0] + sum[4]) + (sum[2] + sum[6])) + ((sum[1] + sum[5]) + (sum[3] + sum[7]));
}

/* Halves of whole leaves: the tree depends on n alone, its error grows with log n. */
static double dot_tree(pdm_size n, const double *x, const double *y, const double *weight)
{
    if (n <= LEAF) return dot_leaf(n, x, y, weight);
    const pdm_size leaf = LEAF, half = (n + 2 * leaf - 1) / (2 * leaf) * leaf;
    return dot_tree(half, x, y, weight) + dot_tree(n - half, x + half, y + half, weight ? weight + half : NULL);
}

typedef struct dots_task {
    pdm_batch      batch;
    const pdm_dot *dot;
} dots_task;

static void dot_task(void *user, pdm_size task, int thread)
{
    const dots_task *k      = user;
    const pdm_dot   *d      = &k->dot[task / k->batch.n];
    const pdm_size   sample = k->batch.index[task % k->batch.n], at = sample * d->n;
    const double    *x = cpu_data(d->x), *y = cpu_data(d->y), *weight = cpu_data(d->weight);
    (void)thread;
    d->out[sample] = dot_tree(d->n, x + at, y + at, weight ? weight + at : NULL);
}

pdm_status vector_dots_cpu(pdm_backend *b, pdm_batch s, pdm_size n_dot, const pdm_dot *dot)
{
    dots_task task = {.batch = s, .dot = dot};
    pdm_cpu_for(pdm_cpu_of(b), n_dot * s.n, dot_task, &task);
    return PDM_OK;
}

/* z may be x or y: no restrict. */
static void combine_task(void *user, pdm_size task, int thread)
{
    const vector_task *k      = user;
    const pdm_size     sample = k->batch.index[task / k->n_chunk], first = task % k->n_chunk * CHUNK;
    const pdm_size     n = k->n - first < CHUNK ? k->n - first : CHUNK, at = sample * k->n + first;
    const double       alpha = k->alpha[sample];
    const double      *x     = k->x + at;
    double            *z     = k->out + at;
    (void)thread;

    if (!k->beta && alpha == 0.0) { /* also where x holds NaN from a solve that failed */
        memset(z, 0, (size_t)n * sizeof *z);
    } else if (!k->beta) {
        for (pdm_size i = 0; i < n; i++) z[i] = alpha * x[i];
    } else {
        const double  beta = k->beta[sample];
        const double *y    = k->y + at;
        for (pdm_size i = 0; i < n; i++) z[i] = alpha * x[i] + beta * y[i];
    }
}

pdm_status vector_combine_cpu(pdm_backend *b, pdm_batch s, pdm_size n, const double *alpha, pdm_buffer *x,
                              const double *beta, pdm_buffer *y, pdm_buffer *z)
{
    vector_task task = {.batch   = s,
                        .n       = n,
                        .n_chunk = (n + CHUNK - 1) / CHUNK,
                        .x       = cpu_data(x),
                        .y       = cpu_data(y),
                        .alpha   = alpha,
                        .beta    = beta,
                        .out     = cpu_data(z)};
    pdm_cpu_for(pdm_cpu_of(b), s.n * task.n_chunk, combine_task, &task);
    return PDM_OK;
}

static void multiply_task(void *user, pdm_size task, int thread)
{
    const vector_task *k  = user;
    const pdm_size     at = k->batch.index[task] * k->n;
    (void)thread;
    for (pdm_size i = at; i < at + k->n; i++) k->out[i] = k->x[i] * k->y[i];
}

pdm_status vector_multiply_cpu(pdm_backend *b, pdm_batch s, pdm_size n, pdm_buffer *x, pdm_buffer *y, pdm_buffer *z)
{
    vector_task task = {.batch = s, .n = n, .x = cpu_data(x), .y = cpu_data(y), .out = cpu_data(z)};
    pdm_cpu_for(pdm_cpu_of(b), s.n, multiply_task, &task);
    return PDM_OK;
}

double pdm_positive(double a, double v)
{
    const double z = v / a;
    return z > LINEAR ? v : a * log1p(exp(fmax(z, LEAST)));
}

static void positive_task(void *user, pdm_size task, int thread)
{
    const vector_task *k  = user;
    const pdm_size     at = k->batch.index[task] * k->n;
    (void)thread;
    for (pdm_size i = at; i < at + k->n; i++) k->out[i] = pdm_positive(k->scale, k->out[i]);
}

pdm_status vector_positive_cpu(pdm_backend *b, pdm_batch s, pdm_size n, double scale, pdm_buffer *x)
{
    vector_task task = {.batch = s, .n = n, .scale = scale, .out = cpu_data(x)};
    pdm_cpu_for(pdm_cpu_of(b), s.n, positive_task, &task);
    return PDM_OK;
}
