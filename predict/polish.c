/* A classical solve from file to file: all coefficients free, to a tolerance. */
#include "predict/predict.h"

#include <math.h>

#include "predict/predict_impl.h"

enum { DRAWN = 4 };

/* n_sample inputs drawn anew, 0: as many as make sense. */
static pdm_status draw_inputs(prediction *p, pdm_size n_sample)
{
    pdm_status         status  = PDM_OK;
    const pdm_problem *problem = p->m->whole;
    const pdm_size     n_input = pdm_domain_n_input(problem->domain);

    p->x.n_sample = n_sample > 0 ? n_sample : n_input > 0 ? DRAWN : 1;
    PDM_TRY(pdm_alloc_array(problem->ctx, p->x.n_sample * n_input, &p->x.input));
    PDM_TRY(pdm_inputs_draw_unseen(problem->inputs, p->x.n_sample, p->x.input));
done:
    return status;
}

typedef struct polish_report {
    double iterations, objective_worst, unknowns;
} polish_report;
#define PLACE(name, member)                   \
    {                                         \
        name, offsetof(polish_report, member) \
    }
static const pdm_number_place of_polish[] = {PLACE("iterations", iterations), PLACE("objective.worst", objective_worst),
                                             PLACE("unknowns", unknowns)};

/* The table, and its numbers. */
static pdm_status report_samples(const prediction *p, pdm_text *text, polish_report *out)
{
    pdm_status     status = PDM_OK;
    const pdm_size n      = p->x.n_sample;
    polish_report  r      = {.unknowns = (double)pdm_domain_n_free(p->m->whole->domain)};

    PDM_TRY(pdm_text_append(text, "%-8s %5s  %12s  %10s  %10s  %9s  %-8s  %s\n", "sample", "steps", "objective", "time",
                            "error", "left over", "answer", "solve"));
    for (pdm_size i = 0; i < n; i++) {
        const pdm_solve_result *result = &p->result[i];
        const pdm_assessment   *v      = &p->verdict[i];
        PDM_TRY(pdm_text_append(text, "%-8lld %5d  %12.4e  %8.3g s  %8.2g %%  %7.2g %%  %-8s  %s\n", (long long)i,
                                (int)result->iterations, result->objective, p->seconds[i], 100.0 * v->worst,
                                100.0 * v->left, pdm_verdict_text(v->word), pdm_reason_text(result->reason)));
        r.iterations += (double)result->iterations / (double)n;
        r.objective_worst =
            result->objective > r.objective_worst || isnan(result->objective) ? result->objective : r.objective_worst;
    }
    const pdm_size n_slab = pdm_march_slabs(p->m->whole);
    PDM_TRY(pdm_text_append(text, "%.0f free coefficients a sample", r.unknowns));
    if (n_slab > 1) PDM_TRY(pdm_text_append(text, ", in %lld slabs of time", (long long)n_slab));
    PDM_TRY(pdm_text_append(text, "\n"));
    PDM_TRY(accounts_append(p->m, n, p->verdict, text));
    *out = r;
done:
    return status;
}

pdm_status pdm_model_polish_file(pdm_model *m, const char *input, pdm_size n_sample, const char *output,
                                 double tolerance, pdm_sink sink, void *user)
{
    pdm_status            status = PDM_OK;
    pdm_fields           *f      = NULL;
    pdm_output           *o      = NULL;
    prediction            p      = {.m = m, .polish = tolerance};
    pdm_text              text   = {0};
    pdm_prediction_report prediction_report;
    polish_report         r;

    if (!m) return PDM_ERR_ARGUMENT;
    PDM_EXPECT_POINTER(m->ctx, output, "the path of a file to write");
    PDM_EXPECT(m->ctx, n_sample >= 0 && n_sample <= PDM_MAX_COUNT, "%lld samples; 0 to %d expected",
               (long long)n_sample, PDM_MAX_COUNT);
    PDM_EXPECT(m->ctx, !input || n_sample == 0, "%lld samples to draw, and a file of inputs; one of them expected",
               (long long)n_sample);
    PDM_EXPECT(m->ctx, tolerance > 0.0 && isfinite(tolerance), "tolerance %g; a number above 0 expected", tolerance);
    text.ctx = m->ctx;
    PDM_TRY(prediction_create_file(&p, output, &o)); /* first: a path that cannot be written fails before the work */
    if (input) PDM_TRY(pdm_fields_open(m->ctx, input, &f));
    if (!f) PDM_TRY(draw_inputs(&p, n_sample));
    PDM_TRY(prediction_open(&p, f, false));
    PDM_TRY(prediction_run(&p, f, o, false, &prediction_report));
    PDM_TRY(report_samples(&p, &text, &r));
    if (o) PDM_TRY(pdm_output_commit(o));
    pdm_values_set_all(m->ctx, &m->values, sizeof of_polish / sizeof *of_polish, of_polish, &r);
    if (sink) sink(user, text.data);
done:
    pdm_output_destroy(&o);
    pdm_fields_close(&f);
    pdm_text_destroy(&text);
    prediction_close(&p);
    return pdm_ranks_end(m->ctx, status);
}
