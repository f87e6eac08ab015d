/* A figure: rows of panels, each a map of colours, a set of lines or of boxes, with axes. It borrows all numbers. */
#ifndef PDM_PLOT_FIGURE_H
#define PDM_PLOT_FIGURE_H

#include "plot/plot.h"
#include "plot/data.h"
#include "plot/page.h"
#include "plot/ticks.h"

enum { MAX_LINE = 8, MAX_COLUMN = 4, TILE_TEXT = 16, LABEL_TEXT = 2 * PLOT_TEXT + 16, NOTE_TEXT = 2048 };

/* ---- parts ---- */

/* What stands along an axis or above a panel: in full where there is room; or else in brief,
 * and the note has the rest. */
typedef struct label {
    char full[LABEL_TEXT], brief[LABEL_TEXT], note[LABEL_TEXT];
} label;

typedef struct span {
    double low, high;
    bool   is_log;
    bool   is_count; /* whole numbers only */
} span;

typedef struct line {
    const double *x, *y; /* [n] with strides; gaps where y is not finite */
    size_t        n, x_stride, y_stride;
    colour        colour;
    double        width;               /* pt */
    bool          is_dashed, is_stems; /* stems: from 0 up to each value */
    char          name[PLOT_TEXT];     /* "" is not in the key */
} line;

/* From values to colours. */
typedef struct scale {
    double low, high;
    bool   is_diverging;           /* symmetric about 0 */
    bool   goes_below, goes_above; /* there are values beyond; they get the colour of the end */
    bool   is_from_white;          /* from white, for nothing, to dark */
} scale;

/* Values on a grid of increasing coordinates. */
typedef struct grid {
    const double *value;
    const double *x, *y; /* [n_x], [n_y] */
    size_t        n_x, n_y, stride_x, stride_y;
} grid;

/* A box between coordinates with a colour for its value. */
typedef struct tile {
    double x[2], y[2];
    double value;
    bool   is_crossed; /* white, with a cross: no value */
    char   text[TILE_TEXT];
} tile;

typedef enum panel_kind { PANEL_EMPTY, PANEL_MAP, PANEL_LINES, PANEL_TILES } panel_kind;

typedef struct panel {
    panel_kind kind;
    span       x, y;
    label      title, x_label, y_label; /* "" for none */
    bool       hides_x, hides_y;        /* the panel below, or to the left, has the same axis */
    bool       is_to_scale;             /* both axes are lengths of one kind */
    grid       map;
    scale      scale;
    bool       has_bar;
    label      bar_label;
    int        n_line;
    line       line[MAX_LINE];
    size_t     n_tile; /* of a map: outlines upon it */
    tile      *tile;
} panel;

typedef struct figure {
    char   title[PLOT_TEXT], note[NOTE_TEXT]; /* note: below all, wrapped */
    int    n_row, n_column;
    panel *panel;              /* [n_row][n_column] */
    char (*header)[PLOT_TEXT]; /* [n_row], above each row; "" for none */
} figure;

/* "distance x (m)", "x (m)", and "x: distance (m)" */
void label_set(label *l, const char *long_name, const char *name, const char *units);
/* A text that has a shorter form. */
void       label_set_text(label *l, const char *full, const char *brief);
pdm_status figure_create(pdm_context *ctx, int n_row, int n_column, figure *out);
void       figure_release(pdm_context *ctx, figure *f);
panel     *figure_panel(const figure *f, int row, int column);
/* Adds a sentence to the note, unless it is there. */
void figure_note(figure *f, const char *text);
/* Draws and writes; pixels 0: as wide as it is at PAGE_DPI. Size in pixels into *out_x, *out_y. */
pdm_status figure_write(pdm_context *ctx, figure *f, picture kind, const char *path, int pixels, int *out_x,
                        int *out_y);

/* ---- drawing of a panel, for figure_write ---- */

typedef struct box {
    double left, top, width, height; /* pt */
} box;

/* Measures of the page, pt. */
#define SIZE_TITLE  13.0
#define SIZE_TEXT   10.5
#define SIZE_TICK   9.5
#define SIZE_NOTE   9.0
#define LENGTH_TICK 3.5

void   axes_ticks(span s, double length, bool is_vertical, ticks *out);
double axes_tick_width(cairo_t *cr, const ticks *t); /* the widest label */
/* Values beyond the ends go to the ends. */
double axes_place(span s, double value, double from, double to);
/* The label that fits into the length. */
const char *label_fitting(cairo_t *cr, const label *l, double length);
void        axes_draw(page *p, const panel *a, box b); /* axes.c */

colour scale_colour(const scale *c, double value);
void   map_draw(page *p, const panel *a, box b); /* map.c */
/* Width that bar, ticks and label take to the right of a panel of that height. */
double bar_width(cairo_t *cr, const panel *a, double height);
void   bar_draw(page *p, const panel *a, box b);
/* Stretches the axis upward where the key would hide a part of a line in every corner. */
void lines_make_room(page *p, panel *a, box b);
void lines_draw(page *p, const panel *a, box b); /* lines.c */
void tiles_draw(page *p, const panel *a, box b); /* tiles.c */
void tiles_outline(page *p, const panel *a, box b);

/* ---- what can be drawn ---- */

pdm_status draw_fields(pdm_context *ctx, const plot_request *q, picture kind, plot_result *r);  /* fields.c */
pdm_status draw_routing(pdm_context *ctx, const plot_request *q, picture kind, plot_result *r); /* routing.c */
pdm_status draw_training(pdm_context *ctx, const plot_request *q, const char *log_path, picture kind,
                         plot_result *r); /* training.c */

#endif
