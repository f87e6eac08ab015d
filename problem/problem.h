/* The problem: what is to be solved, on which grid, on which back end, and how large things are in it. With it, the one
 * solve that needs no model: all coefficients free.
 *
 * Read from a case: /training (problem/settings.c), /solver:backend, /domain/t:slabs; the rest by what it is made of. */
#ifndef PDM_PROBLEM_H
#define PDM_PROBLEM_H

#include "inputs/inputs.h"
#include "solver/solver.h"

/* ---- settings (problem/settings.c) ---- */
typedef enum pdm_loss_kind { PDM_LOSS_PHYSICS, PDM_LOSS_DATA, PDM_LOSS_MIX } pdm_loss_kind;
typedef struct pdm_training_settings {
    pdm_size steps, batch, guess_steps, solutions, slabs, seed, checkpoint_every, warmup, max_iter;
    int      loss; /* pdm_loss_kind */
    double   learning_rate, final_rate, clip, data_weight, tolerance;
} pdm_training_settings;
pdm_status pdm_training_settings_read(pdm_case *c, pdm_training_settings *out);
pdm_status pdm_training_settings_view(pdm_text *out);

/* ---- the problem (problem/problem.c) ---- */
/* Everybody reads it; written in problem/ alone, but for scales that come from a file or from a parent. */
typedef struct pdm_problem {
    pdm_context          *ctx;
    pdm_case             *the_case; /* a copy of its own */
    pdm_training_settings training;
    pdm_solver_settings   solving; /* of predictions; training has limits of its own */
    pdm_pde              *pde;
    pdm_domain           *domain;
    pdm_backend          *backend;
    pdm_inputs           *inputs;          /* NULL: rows alone */
    pdm_size              slabs;           /* of solves with all coefficients free; 0: by themselves */
    double               *magnitude;       /* [n_field] sizes of the fields; 1 until they are found */
    bool                  start_is_graded; /* knots of time were found for a layer at the start (problem/start.c) */
    double                data_growth[PDM_MAX_DIM]; /* knots were found about narrow data: of spans; 0: none */
    pdm_peclet            peclet[PDM_MAX_DIM];      /* of a typical input's lift, before knots were graded */
} pdm_problem;

typedef enum pdm_problem_depth {
    PDM_PROBLEM_ROWS,   /* pde, domain, back end: rows on somebody's coefficients                       */
    PDM_PROBLEM_INPUTS, /* and inputs; scales come from elsewhere                                       */
    PDM_PROBLEM_WHOLE   /* and breaks of a grading = "auto", and scales, found by solves: to be solved  */
} pdm_problem_depth;
/* grading: lent for the call; NULL: equal spans, or those that are found. Copies the case. Destroy before the context. */
pdm_status pdm_problem_create(pdm_case *c, pdm_problem_depth depth, const pdm_grading *grading, pdm_problem **out);
void       pdm_problem_destroy(pdm_problem **p);
/* Makes one with inputs whole: finds breaks, which make another problem of *p, and scales. */
pdm_status pdm_problem_complete(pdm_problem **p);
/* The same with these breaks, and without scales; where there are none it stays. */
pdm_status pdm_problem_regrade(pdm_problem **p, const pdm_grading *grading);
/* The same rows on another grid (problem/refine.c), with this one's scales, without inputs. HALVED, DOUBLED: the lengths
 * of knot spans; spans that are put together by twos may be too few for the case: PDM_ERR_CASE. CELLS: the same splines,
 * and other cells in their spans, finer by one a span and dimension. */
typedef enum pdm_grid_change { PDM_GRID_HALVED, PDM_GRID_DOUBLED, PDM_GRID_CELLS } pdm_grid_change;
pdm_status pdm_problem_change_grid(const pdm_problem *p, pdm_grid_change change, pdm_problem **out);
/* The same with inputs on spans half as long along some dimensions, for batches of so many samples. */
pdm_status pdm_problem_halve(const pdm_problem *p, const bool along[PDM_MAX_DIM], pdm_size batch, pdm_problem **out);
/* "inputs/NAME" of a pde input, "domain/NAME" of a dimension: groups of the case. */
enum { PDM_GROUP_TEXT = 160 };
void pdm_problem_input_group(const pdm_problem *p, pdm_size input, char group[PDM_GROUP_TEXT]);
void pdm_problem_dim_group(const pdm_problem *p, pdm_size dim, char group[PDM_GROUP_TEXT]);

/* ---- breaks of a grading = "auto", and of dimensions that are graded by themselves (problem/grading.c) ---- */
/* Cell Peclet numbers and what follows from them, for `check`. */
pdm_status pdm_problem_view_peclet(const pdm_problem *p, pdm_text *out);
void       pdm_grading_destroy(pdm_context *ctx, pdm_grading *g);
/* The breaks that one problem has, of the dimensions for which another's case asks for them. Lent. */
void pdm_grading_lend(const pdm_problem *wants, const pdm_problem *has, pdm_grading *lent);

/* ---- in a model's file (problem/store.c) ---- */
/* Breaks that were found are written; those of a file replace the domain, so *p becomes another. */
pdm_status pdm_problem_store_grading(pdm_problem **p, pdm_store *s, bool writing);
/* Scales of rows, fields and inputs are found once, and kept: they define the objective. */
pdm_status pdm_problem_store_scales(pdm_problem *p, pdm_store *s, bool writing);

/* ---- what a case says against itself, and what it leaves open (problem/notes.c) ---- */
typedef enum pdm_note_kind {
    PDM_NOTE_CORNER,     /* initial state and values on a side                      */
    PDM_NOTE_EDGE,       /* values on two sides                                     */
    PDM_NOTE_WALL,       /* initial state and fluxes or general conditions on a side */
    PDM_NOTE_STEADY,     /* initial state and an equation without time derivatives  */
    PDM_NOTE_CONSTRAINT, /* initial state and the integral of a constraint          */
    PDM_NOTE_SEAM,       /* the two ends of a periodic dimension                    */
    PDM_NOTE_OPEN,       /* a side without the condition that an equation asks for  */
    PDM_NOTE_OUTFLOW,    /* a condition where the equation carries things out       */
    PDM_NOTE_GRADED,     /* knots of time that were found for the start             */
    PDM_NOTE_DIVISION,   /* a division by what goes through zero                    */
    PDM_NOTE_UNSEEN,     /* data between the points at which the grid reads them    */
    PDM_NOTE_KINDS
} pdm_note_kind;
typedef struct pdm_note {
    pdm_note_kind kind;
    double        relative; /* to the largest of what disagrees; 1 where that means nothing */
    pdm_size      where;    /* number of the condition, equation, ...: with the kind, one note */
    char          text[400];
} pdm_note;
enum { PDM_NOTES_MOST = 24 };
typedef struct pdm_notes {
    pdm_size n; /* further ones are left out */
    pdm_note note[PDM_NOTES_MOST];
} pdm_notes;
/* Of one input [n_input], beside those that are there: of the same thing the largest. Allocates; slow. */
pdm_status pdm_notes_of_input(const pdm_problem *p, const double *input, pdm_notes *notes);
/* Of typical inputs, and what does not depend on inputs. The inputs have been read. */
pdm_status pdm_notes_of_case(const pdm_problem *p, pdm_notes *notes);
/* A line each, for `check`. */
pdm_status pdm_notes_view(const pdm_notes *notes, pdm_text *out);
/* Those that may spoil a solution, as warnings: of some of n inputs [n][n_input], or with NULL of typical ones. */
pdm_status pdm_notes_warn(const pdm_problem *p, const char *topic, pdm_size n, const double *input);

/* ---- knots about narrow data (problem/narrow.c) ----
 * Spans grow away from narrow data by exp(data_growth) each; strained: by more than answers on them are right for. */
bool       pdm_narrow_is_there(const pdm_problem *p); /* in any dimension */
bool       pdm_narrow_is_strained(const pdm_problem *p, pdm_size dim);
pdm_status pdm_narrow_view(const pdm_problem *p, pdm_size dim, pdm_text *out);

/* "source of equation u: up to 4e+04 near x = 0.5137, of which the grid sees 0 ..." (problem/unseen.c) */
pdm_status pdm_unseen_view(const pdm_problem *p, const pdm_unseen *u, pdm_text *out);

/* ---- a batch of samples, made ready for rows (problem/samples.c) ---- */
typedef struct pdm_samples {
    const pdm_problem *problem;
    pdm_size           n_most;
    pdm_buffer        *lift;  /* [n_most][n_field][n_coef]                  */
    pdm_rows_data      data;  /* scalars and sampled fields of the rows     */
    double            *input; /* [n_most][n_input], host: the caller's room */
    int32_t           *index; /* [n_most] 0, 1, 2, ...                      */
    pdm_arena          arena;
    double            *work;
} pdm_samples;
/* The problem is lent for its life. */
pdm_status pdm_samples_create(const pdm_problem *p, pdm_size n_most, pdm_samples **out);
void       pdm_samples_destroy(pdm_samples **s);
/* Its first n. */
pdm_batch pdm_samples_batch(const pdm_samples *s, pdm_size n);
/* Lift and data of n samples from input [n][n_input]. Fails with PDM_ERR_DATA on numbers that are not finite. */
pdm_status pdm_samples_prepare(pdm_samples *s, pdm_size n, const double *input);

/* ---- all coefficients free (problem/free.c) ---- */
/* So many coefficients are solved for in passing: for a scale, a floor, a verdict. */
enum { PDM_FREE_CHEAP = 6000 };
typedef struct pdm_free_solver {
    const pdm_problem *problem;
    pdm_experts       *experts;
    pdm_solver        *solver; /* its results and state are lent to everybody */
    pdm_buffer        *difference;
    double            *plus, *minus; /* [n_sample] 1 and -1 */
    pdm_arena          arena;
} pdm_free_solver;
/* For batches of up to n_sample. The mode is coupled, without a ridge. */
pdm_status pdm_free_solver_create(const pdm_problem *p, pdm_size n_sample, double tolerance, pdm_size max_iter,
                                  pdm_free_solver **out);
void       pdm_free_solver_destroy(pdm_free_solver **f);
/* The next solve with PDM_START_PRESENT starts from coefficients c [n_sample][n_field][n_coef]. */
pdm_status pdm_free_solver_start(pdm_free_solver *f, const pdm_samples *s, pdm_batch batch, pdm_buffer *c);
pdm_status pdm_free_solver_solve(pdm_free_solver *f, const pdm_samples *s, pdm_batch batch, pdm_start start);

/* Solutions of a few inputs, those of the first step of training, from nothing. */
typedef struct pdm_few {
    pdm_samples     *samples;
    pdm_free_solver *free;
    int32_t         *number; /* [batch.n] */
    pdm_batch        batch;  /* those that went well */
} pdm_few;
/* what: begins the line of the log, and the message where none went well. Destroy *out. */
pdm_status pdm_few_solve(const pdm_problem *p, const char *what, pdm_few *out);
void       pdm_few_destroy(pdm_context *ctx, pdm_few *few);

/* ---- slabs in time: the end of one is the start of the next (problem/slabs.c). docs/mathematics.md, "Slabs" ---- */
/* Can it be? Fails with PDM_ERR_DATA, saying why not. */
pdm_status pdm_slabs_check(const pdm_problem *p);
/* Evaluation at the end of a slab, on the points of the inputs that are initial data. */
typedef struct pdm_slab_end {
    const pdm_problem *problem;
    pdm_size           n_point;
    pdm_point_grid     grid;
    pdm_points_plan   *plan;
    pdm_buffer        *values; /* [n_most][n_point] */
} pdm_slab_end;
pdm_status pdm_slab_end_create(const pdm_problem *p, pdm_size n_most, pdm_slab_end **out);
void       pdm_slab_end_destroy(pdm_slab_end **e);
/* Puts the state at the end of a slab with coefficients c into the initial data of the samples:
 * input [batch.n][n_input]. A value that is not finite, of a solve that went wrong, stays what it was. */
pdm_status pdm_slab_advance(pdm_slab_end *e, pdm_batch batch, pdm_buffer *c, double *input);

/* ---- a march: all of time as slabs, each with all coefficients free (problem/march.c) ----
 * The slab is a problem of its own on a shorter interval. Its inputs are those of the whole, then the time at which it
 * starts, then a state for every initial condition: pdm_slab_advance() moves them on. */
typedef struct pdm_march {
    pdm_context       *ctx;
    const pdm_problem *whole;             /* lent */
    pdm_problem       *slab;              /* rows, with the scales of the whole */
    pdm_size           n_slab, n_element; /* knot spans of a slab in time */
    double            *shift, *scale;     /* [inputs of the slab] for a network, as those of pdm_inputs */
} pdm_march;
enum { PDM_MARCH_WHY = 200 };
/* Can time be cut, and if not: why. */
bool pdm_march_possible(const pdm_problem *whole, char why[PDM_MARCH_WHY]);
/* Can it be cut into so many? Fails with PDM_ERR_CASE at the setting that says so. */
pdm_status pdm_march_check(const pdm_problem *whole, pdm_size n_slab, pdm_where where);
/* As many as the case says, or as are good; 1: all of time at once. */
pdm_size pdm_march_slabs(const pdm_problem *whole);
/* Scales of the whole are known. Knot spans of a slab: those of the whole over n_slab, rounded up. Fails with
 * PDM_ERR_CASE where it cannot be. */
pdm_status pdm_march_create(const pdm_problem *whole, pdm_size n_slab, pdm_march **out);
/* Slabs of half the length with as many knot spans, for what cannot be solved in longer ones. */
pdm_status pdm_march_halve(const pdm_march *m, pdm_march **out);
/* The same slabs on a grid that is finer by the factor, of which `finer` is the whole problem. */
pdm_status pdm_march_refine(const pdm_march *m, const pdm_problem *finer, pdm_size factor, pdm_march **out);
/* Slabs about twice as long, of spans twice as long, on a grid of which `coarser` is the whole problem. */
pdm_status pdm_march_coarsen(const pdm_march *m, const pdm_problem *coarser, pdm_march **out);
void       pdm_march_destroy(pdm_march **m);
/* Inputs of the first slab from those of the whole: [n][n_input of each]. Allocates. */
pdm_status pdm_march_inputs(const pdm_march *m, pdm_size n, const double *whole, double *slab);
/* After pdm_slab_advance(): inputs that have time as a dimension, in that of the slab. Allocates. */
pdm_status pdm_march_follow(const pdm_march *m, pdm_size n, const double *whole, double *slab);
/* How time is treated by solves with all coefficients free, a line. */
pdm_status pdm_march_view(const pdm_problem *whole, pdm_text *out);

/* ---- what of a march is found by solves (problem/march_scales.c) ----
 * Sizes of rows, of fields and of the inputs that both have, as they now are in the whole. The time at which a slab
 * starts has the width of the march, or scale 0, so that a network does not see it, where nothing reads time. */
void pdm_march_take_scales(pdm_march *m);
/* The same, and centre and width of the states, in slabs with all coefficients free of the inputs of the first step of
 * training; by the sizes of fields where these solves are not cheap or do not go well. The inputs have been read. */
pdm_status pdm_march_find_scales(pdm_march *m);
/* Those of the states, in a model's file; before it the whole's have been read or written. */
pdm_status pdm_march_store_scales(pdm_march *m, pdm_store *s, bool writing);

/* ---- output points: a tensor grid, split in time into slabs (problem/output_grid.c) ---- */
/* `n` times from number `first` on. n 0: the slab is only passed through. */
typedef struct pdm_output_slab {
    pdm_size         first, n;
    pdm_point_grid   grid;
    pdm_points_plan *plan;
} pdm_output_slab;
/* With a shape, for every place of space: is it inside, and what makes u of v, if anything is built in. n_place 0: all is
 * inside. */
typedef struct pdm_output_shape {
    pdm_size n_place;
    bool    *inside;                                      /* [n_place]      */
    double  *weight[PDM_MAX_FIELD], *data[PDM_MAX_FIELD]; /* [n_place], or NULL */
} pdm_output_shape;
typedef struct pdm_output_grid {
    const pdm_problem *problem;
    pdm_size           n[PDM_MAX_DIM], n_point;
    double            *coordinate[PDM_MAX_DIM];
    pdm_size           n_slab; /* 1 but for times beyond the horizon */
    pdm_output_slab   *slab;   /* [n_slab] */
    pdm_output_shape   shape;
    pdm_buffer        *values; /* [n_most][points of a slab] */
} pdm_output_grid;
/* coordinate[j] [n[j]], copied; NULL, or no arrays at all: PDM_OUTPUT_PER_CONTROL_POINT equal steps a control point.
 * n_most: samples of a batch. */
pdm_status pdm_output_grid_create(const pdm_problem *p, pdm_size n_most, const pdm_size *n, double *const *coordinate,
                                  pdm_output_grid **out);
void       pdm_output_grid_destroy(pdm_output_grid **g);
/* Is point i inside the case's shape? True of all without one. Fields are NaN elsewhere. */
bool pdm_output_grid_is_inside(const pdm_output_grid *g, pdm_size i);
/* Points of the grid without coordinates. */
pdm_size pdm_output_grid_default_points(const pdm_problem *p);
/* Fields of coefficients c of the batch on the points of slab k, into their places in u [batch.n][n_field][n_point]. */
pdm_status pdm_output_grid_evaluate(const pdm_output_grid *g, pdm_batch batch, pdm_size k, pdm_buffer *c, double *u);
/* The same into a buffer of the back end, on the device: the first number of u is number `first` of the buffer. */
pdm_status pdm_output_grid_store(const pdm_output_grid *g, pdm_batch batch, pdm_size k, pdm_buffer *c, pdm_buffer *u,
                                 pdm_size first);
/* The transpose of its derivative at coefficients c, of a grid with one slab: g_c, overwritten for the batch, from
 * g_u [batch.n][n_field][n_point]. */
pdm_status pdm_output_grid_adjoint(const pdm_output_grid *g, pdm_batch batch, pdm_buffer *c, const double *g_u,
                                   pdm_buffer *g_c);
/* Values [n][n_point] of an expression that reads no fields, for n inputs [n][n_input]. at: its place, for errors. */
pdm_status pdm_output_grid_expression(const pdm_output_grid *g, const char *text, pdm_where at, pdm_size n,
                                      const double *input, double *values);

#endif
