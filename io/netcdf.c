#define _GNU_SOURCE /* stat, access, flock */
#include "io/io.h"

#include <errno.h>
#include <fcntl.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <netcdf.h>
#include <netcdf_mem.h>

#include "io/io_impl.h"

pdm_status io_netcdf_check(pdm_context *ctx, const char *path, int code, const char *function)
{
    if (code == NC_NOERR) return PDM_OK;
    return pdm_error_set(ctx, code == NC_ENOMEM ? PDM_ERR_MEMORY : PDM_ERR_IO, NULL, function, "%s: %s", path,
                         nc_strerror(code));
}

pdm_status io_file_check(pdm_context *ctx, const char *path)
{
    pdm_status  status = PDM_OK;
    struct stat info;

    if (!path || !path[0]) PDM_FAIL(ctx, PDM_ERR_IO, "the name of a file is expected, and is empty");
    if (stat(path, &info) != 0) PDM_FAIL(ctx, PDM_ERR_IO, "%s: cannot be read: %s", path, strerror(errno));
    if (S_ISDIR(info.st_mode)) PDM_FAIL(ctx, PDM_ERR_IO, "%s: cannot be read: it is a folder", path);
    if (!S_ISREG(info.st_mode)) PDM_FAIL(ctx, PDM_ERR_IO, "%s: cannot be read: not a regular file", path);
    if (access(path, R_OK) != 0) PDM_FAIL(ctx, PDM_ERR_IO, "%s: cannot be read: %s", path, strerror(errno));
    if (info.st_size == 0) PDM_FAIL(ctx, PDM_ERR_IO, "%s: the file is empty", path);
done:
    return status;
}

static bool is_cdl(const char *path)
{
    const size_t n = strlen(path);
    return n > 4 && strcmp(path + n - 4, ".cdl") == 0;
}

/* HDF5 takes a shared lock on what it reads, and says no more than that it could not open the file when it does not
 * get one. PDM_OK: that is not why. */
static pdm_status locked_error(pdm_context *ctx, const char *path)
{
    static const char signature[8]            = {'\211', 'H', 'D', 'F', '\r', '\n', '\032', '\n'};
    pdm_status        status                  = PDM_OK;
    char              first[sizeof signature] = {0};
    const int         file                    = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

    if (file < 0 || pread(file, first, sizeof first, 0) != (ssize_t)sizeof first ||
        memcmp(first, signature, sizeof first) != 0 || flock(file, LOCK_SH | LOCK_NB) == 0)
        goto done;
    if (errno == EWOULDBLOCK)
        PDM_FAIL(ctx, PDM_ERR_IO,
                 "%s: in use: another process has it open for writing; wait for that, or set "
                 "HDF5_USE_FILE_LOCKING=FALSE in the environment to read it as it is",
                 path);
    PDM_FAIL(ctx, PDM_ERR_IO,
             "%s: cannot be locked (%s), which HDF5 does while it reads; set HDF5_USE_FILE_LOCKING=FALSE in the "
             "environment to read it without",
             path, strerror(errno));
done:
    if (file >= 0) (void)close(file);
    return status;
}

pdm_status io_netcdf_open(pdm_context *ctx, const char *path, int *ncid)
{
    pdm_status status = PDM_OK;
    int        code   = NC_NOERR;

    PDM_TRY(io_file_check(ctx, path));
    code = IO_CALL(nc_open(path, NC_NOWRITE, ncid));
    if (code != NC_NOERR) PDM_TRY(locked_error(ctx, path));
    if (code == NC_ENOTNC && is_cdl(path))
        PDM_FAIL(ctx, PDM_ERR_IO, "%s: a NetCDF file expected; of CDL text, \"ncgen -4 -o FILE.nc %s\" makes one", path,
                 path);
    if (code == NC_ENOTNC || code == NC_EHDFERR)
        PDM_FAIL(ctx, PDM_ERR_IO, "%s: not a NetCDF file, or truncated or damaged (%s)", path, nc_strerror(code));
    PDM_TRY(io_netcdf_check(ctx, path, code, __func__));
done:
    return status;
}

pdm_status io_netcdf_create(pdm_context *ctx, const char *path, int *ncid)
{
    const size_t first_bytes = 1 << 16;
    return io_netcdf_check(ctx, path, IO_CALL(nc_create_mem("pdemoe", NC_NETCDF4, first_bytes, ncid)), __func__);
}

void io_netcdf_discard(int *ncid)
{
    NC_memio image = {0};

    if (*ncid >= 0) (void)IO_CALL(nc_close_memio(*ncid, &image)); /* nc_abort does not know files in memory */
    free(image.memory);
    *ncid = -1;
}

pdm_status io_netcdf_text(pdm_context *ctx, const char *path, int ncid, int variable, const char *name, char **out)
{
    pdm_status status  = PDM_OK;
    nc_type    type    = NC_NAT;
    size_t     n       = 0;
    char      *text    = NULL;
    char      *strings = NULL;
    int        code    = IO_CALL(nc_inq_att(ncid, variable, name, &type, &n));

    *out = NULL;
    if (code == NC_ENOTATT || (code == NC_NOERR && type != NC_CHAR && !(type == NC_STRING && n == 1))) goto done;
    PDM_TRY(io_netcdf_check(ctx, path, code, __func__));
    if (type == NC_STRING) {
        IO_NC(ctx, path, nc_get_att_string(ncid, variable, name, &strings));
        PDM_TRY(pdm_alloc_text(ctx, strings ? strings : "", &text));
    } else {
        PDM_TRY(pdm_alloc(ctx, n + 1, &text));
        if (n > 0) IO_NC(ctx, path, nc_get_att_text(ncid, variable, name, text));
    }
    *out = text;
    text = NULL;
done:
    if (strings) (void)IO_CALL(nc_free_string(1, &strings));
    pdm_free(ctx, text);
    return status;
}

/* ---- packed numbers, missing numbers ----------------------------------------------------------------------------- */

static bool is_number_type(nc_type type)
{
    return type >= NC_BYTE && type <= NC_UINT64 && type != NC_CHAR;
}

/* A numeric attribute of between 1 and n_max entries; *n = 0 when absent. */
static pdm_status read_reals(pdm_context *ctx, const char *path, int ncid, int variable, const char *name,
                             const char *attribute, size_t n_max, double *out, size_t *n, nc_type *type)
{
    pdm_status status = PDM_OK;
    int        code   = IO_CALL(nc_inq_att(ncid, variable, attribute, type, n));

    if (code == NC_ENOTATT) {
        *n = 0;
        goto done;
    }
    PDM_TRY(io_netcdf_check(ctx, path, code, __func__));
    if (!is_number_type(*type) || *n < 1 || *n > n_max)
        PDM_FAIL(ctx, PDM_ERR_DATA, "%s: %s:%s: 1 to %zu numbers expected", path, name, attribute, n_max);
    IO_NC(ctx, path, nc_get_att_double(ncid, variable, attribute, out));
done:
    return status;
}

pdm_status io_netcdf_reals(pdm_context *ctx, const char *path, int ncid, int variable, const char *name,
                           const char *attribute, size_t n_max, double *out, size_t *n)
{
    nc_type type = NC_NAT;
    return read_reals(ctx, path, ncid, variable, name, attribute, n_max, out, n, &type);
}

/* What the library writes where nothing was put; NaN: bytes have no such number. */
static double default_fill(nc_type type)
{
    switch (type) {
    case NC_SHORT: return NC_FILL_SHORT;
    case NC_INT: return NC_FILL_INT;
    case NC_FLOAT: return (double)NC_FILL_FLOAT;
    case NC_DOUBLE: return NC_FILL_DOUBLE;
    case NC_USHORT: return NC_FILL_USHORT;
    case NC_UINT: return NC_FILL_UINT;
    case NC_INT64: return (double)NC_FILL_INT64;
    case NC_UINT64: return (double)NC_FILL_UINT64;
    default: return (double)NAN;
    }
}

/* An attribute's number as the variable's type has it, within the rounding of single precision. */
static double round_to(nc_type type, double x)
{
    const double whole = rint(x);

    if (type == NC_FLOAT) return fabs(x) <= FLT_MAX ? (double)(float)x : x;
    return type != NC_DOUBLE && fabs(x - whole) <= 0x1p-22 * fabs(x) ? whole : x;
}

/* valid_range, valid_min, valid_max are of stored numbers, unless they have the unpacked type (that of scale_factor)
 * and the variable has another: NetCDF User Guide, "Attribute Conventions". */
static pdm_status read_range(pdm_context *ctx, const char *path, int ncid, int variable, const char *name, nc_type type,
                             nc_type unpacked, io_packing *p)
{
    pdm_status status = PDM_OK;
    double     range[2];
    nc_type    range_type  = NC_NAT;
    size_t     n           = 0;
    bool       is_unpacked = false;

    PDM_TRY(read_reals(ctx, path, ncid, variable, name, "valid_range", 2, range, &n, &range_type));
    if (n == 1) PDM_FAIL(ctx, PDM_ERR_DATA, "%s: %s:valid_range: 1 number; exactly 2 expected", path, name);
    if (n == 0) {
        range[0] = -INFINITY;
        range[1] = INFINITY;
        PDM_TRY(read_reals(ctx, path, ncid, variable, name, "valid_min", 1, &range[0], &n, &range_type));
        PDM_TRY(read_reals(ctx, path, ncid, variable, name, "valid_max", 1, &range[1], &n, &range_type));
    }
    is_unpacked = p->is_packed && range_type == unpacked && type != unpacked;
    p->low      = is_unpacked ? (range[0] - p->shift) / p->scale : range[0];
    p->high     = is_unpacked ? (range[1] - p->shift) / p->scale : range[1];
    if (is_unpacked && p->scale < 0.0) {
        const double low = p->low;
        p->low           = p->high;
        p->high          = low;
    }
    p->low  = round_to(type, p->low);
    p->high = round_to(type, p->high);
done:
    return status;
}

/* 2^bits of a signed integer type. */
static double type_span(nc_type type)
{
    return type == NC_BYTE    ? 0x1p8
           : type == NC_SHORT ? 0x1p16
           : type == NC_INT   ? 0x1p32
           : type == NC_INT64 ? 0x1p64
                              : 0.0;
}

pdm_status io_packing_read(pdm_context *ctx, const char *path, int ncid, int variable, const char *name, io_packing *p)
{
    pdm_status status = PDM_OK;
    nc_type    type = NC_NAT, unpacked = NC_NAT, shift_type = NC_NAT, ignored = NC_NAT;
    size_t     n_scale = 0, n_shift = 0, n = 0;
    char      *is_unsigned = NULL;

    *p = (io_packing){.scale = 1.0};
    IO_NC(ctx, path, nc_inq_vartype(ncid, variable, &type));
    if (!is_number_type(type))
        PDM_FAIL(ctx, PDM_ERR_DATA, "%s: %s: does not hold numbers; a numeric type is expected", path, name);
    PDM_TRY(read_reals(ctx, path, ncid, variable, name, "scale_factor", 1, &p->scale, &n_scale, &unpacked));
    PDM_TRY(read_reals(ctx, path, ncid, variable, name, "add_offset", 1, &p->shift, &n_shift, &shift_type));
    if (n_scale == 0) unpacked = shift_type;
    p->is_packed = n_scale > 0 || n_shift > 0;
    p->rounding  = type == NC_FLOAT || unpacked == NC_FLOAT ? 0x1p-24 : 0x1p-53;
    if (!isfinite(p->scale) || p->scale == 0.0 || !isfinite(p->shift))
        PDM_FAIL(ctx, PDM_ERR_DATA,
                 "%s: %s: scale_factor %g and add_offset %g; finite ones, the factor not 0, are expected", path, name,
                 p->scale, p->shift);
    PDM_TRY(read_range(ctx, path, ncid, variable, name, type, unpacked, p));
    PDM_TRY(read_reals(ctx, path, ncid, variable, name, "_FillValue", 1, p->missing, &n, &ignored));
    if (n == 0) p->missing[0] = default_fill(type);
    PDM_TRY(read_reals(ctx, path, ncid, variable, name, "missing_value", PACKING_MAX_MISSING - 1, p->missing + 1, &n,
                       &ignored));
    p->n_missing = 1 + (pdm_size)n;
    PDM_TRY(io_netcdf_text(ctx, path, ncid, variable, "_Unsigned", &is_unsigned));
    if (is_unsigned && strcmp(is_unsigned, "true") == 0) p->wrap = type_span(type);
    for (pdm_size i = 0; i < p->n_missing; i++) {
        p->missing[i] = round_to(type, p->missing[i]);
        if (p->missing[i] < 0.0) p->missing[i] += p->wrap;
    }
    if (p->low < 0.0 && isfinite(p->low)) p->low += p->wrap;
    if (p->high < 0.0) p->high += p->wrap;
done:
    pdm_free(ctx, is_unsigned);
    return status;
}

pdm_size io_packing_apply(const io_packing *p, double *values, pdm_size n, double *stored)
{
    for (pdm_size i = 0; i < n; i++) {
        const double x  = values[i] < 0.0 ? values[i] + p->wrap : values[i];
        bool         ok = isfinite(x) && x >= p->low && x <= p->high;
        for (pdm_size k = 0; ok && k < p->n_missing; k++) ok = x != p->missing[k];
        values[i] = p->scale * x + p->shift;
        if (ok && isfinite(values[i])) continue;
        *stored = x;
        return i;
    }
    return -1;
}
