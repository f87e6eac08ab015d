#include "bench/limits.h"

#include <cblas.h>
#include <omp.h>

#include "bench/bench.h"

enum { TRIAD = 4 << 20, GEMM = 1000 }; /* 1000: powers of two and their small multiples are slow on two threads */

typedef struct limits_data {
    pdm_context *ctx;
    int          n_thread;
    double      *a, *b, *c;
    float       *fa, *fb, *fc;
} limits_data;

static void triad(void *user)
{
    limits_data *d = user;
#pragma omp parallel for schedule(static) num_threads(d->n_thread)
    for (pdm_size i = 0; i < TRIAD; i++) d->a[i] = d->b[i] + 0.5 * d->c[i];
}

static void gemm64(void *user)
{
    limits_data *d = user;
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, GEMM, GEMM, GEMM, 1.0, d->b, GEMM, d->c, GEMM, 0.0, d->a,
                GEMM);
}

static void gemm32(void *user)
{
    limits_data *d = user;
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, GEMM, GEMM, GEMM, 1.0f, d->fb, GEMM, d->fc, GEMM, 0.0f,
                d->fa, GEMM);
}

static pdm_status allocate(limits_data *d)
{
    pdm_status status = PDM_OK;
    PDM_TRY(pdm_alloc_array(d->ctx, TRIAD, &d->a));
    PDM_TRY(pdm_alloc_array(d->ctx, TRIAD, &d->b));
    PDM_TRY(pdm_alloc_array(d->ctx, TRIAD, &d->c));
    PDM_TRY(pdm_alloc_array(d->ctx, GEMM * GEMM, &d->fa));
    PDM_TRY(pdm_alloc_array(d->ctx, GEMM * GEMM, &d->fb));
    PDM_TRY(pdm_alloc_array(d->ctx, GEMM * GEMM, &d->fc));
done:
    return status;
}

bench_limits bench_measure_limits(int n_thread)
{
    bench_limits         limits = {0};
    limits_data          d      = {.n_thread = n_thread};
    const bench_function run[]  = {triad, gemm64, gemm32};
    bench_time           time[3];
    const int            before = omp_get_max_threads();

    if (pdm_context_create(NULL, &d.ctx) != PDM_OK || allocate(&d) != PDM_OK) goto done;
    omp_set_num_threads(n_thread);
    bench_run(3, run, &d, 9, 0.005, time);
    omp_set_num_threads(before);
    const double flops = 2.0 * GEMM * GEMM * GEMM;
    limits = (bench_limits){3.0 * sizeof(double) * TRIAD / time[0].best, flops / time[1].best, flops / time[2].best};
done:
    if (d.ctx) {
        void *all[] = {d.a, d.b, d.c, d.fa, d.fb, d.fc};
        for (int i = 0; i < 6; i++) pdm_free(d.ctx, all[i]);
        pdm_context_destroy(&d.ctx);
    }
    return limits;
}
