/* What a gate chose for the samples of a prediction, and where its experts, or measured boxes without one, are: in the
 * prediction's file. */
#include "gate/gate.h"

#include <math.h>
#include <string.h>

#include "experts/experts.h"

/* Lent: all but the choices. */
struct pdm_gate_record {
    pdm_context       *ctx;
    const pdm_gate    *gate; /* NULL: none */
    const pdm_experts *experts;
    const pdm_domain  *domain;
    pdm_output        *output; /* NULL: none */
    pdm_size           n;
    int32_t           *columns; /* [n][n_expert]              */
    int32_t           *group;   /* [n][n_expert][groups] 0, 1 */
};

/* Names of the case's dimensions, in their order, and lengths of those that are periodic. */
static pdm_status describe_dimensions(const pdm_gate_record *r, const char *variable)
{
    pdm_status status = PDM_OK;
    pdm_text   names = {.ctx = r->ctx}, periods = {.ctx = r->ctx};

    for (pdm_size j = 0; j < pdm_domain_n_dim(r->domain); j++)
        PDM_TRY(pdm_text_append(&names, "%s%s", j ? " " : "", pdm_pde_dim_name(pdm_domain_pde(r->domain), j)));
    PDM_TRY(pdm_output_attribute(r->output, variable, "dimension_names", names.data));
    for (pdm_size j = 0; j < pdm_domain_n_dim(r->domain); j++) {
        const pdm_spline *s = pdm_domain_spline(r->domain, j);
        PDM_TRY(pdm_text_append(&periods, "%s%.17g", j ? " " : "", s->periodic ? s->map.high - s->map.low : 0.0));
    }
    PDM_TRY(pdm_output_attribute(r->output, variable, "period", periods.data));
done:
    pdm_text_destroy(&names);
    pdm_text_destroy(&periods);
    return status;
}

static pdm_status define_experts(const pdm_gate_record *r)
{
    pdm_status        status = PDM_OK;
    const char *const dims[] = {"expert", "expert_dimension", "expert_end"};

    PDM_TRY(
        pdm_output_dimension(r->output, "expert", pdm_experts_columns(r->experts)->n_expert, NULL, NULL, NULL, NULL));
    PDM_TRY(pdm_output_dimension(r->output, "expert_dimension", pdm_domain_n_dim(r->domain), NULL, NULL, NULL, NULL));
    PDM_TRY(pdm_output_dimension(r->output, "expert_end", 2, NULL, NULL, NULL, NULL));
    PDM_TRY(pdm_output_variable_int(r->output, "expert_columns", 1, dims, "columns of an expert that has all"));
    PDM_TRY(pdm_output_variable(r->output, "expert_bounds", 3, dims, NULL,
                                "box of an expert: from and to along each dimension"));
    PDM_TRY(describe_dimensions(r, "expert_bounds"));
done:
    return status;
}

static pdm_status put_experts(const pdm_gate_record *r)
{
    pdm_status      status   = PDM_OK;
    const pdm_size  n_expert = pdm_experts_columns(r->experts)->n_expert, n_dim = pdm_domain_n_dim(r->domain);
    const pdm_size *column0 = pdm_experts_column0(r->experts);
    double         *bounds  = NULL;
    int32_t        *columns = NULL;

    PDM_TRY(pdm_alloc_array(r->ctx, n_expert * n_dim * 2, &bounds));
    PDM_TRY(pdm_alloc_array(r->ctx, n_expert, &columns));
    for (pdm_size e = 0; e < n_expert; e++) columns[e] = (int32_t)(column0[e + 1] - column0[e]);
    pdm_experts_bounds(r->experts, bounds);
    PDM_TRY(pdm_output_put_int(r->output, "expert_columns", 0, n_expert, columns));
    PDM_TRY(pdm_output_put(r->output, "expert_bounds", 0, n_expert, bounds));
done:
    pdm_free(r->ctx, bounds);
    pdm_free(r->ctx, columns);
    return status;
}

static pdm_status define_choices(const pdm_gate_record *r)
{
    pdm_status         status  = PDM_OK;
    const char *const  dims[]  = {"sample", "expert", "group"};
    const pdm_routing *routing = r->gate->routing;
    pdm_output        *o       = r->output;

    PDM_TRY(pdm_output_dimension(o, "group", pdm_routing_n_choice(routing) - 1, NULL, NULL, NULL, NULL));
    PDM_TRY(pdm_output_variable_int(o, "gate_columns", 2, dims, "columns of an expert that exist; 0: null expert"));
    PDM_TRY(pdm_output_variable_int(o, "gate_groups", 3, dims, "groups of columns that exist: 1, else 0"));
    PDM_TRY(pdm_output_attribute_count(o, "gate_columns", "unknowns", pdm_experts_n_column(r->experts)));
    PDM_TRY(pdm_output_flags(o, "gate_groups", 2, (const char *const[]){"absent", "present"}));
    PDM_TRY(pdm_output_attribute_count(o, "gate_groups", "shared_columns", pdm_routing_get_settings(routing)->shared));
done:
    return status;
}

/* Does the output say where experts are? */
static bool has_experts(const pdm_gate_record *r)
{
    return r->output && (r->gate || pdm_experts_wants_boxes(r->experts));
}

pdm_status pdm_gate_record_create(pdm_context *ctx, const pdm_gate *g, const pdm_experts *x, const pdm_domain *d,
                                  pdm_output *o, pdm_size n, pdm_gate_record **out)
{
    pdm_status       status = PDM_OK;
    pdm_gate_record *r      = NULL;

    PDM_TRY(pdm_alloc(ctx, sizeof *r, &r));
    *r = (pdm_gate_record){.ctx = ctx, .gate = g, .experts = x, .domain = d, .output = o, .n = n};
    if (g) {
        const pdm_size rows = n * pdm_routing_n_expert(g->routing);
        PDM_TRY(pdm_alloc_array(ctx, rows, &r->columns));
        PDM_TRY(pdm_alloc_array(ctx, rows * (pdm_routing_n_choice(g->routing) - 1), &r->group));
    }
    if (has_experts(r)) PDM_TRY(define_experts(r));
    if (o && g) PDM_TRY(define_choices(r));
    *out = r;
    r    = NULL;
done:
    pdm_gate_record_destroy(&r);
    return status;
}

void pdm_gate_record_destroy(pdm_gate_record **record)
{
    pdm_gate_record *r = *record;
    if (!r) return;
    pdm_free(r->ctx, r->columns);
    pdm_free(r->ctx, r->group);
    pdm_free(r->ctx, r);
    *record = NULL;
}

void pdm_gate_record_take(pdm_gate_record *r, pdm_size first, pdm_size n)
{
    if (!r->gate) return;
    const pdm_routing       *routing  = r->gate->routing;
    const pdm_size           n_expert = pdm_routing_n_expert(routing), groups = pdm_routing_n_choice(routing) - 1;
    const pdm_routing_choice choice = pdm_routing_lend(routing);

    memcpy(r->columns + first * n_expert, choice.n_on, (size_t)(n * n_expert) * sizeof *r->columns);
    for (pdm_size i = 0; i < n * n_expert * groups; i++) r->group[first * n_expert * groups + i] = choice.group_on[i];
}

/* Experts that could not have columns do not count as null. */
static pdm_gate_shares add_up(const pdm_gate_record *r)
{
    const pdm_size  n_expert = pdm_experts_columns(r->experts)->n_expert;
    const pdm_size *column0  = pdm_experts_column0(r->experts);
    double          columns = 0.0, null = 0.0, could = 0.0;

    for (pdm_size i = 0; i < r->n * n_expert; i++) {
        if (column0[i % n_expert + 1] == column0[i % n_expert]) continue;
        columns += (double)r->columns[i];
        null += r->columns[i] == 0 ? 1.0 : 0.0;
        could += 1.0;
    }
    return (pdm_gate_shares){.unknowns = columns / (double)(r->n * pdm_experts_n_column(r->experts)),
                             .null     = null / fmax(1.0, could)};
}

pdm_status pdm_gate_record_end(const pdm_gate_record *r, pdm_gate_shares *out)
{
    pdm_status      status = PDM_OK;
    pdm_gate_shares shares = {NAN, NAN};

    if (has_experts(r)) PDM_TRY(put_experts(r));
    if (r->gate) shares = add_up(r);
    if (shares.unknowns == 0.0)
        pdm_log(r->ctx, PDM_LOG_WARNING, "predict",
                "the gate leaves every expert of all %lld samples null: the solution is the lift", (long long)r->n);
    if (r->gate && r->output) {
        PDM_TRY(pdm_output_put_int(r->output, "gate_columns", 0, r->n, r->columns));
        PDM_TRY(pdm_output_put_int(r->output, "gate_groups", 0, r->n, r->group));
    }
    *out = shares;
done:
    return status;
}
