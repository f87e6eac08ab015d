/* No network: basis functions that are zero, so that columns are the prior's alone. */
#include "surrogate/surrogate_impl.h"

#include <string.h>

static void none_destroy(pdm_surrogate *s)
{
    s->backend->ops->buffer_destroy(s->backend, &s->parameters);
    s->backend->ops->buffer_destroy(s->backend, &s->g_parameters);
    pdm_free(s->ctx, s);
}

static pdm_status none_forward(pdm_surrogate *s, pdm_batch batch, pdm_buffer *features, pdm_buffer *basis, bool keep)
{
    pdm_status status = PDM_OK;
    pdm_size   size   = s->shape.n_channel;
    void      *host   = NULL;
    (void)features;
    (void)keep;

    for (pdm_size j = 0; j < s->shape.n_dim; j++) size *= s->shape.n_coef[j];
    if (size == 0) return PDM_OK;
    PDM_TRY(s->backend->ops->acquire(s->backend, basis, PDM_READ_WRITE, &host));
    for (pdm_size i = 0; i < batch.n; i++)
        memset((float *)host + batch.index[i] * size, 0, (size_t)size * sizeof(float));
done:
    status = pdm_release(s->backend, status, basis, &host);
    return status;
}

static pdm_status none_backward(pdm_surrogate *s, pdm_batch batch, pdm_buffer *g_basis)
{
    (void)s;
    (void)batch;
    (void)g_basis;
    return PDM_OK;
}

static pdm_status none_view(pdm_surrogate *s, pdm_text *out)
{
    (void)s;
    return pdm_text_append(out, "surrogate    none\n");
}

static const pdm_surrogate_ops none_ops = {
    .name     = "none",
    .destroy  = none_destroy,
    .forward  = none_forward,
    .backward = none_backward,
    .view     = none_view,
};

pdm_status pdm_none_create(pdm_context *ctx, pdm_backend *backend, pdm_case *c, const pdm_surrogate_shape *shape,
                           uint64_t seed, pdm_surrogate **out)
{
    pdm_status     status = PDM_OK;
    pdm_surrogate *s      = NULL;
    (void)seed;

    PDM_TRY(pdm_fno_settings_accept(c));
    PDM_TRY(pdm_alloc(ctx, sizeof *s, &s));
    *s = (pdm_surrogate){.ops = &none_ops, .ctx = ctx, .backend = backend, .shape = *shape};
    PDM_TRY(backend->ops->buffer_create(backend, 0, &s->parameters));
    PDM_TRY(backend->ops->buffer_create(backend, 0, &s->g_parameters));
    *out = s;
    s    = NULL;
done:
    if (s) none_destroy(s);
    return status;
}
