/* Converged solutions by refined polish: the case is solved with all coefficients free on finer and finer control grids.
 * docs/mathematics.md, "Reference solutions". */
#include "train/train.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "train/train_impl.h"

enum { MOST_UNKNOWN = 20000, MOST_UNKNOWN_DENSE = 6000 };
static const double REFINE      = 1.5;  /* knot spans of a dimension from round to round */
static const double SOLVE_SHARE = 1e-4; /* tolerance of solves, of that of the reference */
static const double LEAST_SOLVE = 1e-10, MOST_SOLVE = 1e-8;

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

/* Knot spans are so much more than in the round before, on average. */
static double refinement(const reference_job *j, const pdm_model *m, const round_record *now)
{
    double ratio = 1.0;
    for (pdm_size dim = 0; dim < j->n_dim && j->n_round > 0; dim++) {
        const pdm_spline *s = pdm_domain_spline(m->domain, dim);
        const double      d = s->periodic ? 0.0 : (double)s->degree;
        ratio *= ((double)now->n[dim] - d) / ((double)j->record[j->n_round - 1].n[dim] - d);
    }
    return pow(ratio, 1.0 / (double)j->n_dim);
}

/* ---- rounds ---- */

static double solve_tolerance(const reference_job *j)
{
    return fmax(LEAST_SOLVE, fmin(MOST_SOLVE, SOLVE_SHARE * j->tolerance));
}

/* Solves on the grid of m. start: when work on this round began. */
static pdm_status solve_round(reference_job *j, pdm_model *m, double start)
{
    pdm_status   status = PDM_OK;
    round_record r      = {.start = start};

    PDM_TRY(reference_prepare(j, m));
    reference_swap(j);
    PDM_TRY(predict_batches(m, j->n_sample, j->x.input, solve_tolerance(j), j->u, j->result, NULL));
    for (pdm_size dim = 0; dim < j->n_dim; dim++) r.n[dim] = pdm_domain_spline(m->domain, dim)->n_coef;
    r.unknowns    = pdm_domain_n_free(m->domain);
    r.unconverged = (pdm_size)pdm_model_value(m, "unconverged");
    r.ratio       = refinement(j, m, &r);
    reference_end_round(j, m, &r);
    PDM_TRY(reference_write(j, m, solve_tolerance(j)));
done:
    return status;
}

/* True, with the reason in j->why, when the next round is beyond what was allowed. */
static bool is_beyond(reference_job *j, const pdm_model *m, pdm_size n_coef)
{
    const bool     dense = pdm_domain_rows(m->domain)->n_pyramid > 0;
    const pdm_size most  = j->max_unknowns > 0 ? j->max_unknowns : dense ? MOST_UNKNOWN_DENSE : MOST_UNKNOWN;

    if (n_coef > most)
        snprintf(j->why, sizeof j->why, "the next grid has %lld coefficients, more than the %lld unknowns allowed%s",
                 (long long)n_coef, (long long)most, dense ? " (levels make the matrix dense)" : "");
    else
        return reference_ends(j, n_coef, dense ? 3.0 : 1.5);
    return true;
}

static pdm_status first_round(reference_job *j, pdm_model **out)
{
    pdm_status     status = PDM_OK;
    pdm_model     *m      = NULL;
    const double   start  = pdm_clock();
    const pdm_size most   = j->max_unknowns > 0 ? j->max_unknowns : MOST_UNKNOWN;

    PDM_TRY(pdm_model_create(j->the_case, &m)); /* with a network: everything in the case is read and checked */
    reference_set_case(j, m);
    j->most_order = 1.0; /* the order of errors is that of the splines, at most */
    for (pdm_size dim = 0; dim < j->n_dim; dim++)
        j->most_order = fmax(j->most_order, (double)pdm_domain_spline(m->domain, dim)->degree + 1.0);
    if (pdm_domain_n_free(m->domain) > most)
        PDM_FAIL(j->ctx, PDM_ERR_ARGUMENT, "the grid of the case has %lld unknowns already; at most %lld are allowed",
                 (long long)pdm_domain_n_free(m->domain), (long long)most);
    PDM_TRY(solve_round(j, m, start));
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
    pdm_model_destroy(m);
    *m    = finer;
    finer = NULL;
done:
    pdm_model_destroy(&finer);
    return reference_survive(j, status, ended);
}

pdm_status reference_polish(reference_job *j)
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
