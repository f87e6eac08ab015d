/* Which fields and samples are drawn, and reading them. */
#include "cli/plot/job.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
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

static exit_code choose_fields(session *s, job *j)
{
    exit_code code = CODE_FINE;
    char      name[PLOT_TEXT];

    if (j->o->field) {
        j->n_field = 1;
        CLI_TRY(plot_file_find(s, &j->file, j->o->field, &j->field[0]));
        if (j->compares) CLI_TRY(plot_file_find(s, &j->reference, j->o->field, &j->reference_field[0]));
        goto done;
    }
    for (int i = 0; i < j->file.n_field; i++) {
        plot_variable_name(&j->file, j->file.field[i], name);
        if (j->compares && !plot_file_has(&j->reference, name, &j->reference_field[j->n_field])) continue;
        j->field[j->n_field++] = j->file.field[i];
    }
    for (int i = 0; i < j->n_field && j->compares; i++)
        j->is_input[i] = plot_is_input(&j->file, j->field[i]) || plot_is_input(&j->reference, j->reference_field[i]);
    if (j->n_field == 0) {
        plot_variable_name(&j->file, j->file.field[0], name);
        code = plot_file_find(s, &j->reference, name, &j->reference_field[0]);
        if (code == CODE_FINE)
            code = fail(s, CODE_DATA, "%s: no field of %s is in it", j->reference.path, j->file.path);
    }
done:
    return code;
}

static bool has_samples(const plot_file *f)
{
    return f->sample_dim >= 0;
}

/* A reference without samples goes with one sample only; which one, the user says. */
static exit_code choose_samples(session *s, job *j)
{
    exit_code code = CODE_FINE;
    size_t    most = j->file.n_sample;

    j->first_sample = j->o->sample >= 0 ? (size_t)j->o->sample : 0;
    CLI_TRY(plot_file_check_sample(s, &j->file, j->first_sample));
    if (j->compares && has_samples(&j->reference)) {
        CLI_TRY(plot_file_check_sample(s, &j->reference, j->first_sample));
        if (j->reference.n_sample < most) most = j->reference.n_sample;
    }
    if (j->compares && !has_samples(&j->reference) && most > 1 && j->o->sample < 0) {
        code = fail(s, CODE_DATA, "%s has no samples, and %s has %zu: choose the one to compare with --sample",
                    j->reference.path, j->file.path, most);
        goto done;
    }
    j->n_sample = j->o->sample >= 0 ? 1 : most < N_SAMPLE_SHOWN ? most : N_SAMPLE_SHOWN;
done:
    return code;
}

static size_t reference_sample(const job *j, size_t sample)
{
    return has_samples(&j->reference) ? sample : 0;
}

static void tell_missing(session *s, const char *path, const item *x, const plot_field *field, plot_result *r)
{
    if (field->n_missing == 0) return;
    remark(s, "%s: %s of sample %zu: %zu of %zu values are missing or not finite; %s", path, field->name, x->sample,
           field->n_missing, plot_field_size(field), view_of(field) == VIEW_LINE ? "left out" : "drawn grey");
    r->n_missing += field->n_missing;
}

static exit_code read_item(session *s, job *j, item *x, plot_result *r)
{
    exit_code code = CODE_FINE;

    CLI_TRY(plot_field_read(s, &j->file, j->field[x->field], x->sample, NULL, &x->mine));
    if (j->compares) {
        CLI_TRY(plot_field_read(s, &j->reference, j->reference_field[x->field], reference_sample(j, x->sample),
                                &x->mine, &x->reference));
        CLI_TRY(plot_compare(s, j->file.path, &x->mine, j->reference.path, &x->reference, &x->difference, &x->error));
        tell_missing(s, j->reference.path, x, &x->reference, r);
    }
    tell_missing(s, j->file.path, x, &x->mine, r);
done:
    return code;
}

static exit_code read_items(session *s, job *j, plot_result *r)
{
    exit_code code = CODE_FINE;

    j->n_item = j->n_sample * (size_t)j->n_field;
    j->item   = calloc(j->n_item, sizeof *j->item);
    if (!j->item) {
        code = fail(s, CODE_MEMORY, "%s", pdm_status_text(PDM_ERR_MEMORY));
        goto done;
    }
    for (size_t i = 0; i < j->n_item; i++) {
        item *x   = &j->item[i];
        x->field  = (int)(i % (size_t)j->n_field);
        x->sample = j->first_sample + i / (size_t)j->n_field;
        CLI_TRY(read_item(s, j, x, r));
        if (j->compares && view_of(&x->mine) == VIEW_MAPS && j->n_sample > 1) { /* a row a time: one sample is enough */
            j->n_sample = 1;
            j->n_item   = (size_t)j->n_field;
        }
    }
done:
    return code;
}

/* Different inputs are no error of the prediction. */
static void check_inputs(session *s, const job *j)
{
    char name[PLOT_TEXT], other[PLOT_TEXT];

    for (size_t i = 0; i < j->n_item; i++)
        if (j->is_input[j->item[i].field] && j->item[i].error > SAME_INPUT)
            remark(s, "warning: sample %zu is of other inputs: %s differs by %.3g %% between %s and %s",
                   j->item[i].sample, j->item[i].mine.name, 100.0 * j->item[i].error, j->file.path, j->reference.path);

    for (int i = 0; i < j->file.n_input; i++)
        for (int k = 0; k < j->reference.n_input; k++) {
            plot_variable_name(&j->file, j->file.input[i], name);
            plot_variable_name(&j->reference, j->reference.input[k], other);
            if (strcmp(name, other) != 0) continue;
            for (size_t n = j->first_sample; n < j->first_sample + j->n_sample; n++) {
                const double a = plot_input_value(&j->file, i, n), b = plot_input_value(&j->reference, k, n);
                if (fabs(a - b) > SAME_INPUT * fmax(fabs(a), fabs(b)))
                    remark(s, "warning: sample %zu is of other inputs: %s is %g in %s, and %g in %s", n, name, a,
                           j->file.path, b, j->reference.path);
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

exit_code job_open(session *s, job *j)
{
    exit_code code = CODE_FINE;

    CLI_TRY(plot_file_open(s, j->o->operand[0], &j->file));
    if (j->compares) CLI_TRY(plot_file_open(s, j->o->operand[1], &j->reference));
done:
    return code;
}

exit_code job_read(session *s, job *j, plot_result *r)
{
    exit_code code = CODE_FINE;

    CLI_TRY(choose_fields(s, j));
    CLI_TRY(choose_samples(s, j));
    CLI_TRY(read_items(s, j, r));
    if (j->compares) check_inputs(s, j);
    r->n_sample = j->n_sample;
    r->error    = mean_error(j);
done:
    return code;
}

void job_release(job *j)
{
    for (size_t i = 0; j->item && i < j->n_item; i++) {
        plot_field_release(&j->item[i].mine);
        plot_field_release(&j->item[i].reference);
        plot_field_release(&j->item[i].difference);
    }
    free(j->item);
    figure_release(&j->figure);
    plot_file_close(&j->file);
    plot_file_close(&j->reference);
}
