/* Tensor grids of physical coordinates: tables for evaluation, and expressions on them. */
#include "domain/domain_impl.h"

#include <math.h>
#include <string.h>

/* Element and xi of a physical coordinate; false outside the extent (beyond rounding). */
static bool locate(const pdm_spline *s, double x, double *xi, pdm_size *element)
{
    const double length = s->map.high - s->map.low, slack = 1e-9 * length;
    if (!(x >= s->map.low - slack && x <= s->map.high + slack)) return false;
    double v = pdm_map_inverse(&s->map, x);
    v        = v < 0.0 ? 0.0 : v > 1.0 ? 1.0 : v;
    *xi      = v;
    *element = pdm_spline_element(s, v);
    return true;
}

/* A grid with tables of n_order orders. */
static pdm_status grid_create(const pdm_domain *d, pdm_size n_order, const pdm_size *n_point,
                              const double *const *coordinate, pdm_point_grid *out)
{
    pdm_status     status  = PDM_OK;
    pdm_point_grid g       = {.ctx = d->ctx, .desc = {.n_dim = d->n_dim, .n_field = d->n_field, .n_order = n_order}};
    size_t         bytes   = 0;
    double        *xi      = NULL;
    pdm_size      *element = NULL, most = 0;

    for (pdm_size j = 0; j < d->n_dim; j++) {
        bytes += (size_t)(n_point[j] * (2 + n_order * (d->spline[j].degree + 1))) * sizeof(double);
        most = n_point[j] > most ? n_point[j] : most;
    }
    PDM_TRY(pdm_alloc(d->ctx, bytes, &g.memory));
    PDM_TRY(pdm_alloc_array(d->ctx, most, &xi));
    PDM_TRY(pdm_alloc_array(d->ctx, most, &element));
    double *next = g.memory;
    for (pdm_size j = 0; j < d->n_dim; j++) {
        const pdm_spline *s = &d->spline[j];
        for (pdm_size i = 0; i < n_point[j]; i++)
            if (!locate(s, coordinate[j][i], &xi[i], &element[i]))
                PDM_FAIL(d->ctx, PDM_ERR_DATA,
                         "coordinate %s = %.9g (number %lld) is outside the domain; %.9g to %.9g expected",
                         pdm_pde_dim_name(d->pde, j), coordinate[j][i], (long long)i, s->map.low, s->map.high);
        double  *x     = next;
        double  *basis = x + n_point[j];
        int32_t *e     = (int32_t *)(void *)(basis + n_order * n_point[j] * (s->degree + 1));
        next           = basis + n_order * n_point[j] * (s->degree + 1) + n_point[j];
        domain_axis_tables(s, n_point[j], xi, element, n_order, e, x, basis);
        g.desc.axis[j]     = (pdm_axis){.n_point = n_point[j], .coordinate = x, .element = e, .basis = basis};
        g.desc.degree[j]   = s->degree;
        g.desc.n_coef[j]   = s->n_coef;
        g.desc.periodic[j] = s->periodic;
    }
    *out     = g;
    g.memory = NULL;
done:
    pdm_free(d->ctx, g.memory);
    pdm_free(d->ctx, xi);
    pdm_free(d->ctx, element);
    return status;
}

pdm_status pdm_point_grid_create(const pdm_domain *d, const pdm_size *n_point, const double *const *coordinate,
                                 pdm_point_grid *out)
{
    return grid_create(d, d->n_order, n_point, coordinate, out);
}

void pdm_point_grid_destroy(pdm_point_grid *g)
{
    if (!g || !g->ctx) return;
    pdm_free(g->ctx, g->memory);
    *g = (pdm_point_grid){0};
}

/* A grid of points with the tables that f reads, and the coefficients of all inputs. */
typedef struct input_points {
    pdm_point_grid  grid;
    const pdm_axis *axis[PDM_MAX_DIM];
    double         *coef, *scalar, *line;
    pdm_size        n_point;
} input_points;

static void input_points_destroy(const pdm_domain *d, input_points *p)
{
    pdm_point_grid_destroy(&p->grid);
    pdm_free(d->ctx, p->coef);
    pdm_free(d->ctx, p->scalar);
    pdm_free(d->ctx, p->line);
}

static pdm_status input_points_create(const pdm_domain *d, const pdm_function *f, const pdm_where *at,
                                      const pdm_size *n_point, const double *const *coordinate, input_points *p)
{
    pdm_status status  = PDM_OK;
    pdm_size   longest = 1, n_order = 1;

    PDM_TRY(domain_need_orders(d, f, at, &n_order));
    PDM_TRY(grid_create(d, n_order, n_point, coordinate, &p->grid));
    p->n_point = 1;
    for (pdm_size j = 0; j < d->n_dim; j++) {
        p->n_point *= n_point[j];
        p->axis[j] = &p->grid.desc.axis[j];
        longest    = d->spline[j].n_coef > longest ? d->spline[j].n_coef : longest;
    }
    PDM_TRY(pdm_alloc_array(d->ctx, d->input_offset[pdm_pde_n_input(d->pde)], &p->coef));
    PDM_TRY(pdm_alloc_array(d->ctx, pdm_pde_n_scalar(d->pde), &p->scalar));
    PDM_TRY(pdm_alloc_array(d->ctx, longest, &p->line));
done:
    return status;
}

static void input_points_read(const pdm_domain *d, const double *input, input_points *p)
{
    domain_input_coefficients(d, input, p->scalar, p->coef, p->line);
}

pdm_status pdm_domain_evaluate(pdm_domain *d, const pdm_function *f, const pdm_where *at, const double *input,
                               const pdm_size *n_point, const double *const *coordinate, double *out)
{
    pdm_status   status = PDM_OK;
    input_points p      = {.n_point = 0};
    double      *work   = NULL;

    PDM_TRY(input_points_create(d, f, at, n_point, coordinate, &p));
    input_points_read(d, input, &p);
    PDM_TRY(pdm_alloc_array(d->ctx, domain_function_work(f, p.n_point), &work));
    domain_evaluate_on_axes(d, f, p.scalar, p.coef, p.axis, out, work);
done:
    input_points_destroy(d, &p);
    pdm_free(d->ctx, work);
    return status;
}

pdm_status pdm_domain_sample(const pdm_domain *d, const pdm_sampled_input *s, const double *input,
                             const pdm_size *n_point, const double *const *coordinate, double *out)
{
    pdm_status         status = PDM_OK;
    const pdm_function reads  = {.n_sampled = 1, .sampled = s};
    input_points       p      = {.n_point = 0};

    PDM_TRY(input_points_create(d, &reads, NULL, n_point, coordinate, &p));
    input_points_read(d, input, &p);
    domain_sample_input(d, s, p.coef, p.axis, out);
done:
    input_points_destroy(d, &p);
    return status;
}

struct pdm_sampler {
    const pdm_domain *d;
    pdm_sampled_input what;
    input_points      p;
};

pdm_status pdm_sampler_create(const pdm_domain *d, const pdm_sampled_input *s, const pdm_size *n_point,
                              const double *const *coordinate, pdm_sampler **out)
{
    pdm_status         status = PDM_OK;
    const pdm_function reads  = {.n_sampled = 1, .sampled = s};
    pdm_sampler       *made   = NULL;

    PDM_TRY(pdm_alloc(d->ctx, sizeof *made, &made));
    made->d    = d;
    made->what = *s;
    PDM_TRY(input_points_create(d, &reads, NULL, n_point, coordinate, &made->p));
    *out = made;
    made = NULL;
done:
    pdm_sampler_destroy(&made);
    return status;
}

void pdm_sampler_destroy(pdm_sampler **s)
{
    if (!*s) return;
    const pdm_domain *d = (*s)->d;
    input_points_destroy(d, &(*s)->p);
    pdm_free(d->ctx, *s);
    *s = NULL;
}

void pdm_sampler_apply(pdm_sampler *s, const double *input, double *out)
{
    input_points_read(s->d, input, &s->p);
    domain_sample_input(s->d, &s->what, s->p.coef, s->p.axis, out);
}

/* ---- expressions of fields ---- */

void pdm_probe_destroy(pdm_probe *p)
{
    if (!p || !p->ctx) return;
    pdm_free(p->ctx, p->value);
    *p = (pdm_probe){0};
}

/* Derivative of a field with coefficients c [n_coef] at point index [n_dim]. */
static double atom_value(const pdm_domain *d, const pdm_axis *const *axis, const pdm_atom *atom, const pdm_size *index,
                         const double *c)
{
    pdm_size n_local = 1;
    double   sum     = 0.0;

    for (pdm_size j = 0; j < d->n_dim; j++) n_local *= d->spline[j].degree + 1;
    for (pdm_size l = 0; l < n_local; l++) {
        pdm_size coef = 0, rest = l, stride = 1;
        double   basis = 1.0;
        for (pdm_size j = d->n_dim - 1; j >= 0; j--) {
            const pdm_size width = d->spline[j].degree + 1, a = rest % width;
            basis *= axis[j]->basis[(atom->order[j] * axis[j]->n_point + index[j]) * width + a];
            coef += stride * ((axis[j]->element[index[j]] + a) % d->spline[j].n_coef);
            stride *= d->spline[j].n_coef;
            rest /= width;
        }
        if (basis != 0.0) sum += basis * c[coef];
    }
    return sum;
}

/* Coefficients of fields and derived fields: seen [n_seen][n_coef]. */
static pdm_status see_derived(const pdm_domain *d, const double *c, double **seen)
{
    pdm_status     status = PDM_OK;
    const pdm_size size = d->n_field * d->n_coef, n_derived = d->rows.n_derived;
    double        *all = NULL, *work = NULL;

    PDM_TRY(pdm_alloc_array(d->ctx, size + n_derived * d->n_coef, &all));
    PDM_TRY(pdm_alloc_array(d->ctx, 2 * d->n_coef, &work));
    memcpy(all, c, (size_t)size * sizeof *c);
    for (pdm_size k = 0; k < n_derived; k++)
        domain_derive_layers(d, k, d->n_coef, c + d->derived[k].field * d->n_coef, all + size + k * d->n_coef, work);
    *seen = all;
    all   = NULL;
done:
    pdm_free(d->ctx, all);
    pdm_free(d->ctx, work);
    return status;
}

/* What a program reads at a point: in [n_input]. atom [n_atom], and sampled inputs with a stride. */
static void fill_inputs(const pdm_function *f, const pdm_axis *const *axis, const double *scalar, const pdm_size *index,
                        const double *atom, const double *sampled, pdm_size stride, double *in)
{
    for (pdm_size k = 0; k < f->n_input; k++) {
        const int32_t n = f->input[k].index;
        switch ((pdm_input_kind)f->input[k].kind) {
        case PDM_INPUT_COORDINATE: in[k] = axis[n]->coordinate[index[n]]; break;
        case PDM_INPUT_SCALAR: in[k] = scalar[n]; break;
        case PDM_INPUT_FIELD: in[k] = sampled[n * stride]; break;
        case PDM_INPUT_ATOM: in[k] = atom[n]; break;
        }
    }
}

/* At every point: atoms, then value and partials by them. in, out, registers: scratch of the program. */
static void probe_points(const pdm_domain *d, const pdm_function *f, const input_points *p, const double *sampled,
                         const double *seen, double *in, double *out, double *registers, pdm_probe *q)
{
    for (pdm_size i = 0; i < q->n_point; i++) {
        pdm_size index[PDM_MAX_DIM], rest = i;
        double  *atom = q->atom + i * q->n_atom, *partial = q->partial + i * q->n_atom;
        for (pdm_size j = d->n_dim - 1; j >= 0; j--) {
            index[j] = rest % p->axis[j]->n_point;
            rest /= p->axis[j]->n_point;
        }
        for (pdm_size a = 0; a < q->n_atom; a++)
            atom[a] = atom_value(d, p->axis, &f->atom[a], index, seen + f->atom[a].field * d->n_coef);
        fill_inputs(f, p->axis, p->scalar, index, atom, sampled + i, q->n_point, in);
        pdm_program_evaluate(f->partial, in, out, registers);
        q->value[i] = out[0];
        for (pdm_size a = 0; a < q->n_atom; a++) partial[a] = out[1 + a];
    }
}

pdm_status pdm_domain_probe(const pdm_domain *d, const pdm_function *f, const pdm_where *at, const double *input,
                            const double *c, const pdm_size *n_point, const double *const *coordinate, pdm_probe *out)
{
    pdm_status   status = PDM_OK;
    input_points p      = {.n_point = 0};
    pdm_probe    q      = {.ctx = d->ctx, .n_atom = f->n_atom};
    double      *seen = NULL, *work = NULL;

    PDM_TRY(input_points_create(d, f, at, n_point, coordinate, &p));
    input_points_read(d, input, &p);
    q.n_point = p.n_point;
    PDM_TRY(see_derived(d, c, &seen));
    PDM_TRY(pdm_alloc_array(d->ctx, q.n_point * (1 + 2 * q.n_atom), &q.value));
    q.partial = q.value + q.n_point;
    q.atom    = q.partial + q.n_point * q.n_atom;
    PDM_TRY(
        pdm_alloc_array(d->ctx, f->n_sampled * q.n_point + f->n_input + 1 + f->n_atom + f->partial->n_register, &work));
    double *in = work + f->n_sampled * q.n_point, *values = in + f->n_input;
    for (pdm_size k = 0; k < f->n_sampled; k++)
        domain_sample_input(d, &f->sampled[k], p.coef, p.axis, work + k * q.n_point);
    probe_points(d, f, &p, work, seen, in, values, values + 1 + f->n_atom, &q);
    *out = q;
    q    = (pdm_probe){0};
done:
    pdm_probe_destroy(&q);
    input_points_destroy(d, &p);
    pdm_free(d->ctx, seen);
    pdm_free(d->ctx, work);
    return status;
}

/* ---- expressions of fields at points anywhere ---- */

struct pdm_scatter {
    const pdm_domain   *d;
    const pdm_function *f;
    pdm_size            n;
    pdm_point_grid      grid; /* tables of n points along every dimension, of which point i takes number i of each */
    const pdm_axis     *axis[PDM_MAX_DIM];
    double             *coef, *scalar, *line; /* of inputs */
    double             *work;                 /* [n_atom + n_input + n_register] */
};

void pdm_scatter_destroy(pdm_scatter **s)
{
    if (!*s) return;
    pdm_context *ctx = (*s)->d->ctx;
    pdm_point_grid_destroy(&(*s)->grid);
    pdm_free(ctx, (*s)->coef);
    pdm_free(ctx, (*s)->scalar);
    pdm_free(ctx, (*s)->line);
    pdm_free(ctx, (*s)->work);
    pdm_free(ctx, *s);
    *s = NULL;
}

static pdm_status scatter_room(pdm_scatter *s)
{
    pdm_status        status  = PDM_OK;
    const pdm_domain *d       = s->d;
    pdm_size          longest = 1;

    for (pdm_size j = 0; j < d->n_dim; j++) {
        s->axis[j] = &s->grid.desc.axis[j];
        longest    = d->spline[j].n_coef > longest ? d->spline[j].n_coef : longest;
    }
    PDM_TRY(pdm_alloc_array(d->ctx, d->input_offset[pdm_pde_n_input(d->pde)], &s->coef));
    PDM_TRY(pdm_alloc_array(d->ctx, pdm_pde_n_scalar(d->pde), &s->scalar));
    PDM_TRY(pdm_alloc_array(d->ctx, longest, &s->line));
    PDM_TRY(pdm_alloc_array(d->ctx, s->f->n_atom + s->f->n_input + s->f->value->n_register, &s->work));
done:
    return status;
}

pdm_status pdm_scatter_create(const pdm_domain *d, const pdm_function *f, const pdm_where *at, pdm_size n,
                              const double *const *coordinate, pdm_scatter **out)
{
    pdm_status   status  = PDM_OK;
    pdm_scatter *s       = NULL;
    pdm_size     n_order = 1, n_point[PDM_MAX_DIM];

    if (f->n_sampled > 0)
        PDM_FAIL_AT(d->ctx, PDM_ERR_CASE, at,
                    "the input field \"%s\" is read; an expression of fields, coordinates and scalar inputs expected",
                    pdm_pde_input(d->pde, f->sampled[0].input)->name);
    PDM_TRY(pdm_alloc(d->ctx, sizeof *s, &s));
    *s = (pdm_scatter){.d = d, .f = f, .n = n};
    for (pdm_size j = 0; j < d->n_dim; j++) n_point[j] = n;
    PDM_TRY(domain_need_orders(d, f, at, &n_order));
    PDM_TRY(grid_create(d, n_order, n_point, coordinate, &s->grid));
    PDM_TRY(scatter_room(s));
    *out = s;
    s    = NULL;
done:
    pdm_scatter_destroy(&s);
    return status;
}

pdm_status pdm_scatter_evaluate(pdm_scatter *s, const double *input, const double *c, double *value)
{
    pdm_status          status = PDM_OK;
    const pdm_domain   *d      = s->d;
    const pdm_function *f      = s->f;
    double             *seen = NULL, *atom = s->work, *in = atom + f->n_atom, *registers = in + f->n_input;

    if (d->rows.n_derived > 0) PDM_TRY(see_derived(d, c, &seen));
    const double *from = seen ? seen : c;
    domain_input_coefficients(d, input, s->scalar, s->coef, s->line);
    for (pdm_size i = 0; i < s->n; i++) {
        pdm_size index[PDM_MAX_DIM];
        for (pdm_size j = 0; j < d->n_dim; j++) index[j] = i;
        for (pdm_size a = 0; a < f->n_atom; a++)
            atom[a] = atom_value(d, s->axis, &f->atom[a], index, from + f->atom[a].field * d->n_coef);
        fill_inputs(f, s->axis, s->scalar, index, atom, NULL, 0, in);
        pdm_program_evaluate(f->value, in, &value[i], registers);
    }
done:
    pdm_free(d->ctx, seen);
    return status;
}
