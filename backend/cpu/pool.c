#define _POSIX_C_SOURCE 200809L /* pthread_sigmask */
/* One call at a time. Each thread has a range of the tasks; it takes pieces of its own range first, then of the others'.
 *
 * A call is open from when its tasks can be taken until the caller finds none left. A worker that comes adds itself to
 * `inside`, then looks whether a call is open; the caller closes the call, then waits until nobody is inside. These four
 * steps are sequentially consistent, so either the worker sees the call closed or the caller sees the worker inside. */
#include "backend/cpu/pool.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>

enum {
    LINE     = 64,  /* bytes that threads had better not share                         */
    PIECES   = 8,   /* a range is taken in so many pieces at least, if it has as many */
    SPIN     = 64,  /* looks between two looks at the clock                            */
    PATIENCE = 2000 /* looks for those inside before the core is given away            */
};
static const double WATCH_SECONDS = 1e-4; /* without a call for so long, a thread sleeps */

typedef struct task_range {
    _Alignas(LINE) atomic_llong next;
    pdm_size end;
} task_range;

typedef struct pool_worker {
    pdm_cpu_pool *pool;
    pthread_t     thread;
    int           index; /* 1 ... n_thread - 1 */
} pool_worker;

struct pdm_cpu_pool {
    pdm_context *ctx;
    int          n_thread, n_started;
    void (*begin)(void *user);
    void        *begin_user;
    pool_worker *worker; /* [n_thread - 1] */
    task_range  *range;  /* [n_thread]     */
    /* the call; changed only while it is closed and nobody is inside */
    pdm_cpu_task fn;
    void        *user;
    pdm_size     piece;
    _Alignas(LINE) atomic_ullong n_call; /* the workers watch it */
    atomic_bool open, stop;
    _Alignas(LINE) atomic_int inside;
    _Alignas(LINE) atomic_int n_asleep;
    pthread_mutex_t mutex;
    pthread_cond_t  wake;
};

/* Tells the core that it is being waited on it. */
static void relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static void work(pdm_cpu_pool *p, int thread)
{
    for (int k = 0; k < p->n_thread; k++) {
        task_range *range = &p->range[(thread + k) % p->n_thread];
        pdm_size    first;
        while ((first = atomic_fetch_add_explicit(&range->next, p->piece, memory_order_relaxed)) < range->end) {
            const pdm_size end = first + p->piece < range->end ? first + p->piece : range->end;
            for (pdm_size i = first; i < end; i++) p->fn(p->user, i, thread);
        }
    }
}

/* Returns when there has been a call after `seen`, or the pool ends. */
static void wait_for_call(pdm_cpu_pool *p, unsigned long long seen)
{
    const double start = pdm_clock();
    do {
        for (int i = 0; i < SPIN; i++) {
            if (atomic_load_explicit(&p->n_call, memory_order_acquire) != seen) return;
            relax();
        }
    } while (pdm_clock() - start < WATCH_SECONDS);

    pthread_mutex_lock(&p->mutex);
    atomic_fetch_add(&p->n_asleep, 1); /* before the look at n_call; pdm_cpu_pool_run does it the other way round */
    while (atomic_load(&p->n_call) == seen && !atomic_load(&p->stop)) pthread_cond_wait(&p->wake, &p->mutex);
    atomic_fetch_sub(&p->n_asleep, 1);
    pthread_mutex_unlock(&p->mutex);
}

static void *run_worker(void *argument)
{
    const pool_worker *me   = argument;
    pdm_cpu_pool      *p    = me->pool;
    unsigned long long seen = 0;

    if (p->begin) p->begin(p->begin_user);
    while (!atomic_load(&p->stop)) {
        wait_for_call(p, seen);
        seen = atomic_load(&p->n_call);
        atomic_fetch_add(&p->inside, 1);
        if (atomic_load(&p->open)) work(p, me->index);
        atomic_fetch_sub(&p->inside, 1);
    }
    return NULL;
}

static void wake_workers(pdm_cpu_pool *p, pdm_size most)
{
    pdm_size n = atomic_load(&p->n_asleep);

    if (n == 0) return;
    pthread_mutex_lock(&p->mutex);
    for (n = n < most ? n : most; n > 0; n--) pthread_cond_signal(&p->wake);
    pthread_mutex_unlock(&p->mutex);
}

void pdm_cpu_pool_run(pdm_cpu_pool *p, pdm_size n_task, pdm_cpu_task fn, void *user)
{
    const pdm_size share = n_task / p->n_thread, rest = n_task % p->n_thread;
    pdm_size       end = 0;

    p->fn    = fn;
    p->user  = user;
    p->piece = share / PIECES > 1 ? share / PIECES : 1;
    for (int i = 0; i < p->n_thread; i++) {
        atomic_store_explicit(&p->range[i].next, end, memory_order_relaxed);
        end += share + (i < rest);
        p->range[i].end = end;
    }
    atomic_store(&p->open, true);
    atomic_fetch_add(&p->n_call, 1);
    wake_workers(p, n_task - 1);
    work(p, 0);
    atomic_store(&p->open, false);
    for (int look = 0; atomic_load(&p->inside) > 0; look++) {
        relax();
        if (look >= PATIENCE) sched_yield();
    }
}

/* Signals are the host's business: its own threads take them. */
static pdm_status start_workers(pdm_cpu_pool *p)
{
    pdm_status status = PDM_OK;
    sigset_t   all, saved;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &saved);
    for (int i = 0; i < p->n_thread - 1; i++) {
        p->worker[i]    = (pool_worker){.pool = p, .index = i + 1};
        const int error = pthread_create(&p->worker[i].thread, NULL, run_worker, &p->worker[i]);
        if (error)
            PDM_FAIL(p->ctx, PDM_ERR_UNSUPPORTED, "thread %d of %d cannot be started: %s", i + 2, p->n_thread,
                     strerror(error));
        p->n_started++;
    }
done:
    pthread_sigmask(SIG_SETMASK, &saved, NULL);
    return status;
}

pdm_status pdm_cpu_pool_create(pdm_context *ctx, int n_thread, void (*begin)(void *user), void *user,
                               pdm_cpu_pool **out)
{
    pdm_status    status = PDM_OK;
    pdm_cpu_pool *p      = NULL;

    PDM_TRY(pdm_alloc(ctx, sizeof *p, &p)); /* zeroed: no call is open */
    p->ctx        = ctx;
    p->n_thread   = n_thread;
    p->begin      = begin;
    p->begin_user = user;
    pthread_mutex_init(&p->mutex, NULL); /* neither fails with default attributes on Linux */
    pthread_cond_init(&p->wake, NULL);
    PDM_TRY(pdm_alloc_array(ctx, n_thread, &p->range));
    PDM_TRY(pdm_alloc_array(ctx, n_thread, &p->worker));
    PDM_TRY(start_workers(p));
    *out = p;
    p    = NULL;
done:
    pdm_cpu_pool_destroy(&p);
    return status;
}

void pdm_cpu_pool_destroy(pdm_cpu_pool **pool)
{
    if (!pool || !*pool) return;
    pdm_cpu_pool *p = *pool;

    atomic_store(&p->stop, true);
    atomic_fetch_add(&p->n_call, 1); /* those who watch leave, too */
    pthread_mutex_lock(&p->mutex);
    pthread_cond_broadcast(&p->wake);
    pthread_mutex_unlock(&p->mutex);
    for (int i = 0; i < p->n_started; i++) pthread_join(p->worker[i].thread, NULL);
    pthread_cond_destroy(&p->wake);
    pthread_mutex_destroy(&p->mutex);
    pdm_free(p->ctx, p->worker);
    pdm_free(p->ctx, p->range);
    pdm_free(p->ctx, p);
    *pool = NULL;
}
