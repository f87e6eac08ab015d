/* Kernels compiled at run time, from text that is a function of what they compute alone. What was compiled once lies in
 * the folder that PDEMOE_KERNELS names, else in the user's cache, as HASH.cubin beside its text HASH.cu; HASH is that of
 * text, architecture and compiler. */
#ifndef PDM_CUDA_JIT_H
#define PDM_CUDA_JIT_H

#include "backend/cuda/cuda_impl.h"

/* Compiled and loaded; the same text gives the same library, which lives as long as the back end. */
pdm_status cuda_jit_library(pdm_cuda *cu, const char *text, cudaLibrary_t *out);
pdm_status cuda_jit_kernel(pdm_cuda *cu, cudaLibrary_t library, const char *name, const void **out);
void       cuda_jit_destroy(pdm_cuda *cu);

#endif
