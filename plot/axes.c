/* Frame, ticks and labels of a panel. */
#include "plot/figure.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define INK        0.15 /* grey of text and frames */
#define ROOM_X     52.0 /* pt that a tick needs to the right, and upward */
#define ROOM_Y     26.0
#define LINE_WIDTH 0.8

void label_set(label *l, const char *long_name, const char *name, const char *units)
{
    char behind[PLOT_TEXT + 4] = "";

    if (units[0]) snprintf(behind, sizeof behind, " (%s)", units);
    if (strcmp(long_name, name) == 0) long_name = ""; /* says no more */
    snprintf(l->brief, sizeof l->brief, "%.200s%.80s", name, behind);
    snprintf(l->full, sizeof l->full, "%.200s%s%.280s", long_name, long_name[0] ? " " : "", l->brief);
    snprintf(l->note, sizeof l->note, "%.100s: %.200s%.80s", name, long_name, behind);
}

void label_set_text(label *l, const char *full, const char *brief)
{
    snprintf(l->full, sizeof l->full, "%s", full);
    snprintf(l->brief, sizeof l->brief, "%s", brief);
    snprintf(l->note, sizeof l->note, "%s", full);
}

const char *label_fitting(cairo_t *cr, const label *l, double length)
{
    return text_width(cr, l->full, SIZE_TEXT, WEIGHT_NORMAL) <= length ? l->full : l->brief;
}

void axes_ticks(span s, double length, bool is_vertical, ticks *out)
{
    int most = (int)(length / (is_vertical ? ROOM_Y : ROOM_X)) + 1;

    if (s.is_count && most > s.high - s.low) most = (int)(s.high - s.low);
    if (s.is_log)
        ticks_log(s.low, s.high, most, out);
    else
        ticks_linear(s.low, s.high, most, out);
}

double axes_tick_width(cairo_t *cr, const ticks *t)
{
    double most = 0.0;
    for (int i = 0; i < t->n; i++) most = fmax(most, text_width(cr, t->label[i], SIZE_TICK, WEIGHT_NORMAL));
    return most;
}

double axes_place(span s, double value, double from, double to)
{
    const double share = s.is_log ? log(value / s.low) / log(s.high / s.low) : (value - s.low) / (s.high - s.low);
    return from + fmin(fmax(share, 0.0), 1.0) * (to - from);
}

static void draw_tick(cairo_t *cr, double x, double y, double dx, double dy)
{
    cairo_move_to(cr, x, y);
    cairo_rel_line_to(cr, dx, dy);
    cairo_stroke(cr);
}

static void draw_x_axis(page *p, const panel *a, box b)
{
    const double bottom   = b.top + b.height;
    double       baseline = bottom + LENGTH_TICK + SIZE_TICK + 1.0;
    ticks        t;

    axes_ticks(a->x, b.width, false, &t);
    for (int i = 0; i < t.n; i++) {
        const double x = axes_place(a->x, t.at[i], b.left, b.left + b.width);
        draw_tick(p->cr, x, bottom, 0.0, LENGTH_TICK);
        if (!a->hides_x) page_text(p, x, baseline, 0.5, SIZE_TICK, WEIGHT_NORMAL, t.label[i]);
    }
    if (a->hides_x) return;
    baseline += SIZE_TEXT + 3.0;
    page_text(p, b.left + 0.5 * b.width, baseline, 0.5, SIZE_TEXT, WEIGHT_NORMAL,
              label_fitting(p->cr, &a->x_label, b.width));
    page_text(p, b.left + b.width + 10.0, baseline, 1.0, SIZE_TICK, WEIGHT_NORMAL, t.factor);
}

/* 2 to 9 times the powers of ten. */
static void draw_minor_ticks(page *p, const panel *a, box b)
{
    if (!a->y.is_log || a->y.high / a->y.low > 1e7) return;
    for (double ten = pow(10.0, floor(log10(a->y.low))); ten < a->y.high; ten *= 10.0)
        for (int k = 2; k < 10; k++)
            if (k * ten > a->y.low && k * ten < a->y.high)
                draw_tick(p->cr, b.left, axes_place(a->y, k * ten, b.top + b.height, b.top), -0.55 * LENGTH_TICK, 0.0);
}

/* A letter or two stand upright, more read upward. right: where the tick labels begin. */
static void draw_y_label(page *p, const panel *a, box b, double right)
{
    const char  *text   = label_fitting(p->cr, &a->y_label, b.height);
    const double middle = b.top + 0.5 * b.height;

    if (text_width(p->cr, text, SIZE_TEXT, WEIGHT_NORMAL) <= 1.2 * SIZE_TEXT)
        page_text(p, right - 5.0, middle + 0.36 * SIZE_TEXT, 1.0, SIZE_TEXT, WEIGHT_NORMAL, text);
    else
        page_text_upward(p, right - 5.0, middle, 0.5, SIZE_TEXT, text);
}

static void draw_y_axis(page *p, const panel *a, box b)
{
    const double right = b.left - LENGTH_TICK - 2.0;
    ticks        t;

    axes_ticks(a->y, b.height, true, &t);
    for (int i = 0; i < t.n; i++) {
        const double y = axes_place(a->y, t.at[i], b.top + b.height, b.top);
        draw_tick(p->cr, b.left, y, -LENGTH_TICK, 0.0);
        if (!a->hides_y) page_text(p, right, y + 0.36 * SIZE_TICK, 1.0, SIZE_TICK, WEIGHT_NORMAL, t.label[i]);
    }
    draw_minor_ticks(p, a, b);
    if (a->hides_y) return;
    draw_y_label(p, a, b, right - axes_tick_width(p->cr, &t));
    page_text(p, b.left - 1.0, b.top - 7.5, 1.0, SIZE_TICK, WEIGHT_NORMAL, t.factor); /* above the last label */
}

static void draw_title(page *p, const panel *a, box b)
{
    const char  *text  = label_fitting(p->cr, &a->title, b.width);
    const double width = text_width(p->cr, text, SIZE_TEXT, WEIGHT_NORMAL);

    page_text(p, b.left + 0.5 * b.width, b.top - 5.0, 0.5, SIZE_TEXT * fmin(1.0, b.width / width), WEIGHT_NORMAL, text);
}

void axes_draw(page *p, const panel *a, box b)
{
    cairo_set_source_rgb(p->cr, INK, INK, INK);
    cairo_set_line_width(p->cr, LINE_WIDTH);
    cairo_rectangle(p->cr, b.left, b.top, b.width, b.height);
    cairo_stroke(p->cr);
    draw_x_axis(p, a, b);
    draw_y_axis(p, a, b);
    if (a->title.brief[0]) draw_title(p, a, b);
}
