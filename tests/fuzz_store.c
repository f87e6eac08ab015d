/* Stores and models. Even first byte: a NetCDF-4 file with the seal and the hash that a store must have, whatever is in
 * it. Odd: a small model whose entries are left out, cut, stretched or changed before they are stored again. */
#include "io/io.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <netcdf.h>
#include <netcdf_mem.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "io/io_impl.h"
#include "tests/fuzz_netcdf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* ---- any file that is sealed --------------------------------------------------------------------------------------- */

static const char *const names[]     = {"case", "weights", "optimiser", "n", "defaults", "a", "b", NULL};
static const char *const attribute[] = {"entry", "entry", "shape", "pdemoe_kind", "pdemoe_format", "case_entry", NULL};
static const char *const text[]      = {"model", "model", "16 6", "", "0", "group.name=value", NULL};
static const fuzz_words  words       = {names, names, attribute, text, true};

/* The bytes with a seal behind them. */
static const char *seal_file(const void *bytes, size_t n)
{
    char       *sealed = malloc(n + 64), digits[PDM_HASH_TEXT];
    const char *path;

    if (!sealed) abort();
    const XXH128_hash_t hash = XXH3_128bits(bytes, n);
    io_hash_text(hash.high64, hash.low64, digits);
    memcpy(sealed, bytes, n);
    const int more = snprintf(sealed + n, 64, "\npdemoe seal 1 %s\n", digits);
    path           = fuzz_file(sealed, n + (size_t)more);
    free(sealed);
    return path;
}

/* The image with kind, format and hash added where they are wanted; path NULL: libnetcdf does not take it. */
static const char *complete(const uint8_t *bytes, size_t n, const char *hash)
{
    NC_memio    in = {.size = n, .memory = malloc(n), .flags = 0}, out = {0};
    const int   format = 1;
    const char *path   = NULL;
    int         ncid;

    if (!in.memory) abort();
    memcpy(in.memory, bytes, n);
    if (nc_open_memio("fuzz", NC_WRITE | NC_NETCDF4, &in, &ncid) != NC_NOERR) {
        free(in.memory);
        return NULL;
    }
    (void)nc_put_att_text(ncid, NC_GLOBAL, "pdemoe_kind", 5, "model");
    (void)nc_put_att_int(ncid, NC_GLOBAL, "pdemoe_format", NC_INT, 1, &format);
    if (hash) (void)nc_put_att_text(ncid, NC_GLOBAL, "pdemoe_hash", strlen(hash), hash);
    if (nc_close_memio(ncid, &out) == NC_NOERR) path = seal_file(out.memory, out.size);
    free(out.memory);
    return path;
}

static void use_store(pdm_context *ctx, pdm_store *s)
{
    char      digits[PDM_HASH_TEXT], *value = NULL;
    double    number[8];
    pdm_case *c = NULL;
    pdm_size  n;

    pdm_store_hash(s, digits);
    if (pdm_store_get_case(s, &c) == PDM_OK) pdm_case_destroy(&c);
    for (int g = 0; names[g]; g++)
        for (int i = 0; names[i]; i++) {
            if (pdm_store_length(s, names[g], names[i], &n) != PDM_OK) abort();
            if (pdm_store_get_text(s, names[g], names[i], &value) == PDM_OK) pdm_free(ctx, value);
            if (n >= 0 && n <= 8) (void)pdm_store_get(s, names[g], names[i], PDM_STORE_DOUBLE, n, number);
            if (n >= 0 && n <= 8) (void)pdm_store_get(s, names[g], names[i], PDM_STORE_FLOAT, n, number);
        }
}

static void try_sealed(pdm_context *ctx, fuzz_bytes *b)
{
    static const char said[] = "the hash of its contents is ";
    const char       *path   = fuzz_netcdf(b, &words), *at;
    char              digits[PDM_HASH_TEXT];
    pdm_store        *s = NULL;
    size_t            n;
    const uint8_t    *image = fuzz_image(&n);

    if (path) path = complete(image, n, NULL);
    if (!path || pdm_store_open(ctx, path, "model", 1, &s) == PDM_OK) goto done;
    at = strstr(pdm_context_error(ctx), said); /* what it should have been: then it is */
    if (!at) goto done;
    (void)snprintf(digits, sizeof digits, "%s", at + sizeof said - 1);
    path = complete(image, n, digits);
    if (path && pdm_store_open(ctx, path, "model", 1, &s) == PDM_OK) use_store(ctx, s);
done:
    pdm_store_destroy(&s);
}

/* ---- a model that is changed ------------------------------------------------------------------------------------- */

enum { MOST_ENTRIES = 64 };

typedef struct entry {
    char           group[64], name[64], *shape;
    pdm_store_type type;
    bool           is_text;
    size_t         n, item;
    void          *value;
} entry;

static entry     entries[MOST_ENTRIES]; /* by number; the place of the case has no value */
static pdm_case *model_case;
static int       model_format;

static void list_group(int ncid, const char *path)
{
    int  n = 0, ids[MOST_ENTRIES], dim, number, rank;
    char name[NC_MAX_NAME + 1], child[NC_MAX_NAME + 80];

    (void)nc_inq_nvars(ncid, &n);
    for (int i = 0; i < n; i++) {
        nc_type type;
        if (nc_inq_var(ncid, i, name, &type, &rank, &dim, NULL) != NC_NOERR ||
            nc_get_att_int(ncid, i, "entry", &number) != NC_NOERR || number < 0 || number >= MOST_ENTRIES)
            abort();
        entry *e = &entries[number];
        (void)snprintf(e->group, sizeof e->group, "%s", path);
        (void)snprintf(e->name, sizeof e->name, "%.63s", name);
        (void)nc_inq_dimlen(ncid, dim, &e->n);
        e->is_text = type == NC_CHAR;
        e->type    = type == NC_FLOAT    ? PDM_STORE_FLOAT
                     : type == NC_INT64  ? PDM_STORE_INT64
                     : type == NC_USHORT ? PDM_STORE_UINT16
                                         : PDM_STORE_DOUBLE;
        e->item    = e->is_text ? 1 : e->type == PDM_STORE_FLOAT ? 4 : e->type == PDM_STORE_UINT16 ? 2 : 8;
        e->value   = calloc(e->n + 1, e->item);
        if (!e->value || nc_get_var(ncid, i, e->value) != NC_NOERR) abort();
    }
    (void)nc_inq_grps(ncid, &n, ids);
    for (int i = 0; i < n; i++) {
        (void)nc_inq_grpname(ids[i], name);
        if (!path[0] && strcmp(name, "case") == 0) continue;
        (void)snprintf(child, sizeof child, "%s%s%.60s", path, path[0] ? "/" : "", name);
        list_group(ids[i], child);
    }
}

/* A case of one field with everything small, its model in a file, and what is in that file. */
static void make_model(void)
{
    static const char *const set[][3] = {{"pde", "fields", "u"},
                                         {"pde/residuals", "u", "dt(u) - 0.1*dxx(u)"},
                                         {"pde/initial", "u", "a*sin(2*pi*x)"},
                                         {"inputs/a", "distribution", "uniform(0.5, 1)"},
                                         {"domain", "dimensions", "t x"},
                                         {"domain/t", "extent", "0, 1"},
                                         {"domain/t", "control_points", "5"},
                                         {"domain/x", "extent", "0, 1"},
                                         {"domain/x", "control_points", "6"},
                                         {"domain/x", "kind", "periodic"},
                                         {"experts", "basis", "2"},
                                         {"surrogate", "width", "4"},
                                         {"surrogate", "layers", "1"},
                                         {"surrogate", "hidden", "4"},
                                         {"surrogate", "modes", "2"},
                                         {"gate", "groups", "2"},
                                         {"training", "batch", "2"}};
    pdm_context             *ctx      = NULL;
    pdm_model               *m        = NULL;
    pdm_store               *s        = NULL;
    int                      ncid;

    if (pdm_context_create(NULL, &ctx) != PDM_OK || pdm_case_create(ctx, &model_case) != PDM_OK) abort();
    for (size_t i = 0; i < sizeof set / sizeof *set; i++)
        if (pdm_case_set_text(model_case, set[i][0], set[i][1], set[i][2]) != PDM_OK) abort();
    if (pdm_model_create(model_case, &m) != PDM_OK || pdm_model_train_step(m) != PDM_OK ||
        pdm_model_write(m, fuzz_path()) != PDM_OK || nc_open(fuzz_path(), NC_NOWRITE, &ncid) != NC_NOERR) {
        fprintf(stderr, "%s\n", pdm_context_error(ctx));
        abort();
    }
    (void)nc_get_att_int(ncid, NC_GLOBAL, "pdemoe_format", &model_format);
    list_group(ncid, "");
    (void)nc_close(ncid);
    pdm_case_destroy(&model_case);
    if (pdm_store_open(ctx, fuzz_path(), "model", model_format, &s) != PDM_OK ||
        pdm_store_get_case(s, &model_case) != PDM_OK)
        abort();
    pdm_store_destroy(&s);
    pdm_model_destroy(&m);
}

/* How an entry is changed. */
static void put_entry(pdm_store *s, entry e, int change, fuzz_bytes *b)
{
    static const double odd[] = {NAN, INFINITY, -1.0, 0.0, 1e300, -0.0, 1e-300, 2.5};
    char                value[1 << 14];
    size_t              n = e.n;

    if (e.n * e.item > sizeof value / 2 || change == 1) return;
    memcpy(value, e.value, e.n * e.item);
    memset(value + e.n * e.item, 0, e.item);
    if (change == 2 && n > 0) n--;
    if (change == 3) n++;
    if (change == 4 && n > 0) n = 0;
    for (int k = change >= 5 ? 1 + fuzz_take(b, 3) : 0; k > 0 && n > 0; k--) {
        const size_t at = ((size_t)fuzz_take(b, 255) * 256 + (size_t)fuzz_take(b, 255)) % n;
        const double x  = odd[fuzz_take(b, 7)];
        if (change == 5 || e.is_text || e.type == PDM_STORE_UINT16)
            value[at * e.item + (size_t)fuzz_take(b, (int)e.item - 1)] = (char)fuzz_take(b, 255);
        else if (e.type == PDM_STORE_DOUBLE)
            memcpy(value + at * 8, &x, 8);
        else if (e.type == PDM_STORE_FLOAT)
            memcpy(value + at * 4, &(float){fabs(x) < 1e30 || !isfinite(x) ? (float)x : 1e30F}, 4);
        else
            memcpy(value + at * 8, &(int64_t){(int64_t)fuzz_take(b, 255) - 3}, 8);
    }
    if (e.is_text) {
        value[n] = '\0';
        (void)pdm_store_put_text(s, e.group, e.name, value);
    } else {
        (void)pdm_store_put(s, e.group, e.name, change == 7 ? PDM_STORE_FLOAT : e.type, (pdm_size)n, value, e.shape);
    }
}

static void try_model(pdm_context *ctx, fuzz_bytes *b)
{
    pdm_store *s = NULL;
    pdm_model *m = NULL;
    pdm_case  *c = NULL;
    double    *u = NULL, input[1] = {0.7};

    if (!model_case) make_model();
    if (pdm_case_copy(model_case, &c) != PDM_OK ||
        pdm_store_create(ctx, fuzz_path(), "model", model_format, &s) != PDM_OK)
        abort();
    for (int i = 0; i < MOST_ENTRIES; i++) {
        if (!entries[i].value && (i == 0 || entries[i - 1].value)) (void)pdm_store_put_case(s, c);
        if (!entries[i].value || strcmp(entries[i].name, "defaults") == 0) continue;
        put_entry(s, entries[i], fuzz_take(b, 5) == 5 ? fuzz_take(b, 8) : 0, b);
    }
    if (pdm_store_commit(s) != PDM_OK) abort();
    if (pdm_model_read(ctx, fuzz_path(), &m) == PDM_OK &&
        pdm_alloc_array(ctx, pdm_model_n_field(m) * pdm_model_n_point(m), &u) == PDM_OK)
        (void)pdm_model_predict(m, 1, input, u, NULL);
    pdm_free(ctx, u);
    pdm_model_destroy(&m);
    pdm_store_destroy(&s);
    pdm_case_destroy(&c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_bytes   b   = {data, size};
    pdm_context *ctx = NULL;

    if (pdm_context_create(NULL, &ctx) != PDM_OK) abort();
    if (fuzz_take(&b, 1))
        try_model(ctx, &b);
    else
        try_sealed(ctx, &b);
    if (pdm_context_destroy(&ctx) != 0) abort();
    return 0;
}
