/* The grid of output points: coordinates of every dimension, split in time into slabs. */
#include "train/train.h"

#include <math.h>
#include <string.h>

#include "train/train_impl.h"

enum { OUTPUT_PER_CONTROL_POINT = 4, SLABS_MOST = 100000 };

static void slabs_destroy(pdm_model *m, output_grid *g)
{
    for (pdm_size k = 0; k < g->n_slab; k++) {
        if (m->backend) m->backend->ops->points_destroy(m->backend, &g->slab[k].plan);
        pdm_point_grid_destroy(&g->slab[k].grid);
    }
    pdm_free(m->ctx, g->slab);
}

void output_destroy(pdm_model *m)
{
    slabs_destroy(m, &m->output);
    if (m->backend) m->backend->ops->buffer_destroy(m->backend, &m->output.values);
    for (pdm_size j = 0; j < PDM_MAX_DIM; j++) pdm_free(m->ctx, m->output.coordinate[j]);
    m->output = (output_grid){0};
}

/* Files and exact solutions have output grids of their own: that of pdm_model_predict, by which a host has sized its
 * arrays, is put aside and back. */
output_grid output_put_aside(pdm_model *m)
{
    const output_grid aside = m->output;
    m->output               = (output_grid){0};
    return aside;
}

void output_put_back(pdm_model *m, output_grid aside)
{
    output_destroy(m);
    m->output = aside;
}

/* Equal steps over the extent of a dimension. */
static pdm_status default_coordinates(pdm_model *m, pdm_size dim, pdm_size *n, double **out)
{
    pdm_status        status = PDM_OK;
    const pdm_spline *s      = pdm_domain_spline(m->domain, dim);
    double           *x      = NULL;
    *n                       = OUTPUT_PER_CONTROL_POINT * s->n_coef + (s->periodic ? 0 : 1);
    PDM_TRY(pdm_alloc_array(m->ctx, *n, &x));
    const double step = (s->map.high - s->map.low) / (double)(s->periodic ? *n : *n - 1);
    for (pdm_size i = 0; i < *n; i++) x[i] = i == *n - 1 && !s->periodic ? s->map.high : s->map.low + step * (double)i;
    *out = x;
done:
    return status;
}

/* Slab of the time t: 0 up to the horizon, k from there on up to k horizons more. */
static pdm_size slab_of(const pdm_model *m, double t)
{
    const pdm_spline *s      = pdm_domain_spline(m->domain, 0);
    const double      length = s->map.high - s->map.low, slack = 1e-9 * length;
    if (!pdm_pde_has_time(m->pde) || t <= s->map.high + slack) return 0;
    return (pdm_size)ceil((t - s->map.high - slack) / length);
}

/* Output points of slab k, in its own time; none at all when no time lies in it. */
static pdm_status slab_create(pdm_model *m, const output_grid *g, pdm_size k, pdm_size first, output_slab *slab)
{
    pdm_status        status = PDM_OK;
    const pdm_spline *s      = pdm_domain_spline(m->domain, 0);
    const double     *x[PDM_MAX_DIM];
    pdm_size          n[PDM_MAX_DIM];
    double           *time = NULL;

    *slab = (output_slab){.first = first};
    while (first + slab->n < g->n[0] && slab_of(m, g->coordinate[0][first + slab->n]) == k) slab->n++;
    if (slab->n == 0) return PDM_OK;
    for (pdm_size j = 0; j < pdm_domain_n_dim(m->domain); j++) {
        n[j] = g->n[j];
        x[j] = g->coordinate[j];
    }
    PDM_TRY(pdm_alloc_array(m->ctx, slab->n, &time));
    for (pdm_size i = 0; i < slab->n; i++)
        time[i] = g->coordinate[0][first + i] - (double)k * (s->map.high - s->map.low);
    n[0] = slab->n;
    x[0] = time;
    PDM_TRY(pdm_point_grid_create(m->domain, n, x, &slab->grid));
    PDM_TRY(m->backend->ops->points_create(m->backend, &slab->grid.desc, &slab->plan));
done:
    pdm_free(m->ctx, time);
    return status;
}

/* Times beyond the horizon lie in slabs that are solved one after the other. */
static pdm_status slabs_create(pdm_model *m, output_grid *g)
{
    pdm_status     status = PDM_OK;
    pdm_size       first = 0, most = 0;
    const pdm_size n = slab_of(m, g->coordinate[0][g->n[0] - 1]) + 1, plane = g->n_point / g->n[0];

    if (n > SLABS_MOST)
        PDM_FAIL(m->ctx, PDM_ERR_DATA, "%s = %g is %lld times the horizon away; at most %d expected",
                 pdm_pde_dim_name(m->pde, 0), g->coordinate[0][g->n[0] - 1], (long long)n, SLABS_MOST);
    if (n > 1) PDM_TRY(rollout_check(m));
    PDM_TRY(pdm_alloc_array(m->ctx, n, &g->slab));
    for (pdm_size k = 0; k < n; k++) {
        g->n_slab = k + 1; /* what it owns so far is destroyed with the grid */
        PDM_TRY(slab_create(m, g, k, first, &g->slab[k]));
        first += g->slab[k].n;
        most = g->slab[k].n > most ? g->slab[k].n : most;
    }
    PDM_TRY(
        m->backend->ops->buffer_create(m->backend, (size_t)(m->n_batch * most * plane) * sizeof(double), &g->values));
done:
    return status;
}

/* coordinate[j] NULL: default. Replaces the output grid; on failure the old one stays. */
pdm_status output_set(pdm_model *m, const pdm_size *n, double *const *coordinate)
{
    pdm_status  status = PDM_OK;
    output_grid grid   = {.n_point = 1}, old;

    for (pdm_size j = 0; j < pdm_domain_n_dim(m->domain); j++) {
        if (coordinate && coordinate[j]) {
            grid.n[j] = n[j];
            PDM_TRY(pdm_alloc_array(m->ctx, n[j], &grid.coordinate[j]));
            memcpy(grid.coordinate[j], coordinate[j], (size_t)n[j] * sizeof(double));
        } else {
            PDM_TRY(default_coordinates(m, j, &grid.n[j], &grid.coordinate[j]));
        }
        grid.n_point *= grid.n[j];
    }
    PDM_TRY(slabs_create(m, &grid));
    old       = m->output;
    m->output = grid;
    grid      = old;
done:
    old       = m->output; /* what is left in `grid`, old or half-built, goes */
    m->output = grid;
    output_destroy(m);
    m->output = old;
    return status;
}

pdm_status pdm_model_set_output(pdm_model *m, const char *name, pdm_size n, const double *coordinate)
{
    pdm_status status             = PDM_OK;
    pdm_size   sizes[PDM_MAX_DIM] = {0}, dim = -1;
    double    *x[PDM_MAX_DIM] = {0}, *mine = NULL;

    if (!m || !name || !coordinate || n < 1) return PDM_ERR_ARGUMENT;
    for (pdm_size j = 0; j < pdm_domain_n_dim(m->domain); j++)
        if (strcmp(pdm_pde_dim_name(m->pde, j), name) == 0) dim = j;
    if (dim < 0) PDM_FAIL(m->ctx, PDM_ERR_ARGUMENT, "no dimension \"%s\" in this model", name);
    for (pdm_size i = 0; i < n; i++)
        if (!isfinite(coordinate[i]) || (i > 0 && !(coordinate[i] > coordinate[i - 1])))
            PDM_FAIL(m->ctx, PDM_ERR_ARGUMENT, "coordinate %s[%lld] = %g; finite, increasing numbers expected", name,
                     (long long)i, coordinate[i]);
    if (!m->output.slab) PDM_TRY(output_set(m, NULL, NULL));
    for (pdm_size j = 0; j < pdm_domain_n_dim(m->domain); j++) {
        sizes[j] = m->output.n[j];
        x[j]     = m->output.coordinate[j];
    }
    PDM_TRY(pdm_alloc_array(m->ctx, n, &mine));
    memcpy(mine, coordinate, (size_t)n * sizeof *mine);
    sizes[dim] = n;
    x[dim]     = mine;
    PDM_TRY(output_set(m, sizes, x));
done:
    if (m) pdm_free(m->ctx, mine);
    return status;
}

pdm_size pdm_model_n_point(const pdm_model *m)
{
    if (m->output.slab) return m->output.n_point;
    pdm_size n = 1;
    for (pdm_size j = 0; j < pdm_domain_n_dim(m->domain); j++) {
        const pdm_spline *s = pdm_domain_spline(m->domain, j);
        n *= OUTPUT_PER_CONTROL_POINT * s->n_coef + (s->periodic ? 0 : 1);
    }
    return n;
}

/* Fields c of the batch on the points of slab k, into their places in u [batch.n][n_field][n_point]. */
pdm_status output_evaluate(pdm_model *m, pdm_batch batch, pdm_size k, pdm_buffer *c, double *u)
{
    pdm_status         status  = PDM_OK;
    pdm_backend       *b       = m->backend;
    const output_slab *slab    = &m->output.slab[k];
    const pdm_size     n_field = pdm_domain_n_field(m->domain), plane = m->output.n_point / m->output.n[0];
    const pdm_size     n = slab->n * plane, at = slab->first * plane;
    void              *host = NULL;

    if (n == 0) return PDM_OK;
    for (pdm_size f = 0; f < n_field; f++) {
        PDM_TRY(b->ops->points_evaluate(b, slab->plan, batch, (pdm_atom){.field = (int32_t)f}, c, m->output.values));
        PDM_TRY(b->ops->acquire(b, m->output.values, PDM_READ, &host));
        for (pdm_size i = 0; i < batch.n; i++) {
            const double *v  = (double *)host + batch.index[i] * n;
            double       *to = u + (i * n_field + f) * m->output.n_point + at;
            for (pdm_size q = 0; q < n; q++) to[q] = pdm_pde_from_spline(m->pde, f, v[q]);
        }
        PDM_TRY(b->ops->release(b, m->output.values, &host));
    }
done:
    if (host) (void)b->ops->release(b, m->output.values, &host);
    return status;
}
