#include "cli/cli.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_COUNTS = 64 };

static const option_info table[] = {
    {"experts", 0, OPTION_TEXT, offsetof(options, experts), false, "K,...",
     "numbers of experts; those of 1,2,4,8,16,32,64 that fit by default"},
    {"sweeps", 0, OPTION_COUNT, offsetof(options, sweeps), false, "N",
     "most sweeps of a schwarz solve, 1000 by default"},
};

/* "1,2,4" to numbers. */
static exit_code read_counts(session *s, const char *text, pdm_size *count, pdm_size *n)
{
    const char *at = text;

    for (*n = 0; *n < MOST_COUNTS; at++) {
        char *end;
        errno                 = 0;
        const long long value = strtoll(at, &end, 10);
        if (end == at || *at == ' ' || errno != 0 || value < 1 || (*end != ',' && *end != '\0')) break;
        count[(*n)++] = (pdm_size)value;
        at            = end;
        if (*end == '\0') return CODE_FINE;
    }
    return fail(s, CODE_USAGE, "--experts %s: at most %d whole numbers from 1 with commas between them expected: 1,2,4",
                text, (int)MOST_COUNTS);
}

/* A pdm_number; user is the report. The text ends before the first number, "samples". */
static void print_number(void *user, const char *name, double value)
{
    report *r = user;
    if (strcmp(name, "samples") == 0) (void)report_wants_numbers(r);
    if (r->options->json) json_real(name, value);
}

static exit_code run(session *s, const options *o)
{
    exit_code code    = CODE_FINE;
    subject   x       = {0};
    report    r       = {.command_name = "modes", .options = o};
    pdm_size  n_count = 0, count[MOST_COUNTS];

    if (o->experts) CLI_TRY(read_counts(s, o->experts, count, &n_count));
    CLI_TRY(subject_read_any(s, o->operand[0], &x));
    CLI_TRY(check(
        s, pdm_model_compare_modes(x.model, o->operand[1], n_count, count, o->sweeps, report_text, print_number, &r)));
    if (r.begun) json_end();
done:
    subject_destroy(&x);
    return code;
}

const command modes_command = {
    .name     = "modes",
    .operands = "CASE|MODEL.nc [INPUT.nc]",
    .summary  = "compare the modes of the solve, for any number of experts",
    .details =
        "The basis functions of the network (with a case: of an untrained one) do not depend on the partition. They "
        "are\n"
        "shared out among K experts and solved for in each mode: coupled, all experts together; schwarz, in sweeps of\n"
        "each expert by itself; independent, each expert on the rows of its own box, the others left out. A line for\n"
        "each: error, time of the solve, steps (of independent experts: of the slowest), solves that failed to\n"
        "converge, objective phi, and the share of the rows whose element sees more than one expert beside their "
        "share\n"
        "of the squared residual. \"along\" is how the experts are laid out: as in the case where it has K, else in "
        "boxes\n"
        "as square as can be along the dimensions that the case cuts.\n\n"
        "Inputs, output coordinates and, where it has the fields, what errors are relative to come from INPUT.nc;\n"
        "without it inputs are drawn anew, and exact solutions are taken where the case has them.",
    .n_needed     = 1,
    .n_operand    = 2,
    .option       = table,
    .n_option     = sizeof table / sizeof *table,
    .has_settings = true,
    .run          = run,
};
