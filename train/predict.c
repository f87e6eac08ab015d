/* Prediction: network, solve, perhaps polish, evaluation on the output grid. */
#include "train/train.h"

#include <math.h>
#include <string.h>

#include "train/train_impl.h"

enum { POLISH_TILE = 48, POLISH_ITERATIONS = 200, OUTPUT_PER_CONTROL_POINT = 4 };

void output_destroy(pdm_model *m)
{
    if (m->backend) {
        m->backend->ops->points_destroy(m->backend, &m->output.plan);
        m->backend->ops->buffer_destroy(m->backend, &m->output.values);
    }
    pdm_point_grid_destroy(&m->output.grid);
    for (pdm_size j = 0; j < PDM_MAX_DIM; j++) pdm_free(m->ctx, m->output.coordinate[j]);
    m->output = (output_grid){0};
}

/* Files and exact solutions have output grids of their own: that of pdm_model_predict, by which a host has sized its
 * arrays, is put aside and back. */
output_grid output_put_aside(pdm_model *m)
{
    const output_grid aside = m->output;
    m->output               = (output_grid){0};
    return aside;
}

void output_put_back(pdm_model *m, output_grid aside)
{
    output_destroy(m);
    m->output = aside;
}

/* Equal steps over the extent of a dimension. */
static pdm_status default_coordinates(pdm_model *m, pdm_size dim, pdm_size *n, double **out)
{
    pdm_status        status = PDM_OK;
    const pdm_spline *s      = pdm_domain_spline(m->domain, dim);
    double           *x      = NULL;
    *n                       = OUTPUT_PER_CONTROL_POINT * s->n_coef + (s->periodic ? 0 : 1);
    PDM_TRY(pdm_alloc_array(m->ctx, *n, &x));
    const double step = (s->map.high - s->map.low) / (double)(s->periodic ? *n : *n - 1);
    for (pdm_size i = 0; i < *n; i++) x[i] = i == *n - 1 && !s->periodic ? s->map.high : s->map.low + step * (double)i;
    *out = x;
done:
    return status;
}

/* coordinate[j] NULL: default. Replaces the output grid; on failure the old one stays. */
pdm_status output_set(pdm_model *m, const pdm_size *n, double *const *coordinate)
{
    pdm_status    status = PDM_OK;
    output_grid   grid   = {.n_point = 1}, old;
    const double *x[PDM_MAX_DIM];

    for (pdm_size j = 0; j < pdm_domain_n_dim(m->domain); j++) {
        if (coordinate && coordinate[j]) {
            grid.n[j] = n[j];
            PDM_TRY(pdm_alloc_array(m->ctx, n[j], &grid.coordinate[j]));
            memcpy(grid.coordinate[j], coordinate[j], (size_t)n[j] * sizeof(double));
        } else {
            PDM_TRY(default_coordinates(m, j, &grid.n[j], &grid.coordinate[j]));
        }
        grid.n_point *= grid.n[j];
        x[j] = grid.coordinate[j];
    }
    PDM_TRY(pdm_point_grid_create(m->domain, grid.n, x, &grid.grid));
    PDM_TRY(m->backend->ops->points_create(m->backend, &grid.grid.desc, &grid.plan));
    PDM_TRY(
        m->backend->ops->buffer_create(m->backend, (size_t)(m->n_batch * grid.n_point) * sizeof(double), &grid.values));
    old       = m->output;
    m->output = grid;
    grid      = old;
done:
    old       = m->output; /* what is left in `grid`, old or half-built, goes */
    m->output = grid;
    output_destroy(m);
    m->output = old;
    return status;
}

pdm_status pdm_model_set_output(pdm_model *m, const char *name, pdm_size n, const double *coordinate)
{
    pdm_status status             = PDM_OK;
    pdm_size   sizes[PDM_MAX_DIM] = {0}, dim = -1;
    double    *x[PDM_MAX_DIM] = {0}, *mine = NULL;

    if (!m || !name || !coordinate || n < 1) return PDM_ERR_ARGUMENT;
    for (pdm_size j = 0; j < pdm_domain_n_dim(m->domain); j++)
        if (strcmp(pdm_pde_dim_name(m->pde, j), name) == 0) dim = j;
    if (dim < 0) PDM_FAIL(m->ctx, PDM_ERR_ARGUMENT, "no dimension \"%s\" in this model", name);
    for (pdm_size i = 0; i < n; i++)
        if (!isfinite(coordinate[i]) || (i > 0 && !(coordinate[i] > coordinate[i - 1])))
            PDM_FAIL(m->ctx, PDM_ERR_ARGUMENT, "coordinate %s[%lld] = %g; finite, increasing numbers expected", name,
                     (long long)i, coordinate[i]);
    if (!m->output.plan) PDM_TRY(output_set(m, NULL, NULL));
    for (pdm_size j = 0; j < pdm_domain_n_dim(m->domain); j++) {
        sizes[j] = m->output.n[j];
        x[j]     = m->output.coordinate[j];
    }
    PDM_TRY(pdm_alloc_array(m->ctx, n, &mine));
    memcpy(mine, coordinate, (size_t)n * sizeof *mine);
    sizes[dim] = n;
    x[dim]     = mine;
    PDM_TRY(output_set(m, sizes, x));
done:
    if (m) pdm_free(m->ctx, mine);
    return status;
}

pdm_size pdm_model_n_point(const pdm_model *m)
{
    if (m->output.plan) return m->output.n_point;
    pdm_size n = 1;
    for (pdm_size j = 0; j < pdm_domain_n_dim(m->domain); j++) {
        const pdm_spline *s = pdm_domain_spline(m->domain, j);
        n *= OUTPUT_PER_CONTROL_POINT * s->n_coef + (s->periodic ? 0 : 1);
    }
    return n;
}

/* ---- polish: the same rows with all coefficients free ---- */

static pdm_status polisher_get(pdm_model *m)
{
    pdm_status          status   = PDM_OK;
    pdm_solver_settings settings = {.tolerance = 1e-8,
                                    .ridge     = 0.0,
                                    .damping   = m->solver_settings.damping,
                                    .max_iter  = POLISH_ITERATIONS,
                                    .stages    = m->solver_settings.stages};
    if (m->polisher) return PDM_OK;
    if (!m->free_experts) PDM_TRY(pdm_experts_create_free(m->ctx, m->domain, POLISH_TILE, &m->free_experts));
    PDM_TRY(pdm_solver_create(m->ctx, m->backend, &settings, m->domain, m->free_experts, m->n_batch, &m->polisher));
done:
    return status;
}

/* Starts from the experts' answer (w = its free coefficients less the lift), or from the lift when nothing was trained. */
pdm_status polish_batch(pdm_model *m, pdm_batch batch, double tolerance)
{
    pdm_status   status = PDM_OK;
    pdm_backend *b      = m->backend;

    PDM_TRY(polisher_get(m));
    pdm_solver_set_limits(m->polisher, tolerance, POLISH_ITERATIONS);
    if (m->step == 0) return pdm_solver_solve(m->polisher, batch, &m->data, NULL, m->lift, PDM_START_ZERO);
    const pdm_solver_state *from = pdm_solver_lend(m->solver), *to = pdm_solver_lend(m->polisher);
    PDM_TRY(b->ops->vector_combine(b, batch, from->c_size, m->weight_one, from->c, m->weight_minus, m->lift, m->g_c));
    PDM_TRY(b->ops->columns_reduce(b, to->columns, batch, m->g_c, to->w));
    PDM_TRY(pdm_solver_solve(m->polisher, batch, &m->data, NULL, m->lift, PDM_START_PRESENT));
done:
    return status;
}

/* ---- prediction ---- */

static pdm_status evaluate_output(pdm_model *m, pdm_batch batch, pdm_buffer *c, double *u)
{
    pdm_status     status  = PDM_OK;
    pdm_backend   *b       = m->backend;
    const pdm_size n_field = pdm_domain_n_field(m->domain), n_point = m->output.n_point;
    void          *host = NULL;

    for (pdm_size f = 0; f < n_field; f++) {
        PDM_TRY(
            b->ops->points_evaluate(b, m->output.plan, batch, (pdm_atom){.field = (int32_t)f}, c, m->output.values));
        PDM_TRY(b->ops->acquire(b, m->output.values, PDM_READ, &host));
        for (pdm_size i = 0; i < batch.n; i++)
            memcpy(u + (i * n_field + f) * n_point, (double *)host + i * n_point, (size_t)n_point * sizeof *u);
        PDM_TRY(b->ops->release(b, m->output.values, &host));
    }
done:
    if (host) (void)b->ops->release(b, m->output.values, &host);
    return status;
}

/* Samples of a batch are solved in lock step: each has a share of the time like its share of the iterations. */
static void share_time(pdm_size n, const pdm_solve_result *result, double seconds, double *out)
{
    double sum = 0.0;
    for (pdm_size i = 0; i < n; i++) sum += 1.0 + (double)result[i].iterations;
    for (pdm_size i = 0; i < n; i++) out[i] = seconds * (1.0 + (double)result[i].iterations) / sum;
}

pdm_status predict_batches(pdm_model *m, pdm_size n, const double *input, double polish_tolerance, double *u,
                           pdm_solve_result *result, double *sample_seconds)
{
    pdm_status     status  = PDM_OK;
    const pdm_size n_input = pdm_domain_n_input(m->domain), size = pdm_domain_n_field(m->domain) * m->output.n_point;
    const bool     polished = polish_tolerance > 0.0, network = !polished || m->step > 0;
    double         seconds[4]  = {0.0};
    pdm_size       unconverged = 0;

    if (polished) PDM_TRY(polisher_get(m)); /* not in the time of the first batch */
    pdm_solver_set_limits(m->solver, m->solver_settings.tolerance, m->solver_settings.max_iter);
    for (pdm_size first = 0; first < n; first += m->n_batch) {
        const pdm_size  here  = n - first < m->n_batch ? n - first : m->n_batch;
        const pdm_batch batch = batch_of(m, here);
        pdm_solver     *last  = polished ? m->polisher : m->solver;
        const double    t0    = pdm_clock();
        PDM_TRY(batch_prepare(m, here, input + first * n_input));
        const double t1 = pdm_clock();
        if (network) PDM_TRY(m->surrogate->ops->forward(m->surrogate, batch, m->features, m->basis, false));
        const double t2 = pdm_clock();
        if (network) PDM_TRY(pdm_solver_solve(m->solver, batch, &m->data, m->basis, m->lift, PDM_START_ZERO));
        if (polished) PDM_TRY(polish_batch(m, batch, polish_tolerance));
        const double t3 = pdm_clock();
        PDM_TRY(evaluate_output(m, batch, pdm_solver_lend(last)->c, u + first * size));
        const double t4 = pdm_clock();
        for (pdm_size i = 0; i < here; i++) {
            result[first + i] = pdm_solver_results(last)[i];
            if (!pdm_reason_is_good(result[first + i].reason)) unconverged++;
        }
        if (sample_seconds) share_time(here, result + first, t3 - t1, sample_seconds + first);
        seconds[0] += t1 - t0;
        seconds[1] += t2 - t1;
        seconds[2] += t3 - t2;
        seconds[3] += t4 - t3;
    }
    model_set_value(m, "seconds.data", seconds[0]);
    model_set_value(m, "seconds.network", seconds[1]);
    model_set_value(m, "seconds.solve", seconds[2]);
    model_set_value(m, "seconds.output", seconds[3]);
    model_set_value(m, "seconds", seconds[0] + seconds[1] + seconds[2] + seconds[3]);
    model_set_value(m, "unconverged", (double)unconverged);
    if (unconverged > 0)
        pdm_log(m->ctx, PDM_LOG_WARNING, "predict", "%lld of %lld solves did not converge; reasons are in the output",
                (long long)unconverged, (long long)n);
done:
    return status;
}

pdm_status pdm_model_predict(pdm_model *m, pdm_size n, const double *input, double *u, int32_t *reason)
{
    pdm_status     status  = PDM_OK;
    const pdm_size n_input = m ? pdm_domain_n_input(m->domain) : 0;

    if (!m || n < 0 || (!input && n_input > 0) || !u) return PDM_ERR_ARGUMENT;
    if (!m->output.plan) PDM_TRY(output_set(m, NULL, NULL));
    const pdm_size size = pdm_domain_n_field(m->domain) * m->output.n_point;
    for (pdm_size first = 0; first < n; first += m->n_batch) {
        const pdm_size here = n - first < m->n_batch ? n - first : m->n_batch;
        PDM_TRY(predict_batches(m, here, input + first * n_input, 0.0, u + first * size, m->result, NULL));
        for (pdm_size i = 0; i < here && reason; i++) reason[first + i] = m->result[i].reason;
    }
done:
    return status;
}
