/* Inside of surrogate/: the kinds, one file each. */
#ifndef PDM_SURROGATE_IMPL_H
#define PDM_SURROGATE_IMPL_H

#include "surrogate/surrogate.h"

/* shape is valid. On failure everything is gone again. */
pdm_status pdm_fno_create(pdm_context *ctx, pdm_backend *backend, pdm_case *c, const pdm_surrogate_shape *shape,
                          uint64_t seed, pdm_surrogate **out);
pdm_status pdm_none_create(pdm_context *ctx, pdm_backend *backend, pdm_case *c, const pdm_surrogate_shape *shape,
                           uint64_t seed, pdm_surrogate **out);
/* Reads its settings for nothing: where there is no network, they may stay in the case. */
pdm_status pdm_fno_settings_accept(pdm_case *c);
pdm_status pdm_fno_settings_view(pdm_text *out);

#endif
