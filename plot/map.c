/* Values on a grid as colours, and the bar that says which. */
#include "plot/figure.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

#define BAR_GAP     7.0 /* pt */
#define LABEL_ABOVE 34.0
#define BAR_WIDTH   9.0
#define INK         0.15

enum { N_SHADE = 256 };

colour scale_colour(const scale *c, double value)
{
    const double share = (value - c->low) / (c->high - c->low);
    if (c->is_from_white) return colour_diverging(-share);
    return c->is_diverging ? colour_diverging(2.0 * share - 1.0) : colour_sequential(share);
}

static uint32_t pixel_of(colour c)
{
    const uint32_t red = (uint32_t)lround(255.0 * c.red), green = (uint32_t)lround(255.0 * c.green),
                   blue = (uint32_t)lround(255.0 * c.blue);
    return red << 16 | green << 8 | blue;
}

/* Colours of equal steps over the scale, as pixels. */
static void make_shades(const scale *c, uint32_t shade[N_SHADE])
{
    for (int i = 0; i < N_SHADE; i++)
        shade[i] = pixel_of(scale_colour(c, c->low + (c->high - c->low) * (i + 0.5) / N_SHADE));
}

static uint32_t shade_of(const scale *c, const uint32_t *shade, double value)
{
    const double place = (value - c->low) / (c->high - c->low) * N_SHADE;
    return shade[place <= 0.0 ? 0 : place >= N_SHADE - 1 ? N_SHADE - 1 : (int)place];
}

/* A place between entries i and i+1 of a coordinate. */
typedef struct between {
    size_t i;
    double share; /* 0 at i, 1 at i+1 */
} between;

/* For pixel number k of n over the whole coordinate; from 0, or for the axis that points up from the last. */
static void find_places(const double *at, size_t n_at, int n, bool is_upward, between *out)
{
    size_t i = 0;

    for (int k = 0; k < n; k++) {
        const double x = at[0] + (at[n_at - 1] - at[0]) * (k + 0.5) / n;
        while (i + 2 < n_at && at[i + 1] <= x) i++;
        const double share             = (x - at[i]) / (at[i + 1] - at[i]);
        out[is_upward ? n - 1 - k : k] = (between){i, fmin(fmax(share, 0.0), 1.0)};
    }
}

/* Linear between the four values around; the nearest one beside a value that is missing. */
static double value_at(const grid *g, between x, between y)
{
    const double *v     = g->value + x.i * g->stride_x + y.i * g->stride_y;
    const double  low   = v[0] + x.share * (v[g->stride_x] - v[0]);
    const double *w     = v + g->stride_y;
    const double  value = low + y.share * (w[0] + x.share * (w[g->stride_x] - w[0]) - low);

    if (isfinite(value)) return value;
    return (y.share < 0.5 ? v : w)[x.share < 0.5 ? 0 : g->stride_x];
}

static void fill_image(const panel *a, int n_x, int n_y, const between *x, const between *y, unsigned char *data,
                       int stride)
{
    const uint32_t missing = pixel_of(colour_missing());
    uint32_t       shade[N_SHADE];

    make_shades(&a->scale, shade);
    for (int j = 0; j < n_y; j++) {
        uint32_t *row = (uint32_t *)(void *)(data + (size_t)j * (size_t)stride);
        for (int i = 0; i < n_x; i++) {
            const double value = value_at(&a->map, x[i], y[j]);
            row[i]             = isfinite(value) ? shade_of(&a->scale, shade, value) : missing;
        }
    }
}

static void paint_image(page *p, cairo_surface_t *image, int n_x, int n_y, box b)
{
    cairo_pattern_t *pattern =
        cairo_pattern_create_for_surface(image); /* of a page that has failed there is no source */

    cairo_pattern_set_filter(pattern, p->kind == PICTURE_PNG ? CAIRO_FILTER_NEAREST : CAIRO_FILTER_BILINEAR);
    cairo_pattern_set_extend(pattern, CAIRO_EXTEND_PAD);
    cairo_save(p->cr);
    cairo_rectangle(p->cr, b.left, b.top, b.width, b.height);
    cairo_clip(p->cr);
    cairo_translate(p->cr, b.left, b.top);
    cairo_scale(p->cr, b.width / n_x, b.height / n_y);
    cairo_set_source(p->cr, pattern);
    cairo_paint(p->cr);
    cairo_restore(p->cr);
    cairo_pattern_destroy(pattern);
}

/* Without memory nothing is drawn, and the page's status says so when it is written. */
void map_draw(page *p, const panel *a, box b)
{
    const int n_x = (int)lround(b.width * p->raster), n_y = (int)lround(b.height * p->raster);
    between  *place = NULL;

    if (n_x < 1 || n_y < 1) return; /* less than a pixel */
    cairo_surface_t *image = cairo_image_surface_create(CAIRO_FORMAT_RGB24, n_x, n_y);
    if (pdm_alloc_array(p->ctx, (pdm_size)n_x + n_y, &place) == PDM_OK &&
        cairo_surface_status(image) == CAIRO_STATUS_SUCCESS) {
        find_places(a->map.x, a->map.n_x, n_x, false, place);
        find_places(a->map.y, a->map.n_y, n_y, true, place + n_x);
        cairo_surface_flush(image);
        fill_image(a, n_x, n_y, place, place + n_x, cairo_image_surface_get_data(image),
                   cairo_image_surface_get_stride(image));
        cairo_surface_mark_dirty(image);
        paint_image(p, image, n_x, n_y, b);
    } else {
        p->words.failed = true;
    }
    pdm_free(p->ctx, place);
    cairo_surface_destroy(image);
}

/* ---- bar ---- */

static span bar_span(const panel *a)
{
    return (span){a->scale.low, a->scale.high, false, false};
}

/* A short label stands above the bar, unless a factor does. */
static bool label_is_above(cairo_t *cr, const panel *a, const ticks *t, double height)
{
    return !t->factor[0] &&
           text_width(cr, label_fitting(cr, &a->bar_label, height), SIZE_TEXT, WEIGHT_NORMAL) <= LABEL_ABOVE;
}

double bar_width(cairo_t *cr, const panel *a, double height)
{
    ticks t;

    axes_ticks(bar_span(a), height, true, &t);
    const double room   = label_is_above(cr, a, &t, height) ? 0.0 : 4.0 + SIZE_TEXT;
    const double beside = axes_tick_width(cr, &t) + room, above = text_width(cr, t.factor, SIZE_TICK, WEIGHT_NORMAL);
    return BAR_GAP + BAR_WIDTH + LENGTH_TICK + 2.0 + fmax(beside, above);
}

static void draw_bar_label(page *p, const panel *a, const ticks *t, box b, double right)
{
    const char *text = label_fitting(p->cr, &a->bar_label, b.height);

    if (label_is_above(p->cr, a, t, b.height))
        page_text(p, a->scale.goes_above ? right + 2.0 : right - BAR_WIDTH, b.top - 5.0, 0.0, SIZE_TEXT, WEIGHT_NORMAL,
                  text);
    else
        page_text_upward(p, right + LENGTH_TICK + axes_tick_width(p->cr, t) + 3.0 + SIZE_TEXT, b.top + 0.5 * b.height,
                         0.5, SIZE_TEXT, text);
}

/* Outline of the bar, with points where values go beyond. */
static void bar_outline(cairo_t *cr, const scale *c, box b)
{
    const double middle = b.left + 0.5 * b.width, bottom = b.top + b.height, point = 0.9 * b.width;

    cairo_new_path(cr);
    cairo_move_to(cr, b.left, b.top);
    if (c->goes_above) cairo_line_to(cr, middle, b.top - point);
    cairo_line_to(cr, b.left + b.width, b.top);
    cairo_line_to(cr, b.left + b.width, bottom);
    if (c->goes_below) cairo_line_to(cr, middle, bottom + point);
    cairo_line_to(cr, b.left, bottom);
    cairo_close_path(cr);
}

static void bar_fill(page *p, const scale *c, box b)
{
    enum { N_STOP = 64 };
    cairo_pattern_t *shades = cairo_pattern_create_linear(0.0, b.top + b.height, 0.0, b.top);

    for (int i = 0; i <= N_STOP; i++) {
        const colour shade = scale_colour(c, c->low + (c->high - c->low) * i / N_STOP);
        cairo_pattern_add_color_stop_rgb(shades, (double)i / N_STOP, shade.red, shade.green, shade.blue);
    }
    cairo_set_source(p->cr, shades);
    cairo_fill_preserve(p->cr);
    cairo_pattern_destroy(shades);
}

void bar_draw(page *p, const panel *a, box b)
{
    const box    bar   = {b.left + b.width + BAR_GAP, b.top, BAR_WIDTH, b.height};
    const double right = bar.left + bar.width;
    ticks        t;

    bar_outline(p->cr, &a->scale, bar);
    bar_fill(p, &a->scale, bar);
    cairo_set_source_rgb(p->cr, INK, INK, INK);
    cairo_set_line_width(p->cr, 0.6);
    cairo_stroke(p->cr);
    axes_ticks(bar_span(a), b.height, true, &t);
    for (int i = 0; i < t.n; i++) {
        const double y = axes_place(bar_span(a), t.at[i], b.top + b.height, b.top);
        cairo_move_to(p->cr, right, y);
        cairo_rel_line_to(p->cr, LENGTH_TICK, 0.0);
        cairo_stroke(p->cr);
        page_text(p, right + LENGTH_TICK + 2.0, y + 0.36 * SIZE_TICK, 0.0, SIZE_TICK, WEIGHT_NORMAL, t.label[i]);
    }
    page_text(p, right + 2.0, b.top - 5.0, 0.0, SIZE_TICK, WEIGHT_NORMAL, t.factor);
    draw_bar_label(p, a, &t, b, right);
}
