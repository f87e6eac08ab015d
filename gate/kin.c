/* Gates of models that are made from models: whether two mean the same, their mean, and what a child takes from its
 * parent. docs/mathematics.md, "Merged weights" and "More experts". */
#include "gate/gate.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "gate/gate_impl.h"

bool pdm_gate_agrees(const pdm_gate *a, const pdm_gate *b, char *note, size_t size)
{
    if (!a && !b) return true;
    if (!a || !b) {
        snprintf(note, size, "/gate: %s against %s", a ? "a gate" : "no gate", b ? "a gate" : "none");
        return false;
    }
    const pdm_routing_settings *x = pdm_routing_get_settings(a->routing), *y = pdm_routing_get_settings(b->routing);
    const struct {
        const char *name;
        pdm_size    mine, theirs;
    } setting[] = {
        {"groups", x->groups, y->groups}, {"shared", x->shared, y->shared}, {"hidden", x->hidden, y->hidden}};
    for (size_t i = 0; i < sizeof setting / sizeof *setting; i++)
        if (setting[i].mine != setting[i].theirs) {
            snprintf(note, size, "/gate:%s: %lld against %lld", setting[i].name, (long long)setting[i].mine,
                     (long long)setting[i].theirs);
            return false;
        }
    return true;
}

/* ---- the mean of gates ---- */

/* A price that no step has found yet is left out of the mean. */
static void add_price(const pdm_gate *g, double share, pdm_gate_mean *mean)
{
    if (isnan(g->log_price)) return;
    mean->log_price += share * g->log_price;
    mean->known += share;
}

void pdm_gate_mean_begin(pdm_gate *g, double share, pdm_gate_mean *mean)
{
    *mean = (pdm_gate_mean){0};
    if (!g) return;
    const pdm_weights s = pdm_gate_net_lend(g->net);
    for (pdm_size i = 0; i < s.n; i++) s.parameter[i] *= share;
    add_price(g, share, mean);
    g->drift *= share;
    usage_scale(g, share);
}

void pdm_gate_mean_add(pdm_gate *g, const pdm_gate *other, double share, pdm_gate_mean *mean)
{
    if (!g) return;
    const pdm_weights s = pdm_gate_net_lend(g->net), t = pdm_gate_net_lend(other->net);
    for (pdm_size i = 0; i < s.n; i++) s.parameter[i] += share * t.parameter[i];
    add_price(other, share, mean);
    g->drift += share * other->drift;
    if (other->opening > g->opening) g->opening = other->opening;
    usage_add(g, other, share);
}

void pdm_gate_mean_end(pdm_gate *g, const pdm_gate_mean *mean)
{
    if (!g) return;
    g->log_price = mean->known > 0.0 ? mean->log_price / mean->known : NAN;
    pdm_gate_forget_moments(g);
}

/* ---- a child's gate ---- */

void pdm_gate_forget_moments(pdm_gate *g)
{
    if (!g) return;
    const pdm_weights s = pdm_gate_net_lend(g->net);
    memset(s.m, 0, (size_t)s.n * sizeof *s.m);
    memset(s.v, 0, (size_t)s.n * sizeof *s.v);
}

/* It goes on choosing, once its parent's does. The price is that of a share of all unknowns in units of the least
 * objective, which other experts change: it is found anew then. What the gate's own share misses (drift) is its own. */
void pdm_gate_take(pdm_gate *g, const pdm_gate *parent, pdm_size step)
{
    if (!g || !parent) return;
    const pdm_weights to = pdm_gate_net_lend(g->net), from = pdm_gate_net_lend(parent->net);
    memcpy(to.parameter, from.parameter, (size_t)to.n * sizeof *to.parameter);
    g->log_price = pdm_routing_n_expert(g->routing) == pdm_routing_n_expert(parent->routing) ? parent->log_price : NAN;
    g->drift     = parent->drift;
    g->opening   = step < parent->opening ? parent->opening : 0;
}

/* W_0, b_0 as they are; rows of W_1 and entries of b_1 of the groups that are kept, and of "none", which comes last.
 * What a group costs is its share of all unknowns, so the price of a share falls as there are fewer. */
void pdm_gate_select(pdm_gate *g, const pdm_gate *parent, const unsigned char *keep)
{
    const pdm_size    n_old = pdm_routing_n_choice(parent->routing), n_new = pdm_routing_n_choice(g->routing);
    const pdm_weights to = pdm_gate_net_lend(g->net), from = pdm_gate_net_lend(parent->net);
    const pdm_size    hidden = pdm_routing_get_settings(g->routing)->hidden, first = to.n - n_new * (hidden + 1);
    pdm_size          at = 0;

    memcpy(to.parameter, from.parameter, (size_t)first * sizeof *to.parameter);
    for (pdm_size k = 0; k < n_old; k++) {
        if (k < n_old - 1 && !keep[k]) continue;
        memcpy(to.parameter + first + at * hidden, from.parameter + first + k * hidden,
               (size_t)hidden * sizeof *to.parameter);
        to.parameter[first + n_new * hidden + at] = from.parameter[first + n_old * hidden + k];
        at++;
    }
    g->log_price = parent->log_price +
                   log((double)pdm_experts_n_column(g->experts) / (double)pdm_experts_n_column(parent->experts));
    g->drift   = parent->drift;
    g->opening = parent->opening;
    usage_select(g, parent, keep);
}
