/* The training loop: steps, checkpoints, the log file. Nothing is lost on a kill: the checkpoint is renamed into place, and
 * a resumed run cuts the log back to the checkpoint's step. */
#include "train/train.h"

#include <math.h>
#include <string.h>

#include "train/train_impl.h"

static const char *const logged[] = {"loss", "gradient", "rate", "iterations", "failed", "seconds"};
/* Time for the verdict at the end: at least so many seconds, and this share of the run. */
static const double FREE_LEAST = 1.0, FREE_SHARE = 0.03;
static const char *const gate_logged[] = {"gate.unknowns", "gate.null", "gate.load", "gate.price", "gate.distance"};
enum { N_LOGGED = sizeof logged / sizeof *logged, N_GATE_LOGGED = sizeof gate_logged / sizeof *gate_logged };

/* path with ".log.jsonl" in place of ".nc" (or behind another name). Allocated. */
static pdm_status log_path(pdm_context *ctx, const char *path, char **out)
{
    pdm_status   status = PDM_OK;
    pdm_text     text   = {.ctx = ctx};
    const size_t n      = strlen(path);
    const int    stem   = (int)(n > 3 && strcmp(path + n - 3, ".nc") == 0 ? n - 3 : n);
    PDM_TRY(pdm_text_append(&text, "%.*s.log.jsonl", stem, path));
    PDM_TRY(pdm_alloc_text(ctx, text.data, out));
done:
    pdm_text_destroy(&text);
    return status;
}

static pdm_status log_step(pdm_model *m, pdm_jsonl *log)
{
    pdm_size peak;
    pdm_context_memory(m->ctx, NULL, &peak, NULL);
    pdm_jsonl_begin(log);
    pdm_jsonl_count(log, "step", m->step);
    for (int i = 0; i < N_LOGGED; i++) pdm_jsonl_real(log, logged[i], pdm_model_value(m, logged[i]));
    for (int i = 0; i < N_GATE_LOGGED && m->gating; i++)
        pdm_jsonl_real(log, gate_logged[i], pdm_model_value(m, gate_logged[i]));
    pdm_jsonl_count(log, "peak_bytes", peak);
    if (pdm_log_wants(m->ctx, PDM_LOG_DEBUG)) {
        pdm_record record;
        pdm_record_begin(&record);
        pdm_record_count(&record, "step", m->step);
        for (int i = 0; i < N_LOGGED; i++) pdm_record_real(&record, logged[i], pdm_model_value(m, logged[i]));
        for (int i = 0; i < N_GATE_LOGGED && m->gating; i++)
            pdm_record_real(&record, gate_logged[i], pdm_model_value(m, gate_logged[i]));
        pdm_record_log(m->ctx, PDM_LOG_DEBUG, "train", &record);
    }
    return pdm_jsonl_end(log);
}

pdm_status pdm_model_train(pdm_model *m, const char *path, pdm_progress progress, void *user)
{
    pdm_status status = PDM_OK;
    char      *name   = NULL;
    pdm_jsonl *log    = NULL;
    bool       stop   = false;
    double     start = pdm_clock(), files = 0.0;

    if (!m || !path) return PDM_ERR_ARGUMENT;
    PDM_TRY(log_path(m->ctx, path, &name));
    PDM_TRY(pdm_jsonl_truncate(m->ctx, name, m->step));
    PDM_TRY(pdm_jsonl_open(m->ctx, name, m->step > 0, &log));
    PDM_TRY(pdm_model_write(m, path)); /* a path that cannot be written is found before the work */
    files                = pdm_clock() - start;
    const pdm_size first = m->step;
    while (m->step < m->training.steps && !stop) {
        PDM_TRY(pdm_model_train_step(m));
        const double stepped = pdm_clock();
        PDM_TRY(log_step(m, log));
        files += pdm_clock() - stepped;
        stop              = progress && progress(user, m) != 0;
        const double told = pdm_clock();
        if (stop || m->step == m->training.steps || m->step % m->training.checkpoint_every == 0)
            PDM_TRY(pdm_model_write(m, path));
        files += pdm_clock() - told;
    }
    model_set_value(m, "seconds.files", files);
    if (stop && m->step < m->training.steps)
        PDM_FAIL(m->ctx, PDM_ERR_INTERRUPTED, "stopped on request after step %lld of %lld; the checkpoint is %s",
                 (long long)m->step, (long long)m->training.steps, path);
    if (m->step > first) gating_tell_missed(m);
    if (m->step > first) verdict_free(m, fmax(FREE_LEAST, FREE_SHARE * (pdm_clock() - start)));
done:
    pdm_jsonl_close(&log);
    if (m) pdm_free(m->ctx, name);
    return status;
}
