/* Back ends by name. */
#include "backend/backend.h"

#include <stdatomic.h>

#include "backend/check/check.h"
#include "backend/cpu/cpu_impl.h"
#include "backend/fallback/fallback.h"
#include "backend/plugin/plugin.h"

typedef struct backend_kind {
    const char *name;
    pdm_status (*create)(pdm_context *ctx, pdm_backend **out);
} backend_kind;

static pdm_status create_cuda(pdm_context *ctx, pdm_backend **out)
{
    return pdm_plugin_create(ctx, "cuda", out);
}

/* The GPU, or the CPU where there is none, and the log says why, once a process. */
static pdm_status create_auto(pdm_context *ctx, pdm_backend **out)
{
    static atomic_flag said   = ATOMIC_FLAG_INIT;
    const pdm_status   status = create_cuda(ctx, out);

    if (status != PDM_ERR_UNSUPPORTED) return status;
    if (!atomic_flag_test_and_set(&said))
        pdm_log(ctx, PDM_LOG_INFO, "backend", "on the CPU; %s", pdm_context_error(ctx));
    return pdm_cpu_create(ctx, out);
}

static const backend_kind BACKENDS[] = {{"cpu", pdm_cpu_create},
                                        {"cuda", create_cuda},
                                        {"auto", create_auto},
                                        {"check", pdm_check_create},
                                        {"bare", pdm_bare_create}};

pdm_status pdm_backend_create(pdm_context *ctx, const char *name, pdm_backend **out)
{
    pdm_status   status = PDM_OK;
    pdm_backend *b      = NULL;
    const char  *names[sizeof BACKENDS / sizeof *BACKENDS];
    const int    n = (int)(sizeof BACKENDS / sizeof *BACKENDS);

    for (int i = 0; i < n; i++) {
        if (pdm_text_equal(BACKENDS[i].name, name)) {
            PDM_TRY(BACKENDS[i].create(ctx, &b));
            PDM_TRY(pdm_fallback_complete(b));
            *out = b;
            b    = NULL;
            goto done;
        }
        names[i] = BACKENDS[i].name;
    }
    const char *nearest = name ? pdm_text_nearest(name, names, n) : NULL;
    PDM_FAIL(ctx, PDM_ERR_UNSUPPORTED, "there is no back end \"%s\"; %s%s%scpu, cuda, auto and check are known",
             name ? name : "", nearest ? "did you mean \"" : "", nearest ? nearest : "", nearest ? "\"? " : "");
done:
    if (b && b->ops->destroy) b->ops->destroy(b);
    return status;
}

void pdm_backend_destroy(pdm_backend **b)
{
    if (!b || !*b) return;
    (*b)->ops->destroy(*b);
    *b = NULL;
}

pdm_status pdm_backend_view(pdm_backend *b, pdm_text *out)
{
    return b->ops->view(b, out);
}

pdm_status pdm_backend_memory(pdm_backend *b, pdm_memory *out)
{
    pdm_size live = 0;

    if (b->ops->memory) return b->ops->memory(b, out);
    pdm_context_memory(b->ctx, &live, NULL, NULL);
    *out = (pdm_memory){.held = (double)live, .available = (double)pdm_memory_available(b->ctx), .is_host = true};
    return PDM_OK;
}
