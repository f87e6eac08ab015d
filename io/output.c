#include "io/io.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <netcdf.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "io/io_impl.h"

#define FLAGS_MOST  32
#define CHUNK_BYTES (4 << 20) /* a chunk is compressed and read as a whole */

/* What was put, so that it can be looked for in the finished file: values first .. first+n of a variable, or an
 * attribute. */
typedef struct put_record {
    char    *variable;  /* NULL: global. Not its number, which may be another in the finished file */
    char    *attribute; /* NULL: values                                                            */
    nc_type  type;      /* NC_DOUBLE, NC_INT or NC_INT64, NC_CHAR                                  */
    pdm_size first, n;
    pdm_size order; /* in which they were put               */
    uint64_t hash;  /* of the numbers or the text           */
} put_record;

struct pdm_output {
    pdm_context *ctx;
    io_part      part;
    int          ncid;
    pdm_size     n_record, capacity;
    put_record  *record; /* [n_record] */
};

/* ---- records of what was put ------------------------------------------------------------------------------------- */

static pdm_status reserve_record(pdm_output *o)
{
    pdm_status  status   = PDM_OK;
    put_record *record   = NULL;
    pdm_size    capacity = o->capacity > 0 ? 2 * o->capacity : 32;

    if (o->n_record < o->capacity) goto done;
    PDM_TRY(pdm_alloc_array(o->ctx, capacity, &record));
    if (o->n_record > 0) memcpy(record, o->record, (size_t)o->n_record * sizeof *record);
    pdm_free(o->ctx, o->record);
    o->record   = record;
    o->capacity = capacity;
done:
    return status;
}

static void record_destroy(pdm_context *ctx, put_record *r)
{
    pdm_free(ctx, r->variable);
    pdm_free(ctx, r->attribute);
    *r = (put_record){0};
}

/* The words of r are copied; bytes [size]: what was put. */
static pdm_status keep_record(pdm_output *o, put_record r, const void *bytes, size_t size)
{
    pdm_status status = PDM_OK;
    put_record kept   = r;

    kept.variable = kept.attribute = NULL;
    kept.order                     = o->n_record;
    kept.hash                      = XXH3_64bits(bytes, size);
    PDM_TRY(reserve_record(o));
    if (r.variable) PDM_TRY(pdm_alloc_text(o->ctx, r.variable, &kept.variable));
    if (r.attribute) PDM_TRY(pdm_alloc_text(o->ctx, r.attribute, &kept.attribute));
    o->record[o->n_record++] = kept;
    kept                     = (put_record){0};
done:
    record_destroy(o->ctx, &kept);
    return status;
}

static pdm_status keep_attribute(pdm_output *o, const char *variable, const char *name, nc_type type, const void *value,
                                 size_t size)
{
    const put_record r = {.variable = (char *)variable, .attribute = (char *)name, .type = type};
    return keep_record(o, r, value, size);
}

static pdm_status keep_values(pdm_output *o, const char *name, nc_type type, pdm_size first, pdm_size n,
                              const size_t *count, int n_dim, const void *values)
{
    size_t size = type == NC_INT ? sizeof(int32_t) : sizeof(double);

    for (int d = 0; d < n_dim; d++) size *= count[d];
    return keep_record(o, (put_record){.variable = (char *)name, .type = type, .first = first, .n = n}, values, size);
}

/* ---- life -------------------------------------------------------------------------------------------------------- */

pdm_status pdm_output_create(pdm_context *ctx, const char *path, pdm_output **out)
{
    pdm_status  status = PDM_OK;
    pdm_output *o      = NULL;

    PDM_TRY(pdm_alloc(ctx, sizeof *o, &o));
    o->ctx  = ctx;
    o->ncid = -1;
    PDM_TRY(io_part_create(ctx, path, &o->part));
    PDM_TRY(io_netcdf_create(ctx, path, &o->ncid));
    PDM_TRY(pdm_output_attribute(o, NULL, "Conventions", "CF-1.8"));
    *out = o;
    o    = NULL;
done:
    pdm_output_destroy(&o);
    return status;
}

void pdm_output_destroy(pdm_output **o)
{
    if (!o || !*o) return;
    io_netcdf_discard(&(*o)->ncid);
    io_part_destroy(&(*o)->part);
    for (pdm_size i = 0; i < (*o)->n_record; i++) record_destroy((*o)->ctx, &(*o)->record[i]);
    pdm_free((*o)->ctx, (*o)->record);
    pdm_free((*o)->ctx, *o);
    *o = NULL;
}

/* ---- names of the program's own ---------------------------------------------------------------------------------- */

static const char *const own_name[]   = {"sample",
                                         "solver_reason",
                                         "solver_iterations",
                                         "solver_cg_iterations",
                                         "solver_objective",
                                         "verdict",
                                         "left_over",
                                         "observed_order",
                                         "imbalance",
                                         "error_estimate",
                                         "distance_to_polished",
                                         "expert",
                                         "expert_dimension",
                                         "expert_end",
                                         "expert_columns",
                                         "expert_bounds",
                                         "group",
                                         "gate_columns",
                                         "gate_groups",
                                         "fit",
                                         "quantile"};
static const char *const own_prefix[] = {"error_estimate_", "distance_to_polished_", "imbalance_", /* and a field */
                                         "fit_"};

bool pdm_output_has_own(const char *name)
{
    for (size_t i = 0; i < sizeof own_name / sizeof *own_name; i++)
        if (strcmp(name, own_name[i]) == 0) return true;
    for (size_t i = 0; i < sizeof own_prefix / sizeof *own_prefix; i++)
        if (strncmp(name, own_prefix[i], strlen(own_prefix[i])) == 0) return true;
    return false;
}

/* ---- definitions ------------------------------------------------------------------------------------------------- */

static pdm_status find_variable(pdm_output *o, const char *variable, int *id)
{
    pdm_status status = PDM_OK;

    *id = NC_GLOBAL;
    if (variable && IO_CALL(nc_inq_varid(o->ncid, variable, id)) != NC_NOERR)
        PDM_FAIL(o->ctx, PDM_ERR_ARGUMENT, "%s: no variable \"%s\" has been defined", o->part.path, variable);
done:
    return status;
}

pdm_status pdm_output_attribute(pdm_output *o, const char *variable, const char *name, const char *text)
{
    pdm_status status = PDM_OK;
    int        id     = NC_GLOBAL;

    PDM_TRY(find_variable(o, variable, &id));
    IO_NC(o->ctx, o->part.path, nc_put_att_text(o->ncid, id, name, strlen(text), text));
    PDM_TRY(keep_attribute(o, variable, name, NC_CHAR, text, strlen(text)));
done:
    return status;
}

pdm_status pdm_output_attribute_real(pdm_output *o, const char *variable, const char *name, double value)
{
    pdm_status status = PDM_OK;
    int        id     = NC_GLOBAL;

    PDM_TRY(find_variable(o, variable, &id));
    IO_NC(o->ctx, o->part.path, nc_put_att_double(o->ncid, id, name, NC_DOUBLE, 1, &value));
    PDM_TRY(keep_attribute(o, variable, name, NC_DOUBLE, &value, sizeof value));
done:
    return status;
}

pdm_status pdm_output_attribute_count(pdm_output *o, const char *variable, const char *name, pdm_size value)
{
    pdm_status      status = PDM_OK;
    int             id     = NC_GLOBAL;
    const long long number = (long long)value;

    PDM_TRY(find_variable(o, variable, &id));
    IO_NC(o->ctx, o->part.path,
          nc_put_att_longlong(o->ncid, id, name, value == (int32_t)value ? NC_INT : NC_INT64, 1, &number));
    PDM_TRY(keep_attribute(o, variable, name, NC_INT64, &number, sizeof number));
done:
    return status;
}

pdm_status pdm_output_flags(pdm_output *o, const char *variable, pdm_size n, const char *const *meaning)
{
    pdm_status status = PDM_OK;
    pdm_text   words  = {.ctx = o->ctx};
    int        id     = NC_GLOBAL, value[FLAGS_MOST];

    if (n < 1 || n > FLAGS_MOST)
        PDM_FAIL(o->ctx, PDM_ERR_ARGUMENT, "%s: %s: %lld flags; 1 to %d expected", o->part.path, variable, (long long)n,
                 FLAGS_MOST);
    PDM_TRY(find_variable(o, variable, &id));
    for (pdm_size i = 0; i < n; i++) {
        value[i] = (int)i;
        PDM_TRY(pdm_text_append(&words, "%s%s", i ? "\n" : "", meaning[i]));
    }
    for (char *c = words.data; *c; c++) *c = *c == ' ' ? '_' : *c == '\n' ? ' ' : *c;
    IO_NC(o->ctx, o->part.path, nc_put_att_int(o->ncid, id, "flag_values", NC_INT, (size_t)n, value));
    PDM_TRY(pdm_output_attribute(o, variable, "flag_meanings", words.data));
done:
    pdm_text_destroy(&words);
    return status;
}

/* Attributes that every variable may have; NULL leaves one out. */
static pdm_status put_common(pdm_output *o, const char *name, const char *units, const char *axis,
                             const char *long_name)
{
    pdm_status        status    = PDM_OK;
    const char *const pair[][2] = {{"units", units}, {"axis", axis}, {"long_name", long_name}};

    for (size_t i = 0; i < sizeof pair / sizeof *pair; i++)
        if (pair[i][1]) PDM_TRY(pdm_output_attribute(o, name, pair[i][0], pair[i][1]));
done:
    return status;
}

pdm_status pdm_output_dimension(pdm_output *o, const char *name, pdm_size n, const double *values, const char *units,
                                const char *axis, const char *long_name)
{
    pdm_status   status = PDM_OK;
    int          dim = -1, id = -1;
    const size_t length = (size_t)n;

    if (n < 1)
        PDM_FAIL(o->ctx, PDM_ERR_ARGUMENT, "%s: dimension \"%s\" has length %lld; 1 or more expected", o->part.path,
                 name, (long long)n);
    IO_NC(o->ctx, o->part.path, nc_def_dim(o->ncid, name, (size_t)n, &dim));
    if (!values) goto done;
    IO_NC(o->ctx, o->part.path, nc_def_var(o->ncid, name, NC_DOUBLE, 1, &dim, &id));
    PDM_TRY(put_common(o, name, units, axis, long_name));
    IO_NC(o->ctx, o->part.path, nc_put_var_double(o->ncid, id, values));
    PDM_TRY(keep_values(o, name, NC_DOUBLE, 0, n, &length, 1, values));
done:
    return status;
}

/* One entry of the first dimension a chunk, as it is written, and no chunk above CHUNK_BYTES. */
static void choose_chunks(pdm_size n_dim, const size_t *shape, size_t item, size_t *chunk)
{
    size_t bytes = item;

    for (pdm_size d = n_dim - 1; d >= 0; d--) {
        size_t most = CHUNK_BYTES / bytes;
        if (most < 1 || (d == 0 && n_dim > 1)) most = 1;
        chunk[d] = shape[d] < most ? shape[d] : most;
        bytes *= chunk[d];
    }
}

static pdm_status define_variable(pdm_output *o, const char *name, nc_type type, size_t item, pdm_size n_dim,
                                  const char *const *dims, const char *units, const char *long_name)
{
    pdm_status status = PDM_OK;
    int        id = -1, dim[PDM_CASE_MAX_DIM] = {0};
    size_t     shape[PDM_CASE_MAX_DIM], chunk[PDM_CASE_MAX_DIM];

    if (n_dim < 0 || n_dim > PDM_CASE_MAX_DIM)
        PDM_FAIL(o->ctx, PDM_ERR_ARGUMENT, "%s: %s: %lld dimensions; 0 to %d expected", o->part.path, name,
                 (long long)n_dim, PDM_CASE_MAX_DIM);
    for (pdm_size d = 0; d < n_dim; d++) {
        if (IO_CALL(nc_inq_dimid(o->ncid, dims[d], &dim[d])) != NC_NOERR)
            PDM_FAIL(o->ctx, PDM_ERR_ARGUMENT, "%s: %s: no dimension \"%s\" has been defined", o->part.path, name,
                     dims[d]);
        IO_NC(o->ctx, o->part.path, nc_inq_dimlen(o->ncid, dim[d], &shape[d]));
    }
    IO_NC(o->ctx, o->part.path, nc_def_var(o->ncid, name, type, (int)n_dim, dim, &id));
    if (n_dim > 0) {
        choose_chunks(n_dim, shape, item, chunk);
        IO_NC(o->ctx, o->part.path, nc_def_var_chunking(o->ncid, id, NC_CHUNKED, chunk));
        IO_NC(o->ctx, o->part.path, nc_def_var_deflate(o->ncid, id, 1, 1, 1));
    }
    PDM_TRY(put_common(o, name, units, NULL, long_name));
done:
    return status;
}

pdm_status pdm_output_variable(pdm_output *o, const char *name, pdm_size n_dim, const char *const *dims,
                               const char *units, const char *long_name)
{
    return define_variable(o, name, NC_DOUBLE, sizeof(double), n_dim, dims, units, long_name);
}

pdm_status pdm_output_variable_int(pdm_output *o, const char *name, pdm_size n_dim, const char *const *dims,
                                   const char *long_name)
{
    return define_variable(o, name, NC_INT, sizeof(int32_t), n_dim, dims, "1", long_name);
}

/* ---- values ------------------------------------------------------------------------------------------------------ */

/* Entries first .. first+n of the first dimension and all of the others. */
static pdm_status find_slab(pdm_output *o, const char *name, pdm_size first, pdm_size n, int *id, int *n_dim_out,
                            size_t *start, size_t *count)
{
    pdm_status status = PDM_OK;
    int        n_dim  = 0, dim[NC_MAX_VAR_DIMS];
    pdm_size   length = 1;

    PDM_TRY(find_variable(o, name, id));
    IO_NC(o->ctx, o->part.path, nc_inq_var(o->ncid, *id, NULL, NULL, &n_dim, dim, NULL));
    for (int d = 0; d < n_dim; d++) {
        start[d] = 0;
        IO_NC(o->ctx, o->part.path, nc_inq_dimlen(o->ncid, dim[d], &count[d]));
    }
    if (n_dim > 0) length = (pdm_size)count[0];
    if (first < 0 || n < 0 || first > length || n > length - first)
        PDM_FAIL(o->ctx, PDM_ERR_ARGUMENT, "%s: %s: entries %lld to %lld do not fit into %lld", o->part.path, name,
                 (long long)first, (long long)(first + n - 1), (long long)length);
    if (n_dim > 0) {
        start[0] = (size_t)first;
        count[0] = (size_t)n;
    }
    *n_dim_out = n_dim;
done:
    return status;
}

pdm_status pdm_output_put(pdm_output *o, const char *name, pdm_size first, pdm_size n, const double *values)
{
    pdm_status status = PDM_OK;
    int        id = -1, n_dim = 0;
    size_t     start[NC_MAX_VAR_DIMS], count[NC_MAX_VAR_DIMS];

    PDM_TRY(find_slab(o, name, first, n, &id, &n_dim, start, count));
    IO_NC(o->ctx, o->part.path, nc_put_vara_double(o->ncid, id, start, count, values));
    PDM_TRY(keep_values(o, name, NC_DOUBLE, first, n, count, n_dim, values));
done:
    return status;
}

pdm_status pdm_output_may_lack(pdm_output *o, const char *variable)
{
    pdm_status   status = PDM_OK;
    const double fill   = NC_FILL_DOUBLE;
    int          id     = -1;

    PDM_TRY(find_variable(o, variable, &id));
    IO_NC(o->ctx, o->part.path, nc_def_var_fill(o->ncid, id, NC_FILL, &fill));
done:
    return status;
}

pdm_status pdm_output_put_some(pdm_output *o, const char *name, pdm_size first, const double *values)
{
    pdm_status status = PDM_OK;
    int        id = -1, n_dim = 0;
    size_t     start[NC_MAX_VAR_DIMS], count[NC_MAX_VAR_DIMS], size = 1;
    double    *some = NULL;

    PDM_TRY(find_slab(o, name, first, 1, &id, &n_dim, start, count));
    for (int d = 0; d < n_dim; d++) size *= count[d];
    PDM_TRY(pdm_alloc_array(o->ctx, (pdm_size)size, &some));
    for (size_t i = 0; i < size; i++) some[i] = isnan(values[i]) ? NC_FILL_DOUBLE : values[i];
    PDM_TRY(pdm_output_put(o, name, first, 1, some));
done:
    pdm_free(o->ctx, some);
    return status;
}

pdm_status pdm_output_put_nothing(pdm_output *o, const char *name, pdm_size first)
{
    pdm_status status = PDM_OK;
    int        id = -1, n_dim = 0;
    size_t     start[NC_MAX_VAR_DIMS], count[NC_MAX_VAR_DIMS], size = 1;
    double    *fill = NULL;

    PDM_TRY(find_slab(o, name, first, 1, &id, &n_dim, start, count));
    for (int d = 0; d < n_dim; d++) size *= count[d];
    PDM_TRY(pdm_alloc_array(o->ctx, (pdm_size)size, &fill));
    for (size_t i = 0; i < size; i++) fill[i] = NC_FILL_DOUBLE;
    PDM_TRY(pdm_output_put(o, name, first, 1, fill));
done:
    pdm_free(o->ctx, fill);
    return status;
}

pdm_status pdm_output_put_int(pdm_output *o, const char *name, pdm_size first, pdm_size n, const int32_t *values)
{
    pdm_status status = PDM_OK;
    int        id = -1, n_dim = 0;
    size_t     start[NC_MAX_VAR_DIMS], count[NC_MAX_VAR_DIMS];

    PDM_TRY(find_slab(o, name, first, n, &id, &n_dim, start, count));
    IO_NC(o->ctx, o->part.path, nc_put_vara_int(o->ncid, id, start, count, values));
    PDM_TRY(keep_values(o, name, NC_INT, first, n, count, n_dim, values));
done:
    return status;
}

/* ---- the end ----------------------------------------------------------------------------------------------------- */

static pdm_status check_hash(pdm_output *o, const put_record *r, const void *bytes, size_t size)
{
    pdm_status status = PDM_OK;

    if (XXH3_64bits(bytes, size) != r->hash)
        PDM_FAIL(o->ctx, PDM_ERR_IO, "%s%s%s is not what was put", r->variable ? r->variable : "",
                 r->attribute ? ":" : "", r->attribute ? r->attribute : "");
done:
    return status;
}

/* Reads what the record says from the open file, and compares. */
static pdm_status check_attribute(pdm_output *o, int ncid, int id, const put_record *r)
{
    pdm_status status = PDM_OK;
    char      *text   = NULL;
    double     real   = 0.0;
    long long  count  = 0;

    if (r->type == NC_CHAR) {
        PDM_TRY(io_netcdf_text(o->ctx, o->part.path, ncid, id, r->attribute, &text));
        PDM_TRY(check_hash(o, r, text ? text : "\n", text ? strlen(text) : 1));
    } else if (r->type == NC_DOUBLE) {
        IO_NC(o->ctx, o->part.path, nc_get_att_double(ncid, id, r->attribute, &real));
        PDM_TRY(check_hash(o, r, &real, sizeof real));
    } else {
        IO_NC(o->ctx, o->part.path, nc_get_att_longlong(ncid, id, r->attribute, &count));
        PDM_TRY(check_hash(o, r, &count, sizeof count));
    }
done:
    pdm_free(o->ctx, text);
    return status;
}

static pdm_status check_values(pdm_output *o, int ncid, int id, const put_record *r)
{
    pdm_status status                 = PDM_OK;
    int        n_dim                  = 0, dim[NC_MAX_VAR_DIMS];
    size_t     start[NC_MAX_VAR_DIMS] = {(size_t)r->first}, count[NC_MAX_VAR_DIMS];
    size_t     size                   = r->type == NC_INT ? sizeof(int32_t) : sizeof(double);
    void      *values                 = NULL;

    IO_NC(o->ctx, o->part.path, nc_inq_var(ncid, id, NULL, NULL, &n_dim, dim, NULL));
    for (int d = 0; d < n_dim; d++) {
        IO_NC(o->ctx, o->part.path, nc_inq_dimlen(ncid, dim[d], &count[d]));
        if (d == 0) count[d] = (size_t)r->n;
        size *= count[d];
    }
    PDM_TRY(pdm_alloc(o->ctx, size, &values));
    if (r->type == NC_INT)
        IO_NC(o->ctx, o->part.path, nc_get_vara_int(ncid, id, start, count, values));
    else
        IO_NC(o->ctx, o->part.path, nc_get_vara_double(ncid, id, start, count, values));
    PDM_TRY(check_hash(o, r, values, size));
done:
    pdm_free(o->ctx, values);
    return status;
}

static int compare_texts(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) : (a != NULL) - (b != NULL);
}

/* By what it was put to. */
static int compare_places(const put_record *a, const put_record *b)
{
    const int by_variable  = compare_texts(a->variable, b->variable);
    const int by_attribute = by_variable ? by_variable : compare_texts(a->attribute, b->attribute);
    if (by_attribute) return by_attribute;
    return a->first != b->first ? (a->first > b->first) - (a->first < b->first) : (a->n > b->n) - (a->n < b->n);
}

static int compare_records(const void *a, const void *b)
{
    const put_record *x = a, *y = b;
    const int         by_place = compare_places(x, y);
    return by_place ? by_place : (x->order > y->order) - (x->order < y->order);
}

/* All that was put is read back from the finished file: NetCDF and HDF5 do not report every allocation that failed. What
 * was put to one place again counts alone. */
static pdm_status check_written(pdm_output *o)
{
    pdm_status status = PDM_OK;
    int        ncid   = -1;

    qsort(o->record, (size_t)o->n_record, sizeof *o->record, compare_records);
    PDM_TRY(io_netcdf_open(o->ctx, o->part.part, &ncid));
    for (pdm_size i = 0; i < o->n_record; i++) {
        const put_record *r  = &o->record[i];
        int               id = NC_GLOBAL;
        if (i + 1 < o->n_record && compare_places(r, r + 1) == 0) continue;
        if (r->variable) IO_NC(o->ctx, o->part.path, nc_inq_varid(ncid, r->variable, &id));
        PDM_TRY(r->attribute ? check_attribute(o, ncid, id, r) : check_values(o, ncid, id, r));
    }
done:
    if (ncid >= 0) (void)IO_CALL(nc_close(ncid));
    return status;
}

pdm_status pdm_output_commit(pdm_output *o)
{
    pdm_status status = PDM_OK;

    if (o->ncid < 0) PDM_FAIL(o->ctx, PDM_ERR_ARGUMENT, "%s: committed already", o->part.path);
    PDM_TRY(io_part_write_netcdf(&o->part, &o->ncid, NULL));
    PDM_TRY(io_part_check(&o->part, check_written(o)));
    PDM_TRY(io_part_commit(&o->part));
done:
    return status;
}
