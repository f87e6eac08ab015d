/* Sides that are left open, and conditions where the equations carry things out. Of every field its own equation is
 * looked at: the order of its own derivatives across the side says how many conditions that asks for. Systems whose
 * fields ask for each other's conditions (sound between walls, pressure in a flow) are left alone. */
#include "problem/problem.h"

#include <math.h>

#include "problem/problem_impl.h"

static const double NOTHING = 1e-9; /* of a coefficient's largest value: a coefficient that vanishes */

/* Across dimension dim: the highest own derivative in a field's equation, and whether others' stand there, too. */
typedef struct opening {
    pdm_size            field, dim;
    const pdm_function *f;
    pdm_where           where;
    int32_t             order;
    bool                alone, moves; /* no derivatives across of others; a time derivative of the field */
} opening;

static opening opening_of(const note_state *s, pdm_size field, pdm_size dim)
{
    const pdm_pde *pde = s->p->pde;
    opening        o   = {.field = field, .dim = dim, .f = pdm_pde_strong(pde, field), .alone = true};

    o.where = pdm_case_where(s->p->the_case, "pde/residuals", pdm_pde_field_name(pde, field));
    for (pdm_size a = 0; a < o.f->n_atom; a++) {
        const pdm_atom *atom = &o.f->atom[a];
        if (atom->field == field && atom->order[dim] > o.order) o.order = atom->order[dim];
        if (atom->field != field && atom->order[dim] > 0) o.alone = false;
        if (atom->field == field && pdm_pde_has_time(pde) && atom->order[0] == 1 && atom->order[dim] == 0)
            o.moves = true;
    }
    return o;
}

static double along(const opening *o, const pdm_probe *q, pdm_size i, int32_t across, int32_t in_time)
{
    return note_coefficient(o->f, o->field, o->dim, across, in_time, q, i);
}

static double largest_coefficient(const opening *o, const pdm_probe *q, int32_t across)
{
    double most = 0.0;
    for (pdm_size i = 0; i < q->n_point; i++)
        for (pdm_size a = 0; a < o->f->n_atom; a++)
            if (o->f->atom[a].field == (int32_t)o->field && o->f->atom[a].order[o->dim] == across &&
                isfinite(q->partial[i * q->n_atom + a]))
                most = fmax(most, fabs(q->partial[i * q->n_atom + a]));
    return most;
}

/* Conditions of the field on a side: how many, how many of them "free", and whether any is on a part. */
typedef struct side_count {
    pdm_size n, n_free;
    bool     parts;
    pdm_size first; /* that is not free */
} side_count;

static side_count count_side(const note_state *s, const opening *o, int side)
{
    side_count count = {.first = -1};
    for (pdm_size i = 0; i < pdm_pde_n_condition(s->p->pde); i++) {
        const pdm_condition *k = pdm_pde_condition(s->p->pde, i);
        if (k->dim != o->dim || k->side != side || pdm_domain_condition_field(s->p->domain, i) != o->field) continue;
        if (*k->part_text) count.parts = true;
        if (k->kind == PDM_CONDITION_FREE)
            count.n_free++;
        else if (count.n++ == 0)
            count.first = i;
    }
    return count;
}

static pdm_status probe_side(const note_state *s, const opening *o, int side, pdm_probe *at)
{
    const pdm_map *map = &pdm_domain_spline(s->p->domain, o->dim)->map;
    return note_probe(s, o->f, &o->where, o->dim, side ? map->high : map->low, at);
}

/* A number for a side of a field, to tell notes apart. */
static pdm_size number_of(const opening *o, int side)
{
    return (o->field * PDM_MAX_DIM + o->dim) * 2 + side;
}

/* ---- even orders: so many conditions on each side ---- */

static pdm_status note_even(const note_state *s, const opening *o, int side, const pdm_probe *all, pdm_notes *notes)
{
    pdm_status       status = PDM_OK;
    const side_count count  = count_side(s, o, side);
    const char      *name = pdm_pde_field_name(s->p->pde, o->field), *dim = pdm_pde_dim_name(s->p->pde, o->dim);
    pdm_probe        at = {0};

    if (count.n_free == 0 && (count.parts || count.n >= o->order / 2)) goto done;
    PDM_TRY(probe_side(s, o, side, &at));
    if (!(largest_coefficient(o, &at, o->order) > NOTHING * largest_coefficient(o, all, o->order))) goto done;
    notes_add(notes, PDM_NOTE_OPEN, number_of(o, side), 1.0,
              "%s has %s on %s_%s%s, where its equation, of order %d in %s, asks for %s: nothing else may fix it there",
              name, count.n == 0 ? "no condition" : "one condition", dim, side ? "max" : "min",
              count.parts ? ", on a part of it" : "", (int)o->order, dim, o->order == 2 ? "one" : "two");
done:
    pdm_probe_destroy(&at);
    return status;
}

/* ---- first order: a condition where things come in, none where they go out ---- */

/* Speeds out of the side at the start: the least and the largest, over the largest anywhere. */
static pdm_status speeds_out(const note_state *s, const opening *o, int side, const pdm_probe *all, double speed[2])
{
    pdm_status status = PDM_OK;
    pdm_probe  at     = {0};
    double     most   = 0.0;

    PDM_TRY(probe_side(s, o, side, &at));
    for (pdm_size i = 0; i < all->n_point; i++)
        most = fmax(most, fabs(along(o, all, i, 1, 0) / along(o, all, i, 0, 1)));
    if (!(most > 0.0)) goto done;
    speed[0] = INFINITY;
    speed[1] = -INFINITY;
    for (pdm_size i = 0; i < at.n_point; i++) {
        const double v = along(o, &at, i, 1, 0) / along(o, &at, i, 0, 1) * (side ? 1.0 : -1.0) / most;
        speed[0]       = fmin(speed[0], v);
        speed[1]       = fmax(speed[1], v);
    }
done:
    pdm_probe_destroy(&at);
    return status;
}

static pdm_status note_first_order(const note_state *s, const opening *o, int side, const pdm_probe *all,
                                   pdm_notes *notes)
{
    pdm_status       status   = PDM_OK;
    const side_count count    = count_side(s, o, side);
    const char      *name     = pdm_pde_field_name(s->p->pde, o->field);
    const char      *dim      = pdm_pde_dim_name(s->p->pde, o->dim);
    double           speed[2] = {0.0, 0.0};

    if (count.parts) goto done;
    PDM_TRY(speeds_out(s, o, side, all, speed));
    if (count.n > 0 && speed[0] > NOTHING)
        notes_add(
            notes, PDM_NOTE_OUTFLOW, number_of(o, side), 1.0,
            "the condition of %s on %s_%s stands where its equation, of first order, carries it out of the domain; "
            "\"%s free\" there, and a condition where it comes in, expected",
            name, dim, side ? "max" : "min", name);
    if (count.n == 0 && speed[0] < -NOTHING)
        notes_add(notes, PDM_NOTE_OPEN, number_of(o, side), 1.0,
                  "%s is free on %s_%s, where its equation carries it into the domain: what comes in is not determined",
                  name, dim, side ? "max" : "min");
done:
    return status;
}

static pdm_status note_opening(const note_state *s, const opening *o, pdm_notes *notes)
{
    pdm_status status = PDM_OK;
    pdm_probe  all    = {0};

    PDM_TRY(note_probe(s, o->f, &o->where, -1, 0.0, &all));
    for (int side = 0; side < 2; side++) {
        if (!pdm_domain_side_is_inside(s->p->domain, o->dim, side)) continue;
        if (o->order % 2 == 0) PDM_TRY(note_even(s, o, side, &all, notes));
        if (o->order == 1 && o->alone && o->moves) PDM_TRY(note_first_order(s, o, side, &all, notes));
    }
    const side_count low = count_side(s, o, 0), high = count_side(s, o, 1);
    const bool       parts = low.parts || high.parts;
    if (o->order % 2 == 1 && !parts && !pdm_pde_level(s->p->pde) && o->alone && !(o->order == 1 && o->moves) &&
        low.n + high.n < o->order)
        notes_add(notes, PDM_NOTE_OPEN, number_of(o, 0), 1.0,
                  "%s has %lld condition%s on %s_min and %s_max together, where its equation, of order %d in %s, asks "
                  "for %d",
                  pdm_pde_field_name(s->p->pde, o->field), (long long)(low.n + high.n), low.n + high.n == 1 ? "" : "s",
                  pdm_pde_dim_name(s->p->pde, o->dim), pdm_pde_dim_name(s->p->pde, o->dim), (int)o->order,
                  pdm_pde_dim_name(s->p->pde, o->dim), (int)o->order);
done:
    pdm_probe_destroy(&all);
    return status;
}

pdm_status openings_find(const note_state *s, pdm_notes *notes)
{
    pdm_status status = PDM_OK;

    for (pdm_size j = pdm_pde_has_time(s->p->pde) ? 1 : 0; j < pdm_domain_n_dim(s->p->domain); j++)
        for (pdm_size f = 0; f < pdm_pde_n_equation(s->p->pde) && !pdm_domain_spline(s->p->domain, j)->periodic; f++) {
            const opening o   = opening_of(s, f, j);
            const bool    own = o.order > 0 && o.order == (int32_t)pdm_pde_order(s->p->pde, f, j);
            if (own && note_has_tables(s, o.f)) PDM_TRY(note_opening(s, &o, notes));
        }
done:
    return status;
}
