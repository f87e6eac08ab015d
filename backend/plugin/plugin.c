#include "backend/plugin/plugin.h"

#include <stdio.h>
#include <string.h>

pdm_status pdm_plugin_create(pdm_context *ctx, const char *name, pdm_backend **out)
{
    pdm_status  status = PDM_OK;
    const void *found  = NULL;
    char        what[64];

    (void)snprintf(what, sizeof what, "back end \"%s\"", name);
    PDM_TRY(pdm_object_open(ctx, what, name, PDM_OBJECT_ALONE, "pdm_backend_plugin", &found));
    const pdm_plugin *plugin = found;
    if (!plugin || plugin->ops_version != PDM_BACKEND_OPS_VERSION || strcmp(plugin->build(), pdm_build_info()) != 0)
        PDM_FAIL(ctx, PDM_ERR_UNSUPPORTED, "%s: pdemoe_%s.so is of another build than this library, %s", what, name,
                 pdm_version());
    PDM_TRY(plugin->create(ctx, out));
done:
    return status;
}
