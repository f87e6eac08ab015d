/* Panels of maps and lines, from fields. */
#include "plot/job.h"

#include <stdio.h>
#include <string.h>

static span span_of(const plot_axis *a)
{
    return (span){a->at[0], a->at[a->n - 1], false, false};
}

static void label_axis(label *l, const plot_axis *a)
{
    label_set(l, a->long_name, a->name, a->units);
}

static void set_axes(panel *p, const plot_axis *x, const plot_axis *y)
{
    p->kind = PANEL_MAP;
    p->x    = span_of(x);
    p->y    = span_of(y);
    label_axis(&p->x_label, x);
    label_axis(&p->y_label, y);
    p->map.x   = x->at;
    p->map.n_x = x->n;
    p->map.y   = y->at;
    p->map.n_y = y->n;
}

/* Time to the right, space up; or a map at time number t. */
void fill_map(panel *p, const plot_field *x, size_t t, const scale *c)
{
    p->scale = *c;
    if (view_of(x) == VIEW_SPACE_TIME) {
        set_axes(p, &x->t, &x->x);
        p->map.value    = x->value;
        p->map.stride_x = x->x.n;
        p->map.stride_y = 1;
        return;
    }
    set_axes(p, &x->x, &x->y);
    p->map.value    = x->value + t * x->y.n * x->x.n;
    p->map.stride_x = 1;
    p->map.stride_y = x->x.n;
    p->is_to_scale  = strcmp(x->x.units, x->y.units) == 0;
}

void add_bar(panel *p, const plot_field *x)
{
    p->has_bar = true;
    label_set(&p->bar_label, x->long_name, x->name, x->units);
}

static span span_around(const scale *c)
{
    const double room = 0.04 * (c->high - c->low);
    return (span){c->low - room, c->high + room, false, false};
}

void start_lines(panel *p, const plot_field *x, const scale *c)
{
    p->kind = PANEL_LINES;
    p->x    = span_of(&x->x);
    p->y    = span_around(c);
    label_axis(&p->x_label, &x->x);
    label_set(&p->y_label, x->long_name, x->name, x->units);
}

void add_line(panel *p, const plot_field *x, size_t t, colour c, double width, bool is_dashed, const char *name)
{
    line *l = &p->line[p->n_line++];

    *l = (line){.x         = x->x.at,
                .y         = x->value + t * x->x.n,
                .n         = x->x.n,
                .x_stride  = 1,
                .y_stride  = 1,
                .colour    = c,
                .width     = width,
                .is_dashed = is_dashed};
    snprintf(l->name, sizeof l->name, "%s", name);
}

void add_pair(panel *p, const plot_field *x, const plot_field *reference, size_t t, colour c, const char *name)
{
    static const colour black = {0.0, 0.0, 0.0};

    add_line(p, x, t, c, 2.2, false, name);
    add_line(p, reference, t, black, 0.8, true, "");
}

/* The one name for all lines of the reference stands last in the key. */
void fill_slices(panel *p, const plot_field *x, const plot_field *reference, const scale *c)
{
    static const double share[N_SLICE] = {0.1, 0.4, 1.0};

    start_lines(p, x, c);
    for (int i = 0; i < N_SLICE; i++) {
        const size_t t = plot_axis_near(&x->t, share[i]);
        char         name[PLOT_TEXT];
        plot_place_text(x->t.name, x->t.at[t], x->t.units, name);
        add_pair(p, x, reference, t, colour_line(i, N_SLICE), name);
    }
    snprintf(p->line[p->n_line - 1].name, PLOT_TEXT, "reference");
}

void set_title(panel *p, const char *title)
{
    label_set_text(&p->title, title, title);
}

/* "difference, rel. L2 0.206 %": three digits. */
void set_error_title(panel *p, double error)
{
    const double percent   = 100.0 * error;
    const int    n_decimal = percent >= 100.0 ? 0 : percent >= 10.0 ? 1 : percent >= 1.0 ? 2 : percent >= 0.1 ? 3 : 4;
    char         text[PLOT_TEXT];

    snprintf(text, sizeof text, "difference, rel. L2 %.*f %%", n_decimal, percent);
    set_title(p, text);
}

void label_difference(label *l, const plot_field *x)
{
    char full[LABEL_TEXT];

    label_set(l, "", x->name, x->units);
    snprintf(full, sizeof full, "difference of %.280s", l->brief);
    label_set(l, "", "difference", x->units);
    snprintf(l->full, sizeof l->full, "%s", full);
    l->note[0] = '\0'; /* the brief label says all */
}

void fill_cell(const job *j, const item *x, panel *p, size_t t)
{
    if (view_of(&x->mine) == VIEW_LINE) {
        start_lines(p, &x->mine, &j->scale[x->field]);
        add_line(p, &x->mine, 0, colour_line(0, 1), 1.6, false, "");
    } else {
        fill_map(p, &x->mine, t, &j->scale[x->field]);
        add_bar(p, &x->mine);
    }
}
