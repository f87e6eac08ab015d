/* An estimate of what a call of the back end's table takes on a card, from counts alone: kernels and their blocks, calls
 * of libraries, copies, waits of the host, flops and bytes, as backend/cuda/ has them. Nobody has measured it: it is what
 * a call takes at best, where kernels reach the card's limits. The formulas stand in estimate.c. */
#ifndef PDM_BENCH_ESTIMATE_H
#define PDM_BENCH_ESTIMATE_H

#include "bench/count.h"
#include "bench/device.h"
#include "bench/limits.h"

/* clang-format off */
#define BENCH_SLOTS(X)                                                                                              \
    X(acquire) X(release) X(copy)                                                                                   \
    X(rows_residual) X(rows_linearise) X(rows_weigh) X(rows_apply) X(rows_apply_adjoint) X(rows_partials)           \
    X(rows_curvature) X(rows_second_order)                                                                          \
    X(columns_build) X(columns_start) X(columns_expand) X(columns_reduce) X(columns_backward)                       \
    X(normal_assemble) X(blocks_factor) X(blocks_solve) X(blocks_diagonal)                                          \
    X(vector_dots) X(vector_combine) X(vector_multiply)                                                             \
    X(fourier_lift) X(fourier_layer) X(fourier_head)                                                                \
    X(fourier_head_backward) X(fourier_layer_backward) X(fourier_lift_backward)                                     \
    X(adam_f32) X(norm2_f32) X(combine_f32) X(widen_f32) X(narrow_f64)
/* clang-format on */

typedef enum bench_slot {
#define BENCH_SLOT_ENUM(name) BENCH_SLOT_##name,
    BENCH_SLOTS(BENCH_SLOT_ENUM)
#undef BENCH_SLOT_ENUM
        BENCH_N_SLOT
} bench_slot;

/* A call, as far as its cost goes. */
typedef struct bench_call {
    bench_slot slot;
    pdm_size   n;      /* samples listed; 1 where there is no list */
    bool       is_run; /* one after the other                      */
    pdm_size   size;   /* of vectors, together, or a network's layer */
    pdm_size   dots;   /* of vector_dots: as many as a launch takes, at most */
    pdm_size   posted; /* lists and numbers that go to the device, or on it from place to place */
    pdm_size   waits;  /* of acquire                               */
} bench_call;

typedef struct bench_cost {
    double launches, products, copies, waits; /* products: calls of libraries                                 */
    double flops, bytes, by_flops, by_bytes;  /* and the seconds of kernels that the one or the other limits  */
    double steps;                             /* of recurrences within kernels, one after the other           */
} bench_cost;

/* Block columns that are factored at once: n by our kernels, n_large by libraries. */
typedef struct bench_level {
    double n, below, widest, flops, values, n_large, below_large, widest_large, flops_large, values_large;
} bench_level;

/* What is counted from. Descriptions are lent. */
typedef struct bench_model {
    const bench_device     *device;
    const pdm_rows_desc    *rows;
    const pdm_columns_desc *columns;
    const pdm_blocks_desc  *blocks;
    bench_network           network;
    bench_level            *level; /* [n_level], owned */
    pdm_size                n_level;
    double                  n_j;                                            /* numbers of J = A C, a sample      */
    bench_count             one[BENCH_N_OPERATION], two[BENCH_N_OPERATION]; /* of so many samples            */
    bench_limits            cpu;
    double                  cpu_call; /* seconds */
} bench_model;

enum { BENCH_N_PART = 5 };
static const char *const BENCH_PART_NAME[BENCH_N_PART] = {"launches", "waits", "steps", "flops", "memory"};

/* All but device and what the CPU can do. */
pdm_status  bench_model_fill(pdm_surrogate *s, const pdm_rows_desc *rows, const pdm_columns_desc *columns,
                             const pdm_blocks_desc *blocks, bench_model *out);
void        bench_model_clear(pdm_context *ctx, bench_model *m);
bench_cost  bench_estimate(const bench_model *m, bench_call k);
void        bench_cost_add(bench_cost *to, const bench_cost *x);
void        bench_cost_parts(const bench_cost *c, double part[BENCH_N_PART]); /* seconds */
double      bench_cost_seconds(const bench_cost *c);
const char *bench_cost_limit(const bench_cost *c); /* the largest part of it */
/* The same model of the CPU: limits that were measured, bytes read and written once. Seconds. */
double bench_estimate_cpu(const bench_model *m, bench_call k);

#endif
