#include "surrogate/surrogate.h"

#include <stdio.h>

#include "surrogate/surrogate_impl.h"

typedef pdm_status (*surrogate_create)(pdm_context *ctx, pdm_backend *backend, pdm_case *c,
                                       const pdm_surrogate_shape *shape, uint64_t seed, pdm_surrogate **out);

enum { KIND_NONE = 1 };
#define KIND_CHOICES "fno|none"
static const surrogate_create KINDS[] = {pdm_fno_create, pdm_none_create}; /* in the order of KIND_CHOICES */

typedef struct surrogate_settings {
    int kind;
} surrogate_settings;

static const pdm_setting settings_table[] = {
    {"kind", PDM_SETTING_CHOICE, offsetof(surrogate_settings, kind), 0, 0, 1, KIND_CHOICES, "1",
     "network that proposes the basis functions"},
};

static pdm_status check_shape(pdm_context *ctx, const pdm_surrogate_shape *s)
{
    pdm_status status = PDM_OK;

    if (s->n_dim < 1 || s->n_dim > PDM_MAX_DIM)
        PDM_FAIL(ctx, PDM_ERR_ARGUMENT, "a surrogate on a grid of %lld dimensions; 1 to %d expected",
                 (long long)s->n_dim, PDM_MAX_DIM);
    for (pdm_size d = 0; d < s->n_dim; d++)
        if (s->n_coef[d] < 1)
            PDM_FAIL(ctx, PDM_ERR_ARGUMENT,
                     "a surrogate on a grid of %lld points in dimension %lld; 1 or more expected",
                     (long long)s->n_coef[d], (long long)d);
    if (s->n_feature < 1 || s->n_channel < 0 || s->n_sample < 1)
        PDM_FAIL(ctx, PDM_ERR_ARGUMENT,
                 "a surrogate with %lld features, %lld channels, %lld samples; 1 or more of each, or no channels, "
                 "expected",
                 (long long)s->n_feature, (long long)s->n_channel, (long long)s->n_sample);
done:
    return status;
}

pdm_status pdm_surrogate_settings_view(pdm_text *out)
{
    pdm_status status = PDM_OK;

    PDM_TRY(pdm_settings_view("surrogate", settings_table, sizeof settings_table / sizeof *settings_table, out));
    PDM_TRY(pdm_fno_settings_view(out));
done:
    return status;
}

pdm_status pdm_surrogate_create(pdm_context *ctx, pdm_backend *backend, pdm_case *c, const pdm_surrogate_shape *shape,
                                uint64_t seed, pdm_surrogate **out)
{
    pdm_status         status = PDM_OK;
    surrogate_settings settings;

    PDM_TRY(check_shape(ctx, shape));
    PDM_TRY(
        pdm_case_settings(c, "surrogate", settings_table, sizeof settings_table / sizeof *settings_table, &settings));
    if (shape->n_channel == 0) settings.kind = KIND_NONE;
    PDM_TRY(KINDS[settings.kind](ctx, backend, c, shape, seed, out));
done:
    return status;
}

void pdm_surrogate_destroy(pdm_surrogate **s)
{
    if (!s || !*s) return;
    (*s)->ops->destroy(*s);
    *s = NULL;
}

void pdm_tensor_modes(const pdm_tensor_info *t, pdm_size *n_mode, pdm_size *n_in, pdm_size *n_out)
{
    PDM_ASSERT(t->kind == PDM_TENSOR_MODES);
    *n_in   = t->shape[t->n_axis - 2] / 2;
    *n_out  = t->shape[t->n_axis - 1];
    *n_mode = t->n / (2 * *n_in * *n_out);
}

void pdm_tensor_shape_text(const pdm_tensor_info *t, const char *between, char text[PDM_SHAPE_TEXT])
{
    size_t used = 0;
    text[0]     = '\0';
    for (pdm_size k = 0; k < t->n_axis && used < PDM_SHAPE_TEXT; k++)
        used +=
            (size_t)snprintf(text + used, PDM_SHAPE_TEXT - used, "%s%lld", k ? between : "", (long long)t->shape[k]);
}
