/* The state at the start against what else holds there: fluxes and general conditions on sides, equations without time
 * derivatives, integrals of constraints. Sizes are relative to the largest of the terms. */
#include "problem/problem.h"

#include <math.h>

#include "problem/problem_impl.h"

/* ---- sides ---- */

/* The flux of a field's equation along a dimension; NULL: it has none. */
static const pdm_function *flux_of(const pdm_pde *pde, pdm_size equation, pdm_size dim)
{
    for (pdm_size i = 0; i < pdm_pde_n_term(pde); i++)
        if (pdm_pde_term(pde, i)->equation == equation && pdm_pde_term(pde, i)->dim == dim)
            return pdm_pde_term(pde, i)->function;
    return NULL;
}

/* Is point i of a side, on the state's coordinates, in the part of the condition? */
static bool is_in_part(const note_state *s, const pdm_condition *k, pdm_size i)
{
    bool is = true;
    for (pdm_size j = pdm_domain_n_dim(s->p->domain) - 1; j >= 0; j--) {
        const pdm_size n = j == k->dim ? 1 : s->n[j];
        is               = is && (j == k->dim || pdm_interval_has(&k->part[j], s->x[j][i % n]));
        i /= n;
    }
    return is;
}

/* Adds sign f at the points of the side to sum, allocated at first, and f's size to *size. */
static pdm_status add_side(const note_state *s, const pdm_condition *k, const pdm_function *f, double sign,
                           double **sum, pdm_size *n, double *size)
{
    pdm_status     status = PDM_OK;
    const pdm_map *map    = &pdm_domain_spline(s->p->domain, k->dim)->map;
    pdm_probe      at = {0}, over = {0};

    PDM_TRY(note_probe(s, f, &k->where, k->dim, k->side ? map->high : map->low, &at));
    PDM_TRY(note_probe(s, f, &k->where, -1, 0.0, &over));
    if (!*sum) PDM_TRY(pdm_alloc_array(s->p->ctx, at.n_point, sum));
    *n = at.n_point;
    for (pdm_size i = 0; i < at.n_point; i++) (*sum)[i] += sign * at.value[i];
    *size = fmax(*size, note_size(s, f, &at, &over));
done:
    pdm_probe_destroy(&at);
    pdm_probe_destroy(&over);
    return status;
}

pdm_status wall_misfit(const note_state *s, pdm_size condition, double *misfit, double *relative)
{
    pdm_status           status = PDM_OK;
    const pdm_condition *k      = pdm_pde_condition(s->p->pde, condition);
    const bool           flux   = k->kind == PDM_CONDITION_FLUX;
    const pdm_function  *across = flux ? flux_of(s->p->pde, k->field, k->dim) : NULL;
    double              *sum = NULL, size = 0.0;
    pdm_size             n = 0;

    *misfit = *relative = 0.0;
    if (!flux && k->kind != PDM_CONDITION_GENERAL) goto done;
    if (!note_is_known(s, k->function) || (flux && (!across || !note_is_known(s, across)))) goto done;
    PDM_TRY(add_side(s, k, k->function, 1.0, &sum, &n, &size));
    if (flux) PDM_TRY(add_side(s, k, across, -1.0, &sum, &n, &size));
    for (pdm_size i = 0; i < n; i++)
        if (is_in_part(s, k, i) && isfinite(sum[i])) *misfit = fmax(*misfit, fabs(sum[i]));
    if (size > 0.0) *relative = *misfit / size;
done:
    pdm_free(s->p->ctx, sum);
    return status;
}

static pdm_status note_walls(const note_state *s, pdm_notes *notes)
{
    pdm_status status = PDM_OK;

    for (pdm_size i = 0; i < pdm_pde_n_condition(s->p->pde); i++) {
        const pdm_condition *k = pdm_pde_condition(s->p->pde, i);
        double               misfit, relative;
        PDM_TRY(wall_misfit(s, i, &misfit, &relative));
        if (!(relative > 0.0)) continue;
        notes_add(notes, PDM_NOTE_WALL, i, relative,
                  "the initial state does not obey %s%s%s%.200s on %s_%s: off by %.3g, %.3g %% of its largest term",
                  k->kind == PDM_CONDITION_FLUX ? "flux(" : "",
                  k->kind == PDM_CONDITION_FLUX ? pdm_pde_field_name(s->p->pde, k->field) : k->function->text,
                  k->kind == PDM_CONDITION_FLUX ? ") = " : " = ",
                  k->kind == PDM_CONDITION_FLUX ? k->function->text : "0", pdm_pde_dim_name(s->p->pde, k->dim),
                  k->side ? "max" : "min", misfit, 1e2 * relative);
    }
done:
    return status;
}

/* ---- equations ---- */

static pdm_status note_equation(const note_state *s, pdm_size equation, pdm_notes *notes)
{
    pdm_status          status = PDM_OK;
    const pdm_function *f      = pdm_pde_strong(s->p->pde, equation);
    const char         *name   = pdm_pde_field_name(s->p->pde, equation);
    const pdm_where     where  = pdm_case_where(s->p->the_case, "pde/residuals", name);
    pdm_probe           at     = {0};
    double              most   = 0.0;

    if (f->n_atom == 0 || !note_is_known(s, f)) goto done;
    PDM_TRY(note_probe(s, f, &where, -1, 0.0, &at));
    for (pdm_size i = 0; i < at.n_point; i++)
        if (isfinite(at.value[i])) most = fmax(most, fabs(at.value[i]));
    const double size = note_size(s, f, &at, &at);
    if (size > 0.0)
        notes_add(notes, PDM_NOTE_STEADY, equation, most / size,
                  "the initial state does not obey equation %s, which has no time derivative: %.200s is up to %.3g, "
                  "%.3g %% of its largest term",
                  name, f->text, most, 1e2 * most / size);
done:
    pdm_probe_destroy(&at);
    return status;
}

/* ---- integrals ---- */

enum { N_GAUSS = 3 };
static const double GAUSS_POINT[N_GAUSS]  = {0.11270166537925831, 0.5, 0.88729833462074169};
static const double GAUSS_WEIGHT[N_GAUSS] = {5.0 / 18.0, 8.0 / 18.0, 5.0 / 18.0};
enum { INTEGRAL_POINTS_MOST = 300000 };

/* Gauss points of all knot spans, and their weights in the physical coordinate. */
static pdm_status gauss_points(pdm_context *ctx, const pdm_spline *s, pdm_size *n, double **x, double **weight)
{
    pdm_status status = PDM_OK;

    *n = N_GAUSS * s->n_element;
    PDM_TRY(pdm_alloc_array(ctx, *n, x));
    PDM_TRY(pdm_alloc_array(ctx, *n, weight));
    for (pdm_size i = 0; i < *n; i++) {
        const double *b    = s->breaks + i / N_GAUSS;
        const double  span = b[1] - b[0], xi = b[0] + span * GAUSS_POINT[i % N_GAUSS];
        double        slope[2];
        pdm_map_derivatives(&s->map, xi, 1, slope);
        (*x)[i]      = pdm_map_value(&s->map, xi);
        (*weight)[i] = span * GAUSS_WEIGHT[i % N_GAUSS] * slope[1];
    }
done:
    return status;
}

/* Integrals over space of an expression and of the sizes of its terms. */
static pdm_status integrate(const note_state *s, const pdm_constraint *k, double *integral, double *size)
{
    pdm_status        status         = PDM_OK;
    const pdm_domain *d              = s->p->domain;
    const pdm_size    n_dim          = pdm_domain_n_dim(d);
    pdm_size          n[PDM_MAX_DIM] = {1}, all = 1;
    double           *x[PDM_MAX_DIM] = {NULL}, *weight[PDM_MAX_DIM] = {NULL};
    const double     *lent[PDM_MAX_DIM] = {s->x[0]};
    pdm_probe         q                 = {0};

    *integral = *size = 0.0;
    for (pdm_size j = 1; j < n_dim; j++) {
        PDM_TRY(gauss_points(s->p->ctx, pdm_domain_spline(d, j), &n[j], &x[j], &weight[j]));
        lent[j] = x[j];
        all *= n[j];
    }
    if (all > INTEGRAL_POINTS_MOST) goto done;
    PDM_TRY(pdm_domain_probe(d, k->inside, &k->where, s->input, s->lift, n, lent, &q));
    for (pdm_size i = 0; i < q.n_point; i++) {
        double   w = 1.0, terms = 0.0, rest = q.value[i];
        pdm_size at = i;
        for (pdm_size j = n_dim - 1; j >= 1; j--) {
            w *= weight[j][at % n[j]];
            at /= n[j];
        }
        for (pdm_size a = 0; a < q.n_atom; a++) {
            const double term = q.partial[i * q.n_atom + a] * q.atom[i * q.n_atom + a];
            terms += fabs(term);
            rest -= term;
        }
        *integral += w * q.value[i];
        *size += w * (terms + fabs(rest));
    }
done:
    pdm_probe_destroy(&q);
    for (pdm_size j = 0; j < PDM_MAX_DIM; j++) {
        pdm_free(s->p->ctx, x[j]);
        pdm_free(s->p->ctx, weight[j]);
    }
    return status;
}

static pdm_status note_constraint(const note_state *s, pdm_size i, pdm_notes *notes)
{
    pdm_status            status = PDM_OK;
    const pdm_constraint *k      = pdm_pde_constraint(s->p->pde, i);
    pdm_probe             value  = {0};
    double                integral, size;

    if (!note_is_known(s, k->inside)) goto done;
    PDM_TRY(integrate(s, k, &integral, &size));
    PDM_TRY(note_probe(s, k->value, &k->where, -1, 0.0, &value));
    const double off = fabs(integral - value.value[0]), most = fmax(size, fabs(value.value[0]));
    if (most > 0.0 && isfinite(off) && size > 0.0)
        notes_add(notes, PDM_NOTE_CONSTRAINT, i, off / most,
                  "%s: the integral of %.150s is %.6g at the start, and %.6g is demanded: off by %.3g %%", k->name,
                  k->inside->text, integral, value.value[0], 1e2 * off / most);
done:
    pdm_probe_destroy(&value);
    return status;
}

pdm_status contradictions_find(const note_state *s, pdm_notes *notes)
{
    pdm_status status = PDM_OK;

    if (!pdm_pde_has_time(s->p->pde)) goto done;
    PDM_TRY(note_walls(s, notes));
    for (pdm_size e = 0; e < pdm_pde_n_equation(s->p->pde); e++) PDM_TRY(note_equation(s, e, notes));
    for (pdm_size i = 0; i < pdm_pde_n_constraint(s->p->pde); i++) PDM_TRY(note_constraint(s, i, notes));
done:
    return status;
}
