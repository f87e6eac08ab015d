/* Headers of this folder as texts, for kernels compiled at run time; made by the build (cmake/embed-text.cmake). */
#ifndef PDM_CUDA_TEXTS_H
#define PDM_CUDA_TEXTS_H

extern const char cuda_device_text[], cuda_axis_text[], cuda_term_text[];

/* What kernels of programs include: names and texts. */
enum { CUDA_INCLUDES = 3 };
extern const char *const cuda_include_name[CUDA_INCLUDES], *const cuda_include_text[CUDA_INCLUDES];

#endif
