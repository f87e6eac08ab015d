#include "bench/watch.h"

#include <string.h>

enum { MOST_LISTED = 4096, MOST_WRITERS = 16 };

static struct watch {
    pdm_backend           *b;
    const pdm_backend_ops *given;
    pdm_backend_ops        ops;
    const bench_model     *m;
    bench_stage            stage;
    bench_sum              sum[BENCH_N_STAGE + 1][BENCH_N_SLOT];
    int32_t                list[MOST_LISTED]; /* that the device has */
    pdm_size               n_list;
    const pdm_buffer      *writer[MOST_WRITERS]; /* buffers that the host holds for writing */
    int                    n_writer;
    void (*around)(bench_slot slot, const bench_cost *estimate);
} watch;

/* ---- stages ---- */

static void settle(bench_stage stage)
{
    for (int k = 0; k < BENCH_N_SLOT; k++) {
        bench_sum *to = &watch.sum[stage][k], *from = &watch.sum[BENCH_STAGE_OPEN][k];
        to->calls += from->calls;
        to->cpu += from->cpu;
        bench_cost_add(&to->cost, &from->cost);
        *from = (bench_sum){0};
    }
}

/* The adjoint begins with the last linearisation before the network's backward. */
static void tell_stage(bench_slot slot)
{
    const bool forward = slot >= BENCH_SLOT_fourier_lift && slot <= BENCH_SLOT_fourier_head;
    const bool update  = slot >= BENCH_SLOT_adam_f32;

    if (forward)
        watch.stage = BENCH_STAGE_NETWORK;
    else if ((watch.stage == BENCH_STAGE_NETWORK || watch.stage == BENCH_STAGE_DATA) && slot > BENCH_SLOT_copy)
        watch.stage = BENCH_STAGE_OPEN;
    if (slot == BENCH_SLOT_rows_linearise && watch.stage == BENCH_STAGE_OPEN) settle(BENCH_STAGE_SOLVE);
    if (slot != BENCH_SLOT_fourier_head_backward && !update) return;
    settle(BENCH_STAGE_ADJOINT);
    watch.stage = update ? BENCH_STAGE_UPDATE : BENCH_STAGE_BACKWARD;
}

/* ---- calls ---- */

static void before(bench_slot slot)
{
    tell_stage(slot);
    if (watch.around) watch.around(slot, NULL);
}

static void after(bench_call k)
{
    const bench_cost cost = bench_estimate(watch.m, k);
    bench_sum       *sum  = &watch.sum[watch.stage][k.slot];

    if (watch.around) watch.around(k.slot, &cost);
    sum->calls++;
    sum->cpu += bench_estimate_cpu(watch.m, k);
    bench_cost_add(&sum->cost, &cost);
}

/* A list goes to the device when it is another one than before. */
static void after_list(bench_call k, pdm_batch s)
{
    const size_t bytes = (size_t)s.n * sizeof *s.index;

    k.n      = s.n;
    k.is_run = true;
    for (pdm_size i = 1; i < s.n; i++) k.is_run = k.is_run && s.index[i] == s.index[0] + i;
    if (s.n > 0 && s.n <= MOST_LISTED && (s.n != watch.n_list || memcmp(s.index, watch.list, bytes) != 0)) {
        memcpy(watch.list, s.index, bytes);
        watch.n_list = s.n;
        k.posted++;
    }
    if (s.n == 0) k.posted = 0;
    after(k);
}

static void after_listed(bench_slot slot, pdm_batch s, pdm_size size, pdm_size posted)
{
    after_list((bench_call){.slot = slot, .size = size, .posted = posted}, s);
}

static void after_dots(pdm_batch s, pdm_size n_dot, const pdm_dot *dot)
{
    bench_call k = {.slot = BENCH_SLOT_vector_dots, .dots = n_dot};
    for (pdm_size i = 0; i < n_dot; i++) k.size += dot[i].n;
    after_list(k, s);
}

#define WATCH(slot, parameters, arguments, after_it)           \
    static pdm_status watch_##slot parameters                  \
    {                                                          \
        before(BENCH_SLOT_##slot);                             \
        const pdm_status status = watch.given->slot arguments; \
        after_it;                                              \
        return status;                                         \
    }
#define LISTED(slot, parameters, arguments) WATCH(slot, parameters, arguments, after_listed(BENCH_SLOT_##slot, s, 0, 0))

typedef pdm_buffer *buffer; /* for short lists of parameters */

/* What is not only read goes back to the device. */
static pdm_status watch_acquire(pdm_backend *b, buffer x, pdm_access access, void **host)
{
    before(BENCH_SLOT_acquire);
    const pdm_status status = watch.given->acquire(b, x, access, host);
    if (access != PDM_READ && watch.n_writer < MOST_WRITERS) watch.writer[watch.n_writer++] = x;
    after((bench_call){.slot = BENCH_SLOT_acquire, .waits = access != PDM_WRITE});
    return status;
}

static pdm_status watch_release(pdm_backend *b, buffer x, void **host)
{
    before(BENCH_SLOT_release);
    const pdm_status status = watch.given->release(b, x, host);
    bench_call       k      = {.slot = BENCH_SLOT_release};
    for (int i = 0; i < watch.n_writer && k.posted == 0; i++) {
        if (watch.writer[i] != x) continue;
        watch.writer[i] = watch.writer[--watch.n_writer];
        k.posted        = 1;
    }
    after(k);
    return status;
}

/* clang-format off */
WATCH(copy, (pdm_backend *b, buffer to, const pdm_buffer *from, size_t i, size_t j, size_t n), (b, to, from, i, j, n),
      after((bench_call){.slot = BENCH_SLOT_copy, .posted = 1}))
LISTED(rows_residual, (pdm_backend *b, pdm_rows_plan *p, pdm_batch s, const pdm_rows_data *d, buffer c, buffer r),
       (b, p, s, d, c, r))
LISTED(rows_linearise, (pdm_backend *b, pdm_rows_plan *p, pdm_batch s, const pdm_rows_data *d, buffer c, buffer A),
       (b, p, s, d, c, A))
LISTED(rows_weigh, (pdm_backend *b, pdm_rows_plan *p, pdm_batch s, buffer r, buffer out), (b, p, s, r, out))
LISTED(rows_apply, (pdm_backend *b, pdm_rows_plan *p, pdm_batch s, buffer A, buffer v, buffer out), (b, p, s, A, v, out))
LISTED(rows_apply_adjoint, (pdm_backend *b, pdm_rows_plan *p, pdm_batch s, buffer A, buffer v, buffer out),
       (b, p, s, A, v, out))
LISTED(rows_partials, (pdm_backend *b, pdm_rows_plan *p, pdm_batch s, const pdm_rows_data *d, buffer c,
                       buffer partials), (b, p, s, d, c, partials))
LISTED(rows_curvature, (pdm_backend *b, pdm_rows_plan *p, pdm_batch s, buffer A, buffer partials, buffer v, buffer out),
       (b, p, s, A, partials, v, out))
LISTED(rows_second_order, (pdm_backend *b, pdm_rows_plan *p, pdm_batch s, const pdm_rows_data *d, buffer c, buffer y,
                           buffer v, buffer out), (b, p, s, d, c, y, v, out))
LISTED(columns_build, (pdm_backend *b, pdm_columns_plan *p, pdm_batch s, buffer basis), (b, p, s, basis))
LISTED(columns_start, (pdm_backend *b, pdm_columns_plan *p, pdm_batch s, buffer basis, buffer lift, buffer start),
       (b, p, s, basis, lift, start))
LISTED(columns_expand, (pdm_backend *b, pdm_columns_plan *p, pdm_batch s, buffer w, buffer lift, buffer c),
       (b, p, s, w, lift, c))
LISTED(columns_reduce, (pdm_backend *b, pdm_columns_plan *p, pdm_batch s, buffer g_c, buffer g_w), (b, p, s, g_c, g_w))
LISTED(columns_backward, (pdm_backend *b, pdm_columns_plan *p, pdm_batch s, buffer x, buffer w, buffer q, buffer lambda,
                          buffer g_basis), (b, p, s, x, w, q, lambda, g_basis))
LISTED(normal_assemble, (pdm_backend *b, pdm_normal_plan *p, pdm_batch s, pdm_columns_plan *c, buffer A, buffer H),
       (b, p, s, c, A, H))
WATCH(blocks_factor, (pdm_backend *b, pdm_blocks_plan *p, pdm_batch s, const double *shift, double ridge, buffer ridges,
                      buffer H, buffer L, int32_t *failed), (b, p, s, shift, ridge, ridges, H, L, failed),
      after_listed(BENCH_SLOT_blocks_factor, s, 0, 1))
LISTED(blocks_solve, (pdm_backend *b, pdm_blocks_plan *p, pdm_batch s, buffer L, buffer y, buffer x), (b, p, s, L, y, x))
LISTED(blocks_diagonal, (pdm_backend *b, pdm_blocks_plan *p, pdm_batch s, buffer H, buffer out), (b, p, s, H, out))
WATCH(vector_dots, (pdm_backend *b, pdm_batch s, pdm_size n, const pdm_dot *dot), (b, s, n, dot),
      after_dots(s, n, dot))
WATCH(vector_combine, (pdm_backend *b, pdm_batch s, pdm_size n, const double *alpha, buffer x, const double *beta,
                       buffer y, buffer z), (b, s, n, alpha, x, beta, y, z),
      after_listed(BENCH_SLOT_vector_combine, s, n, beta ? 2 : 1))
WATCH(vector_multiply, (pdm_backend *b, pdm_batch s, pdm_size n, buffer x, buffer y, buffer z), (b, s, n, x, y, z),
      after_listed(BENCH_SLOT_vector_multiply, s, n, 0))
LISTED(fourier_lift, (pdm_backend *b, pdm_fourier_plan *p, pdm_batch s, buffer w, buffer features, bool keep),
       (b, p, s, w, features, keep))
WATCH(fourier_layer, (pdm_backend *b, pdm_fourier_plan *p, pdm_batch s, pdm_size l, buffer w, bool keep),
      (b, p, s, l, w, keep), after_listed(BENCH_SLOT_fourier_layer, s, l, 0))
LISTED(fourier_head, (pdm_backend *b, pdm_fourier_plan *p, pdm_batch s, buffer w, buffer basis, bool keep),
       (b, p, s, w, basis, keep))
LISTED(fourier_head_backward, (pdm_backend *b, pdm_fourier_plan *p, pdm_batch s, buffer w, buffer g_basis, buffer g),
       (b, p, s, w, g_basis, g))
WATCH(fourier_layer_backward, (pdm_backend *b, pdm_fourier_plan *p, pdm_batch s, pdm_size l, buffer w, buffer g),
      (b, p, s, l, w, g), after_listed(BENCH_SLOT_fourier_layer_backward, s, l, 0))
LISTED(fourier_lift_backward, (pdm_backend *b, pdm_fourier_plan *p, pdm_batch s, buffer g), (b, p, s, g))
WATCH(adam_f32, (pdm_backend *b, const pdm_adam *adam, buffer g, buffer m, buffer v, buffer w), (b, adam, g, m, v, w),
      after((bench_call){.slot = BENCH_SLOT_adam_f32, .n = 1, .size = adam->n}))
WATCH(norm2_f32, (pdm_backend *b, pdm_size n, buffer x, double *out), (b, n, x, out),
      after((bench_call){.slot = BENCH_SLOT_norm2_f32, .n = 1, .size = n}))
WATCH(combine_f32, (pdm_backend *b, pdm_size n, double alpha, buffer x, double beta, buffer y), (b, n, alpha, x, beta, y),
      after((bench_call){.slot = BENCH_SLOT_combine_f32, .n = 1, .size = n}))
WATCH(widen_f32, (pdm_backend *b, pdm_size n, buffer x, double beta, buffer y), (b, n, x, beta, y),
      after((bench_call){.slot = BENCH_SLOT_widen_f32, .n = 1, .size = n}))
WATCH(narrow_f64, (pdm_backend *b, pdm_size n, double alpha, buffer x, buffer y), (b, n, alpha, x, y),
      after((bench_call){.slot = BENCH_SLOT_narrow_f64, .n = 1, .size = n}))
/* clang-format on */

/* ---- life ---- */

void bench_watch_start(pdm_backend *b, const bench_model *m,
                       void (*around)(bench_slot slot, const bench_cost *estimate))
{
    watch = (struct watch){.b = b, .given = b->ops, .ops = *b->ops, .m = m, .around = around};
#define TAKE(slot) watch.ops.slot = watch_##slot;
    BENCH_SLOTS(TAKE)
#undef TAKE
    b->ops      = &watch.ops;
    watch.stage = BENCH_STAGE_DATA;
}

void bench_watch_stop(void)
{
    if (watch.b) watch.b->ops = watch.given;
    watch.b = NULL;
}

void bench_watch_step(void)
{
    settle(BENCH_STAGE_SOLVE);
    watch.stage = BENCH_STAGE_DATA;
}

const bench_sum *bench_watched(bench_stage stage, bench_slot slot)
{
    return &watch.sum[stage][slot];
}

const char *bench_slot_name(bench_slot slot)
{
    static const char *const NAME[BENCH_N_SLOT] = {
#define NAME_OF(slot) #slot,
        BENCH_SLOTS(NAME_OF)
#undef NAME_OF
    };
    return NAME[slot];
}
