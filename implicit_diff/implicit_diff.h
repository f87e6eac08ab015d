/* Derivative of the solve by the implicit function theorem: from the cotangent of c to that of the basis functions.
 *
 * Loss L = a phi* + l(c*), phi* the objective at the solution. With v = C lambda and
 *     (C^T (A^T A + S) C + ridge) lambda = C^T dl/dc,    S = sum_i r_i hess r_i,
 * the cotangent of C is  (a A^T r + dl/dc - A^T A v - S v) w^T - (A^T r) lambda^T.
 * Without l, lambda = 0: the envelope short cut. docs/mathematics.md, "Adjoint". Experts by themselves: the sum over
 * experts, each with a phi, r and A of its own. */
#ifndef PDM_IMPLICIT_DIFF_H
#define PDM_IMPLICIT_DIFF_H

#include "solver/solver.h"

typedef struct pdm_implicit pdm_implicit;

/* What became of one adjoint solve. */
typedef struct pdm_adjoint_result {
    int32_t iterations;
    bool    converged; /* false: the cotangent of this sample is not to be used */
    double  residual;  /* relative, of the adjoint system                       */
} pdm_adjoint_result;

/* tolerance: relative residual of the adjoint system. Takes its memory here; the solver is lent for its life. */
pdm_status pdm_implicit_create(pdm_context *ctx, pdm_backend *backend, pdm_solver *solver, double tolerance,
                               pdm_implicit **out);
void       pdm_implicit_destroy(pdm_implicit **d);

/* g_basis (FP32, like the basis) = dL/dbasis for the samples of the batch, at the solver's present solution.
 * weight [n_sample]: a, of those of the batch. g_c: dl/dc, like c; NULL: no l, envelope short cut. Linearises the
 * solver. */
pdm_status pdm_implicit_backward(pdm_implicit *d, pdm_batch batch, const pdm_rows_data *data, const double *weight,
                                 pdm_buffer *g_c, pdm_buffer *g_basis);
/* lambda of a loss l(c*) alone, dl/dc = g_c like c. Linearises the solver. Not of experts by themselves. What follows
 * from it, in this order:
 *     dl/dlift  = dl/dc - K C lambda, K = A^T M A + S, like c, columns and data being held: pdm_implicit_lift(), lent;
 *     dl/dbasis likewise: pdm_implicit_basis();
 *     dl/ddata  = -d/ddata of lambda . C^T A^T M r, c being held: pdm_implicit_pull() has the function, value [n_sample]
 *                 of the batch for other data. Overwrites r, y, A and gradient_c of the solver. */
pdm_status  pdm_implicit_adjoint(pdm_implicit *d, pdm_batch batch, const pdm_rows_data *data, pdm_buffer *g_c);
pdm_buffer *pdm_implicit_lift(const pdm_implicit *d);
pdm_status  pdm_implicit_basis(pdm_implicit *d, pdm_batch batch, pdm_buffer *g_basis);
pdm_status  pdm_implicit_pull(pdm_implicit *d, pdm_batch batch, const pdm_rows_data *data, double *value);
/* g_ridge, like w: the derivative of the same loss by the ridge of each unknown,
 * of those samples of the last backward. */
pdm_status pdm_implicit_ridge(pdm_implicit *d, pdm_batch batch, pdm_buffer *g_ridge);
/* g_window [all windows, group by group as in the columns' description] = the derivative of the same loss by the
 * windows, summed over those samples of the last backward. basis: that of the solve. Not of experts by themselves. */
pdm_status pdm_implicit_windows(pdm_implicit *d, pdm_batch batch, pdm_buffer *basis, pdm_buffer *g_window);
const pdm_adjoint_result *pdm_implicit_results(const pdm_implicit *d); /* [n_sample], of the last backward */

#endif
