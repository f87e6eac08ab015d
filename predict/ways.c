/* Ways to solve a batch. */
#include "predict/predict.h"

enum {
    HALVINGS = 2,    /* of slabs that have no solution */
    LARGE    = 20000 /* coefficients of a large solve */
};

/* ---- with all coefficients free ---- */

static pdm_status halve_free(void *user, const pdm_way **finer);

static pdm_status load_march(void *user, pdm_size n, const double *input)
{
    pdm_free_way *w = user;
    w->whole        = input;
    return pdm_march_inputs(w->march, n, input, w->samples->input);
}

static pdm_status prepare_free(void *user, pdm_size n, const double *input)
{
    pdm_status          status = PDM_OK;
    const pdm_free_way *w      = user;

    if (w->march) PDM_TRY(pdm_march_follow(w->march, n, w->whole, w->samples->input));
    PDM_TRY(pdm_samples_prepare(w->samples, n, input));
done:
    return status;
}

static pdm_status solve_free(void *user, pdm_batch batch, pdm_predict_times *times, const pdm_solver **answer)
{
    pdm_status          status = PDM_OK;
    const pdm_free_way *w      = user;
    const double        start  = pdm_clock();

    PDM_TRY(pdm_free_solver_solve(w->free, w->samples, batch, PDM_START_ZERO));
    *answer = w->free->solver;
    times->solve += pdm_clock() - start;
done:
    return status;
}

/* So many samples make a large solve of p together: more of them at once only take memory. */
static pdm_size samples_at_once(const pdm_problem *p, pdm_size n_most)
{
    const pdm_size few = LARGE / (pdm_domain_n_field(p->domain) * pdm_domain_n_coef(p->domain)) + 1;
    return few < n_most ? few : n_most;
}

/* For the problem of its march, or p; of n_most samples at once, or fewer. */
static pdm_status open_free(pdm_free_way *w, const pdm_problem *p, pdm_size n_most, pdm_way *out)
{
    pdm_status             status = PDM_OK;
    const pdm_output_grid *grid   = w->points;

    if (w->march) {
        p = w->march->slab;
        PDM_TRY(pdm_output_grid_create(p, n_most, grid->n, grid->coordinate, &w->grid));
        grid = w->grid;
    }
    n_most = samples_at_once(p, n_most);
    PDM_TRY(pdm_samples_create(p, n_most, &w->samples));
    PDM_TRY(pdm_free_solver_create(p, n_most, w->tolerance, w->max_iter, &w->free));
    if (grid->n_slab > 1) PDM_TRY(pdm_slab_end_create(p, n_most, &w->end));
    *out = (pdm_way){.problem = p,
                     .samples = w->samples,
                     .end     = w->end,
                     .march   = w->march,
                     .grid    = w->grid,
                     .user    = w,
                     .load    = w->march ? load_march : NULL,
                     .prepare = prepare_free,
                     .halve   = w->march ? halve_free : NULL,
                     .solve   = solve_free};
done:
    return status;
}

static pdm_status halve_free(void *user, const pdm_way **finer)
{
    pdm_status    status = PDM_OK;
    pdm_free_way *w      = user;

    *finer = NULL;
    if (w->n_halving == HALVINGS) return PDM_OK;
    if (!w->half) {
        PDM_TRY(pdm_alloc(w->march->whole->ctx, sizeof *w->half, &w->half));
        w->half->own = (pdm_free_way){
            .points = w->points, .tolerance = w->tolerance, .max_iter = w->max_iter, .n_halving = w->n_halving + 1};
        PDM_TRY(pdm_march_halve(w->march, &w->half->own.march));
        PDM_TRY(open_free(&w->half->own, NULL, 1, &w->half->way));
        w->half->way.judge = &w->half->judge;
        pdm_log(w->march->whole->ctx, PDM_LOG_INFO, "solve",
                "a slab has no solution, or one that is not good; time in %lld slabs instead of %lld",
                (long long)w->half->own.march->n_slab, (long long)w->march->n_slab);
    }
    *finer = &w->half->way;
done:
    return status;
}

pdm_status pdm_way_of_free(pdm_free_way *w, const pdm_problem *p, const pdm_output_grid *grid, double tolerance,
                           pdm_size max_iter, pdm_way *out)
{
    pdm_status     status = PDM_OK;
    const pdm_size n_slab = pdm_march_slabs(p);

    *w = (pdm_free_way){.points = grid, .tolerance = tolerance, .max_iter = max_iter};
    if (n_slab > 1) PDM_TRY(pdm_march_create(p, n_slab, &w->march));
    PDM_TRY(open_free(w, p, p->training.batch, out));
done:
    return status;
}

void pdm_free_way_close(pdm_free_way *w)
{
    if (w->half) {
        pdm_judge_destroy(&w->half->judge);
        pdm_free_way_close(&w->half->own);
        pdm_free(w->march->whole->ctx, w->half);
    }
    pdm_slab_end_destroy(&w->end);
    pdm_free_solver_destroy(&w->free);
    pdm_samples_destroy(&w->samples);
    pdm_output_grid_destroy(&w->grid);
    pdm_march_destroy(&w->march);
    w->half = NULL;
}

/* ---- by a model ---- */

static pdm_status load_model_march(void *user, pdm_size n, const double *input)
{
    pdm_model_way *w = user;
    w->whole         = input;
    return pdm_march_inputs(w->m->march, n, input, w->m->samples->input);
}

static pdm_status prepare_model(void *user, pdm_size n, const double *input)
{
    pdm_status           status = PDM_OK;
    const pdm_model_way *w      = user;

    if (w->m->march) PDM_TRY(pdm_march_follow(w->m->march, n, w->whole, w->m->samples->input));
    PDM_TRY(pdm_model_prepare(w->m, n, input));
done:
    return status;
}

/* A polish of what was never trained does not ask the network. */
static pdm_status solve_model(void *user, pdm_batch batch, pdm_predict_times *times, const pdm_solver **answer)
{
    pdm_status           status   = PDM_OK;
    const pdm_model_way *w        = user;
    pdm_model           *m        = w->m;
    const bool           polished = w->polish > 0.0, network = !polished || m->state.step > 0;
    const double         t0 = pdm_clock();

    if (network) PDM_TRY(pdm_model_basis(m, batch, false));
    if (network) PDM_TRY(pdm_model_choose(m, batch));
    const double t1 = pdm_clock();
    if (network) PDM_TRY(pdm_model_answer(m, batch));
    if (polished) PDM_TRY(pdm_model_polish(m, batch, w->polish));
    *answer = polished ? m->free->solver : m->solver;
    times->network += t1 - t0;
    times->solve += pdm_clock() - t1;
done:
    return status;
}

void pdm_way_set_limits(pdm_model *m)
{
    pdm_solver_set_limits(m->solver, m->whole->solving.tolerance, m->whole->solving.max_iter);
}

pdm_status pdm_way_of_model(pdm_model_way *user, const pdm_output_grid *grid, pdm_way *out)
{
    pdm_status       status = PDM_OK;
    pdm_model       *m      = user->m;
    pdm_free_solver *free   = NULL;
    pdm_slab_end    *end    = NULL;

    if (user->polish > 0.0 && (m->march || pdm_march_slabs(m->whole) > 1))
        return pdm_way_of_free(&user->slabs, m->whole, grid, user->polish, PDM_POLISH_ITERATIONS, out);
    if (user->polish > 0.0) PDM_TRY(pdm_model_free_solver(m, &free)); /* not in the time of the first batch */
    if (m->march) {
        PDM_TRY(pdm_output_grid_create(m->problem, m->n_batch, grid->n, grid->coordinate, &user->grid));
        grid = user->grid;
    }
    if (grid->n_slab > 1) PDM_TRY(pdm_model_slab_end(m, &end));
    pdm_way_set_limits(m);
    *out = (pdm_way){.problem = m->problem,
                     .samples = m->samples,
                     .end     = end,
                     .march   = m->march,
                     .grid    = user->grid,
                     .user    = user,
                     .load    = m->march ? load_model_march : NULL,
                     .prepare = prepare_model,
                     .solve   = solve_model};
done:
    return status;
}

void pdm_model_way_close(pdm_model_way *user)
{
    pdm_free_way_close(&user->slabs);
    pdm_output_grid_destroy(&user->grid);
}

pdm_status pdm_way_judge(const pdm_way *way, const pdm_output_grid *grid, pdm_judge_depth depth, pdm_judge **out)
{
    return pdm_judge_create(grid->problem, way->march, grid, way->samples->n_most, depth, out);
}
