/* The figure of the fields in a file, alone or against a reference. */
#include "plot/job.h"

#include <stdio.h>
#include <string.h>

/* Fields of samples alone. One field as maps or lines: samples side by side. Else a row a sample, a column a field; with
 * several times a row a sample and field, a column a time. */
static pdm_status arrange_grid(pdm_context *ctx, job *j)
{
    pdm_status status       = PDM_OK;
    const bool side_by_side = j->n_field == 1 && view_of(&j->item[0].mine) != VIEW_SPACE_TIME;
    const int  in_row       = side_by_side ? (int)j->n_item : j->n_field;
    const int  n_column = in_row < MAX_COLUMN ? in_row : MAX_COLUMN, per_group = (in_row + n_column - 1) / n_column;

    PDM_TRY(figure_create(ctx, (int)(j->n_item / (size_t)in_row) * per_group, n_column, &j->figure));
    for (size_t i = 0; i < j->n_item; i++) {
        const item *x     = &j->item[i];
        const int   place = (int)i % in_row, row = (int)i / in_row * per_group + place / n_column;
        panel      *p = figure_panel(&j->figure, row, place % n_column);
        char        text[PLOT_TEXT], brief[PLOT_TEXT];
        fill_cell(j, x, p, 0);
        describe_item(j, x, text);
        snprintf(brief, sizeof brief, "sample %zu", x->sample);
        if (side_by_side)
            label_set_text(&p->title, text, text[0] ? brief : "");
        else if (j->n_field > 1)
            set_title(p, x->mine.name);
        if (!side_by_side && place == 0) {
            plot_sample_text(&j->file, x->sample, text);
            memcpy(j->figure.header[row], text, sizeof text);
        }
        p->hides_y = side_by_side && place % n_column > 0;
        p->hides_x = per_group == 1 && row + 1 < j->figure.n_row; /* the same axis is below */
        if (side_by_side) p->has_bar = p->kind == PANEL_MAP && (i + 1 == j->n_item || place % n_column == n_column - 1);
    }
done:
    return status;
}

static pdm_status arrange_times(pdm_context *ctx, job *j)
{
    pdm_status   status = PDM_OK;
    const size_t n_time = count_times(&j->item[0].mine);

    PDM_TRY(figure_create(ctx, (int)j->n_item, (int)n_time, &j->figure));
    for (size_t i = 0; i < j->n_item; i++) {
        const item *x = &j->item[i];
        describe_item(j, x, j->figure.header[i]);
        for (size_t k = 0; k < count_times(&x->mine) && k < n_time; k++) {
            panel       *p = figure_panel(&j->figure, (int)i, (int)k);
            const size_t t = time_of(&x->mine, k, n_time);
            char         text[PLOT_TEXT];
            fill_cell(j, x, p, t);
            if (x->mine.t.name[0]) { /* a field without time among others */
                plot_place_text(x->mine.t.name, x->mine.t.at[t], x->mine.t.units, text);
                set_title(p, text);
            }
            p->hides_y = k > 0;
            p->has_bar = p->kind == PANEL_MAP && k + 1 == n_time;
            p->hides_x = i + 1 < j->n_item && job_has_one_grid(j);
        }
    }
done:
    return status;
}

static pdm_status arrange_fields(pdm_context *ctx, job *j)
{
    for (size_t i = 0; i < j->n_item; i++)
        if (view_of(&j->item[i].mine) == VIEW_MAPS) return arrange_times(ctx, j);
    return arrange_grid(ctx, j);
}

pdm_status draw_fields(pdm_context *ctx, const plot_request *q, picture kind, plot_result *r)
{
    pdm_status status = PDM_OK;
    job        j      = {.request = q, .compares = q->reference != NULL};

    r->kind = j.compares ? "comparison" : "fields";
    PDM_TRY(job_open(ctx, &j));
    PDM_TRY(job_read(ctx, &j, r));
    PDM_TRY(job_set_scales(ctx, &j));
    PDM_TRY(j.compares ? arrange_comparison(ctx, &j) : arrange_fields(ctx, &j));
    job_note_largest(&j);
    snprintf(j.figure.title, sizeof j.figure.title, "%s", q->title ? q->title : j.file.title);
    PDM_TRY(figure_write(ctx, &j.figure, kind, q->output, q->width, &r->pixels_x, &r->pixels_y));
done:
    job_release(ctx, &j);
    return status;
}
