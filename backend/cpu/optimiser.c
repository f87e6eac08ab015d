/* Operations on vectors of network parameters. */
#include "backend/cpu/network_impl.h"

#include <math.h>
#include <string.h>

#include "backend/cpu/cpu_impl.h"

enum {
    VECTOR_BLOCK = 8192, /* entries of a task      */
    NORM_BLOCKS  = 256   /* sums of a norm's tree */
};

typedef struct vector_call {
    const f32_kernels *kernels;
    f32_adam           adam;
    pdm_size           n;
    float              alpha, beta;
    const float       *x;
    float             *y, *m, *v;
    double            *sum;
} vector_call;

const f32_kernels *f32_kernels_for(const char *isa)
{
#if defined(__x86_64__)
    if (strcmp(isa, "portable") != 0) return &f32_kernels_avx2;
#endif
    (void)isa;
    return &f32_kernels_portable;
}

static pdm_size n_block(pdm_size n)
{
    return (n + VECTOR_BLOCK - 1) / VECTOR_BLOCK;
}

static pdm_size block_size(pdm_size n, pdm_size task)
{
    const pdm_size left = n - task * VECTOR_BLOCK;
    return left < VECTOR_BLOCK ? left : VECTOR_BLOCK;
}

static void adam_task(void *user, pdm_size task, int thread)
{
    const vector_call *k = user;
    const pdm_size     i = task * VECTOR_BLOCK;
    (void)thread;
    k->kernels->adam(&k->adam, block_size(k->n, task), k->x + i, k->m + i, k->v + i, k->y + i);
}

pdm_status adam_f32_cpu(pdm_backend *b, const pdm_adam *adam, pdm_buffer *gradient, pdm_buffer *m, pdm_buffer *v,
                        pdm_buffer *parameters)
{
    const double correction1 = 1.0 - pow(adam->beta1, (double)adam->step),
                 correction2 = 1.0 - pow(adam->beta2, (double)adam->step);
    vector_call k            = {.kernels = f32_kernels_for(pdm_cpu_of(b)->kernels->isa),
                                .n       = adam->n,
                                .x       = cpu_data(gradient),
                                .m       = cpu_data(m),
                                .v       = cpu_data(v),
                                .y       = cpu_data(parameters)};

    k.adam = (f32_adam){.gradient_scale  = (float)adam->gradient_scale,
                        .beta1           = (float)adam->beta1,
                        .one_minus_beta1 = (float)(1.0 - adam->beta1),
                        .beta2           = (float)adam->beta2,
                        .one_minus_beta2 = (float)(1.0 - adam->beta2),
                        .rate            = (float)(adam->learning_rate / correction1),
                        .correction2     = (float)(1.0 / correction2),
                        .epsilon         = (float)adam->epsilon};
    pdm_cpu_for(pdm_cpu_of(b), n_block(k.n), adam_task, &k);
    return PDM_OK;
}

/* Block `task` of NORM_BLOCKS equal parts. */
static void norm_task(void *user, pdm_size task, int thread)
{
    const vector_call *k     = user;
    const pdm_size     first = task * k->n / NORM_BLOCKS, end = (task + 1) * k->n / NORM_BLOCKS;
    (void)thread;
    k->sum[task] = k->kernels->norm2(end - first, k->x + first);
}

pdm_status norm2_f32_cpu(pdm_backend *b, pdm_size n, pdm_buffer *x, double *out)
{
    double      sum[NORM_BLOCKS];
    vector_call k = {.kernels = f32_kernels_for(pdm_cpu_of(b)->kernels->isa), .n = n, .x = cpu_data(x), .sum = sum};

    pdm_cpu_for(pdm_cpu_of(b), NORM_BLOCKS, norm_task, &k);
    for (int half = NORM_BLOCKS / 2; half > 0; half /= 2)
        for (int i = 0; i < half; i++) sum[i] += sum[i + half];
    *out = sum[0];
    return PDM_OK;
}

static void combine_task(void *user, pdm_size task, int thread)
{
    const vector_call *k     = user;
    const pdm_size     n     = block_size(k->n, task);
    const float        alpha = k->alpha, beta = k->beta;
    const float *restrict x = k->x + task * VECTOR_BLOCK;
    float *restrict y       = k->y + task * VECTOR_BLOCK;
    (void)thread;

    if (beta == 0.0f)
        for (pdm_size i = 0; i < n; i++) y[i] = alpha * x[i];
    else
        for (pdm_size i = 0; i < n; i++) y[i] = alpha * x[i] + beta * y[i];
}

pdm_status combine_f32_cpu(pdm_backend *b, pdm_size n, double alpha, pdm_buffer *x, double beta, pdm_buffer *y)
{
    vector_call k = {.n = n, .alpha = (float)alpha, .beta = (float)beta, .x = cpu_data(x), .y = cpu_data(y)};
    pdm_cpu_for(pdm_cpu_of(b), n_block(n), combine_task, &k);
    return PDM_OK;
}

typedef struct width_call {
    pdm_size n;
    double   factor;
    float   *narrow;
    double  *wide;
} width_call;

static void widen_task(void *user, pdm_size task, int thread)
{
    const width_call *k     = user;
    const pdm_size    n     = block_size(k->n, task);
    const float *restrict x = k->narrow + task * VECTOR_BLOCK;
    double *restrict y      = k->wide + task * VECTOR_BLOCK;
    (void)thread;

    if (k->factor == 0.0)
        for (pdm_size i = 0; i < n; i++) y[i] = (double)x[i];
    else
        for (pdm_size i = 0; i < n; i++) y[i] = (double)x[i] + k->factor * y[i];
}

pdm_status widen_f32_cpu(pdm_backend *b, pdm_size n, pdm_buffer *x, double beta, pdm_buffer *y)
{
    width_call k = {.n = n, .factor = beta, .narrow = cpu_data(x), .wide = cpu_data(y)};
    pdm_cpu_for(pdm_cpu_of(b), n_block(n), widen_task, &k);
    return PDM_OK;
}

static void narrow_task(void *user, pdm_size task, int thread)
{
    const width_call *k      = user;
    const pdm_size    n      = block_size(k->n, task);
    const double *restrict x = k->wide + task * VECTOR_BLOCK;
    float *restrict y        = k->narrow + task * VECTOR_BLOCK;
    (void)thread;

    for (pdm_size i = 0; i < n; i++) y[i] = (float)(k->factor * x[i]);
}

pdm_status narrow_f64_cpu(pdm_backend *b, pdm_size n, double alpha, pdm_buffer *x, pdm_buffer *y)
{
    width_call k = {.n = n, .factor = alpha, .narrow = cpu_data(y), .wide = cpu_data(x)};
    pdm_cpu_for(pdm_cpu_of(b), n_block(n), narrow_task, &k);
    return PDM_OK;
}
