/* Fourier neural operator on the control grid. The mathematics, the order of parameters and the operations are those of
 * the Fourier networks in backend/backend.h; here are settings, sizes, names and initial values. */
#include "surrogate/surrogate_impl.h"

#include <math.h>
#include <stdio.h>

typedef struct fno_settings {
    pdm_size width, layers, hidden;
    double   padding;
} fno_settings;

#define FNO_SETTINGS(X) /* name, type, default, low, high, unit, help */                               \
    X(width, PDM_SETTING_COUNT, 32, 1, 1024, "1", "channels of a Fourier layer")                       \
    X(layers, PDM_SETTING_COUNT, 4, 1, 64, "1", "Fourier layers")                                      \
    X(hidden, PDM_SETTING_COUNT, 64, 1, 4096, "1", "channels between the two linear maps of the head") \
    X(padding, PDM_SETTING_REAL, 0.25, 0, 4, "1",                                                      \
      "zeros put behind a dimension that is not periodic, as a share of its points")

#define SETTING(name_, type_, fallback_, low_, high_, unit_, help_) \
    {#name_, type_, offsetof(fno_settings, name_), fallback_, low_, high_, NULL, unit_, help_},
static const pdm_setting settings_table[] = {FNO_SETTINGS(SETTING)};
#undef SETTING

/* Modes kept in each dimension unless the case says otherwise, by the number of dimensions; never more than half of the
 * control points. */
static const pdm_size DEFAULT_MODES[PDM_MAX_DIM + 1] = {0, 16, 8, 5, 3};

static const double LIFT_DEVIATION = 0.7; /* features are of order one: so is what the lift makes of a few of them */

typedef struct fno {
    pdm_surrogate     base;
    pdm_fourier_desc  desc;
    pdm_fourier_plan *plan;
} fno;

static fno *fno_of(pdm_surrogate *s)
{
    return (fno *)s;
}

pdm_status pdm_fno_settings_view(pdm_text *out)
{
    pdm_status status = PDM_OK;

    PDM_TRY(pdm_settings_view("surrogate, kind = fno", settings_table, sizeof settings_table / sizeof *settings_table,
                              out));
    PDM_TRY(
        pdm_text_append(out,
                        "  modes: one number, or one for each dimension; 0 (the mean) to half of the padded points, "
                        "last dimension: one more of both;\n"
                        "         by default %lld, %lld, %lld, %lld in grids of 1 to 4 dimensions, but fewer than "
                        "half of the control points\n",
                        (long long)DEFAULT_MODES[1], (long long)DEFAULT_MODES[2], (long long)DEFAULT_MODES[3],
                        (long long)DEFAULT_MODES[4]));
done:
    return status;
}

/* ---- sizes ---- */

/* 0 modes: the mean alone, in dimensions that keep both signs otherwise. */
static pdm_size least_modes(const pdm_fourier_desc *d, pdm_size dim)
{
    return dim == d->n_dim - 1 ? 1 : 0;
}

static pdm_size most_modes(const pdm_fourier_desc *d, pdm_size dim)
{
    return d->n_padded[dim] / 2 + least_modes(d, dim);
}

/* Modes 0 .. m-1 in the last dimension, -m .. m-1 in others. */
static pdm_size kept_modes(const pdm_fourier_desc *d, pdm_size dim)
{
    if (dim == d->n_dim - 1) return d->n_mode[dim];
    return d->n_mode[dim] == 0 ? 1 : 2 * d->n_mode[dim];
}

/* Numbers of modes: one for all dimensions, or one for each. */
static pdm_status read_modes(pdm_context *ctx, pdm_case *c, pdm_fourier_desc *d)
{
    pdm_status status = PDM_OK;
    pdm_size   n      = 0;
    double     value[PDM_MAX_DIM];
    pdm_where  where;

    PDM_TRY(pdm_case_reals(c, "surrogate", "modes", false, 1, d->n_dim, value, &n));
    where = pdm_case_where(c, "surrogate", "modes");
    if (n != 0 && n != 1 && n != d->n_dim)
        PDM_FAIL_AT(ctx, PDM_ERR_CASE, &where, "%lld numbers; one for all %lld dimensions or one for each expected",
                    (long long)n, (long long)d->n_dim);
    for (pdm_size i = 0; i < d->n_dim; i++) {
        const pdm_size least = least_modes(d, i), most = most_modes(d, i), half = (d->n_grid[i] - 1) / 2;
        const pdm_size usual  = half < DEFAULT_MODES[d->n_dim] ? half : DEFAULT_MODES[d->n_dim];
        const double   wanted = n == 0 ? (double)(usual > least ? usual : least) : value[n == 1 ? 0 : i];
        if (!(wanted >= (double)least) || wanted > (double)most || wanted != floor(wanted))
            PDM_FAIL_AT(ctx, PDM_ERR_CASE, &where,
                        "%g modes in dimension %lld; a whole number from %lld to %lld expected, "
                        "as its %lld control points are padded to %lld",
                        wanted, (long long)i + 1, (long long)least, (long long)most, (long long)d->n_grid[i],
                        (long long)d->n_padded[i]);
        d->n_mode[i] = (pdm_size)wanted;
    }
done:
    return status;
}

pdm_status pdm_fno_settings_accept(pdm_case *c)
{
    pdm_status   status = PDM_OK;
    fno_settings settings;
    double       modes[PDM_MAX_DIM];
    pdm_size     n;

    PDM_TRY(
        pdm_case_settings(c, "surrogate", settings_table, sizeof settings_table / sizeof *settings_table, &settings));
    PDM_TRY(pdm_case_reals(c, "surrogate", "modes", false, 1, PDM_MAX_DIM, modes, &n));
done:
    return status;
}

static pdm_status read_desc(pdm_context *ctx, pdm_case *c, const pdm_surrogate_shape *shape, pdm_fourier_desc *d)
{
    pdm_status   status = PDM_OK;
    fno_settings settings;

    PDM_TRY(
        pdm_case_settings(c, "surrogate", settings_table, sizeof settings_table / sizeof *settings_table, &settings));
    *d = (pdm_fourier_desc){.n_dim     = shape->n_dim,
                            .n_feature = shape->n_feature,
                            .n_channel = shape->n_channel,
                            .width     = settings.width,
                            .n_layer   = settings.layers,
                            .n_hidden  = settings.hidden};
    for (pdm_size i = 0; i < d->n_dim; i++) {
        const double zeros = shape->periodic[i] ? 0.0 : floor(settings.padding * (double)shape->n_coef[i] + 0.5);
        d->n_grid[i]       = shape->n_coef[i];
        d->n_padded[i]     = shape->n_coef[i] + (pdm_size)zeros;
    }
    PDM_TRY(read_modes(ctx, c, d));
done:
    return status;
}

/* ---- parameters ---- */

/* Adds a tensor behind those before it; counts only while s->tensor is NULL. */
static void add_tensor(pdm_surrogate *s, pdm_tensor_kind kind, const char *prefix, const char *name, pdm_size n_axis,
                       const pdm_size *shape)
{
    pdm_size n = 1;

    for (pdm_size a = 0; a < n_axis; a++) n *= shape[a];
    if (s->tensor) {
        pdm_tensor_info *t = &s->tensor[s->n_tensor];
        t->kind            = kind;
        (void)snprintf(t->name, sizeof t->name, "%s.%s", prefix, name);
        t->offset = s->n_parameter;
        t->n      = n;
        t->n_axis = n_axis;
        for (pdm_size a = 0; a < n_axis; a++) t->shape[a] = shape[a];
    }
    s->n_tensor++;
    s->n_parameter += n;
}

static void add_linear(pdm_surrogate *s, const char *prefix, pdm_size n_in, pdm_size n_out)
{
    add_tensor(s, PDM_TENSOR_REAL, prefix, "weight", 2, (const pdm_size[]){n_in, n_out});
    add_tensor(s, PDM_TENSOR_REAL, prefix, "bias", 1, &n_out);
}

/* In the order that backend.h asks for.
 * layerL.spectral is [modes of each dimension][(real, imaginary) x width in][width out]. */
static void list_tensors(fno *f)
{
    pdm_surrogate    *s = &f->base;
    pdm_fourier_desc *d = &f->desc;
    pdm_size          spectral[PDM_MAX_DIM + 2];
    char              prefix[32];

    for (pdm_size i = 0; i < d->n_dim; i++) spectral[i] = kept_modes(d, i);
    spectral[d->n_dim]     = 2 * d->width;
    spectral[d->n_dim + 1] = d->width;
    s->n_tensor = s->n_parameter = d->offset_lift = 0;
    add_linear(s, "lift", d->n_feature, d->width);
    d->offset_layer = s->n_parameter;
    for (pdm_size l = 0; l < d->n_layer; l++) {
        (void)snprintf(prefix, sizeof prefix, "layer%lld", (long long)l);
        add_tensor(s, PDM_TENSOR_MODES, prefix, "spectral", d->n_dim + 2, spectral);
        add_linear(s, prefix, d->width, d->width);
        if (l == 0) d->layer_stride = s->n_parameter - d->offset_layer;
    }
    d->offset_head = s->n_parameter;
    add_linear(s, "head0", d->width, d->n_hidden);
    add_linear(s, "head1", d->n_hidden, d->n_channel);
}

/* Standard deviation of a tensor's initial values: 1/width for modes, 1/sqrt(inputs) for linear maps, 0 for biases. */
static double deviation_of(const fno *f, pdm_size tensor)
{
    const pdm_tensor_info *t = &f->base.tensor[tensor];

    if (t->n_axis == 1) return 0.0;
    if (tensor == 0) return LIFT_DEVIATION;
    return t->kind == PDM_TENSOR_MODES ? 1.0 / (double)f->desc.width : 1.0 / sqrt((double)t->shape[0]);
}

static pdm_status draw_parameters(fno *f, uint64_t seed)
{
    pdm_status   status  = PDM_OK;
    pdm_backend *backend = f->base.backend;
    void        *host    = NULL;

    PDM_TRY(backend->ops->acquire(backend, f->base.parameters, PDM_WRITE, &host));
    for (pdm_size t = 0; t < f->base.n_tensor; t++) {
        const pdm_random_key key       = {seed, PDM_RANDOM_WEIGHTS, (uint64_t)t};
        const double         deviation = deviation_of(f, t);
        float               *value     = (float *)host + f->base.tensor[t].offset;
        for (pdm_size i = 0; i < f->base.tensor[t].n; i++)
            value[i] = deviation > 0.0 ? (float)(deviation * pdm_random_normal(key, (uint64_t)i)) : 0.0f;
    }
    PDM_TRY(backend->ops->release(backend, f->base.parameters, &host));
done:
    return status;
}

/* ---- operations ---- */

static void fno_destroy(pdm_surrogate *s)
{
    fno         *f = fno_of(s);
    pdm_backend *b = s->backend;

    b->ops->fourier_destroy(b, &f->plan);
    b->ops->buffer_destroy(b, &s->parameters);
    b->ops->buffer_destroy(b, &s->g_parameters);
    pdm_free(s->ctx, s->tensor);
    pdm_free(s->ctx, f);
}

static pdm_status check_batch(const pdm_surrogate *s, pdm_batch batch)
{
    pdm_status status = PDM_OK;

    if (batch.n < 0 || batch.n > s->shape.n_sample)
        PDM_FAIL(s->ctx, PDM_ERR_ARGUMENT, "a batch of %lld samples; the surrogate was made for %lld",
                 (long long)batch.n, (long long)s->shape.n_sample);
    for (pdm_size i = 0; i < batch.n; i++)
        if (batch.index[i] < 0 || batch.index[i] >= s->shape.n_sample)
            PDM_FAIL(s->ctx, PDM_ERR_ARGUMENT, "sample %d in a batch; 0 to %lld expected", (int)batch.index[i],
                     (long long)s->shape.n_sample - 1);
done:
    return status;
}

static pdm_status fno_forward(pdm_surrogate *s, pdm_batch batch, pdm_buffer *features, pdm_buffer *basis, bool keep)
{
    pdm_status   status = PDM_OK;
    fno         *f      = fno_of(s);
    pdm_backend *b      = s->backend;

    PDM_TRY(check_batch(s, batch));
    PDM_TRY(b->ops->fourier_lift(b, f->plan, batch, s->parameters, features, keep));
    for (pdm_size l = 0; l < f->desc.n_layer; l++)
        PDM_TRY(b->ops->fourier_layer(b, f->plan, batch, l, s->parameters, keep));
    PDM_TRY(b->ops->fourier_head(b, f->plan, batch, s->parameters, basis, keep));
done:
    return status;
}

static pdm_status fno_backward(pdm_surrogate *s, pdm_batch batch, pdm_buffer *g_basis)
{
    pdm_status   status = PDM_OK;
    fno         *f      = fno_of(s);
    pdm_backend *b      = s->backend;

    PDM_TRY(check_batch(s, batch));
    PDM_TRY(b->ops->fourier_head_backward(b, f->plan, batch, s->parameters, g_basis, s->g_parameters));
    for (pdm_size l = f->desc.n_layer; l-- > 0;)
        PDM_TRY(b->ops->fourier_layer_backward(b, f->plan, batch, l, s->parameters, s->g_parameters));
    PDM_TRY(b->ops->fourier_lift_backward(b, f->plan, batch, s->g_parameters));
done:
    return status;
}

static pdm_status fno_view(pdm_surrogate *s, pdm_text *out)
{
    pdm_status              status = PDM_OK;
    const pdm_fourier_desc *d      = &fno_of(s)->desc;

    PDM_TRY(pdm_text_append(out,
                            "surrogate    fno: %lld features, %lld layers of width %lld, head %lld, %lld channels\n",
                            (long long)d->n_feature, (long long)d->n_layer, (long long)d->width, (long long)d->n_hidden,
                            (long long)d->n_channel));
    PDM_TRY(pdm_text_append(out, "grid         "));
    for (pdm_size i = 0; i < d->n_dim; i++)
        PDM_TRY(pdm_text_append(out, "%s%lld", i > 0 ? " x " : "", (long long)d->n_grid[i]));
    PDM_TRY(pdm_text_append(out, ", padded to "));
    for (pdm_size i = 0; i < d->n_dim; i++)
        PDM_TRY(pdm_text_append(out, "%s%lld", i > 0 ? " x " : "", (long long)d->n_padded[i]));
    PDM_TRY(pdm_text_append(out, "\nmodes        "));
    for (pdm_size i = 0; i < d->n_dim; i++)
        PDM_TRY(pdm_text_append(out, "%s%lld", i > 0 ? " x " : "", (long long)kept_modes(d, i)));
    PDM_TRY(pdm_text_append(out, "\nparameters   %lld in %lld tensors\n", (long long)s->n_parameter,
                            (long long)s->n_tensor));
done:
    return status;
}

static const pdm_surrogate_ops fno_ops = {
    .name     = "fno",
    .destroy  = fno_destroy,
    .forward  = fno_forward,
    .backward = fno_backward,
    .view     = fno_view,
};

pdm_status pdm_fno_create(pdm_context *ctx, pdm_backend *backend, pdm_case *c, const pdm_surrogate_shape *shape,
                          uint64_t seed, pdm_surrogate **out)
{
    pdm_status status = PDM_OK;
    fno       *f      = NULL;

    PDM_TRY(pdm_alloc(ctx, sizeof *f, &f));
    f->base = (pdm_surrogate){.ops = &fno_ops, .ctx = ctx, .backend = backend, .shape = *shape};
    PDM_TRY(read_desc(ctx, c, shape, &f->desc));
    list_tensors(f);
    PDM_TRY(pdm_alloc_array(ctx, f->base.n_tensor, &f->base.tensor));
    list_tensors(f);
    PDM_TRY(backend->ops->buffer_create(backend, (size_t)f->base.n_parameter * sizeof(float), &f->base.parameters));
    PDM_TRY(backend->ops->buffer_create(backend, (size_t)f->base.n_parameter * sizeof(float), &f->base.g_parameters));
    PDM_TRY(backend->ops->fourier_create(backend, &f->desc, shape->n_sample, &f->plan));
    PDM_TRY(draw_parameters(f, seed));
    *out = &f->base;
    f    = NULL;
done:
    if (f) fno_destroy(&f->base);
    return status;
}
