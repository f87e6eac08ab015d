/* Where the time of a training step goes, and how near each operation is to this machine's limits.
 *     bench_step CASE.cdl [threads] [group.name=value ...] [--model-device h200|a100|rtx4090]
 * How to read it: bench/README.md. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/cpu/cpu_impl.h"
#include "bench/bench.h"
#include "bench/count.h"
#include "bench/limits.h"
#include "bench/watch.h"
#include "train/train.h"

enum { N_WARM = 5, N_STEP = 30, N_PREDICT = 30, N_ROUND = 15 };

static const double SHIFT = 1e-4; /* damping of the factorisation that is timed: the solver's first */

/* What the timed operations work on: the batch of the last step, at the answer of its solve. */
typedef struct bench_data {
    pdm_model              *m;
    pdm_backend            *b;
    const pdm_solver_state *st;
    pdm_batch               all;
    pdm_buffer             *g_w, *x_w, *c; /* results that the state keeps no place for */
    double                 *shift;         /* [n_sample]                                */
    int32_t                *failed;        /* [n_sample]                                */
    pdm_status              status;        /* first failure of a timed call             */
    const bench_device     *device;        /* NULL: none asked for                      */
} bench_data;

/* ---- the operations ---- */

static void keep(bench_data *d, pdm_status status)
{
    if (d->status == PDM_OK) d->status = status;
}

static void run_forward(void *user)
{
    bench_data    *d   = user;
    pdm_surrogate *net = d->m->surrogate;
    keep(d, net->ops->forward(net, d->all, d->m->features, d->m->basis, true));
}

static void run_backward(void *user)
{
    bench_data    *d   = user;
    pdm_surrogate *net = d->m->surrogate;
    keep(d, net->ops->backward(net, d->all, d->m->g_basis));
}

/* Rate 0: the weights stay as they are. */
static void run_adam(void *user)
{
    bench_data    *d    = user;
    pdm_surrogate *net  = d->m->surrogate;
    const pdm_adam adam = {
        .n = net->n_parameter, .step = N_STEP, .beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8, .gradient_scale = 1.0};
    keep(d,
         d->b->ops->adam_f32(d->b, &adam, net->g_parameters, d->m->state.adam_m, d->m->state.adam_v, net->parameters));
}

static void run_columns_build(void *user)
{
    bench_data *d = user;
    keep(d, d->b->ops->columns_build(d->b, d->st->columns, d->all, d->m->basis));
}

static void run_residual(void *user)
{
    bench_data *d = user;
    keep(d, d->b->ops->rows_residual(d->b, d->st->rows, d->all, &d->m->samples->data, d->st->c, d->st->r));
}

static void run_linearise(void *user)
{
    bench_data *d = user;
    keep(d, d->b->ops->rows_linearise(d->b, d->st->rows, d->all, &d->m->samples->data, d->st->c, d->st->A));
}

static void run_apply_adjoint(void *user)
{
    bench_data *d = user;
    keep(d, d->b->ops->rows_apply_adjoint(d->b, d->st->rows, d->all, d->st->A, d->st->r, d->st->gradient_c));
}

static void run_columns_reduce(void *user)
{
    bench_data *d = user;
    keep(d, d->b->ops->columns_reduce(d->b, d->st->columns, d->all, d->st->gradient_c, d->g_w));
}

static void run_normal(void *user)
{
    bench_data *d = user;
    keep(d, d->b->ops->normal_assemble(d->b, d->st->normal, d->all, d->st->columns, d->st->A, d->st->H));
}

static void run_factor(void *user)
{
    bench_data *d = user;
    keep(d, d->b->ops->blocks_factor(d->b, d->st->blocks, d->all, d->shift, d->st->ridge, d->st->ridges, d->st->H,
                                     d->st->L, d->failed));
}

static void run_solve(void *user)
{
    bench_data *d = user;
    keep(d, d->b->ops->blocks_solve(d->b, d->st->blocks, d->all, d->st->L, d->g_w, d->x_w));
}

static void run_columns_expand(void *user)
{
    bench_data *d = user;
    keep(d, d->b->ops->columns_expand(d->b, d->st->columns, d->all, d->st->w, d->m->samples->lift, d->c));
}

typedef struct operation {
    const char    *name;
    bench_function run;
    bool           fp32;
} operation;

/* In an order in which each finds the results of those before it. */
static const operation operation_table[BENCH_N_OPERATION] = {
    [BENCH_FORWARD]        = {"forward", run_forward, true},
    [BENCH_BACKWARD]       = {"backward", run_backward, true},
    [BENCH_ADAM]           = {"adam", run_adam, true},
    [BENCH_COLUMNS_BUILD]  = {"columns_build", run_columns_build, false},
    [BENCH_RESIDUAL]       = {"rows_residual", run_residual, false},
    [BENCH_LINEARISE]      = {"rows_linearise", run_linearise, false},
    [BENCH_APPLY_ADJOINT]  = {"rows_apply_adjoint", run_apply_adjoint, false},
    [BENCH_COLUMNS_REDUCE] = {"columns_reduce", run_columns_reduce, false},
    [BENCH_NORMAL]         = {"normal_assemble", run_normal, false},
    [BENCH_FACTOR]         = {"blocks_factor", run_factor, false},
    [BENCH_SOLVE]          = {"blocks_solve", run_solve, false},
    [BENCH_COLUMNS_EXPAND] = {"columns_expand", run_columns_expand, false},
};

/* ---- limits ---- */

static void nothing(void *user, pdm_size task, int thread)
{
    (void)user, (void)task, (void)thread;
}

static void run_nothing(void *user)
{
    bench_data *d   = user;
    pdm_cpu    *cpu = pdm_cpu_of(d->b);
    pdm_cpu_for(cpu, cpu->n_thread, nothing, NULL);
}

/* Returns the seconds of an empty call. */
static double print_limits(bench_data *d, bench_limits limits)
{
    const bench_function fn = run_nothing;
    bench_time           time;
    bench_run(1, &fn, d, N_ROUND, 0.002, &time);
    printf("limits, %d threads, %s: triad %.1f GB/s, GEMM FP64 %.1f GF/s, FP32 %.1f GF/s; an empty call of all threads "
           "%.1f us\n",
           pdm_cpu_of(d->b)->n_thread, pdm_cpu_of(d->b)->kernels->isa, limits.triad / 1e9, limits.gemm64 / 1e9,
           limits.gemm32 / 1e9, 1e6 * time.best);
    return time.best;
}

/* ---- whole steps ---- */

static double median(double *x, int n)
{
    qsort(x, (size_t)n, sizeof *x, bench_compare);
    return x[n / 2];
}

static pdm_status time_steps(pdm_model *m)
{
    static const char *const part[] = {"network", "solve", "adjoint", "backward", "update", "data"};
    enum { N_PART = sizeof part / sizeof *part };
    pdm_status status = PDM_OK;
    double     seconds[N_PART][N_STEP], whole[N_STEP], iterations = 0.0, failed = 0.0;

    for (int i = 0; i < N_WARM; i++) PDM_TRY(pdm_model_train_step(m));
    for (int i = 0; i < N_STEP; i++) {
        PDM_TRY(pdm_model_train_step(m));
        whole[i] = pdm_model_value(m, "seconds");
        iterations += pdm_model_value(m, "iterations") / N_STEP;
        failed += pdm_model_value(m, "failed");
        for (int k = 0; k < N_PART; k++) {
            char name[32];
            snprintf(name, sizeof name, "seconds.%s", part[k]);
            seconds[k][i] = pdm_model_value(m, name);
        }
    }
    const double middle = median(whole, N_STEP);
    printf("\ntraining step, batch %lld: median %.2f ms, best %.2f ms (%d steps); %.1f solver iterations, %.0f failed "
           "solves\n",
           (long long)m->n_batch, 1e3 * middle, 1e3 * whole[0], N_STEP, iterations, failed);
    for (int k = 0; k < N_PART; k++) {
        const double time = median(seconds[k], N_STEP);
        printf("    %-9s %8.3f ms %5.1f %%\n", part[k], 1e3 * time, 100.0 * time / middle);
    }
done:
    return status;
}

/* ---- single operations ---- */

/* The batch of one more step, solved, linearised and differentiated; no weight is changed. */
static pdm_status prepare(bench_data *d)
{
    pdm_status      status = PDM_OK;
    pdm_size        n_good = 0;
    pdm_step_report r;
    const size_t    n = (size_t)d->st->n_sample * sizeof(double);

    PDM_TRY(pdm_train_loss(d->m, pdm_model_step(d->m), d->all, true, &n_good, &r));
    PDM_TRY(pdm_solver_linearise(d->m->solver, d->all, &d->m->samples->data, true));
    PDM_TRY(d->b->ops->buffer_create(d->b, n * (size_t)d->st->n_column, &d->g_w));
    PDM_TRY(d->b->ops->buffer_create(d->b, n * (size_t)d->st->n_column, &d->x_w));
    PDM_TRY(d->b->ops->buffer_create(d->b, n * (size_t)d->st->c_size, &d->c));
    PDM_TRY(pdm_alloc_array(d->m->ctx, d->st->n_sample, &d->shift));
    PDM_TRY(pdm_alloc_array(d->m->ctx, d->st->n_sample, &d->failed));
    for (pdm_size i = 0; i < d->st->n_sample; i++) d->shift[i] = SHIFT;
done:
    return status;
}

static void print_operation(const operation *x, bench_time time, bench_count count, bench_limits limits)
{
    const double peak     = x->fp32 ? limits.gemm32 : limits.gemm64;
    const double by_flops = count.flops / peak, by_bytes = count.bytes / limits.triad;
    printf("%-18s %9.1f %5.0f%% %9.3f %9.1f %8.2f %8.2f %7.3f  %s\n", x->name, 1e6 * time.best, 100.0 * time.spread,
           count.flops / 1e6, count.bytes / 1e3, count.flops / time.best / 1e9, count.bytes / time.best / 1e9,
           fmax(by_flops, by_bytes) / time.best, by_flops > by_bytes ? (x->fp32 ? "FP32" : "FP64") : "triad");
}

static pdm_status time_operations(bench_data *d, bench_limits limits)
{
    pdm_status              status  = PDM_OK;
    pdm_blocks             *blocks  = NULL;
    const pdm_rows_desc    *rows    = pdm_domain_rows(d->m->problem->domain);
    const pdm_columns_desc *columns = pdm_experts_columns(d->m->experts);
    bench_count             count[BENCH_N_OPERATION];
    double                  n_j = 0.0;

    PDM_TRY(prepare(d));
    PDM_TRY(pdm_blocks_create(d->m->ctx, rows, columns, PDM_COUPLING_ALL,
                              &blocks)); /* what the solver made for itself, again */
    const pdm_blocks_desc *structure = pdm_blocks_describe(blocks);
    PDM_TRY(bench_count_all(d->m->surrogate, rows, columns, structure, d->all.n, count, &n_j));
    printf(
        "\nper sample: %lld coefficients, %lld rows, %lld unknowns of %lld experts in %lld blocks, %lld values in H; "
        "%lld network weights\n",
        (long long)d->st->c_size, (long long)d->st->n_row, (long long)d->st->n_column, (long long)columns->n_expert,
        (long long)structure->n_block, (long long)structure->n_value, (long long)d->m->surrogate->n_parameter);
    printf("%-18s %9s %6s %9s %9s %8s %8s %7s  %s\n", "operation", "us", "spread", "Mflop", "kB", "GF/s", "GB/s",
           "ratio", "limit");
    for (int i = 0; i < BENCH_N_OPERATION; i++) {
        bench_time time;
        bench_run(1, &operation_table[i].run, d, N_ROUND, 0.005, &time);
        PDM_TRY(d->status);
        print_operation(&operation_table[i], time, count[i], limits);
    }
done:
    pdm_blocks_destroy(&blocks);
    return status;
}

/* ---- a card ---- */

static bench_sum sum_of_stage(bench_stage stage)
{
    bench_sum sum = {0};
    for (int k = 0; k < BENCH_N_SLOT; k++) {
        const bench_sum *x = bench_watched(stage, (bench_slot)k);
        sum.calls += x->calls;
        sum.cpu += x->cpu;
        bench_cost_add(&sum.cost, &x->cost);
    }
    return sum;
}

/* Of more steps, each call of which is watched. */
typedef struct watched_steps {
    double seconds[BENCH_N_STAGE];       /* mean */
    double ratio[BENCH_N_STAGE][N_STEP]; /* the model's time over that taken */
} watched_steps;

static pdm_status watch_steps(bench_data *d, const bench_model *model, watched_steps *out)
{
    pdm_status      status = PDM_OK;
    pdm_step_report r;

    bench_watch_start(d->b, model, NULL);
    for (int i = 0; i < N_STEP; i++) {
        double before[BENCH_N_STAGE];
        for (int k = 0; k < BENCH_N_STAGE; k++) before[k] = sum_of_stage((bench_stage)k).cpu;
        PDM_TRY(pdm_train_step(d->m, &r));
        bench_watch_step();
        const double taken[BENCH_N_STAGE] = {
            [BENCH_STAGE_NETWORK] = r.seconds_network, [BENCH_STAGE_SOLVE] = r.seconds_solve,
            [BENCH_STAGE_ADJOINT] = r.seconds_adjoint, [BENCH_STAGE_BACKWARD] = r.seconds_backward,
            [BENCH_STAGE_UPDATE] = r.seconds_update,   [BENCH_STAGE_DATA] = r.seconds_data};
        for (int k = 0; k < BENCH_N_STAGE; k++) {
            out->seconds[k] += taken[k] / N_STEP;
            out->ratio[k][i] = (sum_of_stage((bench_stage)k).cpu - before[k]) / (taken[k] + 1e-9);
        }
    }
done:
    bench_watch_stop();
    return status;
}

/* What is not a call of the table stays with the host: in `data` that is all but the copies. */
static void print_stages(watched_steps *x)
{
    static const char *const NAME[] = {"network", "solve", "adjoint", "backward", "update", "data"};
    double                   total = 0.0, host = 0.0, part[BENCH_N_PART];
    bench_cost               all = {0};

    printf("%-9s %8s %8s %7s %6s %9s %9s %9s %-8s | %9s %9s %6s\n", "stage", "launches", "products", "copies", "waits",
           "Mflop", "MB", "ms", "limit", "CPU", "taken", "ratio");
    for (int k = 0; k < BENCH_N_STAGE; k++) {
        const bench_sum   sum = sum_of_stage((bench_stage)k);
        const bench_cost *c   = &sum.cost;
        const double data = k == BENCH_STAGE_DATA ? x->seconds[k] : 0.0, time = bench_cost_seconds(c) / N_STEP + data;
        total += time;
        bench_cost_add(&all, c);
        host += x->seconds[k];
        printf("%-9s %8.1f %8.1f %7.1f %6.1f %9.2f %9.2f %9.3f %-8s | %9.3f %9.3f %6.2f\n", NAME[k],
               c->launches / N_STEP, c->products / N_STEP, c->copies / N_STEP, c->waits / N_STEP,
               c->flops / N_STEP / 1e6, c->bytes / N_STEP / 1e6, 1e3 * time,
               data > 0.5 * time ? "host" : bench_cost_limit(c), 1e3 * sum.cpu / N_STEP, 1e3 * x->seconds[k],
               median(x->ratio[k], N_STEP));
    }
    printf("%-9s %*s %9.3f %-8s | %9s %9.3f\n          of this", "step", 51, "", 1e3 * total, "", "", 1e3 * host);
    bench_cost_parts(&all, part);
    for (int i = 0; i < BENCH_N_PART; i++) printf(" %s %.0f %%,", BENCH_PART_NAME[i], 100.0 * part[i] / N_STEP / total);
    printf(" the host the rest\n");
}

static void print_slots(void)
{
    printf("\n%-23s %7s %8s %8s %9s %9s %9s %8s  %s\n", "operation", "calls", "launches", "products", "Mflop", "MB",
           "us a call", "us", "limit");
    for (int k = 0; k < BENCH_N_SLOT; k++) {
        bench_sum sum = {0};
        for (int i = 0; i < BENCH_N_STAGE; i++) {
            const bench_sum *x = bench_watched((bench_stage)i, (bench_slot)k);
            sum.calls += x->calls;
            bench_cost_add(&sum.cost, &x->cost);
        }
        if (sum.calls == 0.0) continue;
        const double time = 1e6 * bench_cost_seconds(&sum.cost);
        printf("%-23s %7.1f %8.1f %8.1f %9.3f %9.3f %9.1f %8.1f  %s\n", bench_slot_name((bench_slot)k),
               sum.calls / N_STEP, sum.cost.launches / sum.calls, sum.cost.products / sum.calls,
               sum.cost.flops / sum.calls / 1e6, sum.cost.bytes / sum.calls / 1e6, time / sum.calls, time / N_STEP,
               bench_cost_limit(&sum.cost));
    }
}

static pdm_status model_device(bench_data *d, bench_limits limits, double empty_call)
{
    pdm_status              status  = PDM_OK;
    pdm_blocks             *blocks  = NULL;
    bench_model             model   = {.device = d->device, .cpu = limits, .cpu_call = empty_call};
    const pdm_rows_desc    *rows    = pdm_domain_rows(d->m->problem->domain);
    const pdm_columns_desc *columns = pdm_experts_columns(d->m->experts);
    watched_steps           steps   = {0};

    PDM_TRY(pdm_blocks_create(d->m->ctx, rows, columns, PDM_COUPLING_ALL, &blocks));
    PDM_TRY(bench_model_fill(d->m->surrogate, rows, columns, pdm_blocks_describe(blocks), &model));
    PDM_TRY(watch_steps(d, &model, &steps));
    printf("\nESTIMATE of a step on %s, from counts: nobody has measured it\n", d->device->title);
    printf("published: FP64 %.1f TF/s, FP32 %.1f TF/s, memory %.0f GB/s\n"
           "assumed: %.0f us a launch or copy, %.0f us a wait, %.1f us a step of a recurrence\n",
           d->device->flops64 / 1e12, d->device->flops32 / 1e12, d->device->bandwidth / 1e9, 1e6 * BENCH_LAUNCH,
           1e6 * BENCH_WAIT, 1e6 * BENCH_STEP);
    print_stages(&steps);
    print_slots();
done:
    bench_model_clear(d->m->ctx, &model);
    pdm_blocks_destroy(&blocks);
    return status;
}

/* ---- prediction ---- */

/* One input on one thread, to the tolerance of prediction, on the default output grid. The fastest of N_PREDICT. */
static pdm_status time_prediction(pdm_model *m)
{
    static const char *const part[] = {"seconds", "seconds.data", "seconds.network", "seconds.solve", "seconds.output"};
    enum { N_PART = sizeof part / sizeof *part };
    pdm_status status   = PDM_OK;
    pdm_cpu   *cpu      = pdm_cpu_of(m->problem->backend);
    const int  n_thread = cpu->n_thread;
    double    *u = NULL, best[N_PART] = {INFINITY}, whole[N_PREDICT];
    int32_t    reason = PDM_REASON_NONE;

    PDM_TRY(pdm_alloc_array(m->ctx, pdm_model_n_field(m) * pdm_model_n_point(m), &u));
    cpu->n_thread = 1;
    for (int i = 0; i < N_PREDICT; i++) {
        PDM_TRY(pdm_model_predict(m, 1, m->drawn, u, &reason));
        whole[i] = pdm_model_value(m, "seconds");
        if (whole[i] >= best[0]) continue;
        for (int k = 0; k < N_PART; k++) best[k] = pdm_model_value(m, part[k]);
    }
    printf("\nprediction of one input, one thread: best %.2f ms, median %.2f ms (%d times); data %.2f, network %.2f, "
           "solve %.2f, output %.2f ms; %lld points\n%d iterations, %s\n",
           1e3 * best[0], 1e3 * median(whole, N_PREDICT), N_PREDICT, 1e3 * best[1], 1e3 * best[2], 1e3 * best[3],
           1e3 * best[4], (long long)pdm_model_n_point(m), pdm_solver_results(m->solver)[0].iterations,
           pdm_reason_text(reason));
done:
    cpu->n_thread = n_thread;
    pdm_free(m->ctx, u);
    return status;
}

/* ---- command line ---- */

/* "group.name=value": changed in place. */
static pdm_status set(pdm_context *ctx, pdm_case *c, char *word)
{
    pdm_status status = PDM_OK;
    char      *value  = strchr(word, '='), *dot;

    if (!value) PDM_FAIL(ctx, PDM_ERR_ARGUMENT, "\"%s\": group.name=value expected", word);
    *value++ = '\0';
    dot      = strrchr(word, '.');
    if (dot) *dot = '\0';
    PDM_TRY(pdm_case_set_text(c, dot ? word : "", dot ? dot + 1 : word, value));
done:
    return status;
}

static pdm_status open_case(pdm_context *ctx, int argc, char **argv, bench_data *d, pdm_case **out)
{
    pdm_status status   = PDM_OK;
    pdm_size   n_thread = 0;
    int        at       = 2;

    if (at < argc && pdm_text_to_size(argv[at], &n_thread)) at++;
    if (n_thread < 0 || n_thread > 4096)
        PDM_FAIL(ctx, PDM_ERR_ARGUMENT, "%lld threads; 0 to 4096 expected", (long long)n_thread);
    PDM_TRY(pdm_context_set_threads(ctx, (int)n_thread));
    PDM_TRY(pdm_case_read(ctx, argv[1], out));
    for (; at < argc; at++) {
        if (strcmp(argv[at], "--model-device") != 0) {
            PDM_TRY(set(ctx, *out, argv[at]));
            continue;
        }
        d->device = ++at < argc ? bench_device_find(argv[at]) : NULL;
        if (!d->device)
            PDM_FAIL(ctx, PDM_ERR_ARGUMENT, "--model-device \"%s\": %s expected", at < argc ? argv[at] : "",
                     bench_device_names());
    }
done:
    return status;
}

static pdm_status bench(pdm_context *ctx, pdm_case *c, bench_data *d)
{
    pdm_status         status = PDM_OK;
    const bench_limits limits = bench_measure_limits(pdm_context_threads(ctx));

    PDM_TRY(pdm_model_create(c, &d->m));
    d->b                    = d->m->problem->backend;
    d->st                   = pdm_solver_lend(d->m->solver);
    d->all                  = pdm_model_batch(d->m, d->m->n_batch);
    const double empty_call = print_limits(d, limits);
    PDM_TRY(time_steps(d->m));
    if (d->device) PDM_TRY(model_device(d, limits, empty_call));
    PDM_TRY(time_operations(d, limits));
    PDM_TRY(time_prediction(d->m));
done:
    return status;
}

int main(int argc, char **argv)
{
    pdm_status   status = PDM_OK;
    pdm_context *ctx    = NULL;
    pdm_case    *c      = NULL;
    bench_data   d      = {0};

    if (argc < 2) {
        fprintf(stderr, "usage: bench_step CASE.cdl [threads] [group.name=value ...] [--model-device %s]\n",
                bench_device_names());
        return 2;
    }
    PDM_TRY(pdm_context_create(NULL, &ctx));
    PDM_TRY(open_case(ctx, argc, argv, &d, &c));
    PDM_TRY(bench(ctx, c, &d));
done:
    if (status != PDM_OK) fprintf(stderr, "bench_step: %s\n", ctx ? pdm_context_error(ctx) : pdm_status_text(status));
    if (d.b) {
        pdm_buffer **buffer[] = {&d.g_w, &d.x_w, &d.c};
        for (int i = 0; i < 3; i++) d.b->ops->buffer_destroy(d.b, buffer[i]);
    }
    if (ctx) {
        pdm_free(ctx, d.shift);
        pdm_free(ctx, d.failed);
    }
    pdm_model_destroy(&d.m);
    pdm_case_destroy(&c);
    pdm_context_destroy(&ctx);
    return status == PDM_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
