/* The threads of the CPU back end: started once, they share out the tasks of one call after another.
 * An own pool instead of OpenMP's teams, for two reasons that were measured (docs/choices/08-threads.md): calls of 10 to
 * 300 us follow each other closely, so threads must watch for the next one instead of being woken; and on a shared
 * machine nobody may wait for a thread that has no core. Whoever is late finds its tasks done by others. */
#ifndef PDM_BACKEND_CPU_POOL_H
#define PDM_BACKEND_CPU_POOL_H

#include "core/core.h"

typedef struct pdm_cpu_pool pdm_cpu_pool;

/* A piece of work; thread: 0 is the caller, others up to n_thread - 1. */
typedef void (*pdm_cpu_task)(void *user, pdm_size task, int thread);

/* Starts n_thread - 1 threads. begin(user), which may be NULL, is the first thing each of them does.
 * Fails with PDM_ERR_MEMORY, PDM_ERR_UNSUPPORTED (no more threads to be had). */
pdm_status pdm_cpu_pool_create(pdm_context *ctx, int n_thread, void (*begin)(void *user), void *user,
                               pdm_cpu_pool **out);
void       pdm_cpu_pool_destroy(pdm_cpu_pool **pool);
/* Runs fn(user, task, thread) once for each of n_task tasks and returns when all are done. From one thread at a time.
 * A task goes to the same thread in calls of equal n_task as long as nobody is late, which keeps its data near. */
void pdm_cpu_pool_run(pdm_cpu_pool *pool, pdm_size n_task, pdm_cpu_task fn, void *user);

#endif
