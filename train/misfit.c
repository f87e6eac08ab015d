/* The misfit of the answer to given fields; of all of time, so never of a model that answers a march. */
#include "train/train.h"

#include "train/train_impl.h"

/* Points of the given fields, made on first use: samples of files are read when they are needed. */
static pdm_status prepare(pdm_model *m)
{
    pdm_status       status = PDM_OK;
    pdm_backend     *b      = m->problem->backend;
    const pdm_given *given  = &m->whole->inputs->given;
    const double    *coordinate[PDM_MAX_DIM];

    if (m->misfit.plan) return PDM_OK;
    for (pdm_size j = 0; j < PDM_MAX_DIM; j++) coordinate[j] = given->coordinate[j];
    if (!m->misfit.grid.memory)
        PDM_TRY(pdm_point_grid_create(m->problem->domain, given->n_coordinate, coordinate, &m->misfit.grid));
    if (!m->misfit.values)
        PDM_TRY(b->ops->buffer_create(b, (size_t)(m->n_batch * given->n_point) * sizeof(double), &m->misfit.values));
    PDM_TRY(b->ops->points_create(b, &m->misfit.grid.desc, &m->misfit.plan));
done:
    return status;
}

static pdm_status clear_cotangent(pdm_model *m, pdm_batch good)
{
    pdm_status     status = PDM_OK;
    pdm_backend   *b      = m->problem->backend;
    const pdm_size size   = pdm_domain_n_field(m->problem->domain) * pdm_domain_n_coef(m->problem->domain);
    void          *host   = NULL;

    PDM_TRY(b->ops->acquire(b, m->g_c, PDM_WRITE, &host));
    for (pdm_size i = 0; i < good.n; i++) {
        double *g = (double *)host + good.index[i] * size;
        for (pdm_size k = 0; k < size; k++) g[k] = 0.0;
        m->misfit_of[good.index[i]] = 0.0;
    }
done:
    status = pdm_release(b, status, m->g_c, &host);
    return status;
}

/* Values u of a field become factor share (u - d) du/dv, v being the spline of a positive field, and 1/2 share (u - d)^2
 * goes onto m->misfit_of. On the host: the transform
 * of a positive field is the PDE's, which back ends do not know, and a loss on data is no part of any predicted or
 * polished answer. */
static pdm_status compare_field(pdm_model *m, pdm_batch good, pdm_size field, double share, double factor)
{
    pdm_status         status = PDM_OK;
    const pdm_problem *p      = m->problem;
    pdm_backend       *b      = p->backend;
    const pdm_given   *given  = &m->whole->inputs->given;
    const pdm_size     n      = given->n_point;
    void              *host   = NULL;

    PDM_TRY(b->ops->acquire(b, m->misfit.values, PDM_READ_WRITE, &host));
    for (pdm_size i = 0; i < good.n; i++) {
        double       *u = (double *)host + good.index[i] * n;
        const double *d = given->field + (m->pick[good.index[i]] * pdm_domain_n_field(p->domain) + field) * n;
        for (pdm_size k = 0; k < n; k++) {
            const double e = pdm_pde_from_spline(p->pde, field, u[k]) - d[k];
            m->misfit_of[good.index[i]] += 0.5 * share * e * e;
            u[k] = factor * share * e * pdm_pde_from_spline_slope(p->pde, field, u[k]);
        }
    }
done:
    status = pdm_release(b, status, m->misfit.values, &host);
    return status;
}

pdm_status misfit_find(pdm_model *m, pdm_batch good, double factor)
{
    pdm_status         status  = PDM_OK;
    const pdm_problem *p       = m->problem;
    pdm_backend       *b       = p->backend;
    const pdm_size     n_field = pdm_domain_n_field(p->domain);
    const double       n       = (double)(m->whole->inputs->given.n_point * n_field);

    PDM_TRY(prepare(m));
    PDM_TRY(clear_cotangent(m, good));
    for (pdm_size f = 0; f < n_field; f++) {
        const pdm_atom atom   = {.field = (int32_t)f};
        pdm_buffer    *values = m->misfit.values;
        PDM_TRY(b->ops->points_evaluate(b, m->misfit.plan, good, atom, pdm_solver_lend(m->solver)->c, values));
        PDM_TRY(compare_field(m, good, f, 1.0 / (n * p->magnitude[f] * p->magnitude[f]), factor));
        PDM_TRY(b->ops->points_evaluate_adjoint(b, m->misfit.plan, good, atom, values, m->g_c));
    }
done:
    return status;
}
