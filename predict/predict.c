/* Prediction from file to file. */
#include "predict/predict.h"

#include <math.h>
#include <string.h>

#include "predict/predict_impl.h"

/* ---- numbers by name ---- */

#define PLACE(name, member)                           \
    {                                                 \
        name, offsetof(pdm_prediction_report, member) \
    }
static const pdm_number_place of_prediction[] = {PLACE("seconds.data", seconds_data),
                                                 PLACE("seconds.network", seconds_network),
                                                 PLACE("seconds.solve", seconds_solve),
                                                 PLACE("seconds.output", seconds_output),
                                                 PLACE("seconds", seconds),
                                                 PLACE("unconverged", unconverged),
                                                 PLACE("unanswered", unanswered)};
static const pdm_number_place of_file[]       = {PLACE("samples", samples), PLACE("outside", outside)};
static const pdm_number_place of_gate[]       = {PLACE("gate.unknowns", gate_unknowns), PLACE("gate.null", gate_null)};

void prediction_values(pdm_model *m, const pdm_prediction_report *r)
{
    pdm_values_set_all(m->ctx, &m->values, sizeof of_prediction / sizeof *of_prediction, of_prediction, r);
    if (!isnan(r->gate_unknowns)) pdm_values_set_all(m->ctx, &m->values, sizeof of_gate / sizeof *of_gate, of_gate, r);
    if (!isnan(r->outside)) pdm_values_set_all(m->ctx, &m->values, sizeof of_file / sizeof *of_file, of_file, r);
}

pdm_prediction_report prediction_report(const pdm_predict_times *t, pdm_size n, const pdm_solve_result *result)
{
    return (pdm_prediction_report){.seconds         = t->data + t->network + t->solve + t->output,
                                   .seconds_data    = t->data,
                                   .seconds_network = t->network,
                                   .seconds_solve   = t->solve,
                                   .seconds_output  = t->output,
                                   .samples         = (double)n,
                                   .unconverged     = (double)pdm_count_unconverged(n, result),
                                   .unanswered      = (double)pdm_count_unanswered(n, result),
                                   .outside         = NAN,
                                   .gate_unknowns   = NAN,
                                   .gate_null       = NAN};
}

void prediction_warn(const pdm_model *m, const char *where, const pdm_prediction_report *r)
{
    if (r->unconverged > 0.0)
        pdm_log(m->ctx, PDM_LOG_WARNING, where, "%.0f of %.0f solves did not converge; reasons are in the output",
                r->unconverged, r->samples);
}

/* ---- from files ---- */

void prediction_close(prediction *p)
{
    pdm_context *ctx = p->m->ctx;
    pdm_judge_destroy(&p->judge);
    pdm_model_way_close(&p->estimator);
    pdm_file_inputs_destroy(ctx, &p->x);
    pdm_output_grid_destroy(&p->grid);
    pdm_free(ctx, p->u);
    pdm_free(ctx, p->result);
    pdm_free(ctx, p->seconds);
    pdm_free(ctx, p->distance);
    pdm_free(ctx, p->polished);
    pdm_free(ctx, p->verdict);
}

pdm_status prediction_create_file(prediction *p, const char *path, pdm_output **o)
{
    p->to_file = true;
    return pdm_rank(p->m->ctx) == 0 ? pdm_output_create(p->m->ctx, path, o) : PDM_OK;
}

bool prediction_is_estimated(const prediction *p)
{
    return p->wants_estimate || p->polish > 0.0;
}

/* Samples that one rank works on before fields are gathered; the same on all ranks, whatever memory each has. */
static pdm_size share_of_part(const pdm_model *m)
{
    const pdm_size n = pdm_model_share(m, 0).n;
    return pdm_n_rank(m->ctx) == 1 ? m->n_batch : n > 1 ? n : 1;
}

static pdm_size part_size(const pdm_model *m)
{
    return pdm_n_rank(m->ctx) * share_of_part(m);
}

/* The first rank, which writes them, has the fields of all ranks. */
static bool holds_part(const pdm_model *m)
{
    return pdm_rank(m->ctx) == 0;
}

/* Samples whose fields this rank holds at a time. */
static pdm_size room_for_fields(const prediction *p, bool keep)
{
    const pdm_size n = p->x.n_sample, most = holds_part(p->m) ? part_size(p->m) : share_of_part(p->m);
    return keep || n < most ? n : most;
}

/* The coordinates of the inputs, where there are some, are those of the output. */
pdm_status prediction_open(prediction *p, pdm_fields *f, bool keep)
{
    pdm_status     status  = PDM_OK;
    pdm_model     *m       = p->m;
    const pdm_size n_field = pdm_domain_n_field(m->whole->domain);

    if (p->wants_estimate && p->polish > 0.0)
        PDM_FAIL(m->ctx, PDM_ERR_ARGUMENT,
                 "an estimate compares the network's answer with the polished one, which polish = %g asks for itself",
                 p->polish);
    if (f) PDM_TRY(pdm_file_inputs_read(m->whole->domain, f, &p->x));
    PDM_TRY(pdm_output_grid_create(m->whole, m->n_batch, p->x.n_coordinate, p->x.coordinate, &p->grid));
    PDM_TRY(pdm_alloc_array(m->ctx, room_for_fields(p, keep) * n_field * p->grid->n_point, &p->u));
    PDM_TRY(pdm_alloc_array(m->ctx, p->x.n_sample, &p->result));
    PDM_TRY(pdm_alloc_array(m->ctx, p->x.n_sample, &p->seconds));
    PDM_TRY(pdm_alloc_array(m->ctx, p->x.n_sample, &p->verdict));
    if (!p->wants_estimate) goto done;
    PDM_TRY(pdm_alloc_array(m->ctx, p->x.n_sample * n_field, &p->distance));
    PDM_TRY(estimate_open(p));
done:
    return status;
}

/* A polish is left out: it takes long by itself. */
pdm_status prediction_warm_up(prediction *p)
{
    pdm_status        status = PDM_OK;
    pdm_model_way     by     = {.m = p->m};
    pdm_predict_times times  = {0};
    pdm_way           way;
    const pdm_run     run = {.n = 1, .input = p->x.input, .u = p->u, .result = p->result, .times = &times};

    if (p->polish > 0.0) return PDM_OK;
    PDM_TRY(pdm_way_of_model(&by, p->grid, &way));
    PDM_TRY(pdm_predict_run(&way, p->grid, &run));
done:
    pdm_model_way_close(&by);
    return status;
}

static pdm_status begin_file(const prediction *p, pdm_output *o)
{
    pdm_status              status = PDM_OK;
    const pdm_result_source source = pdm_result_source_of(p->m);

    PDM_TRY(pdm_result_header(&source, p->grid, o, p->x.n_sample, p->polish));
    PDM_TRY(pdm_result_verdicts_header(p->m->whole, o));
    PDM_TRY(accounts_header(p->m, o));
    if (p->wants_estimate) PDM_TRY(estimate_header(p->m, o));
done:
    return status;
}

/* All of a part that starts with sample `first`; u: the fields of this rank's samples. */
static pdm_status gather_part(const prediction *p, pdm_size first, pdm_size n, bool keep, const double *u)
{
    pdm_status      status  = PDM_OK;
    pdm_context    *ctx     = p->m->ctx;
    const pdm_size  n_field = pdm_domain_n_field(p->m->whole->domain);
    const pdm_share own     = pdm_share_of(n, pdm_rank(ctx), pdm_n_rank(ctx));
    const pdm_size  at      = first + own.first;

    if (pdm_n_rank(ctx) == 1) return PDM_OK;
    PDM_TRY(pdm_ranks_gather_shares(ctx, "fields", keep, n, (size_t)(n_field * p->grid->n_point) * sizeof *p->u, u,
                                    keep || holds_part(p->m) ? p->u : NULL));
    PDM_TRY(pdm_ranks_gather_shares(ctx, "results", true, n, sizeof *p->result, p->result + at, p->result + first));
    PDM_TRY(pdm_ranks_gather_shares(ctx, "seconds", true, n, sizeof *p->seconds, p->seconds + at, p->seconds + first));
    PDM_TRY(pdm_ranks_gather_shares(ctx, "verdicts", true, n, sizeof *p->verdict, p->verdict + at, p->verdict + first));
    if (p->wants_estimate)
        PDM_TRY(pdm_ranks_gather_shares(ctx, "distances", true, n, (size_t)n_field * sizeof *p->distance,
                                        p->distance + at * n_field, p->distance + first * n_field));
done:
    return status;
}

/* What the samples of a part go through. */
typedef struct prediction_stages {
    pdm_way           way;
    pdm_predict_times times;
    pdm_gate_record  *record;
} prediction_stages;

/* Samples first .. first+n-1: this rank's solved, then those of all ranks there. */
static pdm_status run_part(prediction *p, prediction_stages *s, pdm_size first, pdm_size n, bool keep)
{
    pdm_status      status = PDM_OK;
    pdm_context    *ctx    = p->m->ctx;
    const pdm_share own    = pdm_share_of(n, pdm_rank(ctx), pdm_n_rank(ctx));
    const pdm_size  at = first + own.first, size = pdm_domain_n_field(p->m->whole->domain) * p->grid->n_point;
    const pdm_run   run = {.n              = own.n,
                           .input          = p->x.input + at * pdm_domain_n_input(p->m->whole->domain),
                           .u              = keep || holds_part(p->m) ? p->u + own.first * size : p->u,
                           .result         = p->result + at,
                           .sample_seconds = p->seconds + at,
                           .record         = s->record,
                           .record_first   = at,
                           .times          = &s->times,
                           .judge          = p->wants_estimate ? NULL : p->judge,
                           .verdict        = p->verdict + at};

    PDM_TRY(pdm_predict_run(&s->way, p->grid, &run));
    if (p->wants_estimate) PDM_TRY(estimate_run(p, at, own.n, run.u));
    PDM_TRY(gather_part(p, first, n, keep, run.u));
done:
    return status;
}

/* Samples a part at a time, so that no more is held than is worked on; where u is kept, all at once. */
pdm_status prediction_run(prediction *p, pdm_fields *f, pdm_output *o, bool keep, pdm_prediction_report *r)
{
    pdm_status        status = PDM_OK;
    pdm_model        *m      = p->m;
    const pdm_size    n = p->x.n_sample, part = keep ? n : part_size(m);
    pdm_model_way     by      = {.m = m, .polish = p->polish};
    prediction_stages s       = {0};
    pdm_gate_shares   shares  = {NAN, NAN};
    pdm_size          outside = 0;

    if (f && m->state.step > 0)
        PDM_TRY(pdm_inputs_check_range(m->whole->inputs, n, p->x.input, m->whole->training.slabs > 1, &outside));
    if (o) PDM_TRY(pdm_notes_warn(m->whole, p->polish > 0.0 ? "polish" : "predict", n, p->x.input));
    if (o) PDM_TRY(begin_file(p, o));
    if (p->polish == 0.0)
        PDM_TRY(pdm_gate_record_create(m->ctx, m->gate, m->experts, m->problem->domain, o, n, &s.record));
    if (o) PDM_TRY(f ? pdm_result_file_inputs(m->whole, f, o, n) : pdm_result_drawn_inputs(p->grid, o, n, p->x.input));
    PDM_TRY(pdm_way_of_model(&by, p->grid, &s.way));
    if (!p->wants_estimate)
        PDM_TRY(pdm_way_judge(&s.way, p->grid, prediction_is_estimated(p) ? PDM_JUDGE_ESTIMATE : PDM_JUDGE_LEFT_OVER,
                              &p->judge));
    for (pdm_size first = 0; first < n; first += part) {
        const pdm_size here = n - first < part ? n - first : part;
        PDM_TRY(run_part(p, &s, first, here, keep));
        if (o) PDM_TRY(pdm_result_samples(p->grid, o, first, here, p->u, p->result + first));
    }
    PDM_TRY(pdm_ranks_sum(m->ctx, "times", N_PREDICT_TIME, &s.times.data));
    if (s.record) PDM_TRY(pdm_gate_record_end(s.record, &shares));
    if (prediction_is_estimated(p)) estimate_sum_up(p);
    if (o) PDM_TRY(pdm_result_verdicts(m->whole, o, 0, n, p->verdict));
    if (o) PDM_TRY(accounts_put(m, o, 0, n, p->verdict));
    if (o && p->wants_estimate) PDM_TRY(estimate_put(p, o));
    verdicts_values(m, n, p->verdict);
    accounts_values(m, n, p->verdict);
    pdm_values_set(m->ctx, &m->values, pdm_judge_seconds(p->judge), "seconds.verdict");
    *r               = prediction_report(&s.times, n, p->result);
    r->outside       = (double)outside;
    r->gate_unknowns = shares.unknowns;
    r->gate_null     = shares.null;
    prediction_values(m, r);
    prediction_warn(m, p->polish > 0.0 ? "polish" : "predict", r);
    PDM_TRY(verdicts_tell(m, p->polish > 0.0 ? "polish" : "predict", n, p->verdict));
    PDM_TRY(accounts_tell(m, p->polish > 0.0 ? "polish" : "predict", n, p->verdict));
    if (p->to_file && r->unanswered == r->samples)
        PDM_FAIL(m->ctx, PDM_ERR_NUMERIC,
                 "none of the %lld solves has an answer, nothing is written; the first stopped because: %s",
                 (long long)n, pdm_reason_text(p->result[0].reason));
done:
    if (!p->wants_estimate) pdm_judge_destroy(&p->judge); /* lends from the way */
    pdm_model_way_close(&by);
    pdm_gate_record_destroy(&s.record);
    return status;
}

pdm_status pdm_model_predict_file(pdm_model *m, const char *input, const char *output, double polish)
{
    pdm_status            status = PDM_OK;
    pdm_fields           *f      = NULL;
    pdm_output           *o      = NULL;
    prediction            p      = {.m = m, .polish = polish};
    pdm_prediction_report r;

    if (!m) return PDM_ERR_ARGUMENT;
    PDM_EXPECT_POINTER(m->ctx, input, "the path of a file with inputs");
    PDM_EXPECT_POINTER(m->ctx, output, "the path of a file to write");
    PDM_EXPECT(m->ctx, polish >= 0.0 && isfinite(polish), "polish is %g; 0, or a tolerance above 0, expected", polish);
    p.wants_estimate = m->wants_estimate;
    PDM_TRY(pdm_fields_open(m->ctx, input, &f));
    PDM_TRY(prediction_create_file(&p, output, &o)); /* first: a path that cannot be written fails before the work */
    PDM_TRY(prediction_open(&p, f, false));
    PDM_TRY(prediction_run(&p, f, o, false, &r));
    if (o) PDM_TRY(pdm_output_commit(o));
done:
    pdm_output_destroy(&o);
    pdm_fields_close(&f);
    prediction_close(&p);
    return pdm_ranks_end(m->ctx, status);
}
