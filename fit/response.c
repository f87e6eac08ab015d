/* From theta to what would be observed: a batch of samples, slab by slab, and the expressions of the observations at
 * their points. */
#include "fit/fit.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "fit/fit_impl.h"

/* ---- where observations are ---- */

static pdm_size slab_of(const fit_response *r, pdm_size observation, double *start)
{
    const pdm_march *march = r->way.march;

    *start = 0.0;
    if (!march) return 0;
    const pdm_map *map    = &pdm_domain_spline(march->whole->domain, 0)->map;
    const double   length = (map->high - map->low) / (double)march->n_slab;
    const double   t      = r->data->coordinate[0][observation] - map->low;
    pdm_size       k = (pdm_size)ceil(t / length * (1.0 - 1e-12)) - 1; /* a time between two is the end of the first */
    k                = k < 0 ? 0 : k < march->n_slab ? k : march->n_slab - 1;
    *start           = (double)k * length;
    return k;
}

/* Observations of one variable in slab k, from number first of the list on, with the expression compiled for the slab. */
static pdm_status open_place(fit_response *r, const pdm_function *f, const pdm_where *at, fit_place *place)
{
    pdm_status     status         = PDM_OK;
    const pdm_size n_dim          = pdm_domain_n_dim(r->way.problem->domain);
    double        *x[PDM_MAX_DIM] = {NULL}, start;

    for (pdm_size j = 0; j < n_dim; j++) PDM_TRY(pdm_alloc_array(r->ctx, place->n, &x[j]));
    for (pdm_size i = 0; i < place->n; i++) {
        (void)slab_of(r, place->index[i], &start);
        for (pdm_size j = 0; j < n_dim; j++) x[j][i] = r->data->coordinate[j][place->index[i]] - (j == 0 ? start : 0.0);
    }
    PDM_TRY(pdm_scatter_create(r->way.problem->domain, f, at, place->n, (const double *const *)x, &place->scatter));
done:
    for (pdm_size j = 0; j < PDM_MAX_DIM; j++) pdm_free(r->ctx, x[j]);
    return status;
}

/* Observations of a variable and an experiment, slab by slab. */
static pdm_status place_variable(fit_response *r, pdm_size experiment, pdm_size variable, const pdm_function *f,
                                 const pdm_where *at)
{
    pdm_status      status = PDM_OK;
    const fit_data *d      = r->data;
    double          start;

    for (pdm_size k = 0; k < r->n_slab; k++) {
        fit_place *place = &r->place[r->n_place];
        pdm_size   n     = 0;
        for (pdm_size i = d->first[experiment]; i < d->first[experiment + 1]; i++)
            n += d->of[i] == variable && slab_of(r, i, &start) == k;
        if (n == 0) continue;
        *place = (fit_place){.slab = k, .experiment = experiment};
        PDM_TRY(pdm_alloc_array(r->ctx, n, &place->index));
        r->n_place++; /* destroyed with the others */
        for (pdm_size i = d->first[experiment]; i < d->first[experiment + 1]; i++)
            if (d->of[i] == variable && slab_of(r, i, &start) == k) place->index[place->n++] = i;
        PDM_TRY(open_place(r, f, at, place));
    }
done:
    return status;
}

static pdm_status place_all(fit_response *r)
{
    pdm_status      status = PDM_OK;
    const fit_data *d      = r->data;

    PDM_TRY(pdm_alloc_array(r->ctx, d->n_experiment * d->n_variable * r->n_slab, &r->place));
    PDM_TRY(pdm_alloc_array(r->ctx, d->n, &r->value));
    for (pdm_size v = 0; v < d->n_variable; v++) {
        const pdm_where at = {
            .file = d->path, .group = d->variable[v].name, .attribute = "observed", .text = d->variable[v].expression};
        const pdm_function *f = NULL;
        PDM_TRY(pdm_pde_compile(r->way.problem->pde, d->variable[v].expression, at, true, &f));
        for (pdm_size e = 0; e < d->n_experiment; e++) PDM_TRY(place_variable(r, e, v, f, &at));
    }
done:
    return status;
}

/* ---- creation ---- */

static pdm_status make_room(fit_response *r)
{
    pdm_status         status = PDM_OK;
    const pdm_problem *p      = r->way.problem;
    const pdm_size     n_most = r->way.samples->n_most;

    r->c_size = pdm_domain_n_field(p->domain) * pdm_domain_n_coef(p->domain);
    PDM_TRY(pdm_alloc_array(r->ctx, n_most * pdm_domain_n_input(r->unknowns->problem->domain), &r->input));
    PDM_TRY(pdm_alloc_array(r->ctx, n_most, &r->batch_good));
    if (r->by_model) return PDM_OK;
    PDM_TRY(pdm_alloc_array(r->ctx, r->data->n_experiment * r->n_slab * r->c_size, &r->warm));
    PDM_TRY(pdm_alloc_array(r->ctx, r->data->n_experiment, &r->is_warm));
    PDM_TRY(p->backend->ops->buffer_create(p->backend, (size_t)(n_most * r->c_size) * sizeof(double), &r->c));
done:
    return status;
}

pdm_status fit_response_create(const pdm_problem *p, pdm_model *m, const fit_unknowns *u, const fit_data *d,
                               fit_response *out)
{
    pdm_status status = PDM_OK;

    *out = (fit_response){.ctx = p->ctx, .by_model = m, .unknowns = u, .data = d, .by = {.m = m}, .last = -1};
    PDM_TRY(pdm_output_grid_create(p, m ? m->n_batch : p->training.batch, NULL, NULL, &out->grid));
    PDM_TRY(m ? pdm_way_of_model(&out->by, out->grid, &out->way)
              : pdm_way_of_free(&out->free, p, out->grid, FIT_SOLVE_TOLERANCE, PDM_POLISH_ITERATIONS, &out->way));
    out->n_slab = out->way.march ? out->way.march->n_slab : 1;
    PDM_TRY(place_all(out));
    PDM_TRY(make_room(out));
done:
    return status; /* the caller destroys it in any case */
}

void fit_response_destroy(fit_response *r)
{
    if (!r->ctx) return;
    for (pdm_size i = 0; r->place && i < r->n_place; i++) {
        pdm_scatter_destroy(&r->place[i].scatter);
        pdm_free(r->ctx, r->place[i].index);
    }
    if (r->c) r->way.problem->backend->ops->buffer_destroy(r->way.problem->backend, &r->c);
    pdm_free(r->ctx, r->place);
    pdm_free(r->ctx, r->value);
    pdm_free(r->ctx, r->input);
    pdm_free(r->ctx, r->batch_good);
    pdm_free(r->ctx, r->warm);
    pdm_free(r->ctx, r->is_warm);
    if (r->by_model)
        pdm_model_way_close(&r->by);
    else
        pdm_free_way_close(&r->free);
    pdm_output_grid_destroy(&r->grid);
    *r = (fit_response){.ctx = NULL};
}

/* ---- a batch ---- */

/* Samples of a call: number s is theta s / n and experiment first + s mod n. */
typedef struct fit_call {
    pdm_size      first, n, n_theta, n_obs;
    const double *theta;
    bool          keep;
    double       *predicted;
    bool         *good;
} fit_call;

static pdm_size experiment_of(const fit_call *call, pdm_size s)
{
    return call->first + s % call->n;
}

/* Inputs of samples s0 .. s0+n-1. */
static void fill_inputs(const fit_response *r, const fit_call *call, pdm_size s0, pdm_size n)
{
    const pdm_size n_input = pdm_domain_n_input(r->unknowns->problem->domain);
    for (pdm_size i = 0; i < n; i++) {
        double *to = r->input + i * n_input;
        memcpy(to, r->data->input + experiment_of(call, s0 + i) * n_input, (size_t)n_input * sizeof *to);
        fit_unknowns_apply(r->unknowns, call->theta + (s0 + i) / call->n * r->unknowns->n, to);
    }
}

/* The experiment whose coefficients a solve of this one starts from: its own, or those that were found last. -1: none. */
static pdm_size start_of(const fit_response *r, pdm_size experiment)
{
    return r->by_model ? -1 : r->is_warm[experiment] ? experiment : r->last;
}

/* Coefficients of earlier solves into r->c; *warm false: some sample has none. */
static pdm_status start_warm(fit_response *r, const fit_call *call, pdm_size s0, pdm_batch batch, pdm_size k,
                             bool *warm)
{
    pdm_status   status = PDM_OK;
    pdm_backend *b      = r->way.problem->backend;
    void        *c      = NULL;

    for (pdm_size i = 0; i < batch.n && *warm; i++) *warm = start_of(r, experiment_of(call, s0 + i)) >= 0;
    if (!*warm) return PDM_OK;
    PDM_TRY(b->ops->acquire(b, r->c, PDM_WRITE, &c));
    for (pdm_size i = 0; i < batch.n; i++)
        memcpy((double *)c + i * r->c_size,
               r->warm + (start_of(r, experiment_of(call, s0 + i)) * r->n_slab + k) * r->c_size,
               (size_t)r->c_size * sizeof(double));
    PDM_TRY(b->ops->release(b, r->c, &c));
    PDM_TRY(pdm_free_solver_start(r->free.free, r->way.samples, batch, r->c));
done:
    return pdm_release(b, status, r->c, &c);
}

static pdm_status solve_slab(fit_response *r, const fit_call *call, pdm_size s0, pdm_batch batch, pdm_size k,
                             bool *warm, const pdm_solver **answer)
{
    pdm_status        status = PDM_OK;
    pdm_predict_times times  = {0};

    if (k > 0) PDM_TRY(pdm_slab_advance(r->way.end, batch, pdm_solver_lend(*answer)->c, r->way.samples->input));
    PDM_TRY(r->way.prepare(r->way.user, batch.n, r->way.samples->input));
    PDM_TRY(start_warm(r, call, s0, batch, k, warm));
    if (*warm) {
        PDM_TRY(pdm_free_solver_solve(r->free.free, r->way.samples, batch, PDM_START_PRESENT));
        *answer = r->free.free->solver;
    } else {
        PDM_TRY(r->way.solve(r->way.user, batch, &times, answer));
    }
done:
    return status;
}

/* Observations in slab k of samples with coefficients c. */
static pdm_status observe(fit_response *r, const fit_call *call, pdm_size s0, pdm_size n, pdm_size k, const double *c)
{
    pdm_status     status  = PDM_OK;
    const pdm_size n_input = pdm_domain_n_input(r->way.problem->domain), first = r->data->first[call->first];

    for (pdm_size i = 0; i < n; i++)
        for (pdm_size p = 0; p < r->n_place; p++) {
            const fit_place *place = &r->place[p];
            double          *to    = call->predicted + (s0 + i) / call->n * call->n_obs;
            if (place->slab != k || place->experiment != experiment_of(call, s0 + i)) continue;
            PDM_TRY(
                pdm_scatter_evaluate(place->scatter, r->way.samples->input + i * n_input, c + i * r->c_size, r->value));
            for (pdm_size q = 0; q < place->n; q++) {
                to[place->index[q] - first] = r->value[q];
                if (!isfinite(r->value[q])) call->good[(s0 + i) / call->n] = false;
            }
        }
done:
    return status;
}

/* Have all samples of the batch converged? The others are marked in good [n]. */
static bool judge(fit_response *r, pdm_batch batch, const pdm_solver *answer, bool *good)
{
    bool all = true;
    for (pdm_size i = 0; i < batch.n; i++) {
        const pdm_solve_result *result = &pdm_solver_results(answer)[batch.index[i]];
        if (pdm_reason_is_good(result->reason)) continue;
        all = good[i] = false;
        snprintf(r->why, sizeof r->why, "%s", pdm_reason_text(result->reason));
    }
    return all;
}

/* Coefficients of the first theta, for later. */
static void keep_coefficients(fit_response *r, const fit_call *call, pdm_size s0, pdm_size n, pdm_size k,
                              const double *c)
{
    for (pdm_size i = 0; i < n && s0 + i < call->n; i++)
        memcpy(r->warm + ((call->first + s0 + i) * r->n_slab + k) * r->c_size, c + i * r->c_size,
               (size_t)r->c_size * sizeof *c);
}

static pdm_status load_inputs(const fit_response *r, pdm_size n)
{
    if (r->way.load) return r->way.load(r->way.user, n, r->input);
    memcpy(r->way.samples->input, r->input,
           (size_t)(n * pdm_domain_n_input(r->way.problem->domain)) * sizeof *r->input);
    return PDM_OK;
}

/* Samples s0 .. s0+n-1, good [n]. *warm: start from earlier solves; false afterwards where there were none. */
static pdm_status respond_batch(fit_response *r, const fit_call *call, pdm_size s0, pdm_size n, bool *warm, bool *good)
{
    pdm_status        status = PDM_OK;
    pdm_backend      *b      = r->way.problem->backend;
    const pdm_batch   batch  = pdm_samples_batch(r->way.samples, n);
    const pdm_solver *answer = NULL;
    pdm_buffer       *lent   = NULL;
    void             *c      = NULL;

    fill_inputs(r, call, s0, n);
    PDM_TRY(load_inputs(r, n));
    for (pdm_size i = 0; i < n; i++) good[i] = true;
    for (pdm_size k = 0; k < r->n_slab; k++) {
        PDM_TRY(solve_slab(r, call, s0, batch, k, warm, &answer));
        if (!judge(r, batch, answer, good) && *warm) break;
        lent = pdm_solver_lend(answer)->c;
        PDM_TRY(b->ops->acquire(b, lent, PDM_READ, &c));
        PDM_TRY(observe(r, call, s0, n, k, c));
        if (call->keep && r->warm) keep_coefficients(r, call, s0, n, k, c);
        PDM_TRY(b->ops->release(b, lent, &c));
    }
    r->n_solve += n;
done:
    return lent ? pdm_release(b, status, lent, &c) : status;
}

/* The same, and again from nothing where a start from earlier solves did not get there. */
static pdm_status respond_surely(fit_response *r, const fit_call *call, pdm_size s0, pdm_size n)
{
    pdm_status status = PDM_OK;
    bool       warm = true, all = true;

    PDM_TRY(respond_batch(r, call, s0, n, &warm, r->batch_good));
    for (pdm_size i = 0; i < n; i++) all = all && r->batch_good[i];
    warm = warm && !all;
    if (warm) {
        warm = false;
        PDM_TRY(respond_batch(r, call, s0, n, &warm, r->batch_good));
    }
    for (pdm_size i = 0; i < n; i++)
        call->good[(s0 + i) / call->n] = call->good[(s0 + i) / call->n] && r->batch_good[i];
done:
    return status;
}

pdm_status fit_respond(fit_response *r, pdm_size first, pdm_size n, pdm_size n_theta, const double *theta, bool keep,
                       double *predicted, bool *good)
{
    pdm_status     status = PDM_OK;
    const fit_call call   = {.first     = first,
                             .n         = n,
                             .n_theta   = n_theta,
                             .n_obs     = r->data->first[first + n] - r->data->first[first],
                             .theta     = theta,
                             .keep      = keep,
                             .predicted = predicted,
                             .good      = good};
    const pdm_size all = n * n_theta, most = r->way.samples->n_most;

    for (pdm_size q = 0; q < n_theta; q++) good[q] = true;
    for (pdm_size s = 0; s < all; s += most) PDM_TRY(respond_surely(r, &call, s, all - s < most ? all - s : most));
    for (pdm_size e = first; keep && r->warm && e < first + n; e++) r->is_warm[e] = good[0];
    if (keep && r->warm) r->last = good[0] ? first : -1;
done:
    return status;
}
