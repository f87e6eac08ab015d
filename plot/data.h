/* What is drawn: fields from NetCDF files (CF), read one sample at a time, and the log of a training run. */
#ifndef PDM_PLOT_DATA_H
#define PDM_PLOT_DATA_H

#include "io/io.h"

enum { PLOT_TEXT = 256, PLOT_MAX_FIELD = 16, PLOT_MAX_INPUT = 4, PLOT_MAX_CUT = 4 };

/* ---- files of fields (file.c) ---- */

typedef enum plot_kind { PLOT_FIELDS, PLOT_MODEL, PLOT_LOG } plot_kind;

/* By its content, and a log also by its name. */
pdm_status plot_kind_of(pdm_context *ctx, const char *path, plot_kind *out);

/* A variable on samples alone, but those of the solver. */
typedef struct plot_input {
    char    name[PLOT_TEXT], units[PLOT_TEXT]; /* units "" for "1" */
    double *value;                             /* [n_sample]; NaN where missing */
} plot_input;

typedef struct plot_file {
    const char *path; /* borrowed */
    pdm_fields *fields;
    char        title[PLOT_TEXT];
    char        sample_dim[PDM_FIELDS_NAME];    /* "": none */
    size_t      n_sample;                       /* 1 without such a dimension */
    int         n_field, field[PLOT_MAX_FIELD]; /* numbers of the variables on the most dimensions */
    int         n_input;
    plot_input  input[PLOT_MAX_INPUT];
} plot_file;

pdm_status plot_file_open(pdm_context *ctx, const char *path, plot_file *out);
void       plot_file_close(pdm_context *ctx, plot_file *f);
/* Number of the field of that name; -1: there is none. plot_file_find has an error that lists those there are. */
pdm_status plot_file_has(const plot_file *f, const char *name, int *variable);
pdm_status plot_file_find(pdm_context *ctx, const plot_file *f, const char *name, int *variable);
/* Does the file call the variable an input (role = "input")? */
pdm_status plot_is_input(pdm_context *ctx, const plot_file *f, int variable, bool *out);
/* Is the sample there? */
pdm_status plot_file_check_sample(pdm_context *ctx, const plot_file *f, size_t sample);
/* "sample 2, a = 0.3", or "" for a file without samples. */
void plot_sample_text(const plot_file *f, size_t sample, char text[PLOT_TEXT]);
/* A text attribute, on one line and cut to size, of the file for variable -1; "" where there is none. */
pdm_status plot_attribute(pdm_context *ctx, const plot_file *f, int variable, const char *name, char text[PLOT_TEXT]);
/* "" for one that is the name again, as pdemoe's own files have it where the case says nothing. */
pdm_status plot_long_name(pdm_context *ctx, const plot_file *f, int variable, const char *name, char text[PLOT_TEXT]);
pdm_status plot_units(pdm_context *ctx, const plot_file *f, int variable, char text[PLOT_TEXT]); /* "" for "1" */

/* ---- fields (field.c) ---- */

/* A dimension that is drawn: increasing coordinates. One that the field lacks has n = 1 and no name. */
typedef struct plot_axis {
    char    name[PLOT_TEXT], long_name[PLOT_TEXT], units[PLOT_TEXT]; /* units "" for "1" */
    size_t  n;
    double *at; /* [n] */
} plot_axis;

/* A dimension held fixed: one of a single point, or a third one in space. */
typedef struct plot_cut {
    char   name[PLOT_TEXT], units[PLOT_TEXT];
    double at;
} plot_cut;

/* One field of one sample. */
typedef struct plot_field {
    char      name[PLOT_TEXT], long_name[PLOT_TEXT], units[PLOT_TEXT];
    plot_axis t, y, x; /* with time alone, time is x */
    int       n_cut;
    plot_cut  cut[PLOT_MAX_CUT];
    double   *value; /* [t.n][y.n][x.n]; NaN where missing or not finite */
    size_t    n_missing;
} plot_field;

/* like: NULL, or the field whose axes and cuts are to be found in this file too. */
pdm_status plot_field_read(pdm_context *ctx, const plot_file *f, int variable, size_t sample, const plot_field *like,
                           plot_field *out);
void       plot_field_release(pdm_context *ctx, plot_field *x);
size_t     plot_field_size(const plot_field *x);
void       plot_field_count_missing(plot_field *x);
/* "z = 0.5 m", "" without a cut. */
void plot_cut_text(const plot_field *x, char text[PLOT_TEXT]);
/* "t = 0.5 s" */
void plot_place_text(const char *name, double at, const char *units, char text[PLOT_TEXT]);
/* Number of the coordinate nearest to a share of the extent, 0 to 1. */
size_t plot_axis_near(const plot_axis *x, double share);
/* Least and greatest of n finite values are taken into *low and *high. */
void plot_range(const double *value, size_t n, double *low, double *high);

/* ---- comparison (compare.c) ---- */

/* Reduces both to the points that they have in common, and makes their difference a - b on these. *error is the relative
 * L2 error of a against b over points where both are finite. Names and units that one lacks are taken from the other. */
pdm_status plot_compare(pdm_context *ctx, const char *path_a, plot_field *a, const char *path_b, plot_field *b,
                        plot_field *difference, double *error);

/* ---- logs (log.c) ---- */

typedef enum plot_column { LOG_STEP, LOG_LOSS, LOG_GRADIENT, LOG_FAILED, LOG_RATE, N_LOG_COLUMN } plot_column;

typedef struct plot_log {
    size_t  n;
    double *column[N_LOG_COLUMN]; /* [n]; NaN where a line has no such number */
} plot_log;

pdm_status plot_log_read(pdm_context *ctx, const char *path, plot_log *out);
void       plot_log_release(pdm_context *ctx, plot_log *x);

#endif
