#include "cli/cli.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { QUANTILES_MOST = 64 };

static const option_info table[] = {
    {"output", 'o', OPTION_TEXT, offsetof(options, output), true, "OUT.nc", "means, deviations, ends and quantiles"},
    {"samples", 'n', OPTION_COUNT, offsetof(options, samples), false, "N",
     "without INPUT.nc: so many inputs, 1000 by default"},
    {"quantiles", 0, OPTION_TEXT, offsetof(options, quantiles), false, "LIST",
     "rising numbers from 0 to 1; \"0.05 0.5 0.95\" by default"},
    {"marks", 0, OPTION_COUNT, offsetof(options, marks), false, "N",
     "answers that quantiles are found between, kept of every value; 256 by default"},
    {"skip-doubtful", 0, OPTION_FLAG, offsetof(options, skip_doubtful), false, NULL,
     "leave out answers that are doubtful or wrong"},
    {"polish", 0, OPTION_REAL, offsetof(options, polish), false, "TOL",
     "solve for all coefficients, to this tolerance"},
};

/* Numbers with spaces or commas between them. */
static exit_code read_quantiles(session *s, const char *text, double *value, pdm_size *n)
{
    char *end;

    for (*n = 0; *(text += strspn(text, " ,")); text = end) {
        if (*n == QUANTILES_MOST) return fail(s, CODE_USAGE, "ensemble: --quantiles: %d at most", QUANTILES_MOST);
        value[*n] = strtod(text, &end);
        if (end == text || !(value[*n] >= 0.0 && value[*n] <= 1.0) || (*n > 0 && !(value[*n] > value[*n - 1])))
            return fail(s, CODE_USAGE, "ensemble: --quantiles: rising numbers from 0 to 1 expected at \"%s\"", text);
        (*n)++;
    }
    return CODE_FINE;
}

/* What statistics are made of in spite of it, and where it is not, is in the text. */
static exit_code check_samples(session *s, const pdm_model *m)
{
    const options *o        = s->options;
    const double   doubtful = pdm_model_value(m, "verdict.doubtful"), wrong = pdm_model_value(m, "verdict.wrong"),
                 missing = pdm_model_value(m, "unanswered");

    if (missing > 0.0)
        return fail(s, CODE_LIMIT, "%s: %.0f solves have no answer, and are left out", o->output, missing);
    if (o->skip_doubtful || (wrong == 0.0 && (doubtful == 0.0 || o->polish == 0.0))) return CODE_FINE;
    return fail(s, CODE_DOUBTFUL,
                "%s: made of %.0f answers that are doubtful and %.0f that are wrong, too; "
                "--skip-doubtful leaves them out",
                o->output, doubtful, wrong);
}

typedef struct listener {
    report   r;
    progress p;
} listener;

static int after_batch(void *user, const pdm_model *m)
{
    return progress_step(&((listener *)user)->p, m);
}

static void print_text(void *user, const char *text)
{
    listener *l = user;
    progress_end(&l->p);
    report_text(&l->r, text);
}

static exit_code run(session *s, const options *o)
{
    static const char *const names[] = {"samples",       "used",           "unanswered",       "unconverged",
                                        "outside",       "verdict.good",   "verdict.none",     "verdict.doubtful",
                                        "verdict.wrong", "effect.mean",    "effect.deviation", "quantile.error",
                                        "seconds",       "seconds.verdict"};
    exit_code                code    = CODE_FINE;
    subject                  x       = {0};
    listener                 l       = {.r = {.command_name = "ensemble", .options = o}};
    double                   quantile[QUANTILES_MOST];

    pdm_ensemble_settings settings;
    pdm_ensemble_settings_init(&settings, sizeof settings);
    settings.input         = o->operand[1];
    settings.n_sample      = o->samples;
    settings.polish        = o->polish;
    settings.skip_doubtful = o->skip_doubtful;
    if (o->marks > 0) settings.n_mark = o->marks;
    if (o->operand[1] && o->samples > 0)
        return fail(s, CODE_USAGE, "ensemble: --samples draws inputs; %s has them already", o->operand[1]);
    if (o->quantiles) {
        CLI_TRY(read_quantiles(s, o->quantiles, quantile, &settings.n_quantile));
        settings.quantile = quantile;
    }
    CLI_TRY(check_output(s));
    CLI_TRY(subject_read_solver(s, &x));
    stop_at_signals();
    progress_start(&l.p, s, x.model);
    CLI_TRY(check(s, pdm_model_ensemble(x.model, o->output, &settings, after_batch, print_text, &l)));
    if (report_wants_numbers(&l.r)) {
        for (size_t i = 0; i < sizeof names / sizeof *names; i++) json_value(x.model, names[i]);
        json_end();
    } else {
        say("%s: per sample %.3g ms, its verdict %.3g\n", o->output,
            1e3 * pdm_model_value(x.model, "seconds") / pdm_model_value(x.model, "samples"),
            1e3 * pdm_model_value(x.model, "seconds.verdict") / pdm_model_value(x.model, "samples"));
    }
    code = check_samples(s, x.model);
done:
    subject_destroy(&x);
    return code;
}

const command ensemble_command = {
    .name     = "ensemble",
    .operands = "MODEL.nc [INPUT.nc]",
    .summary  = "statistics of the answers to many inputs",
    .details =
        "Answers the inputs in INPUT.nc, or as many as wanted that are drawn from the distributions of the case, and\n"
        "writes FIELD_mean, FIELD_deviation, FIELD_minimum, FIELD_maximum and FIELD_quantile: on the coordinates in\n"
        "INPUT.nc, else on four equal steps a control point. No answer is kept but a few marks, so that memory does\n"
        "not grow with the number of inputs. A quantile lies between two marks, and FIELD_quantile_error is the most\n"
        "by which it may be off; with no more inputs than marks it is exact.\n\n"
        "Every answer is judged by what it leaves over. Those that are doubtful or wrong are used, and by how much\n"
        "they change means and deviations is printed and in the output; --skip-doubtful leaves them out. Exit code 11\n"
        "where wrong ones are used, 10 where solves have no answer, which are always left out; 7 where no answer is\n"
        "left. Interrupted, it writes nothing.\n\n"
        "With --polish, MODEL.nc may also be a case: it is then solved from nothing.",
    .n_needed  = 1,
    .n_operand = 2,
    .option    = table,
    .n_option  = sizeof table / sizeof *table,
    .run       = run,
};
