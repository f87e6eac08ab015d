#include "cli/cli.h"

#include <math.h>

static const double RIGHT = 2.0, TOLERANCE = 0.1;

static exit_code run(session *s, const options *o)
{
    exit_code code  = CODE_FINE;
    subject   x     = {0};
    report    r     = {.command_name = "gradcheck", .options = o};
    double    slope = NAN;

    CLI_TRY(subject_read_any(s, o->operand[0], &x));
    CLI_TRY(check(s, pdm_model_check_gradient(x.model, &slope, report_text, &r)));
    if (report_wants_numbers(&r)) {
        json_real("slope", slope);
        json_value(x.model, "slope.network");
        json_value(x.model, "slope.gate");
        json_value(x.model, "slope.windows");
        json_end();
    }
    if (!(fabs(slope - RIGHT) <= TOLERANCE))
        code = fail(s, CODE_NUMERIC, "%s: the slope of the Taylor test of the %s is %.3f; %g within %g expected",
                    o->operand[0],
                    slope == pdm_model_value(x.model, "slope.gate")      ? "gate's weights"
                    : slope == pdm_model_value(x.model, "slope.windows") ? "windows' logits"
                                                                         : "network's weights",
                    slope, RIGHT, TOLERANCE);
done:
    subject_destroy(&x);
    return code;
}

const command gradcheck_command = {
    .name     = "gradcheck",
    .operands = "CASE|MODEL.nc",
    .summary  = "test the gradient of the loss on a case or a model",
    .details =
        "Compares the loss along a random direction of the network's weights with its first-order model, at step\n"
        "sizes that are halved: what is left shrinks by 4 a time (slope 2) when the gradient is right, by 2 (slope 1)\n"
        "when it is wrong. With a gate also along its own weights, with the columns that exist at first; with\n"
        "learned windows of experts also along their logits. Exit code 7\n"
        "when a slope is not within 0.1 of 2.",
    .n_needed     = 1,
    .n_operand    = 1,
    .has_settings = true,
    .run          = run,
};
