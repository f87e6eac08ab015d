/* Progress of training: one rewritten line on a terminal, plain lines elsewhere; signals. */
#include "cli/cli.h"

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

enum { LINES_PER_RUN = 20, LINE_SIZE = 160 };

static const double REWRITE_AFTER = 0.1, LINE_AFTER = 60.0; /* s */

const char *const stage_name[N_STAGE] = {"seconds.network",  "seconds.solve",  "seconds.adjoint",
                                         "seconds.backward", "seconds.update", "seconds.data"};

static volatile sig_atomic_t stop_wanted = 0;

static void want_stop(int number)
{
    if (stop_wanted) end_by_signal(number);
    stop_wanted = 1;
}

void stop_at_signals(void)
{
    struct sigaction action = {.sa_handler = want_stop};

    (void)sigemptyset(&action.sa_mask);
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
    action.sa_handler = SIG_IGN; /* who reads the progress may go; the training stays */
    (void)sigaction(SIGPIPE, &action, NULL);
}

static double now(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

void progress_start(progress *p, session *s, const pdm_model *m)
{
    *p           = (progress){.s = s, .on_terminal = isatty(STDERR_FILENO) == 1, .first_step = pdm_model_step(m)};
    p->line_step = p->first_step;
    p->start     = now();
    p->shown     = p->start;
}

void progress_end(progress *p)
{
    if (p->s->line_is_open) fputc('\n', stderr);
    p->s->line_is_open = false;
}

double progress_seconds(const progress *p)
{
    return now() - p->start;
}

/* Mean time of a step of this run, checkpoints included, s. */
static double time_per_step(const progress *p, const pdm_model *m)
{
    return (now() - p->start) / (double)(pdm_model_step(m) - p->first_step);
}

static void rewrite_line(const progress *p, const pdm_model *m)
{
    const pdm_size step = pdm_model_step(m), steps = pdm_model_steps(m);
    const double   each   = time_per_step(p, m);
    struct winsize window = {0};
    char           text[LINE_SIZE];

    snprintf(text, sizeof text, "step %lld/%lld  loss %.3e  %.1f iterations  %.0f failed  %.1f ms/step  %.0f s left",
             (long long)step, (long long)steps, pdm_model_value(m, "loss"), pdm_model_value(m, "iterations"),
             pdm_model_value(m, "failed"), 1e3 * each, ceil(each * (double)(steps - step)));
    const int width =
        ioctl(STDERR_FILENO, TIOCGWINSZ, &window) == 0 && window.ws_col > 1 ? window.ws_col - 1 : LINE_SIZE;
    fprintf(stderr, "\r%.*s\033[K", width, text); /* never wraps: a wrapped line cannot be rewritten */
    fflush(stderr);
}

static void print_line(const progress *p, const pdm_model *m)
{
    const pdm_size step = pdm_model_step(m), steps = pdm_model_steps(m);
    const double   each = time_per_step(p, m);

    fprintf(stderr, "step=%lld steps=%lld loss=%.3e iterations=%.1f failed=%.0f ms_per_step=%.1f left_s=%.0f\n",
            (long long)step, (long long)steps, pdm_model_value(m, "loss"), pdm_model_value(m, "iterations"),
            pdm_model_value(m, "failed"), 1e3 * each, ceil(each * (double)(steps - step)));
}

static void show(progress *p, const pdm_model *m)
{
    const pdm_size step = pdm_model_step(m), steps = pdm_model_steps(m);
    const double   since = now() - p->shown;
    const bool     last  = step == steps;

    if (p->on_terminal) {
        if (since < REWRITE_AFTER && !last) return;
        rewrite_line(p, m);
        p->s->line_is_open = true;
    } else {
        const pdm_size every = (steps - p->first_step) / LINES_PER_RUN;
        if (step - p->line_step < every && since < LINE_AFTER && !last) return;
        print_line(p, m);
        p->line_step = step;
    }
    p->shown = now();
}

/* So many of those wanted: solutions, before the first step, where columns come from such; samples of an ensemble. */
static void show_share(progress *p, const char *what, double so_far, double wanted)
{
    const double left = (now() - p->start) / so_far * (wanted - so_far);

    if (now() - p->shown < (p->on_terminal ? REWRITE_AFTER : LINE_AFTER)) return;
    fprintf(stderr, p->on_terminal ? "\r%s %.0f/%.0f  %.0f s left\033[K" : "%s=%.0f of=%.0f left_s=%.0f\n", what, so_far,
            wanted, ceil(left));
    p->s->line_is_open = p->on_terminal;
    p->shown           = now();
}

static bool speaks(const progress *p)
{
    return !p->s->options->quiet && ranks_speak();
}

int progress_step(void *user, const pdm_model *m)
{
    static const char *const share[][3] = {{"solutions", "solutions.so_far", "solutions.wanted"},
                                           {"samples", "ensemble.so_far", "ensemble.wanted"}};
    progress                *p          = user;

    for (size_t i = 0; i < sizeof share / sizeof *share; i++) {
        const double wanted = pdm_model_value(m, share[i][2]);
        if (!isfinite(wanted)) continue;
        if (speaks(p)) show_share(p, share[i][0], pdm_model_value(m, share[i][1]), wanted);
        return stop_wanted;
    }

    for (int i = 0; i < N_STAGE; i++) p->stage[i] += pdm_model_value(m, stage_name[i]);
    if (2 * pdm_model_step(m) > p->first_step + pdm_model_steps(m)) {
        p->solves += pdm_model_value(m, "solves");
        p->failed += pdm_model_value(m, "failed");
    }
    if (speaks(p)) show(p, m);
    return stop_wanted;
}
