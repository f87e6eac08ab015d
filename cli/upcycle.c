#include "cli/cli.h"

#include <stdio.h>

static const double TOLERANCE = 0.01;

static const option_info table[] = {
    {"output", 'o', OPTION_TEXT, offsetof(options, output), true, "OUT.nc", "the model with more experts"},
    {"against", 0, OPTION_TEXT, offsetof(options, against), false, "FILE.nc",
     "compare errors against the fields in it, too"},
    {"tolerance", 0, OPTION_REAL, offsetof(options, tolerance), false, "TOL",
     "by how much errors may rise, relative; 0.01 by default"},
};

static exit_code run(session *s, const options *o)
{
    exit_code    code      = CODE_FINE;
    subject      x         = {0};
    pdm_model   *upcycled  = NULL;
    report       r         = {.command_name = "upcycle", .options = o};
    comparison   compared  = {.r = &r};
    const double tolerance = o->tolerance > 0.0 ? o->tolerance : TOLERANCE;

    CLI_TRY(check_output(s));
    CLI_TRY(subject_read_model(s, o->operand[0], &x));
    CLI_TRY(check(s, pdm_model_case(x.model, &x.the_case)));
    CLI_TRY(subject_apply_settings(s, x.the_case));
    CLI_TRY(check(s, pdm_model_upcycle(x.model, x.the_case, o->against, tolerance, comparison_text, comparison_number,
                                       &compared, &upcycled)));
    if (r.begun) json_end();
    if (!compared.within)
        CLI_TRY(fail(s, CODE_LIMIT,
                     "%s is not written: with these experts the error rises by more than %g of what it was; other "
                     "numbers of experts, --set experts.prior=none, or a larger --tolerance",
                     o->output, tolerance));
    CLI_TRY(check(s, pdm_model_write(upcycled, o->output)));
    if (!o->json)
        say("model      %s, step %lld; its optimiser starts afresh\n", o->output, (long long)pdm_model_step(upcycled));
done:
    pdm_model_destroy(&upcycled);
    subject_destroy(&x);
    return code;
}

const command upcycle_command = {
    .name     = "upcycle",
    .operands = "MODEL.nc",
    .summary  = "give a trained model more experts",
    .details =
        "Writes a model with the weights of MODEL.nc and more experts, as --set says (domain.x.experts=4); experts\n"
        "other than experts.basis, gate other than its groups, shared and hidden, solver and training may be changed\n"
        "by --set too. A gate comes along; train --from is where a model gets one. The network proposes the same\n"
        "functions; each expert has its own share of them. Prints the residual of both models on inputs drawn anew,\n"
        "with --against their errors too. Where one of them rises by more than TOL nothing is written, and the exit\n"
        "code is 10. Polynomials of the prior stay on the boxes that the network was trained with (prior_experts), so\n"
        "that the functions of new experts are those of the old ones, cut into pieces. Training goes on by\n"
        "train --from OUT.nc with the case and the settings that are printed.",
    .n_needed     = 1,
    .n_operand    = 1,
    .option       = table,
    .n_option     = sizeof table / sizeof *table,
    .has_settings = true,
    .run          = run,
};
