/* Sweeps: each expert takes the step that is best for its own weights while all others stay.
 * docs/mathematics.md, "Modes". */
#include "solver/solver_impl.h"

#include <math.h>

/* s->step = alpha B^-1 g, B the experts' own blocks, damped, which are factored; alpha makes the quadratic model of all
 * experts together least along that direction:
 *     alpha = <g, p> / (|J p|^2 + sum ridge_n p_n^2)
 * Without it neighbours that correct the same rows overshoot together. Overwrites trial buffers. */
pdm_status solver_schwarz_sweep(pdm_solver *s, pdm_batch batch)
{
    pdm_status        status = PDM_OK;
    pdm_backend      *b      = s->backend;
    pdm_solver_state *st     = &s->state;
    double           *alpha  = s->phi_try;
    const pdm_dot     dot[]  = {{st->n_row, s->r_try, s->y_try, NULL, s->decrease},
                                {st->n_column, s->step, s->step, st->ridges, s->size},
                                {st->n_column, s->g, s->step, NULL, s->dot}};

    PDM_TRY(b->ops->blocks_solve(b, st->blocks, batch, st->L, s->g, s->step));
    PDM_TRY(b->ops->columns_expand(b, st->columns, batch, s->step, NULL, s->c_try));
    PDM_TRY(b->ops->rows_apply(b, s->pass.rows, batch, st->A, s->c_try, s->r_try));
    PDM_TRY(solver_weigh(s, s->pass.rows, batch, s->r_try, s->y_try));
    PDM_TRY(b->ops->vector_dots(b, batch, 3, dot));
    for (pdm_size i = 0; i < batch.n; i++) {
        const int32_t k         = batch.index[i];
        const double  curvature = s->decrease[k] + (st->ridges ? 1.0 : s->settings.ridge) * s->size[k];
        alpha[k]                = curvature > 0.0 ? s->dot[k] / curvature : 1.0;
    }
    PDM_TRY(b->ops->vector_combine(b, batch, st->n_column, alpha, s->step, NULL, NULL, s->step));
done:
    return status;
}

/* Sweeps gain less and less, in the end by a steady factor q: what all that follow would gain, this one included, is that
 * geometric series. Before q is known it is infinite. */
double solver_schwarz_remaining(pdm_solver *s, int32_t k, double predicted)
{
    const double before = s->predicted_before[k];

    if (predicted == 0.0) return 0.0;
    if (!(before > 0.0 && predicted < before)) return INFINITY;
    return predicted / (1.0 - predicted / before);
}
