/* From the kind of a file to the figure that suits it. */
#include "cli/plot/plot.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/plot/figure.h"

static exit_code check_training_options(session *s, const options *o, const char *what)
{
    if (o->operand[1]) return fail(s, CODE_USAGE, "plot: %s is %s; a reference goes with fields", o->operand[0], what);
    if (o->field) return fail(s, CODE_USAGE, "plot: %s is %s; --field goes with fields", o->operand[0], what);
    if (o->routing) return fail(s, CODE_USAGE, "plot: %s is %s; --routing goes with fields", o->operand[0], what);
    if (o->sample >= 0) return fail(s, CODE_USAGE, "plot: %s is %s; --sample goes with fields", o->operand[0], what);
    return CODE_FINE;
}

/* The log that training writes beside the model. */
static exit_code draw_model(session *s, const options *o, picture kind, plot_result *out)
{
    exit_code    code = CODE_FINE;
    const char  *path = o->operand[0];
    const size_t n = strlen(path), stem = n > 3 && strcmp(path + n - 3, ".nc") == 0 ? n - 3 : n;
    const size_t size = n + sizeof ".log.jsonl";
    char        *log  = malloc(size);

    if (!log) return fail(s, CODE_MEMORY, "%s", pdm_status_text(PDM_ERR_MEMORY));
    snprintf(log, size, "%.*s.log.jsonl", (int)stem, path);
    if (access(log, F_OK) != 0) {
        code =
            fail(s, CODE_FILE, "%s is a model, and there is no %s beside it with the log of its training", path, log);
        goto done;
    }
    CLI_TRY(draw_training(s, o, log, kind, out));
done:
    free(log);
    return code;
}

exit_code plot_draw(session *s, const options *o, plot_result *out)
{
    exit_code code = CODE_FINE;
    picture   kind = PICTURE_PNG;
    plot_kind is   = PLOT_FIELDS;

    CLI_TRY(picture_of(s, o->output, &kind));
    CLI_TRY(plot_kind_of(s, o->operand[0], &is));
    switch (is) {
    case PLOT_FIELDS: return o->routing ? draw_routing(s, o, kind, out) : draw_fields(s, o, kind, out);
    case PLOT_LOG:
        CLI_TRY(check_training_options(s, o, "a training log"));
        return draw_training(s, o, o->operand[0], kind, out);
    case PLOT_MODEL:
        CLI_TRY(check_training_options(s, o, "a model, of which the training is drawn"));
        return draw_model(s, o, kind, out);
    }
done:
    return code;
}
