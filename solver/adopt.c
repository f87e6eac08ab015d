/* The answer of another solver, of the same columns, made one's own: its weights, and what all rows say of them. */
#include "solver/solver_impl.h"

pdm_status pdm_solver_adopt(pdm_solver *s, pdm_batch batch, const pdm_rows_data *data, pdm_buffer *basis,
                            pdm_buffer *lift, const pdm_solver *from)
{
    pdm_status   status = PDM_OK;
    pdm_backend *b      = s->backend;

    PDM_TRY(solver_place_columns(s, batch, basis, &lift));
    PDM_TRY(b->ops->vector_combine(b, batch, s->state.n_column, s->one, from->state.w, NULL, NULL, s->state.w));
    s->pass = (solver_pass){s->state.rows, PDM_START_PRESENT, s->settings.tolerance, s->settings.max_iter};
    PDM_TRY(solver_start(s, batch, data, lift));
    for (pdm_size i = 0; i < batch.n; i++) {
        const int32_t k        = batch.index[i];
        s->result[k]           = from->result[k];
        s->result[k].objective = s->phi[k];
    }
done:
    return status;
}
