/* Inside of solver/: the solver's struct and the loop that minimises. */
#ifndef PDM_SOLVER_IMPL_H
#define PDM_SOLVER_IMPL_H

#include "solver/solver.h"

/* One run of the minimiser: which rows, and when to stop. */
typedef struct solver_pass {
    pdm_rows_plan *rows;
    pdm_start      start;
    double         tolerance;
    pdm_size       max_iter;
} solver_pass;

typedef struct solver_stage solver_stage;
typedef struct solver_part  solver_part;

/* linear.c */
/* Which structure the normal matrix gets, and whether its factor is all of it. */
struct solver_shape;
pdm_status solver_linear_choose(pdm_solver *s, const struct solver_shape *shape);
pdm_status solver_linear_create(pdm_solver *s, const struct solver_shape *shape);
void       solver_linear_destroy(pdm_solver *s);
/* The factor, exact or of an approximation, of H + shift D + ridge; shift [n_sample], what fails into state.failed. */
pdm_status solver_linear_factor(pdm_solver *s, pdm_batch batch, const double *shift);
/* s->step = (H + shift D + ridge)^-1 s->g with the present factor, to cg_tolerance where it is not exact; or a sweep. */
pdm_status solver_linear_solve(pdm_solver *s, pdm_batch batch);

struct pdm_solver {
    pdm_context            *ctx;
    pdm_backend            *backend;
    pdm_solver_settings     settings;
    const pdm_columns_desc *columns;
    pdm_blocks             *structure;
    pdm_solver_state        state;
    pdm_buffer             *w_try, *c_try, *r_try, *y_try, *g, *step, *diagonal;
    pdm_buffer             *curvature; /* like c; NULL where steps are solved for directly, like cg */
    pdm_buffer             *partials;  /* of the programs of rows, where products go without A; NULL: with it */
    pdm_cg                 *cg;
    pdm_buffer             *origin; /* like c: c where w is 0; NULL: the lift */
    pdm_nest               *nest;   /* NULL: preconditioned by the factor of H's blocks, if at all */
    pdm_nest_plan          *nested;
    pdm_buffer             *pulled; /* ridges w, where the unknowns have their own */
    pdm_buffer             *signs;  /* like c: -1 and 1 at random, the same for all samples */
    pdm_solve_result       *result; /* [n_sample] */
    pdm_arena               arena;
    solver_pass             pass;    /* the present or last one */
    pdm_size                n_stage; /* 0: none */
    solver_stage           *stage;   /* [n_stage] */
    pdm_size                n_part;  /* 0 but for PDM_MODE_INDEPENDENT: experts */
    solver_part            *part;    /* [n_part] */
    struct pdm_wide        *wide;    /* their columns */
    const pdm_solver       *lender;  /* whose scratch of the size of rows and coefficients a part uses; NULL: its own */
    bool                    is_linear; /* rows are: A, H and their factor are those of any w */
    bool                    by_update; /* ... and A is smaller than what rows are evaluated from: r changes by A c */
    /* host, [n_sample]: */
    double  *shift, *growth, *phi, *phi_try, *phi_start, *decrease, *size, *dot, *one, *minus, *ridge;
    double  *summed;           /* squares of the numbers that make the rows; 0: not asked for */
    double  *predicted_before; /* of the last step that was taken; 0: none yet */
    double  *phi_around; /* of a part: the objective of all rows at the lift, beside which its own counts; else 0 */
    int32_t *active, *fresh, *accepted, *hard; /* index lists */
    int32_t *spent, *spent_cg;                 /* iterations of the passes before */
    bool    *factored;                         /* L is that of the present H and shift */
    bool    *renew, *aged;                     /* H is to be that of the present w; is that of one before */
};

/* minimise.c */
/* y = M r; nothing where y is r. */
pdm_status solver_weigh(pdm_solver *s, pdm_rows_plan *rows, pdm_batch batch, pdm_buffer *r, pdm_buffer *y);
/* At the w that there is, or at 0: c, r, y and phi; results are empty. */
pdm_status solver_start(pdm_solver *s, pdm_batch batch, const pdm_rows_data *data, pdm_buffer *lift);
/* Minimises phi(w), with the columns built; the samples' results are those of this pass. */
pdm_status solver_minimise(pdm_solver *s, pdm_batch batch, const pdm_rows_data *data, pdm_buffer *lift,
                           solver_pass pass);
/* At the present w: A, gradient_c = A^T y and g = C^T gradient_c + ridge w, these two alone with A as it is; then H and
 * its diagonal. */
pdm_status solver_linearise(pdm_solver *s, pdm_batch batch, const pdm_rows_data *data);
pdm_status solver_gradient(pdm_solver *s, pdm_batch batch);
pdm_status solver_normal_matrix(pdm_solver *s, pdm_batch batch);

/* rounding.c */
pdm_status solver_rounding_create(pdm_solver *s);
/* Once steps and what they promise are there: s->summed of those samples that promise next to nothing. Overwrites trial
 * buffers and s->fresh. */
pdm_status solver_rounding_measure(pdm_solver *s, pdm_batch batch);
/* What rounding does to the objective of sample k. */
double solver_rounding_of(const pdm_solver *s, int32_t k);

/* schwarz.c */
/* s->step = one sweep of the experts from s->g with the present factor. */
pdm_status solver_schwarz_sweep(pdm_solver *s, pdm_batch batch);
/* The decrease that is left, given that the next sweep is predicted to bring this much. */
double solver_schwarz_remaining(pdm_solver *s, int32_t k, double predicted);

/* independent.c */
pdm_status solver_parts_create(pdm_solver *s, const pdm_domain *domain, const pdm_experts *experts);
void       solver_parts_destroy(pdm_solver *s);
/* pdm_solver_select() for each of them. */
pdm_status solver_parts_select(pdm_solver *s, pdm_batch batch, const unsigned char *on, const double *ridge);
/* Solves the experts' problems one after the other and puts their weights together: w, c, r, y;
 * results are those of all. */
pdm_status solver_parts_solve(pdm_solver *s, pdm_batch batch, const pdm_rows_data *data, pdm_buffer *basis,
                              pdm_buffer *lift, pdm_start start);

/* solver.c */
/* Columns as they follow from the basis; *lift becomes what they are added to. */
pdm_status solver_place_columns(pdm_solver *s, pdm_batch batch, pdm_buffer *basis, pdm_buffer **lift);
/* What a solver is made of. All is lent for its life. */
typedef struct solver_shape {
    const pdm_rows_desc    *rows;
    const pdm_columns_desc *columns;
    pdm_size                n_column, n_coef, n_stage;
    const pdm_domain       *domain; /* NULL: not of all its rows */
} solver_shape;
pdm_status solver_create(pdm_context *ctx, pdm_backend *backend, const pdm_solver_settings *settings,
                         const solver_shape *shape, const pdm_solver *lender, pdm_size n_sample, pdm_solver **out);

/* stages.c */
pdm_status solver_stages_create(pdm_solver *s, const pdm_rows_desc *rows, pdm_size n_stage);
void       solver_stages_destroy(pdm_solver *s);
/* Minimises; a sample that is not done soon starts again, early times first. Results are of all passes together. */
pdm_status solver_minimise_staged(pdm_solver *s, pdm_batch batch, const pdm_rows_data *data, pdm_buffer *lift,
                                  solver_pass pass);

#endif
