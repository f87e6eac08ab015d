/* Which fields and samples are drawn, and reading them. */
#include "plot/job.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { N_SAMPLE_SHOWN = 3, N_MAP_TIME = 4 };
#define SAME_INPUT 1e-5 /* relative: files may be in single precision */

view view_of(const plot_field *x)
{
    if (x->y.n > 1) return x->t.n > 1 ? VIEW_MAPS : VIEW_MAP;
    return x->t.n > 1 ? VIEW_SPACE_TIME : VIEW_LINE;
}

size_t count_times(const plot_field *x)
{
    return view_of(x) != VIEW_MAPS ? 1 : x->t.n < N_MAP_TIME ? x->t.n : N_MAP_TIME;
}

/* Entry of the time axis for picture k of n. */
size_t time_of(const plot_field *x, size_t k, size_t n)
{
    return n > 1 ? plot_axis_near(&x->t, (double)k / (double)(n - 1)) : 0;
}

/* "sample 0, a = 0.2, z = 0.5; field u" as far as there is something to tell apart. */
void describe_item(const job *j, const item *x, char text[PLOT_TEXT])
{
    char        cut[PLOT_TEXT], sample[PLOT_TEXT];
    const char *name    = j->n_field > 1 ? x->mine.name : "";
    const char *part[3] = {name, sample, cut};
    size_t      used    = 0;

    plot_sample_text(&j->file, x->sample, sample);
    plot_cut_text(&x->mine, cut);
    text[0] = '\0';
    for (int i = 0; i < 3; i++)
        if (part[i][0] && used + strlen(part[i]) + 3 < PLOT_TEXT)
            used += (size_t)snprintf(text + used, PLOT_TEXT - used, "%s%s", used ? ", " : "", part[i]);
}

static bool are_alike(const plot_axis *a, const plot_axis *b)
{
    return strcmp(a->name, b->name) == 0 && a->n == b->n &&
           (a->n < 2 || (a->at[0] == b->at[0] && a->at[a->n - 1] == b->at[b->n - 1]));
}

bool job_has_one_grid(const job *j)
{
    const plot_field *first = &j->item[0].mine;

    for (size_t i = 1; i < j->n_item; i++) {
        const plot_field *x = &j->item[i].mine;
        if (!are_alike(&x->t, &first->t) || !are_alike(&x->y, &first->y) || !are_alike(&x->x, &first->x)) return false;
    }
    return true;
}

/* ---- choice ---- */

static pdm_status choose_fields(pdm_context *ctx, job *j)
{
    pdm_status   status       = PDM_OK;
    int          of_reference = -1;
    pdm_variable v;

    if (j->request->field) {
        j->n_field = 1;
        PDM_TRY(plot_file_find(ctx, &j->file, j->request->field, &j->field[0]));
        if (j->compares) PDM_TRY(plot_file_find(ctx, &j->reference, j->request->field, &j->reference_field[0]));
        goto done;
    }
    for (int i = 0; i < j->file.n_field; i++) {
        PDM_TRY(pdm_fields_variable(j->file.fields, j->file.field[i], &v));
        if (j->compares) PDM_TRY(plot_file_has(&j->reference, v.name, &of_reference));
        if (j->compares && of_reference < 0) continue;
        j->reference_field[j->n_field] = of_reference;
        j->field[j->n_field++]         = j->file.field[i];
    }
    for (int i = 0; i < j->n_field && j->compares; i++) {
        PDM_TRY(plot_is_input(ctx, &j->file, j->field[i], &j->is_input[i]));
        if (!j->is_input[i]) PDM_TRY(plot_is_input(ctx, &j->reference, j->reference_field[i], &j->is_input[i]));
    }
    if (j->n_field == 0) {
        PDM_TRY(pdm_fields_variable(j->file.fields, j->file.field[0], &v));
        PDM_TRY(plot_file_find(ctx, &j->reference, v.name, &of_reference));
        PDM_FAIL(ctx, PDM_ERR_DATA, "%s: no field of %s is in it", j->reference.path, j->file.path);
    }
done:
    return status;
}

static bool has_samples(const plot_file *f)
{
    return f->sample_dim[0] != '\0';
}

/* A reference without samples goes with one sample only; which one, the user says. */
static pdm_status choose_samples(pdm_context *ctx, job *j)
{
    pdm_status status = PDM_OK;
    size_t     most   = j->file.n_sample;

    j->first_sample = j->request->sample >= 0 ? (size_t)j->request->sample : 0;
    PDM_TRY(plot_file_check_sample(ctx, &j->file, j->first_sample));
    if (j->compares && has_samples(&j->reference)) {
        PDM_TRY(plot_file_check_sample(ctx, &j->reference, j->first_sample));
        if (j->reference.n_sample < most) most = j->reference.n_sample;
    }
    if (j->compares && !has_samples(&j->reference) && most > 1 && j->request->sample < 0)
        PDM_FAIL(ctx, PDM_ERR_DATA, "%s has no samples, and %s has %zu: choose the one to compare with --sample",
                 j->reference.path, j->file.path, most);
    j->n_sample = j->request->sample >= 0 ? 1 : most < N_SAMPLE_SHOWN ? most : N_SAMPLE_SHOWN;
done:
    return status;
}

static size_t reference_sample(const job *j, size_t sample)
{
    return has_samples(&j->reference) ? sample : 0;
}

static void tell_missing(pdm_context *ctx, const char *path, const item *x, const plot_field *field, plot_result *r)
{
    if (field->n_missing == 0) return;
    pdm_log(ctx, PDM_LOG_INFO, "plot", "%s: %s of sample %zu: %zu of %zu values are missing or not finite; %s", path,
            field->name, x->sample, field->n_missing, plot_field_size(field),
            view_of(field) == VIEW_LINE ? "left out" : "drawn grey");
    r->n_missing += field->n_missing;
}

static pdm_status read_item(pdm_context *ctx, job *j, item *x, plot_result *r)
{
    pdm_status status = PDM_OK;

    PDM_TRY(plot_field_read(ctx, &j->file, j->field[x->field], x->sample, NULL, &x->mine));
    if (j->compares) {
        PDM_TRY(plot_field_read(ctx, &j->reference, j->reference_field[x->field], reference_sample(j, x->sample),
                                &x->mine, &x->reference));
        PDM_TRY(plot_compare(ctx, j->file.path, &x->mine, j->reference.path, &x->reference, &x->difference, &x->error));
        tell_missing(ctx, j->reference.path, x, &x->reference, r);
    }
    tell_missing(ctx, j->file.path, x, &x->mine, r);
done:
    return status;
}

static pdm_status read_items(pdm_context *ctx, job *j, plot_result *r)
{
    pdm_status status = PDM_OK;

    j->n_item = j->n_sample * (size_t)j->n_field;
    PDM_TRY(pdm_alloc_array(ctx, (pdm_size)j->n_item, &j->item));
    for (size_t i = 0; i < j->n_item; i++) {
        item *x   = &j->item[i];
        x->field  = (int)(i % (size_t)j->n_field);
        x->sample = j->first_sample + i / (size_t)j->n_field;
        PDM_TRY(read_item(ctx, j, x, r));
        if (j->compares && view_of(&x->mine) == VIEW_MAPS && j->n_sample > 1) { /* a row a time: one sample is enough */
            j->n_sample = 1;
            j->n_item   = (size_t)j->n_field;
        }
    }
done:
    return status;
}

/* Different inputs are no error of the prediction. */
static void check_inputs(pdm_context *ctx, const job *j)
{
    for (size_t i = 0; i < j->n_item; i++)
        if (j->is_input[j->item[i].field] && j->item[i].error > SAME_INPUT)
            pdm_log(ctx, PDM_LOG_WARNING, "plot",
                    "sample %zu is of other inputs: %s differs by %.3g %% between %s and %s", j->item[i].sample,
                    j->item[i].mine.name, 100.0 * j->item[i].error, j->file.path, j->reference.path);

    for (int i = 0; i < j->file.n_input; i++)
        for (int k = 0; k < j->reference.n_input; k++) {
            const plot_input *mine = &j->file.input[i], *other = &j->reference.input[k];
            if (strcmp(mine->name, other->name) != 0) continue;
            for (size_t n = j->first_sample; n < j->first_sample + j->n_sample; n++) {
                const double a = mine->value[n], b = other->value[n];
                if (fabs(a - b) > SAME_INPUT * fmax(fabs(a), fabs(b)))
                    pdm_log(ctx, PDM_LOG_WARNING, "plot", "sample %zu is of other inputs: %s is %g in %s, and %g in %s",
                            n, mine->name, a, j->file.path, b, j->reference.path);
            }
        }
}

/* Mean over the fields that are predicted. */
static double mean_error(const job *j)
{
    double sum = 0.0;
    size_t n   = 0;

    for (size_t i = 0; i < j->n_item; i++) {
        if (j->is_input[j->item[i].field]) continue;
        sum += j->item[i].error;
        n++;
    }
    return n > 0 ? sum / (double)n : 0.0;
}

pdm_status job_open(pdm_context *ctx, job *j)
{
    pdm_status status = PDM_OK;

    PDM_TRY(plot_file_open(ctx, j->request->file, &j->file));
    if (j->compares) PDM_TRY(plot_file_open(ctx, j->request->reference, &j->reference));
done:
    return status;
}

pdm_status job_read(pdm_context *ctx, job *j, plot_result *r)
{
    pdm_status status = PDM_OK;

    PDM_TRY(choose_fields(ctx, j));
    PDM_TRY(choose_samples(ctx, j));
    PDM_TRY(read_items(ctx, j, r));
    if (j->compares) check_inputs(ctx, j);
    r->n_sample = j->n_sample;
    r->error    = mean_error(j);
done:
    return status;
}

void job_release(pdm_context *ctx, job *j)
{
    for (size_t i = 0; j->item && i < j->n_item; i++) {
        plot_field_release(ctx, &j->item[i].mine);
        plot_field_release(ctx, &j->item[i].reference);
        plot_field_release(ctx, &j->item[i].difference);
    }
    pdm_free(ctx, j->item);
    figure_release(ctx, &j->figure);
    plot_file_close(ctx, &j->file);
    plot_file_close(ctx, &j->reference);
}
