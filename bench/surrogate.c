/* Time of the default Fourier network: forward, backward, optimiser; flops, and ratio to the machine's FP32 limit.
 *     bench_surrogate [threads]
 * The limit is measured first: products that never leave the first cache, on the same number of threads. */
#include "surrogate/surrogate.h"

#include <omp.h>
#include <stdio.h>
#include <stdlib.h>

#include "backend/cpu/cpu_impl.h"
#include "backend/cpu/network_impl.h"

enum { N_DIM = 2, N_SAMPLE = 4, N_FEATURE = 4, N_CHANNEL = 12, N_RUN = 200 };

typedef struct bench {
    pdm_context   *ctx;
    pdm_case      *c;
    pdm_backend   *b;
    pdm_surrogate *s;
    pdm_buffer    *features, *basis, *m, *v;
    double         peak; /* flop/s of all threads */
} bench;

/* Flops of a forward pass of one sample: two for each multiply-add of the products that the network cannot do without
 * (transforms as products of real matrices included). */
static double forward_flops(void)
{
    const double grid[2] = {32, 14}, padded[2] = {40, 18}, modes[2] = {8, 6}, width = 32, hidden = 64;
    const double trig[2] = {2 * modes[0] + 1, 2 * modes[1] - 1};
    double       sum     = grid[0] * grid[1] * (N_FEATURE * width + width * hidden + hidden * N_CHANNEL);

    for (int l = 0; l < 4; l++) {
        const double *in = l == 0 ? grid : padded, *out = l == 3 ? grid : padded;
        sum += width * trig[1] * (in[0] * in[1] + trig[0] * in[0] + trig[0] * out[0] + out[0] * out[1]);
        sum += 2 * modes[0] * modes[1] * 4 * width * width;
        sum += (l == 0 ? grid[0] * grid[1] : out[0] * out[1]) * width * width;
    }
    return 2.0 * sum;
}

/* Backward: transforms once, everything with weights twice. */
static double backward_flops(void)
{
    const double grid[2] = {32, 14}, padded[2] = {40, 18}, modes[2] = {8, 6}, width = 32;
    double       weights = 0.0;

    for (int l = 0; l < 4; l++)
        weights += 2 * modes[0] * modes[1] * 4 * width * width +
                   (l == 0 || l == 3 ? grid[0] * grid[1] : padded[0] * padded[1]) * width * width;
    return forward_flops() + 2.0 * weights + 2.0 * grid[0] * grid[1] * (width * 64 + 64 * N_CHANNEL);
}

static void peak_task(void *user, pdm_size task, int thread)
{
    enum { M = 24, N = 32, K = 64 };
    static float       a[8][M * K], b[8][K * N], c[8][M * N];
    const f32_kernels *k = user;
    (void)task;
    for (int i = 0; i < 200; i++) k->product(M, N, K, a[thread % 8], K, 1, b[thread % 8], N, NULL, 0, c[thread % 8], N);
}

static double measure_peak(pdm_cpu *cpu)
{
    const f32_kernels *k    = f32_kernels_for(cpu->kernels->isa);
    double             best = 0.0;

    for (int i = 0; i < 100; i++) {
        const double start = pdm_clock();
        pdm_cpu_for(cpu, cpu->n_thread, peak_task, (void *)k);
        const double rate = 2.0 * 24 * 32 * 64 * 200 * cpu->n_thread / (pdm_clock() - start);
        if (rate > best) best = rate;
    }
    return best;
}

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

typedef pdm_status (*bench_step)(bench *b, pdm_batch s);

static pdm_status forward_only(bench *b, pdm_batch s)
{
    return b->s->ops->forward(b->s, s, b->features, b->basis, false);
}
static pdm_status forward(bench *b, pdm_batch s)
{
    return b->s->ops->forward(b->s, s, b->features, b->basis, true);
}
static pdm_status backward(bench *b, pdm_batch s)
{
    return b->s->ops->backward(b->s, s, b->basis);
}

static pdm_status optimise(bench *b, pdm_batch s)
{
    double         norm   = 0.0;
    const pdm_adam adam   = {.n              = b->s->n_parameter,
                             .step           = 10,
                             .learning_rate  = 1e-6,
                             .beta1          = 0.9,
                             .beta2          = 0.999,
                             .epsilon        = 1e-8,
                             .gradient_scale = 1.0};
    pdm_status     status = b->b->ops->norm2_f32(b->b, b->s->n_parameter, b->s->g_parameters, &norm);
    (void)s;
    return status == PDM_OK ? b->b->ops->adam_f32(b->b, &adam, b->s->g_parameters, b->m, b->v, b->s->parameters)
                            : status;
}

/* Median over N_RUN; flops 0: bytes instead. */
static pdm_status measure(bench *b, const char *name, bench_step step, pdm_size n_sample, double flops, double bytes)
{
    const int32_t index[N_SAMPLE] = {0, 1, 2, 3};
    double        time[N_RUN];

    for (int i = 0; i < N_RUN; i++) {
        const double     start  = pdm_clock();
        const pdm_status status = step(b, (pdm_batch){n_sample, index});
        time[i]                 = pdm_clock() - start;
        if (status != PDM_OK) return status;
    }
    qsort(time, N_RUN, sizeof *time, compare);
    const double t = time[N_RUN / 2];
    if (flops > 0.0)
        printf("%-22s %2lld samples  %7.3f ms (best %7.3f)  %6.1f Mflop  %6.1f Gflop/s  %3.0f %% of the limit\n", name,
               (long long)n_sample, 1e3 * t, 1e3 * time[0], 1e-6 * flops, 1e-9 * flops / t,
               100.0 * flops / t / b->peak);
    else
        printf("%-22s             %7.3f ms (best %7.3f)  %6.1f MB     %6.1f GB/s\n", name, 1e3 * t, 1e3 * time[0],
               1e-6 * bytes, 1e-9 * bytes / t);
    return PDM_OK;
}

static pdm_status bench_open(int n_thread, bench *b)
{
    pdm_status                status = PDM_OK;
    const pdm_surrogate_shape shape  = {
         .n_dim = N_DIM, .n_coef = {32, 14}, .n_feature = N_FEATURE, .n_channel = N_CHANNEL, .n_sample = N_SAMPLE};
    void *host = NULL;

    PDM_TRY(pdm_context_set_threads(b->ctx, n_thread));
    PDM_TRY(pdm_case_create(b->ctx, &b->c));
    PDM_TRY(pdm_backend_create(b->ctx, "cpu", &b->b));
    PDM_TRY(pdm_surrogate_create(b->ctx, b->b, b->c, &shape, 1, &b->s));
    PDM_TRY(b->b->ops->buffer_create(b->b, sizeof(float) * N_SAMPLE * N_FEATURE * 32 * 14, &b->features));
    PDM_TRY(b->b->ops->buffer_create(b->b, sizeof(float) * N_SAMPLE * N_CHANNEL * 32 * 14, &b->basis));
    PDM_TRY(b->b->ops->buffer_create(b->b, sizeof(float) * (size_t)b->s->n_parameter, &b->m));
    PDM_TRY(b->b->ops->buffer_create(b->b, sizeof(float) * (size_t)b->s->n_parameter, &b->v));
    PDM_TRY(b->b->ops->acquire(b->b, b->features, PDM_WRITE, &host));
    for (uint64_t i = 0; i < N_SAMPLE * N_FEATURE * 32 * 14; i++)
        ((float *)host)[i] = (float)pdm_random_uniform((pdm_random_key){1, PDM_RANDOM_TEST, 0}, i);
    PDM_TRY(b->b->ops->release(b->b, b->features, &host));
    b->peak = measure_peak(pdm_cpu_of(b->b));
done:
    return status;
}

static void bench_close(bench *b)
{
    if (b->b) {
        b->b->ops->buffer_destroy(b->b, &b->features);
        b->b->ops->buffer_destroy(b->b, &b->basis);
        b->b->ops->buffer_destroy(b->b, &b->m);
        b->b->ops->buffer_destroy(b->b, &b->v);
    }
    pdm_surrogate_destroy(&b->s);
    pdm_backend_destroy(&b->b);
    pdm_case_destroy(&b->c);
}

int main(int argc, char **argv)
{
    pdm_status status = PDM_OK;
    bench      b      = {0};

    PDM_TRY(pdm_context_create(NULL, &b.ctx));
    PDM_TRY(bench_open(argc > 1 ? atoi(argv[1]) : 0, &b));
    printf("FP32 limit: %.1f Gflop/s on %d threads, %s\n", 1e-9 * b.peak, pdm_cpu_of(b.b)->n_thread,
           pdm_cpu_of(b.b)->kernels->isa);
    PDM_TRY(measure(&b, "forward, not kept", forward_only, 1, forward_flops(), 0.0));
    PDM_TRY(measure(&b, "forward, not kept", forward_only, N_SAMPLE, N_SAMPLE * forward_flops(), 0.0));
    PDM_TRY(measure(&b, "forward, kept", forward, N_SAMPLE, N_SAMPLE * forward_flops(), 0.0));
    PDM_TRY(measure(&b, "backward", backward, N_SAMPLE, N_SAMPLE * backward_flops(), 0.0));
    PDM_TRY(measure(&b, "norm and Adam", optimise, N_SAMPLE, 0.0, 32.0 * (double)b.s->n_parameter));
done:
    if (status != PDM_OK) fprintf(stderr, "%s\n", pdm_context_error(b.ctx));
    bench_close(&b);
    (void)pdm_context_destroy(&b.ctx);
    return status != PDM_OK;
}
