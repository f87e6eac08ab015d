/* What the double gives to kernels that are compiled as C. */
#ifndef PDM_DOUBLE_KERNEL_H
#define PDM_DOUBLE_KERNEL_H

#include <stddef.h>
#include <stdint.h>

typedef struct pdm_dim3 {
    unsigned x, y, z;
} pdm_dim3;

typedef enum pdm_warp_op { PDM_SYNCWARP, PDM_SHFL, PDM_SHFL_UP, PDM_SHFL_DOWN, PDM_SHFL_XOR, PDM_BALLOT } pdm_warp_op;

#pragma GCC visibility push(default)
extern pdm_dim3        threadIdx, blockIdx, blockDim, gridDim;

/* Modules tell their kernels when they are loaded, and take that back when they go. */
void pdm_double_kernel(const void *function, const char *name, size_t bytes, char *shared, char *shared_end,
                       int watched);
void pdm_double_forget(const void *function);

void     pdm_double_barrier(const char *file, int line);
uint64_t pdm_double_warp(pdm_warp_op op, unsigned mask, uint64_t value, int lane, int width, const char *file,
                         int line);
void    *pdm_double_dynamic(void);
void     pdm_double_atomic(volatile void *p, size_t bytes);
void     pdm_double_trap(void);
#pragma GCC visibility pop

#endif
