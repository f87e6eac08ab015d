#include "solver/solver.h"

#include <math.h>

#include "solver/solver_impl.h"

#define SOLVER_SETTINGS(X)                                                                                           \
    X(tolerance, PDM_SETTING_REAL, 1e-2, 1e-14, 1e-1, NULL, "1",                                                     \
      "stop after a step with sqrt(predicted decrease / phi) at most this: its change of the residual, relative to " \
      "the residual")                                                                                                \
    X(max_iter, PDM_SETTING_COUNT, 50, 1, 10000, NULL, "1", "damped Gauss-Newton steps per input")                   \
    X(accuracy, PDM_SETTING_REAL, 1e-2, 1e-14, 1.0, NULL, "1",                                                       \
      "relative L2 error up to which an answer is called good: no part of the solve")                                \
    X(rows, PDM_SETTING_CHOICE, 0, 0, 1, "all|few", "1",                                                             \
      "that predictions read: all of them, or few that stand for them, found at the end of training")                \
    X(rows_error, PDM_SETTING_REAL, 1e-4, 1e-14, 1.0, NULL, "1",                                                     \
      "relative distance to answers on all rows up to which few rows are taken")                                     \
    X(ridge, PDM_SETTING_REAL, 1e-10, 0.0, 1.0, NULL, "1", "weight of 1/2 |w|^2 beside rows of unit size")           \
    X(damping, PDM_SETTING_REAL, 1e-4, 0.0, 1e6, NULL, "1",                                                          \
      "first Levenberg-Marquardt shift, relative to the diagonal")                                                   \
    X(stages, PDM_SETTING_COUNT, 4, 0, 64, NULL, "1",                                                                \
      "a solve that is not done after 10 steps starts again in so many stages, early times first; 0: it goes on")    \
    X(linear, PDM_SETTING_CHOICE, 0, 0, 2, "auto|direct|cg", "1",                                                    \
      "steps are solved for by factoring all blocks, or by conjugate gradients with the experts' own blocks")        \
    X(cg_tolerance, PDM_SETTING_REAL, 1e-3, 1e-12, 0.5, NULL, "1",                                                   \
      "relative residual of a step solved for by conjugate gradients")                                               \
    X(cg_iterations, PDM_SETTING_COUNT, 200, 1, 100000, NULL, "1", "most conjugate gradient iterations a step")      \
    X(mode, PDM_SETTING_CHOICE, 0, 0, 2, "coupled|schwarz|independent", "1",                                         \
      "all experts together; the same in sweeps, each by itself; or each on its own rows alone")

static const double WORTH_SHIFT = 1e-10, WORTH_SHIFT_MOST = 1e-4; /* relative to the diagonal */

#define SETTING(name_, type_, fallback_, low_, high_, choices_, unit_, help_) \
    {#name_, type_, offsetof(pdm_solver_settings, name_), fallback_, low_, high_, choices_, unit_, help_},
static const pdm_setting settings_table[] = {SOLVER_SETTINGS(SETTING)};
#undef SETTING
enum { N_SETTING = sizeof settings_table / sizeof *settings_table };

pdm_status pdm_solver_settings_read(pdm_case *c, pdm_solver_settings *out)
{
    return pdm_case_settings(c, "solver", settings_table, N_SETTING, out);
}
pdm_status pdm_solver_settings_view(pdm_text *out)
{
    return pdm_settings_view("solver", settings_table, N_SETTING, out);
}

const char *pdm_reason_text(int32_t reason)
{
    switch (reason) {
#define PDM_REASON_CASE(name, value, text) \
    case value: return text;
        PDM_REASON_LIST(PDM_REASON_CASE)
#undef PDM_REASON_CASE
    default: return "unknown reason";
    }
}

const char *pdm_mode_name(int mode)
{
    static const char *const name[] = {"coupled", "schwarz", "independent"}; /* as in the settings */
    return name[mode];
}

bool pdm_reason_is_good(int reason)
{
    return reason == PDM_REASON_CONVERGED || reason == PDM_REASON_ROUNDING;
}

bool pdm_reason_is_useless(int reason)
{
    return reason == PDM_REASON_NOT_FINITE || reason == PDM_REASON_SINGULAR;
}

static void solver_layout(pdm_solver *s, pdm_size n)
{
    pdm_arena *a        = &s->arena;
    s->result           = pdm_carve(a, pdm_solve_result, n);
    s->state.failed     = pdm_carve(a, int32_t, n);
    s->shift            = pdm_carve(a, double, n);
    s->growth           = pdm_carve(a, double, n);
    s->phi              = pdm_carve(a, double, n);
    s->phi_try          = pdm_carve(a, double, n);
    s->phi_start        = pdm_carve(a, double, n);
    s->decrease         = pdm_carve(a, double, n);
    s->size             = pdm_carve(a, double, n);
    s->dot              = pdm_carve(a, double, n);
    s->one              = pdm_carve(a, double, n);
    s->minus            = pdm_carve(a, double, n);
    s->ridge            = pdm_carve(a, double, n);
    s->active           = pdm_carve(a, int32_t, n);
    s->fresh            = pdm_carve(a, int32_t, n);
    s->accepted         = pdm_carve(a, int32_t, n);
    s->hard             = pdm_carve(a, int32_t, n);
    s->spent            = pdm_carve(a, int32_t, n);
    s->spent_cg         = pdm_carve(a, int32_t, n);
    s->summed           = pdm_carve(a, double, n);
    s->predicted_before = pdm_carve(a, double, n);
    s->phi_around       = pdm_carve(a, double, n);
    s->factored         = pdm_carve(a, bool, n);
    s->renew            = pdm_carve(a, bool, n);
    s->aged             = pdm_carve(a, bool, n);
}

/* Scratch of the size of rows and coefficients; a part has its lender's. */
static pdm_status scratch_buffers(pdm_solver *s, const pdm_rows_desc *rows)
{
    pdm_status        status = PDM_OK;
    pdm_solver_state *st     = &s->state;
    size_t            local  = (size_t)pdm_rows_n_seen(rows);
    const size_t      n      = (size_t)st->n_sample * sizeof(double);
    pdm_backend      *b      = s->backend;

    if (s->lender) {
        st->A          = s->lender->state.A;
        st->gradient_c = s->lender->state.gradient_c;
        s->c_try       = s->lender->c_try;
        s->r_try       = s->lender->r_try;
        s->y_try       = s->lender->y_try;
        return PDM_OK;
    }
    for (pdm_size j = 0; j < rows->n_dim; j++) local *= (size_t)(rows->degree[j] + 1);
    PDM_TRY(b->ops->buffer_create(b, n * (size_t)st->n_row * local, &st->A));
    PDM_TRY(b->ops->buffer_create(b, n * (size_t)st->c_size, &st->gradient_c));
    PDM_TRY(b->ops->buffer_create(b, n * (size_t)st->c_size, &s->c_try));
    PDM_TRY(b->ops->buffer_create(b, n * (size_t)st->n_row, &s->r_try));
    if (rows->n_pyramid > 0)
        PDM_TRY(b->ops->buffer_create(b, n * (size_t)st->n_row, &s->y_try));
    else
        s->y_try = s->r_try;
done:
    return status;
}

static pdm_status solver_buffers(pdm_solver *s, const pdm_rows_desc *rows)
{
    pdm_status        status = PDM_OK;
    pdm_solver_state *st     = &s->state;
    const size_t      n      = (size_t)st->n_sample * sizeof(double);
    const size_t      column = (size_t)st->n_column, value = (size_t)pdm_blocks_describe(s->structure)->n_value;
    pdm_backend      *b = s->backend;

    PDM_TRY(scratch_buffers(s, rows));
    PDM_TRY(b->ops->buffer_create(b, n * column, &st->w));
    PDM_TRY(b->ops->buffer_create(b, n * column, &s->w_try));
    PDM_TRY(b->ops->buffer_create(b, n * column, &s->g));
    PDM_TRY(b->ops->buffer_create(b, n * column, &s->step));
    PDM_TRY(b->ops->buffer_create(b, n * column, &s->diagonal));
    PDM_TRY(b->ops->buffer_create(b, n * (size_t)st->c_size, &st->c));
    if (pdm_columns_have_start(s->columns)) PDM_TRY(b->ops->buffer_create(b, n * (size_t)st->c_size, &s->origin));
    PDM_TRY(b->ops->buffer_create(b, n * (size_t)st->n_row, &st->r));
    if (rows->n_pyramid > 0)
        PDM_TRY(b->ops->buffer_create(b, n * (size_t)st->n_row, &st->y));
    else
        st->y = st->r;
    PDM_TRY(b->ops->buffer_create(b, n * value, &st->H));
    PDM_TRY(b->ops->buffer_create(b, n * value, &st->L));
done:
    return status;
}

pdm_status solver_create(pdm_context *ctx, pdm_backend *backend, const pdm_solver_settings *settings,
                         const solver_shape *shape, const pdm_solver *lender, pdm_size n_sample, pdm_solver **out)
{
    pdm_status           status = PDM_OK;
    pdm_solver          *s      = NULL;
    const pdm_rows_desc *rows   = shape->rows;

    PDM_TRY(pdm_alloc(ctx, sizeof *s, &s));
    s->ctx       = ctx;
    s->backend   = backend;
    s->settings  = *settings;
    s->columns   = shape->columns;
    s->lender    = lender;
    s->is_linear = pdm_rows_are_linear(rows);
    s->state     = (pdm_solver_state){.n_sample = n_sample,
                                      .n_row    = rows->n_row,
                                      .n_column = shape->n_column,
                                      .c_size   = rows->n_field * shape->n_coef,
                                      .ridge    = s->settings.ridge};
    PDM_TRY(solver_linear_choose(s, shape));
    const pdm_blocks_desc *blocks = pdm_blocks_describe(s->structure);
    PDM_TRY(backend->ops->rows_create(backend, rows, n_sample, &s->state.rows));
    PDM_TRY(backend->ops->columns_create(backend, s->columns, n_sample, &s->state.columns));
    PDM_TRY(backend->ops->blocks_create(backend, blocks, n_sample, &s->state.blocks));
    PDM_TRY(backend->ops->normal_create(backend, rows, s->columns, blocks, n_sample, &s->state.normal));
    PDM_TRY(solver_stages_create(s, rows, shape->n_stage));
    PDM_TRY(solver_buffers(s, rows));
    PDM_TRY(solver_rounding_create(s));
    PDM_TRY(solver_linear_create(s, shape));
    pdm_arena_measure(&s->arena, ctx);
    solver_layout(s, n_sample);
    PDM_TRY(pdm_arena_allocate(&s->arena));
    solver_layout(s, n_sample);
    for (pdm_size i = 0; i < n_sample; i++) {
        s->one[i]        = 1.0;
        s->minus[i]      = -1.0;
        s->phi_around[i] = 0.0;
        s->ridge[i]      = s->settings.ridge;
        s->result[i]     = (pdm_solve_result){0};
    }
    *out = s;
    s    = NULL;
done:
    pdm_solver_destroy(&s);
    return status;
}

pdm_status pdm_solver_create(pdm_context *ctx, pdm_backend *backend, const pdm_solver_settings *settings,
                             const pdm_domain *domain, const pdm_experts *experts, pdm_size n_sample, pdm_solver **out)
{
    pdm_status   status = PDM_OK;
    pdm_solver  *s      = NULL;
    const bool   staged = settings->mode == PDM_MODE_COUPLED && pdm_pde_has_time(pdm_domain_pde(domain));
    solver_shape shape  = {.rows     = pdm_domain_rows(domain),
                           .columns  = pdm_experts_columns(experts),
                           .n_column = pdm_experts_n_column(experts),
                           .n_coef   = pdm_domain_n_coef(domain),
                           .n_stage  = staged ? settings->stages : 0,
                           .domain   = domain};

    PDM_TRY(solver_create(ctx, backend, settings, &shape, NULL, n_sample, &s));
    if (settings->mode == PDM_MODE_INDEPENDENT) PDM_TRY(solver_parts_create(s, domain, experts));
    *out = s;
    s    = NULL;
done:
    pdm_solver_destroy(&s);
    return status;
}

pdm_status pdm_solver_create_few(pdm_context *ctx, pdm_backend *backend, const pdm_solver_settings *settings,
                                 const pdm_rows_desc *rows, const pdm_columns_desc *columns, pdm_size n_sample,
                                 pdm_solver **out)
{
    pdm_status   status = PDM_OK;
    solver_shape shape  = {.rows = rows, .columns = columns, .n_coef = columns->n_coef};
    for (pdm_size g = 0; g < columns->n_expert * columns->n_field; g++) shape.n_column += columns->group[g].n_col;
    PDM_TRY(solver_create(ctx, backend, settings, &shape, NULL, n_sample, out));
    (*out)->by_update = (*out)->is_linear;
done:
    return status;
}

void pdm_solver_destroy(pdm_solver **solver)
{
    if (!solver || !*solver) return;
    pdm_solver       *s         = *solver;
    pdm_backend      *b         = s->backend;
    pdm_solver_state *st        = &s->state;
    pdm_buffer      **own[]     = {&st->w,   &st->c,       &st->L,     &st->H,      &s->w_try, &s->g,
                                   &s->step, &s->diagonal, &s->pulled, &st->ridges, &s->origin};
    pdm_buffer      **scratch[] = {&st->A, &st->gradient_c, &s->c_try, &s->r_try, &s->signs};
    solver_parts_destroy(s);
    if (st->y != st->r) b->ops->buffer_destroy(b, &st->y);
    b->ops->buffer_destroy(b, &st->r);
    for (size_t i = 0; i < sizeof own / sizeof *own; i++) b->ops->buffer_destroy(b, own[i]);
    if (!s->lender) {
        if (s->y_try != s->r_try) b->ops->buffer_destroy(b, &s->y_try);
        for (size_t i = 0; i < sizeof scratch / sizeof *scratch; i++) b->ops->buffer_destroy(b, scratch[i]);
    }
    b->ops->normal_destroy(b, &st->normal);
    b->ops->blocks_destroy(b, &st->blocks);
    b->ops->columns_destroy(b, &st->columns);
    solver_stages_destroy(s);
    solver_linear_destroy(s);
    b->ops->rows_destroy(b, &st->rows);
    pdm_blocks_destroy(&s->structure);
    pdm_arena_destroy(&s->arena);
    pdm_free(s->ctx, s);
    *solver = NULL;
}

void pdm_solver_set_limits(pdm_solver *s, double tolerance, pdm_size max_iter)
{
    s->settings.tolerance = tolerance;
    s->settings.max_iter  = max_iter;
    for (pdm_size e = 0; e < s->n_part; e++) pdm_solver_set_limits(pdm_solver_part(s, e), tolerance, max_iter);
}

const pdm_solve_result *pdm_solver_results(const pdm_solver *s)
{
    return s->result;
}
const pdm_solver_state *pdm_solver_lend(const pdm_solver *s)
{
    return &s->state;
}
const pdm_columns_desc *pdm_solver_columns(const pdm_solver *s)
{
    return s->columns;
}

/* Ridges of all samples, equal to the settings' at first. */
static pdm_status make_ridges(pdm_solver *s)
{
    pdm_status        status = PDM_OK;
    pdm_solver_state *st     = &s->state;
    pdm_backend      *b      = s->backend;
    const pdm_size    n      = st->n_sample * st->n_column;
    pdm_buffer       *ridges = NULL;
    void             *host   = NULL;

    PDM_TRY(b->ops->buffer_create(b, (size_t)n * sizeof(double), &ridges));
    PDM_TRY(b->ops->acquire(b, ridges, PDM_WRITE, &host));
    for (pdm_size i = 0; i < n; i++) ((double *)host)[i] = s->settings.ridge;
    PDM_TRY(b->ops->release(b, ridges, &host));
    if (!s->pulled) PDM_TRY(b->ops->buffer_create(b, (size_t)n * sizeof(double), &s->pulled));
    st->ridges = ridges;
    ridges     = NULL;
done:
    status = pdm_release(b, status, ridges, &host);
    b->ops->buffer_destroy(b, &ridges);
    return status;
}

pdm_status pdm_solver_select(pdm_solver *s, pdm_batch batch, const unsigned char *on, const double *ridge)
{
    pdm_status        status = PDM_OK;
    pdm_solver_state *st     = &s->state;
    pdm_backend      *b      = s->backend;
    void             *host   = NULL;

    if (ridge && !st->ridges) PDM_TRY(make_ridges(s));
    PDM_TRY(b->ops->columns_select(b, st->columns, batch, on));
    PDM_TRY(b->ops->blocks_select(b, st->blocks, batch, on));
    PDM_TRY(solver_parts_select(s, batch, on, ridge));
    if (!st->ridges) goto done;
    PDM_TRY(b->ops->acquire(b, st->ridges, PDM_READ_WRITE, &host));
    for (pdm_size i = 0; i < batch.n; i++)
        for (pdm_size at = batch.index[i] * st->n_column; at < (batch.index[i] + 1) * st->n_column; at++) {
            const bool own       = ridge && (!on || on[at]);
            ((double *)host)[at] = own ? ridge[at] : s->settings.ridge;
        }
    PDM_TRY(b->ops->release(b, st->ridges, &host));
done:
    status = pdm_release(b, status, st->ridges, &host);
    return status;
}

pdm_status pdm_solver_take_windows(pdm_solver *s)
{
    pdm_status status = PDM_OK;
    if (s->n_part > 0) PDM_FAIL(s->ctx, PDM_ERR_INTERNAL, "experts by themselves keep the windows they have");
    PDM_TRY(s->backend->ops->columns_windows(s->backend, s->state.columns, s->columns));
done:
    return status;
}

pdm_status solver_place_columns(pdm_solver *s, pdm_batch batch, pdm_buffer *basis, pdm_buffer **lift)
{
    pdm_status   status = PDM_OK;
    pdm_backend *b      = s->backend;

    if (s->columns->kind == PDM_COLUMNS_DENSE) PDM_TRY(b->ops->columns_build(b, s->state.columns, batch, basis));
    if (!pdm_columns_have_start(s->columns)) goto done;
    PDM_TRY(b->ops->columns_start(b, s->state.columns, batch, basis, *lift, s->origin));
    *lift = s->origin;
done:
    return status;
}

pdm_status pdm_solver_solve(pdm_solver *s, pdm_batch batch, const pdm_rows_data *data, pdm_buffer *basis,
                            pdm_buffer *lift, pdm_start start)
{
    pdm_status        status = PDM_OK;
    const solver_pass pass   = {s->state.rows, start, s->settings.tolerance, s->settings.max_iter};

    if (s->settings.mode == PDM_MODE_INDEPENDENT) {
        if (pdm_columns_have_start(s->columns)) PDM_TRY(solver_place_columns(s, batch, basis, &lift));
        return solver_parts_solve(s, batch, data, basis, lift, start);
    }
    PDM_TRY(solver_place_columns(s, batch, basis, &lift));
    PDM_TRY(solver_minimise_staged(s, batch, data, lift, pass));
done:
    return status;
}

pdm_status pdm_solver_linearise(pdm_solver *s, pdm_batch batch, const pdm_rows_data *data, bool with_factor)
{
    pdm_status   status = PDM_OK;
    pdm_backend *b      = s->backend;
    s->pass.rows        = s->state.rows;
    PDM_TRY(solver_linearise(s, batch, data));
    if (!with_factor) goto done;
    PDM_TRY(solver_normal_matrix(s, batch));
    for (pdm_size i = 0; i < batch.n; i++) s->shift[batch.index[i]] = 0.0;
    PDM_TRY(b->ops->blocks_factor(b, s->state.blocks, batch, s->shift, s->settings.ridge, s->state.ridges, s->state.H,
                                  s->state.L, s->state.failed));
done:
    return status;
}

/* Factors H + ridge with a little of the diagonal, more of it where that does not do:
 * columns may depend on each other. */
static pdm_status factor_for_worth(pdm_solver *s, pdm_batch batch)
{
    pdm_status        status = PDM_OK;
    pdm_solver_state *st     = &s->state;
    pdm_batch         todo   = {.n = batch.n, .index = s->fresh};

    for (pdm_size i = 0; i < batch.n; i++) s->fresh[i] = batch.index[i];
    for (double shift = WORTH_SHIFT; todo.n > 0 && shift <= WORTH_SHIFT_MOST; shift *= 100.0) {
        pdm_size n = 0;
        for (pdm_size i = 0; i < todo.n; i++) s->shift[s->fresh[i]] = shift;
        PDM_TRY(s->backend->ops->blocks_factor(s->backend, st->blocks, todo, s->shift, s->settings.ridge, NULL, st->H,
                                               st->L, st->failed));
        for (pdm_size i = 0; i < todo.n; i++)
            if (st->failed[s->fresh[i]]) s->fresh[n++] = s->fresh[i];
        todo.n = n;
    }
done:
    return status;
}

pdm_status pdm_solver_worth(pdm_solver *s, pdm_batch batch, pdm_buffer *basis, const unsigned char *preferred,
                            pdm_buffer *worth, double *least)
{
    pdm_status        status = PDM_OK;
    pdm_backend      *b      = s->backend;
    pdm_solver_state *st     = &s->state;
    pdm_batch         whole  = {.index = s->accepted};

    PDM_TRY(pdm_solver_select(s, batch, NULL, NULL));
    PDM_TRY(b->ops->columns_build(b, st->columns, batch, basis));
    PDM_TRY(b->ops->columns_reduce(b, st->columns, batch, st->gradient_c, s->g));
    PDM_TRY(b->ops->vector_combine(b, batch, st->n_column, s->one, s->g, s->ridge, st->w, s->g));
    PDM_TRY(b->ops->normal_assemble(b, st->normal, batch, st->columns, st->A, st->H));
    PDM_TRY(factor_for_worth(s, batch));
    for (pdm_size i = 0; i < batch.n; i++) {
        const int32_t k = batch.index[i];
        least[k]        = NAN;
        if (st->failed[k] == 0) s->accepted[whole.n++] = k;
    }
    PDM_TRY(b->ops->blocks_solve(b, st->blocks, whole, st->L, s->g, s->step));
    PDM_TRY(pdm_vector_dot(b, whole, st->n_column, s->g, s->step, NULL, s->dot));
    PDM_TRY(b->ops->vector_combine(b, whole, st->n_column, s->one, st->w, s->minus, s->step, s->w_try));
    PDM_TRY(b->ops->blocks_worth(b, st->blocks, whole, st->L, s->w_try, preferred, worth));
    for (pdm_size i = 0; i < whole.n; i++)
        least[s->accepted[i]] = s->result[s->accepted[i]].objective - 0.5 * s->dot[s->accepted[i]];
done:
    return status;
}

pdm_status pdm_solver_explain(const pdm_solver *s, const pdm_domain *domain, const pdm_rows_data *data, pdm_batch batch,
                              pdm_text *out)
{
    pdm_status                   status = PDM_OK;
    const pdm_backend_ops *const ops    = s->backend->ops;
    const pdm_rows_desc         *rows   = pdm_domain_rows(domain);
    void                        *c = NULL, *scalar = NULL, *sampled = NULL;
    const size_t                 before = out->length;

    PDM_TRY(ops->acquire(s->backend, s->state.c, PDM_READ, &c));
    PDM_TRY(ops->acquire(s->backend, data->scalar, PDM_READ, &scalar));
    PDM_TRY(ops->acquire(s->backend, data->sampled, PDM_READ, &sampled));
    for (pdm_size i = 0; i < batch.n && out->length == before; i++) {
        const pdm_size k = batch.index[i];
        PDM_TRY(pdm_domain_explain(domain, (double *)c + k * s->state.c_size, (double *)scalar + k * rows->n_scalar,
                                   (double *)sampled + k * rows->n_sampled, out));
    }
done:
    status = pdm_release(s->backend, status, s->state.c, &c);
    status = pdm_release(s->backend, status, data->scalar, &scalar);
    status = pdm_release(s->backend, status, data->sampled, &sampled);
    return status;
}
