/* Inside of evidence/. */
#ifndef PDM_EVIDENCE_IMPL_H
#define PDM_EVIDENCE_IMPL_H

#include "evidence/evidence.h"

/* ---- an equation on data: against*.c ---- */
/* against.c: what a check of data has found; the text goes out before the numbers. */
typedef struct named_number {
    char   name[96];
    double value;
} named_number;
typedef struct findings {
    pdm_text      text;
    pdm_size      n_note, n_number, capacity;
    named_number *number; /* [n_number] */
} findings;
pdm_status findings_number(findings *f, double value, const char *format, ...) PDM_PRINTF(3, 4);
/* against_fit.c: what the terms of one equation are on data: integrals over boxes,
 * divided by the root of the box's volume. */
typedef struct term_values {
    pdm_size n_term, n_sample, n_box, n_cluster; /* boxes, clusters: of all samples together */
    double  *value;                              /* [n_term][n_box] */
    double  *half;                               /* [n_term][n_box]: the same, of half of the data's points */
    int32_t *cluster;                            /* [n_box]         */
} term_values;
/* A factor on one term: alone, and jointly with the others, one of which is held at 1, and so are
 * those that depend on others (NaN). */
typedef struct term_fit {
    double rms, norm, factor, error, left; /* left: rms of the residual with it */
    double joint, joint_error;
    double change, unsure; /* of the term: what half of the points change, what may be an error; relative */
} term_fit;
/* No term may vanish. fit [n_term]. */
pdm_status terms_fit(pdm_context *ctx, const term_values *v, pdm_size held, term_fit *fit, double *residual,
                     double *joint_left);
/* against_grid.c: fields of data as splines on the data's own grid. */
/* Along one dimension, from values at the data's points to coefficients. */
typedef struct data_line {
    pdm_size n, n_half;   /* data points that it takes: without one that closes a period; every other one of these */
    pdm_spline_fit *fit;  /* through all                                                                       */
    pdm_resample   *half; /* through every other one, at all                                                   */
    double         *half_values, *values; /* [n_half], [n] work                                                     */
} data_line;
typedef struct data_grid {
    pdm_problem    *own;     /* the case itself: rows alone */
    pdm_problem    *on;      /* a case on that grid, without conditions: rows alone */
    pdm_samples    *samples; /* one, of `on` */
    pdm_context    *ctx;
    pdm_file_inputs x;                     /* coordinates and inputs, at the points of on's domain        */
    pdm_size        n_point;               /* of the data                                                  */
    double         *values[PDM_MAX_FIELD]; /* [n_sample][n_point]                                         */
    data_line       line[PDM_MAX_DIM];
    pdm_size        n_used[PDM_MAX_DIM];  /* data points that its fit takes: without one that closes a period */
    bool            ends[PDM_MAX_DIM][2]; /* the grid ends where the case does                            */
    pdm_buffer     *c;                    /* [1][n_field][n_coef] of the sample that is prepared          */
} data_grid;
pdm_status data_grid_open(pdm_case *c, const char *path, data_grid *out);
void       data_grid_close(data_grid *g);
/* Coefficients into g->c, inputs into g->samples. half: as if the data had every other point of each dimension. */
pdm_status data_grid_prepare(data_grid *g, pdm_size sample, bool half);
/* against_conditions.c: how well data meet initial and boundary conditions, in words and numbers. */
pdm_status conditions_check(data_grid *g, findings *out);
/* ---- converged solutions: reference.c chooses a method and reports, reference_rounds.c has what methods share ---- */
enum { REFERENCE_MOST_ROUND = 24 };
typedef struct round_record {
    pdm_size n[PDM_MAX_DIM], unknowns, unconverged;
    double   ratio;                   /* the grid is so much finer than the one of the round before */
    double   time_tolerance;          /* 0: time is a dimension like the others                     */
    double   change, order, estimate; /* worst over samples; NaN where there is none yet            */
    double   start, seconds;
} round_record;
typedef struct reference_job reference_job;
typedef struct reference_method {
    const char *word, *name;
    const char *grid, *attribute; /* what round_record.n counts, in words and as a name */
    pdm_size    first_dim;        /* that has such a count */
    pdm_status (*run)(reference_job *j);
} reference_method;
struct reference_job {
    pdm_context            *ctx;
    pdm_case               *the_case;
    pdm_fields             *f; /* NULL: inputs are drawn */
    const char             *output;
    const reference_method *method;
    double                  tolerance, max_seconds, start;
    pdm_size                max_unknowns;

    pdm_file_inputs   x; /* inputs of the present round       */
    pdm_size          n_sample, n[PDM_MAX_DIM];
    double           *coordinate[PDM_MAX_DIM];              /* [n]: those of the first round     */
    pdm_size          n_dim, n_field, n_span0[PDM_MAX_DIM]; /* of the case itself           */
    double            most_order;                           /* of the errors */
    double           *u, *u_before;                         /* [n_sample][n_field][n_point] */
    pdm_solve_result *result;                               /* [n_sample]                   */
    double           *change, *order, *estimate;            /* [n_sample], relative L2      */
    round_record      record[REFERENCE_MOST_ROUND];
    pdm_size          n_round;
    pdm_assessment   *verdict;                            /* [n_sample]: what is left over; NaN: not known */
    double           *left_before;                        /* [n_sample] in the round before */
    bool              is_converged, falls, obeyed, blank; /* blank: some answer is zero everywhere */
    char              why[300];                           /* it stopped              */
    char              note[400];                          /* on the choice of method */
};
void reference_set_case(reference_job *j, const pdm_problem *p); /* of the case itself */
/* Inputs at the points of p, and output coordinates on it (those of the file, or the default ones of the first p); room
 * for results. Destroy *grid. */
pdm_status reference_prepare(reference_job *j, const pdm_problem *p, pdm_output_grid **grid);
void       reference_swap(reference_job *j); /* before a round writes u: what is there becomes u_before */
/* Takes in a round, for which u and result are set, with its errors. */
void       reference_end_round(reference_job *j, pdm_size n_point, const round_record *done);
pdm_status reference_write(reference_job *j, const pdm_output_grid *grid, double polish);
/* True, with the reason in j->why, where the next round, whose time grows with this power of the unknowns,
 * would end too late. */
bool reference_ends(reference_job *j, pdm_size unknowns, double power);
/* Without memory for a round after the first the rounds end, and what there is stays. */
pdm_status reference_survive(reference_job *j, pdm_status status, bool *ended);
pdm_status reference_polish(reference_job *j); /* reference_polish.c */
pdm_status reference_lines(reference_job *j);  /* reference_lines.c  */

#endif
