/* Statistics of the answers to many inputs, drawn or of a file: a batch at a time, of which nothing is kept but what
 * predict/spread.c makes of it. */
#include "predict/predict.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "predict/predict_impl.h"

enum { SAMPLES = 1000, MARKS = 256, MARKS_MOST = 65536, QUANTILES_MOST = 1000, NAME_TEXT = 192 };
static const double QUANTILES[] = {0.05, 0.5, 0.95};

typedef struct ensemble {
    pdm_model             *m;
    pdm_ensemble_settings  s;
    pdm_progress           progress;
    void                  *user;
    pdm_fields            *f; /* NULL: inputs are drawn */
    pdm_file_inputs        x;
    pdm_size               n, stride; /* samples; the next one of a file is so many further on */
    pdm_output_grid       *own;       /* of the coordinates of the file ... */
    const pdm_output_grid *grid;      /* ... or the model's                 */
    pdm_model_way          by;
    pdm_way                way;
    pdm_judge             *judge;
    pdm_predict_times      times;
    double                *input, *u; /* of a batch */
    pdm_solve_result      *result;
    pdm_assessment        *verdict;
    spread_stats           used, doubtful; /* the latter's are among the used ones, or not */
    const double         **sample;         /* [n_batch] work */
    bool                  *answered;       /* [n_batch]      */
    pdm_size               word[4], unconverged, unanswered, outside;
} ensemble;

void pdm_ensemble_settings_init(pdm_ensemble_settings *s, size_t size)
{
    const pdm_ensemble_settings defaults = {.size       = sizeof defaults,
                                            .n_quantile = sizeof QUANTILES / sizeof *QUANTILES,
                                            .quantile   = QUANTILES,
                                            .n_mark     = MARKS};
    pdm_settings_fill(s, size, &defaults, sizeof defaults);
}

static pdm_status check_settings(pdm_context *ctx, const pdm_ensemble_settings *s)
{
    PDM_EXPECT(ctx, s->n_sample >= 0 && s->n_sample <= PDM_MAX_COUNT, "%lld samples; 0 to %d expected",
               (long long)s->n_sample, PDM_MAX_COUNT);
    PDM_EXPECT(ctx, !s->input || s->n_sample == 0, "%lld samples to draw, and a file of inputs; one of them expected",
               (long long)s->n_sample);
    PDM_EXPECT(ctx, s->polish >= 0.0 && isfinite(s->polish), "polish is %g; 0, or a tolerance above 0, expected",
               s->polish);
    PDM_EXPECT(ctx, s->n_mark >= 2 && s->n_mark <= MARKS_MOST, "%lld marks; 2 to %d expected", (long long)s->n_mark,
               MARKS_MOST);
    PDM_EXPECT(ctx, s->n_quantile >= 0 && s->n_quantile <= QUANTILES_MOST, "%lld quantiles; 0 to %d expected",
               (long long)s->n_quantile, QUANTILES_MOST);
    PDM_EXPECT(ctx, s->quantile || s->n_quantile == 0, "quantile is NULL; %lld numbers expected",
               (long long)s->n_quantile);
    for (pdm_size i = 0; i < s->n_quantile; i++)
        PDM_EXPECT(ctx,
                   s->quantile[i] >= 0.0 && s->quantile[i] <= 1.0 && (i == 0 || s->quantile[i] > s->quantile[i - 1]),
                   "quantile %lld is %g; rising numbers from 0 to 1 expected", (long long)i, s->quantile[i]);
    return PDM_OK;
}

/* ---- inputs ---- */

static pdm_size common_divisor(pdm_size a, pdm_size b)
{
    return b == 0 ? a : common_divisor(b, a % b);
}

/* Marks are the first answers: those of a file that is in some order are to be from all over it. */
static pdm_size stride_of(pdm_size n)
{
    pdm_size stride = (pdm_size)(0.6180339887498949 * (double)n);
    if (stride < 1) stride = 1;
    while (common_divisor(n, stride) > 1) stride++;
    return stride;
}

static pdm_status open_inputs(ensemble *e)
{
    pdm_status status = PDM_OK;
    pdm_model *m      = e->m;

    e->n = e->s.n_sample > 0 ? e->s.n_sample : SAMPLES;
    if (!e->s.input) {
        PDM_TRY(pdm_model_default_output(m));
        e->grid = m->output;
        goto done;
    }
    PDM_TRY(pdm_fields_open(m->ctx, e->s.input, &e->f));
    PDM_TRY(pdm_file_inputs_read(m->whole->domain, e->f, &e->x));
    e->n      = e->x.n_sample;
    e->stride = stride_of(e->n);
    if (m->state.step > 0)
        PDM_TRY(pdm_inputs_check_range(m->whole->inputs, e->n, e->x.input, m->whole->training.slabs > 1, &e->outside));
    PDM_TRY(pdm_output_grid_create(m->whole, m->n_batch, e->x.n_coordinate, e->x.coordinate, &e->own));
    e->grid = e->own;
done:
    return status;
}

/* Samples first .. first+n-1 into e->input. */
static pdm_status take_inputs(ensemble *e, pdm_size first, pdm_size n)
{
    const pdm_size n_input = pdm_domain_n_input(e->m->whole->domain);

    if (!e->f) return pdm_inputs_draw_stream(e->m->whole->inputs, first, n, e->input);
    for (pdm_size i = 0; i < n; i++)
        memcpy(e->input + i * n_input, e->x.input + (first + i) * e->stride % e->n * n_input,
               (size_t)n_input * sizeof *e->input);
    return PDM_OK;
}

/* ---- answers ---- */

static pdm_status open_ensemble(ensemble *e)
{
    pdm_status     status  = PDM_OK;
    pdm_model     *m       = e->m;
    const pdm_size n_value = pdm_domain_n_field(m->whole->domain) * e->grid->n_point;

    PDM_TRY(pdm_alloc_array(m->ctx, m->n_batch * pdm_domain_n_input(m->whole->domain), &e->input));
    PDM_TRY(pdm_alloc_array(m->ctx, m->n_batch * n_value, &e->u));
    PDM_TRY(pdm_alloc_array(m->ctx, m->n_batch, &e->result));
    PDM_TRY(pdm_alloc_array(m->ctx, m->n_batch, &e->verdict));
    PDM_TRY(pdm_alloc_array(m->ctx, m->n_batch, &e->sample));
    PDM_TRY(pdm_alloc_array(m->ctx, m->n_batch, &e->answered));
    PDM_TRY(spread_create(m->ctx, n_value, e->s.n_mark, &e->used));
    PDM_TRY(spread_create(m->ctx, n_value, 0, &e->doubtful));
    e->by = (pdm_model_way){.m = m, .polish = e->s.polish};
    PDM_TRY(pdm_way_of_model(&e->by, e->grid, &e->way));
    PDM_TRY(pdm_way_judge(&e->way, e->grid, e->s.polish > 0.0 ? PDM_JUDGE_ESTIMATE : PDM_JUDGE_LEFT_OVER, &e->judge));
done:
    return status;
}

static void close_ensemble(ensemble *e)
{
    pdm_context *ctx = e->m->ctx;
    pdm_judge_destroy(&e->judge);
    pdm_model_way_close(&e->by);
    spread_destroy(&e->used);
    spread_destroy(&e->doubtful);
    pdm_free(ctx, e->sample);
    pdm_free(ctx, e->answered);
    pdm_free(ctx, e->input);
    pdm_free(ctx, e->u);
    pdm_free(ctx, e->result);
    pdm_free(ctx, e->verdict);
    pdm_output_grid_destroy(&e->own);
    pdm_file_inputs_destroy(ctx, &e->x);
    pdm_fields_close(&e->f);
}

/* Outside a shape there are no values. */
static bool is_there(const ensemble *e, pdm_size v)
{
    return pdm_output_grid_is_inside(e->grid, v % e->grid->n_point);
}

static bool is_answer(const ensemble *e, pdm_size i)
{
    if (pdm_reason_is_useless(e->result[i].reason)) return false;
    for (pdm_size v = 0; v < e->used.n_value; v++)
        if (is_there(e, v) && !isfinite(e->u[i * e->used.n_value + v])) return false;
    return true;
}

static bool is_doubtful(const ensemble *e, pdm_size i)
{
    return e->verdict[i].word == PDM_VERDICT_DOUBTFUL || e->verdict[i].word == PDM_VERDICT_WRONG;
}

/* A batch of n: counted, and added to what they are of. */
static void add_answers(ensemble *e, pdm_size n)
{
    pdm_size n_used = 0, n_doubtful = 0;

    for (pdm_size i = 0; i < n; i++) {
        e->word[e->verdict[i].word]++;
        e->unconverged += !pdm_reason_is_good(e->result[i].reason);
        e->answered[i] = is_answer(e, i);
        e->unanswered += !e->answered[i];
        if (e->answered[i] && !(e->s.skip_doubtful && is_doubtful(e, i)))
            e->sample[n_used++] = e->u + i * e->used.n_value;
    }
    spread_add(&e->used, n_used, e->sample);
    for (pdm_size i = 0; i < n; i++)
        if (e->answered[i] && is_doubtful(e, i)) e->sample[n_doubtful++] = e->u + i * e->used.n_value;
    if (n_doubtful > 0) spread_add(&e->doubtful, n_doubtful, e->sample);
}

static pdm_status tell_progress(ensemble *e, pdm_size so_far)
{
    pdm_status status = PDM_OK;
    pdm_model *m      = e->m;

    pdm_values_set(m->ctx, &m->values, (double)so_far, "ensemble.so_far");
    pdm_values_set(m->ctx, &m->values, (double)e->n, "ensemble.wanted");
    if (e->progress && e->progress(e->user, m) != 0 && so_far < e->n)
        PDM_FAIL(m->ctx, PDM_ERR_INTERRUPTED, "stopped after %lld of %lld samples; nothing is written",
                 (long long)so_far, (long long)e->n);
done:
    pdm_values_set(m->ctx, &m->values, NAN, "ensemble.wanted");
    return status;
}

static pdm_status run_all(ensemble *e)
{
    pdm_status     status = PDM_OK;
    const pdm_size most   = e->m->n_batch;

    for (pdm_size first = 0; first < e->n; first += most) {
        const pdm_size n   = e->n - first < most ? e->n - first : most;
        const pdm_run  run = {.n       = n,
                              .input   = e->input,
                              .u       = e->u,
                              .result  = e->result,
                              .times   = &e->times,
                              .judge   = e->judge,
                              .verdict = e->verdict};
        PDM_TRY(take_inputs(e, first, n));
        PDM_TRY(pdm_predict_run(&e->way, e->grid, &run));
        add_answers(e, n);
        PDM_TRY(tell_progress(e, first + n));
    }
    spread_end(&e->used);
done:
    return status;
}

/* ---- what it comes to ---- */

typedef struct ensemble_report {
    double samples, used, unanswered, unconverged, outside;
    double mean, deviation; /* by how much doubtful answers change them, relative L2 over all values */
    double error;           /* of a quantile, of the largest deviation of its field                   */
} ensemble_report;
#define PLACE(name, member)                     \
    {                                           \
        name, offsetof(ensemble_report, member) \
    }
static const pdm_number_place of_ensemble[] = {PLACE("samples", samples),
                                               PLACE("used", used),
                                               PLACE("unanswered", unanswered),
                                               PLACE("unconverged", unconverged),
                                               PLACE("outside", outside),
                                               PLACE("effect.mean", mean),
                                               PLACE("effect.deviation", deviation),
                                               PLACE("quantile.error", error)};

/* All answers against those that are not doubtful; NaN where of these there are fewer than two. */
static void find_effect(const ensemble *e, ensemble_report *r)
{
    const int skip = e->s.skip_doubtful != 0, sign = skip ? 1 : -1;
    double    mean = 0.0, means = 0.0, deviation = 0.0, deviations = 0.0;

    if (e->doubtful.n == 0) return;
    for (pdm_size v = 0; v < e->used.n_value; v++) {
        const double own = e->used.mean[v], own_deviation = spread_deviation(&e->used, v);
        double       other, other_deviation;
        if (!is_there(e, v)) continue;
        spread_change(&e->used, &e->doubtful, sign, v, &other, &other_deviation);
        mean += (own - other) * (own - other);
        deviation += (own_deviation - other_deviation) * (own_deviation - other_deviation);
        means += skip ? other * other : own * own; /* relative to those of all */
        deviations += skip ? other_deviation * other_deviation : own_deviation * own_deviation;
    }
    r->mean      = mean > 0.0 ? sqrt(mean / means) : mean;
    r->deviation = deviation > 0.0 ? sqrt(deviation / deviations) : deviation;
}

/* Of field f: largest deviation, and errors of quantiles, the largest and in the root mean square. */
static void find_largest(const ensemble *e, pdm_size f, double *deviation, double *error, double *usual)
{
    const pdm_size n = e->grid->n_point, n_quantile = e->s.n_quantile;
    double         here, square = 0.0, n_there = 0.0;

    *deviation = *error = 0.0;
    for (pdm_size v = f * n; v < (f + 1) * n; v++) {
        if (!is_there(e, v)) continue;
        n_there += (double)n_quantile;
        *deviation = fmax(*deviation, spread_deviation(&e->used, v));
        for (pdm_size q = 0; q < n_quantile; q++) {
            (void)spread_quantile(&e->used, v, e->s.quantile[q], &here);
            *error = fmax(*error, here);
            square += here * here;
        }
    }
    *usual = n_there > 0.0 ? sqrt(square / n_there) : 0.0;
}

static ensemble_report make_report(const ensemble *e)
{
    ensemble_report r = {.samples     = (double)e->n,
                         .used        = (double)e->used.n,
                         .unanswered  = (double)e->unanswered,
                         .unconverged = (double)e->unconverged,
                         .outside     = e->f ? (double)e->outside : NAN};
    double          deviation, error, usual;

    find_effect(e, &r);
    for (pdm_size f = 0; f < pdm_domain_n_field(e->m->whole->domain); f++) {
        find_largest(e, f, &deviation, &error, &usual);
        if (deviation > 0.0) r.error = fmax(r.error, error / deviation);
    }
    return r;
}

static pdm_status write_report(const ensemble *e, const ensemble_report *r, pdm_text *text)
{
    pdm_status     status = PDM_OK;
    const pdm_size bad    = e->word[PDM_VERDICT_DOUBTFUL] + e->word[PDM_VERDICT_WRONG];
    double         deviation, error, usual;

    PDM_TRY(pdm_text_append(text, "%lld samples %s: %.0f used, %lld without an answer, %lld doubtful, %lld wrong\n",
                            (long long)e->n, e->f ? "of the file" : "drawn", r->used, (long long)e->unanswered,
                            (long long)e->word[PDM_VERDICT_DOUBTFUL], (long long)e->word[PDM_VERDICT_WRONG]));
    if (bad > 0 && isnan(r->deviation))
        PDM_TRY(pdm_text_append(text, "doubtful and wrong ones are %s; of others there are fewer than two\n",
                                e->s.skip_doubtful ? "left out" : "used"));
    else if (bad > 0)
        PDM_TRY(pdm_text_append(text,
                                "doubtful and wrong ones are %s; they change means by %.2g %% and deviations by %.2g "
                                "%% (relative L2)\n",
                                e->s.skip_doubtful ? "left out" : "used", 100.0 * r->mean, 100.0 * r->deviation));
    for (pdm_size f = 0; f < pdm_domain_n_field(e->m->whole->domain); f++) {
        find_largest(e, f, &deviation, &error, &usual);
        PDM_TRY(pdm_text_append(text,
                                "%s: deviation up to %.4g; quantiles to %.2g in the root mean square, %.2g at worst\n",
                                pdm_pde_field_name(e->m->whole->pde, f), deviation, usual, error));
    }
done:
    return status;
}

/* ---- the file ---- */

/* A statistic of field f: "u_mean". method: of CF's cell methods, over what has the standard name "realization", or
 * NULL. */
static pdm_status define_statistic(const ensemble *e, pdm_output *o, pdm_size f, const char *what, const char *text,
                                   const char *method, bool by_quantile, const char *const *dims)
{
    pdm_status     status = PDM_OK;
    const pdm_pde *pde    = e->m->whole->pde;
    const pdm_size n_dim  = pdm_domain_n_dim(e->m->whole->domain);
    const char    *units  = pdm_pde_field_units(pde, f);
    char           name[NAME_TEXT], long_name[2 * NAME_TEXT];

    snprintf(name, sizeof name, "%s_%s", pdm_pde_field_name(pde, f), what);
    snprintf(long_name, sizeof long_name, "%s of %s over the samples", text, pdm_pde_field_name(pde, f));
    PDM_TRY(pdm_output_variable(o, name, n_dim + by_quantile, by_quantile ? dims : dims + 1, *units ? units : "1",
                                long_name));
    if (e->grid->shape.n_place > 0) PDM_TRY(pdm_output_may_lack(o, name));
    if (method) PDM_TRY(pdm_output_attribute(o, name, "cell_methods", method));
done:
    return status;
}

static pdm_status put_counts(const ensemble *e, pdm_output *o, const ensemble_report *r)
{
    pdm_status status = PDM_OK;

    PDM_TRY(pdm_output_attribute_count(o, NULL, "samples", e->n));
    PDM_TRY(pdm_output_attribute_count(o, NULL, "samples_used", e->used.n));
    PDM_TRY(pdm_output_attribute_count(o, NULL, "samples_without_answer", e->unanswered));
    PDM_TRY(pdm_output_attribute_count(o, NULL, "samples_doubtful", e->word[PDM_VERDICT_DOUBTFUL]));
    PDM_TRY(pdm_output_attribute_count(o, NULL, "samples_wrong", e->word[PDM_VERDICT_WRONG]));
    PDM_TRY(pdm_output_attribute(o, NULL, "samples_doubtful_and_wrong_are", e->s.skip_doubtful ? "left out" : "used"));
    if (isfinite(r->mean)) PDM_TRY(pdm_output_attribute_real(o, NULL, "doubtful_change_mean", r->mean));
    if (isfinite(r->deviation)) PDM_TRY(pdm_output_attribute_real(o, NULL, "doubtful_change_deviation", r->deviation));
    PDM_TRY(pdm_output_attribute(o, NULL, "inputs", e->f ? e->s.input : "drawn from the distributions of the case"));
done:
    return status;
}

static pdm_status define_file(const ensemble *e, pdm_output *o, const ensemble_report *r)
{
    pdm_status              status                = PDM_OK;
    const pdm_result_source source                = pdm_result_source_of(e->m);
    const char             *dims[PDM_MAX_DIM + 1] = {"quantile"};

    PDM_TRY(pdm_result_attributes(&source, o, e->s.polish));
    PDM_TRY(put_counts(e, o, r));
    if (e->s.n_quantile > 0)
        PDM_TRY(pdm_output_dimension(o, "quantile", e->s.n_quantile, e->s.quantile, "1", NULL, "share of the samples"));
    PDM_TRY(pdm_result_dimensions(e->m->whole, e->grid, o, dims + 1));
    for (pdm_size f = 0; f < pdm_domain_n_field(e->m->whole->domain); f++) {
        PDM_TRY(define_statistic(e, o, f, "mean", "mean", "realization: mean", false, dims));
        PDM_TRY(define_statistic(e, o, f, "deviation", "standard deviation", "realization: standard_deviation", false,
                                 dims));
        PDM_TRY(define_statistic(e, o, f, "minimum", "minimum", "realization: minimum", false, dims));
        PDM_TRY(define_statistic(e, o, f, "maximum", "maximum", "realization: maximum", false, dims));
        if (e->s.n_quantile == 0) continue;
        PDM_TRY(define_statistic(e, o, f, "quantile", "quantile", NULL, true, dims));
        PDM_TRY(
            define_statistic(e, o, f, "quantile_error", "largest possible error of the quantile", NULL, true, dims));
    }
done:
    return status;
}

static pdm_status put_values(const ensemble *e, pdm_output *o, pdm_size f, const char *what, const double *values)
{
    pdm_status     status = PDM_OK;
    char           name[NAME_TEXT];
    const pdm_size n = strncmp(what, "quantile", 8) == 0 ? e->s.n_quantile : e->grid->n[0];
    snprintf(name, sizeof name, "%s_%s", pdm_pde_field_name(e->m->whole->pde, f), what);
    if (e->grid->shape.n_place == 0) return pdm_output_put(o, name, 0, n, values);
    const pdm_size each = strncmp(what, "quantile", 8) == 0 ? e->grid->n_point : e->grid->n_point / n;
    for (pdm_size i = 0; i < n; i++) PDM_TRY(pdm_output_put_some(o, name, i, values + i * each));
done:
    return status;
}

/* work [1 + n_quantile][2][n_point] */
static pdm_status put_field(const ensemble *e, pdm_output *o, pdm_size f, double *work)
{
    pdm_status          status = PDM_OK;
    const spread_stats *s      = &e->used;
    const pdm_size      n = e->grid->n_point, at = f * n, n_quantile = e->s.n_quantile;
    double             *value = work + n, *error = value + n_quantile * n;

    for (pdm_size v = 0; v < n; v++) work[v] = spread_deviation(s, at + v);
    PDM_TRY(put_values(e, o, f, "mean", s->mean + at));
    PDM_TRY(put_values(e, o, f, "deviation", work));
    PDM_TRY(put_values(e, o, f, "minimum", s->low + at));
    PDM_TRY(put_values(e, o, f, "maximum", s->high + at));
    if (n_quantile == 0) goto done;
    for (pdm_size q = 0; q < n_quantile; q++)
        for (pdm_size v = 0; v < n; v++)
            value[q * n + v] = spread_quantile(s, at + v, e->s.quantile[q], &error[q * n + v]);
    PDM_TRY(put_values(e, o, f, "quantile", value));
    PDM_TRY(put_values(e, o, f, "quantile_error", error));
done:
    return status;
}

static pdm_status write_file(const ensemble *e, pdm_output *o, const ensemble_report *r)
{
    pdm_status status = PDM_OK;
    double    *work   = NULL;

    PDM_TRY(pdm_alloc_array(e->m->ctx, (1 + 2 * e->s.n_quantile) * e->grid->n_point, &work));
    PDM_TRY(define_file(e, o, r));
    for (pdm_size f = 0; f < pdm_domain_n_field(e->m->whole->domain); f++) PDM_TRY(put_field(e, o, f, work));
    PDM_TRY(pdm_output_commit(o));
done:
    pdm_free(e->m->ctx, work);
    return status;
}

/* ---- the call ---- */

static void set_values(const ensemble *e, const ensemble_report *r)
{
    pdm_model *m = e->m;

    pdm_values_set_all(m->ctx, &m->values, sizeof of_ensemble / sizeof *of_ensemble, of_ensemble, r);
    for (int w = 0; w < 4; w++)
        pdm_values_set(m->ctx, &m->values, (double)e->word[w], "verdict.%s", pdm_verdict_text(w));
    pdm_values_set(m->ctx, &m->values, e->times.data + e->times.network + e->times.solve + e->times.output, "seconds");
    pdm_values_set(m->ctx, &m->values, pdm_judge_seconds(e->judge), "seconds.verdict");
}

pdm_status pdm_model_ensemble(pdm_model *m, const char *output, const pdm_ensemble_settings *settings,
                              pdm_progress progress, pdm_sink sink, void *user)
{
    pdm_status      status = PDM_OK;
    ensemble        e      = {.m = m, .progress = progress, .user = user};
    pdm_output     *o      = NULL;
    pdm_text        text   = {0};
    ensemble_report r;

    if (!m) return PDM_ERR_ARGUMENT;
    PDM_EXPECT_POINTER(m->ctx, output, "the path of a file to write");
    text.ctx = e.used.ctx = e.doubtful.ctx = m->ctx;
    pdm_ensemble_settings_init(&e.s, sizeof e.s);
    PDM_TRY(pdm_settings_take(m->ctx, "pdm_ensemble_settings", settings, &e.s, sizeof e.s));
    PDM_TRY(check_settings(m->ctx, &e.s));
    if (pdm_n_rank(m->ctx) > 1)
        PDM_FAIL(m->ctx, PDM_ERR_UNSUPPORTED, "ensembles are not shared out among ranks yet (%lld here); one expected",
                 (long long)pdm_n_rank(m->ctx));
    PDM_TRY(pdm_output_create(m->ctx, output, &o)); /* first: a path that cannot be written fails before the work */
    PDM_TRY(open_inputs(&e));
    PDM_TRY(open_ensemble(&e));
    PDM_TRY(run_all(&e));
    if (e.used.n == 0)
        PDM_FAIL(m->ctx, PDM_ERR_NUMERIC, "none of the %lld answers can be used: %lld solves have none, %lld are %s",
                 (long long)e.n, (long long)e.unanswered, (long long)(e.n - e.unanswered), "doubtful or wrong");
    r = make_report(&e);
    PDM_TRY(write_report(&e, &r, &text));
    PDM_TRY(write_file(&e, o, &r));
    set_values(&e, &r);
    if (sink) sink(user, text.data);
done:
    pdm_output_destroy(&o);
    pdm_text_destroy(&text);
    close_ensemble(&e);
    return status;
}
