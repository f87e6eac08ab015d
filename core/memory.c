#include "core/core_impl.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#define MEMORY_ALIGNMENT 64
#define MEMORY_MARK      0x70646d6f652d6d65ull

/* Debug builds put GUARD_SIZE of these bytes behind every block and every arena piece. */
#define GUARD_BYTE 0xA5
#ifdef NDEBUG
#define GUARDED    0
#define GUARD_SIZE 0
#else
#define GUARDED    1
#define GUARD_SIZE 64
#endif

/* Stands right in front of the bytes handed out, which are aligned whatever the allocator gave. */
typedef struct memory_block {
    void    *base;  /* as the allocator gave it */
    size_t   total; /* bytes at base            */
    size_t   bytes; /* bytes handed out         */
    uint64_t mark;  /* MEMORY_MARK while alive  */
} memory_block;

#define MEMORY_OVERHEAD (sizeof(memory_block) + MEMORY_ALIGNMENT - 1 + GUARD_SIZE)

static size_t round_up(size_t bytes)
{
    return (bytes + MEMORY_ALIGNMENT - 1) / MEMORY_ALIGNMENT * MEMORY_ALIGNMENT;
}

static void guard_set(void *p, size_t bytes)
{
    memset(p, GUARD_BYTE, bytes);
}

static void guard_check(const void *p, size_t bytes)
{
    const unsigned char *guard = p;
    for (size_t i = 0; i < bytes; i++)
        if (guard[i] != GUARD_BYTE) pdm_assert_failed("nobody wrote behind the end", __FILE__, __LINE__);
}

/* ---- how much there is ---- */

/* Pieces that are asked for with a look at what there is; smaller ones are not worth the time. */
#define LARGE ((size_t)1 << 26)

/* A number in a file of the system: the one behind `key`, or the first where key is "". SIZE_MAX: there is none. */
static size_t system_number(const char *path, const char *key, size_t unit)
{
    FILE              *f = fopen(path, "re");
    char               line[256];
    unsigned long long value = 0;
    size_t             found = SIZE_MAX;

    while (f && found == SIZE_MAX && fgets(line, sizeof line, f))
        if (strncmp(line, key, strlen(key)) == 0 && sscanf(line + strlen(key), "%llu", &value) == 1)
            found = value < SIZE_MAX / unit ? (size_t)value * unit : SIZE_MAX;
    if (f) fclose(f);
    return found;
}

/* What a control group (version 2) leaves; what files take of it as cache would be given back. */
static size_t group_available(const char *folder)
{
    char   path[640];
    size_t most, used, cache = 0;

    (void)snprintf(path, sizeof path, "%s/memory.max", folder);
    most = system_number(path, "", 1);
    (void)snprintf(path, sizeof path, "%s/memory.current", folder);
    used = system_number(path, "", 1);
    if (most == SIZE_MAX || used == SIZE_MAX) return SIZE_MAX;
    (void)snprintf(path, sizeof path, "%s/memory.stat", folder);
    for (int i = 0; i < 2; i++) {
        const size_t part = system_number(path, i ? "active_file " : "inactive_file ", 1);
        cache += part < used - cache ? part : 0;
    }
    used -= cache;
    return most > used ? most - used : 0;
}

/* Of the machine, and of the control groups that a container or a batch system has put us in: ours and those above. */
static size_t machine_available(void)
{
    static const char root[] = "/sys/fs/cgroup";
    size_t            least  = system_number("/proc/meminfo", "MemAvailable:", 1024);
    char              line[512], folder[600];
    FILE             *f = fopen("/proc/self/cgroup", "re");

    (void)snprintf(folder, sizeof folder, "%s", root);
    while (f && fgets(line, sizeof line, f))
        if (strncmp(line, "0::/", 4) == 0)
            (void)snprintf(folder, sizeof folder, "%s/%.*s", root, (int)strcspn(line + 4, "\n"), line + 4);
    if (f) (void)fclose(f);
    for (char *end = folder; end; *end = '\0') {
        const size_t group = group_available(folder);
        if (group < least) least = group;
        end = strrchr(folder, '/');
        if (end < folder + sizeof root - 1) break;
    }
    return least;
}

size_t pdm_memory_available(const pdm_context *ctx)
{
    const size_t live = (size_t)atomic_load(&ctx->live);
    if (ctx->memory_limit > 0) return ctx->memory_limit > live ? ctx->memory_limit - live : 0;
    return pdm_allocator_is_heap(&ctx->allocator) ? machine_available() : SIZE_MAX;
}

/* ---- blocks ---- */

static bool allocation_must_fail(pdm_context *ctx)
{
    if (atomic_load(&ctx->countdown) <= 0) return false;
    return atomic_fetch_sub(&ctx->countdown, 1) == 1;
}

static void count_allocation(pdm_context *ctx, size_t total)
{
    const int64_t live = atomic_fetch_add(&ctx->live, (int64_t)total) + (int64_t)total;
    int64_t       peak = atomic_load(&ctx->peak);
    while (live > peak && !atomic_compare_exchange_weak(&ctx->peak, &peak, live)) continue;
    atomic_fetch_add(&ctx->calls, 1);
}

pdm_status pdm_alloc_bytes(pdm_context *ctx, size_t bytes, void **out)
{
    pdm_status status = PDM_OK;
    char      *base   = NULL;

    if (bytes >= LARGE || ctx->memory_limit > 0) {
        const size_t available = pdm_memory_available(ctx);
        if (bytes > available)
            PDM_FAIL(ctx, PDM_ERR_MEMORY, "no memory for %.3g MB more: %.3g MB are free, %.3g MB are held",
                     (double)bytes / 1e6, (double)available / 1e6, (double)atomic_load(&ctx->live) / 1e6);
    }
    if (bytes < PTRDIFF_MAX - MEMORY_OVERHEAD && !allocation_must_fail(ctx))
        base = ctx->allocator.alloc(ctx->allocator.user, bytes + MEMORY_OVERHEAD);
    if (!base)
        PDM_FAIL(ctx, PDM_ERR_MEMORY, "no memory for %zu bytes; %lld bytes are held", bytes,
                 (long long)atomic_load(&ctx->live));

    const uintptr_t from = (uintptr_t)base + sizeof(memory_block);
    char           *p = base + sizeof(memory_block) + (MEMORY_ALIGNMENT - from % MEMORY_ALIGNMENT) % MEMORY_ALIGNMENT;
    memory_block   *block = (memory_block *)(void *)(p - sizeof *block);
    *block                = (memory_block){base, bytes + MEMORY_OVERHEAD, bytes, MEMORY_MARK};
    memset(p, 0, bytes);
    guard_set(p + bytes, GUARD_SIZE);
    count_allocation(ctx, block->total);
    memcpy(out, &p, sizeof p); /* *out is a pointer of any type: written as bytes, not through a void * */
done:
    return status;
}

pdm_status pdm_alloc_items(pdm_context *ctx, pdm_size n, size_t item, void **out)
{
    pdm_status status = PDM_OK;
    size_t     bytes;

    if (n < 0) PDM_FAIL(ctx, PDM_ERR_ARGUMENT, "an array of %lld items; 0 or more expected", (long long)n);
    if (__builtin_mul_overflow((size_t)n, item, &bytes))
        PDM_FAIL(ctx, PDM_ERR_MEMORY, "no memory for %lld items of %zu bytes", (long long)n, item);
    PDM_TRY(pdm_alloc_bytes(ctx, bytes, out));
done:
    return status;
}

void pdm_free_bytes(pdm_context *ctx, void *p)
{
    if (!p) return;
    memory_block *block = (memory_block *)(void *)((char *)p - sizeof *block);
    PDM_ASSERT(block->mark == MEMORY_MARK && "allocated by pdm_alloc and not freed before");
    guard_check((char *)p + block->bytes, GUARD_SIZE);
    void        *base  = block->base;
    const size_t total = block->total;
    block->mark        = 0;
    atomic_fetch_sub(&ctx->live, (int64_t)total);
    ctx->allocator.release(ctx->allocator.user, base, total);
}

pdm_status pdm_alloc_text(pdm_context *ctx, const char *text, char **out)
{
    pdm_status   status = PDM_OK;
    const size_t bytes  = strlen(text) + 1;
    char        *copy   = NULL;

    PDM_TRY(pdm_alloc(ctx, bytes, &copy));
    memcpy(copy, text, bytes);
    *out = copy;
done:
    return status;
}

/* ---- arena ----
 * Release builds: pieces, each rounded up to the alignment. Debug builds: each piece is
 *   [size of the piece in bytes, 64 bytes][piece][guard: up to the alignment and GUARD_SIZE more]
 * so that the pieces can be walked. */

#define PIECE_HEADER GUARD_SIZE

static size_t piece_size(size_t bytes)
{
    return PIECE_HEADER + round_up(bytes) + GUARD_SIZE;
}

/* What is handed out of the piece at `piece`: guarded and filled with NaN (all bits set: NaN in both precisions). */
static char *piece_open(char *piece, size_t bytes)
{
    char *p = piece + PIECE_HEADER;
    if (GUARDED) {
        memcpy(piece, &bytes, sizeof bytes);
        memset(p, 0xFF, bytes);
        guard_set(p + bytes, round_up(bytes) - bytes + GUARD_SIZE);
    }
    return p;
}

/* Checks the guards of the pieces from `mark` on. */
static void arena_check(const pdm_arena *a)
{
    if (!GUARDED || !a->base) return;
    for (size_t at = 0, bytes; at < a->used; at += piece_size(bytes)) {
        memcpy(&bytes, a->base + at, sizeof bytes);
        PDM_ASSERT(bytes <= a->used - at && "nobody wrote before a piece of the arena");
        guard_check(a->base + at + PIECE_HEADER + bytes, round_up(bytes) - bytes + GUARD_SIZE);
    }
}

void pdm_arena_measure(pdm_arena *a, pdm_context *ctx)
{
    *a = (pdm_arena){.ctx = ctx};
}

pdm_status pdm_arena_allocate(pdm_arena *a)
{
    pdm_status   status = PDM_OK;
    const size_t size   = a->used;

    if (a->overflow)
        PDM_FAIL(a->ctx, PDM_ERR_MEMORY, "an arena with a piece of negative or more than representable size");
    PDM_TRY(pdm_alloc(a->ctx, size, &a->base));
    a->size = size;
    a->used = 0;
done:
    return status;
}

void pdm_arena_destroy(pdm_arena *a)
{
    arena_check(a);
    if (a->base) pdm_free(a->ctx, a->base);
    *a = (pdm_arena){0};
}

void *pdm_arena_take(pdm_arena *a, pdm_size n, size_t item)
{
    size_t bytes = 0;

    if (n < 0 || __builtin_mul_overflow((size_t)n, item, &bytes) || bytes > PTRDIFF_MAX / 2 ||
        a->used > PTRDIFF_MAX / 2) {
        a->overflow = true;
        return NULL;
    }
    const size_t at       = a->used;
    const bool   measured = !a->base || piece_size(bytes) <= a->size - at;
    PDM_ASSERT(measured);
    if (!measured) {
        a->overflow = true;
        return NULL;
    }
    a->used += piece_size(bytes);
    return a->base ? piece_open(a->base + at, bytes) : NULL;
}

pdm_status pdm_narrow_int(pdm_context *ctx, pdm_size n, const char *what, int *out)
{
    pdm_status status = PDM_OK;

    if (n < INT_MIN || n > INT_MAX)
        PDM_FAIL(ctx, PDM_ERR_ARGUMENT, "%s is %lld; at most %d expected", what, (long long)n, INT_MAX);
    *out = (int)n;
done:
    return status;
}
