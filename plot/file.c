/* Files of fields as far as pictures need them: which variables are fields, inputs, samples. */
#include "plot/data.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "plot/ticks.h"

/* ---- kind ---- */

static bool ends_in(const char *text, const char *end)
{
    const size_t n = strlen(text), m = strlen(end);
    return n >= m && strcmp(text + n - m, end) == 0;
}

static bool starts_with_brace(const char *path)
{
    FILE *file = fopen(path, "rb");
    bool  is   = file && fgetc(file) == '{';

    if (file) (void)fclose(file);
    return is;
}

pdm_status plot_kind_of(pdm_context *ctx, const char *path, plot_kind *out)
{
    pdm_status  status = PDM_OK;
    pdm_fields *f      = NULL;
    char       *kind   = NULL;

    *out = PLOT_LOG;
    if (ends_in(path, ".jsonl") || starts_with_brace(path)) goto done;
    PDM_TRY(pdm_fields_open(ctx, path, &f));
    PDM_TRY(pdm_fields_text(f, -1, "pdemoe_kind", &kind));
    *out = kind ? PLOT_MODEL : PLOT_FIELDS;
done:
    pdm_free(ctx, kind);
    pdm_fields_close(&f);
    return status;
}

/* ---- attributes ---- */

/* A character that ends a word is kept whole: UTF-8 is cut between characters only. */
static void copy_cut(const char *whole, char text[PLOT_TEXT])
{
    size_t n = strlen(whole);

    if (n >= PLOT_TEXT) {
        n = PLOT_TEXT - 1;
        while (n > 0 && ((unsigned char)whole[n] & 0xc0) == 0x80) n--;
    }
    for (size_t i = 0; i < n; i++) text[i] = iscntrl((unsigned char)whole[i]) ? ' ' : whole[i];
    text[n] = '\0';
}

pdm_status plot_attribute(pdm_context *ctx, const plot_file *f, int variable, const char *name, char text[PLOT_TEXT])
{
    pdm_status status = PDM_OK;
    char      *whole  = NULL;

    PDM_TRY(pdm_fields_text(f->fields, variable, name, &whole));
    copy_cut(whole ? whole : "", text);
done:
    pdm_free(ctx, whole);
    return status;
}

pdm_status plot_long_name(pdm_context *ctx, const plot_file *f, int variable, const char *name, char text[PLOT_TEXT])
{
    const pdm_status status = plot_attribute(ctx, f, variable, "long_name", text);

    if (status == PDM_OK && strcmp(text, name) == 0) text[0] = '\0';
    return status;
}

pdm_status plot_units(pdm_context *ctx, const plot_file *f, int variable, char text[PLOT_TEXT])
{
    const pdm_status status = plot_attribute(ctx, f, variable, "units", text);

    if (status == PDM_OK && strcmp(text, "1") == 0) text[0] = '\0';
    return status;
}

/* Title of the file; or else the name of its case, or its own name. */
static pdm_status find_title(pdm_context *ctx, plot_file *f)
{
    pdm_status status = PDM_OK;
    char       from[PLOT_TEXT];

    PDM_TRY(plot_attribute(ctx, f, -1, "title", f->title));
    if (f->title[0]) goto done;
    PDM_TRY(plot_attribute(ctx, f, -1, "case", from));
    const char *path = from[0] ? from : f->path;
    const char *name = pdm_base_name(path), *dot = strrchr(name, '.');
    snprintf(f->title, sizeof f->title, "%.*s", (int)(dot && dot > name ? dot - name : (long)strlen(name)), name);
done:
    return status;
}

/* ---- variables ---- */

static bool is_data(const pdm_variable *v)
{
    const bool is_coordinate = v->n_dim == 1 && strcmp(v->dim[0], v->name) == 0;
    return v->is_real && !is_coordinate && !pdm_output_has_own(v->name);
}

/* Dimensions of the variable besides that of samples. */
static int count_dims(const plot_file *f, const pdm_variable *v)
{
    int n = 0;
    for (int d = 0; d < v->n_dim; d++) n += strcmp(v->dim[d], f->sample_dim) != 0;
    return n;
}

/* The dimension named sample; or the first one of a variable, if it alone there has no coordinates. */
static pdm_status find_samples(plot_file *f)
{
    pdm_status   status = PDM_OK;
    const int    n      = pdm_fields_n_variable(f->fields);
    pdm_variable v;

    f->n_sample = 1;
    if (pdm_fields_dimension(f->fields, "sample") >= 0) memcpy(f->sample_dim, "sample", sizeof "sample");
    for (int i = 0; !f->sample_dim[0] && i < n; i++) {
        PDM_TRY(pdm_fields_variable(f->fields, i, &v));
        if (!is_data(&v) || v.n_dim < 2 || pdm_fields_has(f->fields, v.dim[0])) continue;
        bool others = true;
        for (int d = 1; d < v.n_dim; d++) others = others && pdm_fields_has(f->fields, v.dim[d]);
        if (others) memcpy(f->sample_dim, v.dim[0], sizeof f->sample_dim);
    }
    if (f->sample_dim[0]) f->n_sample = (size_t)pdm_fields_dimension(f->fields, f->sample_dim);
done:
    return status;
}

static pdm_status read_input(pdm_context *ctx, plot_file *f, const pdm_variable *v, plot_input *out)
{
    pdm_status     status   = PDM_OK;
    const pdm_size first[1] = {0};

    copy_cut(v->name, out->name);
    PDM_TRY(plot_units(ctx, f, v->number, out->units));
    PDM_TRY(pdm_alloc_array(ctx, v->n_value, &out->value));
    PDM_TRY(pdm_fields_part(f->fields, v, first, v->shape, out->value));
done:
    return status;
}

static pdm_status find_variables(pdm_context *ctx, plot_file *f)
{
    pdm_status   status = PDM_OK;
    int          most   = 1;
    const int    n      = pdm_fields_n_variable(f->fields);
    pdm_variable v;

    for (int i = 0; i < n; i++) {
        PDM_TRY(pdm_fields_variable(f->fields, i, &v));
        if (!is_data(&v)) continue;
        const int n_dim = count_dims(f, &v);
        if (n_dim > most) {
            most       = n_dim;
            f->n_field = 0;
        }
        if (n_dim == most && f->n_field < PLOT_MAX_FIELD) f->field[f->n_field++] = i;
        if (n_dim == 0 && v.n_dim == 1 && f->n_input < PLOT_MAX_INPUT)
            PDM_TRY(read_input(ctx, f, &v, &f->input[f->n_input++]));
    }
    if (f->n_field == 0)
        PDM_FAIL(ctx, PDM_ERR_DATA,
                 "%s: no field to draw: a variable of type float or double on dimensions like (sample, t, x) expected",
                 f->path);
done:
    return status;
}

pdm_status plot_file_open(pdm_context *ctx, const char *path, plot_file *out)
{
    pdm_status status = PDM_OK;
    plot_file  f      = {.path = path};

    PDM_TRY(pdm_fields_open(ctx, path, &f.fields));
    PDM_TRY(find_title(ctx, &f));
    PDM_TRY(find_samples(&f));
    PDM_TRY(find_variables(ctx, &f));
    *out = f;
    f    = (plot_file){0};
done:
    plot_file_close(ctx, &f);
    return status;
}

void plot_file_close(pdm_context *ctx, plot_file *f)
{
    for (int i = 0; i < f->n_input; i++) pdm_free(ctx, f->input[i].value);
    f->n_input = 0;
    pdm_fields_close(&f->fields);
}

pdm_status plot_is_input(pdm_context *ctx, const plot_file *f, int variable, bool *out)
{
    char             role[PLOT_TEXT] = "";
    const pdm_status status          = plot_attribute(ctx, f, variable, "role", role);

    *out = strcmp(role, "input") == 0;
    return status;
}

pdm_status plot_file_has(const plot_file *f, const char *name, int *variable)
{
    pdm_status   status = PDM_OK;
    const int    number = pdm_fields_find(f->fields, name);
    pdm_variable v      = {0};

    *variable = -1;
    if (number < 0) goto done;
    PDM_TRY(pdm_fields_variable(f->fields, number, &v));
    if (is_data(&v) && count_dims(f, &v) > 0) *variable = number;
done:
    return status;
}

pdm_status plot_file_find(pdm_context *ctx, const plot_file *f, const char *name, int *variable)
{
    pdm_status   status = PDM_OK;
    pdm_text     list   = {.ctx = ctx};
    pdm_variable v;

    PDM_TRY(plot_file_has(f, name, variable));
    if (*variable >= 0) goto done;
    for (int i = 0; i < f->n_field; i++) {
        PDM_TRY(pdm_fields_variable(f->fields, f->field[i], &v));
        PDM_TRY(pdm_text_append(&list, "%s%s", i ? ", " : "", v.name));
    }
    PDM_FAIL(ctx, PDM_ERR_DATA, "%s: no field \"%s\"; the fields are: %s", f->path, name, list.data);
done:
    pdm_text_destroy(&list);
    return status;
}

/* ---- samples ---- */

pdm_status plot_file_check_sample(pdm_context *ctx, const plot_file *f, size_t sample)
{
    pdm_status status = PDM_OK;

    if (sample < f->n_sample) goto done;
    if (!f->sample_dim[0])
        PDM_FAIL(ctx, PDM_ERR_DATA, "%s: no sample %zu: the file has no dimension \"sample\", so only 0 is there",
                 f->path, sample);
    if (f->n_sample == 0) PDM_FAIL(ctx, PDM_ERR_DATA, "%s: there are no samples in it", f->path);
    PDM_FAIL(ctx, PDM_ERR_DATA, "%s: no sample %zu; there are %zu, 0 to %zu", f->path, sample, f->n_sample,
             f->n_sample - 1);
done:
    return status;
}

void plot_sample_text(const plot_file *f, size_t sample, char text[PLOT_TEXT])
{
    char value[TICK_TEXT];
    int  used;

    text[0] = '\0';
    if (!f->sample_dim[0]) return;
    used = snprintf(text, PLOT_TEXT, "sample %zu", sample);
    for (int i = 0; i < f->n_input; i++) {
        const plot_input *x = &f->input[i];
        number_text(x->value[sample], value);
        if (used + (int)(strlen(x->name) + strlen(x->units)) + TICK_TEXT >= PLOT_TEXT) break;
        used += snprintf(text + used, (size_t)(PLOT_TEXT - used), ", %s = %s%s%s", x->name, value,
                         x->units[0] ? " " : "", x->units);
    }
}
