#include "cli/cli.h"

#include <math.h>
#include <stdio.h>

static const option_info table[] = {
    {"output", 'o', OPTION_TEXT, offsetof(options, output), true, "OUT.nc",
     "fields and inputs, sample dimension first"},
    {"polish", 0, OPTION_REAL, offsetof(options, polish), false, "TOL",
     "solve for all coefficients, to this tolerance"},
    {"estimate", 0, OPTION_FLAG, offsetof(options, estimate), false, NULL,
     "estimate errors: the distance to the polished solution, and its own error"},
};

static void print_result(const pdm_model *m, const options *o)
{
    const double n = pdm_model_value(m, "samples"), per = 1e3 / n;

    say("%s: %.0f samples, %.0f not converged; per sample %.2f ms: "
        "network %.2f, solve %.2f, output %.2f, setting up %.2f\n",
        o->output, n, pdm_model_value(m, "unconverged"), per * pdm_model_value(m, "seconds"),
        per * pdm_model_value(m, "seconds.network"), per * pdm_model_value(m, "seconds.solve"),
        per * pdm_model_value(m, "seconds.output"), per * pdm_model_value(m, "seconds.data"));
    if (!isnan(pdm_model_value(m, "imbalance")))
        say("most that an equation is out of balance: %.2g %% (variable \"imbalance\")\n",
            1e2 * fabs(pdm_model_value(m, "imbalance")));
    if (!o->estimate) return;
    say("estimated relative L2 error: mean %.4f %%, worst %.4f %%; %.0f without; per sample %.2f ms more\n",
        1e2 * pdm_model_value(m, "estimate"), 1e2 * pdm_model_value(m, "estimate.worst"),
        pdm_model_value(m, "estimate.unconverged"), per * pdm_model_value(m, "seconds.estimate"));
}

static exit_code run(session *s, const options *o)
{
    exit_code code = CODE_FINE;
    subject   x    = {0};

    CLI_TRY(check_output(s));
    CLI_TRY(subject_read_solver(s, &x));
    CLI_TRY(check(s, pdm_model_predict_file(x.model, o->operand[1], o->output, o->polish)));
    if (o->json) {
        json_begin("predict", o);
        json_prediction(x.model);
        if (o->polish == 0.0) json_routing(x.model);
        if (o->estimate) json_estimate(x.model, false);
        json_end();
    } else {
        print_result(x.model, o);
    }
    code = check_answers(s, x.model);
done:
    subject_destroy(&x);
    return code;
}

const command predict_command = {
    .name     = "predict",
    .operands = "MODEL.nc INPUT.nc",
    .summary  = "compute fields for the inputs in a file",
    .details =
        "Reads inputs and, where present, output coordinates from INPUT.nc and writes the fields with the inputs,\n"
        "as a reference for eval. Solves that do not converge are no error: solver_reason in OUT.nc says how each "
        "ended.\nThose that have no answer, as the equations are singular where they start, have missing values for "
        "fields, and the\nexit code is 10; where none has one, it is 7, and there is no file.\n\n"
        "With --polish, MODEL.nc may also be a case: it is then solved from nothing.\n\n"
        "What every answer leaves over of the equations, on cells finer than those of the solve, is in the output\n"
        "(left_over), and the word that follows from it (verdict): doubtful, wrong, or none where nothing speaks "
        "against\n"
        "it. Exit code 11 when there are wrong ones; the output is written all the same.\n\n"
        "With --estimate every sample is also polished (to 1e-6), and that is compared with solves on finer and "
        "coarser\n"
        "grids: error_estimate (of several fields: error_estimate_FIELD) is the sum of the distance to the polished "
        "one,\n"
        "distance_to_polished, and of its own error. The verdict is then good up to solver:accuracy, and doubtful "
        "ones\n"
        "end with exit code 11, too.",
    .n_needed  = 2,
    .n_operand = 2,
    .option    = table,
    .n_option  = sizeof table / sizeof *table,
    .ranks     = true,
    .run       = run,
};
