/* Levenberg-Marquardt for
 *   1/2 sum_i ((value_i - predicted_i(theta)) / noise_i)^2 + 1/2 sum_k ((theta_k - mean_k) / deviation_k)^2
 * within bounds low_k <= theta_k <= high_k, with derivatives by central differences of solves, which go as one batch of
 * samples. Damping as in H. B. Nielsen, Damping parameter in Marquardt's method, IMM-REP-1999-05, scaled by the
 * diagonal; numbers that a step would take over a bound are put on it, and the others follow. */
#include "fit/fit.h"

#include <math.h>
#include <string.h>

#include "fit/fit_impl.h"

static const double MOVE = 1e-3; /* of a difference, in scales; truncation 1e-6, rounding of solves 1e-5 at most */
static const double MODEL_MOVE = 1e-2; /* where a network in single precision answers                                 */
static const double LEAST    = 1e-2; /* of the scale, where a number is near 0                                       */
static const double DAMPING  = 1e-3;
static const double STILL    = 1e-10; /* a step so small, relative, is none */
static const double RESOLVED = 1e-6;  /* of the misfit: what differences between two solves may be   */
static const double SOLVED   = 1e-7;  /* of the predictions: likewise                                */
static const double FROZEN   = 1e-2;  /* standard errors, with derivatives of another grid                            */
enum { TRIALS_MOST = 12, FROZEN_MOST = 5 };

const char *fit_end_text(int end)
{
    static const char *const text[] = {"converged",
                                       "converged to rounding",
                                       "too many steps",
                                       "no step makes the misfit less",
                                       "no solution where the search begins",
                                       "the estimates of the noise do not settle"};
    return text[end];
}

bool fit_end_is_good(int end)
{
    return end == FIT_CONVERGED || end == FIT_ROUNDING;
}

pdm_status fit_search_create(fit_response *r, pdm_size first, pdm_size n_experiment, double tolerance,
                             pdm_size max_iter, fit_search *out)
{
    pdm_status     status = PDM_OK;
    pdm_context   *ctx    = r->ctx;
    const pdm_size n = r->unknowns->n, n_obs = r->data->first[first + n_experiment] - r->data->first[first];

    *out = (fit_search){.response     = r,
                        .unknowns     = r->unknowns,
                        .data         = r->data,
                        .first        = first,
                        .n_experiment = n_experiment,
                        .n_obs        = n_obs,
                        .n            = n,
                        .value        = r->data->value + r->data->first[first],
                        .tolerance    = tolerance,
                        .max_iter     = max_iter};
    PDM_TRY(pdm_alloc_array(ctx, n_obs, &out->weight));
    PDM_TRY(pdm_alloc_array(ctx, n, &out->theta));
    PDM_TRY(pdm_alloc_array(ctx, n, &out->trial));
    PDM_TRY(pdm_alloc_array(ctx, n, &out->step));
    PDM_TRY(pdm_alloc_array(ctx, n_obs, &out->predicted));
    PDM_TRY(pdm_alloc_array(ctx, n_obs, &out->trial_predicted));
    PDM_TRY(pdm_alloc_array(ctx, n * n_obs, &out->jacobian));
    PDM_TRY(pdm_alloc_array(ctx, 2 * n * n, &out->moved));
    PDM_TRY(pdm_alloc_array(ctx, 2 * n * n_obs, &out->moved_predicted));
    PDM_TRY(pdm_alloc_array(ctx, 2 * n, &out->good));
    PDM_TRY(pdm_alloc_array(ctx, n, &out->held));
    PDM_TRY(pdm_alloc_array(ctx, n * n, &out->normal));
    PDM_TRY(pdm_alloc_array(ctx, n, &out->gradient));
    PDM_TRY(pdm_alloc_array(ctx, n * n, &out->work));
    for (pdm_size k = 0; k < n; k++) out->theta[k] = r->unknowns->number[k].start;
done:
    return status; /* the caller destroys it in any case */
}

void fit_search_destroy(fit_search *s)
{
    if (!s->response) return;
    pdm_context *ctx = s->response->ctx;
    pdm_free(ctx, s->weight);
    pdm_free(ctx, s->theta);
    pdm_free(ctx, s->trial);
    pdm_free(ctx, s->step);
    pdm_free(ctx, s->predicted);
    pdm_free(ctx, s->trial_predicted);
    pdm_free(ctx, s->jacobian);
    pdm_free(ctx, s->moved);
    pdm_free(ctx, s->moved_predicted);
    pdm_free(ctx, s->good);
    pdm_free(ctx, s->held);
    pdm_free(ctx, s->normal);
    pdm_free(ctx, s->gradient);
    pdm_free(ctx, s->work);
    *s = (fit_search){.response = NULL};
}

/* ---- misfit ---- */

static double sum_of_squares(const fit_search *s, const double *predicted)
{
    double sum = 0.0;
    for (pdm_size i = 0; i < s->n_obs; i++) {
        const double e = s->weight[i] * (s->value[i] - predicted[i]);
        sum += e * e;
    }
    return sum;
}

static double cost_of(const fit_search *s, const double *theta, const double *predicted)
{
    double sum = sum_of_squares(s, predicted);
    for (pdm_size k = 0; k < s->n; k++) {
        const fit_number *x = &s->unknowns->number[k];
        const double      e = isfinite(x->deviation) ? (theta[k] - x->mean) / x->deviation : 0.0;
        sum += e * e;
    }
    return 0.5 * sum;
}

double fit_misfit(const fit_search *s)
{
    return sum_of_squares(s, s->predicted);
}

/* ---- derivatives ---- */

/* Thetas 2k and 2k+1: number k moved down and up, within its bounds. */
static void move_numbers(fit_search *s)
{
    const double move = s->response->by_model ? MODEL_MOVE : MOVE;

    for (pdm_size k = 0; k < s->n; k++) {
        const fit_number *x = &s->unknowns->number[k];
        const double      h = move * fmin(x->scale, fmax(fabs(s->theta[k]), LEAST * x->scale));
        for (int side = 0; side < 2; side++) {
            double *to = s->moved + (2 * k + side) * s->n;
            memcpy(to, s->theta, (size_t)s->n * sizeof *to);
            to[k] = fmin(fmax(s->theta[k] + (side == 0 ? -h : h), x->low), x->high);
        }
    }
}

static void take_differences(fit_search *s)
{
    for (pdm_size k = 0; k < s->n; k++) {
        const double *low = s->moved_predicted + 2 * k * s->n_obs, *high = low + s->n_obs;
        const double  h = s->moved[(2 * k + 1) * s->n + k] - s->moved[2 * k * s->n + k];
        for (pdm_size i = 0; i < s->n_obs; i++) s->jacobian[k * s->n_obs + i] = (high[i] - low[i]) / h;
    }
}

/* Normal matrix and gradient, with beliefs. */
static void assemble(fit_search *s)
{
    for (pdm_size k = 0; k < s->n; k++) {
        const fit_number *x  = &s->unknowns->number[k];
        const double     *jk = s->jacobian + k * s->n_obs;
        for (pdm_size l = 0; l <= k; l++) {
            const double *jl  = s->jacobian + l * s->n_obs;
            double        sum = 0.0;
            for (pdm_size i = 0; i < s->n_obs; i++) sum += s->weight[i] * s->weight[i] * jk[i] * jl[i];
            s->normal[k * s->n + l] = s->normal[l * s->n + k] = sum;
        }
        double sum = 0.0;
        for (pdm_size i = 0; i < s->n_obs; i++)
            sum += s->weight[i] * s->weight[i] * jk[i] * (s->predicted[i] - s->value[i]);
        s->gradient[k] = sum;
        if (!isfinite(x->deviation)) continue;
        s->normal[k * s->n + k] += 1.0 / (x->deviation * x->deviation);
        s->gradient[k] += (s->theta[k] - x->mean) / (x->deviation * x->deviation);
    }
}

/* Numbers at a bound that the misfit pushes against. */
static void find_held(fit_search *s)
{
    for (pdm_size k = 0; k < s->n; k++) {
        const fit_number *x = &s->unknowns->number[k];
        s->held[k] =
            (s->theta[k] <= x->low && s->gradient[k] > 0.0) || (s->theta[k] >= x->high && s->gradient[k] < 0.0);
    }
}

void fit_search_weigh(fit_search *s)
{
    s->cost = cost_of(s, s->theta, s->predicted);
    assemble(s);
    find_held(s);
}

static pdm_status differentiate(fit_search *s, bool *good)
{
    pdm_status status = PDM_OK;

    if (s->frozen) {
        assemble(s);
        find_held(s);
        return PDM_OK;
    }
    move_numbers(s);
    PDM_TRY(
        fit_respond(s->response, s->first, s->n_experiment, 2 * s->n, s->moved, false, s->moved_predicted, s->good));
    for (pdm_size k = 0; k < 2 * s->n; k++) *good = *good && s->good[k];
    if (!*good) goto done;
    take_differences(s);
    assemble(s);
    find_held(s);
done:
    return status;
}

pdm_status fit_search_linearise(fit_search *s, bool *good)
{
    pdm_status status = PDM_OK;

    PDM_TRY(fit_respond(s->response, s->first, s->n_experiment, 1, s->theta, true, s->predicted, good));
    if (!*good) goto done;
    s->cost = cost_of(s, s->theta, s->predicted);
    PDM_TRY(differentiate(s, good));
done:
    return status;
}

/* ---- steps ---- */

/* (N + damping diag N) step = -g of the numbers that are free; others have the steps that they have. */
static bool solve_free(fit_search *s, const bool *fixed)
{
    double  *a       = s->work;
    double   largest = 0.0;
    pdm_size m       = 0;

    for (pdm_size k = 0; k < s->n; k++)
        largest = fmax(largest, s->normal[k * s->n + k] * s->unknowns->number[k].scale * s->unknowns->number[k].scale);
    for (pdm_size k = 0; k < s->n; k++) m += !fixed[k];
    for (pdm_size k = 0, row = 0; k < s->n; k++) {
        if (fixed[k]) continue;
        const double scale = s->unknowns->number[k].scale;
        double       right = -s->gradient[k];
        for (pdm_size l = 0, column = 0; l < s->n; l++) {
            if (fixed[l])
                right -= s->normal[k * s->n + l] * s->step[l];
            else
                a[row * m + column++] = s->normal[k * s->n + l];
        }
        a[row * m + row] += s->damping * s->normal[k * s->n + k] + 1e-14 * largest / (scale * scale);
        s->trial[row++] = right;
    }
    if (!fit_cholesky_solve(m, a, s->trial)) return false;
    for (pdm_size k = 0, row = 0; k < s->n; k++)
        if (!fixed[k]) s->step[k] = s->trial[row++];
    return true;
}

/* Held numbers stay; those that would leave their bounds go to them, and the others are solved for again. */
static bool find_step(fit_search *s)
{
    bool     fixed[FIT_PART_MOST * FIT_MODES_MOST];
    pdm_size n_left = s->n;

    for (pdm_size k = 0; k < s->n; k++) {
        fixed[k]   = s->held[k];
        s->step[k] = 0.0;
    }
    for (; n_left > 0; n_left--) {
        bool over = false;
        if (!solve_free(s, fixed)) return false;
        for (pdm_size k = 0; k < s->n; k++) {
            const fit_number *x  = &s->unknowns->number[k];
            const double      to = s->theta[k] + s->step[k], at = fmin(fmax(to, x->low), x->high);
            if (fixed[k] || at == to) continue;
            s->step[k] = at - s->theta[k];
            fixed[k] = over = true;
        }
        if (!over) break;
    }
    return true;
}

/* What the linear model says that the step gains. */
static double predicted_gain(const fit_search *s)
{
    double sum = 0.0;
    for (pdm_size k = 0; k < s->n; k++) {
        double row = 0.0;
        for (pdm_size l = 0; l < s->n; l++) row += s->normal[k * s->n + l] * s->step[l];
        sum -= s->step[k] * (s->gradient[k] + 0.5 * row);
    }
    return sum;
}

/* The cost in units of which a step of one standard error gains 1/2: 1, or where noise is unknown what chi2 is a
 * freedom. */
static double unit_cost(const fit_search *s)
{
    const double freedom = (double)(s->n_obs > s->n ? s->n_obs - s->n : 1);
    return fmin(1.0, 2.0 * s->cost / freedom);
}

static bool is_still(const fit_search *s)
{
    for (pdm_size k = 0; k < s->n; k++)
        if (fabs(s->step[k]) > STILL * (fabs(s->theta[k]) + LEAST * s->unknowns->number[k].scale)) return false;
    return true;
}

/* Half the sum of squares that solves do not resolve. */
static double floor_of(const fit_search *s)
{
    double square = 0.0, weights = 0.0;
    for (pdm_size i = 0; i < s->n_obs; i++) {
        square += s->predicted[i] * s->predicted[i] / (double)s->n_obs;
        weights += s->weight[i] * s->weight[i];
    }
    return 0.5 * weights * square * SOLVED * SOLVED;
}

/* Would the full step gain next to nothing? */
static bool is_there(fit_search *s)
{
    const double damping = s->damping;
    s->damping           = 0.0;
    const bool found     = find_step(s);
    s->damping           = damping;
    return found && (predicted_gain(s) <= 0.5 * s->tolerance * s->tolerance * unit_cost(s) || is_still(s));
}

static void take_trial(fit_search *s, double cost, double gain)
{
    const double x = 2.0 * (s->cost - cost) / gain - 1.0;
    memcpy(s->theta, s->trial, (size_t)s->n * sizeof *s->theta);
    memcpy(s->predicted, s->trial_predicted, (size_t)s->n_obs * sizeof *s->predicted);
    s->cost = cost;
    s->damping *= fmin(fmax(1.0 - x * x * x, 1.0 / 9.0), 2.0);
}

/* One step, with trials until one gains. *over: the search is, as s->end says. */
static pdm_status advance(fit_search *s, bool *over)
{
    pdm_status status = PDM_OK;
    double     grow   = 2.0;
    bool       good   = false;

    *over  = true;
    s->end = FIT_CONVERGED;
    if (is_there(s)) goto done;
    s->end = FIT_ROUNDING;
    if (s->cost <= floor_of(s)) goto done;
    for (int trial = 0; trial < TRIALS_MOST; trial++, s->damping *= grow, grow *= 2.0) {
        if (!find_step(s)) continue;
        const double gain = predicted_gain(s);
        for (pdm_size k = 0; k < s->n; k++) s->trial[k] = s->theta[k] + s->step[k];
        PDM_TRY(fit_respond(s->response, s->first, s->n_experiment, 1, s->trial, true, s->trial_predicted, &good));
        const double cost = good ? cost_of(s, s->trial, s->trial_predicted) : INFINITY;
        if (cost < s->cost) {
            take_trial(s, cost, gain);
            *over = false;
            goto done;
        }
        if (gain <= RESOLVED * s->cost && cost - s->cost <= RESOLVED * s->cost) goto done;
    }
    s->end = FIT_STALLED;
done:
    return status;
}

/* Full steps with derivatives that are not quite right: each leaves their error of what is left. *over: the search is;
 * not, after some that did not get there. */
static pdm_status advance_frozen(fit_search *s, bool *over)
{
    pdm_status status = PDM_OK;
    bool       good   = true;

    s->end = FIT_CONVERGED;
    for (int i = 0; i < FROZEN_MOST; i++) {
        s->damping = 0.0;
        *over      = find_step(s) && (predicted_gain(s) <= 0.5 * FROZEN * FROZEN * unit_cost(s) || is_still(s));
        if (*over) break;
        memcpy(s->moved, s->theta, (size_t)s->n * sizeof *s->theta);
        for (pdm_size k = 0; k < s->n; k++) s->theta[k] += s->step[k];
        s->iterations++;
        PDM_TRY(fit_search_linearise(s, &good));
        if (good) continue;
        memcpy(s->theta, s->moved, (size_t)s->n * sizeof *s->theta);
        break;
    }
done:
    return status;
}

pdm_status fit_search_run(fit_search *s)
{
    pdm_status status = PDM_OK;
    bool       good = true, over = false;

    PDM_TRY(fit_search_linearise(s, &good));
    if (good && s->frozen) {
        PDM_TRY(advance_frozen(s, &over));
        if (over) goto done;
        s->frozen = false;
        PDM_TRY(fit_search_linearise(s, &good));
    }
    if (!good) {
        s->end = FIT_NO_START;
        goto done;
    }
    s->damping = DAMPING;
    for (;;) {
        PDM_TRY(advance(s, &over));
        if (over) break;
        s->iterations++;
        pdm_log(s->response->ctx, PDM_LOG_DEBUG, "fit", "step=%lld cost=%.6e damping=%.1e", (long long)s->iterations,
                s->cost, s->damping);
        PDM_TRY(differentiate(s, &good));
        s->end = !good ? FIT_STALLED : FIT_MAX_ITER; /* not good: beside this solution there is none */
        if (!good || s->iterations >= s->max_iter) break;
    }
done:
    return status;
}
