/* Inside of the CPU networks: FP32 kernels, and the functions behind the network part of the table. */
#ifndef PDM_CPU_NETWORK_IMPL_H
#define PDM_CPU_NETWORK_IMPL_H

#include "backend/backend.h"

/* Constants of one Adam step, rounded to FP32 once. */
typedef struct f32_adam {
    float gradient_scale, beta1, one_minus_beta1, beta2, one_minus_beta2;
    float rate;        /* learning_rate / (1 - beta1^step) */
    float correction2; /* 1 / (1 - beta2^step)             */
    float epsilon;
} f32_adam;

/* kernels/f32.h, once per instruction set. Written matrices do not overlap those that are read (product: c may be
 * init). The order of the sums in one output does not depend on the sizes m and n. */
typedef struct f32_kernels {
    /* c [m][n] = init + A B; A [m][k] at a[i*a_row + k*a_col]; B [k][n], rows ldb apart; init [m][n], rows ld_init
     * apart (0: the same row for all), NULL: zeros; c rows ldc apart */
    void (*product)(pdm_size m, pdm_size n, pdm_size k, const float *a, pdm_size a_row, pdm_size a_col, const float *b,
                    pdm_size ldb, const float *init, pdm_size ld_init, float *c, pdm_size ldc);
    /* x [n] becomes gelu(x), slope [n] (may be NULL) gelu'(x) */
    void (*gelu)(pdm_size n, float *x, float *slope);
    void (*multiply)(pdm_size n, const float *x, float *y);             /* y *= x                                   */
    void (*add_rows)(pdm_size m, pdm_size n, const float *x, float *y); /* y [n] += sum over rows of x [m][n]       */
    void (*transpose)(pdm_size m, pdm_size n, const float *a, pdm_size lda, float *b,
                      pdm_size ldb); /* b [n][m] = a [m][n]^T */
    void (*adam)(const f32_adam *s, pdm_size n, const float *g, float *m, float *v, float *p);
    double (*norm2)(pdm_size n, const float *x);
} f32_kernels;

extern const f32_kernels f32_kernels_portable;
#if defined(__x86_64__)
extern const f32_kernels f32_kernels_avx2;
#endif

/* The kernels for an instruction set by its name in pdm_cpu_kernels ("portable", "avx2", "avx512"). */
const f32_kernels *f32_kernels_for(const char *isa);

/* network.c */
pdm_status fourier_create_cpu(pdm_backend *b, const pdm_fourier_desc *desc, pdm_size n_sample, pdm_fourier_plan **out);
void       fourier_destroy_cpu(pdm_backend *b, pdm_fourier_plan **plan);
pdm_status fourier_lift_cpu(pdm_backend *b, pdm_fourier_plan *plan, pdm_batch s, pdm_buffer *parameters,
                            pdm_buffer *features, bool keep);
pdm_status fourier_layer_cpu(pdm_backend *b, pdm_fourier_plan *plan, pdm_batch s, pdm_size layer,
                             pdm_buffer *parameters, bool keep);
pdm_status fourier_head_cpu(pdm_backend *b, pdm_fourier_plan *plan, pdm_batch s, pdm_buffer *parameters,
                            pdm_buffer *basis, bool keep);
pdm_status fourier_head_backward_cpu(pdm_backend *b, pdm_fourier_plan *plan, pdm_batch s, pdm_buffer *parameters,
                                     pdm_buffer *g_basis, pdm_buffer *g_parameters);
pdm_status fourier_layer_backward_cpu(pdm_backend *b, pdm_fourier_plan *plan, pdm_batch s, pdm_size layer,
                                      pdm_buffer *parameters, pdm_buffer *g_parameters);
pdm_status fourier_lift_backward_cpu(pdm_backend *b, pdm_fourier_plan *plan, pdm_batch s, pdm_buffer *g_parameters);
/* optimiser.c */
pdm_status adam_f32_cpu(pdm_backend *b, const pdm_adam *adam, pdm_buffer *gradient, pdm_buffer *m, pdm_buffer *v,
                        pdm_buffer *parameters);
pdm_status norm2_f32_cpu(pdm_backend *b, pdm_size n, pdm_buffer *x, double *out);
pdm_status combine_f32_cpu(pdm_backend *b, pdm_size n, double alpha, pdm_buffer *x, double beta, pdm_buffer *y);
pdm_status widen_f32_cpu(pdm_backend *b, pdm_size n, pdm_buffer *x, double beta, pdm_buffer *y);
pdm_status narrow_f64_cpu(pdm_backend *b, pdm_size n, double alpha, pdm_buffer *x, pdm_buffer *y);

#endif
