/* What the numbers of a model are: inputs, fields and dimensions in words, and the points that they lie on. */
#include "model/model.h"

#include <math.h>
#include <stdio.h>

/* The case's long_name for /FOLDER/NAME, else the name. */
static pdm_status long_name_of(const pdm_model *m, const char *folder, const char *name, const char **out)
{
    char group[PDM_GROUP_TEXT];
    snprintf(group, sizeof group, "%s/%s", folder, name);
    return pdm_case_text(m->whole->the_case, group, "long_name", name, out);
}

/* Ends of what training draws; NaN where there are none. */
static void range_of(const pdm_inputs *x, pdm_size i, double *low, double *high)
{
    const pdm_distribution *d = &x->distribution[i];

    *low = *high = NAN;
    if (d->kind != PDM_DISTRIBUTION_UNIFORM && d->kind != PDM_DISTRIBUTION_LIST) return;
    for (pdm_size k = 0; k < d->n; k++) {
        *low  = fmin(*low, d->value[k]); /* NaN at first: fmin gives the other */
        *high = fmax(*high, d->value[k]);
    }
}

/* Name, units and long name of dimension j; no points yet. */
static pdm_status describe_dimension(const pdm_model *m, pdm_size j, pdm_dimension *out)
{
    const pdm_pde *pde = m->whole->pde;
    *out               = (pdm_dimension){.name = pdm_pde_dim_name(pde, j), .units = pdm_pde_dim_units(pde, j)};
    return long_name_of(m, "domain", out->name, &out->long_name);
}

/* ---- inputs ---- */

pdm_size pdm_model_count_inputs(const pdm_model *m)
{
    return m ? pdm_pde_n_input(m->whole->pde) : 0;
}

static pdm_status check_input(const pdm_model *m, pdm_size i)
{
    PDM_EXPECT(m->ctx, i >= 0 && i < pdm_model_count_inputs(m), "input %lld; one of the %lld of this model expected",
               (long long)i, (long long)pdm_model_count_inputs(m));
    return PDM_OK;
}

pdm_status pdm_model_input(const pdm_model *m, pdm_size i, pdm_quantity *out)
{
    pdm_status status = PDM_OK;

    if (!m) return PDM_ERR_ARGUMENT;
    PDM_EXPECT_POINTER(m->ctx, out, "a place for the input");
    PDM_TRY(check_input(m, i));
    const pdm_input_info *info = pdm_pde_input(m->whole->pde, i);
    pdm_quantity          q    = {.name  = info->name,
                                  .units = info->units,
                                  .first = pdm_domain_input_offset(m->whole->domain, i),
                                  .n     = pdm_domain_input_size(m->whole->domain, i),
                                  .n_dim = info->n_dim};
    PDM_TRY(long_name_of(m, "inputs", info->name, &q.long_name));
    range_of(m->whole->inputs, i, &q.low, &q.high);
    *out = q;
done:
    return status;
}

pdm_status pdm_model_input_dimension(const pdm_model *m, pdm_size i, pdm_size k, pdm_dimension *out)
{
    pdm_status    status = PDM_OK;
    pdm_dimension dim;

    if (!m) return PDM_ERR_ARGUMENT;
    PDM_EXPECT_POINTER(m->ctx, out, "a place for the dimension");
    PDM_TRY(check_input(m, i));
    const pdm_input_info *info = pdm_pde_input(m->whole->pde, i);
    PDM_EXPECT(m->ctx, k >= 0 && k < info->n_dim, "dimension %lld; one of the %lld of input \"%s\" expected",
               (long long)k, (long long)info->n_dim, info->name);
    PDM_TRY(describe_dimension(m, info->dim[k], &dim));
    dim.coordinate = pdm_domain_input_points(m->whole->domain, i, k, &dim.n);
    *out           = dim;
done:
    return status;
}

pdm_status pdm_model_bring_input(const pdm_model *m, pdm_size i, pdm_size n_sample, const pdm_size *n,
                                 const double *const *coordinate, const double *values, double *out)
{
    pdm_status status = PDM_OK;

    if (!m) return PDM_ERR_ARGUMENT;
    PDM_TRY(check_input(m, i));
    const pdm_input_info *info = pdm_pde_input(m->whole->pde, i);
    PDM_EXPECT(m->ctx, info->n_dim > 0, "input \"%s\" is a number; a field expected", info->name);
    PDM_EXPECT(m->ctx, n_sample >= 0 && n_sample <= PDM_MAX_COUNT, "%lld samples; 0 to %d expected",
               (long long)n_sample, PDM_MAX_COUNT);
    PDM_EXPECT(m->ctx, n && coordinate, "coordinates are NULL; those of the %lld dimensions of input \"%s\" expected",
               (long long)info->n_dim, info->name);
    PDM_EXPECT(m->ctx, (values && out) || n_sample == 0, "values, or a place for them, are NULL");
    PDM_TRY(pdm_host_field_read(m->ctx, m->whole->domain, i, n_sample, n, coordinate, values, out));
done:
    return status;
}

/* ---- fields ---- */

pdm_status pdm_model_field(const pdm_model *m, pdm_size f, pdm_quantity *out)
{
    if (!m) return PDM_ERR_ARGUMENT;
    PDM_EXPECT_POINTER(m->ctx, out, "a place for the field");
    PDM_EXPECT(m->ctx, f >= 0 && f < pdm_model_n_field(m), "field %lld; one of the %lld of this model expected",
               (long long)f, (long long)pdm_model_n_field(m));
    const char    *name = pdm_pde_field_name(m->whole->pde, f);
    const pdm_size n    = m->output ? m->output->n_point : pdm_output_grid_default_points(m->whole);
    *out                = (pdm_quantity){.name      = name,
                                         .units     = pdm_pde_field_units(m->whole->pde, f),
                                         .long_name = name,
                                         .first     = f * n,
                                         .n         = n,
                                         .n_dim     = pdm_model_n_dim(m),
                                         .low       = NAN,
                                         .high      = NAN};
    return PDM_OK;
}

pdm_size pdm_model_n_dim(const pdm_model *m)
{
    return m ? pdm_domain_n_dim(m->whole->domain) : 0;
}

pdm_status pdm_model_default_output(pdm_model *m)
{
    return m->output ? PDM_OK : pdm_output_grid_create(m->whole, m->n_batch, NULL, NULL, &m->output);
}

pdm_status pdm_model_output_dimension(pdm_model *m, pdm_size j, pdm_dimension *out)
{
    pdm_status    status = PDM_OK;
    pdm_dimension dim;

    if (!m) return PDM_ERR_ARGUMENT;
    PDM_EXPECT_POINTER(m->ctx, out, "a place for the dimension");
    PDM_EXPECT(m->ctx, j >= 0 && j < pdm_model_n_dim(m), "dimension %lld; one of the %lld of this model expected",
               (long long)j, (long long)pdm_model_n_dim(m));
    PDM_TRY(describe_dimension(m, j, &dim));
    PDM_TRY(pdm_model_default_output(m));
    dim.n          = m->output->n[j];
    dim.coordinate = m->output->coordinate[j];
    *out           = dim;
done:
    return status;
}
