/* Beside a solve: what its answers leave over, how far they are from others, and the word for it. An answer that is more
 * accurate than it has to be, and whose residuals fall in the order of a smooth solution, is judged by a coarser one
 * alone; all others are solved on a finer grid. */
#include "verdict/verdict.h"

#include <math.h>
#include <string.h>

#include "verdict/verdict_impl.h"

enum { COARSER_ITERATIONS = 60, BOX_SPANS = 2, AT_ONCE = 4 /* samples on the finer grid */ };
static const double COARSER_TOLERANCE = 1e-2;
static const double CLEAR_LEFT        = 0.03; /* right answers leave less                                      */
static const double CLEAR_ORDER       = 2.2;  /* of the roots of objectives; kinks, fronts and corners have less */
static const double CLEAR_SHARE       = 0.1; /* of the accuracy: an estimate that is 10 times too small is good still */
static const double CLEAR_ROOM        = 5.0; /* times the estimate, for what is left over along the softest direction */

struct pdm_judge {
    const pdm_problem     *problem; /* whole */
    const pdm_march       *march;   /* NULL: none */
    const pdm_problem     *solved;  /* the problem, or the slab of the march */
    const pdm_output_grid *grid;
    pdm_judge_depth        depth;
    pdm_size               n_most, n;
    double                 most_order, seconds;
    companion              cells;       /* the same splines on other cells: rows alone. .problem NULL: there is none */
    companion              coarser;     /* .problem NULL: there is none */
    soft_direction         soft;        /* of the coarser one; .of NULL: not known */
    finer_grid             finer;       /* made on first use */
    bool                   tried_finer; /* .after NULL then: there is none */
    left_over             *left;        /* of the answer, on these cells; NULL: none */
    unseen_data            unseen;
    double                *input; /* [n_most][n_input] of the batch */
    double                *few;   /* [AT_ONCE][n_input] of those on the finer grid */
    kept_answer            answer;
    conservation          *balance; /* of the answer, on the same cells as left; NULL: none */
};

/* ---- creation ---- */

static pdm_status create_cells(pdm_judge *j)
{
    pdm_status             status = PDM_OK;
    companion             *c      = &j->cells;
    const companion_limits limits = {.n_most = j->n_most};

    PDM_TRY(pdm_problem_change_grid(j->problem, PDM_GRID_CELLS, &c->whole));
    if (j->march) PDM_TRY(pdm_march_refine(j->march, c->whole, 1, &c->march));
    PDM_TRY(companion_create(j->problem, j->grid, &limits, c));
    PDM_TRY(left_over_create(c->problem, j->n_most, BOX_SPANS, &j->left));
    PDM_TRY(conservation_create(c->problem, j->n_most, &j->balance));
done:
    return status;
}

/* Without them nothing can be said. */
static pdm_status open_eyes(pdm_judge *j)
{
    const pdm_status status = create_cells(j);
    if (status != PDM_ERR_CASE && status != PDM_ERR_MEMORY) return status;
    pdm_log(j->problem->ctx, PDM_LOG_WARNING, "verdict",
            "there is none: the finer cells that it needs cannot be had: %s", pdm_context_error(j->problem->ctx));
    conservation_destroy(j->problem->ctx, &j->balance);
    left_over_destroy(j->problem->ctx, &j->left);
    companion_destroy(&j->cells);
    j->depth = PDM_JUDGE_LEFT_OVER;
    return PDM_OK;
}

/* Too few spans to be put together, or no grid of so few: there is no coarser one. */
static pdm_status create_coarser(pdm_judge *j)
{
    pdm_status             status = PDM_OK;
    companion             *c      = &j->coarser;
    const companion_limits limits = {
        .tolerance = COARSER_TOLERANCE, .max_iter = COARSER_ITERATIONS, .n_most = j->n_most, .solves = true};

    status = pdm_problem_change_grid(j->problem, PDM_GRID_DOUBLED, &c->whole);
    if (status == PDM_OK && j->march) status = pdm_march_coarsen(j->march, c->whole, &c->march);
    if (status == PDM_OK) status = companion_create(j->problem, j->grid, &limits, c);
    if (status == PDM_OK && !c->march) status = soft_direction_create(c, j->n_most, &j->soft);
    if (status != PDM_ERR_CASE) return status;
    soft_direction_destroy(j->problem->ctx, &j->soft);
    companion_destroy(c);
    return PDM_OK;
}

/* Made when an answer asks for it. Where it is too large, or there is no memory for it, answers do without. */
static pdm_status find_finer(pdm_judge *j)
{
    if (j->tried_finer) return PDM_OK;
    j->tried_finer = true;
    const pdm_status status =
        finer_grid_create(j->problem, j->march, j->grid, j->n_most < AT_ONCE ? j->n_most : AT_ONCE, &j->finer);
    if (status == PDM_OK) return PDM_OK;
    finer_grid_destroy(j->problem->ctx, &j->finer);
    if (status != PDM_ERR_CASE && status != PDM_ERR_MEMORY) return status;
    pdm_log(j->problem->ctx, PDM_LOG_WARNING, "verdict", "there is no finer grid to judge by: %s",
            pdm_context_error(j->problem->ctx));
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
    j->n_most     = n_most;
    j->most_order = pdm_domain_order(p->domain);
    PDM_TRY(pdm_alloc_array(p->ctx, n_most * pdm_domain_n_input(p->domain), &j->input));
    PDM_TRY(pdm_alloc_array(p->ctx, AT_ONCE * pdm_domain_n_input(p->domain), &j->few));
    PDM_TRY(unseen_create(p, n_most, &j->unseen));
    PDM_TRY(open_eyes(j));
    if (j->depth >= PDM_JUDGE_ESTIMATE) PDM_TRY(create_coarser(j));
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
    kept_answer_destroy(ctx, &j->answer);
    finer_grid_destroy(ctx, &j->finer);
    soft_direction_destroy(ctx, &j->soft);
    companion_destroy(&j->coarser);
    unseen_destroy(ctx, &j->unseen);
    conservation_destroy(ctx, &j->balance);
    left_over_destroy(ctx, &j->left);
    companion_destroy(&j->cells);
    pdm_free(ctx, j->input);
    pdm_free(ctx, j->few);
    pdm_free(ctx, j);
    *judge = NULL;
}

/* ---- a batch ---- */

pdm_status pdm_judge_begin(pdm_judge *j, pdm_size n, const double *input)
{
    pdm_status   status = PDM_OK;
    const double start  = pdm_clock();

    j->n             = n;
    j->answer.n_slab = 0;
    if (pdm_domain_n_input(j->problem->domain) > 0)
        memcpy(j->input, input, (size_t)(n * pdm_domain_n_input(j->problem->domain)) * sizeof *input);
    PDM_TRY(unseen_look(j->problem, n, input, &j->unseen));
    if (!j->left) goto done;
    left_over_begin(j->left);
    conservation_begin(j->balance);
    PDM_TRY(companion_inputs(&j->cells, n, input));
    j->seconds += pdm_clock() - start;
done:
    return status;
}

pdm_status pdm_judge_slab(pdm_judge *j, pdm_size k, pdm_buffer *c)
{
    companion   *rows   = &j->cells;
    pdm_status   status = PDM_OK;
    const double start  = pdm_clock();

    if (!j->left) return PDM_OK;
    if (j->depth >= PDM_JUDGE_ESTIMATE) PDM_TRY(kept_answer_put(&j->answer, j->solved, j->n_most, k, c));
    PDM_TRY(companion_prepare(rows, j->n, k));
    PDM_TRY(companion_take(rows, j->n, j->solved, c, rows->start));
    const left_over_state at = {.batch   = pdm_samples_batch(rows->samples, j->n),
                                .data    = &rows->samples->data,
                                .c       = rows->start,
                                .slab    = k,
                                .balance = j->balance};
    PDM_TRY(conservation_add(j->balance, &at));
    PDM_TRY(left_over_add(j->left, &at));
    j->seconds += pdm_clock() - start;
done:
    return status;
}

/* ---- verdicts ---- */

/* Order in which the roots of the objectives of sample i fall; NaN: they cannot be compared. */
static double residual_order(const pdm_judge *j, pdm_size i, const pdm_solve_result *result)
{
    const companion *c = &j->coarser;

    if (!c->problem || !c->converged[i] || !pdm_reason_is_good(result->reason)) return NAN;
    const double mine = companion_end(&j->cells, j->answer.n_slab), its = companion_end(c, c->grid->n_slab);
    if (fabs(mine - its) > 1e-6 * fabs(its)) return NAN;
    return 0.5 * log2(c->objective[i] / result->objective);
}

/* Does the direction in which sample i is held least leave room for an error much larger than its estimate? */
static bool is_held(const pdm_judge *j, pdm_size i, const pdm_assessment *v)
{
    return !j->soft.of || !(v->left > CLEAR_ROOM * v->worst * j->soft.held[i]);
}

static bool is_clear(const pdm_judge *j, pdm_size i, const pdm_assessment *v)
{
    return j->depth == PDM_JUDGE_ESTIMATE && !pdm_narrow_is_there(j->problem) && is_held(j, i, v) &&
           v->left <= CLEAR_LEFT && v->order >= CLEAR_ORDER && v->worst <= CLEAR_SHARE * j->problem->solving.accuracy;
}

/* What the answer itself and a coarser one say of sample i. */
static void look_at(const pdm_judge *j, pdm_size i, const double *u, const pdm_solve_result *result, pdm_assessment *v)
{
    *v = (pdm_assessment){
        .reason = result->reason, .blind = !j->left, .worst = NAN, .order = NAN, .left = NAN, .left_finer = NAN};
    for (pdm_size f = 0; f < PDM_MAX_FIELD; f++) v->estimate[f] = NAN;
    if (j->left) left_over_take(j->left, i, v);
    if (j->balance) conservation_take(j->balance, j->left, i, v);
    unseen_take(&j->unseen, i, v);
    v->one_of_many = j->soft.of && j->soft.loose[i];
    if (j->depth < PDM_JUDGE_ESTIMATE) return;
    const double   order = residual_order(j, i, result);
    const pdm_size size  = pdm_domain_n_field(j->problem->domain) * j->grid->n_point;
    if (!(order >= CLEAR_ORDER)) return;
    estimate_by_coarser(j->grid, u, j->coarser.u + i * size, order, j->most_order, v);
    v->estimated = v->finer_good = true;
}

/* Sample i, number `at` on the finer grid: u [n_field][n_point]. */
static void compare(const pdm_judge *j, pdm_size i, pdm_size at, const double *u, pdm_assessment *v)
{
    const pdm_size   size = pdm_domain_n_field(j->problem->domain) * j->grid->n_point;
    const companion *c    = &j->coarser;

    left_over_take(j->finer.before, at, v);
    v->left_finer = left_over_largest(j->finer.after, at);
    v->estimated  = true;
    v->finer_good = j->finer.companion.converged[at];
    estimate_error(j->grid, u, j->finer.companion.u + at * size, c->problem && c->converged[i] ? c->u + i * size : NULL,
                   j->most_order, v);
}

/* The samples which [n], up to AT_ONCE, on the finer grid. An answer that ended before its last slab is none. */
static pdm_status look_at_few(pdm_judge *j, pdm_size n, const pdm_size *which, const double *u, pdm_assessment *v)
{
    pdm_status     status  = PDM_OK;
    const pdm_size n_input = pdm_domain_n_input(j->problem->domain);
    const pdm_size size    = pdm_domain_n_field(j->problem->domain) * j->grid->n_point;

    PDM_TRY(find_finer(j));
    if (!j->finer.after || j->answer.n_slab < j->finer.companion.grid->n_slab) goto done;
    for (pdm_size q = 0; q < n && n_input > 0; q++)
        memcpy(j->few + q * n_input, j->input + which[q] * n_input, (size_t)n_input * sizeof *j->few);
    PDM_TRY(finer_grid_run(&j->finer, n, which, j->few, &j->answer));
    for (pdm_size q = 0; q < n; q++) compare(j, which[q], q, u + which[q] * size, &v[which[q]]);
done:
    return status;
}

/* Those that only a finer grid can judge. */
static pdm_status look_closer(pdm_judge *j, const double *u, pdm_assessment *v)
{
    pdm_status status = PDM_OK;
    pdm_size   which[AT_ONCE], n = 0;

    for (pdm_size i = 0; i < j->n; i++) {
        const bool wanted = !pdm_reason_is_useless(v[i].reason) && !(v[i].estimated && is_clear(j, i, &v[i]));
        if (wanted) which[n++] = i;
        if (n == 0 || (n < AT_ONCE && i + 1 < j->n)) continue;
        PDM_TRY(look_at_few(j, n, which, u, v));
        n = 0;
    }
done:
    return status;
}

pdm_status pdm_judge_end(pdm_judge *j, const double *u, const pdm_solve_result *result, pdm_assessment *out)
{
    pdm_status     status = PDM_OK;
    const double   start  = pdm_clock();
    const pdm_size size   = pdm_domain_n_field(j->problem->domain) * j->grid->n_point;

    if (j->coarser.problem) PDM_TRY(companion_run(&j->coarser, j->n, j->input));
    if (j->soft.of) PDM_TRY(soft_direction_find(&j->soft, j->n, j->input));
    for (pdm_size i = 0; i < j->n; i++) look_at(j, i, u ? u + i * size : NULL, &result[i], &out[i]);
    if (j->depth >= PDM_JUDGE_ESTIMATE) PDM_TRY(look_closer(j, u, out));
    for (pdm_size i = 0; i < j->n; i++) {
        if (out[i].one_of_many) soft_direction_take(&j->soft, i, &out[i]);
        pdm_verdict_decide(&out[i], j->problem->solving.accuracy);
    }
    j->seconds += pdm_clock() - start;
done:
    return status;
}

double pdm_judge_seconds(const pdm_judge *j)
{
    return j->seconds;
}

pdm_judge_depth pdm_judge_depth_of(const pdm_judge *j)
{
    return j->depth;
}
