/* Somebody's fields as splines: through the data, on the data's own grid, in the case's coordinate (its maps); where a
 * dimension has more points than MOST, or all together more than MOST_ALL, by least squares on fewer. The case's own grid
 * would not do: what is asked is what the data say of the equation, not what that grid can show. */
#include "evidence/evidence.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "evidence/evidence_impl.h"

enum { MOST = 512, MOST_ALL = 400000, LEAST = 8 };
static const double NEAR = 1e-6; /* of a length: the same place */

/* One dimension of the spline that is to be made. */
typedef struct axis_choice {
    pdm_size n, n_coef, degree; /* n: data points used, without one that closes a period */
    double   low, high;
    bool     periodic, linear; /* linear: the case's map does not fit */
} axis_choice;

static void line_destroy(pdm_context *ctx, data_line *l)
{
    pdm_spline_fit_destroy(&l->fit);
    pdm_resample_destroy(&l->half);
    pdm_free(ctx, l->half_values);
    pdm_free(ctx, l->values);
}

void data_grid_close(data_grid *g)
{
    if (!g->ctx) return;
    if (g->on) g->on->backend->ops->buffer_destroy(g->on->backend, &g->c);
    pdm_file_inputs_destroy(g->ctx, &g->x);
    for (pdm_size f = 0; f < PDM_MAX_FIELD; f++) pdm_free(g->ctx, g->values[f]);
    for (pdm_size j = 0; j < PDM_MAX_DIM; j++) line_destroy(g->ctx, &g->line[j]);
    pdm_samples_destroy(&g->samples);
    pdm_problem_destroy(&g->on);
    pdm_problem_destroy(&g->own);
    *g = (data_grid){0};
}

/* ---- where the grid of the data begins, ends, and how many control points it has ---- */

static pdm_status choose_axis(const pdm_problem *p, const pdm_fields *f, pdm_size dim, pdm_size n, const double *x,
                              axis_choice *a, bool *ends)
{
    pdm_status        status = PDM_OK;
    const pdm_spline *s      = pdm_domain_spline(p->domain, dim);
    const double      length = s->map.high - s->map.low, near = NEAR * length;
    const bool        time = dim == 0 && pdm_pde_has_time(p->pde);

    if (n <= s->degree)
        PDM_FAIL(p->ctx, PDM_ERR_DATA, "%s: %lld points along %s; at least %lld expected, for a spline of degree %lld",
                 pdm_fields_path(f), (long long)n, pdm_pde_dim_name(p->pde, dim), (long long)s->degree + 1,
                 (long long)s->degree);
    *a = (axis_choice){.n = n, .degree = s->degree, .low = s->map.low, .high = s->map.high, .periodic = s->periodic};
    if (s->periodic && s->degree % 2 == 0)
        a->degree++; /* periodic splines of even degree do not interpolate at knots */
    if (s->periodic) {
        double widest = 0.0;
        for (pdm_size i = 1; i < n; i++) widest = fmax(widest, x[i] - x[i - 1]);
        if (x[n - 1] - x[0] > length - near) a->n--; /* the last point is the first one again */
        a->periodic = x[n - 1] - x[0] + 1.5 * widest > length;
    }
    const double reach_low  = time ? near : 0.75 * (x[1] - x[0]),
                 reach_high = time ? near : 0.75 * (x[n - 1] - x[n - 2]);
    ends[0]                 = s->periodic ? false : x[0] - a->low <= reach_low + near;
    ends[1]                 = s->periodic ? false : a->high - x[n - 1] <= reach_high + near;
    if (!a->periodic && !ends[0]) a->low = x[0];
    if (!a->periodic && (!ends[1] || x[n - 1] > a->high + near)) a->high = x[n - 1]; /* later times too */
    a->linear = (s->map.kind != PDM_MAP_LINEAR && a->low != s->map.low) ||
                (s->map.kind == PDM_MAP_SINH && a->high != s->map.high);
    a->n_coef = a->n;
    if (a->periodic && x[0] - a->low > near) a->n_coef = a->n * 2 / 3; /* half a step off, n splines would not do */
    if (a->n > MOST) a->n_coef = a->n * 2 / 3 < MOST ? a->n * 2 / 3 : MOST;
    if (a->n_coef <= a->degree) a->n_coef = a->degree + 1;
done:
    return status;
}

/* Fewer control points along the longest dimensions until all together are few enough. */
static void limit_all(pdm_size n_dim, axis_choice *a)
{
    for (;;) {
        pdm_size product = 1, longest = 0;
        for (pdm_size j = 0; j < n_dim; j++) {
            product *= a[j].n_coef;
            if (a[j].n_coef > a[longest].n_coef) longest = j;
        }
        axis_choice *l = &a[longest];
        if (product <= MOST_ALL || l->n_coef <= LEAST + l->degree) return;
        l->n_coef = l->n_coef == l->n ? l->n * 2 / 3 : l->n_coef * 9 / 10;
    }
}

/* Data coordinate number `at`, a fraction of a step too, in xi. */
static double place(const pdm_map *map, const double *x, pdm_size n, double at)
{
    const pdm_size i = (pdm_size)at < n - 1 ? (pdm_size)at : n - 2;
    return pdm_map_inverse(map, x[i] + (at - (double)i) * (x[i + 1] - x[i]));
}

/* breaks [n_break] in xi, from 0 to 1: running averages of data points (de Boor, A Practical
 * Guide to Splines, ch. XIII). */
static void choose_breaks(const axis_choice *a, const pdm_map *map, const double *x, pdm_size n_break, double *breaks)
{
    const double step    = (double)(a->n - 1) / (double)(a->n_coef - 1);
    const bool   aligned = a->periodic && a->n_coef == a->n;

    for (pdm_size i = 1; i + 1 < n_break; i++) {
        double sum = 0.0;
        for (pdm_size k = 1; k <= a->degree && !a->periodic; k++)
            sum += place(map, x, a->n, (double)(i - 1 + k) * step);
        breaks[i] = aligned       ? pdm_map_inverse(map, x[i])
                    : a->periodic ? (double)i / (double)(n_break - 1)
                                  : sum / (double)a->degree;
    }
    breaks[0]           = 0.0;
    breaks[n_break - 1] = 1.0;
}

/* ---- the case on that grid ---- */

/* Breaks as numbers where the case has knots, else as a grading that was found. breaks [n] in xi are used up. */
static pdm_status set_breaks(pdm_context *ctx, pdm_case *c, const char *group, const pdm_map *map, pdm_size n,
                             double *breaks, double **interior)
{
    pdm_status status = PDM_OK;

    if (pdm_case_has(c, group, "knots")) {
        for (pdm_size i = 1; i + 1 < n; i++) breaks[i] = pdm_map_value(map, breaks[i]);
        breaks[0]     = map->low;
        breaks[n - 1] = map->high;
        PDM_TRY(pdm_case_set_numbers(c, group, "knots", n, breaks));
        goto done;
    }
    PDM_TRY(pdm_case_set_text(c, group, "grading", "auto"));
    if (n <= 2) goto done;
    PDM_TRY(pdm_alloc_array(ctx, n - 2, interior));
    memcpy(*interior, breaks + 1, (size_t)(n - 2) * sizeof(double));
done:
    return status;
}

static pdm_status set_axis(const pdm_problem *own, pdm_case *c, pdm_size dim, const axis_choice *a, const double *x,
                           double **interior)
{
    pdm_status     status  = PDM_OK;
    pdm_map        map     = pdm_domain_spline(own->domain, dim)->map;
    const pdm_size n_break = a->periodic ? a->n_coef + 1 : a->n_coef - a->degree + 1;
    double        *breaks  = NULL;
    char           group[PDM_GROUP_TEXT];

    pdm_problem_dim_group(own, dim, group);
    if (a->linear || map.kind == PDM_MAP_LINEAR) map = (pdm_map){.kind = PDM_MAP_LINEAR, .exponent = 1.0};
    map.low  = a->low;
    map.high = a->high;
    PDM_TRY(pdm_alloc_array(own->ctx, n_break, &breaks));
    choose_breaks(a, &map, x, n_break, breaks);
    PDM_TRY(pdm_case_set_numbers(c, group, "extent", 2, (double[]){a->low, a->high}));
    PDM_TRY(pdm_case_set_count(c, group, "degree", a->degree));
    PDM_TRY(pdm_case_set_text(c, group, "kinks", "none"));
    PDM_TRY(pdm_case_set_count(c, group, "control_points", a->n_coef));
    if (a->linear) PDM_TRY(pdm_case_set_text(c, group, "map", "linear"));
    if (!a->periodic) PDM_TRY(pdm_case_set_text(c, group, "kind", "bounded"));
    PDM_TRY(set_breaks(own->ctx, c, group, &map, n_break, breaks, interior));
done:
    pdm_free(own->ctx, breaks);
    return status;
}

/* No conditions: every face of every cell has the flux that the data have. */
static pdm_status free_sides(const pdm_problem *own, pdm_case *c, pdm_size dim)
{
    pdm_status status = PDM_OK;
    pdm_text   text   = {.ctx = own->ctx};
    char       name[96];

    for (pdm_size f = 0; f < pdm_domain_n_field(own->domain); f++)
        PDM_TRY(pdm_text_append(&text, "%s%s free", f ? "; " : "", pdm_pde_field_name(own->pde, f)));
    for (int side = 0; side < 2; side++) {
        snprintf(name, sizeof name, "%s_%s", pdm_pde_dim_name(own->pde, dim), side ? "max" : "min");
        PDM_TRY(pdm_case_set_text(c, "pde/boundary", name, text.data));
    }
done:
    pdm_text_destroy(&text);
    return status;
}

/* Cells enough that there is a row for every coefficient, which the domain asks for. */
static pdm_size cells_a_span(pdm_size n_dim, const axis_choice *a)
{
    pdm_size sub = 2;
    for (pdm_size j = 0; j < n_dim; j++) {
        const pdm_size n_element = a[j].periodic ? a[j].n_coef : a[j].n_coef - a[j].degree;
        const pdm_size need      = (a[j].n_coef + n_element - 1) / n_element;
        sub                      = need > sub ? need : sub;
    }
    return sub;
}

static pdm_status data_case(const pdm_problem *own, pdm_case *c, const axis_choice *a, const pdm_file_inputs *x,
                            pdm_grading *grading)
{
    pdm_status     status = PDM_OK;
    const pdm_size n_dim = pdm_domain_n_dim(own->domain), first = pdm_pde_has_time(own->pde) ? 1 : 0;

    PDM_TRY(pdm_case_set_text(c, "domain", "rows", "volume"));
    PDM_TRY(pdm_case_set_text(c, "domain", "levels", "off"));
    PDM_TRY(pdm_case_set_text(c, "domain", "row_power", "0"));
    PDM_TRY(pdm_case_set_text(c, "domain", "gauss", "3"));
    PDM_TRY(pdm_case_set_count(c, "domain", "sub", cells_a_span(n_dim, a)));
    for (pdm_size j = 0; j < n_dim; j++) {
        PDM_TRY(set_axis(own, c, j, &a[j], x->coordinate[j], &grading->interior[j]));
        if (j >= first && !a[j].periodic) PDM_TRY(free_sides(own, c, j));
    }
done:
    return status;
}

/* ---- values to coefficients ---- */

/* What a line of data is to go through along one dimension: the spline through all points; and the one through every
 * other point, at all of them, in the space of the first. The last point of a line stays. */
static pdm_status place_line(pdm_context *ctx, const char *name, const pdm_spline *s, pdm_size n, const double *x,
                             data_line *out)
{
    pdm_status status   = PDM_OK;
    const bool add      = !s->periodic && n % 2 == 0;
    bool       possible = true;
    double    *xi = NULL, *half_xi = NULL;

    out->n      = n;
    out->n_half = (n + 1) / 2 + add;
    PDM_TRY(pdm_alloc_array(ctx, n, &xi));
    PDM_TRY(pdm_alloc_array(ctx, out->n_half, &half_xi));
    PDM_TRY(pdm_alloc_array(ctx, out->n_half, &out->half_values));
    PDM_TRY(pdm_alloc_array(ctx, n, &out->values));
    for (pdm_size i = 0; i < n; i++) xi[i] = pdm_map_inverse(&s->map, x[i]);
    for (pdm_size i = 0; i < out->n_half; i++) half_xi[i] = xi[2 * i < n ? 2 * i : n - 1];
    PDM_TRY(pdm_spline_fit_create(s, n, xi, NULL, &out->fit, &possible));
    if (!possible)
        PDM_FAIL(ctx, PDM_ERR_DATA, "no spline of degree %lld passes through %lld points along %s placed like these",
                 (long long)s->degree, (long long)n, name);
    PDM_TRY(pdm_resample_create(ctx, out->n_half, half_xi, n, xi, s->periodic ? 1.0 : 0.0, &out->half));
done:
    pdm_free(ctx, xi);
    pdm_free(ctx, half_xi);
    return status;
}

/* values, with a stride, to coefficients. */
static void line_apply(const data_line *l, bool half, const double *values, pdm_size stride, double *coef)
{
    if (!half) {
        pdm_spline_fit_apply(l->fit, values, stride, coef, stride);
        return;
    }
    for (pdm_size i = 0; i < l->n_half; i++) l->half_values[i] = values[(2 * i < l->n ? 2 * i : l->n - 1) * stride];
    pdm_resample_apply(l->half, l->half_values, 1, l->values, 1);
    pdm_spline_fit_apply(l->fit, l->values, 1, coef, stride);
}

/* values [n_0][n_1]... of one sample to coefficients [n_coef_0][n_coef_1]..., dimension by dimension. The data may have
 * one point more along a dimension than its fit takes. */
static pdm_status to_coefficients(const data_grid *g, bool half, const double *values, double *out)
{
    pdm_status     status = PDM_OK;
    const pdm_size n_dim  = pdm_domain_n_dim(g->on->domain);
    pdm_size       shape[PDM_MAX_DIM], total = 1;
    double        *now = NULL, *next = NULL;

    for (pdm_size j = 0; j < n_dim; j++) total *= shape[j] = g->x.n_coordinate[j];
    PDM_TRY(pdm_alloc_array(g->ctx, total, &now));
    memcpy(now, values, (size_t)total * sizeof *now);
    for (pdm_size j = 0; j < n_dim; j++) {
        const pdm_size m = pdm_domain_spline(g->on->domain, j)->n_coef, n = shape[j];
        pdm_size       outer = 1, inner = 1;
        for (pdm_size i = 0; i < j; i++) outer *= shape[i];
        for (pdm_size i = j + 1; i < n_dim; i++) inner *= shape[i];
        PDM_TRY(pdm_alloc_array(g->ctx, outer * m * inner, &next));
        for (pdm_size o = 0; o < outer; o++)
            for (pdm_size q = 0; q < inner; q++)
                line_apply(&g->line[j], half, now + o * n * inner + q, inner, next + o * m * inner + q);
        shape[j] = m;
        pdm_free(g->ctx, now);
        now  = next;
        next = NULL;
    }
    memcpy(out, now, (size_t)pdm_domain_n_coef(g->on->domain) * sizeof *out);
done:
    pdm_free(g->ctx, now);
    pdm_free(g->ctx, next);
    return status;
}

pdm_status data_grid_prepare(data_grid *g, pdm_size sample, bool half)
{
    pdm_status        status = PDM_OK;
    const pdm_domain *d      = g->on->domain;
    pdm_backend      *b      = g->on->backend;
    void             *c      = NULL;

    PDM_TRY(b->ops->acquire(b, g->c, PDM_WRITE, &c));
    for (pdm_size f = 0; f < pdm_domain_n_field(d); f++)
        PDM_TRY(to_coefficients(g, half, g->values[f] + sample * g->n_point, (double *)c + f * pdm_domain_n_coef(d)));
    PDM_TRY(pdm_samples_prepare(g->samples, 1, g->x.input + sample * pdm_domain_n_input(d)));
done:
    status = pdm_release(b, status, g->c, &c);
    return status;
}

/* ---- opening ---- */

static pdm_status read_values(data_grid *g, pdm_fields *f)
{
    pdm_status     status = PDM_OK;
    const pdm_size n_dim  = pdm_domain_n_dim(g->on->domain);

    g->n_point = 1;
    for (pdm_size j = 0; j < n_dim; j++) g->n_point *= g->x.n_coordinate[j];
    for (pdm_size i = 0; i < pdm_domain_n_field(g->on->domain); i++)
        PDM_TRY(pdm_file_field_read(g->on->domain, f, i, g->x.n_sample, &g->values[i]));
    for (pdm_size i = 0; i < pdm_domain_n_field(g->on->domain); i++) /* positive fields are splines after a transform */
        for (pdm_size k = 0; pdm_pde_is_positive(g->on->pde, i) && k < g->x.n_sample * g->n_point; k++) {
            const double u  = g->values[i][k];
            g->values[i][k] = pdm_pde_to_spline(g->on->pde, i, u);
            if (!isfinite(g->values[i][k]))
                PDM_FAIL(
                    g->ctx, PDM_ERR_DATA,
                    "\"%s\" is to stay positive (/pde:positive), and is %g at point %lld of the data; values above 0 "
                    "expected",
                    pdm_pde_field_name(g->on->pde, i), u, (long long)k);
        }
done:
    return status;
}

static pdm_status make_room(data_grid *g)
{
    pdm_status     status = PDM_OK;
    pdm_backend   *b      = g->on->backend;
    const pdm_size size   = pdm_domain_n_field(g->on->domain) * pdm_domain_n_coef(g->on->domain);

    PDM_TRY(b->ops->buffer_create(b, (size_t)size * sizeof(double), &g->c));
    PDM_TRY(pdm_samples_create(g->on, 1, &g->samples));
done:
    return status;
}

/* The grid that the coordinates of the file ask for, and a case on it. */
static pdm_status open_on_grid(pdm_case *c, pdm_problem *own, pdm_fields *f, data_grid *g)
{
    pdm_status      status = PDM_OK;
    const pdm_size  n_dim  = pdm_domain_n_dim(own->domain);
    pdm_file_inputs x      = {0};
    axis_choice     a[PDM_MAX_DIM];
    pdm_grading     grading = {{NULL}};
    pdm_case       *copy    = NULL;

    PDM_TRY(pdm_file_inputs_read(own->domain, f, &x));
    for (pdm_size j = 0; j < n_dim; j++) {
        if (!x.coordinate[j])
            PDM_FAIL(own->ctx, PDM_ERR_DATA, "%s: no coordinate variable \"%s\"; fields need their coordinates",
                     pdm_fields_path(f), pdm_pde_dim_name(own->pde, j));
        PDM_TRY(choose_axis(own, f, j, x.n_coordinate[j], x.coordinate[j], &a[j], g->ends[j]));
        g->n_used[j] = a[j].n;
    }
    limit_all(n_dim, a);
    PDM_TRY(pdm_case_copy(c, &copy));
    PDM_TRY(data_case(own, copy, a, &x, &grading));
    PDM_TRY(pdm_problem_create(copy, PDM_PROBLEM_ROWS, &grading, &g->on));
    for (pdm_size j = 0; j < n_dim; j++)
        PDM_TRY(place_line(own->ctx, pdm_pde_dim_name(own->pde, j), pdm_domain_spline(g->on->domain, j), a[j].n,
                           x.coordinate[j], &g->line[j]));
done:
    pdm_file_inputs_destroy(own->ctx, &x);
    pdm_grading_destroy(own->ctx, &grading);
    pdm_case_destroy(&copy);
    return status;
}

pdm_status data_grid_open(pdm_case *c, const char *path, data_grid *out)
{
    pdm_status   status = PDM_OK;
    pdm_problem *own    = NULL;
    pdm_fields  *f      = NULL;
    data_grid    g      = {.ctx = pdm_case_context(c)};

    PDM_TRY(pdm_problem_create(c, PDM_PROBLEM_ROWS, NULL, &own));
    if (pdm_pde_level(own->pde))
        PDM_FAIL_AT(g.ctx, PDM_ERR_CASE, pdm_pde_level_where(own->pde),
                    "equations are held against data on domains that are the whole box; a case without /geometry "
                    "expected");
    PDM_TRY(pdm_fields_open(g.ctx, path, &f));
    PDM_TRY(open_on_grid(c, own, f, &g));
    PDM_TRY(pdm_file_inputs_read(g.on->domain, f, &g.x));
    PDM_TRY(read_values(&g, f));
    PDM_TRY(make_room(&g));
    g.own = own;
    own   = NULL;
    *out  = g;
    g     = (data_grid){0};
done:
    data_grid_close(&g);
    pdm_problem_destroy(&own);
    pdm_fields_close(&f);
    return status;
}
