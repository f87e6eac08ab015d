/* Continuation in time, for solves that would end in a wrong minimum. docs/mathematics.md, "Early times first". */
#include "solver/solver_impl.h"

#include <math.h>

enum {
    PATIENCE         = 10, /* steps after which a solve is a hard one */
    STAGE_ITERATIONS = 10
};
static const double STAGE_TOLERANCE = 1e-1;
static const double STAGE_RATE =
    20.0; /* rows behind the front of a stage fade like exp(-rate x part of the interval) */

/* The rows with later times faded out. */
struct solver_stage {
    pdm_rows_desc  desc;
    pdm_term_desc *term;
    double        *weight; /* row_scale[0] of all terms, one after the other */
    pdm_rows_plan *plan;
};

/* Stage k of n has its front at (k + 1)/(n + 1) of the rows along time. */
static pdm_status stage_create(pdm_solver *s, const pdm_rows_desc *rows, pdm_size k)
{
    pdm_status    status = PDM_OK;
    solver_stage *stage  = &s->stage[k];
    const double  front  = (double)(k + 1) / (double)(s->n_stage + 1);
    pdm_size      n      = 0;

    for (pdm_size t = 0; t < rows->n_term; t++) n += rows->term[t].axis[0].n_row;
    PDM_TRY(pdm_alloc_array(s->ctx, n, &stage->weight));
    PDM_TRY(pdm_alloc_array(s->ctx, rows->n_term, &stage->term));
    double *weight = stage->weight;
    for (pdm_size t = 0; t < rows->n_term; t++) {
        const pdm_size n_row        = rows->term[t].axis[0].n_row;
        stage->term[t]              = rows->term[t];
        stage->term[t].row_scale[0] = weight;
        for (pdm_size i = 0; i < n_row; i++) {
            const double behind = fmax(0.0, ((double)i + 0.5) / (double)n_row - front);
            *weight++           = rows->term[t].row_scale[0][i] * exp(-STAGE_RATE * behind);
        }
    }
    stage->desc      = *rows;
    stage->desc.term = stage->term;
    PDM_TRY(s->backend->ops->rows_create(s->backend, &stage->desc, s->state.n_sample, &stage->plan));
done:
    return status;
}

pdm_status solver_stages_create(pdm_solver *s, const pdm_rows_desc *rows, pdm_size n_stage)
{
    pdm_status status = PDM_OK;

    PDM_TRY(pdm_alloc_array(s->ctx, n_stage, &s->stage));
    s->n_stage = n_stage;
    for (pdm_size k = 0; k < n_stage; k++) PDM_TRY(stage_create(s, rows, k));
done:
    return status;
}

void solver_stages_destroy(pdm_solver *s)
{
    for (pdm_size k = 0; k < s->n_stage; k++) {
        s->backend->ops->rows_destroy(s->backend, &s->stage[k].plan);
        pdm_free(s->ctx, s->stage[k].term);
        pdm_free(s->ctx, s->stage[k].weight);
    }
    pdm_free(s->ctx, s->stage);
}

/* What the passes of a solve cost. */
static void add_iterations(pdm_solver *s, pdm_batch batch)
{
    for (pdm_size i = 0; i < batch.n; i++) {
        s->spent[batch.index[i]] += s->result[batch.index[i]].iterations;
        s->spent_cg[batch.index[i]] += s->result[batch.index[i]].cg_iterations;
    }
}

/* The samples that a first pass has not finished, into s->hard. */
static pdm_size find_hard(pdm_solver *s, pdm_batch batch)
{
    pdm_size n = 0;
    for (pdm_size i = 0; i < batch.n; i++) {
        const int32_t k = batch.index[i], reason = s->result[k].reason;
        s->spent[k] = s->spent_cg[k] = 0;
        if (!pdm_reason_is_good(reason) && reason != PDM_REASON_NOT_FINITE) s->hard[n++] = k;
    }
    return n;
}

pdm_status solver_minimise_staged(pdm_solver *s, pdm_batch batch, const pdm_rows_data *data, pdm_buffer *lift,
                                  solver_pass pass)
{
    pdm_status  status = PDM_OK;
    pdm_batch   hard   = {.index = s->hard};
    const bool  staged = s->n_stage > 0 && pass.start == PDM_START_ZERO && pass.max_iter > PATIENCE;
    solver_pass first = pass, last = pass, stage = {NULL, PDM_START_ZERO, STAGE_TOLERANCE, STAGE_ITERATIONS};

    if (staged) first.max_iter = PATIENCE;
    PDM_TRY(solver_minimise(s, batch, data, lift, first));
    if (staged) hard.n = find_hard(s, batch);
    if (hard.n == 0) goto done;
    add_iterations(s, hard);
    for (pdm_size k = 0; k < s->n_stage; k++) {
        stage.rows = s->stage[k].plan;
        PDM_TRY(solver_minimise(s, hard, data, lift, stage));
        add_iterations(s, hard);
        stage.start = PDM_START_PRESENT;
    }
    last.start = PDM_START_PRESENT;
    PDM_TRY(solver_minimise(s, hard, data, lift, last));
    add_iterations(s, hard);
    for (pdm_size i = 0; i < hard.n; i++) {
        s->result[s->hard[i]].iterations    = s->spent[s->hard[i]];
        s->result[s->hard[i]].cg_iterations = s->spent_cg[s->hard[i]];
    }
done:
    return status;
}
