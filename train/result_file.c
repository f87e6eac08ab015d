/* What a solve leaves in a file: fields, inputs, how each solve ended. The grid is the model's output grid. */
#include "train/train.h"

#include <stdio.h>
#include <string.h>

#include "train/train_impl.h"

static const char *axis_of(const pdm_pde *pde, pdm_size dim)
{
    static const char *const space[] = {"X", "Y", "Z"};
    if (pdm_pde_has_time(pde)) {
        if (dim == 0) return "T";
        dim--;
    }
    return dim < 3 ? space[dim] : NULL;
}

/* Where the case says nothing of units, the file does not say "1" either: they may be metres. */
static const char *units_or_none(const char *units)
{
    return *units ? units : NULL;
}

/* An input as a variable of all samples; a field lies on the output's coordinates, which are those of its own file. */
static pdm_status define_input(pdm_model *m, pdm_output *o, pdm_size i)
{
    pdm_status            status                = PDM_OK;
    const pdm_input_info *info                  = pdm_pde_input(m->pde, i);
    const char           *dims[PDM_MAX_DIM + 1] = {"sample"}, *long_name = NULL;
    char                  group[128];

    for (pdm_size k = 0; k < info->n_dim; k++) dims[k + 1] = pdm_pde_dim_name(m->pde, info->dim[k]);
    snprintf(group, sizeof group, "inputs/%s", info->name);
    PDM_TRY(pdm_case_text(m->the_case, group, "long_name", "", &long_name));
    PDM_TRY(pdm_output_variable(o, info->name, info->n_dim + 1, dims, units_or_none(info->units),
                                *long_name ? long_name : NULL));
    PDM_TRY(pdm_output_attribute(o, info->name, "role", "input"));
done:
    return status;
}

/* The inputs of the file, unchanged but for their units: an output is a reference as it is. */
pdm_status result_file_inputs(pdm_model *m, pdm_fields *f, pdm_output *o, pdm_size n_sample)
{
    pdm_status status = PDM_OK;
    double    *values = NULL;

    for (pdm_size i = 0; i < pdm_pde_n_input(m->pde); i++) {
        const pdm_input_info *info = pdm_pde_input(m->pde, i);
        pdm_size              shape[PDM_MAX_DIM + 1], size = 1;
        PDM_TRY(file_input_read(m, f, i, shape, &values));
        for (pdm_size k = 0; k < info->n_dim; k++) size *= shape[k + 1];
        for (pdm_size s = 0; s < n_sample; s++)
            PDM_TRY(pdm_output_put(o, info->name, s, 1, values + (shape[0] == 1 ? 0 : s) * size));
        pdm_free(m->ctx, values);
        values = NULL;
    }
done:
    pdm_free(m->ctx, values);
    return status;
}

/* Without folders, which are those of one machine. */
static const char *file_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

pdm_status result_header(pdm_model *m, pdm_output *o, pdm_size n_sample, double polish)
{
    pdm_status  status                = PDM_OK;
    const char *dims[PDM_MAX_DIM + 1] = {"sample"};

    PDM_TRY(pdm_output_attribute(o, NULL, "Conventions", "CF-1.10"));
    PDM_TRY(pdm_output_attribute(o, NULL, "source", "pdemoe"));
    PDM_TRY(pdm_output_attribute(o, NULL, "pdemoe_version", pdm_version()));
    PDM_TRY(pdm_output_attribute(o, NULL, "case", file_name(m->case_file)));
    PDM_TRY(pdm_output_attribute_count(o, NULL, "training_steps", m->step));
    PDM_TRY(pdm_output_attribute_count(o, NULL, "seed", m->training.seed));
    PDM_TRY(pdm_output_attribute(o, NULL, "back_end", m->backend->ops->name));
    PDM_TRY(pdm_output_attribute_count(o, NULL, "threads", pdm_context_threads(m->ctx)));
    if (polish > 0.0) PDM_TRY(pdm_output_attribute_real(o, NULL, "polish_tolerance", polish));
    PDM_TRY(pdm_output_dimension(o, "sample", n_sample, NULL, NULL, NULL, NULL));
    for (pdm_size j = 0; j < pdm_domain_n_dim(m->domain); j++) {
        const char *units = pdm_pde_dim_units(m->pde, j);
        dims[j + 1]       = pdm_pde_dim_name(m->pde, j);
        PDM_TRY(pdm_output_dimension(o, dims[j + 1], m->output.n[j], m->output.coordinate[j], units_or_none(units),
                                     axis_of(m->pde, j), NULL));
    }
    for (pdm_size f = 0; f < pdm_domain_n_field(m->domain); f++) {
        const char *units = pdm_pde_field_units(m->pde, f);
        PDM_TRY(pdm_output_variable(o, pdm_pde_field_name(m->pde, f), pdm_domain_n_dim(m->domain) + 1, dims,
                                    units_or_none(units), NULL));
    }
    for (pdm_size i = 0; i < pdm_pde_n_input(m->pde); i++) PDM_TRY(define_input(m, o, i));
    PDM_TRY(pdm_output_variable_int(o, "solver_reason", 1, dims, "why the solve stopped; 1 and 2: converged"));
    PDM_TRY(pdm_output_variable_int(o, "solver_iterations", 1, dims, "damped Gauss-Newton steps"));
    PDM_TRY(pdm_output_variable_int(o, "solver_cg_iterations", 1, dims,
                                    "conjugate gradient iterations of all steps; 0: steps by factorisation"));
    PDM_TRY(pdm_output_variable(o, "solver_objective", 1, dims, "1", "half the squared norm of the scaled residual"));
done:
    return status;
}

/* An input that was drawn, at the output's coordinates of its dimensions: values [its points] of one sample. */
static pdm_status drawn_input_values(pdm_model *m, pdm_size i, const double *input, double *values)
{
    pdm_status            status = PDM_OK;
    const pdm_input_info *info   = pdm_pde_input(m->pde, i);
    const pdm_function   *f      = NULL;
    char                  group[128];
    pdm_size              n[PDM_MAX_DIM];
    const double         *x[PDM_MAX_DIM];

    if (info->n_dim == 0) {
        values[0] = input[pdm_domain_input_offset(m->domain, i)];
        return PDM_OK;
    }
    for (pdm_size j = 0; j < pdm_domain_n_dim(m->domain); j++) {
        x[j] = m->output.coordinate[j];
        n[j] = 1;
    }
    for (pdm_size k = 0; k < info->n_dim; k++) n[info->dim[k]] = m->output.n[info->dim[k]];
    snprintf(group, sizeof group, "inputs/%s", info->name);
    const pdm_where at = pdm_case_where(m->the_case, group, NULL);
    PDM_TRY(pdm_pde_compile(m->pde, info->name, at, false, &f));
    PDM_TRY(pdm_domain_evaluate(m->domain, f, &at, input, n, x, values));
done:
    return status;
}

pdm_status result_drawn_inputs(pdm_model *m, pdm_output *o, pdm_size n_sample, const double *input)
{
    pdm_status status = PDM_OK;
    double    *values = NULL;

    for (pdm_size i = 0; i < pdm_pde_n_input(m->pde); i++) {
        const pdm_input_info *info = pdm_pde_input(m->pde, i);
        pdm_size              size = 1;
        for (pdm_size k = 0; k < info->n_dim; k++) size *= m->output.n[info->dim[k]];
        PDM_TRY(pdm_alloc_array(m->ctx, size, &values));
        for (pdm_size s = 0; s < n_sample; s++) {
            PDM_TRY(drawn_input_values(m, i, input + s * pdm_domain_n_input(m->domain), values));
            PDM_TRY(pdm_output_put(o, info->name, s, 1, values));
        }
        pdm_free(m->ctx, values);
        values = NULL;
    }
done:
    pdm_free(m->ctx, values);
    return status;
}

pdm_status result_samples(pdm_model *m, pdm_output *o, pdm_size n, const double *u, const pdm_solve_result *result)
{
    pdm_status     status  = PDM_OK;
    const pdm_size n_field = pdm_domain_n_field(m->domain), n_point = m->output.n_point;
    for (pdm_size i = 0; i < n; i++) {
        for (pdm_size f = 0; f < n_field; f++)
            PDM_TRY(pdm_output_put(o, pdm_pde_field_name(m->pde, f), i, 1, u + (i * n_field + f) * n_point));
        PDM_TRY(pdm_output_put_int(o, "solver_reason", i, 1, &result[i].reason));
        PDM_TRY(pdm_output_put_int(o, "solver_iterations", i, 1, &result[i].iterations));
        PDM_TRY(pdm_output_put_int(o, "solver_cg_iterations", i, 1, &result[i].cg_iterations));
        PDM_TRY(pdm_output_put(o, "solver_objective", i, 1, &result[i].objective));
    }
done:
    return status;
}
