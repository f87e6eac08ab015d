/* Odd states of a gate, and what is said of them. docs/case-format.md, "/gate". */
#include "gate/gate.h"

#include "gate/gate_impl.h"

static const pdm_size SETTLED = 100;             /* steps after the gate has begun to choose */
static const double   MUCH = 1.25, LITTLE = 0.5; /* of the share wanted */

/* All there is of the solution then is the lift, whatever the network says: its gradient is zero. What columns would be
 * worth is still found (with all of them), so that the gate opens where some are. */
void tell_closed(pdm_gate *g, pdm_size step, const pdm_routing_load *load)
{
    if (g->told_closed || load->unknowns > 0.0) return;
    g->told_closed = true;
    pdm_log(g->ctx, PDM_LOG_WARNING, "train",
            "step %lld: the gate leaves every expert of every input null: the solution is the lift, and the network "
            "learns nothing until columns are worth their price again (gate:unknowns); said once",
            (long long)step + 1);
}

/* The price has found no answer: groups are too coarse for the share, the gate cannot tell, or is too slow. */
void pdm_gate_tell_missed(const pdm_gate *g, pdm_size step)
{
    const pdm_gate_usage u       = pdm_gate_get_usage(g);
    double               columns = 0.0;

    if (!g || step < PDM_GATE_OPENING + SETTLED) return;
    for (pdm_size e = 0; e < u.n_expert; e++) columns += u.columns[e];
    const double share  = columns / (double)pdm_experts_n_column(g->experts),
                 wanted = pdm_routing_get_settings(g->routing)->unknowns;
    if (share <= MUCH * wanted && (share >= LITTLE * wanted || wanted == 1.0)) return;
    pdm_log(g->ctx, PDM_LOG_WARNING, "train",
            "%.1f %% of the unknowns exist (about the last 50 steps), where gate:unknowns asks for %.1f %%: groups are "
            "too coarse for it (gate:groups, gate:shared), %s, or the gate learns too slowly (gate:learning_rate)",
            100.0 * share, 100.0 * wanted, share > wanted ? "more are needed" : "no more are of use");
}
