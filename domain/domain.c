#include "domain/domain.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "domain/domain_impl.h"

#define DOMAIN_SETTINGS(X)                                                                                             \
    X(rows, PDM_SETTING_CHOICE, 0, 0, 1, "volume|point", "1",                                                          \
      "rows: the equation integrated over cells, or at Gauss points")                                                  \
    X(sub, PDM_SETTING_COUNT, 2, 1, 8, NULL, "1", "cells per knot span and dimension")                                 \
    X(gauss, PDM_SETTING_COUNT, 0, 0, 5, NULL, "1",                                                                    \
      "Gauss points per cell and dimension; 0: 2, more from degree 5 on")                                              \
    X(levels, PDM_SETTING_CHOICE, 0, 0, 2, "auto|on|off", "1",                                                         \
      "also count sums of rows over boxes of 2, 4, ... cells")                                                         \
    X(level_power, PDM_SETTING_REAL, 1.0, 0.0, 2.0, NULL, "1", "weight of a level: its boxes' width to this power")    \
    X(row_power, PDM_SETTING_REAL, 0.25, 0.0, 1.0, NULL, "1", "rows are divided by this power of their cell's volume") \
    X(kinks, PDM_SETTING_CHOICE, 0, 0, 1, "auto|none", "1",                                                            \
      "auto: fields may have kinks where coefficients jump along a dimension")

#define SETTING(name_, type_, fallback_, low_, high_, choices_, unit_, help_) \
    {#name_, type_, offsetof(domain_settings, name_), fallback_, low_, high_, choices_, unit_, help_},
static const pdm_setting settings_table[] = {DOMAIN_SETTINGS(SETTING)};
#undef SETTING

pdm_status pdm_domain_settings_view(pdm_text *out)
{
    return pdm_settings_view("domain", settings_table, sizeof settings_table / sizeof *settings_table, out);
}

pdm_status domain_need_orders(const pdm_domain *d, const pdm_function *f, const pdm_where *at, pdm_size *n_order)
{
    pdm_status status = PDM_OK;
    if (!f) return PDM_OK;
    for (pdm_size i = 0; i < f->n_atom + f->n_sampled; i++)
        for (pdm_size j = 0; j < d->n_dim; j++) {
            const bool     atom  = i < f->n_atom;
            const pdm_size k     = atom ? i : i - f->n_atom;
            const pdm_size order = atom ? f->atom[k].order[j] : f->sampled[k].order[j];
            if (!atom && f->sampled[k].input == PDM_SAMPLED_INSIDE) continue;
            if (!atom && order > 0 && d->cells[f->sampled[k].input].used)
                PDM_FAIL_AT(d->ctx, PDM_ERR_CASE, at,
                            "\"%s\" is constant in cells, yet its derivative by %s is needed; a flux d%s(...) with "
                            "/domain:rows = \"volume\", or kind = \"spline\" for this input, expected",
                            pdm_pde_input(d->pde, f->sampled[k].input)->name, pdm_pde_dim_name(d->pde, j),
                            pdm_pde_dim_name(d->pde, j));
            if (order > PDM_MAX_ORDER || order > d->spline[j].degree)
                PDM_FAIL_AT(
                    d->ctx, PDM_ERR_CASE, at,
                    "derivative of order %lld of \"%s\" by %s, of degree %lld; at most the degree, and at most %d, "
                    "expected",
                    (long long)order,
                    atom ? pdm_pde_atom_name(d->pde, f->atom[k].field)
                         : pdm_pde_input(d->pde, f->sampled[k].input)->name,
                    pdm_pde_dim_name(d->pde, j), (long long)d->spline[j].degree, PDM_MAX_ORDER);
            if (order + 1 > *n_order) *n_order = order + 1;
        }
done:
    return status;
}

/* Fields in the equations: by their orders, so that the message names the degree. */
static pdm_status check_fields(pdm_domain *d, pdm_case *c)
{
    pdm_status status = PDM_OK;
    for (pdm_size j = 0; j < d->n_dim; j++)
        for (pdm_size f = 0; f < d->n_field + pdm_pde_n_derived(d->pde); f++) {
            /* points need the derivative inside elements; cells one less, but continuous across faces: the same degree */
            const pdm_size order = pdm_pde_order(d->pde, f, j);
            if (order > PDM_MAX_ORDER || order > d->spline[j].degree) {
                char group[128];
                snprintf(group, sizeof group, "domain/%s", pdm_pde_dim_name(d->pde, j));
                pdm_where where = pdm_case_where(c, group, "degree");
                PDM_FAIL_AT(d->ctx, PDM_ERR_CASE, &where,
                            "degree %lld is too low for derivatives of order %lld of \"%s\" (at most %d are supported)",
                            (long long)d->spline[j].degree, (long long)order, pdm_pde_atom_name(d->pde, f),
                            PDM_MAX_ORDER);
            }
        }
done:
    return status;
}

/* Orders tabulated: all that rows and data read, of fields and of inputs given as fields. */
static pdm_status check_orders(pdm_domain *d, pdm_case *c)
{
    pdm_status status = PDM_OK;
    d->n_order        = 3; /* value, slope and curvature are always there, for output */
    PDM_TRY(check_fields(d, c));
    for (pdm_size i = 0; i < pdm_pde_n_term(d->pde) && d->settings.rows == 0; i++) {
        const pdm_term *term = pdm_pde_term(d->pde, i);
        const pdm_where at   = pdm_case_where(c, "pde/residuals", pdm_pde_field_name(d->pde, term->equation));
        PDM_TRY(domain_need_orders(d, term->function, &at, &d->n_order));
    }
    for (pdm_size e = 0; e < pdm_pde_n_equation(d->pde) && d->settings.rows == 1; e++) {
        const pdm_where at = pdm_case_where(c, "pde/residuals", pdm_pde_field_name(d->pde, e));
        PDM_TRY(domain_need_orders(d, pdm_pde_strong(d->pde, e), &at, &d->n_order));
    }
    for (pdm_size i = 0; i < pdm_pde_n_condition(d->pde); i++) {
        const pdm_condition *k = pdm_pde_condition(d->pde, i);
        PDM_TRY(domain_need_orders(d, k->function, &k->where, &d->n_order));
    }
    for (pdm_size i = 0; i < pdm_pde_n_constraint(d->pde); i++) {
        const pdm_constraint *k = pdm_pde_constraint(d->pde, i);
        PDM_TRY(domain_need_orders(d, k->inside, &k->where, &d->n_order));
        PDM_TRY(domain_need_orders(d, k->value, &k->where, &d->n_order));
    }
    for (pdm_size i = 0; i < pdm_pde_n_initial(d->pde); i++) {
        const pdm_initial *k = pdm_pde_initial(d->pde, i);
        PDM_TRY(domain_need_orders(d, k->function, &k->where, &d->n_order));
    }
done:
    return status;
}

static pdm_status place_inputs(pdm_domain *d)
{
    pdm_status     status = PDM_OK;
    const pdm_size n      = pdm_pde_n_input(d->pde);
    PDM_TRY(pdm_alloc_array(d->ctx, n + 1, &d->input_offset));
    for (pdm_size i = 0; i < n; i++) {
        const pdm_input_info *info = pdm_pde_input(d->pde, i);
        pdm_size              size = 1, n_point;
        for (pdm_size k = 0; k < info->n_dim; k++) {
            (void)pdm_domain_input_points(d, i, k, &n_point);
            size *= n_point;
        }
        d->input_offset[i + 1] = d->input_offset[i] + size;
    }
done:
    return status;
}

/* n points integrate cells to order 2n. The error of the solution is of order degree + 1, or the degree where that is
 * even: as many points as hide behind it for the largest degree, but two at least. */
static void choose_gauss(pdm_domain *d)
{
    pdm_size degree = 0;
    for (pdm_size j = 0; j < d->n_dim; j++) degree = d->spline[j].degree > degree ? d->spline[j].degree : degree;
    for (pdm_size j = 0; j < d->n_dim; j++)
        if (d->gauss[j] == 0) d->gauss[j] = degree < 5 ? 2 : (degree + 1) / 2;
}

/* The largest array of a solve, before anything of its size is made: what rows see of the coefficients, of one sample. */
static pdm_status check_memory(const pdm_domain *d, pdm_case *c)
{
    pdm_status   status    = PDM_OK;
    double       n_row     = (double)pdm_pde_n_equation(d->pde);
    double       n_local   = (double)(d->n_field + pdm_pde_n_derived(d->pde));
    const size_t available = pdm_memory_available(d->ctx);

    for (pdm_size j = 0; j < d->n_dim; j++) {
        n_row *= (double)d->row_cells[j].n;
        n_local *= (double)(d->spline[j].degree + 1);
    }
    const double bytes = n_row * n_local * sizeof(double);
    if (bytes > (double)available) {
        const pdm_where where = pdm_case_where(c, "domain", NULL);
        PDM_FAIL_AT(d->ctx, PDM_ERR_MEMORY, &where,
                    "a sample needs about %.3g GB: %.3g rows that see %.0f coefficients each; %.3g GB are free. Fewer "
                    "control_points, or a smaller sub or degree, expected",
                    bytes / 1e9, n_row, n_local, (double)available / 1e9);
    }
done:
    return status;
}

pdm_status pdm_domain_create(pdm_context *ctx, pdm_case *c, const pdm_pde *pde, const pdm_grading *grading,
                             pdm_domain **out)
{
    pdm_status  status = PDM_OK;
    pdm_domain *d      = NULL;
    int         checked;

    PDM_TRY(pdm_alloc(ctx, sizeof *d, &d));
    d->ctx     = ctx;
    d->pde     = pde;
    d->n_dim   = pdm_pde_n_dim(pde);
    d->n_field = pdm_pde_n_field(pde);
    d->n_coef  = 1;
    PDM_TRY(
        pdm_case_settings(c, "domain", settings_table, sizeof settings_table / sizeof *settings_table, &d->settings));
    PDM_TRY(domain_cells_read(d, c));
    for (pdm_size j = 0; j < d->n_dim; j++) {
        PDM_TRY(domain_dimension_read(d, c, grading, j));
        d->n_coef *= d->spline[j].n_coef;
    }
    choose_gauss(d);
    PDM_TRY(pdm_narrow_int(ctx, d->n_coef * d->n_field, "control coefficients", &checked));
    PDM_TRY(check_memory(d, c));
    PDM_TRY(domain_cells_create(d));
    PDM_TRY(domain_shape_create(d));
    PDM_TRY(check_orders(d, c));
    PDM_TRY(place_inputs(d));
    PDM_TRY(domain_conditions_create(d, c));
    PDM_TRY(domain_terms_create(d, c));
    PDM_TRY(domain_levels_create(d, c));
    PDM_TRY(domain_derived_create(d));
    PDM_TRY(domain_means_create(d));
    d->work_size = domain_work_size(d);
    *out         = d;
    d            = NULL;
done:
    pdm_domain_destroy(&d);
    return status;
}

void pdm_domain_destroy(pdm_domain **domain)
{
    if (!domain || !*domain) return;
    pdm_domain *d = *domain;
    domain_kinks_destroy(d);
    domain_levels_destroy(d);
    domain_derived_destroy(d);
    domain_means_destroy(d);
    domain_shape_destroy(d);
    for (pdm_size j = 0; j < PDM_MAX_DIM; j++) {
        for (int k = 0; k < AXIS_KIND_COUNT; k++) pdm_free(d->ctx, d->axis[j][k].memory);
        pdm_spline_destroy(&d->spline[j]);
        pdm_free(d->ctx, d->greville[j]);
        pdm_free(d->ctx, d->row_cells[j].edge);
        pdm_free(d->ctx, d->row_cells[j].element);
    }
    for (pdm_size i = 0; i < d->n_part_axis; i++) pdm_free(d->ctx, d->part_axis[i].memory);
    pdm_free(d->ctx, d->part_axis);
    pdm_free(d->ctx, d->counts_for);
    pdm_free(d->ctx, d->condition);
    pdm_free(d->ctx, d->free);
    pdm_free(d->ctx, d->block);
    pdm_free(d->ctx, d->term);
    pdm_free(d->ctx, d->term_block);
    pdm_free(d->ctx, d->term_function);
    pdm_free(d->ctx, d->term_kind);
    pdm_free(d->ctx, d->sampled_offset);
    pdm_free(d->ctx, d->initial);
    pdm_free(d->ctx, d->side);
    pdm_free(d->ctx, d->input_offset);
    domain_cells_destroy(d);
    pdm_free(d->ctx, d);
    *domain = NULL;
}

pdm_size pdm_domain_n_dim(const pdm_domain *d)
{
    return d->n_dim;
}
pdm_size pdm_domain_n_field(const pdm_domain *d)
{
    return d->n_field;
}
pdm_size pdm_domain_n_coef(const pdm_domain *d)
{
    return d->n_coef;
}
bool pdm_domain_wants_grading(const pdm_domain *d, pdm_size dim)
{
    return d->auto_grading[dim];
}
double pdm_domain_order(const pdm_domain *d)
{
    double most = 1.0;
    for (pdm_size j = 0; j < d->n_dim; j++) most = fmax(most, (double)d->spline[j].degree + 1.0);
    return most;
}
pdm_size pdm_domain_sub(const pdm_domain *d, pdm_size dim)
{
    return d->sub[dim];
}
bool pdm_domain_says_no_knots(const pdm_domain *d, pdm_size dim)
{
    return d->no_knots[dim];
}
const pdm_spline *pdm_domain_spline(const pdm_domain *d, pdm_size dim)
{
    return &d->spline[dim];
}
const pdm_pde *pdm_domain_pde(const pdm_domain *d)
{
    return d->pde;
}
const unsigned char *pdm_domain_free(const pdm_domain *d)
{
    return d->free;
}
pdm_size pdm_domain_n_free(const pdm_domain *d)
{
    return d->n_free;
}
pdm_size pdm_domain_n_block(const pdm_domain *d)
{
    return d->n_block;
}
const pdm_row_block *pdm_domain_block(const pdm_domain *d, pdm_size i)
{
    return &d->block[i];
}
const pdm_rows_desc *pdm_domain_rows(const pdm_domain *d)
{
    return &d->rows;
}
const double *pdm_domain_greville(const pdm_domain *d, pdm_size dim)
{
    return d->greville[dim];
}
pdm_size pdm_domain_n_input(const pdm_domain *d)
{
    return d->input_offset[pdm_pde_n_input(d->pde)];
}
pdm_size pdm_domain_input_offset(const pdm_domain *d, pdm_size input)
{
    return d->input_offset[input];
}
pdm_size pdm_domain_input_size(const pdm_domain *d, pdm_size input)
{
    return d->input_offset[input + 1] - d->input_offset[input];
}

void pdm_domain_set_scale(pdm_domain *d, pdm_size block, double scale)
{
    for (pdm_size t = 0; t < d->n_term; t++)
        if (d->term_block[t] == block) d->term[t].scale = scale;
}

double pdm_domain_scale(const pdm_domain *d, pdm_size block)
{
    for (pdm_size t = 0; t < d->n_term; t++)
        if (d->term_block[t] == block) return d->term[t].scale;
    return 1.0;
}

static int compare_reals(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

pdm_status pdm_domain_scale_from(pdm_domain *d, const double *A, const double *magnitude)
{
    pdm_status status  = PDM_OK;
    pdm_size   n_local = 1, most = 0, n_seen = pdm_rows_n_seen(&d->rows);
    double    *norm = NULL;

    for (pdm_size j = 0; j < d->n_dim; j++) n_local *= d->spline[j].degree + 1;
    for (pdm_size b = 0; b < d->n_block; b++) most = d->block[b].n_row > most ? d->block[b].n_row : most;
    PDM_TRY(pdm_alloc_array(d->ctx, most, &norm));
    for (pdm_size b = 0; b < d->n_block; b++) {
        pdm_size n = 0;
        for (pdm_size i = d->block[b].row0; i < d->block[b].row0 + d->block[b].n_row; i++) {
            double sum = 0.0;
            for (pdm_size f = 0; f < d->n_field; f++)
                for (pdm_size l = 0; l < n_local; l++) {
                    const double v = A[(i * n_seen + f) * n_local + l] * magnitude[f];
                    sum += v * v;
                }
            if (isfinite(sum) && sum > 0.0) norm[n++] = sqrt(sum);
        }
        if (n == 0) continue; /* nothing to go by: scale 1 */
        qsort(norm, (size_t)n, sizeof *norm, compare_reals);
        pdm_domain_set_scale(d, b, 1.0 / norm[n / 2]);
    }
done:
    pdm_free(d->ctx, norm);
    return status;
}

pdm_size pdm_domain_n_feature(const pdm_domain *d)
{
    return 2 * d->n_dim + d->n_field + pdm_pde_n_input(d->pde);
}

/* Value of an input at control point i of the whole grid; values: the input's own. */
static double input_at(const pdm_domain *d, pdm_size input, const double *values, pdm_size i)
{
    const pdm_input_info *info = pdm_pde_input(d->pde, input);
    pdm_size              index[PDM_MAX_DIM], at = 0;
    double                x[PDM_MAX_DIM];
    for (pdm_size j = d->n_dim - 1; j >= 0; j--) {
        index[j] = i % d->spline[j].n_coef;
        i /= d->spline[j].n_coef;
    }
    if (d->cells[input].used) {
        for (pdm_size k = 0; k < info->n_dim; k++) x[k] = d->greville[info->dim[k]][index[info->dim[k]]];
        return domain_cells_value(d, input, values, x);
    }
    for (pdm_size k = 0; k < info->n_dim; k++) at = at * d->spline[info->dim[k]].n_coef + index[info->dim[k]];
    return values[at];
}

void pdm_domain_features(const pdm_domain *d, const double *input, const double *lift, const double *magnitude,
                         const double *input_shift, const double *input_scale, float *features)
{
    pdm_size stride = d->n_coef;
    for (pdm_size j = 0; j < d->n_dim; j++) {
        const pdm_size n = d->spline[j].n_coef;
        stride /= n;
        for (pdm_size i = 0; i < d->n_coef; i++) {
            const pdm_size k                      = i / stride % n;
            features[2 * j * d->n_coef + i]       = (float)(2.0 * d->spline[j].greville[k] - 1.0);
            features[(2 * j + 1) * d->n_coef + i] = (float)(2.0 * (double)k / (double)(n - 1) - 1.0);
        }
    }
    features += 2 * d->n_dim * d->n_coef;
    for (pdm_size f = 0; f < d->n_field; f++)
        for (pdm_size i = 0; i < d->n_coef; i++)
            features[f * d->n_coef + i] = (float)(lift[f * d->n_coef + i] / magnitude[f]);
    features += d->n_field * d->n_coef;
    for (pdm_size k = 0; k < pdm_pde_n_input(d->pde); k++) {
        const double *values = input + d->input_offset[k];
        for (pdm_size i = 0; i < d->n_coef; i++)
            features[k * d->n_coef + i] = (float)((input_at(d, k, values, i) - input_shift[k]) * input_scale[k]);
    }
}
