/* Small vectors of weights that are learned on the host. */
#include "core/core.h"

#include <math.h>

static const double BETA1 = 0.9, BETA2 = 0.999, EPSILON = 1e-8;

pdm_status pdm_weights_create(pdm_context *ctx, pdm_size n, pdm_weights *out)
{
    pdm_status  status = PDM_OK;
    pdm_weights w      = {.n = n};

    PDM_TRY(pdm_alloc_array(ctx, n, &w.parameter));
    PDM_TRY(pdm_alloc_array(ctx, n, &w.gradient));
    PDM_TRY(pdm_alloc_array(ctx, n, &w.m));
    PDM_TRY(pdm_alloc_array(ctx, n, &w.v));
    *out = w;
    w    = (pdm_weights){0};
done:
    pdm_weights_destroy(ctx, &w);
    return status;
}

void pdm_weights_destroy(pdm_context *ctx, pdm_weights *w)
{
    pdm_free(ctx, w->parameter);
    pdm_free(ctx, w->gradient);
    pdm_free(ctx, w->m);
    pdm_free(ctx, w->v);
    *w = (pdm_weights){0};
}

bool pdm_weights_update(const pdm_weights *w, pdm_size step, double rate)
{
    const double rest1 = 1.0 - pow(BETA1, (double)step), rest2 = 1.0 - pow(BETA2, (double)step);
    bool         finite = true;

    for (pdm_size i = 0; i < w->n; i++) finite = finite && isfinite(w->gradient[i]);
    for (pdm_size i = 0; i < w->n; i++) {
        const double d = w->gradient[i];
        w->gradient[i] = 0.0;
        if (!finite) continue;
        w->m[i] = BETA1 * w->m[i] + (1.0 - BETA1) * d;
        w->v[i] = BETA2 * w->v[i] + (1.0 - BETA2) * d * d;
        w->parameter[i] -= rate * (w->m[i] / rest1) / (sqrt(w->v[i] / rest2) + EPSILON);
    }
    return finite;
}
