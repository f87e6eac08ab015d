/* The back end "cuda": an NVIDIA GPU, the current one of the thread that creates it. It is a shared object of its own,
 * opened when it is asked for (backend/plugin), since the toolkit's libraries are a gigabyte that a program without a GPU
 * does not have. */
#ifndef PDM_CUDA_H
#define PDM_CUDA_H

#include "backend/backend.h"

/* Fails with PDM_ERR_UNSUPPORTED, in one line that says what is missing: driver, device, a device that is new enough. */
pdm_status pdm_cuda_create(pdm_context *ctx, pdm_backend **out);

#endif
