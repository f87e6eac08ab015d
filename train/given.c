/* Solutions given to train on: /training:data names a NetCDF file with inputs and fields, on one output grid. */
#include "train/train.h"

#include "train/train_impl.h"

/* Fields of all samples on the file's coordinates: [n_sample][n_field][n_point]. */
static pdm_status read_fields(pdm_model *m, pdm_fields *f, const file_inputs *x)
{
    pdm_status     status = PDM_OK;
    const pdm_size n_dim = pdm_domain_n_dim(m->domain), n_field = pdm_domain_n_field(m->domain);
    double        *values = NULL;

    m->given.n_point = 1;
    for (pdm_size j = 0; j < n_dim; j++) {
        if (!x->coordinate[j])
            PDM_FAIL(m->ctx, PDM_ERR_DATA,
                     "%s: no coordinate variable \"%s\"; training on data needs the coordinates of the fields",
                     pdm_fields_path(f), pdm_pde_dim_name(m->pde, j));
        m->given.n_point *= x->n_coordinate[j];
    }
    PDM_TRY(pdm_alloc_array(m->ctx, x->n_sample * n_field * m->given.n_point, &m->given.field));
    for (pdm_size i = 0; i < n_field; i++) {
        const char *dims[PDM_MAX_DIM + 1] = {"?sample"};
        pdm_size    shape[PDM_MAX_DIM + 1];
        for (pdm_size j = 0; j < n_dim; j++) dims[j + 1] = pdm_pde_dim_name(m->pde, j);
        const char *units = pdm_pde_field_units(m->pde, i);
        PDM_TRY(
            pdm_fields_read(f, pdm_pde_field_name(m->pde, i), n_dim + 1, dims, *units ? units : NULL, shape, &values));
        if (shape[0] != x->n_sample)
            PDM_FAIL(m->ctx, PDM_ERR_DATA, "%s: field \"%s\" has %lld samples, the inputs have %lld",
                     pdm_fields_path(f), pdm_pde_field_name(m->pde, i), (long long)shape[0], (long long)x->n_sample);
        for (pdm_size s = 0; s < x->n_sample; s++)
            for (pdm_size k = 0; k < m->given.n_point; k++)
                m->given.field[(s * n_field + i) * m->given.n_point + k] = values[s * m->given.n_point + k];
        pdm_free(m->ctx, values);
        values = NULL;
    }
done:
    pdm_free(m->ctx, values);
    return status;
}

pdm_status given_read(pdm_model *m)
{
    pdm_status    status = PDM_OK;
    const char   *path   = NULL;
    pdm_fields   *f      = NULL;
    file_inputs   x      = {0};
    const double *coordinate[PDM_MAX_DIM];

    PDM_TRY(pdm_case_text(m->the_case, "training", "data", "", &path));
    if (!*path) {
        if (m->training.loss == LOSS_PHYSICS) return PDM_OK;
        pdm_where where = pdm_case_where(m->the_case, "training", "loss");
        PDM_FAIL_AT(m->ctx, PDM_ERR_CASE, &where,
                    "a loss on data needs a file with inputs and fields in training:data");
    }
    PDM_TRY(pdm_fields_open(m->ctx, path, &f));
    PDM_TRY(file_inputs_read(m, f, &x));
    if (m->training.loss != LOSS_PHYSICS) {
        PDM_TRY(read_fields(m, f, &x));
        for (pdm_size j = 0; j < pdm_domain_n_dim(m->domain); j++) coordinate[j] = x.coordinate[j];
        PDM_TRY(pdm_point_grid_create(m->domain, x.n_coordinate, coordinate, &m->given.grid));
        PDM_TRY(m->backend->ops->points_create(m->backend, &m->given.grid.desc, &m->given.plan));
        PDM_TRY(m->backend->ops->buffer_create(m->backend, (size_t)(m->n_batch * m->given.n_point) * sizeof(double),
                                               &m->misfit));
    }
    m->given.n_sample = x.n_sample;
    m->given.input    = x.input;
    x.input           = NULL;
done:
    file_inputs_destroy(m, &x);
    pdm_fields_close(&f);
    return status;
}

void given_destroy(pdm_model *m)
{
    if (m->backend) m->backend->ops->points_destroy(m->backend, &m->given.plan);
    pdm_point_grid_destroy(&m->given.grid);
    pdm_free(m->ctx, m->given.input);
    pdm_free(m->ctx, m->given.field);
    m->given = (training_data){0};
}
