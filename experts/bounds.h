/* Where experts are: the box in physical coordinates of the control points that one has, whatever the partition. */
#ifndef PDM_BOUNDS_H
#define PDM_BOUNDS_H

#include "domain/domain.h"

/* bounds [n_expert][n_dim][2]: from and to along each dimension, halfway (in the parameter coordinate) between the Greville points
 * of the control points that an expert has and of those next to them; to the end of a bounded dimension where nobody has control
 * points further out. With windows that overlap an expert has those that it has half of. In a periodic dimension `from` lies in
 * the extent, and a box that goes on at the other side has its `to` beyond the extent's end. NaN for an expert without any.
 * Fails with PDM_ERR_MEMORY. */
pdm_status pdm_experts_bounds(pdm_context *ctx, const pdm_columns_desc *columns, const pdm_domain *domain,
                              double *bounds);

#endif
