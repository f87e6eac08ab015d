/* Which field a general condition counts for, where it mentions several: at a place of a side every field has so many
 * places for conditions, and those that name a field ("u = 1", "flux(u) = 0") have theirs. The others are matched with
 * the places that are left (augmenting paths): first so that no field is without a condition, then so that no condition
 * is without a field; neither loses what it has. */
#include "domain/domain_impl.h"

typedef struct slot {
    pdm_size field;
    pdm_size owner; /* condition, -1: none                       */
    bool     need;  /* the field has no other condition here     */
    bool     seen;
} slot;

enum { SLOT_MOST = PDM_MAX_FIELD * PDM_MAX_ORDER };

typedef struct matching {
    const pdm_domain *d;
    domain_side_here *here;
    pdm_size          n_slot;
    slot              slot[SLOT_MOST];
} matching;

static pdm_size field_of_atom(const pdm_pde *pde, const pdm_atom *a)
{
    const pdm_size n = pdm_pde_n_field(pde);
    return a->field < n ? a->field : pdm_pde_derived(pde, a->field - n)->field;
}

bool domain_condition_mentions(const pdm_domain *d, const pdm_condition *k, pdm_size field, bool across)
{
    if (k->kind != PDM_CONDITION_GENERAL || k->named) return k->field == field;
    if (across && k->flux) return k->flux_field == field;
    for (pdm_size i = 0; i < k->function->n_atom; i++)
        if (field_of_atom(d->pde, &k->function->atom[i]) == field &&
            (!across || k->function->atom[i].order[k->dim] > 0))
            return true;
    return false;
}

static const pdm_condition *condition(const matching *m, pdm_size i)
{
    return pdm_pde_condition(m->d->pde, m->here->condition[i]);
}

static pdm_size slot_of(const matching *m, pdm_size i)
{
    for (pdm_size s = 0; s < m->n_slot; s++)
        if (m->slot[s].owner == i) return s;
    return -1;
}

/* A condition for the slot, of those that have no field yet: with a derivative of it across the side, or any. */
static bool take_idle(matching *m, pdm_size s, bool across)
{
    for (pdm_size i = 0; i < m->here->n; i++) {
        if (slot_of(m, i) >= 0 || !domain_condition_mentions(m->d, condition(m, i), m->slot[s].field, across)) continue;
        m->slot[s].owner = i;
        return true;
    }
    return false;
}

/* Fills the slot, moving conditions from slots that can be filled otherwise. Depth: at most n_slot. */
static bool fill_slot(matching *m, pdm_size s)
{
    if (m->slot[s].seen) return false;
    m->slot[s].seen = true;
    if (take_idle(m, s, true) || take_idle(m, s, false)) return true;
    for (pdm_size from = 0; from < m->n_slot; from++) {
        const pdm_size i = m->slot[from].owner;
        if (i < 0 || m->slot[from].seen) continue;
        if (!domain_condition_mentions(m->d, condition(m, i), m->slot[s].field, false)) continue;
        m->slot[from].owner = -1;
        m->slot[s].owner    = i;
        if (fill_slot(m, from)) return true;
        m->slot[s].owner    = -1;
        m->slot[from].owner = i;
    }
    return false;
}

static bool take_empty(matching *m, pdm_size i, bool across)
{
    for (pdm_size s = 0; s < m->n_slot; s++) {
        if (m->slot[s].owner >= 0 || !domain_condition_mentions(m->d, condition(m, i), m->slot[s].field, across))
            continue;
        m->slot[s].owner = i;
        return true;
    }
    return false;
}

/* Finds a slot for the condition, moving others to slots that are left. Depth: at most n_slot. */
static bool place_condition(matching *m, pdm_size i)
{
    if (take_empty(m, i, true) || take_empty(m, i, false)) return true;
    for (pdm_size s = 0; s < m->n_slot; s++) {
        const pdm_size other = m->slot[s].owner;
        if (m->slot[s].seen || !domain_condition_mentions(m->d, condition(m, i), m->slot[s].field, false)) continue;
        m->slot[s].seen  = true;
        m->slot[s].owner = i;
        if (place_condition(m, other)) return true;
        m->slot[s].owner = other;
    }
    return false;
}

static void forget_seen(matching *m)
{
    for (pdm_size s = 0; s < m->n_slot; s++) m->slot[s].seen = false;
}

/* What they counted for at another place they count for here, where that is possible. */
static void begin_as_before(matching *m)
{
    for (pdm_size i = 0; i < m->here->n; i++)
        for (pdm_size s = 0; s < m->n_slot && slot_of(m, i) < 0; s++)
            if (m->slot[s].owner < 0 && m->slot[s].field == m->here->counts_for[i]) m->slot[s].owner = i;
}

pdm_size domain_match_conditions(const pdm_domain *d, domain_side_here *here)
{
    matching m = {.d = d, .here = here};
    pdm_size left;

    for (pdm_size f = 0; f < d->n_field; f++)
        for (pdm_size k = here->named[f]; k < here->wanted[f]; k++)
            m.slot[m.n_slot++] = (slot){.field = f, .owner = -1, .need = k == 0};
    begin_as_before(&m);
    for (pdm_size s = 0; s < m.n_slot; s++) {
        forget_seen(&m);
        if (m.slot[s].need && m.slot[s].owner < 0) (void)fill_slot(&m, s);
    }
    for (pdm_size i = 0; i < here->n; i++) {
        forget_seen(&m);
        if (slot_of(&m, i) < 0) (void)place_condition(&m, i);
    }
    left = -1;
    for (pdm_size i = here->n - 1; i >= 0; i--) {
        const pdm_size s    = slot_of(&m, i);
        here->counts_for[i] = s >= 0 ? m.slot[s].field : -1;
        if (s < 0) left = i;
    }
    return left;
}
