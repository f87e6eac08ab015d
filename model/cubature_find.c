/* Which rows, and how much each counts: so that on few rows the columns of J and the residual have the products that they
 * have on all. docs/mathematics.md, "Few rows". */
#include "model/model.h"

#include <math.h>
#include <string.h>

#include "model/model_impl.h"

enum {
    LOOKED_AT = 48, /* samples, or slabs of samples: of every second one rows are found, on the others they are tried */
    LEAST_DIRECTION = 6, /* in the space of J's columns, at random, of a sample: as many, and at most so many ... */
    MOST_DIRECTION  = 16,
    PER_DIRECTION   = 4 /* ... one for so many columns */
};
static const double LEAST_ROWS  = 32.0;
static const double LEAST_TIMES = 2.0; /* the columns: fewer rows are not tried */
static const double MORE        = 1.4; /* rows in the next trial                */
static const double MOST_ROWS   = 0.4; /* of all: beyond it few rows save nothing worth having */
static const double OUT_OF_LINE = 3.0; /* of objectives on all rows and on few, beyond the largest that was seen */

/* What solves on all rows have shown. */
typedef struct looked {
    pdm_model  *m;
    pdm_size    n_row, n_input, c_size, n_direction;
    pdm_size    n_feature, n_tried, most_feature;
    double     *feature; /* [n_row][most_feature] products of rows: wanted are weights with their sums, ... */
    double     *target;  /* [n_feature] these */
    double     *input;   /* [n_tried][n_input] of those that rows are tried on ...        */
    double     *c;       /* [n_tried][c_size] and their answers                           */
    double     *along;   /* [n_direction][n_batch][n_row]                                 */
    pdm_buffer *row, *w; /* like r, like w                                                */
} looked;

static void close_looked(looked *x)
{
    pdm_backend *b = x->m->problem->backend;
    b->ops->buffer_destroy(b, &x->row);
    b->ops->buffer_destroy(b, &x->w);
    pdm_free(x->m->ctx, x->feature);
    pdm_free(x->m->ctx, x->target);
    pdm_free(x->m->ctx, x->input);
    pdm_free(x->m->ctx, x->c);
    pdm_free(x->m->ctx, x->along);
}

static pdm_status open_looked(looked *x, pdm_model *m)
{
    pdm_status     status = PDM_OK;
    pdm_backend   *b      = m->problem->backend;
    const pdm_size column = pdm_experts_n_column(m->experts);

    *x             = (looked){.m = m, .n_row = pdm_domain_rows(m->problem->domain)->n_row};
    x->n_input     = pdm_domain_n_input(m->problem->domain);
    x->c_size      = pdm_solver_lend(m->solver)->c_size;
    x->n_direction = column / PER_DIRECTION;
    if (x->n_direction < LEAST_DIRECTION) x->n_direction = LEAST_DIRECTION;
    if (x->n_direction > MOST_DIRECTION) x->n_direction = MOST_DIRECTION;
    x->most_feature = (LOOKED_AT + 1) / 2 * (2 * x->n_direction + 1);
    PDM_TRY(pdm_alloc_array(m->ctx, x->n_row * x->most_feature, &x->feature));
    PDM_TRY(pdm_alloc_array(m->ctx, x->most_feature, &x->target));
    PDM_TRY(pdm_alloc_array(m->ctx, LOOKED_AT * x->n_input, &x->input));
    PDM_TRY(pdm_alloc_array(m->ctx, LOOKED_AT * x->c_size, &x->c));
    PDM_TRY(pdm_alloc_array(m->ctx, x->n_direction * m->n_batch * x->n_row, &x->along));
    PDM_TRY(b->ops->buffer_create(b, (size_t)(m->n_batch * x->n_row) * sizeof(double), &x->row));
    PDM_TRY(b->ops->buffer_create(b, (size_t)(m->n_batch * column) * sizeof(double), &x->w));
done:
    return status;
}

/* ---- solves on all rows ---- */

/* z = J H^-1 J^T of a random vector, at the answers of a batch: a random vector in the space of J's columns, in which
 * each direction counts alike. Into along[k]. */
static pdm_status project(const looked *x, pdm_batch batch, pdm_size k, uint64_t stream)
{
    pdm_status              status = PDM_OK;
    pdm_model              *m      = x->m;
    pdm_backend            *b      = m->problem->backend;
    const pdm_solver_state *st     = pdm_solver_lend(m->solver);
    const pdm_random_key    key    = {(uint64_t)m->whole->training.seed, PDM_RANDOM_ROWS, stream};
    const pdm_size          n      = m->n_batch * x->n_row;
    void                   *host   = NULL;

    PDM_TRY(b->ops->acquire(b, x->row, PDM_WRITE, &host));
    for (pdm_size i = 0; i < n; i++) ((double *)host)[i] = pdm_random_normal(key, (uint64_t)i);
    PDM_TRY(b->ops->release(b, x->row, &host));
    PDM_TRY(b->ops->rows_apply_adjoint(b, st->rows, batch, st->A, x->row, m->g_c));
    PDM_TRY(b->ops->columns_reduce(b, st->columns, batch, m->g_c, x->w));
    PDM_TRY(b->ops->blocks_solve(b, st->blocks, batch, st->L, x->w, x->w));
    PDM_TRY(b->ops->columns_expand(b, st->columns, batch, x->w, NULL, m->g_c));
    PDM_TRY(b->ops->rows_apply(b, st->rows, batch, st->A, m->g_c, x->row));
    PDM_TRY(b->ops->acquire(b, x->row, PDM_READ, &host));
    memcpy(x->along + k * n, host, (size_t)n * sizeof *x->along);
done:
    status = pdm_release(b, status, x->row, &host);
    return status;
}

/* One feature more: products a_i b_i over the root of |a|^2 |b|^2. */
static void add_feature(looked *x, const double *a, const double *b)
{
    double square[2] = {1e-300, 1e-300}, sum = 0.0;
    for (pdm_size i = 0; i < x->n_row; i++) {
        square[0] += a[i] * a[i];
        square[1] += b[i] * b[i];
    }
    const double scale = 1.0 / sqrt(square[0] * square[1]);
    for (pdm_size i = 0; i < x->n_row; i++) {
        x->feature[i * x->most_feature + x->n_feature] = scale * a[i] * b[i];
        sum += scale * a[i] * b[i];
    }
    x->target[x->n_feature++] = sum;
}

/* Of one sample whose solve went well. */
static void take_features(looked *x, int32_t sample, const double *r)
{
    const double *own = r + sample * x->n_row;
    for (pdm_size k = 0; k < x->n_direction; k++) {
        const double *z = x->along + (k * x->m->n_batch + sample) * x->n_row;
        add_feature(x, z, z);
        add_feature(x, z, own);
    }
    add_feature(x, own, own);
}

/* Samples of a batch that is solved: by turns to find rows and to try them. */
static pdm_status take_batch(looked *x, pdm_batch batch, pdm_size *seen)
{
    pdm_status              status = PDM_OK;
    pdm_model              *m      = x->m;
    pdm_backend            *b      = m->problem->backend;
    const pdm_solver_state *st     = pdm_solver_lend(m->solver);
    void                   *c = NULL, *r = NULL;

    PDM_TRY(pdm_solver_linearise(m->solver, batch, &m->samples->data, true));
    for (pdm_size k = 0; k < x->n_direction; k++) PDM_TRY(project(x, batch, k, (uint64_t)(*seen * x->n_direction + k)));
    PDM_TRY(b->ops->acquire(b, st->c, PDM_READ, &c));
    PDM_TRY(b->ops->acquire(b, st->r, PDM_READ, &r));
    for (pdm_size i = 0; i < batch.n && *seen < LOOKED_AT; i++) {
        const int32_t k = batch.index[i];
        if (!pdm_reason_is_good(pdm_solver_results(m->solver)[k].reason) || st->failed[k]) continue;
        if (++*seen % 2) {
            take_features(x, k, r);
            continue;
        }
        memcpy(x->input + x->n_tried * x->n_input, m->samples->input + k * x->n_input,
               (size_t)x->n_input * sizeof *x->input);
        memcpy(x->c + x->n_tried * x->c_size, (double *)c + k * x->c_size, (size_t)x->c_size * sizeof *x->c);
        x->n_tried++;
    }
done:
    status = pdm_release(b, status, st->c, &c);
    status = pdm_release(b, status, st->r, &r);
    return status;
}

/* The slabs of this chunk of the inputs of a step. */
static pdm_status look_at_chunk(looked *x, pdm_size step, pdm_size *seen)
{
    pdm_status      status = PDM_OK;
    pdm_model      *m      = x->m;
    const pdm_batch batch  = pdm_model_batch(m, m->n_now);
    const pdm_size  n_slab = pdm_model_n_slab(m);

    PDM_TRY(pdm_model_begin(m, step));
    for (pdm_size k = 0; k < n_slab && *seen < LOOKED_AT; k++) {
        if (k > 0) PDM_TRY(pdm_model_next_slab(m, pdm_solver_lend(m->solver)->c));
        PDM_TRY(pdm_model_prepare(m, batch.n, m->samples->input));
        PDM_TRY(pdm_model_basis(m, batch, false));
        PDM_TRY(pdm_model_solve(m, batch));
        PDM_TRY(take_batch(x, batch, seen));
    }
done:
    return status;
}

/* Inputs of the first steps of training, until enough samples have been seen: chunk by chunk, so that what is found does
 * not depend on how many there is room for. */
static pdm_status look(looked *x)
{
    pdm_status status = PDM_OK;
    pdm_size   seen   = 0;

    pdm_solver_set_limits(x->m->solver, x->m->whole->solving.tolerance, x->m->whole->solving.max_iter);
    for (pdm_size step = 0; step < LOOKED_AT && seen < LOOKED_AT; step++)
        for (pdm_size k = 0; seen < LOOKED_AT && pdm_model_turn_to_chunk(x->m, k); k++)
            PDM_TRY(look_at_chunk(x, step, &seen));
done:
    return status;
}

/* ---- a trial ---- */

/* Squares of what coefficients are off by, over those of the answer, each field in its size. */
static double relative_square(const looked *x, const double *few, const double *all)
{
    const pdm_size n_coef = pdm_domain_n_coef(x->m->problem->domain);
    double         off = 0.0, size = 1e-300;
    for (pdm_size i = 0; i < x->c_size; i++) {
        const double m = x->m->problem->magnitude[i / n_coef];
        off += (few[i] - all[i]) / m * ((few[i] - all[i]) / m);
        size += all[i] / m * (all[i] / m);
    }
    return off / size;
}

/* Root mean square of the distance of answers on few rows to those on all; *ratio: the largest of the objectives'. */
static pdm_status try_rows(looked *x, pdm_cubature *few, double *error, double *ratio)
{
    pdm_status status = PDM_OK;
    pdm_model *m      = x->m;
    double     sum    = 0.0;
    void      *c      = NULL;

    *ratio = 0.0;
    for (pdm_size first = 0; first < x->n_tried; first += m->n_batch) {
        const pdm_size  n     = x->n_tried - first < m->n_batch ? x->n_tried - first : m->n_batch;
        const pdm_batch batch = pdm_model_batch(m, n);
        PDM_TRY(pdm_model_prepare(m, n, x->input + first * x->n_input));
        PDM_TRY(pdm_model_basis(m, batch, false));
        PDM_TRY(cubature_solve(few, batch));
        PDM_TRY(pdm_solver_adopt(m->solver, batch, &m->samples->data, m->basis, m->samples->lift, few->solver));
        PDM_TRY(m->problem->backend->ops->acquire(m->problem->backend, pdm_solver_lend(m->solver)->c, PDM_READ, &c));
        for (pdm_size i = 0; i < n; i++) {
            const double own = pdm_solver_results(few->solver)[i].objective,
                         all = pdm_solver_results(m->solver)[i].objective;
            sum += relative_square(x, (double *)c + i * x->c_size, x->c + (first + i) * x->c_size);
            if (!(all <= *ratio * own)) *ratio = all / own;
        }
        PDM_TRY(m->problem->backend->ops->release(m->problem->backend, pdm_solver_lend(m->solver)->c, &c));
    }
    *error = sqrt(sum / (double)x->n_tried);
done:
    status = pdm_release(m->problem->backend, status, pdm_solver_lend(m->solver)->c, &c);
    return status;
}

/* *few stays NULL where so many rows do not do. */
static pdm_status try_number(looked *x, const double *weight, pdm_cubature **few)
{
    pdm_status    status = PDM_OK;
    pdm_row_list  list   = {0};
    pdm_cubature *trial  = NULL;
    double        error = NAN, ratio = NAN;

    PDM_TRY(pdm_row_list_keep(x->m->ctx, x->n_row, weight, &list));
    if (list.n == 0) goto done; /* products that nothing adds up to */
    PDM_TRY(cubature_create(x->m, &list, 1.0, &trial));
    PDM_TRY(try_rows(x, trial, &error, &ratio));
    pdm_log(x->m->ctx, PDM_LOG_INFO, "train", "%lld of %lld rows: answers %.3g %% off those on all rows",
            (long long)trial->rows.desc.n_row, (long long)x->n_row, 100.0 * error);
    if (!(error <= x->m->whole->solving.rows_error) || !isfinite(ratio)) goto done;
    trial->most = OUT_OF_LINE * ratio;
    *few        = trial;
    trial       = NULL;
done:
    pdm_row_list_destroy(x->m->ctx, &list);
    pdm_cubature_destroy(&trial);
    return status;
}

/* More and more rows, until they do. */
static pdm_status try_numbers(looked *x, pdm_cubature **few)
{
    pdm_status status = PDM_OK;
    double     n      = fmax(LEAST_ROWS, LEAST_TIMES * (double)pdm_experts_n_column(x->m->experts));
    nnls      *found  = NULL;

    if (x->n_tried == 0 || x->n_feature == 0) return PDM_OK;
    PDM_TRY(nnls_create(x->m->ctx, x->most_feature, x->n_row, x->feature, x->target, &found));
    for (pdm_size last = 0; !*few && n <= MOST_ROWS * (double)x->n_row; n *= MORE) {
        const pdm_size now = nnls_extend(found, (pdm_size)n);
        if (now <= last) break; /* there are no more that would change anything */
        last = now;
        PDM_TRY(try_number(x, nnls_numbers(found), few));
    }
done:
    nnls_destroy(&found);
    return status;
}

pdm_status pdm_model_find_cubature(pdm_model *m)
{
    pdm_status status = PDM_OK;
    looked     x;

    PDM_TRY(open_looked(&x, m));
    PDM_TRY(look(&x));
    PDM_TRY(try_numbers(&x, &m->cubature));
    pdm_values_set(m->ctx, &m->values, (double)x.n_row, "rows");
    pdm_values_set(m->ctx, &m->values, m->cubature ? (double)m->cubature->rows.desc.n_row : (double)x.n_row,
                   "rows.read");
done:
    close_looked(&x);
    return status;
}
