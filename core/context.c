#include "core/core_impl.h"

#include <omp.h>
#include <stdlib.h>
#include <string.h>

#define CONTEXT_MAX_THREADS 1024

static void *heap_alloc(void *user, size_t bytes)
{
    (void)user;
    return malloc(bytes);
}

static void heap_release(void *user, void *p, size_t bytes)
{
    (void)user;
    (void)bytes;
    free(p);
}

bool pdm_allocator_is_heap(const pdm_allocator *a)
{
    return a->alloc == heap_alloc;
}

pdm_status pdm_context_create(const pdm_allocator *allocator, pdm_context **out)
{
    const pdm_allocator heap = {heap_alloc, heap_release, NULL};
    const pdm_allocator from = allocator ? *allocator : heap;

    if (!out || !from.alloc || !from.release) return PDM_ERR_ARGUMENT;
    pdm_context *ctx = from.alloc(from.user, sizeof *ctx);
    if (!ctx) return PDM_ERR_MEMORY;
    memset(ctx, 0, sizeof *ctx);
    ctx->allocator = from;
    ctx->n_thread  = omp_get_max_threads();
    atomic_init(&ctx->live, 0);
    atomic_init(&ctx->peak, 0);
    atomic_init(&ctx->calls, 0);
    atomic_init(&ctx->countdown, 0);
    atomic_init(&ctx->device, 0);
    atomic_flag_clear(&ctx->error_busy);
    *out = ctx;
    return PDM_OK;
}

pdm_size pdm_context_destroy(pdm_context **ctx)
{
    if (!ctx || !*ctx) return 0;
    pdm_context_keep_ranks(*ctx, NULL, NULL);
    const pdm_size      live = atomic_load(&(*ctx)->live);
    const pdm_allocator from = (*ctx)->allocator;
    from.release(from.user, *ctx, sizeof **ctx);
    *ctx = NULL;
    return live;
}

void pdm_context_set_log(pdm_context *ctx, pdm_log_function function, void *user, pdm_log_level level)
{
    if (!ctx) return;
    ctx->log       = function;
    ctx->log_user  = user;
    ctx->log_level = level;
}

pdm_status pdm_context_set_threads(pdm_context *ctx, int n_thread)
{
    pdm_status status = PDM_OK;

    if (!ctx) return PDM_ERR_ARGUMENT;
    if (n_thread < 0 || n_thread > CONTEXT_MAX_THREADS)
        PDM_FAIL(ctx, PDM_ERR_ARGUMENT, "%d threads; 1 to %d expected, or 0 for all", n_thread, CONTEXT_MAX_THREADS);
    ctx->n_thread = n_thread > 0 ? n_thread : omp_get_max_threads();
done:
    return status;
}

pdm_status pdm_context_set_backend(pdm_context *ctx, const char *name)
{
    pdm_status status = PDM_OK;

    if (!ctx) return PDM_ERR_ARGUMENT;
    if (name && strlen(name) >= sizeof ctx->backend)
        PDM_FAIL(ctx, PDM_ERR_ARGUMENT, "back end \"%.60s\"; a name of at most %d letters expected", name,
                 (int)sizeof ctx->backend - 1);
    memset(ctx->backend, 0, sizeof ctx->backend);
    if (name) memcpy(ctx->backend, name, strlen(name));
done:
    return status;
}

pdm_status pdm_context_set_cuda(pdm_context *ctx, int device, struct CUstream_st *stream)
{
    if (!ctx) return PDM_ERR_ARGUMENT;
    PDM_EXPECT(ctx, device >= -1, "device %d; 0 or more expected, or -1 for the current one", device);
    ctx->queue = (pdm_queue){.is_given = true, .device = device, .stream = stream};
    return PDM_OK;
}

pdm_status pdm_context_set_memory(pdm_context *ctx, pdm_size bytes)
{
    pdm_status status = PDM_OK;

    if (!ctx) return PDM_ERR_ARGUMENT;
    if (bytes < 0)
        PDM_FAIL(ctx, PDM_ERR_ARGUMENT, "%lld bytes of memory; a number above 0, or 0 for all there is, expected",
                 (long long)bytes);
    ctx->memory_limit = (size_t)bytes;
done:
    return status;
}

void *pdm_context_ranks(const pdm_context *ctx)
{
    return ctx->ranks;
}

void pdm_context_keep_ranks(pdm_context *ctx, void *ranks, void (*destroy)(pdm_context *ctx, void *ranks))
{
    if (ctx->ranks) ctx->destroy_ranks(ctx, ctx->ranks);
    ctx->ranks         = ranks;
    ctx->destroy_ranks = destroy;
}

const char *pdm_context_backend(const pdm_context *ctx)
{
    return ctx->backend;
}

pdm_queue pdm_context_queue(const pdm_context *ctx)
{
    return ctx->queue;
}

int pdm_context_threads(const pdm_context *ctx)
{
    return ctx->n_thread;
}

const char *pdm_context_error(const pdm_context *ctx)
{
    return ctx ? ctx->error : "";
}

void pdm_context_memory(const pdm_context *ctx, pdm_size *live, pdm_size *peak, pdm_size *calls)
{
    if (live) *live = ctx ? atomic_load(&ctx->live) : 0;
    if (peak) *peak = ctx ? atomic_load(&ctx->peak) : 0;
    if (calls) *calls = ctx ? atomic_load(&ctx->calls) : 0;
}

void pdm_context_count_device(pdm_context *ctx, int64_t bytes)
{
    atomic_fetch_add(&ctx->device, bytes);
}

pdm_size pdm_context_device_bytes(const pdm_context *ctx)
{
    return atomic_load(&ctx->device);
}

void pdm_context_fail_allocation(pdm_context *ctx, pdm_size countdown)
{
    atomic_store(&ctx->countdown, countdown);
}
