/* Device memory: pages of one region, closed to the host. What is freed stays closed, and its addresses are not used
 * again; an allocation ends where its last page does, so that the byte behind it (up to 256) is closed as well. */
#include "tests/double/impl.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

enum { PAGE = 4096, ALIGNMENT = 256 };

char                     *double_region;
static char              *fresh; /* not given out yet */
static double_allocation *allocations;
static size_t             n_allocation, n_room;
static double_pinned     *pinned;
static int                key = -1; /* protection key; -1: the machine has none, mprotect() serves */
static int                depth;
static struct sigaction   earlier;

/* ---- the door ---- */

static void protect(const double_allocation *a, int rights)
{
    const int failed = key >= 0 && rights ? pkey_mprotect(a->pages, a->pages_bytes, rights, key)
                                          : mprotect(a->pages, a->pages_bytes, rights);
    if (failed) {
        perror("cuda double: mprotect");
        abort();
    }
}

static void set_door(bool open)
{
    if (key >= 0)
        pkey_set(key, open ? 0 : PKEY_DISABLE_ACCESS);
    else
        for (size_t i = 0; i < n_allocation; i++)
            if (allocations[i].live) protect(&allocations[i], open ? PROT_READ | PROT_WRITE : PROT_NONE);
}

void double_open(void)
{
    if (depth++ == 0) set_door(true);
}

void double_close(void)
{
    if (--depth == 0) set_door(false);
}

static void chain(int number, siginfo_t *info, void *context)
{
    if ((earlier.sa_flags & SA_SIGINFO) && earlier.sa_sigaction)
        earlier.sa_sigaction(number, info, context);
    else if (earlier.sa_handler != SIG_DFL && earlier.sa_handler != SIG_IGN)
        earlier.sa_handler(number);
    else {
        signal(number, SIG_DFL);
        raise(number);
    }
}

/* A signal starts with the door closed and returns it as it was. */
static void on_fault(int number, siginfo_t *info, void *context)
{
    const char *p       = info->si_addr;
    const bool  on_card = p >= double_region && p < double_region + DOUBLE_REGION;
    char        text[256];

    if (double_in_kernel()) {
        if (key >= 0 && depth > 0) pkey_set(key, 0);
        if (on_card) {
            double_describe(p, text, sizeof text);
            double_kernel_found("%s", text);
        }
        if (double_fiber_overflown(double_fiber_now(), p))
            double_kernel_found("arrays of the thread and what it calls take more than its stack holds");
        if (p >= double_dynamic_end() && p < double_dynamic_end() + DOUBLE_DYNAMIC_GUARD)
            double_kernel_found("touches what lies behind dynamic shared memory");
        double_kernel_found("touches %p, which is no memory", (const void *)p);
    }
    if (on_card) {
        if (double_allocation_of(p))
            double_found("the host touches %p, which is device memory", (const void *)p);
        else {
            double_describe(p, text, sizeof text);
            double_found("the host %s", text);
        }
    }
    chain(number, info, context);
}

/* Faults are told on a stack of their own: that of a fiber may be what is full. */
void double_thread_start(void)
{
    static _Thread_local bool given;
    stack_t                   now;
    if (given) return;
    given = true;
    if (sigaltstack(NULL, &now) == 0 && !(now.ss_flags & SS_DISABLE)) return;
    const size_t bytes = 64 * 1024;
    void        *p     = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p != MAP_FAILED) sigaltstack(&(stack_t){.ss_sp = p, .ss_size = bytes}, NULL);
}

void double_memory_start(void)
{
    double_region = mmap(NULL, DOUBLE_REGION, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (double_region == MAP_FAILED) {
        perror("cuda double: mmap");
        abort();
    }
    madvise(double_region, DOUBLE_REGION, MADV_DONTDUMP);
    fresh = double_region + PAGE;
    if (!getenv("PDM_DOUBLE_NO_KEYS")) key = pkey_alloc(0, PKEY_DISABLE_ACCESS);
    const struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
    sigaction(SIGSEGV, &action, &earlier);
}

/* ---- allocations ---- */

/* The last one that starts at p or before. */
static double_allocation *at_or_before(const char *p)
{
    size_t low = 0, high = n_allocation;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (allocations[middle].base <= p)
            low = middle + 1;
        else
            high = middle;
    }
    return low > 0 ? &allocations[low - 1] : NULL;
}

double_allocation *double_allocation_of(const void *p)
{
    double_allocation *a = at_or_before(p);
    return a && a->live && (const char *)p < a->base + a->bytes ? a : NULL;
}

void double_describe(const void *p, char *text, size_t bytes)
{
    const char              *at     = p;
    const double_allocation *before = at_or_before(at);
    const double_allocation *after  = before ? before + 1 : allocations;

    if (before && !before->live && at < before->base + before->bytes)
        snprintf(text, bytes, "touches %p, byte %zu of %zu bytes that were freed", p, (size_t)(at - before->base),
                 before->bytes);
    else if (before && (after == allocations + n_allocation || (size_t)(at - before->base) < before->bytes + PAGE))
        snprintf(text, bytes, "touches %p, %zu bytes behind the end of an allocation of %zu bytes%s", p,
                 (size_t)(at - before->base) - before->bytes, before->bytes, before->live ? "" : ", freed");
    else if (after < allocations + n_allocation)
        snprintf(text, bytes, "touches %p, %zu bytes before an allocation of %zu bytes%s", p,
                 (size_t)(after->base - at), after->bytes, after->live ? "" : ", freed");
    else
        snprintf(text, bytes, "touches %p, which was never allocated", p);
}

size_t double_free_bytes(void)
{
    const size_t live = (size_t)double_now.count.live_bytes;
    return live < double_now.bytes ? double_now.bytes - live : 0;
}

void *double_allocate(size_t bytes)
{
    const size_t pages = (bytes + PAGE - 1) / PAGE * PAGE;

    if (bytes > double_free_bytes() || pages + 2 * PAGE > (size_t)(double_region + DOUBLE_REGION - fresh)) return NULL;
    if (n_allocation == n_room) {
        n_room      = 2 * n_room + 64;
        allocations = realloc(allocations, n_room * sizeof *allocations);
        if (!allocations) abort();
    }
    double_allocation *a = &allocations[n_allocation++];
    *a                   = (double_allocation){.bytes = bytes, .pages = fresh, .pages_bytes = pages, .live = true};
    a->base              = a->pages + pages - (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    fresh += pages + PAGE;
    protect(a, PROT_READ | PROT_WRITE);
    if (key < 0 && depth == 0) protect(a, PROT_NONE);
    double_open();
    memset(a->pages, 0xFF, pages); /* NaN */
    double_close();
    double_now.count.live++;
    double_now.count.live_bytes += (int64_t)bytes;
    return a->base;
}

bool double_release(void *p)
{
    double_allocation *a = double_allocation_of(p);
    if (!a || a->base != p) return false;
    a->live = false;
    double_watch_freed(a->base, a->bytes);
    madvise(a->pages, a->pages_bytes, MADV_DONTNEED);
    protect(a, PROT_NONE);
    double_now.count.live--;
    double_now.count.live_bytes -= (int64_t)a->bytes;
    return true;
}

void double_all_written(void)
{
    for (size_t i = 0; i < n_allocation; i++) allocations[i].written = true;
}

bool double_on_device(const char *what, const void *p, size_t bytes)
{
    char                     text[256];
    const char              *at = p;
    const double_allocation *a  = double_allocation_of(p);

    if (bytes == 0) return true;
    if (a && bytes <= (size_t)(a->base + a->bytes - at)) return true;
    if (!p)
        double_found("%s: a null pointer; device memory expected", what);
    else if (at < double_region || at >= double_region + DOUBLE_REGION)
        double_found("%s: %p is memory of the host; device memory expected", what, p);
    else if (a)
        double_found("%s: %zu bytes at byte %zu of an allocation of %zu bytes", what, bytes, (size_t)(at - a->base),
                     a->bytes);
    else {
        double_describe(p, text, sizeof text);
        double_found("%s %s", what, text);
    }
    return false;
}

bool double_reads(const char *what, const void *p, size_t bytes)
{
    if (!double_on_device(what, p, bytes)) return false;
    const char *first = bytes ? double_watch_unwritten(p, bytes) : NULL;
    if (first) {
        const double_allocation *a = double_allocation_of(p);
        double_found("%s: byte %zu of an allocation of %zu bytes was never written", what, (size_t)(first - a->base),
                     a->bytes);
    }
    return !first;
}

bool double_writes(const char *what, void *p, size_t bytes)
{
    if (!double_on_device(what, p, bytes)) return false;
    if (bytes) double_watch_written(p, bytes);
    return true;
}

static bool matrix_ok(const char *what, const double_matrix *m)
{
    if (m->n_row == 0 || m->n_col == 0) return true;
    if ((uintptr_t)m->p % m->element != 0) {
        double_found("%s: %p is not aligned to %zu bytes", what, m->p, m->element);
        return false;
    }
    return double_on_device(what, m->p, (size_t)((m->n_col - 1) * m->ld + m->n_row) * m->element);
}

/* Calls `f` on the part of each column. */
static bool over_columns(const char *what, const double_matrix *m, bool (*f)(const char *, const void *, size_t))
{
    if (!matrix_ok(what, m)) return false;
    for (int64_t j = 0; j < m->n_col; j++) {
        const int64_t first = m->part == LOWER ? j : 0, end = m->part == UPPER && j + 1 < m->n_row ? j + 1 : m->n_row;
        const char   *p = (const char *)m->p + (size_t)(j * m->ld + first) * m->element;
        if (end > first && !f(what, p, (size_t)(end - first) * m->element)) return false;
    }
    return true;
}

static bool write_column(const char *what, const void *p, size_t bytes)
{
    return double_writes(what, (void *)(uintptr_t)p, bytes);
}

bool double_reads_matrix(const char *what, double_matrix m)
{
    return double_now.watched ? over_columns(what, &m, double_reads) : matrix_ok(what, &m);
}

bool double_writes_matrix(const char *what, double_matrix m)
{
    return double_now.watched ? over_columns(what, &m, write_column) : matrix_ok(what, &m);
}

/* ---- pinned memory ---- */

void *double_pin(size_t bytes)
{
    double_pinned *pin = malloc(sizeof *pin);
    if (!pin) return NULL;
    *pin =
        (double_pinned){.next = pinned, .bytes = bytes, .base = aligned_alloc(PAGE, (bytes + PAGE - 1) / PAGE * PAGE)};
    if (!pin->base) {
        free(pin);
        return NULL;
    }
    memset(pin->base, 0xFF, bytes);
    pinned = pin;
    double_now.count.live_pinned++;
    return pin->base;
}

double_pinned *double_pinned_of(const void *p)
{
    const char *at = p;
    for (double_pinned *pin = pinned; pin; pin = pin->next)
        if (at >= pin->base && at < pin->base + pin->bytes) return pin;
    return NULL;
}

bool double_unpin(void *p)
{
    for (double_pinned **link = &pinned; *link; link = &(*link)->next)
        if ((*link)->base == p) {
            double_pinned *pin = *link;
            *link              = pin->next;
            free(pin->base);
            free(pin);
            double_now.count.live_pinned--;
            return true;
        }
    return false;
}
