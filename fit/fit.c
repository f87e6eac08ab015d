/* Parameters, inputs and initial fields of a case from data: the job. */
#include "fit/fit.h"

#include <math.h>
#include <string.h>

#include "fit/fit_impl.h"

void pdm_fit_settings_init(pdm_fit_settings *s, size_t size)
{
    const pdm_fit_settings defaults = {
        .size = sizeof defaults, .tolerance = 1e-4, .max_iter = 50, .max_unknowns = 20000};
    pdm_settings_fill(s, size, &defaults, sizeof defaults);
}

static pdm_status check_arguments(pdm_context *ctx, const char *data, const char *output, const pdm_fit_settings *s)
{
    PDM_EXPECT_POINTER(ctx, data, "the path of a file with observations");
    PDM_EXPECT_POINTER(ctx, output, "the path of a file to write");
    PDM_EXPECT_POINTER(ctx, s->parameters, "names like \"D, k\"");
    PDM_EXPECT(ctx, s->tolerance > 0.0 && s->tolerance < 1.0, "tolerance %g; between 0 and 1 expected", s->tolerance);
    PDM_EXPECT(ctx, s->max_iter >= 1 && s->max_iter <= PDM_MAX_COUNT, "at most %lld steps; 1 to %d expected",
               (long long)s->max_iter, PDM_MAX_COUNT);
    PDM_EXPECT(ctx, s->max_unknowns >= 0, "at most %lld unknowns; 0 or more expected", (long long)s->max_unknowns);
    return PDM_OK;
}

static void close_job(fit_job *j)
{
    for (pdm_size i = 0; j->answer && i < j->n_fit; i++) fit_answer_destroy(j->ctx, &j->answer[i]);
    pdm_free(j->ctx, j->answer);
    pdm_free(j->ctx, j->input);
    pdm_free(j->ctx, j->u);
    pdm_free(j->ctx, j->result);
    pdm_free(j->ctx, j->verdict);
    fit_level_destroy(j->ctx, &j->at);
}

/* By steps, or with columns from solutions, which take none. */
static bool is_trained(const pdm_model *m)
{
    return m->state.step > 0 || m->has_pod;
}

static pdm_status run_job(fit_job *j, pdm_model *m, const char *output)
{
    pdm_status   status = PDM_OK;
    const double start  = pdm_clock();
    pdm_output  *o      = NULL;

    j->case_file = m->case_file;
    j->step      = m->state.step;
    PDM_TRY(pdm_output_create(j->ctx, output, &o)); /* first: a path that cannot be written fails before the work */
    PDM_TRY(fit_words_read(j->ctx, "noise", j->settings->noise, false, &j->noise));
    PDM_TRY(fit_grids_run(j, m->whole, is_trained(m) ? m : NULL));
    j->seconds = pdm_clock() - start;
    PDM_TRY(fit_solve(j));
    PDM_TRY(fit_write(j, o));
    PDM_TRY(pdm_output_commit(o));
done:
    pdm_output_destroy(&o);
    return status;
}

/* Text, then numbers. */
static pdm_status tell(const fit_job *j, pdm_sink sink, pdm_number numbers, void *user)
{
    pdm_status status = PDM_OK;
    pdm_text   text   = {.ctx = j->ctx};

    PDM_TRY(fit_report(j, &text));
    PDM_TRY(fit_warn(j));
    if (sink) sink(user, text.data);
    if (numbers) fit_numbers(j, numbers, user);
done:
    pdm_text_destroy(&text);
    return status;
}

/* Of the copy in which constants are inputs; all of the case is checked on the way. */
static pdm_status make_model(pdm_case *c, pdm_case *copy, const fit_words *names, const bool *constant, pdm_model **out)
{
    pdm_status status = PDM_OK;
    bool       any    = false;

    for (pdm_size k = 0; k < names->n; k++) any = any || constant[k];
    PDM_TRY(pdm_case_set_count(copy, "training", "batch", 2 * names->n)); /* as many as are solved for at once */
    PDM_TRY(pdm_model_create(copy, out));
    PDM_TRY(fit_case_check(c, (*out)->whole->pde));
done:
    if (status == PDM_ERR_CASE && any)
        pdm_error_note(pdm_case_context(c), "where constants that are to be found are inputs; those before derivatives "
                                            "expected inside of them, like dx(D*dx(u))");
    return status;
}

pdm_status pdm_case_fit(pdm_case *c, const char *data, const char *output, const pdm_fit_settings *settings,
                        pdm_sink sink, pdm_number numbers, void *user)
{
    pdm_status       status = PDM_OK;
    pdm_fit_settings s;
    pdm_case        *copy                    = NULL;
    pdm_model       *m                       = NULL;
    bool             constant[FIT_PART_MOST] = {false};
    fit_words        names;
    fit_job          j;

    if (!c) return PDM_ERR_ARGUMENT;
    j = (fit_job){.ctx = pdm_case_context(c), .settings = &s, .data_path = data};
    PDM_EXPECT_POINTER(j.ctx, settings, "settings with the names of parameters");
    pdm_fit_settings_init(&s, sizeof s);
    PDM_TRY(pdm_settings_take(j.ctx, "pdm_fit_settings", settings, &s, sizeof s));
    PDM_TRY(check_arguments(j.ctx, data, output, &s));
    PDM_TRY(fit_words_read(j.ctx, "parameters", s.parameters, true, &names));
    PDM_TRY(fit_case_create(c, &names, constant, &copy));
    PDM_TRY(make_model(c, copy, &names, constant, &m));
    j.names = &names;
    PDM_TRY(run_job(&j, m, output));
    PDM_TRY(tell(&j, sink, numbers, user));
done:
    close_job(&j);
    pdm_model_destroy(&m);
    pdm_case_destroy(&copy);
    return status;
}

pdm_status pdm_model_fit(pdm_model *m, const char *data, const char *output, const pdm_fit_settings *settings,
                         pdm_sink sink, pdm_number numbers, void *user)
{
    pdm_status       status = PDM_OK;
    pdm_fit_settings s;
    fit_words        names;
    fit_job          j;

    if (!m) return PDM_ERR_ARGUMENT;
    j = (fit_job){.ctx = m->ctx, .settings = &s, .data_path = data};
    PDM_EXPECT_POINTER(j.ctx, settings, "settings with the names of parameters");
    pdm_fit_settings_init(&s, sizeof s);
    PDM_TRY(pdm_settings_take(j.ctx, "pdm_fit_settings", settings, &s, sizeof s));
    PDM_TRY(check_arguments(j.ctx, data, output, &s));
    PDM_TRY(fit_words_read(j.ctx, "parameters", s.parameters, true, &names));
    j.names = &names;
    PDM_TRY(run_job(&j, m, output));
    PDM_TRY(tell(&j, sink, numbers, user));
done:
    close_job(&j);
    return status;
}
