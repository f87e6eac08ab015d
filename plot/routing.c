/* The figure of what a gate chose: fields, and beside them experts with the columns that they have. */
#include "plot/routing.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Other colours than those of fields. */
static const scale whole = {.low = 0.0, .high = 1.0, .is_from_white = true};

/* Lines are over one coordinate: the share of each expert over its extent, as a line of steps. */
typedef struct steps {
    double *x, *y; /* [2 n] */
} steps;

/* What the figure borrows, a panel of experts each. */
typedef struct lent {
    size_t n;
    tile **tile;  /* [n] */
    steps *steps; /* [n] */
} lent;

static pdm_status lent_create(pdm_context *ctx, size_t most, lent *x)
{
    pdm_status status = PDM_OK;

    PDM_TRY(pdm_alloc_array(ctx, (pdm_size)most, &x->tile));
    PDM_TRY(pdm_alloc_array(ctx, (pdm_size)most, &x->steps));
done:
    return status;
}

static void lent_release(pdm_context *ctx, lent *x)
{
    for (size_t i = 0; i < x->n; i++) {
        pdm_free(ctx, x->tile[i]);
        pdm_free(ctx, x->steps[i].x);
        pdm_free(ctx, x->steps[i].y);
    }
    pdm_free(ctx, x->tile);
    pdm_free(ctx, x->steps);
}

static int compare_tiles(const void *a, const void *b)
{
    const double x = ((const tile *)a)->x[0], y = ((const tile *)b)->x[0];
    return (x > y) - (x < y);
}

static pdm_status make_steps(pdm_context *ctx, panel *p, tile *t, size_t n, steps *out)
{
    pdm_status status = PDM_OK;

    if (n == 0) goto done;
    PDM_TRY(pdm_alloc_array(ctx, 2 * (pdm_size)n, &out->x));
    PDM_TRY(pdm_alloc_array(ctx, 2 * (pdm_size)n, &out->y));
    qsort(t, n, sizeof *t, compare_tiles);
    for (size_t i = 0; i < 2 * n; i++) {
        out->x[i] = fmin(fmax(t[i / 2].x[i % 2], p->x.low), p->x.high);
        out->y[i] = t[i / 2].value;
    }
    p->line[p->n_line++] = (line){
        .x = out->x, .y = out->y, .n = 2 * n, .x_stride = 1, .y_stride = 1, .colour = colour_line(0, 1), .width = 1.6};
done:
    return status;
}

/* Experts in the panel p, beside one of the field x, whose axes they have. */
static pdm_status fill_experts(pdm_context *ctx, const routing *r, const item *x, size_t t, panel *p, panel *beside,
                               lent *l)
{
    pdm_status   status = PDM_OK;
    const size_t number = l->n++;
    size_t       n      = 0;

    PDM_TRY(routing_tiles(ctx, r, &x->mine, x->sample, t, &l->tile[number], &n));
    p->scale = whole;
    if (view_of(&x->mine) == VIEW_LINE) {
        start_lines(p, &x->mine, &whole);
        label_set_text(&p->y_label, "share of columns that exist", "share");
        PDM_TRY(make_steps(ctx, p, l->tile[number], n, &l->steps[number]));
        goto done;
    }
    fill_map(p, &x->mine, t, &whole);
    p->kind   = PANEL_TILES;
    p->tile   = l->tile[number];
    p->n_tile = n;
    label_set_text(&p->bar_label, "share of columns that exist", "share");
    if (beside) {
        beside->tile   = p->tile;
        beside->n_tile = n;
    }
done:
    return status;
}

/* "sample 1, a = 0.5: 61 % of the unknowns, 2 of 8 experts null" */
static void describe_routing(const job *j, const routing *r, size_t sample, char text[PLOT_TEXT])
{
    double columns = 0.0, all = 0.0;
    size_t null = 0, n = 0;
    char   name[PLOT_TEXT];

    for (size_t e = 0; e < r->n_expert; e++) {
        columns += r->columns[sample * r->n_expert + e];
        all += r->all[e];
        null += r->all[e] > 0.0 && r->columns[sample * r->n_expert + e] == 0.0;
        n += r->all[e] > 0.0;
    }
    plot_sample_text(&j->file, sample, name);
    if (!r->has_gate) {
        snprintf(text, PLOT_TEXT, "%.150s%s%zu expert%s with all columns, no gate", name, name[0] ? ": " : "", n,
                 n == 1 ? "" : "s");
        return;
    }
    snprintf(text, PLOT_TEXT, "%.150s%s%.3g %% of the unknowns, %zu of %zu expert%s null", name, name[0] ? ": " : "",
             all > 0.0 ? 100.0 * columns / all : 0.0, null, n, n == 1 ? "" : "s");
}

/* A row a sample: its fields, then experts. */
static pdm_status arrange_beside(pdm_context *ctx, job *j, const routing *r, lent *l)
{
    pdm_status status  = PDM_OK;
    const int  n_shown = j->n_field < MAX_COLUMN - 1 ? j->n_field : MAX_COLUMN - 1, n_row = (int)j->n_sample;

    PDM_TRY(figure_create(ctx, n_row, n_shown + 1, &j->figure));
    PDM_TRY(lent_create(ctx, j->n_sample, l));
    for (int row = 0; row < n_row; row++) {
        const item *first = &j->item[row * j->n_field];
        panel      *last  = figure_panel(&j->figure, row, n_shown);
        describe_routing(j, r, first->sample, j->figure.header[row]);
        for (int i = 0; i < n_shown; i++) {
            panel *p = figure_panel(&j->figure, row, i);
            fill_cell(j, &first[i], p, 0);
            if (n_shown > 1) set_title(p, first[i].mine.name);
            p->hides_x = row + 1 < n_row;
            p->hides_y = i > 0 && p->kind == PANEL_MAP;
        }
        PDM_TRY(fill_experts(ctx, r, first, 0, last, figure_panel(&j->figure, row, 0), l));
        set_title(last, "columns of experts");
        for (int i = 1; i < n_shown; i++) {
            figure_panel(&j->figure, row, i)->tile   = last->tile;
            figure_panel(&j->figure, row, i)->n_tile = last->n_tile;
        }
        last->hides_x = row + 1 < n_row;
        last->hides_y = last->has_bar = last->kind == PANEL_TILES;
    }
done:
    return status;
}

/* Maps at several times: a row a field, and below them a row of experts; of one sample. */
static pdm_status arrange_below(pdm_context *ctx, job *j, const routing *r, lent *l)
{
    pdm_status   status = PDM_OK;
    const item  *first  = &j->item[0];
    const size_t n_time = count_times(&first->mine);

    PDM_TRY(figure_create(ctx, j->n_field + 1, (int)n_time, &j->figure));
    PDM_TRY(lent_create(ctx, n_time, l));
    for (size_t k = 0; k < n_time; k++) {
        const size_t t    = time_of(&first->mine, k, n_time);
        panel       *last = figure_panel(&j->figure, j->n_field, (int)k);
        PDM_TRY(fill_experts(ctx, r, first, t, last, NULL, l));
        for (int i = 0; i < j->n_field; i++) {
            panel *p = figure_panel(&j->figure, i, (int)k);
            char   text[PLOT_TEXT];
            fill_cell(j, &first[i], p, t);
            plot_place_text(first->mine.t.name, first->mine.t.at[t], first->mine.t.units, text);
            if (i == 0) set_title(p, text);
            p->tile    = last->tile;
            p->n_tile  = last->n_tile;
            p->hides_x = true;
            p->hides_y = k > 0;
            p->has_bar = k + 1 == n_time;
        }
        last->hides_y = k > 0;
        last->has_bar = k + 1 == n_time;
    }
    describe_routing(j, r, first->sample, j->figure.header[0]);
done:
    return status;
}

/* Predictions are what a gate is for: inputs are left out, unless asked for. */
static pdm_status drop_inputs(pdm_context *ctx, job *j)
{
    pdm_status status = PDM_OK;
    int        n      = 0;
    bool       is_input;

    for (int i = 0; i < j->file.n_field; i++) {
        PDM_TRY(plot_is_input(ctx, &j->file, j->file.field[i], &is_input));
        if (!is_input) j->file.field[n++] = j->file.field[i];
    }
    if (n > 0) j->file.n_field = n;
done:
    return status;
}

/* Of a roll-out the first interval is known. */
static bool goes_beyond(const job *j, const routing *r)
{
    const plot_axis *t   = &j->item[0].mine.t;
    double           end = -INFINITY;

    for (int d = 0; t->n > 1 && d < r->n_dim; d++)
        for (size_t e = 0; strcmp(r->dim[d], t->name) == 0 && e < r->n_expert; e++)
            end = fmax(end, r->bounds[2 * (e * (size_t)r->n_dim + (size_t)d) + 1]);
    return isfinite(end) && t->at[t->n - 1] > end + 1e-6 * fabs(end);
}

static pdm_status arrange(pdm_context *ctx, job *j, const routing *r, lent *l)
{
    pdm_status status = PDM_OK;
    const view how    = view_of(&j->item[0].mine);

    if (how == VIEW_MAPS) j->n_sample = 1; /* a row a field: one is enough */
    PDM_TRY(how == VIEW_MAPS ? arrange_below(ctx, j, r, l) : arrange_beside(ctx, j, r, l));
    if (how != VIEW_LINE)
        figure_note(&j->figure, "numbers, where there is room: columns that an expert has; crossed out: null experts");
    if (goes_beyond(j, r))
        figure_note(&j->figure, "grey: after the first interval, for which alone the file has columns");
done:
    return status;
}

pdm_status draw_routing(pdm_context *ctx, const plot_request *q, picture kind, plot_result *r)
{
    pdm_status status = PDM_OK;
    job        j      = {.request = q};
    routing    x      = {0};
    lent       l      = {0};

    r->kind = "routing";
    if (q->reference)
        return pdm_error_set(ctx, PDM_ERR_ARGUMENT, NULL, __func__,
                             "plot: --routing is of one file; a reference goes without it");
    PDM_TRY(job_open(ctx, &j));
    PDM_TRY(routing_read(ctx, &j.file, &x));
    if (!q->field) PDM_TRY(drop_inputs(ctx, &j));
    PDM_TRY(job_read(ctx, &j, r));
    PDM_TRY(job_set_scales(ctx, &j));
    PDM_TRY(arrange(ctx, &j, &x, &l));
    r->n_sample = j.n_sample;
    snprintf(j.figure.title, sizeof j.figure.title, "%s", q->title ? q->title : j.file.title);
    PDM_TRY(figure_write(ctx, &j.figure, kind, q->output, q->width, &r->pixels_x, &r->pixels_y));
done:
    job_release(ctx, &j);
    routing_release(ctx, &x);
    lent_release(ctx, &l);
    return status;
}
