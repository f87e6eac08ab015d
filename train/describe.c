/* Models and cases in words. */
#include "train/train.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "train/train_impl.h"

static const double NOTABLE_JUMP =
    1e-6; /* relative to the data; far above their rounding, far below what a solution shows */

/* What training draws: a distribution as the case has it, or mean and deviation of samples. */
static pdm_status view_source(const pdm_model *m, pdm_size i, pdm_text *out)
{
    pdm_status  status = PDM_OK;
    const char *text   = NULL;
    char        group[128];

    snprintf(group, sizeof group, "inputs/%s", pdm_pde_input(m->pde, i)->name);
    PDM_TRY(pdm_case_text(m->the_case, group, "distribution", "", &text));
    PDM_TRY(*text ? pdm_text_append(out, "%s", text)
                  : pdm_text_append(out, "about %g +- %g in its file", m->input_shift[i], 1.0 / m->input_scale[i]));
done:
    return status;
}

static pdm_status view_training(const pdm_model *m, pdm_text *out)
{
    pdm_status               status = PDM_OK;
    const training_settings *t      = &m->training;
    static const char *const loss[] = {"physics", "data", "physics and data"};
    PDM_TRY(pdm_text_append(out, "training     %lld steps of %lld inputs on %s, seed %lld\n", (long long)t->steps,
                            (long long)t->batch, loss[t->loss], (long long)t->seed));
    for (pdm_size i = 0; i < pdm_pde_n_input(m->pde); i++) {
        const pdm_input_info *info = pdm_pde_input(m->pde, i);
        PDM_TRY(pdm_text_append(out, "input        %s: %s, ", info->name,
                                info->n_dim == 0                          ? "scalar"
                                : pdm_domain_input_on_cells(m->domain, i) ? "field on cells"
                                                                          : "field"));
        PDM_TRY(view_source(m, i, out));
        PDM_TRY(pdm_text_append(out, "%s%s\n", *info->units ? " " : "", info->units));
    }
done:
    return status;
}

static pdm_status view_model(pdm_model *m, pdm_text *out)
{
    pdm_status status = PDM_OK;
    pdm_size   live;
    PDM_TRY(pdm_pde_view(m->pde, out));
    PDM_TRY(pdm_domain_view(m->domain, out));
    PDM_TRY(pdm_experts_view(m->experts, out));
    if (m->gating) PDM_TRY(pdm_routing_view(m->gating->routing, out));
    if (m->solver) PDM_TRY(pdm_solver_view(m->solver, out));
    PDM_TRY(m->surrogate->ops->view(m->surrogate, out));
    PDM_TRY(view_training(m, out));
    PDM_TRY(pdm_backend_view(m->backend, out));
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
    if (!m || !sink) return PDM_ERR_ARGUMENT;
    text.ctx = m->ctx;
    PDM_TRY(view_model(m, &text));
    PDM_TRY(
        pdm_text_append(&text, "trained      %lld of %lld steps\n", (long long)m->step, (long long)m->training.steps));
    PDM_TRY(usage_view(m, &text));
    if (m->history) PDM_TRY(view_history(m->history, &text));
    sink(user, text.data);
done:
    pdm_text_destroy(&text);
    return status;
}

/* Time of the second of two steps, and the solves that failed in them. */
static pdm_status view_steps(pdm_model *m, pdm_text *out)
{
    enum { N_STEP = 2 };
    pdm_status status = PDM_OK;
    double     failed = 0.0, seconds;
    for (int i = 0; i < N_STEP; i++) {
        PDM_TRY(pdm_model_train_step(m));
        failed += pdm_model_value(m, "failed");
    }
    seconds = pdm_model_value(m, "seconds");
    if (failed > 0.0)
        PDM_TRY(pdm_text_append(out, "failed       %.0f of the %lld solves of the first %d steps did not converge\n",
                                failed, (long long)(N_STEP * m->n_batch), N_STEP));
    PDM_TRY(pdm_text_append(out, "time         %.1f ms a step here and now, %.0f s for %lld steps\n", 1e3 * seconds,
                            seconds * (double)m->training.steps, (long long)m->training.steps));
done:
    return status;
}

pdm_status pdm_case_describe(pdm_case *c, pdm_sink sink, void *user)
{
    pdm_status status = PDM_OK;
    pdm_model *m      = NULL;
    pdm_text   text = {0}, steps = {0};

    if (!c || !sink) return PDM_ERR_ARGUMENT;
    text.ctx = steps.ctx = pdm_case_context(c);
    PDM_TRY(pdm_model_create(c, &m));
    PDM_TRY(view_model(m, &text));
    if (m->report.relative > NOTABLE_JUMP)
        PDM_TRY(pdm_text_append(
            &text, "corner       initial and boundary data disagree by %g (%s:%s); the initial state keeps its own\n",
            m->report.jump, m->report.where.group ? m->report.where.group : "",
            m->report.where.attribute ? m->report.where.attribute : ""));
    sink(user, text.data); /* before the steps: they may fail, and then it helps to see what was understood */
    PDM_TRY(view_steps(m, &steps));
    sink(user, steps.data);
done:
    pdm_model_destroy(&m);
    pdm_text_destroy(&steps);
    pdm_text_destroy(&text);
    return status;
}

pdm_status pdm_settings_describe(pdm_context *ctx, pdm_sink sink, void *user)
{
    pdm_status status = PDM_OK;
    pdm_text   text   = {.ctx = ctx};
    if (!ctx || !sink) return PDM_ERR_ARGUMENT;
    PDM_TRY(pdm_domain_settings_view(&text));
    PDM_TRY(pdm_experts_settings_view(&text));
    PDM_TRY(pdm_routing_settings_view(&text));
    PDM_TRY(pdm_surrogate_settings_view(&text));
    PDM_TRY(pdm_solver_settings_view(&text));
    PDM_TRY(training_settings_view(&text));
    sink(user, text.data);
done:
    pdm_text_destroy(&text);
    return status;
}
