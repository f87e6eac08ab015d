#include "implicit_diff/implicit_diff.h"

enum { ITERATIONS_MOST = 500, ITERATIONS_MOST_BLOCKS = 5000 }; /* the second: preconditioned by blocks */

struct pdm_implicit {
    pdm_context         *ctx;
    pdm_backend         *backend;
    pdm_solver          *solver;
    double               tolerance;
    pdm_cg              *cg;
    pdm_buffer          *b, *x;                       /* like w */
    pdm_buffer          *v, *curvature, *second, *up; /* like c */
    const pdm_rows_data *data;                        /* of the solve at hand */
    pdm_adjoint_result  *result;
    double              *one, *minus, *weight, *half, *zero; /* [n_sample] host */
    int32_t             *active;
    bool                 has_lambda; /* x is the adjoint of the last backward */
    pdm_arena            arena;
    /* experts by themselves (PDM_MODE_INDEPENDENT): each has an adjoint of its own; of the above it has result,
     * and v as scratch */
    pdm_size       n_part, n_basis; /* n_basis: numbers in g_basis, of all samples */
    pdm_implicit **part;            /* [n_part] */
    pdm_buffer    *g_part;          /* like g_basis */
};

static void implicit_layout(pdm_implicit *d, pdm_size n)
{
    pdm_arena *a       = &d->arena;
    double   **array[] = {&d->one, &d->minus, &d->weight, &d->half, &d->zero};
    for (size_t i = 0; i < sizeof array / sizeof *array; i++) *array[i] = pdm_carve(a, double, n);
    d->result = pdm_carve(a, pdm_adjoint_result, n);
    d->active = pdm_carve(a, int32_t, n);
}

static pdm_status create_parts(pdm_implicit *d)
{
    pdm_status              status  = PDM_OK;
    const pdm_columns_desc *columns = pdm_solver_columns(d->solver);

    d->n_basis = pdm_solver_lend(d->solver)->n_sample * columns->n_channel * columns->n_coef;
    PDM_TRY(d->backend->ops->buffer_create(d->backend, (size_t)d->n_basis * sizeof(float), &d->g_part));
    PDM_TRY(pdm_alloc_array(d->ctx, pdm_solver_n_part(d->solver), &d->part));
    d->n_part = pdm_solver_n_part(d->solver);
    for (pdm_size e = 0; e < d->n_part; e++)
        PDM_TRY(pdm_implicit_create(d->ctx, d->backend, pdm_solver_part(d->solver, e), d->tolerance, &d->part[e]));
done:
    return status;
}

pdm_status pdm_implicit_create(pdm_context *ctx, pdm_backend *backend, pdm_solver *solver, double tolerance,
                               pdm_implicit **out)
{
    pdm_status              status = PDM_OK;
    pdm_implicit           *d      = NULL;
    const pdm_solver_state *st     = pdm_solver_lend(solver);
    const size_t            n      = (size_t)st->n_sample * sizeof(double);

    PDM_TRY(pdm_alloc(ctx, sizeof *d, &d));
    *d                    = (pdm_implicit){.ctx = ctx, .backend = backend, .solver = solver, .tolerance = tolerance};
    pdm_buffer **column[] = {&d->b, &d->x}, **coef[] = {&d->v, &d->curvature, &d->second, &d->up};
    for (size_t i = 0; i < sizeof column / sizeof *column; i++)
        PDM_TRY(backend->ops->buffer_create(backend, n * (size_t)st->n_column, column[i]));
    for (size_t i = 0; i < sizeof coef / sizeof *coef; i++)
        PDM_TRY(backend->ops->buffer_create(backend, n * (size_t)st->c_size, coef[i]));
    PDM_TRY(pdm_cg_create(ctx, backend, st->n_sample, st->n_column, &d->cg));
    pdm_arena_measure(&d->arena, ctx);
    implicit_layout(d, st->n_sample);
    PDM_TRY(pdm_arena_allocate(&d->arena));
    implicit_layout(d, st->n_sample);
    for (pdm_size i = 0; i < st->n_sample; i++) {
        d->one[i]    = 1.0;
        d->minus[i]  = -1.0;
        d->zero[i]   = 0.0;
        d->result[i] = (pdm_adjoint_result){0};
    }
    if (pdm_solver_n_part(solver) > 0) PDM_TRY(create_parts(d));
    *out = d;
    d    = NULL;
done:
    pdm_implicit_destroy(&d);
    return status;
}

void pdm_implicit_destroy(pdm_implicit **implicit)
{
    if (!implicit || !*implicit) return;
    pdm_implicit *d        = *implicit;
    pdm_buffer  **buffer[] = {&d->b, &d->x, &d->v, &d->curvature, &d->second, &d->up};
    for (size_t i = 0; i < sizeof buffer / sizeof *buffer; i++) d->backend->ops->buffer_destroy(d->backend, buffer[i]);
    d->backend->ops->buffer_destroy(d->backend, &d->g_part);
    for (pdm_size e = 0; e < d->n_part; e++) pdm_implicit_destroy(&d->part[e]);
    pdm_free(d->ctx, d->part);
    pdm_cg_destroy(&d->cg);
    pdm_arena_destroy(&d->arena);
    pdm_free(d->ctx, d);
    *implicit = NULL;
}

const pdm_adjoint_result *pdm_implicit_results(const pdm_implicit *d)
{
    return d->result;
}

/* curvature = (A^T M A + S) v, v = C p: the Hessian of 1/2 r.M r in the space of coefficients. */
static pdm_status curvature_of(pdm_implicit *d, pdm_batch batch, pdm_buffer *p)
{
    pdm_status              status = PDM_OK;
    pdm_backend            *b      = d->backend;
    const pdm_solver_state *st     = pdm_solver_lend(d->solver);
    PDM_TRY(pdm_solver_curvature(d->solver, batch, p, d->v, d->curvature));
    PDM_TRY(b->ops->rows_second_order(b, st->rows, batch, d->data, st->c, st->y, d->v, d->second));
    PDM_TRY(b->ops->vector_combine(b, batch, st->c_size, d->one, d->curvature, d->one, d->second, d->curvature));
done:
    return status;
}

/* y = (C^T (A^T M A + S) C + ridge) x */
static pdm_status apply(void *user, pdm_batch batch, pdm_buffer *x, pdm_buffer *y)
{
    pdm_status              status = PDM_OK;
    pdm_implicit           *d      = user;
    pdm_backend            *b      = d->backend;
    const pdm_solver_state *st     = pdm_solver_lend(d->solver);
    PDM_TRY(curvature_of(d, batch, x));
    PDM_TRY(b->ops->columns_reduce(b, st->columns, batch, d->curvature, y));
    PDM_TRY(pdm_solver_add_ridge(d->solver, batch, x, y));
done:
    return status;
}

static pdm_status precondition(void *user, pdm_batch batch, pdm_buffer *x, pdm_buffer *y)
{
    pdm_implicit           *d  = user;
    const pdm_solver_state *st = pdm_solver_lend(d->solver);
    return d->backend->ops->blocks_solve(d->backend, st->blocks, batch, st->L, x, y);
}

/* x = lambda. Conjugate gradients on the full Hessian, preconditioned by the factor of its Gauss-Newton part. */
static pdm_status adjoint_solve(pdm_implicit *d, pdm_batch batch, pdm_buffer *g_c)
{
    pdm_status              status = PDM_OK;
    pdm_backend            *b      = d->backend;
    const pdm_solver_state *st     = pdm_solver_lend(d->solver);
    pdm_batch               active = {.index = d->active};
    const pdm_cg_system     system = {.apply        = apply,
                                      .precondition = precondition,
                                      .user         = d,
                                      .tolerance    = d->tolerance,
                                      .max_iter     = st->exact ? ITERATIONS_MOST : ITERATIONS_MOST_BLOCKS};

    for (pdm_size i = 0; i < batch.n; i++)
        if (st->failed[batch.index[i]] == 0) d->active[active.n++] = batch.index[i];
    PDM_TRY(b->ops->vector_combine(b, batch, st->n_column, d->zero, d->x, NULL, NULL, d->x));
    PDM_TRY(b->ops->columns_reduce(b, st->columns, active, g_c, d->b));
    PDM_TRY(pdm_cg_solve(d->cg, active, &system, d->b, d->x));
    for (pdm_size i = 0; i < active.n; i++) {
        const int32_t        k = active.index[i];
        const pdm_cg_result *r = &pdm_cg_results(d->cg)[k];
        d->result[k]           = (pdm_adjoint_result){r->iterations, r->converged, r->residual};
    }
done:
    return status;
}

/* The loss is that of c_lift + sum_e G_e (c_e - c_lift), each c_e the minimum of a problem of its own:
 * dl/dc_e = G_e dl/dc. */
static pdm_status parts_backward(pdm_implicit *d, pdm_batch batch, const pdm_rows_data *data, const double *weight,
                                 pdm_buffer *g_c, pdm_buffer *g_basis)
{
    pdm_status     status = PDM_OK;
    pdm_backend   *b      = d->backend;
    const pdm_size n      = pdm_solver_lend(d->solver)->c_size;

    for (pdm_size i = 0; i < batch.n; i++) d->result[batch.index[i]] = (pdm_adjoint_result){.converged = true};
    for (pdm_size e = 0; e < d->n_part; e++) {
        if (g_c) PDM_TRY(b->ops->vector_multiply(b, batch, n, pdm_solver_part_share(d->solver, e), g_c, d->v));
        PDM_TRY(
            pdm_implicit_backward(d->part[e], batch, data, weight, g_c ? d->v : NULL, e == 0 ? g_basis : d->g_part));
        if (e > 0) PDM_TRY(b->ops->combine_f32(b, d->n_basis, 1.0, d->g_part, 1.0, g_basis));
        for (pdm_size i = 0; i < batch.n; i++) {
            pdm_adjoint_result       *all = &d->result[batch.index[i]];
            const pdm_adjoint_result *one = &pdm_implicit_results(d->part[e])[batch.index[i]];
            if (one->iterations > all->iterations) all->iterations = one->iterations;
            if (one->residual > all->residual) all->residual = one->residual;
            all->converged = all->converged && one->converged;
        }
    }
done:
    return status;
}

pdm_status pdm_implicit_adjoint(pdm_implicit *d, pdm_batch batch, const pdm_rows_data *data, pdm_buffer *g_c)
{
    pdm_status              status = PDM_OK;
    pdm_backend            *b      = d->backend;
    const pdm_solver_state *st     = pdm_solver_lend(d->solver);

    if (d->n_part > 0) PDM_FAIL(d->ctx, PDM_ERR_INTERNAL, "experts by themselves have an adjoint each");
    d->data = data;
    PDM_TRY(pdm_solver_linearise(d->solver, batch, data, true));
    for (pdm_size i = 0; i < batch.n; i++) d->result[batch.index[i]] = (pdm_adjoint_result){.converged = false};
    d->has_lambda = true;
    PDM_TRY(adjoint_solve(d, batch, g_c));
    PDM_TRY(curvature_of(d, batch, d->x));
    PDM_TRY(b->ops->vector_combine(b, batch, st->c_size, d->one, g_c, d->minus, d->curvature, d->up));
done:
    return status;
}

pdm_buffer *pdm_implicit_lift(const pdm_implicit *d)
{
    return d->up;
}

pdm_status pdm_implicit_basis(pdm_implicit *d, pdm_batch batch, pdm_buffer *g_basis)
{
    const pdm_solver_state *st = pdm_solver_lend(d->solver);
    return d->backend->ops->columns_backward(d->backend, st->columns, batch, d->up, st->w, st->gradient_c, d->x,
                                             g_basis);
}

pdm_status pdm_implicit_pull(pdm_implicit *d, pdm_batch batch, const pdm_rows_data *data, double *value)
{
    pdm_status              status = PDM_OK;
    pdm_backend            *b      = d->backend;
    const pdm_solver_state *st     = pdm_solver_lend(d->solver);
    const pdm_dot           dot    = {.n = st->c_size, .x = d->v, .y = st->gradient_c, .out = value};

    PDM_TRY(b->ops->rows_residual(b, st->rows, batch, data, st->c, st->r));
    if (st->y != st->r) PDM_TRY(b->ops->rows_weigh(b, st->rows, batch, st->r, st->y));
    PDM_TRY(pdm_solver_linearise(d->solver, batch, data, false));
    PDM_TRY(b->ops->vector_dots(b, batch, 1, &dot));
done:
    return status;
}

/* The envelope short cut: weight times that of the objective alone. */
static pdm_status envelope_backward(pdm_implicit *d, pdm_batch batch, const pdm_rows_data *data, pdm_buffer *g_basis)
{
    pdm_status              status = PDM_OK;
    pdm_backend            *b      = d->backend;
    const pdm_solver_state *st     = pdm_solver_lend(d->solver);

    PDM_TRY(pdm_solver_linearise(d->solver, batch, data, false));
    for (pdm_size i = 0; i < batch.n; i++) d->result[batch.index[i]] = (pdm_adjoint_result){.converged = true};
    d->has_lambda = false;
    PDM_TRY(b->ops->vector_combine(b, batch, st->c_size, d->weight, st->gradient_c, NULL, NULL, d->up));
    PDM_TRY(b->ops->columns_backward(b, st->columns, batch, d->up, st->w, NULL, NULL, g_basis));
done:
    return status;
}

pdm_status pdm_implicit_backward(pdm_implicit *d, pdm_batch batch, const pdm_rows_data *data, const double *weight,
                                 pdm_buffer *g_c, pdm_buffer *g_basis)
{
    pdm_status              status = PDM_OK;
    pdm_backend            *b      = d->backend;
    const pdm_solver_state *st     = pdm_solver_lend(d->solver);

    if (d->n_part > 0) return parts_backward(d, batch, data, weight, g_c, g_basis);
    for (pdm_size i = 0; i < batch.n; i++) d->weight[batch.index[i]] = weight[batch.index[i]];
    if (!g_c) return envelope_backward(d, batch, data, g_basis);
    PDM_TRY(pdm_implicit_adjoint(d, batch, data, g_c));
    PDM_TRY(b->ops->vector_combine(b, batch, st->c_size, d->one, d->up, d->weight, st->gradient_c, d->up));
    PDM_TRY(pdm_implicit_basis(d, batch, g_basis));
done:
    return status;
}

/* Stationarity C^T A^T y + ridge w = 0 gives dl/dridge_n = -lambda_n w_n, phi itself 1/2 w_n^2. */
pdm_status pdm_implicit_ridge(pdm_implicit *d, pdm_batch batch, pdm_buffer *g_ridge)
{
    pdm_status              status = PDM_OK;
    pdm_backend            *b      = d->backend;
    const pdm_solver_state *st     = pdm_solver_lend(d->solver);

    for (pdm_size i = 0; i < batch.n; i++) d->half[batch.index[i]] = 0.5 * d->weight[batch.index[i]];
    PDM_TRY(b->ops->vector_multiply(b, batch, st->n_column, st->w, st->w, g_ridge));
    PDM_TRY(b->ops->vector_combine(b, batch, st->n_column, d->half, g_ridge, NULL, NULL, g_ridge));
    if (!d->has_lambda) goto done;
    PDM_TRY(b->ops->vector_multiply(b, batch, st->n_column, st->w, d->x, d->b));
    PDM_TRY(b->ops->vector_combine(b, batch, st->n_column, d->one, g_ridge, d->minus, d->b, g_ridge));
done:
    return status;
}

pdm_status pdm_implicit_windows(pdm_implicit *d, pdm_batch batch, pdm_buffer *basis, pdm_buffer *g_window)
{
    pdm_status              status = PDM_OK;
    const pdm_solver_state *st     = pdm_solver_lend(d->solver);

    if (d->n_part > 0) PDM_FAIL(d->ctx, PDM_ERR_INTERNAL, "no windows are learned by experts by themselves");
    PDM_TRY(d->backend->ops->columns_windows_backward(d->backend, st->columns, batch, basis, d->up, st->w,
                                                      d->has_lambda ? st->gradient_c : NULL,
                                                      d->has_lambda ? d->x : NULL, g_window));
done:
    return status;
}
