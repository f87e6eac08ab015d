/* What the operations of a training step must do at least: floating-point operations, and bytes read and written once.
 * From the descriptions alone, so they hold for every back end; the formulas stand in count.c. */
#ifndef PDM_BENCH_COUNT_H
#define PDM_BENCH_COUNT_H

#include "solver/solver.h"
#include "surrogate/surrogate.h"

typedef struct bench_count {
    double flops, bytes;
} bench_count; /* of one call on a batch */

typedef enum bench_operation {
    BENCH_FORWARD,
    BENCH_BACKWARD,
    BENCH_ADAM,
    BENCH_COLUMNS_BUILD,
    BENCH_RESIDUAL,
    BENCH_LINEARISE,
    BENCH_APPLY_ADJOINT,
    BENCH_COLUMNS_REDUCE,
    BENCH_NORMAL,
    BENCH_FACTOR,
    BENCH_SOLVE,
    BENCH_COLUMNS_EXPAND,
    BENCH_N_OPERATION
} bench_operation;

typedef struct bench_network {
    pdm_size n_dim, n_layer, width, n_hidden;
    double   grid[PDM_MAX_DIM], padded[PDM_MAX_DIM], trig[PDM_MAX_DIM]; /* trig: cosines and sines of a dimension */
    double   n_mode, n_feature, n_channel;
} bench_network;
/* Fails with PDM_ERR_UNSUPPORTED for a surrogate whose sizes are not known here. */
pdm_status bench_network_read(pdm_surrogate *s, bench_network *out);

/* Of a term: sizes, pairs of a row and a point, flops of its programs at a point and of assembling A. */
typedef struct bench_term {
    double points, rows, pairs, value, partial, second, assemble;
} bench_term;
bench_term bench_term_of(const pdm_rows_desc *d, const pdm_term_desc *t);

/* Fills count [BENCH_N_OPERATION] for n samples. columns: DENSE. *n_j: numbers of J = A C of a sample, a row as often as
 * there are experts that see it. */
pdm_status bench_count_all(pdm_surrogate *s, const pdm_rows_desc *rows, const pdm_columns_desc *columns,
                           const pdm_blocks_desc *blocks, pdm_size n, bench_count *count, double *n_j);

#endif
