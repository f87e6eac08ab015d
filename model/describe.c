/* Models in words. */
#include "model/model.h"

#include <string.h>

static pdm_status view_training(const pdm_model *m, pdm_text *out)
{
    pdm_status                   status = PDM_OK;
    const pdm_training_settings *t      = &m->whole->training;
    static const char *const     loss[] = {"physics", "data", "physics and data"};
    PDM_TRY(pdm_text_append(out, "training     %lld steps of %lld inputs on %s, seed %lld\n", (long long)t->steps,
                            (long long)t->batch, loss[t->loss], (long long)t->seed));
    PDM_TRY(pdm_inputs_view(m->whole->inputs, out));
done:
    return status;
}

static pdm_status view_march(const pdm_model *m, pdm_text *out)
{
    const pdm_spline *s = pdm_domain_spline(m->problem->domain, 0);
    return pdm_text_append(out,
                           "march        network and experts answer %lld slabs of %g, %lld knot spans (%lld control "
                           "points) each, one after the other\n",
                           (long long)m->march->n_slab, s->map.high - s->map.low, (long long)s->n_element,
                           (long long)s->n_coef);
}

/* Columns from solutions, and rows that predictions read. */
static pdm_status view_found(const pdm_model *m, pdm_text *out)
{
    pdm_status status = PDM_OK;
    if (pdm_experts_pod(m->experts).n > 0)
        PDM_TRY(pdm_text_append(out, "columns      from solutions of %lld inputs%s\n",
                                (long long)m->whole->training.solutions, m->has_pod ? "" : ", not yet found"));
    if (m->cubature)
        PDM_TRY(pdm_text_append(out, "few rows     predictions read %lld of %lld, and all of them once\n",
                                (long long)m->cubature->rows.desc.n_row,
                                (long long)pdm_domain_rows(m->problem->domain)->n_row));
done:
    return status;
}

pdm_status pdm_model_view(pdm_model *m, pdm_text *out)
{
    pdm_status status = PDM_OK;
    pdm_size   live;
    PDM_TRY(pdm_pde_view(m->whole->pde, out));
    PDM_TRY(pdm_domain_view(m->whole->domain, out));
    PDM_TRY(pdm_march_view(m->whole, out));
    PDM_TRY(pdm_problem_view_peclet(m->whole, out));
    if (m->march) PDM_TRY(view_march(m, out));
    PDM_TRY(pdm_experts_view(m->experts, out));
    PDM_TRY(view_found(m, out));
    if (m->gate) PDM_TRY(pdm_routing_view(m->gate->routing, out));
    if (m->solver) PDM_TRY(pdm_solver_view(m->solver, out));
    PDM_TRY(m->surrogate->ops->view(m->surrogate, out));
    PDM_TRY(view_training(m, out));
    PDM_TRY(pdm_backend_view(m->problem->backend, out));
    pdm_context_memory(m->ctx, &live, NULL, NULL);
    PDM_TRY(pdm_text_append(out, "memory       %.1f MB\n", (double)live / 1e6));
done:
    return status;
}

/* A line each. */
static pdm_status view_history(const char *history, pdm_text *out)
{
    pdm_status status = PDM_OK;
    while (*history) {
        const size_t n = strcspn(history, "\n");
        PDM_TRY(pdm_text_append(out, "%-12s %.*s\n", "history", (int)n, history));
        history += n + (history[n] == '\n');
    }
done:
    return status;
}

pdm_status pdm_model_describe(pdm_model *m, pdm_sink sink, void *user)
{
    pdm_status status = PDM_OK;
    pdm_text   text   = {0};
    if (!m) return PDM_ERR_ARGUMENT;
    PDM_EXPECT_POINTER(m->ctx, sink, "a function for the text");
    text.ctx = m->ctx;
    PDM_TRY(pdm_model_view(m, &text));
    PDM_TRY(pdm_text_append(&text, "trained      %lld of %lld steps\n", (long long)m->state.step,
                            (long long)m->whole->training.steps));
    if (m->state.solves[0] > 0.0)
        PDM_TRY(pdm_text_append(&text, "failed       %.0f of the %.0f solves of training did not converge (%.3g %%)\n",
                                m->state.solves[1], m->state.solves[0], 1e2 * m->state.solves[1] / m->state.solves[0]));
    if (m->state.judged.n > 0.0) {
        PDM_TRY(pdm_text_append(&text, "worth        "));
        PDM_TRY(pdm_model_judged_view(m, &text));
    }
    PDM_TRY(pdm_gate_usage_view(m->ctx, m->gate, m->experts, m->problem->domain, &text));
    if (m->history) PDM_TRY(view_history(m->history, &text));
    sink(user, text.data);
done:
    pdm_text_destroy(&text);
    return status;
}

pdm_status pdm_model_routing(const pdm_model *m, pdm_number numbers, void *user)
{
    if (!m) return PDM_ERR_ARGUMENT;
    PDM_EXPECT_POINTER(m->ctx, numbers, "a function for the numbers");
    return pdm_gate_usage_numbers(m->gate, m->experts, m->problem->domain, numbers, user);
}
