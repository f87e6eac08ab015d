/* What every back end's cycle over nested splines is made of: levels, patches of unknowns that overlap, what goes from
 * level to level, and where a sample's numbers lie.
 *
 * H of a level is kept as a stencil, whole rows [n_all][n_field][width]: an unknown sees those at most `degree` away in
 * every dimension, also those that are the same one where a periodic dimension is short. */
#ifndef PDM_BACKEND_NEST_H
#define PDM_BACKEND_NEST_H

#include "backend/backend.h"

enum { PDM_NEST_DEGREE = 10 }; /* at most: strips of patches are that far apart */

typedef struct pdm_nest_level {
    const pdm_nest_axis *axis; /* [n_dim] to the next level; NULL for the last */
    pdm_size             n_coef[PDM_MAX_DIM], n_element[PDM_MAX_DIM], n, n_all; /* n_all: of all fields */
    unsigned char       *free;                                                  /* [n_all] */
    pdm_size             n_patch, most, n_colour;                               /* most: unknowns of a patch */
    pdm_size            *patch0, *factor0; /* [n_patch+1] into unknown; into factors, lower triangles packed */
    int32_t             *unknown;          /* patch by patch */
    int32_t             *colour;           /* [n_patch] H has nothing between two patches of one colour */
    pdm_size             n_strip;
    pdm_size            *strip0; /* [n_strip+1] into patches, along dimension 0: what is solved for in a strip and what
                                  * that changes are apart from those of the next but one; a ring has 1 or an even
                                  * number of strips */
    int32_t             *first[PDM_MAX_DIM];  /* [n_coef] what a coefficient sees of the next level begins here */
    double              *weight[PDM_MAX_DIM]; /* [n_coef][degree+1] */
    int32_t             *child[PDM_MAX_DIM];  /* [n_element, coarser; +1] */
    pdm_size             at_stencil, at_factor, at_r, at_x; /* in a sample's numbers */
} pdm_nest_level;

typedef struct pdm_nest_levels {
    const pdm_rows_desc *rows;                                       /* lent */
    pdm_size             n_dim, n_field, n_local, m, width, n_level; /* m: what an element sees; width: of a stencil */
    pdm_nest_level      *level;
    pdm_size             n_value; /* of one sample */
} pdm_nest_levels;

/* Multi-index of i in a grid, last index fastest. */
void pdm_nest_unpack(pdm_size n_dim, const pdm_size *shape, pdm_size i, pdm_size *index);

pdm_status pdm_nest_levels_create(pdm_context *ctx, const pdm_rows_desc *rows, const pdm_nest_desc *desc,
                                  pdm_nest_levels *out);
void       pdm_nest_levels_destroy(pdm_context *ctx, pdm_nest_levels *p); /* zeroed and half-made ones too */

#endif
