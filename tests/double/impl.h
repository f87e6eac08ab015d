/* Inside the double: one lock, one region of device memory, one queue of operations, one block of threads at a time. */
#ifndef PDM_DOUBLE_IMPL_H
#define PDM_DOUBLE_IMPL_H

#include "tests/double/double.h"

#include <cuda_runtime_api.h>
#include <string.h>

#include "tests/double/kernel.h"

#pragma GCC visibility push(hidden)

/* ---- state.c ---- */

typedef struct double_state {
    uint64_t         random;
    int64_t          fail_in; /* calls until one fails; 0: none */
    pdm_double_count count;
    int              n_device; /* < 0: no driver */
    int              capability;
    int              only;  /* the device that calls are for; < 0: any */
    size_t           bytes; /* of the device */
    bool             watched;
} double_state;

extern double_state double_now;

/* Holds the lock until the end of the function. */
#define ENTER() __attribute__((cleanup(double_leave), unused)) const int entered = double_enter()
int  double_enter(void);
void double_leave(const int *entered);

uint64_t double_random(uint64_t below);
bool     double_fails(void);
void     double_found(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* ---- memory.c ---- */

typedef struct double_allocation {
    char  *base;
    size_t bytes;
    char  *pages;
    size_t pages_bytes;
    bool   live, written; /* written: perhaps, by a kernel that is not watched */
    int    device;
} double_allocation;

void         double_memory_start(void);
void         double_thread_start(void); /* of each thread that calls */
extern char *double_region;             /* of DOUBLE_REGION bytes */
#define DOUBLE_REGION ((size_t)1 << 40)

void  *double_allocate(size_t bytes); /* NULL: none left */
bool   double_release(void *p);
size_t double_free_bytes(void);
void   double_open(void); /* device memory may be touched by this thread; nests */
void   double_close(void);
void   double_all_written(void);
/* The live allocation that holds p. */
double_allocation *double_allocation_of(const void *p);
/* Text on an address of device memory outside of an allocation that is live. */
void double_describe(const void *p, char *text, size_t bytes);
/* Are `bytes` bytes on the device (in one allocation)? If not, a finding in the name of `what`. */
bool double_on_device(const char *what, const void *p, size_t bytes);
/* Library calls and copies read and write; `what` is told. */
bool double_reads(const char *what, const void *p, size_t bytes);
bool double_writes(const char *what, void *p, size_t bytes);

/* Of a column-major matrix: all, or a triangle. */
typedef enum double_part { WHOLE, LOWER, UPPER } double_part;
typedef struct double_matrix {
    const void *p;
    int64_t     n_row, n_col, ld; /* in elements */
    size_t      element;
    double_part part;
} double_matrix;
bool double_reads_matrix(const char *what, double_matrix m);
bool double_writes_matrix(const char *what, double_matrix m);

typedef struct double_pinned {
    struct double_pinned *next;
    char                 *base;
    size_t                bytes;
} double_pinned;
void          *double_pin(size_t bytes);
bool           double_unpin(void *p);
double_pinned *double_pinned_of(const void *p);

/* ---- fiber.c ---- */

typedef struct double_fiber double_fiber;
double_fiber               *double_fiber_take(void (*entry)(void));
void                        double_fiber_give(double_fiber *fiber);
void                        double_fiber_reset_all(void); /* none runs any more */
double_fiber               *double_fiber_host(void);      /* the thread that launches */
void                        double_fiber_switch(double_fiber *from, double_fiber *to);
extern char                *double_stack; /* of the fiber that runs */
extern size_t               double_stack_bytes;
bool                        double_fiber_overflown(const double_fiber *fiber, const void *p);

/* ---- block.c ---- */

typedef struct double_kernel {
    struct double_kernel *next;
    const void           *function;
    const char           *name;
    size_t                bytes;
    char                 *shared, *shared_end; /* static, of its module */
    size_t                dynamic;             /* limit that cudaFuncSetAttribute gave */
    bool                  watched;
} double_kernel;

typedef struct double_launch {
    double_kernel *kernel;
    pdm_dim3       grid, block;
    size_t         dynamic;
    const void    *args;
} double_launch;

enum { DOUBLE_MAX_DYNAMIC = 227 * 1024, DOUBLE_DYNAMIC_AREA = 57 * 4096, DOUBLE_DYNAMIC_GUARD = 65536 };

double_kernel *double_kernel_find(const void *function);
void           double_run(const double_launch *launch);
bool           double_in_kernel(void);
/* A finding of the thread that runs; its launch ends. Does not return. */
_Noreturn void       double_kernel_found(const char *format, ...) __attribute__((format(printf, 1, 2)));
void                 double_place(char *text, size_t bytes); /* kernel, block, thread */
char                *double_dynamic_start(void);
char                *double_dynamic_end(void); /* of an area of DOUBLE_DYNAMIC_AREA bytes */
const double_launch *double_launch_now(void);
double_fiber        *double_fiber_now(void);
extern int           double_thread; /* number of the one that runs, in its block */
pdm_dim3             double_thread_place(int thread);
uint32_t             double_block_now(void); /* linear */

/* ---- watch.c ---- */

void double_access(void *p, size_t bytes, size_t alignment, bool write);
void double_watch_launch(const double_launch *launch);
void double_watch_end(void);
void double_watch_block(uint32_t block);
void double_watch_barrier(void);
void double_watch_warp(int warp);
void double_watch_unload(const char *shared);
void double_watch_written(char *base, size_t bytes);
void double_watch_copied(char *to, const char *from, size_t bytes);
void double_watch_freed(char *base, size_t bytes);
/* First byte never written, or NULL. */
const char *double_watch_unwritten(const char *base, size_t bytes);

/* ---- stream.c ---- */

typedef struct double_op double_op;
/* Queues `run`; returns its argument, `bytes` bytes to be filled. NULL: not a stream (found). */
void *double_enqueue(cudaStream_t stream, void (*run)(void *), size_t bytes);
bool  double_stream_ok(cudaStream_t stream, const char *what);
void  double_drain_stream(cudaStream_t stream);
void  double_drain_all(void);

/* ---- runtime.c ---- */

int         double_max_shared(void);        /* dynamic, with cudaFuncSetAttribute */
int         double_device(void);            /* current in the calling thread */
cudaError_t double_cuda(cudaError_t error); /* becomes the last one */
/* A finding where another device is current than the one that calls are for. */
void double_device_ok(const char *what);
/* What a call returns at once: no driver, no device, or `injected` where this call is to fail. */
cudaError_t double_cuda_start(cudaError_t injected);
/* A call for any device. */
#define CUDA_START_ANY(injected)                                \
    ENTER();                                                    \
    do {                                                        \
        const cudaError_t start_ = double_cuda_start(injected); \
        if (start_ != cudaSuccess) return start_;               \
    } while (0)
/* A call for the current device. */
#define CUDA_START(injected)  \
    CUDA_START_ANY(injected); \
    double_device_ok(__func__)
/* An argument that the real library refuses: a finding, and the error. */
#define CUDA_REFUSE(error, ...) return (double_found(__VA_ARGS__), double_cuda(error))

/* ---- compile.c ---- */

/* Is it what nvrtcGetCUBIN() gave? */
bool double_is_compiled(const void *bytes, size_t *n);

#pragma GCC visibility pop

#endif
