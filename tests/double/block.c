/* Runs a launch: blocks one after another, the threads of a block as fibers, both in an order that the seed gives. A
 * thread that never waits needs no fiber of its own: the next one starts where it ended. */
#include "tests/double/impl.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

enum { MAX_THREAD = 1024, WARP = 32, MAX_WARP = MAX_THREAD / WARP };

typedef enum thread_state { GOES, AT_BARRIER, IN_WARP, FINISHED } thread_state;

typedef struct thread {
    double_fiber *fiber; /* NULL: has not started */
    thread_state  state;
    const char   *file; /* where it waits */
    int           line;
    /* of a warp's call */
    pdm_warp_op op;
    unsigned    mask;
    int         lane, width;
    uint64_t    value, result;
} thread;

pdm_dim3 threadIdx, blockIdx, blockDim, gridDim;

static double_kernel *kernels;

int double_thread;

static const double_launch *launch; /* NULL: none runs */
static thread               threads[MAX_THREAD];
static pdm_dim3             places[MAX_THREAD]; /* for the block of `placed` */
static pdm_dim3             placed;
static int                  n_thread, n_at_barrier, n_finished;
static int                  order[MAX_THREAD], n_shuffled; /* of threads, for a block of n_shuffled */
static int           n_to_come, next_order; /* since the block's start or last barrier; in that order, from anywhere */
static int           ready[MAX_THREAD], ready_head, n_ready; /* threads whose warp's call is done: a ring */
static unsigned      in_warp[MAX_WARP];                      /* lanes that wait in a call */
static double_fiber *fiber;                                  /* that runs */
static uint32_t      block_number;
static char         *dynamic, *dynamic_end;

/* ---- kernels ---- */

void pdm_double_kernel(const void *function, const char *name, size_t bytes, char *shared, char *shared_end,
                       int watched)
{
    double_kernel *kernel = malloc(sizeof *kernel);
    if (!kernel) abort();
    *kernel = (double_kernel){.next       = kernels,
                              .function   = function,
                              .name       = name,
                              .bytes      = bytes,
                              .shared     = shared,
                              .shared_end = shared_end,
                              .dynamic    = 48 * 1024,
                              .watched    = watched != 0};
    kernels = kernel;
}

void pdm_double_forget(const void *function)
{
    for (double_kernel **link = &kernels; *link; link = &(*link)->next)
        if ((*link)->function == function) {
            double_kernel *kernel = *link;
            *link                 = kernel->next;
            double_watch_unload(kernel->shared);
            free(kernel);
            return;
        }
}

double_kernel *double_kernel_find(const void *function)
{
    for (double_kernel **link = &kernels; *link; link = &(*link)->next)
        if ((*link)->function == function) {
            double_kernel *kernel = *link; /* to the front: it will be asked for again */
            *link                 = kernel->next;
            kernel->next          = kernels;
            kernels               = kernel;
            return kernel;
        }
    return NULL;
}

/* ---- who runs ---- */

bool double_in_kernel(void)
{
    return launch != NULL;
}

const double_launch *double_launch_now(void)
{
    return launch;
}

double_fiber *double_fiber_now(void)
{
    return fiber;
}

pdm_dim3 double_thread_place(int t)
{
    return places[t];
}

uint32_t double_block_now(void)
{
    return block_number;
}

void double_place(char *text, size_t bytes)
{
    const pdm_dim3 t = places[double_thread];
    snprintf(text, bytes, "kernel %s, block (%u,%u,%u), thread (%u,%u,%u)", launch->kernel->name, blockIdx.x,
             blockIdx.y, blockIdx.z, t.x, t.y, t.z);
}

void double_kernel_found(const char *format, ...)
{
    char    place[256], text[512];
    va_list list;

    double_place(place, sizeof place);
    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    launch = NULL;
    double_found("%s: %s", place, text);
    double_fiber_switch(fiber, double_fiber_host()); /* for good */
    abort();
}

void pdm_double_trap(void)
{
    double_kernel_found("traps");
}

/* ---- the order of threads ---- */

static void shuffle(void)
{
    for (int t = 0; t < n_thread; t++) {
        const int other = (int)double_random((uint64_t)t + 1);
        order[t]        = order[other];
        order[other]    = t;
    }
    n_shuffled = n_thread;
}

static void make_ready(int t)
{
    int tail = ready_head + n_ready++;
    if (tail >= MAX_THREAD) tail -= MAX_THREAD;
    ready[tail] = t;
}

static void make_all_ready(void)
{
    n_to_come  = n_thread;
    next_order = (int)double_random((uint64_t)n_thread);
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* No thread can go on and none has gone through: who is it that does not come? */
static void tell_deadlock(void)
{
    int waiting = -1, other = -1;
    for (int t = 0; t < n_thread; t++)
        if (threads[t].state == IN_WARP) waiting = t;
    if (waiting >= 0) {
        const int first = waiting / WARP * WARP;
        for (int lane = 0; lane < WARP && first + lane < n_thread; lane++)
            if ((threads[waiting].mask >> lane & 1) && threads[first + lane].state != IN_WARP) other = first + lane;
    } else
        for (int t = 0; t < n_thread; t++) {
            if (threads[t].state == AT_BARRIER) waiting = t;
            if (threads[t].state == FINISHED) other = t;
        }
    const thread *w = &threads[waiting];
    double_thread   = waiting;
    if (other < 0) double_kernel_found("waits in %s:%d for ever", base_name(w->file), w->line);
    const pdm_dim3 o = places[other];
    if (threads[other].state == FINISHED)
        double_kernel_found("waits in %s:%d for thread (%u,%u,%u), which has ended", base_name(w->file), w->line, o.x,
                            o.y, o.z);
    double_kernel_found("waits in %s:%d for thread (%u,%u,%u), which waits in %s:%d", base_name(w->file), w->line, o.x,
                        o.y, o.z, base_name(threads[other].file), threads[other].line);
}

static void release_barrier(void)
{
    for (int t = 1; t < n_thread; t++)
        if (threads[t].line != threads[0].line || threads[t].file != threads[0].file) {
            double_thread = t;
            double_kernel_found("waits at the barrier %s:%d and thread (%u,%u,%u) at %s:%d", base_name(threads[t].file),
                                threads[t].line, places[0].x, places[0].y, places[0].z, base_name(threads[0].file),
                                threads[0].line);
        }
    n_at_barrier = 0;
    double_watch_barrier();
    make_all_ready();
}

/* The next thread that can go on; -1: the block has ended. */
static int next_thread(void)
{
    int t;
    if (n_ready == 0 && n_to_come == 0) {
        if (n_finished == n_thread) return -1;
        if (n_at_barrier < n_thread) tell_deadlock();
        release_barrier();
    }
    if (n_ready > 0) {
        t          = ready[ready_head];
        ready_head = ready_head + 1 < MAX_THREAD ? ready_head + 1 : 0;
        n_ready--;
    } else {
        t          = order[next_order];
        next_order = next_order + 1 < n_thread ? next_order + 1 : 0;
        n_to_come--;
    }
    threads[t].state = GOES;
    return t;
}

static void go_to(double_fiber *to)
{
    double_fiber *from = fiber;
    fiber              = to;
    double_fiber_switch(from, to);
    threadIdx = places[double_thread];
}

/* What fibers do: threads that have not started, one after another. Left for a thread that waits, or when all is done;
 * come back to with a new one. */
static void run_threads(void)
{
    for (;;) {
        int t            = double_thread;
        threads[t].fiber = fiber;
        threadIdx        = places[t];
        ((void (*)(const void *))(uintptr_t)launch->kernel->function)(launch->args);
        threads[t].state = FINISHED;
        n_finished++;
        t = next_thread();
        if (t >= 0) double_thread = t;
        if (t < 0 || threads[t].fiber) {
            double_fiber_give(fiber);
            go_to(t < 0 ? double_fiber_host() : threads[t].fiber);
        }
    }
}

/* The thread that runs waits. */
static void leave(void)
{
    const int self = double_thread;
    const int t    = next_thread();
    if (t == self) return;
    double_thread = t;
    go_to(threads[t].fiber ? threads[t].fiber : double_fiber_take(run_threads));
}

void pdm_double_barrier(const char *file, int line)
{
    thread *self = &threads[double_thread];
    self->state  = AT_BARRIER;
    self->file   = file;
    self->line   = line;
    n_at_barrier++;
    leave();
}

/* ---- warps ---- */

static unsigned lanes_of(int warp)
{
    const int n = n_thread - warp * WARP;
    return n >= WARP ? 0xFFFFFFFFu : (1u << n) - 1;
}

static int source_of(const thread *self, int lane)
{
    const int first = lane & ~(self->width - 1), end = first + self->width;
    int       from = lane;
    switch (self->op) {
    case PDM_SHFL: return first + (self->lane & (self->width - 1));
    case PDM_SHFL_UP: from = lane - self->lane; return from < first ? lane : from;
    case PDM_SHFL_DOWN: from = lane + self->lane; return from >= end ? lane : from;
    case PDM_SHFL_XOR: from = lane ^ self->lane; return from >= end ? lane : from;
    default: return lane;
    }
}

/* All lanes of the mask have come. */
static void finish_warp(int warp, unsigned mask)
{
    const int     first  = warp * WARP;
    unsigned      ballot = 0;
    thread       *all    = &threads[first];
    const thread *self   = &threads[double_thread];

    for (int lane = 0; lane < WARP; lane++)
        if (mask >> lane & 1) {
            if (all[lane].op != self->op || all[lane].line != self->line || all[lane].mask != self->mask) {
                const pdm_dim3 o = places[first + lane];
                double_kernel_found("meets at %s:%d, mask %08x, thread (%u,%u,%u) at %s:%d, mask %08x",
                                    base_name(self->file), self->line, self->mask, o.x, o.y, o.z,
                                    base_name(all[lane].file), all[lane].line, all[lane].mask);
            }
            ballot |= (unsigned)(all[lane].value != 0) << lane;
        }
    for (int lane = 0; lane < WARP; lane++)
        if (mask >> lane & 1) {
            thread   *t    = &all[lane];
            const int from = source_of(t, lane);
            if (t->op >= PDM_SHFL && t->op <= PDM_SHFL_XOR && !(from >= 0 && from < WARP && mask >> from & 1)) {
                double_thread = first + lane;
                double_kernel_found("asks in %s:%d for the value of lane %d, which takes no part", base_name(t->file),
                                    t->line, from);
            }
            t->result = t->op == PDM_BALLOT ? ballot : t->op == PDM_SYNCWARP ? 0 : all[from].value;
        }
    if (self->op == PDM_SYNCWARP && mask == lanes_of(warp)) double_watch_warp(warp);
    in_warp[warp] &= ~mask;
}

uint64_t pdm_double_warp(pdm_warp_op op, unsigned mask, uint64_t value, int lane, int width, const char *file, int line)
{
    const int      me = double_thread, warp = me / WARP, own = me % WARP;
    const unsigned wanted = mask & lanes_of(warp);
    thread        *self   = &threads[me];

    if (!(mask >> own & 1))
        double_kernel_found("is not in the mask %08x that it gives in %s:%d", mask, base_name(file), line);
    self->state = IN_WARP;
    self->op    = op;
    self->mask  = mask;
    self->value = value;
    self->lane  = lane;
    self->width = width;
    self->file  = file;
    self->line  = line;
    in_warp[warp] |= 1u << own;
    if ((in_warp[warp] & wanted) == wanted) {
        finish_warp(warp, wanted);
        const int turn = (int)double_random(WARP); /* all come back, this one too, in some order */
        for (int i = 0; i < WARP; i++)
            if (wanted >> ((i + turn) % WARP) & 1) make_ready(warp * WARP + (i + turn) % WARP);
    }
    leave();
    return self->result;
}

/* ---- blocks ---- */

void *pdm_double_dynamic(void)
{
    return dynamic;
}

char *double_dynamic_start(void)
{
    return dynamic;
}

char *double_dynamic_end(void)
{
    return dynamic_end;
}

/* The area ends where closed pages begin. */
static void place_dynamic(size_t bytes)
{
    if (!dynamic_end) {
        char *memory = mmap(NULL, DOUBLE_DYNAMIC_AREA + DOUBLE_DYNAMIC_GUARD, PROT_NONE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (memory == MAP_FAILED || mprotect(memory, DOUBLE_DYNAMIC_AREA, PROT_READ | PROT_WRITE)) {
            perror("cuda double: shared memory");
            abort();
        }
        dynamic_end = memory + DOUBLE_DYNAMIC_AREA;
    }
    dynamic = dynamic_end - (bytes + 15) / 16 * 16;
}

static void place_threads(pdm_dim3 block)
{
    int t = 0;
    for (unsigned z = 0; z < block.z; z++)
        for (unsigned y = 0; y < block.y; y++)
            for (unsigned x = 0; x < block.x; x++) places[t++] = (pdm_dim3){x, y, z};
    placed   = block;
    n_thread = t;
}

static void run_block(uint32_t number)
{
    const pdm_dim3 grid = launch->grid;

    block_number = number;
    blockIdx     = (pdm_dim3){number % grid.x, number / grid.x % grid.y, number / grid.x / grid.y};
    n_at_barrier = n_finished = n_ready = 0;
    for (int t = 0; t < n_thread; t++) threads[t].fiber = NULL;
    memset(in_warp, 0, sizeof in_warp);
    double_watch_block(number);
    make_all_ready();
    double_thread = next_thread();
    fiber         = double_fiber_host();
    go_to(double_fiber_take(run_threads));
}

void double_run(const double_launch *which)
{
    const uint32_t n    = which->grid.x * which->grid.y * which->grid.z;
    const uint32_t turn = (uint32_t)double_random(n);
    const bool     back = double_random(2);

    if (memcmp(&which->block, &placed, sizeof placed) != 0) place_threads(which->block);
    n_thread = (int)(placed.x * placed.y * placed.z);
    if (n_shuffled != n_thread || double_random(8) == 0) shuffle();
    place_dynamic(which->dynamic);
    launch   = which;
    blockDim = which->block;
    gridDim  = which->grid;
    if (!which->kernel->watched) { /* NaN, once a launch; of a watched kernel each block's own is known */
        if (which->kernel->shared)
            memset(which->kernel->shared, 0xFF, (size_t)(which->kernel->shared_end - which->kernel->shared));
        memset(dynamic, 0xFF, which->dynamic);
    }
    double_watch_launch(which);
    for (uint32_t b = 0; b < n && launch; b++) {
        const uint32_t i = (b + turn) % n;
        run_block(back ? n - 1 - i : i);
    }
    if (!launch) double_fiber_reset_all(); /* a finding ended it */
    double_watch_end();
    launch = NULL;
}
