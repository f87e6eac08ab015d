/* A classical solve from file to file: all coefficients free, to a tolerance. */
#include "train/train.h"

#include <math.h>

#include "train/train_impl.h"

/* Inputs and coordinates of a file, or n_sample inputs drawn anew (n_sample 0: as many as make sense). */
static pdm_status get_inputs(pdm_model *m, pdm_fields *f, pdm_size n_sample, file_inputs *out)
{
    enum { DRAWN = 4 };
    pdm_status  status = PDM_OK;
    file_inputs x      = {.n_sample = n_sample > 0 ? n_sample : pdm_domain_n_input(m->domain) > 0 ? DRAWN : 1};

    if (f) return file_inputs_read(m, f, out);
    PDM_TRY(pdm_alloc_array(m->ctx, x.n_sample * pdm_domain_n_input(m->domain), &x.input));
    PDM_TRY(sources_draw_unseen(m, x.n_sample, x.input));
    *out = x;
    x    = (file_inputs){0};
done:
    file_inputs_destroy(m, &x);
    return status;
}

/* The table, and the numbers of pdm_model_value. */
static pdm_status report_samples(pdm_model *m, pdm_size n, const pdm_solve_result *result, const double *seconds,
                                 pdm_text *text)
{
    pdm_status status     = PDM_OK;
    double     iterations = 0.0, worst = 0.0;

    PDM_TRY(pdm_text_append(text, "%-8s %5s  %12s  %10s  %s\n", "sample", "steps", "objective", "time", "solve"));
    for (pdm_size i = 0; i < n; i++) {
        PDM_TRY(pdm_text_append(text, "%-8lld %5d  %12.4e  %8.3g s  %s\n", (long long)i, (int)result[i].iterations,
                                result[i].objective, seconds[i], pdm_reason_text(result[i].reason)));
        iterations += (double)result[i].iterations / (double)n;
        worst = result[i].objective > worst || isnan(result[i].objective) ? result[i].objective : worst;
    }
    PDM_TRY(pdm_text_append(text, "%lld free coefficients a sample\n", (long long)pdm_domain_n_free(m->domain)));
    model_set_value(m, "samples", (double)n);
    model_set_value(m, "iterations", iterations);
    model_set_value(m, "objective.worst", worst);
    model_set_value(m, "unknowns", (double)pdm_domain_n_free(m->domain));
done:
    return status;
}

pdm_status pdm_model_polish_file(pdm_model *m, const char *input, pdm_size n_sample, const char *output,
                                 double tolerance, pdm_sink sink, void *user)
{
    pdm_status        status = PDM_OK;
    pdm_fields       *f      = NULL;
    pdm_output       *o      = NULL;
    file_inputs       x      = {0};
    double           *u = NULL, *seconds = NULL;
    pdm_solve_result *result = NULL;
    pdm_text          text   = {0};

    if (!m || !output || n_sample < 0 || (input && n_sample > 0) || !(tolerance > 0.0)) return PDM_ERR_ARGUMENT;
    text.ctx                = m->ctx;
    const output_grid aside = output_put_aside(m);
    PDM_TRY(pdm_output_create(m->ctx, output, &o)); /* first: a path that cannot be written fails before the work */
    if (input) PDM_TRY(pdm_fields_open(m->ctx, input, &f));
    PDM_TRY(get_inputs(m, f, n_sample, &x));
    PDM_TRY(range_check(m, x.n_sample, x.input));
    PDM_TRY(output_set(m, x.n_coordinate, x.coordinate));
    PDM_TRY(pdm_alloc_array(m->ctx, x.n_sample * pdm_domain_n_field(m->domain) * m->output.n_point, &u));
    PDM_TRY(pdm_alloc_array(m->ctx, x.n_sample, &result));
    PDM_TRY(pdm_alloc_array(m->ctx, x.n_sample, &seconds));
    PDM_TRY(result_header(m, o, x.n_sample, tolerance));
    PDM_TRY(f ? result_file_inputs(m, f, o, x.n_sample) : result_drawn_inputs(m, o, x.n_sample, x.input));
    PDM_TRY(predict_batches(m, x.n_sample, x.input, tolerance, u, result, seconds));
    PDM_TRY(result_samples(m, o, x.n_sample, u, result));
    PDM_TRY(report_samples(m, x.n_sample, result, seconds, &text));
    PDM_TRY(pdm_output_commit(o));
    if (sink) sink(user, text.data);
done:
    pdm_output_destroy(&o);
    pdm_fields_close(&f);
    file_inputs_destroy(m, &x);
    pdm_text_destroy(&text);
    pdm_free(m->ctx, u);
    pdm_free(m->ctx, result);
    pdm_free(m->ctx, seconds);
    output_put_back(m, aside);
    return status;
}
