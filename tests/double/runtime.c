/* The runtime but for streams and launches: devices, memory, copies, errors. */
#include "tests/double/impl.h"

#include <stdio.h>
#include <stdlib.h>

static _Thread_local cudaError_t last_error;
static _Thread_local int         device;

/* ---- errors ---- */

cudaError_t double_cuda(cudaError_t error)
{
    if (error != cudaSuccess) last_error = error;
    return error;
}

static cudaError_t machine(void)
{
    if (double_now.n_device < 0) return cudaErrorInsufficientDriver;
    if (double_now.n_device == 0) return cudaErrorNoDevice;
    return cudaSuccess;
}

void double_device_ok(const char *what)
{
    if (double_now.only >= 0 && device != double_now.only)
        double_found("%s: while device %d is current, but calls are for device %d alone", what, device,
                     double_now.only);
}

cudaError_t double_cuda_start(cudaError_t injected)
{
    const cudaError_t none = machine();
    if (none != cudaSuccess) return double_cuda(none);
    if (injected != cudaSuccess && double_fails()) return double_cuda(injected);
    return cudaSuccess;
}

cudaError_t cudaGetLastError(void)
{
    const cudaError_t error = last_error;
    last_error              = cudaSuccess;
    return error;
}

cudaError_t cudaPeekAtLastError(void)
{
    return last_error;
}

#define ERRORS(X)                                                                                  \
    X(cudaSuccess, "no error")                                                                     \
    X(cudaErrorInvalidValue, "invalid argument")                                                   \
    X(cudaErrorMemoryAllocation, "out of memory")                                                  \
    X(cudaErrorInitializationError, "initialization error")                                        \
    X(cudaErrorInvalidConfiguration, "invalid configuration argument")                             \
    X(cudaErrorInsufficientDriver, "CUDA driver version is insufficient for CUDA runtime version") \
    X(cudaErrorInvalidDeviceFunction, "invalid device function")                                   \
    X(cudaErrorNoDevice, "no CUDA-capable device is detected")                                     \
    X(cudaErrorInvalidDevice, "invalid device ordinal")                                            \
    X(cudaErrorInvalidKernelImage, "device kernel image is invalid")                               \
    X(cudaErrorInvalidResourceHandle, "invalid resource handle")                                   \
    X(cudaErrorSymbolNotFound, "named symbol not found")                                           \
    X(cudaErrorNotReady, "device not ready")                                                       \
    X(cudaErrorIllegalAddress, "an illegal memory access was encountered")                         \
    X(cudaErrorLaunchFailure, "unspecified launch failure")                                        \
    X(cudaErrorLaunchOutOfResources, "too many resources requested for launch")                    \
    X(cudaErrorUnknown, "unknown error")

const char *cudaGetErrorName(cudaError_t error)
{
    switch (error) {
#define X(name, text) \
    case name: return #name;
        ERRORS(X)
#undef X
    default: return "unrecognized error code";
    }
}

const char *cudaGetErrorString(cudaError_t error)
{
    switch (error) {
#define X(name, text) \
    case name: return text;
        ERRORS(X)
#undef X
    default: return "unrecognized error code";
    }
}

/* ---- devices ---- */

cudaError_t cudaDriverGetVersion(int *version)
{
    ENTER();
    if (!version) CUDA_REFUSE(cudaErrorInvalidValue, "cudaDriverGetVersion: null");
    *version = double_now.n_device < 0 ? 0 : CUDART_VERSION;
    return cudaSuccess;
}

cudaError_t cudaRuntimeGetVersion(int *version)
{
    ENTER();
    if (!version) CUDA_REFUSE(cudaErrorInvalidValue, "cudaRuntimeGetVersion: null");
    *version = CUDART_VERSION;
    return cudaSuccess;
}

cudaError_t cudaGetDeviceCount(int *count)
{
    CUDA_START_ANY(cudaErrorInitializationError);
    if (!count) CUDA_REFUSE(cudaErrorInvalidValue, "cudaGetDeviceCount: null");
    *count = double_now.n_device;
    return cudaSuccess;
}

/* This and the next are never made to fail: what is current could not be put back then. */
cudaError_t cudaGetDevice(int *which)
{
    CUDA_START_ANY(cudaSuccess);
    if (!which) CUDA_REFUSE(cudaErrorInvalidValue, "cudaGetDevice: null");
    *which = device;
    return cudaSuccess;
}

int double_device(void)
{
    return device;
}

/* Not a finding: users ask for devices by number. */
cudaError_t cudaSetDevice(int which)
{
    CUDA_START_ANY(cudaSuccess);
    if (which < 0 || which >= double_now.n_device) return double_cuda(cudaErrorInvalidDevice);
    device = which;
    return cudaSuccess;
}

int double_max_shared(void)
{
    switch (double_now.capability) {
    case 70:
    case 72: return 96 * 1024;
    case 75: return 64 * 1024;
    case 80:
    case 87: return 163 * 1024;
    case 86:
    case 89:
    case 120: return 99 * 1024;
    default: return DOUBLE_MAX_DYNAMIC;
    }
}

enum { N_MULTIPROCESSOR = 132, WIDEST_GRID = 65535 };

cudaError_t cudaGetDeviceProperties(struct cudaDeviceProp *prop, int which)
{
    CUDA_START_ANY(cudaErrorInitializationError);
    if (!prop) CUDA_REFUSE(cudaErrorInvalidValue, "cudaGetDeviceProperties: null");
    if (which < 0 || which >= double_now.n_device) return double_cuda(cudaErrorInvalidDevice);
    *prop = (struct cudaDeviceProp){
        .totalGlobalMem              = double_now.bytes,
        .sharedMemPerBlock           = 48 * 1024,
        .regsPerBlock                = 65536,
        .warpSize                    = 32,
        .memPitch                    = 0x7FFFFFFF,
        .maxThreadsPerBlock          = 1024,
        .maxThreadsDim               = {1024, 1024, 64},
        .maxGridSize                 = {0x7FFFFFFF, WIDEST_GRID, WIDEST_GRID},
        .totalConstMem               = 65536,
        .major                       = double_now.capability / 10,
        .minor                       = double_now.capability % 10,
        .multiProcessorCount         = N_MULTIPROCESSOR,
        .canMapHostMemory            = 1,
        .concurrentKernels           = 1,
        .asyncEngineCount            = 3,
        .unifiedAddressing           = 1,
        .memoryBusWidth              = 5120,
        .l2CacheSize                 = 50 << 20,
        .maxThreadsPerMultiProcessor = 2048,
        .sharedMemPerMultiprocessor  = (size_t)double_max_shared() + 1024,
        .regsPerMultiprocessor       = 65536,
        .sharedMemPerBlockOptin      = (size_t)double_max_shared(),
        .maxBlocksPerMultiProcessor  = 32,
        .reservedSharedMemPerBlock   = 1024,
        .pciBusID                    = 1 + which,
    };
    snprintf(prop->name, sizeof prop->name, "Double of a GPU");
    return cudaSuccess;
}

static int attribute(enum cudaDeviceAttr which)
{
    switch (which) {
    case cudaDevAttrMaxThreadsPerBlock:
    case cudaDevAttrMaxBlockDimX:
    case cudaDevAttrMaxBlockDimY: return 1024;
    case cudaDevAttrMaxBlockDimZ: return 64;
    case cudaDevAttrMaxGridDimX: return 0x7FFFFFFF;
    case cudaDevAttrMaxGridDimY:
    case cudaDevAttrMaxGridDimZ: return WIDEST_GRID;
    case cudaDevAttrMaxSharedMemoryPerBlock: return 48 * 1024;
    case cudaDevAttrMaxSharedMemoryPerBlockOptin: return double_max_shared();
    case cudaDevAttrMaxSharedMemoryPerMultiprocessor: return double_max_shared() + 1024;
    case cudaDevAttrWarpSize: return 32;
    case cudaDevAttrMaxRegistersPerBlock:
    case cudaDevAttrMaxRegistersPerMultiprocessor: return 65536;
    case cudaDevAttrMaxThreadsPerMultiProcessor: return 2048;
    case cudaDevAttrMultiProcessorCount: return N_MULTIPROCESSOR;
    case cudaDevAttrClockRate: return 1785000;
    case cudaDevAttrMemoryClockRate: return 2619000;
    case cudaDevAttrGlobalMemoryBusWidth: return 5120;
    case cudaDevAttrL2CacheSize: return 50 << 20;
    case cudaDevAttrComputeCapabilityMajor: return double_now.capability / 10;
    case cudaDevAttrComputeCapabilityMinor: return double_now.capability % 10;
    case cudaDevAttrSingleToDoublePrecisionPerfRatio: return double_now.capability % 10 == 0 ? 2 : 64;
    case cudaDevAttrUnifiedAddressing:
    case cudaDevAttrConcurrentKernels:
    case cudaDevAttrCanMapHostMemory: return 1;
    default: return -1;
    }
}

cudaError_t cudaDeviceGetAttribute(int *value, enum cudaDeviceAttr which, int of_device)
{
    CUDA_START_ANY(cudaErrorInitializationError);
    if (!value) CUDA_REFUSE(cudaErrorInvalidValue, "cudaDeviceGetAttribute: null");
    if (of_device < 0 || of_device >= double_now.n_device) return double_cuda(cudaErrorInvalidDevice);
    const int found = attribute(which);
    if (found < 0)
        CUDA_REFUSE(cudaErrorInvalidValue, "cudaDeviceGetAttribute: the double does not know attribute %d", (int)which);
    *value = found;
    return cudaSuccess;
}

/* ---- memory ---- */

cudaError_t cudaMalloc(void **p, size_t bytes)
{
    CUDA_START(cudaErrorMemoryAllocation);
    if (!p) CUDA_REFUSE(cudaErrorInvalidValue, "cudaMalloc: null");
    if (bytes == 0) {
        *p = NULL;
        return cudaSuccess;
    }
    void *memory = double_allocate(bytes);
    if (!memory) return double_cuda(cudaErrorMemoryAllocation);
    double_allocation_of(memory)->device = device;
    *p                                   = memory;
    return cudaSuccess;
}

cudaError_t cudaFree(void *p)
{
    CUDA_START(cudaSuccess);
    if (!p) return cudaSuccess;
    double_drain_all();
    if (!double_release(p)) {
        char text[256];
        double_describe(p, text, sizeof text);
        CUDA_REFUSE(cudaErrorInvalidValue, "cudaFree: %p is not the start of an allocation (it %s)", p, text);
    }
    return cudaSuccess;
}

cudaError_t cudaMemGetInfo(size_t *free_bytes, size_t *total)
{
    CUDA_START(cudaErrorUnknown);
    if (!free_bytes || !total) CUDA_REFUSE(cudaErrorInvalidValue, "cudaMemGetInfo: null");
    *free_bytes = double_free_bytes();
    *total      = double_now.bytes;
    return cudaSuccess;
}

/* There is no managed memory here. */
cudaError_t cudaPointerGetAttributes(struct cudaPointerAttributes *found, const void *p)
{
    CUDA_START(cudaErrorInvalidValue);
    if (!found) CUDA_REFUSE(cudaErrorInvalidValue, "cudaPointerGetAttributes: null");
    const double_allocation *a = double_allocation_of(p);

    *found = (struct cudaPointerAttributes){.type = cudaMemoryTypeUnregistered, .device = cudaInvalidDeviceId};
    if (a) {
        found->type          = cudaMemoryTypeDevice;
        found->device        = a->device;
        found->devicePointer = (void *)(uintptr_t)p;
    } else if (double_pinned_of(p)) {
        found->type        = cudaMemoryTypeHost;
        found->device      = device;
        found->hostPointer = found->devicePointer = (void *)(uintptr_t)p;
    }
    return cudaSuccess;
}

cudaError_t cudaHostAlloc(void **p, size_t bytes, unsigned int flags)
{
    CUDA_START(cudaErrorMemoryAllocation);
    if (!p || flags > 7) CUDA_REFUSE(cudaErrorInvalidValue, "cudaHostAlloc: flags %u", flags);
    void *memory = bytes ? double_pin(bytes) : NULL;
    if (bytes && !memory) return double_cuda(cudaErrorMemoryAllocation);
    *p = memory;
    return cudaSuccess;
}

cudaError_t cudaMallocHost(void **p, size_t bytes)
{
    return cudaHostAlloc(p, bytes, cudaHostAllocDefault);
}

cudaError_t cudaFreeHost(void *p)
{
    CUDA_START(cudaSuccess);
    if (!p) return cudaSuccess;
    double_drain_all();
    if (!double_unpin(p)) CUDA_REFUSE(cudaErrorInvalidValue, "cudaFreeHost: %p was not given by cudaMallocHost", p);
    return cudaSuccess;
}

/* ---- copies ---- */

typedef struct copy {
    void               *to;
    const void         *from;
    size_t              bytes;
    enum cudaMemcpyKind kind;
    char               *staged; /* what the source held when the copy was asked for; to be freed */
    bool                pinned; /* the source may be changed too early */
} copy;

static void run_copy(void *argument)
{
    copy *c = argument;
    if (c->pinned && memcmp(c->from, c->staged, c->bytes) != 0)
        double_found("cudaMemcpyAsync to the device: the pinned source %p was changed before the copy was done",
                     c->from);
    const void *from = c->staged && !c->pinned ? c->staged : c->from;
    if (c->kind == cudaMemcpyDeviceToDevice) {
        if (double_on_device("cudaMemcpy, source", c->from, c->bytes) &&
            double_on_device("cudaMemcpy, target", c->to, c->bytes)) {
            memmove(c->to, from, c->bytes);
            double_watch_copied(c->to, c->from, c->bytes);
        }
    } else if (c->kind == cudaMemcpyDeviceToHost ? double_reads("cudaMemcpy, source", c->from, c->bytes)
                                                 : double_writes("cudaMemcpy, target", c->to, c->bytes))
        memcpy(c->to, from, c->bytes);
    free(c->staged);
}

static bool on_card(const void *p)
{
    return (size_t)((const char *)p - double_region) < DOUBLE_REGION;
}

/* Are the two pointers what the kind says? */
static bool sides_ok(const char *what, const void *to, const void *from, size_t bytes, enum cudaMemcpyKind kind)
{
    const bool to_device   = kind == cudaMemcpyHostToDevice || kind == cudaMemcpyDeviceToDevice;
    const bool from_device = kind == cudaMemcpyDeviceToHost || kind == cudaMemcpyDeviceToDevice;
    const struct {
        const char *name;
        const char *p;
        bool        on_device;
    } side[2] = {{"target", to, to_device}, {"source", from, from_device}};
    char name[64];

    for (int i = 0; i < 2; i++) {
        snprintf(name, sizeof name, "%s, %s", what, side[i].name);
        if (side[i].on_device) {
            if (!double_on_device(name, side[i].p, bytes)) return false;
        } else if (!side[i].p || on_card(side[i].p)) {
            double_found("%s: %p is %s; memory of the host expected", name, (const void *)side[i].p,
                         side[i].p ? "memory of the device" : "null");
            return false;
        }
    }
    return true;
}

static void count_copy(size_t bytes, enum cudaMemcpyKind kind)
{
    pdm_double_count *count = &double_now.count;
    if (kind == cudaMemcpyHostToDevice) {
        count->to_device++;
        count->bytes_to_device += (int64_t)bytes;
    } else if (kind == cudaMemcpyDeviceToHost) {
        count->to_host++;
        count->bytes_to_host += (int64_t)bytes;
    } else
        count->on_device++;
}

static cudaError_t enqueue_copy(const char *what, void *to, const void *from, size_t bytes, enum cudaMemcpyKind kind,
                                cudaStream_t stream, bool blocks)
{
    if (!double_stream_ok(stream, what)) return double_cuda(cudaErrorInvalidResourceHandle);
    if (kind == cudaMemcpyDefault)
        kind = on_card(to)     ? on_card(from) ? cudaMemcpyDeviceToDevice : cudaMemcpyHostToDevice
               : on_card(from) ? cudaMemcpyDeviceToHost
                               : cudaMemcpyHostToHost;
    if (kind != cudaMemcpyHostToDevice && kind != cudaMemcpyDeviceToHost && kind != cudaMemcpyDeviceToDevice)
        CUDA_REFUSE(cudaErrorInvalidMemcpyDirection,
                    "%s: kind %d; to the device, to the host or on the device expected", what, (int)kind);
    if (bytes == 0) return cudaSuccess;
    if (!sides_ok(what, to, from, bytes, kind)) return double_cuda(cudaErrorInvalidValue);

    copy c = {.to = to, .from = from, .bytes = bytes, .kind = kind};
    if (kind == cudaMemcpyHostToDevice && !blocks) {
        c.staged = malloc(bytes);
        if (!c.staged) abort();
        memcpy(c.staged, from, bytes);
        c.pinned = double_pinned_of(from) != NULL;
    }
    const bool late = kind == cudaMemcpyDeviceToHost ? !blocks && double_pinned_of(to) : !blocks;
    if (late && kind == cudaMemcpyDeviceToHost) memset(to, 0xFF, bytes); /* who reads too early sees NaN */
    *(copy *)double_enqueue(stream, run_copy, sizeof c) = c;
    count_copy(bytes, kind);
    if (!late) {
        double_now.count.synchronisations++;
        double_drain_stream(stream);
    }
    return cudaSuccess;
}

cudaError_t cudaMemcpyAsync(void *to, const void *from, size_t bytes, enum cudaMemcpyKind kind, cudaStream_t stream)
{
    CUDA_START(cudaErrorLaunchFailure);
    return enqueue_copy("cudaMemcpyAsync", to, from, bytes, kind, stream, false);
}

cudaError_t cudaMemcpy(void *to, const void *from, size_t bytes, enum cudaMemcpyKind kind)
{
    CUDA_START(cudaErrorLaunchFailure);
    return enqueue_copy("cudaMemcpy", to, from, bytes, kind, NULL, kind != cudaMemcpyDeviceToDevice);
}

typedef struct fill {
    void  *to;
    int    value;
    size_t bytes;
} fill;

static void run_fill(void *argument)
{
    const fill *f = argument;
    if (double_writes("cudaMemset", f->to, f->bytes)) memset(f->to, f->value, f->bytes);
}

cudaError_t cudaMemsetAsync(void *to, int value, size_t bytes, cudaStream_t stream)
{
    CUDA_START(cudaErrorLaunchFailure);
    if (!double_stream_ok(stream, "cudaMemsetAsync")) return double_cuda(cudaErrorInvalidResourceHandle);
    if (bytes == 0) return cudaSuccess;
    if (!double_on_device("cudaMemsetAsync", to, bytes)) return double_cuda(cudaErrorInvalidValue);
    *(fill *)double_enqueue(stream, run_fill, sizeof(fill)) = (fill){to, value, bytes};
    double_now.count.on_device++;
    return cudaSuccess;
}

cudaError_t cudaMemset(void *to, int value, size_t bytes)
{
    return cudaMemsetAsync(to, value, bytes, NULL);
}
