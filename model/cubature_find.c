/* Which rows, and how much each counts: so that on few rows the columns of J and the residual have the products that they
 * have on all. docs/mathematics.md, "Few rows". */
#include "model/model.h"

#include <math.h>
#include <string.h>

#include "model/model_impl.h"

enum {
    LOOKED_AT = 48, /* samples, or slabs of samples: of every second one rows are found, on the others they are tried */
    DIRECTIONS = 6, /* in the space of J's columns, at random, of a sample */
    FEATURES   = 2 * DIRECTIONS + 1,
    SWEEPS     = 3
};
static const double ROWS_A_COLUMN[] = {4.0, 6.0, 9.0, 13.0, 20.0, 30.0, 45.0, 70.0, 100.0}; /* that are tried */
static const double LEAST_ROWS      = 64.0;
static const double MOST_ROWS       = 0.4; /* of all: beyond it few rows save nothing worth having */
static const double OUT_OF_LINE     = 3.0; /* of objectives on all rows and on few, beyond the largest that was seen */

/* What solves on all rows have shown. */
typedef struct looked {
    pdm_model  *m;
    pdm_size    n_row, n_input, c_size;
    pdm_size    n_feature, n_tried;
    double     *feature; /* [n_feature][n_row] products: sums over rows, about 1 or 0     */
    double     *input;   /* [n_tried][n_input] of those that rows are tried on ...        */
    double     *c;       /* [n_tried][c_size] and their answers                           */
    double     *along;   /* [DIRECTIONS][n_batch][n_row]                                  */
    pdm_buffer *row, *w; /* like r, like w                                                */
    /* of a row along each dimension [n_row][n_dim]: its grid, -1: none, and the place in it */
    int32_t       *grid, *place;
    pdm_row_choice grids; /* none of them chosen */
} looked;

static void close_looked(looked *x)
{
    pdm_backend *b = x->m->problem->backend;
    b->ops->buffer_destroy(b, &x->row);
    b->ops->buffer_destroy(b, &x->w);
    pdm_free(x->m->ctx, x->feature);
    pdm_free(x->m->ctx, x->input);
    pdm_free(x->m->ctx, x->c);
    pdm_free(x->m->ctx, x->along);
    pdm_free(x->m->ctx, x->grid);
    pdm_free(x->m->ctx, x->place);
}

static void find_places(const looked *x)
{
    const pdm_rows_desc *d = pdm_domain_rows(x->m->problem->domain);
    for (pdm_size t = 0; t < d->n_term; t++) {
        pdm_size n = 1;
        for (pdm_size j = 0; j < d->n_dim; j++) n *= d->term[t].axis[j].n_row;
        for (pdm_size i = 0; i < n; i++) {
            pdm_size rest = i;
            for (pdm_size j = d->n_dim - 1; j >= 0; j--) {
                const pdm_size n_row = d->term[t].axis[j].n_row, at = (d->term[t].row0 + i) * d->n_dim + j;
                x->grid[at]  = (int32_t)pdm_row_choice_find(&x->grids, j, n_row);
                x->place[at] = (int32_t)(rest % n_row);
                rest /= n_row;
            }
        }
    }
}

static pdm_status open_looked(looked *x, pdm_model *m)
{
    pdm_status           status = PDM_OK;
    const pdm_rows_desc *rows   = pdm_domain_rows(m->problem->domain);
    pdm_backend         *b      = m->problem->backend;

    *x         = (looked){.m = m, .n_row = rows->n_row};
    x->n_input = pdm_domain_n_input(m->problem->domain);
    x->c_size  = pdm_solver_lend(m->solver)->c_size;
    PDM_TRY(pdm_alloc_array(m->ctx, LOOKED_AT * FEATURES * x->n_row, &x->feature));
    PDM_TRY(pdm_alloc_array(m->ctx, LOOKED_AT * x->n_input, &x->input));
    PDM_TRY(pdm_alloc_array(m->ctx, LOOKED_AT * x->c_size, &x->c));
    PDM_TRY(pdm_alloc_array(m->ctx, DIRECTIONS * m->n_batch * x->n_row, &x->along));
    PDM_TRY(pdm_alloc_array(m->ctx, x->n_row * rows->n_dim, &x->grid));
    PDM_TRY(pdm_alloc_array(m->ctx, x->n_row * rows->n_dim, &x->place));
    PDM_TRY(b->ops->buffer_create(b, (size_t)(m->n_batch * x->n_row) * sizeof(double), &x->row));
    PDM_TRY(b->ops->buffer_create(b, (size_t)(m->n_batch * pdm_experts_n_column(m->experts)) * sizeof(double), &x->w));
    pdm_row_choice_list(rows, &x->grids);
    find_places(x);
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
    if (host) (void)b->ops->release(b, x->row, &host);
    return status;
}

/* One feature more: products a_i b_i over the root of |a|^2 |b|^2. */
static void add_feature(looked *x, const double *a, const double *b)
{
    double *f = x->feature + x->n_feature * x->n_row, square[2] = {1e-300, 1e-300};
    for (pdm_size i = 0; i < x->n_row; i++) {
        square[0] += a[i] * a[i];
        square[1] += b[i] * b[i];
    }
    const double scale = 1.0 / sqrt(square[0] * square[1]);
    for (pdm_size i = 0; i < x->n_row; i++) f[i] = scale * a[i] * b[i];
    x->n_feature++;
}

/* Of one sample whose solve went well. */
static void take_features(looked *x, int32_t sample, const double *r)
{
    const double *own = r + sample * x->n_row;
    for (pdm_size k = 0; k < DIRECTIONS; k++) {
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
    for (pdm_size k = 0; k < DIRECTIONS; k++) PDM_TRY(project(x, batch, k, (uint64_t)(*seen * DIRECTIONS + k)));
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
    if (c) (void)b->ops->release(b, st->c, &c);
    if (r) (void)b->ops->release(b, st->r, &r);
    return status;
}

/* Inputs of the first steps of training, until enough samples have been seen. */
static pdm_status look(looked *x)
{
    pdm_status      status = PDM_OK;
    pdm_model      *m      = x->m;
    const pdm_batch batch  = pdm_model_batch(m, m->n_batch);
    const pdm_size  n_slab = pdm_model_n_slab(m);
    pdm_size        seen   = 0;

    pdm_solver_set_limits(m->solver, m->whole->solving.tolerance, m->whole->solving.max_iter);
    for (pdm_size step = 0; step < LOOKED_AT && seen < LOOKED_AT; step++) {
        PDM_TRY(pdm_model_begin(m, step));
        for (pdm_size k = 0; k < n_slab && seen < LOOKED_AT; k++) {
            if (k > 0) PDM_TRY(pdm_model_next_slab(m, pdm_solver_lend(m->solver)->c));
            PDM_TRY(pdm_model_prepare(m, batch.n, m->samples->input));
            PDM_TRY(pdm_model_basis(m, batch, false));
            PDM_TRY(pdm_model_solve(m, batch));
            PDM_TRY(take_batch(x, batch, &seen));
        }
    }
done:
    return status;
}

/* ---- weights ---- */

/* Sums of the features over rows, place by place of one grid with the weights of the others, in gram and right as
 * nnls_solve() takes them; wanted are the sums over all rows. */
static pdm_status gather(const looked *x, pdm_size grid, double *const *weight, double *gram, double *right)
{
    pdm_status     status = PDM_OK;
    const pdm_size n_dim = pdm_domain_n_dim(x->m->problem->domain), n_place = x->grids.grid[grid].n_place;
    double        *sum = NULL;

    PDM_TRY(pdm_alloc_array(x->m->ctx, n_place, &sum));
    memset(gram, 0, (size_t)(n_place * n_place) * sizeof *gram);
    memset(right, 0, (size_t)n_place * sizeof *right);
    for (pdm_size f = 0; f < x->n_feature; f++) {
        double target = 0.0;
        memset(sum, 0, (size_t)n_place * sizeof *sum);
        for (pdm_size i = 0; i < x->n_row; i++) {
            const int32_t *on = x->grid + i * n_dim, *place = x->place + i * n_dim;
            double         q   = x->feature[f * x->n_row + i];
            int32_t        own = -1; /* place in the grid at hand */
            target += q;
            for (pdm_size j = 0; j < n_dim; j++) {
                if (on[j] == grid) own = place[j];
                if (on[j] >= 0 && on[j] != grid) q *= weight[on[j]][place[j]];
            }
            if (own >= 0)
                sum[own] += q;
            else
                target -= q;
        }
        for (pdm_size i = 0; i < n_place; i++) {
            right[i] += sum[i] * target;
            for (pdm_size j = 0; j < n_place && sum[i] != 0.0; j++) gram[i * n_place + j] += sum[i] * sum[j];
        }
    }
done:
    pdm_free(x->m->ctx, sum);
    return status;
}

/* The weights of one grid, with those of the others as they are: `most` of them are not zero. */
static pdm_status improve(const looked *x, pdm_size grid, pdm_size most, double *const *weight)
{
    pdm_status     status  = PDM_OK;
    const pdm_size n_place = x->grids.grid[grid].n_place;
    double        *gram = NULL, *right = NULL;

    PDM_TRY(pdm_alloc_array(x->m->ctx, n_place * n_place, &gram));
    PDM_TRY(pdm_alloc_array(x->m->ctx, n_place, &right));
    PDM_TRY(gather(x, grid, weight, gram, right));
    PDM_TRY(nnls_solve(x->m->ctx, n_place, most < n_place ? most : n_place, gram, right, weight[grid]));
done:
    pdm_free(x->m->ctx, gram);
    pdm_free(x->m->ctx, right);
    return status;
}

/* About n rows, as many of each grid for its places. */
static pdm_status choose(const looked *x, double n, pdm_row_choice *out)
{
    pdm_status     status                     = PDM_OK;
    pdm_context   *ctx                        = x->m->ctx;
    const pdm_size n_grid                     = x->grids.n_grid;
    double        *weight[PDM_ROW_GRIDS_MOST] = {0};
    const double   share = pow(n / (double)x->n_row, 1.0 / (double)pdm_domain_n_dim(x->m->problem->domain));

    *out = x->grids;
    for (pdm_size g = 0; g < n_grid; g++) {
        PDM_TRY(pdm_alloc_array(ctx, x->grids.grid[g].n_place, &weight[g]));
        for (pdm_size i = 0; i < x->grids.grid[g].n_place; i++) weight[g][i] = 1.0;
    }
    for (pdm_size turn = 0; turn < SWEEPS * n_grid; turn++) {
        const pdm_size g = turn % n_grid;
        PDM_TRY(improve(x, g, (pdm_size)ceil(share * (double)x->grids.grid[g].n_place), weight));
    }
    for (pdm_size g = 0; g < n_grid; g++) PDM_TRY(pdm_row_grid_keep(ctx, weight[g], &out->grid[g]));
done:
    for (pdm_size g = 0; g < n_grid; g++) pdm_free(ctx, weight[g]);
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
    if (c) (void)m->problem->backend->ops->release(m->problem->backend, pdm_solver_lend(m->solver)->c, &c);
    return status;
}

/* *few stays NULL where so many rows do not do. */
static pdm_status try_number(looked *x, double n, pdm_cubature **few)
{
    pdm_status     status = PDM_OK;
    pdm_row_choice choice = {0};
    pdm_cubature  *trial  = NULL;
    double         error = NAN, ratio = NAN;

    PDM_TRY(choose(x, n, &choice));
    for (pdm_size g = 0; g < choice.n_grid; g++)
        if (choice.grid[g].n == 0) goto done; /* products that nothing adds up to */
    PDM_TRY(cubature_create(x->m, &choice, 1.0, &trial));
    PDM_TRY(try_rows(x, trial, &error, &ratio));
    pdm_log(x->m->ctx, PDM_LOG_INFO, "train", "%lld of %lld rows: answers %.3g %% off those on all rows",
            (long long)trial->rows.desc.n_row, (long long)x->n_row, 100.0 * error);
    if (!(error <= x->m->whole->solving.rows_error) || !isfinite(ratio)) goto done;
    trial->most = OUT_OF_LINE * ratio;
    *few        = trial;
    trial       = NULL;
done:
    pdm_row_choice_destroy(x->m->ctx, &choice);
    pdm_cubature_destroy(&trial);
    return status;
}

pdm_status pdm_model_find_cubature(pdm_model *m)
{
    pdm_status     status = PDM_OK;
    const double   column = (double)pdm_experts_n_column(m->experts);
    looked         x;
    const pdm_size n_trial = sizeof ROWS_A_COLUMN / sizeof *ROWS_A_COLUMN;

    PDM_TRY(open_looked(&x, m));
    PDM_TRY(look(&x));
    for (pdm_size i = 0; i < n_trial && !m->cubature && x.n_tried > 0 && x.n_feature > 0; i++) {
        const double n = fmax(ROWS_A_COLUMN[i] * column, LEAST_ROWS);
        if (n > MOST_ROWS * (double)x.n_row) break;
        if (ROWS_A_COLUMN[i] * column < LEAST_ROWS && i + 1 < n_trial && ROWS_A_COLUMN[i + 1] * column < LEAST_ROWS)
            continue; /* the next is the same */
        PDM_TRY(try_number(&x, n, &m->cubature));
    }
    pdm_values_set(m->ctx, &m->values, (double)x.n_row, "rows");
    pdm_values_set(m->ctx, &m->values, m->cubature ? (double)m->cubature->rows.desc.n_row : (double)x.n_row,
                   "rows.read");
done:
    close_looked(&x);
    return status;
}
