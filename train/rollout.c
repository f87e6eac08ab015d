/* Roll-out: slab after slab in time, the end of one being the start of the next. docs/mathematics.md, "Slabs". */
#include "train/train.h"

#include <math.h>
#include <string.h>

#include "train/train_impl.h"

/* Does an expression give back one sampled input, and nothing else? It is tried at two values. */
static bool is_plain_input(pdm_model *m, const pdm_function *f, pdm_size *input)
{
    const double in[2] = {1.7182818, -0.3141592};
    double       out, work[64];

    if (f->n_atom > 0 || f->n_input != 1 || f->input[0].kind != PDM_INPUT_FIELD || f->n_sampled != 1) return false;
    for (pdm_size j = 0; j < pdm_domain_n_dim(m->domain); j++)
        if (f->sampled[0].order[j] != 0) return false;
    if (f->value->n_register > 64) return false;
    for (int k = 0; k < 2; k++) {
        pdm_program_evaluate(f->value, &in[k], &out, work);
        if (out != in[k]) return false;
    }
    *input = f->sampled[0].input;
    return true;
}

/* The input has all dimensions of space, in order, and is a spline. */
static bool is_state(const pdm_model *m, pdm_size input)
{
    const pdm_input_info *info = pdm_pde_input(m->pde, input);
    if (info->n_dim != pdm_domain_n_dim(m->domain) - 1 || pdm_domain_input_on_cells(m->domain, input)) return false;
    for (pdm_size k = 0; k < info->n_dim; k++)
        if (info->dim[k] != k + 1) return false;
    return true;
}

static pdm_status refuse_time(pdm_model *m, const char *what, const char *text)
{
    pdm_status   status = PDM_OK;
    const double high   = pdm_domain_spline(m->domain, 0)->map.high;
    PDM_FAIL(m->ctx, PDM_ERR_DATA, "times beyond %s = %g are reached slab after slab, which needs %s%s",
             pdm_pde_dim_name(m->pde, 0), high, what, text);
done:
    return status;
}

static pdm_status check_autonomous(pdm_model *m)
{
    pdm_status status = PDM_OK;
    for (pdm_size i = 0; i < pdm_pde_n_term(m->pde); i++)
        if (pdm_pde_term(m->pde, i)->function->uses_time)
            PDM_TRY(refuse_time(m, "equations without t; it is read by ", pdm_pde_term(m->pde, i)->function->text));
    for (pdm_size i = 0; i < pdm_pde_n_condition(m->pde); i++) {
        const pdm_function *f = pdm_pde_condition(m->pde, i)->function;
        if (f && f->uses_time) PDM_TRY(refuse_time(m, "conditions without t; it is read by ", f->text));
    }
    for (pdm_size i = 0; i < pdm_pde_n_constraint(m->pde); i++) {
        const pdm_constraint *k = pdm_pde_constraint(m->pde, i);
        if (k->inside->uses_time || k->value->uses_time)
            PDM_TRY(refuse_time(m, "constraints without t; it is read by ", k->name));
    }
    for (pdm_size i = 0; i < pdm_pde_n_input(m->pde); i++) {
        const pdm_input_info *info = pdm_pde_input(m->pde, i);
        if (info->n_dim > 0 && info->dim[0] == 0) PDM_TRY(refuse_time(m, "inputs without t; it has t: ", info->name));
    }
done:
    return status;
}

pdm_status rollout_check(pdm_model *m)
{
    pdm_status status = PDM_OK;

    PDM_TRY(check_autonomous(m));
    for (pdm_size i = 0; i < pdm_pde_n_initial(m->pde); i++) {
        const pdm_initial *x = pdm_pde_initial(m->pde, i);
        pdm_size           input;
        if (!is_plain_input(m, x->given, &input) || !is_state(m, input))
            PDM_TRY(refuse_time(m, "initial data that are input fields over all of space; they are ", x->given->text));
    }
    for (pdm_size i = 0; i < pdm_pde_n_initial(m->pde); i++) {
        const pdm_initial *x = pdm_pde_initial(m->pde, i);
        if (x->order > 0 && pdm_pde_is_positive(m->pde, x->field))
            PDM_TRY(refuse_time(m, "positive fields of first order in time; of second order is ",
                                pdm_pde_field_name(m->pde, x->field)));
    }
    if (pdm_pde_n_initial(m->pde) == 0) PDM_TRY(refuse_time(m, "an initial state", ""));
done:
    return status;
}

/* Points of the states: the end of time, Greville points of space. */
static pdm_status end_create(pdm_model *m)
{
    pdm_status    status = PDM_OK;
    const double  high   = pdm_domain_spline(m->domain, 0)->map.high;
    const double *x[PDM_MAX_DIM];
    pdm_size      n[PDM_MAX_DIM], n_point = 1;

    if (m->end.n_point > 0) return PDM_OK;
    n[0] = 1;
    x[0] = &high;
    for (pdm_size j = 1; j < pdm_domain_n_dim(m->domain); j++) {
        n[j] = pdm_domain_spline(m->domain, j)->n_coef;
        x[j] = pdm_domain_greville(m->domain, j);
        n_point *= n[j];
    }
    PDM_TRY(pdm_point_grid_create(m->domain, n, x, &m->end.grid));
    PDM_TRY(m->backend->ops->points_create(m->backend, &m->end.grid.desc, &m->end.plan));
    PDM_TRY(
        m->backend->ops->buffer_create(m->backend, (size_t)(m->n_batch * n_point) * sizeof(double), &m->end.values));
    m->end.n_point = n_point;
done:
    if (status != PDM_OK) rollout_destroy(m);
    return status;
}

void rollout_destroy(pdm_model *m)
{
    if (m->backend) {
        m->backend->ops->points_destroy(m->backend, &m->end.plan);
        m->backend->ops->buffer_destroy(m->backend, &m->end.values);
    }
    pdm_point_grid_destroy(&m->end.grid);
    m->end = (end_state){0};
}

pdm_status rollout_advance(pdm_model *m, pdm_size n, const pdm_solver *solver)
{
    pdm_status     status  = PDM_OK;
    pdm_backend   *b       = m->backend;
    const pdm_size n_input = pdm_domain_n_input(m->domain);
    void          *host    = NULL;

    PDM_TRY(end_create(m));
    for (pdm_size i = 0; i < pdm_pde_n_initial(m->pde); i++) {
        const pdm_initial *x    = pdm_pde_initial(m->pde, i);
        pdm_atom           atom = {.field = x->field, .order = {x->order}};
        const pdm_size     at   = pdm_domain_input_offset(m->domain, x->given->sampled[0].input);
        PDM_TRY(
            b->ops->points_evaluate(b, m->end.plan, batch_of(m, n), atom, pdm_solver_lend(solver)->c, m->end.values));
        PDM_TRY(b->ops->acquire(b, m->end.values, PDM_READ, &host));
        for (pdm_size s = 0; s < n; s++)
            for (pdm_size k = 0; k < m->end.n_point; k++) {
                double *to = &m->input[s * n_input + at + k];
                *to        = ((double *)host)[s * m->end.n_point + k];
                if (x->order == 0) *to = pdm_pde_from_spline(m->pde, x->field, *to);
            }
        PDM_TRY(b->ops->release(b, m->end.values, &host));
    }
done:
    if (host) (void)b->ops->release(b, m->end.values, &host);
    return status;
}
