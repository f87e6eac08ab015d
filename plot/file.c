/* NetCDF files as far as pictures need them: which variables are fields, inputs, samples. */
#include "cli/plot/data.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <netcdf.h>

#include "cli/plot/ticks.h"

static bool ends_in(const char *text, const char *end)
{
    const size_t n = strlen(text), m = strlen(end);
    return n >= m && strcmp(text + n - m, end) == 0;
}

/* ---- kind ---- */

static exit_code check_readable(session *s, const char *path, char *first_byte)
{
    struct stat info;
    FILE       *file = fopen(path, "rb");

    *first_byte = '\0';
    if (!file) return fail(s, CODE_FILE, "%s: cannot be read: %s", path, strerror(errno));
    if (fstat(fileno(file), &info) == 0 && S_ISDIR(info.st_mode)) {
        (void)fclose(file);
        return fail(s, CODE_FILE, "%s: cannot be read: it is a folder", path);
    }
    const int byte = fgetc(file);
    if (byte != EOF) *first_byte = (char)byte;
    (void)fclose(file);
    return CODE_FINE;
}

static exit_code open_netcdf(session *s, const char *path, int *ncid)
{
    const int result = nc_open(path, NC_NOWRITE, ncid);

    if (result == NC_NOERR) return CODE_FINE;
    if (result == NC_ENOTNC) return fail(s, CODE_FILE, "%s: cannot be read: it is not a NetCDF file", path);
    return fail(s, CODE_FILE, "%s: cannot be read: %s", path, nc_strerror(result));
}

exit_code plot_kind_of(session *s, const char *path, plot_kind *out)
{
    exit_code code = CODE_FINE;
    char      byte = '\0';
    int       ncid = -1;
    size_t    length;

    CLI_TRY(check_readable(s, path, &byte));
    *out = PLOT_LOG;
    if (ends_in(path, ".jsonl") || byte == '{') goto done;
    if (ends_in(path, ".cdl")) {
        code =
            fail(s, CODE_FILE, "%s: CDL text cannot be drawn; make it NetCDF with ncgen -4 -o FILE.nc %s", path, path);
        goto done;
    }
    CLI_TRY(open_netcdf(s, path, &ncid));
    *out = nc_inq_attlen(ncid, NC_GLOBAL, "pdemoe_kind", &length) == NC_NOERR ? PLOT_MODEL : PLOT_FIELDS;
    (void)nc_close(ncid);
done:
    return code;
}

/* ---- attributes ---- */

/* A character that ends a word is kept whole: UTF-8 is cut between characters only. */
static void cut_text(char *text, size_t n)
{
    while (n > 0 && ((unsigned char)text[n] & 0xc0) == 0x80) n--;
    text[n] = '\0';
}

void plot_attribute(const plot_file *f, int variable, const char *name, char text[PLOT_TEXT])
{
    char    whole[4096];
    nc_type type;
    size_t  n = 0;

    text[0] = '\0';
    if (nc_inq_att(f->ncid, variable, name, &type, &n) != NC_NOERR) return;
    if (type == NC_STRING && n == 1) {
        char *string = NULL;
        if (nc_get_att_string(f->ncid, variable, name, &string) == NC_NOERR && string)
            snprintf(whole, sizeof whole, "%s", string);
        else
            whole[0] = '\0';
        (void)nc_free_string(1, &string);
    } else if (type == NC_CHAR && n > 0 && n < sizeof whole &&
               nc_get_att_text(f->ncid, variable, name, whole) == NC_NOERR) {
        whole[n] = '\0';
    } else {
        return;
    }
    for (char *c = whole; *c; c++)
        if (iscntrl((unsigned char)*c)) *c = ' ';
    if (strlen(whole) >= PLOT_TEXT) cut_text(whole, PLOT_TEXT - 1);
    memcpy(text, whole, strlen(whole) + 1);
}

/* Title of the file; or else the name of its case, or its own name. */
static void find_title(plot_file *f)
{
    char from[PLOT_TEXT];

    plot_attribute(f, NC_GLOBAL, "title", f->title);
    if (f->title[0]) return;
    plot_attribute(f, NC_GLOBAL, "case", from);
    const char *path  = from[0] ? from : f->path;
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path, *dot = strrchr(name, '.');
    snprintf(f->title, sizeof f->title, "%.*s", (int)(dot && dot > name ? dot - name : (long)strlen(name)), name);
}

/* ---- variables ---- */

typedef struct variable {
    char    name[NC_MAX_NAME + 1];
    nc_type type;
    int     n_dim, dim[NC_MAX_VAR_DIMS];
} variable;

static bool inquire(const plot_file *f, int id, variable *v)
{
    return nc_inq_var(f->ncid, id, v->name, &v->type, &v->n_dim, v->dim, NULL) == NC_NOERR;
}

static bool has_coordinate(const plot_file *f, int dim)
{
    char name[NC_MAX_NAME + 1];
    int  id;
    return nc_inq_dimname(f->ncid, dim, name) == NC_NOERR && nc_inq_varid(f->ncid, name, &id) == NC_NOERR;
}

static bool is_coordinate(const plot_file *f, const variable *v)
{
    char name[NC_MAX_NAME + 1];
    return v->n_dim == 1 && nc_inq_dimname(f->ncid, v->dim[0], name) == NC_NOERR && strcmp(name, v->name) == 0;
}

static bool is_data(const plot_file *f, const variable *v)
{
    return (v->type == NC_FLOAT || v->type == NC_DOUBLE) && !is_coordinate(f, v) &&
           strncmp(v->name, "solver_", 7) != 0 && strcmp(v->name, "expert_bounds") != 0;
}

/* Dimensions of the variable besides that of samples. */
static int count_dims(const plot_file *f, const variable *v)
{
    int n = 0;
    for (int d = 0; d < v->n_dim; d++) n += v->dim[d] != f->sample_dim;
    return n;
}

/* The dimension named sample; or the first one of a variable, if it alone there has no coordinates. */
static void find_samples(plot_file *f, int n_variable)
{
    variable v;

    f->sample_dim = -1;
    f->n_sample   = 1;
    if (nc_inq_dimid(f->ncid, "sample", &f->sample_dim) != NC_NOERR) f->sample_dim = -1;
    for (int id = 0; f->sample_dim < 0 && id < n_variable; id++) {
        if (!inquire(f, id, &v) || !is_data(f, &v) || v.n_dim < 2 || has_coordinate(f, v.dim[0])) continue;
        bool others = true;
        for (int d = 1; d < v.n_dim; d++) others = others && has_coordinate(f, v.dim[d]);
        if (others) f->sample_dim = v.dim[0];
    }
    if (f->sample_dim >= 0 && nc_inq_dimlen(f->ncid, f->sample_dim, &f->n_sample) != NC_NOERR) f->n_sample = 0;
}

static void find_fields(plot_file *f, int n_variable)
{
    variable v;
    int      most = 1;

    for (int id = 0; id < n_variable; id++) {
        if (!inquire(f, id, &v) || !is_data(f, &v)) continue;
        const int n = count_dims(f, &v);
        if (n > most) {
            most       = n;
            f->n_field = 0;
        }
        if (n == most && f->n_field < PLOT_MAX_FIELD) f->field[f->n_field++] = id;
    }
}

static void find_inputs(plot_file *f, int n_variable)
{
    variable v;

    for (int id = 0; id < n_variable; id++)
        if (inquire(f, id, &v) && is_data(f, &v) && v.n_dim == 1 && v.dim[0] == f->sample_dim &&
            f->n_input < PLOT_MAX_INPUT)
            f->input[f->n_input++] = id;
}

exit_code plot_file_open(session *s, const char *path, plot_file *out)
{
    exit_code code       = CODE_FINE;
    plot_file f          = {.path = path};
    int       n_variable = 0;
    char      byte;

    CLI_TRY(check_readable(s, path, &byte));
    CLI_TRY(open_netcdf(s, path, &f.ncid));
    f.is_open = true;
    if (nc_inq_nvars(f.ncid, &n_variable) != NC_NOERR) n_variable = 0;
    find_title(&f);
    find_samples(&f, n_variable);
    find_fields(&f, n_variable);
    find_inputs(&f, n_variable);
    if (f.n_field == 0) {
        code =
            fail(s, CODE_DATA,
                 "%s: no field to draw: a variable of type float or double on dimensions like (sample, t, x) expected",
                 path);
        goto done;
    }
    *out = f;
    f    = (plot_file){0};
done:
    plot_file_close(&f);
    return code;
}

void plot_file_close(plot_file *f)
{
    if (f->is_open) (void)nc_close(f->ncid);
    f->is_open = false;
}

static exit_code refuse_field(session *s, const plot_file *f, const char *name)
{
    char   list[PLOT_TEXT] = "", word[NC_MAX_NAME + 1];
    size_t used            = 0;

    for (int i = 0; i < f->n_field && used + 1 < sizeof list; i++)
        if (nc_inq_varname(f->ncid, f->field[i], word) == NC_NOERR)
            used += (size_t)snprintf(list + used, sizeof list - used, "%s%s", i ? ", " : "", word);
    return fail(s, CODE_DATA, "%s: no field \"%s\"; the fields are: %s", f->path, name, list);
}

void plot_variable_name(const plot_file *f, int id, char text[PLOT_TEXT])
{
    variable v;
    snprintf(text, PLOT_TEXT, "%.*s", PLOT_TEXT - 1, inquire(f, id, &v) ? v.name : "");
}

bool plot_is_input(const plot_file *f, int id)
{
    char role[PLOT_TEXT];
    plot_attribute(f, id, "role", role);
    return strcmp(role, "input") == 0;
}

bool plot_file_has(const plot_file *f, const char *name, int *id)
{
    variable v;
    return nc_inq_varid(f->ncid, name, id) == NC_NOERR && inquire(f, *id, &v) && is_data(f, &v) &&
           count_dims(f, &v) > 0;
}

exit_code plot_file_find(session *s, const plot_file *f, const char *name, int *id)
{
    return plot_file_has(f, name, id) ? CODE_FINE : refuse_field(s, f, name);
}

exit_code plot_file_check_sample(session *s, const plot_file *f, size_t sample)
{
    if (sample < f->n_sample) return CODE_FINE;
    if (f->sample_dim < 0)
        return fail(s, CODE_DATA, "%s: no sample %zu: the file has no dimension \"sample\", so only 0 is there",
                    f->path, sample);
    if (f->n_sample == 0) return fail(s, CODE_DATA, "%s: there are no samples in it", f->path);
    return fail(s, CODE_DATA, "%s: no sample %zu; there are %zu, 0 to %zu", f->path, sample, f->n_sample,
                f->n_sample - 1);
}

/* ---- samples ---- */

double plot_input_value(const plot_file *f, int i, size_t sample)
{
    double value = NAN;
    return nc_get_var1_double(f->ncid, f->input[i], &sample, &value) == NC_NOERR ? value : NAN;
}

void plot_sample_text(const plot_file *f, size_t sample, char text[PLOT_TEXT])
{
    char name[NC_MAX_NAME + 1], value[TICK_TEXT], units[PLOT_TEXT];
    int  used;

    text[0] = '\0';
    if (f->sample_dim < 0) return;
    used = snprintf(text, PLOT_TEXT, "sample %zu", sample);
    for (int i = 0; i < f->n_input; i++) {
        if (nc_inq_varname(f->ncid, f->input[i], name) != NC_NOERR) continue;
        number_text(plot_input_value(f, i, sample), value);
        plot_attribute(f, f->input[i], "units", units);
        const bool has_units = units[0] && strcmp(units, "1") != 0;
        if (used + (int)(strlen(name) + strlen(units)) + TICK_TEXT >= PLOT_TEXT) break;
        used += snprintf(text + used, (size_t)(PLOT_TEXT - used), ", %s = %s%s%s", name, value, has_units ? " " : "",
                         has_units ? units : "");
    }
}
