/* Gates of models that are made from models: whether two mean the same, their mean, and what a child takes from its parent.
 * docs/mathematics.md, "Merged weights" and "More experts". */
#include "train/train.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "train/train_impl.h"

bool gates_agree(const pdm_model *a, const pdm_model *b, char *note, size_t size)
{
    if (!a->gating && !b->gating) return true;
    if (!a->gating || !b->gating) {
        snprintf(note, size, "/gate: %s against %s", a->gating ? "a gate" : "no gate", b->gating ? "a gate" : "none");
        return false;
    }
    const pdm_routing_settings *x = pdm_routing_get_settings(a->gating->routing),
                               *y = pdm_routing_get_settings(b->gating->routing);
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
static void add_price(const gating *g, double share, gating_mean *mean)
{
    if (isnan(g->log_price)) return;
    mean->log_price += share * g->log_price;
    mean->known += share;
}

void gating_mean_begin(pdm_model *m, double share, gating_mean *mean)
{
    gating *g = m->gating;

    *mean = (gating_mean){0};
    if (!g) return;
    const pdm_weights s = pdm_gate_lend(g->gate);
    for (pdm_size i = 0; i < s.n; i++) s.parameter[i] *= share;
    add_price(g, share, mean);
    g->drift *= share;
    usage_scale(g, share);
}

void gating_mean_add(pdm_model *m, const pdm_model *other, double share, gating_mean *mean)
{
    gating *g = m->gating;

    if (!g) return;
    const pdm_weights s = pdm_gate_lend(g->gate), t = pdm_gate_lend(other->gating->gate);
    for (pdm_size i = 0; i < s.n; i++) s.parameter[i] += share * t.parameter[i];
    add_price(other->gating, share, mean);
    g->drift += share * other->gating->drift;
    if (other->gating->opening > g->opening) g->opening = other->gating->opening;
    usage_add(g, other->gating, share);
}

void gating_mean_end(pdm_model *m, const gating_mean *mean)
{
    if (!m->gating) return;
    m->gating->log_price = mean->known > 0.0 ? mean->log_price / mean->known : NAN;
    gating_forget_moments(m);
}

/* ---- a child's gate ---- */

void gating_forget_moments(pdm_model *m)
{
    if (!m->gating) return;
    const pdm_weights s = pdm_gate_lend(m->gating->gate);
    memset(s.m, 0, (size_t)s.n * sizeof *s.m);
    memset(s.v, 0, (size_t)s.n * sizeof *s.v);
}

/* It goes on choosing, once its parent's does. The price is that of a share of all unknowns in units of the least objective, which
 * other experts change: it is found anew then. What the gate's own share misses (drift) is its own. */
void gating_take(pdm_model *m, const pdm_model *parent)
{
    gating *g = m->gating, *theirs = parent->gating;

    if (!g || !theirs) return;
    const pdm_weights to = pdm_gate_lend(g->gate), from = pdm_gate_lend(theirs->gate);
    memcpy(to.parameter, from.parameter, (size_t)to.n * sizeof *to.parameter);
    g->log_price = pdm_routing_n_expert(g->routing) == pdm_routing_n_expert(theirs->routing) ? theirs->log_price : NAN;
    g->drift     = theirs->drift;
    g->opening   = parent->step < theirs->opening ? theirs->opening : 0;
}

/* W_0, b_0 as they are; rows of W_1 and entries of b_1 of the groups that are kept, and of "none", which comes last. What a
 * group costs is its share of all unknowns, so the price of a share falls as there are fewer. */
void gating_select(pdm_model *m, const pdm_model *parent, const unsigned char *keep)
{
    gating              *g = m->gating, *theirs = parent->gating;
    const pdm_size       n_old = pdm_routing_n_choice(theirs->routing), n_new = pdm_routing_n_choice(g->routing);
    const pdm_weights to = pdm_gate_lend(g->gate), from = pdm_gate_lend(theirs->gate);
    const pdm_size       hidden = pdm_routing_get_settings(g->routing)->hidden, first = to.n - n_new * (hidden + 1);
    pdm_size             at = 0;

    memcpy(to.parameter, from.parameter, (size_t)first * sizeof *to.parameter);
    for (pdm_size k = 0; k < n_old; k++) {
        if (k < n_old - 1 && !keep[k]) continue;
        memcpy(to.parameter + first + at * hidden, from.parameter + first + k * hidden,
               (size_t)hidden * sizeof *to.parameter);
        to.parameter[first + n_new * hidden + at] = from.parameter[first + n_old * hidden + k];
        at++;
    }
    g->log_price = theirs->log_price +
                   log((double)pdm_experts_n_column(m->experts) / (double)pdm_experts_n_column(parent->experts));
    g->drift   = theirs->drift;
    g->opening = theirs->opening;
    usage_select(g, theirs, keep);
}
