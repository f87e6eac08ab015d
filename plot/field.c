/* One field of one sample, with its axes brought into the order (time, y, x). */
#include "cli/plot/data.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <netcdf.h>

#include "cli/plot/ticks.h"

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

static exit_code check_nc(session *s, const plot_file *f, const char *variable, int result)
{
    if (result == NC_NOERR) return CODE_FINE;
    return fail(s, CODE_FILE, "%s: %s cannot be read: %s", f->path, variable, nc_strerror(result));
}

static exit_code no_memory(session *s)
{
    return fail(s, CODE_MEMORY, "%s", pdm_status_text(PDM_ERR_MEMORY));
}

/* ---- axes ---- */

static char letter_of(const char *axis, const char *name)
{
    if (strlen(axis) == 1 && strchr("TXYZ", axis[0])) return axis[0];
    if (strcmp(name, "t") == 0 || strcmp(name, "time") == 0) return 'T';
    if (strcmp(name, "x") == 0) return 'X';
    if (strcmp(name, "y") == 0) return 'Y';
    return strcmp(name, "z") == 0 ? 'Z' : '\0';
}

static void read_units(const plot_file *f, int variable, char text[PLOT_TEXT])
{
    plot_attribute(f, variable, "units", text);
    if (strcmp(text, "1") == 0) text[0] = '\0';
}

/* Coordinates must be finite and go one way; falling ones are turned round. */
static exit_code check_coordinates(session *s, const plot_file *f, dimension *d)
{
    double *const at = d->axis.at;
    const size_t  n  = d->axis.n;

    for (size_t i = 0; i < n; i++)
        if (!isfinite(at[i]))
            return fail(s, CODE_DATA, "%s: coordinate %s is %g at number %zu; finite numbers expected", f->path,
                        d->axis.name, at[i], i);
    d->falls = n > 1 && at[1] < at[0];
    for (size_t i = 1; i < n; i++)
        if (d->falls ? at[i] >= at[i - 1] : at[i] <= at[i - 1])
            return fail(s, CODE_DATA,
                        "%s: coordinate %s goes from %g to %g at number %zu; increasing or decreasing numbers expected",
                        f->path, d->axis.name, at[i - 1], at[i], i);
    for (size_t i = 0; d->falls && i < n / 2; i++) {
        const double keep = at[i];
        at[i]             = at[n - 1 - i];
        at[n - 1 - i]     = keep;
    }
    return CODE_FINE;
}

static exit_code read_dimension(session *s, const plot_file *f, int dim, dimension *d)
{
    exit_code code                  = CODE_FINE;
    char      name[NC_MAX_NAME + 1] = "", axis[PLOT_TEXT] = "";
    int       id = -1, n_dim = 0;

    CLI_TRY(check_nc(s, f, "a dimension", nc_inq_dim(f->ncid, dim, name, &d->axis.n)));
    snprintf(d->axis.name, sizeof d->axis.name, "%.*s", PLOT_TEXT - 1, name);
    if (d->axis.n == 0) {
        code = fail(s, CODE_DATA, "%s: dimension %s has no entries", f->path, name);
        goto done;
    }
    d->axis.at = calloc(d->axis.n, sizeof *d->axis.at);
    if (!d->axis.at) {
        code = no_memory(s);
        goto done;
    }
    for (size_t i = 0; i < d->axis.n; i++) d->axis.at[i] = (double)i;
    if (nc_inq_varid(f->ncid, name, &id) == NC_NOERR && nc_inq_varndims(f->ncid, id, &n_dim) == NC_NOERR &&
        n_dim == 1) {
        CLI_TRY(check_nc(s, f, name, nc_get_var_double(f->ncid, id, d->axis.at)));
        plot_attribute(f, id, "axis", axis);
        plot_attribute(f, id, "long_name", d->axis.long_name);
        read_units(f, id, d->axis.units);
    }
    d->letter = letter_of(axis, name);
    CLI_TRY(check_coordinates(s, f, d));
done:
    return code;
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

static exit_code find_cut(session *s, const plot_file *f, dimension *d, const plot_cut *cut)
{
    const plot_axis *a     = &d->axis;
    const double     slack = 1e-6 * (fabs(cut->at) + (a->at[a->n - 1] - a->at[0]));

    for (d->fixed = 0; d->fixed < a->n; d->fixed++)
        if (fabs(a->at[d->fixed] - cut->at) <= slack) return CODE_FINE;
    return fail(s, CODE_DATA, "%s: no coordinate %s = %g, which is what is to be compared", f->path, a->name, cut->at);
}

static exit_code copy_roles(session *s, const plot_file *f, const char *variable, layout *l, const plot_field *like)
{
    const struct {
        const plot_axis *axis;
        role             is;
    } part[]                = {{&like->t, ROLE_T}, {&like->y, ROLE_Y}, {&like->x, ROLE_X}};
    exit_code code          = CODE_FINE;
    bool      used[MAX_DIM] = {false};

    for (int p = 0; p < 3; p++) {
        if (!part[p].axis->name[0]) continue;
        const int i = find_name(l, part[p].axis->name);
        if (i < 0)
            return fail(s, CODE_DATA,
                        "%s: %s has no dimension %s; a reference has the dimensions of what is compared with it",
                        f->path, variable, part[p].axis->name);
        l->dim[i].is = part[p].is;
        used[i]      = true;
    }
    for (int c = 0; c < like->n_cut; c++) {
        const int i = find_name(l, like->cut[c].name);
        if (i < 0) continue;
        CLI_TRY(find_cut(s, f, &l->dim[i], &like->cut[c]));
        used[i] = true;
    }
    for (int i = 0; i < l->n_dim; i++)
        if (!used[i] && l->dim[i].is != ROLE_SAMPLE && l->dim[i].axis.n > 1)
            return fail(s, CODE_DATA, "%s: %s has a dimension %s, which is not in what is compared with it", f->path,
                        variable, l->dim[i].axis.name);
done:
    return code;
}

static exit_code read_layout(session *s, const plot_file *f, int variable, const char *name, size_t sample,
                             const plot_field *like, layout *l)
{
    exit_code code = CODE_FINE;
    int       n    = 0, dim[NC_MAX_VAR_DIMS];

    CLI_TRY(check_nc(s, f, name, nc_inq_var(f->ncid, variable, NULL, NULL, &n, dim, NULL)));
    if (n > MAX_DIM) {
        code =
            fail(s, CODE_UNSUPPORTED, "%s: %s has %d dimensions; at most %d can be drawn", f->path, name, n, MAX_DIM);
        goto done;
    }
    for (l->n_dim = 0; l->n_dim < n; l->n_dim++) {
        dimension *d = &l->dim[l->n_dim];
        d->is        = dim[l->n_dim] == f->sample_dim ? ROLE_SAMPLE : ROLE_CUT;
        d->fixed     = d->is == ROLE_SAMPLE ? sample : 0;
        if (d->is == ROLE_CUT) CLI_TRY(read_dimension(s, f, dim[l->n_dim], d));
    }
    if (like)
        CLI_TRY(copy_roles(s, f, name, l, like));
    else
        choose_roles(l);
done:
    return code;
}

static void layout_release(layout *l)
{
    for (int i = 0; i < MAX_DIM; i++) free(l->dim[i].axis.at);
}

/* ---- values ---- */

/* Numbers that stand for "no value", and the factor and offset of packed numbers. */
typedef struct packing {
    double fill, missing, factor, offset; /* NaN: there is none */
} packing;

static double attribute_number(const plot_file *f, int variable, const char *name, double otherwise)
{
    double value;
    size_t n = 0;
    return nc_inq_attlen(f->ncid, variable, name, &n) == NC_NOERR && n == 1 &&
                   nc_get_att_double(f->ncid, variable, name, &value) == NC_NOERR
               ? value
               : otherwise;
}

static packing read_packing(const plot_file *f, int variable)
{
    nc_type type = NC_DOUBLE;
    (void)nc_inq_vartype(f->ncid, variable, &type);
    const double unwritten = type == NC_FLOAT ? (double)NC_FILL_FLOAT : NC_FILL_DOUBLE;
    return (packing){
        attribute_number(f, variable, "_FillValue", unwritten), attribute_number(f, variable, "missing_value", NAN),
        attribute_number(f, variable, "scale_factor", 1.0), attribute_number(f, variable, "add_offset", 0.0)};
}

static double unpack(double raw, const packing *p)
{
    if (!isfinite(raw) || raw == p->fill || raw == p->missing) return NAN;
    return p->factor * raw + p->offset;
}

/* From the file's order to (t, y, x). raw has extent 1 along samples and cuts. */
static void reorder(const layout *l, const packing *p, const double *raw, plot_field *out)
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
                out->value[k] = unpack(raw[at_t * stride[ROLE_T] + at_y * stride[ROLE_Y] + at_x * stride[ROLE_X]], p);
            }
}

static exit_code read_values(session *s, const plot_file *f, int variable, const layout *l, plot_field *out)
{
    exit_code     code = CODE_FINE;
    size_t        start[MAX_DIM], count[MAX_DIM];
    const size_t  n   = plot_field_size(out);
    const packing p   = read_packing(f, variable);
    double       *raw = calloc(n, sizeof *raw);

    out->value = calloc(n, sizeof *out->value);
    if (!raw || !out->value) {
        code = no_memory(s);
        goto done;
    }
    for (int i = 0; i < l->n_dim; i++) {
        const dimension *d = &l->dim[i];
        start[i]           = d->is < ROLE_T ? (d->falls ? d->axis.n - 1 - d->fixed : d->fixed) : 0;
        count[i]           = d->is < ROLE_T ? 1 : d->axis.n;
    }
    CLI_TRY(check_nc(s, f, out->name, nc_get_vara_double(f->ncid, variable, start, count, raw)));
    reorder(l, &p, raw, out);
    plot_field_count_missing(out);
    if (out->n_missing == n) code = fail(s, CODE_DATA, "%s: %s has no finite value to draw", f->path, out->name);
done:
    free(raw);
    return code;
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

exit_code plot_field_read(session *s, const plot_file *f, int variable, size_t sample, const plot_field *like,
                          plot_field *out)
{
    exit_code  code                  = CODE_FINE;
    layout     l                     = {0};
    plot_field x                     = {0};
    char       name[NC_MAX_NAME + 1] = "";

    CLI_TRY(check_nc(s, f, "a variable", nc_inq_varname(f->ncid, variable, name)));
    snprintf(x.name, sizeof x.name, "%.*s", PLOT_TEXT - 1, name);
    plot_attribute(f, variable, "long_name", x.long_name);
    read_units(f, variable, x.units);
    CLI_TRY(read_layout(s, f, variable, name, sample, like, &l));
    move_axes(&l, &x);
    if (x.x.n < 2) {
        code = fail(s, CODE_DATA, "%s: %s has one point only; nothing to draw", f->path, name);
        goto done;
    }
    CLI_TRY(read_values(s, f, variable, &l, &x));
    *out = x;
    x    = (plot_field){0};
done:
    layout_release(&l);
    plot_field_release(&x);
    return code;
}

void plot_field_release(plot_field *x)
{
    free(x->t.at);
    free(x->y.at);
    free(x->x.at);
    free(x->value);
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
