#include "cli/cli.h"

static const double TOLERANCE = 1e-8;

static const option_info table[] = {
    {"output", 'o', OPTION_TEXT, offsetof(options, output), true, "OUT.nc",
     "fields and inputs, sample dimension first"},
    {"tol", 0, OPTION_REAL, offsetof(options, tolerance), false, "TOL", "tolerance of the solve, 1e-8 by default"},
    {"samples", 0, OPTION_COUNT, offsetof(options, samples), false, "N",
     "without INPUT.nc: so many inputs, 4 by default"},
};

static exit_code run(session *s, const options *o)
{
    exit_code    code      = CODE_FINE;
    subject      x         = {0};
    report       r         = {.command_name = "polish", .options = o};
    const double tolerance = o->tolerance > 0.0 ? o->tolerance : TOLERANCE;

    if (o->operand[1] && o->samples > 0)
        return fail(s, CODE_USAGE, "polish: --samples draws inputs; %s has them already", o->operand[1]);
    CLI_TRY(check_output(s));
    CLI_TRY(subject_read_any(s, o->operand[0], &x));
    CLI_TRY(check(s, pdm_model_polish_file(x.model, o->operand[1], o->samples, o->output, tolerance, report_text, &r)));
    if (!report_wants_numbers(&r)) {
        code = check_answers(s, x.model);
        goto done;
    }
    json_real("tolerance", tolerance);
    json_value(x.model, "unknowns");
    json_value(x.model, "iterations");
    json_value(x.model, "objective.worst");
    json_estimate(x.model, false);
    json_prediction(x.model);
    json_end();
    code = check_answers(s, x.model);
done:
    subject_destroy(&x);
    return code;
}

const command polish_command = {
    .name     = "polish",
    .operands = "CASE|MODEL.nc [INPUT.nc]",
    .summary  = "solve with all coefficients free, to a tolerance",
    .details =
        "A classical solve of the equations on the grid of the case: from the answer of a trained model's network, or\n"
        "from nothing. Inputs and, where present, output coordinates come from INPUT.nc; without it inputs are drawn\n"
        "from the distributions of the case (one solve where it has no inputs), on the default output grid. The\n"
        "output has the fields with the inputs, as a reference for eval. Prints iterations, objective, time and how "
        "the\n"
        "solve ended for every sample (samples of a batch are solved together: each has its share of the time).\n"
        "Solves that do not converge are no error: solver_reason in OUT.nc says how each ended. Those that have no\n"
        "answer, as the equations are singular where they start, have missing values for fields, and the exit code is\n"
        "10; where all are such, it is 7, and there is no file.\n\n"
        "The tolerance is that of the solve. How far its answer is from the solution of the equations depends on the\n"
        "grid, and is estimated by solves on a finer grid, from the answer, and a coarser one; what it leaves over of\n"
        "the equations is measured on the finer cells. The answer is good when the estimate is at most "
        "solver:accuracy\n"
        "(0.01) and nothing speaks against it, else doubtful or wrong, with the reason and what to do; exit code 11 "
        "then.\n\n"
        "Of equations in divergence form, dt(q) + dx(F) + ... = s, the last lines say what the domain gained, what "
        "came\n"
        "through the walls and what sources made, and how much of what is there is lost (imbalance in OUT.nc).",
    .n_needed     = 1,
    .n_operand    = 2,
    .option       = table,
    .n_option     = sizeof table / sizeof *table,
    .has_settings = true,
    .ranks        = true,
    .run          = run,
};
