/* Two fields on the points that they have in common. */
#include "plot/data.h"

#include <math.h>
#include <string.h>

/* Entries of the one axis and of the other that are at the same place. */
typedef struct matching {
    size_t  n;
    size_t *a, *b; /* [n] */
} matching;

static double extent(const plot_axis *x)
{
    return x->n > 1 ? x->at[x->n - 1] - x->at[0] : 0.0;
}

/* Single precision in one of the files must not matter: places are the same to a millionth of the extent. */
static pdm_status match(pdm_context *ctx, const char *path_a, const plot_axis *a, const char *path_b,
                        const plot_axis *b, matching *m)
{
    pdm_status   status = PDM_OK;
    const double slack  = 1e-6 * fmax(extent(a), extent(b));

    PDM_TRY(pdm_alloc_array(ctx, (pdm_size)a->n, &m->a));
    PDM_TRY(pdm_alloc_array(ctx, (pdm_size)a->n, &m->b));
    if (!a->name[0]) {
        m->n = 1; /* neither has such a dimension */
        goto done;
    }
    for (size_t i = 0, k = 0; i < a->n; i++) {
        while (k < b->n && b->at[k] < a->at[i] - slack) k++;
        if (k == b->n || b->at[k] > a->at[i] + slack) continue;
        m->a[m->n] = i;
        m->b[m->n] = k++;
        m->n++;
    }
    if (m->n < 2)
        PDM_FAIL(ctx, PDM_ERR_DATA,
                 "%s and %s have %s of their coordinates %s in common (%zu from %g to %g, and %zu from %g to %g): "
                 "predict on the coordinates of the reference",
                 path_a, path_b, m->n ? "one only" : "none", a->name, a->n, a->at[0], a->at[a->n - 1], b->n, b->at[0],
                 b->at[b->n - 1]);
done:
    return status;
}

static void matching_release(pdm_context *ctx, matching *m)
{
    pdm_free(ctx, m->a);
    pdm_free(ctx, m->b);
}

/* ---- names and units ---- */

static pdm_status agree(pdm_context *ctx, const char *path_a, const char *path_b, const char *name, char *units_a,
                        char *units_b)
{
    if (units_a[0] && units_b[0] && strcmp(units_a, units_b) != 0)
        return pdm_error_set(ctx, PDM_ERR_DATA, NULL, __func__,
                             "%s is in %s in %s, and in %s in %s; the same units expected", name, units_a, path_a,
                             units_b, path_b);
    if (!units_a[0]) memcpy(units_a, units_b, PLOT_TEXT);
    return PDM_OK;
}

static void lend_name(char *mine, const char *other)
{
    if (!mine[0]) memcpy(mine, other, PLOT_TEXT);
}

static pdm_status agree_on_words(pdm_context *ctx, const char *path_a, plot_field *a, const char *path_b, plot_field *b)
{
    plot_axis *const of_a[] = {&a->t, &a->y, &a->x}, *const of_b[] = {&b->t, &b->y, &b->x};
    pdm_status status = PDM_OK;

    PDM_TRY(agree(ctx, path_a, path_b, a->name, a->units, b->units));
    lend_name(a->long_name, b->long_name);
    for (int i = 0; i < 3; i++) {
        PDM_TRY(agree(ctx, path_a, path_b, of_a[i]->name, of_a[i]->units, of_b[i]->units));
        lend_name(of_a[i]->long_name, of_b[i]->long_name);
    }
done:
    return status;
}

/* ---- values ---- */

/* Keeps the given entries of each axis; they increase, so that values move to the front only. */
static void keep(plot_field *x, const size_t *t, size_t n_t, const size_t *y, size_t n_y, const size_t *at_x,
                 size_t n_x)
{
    const struct {
        plot_axis    *axis;
        const size_t *entry;
        size_t        n;
    } part[] = {{&x->t, t, n_t}, {&x->y, y, n_y}, {&x->x, at_x, n_x}};
    size_t k = 0;

    for (size_t i = 0; i < n_t; i++)
        for (size_t j = 0; j < n_y; j++)
            for (size_t l = 0; l < n_x; l++) x->value[k++] = x->value[(t[i] * x->y.n + y[j]) * x->x.n + at_x[l]];
    for (int p = 0; p < 3; p++) {
        for (size_t i = 0; part[p].axis->at && i < part[p].n; i++)
            part[p].axis->at[i] = part[p].axis->at[part[p].entry[i]];
        part[p].axis->n = part[p].n;
    }
    plot_field_count_missing(x);
}

static pdm_status copy_axis(pdm_context *ctx, const plot_axis *from, plot_axis *to)
{
    pdm_status status = PDM_OK;

    *to = *from;
    if (!from->at) goto done;
    PDM_TRY(pdm_alloc_array(ctx, (pdm_size)from->n, &to->at));
    memcpy(to->at, from->at, from->n * sizeof *to->at);
done:
    return status;
}

static pdm_status copy_shape(pdm_context *ctx, const plot_field *from, plot_field *to)
{
    pdm_status status = PDM_OK;

    *to      = *from;
    to->t.at = to->y.at = to->x.at = to->value = NULL;
    PDM_TRY(pdm_alloc_array(ctx, (pdm_size)plot_field_size(from), &to->value));
    PDM_TRY(copy_axis(ctx, &from->t, &to->t));
    PDM_TRY(copy_axis(ctx, &from->y, &to->y));
    PDM_TRY(copy_axis(ctx, &from->x, &to->x));
done:
    return status;
}

static double subtract(const plot_field *a, const plot_field *b, double *out)
{
    const size_t n     = plot_field_size(a);
    double       error = 0.0, norm = 0.0;

    for (size_t i = 0; i < n; i++) {
        out[i] = a->value[i] - b->value[i];
        if (!isfinite(out[i])) continue;
        error += out[i] * out[i];
        norm += b->value[i] * b->value[i];
    }
    return sqrt(error / norm);
}

static void tell_left_out(pdm_context *ctx, const char *path, const plot_axis *x, size_t n_common)
{
    if (n_common < x->n)
        pdm_log(ctx, PDM_LOG_INFO, "plot",
                "%s: %zu of %zu coordinates %s are compared; the others are not in both files", path, n_common, x->n,
                x->name);
}

pdm_status plot_compare(pdm_context *ctx, const char *path_a, plot_field *a, const char *path_b, plot_field *b,
                        plot_field *difference, double *error)
{
    plot_axis *const of_a[] = {&a->t, &a->y, &a->x}, *const of_b[] = {&b->t, &b->y, &b->x};
    pdm_status status = PDM_OK;
    matching   m[3]   = {0};

    PDM_TRY(agree_on_words(ctx, path_a, a, path_b, b));
    for (int i = 0; i < 3; i++) PDM_TRY(match(ctx, path_a, of_a[i], path_b, of_b[i], &m[i]));
    for (int i = 0; i < 3; i++) tell_left_out(ctx, path_a, of_a[i], m[i].n);
    keep(a, m[0].a, m[0].n, m[1].a, m[1].n, m[2].a, m[2].n);
    keep(b, m[0].b, m[0].n, m[1].b, m[1].n, m[2].b, m[2].n);
    PDM_TRY(copy_shape(ctx, a, difference));
    *error = subtract(a, b, difference->value);
    plot_field_count_missing(difference);
    if (difference->n_missing == plot_field_size(difference))
        PDM_FAIL(ctx, PDM_ERR_DATA, "%s and %s: %s has no point where both are finite", path_a, path_b, a->name);
done:
    for (int i = 0; i < 3; i++) matching_release(ctx, &m[i]);
    return status;
}
