/* Initial and boundary conditions on somebody's data: root mean square of the misfit over the points of a side,
 * relative to the size, over the whole domain, of what the condition is made of. */
#include "evidence/evidence.h"

#include <math.h>
#include <stdio.h>

#include "evidence/evidence_impl.h"

enum { COARSE = 24 };                        /* points a dimension for sizes                                     */
static const double      NOTABLE     = 0.02; /* a relative misfit that is a note                                  */
static const char *const side_name[] = {"min", "max"};

/* A tensor grid of points, with the coordinates' arrays of its own. */
typedef struct point_set {
    pdm_size n[PDM_MAX_DIM], n_point;
    double  *x[PDM_MAX_DIM];
} point_set;

static void points_free(data_grid *g, point_set *p)
{
    for (pdm_size j = 0; j < PDM_MAX_DIM; j++) pdm_free(g->ctx, p->x[j]);
    *p = (point_set){0};
}

/* Points of the data, all or about COARSE a dimension, without the first (and in space the last) of bounded dimensions:
 * derivatives may be infinite there, and data of two conditions may disagree in corners. Dimension `dim` (-1: none) has
 * the one point `at`. */
static pdm_status points_choose(data_grid *g, pdm_size dim, double at, bool coarse, point_set *p)
{
    pdm_status status = PDM_OK;
    point_set  set    = {.n_point = 1};

    for (pdm_size j = 0; j < pdm_domain_n_dim(g->on->domain); j++) {
        const bool     periodic = pdm_domain_spline(g->on->domain, j)->periodic;
        const bool     time     = j == 0 && pdm_pde_has_time(g->on->pde);
        const pdm_size n = g->n_used[j], first = periodic || n < 3 ? 0 : 1,
                       last = periodic || time || n < 3 ? n : n - 1;
        const pdm_size step = coarse && last - first > COARSE ? (last - first) / COARSE : 1;
        set.n[j]            = j == dim ? 1 : (last - first + step - 1) / step;
        PDM_TRY(pdm_alloc_array(g->ctx, set.n[j], &set.x[j]));
        for (pdm_size i = 0; i < set.n[j]; i++) set.x[j][i] = j == dim ? at : g->x.coordinate[j][first + i * step];
        set.n_point *= set.n[j];
    }
    *p  = set;
    set = (point_set){0};
done:
    points_free(g, &set);
    return status;
}

/* Where scalar number i stands in a packed input. */
static pdm_size scalar_offset(const pdm_problem *p, int32_t number)
{
    for (pdm_size i = 0; i < pdm_pde_n_input(p->pde); i++)
        if (pdm_pde_input(p->pde, i)->scalar == number) return pdm_domain_input_offset(p->domain, i);
    return 0;
}

/* out [n_point] of the sample that is prepared. */
static pdm_status atom_values(data_grid *g, const point_set *p, const pdm_atom *atom, double *out)
{
    pdm_status       status = PDM_OK;
    pdm_backend     *b      = g->on->backend;
    pdm_point_grid   grid   = {0};
    pdm_points_plan *plan   = NULL;
    pdm_buffer      *values = NULL;
    void            *host   = NULL;
    const int32_t    zero   = 0;
    const double    *x[PDM_MAX_DIM];

    for (pdm_size j = 0; j < PDM_MAX_DIM; j++) x[j] = p->x[j];
    PDM_TRY(pdm_point_grid_create(g->on->domain, p->n, x, &grid));
    PDM_TRY(b->ops->points_create(b, &grid.desc, &plan));
    PDM_TRY(b->ops->buffer_create(b, (size_t)p->n_point * sizeof(double), &values));
    PDM_TRY(b->ops->points_evaluate(b, plan, (pdm_batch){1, &zero}, *atom, g->c, values));
    PDM_TRY(b->ops->acquire(b, values, PDM_READ, &host));
    for (pdm_size i = 0; i < p->n_point; i++) out[i] = ((const double *)host)[i];
done:
    status = pdm_release(b, status, values, &host);
    b->ops->buffer_destroy(b, &values);
    b->ops->points_destroy(b, &plan);
    pdm_point_grid_destroy(&grid);
    return status;
}

/* An input given as a field, or a derivative of it, as an expression of its own. */
static pdm_status sampled_values(data_grid *g, const point_set *p, const pdm_sampled_input *s, const double *input,
                                 double *out)
{
    pdm_status          status = PDM_OK;
    pdm_text            text   = {.ctx = g->ctx};
    const pdm_function *f      = NULL;
    const pdm_where     at     = {.offset = -1};
    const double       *x[PDM_MAX_DIM];

    for (pdm_size j = 0; j < PDM_MAX_DIM; j++) {
        x[j] = p->x[j];
        for (int32_t k = 0; k < s->order[j]; k++) PDM_TRY(pdm_text_append(&text, "diff("));
    }
    PDM_TRY(pdm_text_append(&text, "%s", pdm_pde_input(g->on->pde, s->input)->name));
    for (pdm_size j = 0; j < pdm_domain_n_dim(g->on->domain); j++)
        for (int32_t k = 0; k < s->order[j]; k++)
            PDM_TRY(pdm_text_append(&text, ", %s)", pdm_pde_dim_name(g->on->pde, j)));
    PDM_TRY(pdm_pde_compile(g->on->pde, text.data, at, false, &f));
    PDM_TRY(pdm_domain_evaluate(g->on->domain, f, &at, input, p->n, x, out));
done:
    pdm_text_destroy(&text);
    return status;
}

/* Values of a function with fields on points; with parts also sum over atoms of (df/datom * atom)^2. */
static pdm_status function_values(data_grid *g, const pdm_function *f, pdm_size sample, const point_set *p, double *out,
                                  double *parts)
{
    pdm_status     status = PDM_OK;
    const pdm_size n      = p->n_point;
    const double  *input  = g->x.input + sample * pdm_domain_n_input(g->on->domain);
    double        *atom = NULL, *sampled = NULL, *in = NULL, *work = NULL, *result = NULL;

    PDM_TRY(pdm_alloc_array(g->ctx, f->n_atom * n, &atom));
    PDM_TRY(pdm_alloc_array(g->ctx, f->n_sampled * n, &sampled));
    PDM_TRY(pdm_alloc_array(g->ctx, f->n_input, &in));
    PDM_TRY(pdm_alloc_array(g->ctx, f->partial->n_register, &work));
    PDM_TRY(pdm_alloc_array(g->ctx, 1 + f->n_atom, &result));
    for (pdm_size k = 0; k < f->n_atom; k++) PDM_TRY(atom_values(g, p, &f->atom[k], atom + k * n));
    for (pdm_size k = 0; k < f->n_sampled; k++) PDM_TRY(sampled_values(g, p, &f->sampled[k], input, sampled + k * n));
    for (pdm_size i = 0; i < n; i++) {
        pdm_size index[PDM_MAX_DIM], rest = i;
        for (pdm_size j = pdm_domain_n_dim(g->on->domain) - 1; j >= 0; j--) {
            index[j] = rest % p->n[j];
            rest /= p->n[j];
        }
        for (pdm_size k = 0; k < f->n_input; k++) {
            const int32_t q = f->input[k].index;
            switch ((pdm_input_kind)f->input[k].kind) {
            case PDM_INPUT_ATOM: in[k] = atom[q * n + i]; break;
            case PDM_INPUT_COORDINATE: in[k] = p->x[q][index[q]]; break;
            case PDM_INPUT_SCALAR: in[k] = input[scalar_offset(g->on, q)]; break;
            case PDM_INPUT_FIELD: in[k] = sampled[q * n + i]; break;
            }
        }
        pdm_program_evaluate(f->partial, in, result, work);
        out[i] = result[0];
        if (!parts) continue;
        parts[i] = 0.0;
        for (pdm_size k = 0; k < f->n_atom; k++)
            parts[i] += result[1 + k] * atom[k * n + i] * result[1 + k] * atom[k * n + i];
    }
done:
    pdm_free(g->ctx, atom);
    pdm_free(g->ctx, sampled);
    pdm_free(g->ctx, in);
    pdm_free(g->ctx, work);
    pdm_free(g->ctx, result);
    return status;
}

/* What is to be zero on some points: a function less another, or a field (atom) less a function. */
typedef struct demand {
    const pdm_function *left;  /* NULL: the atom          */
    const pdm_function *right; /* NULL: nothing           */
    pdm_atom            atom;
    pdm_size            dim;
    double              at;
    const pdm_interval *part; /* [n_dim] where; NULL: on the whole side */
} demand;

static bool is_demanded(const demand *d, pdm_size n_dim, const point_set *p, pdm_size i)
{
    bool has = true;
    for (pdm_size j = n_dim - 1; j >= 0 && d->part; j--) {
        has = has && pdm_interval_has(&d->part[j], p->x[j][i % p->n[j]]);
        i /= p->n[j];
    }
    return has;
}

/* Adds up squares of the misfit of one sample, or with size of what the left side is made of, over the whole domain. */
static pdm_status add_squares(data_grid *g, const demand *d, pdm_size sample, bool size, double *sum, pdm_size *n)
{
    pdm_status status = PDM_OK;
    point_set  p      = {0};
    double    *left = NULL, *right = NULL, *parts = NULL;

    PDM_TRY(points_choose(g, size ? -1 : d->dim, d->at, size, &p));
    PDM_TRY(pdm_alloc_array(g->ctx, p.n_point, &left));
    PDM_TRY(pdm_alloc_array(g->ctx, p.n_point, &right));
    PDM_TRY(pdm_alloc_array(g->ctx, p.n_point, &parts));
    PDM_TRY(d->left ? function_values(g, d->left, sample, &p, left, parts) : atom_values(g, &p, &d->atom, left));
    if (d->right && !size) PDM_TRY(function_values(g, d->right, sample, &p, right, NULL));
    for (pdm_size i = 0; i < p.n_point; i++) {
        if (!size && !is_demanded(d, pdm_domain_n_dim(g->on->domain), &p, i)) continue;
        const double e = left[i] - right[i], square = size && d->left ? parts[i] : e * e;
        *sum += square;
        (*n)++;
    }
done:
    points_free(g, &p);
    pdm_free(g->ctx, left);
    pdm_free(g->ctx, right);
    pdm_free(g->ctx, parts);
    return status;
}

/* The flux of an equation in a dimension; NULL: none. */
static const pdm_function *flux_of(const pdm_pde *p, pdm_size equation, pdm_size dim)
{
    for (pdm_size i = 0; i < pdm_pde_n_term(p); i++)
        if (pdm_pde_term(p, i)->equation == equation && pdm_pde_term(p, i)->dim == dim)
            return pdm_pde_term(p, i)->function;
    return NULL;
}

/* Tables hold the orders that equations and conditions of the data's grid need, two at least. */
static bool is_too_high(const pdm_function *f)
{
    for (pdm_size a = 0; f && a < f->n_atom; a++)
        for (pdm_size j = 0; j < PDM_MAX_DIM; j++)
            if (f->atom[a].order[j] > 2) return true;
    return false;
}

static pdm_status report(data_grid *g, const demand *d, const char *label, const char *what, pdm_size number,
                         findings *out)
{
    pdm_status status = PDM_OK;
    double     misfit = 0.0, size = 0.0;
    pdm_size   n_misfit = 0, n_size = 0;

    for (pdm_size s = 0; s < g->x.n_sample; s++) {
        PDM_TRY(data_grid_prepare(g, s, false));
        PDM_TRY(add_squares(g, d, s, false, &misfit, &n_misfit));
        PDM_TRY(add_squares(g, d, s, true, &size, &n_size));
    }
    if (n_misfit == 0) {
        PDM_TRY(pdm_text_append(&out->text, "%-10s %-46s not checked: no point of the data is there\n", label, what));
        goto done;
    }
    misfit                = sqrt(misfit / (double)n_misfit);
    size                  = sqrt(size / (double)n_size);
    const double relative = size > 0.0 ? misfit / size : misfit > 0.0 ? INFINITY : 0.0;
    const bool   note     = !(relative <= NOTABLE);
    PDM_TRY(pdm_text_append(&out->text, "%-10s %-46s %11.3e  %9.3g %%%s\n", label, what, misfit, 100.0 * relative,
                            note ? "  the data do not meet it" : ""));
    PDM_TRY(findings_number(out, relative, "condition.%lld.misfit", (long long)number));
    out->n_note += note;
done:
    return status;
}

static pdm_status check_initial(data_grid *g, pdm_size i, pdm_size number, findings *out)
{
    pdm_status         status = PDM_OK;
    const pdm_initial *k      = pdm_pde_initial(g->own->pde, i);
    char               label[80], what[48];
    demand             d = {.right = k->function, .atom = {.field = k->field}, .dim = 0, .at = g->x.coordinate[0][0]};

    snprintf(label, sizeof label, "%s = %.4g", pdm_pde_dim_name(g->on->pde, 0), d.at);
    snprintf(what, sizeof what, "%.12s%s = %.30s", pdm_pde_field_name(g->on->pde, k->field), k->order ? "_t" : "",
             k->given->text);
    d.atom.order[0] = k->order;
    if (g->ends[0][0])
        PDM_TRY(report(g, &d, label, what, number, out));
    else
        PDM_TRY(pdm_text_append(&out->text, "%-10s %-46s not checked: the data start later\n", label, what));
done:
    return status;
}

static pdm_status check_side(data_grid *g, const pdm_condition *k, pdm_size number, findings *out)
{
    pdm_status     status = PDM_OK;
    const pdm_map *map    = &pdm_domain_spline(g->on->domain, k->dim)->map;
    demand         d      = {.dim = k->dim, .at = k->side ? map->high : map->low, .part = k->part};
    const char    *field  = pdm_pde_field_name(g->on->pde, k->field);
    char           label[80], what[48];

    snprintf(label, sizeof label, "%.40s_%s", pdm_pde_dim_name(g->on->pde, k->dim), side_name[k->side]);
    switch (k->kind) {
    case PDM_CONDITION_FREE: return PDM_OK;
    case PDM_CONDITION_DIRICHLET:
        d.atom.field = k->field;
        d.right      = k->function;
        snprintf(what, sizeof what, "%.12s = %.30s", field, k->given->text);
        break;
    case PDM_CONDITION_FLUX:
        d.left  = flux_of(g->own->pde, k->field, k->dim);
        d.right = k->function;
        snprintf(what, sizeof what, "flux(%.12s) = %.25s", field, k->function->text);
        break;
    case PDM_CONDITION_GENERAL:
        d.left = k->function;
        snprintf(what, sizeof what, "%.38s = 0", k->function->text);
        break;
    }
    if (!g->ends[k->dim][k->side])
        PDM_TRY(pdm_text_append(&out->text, "%-10s %-46s not checked: the data end before\n", label, what));
    else if (is_too_high(d.left) || is_too_high(d.right))
        PDM_TRY(pdm_text_append(&out->text, "%-10s %-46s not checked: its derivatives are too high\n", label, what));
    else
        PDM_TRY(report(g, &d, label, what, number, out));
done:
    return status;
}

pdm_status conditions_check(data_grid *g, findings *out)
{
    pdm_status     status = PDM_OK;
    const pdm_pde *p      = g->own->pde;
    pdm_size       number = 0;

    if (pdm_pde_n_initial(p) + pdm_pde_n_condition(p) == 0) return PDM_OK;
    PDM_TRY(pdm_text_append(&out->text, "%-57s %11s  %11s\n", "conditions", "rms misfit", "relative"));
    for (pdm_size i = 0; i < pdm_pde_n_initial(p); i++) PDM_TRY(check_initial(g, i, number++, out));
    for (pdm_size i = 0; i < pdm_pde_n_condition(p); i++)
        PDM_TRY(check_side(g, pdm_pde_condition(p, i), number++, out));
done:
    return status;
}
