/* Odd states of a gate, and what is said of them. docs/case-format.md, "/gate". */
#include "train/train.h"

#include <math.h>

#include "train/train_impl.h"

static const pdm_size SETTLED = 100;             /* steps after the gate has begun to choose */
static const double   MUCH = 1.25, LITTLE = 0.5; /* of the share wanted */

/* All there is of the solution then is the lift, whatever the network says: its gradient is zero. What columns would be worth is
 * still found (with all of them), so that the gate opens where some are. */
void gating_tell_closed(pdm_model *m)
{
    gating *g = m->gating;

    if (g->told_closed || pdm_model_value(m, "gate.unknowns") > 0.0) return;
    g->told_closed = true;
    pdm_log(m->ctx, PDM_LOG_WARNING, "train",
            "step %lld: the gate leaves every expert of every input null: the solution is the lift, and the network "
            "learns nothing until columns are worth their price again (gate:unknowns); said once",
            (long long)m->step + 1);
}

/* The price has found no answer: groups are too coarse for the share, the gate cannot tell, or is too slow. */
void gating_tell_missed(pdm_model *m)
{
    const routing_usage u       = gating_usage(m);
    double              columns = 0.0;

    if (!m->gating || m->step < GATING_OPENING + SETTLED) return;
    for (pdm_size e = 0; e < u.n_expert; e++) columns += u.columns[e];
    const double share  = columns / (double)pdm_experts_n_column(m->experts),
                 wanted = pdm_routing_get_settings(m->gating->routing)->unknowns;
    if (share <= MUCH * wanted && (share >= LITTLE * wanted || wanted == 1.0)) return;
    pdm_log(m->ctx, PDM_LOG_WARNING, "train",
            "%.1f %% of the unknowns exist (about the last 50 steps), where gate:unknowns asks for %.1f %%: groups are "
            "too coarse for it (gate:groups, gate:shared), %s, or the gate learns too slowly (gate:learning_rate)",
            100.0 * share, 100.0 * wanted, share > wanted ? "more are needed" : "no more are of use");
}
