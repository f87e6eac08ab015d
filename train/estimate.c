/* The error of predictions, estimated by the distance to the solution with all coefficients free on the same grid. */
#include "train/train.h"

#include <math.h>
#include <stdio.h>

#include "train/train_impl.h"

static const double ESTIMATE_TOLERANCE = 1e-6; /* of that solution */

pdm_status pdm_model_set_estimate(pdm_model *m, int wanted)
{
    if (!m) return PDM_ERR_ARGUMENT;
    m->wants_estimate = wanted != 0;
    return PDM_OK;
}

pdm_status estimate_check(pdm_model *m, double polish)
{
    pdm_status status = PDM_OK;
    if (m->wants_estimate && polish > 0.0)
        PDM_FAIL(m->ctx, PDM_ERR_ARGUMENT,
                 "an estimate compares the network's answer with the polished one, which polish = %g asks for itself",
                 polish);
done:
    return status;
}

/* Means of the estimates that there are, for pdm_model_value. */
static void set_values(pdm_model *m, pdm_size n, const double *estimate)
{
    const pdm_size n_field = pdm_domain_n_field(m->domain);
    double         all = 0.0, worst = NAN;
    pdm_size       n_all = 0;
    char           key[32];

    for (pdm_size f = 0; f < n_field; f++) {
        double   sum  = 0.0;
        pdm_size here = 0;
        for (pdm_size i = 0; i < n; i++) {
            const double e = estimate[i * n_field + f];
            if (isnan(e)) continue;
            sum += e;
            here++;
            worst = fmax(worst, e); /* NaN at first: fmax gives the other */
        }
        all += sum;
        n_all += here;
        snprintf(key, sizeof key, "estimate.%.20s", pdm_pde_field_name(m->pde, f));
        model_set_value(m, key, sum / (double)here);
    }
    model_set_value(m, "estimate", all / (double)n_all);
    model_set_value(m, "estimate.worst", worst);
}

pdm_status estimate_run(pdm_model *m, pdm_size n, const double *input, const double *u, double *estimate)
{
    pdm_status     status  = PDM_OK;
    const pdm_size n_field = pdm_domain_n_field(m->domain), n_input = pdm_domain_n_input(m->domain);
    const pdm_size n_point = m->output.n_point, size = n_field * n_point;
    double        *polished    = NULL;
    pdm_size       unconverged = 0;
    predict_times  times       = {0};
    const double   start       = pdm_clock();

    PDM_TRY(pdm_alloc_array(m->ctx, m->n_batch * size, &polished));
    for (pdm_size first = 0; first < n; first += m->n_batch) {
        const pdm_size here = n - first < m->n_batch ? n - first : m->n_batch;
        PDM_TRY(predict_run(m, here, input + first * n_input, ESTIMATE_TOLERANCE, polished, m->result, NULL, &times));
        for (pdm_size i = 0; i < here; i++) {
            double *to = estimate + (first + i) * n_field;
            for (pdm_size f = 0; f < n_field; f++)
                to[f] = relative_error(m, u + (first + i) * size + f * n_point, polished + i * size + f * n_point,
                                       -INFINITY);
            if (pdm_reason_is_good(m->result[i].reason)) continue;
            for (pdm_size f = 0; f < n_field; f++) to[f] = NAN;
            unconverged++;
        }
    }
    set_values(m, n, estimate);
    model_set_value(m, "estimate.unconverged", (double)unconverged);
    model_set_value(m, "seconds.estimate", pdm_clock() - start);
    if (unconverged > 0)
        pdm_log(m->ctx, PDM_LOG_WARNING, "estimate",
                "%lld of %lld samples have no estimate: their solve with all coefficients free did not converge",
                (long long)unconverged, (long long)n);
done:
    pdm_free(m->ctx, polished);
    return status;
}

/* ---- in the output ---- */

static void variable_name(const pdm_model *m, pdm_size field, char *name, size_t size)
{
    if (pdm_domain_n_field(m->domain) == 1)
        snprintf(name, size, "error_estimate");
    else
        snprintf(name, size, "error_estimate_%s", pdm_pde_field_name(m->pde, field));
}

pdm_status estimate_header(pdm_model *m, pdm_output *o)
{
    pdm_status        status = PDM_OK;
    const char *const dims[] = {"sample"};
    char              name[160], text[224];

    PDM_TRY(pdm_output_attribute_real(o, NULL, "estimate_tolerance", ESTIMATE_TOLERANCE));
    for (pdm_size f = 0; f < pdm_domain_n_field(m->domain); f++) {
        variable_name(m, f, name, sizeof name);
        snprintf(text, sizeof text, "relative L2 distance of %.128s to its solution with all coefficients free",
                 pdm_pde_field_name(m->pde, f));
        PDM_TRY(pdm_output_variable(o, name, 1, dims, "1", text));
    }
done:
    return status;
}

pdm_status estimate_put(pdm_model *m, pdm_output *o, pdm_size n, const double *estimate)
{
    pdm_status     status  = PDM_OK;
    const pdm_size n_field = pdm_domain_n_field(m->domain);
    char           name[160];

    for (pdm_size f = 0; f < n_field; f++) {
        variable_name(m, f, name, sizeof name);
        for (pdm_size i = 0; i < n; i++) PDM_TRY(pdm_output_put(o, name, i, 1, &estimate[i * n_field + f]));
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

pdm_status estimate_match_report(pdm_model *m, const estimate_match *match, pdm_text *text)
{
    const double mean   = match->n > 0 ? match->mean : NAN,
                 spread = match->n > 0 ? sqrt(match->square / (double)match->n) : NAN;

    model_set_value(m, "estimate.ratio", mean);
    model_set_value(m, "estimate.spread", spread);
    if (match->n == 0) return pdm_text_append(text, "estimate / error: there are no two to compare\n");
    return pdm_text_append(text, "estimate / error: mean %.4f, spread (standard deviation) %.4f, over %lld of %lld\n",
                           mean, spread, (long long)match->n, (long long)match->n_all);
}
