/* To be preloaded: allocation number FAIL_AT of the process named pdemoe fails, in whatever library it is; FAIL_ON
 * set: all later ones too. FAIL_COUNT names a file that gets the number of allocations at the end. When the process
 * crashes, FAIL_CRASH names a file that gets the object (library or program) of the innermost frame outside of the C
 * library. */
#define _GNU_SOURCE /* dladdr, program_invocation_short_name */
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);

static atomic_long n_call;
static long        fail_at;
static bool        armed, goes_on;
static char        crash_path[256];

static bool fails(void)
{
    if (!armed) return false;
    const long i = atomic_fetch_add(&n_call, 1) + 1;
    if (fail_at <= 0 || (goes_on ? i < fail_at : i != fail_at)) return false;
    errno = ENOMEM;
    return true;
}

void *malloc(size_t n)
{
    return fails() ? NULL : __libc_malloc(n);
}

void *calloc(size_t n, size_t item)
{
    return fails() ? NULL : __libc_calloc(n, item);
}

void *realloc(void *p, size_t n)
{
    return fails() ? NULL : __libc_realloc(p, n);
}

void *memalign(size_t alignment, size_t n)
{
    return fails() ? NULL : __libc_memalign(alignment, n);
}

void *aligned_alloc(size_t alignment, size_t n)
{
    return fails() ? NULL : __libc_memalign(alignment, n);
}

int posix_memalign(void **p, size_t alignment, size_t n)
{
    void *found = fails() ? NULL : __libc_memalign(alignment, n);
    if (!found) return ENOMEM;
    *p = found;
    return 0;
}

static void tell_crash(int number)
{
    void *frame[64];
    int   n    = backtrace(frame, 64);
    int   file = open(crash_path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

    armed = false;
    for (int i = 0; i < n; i++) {
        Dl_info info;
        if (!dladdr(frame[i], &info) || !info.dli_fname || strstr(info.dli_fname, "failing_malloc") ||
            strstr(info.dli_fname, "libc.so"))
            continue;
        if (file >= 0) (void)!write(file, info.dli_fname, strlen(info.dli_fname));
        break;
    }
    if (file >= 0) (void)close(file);
    (void)signal(number, SIG_DFL);
    (void)raise(number);
}

__attribute__((constructor)) static void arm(void)
{
    static const int number[] = {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL};
    const char      *at = getenv("FAIL_AT"), *path = getenv("FAIL_CRASH");
    void            *frame[1];

    if (strcmp(program_invocation_short_name, "pdemoe") != 0) return;
    (void)backtrace(frame, 1); /* loads what it needs */
    (void)snprintf(crash_path, sizeof crash_path, "%s", path ? path : "/dev/null");
    for (size_t i = 0; i < sizeof number / sizeof *number; i++) (void)signal(number[i], tell_crash);
    fail_at = at ? atol(at) : 0;
    goes_on = getenv("FAIL_ON") != NULL;
    armed   = true;
}

__attribute__((destructor)) static void tell_count(void)
{
    const char *path = getenv("FAIL_COUNT");
    FILE       *file;

    if (!armed || !path) return;
    armed = false;
    file  = fopen(path, "w");
    if (!file) return;
    (void)fprintf(file, "%ld\n", atomic_load(&n_call));
    (void)fclose(file);
}
