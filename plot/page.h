/* A white page to draw on, and the file that it becomes. Lengths are points, 1/72 inch, downward from the upper left. */
#ifndef PDM_PLOT_PAGE_H
#define PDM_PLOT_PAGE_H

#include <cairo.h>

#include "core/core.h"
#include "plot/colour.h"

enum { PAGE_DPI = 150 };

typedef enum picture { PICTURE_PNG, PICTURE_SVG, PICTURE_PDF } picture;

/* By the ending of the name. */
pdm_status picture_of(pdm_context *ctx, const char *path, picture *out);

/* Bytes that grow. */
typedef struct bytes {
    pdm_context   *ctx;
    unsigned char *data;
    size_t         n, capacity;
    bool           failed; /* no memory */
} bytes;

typedef struct page {
    pdm_context     *ctx;
    picture          kind;
    double           width, height;      /* pt, as drawn */
    double           raster;             /* pixels that a raster should have to a point */
    int              pixels_x, pixels_y; /* of a PNG, at PAGE_DPI of the others */
    cairo_surface_t *surface;
    cairo_t         *cr;
    bytes            stream; /* the file, for SVG and PDF while it is drawn */
    bytes words; /* texts so far, a line each: SVG holds letters as shapes, so they go into its description */
} page;

/* pixels: wanted width; everything scales with it. */
pdm_status page_open(pdm_context *ctx, picture kind, double width, double height, int pixels, page *out);
/* Written beside and renamed. */
pdm_status page_write(pdm_context *ctx, page *p, const char *path, const char *title);
void       page_close(page *p);

typedef enum weight { WEIGHT_NORMAL, WEIGHT_BOLD } weight;

void   use_colour(cairo_t *cr, colour c);
double text_width(cairo_t *cr, const char *text, double size, weight w);
/* share: how much of the text is left of x (0: starts there, 0.5: centred, 1: ends there). y: baseline. */
void page_text(page *p, double x, double y, double share, double size, weight w, const char *text);
/* The same, reading upward; y is where `share` of it is below. */
void page_text_upward(page *p, double x, double y, double share, double size, const char *text);

#endif
