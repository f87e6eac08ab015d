#include "cli/cli.h"

#include <string.h>

static const option_info table[] = {
    {"against", 0, OPTION_TEXT, offsetof(options, against), false, "FILE.nc",
     "instead: do the fields in FILE.nc obey the equations of the case?"},
};

/* A pdm_number; user is the report. The text ends before the first number, "notes". */
static void print_number(void *user, const char *name, double value)
{
    report *r = user;
    if (strcmp(name, "notes") == 0) (void)report_wants_numbers(r);
    if (r->options->json) json_real(name, value);
}

static exit_code check_data(session *s, const options *o, subject *x, report *r)
{
    exit_code code = CODE_FINE;

    CLI_TRY(check(s, pdm_case_check_data(x->the_case, o->against, report_text, print_number, r)));
    if (r->begun) json_end();
done:
    return code;
}

static exit_code run(session *s, const options *o)
{
    exit_code code = CODE_FINE;
    subject   x    = {0};
    report    r    = {.command_name = "check", .options = o};

    CLI_TRY(subject_read_case(s, o->operand[0], &x));
    if (o->against) {
        code = check_data(s, o, &x, &r);
        goto done;
    }
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
    .details =
        "Checks all of CASE and prints fluxes and source as understood, fields, unknowns, rows, the conditions "
        "on each\n"
        "side, the time that training will take, from two steps made on the spot, its memory, and the largest batch\n"
        "that fits. Writes no file.\n\n"
        "With --against FILE.nc the equations are checked on somebody's fields (with inputs, on coordinates): to find\n"
        "wrong signs, missing factors, mistaken units. Every term, taken apart at its + and -, is integrated over "
        "boxes of\n"
        "a spline through the data. For each the table has its root mean square, the factor on it that makes the\n"
        "residual least, with its standard error and the residual that is left, and factors for all terms at once, "
        "one\n"
        "of them being held. A star: it differs from 1 by more than 3 standard errors and 1 %. Then how well the data\n"
        "meet the initial and boundary conditions.",
    .n_needed     = 1,
    .n_operand    = 1,
    .option       = table,
    .n_option     = sizeof table / sizeof *table,
    .has_settings = true,
    .run          = run,
};
