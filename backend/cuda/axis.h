/* An axis of points and rows, as kernels read it: the tables of pdm_axis, and their transposes. Dimensions that a problem
 * has not are filled up with one point, one row and one coefficient, so that kernels have four. */
#ifndef PDM_CUDA_AXIS_H
#define PDM_CUDA_AXIS_H

#include "backend/cuda/device.h"

enum { AXES = 4 };

typedef struct cuda_axis {
    int64_t        n_point, n_coef, n_row, n_pair;
    int32_t        width;      /* degree + 1 */
    const double  *coordinate; /* [n_point] */
    const int32_t *element;    /* [n_point] */
    const double  *basis;      /* [n_order][n_point][width] */
    /* coefficient i is seen by the points seen_point[k], k = seen0[i] .. seen0[i+1]-1, at place seen_local[k] of each */
    const int32_t *seen0, *seen_point, *seen_local;
    const int32_t *pair0, *pair_point; /* rows from points; NULL where there are no rows */
    const double  *pair_weight;        /* [n_pair] */
    const double  *pair_basis;         /* [n_order][n_pair][width] */
    const double  *row_scale;          /* [n_row] the term's scale too, in dimension 0 */
    /* point i is used by the rows use_row[k], k = use0[i] .. use0[i+1]-1, with use_weight[k] */
    const int32_t *use0, *use_row;
    const double  *use_weight;
} cuda_axis;

#ifdef PDM_KERNEL
/* i as indices of a grid n0 x n1 x n2 x n3, the last one fastest. */
static __device__ void split(int64_t i, int64_t n1, int64_t n2, int64_t n3, int32_t *at)
{
    at[3] = (int32_t)(i % n3);
    i /= n3;
    at[2] = (int32_t)(i % n2);
    i /= n2;
    at[1] = (int32_t)(i % n1);
    at[0] = (int32_t)(i / n1);
}
#endif

#endif
