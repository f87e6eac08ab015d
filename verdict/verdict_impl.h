/* Inside of verdict/. */
#ifndef PDM_VERDICT_IMPL_H
#define PDM_VERDICT_IMPL_H

#include "verdict/verdict.h"

/* ---- prolong.c: coefficients on a grid to those of the same splines on one that holds it ---- */
typedef struct prolongation {
    const pdm_domain *from, *to;
    double           *weight[PDM_MAX_DIM]; /* [n_to][degree+1] along a dimension                                 */
    pdm_size         *first[PDM_MAX_DIM];  /* [n_to] the coefficient of the first weight; modulo n_from, periodic */
    double           *work[2];
} prolongation;
pdm_status prolongation_create(const pdm_domain *from, const pdm_domain *to, prolongation *out);
void       prolongation_destroy(pdm_context *ctx, prolongation *p);
/* One field: from [n_coef of from] to [n_coef of to]. */
void prolongation_apply(const prolongation *p, const double *from, double *to);

/* ---- companion.c: the same inputs solved on another grid, slab after slab ---- */
typedef struct companion {
    const pdm_problem *of;
    pdm_problem       *whole;
    pdm_march         *march;   /* NULL: all of time at once, or rolled out                */
    const pdm_problem *problem; /* what is solved: the whole, or the slab of the march     */
    pdm_sampler      **sampler; /* [n of inputs] NULL: as it is                            */
    double            *input;   /* [n_most][n_input] of the whole, where there is a march  */
    pdm_samples       *samples;
    pdm_free_solver   *free; /* NULL: rows alone */
    pdm_slab_end      *end;  /* NULL: one slab */
    pdm_output_grid   *grid;
    double            *u;         /* [n_most][n_field][n_point] */
    bool              *converged; /* [n_most] in all slabs so far */
    double            *objective; /* [n_most] of all slabs so far */
    pdm_buffer        *start;     /* [n_most][n_field][n_coef] where the solve begins */
} companion;
typedef struct companion_limits {
    double   tolerance;
    pdm_size max_iter, n_most;
    bool     solves;
} companion_limits;
/* *out has whole, and perhaps march, which are its own then; the rest is made. Destroy it after a failure, too. */
pdm_status companion_create(const pdm_problem *of, const pdm_output_grid *grid, const companion_limits *limits,
                            companion *out);
void       companion_destroy(companion *c);
/* Its inputs, from those of the problem that it accompanies: [n][n_input]. */
pdm_status companion_inputs(companion *c, pdm_size n, const double *input);
/* Lift and data of slab k, behind the companion's own answer to the one before; where it does not solve, behind what is
 * in c->start still. */
pdm_status companion_prepare(companion *c, pdm_size n, pdm_size k);
/* from: PDM_START_PRESENT begins with c->start. */
pdm_status companion_solve(companion *c, pdm_size n, pdm_size k, pdm_start from);
/* The coefficients of n samples of its problem's splines, from a buffer of another problem's back end into one of its
 * own, [n_most][n_field][n_coef] both. */
pdm_status companion_take(companion *c, pdm_size n, const pdm_problem *of, pdm_buffer *from, pdm_buffer *to);
/* All slabs from nothing: input [n][n_input] of the problem that it accompanies. */
pdm_status companion_run(companion *c, pdm_size n, const double *input);
/* End of what n_slab slabs of it cover, in time. */
double companion_end(const companion *c, pdm_size n_slab);

/* ---- kept.c: the coefficients of a batch, slab by slab, until its verdict ---- */
typedef struct kept_answer {
    pdm_size n_slab, capacity;
    double **slab; /* [capacity] NULL, or [n_most][n_field][n_coef] */
} kept_answer;
/* Slab k, those before it being there; of a batch, in a buffer of p's back end. */
pdm_status kept_answer_put(kept_answer *a, const pdm_problem *p, pdm_size n_most, pdm_size k, pdm_buffer *c);
void       kept_answer_destroy(pdm_context *ctx, kept_answer *a);

/* ---- left_over.c: what coefficients leave over of each equation, against its largest summand ---- */
typedef struct left_over left_over;
/* Boxes are so many knot spans of p wide. */
pdm_status left_over_create(const pdm_problem *p, pdm_size n_most, pdm_size spans, left_over **out);
void       left_over_destroy(pdm_context *ctx, left_over **l);
void       left_over_begin(left_over *l);
/* Samples of p with coefficients c in a slab; base: NULL, or coefficients whose integrals are taken off, so that it is a
 * change that leaves something over. */
typedef struct left_over_state {
    pdm_batch            batch;
    const pdm_rows_data *data;
    pdm_buffer          *c, *base;
    pdm_size             slab;
    struct conservation *balance; /* hears of all summands; NULL: nobody does */
} left_over_state;
pdm_status left_over_add(left_over *l, const left_over_state *at);
/* Of sample i: left, equation, place. */
void   left_over_take(const left_over *l, pdm_size i, pdm_assessment *out);
double left_over_largest(const left_over *l, pdm_size i);
/* The largest against what rows naturally are, cell by cell: in a box over all of time what changes between its ends
 * adds up to nothing. */
double left_over_of_natural(const left_over *l, pdm_size i);
double left_over_nothing(const left_over *l, pdm_size e, pdm_size i); /* of equation e: integrals below are rounding */
/* Summands of the term of the domain that is a term of the pde; one that is not, of a prescribed flux, is one. */
enum { MOST_SUMMAND = 24 };
pdm_status summands_of(const pdm_problem *p, pdm_size term, pdm_size *n, const pdm_function *out[MOST_SUMMAND]);

/* ---- conservation.c: what equations in divergence form come to over the whole domain ---- */
typedef struct conservation conservation; /* NULL where there is no room for it: nothing is told */
pdm_status                  conservation_create(const pdm_problem *p, pdm_size n_most, conservation **out);
void                        conservation_destroy(pdm_context *ctx, conservation **c);
void                        conservation_begin(conservation *c);
/* The start of a slab and its walls; before left_over_add() of the same state, which tells the rest. */
pdm_status conservation_add(conservation *c, const left_over_state *at);
/* Integrals T [n_row] of a summand of an equation, as left_over.c counts them, of sample s. */
void conservation_hear(conservation *c, pdm_size s, pdm_size equation, pdm_size summand, const double *T);
/* Of sample i: account. beside: left-overs of the same coefficients. */
void conservation_take(const conservation *c, const left_over *beside, pdm_size i, pdm_assessment *out);

/* ---- soft.c: the direction in which a solution is held least ---- */
typedef struct soft_direction {
    const companion *of;    /* has been solved, in one slab */
    companion        cells; /* its splines on other cells than those that it was found on */
    left_over       *change;
    pdm_buffer      *x, *y; /* [n_most][n_column] */
    pdm_buffer      *v, *c; /* [n_most][n_field][n_coef] */
    pdm_buffer      *base;  /* the same of the solution, for the cells */
    double          *one, *minus, *step;
    int32_t         *failed;
    double          *held;  /* [n_most] left over of the equations, against its own largest summand; NaN: not known */
    bool            *loose; /* [n_most] nothing is, of what rows naturally are: it is free */
    pdm_size        *most;  /* [n_most] field and coefficient that change most, as in v */
} soft_direction;
pdm_status soft_direction_create(const companion *of, pdm_size n_most, soft_direction *out);
void       soft_direction_destroy(pdm_context *ctx, soft_direction *s);
/* input [n][n_input] of the problem that `of` accompanies. */
pdm_status soft_direction_find(soft_direction *s, pdm_size n, const double *input);
/* Of sample i: equation (its field) and place, of what changes most. */
void soft_direction_take(const soft_direction *s, pdm_size i, pdm_assessment *out);

/* ---- finer.c: knot spans half as long, solved on from the answer ---- */
typedef struct finer_grid {
    companion    companion;
    prolongation prolongation;
    left_over   *before, *after; /* of the answer and of the one found here, on the same cells */
} finer_grid;
/* solved: the problem, or the slab of the march. Fails with PDM_ERR_CASE where it is too large. Destroy it after a
 * failure, too. */
pdm_status finer_grid_create(const pdm_problem *p, const pdm_march *march, const pdm_output_grid *grid, pdm_size n_most,
                             finer_grid *out);
void       finer_grid_destroy(pdm_context *ctx, finer_grid *f);
/* Samples which [n] of a batch, whose answers were kept: input [n][n_input], theirs. */
pdm_status finer_grid_run(finer_grid *f, pdm_size n, const pdm_size *which, const double *input, const kept_answer *a);

/* ---- unseen.c: data between the points of the problem's grid ---- */
typedef struct unseen_data {
    char fixed[PDM_UNSEEN_TEXT];       /* the worst of what is the same for all inputs, in words; "": none */
    char (*of_input)[PDM_UNSEEN_TEXT]; /* [n_most] of the rest                                             */
    pdm_unseen_room *room;
} unseen_data;
pdm_status unseen_create(const pdm_problem *p, pdm_size n_most, unseen_data *out);
/* Destroy it after a failure, too. */
void       unseen_destroy(pdm_context *ctx, unseen_data *u);
pdm_status unseen_look(const pdm_problem *p, pdm_size n, const double *input, unseen_data *u); /* input [n][n_input] */
void       unseen_take(const unseen_data *u, pdm_size i, pdm_assessment *out);                 /* of sample i */

/* ---- estimate.c: errors from answers on two or three grids ---- */
/* Of the fields u [n_field][n_point], finer and coarser (NULL: none): estimate, worst, order. */
void estimate_error(const pdm_output_grid *grid, const double *u, const double *finer, const double *coarser,
                    double most_order, pdm_assessment *out);
/* The same from the coarser one alone, and the order in which the roots of their objectives fall. */
void estimate_by_coarser(const pdm_output_grid *grid, const double *u, const double *coarser, double order,
                         double most_order, pdm_assessment *out);

#endif
