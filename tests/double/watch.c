/* What kernels do to memory: for each word of device and shared memory, who wrote it last and who read it last, when.
 * Time is counted in epochs, of which a barrier, a block and a launch begin a new one. Two accesses of a launch race when
 * they come from two blocks, or from two threads in the same epoch; between threads of a warp, __syncwarp() counts too.
 * Accesses to less than a word keep no more than the last one of each kind. */
#include "tests/double/impl.h"

#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

enum { WORD = 4, WARP = 32, MAX_WARP = 32 };

typedef struct record {
    uint32_t epoch;
    unsigned thread : 10;
    unsigned mask : 4;    /* bytes */
    unsigned written : 4; /* bytes, ever; of the record of writes */
    unsigned warp_epoch : 8;
    unsigned many : 1;      /* other threads as well, of the same epoch */
    unsigned warp_many : 1; /* of the same warp, all of them since its last __syncwarp() */
    unsigned blocks : 1;    /* other blocks as well */
    unsigned atomic : 1;
} record;

typedef struct cell {
    record write, read;
} cell;

/* Static shared memory of a module. */
typedef struct section {
    struct section *next;
    char           *start;
    size_t          bytes;
    cell           *cells;
} section;

typedef struct access {
    char  *at;
    size_t bytes;
    bool   write, atomic;
} access;

static cell    *device_cells, *dynamic_cells;
static section *sections;

/* Of the launch that runs. */
static const double_launch *launch;
static char                *static_start, *dynamic_pages, *dynamic_start;
static size_t               static_bytes;
static cell                *static_cells;

static uint32_t now, launch_epoch, block_epoch;
static uint8_t  warp_epoch[MAX_WARP];
static struct {
    uint32_t epoch, block;
} * blocks; /* where those of the launch began */
static size_t n_block, room;

enum { N_RECENT = 64 };
static struct {
    char *base, *end;
    bool  written;
} recent[N_RECENT]; /* allocations that were touched lately, by page */

enum { N_PART = 4 };
static uintptr_t known[N_PART][2]; /* parts of modules, touched lately */

/* ---- time ---- */

static size_t bytes_of_cells(size_t bytes)
{
    return (bytes + WORD - 1) / WORD * sizeof(cell);
}

static cell *cells_of(size_t bytes)
{
    const size_t n     = bytes_of_cells(bytes);
    cell        *cells = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (cells == MAP_FAILED) {
        perror("cuda double: mmap of what is known about memory");
        abort();
    }
    madvise(cells, n, MADV_DONTDUMP);
    return cells;
}

static cell *device_cell(const char *p)
{
    if (!device_cells) device_cells = cells_of(DOUBLE_REGION);
    return device_cells + (size_t)(p - double_region) / WORD;
}

static cell *section_cells(char *start, size_t bytes)
{
    for (section *s = sections; s; s = s->next)
        if (s->start == start) return s->cells;
    section *s = malloc(sizeof *s);
    if (!s) abort();
    *s       = (section){.next = sections, .start = start, .bytes = bytes, .cells = cells_of(bytes)};
    sections = s;
    return s->cells;
}

/* Another module may come to lie there. */
void double_watch_unload(const char *shared)
{
    for (section **link = &sections; *link; link = &(*link)->next)
        if ((*link)->start == shared) {
            section *s = *link;
            *link      = s->next;
            munmap(s->cells, bytes_of_cells(s->bytes));
            free(s);
            return;
        }
}

void double_watch_launch(const double_launch *which)
{
    if (!double_now.watched) return;
    launch       = which;
    launch_epoch = ++now;
    n_block      = 0;
    memset(recent, 0, sizeof recent);
    memset(known, 0, sizeof known);
    static_start  = which->kernel->shared;
    static_bytes  = (size_t)(which->kernel->shared_end - which->kernel->shared);
    static_cells  = static_bytes ? section_cells(static_start, static_bytes) : NULL;
    dynamic_start = double_dynamic_start();
    dynamic_pages = double_dynamic_end() - DOUBLE_DYNAMIC_AREA;
    if (!dynamic_cells) dynamic_cells = cells_of(DOUBLE_DYNAMIC_AREA);
    device_cell(double_region);
}

/* One that is not watched may have written anything. */
void double_watch_end(void)
{
    if (!double_now.watched) return;
    if (!launch->kernel->watched) double_all_written();
    launch = NULL;
}

void double_watch_block(uint32_t block)
{
    if (!double_now.watched) return;
    block_epoch = ++now;
    memset(warp_epoch, 0, sizeof warp_epoch);
    if (n_block == room) {
        room   = 2 * room + 1024;
        blocks = realloc(blocks, room * sizeof *blocks);
        if (!blocks) abort();
    }
    blocks[n_block].epoch   = block_epoch;
    blocks[n_block++].block = block;
}

void double_watch_barrier(void)
{
    now++;
}

void double_watch_warp(int warp)
{
    warp_epoch[warp]++;
}

/* ---- findings ---- */

static void name_memory(const char *at, char *text, size_t bytes)
{
    const double_allocation *a = double_allocation_of(at);
    if (a)
        snprintf(text, bytes, "byte %zu of an allocation of %zu bytes", (size_t)(at - a->base), a->bytes);
    else if ((size_t)(at - static_start) < static_bytes)
        snprintf(text, bytes, "shared memory (byte %zu of that of the module)", (size_t)(at - static_start));
    else
        snprintf(text, bytes, "byte %zu of dynamic shared memory", (size_t)(at - dynamic_start));
}

_Noreturn static void tell_race(const record *other, bool other_wrote, const access *a)
{
    char     text[128];
    uint32_t block = 0;

    for (size_t i = 0; i < n_block && blocks[i].epoch <= other->epoch; i++) block = blocks[i].block;
    const pdm_dim3 grid = launch->grid, t = double_thread_place((int)other->thread);
    name_memory(a->at, text, sizeof text);
    double_kernel_found("%s %s, which thread (%u,%u,%u) of block (%u,%u,%u)%s %s without a barrier between",
                        a->write ? "writes" : "reads", text, t.x, t.y, t.z, block % grid.x, block / grid.x % grid.y,
                        block / grid.x / grid.y,
                        other->many || other->warp_many || other->blocks ? ", among others," : "",
                        other_wrote ? "wrote" : "read");
}

_Noreturn static void tell_unwritten(const access *a)
{
    char text[128];
    name_memory(a->at, text, sizeof text);
    double_kernel_found("reads %s, which was never written", text);
}

/* ---- races ---- */

static bool apart(const record *r, unsigned me)
{
    if (r->epoch < block_epoch) return false; /* another block */
    if (r->epoch < now) return true;
    if (r->thread / WARP == me / WARP && r->warp_epoch != warp_epoch[me / WARP] && !r->many) return true;
    return r->thread == me && !r->many && !r->warp_many;
}

static void note_read(record *r, unsigned mask, unsigned me, uint32_t since)
{
    record next = {.epoch = now, .thread = me & 1023, .mask = mask & 15, .warp_epoch = warp_epoch[me / WARP]};

    if (r->epoch >= since && r->mask == mask) {
        next.blocks = r->blocks || r->epoch < block_epoch;
        if (r->epoch == now) {
            const bool same_warp = r->thread / WARP == me / WARP;
            next.many            = r->many || !same_warp;
            next.warp_many =
                same_warp && r->warp_epoch == next.warp_epoch && (r->warp_many || r->thread != next.thread);
        }
    } else if (r->epoch == now && (r->mask & mask) == mask && (r->many || r->thread == me))
        return;
    else if (r->epoch == now && r->thread == me && !r->many && !r->warp_many && !r->blocks)
        next.mask = (r->mask | mask) & 15;
    *r = next;
}

static void note_write(record *w, unsigned mask, unsigned me, bool atomic, unsigned written)
{
    record next = {.epoch      = now,
                   .thread     = me & 1023,
                   .mask       = mask & 15,
                   .warp_epoch = warp_epoch[me / WARP],
                   .written    = (written | mask) & 15,
                   .atomic     = atomic};
    if (w->epoch == now && w->thread == me && w->atomic == atomic) next.mask = (w->mask | mask) & 15;
    if (w->epoch == now && w->atomic && atomic) next.many = w->many || w->thread != me;
    *w = next;
}

/* One word; `since` is the epoch in which the memory began to count: launch or block. */
static void touch(cell *c, unsigned mask, const access *a, uint32_t since, bool all_written, bool forget)
{
    const unsigned me      = (unsigned)double_thread;
    const unsigned written = forget && c->write.epoch < since ? 0 : c->write.written;

    if (c->write.epoch >= since && (c->write.mask & mask) && !(a->atomic && c->write.atomic) && !apart(&c->write, me))
        tell_race(&c->write, true, a);
    if (a->write && c->read.epoch >= since && (c->read.mask & mask) && (c->read.blocks || !apart(&c->read, me)))
        tell_race(&c->read, false, a);
    if ((!a->write || a->atomic) && !all_written && (written & mask) != mask) tell_unwritten(a);
    if (a->write)
        note_write(&c->write, mask, me, a->atomic, written);
    else
        note_read(&c->read, mask, me, since);
}

/* `c` is the cell of the word that holds the first byte. */
static void touch_all(cell *c, const access *a, uint32_t since, bool all_written, bool forget)
{
    const size_t first = (uintptr_t)a->at % WORD, end = first + a->bytes;
    if (first == 0 && a->bytes % WORD == 0) {
        for (size_t i = 0; i < a->bytes / WORD; i++) touch(c + i, 15, a, since, all_written, forget);
        return;
    }
    for (size_t word = 0; word * WORD < end; word++) {
        const size_t from = word == 0 ? first : 0, to = end - word * WORD < WORD ? end - word * WORD : WORD;
        touch(c + word, (15u << from) & (15u >> (WORD - to)), a, since, all_written, forget);
    }
}

/* ---- accesses ---- */

static void touch_device(const access *a, bool range)
{
    char         text[256];
    const size_t slot = ((uintptr_t)a->at >> 12) % N_RECENT;

    if (a->at < recent[slot].base || a->at + a->bytes > recent[slot].end) {
        const double_allocation *found = double_allocation_of(a->at);
        if (!found) {
            double_describe(a->at, text, sizeof text);
            double_kernel_found("%s", text);
        }
        if (a->at + a->bytes > found->base + found->bytes)
            double_kernel_found("touches %zu bytes at byte %zu of an allocation of %zu bytes", a->bytes,
                                (size_t)(a->at - found->base), found->bytes);
        recent[slot].base    = found->base;
        recent[slot].end     = found->base + found->bytes;
        recent[slot].written = found->written;
    }
    touch_all(device_cell(a->at), a, launch_epoch, range || recent[slot].written, false);
}

static int is_in_image(struct dl_phdr_info *info, size_t bytes, void *user)
{
    const uintptr_t p = *(const uintptr_t *)user;
    (void)bytes;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &info->dlpi_phdr[i];
        if (part->p_type == PT_LOAD && p - (info->dlpi_addr + part->p_vaddr) < part->p_memsz) {
            ((uintptr_t *)user)[1] = info->dlpi_addr + part->p_vaddr;
            ((uintptr_t *)user)[2] = ((uintptr_t *)user)[1] + part->p_memsz;
            return 1;
        }
    }
    return 0;
}

/* Neither device nor shared memory: the thread's own, arguments, constants of a module, pinned memory; or the host's. */
static void touch_other(const access *a)
{
    static int      next;
    const uintptr_t p = (uintptr_t)a->at;

    for (int i = 0; i < N_PART; i++)
        if (p - known[i][0] < known[i][1] - known[i][0]) return;
    if ((size_t)(a->at - (const char *)launch->args) < launch->kernel->bytes) return;
    uintptr_t found[3] = {p, 0, 0};
    if (dl_iterate_phdr(is_in_image, found)) {
        known[next][0] = found[1];
        known[next][1] = found[2];
        next           = (next + 1) % N_PART;
        return;
    }
    if (double_pinned_of(a->at)) return;
    if (p < 65536) double_kernel_found("touches %p: a null pointer", (const void *)a->at);
    double_kernel_found("touches %p, which is memory of the host", (const void *)a->at);
}

static void follow(const access *a, size_t alignment, bool range)
{
    if (!launch) return;
    if ((uintptr_t)a->at % alignment != 0)
        double_kernel_found("%s %zu bytes at %p, which is not aligned to them", a->write ? "writes" : "reads", a->bytes,
                            (const void *)a->at);
    if ((size_t)(a->at - double_region) < DOUBLE_REGION)
        touch_device(a, range);
    else if ((size_t)(a->at - static_start) < static_bytes)
        touch_all(static_cells + (size_t)(a->at - static_start) / WORD, a, block_epoch, range, true);
    else if ((size_t)(a->at - dynamic_pages) < DOUBLE_DYNAMIC_AREA + DOUBLE_DYNAMIC_GUARD) {
        const ptrdiff_t i = a->at - dynamic_start;
        if (i < 0 || (size_t)i + a->bytes > launch->dynamic)
            double_kernel_found("touches %zu bytes at byte %td of %zu bytes of dynamic shared memory", a->bytes, i,
                                launch->dynamic);
        touch_all(dynamic_cells + (size_t)(a->at - dynamic_pages) / WORD, a, block_epoch, range, true);
    } else
        touch_other(a);
}

/* Copies of structs touch gaps between members too: what they read is not asked for. */
void double_access(void *p, size_t bytes, size_t alignment, bool write)
{
    if ((size_t)((char *)p - double_stack) < double_stack_bytes) return;
    follow(&(access){.at = p, .bytes = bytes, .write = write}, alignment, alignment == 1 && bytes > 1);
}

void pdm_double_atomic(volatile void *p, size_t bytes)
{
    if (launch && launch->kernel->watched)
        follow(&(access){.at = (char *)(uintptr_t)p, .bytes = bytes, .write = true, .atomic = true}, bytes, false);
}

/* ---- the host's side ---- */

void double_watch_written(char *base, size_t bytes)
{
    if (!double_now.watched) return;
    cell        *c     = device_cell(base);
    const size_t first = (uintptr_t)base % WORD, end = first + bytes;
    for (size_t word = 0; word * WORD < end; word++) {
        const size_t   from = word == 0 ? first : 0, to = end - word * WORD < WORD ? end - word * WORD : WORD;
        const unsigned mask   = (15u << from) & (15u >> (WORD - to));
        c[word].write.written = (c[word].write.written | mask) & 15;
    }
}

static unsigned written_bit(const char *p)
{
    return device_cell(p)->write.written >> ((uintptr_t)p % WORD) & 1;
}

const char *double_watch_unwritten(const char *base, size_t bytes)
{
    if (!double_now.watched) return NULL;
    const double_allocation *a = double_allocation_of(base);
    if (!a || a->written) return NULL;
    for (const char *p = base; p < base + bytes; p++)
        if (!written_bit(p)) return p;
    return NULL;
}

void double_watch_copied(char *to, const char *from, size_t bytes)
{
    if (!double_now.watched) return;
    const double_allocation *a = double_allocation_of(from);
    if (a->written) {
        double_watch_written(to, bytes);
        return;
    }
    for (size_t i = 0; i < bytes; i++) {
        cell          *c   = device_cell(to + i);
        const unsigned bit = 1u << ((uintptr_t)(to + i) % WORD);
        c->write.written   = (written_bit(from + i) ? c->write.written | bit : c->write.written & ~bit) & 15;
    }
}

void double_watch_freed(char *base, size_t bytes)
{
    if (!device_cells || bytes == 0) return;
    const uintptr_t page = 4096, first = ((uintptr_t)device_cell(base) + page - 1) / page * page;
    const uintptr_t end = (uintptr_t)device_cell(base + bytes) / page * page;
    if (end > first) madvise((void *)first, end - first, MADV_DONTNEED);
}
