/* Launches, and libraries of kernels that were compiled at run time. */
#include "tests/double/impl.h"

#include <dlfcn.h>
#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

struct CUkern_st {
    double_kernel *kernel;
    cudaKernel_t   next;
};

struct CUlib_st {
    cudaLibrary_t next;
    void         *handle; /* NULL: unloaded */
    int           file;   /* its text, in memory */
    cudaKernel_t  kernels;
};

static cudaLibrary_t libraries;

/* A function of the program, or a kernel of a library. */
static double_kernel *kernel_of(const void *function)
{
    for (cudaLibrary_t l = libraries; l; l = l->next)
        for (cudaKernel_t k = l->kernels; k; k = k->next)
            if (k == function) return k->kernel;
    return double_kernel_find(function);
}

typedef struct launch {
    double_launch launch;
    alignas(16) char args[];
} launch;

static void run_launch(void *argument)
{
    launch *l      = argument;
    l->launch.args = l->args;
    double_run(&l->launch);
}

cudaError_t cudaLaunchKernel(const void *function, dim3 grid, dim3 block, void **args, size_t shared,
                             cudaStream_t stream)
{
    CUDA_START(cudaErrorLaunchOutOfResources);
    double_kernel *kernel = kernel_of(function);
    if (!kernel) CUDA_REFUSE(cudaErrorInvalidDeviceFunction, "cudaLaunchKernel: %p is no kernel", function);
    if (!double_stream_ok(stream, "cudaLaunchKernel")) return double_cuda(cudaErrorInvalidResourceHandle);
    const uint64_t n_thread = (uint64_t)block.x * block.y * block.z;
    if (n_thread < 1 || n_thread > 1024 || block.x > 1024 || block.y > 1024 || block.z > 64)
        CUDA_REFUSE(cudaErrorInvalidConfiguration,
                    "kernel %s: a block of %u x %u x %u threads; 1 to 1024 in all expected", kernel->name, block.x,
                    block.y, block.z);
    if (grid.x < 1 || grid.y < 1 || grid.z < 1 || grid.x > 0x7FFFFFFFu || grid.y > 65535 || grid.z > 65535)
        CUDA_REFUSE(cudaErrorInvalidConfiguration,
                    "kernel %s: a grid of %u x %u x %u blocks; 1 to 2147483647 x 65535 x 65535 expected", kernel->name,
                    grid.x, grid.y, grid.z);
    const size_t fixed = 0; /* what the kernel has besides is not known */
    if (shared + fixed > kernel->dynamic)
        CUDA_REFUSE(cudaErrorInvalidValue, "kernel %s: %zu bytes of dynamic shared memory; %zu at most expected%s",
                    kernel->name, shared, kernel->dynamic,
                    kernel->dynamic > 48 * 1024 ? "" : " without cudaFuncSetAttribute");
    if (!args || !args[0]) CUDA_REFUSE(cudaErrorInvalidValue, "kernel %s: no arguments", kernel->name);
    launch *l = double_enqueue(stream, run_launch, sizeof *l + kernel->bytes);
    l->launch = (double_launch){
        .kernel = kernel, .grid = {grid.x, grid.y, grid.z}, .block = {block.x, block.y, block.z}, .dynamic = shared};
    memcpy(l->args, args[0], kernel->bytes);
    double_now.count.launches++;
    return cudaSuccess;
}

cudaError_t cudaFuncSetAttribute(const void *function, enum cudaFuncAttribute attribute, int value)
{
    CUDA_START(cudaErrorLaunchFailure);
    double_kernel *kernel = kernel_of(function);
    if (!kernel) CUDA_REFUSE(cudaErrorInvalidDeviceFunction, "cudaFuncSetAttribute: %p is no kernel", function);
    if (attribute == cudaFuncAttributePreferredSharedMemoryCarveout) return cudaSuccess;
    if (attribute != cudaFuncAttributeMaxDynamicSharedMemorySize)
        CUDA_REFUSE(cudaErrorInvalidValue, "cudaFuncSetAttribute: the double does not know attribute %d",
                    (int)attribute);
    if (value < 0 || value > double_max_shared()) return double_cuda(cudaErrorInvalidValue); /* programs may try */
    kernel->dynamic = (size_t)value;
    return cudaSuccess;
}

/* Registers and shared memory that a kernel takes are not known: none. */
cudaError_t cudaFuncGetAttributes(struct cudaFuncAttributes *out, const void *function)
{
    CUDA_START(cudaErrorLaunchFailure);
    const double_kernel *kernel = kernel_of(function);
    if (!kernel || !out)
        CUDA_REFUSE(cudaErrorInvalidDeviceFunction, "cudaFuncGetAttributes: %p is no kernel", function);
    *out = (struct cudaFuncAttributes){.maxThreadsPerBlock        = 1024,
                                       .maxDynamicSharedSizeBytes = (int)kernel->dynamic,
                                       .ptxVersion                = double_now.capability,
                                       .binaryVersion             = double_now.capability};
    return cudaSuccess;
}

cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessor(int *n_block, const void *function, int n_thread,
                                                          size_t shared)
{
    CUDA_START(cudaErrorLaunchFailure);
    if (!kernel_of(function) || !n_block || n_thread < 1 || n_thread > 1024)
        CUDA_REFUSE(cudaErrorInvalidValue,
                    "cudaOccupancyMaxActiveBlocksPerMultiprocessor: %p is no kernel, or %d threads", function,
                    n_thread);
    const int by_threads = 2048 / n_thread, by_shared = (double_max_shared() + 1024) / ((int)shared + 1024);
    *n_block = by_threads > 32 ? 32 : by_threads;
    if (by_shared < *n_block) *n_block = by_shared;
    return cudaSuccess;
}

/* ---- libraries ---- */

cudaError_t cudaLibraryLoadData(cudaLibrary_t *library, const void *code, enum cudaJitOption *jit, void **jit_values,
                                unsigned int n_jit, enum cudaLibraryOption *options, void **values,
                                unsigned int n_option)
{
    CUDA_START(cudaErrorMemoryAllocation);
    (void)jit, (void)jit_values, (void)options, (void)values;
    if (!library || !code) CUDA_REFUSE(cudaErrorInvalidValue, "cudaLibraryLoadData: null");
    if (n_jit || n_option) CUDA_REFUSE(cudaErrorInvalidValue, "cudaLibraryLoadData: the double knows no options");
    size_t bytes = 0;
    if (!double_is_compiled(code, &bytes)) return double_cuda(cudaErrorInvalidKernelImage);

    char          path[64];
    cudaLibrary_t made = calloc(1, sizeof *made);
    const int     file = memfd_create("kernels", MFD_CLOEXEC);
    if (!made || file < 0 || write(file, code, bytes) != (ssize_t)bytes) {
        perror("cuda double: memfd");
        abort();
    }
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    made->handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    made->file   = file; /* stays open: a path that is used again is the library that it was, to dlopen() */
    if (!made->handle) {
        close(file);
        double_found("cudaLibraryLoadData: %s", dlerror());
        free(made);
        return double_cuda(cudaErrorInvalidKernelImage);
    }
    made->next = libraries;
    libraries  = made;
    *library   = made;
    double_now.count.live_handles++;
    return cudaSuccess;
}

static bool library_ok(cudaLibrary_t library, const char *what)
{
    for (cudaLibrary_t l = libraries; l; l = l->next)
        if (l == library && l->handle) return true;
    double_found("%s: a library that does not exist, or not any more", what);
    return false;
}

cudaError_t cudaLibraryGetKernel(cudaKernel_t *out, cudaLibrary_t library, const char *name)
{
    CUDA_START(cudaErrorLaunchFailure);
    if (!library_ok(library, "cudaLibraryGetKernel")) return double_cuda(cudaErrorInvalidResourceHandle);
    if (!out || !name) CUDA_REFUSE(cudaErrorInvalidValue, "cudaLibraryGetKernel: null");
    const void    *function = dlsym(library->handle, name);
    double_kernel *kernel   = function ? double_kernel_find(function) : NULL;
    if (!kernel) return double_cuda(cudaErrorSymbolNotFound);
    cudaKernel_t made = malloc(sizeof *made);
    if (!made) abort();
    *made            = (struct CUkern_st){.kernel = kernel, .next = library->kernels};
    library->kernels = made;
    *out             = made;
    return cudaSuccess;
}

cudaError_t cudaLibraryUnload(cudaLibrary_t library)
{
    CUDA_START(cudaSuccess);
    if (!library_ok(library, "cudaLibraryUnload")) return double_cuda(cudaErrorInvalidResourceHandle);
    double_drain_all();
    while (library->kernels) {
        cudaKernel_t kernel = library->kernels;
        library->kernels    = kernel->next;
        free(kernel);
    }
    dlclose(library->handle);
    close(library->file);
    library->handle = NULL; /* the handle stays, so that its address does */
    double_now.count.live_handles--;
    return cudaSuccess;
}
