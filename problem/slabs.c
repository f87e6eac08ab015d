/* Roll-out: slab after slab in time, the end of one being the start of the next. docs/mathematics.md, "Slabs". */
#include "problem/problem.h"

#include <math.h>
#include <string.h>

#include "problem/problem_impl.h"

/* Does an expression give back one sampled input, and nothing else? It is tried at two values. */
static bool is_plain_input(const pdm_problem *p, const pdm_function *f, pdm_size *input)
{
    const double in[2] = {1.7182818, -0.3141592};
    double       out, work[64];

    if (f->n_atom > 0 || f->n_input != 1 || f->input[0].kind != PDM_INPUT_FIELD || f->n_sampled != 1) return false;
    for (pdm_size j = 0; j < pdm_domain_n_dim(p->domain); j++)
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
static bool is_state(const pdm_problem *p, pdm_size input)
{
    const pdm_input_info *info = pdm_pde_input(p->pde, input);
    if (info->n_dim != pdm_domain_n_dim(p->domain) - 1 || pdm_domain_input_on_cells(p->domain, input)) return false;
    for (pdm_size k = 0; k < info->n_dim; k++)
        if (info->dim[k] != k + 1) return false;
    return true;
}

static pdm_status refuse_time(const pdm_problem *p, const char *what, const char *text)
{
    pdm_status   status = PDM_OK;
    const double high   = pdm_domain_spline(p->domain, 0)->map.high;
    PDM_FAIL(p->ctx, PDM_ERR_DATA, "times beyond %s = %g are reached slab after slab, which needs %s%s",
             pdm_pde_dim_name(p->pde, 0), high, what, text);
done:
    return status;
}

/* What reads time, and what that is; NULL: nothing does. */
static const char *reader_of_time(const pdm_problem *p, const char **wanted)
{
    *wanted = "equations without t; it is read by ";
    for (pdm_size i = 0; i < pdm_pde_n_term(p->pde); i++)
        if (pdm_pde_term(p->pde, i)->function->uses_time) return pdm_pde_term(p->pde, i)->function->text;
    *wanted = "conditions without t; it is read by ";
    for (pdm_size i = 0; i < pdm_pde_n_condition(p->pde); i++) {
        const pdm_function *f = pdm_pde_condition(p->pde, i)->function;
        if (f && f->uses_time) return f->text;
    }
    *wanted = "constraints without t; it is read by ";
    for (pdm_size i = 0; i < pdm_pde_n_constraint(p->pde); i++) {
        const pdm_constraint *k = pdm_pde_constraint(p->pde, i);
        if (k->inside->uses_time || k->value->uses_time) return k->name;
    }
    *wanted = "inputs without t; it has t: ";
    for (pdm_size i = 0; i < pdm_pde_n_input(p->pde); i++)
        if (pdm_input_has_time(pdm_pde_input(p->pde, i))) return pdm_pde_input(p->pde, i)->name;
    return NULL;
}

bool slabs_read_time(const pdm_problem *p)
{
    const char *wanted;
    return reader_of_time(p, &wanted) != NULL;
}

static pdm_status check_autonomous(const pdm_problem *p)
{
    const char *wanted, *reader = reader_of_time(p, &wanted);
    return reader ? refuse_time(p, wanted, reader) : PDM_OK;
}

pdm_status pdm_slabs_check(const pdm_problem *p)
{
    pdm_status status = PDM_OK;

    if (pdm_pde_start(p->pde) >= 0) return PDM_OK; /* it is made for it */
    PDM_TRY(check_autonomous(p));
    for (pdm_size i = 0; i < pdm_pde_n_initial(p->pde); i++) {
        const pdm_initial *x = pdm_pde_initial(p->pde, i);
        pdm_size           input;
        if (!is_plain_input(p, x->given, &input) || !is_state(p, input))
            PDM_TRY(refuse_time(p, "initial data that are input fields over all of space; they are ", x->given->text));
    }
    for (pdm_size i = 0; i < pdm_pde_n_initial(p->pde); i++) {
        const pdm_initial *x = pdm_pde_initial(p->pde, i);
        if (x->order > 0 && pdm_pde_is_positive(p->pde, x->field))
            PDM_TRY(refuse_time(p, "positive fields of first order in time; of second order is ",
                                pdm_pde_field_name(p->pde, x->field)));
    }
    if (pdm_pde_level(p->pde)) PDM_TRY(refuse_time(p, "a domain that is the whole box; ", "/geometry is there"));
    if (pdm_pde_n_initial(p->pde) == 0) PDM_TRY(refuse_time(p, "an initial state", ""));
done:
    return status;
}

/* Points of the states: the end of time, Greville points of space. */
static pdm_status place_points(pdm_slab_end *e, pdm_size n_most)
{
    pdm_status         status = PDM_OK;
    const pdm_problem *p      = e->problem;
    const double       high   = pdm_domain_spline(p->domain, 0)->map.high;
    const double      *x[PDM_MAX_DIM];
    pdm_size           n[PDM_MAX_DIM];

    e->n_point = n[0] = 1;
    x[0]              = &high;
    for (pdm_size j = 1; j < pdm_domain_n_dim(p->domain); j++) {
        n[j] = pdm_domain_spline(p->domain, j)->n_coef;
        x[j] = pdm_domain_greville(p->domain, j);
        e->n_point *= n[j];
    }
    PDM_TRY(pdm_point_grid_create(p->domain, n, x, &e->grid));
    PDM_TRY(p->backend->ops->points_create(p->backend, &e->grid.desc, &e->plan));
    PDM_TRY(p->backend->ops->buffer_create(p->backend, (size_t)(n_most * e->n_point) * sizeof(double), &e->values));
done:
    return status;
}

pdm_status pdm_slab_end_create(const pdm_problem *p, pdm_size n_most, pdm_slab_end **out)
{
    pdm_status    status = PDM_OK;
    pdm_slab_end *e      = NULL;

    PDM_TRY(pdm_alloc(p->ctx, sizeof *e, &e));
    e->problem = p;
    PDM_TRY(place_points(e, n_most));
    *out = e;
    e    = NULL;
done:
    pdm_slab_end_destroy(&e);
    return status;
}

void pdm_slab_end_destroy(pdm_slab_end **end)
{
    pdm_slab_end *e = *end;
    if (!e) return;
    pdm_backend *b = e->problem->backend;
    b->ops->points_destroy(b, &e->plan);
    b->ops->buffer_destroy(b, &e->values);
    pdm_point_grid_destroy(&e->grid);
    pdm_free(e->problem->ctx, e);
    *end = NULL;
}

/* Time goes on by a slab, where equations may read it. */
static void advance_start(const pdm_problem *p, pdm_size n, double *input)
{
    const pdm_size n_input = pdm_domain_n_input(p->domain), start = pdm_pde_start(p->pde);
    const pdm_map *map = &pdm_domain_spline(p->domain, 0)->map;
    for (pdm_size s = 0; s < n && start >= 0; s++)
        input[s * n_input + pdm_domain_input_offset(p->domain, start)] += map->high - map->low;
}

pdm_status pdm_slab_advance(pdm_slab_end *e, pdm_batch batch, pdm_buffer *c, double *input)
{
    pdm_status         status  = PDM_OK;
    const pdm_problem *p       = e->problem;
    pdm_backend       *b       = p->backend;
    const pdm_size     n_input = pdm_domain_n_input(p->domain);
    void              *host    = NULL;

    for (pdm_size i = 0; i < pdm_pde_n_initial(p->pde); i++) {
        const pdm_initial *x        = pdm_pde_initial(p->pde, i);
        const pdm_atom     atom     = {.field = x->field, .order = {x->order}};
        const bool         own      = x->state >= 0; /* an input of the spline's own */
        const pdm_size     to_input = own ? x->state : x->given->sampled[0].input;
        const pdm_size     at       = pdm_domain_input_offset(p->domain, to_input);
        PDM_TRY(b->ops->points_evaluate(b, e->plan, batch, atom, c, e->values));
        PDM_TRY(b->ops->acquire(b, e->values, PDM_READ, &host));
        for (pdm_size s = 0; s < batch.n; s++)
            for (pdm_size k = 0; k < e->n_point; k++) {
                const double v = ((double *)host)[batch.index[s] * e->n_point + k];
                const double u = own || x->order > 0 ? v : pdm_pde_from_spline(p->pde, x->field, v);
                if (isfinite(u)) input[s * n_input + at + k] = u;
            }
        PDM_TRY(b->ops->release(b, e->values, &host));
    }
    advance_start(p, batch.n, input);
done:
    status = pdm_release(b, status, e->values, &host);
    return status;
}
