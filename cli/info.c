#include "cli/cli.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

static const option_info table[] = {
    {"isolated", 0, OPTION_FLAG, offsetof(options, isolated), false, NULL,
     "read FILE in a process of its own, whose crash is told"},
};

/* A pdm_number. */
static void print_number(void *user, const char *name, double value)
{
    (void)user;
    json_real(name, value);
}

static exit_code describe(session *s, const options *o)
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
    if (x.model) {
        json_value(x.model, "judged");
        json_value(x.model, "judged.doubtful");
        json_value(x.model, "judged.left");
    }
    CLI_TRY(check(s, pdm_model_routing(x.model, print_number, NULL)));
    json_end();
done:
    subject_destroy(&x);
    return code;
}

/* In the child. */
static exit_code describe_alone(session *s, const options *o)
{
    const struct rlimit no_core = {0, 0};

#ifdef __linux__
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
#endif
    (void)setrlimit(RLIMIT_CORE, &no_core);
    const exit_code code    = describe(s, o);
    const exit_code written = check_stdout();
    return code != CODE_FINE ? code : written;
}

static exit_code run(session *s, const options *o)
{
    pid_t child = -1;
    int   ended = 0;

    if (!o->isolated) return describe(s, o);
    (void)fflush(NULL);
    child = fork();
    if (child == 0) _exit((int)describe_alone(s, o));
    if (child < 0) return fail(s, CODE_FILE, "info: no process can be started: %s", strerror(errno));
    while (waitpid(child, &ended, 0) < 0)
        if (errno != EINTR) return fail(s, CODE_INTERNAL, "info: the process that reads is lost: %s", strerror(errno));
    if (WIFEXITED(ended)) return (exit_code)WEXITSTATUS(ended);
    if (WTERMSIG(ended) == SIGKILL || WTERMSIG(ended) == SIGTERM)
        return fail(s, CODE_INTERNAL, "info: the process that read %s was ended from outside (%s)", o->operand[0],
                    strsignal(WTERMSIG(ended)));
    return fail(s, CODE_MODEL,
                "%s: the process that read it crashed (%s): the file is damaged, or made to do this; it is not to be "
                "read",
                o->operand[0], strsignal(WTERMSIG(ended)));
}

const command info_command = {
    .name     = "info",
    .operands = "FILE",
    .summary  = "say what is in a model file or a case",
    .details =
        "Checks FILE, a model or a case, and describes it: equations, grid, experts, network, settings, and for a "
        "model\n"
        "how far it is trained, with a gate how often experts have columns, and where measured boxes are. (For fields\n"
        "written by predict and eval, use ncdump -h.)\n\n"
        "A file made to harm can crash HDF5, which reads it. With --isolated that happens in a process of its own, "
        "and\n"
        "is told with exit code 6.",
    .n_needed  = 1,
    .n_operand = 1,
    .option    = table,
    .n_option  = sizeof table / sizeof *table,
    .run       = run,
};
