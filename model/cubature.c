/* Solves on few rows that stand for all; what all rows say of the answer decides whether it is taken.
 * docs/mathematics.md, "Few rows". */
#include "model/model.h"

#include <stdio.h>

#include "model/model_impl.h"

/* The same for all samples, once and for all. */
static pdm_status put_coordinates(const pdm_cubature *x)
{
    pdm_status              status = PDM_OK;
    pdm_backend            *b      = x->m->problem->backend;
    const pdm_reduced_rows *rows   = &x->reduced->rows;
    void                   *host   = NULL;

    PDM_TRY(b->ops->acquire(b, x->sampled, PDM_WRITE, &host));
    for (pdm_size i = 0; i < x->m->n_batch; i++)
        pdm_reduced_rows_coordinates(rows, (double *)host + i * rows->desc.n_sampled);
done:
    if (host) (void)b->ops->release(b, x->sampled, &host);
    return status;
}

pdm_status cubature_create(pdm_model *m, pdm_row_choice *choice, double most, pdm_cubature **out)
{
    pdm_status         status = PDM_OK;
    const pdm_problem *p      = m->problem;
    pdm_backend       *b      = p->backend;
    pdm_cubature      *x      = NULL;

    PDM_TRY(pdm_alloc(m->ctx, sizeof *x, &x));
    x->m      = m;
    x->choice = *choice;
    x->most   = most;
    *choice   = (pdm_row_choice){0};
    PDM_TRY(pdm_few_rows_create(m->ctx, pdm_domain_rows(p->domain), &x->choice, &x->rows));
    const pdm_rows_desc    *rows    = &x->rows.desc;
    const pdm_columns_desc *columns = pdm_experts_columns(m->experts);
    if (pdm_columns_are_constant(columns)) {
        PDM_TRY(reduced_create(m, &x->rows, &x->reduced));
        rows    = &x->reduced->rows.desc;
        columns = &x->reduced->rows.columns;
    }
    PDM_TRY(pdm_solver_create_few(m->ctx, b, &m->whole->solving, rows, columns, m->n_batch, &x->solver));
    PDM_TRY(b->ops->buffer_create(b, (size_t)(m->n_batch * rows->n_sampled) * sizeof(double), &x->sampled));
    if (x->reduced) PDM_TRY(put_coordinates(x));
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
    pdm_free(x->m->ctx, x->again);
    x->m->problem->backend->ops->buffer_destroy(x->m->problem->backend, &x->sampled);
    pdm_solver_destroy(&x->solver);
    reduced_destroy(&x->reduced);
    pdm_few_rows_destroy(&x->rows);
    pdm_row_choice_destroy(x->m->ctx, &x->choice);
    pdm_free(x->m->ctx, x);
    *cubature = NULL;
}

/* Sampled inputs of all rows to those of the few. */
static pdm_status take_sampled(const pdm_cubature *x, pdm_batch batch)
{
    pdm_status     status = PDM_OK;
    pdm_backend   *b      = x->m->problem->backend;
    const pdm_size n = x->rows.desc.n_sampled, n_all = pdm_domain_rows(x->m->problem->domain)->n_sampled,
                   n_own = x->reduced ? x->reduced->rows.desc.n_sampled : n;
    void *from = NULL, *to = NULL;

    if (n == 0) return PDM_OK;
    PDM_TRY(b->ops->acquire(b, x->m->samples->data.sampled, PDM_READ, &from));
    PDM_TRY(b->ops->acquire(b, x->sampled, PDM_READ_WRITE, &to));
    for (pdm_size i = 0; i < batch.n; i++) {
        const double *all = (const double *)from + batch.index[i] * n_all;
        double       *own = (double *)to + batch.index[i] * n_own;
        for (pdm_size k = 0; k < n; k++) own[x->reduced ? x->reduced->rows.place[k] : k] = all[x->rows.from[k]];
    }
done:
    if (from) (void)b->ops->release(b, x->m->samples->data.sampled, &from);
    if (to) (void)b->ops->release(b, x->sampled, &to);
    return status;
}

pdm_status cubature_solve(pdm_cubature *x, pdm_batch batch)
{
    pdm_status          status = PDM_OK;
    const pdm_model    *m      = x->m;
    const pdm_rows_data data   = {.scalar = m->samples->data.scalar, .sampled = x->sampled};

    PDM_TRY(take_sampled(x, batch));
    pdm_solver_set_limits(x->solver, m->whole->solving.tolerance, m->whole->solving.max_iter);
    if (x->reduced) {
        PDM_TRY(reduced_start(x->reduced, batch, x->sampled));
        PDM_TRY(pdm_solver_solve(x->solver, batch, &data, NULL, x->reduced->nothing, PDM_START_ZERO));
    } else {
        PDM_TRY(pdm_solver_solve(x->solver, batch, &data, m->basis, m->samples->lift, PDM_START_ZERO));
    }
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

/* ---- the file: weights of all places, most of them 0 ---- */

static pdm_status store_grid(pdm_model *m, pdm_store *s, pdm_size number, pdm_row_grid *g, bool writing)
{
    pdm_status status = PDM_OK;
    double    *weight = NULL;
    char       name[32];

    (void)snprintf(name, sizeof name, "weight%lld", (long long)number);
    PDM_TRY(pdm_alloc_array(m->ctx, g->n_place, &weight));
    for (pdm_size i = 0; writing && i < g->n; i++) weight[g->row[i]] = g->weight[i];
    PDM_TRY(pdm_store_exchange(s, writing, "cubature", name, PDM_STORE_DOUBLE, g->n_place, weight));
    if (writing) goto done;
    PDM_TRY(pdm_row_grid_keep(m->ctx, weight, g));
    if (g->n == 0) PDM_FAIL(m->ctx, PDM_ERR_MODEL, "cubature:%s: no number above 0; weights of rows expected", name);
done:
    pdm_free(m->ctx, weight);
    return status;
}

pdm_status cubature_store(pdm_model *m, pdm_store *s, bool writing)
{
    pdm_status     status = PDM_OK;
    pdm_size       length = 0;
    double         most   = m->cubature ? m->cubature->most : 0.0;
    pdm_row_choice found, *choice = writing && m->cubature ? &m->cubature->choice : &found;

    pdm_row_choice_list(pdm_domain_rows(m->problem->domain), &found);
    if (!writing) PDM_TRY(pdm_store_length(s, "cubature", "most", &length));
    if (writing ? !m->cubature : length < 0) return PDM_OK;
    PDM_TRY(pdm_store_exchange(s, writing, "cubature", "most", PDM_STORE_DOUBLE, 1, &most));
    for (pdm_size g = 0; g < choice->n_grid; g++) PDM_TRY(store_grid(m, s, g, &choice->grid[g], writing));
    if (!writing) PDM_TRY(cubature_create(m, &found, most, &m->cubature));
done:
    pdm_row_choice_destroy(m->ctx, &found);
    return status;
}
