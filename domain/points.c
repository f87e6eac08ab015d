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
                                      const double *input, const pdm_size *n_point, const double *const *coordinate,
                                      input_points *p)
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
    domain_input_coefficients(d, input, p->scalar, p->coef, p->line);
done:
    return status;
}

pdm_status pdm_domain_evaluate(pdm_domain *d, const pdm_function *f, const pdm_where *at, const double *input,
                               const pdm_size *n_point, const double *const *coordinate, double *out)
{
    pdm_status   status = PDM_OK;
    input_points p      = {.n_point = 0};
    double      *work   = NULL;

    PDM_TRY(input_points_create(d, f, at, input, n_point, coordinate, &p));
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

    PDM_TRY(input_points_create(d, &reads, NULL, input, n_point, coordinate, &p));
    domain_sample_input(d, s, p.coef, p.axis, out);
done:
    input_points_destroy(d, &p);
    return status;
}
