/* Derivatives of predictions by their inputs: cotangents of fields go back through output points and the solve, by its
 * adjoint, to the lift, to what rows read besides coefficients, and to the basis functions; and from there to inputs by
 * central differences, an input at a time. docs/mathematics.md, "Gradients by inputs". */
#include "predict/predict.h"

#include <math.h>
#include <string.h>

/* Steps in widths of the input: of lift and data, about the cube root of the rounding of a double; of the network, about
 * the fifth root of that of a float. */
static const double STEP              = 6e-6;
static const double NETWORK_STEP      = 1.0 / 64.0;
static const double ADJOINT_TOLERANCE = 1e-8;

/* One call. Sides: an input more, an input less. */
enum { MORE, LESS, N_SIDE };
typedef struct gradient {
    pdm_model        *m;
    pdm_model_way     by;
    pdm_way           way;
    pdm_implicit     *implicit;
    const pdm_solver *solver; /* of the answer */
    bool              network;
    pdm_samples      *less;                         /* beside the model's own, which are those of more */
    pdm_size          c_size, n_input, n_point_all; /* numbers of a sample: coefficients, inputs, fields */
    pdm_size          missing;
    pdm_arena         arena;
    double           *moved;        /* [n_batch][n_input]            */
    double           *step;         /* [n_batch] between both sides  */
    double           *pull[N_SIDE]; /* [n_batch]                     */
    double           *g_lift;       /* [n_batch][n_field][n_coef] cotangent of the lift             */
    double           *lift, *slope; /* the same, with a network: the lift, its derivative by an input */
    double           *u;            /* [n_batch][n_field][n_point]; NULL: the caller has a place */
} gradient;

/* A call's cotangents and places, of the samples of a batch. */
typedef struct gradient_batch {
    pdm_size      n;
    const double *input, *g_u;
    double       *u, *g_input;
} gradient_batch;

/* ---- what it is made of ---- */

static void gradient_layout(gradient *g, bool with_u)
{
    pdm_arena     *a = &g->arena;
    const pdm_size n = g->m->n_batch;
    g->moved         = pdm_carve(a, double, n *g->n_input);
    g->step          = pdm_carve(a, double, n);
    g->pull[MORE]    = pdm_carve(a, double, n);
    g->pull[LESS]    = pdm_carve(a, double, n);
    g->g_lift        = pdm_carve(a, double, n *g->c_size);
    g->lift          = g->network ? pdm_carve(a, double, n *g->c_size) : NULL;
    g->slope         = g->network ? pdm_carve(a, double, n *g->c_size) : NULL;
    g->u             = with_u ? pdm_carve(a, double, n *g->n_point_all) : NULL;
}

static pdm_status open_gradient(gradient *g, bool with_u)
{
    pdm_status        status = PDM_OK;
    pdm_model        *m      = g->m;
    const pdm_domain *d      = m->problem->domain;

    g->by          = (pdm_model_way){.m = m, .polish = m->polish};
    g->network     = m->polish == 0.0 && pdm_experts_columns(m->experts)->n_channel > 0;
    g->n_input     = pdm_domain_n_input(d);
    g->c_size      = pdm_domain_n_field(d) * pdm_domain_n_coef(d);
    g->n_point_all = pdm_domain_n_field(d) * m->output->n_point;
    PDM_TRY(pdm_way_of_model(&g->by, m->output, &g->way));
    pdm_solver *solver = m->polish > 0.0 ? m->free->solver : m->solver;
    PDM_TRY(pdm_implicit_create(m->ctx, m->problem->backend, solver, ADJOINT_TOLERANCE, &g->implicit));
    PDM_TRY(pdm_samples_create(m->problem, m->n_batch, &g->less));
    pdm_arena_measure(&g->arena, m->ctx);
    gradient_layout(g, with_u);
    PDM_TRY(pdm_arena_allocate(&g->arena));
    gradient_layout(g, with_u);
    g->solver = solver;
done:
    return status;
}

static void close_gradient(gradient *g)
{
    pdm_samples_destroy(&g->less);
    pdm_implicit_destroy(&g->implicit);
    pdm_model_way_close(&g->by);
    pdm_arena_destroy(&g->arena);
}

/* Why there are none; NULL: there are. */
static const char *refused(const pdm_model *m)
{
    if (m->march) return "its experts answer slab after slab (experts:slabs)";
    if (m->output->n_slab > 1) return "output times beyond the extent are reached slab after slab";
    if (m->polish > 0.0)
        return pdm_march_slabs(m->whole) > 1 ? "all coefficients are solved for slab after slab (slabs of time)" : NULL;
    if (m->gate) return "a gate chooses columns, by steps";
    if (m->cubature) return "it predicts on few rows (solver:rows = \"few\")";
    if (m->whole->solving.mode == PDM_MODE_INDEPENDENT)
        return "its experts are solved for by themselves (solver:mode = \"independent\")";
    return NULL;
}

/* ---- from fields to lift, data and basis ---- */

static pdm_status solve(gradient *g, const gradient_batch *batch)
{
    pdm_predict_times times = {0};
    const pdm_run     run   = {.n      = batch->n,
                               .input  = batch->input,
                               .u      = batch->u ? batch->u : g->u,
                               .result = g->m->result,
                               .times  = &times};
    return pdm_predict_run(&g->way, g->m->output, &run);
}

/* Host copy of a buffer like c. */
static pdm_status copy_coefficients(const gradient *g, pdm_size n, pdm_buffer *from, double *to)
{
    pdm_status   status = PDM_OK;
    pdm_backend *b      = g->m->problem->backend;
    void        *host   = NULL;

    PDM_TRY(b->ops->acquire(b, from, PDM_READ, &host));
    memcpy(to, host, (size_t)(n * g->c_size) * sizeof *to);
done:
    status = pdm_release(b, status, from, &host);
    return status;
}

/* Those of n samples with a derivative, into m->good: solve and adjoint have converged. */
static pdm_status pull_back(gradient *g, const gradient_batch *batch, pdm_batch *good)
{
    pdm_status      status = PDM_OK;
    pdm_model      *m      = g->m;
    pdm_buffer     *c      = pdm_solver_lend(g->solver)->c;
    const pdm_batch all    = pdm_samples_batch(g->way.samples, batch->n);
    pdm_size        kept   = 0;

    *good = (pdm_batch){.index = m->good};
    PDM_TRY(pdm_output_grid_adjoint(m->output, all, c, batch->g_u, m->g_c));
    for (pdm_size i = 0; i < batch->n; i++)
        if (pdm_reason_is_good(m->result[i].reason)) m->good[good->n++] = (int32_t)i;
    PDM_TRY(pdm_implicit_adjoint(g->implicit, *good, &m->samples->data, m->g_c));
    for (pdm_size i = 0; i < good->n; i++)
        if (pdm_implicit_results(g->implicit)[m->good[i]].converged) m->good[kept++] = m->good[i];
    good->n = kept;
    PDM_TRY(copy_coefficients(g, batch->n, pdm_implicit_lift(g->implicit), g->g_lift));
    if (!g->network) goto done;
    PDM_TRY(pdm_implicit_basis(g->implicit, *good, m->g_basis));
    PDM_TRY(copy_coefficients(g, batch->n, m->samples->lift, g->lift));
done:
    return status;
}

/* ---- from there to input number k ---- */

/* Half the width of the distribution of the quantity that it is of. */
static double width_of(const gradient *g, pdm_size k)
{
    const pdm_problem *p = g->m->problem;
    pdm_size           q = 0;
    while (q + 1 < pdm_pde_n_input(p->pde) && pdm_domain_input_offset(p->domain, q + 1) <= k) q++;
    return p->inputs->scale[q] > 0.0 ? 1.0 / p->inputs->scale[q] : 1.0;
}

/* Inputs with number k moved by `by`, of numbers that are not small beside it by as much of themselves. */
static void move(gradient *g, const gradient_batch *batch, pdm_size k, double by, double width)
{
    memcpy(g->moved, batch->input, (size_t)(batch->n * g->n_input) * sizeof *g->moved);
    for (pdm_size i = 0; i < batch->n; i++) {
        double *x = &g->moved[i * g->n_input + k];
        *x += by * fmax(width, fabs(*x));
    }
}

static pdm_status same_bytes(pdm_backend *b, size_t bytes, pdm_buffer *x, pdm_buffer *y, bool *same)
{
    pdm_status status   = PDM_OK;
    void      *hosts[2] = {NULL, NULL};

    PDM_TRY(b->ops->acquire(b, x, PDM_READ, &hosts[0]));
    PDM_TRY(b->ops->acquire(b, y, PDM_READ, &hosts[1]));
    *same = memcmp(hosts[0], hosts[1], bytes) == 0;
done:
    status = pdm_release(b, status, x, &hosts[0]);
    status = pdm_release(b, status, y, &hosts[1]);
    return status;
}

/* Do rows read the same on both sides? */
static pdm_status same_data(const gradient *g, pdm_size n, bool *same)
{
    pdm_status           status = PDM_OK;
    pdm_backend         *b      = g->m->problem->backend;
    const pdm_rows_desc *rows   = pdm_domain_rows(g->m->problem->domain);
    const pdm_rows_data *more = &g->m->samples->data, *less = &g->less->data;

    PDM_TRY(same_bytes(b, (size_t)(n * rows->n_scalar) * sizeof(double), more->scalar, less->scalar, same));
    if (*same)
        PDM_TRY(same_bytes(b, (size_t)(n * rows->n_sampled) * sizeof(double), more->sampled, less->sampled, same));
done:
    return status;
}

/* Samples with number k on either side. */
static pdm_status prepare_sides(gradient *g, const gradient_batch *batch, pdm_size k, double width)
{
    pdm_status status = PDM_OK;

    move(g, batch, k, STEP, width);
    for (pdm_size i = 0; i < batch->n; i++) g->step[i] = g->moved[i * g->n_input + k];
    PDM_TRY(pdm_samples_prepare(g->m->samples, batch->n, g->moved));
    move(g, batch, k, -STEP, width);
    for (pdm_size i = 0; i < batch->n; i++) g->step[i] -= g->moved[i * g->n_input + k];
    PDM_TRY(pdm_samples_prepare(g->less, batch->n, g->moved));
done:
    if (status != PDM_OK)
        pdm_error_note(g->m->ctx, "while input number %lld was moved by %g for a derivative", (long long)k,
                       STEP * width);
    return status;
}

static pdm_status add_lift(gradient *g, const gradient_batch *batch, pdm_batch good, pdm_size k)
{
    pdm_status   status = PDM_OK;
    pdm_backend *b      = g->m->problem->backend;
    void        *more = NULL, *less = NULL;

    PDM_TRY(b->ops->acquire(b, g->m->samples->lift, PDM_READ, &more));
    PDM_TRY(b->ops->acquire(b, g->less->lift, PDM_READ, &less));
    for (pdm_size i = 0; i < good.n; i++) {
        const pdm_size s = good.index[i], at = s * g->c_size;
        double         sum = 0.0;
        for (pdm_size j = at; j < at + g->c_size; j++) {
            const double slope = (((double *)more)[j] - ((double *)less)[j]) / g->step[s];
            sum += g->g_lift[j] * slope;
            if (g->network) g->slope[j] = slope;
        }
        batch->g_input[s * g->n_input + k] = sum;
    }
done:
    status = pdm_release(b, status, g->m->samples->lift, &more);
    status = pdm_release(b, status, g->less->lift, &less);
    return status;
}

static pdm_status add_data(gradient *g, const gradient_batch *batch, pdm_batch good, pdm_size k)
{
    pdm_status status = PDM_OK;
    bool       same   = false;

    PDM_TRY(same_data(g, batch->n, &same));
    if (same) goto done;
    PDM_TRY(pdm_implicit_pull(g->implicit, good, &g->m->samples->data, g->pull[MORE]));
    PDM_TRY(pdm_implicit_pull(g->implicit, good, &g->less->data, g->pull[LESS]));
    for (pdm_size i = 0; i < good.n; i++) {
        const pdm_size s = good.index[i];
        batch->g_input[s * g->n_input + k] -= (g->pull[MORE][s] - g->pull[LESS][s]) / g->step[s];
    }
done:
    return status;
}

/* Lifts that follow their slopes to where the inputs are, so that expressions are not asked far beyond them. */
static pdm_status move_lift(gradient *g, const gradient_batch *batch, pdm_batch good, pdm_size k)
{
    pdm_status   status = PDM_OK;
    pdm_backend *b      = g->m->problem->backend;
    void        *host   = NULL;

    PDM_TRY(b->ops->acquire(b, g->m->samples->lift, PDM_WRITE, &host));
    memcpy(host, g->lift, (size_t)(batch->n * g->c_size) * sizeof(double));
    for (pdm_size i = 0; i < good.n; i++) {
        const pdm_size s = good.index[i], at = s * g->c_size, x = s * g->n_input + k;
        for (pdm_size j = at; j < at + g->c_size; j++)
            ((double *)host)[j] += (g->moved[x] - batch->input[x]) * g->slope[j];
    }
done:
    status = pdm_release(b, status, g->m->samples->lift, &host);
    return status;
}

/* g_basis times basis, of each sample, times factor onto its derivative. */
static pdm_status add_basis(gradient *g, const gradient_batch *batch, pdm_batch good, pdm_size k, double factor)
{
    pdm_status     status = PDM_OK;
    pdm_model     *m      = g->m;
    pdm_backend   *b      = m->problem->backend;
    const pdm_size size   = pdm_experts_columns(m->experts)->n_channel * pdm_domain_n_coef(m->problem->domain);
    void          *basis = NULL, *g_basis = NULL;

    PDM_TRY(b->ops->acquire(b, m->basis, PDM_READ, &basis));
    PDM_TRY(b->ops->acquire(b, m->g_basis, PDM_READ, &g_basis));
    for (pdm_size i = 0; i < good.n; i++) {
        const pdm_size s = good.index[i], at = s * g->n_input + k;
        double         sum = 0.0;
        for (pdm_size j = s * size; j < (s + 1) * size; j++)
            sum += (double)((float *)g_basis)[j] * (double)((float *)basis)[j];
        batch->g_input[at] += factor * sum / (g->moved[at] - batch->input[at]);
    }
done:
    status = pdm_release(b, status, m->basis, &basis);
    status = pdm_release(b, status, m->g_basis, &g_basis);
    return status;
}

/* f' = sum over s = -2, -1, 1, 2 of factor f(x + s h) / (s h), to fourth order. */
static pdm_status add_network(gradient *g, const gradient_batch *batch, pdm_batch good, pdm_size k, double width)
{
    static const struct {
        double side, factor;
    } at[]            = {{-2.0, -1.0 / 6.0}, {-1.0, 2.0 / 3.0}, {1.0, 2.0 / 3.0}, {2.0, -1.0 / 6.0}};
    pdm_status status = PDM_OK;

    for (size_t s = 0; s < sizeof at / sizeof *at; s++) {
        move(g, batch, k, at[s].side * NETWORK_STEP, width);
        PDM_TRY(move_lift(g, batch, good, k));
        PDM_TRY(pdm_model_prepare_network(g->m, batch->n, g->moved));
        PDM_TRY(pdm_model_basis(g->m, good, false));
        PDM_TRY(add_basis(g, batch, good, k, at[s].factor));
    }
done:
    return status;
}

/* ---- the call ---- */

/* NaN for samples that have none, and whose derivatives are not finite. */
static void clear_missing(gradient *g, const gradient_batch *batch, pdm_batch good)
{
    pdm_size next = 0;

    for (pdm_size s = 0; s < batch->n; s++) {
        double *x  = batch->g_input + s * g->n_input;
        bool    is = next < good.n && good.index[next] == s;
        next += is;
        for (pdm_size k = 0; k < g->n_input; k++) is = is && isfinite(x[k]);
        for (pdm_size k = 0; k < g->n_input && !is; k++) x[k] = NAN;
        g->missing += !is;
    }
}

static pdm_status batch_gradient(gradient *g, const gradient_batch *batch)
{
    pdm_status status = PDM_OK;
    pdm_batch  good;

    PDM_TRY(solve(g, batch));
    PDM_TRY(pull_back(g, batch, &good));
    for (pdm_size k = 0; k < g->n_input && good.n > 0; k++) {
        const double width = width_of(g, k);
        PDM_TRY(prepare_sides(g, batch, k, width));
        PDM_TRY(add_lift(g, batch, good, k));
        PDM_TRY(add_data(g, batch, good, k));
        if (g->network) PDM_TRY(add_network(g, batch, good, k, width));
    }
    clear_missing(g, batch, good);
done:
    return status;
}

static pdm_status check_call(const pdm_model *m, pdm_size n, const double *input, const double *g_u,
                             const double *g_input)
{
    const pdm_size n_input = pdm_domain_n_input(m->whole->domain);

    PDM_EXPECT(m->ctx, n >= 0 && n <= PDM_MAX_COUNT, "%lld samples; 0 to %d expected", (long long)n, PDM_MAX_COUNT);
    PDM_EXPECT(m->ctx, input || n_input == 0, "input is NULL; %lld numbers a sample expected", (long long)n_input);
    PDM_EXPECT(m->ctx, g_input || n_input == 0, "g_input is NULL; a place for %lld numbers a sample expected",
               (long long)n_input);
    PDM_EXPECT_POINTER(m->ctx, g_u, "derivatives by the fields");
    return PDM_OK;
}

static pdm_status check_finite(const pdm_model *m, pdm_size n, const double *g_u, pdm_size first)
{
    pdm_status     status = PDM_OK;
    const pdm_size size   = pdm_domain_n_field(m->whole->domain) * m->output->n_point;

    for (pdm_size i = 0; i < n * size; i++)
        if (!isfinite(g_u[i]))
            PDM_FAIL(m->ctx, PDM_ERR_DATA, "g_u: number %lld of sample %lld is %g; a finite number expected",
                     (long long)(i % size), (long long)(first + i / size), g_u[i]);
done:
    return status;
}

pdm_status pdm_model_gradient(pdm_model *m, pdm_size n, const double *input, const double *g_u, double *g_input,
                              double *u, int32_t *reason)
{
    pdm_status   status = PDM_OK;
    gradient     g      = {.m = m};
    const double start  = pdm_clock();

    if (!m) return PDM_ERR_ARGUMENT;
    PDM_TRY(check_call(m, n, input, g_u, g_input));
    PDM_TRY(pdm_model_default_output(m));
    const char *why = refused(m);
    if (why) PDM_FAIL(m->ctx, PDM_ERR_MODEL, "%s: no gradients by inputs: %s", pdm_model_name(m), why);
    PDM_TRY(open_gradient(&g, u == NULL));
    for (pdm_size first = 0; first < n; first += m->n_batch) {
        gradient_batch batch = {.n       = n - first < m->n_batch ? n - first : m->n_batch,
                                .input   = input + first * g.n_input,
                                .g_u     = g_u + first * g.n_point_all,
                                .u       = u ? u + first * g.n_point_all : NULL,
                                .g_input = g_input + first * g.n_input};
        PDM_TRY(check_finite(m, batch.n, batch.g_u, first));
        PDM_TRY(batch_gradient(&g, &batch));
        for (pdm_size i = 0; i < batch.n && reason; i++) reason[first + i] = m->result[i].reason;
    }
    pdm_values_set(m->ctx, &m->values, pdm_clock() - start, "seconds.gradient");
    if (g.missing > 0)
        pdm_log(m->ctx, PDM_LOG_WARNING, "gradient",
                "%lld of %lld gradients are NaN: their solve, or its adjoint, did not converge, or they are not finite",
                (long long)g.missing, (long long)n);
done:
    close_gradient(&g);
    return status;
}
