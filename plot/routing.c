/* The figure of what a gate chose: fields, and beside them experts with the columns that they have. */
#include "cli/plot/routing.h"

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

static exit_code lent_create(session *s, size_t most, lent *out)
{
    lent x = {.tile = calloc(most, sizeof *x.tile), .steps = calloc(most, sizeof *x.steps)};

    *out = x;
    return x.tile && x.steps ? CODE_FINE : fail(s, CODE_MEMORY, "%s", pdm_status_text(PDM_ERR_MEMORY));
}

static void lent_release(lent *x)
{
    for (size_t i = 0; i < x->n; i++) {
        free(x->tile[i]);
        free(x->steps[i].x);
        free(x->steps[i].y);
    }
    free(x->tile);
    free(x->steps);
}

static int compare_tiles(const void *a, const void *b)
{
    const double x = ((const tile *)a)->x[0], y = ((const tile *)b)->x[0];
    return (x > y) - (x < y);
}

static bool make_steps(panel *p, tile *t, size_t n, steps *out)
{
    line *l = &p->line[p->n_line];

    out->x = calloc(2 * n, sizeof *out->x);
    out->y = calloc(2 * n, sizeof *out->y);
    if (!out->x || !out->y) return false;
    qsort(t, n, sizeof *t, compare_tiles);
    for (size_t i = 0; i < 2 * n; i++) {
        out->x[i] = fmin(fmax(t[i / 2].x[i % 2], p->x.low), p->x.high);
        out->y[i] = t[i / 2].value;
    }
    *l = (line){
        .x = out->x, .y = out->y, .n = 2 * n, .x_stride = 1, .y_stride = 1, .colour = colour_line(0, 1), .width = 1.6};
    p->n_line++;
    return true;
}

/* Experts in the panel p, beside one of the field x, whose axes they have. */
static exit_code fill_experts(session *s, const routing *r, const item *x, size_t t, panel *p, panel *beside, lent *l)
{
    size_t n     = 0;
    tile  *tiles = routing_tiles(r, &x->mine, x->sample, t, &n);

    if (!tiles) return fail(s, CODE_MEMORY, "%s", pdm_status_text(PDM_ERR_MEMORY));
    l->tile[l->n++] = tiles;
    p->scale        = whole;
    if (view_of(&x->mine) == VIEW_LINE) {
        start_lines(p, &x->mine, &whole);
        label_set_text(&p->y_label, "share of columns that exist", "share");
        if (n > 0 && !make_steps(p, tiles, n, &l->steps[l->n - 1]))
            return fail(s, CODE_MEMORY, "%s", pdm_status_text(PDM_ERR_MEMORY));
        return CODE_FINE;
    }
    fill_map(p, &x->mine, t, &whole);
    p->kind   = PANEL_TILES;
    p->tile   = tiles;
    p->n_tile = n;
    label_set_text(&p->bar_label, "share of columns that exist", "share");
    if (!beside) return CODE_FINE;
    beside->tile   = tiles;
    beside->n_tile = n;
    return CODE_FINE;
}

/* "sample 1, a = 0.5: 61 % of the unknowns, 2 of 8 experts null" */
static void describe_routing(const job *j, const routing *r, size_t sample, char text[PLOT_TEXT])
{
    double columns = 0.0, all = 0.0;
    size_t null = 0, n = 0;
    char   name[PLOT_TEXT];

    for (size_t e = 0; e < r->n_expert; e++) {
        columns += (double)r->columns[sample * r->n_expert + e];
        all += (double)r->all[e];
        null += r->all[e] > 0 && r->columns[sample * r->n_expert + e] == 0;
        n += r->all[e] > 0;
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
static exit_code arrange_beside(session *s, job *j, const routing *r, lent *l)
{
    exit_code code    = CODE_FINE;
    const int n_shown = j->n_field < MAX_COLUMN - 1 ? j->n_field : MAX_COLUMN - 1, n_row = (int)j->n_sample;

    CLI_TRY(figure_create(s, n_row, n_shown + 1, &j->figure));
    CLI_TRY(lent_create(s, j->n_sample, l));
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
        CLI_TRY(fill_experts(s, r, first, 0, last, figure_panel(&j->figure, row, 0), l));
        set_title(last, "columns of experts");
        for (int i = 1; i < n_shown; i++) {
            figure_panel(&j->figure, row, i)->tile   = last->tile;
            figure_panel(&j->figure, row, i)->n_tile = last->n_tile;
        }
        last->hides_x = row + 1 < n_row;
        last->hides_y = last->has_bar = last->kind == PANEL_TILES;
    }
done:
    return code;
}

/* Maps at several times: a row a field, and below them a row of experts; of one sample. */
static exit_code arrange_below(session *s, job *j, const routing *r, lent *l)
{
    exit_code    code   = CODE_FINE;
    const item  *first  = &j->item[0];
    const size_t n_time = count_times(&first->mine);

    CLI_TRY(figure_create(s, j->n_field + 1, (int)n_time, &j->figure));
    CLI_TRY(lent_create(s, n_time, l));
    for (size_t k = 0; k < n_time; k++) {
        const size_t t    = time_of(&first->mine, k, n_time);
        panel       *last = figure_panel(&j->figure, j->n_field, (int)k);
        CLI_TRY(fill_experts(s, r, first, t, last, NULL, l));
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
    return code;
}

/* Predictions are what a gate is for: inputs are left out, unless asked for. */
static void drop_inputs(job *j)
{
    int n = 0;

    for (int i = 0; i < j->file.n_field; i++)
        if (!plot_is_input(&j->file, j->file.field[i])) j->file.field[n++] = j->file.field[i];
    if (n > 0) j->file.n_field = n;
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

static exit_code arrange(session *s, job *j, const routing *r, lent *l)
{
    exit_code  code = CODE_FINE;
    const view how  = view_of(&j->item[0].mine);

    if (how == VIEW_MAPS) j->n_sample = 1; /* a row a field: one is enough */
    CLI_TRY(how == VIEW_MAPS ? arrange_below(s, j, r, l) : arrange_beside(s, j, r, l));
    if (how != VIEW_LINE)
        figure_note(&j->figure, "numbers, where there is room: columns that an expert has; crossed out: null experts");
    if (goes_beyond(j, r))
        figure_note(&j->figure, "grey: after the first interval, for which alone the file has columns");
done:
    return code;
}

exit_code draw_routing(session *s, const options *o, picture kind, plot_result *r)
{
    exit_code code = CODE_FINE;
    job       j    = {.o = o};
    routing   x    = {0};
    lent      l    = {0};

    r->kind = "routing";
    if (o->operand[1]) return fail(s, CODE_USAGE, "plot: --routing is of one file; a reference goes without it");
    CLI_TRY(job_open(s, &j));
    CLI_TRY(routing_read(s, &j.file, &x));
    if (!o->field) drop_inputs(&j);
    CLI_TRY(job_read(s, &j, r));
    CLI_TRY(job_set_scales(s, &j));
    CLI_TRY(arrange(s, &j, &x, &l));
    r->n_sample = j.n_sample;
    snprintf(j.figure.title, sizeof j.figure.title, "%s", o->title ? o->title : j.file.title);
    CLI_TRY(figure_write(s, &j.figure, kind, o->output, o->width, &r->pixels_x, &r->pixels_y));
done:
    job_release(&j);
    routing_release(&x);
    lent_release(&l);
    return code;
}
