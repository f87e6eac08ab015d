/* Prediction for a program's inputs, in memory of the host or of the device, call after call: what one call needs is
 * kept for the next. */
#include "predict/predict.h"

#include <math.h>
#include <string.h>

#include "predict/predict_impl.h"

/* Of the model's output grid. */
typedef struct host_run {
    pdm_model_way         by;
    pdm_way               way;
    bool                  judged;
    prediction            p; /* judge, verdicts and estimates; grid, inputs, fields and results are lent, for a call */
    pdm_predict_times     times; /* of a call so far ... */
    pdm_prediction_report total; /* ... and what it comes to */
    pdm_size              n, capacity;
    /* n: verdicts of the last call; room for so many */
    pdm_buffer *given, *wanted; /* a program's inputs and fields on the device */
    pdm_buffer *staged;         /* [n_batch][n_input] inputs of a batch        */
} host_run;

/* ---- what is kept ---- */

static void destroy_host(pdm_model *m)
{
    host_run *h = m->host;
    if (!h) return;
    pdm_backend *b = m->problem->backend;
    b->ops->buffer_destroy(b, &h->given);
    b->ops->buffer_destroy(b, &h->wanted);
    b->ops->buffer_destroy(b, &h->staged);
    pdm_judge_destroy(&h->p.judge);
    pdm_model_way_close(&h->p.estimator);
    pdm_model_way_close(&h->by);
    pdm_free(m->ctx, h->p.verdict);
    pdm_free(m->ctx, h->p.distance);
    pdm_free(m->ctx, h->p.polished);
    pdm_free(m->ctx, h);
    m->host = NULL;
}

static pdm_status create_host(pdm_model *m, bool estimated)
{
    pdm_status status = PDM_OK;
    host_run  *h      = NULL;

    PDM_TRY(pdm_alloc(m->ctx, sizeof *h, &h));
    m->host         = h;
    m->host_destroy = destroy_host;
    h->by.m = h->p.m = m;
    h->p.grid        = m->output;
    h->judged        = m->wants_verdict;
    h->by.polish = h->p.polish = m->polish;
    h->p.wants_estimate        = estimated;
    PDM_TRY(pdm_way_of_model(&h->by, m->output, &h->way));
    if (estimated)
        PDM_TRY(estimate_open(&h->p));
    else if (h->judged)
        PDM_TRY(
            pdm_way_judge(&h->way, m->output, m->polish > 0.0 ? PDM_JUDGE_ESTIMATE : PDM_JUDGE_LEFT_OVER, &h->p.judge));
done:
    if (status != PDM_OK) destroy_host(m);
    return status;
}

static bool is_as_wanted(const host_run *h, bool estimated)
{
    const pdm_model *m = h->p.m;
    return h->judged == m->wants_verdict && h->p.wants_estimate == estimated && h->p.polish == m->polish;
}

/* Made anew where other things are wanted than before. */
static pdm_status open_host(pdm_model *m)
{
    pdm_status status    = PDM_OK;
    const bool estimated = m->wants_verdict && m->wants_estimate;

    PDM_EXPECT(m->ctx, !(estimated && m->polish > 0.0),
               "an estimate compares the network's answer with the polished one, which polish = %g asks for itself; "
               "pdm_model_set_estimate(m, 0) expected",
               m->polish);
    PDM_TRY(pdm_model_default_output(m));
    if (m->host && !is_as_wanted(m->host, estimated)) destroy_host(m);
    if (!m->host) return create_host(m, estimated);
    pdm_way_set_limits(m);
done:
    return status;
}

/* For verdicts on n samples. */
static pdm_status make_room(host_run *h, pdm_size n)
{
    pdm_status      status   = PDM_OK;
    pdm_context    *ctx      = h->p.m->ctx;
    pdm_assessment *verdict  = NULL;
    double         *distance = NULL;

    if (!h->judged || n <= h->capacity) return PDM_OK;
    PDM_TRY(pdm_alloc_array(ctx, n, &verdict));
    if (h->p.wants_estimate) PDM_TRY(pdm_alloc_array(ctx, n * pdm_domain_n_field(h->p.m->whole->domain), &distance));
    pdm_free(ctx, h->p.verdict);
    pdm_free(ctx, h->p.distance);
    h->p.verdict  = verdict;
    h->p.distance = distance;
    h->capacity   = n;
    verdict       = NULL;
    distance      = NULL;
done:
    pdm_free(ctx, verdict);
    pdm_free(ctx, distance);
    return status;
}

/* ---- numbers by name ---- */

/* Of a batch more; shares of the gate are means over samples. */
static void add_batch(host_run *h, pdm_size n)
{
    const pdm_model            *m     = h->p.m;
    const pdm_prediction_report past  = h->total;
    pdm_prediction_report       r     = prediction_report(&h->times, n, m->result); /* times: of the call so far */
    const double                share = r.samples / (past.samples + r.samples);

    r.samples += past.samples;
    r.unconverged += past.unconverged;
    r.unanswered += past.unanswered;
    if (m->gate) r.gate_unknowns = past.gate_unknowns + share * (m->load.unknowns - past.gate_unknowns);
    if (m->gate) r.gate_null = past.gate_null + share * (m->load.null - past.gate_null);
    h->total = r;
}

/* Of all samples. */
static void verdict_numbers(host_run *h, double seconds)
{
    pdm_model *m = h->p.m;
    verdicts_values(m, h->n, h->p.verdict);
    accounts_values(m, h->n, h->p.verdict);
    pdm_values_set(m->ctx, &m->values, seconds, "seconds.verdict");
    if (prediction_is_estimated(&h->p)) estimate_sum_up(&h->p);
}

/* ---- the calls ---- */

/* What a call is given. */
typedef struct host_call {
    pdm_size      n;
    const double *input; /* of the host; NULL: both are on the device */
    double       *u;
    int32_t      *reason;
} host_call;

/* Samples first .. first+n-1, up to a batch: inputs [n][n_input] on the host. */
static pdm_status predict_batch(pdm_model *m, const host_call *call, pdm_size first, pdm_size n, const double *input)
{
    pdm_status     status = PDM_OK;
    host_run      *h      = m->host;
    const pdm_size at     = first * pdm_domain_n_field(m->whole->domain) * m->output->n_point;
    const pdm_run  run    = {.n            = n,
                             .input        = input,
                             .u            = call->u ? call->u + at : NULL,
                             .device       = h->wanted,
                             .device_first = at,
                             .result       = m->result,
                             .times        = &h->times,
                             .judge        = h->p.wants_estimate ? NULL : h->p.judge,
                             .verdict      = h->judged ? h->p.verdict + first : NULL};

    PDM_TRY(pdm_predict_run(&h->way, m->output, &run));
    add_batch(h, n);
    for (pdm_size i = 0; i < n && call->reason; i++) call->reason[first + i] = m->result[i].reason;
    if (h->p.wants_estimate) PDM_TRY(estimate_run(&h->p, first, n, run.u));
    if (h->judged) h->n = first + n;
done:
    return status;
}

/* The same of inputs on the device, which come to the host for it. */
static pdm_status predict_device_batch(pdm_model *m, const host_call *call, pdm_size first, pdm_size n)
{
    pdm_status   status = PDM_OK;
    host_run    *h      = m->host;
    pdm_backend *b      = m->problem->backend;
    const size_t row    = (size_t)pdm_domain_n_input(m->whole->domain) * sizeof(double);
    void        *input  = NULL;

    PDM_TRY(b->ops->copy(b, h->staged, h->given, 0, (size_t)first * row, (size_t)n * row));
    PDM_TRY(b->ops->acquire(b, h->staged, PDM_READ, &input));
    PDM_TRY(predict_batch(m, call, first, n, input));
done:
    status = pdm_release(b, status, h->staged, &input);
    return status;
}

/* What is opened for the call, to its end. */
static pdm_status predict(pdm_model *m, const host_call *call)
{
    pdm_status     status  = PDM_OK;
    host_run      *h       = m->host;
    const pdm_size n_input = pdm_domain_n_input(m->whole->domain);

    PDM_TRY(make_room(h, call->n));
    h->n            = 0;
    h->p.x.n_sample = call->n;
    h->p.x.input    = (double *)call->input; /* read alone */
    h->p.estimated  = (pdm_estimate_report){0};
    h->times        = (pdm_predict_times){0};
    h->total        = prediction_report(&h->times, 0, NULL);
    if (m->gate) h->total.gate_unknowns = h->total.gate_null = 0.0;
    const double before = h->p.judge ? pdm_judge_seconds(h->p.judge) : 0.0;
    for (pdm_size first = 0; first < call->n; first += m->n_batch) {
        const pdm_size n = call->n - first < m->n_batch ? call->n - first : m->n_batch;
        if (call->u)
            PDM_TRY(predict_batch(m, call, first, n, call->input + first * n_input));
        else
            PDM_TRY(predict_device_batch(m, call, first, n));
    }
    prediction_values(m, &h->total);
    prediction_warn(m, h->p.polish > 0.0 ? "polish" : "predict", &h->total);
    if (h->judged) verdict_numbers(h, pdm_judge_seconds(h->p.judge) - before);
done:
    return status;
}

static pdm_status check_call(const pdm_model *m, pdm_size n, const double *input, const double *u)
{
    const pdm_size n_input = pdm_domain_n_input(m->whole->domain);

    PDM_EXPECT(m->ctx, n >= 0 && n <= PDM_MAX_COUNT, "%lld samples; 0 to %d expected", (long long)n, PDM_MAX_COUNT);
    PDM_EXPECT(m->ctx, input || n_input == 0, "input is NULL; %lld numbers a sample expected", (long long)n_input);
    PDM_EXPECT_POINTER(m->ctx, u, "a place for the fields");
    return PDM_OK;
}

pdm_status pdm_model_predict(pdm_model *m, pdm_size n, const double *input, double *u, int32_t *reason)
{
    pdm_status      status = PDM_OK;
    const host_call call   = {.n = n, .input = input, .u = u, .reason = reason};

    if (!m) return PDM_ERR_ARGUMENT;
    PDM_TRY(check_call(m, n, input, u));
    PDM_TRY(open_host(m));
    PDM_TRY(predict(m, &call));
done:
    return status;
}

/* The program's memory as buffers, and one for the inputs of a batch. */
static pdm_status open_device(pdm_model *m, pdm_size n, const double *input, double *u)
{
    pdm_status   status = PDM_OK;
    host_run    *h      = m->host;
    pdm_backend *b      = m->problem->backend;
    const size_t row    = (size_t)pdm_domain_n_input(m->whole->domain) * sizeof *input,
                 fields = (size_t)(pdm_domain_n_field(m->whole->domain) * m->output->n_point) * sizeof *u;

    PDM_TRY(b->ops->buffer_lend(b, "input", (double *)input, (size_t)n * row, &h->given)); /* read alone */
    PDM_TRY(b->ops->buffer_lend(b, "u", u, (size_t)n * fields, &h->wanted));
    if (!h->staged) PDM_TRY(b->ops->buffer_create(b, (size_t)m->n_batch * row, &h->staged));
done:
    return status;
}

pdm_status pdm_model_predict_cuda(pdm_model *m, pdm_size n, const double *input, double *u, int32_t *reason)
{
    pdm_status      status = PDM_OK;
    const host_call call   = {.n = n, .reason = reason};

    if (!m) return PDM_ERR_ARGUMENT;
    pdm_backend *b = m->problem->backend;
    PDM_TRY(check_call(m, n, input, u));
    PDM_EXPECT(m->ctx, b->ops->buffer_lend,
               "memory of a GPU, for a model on the back end \"%s\"; one on \"cuda\" expected "
               "(pdm_context_set_backend)",
               b->ops->name);
    PDM_EXPECT(
        m->ctx, !(m->wants_verdict && m->wants_estimate),
        "estimates of errors are made on the host; pdm_model_predict, or pdm_model_set_estimate(m, 0), expected");
    PDM_EXPECT(m->ctx, m->polish == 0.0,
               "a polish is made on the host; pdm_model_predict, or pdm_model_set_polish(m, 0), expected");
    PDM_TRY(open_host(m));
    PDM_TRY(open_device(m, n, input, u));
    PDM_TRY(predict(m, &call));
    PDM_TRY(b->ops->synchronise(b));
done:
    return status;
}

pdm_status pdm_model_set_output(pdm_model *m, const char *name, pdm_size n, const double *coordinate)
{
    pdm_status       status             = PDM_OK;
    pdm_size         sizes[PDM_MAX_DIM] = {0}, dim = -1;
    double          *x[PDM_MAX_DIM] = {0}, *mine = NULL;
    pdm_output_grid *grid = NULL;

    if (!m) return PDM_ERR_ARGUMENT;
    PDM_EXPECT_POINTER(m->ctx, name, "the name of a dimension");
    PDM_EXPECT_POINTER(m->ctx, coordinate, "coordinates");
    PDM_EXPECT(m->ctx, n >= 1 && n <= PDM_MAX_COUNT, "%lld coordinates; 1 to %d expected", (long long)n, PDM_MAX_COUNT);
    const pdm_pde *pde = m->whole->pde;
    for (pdm_size j = 0; j < pdm_pde_n_dim(pde); j++)
        if (strcmp(pdm_pde_dim_name(pde, j), name) == 0) dim = j;
    if (dim < 0) PDM_FAIL(m->ctx, PDM_ERR_ARGUMENT, "no dimension \"%s\" in this model", name);
    for (pdm_size i = 0; i < n; i++)
        if (!isfinite(coordinate[i]) || (i > 0 && !(coordinate[i] > coordinate[i - 1])))
            PDM_FAIL(m->ctx, PDM_ERR_ARGUMENT, "coordinate %s[%lld] = %g; finite, increasing numbers expected", name,
                     (long long)i, coordinate[i]);
    PDM_TRY(pdm_model_default_output(m));
    for (pdm_size j = 0; j < pdm_pde_n_dim(pde); j++) {
        sizes[j] = m->output->n[j];
        x[j]     = m->output->coordinate[j];
    }
    PDM_TRY(pdm_alloc_array(m->ctx, n, &mine));
    memcpy(mine, coordinate, (size_t)n * sizeof *mine);
    sizes[dim] = n;
    x[dim]     = mine;
    PDM_TRY(pdm_output_grid_create(m->whole, m->n_batch, sizes, x, &grid));
    destroy_host(m);
    pdm_output_grid_destroy(&m->output);
    m->output = grid;
done:
    pdm_free(m->ctx, mine);
    return status;
}

pdm_size pdm_model_n_point(const pdm_model *m)
{
    if (!m) return 0;
    return m->output ? m->output->n_point : pdm_output_grid_default_points(m->whole);
}

pdm_status pdm_model_set_polish(pdm_model *m, double tolerance)
{
    if (!m) return PDM_ERR_ARGUMENT;
    PDM_EXPECT(m->ctx, tolerance >= 0.0 && isfinite(tolerance), "a tolerance of %g; 0, or a number above, expected",
               tolerance);
    m->polish = tolerance;
    return PDM_OK;
}

/* ---- verdicts ---- */

pdm_status pdm_model_set_verdict(pdm_model *m, int wanted)
{
    if (!m) return PDM_ERR_ARGUMENT;
    m->wants_verdict = wanted != 0;
    return PDM_OK;
}

static pdm_size n_verdict(const pdm_model *m)
{
    return m->host ? m->host->n : 0;
}

pdm_status pdm_model_verdicts(const pdm_model *m, pdm_size n, int32_t *word, double *left_over, double *estimate)
{
    if (!m) return PDM_ERR_ARGUMENT;
    PDM_EXPECT(m->ctx, n >= 0 && n <= n_verdict(m),
               "%lld verdicts; 0 to %lld expected, as the last prediction has them (pdm_model_set_verdict)",
               (long long)n, (long long)n_verdict(m));
    const pdm_size n_field = pdm_domain_n_field(m->whole->domain);
    for (pdm_size i = 0; i < n; i++) {
        const pdm_assessment *v = &m->host->p.verdict[i];
        if (word) word[i] = v->word;
        if (left_over) left_over[i] = v->left;
        for (pdm_size f = 0; f < n_field && estimate; f++) estimate[i * n_field + f] = v->estimate[f];
    }
    return PDM_OK;
}

pdm_status pdm_model_explain_verdict(const pdm_model *m, pdm_size i, pdm_sink sink, void *user)
{
    pdm_status status = PDM_OK;
    pdm_text   text   = {0};

    if (!m) return PDM_ERR_ARGUMENT;
    text.ctx = m->ctx;
    PDM_EXPECT_POINTER(m->ctx, sink, "a function for the text");
    PDM_EXPECT(m->ctx, i >= 0 && i < n_verdict(m),
               "verdict %lld; one of the %lld that the last prediction has expected (pdm_model_set_verdict)",
               (long long)i, (long long)n_verdict(m));
    PDM_TRY(pdm_text_append(&text, "%s", ""));
    PDM_TRY(pdm_verdict_explain(m->whole, &m->host->p.verdict[i], m->whole->solving.accuracy, &text));
    sink(user, text.data);
done:
    pdm_text_destroy(&text);
    return status;
}
