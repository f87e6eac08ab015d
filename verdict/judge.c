/* The judge: an answer beside those on spans half and twice as long. docs/mathematics.md, "Verdicts". */
#include "verdict/verdict.h"

#include <math.h>

#include "verdict/verdict_impl.h"

enum { FINER_ITERATIONS = 6, COARSER_ITERATIONS = 60, CG_ITERATIONS = 1000 };
static const double FINER_TOLERANCE  = 3e-2; /* decrement relative to the residual: steps below it change little  */
static const double LINEAR_TOLERANCE = 1.0;  /* the first step is the last                                         */
static const double ABOUT_NARROW =
    1e-3; /* on spans that grow fast about narrow data: it is smooth errors that are left */
static const double COARSER_TOLERANCE = 1e-4;
static const double DAMPING           = 1e-9;
static const double CG_TOLERANCE      = 1e-3;
static const double MOST_UNKNOWN      = 60000.0; /* of the finer grid, for it to be solved on */

struct pdm_judge {
    const pdm_problem     *problem; /* whole */
    const pdm_march       *march;   /* NULL: none */
    const pdm_problem     *solved;  /* the problem, or the slab of the march */
    const pdm_output_grid *grid;
    pdm_judge_depth        depth;
    prolongation           prolongation;
    companion              finer, coarser; /* .problem NULL: there is none */
    left_over  *left, *after; /* of the answer; of the one on the finer grid (NULL: none), on the same cells */
    unseen_data unseen;
    pdm_size    n;
    double      most_order, seconds;
};

/* ---- creation ---- */

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

static bool is_linear(const pdm_problem *p)
{
    const pdm_rows_desc *rows = pdm_domain_rows(p->domain);
    pdm_size             n    = 0;
    for (pdm_size t = 0; t < rows->n_term; t++) n += rows->term[t].n_second;
    return n == 0;
}

static double finer_tolerance(const pdm_judge *j)
{
    for (pdm_size i = 0; i < PDM_MAX_DIM; i++)
        if (j->problem->data_growth[i] > 0.0) return ABOUT_NARROW;
    return is_linear(j->solved) ? LINEAR_TOLERANCE : FINER_TOLERANCE;
}

static pdm_status create_finer(pdm_judge *j, pdm_size n_most)
{
    pdm_status status = PDM_OK;
    companion *c      = &j->finer;

    PDM_TRY(pdm_problem_change_grid(j->problem, PDM_GRID_HALVED, &c->whole));
    if (j->march) PDM_TRY(pdm_march_refine(j->march, c->whole, 2, &c->march));
    ease_solve(c->march ? c->march->slab : c->whole);
    if ((double)pdm_domain_n_free((c->march ? c->march->slab : c->whole)->domain) > MOST_UNKNOWN)
        j->depth = PDM_JUDGE_LEFT_OVER;
    const companion_limits limits = {.tolerance = finer_tolerance(j),
                                     .max_iter  = FINER_ITERATIONS,
                                     .n_most    = n_most,
                                     .solves    = j->depth == PDM_JUDGE_ESTIMATE};
    PDM_TRY(companion_create(j->problem, j->grid, &limits, c));
    PDM_TRY(prolongation_create(j->solved->domain, c->problem->domain, &j->prolongation));
    PDM_TRY(left_over_create(c->problem, n_most, &j->left));
    if (limits.solves) PDM_TRY(left_over_create(c->problem, n_most, &j->after));
done:
    return status;
}

/* Too few spans to be put together, or no grid of so few: there is no coarser one. */
static pdm_status create_coarser(pdm_judge *j, pdm_size n_most)
{
    pdm_status             status = PDM_OK;
    companion             *c      = &j->coarser;
    const companion_limits limits = {
        .tolerance = COARSER_TOLERANCE, .max_iter = COARSER_ITERATIONS, .n_most = n_most, .solves = true};

    status = pdm_problem_change_grid(j->problem, PDM_GRID_DOUBLED, &c->whole);
    if (status == PDM_OK && j->march) status = pdm_march_create(c->whole, j->march->n_slab, &c->march);
    if (status == PDM_OK) status = companion_create(j->problem, j->grid, &limits, c);
    if (status != PDM_ERR_CASE) return status;
    companion_destroy(c);
    return PDM_OK;
}

/* Where there is no room for a finer grid, or no case of one, nothing can be said. */
static pdm_status open_eyes(pdm_judge *j, pdm_size n_most)
{
    const pdm_status status = create_finer(j, n_most);
    if (status != PDM_ERR_CASE && status != PDM_ERR_MEMORY) return status;
    pdm_log(j->problem->ctx, PDM_LOG_WARNING, "verdict",
            "there is none: the finer grid that it needs cannot be had: %s", pdm_context_error(j->problem->ctx));
    left_over_destroy(j->problem->ctx, &j->left);
    left_over_destroy(j->problem->ctx, &j->after);
    prolongation_destroy(j->problem->ctx, &j->prolongation);
    companion_destroy(&j->finer);
    j->depth = PDM_JUDGE_LEFT_OVER;
    return PDM_OK;
}

pdm_status pdm_judge_create(const pdm_problem *p, const pdm_march *march, const pdm_output_grid *grid, pdm_size n_most,
                            pdm_judge_depth depth, pdm_judge **out)
{
    pdm_status   status = PDM_OK;
    pdm_judge   *j      = NULL;
    const double start  = pdm_clock();

    PDM_TRY(pdm_alloc(p->ctx, sizeof *j, &j));
    j->problem    = p;
    j->march      = march;
    j->solved     = march ? march->slab : p;
    j->grid       = grid;
    j->depth      = depth;
    j->most_order = pdm_domain_order(p->domain);
    PDM_TRY(unseen_create(p, n_most, &j->unseen));
    PDM_TRY(open_eyes(j, n_most));
    if (j->depth == PDM_JUDGE_ESTIMATE) PDM_TRY(create_coarser(j, n_most));
    j->seconds = pdm_clock() - start;
    *out       = j;
    j          = NULL;
done:
    pdm_judge_destroy(&j);
    return status;
}

void pdm_judge_destroy(pdm_judge **judge)
{
    pdm_judge *j = *judge;
    if (!j) return;
    pdm_context *ctx = j->problem->ctx;
    unseen_destroy(ctx, &j->unseen);
    left_over_destroy(ctx, &j->left);
    left_over_destroy(ctx, &j->after);
    prolongation_destroy(ctx, &j->prolongation);
    companion_destroy(&j->coarser);
    companion_destroy(&j->finer);
    pdm_free(ctx, j);
    *judge = NULL;
}

/* ---- a batch ---- */

pdm_status pdm_judge_begin(pdm_judge *j, pdm_size n, const double *input)
{
    pdm_status   status = PDM_OK;
    const double start  = pdm_clock();

    j->n = n;
    PDM_TRY(unseen_look(j->problem, n, input, &j->unseen));
    if (!j->left) goto done;
    left_over_begin(j->left);
    if (j->after) left_over_begin(j->after);
    PDM_TRY(companion_inputs(&j->finer, n, input));
    if (j->coarser.problem) PDM_TRY(companion_inputs(&j->coarser, n, input));
    j->seconds += pdm_clock() - start;
done:
    return status;
}

/* The answer's coefficients, on the finer grid. */
static pdm_status prolong(pdm_judge *j, pdm_buffer *c)
{
    pdm_status     status = PDM_OK;
    pdm_backend   *b = j->solved->backend, *b_finer = j->finer.problem->backend;
    const pdm_size n_field = pdm_domain_n_field(j->solved->domain), n_from = pdm_domain_n_coef(j->solved->domain);
    const pdm_size n_to = pdm_domain_n_coef(j->finer.problem->domain);
    void          *from = NULL, *to = NULL;

    PDM_TRY(b->ops->acquire(b, c, PDM_READ, &from));
    PDM_TRY(b_finer->ops->acquire(b_finer, j->finer.start, PDM_WRITE, &to));
    for (pdm_size i = 0; i < j->n * n_field; i++)
        prolongation_apply(&j->prolongation, (const double *)from + i * n_from, (double *)to + i * n_to);
done:
    if (from) (void)b->ops->release(b, c, &from);
    if (to) (void)b_finer->ops->release(b_finer, j->finer.start, &to);
    return status;
}

pdm_status pdm_judge_slab(pdm_judge *j, pdm_size k, pdm_buffer *c)
{
    pdm_status   status = PDM_OK;
    const double start  = pdm_clock();

    if (!j->left) return PDM_OK;
    const pdm_batch batch = pdm_samples_batch(j->finer.samples, j->n);
    PDM_TRY(companion_prepare(&j->finer, j->n, k));
    PDM_TRY(prolong(j, c));
    PDM_TRY(left_over_add(j->left, batch, &j->finer.samples->data, j->finer.start, k));
    if (j->finer.free) {
        PDM_TRY(companion_solve(&j->finer, j->n, k, PDM_START_PRESENT));
        PDM_TRY(left_over_add(j->after, batch, &j->finer.samples->data, pdm_solver_lend(j->finer.free->solver)->c, k));
    }
    if (j->coarser.problem) {
        PDM_TRY(companion_prepare(&j->coarser, j->n, k));
        PDM_TRY(companion_solve(&j->coarser, j->n, k, PDM_START_ZERO));
    }
    j->seconds += pdm_clock() - start;
done:
    return status;
}

pdm_status pdm_judge_end(pdm_judge *j, const double *u, const pdm_solve_result *result, pdm_assessment *out)
{
    const pdm_size size      = pdm_domain_n_field(j->problem->domain) * j->grid->n_point;
    const bool     estimated = j->finer.free != NULL;

    for (pdm_size i = 0; i < j->n; i++) {
        pdm_assessment *v = &out[i];
        *v                = (pdm_assessment){.reason     = result[i].reason,
                                             .estimated  = estimated,
                                             .finer_good = estimated && j->finer.converged[i],
                                             .blind      = !j->left,
                                             .worst      = NAN,
                                             .order      = NAN};
        for (pdm_size f = 0; f < PDM_MAX_FIELD; f++) v->estimate[f] = NAN;
        v->left = NAN;
        if (j->left) left_over_take(j->left, i, v);
        unseen_take(&j->unseen, i, v);
        v->left_finer = j->after ? left_over_largest(j->after, i) : NAN;
        if (estimated)
            estimate_error(j->grid, u + i * size, j->finer.u + i * size,
                           j->coarser.problem && j->coarser.converged[i] ? j->coarser.u + i * size : NULL,
                           j->most_order, v);
        pdm_verdict_decide(v, j->problem->solving.accuracy);
    }
    return PDM_OK;
}

double pdm_judge_seconds(const pdm_judge *j)
{
    return j->seconds;
}

pdm_judge_depth pdm_judge_depth_of(const pdm_judge *j)
{
    return j->depth;
}
