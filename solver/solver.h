/* The constrained solve: damped Gauss-Newton for all experts' weights together, for a batch of inputs in lock step.
 *
 *   minimise phi(w) = 1/2 r.M r + 1/2 ridge |w|^2,   r = r(c_lift + C w)
 *
 * Levenberg-Marquardt: (H + shift max(diag H, floor) + ridge) dw = -g, H = C^T A^T M A C in blocks of experts; M = I but with
 * rows at every scale, shift by the
 * gain ratio (Nielsen 1999). Failing to converge is a result, not an error. docs/mathematics.md, "The expert problem".
 *
 * Read from a case: group "solver", see SOLVER_SETTINGS in solver.c. */
#ifndef PDM_SOLVER_H
#define PDM_SOLVER_H

#include "domain/domain.h"
#include "experts/experts.h"

/* ---- structure of H (solver/blocks.c): which experts meet, elimination order, fill, merged into blocks ---- */
typedef struct pdm_blocks pdm_blocks;
pdm_status             pdm_blocks_create(pdm_context *ctx, const pdm_rows_desc *rows, const pdm_columns_desc *columns,
                                         pdm_blocks **out);
void                   pdm_blocks_destroy(pdm_blocks **b);
const pdm_blocks_desc *pdm_blocks_describe(const pdm_blocks *b);

/* ---- the solver ---- */
typedef struct pdm_solver_settings {
    double   tolerance, ridge, damping;
    pdm_size max_iter, stages; /* stages: in time, dimension 0; without time there are none */
} pdm_solver_settings;
pdm_status pdm_solver_settings_read(pdm_case *c, pdm_solver_settings *out);
pdm_status pdm_solver_settings_view(pdm_text *out);

#define PDM_REASON_LIST(X)                                                 \
    X(PDM_REASON_NONE, 0, "not solved")                                    \
    X(PDM_REASON_CONVERGED, 1, "converged")                                \
    X(PDM_REASON_ROUNDING, 2, "converged to rounding")                     \
    X(PDM_REASON_MAX_ITER, 3, "too many iterations")                       \
    X(PDM_REASON_STALLED, 4, "no step decreases the objective")            \
    X(PDM_REASON_NOT_FINITE, 5, "the residual is not finite at the start") \
    X(PDM_REASON_SINGULAR, 6, "the normal matrix cannot be factored")
typedef enum pdm_reason {
#define PDM_REASON_ENUM(name, value, text) name = value,
    PDM_REASON_LIST(PDM_REASON_ENUM)
#undef PDM_REASON_ENUM
} pdm_reason;
const char *pdm_reason_text(int reason);
bool        pdm_reason_is_good(int reason); /* converged, one way or the other */

/* What became of one input. */
typedef struct pdm_solve_result {
    int32_t reason, iterations, factorisations;
    double  objective; /* phi                                                        */
    double  decrement; /* sqrt(2 x predicted decrease) / sqrt(2 phi) at the last step */

} pdm_solve_result;

typedef struct pdm_solver pdm_solver;
/* For batches of up to n_sample; takes all its memory here. Domain and experts are lent for its life. */
pdm_status pdm_solver_create(pdm_context *ctx, pdm_backend *backend, const pdm_solver_settings *settings,
                             const pdm_domain *domain, const pdm_experts *experts, pdm_size n_sample, pdm_solver **out);
void       pdm_solver_destroy(pdm_solver **s);

/* Tighter or looser than the settings it was made with: training and prediction share one solver. */
void pdm_solver_set_limits(pdm_solver *s, double tolerance, pdm_size max_iter);

/* Solves for the samples of the batch. basis: FP32 [n_sample][n_channel][n_coef], NULL for identity columns.
 * lift [n_sample][n_field][n_coef]. start: 0 starts from w = 0, otherwise from the w that is there.
 * Afterwards w and c hold the answer; results [n_sample] are lent until the next solve. */
typedef enum pdm_start { PDM_START_ZERO, PDM_START_PRESENT } pdm_start;
pdm_status              pdm_solver_solve(pdm_solver *s, pdm_batch batch, const pdm_rows_data *data, pdm_buffer *basis,
                                         pdm_buffer *lift, pdm_start start);
const pdm_solve_result *pdm_solver_results(const pdm_solver *s);

/* At the present w: r, y, A and gradient_c = A^T y, and with factor also the factor of H + ridge. What implicit_diff needs. */
pdm_status pdm_solver_linearise(pdm_solver *s, pdm_batch batch, const pdm_rows_data *data, bool factor);

/* The solver's state, for those who differentiate it or evaluate its answer. Lent. */
typedef struct pdm_solver_state {
    pdm_rows_plan    *rows;
    pdm_columns_plan *columns;
    pdm_blocks_plan  *blocks;
    pdm_normal_plan  *normal;
    pdm_buffer       *w, *c;      /* [n_sample][n_column], [n_sample][n_field][n_coef]  */
    pdm_buffer       *r, *A;      /* as of the last pdm_solver_linearise                */
    pdm_buffer       *y;          /* M r: r where every row counts once                 */
    pdm_buffer       *gradient_c; /* A^T y, like c                                      */
    pdm_buffer       *H;          /* as of the last linearise with factor, or step of a solve */
    pdm_buffer       *L;          /* factor of H + ridge after linearise with factor    */
    pdm_size          n_sample, n_row, n_column, c_size;
    double            ridge;
    int32_t          *failed; /* [n_sample] of the last factorisation, 0 = fine */
} pdm_solver_state;
const pdm_solver_state *pdm_solver_lend(const pdm_solver *s);

#endif
