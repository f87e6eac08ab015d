#include "cli/cli.h"

#include <string.h>

static const double TOLERANCE = 1e-4;

static const option_info table[] = {
    {"output", 'o', OPTION_TEXT, offsetof(options, output), true, "OUT.nc",
     "fields and inputs, with the estimate of the error"},
    {"tol", 0, OPTION_REAL, offsetof(options, tolerance), false, "TOL", "relative L2 error aimed at, 1e-4 by default"},
    {"method", 0, OPTION_TEXT, offsetof(options, method), false, "METHOD", "auto, polish or lines; auto by default"},
    {"samples", 0, OPTION_COUNT, offsetof(options, samples), false, "N",
     "without INPUT.nc: so many inputs, 4 by default"},
    {"max-unknowns", 0, OPTION_COUNT, offsetof(options, max_unknowns), false, "N",
     "no grids with more; polish: 20000 by default, 6000 with levels; lines: 40000"},
    {"max-seconds", 0, OPTION_COUNT, offsetof(options, max_seconds), false, "N",
     "no round that would likely end later; no limit by default"},
};

typedef struct outcome {
    report *r;
    bool    converged;
} outcome;

static void print_text(void *user, const char *text)
{
    report_text(((outcome *)user)->r, text);
}

/* A pdm_number. The text ends before the first number, "converged". */
static void print_number(void *user, const char *name, double value)
{
    outcome *x = user;
    if (strcmp(name, "converged") == 0) {
        x->converged = value != 0.0;
        (void)report_wants_numbers(x->r);
    }
    if (x->r->options->json) json_real(name, value);
}

static exit_code run(session *s, const options *o)
{
    exit_code    code      = CODE_FINE;
    subject      x         = {0};
    report       r         = {.command_name = "reference", .options = o};
    outcome      found     = {.r = &r};
    const double tolerance = o->tolerance > 0.0 ? o->tolerance : TOLERANCE;

    pdm_reference_settings settings;
    pdm_reference_settings_init(&settings, sizeof settings);
    settings.input        = o->operand[1];
    settings.n_sample     = o->samples;
    settings.method       = o->method;
    settings.tolerance    = tolerance;
    settings.max_unknowns = o->max_unknowns;
    settings.max_seconds  = o->max_seconds;
    if (o->operand[1] && o->samples > 0)
        return fail(s, CODE_USAGE, "reference: --samples draws inputs; %s has them already", o->operand[1]);
    CLI_TRY(check_output(s));
    CLI_TRY(subject_read_case(s, o->operand[0], &x));
    CLI_TRY(check(s, pdm_case_reference(x.the_case, o->output, &settings, print_text, print_number, &found)));
    if (r.begun) json_end();
    if (!found.converged)
        code = fail(s, CODE_LIMIT, "%s is not converged to %g within the limits; it holds the finest solution",
                    o->output, tolerance);
done:
    subject_destroy(&x);
    return code;
}

const command reference_command = {
    .name     = "reference",
    .operands = "CASE [INPUT.nc]",
    .summary  = "make a converged solution of a case",
    .details =
        "Solves CASE with all coefficients free on finer and finer control grids (half as many again along every\n"
        "dimension a round), until the estimate of the relative L2 error of every sample is at most TOL: the change\n"
        "from the round before, extrapolated by the order that is observed. Inputs and, where present, output\n"
        "coordinates come from INPUT.nc; without it inputs are drawn from the distributions of the case. Prints the\n"
        "rounds. OUT.nc is written after each of them, and has error_estimate for every sample.\n\n"
        "Stops short of TOL at the limits of size and time, or of memory: exit code 10, and OUT.nc holds the finest\n"
        "solution there is.",
    .n_needed     = 1,
    .n_operand    = 2,
    .option       = table,
    .n_option     = sizeof table / sizeof *table,
    .has_settings = true,
    .run          = run,
};
