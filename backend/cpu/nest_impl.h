/* Inside of the CPU's nested splines: the plan, the matrices of levels and the cycle. A large sample is shared out among
 * threads: by slabs of elements, by coefficients of the next level, by strips of patches. */
#ifndef PDM_CPU_NEST_IMPL_H
#define PDM_CPU_NEST_IMPL_H

#include "backend/cpu/cpu_impl.h"
#include "backend/nest.h"

/* What makes a coefficient of the next level along one dimension: fine[k] with weight[k], k = first[i] ... first[i+1]-1;
 * seen[k]: i as fine[k] sees it, not taken round a ring. */
typedef struct nest_makers {
    int32_t *first, *fine, *seen;
    double  *weight;
} nest_makers;

typedef struct nest_level {
    pdm_size    n_line; /* of a stencil: places that lie together along the last dimension */
    int32_t    *line;   /* [n / n_coef of the last dimension][n_line] where they begin, -1: outside */
    nest_makers makers[PDM_MAX_DIM];
} nest_level;

struct pdm_nest_plan {
    pdm_nest_levels levels;
    nest_level     *level;
    pdm_size       *element_row0; /* [n_element+1] into element_row */
    int32_t        *element_row;
    double         *value; /* [n_sample][n_value]                  */
    double         *step;  /* [n_sample][n_all of the first level] */
};

typedef struct nest_task {
    pdm_cpu       *cpu;
    pdm_nest_plan *plan;
    pdm_batch      batch;
    pdm_size level, n_part, part0, part_step; /* parts of a sample that a call is for: part0, part0+part_step ... */
    bool     back;
    const double *shift, *A, *y;
    double       *x;
    int32_t      *failed;
} nest_task;

/* A sample, and a part of it, of a task. */
static inline pdm_size nest_sample(const nest_task *k, pdm_size task)
{
    return k->batch.index[task / k->n_part];
}
static inline pdm_size nest_part(const nest_task *k, pdm_size task)
{
    return k->part0 + task % k->n_part * k->part_step;
}
/* Runs fn for parts part0, part0+step, ... of n, of every sample. */
void nest_run(nest_task *k, pdm_cpu_task fn, pdm_size n, pdm_size part0, pdm_size step);

/* ---- nest_matrix.c ---- */

/* H of all levels into the plan. */
void   nest_matrices(nest_task *k);
size_t nest_matrix_work(const pdm_nest_plan *p); /* doubles of a thread's scratch */

/* ---- nest_cycle.c ---- */

/* Factors of all patches; failed [n_sample]. */
void nest_factors(nest_task *k);
/* x = about H^-1 y */
void   nest_cycle(nest_task *k);
size_t nest_cycle_work(const pdm_nest_plan *p);

#endif
