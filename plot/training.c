/* The figure of a training run. */
#include "plot/figure.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { N_COLUMN = 2 };

typedef struct curve {
    plot_column column;
    const char *label;
    bool        is_log, is_count;
} curve;

static const curve curves[] = {
    {LOG_LOSS, "loss", true, false},
    {LOG_GRADIENT, "gradient norm", true, false},
    {LOG_FAILED, "failed solves", false, true},
    {LOG_RATE, "learning rate", false, false},
};
enum { N_CURVE = sizeof curves / sizeof *curves };

/* Least and greatest number that the axis can show, with some room around. */
static span range_of(const double *value, size_t n, bool is_log)
{
    double low = INFINITY, high = -INFINITY;

    for (size_t i = 0; i < n; i++)
        if (!is_log || value[i] > 0.0) plot_range(&value[i], 1, &low, &high);
    if (!(low <= high)) return (span){is_log ? 0.1 : 0.0, 1.0, is_log, false};
    if (is_log) {
        const double room = fmax(pow(high / low, 0.05), 1.1);
        return (span){low / room, high * room, true, false};
    }
    if (low > 0.0) low = 0.0;
    if (high <= low) high = low + 1.0;
    return (span){low, high + 0.05 * (high - low), false, false};
}

static void title_with_sum(panel *a, const double *value, size_t n)
{
    double sum = 0.0;
    char   text[PLOT_TEXT];

    for (size_t i = 0; i < n; i++) sum += isfinite(value[i]) ? value[i] : 0.0;
    snprintf(text, sizeof text, "%.0f in all", sum);
    label_set_text(&a->title, text, text);
}

static void fill_panel(const plot_log *log, const curve *c, panel *a)
{
    const double first = log->column[LOG_STEP][0], last = log->column[LOG_STEP][log->n - 1];

    a->kind       = PANEL_LINES;
    a->x          = (span){first, last > first ? last : first + 1.0, false, false};
    a->y          = range_of(log->column[c->column], log->n, c->is_log);
    a->y.is_count = c->is_count;
    label_set(&a->x_label, "", "step", "");
    label_set(&a->y_label, "", c->label, "");
    a->n_line  = 1;
    a->line[0] = (line){.x        = log->column[LOG_STEP],
                        .y        = log->column[c->column],
                        .n        = log->n,
                        .x_stride = 1,
                        .y_stride = 1,
                        .colour   = colour_line(0, 1),
                        .width    = 1.2,
                        .is_stems = c->is_count};
    if (c->is_count) title_with_sum(a, log->column[c->column], log->n);
}

/* Values that are no numbers, or that a logarithmic axis has no place for. */
static size_t count_gaps(const plot_log *log, const curve *c)
{
    size_t n = 0;
    for (size_t i = 0; i < log->n; i++) {
        const double v = log->column[c->column][i];
        n += !isfinite(v) || (c->is_log && v <= 0.0);
    }
    return n;
}

static void set_title(const plot_request *q, const char *path, char title[PLOT_TEXT])
{
    const char *name = pdm_base_name(path), *end = strstr(name, ".log.jsonl");

    if (q->title)
        snprintf(title, PLOT_TEXT, "%s", q->title);
    else
        snprintf(title, PLOT_TEXT, "training of %.*s", (int)(end ? (size_t)(end - name) : strlen(name)), name);
}

pdm_status draw_training(pdm_context *ctx, const plot_request *q, const char *log_path, picture kind, plot_result *r)
{
    pdm_status status = PDM_OK;
    plot_log   log    = {0};
    figure     f      = {0};

    PDM_TRY(plot_log_read(ctx, log_path, &log));
    PDM_TRY(figure_create(ctx, N_CURVE / N_COLUMN, N_COLUMN, &f));
    set_title(q, log_path, f.title);
    for (int i = 0; i < N_CURVE; i++) {
        const size_t n_gap = count_gaps(&log, &curves[i]);
        fill_panel(&log, &curves[i], figure_panel(&f, i / N_COLUMN, i % N_COLUMN));
        if (n_gap > 0)
            pdm_log(ctx, PDM_LOG_INFO, "plot", "%s: %s: %zu of %zu values cannot be drawn", log_path, curves[i].label,
                    n_gap, log.n);
        r->n_missing += n_gap;
    }
    r->kind = "training";
    PDM_TRY(figure_write(ctx, &f, kind, q->output, q->width, &r->pixels_x, &r->pixels_y));
done:
    figure_release(ctx, &f);
    plot_log_release(ctx, &log);
    return status;
}
