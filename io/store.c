#define _XOPEN_SOURCE 700 /* pread */
#include "io/io.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <netcdf.h>
#include <netcdf_mem.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "io/io_impl.h"

/* Layout of the file. Each entry is a variable of its group with attribute `entry`, its number in the order of writing;
 * texts are of type char. The case is under /case, its number is the global attribute `case_entry`; the defaults that
 * it was read with are a text in the root, a line "group.name=value" each, absent where none were read. Global
 * attributes pdemoe_kind, pdemoe_version (of the library), pdemoe_format (of the kind) and pdemoe_hash.
 *
 * Two checks. pdemoe_hash is over what is stored: kind, format, and of each entry group, name, type, n, shape, bytes
 * (little-endian). The seal, one line behind the end that NetCDF knows of, is over the bytes of the file: it is looked
 * at before NetCDF, so that HDF5 never has to parse a damaged file. */
#define STORE_SEAL       "\npdemoe seal 1 " /* then 32 digits and a line feed */
#define STORE_SEAL_BYTES (sizeof STORE_SEAL - 1 + 32 + 1)
#define STORE_MEMORY     "memory" /* in place of a path */
#define STORE_CASE       "case"
#define STORE_DEFAULTS   "defaults"
#define STORE_ENTRY      "entry"
#define STORE_SHAPE      "shape"

/* Types as they enter the hash, never renumbered; those of numbers are pdm_store_type. */
enum { TYPE_TEXT = PDM_STORE_INT64 + 1, TYPE_CASE, TYPE_COUNT = PDM_STORE_UINT16 + 1 };
static const nc_type type_code[TYPE_COUNT]  = {NC_FLOAT, NC_DOUBLE, NC_INT64, NC_CHAR, NC_NAT, NC_USHORT};
static const size_t  type_bytes[TYPE_COUNT] = {sizeof(float), sizeof(double), sizeof(int64_t), 1, 0, sizeof(uint16_t)};
static const char *const type_word[TYPE_COUNT] = {"float", "double", "int64", "text", "case", "uint16"};

typedef struct store_entry {
    char    *group, *name, *shape;
    int      type, number;
    int      ncid, variable; /* where it is in the file */
    pdm_size n;
} store_entry;

struct pdm_store {
    XXH3_state_t hash; /* of what was put; first, for its alignment */
    pdm_context *ctx;
    char        *path, *kind;
    io_part      part;
    int          ncid, format;
    bool         is_writing;
    pdm_size     n_entry, capacity;
    store_entry *entry; /* [n_entry] in the order of their numbers; the case is one of them */
};

/* ---- hash -------------------------------------------------------------------------------------------------------- */

static void hash_bytes(XXH3_state_t *hash, const void *bytes, size_t n)
{
    if (n > 0) (void)XXH3_128bits_update(hash, bytes, n);
}

static void hash_word(XXH3_state_t *hash, const char *text)
{
    hash_bytes(hash, text, strlen(text) + 1);
}

static void hash_count(XXH3_state_t *hash, int64_t n)
{
    hash_bytes(hash, &n, sizeof n);
}

static void hash_begin(XXH3_state_t *hash, const char *kind, int format)
{
    (void)XXH3_128bits_reset(hash);
    hash_word(hash, kind);
    hash_count(hash, format);
}

/* Everything of an entry but its bytes. */
static void hash_entry(XXH3_state_t *hash, const char *group, const char *name, int type, pdm_size n, const char *shape)
{
    hash_word(hash, group);
    hash_word(hash, name);
    hash_count(hash, type);
    hash_count(hash, n);
    hash_word(hash, shape);
}

static void hash_digits(const XXH3_state_t *hash, char out[PDM_HASH_TEXT])
{
    const XXH128_hash_t value = XXH3_128bits_digest(hash);
    io_hash_text(value.high64, value.low64, out);
}

static pdm_status hash_case(XXH3_state_t *hash, pdm_case *c)
{
    pdm_status status = PDM_OK;
    pdm_text   text   = {.ctx = pdm_case_context(c)};

    PDM_TRY(pdm_case_print(c, &text));
    hash_entry(hash, "", STORE_CASE, TYPE_CASE, (pdm_size)text.length, "");
    hash_bytes(hash, text.data, text.length);
done:
    pdm_text_destroy(&text);
    return status;
}

/* ---- entries ----------------------------------------------------------------------------------------------------- */

static void entry_destroy(pdm_context *ctx, store_entry *e)
{
    pdm_free(ctx, e->group);
    pdm_free(ctx, e->name);
    pdm_free(ctx, e->shape);
}

void pdm_store_destroy(pdm_store **s)
{
    if (!s || !*s) return;
    if ((*s)->is_writing)
        io_netcdf_discard(&(*s)->ncid);
    else if ((*s)->ncid >= 0)
        (void)IO_CALL(nc_close((*s)->ncid));
    io_part_destroy(&(*s)->part);
    for (pdm_size i = 0; i < (*s)->n_entry; i++) entry_destroy((*s)->ctx, &(*s)->entry[i]);
    pdm_free((*s)->ctx, (*s)->entry);
    pdm_free((*s)->ctx, (*s)->path);
    pdm_free((*s)->ctx, (*s)->kind);
    pdm_free((*s)->ctx, *s);
    *s = NULL;
}

static const store_entry *find_entry(const pdm_store *s, const char *group, const char *name)
{
    for (pdm_size i = 0; i < s->n_entry; i++)
        if (strcmp(s->entry[i].group, group) == 0 && strcmp(s->entry[i].name, name) == 0) return &s->entry[i];
    return NULL;
}

static pdm_status reserve_entry(pdm_store *s)
{
    pdm_status   status   = PDM_OK;
    store_entry *entry    = NULL;
    pdm_size     capacity = s->capacity > 0 ? 2 * s->capacity : 64;

    if (s->n_entry < s->capacity) goto done;
    PDM_TRY(pdm_alloc_array(s->ctx, capacity, &entry));
    if (s->n_entry > 0) memcpy(entry, s->entry, (size_t)s->n_entry * sizeof *entry);
    pdm_free(s->ctx, s->entry);
    s->entry    = entry;
    s->capacity = capacity;
done:
    return status;
}

/* Keeps copies of the words of *e; the rest as it is. */
static pdm_status add_entry(pdm_store *s, const store_entry *e)
{
    pdm_status  status = PDM_OK;
    store_entry kept   = *e;

    kept.group = kept.name = kept.shape = NULL;
    PDM_TRY(reserve_entry(s));
    PDM_TRY(pdm_alloc_text(s->ctx, e->group, &kept.group));
    PDM_TRY(pdm_alloc_text(s->ctx, e->name, &kept.name));
    PDM_TRY(pdm_alloc_text(s->ctx, e->shape, &kept.shape));
    s->entry[s->n_entry++] = kept;
    kept                   = (store_entry){0};
done:
    entry_destroy(s->ctx, &kept);
    return status;
}

/* With nothing open. path: for messages. */
static pdm_status make_store(pdm_context *ctx, const char *path, pdm_store **out)
{
    pdm_status status = PDM_OK;
    pdm_store *s      = NULL;

    PDM_TRY(pdm_alloc(ctx, sizeof *s, &s));
    s->ctx  = ctx;
    s->ncid = -1;
    PDM_TRY(pdm_alloc_text(ctx, path, &s->path));
    *out = s;
    s    = NULL;
done:
    pdm_store_destroy(&s);
    return status;
}

/* ---- writing ----------------------------------------------------------------------------------------------------- */

static pdm_status put_word(pdm_store *s, int ncid, int variable, const char *name, const char *text)
{
    pdm_status status = PDM_OK;
    IO_NC(s->ctx, s->path, nc_put_att_text(ncid, variable, name, strlen(text), text));
done:
    return status;
}

static pdm_status put_number(pdm_store *s, int ncid, int variable, const char *name, int value)
{
    pdm_status status = PDM_OK;
    IO_NC(s->ctx, s->path, nc_put_att_int(ncid, variable, name, NC_INT, 1, &value));
done:
    return status;
}

/* In memory, whatever it becomes. */
static pdm_status begin(pdm_store *s, const char *kind, int version)
{
    pdm_status status = PDM_OK;

    s->format     = version;
    s->is_writing = true;
    PDM_TRY(pdm_alloc_text(s->ctx, kind, &s->kind));
    PDM_TRY(io_netcdf_create(s->ctx, s->path, &s->ncid));
    PDM_TRY(put_word(s, s->ncid, NC_GLOBAL, "pdemoe_kind", kind));
    PDM_TRY(put_word(s, s->ncid, NC_GLOBAL, "pdemoe_version", pdm_version()));
    PDM_TRY(put_number(s, s->ncid, NC_GLOBAL, "pdemoe_format", version));
    hash_begin(&s->hash, kind, version);
done:
    return status;
}

pdm_status pdm_store_create(pdm_context *ctx, const char *path, const char *kind, int version, pdm_store **out)
{
    pdm_status status = PDM_OK;
    pdm_store *s      = NULL;

    PDM_TRY(make_store(ctx, path ? path : "", &s));
    PDM_TRY(io_part_create(ctx, path, &s->part));
    PDM_TRY(begin(s, kind, version));
    *out = s;
    s    = NULL;
done:
    pdm_store_destroy(&s);
    return status;
}

pdm_status pdm_store_create_image(pdm_context *ctx, const char *kind, int version, pdm_store **out)
{
    pdm_status status = PDM_OK;
    pdm_store *s      = NULL;

    PDM_TRY(make_store(ctx, STORE_MEMORY, &s));
    PDM_TRY(begin(s, kind, version));
    *out = s;
    s    = NULL;
done:
    pdm_store_destroy(&s);
    return status;
}

static pdm_status check_may_put(pdm_store *s, const char *group, const char *name)
{
    pdm_status status = PDM_OK;

    if (!s->is_writing || s->ncid < 0) PDM_FAIL(s->ctx, PDM_ERR_ARGUMENT, "%s: not open for writing", s->path);
    if (!group || !name || !name[0])
        PDM_FAIL(s->ctx, PDM_ERR_ARGUMENT, "%s: group and name must not be NULL or empty", s->path);
    if (find_entry(s, group, name))
        PDM_FAIL(s->ctx, PDM_ERR_ARGUMENT, "%s: /%s:%s was put already", s->path, group, name);
    if (strcmp(group, STORE_CASE) == 0 || strncmp(group, STORE_CASE "/", sizeof STORE_CASE) == 0)
        PDM_FAIL(s->ctx, PDM_ERR_ARGUMENT, "%s: group /%s is for the case", s->path, STORE_CASE);
done:
    return status;
}

/* The group at the end of a path of parts joined by '/', made where absent. */
static pdm_status make_group(pdm_store *s, const char *path, int *ncid)
{
    pdm_status status = PDM_OK;

    *ncid = s->ncid;
    while (*path) {
        char         part[NC_MAX_NAME + 1];
        const size_t n     = strcspn(path, "/");
        int          child = -1, code = NC_NOERR;
        if (n == 0 || n > NC_MAX_NAME)
            PDM_FAIL(s->ctx, PDM_ERR_ARGUMENT, "%s: \"%s\" is not the path of a group", s->path, path);
        memcpy(part, path, n);
        part[n] = '\0';
        code    = IO_CALL(nc_inq_grp_ncid(*ncid, part, &child));
        if (code == NC_ENOGRP) code = IO_CALL(nc_def_grp(*ncid, part, &child));
        PDM_TRY(io_netcdf_check(s->ctx, s->path, code, __func__));
        *ncid = child;
        path += n;
        path += *path == '/';
    }
done:
    return status;
}

/* A variable of one dimension of its own; one of length 0 is unlimited for NetCDF. */
static pdm_status define_entry(pdm_store *s, store_entry *e)
{
    pdm_status status = PDM_OK;
    int        dim    = -1;
    pdm_text   name   = {.ctx = s->ctx};

    PDM_TRY(make_group(s, e->group, &e->ncid));
    PDM_TRY(pdm_text_append(&name, "n_%s", e->name));
    IO_NC(s->ctx, s->path, nc_def_dim(e->ncid, name.data, (size_t)e->n, &dim));
    IO_NC(s->ctx, s->path, nc_def_var(e->ncid, e->name, type_code[e->type], 1, &dim, &e->variable));
    PDM_TRY(put_number(s, e->ncid, e->variable, STORE_ENTRY, e->number));
    if (e->shape[0]) PDM_TRY(put_word(s, e->ncid, e->variable, STORE_SHAPE, e->shape));
done:
    pdm_text_destroy(&name);
    return status;
}

static pdm_status put_entry(pdm_store *s, const char *group, const char *name, int type, pdm_size n, const void *bytes,
                            const char *shape)
{
    pdm_status  status = PDM_OK;
    store_entry e      = {.group  = (char *)group,
                          .name   = (char *)name,
                          .shape  = (char *)(shape ? shape : ""),
                          .type   = type,
                          .number = (int)s->n_entry,
                          .n      = n};

    PDM_TRY(check_may_put(s, group, name));
    if (n < 0 || (n > 0 && !bytes))
        PDM_FAIL(s->ctx, PDM_ERR_ARGUMENT, "%s: /%s:%s: %lld values at NULL", s->path, group, name, (long long)n);
    PDM_TRY(define_entry(s, &e));
    if (n > 0) IO_NC(s->ctx, s->path, nc_put_var(e.ncid, e.variable, bytes));
    PDM_TRY(add_entry(s, &e));
    hash_entry(&s->hash, group, name, type, n, e.shape);
    hash_bytes(&s->hash, bytes, (size_t)n * type_bytes[type]);
done:
    return status;
}

pdm_status pdm_store_put_text(pdm_store *s, const char *group, const char *name, const char *text)
{
    return put_entry(s, group, name, TYPE_TEXT, text ? (pdm_size)strlen(text) : 0, text, NULL);
}

pdm_status pdm_store_put(pdm_store *s, const char *group, const char *name, pdm_store_type type, pdm_size n,
                         const void *values, const char *shape_text)
{
    return put_entry(s, group, name, (int)type, n, values, shape_text);
}

/* ---- the case as groups ------------------------------------------------------------------------------------------ */

static pdm_status write_attributes(pdm_store *s, int ncid, int variable, const case_list *list)
{
    pdm_status status = PDM_OK;

    for (const case_node *node = case_present(list->first); node; node = case_present(node->next)) {
        const case_attribute *a = (const case_attribute *)node;
        if (a->real)
            IO_NC(s->ctx, s->path,
                  nc_put_att_double(ncid, variable, node->name, NC_DOUBLE, (size_t)a->n_real, a->real));
        else
            PDM_TRY(put_word(s, ncid, variable, node->name, a->text));
    }
done:
    return status;
}

static pdm_status write_array(pdm_store *s, int ncid, const case_array *a)
{
    pdm_status status                = PDM_OK;
    int        dim[PDM_CASE_MAX_DIM] = {0}, variable = -1;

    for (pdm_size d = 0; d < a->n_dim; d++) {
        int code = IO_CALL(nc_def_dim(ncid, a->dim[d], (size_t)a->shape[d], &dim[d]));
        if (code == NC_ENAMEINUSE)
            code = IO_CALL(nc_inq_dimid(ncid, a->dim[d], &dim[d])); /* of another variable of the group */
        PDM_TRY(io_netcdf_check(s->ctx, s->path, code, __func__));
    }
    IO_NC(s->ctx, s->path, nc_def_var(ncid, a->node.name, NC_DOUBLE, (int)a->n_dim, dim, &variable));
    PDM_TRY(write_attributes(s, ncid, variable, &a->attribute));
    IO_NC(s->ctx, s->path, nc_put_var_double(ncid, variable, a->value));
done:
    return status;
}

static pdm_status write_group(pdm_store *s, int ncid, const case_group *g)
{
    pdm_status status = PDM_OK;

    PDM_TRY(write_attributes(s, ncid, NC_GLOBAL, &g->attribute));
    for (const case_node *node = case_present(g->array.first); node; node = case_present(node->next))
        PDM_TRY(write_array(s, ncid, (const case_array *)node));
    for (const case_node *node = case_present(g->group.first); node; node = case_present(node->next)) {
        int child = -1;
        IO_NC(s->ctx, s->path, nc_def_grp(ncid, node->name, &child));
        PDM_TRY(write_group(s, child, (const case_group *)node));
    }
done:
    return status;
}

static pdm_status put_defaults(pdm_store *s, const pdm_case *c)
{
    pdm_status status = PDM_OK;
    pdm_text   text   = {.ctx = s->ctx};

    PDM_TRY(case_defaults_print(c, &text));
    if (text.length > 0) PDM_TRY(pdm_store_put_text(s, "", STORE_DEFAULTS, text.data));
done:
    pdm_text_destroy(&text);
    return status;
}

pdm_status pdm_store_put_case(pdm_store *s, pdm_case *c)
{
    pdm_status  status = PDM_OK;
    store_entry e      = {.group = "", .name = STORE_CASE, .shape = "", .type = TYPE_CASE, .variable = -1};

    PDM_TRY(check_may_put(s, "", STORE_CASE));
    e.number = (int)s->n_entry;
    IO_NC(s->ctx, s->path, nc_def_grp(s->ncid, STORE_CASE, &e.ncid));
    PDM_TRY(write_group(s, e.ncid, c->root));
    PDM_TRY(put_number(s, s->ncid, NC_GLOBAL, "case_entry", e.number));
    PDM_TRY(add_entry(s, &e));
    PDM_TRY(hash_case(&s->hash, c));
    PDM_TRY(put_defaults(s, c));
done:
    return status;
}

/* ---- seal -------------------------------------------------------------------------------------------------------- */

static void make_seal(const char *digits, char seal[STORE_SEAL_BYTES + 1])
{
    (void)snprintf(seal, STORE_SEAL_BYTES + 1, "%s%s\n", STORE_SEAL, digits);
}

/* XXH3-128 of the first n bytes of the file, a block at a time. */
static pdm_status hash_file(pdm_store *s, int file, off_t n, char digits[PDM_HASH_TEXT])
{
    pdm_status   status      = PDM_OK;
    char        *block       = NULL;
    const size_t block_bytes = 1 << 16;
    XXH3_state_t hash;

    PDM_TRY(pdm_alloc(s->ctx, block_bytes, &block));
    (void)XXH3_128bits_reset(&hash);
    for (off_t at = 0; at < n;) {
        const size_t  want = n - at < (off_t)block_bytes ? (size_t)(n - at) : block_bytes;
        const ssize_t got  = pread(file, block, want, at);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0)
            PDM_FAIL(s->ctx, PDM_ERR_IO, "%s: cannot be read: %s", s->path,
                     got < 0 ? strerror(errno) : "it became shorter");
        hash_bytes(&hash, block, (size_t)got);
        at += got;
    }
    hash_digits(&hash, digits);
done:
    pdm_free(s->ctx, block);
    return status;
}

static bool is_seal(const char *bytes)
{
    return memcmp(bytes, STORE_SEAL, sizeof STORE_SEAL - 1) == 0;
}

static pdm_status no_seal(pdm_store *s, const char *kind)
{
    return pdm_error_set(s->ctx, PDM_ERR_MODEL, NULL, __func__,
                         "%s: not a pdemoe %s file, or truncated, or changed by another program: the seal that ends "
                         "such a file is missing",
                         s->path, kind);
}

static pdm_status compare_seal(pdm_store *s, const char *seal, const char *digits)
{
    pdm_status status = PDM_OK;
    char       wanted[STORE_SEAL_BYTES + 1];

    make_seal(digits, wanted);
    if (memcmp(seal, wanted, STORE_SEAL_BYTES) != 0)
        PDM_FAIL(s->ctx, PDM_ERR_MODEL, "%s: damaged: its hash is %s, but %.32s stands at its end", s->path, digits,
                 seal + sizeof STORE_SEAL - 1);
done:
    return status;
}

static pdm_status check_seal(pdm_store *s, const char *kind)
{
    pdm_status  status                     = PDM_OK;
    char        seal[STORE_SEAL_BYTES + 1] = {0}, digits[PDM_HASH_TEXT];
    int         file                       = open(s->path, O_RDONLY | O_CLOEXEC);
    const off_t end                        = file >= 0 ? lseek(file, 0, SEEK_END) : -1;

    if (end < 0) PDM_FAIL(s->ctx, PDM_ERR_IO, "%s: cannot be read: %s", s->path, strerror(errno));
    if (end < (off_t)STORE_SEAL_BYTES ||
        pread(file, seal, STORE_SEAL_BYTES, end - (off_t)STORE_SEAL_BYTES) != (ssize_t)STORE_SEAL_BYTES ||
        !is_seal(seal))
        PDM_TRY(no_seal(s, kind));
    PDM_TRY(hash_file(s, file, end - (off_t)STORE_SEAL_BYTES, digits));
    PDM_TRY(compare_seal(s, seal, digits));
done:
    if (file >= 0) (void)close(file);
    return status;
}

/* The same of n bytes in memory. */
static pdm_status check_seal_of_image(pdm_store *s, const char *bytes, size_t n, const char *kind)
{
    pdm_status status = PDM_OK;
    char       digits[PDM_HASH_TEXT];

    if (n < STORE_SEAL_BYTES || !is_seal(bytes + n - STORE_SEAL_BYTES)) PDM_TRY(no_seal(s, kind));
    const XXH128_hash_t value = XXH3_128bits(bytes, n - STORE_SEAL_BYTES);
    io_hash_text(value.high64, value.low64, digits);
    PDM_TRY(compare_seal(s, bytes + n - STORE_SEAL_BYTES, digits));
done:
    return status;
}

/* ---- reading ----------------------------------------------------------------------------------------------------- */

static pdm_status not_ours(pdm_store *s, const char *what)
{
    return pdm_error_set(s->ctx, PDM_ERR_MODEL, NULL, __func__, "%s: damaged: %s", s->path, what);
}

/* Kind and format that the file states. */
static pdm_status check_kind(pdm_store *s, const char *kind, int version, int *format)
{
    pdm_status status = PDM_OK;
    char      *stated = NULL;

    PDM_TRY(io_netcdf_text(s->ctx, s->path, s->ncid, NC_GLOBAL, "pdemoe_kind", &stated));
    if (!stated) PDM_FAIL(s->ctx, PDM_ERR_MODEL, "%s: not a pdemoe file: no attribute pdemoe_kind", s->path);
    if (strcmp(stated, kind) != 0)
        PDM_FAIL(s->ctx, PDM_ERR_MODEL, "%s: a pdemoe file of kind \"%s\"; \"%s\" expected", s->path, stated, kind);
    if (IO_CALL(nc_get_att_int(s->ncid, NC_GLOBAL, "pdemoe_format", format)) != NC_NOERR)
        PDM_TRY(not_ours(s, "no attribute pdemoe_format"));
    if (*format > version)
        PDM_FAIL(s->ctx, PDM_ERR_MODEL, "%s: written in format %d of kind \"%s\"; this pdemoe reads formats up to %d",
                 s->path, *format, kind, version);
done:
    pdm_free(s->ctx, stated);
    return status;
}

static pdm_status list_variable(pdm_store *s, int ncid, int variable, const char *group)
{
    pdm_status  status = PDM_OK;
    char        name[NC_MAX_NAME + 1], *shape = NULL;
    int         n_dim = 0, dim[NC_MAX_VAR_DIMS];
    size_t      n     = 0;
    nc_type     type  = NC_NAT;
    store_entry e     = {.group = (char *)group, .name = name, .ncid = ncid, .variable = variable};

    IO_NC(s->ctx, s->path, nc_inq_var(ncid, variable, name, &type, &n_dim, dim, NULL));
    while (e.type < TYPE_COUNT && type_code[e.type] != type) e.type++;
    if (e.type == TYPE_COUNT || n_dim != 1 ||
        IO_CALL(nc_get_att_int(ncid, variable, STORE_ENTRY, &e.number)) != NC_NOERR)
        PDM_TRY(not_ours(s, "an entry is not as pdemoe writes it"));
    IO_NC(s->ctx, s->path, nc_inq_dimlen(ncid, dim[0], &n));
    e.n = (pdm_size)n;
    PDM_TRY(io_netcdf_text(s->ctx, s->path, ncid, variable, STORE_SHAPE, &shape));
    e.shape = shape ? shape : "";
    PDM_TRY(add_entry(s, &e));
done:
    pdm_free(s->ctx, shape);
    return status;
}

static pdm_status list_group(pdm_store *s, int ncid, const char *path)
{
    pdm_status status = PDM_OK;
    int        n = 0, *id = NULL;
    pdm_text   child = {.ctx = s->ctx};

    IO_NC(s->ctx, s->path, nc_inq_nvars(ncid, &n));
    for (int i = 0; i < n; i++) PDM_TRY(list_variable(s, ncid, i, path));
    IO_NC(s->ctx, s->path, nc_inq_grps(ncid, &n, NULL));
    PDM_TRY(pdm_alloc_array(s->ctx, n, &id));
    if (n > 0) IO_NC(s->ctx, s->path, nc_inq_grps(ncid, &n, id));
    for (int i = 0; i < n; i++) {
        char name[NC_MAX_NAME + 1];
        IO_NC(s->ctx, s->path, nc_inq_grpname(id[i], name));
        if (!path[0] && strcmp(name, STORE_CASE) == 0) {
            store_entry e = {
                .group = "", .name = STORE_CASE, .shape = "", .type = TYPE_CASE, .ncid = id[i], .variable = -1};
            if (IO_CALL(nc_get_att_int(s->ncid, NC_GLOBAL, "case_entry", &e.number)) != NC_NOERR)
                PDM_TRY(not_ours(s, "the case has no place"));
            PDM_TRY(add_entry(s, &e));
            continue;
        }
        child.length = 0;
        PDM_TRY(pdm_text_append(&child, "%s%s%s", path, path[0] ? "/" : "", name));
        PDM_TRY(list_group(s, id[i], child.data));
    }
done:
    pdm_text_destroy(&child);
    pdm_free(s->ctx, id);
    return status;
}

/* Entries into the order of their numbers, which must be 0, 1, 2, ... */
static pdm_status sort_entries(pdm_store *s)
{
    pdm_status status = PDM_OK;

    for (pdm_size i = 0; i < s->n_entry; i++) {
        while (s->entry[i].number != i) {
            const store_entry e = s->entry[i];
            if (e.number < 0 || e.number >= s->n_entry || s->entry[e.number].number == e.number)
                PDM_FAIL(s->ctx, PDM_ERR_MODEL, "%s: damaged: entries are missing or numbered twice", s->path);
            s->entry[i]        = s->entry[e.number];
            s->entry[e.number] = e;
        }
    }
done:
    return status;
}

static pdm_status read_case(pdm_store *s, const store_entry *e, pdm_case **out)
{
    pdm_status status = PDM_OK;
    pdm_case  *c      = NULL;

    PDM_TRY(pdm_case_create(s->ctx, &c));
    PDM_TRY(case_set_path(c, s->path));
    PDM_TRY(case_read_netcdf(c, s->path, e->ncid));
    *out = c;
    c    = NULL;
done:
    pdm_case_destroy(&c);
    return status;
}

/* An entry's bytes, a block at a time. */
static pdm_status hash_stored(pdm_store *s, const store_entry *e, XXH3_state_t *hash)
{
    pdm_status     status = PDM_OK;
    const pdm_size step   = 1 << 16;
    void          *block  = NULL;
    pdm_case      *c      = NULL;

    if (e->type == TYPE_CASE) {
        PDM_TRY(read_case(s, e, &c));
        PDM_TRY(hash_case(hash, c));
        goto done;
    }
    hash_entry(hash, e->group, e->name, e->type, e->n, e->shape);
    PDM_TRY(pdm_alloc(s->ctx, (size_t)step * type_bytes[e->type], &block));
    for (pdm_size at = 0; at < e->n; at += step) {
        const size_t start = (size_t)at, count = (size_t)(e->n - at < step ? e->n - at : step);
        IO_NC(s->ctx, s->path, nc_get_vara(e->ncid, e->variable, &start, &count, block));
        hash_bytes(hash, block, count * type_bytes[e->type]);
    }
done:
    pdm_case_destroy(&c);
    pdm_free(s->ctx, block);
    return status;
}

static pdm_status check_hash(pdm_store *s, const char *kind, int format)
{
    pdm_status status = PDM_OK;
    char      *stated = NULL, digits[PDM_HASH_TEXT];

    hash_begin(&s->hash, kind, format);
    for (pdm_size i = 0; i < s->n_entry; i++) PDM_TRY(hash_stored(s, &s->entry[i], &s->hash));
    hash_digits(&s->hash, digits);
    PDM_TRY(io_netcdf_text(s->ctx, s->path, s->ncid, NC_GLOBAL, "pdemoe_hash", &stated));
    if (!stated || strcmp(stated, digits) != 0)
        PDM_FAIL(s->ctx, PDM_ERR_MODEL, "%s: damaged: the hash of its contents is %s, but pdemoe_hash says %s", s->path,
                 digits, stated ? stated : "nothing");
done:
    pdm_free(s->ctx, stated);
    return status;
}

/* What is open, with its seal checked: is it all there, and as it was put? */
static pdm_status read_entries(pdm_store *s, const char *kind, int version)
{
    pdm_status status = PDM_OK;
    int        format = 0;

    PDM_TRY(check_kind(s, kind, version, &format));
    PDM_TRY(list_group(s, s->ncid, ""));
    PDM_TRY(sort_entries(s));
    PDM_TRY(check_hash(s, kind, format));
    s->format = format;
done:
    return status;
}

pdm_status pdm_store_open(pdm_context *ctx, const char *path, const char *kind, int version, pdm_store **out)
{
    pdm_status status = PDM_OK;
    pdm_store *s      = NULL;

    PDM_TRY(make_store(ctx, path ? path : "", &s));
    PDM_TRY(io_file_check(ctx, path));
    PDM_TRY(check_seal(s, kind));
    PDM_TRY(io_netcdf_open(ctx, path, &s->ncid));
    PDM_TRY(read_entries(s, kind, version));
    *out = s;
    s    = NULL;
done:
    pdm_store_destroy(&s);
    return status;
}

pdm_status pdm_store_open_image(pdm_context *ctx, const void *bytes, size_t n, const char *kind, int version,
                                pdm_store **out)
{
    pdm_status status = PDM_OK;
    pdm_store *s      = NULL;

    PDM_TRY(make_store(ctx, STORE_MEMORY, &s));
    PDM_TRY(check_seal_of_image(s, bytes, n, kind));
    /* read alone: NetCDF neither copies nor frees what it is lent so */
    IO_NC(ctx, s->path, nc_open_mem("pdemoe", NC_NOWRITE, n - STORE_SEAL_BYTES, (void *)bytes, &s->ncid));
    PDM_TRY(read_entries(s, kind, version));
    *out = s;
    s    = NULL;
done:
    pdm_store_destroy(&s);
    return status;
}

int pdm_store_format(const pdm_store *s)
{
    return s->format;
}

void pdm_store_hash(const pdm_store *s, char out[PDM_HASH_TEXT])
{
    hash_digits(&s->hash, out);
}

/* The entry, of that type, or PDM_ERR_MODEL. */
static pdm_status require_entry(pdm_store *s, const char *group, const char *name, int type, const store_entry **out)
{
    pdm_status         status = PDM_OK;
    const store_entry *e      = find_entry(s, group, name);

    if (s->is_writing) PDM_FAIL(s->ctx, PDM_ERR_ARGUMENT, "%s: not open for reading", s->path);
    if (!e)
        PDM_FAIL(s->ctx, PDM_ERR_MODEL, "%s: /%s:%s is missing; %s expected", s->path, group, name, type_word[type]);
    if (e->type != type)
        PDM_FAIL(s->ctx, PDM_ERR_MODEL, "%s: /%s:%s is %s; %s expected", s->path, group, name, type_word[e->type],
                 type_word[type]);
    *out = e;
done:
    return status;
}

pdm_status pdm_store_get_case(pdm_store *s, pdm_case **out)
{
    pdm_status         status = PDM_OK;
    const store_entry *e      = NULL;
    pdm_case          *c      = NULL;
    char              *text   = NULL;

    PDM_TRY(require_entry(s, "", STORE_CASE, TYPE_CASE, &e));
    PDM_TRY(read_case(s, e, &c));
    if (find_entry(s, "", STORE_DEFAULTS)) {
        PDM_TRY(pdm_store_get_text(s, "", STORE_DEFAULTS, &text));
        PDM_TRY(case_defaults_parse(c, text));
    }
    *out = c;
    c    = NULL;
done:
    pdm_case_destroy(&c);
    pdm_free(s->ctx, text);
    return status;
}

pdm_status pdm_store_get_text(pdm_store *s, const char *group, const char *name, char **out)
{
    pdm_status         status = PDM_OK;
    const store_entry *e      = NULL;
    char              *text   = NULL;

    PDM_TRY(require_entry(s, group, name, TYPE_TEXT, &e));
    PDM_TRY(pdm_alloc(s->ctx, (size_t)e->n + 1, &text));
    if (e->n > 0) IO_NC(s->ctx, s->path, nc_get_var_text(e->ncid, e->variable, text));
    *out = text;
    text = NULL;
done:
    pdm_free(s->ctx, text);
    return status;
}

pdm_status pdm_store_length(pdm_store *s, const char *group, const char *name, pdm_size *n)
{
    const store_entry *e = find_entry(s, group, name);

    *n = e ? e->n : -1;
    return PDM_OK;
}

pdm_status pdm_store_get(pdm_store *s, const char *group, const char *name, pdm_store_type type, pdm_size n,
                         void *values)
{
    pdm_status         status = PDM_OK;
    const store_entry *e      = NULL;

    PDM_TRY(require_entry(s, group, name, (int)type, &e));
    if (e->n != n)
        PDM_FAIL(s->ctx, PDM_ERR_MODEL, "%s: /%s:%s has %lld values (shape \"%s\"); %lld expected", s->path, group,
                 name, (long long)e->n, e->shape, (long long)n);
    if (n > 0) IO_NC(s->ctx, s->path, nc_get_var(e->ncid, e->variable, values));
done:
    return status;
}

pdm_status pdm_store_exchange(pdm_store *s, bool writing, const char *group, const char *name, pdm_store_type type,
                              pdm_size n, void *values)
{
    return writing ? pdm_store_put(s, group, name, type, n, values, NULL)
                   : pdm_store_get(s, group, name, type, n, values);
}

/* ---- the end of writing ------------------------------------------------------------------------------------------ */

/* What has been written, read as a model is: NetCDF and HDF5 do not report every allocation that failed. Destroys r. */
static pdm_status compare_written(const pdm_store *s, pdm_store **r)
{
    pdm_status status = PDM_OK;
    char       put[PDM_HASH_TEXT], found[PDM_HASH_TEXT];

    pdm_store_hash(s, put);
    pdm_store_hash(*r, found);
    if (strcmp(put, found) != 0)
        PDM_FAIL(s->ctx, PDM_ERR_IO, "the hash of what was written is %s, that of what is found %s", put, found);
done:
    pdm_store_destroy(r);
    return status;
}

static pdm_status check_written(pdm_store *s)
{
    pdm_status status = PDM_OK;
    pdm_store *r      = NULL;

    PDM_TRY(pdm_store_open(s->ctx, s->part.part, s->kind, s->format, &r));
    PDM_TRY(compare_written(s, &r));
done:
    return status;
}

static pdm_status check_may_commit(const pdm_store *s, bool to_file)
{
    pdm_status status = PDM_OK;
    if (!s->is_writing || s->ncid < 0 || to_file != (s->part.part != NULL))
        PDM_FAIL(s->ctx, PDM_ERR_ARGUMENT, "%s: not open for writing", s->path);
done:
    return status;
}

pdm_status pdm_store_commit(pdm_store *s)
{
    pdm_status status = PDM_OK;
    char       digits[PDM_HASH_TEXT], seal[STORE_SEAL_BYTES + 1];

    PDM_TRY(check_may_commit(s, true));
    hash_digits(&s->hash, digits);
    PDM_TRY(put_word(s, s->ncid, NC_GLOBAL, "pdemoe_hash", digits));
    PDM_TRY(io_part_write_netcdf(&s->part, &s->ncid, digits));
    make_seal(digits, seal);
    PDM_TRY(io_part_write(&s->part, seal, STORE_SEAL_BYTES));
    PDM_TRY(io_part_check(&s->part, check_written(s)));
    PDM_TRY(io_part_commit(&s->part));
done:
    return status;
}

/* The image with its seal, in memory of NetCDF's, which free() gives back. */
static pdm_status seal_image(const pdm_store *s, NC_memio *image)
{
    pdm_status          status = PDM_OK;
    const XXH128_hash_t value  = XXH3_128bits(image->memory, image->size);
    char                digits[PDM_HASH_TEXT], seal[STORE_SEAL_BYTES + 1];
    void               *larger = realloc(image->memory, image->size + STORE_SEAL_BYTES);

    if (!larger) PDM_FAIL(s->ctx, PDM_ERR_MEMORY, "%zu bytes for a model in memory", image->size + STORE_SEAL_BYTES);
    io_hash_text(value.high64, value.low64, digits);
    make_seal(digits, seal);
    memcpy((char *)larger + image->size, seal, STORE_SEAL_BYTES);
    image->memory = larger;
    image->size += STORE_SEAL_BYTES;
done:
    return status;
}

pdm_status pdm_store_commit_image(pdm_store *s, pdm_bytes take, void *user)
{
    pdm_status status = PDM_OK;
    pdm_store *r      = NULL;
    NC_memio   image  = {0};
    char       digits[PDM_HASH_TEXT];
    const int  id = s->ncid;

    PDM_TRY(check_may_commit(s, false));
    hash_digits(&s->hash, digits);
    PDM_TRY(put_word(s, id, NC_GLOBAL, "pdemoe_hash", digits));
    s->ncid = -1; /* closed by the next call even if it fails */
    IO_NC(s->ctx, s->path, nc_close_memio(id, &image));
    PDM_TRY(seal_image(s, &image));
    PDM_TRY(pdm_store_open_image(s->ctx, image.memory, image.size, s->kind, s->format, &r));
    PDM_TRY(compare_written(s, &r));
    take(user, image.memory, image.size);
done:
    free(image.memory);
    return status;
}
