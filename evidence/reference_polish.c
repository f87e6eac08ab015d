/* Converged solutions by refined polish: the case is solved with all coefficients free on finer and finer control grids.
 * docs/mathematics.md, "Reference solutions". */
#include "evidence/evidence.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "evidence/evidence_impl.h"

enum { MOST_UNKNOWN = 20000, ITERATIONS = 200 };
static const double REFINE      = 1.5;  /* knot spans of a dimension from round to round */
static const double SOLVE_SHARE = 1e-4; /* tolerance of solves, of that of the reference */
static const double LEAST_SOLVE = 1e-10, MOST_SOLVE = 1e-8;

/* ---- grids ---- */

/* Breaks given by numbers, and one in the middle of every two. */
static pdm_status set_midpoints(pdm_context *ctx, pdm_case *c, const char *group, const pdm_spline *s)
{
    pdm_status     status = PDM_OK;
    const pdm_size n      = 2 * s->n_span;
    double        *knots  = NULL;

    PDM_TRY(pdm_alloc_array(ctx, n + 1, &knots));
    for (pdm_size i = 0; i <= n; i += 2)
        knots[i] = i == 0 ? s->map.low : i == n ? s->map.high : pdm_map_value(&s->map, s->ends[i / 2]);
    for (pdm_size i = 1; i < n; i += 2) knots[i] = 0.5 * (knots[i - 1] + knots[i + 1]);
    PDM_TRY(pdm_case_set_numbers(c, group, "knots", n + 1, knots));
done:
    pdm_free(ctx, knots);
    return status;
}

/* Control points of a dimension in round `round`; p is the problem of the round before. */
static pdm_size points_in(const reference_job *j, const pdm_problem *p, pdm_case *c, pdm_size dim, pdm_size round,
                          char group[PDM_GROUP_TEXT])
{
    const pdm_spline *s = pdm_domain_spline(p->domain, dim);
    pdm_problem_dim_group(p, dim, group);
    pdm_size n = (pdm_size)floor((double)j->n_span0[dim] * pow(REFINE, (double)round) + 0.5);
    if (n <= s->n_span) n = s->n_span + 1;
    if (pdm_case_has(c, group, "knots")) n = 2 * s->n_span;
    return pdm_domain_control_points(p->domain, dim, n);
}

/* The case on the next finer grid; *n_coef: its coefficients. */
static pdm_status finer_case(const reference_job *j, const pdm_problem *p, pdm_size round, pdm_case **out,
                             pdm_size *n_coef)
{
    pdm_status status = PDM_OK;
    pdm_case  *c      = NULL;

    PDM_TRY(pdm_case_copy(p->the_case, &c));
    *n_coef = j->n_field;
    for (pdm_size dim = 0; dim < j->n_dim; dim++) {
        char           group[PDM_GROUP_TEXT];
        const pdm_size n = points_in(j, p, c, dim, round, group);
        if (pdm_case_has(c, group, "knots"))
            PDM_TRY(set_midpoints(j->ctx, c, group, pdm_domain_spline(p->domain, dim)));
        if (pdm_domain_wants_grading(p->domain, dim) && p->data_growth[dim] == 0.0)
            PDM_TRY(pdm_case_set_text(c, group, "grading", "auto"));
        PDM_TRY(pdm_case_set_count(c, group, "control_points", n));
        *n_coef *= n;
    }
    *out = c;
    c    = NULL;
done:
    pdm_case_destroy(&c);
    return status;
}

/* Knot spans are so much more than in the round before, on average. */
static double refinement(const reference_job *j, const pdm_problem *p, const round_record *now)
{
    double ratio = 1.0;
    for (pdm_size dim = 0; dim < j->n_dim && j->n_round > 0; dim++) {
        const pdm_spline *s = pdm_domain_spline(p->domain, dim);
        const double      d = (double)(s->n_coef - s->n_span); /* the same in all rounds */
        ratio *= ((double)now->n[dim] - d) / ((double)j->record[j->n_round - 1].n[dim] - d);
    }
    return pow(ratio, 1.0 / (double)j->n_dim);
}

/* ---- rounds ---- */

static double solve_tolerance(const reference_job *j)
{
    return fmax(LEAST_SOLVE, fmin(MOST_SOLVE, SOLVE_SHARE * j->tolerance));
}

/* All samples on the grid of a problem, into j->u and j->result. */
static pdm_status solve_samples(reference_job *j, const pdm_problem *p, const pdm_output_grid *grid)
{
    pdm_status        status = PDM_OK;
    pdm_free_way      by     = {0};
    pdm_way           way;
    pdm_judge        *judge = NULL;
    pdm_predict_times times = {0};
    pdm_run           run   = {.n = j->n_sample, .input = j->x.input, .u = j->u, .result = j->result, .times = &times};

    PDM_TRY(pdm_way_of_free(&by, p, grid, solve_tolerance(j), ITERATIONS, &way));
    PDM_TRY(pdm_way_judge(&way, grid, PDM_JUDGE_LEFT_OVER, &judge));
    run.judge   = judge;
    run.verdict = j->verdict;
    PDM_TRY(pdm_predict_run(&way, grid, &run));
done:
    pdm_judge_destroy(&judge);
    pdm_free_way_close(&by);
    return status;
}

/* start: when work on this round began. */
static pdm_status solve_round(reference_job *j, const pdm_problem *p, double start)
{
    pdm_status       status = PDM_OK;
    pdm_output_grid *grid   = NULL;
    round_record     r      = {.start = start};

    PDM_TRY(reference_prepare(j, p, &grid));
    if (j->n_round == 0) PDM_TRY(pdm_notes_warn(p, "reference", j->n_sample, j->x.input));
    reference_swap(j);
    PDM_TRY(solve_samples(j, p, grid));
    for (pdm_size dim = 0; dim < j->n_dim; dim++) r.n[dim] = pdm_domain_spline(p->domain, dim)->n_coef;
    r.unknowns    = pdm_domain_n_free(p->domain);
    r.unconverged = pdm_count_unconverged(j->n_sample, j->result);
    r.ratio       = refinement(j, p, &r);
    reference_end_round(j, grid->n_point, &r);
    PDM_TRY(reference_write(j, grid, solve_tolerance(j)));
done:
    pdm_output_grid_destroy(&grid);
    return status;
}

/* True, with the reason in j->why, when the next round is beyond what was allowed. */
static bool is_beyond(reference_job *j, const pdm_problem *p, pdm_size n_coef)
{
    const bool     dense = pdm_domain_rows(p->domain)->n_pyramid > 0;
    const pdm_size most  = j->max_unknowns > 0 ? j->max_unknowns : dense ? PDM_FREE_CHEAP : MOST_UNKNOWN;

    if (n_coef > most)
        snprintf(j->why, sizeof j->why, "the next grid has %lld coefficients, more than the %lld unknowns allowed%s",
                 (long long)n_coef, (long long)most, dense ? " (levels make the matrix dense)" : "");
    else
        return reference_ends(j, n_coef, dense ? 3.0 : 1.5);
    return true;
}

/* On the case's own grid. */
static pdm_status first_round(reference_job *j, const pdm_problem *p, double start)
{
    pdm_status     status = PDM_OK;
    const pdm_size most   = j->max_unknowns > 0 ? j->max_unknowns : MOST_UNKNOWN;

    reference_set_case(j, p);
    j->most_order = pdm_domain_order(p->domain);
    if (pdm_domain_n_free(p->domain) > most)
        PDM_FAIL(j->ctx, PDM_ERR_ARGUMENT, "the grid of the case has %lld unknowns already; at most %lld are allowed",
                 (long long)pdm_domain_n_free(p->domain), (long long)most);
    PDM_TRY(solve_round(j, p, start));
done:
    return status;
}

/* One finer grid: *p is replaced. Without memory for it the rounds end. */
static pdm_status next_round(reference_job *j, pdm_case *c, pdm_problem **p, bool *ended)
{
    pdm_status   status = PDM_OK;
    pdm_problem *finer  = NULL;
    const double start  = pdm_clock();

    PDM_TRY(pdm_problem_create(c, PDM_PROBLEM_WHOLE, NULL, &finer));
    PDM_TRY(solve_round(j, finer, start));
    pdm_problem_destroy(p);
    *p    = finer;
    finer = NULL;
done:
    pdm_problem_destroy(&finer);
    return reference_survive(j, status, ended);
}

pdm_status reference_polish(reference_job *j)
{
    pdm_status   status = PDM_OK;
    pdm_model   *own    = NULL;
    pdm_problem *p      = NULL;
    pdm_case    *c      = NULL;
    bool         ended  = false;
    const double start  = pdm_clock();

    PDM_TRY(pdm_model_create(j->the_case, &own)); /* with a network: everything in the case is read and checked */
    PDM_TRY(first_round(j, own->whole, start));
    while (!ended && !j->is_converged) {
        const pdm_problem *before = p ? p : own->whole;
        pdm_size           n_coef;
        PDM_TRY(finer_case(j, before, j->n_round, &c, &n_coef));
        ended = is_beyond(j, before, n_coef);
        if (!ended) PDM_TRY(next_round(j, c, &p, &ended));
        pdm_case_destroy(&c);
    }
done:
    pdm_case_destroy(&c);
    pdm_problem_destroy(&p);
    pdm_model_destroy(&own);
    return status;
}
