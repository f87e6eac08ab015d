/* Two fields on the points that they have in common. */
#include "cli/plot/data.h"

#include <math.h>
#include <stdlib.h>
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
static exit_code match(session *s, const char *path_a, const plot_axis *a, const char *path_b, const plot_axis *b,
                       matching *m)
{
    const double slack = 1e-6 * fmax(extent(a), extent(b));

    m->a = calloc(a->n, sizeof *m->a);
    m->b = calloc(a->n, sizeof *m->b);
    if (!m->a || !m->b) return fail(s, CODE_MEMORY, "%s", pdm_status_text(PDM_ERR_MEMORY));
    if (!a->name[0]) {
        m->n = 1; /* neither has such a dimension */
        return CODE_FINE;
    }
    for (size_t i = 0, k = 0; i < a->n; i++) {
        while (k < b->n && b->at[k] < a->at[i] - slack) k++;
        if (k == b->n || b->at[k] > a->at[i] + slack) continue;
        m->a[m->n] = i;
        m->b[m->n] = k++;
        m->n++;
    }
    if (m->n >= 2) return CODE_FINE;
    return fail(s, CODE_DATA,
                "%s and %s have %s of their coordinates %s in common (%zu from %g to %g, and %zu from %g to %g): "
                "predict on the "
                "coordinates of the reference",
                path_a, path_b, m->n ? "one only" : "none", a->name, a->n, a->at[0], a->at[a->n - 1], b->n, b->at[0],
                b->at[b->n - 1]);
}

static void matching_release(matching *m)
{
    free(m->a);
    free(m->b);
}

/* ---- names and units ---- */

static exit_code agree(session *s, const char *path_a, const char *path_b, const char *name, char *units_a,
                       char *units_b)
{
    if (units_a[0] && units_b[0] && strcmp(units_a, units_b) != 0)
        return fail(s, CODE_DATA, "%s is in %s in %s, and in %s in %s; the same units expected", name, units_a, path_a,
                    units_b, path_b);
    if (!units_a[0]) memcpy(units_a, units_b, PLOT_TEXT);
    return CODE_FINE;
}

static void lend_name(char *mine, const char *other)
{
    if (!mine[0]) memcpy(mine, other, PLOT_TEXT);
}

static exit_code agree_on_words(session *s, const char *path_a, plot_field *a, const char *path_b, plot_field *b)
{
    plot_axis *const of_a[] = {&a->t, &a->y, &a->x}, *const of_b[] = {&b->t, &b->y, &b->x};
    exit_code code = CODE_FINE;

    CLI_TRY(agree(s, path_a, path_b, a->name, a->units, b->units));
    lend_name(a->long_name, b->long_name);
    for (int i = 0; i < 3; i++) {
        CLI_TRY(agree(s, path_a, path_b, of_a[i]->name, of_a[i]->units, of_b[i]->units));
        lend_name(of_a[i]->long_name, of_b[i]->long_name);
    }
done:
    return code;
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

static exit_code copy_axis(session *s, const plot_axis *from, plot_axis *to)
{
    *to = *from;
    if (!from->at) return CODE_FINE;
    to->at = calloc(from->n, sizeof *to->at);
    if (!to->at) return fail(s, CODE_MEMORY, "%s", pdm_status_text(PDM_ERR_MEMORY));
    memcpy(to->at, from->at, from->n * sizeof *to->at);
    return CODE_FINE;
}

static exit_code copy_shape(session *s, const plot_field *from, plot_field *to)
{
    exit_code code = CODE_FINE;

    *to      = *from;
    to->t.at = to->y.at = to->x.at = NULL;
    to->value                      = calloc(plot_field_size(from), sizeof *to->value);
    if (!to->value) {
        code = fail(s, CODE_MEMORY, "%s", pdm_status_text(PDM_ERR_MEMORY));
        goto done;
    }
    CLI_TRY(copy_axis(s, &from->t, &to->t));
    CLI_TRY(copy_axis(s, &from->y, &to->y));
    CLI_TRY(copy_axis(s, &from->x, &to->x));
done:
    return code;
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

static void tell_left_out(session *s, const char *path, const plot_axis *x, size_t n_common)
{
    if (n_common < x->n)
        remark(s, "%s: %zu of %zu coordinates %s are compared; the others are not in both files", path, n_common, x->n,
               x->name);
}

exit_code plot_compare(session *s, const char *path_a, plot_field *a, const char *path_b, plot_field *b,
                       plot_field *difference, double *error)
{
    plot_axis *const of_a[] = {&a->t, &a->y, &a->x}, *const of_b[] = {&b->t, &b->y, &b->x};
    exit_code code = CODE_FINE;
    matching  m[3] = {0};

    CLI_TRY(agree_on_words(s, path_a, a, path_b, b));
    for (int i = 0; i < 3; i++) CLI_TRY(match(s, path_a, of_a[i], path_b, of_b[i], &m[i]));
    for (int i = 0; i < 3; i++) tell_left_out(s, path_a, of_a[i], m[i].n);
    keep(a, m[0].a, m[0].n, m[1].a, m[1].n, m[2].a, m[2].n);
    keep(b, m[0].b, m[0].n, m[1].b, m[1].n, m[2].b, m[2].n);
    CLI_TRY(copy_shape(s, a, difference));
    *error = subtract(a, b, difference->value);
    plot_field_count_missing(difference);
    if (difference->n_missing == plot_field_size(difference))
        code = fail(s, CODE_DATA, "%s and %s: %s has no point where both are finite", path_a, path_b, a->name);
done:
    for (int i = 0; i < 3; i++) matching_release(&m[i]);
    return code;
}
