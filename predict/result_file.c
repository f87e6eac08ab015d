/* What a solve leaves in a file: fields, inputs, how each solve ended.  */
#include "predict/predict.h"

#include <stdio.h>
#include <string.h>

/* CF wants units and a name for people everywhere: "1", and the name itself, where the case gives none. No attribute
 * `axis`: of CF, T is a date, X and Y are longitude and latitude. */
static const char *text_or(const char *text, const char *otherwise)
{
    return *text ? text : otherwise;
}

/* An input as a variable of all samples; a field lies on the output's coordinates, which are those of its own file. */
static pdm_status define_input(const pdm_problem *p, pdm_output *o, pdm_size i)
{
    pdm_status            status                = PDM_OK;
    const pdm_input_info *info                  = pdm_pde_input(p->pde, i);
    const char           *dims[PDM_MAX_DIM + 1] = {"sample"}, *long_name = NULL;
    char                  group[PDM_GROUP_TEXT];

    for (pdm_size k = 0; k < info->n_dim; k++) dims[k + 1] = pdm_pde_dim_name(p->pde, info->dim[k]);
    pdm_problem_input_group(p, i, group);
    PDM_TRY(pdm_case_text(p->the_case, group, "long_name", "", &long_name));
    PDM_TRY(pdm_output_variable(o, info->name, info->n_dim + 1, dims, text_or(info->units, "1"),
                                text_or(long_name, info->name)));
    PDM_TRY(pdm_output_attribute(o, info->name, "role", "input"));
done:
    return status;
}

/* The inputs of the file, unchanged but for their units: an output is a reference as it is. */
pdm_status pdm_result_file_inputs(const pdm_problem *p, pdm_fields *f, pdm_output *o, pdm_size n_sample)
{
    pdm_status status = PDM_OK;
    double    *values = NULL;

    for (pdm_size i = 0; i < pdm_pde_n_input(p->pde); i++) {
        const pdm_input_info *info = pdm_pde_input(p->pde, i);
        pdm_size              shape[PDM_MAX_DIM + 1], size = 1;
        PDM_TRY(pdm_file_input_read(p->domain, f, i, shape, &values));
        for (pdm_size k = 0; k < info->n_dim; k++) size *= shape[k + 1];
        for (pdm_size s = 0; s < n_sample; s++)
            PDM_TRY(pdm_output_put(o, info->name, s, 1, values + (shape[0] == 1 ? 0 : s) * size));
        pdm_free(p->ctx, values);
        values = NULL;
    }
done:
    pdm_free(p->ctx, values);
    return status;
}

pdm_result_source pdm_result_source_of(const pdm_model *m)
{
    return (pdm_result_source){.problem = m->whole, .case_file = m->case_file, .step = m->state.step};
}

/* The case's title, or its name; and its parameters, as it has them. */
static pdm_status describe_case(const pdm_result_source *s, pdm_output *o)
{
    pdm_status  status = PDM_OK;
    pdm_case   *c      = s->problem->the_case;
    const char *name = pdm_base_name(s->case_file), *title = NULL, *dot = strrchr(name, '.');
    char        text[256];

    snprintf(text, sizeof text, "%.*s", (int)(dot && dot > name ? dot - name : (long)strlen(name)), name);
    PDM_TRY(pdm_case_text(c, "", "title", text, &title));
    PDM_TRY(pdm_output_attribute(o, NULL, "title", title));
    PDM_TRY(pdm_output_attribute(o, NULL, "case", name));
    for (pdm_size i = 0; i < pdm_case_n_attribute(c, "pde/parameters"); i++) {
        const char *parameter = pdm_case_attribute_name(c, "pde/parameters", i), *value = NULL;
        double      number;
        PDM_TRY(pdm_case_text(c, "pde/parameters", parameter, NULL, &value));
        snprintf(text, sizeof text, "parameter_%.200s", parameter);
        PDM_TRY(pdm_text_to_real(value, &number) ? pdm_output_attribute_real(o, NULL, text, number)
                                                 : pdm_output_attribute(o, NULL, text, value));
    }
done:
    return status;
}

pdm_status pdm_result_attributes(const pdm_result_source *s, pdm_output *o, double polish)
{
    pdm_status         status = PDM_OK;
    const pdm_problem *p      = s->problem;

    PDM_TRY(describe_case(s, o));
    PDM_TRY(pdm_output_attribute(o, NULL, "source", "pdemoe"));
    PDM_TRY(pdm_output_attribute(o, NULL, "pdemoe_version", pdm_version()));
    PDM_TRY(pdm_output_attribute(o, NULL, "history", polish > 0.0 ? "solved by pdemoe" : "predicted by pdemoe"));
    PDM_TRY(pdm_output_attribute_count(o, NULL, "training_steps", s->step));
    PDM_TRY(pdm_output_attribute_count(o, NULL, "seed", p->training.seed));
    PDM_TRY(pdm_output_attribute(o, NULL, "back_end", p->backend->ops->name));
    PDM_TRY(pdm_output_attribute_count(o, NULL, "threads", pdm_context_threads(p->ctx)));
    if (polish > 0.0) PDM_TRY(pdm_output_attribute_real(o, NULL, "polish_tolerance", polish));
done:
    return status;
}

pdm_status pdm_result_dimensions(const pdm_problem *p, const pdm_output_grid *grid, pdm_output *o, const char **dims)
{
    pdm_status  status = PDM_OK;
    const char *name   = NULL;
    char        group[PDM_GROUP_TEXT];

    for (pdm_size j = 0; j < pdm_domain_n_dim(p->domain); j++) {
        dims[j] = pdm_pde_dim_name(p->pde, j);
        snprintf(group, sizeof group, "domain/%s", dims[j]);
        PDM_TRY(pdm_case_text(p->the_case, group, "long_name", dims[j], &name));
        PDM_TRY(pdm_output_dimension(o, dims[j], grid->n[j], grid->coordinate[j],
                                     text_or(pdm_pde_dim_units(p->pde, j), "1"), NULL, name));
    }
done:
    return status;
}

static pdm_status define_samples(pdm_output *o, pdm_size n_sample)
{
    pdm_status        status = PDM_OK;
    const char *const dims[] = {"sample"};

    PDM_TRY(pdm_output_dimension(o, "sample", n_sample, NULL, NULL, NULL, NULL));
    PDM_TRY(pdm_output_variable_int(o, "sample", 1, dims, "number of the sample"));
    for (int32_t i = 0; i < n_sample; i++) PDM_TRY(pdm_output_put_int(o, "sample", i, 1, &i));
done:
    return status;
}

pdm_status pdm_result_header(const pdm_result_source *s, const pdm_output_grid *grid, pdm_output *o, pdm_size n_sample,
                             double polish)
{
#define TEXT_OF(name, value, text) text,
    static const char *const reasons[]             = {PDM_REASON_LIST(TEXT_OF)};
    pdm_status               status                = PDM_OK;
    const pdm_problem       *p                     = s->problem;
    const char              *dims[PDM_MAX_DIM + 1] = {"sample"};

    PDM_TRY(pdm_result_attributes(s, o, polish));
    PDM_TRY(define_samples(o, n_sample));
    PDM_TRY(pdm_result_dimensions(p, grid, o, dims + 1));
    for (pdm_size f = 0; f < pdm_domain_n_field(p->domain); f++) {
        const char *name = pdm_pde_field_name(p->pde, f);
        PDM_TRY(pdm_output_variable(o, name, pdm_domain_n_dim(p->domain) + 1, dims,
                                    text_or(pdm_pde_field_units(p->pde, f), "1"), name));
        PDM_TRY(pdm_output_may_lack(o, name));
    }
    for (pdm_size i = 0; i < pdm_pde_n_input(p->pde); i++) PDM_TRY(define_input(p, o, i));
    PDM_TRY(pdm_output_variable_int(o, "solver_reason", 1, dims, "why the solve stopped; 1 and 2: converged"));
    PDM_TRY(pdm_output_flags(o, "solver_reason", (pdm_size)(sizeof reasons / sizeof *reasons), reasons));
    PDM_TRY(pdm_output_variable_int(o, "solver_iterations", 1, dims, "damped Gauss-Newton steps"));
    PDM_TRY(pdm_output_variable_int(o, "solver_cg_iterations", 1, dims,
                                    "conjugate gradient iterations of all steps; 0: steps by factorisation"));
    PDM_TRY(pdm_output_variable(o, "solver_objective", 1, dims, "1", "half the squared norm of the scaled residual"));
    PDM_TRY(pdm_output_may_lack(o, "solver_objective"));
done:
    return status;
}

/* An input that was drawn, at the output's coordinates of its dimensions: values [its points] of one sample. */
static pdm_status drawn_input_values(const pdm_output_grid *grid, pdm_size i, const double *input, double *values)
{
    pdm_status            status = PDM_OK;
    const pdm_problem    *p      = grid->problem;
    const pdm_input_info *info   = pdm_pde_input(p->pde, i);
    const pdm_function   *f      = NULL;
    char                  group[PDM_GROUP_TEXT];
    pdm_size              n[PDM_MAX_DIM];
    const double         *x[PDM_MAX_DIM];

    if (info->n_dim == 0) {
        values[0] = input[pdm_domain_input_offset(p->domain, i)];
        return PDM_OK;
    }
    for (pdm_size j = 0; j < pdm_domain_n_dim(p->domain); j++) {
        x[j] = grid->coordinate[j];
        n[j] = 1;
    }
    for (pdm_size k = 0; k < info->n_dim; k++) n[info->dim[k]] = grid->n[info->dim[k]];
    pdm_problem_input_group(p, i, group);
    const pdm_where at = pdm_case_where(p->the_case, group, NULL);
    PDM_TRY(pdm_pde_compile(p->pde, info->name, at, false, &f));
    PDM_TRY(pdm_domain_evaluate(p->domain, f, &at, input, n, x, values));
done:
    return status;
}

pdm_status pdm_result_drawn_inputs(const pdm_output_grid *grid, pdm_output *o, pdm_size n_sample, const double *input)
{
    pdm_status         status = PDM_OK;
    double            *values = NULL;
    const pdm_problem *p      = grid->problem;

    for (pdm_size i = 0; i < pdm_pde_n_input(p->pde); i++) {
        const pdm_input_info *info = pdm_pde_input(p->pde, i);
        pdm_size              size = 1;
        for (pdm_size k = 0; k < info->n_dim; k++) size *= grid->n[info->dim[k]];
        PDM_TRY(pdm_alloc_array(p->ctx, size, &values));
        for (pdm_size s = 0; s < n_sample; s++) {
            PDM_TRY(drawn_input_values(grid, i, input + s * pdm_domain_n_input(p->domain), values));
            PDM_TRY(pdm_output_put(o, info->name, s, 1, values));
        }
        pdm_free(p->ctx, values);
        values = NULL;
    }
done:
    pdm_free(p->ctx, values);
    return status;
}

pdm_status pdm_result_samples(const pdm_output_grid *grid, pdm_output *o, pdm_size first, pdm_size n, const double *u,
                              const pdm_solve_result *result)
{
    pdm_status         status  = PDM_OK;
    const pdm_problem *p       = grid->problem;
    const pdm_size     n_field = pdm_domain_n_field(p->domain), n_point = grid->n_point;
    const bool         shape = grid->shape.n_place > 0;
    for (pdm_size i = 0; i < n; i++) {
        const bool missing = pdm_reason_is_useless(result[i].reason);
        for (pdm_size f = 0; f < n_field; f++) {
            const char *name = pdm_pde_field_name(p->pde, f);
            PDM_TRY(missing ? pdm_output_put_nothing(o, name, first + i)
                    : shape ? pdm_output_put_some(o, name, first + i, u + (i * n_field + f) * n_point)
                            : pdm_output_put(o, name, first + i, 1, u + (i * n_field + f) * n_point));
        }
        PDM_TRY(pdm_output_put_int(o, "solver_reason", first + i, 1, &result[i].reason));
        PDM_TRY(pdm_output_put_int(o, "solver_iterations", first + i, 1, &result[i].iterations));
        PDM_TRY(pdm_output_put_int(o, "solver_cg_iterations", first + i, 1, &result[i].cg_iterations));
        PDM_TRY(missing ? pdm_output_put_nothing(o, "solver_objective", first + i)
                        : pdm_output_put(o, "solver_objective", first + i, 1, &result[i].objective));
    }
done:
    return status;
}
