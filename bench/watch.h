/* Stands between a program and a back end's table, and adds up by stage and slot what each call is estimated to cost. */
#ifndef PDM_BENCH_WATCH_H
#define PDM_BENCH_WATCH_H

#include "bench/estimate.h"

/* Of a training step; told by the calls themselves. */
typedef enum bench_stage {
    BENCH_STAGE_NETWORK,
    BENCH_STAGE_SOLVE,
    BENCH_STAGE_ADJOINT,
    BENCH_STAGE_BACKWARD,
    BENCH_STAGE_UPDATE,
    BENCH_STAGE_DATA,
    BENCH_N_STAGE,
    BENCH_STAGE_OPEN = BENCH_N_STAGE /* of the solve or of the adjoint, which is not told yet */
} bench_stage;

typedef struct bench_sum {
    double     calls;
    bench_cost cost;
    double     cpu; /* seconds */
} bench_sum;

/* From now on b's calls are watched; one back end at a time. m is lent. around: NULL, or told before and after each call
 * (estimate NULL, then not). */
void bench_watch_start(pdm_backend *b, const bench_model *m,
                       void (*around)(bench_slot slot, const bench_cost *estimate));
void bench_watch_stop(void);
void bench_watch_step(void); /* a step begins */
/* Of all steps so far. */
const bench_sum *bench_watched(bench_stage stage, bench_slot slot);
const char      *bench_slot_name(bench_slot slot);

#endif
