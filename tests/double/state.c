#include "tests/double/impl.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

double_state double_now = {.random = 1, .n_device = 1, .capability = 90, .only = -1, .bytes = (size_t)64 << 30};

static pthread_mutex_t lock = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;
static void (*take_finding)(const char *text);
static bool ready;

/* "1,8.0,1e10", "none" or "no-driver". */
static void read_device(const char *text)
{
    int    n = 0, major = 0, minor = 0;
    double bytes = 0.0;

    if (!strcmp(text, "none"))
        double_now.n_device = 0;
    else if (!strcmp(text, "no-driver"))
        double_now.n_device = -1;
    else {
        const int n_read = sscanf(text, "%d,%d.%d,%lf", &n, &major, &minor, &bytes);
        if (n_read != 1 && n_read < 3) {
            fprintf(stderr, "cuda double: PDM_DOUBLE_DEVICE is \"%s\"; none, no-driver or N,8.0,BYTES expected\n",
                    text);
            abort();
        }
        double_now.n_device = n;
        if (n_read >= 3) double_now.capability = 10 * major + minor;
        if (n_read == 4) double_now.bytes = (size_t)bytes;
    }
}

static void start(void)
{
    ready              = true;
    const char *seed   = getenv("PDM_DOUBLE_SEED");
    const char *device = getenv("PDM_DOUBLE_DEVICE");
    if (seed) double_now.random = strtoull(seed, NULL, 10);
    if (device) read_device(device);
    double_memory_start();
}

int double_enter(void)
{
    pthread_mutex_lock(&lock);
    if (!ready) start();
    double_thread_start();
    return 1;
}

void double_leave(const int *entered)
{
    (void)entered;
    pthread_mutex_unlock(&lock);
}

/* splitmix64 */
uint64_t double_random(uint64_t below)
{
    uint64_t z = double_now.random += 0x9E3779B97F4A7C15u;
    z          = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z          = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    z ^= z >> 31;
    return below > 0xFFFFFFFFu ? z % below : ((z >> 32) * below) >> 32;
}

bool double_fails(void)
{
    double_now.count.fallible++;
    return double_now.fail_in > 0 && --double_now.fail_in == 0;
}

void double_found(const char *format, ...)
{
    char    text[1024];
    va_list list;

    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    double_now.count.findings++;
    if (take_finding) {
        take_finding(text);
        return;
    }
    fprintf(stderr, "cuda double: %s\n", text);
    abort();
}

void pdm_double_on_finding(void (*handler)(const char *text))
{
    ENTER();
    take_finding = handler;
}

void pdm_double_fail_at(int64_t k)
{
    ENTER();
    double_now.fail_in = k;
}

pdm_double_count pdm_double_counts(void)
{
    ENTER();
    return double_now.count;
}

void pdm_double_seed(uint64_t seed)
{
    ENTER();
    double_now.random = seed;
}

void pdm_double_device(int n, int capability, size_t bytes)
{
    ENTER();
    double_now.n_device   = n;
    double_now.capability = capability;
    double_now.bytes      = bytes;
}

void pdm_double_only_device(int which)
{
    ENTER();
    double_now.only = which;
}
