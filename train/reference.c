/* Converged solutions: a table of methods, of which there is one, the refined polish. The case is solved with all coefficients
 * free on finer and finer control grids, until what changes from one to the next, extrapolated by the order that is observed,
 * is below a tolerance. docs/mathematics.md, "Reference solutions". */
#include "train/train.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "train/train_impl.h"

enum { MOST_ROUND = 24, DRAWN = 4, MOST_UNKNOWN = 20000, MOST_UNKNOWN_DENSE = 6000 };
static const double REFINE      = 1.5;  /* knot spans of a dimension from round to round                         */
static const double LEAST_ORDER = 0.5;  /* observed orders below that are no convergence                         */
static const double NO_ORDER    = 10.0; /* the error is taken for so many changes then                           */
static const double SOLVE_SHARE = 1e-4; /* tolerance of solves, of that of the reference                         */
static const double LEAST_SOLVE = 1e-10, MOST_SOLVE = 1e-8;

typedef struct round_record {
    pdm_size n[PDM_MAX_DIM], unknowns, unconverged;
    double   change, order, estimate, seconds; /* worst over samples; NaN where there is none yet */
} round_record;

typedef struct reference_job {
    pdm_context *ctx;
    pdm_case    *the_case;
    pdm_fields  *f; /* NULL: inputs are drawn */
    const char  *output;
    const char  *method;
    double       tolerance, max_seconds, start;
    pdm_size     max_unknowns;

    file_inputs       x; /* inputs of the present round       */
    pdm_size          n_sample, n[PDM_MAX_DIM];
    double           *coordinate[PDM_MAX_DIM];                 /* [n]: those of the first round     */
    pdm_size          n_dim, n_field, n_element0[PDM_MAX_DIM]; /* of the case itself           */
    double           *u, *u_before;                            /* [n_sample][n_field][n_point] */
    pdm_solve_result *result;                                  /* [n_sample]                   */
    double           *change, *order, *estimate;               /* [n_sample], relative L2      */
    round_record      record[MOST_ROUND];
    pdm_size          n_round;
    bool              is_converged, falls;
    char              why[200]; /* it stopped */
} reference_job;

/* ---- grids ---- */

static pdm_status set_count(pdm_case *c, const char *group, const char *name, pdm_size n)
{
    char text[32];
    snprintf(text, sizeof text, "%lld", (long long)n);
    return pdm_case_set_text(c, group, name, text);
}

/* Breaks given by numbers, and one in the middle of every two. */
static pdm_status set_midpoints(pdm_context *ctx, pdm_case *c, const char *group, const pdm_spline *s)
{
    pdm_status status = PDM_OK;
    pdm_text   text   = {.ctx = ctx};

    for (pdm_size i = 0; i <= 2 * s->n_element; i++) {
        const double low  = i / 2 == 0 ? s->map.low : pdm_map_value(&s->map, s->breaks[i / 2]);
        const double high = i % 2 == 0                  ? low
                            : i / 2 + 1 == s->n_element ? s->map.high
                                                        : pdm_map_value(&s->map, s->breaks[i / 2 + 1]);
        PDM_TRY(
            pdm_text_append(&text, "%s%.17g", i ? " " : "", i == 2 * s->n_element ? s->map.high : 0.5 * (low + high)));
    }
    PDM_TRY(pdm_case_set_text(c, group, "knots", text.data));
done:
    pdm_text_destroy(&text);
    return status;
}

/* Control points of a dimension in round `round`; m is the model of the round before. */
static pdm_size points_in(const reference_job *j, const pdm_model *m, pdm_case *c, pdm_size dim, pdm_size round,
                          char group[128])
{
    const pdm_spline *s = pdm_domain_spline(m->domain, dim);
    snprintf(group, 128, "domain/%s", pdm_pde_dim_name(m->pde, dim));
    pdm_size n = (pdm_size)floor((double)j->n_element0[dim] * pow(REFINE, (double)round) + 0.5);
    if (n <= s->n_element) n = s->n_element + 1;
    if (pdm_case_has(c, group, "knots")) n = 2 * s->n_element;
    return s->periodic ? n : n + s->degree;
}

/* The case on the next finer grid; *n_coef: its coefficients. */
static pdm_status finer_case(const reference_job *j, const pdm_model *m, pdm_size round, pdm_case **out,
                             pdm_size *n_coef)
{
    pdm_status status = PDM_OK;
    pdm_case  *c      = NULL;

    PDM_TRY(pdm_case_copy(m->the_case, &c));
    *n_coef = j->n_field;
    for (pdm_size dim = 0; dim < j->n_dim; dim++) {
        char           group[128];
        const pdm_size n = points_in(j, m, c, dim, round, group);
        if (pdm_case_has(c, group, "knots"))
            PDM_TRY(set_midpoints(j->ctx, c, group, pdm_domain_spline(m->domain, dim)));
        PDM_TRY(set_count(c, group, "control_points", n));
        *n_coef *= n;
    }
    *out = c;
    c    = NULL;
done:
    pdm_case_destroy(&c);
    return status;
}

/* Knot spans grew by so much on average, from the round before. */
static double refinement(const reference_job *j, const pdm_model *m, pdm_size round)
{
    double ratio = 1.0;
    for (pdm_size dim = 0; dim < j->n_dim; dim++) {
        const pdm_spline *s = pdm_domain_spline(m->domain, dim);
        const double      d = s->periodic ? 0.0 : (double)s->degree;
        ratio *= ((double)j->record[round].n[dim] - d) / ((double)j->record[round - 1].n[dim] - d);
    }
    return pow(ratio, 1.0 / (double)j->n_dim);
}

/* ---- one round ---- */

/* Largest relative L2 difference of a field of a sample between two rounds. */
static double change_of(const reference_job *j, pdm_size sample, pdm_size n_point)
{
    double worst = 0.0;
    for (pdm_size f = 0; f < j->n_field; f++) {
        const double *u   = j->u + (sample * j->n_field + f) * n_point,
                     *v   = j->u_before + (sample * j->n_field + f) * n_point;
        double difference = 0.0, norm = 0.0;
        for (pdm_size i = 0; i < n_point; i++) {
            difference += (u[i] - v[i]) * (u[i] - v[i]);
            norm += u[i] * u[i];
        }
        const double relative = difference > 0.0 ? sqrt(difference / norm) : 0.0;
        if (!(relative <= worst)) worst = relative;
    }
    return worst;
}

/* Change, observed order and estimate of the error of every sample. With h the knot span, ratio r from round to round,
 * changes d and d' before: order p = log(d'/d)/log r', error of the finer solution d / (r^p - 1). */
static void estimate_errors(reference_job *j, const pdm_model *m, pdm_size n_point)
{
    const pdm_size round = j->n_round - 1;
    round_record  *now   = &j->record[round];
    double         most  = 1.0; /* order: that of the splines */

    now->change = now->order = now->estimate = NAN;
    if (round == 0) return;
    const double ratio = refinement(j, m, round);
    for (pdm_size dim = 0; dim < j->n_dim; dim++)
        most = fmax(most, (double)pdm_domain_spline(m->domain, dim)->degree + 1.0);
    j->falls = true;
    for (pdm_size s = 0; s < j->n_sample; s++) {
        const double before = j->change[s];
        j->change[s]        = change_of(j, s, n_point);
        j->order[s]         = round > 1 ? log(before / j->change[s]) / log(refinement(j, m, round - 1)) : NAN;
        if (j->change[s] == 0.0) j->order[s] = most;
        const bool regular = j->order[s] >= LEAST_ORDER;
        j->estimate[s]     = !pdm_reason_is_good(j->result[s].reason) ? NAN
                             : regular ? j->change[s] / (pow(ratio, fmin(j->order[s], most)) - 1.0)
                                       : NO_ORDER * j->change[s];
        if (round > 1 && !regular) j->falls = false;
        if (s == 0 || !(j->change[s] <= now->change)) now->change = j->change[s];
        if (s == 0 || !(j->order[s] >= now->order)) now->order = j->order[s];
        if (s == 0 || !(j->estimate[s] <= now->estimate)) now->estimate = j->estimate[s];
    }
    j->is_converged = round > 1 && now->estimate <= j->tolerance;
}

/* The same inputs for every grid: fields are brought to its control points. */
static pdm_status get_inputs(reference_job *j, pdm_model *m)
{
    pdm_status  status = PDM_OK;
    file_inputs x      = {.n_sample = j->n_sample};

    if (j->f) {
        PDM_TRY(file_inputs_read(m, j->f, &x));
    } else {
        if (x.n_sample == 0) x.n_sample = pdm_domain_n_input(m->domain) > 0 ? DRAWN : 1;
        PDM_TRY(pdm_alloc_array(j->ctx, x.n_sample * pdm_domain_n_input(m->domain), &x.input));
        PDM_TRY(sources_draw_unseen(m, x.n_sample, x.input));
    }
    file_inputs_destroy(m, &j->x);
    j->x        = x;
    j->n_sample = x.n_sample;
    x           = (file_inputs){0};
done:
    file_inputs_destroy(m, &x);
    return status;
}

/* Output coordinates: of the file, or the default ones of the first round, which then stay. */
static pdm_status set_coordinates(reference_job *j, pdm_model *m)
{
    pdm_status status = PDM_OK;

    if (j->coordinate[0]) return output_set(m, j->n, j->coordinate);
    PDM_TRY(output_set(m, j->x.n_coordinate, j->x.coordinate));
    for (pdm_size dim = 0; dim < j->n_dim; dim++) {
        j->n[dim] = m->output.n[dim];
        PDM_TRY(pdm_alloc_array(j->ctx, j->n[dim], &j->coordinate[dim]));
        memcpy(j->coordinate[dim], m->output.coordinate[dim], (size_t)j->n[dim] * sizeof(double));
    }
done:
    return status;
}

static pdm_status make_room(reference_job *j, pdm_size n_point)
{
    pdm_status     status = PDM_OK;
    const pdm_size n      = j->n_sample;

    if (j->u) return PDM_OK;
    PDM_TRY(pdm_alloc_array(j->ctx, n * j->n_field * n_point, &j->u));
    PDM_TRY(pdm_alloc_array(j->ctx, n * j->n_field * n_point, &j->u_before));
    PDM_TRY(pdm_alloc_array(j->ctx, n, &j->result));
    PDM_TRY(pdm_alloc_array(j->ctx, n, &j->change));
    PDM_TRY(pdm_alloc_array(j->ctx, n, &j->order));
    PDM_TRY(pdm_alloc_array(j->ctx, n, &j->estimate));
    for (pdm_size s = 0; s < n; s++) j->change[s] = j->order[s] = j->estimate[s] = NAN;
done:
    return status;
}

/* Solves on the grid of m; u becomes u_before and is replaced. start: when work on this round began. */
static pdm_status solve_round(reference_job *j, pdm_model *m, double start)
{
    pdm_status    status = PDM_OK;
    round_record *r      = &j->record[j->n_round];
    double       *other;

    PDM_TRY(get_inputs(j, m));
    PDM_TRY(set_coordinates(j, m));
    PDM_TRY(make_room(j, m->output.n_point));
    other       = j->u;
    j->u        = j->u_before;
    j->u_before = other;
    PDM_TRY(predict_batches(m, j->n_sample, j->x.input, fmax(LEAST_SOLVE, fmin(MOST_SOLVE, SOLVE_SHARE * j->tolerance)),
                            j->u, j->result, NULL));
    for (pdm_size dim = 0; dim < j->n_dim; dim++) r->n[dim] = pdm_domain_spline(m->domain, dim)->n_coef;
    r->unknowns    = pdm_domain_n_free(m->domain);
    r->unconverged = (pdm_size)pdm_model_value(m, "unconverged");
    j->n_round++;
    estimate_errors(j, m, m->output.n_point);
    r->seconds = pdm_clock() - start;
    if (j->n_round == 1)
        pdm_log(j->ctx, PDM_LOG_INFO, "reference", "round 1: %lld unknowns, %.2f s", (long long)r->unknowns,
                r->seconds);
    else
        pdm_log(j->ctx, PDM_LOG_INFO, "reference", "round %lld: %lld unknowns, change %.2e, error about %.2e, %.2f s",
                (long long)j->n_round, (long long)r->unknowns, r->change, r->estimate, r->seconds);
done:
    return status;
}

/* ---- what is written, after every round, so that nothing is lost ---- */

static pdm_status write_estimates(reference_job *j, pdm_model *m, pdm_output *o)
{
    pdm_status        status = PDM_OK;
    const char *const dims[] = {"sample"};
    char              text[160];
    size_t            used = 0;

    for (pdm_size dim = 0; dim < j->n_dim && used < sizeof text; dim++)
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%.24s %lld", dim ? ", " : "",
                                 pdm_pde_dim_name(m->pde, dim), (long long)j->record[j->n_round - 1].n[dim]);
    PDM_TRY(pdm_output_attribute(o, NULL, "method", j->method));
    PDM_TRY(pdm_output_attribute(o, NULL, "control_points", text));
    PDM_TRY(pdm_output_attribute_real(o, NULL, "tolerance", j->tolerance));
    PDM_TRY(pdm_output_attribute_real(o, NULL, "error_estimate", j->record[j->n_round - 1].estimate));
    PDM_TRY(pdm_output_attribute(o, NULL, "converged", j->is_converged ? "yes" : "no"));
    PDM_TRY(pdm_output_variable(o, "error_estimate", 1, dims, "1", "relative L2 error, extrapolated from rounds"));
    PDM_TRY(pdm_output_variable(o, "observed_order", 1, dims, "1", "of the changes from round to round"));
done:
    return status;
}

static pdm_status write_round(reference_job *j, pdm_model *m)
{
    pdm_status  status = PDM_OK;
    pdm_output *o      = NULL;

    PDM_TRY(pdm_output_create(j->ctx, j->output, &o));
    PDM_TRY(result_header(m, o, j->n_sample, fmax(LEAST_SOLVE, fmin(MOST_SOLVE, SOLVE_SHARE * j->tolerance))));
    PDM_TRY(write_estimates(j, m, o));
    PDM_TRY(j->f ? result_file_inputs(m, j->f, o, j->n_sample) : result_drawn_inputs(m, o, j->n_sample, j->x.input));
    PDM_TRY(result_samples(m, o, j->n_sample, j->u, j->result));
    PDM_TRY(pdm_output_put(o, "error_estimate", 0, j->n_sample, j->estimate));
    PDM_TRY(pdm_output_put(o, "observed_order", 0, j->n_sample, j->order));
    PDM_TRY(pdm_output_commit(o));
done:
    pdm_output_destroy(&o);
    return status;
}

/* ---- refined polish ---- */

/* True, with the reason in j->why, when the next round is beyond what was allowed. */
static bool is_beyond(reference_job *j, const pdm_model *m, pdm_size n_coef)
{
    const bool          dense = pdm_domain_rows(m->domain)->n_pyramid > 0;
    const pdm_size      most  = j->max_unknowns > 0 ? j->max_unknowns : dense ? MOST_UNKNOWN_DENSE : MOST_UNKNOWN;
    const round_record *last  = &j->record[j->n_round - 1];
    const double        grown = (double)n_coef / (double)last->unknowns, spent = pdm_clock() - j->start;
    const double        next = last->seconds * pow(grown, dense ? 3.0 : 1.5);

    if (n_coef > most)
        snprintf(j->why, sizeof j->why, "the next grid has %lld coefficients, more than the %lld unknowns allowed%s",
                 (long long)n_coef, (long long)most, dense ? " (levels make the matrix dense)" : "");
    else if (j->max_seconds > 0.0 && spent + next > j->max_seconds)
        snprintf(j->why, sizeof j->why, "the next round would take about %.0f s, and %.0f of the %.0f s are spent",
                 next, spent, j->max_seconds);
    else if (j->n_round == MOST_ROUND)
        snprintf(j->why, sizeof j->why, "%d rounds are done", MOST_ROUND);
    else
        return false;
    return true;
}

static pdm_status first_round(reference_job *j, pdm_model **out)
{
    pdm_status     status = PDM_OK;
    pdm_model     *m      = NULL;
    const double   start  = pdm_clock();
    const pdm_size most   = j->max_unknowns > 0 ? j->max_unknowns : MOST_UNKNOWN;

    PDM_TRY(pdm_model_create(j->the_case, &m)); /* with a network: everything in the case is read and checked */
    j->n_dim   = pdm_domain_n_dim(m->domain);
    j->n_field = pdm_domain_n_field(m->domain);
    for (pdm_size dim = 0; dim < j->n_dim; dim++) j->n_element0[dim] = pdm_domain_spline(m->domain, dim)->n_element;
    if (pdm_domain_n_free(m->domain) > most)
        PDM_FAIL(j->ctx, PDM_ERR_ARGUMENT, "the grid of the case has %lld unknowns already; at most %lld are allowed",
                 (long long)pdm_domain_n_free(m->domain), (long long)most);
    PDM_TRY(solve_round(j, m, start));
    PDM_TRY(write_round(j, m));
    *out = m;
    m    = NULL;
done:
    pdm_model_destroy(&m);
    return status;
}

/* One finer grid: *m is replaced. Without memory for it the rounds end. */
static pdm_status next_round(reference_job *j, pdm_case *c, pdm_model **m, bool *ended)
{
    pdm_status   status = PDM_OK;
    pdm_model   *finer  = NULL;
    const double start  = pdm_clock();

    PDM_TRY(model_ground(c, &finer));
    PDM_TRY(solve_round(j, finer, start));
    PDM_TRY(write_round(j, finer));
    pdm_model_destroy(m);
    *m    = finer;
    finer = NULL;
done:
    pdm_model_destroy(&finer);
    if (status == PDM_ERR_MEMORY) {
        snprintf(j->why, sizeof j->why, "there is no memory for the next round");
        *ended = true;
        status = PDM_OK;
    }
    return status;
}

static pdm_status refined_polish(reference_job *j)
{
    pdm_status status = PDM_OK;
    pdm_model *m      = NULL;
    pdm_case  *c      = NULL;
    bool       ended  = false;

    PDM_TRY(first_round(j, &m));
    while (!ended && !j->is_converged) {
        pdm_size n_coef;
        PDM_TRY(finer_case(j, m, j->n_round, &c, &n_coef));
        ended = is_beyond(j, m, n_coef);
        if (!ended) PDM_TRY(next_round(j, c, &m, &ended));
        pdm_case_destroy(&c);
    }
done:
    pdm_case_destroy(&c);
    pdm_model_destroy(&m);
    return status;
}

/* Ways to a converged solution. A second one that shares nothing with the first, the method of lines with an implicit
 * integrator, belongs here. */
static const struct method {
    const char *name;
    pdm_status (*run)(reference_job *j);
} methods[] = {
    {"refined polish", refined_polish},
};

/* ---- words and numbers ---- */

static pdm_status append_number(pdm_text *text, const char *format, double value, int width)
{
    return isnan(value) ? pdm_text_append(text, "%*s", width, "-") : pdm_text_append(text, format, value);
}

static pdm_status report_rounds(const reference_job *j, pdm_text *text)
{
    pdm_status status = PDM_OK;

    PDM_TRY(pdm_text_append(text, "%-6s %-22s %9s  %10s  %6s  %10s  %9s\n", "round", "control points", "unknowns",
                            "change", "order", "error", "time"));
    for (pdm_size i = 0; i < j->n_round; i++) {
        const round_record *r = &j->record[i];
        char                grid[96];
        size_t              used = 0;
        for (pdm_size dim = 0; dim < j->n_dim && used < sizeof grid; dim++)
            used += (size_t)snprintf(grid + used, sizeof grid - used, "%s%lld", dim ? " x " : "", (long long)r->n[dim]);
        PDM_TRY(pdm_text_append(text, "%-6lld %-22s %9lld  ", (long long)i + 1, grid, (long long)r->unknowns));
        PDM_TRY(append_number(text, "%10.3e", r->change, 10));
        PDM_TRY(append_number(text, "  %6.2f", r->order, 8));
        PDM_TRY(append_number(text, "  %10.3e", r->estimate, 12));
        PDM_TRY(pdm_text_append(text, "  %7.2f s", r->seconds));
        if (r->unconverged > 0)
            PDM_TRY(pdm_text_append(text, "  %lld solves did not converge", (long long)r->unconverged));
        PDM_TRY(pdm_text_append(text, "\n"));
    }
done:
    return status;
}

static pdm_status report_end(const reference_job *j, pdm_text *text)
{
    pdm_status          status = PDM_OK;
    const round_record *last   = &j->record[j->n_round - 1];

    PDM_TRY(pdm_text_append(text, "path: %s; %lld samples, worst of each shown\n", j->method, (long long)j->n_sample));
    if (j->is_converged)
        return pdm_text_append(text, "converged: estimated relative L2 error at most %.2e, tolerance %.2e\n",
                               last->estimate, j->tolerance);
    PDM_TRY(pdm_text_append(text, "NOT converged to %.2e: %s\n", j->tolerance, j->why));
    if (j->n_round > 2 && !j->falls)
        PDM_TRY(pdm_text_append(text, "the estimate of the error does not fall from round to round: something in the "
                                      "solution is not resolved, or there is more than one solution\n"));
    if (last->unconverged > 0)
        PDM_TRY(pdm_text_append(text, "%lld solves of the last round did not converge; solver_reason says why\n",
                                (long long)last->unconverged));
done:
    return status;
}

static void give_numbers(const reference_job *j, pdm_number numbers, void *user)
{
    const round_record *last = &j->record[j->n_round - 1];
    char                name[48];

    numbers(user, "converged", j->is_converged ? 1.0 : 0.0);
    numbers(user, "rounds", (double)j->n_round);
    numbers(user, "samples", (double)j->n_sample);
    numbers(user, "unknowns", (double)last->unknowns);
    numbers(user, "error_estimate", last->estimate);
    numbers(user, "seconds", pdm_clock() - j->start);
    for (pdm_size s = 0; s < j->n_sample; s++) {
        snprintf(name, sizeof name, "error_estimate.%lld", (long long)s);
        numbers(user, name, j->estimate[s]);
    }
}

pdm_status pdm_case_reference(pdm_case *c, const char *input, pdm_size n_sample, const char *output, double tolerance,
                              pdm_size max_unknowns, double max_seconds, pdm_sink sink, pdm_number numbers, void *user)
{
    pdm_status     status = PDM_OK;
    reference_job *j      = NULL;
    pdm_output    *o      = NULL;
    pdm_text       text   = {0};

    if (!c || !output || n_sample < 0 || (input && n_sample > 0) || !(tolerance > 0.0) || max_unknowns < 0 ||
        !(max_seconds >= 0.0))
        return PDM_ERR_ARGUMENT;
    pdm_context *ctx = pdm_case_context(c);
    text.ctx         = ctx;
    PDM_TRY(pdm_alloc(ctx, sizeof *j, &j));
    *j = (reference_job){.ctx          = ctx,
                         .the_case     = c,
                         .output       = output,
                         .method       = methods[0].name,
                         .tolerance    = tolerance,
                         .max_seconds  = max_seconds,
                         .max_unknowns = max_unknowns,
                         .n_sample     = n_sample,
                         .start        = pdm_clock()};
    PDM_TRY(pdm_output_create(ctx, output, &o)); /* a path that cannot be written fails before the work */
    pdm_output_destroy(&o);
    if (input) PDM_TRY(pdm_fields_open(ctx, input, &j->f));
    PDM_TRY(methods[0].run(j));
    PDM_TRY(report_rounds(j, &text));
    PDM_TRY(report_end(j, &text));
    if (sink) sink(user, text.data);
    if (numbers) give_numbers(j, numbers, user);
done:
    pdm_output_destroy(&o);
    pdm_text_destroy(&text);
    if (j) {
        pdm_fields_close(&j->f);
        for (pdm_size dim = 0; dim < PDM_MAX_DIM; dim++) {
            pdm_free(ctx, j->coordinate[dim]);
            pdm_free(ctx, j->x.coordinate[dim]);
        }
        pdm_free(ctx, j->x.input);
        pdm_free(ctx, j->u);
        pdm_free(ctx, j->u_before);
        pdm_free(ctx, j->result);
        pdm_free(ctx, j->change);
        pdm_free(ctx, j->order);
        pdm_free(ctx, j->estimate);
        pdm_free(ctx, j);
    }
    return status;
}
