#define _GNU_SOURCE /* RTLD_NOLOAD */

#include "tests/double/reach.h"

#include <dlfcn.h>
#include <string.h>

#include "backend/backend.h"

bool double_find(const char *name, void *function)
{
    void *library = dlopen("libcuda_double.so", RTLD_NOW | RTLD_NOLOAD);
    void *found   = library ? dlsym(library, name) : NULL;

    if (library) dlclose(library);
    memcpy(function, &found, sizeof found);
    return found != NULL;
}

static void open_back_end(void)
{
    pdm_context *ctx = NULL;
    pdm_backend *b   = NULL;

    if (pdm_context_create(NULL, &ctx) == PDM_OK && pdm_backend_create(ctx, "cuda", &b) == PDM_OK)
        pdm_backend_destroy(&b);
    (void)pdm_context_destroy(&ctx);
}

bool double_is_here(void)
{
    void *any;

    if (double_find("pdm_double_counts", &any)) return true;
    open_back_end();
    return double_find("pdm_double_counts", &any);
}

pdm_double_count double_counts(void)
{
    pdm_double_count (*counts)(void);
    return double_find("pdm_double_counts", &counts) ? counts() : (pdm_double_count){0};
}

void double_fail_at(int64_t k)
{
    void (*fail_at)(int64_t);
    if (double_find("pdm_double_fail_at", &fail_at)) fail_at(k);
}

void double_seed(uint64_t seed)
{
    void (*set)(uint64_t);
    if (double_find("pdm_double_seed", &set)) set(seed);
}

void double_devices(int n, int only)
{
    void (*device)(int, int, size_t);
    void (*only_device)(int);
    if (!double_find("pdm_double_device", &device) || !double_find("pdm_double_only_device", &only_device)) return;
    device(n, 90, (size_t)64 << 30);
    only_device(only);
}

int double_current(void)
{
    int which = -1, (*get)(int *);
    return double_find("cudaGetDevice", &get) && get(&which) == 0 ? which : -1;
}

void double_make_current(int which)
{
    int (*set)(int);
    if (double_find("cudaSetDevice", &set)) (void)set(which);
}
