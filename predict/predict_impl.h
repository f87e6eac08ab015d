/* Inside of predict/. */
#ifndef PDM_PREDICT_IMPL_H
#define PDM_PREDICT_IMPL_H

#include "predict/predict.h"

/* ---- predict.c: inputs of a file or others, and what comes of them ---- */
typedef struct prediction {
    pdm_model          *m;
    double              polish;
    bool                wants_estimate;
    pdm_file_inputs     x;
    pdm_output_grid    *grid;
    double             *u;        /* [n_sample][n_field][n_point], of a part at a time where it is not kept */
    pdm_solve_result   *result;   /* [n_sample]                       */
    double             *seconds;  /* [n_sample] of each one's solve   */
    double             *estimate; /* [n_sample][n_field]; NULL: none  */
    pdm_estimate_report estimated;
} prediction;
/* Inputs of f and its coordinates; room for all samples at once where u is kept. */
pdm_status prediction_open(prediction *p, pdm_fields *f, bool keep);
/* Solves for all inputs. o NULL, or the file that gets them: its header is written here. f: as there, or NULL:
 * inputs are drawn. */
pdm_status prediction_run(prediction *p, pdm_fields *f, pdm_output *o, bool keep, pdm_prediction_report *r);
void       prediction_close(prediction *p);
/* One sample through all stages, so that the times of those that follow are not those of memory used first. */
pdm_status prediction_warm_up(prediction *p);

/* ---- estimate.c ---- */
/* Errors of the predictions u [n][n_field][n_point] by those with all coefficients free: estimate [n][n_field], NaN
 * where that solve did not converge; *unconverged counts these. Adds to *seconds. */
pdm_status estimate_run(pdm_model *m, const pdm_output_grid *grid, pdm_size n, const double *input, const double *u,
                        double *estimate, pdm_estimate_report *r);
/* Means, from all estimates. */
void       estimate_sum_up(pdm_model *m, pdm_size n, const double *estimate, pdm_estimate_report *r);
pdm_status estimate_header(const pdm_model *m, pdm_output *o);
pdm_status estimate_put(const pdm_model *m, pdm_output *o, pdm_size n, const double *estimate);
/* Ratios of estimates and errors, of n pairs in n_all: mean, and sum of squares around it. */
typedef struct estimate_match {
    pdm_size n, n_all;
    double   mean, square;
} estimate_match;
void       estimate_match_add(estimate_match *match, double estimate, double error);
pdm_status estimate_match_report(const estimate_match *match, pdm_estimate_report *r, pdm_text *text);

/* ---- compare.c: the table of one field, reference [n][n_point], estimate [n][n_field] or NULL, and its numbers ---- */
typedef struct field_comparison {
    const prediction *p;
    pdm_size          field;
    const double     *reference;
} field_comparison;
pdm_status compare_field(const field_comparison *c, estimate_match *match, pdm_text *text, pdm_evaluation *out);

#endif
