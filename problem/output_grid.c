/* The grid of output points: coordinates of every dimension, split in time into slabs. */
#include "problem/problem.h"

#include <math.h>
#include <string.h>

#include "problem/problem_impl.h"

enum { PER_CONTROL_POINT = 4, SLABS_MOST = 100000 };

void pdm_output_grid_destroy(pdm_output_grid **grid)
{
    pdm_output_grid *g = *grid;
    if (!g) return;
    pdm_backend *b   = g->problem->backend;
    pdm_context *ctx = g->problem->ctx;
    for (pdm_size k = 0; k < g->n_slab; k++) {
        b->ops->points_destroy(b, &g->slab[k].plan);
        pdm_point_grid_destroy(&g->slab[k].grid);
    }
    output_shape_destroy(ctx, &g->shape);
    b->ops->buffer_destroy(b, &g->values);
    pdm_free(ctx, g->slab);
    for (pdm_size j = 0; j < PDM_MAX_DIM; j++) pdm_free(ctx, g->coordinate[j]);
    pdm_free(ctx, g);
    *grid = NULL;
}

static pdm_size default_count(const pdm_spline *s)
{
    return PER_CONTROL_POINT * s->n_coef + (s->periodic ? 0 : 1);
}

pdm_size pdm_output_grid_default_points(const pdm_problem *p)
{
    pdm_size n = 1;
    for (pdm_size j = 0; j < pdm_domain_n_dim(p->domain); j++) n *= default_count(pdm_domain_spline(p->domain, j));
    return n;
}

/* Equal steps over the extent of a dimension. */
static pdm_status default_coordinates(const pdm_problem *p, pdm_size dim, pdm_size *n, double **out)
{
    pdm_status        status = PDM_OK;
    const pdm_spline *s      = pdm_domain_spline(p->domain, dim);
    double           *x      = NULL;
    *n                       = default_count(s);
    PDM_TRY(pdm_alloc_array(p->ctx, *n, &x));
    const double step = (s->map.high - s->map.low) / (double)(s->periodic ? *n : *n - 1);
    for (pdm_size i = 0; i < *n; i++) x[i] = i == *n - 1 && !s->periodic ? s->map.high : s->map.low + step * (double)i;
    *out = x;
done:
    return status;
}

/* Slab of the time t: 0 up to the horizon, k from there on up to k horizons more. */
static pdm_size slab_of(const pdm_problem *p, double t)
{
    const pdm_spline *s      = pdm_domain_spline(p->domain, 0);
    const double      length = s->map.high - s->map.low, slack = 1e-9 * length;
    if (!pdm_pde_has_time(p->pde) || t <= s->map.high + slack) return 0;
    return (pdm_size)ceil((t - s->map.high - slack) / length);
}

/* Output points of slab k, in its own time; none at all when no time lies in it. */
static pdm_status slab_create(const pdm_output_grid *g, pdm_size k, pdm_size first, pdm_output_slab *slab)
{
    pdm_status         status = PDM_OK;
    const pdm_problem *p      = g->problem;
    const pdm_spline  *s      = pdm_domain_spline(p->domain, 0);
    const double      *x[PDM_MAX_DIM];
    pdm_size           n[PDM_MAX_DIM];
    double            *time = NULL;

    *slab = (pdm_output_slab){.first = first};
    while (first + slab->n < g->n[0] && slab_of(p, g->coordinate[0][first + slab->n]) == k) slab->n++;
    if (slab->n == 0) return PDM_OK;
    for (pdm_size j = 0; j < pdm_domain_n_dim(p->domain); j++) {
        n[j] = g->n[j];
        x[j] = g->coordinate[j];
    }
    PDM_TRY(pdm_alloc_array(p->ctx, slab->n, &time));
    for (pdm_size i = 0; i < slab->n; i++)
        time[i] = g->coordinate[0][first + i] - (double)k * (s->map.high - s->map.low);
    n[0] = slab->n;
    x[0] = time;
    PDM_TRY(pdm_point_grid_create(p->domain, n, x, &slab->grid));
    PDM_TRY(p->backend->ops->points_create(p->backend, &slab->grid.desc, &slab->plan));
done:
    pdm_free(p->ctx, time);
    return status;
}

/* Times beyond the horizon lie in slabs that are solved one after the other. */
static pdm_status slabs_create(pdm_output_grid *g, pdm_size n_most)
{
    pdm_status         status = PDM_OK;
    const pdm_problem *p      = g->problem;
    pdm_size           first = 0, most = 0;
    const pdm_size     n = slab_of(p, g->coordinate[0][g->n[0] - 1]) + 1, plane = g->n_point / g->n[0];

    if (n > SLABS_MOST)
        PDM_FAIL(p->ctx, PDM_ERR_DATA, "%s = %g is %lld times the horizon away; at most %d expected",
                 pdm_pde_dim_name(p->pde, 0), g->coordinate[0][g->n[0] - 1], (long long)n, SLABS_MOST);
    if (n > 1) PDM_TRY(pdm_slabs_check(p));
    PDM_TRY(pdm_alloc_array(p->ctx, n, &g->slab));
    for (pdm_size k = 0; k < n; k++) {
        g->n_slab = k + 1; /* what it owns so far is destroyed with the grid */
        PDM_TRY(slab_create(g, k, first, &g->slab[k]));
        first += g->slab[k].n;
        most = g->slab[k].n > most ? g->slab[k].n : most;
    }
    PDM_TRY(p->backend->ops->buffer_create(p->backend, (size_t)(n_most * most * plane) * sizeof(double), &g->values));
done:
    return status;
}

pdm_status pdm_output_grid_create(const pdm_problem *p, pdm_size n_most, const pdm_size *n, double *const *coordinate,
                                  pdm_output_grid **out)
{
    pdm_status       status = PDM_OK;
    pdm_output_grid *g      = NULL;

    PDM_TRY(pdm_alloc(p->ctx, sizeof *g, &g));
    g->problem = p;
    g->n_point = 1;
    for (pdm_size j = 0; j < pdm_domain_n_dim(p->domain); j++) {
        if (coordinate && coordinate[j]) {
            g->n[j] = n[j];
            PDM_TRY(pdm_alloc_array(p->ctx, n[j], &g->coordinate[j]));
            memcpy(g->coordinate[j], coordinate[j], (size_t)n[j] * sizeof(double));
        } else {
            PDM_TRY(default_coordinates(p, j, &g->n[j], &g->coordinate[j]));
        }
        g->n_point *= g->n[j];
    }
    PDM_TRY(slabs_create(g, n_most));
    PDM_TRY(output_shape_create(g));
    *out = g;
    g    = NULL;
done:
    pdm_output_grid_destroy(&g);
    return status;
}

/* Field f of the batch on the points of slab k, [sample][points of the slab], into g->values. */
static pdm_status evaluate_field(const pdm_output_grid *g, pdm_batch batch, pdm_size k, pdm_buffer *c, pdm_size f)
{
    pdm_status             status = PDM_OK;
    const pdm_problem     *p      = g->problem;
    pdm_backend           *b      = p->backend;
    const pdm_output_slab *slab   = &g->slab[k];
    const double           scale  = pdm_pde_positive_scale(p->pde, f);

    PDM_TRY(b->ops->points_evaluate(b, slab->plan, batch, (pdm_atom){.field = (int32_t)f}, c, g->values));
    if (g->shape.n_place > 0) PDM_TRY(output_shape_apply(g, batch, slab->n * (g->n_point / g->n[0]), f));
    if (scale > 0.0) PDM_TRY(b->ops->vector_positive(b, batch, slab->n * (g->n_point / g->n[0]), scale, g->values));
done:
    return status;
}

/* A run of points in the values of a slab, and where they go in [batch.n][n_field][n_point]. */
typedef struct slab_run {
    pdm_size n, from, to;
} slab_run;

/* Of number i of the batch and field f. */
static slab_run run_of(const pdm_output_grid *g, pdm_batch batch, pdm_size k, pdm_size i, pdm_size f)
{
    const pdm_size plane = g->n_point / g->n[0], n = g->slab[k].n * plane;
    return (slab_run){.n    = n,
                      .from = batch.index[i] * n,
                      .to   = (i * pdm_domain_n_field(g->problem->domain) + f) * g->n_point + g->slab[k].first * plane};
}

pdm_status pdm_output_grid_evaluate(const pdm_output_grid *g, pdm_batch batch, pdm_size k, pdm_buffer *c, double *u)
{
    pdm_status   status = PDM_OK;
    pdm_backend *b      = g->problem->backend;
    void        *host   = NULL;

    if (g->slab[k].n == 0) return PDM_OK;
    for (pdm_size f = 0; f < pdm_domain_n_field(g->problem->domain); f++) {
        PDM_TRY(evaluate_field(g, batch, k, c, f));
        PDM_TRY(b->ops->acquire(b, g->values, PDM_READ, &host));
        for (pdm_size i = 0; i < batch.n; i++) {
            const slab_run at = run_of(g, batch, k, i, f);
            memcpy(u + at.to, (const double *)host + at.from, (size_t)at.n * sizeof *u);
        }
        PDM_TRY(b->ops->release(b, g->values, &host));
    }
done:
    status = pdm_release(b, status, g->values, &host);
    return status;
}

pdm_status pdm_output_grid_store(const pdm_output_grid *g, pdm_batch batch, pdm_size k, pdm_buffer *c, pdm_buffer *u,
                                 pdm_size first)
{
    pdm_status   status = PDM_OK;
    pdm_backend *b      = g->problem->backend;

    if (g->slab[k].n == 0) return PDM_OK;
    for (pdm_size f = 0; f < pdm_domain_n_field(g->problem->domain); f++) {
        PDM_TRY(evaluate_field(g, batch, k, c, f));
        for (pdm_size i = 0; i < batch.n; i++) {
            const slab_run at = run_of(g, batch, k, i, f);
            PDM_TRY(b->ops->copy(b, u, g->values, (size_t)(first + at.to) * sizeof(double),
                                 (size_t)at.from * sizeof(double), (size_t)at.n * sizeof(double)));
        }
    }
done:
    return status;
}

/* Cotangents of field f into g->values: those of its spline, where it is one of a positive field or has values on curves,
 * and 0 outside a shape. On the host, as these transforms are the PDE's. */
static pdm_status put_cotangent(const pdm_output_grid *g, pdm_batch batch, pdm_buffer *c, pdm_size f, const double *g_u)
{
    pdm_status         status   = PDM_OK;
    const pdm_problem *p        = g->problem;
    pdm_backend       *b        = p->backend;
    const bool         positive = pdm_pde_positive_scale(p->pde, f) > 0.0;
    const double      *weight   = g->shape.weight[f];
    const pdm_atom     atom     = {.field = (int32_t)f};
    void              *host     = NULL;

    if (positive) PDM_TRY(b->ops->points_evaluate(b, g->slab[0].plan, batch, atom, c, g->values));
    PDM_TRY(b->ops->acquire(b, g->values, positive ? PDM_READ_WRITE : PDM_WRITE, &host));
    for (pdm_size i = 0; i < batch.n; i++) {
        const slab_run at  = run_of(g, batch, 0, i, f);
        double        *own = (double *)host + at.from;
        for (pdm_size k = 0; k < at.n; k++)
            own[k] = !pdm_output_grid_is_inside(g, k)
                         ? 0.0
                         : g_u[at.to + k] * (positive ? pdm_pde_from_spline_slope(p->pde, f, own[k])
                                             : weight ? weight[k % g->shape.n_place]
                                                      : 1.0);
    }
done:
    status = pdm_release(b, status, g->values, &host);
    return status;
}

static pdm_status clear_coefficients(const pdm_problem *p, pdm_batch batch, pdm_buffer *c)
{
    pdm_status     status = PDM_OK;
    pdm_backend   *b      = p->backend;
    const pdm_size size   = pdm_domain_n_field(p->domain) * pdm_domain_n_coef(p->domain);
    void          *host   = NULL;

    PDM_TRY(b->ops->acquire(b, c, PDM_WRITE, &host));
    for (pdm_size i = 0; i < batch.n; i++)
        memset((double *)host + batch.index[i] * size, 0, (size_t)size * sizeof(double));
done:
    status = pdm_release(b, status, c, &host);
    return status;
}

pdm_status pdm_output_grid_adjoint(const pdm_output_grid *g, pdm_batch batch, pdm_buffer *c, const double *g_u,
                                   pdm_buffer *g_c)
{
    pdm_status   status = PDM_OK;
    pdm_backend *b      = g->problem->backend;

    if (g->n_slab > 1) PDM_FAIL(g->problem->ctx, PDM_ERR_INTERNAL, "%lld slabs; 1 expected", (long long)g->n_slab);
    PDM_TRY(clear_coefficients(g->problem, batch, g_c));
    for (pdm_size f = 0; f < pdm_domain_n_field(g->problem->domain); f++) {
        PDM_TRY(put_cotangent(g, batch, c, f, g_u));
        PDM_TRY(b->ops->points_evaluate_adjoint(b, g->slab[0].plan, batch, (pdm_atom){.field = (int32_t)f}, g->values,
                                                g_c));
    }
done:
    return status;
}

pdm_status pdm_output_grid_expression(const pdm_output_grid *g, const char *text, pdm_where at, pdm_size n,
                                      const double *input, double *values)
{
    pdm_status          status = PDM_OK;
    const pdm_problem  *p      = g->problem;
    const pdm_function *f      = NULL;
    const double       *x[PDM_MAX_DIM];

    PDM_TRY(pdm_pde_compile(p->pde, text, at, false, &f));
    for (pdm_size j = 0; j < pdm_domain_n_dim(p->domain); j++) x[j] = g->coordinate[j];
    for (pdm_size i = 0; i < n; i++)
        PDM_TRY(pdm_domain_evaluate(p->domain, f, &at, input + i * pdm_domain_n_input(p->domain), g->n, x,
                                    values + i * g->n_point));
done:
    return status;
}
