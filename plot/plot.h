/* Pictures: what the command plot asks of the part of the program that draws, which needs Cairo. */
#ifndef PDM_CLI_PLOT_H
#define PDM_CLI_PLOT_H

#include "cli/cli.h"

typedef struct plot_result {
    const char *kind;      /* fields, comparison, training */
    size_t      n_sample;  /* 0 for training */
    size_t      n_missing; /* values that are missing or not finite */
    double      error;     /* comparison: relative L2 error, mean over samples and fields */
    int         pixels_x, pixels_y;
} plot_result;

/* Draws the operands into the output: draw.c, or absent.c in a build without Cairo. */
exit_code plot_draw(session *s, const options *o, plot_result *out);

#endif
