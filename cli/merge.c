#include "cli/cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const option_info table[] = {
    {"output", 'o', OPTION_TEXT, offsetof(options, output), true, "OUT.nc", "the merged model"},
    {"weights", 0, OPTION_TEXT, offsetof(options, weights), false, "W,W,...",
     "a number above 0 for each model; all alike by default"},
};

static int count_models(const options *o)
{
    int n = 0;
    while (n < CLI_MAX_OPERAND && o->operand[n]) n++;
    return n;
}

/* Their sign is checked by the library. */
static exit_code read_weights(session *s, const char *text, int n, double *weight)
{
    const char *at = text;
    char       *end;
    int         found = 0;

    for (;; at = end + 1) {
        const double value = strtod(at, &end);
        if (end == at || (*end && *end != ','))
            return fail(s, CODE_USAGE, "merge: --weights %s: numbers separated by commas expected", text);
        if (found < n) weight[found] = value;
        found++;
        if (!*end) break;
    }
    if (found != n)
        return fail(s, CODE_USAGE, "merge: --weights %s: %d numbers for %d models; one each expected", text, found, n);
    return CODE_FINE;
}

static exit_code run(session *s, const options *o)
{
    exit_code code = CODE_FINE;
    subject   x    = {0};
    const int n    = count_models(o);
    double    weight[CLI_MAX_OPERAND];

    if (o->n_set > 0) return fail(s, CODE_USAGE, "merge: --set changes a case; models keep their own");
    CLI_TRY(check_output(s));
    if (o->weights) CLI_TRY(read_weights(s, o->weights, n, weight));
    CLI_TRY(check(s, pdm_model_merge(s->ctx, n, o->operand, o->weights ? weight : NULL, &x.model)));
    CLI_TRY(check(s, pdm_model_write(x.model, o->output)));
    if (o->json) {
        json_begin("merge", o);
        json_count("models", n);
        json_count("step", pdm_model_step(x.model));
        json_end();
    } else {
        say("model   %s, of %d models, step %lld; its optimiser starts afresh\n", o->output, n,
            (long long)pdm_model_step(x.model));
    }
done:
    subject_destroy(&x);
    return code;
}

const command merge_command = {
    .name     = "merge",
    .operands = "A.nc B.nc ...",
    .summary  = "average models that were trained on from one",
    .details =
        "Writes a model whose weights are the weighted mean of those of the models given, which are branches of one:\n"
        "trained on from the same parent by train --from, on other inputs or with other seeds. Their cases have to\n"
        "agree in all but training and the distributions of inputs; ranges of inputs (uniform) and lists are united.\n"
        "Gates are averaged too, and have to have the same groups, shared columns and width.\n"
        "What differs otherwise is named. The merged model has the largest step of its parents and no moments of the\n"
        "optimiser: train --resume or train --from go on with fresh ones. info shows what it was made of.",
    .n_needed  = 2,
    .n_operand = CLI_MAX_OPERAND,
    .option    = table,
    .n_option  = sizeof table / sizeof *table,
    .run       = run,
};
