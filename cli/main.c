#include "cli/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

static const command *const commands[] = {&new_command,       &train_command, &predict_command,   &ensemble_command,
                                          &polish_command,    &fit_command,   &reference_command, &eval_command,
                                          &plot_command,      &modes_command, &check_command,     &info_command,
                                          &gradcheck_command, &merge_command, &upcycle_command,   &compress_command};
enum { N_COMMAND = sizeof commands / sizeof *commands };

static const char *command_name(const void *list, int i)
{
    (void)list;
    return i < N_COMMAND ? commands[i]->name : NULL;
}

static void print_help(void)
{
    printf("pdemoe %s: neural PDE solvers whose answer obeys the PDE\n\n", pdm_version());
    puts("Usage: pdemoe COMMAND FILE ... [options]\n       pdemoe COMMAND --help\n\nCommands:");
    for (int i = 0; i < N_COMMAND; i++) printf("  %-11s%s\n", commands[i]->name, commands[i]->summary);
    puts("\nOptions before a command:\n"
         "  -h, --help     this text\n"
         "  -V, --version  version, commit, compiler, parts found\n\n"
         "Results go to stdout; log, progress and errors to stderr.\n\nExit codes:");
#define PRINT_CODE(name, value, text) printf("  %3d  %s\n", value, text);
    CLI_CODE_LIST(PRINT_CODE)
#undef PRINT_CODE
}

static exit_code run_command(const command *c, int argc, char **argv)
{
    options   o = {0};
    session   s = {0};
    exit_code code;

    CLI_TRY(options_read(c, argc, argv, &o));
    if (o.help) {
        options_help(c);
        goto done;
    }
    CLI_TRY(ranks_allow(c));
    CLI_TRY(session_open(&s, &o));
    code = c->run(&s, &o);
done:
    session_close(&s);
    options_release(&o);
    return code;
}

static exit_code run(int argc, char **argv)
{
    const char *word = argc > 1 ? argv[1] : NULL;
    char        text[SUGGESTION_SIZE];

    if (!word)
        return fail(NULL, CODE_USAGE,
                    "a command expected: new, train, predict, ensemble, polish, fit, reference, eval, plot, modes, "
                    "check, info, gradcheck, merge, upcycle or compress (see pdemoe --help)");
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
        print_help();
        return CODE_FINE;
    }
    if (strcmp(word, "--version") == 0 || strcmp(word, "-V") == 0) {
        fputs(pdm_build_info(), stdout); /* starts with the version */
        return CODE_FINE;
    }
    if (word[0] == '-')
        return fail(NULL, CODE_USAGE,
                    "unknown option %s; the command comes first, its options behind it (see pdemoe --help)", word);
    for (int i = 0; i < N_COMMAND; i++)
        if (strcmp(word, commands[i]->name) == 0) return run_command(commands[i], argc - 1, argv + 1);
    return fail(NULL, CODE_USAGE, "no command \"%s\"%s (see pdemoe --help)", word,
                suggestion(word, command_name, NULL, text));
}

/* A closed one of the three would be given to the next file that is opened, which would get what is printed. On what
 * stands in for stdin nothing can be read, on stdout nothing can be written, which is then told; what goes to stderr
 * is dropped. */
static bool open_standard_files(void)
{
    static const int mode[] = {O_WRONLY, O_RDONLY, O_WRONLY};

    for (int i = 0; i < 3; i++)
        if (fcntl(i, F_GETFD) < 0 && errno == EBADF && open("/dev/null", mode[i]) != i) return false;
    return true;
}

int main(int argc, char **argv)
{
    if (!open_standard_files()) return CODE_FILE;
    tidy_at_signals();
    ranks_find();
    const exit_code code    = run(argc, argv);
    const exit_code written = check_stdout();
    return (int)ranks_finish(code != CODE_FINE ? code : written);
}
