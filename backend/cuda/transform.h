/* Kernels between spectra and modes; see backend/fourier.h for parts and groups. A thread for every channel of a group.
 *
 * Modes are multiplied as reals: a sample has the rows (Re, -Im) and (Im, Re) in x, each [2 width], which times the
 * stacked (Kr, Ki) are Re and Im of the product in y. Samples come in tiles, the last one filled up with zeros: the
 * products of a tile are the same call however many there are, so a sample's numbers do not depend on the others'. */
#ifndef PDM_CUDA_TRANSFORM_H
#define PDM_CUDA_TRANSFORM_H

#include "backend/cuda/device.h"

enum {
    FOURIER_PARTS = 16, /* of four dimensions */
    FOURIER_TILE  = 64  /* samples */
};

typedef struct fourier_modes_args {
    const int32_t *index;
    int64_t        n_listed, n_tile, n_spectrum, n_mode;
    int32_t        n_group, n_part, width;
    const int32_t *trig;     /* [n_group][n_part]   */
    const int32_t *mode;     /* [n_group][n_part/2] */
    const float   *factor;   /* [n_group]           */
    float         *spectrum; /* [n_listed][n_spectrum][width]   */
    float         *x;        /* [n_tile][n_mode][2][FOURIER_TILE][2 width]: first the rows (Re, -Im) of a tile */
    float         *y;        /* [n_tile][n_mode][2][FOURIER_TILE][width]: Re, Im */
    float         *kept;     /* [n_sample][n_mode][2 width]: rows (Re, -Im); NULL: not to be kept */
} fourier_modes_args;

/* spectrum to x and kept, all of the tiles; y to spectrum */
PDM_KERNEL_DECLARE(fourier_split_kernel);
PDM_KERNEL_DECLARE(fourier_join_kernel);
/* Their transposes. Cotangent of spectrum to that of y, and kept to x, all of the tiles; cotangent of x to that of
 * spectrum. */
PDM_KERNEL_DECLARE(fourier_join_backward_kernel);
PDM_KERNEL_DECLARE(fourier_split_backward_kernel);

#endif
