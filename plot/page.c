#include "plot/page.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <cairo-pdf.h>
#include <cairo-svg.h>

#include "io/io.h"

#define POINTS_PER_INCH 72.0
#define VECTOR_RASTER   300.0 /* dots an inch of the maps in SVG and PDF */

enum { MOST_PIXELS = 32767, DRAWABLE = 512 }; /* bytes of a text: twice a PLOT_TEXT */

pdm_status picture_of(pdm_context *ctx, const char *path, picture *out)
{
    static const char *const ending[] = {".png", ".svg", ".pdf"};
    const char              *dot      = strrchr(path, '.');

    for (int i = 0; i < 3; i++)
        if (dot && strcasecmp(dot, ending[i]) == 0) {
            *out = (picture)i;
            return PDM_OK;
        }
    return pdm_error_set(ctx, PDM_ERR_ARGUMENT, NULL, __func__,
                         "plot: --output %s: a name that ends in .png, .svg or .pdf expected", path);
}

/* ---- bytes ---- */

static void bytes_append(bytes *b, const void *data, size_t n)
{
    if (b->failed || n == 0) return;
    if (b->n + n > b->capacity) {
        const size_t   capacity = 2 * (b->n + n);
        unsigned char *grown    = NULL;
        if (pdm_alloc(b->ctx, capacity, &grown) != PDM_OK) {
            b->failed = true;
            return;
        }
        if (b->n > 0) memcpy(grown, b->data, b->n);
        pdm_free(b->ctx, b->data);
        b->data     = grown;
        b->capacity = capacity;
    }
    memcpy(b->data + b->n, data, n);
    b->n += n;
}

static void bytes_release(bytes *b)
{
    pdm_free(b->ctx, b->data);
    b->data = NULL;
    b->n = b->capacity = 0;
}

static cairo_status_t receive(void *user, const unsigned char *data, unsigned n)
{
    bytes *b = user;
    bytes_append(b, data, n);
    return b->failed ? CAIRO_STATUS_NO_MEMORY : CAIRO_STATUS_SUCCESS;
}

/* ---- page ---- */

static pdm_status check_cairo(pdm_context *ctx, cairo_status_t code)
{
    if (code == CAIRO_STATUS_SUCCESS) return PDM_OK;
    return pdm_error_set(ctx, code == CAIRO_STATUS_NO_MEMORY ? PDM_ERR_MEMORY : PDM_ERR_INTERNAL, NULL, __func__,
                         "drawing failed: %s", cairo_status_to_string(code));
}

static cairo_surface_t *make_surface(page *p, double scale)
{
    switch (p->kind) {
    case PICTURE_SVG:
        return cairo_svg_surface_create_for_stream(receive, &p->stream, scale * p->width, scale * p->height);
    case PICTURE_PDF:
        return cairo_pdf_surface_create_for_stream(receive, &p->stream, scale * p->width, scale * p->height);
    case PICTURE_PNG: break;
    }
    return cairo_image_surface_create(CAIRO_FORMAT_RGB24, p->pixels_x, p->pixels_y);
}

static void use_font_options(cairo_t *cr)
{
    cairo_font_options_t *o = cairo_font_options_create();

    cairo_font_options_set_antialias(o, CAIRO_ANTIALIAS_GRAY);
    cairo_font_options_set_hint_style(o, CAIRO_HINT_STYLE_NONE);
    cairo_font_options_set_hint_metrics(o, CAIRO_HINT_METRICS_OFF);
    cairo_set_font_options(cr, o);
    cairo_font_options_destroy(o);
}

pdm_status page_open(pdm_context *ctx, picture kind, double width, double height, int pixels, page *p)
{
    pdm_status   status = PDM_OK;
    const double scale  = pixels / width; /* pixels a point */

    *p = (page){.ctx      = ctx,
                .kind     = kind,
                .width    = width,
                .height   = height,
                .pixels_x = pixels,
                .stream   = {.ctx = ctx},
                .words    = {.ctx = ctx}};
    if (height * scale > MOST_PIXELS || pixels > MOST_PIXELS)
        PDM_FAIL(ctx, PDM_ERR_ARGUMENT,
                 "plot: the picture would be %d x %.0f pixels; at most %d either way: a smaller --width, or one "
                 "--sample or --field",
                 pixels, height * scale, MOST_PIXELS);
    p->pixels_y       = (int)ceil(height * scale);
    const double unit = kind == PICTURE_PNG ? scale : scale * POINTS_PER_INCH / PAGE_DPI;
    p->raster         = kind == PICTURE_PNG ? scale : unit * VECTOR_RASTER / POINTS_PER_INCH;
    p->surface        = make_surface(p, unit);
    p->cr             = cairo_create(p->surface);
    PDM_TRY(check_cairo(ctx, cairo_status(p->cr)));
    cairo_scale(p->cr, unit, unit);
    use_font_options(p->cr);
    cairo_set_source_rgb(p->cr, 1.0, 1.0, 1.0);
    cairo_paint(p->cr);
done:
    return status;
}

void page_close(page *p)
{
    if (p->cr) cairo_destroy(p->cr);
    if (p->surface) cairo_surface_destroy(p->surface);
    if (p->ctx) {
        bytes_release(&p->stream);
        bytes_release(&p->words);
    }
    p->cr      = NULL;
    p->surface = NULL;
}

/* ---- text as it can be drawn ---- */

/* Bytes of the character, 0 where it is not UTF-8 (RFC 3629, section 4). */
static size_t character_size(const unsigned char *c)
{
    const size_t n = c[0] < 0x80 ? 1 : c[0] < 0xc2 ? 0 : c[0] < 0xe0 ? 2 : c[0] < 0xf0 ? 3 : c[0] < 0xf5 ? 4 : 0;

    for (size_t i = 1; i < n; i++)
        if ((c[i] & 0xc0) != 0x80) return 0;
    if ((c[0] == 0xe0 && c[1] < 0xa0) || (c[0] == 0xed && c[1] > 0x9f)) return 0; /* longer than need be; surrogates */
    return (c[0] == 0xf0 && c[1] < 0x90) || (c[0] == 0xf4 && c[1] > 0x8f) ? 0 : n;
}

/* Cairo takes UTF-8 alone, and files have units in Latin-1 at times: bytes that are no character become '?'. */
static void make_drawable(const char *text, char out[DRAWABLE])
{
    size_t used = 0;

    for (const unsigned char *c = (const unsigned char *)text; *c;) {
        const size_t n = character_size(c);
        if (used + (n ? n : 1) >= DRAWABLE) break;
        if (n)
            memcpy(out + used, c, n);
        else
            out[used] = '?';
        used += n ? n : 1;
        c += n ? n : 1;
    }
    out[used] = '\0';
}

/* ---- writing ---- */

static void append_text(bytes *b, const char *text)
{
    bytes_append(b, text, strlen(text));
}

static void append_escaped(bytes *b, const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++) switch (text[i]) {
        case '<': append_text(b, "&lt;"); break;
        case '>': append_text(b, "&gt;"); break;
        case '&': append_text(b, "&amp;"); break;
        default: bytes_append(b, &text[i], 1);
        }
}

/* Cairo's SVG, with title and description for search and for readers of screens. */
static void describe_svg(const page *p, const char *title, bytes *out)
{
    const char  *start = (const char *)p->stream.data, *svg = NULL, *behind = NULL;
    const size_t n = p->stream.n;
    char         plain[DRAWABLE];

    make_drawable(title, plain);
    for (size_t i = 0; i + 4 < n && !svg; i++)
        if (memcmp(start + i, "<svg", 4) == 0) svg = start + i;
    if (svg) behind = memchr(svg, '>', n - (size_t)(svg - start));
    const size_t head = behind ? (size_t)(behind - start) + 1 : 0;
    bytes_append(out, start, head);
    if (behind) {
        append_text(out, "\n<title>");
        append_escaped(out, plain, strlen(plain));
        append_text(out, "</title>\n<desc>\n");
        append_escaped(out, (const char *)p->words.data, p->words.n);
        append_text(out, "</desc>");
    }
    bytes_append(out, start + head, n - head);
}

/* Neither time nor place of drawing goes into the file: the same data give the same bytes. */
static void describe_pdf(const page *p, const char *title)
{
    char plain[DRAWABLE];

    make_drawable(title, plain);
    cairo_pdf_surface_set_metadata(p->surface, CAIRO_PDF_METADATA_TITLE, plain);
    cairo_pdf_surface_set_metadata(p->surface, CAIRO_PDF_METADATA_CREATE_DATE, "");
}

pdm_status page_write(pdm_context *ctx, page *p, const char *path, const char *title)
{
    pdm_status status = PDM_OK;
    bytes      file   = {.ctx = ctx};

    if (p->kind == PICTURE_PDF) describe_pdf(p, title);
    PDM_TRY(check_cairo(ctx, cairo_status(p->cr)));
    if (p->kind == PICTURE_PNG) {
        cairo_surface_flush(p->surface);
        PDM_TRY(check_cairo(ctx, cairo_surface_write_to_png_stream(p->surface, receive, &p->stream)));
    } else {
        cairo_surface_finish(p->surface);
        PDM_TRY(check_cairo(ctx, cairo_surface_status(p->surface)));
    }
    if (p->kind == PICTURE_SVG) describe_svg(p, title, &file);
    if (file.failed || p->stream.failed || p->words.failed)
        PDM_FAIL(ctx, PDM_ERR_MEMORY, "%s", pdm_status_text(PDM_ERR_MEMORY));
    PDM_TRY(p->kind == PICTURE_SVG ? pdm_write_file(ctx, path, file.data, file.n)
                                   : pdm_write_file(ctx, path, p->stream.data, p->stream.n));
done:
    bytes_release(&file);
    return status;
}

/* ---- text ---- */

void use_colour(cairo_t *cr, colour c)
{
    cairo_set_source_rgb(cr, c.red, c.green, c.blue);
}

static void use_font(cairo_t *cr, double size, weight w)
{
    cairo_select_font_face(cr, "sans-serif", CAIRO_FONT_SLANT_NORMAL,
                           w == WEIGHT_BOLD ? CAIRO_FONT_WEIGHT_BOLD : CAIRO_FONT_WEIGHT_NORMAL);
    cairo_set_font_size(cr, size);
}

double text_width(cairo_t *cr, const char *text, double size, weight w)
{
    cairo_text_extents_t e;
    char                 plain[DRAWABLE];

    make_drawable(text, plain);
    use_font(cr, size, w);
    cairo_text_extents(cr, plain, &e);
    return e.x_advance;
}

static void note_words(page *p, const char *text)
{
    if (p->kind != PICTURE_SVG || !text[0]) return;
    append_text(&p->words, text);
    append_text(&p->words, "\n");
}

void page_text(page *p, double x, double y, double share, double size, weight w, const char *text)
{
    const double width = text_width(p->cr, text, size, w);
    char         plain[DRAWABLE];

    make_drawable(text, plain);
    note_words(p, plain);
    cairo_move_to(p->cr, x - share * width, y);
    cairo_show_text(p->cr, plain);
    cairo_new_path(p->cr);
}

void page_text_upward(page *p, double x, double y, double share, double size, const char *text)
{
    const double width = text_width(p->cr, text, size, WEIGHT_NORMAL);
    char         plain[DRAWABLE];

    make_drawable(text, plain);
    note_words(p, plain);
    cairo_save(p->cr);
    cairo_translate(p->cr, x, y + share * width);
    cairo_rotate(p->cr, -1.5707963267948966);
    cairo_move_to(p->cr, 0.0, 0.0);
    cairo_show_text(p->cr, plain);
    cairo_new_path(p->cr);
    cairo_restore(p->cr);
}
