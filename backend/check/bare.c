/* The back end "bare": a device that can hold numbers and do nothing with them. Its buffers are readable for nobody
 * else: whoever takes one for the CPU's reads at a wild address. Host views are staged, as on a GPU: one staging area a
 * buffer, filled when it is acquired for reading, copied back when a writer releases it, NaN when nobody holds it. */
#include "backend/check/check.h"

#include <string.h>

struct pdm_buffer {
    uintptr_t hidden; /* complement of the address of the content */
    size_t    bytes;
    void     *stage;
    pdm_size  n_reader;
    bool      written; /* someone holds it for writing */
};

static void *content(const pdm_buffer *buffer)
{
    return (void *)~buffer->hidden;
}

/* All bits set: NaN in both precisions. */
static void poison(pdm_buffer *buffer)
{
    memset(buffer->stage, 0xFF, buffer->bytes);
}

static void buffer_destroy_bare(pdm_backend *b, pdm_buffer **buffer)
{
    if (!buffer || !*buffer) return;
    pdm_free(b->ctx, content(*buffer));
    pdm_free(b->ctx, (*buffer)->stage);
    pdm_free(b->ctx, *buffer);
    *buffer = NULL;
}

static pdm_status buffer_create_bare(pdm_backend *b, size_t bytes, pdm_buffer **out)
{
    pdm_status  status = PDM_OK;
    pdm_buffer *buffer = NULL;
    void       *device = NULL;

    PDM_TRY(pdm_alloc(b->ctx, sizeof *buffer, &buffer));
    *buffer = (pdm_buffer){.hidden = ~(uintptr_t)NULL, .bytes = bytes};
    PDM_TRY(pdm_alloc(b->ctx, bytes, &device));
    buffer->hidden = ~(uintptr_t)device;
    PDM_TRY(pdm_alloc(b->ctx, bytes, &buffer->stage));
    poison(buffer);
    *out   = buffer;
    buffer = NULL;
done:
    buffer_destroy_bare(b, &buffer);
    return status;
}

static pdm_status acquire_bare(pdm_backend *b, pdm_buffer *buffer, pdm_access access, void **host)
{
    pdm_status status = PDM_OK;

    if (buffer->written || (access != PDM_READ && buffer->n_reader > 0))
        PDM_FAIL(b->ctx, PDM_ERR_INTERNAL,
                 "a buffer is acquired while a writer holds it, or for writing while readers do");
    if (access != PDM_WRITE && buffer->n_reader == 0) memcpy(buffer->stage, content(buffer), buffer->bytes);
    if (access == PDM_READ)
        buffer->n_reader++;
    else
        buffer->written = true;
    *host = buffer->stage;
done:
    return status;
}

static pdm_status release_bare(pdm_backend *b, pdm_buffer *buffer, void **host)
{
    pdm_status status = PDM_OK;

    if (*host != buffer->stage || (!buffer->written && buffer->n_reader == 0))
        PDM_FAIL(b->ctx, PDM_ERR_INTERNAL, "a pointer is released that acquire() did not give, or not any more");
    if (buffer->written)
        memcpy(content(buffer), buffer->stage, buffer->bytes);
    else
        buffer->n_reader--;
    buffer->written = false;
    if (buffer->n_reader == 0) poison(buffer);
    *host = NULL;
done:
    return status;
}

static pdm_status copy_bare(pdm_backend *b, pdm_buffer *to, const pdm_buffer *from, size_t to_offset,
                            size_t from_offset, size_t bytes)
{
    pdm_status status = PDM_OK;

    if (to_offset > to->bytes || bytes > to->bytes - to_offset || from_offset > from->bytes ||
        bytes > from->bytes - from_offset)
        PDM_FAIL(b->ctx, PDM_ERR_INTERNAL,
                 "%zu bytes are copied from offset %zu of a buffer of %zu to offset %zu of %zu", bytes, from_offset,
                 from->bytes, to_offset, to->bytes);
    memmove((char *)content(to) + to_offset, (const char *)content(from) + from_offset, bytes);
done:
    return status;
}

static pdm_status synchronise_bare(pdm_backend *b)
{
    (void)b; /* nothing is enqueued */
    return PDM_OK;
}

static pdm_status view_bare(pdm_backend *b, pdm_text *out)
{
    return pdm_text_append(out, "back end         %s, memory alone\n", b->ops->name);
}

static void destroy_bare(pdm_backend *b)
{
    pdm_free(b->ctx, b);
}

static const pdm_backend_ops bare_ops = {
    .version = PDM_BACKEND_OPS_VERSION,
    .name    = "bare",
    .destroy = destroy_bare,
    .view    = view_bare,

    .buffer_create  = buffer_create_bare,
    .buffer_destroy = buffer_destroy_bare,
    .acquire        = acquire_bare,
    .release        = release_bare,
    .copy           = copy_bare,
    .synchronise    = synchronise_bare,
};

pdm_status pdm_bare_create(pdm_context *ctx, pdm_backend **out)
{
    pdm_status   status = PDM_OK;
    pdm_backend *b      = NULL;

    PDM_TRY(pdm_alloc(ctx, sizeof *b, &b));
    b->ops = &bare_ops;
    b->ctx = ctx;
    *out   = b;
done:
    return status;
}
