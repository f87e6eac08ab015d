/* Where the panels of a figure stand, and the drawing of all of it. */
#include "plot/figure.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* pt */
#define WIDE        768.0 /* 1600 pixels at PAGE_DPI */
#define NARROW      300.0
#define MARGIN      10.0
#define COLUMN_GAP  12.0
#define ROW_GAP     10.0
#define OVERHANG    12.0 /* of the last tick label of an axis to the right */
#define TITLE_ROOM  24.0
#define HEADER_ROOM 18.0
#define PANEL_ROOM  16.0 /* title of a panel */
#define NOTE_STEP   12.0
#define SHORT       112.0
#define TALL        190.0
#define TALLEST     290.0 /* of a map to scale */

enum { N_PASS = 4, MAX_ROW = 4096 };

pdm_status figure_create(pdm_context *ctx, int n_row, int n_column, figure *out)
{
    pdm_status status = PDM_OK;
    figure     f      = {.n_row = n_row, .n_column = n_column};

    if (n_row > MAX_ROW)
        PDM_FAIL(ctx, PDM_ERR_ARGUMENT, "plot: %d rows are too many; choose with --sample and --field", n_row);
    PDM_TRY(pdm_alloc_array(ctx, (pdm_size)n_row * n_column, &f.panel));
    PDM_TRY(pdm_alloc_array(ctx, n_row, &f.header));
    *out = f;
    f    = (figure){0};
done:
    figure_release(ctx, &f);
    return status;
}

void figure_release(pdm_context *ctx, figure *f)
{
    pdm_free(ctx, f->panel);
    pdm_free(ctx, f->header);
    f->panel  = NULL;
    f->header = NULL;
}

panel *figure_panel(const figure *f, int row, int column)
{
    return &f->panel[row * f->n_column + column];
}

void figure_note(figure *f, const char *text)
{
    const size_t used = strlen(f->note);

    if (!text[0] || strstr(f->note, text) || used + strlen(text) + 3 > sizeof f->note) return;
    snprintf(f->note + used, sizeof f->note - used, "%s%s", used ? "; " : "", text);
}

/* ---- layout ---- */

typedef struct layout {
    double  left[MAX_COLUMN], right[MAX_COLUMN]; /* of each column, for axis and bar */
    double  width;                               /* of all panels */
    double  page_width, page_height;
    double *height; /* [n_row] of the panels of a row */
} layout;

static double width_left(cairo_t *cr, const panel *a, double height)
{
    ticks t;

    if (a->kind == PANEL_EMPTY || a->hides_y) return 0.0;
    axes_ticks(a->y, height, true, &t);
    return LENGTH_TICK + 2.0 + axes_tick_width(cr, &t) + (a->y_label.brief[0] ? 5.0 + SIZE_TEXT : 0.0);
}

static double width_right(cairo_t *cr, const panel *a, double height)
{
    return a->kind != PANEL_EMPTY && a->has_bar ? bar_width(cr, a, height) : OVERHANG;
}

/* Height of a panel for its width. */
static double height_of(const panel *a, double width)
{
    if (!a->is_to_scale) return fmin(fmax(0.8 * width, SHORT), TALL);
    const double slope = (a->y.high - a->y.low) / (a->x.high - a->x.low);
    return width * fmin(fmax(slope, 0.25), 1.6);
}

static void set_heights(const figure *f, layout *l)
{
    double shrink = 1.0;

    for (int row = 0; row < f->n_row; row++) {
        l->height[row] = 0.0;
        for (int c = 0; c < f->n_column; c++) {
            const panel *a = figure_panel(f, row, c);
            if (a->kind != PANEL_EMPTY) l->height[row] = fmax(l->height[row], height_of(a, l->width));
        }
        shrink = fmin(shrink, TALLEST / l->height[row]);
    }
    l->width *= shrink;
    for (int row = 0; row < f->n_row; row++) l->height[row] *= shrink;
}

static void set_margins(const figure *f, cairo_t *cr, layout *l)
{
    for (int c = 0; c < f->n_column; c++) {
        l->left[c] = l->right[c] = 0.0;
        for (int row = 0; row < f->n_row; row++) {
            const panel *a = figure_panel(f, row, c);
            l->left[c]     = fmax(l->left[c], width_left(cr, a, l->height[row]));
            l->right[c]    = fmax(l->right[c], width_right(cr, a, l->height[row]));
        }
        if (c > 0) l->left[c] += COLUMN_GAP;
    }
}

static double sum_margins(const figure *f, const layout *l)
{
    double sum = 2.0 * MARGIN;
    for (int c = 0; c < f->n_column; c++) sum += l->left[c] + l->right[c];
    return sum;
}

static bool row_has_title(const figure *f, int row)
{
    for (int c = 0; c < f->n_column; c++) {
        const panel *a = figure_panel(f, row, c);
        ticks        t;
        if (a->kind == PANEL_EMPTY) continue;
        if (a->title.brief[0]) return true;
        axes_ticks(a->y, TALL, true, &t);
        if (t.factor[0]) return true;
        if (a->has_bar) axes_ticks((span){a->scale.low, a->scale.high, false, false}, TALL, true, &t);
        if (t.factor[0] || a->has_bar) return true;
    }
    return false;
}

static bool row_has_x(const figure *f, int row)
{
    for (int c = 0; c < f->n_column; c++) {
        const panel *a = figure_panel(f, row, c);
        if (a->kind != PANEL_EMPTY && !a->hides_x) return true;
    }
    return false;
}

static double room_above(const figure *f, int row)
{
    return (f->header[row][0] ? HEADER_ROOM : 0.0) + (row_has_title(f, row) ? PANEL_ROOM : 4.0);
}

static double room_below(const figure *f, int row)
{
    return (row_has_x(f, row) ? LENGTH_TICK + SIZE_TICK + SIZE_TEXT + 7.0 : LENGTH_TICK) +
           (row + 1 < f->n_row ? ROW_GAP : 0.0);
}

static void note_if_brief(figure *f, cairo_t *cr, const label *l, double length)
{
    if (label_fitting(cr, l, length) != l->full && strcmp(l->full, l->brief) != 0) figure_note(f, l->note);
}

/* Long names that find no room at their axes go into the note. */
static void note_long_names(figure *f, cairo_t *cr, const layout *l)
{
    for (int row = 0; row < f->n_row; row++)
        for (int c = 0; c < f->n_column; c++) {
            const panel *a = figure_panel(f, row, c);
            if (a->kind == PANEL_EMPTY) continue;
            note_if_brief(f, cr, &a->title, l->width);
            if (!a->hides_x) note_if_brief(f, cr, &a->x_label, l->width);
            if (!a->hides_y) note_if_brief(f, cr, &a->y_label, l->height[row]);
            if (a->has_bar) note_if_brief(f, cr, &a->bar_label, l->height[row]);
        }
}

/* ---- note ---- */

/* As many words as fit into the width; how many bytes. */
static size_t fitting_bytes(cairo_t *cr, const char *text, double width)
{
    char   part[NOTE_TEXT];
    size_t n = 0;

    for (size_t next = 0; text[n]; n = next) {
        next = n + (text[n] == ' ');
        next += strcspn(text + next, " ");
        memcpy(part, text, next);
        part[next] = '\0';
        if (n > 0 && text_width(cr, part, SIZE_NOTE, WEIGHT_NORMAL) > width) break;
    }
    return n;
}

/* Draws the lines (p not NULL) or only counts them. */
static int note_lines(cairo_t *cr, page *p, const char *note, double width, double y)
{
    int n_line = 0;

    for (const char *c = note; *c; n_line++) {
        char         text[NOTE_TEXT];
        const size_t n = fitting_bytes(cr, c, width);
        memcpy(text, c, n);
        text[n] = '\0';
        if (p) page_text(p, MARGIN, y + n_line * NOTE_STEP, 0.0, SIZE_NOTE, WEIGHT_NORMAL, text);
        c += n;
        c += *c == ' ';
    }
    return n_line;
}

static double note_room(const figure *f, cairo_t *cr, double width)
{
    return f->note[0] ? 8.0 + NOTE_STEP * note_lines(cr, NULL, f->note, width, 0.0) : 0.0;
}

/* Ticks need the size, and the size needs the width of their labels: a few passes settle it. */
static void set_layout(figure *f, cairo_t *cr, layout *l)
{
    l->width = WIDE / f->n_column - 80.0;
    for (int pass = 0; pass < N_PASS; pass++) {
        set_heights(f, l);
        set_margins(f, cr, l);
        l->width = (WIDE - sum_margins(f, l)) / f->n_column;
    }
    set_heights(f, l);
    l->page_width  = fmax(sum_margins(f, l) + f->n_column * l->width, NARROW);
    l->page_height = 2.0 * MARGIN + TITLE_ROOM;
    for (int row = 0; row < f->n_row; row++) l->page_height += room_above(f, row) + l->height[row] + room_below(f, row);
    note_long_names(f, cr, l);
    l->page_height += note_room(f, cr, l->page_width - 2.0 * MARGIN);
}

/* ---- drawing ---- */

/* To whole pixels, so that frames are crisp and maps are not resampled. */
static box snap(const page *p, box b)
{
    const double right = b.left + b.width, bottom = b.top + b.height;
    const double left = round(b.left * p->raster) / p->raster, top = round(b.top * p->raster) / p->raster;

    return (box){left, top, round(right * p->raster) / p->raster - left, round(bottom * p->raster) / p->raster - top};
}

static void draw_panel(page *p, panel *a, box b)
{
    if (a->kind == PANEL_EMPTY) return;
    if (a->kind == PANEL_MAP) {
        map_draw(p, a, b);
        tiles_outline(p, a, b);
    }
    if (a->kind == PANEL_TILES) tiles_draw(p, a, b);
    if (a->kind == PANEL_LINES) {
        lines_make_room(p, a, b);
        lines_draw(p, a, b);
    }
    axes_draw(p, a, b);
    if (a->has_bar) bar_draw(p, a, b);
}

static void draw_row(page *p, const figure *f, const layout *l, int row, double top)
{
    double left = MARGIN;

    page_text(p, MARGIN, top + 11.0, 0.0, SIZE_TEXT, WEIGHT_BOLD, f->header[row]);
    for (int c = 0; c < f->n_column; c++) {
        left += l->left[c];
        draw_panel(p, figure_panel(f, row, c),
                   snap(p, (box){left, top + room_above(f, row), l->width, l->height[row]}));
        left += l->width + l->right[c];
    }
}

static void draw_title(page *p, const char *title)
{
    const double room = p->width - 2.0 * MARGIN, width = text_width(p->cr, title, SIZE_TITLE, WEIGHT_BOLD);

    cairo_set_source_rgb(p->cr, 0.1, 0.1, 0.1);
    page_text(p, 0.5 * p->width, MARGIN + SIZE_TITLE, 0.5, width > room ? SIZE_TITLE * room / width : SIZE_TITLE,
              WEIGHT_BOLD, title);
}

static void draw_figure(page *p, const figure *f, const layout *l)
{
    double top = MARGIN + TITLE_ROOM;

    draw_title(p, f->title);
    for (int row = 0; row < f->n_row; row++) {
        draw_row(p, f, l, row, top);
        top += room_above(f, row) + l->height[row] + room_below(f, row);
    }
    cairo_set_source_rgb(p->cr, 0.3, 0.3, 0.3);
    (void)note_lines(p->cr, p, f->note, p->width - 2.0 * MARGIN, top + 8.0 + SIZE_NOTE);
}

/* A page only to measure text on. */
static pdm_status lay_out(pdm_context *ctx, figure *f, layout *l)
{
    pdm_status status = PDM_OK;
    page       ruler  = {0};

    PDM_TRY(pdm_alloc_array(ctx, f->n_row, &l->height));
    PDM_TRY(page_open(ctx, PICTURE_PNG, 1.0, 1.0, 1, &ruler));
    set_layout(f, ruler.cr, l);
done:
    page_close(&ruler);
    return status;
}

pdm_status figure_write(pdm_context *ctx, figure *f, picture kind, const char *path, int pixels, int *out_x, int *out_y)
{
    pdm_status status = PDM_OK;
    layout     l      = {0};
    page       p      = {0};

    PDM_TRY(lay_out(ctx, f, &l));
    if (pixels == 0) pixels = (int)lround(l.page_width * PAGE_DPI / 72.0);
    PDM_TRY(page_open(ctx, kind, l.page_width, l.page_height, pixels, &p));
    draw_figure(&p, f, &l);
    PDM_TRY(page_write(ctx, &p, path, f->title));
    *out_x = p.pixels_x;
    *out_y = p.pixels_y;
done:
    page_close(&p);
    pdm_free(ctx, l.height);
    return status;
}
