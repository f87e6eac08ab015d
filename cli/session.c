#include "cli/cli.h"

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

exit_code code_of(pdm_status status)
{
    switch (status) {
    case PDM_OK: return CODE_FINE;
    case PDM_ERR_ARGUMENT: return CODE_USAGE;
    case PDM_ERR_MEMORY: return CODE_MEMORY;
    case PDM_ERR_IO: return CODE_FILE;
    case PDM_ERR_CASE: return CODE_CASE;
    case PDM_ERR_DATA: return CODE_DATA;
    case PDM_ERR_MODEL: return CODE_MODEL;
    case PDM_ERR_NUMERIC: return CODE_NUMERIC;
    case PDM_ERR_UNSUPPORTED: return CODE_UNSUPPORTED;
    case PDM_ERR_INTERRUPTED: return CODE_INTERRUPTED;
    case PDM_ERR_INTERNAL: break;
    }
    return CODE_INTERNAL;
}

/* Takes an unfinished progress line off the terminal, so that a message has a line of its own. */
static void clear_line(session *s)
{
    if (!s || !s->line_is_open) return;
    fputs("\r\033[K", stderr);
    s->line_is_open = false;
}

exit_code fail(session *s, exit_code code, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    if (ranks_speak()) {
        clear_line(s);
        fputs("pdemoe: ", stderr);
        print_plain_list(stderr, format, arguments);
        fputc('\n', stderr);
    } else {
        ranks_keep_error(format, arguments);
    }
    va_end(arguments);
    return code;
}

void remark(session *s, const char *format, ...)
{
    va_list arguments;

    if (s->options->quiet || !ranks_speak()) return;
    clear_line(s);
    va_start(arguments, format);
    print_plain_list(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
}

exit_code check(session *s, pdm_status status)
{
    if (status == PDM_OK) return CODE_FINE;
    const char *text = pdm_context_error(s->ctx);
    ranks_tell(s, status);
    return fail(s, code_of(status), "%s", *text ? text : pdm_status_text(status));
}

exit_code check_answers(session *s, const pdm_model *m)
{
    const double n        = pdm_model_value(m, "unanswered");
    const double doubtful = pdm_model_value(m, "verdict.doubtful"), wrong = pdm_model_value(m, "verdict.wrong");

    if (n > 0.0)
        return fail(s, CODE_LIMIT,
                    "%s: %.0f of its solves have no answer (solver_reason 5 and 6): their fields are missing values",
                    s->options->output, n);
    if (wrong > 0.0 || (doubtful > 0.0 && !isnan(pdm_model_value(m, "estimate"))))
        return fail(s, CODE_DOUBTFUL, "%s: %.0f of its answers are doubtful, %.0f wrong (variable \"verdict\")",
                    s->options->output, doubtful, wrong);
    return CODE_FINE;
}

static void print_log(void *user, pdm_log_level level, const char *topic, const char *text)
{
    static const char *const word[] = {"error: ", "warning: ", "", ""};

    clear_line(user);
    fprintf(stderr, "%s%s: ", word[level], topic);
    print_plain(stderr, text);
    fputc('\n', stderr);
}

exit_code session_open(session *s, const options *o)
{
    *s                      = (session){.options = o};
    const pdm_status status = pdm_context_create(NULL, &s->ctx);

    if (status != PDM_OK) return fail(s, code_of(status), "%s", pdm_status_text(status));
    pdm_context_set_log(s->ctx, ranks_speak() ? print_log : NULL, s,
                        o->verbose ? PDM_LOG_DEBUG
                        : o->quiet ? PDM_LOG_WARNING
                                   : PDM_LOG_INFO);
    exit_code code = ranks_join(s); /* with a share of the cores as threads */
    if (code == CODE_FINE && o->threads > 0) code = check(s, pdm_context_set_threads(s->ctx, o->threads));
    return code == CODE_FINE ? check(s, pdm_context_set_backend(s->ctx, o->backend)) : code;
}

void session_close(session *s)
{
    const pdm_size left = pdm_context_destroy(&s->ctx);

    if (left > 0) fprintf(stderr, "warning: %lld bytes were not given back, a mistake in pdemoe\n", (long long)left);
}

void end_by_signal(int number)
{
    struct sigaction by_default = {.sa_handler = SIG_DFL};

    pdm_remove_unfinished();
    (void)sigaction(number, &by_default, NULL);
    (void)raise(number); /* comes when the handler returns */
}

void tidy_at_signals(void)
{
    static const int number[] = {SIGINT, SIGTERM, SIGHUP, SIGPIPE};

    for (size_t i = 0; i < sizeof number / sizeof *number; i++) {
        struct sigaction action = {.sa_handler = end_by_signal}, before;
        (void)sigfillset(&action.sa_mask);
        if (sigaction(number[i], NULL, &before) == 0 &&
            before.sa_handler != SIG_IGN) /* nohup, a job in the background */
            (void)sigaction(number[i], &action, NULL);
    }
}

exit_code check_stdout(void)
{
    errno = 0;
    if (fflush(stdout) == 0 && !ferror(stdout)) return CODE_FINE;
    fprintf(stderr, "pdemoe: standard output: cannot be written: %s\n", errno ? strerror(errno) : "write error");
    return CODE_FILE;
}
