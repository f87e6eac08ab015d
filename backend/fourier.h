/* What every back end's Fourier networks are made of: limits, sizes, matrices of the transform, groups of modes.
 *
 * The transform is a tensor product of small real matrices, rows cos(2 pi k j / n) and sin(2 pi k j / n), in the order
 * c0, c1, s1, c2, s2, ... A spectrum [n_trig 0]..[n_trig d-1] holds the products of cosines and sines; the complex modes
 * (and, for the same |k|, all signs of k) are sums and differences of these ("butterfly"). The inverse is the transpose
 * of everything times a factor per mode. */
#ifndef PDM_BACKEND_FOURIER_H
#define PDM_BACKEND_FOURIER_H

#include "backend/backend.h"

enum { PDM_FOURIER_MAX_PART = 1 << PDM_MAX_DIM };

/* Modes of equal |k| in every dimension. Part bit 0: sine in the last dimension; bit 1+d: sine in dimension d. After
 * the butterfly, bit 0 is the imaginary part and bit 1+d the sign of k in dimension d (1: negative). */
typedef struct pdm_fourier_group {
    int32_t trig[PDM_FOURIER_MAX_PART];     /* place in the spectrum; -1: no such product   */
    int32_t mode[PDM_FOURIER_MAX_PART / 2]; /* number of the mode; -1: not kept. Index: part >> 1 */
    float   factor;                         /* of the inverse transform: 1 or 2, over the number of points */
} pdm_fourier_group;

typedef struct pdm_fourier_sizes {
    pdm_size n_part, n_group, n_mode;
    pdm_size n_trig[PDM_MAX_DIM], n_spectrum; /* the latter their product */
    pdm_size n_point, n_point_padded;
} pdm_fourier_sizes;

/* PDM_ERR_ARGUMENT where desc breaks its limits. */
pdm_status        pdm_fourier_check(pdm_context *ctx, const pdm_fourier_desc *d, pdm_size n_sample);
pdm_fourier_sizes pdm_fourier_sizes_of(const pdm_fourier_desc *d);
/* matrix [n_trig][n_padded] of a dimension */
void pdm_fourier_fill_matrix(const pdm_fourier_desc *d, pdm_size dim, float *matrix);
/* Group `number` of n_group. */
void pdm_fourier_fill_group(const pdm_fourier_desc *d, pdm_size number, pdm_fourier_group *g);

#endif
