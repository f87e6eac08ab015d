/* Prediction from file to file, and comparison with reference fields. */
#include "train/train.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "train/train_impl.h"

/* One sample through all stages, so that the times of those that follow are not those of memory used first. A polish is left
 * out: it takes long by itself. */
static pdm_status warm_up(pdm_model *m, double polish, const double *input, double *u, pdm_solve_result *result)
{
    predict_times times = {0};
    return polish > 0.0 ? PDM_OK : predict_run(m, 1, input, 0.0, u, result, NULL, &times);
}

/* Reads the inputs of a file, predicts on the file's coordinates, which become the output grid, writes when asked to.
 * u [n_sample][n_field][n_point], result [n_sample] and, when wanted, estimate [n_sample][n_field] are allocated. */
static pdm_status predict_file(pdm_model *m, pdm_fields *f, const char *output, double polish, bool warm,
                               pdm_size *n_sample, double **u, pdm_solve_result **result, double **estimate)
{
    pdm_status  status = PDM_OK;
    file_inputs x      = {0};
    pdm_output *o      = NULL;

    PDM_TRY(estimate_check(m, polish));
    if (output)
        PDM_TRY(pdm_output_create(m->ctx, output, &o)); /* first: a path that cannot be written fails before the work */
    PDM_TRY(file_inputs_read(m, f, &x));
    PDM_TRY(range_check(m, x.n_sample, x.input));
    PDM_TRY(output_set(m, x.n_coordinate, x.coordinate));
    PDM_TRY(pdm_alloc_array(m->ctx, x.n_sample * pdm_domain_n_field(m->domain) * m->output.n_point, u));
    PDM_TRY(pdm_alloc_array(m->ctx, x.n_sample, result));
    if (m->wants_estimate) PDM_TRY(pdm_alloc_array(m->ctx, x.n_sample * pdm_domain_n_field(m->domain), estimate));
    if (o) PDM_TRY(result_header(m, o, x.n_sample, polish));
    if (o && *estimate) PDM_TRY(estimate_header(m, o));
    if (polish == 0.0) PDM_TRY(gating_record_begin(m, o, x.n_sample));
    if (o) PDM_TRY(result_file_inputs(m, f, o, x.n_sample));
    if (warm) PDM_TRY(warm_up(m, polish, x.input, *u, *result));
    PDM_TRY(predict_batches(m, x.n_sample, x.input, polish, *u, *result, NULL));
    if (polish == 0.0) PDM_TRY(gating_record_end(m, o, x.n_sample));
    if (*estimate) PDM_TRY(estimate_run(m, x.n_sample, x.input, *u, *estimate));
    *n_sample = x.n_sample;
    if (!o) goto done;
    PDM_TRY(result_samples(m, o, x.n_sample, *u, *result));
    if (*estimate) PDM_TRY(estimate_put(m, o, x.n_sample, *estimate));
    PDM_TRY(pdm_output_commit(o));
done:
    gating_record_drop(m);
    pdm_output_destroy(&o);
    file_inputs_destroy(m, &x);
    return status;
}

pdm_status pdm_model_predict_file(pdm_model *m, const char *input, const char *output, double polish)
{
    pdm_status        status = PDM_OK;
    pdm_fields       *f      = NULL;
    double           *u = NULL, *estimate = NULL;
    pdm_solve_result *result = NULL;
    pdm_size          n_sample;

    if (!m || !input || !output) return PDM_ERR_ARGUMENT;
    const output_grid aside = output_put_aside(m);
    PDM_TRY(pdm_fields_open(m->ctx, input, &f));
    PDM_TRY(predict_file(m, f, output, polish, false, &n_sample, &u, &result, &estimate));
    model_set_value(m, "samples", (double)n_sample);
done:
    pdm_fields_close(&f);
    pdm_free(m->ctx, u);
    pdm_free(m->ctx, estimate);
    pdm_free(m->ctx, result);
    output_put_back(m, aside);
    return status;
}

/* ---- comparison ---- */

double relative_error(const pdm_model *m, const double *u, const double *reference, double from)
{
    const pdm_size plane = m->output.n_point / m->output.n[0];
    double         error = 0.0, norm = 0.0;
    for (pdm_size i = 0; i < m->output.n[0]; i++) {
        if (m->output.coordinate[0][i] < from) continue;
        for (pdm_size k = i * plane; k < (i + 1) * plane; k++) {
            const double e = u[k] - reference[k];
            error += e * e;
            norm += reference[k] * reference[k];
        }
    }
    return sqrt(error / norm);
}

static pdm_status append_estimate(pdm_text *text, double estimate, double error, estimate_match *match)
{
    estimate_match_add(match, estimate, error);
    return isnan(estimate) ? pdm_text_append(text, "  %12s", "none")
                           : pdm_text_append(text, "  %10.4f %%", 100.0 * estimate);
}

/* The table of one field, reference [n][n_point], estimate [n][n_field] or NULL; its mean error into *mean_out. */
static pdm_status compare_field(pdm_model *m, pdm_size field, pdm_size n, const double *u, const double *reference,
                                const double *estimate, const pdm_solve_result *result, estimate_match *match,
                                pdm_text *text, double *mean_out)
{
    pdm_status        status  = PDM_OK;
    const pdm_size    n_field = pdm_domain_n_field(m->domain), n_point = m->output.n_point;
    const pdm_spline *s    = pdm_domain_spline(m->domain, 0);
    const bool        late = pdm_pde_has_time(m->pde);
    const double      from = s->map.low + 0.1 * (s->map.high - s->map.low);
    const char       *name = pdm_pde_field_name(m->pde, field);
    double            mean = 0.0, mean_late = 0.0, worst = 0.0;
    char              key[64];

    PDM_TRY(pdm_text_append(text, "%-8s %12s", "sample", "rel. L2"));
    if (estimate) PDM_TRY(pdm_text_append(text, "  %12s", "estimate"));
    if (late) PDM_TRY(pdm_text_append(text, "  %s >= %-8g", pdm_pde_dim_name(m->pde, 0), from));
    PDM_TRY(pdm_text_append(text, "  %5s  %s\n", "steps", "solve"));
    for (pdm_size i = 0; i < n; i++) {
        const double *mine  = u + (i * n_field + field) * n_point,
                     e      = relative_error(m, mine, reference + i * n_point, -INFINITY);
        const double e_late = late ? relative_error(m, mine, reference + i * n_point, from) : 0.0;
        PDM_TRY(pdm_text_append(text, "%-8lld %10.4f %%", (long long)i, 100.0 * e));
        if (estimate) PDM_TRY(append_estimate(text, estimate[i * n_field + field], e, match));
        if (late) PDM_TRY(pdm_text_append(text, "  %9.4f %% ", 100.0 * e_late));
        PDM_TRY(pdm_text_append(text, "  %5d  %s\n", (int)result[i].iterations, pdm_reason_text(result[i].reason)));
        mean += e / (double)n;
        mean_late += e_late / (double)n;
        worst = e > worst || !(e == e) ? e : worst;
    }
    PDM_TRY(pdm_text_append(text, "field %s: mean relative L2 error %.4f %%, worst %.4f %%", name, 100.0 * mean,
                            100.0 * worst));
    if (late)
        PDM_TRY(pdm_text_append(text, "; for %s >= %g: mean %.4f %%", pdm_pde_dim_name(m->pde, 0), from,
                                100.0 * mean_late));
    PDM_TRY(pdm_text_append(text, "\n"));
    snprintf(key, sizeof key, "error.%.20s", name);
    model_set_value(m, key, mean);
    snprintf(key, sizeof key, "error.late.%.16s", name);
    if (late) model_set_value(m, key, mean_late);
    snprintf(key, sizeof key, "error.worst.%.16s", name);
    model_set_value(m, key, worst);
    const double before = field > 0 ? pdm_model_value(m, "error.worst") : 0.0;
    model_set_value(m, "error.worst", before > worst || isnan(before) ? before : worst);
    *mean_out = mean;
done:
    return status;
}

/* ---- exact solutions ---- */

enum { EXACT_SAMPLES = 8 };

pdm_status exact_field(pdm_model *m, pdm_size field, pdm_size n, const double *input, double *values)
{
    pdm_status          status = PDM_OK;
    const char         *text   = NULL;
    const pdm_function *f      = NULL;
    const double       *x[PDM_MAX_DIM];
    const pdm_where     at = pdm_case_where(m->the_case, "pde/exact", pdm_pde_field_name(m->pde, field));
    PDM_TRY(pdm_case_text(m->the_case, "pde/exact", pdm_pde_field_name(m->pde, field), NULL, &text));
    PDM_TRY(pdm_pde_compile(m->pde, text, at, false, &f));
    for (pdm_size j = 0; j < pdm_domain_n_dim(m->domain); j++) x[j] = m->output.coordinate[j];
    for (pdm_size i = 0; i < n; i++)
        PDM_TRY(pdm_domain_evaluate(m->domain, f, &at, input + i * pdm_domain_n_input(m->domain), m->output.n, x,
                                    values + i * m->output.n_point));
done:
    return status;
}

/* Time per sample of the last prediction. */
static pdm_status append_times(const pdm_model *m, pdm_size n, pdm_text *text)
{
    const double per = 1e3 / (double)n;
    return pdm_text_append(text,
                           "time per sample: network %.2f ms, solve %.2f ms, output %.2f ms, setting up %.2f ms\n",
                           per * pdm_model_value(m, "seconds.network"), per * pdm_model_value(m, "seconds.solve"),
                           per * pdm_model_value(m, "seconds.output"), per * pdm_model_value(m, "seconds.data"));
}

/* What the gate left of the unknowns, where it had a say: in the first interval of a roll-out. */
static pdm_status append_gate(const pdm_model *m, double polish, pdm_text *text)
{
    if (!m->gating || polish > 0.0) return PDM_OK;
    return pdm_text_append(text, "gate: %.1f %% of the unknowns exist, %.1f %% of the experts are null\n",
                           100.0 * pdm_model_value(m, "gate.unknowns"), 100.0 * pdm_model_value(m, "gate.null"));
}

/* What stands below the tables. */
static pdm_status append_end(pdm_model *m, pdm_size n, double polish, const estimate_match *match, pdm_text *text)
{
    pdm_status status = PDM_OK;
    PDM_TRY(append_gate(m, polish, text));
    PDM_TRY(append_times(m, n, text));
    if (!m->wants_estimate) goto done;
    PDM_TRY(pdm_text_append(text, "for the estimate %.2f ms more a sample\n",
                            1e3 / (double)n * pdm_model_value(m, "seconds.estimate")));
    PDM_TRY(estimate_match_report(m, match, text));
done:
    return status;
}

pdm_status pdm_model_evaluate_file(pdm_model *m, const char *reference, const char *output, double polish,
                                   pdm_sink sink, void *user)
{
    pdm_status        status = PDM_OK;
    pdm_fields       *f      = NULL;
    double           *u = NULL, *estimate = NULL, *values = NULL, sum = 0.0;
    estimate_match    match  = {0};
    pdm_solve_result *result = NULL;
    pdm_size          n_sample;
    pdm_text          text = {0};

    if (!m || !reference) return PDM_ERR_ARGUMENT;
    text.ctx                = m->ctx;
    const output_grid aside = output_put_aside(m);
    PDM_TRY(pdm_fields_open(m->ctx, reference, &f));
    PDM_TRY(predict_file(m, f, output, polish, true, &n_sample, &u, &result, &estimate));
    for (pdm_size i = 0; i < pdm_domain_n_field(m->domain); i++) {
        double mean;
        PDM_TRY(file_field_read(m, f, i, n_sample, &values));
        PDM_TRY(compare_field(m, i, n_sample, u, values, estimate, result, &match, &text, &mean));
        pdm_free(m->ctx, values);
        values = NULL;
        sum += mean / (double)pdm_domain_n_field(m->domain);
    }
    model_set_value(m, "error", sum);
    model_set_value(m, "samples", (double)n_sample);
    PDM_TRY(append_end(m, n_sample, polish, &match, &text));
    if (sink) sink(user, text.data);
done:
    pdm_fields_close(&f);
    pdm_text_destroy(&text);
    pdm_free(m->ctx, values);
    pdm_free(m->ctx, u);
    pdm_free(m->ctx, estimate);
    pdm_free(m->ctx, result);
    output_put_back(m, aside);
    return status;
}

pdm_status pdm_model_evaluate_exact(pdm_model *m, double polish, pdm_sink sink, void *user)
{
    pdm_status       status = PDM_OK;
    double          *input = NULL, *u = NULL, *estimate = NULL, *values = NULL, sum = 0.0;
    estimate_match   match = {0};
    pdm_solve_result result[EXACT_SAMPLES];
    pdm_text         text = {0};

    if (!m) return PDM_ERR_ARGUMENT;
    text.ctx                  = m->ctx;
    const pdm_size    n_field = pdm_domain_n_field(m->domain);
    const output_grid aside   = output_put_aside(m);
    if (!pdm_case_has_group(m->the_case, "pde/exact"))
        PDM_FAIL(m->ctx, PDM_ERR_DATA,
                 "the case has no group /pde/exact with exact solutions; a reference file expected");
    PDM_TRY(estimate_check(m, polish));
    PDM_TRY(output_set(m, NULL, NULL));
    if (m->wants_estimate) PDM_TRY(pdm_alloc_array(m->ctx, EXACT_SAMPLES * n_field, &estimate));
    PDM_TRY(pdm_alloc_array(m->ctx, EXACT_SAMPLES * pdm_domain_n_input(m->domain), &input));
    PDM_TRY(pdm_alloc_array(m->ctx, EXACT_SAMPLES * n_field * m->output.n_point, &u));
    PDM_TRY(pdm_alloc_array(m->ctx, EXACT_SAMPLES * m->output.n_point, &values));
    PDM_TRY(sources_draw_unseen(m, EXACT_SAMPLES, input));
    PDM_TRY(warm_up(m, polish, input, u, result));
    if (polish == 0.0) PDM_TRY(gating_record_begin(m, NULL, EXACT_SAMPLES));
    PDM_TRY(predict_batches(m, EXACT_SAMPLES, input, polish, u, result, NULL));
    PDM_TRY(gating_record_end(m, NULL, EXACT_SAMPLES));
    if (estimate) PDM_TRY(estimate_run(m, EXACT_SAMPLES, input, u, estimate));
    for (pdm_size i = 0; i < n_field; i++) {
        double mean;
        PDM_TRY(exact_field(m, i, EXACT_SAMPLES, input, values));
        PDM_TRY(compare_field(m, i, EXACT_SAMPLES, u, values, estimate, result, &match, &text, &mean));
        sum += mean / (double)n_field;
    }
    model_set_value(m, "error", sum);
    model_set_value(m, "samples", EXACT_SAMPLES);
    PDM_TRY(append_end(m, EXACT_SAMPLES, polish, &match, &text));
    if (sink) sink(user, text.data);
done:
    gating_record_drop(m);
    pdm_text_destroy(&text);
    pdm_free(m->ctx, input);
    pdm_free(m->ctx, values);
    pdm_free(m->ctx, u);
    pdm_free(m->ctx, estimate);
    output_put_back(m, aside);
    return status;
}
