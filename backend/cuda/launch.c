/* Launches of kernels, those of the build and those compiled at run time alike. */
#include "backend/cuda/cuda_impl.h"

enum { MOST_BLOCKS_Y = 65535, FREE_SHARED = 40 * 1024 /* what a kernel has besides counts, too */ };

cuda_grid cuda_grid_of(pdm_size n, pdm_size n_sample)
{
    return (cuda_grid){
        .blocks_x = (n + PDM_CUDA_THREADS - 1) / PDM_CUDA_THREADS, .blocks_y = n_sample, .threads = PDM_CUDA_THREADS};
}

pdm_status cuda_launch_at(pdm_cuda *cu, const void *kernel, const char *name, cuda_grid grid, void *args)
{
    pdm_status     status  = PDM_OK;
    const pdm_size rows    = grid.blocks_y < MOST_BLOCKS_Y ? grid.blocks_y : MOST_BLOCKS_Y;
    const dim3     blocks  = {(unsigned)grid.blocks_x, (unsigned)rows, 1};
    const dim3     threads = {(unsigned)grid.threads, 1, 1};

    if (grid.blocks_x == 0 || grid.blocks_y == 0) return PDM_OK;
    if (grid.blocks_x > INT32_MAX || grid.shared > cu->properties.sharedMemPerBlockOptin)
        PDM_FAIL(cu->base.ctx, PDM_ERR_UNSUPPORTED,
                 "%s needs %lld blocks with %zu bytes of shared memory; at most %d with %zu are there", name,
                 (long long)grid.blocks_x, grid.shared, INT32_MAX, cu->properties.sharedMemPerBlockOptin);
    if (grid.shared > FREE_SHARED)
        CUDA_TRY(cu, cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, (int)grid.shared));
    const cudaError_t code = cudaLaunchKernel(kernel, blocks, threads, &args, grid.shared, cu->stream);
    if (code != cudaSuccess) status = cuda_fail(cu, code, name, __func__);
done:
    return status;
}
