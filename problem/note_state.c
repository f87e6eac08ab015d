/* The state at the start of one input, which notes look at: its lift, and expressions on some points. */
#include "problem/problem.h"

#include <math.h>

#include "problem/problem_impl.h"

/* Along a dimension of space, for 1, 2, 3, 4 of them: probes are plain loops. */
static const pdm_size POINTS_MOST[] = {200, 40, 14, 8};
static const double   FLAT          = 1e-6; /* of a field over its extent: less of a derivative is rounding   */

/* Some of the control points of a dimension, its ends among them. */
static pdm_status choose_points(const note_state *s, pdm_size j, pdm_size n_space, pdm_size *n, double **out)
{
    pdm_status        status   = PDM_OK;
    const pdm_spline *spline   = pdm_domain_spline(s->p->domain, j);
    const double     *greville = pdm_domain_greville(s->p->domain, j);
    const pdm_size    most = POINTS_MOST[n_space > 0 ? n_space - 1 : 0], all = spline->n_coef;

    *n = all < most ? all : most;
    PDM_TRY(pdm_alloc_array(s->p->ctx, *n, out));
    for (pdm_size i = 0; i < *n; i++) (*out)[i] = greville[*n > 1 ? i * (all - 1) / (*n - 1) : 0];
done:
    return status;
}

pdm_status note_state_create(const pdm_problem *p, const double *input, note_state *out)
{
    pdm_status           status = PDM_OK;
    note_state           s      = {.p = p, .input = input};
    const pdm_rows_desc *rows   = pdm_domain_rows(p->domain);
    const pdm_size       size = rows->n_field * pdm_domain_n_coef(p->domain), n_dim = pdm_domain_n_dim(p->domain);
    const pdm_size       first = pdm_pde_has_time(p->pde) ? 1 : 0;

    PDM_TRY(pdm_alloc_array(p->ctx, size + rows->n_scalar + rows->n_sampled + pdm_domain_prepare_work(p->domain),
                            &s.memory));
    s.lift         = s.memory;
    double *scalar = s.lift + size, *sampled = scalar + rows->n_scalar, *work = sampled + rows->n_sampled;
    PDM_TRY(pdm_domain_prepare(p->domain, input, scalar, sampled, s.lift, work, &s.report));
    for (pdm_size j = first; j < n_dim; j++) PDM_TRY(choose_points(&s, j, n_dim - first, &s.n[j], &s.x[j]));
    if (first == 1) {
        s.n[0] = 1;
        PDM_TRY(pdm_alloc_array(p->ctx, 1, &s.x[0]));
        s.x[0][0] = pdm_domain_spline(p->domain, 0)->map.low;
    }
    *out = s;
    s    = (note_state){.p = p};
done:
    note_state_destroy(&s);
    return status;
}

void note_state_destroy(note_state *s)
{
    if (!s->p) return;
    pdm_free(s->p->ctx, s->memory);
    for (pdm_size j = 0; j < PDM_MAX_DIM; j++) pdm_free(s->p->ctx, s->x[j]);
    *s = (note_state){0};
}

pdm_status note_probe(const note_state *s, const pdm_function *f, const pdm_where *where, pdm_size dim, double at,
                      pdm_probe *out)
{
    pdm_size      n[PDM_MAX_DIM];
    const double *x[PDM_MAX_DIM];

    for (pdm_size j = 0; j < PDM_MAX_DIM; j++) {
        n[j] = j == dim ? 1 : s->n[j];
        x[j] = j == dim ? &at : s->x[j];
    }
    return pdm_domain_probe(s->p->domain, f, where, s->input, s->lift, n, x, out);
}

bool note_has_tables(const note_state *s, const pdm_function *f)
{
    bool has = true;
    for (pdm_size i = 0; i < f->n_atom + f->n_sampled; i++)
        for (pdm_size j = 0; j < pdm_domain_n_dim(s->p->domain); j++) {
            const bool     atom  = i < f->n_atom;
            const pdm_size k     = atom ? i : i - f->n_atom;
            const int32_t  order = atom ? f->atom[k].order[j] : f->sampled[k].order[j];
            const bool     cells = !atom && order > 0 && f->sampled[k].input >= 0 &&
                               pdm_domain_input_on_cells(s->p->domain, f->sampled[k].input);
            has = has && !cells && order <= PDM_MAX_ORDER && order <= pdm_domain_spline(s->p->domain, j)->degree;
        }
    return has;
}

static bool has_start(const note_state *s, pdm_size field)
{
    for (pdm_size i = 0; i < pdm_pde_n_initial(s->p->pde); i++)
        if (pdm_pde_initial(s->p->pde, i)->field == field) return true;
    return false;
}

bool note_is_known(const note_state *s, const pdm_function *f)
{
    const pdm_pde *pde   = s->p->pde;
    bool           known = pdm_pde_has_time(pde) && note_has_tables(s, f);

    for (pdm_size a = 0; a < f->n_atom; a++) {
        const pdm_size k = f->atom[a].field, n = pdm_pde_n_field(pde);
        known = known && f->atom[a].order[0] == 0 && has_start(s, k < n ? k : pdm_pde_derived(pde, k - n)->field);
    }
    return known;
}

/* The largest value of an atom on the probe; of a derivative no less than what a flat field's rounding leaves. */
static double atom_size(const note_state *s, const pdm_atom *atom, pdm_size a, const pdm_probe *over)
{
    const pdm_size n_coef = pdm_domain_n_coef(s->p->domain);
    double         most = 0.0, flat = FLAT;

    for (pdm_size i = 0; i < over->n_point; i++)
        if (isfinite(over->atom[i * over->n_atom + a])) most = fmax(most, fabs(over->atom[i * over->n_atom + a]));
    if (atom->field >= pdm_domain_n_field(s->p->domain)) return most;
    for (pdm_size j = 0; j < pdm_domain_n_dim(s->p->domain); j++) {
        const pdm_map *map = &pdm_domain_spline(s->p->domain, j)->map;
        flat /= pow(map->high - map->low, atom->order[j]);
    }
    double field = 0.0;
    for (pdm_size i = 0; i < n_coef; i++) field = fmax(field, fabs(s->lift[atom->field * n_coef + i]));
    return fmax(most, flat * field);
}

double note_size(const note_state *s, const pdm_function *f, const pdm_probe *at, const pdm_probe *over)
{
    double most = 0.0;

    for (pdm_size a = 0; a < f->n_atom; a++) {
        const double size = atom_size(s, &f->atom[a], a, over);
        for (pdm_size i = 0; i < at->n_point; i++) {
            const double term = fabs(at->partial[i * at->n_atom + a]) * size;
            if (isfinite(term)) most = fmax(most, term);
        }
    }
    for (pdm_size i = 0; i < at->n_point; i++) {
        double rest = at->value[i];
        for (pdm_size a = 0; a < f->n_atom; a++) rest -= at->partial[i * at->n_atom + a] * at->atom[i * at->n_atom + a];
        if (isfinite(rest)) most = fmax(most, fabs(rest));
    }
    return most;
}

double note_coefficient(const pdm_function *f, pdm_size field, pdm_size dim, int32_t across, int32_t in_time,
                        const pdm_probe *q, pdm_size i)
{
    for (pdm_size a = 0; a < f->n_atom; a++) {
        const pdm_atom *atom = &f->atom[a];
        bool            is   = atom->field == (int32_t)field;
        for (pdm_size j = 0; j < PDM_MAX_DIM; j++)
            is = is && atom->order[j] == (j == dim ? across : j == 0 ? in_time : 0);
        if (is) return q->partial[i * q->n_atom + a];
    }
    return 0.0;
}

pdm_status note_flatten(const note_state *s, double **lift)
{
    pdm_status     status = PDM_OK;
    const pdm_size n_coef = pdm_domain_n_coef(s->p->domain), n_field = pdm_domain_n_field(s->p->domain);

    PDM_TRY(pdm_alloc_array(s->p->ctx, n_field * n_coef, lift));
    for (pdm_size f = 0; f < n_field; f++) {
        double mean = 0.0;
        for (pdm_size i = 0; i < n_coef; i++) mean += s->lift[f * n_coef + i] / (double)n_coef;
        for (pdm_size i = 0; i < n_coef; i++) (*lift)[f * n_coef + i] = mean;
    }
done:
    return status;
}
