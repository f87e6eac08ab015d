#include "cli/cli.h"

/* A pdm_number. */
static void print_number(void *user, const char *name, double value)
{
    (void)user;
    json_real(name, value);
}

static exit_code run(session *s, const options *o)
{
    exit_code code = CODE_FINE;
    subject   x    = {0};
    report    r    = {.command_name = "info", .options = o};

    CLI_TRY(subject_read_any(s, o->operand[0], &x));
    CLI_TRY(check(s, x.the_case ? pdm_case_describe(x.the_case, report_text, &r)
                                : pdm_model_describe(x.model, report_text, &r)));
    if (!report_wants_numbers(&r)) goto done;
    json_text("kind", x.the_case ? "case" : "model");
    json_count("step", pdm_model_step(x.model));
    json_count("steps", pdm_model_steps(x.model));
    json_count("n_input", pdm_model_n_input(x.model));
    json_count("n_field", pdm_model_n_field(x.model));
    json_count("n_point", pdm_model_n_point(x.model));
    CLI_TRY(check(s, pdm_model_routing(x.model, print_number, NULL)));
    json_end();
done:
    subject_destroy(&x);
    return code;
}

const command info_command = {
    .name     = "info",
    .operands = "FILE",
    .summary  = "say what is in a model file or a case",
    .details =
        "Checks FILE, a model or a case, and describes it: equations, grid, experts, network, settings, and for a "
        "model\n"
        "how far it is trained, with a gate how often experts have columns, and where measured boxes are. (For fields\n"
        "written by predict and eval, use ncdump -h.)",
    .n_needed  = 1,
    .n_operand = 1,
    .run       = run,
};
