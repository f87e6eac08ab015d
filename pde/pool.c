#include "pde/pde_impl.h"

#include <string.h>

#define CHUNK_BYTES 16384
#define ALIGNMENT   16

struct pool_chunk {
    pool_chunk *next;
    size_t      size, used;
    char       *data;
};

pdm_status pool_take_bytes(pde_pool *pool, size_t bytes, void **out)
{
    pdm_status  status = PDM_OK;
    pool_chunk *chunk  = NULL;

    bytes = (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    if (!pool->first || pool->first->size - pool->first->used < bytes) {
        const size_t size = bytes > CHUNK_BYTES ? bytes : CHUNK_BYTES;
        PDM_TRY(pdm_alloc(pool->ctx, sizeof *chunk, &chunk));
        PDM_TRY(pdm_alloc(pool->ctx, size, &chunk->data));
        chunk->size = size;
        chunk->next = pool->first;
        pool->first = chunk;
        chunk       = NULL;
    }
    char *const taken = pool->first->data + pool->first->used;
    memcpy(out, &taken, sizeof taken); /* *out is a pointer of any type */
    pool->first->used += bytes;
done:
    pdm_free(pool->ctx, chunk);
    return status;
}

pdm_status pool_text(pde_pool *pool, const char *text, pdm_size length, const char **out)
{
    pdm_status status = PDM_OK;
    char      *copy   = NULL;

    PDM_TRY(pool_take(pool, length + 1, &copy));
    memcpy(copy, text, (size_t)length);
    *out = copy;
done:
    return status;
}

void pool_destroy(pde_pool *pool)
{
    for (pool_chunk *chunk = pool->first, *next; chunk; chunk = next) {
        next = chunk->next;
        pdm_free(pool->ctx, chunk->data);
        pdm_free(pool->ctx, chunk);
    }
    pool->first = NULL;
}

pdm_status pde_grow(pdm_context *ctx, void *array, size_t item, pdm_size used, pdm_size n, pdm_size *capacity)
{
    pdm_status status = PDM_OK;
    char      *old = NULL, *fresh = NULL;
    pdm_size   wanted = *capacity < 16 ? 16 : *capacity;

    if (n <= *capacity) goto done;
    while (wanted < n) wanted *= 2;
    PDM_TRY(pdm_alloc_items(ctx, wanted, item, (void **)&fresh));
    memcpy(&old, array, sizeof old); /* the array is of any type */
    if (old) memcpy(fresh, old, (size_t)used * item);
    memcpy(array, &fresh, sizeof fresh);
    *capacity = wanted;
    pdm_free(ctx, old);
done:
    return status;
}

pdm_status list_push(pdm_context *ctx, pde_list *list, int32_t value)
{
    pdm_status status = PDM_OK;

    PDM_TRY(pde_grow(ctx, &list->item, sizeof *list->item, list->n, list->n + 1, &list->capacity));
    list->item[list->n++] = value;
done:
    return status;
}

void list_destroy(pdm_context *ctx, pde_list *list)
{
    pdm_free(ctx, list->item);
    *list = (pde_list){0};
}
