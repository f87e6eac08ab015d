/* The gate beside the solver: its choices go there, derivatives and the worth of columns come back.
 * docs/mathematics.md, "Gate". */
#include "model/model.h"

pdm_status pdm_model_create_gate(pdm_model *m)
{
    pdm_status         status = PDM_OK;
    const pdm_problem *p      = m->problem;
    pdm_backend       *b      = p->backend;
    const size_t       bytes  = (size_t)(m->n_batch * pdm_experts_n_column(m->experts)) * sizeof(double);

    m->load = (pdm_routing_load){.unknowns = 1.0};
    PDM_TRY(pdm_gate_create(m->ctx, m->whole->the_case, p->domain, m->experts, m->n_batch,
                            (uint64_t)m->whole->training.seed, &m->gate));
    if (!m->gate) goto done;
    PDM_TRY(b->ops->buffer_create(b, bytes, &m->g_ridge));
    PDM_TRY(b->ops->buffer_create(b, bytes, &m->column_worth));
    /* ridges take their memory here, not in the first step; nothing is chosen yet */
    PDM_TRY(pdm_solver_select(m->solver, (pdm_batch){0}, NULL, pdm_routing_lend(m->gate->routing).ridge));
done:
    return status;
}

pdm_status pdm_model_choose(pdm_model *m, pdm_batch batch)
{
    pdm_status status = PDM_OK;
    if (!m->gate) return PDM_OK;
    PDM_TRY(
        pdm_gate_choose(m->gate, batch, pdm_gate_is_open(m->gate, m->state.step), m->whole->solving.ridge, &m->load));
    const pdm_routing_choice choice = pdm_routing_lend(m->gate->routing);
    PDM_TRY(pdm_solver_select(m->solver, batch, choice.on, choice.ridge));
done:
    return status;
}

pdm_status pdm_model_gate_backward(pdm_model *m, pdm_batch good)
{
    pdm_status   status = PDM_OK;
    pdm_backend *b      = m->problem->backend;
    void        *host   = NULL;

    if (!m->gate) return PDM_OK;
    PDM_TRY(pdm_implicit_ridge(m->implicit, good, m->g_ridge));
    PDM_TRY(b->ops->acquire(b, m->g_ridge, PDM_READ, &host));
    pdm_gate_backward(m->gate, good, pdm_gate_is_open(m->gate, m->state.step), host);
done:
    status = pdm_release(b, status, m->g_ridge, &host);
    return status;
}

pdm_status pdm_model_gate_learn(pdm_model *m, pdm_batch good, double loss, double *distance)
{
    pdm_status   status = PDM_OK;
    pdm_backend *b      = m->problem->backend;
    void        *host   = NULL;

    if (!m->gate) return PDM_OK;
    PDM_TRY(
        pdm_solver_worth(m->solver, good, m->basis, pdm_routing_lend(m->gate->routing).on, m->column_worth, m->least));
    for (pdm_size i = 0; i < good.n; i++)
        m->objective[good.index[i]] = pdm_solver_results(m->solver)[good.index[i]].objective;
    PDM_TRY(b->ops->acquire(b, m->column_worth, PDM_READ, &host));
    PDM_TRY(pdm_gate_learn(m->gate, good, loss, (pdm_gate_worth){host, m->least, m->objective}, distance));
done:
    status = pdm_release(b, status, m->column_worth, &host);
    return status;
}
