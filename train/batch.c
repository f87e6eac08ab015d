/* From inputs to what the stages read: lift, data at points, features. */
#include "train/train.h"

#include <math.h>
#include <string.h>

#include "train/train_impl.h"

pdm_batch batch_of(pdm_model *m, pdm_size n)
{
    return (pdm_batch){.n = n, .index = m->index};
}

pdm_status batch_prepare(pdm_model *m, pdm_size n, const double *input)
{
    pdm_status           status = PDM_OK;
    pdm_backend         *b      = m->backend;
    const pdm_rows_desc *rows   = pdm_domain_rows(m->domain);
    const pdm_size       n_coef = pdm_domain_n_coef(m->domain), c_size = n_coef * rows->n_field,
                   n_input   = pdm_domain_n_input(m->domain);
    const pdm_size base_size = pdm_experts_columns(m->experts)->n_channel * n_coef;
    void          *scalar = NULL, *sampled = NULL, *lift = NULL, *features = NULL, *base = NULL;

    PDM_TRY(b->ops->acquire(b, m->data.scalar, PDM_WRITE, &scalar));
    PDM_TRY(b->ops->acquire(b, m->data.sampled, PDM_WRITE, &sampled));
    PDM_TRY(b->ops->acquire(b, m->lift, PDM_WRITE, &lift));
    PDM_TRY(b->ops->acquire(b, m->features, PDM_WRITE, &features));
    if (m->base) PDM_TRY(b->ops->acquire(b, m->base, PDM_WRITE, &base));
    m->report = (pdm_lift_report){0};
    for (pdm_size i = 0; i < n; i++) {
        pdm_lift_report report;
        double         *own_lift = (double *)lift + i * c_size;
        for (pdm_size k = 0; k < n_input; k++)
            if (!isfinite(input[i * n_input + k]))
                PDM_FAIL(m->ctx, PDM_ERR_DATA, "input number %lld of sample %lld is %g; a finite number expected",
                         (long long)k, (long long)i, input[i * n_input + k]);
        PDM_TRY(pdm_domain_prepare(m->domain, input + i * n_input, (double *)scalar + i * rows->n_scalar,
                                   (double *)sampled + i * rows->n_sampled, own_lift, m->work, &report));
        if (report.relative > m->report.relative) m->report = report;
        pdm_domain_features(m->domain, input + i * n_input, own_lift, m->magnitude, m->input_shift, m->input_scale,
                            (float *)features + i * pdm_domain_n_feature(m->domain) * n_coef);
        gating_pool(m, i, (float *)features + i * pdm_domain_n_feature(m->domain) * n_coef);
        if (base) PDM_TRY(pdm_experts_base(m->experts, input + i * n_input, own_lift, (float *)base + i * base_size));
    }
done:
    if (scalar) (void)b->ops->release(b, m->data.scalar, &scalar);
    if (sampled) (void)b->ops->release(b, m->data.sampled, &sampled);
    if (lift) (void)b->ops->release(b, m->lift, &lift);
    if (features) (void)b->ops->release(b, m->features, &features);
    if (base) (void)b->ops->release(b, m->base, &base);
    return status;
}

pdm_status batch_basis(pdm_model *m, pdm_batch batch, bool keep)
{
    pdm_status     status = PDM_OK;
    const pdm_size size   = m->n_batch * pdm_experts_columns(m->experts)->n_channel * pdm_domain_n_coef(m->domain);

    PDM_TRY(m->surrogate->ops->forward(m->surrogate, batch, m->features, m->basis, keep));
    if (m->base) PDM_TRY(m->backend->ops->combine_f32(m->backend, size, 1.0, m->base, 1.0, m->basis));
done:
    return status;
}

pdm_status batch_draw(pdm_model *m, pdm_size step)
{
    const pdm_random_key draw    = {(uint64_t)m->training.seed, PDM_RANDOM_INPUT, (uint64_t)step};
    const pdm_random_key pick    = {(uint64_t)m->training.seed, PDM_RANDOM_BATCH, (uint64_t)step};
    const pdm_size       n_input = pdm_domain_n_input(m->domain);
    pdm_status           status  = PDM_OK;

    PDM_TRY(sources_read(m)); /* a model read from a file has not needed them before */
    for (pdm_size i = 0; i < m->n_batch; i++) {
        double *input = m->input + i * n_input;
        if (m->given.n_sample > 0) {
            m->pick[i] = (int32_t)sources_pick(m, pick, i);
            for (pdm_size j = 0; j < n_input; j++) input[j] = m->given.input[m->pick[i] * n_input + j];
        } else {
            sources_draw(m, draw, pick, i, input);
        }
        if (m->slab[i] > 0) memcpy(input, m->carried + i * n_input, (size_t)n_input * sizeof *input);
    }
    PDM_TRY(batch_prepare(m, m->n_batch, m->input));
done:
    return status;
}
