/* Where experts are: their boxes in physical coordinates. */
#ifndef PDM_BOUNDS_H
#define PDM_BOUNDS_H

#include "experts/experts.h"

/* bounds [n_expert][n_dim][2]: from and to along each dimension, halfway (in the parameter coordinate) between the
 * Greville points of the control points in an expert's box and of those next to them; to the end of a bounded dimension
 * where no expert with control points is further out. Boxes do not overlap, though the windows on them may. In a
 * periodic dimension `from` lies in the extent, and a box that goes on at the other side has its `to` beyond the
 * extent's end. NaN for an expert without control points. */
void pdm_experts_bounds(const pdm_experts *x, double *bounds);

#endif
