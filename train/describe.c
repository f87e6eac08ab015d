/* Cases in words, with two steps of training on the spot, and the memory that it takes; help on settings. */
#include "train/train.h"

/* Time of the second of two steps, and the solves that failed in them. */
static pdm_status view_steps(pdm_model *m, pdm_text *out)
{
    enum { N_STEP = 2 };
    pdm_status status = PDM_OK;
    double     failed = 0.0, seconds = 0.0;
    for (int i = 0; i < N_STEP; i++) {
        pdm_step_report r;
        PDM_TRY(pdm_train_step(m, &r));
        failed += r.failed;
        seconds = r.seconds;
    }
    if (failed > 0.0)
        PDM_TRY(pdm_text_append(out, "failed       %.0f of the %lld solves of the first %d steps did not converge\n",
                                failed, (long long)(N_STEP * m->n_total), N_STEP));
    PDM_TRY(pdm_text_append(out, "time         %.1f ms a step here and now, %.0f s for %lld steps\n", 1e3 * seconds,
                            seconds * (double)m->whole->training.steps, (long long)m->whole->training.steps));
done:
    return status;
}

/* Time of the solutions of one batch of inputs, where columns are made of such. */
static pdm_status view_solutions(pdm_model *m, pdm_text *out)
{
    pdm_status   status = PDM_OK;
    pdm_pool    *pool   = NULL;
    const double start  = pdm_clock();

    PDM_TRY(pdm_pool_create(m, m->n_total, &pool));
    PDM_TRY(pdm_pool_fill(pool, 1));
    const double seconds = (pdm_clock() - start) / (double)m->n_total, n = (double)m->whole->training.solutions;
    if (pool->n_failed > 0)
        PDM_TRY(pdm_text_append(out, "failed       %lld of %lld solves with all coefficients free did not converge\n",
                                (long long)pool->n_failed, (long long)(pool->n + pool->n_failed)));
    PDM_TRY(pdm_text_append(out, "time         %.1f ms a solution here and now, %.0f s for %.0f inputs\n",
                            1e3 * seconds, seconds * n, n));
done:
    pdm_pool_destroy(&pool);
    return status;
}

pdm_status pdm_case_describe(pdm_case *c, pdm_sink sink, void *user)
{
    pdm_status status = PDM_OK;
    pdm_model *m      = NULL;
    pdm_text   text = {0}, steps = {0};
    pdm_notes  notes = {.n = 0};
    pdm_room   room;

    if (!c) return PDM_ERR_ARGUMENT;
    PDM_EXPECT_POINTER(pdm_case_context(c), sink, "a function for the text");
    text.ctx = steps.ctx = pdm_case_context(c);
    PDM_TRY(pdm_model_create(c, &m));
    PDM_TRY(pdm_model_view(m, &text));
    PDM_TRY(pdm_notes_of_case(m->whole, &notes));
    PDM_TRY(pdm_notes_view(&notes, &text));
    sink(user, text.data); /* before the steps: they may fail, and then it helps to see what was understood */
    PDM_TRY(pdm_model_wants_pod(m) ? view_solutions(m, &steps) : view_steps(m, &steps));
    const pdm_size batch = m->n_batch;
    PDM_TRY(pdm_model_measure_room(&m, &room));
    PDM_TRY(pdm_room_view(&room, batch, &steps));
    sink(user, steps.data);
done:
    pdm_model_destroy(&m);
    pdm_text_destroy(&steps);
    pdm_text_destroy(&text);
    return status;
}

pdm_status pdm_settings_describe(pdm_context *ctx, pdm_sink sink, void *user)
{
    pdm_status status = PDM_OK;
    pdm_text   text   = {.ctx = ctx};
    if (!ctx) return PDM_ERR_ARGUMENT;
    PDM_EXPECT_POINTER(ctx, sink, "a function for the text");
    PDM_TRY(pdm_domain_settings_view(&text));
    PDM_TRY(pdm_experts_settings_view(&text));
    PDM_TRY(pdm_routing_settings_view(&text));
    PDM_TRY(pdm_surrogate_settings_view(&text));
    PDM_TRY(pdm_solver_settings_view(&text));
    PDM_TRY(pdm_training_settings_view(&text));
    sink(user, text.data);
done:
    pdm_text_destroy(&text);
    return status;
}
