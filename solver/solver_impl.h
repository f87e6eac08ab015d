/* Inside of solver/: the solver's struct and the loop that minimises. */
#ifndef PDM_SOLVER_IMPL_H
#define PDM_SOLVER_IMPL_H

#include "solver/solver.h"

struct pdm_solver {
    pdm_context            *ctx;
    pdm_backend            *backend;
    pdm_solver_settings     settings;
    const pdm_columns_desc *columns;
    pdm_blocks             *structure;
    pdm_solver_state        state;
    pdm_buffer             *w_try, *c_try, *r_try, *g, *step, *diagonal;
    pdm_solve_result       *result; /* [n_sample] */
    pdm_arena               arena;
    /* host, [n_sample]: */
    double  *shift, *growth, *phi, *phi_try, *phi_start, *decrease, *size, *dot, *one, *minus, *ridge;
    int32_t *active, *fresh, *accepted; /* index lists */
};

/* minimise.c */
/* phi(w) from the start on, with the columns built; results of the samples are filled. */
pdm_status solver_minimise(pdm_solver *s, pdm_batch batch, const pdm_rows_data *data, pdm_buffer *lift,
                           pdm_start start);
/* At the present w: A, gradient_c = A^T r and g = C^T A^T r + ridge w; then H and its diagonal. */
pdm_status solver_linearise(pdm_solver *s, pdm_batch batch, const pdm_rows_data *data);
pdm_status solver_normal_matrix(pdm_solver *s, pdm_batch batch);

#endif
