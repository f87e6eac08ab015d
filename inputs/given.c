/* Solutions given to train on: /training:data names a NetCDF file with inputs and fields, on one grid. */
#include "inputs/inputs.h"

#include <string.h>

#include "inputs/inputs_impl.h"

/* Fields of all samples on the file's coordinates: [n_sample][n_field][n_point]. */
static pdm_status read_fields(pdm_inputs *x, pdm_fields *f, const pdm_file_inputs *file)
{
    pdm_status     status = PDM_OK;
    const pdm_size n_dim = pdm_domain_n_dim(x->domain), n_field = pdm_domain_n_field(x->domain);
    pdm_given     *given  = &x->given;
    double        *values = NULL;

    given->n_point = 1;
    for (pdm_size j = 0; j < n_dim; j++) {
        if (!file->coordinate[j])
            PDM_FAIL(x->ctx, PDM_ERR_DATA,
                     "%s: no coordinate variable \"%s\"; training on data needs the coordinates of the fields",
                     pdm_fields_path(f), pdm_pde_dim_name(x->pde, j));
        given->n_point *= file->n_coordinate[j];
    }
    PDM_TRY(pdm_alloc_array(x->ctx, file->n_sample * n_field * given->n_point, &given->field));
    for (pdm_size i = 0; i < n_field; i++) {
        PDM_TRY(pdm_file_field_read(x->domain, f, i, file->n_sample, &values));
        for (pdm_size s = 0; s < file->n_sample; s++)
            memcpy(given->field + (s * n_field + i) * given->n_point, values + s * given->n_point,
                   (size_t)given->n_point * sizeof *values);
        pdm_free(x->ctx, values);
        values = NULL;
    }
done:
    pdm_free(x->ctx, values);
    return status;
}

pdm_status given_read(pdm_inputs *x)
{
    pdm_status      status = PDM_OK;
    const char     *path   = NULL;
    pdm_fields     *f      = NULL;
    pdm_file_inputs file   = {0};

    PDM_TRY(pdm_case_text(x->the_case, "training", "data", "", &path));
    if (!*path && x->wants_fields) {
        const pdm_where where = pdm_case_where(x->the_case, "training", "loss");
        PDM_FAIL_AT(x->ctx, PDM_ERR_CASE, &where,
                    "a loss on data needs a file with inputs and fields in training:data");
    }
    if (!*path) goto done;
    PDM_TRY(pdm_fields_open(x->ctx, path, &f));
    PDM_TRY(pdm_file_inputs_read(x->domain, f, &file));
    if (x->wants_fields) PDM_TRY(read_fields(x, f, &file));
    x->given.n_sample = file.n_sample;
    x->given.input    = file.input;
    file.input        = NULL;
    for (pdm_size j = 0; j < pdm_domain_n_dim(x->domain); j++) {
        x->given.n_coordinate[j] = file.n_coordinate[j];
        x->given.coordinate[j]   = file.coordinate[j];
        file.coordinate[j]       = NULL;
    }
done:
    pdm_file_inputs_destroy(x->ctx, &file);
    pdm_fields_close(&f);
    return status;
}

void given_destroy(pdm_inputs *x)
{
    pdm_free(x->ctx, x->given.input);
    pdm_free(x->ctx, x->given.field);
    for (pdm_size j = 0; j < PDM_MAX_DIM; j++) pdm_free(x->ctx, x->given.coordinate[j]);
    x->given = (pdm_given){0};
}
