/* Tensors from coefficients to points and from points to rows, one dimension at a time, by tables of narrow matrices.
 * Coefficients are fewer than points: the last dimension, whose sums are the slow ones, goes first. */
#include "backend/cpu/rows_impl.h"

#include <string.h>

/* ---- tables ---- */

static pdm_size pitch_of(pdm_size n)
{
    return (n + PDM_CPU_LANES_MOST - 1) / PDM_CPU_LANES_MOST * PDM_CPU_LANES_MOST;
}

/* Room for a table, all of it zero. */
static pdm_cpu_narrow carve_table(pdm_arena *a, pdm_size n, pdm_size width, pdm_size n_order, double **weight,
                                  int32_t **place, int32_t **count, int32_t **window)
{
    const pdm_size pitch = pitch_of(n);
    *weight              = pdm_carve(a, double, n_order *width *pitch);
    *place               = pdm_carve(a, int32_t, width * pitch);
    *count               = pdm_carve(a, int32_t, n);
    *window              = pdm_carve(a, int32_t, width * pitch / PDM_CPU_LANES_MOST);
    if (*weight) {
        memset(*weight, 0, (size_t)(n_order * width * pitch) * sizeof **weight);
        memset(*place, 0, (size_t)(width * pitch) * sizeof **place);
    }
    return (pdm_cpu_narrow){n, width, pitch, *weight, *place, *count, *window, false};
}

/* Once places are known. n_in: columns. */
static void find_windows(const pdm_cpu_narrow *t, pdm_size n_in, int32_t *window)
{
    for (pdm_size at = 0; at < t->width * t->pitch; at += PDM_CPU_LANES_MOST) {
        int32_t low = t->place[at], high = t->place[at];
        for (pdm_size i = at; i < at + PDM_CPU_LANES_MOST; i++) {
            low  = t->place[i] < low ? t->place[i] : low;
            high = t->place[i] > high ? t->place[i] : high;
        }
        if (low > n_in - PDM_CPU_WINDOW) low = (int32_t)(n_in - PDM_CPU_WINDOW);
        window[at / PDM_CPU_LANES_MOST] = low >= 0 && high < low + PDM_CPU_WINDOW ? low : -1;
    }
}

/* Rows beyond the last, which are computed with it, read what it reads. */
static void repeat_last(const pdm_cpu_narrow *t, int32_t *place)
{
    for (pdm_size k = 0; k < t->width && t->n > 0; k++)
        for (pdm_size i = t->n; i < t->pitch; i++) place[k * t->pitch + i] = place[k * t->pitch + t->n - 1];
}

static pdm_cpu_narrow basis_table(pdm_arena *a, const narrow_source *s)
{
    const pdm_size width = s->degree + 1, n = s->axis->n_point;
    double        *weight;
    int32_t       *place, *count, *window;
    pdm_cpu_narrow t = carve_table(a, n, width, s->n_order, &weight, &place, &count, &window);

    if (!weight) return t;
    t.same_places = true;
    for (pdm_size i = 0; i < n; i++) {
        t.same_places = t.same_places && s->axis->element[i] == s->axis->element[0];
        count[i]      = (int32_t)width;
        for (pdm_size k = 0; k < width; k++) {
            place[k * t.pitch + i] = (int32_t)((s->axis->element[i] + k) % s->n_coef);
            for (pdm_size o = 0; o < s->n_order; o++)
                weight[(o * width + k) * t.pitch + i] = s->axis->basis[(o * n + i) * width + k];
        }
    }
    repeat_last(&t, place);
    find_windows(&t, s->n_coef, window);
    return t;
}

static pdm_cpu_narrow pairs_table(pdm_arena *a, const narrow_source *s)
{
    const pdm_axis *axis  = s->axis;
    const pdm_size  n     = s->row_scale ? axis->n_row : 0;
    pdm_size        width = 0;
    double         *weight;
    int32_t        *place, *count, *window;

    for (pdm_size i = 0; i < n; i++)
        if (axis->pair0[i + 1] - axis->pair0[i] > width) width = axis->pair0[i + 1] - axis->pair0[i];
    pdm_cpu_narrow t = carve_table(a, n, width, 1, &weight, &place, &count, &window);
    if (!weight) return t;
    for (pdm_size i = 0; i < n; i++) {
        count[i] = axis->pair0[i + 1] - axis->pair0[i];
        for (pdm_size k = 0; k < width && count[i] > 0; k++) {
            const int32_t pair     = axis->pair0[i] + (k < count[i] ? (int32_t)k : 0);
            place[k * t.pitch + i] = axis->pair_point[pair];
            if (k < count[i]) weight[k * t.pitch + i] = s->scale * s->row_scale[i] * axis->pair_weight[pair];
        }
    }
    repeat_last(&t, place);
    find_windows(&t, axis->n_point, window);
    return t;
}

static const double *scaled_pair_basis(pdm_arena *a, const narrow_source *s)
{
    const pdm_axis *axis   = s->axis;
    const pdm_size  n_pair = axis->pair_basis ? axis->pair0[axis->n_row] : 0, width = s->degree + 1;
    double         *out = pdm_carve(a, double, s->n_order *n_pair *width);

    for (pdm_size i = 0; i < axis->n_row && out && n_pair > 0; i++)
        for (int32_t q = axis->pair0[i]; q < axis->pair0[i + 1]; q++)
            for (pdm_size o = 0; o < s->n_order; o++)
                for (pdm_size l = 0; l < width; l++) {
                    const pdm_size at = (o * n_pair + q) * width + l;
                    out[at]           = s->scale * s->row_scale[i] * axis->pair_basis[at];
                }
    return out;
}

static void tables_layout(narrow_axes *a, pdm_size n, const narrow_source *source)
{
    narrow_axis *axis = pdm_carve(&a->arena, narrow_axis, n);
    for (pdm_size i = 0; i < n; i++) {
        const pdm_cpu_narrow basis = basis_table(&a->arena, &source[i]), pairs = pairs_table(&a->arena, &source[i]);
        const double        *pair_basis = scaled_pair_basis(&a->arena, &source[i]);
        if (axis) axis[i] = (narrow_axis){source[i].axis, source[i].n_coef, basis, pairs, pair_basis};
    }
    a->axis = axis;
}

pdm_status narrow_axes_create(pdm_context *ctx, pdm_size n, const narrow_source *source, narrow_axes *out)
{
    pdm_status status = PDM_OK;
    pdm_arena_measure(&out->arena, ctx);
    tables_layout(out, n, source);
    PDM_TRY(pdm_arena_allocate(&out->arena));
    tables_layout(out, n, source);
done:
    return status;
}

void narrow_axes_destroy(narrow_axes *a)
{
    pdm_arena_destroy(&a->arena);
}

/* ---- coefficients to points ---- */

static pdm_cpu_narrow basis_of(const narrow_axis *a, int32_t order)
{
    pdm_cpu_narrow t = a->basis;
    t.weight += order * t.width * t.pitch;
    return t;
}

narrow_slab narrow_slab_of(pdm_size n_dim, const narrow_axis *axis, pdm_size first0, pdm_size n0)
{
    narrow_slab    s     = {n_dim, axis, first0, n0, 0, axis[0].n_coef};
    const int32_t *place = axis[0].basis.place;
    pdm_size       low = axis[0].n_coef, high = 0;

    for (pdm_size i = first0; i < first0 + n0; i++)
        for (pdm_size k = 0; k < axis[0].basis.width; k++) {
            const pdm_size at = place[k * axis[0].basis.pitch + i];
            low               = at < low ? at : low;
            high              = at > high ? at : high;
        }
    if (n0 > 0) s.coef0 = low, s.n_coef0 = high - low + 1;
    return s;
}

/* Sizes of the tensor once dimensions j .. n_dim-1 are points, 1 <= j. */
static pdm_size mixed_size(const narrow_slab *s, pdm_size j)
{
    pdm_size n = s->n_coef0;
    for (pdm_size i = 1; i < s->n_dim; i++) n *= i < j ? s->axis[i].n_coef : s->axis[i].basis.n;
    return n;
}

/* Doubles of each of the two halves of work. */
static pdm_size evaluate_half(const narrow_slab *s)
{
    pdm_size most = 0;
    for (pdm_size j = 1; j < s->n_dim; j++) most = mixed_size(s, j) > most ? mixed_size(s, j) : most;
    return most;
}

pdm_size narrow_evaluate_size(const narrow_slab *s)
{
    return 2 * evaluate_half(s);
}

const double *narrow_evaluate_plane(const pdm_cpu_kernels *k, const narrow_slab *s, const int32_t *order,
                                    const double *restrict c, double *restrict work)
{
    const pdm_size half  = evaluate_half(s);
    pdm_size       inner = 1, plane = 1;

    for (pdm_size i = 1; i < s->n_dim; i++) plane *= s->axis[i].n_coef;
    const double *from = c + s->coef0 * plane;
    for (pdm_size j = s->n_dim - 1; j >= 1; j--) {
        const pdm_cpu_narrow t     = basis_of(&s->axis[j], order[j]);
        pdm_size             outer = s->n_coef0;
        for (pdm_size i = 1; i < j; i++) outer *= s->axis[i].n_coef;
        double *to = work + (j % 2) * half;
        k->narrow(&t, 0, t.n, outer, inner, 0, s->axis[j].n_coef, from, to);
        inner *= t.n;
        from = to;
    }
    return from;
}

void narrow_evaluate_first(const pdm_cpu_kernels *k, const narrow_slab *s, int32_t order, const double *restrict plane,
                           double *restrict out)
{
    const pdm_cpu_narrow t     = basis_of(&s->axis[0], order);
    pdm_size             inner = 1;
    for (pdm_size i = 1; i < s->n_dim; i++) inner *= s->axis[i].basis.n;
    k->narrow(&t, s->first0, s->n0, 1, inner, s->coef0, s->n_coef0, plane, out);
}

/* ---- points to rows ---- */

/* Sizes of the tensor once dimensions 0 .. j are rows. */
static pdm_size summed_size(const narrow_slab *s, pdm_size n_row0, pdm_size j)
{
    pdm_size n = n_row0;
    for (pdm_size i = 1; i < s->n_dim; i++) n *= i <= j ? s->axis[i].pairs.n : s->axis[i].basis.n;
    return n;
}

static pdm_size rows_half(const narrow_slab *s, pdm_size n_row0)
{
    pdm_size most = 0;
    for (pdm_size j = 0; j < s->n_dim; j++) most = summed_size(s, n_row0, j) > most ? summed_size(s, n_row0, j) : most;
    return most;
}

pdm_size narrow_rows_size(const narrow_slab *s, pdm_size n_row0)
{
    return 2 * rows_half(s, n_row0);
}

const double *narrow_rows(const pdm_cpu_kernels *k, const narrow_slab *s, pdm_size row0, pdm_size n_row0,
                          const double *restrict values, double *restrict work)
{
    const pdm_size half  = rows_half(s, n_row0);
    const double  *from  = values;
    pdm_size       outer = 1;

    for (pdm_size j = 0; j < s->n_dim; j++) {
        const pdm_cpu_narrow *t     = &s->axis[j].pairs;
        pdm_size              inner = 1;
        for (pdm_size i = j + 1; i < s->n_dim; i++) inner *= s->axis[i].basis.n;
        double *to = work + (j % 2) * half;
        if (j == 0)
            k->narrow(t, row0, n_row0, 1, inner, s->first0, s->n0, from, to);
        else
            k->narrow(t, 0, t->n, outer, inner, 0, s->axis[j].basis.n, from, to);
        outer *= j == 0 ? n_row0 : t->n;
        from = to;
    }
    return from;
}
