/* From the values of all items of a field to its colours. */
#include "plot/job.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define OUTLIER 0.995 /* share of differences that the colours are made for, where the rest is far beyond */

/* What is below counts as 0, and what is beyond is drawn like it: a step of ticks is a normal number. */
#define TINY  1e-300
#define LARGE 1e300

/* Outward to numbers that are rounder: ends that are nearly round get their tick. */
static void round_ends(scale *c)
{
    const double step = pow(10.0, floor(log10((c->high - c->low) / 50.0)));

    c->low  = floor(c->low / step + 1e-6) * step;
    c->high = ceil(c->high / step - 1e-6) * step;
}

static scale scale_for_values(const job *j, int field)
{
    scale c = {.low = INFINITY, .high = -INFINITY};

    for (size_t i = 0; i < j->n_item; i++) {
        const item *x = &j->item[i];
        if (x->field != field) continue;
        plot_range(x->mine.value, plot_field_size(&x->mine), &c.low, &c.high);
        if (j->compares) plot_range(x->reference.value, plot_field_size(&x->reference), &c.low, &c.high);
    }
    c.low  = fmax(c.low, -LARGE);
    c.high = fmin(c.high, LARGE);
    if (!(c.high - c.low > fmax(1e-12 * fabs(c.high), TINY))) { /* constant */
        const double room = fabs(c.low) > TINY ? 0.5 * fabs(c.low) : 0.5;
        c.low -= room;
        c.high += room;
    }
    round_ends(&c);
    return c;
}

static int compare_numbers(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Sizes of all finite differences of a field, sorted. Allocated; there is one at least. */
static pdm_status sorted_sizes(pdm_context *ctx, const job *j, int field, double **out, size_t *n)
{
    pdm_status status   = PDM_OK;
    size_t     capacity = 0;

    *n = 0;
    for (size_t i = 0; i < j->n_item; i++)
        capacity += j->item[i].field == field ? plot_field_size(&j->item[i].difference) : 0;
    PDM_TRY(pdm_alloc_array(ctx, (pdm_size)capacity, out));
    for (size_t i = 0; i < j->n_item; i++) {
        const plot_field *d = &j->item[i].difference;
        if (j->item[i].field != field) continue;
        for (size_t k = 0; k < plot_field_size(d); k++)
            if (isfinite(d->value[k])) (*out)[(*n)++] = fabs(d->value[k]);
    }
    qsort(*out, *n, sizeof **out, compare_numbers);
done:
    return status;
}

/* Symmetric about 0. A few values far beyond all others, as at a jump in the data, do not set the scale. */
static pdm_status scale_for_difference(pdm_context *ctx, job *j, int field, scale *out)
{
    pdm_status status = PDM_OK;
    size_t     n      = 0;
    double    *size   = NULL;

    PDM_TRY(sorted_sizes(ctx, j, field, &size, &n));
    const double most = j->largest[field] = size[n - 1], usual = size[(size_t)(OUTLIER * (double)(n - 1))];
    const double high = most > 2.0 * usual && usual > TINY ? usual : most > TINY ? fmin(most, LARGE) : 1.0;
    *out =
        (scale){.low = -high, .high = high, .is_diverging = true, .goes_below = most > high, .goes_above = most > high};
done:
    pdm_free(ctx, size);
    return status;
}

pdm_status job_set_scales(pdm_context *ctx, job *j)
{
    pdm_status status = PDM_OK;

    for (int i = 0; i < j->n_field; i++) {
        j->scale[i] = scale_for_values(j, i);
        if (j->compares) PDM_TRY(scale_for_difference(ctx, j, i, &j->difference_scale[i]));
    }
done:
    return status;
}

void job_note_largest(job *j)
{
    for (int i = 0; i < j->n_field; i++) {
        char number[TICK_TEXT], text[PLOT_TEXT];
        if (!j->difference_scale[i].goes_above) continue;
        number_text(j->largest[i], number);
        snprintf(text, sizeof text, "differences of %.100s beyond the colours: up to %s", j->item[i].mine.name, number);
        figure_note(&j->figure, text);
    }
}
