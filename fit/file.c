/* What a fit leaves in a file: the solution like any other, what was found, and the observations with what is fitted. */
#include "fit/fit.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "fit/fit_impl.h"

/* ---- the solution ---- */

static pdm_status put_solution(const fit_job *j, pdm_output *o)
{
    pdm_status              status = PDM_OK;
    const pdm_size          n      = j->at->data.n_experiment;
    const pdm_result_source source = {.problem = j->at->problem, .case_file = j->case_file, .step = j->step};

    PDM_TRY(pdm_result_header(&source, j->at->response.grid, o, n, FIT_SOLVE_TOLERANCE));
    PDM_TRY(pdm_output_attribute(o, NULL, "history", "fitted to data by pdemoe"));
    PDM_TRY(pdm_output_attribute(o, NULL, "data", pdm_base_name(j->at->data.path)));
    PDM_TRY(pdm_result_verdicts_header(j->at->problem, o));
    PDM_TRY(pdm_result_drawn_inputs(j->at->response.grid, o, n, j->input));
    PDM_TRY(pdm_result_samples(j->at->response.grid, o, 0, n, j->u, j->result));
    PDM_TRY(pdm_result_verdicts(j->at->problem, o, 0, n, j->verdict));
done:
    return status;
}

/* ---- what was found ---- */

static const char *const of_number[] = {"fit", "fit_parameter", "fit_other"};

typedef struct number_variable {
    const char *name, *long_name;
    double (*value)(const fit_job *j, const fit_answer *a, pdm_size k);
} number_variable;

static double value_of(const fit_job *j, const fit_answer *a, pdm_size k)
{
    (void)j;
    return a->theta[k];
}

static double error_of(const fit_job *j, const fit_answer *a, pdm_size k)
{
    (void)j;
    return a->error[k];
}

static double start_of(const fit_job *j, const fit_answer *a, pdm_size k)
{
    (void)a;
    return j->at->unknowns.number[k].start;
}

static double low_of(const fit_job *j, const fit_answer *a, pdm_size k)
{
    (void)a;
    return j->at->unknowns.number[k].low;
}

static double high_of(const fit_job *j, const fit_answer *a, pdm_size k)
{
    (void)a;
    return j->at->unknowns.number[k].high;
}

static const number_variable number_variables[] = {
    {"fit_value", "what was found, in the units of the case", value_of},
    {"fit_error", "its standard error; infinite: the data do not say; 0: held at a bound", error_of},
    {"fit_start", "where the search began", start_of},
    {"fit_low", "lower bound", low_of},
    {"fit_high", "upper bound", high_of}};
enum { N_NUMBER_VARIABLE = sizeof number_variables / sizeof *number_variables };

static pdm_status put_numbers(const fit_job *j, pdm_output *o)
{
    pdm_status     status = PDM_OK;
    const pdm_size n      = j->at->unknowns.n;
    double        *values = NULL;

    PDM_TRY(pdm_alloc_array(j->ctx, n * n, &values));
    for (int v = 0; v < N_NUMBER_VARIABLE; v++) {
        PDM_TRY(pdm_output_variable(o, number_variables[v].name, 2, of_number, "1", number_variables[v].long_name));
        for (pdm_size i = 0; i < j->n_fit; i++) {
            for (pdm_size k = 0; k < n; k++) values[k] = number_variables[v].value(j, &j->answer[i], k);
            PDM_TRY(pdm_output_put(o, number_variables[v].name, i, 1, values));
        }
    }
    PDM_TRY(pdm_output_variable(o, "fit_covariance", 3, of_number, "1",
                                "of what was found; without directions that the data do not see"));
    PDM_TRY(pdm_output_variable(o, "fit_correlation", 3, of_number, "1", "of what was found"));
    for (pdm_size i = 0; i < j->n_fit; i++) {
        const double *c = j->answer[i].covariance;
        PDM_TRY(pdm_output_put(o, "fit_covariance", i, 1, c));
        for (pdm_size k = 0; k < n * n; k++) {
            const double size = sqrt(c[k / n * (n + 1)] * c[k % n * (n + 1)]);
            values[k]         = size > 0.0 ? c[k] / size : k / n == k % n ? 1.0 : 0.0;
        }
        PDM_TRY(pdm_output_put(o, "fit_correlation", i, 1, values));
    }
done:
    pdm_free(j->ctx, values);
    return status;
}

static pdm_status put_bounds(const fit_job *j, pdm_output *o)
{
    static const char *const meaning[] = {"within", "at_low", "at_high"};
    pdm_status               status    = PDM_OK;
    int32_t                 *at        = NULL;

    PDM_TRY(pdm_alloc_array(j->ctx, j->at->unknowns.n, &at));
    PDM_TRY(pdm_output_variable_int(o, "fit_at_bound", 2, of_number, "is it held at a bound?"));
    PDM_TRY(pdm_output_flags(o, "fit_at_bound", 3, meaning));
    for (pdm_size i = 0; i < j->n_fit; i++) {
        for (pdm_size k = 0; k < j->at->unknowns.n; k++)
            at[k] = j->answer[i].at_bound[k] == 0 ? 0 : j->answer[i].at_bound[k] < 0 ? 1 : 2;
        PDM_TRY(pdm_output_put_int(o, "fit_at_bound", i, 1, at));
    }
done:
    pdm_free(j->ctx, at);
    return status;
}

/* ---- the standard error of a field, point by point ---- */

/* Room for it: on the output's coordinates of the field's dimensions. */
typedef struct field_error {
    pdm_size      n[PDM_MAX_DIM], size; /* points along every dimension, 1 along others */
    const double *x[PDM_MAX_DIM];
    double       *value, *sum;           /* [size]              */
    double       *input, *origin;        /* [n_input]; the mean */
    double       *normal, *part, *share; /* [n][n], [n][n], [n]: covariance, its eigenvectors and values */
} field_error;

static void field_error_close(pdm_context *ctx, field_error *e)
{
    pdm_free(ctx, e->value);
    pdm_free(ctx, e->sum);
    pdm_free(ctx, e->input);
    pdm_free(ctx, e->origin);
    pdm_free(ctx, e->normal);
    pdm_free(ctx, e->part);
    pdm_free(ctx, e->share);
}

static pdm_status field_error_open(const fit_job *j, const fit_part *part, field_error *e)
{
    pdm_status             status = PDM_OK;
    const pdm_problem     *p      = j->at->problem;
    const pdm_input_info  *info   = pdm_pde_input(p->pde, part->input);
    const pdm_output_grid *grid   = j->at->response.grid;

    e->size = 1;
    for (pdm_size d = 0; d < pdm_domain_n_dim(p->domain); d++) {
        e->x[d] = grid->coordinate[d];
        e->n[d] = 1;
    }
    for (pdm_size k = 0; k < info->n_dim; k++) e->size *= e->n[info->dim[k]] = grid->n[info->dim[k]];
    PDM_TRY(pdm_alloc_array(j->ctx, e->size, &e->value));
    PDM_TRY(pdm_alloc_array(j->ctx, e->size, &e->sum));
    PDM_TRY(pdm_alloc_array(j->ctx, pdm_domain_n_input(p->domain), &e->input));
    PDM_TRY(pdm_alloc_array(j->ctx, pdm_domain_n_input(p->domain), &e->origin));
    PDM_TRY(pdm_alloc_array(j->ctx, part->n * part->n, &e->normal));
    PDM_TRY(pdm_alloc_array(j->ctx, part->n * part->n, &e->part));
    PDM_TRY(pdm_alloc_array(j->ctx, part->n, &e->share));
done:
    return status;
}

/* z [n] of the part as a field on its points, without the mean. */
static void field_of(const fit_job *j, const fit_part *part, const double *z, field_error *e)
{
    const pdm_domain *domain = j->at->problem->domain;
    const pdm_size    at = pdm_domain_input_offset(domain, part->input), n = pdm_domain_input_size(domain, part->input);

    memset(part->factor, 0, (size_t)part->n_mode * sizeof *part->factor);
    pdm_random_field_compose(part->field, part->factor, e->origin + at);
    for (pdm_size k = 0; k < part->n; k++) part->factor[part->mode[k]] = z[k];
    pdm_random_field_compose(part->field, part->factor, e->input + at);
    for (pdm_size k = at; k < at + n; k++) e->input[k] -= e->origin[k];
}

/* Squares of what every direction of the covariance makes of the field, added up. */
static pdm_status find_field_error(const fit_job *j, const fit_part *part, const fit_answer *a, field_error *e)
{
    pdm_status              status = PDM_OK;
    const pdm_sampled_input whole  = {.input = (int32_t)part->input};

    memset(e->sum, 0, (size_t)e->size * sizeof *e->sum);
    for (pdm_size k = 0; k < part->n; k++)
        for (pdm_size l = 0; l < part->n; l++)
            e->normal[k * part->n + l] = a->covariance[(part->first + k) * a->n + part->first + l];
    fit_eigen(part->n, e->normal, e->share, e->part);
    for (pdm_size m = 0; m < part->n; m++) {
        field_of(j, part, e->part + m * part->n, e);
        PDM_TRY(pdm_domain_sample(j->at->problem->domain, &whole, e->input, e->n, e->x, e->value));
        for (pdm_size i = 0; i < e->size; i++) e->sum[i] += fmax(e->share[m], 0.0) * e->value[i] * e->value[i];
    }
    for (pdm_size i = 0; i < e->size; i++) e->sum[i] = sqrt(e->sum[i]);
done:
    return status;
}

static pdm_status put_field_error(const fit_job *j, pdm_output *o, const fit_part *part)
{
    pdm_status            status                = PDM_OK;
    const pdm_pde        *pde                   = j->at->problem->pde;
    const pdm_input_info *info                  = pdm_pde_input(pde, part->input);
    const char           *dims[PDM_MAX_DIM + 1] = {"fit"};
    field_error           e                     = {.size = 0};
    char                  name[FIT_NAME + 16];

    for (pdm_size k = 0; k < info->n_dim; k++) dims[k + 1] = pdm_pde_dim_name(pde, info->dim[k]);
    snprintf(name, sizeof name, "fit_error_%.100s", part->name);
    PDM_TRY(pdm_output_variable(o, name, info->n_dim + 1, dims, *info->units ? info->units : "1",
                                "standard error of the field that was found"));
    PDM_TRY(field_error_open(j, part, &e));
    for (pdm_size i = 0; i < j->n_fit; i++) {
        PDM_TRY(find_field_error(j, part, &j->answer[i], &e));
        PDM_TRY(pdm_output_put(o, name, i, 1, e.sum));
    }
done:
    field_error_close(j->ctx, &e);
    return status;
}

/* Names of the numbers, as flags and as a text. */
static pdm_status put_names(const fit_job *j, pdm_output *o)
{
    pdm_status   status = PDM_OK;
    pdm_text     all    = {.ctx = j->ctx};
    const char **name   = NULL;

    PDM_TRY(pdm_alloc_array(j->ctx, j->at->unknowns.n, &name));
    for (pdm_size k = 0; k < j->at->unknowns.n; k++) {
        name[k] = j->at->unknowns.number[k].name;
        PDM_TRY(pdm_text_append(&all, "%s%s", k > 0 ? " " : "", name[k]));
    }
    PDM_TRY(pdm_output_attribute(o, NULL, "fit_parameters", all.data));
    PDM_TRY(pdm_output_dimension(o, "fit", j->n_fit, NULL, NULL, NULL, NULL));
    PDM_TRY(pdm_output_dimension(o, "fit_parameter", j->at->unknowns.n, NULL, NULL, NULL, NULL));
    PDM_TRY(pdm_output_dimension(o, "fit_other", j->at->unknowns.n, NULL, NULL, NULL, NULL));
    PDM_TRY(pdm_output_variable_int(o, "fit_parameter", 1, of_number + 1, "numbers that were to be found"));
    PDM_TRY(pdm_output_flags(o, "fit_parameter", j->at->unknowns.n, name));
    for (int32_t k = 0; k < j->at->unknowns.n; k++) PDM_TRY(pdm_output_put_int(o, "fit_parameter", k, 1, &k));
done:
    pdm_text_destroy(&all);
    pdm_free(j->ctx, name);
    return status;
}

static pdm_status put_ends(const fit_job *j, pdm_output *o)
{
    pdm_status  status = PDM_OK;
    const char *text[FIT_ENDS];

    for (int i = 0; i < FIT_ENDS; i++) text[i] = fit_end_text(i);
    PDM_TRY(pdm_output_variable_int(o, "fit_end", 1, of_number, "why the search ended; 0 and 1: converged"));
    PDM_TRY(pdm_output_flags(o, "fit_end", FIT_ENDS, text));
    PDM_TRY(pdm_output_variable(o, "fit_chi2", 1, of_number, "1", "sum of squares of residuals over standard errors"));
    PDM_TRY(pdm_output_variable(o, "fit_freedom", 1, of_number, "1", "observations less numbers that were found"));
    for (pdm_size i = 0; i < j->n_fit; i++) {
        const int32_t end = j->answer[i].end;
        PDM_TRY(pdm_output_put_int(o, "fit_end", i, 1, &end));
        PDM_TRY(pdm_output_put(o, "fit_chi2", i, 1, &j->answer[i].chi2));
        PDM_TRY(pdm_output_put(o, "fit_freedom", i, 1, &j->answer[i].freedom));
    }
done:
    return status;
}

/* ---- observations ---- */

static const char *const of_data[] = {"fit_observation"};

static pdm_status put_data_variable(const fit_job *j, pdm_output *o, const char *name, const char *units,
                                    const char *long_name, const double *values)
{
    pdm_status status = PDM_OK;
    PDM_TRY(pdm_output_variable(o, name, 1, of_data, units, long_name));
    PDM_TRY(pdm_output_put(o, name, 0, j->at->data.n, values));
done:
    return status;
}

static pdm_status put_data_index(const fit_job *j, pdm_output *o, const char *name, const char *long_name,
                                 const int32_t *values)
{
    pdm_status status = PDM_OK;
    PDM_TRY(pdm_output_variable_int(o, name, 1, of_data, long_name));
    PDM_TRY(pdm_output_put_int(o, name, 0, j->at->data.n, values));
done:
    return status;
}

static pdm_status put_coordinates(const fit_job *j, pdm_output *o)
{
    pdm_status         status = PDM_OK;
    const pdm_problem *p      = j->at->problem;
    char               name[FIT_NAME + 16];

    for (pdm_size d = 0; d < pdm_domain_n_dim(p->domain); d++) {
        const char *dim = pdm_pde_dim_name(p->pde, d), *units = pdm_pde_dim_units(p->pde, d);
        snprintf(name, sizeof name, "fit_at_%.100s", dim);
        PDM_TRY(put_data_variable(j, o, name, *units ? units : "1", dim, j->at->data.coordinate[d]));
    }
done:
    return status;
}

/* Predictions, residuals and noise of all fits; u is work [n]. */
static pdm_status put_fitted(const fit_job *j, pdm_output *o, double *u)
{
    pdm_status      status = PDM_OK;
    const fit_data *d      = &j->at->data;

    PDM_TRY(put_data_variable(j, o, "fit_observed", "1", "observations, in the units of the case", d->value));
    for (int what = 0; what < 3; what++) {
        for (pdm_size i = 0; i < j->n_fit; i++) {
            const fit_answer *a = &j->answer[i];
            for (pdm_size k = 0; k < a->n_obs; k++) {
                const pdm_size at = d->first[a->first] + k;
                u[at] = what == 0 ? a->predicted[k] : what == 1 ? d->value[at] - a->predicted[k] : a->noise[k];
            }
        }
        PDM_TRY(put_data_variable(j, o,
                                  what == 0   ? "fit_fitted"
                                  : what == 1 ? "fit_residual"
                                              : "fit_noise",
                                  "1",
                                  what == 0   ? "what the solution has there"
                                  : what == 1 ? "observed less fitted"
                                              : "standard error of the observation, given or estimated",
                                  u));
    }
done:
    return status;
}

static pdm_status put_observations(const fit_job *j, pdm_output *o)
{
    pdm_status      status = PDM_OK;
    const fit_data *d      = &j->at->data;
    const char    **name   = NULL;
    double         *u      = NULL;

    PDM_TRY(pdm_alloc_array(j->ctx, d->n_variable, &name));
    PDM_TRY(pdm_alloc_array(j->ctx, d->n, &u));
    for (pdm_size v = 0; v < d->n_variable; v++) name[v] = d->variable[v].name;
    PDM_TRY(pdm_output_dimension(o, "fit_observation", d->n, NULL, NULL, NULL, NULL));
    PDM_TRY(put_coordinates(j, o));
    PDM_TRY(put_fitted(j, o, u));
    PDM_TRY(put_data_index(j, o, "fit_variable", "variable of the data", d->of));
    PDM_TRY(pdm_output_flags(o, "fit_variable", d->n_variable, name));
    PDM_TRY(put_data_index(j, o, "fit_sample", "sample of the data", d->experiment));
    PDM_TRY(put_data_index(j, o, "fit_place", "number of the value in its variable, from 0 on", d->place));
done:
    pdm_free(j->ctx, name);
    pdm_free(j->ctx, u);
    return status;
}

pdm_status fit_write(const fit_job *j, pdm_output *o)
{
    pdm_status status = PDM_OK;

    PDM_TRY(put_solution(j, o));
    PDM_TRY(put_names(j, o));
    PDM_TRY(put_numbers(j, o));
    PDM_TRY(put_bounds(j, o));
    PDM_TRY(put_ends(j, o));
    for (pdm_size i = 0; i < j->at->unknowns.n_part; i++)
        if (j->at->unknowns.part[i].field) PDM_TRY(put_field_error(j, o, &j->at->unknowns.part[i]));
    PDM_TRY(put_observations(j, o));
done:
    return status;
}
