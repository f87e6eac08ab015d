#define _GNU_SOURCE /* dladdr */

#include "core/core.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The file that this code is in: the library, or a program that it is linked into, whose name is as it was called. */
static bool find_self(char path[PATH_MAX])
{
    static const char here = 0;
    Dl_info           info;

    if (dladdr(&here, &info) && info.dli_fname && info.dli_fname[0] == '/' && realpath(info.dli_fname, path))
        return true;
    return realpath("/proc/self/exe", path) != NULL;
}

static bool is_there(char *path, size_t size, const char *folder, const char *below, const char *name)
{
    const int n = snprintf(path, size, "%s%s/pdemoe_%s.so", folder, below, name);
    return n > 0 && (size_t)n < size && access(path, R_OK) == 0;
}

static bool find_object(const char *name, const char *said, char *path, size_t size)
{
    static const char *const BELOW[] = {"/pdemoe", "/lib/pdemoe", "/../lib/pdemoe", "/../" PDM_LIBDIR "/pdemoe"};
    char                     self[PATH_MAX];

    if (said) return is_there(path, size, said, "", name);
    if (!find_self(self)) return false;
    *strrchr(self, '/') = '\0';
    for (size_t i = 0; i < sizeof BELOW / sizeof *BELOW; i++)
        if (is_there(path, size, self, BELOW[i], name)) return true;
    return is_there(path, size, PDM_INSTALLED, "", name);
}

pdm_status pdm_object_open(pdm_context *ctx, const char *what, const char *name, pdm_object_scope scope,
                           const char *symbol, const void **out)
{
    pdm_status  status = PDM_OK;
    const char *said   = getenv("PDEMOE_BACKENDS");
    char        path[PATH_MAX + 64];

    if (said && !*said) said = NULL;
    if (!find_object(name, said, path, sizeof path))
        PDM_FAIL(ctx, PDM_ERR_UNSUPPORTED,
                 "%s: there is no pdemoe_%s.so %s%s (it is built where what it stands on is found)", what, name,
                 said ? "in " : "beside the library; PDEMOE_BACKENDS may name its folder", said ? said : "");
    void *object = dlopen(path, RTLD_NOW | (scope == PDM_OBJECT_SHARED ? RTLD_GLOBAL : RTLD_LOCAL));
    if (!object) PDM_FAIL(ctx, PDM_ERR_UNSUPPORTED, "%s: what it stands on is missing: %s", what, dlerror());
    *out = dlsym(object, symbol);
done:
    return status;
}
