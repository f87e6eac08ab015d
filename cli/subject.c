/* Cases and models from files. */
#include "cli/cli.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum { MESSAGE_SIZE = 2048 };

exit_code subject_apply_settings(session *s, pdm_case *c)
{
    exit_code code = CODE_FINE;

    for (int i = 0; i < s->options->n_set; i++) {
        const setting *set = &s->options->set[i];
        CLI_TRY(check(s, pdm_case_set_text(c, set->group, set->name, set->value)));
    }
done:
    return code;
}

exit_code subject_read_case(session *s, const char *path, subject *out)
{
    exit_code code     = CODE_FINE;
    pdm_case *the_case = NULL;

    CLI_TRY(check(s, pdm_case_read(s->ctx, path, &the_case)));
    CLI_TRY(subject_apply_settings(s, the_case));
    out->the_case = the_case;
    the_case      = NULL;
done:
    pdm_case_destroy(&the_case);
    return code;
}

static bool is_cdl(const char *path)
{
    const size_t n = strlen(path);
    return n >= 4 && strcmp(path + n - 4, ".cdl") == 0;
}

exit_code subject_read_model(session *s, const char *path, subject *out)
{
    if (is_cdl(path)) return fail(s, CODE_USAGE, "%s is a case; a model of it expected, from train", path);
    return check(s, pdm_model_read(s->ctx, path, &out->model));
}

static exit_code read_model(session *s, const char *path, subject *out)
{
    if (is_cdl(path))
        return fail(s, CODE_USAGE, "%s is a case; train a model of it, or solve it from nothing with --polish TOL",
                    path);
    if (s->options->n_set > 0)
        return fail(s, CODE_USAGE, "--set changes a case; %s is read as a model, which keeps its own", path);
    return check(s, pdm_model_read(s->ctx, path, &out->model));
}

exit_code subject_read_any(session *s, const char *path, subject *out)
{
    exit_code code = CODE_FINE;
    char      message[MESSAGE_SIZE];

    if (is_cdl(path)) {
        CLI_TRY(subject_read_case(s, path, out));
        CLI_TRY(check(s, pdm_model_create(out->the_case, &out->model)));
        goto done;
    }
    const pdm_status as_model = pdm_model_read(s->ctx, path, &out->model);
    if (as_model == PDM_OK && s->options->n_set > 0)
        code = fail(s, CODE_USAGE, "--set changes a case; %s is a model, which keeps its own", path);
    if (as_model == PDM_OK) goto done;
    if (as_model != PDM_ERR_MODEL) CLI_TRY(check(s, as_model));
    /* Readable and not a sound model. If no model can be made of it as a case, both reasons are told. */
    snprintf(message, sizeof message, "%s", pdm_context_error(s->ctx));
    const pdm_status as_case = pdm_case_read(s->ctx, path, &out->the_case);
    if (as_case == PDM_ERR_MODEL) CLI_TRY(fail(s, CODE_MODEL, "%s", message)); /* it is meant to be a model */
    if (as_case == PDM_OK) {
        CLI_TRY(subject_apply_settings(s, out->the_case));
        if (pdm_model_create(out->the_case, &out->model) == PDM_OK) goto done;
    }
    code = fail(s, CODE_MODEL, "%s is neither a model nor a case\nas a model: %s\nas a case: %s", path, message,
                pdm_context_error(s->ctx));
done:
    return code;
}

exit_code subject_read_either(session *s, const char *path, subject *out)
{
    char message[MESSAGE_SIZE];

    if (is_cdl(path)) return subject_read_case(s, path, out);
    const pdm_status as_model = pdm_model_read(s->ctx, path, &out->model);
    if (as_model == PDM_OK && s->options->n_set > 0)
        return fail(s, CODE_USAGE, "--set changes a case; %s is a model, which keeps its own", path);
    if (as_model != PDM_ERR_MODEL) return check(s, as_model);
    snprintf(message, sizeof message, "%s", pdm_context_error(s->ctx)); /* readable, and not a sound model */
    if (pdm_case_read(s->ctx, path, &out->the_case) == PDM_OK) return subject_apply_settings(s, out->the_case);
    return fail(s, CODE_MODEL, "%s is neither a model nor a case\nas a model: %s\nas a case: %s", path, message,
                pdm_context_error(s->ctx));
}

exit_code subject_read_solver(session *s, subject *out)
{
    exit_code      code = CODE_FINE;
    const options *o    = s->options;

    if (o->polish > 0.0 && o->estimate)
        return fail(s, CODE_USAGE,
                    "--estimate compares the network's answer with a polished one; it does not go with "
                    "--polish, which asks for that itself");
    CLI_TRY(o->polish > 0.0 ? subject_read_any(s, o->operand[0], out) : read_model(s, o->operand[0], out));
    if (o->estimate) CLI_TRY(check(s, pdm_model_set_estimate(out->model, 1)));
done:
    return code;
}

void subject_destroy(subject *x)
{
    pdm_model_destroy(&x->model);
    pdm_case_destroy(&x->the_case);
}

exit_code check_output(session *s)
{
    const options *o = s->options;
    struct stat    out, in;
    const char    *read[CLI_MAX_OPERAND + 2];

    if (!o->output || stat(o->output, &out) != 0) return CODE_FINE;
    for (int i = 0; i < CLI_MAX_OPERAND; i++) read[i] = o->operand[i];
    read[CLI_MAX_OPERAND]     = o->against;
    read[CLI_MAX_OPERAND + 1] = o->from;
    for (int i = 0; i < CLI_MAX_OPERAND + 2; i++)
        if (read[i] && stat(read[i], &in) == 0 && out.st_dev == in.st_dev && out.st_ino == in.st_ino)
            return fail(s, CODE_USAGE, "the output %s is the same file as the input %s", o->output, read[i]);
    return CODE_FINE;
}
