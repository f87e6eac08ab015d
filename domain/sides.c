/* Sides of the box and their parts: is every place of a side covered by the conditions it wants? A condition with parts
 * holds on a box of the side; between the numbers at which parts of a field's conditions end, and on them, nothing
 * changes, so that one place of each is looked at. */
#include "domain/domain_impl.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static const char *const side_name[2] = {"min", "max"};

static bool is_everywhere(const pdm_interval *k)
{
    return isinf(k->low) && isinf(k->high);
}

bool domain_part_is_whole(const pdm_domain *d, const pdm_interval *part)
{
    bool whole = true;
    for (pdm_size j = 0; j < d->n_dim; j++) whole = whole && is_everywhere(&part[j]);
    return whole;
}

static bool part_has(const pdm_domain *d, const pdm_condition *k, const double *x)
{
    bool has = true;
    for (pdm_size j = 0; j < d->n_dim; j++) has = has && pdm_interval_has(&k->part[j], x[j]);
    return has;
}

bool domain_layer_has(const pdm_domain *d, const domain_layer *l, pdm_size i)
{
    bool has = true;
    for (pdm_size j = d->n_dim - 1; j >= 0 && l->part; j--) {
        const pdm_size n = d->spline[j].n_coef;
        has              = has && (j == l->dim || pdm_interval_has(&l->part[j], d->greville[j][i % n]));
        i /= n;
    }
    return has;
}

/* ---- places ------------------------------------------------------------------------------------------------------ */

/* Coordinates to look at along each dimension: a tensor grid. */
typedef struct places {
    pdm_size n[PDM_MAX_DIM];
    double  *x[PDM_MAX_DIM];
} places;

static void places_free(const pdm_domain *d, places *p)
{
    for (pdm_size j = 0; j < PDM_MAX_DIM; j++) pdm_free(d->ctx, p->x[j]);
}

static int compare_reals(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static bool concerns(const pdm_condition *k, pdm_size dim, int side)
{
    return k->dim == dim && k->side == side;
}

/* The ends of parts inside the extent, in order, and the middles between them and the ends of the extent. */
static pdm_status places_along(const pdm_domain *d, pdm_size dim, int side, pdm_size j, places *out)
{
    pdm_status     status = PDM_OK;
    const pdm_map *map    = &d->spline[j].map;
    const pdm_size most   = 2 * pdm_pde_n_condition(d->pde) + 2;
    double        *end    = NULL;
    pdm_size       n      = 0;

    PDM_TRY(pdm_alloc_array(d->ctx, most, &end));
    PDM_TRY(pdm_alloc_array(d->ctx, 2 * most, &out->x[j]));
    end[n++] = map->low;
    end[n++] = map->high;
    for (pdm_size i = 0; i < pdm_pde_n_condition(d->pde); i++) {
        const pdm_condition *k = pdm_pde_condition(d->pde, i);
        if (!concerns(k, dim, side)) continue;
        if (k->part[j].low > map->low && k->part[j].low < map->high) end[n++] = k->part[j].low;
        if (k->part[j].high > map->low && k->part[j].high < map->high) end[n++] = k->part[j].high;
    }
    qsort(end, (size_t)n, sizeof *end, compare_reals);
    out->n[j] = 0;
    for (pdm_size i = 0; i + 1 < n; i++) {
        if (end[i + 1] == end[i]) continue;
        if (end[i] > map->low) out->x[j][out->n[j]++] = end[i];
        out->x[j][out->n[j]++] = 0.5 * (end[i] + end[i + 1]);
    }
done:
    pdm_free(d->ctx, end);
    return status;
}

/* The place of number i; returns false when there is none. */
static bool place_of(const pdm_domain *d, const places *p, pdm_size i, double *x)
{
    for (pdm_size j = d->n_dim - 1; j >= 0; j--) {
        x[j] = p->x[j][i % p->n[j]];
        i /= p->n[j];
    }
    return i == 0;
}

/* ---- conditions at a place --------------------------------------------------------------------------------------- */

/* Conditions one side of a bounded dimension takes for a field whose highest derivative across it is `order`: one for
 * first and second order, two for fourth. */
static pdm_size conditions_wanted(pdm_size order)
{
    return order == 0 ? 0 : (order + 1) / 2;
}

/* A side and a place; where conditions have parts, `at` is " at y = 0.25". */
typedef struct side_place {
    pdm_size         dim;
    int              side;
    const double    *x;
    char             at[160];
    domain_side_here here;
    const char      *why[PDM_MAX_FIELD]; /* what a field has of its own, in print; NULL: nothing */
} side_place;

static void name_place(const pdm_domain *d, bool parts, side_place *p)
{
    int n    = 0;
    p->at[0] = '\0';
    for (pdm_size j = 0; parts && j < d->n_dim; j++)
        if (j != p->dim && n < (int)sizeof p->at)
            n += snprintf(p->at + n, sizeof p->at - (size_t)n, "%s%.32s = %g", n ? ", " : " at ",
                          pdm_pde_dim_name(d->pde, j), p->x[j]);
}

static pdm_status nothing_there(pdm_domain *d, pdm_case *c, const side_place *p, pdm_size f)
{
    pdm_status  status = PDM_OK;
    const char *field  = pdm_pde_field_name(d->pde, f);
    char        attribute[128];
    pdm_where   where = pdm_case_where(c, "pde/boundary", NULL);

    snprintf(attribute, sizeof attribute, "%s_%s", pdm_pde_dim_name(d->pde, p->dim), side_name[p->side]);
    where.attribute = attribute;
    PDM_FAIL_AT(d->ctx, PDM_ERR_CASE, &where,
                "no condition for field \"%s\" on this side%s; expected one of \"%s = ...\", \"flux(%s) = ...\", "
                "another equation, or \"%s free\"",
                field, p->at, field, field, field);
done:
    return status;
}

static pdm_status too_many(pdm_domain *d, const side_place *p, pdm_size f, pdm_size n, const pdm_condition *k)
{
    pdm_status     status = PDM_OK;
    const pdm_size order = pdm_pde_order(d->pde, f, p->dim), wanted = conditions_wanted(order);
    const char    *dim = pdm_pde_dim_name(d->pde, p->dim);

    PDM_FAIL_AT(d->ctx, PDM_ERR_CASE, &k->where,
                "%s conditions on side %s_%s of field \"%s\"%s; at most %lld expected, its highest derivative "
                "in %s being of order %lld",
                n == 2 ? "two" : "too many", dim, side_name[p->side], pdm_pde_field_name(d->pde, f), p->at,
                (long long)wanted, dim, (long long)order);
done:
    return status;
}

/* Conditions that name the field: not too many of them, none beside "free", no value and no flux twice. */
static pdm_status check_named(pdm_domain *d, side_place *p, pdm_size f)
{
    pdm_status           status = PDM_OK;
    const pdm_size       wanted = conditions_wanted(pdm_pde_order(d->pde, f, p->dim));
    const char          *field = pdm_pde_field_name(d->pde, f), *dim = pdm_pde_dim_name(d->pde, p->dim);
    pdm_size             n = 0, n_free = 0;
    const pdm_condition *value = NULL, *flux = NULL;

    p->why[f] = NULL;
    for (pdm_size i = 0; i < pdm_pde_n_condition(d->pde); i++) {
        const pdm_condition *k = pdm_pde_condition(d->pde, i);
        if (!concerns(k, p->dim, p->side) || k->field != f || !k->named || !part_has(d, k, p->x)) continue;
        if (k->kind == PDM_CONDITION_FREE)
            n_free++;
        else
            n++;
        p->why[f] = k->kind == PDM_CONDITION_FREE        ? "free"
                    : k->kind == PDM_CONDITION_DIRICHLET ? "its value"
                                                         : "its flux";
        if (n > wanted || (n > 0 && n_free > 0) || n_free > 1) PDM_TRY(too_many(d, p, f, n + n_free, k));
        if (k->kind != PDM_CONDITION_DIRICHLET && k->kind != PDM_CONDITION_FLUX) continue;
        const pdm_condition **same = k->kind == PDM_CONDITION_FLUX ? &flux : &value;
        if (*same) /* the later one would win in silence */
            PDM_FAIL_AT(d->ctx, PDM_ERR_CASE, &k->where,
                        "the %s of \"%s\" on side %s_%s is prescribed twice%s, as %s and as %s; once expected",
                        same == &flux ? "flux" : "value", field, dim, side_name[p->side], p->at,
                        (*same)->function->text, k->function->text);
        *same = k;
    }
    p->here.wanted[f] = n_free > 0 ? 0 : wanted;
    p->here.named[f]  = n;
done:
    return status;
}

/* The conditions here that name no field, with what they counted for before. */
static void gather_general(pdm_domain *d, side_place *p)
{
    domain_side_here *here = &p->here;

    here->n = 0;
    for (pdm_size i = 0; i < pdm_pde_n_condition(d->pde); i++) {
        const pdm_condition *k = pdm_pde_condition(d->pde, i);
        if (!concerns(k, p->dim, p->side) || k->named || !part_has(d, k, p->x)) continue;
        here->condition[here->n]    = i;
        here->counts_for[here->n++] = d->counts_for[i];
    }
}

/* Condition number i of those here has no field left: says what its fields have. */
static pdm_status no_field_left(pdm_domain *d, const side_place *p, pdm_size i)
{
    pdm_status           status = PDM_OK;
    const pdm_condition *k      = pdm_pde_condition(d->pde, p->here.condition[i]);
    pdm_text             has    = {.ctx = d->ctx};
    pdm_size             n = 0, last = 0;

    for (pdm_size f = 0; f < d->n_field; f++) {
        if (!domain_condition_mentions(d, k, f, false)) continue;
        n++;
        last = f;
        PDM_TRY(pdm_text_append(&has, "%s \"%s\" has", has.length ? "," : "", pdm_pde_field_name(d->pde, f)));
        const size_t before = has.length;
        if (p->why[f]) PDM_TRY(pdm_text_append(&has, " %s", p->why[f]));
        for (pdm_size o = 0; o < p->here.n; o++)
            if (p->here.counts_for[o] == f)
                PDM_TRY(pdm_text_append(&has, "%s %.200s = 0", has.length > before ? " and" : "",
                                        pdm_pde_condition(d->pde, p->here.condition[o])->function->text));
        if (has.length == before) PDM_TRY(pdm_text_append(&has, " no derivative across it"));
    }
    if (n == 1) {
        pdm_size others = p->here.named[last] + 1 + (p->here.wanted[last] == 0 && p->why[last]);
        for (pdm_size o = 0; o < p->here.n; o++) others += p->here.counts_for[o] == last;
        PDM_TRY(too_many(d, p, last, others, k));
    }
    PDM_FAIL_AT(d->ctx, PDM_ERR_CASE, &k->where,
                "too many conditions on side %s_%s%s: no field is left that this one could count for:%s",
                pdm_pde_dim_name(d->pde, p->dim), side_name[p->side], p->at, has.data ? has.data : "");
done:
    pdm_text_destroy(&has);
    return status;
}

static pdm_status check_place(pdm_domain *d, pdm_case *c, side_place *p)
{
    pdm_status status = PDM_OK;

    for (pdm_size f = 0; f < d->n_field; f++) PDM_TRY(check_named(d, p, f));
    gather_general(d, p);
    const pdm_size left = domain_match_conditions(d, &p->here);
    if (left >= 0) PDM_TRY(no_field_left(d, p, left));
    for (pdm_size i = 0; i < p->here.n; i++) d->counts_for[p->here.condition[i]] = (int32_t)p->here.counts_for[i];
    for (pdm_size f = 0; f < d->n_field; f++) {
        pdm_size n = p->here.named[f];
        for (pdm_size i = 0; i < p->here.n; i++) n += p->here.counts_for[i] == f;
        if (n == 0 && p->here.wanted[f] > 0) PDM_TRY(nothing_there(d, c, p, f));
    }
done:
    return status;
}

/* ---- parts on the grid ------------------------------------------------------------------------------------------- */

/* What a part has along a dimension: control points (data) or cells. */
typedef struct part_share {
    pdm_size n, n_all;
    double   first, last; /* coordinates of control points, of middles of cells */
} part_share;

static part_share share_of(const pdm_domain *d, const pdm_condition *k, pdm_size j)
{
    const bool points = k->kind == PDM_CONDITION_DIRICHLET;
    part_share s      = {.n_all = points ? d->spline[j].n_coef : domain_n_cell(d, j)};

    for (pdm_size i = 0; i < s.n_all; i++) {
        const double x = points ? d->greville[j][i] : pdm_domain_cell_middle(d, j, i);
        if (!pdm_interval_has(&k->part[j], x)) continue;
        if (s.n++ == 0) s.first = x;
        s.last = x;
    }
    return s;
}

/* A part with nothing of the grid in it would be lost in silence. */
static pdm_status check_part(pdm_domain *d, const pdm_condition *k)
{
    pdm_status status = PDM_OK;
    for (pdm_size j = 0; j < d->n_dim; j++) {
        const pdm_map *map = &d->spline[j].map;
        if (is_everywhere(&k->part[j])) continue;
        if (k->part[j].low >= map->high || k->part[j].high <= map->low)
            PDM_FAIL_AT(d->ctx, PDM_ERR_CASE, &k->where, "no place of this side is where %s: %s runs from %g to %g",
                        k->part_text, pdm_pde_dim_name(d->pde, j), map->low, map->high);
        if (share_of(d, k, j).n == 0)
            PDM_FAIL_AT(d->ctx, PDM_ERR_CASE, &k->where,
                        "no %s along %s where %s: the grid is too coarse for this part; more control points expected",
                        k->kind == PDM_CONDITION_DIRICHLET ? "control point" : "middle of a cell",
                        pdm_pde_dim_name(d->pde, j), k->part_text);
    }
done:
    return status;
}

pdm_status domain_part_view(const pdm_domain *d, const pdm_condition *k, pdm_text *out)
{
    pdm_status status = PDM_OK;

    for (pdm_size j = 0; j < d->n_dim && k->kind != PDM_CONDITION_FREE; j++) {
        if (is_everywhere(&k->part[j])) continue;
        const part_share s = share_of(d, k, j);
        PDM_TRY(pdm_text_append(out, ", %lld of %lld %s along %s, %s %g to %g", (long long)s.n, (long long)s.n_all,
                                k->kind == PDM_CONDITION_DIRICHLET ? "control points" : "cells",
                                pdm_pde_dim_name(d->pde, j),
                                k->kind == PDM_CONDITION_DIRICHLET ? "at" : "with middles from", s.first, s.last));
    }
done:
    return status;
}

/* ---- all of it --------------------------------------------------------------------------------------------------- */

static pdm_status check_side(pdm_domain *d, pdm_case *c, pdm_size dim, int side)
{
    pdm_status     status = PDM_OK;
    places         p      = {0};
    bool           parts  = false;
    double         x[PDM_MAX_DIM];
    side_place     place = {.dim = dim, .side = side, .x = x};
    const pdm_size n     = pdm_pde_n_condition(d->pde);

    PDM_TRY(pdm_alloc_array(d->ctx, n, &place.here.condition));
    PDM_TRY(pdm_alloc_array(d->ctx, n, &place.here.counts_for));
    for (pdm_size j = 0; j < d->n_dim; j++) PDM_TRY(places_along(d, dim, side, j, &p));
    for (pdm_size i = 0; i < n; i++) {
        const pdm_condition *k = pdm_pde_condition(d->pde, i);
        if (!concerns(k, dim, side) || domain_part_is_whole(d, k->part)) continue;
        parts = true;
        PDM_TRY(check_part(d, k));
    }
    for (pdm_size i = 0; place_of(d, &p, i, x); i++) {
        name_place(d, parts, &place);
        PDM_TRY(check_place(d, c, &place));
    }
done:
    places_free(d, &p);
    pdm_free(d->ctx, place.here.condition);
    pdm_free(d->ctx, place.here.counts_for);
    return status;
}

/* No place of the side is inside. */
static pdm_status check_outside(pdm_domain *d, pdm_case *c, pdm_size dim, int side)
{
    pdm_status status = PDM_OK;
    (void)c;
    for (pdm_size i = 0; i < pdm_pde_n_condition(d->pde); i++) {
        const pdm_condition *k = pdm_pde_condition(d->pde, i);
        if (concerns(k, dim, side))
            PDM_FAIL_AT(d->ctx, PDM_ERR_CASE, &k->where,
                        "all of this side lies outside what /geometry:inside says; no condition expected");
    }
done:
    return status;
}

static pdm_status check_periodic(pdm_domain *d)
{
    pdm_status status = PDM_OK;
    for (pdm_size i = 0; i < pdm_pde_n_condition(d->pde); i++) {
        const pdm_condition *c = pdm_pde_condition(d->pde, i);
        if (d->spline[c->dim].periodic)
            PDM_FAIL_AT(d->ctx, PDM_ERR_CASE, &c->where,
                        "dimension \"%s\" is periodic: a condition on its side is not possible",
                        pdm_pde_dim_name(d->pde, c->dim));
    }
done:
    return status;
}

pdm_status domain_sides_check(pdm_domain *d, pdm_case *c)
{
    pdm_status     status = PDM_OK;
    const pdm_size first  = pdm_pde_has_time(d->pde) ? 1 : 0;

    PDM_TRY(pdm_alloc_array(d->ctx, pdm_pde_n_condition(d->pde), &d->counts_for));
    for (pdm_size i = 0; i < pdm_pde_n_condition(d->pde); i++) {
        const pdm_condition *k = pdm_pde_condition(d->pde, i);
        d->counts_for[i]       = k->named ? k->field : -1;
    }
    PDM_TRY(check_periodic(d));
    if (first == 1 && d->spline[0].periodic) {
        pdm_where where = pdm_case_where(c, "domain/t", "kind");
        PDM_FAIL_AT(d->ctx, PDM_ERR_CASE, &where, "time cannot be periodic; \"bounded\" expected");
    }
    for (pdm_size dim = first; dim < d->n_dim; dim++)
        for (int side = 0; side < 2 && !d->spline[dim].periodic; side++)
            PDM_TRY((d->shape && !d->shape->reaches[dim][side] ? check_outside : check_side)(d, c, dim, side));
done:
    return status;
}

pdm_size pdm_domain_condition_field(const pdm_domain *d, pdm_size condition)
{
    return d->counts_for[condition];
}
