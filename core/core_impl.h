/* Inside of core/: the context. */
#ifndef PDM_CORE_IMPL_H
#define PDM_CORE_IMPL_H

#include "core/core.h"

#include <stdatomic.h>

#define CORE_ERROR_SIZE  2048
#define PDM_BACKEND_NAME 32

struct pdm_context {
    pdm_allocator allocator;
    int           n_thread;                  /* >= 1 */
    char          backend[PDM_BACKEND_NAME]; /* "": not said */
    pdm_queue     queue;
    size_t        memory_limit; /* 0: what the machine has */

    void *ranks; /* comm/'s; NULL: one rank */
    void (*destroy_ranks)(pdm_context *ctx, void *ranks);

    pdm_log_function log; /* NULL: silent */
    void            *log_user;
    pdm_log_level    log_level;

    /* Memory may be taken and freed from any thread of a parallel region: counters are atomic. Bytes are those taken
     * from the allocator. countdown: see pdm_context_fail_allocation(). */
    _Atomic int64_t live, peak, calls, countdown;
    _Atomic int64_t device; /* bytes of a device's memory */

    atomic_flag error_busy; /* held while the text is written */
    char        error[CORE_ERROR_SIZE];
};

/* Puts '.' where snprintf wrote the decimal point of the host's locale. number: digits, sign, exponent, inf or nan. */
void core_plain_point(char *number);

/* context.c: is it malloc and free? */
bool pdm_allocator_is_heap(const pdm_allocator *a);

#endif
