#include "cli/cli.h"

#include <stdio.h>
#include <sys/stat.h>

static const double TOLERANCE = 0.1;

static const option_info table[] = {
    {"output", 'o', OPTION_TEXT, offsetof(options, output), true, "OUT.nc", "the smaller model"},
    {"rank", 0, OPTION_REAL, offsetof(options, rank), false, "R", "mean rank of a mode's matrix; found by default"},
    {"energy", 0, OPTION_REAL, offsetof(options, energy), false, "E",
     "share of the network's output to keep, like 0.999"},
    {"groups", 0, OPTION_REAL, offsetof(options, groups), false, "SHARE",
     "without groups of columns that are on in less of the samples of every expert; 0.01 by default"},
    {"half", 0, OPTION_FLAG, offsetof(options, half), false, NULL, "store numbers in half precision"},
    {"tolerance", 0, OPTION_REAL, offsetof(options, tolerance), false, "TOL",
     "by how much the error may rise, relative; 0.1 by default"},
    {"against", 0, OPTION_TEXT, offsetof(options, against), false, "FILE.nc",
     "judge by errors against the fields in it"},
};

static double size_of(const char *path)
{
    struct stat x;
    return stat(path, &x) == 0 ? (double)x.st_size : 0.0;
}

static exit_code run(session *s, const options *o)
{
    exit_code    code      = CODE_FINE;
    subject      x         = {0};
    report       r         = {.command_name = "compress", .options = o};
    comparison   compared  = {.r = &r};
    const double tolerance = o->tolerance > 0.0 ? o->tolerance : TOLERANCE;

    pdm_compress_settings settings;
    pdm_compress_settings_init(&settings, sizeof settings);
    settings.rank      = o->rank;
    settings.energy    = o->energy;
    settings.half      = o->half;
    settings.groups    = o->groups;
    settings.tolerance = tolerance;
    settings.against   = o->against;
    if (o->n_set > 0) return fail(s, CODE_USAGE, "compress: --set changes a case; a model keeps its own");
    if (o->rank > 0.0 && o->energy > 0.0)
        return fail(s, CODE_USAGE, "compress: --rank and --energy exclude each other");
    CLI_TRY(check_output(s));
    CLI_TRY(subject_read_model(s, o->operand[0], &x));
    CLI_TRY(check(s, pdm_model_compress(x.model, o->output, &settings, comparison_text, comparison_number, &compared)));
    if (r.begun) json_end();
    if (!compared.within)
        CLI_TRY(fail(s, CODE_LIMIT, "%s is not written: the error rises by more than %g of what it was", o->output,
                     tolerance));
    if (!o->json)
        say("model   %s, %.1f kB; %s has %.1f kB, with its optimiser if it has one\n", o->output,
            size_of(o->output) / 1e3, o->operand[0], size_of(o->operand[0]) / 1e3);
done:
    subject_destroy(&x);
    return code;
}

const command compress_command = {
    .name     = "compress",
    .operands = "MODEL.nc",
    .summary  = "store a model in fewer bytes",
    .details =
        "Writes the model without its optimiser, the matrices of Fourier modes as factors of low rank, and with "
        "--half\n"
        "all weights in half precision. Several ranks are tried, and printed with their size and error; the smallest\n"
        "within the tolerance is written. The error is the residual on inputs drawn anew, or with --against that\n"
        "against given fields. Where no rank is within the tolerance nothing is written, and the exit code is 10.\n"
        "With --rank or --energy only that one is tried. The file is read like any model, and becomes as large as\n"
        "any when training goes on from it.\n"
        "Of a model with a gate, groups of columns that no expert has used in recent steps of training are dropped\n"
        "first, where the error allows: basis, gate.groups and gate.unknowns become what is left, and the settings "
        "are\n"
        "printed with which train --from goes on. With --groups they are dropped in any case.",
    .n_needed  = 1,
    .n_operand = 1,
    .option    = table,
    .n_option  = sizeof table / sizeof *table,
    .run       = run,
};
