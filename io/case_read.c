#define _GNU_SOURCE /* posix_spawn, mkostemp, pipe2 */
#include "io/io.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <netcdf.h>

#include "io/io_impl.h"

extern char **environ;

/* ---- NetCDF ------------------------------------------------------------------------------------------------------ */

/* Where an attribute or variable is, for errors. */
typedef struct place {
    pdm_case   *c;
    const char *path; /* file */
    case_group *group;
    int         ncid;
} place;

static pdm_status read_text(const place *at, case_list *list, int variable, const char *name, size_t n)
{
    pdm_status status = PDM_OK;
    char      *text   = NULL;

    if (n > CASE_MAX_TEXT)
        PDM_FAIL(at->c->ctx, PDM_ERR_CASE, "%s: /%s:%s: %zu bytes; at most %d expected", at->path, at->group->path,
                 name, n, CASE_MAX_TEXT);
    PDM_TRY(io_netcdf_text(at->c->ctx, at->path, at->ncid, variable, name, &text));
    while (n > 0 && text[n - 1] == '\0') n--; /* some writers count the end mark, or fill up with it */
    if (strlen(text) < n)
        PDM_FAIL(at->c->ctx, PDM_ERR_CASE, "%s: /%s:%s: the text has a zero byte inside", at->path, at->group->path,
                 name);
    PDM_TRY(case_attribute_set(at->c, at->group, list, name, text, NULL, 0));
done:
    pdm_free(at->c->ctx, text);
    return status;
}

static pdm_status read_string(const place *at, case_list *list, int variable, const char *name)
{
    pdm_status status = PDM_OK;
    char      *text   = NULL;

    PDM_TRY(io_netcdf_text(at->c->ctx, at->path, at->ncid, variable, name, &text));
    PDM_TRY(case_attribute_set(at->c, at->group, list, name, text, NULL, 0));
done:
    pdm_free(at->c->ctx, text);
    return status;
}

static pdm_status read_numbers(const place *at, case_list *list, int variable, const char *name, nc_type type, size_t n)
{
    pdm_status status = PDM_OK;
    double    *value  = NULL;

    if (n < 1 || n > CASE_MAX_TEXT)
        PDM_FAIL(at->c->ctx, PDM_ERR_CASE, "%s: /%s:%s: %zu numbers; 1 to %d expected", at->path, at->group->path, name,
                 n, CASE_MAX_TEXT);
    PDM_TRY(pdm_alloc_array(at->c->ctx, (pdm_size)n, &value));
    IO_NC(at->c->ctx, at->path, nc_get_att_double(at->ncid, variable, name, value));
    for (size_t i = 0; (type == NC_INT64 || type == NC_UINT64) && i < n; i++)
        if (fabs(value[i]) >= 0x1p53)
            PDM_FAIL(at->c->ctx, PDM_ERR_CASE, "%s: /%s:%s: %.17g is an integer beyond 2^53, which is not kept exactly",
                     at->path, at->group->path, name, value[i]);
    PDM_TRY(case_attribute_set(at->c, at->group, list, name, NULL, value, (pdm_size)n));
done:
    pdm_free(at->c->ctx, value);
    return status;
}

static pdm_status read_attributes(const place *at, case_list *list, int variable, int n)
{
    pdm_status   status = PDM_OK;
    pdm_context *ctx    = at->c->ctx;

    for (int i = 0; i < n; i++) {
        char    name[NC_MAX_NAME + 1];
        nc_type type   = NC_NAT;
        size_t  length = 0;
        IO_NC(ctx, at->path, nc_inq_attname(at->ncid, variable, i, name));
        IO_NC(ctx, at->path, nc_inq_att(at->ncid, variable, name, &type, &length));
        if (type == NC_CHAR)
            PDM_TRY(read_text(at, list, variable, name, length));
        else if (type == NC_STRING && length == 1)
            PDM_TRY(read_string(at, list, variable, name));
        else if (type >= NC_BYTE && type <= NC_UINT64)
            PDM_TRY(read_numbers(at, list, variable, name, type, length));
        else
            PDM_FAIL(ctx, PDM_ERR_CASE, "%s: /%s:%s: %s; one text or numbers expected", at->path, at->group->path, name,
                     type == NC_STRING ? "a list of texts" : "a type of the file's own");
    }
done:
    return status;
}

static pdm_status read_variable(const place *at, int variable)
{
    pdm_status   status = PDM_OK;
    pdm_context *ctx    = at->c->ctx;
    char         name[NC_MAX_NAME + 1], dim_name[PDM_CASE_MAX_DIM][NC_MAX_NAME + 1];
    int          n_dim = 0, n_attribute       = 0, dim[NC_MAX_VAR_DIMS];
    pdm_size     shape[PDM_CASE_MAX_DIM], bad = 0;
    const char  *dims[PDM_CASE_MAX_DIM];
    case_array  *array  = NULL;
    double       stored = 0.0;
    io_packing   packing;

    IO_NC(ctx, at->path, nc_inq_var(at->ncid, variable, name, NULL, &n_dim, dim, &n_attribute));
    if (n_dim > PDM_CASE_MAX_DIM)
        PDM_FAIL(ctx, PDM_ERR_CASE, "%s: /%s:%s: %d dimensions; at most %d expected", at->path, at->group->path, name,
                 n_dim, PDM_CASE_MAX_DIM);
    for (int d = 0; d < n_dim; d++) {
        size_t length = 0;
        IO_NC(ctx, at->path, nc_inq_dim(at->ncid, dim[d], dim_name[d], &length));
        shape[d] = length <= CASE_MAX_VALUE ? (pdm_size)length : CASE_MAX_VALUE + 1;
        dims[d]  = dim_name[d];
    }
    PDM_TRY(io_packing_read(ctx, at->path, at->ncid, variable, name, &packing));
    if (packing.is_packed)
        PDM_FAIL(ctx, PDM_ERR_CASE,
                 "%s: /%s:%s: packed numbers (scale_factor, add_offset) are for data files; plain ones expected",
                 at->path, at->group->path, name);
    PDM_TRY(case_array_set(at->c, at->group, name, n_dim, dims, shape, NULL, &array));
    IO_NC(ctx, at->path, nc_get_var_double(at->ncid, variable, array->value));
    bad = io_packing_apply(&packing, array->value, array->n_value, &stored);
    if (bad >= 0)
        PDM_FAIL(ctx, PDM_ERR_CASE, "%s: /%s:%s: entry %lld is missing or not finite (%g)", at->path, at->group->path,
                 name, (long long)bad, stored);
    PDM_TRY(read_attributes(at, &array->attribute, variable, n_attribute));
done:
    return status;
}

static pdm_status read_group(pdm_case *c, const char *path, int ncid, case_group *g)
{
    pdm_status  status = PDM_OK;
    const place at     = {.c = c, .path = path, .group = g, .ncid = ncid};
    int         n = 0, *id = NULL;

    case_group_set_present(g);
    IO_NC(c->ctx, path, nc_inq_natts(ncid, &n));
    PDM_TRY(read_attributes(&at, &g->attribute, NC_GLOBAL, n));
    IO_NC(c->ctx, path, nc_inq_nvars(ncid, &n));
    for (int i = 0; i < n; i++) PDM_TRY(read_variable(&at, i));
    IO_NC(c->ctx, path, nc_inq_grps(ncid, &n, NULL));
    PDM_TRY(pdm_alloc_array(c->ctx, n, &id));
    if (n > 0) IO_NC(c->ctx, path, nc_inq_grps(ncid, &n, id));
    for (int i = 0; i < n; i++) {
        char        name[NC_MAX_NAME + 1];
        case_group *sub = NULL;
        IO_NC(c->ctx, path, nc_inq_grpname(id[i], name));
        PDM_TRY(case_subgroup_make(c, g, name, &sub));
        PDM_TRY(read_group(c, path, id[i], sub));
    }
done:
    pdm_free(c->ctx, id);
    return status;
}

pdm_status case_read_netcdf(pdm_case *c, const char *path, int ncid)
{
    return read_group(c, path, ncid, c->root);
}

/* shown: the path that errors and the case name, when it is not the file that is opened. */
static pdm_status read_netcdf_file(pdm_context *ctx, const char *path, const char *shown, pdm_case **out)
{
    pdm_status status = PDM_OK;
    pdm_case  *c      = NULL;
    int        ncid   = -1;
    size_t     n      = 0;

    PDM_TRY(io_netcdf_open(ctx, path, &ncid));
    if (IO_CALL(nc_inq_attlen(ncid, NC_GLOBAL, "pdemoe_kind", &n)) == NC_NOERR)
        PDM_FAIL(ctx, PDM_ERR_MODEL, "%s: a pdemoe model, not a case; the case itself expected", shown);
    PDM_TRY(pdm_case_create(ctx, &c));
    PDM_TRY(case_set_path(c, shown));
    PDM_TRY(case_read_netcdf(c, shown, ncid));
    *out = c;
    c    = NULL;
done:
    if (ncid >= 0) (void)IO_CALL(nc_close(ncid));
    pdm_case_destroy(&c);
    return status;
}

/* ---- CDL: the program ncgen makes it a NetCDF file --------------------------------------------------------------- */

#define NCGEN_TEXT 2048 /* bytes of its messages that are looked at */

/* Starts ncgen with its messages going to a pipe; *from: the end to read. */
static int spawn_ncgen(const char *cdl, const char *netcdf, pid_t *child, int *from)
{
    char *const                argument[] = {"ncgen", "-4", "-o", (char *)netcdf, (char *)cdl, NULL};
    posix_spawn_file_actions_t actions;
    int                        end[2] = {-1, -1}, error = 0;

    if (pipe2(end, O_CLOEXEC) != 0) return errno;
    error = posix_spawn_file_actions_init(&actions);
    if (error == 0) {
        error = posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
        if (error == 0) error = posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
        if (error == 0) error = posix_spawn_file_actions_adddup2(&actions, end[1], 2);
        if (error == 0) error = posix_spawnp(child, "ncgen", &actions, NULL, argument, environ);
        (void)posix_spawn_file_actions_destroy(&actions);
    }
    (void)close(end[1]);
    if (error != 0)
        (void)close(end[0]);
    else
        *from = end[0];
    return error;
}

/* Everything the child says, of which the first bytes are kept; then its exit code, or -1 when a signal ended it. */
static int drain_and_wait(int from, pid_t child, char text[NCGEN_TEXT])
{
    size_t  used = 0;
    ssize_t n    = 0;
    int     code = 0;
    char    rest[512];

    do {
        const bool full = used >= NCGEN_TEXT - 1;
        n               = full ? read(from, rest, sizeof rest) : read(from, text + used, NCGEN_TEXT - 1 - used);
        if (n > 0 && !full) used += (size_t)n;
    } while (n > 0 || (n < 0 && errno == EINTR));
    text[used] = '\0';
    (void)close(from);
    while (waitpid(child, &code, 0) < 0)
        if (errno != EINTR) return 0; /* the host program ignores its children: the file made will tell */
    return WIFEXITED(code) ? WEXITSTATUS(code) : -1;
}

/* "ncgen: bad.cdl line 2: syntax error" becomes "bad.cdl:2: syntax error"; first line only, the cause. */
static pdm_status ncgen_error(pdm_context *ctx, const char *cdl, char *text, int code)
{
    char *message = text + strspn(text, " \n");
    char *line    = NULL;
    long  number  = 0;

    message[strcspn(message, "\n")] = '\0';
    if (strncmp(message, "ncgen: ", 7) == 0) message += 7;
    if (strncmp(message, cdl, strlen(cdl)) == 0 && strncmp(message + strlen(cdl), " line ", 6) == 0)
        number = strtol(message + strlen(cdl) + 6, &line, 10);
    if (line && strncmp(line, ": ", 2) == 0)
        return pdm_error_set(ctx, PDM_ERR_CASE, NULL, __func__, "%s:%ld: %s", cdl, number, line + 2);
    if (message[0]) return pdm_error_set(ctx, PDM_ERR_CASE, NULL, __func__, "%s: %s (says ncgen)", cdl, message);
    return pdm_error_set(ctx, PDM_ERR_CASE, NULL, __func__, "%s: not understood by ncgen (exit code %d)", cdl, code);
}

static pdm_status run_ncgen(pdm_context *ctx, const char *cdl, const char *netcdf)
{
    pdm_status status = PDM_OK;
    pid_t      child  = -1;
    int        from = -1, error = 0, code = 0;
    char       text[NCGEN_TEXT] = "";
    pdm_text   argument         = {.ctx = ctx};

    PDM_TRY(pdm_text_append(&argument, "%s%s", cdl[0] == '-' ? "./" : "", cdl)); /* never taken for an option */
    error = spawn_ncgen(argument.data, netcdf, &child, &from);
    if (error == 0) code = drain_and_wait(from, child, text);
    if (error == ENOENT || (code == 127 && !text[0])) /* POSIX lets the child tell by 127 that there is no program */
        PDM_FAIL(ctx, PDM_ERR_IO,
                 "%s: reading CDL needs the program ncgen, which is not found; install the package netcdf-bin", cdl);
    if (error != 0)
        PDM_FAIL(ctx, PDM_ERR_IO, "%s: reading CDL needs the program ncgen, which does not start: %s", cdl,
                 strerror(error));
    /* it may complain and yet end with 0 */
    if (code != 0 || strstr(text, "ncgen:")) PDM_TRY(ncgen_error(ctx, argument.data, text, code));
done:
    pdm_text_destroy(&argument);
    return status;
}

/* A new file in the folder for such files, for ncgen to write to. It has a name for HDF5 refuses one without. */
typedef struct scratch {
    pdm_text name;
    int      file, folder, place;
} scratch;

static pdm_status scratch_create(pdm_context *ctx, const char *path, scratch *x)
{
    pdm_status  status = PDM_OK;
    const char *folder = getenv("TMPDIR");

    *x = (scratch){.name = {.ctx = ctx}, .file = -1, .folder = -1, .place = -1};
    PDM_TRY(pdm_text_append(&x->name, "%s/pdemoe-XXXXXX", folder && folder[0] ? folder : "/tmp"));
    x->file = mkostemp(x->name.data, O_CLOEXEC);
    if (x->file < 0)
        PDM_FAIL(ctx, PDM_ERR_IO, "%s: no temporary file can be made for it: %s: %s", path, x->name.data,
                 strerror(errno));
    x->folder = io_folder_open(x->name.data);
    if (x->folder >= 0) x->place = io_unfinished_add(x->folder, x->file, pdm_base_name(x->name.data), ctx);
done:
    return status;
}

static void scratch_destroy(scratch *x)
{
    io_unfinished_remove(x->place);
    if (x->file >= 0) {
        (void)close(x->file);
        (void)unlink(x->name.data);
    }
    if (x->folder >= 0) (void)close(x->folder);
    pdm_text_destroy(&x->name);
}

static pdm_status read_cdl_file(pdm_context *ctx, const char *path, pdm_case **out)
{
    pdm_status status = PDM_OK;
    scratch    x      = {.file = -1, .folder = -1, .place = -1};

    PDM_TRY(io_file_check(ctx, path));
    PDM_TRY(scratch_create(ctx, path, &x));
    PDM_TRY(run_ncgen(ctx, path, x.name.data));
    PDM_TRY(read_netcdf_file(ctx, x.name.data, path, out));
done:
    scratch_destroy(&x);
    return status;
}

pdm_status pdm_case_read(pdm_context *ctx, const char *path, pdm_case **out)
{
    PDM_EXPECT_POINTER(ctx, path, "the path of a case");
    PDM_EXPECT_POINTER(ctx, out, "a place for the case");
    if (!ctx) return PDM_ERR_ARGUMENT;
    const size_t n = strlen(path);
    if (n > 4 && strcmp(path + n - 4, ".cdl") == 0) return read_cdl_file(ctx, path, out);
    return read_netcdf_file(ctx, path, path, out);
}
