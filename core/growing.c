#include "core/core.h"

#include <string.h>

void pdm_settings_fill(void *to, size_t size, const void *defaults, size_t own)
{
    if (!to || size < sizeof size) return;
    memset(to, 0, size);
    memcpy(to, defaults, size < own ? size : own);
    memcpy(to, &size, sizeof size);
}

pdm_status pdm_settings_take(pdm_context *ctx, const char *name, const void *given, void *out, size_t own)
{
    pdm_status status = PDM_OK;
    size_t     size   = own;

    if (!given) return PDM_OK;
    memcpy(&size, given, sizeof size);
    if (size < sizeof size || size > own)
        PDM_FAIL(ctx, PDM_ERR_ARGUMENT,
                 "%s has size %zu; set by its init function, at most %zu in this version, expected", name, size, own);
    memcpy(out, given, size);
    memcpy(out, &own, sizeof own);
done:
    return status;
}
