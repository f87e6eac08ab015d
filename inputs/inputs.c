/* Where the inputs of a sample come from: distributions, files of samples, or the file of training:data; how they are
 * scaled for the network. */
#include "inputs/inputs.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "inputs/inputs_impl.h"

enum { INPUTS_MOST = 2048 }; /* pdm_random_field_draw */

/* ---- what the case says ---- */

static pdm_status create_field(pdm_inputs *x, pdm_size i, pdm_where where)
{
    pdm_status              status = PDM_OK;
    const pdm_input_info   *info   = pdm_pde_input(x->pde, i);
    const pdm_distribution *d      = &x->distribution[i];
    pdm_field_axis          axis[PDM_MAX_DIM];

    if (i >= INPUTS_MOST) PDM_FAIL(x->ctx, PDM_ERR_CASE, "more than %d inputs", INPUTS_MOST);
    if (info->n_dim == 0)
        PDM_FAIL_AT(x->ctx, PDM_ERR_CASE, &where,
                    "\"%s\" is a scalar; uniform(...), normal(...) or list(...), or dimensions for it, expected",
                    info->name);
    if (d->kind == PDM_DISTRIBUTION_TWO_PHASE && !pdm_domain_input_on_cells(x->domain, i))
        PDM_FAIL_AT(x->ctx, PDM_ERR_CASE, &where,
                    "two phases are constant in cells and \"%s\" is a spline; kind = \"cells\" expected beside this",
                    info->name);
    for (pdm_size k = 0; k < info->n_dim; k++) {
        const pdm_spline *s = pdm_domain_spline(x->domain, info->dim[k]);
        axis[k]             = (pdm_field_axis){.name     = pdm_pde_dim_name(x->pde, info->dim[k]),
                                               .low      = s->map.low,
                                               .high     = s->map.high,
                                               .periodic = s->periodic};
        axis[k].point       = pdm_domain_input_points(x->domain, i, k, &axis[k].n);
    }
    PDM_TRY(pdm_random_field_create(x->ctx, d, info->n_dim, axis, where, &x->field[i]));
    const double carried = pdm_random_field_carried(x->field[i]);
    if (carried < 0.9)
        pdm_log(x->ctx, PDM_LOG_WARNING, "train",
                "the grid carries %.0f %% of the variance of input \"%s\"; a larger length or smoothness, or more %s",
                100.0 * carried, info->name, pdm_domain_input_on_cells(x->domain, i) ? "cells" : "control points");
done:
    return status;
}

/* The same file, or the case, has the same number for all inputs that name it, so that they are picked together. */
static pdm_status read_pool(pdm_inputs *x, pdm_size i, const char *path)
{
    pdm_status       status = PDM_OK;
    pdm_sample_pool *pool   = &x->pool[i];

    pool->is_there = true;
    pool->file     = (int32_t)i;
    for (pdm_size k = 0; k < i; k++) {
        const pdm_sample_pool *other = &x->pool[k];
        const bool             same  = other->path ? strcmp(other->path, path) == 0 : !*path;
        if (other->is_there && same) pool->file = other->file;
    }
    if (*path) PDM_TRY(pdm_alloc_text(x->ctx, path, &pool->path));
done:
    return status;
}

static pdm_status read_source(pdm_inputs *x, pdm_size i, bool given)
{
    pdm_status            status = PDM_OK;
    const pdm_input_info *info   = pdm_pde_input(x->pde, i);
    pdm_distribution     *d      = &x->distribution[i];
    const char           *text = NULL, *path = NULL;
    char                  group[128];
    double                width;

    snprintf(group, sizeof group, "inputs/%s", info->name);
    PDM_TRY(pdm_case_text(x->the_case, group, "distribution", "", &text));
    PDM_TRY(pdm_case_text(x->the_case, group, "file", "", &path));
    pdm_where  where   = pdm_case_where(x->the_case, group, "distribution");
    const bool in_case = pdm_case_has_array(x->the_case, group, "samples");
    if ((*path && in_case) || ((*path || in_case) && (*text || given))) {
        where = pdm_case_where(x->the_case, group, *path ? "file" : "samples");
        PDM_FAIL_AT(x->ctx, PDM_ERR_CASE, &where, "\"%s\" has %s and %s; one of them expected", info->name,
                    *path ? "a file" : "samples",
                    *text   ? "a distribution"
                    : given ? "comes from training:data"
                            : "samples");
    }
    if (*path || in_case) PDM_TRY(read_pool(x, i, path));
    if (!*text && !*path && !in_case && !given)
        PDM_FAIL_AT(x->ctx, PDM_ERR_CASE, &where,
                    "missing; how to draw \"%s\" (like \"%s\"), a \"file\" of samples, or one of all inputs in "
                    "training:data, expected",
                    info->name, info->n_dim ? "gaussian_field(length=0.2)" : "uniform(0, 1)");
    if (*text) PDM_TRY(pdm_distribution_parse(x->ctx, text, where, d));
    if (*text && pdm_distribution_is_field(d)) PDM_TRY(create_field(x, i, where));
    if (*text && info->n_dim > 0 && !pdm_distribution_is_field(d) && !given)
        PDM_FAIL_AT(x->ctx, PDM_ERR_CASE, &where,
                    "\"%s\" is a field; gaussian_field(...), two_phase(...), or a \"file\" of samples expected",
                    info->name);
    pdm_distribution_spread(d, &x->shift[i], &width);
    x->scale[i] = 1.0 / width;
done:
    return status;
}

pdm_status pdm_inputs_create(pdm_context *ctx, pdm_case *c, const pdm_domain *d, uint64_t seed, bool wants_fields,
                             pdm_inputs **out)
{
    pdm_status  status = PDM_OK;
    pdm_inputs *x      = NULL;

    PDM_TRY(pdm_alloc(ctx, sizeof *x, &x));
    x->ctx          = ctx;
    x->the_case     = c;
    x->domain       = d;
    x->pde          = pdm_domain_pde(d);
    x->seed         = seed;
    x->wants_fields = wants_fields;
    x->n            = pdm_pde_n_input(x->pde);
    PDM_TRY(pdm_alloc_array(ctx, x->n, &x->distribution));
    PDM_TRY(pdm_alloc_array(ctx, x->n, &x->field));
    PDM_TRY(pdm_alloc_array(ctx, x->n, &x->pool));
    PDM_TRY(pdm_alloc_array(ctx, x->n, &x->shift));
    PDM_TRY(pdm_alloc_array(ctx, x->n, &x->scale));
    for (pdm_size i = 0; i < x->n; i++) PDM_TRY(read_source(x, i, pdm_case_has(c, "training", "data")));
    *out = x;
    x    = NULL;
done:
    pdm_inputs_destroy(&x);
    return status;
}

static void forget_samples(pdm_inputs *x)
{
    given_destroy(x);
    for (pdm_size i = 0; x->pool && i < x->n; i++) {
        pdm_free(x->ctx, x->pool[i].value);
        x->pool[i].value = NULL;
    }
    x->is_read = false;
}

void pdm_inputs_destroy(pdm_inputs **inputs)
{
    pdm_inputs *x = *inputs;
    if (!x) return;
    forget_samples(x);
    for (pdm_size i = 0; i < x->n; i++) {
        if (x->field) pdm_random_field_destroy(&x->field[i]);
        if (x->pool) pdm_free(x->ctx, x->pool[i].path);
    }
    pdm_free(x->ctx, x->distribution);
    pdm_free(x->ctx, x->field);
    pdm_free(x->ctx, x->pool);
    pdm_free(x->ctx, x->shift);
    pdm_free(x->ctx, x->scale);
    pdm_free(x->ctx, x);
    *inputs = NULL;
}

/* ---- samples in files ---- */

/* Samples that stand in the case: a scalar's, or a field's at its own points. */
static pdm_status read_case_samples(pdm_inputs *x, pdm_size i)
{
    pdm_status            status = PDM_OK;
    const pdm_input_info *info   = pdm_pde_input(x->pde, i);
    pdm_sample_pool      *pool   = &x->pool[i];
    const pdm_size        size   = pdm_domain_input_size(x->domain, i);
    pdm_size              n_dim  = 0, shape[PDM_CASE_MAX_DIM], n;
    const double         *values = NULL;
    char                  group[160];

    snprintf(group, sizeof group, "inputs/%.128s", info->name);
    const pdm_where where = pdm_case_where(x->the_case, group, "samples");
    PDM_TRY(pdm_case_array(x->the_case, group, "samples", PDM_CASE_MAX_DIM, &n_dim, shape, &values));
    if (n_dim != info->n_dim + 1)
        PDM_FAIL_AT(x->ctx, PDM_ERR_CASE, &where, "%lld dimensions; %lld expected, samples first", (long long)n_dim,
                    (long long)info->n_dim + 1);
    for (pdm_size k = 0; k < info->n_dim; k++) {
        (void)pdm_domain_input_points(x->domain, i, k, &n);
        if (shape[k + 1] != n)
            PDM_FAIL_AT(x->ctx, PDM_ERR_CASE, &where, "%lld points along %s; %lld expected, those of the input itself",
                        (long long)shape[k + 1], pdm_pde_dim_name(x->pde, info->dim[k]), (long long)n);
    }
    for (pdm_size k = 0; k < shape[0] * size; k++)
        if (!isfinite(values[k]))
            PDM_FAIL_AT(x->ctx, PDM_ERR_CASE, &where, "number %lld is %g; finite ones expected", (long long)k,
                        values[k]);
    PDM_TRY(pdm_alloc_array(x->ctx, shape[0] * size, &pool->value));
    memcpy(pool->value, values, (size_t)(shape[0] * size) * sizeof *values);
    pool->n_sample = shape[0];
done:
    return status;
}

pdm_status pdm_inputs_read(pdm_inputs *x)
{
    pdm_status status = PDM_OK;
    if (x->is_read) return PDM_OK;
    PDM_TRY(given_read(x));
    for (pdm_size i = 0; i < x->n; i++)
        if (x->pool[i].is_there)
            PDM_TRY(x->pool[i].path ? pdm_file_samples_read(x->ctx, x->domain, x->pool[i].path, i, &x->pool[i].n_sample,
                                                            &x->pool[i].value)
                                    : read_case_samples(x, i));
    x->is_read = true;
done:
    if (status != PDM_OK) forget_samples(x);
    return status;
}

/* Mean, and deviation from it, of n_sample shares of size numbers, stride apart. */
static void spread_of(const double *value, pdm_size n_sample, pdm_size size, pdm_size stride, double *shift,
                      double *scale)
{
    double mean = 0.0, square = 0.0;
    for (pdm_size s = 0; s < n_sample; s++)
        for (pdm_size k = 0; k < size; k++) mean += value[s * stride + k];
    mean /= (double)(n_sample * size);
    for (pdm_size s = 0; s < n_sample; s++)
        for (pdm_size k = 0; k < size; k++) {
            const double e = value[s * stride + k] - mean;
            square += e * e;
        }
    const double deviation = sqrt(square / (double)(n_sample * size));
    *shift                 = mean;
    *scale                 = deviation > 1e-12 * fabs(mean) ? 1.0 / deviation : 1.0; /* constant up to rounding: 1 */
}

void pdm_inputs_measure(pdm_inputs *x)
{
    for (pdm_size i = 0; i < x->n; i++) {
        const pdm_size size = pdm_domain_input_size(x->domain, i), at = pdm_domain_input_offset(x->domain, i);
        if (x->pool[i].is_there)
            spread_of(x->pool[i].value, x->pool[i].n_sample, size, size, &x->shift[i], &x->scale[i]);
        else if (x->given.n_sample > 0 && x->distribution[i].kind == PDM_DISTRIBUTION_NONE)
            spread_of(x->given.input + at, x->given.n_sample, size, pdm_domain_n_input(x->domain), &x->shift[i],
                      &x->scale[i]);
    }
}

/* ---- in words ---- */

/* What training draws: a distribution as the case has it, or mean and deviation of samples. */
static pdm_status view_source(const pdm_inputs *x, pdm_size i, pdm_text *out)
{
    pdm_status  status = PDM_OK;
    const char *text   = NULL;
    char        group[128];

    snprintf(group, sizeof group, "inputs/%s", pdm_pde_input(x->pde, i)->name);
    PDM_TRY(pdm_case_text(x->the_case, group, "distribution", "", &text));
    PDM_TRY(*text ? pdm_text_append(out, "%s", text)
                  : pdm_text_append(out, "about %g +- %g in its file", x->shift[i], 1.0 / x->scale[i]));
done:
    return status;
}

pdm_status pdm_inputs_view(const pdm_inputs *x, pdm_text *out)
{
    pdm_status status = PDM_OK;
    for (pdm_size i = 0; i < x->n; i++) {
        const pdm_input_info *info = pdm_pde_input(x->pde, i);
        PDM_TRY(pdm_text_append(out, "input        %s: %s, ", info->name,
                                info->n_dim == 0                          ? "scalar"
                                : pdm_domain_input_on_cells(x->domain, i) ? "field on cells"
                                                                          : "field"));
        PDM_TRY(view_source(x, i, out));
        PDM_TRY(pdm_text_append(out, "%s%s\n", *info->units ? " " : "", info->units));
    }
done:
    return status;
}
