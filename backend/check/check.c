#include "backend/check/check.h"

#include <string.h>

#include "backend/cpu/cpu_impl.h"

/* A copy that is out. */
typedef struct check_view check_view;
struct check_view {
    check_view *next;
    pdm_buffer *buffer;
    pdm_access  access;
    void       *host;
};

typedef struct check_backend {
    pdm_cpu         cpu; /* first: cpu's operations see a cpu */
    pdm_backend_ops ops; /* cpu's, but for memory             */
    check_view     *view;
    pdm_size        n_acquire;
} check_backend;

static check_backend *check_of(pdm_backend *b)
{
    return (check_backend *)b;
}

/* All bits set: NaN in both precisions. */
static void poison(void *p, size_t bytes)
{
    memset(p, 0xFF, bytes);
}

static pdm_status acquire_check(pdm_backend *b, pdm_buffer *buffer, pdm_access access, void **host)
{
    pdm_status     status = PDM_OK;
    check_backend *check  = check_of(b);
    check_view    *view   = NULL;
    void          *inner  = NULL;

    PDM_TRY(pdm_alloc(b->ctx, sizeof *view, &view));
    PDM_TRY(pdm_alloc(b->ctx, buffer->bytes, &view->host));
    PDM_TRY(pdm_cpu_ops.acquire(b, buffer, access, &inner));
    if (access == PDM_WRITE)
        poison(view->host, buffer->bytes);
    else
        memcpy(view->host, inner, buffer->bytes);
    view->buffer = buffer;
    view->access = access;
    view->next   = check->view;
    check->view  = view;
    check->n_acquire++;
    *host = view->host;
    view  = NULL;
done:
    if (view) pdm_free(b->ctx, view->host);
    pdm_free(b->ctx, view);
    return status;
}

static pdm_status release_check(pdm_backend *b, pdm_buffer *buffer, void **host)
{
    pdm_status   status = PDM_OK;
    check_view **link   = &check_of(b)->view;

    while (*link && ((*link)->buffer != buffer || (*link)->host != *host)) link = &(*link)->next;
    check_view *view  = *link;
    void       *inner = buffer->host;
    if (!view) PDM_FAIL(b->ctx, PDM_ERR_INTERNAL, "a pointer is released that acquire() did not give for this buffer");
    const bool changed = memcmp(view->host, inner, buffer->bytes) != 0;

    PDM_TRY(pdm_cpu_ops.release(b, buffer, &inner));
    if (view->access != PDM_READ) memcpy(buffer->host, view->host, buffer->bytes);
    *link = view->next;
    *host = NULL;
    poison(view->host, buffer->bytes);
    const pdm_access access = view->access;
    pdm_free(b->ctx, view->host);
    pdm_free(b->ctx, view);
    if (access == PDM_READ && changed)
        PDM_FAIL(b->ctx, PDM_ERR_INTERNAL, "a buffer acquired for reading was written to");
done:
    return status;
}

static void destroy_check(pdm_backend *b)
{
    pdm_context   *ctx   = b->ctx;
    check_backend *check = check_of(b);

    for (check_view *view = check->view, *next; view; view = next) {
        next = view->next;
        pdm_free(ctx, view->host);
        pdm_free(ctx, view);
    }
    pdm_cpu_finish(&check->cpu);
    pdm_free(ctx, check);
}

pdm_status pdm_check_create(pdm_context *ctx, pdm_backend **out)
{
    pdm_status     status = PDM_OK;
    check_backend *check  = NULL;

    PDM_TRY(pdm_alloc(ctx, sizeof *check, &check));
    check->ops         = pdm_cpu_ops;
    check->ops.name    = "check";
    check->ops.destroy = destroy_check;
    check->ops.acquire = acquire_check;
    check->ops.release = release_check;
    PDM_TRY(pdm_cpu_start(ctx, &check->ops, &check->cpu));
    *out  = &check->cpu.base;
    check = NULL;
done:
    if (check) destroy_check(&check->cpu.base);
    return status;
}

pdm_size pdm_check_acquires(const pdm_backend *b)
{
    return ((const check_backend *)(const void *)b)->n_acquire;
}
