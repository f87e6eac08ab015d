/* How a gate has routed: means over recent steps of training, kept in the model and in its file.
 *
 * A step counts MEMORY times as much as the next: what the gate is like now is seen, not how it came there (at first
 * all columns exist), however long the training is and wherever it is cut in runs. A mean over the last part of the
 * steps would need their number, which may change. The sums start at 0 and are divided by the
 * weights that have come together. */
#include "gate/gate.h"

#include <math.h>
#include <string.h>

#include "gate/gate_impl.h"

static const double MEMORY = 0.98; /* about the last 50 steps */

/* Numbers of one kind of use, and all kinds. */
enum { N_KIND = 4 };
typedef struct use_kind {
    const char *name;
    double     *sum, *mean;
    pdm_size    n;
} use_kind;

static void list_kinds(const pdm_gate *g, use_kind out[N_KIND])
{
    const pdm_size n = pdm_routing_n_expert(g->routing), groups = pdm_routing_n_choice(g->routing) - 1;
    out[0] = (use_kind){"usage_columns", g->use.columns, g->mean_use.columns, n};
    out[1] = (use_kind){"usage_null", g->use.null, g->mean_use.null, n};
    out[2] = (use_kind){"usage_load", g->use.load, g->mean_use.load, n};
    out[3] = (use_kind){"usage_groups", g->use.group, g->mean_use.group, n * groups};
}

void usage_layout(pdm_gate *g)
{
    const pdm_size   n = pdm_routing_n_expert(g->routing), groups = pdm_routing_n_choice(g->routing) - 1;
    pdm_routing_use *both[] = {&g->use, &g->mean_use};
    for (int i = 0; i < 2; i++) {
        both[i]->columns = pdm_carve(&g->arena, double, n);
        both[i]->null    = pdm_carve(&g->arena, double, n);
        both[i]->load    = pdm_carve(&g->arena, double, n);
        both[i]->group   = pdm_carve(&g->arena, double, n *groups);
    }
}

void usage_clear(pdm_gate *g)
{
    use_kind kind[N_KIND];
    list_kinds(g, kind);
    for (int i = 0; i < N_KIND; i++) memset(kind[i].sum, 0, (size_t)kind[i].n * sizeof *kind[i].sum);
    g->use_weight = 0.0;
}

void usage_take(pdm_gate *g, pdm_batch batch)
{
    pdm_routing_blend_use(g->routing, batch, 1.0 - MEMORY, &g->use);
    g->use_weight = MEMORY * g->use_weight + (1.0 - MEMORY);
}

void usage_scale(pdm_gate *g, double share)
{
    use_kind kind[N_KIND];
    list_kinds(g, kind);
    for (int i = 0; i < N_KIND; i++)
        for (pdm_size k = 0; k < kind[i].n; k++) kind[i].sum[k] *= share;
    g->use_weight *= share;
}

void usage_add(pdm_gate *g, const pdm_gate *other, double share)
{
    use_kind kind[N_KIND], theirs[N_KIND];
    list_kinds(g, kind);
    list_kinds(other, theirs);
    for (int i = 0; i < N_KIND; i++)
        for (pdm_size k = 0; k < kind[i].n; k++) kind[i].sum[k] += share * theirs[i].sum[k];
    g->use_weight += share * other->use_weight;
}

/* Columns are fewer by those of the groups that are gone; null experts and loads are as they were. */
void usage_select(pdm_gate *to, const pdm_gate *from, const unsigned char *keep)
{
    const pdm_size n = pdm_routing_n_expert(to->routing), groups = pdm_routing_n_choice(from->routing) - 1,
                   kept = pdm_routing_n_choice(to->routing) - 1;

    for (pdm_size e = 0; e < n; e++) {
        pdm_size at        = 0;
        to->use.columns[e] = from->use.columns[e];
        to->use.null[e]    = from->use.null[e];
        to->use.load[e]    = from->use.load[e];
        for (pdm_size k = 0; k < groups; k++) {
            const double use = from->use.group[e * groups + k];
            if (keep[k])
                to->use.group[e * kept + at++] = use;
            else
                to->use.columns[e] -= use * (double)pdm_routing_size(from->routing, e, k);
        }
    }
    to->use_weight = from->use_weight;
}

pdm_gate_usage pdm_gate_get_usage(const pdm_gate *g)
{
    use_kind kind[N_KIND];

    if (!g) return (pdm_gate_usage){0};
    list_kinds(g, kind);
    for (int i = 0; i < N_KIND; i++)
        for (pdm_size k = 0; k < kind[i].n; k++)
            kind[i].mean[k] = g->use_weight > 0.0 ? kind[i].sum[k] / g->use_weight : NAN;
    return (pdm_gate_usage){.n_expert = pdm_routing_n_expert(g->routing),
                            .n_group  = pdm_routing_n_choice(g->routing) - 1,
                            .weight   = g->use_weight,
                            .columns  = g->mean_use.columns,
                            .null     = g->mean_use.null,
                            .load     = g->mean_use.load,
                            .group    = g->mean_use.group};
}

/* A file without them, of a model that has not been trained or of an earlier pdemoe, leaves none known. */
pdm_status usage_store(pdm_gate *g, pdm_store *s, bool writing)
{
    pdm_status status = PDM_OK;
    pdm_size   length = 0;
    use_kind   kind[N_KIND];

    if (!writing) PDM_TRY(pdm_store_length(s, "gate", "usage_weight", &length));
    if (writing ? g->use_weight == 0.0 : length < 0) goto done;
    list_kinds(g, kind);
    for (int i = 0; i < N_KIND; i++)
        PDM_TRY(pdm_store_exchange(s, writing, "gate", kind[i].name, PDM_STORE_DOUBLE, kind[i].n, kind[i].sum));
    PDM_TRY(pdm_store_exchange(s, writing, "gate", "usage_weight", PDM_STORE_DOUBLE, 1, &g->use_weight));
done:
    return status;
}
