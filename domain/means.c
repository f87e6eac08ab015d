/* Initial data that jump, or are narrower than knot spans: not the spline through values, which has another integral, but
 * the nearest one,
 *     min |s - u|^2,   integral s = integral u,   s = u at ends of a dimension where sides prescribe it,
 * dimension by dimension. With M the matrix of products of the functions and b their products with u,
 *     c = M^-1 b + sum over ends  lambda_k (M^-1 e_k - 1),
 * as M^-1 e_k has the integral 1 in a dimension of length 1. docs/mathematics.md, "Data that jump". */
#include "domain/domain_impl.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    MOST_CUTS  = 256,  /* of knot spans along a dimension                                    */
    SAMPLES    = 1024, /* along a dimension, in which what jumps may change its sign         */
    MOST_SUB   = 8,    /* parts of a span, where it is not known where data jump or are what */
    MOST_POINT = 65536 /* then */
};
static const double EVEN    = 6.0; /* widths about a narrow feature that are cut in halves of one */
static const double APART   = 1e-13;
static const double REGULAR = 1e-12; /* of the matrix for the ends */

typedef struct means_cuts {
    pdm_size n;
    double   xi[MOST_CUTS];
} means_cuts;

/* An initial layer. */
typedef struct means_layer {
    bool       may, narrow, on_cells; /* may: at least one of narrow, on_cells, jumps */
    bool       keep[PDM_MAX_DIM][2];  /* the values at the ends                       */
    means_cuts cuts[PDM_MAX_DIM];     /* that all inputs have                         */
} means_layer;

struct domain_means {
    pdm_spline_fit *fit[PDM_MAX_DIM];
    double         *change[PDM_MAX_DIM][2]; /* [n_coef] M^-1 e_k - 1, e_k the outermost function */
    means_layer    *layer;                  /* [n_initial]                                       */
};

/* ---- cuts ---- */

static void add_cut(means_cuts *k, double xi)
{
    if (xi > APART && xi < 1.0 - APART && k->n < MOST_CUTS) k->xi[k->n++] = xi;
}

static void add_place(means_cuts *k, const pdm_map *map, double x)
{
    if (x > map->low && x < map->high) add_cut(k, pdm_map_inverse(map, x));
}

static void cut_about(means_cuts *k, const pdm_map *map, const pdm_feature *f)
{
    add_place(k, map, f->at);
    for (double w = 0.5; w * f->width < map->high - map->low; w = w < EVEN ? w + 0.5 : 1.5 * w) {
        add_place(k, map, f->at - w * f->width);
        add_place(k, map, f->at + w * f->width);
    }
}

static double jump_value(const pdm_function *f, double x, const double *scalar, double *work)
{
    double out;
    for (pdm_size i = 0; i < f->n_input; i++)
        work[i] = f->input[i].kind == PDM_INPUT_SCALAR ? scalar[f->input[i].index] : x;
    pdm_program_evaluate(f->value, work, &out, work + f->n_input);
    return out;
}

/* Where an expression of one coordinate changes its sign within the extent. work [n_input + n_register] */
static void cut_at_zeros(means_cuts *k, const pdm_map *map, const pdm_function *f, const double *scalar, double *work)
{
    const double step   = (map->high - map->low) / SAMPLES;
    double       before = jump_value(f, map->low, scalar, work);

    for (int i = 1; i <= SAMPLES; i++) {
        double       low = map->low + step * (i - 1), high = i < SAMPLES ? map->low + step * i : map->high;
        const double value = jump_value(f, high, scalar, work);
        for (int turn = 0; turn < 200 && before * value < 0.0; turn++) {
            const double middle = 0.5 * (low + high), there = jump_value(f, middle, scalar, work);
            if (!(middle > low && middle < high)) break;
            if (there * before > 0.0)
                low = middle;
            else
                high = middle;
        }
        if (before * value < 0.0 || value == 0.0) add_place(k, map, high);
        before = value;
    }
}

/* ---- what there is ---- */

static void find_narrow(const pdm_domain *d, const pdm_unseen_list *list, pdm_size i, means_layer *k)
{
    for (pdm_size q = 0; q < list->n; q++) {
        const pdm_unseen *u = &list->item[q];
        if (u->field != d->initial[i].field || u->order != d->initial[i].order) continue;
        k->narrow = true;
        for (pdm_size j = 1; j < d->n_dim; j++)
            for (pdm_size f = 0; f < u->n_feature[j]; f++) cut_about(&k->cuts[j], &d->spline[j].map, &u->feature[j][f]);
    }
}

static void find_cells(const pdm_domain *d, pdm_size i, means_layer *k)
{
    const pdm_function *f = d->initial[i].function;
    for (pdm_size s = 0; s < f->n_sampled; s++) {
        const pdm_size        n     = f->sampled[s].input;
        const domain_cells   *cells = &d->cells[n];
        const pdm_input_info *info  = pdm_pde_input(d->pde, n);
        for (pdm_size q = 0; cells->used && q < info->n_dim; q++)
            for (pdm_size c = 1; c < cells->n[q]; c++)
                add_place(&k->cuts[info->dim[q]], &d->spline[info->dim[q]].map, cells->edge[q][c]);
        k->on_cells = k->on_cells || cells->used;
    }
}

static void find_layer(const pdm_domain *d, const pdm_unseen_list *list, pdm_size i, means_layer *k)
{
    const domain_layer *l = &d->initial[i];
    if (pdm_pde_is_transformed(d->pde, l->field)) return; /* its spline is not what has the integral */
    find_narrow(d, list, i, k);
    find_cells(d, i, k);
    k->may = k->narrow || k->on_cells || l->initial->n_jump > 0;
    for (pdm_size s = 0; s < d->n_side; s++)
        if (d->side[s].field == l->field) k->keep[d->side[s].dim][d->side[s].side] = true;
}

/* ---- a dimension: matrix, and what keeps its ends ---- */

static pdm_status create_ends(domain_means *m, const pdm_spline *s, pdm_size j)
{
    pdm_status status = PDM_OK;
    for (int side = 0; side < 2 && !s->periodic; side++) {
        PDM_TRY(pdm_alloc_array(s->ctx, s->n_coef, &m->change[j][side]));
        m->change[j][side][side ? s->n_coef - 1 : 0] = 1.0;
        pdm_spline_fit_solve(m->fit[j], m->change[j][side]);
        for (pdm_size i = 0; i < s->n_coef; i++) m->change[j][side][i] -= 1.0;
    }
done:
    return status;
}

/* Weight of a point in xi, of a dimension of length 1. */
static double weight_at(const pdm_map *map, double xi)
{
    double dx[2];
    pdm_map_derivatives(map, xi, 1, dx);
    return dx[1] / (map->high - map->low);
}

/* Two Gauss rules a span. *possible false: there is no fit. */
static pdm_status create_line(domain_means *m, const pdm_spline *s, pdm_size j, bool *possible)
{
    pdm_status     status = PDM_OK;
    const pdm_size n      = 2 * s->n_span * DOMAIN_GAUSS_MOST;
    const double  *node, *share;
    double        *xi = NULL, *weight;

    domain_gauss(DOMAIN_GAUSS_MOST, &node, &share);
    PDM_TRY(pdm_alloc_array(s->ctx, 2 * n, &xi));
    weight = xi + n;
    for (pdm_size q = 0; q < n; q++) {
        const pdm_size e = q / (2 * DOMAIN_GAUSS_MOST), half = q / DOMAIN_GAUSS_MOST % 2, g = q % DOMAIN_GAUSS_MOST;
        const double   length = 0.5 * (s->ends[e + 1] - s->ends[e]);
        xi[q]                 = s->ends[e] + length * ((double)half + node[g]);
        weight[q]             = length * share[g] * weight_at(&s->map, xi[q]);
    }
    PDM_TRY(pdm_spline_fit_create(s, n, xi, weight, &m->fit[j], possible));
    if (*possible) PDM_TRY(create_ends(m, s, j));
done:
    pdm_free(s->ctx, xi);
    return status;
}

pdm_status domain_means_create(pdm_domain *d)
{
    pdm_status      status   = PDM_OK;
    domain_means   *m        = NULL;
    bool            possible = true, any = false;
    pdm_unseen_list list;

    if (d->n_initial == 0 || d->n_dim == 1) return PDM_OK;
    PDM_TRY(pdm_domain_unseen(d, NULL, NULL, PDM_UNSEEN_START, &list));
    PDM_TRY(pdm_alloc(d->ctx, sizeof *m, &m));
    d->means = m;
    PDM_TRY(pdm_alloc_array(d->ctx, d->n_initial, &m->layer));
    for (pdm_size i = 0; i < d->n_initial; i++) {
        find_layer(d, &list, i, &m->layer[i]);
        any = any || m->layer[i].may;
    }
    for (pdm_size j = 1; j < d->n_dim && any && possible; j++) {
        possible = d->spline[j].n_coef > 2;
        if (possible) PDM_TRY(create_line(m, &d->spline[j], j, &possible));
    }
    if (!any || !possible) domain_means_destroy(d);
done:
    return status;
}

void domain_means_destroy(pdm_domain *d)
{
    domain_means *m = d->means;
    if (!m) return;
    for (pdm_size j = 0; j < PDM_MAX_DIM; j++) {
        pdm_spline_fit_destroy(&m->fit[j]);
        pdm_free(d->ctx, m->change[j][0]);
        pdm_free(d->ctx, m->change[j][1]);
    }
    pdm_free(d->ctx, m->layer);
    pdm_free(d->ctx, m);
    d->means = NULL;
}

/* ---- one sample: points along a dimension ---- */

/* Both ends, without weight, and between them Gauss points of all pieces. */
typedef struct means_line {
    pdm_axis axis;
    double  *xi, *weight, *coordinate, *basis;
    int32_t *element;
} means_line;

static void line_destroy(const pdm_domain *d, means_line *k)
{
    pdm_free(d->ctx, k->xi);
    pdm_free(d->ctx, k->element);
}

static int by_size(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* All ends of pieces, rising: *n; allocated. */
static pdm_status list_ends(const pdm_spline *s, const means_cuts *cuts, pdm_size *n, double **out)
{
    pdm_status status = PDM_OK;
    *n                = s->n_span + 1 + cuts->n;
    PDM_TRY(pdm_alloc_array(s->ctx, *n, out));
    memcpy(*out, s->ends, (size_t)(s->n_span + 1) * sizeof **out);
    memcpy(*out + s->n_span + 1, cuts->xi, (size_t)cuts->n * sizeof **out);
    qsort(*out, (size_t)*n, sizeof **out, by_size);
done:
    return status;
}

static pdm_status line_allocate(const pdm_spline *s, pdm_size n, pdm_size n_order, means_line *k)
{
    pdm_status status = PDM_OK;
    PDM_TRY(pdm_alloc_array(s->ctx, n * (3 + n_order * (s->degree + 1)), &k->xi));
    PDM_TRY(pdm_alloc_array(s->ctx, n, &k->element));
    k->weight     = k->xi + n;
    k->coordinate = k->weight + n;
    k->basis      = k->coordinate + n;
done:
    return status;
}

static void line_tables(const pdm_spline *s, pdm_size n, pdm_size n_order, const pdm_size *element, means_line *k)
{
    domain_axis_tables(s, n, k->xi, element, n_order, k->element, k->coordinate, k->basis);
    k->axis = (pdm_axis){.n_point = n, .coordinate = k->coordinate, .element = k->element, .basis = k->basis};
}

static pdm_status line_create(const pdm_spline *s, const means_cuts *cuts, pdm_size sub, pdm_size n_order,
                              means_line *k)
{
    pdm_status    status = PDM_OK;
    const double *node, *share;
    double       *ends    = NULL;
    pdm_size     *element = NULL, n_end, n = 1;

    domain_gauss(DOMAIN_GAUSS_MOST, &node, &share);
    PDM_TRY(list_ends(s, cuts, &n_end, &ends));
    const pdm_size most = 2 + (n_end - 1) * sub * DOMAIN_GAUSS_MOST;
    PDM_TRY(line_allocate(s, most, n_order, k));
    PDM_TRY(pdm_alloc_array(s->ctx, most, &element));
    for (pdm_size e = 0; e + 1 < n_end; e++) {
        const double length = (ends[e + 1] - ends[e]) / (double)sub;
        if (!(length > APART)) continue;
        for (pdm_size q = 0; q < sub * DOMAIN_GAUSS_MOST; q++, n++) {
            const pdm_size g = q % DOMAIN_GAUSS_MOST;
            k->xi[n]         = ends[e] + length * ((double)(q / DOMAIN_GAUSS_MOST) + node[g]);
            k->weight[n]     = length * share[g] * weight_at(&s->map, k->xi[n]);
            element[n]       = pdm_spline_element(s, k->xi[n]);
        }
    }
    k->xi[n]     = 1.0;
    element[n++] = pdm_spline_element(s, 1.0);
    line_tables(s, n, n_order, element, k);
done:
    pdm_free(s->ctx, ends);
    pdm_free(s->ctx, element);
    return status;
}

/* ---- from values on lines to coefficients ---- */

/* Moves the outermost coefficients by delta where they are kept, and nothing of the integral. */
static void keep_ends(const domain_means *m, pdm_size j, pdm_size n, const bool keep[2], const double delta[2],
                      double *c)
{
    double *const *g = m->change[j];
    const double   a = keep[0] ? g[0][0] : 1.0, b = keep[1] ? g[1][n - 1] : 1.0;
    const double   across = keep[0] && keep[1] ? g[0][n - 1] : 0.0; /* M is symmetric */
    const double   d0 = keep[0] ? delta[0] : 0.0, d1 = keep[1] ? delta[1] : 0.0;
    const double   det       = a * b - across * across;
    double         lambda[2] = {d0 * b - d1 * across, d1 * a - d0 * across};

    if (!(fabs(det) > REGULAR * fabs(a * b))) return;
    for (int side = 0; side < 2; side++)
        for (pdm_size i = 0; keep[side] && i < n; i++) c[i] += lambda[side] / det * g[side][i];
}

/* values [outer][n_point][inner] to coef [outer][n_coef][inner]; line [n_coef]. */
static void contract(const pdm_domain *d, const means_layer *l, pdm_size j, const means_line *k, pdm_size outer,
                     pdm_size inner, const double *values, double *coef, double *line)
{
    const pdm_spline *s = &d->spline[j];
    const pdm_size    n = k->axis.n_point, width = s->degree + 1;

    for (pdm_size at = 0; at < outer * inner; at++) {
        const double *v = values + at / inner * n * inner + at % inner;
        double       *c = coef + at / inner * s->n_coef * inner + at % inner;
        memset(line, 0, (size_t)s->n_coef * sizeof *line);
        for (pdm_size q = 1; q + 1 < n; q++)
            for (pdm_size a = 0; a < width; a++)
                line[(k->element[q] + a) % s->n_coef] += k->basis[q * width + a] * k->weight[q] * v[q * inner];
        pdm_spline_fit_solve(d->means->fit[j], line);
        const double delta[2] = {v[0] - line[0], v[(n - 1) * inner] - line[s->n_coef - 1]};
        if (!s->periodic) keep_ends(d->means, j, s->n_coef, l->keep[j], delta, line);
        for (pdm_size i = 0; i < s->n_coef; i++) c[i * inner] = line[i];
    }
}

/* ---- one sample ---- */

/* The cuts of a sample; false: its data are smooth. */
static pdm_status find_cuts(const pdm_domain *d, const domain_layer *l, const means_layer *k, const double *scalar,
                            means_cuts *cuts, bool *any, bool *anywhere)
{
    pdm_status status = PDM_OK;
    double    *work   = NULL;

    *any      = k->narrow || k->on_cells;
    *anywhere = false;
    memcpy(cuts, k->cuts, sizeof k->cuts);
    for (pdm_size i = 0; i < l->initial->n_jump; i++) {
        const pdm_edge *e = &l->initial->jump[i];
        if (e->dim < 0) {
            *any = *anywhere = true;
            continue;
        }
        const pdm_size before = cuts[e->dim].n;
        PDM_TRY(pdm_alloc_array(d->ctx, e->function->n_input + e->function->value->n_register, &work));
        cut_at_zeros(&cuts[e->dim], &d->spline[e->dim].map, e->function, scalar, work);
        pdm_free(d->ctx, work);
        work = NULL;
        *any = *any || cuts[e->dim].n > before;
    }
done:
    pdm_free(d->ctx, work);
    return status;
}

/* Parts of pieces: more than one where data may have anything anywhere. */
static pdm_size parts(const pdm_domain *d, const means_cuts *cuts)
{
    for (pdm_size sub = MOST_SUB; sub > 1; sub--) {
        double n = 1.0;
        for (pdm_size j = 1; j < d->n_dim; j++)
            n *= (double)((d->spline[j].n_span + cuts[j].n) * sub * DOMAIN_GAUSS_MOST);
        if (n <= MOST_POINT) return sub;
    }
    return 1;
}

static bool are_finite(pdm_size n, const double *values)
{
    for (pdm_size i = 0; i < n; i++)
        if (!isfinite(values[i])) return false;
    return true;
}

static pdm_status find_on_lines(const pdm_domain *d, const domain_layer *l, const means_layer *k,
                                const means_line *line, const double *scalar, const double *input_coef, double *coef,
                                bool *done)
{
    pdm_status      status            = PDM_OK;
    const pdm_axis *axis[PDM_MAX_DIM] = {&d->axis[0][l->kind[0]].axis};
    pdm_size        total = 1, outer = 1, inner = 1, longest = 1;
    double         *room = NULL;

    for (pdm_size j = 1; j < d->n_dim; j++) {
        const pdm_size n = line[j].axis.n_point, m = d->spline[j].n_coef;
        axis[j] = &line[j].axis;
        outer *= n;
        total *= n > m ? n : m;
        longest = m > longest ? m : longest;
    }
    PDM_TRY(pdm_alloc_array(d->ctx, 2 * total + longest + domain_function_work(l->function, outer), &room));
    double *values = room, *next = values + total, *one = next + total, *work = one + longest;
    domain_evaluate_on_axes(d, l->function, scalar, input_coef, axis, values, work);
    *done = are_finite(outer, values);
    for (pdm_size j = d->n_dim - 1; j >= 1 && *done; j--) {
        outer /= line[j].axis.n_point;
        contract(d, k, j, &line[j], outer, inner, values, next, one);
        inner *= d->spline[j].n_coef;
        double *swap = values;
        values       = next;
        next         = swap;
    }
    if (*done) memcpy(coef, values, (size_t)inner * sizeof *coef);
done:
    pdm_free(d->ctx, room);
    return status;
}

pdm_status domain_means_find(const pdm_domain *d, const domain_layer *l, const double *scalar, const double *input_coef,
                             double *coef, bool *done)
{
    pdm_status  status            = PDM_OK;
    pdm_size    n_order           = 1;
    means_line  line[PDM_MAX_DIM] = {0};
    means_cuts *cuts              = NULL;
    bool        any, anywhere;

    *done = false;
    if (!d->means || !l->initial) return PDM_OK;
    const means_layer *k = &d->means->layer[l - d->initial];
    if (!k->may) return PDM_OK;
    PDM_TRY(pdm_alloc_array(d->ctx, PDM_MAX_DIM, &cuts));
    PDM_TRY(find_cuts(d, l, k, scalar, cuts, &any, &anywhere));
    if (!any) goto done;
    PDM_TRY(domain_need_orders(d, l->function, &l->where, &n_order));
    const pdm_size sub = anywhere || k->narrow ? parts(d, cuts) : 1;
    for (pdm_size j = 1; j < d->n_dim; j++) PDM_TRY(line_create(&d->spline[j], &cuts[j], sub, n_order, &line[j]));
    PDM_TRY(find_on_lines(d, l, k, line, scalar, input_coef, coef, done));
done:
    for (pdm_size j = 1; j < d->n_dim; j++) line_destroy(d, &line[j]);
    pdm_free(d->ctx, cuts);
    return status;
}

/* Coefficients along dimension j, [outer][n_coef][inner], become values at Greville points, in place. */
static void values_of(const pdm_spline *s, pdm_size outer, pdm_size inner, double *c, double *line)
{
    double basis[PDM_MAX_DEGREE + 1];

    for (pdm_size at = 0; at < outer * inner; at++) {
        double *v = c + at / inner * s->n_coef * inner + at % inner;
        for (pdm_size i = 0; i < s->n_coef; i++) line[i] = v[i * inner];
        for (pdm_size i = 0; i < s->n_coef; i++) {
            const pdm_size e = pdm_spline_element(s, s->greville[i]);
            pdm_spline_basis(s, e, s->greville[i], 1, basis);
            v[i * inner] = 0.0;
            for (pdm_size a = 0; a <= s->degree; a++) v[i * inner] += basis[a] * line[(e + a) % s->n_coef];
        }
    }
}

static pdm_status all_values_of(const pdm_domain *d, double *c)
{
    pdm_status status = PDM_OK;
    pdm_size   outer = 1, inner = 1, longest = 1;
    double    *line = NULL;

    for (pdm_size j = 1; j < d->n_dim; j++) {
        outer *= d->spline[j].n_coef;
        longest = d->spline[j].n_coef > longest ? d->spline[j].n_coef : longest;
    }
    PDM_TRY(pdm_alloc_array(d->ctx, longest, &line));
    for (pdm_size j = d->n_dim - 1; j >= 1; j--) {
        outer /= d->spline[j].n_coef;
        values_of(&d->spline[j], outer, inner, c, line);
        inner *= d->spline[j].n_coef;
    }
done:
    pdm_free(d->ctx, line);
    return status;
}

pdm_status pdm_domain_start_values(const pdm_domain *d, const pdm_initial *initial, const double *input, double *values,
                                   bool *done)
{
    pdm_status status  = PDM_OK;
    pdm_size   longest = 1;
    double    *room    = NULL;

    *done                = false;
    const bool on_curves = pdm_pde_curve_weight(d->pde, initial->field);
    if (!d->means && !on_curves) return PDM_OK;
    const pdm_size n_scalar = pdm_pde_n_scalar(d->pde), n_input = pdm_domain_n_input(d);
    for (pdm_size j = 0; j < d->n_dim; j++) longest = d->spline[j].n_coef > longest ? d->spline[j].n_coef : longest;
    PDM_TRY(pdm_alloc_array(d->ctx, n_scalar + n_input + longest, &room));
    double *scalar = room, *coef = scalar + n_scalar, *line = coef + n_input;
    domain_input_coefficients(d, input, scalar, coef, line);
    for (pdm_size i = 0; i < d->n_initial && on_curves; i++)
        if (d->initial[i].initial == initial) {
            PDM_TRY(domain_curve_start(d, &d->initial[i], scalar, coef, values));
            *done = true;
        }
    if (on_curves) goto done;
    for (pdm_size i = 0; i < d->n_initial; i++)
        if (d->initial[i].initial == initial) PDM_TRY(domain_means_find(d, &d->initial[i], scalar, coef, values, done));
    if (*done) PDM_TRY(all_values_of(d, values));
done:
    pdm_free(d->ctx, room);
    return status;
}

/* ---- what is told ---- */

static bool reads_scalars(const pdm_initial *x)
{
    for (pdm_size i = 0; i < x->n_jump; i++)
        for (pdm_size k = 0; k < x->jump[i].function->n_input; k++)
            if (x->jump[i].function->input[k].kind == PDM_INPUT_SCALAR) return true;
    return false;
}

pdm_status domain_means_view(const pdm_domain *d, pdm_text *out)
{
    pdm_status  status = PDM_OK;
    means_cuts *cuts   = NULL;
    bool        any, anywhere;

    if (!d->means) return PDM_OK;
    PDM_TRY(pdm_alloc_array(d->ctx, PDM_MAX_DIM, &cuts));
    for (pdm_size i = 0; i < d->n_initial; i++) {
        const domain_layer *l      = &d->initial[i];
        const means_layer  *k      = &d->means->layer[i];
        const bool          varies = reads_scalars(l->initial);
        any                        = k->may;
        if (any && !varies) PDM_TRY(find_cuts(d, l, k, NULL, cuts, &any, &anywhere));
        if (any)
            PDM_TRY(pdm_text_append(out, "lift         initial %s of %s by its integrals, %s\n",
                                    l->order ? "slope" : "state", pdm_pde_field_name(d->pde, l->field),
                                    k->narrow     ? "as it is narrower than knot spans"
                                    : k->on_cells ? "as it is on cells"
                                    : varies      ? "where it jumps"
                                                  : "as it jumps"));
    }
done:
    pdm_free(d->ctx, cuts);
    return status;
}
