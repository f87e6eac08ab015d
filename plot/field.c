/* One field of one sample, with its axes brought into the order (time, y, x). */
#include "plot/data.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "plot/ticks.h"

enum { MAX_DIM = 8 };

/* What a dimension of a variable is for. */
typedef enum role { ROLE_SAMPLE, ROLE_CUT, ROLE_T, ROLE_Y, ROLE_X, N_ROLE } role;

typedef struct dimension {
    role      is;
    size_t    fixed;  /* entry taken of a sample or cut dimension */
    bool      falls;  /* coordinates decrease in the file */
    char      letter; /* 'T', 'X', 'Y', 'Z' by the attribute axis or the name; 0: unknown */
    plot_axis axis;
} dimension;

typedef struct layout {
    int       n_dim;
    dimension dim[MAX_DIM];
} layout;

/* ---- axes ---- */

static char letter_of(const char *axis, const char *name)
{
    if (strlen(axis) == 1 && strchr("TXYZ", axis[0])) return axis[0];
    if (strcmp(name, "t") == 0 || strcmp(name, "time") == 0) return 'T';
    if (strcmp(name, "x") == 0) return 'X';
    if (strcmp(name, "y") == 0) return 'Y';
    return strcmp(name, "z") == 0 ? 'Z' : '\0';
}

static pdm_status read_dimension(pdm_context *ctx, const plot_file *f, const char *name, dimension *d)
{
    pdm_status status          = PDM_OK;
    char       axis[PLOT_TEXT] = "";
    int        variable        = -1;
    pdm_size   n               = 0;

    snprintf(d->axis.name, sizeof d->axis.name, "%.*s", PLOT_TEXT - 1, name);
    PDM_TRY(pdm_fields_axis(f->fields, name, &variable, &d->falls, &d->axis.at, &n));
    d->axis.n = (size_t)n;
    if (variable >= 0) {
        PDM_TRY(plot_attribute(ctx, f, variable, "axis", axis));
        PDM_TRY(plot_long_name(ctx, f, variable, d->axis.name, d->axis.long_name));
        PDM_TRY(plot_units(ctx, f, variable, d->axis.units));
    }
    d->letter = letter_of(axis, name);
done:
    return status;
}

/* ---- roles ---- */

/* The first dimension that is still to be cut and has more than one point; letter 0: any but time. -1: none. */
static int next_free(const layout *l, char letter)
{
    for (int i = 0; i < l->n_dim; i++)
        if (l->dim[i].is == ROLE_CUT && l->dim[i].axis.n > 1 &&
            (letter ? l->dim[i].letter == letter : l->dim[i].letter != 'T'))
            return i;
    return -1;
}

static void take(layout *l, int i, role is)
{
    if (i >= 0) l->dim[i].is = is;
}

/* Time, then the first two dimensions of space; what is left is cut in the middle. X is to the right and Y up. */
static void choose_roles(layout *l)
{
    take(l, next_free(l, 'T'), ROLE_T);
    const int first = next_free(l, 0);
    take(l, first, ROLE_X);
    const int second = next_free(l, 0);
    take(l, second, ROLE_Y);
    if (second >= 0 && l->dim[first].letter != 'X' && (l->dim[second].letter == 'X' || l->dim[first].letter == 'Y')) {
        take(l, first, ROLE_Y);
        take(l, second, ROLE_X);
    }
    for (int i = 0; first < 0 && i < l->n_dim; i++)
        if (l->dim[i].is == ROLE_T) take(l, i, ROLE_X); /* time alone is drawn to the right */
    for (int i = 0; i < l->n_dim; i++)
        if (l->dim[i].is == ROLE_CUT) l->dim[i].fixed = l->dim[i].axis.n / 2;
}

static int find_name(const layout *l, const char *name)
{
    for (int i = 0; i < l->n_dim; i++)
        if (l->dim[i].is != ROLE_SAMPLE && strcmp(l->dim[i].axis.name, name) == 0) return i;
    return -1;
}

static pdm_status find_cut(pdm_context *ctx, const plot_file *f, dimension *d, const plot_cut *cut)
{
    const plot_axis *a     = &d->axis;
    const double     slack = 1e-6 * (fabs(cut->at) + (a->at[a->n - 1] - a->at[0]));

    for (d->fixed = 0; d->fixed < a->n; d->fixed++)
        if (fabs(a->at[d->fixed] - cut->at) <= slack) return PDM_OK;
    return pdm_error_set(ctx, PDM_ERR_DATA, NULL, __func__,
                         "%s: no coordinate %s = %g, which is what is to be compared", f->path, a->name, cut->at);
}

static pdm_status copy_roles(pdm_context *ctx, const plot_file *f, const char *variable, layout *l,
                             const plot_field *like)
{
    const struct {
        const plot_axis *axis;
        role             is;
    } part[]                 = {{&like->t, ROLE_T}, {&like->y, ROLE_Y}, {&like->x, ROLE_X}};
    pdm_status status        = PDM_OK;
    bool       used[MAX_DIM] = {false};

    for (int p = 0; p < 3; p++) {
        if (!part[p].axis->name[0]) continue;
        const int i = find_name(l, part[p].axis->name);
        if (i < 0)
            PDM_FAIL(ctx, PDM_ERR_DATA,
                     "%s: %s has no dimension %s; a reference has the dimensions of what is compared with it", f->path,
                     variable, part[p].axis->name);
        l->dim[i].is = part[p].is;
        used[i]      = true;
    }
    for (int c = 0; c < like->n_cut; c++) {
        const int i = find_name(l, like->cut[c].name);
        if (i < 0) continue;
        PDM_TRY(find_cut(ctx, f, &l->dim[i], &like->cut[c]));
        used[i] = true;
    }
    for (int i = 0; i < l->n_dim; i++)
        if (!used[i] && l->dim[i].is != ROLE_SAMPLE && l->dim[i].axis.n > 1)
            PDM_FAIL(ctx, PDM_ERR_DATA, "%s: %s has a dimension %s, which is not in what is compared with it", f->path,
                     variable, l->dim[i].axis.name);
done:
    return status;
}

static pdm_status read_layout(pdm_context *ctx, const plot_file *f, const pdm_variable *v, size_t sample,
                              const plot_field *like, layout *l)
{
    pdm_status status = PDM_OK;

    if (v->n_dim > MAX_DIM)
        PDM_FAIL(ctx, PDM_ERR_UNSUPPORTED, "%s: %s has %d dimensions; at most %d can be drawn", f->path, v->name,
                 v->n_dim, MAX_DIM);
    for (l->n_dim = 0; l->n_dim < v->n_dim; l->n_dim++) {
        dimension *d = &l->dim[l->n_dim];
        d->is        = strcmp(v->dim[l->n_dim], f->sample_dim) == 0 ? ROLE_SAMPLE : ROLE_CUT;
        d->fixed     = d->is == ROLE_SAMPLE ? sample : 0;
        if (d->is == ROLE_CUT) PDM_TRY(read_dimension(ctx, f, v->dim[l->n_dim], d));
    }
    if (like)
        PDM_TRY(copy_roles(ctx, f, v->name, l, like));
    else
        choose_roles(l);
done:
    return status;
}

static void layout_release(pdm_context *ctx, layout *l)
{
    for (int i = 0; i < MAX_DIM; i++) pdm_free(ctx, l->dim[i].axis.at);
}

/* ---- values ---- */

/* From the file's order to (t, y, x). raw has extent 1 along samples and cuts. */
static void reorder(const layout *l, const double *raw, plot_field *out)
{
    size_t stride[N_ROLE] = {0}, n[N_ROLE] = {1, 1, 1, 1, 1}, step = 1;
    bool   falls[N_ROLE] = {false};

    for (int i = l->n_dim - 1; i >= 0; i--) {
        const dimension *d = &l->dim[i];
        if (d->is < ROLE_T) continue;
        stride[d->is] = step;
        n[d->is]      = d->axis.n;
        falls[d->is]  = d->falls;
        step *= d->axis.n;
    }
    for (size_t t = 0, k = 0; t < n[ROLE_T]; t++)
        for (size_t y = 0; y < n[ROLE_Y]; y++)
            for (size_t x = 0; x < n[ROLE_X]; x++, k++) {
                const size_t at_t = falls[ROLE_T] ? n[ROLE_T] - 1 - t : t, at_y = falls[ROLE_Y] ? n[ROLE_Y] - 1 - y : y,
                             at_x = falls[ROLE_X] ? n[ROLE_X] - 1 - x : x;
                out->value[k]     = raw[at_t * stride[ROLE_T] + at_y * stride[ROLE_Y] + at_x * stride[ROLE_X]];
            }
}

static pdm_status read_values(pdm_context *ctx, const plot_file *f, const pdm_variable *v, const layout *l,
                              plot_field *out)
{
    pdm_status   status = PDM_OK;
    pdm_size     first[MAX_DIM], count[MAX_DIM];
    const size_t n   = plot_field_size(out);
    double      *raw = NULL;

    PDM_TRY(pdm_alloc_array(ctx, (pdm_size)n, &raw));
    PDM_TRY(pdm_alloc_array(ctx, (pdm_size)n, &out->value));
    for (int i = 0; i < l->n_dim; i++) {
        const dimension *d = &l->dim[i];
        first[i]           = d->is < ROLE_T ? (pdm_size)(d->falls ? d->axis.n - 1 - d->fixed : d->fixed) : 0;
        count[i]           = d->is < ROLE_T ? 1 : (pdm_size)d->axis.n;
    }
    PDM_TRY(pdm_fields_part(f->fields, v, first, count, raw));
    reorder(l, raw, out);
    plot_field_count_missing(out);
    if (out->n_missing == n) PDM_FAIL(ctx, PDM_ERR_DATA, "%s: %s has no finite value to draw", f->path, out->name);
done:
    pdm_free(ctx, raw);
    return status;
}

/* Hands the axes over to the field. */
static void move_axes(layout *l, plot_field *out)
{
    for (int i = 0; i < l->n_dim; i++) {
        dimension *d  = &l->dim[i];
        plot_axis *to = d->is == ROLE_T ? &out->t : d->is == ROLE_Y ? &out->y : d->is == ROLE_X ? &out->x : NULL;
        if (to) {
            *to        = d->axis;
            d->axis.at = NULL;
        } else if (d->is == ROLE_CUT && out->n_cut < PLOT_MAX_CUT) {
            plot_cut *cut = &out->cut[out->n_cut++];
            memcpy(cut->name, d->axis.name, sizeof cut->name);
            memcpy(cut->units, d->axis.units, sizeof cut->units);
            cut->at = d->axis.at[d->fixed];
        }
    }
    if (!out->t.name[0]) out->t.n = 1;
    if (!out->y.name[0]) out->y.n = 1;
    if (!out->x.name[0]) out->x.n = 1;
}

pdm_status plot_field_read(pdm_context *ctx, const plot_file *f, int variable, size_t sample, const plot_field *like,
                           plot_field *out)
{
    pdm_status   status = PDM_OK;
    layout       l      = {0};
    plot_field   x      = {0};
    pdm_variable v;

    PDM_TRY(pdm_fields_variable(f->fields, variable, &v));
    snprintf(x.name, sizeof x.name, "%.*s", PLOT_TEXT - 1, v.name);
    PDM_TRY(plot_long_name(ctx, f, variable, x.name, x.long_name));
    PDM_TRY(plot_units(ctx, f, variable, x.units));
    PDM_TRY(read_layout(ctx, f, &v, sample, like, &l));
    move_axes(&l, &x);
    if (x.x.n < 2) PDM_FAIL(ctx, PDM_ERR_DATA, "%s: %s has one point only; nothing to draw", f->path, v.name);
    PDM_TRY(read_values(ctx, f, &v, &l, &x));
    *out = x;
    x    = (plot_field){0};
done:
    layout_release(ctx, &l);
    plot_field_release(ctx, &x);
    return status;
}

void plot_field_release(pdm_context *ctx, plot_field *x)
{
    pdm_free(ctx, x->t.at);
    pdm_free(ctx, x->y.at);
    pdm_free(ctx, x->x.at);
    pdm_free(ctx, x->value);
    x->t.at = x->y.at = x->x.at = x->value = NULL;
}

/* ---- what a field says ---- */

size_t plot_field_size(const plot_field *x)
{
    return x->t.n * x->y.n * x->x.n;
}

void plot_field_count_missing(plot_field *x)
{
    const size_t n = plot_field_size(x);

    x->n_missing = 0;
    for (size_t i = 0; i < n; i++) x->n_missing += isfinite(x->value[i]) ? 0 : 1;
}

void plot_place_text(const char *name, double at, const char *units, char text[PLOT_TEXT])
{
    char number[TICK_TEXT];

    number_text(at, number);
    snprintf(text, PLOT_TEXT, "%.100s = %s%s%.100s", name, number, units[0] ? " " : "", units);
}

void plot_cut_text(const plot_field *x, char text[PLOT_TEXT])
{
    size_t used = 0;

    text[0] = '\0';
    for (int i = 0; i < x->n_cut; i++) {
        char place[PLOT_TEXT];
        plot_place_text(x->cut[i].name, x->cut[i].at, x->cut[i].units, place);
        if (used + strlen(place) + 3 > PLOT_TEXT) break;
        used += (size_t)snprintf(text + used, PLOT_TEXT - used, "%s%s", i ? ", " : "", place);
    }
}

size_t plot_axis_near(const plot_axis *x, double share)
{
    const double wanted = x->at[0] + share * (x->at[x->n - 1] - x->at[0]);
    size_t       best   = 0;

    for (size_t i = 1; i < x->n; i++)
        if (fabs(x->at[i] - wanted) < fabs(x->at[best] - wanted)) best = i;
    return best;
}

void plot_range(const double *value, size_t n, double *low, double *high)
{
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(value[i])) continue;
        if (value[i] < *low) *low = value[i];
        if (value[i] > *high) *high = value[i];
    }
}
