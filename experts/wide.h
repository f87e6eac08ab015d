/* Experts that do not share out coefficients: each has its functions wherever the rows of its own elements look,
 * neighbours' control points included. What they have in common is decided afterwards, by the windows.
 * docs/mathematics.md, "Modes". */
#ifndef PDM_WIDE_H
#define PDM_WIDE_H

#include "experts/experts.h"

typedef struct pdm_wide pdm_wide;

/* As many columns for every expert as x has, of window 1, at all free control points that the expert owns or that
 * elements it owns see; polynomials are those of the expert's box, continued. x is lent for its life. */
pdm_status pdm_wide_create(pdm_context *ctx, const pdm_experts *x, pdm_wide **out);
void       pdm_wide_destroy(pdm_wide **w);

const pdm_columns_desc *pdm_wide_columns(const pdm_wide *w);
/* Windows of x of one expert: share [n_field][n_coef]; they add up to 1 over the experts at free coefficients,
 * and are 0 at others. */
void pdm_wide_share(const pdm_wide *w, pdm_size expert, double *share);

#endif
