/* Experts by themselves: each minimises the rows of its own elements, with functions that reach as far as these rows
 * look, and what they find is put together by their windows. docs/mathematics.md, "Modes". */
#include "solver/solver.h"

#include <string.h>

#include "experts/experts.h"
#include "solver/solver_impl.h"

/* One expert: its rows, which are all rows with the scales of the others' elements set to zero,
 * its columns, and a solver. */
struct solver_part {
    pdm_rows_desc    rows;
    pdm_term_desc   *term;
    double          *scale; /* row_scale of all terms and dimensions, one after the other */
    pdm_columns_desc columns;
    pdm_column_group group[PDM_MAX_FIELD];
    pdm_size         column0; /* its first column among all */
    pdm_buffer      *share;   /* its windows, [n_sample][n_field][n_coef] */
    unsigned char   *on;      /* [n_sample][its columns], of pdm_solver_select(), as is */
    double          *ridge;
    pdm_solver      *solver;
};

static pdm_status part_rows(pdm_solver *s, const pdm_experts *experts, pdm_size expert, const pdm_rows_desc *all)
{
    pdm_status   status = PDM_OK;
    solver_part *part   = &s->part[expert];
    pdm_size     n      = 0;

    for (pdm_size t = 0; t < all->n_term; t++)
        for (pdm_size j = 0; j < all->n_dim; j++) n += all->term[t].axis[j].n_row;
    PDM_TRY(pdm_alloc_array(s->ctx, n, &part->scale));
    PDM_TRY(pdm_alloc_array(s->ctx, all->n_term, &part->term));
    double *scale = part->scale;
    for (pdm_size t = 0; t < all->n_term; t++) {
        part->term[t] = all->term[t];
        for (pdm_size j = 0; j < all->n_dim; j++) {
            const pdm_axis *axis       = &all->term[t].axis[j];
            part->term[t].row_scale[j] = scale;
            for (pdm_size i = 0; i < axis->n_row; i++) {
                const bool own = pdm_experts_owns(experts, expert, j, axis->row_element[i]);
                *scale++       = own ? all->term[t].row_scale[j][i] : 0.0;
            }
        }
    }
    part->rows      = *all;
    part->rows.term = part->term;
done:
    return status;
}

/* Of one field's group: as among all experts, but alone. */
static void part_columns(solver_part *part, const pdm_columns_desc *all, pdm_size expert)
{
    part->columns          = *all;
    part->columns.n_expert = 1;
    part->columns.group    = part->group;
    for (pdm_size f = 0; f < all->n_field; f++) {
        part->group[f]        = all->group[expert * all->n_field + f];
        part->group[f].expert = 0;
    }
}

/* The same for all samples. host: scratch [n_field][n_coef]. */
static pdm_status part_share(pdm_solver *s, const pdm_wide *wide, pdm_size expert, double *host)
{
    pdm_status   status = PDM_OK;
    pdm_backend *b      = s->backend;
    const size_t bytes  = (size_t)s->state.c_size * sizeof(double);
    solver_part *part   = &s->part[expert];
    void        *to     = NULL;

    pdm_wide_share(wide, expert, host);
    PDM_TRY(b->ops->buffer_create(b, (size_t)s->state.n_sample * bytes, &part->share));
    PDM_TRY(b->ops->acquire(b, part->share, PDM_WRITE, &to));
    for (pdm_size i = 0; i < s->state.n_sample; i++) memcpy((char *)to + (size_t)i * bytes, host, bytes);
done:
    status = pdm_release(b, status, part->share, &to);
    return status;
}

pdm_status solver_parts_create(pdm_solver *s, const pdm_domain *domain, const pdm_experts *experts)
{
    pdm_status              status   = PDM_OK;
    const pdm_columns_desc *columns  = NULL;
    const pdm_size         *column0  = pdm_experts_column0(experts);
    pdm_solver_settings     settings = s->settings;
    double                 *host     = NULL;

    settings.mode = PDM_MODE_COUPLED;
    PDM_TRY(pdm_wide_create(s->ctx, experts, &s->wide));
    columns = pdm_wide_columns(s->wide);
    PDM_TRY(pdm_alloc_array(s->ctx, s->state.c_size, &host));
    PDM_TRY(pdm_alloc_array(s->ctx, columns->n_expert, &s->part));
    s->n_part = columns->n_expert;
    for (pdm_size e = 0; e < s->n_part; e++) {
        solver_part *part = &s->part[e];
        PDM_TRY(part_rows(s, experts, e, pdm_domain_rows(domain)));
        part_columns(part, columns, e);
        PDM_TRY(part_share(s, s->wide, e, host));
        part->column0            = column0[e];
        const solver_shape shape = {.rows     = &part->rows,
                                    .columns  = &part->columns,
                                    .n_column = column0[e + 1] - column0[e],
                                    .n_coef   = pdm_domain_n_coef(domain)};
        PDM_TRY(pdm_alloc_array(s->ctx, s->state.n_sample * shape.n_column, &part->on));
        PDM_TRY(pdm_alloc_array(s->ctx, s->state.n_sample * shape.n_column, &part->ridge));
        PDM_TRY(solver_create(s->ctx, s->backend, &settings, &shape, s, s->state.n_sample, &part->solver));
    }
done:
    pdm_free(s->ctx, host);
    return status;
}

void solver_parts_destroy(pdm_solver *s)
{
    for (pdm_size e = 0; e < s->n_part; e++) {
        pdm_solver_destroy(&s->part[e].solver);
        s->backend->ops->buffer_destroy(s->backend, &s->part[e].share);
        pdm_free(s->ctx, s->part[e].term);
        pdm_free(s->ctx, s->part[e].scale);
        pdm_free(s->ctx, s->part[e].on);
        pdm_free(s->ctx, s->part[e].ridge);
    }
    pdm_free(s->ctx, s->part);
    pdm_wide_destroy(&s->wide);
}

pdm_size pdm_solver_n_part(const pdm_solver *s)
{
    return s->n_part;
}
pdm_solver *pdm_solver_part(const pdm_solver *s, pdm_size expert)
{
    return s->part[expert].solver;
}
pdm_buffer *pdm_solver_part_share(const pdm_solver *s, pdm_size expert)
{
    return s->part[expert].share;
}

pdm_status solver_parts_select(pdm_solver *s, pdm_batch batch, const unsigned char *on, const double *ridge)
{
    pdm_status status = PDM_OK;

    for (pdm_size e = 0; e < s->n_part; e++) {
        const solver_part *part = &s->part[e];
        const pdm_size     n    = pdm_solver_lend(part->solver)->n_column;
        for (pdm_size i = 0; i < batch.n; i++) {
            const pdm_size from = batch.index[i] * s->state.n_column + part->column0, to = batch.index[i] * n;
            if (on) memcpy(part->on + to, on + from, (size_t)n * sizeof *on);
            if (ridge) memcpy(part->ridge + to, ridge + from, (size_t)n * sizeof *ridge);
        }
        PDM_TRY(pdm_solver_select(part->solver, batch, on ? part->on : NULL, ridge ? part->ridge : NULL));
    }
done:
    return status;
}

/* Adds what an expert's solves have come to: objectives and work add up, the longest solve counts (experts do not wait
 * for each other), and so does the first bad ending. */
static void add_results(pdm_solver *s, pdm_batch batch, const pdm_solve_result *part)
{
    for (pdm_size i = 0; i < batch.n; i++) {
        pdm_solve_result       *all   = &s->result[batch.index[i]];
        const pdm_solve_result *one   = &part[batch.index[i]];
        const bool              first = all->reason == PDM_REASON_NONE, good = pdm_reason_is_good(one->reason);
        if (first || (pdm_reason_is_good(all->reason) && (!good || one->reason > all->reason)))
            all->reason = one->reason;
        if (one->iterations > all->iterations) all->iterations = one->iterations;
        if (one->decrement > all->decrement) all->decrement = one->decrement;
        all->factorisations += one->factorisations;
        all->cg_iterations += one->cg_iterations;
        all->objective += one->objective;
    }
}

static pdm_status put_weights(pdm_solver *s, pdm_batch batch, const solver_part *part)
{
    pdm_status     status = PDM_OK;
    pdm_backend   *b      = s->backend;
    const pdm_size n = pdm_solver_lend(part->solver)->n_column, one = (pdm_size)sizeof(double);
    for (pdm_size i = 0; i < batch.n && n > 0; i++) {
        const pdm_size k = batch.index[i];
        PDM_TRY(b->ops->copy(b, s->state.w, pdm_solver_lend(part->solver)->w,
                             (size_t)((k * s->state.n_column + part->column0) * one), (size_t)(k * n * one),
                             (size_t)(n * one)));
    }
done:
    return status;
}

/* c = lift + sum_e G_e (c_e - lift) */
static pdm_status put_together(pdm_solver *s, pdm_batch batch, pdm_buffer *lift)
{
    pdm_status        status = PDM_OK;
    pdm_backend      *b      = s->backend;
    pdm_solver_state *st     = &s->state;

    PDM_TRY(b->ops->vector_combine(b, batch, st->c_size, s->one, lift, NULL, NULL, st->c));
    for (pdm_size e = 0; e < s->n_part; e++) {
        pdm_buffer *own = pdm_solver_lend(s->part[e].solver)->c;
        PDM_TRY(b->ops->vector_combine(b, batch, st->c_size, s->one, own, s->minus, lift, s->c_try));
        PDM_TRY(b->ops->vector_multiply(b, batch, st->c_size, s->part[e].share, s->c_try, s->c_try));
        PDM_TRY(b->ops->vector_combine(b, batch, st->c_size, s->one, st->c, s->one, s->c_try, st->c));
    }
done:
    return status;
}

/* r and y of all rows at c. */
static pdm_status residual_at(pdm_solver *s, pdm_batch batch, const pdm_rows_data *data, pdm_buffer *c)
{
    pdm_status        status = PDM_OK;
    pdm_solver_state *st     = &s->state;

    PDM_TRY(s->backend->ops->rows_residual(s->backend, st->rows, batch, data, c, st->r));
    PDM_TRY(solver_weigh(s, st->rows, batch, st->r, st->y));
done:
    return status;
}

/* Where the lift solves an expert's rows already, what is left of them is rounding:
 * to be told by the objective of all rows. */
static pdm_status look_around(pdm_solver *s, pdm_batch batch, const pdm_rows_data *data, pdm_buffer *lift)
{
    pdm_status        status = PDM_OK;
    pdm_backend      *b      = s->backend;
    pdm_solver_state *st     = &s->state;

    PDM_TRY(residual_at(s, batch, data, lift));
    PDM_TRY(pdm_vector_dot(b, batch, st->n_row, st->r, st->y, NULL, s->phi));
    for (pdm_size e = 0; e < s->n_part; e++)
        for (pdm_size i = 0; i < batch.n; i++)
            s->part[e].solver->phi_around[batch.index[i]] = 0.5 * s->phi[batch.index[i]];
done:
    return status;
}

pdm_status solver_parts_solve(pdm_solver *s, pdm_batch batch, const pdm_rows_data *data, pdm_buffer *basis,
                              pdm_buffer *lift, pdm_start start)
{
    pdm_status        status = PDM_OK;
    pdm_solver_state *st     = &s->state;

    for (pdm_size i = 0; i < batch.n; i++) s->result[batch.index[i]] = (pdm_solve_result){.reason = PDM_REASON_NONE};
    PDM_TRY(look_around(s, batch, data, lift));
    for (pdm_size e = 0; e < s->n_part; e++) {
        pdm_solver *part = s->part[e].solver;
        PDM_TRY(pdm_solver_solve(part, batch, data, basis, lift, start));
        add_results(s, batch, pdm_solver_results(part));
        PDM_TRY(put_weights(s, batch, &s->part[e]));
    }
    PDM_TRY(put_together(s, batch, lift));
    PDM_TRY(residual_at(s, batch, data, st->c));
done:
    return status;
}
