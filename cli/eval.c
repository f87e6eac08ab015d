#include "cli/cli.h"

static const option_info table[] = {
    {"output", 'o', OPTION_TEXT, offsetof(options, output), false, "OUT.nc", "fields as predicted, and inputs"},
    {"polish", 0, OPTION_REAL, offsetof(options, polish), false, "TOL",
     "solve for all coefficients, to this tolerance"},
    {"estimate", 0, OPTION_FLAG, offsetof(options, estimate), false, NULL,
     "estimate errors: the distance to the polished solution, and its own error"},
};

static exit_code evaluate(session *s, const options *o, pdm_model *m, report *r)
{
    const char *reference = o->operand[1];

    if (reference) return check(s, pdm_model_evaluate_file(m, reference, o->output, o->polish, report_text, r));
    if (o->output) return fail(s, CODE_USAGE, "eval: --output goes with a reference file");
    return check(s, pdm_model_evaluate_exact(m, o->polish, report_text, r));
}

static exit_code run(session *s, const options *o)
{
    exit_code code = CODE_FINE;
    subject   x    = {0};
    report    r    = {.command_name = "eval", .options = o};

    CLI_TRY(check_output(s));
    CLI_TRY(subject_read_solver(s, &x));
    CLI_TRY(evaluate(s, o, x.model, &r));
    if (!report_wants_numbers(&r)) goto done;
    json_value(x.model, "error");
    json_value(x.model, "error.worst");
    json_prediction(x.model);
    if (o->polish == 0.0) json_routing(x.model);
    if (o->estimate) json_estimate(x.model, true);
    json_end();
done:
    subject_destroy(&x);
    return code;
}

const command eval_command = {
    .name     = "eval",
    .operands = "MODEL.nc [REFERENCE.nc]",
    .summary  = "predict and compare with reference fields",
    .details =
        "Predicts for the inputs in REFERENCE.nc, on its coordinates, and prints the relative L2 error of every "
        "sample\n"
        "against the fields in it, means, and times. Without REFERENCE.nc the exact solutions in the case (pde.exact)\n"
        "are taken, for inputs drawn anew.\n\n"
        "With --polish, MODEL.nc may also be a case: it is then solved from nothing.\n\n"
        "With --estimate as in predict, the estimates stand beside the errors, and the last line says how well they\n"
        "match.",
    .n_needed  = 1,
    .n_operand = 2,
    .option    = table,
    .n_option  = sizeof table / sizeof *table,
    .ranks     = true,
    .run       = run,
};
