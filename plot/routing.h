/* What a prediction's file says of experts: where they are and how many columns they have, of which a gate chooses. */
#ifndef PDM_PLOT_ROUTING_H
#define PDM_PLOT_ROUTING_H

#include "plot/job.h"

enum { ROUTING_MAX_DIM = 8 };

typedef struct routing {
    size_t  n_expert, n_sample;
    int     n_dim;
    bool    has_gate;                        /* else columns are all, in every sample */
    char    dim[ROUTING_MAX_DIM][PLOT_TEXT]; /* names */
    double  period[ROUTING_MAX_DIM];         /* 0: none */
    double *bounds;                          /* [n_expert][n_dim][2] */
    double *all;                             /* [n_expert] columns of one that has all */
    double *columns;                         /* [n_sample][n_expert] */
} routing;

pdm_status routing_read(pdm_context *ctx, const plot_file *f, routing *out);
void       routing_release(pdm_context *ctx, routing *x);
/* Boxes of experts in the plane of a field's axes, at time number t and where the field is cut: *n of them, allocated.
 * Of a field over space and time the plane is that of its map. */
pdm_status routing_tiles(pdm_context *ctx, const routing *r, const plot_field *x, size_t sample, size_t t, tile **out,
                         size_t *n);

#endif
