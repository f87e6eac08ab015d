#include "io/io.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include <netcdf.h>

#include "io/io_impl.h"

struct pdm_fields {
    pdm_context *ctx;
    char        *path;
    int          ncid;
    pdm_units   *units; /* made at the first conversion */
    bool         may_lack;
};

static_assert(PDM_FIELDS_NAME == NC_MAX_NAME + 1, "names of NetCDF fit");

/* ---- life -------------------------------------------------------------------------------------------------------- */

pdm_status pdm_fields_open(pdm_context *ctx, const char *path, pdm_fields **out)
{
    pdm_status  status = PDM_OK;
    pdm_fields *f      = NULL;

    PDM_TRY(pdm_alloc(ctx, sizeof *f, &f));
    f->ctx  = ctx;
    f->ncid = -1;
    PDM_TRY(pdm_alloc_text(ctx, path ? path : "", &f->path));
    PDM_TRY(io_netcdf_open(ctx, path, &f->ncid));
    *out = f;
    f    = NULL;
done:
    pdm_fields_close(&f);
    return status;
}

void pdm_fields_close(pdm_fields **f)
{
    if (!f || !*f) return;
    if ((*f)->ncid >= 0) (void)IO_CALL(nc_close((*f)->ncid));
    pdm_units_destroy(&(*f)->units);
    pdm_free((*f)->ctx, (*f)->path);
    pdm_free((*f)->ctx, *f);
    *f = NULL;
}

int pdm_fields_n_variable(const pdm_fields *f)
{
    int n = 0;
    return IO_CALL(nc_inq_nvars(f->ncid, &n)) == NC_NOERR ? n : 0;
}

int pdm_fields_find(const pdm_fields *f, const char *name)
{
    int number = -1;
    return IO_CALL(nc_inq_varid(f->ncid, name, &number)) == NC_NOERR ? number : -1;
}

bool pdm_fields_has(const pdm_fields *f, const char *name)
{
    return pdm_fields_find(f, name) >= 0;
}

pdm_size pdm_fields_dimension(const pdm_fields *f, const char *name)
{
    int    id = -1;
    size_t n  = 0;

    if (IO_CALL(nc_inq_dimid(f->ncid, name, &id)) != NC_NOERR || IO_CALL(nc_inq_dimlen(f->ncid, id, &n)) != NC_NOERR ||
        n > INT64_MAX)
        return -1;
    return (pdm_size)n;
}

const char *pdm_fields_path(const pdm_fields *f)
{
    return f->path;
}

pdm_context *pdm_fields_context(const pdm_fields *f)
{
    return f->ctx;
}

/* ---- finding a variable ------------------------------------------------------------------------------------------ */

/* The error that says which variables there are, and which one may be meant. */
static pdm_status absent_error(pdm_fields *f, const char *name)
{
    pdm_status  status = PDM_OK;
    pdm_text    list   = {.ctx = f->ctx};
    char        names[64][NC_MAX_NAME + 1];
    const char *candidate[64], *nearest = NULL;
    int         n = 0;

    IO_NC(f->ctx, f->path, nc_inq_nvars(f->ncid, &n));
    if (n > 64) n = 64;
    for (int i = 0; i < n; i++) {
        IO_NC(f->ctx, f->path, nc_inq_varname(f->ncid, i, names[i]));
        candidate[i] = names[i];
        PDM_TRY(pdm_text_append(&list, "%s%s", i > 0 ? ", " : "", names[i]));
    }
    nearest = pdm_text_nearest(name, candidate, n);
    if (nearest)
        PDM_FAIL(f->ctx, PDM_ERR_DATA, "%s: no variable \"%s\"; did you mean \"%s\"?  (the file has: %s)", f->path,
                 name, nearest, list.data);
    PDM_FAIL(f->ctx, PDM_ERR_DATA, "%s: no variable \"%s\"; the file has: %s", f->path, name,
             n > 0 ? list.data : "none");
done:
    pdm_text_destroy(&list);
    return status;
}

pdm_status pdm_fields_variable(pdm_fields *f, int number, pdm_variable *v)
{
    pdm_status status = PDM_OK;
    nc_type    type   = NC_NAT;
    int        dim[NC_MAX_VAR_DIMS];

    *v = (pdm_variable){.number = number, .n_value = 1};
    IO_NC(f->ctx, f->path, nc_inq_var(f->ncid, number, v->name, &type, &v->n_dim, dim, NULL));
    v->is_real = type == NC_FLOAT || type == NC_DOUBLE;
    if (v->n_dim > PDM_FIELDS_MAX_DIM)
        PDM_FAIL(f->ctx, PDM_ERR_DATA, "%s: %s: %d dimensions; at most %d expected", f->path, v->name, v->n_dim,
                 PDM_FIELDS_MAX_DIM);
    for (int d = 0; d < v->n_dim; d++) {
        size_t n = 0;
        IO_NC(f->ctx, f->path, nc_inq_dim(f->ncid, dim[d], v->dim[d], &n));
        if (n > INT64_MAX || (n > 0 && (pdm_size)n > INT64_MAX / (pdm_size)sizeof(double) / (v->n_value + 1)))
            PDM_FAIL(f->ctx, PDM_ERR_DATA, "%s: %s: too large to be addressed", f->path, v->name);
        v->shape[d] = (pdm_size)n;
        v->n_value *= (pdm_size)n;
    }
done:
    return status;
}

/* The variable `name`, which has values. */
static pdm_status find_variable(pdm_fields *f, const char *name, pdm_variable *v)
{
    pdm_status status = PDM_OK;
    const int  number = pdm_fields_find(f, name);

    if (number < 0) PDM_TRY(absent_error(f, name));
    PDM_TRY(pdm_fields_variable(f, number, v));
    for (int d = 0; d < v->n_dim; d++)
        if (v->shape[d] == 0)
            PDM_FAIL(f->ctx, PDM_ERR_DATA, "%s: %s: dimension \"%s\" has length 0; data expected", f->path, name,
                     v->dim[d]);
done:
    return status;
}

pdm_status pdm_fields_text(pdm_fields *f, int variable, const char *name, char **out)
{
    return io_netcdf_text(f->ctx, f->path, f->ncid, variable < 0 ? NC_GLOBAL : variable, name, out);
}

pdm_status pdm_fields_real(pdm_fields *f, const pdm_variable *v, const char *name, bool *found, double *value)
{
    pdm_status status = PDM_OK;
    size_t     n      = 0;

    PDM_TRY(io_netcdf_reals(f->ctx, f->path, f->ncid, v->number, v->name, name, 1, value, &n));
    *found = n == 1;
done:
    return status;
}

/* ---- units ------------------------------------------------------------------------------------------------------- */

/* y = factor x + offset from the variable's units to `units`; 1 and 0 when either is not given. */
pdm_status pdm_fields_conversion(pdm_fields *f, const pdm_variable *v, const char *units, double *factor,
                                 double *offset)
{
    pdm_status      status = PDM_OK;
    char           *stored = NULL;
    const pdm_unit *from = NULL, *to = NULL;

    *factor = 1.0;
    *offset = 0.0;
    if (!units) goto done;
    PDM_TRY(io_netcdf_text(f->ctx, f->path, f->ncid, v->number, "units", &stored));
    if (!stored || strcmp(stored, units) == 0) goto done;
    if (!f->units) PDM_TRY(pdm_units_create(f->ctx, &f->units));
    to   = pdm_unit_parse(f->units, units);
    from = pdm_unit_parse(f->units, stored);
    PDM_TRY(pdm_units_status(f->units));
    if (!to)
        PDM_FAIL(f->ctx, PDM_ERR_CASE, "\"%s\" is not a unit; it was wanted for %s of %s", units, v->name, f->path);
    if (!from)
        PDM_FAIL(f->ctx, PDM_ERR_DATA, "%s: %s:units: \"%s\" is not a unit; one that converts to \"%s\" expected",
                 f->path, v->name, stored, units);
    if (!pdm_unit_convert(from, to, factor, offset))
        PDM_FAIL(f->ctx, PDM_ERR_DATA, "%s: %s:units: \"%s\" does not convert to \"%s\"", f->path, v->name, stored,
                 units);
done:
    pdm_free(f->ctx, stored);
    return status;
}

/* ---- values in the file's order ---------------------------------------------------------------------------------- */

void pdm_fields_may_lack(pdm_fields *f, bool may)
{
    f->may_lack = may;
}

/* "(t=3, x=17)" for a flat index. */
static pdm_status index_text(const pdm_variable *v, pdm_size index, pdm_text *out)
{
    pdm_status status = PDM_OK;
    pdm_size   stride = v->n_value;

    PDM_TRY(pdm_text_append(out, "("));
    for (int d = 0; d < v->n_dim; d++) {
        stride /= v->shape[d];
        PDM_TRY(pdm_text_append(out, "%s%s=%lld", d > 0 ? ", " : "", v->dim[d], (long long)(index / stride)));
        index %= stride;
    }
    PDM_TRY(pdm_text_append(out, ")"));
done:
    return status;
}

static pdm_status bad_value_error(pdm_fields *f, const pdm_variable *v, pdm_size index, double stored,
                                  const io_packing *p)
{
    pdm_status status = PDM_OK;
    pdm_text   at     = {.ctx = f->ctx};

    PDM_TRY(index_text(v, index, &at));
    if (!isfinite(stored))
        PDM_FAIL(f->ctx, PDM_ERR_DATA, "%s: %s: %g at %s; finite numbers expected", f->path, v->name, stored, at.data);
    if (stored < p->low || stored > p->high)
        PDM_FAIL(f->ctx, PDM_ERR_DATA, "%s: %s: %.9g at %s is outside the valid range of the file, %.9g to %.9g",
                 f->path, v->name, stored, at.data, p->low, p->high);
    PDM_FAIL(f->ctx, PDM_ERR_DATA, "%s: %s: missing value (%.9g) at %s; data everywhere are expected", f->path, v->name,
             stored, at.data);
done:
    pdm_text_destroy(&at);
    return status;
}

/* All of a variable: unpacked, checked, converted. Allocated. */
static pdm_status read_values(pdm_fields *f, const pdm_variable *v, const char *units, double **out)
{
    pdm_status status = PDM_OK;
    double    *value  = NULL;
    double     factor = 1.0, offset = 0.0, stored = 0.0;
    pdm_size   bad = -1;
    io_packing packing;

    PDM_TRY(io_packing_read(f->ctx, f->path, f->ncid, v->number, v->name, &packing));
    PDM_TRY(pdm_fields_conversion(f, v, units, &factor, &offset));
    PDM_TRY(pdm_alloc_array(f->ctx, v->n_value, &value));
    IO_NC(f->ctx, f->path, nc_get_var_double(f->ncid, v->number, value));
    bad = io_packing_apply(&packing, value, v->n_value, &stored);
    while (bad >= 0 && f->may_lack) {
        value[bad]        = NAN;
        const pdm_size at = bad + 1;
        bad               = io_packing_apply(&packing, value + at, v->n_value - at, &stored);
        bad               = bad < 0 ? bad : bad + at;
    }
    if (bad >= 0) PDM_TRY(bad_value_error(f, v, bad, stored, &packing));
    if (factor != 1.0 || offset != 0.0)
        for (pdm_size i = 0; i < v->n_value; i++) value[i] = factor * value[i] + offset;
    *out  = value;
    value = NULL;
done:
    pdm_free(f->ctx, value);
    return status;
}

/* ---- coordinates ------------------------------------------------------------------------------------------------- */

static pdm_status check_increasing(pdm_fields *f, const char *name, const double *x, pdm_size n)
{
    pdm_status status = PDM_OK;
    pdm_size   down   = 0;

    for (pdm_size i = 1; i < n; i++) down += x[i] < x[i - 1];
    if (n > 1 && down == n - 1)
        PDM_FAIL(f->ctx, PDM_ERR_DATA,
                 "%s: %s: decreases from %.9g to %.9g; increasing coordinates expected: turn the dimension around "
                 "in the file",
                 f->path, name, x[0], x[n - 1]);
    for (pdm_size i = 1; i < n; i++)
        if (!(x[i] > x[i - 1]))
            PDM_FAIL(f->ctx, PDM_ERR_DATA,
                     "%s: %s: %.17g at index %lld follows %.17g; strictly increasing coordinates expected", f->path,
                     name, x[i], (long long)i, x[i - 1]);
done:
    return status;
}

/* A coordinate lives on the dimension of its name, where there is one: who asks for it goes by that length. */
static pdm_status check_dimension(pdm_fields *f, const pdm_variable *v)
{
    pdm_status     status = PDM_OK;
    const pdm_size length = pdm_fields_dimension(f, v->name);

    if (v->n_dim > 1)
        PDM_FAIL(f->ctx, PDM_ERR_DATA, "%s: %s: %d dimensions; a coordinate has one", f->path, v->name, v->n_dim);
    if (length >= 0 && (v->n_dim == 0 ? length != 1 : strcmp(v->dim[0], v->name) != 0))
        PDM_FAIL(f->ctx, PDM_ERR_DATA, "%s: coordinate %s has %lld %s on %s%s; %lld on dimension %s expected", f->path,
                 v->name, (long long)v->n_value, v->n_value == 1 ? "entry" : "entries",
                 v->n_dim == 0 ? "no dimension" : "dimension ", v->n_dim == 0 ? "" : v->dim[0], (long long)length,
                 v->name);
done:
    return status;
}

pdm_status pdm_fields_coordinate(pdm_fields *f, const char *name, const char *units, double **values, pdm_size *n)
{
    pdm_status   status = PDM_OK;
    double      *value  = NULL;
    pdm_variable v;

    PDM_TRY(find_variable(f, name, &v));
    PDM_TRY(check_dimension(f, &v));
    PDM_TRY(read_values(f, &v, units, &value));
    PDM_TRY(check_increasing(f, name, value, v.n_value));
    *values = value;
    *n      = v.n_value;
    value   = NULL;
done:
    pdm_free(f->ctx, value);
    return status;
}

pdm_status pdm_fields_snap(pdm_fields *f, const char *name, double low, double high, double *x, pdm_size n)
{
    pdm_status   status = PDM_OK;
    const double end[2] = {low, high};
    io_packing   packing;

    PDM_TRY(io_packing_read(f->ctx, f->path, f->ncid, pdm_fields_find(f, name), name, &packing));
    const double rounding = 2.0 * packing.rounding * fmax(fabs(low), fabs(high));
    for (pdm_size i = 0; i < n; i++) {
        const double before = i > 0 ? x[i] - x[i - 1] : INFINITY, behind = i + 1 < n ? x[i + 1] - x[i] : INFINITY;
        const double least = fmin(before, behind), slack = fmax(rounding, isfinite(least) ? 1e-6 * least : 0.0);
        for (int k = 0; k < 2; k++)
            if (fabs(x[i] - end[k]) <= fmin(slack, 0.5 * least)) x[i] = end[k];
    }
done:
    return status;
}

static void turn_round(double *x, pdm_size n)
{
    for (pdm_size i = 0; i < n / 2; i++) {
        const double keep = x[i];
        x[i]              = x[n - 1 - i];
        x[n - 1 - i]      = keep;
    }
}

pdm_status pdm_fields_axis(pdm_fields *f, const char *name, int *variable, bool *falls, double **values, pdm_size *n)
{
    pdm_status     status = PDM_OK;
    const pdm_size length = pdm_fields_dimension(f, name);
    const int      number = pdm_fields_find(f, name);
    double        *value  = NULL;
    pdm_variable   v      = {.n_dim = -1};

    if (length < 0) PDM_FAIL(f->ctx, PDM_ERR_DATA, "%s: no dimension %s", f->path, name);
    if (length == 0) PDM_FAIL(f->ctx, PDM_ERR_DATA, "%s: dimension %s has no entries", f->path, name);
    if (number >= 0) PDM_TRY(pdm_fields_variable(f, number, &v));
    if (v.n_dim == 1) {
        PDM_TRY(check_dimension(f, &v));
        PDM_TRY(read_values(f, &v, NULL, &value));
    } else {
        PDM_TRY(pdm_alloc_array(f->ctx, length, &value));
        for (pdm_size i = 0; i < length; i++) value[i] = (double)i;
    }
    *falls = length > 1 && value[length - 1] < value[0];
    if (*falls) turn_round(value, length);
    PDM_TRY(check_increasing(f, name, value, length));
    *variable = v.n_dim == 1 ? number : -1;
    *values   = value;
    *n        = length;
    value     = NULL;
done:
    pdm_free(f->ctx, value);
    return status;
}

/* ---- a block as it is -------------------------------------------------------------------------------------------- */

pdm_status pdm_fields_part(pdm_fields *f, const pdm_variable *v, const pdm_size *first, const pdm_size *count,
                           double *values)
{
    pdm_status status = PDM_OK;
    size_t     start[PDM_FIELDS_MAX_DIM], extent[PDM_FIELDS_MAX_DIM];
    pdm_size   n      = 1;
    double     stored = 0.0;
    io_packing packing;

    for (int d = 0; d < v->n_dim; d++) {
        if (first[d] < 0 || count[d] < 0 || first[d] > v->shape[d] - count[d])
            PDM_FAIL(f->ctx, PDM_ERR_ARGUMENT, "%s: %s: entries %lld to %lld of dimension %s wanted; it has %lld",
                     f->path, v->name, (long long)first[d], (long long)(first[d] + count[d]) - 1, v->dim[d],
                     (long long)v->shape[d]);
        start[d]  = (size_t)first[d];
        extent[d] = (size_t)count[d];
        n *= count[d];
    }
    PDM_TRY(io_packing_read(f->ctx, f->path, f->ncid, v->number, v->name, &packing));
    IO_NC(f->ctx, f->path, nc_get_vara_double(f->ncid, v->number, start, extent, values));
    for (pdm_size i = 0, bad = 0; i < n && bad >= 0; i += bad + 1) {
        bad = io_packing_apply(&packing, values + i, n - i, &stored);
        if (bad >= 0) values[i + bad] = (double)NAN;
    }
done:
    return status;
}

/* ---- fields in the wanted order ---------------------------------------------------------------------------------- */

static const char *wanted_name(const char *dim)
{
    return dim[0] == '?' ? dim + 1 : dim;
}

static pdm_status dimensions_error(pdm_fields *f, const pdm_variable *v, pdm_size n_dim, const char *const *dims)
{
    pdm_status status = PDM_OK;
    pdm_text   has = {.ctx = f->ctx}, wanted = {.ctx = f->ctx};

    PDM_TRY(pdm_text_append(&has, "("));
    for (int d = 0; d < v->n_dim; d++)
        PDM_TRY(pdm_text_append(&has, "%s%s=%lld", d > 0 ? ", " : "", v->dim[d], (long long)v->shape[d]));
    PDM_TRY(pdm_text_append(&wanted, "("));
    for (pdm_size d = 0; d < n_dim; d++)
        PDM_TRY(pdm_text_append(&wanted, "%s%s%s", d > 0 ? ", " : "", wanted_name(dims[d]),
                                dims[d][0] == '?' ? " if any" : ""));
    PDM_FAIL(f->ctx, PDM_ERR_DATA, "%s: %s: has dimensions %s); %s) in any order expected", f->path, v->name, has.data,
             wanted.data);
done:
    pdm_text_destroy(&has);
    pdm_text_destroy(&wanted);
    return status;
}

/* stride [n_dim]: of each wanted dimension in the file's array, 0 for an absent optional one. False: they differ. */
static bool match_dimensions(const pdm_variable *v, pdm_size n_dim, const char *const *dims, pdm_size *shape,
                             pdm_size *stride)
{
    bool     used[PDM_FIELDS_MAX_DIM] = {false};
    pdm_size step[PDM_FIELDS_MAX_DIM];

    for (int d = v->n_dim - 1; d >= 0; d--) step[d] = d == v->n_dim - 1 ? 1 : step[d + 1] * v->shape[d + 1];
    for (pdm_size w = 0; w < n_dim; w++) {
        int d = 0;
        while (d < v->n_dim && (used[d] || strcmp(v->dim[d], wanted_name(dims[w])) != 0)) d++;
        if (d == v->n_dim && dims[w][0] != '?') return false;
        shape[w]  = d < v->n_dim ? v->shape[d] : 1;
        stride[w] = d < v->n_dim ? step[d] : 0;
        if (d < v->n_dim) used[d] = true;
    }
    for (int d = 0; d < v->n_dim; d++)
        if (!used[d] && v->shape[d] != 1) return false;
    return true;
}

/* to [shape] = from at strides; an odometer over the wanted indices. */
static void permute(pdm_size n_dim, const pdm_size *shape, const pdm_size *stride, pdm_size n, const double *from,
                    double *to)
{
    pdm_size index[PDM_FIELDS_MAX_DIM] = {0};
    pdm_size at                        = 0;

    for (pdm_size i = 0; i < n; i++) {
        to[i] = from[at];
        for (pdm_size d = n_dim - 1; d >= 0; d--) {
            at += stride[d];
            if (++index[d] < shape[d]) break;
            at -= stride[d] * shape[d];
            index[d] = 0;
        }
    }
}

/* Whether the wanted order is the file's. */
static bool is_in_order(pdm_size n_dim, const pdm_size *shape, const pdm_size *stride)
{
    pdm_size step = 1;
    for (pdm_size d = n_dim - 1; d >= 0; d--) {
        if (shape[d] > 1 && stride[d] != step) return false;
        step *= shape[d];
    }
    return true;
}

pdm_status pdm_fields_read(pdm_fields *f, const char *name, pdm_size n_dim, const char *const *dims, const char *units,
                           pdm_size *shape, double **values)
{
    pdm_status   status = PDM_OK;
    double      *value = NULL, *ordered = NULL;
    pdm_size     extent[PDM_FIELDS_MAX_DIM], stride[PDM_FIELDS_MAX_DIM];
    pdm_variable v;

    if (n_dim < 0 || n_dim > PDM_FIELDS_MAX_DIM)
        PDM_FAIL(f->ctx, PDM_ERR_ARGUMENT, "%lld dimensions wanted; 0 to %d expected", (long long)n_dim,
                 PDM_FIELDS_MAX_DIM);
    PDM_TRY(find_variable(f, name, &v));
    if (!match_dimensions(&v, n_dim, dims, extent, stride)) PDM_TRY(dimensions_error(f, &v, n_dim, dims));
    PDM_TRY(read_values(f, &v, units, &value));
    if (!is_in_order(n_dim, extent, stride)) {
        PDM_TRY(pdm_alloc_array(f->ctx, v.n_value, &ordered));
        permute(n_dim, extent, stride, v.n_value, value, ordered);
        pdm_free(f->ctx, value);
        value   = ordered;
        ordered = NULL;
    }
    for (pdm_size d = 0; d < n_dim; d++) shape[d] = extent[d];
    *values = value;
    value   = NULL;
done:
    pdm_free(f->ctx, value);
    pdm_free(f->ctx, ordered);
    return status;
}
