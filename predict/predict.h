/* Prediction: for inputs, fields on output points, through slabs in time; to files, beside references, with estimates
 * of their error. Public calls are in pdemoe/pdemoe.h; here is what comparisons and references share with them. */
#ifndef PDM_PREDICT_H
#define PDM_PREDICT_H

#include "model/model.h"
#include "verdict/verdict.h"

/* ---- one way through a batch after the other (predict/run.c) ---- */
/* Seconds, summed over batches and slabs. */
enum { N_PREDICT_TIME = 4 };
typedef struct pdm_predict_times {
    double data, network, solve, output; /* N_PREDICT_TIME; in the end, those of all ranks together */
    bool   told;                         /* where a solve without an answer is singular: once */
} pdm_predict_times;

/* How a batch is solved: by a network and its experts, polished, or with all coefficients free from nothing.
 * Lent: all of it. */
typedef struct pdm_way {
    const pdm_problem     *problem;
    pdm_samples           *samples;
    pdm_slab_end          *end;   /* where the grid has several slabs */
    const pdm_march       *march; /* NULL: the problem is the case's */
    const pdm_output_grid *grid;  /* the same points in slabs of the way's own; NULL: those of the run's grid */
    void                  *user;
    /* inputs [n][n_input] of the run into those of the samples; NULL: they are the same */
    pdm_status (*load)(void *user, pdm_size n, const double *input);
    /* inputs [n][n_input] of the first n samples */
    pdm_status (*prepare)(void *user, pdm_size n, const double *input);
    /* *finer: another way, in shorter slabs, for inputs that this one has not solved; NULL where there is none. Lent. No
     * such function: there never is. */
    pdm_status (*halve)(void *user, const struct pdm_way **finer);
    pdm_judge **judge; /* of a way that halve() gave: its judge, made on first use and kept; else NULL */
    /* *answer: the solver that has coefficients and results of the batch. Adds to network and solve. */
    pdm_status (*solve)(void *user, pdm_batch batch, pdm_predict_times *times, const pdm_solver **answer);
} pdm_way;
/* u [n][n_field][n_point], result [n] for n inputs [n][n_input]; times are added to. sample_seconds [n]: each one's
 * share of the solve of its batch; record: what a gate chose in the first slab; both may be NULL. judge: of answers
 * to the way's problem on the grid. */
typedef struct pdm_run {
    pdm_size           n;
    const double      *input;
    double            *u;            /* NULL, for a way that does not halve: fields go ... */
    pdm_buffer        *device;       /* ... here, in the back end of the way's problem, ... */
    pdm_size           device_first; /* ... from this number on                            */
    pdm_solve_result  *result;
    double            *sample_seconds;
    pdm_gate_record   *record;
    pdm_size           record_first; /* number of the first input in the record */
    pdm_predict_times *times;
    pdm_judge         *judge;   /* NULL: no verdicts */
    pdm_assessment    *verdict; /* [n]               */
} pdm_run;
pdm_status pdm_predict_run(const pdm_way *way, const pdm_output_grid *grid, const pdm_run *run);
pdm_size   pdm_count_unconverged(pdm_size n, const pdm_solve_result *result);
pdm_size   pdm_count_unanswered(pdm_size n, const pdm_solve_result *result); /* pdm_reason_is_useless */

/* With all coefficients free, from nothing: slab after slab, where pdm_march_slabs() says so, else at once. What it is
 * made of. */
typedef struct pdm_free_way {
    pdm_march             *march; /* NULL: all of time at once, or as the grid has it */
    pdm_samples           *samples;
    pdm_free_solver       *free;
    pdm_slab_end          *end;
    pdm_output_grid       *grid; /* of a march */
    const pdm_output_grid *points;
    const double          *whole; /* inputs of the batch */
    double                 tolerance;
    pdm_size               max_iter, n_halving; /* behind it */
    struct pdm_half_way   *half;                /* in shorter slabs, made on first use */
} pdm_free_way;
/* The same in slabs of half the length, for inputs one at a time. */
struct pdm_half_way {
    pdm_free_way own;
    pdm_way      way;
    pdm_judge   *judge; /* of what is solved by it; NULL: none was asked for */
};
/* For the points of a grid, in batches of the case. Lent: problem and grid. Close it after a failure, too. */
pdm_status pdm_way_of_free(pdm_free_way *user, const pdm_problem *p, const pdm_output_grid *grid, double tolerance,
                           pdm_size max_iter, pdm_way *out);
void       pdm_free_way_close(pdm_free_way *user);

/* By a model's network and experts, slab after slab where they answer a march; with polish > 0 with all coefficients free
 * to that tolerance: slab after slab, where time is cut, else from the experts' answer (an untrained model, and one that
 * answers a march: from nothing). Lent: the model. */
typedef struct pdm_model_way {
    pdm_model       *m;
    double           polish;
    pdm_free_way     slabs; /* of a polish slab after slab      */
    pdm_output_grid *grid;  /* of a march that the model answers ... */
    const double    *whole; /* ... and inputs of the batch           */
} pdm_model_way;
/* Close it after a failure, too. */
pdm_status pdm_way_of_model(pdm_model_way *user, const pdm_output_grid *grid, pdm_way *out);
void       pdm_model_way_close(pdm_model_way *user);
/* Of the model's solver: those of predictions, which a way that is not polished has until others are set. */
void pdm_way_set_limits(pdm_model *m);

/* A judge for the answers of a way on a grid. Lent: both. */
pdm_status pdm_way_judge(const pdm_way *way, const pdm_output_grid *grid, pdm_judge_depth depth, pdm_judge **out);

/* ---- what a solve leaves in a file (predict/result_file.c) ---- */
typedef struct pdm_result_source {
    const pdm_problem *problem;
    const char        *case_file;
    pdm_size           step; /* of training */
} pdm_result_source;
pdm_result_source pdm_result_source_of(const pdm_model *m);
/* What it is of and how it was made, as global attributes; dimensions with their coordinates, names into dims [n_dim]. */
pdm_status pdm_result_attributes(const pdm_result_source *s, pdm_output *o, double polish);
pdm_status pdm_result_dimensions(const pdm_problem *p, const pdm_output_grid *grid, pdm_output *o, const char **dims);
pdm_status pdm_result_header(const pdm_result_source *s, const pdm_output_grid *grid, pdm_output *o, pdm_size n_sample,
                             double polish);
/* The inputs of the file, unchanged but for their units: an output is a reference as it is. */
pdm_status pdm_result_file_inputs(const pdm_problem *p, pdm_fields *f, pdm_output *o, pdm_size n_sample);
/* Inputs that were drawn, at the grid's coordinates of their dimensions. */
pdm_status pdm_result_drawn_inputs(const pdm_output_grid *grid, pdm_output *o, pdm_size n_sample, const double *input);
/* Samples first .. first+n-1: u [n][n_field][n_point], result [n]. */
pdm_status pdm_result_samples(const pdm_output_grid *grid, pdm_output *o, pdm_size first, pdm_size n, const double *u,
                              const pdm_solve_result *result);

/* What answers are worth (predict/verdicts.c): the variables, then those of samples first .. first+n-1. */
pdm_status pdm_result_verdicts_header(const pdm_problem *p, pdm_output *o);
pdm_status pdm_result_verdicts(const pdm_problem *p, pdm_output *o, pdm_size first, pdm_size n, const pdm_assessment *v);

/* ---- comparison (predict/compare.c, predict/evaluate.c) ---- */
/* Relative L2 error of one field of one sample over the output points with first coordinate at or above `from`. */
double pdm_relative_error(const pdm_output_grid *grid, const double *u, const double *reference, double from);
/* The exact solution in group /pde/exact, an expression, at the output points: values [n][n_point]. */
pdm_status pdm_exact_field(const pdm_output_grid *grid, pdm_size field, pdm_size n, const double *input,
                           double *values);

/* What a prediction comes to; counts as numbers. */
typedef struct pdm_prediction_report {
    double seconds, seconds_data, seconds_network, seconds_solve, seconds_output;
    double samples, unconverged, unanswered, outside;
    double gate_unknowns, gate_null; /* NaN without a gate */
} pdm_prediction_report;
/* Of estimates of errors, by the distance to the polished answer; NaN without. */
typedef struct pdm_estimate_report {
    double mean, worst, unconverged, seconds;
    double ratio, spread; /* of estimate / error: mean and standard deviation, where errors are known */
    double field[PDM_MAX_FIELD];
} pdm_estimate_report;
/* Relative L2 errors: mean over fields of means over samples. */
typedef struct pdm_evaluation {
    pdm_prediction_report prediction;
    pdm_estimate_report   estimate;
    double                error, worst;
    double                field[PDM_MAX_FIELD], field_worst[PDM_MAX_FIELD];
    double                field_late[PDM_MAX_FIELD]; /* without the first tenth of time; NaN where there is none */
} pdm_evaluation;
/* Against the fields in a file. output: NULL, or where the prediction goes. text: NULL, or gets the tables. */
pdm_status pdm_evaluate_file(pdm_model *m, const char *reference, const char *output, double polish, pdm_text *text,
                             pdm_evaluation *out);

#endif
