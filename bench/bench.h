/* Timing for the benchmarks: contestants take turns, so that other load on the machine meets all of them alike. */
#ifndef PDM_BENCH_H
#define PDM_BENCH_H

#include <stdlib.h>

#include "core/core.h"

typedef void (*bench_function)(void *user);

typedef struct bench_time {
    double best, spread;
} bench_time; /* seconds a call; median / best - 1 */

enum { BENCH_ROUNDS = 41, BENCH_MAX = 4 }; /* most rounds, most contestants */

static inline int bench_compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Runs n contestants in turn, n_round <= BENCH_ROUNDS times, each turn as many calls as fill about `seconds`. */
static inline void bench_run(int n, const bench_function *fn, void *user, int n_round, double seconds, bench_time *out)
{
    static double time[BENCH_MAX][BENCH_ROUNDS];
    long          calls[BENCH_MAX];
    for (int c = 0; c < n; c++) {
        fn[c](user);
        const double start = pdm_clock();
        long         k     = 0;
        do {
            fn[c](user);
            k++;
        } while (pdm_clock() - start < seconds);
        calls[c] = k;
    }
    for (int r = 0; r < n_round; r++)
        for (int c = 0; c < n; c++) {
            const double start = pdm_clock();
            for (long k = 0; k < calls[c]; k++) fn[c](user);
            time[c][r] = (pdm_clock() - start) / (double)calls[c];
        }
    for (int c = 0; c < n; c++) {
        qsort(time[c], (size_t)n_round, sizeof(double), bench_compare);
        out[c] = (bench_time){time[c][0], time[c][n_round / 2] / time[c][0] - 1.0};
    }
}

#endif
