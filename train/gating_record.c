/* What a gate chose for the samples of a prediction, and where its experts, or measured boxes without one, are: in the
 * prediction's file. */
#include "train/train.h"

#include <math.h>
#include <string.h>

#include "experts/bounds.h"
#include "train/train_impl.h"

/* Names of the case's dimensions, in their order, and lengths of those that are periodic. */
static pdm_status describe_dimensions(pdm_model *m, pdm_output *o, const char *variable)
{
    pdm_status status = PDM_OK;
    pdm_text   names = {.ctx = m->ctx}, periods = {.ctx = m->ctx};

    for (pdm_size j = 0; j < pdm_domain_n_dim(m->domain); j++)
        PDM_TRY(pdm_text_append(&names, "%s%s", j ? " " : "", pdm_pde_dim_name(m->pde, j)));
    PDM_TRY(pdm_output_attribute(o, variable, "dimensions", names.data));
    for (pdm_size j = 0; j < pdm_domain_n_dim(m->domain); j++) {
        const pdm_spline *s = pdm_domain_spline(m->domain, j);
        PDM_TRY(pdm_text_append(&periods, "%s%.17g", j ? " " : "", s->periodic ? s->map.high - s->map.low : 0.0));
    }
    PDM_TRY(pdm_output_attribute(o, variable, "period", periods.data));
done:
    pdm_text_destroy(&names);
    pdm_text_destroy(&periods);
    return status;
}

static pdm_status define_experts(pdm_model *m, pdm_output *o)
{
    pdm_status        status = PDM_OK;
    const char *const dims[] = {"expert", "expert_dimension", "expert_end"};

    PDM_TRY(pdm_output_dimension(o, "expert", pdm_experts_columns(m->experts)->n_expert, NULL, NULL, NULL, NULL));
    PDM_TRY(pdm_output_dimension(o, "expert_dimension", pdm_domain_n_dim(m->domain), NULL, NULL, NULL, NULL));
    PDM_TRY(pdm_output_dimension(o, "expert_end", 2, NULL, NULL, NULL, NULL));
    PDM_TRY(pdm_output_variable_int(o, "expert_columns", 1, dims, "columns of an expert that has all"));
    PDM_TRY(
        pdm_output_variable(o, "expert_bounds", 3, dims, NULL, "box of an expert: from and to along each dimension"));
    PDM_TRY(describe_dimensions(m, o, "expert_bounds"));
done:
    return status;
}

static pdm_status put_experts(pdm_model *m, pdm_output *o)
{
    pdm_status      status   = PDM_OK;
    const pdm_size  n_expert = pdm_experts_columns(m->experts)->n_expert, n_dim = pdm_domain_n_dim(m->domain);
    const pdm_size *column0 = pdm_experts_column0(m->experts);
    double         *bounds  = NULL;
    int32_t        *columns = NULL;

    PDM_TRY(pdm_alloc_array(m->ctx, n_expert * n_dim * 2, &bounds));
    PDM_TRY(pdm_alloc_array(m->ctx, n_expert, &columns));
    for (pdm_size e = 0; e < n_expert; e++) columns[e] = (int32_t)(column0[e + 1] - column0[e]);
    pdm_experts_bounds(m->experts, bounds);
    PDM_TRY(pdm_output_put_int(o, "expert_columns", 0, n_expert, columns));
    PDM_TRY(pdm_output_put(o, "expert_bounds", 0, n_expert, bounds));
done:
    pdm_free(m->ctx, bounds);
    pdm_free(m->ctx, columns);
    return status;
}

pdm_status gating_record_begin(pdm_model *m, pdm_output *o, pdm_size n)
{
    pdm_status        status = PDM_OK;
    gating           *g      = m->gating;
    const char *const dims[] = {"sample", "expert", "group"};

    if (!g) return o && pdm_experts_wants_boxes(m->experts) ? define_experts(m, o) : PDM_OK;
    const pdm_size n_expert = pdm_routing_n_expert(g->routing), n_choice = pdm_routing_n_choice(g->routing);
    PDM_TRY(pdm_alloc_array(m->ctx, n * n_expert * n_choice, &g->record));
    g->n_record = n;
    if (!o) goto done;
    PDM_TRY(define_experts(m, o));
    PDM_TRY(pdm_output_dimension(o, "group", n_choice - 1, NULL, NULL, NULL, NULL));
    PDM_TRY(pdm_output_variable_int(o, "gate_columns", 2, dims, "columns of an expert that exist; 0: null expert"));
    PDM_TRY(pdm_output_variable_int(o, "gate_groups", 3, dims, "groups of columns that exist: 1, else 0"));
    PDM_TRY(pdm_output_attribute_count(o, "gate_columns", "unknowns", pdm_experts_n_column(m->experts)));
    PDM_TRY(
        pdm_output_attribute_count(o, "gate_groups", "shared_columns", pdm_routing_get_settings(g->routing)->shared));
done:
    return status;
}

void gating_record(pdm_model *m, pdm_size first, pdm_size n)
{
    const gating *g = m->gating;
    if (!g || !g->record) return;
    const pdm_size           n_expert = pdm_routing_n_expert(g->routing), groups = pdm_routing_n_choice(g->routing) - 1;
    const pdm_routing_choice choice = pdm_routing_lend(g->routing);
    memcpy(g->record + first * n_expert, choice.n_on, (size_t)(n * n_expert) * sizeof *g->record);
    int32_t *to = g->record + (g->n_record + first * groups) * n_expert;
    for (pdm_size i = 0; i < n * n_expert * groups; i++) to[i] = choice.group_on[i];
}

pdm_status gating_record_end(pdm_model *m, pdm_output *o, pdm_size n)
{
    pdm_status status  = PDM_OK;
    gating    *g       = m->gating;
    double     columns = 0.0, null = 0.0, could = 0.0; /* could: have columns */

    if (!g) return o && pdm_experts_wants_boxes(m->experts) ? put_experts(m, o) : PDM_OK;
    if (!g->record) return PDM_OK;
    const pdm_size  n_expert = pdm_routing_n_expert(g->routing);
    const pdm_size *column0  = pdm_experts_column0(m->experts);
    for (pdm_size i = 0; i < n * n_expert; i++) {
        if (column0[i % n_expert + 1] == column0[i % n_expert]) continue;
        columns += (double)g->record[i];
        null += g->record[i] == 0 ? 1.0 : 0.0;
        could += 1.0;
    }
    model_set_value(m, "gate.unknowns", columns / (double)(n * pdm_experts_n_column(m->experts)));
    model_set_value(m, "gate.null", null / fmax(1.0, could));
    if (columns == 0.0)
        pdm_log(m->ctx, PDM_LOG_WARNING, "predict",
                "the gate leaves every expert of all %lld samples null: the solution is the lift", (long long)n);
    if (!o) goto done;
    PDM_TRY(pdm_output_put_int(o, "gate_columns", 0, n, g->record));
    PDM_TRY(pdm_output_put_int(o, "gate_groups", 0, n, g->record + n * n_expert));
    PDM_TRY(put_experts(m, o));
done:
    gating_record_drop(m);
    return status;
}

void gating_record_drop(pdm_model *m)
{
    if (!m->gating) return;
    pdm_free(m->ctx, m->gating->record);
    m->gating->record = NULL;
}
