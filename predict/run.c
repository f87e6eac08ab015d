/* Batches of samples, through all slabs of an output grid. */
#include "predict/predict.h"

#include <string.h>

/* Samples of a batch are solved in lock step: each has a share of the time like its share of the iterations. */
static void share_time(pdm_size n, const pdm_solve_result *result, double seconds, double *out)
{
    double sum = 0.0;
    for (pdm_size i = 0; i < n; i++) sum += 1.0 + (double)result[i].iterations;
    for (pdm_size i = 0; i < n; i++) out[i] = seconds * (1.0 + (double)result[i].iterations) / sum;
}

/* Says of the first solve without an answer where the equations are singular. */
static pdm_status tell_singular(const pdm_way *way, const pdm_solver *s, pdm_batch batch, bool *told)
{
    pdm_status status = PDM_OK;
    pdm_text   why    = {.ctx = way->problem->ctx};

    for (pdm_size i = 0; i < batch.n && !*told && !why.length; i++)
        if (pdm_reason_is_useless(pdm_solver_results(s)[batch.index[i]].reason))
            PDM_TRY(pdm_solver_explain(s, way->problem->domain, &way->samples->data,
                                       (pdm_batch){.n = 1, .index = &batch.index[i]}, &why));
    if (!why.length) goto done;
    *told = true;
    pdm_log(way->problem->ctx, PDM_LOG_WARNING, "solve", "%s", why.data);
done:
    pdm_text_destroy(&why);
    return status;
}

/* Fields of a batch, the first of which is number `at` of the run's. */
static pdm_status put_fields(const pdm_run *run, const pdm_output_grid *grid, pdm_batch batch, pdm_size k,
                             pdm_buffer *c, pdm_size at)
{
    if (run->u) return pdm_output_grid_evaluate(grid, batch, k, c, run->u + at);
    return pdm_output_grid_store(grid, batch, k, c, run->device, run->device_first + at);
}

/* One slab for the first n inputs of the samples, whose fields begin at number `at` of the run's. */
static pdm_status run_slab(const pdm_way *way, const pdm_output_grid *grid, const pdm_run *run, pdm_size n, pdm_size k,
                           pdm_size at, const pdm_solver **answer)
{
    pdm_status         status = PDM_OK;
    const pdm_batch    batch  = pdm_samples_batch(way->samples, n);
    pdm_predict_times *times  = run->times;
    const double       t0     = pdm_clock();

    PDM_TRY(way->prepare(way->user, n, way->samples->input));
    const double t1 = pdm_clock();
    PDM_TRY(way->solve(way->user, batch, times, answer));
    const double t2 = pdm_clock();
    PDM_TRY(tell_singular(way, *answer, batch, &times->told));
    PDM_TRY(put_fields(run, grid, batch, k, pdm_solver_lend(*answer)->c, at));
    times->data += t1 - t0;
    times->output += pdm_clock() - t2;
done:
    return status;
}

/* Results of slab k behind those of the slabs before: iterations and objectives add up, the first bad reason stays. */
static void add_results(pdm_batch batch, pdm_size k, const pdm_solve_result *slab, pdm_solve_result *result)
{
    for (pdm_size i = 0; i < batch.n; i++) {
        const pdm_solve_result before = result[i], here = slab[batch.index[i]];
        result[i] = here;
        if (k == 0) continue;
        result[i].iterations += before.iterations;
        result[i].factorisations += before.factorisations;
        result[i].cg_iterations += before.cg_iterations;
        result[i].objective += before.objective;
        if (!pdm_reason_is_good(before.reason)) result[i].reason = before.reason;
    }
}

/* Inputs [n][n_input] of the case into those of the samples. */
static pdm_status load_inputs(const pdm_way *way, pdm_size n, pdm_size n_input, const double *input)
{
    if (way->load) return way->load(way->user, n, input);
    memcpy(way->samples->input, input, (size_t)(n * n_input) * sizeof *input);
    return PDM_OK;
}

/* A way in shorter slabs, where none of n inputs has a solution in these and there are shorter ones; else NULL. An
 * equation that is singular where it starts is so in any. */
static pdm_status find_finer(const pdm_way *way, pdm_size n, const pdm_solve_result *result, const pdm_way **finer)
{
    *finer = NULL;
    for (pdm_size i = 0; i < n; i++)
        if (pdm_reason_is_good(result[i].reason) || pdm_reason_is_useless(result[i].reason)) return PDM_OK;
    return way->halve ? way->halve(way->user, finer) : PDM_OK;
}

/* The same for input i of a run, also where it has a solution that is not good, and shorter slabs may help. */
static pdm_status find_better(const pdm_way *way, const pdm_run *run, pdm_size i, const pdm_way **finer)
{
    const bool doubted =
        run->judge && run->verdict[i].word > PDM_VERDICT_GOOD && run->verdict[i].cause != PDM_CAUSE_UNSEEN;
    if (!doubted || !pdm_reason_is_good(run->result[i].reason)) return find_finer(way, 1, run->result + i, finer);
    *finer = NULL;
    return way->halve ? way->halve(way->user, finer) : PDM_OK;
}

/* Of two answers, both with a solution. */
static bool is_better(const pdm_assessment *now, const pdm_assessment *before)
{
    return now->word != before->word ? now->word < before->word : !(now->worst > before->worst);
}

/* What has been doubted is looked at closely. */
static pdm_judge_depth depth_again(const pdm_judge *j)
{
    return pdm_judge_depth_of(j) >= PDM_JUDGE_ESTIMATE ? PDM_JUDGE_CLOSELY : PDM_JUDGE_LEFT_OVER;
}

/* Input i of a run once more in shorter slabs, where that may help. Where there was no solution, what was is
 * forgotten, as it depends on the batch how far it went. */
static pdm_status run_again(const pdm_way *way, const pdm_output_grid *given, const pdm_run *run, pdm_size i)
{
    pdm_status       status  = PDM_OK;
    const pdm_size   n_input = pdm_domain_n_input(given->problem->domain);
    const pdm_size   size    = pdm_domain_n_field(given->problem->domain) * given->n_point;
    const bool       solved  = pdm_reason_is_good(run->result[i].reason);
    const pdm_way   *finer   = NULL;
    double          *u       = NULL;
    pdm_solve_result result;
    pdm_assessment   verdict;
    pdm_run          one = {
                 .n = 1, .input = run->input + i * n_input, .result = &result, .times = run->times, .verdict = &verdict};

    PDM_TRY(find_better(way, run, i, &finer));
    if (!finer) goto done;
    PDM_TRY(pdm_alloc_array(given->problem->ctx, size, &u));
    one.u = u;
    if (run->judge && !*finer->judge) PDM_TRY(pdm_way_judge(finer, given, depth_again(run->judge), finer->judge));
    one.judge = run->judge ? *finer->judge : NULL;
    PDM_TRY(pdm_predict_run(finer, given, &one));
    if (solved && !is_better(&verdict, run->verdict + i)) goto done;
    memcpy(run->u + i * size, u, (size_t)size * sizeof *u);
    run->result[i] = result;
    if (run->judge) run->verdict[i] = verdict;
done:
    pdm_free(given->problem->ctx, u);
    return status;
}

static pdm_status run_batch(const pdm_way *way, const pdm_output_grid *given, const pdm_run *run, pdm_size first,
                            pdm_size n)
{
    pdm_status             status  = PDM_OK;
    const pdm_output_grid *grid    = way->grid ? way->grid : given;
    const pdm_batch        batch   = pdm_samples_batch(way->samples, n);
    const pdm_size         n_input = pdm_domain_n_input(given->problem->domain);
    const pdm_size         size    = pdm_domain_n_field(way->problem->domain) * grid->n_point;
    const double           before  = run->times->network + run->times->solve;
    const pdm_solver      *answer  = NULL;
    const pdm_way         *finer   = NULL; /* for all: the rest of time can wait */

    PDM_TRY(load_inputs(way, n, n_input, run->input + first * n_input));
    if (run->judge) PDM_TRY(pdm_judge_begin(run->judge, n, run->input + first * n_input));
    for (pdm_size k = 0; k < grid->n_slab && !finer; k++) {
        if (k > 0) PDM_TRY(pdm_slab_advance(way->end, batch, pdm_solver_lend(answer)->c, way->samples->input));
        PDM_TRY(run_slab(way, grid, run, n, k, first * size, &answer));
        if (run->judge) PDM_TRY(pdm_judge_slab(run->judge, k, pdm_solver_lend(answer)->c));
        if (k == 0 && run->record) pdm_gate_record_take(run->record, run->record_first + first, n);
        add_results(batch, k, pdm_solver_results(answer), run->result + first);
        PDM_TRY(find_finer(way, n, run->result + first, &finer));
    }
    if (run->judge)
        PDM_TRY(pdm_judge_end(run->judge, run->u ? run->u + first * size : NULL, run->result + first,
                              run->verdict + first));
    for (pdm_size i = first; i < first + n; i++) PDM_TRY(run_again(way, given, run, i));
    if (run->sample_seconds)
        share_time(n, run->result + first, run->times->network + run->times->solve - before,
                   run->sample_seconds + first);
done:
    return status;
}

pdm_status pdm_predict_run(const pdm_way *way, const pdm_output_grid *grid, const pdm_run *run)
{
    pdm_status     status = PDM_OK;
    const pdm_size most   = way->samples->n_most;
    for (pdm_size first = 0; first < run->n; first += most)
        PDM_TRY(run_batch(way, grid, run, first, run->n - first < most ? run->n - first : most));
done:
    return status;
}

pdm_size pdm_count_unconverged(pdm_size n, const pdm_solve_result *result)
{
    pdm_size count = 0;
    for (pdm_size i = 0; i < n; i++) count += !pdm_reason_is_good(result[i].reason);
    return count;
}

pdm_size pdm_count_unanswered(pdm_size n, const pdm_solve_result *result)
{
    pdm_size count = 0;
    for (pdm_size i = 0; i < n; i++) count += pdm_reason_is_useless(result[i].reason);
    return count;
}
