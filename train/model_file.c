/* A model in a file: what is kept of it, to and from a store. */
#include "train/train.h"

#include <math.h>
#include <stdio.h>

#include "train/train_impl.h"

pdm_status store_values(pdm_store *s, bool writing, const char *group, const char *name, pdm_store_type type,
                        pdm_size n, void *values)
{
    return writing ? pdm_store_put(s, group, name, type, n, values, NULL)
                   : pdm_store_get(s, group, name, type, n, values);
}

/* Floats of a buffer to or from a store. */
static pdm_status store_buffer(pdm_model *m, pdm_store *s, const char *name, pdm_buffer *buffer, pdm_size n,
                               bool writing)
{
    pdm_status status = PDM_OK;
    void      *host   = NULL;
    PDM_TRY(m->backend->ops->acquire(m->backend, buffer, writing ? PDM_READ : PDM_WRITE, &host));
    PDM_TRY(store_values(s, writing, "optimiser", name, PDM_STORE_FLOAT, n, host));
done:
    if (host) (void)m->backend->ops->release(m->backend, buffer, &host);
    return status;
}

static pdm_status store_weights(pdm_model *m, pdm_store *s, const packed_weights *packed, bool writing)
{
    pdm_status     status = PDM_OK;
    void          *host   = NULL;
    pdm_surrogate *net    = m->surrogate;
    PDM_TRY(m->backend->ops->acquire(m->backend, net->parameters, writing ? PDM_READ : PDM_WRITE, &host));
    PDM_TRY(writing ? packed_put(net, s, packed, host) : packed_get(net, s, host));
done:
    if (host) (void)m->backend->ops->release(m->backend, net->parameters, &host);
    return status;
}

/* Breaks that were found for grading = "auto" are written; those of a file replace the model's domain. */
static pdm_status store_grading(pdm_model **m, pdm_store *s, bool writing)
{
    pdm_status     status = PDM_OK;
    pdm_context   *ctx    = (*m)->ctx;
    pdm_grading    found  = {{NULL}};
    const pdm_size n_dim  = pdm_domain_n_dim((*m)->domain);

    for (pdm_size j = 0; j < n_dim; j++) {
        const pdm_spline *spline = pdm_domain_spline((*m)->domain, j);
        const char       *name   = pdm_pde_dim_name((*m)->pde, j);
        const pdm_size    n      = spline->n_element - 1;
        if (!pdm_domain_wants_grading((*m)->domain, j) || n == 0) continue;
        if (writing) {
            PDM_TRY(pdm_store_put(s, "grading", name, PDM_STORE_DOUBLE, n, spline->breaks + 1, NULL));
        } else {
            PDM_TRY(pdm_alloc_array(ctx, n, &found.interior[j]));
            PDM_TRY(pdm_store_get(s, "grading", name, PDM_STORE_DOUBLE, n, found.interior[j]));
        }
    }
    if (!writing) PDM_TRY(model_regrade(m, &found));
done:
    grading_destroy(ctx, &found);
    return status;
}

/* Scales of row blocks and fields are found once, at creation, and kept: they define the objective. */
static pdm_status store_scales(pdm_model *m, pdm_store *s, bool writing)
{
    pdm_status     status  = PDM_OK;
    const pdm_size n_block = pdm_domain_n_block(m->domain);
    double        *scale   = NULL;

    PDM_TRY(pdm_alloc_array(m->ctx, n_block, &scale));
    for (pdm_size i = 0; i < n_block; i++) scale[i] = pdm_domain_scale(m->domain, i);
    PDM_TRY(store_values(s, writing, "scales", "rows", PDM_STORE_DOUBLE, n_block, scale));
    for (pdm_size i = 0; i < n_block; i++) pdm_domain_set_scale(m->domain, i, scale[i]);
    const pdm_size n_field = pdm_domain_n_field(m->domain);
    PDM_TRY(store_values(s, writing, "scales", "fields", PDM_STORE_DOUBLE, n_field, m->magnitude));
    const pdm_size n_input = pdm_pde_n_input(m->pde);
    if (n_input == 0) goto done;
    PDM_TRY(store_values(s, writing, "scales", "input_shift", PDM_STORE_DOUBLE, n_input, m->input_shift));
    PDM_TRY(store_values(s, writing, "scales", "input_scale", PDM_STORE_DOUBLE, n_input, m->input_scale));
done:
    pdm_free(m->ctx, scale);
    return status;
}

/* Where the samples of the batch are on their way through the slabs. */
static pdm_status store_carried(pdm_model *m, pdm_store *s, bool writing)
{
    pdm_status     status = PDM_OK;
    const pdm_size n      = m->n_batch * pdm_domain_n_input(m->domain);
    PDM_TRY(store_values(s, writing, "optimiser", "slab", PDM_STORE_INT64, m->n_batch, m->slab));
    PDM_TRY(store_values(s, writing, "optimiser", "carried", PDM_STORE_DOUBLE, n, m->carried));
done:
    return status;
}

/* Of a file that does not have it, it is not known. */
static pdm_status store_first_loss(pdm_model *m, pdm_store *s, bool writing)
{
    pdm_status status = PDM_OK;
    pdm_size   n      = 1;

    if (!writing) PDM_TRY(pdm_store_length(s, "optimiser", "first_loss", &n));
    if (n < 0) m->first_loss = NAN;
    if (n < 0) goto done;
    PDM_TRY(store_values(s, writing, "optimiser", "first_loss", PDM_STORE_DOUBLE, 1, &m->first_loss));
done:
    return status;
}

/* Files of models that training goes on from afresh (merged, compressed, ...) have no moments. */
static pdm_status store_moments(pdm_model *m, pdm_store *s, bool writing)
{
    pdm_status     status = PDM_OK;
    const pdm_size n      = m->surrogate->n_parameter;
    pdm_size       length = 0, since = 0;
    int64_t        stored = m->moments_since;

    if (!writing) {
        PDM_TRY(pdm_store_length(s, "optimiser", "adam_m", &length));
        PDM_TRY(pdm_store_length(s, "optimiser", "moments_since", &since));
        m->moments_empty = length < 0;
        m->moments_since = m->moments_empty ? m->step : 0;
    }
    if (m->moments_empty) goto done;
    if (writing ? m->moments_since > 0 : since >= 0)
        PDM_TRY(store_values(s, writing, "optimiser", "moments_since", PDM_STORE_INT64, 1, &stored));
    if (since >= 0) m->moments_since = stored;
    PDM_TRY(store_buffer(m, s, "adam_m", m->adam_m, n, writing));
    PDM_TRY(store_buffer(m, s, "adam_v", m->adam_v, n, writing));
done:
    return status;
}

static pdm_status store_progress(pdm_model *m, pdm_store *s, bool writing)
{
    pdm_status status = PDM_OK;
    int64_t    step   = m->step;
    PDM_TRY(store_values(s, writing, "optimiser", "step", PDM_STORE_INT64, 1, &step));
    PDM_TRY(store_values(s, writing, "optimiser", "norm_mean", PDM_STORE_DOUBLE, 1, &m->norm_mean));
    if (m->training.slabs > 1) PDM_TRY(store_carried(m, s, writing));
    PDM_TRY(store_first_loss(m, s, writing));
    m->step = step;
    PDM_TRY(store_moments(m, s, writing));
    PDM_TRY(gating_store(m, s, writing)); /* its moments are there when the network's are */
    PDM_TRY(partition_store(m, s, writing));
done:
    return status;
}

/* Of a file that does not have it: none. */
static pdm_status store_history(pdm_model *m, pdm_store *s, bool writing)
{
    pdm_status status = PDM_OK;
    pdm_size   n      = 0;

    if (writing) return m->history ? pdm_store_put_text(s, "provenance", "history", m->history) : PDM_OK;
    PDM_TRY(pdm_store_length(s, "provenance", "history", &n));
    if (n >= 0) PDM_TRY(pdm_store_get_text(s, "provenance", "history", &m->history));
done:
    return status;
}

pdm_status pdm_model_write(pdm_model *m, const char *path)
{
    return model_write(m, path, NULL);
}

pdm_status model_write(pdm_model *m, const char *path, const packed_weights *packed)
{
    pdm_status status = PDM_OK;
    pdm_store *s      = NULL;
    char       steps[32];

    if (!m || !path) return PDM_ERR_ARGUMENT;
    const bool spare = packed || m->moments_empty || m->moments_since > 0;
    PDM_TRY(pdm_store_create(m->ctx, path, "model", spare ? PDM_MODEL_FORMAT_SPARE : PDM_MODEL_FORMAT_PLAIN, &s));
    snprintf(steps, sizeof steps, "%lld", (long long)m->training.steps);
    PDM_TRY(pdm_case_set_text(m->the_case, "training", "steps", steps));
    PDM_TRY(pdm_store_put_case(s, m->the_case));
    PDM_TRY(pdm_store_put_text(s, "provenance", "case_file", m->case_file));
    PDM_TRY(pdm_store_put_text(s, "provenance", "build", pdm_build_info()));
    PDM_TRY(store_history(m, s, true));
    PDM_TRY(store_grading(&m, s, true));
    PDM_TRY(boxes_store(m, s, true));
    PDM_TRY(store_scales(m, s, true));
    PDM_TRY(store_weights(m, s, packed, true));
    PDM_TRY(store_progress(m, s, true));
    PDM_TRY(pdm_store_commit(s));
done:
    pdm_store_destroy(&s);
    return status;
}

pdm_status pdm_model_read(pdm_context *ctx, const char *path, pdm_model **out)
{
    pdm_status status = PDM_OK;
    pdm_store *s      = NULL;
    pdm_case  *c      = NULL;
    pdm_model *m      = NULL;

    if (!ctx || !path || !out) return PDM_ERR_ARGUMENT;
    PDM_TRY(pdm_store_open(ctx, path, "model", PDM_MODEL_FORMAT_SPARE, &s));
    if (pdm_store_format(s) < PDM_MODEL_FORMAT_PLAIN)
        PDM_FAIL(ctx, PDM_ERR_MODEL,
                 "%s: a model of format %d, whose weights mean something else in format %d; train anew", path,
                 pdm_store_format(s), PDM_MODEL_FORMAT_PLAIN);
    PDM_TRY(pdm_store_get_case(s, &c));
    PDM_TRY(model_start(c, NULL, &m));
    PDM_TRY(store_grading(&m, s, false));
    PDM_TRY(boxes_store(m, s, false));
    PDM_TRY(pdm_store_get_text(s, "provenance", "case_file", &m->case_file));
    PDM_TRY(store_scales(m, s, false));
    PDM_TRY(model_network(m));
    PDM_TRY(store_weights(m, s, NULL, false));
    PDM_TRY(store_progress(m, s, false));
    PDM_TRY(store_history(m, s, false));
    PDM_TRY(pdm_alloc_text(ctx, path, &m->file));
    pdm_store_hash(s, m->file_hash);
    *out = m;
    m    = NULL;
done:
    pdm_model_destroy(&m);
    pdm_case_destroy(&c);
    pdm_store_destroy(&s);
    return status;
}
