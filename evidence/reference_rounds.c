/* What all ways to a converged solution share: rounds on finer and finer grids, whose changes give the error, and the
 * file that is written after each. docs/mathematics.md, "Reference solutions". */
#include "evidence/evidence.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "evidence/evidence_impl.h"

enum { DRAWN = 4 };
static const double LEAST_ORDER = 0.5;  /* observed orders below that are no convergence */
static const double NO_ORDER    = 10.0; /* the error is taken for so many changes then, at most      */
static const double STEADY      = 2.0;  /* orders that differ by more than this factor do not agree  */
static const double MOST_LEFT   = 0.1;  /* of the largest term: right answers leave 3 % at most      */
static const double SEEN_LEFT   = 0.01; /* beyond it less must be left than in the round before      */

void reference_set_case(reference_job *j, const pdm_problem *p)
{
    j->n_dim   = pdm_domain_n_dim(p->domain);
    j->n_field = pdm_domain_n_field(p->domain);
    for (pdm_size dim = 0; dim < j->n_dim; dim++) j->n_span0[dim] = pdm_domain_spline(p->domain, dim)->n_span;
}

/* ---- errors ---- */

/* Is an answer zero in every point of every field? Then no round has seen anything that others could differ in. */
static bool is_blank(const reference_job *j, pdm_size sample, pdm_size n_point)
{
    const double *u = j->u + sample * j->n_field * n_point;
    for (pdm_size i = 0; i < j->n_field * n_point; i++)
        if (u[i] != 0.0 && !isnan(u[i])) return false;
    return true;
}

/* Largest relative L2 difference of a field of a sample between two rounds. */
static double change_of(const reference_job *j, pdm_size sample, pdm_size n_point)
{
    double worst = 0.0;
    for (pdm_size f = 0; f < j->n_field; f++) {
        const double *u   = j->u + (sample * j->n_field + f) * n_point,
                     *v   = j->u_before + (sample * j->n_field + f) * n_point;
        double difference = 0.0, norm = 0.0;
        for (pdm_size i = 0; i < n_point; i++) {
            if (isnan(u[i]) && isnan(v[i])) continue; /* outside a shape */
            difference += (u[i] - v[i]) * (u[i] - v[i]);
            norm += u[i] * u[i];
        }
        const double relative = difference > 0.0 ? sqrt(difference / norm) : 0.0;
        if (!(relative <= worst)) worst = relative;
    }
    return worst;
}

/* The order by which a change is extrapolated: the smaller of the last two that were observed, where they agree. One high
 * order alone, or after a low one, is no evidence: it counts as 1. */
static double believed_order(const reference_job *j, double now, double before)
{
    const double least = isnan(before) ? now : fmin(now, before), most = fmax(now, before);
    if (isnan(now) || !(least >= LEAST_ORDER)) return 0.0;
    return isnan(before) || most > STEADY * least ? fmin(least, 1.0) : fmin(least, j->most_order);
}

/* Of a sample whose changes were `before` and now `change`: order, and error of the finer solution. With ratio r of the
 * grids from round to round, order p = log(d'/d)/log r', error d / (r^p - 1). */
static void estimate_sample(reference_job *j, pdm_size s, double before, double change)
{
    const pdm_size round        = j->n_round - 1;
    const double   order_before = j->order[s];

    j->change[s]        = change;
    j->order[s]         = round > 1 && change > 0.0 ? log(before / change) / log(j->record[round - 1].ratio) : NAN;
    const double order  = believed_order(j, j->order[s], order_before);
    const double factor = order > 0.0 ? 1.0 / (pow(j->record[round].ratio, order) - 1.0) : NO_ORDER;
    j->estimate[s]      = pdm_reason_is_good(j->result[s].reason) ? change * fmin(factor, NO_ORDER) : NAN;
    if (round > 1 && change > 0.0 && !(j->order[s] >= LEAST_ORDER)) j->falls = false;
}

/* Is something left over of the equations, more than right answers leave, or not less than in the round before? Or are
 * there data that the grid does not see? */
static bool is_obeyed(const reference_job *j)
{
    for (pdm_size s = 0; s < j->n_sample; s++) {
        const double left = j->verdict[s].left;
        if (j->verdict[s].unseen[0] != '\0') return false;
        if (left > MOST_LEFT || (left > SEEN_LEFT && left > j->left_before[s])) return false;
    }
    return true;
}

/* Change, observed order and estimate of the error of every sample. */
static void estimate_errors(reference_job *j, pdm_size n_point)
{
    const pdm_size round = j->n_round - 1;
    round_record  *now   = &j->record[round];

    now->change = now->order = now->estimate = NAN;
    j->obeyed                                = is_obeyed(j);
    for (pdm_size s = 0; s < j->n_sample; s++) j->left_before[s] = j->verdict[s].left;
    if (round == 0) return;
    j->falls = true;
    j->blank = false;
    for (pdm_size s = 0; s < j->n_sample; s++) {
        estimate_sample(j, s, j->change[s], change_of(j, s, n_point));
        j->blank = j->blank || is_blank(j, s, n_point);
        if (s == 0 || !(j->change[s] <= now->change)) now->change = j->change[s];
        if (s == 0 || !(j->order[s] >= now->order)) now->order = j->order[s];
        if (s == 0 || !(j->estimate[s] <= now->estimate)) now->estimate = j->estimate[s];
    }
    j->is_converged = round > 1 && now->estimate <= j->tolerance && j->obeyed && !j->blank;
}

void reference_end_round(reference_job *j, pdm_size n_point, const round_record *done)
{
    round_record *r = &j->record[j->n_round++];
    *r              = *done;
    estimate_errors(j, n_point);
    r->seconds = pdm_clock() - r->start;
    if (j->n_round == 1)
        pdm_log(j->ctx, PDM_LOG_INFO, "reference", "round 1: %lld unknowns, %.2f s", (long long)r->unknowns,
                r->seconds);
    else
        pdm_log(j->ctx, PDM_LOG_INFO, "reference", "round %lld: %lld unknowns, change %.2e, error about %.2e, %.2f s",
                (long long)j->n_round, (long long)r->unknowns, r->change, r->estimate, r->seconds);
}

/* ---- inputs, coordinates, room ---- */

/* The same inputs for every grid: fields are brought to its control points. */
static pdm_status get_inputs(reference_job *j, const pdm_problem *p)
{
    pdm_status      status = PDM_OK;
    pdm_file_inputs x      = {.n_sample = j->n_sample};

    if (j->f) {
        PDM_TRY(pdm_file_inputs_read(p->domain, j->f, &x));
    } else {
        if (x.n_sample == 0) x.n_sample = pdm_domain_n_input(p->domain) > 0 ? DRAWN : 1;
        PDM_TRY(pdm_alloc_array(j->ctx, x.n_sample * pdm_domain_n_input(p->domain), &x.input));
        PDM_TRY(pdm_inputs_draw_unseen(p->inputs, x.n_sample, x.input));
    }
    pdm_file_inputs_destroy(j->ctx, &j->x);
    j->x        = x;
    j->n_sample = x.n_sample;
    x           = (pdm_file_inputs){0};
done:
    pdm_file_inputs_destroy(j->ctx, &x);
    return status;
}

/* Output coordinates: of the file, or the default ones of the first round, which then stay. */
static pdm_status keep_coordinates(reference_job *j, const pdm_output_grid *grid)
{
    pdm_status status = PDM_OK;

    if (j->coordinate[0]) return PDM_OK;
    for (pdm_size dim = 0; dim < j->n_dim; dim++) {
        j->n[dim] = grid->n[dim];
        PDM_TRY(pdm_alloc_array(j->ctx, j->n[dim], &j->coordinate[dim]));
        memcpy(j->coordinate[dim], grid->coordinate[dim], (size_t)j->n[dim] * sizeof(double));
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
    PDM_TRY(pdm_alloc_array(j->ctx, n, &j->verdict));
    PDM_TRY(pdm_alloc_array(j->ctx, n, &j->left_before));
    for (pdm_size s = 0; s < n; s++) {
        j->change[s] = j->order[s] = j->estimate[s] = j->left_before[s] = NAN;
        j->verdict[s].left                                              = NAN;
    }
done:
    return status;
}

pdm_status reference_prepare(reference_job *j, const pdm_problem *p, pdm_output_grid **grid)
{
    pdm_status       status = PDM_OK;
    pdm_output_grid *g      = NULL;
    const bool       known  = j->coordinate[0] != NULL;

    PDM_TRY(get_inputs(j, p));
    PDM_TRY(pdm_output_grid_create(p, p->training.batch, known ? j->n : j->x.n_coordinate,
                                   known ? j->coordinate : j->x.coordinate, &g));
    PDM_TRY(keep_coordinates(j, g));
    PDM_TRY(make_room(j, g->n_point));
    *grid = g;
    g     = NULL;
done:
    pdm_output_grid_destroy(&g);
    return status;
}

void reference_swap(reference_job *j)
{
    double *other = j->u;
    j->u          = j->u_before;
    j->u_before   = other;
}

/* ---- what is written, after every round, so that nothing is lost ---- */

static pdm_status write_estimates(reference_job *j, const pdm_problem *p, pdm_output *o)
{
    pdm_status          status = PDM_OK;
    const char *const   dims[] = {"sample"};
    const round_record *last   = &j->record[j->n_round - 1];
    char                text[160];
    size_t              used = 0;

    for (pdm_size dim = j->method->first_dim; dim < j->n_dim && used < sizeof text; dim++)
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%.24s %lld", used > 0 ? ", " : "",
                                 pdm_pde_dim_name(p->pde, dim), (long long)last->n[dim]);
    PDM_TRY(pdm_output_attribute(o, NULL, "method", j->method->name));
    PDM_TRY(pdm_output_attribute(o, NULL, j->method->attribute, text));
    PDM_TRY(pdm_output_attribute_real(o, NULL, "tolerance", j->tolerance));
    if (last->time_tolerance > 0.0) {
        PDM_TRY(pdm_output_attribute_real(o, NULL, "time_tolerance", last->time_tolerance));
        PDM_TRY(pdm_output_attribute(o, "solver_iterations", "long_name", "steps in time"));
    }
    PDM_TRY(pdm_output_attribute_real(o, NULL, "error_estimate", last->estimate));
    PDM_TRY(pdm_output_attribute(o, NULL, "converged", j->is_converged ? "yes" : "no"));
    PDM_TRY(pdm_output_variable(o, "error_estimate", 1, dims, "1", "relative L2 error, extrapolated from rounds"));
    PDM_TRY(pdm_output_variable(o, "observed_order", 1, dims, "1", "of the changes from round to round"));
done:
    return status;
}

pdm_status reference_write(reference_job *j, const pdm_output_grid *grid, double polish)
{
    pdm_status              status = PDM_OK;
    const pdm_problem      *p      = grid->problem;
    const pdm_result_source source = {.problem = p, .case_file = pdm_case_path(j->the_case)};
    pdm_output             *o      = NULL;

    PDM_TRY(pdm_output_create(j->ctx, j->output, &o));
    PDM_TRY(pdm_result_header(&source, grid, o, j->n_sample, polish));
    PDM_TRY(write_estimates(j, p, o));
    PDM_TRY(j->f ? pdm_result_file_inputs(p, j->f, o, j->n_sample)
                 : pdm_result_drawn_inputs(grid, o, j->n_sample, j->x.input));
    PDM_TRY(pdm_result_samples(grid, o, 0, j->n_sample, j->u, j->result));
    PDM_TRY(pdm_output_put(o, "error_estimate", 0, j->n_sample, j->estimate));
    PDM_TRY(pdm_output_put(o, "observed_order", 0, j->n_sample, j->order));
    PDM_TRY(pdm_output_commit(o));
done:
    pdm_output_destroy(&o);
    return status;
}

/* ---- when to stop ---- */

bool reference_ends(reference_job *j, pdm_size unknowns, double power)
{
    const round_record *last  = &j->record[j->n_round - 1];
    const double        grown = (double)unknowns / (double)last->unknowns, spent = pdm_clock() - j->start;
    const double        next = last->seconds * pow(grown, power);

    if (j->max_seconds > 0.0 && spent + next > j->max_seconds)
        snprintf(j->why, sizeof j->why, "the next round would take about %.0f s, and %.0f of the %.0f s are spent",
                 next, spent, j->max_seconds);
    else if (j->n_round == REFERENCE_MOST_ROUND)
        snprintf(j->why, sizeof j->why, "%d rounds are done", REFERENCE_MOST_ROUND);
    else
        return false;
    return true;
}

pdm_status reference_survive(reference_job *j, pdm_status status, bool *ended)
{
    if (status != PDM_ERR_MEMORY) return status;
    snprintf(j->why, sizeof j->why, "there is no memory for the next round");
    *ended = true;
    return PDM_OK;
}
