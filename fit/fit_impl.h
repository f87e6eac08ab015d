/* Inside of fit/. */
#ifndef PDM_FIT_IMPL_H
#define PDM_FIT_IMPL_H

#include "fit/fit.h"

enum { FIT_NAME = 128, FIT_PART_MOST = 32, FIT_MODES_MOST = 256 };

/* ---- lists of words by name: "D = 1e-3, k = 2" (words.c) ---- */
typedef struct fit_word {
    char name[FIT_NAME], value[FIT_NAME]; /* name "": a value alone */
} fit_word;
typedef struct fit_words {
    pdm_size n;
    fit_word word[FIT_PART_MOST];
} fit_words;
/* what: the setting, for messages. NULL is an empty list. Values are "": where name_only, they are wanted otherwise. */
pdm_status fit_words_read(pdm_context *ctx, const char *what, const char *text, bool name_only, fit_words *out);
/* The value of that name, NULL: it is not there. */
const char *fit_words_find(const fit_words *w, const char *name);
/* Every name is one of n; PDM_ERR_ARGUMENT with the nearest otherwise. */
pdm_status fit_words_check(pdm_context *ctx, const char *what, const fit_words *w, pdm_size n, const char *const *name);

/* ---- constants of a case as inputs of a copy of it (constants.c) ---- */
/* Those of the names that are numbers in /pde/parameters; parameters made of them become definitions.
 * constant [names->n]: which they are. */
pdm_status fit_case_create(pdm_case *c, const fit_words *names, bool *constant, pdm_case **out);
/* An input before a derivative makes a source of what a constant leaves in a flux. PDM_ERR_CASE where a boundary
 * condition of the case says what that flux is. */
pdm_status fit_case_check(pdm_case *c, const pdm_pde *after);

/* ---- what is to be found (unknowns.c) ---- */
/* One number of theta. deviation: of what is believed before; INFINITY: nothing is. */
typedef struct fit_number {
    char   name[FIT_NAME]; /* "D", "k[3]" */
    double start, scale, low, high, mean, deviation;
} fit_number;
/* One name: a scalar input, or a field as mean + modes of its distribution, whose factors are numbers of theta. */
typedef struct fit_part {
    const char       *name;
    pdm_size          input, first, n;
    pdm_random_field *field;   /* NULL: a scalar. Lent */
    pdm_size         *mode;    /* [n] of the field's, the largest first */
    double           *factor;  /* [modes of the field] work */
    pdm_size          n_mode;  /* of the field */
    double            carried; /* share of the field's variance in the n modes */
} fit_part;
typedef struct fit_unknowns {
    pdm_context       *ctx;
    const pdm_problem *problem; /* lent */
    pdm_size           n, n_part;
    fit_part           part[FIT_PART_MOST];
    fit_number        *number; /* [n] */
} fit_unknowns;
/* like: of a coarser grid, with as many modes of fields; NULL: as many as carry most of their variance. */
pdm_status fit_unknowns_create(const pdm_problem *p, const fit_words *names, const pdm_fit_settings *s,
                               const fit_unknowns *like, fit_unknowns *out);
void       fit_unknowns_destroy(fit_unknowns *u);
/* theta [n] into the inputs of a sample [n_input], whose others stay. */
void fit_unknowns_apply(const fit_unknowns *u, const double *theta, double *input);
/* Is this input of the problem to be found? */
bool fit_unknowns_has(const fit_unknowns *u, pdm_size input);

/* ---- data (observations.c) ---- */
typedef struct fit_variable {
    char    *name, *expression, *units; /* units: of its numbers here, those of the case; "" where it has none */
    pdm_size n, n_missing;
    bool     has_noise; /* standard errors were given */
} fit_variable;
/* Observations, experiment by experiment and variable by variable. */
typedef struct fit_data {
    pdm_context  *ctx;
    pdm_size      n_experiment, n_variable, n;
    fit_variable *variable;                /* [n_variable] */
    double       *input;                   /* [n_experiment][n_input]; those to be found are not set */
    double       *value, *noise;           /* [n]; noise: standard error, 0 where it is to be estimated */
    double       *coordinate[PDM_MAX_DIM]; /* [n] */
    int32_t      *of, *experiment, *place; /* [n] variable, sample, number of the value in the variable */
    pdm_size     *first;                   /* [n_experiment + 1] */
    char         *path;
} fit_data;
pdm_status fit_data_read(const pdm_problem *p, const fit_unknowns *u, const char *path, const fit_words *noise,
                         fit_data *out);
void       fit_data_destroy(fit_data *d);
/* known.c: inputs that are not to be found, from the file. */
pdm_status fit_data_inputs(const pdm_problem *p, const fit_unknowns *u, pdm_fields *f, fit_data *d);

/* ---- from theta to what would be observed (response.c) ---- */
#define FIT_SOLVE_TOLERANCE 1e-8 /* of solves with all coefficients free */
/* Observations of one variable and experiment in one slab. */
typedef struct fit_place {
    pdm_size     slab, experiment, n;
    pdm_size    *index; /* [n] observations */
    pdm_scatter *scatter;
} fit_place;
typedef struct fit_response {
    pdm_context        *ctx;
    bool                by_model;
    const fit_unknowns *unknowns; /* lent, as is the data */
    const fit_data     *data;
    pdm_way             way;
    pdm_free_way        free;
    pdm_model_way       by;
    pdm_output_grid    *grid; /* of the solution; ways want one */
    pdm_size            n_slab, n_place;
    fit_place          *place;
    double             *input; /* [n_most][n_input] of the whole */
    double             *value; /* [n] work */
    pdm_size            c_size;
    double             *warm; /* [n_experiment][n_slab][c_size] coefficients to start from; NULL: by a model */
    bool               *is_warm, *batch_good; /* [n_experiment], [n_most] */
    pdm_size            last;                 /* experiment that was solved last; -1: none */
    pdm_buffer         *c;                    /* [n_most][c_size] */
    pdm_size            n_solve;
    char                why[96]; /* the last solve that had no answer */
} fit_response;
/* By a trained model's network and experts; with NULL with all coefficients free. */
pdm_status fit_response_create(const pdm_problem *p, pdm_model *m, const fit_unknowns *u, const fit_data *d,
                               fit_response *out);
void       fit_response_destroy(fit_response *r);
/* For experiments first .. first+n-1 and n_theta thetas [n_theta][unknowns]: predicted [n_theta][observations of
 * these experiments], good [n_theta]: every solve has converged. keep: coefficients of the first theta are what later
 * solves start from. */
pdm_status fit_respond(fit_response *r, pdm_size first, pdm_size n, pdm_size n_theta, const double *theta, bool keep,
                       double *predicted, bool *good);

/* ---- least squares in theta (search.c) ---- */
typedef enum fit_end {
    FIT_CONVERGED,
    FIT_ROUNDING, /* steps are below what solves resolve */
    FIT_MAX_ITER,
    FIT_STALLED,   /* no step makes the misfit less          */
    FIT_NO_START,  /* no solution where the search begins     */
    FIT_UNSETTLED, /* noise that is estimated goes on changing */
    FIT_ENDS
} fit_end;
const char *fit_end_text(int end);
bool        fit_end_is_good(int end);
/* Experiments first .. first+n-1 with one theta. */
typedef struct fit_search {
    fit_response       *response; /* lent */
    const fit_unknowns *unknowns;
    const fit_data     *data;
    pdm_size            first, n_experiment, n_obs, n; /* n: numbers of theta */
    const double       *value;                         /* [n_obs] of the data */
    double             *weight;                        /* [n_obs] 1/noise */
    double             *theta, *trial, *step;          /* [n] */
    double             *predicted, *trial_predicted;   /* [n_obs] */
    double             *jacobian;                      /* [n][n_obs] of predictions by theta */
    double             *moved, *moved_predicted;       /* [2n][n], [2n][n_obs] */
    bool               *good, *held;                   /* [2n], [n]: at a bound that the misfit pushes against */
    double             *normal, *gradient, *work;      /* [n][n], [n], [n][n] */
    bool                frozen;                        /* the jacobian is that of another grid, and stays */
    double              cost, damping;                 /* half the weighted sum of squares, beliefs included */
    double              tolerance;
    pdm_size            max_iter, iterations;
    int                 end; /* fit_end */
} fit_search;
pdm_status fit_search_create(fit_response *r, pdm_size first, pdm_size n_experiment, double tolerance,
                             pdm_size max_iter, fit_search *out);
void       fit_search_destroy(fit_search *s);
/* From s->theta, with s->weight. Not converging is a result. At the end jacobian, gradient, normal and held are those of
 * theta. */
pdm_status fit_search_run(fit_search *s);
/* Predictions, then derivatives at s->theta; *good false: there is no solution. */
pdm_status fit_search_linearise(fit_search *s, bool *good);
/* Cost, normal matrix and gradient anew after weights have changed. */
void   fit_search_weigh(fit_search *s);
double fit_misfit(const fit_search *s); /* weighted sum of squares of the observations alone */

/* linear.c: a symmetric positive definite system, a [n][n] with its lower triangle overwritten, x [n] in place; false: it
 * is not. And eigenvalues, falling, with vectors in the rows of v [n][n], by Jacobi's rotations; a is overwritten. */
bool fit_cholesky_solve(pdm_size n, double *a, double *x);
void fit_eigen(pdm_size n, double *a, double *value, double *v);

/* ---- what has been found (answer.c) ---- */
enum { FIT_UNSEEN_MOST = 8 };
typedef struct fit_answer {
    pdm_size first, n_experiment; /* experiments */
    pdm_size n, n_obs;
    double  *theta, *error, *covariance; /* [n], [n], [n][n]; error INFINITY: the data do not say; 0: held at a bound */
    int     *at_bound;                   /* [n] -1 low, 1 high, 0 */
    double  *predicted, *noise;          /* [n_obs] */
    double  *jacobian;                   /* [n][n_obs] */
    double  *shift; /* [PDM_MAX_DIM][n] that spans half as long along a dimension would move it by */
    double  *variable_noise, *variable_rms; /* [n_variable] */
    double   chi2, freedom, spent; /* of the observations; freedoms that are left, and that numbers have spent */
    bool     noise_given;          /* of all observations */
    pdm_size n_unseen;             /* directions of theta that the data do not see, and those that they see badly */
    double  *unseen;               /* [FIT_UNSEEN_MOST][n] in parts of the scale, the largest 1 */
    double   unseen_error[FIT_UNSEEN_MOST]; /* standard error along it, in scales; INFINITY */
    pdm_size iterations, solves;
    double   seconds;
    int      end;
} fit_answer;
/* Searches from where numbers start, or from an answer on another grid, whose derivatives it keeps; noise is estimated
 * where it is not given. */
pdm_status fit_answer_find(fit_response *r, pdm_size first, pdm_size n_experiment, const pdm_fit_settings *s,
                           const fit_answer *before, fit_answer *out);
void       fit_answer_destroy(pdm_context *ctx, fit_answer *a);
/* Covariance, errors, unseen directions from the normal matrix of the search. */
pdm_status fit_answer_covariance(const fit_search *s, fit_answer *a);

/* ---- the job (fit.c) ---- */
/* One grid to search on. */
typedef struct fit_level {
    pdm_model         *m; /* that answers; NULL: all coefficients are free. Lent */
    const pdm_problem *problem;
    pdm_problem       *owned; /* NULL: it is lent */
    fit_unknowns       unknowns;
    fit_data           data;
    fit_response       response;
} fit_level;
typedef struct fit_job {
    pdm_context            *ctx;
    const pdm_fit_settings *settings;
    const fit_words        *names;
    const char             *data_path;
    const char             *case_file;
    pdm_size                step; /* of training */
    fit_words               noise;
    fit_level              *at;                    /* the present one */
    pdm_size                n_level, extra_solves; /* searched on; solves that looked at finer ones */
    pdm_size                n_fit;
    fit_answer             *answer;  /* [n_fit] */
    double                 *input;   /* [n_experiment][n_input] with what was found */
    double                 *u;       /* [n_experiment][n_field][n_point] */
    pdm_solve_result       *result;  /* [n_experiment] */
    pdm_assessment         *verdict; /* [n_experiment] */
    double   shift;   /* the most that a finer grid would move a number, in standard errors; NaN: not known */
    pdm_size shifted; /* which number   */
    char     why[96]; /* no finer grid */
    bool     is_settled[PDM_MAX_DIM]; /* dimensions whose shift is known from a coarser grid, and small */
    double   seconds, seconds_verdict;
} fit_job;
/* grids.c: searches on the first grid, and on finer ones until they do not move what was found. m: a trained model that
 * answers, or NULL. Both are lent, for as long as the job is. */
pdm_status fit_grids_run(fit_job *j, const pdm_problem *p, pdm_model *m);
void       fit_level_destroy(pdm_context *ctx, fit_level **l);
/* solution.c: fields at what was found, with all coefficients free, and what they are worth. */
pdm_status        fit_solve(fit_job *j);
const fit_answer *fit_answer_of(const fit_job *j, pdm_size experiment);
/* file.c */
pdm_status fit_write(const fit_job *j, pdm_output *o);
/* report.c */
pdm_status fit_report(const fit_job *j, pdm_text *text);
pdm_status fit_warn(const fit_job *j);
void       fit_numbers(const fit_job *j, pdm_number numbers, void *user);

#endif
