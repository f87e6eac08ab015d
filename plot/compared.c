/* Predictions beside their references: a row an item, or a row a time where there are maps at several times. */
#include "plot/job.h"

#include <stdio.h>

/* The last row has the labels of the axis to the right for all, if it is the same. */
static bool is_labelled(const job *j, int row)
{
    return row + 1 == j->figure.n_row || !job_has_one_grid(j);
}

/* An input is the same on both sides. */
static void fill_input(const job *j, const item *x, int row, size_t t)
{
    panel *p = figure_panel(&j->figure, row, 0);

    if (view_of(&x->mine) == VIEW_LINE) {
        start_lines(p, &x->mine, &j->scale[x->field]);
        add_line(p, &x->mine, t, colour_line(0, 1), 1.6, false, "");
    } else {
        fill_map(p, &x->mine, t, &j->scale[x->field]);
        add_bar(p, &x->mine);
    }
    set_title(p, "input");
    p->hides_x = !is_labelled(j, row);
}

static void fill_compared_maps(const job *j, const item *x, int row, size_t t)
{
    panel *mine = figure_panel(&j->figure, row, 0), *reference = figure_panel(&j->figure, row, 1),
          *difference = figure_panel(&j->figure, row, 2);

    fill_map(mine, &x->mine, t, &j->scale[x->field]);
    fill_map(reference, &x->reference, t, &j->scale[x->field]);
    fill_map(difference, &x->difference, t, &j->difference_scale[x->field]);
    add_bar(reference, &x->mine);
    difference->has_bar = true;
    label_difference(&difference->bar_label, &x->mine);
    set_title(mine, "prediction");
    set_title(reference, "reference");
    set_error_title(difference, x->error);
    reference->hides_y = difference->hides_y = true;
    mine->hides_x = reference->hides_x = difference->hides_x = !is_labelled(j, row);
}

static void fill_compared_lines(const job *j, const item *x, int row)
{
    panel *both = figure_panel(&j->figure, row, 0), *difference = figure_panel(&j->figure, row, 1);

    start_lines(both, &x->mine, &j->scale[x->field]);
    add_pair(both, &x->mine, &x->reference, 0, colour_line(0, 1), "prediction");
    snprintf(both->line[1].name, PLOT_TEXT, "reference");
    start_lines(difference, &x->difference, &j->difference_scale[x->field]);
    label_difference(&difference->y_label, &x->mine);
    add_line(difference, &x->difference, 0, colour_line(0, 1), 1.4, false, "");
    set_error_title(difference, x->error);
    both->hides_x = difference->hides_x = !is_labelled(j, row);
}

/* Rows that an item takes, and columns. */
static int count_rows(const job *j, const item *x)
{
    return j->is_input[x->field] ? 1 : (int)count_times(&x->mine);
}

static int count_columns(const item *x)
{
    switch (view_of(&x->mine)) {
    case VIEW_LINE: return 2;
    case VIEW_SPACE_TIME: return COMPARED_COLUMNS + 1;
    case VIEW_MAP:
    case VIEW_MAPS: break;
    }
    return COMPARED_COLUMNS;
}

static void fill_compared(const job *j, const item *x, int row)
{
    const int n_row = count_rows(j, x);

    describe_item(j, x, j->figure.header[row]);
    if (j->is_input[x->field]) {
        fill_input(j, x, row, 0);
        return;
    }
    if (view_of(&x->mine) == VIEW_LINE) {
        fill_compared_lines(j, x, row);
        return;
    }
    for (int k = 0; k < n_row; k++) {
        const size_t t = time_of(&x->mine, (size_t)k, (size_t)n_row);
        fill_compared_maps(j, x, row + k, t);
        if (view_of(&x->mine) != VIEW_MAPS) continue;
        char text[PLOT_TEXT], place[PLOT_TEXT];
        plot_place_text(x->mine.t.name, x->mine.t.at[t], x->mine.t.units, place);
        snprintf(text, sizeof text, "prediction, %.200s", place);
        set_title(figure_panel(&j->figure, row + k, 0), text);
        if (k > 0) set_title(figure_panel(&j->figure, row + k, 1), "");
        if (k > 0) set_title(figure_panel(&j->figure, row + k, 2), ""); /* the error is over all times */
    }
    if (view_of(&x->mine) == VIEW_SPACE_TIME) {
        panel *p = figure_panel(&j->figure, row, COMPARED_COLUMNS);
        fill_slices(p, &x->mine, &x->reference, &j->scale[x->field]);
        set_title(p, "at three times");
        p->hides_x = !is_labelled(j, row);
    }
}

pdm_status arrange_comparison(pdm_context *ctx, job *j)
{
    pdm_status status = PDM_OK;
    int        n_row = 0, n_column = 0, row = 0;

    for (size_t i = 0; i < j->n_item; i++) {
        n_row += count_rows(j, &j->item[i]);
        if (count_columns(&j->item[i]) > n_column) n_column = count_columns(&j->item[i]);
    }
    PDM_TRY(figure_create(ctx, n_row, n_column, &j->figure));
    for (size_t i = 0; i < j->n_item; i++) {
        fill_compared(j, &j->item[i], row);
        row += count_rows(j, &j->item[i]);
    }
done:
    return status;
}
