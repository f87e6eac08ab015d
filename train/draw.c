/* Where the inputs of a sample come from: distributions, files of samples, or the file of training:data; how they are
 * scaled for the network; and one typical input. */
#include "train/train.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "train/train_impl.h"

enum { INPUTS_MOST = 2048 }; /* pdm_random_field_draw */

/* ---- what the case says ---- */

static pdm_status create_field(pdm_model *m, pdm_size i, pdm_where where)
{
    pdm_status              status = PDM_OK;
    const pdm_input_info   *info   = pdm_pde_input(m->pde, i);
    const pdm_distribution *d      = &m->distribution[i];
    pdm_field_axis          axis[PDM_MAX_DIM];

    if (i >= INPUTS_MOST) PDM_FAIL(m->ctx, PDM_ERR_CASE, "more than %d inputs", INPUTS_MOST);
    if (info->n_dim == 0)
        PDM_FAIL_AT(m->ctx, PDM_ERR_CASE, &where,
                    "\"%s\" is a scalar; uniform(...), normal(...) or list(...), or dimensions for it, expected",
                    info->name);
    if (d->kind == PDM_DISTRIBUTION_TWO_PHASE && !pdm_domain_input_on_cells(m->domain, i))
        PDM_FAIL_AT(m->ctx, PDM_ERR_CASE, &where,
                    "two phases are constant in cells and \"%s\" is a spline; kind = \"cells\" expected beside this",
                    info->name);
    for (pdm_size k = 0; k < info->n_dim; k++) {
        const pdm_spline *s = pdm_domain_spline(m->domain, info->dim[k]);
        axis[k]             = (pdm_field_axis){.name     = pdm_pde_dim_name(m->pde, info->dim[k]),
                                               .low      = s->map.low,
                                               .high     = s->map.high,
                                               .periodic = s->periodic};
        axis[k].point       = pdm_domain_input_points(m->domain, i, k, &axis[k].n);
    }
    PDM_TRY(pdm_random_field_create(m->ctx, d, info->n_dim, axis, where, &m->field[i]));
    const double carried = pdm_random_field_carried(m->field[i]);
    if (carried < 0.9)
        pdm_log(m->ctx, PDM_LOG_WARNING, "train",
                "the grid carries %.0f %% of the variance of input \"%s\"; a larger length or smoothness, or more %s",
                100.0 * carried, info->name, pdm_domain_input_on_cells(m->domain, i) ? "cells" : "control points");
done:
    return status;
}

/* The same file has the same number for all inputs that name it, so that they are picked together. */
static pdm_status read_file_name(pdm_model *m, pdm_size i, const char *path)
{
    pdm_status status = PDM_OK;
    m->pool[i].file   = (int32_t)i;
    for (pdm_size k = 0; k < i; k++)
        if (m->pool[k].path && strcmp(m->pool[k].path, path) == 0) m->pool[i].file = m->pool[k].file;
    PDM_TRY(pdm_alloc_text(m->ctx, path, &m->pool[i].path));
done:
    return status;
}

static pdm_status read_source(pdm_model *m, pdm_size i, bool given)
{
    pdm_status            status = PDM_OK;
    const pdm_input_info *info   = pdm_pde_input(m->pde, i);
    pdm_distribution     *d      = &m->distribution[i];
    const char           *text = NULL, *path = NULL;
    char                  group[128];
    double                width;

    snprintf(group, sizeof group, "inputs/%s", info->name);
    PDM_TRY(pdm_case_text(m->the_case, group, "distribution", "", &text));
    PDM_TRY(pdm_case_text(m->the_case, group, "file", "", &path));
    pdm_where where = pdm_case_where(m->the_case, group, "distribution");
    if (*path && (*text || given)) {
        where = pdm_case_where(m->the_case, group, "file");
        PDM_FAIL_AT(m->ctx, PDM_ERR_CASE, &where, "\"%s\" has a file and %s; one of them expected", info->name,
                    *text ? "a distribution" : "comes from training:data");
    }
    if (*path) PDM_TRY(read_file_name(m, i, path));
    if (!*text && !*path && !given)
        PDM_FAIL_AT(m->ctx, PDM_ERR_CASE, &where,
                    "missing; how to draw \"%s\" (like \"%s\"), a \"file\" of samples, or one of all inputs in "
                    "training:data, expected",
                    info->name, info->n_dim ? "gaussian_field(length=0.2)" : "uniform(0, 1)");
    if (*text) PDM_TRY(pdm_distribution_parse(m->ctx, text, where, d));
    if (*text && pdm_distribution_is_field(d)) PDM_TRY(create_field(m, i, where));
    if (*text && info->n_dim > 0 && !pdm_distribution_is_field(d) && !given)
        PDM_FAIL_AT(m->ctx, PDM_ERR_CASE, &where,
                    "\"%s\" is a field; gaussian_field(...), two_phase(...), or a \"file\" of samples expected",
                    info->name);
    pdm_distribution_spread(d, &m->input_shift[i], &width);
    m->input_scale[i] = 1.0 / width;
done:
    return status;
}

pdm_status sources_create(pdm_model *m)
{
    pdm_status     status = PDM_OK;
    const pdm_size n      = pdm_pde_n_input(m->pde);

    PDM_TRY(pdm_alloc_array(m->ctx, n, &m->distribution));
    PDM_TRY(pdm_alloc_array(m->ctx, n, &m->field));
    PDM_TRY(pdm_alloc_array(m->ctx, n, &m->pool));
    PDM_TRY(pdm_alloc_array(m->ctx, n, &m->input_shift));
    PDM_TRY(pdm_alloc_array(m->ctx, n, &m->input_scale));
    for (pdm_size i = 0; i < n; i++) PDM_TRY(read_source(m, i, pdm_case_has(m->the_case, "training", "data")));
done:
    return status;
}

static void forget_samples(pdm_model *m)
{
    given_destroy(m);
    for (pdm_size i = 0; m->pool && i < pdm_pde_n_input(m->pde); i++) {
        pdm_free(m->ctx, m->pool[i].value);
        m->pool[i].value = NULL;
    }
    m->samples_read = false;
}

void sources_destroy(pdm_model *m)
{
    forget_samples(m);
    for (pdm_size i = 0; m->pde && i < pdm_pde_n_input(m->pde); i++) {
        if (m->field) pdm_random_field_destroy(&m->field[i]);
        if (m->pool) pdm_free(m->ctx, m->pool[i].path);
    }
    pdm_free(m->ctx, m->distribution);
    pdm_free(m->ctx, m->field);
    pdm_free(m->ctx, m->pool);
    pdm_free(m->ctx, m->input_shift);
    pdm_free(m->ctx, m->input_scale);
}

/* ---- samples in files ---- */

pdm_status sources_read(pdm_model *m)
{
    pdm_status status = PDM_OK;
    if (m->samples_read) return PDM_OK;
    PDM_TRY(given_read(m));
    for (pdm_size i = 0; i < pdm_pde_n_input(m->pde); i++)
        if (m->pool[i].path) PDM_TRY(file_samples_read(m, m->pool[i].path, i, &m->pool[i].n_sample, &m->pool[i].value));
    m->samples_read = true;
done:
    if (status != PDM_OK) forget_samples(m);
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

void sources_scale(pdm_model *m)
{
    for (pdm_size i = 0; i < pdm_pde_n_input(m->pde); i++) {
        const pdm_size size = pdm_domain_input_size(m->domain, i), at = pdm_domain_input_offset(m->domain, i);
        if (m->pool[i].path)
            spread_of(m->pool[i].value, m->pool[i].n_sample, size, size, &m->input_shift[i], &m->input_scale[i]);
        else if (m->given.n_sample > 0 && m->distribution[i].kind == PDM_DISTRIBUTION_NONE)
            spread_of(m->given.input + at, m->given.n_sample, size, pdm_domain_n_input(m->domain), &m->input_shift[i],
                      &m->input_scale[i]);
    }
}

/* ---- drawing ---- */

static pdm_size pick_of(pdm_random_key key, uint64_t index, pdm_size n)
{
    const pdm_size k = (pdm_size)(pdm_random_uniform(key, index) * (double)n);
    return k < n ? k : n - 1;
}

pdm_size sources_pick(const pdm_model *m, pdm_random_key pick, pdm_size sample)
{
    return pick_of(pick, (uint64_t)sample, m->given.n_sample);
}

void sources_draw(pdm_model *m, pdm_random_key draw, pdm_random_key pick, pdm_size sample, double *input)
{
    const pdm_size n = pdm_pde_n_input(m->pde);
    for (pdm_size i = 0; i < n; i++) {
        double        *own  = input + pdm_domain_input_offset(m->domain, i);
        const pdm_size size = pdm_domain_input_size(m->domain, i);
        if (m->pool[i].path) {
            const uint64_t index = (uint64_t)(sample * n + m->pool[i].file);
            memcpy(own, m->pool[i].value + pick_of(pick, index, m->pool[i].n_sample) * size,
                   (size_t)size * sizeof *own);
        } else if (m->field[i]) {
            pdm_random_field_draw(m->field[i], draw, i, sample, PDM_NORMALISE_NONE, own);
        } else { /* by number of the input, not by place: the grid of a field does not change what a scalar gets */
            *own = pdm_distribution_draw(&m->distribution[i], draw, (uint64_t)(sample * n + i));
        }
    }
}

/* Scalars in the middle of their distributions; of fields one draw, with its proper amplitude; the first of given ones. */
void sources_typical(pdm_model *m, double off, double *input)
{
    const pdm_random_key key = {(uint64_t)m->training.seed, PDM_RANDOM_TYPICAL, 0};
    for (pdm_size i = 0; i < pdm_pde_n_input(m->pde); i++) {
        const pdm_size at = pdm_domain_input_offset(m->domain, i), size = pdm_domain_input_size(m->domain, i);
        if (m->given.n_sample > 0)
            memcpy(input + at, m->given.input + at, (size_t)size * sizeof *input);
        else if (m->pool[i].path)
            memcpy(input + at, m->pool[i].value, (size_t)size * sizeof *input);
        else if (m->field[i])
            pdm_random_field_draw(m->field[i], key, i, 0, PDM_NORMALISE_RMS, input + at);
        else
            input[at] = m->input_shift[i] + off / m->input_scale[i];
    }
}

pdm_status sources_draw_unseen(pdm_model *m, pdm_size n, double *input)
{
    pdm_status           status = PDM_OK;
    const pdm_random_key draw   = {(uint64_t)m->training.seed, PDM_RANDOM_TEST, 0};
    const pdm_random_key pick   = {(uint64_t)m->training.seed, PDM_RANDOM_TEST, 1};
    for (pdm_size k = 0; k < pdm_pde_n_input(m->pde); k++)
        if (m->distribution[k].kind == PDM_DISTRIBUTION_NONE && !m->pool[k].path)
            PDM_FAIL(m->ctx, PDM_ERR_DATA, "input \"%s\" has no distribution to draw from; a reference file expected",
                     pdm_pde_input(m->pde, k)->name);
    PDM_TRY(sources_read(m));
    for (pdm_size i = 0; i < n; i++) sources_draw(m, draw, pick, i, input + i * pdm_domain_n_input(m->domain));
done:
    return status;
}
