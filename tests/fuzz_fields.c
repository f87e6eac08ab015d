/* Files of fields: everything that the readers of fields can be asked about every variable and dimension. */
#include "io/io.h"

#include <math.h>
#include <stdlib.h>

#include "tests/fuzz_netcdf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const names[]     = {"sample", "t", "x", "y", "u", "a", "lon", NULL};
static const char *const attribute[] = {"units",     "_FillValue",   "missing_value", "valid_range", "valid_min",
                                        "valid_max", "scale_factor", "add_offset",    "_Unsigned",   "long_name",
                                        NULL};
static const char *const text[]      = {"m", "km", "s", "degC", "1", "true", "", "furlongs per", "K", NULL};
static const fuzz_words  words       = {names, names, attribute, text, false};

/* Coordinates rise, whichever way they stand in the file. */
static void use_dimension(pdm_context *ctx, pdm_fields *f, const char *name, const char *units)
{
    double  *x = NULL;
    pdm_size n = 0;
    int      variable;
    bool     falls;

    if (pdm_fields_axis(f, name, &variable, &falls, &x, &n) == PDM_OK) {
        if (n != pdm_fields_dimension(f, name)) abort();
        for (pdm_size i = 1; i < n; i++)
            if (!(x[i] > x[i - 1])) abort();
        pdm_free(ctx, x);
    }
    x = NULL;
    if (!pdm_fields_has(f, name) || pdm_fields_coordinate(f, name, units, &x, &n) != PDM_OK) return;
    if (pdm_fields_snap(f, name, 0.0, 3.0, x, n) != PDM_OK) abort();
    for (pdm_size i = 1; i < n; i++)
        if (!(x[i] > x[i - 1])) abort();
    pdm_free(ctx, x);
}

/* All of it, and a block; what is read where nothing may be missing is the same. */
static void use_variable(pdm_context *ctx, pdm_fields *f, int number, fuzz_bytes *b)
{
    enum { MOST = 1 << 16 };
    const char  *dims[PDM_FIELDS_MAX_DIM];
    pdm_size     first[PDM_FIELDS_MAX_DIM] = {0}, shape[PDM_FIELDS_MAX_DIM], n = 1;
    double      *block = NULL, *value = NULL;
    char        *units = NULL;
    pdm_variable v;

    if (pdm_fields_variable(f, number, &v) != PDM_OK || v.n_value > MOST) return;
    if (pdm_fields_text(f, number, "units", &units) == PDM_OK) pdm_free(ctx, units);
    if (pdm_alloc_array(ctx, v.n_value, &block) != PDM_OK) abort();
    const bool has_block = pdm_fields_part(f, &v, first, v.shape, block) == PDM_OK;
    for (int d = 0; d < v.n_dim; d++) dims[d] = v.dim[d];
    if (pdm_fields_read(f, v.name, v.n_dim, dims, NULL, shape, &value) == PDM_OK) {
        for (int d = 0; d < v.n_dim; d++) n *= shape[d];
        if (n != v.n_value || !has_block) abort();
        for (pdm_size i = 0; i < n; i++)
            if (!isfinite(value[i])) abort();
        pdm_free(ctx, value);
        value = NULL;
    }
    pdm_free(ctx, block);
    const int wanted = fuzz_take(b, 4);
    for (int d = 0; d < wanted; d++) dims[d] = d == 0 ? "?sample" : fuzz_word(b, names);
    if (pdm_fields_read(f, fuzz_word(b, names), wanted, dims, NULL, shape, &value) == PDM_OK) pdm_free(ctx, value);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_bytes   b    = {data, size};
    const char  *path = fuzz_netcdf(&b, &words);
    pdm_context *ctx  = NULL;
    pdm_fields  *f    = NULL;

    if (!path) return 0;
    if (pdm_context_create(NULL, &ctx) != PDM_OK) abort();
    if (pdm_fields_open(ctx, path, &f) != PDM_OK) abort();
    const char *units = fuzz_take(&b, 15) == 15 ? "m" : NULL; /* reading the units' database takes ten times all else */
    for (int i = 0; names[i]; i++) use_dimension(ctx, f, names[i], units);
    for (int i = 0; i < pdm_fields_n_variable(f); i++) use_variable(ctx, f, i, &b);
    pdm_fields_close(&f);
    if (pdm_context_destroy(&ctx) != 0) abort();
    return 0;
}
