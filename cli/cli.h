/* The command-line program. One table of options and one file per command; options, the session (context, log, error
 * messages, exit code), the files a command works on, progress and JSON are shared.
 * Results go to stdout; log, progress and errors to stderr. */
#ifndef PDM_CLI_H
#define PDM_CLI_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "pdemoe/pdemoe.h"

#if defined(__GNUC__)
#define CLI_PRINTF(fmt, first) __attribute__((format(printf, fmt, first)))
#else
#define CLI_PRINTF(fmt, first)
#endif

/* Name, value (documented in --help, never renumbered), meaning. */
#define CLI_CODE_LIST(X)                                                                                           \
    X(CODE_FINE, 0, "fine")                                                                                        \
    X(CODE_INTERNAL, 1, "a mistake in pdemoe itself")                                                              \
    X(CODE_USAGE, 2, "wrong command line")                                                                         \
    X(CODE_CASE, 3, "the case says something that is not possible")                                                \
    X(CODE_DATA, 4, "input data missing, not finite, or of wrong shape or units")                                  \
    X(CODE_FILE, 5, "a file could not be read or written")                                                         \
    X(CODE_MODEL, 6, "a model file is damaged, or of another case or version")                                     \
    X(CODE_NUMERIC, 7, "NaN or infinity, no solve with an answer, or a wrong gradient (gradcheck)")                \
    X(CODE_UNSUPPORTED, 8, "this build or this machine cannot do it")                                              \
    X(CODE_MEMORY, 9, "not enough memory")                                                                         \
    X(CODE_LIMIT, 10,                                                                                              \
      "not converged (reference, fit; train: a tenth of the solves), solves without an answer (predict, polish), "      \
      "beyond the tolerance (upcycle, compress)")                                                                  \
    X(CODE_DOUBTFUL, 11, "answers that are doubtful or wrong, by their verdicts; the output holds them")           \
    X(CODE_INTERRUPTED, 130, "interrupted (SIGINT, SIGTERM); a checkpoint is written")

typedef enum exit_code {
#define CLI_CODE_ENUM(name, value, text) name = value,
    CLI_CODE_LIST(CLI_CODE_ENUM)
#undef CLI_CODE_ENUM
} exit_code;

/* In a function with `exit_code code` and one exit `done:`. */
#define CLI_TRY(call)                                \
    do {                                             \
        if ((code = (call)) != CODE_FINE) goto done; \
    } while (0)

/* ---- options (options.c) ---- */

enum { CLI_MAX_OPERAND = 32 };

/* --set group.name=value, taken apart; the last dot separates the name. */
typedef struct setting {
    const char *group, *name, *value;
} setting;

typedef struct options {
    const char *operand[CLI_MAX_OPERAND];
    const char *output, *field, *title, *against, *method, *experts, *from, *weights, *conditions, *quantiles;
    const char *parameters, *start, *bounds, *priors, *noise;
    const char *backend; /* NULL: the case's */
    double      polish;                    /* 0: none */
    double      tolerance, rank, energy;   /* 0: not given */
    double      groups;                    /* 0: not given */
    int         threads;                   /* 0: all */
    int         sample;                    /* -1: not given */
    int         samples;                   /* 0: not given */
    int         marks;                     /* 0: not given */
    int         max_unknowns, max_seconds; /* 0: not given */
    int         sweeps;                    /* 0: not given */
    int         dims;                      /* 0: not given */
    int         width;                     /* pixels; 0: not given */
    int         steps;                     /* 0: not given */
    bool        help, quiet, verbose, json, resume, force, estimate, half, routing, isolated, apart, list, skip_doubtful;
    int         n_set;
    setting    *set; /* [n_set] */
} options;

typedef enum option_kind {
    OPTION_FLAG,
    OPTION_TEXT,
    OPTION_REAL,
    OPTION_COUNT,
    OPTION_INDEX,
    OPTION_SETTING
} option_kind;

typedef struct option_info {
    const char *name;
    char        letter; /* 0: none */
    option_kind kind;
    size_t      offset; /* in struct options */
    bool        required;
    const char *argument; /* as shown in the help; NULL for a flag */
    const char *help;
} option_info;

typedef struct session session;

typedef struct command {
    const char        *name, *operands, *summary, *details; /* details: paragraphs of the help */
    int                n_needed, n_operand;                 /* operands: at least, at most */
    const option_info *option;                              /* besides those that all commands have */
    int                n_option;
    bool               has_settings; /* the help lists the settings of a case */
    bool               ranks;        /* runs on several */
    exit_code (*run)(session *s, const options *o);
} command;

/* Everything after the command's name. Prints one message and returns CODE_USAGE when it is wrong. */
exit_code options_read(const command *c, int argc, char **argv, options *out);
void      options_release(options *o);
void      options_help(const command *c);
/* Word number i of a list, NULL behind the last. */
typedef const char *(*word_at)(const void *list, int i);
/* `; did you mean "..."?` with the word of the list that a mistyped one is near to, or "". It is put into text, which
 * holds SUGGESTION_SIZE. */
enum { SUGGESTION_SIZE = 96 };
const char *suggestion(const char *word, word_at at, const void *list, char *text);

/* ---- session (session.c) ---- */

struct session {
    pdm_context   *ctx;
    const options *options;
    bool           line_is_open; /* a progress line stands on the terminal, to be rewritten */
};

exit_code session_open(session *s, const options *o);
void      session_close(session *s);
/* Prints "pdemoe: message" to stderr and returns the code. s may be NULL. */
exit_code fail(session *s, exit_code code, const char *format, ...) CLI_PRINTF(3, 4);
/* After a prediction: an error when some of its solves have no answer, or some of its answers are not good. */
exit_code check_answers(session *s, const pdm_model *m);
/* A remark to stderr, unless --quiet. */
void remark(session *s, const char *format, ...) CLI_PRINTF(2, 3);
/* Prints the context's error when status is one. */
exit_code check(session *s, pdm_status status);
exit_code code_of(pdm_status status);
/* Has stdout taken everything? */
exit_code check_stdout(void);
/* SIGINT, SIGTERM and SIGHUP remove what is unfinished before they end the program. */
void tidy_at_signals(void);
/* For a handler: removes it and ends the program by that signal. */
void end_by_signal(int number);

/* ---- ranks (ranks.c): the program as one of several that mpirun or srun has started together ----
 * The first prints all there is; the others print nothing, and their errors are for the first. */

/* From the environment: is it? To be called before anything is printed. */
void ranks_find(void);
bool ranks_speak(void); /* the first, or alone */
/* Refuses a command that does not run on several. */
exit_code ranks_allow(const command *c);
/* MPI runs from here on, and the session's context has its ranks, where there are several. */
exit_code ranks_join(session *s);
/* An error of this rank, to be printed by the first. */
void ranks_keep_error(const char *format, va_list arguments);
/* The others are told that this one fails. */
void ranks_tell(session *s, pdm_status status);
/* The end of MPI: returns the exit code of all, or ends all of them. */
exit_code ranks_finish(exit_code code);

/* ---- text (plain.c): whatever holds a name or words from a file is printed through these ---- */

/* printf to stdout, with what could steer a terminal escaped. */
void say(const char *format, ...) CLI_PRINTF(1, 2);
void print_plain(FILE *to, const char *text);
void print_plain_list(FILE *to, const char *format, va_list arguments);
/* Bytes of the UTF-8 character at text, and its code; 0: it is none. */
int  text_character(const char *text, uint32_t *code);
bool text_is_control(uint32_t code); /* or turns the direction of writing */

/* ---- what a command works on (subject.c) ---- */

typedef struct subject {
    pdm_case  *the_case; /* NULL when a model file was read */
    pdm_model *model;
} subject;

/* Reads a case and applies --set. */
exit_code subject_read_case(session *s, const char *path, subject *out);
/* Model file or case, whichever it is; a case becomes an untrained model too. */
exit_code subject_read_any(session *s, const char *path, subject *out);
/* Model file or case, whichever it is; of a case no model is made. */
exit_code subject_read_either(session *s, const char *path, subject *out);
/* A model file, with which --set is not refused. */
exit_code subject_read_model(session *s, const char *path, subject *out);
/* The case with --set applied. */
exit_code subject_apply_settings(session *s, pdm_case *c);
/* What predicts: the first operand, a model file, or with --polish perhaps a case; --estimate is set on it. */
exit_code subject_read_solver(session *s, subject *out);
void      subject_destroy(subject *x);
/* Refuses an output that is the same file as one of the command's. */
exit_code check_output(session *s);

/* ---- progress (progress.c) ---- */

enum { N_STAGE = 6 };
extern const char *const stage_name[N_STAGE]; /* names of pdm_model_value: "seconds.network", ... */

typedef struct progress {
    session *s;
    bool     on_terminal;
    pdm_size first_step, line_step; /* steps before the run; step of the last line */
    double   start, shown;          /* clock, s                                    */
    double   stage[N_STAGE];        /* s, summed over the steps of this run        */
    double   solves, failed;        /* of the second half of the steps of this run */
} progress;

void   progress_start(progress *p, session *s, const pdm_model *m);
int    progress_step(void *user, const pdm_model *m); /* a pdm_progress; not 0 once a signal came */
void   progress_end(progress *p);                     /* what comes next on stderr starts a line of its own */
double progress_seconds(const progress *p);
/* From now on SIGINT and SIGTERM ask for a stop after the step; a second one ends the program at once. */
void stop_at_signals(void);

/* ---- JSON on stdout (json.c): one object, one line ---- */

/* Opens the object with the command's name and its files: "file", "data" (the second operand, if given), "output". */
void json_begin(const char *command_name, const options *o);
void json_text(const char *key, const char *value);
void json_real(const char *key, double value); /* NaN and infinity as null */
void json_count(const char *key, pdm_size value);
void json_value(const pdm_model *m, const char *name); /* pdm_model_value of that name */
void json_prediction(const pdm_model *m);              /* samples, unconverged, times  */
void json_routing(const pdm_model *m);                 /* what its gate left; nothing without one */
void json_estimate(const pdm_model *m, bool compared); /* compared: beside errors that are known */
void json_end(void);

/* What a command has to say: text for people, or with --json an object that has the text too, and numbers. Nothing is
 * printed before the first piece of text comes. */
typedef struct report {
    const char    *command_name;
    const options *options;
    bool           begun;
} report;
void report_text(void *user, const char *text); /* a pdm_sink; user is the report */
/* After the last text. True with --json: numbers and json_end() are to follow. */
bool report_wants_numbers(report *r);

/* Models that are compared, by upcycle and compress: a pdm_sink and a pdm_number,
 * user being the comparison (comparison.c). */
typedef struct comparison {
    report *r;
    bool    within; /* the tolerance */
} comparison;
void comparison_text(void *user, const char *text);
void comparison_number(void *user, const char *name, double value);

/* ---- commands ---- */

extern const command train_command, predict_command, eval_command, plot_command, check_command, info_command,
    gradcheck_command, polish_command, reference_command, modes_command, merge_command, upcycle_command,
    compress_command, fit_command, new_command, ensemble_command;

#endif
