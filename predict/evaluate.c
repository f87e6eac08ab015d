/* Predictions against references: fields of a file, or exact solutions. */
#include "predict/predict.h"

#include <math.h>

#include "predict/predict_impl.h"

enum { EXACT_SAMPLES = 8 };

pdm_status pdm_exact_field(const pdm_output_grid *grid, pdm_size field, pdm_size n, const double *input, double *values)
{
    pdm_status         status = PDM_OK;
    const pdm_problem *p      = grid->problem;
    const char        *name = pdm_pde_field_name(p->pde, field), *text = NULL;

    PDM_TRY(pdm_case_text(p->the_case, "pde/exact", name, NULL, &text));
    PDM_TRY(pdm_output_grid_expression(grid, text, pdm_case_where(p->the_case, "pde/exact", name), n, input, values));
done:
    return status;
}

/* ---- what stands below the tables ---- */

static pdm_status append_times(const pdm_prediction_report *r, pdm_text *text)
{
    const double per = 1e3 / r->samples;
    return pdm_text_append(
        text, "time per sample: network %.2f ms, solve %.2f ms, output %.2f ms, setting up %.2f ms\n",
        per * r->seconds_network, per * r->seconds_solve, per * r->seconds_output, per * r->seconds_data);
}

/* What the gate left of the unknowns, where it had a say: in the first interval of a roll-out. */
static pdm_status append_gate(const pdm_prediction_report *r, pdm_text *text)
{
    if (isnan(r->gate_unknowns)) return PDM_OK;
    return pdm_text_append(text, "gate: %.1f %% of the unknowns exist, %.1f %% of the experts are null\n",
                           100.0 * r->gate_unknowns, 100.0 * r->gate_null);
}

static pdm_status append_end(const prediction *p, const estimate_match *match, pdm_evaluation *e, pdm_text *text)
{
    pdm_status status = PDM_OK;
    PDM_TRY(append_gate(&e->prediction, text));
    PDM_TRY(accounts_append(p->m, p->x.n_sample, p->verdict, text));
    PDM_TRY(append_times(&e->prediction, text));
    if (!prediction_is_estimated(p)) goto done;
    PDM_TRY(pdm_text_append(text, "for the estimate %.2f ms more a sample\n",
                            1e3 / e->prediction.samples * e->estimate.seconds));
    PDM_TRY(estimate_match_report(match, &e->estimate, text));
    pdm_values_set(p->m->ctx, &p->m->values, e->estimate.ratio, "estimate.ratio");
    pdm_values_set(p->m->ctx, &p->m->values, e->estimate.spread, "estimate.spread");
done:
    return status;
}

/* ---- numbers ---- */

/* NaN is worse than any number. */
static double worse(double a, double b)
{
    return a > b || isnan(a) ? a : b;
}

static void sum_up(const pdm_model *m, pdm_evaluation *e)
{
    const pdm_size n_field = pdm_domain_n_field(m->whole->domain);
    e->error = e->worst = 0.0;
    for (pdm_size f = 0; f < n_field; f++) {
        e->error += e->field[f] / (double)n_field;
        e->worst = worse(e->worst, e->field_worst[f]);
    }
}

static void evaluation_values(pdm_model *m, const pdm_evaluation *e)
{
    for (pdm_size f = 0; f < pdm_domain_n_field(m->whole->domain); f++) {
        const char *name = pdm_pde_field_name(m->whole->pde, f);
        pdm_values_set(m->ctx, &m->values, e->field[f], "error.%s", name);
        if (!isnan(e->field_late[f])) pdm_values_set(m->ctx, &m->values, e->field_late[f], "error.late.%s", name);
        pdm_values_set(m->ctx, &m->values, e->field_worst[f], "error.worst.%s", name);
    }
    pdm_values_set(m->ctx, &m->values, e->error, "error");
    pdm_values_set(m->ctx, &m->values, e->worst, "error.worst");
    pdm_values_set(m->ctx, &m->values, e->prediction.samples, "samples");
}

/* ---- against a file ---- */

/* A reference may lack values outside a shape, and nowhere else. */
static pdm_status check_is_there(const prediction *p, const pdm_fields *f, pdm_size field, const double *values)
{
    pdm_status             status = PDM_OK;
    const pdm_output_grid *grid   = p->grid;

    for (pdm_size i = 0; i < p->x.n_sample * grid->n_point; i++)
        if (isnan(values[i]) && pdm_output_grid_is_inside(grid, i % grid->n_point))
            PDM_FAIL(p->m->ctx, PDM_ERR_DATA,
                     "%s: \"%s\" lacks a value at point %lld of sample %lld, which is inside the shape of the case",
                     pdm_fields_path(f), pdm_pde_field_name(p->m->whole->pde, field), (long long)(i % grid->n_point),
                     (long long)(i / grid->n_point));
done:
    return status;
}

static pdm_status compare_with_file(const prediction *p, pdm_fields *f, estimate_match *match, pdm_text *text,
                                    pdm_evaluation *e)
{
    pdm_status         status  = PDM_OK;
    const pdm_problem *problem = p->m->whole;
    double            *values  = NULL;

    for (pdm_size i = 0; i < pdm_domain_n_field(problem->domain); i++) {
        PDM_TRY(pdm_file_field_read(problem->domain, f, i, p->x.n_sample, &values));
        PDM_TRY(check_is_there(p, f, i, values));
        PDM_TRY(compare_field(&(field_comparison){p, i, values}, match, text, e));
        pdm_free(problem->ctx, values);
        values = NULL;
    }
done:
    pdm_free(problem->ctx, values);
    return status;
}

pdm_status pdm_evaluate_file(pdm_model *m, const char *reference, const char *output, double polish, pdm_text *text,
                             pdm_evaluation *out)
{
    pdm_status     status  = PDM_OK;
    pdm_fields    *f       = NULL;
    pdm_output    *o       = NULL;
    prediction     p       = {.m = m, .polish = polish, .wants_estimate = m->wants_estimate};
    pdm_text       ignored = {.ctx = m->ctx};
    estimate_match match   = {0};
    pdm_evaluation e       = {0};

    if (!text) text = &ignored;
    PDM_TRY(pdm_fields_open(m->ctx, reference, &f));
    if (output) PDM_TRY(prediction_create_file(&p, output, &o));
    PDM_TRY(prediction_open(&p, f, true));
    PDM_TRY(prediction_warm_up(&p));
    PDM_TRY(prediction_run(&p, f, o, true, &e.prediction));
    if (o) PDM_TRY(pdm_output_commit(o));
    PDM_TRY(compare_with_file(&p, f, &match, text, &e));
    e.estimate = p.estimated;
    sum_up(m, &e);
    PDM_TRY(append_end(&p, &match, &e, text));
    evaluation_values(m, &e);
    *out = e;
done:
    pdm_output_destroy(&o);
    pdm_fields_close(&f);
    prediction_close(&p);
    pdm_text_destroy(&ignored);
    return status;
}

pdm_status pdm_model_evaluate_file(pdm_model *m, const char *reference, const char *output, double polish,
                                   pdm_sink sink, void *user)
{
    pdm_status     status = PDM_OK;
    pdm_text       text   = {0};
    pdm_evaluation e;

    if (!m) return PDM_ERR_ARGUMENT;
    PDM_EXPECT_POINTER(m->ctx, reference, "the path of a file with fields");
    PDM_EXPECT(m->ctx, polish >= 0.0 && isfinite(polish), "polish is %g; 0, or a tolerance above 0, expected", polish);
    text.ctx = m->ctx;
    PDM_TRY(pdm_evaluate_file(m, reference, output, polish, &text, &e));
    if (sink) sink(user, text.data);
done:
    pdm_text_destroy(&text);
    return pdm_ranks_end(m->ctx, status);
}

/* ---- against exact solutions ---- */

static pdm_status compare_with_exact(const prediction *p, estimate_match *match, pdm_text *text, pdm_evaluation *e)
{
    pdm_status     status = PDM_OK;
    double        *values = NULL;
    const pdm_size n      = p->x.n_sample;

    PDM_TRY(pdm_alloc_array(p->m->ctx, n * p->grid->n_point, &values));
    for (pdm_size i = 0; i < pdm_domain_n_field(p->m->whole->domain); i++) {
        PDM_TRY(pdm_exact_field(p->grid, i, n, p->x.input, values));
        PDM_TRY(compare_field(&(field_comparison){p, i, values}, match, text, e));
    }
done:
    pdm_free(p->m->ctx, values);
    return status;
}

pdm_status pdm_model_evaluate_exact(pdm_model *m, double polish, pdm_sink sink, void *user)
{
    pdm_status     status = PDM_OK;
    prediction     p      = {.m = m, .polish = polish, .x = {.n_sample = EXACT_SAMPLES}};
    pdm_text       text   = {0};
    estimate_match match  = {0};
    pdm_evaluation e      = {0};

    if (!m) return PDM_ERR_ARGUMENT;
    PDM_EXPECT(m->ctx, polish >= 0.0 && isfinite(polish), "polish is %g; 0, or a tolerance above 0, expected", polish);
    text.ctx         = m->ctx;
    p.wants_estimate = m->wants_estimate;
    if (!pdm_case_has_group(m->whole->the_case, "pde/exact"))
        PDM_FAIL(m->ctx, PDM_ERR_DATA,
                 "the case has no group /pde/exact with exact solutions; a reference file expected");
    PDM_TRY(pdm_alloc_array(m->ctx, EXACT_SAMPLES * pdm_domain_n_input(m->whole->domain), &p.x.input));
    PDM_TRY(prediction_open(&p, NULL, true));
    PDM_TRY(pdm_inputs_draw_unseen(m->whole->inputs, EXACT_SAMPLES, p.x.input));
    PDM_TRY(prediction_warm_up(&p));
    PDM_TRY(prediction_run(&p, NULL, NULL, true, &e.prediction));
    PDM_TRY(compare_with_exact(&p, &match, &text, &e));
    e.estimate = p.estimated;
    sum_up(m, &e);
    PDM_TRY(append_end(&p, &match, &e, &text));
    evaluation_values(m, &e);
    if (sink) sink(user, text.data);
done:
    prediction_close(&p);
    pdm_text_destroy(&text);
    return pdm_ranks_end(m->ctx, status);
}
