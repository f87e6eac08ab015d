/* Few rows through columns that are the same for all samples: solves that never see a control coefficient. */
#include "model/model.h"

#include "model/model_impl.h"

static pdm_size points_of(const pdm_rows_desc *d, const pdm_term_desc *t)
{
    pdm_size n = 1;
    for (pdm_size j = 0; j < d->n_dim; j++) n *= t->axis[j].n_point;
    return n;
}

static pdm_status make_plans(reduced *x)
{
    pdm_status           status = PDM_OK;
    const pdm_rows_desc *d      = &x->few->desc;
    pdm_backend         *b      = x->m->problem->backend;
    pdm_size             most   = 0;

    PDM_TRY(pdm_alloc_array(x->m->ctx, d->n_term, &x->plan));
    for (pdm_size t = 0; t < d->n_term; t++) {
        pdm_points_desc points = {.n_dim = d->n_dim, .n_field = d->n_field, .n_order = d->term[t].n_order};
        for (pdm_size j = 0; j < d->n_dim; j++) {
            points.degree[j]   = d->degree[j];
            points.n_coef[j]   = d->n_coef[j];
            points.periodic[j] = d->periodic[j];
            points.axis[j]     = d->term[t].axis[j];
        }
        PDM_TRY(b->ops->points_create(b, &points, &x->plan[t]));
        if (points_of(d, &d->term[t]) > most) most = points_of(d, &d->term[t]);
    }
    PDM_TRY(b->ops->buffer_create(b, (size_t)(x->m->n_batch * most) * sizeof(double), &x->at_points));
done:
    return status;
}

/* Column n of all, as coefficients of the first sample: c = C e_n. */
static pdm_status expand_column(const reduced *x, pdm_batch one, pdm_size n, pdm_buffer *w, pdm_buffer *c)
{
    pdm_status     status = PDM_OK;
    pdm_backend   *b      = x->m->problem->backend;
    const pdm_size count  = pdm_experts_n_column(x->m->experts);
    void          *host   = NULL;

    PDM_TRY(b->ops->acquire(b, w, PDM_WRITE, &host));
    for (pdm_size i = 0; i < count; i++) ((double *)host)[i] = i == n ? 1.0 : 0.0;
    PDM_TRY(b->ops->release(b, w, &host));
    PDM_TRY(b->ops->columns_expand(b, pdm_solver_lend(x->m->solver)->columns, one, w, NULL, c));
done:
    return status;
}

/* The atoms of column n at all points, into values of terms: [n_atom][n_point][n_column]. */
static pdm_status read_column(const reduced *x, pdm_batch one, pdm_size n, pdm_buffer *c, double *const *values)
{
    pdm_status           status = PDM_OK;
    pdm_backend         *b      = x->m->problem->backend;
    const pdm_rows_desc *d      = &x->few->desc;
    const pdm_size       count  = pdm_experts_n_column(x->m->experts);
    void                *host   = NULL;

    for (pdm_size t = 0; t < d->n_term; t++)
        for (pdm_size a = 0; a < d->term[t].n_atom; a++) {
            const pdm_size n_point = points_of(d, &d->term[t]);
            PDM_TRY(b->ops->points_evaluate(b, x->plan[t], one, d->term[t].atom[a], c, x->at_points));
            PDM_TRY(b->ops->acquire(b, x->at_points, PDM_READ, &host));
            for (pdm_size p = 0; p < n_point; p++) values[t][(a * n_point + p) * count + n] = ((const double *)host)[p];
            PDM_TRY(b->ops->release(b, x->at_points, &host));
        }
done:
    if (host) (void)b->ops->release(b, x->at_points, &host);
    return status;
}

static pdm_status make_rows(reduced *x)
{
    pdm_status           status = PDM_OK;
    pdm_model           *m      = x->m;
    pdm_backend         *b      = m->problem->backend;
    const pdm_rows_desc *d      = &x->few->desc;
    const pdm_size       count  = pdm_experts_n_column(m->experts);
    const pdm_batch      one    = pdm_model_batch(m, 1);
    double             **values = NULL;
    pdm_buffer          *w      = NULL;

    PDM_TRY(pdm_alloc_array(m->ctx, d->n_term, &values));
    for (pdm_size t = 0; t < d->n_term; t++)
        PDM_TRY(pdm_alloc_array(m->ctx, d->term[t].n_atom * points_of(d, &d->term[t]) * count, &values[t]));
    PDM_TRY(b->ops->buffer_create(b, (size_t)(m->n_batch * count) * sizeof(double), &w));
    PDM_TRY(b->ops->columns_build(b, pdm_solver_lend(m->solver)->columns, one, m->basis));
    for (pdm_size n = 0; n < count; n++) {
        PDM_TRY(expand_column(x, one, n, w, x->start));
        PDM_TRY(read_column(x, one, n, x->start, values));
    }
    PDM_TRY(pdm_reduced_rows_create(m->ctx, d, count, (const double *const *)values, &x->rows));
done:
    for (pdm_size t = 0; values && t < d->n_term; t++) pdm_free(m->ctx, values[t]);
    pdm_free(m->ctx, values);
    b->ops->buffer_destroy(b, &w);
    return status;
}

pdm_status reduced_create(pdm_model *m, const pdm_few_rows *few, reduced **out)
{
    pdm_status   status = PDM_OK;
    pdm_backend *b      = m->problem->backend;
    reduced     *x      = NULL;
    const size_t size   = (size_t)m->n_batch * sizeof(double);

    PDM_TRY(pdm_alloc(m->ctx, sizeof *x, &x));
    x->m   = m;
    x->few = few;
    PDM_TRY(b->ops->buffer_create(b, size * (size_t)pdm_solver_lend(m->solver)->c_size, &x->start));
    PDM_TRY(b->ops->buffer_create(b, size * (size_t)pdm_experts_n_column(m->experts), &x->nothing));
    PDM_TRY(make_plans(x));
    PDM_TRY(make_rows(x));
    *out = x;
    x    = NULL;
done:
    reduced_destroy(&x);
    return status;
}

void reduced_destroy(reduced **rows)
{
    reduced *x = *rows;
    if (!x) return;
    pdm_backend *b = x->m->problem->backend;
    for (pdm_size t = 0; x->plan && t < x->few->desc.n_term; t++) b->ops->points_destroy(b, &x->plan[t]);
    pdm_free(x->m->ctx, x->plan);
    pdm_reduced_rows_destroy(&x->rows);
    b->ops->buffer_destroy(b, &x->start);
    b->ops->buffer_destroy(b, &x->at_points);
    b->ops->buffer_destroy(b, &x->nothing);
    pdm_free(x->m->ctx, x);
    *rows = NULL;
}

pdm_status reduced_start(reduced *x, pdm_batch batch, pdm_buffer *sampled)
{
    pdm_status              status  = PDM_OK;
    pdm_model              *m       = x->m;
    pdm_backend            *b       = m->problem->backend;
    const pdm_rows_desc    *d       = &x->few->desc;
    pdm_columns_plan       *columns = pdm_solver_lend(m->solver)->columns;
    pdm_buffer             *start   = m->samples->lift;
    const pdm_columns_desc *desc    = pdm_experts_columns(m->experts);

    if (pdm_columns_have_start(desc)) {
        PDM_TRY(b->ops->columns_start(b, columns, batch, m->basis, start, x->start));
        start = x->start;
    }
    for (pdm_size t = 0; t < d->n_term; t++)
        for (pdm_size a = 0; a < d->term[t].n_atom; a++) {
            const pdm_size n = points_of(d, &d->term[t]), to = x->rows.start[t] + a * n;
            PDM_TRY(b->ops->points_evaluate(b, x->plan[t], batch, d->term[t].atom[a], start, x->at_points));
            for (pdm_size i = 0; i < batch.n; i++)
                PDM_TRY(b->ops->copy(b, sampled, x->at_points,
                                     (size_t)(batch.index[i] * x->rows.desc.n_sampled + to) * sizeof(double),
                                     (size_t)(batch.index[i] * n) * sizeof(double), (size_t)n * sizeof(double)));
        }
done:
    return status;
}
