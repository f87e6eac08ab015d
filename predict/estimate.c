/* The error of predictions, estimated by the distance to the solution with all coefficients free on the same grid. */
#include "predict/predict.h"

#include <math.h>
#include <stdio.h>

#include "predict/predict_impl.h"

static const double ESTIMATE_TOLERANCE = 1e-6; /* of that solution */

pdm_status pdm_model_set_estimate(pdm_model *m, int wanted)
{
    if (!m) return PDM_ERR_ARGUMENT;
    m->wants_estimate = wanted != 0;
    return PDM_OK;
}

pdm_status estimate_open(prediction *p)
{
    pdm_status     status = PDM_OK;
    pdm_model     *m      = p->m;
    const pdm_size size   = pdm_domain_n_field(m->whole->domain) * p->grid->n_point;

    p->estimator = (pdm_model_way){.m = m, .polish = ESTIMATE_TOLERANCE};
    PDM_TRY(pdm_alloc_array(m->ctx, m->n_batch * size, &p->polished));
    PDM_TRY(pdm_way_of_model(&p->estimator, p->grid, &p->estimating));
    PDM_TRY(pdm_way_judge(&p->estimating, p->grid, PDM_JUDGE_ESTIMATE, &p->judge));
done:
    return status;
}

/* Distances of samples first .. first+n-1, whose predictions are u, to their polished answers v, of which there
 * are verdicts: the errors of the predictions are at most the sum of the distance and of v's own error. */
static void take_distances(prediction *p, pdm_size first, pdm_size n, const double *u, const double *v)
{
    const pdm_problem *problem = p->m->whole;
    const pdm_size     n_field = pdm_domain_n_field(problem->domain), n_point = p->grid->n_point;

    for (pdm_size i = 0; i < n; i++) {
        pdm_assessment *verdict = &p->verdict[first + i];
        const bool      good    = pdm_reason_is_good(p->m->result[i].reason);
        verdict->worst          = 0.0;
        for (pdm_size f = 0; f < n_field; f++) {
            const pdm_size at = (i * n_field + f) * n_point, to = (first + i) * n_field + f;
            p->distance[to] = good ? pdm_relative_error(p->grid, u + at, v + at, -INFINITY) : NAN;
            if (!verdict->estimated) verdict->estimate[f] = 0.0; /* no grid was cheap enough: the distance alone */
            verdict->estimate[f] += p->distance[to];
            if (!(verdict->estimate[f] <= verdict->worst)) verdict->worst = verdict->estimate[f];
        }
        pdm_verdict_decide(verdict, problem->solving.accuracy);
    }
}

pdm_status estimate_run(prediction *p, pdm_size first, pdm_size n, const double *u)
{
    pdm_status        status  = PDM_OK;
    pdm_model        *m       = p->m;
    const pdm_size    size    = pdm_domain_n_field(m->whole->domain) * p->grid->n_point;
    const pdm_size    n_input = pdm_domain_n_input(m->whole->domain);
    pdm_predict_times times   = {0};
    const double      start = pdm_clock(), judging = pdm_judge_seconds(p->judge);

    for (pdm_size done = 0; done < n; done += m->n_batch) {
        const pdm_size here = n - done < m->n_batch ? n - done : m->n_batch;
        const pdm_run  run  = {.n       = here,
                               .input   = p->x.input + (first + done) * n_input,
                               .u       = p->polished,
                               .result  = m->result,
                               .times   = &times,
                               .judge   = p->judge,
                               .verdict = p->verdict + first + done};
        PDM_TRY(pdm_predict_run(&p->estimating, p->grid, &run));
        take_distances(p, first + done, here, u + done * size, p->polished);
    }
    p->estimated.seconds += pdm_clock() - start - (pdm_judge_seconds(p->judge) - judging);
done:
    return status;
}

static void estimate_values(pdm_model *m, const pdm_estimate_report *r)
{
    pdm_values_set(m->ctx, &m->values, r->mean, "estimate");
    pdm_values_set(m->ctx, &m->values, r->worst, "estimate.worst");
    pdm_values_set(m->ctx, &m->values, r->unconverged, "estimate.unconverged");
    pdm_values_set(m->ctx, &m->values, r->seconds, "seconds.estimate");
    for (pdm_size f = 0; f < pdm_domain_n_field(m->whole->domain); f++)
        pdm_values_set(m->ctx, &m->values, r->field[f], "estimate.%s", pdm_pde_field_name(m->whole->pde, f));
}

/* Means of the estimates that there are. */
void estimate_sum_up(prediction *p)
{
    pdm_model           *m       = p->m;
    pdm_estimate_report *r       = &p->estimated;
    const pdm_size       n_field = pdm_domain_n_field(m->whole->domain), n = p->x.n_sample;
    double               all   = 0.0;
    pdm_size             n_all = 0;

    r->worst       = NAN;
    r->unconverged = 0.0;
    for (pdm_size i = 0; i < n && p->distance; i++) r->unconverged += isnan(p->distance[i * n_field]);
    for (pdm_size f = 0; f < n_field; f++) {
        double   sum  = 0.0;
        pdm_size here = 0;
        for (pdm_size i = 0; i < n; i++) {
            const double e = p->verdict[i].estimate[f];
            if (isnan(e)) continue;
            sum += e;
            here++;
            r->worst = fmax(r->worst, e); /* NaN at first: fmax gives the other */
        }
        all += sum;
        n_all += here;
        r->field[f] = sum / (double)here;
    }
    r->mean = all / (double)n_all;
    r->seconds += pdm_judge_seconds(p->judge);
    if (r->unconverged > 0.0)
        pdm_log(m->ctx, PDM_LOG_WARNING, "estimate",
                "%.0f of %lld samples have no estimate: their solve with all coefficients free did not converge",
                r->unconverged, (long long)n);
    estimate_values(m, r);
}

/* ---- in the output ---- */

pdm_status estimate_header(const pdm_model *m, pdm_output *o)
{
    pdm_status        status = PDM_OK;
    const char *const dims[] = {"sample"};
    char              name[FIELD_VARIABLE_TEXT], text[224];

    PDM_TRY(pdm_output_attribute_real(o, NULL, "estimate_tolerance", ESTIMATE_TOLERANCE));
    for (pdm_size f = 0; f < pdm_domain_n_field(m->whole->domain); f++) {
        field_variable(m->whole, "distance_to_polished", f, name);
        snprintf(text, sizeof text, "relative L2 distance of %.128s to its solution with all coefficients free",
                 pdm_pde_field_name(m->whole->pde, f));
        PDM_TRY(pdm_output_variable(o, name, 1, dims, "1", text));
    }
done:
    return status;
}

pdm_status estimate_put(const prediction *p, pdm_output *o)
{
    pdm_status     status  = PDM_OK;
    const pdm_size n_field = pdm_domain_n_field(p->m->whole->domain);
    char           name[FIELD_VARIABLE_TEXT];

    for (pdm_size f = 0; f < n_field; f++) {
        field_variable(p->m->whole, "distance_to_polished", f, name);
        for (pdm_size i = 0; i < p->x.n_sample; i++)
            PDM_TRY(pdm_output_put(o, name, i, 1, &p->distance[i * n_field + f]));
    }
done:
    return status;
}

/* ---- beside errors that are known ---- */

void estimate_match_add(estimate_match *match, double estimate, double error)
{
    match->n_all++;
    if (!(error > 0.0) || !isfinite(estimate / error)) return;
    match->n++;
    const double off = estimate / error - match->mean;
    match->mean += off / (double)match->n;
    match->square += off * (estimate / error - match->mean);
}

pdm_status estimate_match_report(const estimate_match *match, pdm_estimate_report *r, pdm_text *text)
{
    r->ratio  = match->n > 0 ? match->mean : NAN;
    r->spread = match->n > 0 ? sqrt(match->square / (double)match->n) : NAN;
    if (match->n == 0) return pdm_text_append(text, "estimate / error: there are no two to compare\n");
    return pdm_text_append(text, "estimate / error: mean %.4f, spread (standard deviation) %.4f, over %lld of %lld\n",
                           r->ratio, r->spread, (long long)match->n, (long long)match->n_all);
}
