/* Columns from solutions: the leading directions, group by group, of what solutions of the pool are beyond the lift and
 * the guess. docs/mathematics.md, "Columns from solutions". */
#include "model/model.h"

#include <complex.h>
#include <math.h>
#include <string.h>

#include "model/model_impl.h"

enum { SAMPLES_MOST = 1024 }; /* that directions are found from: evenly chosen where there are more */

bool pdm_model_wants_pod(const pdm_model *m)
{
    return pdm_experts_pod(m->experts).n > 0 && !m->has_pod;
}

/* The columns are there: back ends are told. */
static pdm_status settle(pdm_model *m)
{
    m->has_pod = true;
    return pdm_solver_take_windows(m->solver);
}

/* ---- what is left to columns ---- */

/* target less guess of one batch of samples of the pool, from number `first` on, into left. */
static pdm_status take_guess(pdm_model *m, const pdm_pool *p, pdm_size first, pdm_size n, float *left)
{
    pdm_status     status  = PDM_OK;
    pdm_backend   *b       = m->problem->backend;
    const pdm_size n_input = pdm_domain_n_input(m->problem->domain), n_field = pdm_domain_n_field(m->problem->domain),
                   n_coef = pdm_domain_n_coef(m->problem->domain), size = n_field * n_coef,
                   n_channel     = pdm_experts_columns(m->experts)->n_channel;
    const unsigned char *is_free = pdm_domain_free(m->problem->domain);
    void                *host    = NULL;

    memcpy(m->samples->input, p->input + first * n_input, (size_t)(n * n_input) * sizeof *p->input);
    PDM_TRY(pdm_model_prepare(m, n, m->samples->input));
    PDM_TRY(pdm_model_basis(m, pdm_model_batch(m, n), false));
    PDM_TRY(b->ops->acquire(b, m->basis, PDM_READ, &host));
    for (pdm_size i = 0; i < n; i++) {
        const float *guess = (const float *)host + (i * n_channel + n_channel - n_field) * n_coef;
        float       *own   = left + (first + i) * size;
        for (pdm_size k = 0; k < size; k++) own[k] -= is_free[k] ? guess[k] : 0.0f;
    }
done:
    status = pdm_release(b, status, m->basis, &host);
    return status;
}

static pdm_status take_guesses(pdm_model *m, const pdm_pool *p, float *left)
{
    pdm_status status = PDM_OK;
    for (pdm_size first = 0; first < p->n; first += m->n_batch)
        PDM_TRY(take_guess(m, p, first, p->n - first < m->n_batch ? p->n - first : m->n_batch, left));
done:
    return status;
}

/* Their mean goes into the offset, and out of them. */
static void take_mean(const pdm_pool *p, pdm_size size, float *left, double *offset)
{
    for (pdm_size k = 0; k < size; k++) {
        double sum = 0.0;
        for (pdm_size i = 0; i < p->n; i++) sum += (double)left[i * size + k];
        offset[k] = sum / (double)p->n;
        for (pdm_size i = 0; i < p->n; i++) left[i * size + k] = (float)((double)left[i * size + k] - offset[k]);
    }
}

/* ---- directions of one group ---- */

/* Samples that are looked at, [n][size] in left. */
typedef struct snapshots {
    pdm_size     n, stride, size, offset; /* offset: of the group's field */
    const float *left;
} snapshots;

static double entry(const snapshots *x, const pdm_column_group *g, pdm_size i, pdm_size k)
{
    return (double)x->left[i * x->stride * x->size + x->offset + g->coef[k]];
}

/* Eigenvectors of X X^T, X [n][n_coef], smaller than its other one where samples are few; modes X^T v of unit root mean
 * square, the largest first, into prior [n_coef][n_col]: zero beyond rank. */
static pdm_status find_directions(pdm_context *ctx, const snapshots *x, const pdm_column_group *g, double *prior)
{
    pdm_status       status = PDM_OK;
    const pdm_size   n      = x->n;
    double _Complex *gram   = NULL;
    double          *value  = NULL;

    PDM_TRY(pdm_alloc_array(ctx, n * n, &gram));
    PDM_TRY(pdm_alloc_array(ctx, n, &value));
    for (pdm_size i = 0; i < n; i++)
        for (pdm_size j = i; j < n; j++) {
            double sum = 0.0;
            for (pdm_size k = 0; k < g->n_coef; k++) sum += entry(x, g, i, k) * entry(x, g, j, k);
            gram[i * n + j] = gram[j * n + i] = sum;
        }
    PDM_TRY(pdm_dense_eigen(ctx, n, gram, value));
    for (pdm_size c = 0; c < g->n_col; c++) {
        const pdm_size v       = n - 1 - c;
        const bool     is_some = v >= 0 && value[v] > 1e-13 * value[n - 1];
        const double   factor  = is_some ? sqrt((double)g->n_coef / value[v]) : 0.0;
        for (pdm_size k = 0; k < g->n_coef; k++) {
            double sum = 0.0;
            for (pdm_size i = 0; i < n && is_some; i++) sum += creal(gram[i * n + v]) * entry(x, g, i, k);
            prior[k * g->n_col + c] = factor * sum;
        }
    }
done:
    pdm_free(ctx, gram);
    pdm_free(ctx, value);
    return status;
}

/* Root mean square of what is left, relative to that of the solutions: of samples first .. p->n-1. */
static double relative_left(const pdm_model *m, const pdm_pool *p, pdm_size first, const float *left)
{
    const pdm_size size = pdm_domain_n_field(m->problem->domain) * pdm_domain_n_coef(m->problem->domain);
    double         own = 0.0, all = 0.0;
    for (pdm_size i = first * size; i < p->n * size; i++) {
        own += (double)left[i] * (double)left[i];
        all += (double)p->target[i] * (double)p->target[i];
    }
    return sqrt(own / all);
}

pdm_status pdm_model_find_pod(pdm_model *m, pdm_pool *p)
{
    pdm_status              status = PDM_OK;
    const pdm_columns_desc *d      = pdm_experts_columns(m->experts);
    const pdm_size          size   = d->n_field * d->n_coef;
    const pdm_pod           pod    = pdm_experts_pod(m->experts);
    double                 *next   = pod.column;
    float                  *left   = NULL;
    const pdm_dense         before = pdm_dense_begin();

    PDM_TRY(pdm_alloc_array(m->ctx, p->n * size, &left));
    memcpy(left, p->target, (size_t)(p->n * size) * sizeof *left);
    if (d->guess) PDM_TRY(take_guesses(m, p, left));
    if (d->guess) pdm_values_set(m->ctx, &m->values, relative_left(m, p, p->n_learn, left), "guess.error");
    pdm_values_set(m->ctx, &m->values, NAN, "solutions.wanted"); /* no more */
    pdm_values_set(m->ctx, &m->values, (double)p->n, "solutions");
    pdm_values_set(m->ctx, &m->values, (double)p->n_failed, "solutions.failed");
    take_mean(p, size, left, pod.offset);
    const pdm_size stride = (p->n + SAMPLES_MOST - 1) / SAMPLES_MOST;
    for (pdm_size g = 0; g < d->n_expert * d->n_field; g++) {
        const snapshots x = {p->n / stride, stride, size, d->group[g].field * d->n_coef, left};
        PDM_TRY(find_directions(m->ctx, &x, &d->group[g], next));
        next += d->group[g].n_coef * d->group[g].n_col;
    }
    PDM_TRY(settle(m));
done:
    pdm_dense_end(&before);
    pdm_free(m->ctx, left);
    return status;
}

pdm_status pdm_model_set_pod(pdm_model *m, const double *number)
{
    const pdm_pod pod = pdm_experts_pod(m->experts);
    memcpy(pod.column, number, (size_t)pod.n * sizeof *number);
    return settle(m);
}

pdm_status pod_store(pdm_model *m, pdm_store *s, bool writing)
{
    pdm_status    status = PDM_OK;
    pdm_size      length = 0;
    const pdm_pod pod    = pdm_experts_pod(m->experts);

    if (pod.n == 0) return PDM_OK;
    if (!writing) PDM_TRY(pdm_store_length(s, "experts", "pod", &length));
    if (writing ? !m->has_pod : length < 0) return PDM_OK;
    PDM_TRY(pdm_store_exchange(s, writing, "experts", "pod", PDM_STORE_DOUBLE, pod.n, pod.column));
    if (!writing) PDM_TRY(settle(m));
done:
    return status;
}
