#define _XOPEN_SOURCE 700 /* getpid, access */
#include "tests/fuzz_netcdf.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <netcdf.h>
#include <netcdf_mem.h>

enum {
    MAX_DIM       = 6,
    MAX_RANK      = 5,
    MAX_VARIABLE  = 10,
    MAX_ATTRIBUTE = 5,
    MAX_VALUE     = 4096,
    MAX_DEPTH     = 3,
    LONG          = 300,
    LARGE         = 1 << 16
};

static NC_memio image; /* of the last file */

int fuzz_take(fuzz_bytes *b, int most)
{
    if (b->n == 0) return 0;
    b->n--;
    return *b->data++ % (most + 1);
}

const char *fuzz_word(fuzz_bytes *b, const char *const *words)
{
    int n = 0;
    while (words[n]) n++;
    return words[fuzz_take(b, n - 1)];
}

static double number(fuzz_bytes *b)
{
    static const double special[] = {
        0.0,   1.0,      -1.0, 0.5, 0.1, -999.0, -9.99, 1e20, 1e300, 1e-300, NAN, INFINITY, 9.96920996838687e+36,
        255.0, -32767.0, 3.0};
    const int k = fuzz_take(b, 31);

    return k < 16 ? special[k] : (double)(fuzz_take(b, 255) - 128);
}

static void put_attribute(fuzz_bytes *b, const fuzz_words *w, int ncid, int variable)
{
    static const nc_type types[] = {NC_BYTE, NC_SHORT, NC_INT, NC_FLOAT, NC_DOUBLE, NC_UBYTE, NC_INT64, NC_UINT64};
    const char          *name    = fuzz_word(b, w->attribute);
    const int            kind    = fuzz_take(b, 9);
    char                 text[LONG + 1];
    double               value[4];

    if (kind < 4) {
        const char *word = fuzz_word(b, w->text);
        (void)nc_put_att_text(ncid, variable, name, strlen(word), word);
    } else if (kind < 5) {
        const char *word = fuzz_word(b, w->text);
        (void)nc_put_att_string(ncid, variable, name, 1, &word);
    } else if (kind < 6) {
        const size_t n = (size_t)fuzz_take(b, 255) < 250 ? (size_t)fuzz_take(b, 12) : LONG;
        for (size_t i = 0; i < n; i++) text[i] = n == LONG ? "ab \xc3\xa4"[i % 5] : (char)fuzz_take(b, 255);
        (void)nc_put_att_text(ncid, variable, name, n, text);
    } else {
        const size_t n = (size_t)fuzz_take(b, 7) == 7 ? 4 : (size_t)fuzz_take(b, 2);
        for (size_t i = 0; i < n; i++) value[i] = number(b);
        (void)nc_put_att_double(ncid, variable, name, types[fuzz_take(b, 7)], n, value);
    }
}

static void put_attributes(fuzz_bytes *b, const fuzz_words *w, int ncid, int variable)
{
    const int n = fuzz_take(b, MAX_ATTRIBUTE);
    for (int i = 0; i < n; i++) put_attribute(b, w, ncid, variable);
}

/* Numbers that rise or fall, or anything. */
static void put_values(fuzz_bytes *b, int ncid, int variable, nc_type type, int rank, const int *dim)
{
    static double value[MAX_VALUE];
    size_t        n = 1, length, start[MAX_RANK] = {0}, count[MAX_RANK];

    for (int d = 0; d < rank; d++) {
        if (nc_inq_dimlen(ncid, dim[d], &length) != NC_NOERR) return;
        count[d] = length ? length : (size_t)fuzz_take(b, 3); /* an unlimited dimension grows */
        n *= count[d];
        if (n > MAX_VALUE) return;
    }
    if (n == 0 || type == NC_CHAR || type == NC_STRING) return;
    const int    kind = fuzz_take(b, 3);
    const double step = kind == 1 ? -1.0 : kind == 2 ? 0.1 : 1.0;
    for (size_t i = 0; i < n; i++) value[i] = kind < 3 ? step * (double)i : b->n > 0 ? number(b) : 1.0;
    if (kind < 3 && fuzz_take(b, 3) == 0) value[(size_t)fuzz_take(b, 255) % n] = number(b);
    (void)nc_put_vara_double(ncid, variable, start, count, value);
}

/* More than is quickly written? */
static bool is_large(int ncid, int rank, const int *dim)
{
    size_t n = 1, length;

    for (int d = 0; d < rank; d++) {
        if (nc_inq_dimlen(ncid, dim[d], &length) != NC_NOERR) return true;
        n *= length ? length : 4;
        if (n > LARGE) return true;
    }
    return false;
}

static void fill_group(fuzz_bytes *b, const fuzz_words *w, int ncid, bool netcdf4, int depth)
{
    static const nc_type types[] = {NC_DOUBLE, NC_DOUBLE, NC_FLOAT, NC_INT,   NC_SHORT,  NC_BYTE,  NC_CHAR,
                                    NC_UBYTE,  NC_USHORT, NC_UINT,  NC_INT64, NC_UINT64, NC_STRING};
    struct {
        int     id, rank, dim[MAX_RANK];
        nc_type type;
    } variable[MAX_VARIABLE];
    int dim[MAX_DIM], n_dim = 0, n_variable = 0;

    const int dims = fuzz_take(b, MAX_DIM);
    for (int i = 0; i < dims; i++) {
        const int    size   = fuzz_take(b, 63);
        const size_t length = size == 0 ? NC_UNLIMITED : size == 63 ? 1000 : (size_t)(size % 9 ? size % 9 : 1);
        if (nc_def_dim(ncid, fuzz_word(b, w->dimension), length, &dim[n_dim]) == NC_NOERR) n_dim++;
    }
    put_attributes(b, w, ncid, NC_GLOBAL);
    const int variables = fuzz_take(b, MAX_VARIABLE);
    for (int i = 0; i < variables; i++) {
        const char *name          = fuzz_word(b, w->variable);
        variable[n_variable].type = types[fuzz_take(b, 12)];
        variable[n_variable].rank = n_dim > 0 ? fuzz_take(b, MAX_RANK) : 0;
        for (int d = 0; d < variable[n_variable].rank; d++) variable[n_variable].dim[d] = dim[fuzz_take(b, n_dim - 1)];
        if (is_large(ncid, variable[n_variable].rank, variable[n_variable].dim)) continue;
        if (nc_def_var(ncid, name, variable[n_variable].type, variable[n_variable].rank, variable[n_variable].dim,
                       &variable[n_variable].id) != NC_NOERR)
            continue;
        put_attributes(b, w, ncid, variable[n_variable].id);
        n_variable++;
    }
    (void)nc_enddef(ncid);
    for (int i = 0; i < n_variable; i++)
        put_values(b, ncid, variable[i].id, variable[i].type, variable[i].rank, variable[i].dim);
    const int groups = netcdf4 && depth < MAX_DEPTH ? fuzz_take(b, 3) : 0;
    for (int i = 0; i < groups; i++) {
        int child;
        if (nc_def_grp(ncid, fuzz_word(b, w->dimension), &child) == NC_NOERR)
            fill_group(b, w, child, netcdf4, depth + 1);
    }
}

static char path[64];

static void remove_file(void)
{
    (void)unlink(path);
}

const char *fuzz_path(void)
{
    if (path[0]) return path;
    (void)snprintf(path, sizeof path, "%s/pdemoe-fuzz-%ld.nc", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp",
                   (long)getpid());
    (void)atexit(remove_file);
    return path;
}

const char *fuzz_file(const void *bytes, size_t n)
{
    FILE *file = fopen(fuzz_path(), "wb");

    if (!file || fwrite(bytes, 1, n, file) != n || fclose(file) != 0) abort();
    return path;
}

const uint8_t *fuzz_image(size_t *n)
{
    *n = image.size;
    return image.memory;
}

const char *fuzz_netcdf(fuzz_bytes *b, const fuzz_words *words)
{
    const bool netcdf4 = fuzz_take(b, 2) == 0 || words->netcdf4;
    int        ncid;

    free(image.memory);
    image = (NC_memio){0};
    if (nc_create_mem("fuzz", netcdf4 ? NC_NETCDF4 : NC_64BIT_DATA, 1 << 14, &ncid) != NC_NOERR) return NULL;
    fill_group(b, words, ncid, netcdf4, 0);
    if (nc_close_memio(ncid, &image) != NC_NOERR) {
        image = (NC_memio){0};
        return NULL;
    }
    return fuzz_file(image.memory, image.size);
}
