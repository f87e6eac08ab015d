/* From the kind of a file to the figure that suits it. */
#include "plot/plot.h"

#include <string.h>
#include <unistd.h>

#include "plot/figure.h"

static pdm_status check_training_options(pdm_context *ctx, const plot_request *q, const char *what)
{
    const char *const wrong = q->reference     ? "a reference"
                              : q->field       ? "--field"
                              : q->routing     ? "--routing"
                              : q->sample >= 0 ? "--sample"
                                               : NULL;

    if (!wrong) return PDM_OK;
    return pdm_error_set(ctx, PDM_ERR_ARGUMENT, NULL, __func__, "plot: %s is %s; %s goes with fields", q->file, what,
                         wrong);
}

/* The log that training writes beside the model. */
static pdm_status draw_model(pdm_context *ctx, const plot_request *q, picture kind, plot_result *out)
{
    pdm_status status = PDM_OK;
    pdm_text   log    = {.ctx = ctx};

    PDM_TRY(pdm_jsonl_name(q->file, &log));
    if (access(log.data, F_OK) != 0)
        PDM_FAIL(ctx, PDM_ERR_IO, "%s is a model, and there is no %s beside it with the log of its training", q->file,
                 log.data);
    PDM_TRY(draw_training(ctx, q, log.data, kind, out));
done:
    pdm_text_destroy(&log);
    return status;
}

pdm_status plot_draw(pdm_context *ctx, const plot_request *q, plot_result *out)
{
    pdm_status status = PDM_OK;
    picture    kind   = PICTURE_PNG;
    plot_kind  is     = PLOT_FIELDS;

    PDM_TRY(picture_of(ctx, q->output, &kind));
    PDM_TRY(plot_kind_of(ctx, q->file, &is));
    switch (is) {
    case PLOT_FIELDS: return q->routing ? draw_routing(ctx, q, kind, out) : draw_fields(ctx, q, kind, out);
    case PLOT_LOG:
        PDM_TRY(check_training_options(ctx, q, "a training log"));
        return draw_training(ctx, q, q->file, kind, out);
    case PLOT_MODEL:
        PDM_TRY(check_training_options(ctx, q, "a model, of which the training is drawn"));
        return draw_model(ctx, q, kind, out);
    }
done:
    return status;
}
