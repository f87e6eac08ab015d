/* The direction in which a solution is held least: the change of all unknowns that the rows notice least, by inverse
 * iteration with the factor of the normal matrix. A change that leaves over the share s of its own largest summand lets
 * an error grow to 1/s of what is left over of the equations; one that leaves over nothing makes another solution.
 * docs/mathematics.md, "Verdicts". */
#include "verdict/verdict.h"

#include <math.h>

#include "verdict/verdict_impl.h"

enum { ITERATIONS = 4, BOX_SPANS = 2 };
static const double STEP     = 1e-3;  /* of the size of fields: small where equations are not linear        */
static const double ROUNDING = 1e-12; /* of what rows naturally are */
static const double SHIFT    = 1e-12; /* of the diagonal, so that a matrix that is singular can be factored */

static pdm_status create_buffers(soft_direction *s, pdm_size n_most)
{
    pdm_status              status = PDM_OK;
    const pdm_problem      *p      = s->of->problem;
    pdm_backend            *b      = p->backend;
    const pdm_solver_state *st     = pdm_solver_lend(s->of->free->solver);
    const size_t            column = (size_t)(n_most * st->n_column) * sizeof(double);
    const size_t            coef   = (size_t)(n_most * st->c_size) * sizeof(double);

    PDM_TRY(b->ops->buffer_create(b, column, &s->x));
    PDM_TRY(b->ops->buffer_create(b, column, &s->y));
    PDM_TRY(b->ops->buffer_create(b, coef, &s->v));
    PDM_TRY(b->ops->buffer_create(b, coef, &s->c));
    PDM_TRY(pdm_alloc_array(p->ctx, n_most, &s->one));
    PDM_TRY(pdm_alloc_array(p->ctx, n_most, &s->step));
    PDM_TRY(pdm_alloc_array(p->ctx, n_most, &s->failed));
    PDM_TRY(pdm_alloc_array(p->ctx, n_most, &s->held));
    PDM_TRY(pdm_alloc_array(p->ctx, n_most, &s->loose));
    PDM_TRY(pdm_alloc_array(p->ctx, n_most, &s->most));
    PDM_TRY(pdm_alloc_array(p->ctx, n_most, &s->minus));
    for (pdm_size i = 0; i < n_most; i++) {
        s->one[i]   = 1.0;
        s->minus[i] = -1.0;
    }
done:
    return status;
}

pdm_status soft_direction_create(const companion *of, pdm_size n_most, soft_direction *s)
{
    pdm_status             status = PDM_OK;
    const companion_limits limits = {.n_most = n_most};

    s->of = of;
    PDM_TRY(create_buffers(s, n_most));
    PDM_TRY(pdm_problem_change_grid(of->problem, PDM_GRID_CELLS, &s->cells.whole));
    PDM_TRY(companion_create(of->of, of->grid, &limits, &s->cells));
    PDM_TRY(left_over_create(s->cells.problem, n_most, BOX_SPANS, &s->change));
    pdm_backend *b = s->cells.problem->backend;
    PDM_TRY(b->ops->buffer_create(b, (size_t)(n_most * pdm_solver_lend(of->free->solver)->c_size) * sizeof(double),
                                  &s->base));
done:
    return status;
}

void soft_direction_destroy(pdm_context *ctx, soft_direction *s)
{
    if (!s->of) return;
    pdm_backend *b = s->of->problem->backend;
    b->ops->buffer_destroy(b, &s->x);
    b->ops->buffer_destroy(b, &s->y);
    b->ops->buffer_destroy(b, &s->v);
    b->ops->buffer_destroy(b, &s->c);
    left_over_destroy(ctx, &s->change);
    if (s->base) s->cells.problem->backend->ops->buffer_destroy(s->cells.problem->backend, &s->base);
    companion_destroy(&s->cells);
    pdm_free(ctx, s->one);
    pdm_free(ctx, s->minus);
    pdm_free(ctx, s->step);
    pdm_free(ctx, s->failed);
    pdm_free(ctx, s->held);
    pdm_free(ctx, s->loose);
    pdm_free(ctx, s->most);
    *s = (soft_direction){0};
}

/* Something of every direction, the same on every machine. */
static pdm_status begin(soft_direction *s, pdm_size n)
{
    pdm_status     status = PDM_OK;
    pdm_backend   *b      = s->of->problem->backend;
    const pdm_size size   = pdm_solver_lend(s->of->free->solver)->n_column;
    void          *host   = NULL;

    PDM_TRY(b->ops->acquire(b, s->x, PDM_WRITE, &host));
    for (pdm_size i = 0; i < n * size; i++) ((double *)host)[i] = 1.0 + (double)(i % size * 7919 % 101) / 101.0;
done:
    status = pdm_release(b, status, s->x, &host);
    return status;
}

/* s->x: largest |value| 1. */
static pdm_status normalise(soft_direction *s, pdm_size n)
{
    pdm_status     status = PDM_OK;
    pdm_backend   *b      = s->of->problem->backend;
    const pdm_size size   = pdm_solver_lend(s->of->free->solver)->n_column;
    void          *host   = NULL;

    PDM_TRY(b->ops->acquire(b, s->x, PDM_READ_WRITE, &host));
    for (pdm_size i = 0; i < n; i++) {
        double *at = (double *)host + i * size, most = 0.0;
        for (pdm_size k = 0; k < size; k++) most = fmax(most, fabs(at[k]));
        for (pdm_size k = 0; k < size && most > 0.0; k++) at[k] /= most;
    }
done:
    status = pdm_release(b, status, s->x, &host);
    return status;
}

/* s->x after so many solves with a factor of the normal matrix of the last step, which is that of the solution. */
static pdm_status iterate(soft_direction *s, pdm_batch batch)
{
    pdm_status              status = PDM_OK;
    const companion        *c      = s->of;
    pdm_backend            *b      = c->problem->backend;
    const pdm_solver_state *st     = pdm_solver_lend(c->free->solver);

    for (pdm_size i = 0; i < batch.n; i++) s->step[i] = SHIFT;
    PDM_TRY(b->ops->blocks_factor(b, st->blocks, batch, s->step, 0.0, NULL, st->H, st->L, s->failed));
    PDM_TRY(begin(s, batch.n));
    for (int k = 0; k < ITERATIONS; k++) {
        PDM_TRY(b->ops->blocks_solve(b, st->blocks, batch, st->L, s->x, s->y));
        pdm_buffer *other = s->x;
        s->x              = s->y;
        s->y              = other;
        PDM_TRY(normalise(s, batch.n));
    }
done:
    return status;
}

/* What changes most, and the length of v by which no field changes by more than STEP of its size. */
static pdm_status measure(soft_direction *s, pdm_size n)
{
    pdm_status         status = PDM_OK;
    const pdm_problem *p      = s->of->problem;
    pdm_backend       *b      = p->backend;
    const pdm_size     n_coef = pdm_domain_n_coef(p->domain), size = pdm_domain_n_field(p->domain) * n_coef;
    void              *host = NULL;

    PDM_TRY(b->ops->acquire(b, s->v, PDM_READ, &host));
    for (pdm_size i = 0; i < n; i++) {
        const double *v    = (const double *)host + i * size;
        double        most = 0.0;
        for (pdm_size k = 0; k < size; k++) {
            const double here = fabs(v[k]) / p->magnitude[k / n_coef];
            if (!(here > most)) continue;
            most       = here;
            s->most[i] = k;
        }
        s->step[i] = most > 0.0 ? STEP / most : 0.0;
    }
done:
    status = pdm_release(b, status, s->v, &host);
    return status;
}

pdm_status soft_direction_find(soft_direction *s, pdm_size n, const double *input)
{
    pdm_status              status = PDM_OK;
    pdm_backend            *b      = s->of->problem->backend;
    const pdm_batch         batch  = pdm_samples_batch(s->of->samples, n);
    const pdm_solver_state *st     = pdm_solver_lend(s->of->free->solver);
    companion              *cells  = &s->cells;

    PDM_TRY(iterate(s, batch));
    PDM_TRY(b->ops->columns_expand(b, st->columns, batch, s->x, s->of->samples->lift, s->v));
    PDM_TRY(b->ops->vector_combine(b, batch, st->c_size, s->one, s->v, s->minus, s->of->samples->lift, s->v));
    PDM_TRY(measure(s, n));
    PDM_TRY(b->ops->vector_combine(b, batch, st->c_size, s->one, st->c, s->step, s->v, s->c));
    PDM_TRY(companion_inputs(cells, n, input));
    PDM_TRY(companion_prepare(cells, n, 0));
    PDM_TRY(companion_take(cells, n, s->of->problem, s->c, cells->start));
    PDM_TRY(companion_take(cells, n, s->of->problem, st->c, s->base));
    left_over_begin(s->change);
    const left_over_state at = {.batch = pdm_samples_batch(cells->samples, n),
                                .data  = &cells->samples->data,
                                .c     = cells->start,
                                .base  = s->base};
    PDM_TRY(left_over_add(s->change, &at));
    for (pdm_size i = 0; i < n; i++) {
        const bool known = st->exact && s->failed[i] == 0 && s->step[i] > 0.0 && s->of->converged[i];
        s->held[i]       = known ? left_over_largest(s->change, i) : NAN;
        s->loose[i]      = known && left_over_of_natural(s->change, i) < ROUNDING;
    }
done:
    return status;
}

void soft_direction_take(const soft_direction *s, pdm_size i, pdm_assessment *out)
{
    const pdm_domain *d = s->of->problem->domain;
    pdm_size          k = s->most[i] % pdm_domain_n_coef(d);

    out->equation = s->most[i] / pdm_domain_n_coef(d);
    for (pdm_size j = pdm_domain_n_dim(d) - 1; j >= 0; j--) {
        const pdm_size n = pdm_domain_spline(d, j)->n_coef;
        out->place[j]    = pdm_domain_greville(d, j)[k % n];
        k /= n;
    }
}
