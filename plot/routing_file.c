/* Reading of what a gate chose, and boxes from it. */
#include "cli/plot/routing.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <netcdf.h>

/* The variable, with as many dimensions, the lengths of which go to shape; false: it is not there, or not like that. */
static bool find_variable(const plot_file *f, const char *name, int n_dim, int *id, size_t *shape)
{
    int n = 0, dim[NC_MAX_VAR_DIMS];

    if (nc_inq_varid(f->ncid, name, id) != NC_NOERR || nc_inq_var(f->ncid, *id, NULL, NULL, &n, dim, NULL) != NC_NOERR)
        return false;
    if (n != n_dim) return false;
    for (int d = 0; d < n; d++)
        if (nc_inq_dimlen(f->ncid, dim[d], &shape[d]) != NC_NOERR) return false;
    return true;
}

/* Words of `dimensions` and numbers of `period`, one for each dimension. */
static bool read_dimensions(const plot_file *f, int id, routing *r)
{
    char  names[PLOT_TEXT], periods[PLOT_TEXT];
    char *name = names, *period = periods;

    plot_attribute(f, id, "dimensions", names);
    plot_attribute(f, id, "period", periods);
    for (int d = 0; d < r->n_dim; d++) {
        name += strspn(name, " ");
        const size_t n = strcspn(name, " ");
        if (n == 0) return false;
        snprintf(r->dim[d], PLOT_TEXT, "%.*s", (int)n, name);
        name += n;
        char *end    = period;
        r->period[d] = strtod(period, &end);
        if (end == period) return false;
        period = end;
    }
    return true;
}

/* Of a file without a gate: every expert has all its columns in every sample. */
static void fill_all(const routing *r)
{
    for (size_t i = 0; i < r->n_sample * r->n_expert; i++) r->columns[i] = r->all[i % r->n_expert];
}

exit_code routing_read(session *s, const plot_file *f, routing *out)
{
    exit_code code   = CODE_FINE;
    routing   r      = {0};
    int       bounds = -1, all = -1, columns = -1;
    size_t    of_bounds[3], of_all[1], of_columns[2];

    const bool has_all = find_variable(f, "expert_columns", 1, &all, of_all);
    r.has_gate         = find_variable(f, "gate_columns", 2, &columns, of_columns);
    if (!r.has_gate && !has_all) {
        code =
            fail(s, CODE_DATA,
                 "%s: no variable gate_columns(sample, expert) or expert_columns(expert): --routing is for predictions "
                 "of a model with a gate or with measured boxes",
                 f->path);
        goto done;
    }
    if (r.has_gate && of_columns[0] != f->n_sample) {
        code = fail(s, CODE_DATA, "%s: gate_columns is of %zu samples, fields are of %zu; as many expected", f->path,
                    of_columns[0], f->n_sample);
        goto done;
    }
    if (!r.has_gate) {
        of_columns[0] = f->n_sample;
        of_columns[1] = of_all[0];
    }
    if (!find_variable(f, "expert_bounds", 3, &bounds, of_bounds) || !has_all || of_bounds[0] != of_columns[1] ||
        of_all[0] != of_columns[1] || of_bounds[1] > ROUTING_MAX_DIM || of_bounds[2] != 2) {
        code =
            fail(s, CODE_DATA,
                 "%s: no expert_bounds(expert, dimension, 2) and expert_columns(expert), with which experts could be "
                 "drawn: predict anew",
                 f->path);
        goto done;
    }
    r.n_sample = of_columns[0];
    r.n_expert = of_columns[1];
    r.n_dim    = (int)of_bounds[1];
    r.bounds   = calloc(r.n_expert * (size_t)r.n_dim * 2, sizeof *r.bounds);
    r.all      = calloc(r.n_expert, sizeof *r.all);
    r.columns  = calloc(r.n_sample * r.n_expert, sizeof *r.columns);
    if (!r.bounds || !r.all || !r.columns) {
        code = fail(s, CODE_MEMORY, "%s", pdm_status_text(PDM_ERR_MEMORY));
        goto done;
    }
    if (nc_get_var_double(f->ncid, bounds, r.bounds) != NC_NOERR || nc_get_var_int(f->ncid, all, r.all) != NC_NOERR ||
        (r.has_gate && nc_get_var_int(f->ncid, columns, r.columns) != NC_NOERR) || !read_dimensions(f, bounds, &r)) {
        code = fail(s, CODE_FILE, "%s: expert_bounds, expert_columns or gate_columns cannot be read", f->path);
        goto done;
    }
    if (!r.has_gate) fill_all(&r);
    *out = r;
    r    = (routing){0};
done:
    routing_release(&r);
    return code;
}

void routing_release(routing *x)
{
    free(x->bounds);
    free(x->all);
    free(x->columns);
    *x = (routing){0};
}

/* ---- boxes ---- */

static int find_dim(const routing *r, const char *name)
{
    for (int d = 0; d < r->n_dim; d++)
        if (strcmp(r->dim[d], name) == 0) return d;
    return -1;
}

/* Is a place along a dimension in the box, or in one of its copies a period away? Borders belong to the box above. */
static bool is_in(const routing *r, size_t expert, int dim, double at)
{
    const double *b = r->bounds + 2 * (expert * (size_t)r->n_dim + (size_t)dim), period = r->period[dim];
    double        end = -INFINITY;

    for (size_t e = 0; e < r->n_expert; e++) end = fmax(end, r->bounds[2 * (e * (size_t)r->n_dim + (size_t)dim) + 1]);
    for (int k = period > 0.0 ? -1 : 0; k <= (period > 0.0 ? 1 : 0); k++) {
        const double x = at + k * period;
        if (b[0] <= x && (x < b[1] || (x == b[1] && b[1] == end))) return true;
    }
    return false;
}

/* What is not in the plane: the time of a map, and what the field is cut at. */
static bool is_cut(const routing *r, const plot_field *x, size_t expert, size_t t)
{
    const int time = find_dim(r, x->t.name);

    if (view_of(x) != VIEW_SPACE_TIME && time >= 0 && x->t.name[0] && !is_in(r, expert, time, x->t.at[t])) return false;
    for (int c = 0; c < x->n_cut; c++) {
        const int dim = find_dim(r, x->cut[c].name);
        if (dim >= 0 && !is_in(r, expert, dim, x->cut[c].at)) return false;
    }
    return true;
}

/* Extent along a dimension, moved by so many periods; of an axis that experts know nothing of, everything. */
static void set_extent(const routing *r, size_t expert, int dim, int shift, double *out)
{
    const double *b = dim >= 0 ? r->bounds + 2 * (expert * (size_t)r->n_dim + (size_t)dim) : NULL;

    out[0] = b ? b[0] + shift * r->period[dim] : -INFINITY;
    out[1] = b ? b[1] + shift * r->period[dim] : INFINITY;
}

static int copies(const routing *r, int dim)
{
    return dim >= 0 && r->period[dim] > 0.0 ? 1 : 0;
}

tile *routing_tiles(const routing *r, const plot_field *x, size_t sample, size_t t, size_t *n)
{
    const bool over_time = view_of(x) == VIEW_SPACE_TIME;
    const int  right = find_dim(r, over_time ? x->t.name : x->x.name), up = over_time    ? find_dim(r, x->x.name)
                                                                            : x->y.n > 1 ? find_dim(r, x->y.name)
                                                                                         : -1;
    tile      *out = calloc(9 * r->n_expert, sizeof *out);

    *n = 0;
    for (size_t e = 0; out && e < r->n_expert; e++) {
        const int columns = r->columns[sample * r->n_expert + e];
        if (r->all[e] == 0 || !is_cut(r, x, e, t)) continue;
        for (int i = -copies(r, right); i <= copies(r, right); i++)
            for (int j = -copies(r, up); j <= copies(r, up); j++) {
                tile *k       = &out[(*n)++];
                k->value      = (double)columns / (double)r->all[e];
                k->is_crossed = columns == 0;
                set_extent(r, e, right, i, k->x);
                set_extent(r, e, up, j, k->y);
                snprintf(k->text, sizeof k->text, "%d", columns);
            }
    }
    return out;
}
