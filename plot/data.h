/* What is drawn: fields from NetCDF files (CF), read one sample at a time, and the log of a training run. */
#ifndef PDM_CLI_PLOT_DATA_H
#define PDM_CLI_PLOT_DATA_H

#include "cli/cli.h"

enum { PLOT_TEXT = 256, PLOT_MAX_FIELD = 16, PLOT_MAX_INPUT = 4, PLOT_MAX_CUT = 4 };

/* ---- NetCDF files (file.c) ---- */

typedef enum plot_kind { PLOT_FIELDS, PLOT_MODEL, PLOT_LOG } plot_kind;

/* By its content, and a log also by its name. */
exit_code plot_kind_of(session *s, const char *path, plot_kind *out);

typedef struct plot_file {
    const char *path; /* borrowed */
    int         ncid;
    bool        is_open;
    char        title[PLOT_TEXT];
    int         sample_dim;                     /* -1: none */
    size_t      n_sample;                       /* 1 without such a dimension */
    int         n_field, field[PLOT_MAX_FIELD]; /* variables on the most dimensions */
    int         n_input, input[PLOT_MAX_INPUT]; /* variables on samples alone, but those of the solver */
} plot_file;

exit_code plot_file_open(session *s, const char *path, plot_file *out);
void      plot_file_close(plot_file *f);
/* The variable of that name; an error lists the fields there are. */
exit_code plot_file_find(session *s, const plot_file *f, const char *name, int *variable);
/* Is there one? */
bool plot_file_has(const plot_file *f, const char *name, int *variable);
void plot_variable_name(const plot_file *f, int variable, char text[PLOT_TEXT]);
/* Does the file call the variable an input (role = "input")? */
bool plot_is_input(const plot_file *f, int variable);
/* Is the sample there? */
exit_code plot_file_check_sample(session *s, const plot_file *f, size_t sample);
/* "sample 2, a = 0.3", or "" for a file without samples. */
void plot_sample_text(const plot_file *f, size_t sample, char text[PLOT_TEXT]);
/* Value of the scalar input i; NaN where it has none. */
double plot_input_value(const plot_file *f, int i, size_t sample);
/* Attribute as text; "" where there is none, or no text. */
void plot_attribute(const plot_file *f, int variable, const char *name, char text[PLOT_TEXT]);

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
exit_code plot_field_read(session *s, const plot_file *f, int variable, size_t sample, const plot_field *like,
                          plot_field *out);
void      plot_field_release(plot_field *x);
size_t    plot_field_size(const plot_field *x);
void      plot_field_count_missing(plot_field *x);
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
exit_code plot_compare(session *s, const char *path_a, plot_field *a, const char *path_b, plot_field *b,
                       plot_field *difference, double *error);

/* ---- logs (log.c) ---- */

typedef enum plot_column { LOG_STEP, LOG_LOSS, LOG_GRADIENT, LOG_FAILED, LOG_RATE, N_LOG_COLUMN } plot_column;

typedef struct plot_log {
    size_t  n;
    double *column[N_LOG_COLUMN]; /* [n]; NaN where a line has no such number */
} plot_log;

exit_code plot_log_read(session *s, const char *path, plot_log *out);
void      plot_log_release(plot_log *x);

#endif
