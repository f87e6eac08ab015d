/* Surrogates: from features on the control grid to basis functions on the control grid, FP32, on a back end.
 * A surrogate is a table of operations; `fno` is the first. */
#ifndef PDM_SURROGATE_H
#define PDM_SURROGATE_H

#include "backend/backend.h"
#include "io/io.h"

typedef struct pdm_surrogate pdm_surrogate;

typedef struct pdm_surrogate_shape {
    pdm_size n_dim;
    pdm_size n_coef[PDM_MAX_DIM];   /* control grid           */
    bool     periodic[PDM_MAX_DIM]; /* not padded             */
    pdm_size n_feature;             /* channels in                    */
    pdm_size n_channel;             /* channels out (basis functions) */
    pdm_size n_sample;              /* largest batch                  */
} pdm_surrogate_shape;

/* A named piece of the parameter vector, for files and for people. */
typedef enum pdm_tensor_kind {
    PDM_TENSOR_REAL, /* numbers of any shape                                                                        */
    PDM_TENSOR_MODES /* a complex matrix a mode: [modes ...][(real, imaginary) x width in][width out]               */
} pdm_tensor_kind;
typedef struct pdm_tensor_info {
    char            name[48];
    pdm_tensor_kind kind;
    pdm_size        offset, n;
    pdm_size        n_axis;
    pdm_size        shape[6];
} pdm_tensor_info;

/* Of PDM_TENSOR_MODES: how many matrices there are, [n_in][n_out] each. */
void pdm_tensor_modes(const pdm_tensor_info *t, pdm_size *n_mode, pdm_size *n_in, pdm_size *n_out);
/* "3 x 4" of a tensor of that shape, with what stands between. */
enum { PDM_SHAPE_TEXT = 160 };
void pdm_tensor_shape_text(const pdm_tensor_info *t, const char *between, char text[PDM_SHAPE_TEXT]);

typedef struct pdm_surrogate_ops {
    const char *name;
    void (*destroy)(pdm_surrogate *s);
    /* basis [n_sample][n_channel][grid] from features [n_sample][n_feature][grid]; keeps what backward needs when keep */
    pdm_status (*forward)(pdm_surrogate *s, pdm_batch batch, pdm_buffer *features, pdm_buffer *basis, bool keep);
    /* g_parameters (of the surrogate) = sum over the batch, in a fixed order; overwritten */
    pdm_status (*backward)(pdm_surrogate *s, pdm_batch batch, pdm_buffer *g_basis);
    pdm_status (*view)(pdm_surrogate *s, pdm_text *out);
} pdm_surrogate_ops;

struct pdm_surrogate {
    const pdm_surrogate_ops *ops;
    pdm_context             *ctx;
    pdm_backend             *backend;
    pdm_surrogate_shape      shape;
    pdm_size                 n_parameter;
    pdm_buffer              *parameters;   /* float [n_parameter] */
    pdm_buffer              *g_parameters; /* float [n_parameter] */
    pdm_size                 n_tensor;
    pdm_tensor_info         *tensor; /* [n_tensor] */
};

/* Reads group "surrogate" (kind, width, layers, modes, padding, ...). Parameters are drawn from `seed`. Without channels
 * there is no network, whatever the kind. */
pdm_status pdm_surrogate_create(pdm_context *ctx, pdm_backend *backend, pdm_case *c, const pdm_surrogate_shape *shape,
                                uint64_t seed, pdm_surrogate **out);
/* Help on the settings of group "surrogate". */
pdm_status pdm_surrogate_settings_view(pdm_text *out);
void       pdm_surrogate_destroy(pdm_surrogate **s);

#endif
