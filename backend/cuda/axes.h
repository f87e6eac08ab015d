/* Axes on the device: tables of pdm_axis with their transposes. */
#ifndef PDM_CUDA_AXES_H
#define PDM_CUDA_AXES_H

#include "backend/cuda/axis.h"
#include "backend/cuda/cuda_impl.h"

typedef struct axis_source {
    const pdm_axis *axis;
    pdm_size        n_order, n_coef, width;
    double          scale;     /* of all rows                         */
    const double   *row_scale; /* [n_row]; NULL: there are no rows    */
} axis_source;

/* A piece of the device's memory with the tables of `n` tensors of n_dim axes, source [n][n_dim], out [n][AXES]. */
typedef struct cuda_axes {
    void      *device;
    cuda_axis *axis; /* host, [n][AXES] */
} cuda_axes;
pdm_status cuda_axes_create(pdm_cuda *cu, pdm_size n, pdm_size n_dim, const axis_source *source, cuda_axes *out);
void       cuda_axes_destroy(pdm_cuda *cu, cuda_axes *axes); /* zeroed is fine */

/* Products over the four axes of a tensor. */
typedef struct axes_size {
    pdm_size n_point, n_coef, n_row, n_local, n_pair;
} axes_size;
axes_size cuda_axes_size(const cuda_axis *axis);

/* list [n]: items by their keys, in order; those of key k are list[first[k]] .. list[first[k+1]-1]. first [n_key+1] comes
 * as zeros. */
void cuda_sort_by_key(pdm_size n_key, pdm_size n, const int32_t *key, int32_t *first, int32_t *list);

#endif
