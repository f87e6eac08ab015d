/* Inside of the networks on the device: the plan, products, transforms.
 *
 * What flows from call to call (h forward, its cotangent backward) lies in the order of the batch, sample after sample,
 * so that products are strided batches; what backward needs is written besides, by the kernels that have it at hand, to
 * places by sample number, since backward may come with any part of it in any order. It is read where it lies when the
 * batch is a run of samples, and gathered first when it is not: either way the same products with the same strides.
 *
 * A layer works on one grid and the next: the control grid for h_0 and h_L, the padded one between. Layer 0 "widens" and
 * layer L-1 "narrows" where anything is padded and there are two layers or more; their pointwise product, and what it
 * needs backward, is on the control grid alone, in a buffer of its own ("inside"). */
#ifndef PDM_CUDA_NETWORK_IMPL_H
#define PDM_CUDA_NETWORK_IMPL_H

#include "backend/cuda/cuda_impl.h"
#include "backend/fourier.h"

struct pdm_fourier_plan {
    pdm_fourier_desc  desc;
    pdm_fourier_sizes sizes;
    pdm_size          n_sample;
    bool              is_padded; /* in some dimension */
    /* on the device */
    float   *matrix[PDM_MAX_DIM]; /* [n_trig][n_padded]                                                     */
    int32_t *trig, *mode;         /* [n_group][n_part], [n_group][n_part/2]: see pdm_fourier_group          */
    float   *factor;              /* [n_group]                                                              */
    float   *ones;                /* [points], for sums as products                                         */
    float   *memory;              /* all below */
    float   *flow[2];             /* [listed][points of the grid][width]: h_l and its cotangent in flow[l%2] */
    float   *inside;              /* [listed][n_point][width]                                               */
    /* kept for backward, by sample */
    float  *features;              /* [n_sample][n_point][n_feature]                                     */
    float **h;                     /* [n_layer+1] of [n_sample][points][width]: what W_l, W_0 multiplied  */
    float **slope;                 /* [n_layer] of [n_sample][points of h_{l+1}][width]: gelu'            */
    float **modes;                 /* [n_layer] of [n_sample][n_mode][2 width]: Re, -Im of D B R h        */
    float  *hidden, *hidden_slope; /* [n_sample][n_point][n_hidden]                                       */
};

/* ---- products ---- */

/* c [m][n] = a [m][k] b [k][n], added to c or not, for each of n_batch; rows follow each other, `turned` operands are
 * stored as their transposes. `step`: floats to the next of the batch, 0: the same for all. */
typedef struct cuda_operand {
    const float *at;
    pdm_size     row, step; /* floats from a row, as stored, to the next */
    bool         turned;
} cuda_operand;

typedef struct cuda_product {
    pdm_size     m, n, k, n_batch;
    cuda_operand a, b;
    float       *c; /* [n_batch][m][n] */
    bool         add;
} cuda_product;

/* FP32, cuBLAS. */
pdm_status cuda_multiply(pdm_cuda *cu, const cuda_product *p);

/* ---- pieces of a block of floats: run once with base NULL to measure, once to hand out ---- */
typedef struct cuda_pieces {
    float   *base;
    pdm_size used;
} cuda_pieces;
float *cuda_piece(cuda_pieces *k, pdm_size n);

/* ---- transforms (transform.c) ---- */

typedef struct fourier_spectra {
    float *stage[2]; /* [listed][grid 0]..[trig d]..[width], whatever d */
    float *x, *y;    /* modes, see transform.h                          */
} fourier_spectra;

pdm_status fourier_transform_create(pdm_cuda *cu, pdm_fourier_plan *p);
void       fourier_transform_destroy(pdm_cuda *cu, pdm_fourier_plan *p);
/* Scratch for n samples. */
fourier_spectra fourier_spectra_of(const pdm_fourier_plan *p, pdm_size n, cuda_pieces *k);
/* out = R^T mix_l(R h), from one grid to another; index: the list of s on the device, keep: modes too. */
pdm_status fourier_mix(pdm_cuda *cu, const pdm_fourier_plan *p, pdm_batch s, const int32_t *index, pdm_size layer,
                       const float *parameters, const pdm_size *from, const float *h, const pdm_size *to, float *out,
                       bool keep);
/* g_h [from] from g [to], and the gradient of K. */
pdm_status fourier_mix_backward(pdm_cuda *cu, const pdm_fourier_plan *p, pdm_batch s, const int32_t *index,
                                pdm_size layer, const float *parameters, const pdm_size *to, const float *g,
                                const pdm_size *from, float *g_h, float *g_parameters);

#endif
