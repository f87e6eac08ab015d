/* Lines of a panel and their key, which goes to the corner where it hides least. */
#include "plot/figure.h"

#include <math.h>

#define KEY_LINE   18.0 /* pt: length of the sample of a line */
#define KEY_MARGIN 4.0
#define KEY_STEP   (SIZE_TICK + 2.5)

static bool is_drawn(const panel *a, double x, double y)
{
    return isfinite(x) && isfinite(y) && (!a->y.is_log || y > 0.0);
}

static void use_style(cairo_t *cr, const line *l)
{
    static const double dashes[] = {4.0, 2.5};

    use_colour(cr, l->colour);
    cairo_set_line_width(cr, l->width);
    cairo_set_line_join(cr, CAIRO_LINE_JOIN_ROUND);
    cairo_set_dash(cr, dashes, l->is_dashed ? 2 : 0, 0.0);
}

static void draw_stems(page *p, const panel *a, const line *l, box b)
{
    for (size_t i = 0; i < l->n; i++) {
        const double x = l->x[i * l->x_stride], y = l->y[i * l->y_stride];
        if (!is_drawn(a, x, y) || y == 0.0) continue;
        cairo_move_to(p->cr, axes_place(a->x, x, b.left, b.left + b.width), b.top + b.height);
        cairo_line_to(p->cr, axes_place(a->x, x, b.left, b.left + b.width),
                      axes_place(a->y, y, b.top + b.height, b.top));
    }
    cairo_stroke(p->cr);
}

static void draw_line(page *p, const panel *a, const line *l, box b)
{
    bool is_down = false;

    use_style(p->cr, l);
    if (l->is_stems) {
        draw_stems(p, a, l, b);
        return;
    }
    for (size_t i = 0; i < l->n; i++) {
        const double x = l->x[i * l->x_stride], y = l->y[i * l->y_stride];
        if (!is_drawn(a, x, y)) {
            is_down = false;
            continue;
        }
        const double to_x = axes_place(a->x, x, b.left, b.left + b.width),
                     to_y = axes_place(a->y, y, b.top + b.height, b.top);
        if (is_down)
            cairo_line_to(p->cr, to_x, to_y);
        else
            cairo_move_to(p->cr, to_x, to_y);
        is_down = true;
    }
    cairo_stroke(p->cr);
    cairo_set_dash(p->cr, NULL, 0, 0.0);
}

/* ---- key ---- */

static box key_size(cairo_t *cr, const panel *a)
{
    box b = {0};

    for (int i = 0; i < a->n_line; i++) {
        if (!a->line[i].name[0]) continue;
        b.width = fmax(b.width, text_width(cr, a->line[i].name, SIZE_TICK, WEIGHT_NORMAL));
        b.height += KEY_STEP;
    }
    if (b.height > 0.0) {
        b.width += KEY_LINE + 3.0 * KEY_MARGIN;
        b.height += KEY_MARGIN;
    }
    return b;
}

/* Points of all lines that a box would hide. */
static size_t count_hidden(const panel *a, box frame, box key)
{
    size_t n = 0;

    for (int k = 0; k < a->n_line; k++)
        for (size_t i = 0; i < a->line[k].n; i++) {
            const double x = a->line[k].x[i * a->line[k].x_stride], y = a->line[k].y[i * a->line[k].y_stride];
            if (!is_drawn(a, x, y)) continue;
            const double at_x = axes_place(a->x, x, frame.left, frame.left + frame.width);
            const double at_y = axes_place(a->y, y, frame.top + frame.height, frame.top);
            n += at_x >= key.left && at_x <= key.left + key.width && at_y >= key.top && at_y <= key.top + key.height;
        }
    return n;
}

static box place_key(cairo_t *cr, const panel *a, box frame)
{
    box    best  = key_size(cr, a);
    size_t least = 0;

    for (int corner = 0; corner < 4; corner++) { /* upper right, upper left, lower right, lower left */
        box key        = key_size(cr, a);
        key.left       = corner % 2 ? frame.left + KEY_MARGIN : frame.left + frame.width - key.width - KEY_MARGIN;
        key.top        = corner / 2 ? frame.top + frame.height - key.height - KEY_MARGIN : frame.top + KEY_MARGIN;
        const size_t n = count_hidden(a, frame, key);
        if (corner > 0 && n >= least) continue;
        least = n;
        best  = key;
    }
    return best;
}

static void draw_key(page *p, const panel *a, box frame)
{
    const box key = place_key(p->cr, a, frame);
    double    y   = key.top + 0.5 * KEY_MARGIN;

    if (key.height <= 0.0) return;
    cairo_set_source_rgba(p->cr, 1.0, 1.0, 1.0, 0.8);
    cairo_rectangle(p->cr, key.left, key.top, key.width, key.height);
    cairo_fill(p->cr);
    for (int i = 0; i < a->n_line; i++) {
        if (!a->line[i].name[0]) continue;
        use_style(p->cr, &a->line[i]);
        cairo_move_to(p->cr, key.left + KEY_MARGIN, y + 0.5 * KEY_STEP);
        cairo_rel_line_to(p->cr, KEY_LINE, 0.0);
        cairo_stroke(p->cr);
        cairo_set_dash(p->cr, NULL, 0, 0.0);
        cairo_set_source_rgb(p->cr, 0.15, 0.15, 0.15);
        page_text(p, key.left + KEY_LINE + 2.0 * KEY_MARGIN, y + 0.5 * KEY_STEP + 0.36 * SIZE_TICK, 0.0, SIZE_TICK,
                  WEIGHT_NORMAL, a->line[i].name);
        y += KEY_STEP;
    }
}

void lines_make_room(page *p, panel *a, box b)
{
    const double step = 0.05 * (a->y.high - a->y.low);

    if (a->y.is_log || key_size(p->cr, a).height <= 0.0) return;
    for (int i = 0; i < 20 && count_hidden(a, b, place_key(p->cr, a, b)) > 0; i++) a->y.high += step;
}

void lines_draw(page *p, const panel *a, box b)
{
    cairo_save(p->cr);
    cairo_rectangle(p->cr, b.left, b.top, b.width, b.height);
    cairo_clip(p->cr);
    for (int pass = 0; pass < 2; pass++) /* dashed ones upon the others */
        for (int i = 0; i < a->n_line; i++)
            if (a->line[i].is_dashed == (pass == 1)) draw_line(p, a, &a->line[i], b);
    draw_key(p, a, b);
    cairo_restore(p->cr);
}
