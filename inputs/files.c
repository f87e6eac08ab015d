/* Inputs of samples from a NetCDF file, brought onto the control grid, and the file's output coordinates. */
#include "inputs/inputs.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const char *units_or_null(const char *units)
{
    return *units ? units : NULL;
}

static pdm_status read_coordinates(const pdm_domain *d, pdm_fields *f, pdm_file_inputs *x)
{
    pdm_context   *ctx    = pdm_fields_context(f);
    const pdm_pde *pde    = pdm_domain_pde(d);
    pdm_status     status = PDM_OK;
    for (pdm_size j = 0; j < pdm_domain_n_dim(d); j++) {
        const char       *name = pdm_pde_dim_name(pde, j);
        const pdm_spline *s    = pdm_domain_spline(d, j);
        if (!pdm_fields_has(f, name)) continue;
        PDM_TRY(pdm_fields_coordinate(f, name, units_or_null(pdm_pde_dim_units(pde, j)), &x->coordinate[j],
                                      &x->n_coordinate[j]));
        PDM_TRY(pdm_fields_snap(f, name, s->map.low, s->map.high, x->coordinate[j], x->n_coordinate[j]));
        const double slack      = 1e-9 * (s->map.high - s->map.low);
        const bool   open_ended = j == 0 && pdm_pde_has_time(pde); /* later times are reached by roll-out */
        for (pdm_size i = 0; i < x->n_coordinate[j]; i++)
            if (x->coordinate[j][i] < s->map.low - slack || (x->coordinate[j][i] > s->map.high + slack && !open_ended))
                PDM_FAIL(ctx, PDM_ERR_DATA,
                         "%s: coordinate %s = %.9g (number %lld) is outside the domain; %.9g to %.9g expected",
                         pdm_fields_path(f), name, x->coordinate[j][i], (long long)i, s->map.low, s->map.high);
    }
done:
    return status;
}

/* The nearest of n points x, the lower of two, to each of n_to others; period 0: none. */
static void find_nearest(double length, bool periodic, pdm_size n, const double *x, pdm_size n_to, const double *to,
                         pdm_size *nearest)
{
    for (pdm_size i = 0; i < n_to; i++) {
        double least = INFINITY;
        for (pdm_size k = 0; k < n; k++) {
            const double gap = fabs(x[k] - to[i]), far = periodic && gap > 0.5 * length ? length - gap : gap;
            if (far < least - 1e-9 * length) {
                least      = far;
                nearest[i] = k;
            }
        }
    }
}

/* Lines of n values, `inner` apart, at points x become lines of n_to at points `to`: the nearest value for an input on
 * cells, that of the cubic spline through them otherwise. */
static pdm_status bring_lines(pdm_context *ctx, const pdm_spline *s, bool on_cells, pdm_size n, const double *x,
                              pdm_size n_to, const double *to, pdm_size outer, pdm_size inner, const double *values,
                              double *out)
{
    pdm_status    status  = PDM_OK;
    const double  length  = s->map.high - s->map.low;
    pdm_resample *spline  = NULL;
    pdm_size     *nearest = NULL;

    if (on_cells) {
        PDM_TRY(pdm_alloc_array(ctx, n_to, &nearest));
        find_nearest(length, s->periodic, n, x, n_to, to, nearest);
    } else {
        PDM_TRY(pdm_resample_create(ctx, n, x, n_to, to, s->periodic ? length : 0.0, &spline));
    }
    for (pdm_size o = 0; o < outer; o++)
        for (pdm_size q = 0; q < inner; q++) {
            const double *from = values + o * n * inner + q;
            double       *line = out + o * n_to * inner + q;
            if (spline) pdm_resample_apply(spline, from, inner, line, inner);
            for (pdm_size i = 0; i < n_to && nearest; i++) line[i * inner] = from[nearest[i] * inner];
        }
done:
    pdm_resample_destroy(&spline);
    pdm_free(ctx, nearest);
    return status;
}

static const double SEAM = 1e-5; /* of the largest value: above what single precision leaves */

/* Where the values of a field come from. */
typedef struct field_source {
    pdm_context         *ctx;
    const char          *name;       /* for messages                             */
    const double *const *coordinate; /* by dimension of the domain; NULL: no one */
} field_source;

/* Both ends of a periodic dimension are one place: says so where values there, lines of n with `inner` of them side by
 * side, disagree. The last is left out. */
static void check_seam(const pdm_domain *d, const field_source *from, pdm_size input, pdm_size j, const double *x,
                       pdm_size n, pdm_size outer, pdm_size inner, const double *values)
{
    const pdm_spline *s     = pdm_domain_spline(d, j);
    const double      slack = 1e-9 * (s->map.high - s->map.low);
    double            jump = 0.0, most = 0.0;

    if (!s->periodic || n < 2 || fabs(x[n - 1] - x[0] - (s->map.high - s->map.low)) > slack) return;
    for (pdm_size o = 0; o < outer; o++)
        for (pdm_size q = 0; q < inner; q++) {
            const double *line = values + o * n * inner + q;
            jump               = fmax(jump, fabs(line[(n - 1) * inner] - line[0]));
            for (pdm_size i = 0; i < n; i++) most = fmax(most, fabs(line[i * inner]));
        }
    if (jump > SEAM * most)
        pdm_log(from->ctx, PDM_LOG_WARNING, "seam",
                "%s: input \"%s\" jumps by %g from one end of %s, which is periodic, to the other; the value at %g is "
                "left out",
                from->name, pdm_pde_input(pdm_domain_pde(d), input)->name, jump, pdm_pde_dim_name(pdm_domain_pde(d), j),
                x[n - 1]);
}

/* One field input of all samples from the source's grid to the input's own points, dimension by dimension. values is
 * replaced: [n_sample][grid of the source] -> [n_sample][points of the input]. */
static pdm_status resample_field(const pdm_domain *d, const field_source *from, pdm_size input, pdm_size *shape,
                                 double **values)
{
    pdm_context          *ctx    = from->ctx;
    const pdm_pde        *pde    = pdm_domain_pde(d);
    pdm_status            status = PDM_OK;
    const pdm_input_info *info   = pdm_pde_input(pde, input);
    double               *next   = NULL;

    for (pdm_size k = 0; k < info->n_dim; k++) {
        const pdm_size    j     = info->dim[k];
        const pdm_spline *s     = pdm_domain_spline(d, j);
        const pdm_size    n     = shape[k + 1];
        pdm_size          outer = 1, inner = 1, n_to;
        const double     *to = pdm_domain_input_points(d, input, k, &n_to);
        if (!from->coordinate[j])
            PDM_FAIL(ctx, PDM_ERR_DATA,
                     "%s: input \"%s\" has dimension \"%s\", but there are no coordinates of that name", from->name,
                     info->name, pdm_pde_dim_name(pde, j));
        const double *x     = from->coordinate[j];
        const double  slack = n > 1 ? (s->map.high - s->map.low) / (double)(n - 1) : 0.0;
        if (!s->periodic && n > 1 && (x[0] > s->map.low + slack || x[n - 1] < s->map.high - slack))
            PDM_FAIL(ctx, PDM_ERR_DATA,
                     "%s: input \"%s\" covers %s from %g to %g; the whole domain, %g to %g, expected", from->name,
                     info->name, pdm_pde_dim_name(pde, j), x[0], x[n - 1], s->map.low, s->map.high);
        for (pdm_size i = 0; i <= k; i++) outer *= shape[i];
        for (pdm_size i = k + 2; i <= info->n_dim; i++) inner *= shape[i];
        check_seam(d, from, input, j, x, n, outer, inner, *values);
        PDM_TRY(pdm_alloc_array(ctx, outer * n_to * inner, &next));
        PDM_TRY(bring_lines(ctx, s, pdm_domain_input_on_cells(d, input), n, x, n_to, to, outer, inner, *values, next));
        pdm_free(ctx, *values);
        *values      = next;
        next         = NULL;
        shape[k + 1] = n_to;
    }
done:
    pdm_free(ctx, next);
    return status;
}

pdm_status pdm_file_input_read(const pdm_domain *d, pdm_fields *f, pdm_size i, pdm_size *shape, double **values)
{
    pdm_context          *ctx                   = pdm_fields_context(f);
    const pdm_pde        *pde                   = pdm_domain_pde(d);
    pdm_status            status                = PDM_OK;
    const pdm_input_info *info                  = pdm_pde_input(pde, i);
    const char           *dims[PDM_MAX_DIM + 1] = {"?sample"};

    if (!pdm_fields_has(f, info->name))
        PDM_FAIL(ctx, PDM_ERR_DATA, "%s: no variable \"%s\"; the case has an input of that name", pdm_fields_path(f),
                 info->name);
    for (pdm_size k = 0; k < info->n_dim; k++) dims[k + 1] = pdm_pde_dim_name(pde, info->dim[k]);
    PDM_TRY(pdm_fields_read(f, info->name, info->n_dim + 1, dims, units_or_null(info->units), shape, values));
done:
    return status;
}

static field_source source_of(pdm_fields *f, const pdm_file_inputs *x)
{
    return (field_source){pdm_fields_context(f), pdm_fields_path(f), (const double *const *)x->coordinate};
}

/* Samples in the file: its dimension "sample", 1 without one. */
pdm_status pdm_file_inputs_read(const pdm_domain *d, pdm_fields *f, pdm_file_inputs *out)
{
    pdm_context    *ctx     = pdm_fields_context(f);
    const pdm_pde  *pde     = pdm_domain_pde(d);
    pdm_status      status  = PDM_OK;
    const pdm_size  n_input = pdm_domain_n_input(d), declared = pdm_fields_dimension(f, "sample");
    pdm_file_inputs x      = {.n_sample = declared > 0 ? declared : 1};
    double         *values = NULL;

    PDM_TRY(read_coordinates(d, f, &x));
    const field_source from = source_of(f, &x);
    PDM_TRY(pdm_alloc_array(ctx, x.n_sample * n_input, &x.input));
    for (pdm_size i = 0; i < pdm_pde_n_input(pde); i++) {
        const pdm_size at = pdm_domain_input_offset(d, i), size = pdm_domain_input_size(d, i);
        pdm_size       shape[PDM_MAX_DIM + 1];
        PDM_TRY(pdm_file_input_read(d, f, i, shape, &values));
        PDM_TRY(resample_field(d, &from, i, shape, &values));
        for (pdm_size s = 0; s < x.n_sample; s++) /* an input without sample dimension is the same for all */
            for (pdm_size k = 0; k < size; k++)
                x.input[s * n_input + at + k] = values[(shape[0] == 1 ? 0 : s) * size + k];
        pdm_free(ctx, values);
        values = NULL;
    }
    *out = x;
    x    = (pdm_file_inputs){0};
done:
    pdm_free(ctx, values);
    pdm_file_inputs_destroy(ctx, &x);
    return status;
}

pdm_status pdm_file_samples_read(pdm_context *ctx, const pdm_domain *d, const char *path, pdm_size i,
                                 pdm_size *n_sample, double **out)
{
    pdm_status      status = PDM_OK;
    pdm_fields     *f      = NULL;
    pdm_file_inputs x      = {0};
    double         *values = NULL;
    pdm_size        shape[PDM_MAX_DIM + 1];

    PDM_TRY(pdm_fields_open(ctx, path, &f));
    PDM_TRY(read_coordinates(d, f, &x));
    PDM_TRY(pdm_file_input_read(d, f, i, shape, &values));
    const field_source from = source_of(f, &x);
    PDM_TRY(resample_field(d, &from, i, shape, &values));
    *n_sample = shape[0];
    *out      = values;
    values    = NULL;
done:
    pdm_free(ctx, values);
    pdm_file_inputs_destroy(ctx, &x);
    pdm_fields_close(&f);
    return status;
}

/* Coordinates of a host's along dimension j, as files have to have them. */
static pdm_status check_points(pdm_context *ctx, const pdm_domain *d, pdm_size j, pdm_size n, const double *x)
{
    const pdm_spline *s          = pdm_domain_spline(d, j);
    const char       *name       = pdm_pde_dim_name(pdm_domain_pde(d), j);
    const double      slack      = 1e-9 * (s->map.high - s->map.low);
    const bool        open_ended = j == 0 && pdm_pde_has_time(pdm_domain_pde(d)); /* as in read_coordinates() */

    PDM_EXPECT(ctx, x, "coordinates %s are NULL; %lld numbers expected", name, (long long)n);
    for (pdm_size i = 0; i < n; i++) {
        PDM_EXPECT(ctx, isfinite(x[i]) && (i == 0 || x[i] > x[i - 1]),
                   "coordinate %s[%lld] = %g; finite, increasing numbers expected", name, (long long)i, x[i]);
        PDM_EXPECT(ctx, x[i] >= s->map.low - slack && (x[i] <= s->map.high + slack || open_ended),
                   "coordinate %s[%lld] = %.9g is outside the domain; %.9g to %.9g expected", name, (long long)i, x[i],
                   s->map.low, s->map.high);
    }
    return PDM_OK;
}

pdm_status pdm_host_field_read(pdm_context *ctx, const pdm_domain *d, pdm_size i, pdm_size n_sample, const pdm_size *n,
                               const double *const *x, const double *given, double *out)
{
    pdm_status            status                  = PDM_OK;
    const pdm_input_info *info                    = pdm_pde_input(pdm_domain_pde(d), i);
    const double         *coordinate[PDM_MAX_DIM] = {NULL};
    const field_source    from                    = {ctx, "values", coordinate};
    pdm_size              shape[PDM_MAX_DIM + 1] = {n_sample}, size = n_sample;
    double               *values = NULL;

    for (pdm_size k = 0; k < info->n_dim; k++) {
        PDM_EXPECT(ctx, n[k] >= 1 && n[k] <= PDM_MAX_COUNT / (size > 0 ? size : 1),
                   "%lld coordinates %s; at least 1, and fewer than %d values in all, expected", (long long)n[k],
                   pdm_pde_dim_name(pdm_domain_pde(d), info->dim[k]), PDM_MAX_COUNT);
        PDM_TRY(check_points(ctx, d, info->dim[k], n[k], x[k]));
        coordinate[info->dim[k]] = x[k];
        shape[k + 1]             = n[k];
        size *= n[k];
    }
    if (size == 0) goto done;
    PDM_TRY(pdm_alloc_array(ctx, size, &values));
    memcpy(values, given, (size_t)size * sizeof *values);
    PDM_TRY(resample_field(d, &from, i, shape, &values));
    memcpy(out, values, (size_t)(n_sample * pdm_domain_input_size(d, i)) * sizeof *values);
done:
    pdm_free(ctx, values);
    return status;
}

pdm_status pdm_file_field_read(const pdm_domain *d, pdm_fields *f, pdm_size field, pdm_size n_sample, double **values)
{
    pdm_context   *ctx                   = pdm_fields_context(f);
    const pdm_pde *pde                   = pdm_domain_pde(d);
    pdm_status     status                = PDM_OK;
    const char    *dims[PDM_MAX_DIM + 1] = {"?sample"};
    const char    *units = pdm_pde_field_units(pde, field), *name = pdm_pde_field_name(pde, field);
    pdm_size       shape[PDM_MAX_DIM + 1];

    if (!pdm_fields_has(f, name))
        PDM_FAIL(ctx, PDM_ERR_DATA, "%s: no variable \"%s\"; a reference has the fields of the case",
                 pdm_fields_path(f), name);
    for (pdm_size j = 0; j < pdm_domain_n_dim(d); j++) {
        dims[j + 1] = pdm_pde_dim_name(pde, j);
        if (!pdm_fields_has(f, dims[j + 1]))
            PDM_FAIL(ctx, PDM_ERR_DATA, "%s: no coordinate variable \"%s\"; a reference has coordinates",
                     pdm_fields_path(f), dims[j + 1]);
    }
    pdm_fields_may_lack(f, pdm_pde_level(pde)); /* outside a shape nothing is expected */
    PDM_TRY(pdm_fields_read(f, name, pdm_domain_n_dim(d) + 1, dims, *units ? units : NULL, shape, values));
    if (shape[0] != n_sample)
        PDM_FAIL(ctx, PDM_ERR_DATA, "%s: \"%s\" has %lld samples, the inputs have %lld", pdm_fields_path(f), name,
                 (long long)shape[0], (long long)n_sample);
done:
    pdm_fields_may_lack(f, false);
    return status;
}

void pdm_file_inputs_destroy(pdm_context *ctx, pdm_file_inputs *x)
{
    pdm_free(ctx, x->input);
    for (pdm_size j = 0; j < PDM_MAX_DIM; j++) pdm_free(ctx, x->coordinate[j]);
    *x = (pdm_file_inputs){0};
}
