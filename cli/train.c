#include "cli/cli.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { PATH_SIZE = 4096 };

static const option_info table[] = {
    {"output", 'o', OPTION_TEXT, offsetof(options, output), true, "MODEL.nc",
     "model file, which is also the checkpoint"},
    {"resume", 0, OPTION_FLAG, offsetof(options, resume), false, NULL, "continue from MODEL.nc if it exists"},
    {"force", 'f', OPTION_FLAG, offsetof(options, force), false, NULL,
     "start anew even if MODEL.nc exists, or another training writes it"},
    {"from", 0, OPTION_TEXT, offsetof(options, from), false, "PARENT.nc",
     "start with the weights and scales of that model"},
};

static bool exists(const char *path)
{
    return access(path, F_OK) == 0 || errno != ENOENT;
}

/* The two settings that a model keeps of its own unless told otherwise; all others are those of the case. */
static bool may_change(const setting *x)
{
    return strcmp(x->group, "training") == 0 &&
           (strcmp(x->name, "steps") == 0 || strcmp(x->name, "checkpoint_every") == 0);
}

static exit_code resume(session *s, const options *o, subject *x)
{
    exit_code code = CODE_FINE;

    CLI_TRY(check(s, pdm_model_read(s->ctx, o->output, &x->model)));
    const pdm_status same = pdm_model_check_case(x->model, x->the_case);
    if (same != PDM_OK) CLI_TRY(fail(s, code_of(same), "%s: %s", o->output, pdm_context_error(s->ctx)));
    for (int i = 0; i < o->n_set; i++)
        if (may_change(&o->set[i]))
            CLI_TRY(check(s, pdm_model_set_training(x->model, o->set[i].name, o->set[i].value)));
    remark(s, "%s: continuing at step %lld of %lld", o->output, (long long)pdm_model_step(x->model),
           (long long)pdm_model_steps(x->model));
done:
    return code;
}

/* A new model of the case, of its own or with the weights of another. */
static exit_code create(session *s, const options *o, subject *x)
{
    exit_code code   = CODE_FINE;
    subject   parent = {0};

    if (!o->from) return check(s, pdm_model_create(x->the_case, &x->model));
    CLI_TRY(subject_read_model(s, o->from, &parent));
    CLI_TRY(check(s, pdm_model_create_from(x->the_case, parent.model, &x->model)));
    remark(s, "%s: starting from its weights after step %lld", o->from, (long long)pdm_model_step(parent.model));
done:
    subject_destroy(&parent);
    return code;
}

/* The file is claimed first, by the rank that writes it: what is read of it then is the last that was written. */
static exit_code start(session *s, const options *o, subject *x, pdm_claim **claim)
{
    exit_code code = CODE_FINE;

    if (o->resume && o->force) return fail(s, CODE_USAGE, "train: --resume and --force exclude each other");
    CLI_TRY(check_output(s));
    if (ranks_speak()) CLI_TRY(check(s, pdm_claim_create(s->ctx, o->output, o->force, claim)));
    if (exists(o->output) && !o->resume && !o->force)
        CLI_TRY(fail(s, CODE_USAGE, "%s exists; --resume continues from it, --force starts anew and replaces it",
                     o->output));
    CLI_TRY(subject_read_case(s, o->operand[0], x));
    if (o->resume && exists(o->output)) return resume(s, o, x);
    if (o->resume) remark(s, "%s does not exist: starting anew", o->output);
    CLI_TRY(create(s, o, x));
done:
    return code;
}

/* Where pdm_model_train() puts its log. */
static void find_log(const char *path, char *out, size_t size)
{
    const size_t n     = strlen(path);
    const bool   is_nc = n > 3 && strcmp(path + n - 3, ".nc") == 0;
    snprintf(out, size, is_nc ? "%.*s.log.jsonl" : "%.*s.jsonl", (int)(is_nc ? n - 3 : n), path);
}

typedef struct result {
    const char     *path;
    char            log[PATH_SIZE];
    const progress *progress;
    pdm_size        done, peak;   /* steps of this run; bytes */
    double          seconds;      /* of this run              */
    char            answers[512]; /* what they are worth; "": not known */
} result;

static void print_loss(const pdm_model *m)
{
    const double first = pdm_model_value(m, "loss.first"), last = pdm_model_value(m, "loss.last"),
                 unbound = pdm_model_value(m, "loss.free");

    say("loss    %.4e", pdm_model_value(m, "loss"));
    if (!isfinite(last)) { /* of a guess, squared and relative: nothing was solved */
        puts("");
        return;
    }
    say(" (last 10 steps %.1e", last);
    if (isfinite(first)) say(", first 10 %.1e", first);
    if (isfinite(unbound)) say("; all coefficients free: %.1e", unbound);
    puts(")");
}

/* A pdm_number: into the one of the two values that the name is of. */
static void keep_number(void *user, const char *name, double value)
{
    double *share = user;
    if (strcmp(name, "routing.unknowns") == 0) share[0] = value;
    if (strcmp(name, "routing.null") == 0) share[1] = value;
}

static void print_gate(const pdm_model *m)
{
    double share[2] = {NAN, NAN};

    if (pdm_model_routing(m, keep_number, share) != PDM_OK || isnan(share[0])) return;
    say("gate    %.1f %% of the unknowns exist, %.1f %% of the experts are null (about the last 50 steps)\n",
        100.0 * share[0], 100.0 * share[1]);
}

/* Of the time of the run; "other": between the stages, progress, and the way up to the first step. */
static void print_shares(const result *r, const pdm_model *m)
{
    const double files = pdm_model_value(m, "seconds.files");
    double       other = r->seconds - files;

    for (int i = 0; i < N_STAGE; i++) {
        say(" %s %.1f %%,", stage_name[i] + strlen("seconds."), 100.0 * r->progress->stage[i] / r->seconds);
        other -= r->progress->stage[i];
    }
    say(" files %.1f %%, other %.1f %%\n", 100.0 * files / r->seconds, 100.0 * other / r->seconds);
}

/* What was found from solutions, and which rows predictions read; nothing where this run has not. */
static void print_found(const pdm_model *m)
{
    const double n = pdm_model_value(m, "solutions"), guess = pdm_model_value(m, "guess.error"),
                 rows = pdm_model_value(m, "rows"), few = pdm_model_value(m, "rows.read");

    if (isfinite(n)) say("columns from %.0f solutions (%.0f more failed)\n", n, pdm_model_value(m, "solutions.failed"));
    if (isfinite(guess)) say("guess   %.3g %% off solutions that it has not learned from\n", 100.0 * guess);
    if (few < rows) say("rows    predictions read %.0f of %.0f, and all of them once\n", few, rows);
    if (few >= rows) say("rows    no few of them stand for all: predictions read all %.0f\n", rows);
}

static void print_result(const result *r, const pdm_model *m)
{
    say("model   %s, %lld of %lld steps\nlog     %s\n", r->path, (long long)pdm_model_step(m),
        (long long)pdm_model_steps(m), r->log);
    print_found(m);
    if (r->done == 0 && r->answers[0]) say("worth   %s", r->answers);
    if (r->done > 0) {
        print_loss(m);
        print_gate(m);
        if (r->answers[0]) say("worth   %s", r->answers);
        say("time    %.2f s for %lld steps, %.2f ms a step:", r->seconds, (long long)r->done,
            1e3 * r->seconds / (double)r->done);
        print_shares(r, m);
    }
    say("memory  %.1f MB at most\n", (double)r->peak / 1e6);
}

static const double FAILED_MOST = 0.1, FAILED_MOST_OF_FEW = 0.5, FEW = 40.0; /* of the solves, at the end */

static void print_json(const result *r, const pdm_model *m, const options *o)
{
    json_begin("train", o);
    json_text("log", r->log);
    json_count("step", pdm_model_step(m));
    json_count("steps", pdm_model_steps(m));
    json_count("steps_of_this_run", r->done);
    json_value(m, "loss");
    json_real("first_loss", pdm_model_value(m, "loss.first"));
    json_real("last_loss", pdm_model_value(m, "loss.last"));
    json_real("free_loss", pdm_model_value(m, "loss.free"));
    json_value(m, "failed");
    json_value(m, "solutions");
    json_value(m, "guess.error");
    json_value(m, "rows");
    json_value(m, "rows.read");
    json_value(m, "judged");
    json_value(m, "judged.doubtful");
    json_value(m, "judged.left");
    json_value(m, "seconds.judged");
    json_real("seconds", r->seconds);
    for (int i = 0; i < N_STAGE; i++) json_real(stage_name[i], r->progress->stage[i]);
    json_value(m, "seconds.files");
    json_count("peak_bytes", r->peak);
    json_end();
}

/* A pdm_sink. */
static void keep_text(void *user, const char *text)
{
    result *r = user;
    snprintf(r->answers, sizeof r->answers, "%s", text);
}

/* The model is complete without. */
static void judge(session *s, pdm_model *m, result *r)
{
    if (pdm_model_judge(m, r->path, keep_text, r) != PDM_OK)
        remark(s, "%s: what its answers are worth is not known: %s", r->path, pdm_context_error(s->ctx));
}

static exit_code run(session *s, const options *o)
{
    exit_code  code  = CODE_FINE;
    subject    x     = {0};
    pdm_claim *claim = NULL;
    progress   p;
    result     r = {.path = o->output, .progress = &p};

    stop_at_signals();
    CLI_TRY(start(s, o, &x, &claim));
    progress_start(&p, s, x.model);
    code = check(s, pdm_model_train(x.model, o->output, progress_step, &p));
    if (code == CODE_NUMERIC) remark(s, "%s holds the last checkpoint", o->output);
    if (code != CODE_FINE && code != CODE_INTERRUPTED) goto done;
    progress_end(&p);
    r.done               = pdm_model_step(x.model) - p.first_step;
    r.seconds            = progress_seconds(&p);
    const double unbound = pdm_model_value(x.model, "seconds.free"); /* not of the steps */
    if (code == CODE_FINE && isfinite(unbound)) r.seconds -= unbound;
    const bool found = isfinite(pdm_model_value(x.model, "solutions"));
    if (code == CODE_FINE && r.done == 0 && !found)
        remark(s, "%s: all %lld steps are done; more with --set training.steps=N", o->output,
               (long long)pdm_model_steps(x.model));
    if (code == CODE_FINE && (r.done > 0 || found)) judge(s, x.model, &r);
    pdm_context_memory(s->ctx, NULL, &r.peak, NULL);
    find_log(o->output, r.log, sizeof r.log);
    if (o->json)
        print_json(&r, x.model, o);
    else
        print_result(&r, x.model);
    if (code == CODE_FINE && p.failed > (p.solves < FEW ? FAILED_MOST_OF_FEW : FAILED_MOST) * p.solves)
        code =
            fail(s, CODE_LIMIT,
                 "%s: %.0f of the %.0f solves in the second half of this training did not converge: its weights follow "
                 "the others. pdemoe check tells what is solved; a finer grid, more training.max_iter, or equations "
                 "without singularities may help",
                 o->output, p.failed, p.solves);
done:
    subject_destroy(&x);
    pdm_claim_destroy(&claim);
    return code;
}

const command train_command = {
    .name     = "train",
    .operands = "CASE",
    .summary  = "train a model of a case",
    .details =
        "Trains a model of CASE (CDL when the name ends in .cdl, NetCDF otherwise), from the equations alone or on\n"
        "data, as the case says. MODEL.nc is written every training.checkpoint_every steps and at the end, a line of\n"
        "JSON a step to MODEL.log.jsonl. The loss at the end is printed beside that of the first 10 steps, and beside\n"
        "what the last inputs reach with all coefficients free: no network does better on this grid.\n\n"
        "At the end as many inputs as a batch has, which no step has drawn, are predicted, and the share of answers "
        "that\n"
        "are doubtful or wrong is told, and what is left over most of an equation, and where; beyond a tenth there is "
        "a\n"
        "warning with what to do. MODEL.nc keeps it, for pdemoe info.\n\n"
        "When more than a tenth of the solves in the second half of the steps do not converge (a half, of fewer than\n"
        "40), the exit code is 10.\n"
        "While it runs, MODEL.nc.lock says so, and a second training of MODEL.nc is refused.\n\n"
        "Ctrl-C (or SIGTERM) stops after the step with a checkpoint, a second one at once.\n"
        "With --resume the case has to be the model's; the model keeps its training.steps and\n"
        "training.checkpoint_every unless they are given by --set.\n\n"
        "With --from the network starts with the weights of PARENT.nc, and keeps its knots and scales; steps, rate "
        "and\n"
        "optimiser start anew. CASE may differ from the parent's in distributions, experts, parameters and settings,\n"
        "as long as fields, inputs, control points and the sizes of the network are the same.",
    .n_needed     = 1,
    .n_operand    = 1,
    .option       = table,
    .n_option     = sizeof table / sizeof *table,
    .has_settings = true,
    .ranks        = true,
    .run          = run,
};
