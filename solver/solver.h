/* The constrained solve: damped Gauss-Newton for all experts' weights together, for a batch of inputs in lock step.
 *
 *   minimise phi(w) = 1/2 r.M r + 1/2 sum ridge_n w_n^2,   r = r(c_lift + C w)
 *
 * Levenberg-Marquardt: (H + shift max(diag H, floor) + ridge) dw = -g, H = C^T A^T M A C in blocks of experts; M = I
 * but with rows at every scale, shift by the gain ratio (Nielsen 1999). The system is factored, or, where it is large
 * or has what the factored matrix leaves out (derived fields), solved by conjugate gradients with the factor of an
 * approximation. Failing to converge is a result, not an error. docs/mathematics.md, "The expert problem".
 *
 * Read from a case: group "solver", see SOLVER_SETTINGS in solver.c. */
#ifndef PDM_SOLVER_H
#define PDM_SOLVER_H

#include "domain/domain.h"
#include "experts/experts.h"

/* ---- structure of H (solver/blocks.c): which experts meet, elimination order, fill, merged into blocks ---- */
typedef struct pdm_blocks pdm_blocks;
/* OWN and SEPARATE leave out what two experts have together: blocks on the diagonal only. OWN, for preconditioning,
 * still makes one block of a matrix that is small as a whole; SEPARATE has a block for every expert. */
typedef enum pdm_coupling { PDM_COUPLING_ALL, PDM_COUPLING_OWN, PDM_COUPLING_SEPARATE } pdm_coupling;
pdm_status             pdm_blocks_create(pdm_context *ctx, const pdm_rows_desc *rows, const pdm_columns_desc *columns,
                                         pdm_coupling coupling, pdm_blocks **out);
void                   pdm_blocks_destroy(pdm_blocks **b);
const pdm_blocks_desc *pdm_blocks_describe(const pdm_blocks *b);

double pdm_blocks_flops(const pdm_blocks *b); /* of one factorisation */

/* ---- conjugate gradients for a batch in lock step (solver/cg.c) ---- */
typedef struct pdm_cg pdm_cg;
/* A symmetric positive definite system K x = b. Vectors [n_sample][n];
 * both functions work on the samples of the batch. */
typedef struct pdm_cg_system {
    pdm_status (*apply)(void *user, pdm_batch batch, pdm_buffer *x, pdm_buffer *y);        /* y = K x        */
    pdm_status (*precondition)(void *user, pdm_batch batch, pdm_buffer *x, pdm_buffer *y); /* y = about K^-1 x */
    void    *user;
    double   tolerance; /* of the residual, relative to b, in the norm of the preconditioner */
    pdm_size max_iter;
} pdm_cg_system;
typedef struct pdm_cg_result {
    int32_t iterations;
    bool    converged; /* false: too many iterations, not positive definite, or not finite */
    double  residual;
} pdm_cg_result;
pdm_status pdm_cg_create(pdm_context *ctx, pdm_backend *backend, pdm_size n_sample, pdm_size n, pdm_cg **out);
void       pdm_cg_destroy(pdm_cg **g);
/* x = K^-1 b from x = 0; b is left as it is. Failing to converge is a result. */
pdm_status pdm_cg_solve(pdm_cg *g, pdm_batch batch, const pdm_cg_system *system, pdm_buffer *b, pdm_buffer *x);
const pdm_cg_result *pdm_cg_results(const pdm_cg *g); /* [n_sample], of the last solve */

/* ---- the solver ---- */
typedef enum pdm_linear { PDM_LINEAR_AUTO, PDM_LINEAR_DIRECT, PDM_LINEAR_CG } pdm_linear;
/* How the experts' problems hang together. docs/mathematics.md, "Modes". */
typedef enum pdm_mode {
    PDM_MODE_COUPLED,    /* one problem for all weights                                                        */
    PDM_MODE_SCHWARZ,    /* the same problem in sweeps: each expert by itself, the others' weights held        */
    PDM_MODE_INDEPENDENT /* each expert has the rows of its own box, the others' weights are zero; put together */
} pdm_mode;
const char *pdm_mode_name(int mode);
typedef enum pdm_rows_read { PDM_ROWS_ALL, PDM_ROWS_FEW } pdm_rows_read;
typedef struct pdm_solver_settings {
    double   tolerance, accuracy, rows_error, ridge, damping, cg_tolerance;
    pdm_size max_iter, stages, cg_iterations; /* stages: in time, dimension 0; without time there are none */
    int      linear;                          /* pdm_linear */
    int      mode;                            /* pdm_mode */
    int      rows;                            /* pdm_rows_read */
} pdm_solver_settings;
pdm_status pdm_solver_settings_read(pdm_case *c, pdm_solver_settings *out);
pdm_status pdm_solver_settings_view(pdm_text *out);

bool pdm_reason_is_good(int reason); /* converged, one way or the other */

/* What became of one input. */
typedef struct pdm_solve_result {
    int32_t reason, iterations, factorisations, cg_iterations;
    double  objective; /* phi                                                        */
    double  decrement; /* sqrt(2 x predicted decrease) / sqrt(2 phi) at the last step */

} pdm_solve_result;

typedef struct pdm_solver pdm_solver;
/* For batches of up to n_sample; takes all its memory here. Domain and experts are lent for its life. */
pdm_status pdm_solver_create(pdm_context *ctx, pdm_backend *backend, const pdm_solver_settings *settings,
                             const pdm_domain *domain, const pdm_experts *experts, pdm_size n_sample, pdm_solver **out);
/* On other rows than a domain's, with columns for them, both lent for its life: without stages, of the mode "coupled". */
pdm_status pdm_solver_create_few(pdm_context *ctx, pdm_backend *backend, const pdm_solver_settings *settings,
                                 const pdm_rows_desc *rows, const pdm_columns_desc *columns, pdm_size n_sample,
                                 pdm_solver **out);
void       pdm_solver_destroy(pdm_solver **s);

/* Tighter or looser than the settings it was made with: training and prediction share one solver. */
void pdm_solver_set_limits(pdm_solver *s, double tolerance, pdm_size max_iter);

/* Which unknowns exist, and the ridge of each, in the solves from now on of the samples of the batch: on and ridge
 * [n_sample][n_column] host; ridges of what does not exist are not read. on NULL: all, ridge NULL: the settings' ridge.
 * A sample without any unknown is its lift, which takes one iteration to find out. Dense columns only; the solve that
 * follows starts from zero. No allocation but in the first call with ridges. */
pdm_status pdm_solver_select(pdm_solver *s, pdm_batch batch, const unsigned char *on, const double *ridge);

/* The windows that the experts' description has now, in the solves from now on. Dense columns only, not of experts
 * by themselves. No allocation. */
pdm_status pdm_solver_take_windows(pdm_solver *s);

/* Solves for the samples of the batch. basis: FP32 [n_sample][n_channel][n_coef], NULL for identity columns.
 * lift [n_sample][n_field][n_coef]. start: 0 starts from w = 0, otherwise from the w that is there.
 * Afterwards w and c hold the answer; results [n_sample] are lent until the next solve. */
typedef enum pdm_start { PDM_START_ZERO, PDM_START_PRESENT } pdm_start;
pdm_status pdm_solver_solve(pdm_solver *s, pdm_batch batch, const pdm_rows_data *data, pdm_buffer *basis,
                            pdm_buffer *lift, pdm_start start);
/* The answer of a solver with the same columns and other rows becomes that of s: w, c, r and y; results are those of the
 * other one, but for the objective, which is that of the rows of s. */
pdm_status              pdm_solver_adopt(pdm_solver *s, pdm_batch batch, const pdm_rows_data *data, pdm_buffer *basis,
                                         pdm_buffer *lift, const pdm_solver *from);
const pdm_solve_result *pdm_solver_results(const pdm_solver *s);

/* What every column is worth at the present w, those included that do not exist: the objective's quadratic model with
 * all columns, at its own minimum, set by set as of blocks_worth with an expert a set; a column's worth is what it adds
 * to those before it, all other experts following. Before the others come those `preferred` [n_sample][n_column] (NULL:
 * none). worth [n_sample][n_column]; least [n_sample] host: the model's minimum, NaN for samples whose matrix cannot be
 * factored, and of which nothing is said. After pdm_solver_linearise of these samples; from then on all columns exist,
 * with the settings' ridge. */
pdm_status pdm_solver_worth(pdm_solver *s, pdm_batch batch, pdm_buffer *basis, const unsigned char *preferred,
                            pdm_buffer *worth, double *least);

/* The experts' own solvers of PDM_MODE_INDEPENDENT, with states like any other's: w of this expert, c = c_lift + C_e
 * w_e with its wide columns (experts/wide.h), r of its rows (zero elsewhere). They share A and gradient_c with each
 * other, so linearise one at a time. The solver itself has w of all, and c = c_lift + sum_e G_e (c_e - c_lift) with its
 * r and y; G_e: share, like c. Lent; 0 of them in the other modes. */
pdm_size    pdm_solver_n_part(const pdm_solver *s);
pdm_solver *pdm_solver_part(const pdm_solver *s, pdm_size expert);
pdm_buffer *pdm_solver_part_share(const pdm_solver *s, pdm_size expert);

/* At the present w: r, y, A and gradient_c = A^T y, and with factor also the factor of H + ridge.
 * What implicit_diff needs. */
pdm_status pdm_solver_linearise(pdm_solver *s, pdm_batch batch, const pdm_rows_data *data, bool factor);
/* v = C w and curvature = A^T M A v, both like c, with A as it is. Overwrites work of the solver,
 * nothing of its state. */
pdm_status pdm_solver_curvature(pdm_solver *s, pdm_batch batch, pdm_buffer *w, pdm_buffer *v, pdm_buffer *curvature);
/* y += ridge x, both like w, with the ridge of each unknown where they have their own. */
pdm_status pdm_solver_add_ridge(pdm_solver *s, pdm_batch batch, pdm_buffer *x, pdm_buffer *y);
/* Did the solve end without an answer: not finite at the start, or singular? */
bool pdm_reason_is_useless(int reason);
/* Where rows or their derivatives are not finite at the present c (pdm_domain_explain), of the first sample of the
 * batch of which that is so; nothing where there is none. domain, data: those of the solve. Allocates; slow. */
pdm_status pdm_solver_explain(const pdm_solver *s, const pdm_domain *domain, const pdm_rows_data *data, pdm_batch batch,
                              pdm_text *out);
/* How steps are solved for. */
pdm_status pdm_solver_view(const pdm_solver *s, pdm_text *out);

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
    pdm_buffer       *L;          /* factor of H + ridge after linearise with factor; an approximation's where !exact */
    bool              exact;      /* L is the factor of the whole of H                  */
    pdm_size          n_sample, n_row, n_column, c_size;
    double            ridge;
    pdm_buffer       *ridges; /* [n_sample][n_column], in place of ridge; NULL: all unknowns have the same */
    int32_t          *failed; /* [n_sample] of the last factorisation, 0 = fine */
} pdm_solver_state;
const pdm_solver_state *pdm_solver_lend(const pdm_solver *s);
const pdm_columns_desc *pdm_solver_columns(const pdm_solver *s); /* lent too */

#endif
