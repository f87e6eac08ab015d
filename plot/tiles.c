/* Boxes of a panel: each in the colour of its value, with an outline and a word where there is room. */
#include "plot/figure.h"

#include <math.h>

#define INK       0.15
#define OUTLINE   0.5 /* pt */
#define CROSS     0.6
#define LEAST     4.0  /* pt: a smaller box has no outline */
#define MOST_GRID 2000 /* outlines upon a map */
#define LIGHT     0.62 /* lightness from which on letters are dark */

/* The part of a box that lies in the panel; empty for one outside. */
static box place_of(const panel *a, const tile *t, box b)
{
    const double left   = axes_place(a->x, t->x[0], b.left, b.left + b.width),
                 right  = axes_place(a->x, t->x[1], b.left, b.left + b.width),
                 top    = axes_place(a->y, t->y[1], b.top + b.height, b.top),
                 bottom = axes_place(a->y, t->y[0], b.top + b.height, b.top);
    return (box){left, top, right - left, bottom - top};
}

static bool is_seen(box b)
{
    return b.width > 0.0 && b.height > 0.0;
}

static bool has_room(box b)
{
    return fmin(b.width, b.height) >= LEAST;
}

static void cross_out(page *p, box b)
{
    cairo_set_source_rgb(p->cr, 0.7, 0.7, 0.7);
    cairo_set_line_width(p->cr, CROSS);
    cairo_move_to(p->cr, b.left, b.top);
    cairo_rel_line_to(p->cr, b.width, b.height);
    cairo_move_to(p->cr, b.left, b.top + b.height);
    cairo_rel_line_to(p->cr, b.width, -b.height);
    cairo_stroke(p->cr);
}

/* In the middle of a box that is large enough. */
static void write_in(page *p, box b, colour behind, const char *text)
{
    const double width = text_width(p->cr, text, SIZE_TICK, WEIGHT_NORMAL);

    if (!text[0] || width + 4.0 > b.width || SIZE_TICK + 2.0 > b.height) return;
    if (colour_lightness(behind) > LIGHT)
        cairo_set_source_rgb(p->cr, INK, INK, INK);
    else
        cairo_set_source_rgb(p->cr, 1.0, 1.0, 1.0);
    page_text(p, b.left + 0.5 * b.width, b.top + 0.5 * b.height + 0.36 * SIZE_TICK, 0.5, SIZE_TICK, WEIGHT_NORMAL,
              text);
}

static void draw_tile(page *p, const panel *a, const tile *t, box b)
{
    static const colour white = {1.0, 1.0, 1.0};
    const colour        fill  = t->is_crossed ? white : scale_colour(&a->scale, t->value);

    cairo_rectangle(p->cr, b.left, b.top, b.width, b.height);
    use_colour(p->cr, fill);
    cairo_fill(p->cr);
    if (t->is_crossed) cross_out(p, b);
    if (has_room(b)) {
        cairo_rectangle(p->cr, b.left, b.top, b.width, b.height);
        cairo_set_source_rgb(p->cr, INK, INK, INK);
        cairo_set_line_width(p->cr, OUTLINE);
        cairo_stroke(p->cr);
    }
    if (!t->is_crossed) write_in(p, b, fill, t->text);
}

void tiles_draw(page *p, const panel *a, box b)
{
    cairo_rectangle(p->cr, b.left, b.top, b.width, b.height);
    use_colour(p->cr, colour_missing());
    cairo_fill(p->cr);
    for (size_t i = 0; i < a->n_tile; i++) {
        const box place = place_of(a, &a->tile[i], b);
        if (is_seen(place)) draw_tile(p, a, &a->tile[i], place);
    }
    cairo_set_source_rgb(p->cr, INK, INK, INK);
}

void tiles_outline(page *p, const panel *a, box b)
{
    if (a->n_tile > MOST_GRID) return;
    cairo_set_line_width(p->cr, OUTLINE);
    cairo_set_source_rgba(p->cr, 1.0, 1.0, 1.0, 0.6);
    for (size_t i = 0; i < a->n_tile; i++) {
        const box place = place_of(a, &a->tile[i], b);
        if (!is_seen(place) || !has_room(place)) continue;
        cairo_rectangle(p->cr, place.left, place.top, place.width, place.height);
    }
    cairo_stroke(p->cr);
}
