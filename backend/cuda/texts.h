/* Headers of this folder as texts, for kernels compiled at run time; made by the build (cmake/embed-text.cmake). */
#ifndef PDM_CUDA_TEXTS_H
#define PDM_CUDA_TEXTS_H

extern const char cuda_device_text[], cuda_axis_text[], cuda_term_text[];

#endif
