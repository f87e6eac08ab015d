/* An answer held against a grid whose knot spans are half as long: solved there from the answer, slab after slab. */
#include "verdict/verdict.h"

#include "verdict/verdict_impl.h"

enum { ITERATIONS = 6, CG_ITERATIONS = 1000, BOX_SPANS = 4 /* two of the answer's */ };
static const double TOLERANCE        = 3e-2; /* decrement relative to the residual: steps below it change little  */
static const double LINEAR_TOLERANCE = 1.0;  /* the first step is the last                                         */
static const double ABOUT_NARROW =
    1e-3; /* on spans that grow fast about narrow data: it is smooth errors that are left */
static const double DAMPING      = 1e-9;
static const double CG_TOLERANCE = 1e-3;
static const double MOST_UNKNOWN = 60000.0; /* for it to be solved on */

/* The start is near: hardly any damping, which would hold back the smooth errors, whose residuals are small.
 * A dense matrix is not factored: conjugate gradients, from a start that is near, do with its blocks. To a tolerance that
 * leaves nothing of smooth errors, which they find last. */
static void ease_solve(pdm_problem *finer)
{
    finer->solving.damping = DAMPING;
    if (pdm_domain_rows(finer->domain)->n_pyramid == 0) return;
    finer->solving.linear        = PDM_LINEAR_CG;
    finer->solving.cg_tolerance  = CG_TOLERANCE;
    finer->solving.cg_iterations = CG_ITERATIONS;
}

static double tolerance_for(const pdm_problem *p, const pdm_problem *solved)
{
    if (pdm_narrow_is_there(p)) return ABOUT_NARROW;
    return pdm_rows_are_linear(pdm_domain_rows(solved->domain)) ? LINEAR_TOLERANCE : TOLERANCE;
}

pdm_status finer_grid_create(const pdm_problem *p, const pdm_march *march, const pdm_output_grid *grid, pdm_size n_most,
                             finer_grid *f)
{
    pdm_status         status = PDM_OK;
    companion         *c      = &f->companion;
    const pdm_problem *solved = march ? march->slab : p;
    companion_limits   limits = {
          .tolerance = tolerance_for(p, solved), .max_iter = ITERATIONS, .n_most = n_most, .solves = true};

    PDM_TRY(pdm_problem_change_grid(p, PDM_GRID_HALVED, &c->whole));
    if (march) PDM_TRY(pdm_march_refine(march, c->whole, 2, &c->march));
    pdm_problem *finer = c->march ? c->march->slab : c->whole;
    if ((double)pdm_domain_n_free(finer->domain) > MOST_UNKNOWN)
        PDM_FAIL(p->ctx, PDM_ERR_CASE, "%lld unknowns on knot spans half as long; at most %g expected",
                 (long long)pdm_domain_n_free(finer->domain), MOST_UNKNOWN);
    ease_solve(finer);
    PDM_TRY(companion_create(p, grid, &limits, c));
    PDM_TRY(prolongation_create(solved->domain, finer->domain, &f->prolongation));
    PDM_TRY(left_over_create(finer, n_most, BOX_SPANS, &f->before));
    PDM_TRY(left_over_create(finer, n_most, BOX_SPANS, &f->after));
done:
    return status;
}

void finer_grid_destroy(pdm_context *ctx, finer_grid *f)
{
    left_over_destroy(ctx, &f->before);
    left_over_destroy(ctx, &f->after);
    prolongation_destroy(ctx, &f->prolongation);
    companion_destroy(&f->companion);
}

/* Coefficients [n_most][n_field][n_coef] of the samples which [n], to where the solve starts. */
static pdm_status prolong(finer_grid *f, pdm_size n, const pdm_size *which, const double *from)
{
    pdm_status     status  = PDM_OK;
    companion     *c       = &f->companion;
    pdm_backend   *b       = c->problem->backend;
    const pdm_size n_field = pdm_domain_n_field(c->problem->domain), n_to = pdm_domain_n_coef(c->problem->domain);
    const pdm_size n_from = pdm_domain_n_coef(f->prolongation.from);
    void          *to     = NULL;

    PDM_TRY(b->ops->acquire(b, c->start, PDM_WRITE, &to));
    for (pdm_size i = 0; i < n; i++)
        for (pdm_size q = 0; q < n_field; q++)
            prolongation_apply(&f->prolongation, from + (which[i] * n_field + q) * n_from,
                               (double *)to + (i * n_field + q) * n_to);
done:
    status = pdm_release(b, status, c->start, &to);
    return status;
}

pdm_status finer_grid_run(finer_grid *f, pdm_size n, const pdm_size *which, const double *input, const kept_answer *a)
{
    pdm_status      status = PDM_OK;
    companion      *c      = &f->companion;
    const pdm_batch batch  = pdm_samples_batch(c->samples, n);
    pdm_buffer     *answer = pdm_solver_lend(c->free->solver)->c;

    left_over_begin(f->before);
    left_over_begin(f->after);
    PDM_TRY(companion_inputs(c, n, input));
    for (pdm_size k = 0; k < a->n_slab; k++) {
        PDM_TRY(companion_prepare(c, n, k));
        PDM_TRY(prolong(f, n, which, a->slab[k]));
        const left_over_state at = {.batch = batch, .data = &c->samples->data, .c = c->start, .slab = k};
        PDM_TRY(left_over_add(f->before, &at));
        PDM_TRY(companion_solve(c, n, k, PDM_START_PRESENT));
        const left_over_state then = {.batch = batch, .data = &c->samples->data, .c = answer, .slab = k};
        PDM_TRY(left_over_add(f->after, &then));
    }
done:
    return status;
}
