/* Solves on few rows that stand for all, through columns that are the same for all samples; what all rows say of the
 * answer decides whether it is taken. docs/mathematics.md, "Few rows". */
#include "model/model.h"

#include <string.h>

#include "model/model_impl.h"

/* What columns are added to, less the lift, if all samples have the same. */
static bool has_offset(const pdm_model *m)
{
    const pdm_columns_desc *d = pdm_experts_columns(m->experts);
    return d->offset && !d->guess;
}

/* Column n of all, as coefficients of the first sample: c = C e_n; behind them the offset: what is added to nothing. */
static pdm_status set_column(pdm_cubature *x, pdm_size n, pdm_buffer *w)
{
    pdm_status      status = PDM_OK;
    pdm_backend    *b      = x->m->problem->backend;
    const pdm_batch one    = pdm_model_batch(x->m, 1);
    void           *host   = NULL;

    PDM_TRY(b->ops->acquire(b, w, PDM_READ_WRITE, &host));
    for (pdm_size i = 0; i < x->rows.n_column; i++) ((double *)host)[i] = i == n ? 1.0 : 0.0;
    PDM_TRY(b->ops->release(b, w, &host));
    PDM_TRY(b->ops->columns_expand(b, pdm_solver_lend(x->m->solver)->columns, one, w, NULL, x->origin));
    if (n == x->rows.n_column)
        PDM_TRY(
            b->ops->columns_start(b, pdm_solver_lend(x->m->solver)->columns, one, x->m->basis, x->origin, x->origin));
    PDM_TRY(b->ops->acquire(b, x->origin, PDM_READ, &host));
    pdm_reduced_rows_set_column(&x->rows, n, host);
    PDM_TRY(b->ops->release(b, x->origin, &host));
done:
    return status;
}

/* What is the same for all samples: the weight of the offset, and into all of their sampled inputs. */
static pdm_status put_same(const pdm_cubature *x)
{
    pdm_status     status = PDM_OK;
    pdm_backend   *b      = x->m->problem->backend;
    const pdm_size n      = x->rows.desc.n_sampled;
    void          *host   = NULL;

    PDM_TRY(b->ops->acquire(b, x->sampled, PDM_WRITE, &host));
    for (pdm_size i = 0; i < x->m->n_batch; i++)
        memcpy((double *)host + i * n, x->rows.same, (size_t)n * sizeof(double));
    PDM_TRY(b->ops->release(b, x->sampled, &host));
    PDM_TRY(b->ops->acquire(b, x->offset, PDM_WRITE, &host));
    for (pdm_size i = 0; i < x->m->n_batch; i++)
        for (pdm_size k = 0; k <= x->rows.n_column; k++)
            ((double *)host)[i * (x->rows.n_column + 1) + k] = k == x->rows.n_column ? 1.0 : 0.0;
    PDM_TRY(b->ops->release(b, x->offset, &host));
done:
    return status;
}

pdm_status cubature_create(pdm_model *m, pdm_row_list *list, double most, pdm_cubature **out)
{
    pdm_status              status = PDM_OK;
    pdm_backend            *b      = m->problem->backend;
    const pdm_solver_state *st     = pdm_solver_lend(m->solver);
    const size_t            size   = (size_t)m->n_batch * sizeof(double);
    pdm_cubature           *x      = NULL;

    PDM_TRY(pdm_alloc(m->ctx, sizeof *x, &x));
    x->m    = m;
    x->list = *list;
    x->most = most;
    *list   = (pdm_row_list){0};
    PDM_TRY(pdm_reduced_rows_create(m->ctx, pdm_domain_rows(m->problem->domain), &x->list, st->n_column, &x->rows));
    PDM_TRY(b->ops->buffer_create(b, size * (size_t)st->c_size, &x->origin));
    PDM_TRY(b->ops->buffer_create(b, size * (size_t)(st->n_column + 1), &x->offset));
    PDM_TRY(b->ops->buffer_create(b, size * (size_t)x->rows.desc.n_sampled, &x->sampled));
    PDM_TRY(put_same(x));
    PDM_TRY(b->ops->columns_build(b, st->columns, pdm_model_batch(m, 1), m->basis));
    for (pdm_size n = 0; n < st->n_column + has_offset(m); n++) PDM_TRY(set_column(x, n, st->w));
    PDM_TRY(b->ops->matrix_create(b, &x->rows.start, &x->start));
    PDM_TRY(b->ops->matrix_create(b, &x->rows.inputs, &x->inputs));
    PDM_TRY(
        pdm_solver_create_few(m->ctx, b, &m->whole->solving, &x->rows.desc, &x->rows.columns, m->n_batch, &x->solver));
    PDM_TRY(pdm_alloc_array(m->ctx, m->n_batch, &x->again));
    *out = x;
    x    = NULL;
done:
    pdm_cubature_destroy(&x);
    return status;
}

void pdm_cubature_destroy(pdm_cubature **cubature)
{
    pdm_cubature *x = *cubature;
    if (!x) return;
    pdm_backend *b = x->m->problem->backend;
    pdm_solver_destroy(&x->solver);
    b->ops->matrix_destroy(b, &x->start);
    b->ops->matrix_destroy(b, &x->inputs);
    b->ops->buffer_destroy(b, &x->origin);
    b->ops->buffer_destroy(b, &x->sampled);
    b->ops->buffer_destroy(b, &x->offset);
    pdm_reduced_rows_destroy(&x->rows);
    pdm_row_list_destroy(x->m->ctx, &x->list);
    pdm_free(x->m->ctx, x->again);
    pdm_free(x->m->ctx, x);
    *cubature = NULL;
}

pdm_status cubature_solve(pdm_cubature *x, pdm_batch batch)
{
    pdm_status          status = PDM_OK;
    const pdm_model    *m      = x->m;
    pdm_backend        *b      = m->problem->backend;
    const pdm_rows_data data   = {.scalar = m->samples->data.scalar, .sampled = x->sampled};
    pdm_buffer         *start  = m->samples->lift;

    if (pdm_columns_have_start(pdm_experts_columns(m->experts)) && !has_offset(m)) {
        PDM_TRY(b->ops->columns_start(b, pdm_solver_lend(m->solver)->columns, batch, m->basis, start, x->origin));
        start = x->origin;
    }
    PDM_TRY(b->ops->matrix_apply(b, x->start, batch, start, x->sampled));
    PDM_TRY(b->ops->matrix_apply(b, x->inputs, batch, m->samples->data.sampled, x->sampled));
    pdm_solver_set_limits(x->solver, m->whole->solving.tolerance, m->whole->solving.max_iter);
    PDM_TRY(pdm_solver_solve(x->solver, batch, &data, NULL, x->offset, PDM_START_ZERO));
done:
    return status;
}

/* Those of a batch whose answer on few rows is not one on all, into x->again. */
static pdm_batch find_again(pdm_cubature *x, pdm_batch batch)
{
    pdm_batch again = {.index = x->again};
    for (pdm_size i = 0; i < batch.n; i++) {
        const int32_t k   = batch.index[i];
        const double  few = pdm_solver_results(x->solver)[k].objective,
                     all  = pdm_solver_results(x->m->solver)[k].objective;
        if (!pdm_reason_is_good(pdm_solver_results(x->solver)[k].reason) || !(all <= x->most * few))
            x->again[again.n++] = k;
    }
    return again;
}

pdm_status pdm_model_answer(pdm_model *m, pdm_batch batch)
{
    pdm_status    status = PDM_OK;
    pdm_cubature *x      = m->cubature;

    if (!x) return pdm_model_solve(m, batch);
    PDM_TRY(cubature_solve(x, batch));
    PDM_TRY(pdm_solver_adopt(m->solver, batch, &m->samples->data, m->basis, m->samples->lift, x->solver));
    const pdm_batch again = find_again(x, batch);
    if (again.n > 0)
        PDM_TRY(pdm_solver_solve(m->solver, again, &m->samples->data, m->basis, m->samples->lift, PDM_START_ZERO));
done:
    return status;
}

/* ---- the file: weights of all rows, most of them 0 ---- */

pdm_status cubature_store(pdm_model *m, pdm_store *s, bool writing)
{
    pdm_status     status = PDM_OK;
    const pdm_size n_row  = pdm_domain_rows(m->problem->domain)->n_row;
    pdm_size       length = 0;
    double         most   = m->cubature ? m->cubature->most : 0.0;
    double        *weight = NULL;
    pdm_row_list   list   = {0};

    if (!writing) PDM_TRY(pdm_store_length(s, "cubature", "weight", &length));
    if (writing ? !m->cubature : length < 0) return PDM_OK;
    PDM_TRY(pdm_alloc_array(m->ctx, n_row, &weight));
    for (pdm_size i = 0; writing && i < m->cubature->list.n; i++)
        weight[m->cubature->list.row[i]] = m->cubature->list.weight[i];
    PDM_TRY(pdm_store_exchange(s, writing, "cubature", "most", PDM_STORE_DOUBLE, 1, &most));
    PDM_TRY(pdm_store_exchange(s, writing, "cubature", "weight", PDM_STORE_DOUBLE, n_row, weight));
    if (writing) goto done;
    PDM_TRY(pdm_row_list_keep(m->ctx, n_row, weight, &list));
    if (list.n == 0) PDM_FAIL(m->ctx, PDM_ERR_MODEL, "cubature:weight: no number above 0; weights of rows expected");
    PDM_TRY(cubature_create(m, &list, most, &m->cubature));
done:
    pdm_row_list_destroy(m->ctx, &list);
    pdm_free(m->ctx, weight);
    return status;
}
