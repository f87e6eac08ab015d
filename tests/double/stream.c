/* Streams, events and the queue of operations. Nothing runs before somebody waits for it. */
#include "tests/double/impl.h"

#include <stdalign.h>
#include <stdlib.h>
#include <time.h>

enum { STREAM = 0x53747265, EVENT = 0x45766e74, GONE = 0x676f6e65 };

struct double_op {
    double_op *next;
    uint64_t   number; /* in the order of calls, of all streams */
    void (*run)(void *);
    cudaEvent_t event; /* to wait for */
    uint64_t    version;
    alignas(16) char argument[];
};

struct CUstream_st {
    int          magic, device;
    bool         blocking; /* the default stream and this one wait for each other */
    cudaStream_t next;
    double_op   *first, **last;
};

struct CUevent_st {
    int          magic;
    cudaEvent_t  next;
    uint64_t     recorded, done; /* how often */
    double       seconds;        /* when it was last done */
    cudaStream_t stream;         /* of the last record */
};

static struct CUstream_st default_stream = {.magic = STREAM, .blocking = true, .last = &default_stream.first};
static cudaStream_t       streams        = &default_stream; /* those that live */
static uint64_t           n_call;
static cudaStream_t       gone_streams; /* their addresses are not given out again */

static cudaStream_t resolve(cudaStream_t stream)
{
    return (uintptr_t)stream <= 2 ? &default_stream : stream;
}

bool double_stream_ok(cudaStream_t stream, const char *what)
{
    stream = resolve(stream);
    for (cudaStream_t s = streams; s; s = s->next)
        if (s == stream) return true;
    double_found("%s: a stream that does not exist, or not any more", what);
    return false;
}

void *double_enqueue(cudaStream_t stream, void (*run)(void *), size_t bytes)
{
    stream        = resolve(stream);
    double_op *op = calloc(1, sizeof *op + bytes);
    if (!op) abort();
    op->number    = ++n_call;
    op->run       = run;
    *stream->last = op;
    stream->last  = &op->next;
    double_now.count.pending++;
    return op->argument;
}

/* ---- running ---- */

static bool may_run(cudaStream_t stream)
{
    const double_op *op = stream->first;
    if (!op) return false;
    if (op->event && op->event->done < op->version) return false;
    if (!stream->blocking) return true;
    if (stream != &default_stream) return !default_stream.first || default_stream.first->number > op->number;
    for (cudaStream_t s = streams; s; s = s->next)
        if (s->blocking && s->first && s->first->number < op->number) return false;
    return true;
}

static void run_first(cudaStream_t stream)
{
    double_op *op = stream->first;
    stream->first = op->next;
    if (!op->next) stream->last = &stream->first;
    double_open();
    op->run(op->argument);
    double_close();
    double_now.count.pending--;
    free(op);
}

/* One operation, of any stream that may; half of the time of `wanted`. */
static void run_one(cudaStream_t wanted)
{
    cudaStream_t chosen = NULL;
    uint64_t     n      = 0;

    for (cudaStream_t s = streams; s; s = s->next)
        if (may_run(s) && double_random(++n) == 0) chosen = s;
    if (!chosen) {
        double_found("streams wait for each other for ever");
        abort();
    }
    if (n > 1 && may_run(wanted) && double_random(2)) chosen = wanted;
    run_first(chosen);
}

/* Up to operation `number` of the stream. */
static void drain(cudaStream_t stream, uint64_t number)
{
    double_open();
    while (stream->first && stream->first->number <= number) run_one(stream);
    double_close();
}

void double_drain_stream(cudaStream_t stream)
{
    drain(resolve(stream), n_call);
}

void double_drain_all(void)
{
    for (cudaStream_t s = streams; s; s = s->next) drain(s, n_call);
}

/* ---- streams ---- */

static cudaError_t create_stream(cudaStream_t *stream, unsigned flags)
{
    CUDA_START(cudaErrorMemoryAllocation);
    if (!stream || flags > cudaStreamNonBlocking)
        CUDA_REFUSE(cudaErrorInvalidValue, "cudaStreamCreate: flags %u", flags);
    cudaStream_t s = calloc(1, sizeof *s);
    if (!s) abort();
    *s = (struct CUstream_st){
        .magic = STREAM, .device = double_device(), .blocking = !(flags & cudaStreamNonBlocking), .last = &s->first};
    s->next       = streams->next;
    streams->next = s;
    *stream       = s;
    double_now.count.live_handles++;
    return cudaSuccess;
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t *stream, unsigned int flags)
{
    return create_stream(stream, flags);
}

cudaError_t cudaStreamCreate(cudaStream_t *stream)
{
    return create_stream(stream, 0);
}

/* Priorities change nothing: orders come from the seed. */
cudaError_t cudaStreamCreateWithPriority(cudaStream_t *stream, unsigned int flags, int priority)
{
    (void)priority;
    return create_stream(stream, flags);
}

cudaError_t cudaDeviceGetStreamPriorityRange(int *least, int *greatest)
{
    CUDA_START(cudaErrorInitializationError);
    if (least) *least = 0;
    if (greatest) *greatest = -5;
    return cudaSuccess;
}

/* The default stream is that of the current device. */
cudaError_t cudaStreamGetDevice(cudaStream_t stream, int *device)
{
    CUDA_START(cudaErrorInitializationError);
    if (!device || !double_stream_ok(stream, "cudaStreamGetDevice")) return double_cuda(cudaErrorInvalidValue);
    *device = resolve(stream) == &default_stream ? double_device() : stream->device;
    return cudaSuccess;
}

cudaError_t cudaStreamDestroy(cudaStream_t stream)
{
    CUDA_START(cudaSuccess);
    if (resolve(stream) == &default_stream || !double_stream_ok(stream, "cudaStreamDestroy")) {
        if (resolve(stream) == &default_stream) double_found("cudaStreamDestroy: the default stream");
        return double_cuda(cudaErrorInvalidResourceHandle);
    }
    double_drain_stream(stream);
    for (cudaStream_t *link = &streams; *link; link = &(*link)->next)
        if (*link == stream) {
            *link         = stream->next;
            stream->magic = GONE;
            stream->next  = gone_streams;
            gone_streams  = stream;
            break;
        }
    double_now.count.live_handles--;
    return cudaSuccess;
}

cudaError_t cudaStreamSynchronize(cudaStream_t stream)
{
    CUDA_START(cudaErrorLaunchFailure);
    if (!double_stream_ok(stream, "cudaStreamSynchronize")) return double_cuda(cudaErrorInvalidResourceHandle);
    double_now.count.synchronisations++;
    double_drain_stream(stream);
    return cudaSuccess;
}

/* Those who ask again and again get on. */
cudaError_t cudaStreamQuery(cudaStream_t stream)
{
    CUDA_START(cudaErrorLaunchFailure);
    if (!double_stream_ok(stream, "cudaStreamQuery")) return double_cuda(cudaErrorInvalidResourceHandle);
    if (!resolve(stream)->first) return cudaSuccess;
    run_one(resolve(stream));
    return cudaErrorNotReady;
}

cudaError_t cudaDeviceSynchronize(void)
{
    CUDA_START(cudaErrorLaunchFailure);
    double_now.count.synchronisations++;
    double_drain_all();
    return cudaSuccess;
}

/* ---- events ---- */

static bool event_ok(cudaEvent_t event, const char *what)
{
    if (event && event->magic == EVENT) return true;
    double_found("%s: %s", what, event ? "an event that does not exist any more" : "a null event");
    return false;
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t *event, unsigned int flags)
{
    CUDA_START(cudaErrorMemoryAllocation);
    if (!event || flags > 7) CUDA_REFUSE(cudaErrorInvalidValue, "cudaEventCreate: flags %u", flags);
    cudaEvent_t e = calloc(1, sizeof *e);
    if (!e) abort();
    e->magic = EVENT;
    *event   = e;
    double_now.count.live_handles++;
    return cudaSuccess;
}

cudaError_t cudaEventCreate(cudaEvent_t *event)
{
    return cudaEventCreateWithFlags(event, cudaEventDefault);
}

cudaError_t cudaEventDestroy(cudaEvent_t event)
{
    static cudaEvent_t gone; /* waits may still name it */
    CUDA_START(cudaSuccess);
    if (!event_ok(event, "cudaEventDestroy")) return double_cuda(cudaErrorInvalidResourceHandle);
    event->magic = GONE;
    event->next  = gone;
    gone         = event;
    double_now.count.live_handles--;
    return cudaSuccess;
}

typedef struct record {
    cudaEvent_t event;
    uint64_t    version;
} record;

static void run_record(void *argument)
{
    const record   *r = argument;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    if (r->event->done < r->version) r->event->done = r->version;
    r->event->seconds = (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream)
{
    CUDA_START(cudaErrorLaunchFailure);
    if (!event_ok(event, "cudaEventRecord") || !double_stream_ok(stream, "cudaEventRecord"))
        return double_cuda(cudaErrorInvalidResourceHandle);
    event->recorded++;
    event->stream                                                 = stream;
    *(record *)double_enqueue(stream, run_record, sizeof(record)) = (record){event, event->recorded};
    return cudaSuccess;
}

static void run_nothing(void *argument)
{
    (void)argument;
}

cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned int flags)
{
    CUDA_START(cudaErrorLaunchFailure);
    if (!event_ok(event, "cudaStreamWaitEvent") || !double_stream_ok(stream, "cudaStreamWaitEvent"))
        return double_cuda(cudaErrorInvalidResourceHandle);
    if (flags) CUDA_REFUSE(cudaErrorInvalidValue, "cudaStreamWaitEvent: flags %u", flags);
    char      *argument = double_enqueue(stream, run_nothing, 0);
    double_op *op       = (double_op *)(void *)(argument - offsetof(double_op, argument));
    op->event           = event;
    op->version         = event->recorded;
    return cudaSuccess;
}

cudaError_t cudaEventSynchronize(cudaEvent_t event)
{
    CUDA_START(cudaErrorLaunchFailure);
    if (!event_ok(event, "cudaEventSynchronize")) return double_cuda(cudaErrorInvalidResourceHandle);
    double_now.count.synchronisations++;
    double_open();
    while (event->done < event->recorded) run_one(resolve(event->stream));
    double_close();
    return cudaSuccess;
}

cudaError_t cudaEventQuery(cudaEvent_t event)
{
    CUDA_START(cudaErrorLaunchFailure);
    if (!event_ok(event, "cudaEventQuery")) return double_cuda(cudaErrorInvalidResourceHandle);
    if (event->done >= event->recorded) return cudaSuccess;
    run_one(resolve(event->stream));
    return cudaErrorNotReady;
}

cudaError_t cudaEventElapsedTime(float *milliseconds, cudaEvent_t start, cudaEvent_t end)
{
    CUDA_START(cudaErrorLaunchFailure);
    if (!event_ok(start, "cudaEventElapsedTime") || !event_ok(end, "cudaEventElapsedTime"))
        return double_cuda(cudaErrorInvalidResourceHandle);
    if (!milliseconds || !start->recorded || !end->recorded)
        CUDA_REFUSE(cudaErrorInvalidResourceHandle, "cudaEventElapsedTime: null, or an event that was not recorded");
    if (start->done < start->recorded || end->done < end->recorded) return cudaErrorNotReady;
    *milliseconds = (float)(1e3 * (end->seconds - start->seconds));
    return cudaSuccess;
}
