/* Inside of predict/. */
#ifndef PDM_PREDICT_IMPL_H
#define PDM_PREDICT_IMPL_H

#include "predict/predict.h"

/* ---- predict.c: inputs of a file or others, and what comes of them ---- */
typedef struct prediction {
    pdm_model          *m;
    double              polish;
    bool                to_file;        /* which the first rank writes */
    bool                wants_estimate; /* of a prediction; a polish has one in any case */
    pdm_file_inputs     x;
    pdm_output_grid    *grid;
    double             *u;        /* [n_sample][n_field][n_point], of a part at a time where it is not kept */
    pdm_solve_result   *result;   /* [n_sample]                       */
    double             *seconds;  /* [n_sample] of each one's solve   */
    double             *distance; /* [n_sample][n_field] to the polished answer; NULL: not wanted */
    double             *polished; /* [n_batch][n_field][n_point] that answer                      */
    pdm_judge          *judge;    /* of what is solved, or with an estimate of what it is compared with; NULL: none */
    pdm_assessment     *verdict;  /* [n_sample] */
    pdm_model_way       estimator;
    pdm_way             estimating; /* where there is an estimate */
    pdm_estimate_report estimated;
} prediction;
/* The file that is to get all; on the first rank, on others *o stays NULL. */
pdm_status prediction_create_file(prediction *p, const char *path, pdm_output **o);
/* Inputs of f and its coordinates; room for all samples at once where u is kept. */
pdm_status prediction_open(prediction *p, pdm_fields *f, bool keep);
/* Solves for all inputs. o NULL, or the file that gets them: its header is written here. f: as there, or NULL:
 * inputs are drawn. */
pdm_status prediction_run(prediction *p, pdm_fields *f, pdm_output *o, bool keep, pdm_prediction_report *r);
void       prediction_close(prediction *p);
bool       prediction_is_estimated(const prediction *p);
/* One sample through all stages, so that the times of those that follow are not those of memory used first. */
pdm_status prediction_warm_up(prediction *p);
/* n samples in numbers, outside and what a gate says not yet known (NaN); by name; a warning where solves did not
 * converge. */
pdm_prediction_report prediction_report(const pdm_predict_times *t, pdm_size n, const pdm_solve_result *result);
void                  prediction_values(pdm_model *m, const pdm_prediction_report *r);
void                  prediction_warn(const pdm_model *m, const char *where, const pdm_prediction_report *r);

/* ---- verdicts.c: in files, tables and numbers ---- */
/* Of a number that every field has: "what", or of several fields "what_FIELD". */
enum { FIELD_VARIABLE_TEXT = 160 };
void       field_variable(const pdm_problem *p, const char *what, pdm_size field, char name[FIELD_VARIABLE_TEXT]);
/* How many there are of each word, as numbers by name. */
void verdicts_values(pdm_model *m, pdm_size n, const pdm_assessment *v);
/* A warning a cause, with the worst of those who have it. */
pdm_status verdicts_tell(const pdm_model *m, const char *topic, pdm_size n, const pdm_assessment *v);

/* ---- accounts.c: what equations come to over the whole domain, likewise; of those of which it can be told ---- */
pdm_status accounts_header(const pdm_model *m, pdm_output *o);
pdm_status accounts_put(const pdm_model *m, pdm_output *o, pdm_size first, pdm_size n, const pdm_assessment *v);
void       accounts_values(pdm_model *m, pdm_size n, const pdm_assessment *v); /* of the worst sample */
/* A line an equation, of the worst sample. */
pdm_status accounts_append(const pdm_model *m, pdm_size n, const pdm_assessment *v, pdm_text *out);
/* A warning where more than a stated share is lost, or too much. */
pdm_status accounts_tell(const pdm_model *m, const char *topic, pdm_size n, const pdm_assessment *v);

/* ---- spread.c: means, deviations and quantiles of a stream of samples [n_value] ---- */
typedef struct spread_stats {
    pdm_context *ctx;
    pdm_size     n_value, n_mark, n; /* n: samples so far. n_mark 0: means and deviations alone */
    double      *mean, *square;      /* [n_value]; sums of squares around the mean */
    double      *low, *high;         /* [n_value] */
    double      *mark;               /* [n_value][n_mark] the first samples, sorted when there are so many */
    uint32_t    *count;              /* [n_value][n_mark+1] samples above the mark before, up to this one */
} spread_stats;
/* Destroy it after a failure, too. */
pdm_status spread_create(pdm_context *ctx, pdm_size n_value, pdm_size n_mark, spread_stats *s);
void       spread_destroy(spread_stats *s);
/* n samples more, each [n_value]; fewer than 2^32 in all. */
void   spread_add(spread_stats *s, pdm_size n, const double *const *sample);
void   spread_end(spread_stats *s);                         /* no more are to come */
double spread_deviation(const spread_stats *s, pdm_size v); /* with n - 1; NaN of fewer than two */
/* Mean and deviation with the samples of another one, too (sign 1), or without them (-1: they are among those of s). */
void spread_change(const spread_stats *s, const spread_stats *by, int sign, pdm_size v, double *mean, double *deviation);
/* Of value v for 0 <= p <= 1: of n values, number p (n - 1) in their order, between two in proportion. *error: the most
 * by which it may be off what all samples have. After spread_end(), of one sample or more. */
double spread_quantile(const spread_stats *s, pdm_size v, double p, double *error);

/* ---- estimate.c ---- */
/* The way with all coefficients free, to the tolerance of estimates, for p->grid, its judge, and room for its answers. */
pdm_status estimate_open(prediction *p);
/* Errors of samples first .. first+n-1, whose predictions are u [n][n_field][n_point]: the distance to those with all
 * coefficients free, and what the judge makes of these. NaN where that solve did not converge. */
pdm_status estimate_run(prediction *p, pdm_size first, pdm_size n, const double *u);
/* Means, from all estimates. */
void       estimate_sum_up(prediction *p);
pdm_status estimate_header(const pdm_model *m, pdm_output *o);
pdm_status estimate_put(const prediction *p, pdm_output *o);
/* Ratios of estimates and errors, of n pairs in n_all: mean, and sum of squares around it. */
typedef struct estimate_match {
    pdm_size n, n_all;
    double   mean, square;
} estimate_match;
void       estimate_match_add(estimate_match *match, double estimate, double error);
pdm_status estimate_match_report(const estimate_match *match, pdm_estimate_report *r, pdm_text *text);

/* ---- compare.c: the table of one field, reference [n][n_point], and its numbers ---- */
typedef struct field_comparison {
    const prediction *p;
    pdm_size          field;
    const double     *reference;
} field_comparison;
pdm_status compare_field(const field_comparison *c, estimate_match *match, pdm_text *text, pdm_evaluation *out);

#endif
