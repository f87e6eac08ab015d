/* Reading of what a gate chose, and boxes from it. */
#include "plot/routing.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_COPY = 9 }; /* of a box: periods before and behind, of two dimensions */

/* Is there a variable of that name, on so many dimensions? */
static pdm_status find_variable(const plot_file *f, const char *name, int n_dim, pdm_variable *v, bool *is_there)
{
    pdm_status status = PDM_OK;
    const int  number = pdm_fields_find(f->fields, name);

    *v = (pdm_variable){.n_dim = -1};
    if (number >= 0) PDM_TRY(pdm_fields_variable(f->fields, number, v));
    *is_there = v->n_dim == n_dim;
done:
    return status;
}

/* All of it, as numbers; data everywhere are expected. Allocated. */
static pdm_status read_all(pdm_context *ctx, const plot_file *f, const pdm_variable *v, double **out)
{
    pdm_status     status                    = PDM_OK;
    const pdm_size first[PDM_FIELDS_MAX_DIM] = {0};

    PDM_TRY(pdm_alloc_array(ctx, v->n_value, out));
    PDM_TRY(pdm_fields_part(f->fields, v, first, v->shape, *out));
    for (pdm_size i = 0; i < v->n_value; i++)
        if (isnan((*out)[i]))
            PDM_FAIL(ctx, PDM_ERR_DATA, "%s: %s: value %lld is missing or not finite", f->path, v->name, (long long)i);
done:
    return status;
}

/* Words of `dimension_names` and numbers of `period`, one for each dimension. */
static pdm_status read_dimensions(pdm_context *ctx, const plot_file *f, const pdm_variable *bounds, routing *r)
{
    pdm_status status = PDM_OK;
    char       names[PLOT_TEXT], periods[PLOT_TEXT];
    char      *name = names, *period = periods;

    PDM_TRY(plot_attribute(ctx, f, bounds->number, "dimension_names", names));
    PDM_TRY(plot_attribute(ctx, f, bounds->number, "period", periods));
    for (int d = 0; d < r->n_dim; d++) {
        name += strspn(name, " ");
        const size_t n   = strcspn(name, " ");
        char        *end = period;
        r->period[d]     = strtod(period, &end);
        if (n == 0 || end == period || !isfinite(r->period[d]))
            PDM_FAIL(ctx, PDM_ERR_DATA,
                     "%s: expert_bounds: dimension_names \"%s\" and period \"%s\"; %d names and numbers expected",
                     f->path, names, periods, r->n_dim);
        snprintf(r->dim[d], PLOT_TEXT, "%.*s", (int)n, name);
        name += n;
        period = end;
    }
done:
    return status;
}

/* Of a file without a gate: every expert has all its columns in every sample. */
static void fill_all(const routing *r)
{
    for (size_t i = 0; i < r->n_sample * r->n_expert; i++) r->columns[i] = r->all[i % r->n_expert];
}

pdm_status routing_read(pdm_context *ctx, const plot_file *f, routing *out)
{
    pdm_status   status = PDM_OK;
    routing      r      = {0};
    pdm_variable bounds, all, columns;
    bool         has_bounds, has_all;

    PDM_TRY(find_variable(f, "expert_bounds", 3, &bounds, &has_bounds));
    PDM_TRY(find_variable(f, "expert_columns", 1, &all, &has_all));
    PDM_TRY(find_variable(f, "gate_columns", 2, &columns, &r.has_gate));
    if (!r.has_gate && !has_all)
        PDM_FAIL(ctx, PDM_ERR_DATA,
                 "%s: no variable gate_columns(sample, expert) or expert_columns(expert): --routing is for predictions "
                 "of a model with a gate or with measured boxes",
                 f->path);
    if (r.has_gate && columns.shape[0] != (pdm_size)f->n_sample)
        PDM_FAIL(ctx, PDM_ERR_DATA, "%s: gate_columns is of %lld samples, fields are of %zu; as many expected", f->path,
                 (long long)columns.shape[0], f->n_sample);
    if (!has_bounds || !has_all || bounds.shape[0] != all.shape[0] ||
        (r.has_gate && columns.shape[1] != all.shape[0]) || bounds.shape[1] > ROUTING_MAX_DIM || bounds.shape[2] != 2)
        PDM_FAIL(ctx, PDM_ERR_DATA,
                 "%s: no expert_bounds(expert, dimension, 2) and expert_columns(expert), with which experts could be "
                 "drawn: predict anew",
                 f->path);
    r.n_sample = f->n_sample;
    r.n_expert = (size_t)all.shape[0];
    r.n_dim    = (int)bounds.shape[1];
    PDM_TRY(read_all(ctx, f, &bounds, &r.bounds));
    PDM_TRY(read_all(ctx, f, &all, &r.all));
    if (r.has_gate) {
        PDM_TRY(read_all(ctx, f, &columns, &r.columns));
    } else {
        PDM_TRY(pdm_alloc_items(ctx, (pdm_size)r.n_sample, r.n_expert * sizeof *r.columns, (void **)&r.columns));
        fill_all(&r);
    }
    PDM_TRY(read_dimensions(ctx, f, &bounds, &r));
    *out = r;
    r    = (routing){0};
done:
    routing_release(ctx, &r);
    return status;
}

void routing_release(pdm_context *ctx, routing *x)
{
    pdm_free(ctx, x->bounds);
    pdm_free(ctx, x->all);
    pdm_free(ctx, x->columns);
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

pdm_status routing_tiles(pdm_context *ctx, const routing *r, const plot_field *x, size_t sample, size_t t, tile **out,
                         size_t *n)
{
    pdm_status status    = PDM_OK;
    const bool over_time = view_of(x) == VIEW_SPACE_TIME;
    const int  right     = find_dim(r, over_time ? x->t.name : x->x.name);
    const int  up        = over_time ? find_dim(r, x->x.name) : x->y.n > 1 ? find_dim(r, x->y.name) : -1;

    *n = 0;
    PDM_TRY(pdm_alloc_items(ctx, (pdm_size)r->n_expert, MAX_COPY * sizeof **out, (void **)out));
    for (size_t e = 0; e < r->n_expert; e++) {
        const double columns = r->columns[sample * r->n_expert + e];
        if (r->all[e] == 0.0 || !is_cut(r, x, e, t)) continue;
        for (int i = -copies(r, right); i <= copies(r, right); i++)
            for (int j = -copies(r, up); j <= copies(r, up); j++) {
                tile *k       = &(*out)[(*n)++];
                k->value      = columns / r->all[e];
                k->is_crossed = columns == 0.0;
                set_extent(r, e, right, i, k->x);
                set_extent(r, e, up, j, k->y);
                snprintf(k->text, sizeof k->text, "%.0f", columns);
            }
    }
done:
    return status;
}
