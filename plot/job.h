/* What plot draws of a file of fields: items, one field of one sample each, with their colours, and the figure. */
#ifndef PDM_PLOT_JOB_H
#define PDM_PLOT_JOB_H

#include "plot/figure.h"

enum { N_SLICE = 3, COMPARED_COLUMNS = 3 };

/* How a field is drawn. */
typedef enum view { VIEW_LINE, VIEW_SPACE_TIME, VIEW_MAP, VIEW_MAPS } view; /* maps: at several times */

/* One field of one sample. */
typedef struct item {
    int        field; /* number among those drawn */
    size_t     sample;
    plot_field mine, reference, difference;
    double     error; /* relative L2; of inputs too, where it is no error of the prediction */
} item;

typedef struct job {
    const plot_request *request;
    plot_file           file, reference;
    bool                compares;
    int                 n_field, field[PLOT_MAX_FIELD], reference_field[PLOT_MAX_FIELD];
    bool                is_input[PLOT_MAX_FIELD]; /* of a comparison: drawn, not compared */
    size_t              first_sample, n_sample;
    size_t              n_item;
    item               *item; /* [n_sample][n_field] */
    scale               scale[PLOT_MAX_FIELD], difference_scale[PLOT_MAX_FIELD];
    double              largest[PLOT_MAX_FIELD]; /* difference */
    figure              figure;
} job;

/* ---- reading (job.c) ---- */

/* Opens the operands. */
pdm_status job_open(pdm_context *ctx, job *j);
/* Chooses fields and samples, reads and compares. */
pdm_status job_read(pdm_context *ctx, job *j, plot_result *r);
void       job_release(pdm_context *ctx, job *j);
view       view_of(const plot_field *x);
/* Maps that a field makes; entry of the time axis for number k of n. */
size_t count_times(const plot_field *x);
size_t time_of(const plot_field *x, size_t k, size_t n);
/* Have all items the same axes, so that one label is enough for a column? */
bool job_has_one_grid(const job *j);
/* Field, sample, inputs and cuts, as far as there is something to tell apart. */
void describe_item(const job *j, const item *x, char text[PLOT_TEXT]);

/* ---- colours (scales.c) ---- */

pdm_status job_set_scales(pdm_context *ctx, job *j);
/* Says in the note of the figure where the colours end before the values do. */
void job_note_largest(job *j);

/* ---- panels (panels.c) ---- */

/* Time to the right and space up; or a map at time number t. */
void fill_map(panel *p, const plot_field *x, size_t t, const scale *c);
void add_bar(panel *p, const plot_field *x);
void start_lines(panel *p, const plot_field *x, const scale *c);
void add_line(panel *p, const plot_field *x, size_t t, colour c, double width, bool is_dashed, const char *name);
/* A thick line for the prediction, and upon it the reference, thin and dashed. */
void add_pair(panel *p, const plot_field *x, const plot_field *reference, size_t t, colour c, const char *name);
/* One sample's field alone: a line over one coordinate, else a map at time number t with its bar. */
void fill_cell(const job *j, const item *x, panel *p, size_t t);
/* Both at three times. */
void fill_slices(panel *p, const plot_field *x, const plot_field *reference, const scale *c);
void set_title(panel *p, const char *title);
/* "difference, rel. L2 0.206 %" */
void set_error_title(panel *p, double error);
void label_difference(label *l, const plot_field *x);

/* ---- arrangement ---- */

pdm_status arrange_comparison(pdm_context *ctx, job *j); /* compared.c */

#endif
