#include "cli/cli.h"

#include <string.h>

static const option_info table[] = {
    {"output", 'o', OPTION_TEXT, offsetof(options, output), true, "FIT.nc",
     "what was found with covariance, data with what is fitted, the solution"},
    {"parameters", 'p', OPTION_TEXT, offsetof(options, parameters), true, "NAMES",
     "what is to be found: \"D, k\", inputs or numbers of /pde/parameters"},
    {"start", 0, OPTION_TEXT, offsetof(options, start), false, "LIST",
     "where the search begins: \"D = 1e-3\"; the case's by default"},
    {"bounds", 0, OPTION_TEXT, offsetof(options, bounds), false, "LIST",
     "\"D = 1e-4 : 1e-2, k = 0 :\"; those of uniform(...) by default"},
    {"priors", 0, OPTION_TEXT, offsetof(options, priors), false, "LIST",
     "\"D = 5e-4 +- 1e-4, k = none\"; those of normal(...) by default"},
    {"noise", 0, OPTION_TEXT, offsetof(options, noise), false, "LIST",
     "standard errors: 0.01 of all data, or \"u = 0.01, c = 2\""},
    {"apart", 0, OPTION_FLAG, offsetof(options, apart), false, NULL,
     "every sample of the data has parameters of its own"},
    {"tol", 0, OPTION_REAL, offsetof(options, tolerance), false, "TOL",
     "of the search, in standard errors of the answer, 1e-4 by default"},
    {"max-unknowns", 0, OPTION_COUNT, offsetof(options, max_unknowns), false, "N",
     "of finer grids, 20000 by default; 1: the first grid alone"},
    {"steps", 0, OPTION_COUNT, offsetof(options, steps), false, "N", "most steps of the search, 50 by default"},
};

typedef struct outcome {
    report *r;
    bool    converged;
    double  doubtful, wrong; /* solutions */
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
    if (strcmp(name, "verdict.doubtful") == 0) x->doubtful = value;
    if (strcmp(name, "verdict.wrong") == 0) x->wrong = value;
    if (x->r->options->json) json_real(name, value);
}

static exit_code run(session *s, const options *o)
{
    exit_code        code  = CODE_FINE;
    subject          x     = {0};
    report           r     = {.command_name = "fit", .options = o};
    outcome          found = {.r = &r};
    pdm_fit_settings settings;

    pdm_fit_settings_init(&settings, sizeof settings);
    settings.parameters = o->parameters;
    settings.start      = o->start;
    settings.bounds     = o->bounds;
    settings.priors     = o->priors;
    settings.noise      = o->noise;
    settings.apart      = o->apart;
    if (o->tolerance > 0.0) settings.tolerance = o->tolerance;
    if (o->max_unknowns > 0) settings.max_unknowns = o->max_unknowns;
    if (o->steps > 0) settings.max_iter = o->steps;
    CLI_TRY(check_output(s));
    CLI_TRY(subject_read_either(s, o->operand[0], &x));
    CLI_TRY(check(
        s, x.model ? pdm_model_fit(x.model, o->operand[1], o->output, &settings, print_text, print_number, &found)
                   : pdm_case_fit(x.the_case, o->operand[1], o->output, &settings, print_text, print_number, &found)));
    if (r.begun && o->json) json_end();
    if (!found.converged)
        code = fail(s, CODE_LIMIT, "%s: a search did not converge (variable \"fit_end\")", o->output);
    else if (found.doubtful + found.wrong > 0.0)
        code = fail(s, CODE_DOUBTFUL, "%s: %.0f of its solutions are doubtful, %.0f wrong (variable \"verdict\")",
                    o->output, found.doubtful, found.wrong);
done:
    subject_destroy(&x);
    return code;
}

const command fit_command = {
    .name     = "fit",
    .operands = "CASE|MODEL.nc DATA.nc",
    .summary  = "find parameters, inputs or initial fields from data",
    .details =
        "Finds the parameters with which the solution of CASE is nearest to the observations in DATA.nc, in the sum "
        "of\n"
        "squares over their standard errors, and how sure they are: standard errors, covariance, and a warning that\n"
        "names what the data do not see. Solves with all coefficients free, or with MODEL.nc by its network, in\n"
        "milliseconds; then parameters are inputs that the model has.\n\n"
        "Observations are variables named like fields, or with an attribute observed = \"EXPRESSION\" of fields,\n"
        "coordinates and scalar inputs. Variables named like the dimensions of the case say where they lie, on\n"
        "dimensions that the observations have: on a grid, at stations, scattered. Missing values are left out. Along\n"
        "the dimension \"sample\" there are several experiments, with the same parameters or, --apart, with their "
        "own.\n"
        "Inputs that are not to be found are variables of DATA.nc, too. Standard errors come from --noise, from the\n"
        "attribute standard_error, or from an ancillary variable with a standard name \"... standard_error\"; else "
        "they\n"
        "are estimated from what is left over.\n\n"
        "An error of the solution would go into what is found: it is checked on a grid with spans half as long, and "
        "where\n"
        "that moves something by more than 0.3 standard errors the search goes on there.\n\n"
        "Exit code 10 when the search does not converge, 11 when the solution is doubtful or wrong; FIT.nc is written.",
    .n_needed     = 2,
    .n_operand    = 2,
    .option       = table,
    .n_option     = sizeof table / sizeof *table,
    .has_settings = true,
    .run          = run,
};
