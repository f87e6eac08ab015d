#include "cli/cli.h"

static exit_code run(session *s, const options *o)
{
    exit_code code = CODE_FINE;
    subject   x    = {0};
    report    r    = {.command_name = "check", .options = o};

    CLI_TRY(subject_read_case(s, o->operand[0], &x));
    code = check(s, pdm_case_describe(x.the_case, report_text, &r));
    if (report_wants_numbers(&r)) json_end();
done:
    subject_destroy(&x);
    return code;
}

const command check_command = {
    .name     = "check",
    .operands = "CASE",
    .summary  = "validate a case and say what will be solved",
    .details  = "Checks all of CASE and prints fluxes and source as understood, fields, unknowns, rows, the conditions "
                "on each\n"
                "side, memory, and the time that training will take, from two steps made on the spot. Writes no file.",
    .n_needed = 1,
    .n_operand    = 1,
    .has_settings = true,
    .run          = run,
};
