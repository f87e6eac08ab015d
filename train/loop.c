/* The training loop: steps, checkpoints, the log file. Nothing is lost on a kill: the checkpoint is renamed into place,
 * and a resumed run cuts the log back to the checkpoint's step. */
#include "train/train.h"

#include <math.h>
#include <string.h>

#include "train/train_impl.h"

/* Time for the verdict at the end: at least so many seconds, and this share of the run. */
static const double FREE_LEAST = 1.0, FREE_SHARE = 0.03;

static pdm_status log_step(const pdm_model *m, const pdm_step_report *r, pdm_jsonl *log)
{
    pdm_size       peak;
    logged_number  number[LOGGED_MOST];
    const pdm_size n = step_logged(r, m->gate != NULL, number);

    pdm_context_memory(m->ctx, NULL, &peak, NULL);
    pdm_jsonl_begin(log);
    pdm_jsonl_count(log, "step", m->state.step);
    for (pdm_size i = 0; i < n; i++) pdm_jsonl_real(log, number[i].name, number[i].value);
    pdm_jsonl_count(log, "peak_bytes", peak);
    if (pdm_log_wants(m->ctx, PDM_LOG_DEBUG)) {
        pdm_record record;
        pdm_record_begin(&record);
        pdm_record_count(&record, "step", m->state.step);
        for (pdm_size i = 0; i < n; i++) pdm_record_real(&record, number[i].name, number[i].value);
        pdm_record_log(m->ctx, PDM_LOG_DEBUG, "train", &record);
    }
    return pdm_jsonl_end(log);
}

/* What the case says against itself. */
static pdm_status tell_of_case(pdm_model *m)
{
    pdm_status status = PDM_OK;
    PDM_TRY(pdm_inputs_read(m->whole->inputs));
    PDM_TRY(pdm_notes_warn(m->whole, "train", 0, NULL));
done:
    return status;
}

/* What a run that came to its end has to say. */
static void end_run(pdm_model *m, double seconds)
{
    pdm_gate_tell_missed(m->gate, m->state.step);
    const pdm_verdict v = pdm_train_verdict(m, fmax(FREE_LEAST, FREE_SHARE * seconds));
    pdm_values_set(m->ctx, &m->values, v.loss_free, "loss.free");
    pdm_values_set(m->ctx, &m->values, v.seconds, "seconds.free");
}

static pdm_status write_checkpoint(pdm_model *m, const char *path)
{
    pdm_status status = PDM_OK;

    if (pdm_rank(m->ctx) == 0) PDM_TRY(pdm_claim_check(m->ctx, path));
    PDM_TRY(pdm_model_write(m, path));
done:
    return status;
}

/* Does one of the ranks want to stop? */
static pdm_status ask(pdm_model *m, pdm_progress progress, void *user, bool *stop)
{
    double wants = progress && progress(user, m) != 0;

    const pdm_status status = pdm_ranks_sum(m->ctx, "progress", 1, &wants);
    *stop                   = wants > 0.0;
    return status;
}

/* Columns from solutions, where they are due: a batch of inputs at a time. */
static pdm_status find_columns(pdm_model *m, pdm_progress progress, void *user)
{
    pdm_status status = PDM_OK;
    bool       stop   = false;

    while (guess_wants_solutions(m)) {
        PDM_TRY(guess_solve_more(m));
        PDM_TRY(ask(m, progress, user, &stop));
        if (stop)
            PDM_FAIL(m->ctx, PDM_ERR_INTERRUPTED,
                     "stopped on request after the solutions of %.0f of %.0f inputs; they are found anew next time",
                     pdm_values_get(&m->values, "solutions.so_far"), pdm_values_get(&m->values, "solutions.wanted"));
    }
    PDM_TRY(guess_columns(m));
done:
    return status;
}

/* What is found once weights are what they will be; columns may be all there is. first: step of the last file. */
static pdm_status finish(pdm_model *m, const char *path, pdm_size first)
{
    pdm_status status = PDM_OK;
    const bool few    = m->whole->solving.rows == PDM_ROWS_FEW && !m->cubature;

    if (few) PDM_TRY(pdm_model_find_cubature(m));
    if (few || m->state.step == first) PDM_TRY(write_checkpoint(m, path));
done:
    return status;
}

/* What is written in a training, by the first rank alone: on others nothing is open. */
typedef struct training_files {
    pdm_claim *claim;
    pdm_jsonl *log;
} training_files;

static pdm_status open_files(pdm_model *m, const char *path, training_files *f)
{
    pdm_status status = PDM_OK;
    pdm_text   name   = {.ctx = m->ctx};

    if (pdm_rank(m->ctx) > 0) goto done;
    PDM_TRY(pdm_claim_create(m->ctx, path, 0, &f->claim));
    PDM_TRY(pdm_jsonl_name(path, &name));
    PDM_TRY(pdm_jsonl_truncate(m->ctx, name.data, INT64_MAX)); /* can it be written? Nothing is lost if not */
done:
    pdm_text_destroy(&name);
    return status;
}

static pdm_status open_log(pdm_model *m, const char *path, training_files *f)
{
    pdm_status     status = PDM_OK;
    const pdm_size first  = m->state.step;
    pdm_text       name   = {.ctx = m->ctx};

    if (pdm_rank(m->ctx) > 0) goto done;
    PDM_TRY(pdm_jsonl_name(path, &name));
    PDM_TRY(pdm_jsonl_truncate(m->ctx, name.data, first));
    PDM_TRY(pdm_jsonl_open(m->ctx, name.data, first > 0, &f->log));
done:
    pdm_text_destroy(&name);
    return status;
}

static void close_files(training_files *f)
{
    pdm_jsonl_close(&f->log);
    pdm_claim_destroy(&f->claim);
}

/* A step, its line in the log, and the checkpoint where it is time for one. */
static pdm_status train_on(pdm_model *m, const char *path, pdm_progress progress, void *user, training_files *f,
                           double *files, bool *stop)
{
    pdm_status                   status = PDM_OK;
    const pdm_training_settings *t      = &m->whole->training;
    pdm_step_report              r;

    PDM_TRY(find_columns(m, progress, user));
    PDM_TRY(pdm_train_step(m, &r));
    step_values(m, &r);
    const double stepped = pdm_clock();
    if (f->log) PDM_TRY(log_step(m, &r, f->log));
    *files += pdm_clock() - stepped;
    PDM_TRY(ask(m, progress, user, stop));
    const double told = pdm_clock();
    if (*stop || m->state.step == t->steps || m->state.step % t->checkpoint_every == 0)
        PDM_TRY(write_checkpoint(m, path));
    *files += pdm_clock() - told;
done:
    return status;
}

pdm_status pdm_model_train(pdm_model *m, const char *path, pdm_progress progress, void *user)
{
    pdm_status     status = PDM_OK;
    training_files f      = {0};
    bool           stop   = false;
    double         start = pdm_clock(), files = 0.0;

    if (!m) return PDM_ERR_ARGUMENT;
    PDM_EXPECT_POINTER(m->ctx, path, "the path of a file to write");
    const pdm_training_settings *t     = &m->whole->training;
    const pdm_size               first = m->state.step;
    PDM_TRY(pdm_ranks_meet(m->ctx, "training")); /* nobody looks for the file any more */
    PDM_TRY(open_files(m, path, &f));
    PDM_TRY(pdm_model_write(m, path)); /* what cannot be written is found before the work */
    PDM_TRY(open_log(m, path, &f));
    files = pdm_clock() - start;
    if (first == 0) PDM_TRY(tell_of_case(m));
    while (m->state.step < t->steps && !stop) PDM_TRY(train_on(m, path, progress, user, &f, &files, &stop));
    const bool done = m->state.step >= t->steps;
    /* of the samples of the last step, which what is found then overwrites */
    if (done && m->state.step > first && m->state.step > t->guess_steps) end_run(m, pdm_clock() - start);
    if (done) PDM_TRY(find_columns(m, progress, user));
    if (done) PDM_TRY(finish(m, path, first));
    pdm_values_set(m->ctx, &m->values, files, "seconds.files");
    if (!done)
        PDM_FAIL(m->ctx, PDM_ERR_INTERRUPTED, "stopped on request after step %lld of %lld; the checkpoint is %s",
                 (long long)m->state.step, (long long)t->steps, path);
done:
    close_files(&f);
    return status == PDM_ERR_INTERRUPTED ? status : pdm_ranks_end(m->ctx, status); /* all ranks stop together */
}
