/* What rounding leaves of the objective. docs/mathematics.md, "The expert problem". */
#include "solver/solver_impl.h"

#include <math.h>

static const double ROUNDING = 2e-15; /* relative rounding of a row's sum                                */
static const double TERM     = 3e-16; /* of one of the numbers that it is a sum of                       */
static const double NEAR     = 1e-6;  /* of phi: steps that promise less are held against rounding       */
static const double TINY     = 1e-16; /* of a row, which is naturally of unit size: so is what is less         */

pdm_status solver_rounding_create(pdm_solver *s)
{
    pdm_status           status = PDM_OK;
    pdm_backend         *b      = s->backend;
    const pdm_size       n      = s->state.c_size;
    const pdm_random_key key    = {0, PDM_RANDOM_SIGNS, 0};
    void                *host   = NULL;

    if (s->lender) {
        s->signs = s->lender->signs;
        return PDM_OK;
    }
    PDM_TRY(b->ops->buffer_create(b, (size_t)(s->state.n_sample * n) * sizeof(double), &s->signs));
    PDM_TRY(b->ops->acquire(b, s->signs, PDM_WRITE, &host));
    for (pdm_size i = 0; i < s->state.n_sample * n; i++)
        ((double *)host)[i] = pdm_random_uniform(key, (uint64_t)(i % n)) < 0.5 ? -1.0 : 1.0;
    PDM_TRY(b->ops->release(b, s->signs, &host));
done:
    return status;
}

/* Rows are sums of numbers A_ij c_j, whatever is left of them: with random signs e_j the mean of |A (e c)|^2 is the sum
 * of their squares. The lift's level is in c, so that a small change on a large one is told from rounding. */
pdm_status solver_rounding_measure(pdm_solver *s, pdm_batch batch)
{
    pdm_status        status = PDM_OK;
    pdm_backend      *b      = s->backend;
    pdm_solver_state *st     = &s->state;
    pdm_batch         near   = {.index = s->fresh};

    for (pdm_size i = 0; i < batch.n; i++) {
        const int32_t k = batch.index[i];
        s->summed[k]    = 0.0;
        if (s->decrease[k] <= NEAR * s->phi[k] || s->phi[k] <= TINY * (double)st->n_row) s->fresh[near.n++] = k;
    }
    if (near.n == 0) return PDM_OK;
    PDM_TRY(b->ops->vector_multiply(b, near, st->c_size, st->c, s->signs, s->c_try));
    PDM_TRY(b->ops->rows_apply(b, s->pass.rows, near, st->A, s->c_try, s->r_try));
    PDM_TRY(solver_weigh(s, s->pass.rows, near, s->r_try, s->y_try));
    PDM_TRY(pdm_vector_dot(b, near, st->n_row, s->r_try, s->y_try, NULL, s->summed));
done:
    return status;
}

/* Numbers of the size J w and r(c_lift) are summed, whose squares are about <w, D w> and 2 phi(0), and before those the
 * terms of A c, whose squares are `summed`: with an error e of r of that rounding, phi changes by <r, e> + 1/2 |e|^2.
 * Where nothing but rounding is left, r is that of sums as long as rows. */
double solver_rounding_of(const pdm_solver *s, int32_t k)
{
    const double own  = s->size[k] + 2.0 * s->phi_start[k];
    const double e    = hypot(ROUNDING * sqrt(own), TERM * sqrt(s->summed[k]));
    const double none = 0.5 * ROUNDING * ROUNDING * (own + s->summed[k]);
    return e * sqrt(2.0 * s->phi[k]) + none + ROUNDING * s->phi[k];
}
