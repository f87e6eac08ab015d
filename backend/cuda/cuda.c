/* The CUDA back end: its table, buffers in the device's memory, what is missing where it cannot be had. */
#include "backend/cuda/cuda.h"

#include "backend/cuda/cuda_impl.h"
#include "backend/cuda/jit.h"
#include "backend/cuda/vector.h"
#include "backend/plugin/plugin.h"

#include <string.h>

enum { OLDEST = 80 }; /* compute capability times ten: that of the build's oldest code */

/* ---- buffers ---- */

static void buffer_destroy_cuda(pdm_backend *b, pdm_buffer **buffer)
{
    CUDA_HERE(b);
    if (!buffer || !*buffer) return;
    cuda_settle(pdm_cuda_of(b));
    if (!(*buffer)->lent) cuda_free(pdm_cuda_of(b), (*buffer)->device);
    if ((*buffer)->stage) (void)cudaFreeHost((*buffer)->stage);
    pdm_free(b->ctx, *buffer);
    *buffer = NULL;
}

static pdm_status buffer_create_cuda(pdm_backend *b, size_t bytes, pdm_buffer **out)
{
    CUDA_HERE(b);
    pdm_status  status = PDM_OK;
    pdm_buffer *buffer = NULL;

    PDM_TRY(pdm_alloc(b->ctx, sizeof *buffer, &buffer));
    buffer->bytes = bytes;
    PDM_TRY(cuda_take_bytes(pdm_cuda_of(b), (pdm_size)bytes, 1, &buffer->device));
    *out   = buffer;
    buffer = NULL;
done:
    buffer_destroy_cuda(b, &buffer);
    return status;
}

/* The stage of a buffer, which no copy reads any more. */
static pdm_status free_stage(pdm_cuda *cu, pdm_buffer *buffer)
{
    pdm_status status = PDM_OK;

    if (!buffer->stage)
        CUDA_TRY(cu, cudaMallocHost(&buffer->stage, buffer->bytes > 0 ? buffer->bytes : 1));
    else if (buffer->left_at == cu->n_wait)
        PDM_TRY(cuda_wait(cu));
done:
    return status;
}

static pdm_status acquire_cuda(pdm_backend *b, pdm_buffer *buffer, pdm_access access, void **host)
{
    CUDA_HERE(b);
    pdm_status status = PDM_OK;
    pdm_cuda  *cu     = pdm_cuda_of(b);

    if (buffer->written || (access != PDM_READ && buffer->n_reader > 0))
        PDM_FAIL(b->ctx, PDM_ERR_INTERNAL,
                 "a buffer is acquired while a writer holds it, or for writing while readers do");
    if (buffer->n_reader == 0) PDM_TRY(free_stage(cu, buffer));
    if (access != PDM_WRITE && buffer->n_reader == 0 && buffer->bytes > 0) {
        CUDA_TRY(cu, cudaMemcpyAsync(buffer->stage, buffer->device, buffer->bytes, cudaMemcpyDeviceToHost, cu->stream));
        PDM_TRY(cuda_wait(cu));
    }
    if (access == PDM_READ)
        buffer->n_reader++;
    else
        buffer->written = true;
    *host = buffer->stage;
done:
    return status;
}

static pdm_status release_cuda(pdm_backend *b, pdm_buffer *buffer, void **host)
{
    CUDA_HERE(b);
    pdm_status status = PDM_OK;
    pdm_cuda  *cu     = pdm_cuda_of(b);

    if (!*host || *host != buffer->stage || (!buffer->written && buffer->n_reader == 0))
        PDM_FAIL(b->ctx, PDM_ERR_INTERNAL, "a pointer is released that acquire() did not give, or not any more");
    *host = NULL;
    if (!buffer->written) {
        buffer->n_reader--;
        return PDM_OK;
    }
    buffer->written = false;
    if (buffer->bytes > 0)
        CUDA_TRY(cu, cudaMemcpyAsync(buffer->device, buffer->stage, buffer->bytes, cudaMemcpyHostToDevice, cu->stream));
    buffer->left_at = cu->n_wait;
done:
    return status;
}

static pdm_status copy_cuda(pdm_backend *b, pdm_buffer *to, const pdm_buffer *from, size_t to_offset,
                            size_t from_offset, size_t bytes)
{
    CUDA_HERE(b);
    pdm_status status = PDM_OK;
    pdm_cuda  *cu     = pdm_cuda_of(b);

    if (to_offset > to->bytes || bytes > to->bytes - to_offset || from_offset > from->bytes ||
        bytes > from->bytes - from_offset)
        PDM_FAIL(b->ctx, PDM_ERR_INTERNAL,
                 "%zu bytes are copied from offset %zu of a buffer of %zu to offset %zu of %zu", bytes, from_offset,
                 from->bytes, to_offset, to->bytes);
    if (to == from && to_offset < from_offset + bytes && from_offset < to_offset + bytes && bytes > 0)
        PDM_FAIL(b->ctx, PDM_ERR_INTERNAL, "%zu bytes are copied over each other in one buffer", bytes);
    if (bytes > 0)
        CUDA_TRY(cu, cudaMemcpyAsync((char *)to->device + to_offset, (const char *)from->device + from_offset, bytes,
                                     cudaMemcpyDeviceToDevice, cu->stream));
done:
    return status;
}

static pdm_status synchronise_cuda(pdm_backend *b)
{
    CUDA_HERE(b);
    return cuda_wait(pdm_cuda_of(b));
}

/* ---- memory of a program ---- */

/* Kernels of the device may read and write the byte at p. */
static pdm_status check_byte(pdm_cuda *cu, const char *what, const char *p, const char *place)
{
    pdm_status                   status = PDM_OK;
    struct cudaPointerAttributes found  = {.type = cudaMemoryTypeUnregistered};

    const cudaError_t code = cudaPointerGetAttributes(&found, p);
    if (code != cudaSuccess && code != cudaErrorInvalidValue)
        PDM_TRY(cuda_fail(cu, code, "cudaPointerGetAttributes", __func__));
    (void)cudaGetLastError();
    if (found.type == cudaMemoryTypeManaged) return PDM_OK;
    if (found.type != cudaMemoryTypeDevice)
        PDM_FAIL(cu->base.ctx, PDM_ERR_ARGUMENT,
                 "%s: its %s byte, at %p, is %s; memory of device %d, or managed memory, expected", what, place,
                 (const void *)p, found.type == cudaMemoryTypeHost ? "pinned memory of the host" : "none of a device",
                 cu->device);
    if (found.device != cu->device)
        PDM_FAIL(cu->base.ctx, PDM_ERR_ARGUMENT, "%s: its %s byte, at %p, is on device %d; the model is on device %d",
                 what, place, (const void *)p, found.device, cu->device);
done:
    return status;
}

static pdm_status check_bytes(pdm_cuda *cu, const char *what, const char *memory, size_t bytes)
{
    pdm_status status = PDM_OK;

    if ((uintptr_t)memory % sizeof(double) != 0)
        PDM_FAIL(cu->base.ctx, PDM_ERR_ARGUMENT, "%s: the address %p is not a multiple of %zu", what,
                 (const void *)memory, sizeof(double));
    if (bytes == 0) return PDM_OK;
    PDM_TRY(check_byte(cu, what, memory, "first"));
    PDM_TRY(check_byte(cu, what, memory + bytes - 1, "last"));
done:
    if (status == PDM_ERR_ARGUMENT) pdm_error_note(cu->base.ctx, "%zu bytes expected there", bytes);
    return status;
}

static pdm_status buffer_lend_cuda(pdm_backend *b, const char *what, void *memory, size_t bytes, pdm_buffer **buffer)
{
    CUDA_HERE(b);
    pdm_status status = PDM_OK;
    pdm_cuda  *cu     = pdm_cuda_of(b);

    PDM_TRY(check_bytes(cu, what, memory, bytes));
    if (!*buffer) PDM_TRY(pdm_alloc(b->ctx, sizeof **buffer, buffer));
    **buffer = (pdm_buffer){.device = memory, .bytes = bytes, .lent = true};
done:
    return status;
}

/* ---- life ---- */

static pdm_status memory_cuda(pdm_backend *b, pdm_memory *out)
{
    CUDA_HERE(b);
    pdm_status status    = PDM_OK;
    pdm_cuda  *cu        = pdm_cuda_of(b);
    size_t     available = 0, total = 0;

    CUDA_TRY(cu, cudaMemGetInfo(&available, &total));
    *out = (pdm_memory){.held = (double)pdm_context_device_bytes(b->ctx), .available = (double)available};
done:
    return status;
}

static pdm_status view_cuda(pdm_backend *b, pdm_text *out)
{
    CUDA_HERE(b);
    pdm_status      status    = PDM_OK;
    const pdm_cuda *cu        = pdm_cuda_of(b);
    size_t          available = 0, total = 0;
    int             driver = 0, runtime = 0;

    (void)cudaMemGetInfo(&available, &total);
    (void)cudaDriverGetVersion(&driver);
    (void)cudaRuntimeGetVersion(&runtime);
    PDM_TRY(pdm_text_append(out, "back end         %s, device %d: %s, compute capability %d.%d, %d multiprocessors\n",
                            b->ops->name, cu->device, cu->properties.name, cu->properties.major, cu->properties.minor,
                            cu->properties.multiProcessorCount));
    PDM_TRY(pdm_text_append(out, "device memory    %.0f MiB free of %.0f\n", (double)available / 1048576.0,
                            (double)total / 1048576.0));
    PDM_TRY(pdm_text_append(out, "CUDA             %d.%d, driver for %d.%d\n", runtime / 1000, runtime % 1000 / 10,
                            driver / 1000, driver % 1000 / 10));
done:
    return status;
}

static void destroy_cuda(pdm_backend *b)
{
    CUDA_HERE(b);
    pdm_cuda *cu = pdm_cuda_of(b);

    cuda_settle(cu);
    cuda_jit_destroy(cu);
    cuda_memory_destroy(cu);
    if (cu->solver) (void)cusolverDnDestroy(cu->solver);
    if (cu->blas) (void)cublasDestroy(cu->blas);
    if (cu->stream && !cu->stream_is_lent) (void)cudaStreamDestroy(cu->stream);
    pdm_free(b->ctx, cu);
}

static const pdm_backend_ops cuda_ops = {
    .version = PDM_BACKEND_OPS_VERSION,
    .name    = "cuda",
    .destroy = destroy_cuda,
    .view    = view_cuda,

    .buffer_create  = buffer_create_cuda,
    .buffer_destroy = buffer_destroy_cuda,
    .acquire        = acquire_cuda,
    .release        = release_cuda,
    .copy           = copy_cuda,
    .synchronise    = synchronise_cuda,
    .buffer_lend    = buffer_lend_cuda,
    .memory         = memory_cuda,

    .rows_create        = rows_create_cuda,
    .rows_destroy       = rows_destroy_cuda,
    .rows_residual      = rows_residual_cuda,
    .rows_linearise     = rows_linearise_cuda,
    .rows_weigh         = rows_weigh_cuda,
    .rows_apply         = rows_apply_cuda,
    .rows_apply_adjoint = rows_apply_adjoint_cuda,
    .rows_partials      = rows_partials_cuda,
    .rows_curvature     = rows_curvature_cuda,
    .rows_second_order  = rows_second_order_cuda,

    .points_create           = points_create_cuda,
    .points_destroy          = points_destroy_cuda,
    .points_evaluate         = points_evaluate_cuda,
    .points_evaluate_adjoint = points_evaluate_adjoint_cuda,

    .columns_create           = columns_create_cuda,
    .columns_destroy          = columns_destroy_cuda,
    .columns_select           = columns_select_cuda,
    .columns_windows          = columns_windows_cuda,
    .columns_build            = columns_build_cuda,
    .columns_start            = columns_start_cuda,
    .columns_expand           = columns_expand_cuda,
    .columns_reduce           = columns_reduce_cuda,
    .columns_backward         = columns_backward_cuda,
    .columns_windows_backward = columns_windows_backward_cuda,

    .blocks_create   = blocks_create_cuda,
    .blocks_destroy  = blocks_destroy_cuda,
    .blocks_select   = blocks_select_cuda,
    .blocks_factor   = blocks_factor_cuda,
    .blocks_solve    = blocks_solve_cuda,
    .blocks_worth    = blocks_worth_cuda,
    .blocks_diagonal = blocks_diagonal_cuda,

    .normal_create   = normal_create_cuda,
    .normal_destroy  = normal_destroy_cuda,
    .normal_assemble = normal_assemble_cuda,

    .nest_create  = nest_create_cuda,
    .nest_destroy = nest_destroy_cuda,
    .nest_factor  = nest_factor_cuda,
    .nest_solve   = nest_solve_cuda,

    .matrix_create  = matrix_create_cuda,
    .matrix_destroy = matrix_destroy_cuda,
    .matrix_apply   = matrix_apply_cuda,

    .vector_dots     = vector_dots_cuda,
    .vector_combine  = vector_combine_cuda,
    .vector_multiply = vector_multiply_cuda,
    .vector_positive = vector_positive_cuda,

    .fourier_create         = fourier_create_cuda,
    .fourier_destroy        = fourier_destroy_cuda,
    .fourier_lift           = fourier_lift_cuda,
    .fourier_layer          = fourier_layer_cuda,
    .fourier_head           = fourier_head_cuda,
    .fourier_head_backward  = fourier_head_backward_cuda,
    .fourier_layer_backward = fourier_layer_backward_cuda,
    .fourier_lift_backward  = fourier_lift_backward_cuda,

    .adam_f32    = adam_f32_cuda,
    .norm2_f32   = norm2_f32_cuda,
    .combine_f32 = combine_f32_cuda,
    .widen_f32   = widen_f32_cuda,
    .narrow_f64  = narrow_f64_cuda,
};

/* The device that was asked for, or that the calling thread has, and whether it will do. */
static pdm_status find_device(pdm_cuda *cu)
{
    pdm_status      status = PDM_OK;
    pdm_context    *ctx    = cu->base.ctx;
    const pdm_queue asked  = pdm_context_queue(ctx);
    int             n      = 0; /* left untouched where the driver is missing */

    const cudaError_t code = cudaGetDeviceCount(&n);
    if (code == cudaErrorInsufficientDriver)
        PDM_FAIL(ctx, PDM_ERR_UNSUPPORTED, "back end \"cuda\": no driver for CUDA %d.%d is there (%s)",
                 CUDART_VERSION / 1000, CUDART_VERSION % 1000 / 10, cudaGetErrorString(code));
    if (code != cudaSuccess || n == 0)
        PDM_FAIL(ctx, PDM_ERR_UNSUPPORTED, "back end \"cuda\": no device is there (%s)",
                 cudaGetErrorString(code == cudaSuccess ? cudaErrorNoDevice : code));
    if (asked.is_given && asked.device >= n)
        PDM_FAIL(ctx, PDM_ERR_ARGUMENT, "back end \"cuda\": there is no device %d; 0 to %d are there", asked.device,
                 n - 1);
    if (asked.is_given && asked.device >= 0)
        cu->device = asked.device;
    else
        CUDA_TRY(cu, cudaGetDevice(&cu->device));
    CUDA_TRY(cu, cudaGetDeviceProperties(&cu->properties, cu->device));
    if (10 * cu->properties.major + cu->properties.minor < OLDEST)
        PDM_FAIL(ctx, PDM_ERR_UNSUPPORTED,
                 "back end \"cuda\": device %d, \"%s\", has compute capability %d.%d; %d.%d or newer expected",
                 cu->device, cu->properties.name, cu->properties.major, cu->properties.minor, OLDEST / 10, OLDEST % 10);
done:
    return status;
}

/* Whether the build has code for the device. */
static pdm_status find_code(pdm_cuda *cu)
{
    pdm_status                status = PDM_OK;
    struct cudaFuncAttributes found;

    const cudaError_t code = cudaFuncGetAttributes(&found, (const void *)vector_multiply_kernel);
    if (code != cudaSuccess) {
        (void)cudaGetLastError();
        PDM_FAIL(cu->base.ctx, PDM_ERR_UNSUPPORTED,
                 "back end \"cuda\": this build has no code for device %d, \"%s\", compute capability %d.%d (%s)",
                 cu->device, cu->properties.name, cu->properties.major, cu->properties.minor, cudaGetErrorString(code));
    }
done:
    return status;
}

/* The stream that was asked for, which is of the device, or one of our own. */
static pdm_status find_stream(pdm_cuda *cu)
{
    pdm_status      status = PDM_OK;
    const pdm_queue asked  = pdm_context_queue(cu->base.ctx);
    int             device = 0;

    if (!asked.is_given) {
        CUDA_TRY(cu, cudaStreamCreateWithFlags(&cu->stream, cudaStreamNonBlocking));
        return PDM_OK;
    }
    cu->stream         = asked.stream ? asked.stream : cudaStreamLegacy;
    cu->stream_is_lent = true;
    CUDA_TRY(cu, cudaStreamGetDevice(cu->stream, &device));
    if (device != cu->device)
        PDM_FAIL(cu->base.ctx, PDM_ERR_ARGUMENT,
                 "back end \"cuda\": the stream is of device %d; one of device %d expected", device, cu->device);
done:
    return status;
}

/* On the device that was found. */
static pdm_status start(pdm_cuda *cu)
{
    CUDA_HERE(&cu->base);
    pdm_status status = PDM_OK;

    PDM_TRY(find_code(cu));
    PDM_TRY(find_stream(cu));
    PDM_TRY(cuda_memory_create(cu));
    CUBLAS_TRY(cu, cublasCreate(&cu->blas));
    CUBLAS_TRY(cu, cublasSetStream(cu->blas, cu->stream));
    CUBLAS_TRY(cu, cublasSetMathMode(cu->blas, CUBLAS_PEDANTIC_MATH));
    CUSOLVER_TRY(cu, cusolverDnCreate(&cu->solver));
    CUSOLVER_TRY(cu, cusolverDnSetStream(cu->solver, cu->stream));
done:
    return status;
}

pdm_status pdm_cuda_create(pdm_context *ctx, pdm_backend **out)
{
    pdm_status status = PDM_OK;
    pdm_cuda  *cu     = NULL;

    PDM_TRY(pdm_alloc(ctx, sizeof *cu, &cu));
    cu->base = (pdm_backend){.ops = &cuda_ops, .ctx = ctx};
    PDM_TRY(find_device(cu));
    PDM_TRY(start(cu));
    *out = &cu->base;
    cu   = NULL;
done:
    if (cu) destroy_cuda(&cu->base);
    return status;
}

/* What the library looks for in the shared object. */
PDM_API extern const pdm_plugin pdm_backend_plugin;

const pdm_plugin pdm_backend_plugin = {
    .ops_version = PDM_BACKEND_OPS_VERSION, .build = pdm_build_info, .create = pdm_cuda_create};
