/* A shape on the output grid: which points are inside, and fields there from their splines. */
#include "problem/problem.h"

#include <math.h>

#include "problem/problem_impl.h"

/* Values of a function of coordinates of space at the grid's places. */
static pdm_status evaluate_places(const pdm_output_grid *g, const pdm_function *f, double **out)
{
    pdm_status         status = PDM_OK;
    const pdm_problem *p      = g->problem;
    const pdm_where   *at     = pdm_pde_level_where(p->pde);
    const bool         time   = pdm_pde_has_time(p->pde);
    const double      *x[PDM_MAX_DIM], low = pdm_domain_spline(p->domain, 0)->map.low;
    pdm_size           n[PDM_MAX_DIM];
    double            *input = NULL; /* nothing is read of it */

    for (pdm_size j = 0; j < pdm_domain_n_dim(p->domain); j++) {
        x[j] = time && j == 0 ? &low : g->coordinate[j];
        n[j] = time && j == 0 ? 1 : g->n[j];
    }
    PDM_TRY(pdm_alloc_array(p->ctx, pdm_domain_n_input(p->domain), &input));
    PDM_TRY(pdm_alloc_array(p->ctx, g->shape.n_place, out));
    PDM_TRY(pdm_domain_evaluate(p->domain, f, at, input, n, x, *out));
done:
    pdm_free(p->ctx, input);
    return status;
}

pdm_status output_shape_create(pdm_output_grid *g)
{
    pdm_status         status = PDM_OK;
    const pdm_problem *p      = g->problem;
    pdm_output_shape  *shape  = &g->shape;
    double            *level  = NULL;

    if (!pdm_pde_level(p->pde)) return PDM_OK;
    shape->n_place = pdm_pde_has_time(p->pde) ? g->n_point / g->n[0] : g->n_point;
    PDM_TRY(pdm_alloc_array(p->ctx, shape->n_place, &shape->inside));
    PDM_TRY(evaluate_places(g, pdm_pde_level(p->pde), &level));
    for (pdm_size i = 0; i < shape->n_place; i++) shape->inside[i] = level[i] > 0.0;
    for (pdm_size f = 0; f < pdm_pde_n_field(p->pde); f++) {
        if (!pdm_pde_curve_weight(p->pde, f)) continue;
        PDM_TRY(evaluate_places(g, pdm_pde_curve_weight(p->pde, f), &shape->weight[f]));
        PDM_TRY(evaluate_places(g, pdm_pde_curve_data(p->pde, f), &shape->data[f]));
    }
done:
    pdm_free(p->ctx, level);
    return status;
}

void output_shape_destroy(pdm_context *ctx, pdm_output_shape *shape)
{
    pdm_free(ctx, shape->inside);
    for (pdm_size f = 0; f < PDM_MAX_FIELD; f++) {
        pdm_free(ctx, shape->weight[f]);
        pdm_free(ctx, shape->data[f]);
    }
}

pdm_status output_shape_apply(const pdm_output_grid *g, pdm_batch batch, pdm_size n, pdm_size f)
{
    pdm_status              status = PDM_OK;
    pdm_backend            *b      = g->problem->backend;
    const pdm_output_shape *shape  = &g->shape;
    void                   *host   = NULL;

    PDM_TRY(b->ops->acquire(b, g->values, PDM_READ_WRITE, &host));
    for (pdm_size s = 0; s < batch.n; s++)
        for (pdm_size i = 0; i < n; i++) {
            double        *u = (double *)host + batch.index[s] * n + i;
            const pdm_size k = i % shape->n_place;
            if (!shape->inside[k])
                *u = NAN;
            else if (shape->weight[f])
                *u = shape->data[f][k] + shape->weight[f][k] * *u;
        }
done:
    status = pdm_release(b, status, g->values, &host);
    return status;
}

bool pdm_output_grid_is_inside(const pdm_output_grid *g, pdm_size i)
{
    return g->shape.n_place == 0 || g->shape.inside[i % g->shape.n_place];
}
