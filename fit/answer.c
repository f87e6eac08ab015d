/* The search, with noise estimated where it is not given, and what its answer is worth: covariance, and directions that
 * the data do not see. */
#include "fit/fit.h"

#include <math.h>
#include <string.h>

#include "fit/fit_impl.h"

static const double UNSEEN = 1e-5; /* of the best seen direction: what differences of solves resolve */
static const double HARDLY = 1.5; /* scales: a standard error along a direction that is worth a word; beliefs leave 1 */
static const double SETTLED = 1e-2; /* relative change of estimated noise                            */
enum { NOISE_ROUNDS = 30 };

/* ---- noise ---- */

/* Root mean square about the mean of a variable's values in the search, the first guess at its noise. */
static void guess_noise(const fit_search *s, fit_answer *a)
{
    for (pdm_size v = 0; v < s->data->n_variable; v++) {
        double   mean = 0.0, square = 0.0;
        pdm_size n = 0;
        for (pdm_size i = 0; i < s->n_obs; i++) {
            if (s->data->of[s->data->first[s->first] + i] != v) continue;
            n++;
            const double change = s->value[i] - mean; /* Welford */
            mean += change / (double)n;
            square += change * (s->value[i] - mean);
        }
        a->variable_noise[v] = n > 1 && square > 0.0 ? sqrt(square / (double)n) : fabs(mean) > 0.0 ? fabs(mean) : 1.0;
    }
}

/* Given standard errors, or a->variable_noise. */
static void set_weights(const fit_search *s, const fit_answer *a)
{
    const pdm_size first = s->data->first[s->first];
    for (pdm_size i = 0; i < s->n_obs; i++) {
        const double given = s->data->noise[first + i];
        s->weight[i]       = 1.0 / (given > 0.0 ? given : a->variable_noise[s->data->of[first + i]]);
    }
}

/* Standard deviation of the residuals of every variable whose noise is not given, each with its share of the freedoms
 * that were spent. The largest relative change. */
static double estimate_noise(const fit_search *s, fit_answer *a)
{
    const pdm_size first  = s->data->first[s->first];
    double         change = 0.0;

    for (pdm_size v = 0; v < s->data->n_variable; v++) {
        double   sum = 0.0, size = 0.0;
        pdm_size n = 0;
        for (pdm_size i = 0; i < s->n_obs; i++) {
            if (s->data->of[first + i] != v) continue;
            const double e = s->value[i] - s->predicted[i];
            sum += e * e;
            size += s->value[i] * s->value[i];
            n++;
        }
        a->variable_rms[v] = n > 0 ? sqrt(sum / (double)n) : NAN;
        if (n == 0 || s->data->variable[v].has_noise) continue;
        const double freedom = (double)n * (1.0 - fmin(a->spent / (double)s->n_obs, 0.9));
        const double now     = fmax(sqrt(sum / freedom), 1e-12 * sqrt(size / (double)n) + 1e-300);
        change               = fmax(change, fabs(now / a->variable_noise[v] - 1.0));
        a->variable_noise[v] = now;
    }
    return change;
}

static bool all_given(const fit_search *s)
{
    const pdm_size first = s->data->first[s->first];
    for (pdm_size i = 0; i < s->n_obs; i++)
        if (!(s->data->noise[first + i] > 0.0)) return false;
    return true;
}

/* Derivatives hardly depend on the grid, and cost most of the solves. */
static void take_before(const fit_answer *before, fit_search *s)
{
    memcpy(s->theta, before->theta, (size_t)s->n * sizeof *s->theta);
    memcpy(s->jacobian, before->jacobian, (size_t)(s->n * s->n_obs) * sizeof *s->jacobian);
    s->frozen = true;
}

/* Does what is found depend on how large the noise is? Not with one kind of observations and no beliefs. */
static bool noise_matters(const fit_search *s)
{
    for (pdm_size k = 0; k < s->n; k++)
        if (isfinite(s->unknowns->number[k].deviation)) return true;
    return s->data->n_variable > 1;
}

/* Searches again with the noise that the residuals of the last one have, until it settles. */
static pdm_status search_all(fit_search *s, const fit_answer *before, fit_answer *a)
{
    pdm_status status = PDM_OK;

    a->noise_given = all_given(s);
    if (before)
        memcpy(a->variable_noise, before->variable_noise, (size_t)s->data->n_variable * sizeof *a->variable_noise);
    else
        guess_noise(s, a);
    set_weights(s, a);
    for (int round = 0; round < NOISE_ROUNDS; round++) {
        PDM_TRY(fit_search_run(s));
        if (!fit_end_is_good(s->end)) goto done;
        PDM_TRY(fit_answer_covariance(s, a));
        const double change = estimate_noise(s, a);
        if (a->noise_given) goto done;
        set_weights(s, a);
        if (change <= SETTLED || !noise_matters(s)) goto done;
    }
    s->end = FIT_UNSETTLED;
done:
    return status;
}

/* ---- covariance ---- */

/* Numbers that are not held at a bound, with their scales: m of them, a [m][m] the normal matrix in scales. */
static pdm_size scaled_normal(const fit_search *s, pdm_size *index, double *a)
{
    pdm_size m = 0;
    for (pdm_size k = 0; k < s->n; k++)
        if (!s->held[k]) index[m++] = k;
    for (pdm_size i = 0; i < m; i++)
        for (pdm_size j = 0; j < m; j++)
            a[i * m + j] = s->normal[index[i] * s->n + index[j]] * s->unknowns->number[index[i]].scale *
                           s->unknowns->number[index[j]].scale;
    return m;
}

/* Direction v [m] of the free numbers, which is not seen, or badly, as one of theta. */
static void note_unseen(fit_answer *a, pdm_size m, const pdm_size *index, const double *v, double error)
{
    if (a->n_unseen == FIT_UNSEEN_MOST) return;
    double  largest = 0.0;
    double *to      = a->unseen + a->n_unseen * a->n;
    for (pdm_size i = 0; i < m; i++) largest = fabs(v[i]) > fabs(largest) ? v[i] : largest;
    for (pdm_size i = 0; i < m; i++) to[index[i]] = v[i] / largest;
    a->unseen_error[a->n_unseen++] = error;
}

/* Covariance as a sum over directions; of those that are not seen it is infinite. */
static void sum_directions(const fit_search *s, fit_answer *a, pdm_size m, const pdm_size *index, const double *value,
                           const double *v)
{
    const fit_number *number = s->unknowns->number;

    for (pdm_size d = 0; d < m; d++) {
        const double *along  = v + d * m;
        const bool    unseen = !(value[d] > UNSEEN * UNSEEN * value[0]);
        const double  error  = unseen ? INFINITY : 1.0 / sqrt(value[d]);
        a->spent += !unseen;
        if (error > HARDLY) note_unseen(a, m, index, along, error);
        for (pdm_size i = 0; i < m; i++) {
            const pdm_size k = index[i];
            if (unseen && fabs(along[i]) > 1e-3) a->error[k] = INFINITY;
            for (pdm_size j = 0; j < m && !unseen; j++)
                a->covariance[k * s->n + index[j]] +=
                    along[i] * along[j] / value[d] * number[k].scale * number[index[j]].scale;
        }
    }
    for (pdm_size i = 0; i < m; i++) {
        const pdm_size k        = index[i];
        const double   variance = a->covariance[k * s->n + k], deviation = number[k].deviation;
        if (!isinf(a->error[k])) a->error[k] = sqrt(variance);
        /* a belief takes back what it knows */
        if (isfinite(deviation)) a->spent -= variance / (deviation * deviation);
    }
}

pdm_status fit_answer_covariance(const fit_search *s, fit_answer *a)
{
    pdm_status     status = PDM_OK;
    pdm_context   *ctx    = s->response->ctx;
    const pdm_size n      = s->n;
    pdm_size      *index  = NULL;
    double        *normal = NULL, *value = NULL, *v = NULL;

    PDM_TRY(pdm_alloc_array(ctx, n, &index));
    PDM_TRY(pdm_alloc_array(ctx, n * n, &normal));
    PDM_TRY(pdm_alloc_array(ctx, n, &value));
    PDM_TRY(pdm_alloc_array(ctx, n * n, &v));
    const pdm_size m = scaled_normal(s, index, normal);
    fit_eigen(m, normal, value, v);
    for (pdm_size k = 0; k < n; k++)
        a->at_bound[k] = !s->held[k] ? 0 : s->theta[k] <= s->unknowns->number[k].low ? -1 : 1;
    a->n_unseen = 0;
    a->spent    = 0.0;
    memset(a->error, 0, (size_t)n * sizeof *a->error);
    memset(a->covariance, 0, (size_t)(n * n) * sizeof *a->covariance);
    memset(a->unseen, 0, (size_t)(FIT_UNSEEN_MOST * n) * sizeof *a->unseen);
    sum_directions(s, a, m, index, value, v);
done:
    pdm_free(ctx, index);
    pdm_free(ctx, normal);
    pdm_free(ctx, value);
    pdm_free(ctx, v);
    return status;
}

/* ---- all ---- */

static pdm_status make_room(const fit_search *s, fit_answer *a)
{
    pdm_status   status = PDM_OK;
    pdm_context *ctx    = s->response->ctx;

    PDM_TRY(pdm_alloc_array(ctx, s->n, &a->theta));
    PDM_TRY(pdm_alloc_array(ctx, s->n, &a->error));
    PDM_TRY(pdm_alloc_array(ctx, s->n * s->n, &a->covariance));
    PDM_TRY(pdm_alloc_array(ctx, s->n, &a->at_bound));
    PDM_TRY(pdm_alloc_array(ctx, s->n_obs, &a->predicted));
    PDM_TRY(pdm_alloc_array(ctx, s->n_obs, &a->noise));
    PDM_TRY(pdm_alloc_array(ctx, s->n * s->n_obs, &a->jacobian));
    PDM_TRY(pdm_alloc_array(ctx, PDM_MAX_DIM * s->n, &a->shift));
    PDM_TRY(pdm_alloc_array(ctx, s->data->n_variable, &a->variable_noise));
    PDM_TRY(pdm_alloc_array(ctx, s->data->n_variable, &a->variable_rms));
    PDM_TRY(pdm_alloc_array(ctx, FIT_UNSEEN_MOST * s->n, &a->unseen));
done:
    return status;
}

/* The weights are those of the noise that was estimated last: the normal matrix is made again. */
static pdm_status take_answer(fit_search *s, fit_answer *a)
{
    pdm_status status = PDM_OK;

    memcpy(a->theta, s->theta, (size_t)s->n * sizeof *s->theta);
    memcpy(a->predicted, s->predicted, (size_t)s->n_obs * sizeof *s->predicted);
    for (pdm_size i = 0; i < s->n_obs; i++) a->noise[i] = 1.0 / s->weight[i];
    fit_search_weigh(s);
    PDM_TRY(fit_answer_covariance(s, a));
    memcpy(a->jacobian, s->jacobian, (size_t)(s->n * s->n_obs) * sizeof *s->jacobian);
    a->chi2    = fit_misfit(s);
    a->freedom = (double)s->n_obs - a->spent;
done:
    return status;
}

pdm_status fit_answer_find(fit_response *r, pdm_size first, pdm_size n_experiment, const pdm_fit_settings *settings,
                           const fit_answer *before, fit_answer *out)
{
    pdm_status     status = PDM_OK;
    fit_search     s      = {.response = NULL};
    const double   start  = pdm_clock();
    const pdm_size solves = r->n_solve;

    *out = (fit_answer){.first = first, .n_experiment = n_experiment, .n = r->unknowns->n};
    PDM_TRY(fit_search_create(r, first, n_experiment, settings->tolerance, settings->max_iter, &s));
    out->n_obs = s.n_obs;
    if (before) take_before(before, &s);
    PDM_TRY(make_room(&s, out));
    PDM_TRY(search_all(&s, before, out));
    out->end = s.end;
    if (s.end == FIT_NO_START)
        PDM_FAIL(r->ctx, PDM_ERR_NUMERIC,
                 "no solution where the search begins, or next to it: %s; a start that has one, or a grid that does, "
                 "expected",
                 r->why[0] ? r->why : "an observed expression is not finite");
    PDM_TRY(take_answer(&s, out));
    out->iterations = s.iterations;
    out->solves     = r->n_solve - solves;
    out->seconds    = pdm_clock() - start;
done:
    fit_search_destroy(&s);
    return status; /* the caller destroys *out in any case */
}

void fit_answer_destroy(pdm_context *ctx, fit_answer *a)
{
    pdm_free(ctx, a->theta);
    pdm_free(ctx, a->error);
    pdm_free(ctx, a->covariance);
    pdm_free(ctx, a->at_bound);
    pdm_free(ctx, a->predicted);
    pdm_free(ctx, a->noise);
    pdm_free(ctx, a->jacobian);
    pdm_free(ctx, a->shift);
    pdm_free(ctx, a->variable_noise);
    pdm_free(ctx, a->variable_rms);
    pdm_free(ctx, a->unseen);
    *a = (fit_answer){.n = 0};
}
