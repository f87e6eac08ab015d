/* Levenberg-Marquardt in lock step over a batch. docs/mathematics.md, "The expert problem". */
#include "solver/solver_impl.h"

#include <math.h>

static const double SHIFT_MOST   = 1e12;  /* beyond it no step is tried                                */
static const double SHIFT_LEAST  = 1e-14; /* below it a shift is rounding                              */
static const double SHIFT_LINEAR = 1e-10; /* at most, where one step is to find the minimum            */
static const double CONTRACTS    = 0.1;   /* of the decrement before: a factor that does is good for one step more */
static const double NEARER       = 0.3;   /* the same where H changes                                        */
static const double LIKELY       = 0.5;   /* gain, and its inverse, of a model that holds                    */
static const double UNDAMPED     = 1e-2;  /* up to this shift a step tells how far the minimum is    */
static const double TRUSTED      = 0.1;   /* gain from which on the model tells so, too               */
static const double NEGLIGIBLE   = 1e-2;  /* of the tolerance: what a step may do and be the last, even up     */
static const double VANISHED     = 1e-26; /* objective, relative to the start, that counts as zero      */

pdm_status solver_weigh(pdm_solver *s, pdm_rows_plan *rows, pdm_batch batch, pdm_buffer *r, pdm_buffer *y)
{
    return y == r ? PDM_OK : s->backend->ops->rows_weigh(s->backend, rows, batch, r, y);
}

/* phi [n_sample] host = 1/2 r.y + 1/2 sum ridge_n w_n^2 */
static pdm_status objective(pdm_solver *s, pdm_batch batch, pdm_buffer *r, pdm_buffer *y, pdm_buffer *w, double *phi)
{
    pdm_status    status = PDM_OK;
    pdm_backend  *b      = s->backend;
    const pdm_dot dot[]  = {{s->state.n_row, r, y, NULL, phi}, {s->state.n_column, w, w, s->state.ridges, s->dot}};

    PDM_TRY(solver_weigh(s, s->pass.rows, batch, r, y));
    PDM_TRY(b->ops->vector_dots(b, batch, 2, dot));
    for (pdm_size i = 0; i < batch.n; i++) {
        const int32_t k = batch.index[i];
        phi[k]          = 0.5 * phi[k] + 0.5 * (s->state.ridges ? 1.0 : s->settings.ridge) * s->dot[k];
    }
done:
    return status;
}

pdm_status solver_linearise(pdm_solver *s, pdm_batch batch, const pdm_rows_data *data)
{
    pdm_status   status = PDM_OK;
    pdm_backend *b      = s->backend;
    PDM_TRY(b->ops->rows_linearise(b, s->pass.rows, batch, data, s->state.c, s->state.A));
    if (s->partials) PDM_TRY(b->ops->rows_partials(b, s->pass.rows, batch, data, s->state.c, s->partials));
    PDM_TRY(solver_gradient(s, batch));
done:
    return status;
}

pdm_status solver_gradient(pdm_solver *s, pdm_batch batch)
{
    pdm_status        status = PDM_OK;
    pdm_backend      *b      = s->backend;
    pdm_solver_state *st     = &s->state;
    PDM_TRY(b->ops->rows_apply_adjoint(b, s->pass.rows, batch, st->A, st->y, st->gradient_c));
    PDM_TRY(b->ops->columns_reduce(b, st->columns, batch, st->gradient_c, s->g));
    PDM_TRY(pdm_solver_add_ridge(s, batch, st->w, s->g));
done:
    return status;
}

pdm_status solver_normal_matrix(pdm_solver *s, pdm_batch batch)
{
    pdm_status   status = PDM_OK;
    pdm_backend *b      = s->backend;
    PDM_TRY(b->ops->normal_assemble(b, s->state.normal, batch, s->state.columns, s->state.A, s->state.H));
    PDM_TRY(b->ops->blocks_diagonal(b, s->state.blocks, batch, s->state.H, s->diagonal));
done:
    return status;
}

static double first_shift(const pdm_solver *s)
{
    const double shift = s->is_linear && s->settings.damping > SHIFT_LINEAR ? SHIFT_LINEAR : s->settings.damping;
    return shift > SHIFT_LEAST ? shift : SHIFT_LEAST;
}

pdm_status solver_start(pdm_solver *s, pdm_batch batch, const pdm_rows_data *data, pdm_buffer *lift)
{
    pdm_status        status = PDM_OK;
    pdm_backend      *b      = s->backend;
    pdm_solver_state *st     = &s->state;

    for (pdm_size i = 0; i < batch.n; i++) {
        const int32_t k        = batch.index[i];
        s->result[k]           = (pdm_solve_result){.reason = PDM_REASON_NONE};
        s->shift[k]            = first_shift(s);
        s->renew[k]            = true;
        s->growth[k]           = 2.0;
        s->dot[k]              = 0.0;
        s->predicted_before[k] = 0.0;
    }
    if (s->pass.start == PDM_START_ZERO)
        PDM_TRY(b->ops->vector_combine(b, batch, st->n_column, s->dot, st->w, NULL, NULL, st->w));
    PDM_TRY(b->ops->columns_expand(b, st->columns, batch, st->w, lift, st->c));
    PDM_TRY(b->ops->rows_residual(b, s->pass.rows, batch, data, st->c, st->r));
    PDM_TRY(objective(s, batch, st->r, st->y, st->w, s->phi));
    for (pdm_size i = 0; i < batch.n; i++) {
        const int32_t k = batch.index[i];
        s->phi_start[k] = s->phi[k] > s->phi_around[k] ? s->phi[k] : s->phi_around[k];
    }
done:
    return status;
}

/* r_try = r(c_try), or r + A C step. */
static pdm_status trial_residual(pdm_solver *s, pdm_batch batch, const pdm_rows_data *data)
{
    pdm_status        status = PDM_OK;
    pdm_backend      *b      = s->backend;
    pdm_solver_state *st     = &s->state;

    if (!s->by_update) return b->ops->rows_residual(b, s->pass.rows, batch, data, s->c_try, s->r_try);
    PDM_TRY(b->ops->columns_expand(b, st->columns, batch, s->step, NULL, st->gradient_c));
    PDM_TRY(b->ops->rows_apply(b, s->pass.rows, batch, st->A, st->gradient_c, s->r_try));
    PDM_TRY(b->ops->vector_combine(b, batch, st->n_row, s->one, st->r, s->one, s->r_try, s->r_try));
done:
    return status;
}

/* Trial step for the batch: w_try, c_try, r_try, phi_try and the predicted decrease
 *   -g.dw - 1/2 dw.(H + ridge) dw = 1/2 dw.(shift D dw) - 1/2 g.dw
 * where the first part is missing after a sweep, which is not damped along its direction. */
static pdm_status trial_step(pdm_solver *s, pdm_batch batch, const pdm_rows_data *data, pdm_buffer *lift)
{
    pdm_status        status = PDM_OK;
    pdm_backend      *b      = s->backend;
    pdm_solver_state *st     = &s->state;
    const double      damped = s->settings.mode == PDM_MODE_SCHWARZ ? 0.0 : 0.5;
    const pdm_dot     dot[]  = {{st->n_column, s->step, s->step, s->diagonal, s->decrease},
                                {st->n_column, st->w, st->w, s->diagonal, s->size},
                                {st->n_column, s->g, s->step, NULL, s->dot}};

    PDM_TRY(solver_linear_solve(s, batch));
    PDM_TRY(b->ops->vector_combine(b, batch, st->n_column, s->minus, s->step, NULL, NULL, s->step));
    PDM_TRY(b->ops->vector_dots(b, batch, 3, dot));
    for (pdm_size i = 0; i < batch.n; i++) {
        const int32_t k = batch.index[i];
        s->decrease[k]  = damped * s->shift[k] * s->decrease[k] - 0.5 * s->dot[k];
    }
    PDM_TRY(solver_rounding_measure(s, batch));
    PDM_TRY(b->ops->vector_combine(b, batch, st->n_column, s->one, st->w, s->one, s->step, s->w_try));
    PDM_TRY(b->ops->columns_expand(b, st->columns, batch, s->w_try, lift, s->c_try));
    PDM_TRY(trial_residual(s, batch, data));
    PDM_TRY(objective(s, batch, s->r_try, s->y_try, s->w_try, s->phi_try));
done:
    return status;
}

static void grow_shift(pdm_solver *s, int32_t k)
{
    s->shift[k] *= s->growth[k];
    s->growth[k] *= 2.0;
    s->factored[k] = false;
}

static void shrink_shift(pdm_solver *s, int32_t k, double gain)
{
    const double cube = 2.0 * gain - 1.0, shrink = 1.0 - cube * cube * cube;
    s->factored[k] = false;
    s->shift[k] *= shrink > 0.1 ? (shrink < 1.0 ? shrink : 1.0) : 0.1;
    if (s->shift[k] < SHIFT_LEAST) s->shift[k] = SHIFT_LEAST;
    s->growth[k] = 2.0;
}

/* Does the factor that sample k has do for one step more? Of linear rows it is that of any w, with a shift that may be in
 * its way; of others it has to have brought the sample much nearer. */
static bool serves_again(const pdm_solver *s, int32_t k, double gain, double decrement_before)
{
    const double decrement = s->result[k].decrement;
    if (s->shift[k] > UNDAMPED) return false;
    if (s->is_linear) return decrement_before == 0.0 || decrement <= CONTRACTS * decrement_before;
    return decrement <= NEARER * decrement_before && gain >= LIKELY && gain <= 1.0 / LIKELY;
}

/* Is a change of the objective far below what the tolerance asks about? */
static bool is_negligible(const solver_pass *pass, double change, double objective)
{
    const double least = NEGLIGIBLE * pass->tolerance;
    return change <= least * least * objective;
}

/* Judges the trial of sample k; returns whether it is taken. Sets the reason when the sample is done. A damped step is
 * short wherever the minimum is, so that only an undamped one ends a solve well. */
static bool judge(pdm_solver *s, int32_t k)
{
    pdm_solve_result *r      = &s->result[k];
    const double      before = s->phi[k], after = s->phi_try[k], predicted = s->decrease[k];
    const double      rounding = solver_rounding_of(s, k);
    const bool        damped   = s->shift[k] > UNDAMPED;
    const double left = s->settings.mode == PDM_MODE_SCHWARZ ? solver_schwarz_remaining(s, k, predicted) : predicted;
    const double before_that = r->decrement; /* 0: this is the first step */

    r->iterations++;
    r->decrement = sqrt(left > 0.0 ? left / before : 0.0);
    if (!damped && predicted <= rounding && fabs(after - before) <= rounding) {
        r->reason = PDM_REASON_ROUNDING; /* the objective no longer tells; the step itself is still a good one */
        s->phi[k] = after;
        return true;
    }
    if (!damped && after > before && is_negligible(&s->pass, predicted, before) &&
        is_negligible(&s->pass, after - before, before)) {
        r->reason = PDM_REASON_CONVERGED; /* rounding does more to rows than is known of it */
        return false;
    }
    if (!isfinite(after) || !isfinite(predicted) || after > before) {
        if (s->shift[k] > SHIFT_MOST)
            r->reason = PDM_REASON_STALLED;
        else if (r->iterations >= s->pass.max_iter)
            r->reason = PDM_REASON_MAX_ITER;
        if (s->aged[k])
            s->renew[k] = true; /* before more damping */
        else
            grow_shift(s, k);
        return false;
    }
    const double gain = (before - after) / predicted;
    s->renew[k]       = !serves_again(s, k, gain, before_that);
    if (s->renew[k]) shrink_shift(s, k, gain);
    s->phi[k]              = after;
    s->predicted_before[k] = predicted;
    if ((!damped && gain >= TRUSTED && r->decrement <= s->pass.tolerance) || after <= VANISHED * s->phi_start[k])
        r->reason = PDM_REASON_CONVERGED;
    else if (r->iterations >= s->pass.max_iter)
        r->reason = PDM_REASON_MAX_ITER;
    return true;
}

static pdm_status take_accepted(pdm_solver *s, pdm_batch accepted)
{
    pdm_status        status = PDM_OK;
    pdm_backend      *b      = s->backend;
    pdm_solver_state *st     = &s->state;
    if (accepted.n == 0) return PDM_OK;
    PDM_TRY(b->ops->vector_combine(b, accepted, st->n_column, s->one, s->w_try, NULL, NULL, st->w));
    PDM_TRY(b->ops->vector_combine(b, accepted, st->c_size, s->one, s->c_try, NULL, NULL, st->c));
    PDM_TRY(b->ops->vector_combine(b, accepted, st->n_row, s->one, s->r_try, NULL, NULL, st->r));
    if (st->y != st->r) PDM_TRY(b->ops->vector_combine(b, accepted, st->n_row, s->one, s->y_try, NULL, NULL, st->y));
done:
    return status;
}

/* Factors with the present shifts what is not factored, raising shifts of samples whose factorisation fails. Samples that
 * cannot be factored at all are given their reason. */
static pdm_status factor(pdm_solver *s, pdm_batch batch)
{
    pdm_status        status = PDM_OK;
    pdm_solver_state *st     = &s->state;
    pdm_batch         todo   = {.index = s->fresh};

    for (pdm_size i = 0; i < batch.n; i++)
        if (!s->factored[batch.index[i]]) s->fresh[todo.n++] = batch.index[i];
    while (todo.n > 0) {
        pdm_size n = 0;
        PDM_TRY(solver_linear_factor(s, todo, s->shift));
        for (pdm_size i = 0; i < todo.n; i++) {
            const int32_t k = s->fresh[i];
            s->result[k].factorisations++;
            s->factored[k] = st->failed[k] == 0;
            if (s->factored[k]) continue;
            if (s->shift[k] > SHIFT_MOST) {
                s->result[k].reason = PDM_REASON_SINGULAR;
                continue;
            }
            s->shift[k] *= 10.0;
            s->fresh[n++] = k;
        }
        todo.n = n;
    }
done:
    return status;
}

/* Keeps in list the samples without a reason. */
static pdm_size keep_undecided(const pdm_solver *s, int32_t *list, pdm_size n)
{
    pdm_size kept = 0;
    for (pdm_size i = 0; i < n; i++)
        if (s->result[list[i]].reason == PDM_REASON_NONE) list[kept++] = list[i];
    return kept;
}

/* What the next step needs: gradients where samples have moved to, and the matrices that are to be renewed. */
static pdm_status prepare_step(pdm_solver *s, pdm_batch active, pdm_batch moved, const pdm_rows_data *data, bool first)
{
    pdm_status status = PDM_OK;
    pdm_batch  anew   = {.index = s->fresh};

    if (moved.n > 0) PDM_TRY(s->is_linear && !first ? solver_gradient(s, moved) : solver_linearise(s, moved, data));
    for (pdm_size i = 0; i < moved.n; i++) s->aged[moved.index[i]] = !s->is_linear;
    for (pdm_size i = 0; i < active.n; i++) {
        const int32_t k = active.index[i];
        if (!s->renew[k]) continue;
        s->fresh[anew.n++] = k;
        s->renew[k] = s->aged[k] = s->factored[k] = false;
    }
    if (anew.n > 0 && (first || !s->is_linear)) PDM_TRY(solver_normal_matrix(s, anew));
done:
    return status;
}

pdm_status solver_minimise(pdm_solver *s, pdm_batch batch, const pdm_rows_data *data, pdm_buffer *lift,
                           solver_pass pass)
{
    pdm_status status = PDM_OK;
    pdm_batch  active = {.n = batch.n, .index = s->active}, accepted = {.index = s->accepted};

    s->pass = pass;
    PDM_TRY(solver_start(s, batch, data, lift));
    for (pdm_size i = 0; i < batch.n; i++) {
        const int32_t k = batch.index[i];
        s->active[i] = s->accepted[i] = k;
        if (!isfinite(s->phi[k]))
            s->result[k].reason = PDM_REASON_NOT_FINITE;
        else if (s->phi[k] <= VANISHED * s->phi_around[k] || s->state.n_column == 0)
            s->result[k].reason = PDM_REASON_CONVERGED;
    }
    active.n   = keep_undecided(s, s->active, batch.n);
    accepted.n = keep_undecided(s, s->accepted, batch.n);
    for (bool first = true; active.n > 0; first = false) {
        PDM_TRY(prepare_step(s, active, accepted, data, first));
        PDM_TRY(factor(s, active));
        active.n = keep_undecided(s, s->active, active.n);
        if (active.n == 0) break;
        PDM_TRY(trial_step(s, active, data, lift));
        accepted.n = 0;
        for (pdm_size i = 0; i < active.n; i++)
            if (judge(s, s->active[i])) s->accepted[accepted.n++] = s->active[i];
        PDM_TRY(take_accepted(s, accepted));
        active.n   = keep_undecided(s, s->active, active.n);
        accepted.n = keep_undecided(s, s->accepted, accepted.n);
    }
    for (pdm_size i = 0; i < batch.n; i++) s->result[batch.index[i]].objective = s->phi[batch.index[i]];
done:
    return status;
}
