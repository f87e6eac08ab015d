/* Back ends in shared objects of their own, pdemoe_NAME.so, opened when they are asked for: what they stand on need not
 * be there for everything else to run. */
#ifndef PDM_PLUGIN_H
#define PDM_PLUGIN_H

#include "backend/backend.h"

/* What such an object exports, as pdm_backend_plugin. It has a copy of core/ of its own: both sides have to be of one
 * build. */
typedef struct pdm_plugin {
    int ops_version;            /* PDM_BACKEND_OPS_VERSION */
    const char *(*build)(void); /* pdm_build_info */
    pdm_status (*create)(pdm_context *ctx, pdm_backend **out);
} pdm_plugin;

/* Opens pdemoe_NAME.so (pdm_object_open) and makes its back end. Fails with PDM_ERR_UNSUPPORTED, in one line that says
 * which is missing: the object, what it stands on, one of this build, or what the back end says itself. */
pdm_status pdm_plugin_create(pdm_context *ctx, const char *name, pdm_backend **out);

#endif
