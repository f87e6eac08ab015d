/* Converged solutions by the method of lines: nodes and the tolerance in time are refined together. The first model
 * says where nodes are dense; that of a round only brings inputs to them. docs/mathematics.md,
 * "The method of lines". */
#include "evidence/evidence.h"

#include <math.h>
#include <stdio.h>

#include "evidence/evidence_impl.h"

enum { MOST_UNKNOWN = 40000, LEAST_NODES = 24 };
static const double FIRST_SHARE    = 0.1;   /* tolerance in time of the first round, of that of the reference */
static const double TIGHTER        = 0.25;  /* from round to round                                            */
static const double ROUNDING_BELOW = 1e-4;  /* changes that small and rising come from rounding */
static const double LEAST_IN_TIME  = 1e-12; /* IDA's limit is rounding                                        */

/* More nodes along each dimension from round to round. */
static double refine(const reference_job *j)
{
    return j->n_dim == 2 ? 2.0 : 1.5;
}

/* Nodes of round `round`: in proportion to the knot spans of the case. */
static pdm_size nodes_of(const reference_job *j, const pdm_problem *own, pdm_size round, pdm_size n[PDM_MAX_DIM])
{
    pdm_size unknowns = j->n_field;
    n[0]              = 1;
    for (pdm_size f = 0; f < j->n_field; f++) unknowns += pdm_pde_order(own->pde, f, 0) == 2;
    for (pdm_size dim = 1; dim < j->n_dim; dim++) {
        const double spans = (double)((j->n_dim == 2 ? 4 : 2) * j->n_span0[dim]), least = (double)LEAST_NODES;
        n[dim] = (pdm_size)floor(fmax(spans, least) * pow(refine(j), (double)round) + 0.5);
        if (!pdm_domain_spline(own->domain, dim)->periodic) n[dim]++;
        unknowns *= n[dim];
    }
    return unknowns;
}

/* The case with as many control points as nodes, and little else: inputs as splines, no network, one sample at a time. */
static pdm_status input_case(const reference_job *j, const pdm_problem *own, const pdm_size *n, pdm_case **out)
{
    pdm_status status = PDM_OK;
    pdm_case  *c      = NULL;

    PDM_TRY(pdm_case_copy(j->the_case, &c));
    for (pdm_size dim = 0; dim < j->n_dim; dim++) {
        const pdm_spline *s = pdm_domain_spline(own->domain, dim);
        char              group[PDM_GROUP_TEXT];
        pdm_problem_dim_group(own, dim, group);
        if (pdm_case_has(c, group, "knots")) PDM_TRY(pdm_case_remove(c, group, "knots"));
        PDM_TRY(pdm_case_set_text(c, group, "kinks", "none"));
        if (pdm_domain_wants_grading(own->domain, dim)) PDM_TRY(pdm_case_set_text(c, group, "grading", "none"));
        PDM_TRY(pdm_case_set_count(c, group, "experts", 1));
        PDM_TRY(pdm_case_set_count(c, group, "control_points", dim == 0 ? s->degree + 1 : n[dim] + s->degree));
    }
    PDM_TRY(pdm_case_set_count(c, "experts", "basis", 1));
    PDM_TRY(pdm_case_set_count(c, "training", "batch", 1));
    *out = c;
    c    = NULL;
done:
    pdm_case_destroy(&c);
    return status;
}

/* A problem that brings inputs to nodes, and the output's grid. */
static pdm_status input_problem(reference_job *j, const pdm_problem *own, const pdm_size *n, pdm_problem **out,
                                pdm_output_grid **grid)
{
    pdm_status   status = PDM_OK;
    pdm_case    *c      = NULL;
    pdm_problem *p      = NULL;

    PDM_TRY(input_case(j, own, n, &c));
    PDM_TRY(pdm_problem_create(c, PDM_PROBLEM_INPUTS, NULL, &p));
    PDM_TRY(reference_prepare(j, p, grid));
    *out = p;
    p    = NULL;
done:
    pdm_problem_destroy(&p);
    pdm_case_destroy(&c);
    return status;
}

static pdm_status create_lines(reference_job *j, const pdm_problem *own, pdm_problem *p, const pdm_size *n,
                               pdm_lines **out)
{
    pdm_status    status         = PDM_OK;
    double       *x[PDM_MAX_DIM] = {0};
    const double *lent[PDM_MAX_DIM];

    for (pdm_size dim = 0; dim < j->n_dim; dim++) {
        PDM_TRY(pdm_alloc_array(j->ctx, n[dim], &x[dim]));
        if (dim > 0) pdm_nodes_place(pdm_domain_spline(own->domain, dim), n[dim], x[dim]);
        lent[dim] = x[dim];
    }
    PDM_TRY(pdm_lines_create(j->ctx, p->domain, n, lent, out));
done:
    for (pdm_size dim = 0; dim < j->n_dim; dim++) pdm_free(j->ctx, x[dim]);
    return status;
}

static pdm_status integrate_samples(reference_job *j, const pdm_problem *own, const pdm_output_grid *grid, pdm_lines *l,
                                    double tolerance)
{
    pdm_status          status  = PDM_OK;
    const double *const lent[]  = {grid->coordinate[0], grid->coordinate[1], grid->coordinate[2]};
    const pdm_size      n_input = pdm_domain_n_input(grid->problem->domain), size = j->n_field * grid->n_point;

    for (pdm_size s = 0; s < j->n_sample; s++) {
        pdm_lines_work work = {0};
        PDM_TRY(pdm_lines_set_input(l, j->x.input + s * n_input));
        PDM_TRY(pdm_lines_integrate(l, tolerance, own->magnitude, grid->n, lent, j->u + s * size, &work));
        j->result[s] = (pdm_solve_result){.reason         = PDM_REASON_CONVERGED,
                                          .iterations     = (int32_t)work.steps,
                                          .factorisations = (int32_t)work.factorisations,
                                          .objective      = NAN,
                                          .decrement      = NAN};
    }
done:
    return status;
}

/* own: the problem of the case itself. */
static pdm_status solve_round(reference_job *j, const pdm_problem *own)
{
    pdm_status       status = PDM_OK;
    pdm_problem     *p      = NULL;
    pdm_output_grid *grid   = NULL;
    pdm_lines       *l      = NULL;
    const pdm_size   round  = j->n_round;
    const double     asked  = FIRST_SHARE * j->tolerance * pow(TIGHTER, (double)round);
    round_record     r      = {.start = pdm_clock(), .ratio = refine(j), .time_tolerance = fmax(LEAST_IN_TIME, asked)};

    r.unknowns = nodes_of(j, own, round, r.n);
    PDM_TRY(input_problem(j, own, r.n, &p, &grid));
    PDM_TRY(create_lines(j, own, p, r.n, &l));
    reference_swap(j);
    status = integrate_samples(j, own, grid, l, r.time_tolerance);
    if (status != PDM_OK) reference_swap(j); /* what there was stays */
    PDM_TRY(status);
    reference_end_round(j, grid->n_point, &r);
    PDM_TRY(reference_write(j, grid, 0.0));
done:
    pdm_lines_destroy(&l);
    pdm_output_grid_destroy(&grid);
    pdm_problem_destroy(&p);
    return status;
}

/* Where the integration does not get through after the first round, what there is stays too. */
static pdm_status survive(reference_job *j, pdm_status status, bool *ended)
{
    if (status != PDM_ERR_NUMERIC) return reference_survive(j, status, ended);
    snprintf(j->why, sizeof j->why, "%s", pdm_context_error(j->ctx));
    *ended = true;
    return PDM_OK;
}

static bool is_beyond(reference_job *j, const pdm_problem *own)
{
    pdm_size       n[PDM_MAX_DIM];
    const pdm_size next = nodes_of(j, own, j->n_round, n), most = j->max_unknowns > 0 ? j->max_unknowns : MOST_UNKNOWN;

    const round_record *last = &j->record[j->n_round - 1];

    if (j->n_round > 3 && last->change < ROUNDING_BELOW && !(last->change < last[-1].change)) {
        snprintf(j->why, sizeof j->why, "changes do not fall any more: rounding of differences on fine nodes");
        return true;
    }
    if (next <= most) return reference_ends(j, next, j->n_dim == 2 ? 1.2 : 1.7);
    snprintf(j->why, sizeof j->why, "the next grid has %lld unknowns, more than the %lld allowed", (long long)next,
             (long long)most);
    return true;
}

/* Refuses before any work is done. */
static pdm_status check(reference_job *j, const pdm_problem *own)
{
    pdm_status     status = PDM_OK;
    char           why[300];
    pdm_size       n[PDM_MAX_DIM];
    const pdm_size most = j->max_unknowns > 0 ? j->max_unknowns : MOST_UNKNOWN;

    if (pdm_lines_refuses(own->domain, why, sizeof why))
        PDM_FAIL(j->ctx, PDM_ERR_ARGUMENT, "the method of lines: %s", why);
    if (nodes_of(j, own, 0, n) > most)
        PDM_FAIL(j->ctx, PDM_ERR_ARGUMENT,
                 "the method of lines: the first grid has %lld unknowns; at most %lld are allowed",
                 (long long)nodes_of(j, own, 0, n), (long long)most);
done:
    return status;
}

pdm_status reference_lines(reference_job *j)
{
    pdm_status       status = PDM_OK;
    pdm_model       *model  = NULL;
    pdm_output_grid *grid   = NULL;
    bool             ended  = false;

    if (!pdm_lines_is_built())
        PDM_FAIL(
            j->ctx, PDM_ERR_ARGUMENT,
            "the method of lines: this pdemoe is built without SUNDIALS, which it needs (Debian: libsundials-dev)");
    PDM_TRY(pdm_model_create(j->the_case, &model)); /* with a network: everything in the case is read and checked */
    const pdm_problem *own = model->whole;
    reference_set_case(j, own);
    j->most_order = log(1.0 / TIGHTER) / log(refine(j)); /* errors in time fall no faster: below the order in space */
    PDM_TRY(check(j, own));
    PDM_TRY(reference_prepare(j, own, &grid)); /* coordinates are those of the case's own grid */
    PDM_TRY(pdm_notes_warn(own, "reference", j->n_sample, j->x.input));
    PDM_TRY(solve_round(j, own));
    while (!ended && !j->is_converged) {
        ended = is_beyond(j, own);
        if (!ended) PDM_TRY(survive(j, solve_round(j, own), &ended));
    }
done:
    pdm_output_grid_destroy(&grid);
    pdm_model_destroy(&model);
    return status;
}
