/* From inputs to coefficients, for a batch: what the stages read, the network, the solve. */
#include "model/model.h"

#include <string.h>

#include "model/model_impl.h"

pdm_batch pdm_model_batch(const pdm_model *m, pdm_size n)
{
    return pdm_samples_batch(m->samples, n);
}

pdm_status pdm_model_prepare_network(pdm_model *m, pdm_size n, const double *input)
{
    pdm_status         status = PDM_OK;
    const pdm_problem *p      = m->problem;
    pdm_backend       *b      = p->backend;
    const pdm_size     n_coef = pdm_domain_n_coef(p->domain), c_size = n_coef * pdm_domain_n_field(p->domain),
                   n_input   = pdm_domain_n_input(p->domain);
    const double *shift      = m->march ? m->march->shift : p->inputs->shift,
                 *scale      = m->march ? m->march->scale : p->inputs->scale;
    const pdm_size features  = pdm_domain_n_feature(p->domain) * n_coef,
                   base_size = pdm_experts_columns(m->experts)->n_channel * n_coef;
    void *lift = NULL, *feature = NULL, *base = NULL;

    if (base_size == 0 && !m->gate) return PDM_OK; /* nobody reads them */
    PDM_TRY(b->ops->acquire(b, m->samples->lift, PDM_READ, &lift));
    PDM_TRY(b->ops->acquire(b, m->features, PDM_WRITE, &feature));
    if (m->base) PDM_TRY(b->ops->acquire(b, m->base, PDM_WRITE, &base));
    for (pdm_size i = 0; i < n; i++) {
        const double *own_input = input + i * n_input, *own_lift = (const double *)lift + i * c_size;
        float        *own = (float *)feature + i * features;
        pdm_domain_features(p->domain, own_input, own_lift, p->magnitude, shift, scale, own);
        if (m->gate) pdm_gate_pool(m->gate, i, own);
        if (base) PDM_TRY(pdm_experts_base(m->experts, own_input, own_lift, (float *)base + i * base_size));
    }
done:
    status = pdm_release(b, status, m->samples->lift, &lift);
    status = pdm_release(b, status, m->features, &feature);
    status = pdm_release(b, status, m->base, &base);
    return status;
}

pdm_status pdm_model_prepare(pdm_model *m, pdm_size n, const double *input)
{
    pdm_status status = PDM_OK;
    PDM_TRY(pdm_samples_prepare(m->samples, n, input));
    PDM_TRY(pdm_model_prepare_network(m, n, input));
done:
    return status;
}

pdm_status pdm_model_basis(pdm_model *m, pdm_batch batch, bool keep)
{
    pdm_status     status = PDM_OK;
    const pdm_size size =
        m->n_batch * pdm_experts_columns(m->experts)->n_channel * pdm_domain_n_coef(m->problem->domain);

    if (size == 0) return PDM_OK;
    PDM_TRY(m->surrogate->ops->forward(m->surrogate, batch, m->features, m->basis, keep));
    if (m->base) PDM_TRY(m->problem->backend->ops->combine_f32(m->problem->backend, size, 1.0, m->base, 1.0, m->basis));
done:
    return status;
}

pdm_status pdm_model_solve(pdm_model *m, pdm_batch batch)
{
    return pdm_solver_solve(m->solver, batch, &m->samples->data, m->basis, m->samples->lift, PDM_START_ZERO);
}

pdm_status pdm_model_polish(pdm_model *m, pdm_batch batch, double tolerance)
{
    pdm_status       status = PDM_OK;
    const bool       known  = m->state.step > 0;
    pdm_free_solver *free   = NULL;

    PDM_TRY(pdm_model_free_solver(m, &free));
    pdm_solver_set_limits(free->solver, tolerance, PDM_POLISH_ITERATIONS);
    if (known) PDM_TRY(pdm_free_solver_start(free, m->samples, batch, pdm_solver_lend(m->solver)->c));
    PDM_TRY(pdm_free_solver_solve(free, m->samples, batch, known ? PDM_START_PRESENT : PDM_START_ZERO));
done:
    return status;
}
