/* The search on one grid, and on finer ones while these move what was found: an error of the solution goes into theta
 * like one of the observations. What another grid predicts at the same theta tells by how much,
 *   shift = C J^T W (predicted here - predicted there),
 * and is asked of grids that are finer along one dimension each: those go on that matter. */
#include "fit/fit.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "fit/fit_impl.h"

static const double FINE    = 0.3; /* of a standard error: a shift that is left         */
static const double SETTLED = 0.1; /* one that is not looked for on further grids again */
enum {
    FINER_BATCH = 2,   /* samples at a time: searches there make few solves */
    DENSE_MOST  = 6000 /* unknowns                                          */
};

/* ---- one level ---- */

void fit_level_destroy(pdm_context *ctx, fit_level **level)
{
    fit_level *l = *level;
    if (!l) return;
    fit_response_destroy(&l->response);
    fit_data_destroy(&l->data);
    fit_unknowns_destroy(&l->unknowns);
    pdm_problem_destroy(&l->owned);
    pdm_free(ctx, l);
    *level = NULL;
}

/* owned: NULL, or the problem, which is the level's from here on, after a failure, too. It stays where it is made: its
 * parts lend from each other. */
static pdm_status open_level(const fit_job *j, const pdm_problem *p, pdm_problem *owned, pdm_model *m, fit_level **out)
{
    pdm_status status = PDM_OK;
    fit_level *l      = NULL;

    PDM_TRY(pdm_alloc(j->ctx, sizeof *l, &l));
    *l    = (fit_level){.m = m, .problem = p, .owned = owned};
    owned = NULL;
    PDM_TRY(fit_unknowns_create(p, j->names, j->settings, j->at ? &j->at->unknowns : NULL, &l->unknowns));
    PDM_TRY(fit_data_read(p, &l->unknowns, j->data_path, &j->noise, &l->data));
    PDM_TRY(fit_response_create(p, m, &l->unknowns, &l->data, &l->response));
    *out = l;
    l    = NULL;
done:
    fit_level_destroy(j->ctx, &l);
    pdm_problem_destroy(&owned);
    return status;
}

/* With rows at every scale the matrix is dense. */
static pdm_size most_unknowns(const fit_job *j)
{
    const pdm_size most = j->settings->max_unknowns;
    return pdm_domain_rows(j->at->problem->domain)->n_pyramid > 0 && most > DENSE_MOST ? DENSE_MOST : most;
}

/* The case with spans half as long along some dimensions. NULL: that would have too many unknowns, as j->why
 * says. */
static pdm_status open_finer(fit_job *j, const bool along[PDM_MAX_DIM], fit_level **out)
{
    pdm_status         status = PDM_OK;
    const pdm_problem *p      = j->at->problem;
    double             n      = (double)pdm_domain_n_free(p->domain);
    pdm_problem       *finer  = NULL;

    *out = NULL;
    for (pdm_size d = 0; d < pdm_domain_n_dim(p->domain); d++) n *= along[d] ? 2.0 : 1.0;
    snprintf(j->why, sizeof j->why, "a finer grid would have about %.0f unknowns", n);
    if (n > (double)most_unknowns(j)) goto done;
    PDM_TRY(pdm_problem_halve(p, along, FINER_BATCH, &finer));
    PDM_TRY(open_level(j, finer, finer, NULL, out));
done:
    return status;
}

/* ---- what other levels move ---- */

/* Of one answer, into shift [n]; the largest in standard errors. pull [n]: work. */
static double find_shift(const fit_answer *a, const double *predicted, double *pull, double *shift)
{
    double largest = 0.0;

    for (pdm_size l = 0; l < a->n; l++) {
        pull[l] = 0.0;
        for (pdm_size i = 0; i < a->n_obs; i++)
            pull[l] += a->jacobian[l * a->n_obs + i] * (a->predicted[i] - predicted[i]) / (a->noise[i] * a->noise[i]);
    }
    for (pdm_size k = 0; k < a->n; k++) {
        double sum = 0.0;
        for (pdm_size l = 0; l < a->n; l++) sum += a->covariance[k * a->n + l] * pull[l];
        shift[k] = sum;
        if (a->error[k] > 0.0 && !isinf(a->error[k])) largest = fmax(largest, fabs(sum) / a->error[k]);
    }
    return largest;
}

/* Of all answers, by another level along dimension d: the largest, in standard errors; *known false: it has no
 * solution. */
static pdm_status find_shifts(fit_job *j, fit_level *other, pdm_size d, double *largest, bool *known)
{
    pdm_status status    = PDM_OK;
    double    *predicted = NULL, *pull = NULL;

    PDM_TRY(pdm_alloc_array(j->ctx, other->data.n, &predicted));
    PDM_TRY(pdm_alloc_array(j->ctx, other->unknowns.n, &pull));
    *largest = 0.0;
    for (pdm_size i = 0; i < j->n_fit && *known; i++) {
        fit_answer *a = &j->answer[i];
        PDM_TRY(fit_respond(&other->response, a->first, a->n_experiment, 1, a->theta, true, predicted, known));
        if (*known) *largest = fmax(*largest, find_shift(a, predicted, pull, a->shift + d * a->n));
    }
    j->extra_solves += other->response.n_solve;
done:
    pdm_free(j->ctx, predicted);
    pdm_free(j->ctx, pull);
    return status;
}

/* The most that all dimensions together move a number, in standard errors: into j->shift. */
static void sum_shifts(fit_job *j)
{
    j->shift = 0.0;
    for (pdm_size i = 0; i < j->n_fit; i++) {
        const fit_answer *a = &j->answer[i];
        for (pdm_size k = 0; k < a->n; k++) {
            double sum = 0.0;
            for (pdm_size d = 0; d < PDM_MAX_DIM; d++) sum += a->shift[d * a->n + k];
            if (!(a->error[k] > 0.0) || isinf(a->error[k]) || fabs(sum) <= j->shift * a->error[k]) continue;
            j->shift   = fabs(sum) / a->error[k];
            j->shifted = k;
        }
    }
}

/* ---- searches ---- */

/* From what was found before, where it was. */
static pdm_status search_one(fit_job *j, pdm_size i, pdm_size each)
{
    pdm_status  status = PDM_OK;
    fit_answer *before = &j->answer[i], now = {.n = 0};

    PDM_TRY(fit_answer_find(&j->at->response, i * each, each, j->settings, before->n > 0 ? before : NULL, &now));
    now.iterations += before->iterations;
    now.solves += before->solves;
    now.seconds += before->seconds;
    if (before->n > 0) memcpy(now.shift, before->shift, (size_t)(PDM_MAX_DIM * now.n) * sizeof *now.shift);
    fit_answer_destroy(j->ctx, before);
    *before = now;
    now     = (fit_answer){.n = 0};
done:
    fit_answer_destroy(j->ctx, &now);
    return status;
}

static pdm_status search_level(fit_job *j)
{
    pdm_status      status = PDM_OK;
    const fit_data *d      = &j->at->data;
    const pdm_size  n = j->settings->apart ? d->n_experiment : 1, each = d->n_experiment / n;

    if (!j->answer) PDM_TRY(pdm_alloc_array(j->ctx, n, &j->answer));
    j->n_fit = n;
    for (pdm_size i = 0; i < n; i++) {
        if (d->first[(i + 1) * each] == d->first[i * each])
            PDM_FAIL(j->ctx, PDM_ERR_DATA, "%s: sample %lld has no observations; some in every sample expected",
                     d->path, (long long)i);
        PDM_TRY(search_one(j, i, each));
    }
    j->n_level++;
done:
    return status;
}

static bool all_found(const fit_job *j)
{
    for (pdm_size i = 0; i < j->n_fit; i++)
        if (!fit_end_is_good(j->answer[i].end)) return false;
    return true;
}

/* Another level takes the place of the present one. */
static void replace_level(fit_job *j, fit_level **other)
{
    fit_level_destroy(j->ctx, &j->at);
    j->at  = *other;
    *other = NULL;
}

/* ---- from grid to grid ---- */

/* What grids that are finer along one dimension each would move: j->shift, NaN where it is not known, and by dimension.
 * The finer one of a single dimension that matters is kept. Dimensions that moved little once are not asked again, as
 * that hardly depends on the others. */
static pdm_status look_finer(fit_job *j, double along[PDM_MAX_DIM], fit_level **kept)
{
    pdm_status status = PDM_OK;
    fit_level *finer  = NULL;
    bool       known  = true;

    for (pdm_size d = 0; d < pdm_domain_n_dim(j->at->problem->domain) && known; d++) {
        bool only[PDM_MAX_DIM] = {false};
        only[d]                = true;
        if (j->is_settled[d]) continue;
        PDM_TRY(open_finer(j, only, &finer));
        known = finer;
        if (known) PDM_TRY(find_shifts(j, finer, d, &along[d], &known));
        j->is_settled[d] = known && along[d] <= SETTLED;
        if (known && along[d] > FINE && !*kept) {
            *kept = finer;
            finer = NULL;
        }
        fit_level_destroy(j->ctx, &finer);
    }
    sum_shifts(j);
    if (!known) j->shift = (double)NAN;
done:
    fit_level_destroy(j->ctx, &finer);
    return status;
}

/* On to a grid that is finer along the dimensions that matter; *done: there is none, or none is needed. */
static pdm_status refine(fit_job *j, bool *done)
{
    pdm_status     status              = PDM_OK;
    fit_level     *next                = NULL;
    double         along[PDM_MAX_DIM]  = {0.0};
    bool           chosen[PDM_MAX_DIM] = {false};
    pdm_size       n_chosen = 0, largest = 0;
    const pdm_size n_dim = pdm_domain_n_dim(j->at->problem->domain);

    PDM_TRY(look_finer(j, along, &next));
    *done = isnan(j->shift) || j->shift <= FINE;
    if (*done) goto done;
    for (pdm_size d = 0; d < n_dim; d++) {
        chosen[d] = along[d] > FINE;
        n_chosen += chosen[d];
        largest = along[d] > along[largest] ? d : largest;
    }
    if (n_chosen != 1) {
        fit_level_destroy(j->ctx, &next);
        chosen[largest] = true; /* where each is small, and all together are not */
        PDM_TRY(open_finer(j, chosen, &next));
    }
    *done = !next;
    if (*done) goto done;
    pdm_log(j->ctx, PDM_LOG_INFO, "fit", "a finer grid moves \"%s\" by %.2g standard errors: again on that",
            j->at->unknowns.number[j->shifted].name, j->shift);
    replace_level(j, &next);
    PDM_TRY(search_level(j));
done:
    fit_level_destroy(j->ctx, &next);
    return status;
}

/* What the model's own solution, with all coefficients free, would move; where that matters, on to it. */
static pdm_status leave_model(fit_job *j)
{
    pdm_status status = PDM_OK;
    fit_level *free   = NULL;
    bool       known  = true;

    PDM_TRY(open_level(j, j->at->problem, NULL, NULL, &free));
    double largest;
    PDM_TRY(find_shifts(j, free, 0, &largest, &known));
    sum_shifts(j);
    if (!known) j->shift = (double)NAN;
    if (isnan(j->shift) || j->shift <= FINE) goto done;
    pdm_log(j->ctx, PDM_LOG_INFO, "fit", "all coefficients free move \"%s\" by %.2g standard errors: again with them",
            j->at->unknowns.number[j->shifted].name, j->shift);
    replace_level(j, &free);
    PDM_TRY(search_level(j));
done:
    fit_level_destroy(j->ctx, &free);
    return status;
}

pdm_status fit_grids_run(fit_job *j, const pdm_problem *p, pdm_model *m)
{
    pdm_status status = PDM_OK;
    bool       done   = false;

    if (pdm_pde_level(p->pde))
        PDM_FAIL_AT(j->ctx, PDM_ERR_CASE, pdm_pde_level_where(p->pde),
                    "data are fitted on domains that are the whole box; a case without /geometry expected");
    PDM_TRY(open_level(j, p, NULL, m, &j->at));
    PDM_TRY(search_level(j));
    j->shift = (double)NAN;
    if (m && all_found(j)) PDM_TRY(leave_model(j));
    while (!done && all_found(j)) PDM_TRY(refine(j, &done));
done:
    return status;
}
