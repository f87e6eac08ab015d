/* Pictures: fields, comparisons, the columns of experts, and training runs, drawn with Cairo. The program's command plot
 * asks for them here; files are read through io/. */
#ifndef PDM_PLOT_PLOT_H
#define PDM_PLOT_PLOT_H

#include <stdbool.h>
#include <stddef.h>

#include "pdemoe/pdemoe.h"

typedef struct plot_request {
    const char *file, *reference; /* reference NULL: none                              */
    const char *output;           /* its ending, .png, .svg or .pdf, says which picture */
    const char *field, *title;    /* NULL: all fields; the title of the file           */
    int         sample;           /* -1: the first three                               */
    int         width;            /* pixels; 0: as wide as it is                       */
    bool        routing;          /* experts and their columns, beside the fields      */
} plot_request;

typedef struct plot_result {
    const char *kind;      /* fields, comparison, routing, training */
    size_t      n_sample;  /* 0 for training */
    size_t      n_missing; /* values that are missing or not finite */
    double      error;     /* comparison: relative L2 error, mean over samples and fields */
    int         pixels_x, pixels_y;
} plot_result;

/* Draws the files into the output, whole or not at all. PDM_ERR_ARGUMENT for a request that does not suit the file,
 * PDM_ERR_DATA, PDM_ERR_IO; PDM_ERR_UNSUPPORTED in a build without Cairo (absent.c). Remarks go to the log. */
pdm_status plot_draw(pdm_context *ctx, const plot_request *q, plot_result *out);

#endif
