/* Natural sizes, found once when a model is made and kept in its file: of the fields, and of the rows of each equation
 * and condition. They define the objective. */
#include "problem/problem.h"

#include <math.h>

#include "problem/problem_impl.h"

enum { TRIAL_ITERATIONS = 30, ROUNDS = 4, MARCH_CHEAP = 4 * PDM_FREE_CHEAP /* coefficients of all slabs */ };
static const double TRIAL_TOLERANCE = 1e-3;
static const double NOISE           = 1e-12; /* part of a sum that its rounding may leave */
static const double BESIDE          = 0.5;   /* widths from the middle of a distribution that is still typical */
static const double FAR             = 10.0;  /* a size further off than that is corrected */

/* Size of every field in c; raises what is there. */
static void measure(const pdm_problem *p, const double *c, double *size)
{
    const pdm_size n_coef = pdm_domain_n_coef(p->domain), n_field = pdm_domain_n_field(p->domain);
    for (pdm_size i = 0; i < n_field * n_coef; i++) size[i / n_coef] = fmax(size[i / n_coef], fabs(c[i]));
}

/* The same in given solutions. */
static void measure_given(const pdm_problem *p, double *size)
{
    const pdm_size n_field = pdm_domain_n_field(p->domain);
    for (pdm_size f = 0; f < n_field; f++) {
        double most = size[f];
        for (pdm_size s = 0; s < p->inputs->given.n_sample; s++)
            for (pdm_size i = 0; i < p->inputs->given.n_point; i++)
                most = fmax(most,
                            fabs(pdm_pde_to_spline(
                                p->pde, f, p->inputs->given.field[(s * n_field + f) * p->inputs->given.n_point + i])));
        size[f] = most;
    }
}

/* Does a sum of rows react when the field is shifted? Rows that count by themselves: first, n = 1, factor NULL. */
static bool reacts(const double *A, const pdm_rows_desc *rows, pdm_size n_local, pdm_size field, pdm_size first,
                   pdm_size n, const double *factor)
{
    double sum = 0.0, size = 0.0;
    for (pdm_size i = 0; i < n; i++) {
        const double *a = A + ((first + i) * pdm_rows_n_seen(rows) + field) * n_local;
        const double  f = factor ? factor[i] : 1.0;
        for (pdm_size l = 0; l < n_local; l++) {
            sum += f * a[l];
            size += f * fabs(a[l]);
        }
    }
    return fabs(sum) > NOISE * size;
}

/* The pyramid whose rows, from this one on, count in sums only; or NULL. */
static const pdm_pyramid_desc *sums_from(const pdm_rows_desc *rows, pdm_size row)
{
    for (pdm_size k = 0; k < rows->n_pyramid; k++)
        if (rows->pyramid[k].only_sums && rows->pyramid[k].row0 == row) return &rows->pyramid[k];
    return NULL;
}

/* Of a pyramid whose boxes of level 1 follow each other: factor [rows of the first box]. */
static pdm_size box_factors(const pdm_pyramid_desc *p, pdm_size n_dim, double *factor)
{
    pdm_size n = 1;
    for (pdm_size j = 0; j < n_dim; j++) n *= p->first_width[j];
    for (pdm_size i = 0; factor && i < n; i++) {
        pdm_size rest = i;
        factor[i]     = 1.0;
        for (pdm_size j = n_dim - 1; j >= 0; j--) {
            factor[i] *= p->unscale[j][rest % p->first_width[j]];
            rest /= p->first_width[j];
        }
    }
    return n;
}

/* Rows, and sums over boxes, one after the other, until one reacts. */
static pdm_status level_is_fixed(pdm_problem *p, const double *A, pdm_size n_local, pdm_size field, bool *fixed)
{
    pdm_status           status = PDM_OK;
    const pdm_rows_desc *rows   = pdm_domain_rows(p->domain);
    double              *factor = NULL;

    for (pdm_size i = 0; i < rows->n_row && !*fixed;) {
        const pdm_pyramid_desc *sums = sums_from(rows, i);
        if (!sums) {
            *fixed = reacts(A, rows, n_local, field, i++, 1, NULL);
            continue;
        }
        const pdm_size n     = box_factors(sums, rows->n_dim, NULL);
        pdm_size       n_all = 1;
        for (pdm_size j = 0; j < rows->n_dim; j++) n_all *= sums->shape[j];
        pdm_free(p->ctx, factor);
        PDM_TRY(pdm_alloc_array(p->ctx, n, &factor));
        (void)box_factors(sums, rows->n_dim, factor);
        for (pdm_size k = 0; k + n <= n_all && !*fixed; k += n)
            *fixed = reacts(A, rows, n_local, field, i + k, n, factor);
        i += n_all;
    }
done:
    pdm_free(p->ctx, factor);
    return status;
}

/* A field of which all coefficients are free and to which no row reacts when it is shifted has no level of its own.
 * A [n_row][n_seen][n_local]. */
static pdm_status check_levels_are_fixed(pdm_problem *p, const double *A, pdm_size n_local)
{
    pdm_status           status = PDM_OK;
    const pdm_rows_desc *rows   = pdm_domain_rows(p->domain);
    const pdm_size       n_coef = pdm_domain_n_coef(p->domain);

    for (pdm_size f = 0; f < rows->n_field; f++) {
        bool fixed = false;
        for (pdm_size i = 0; i < n_coef && !fixed; i++) fixed = !pdm_domain_free(p->domain)[f * n_coef + i];
        PDM_TRY(level_is_fixed(p, A, n_local, f, &fixed));
        if (fixed) continue;
        pdm_where where = pdm_case_where(p->the_case, "pde/boundary", NULL);
        PDM_FAIL_AT(p->ctx, PDM_ERR_CASE, &where,
                    "nothing fixes the level of \"%s\": equations and conditions know its derivatives only, so any "
                    "constant can be added; a condition with \"%s\" itself on some side, or a constraint like "
                    "\"integral(%s) = 0\" in /pde/constraints, expected",
                    pdm_pde_field_name(p->pde, f), pdm_pde_field_name(p->pde, f), pdm_pde_field_name(p->pde, f));
    }
done:
    return status;
}

/* Scales of the rows, from a linearisation with unit scales at the lift of the batch's first sample. */
static pdm_status scale_rows(pdm_problem *p, const pdm_samples *s)
{
    pdm_status           status  = PDM_OK;
    pdm_backend         *b       = p->backend;
    const pdm_rows_desc *rows    = pdm_domain_rows(p->domain);
    pdm_rows_plan       *plan    = NULL;
    pdm_buffer          *A       = NULL;
    void                *host    = NULL;
    pdm_size             n_local = 1;

    for (pdm_size j = 0; j < rows->n_dim; j++) n_local *= rows->degree[j] + 1;
    for (pdm_size i = 0; i < pdm_domain_n_block(p->domain); i++) pdm_domain_set_scale(p->domain, i, 1.0);
    PDM_TRY(b->ops->rows_create(b, rows, 1, &plan));
    PDM_TRY(b->ops->buffer_create(b, (size_t)(rows->n_row * pdm_rows_n_seen(rows) * n_local) * sizeof(double), &A));
    PDM_TRY(b->ops->rows_linearise(b, plan, pdm_samples_batch(s, 1), &s->data, s->lift, A));
    PDM_TRY(b->ops->acquire(b, A, PDM_READ, &host));
    PDM_TRY(check_levels_are_fixed(p, host, n_local));
    PDM_TRY(pdm_domain_scale_from(p->domain, host, p->magnitude));
done:
    status = pdm_release(b, status, A, &host);
    b->ops->buffer_destroy(b, &A);
    b->ops->rows_destroy(b, &plan);
    return status;
}

/* One solve with all coefficients free of a sample that is prepared: its fields into size; *good: it went well. */
static pdm_status measure_solve(pdm_free_solver *free, const pdm_samples *s, double *size, bool *good)
{
    pdm_status         status = PDM_OK;
    const pdm_problem *p      = free->problem;
    pdm_backend       *b      = p->backend;
    pdm_buffer        *c      = pdm_solver_lend(free->solver)->c;
    void              *host   = NULL;

    PDM_TRY(pdm_free_solver_solve(free, s, pdm_samples_batch(s, 1), PDM_START_ZERO));
    *good = pdm_reason_is_good(pdm_solver_results(free->solver)[0].reason);
    if (!*good) goto done;
    PDM_TRY(b->ops->acquire(b, c, PDM_READ, &host));
    measure(p, host, size);
done:
    status = pdm_release(b, status, c, &host);
    return status;
}

/* All of time at once. */
static pdm_status measure_whole(const pdm_problem *p, const pdm_samples *s, double *size, bool *good)
{
    pdm_status       status = PDM_OK;
    pdm_free_solver *free   = NULL;

    PDM_TRY(pdm_free_solver_create(p, 1, TRIAL_TOLERANCE, TRIAL_ITERATIONS, &free));
    PDM_TRY(measure_solve(free, s, size, good));
done:
    pdm_free_solver_destroy(&free);
    return status;
}

/* Slab after slab: states that grow are known by what they come to, or by what they have come to where a slab has no
 * solution; *good: the first one has. *to_the_end: all have. */
static pdm_status measure_march(const pdm_problem *p, const double *input, double *size, bool *good, bool *to_the_end)
{
    pdm_status       status = PDM_OK;
    pdm_march       *march  = NULL;
    pdm_samples     *s      = NULL;
    pdm_free_solver *free   = NULL;
    pdm_slab_end    *end    = NULL;

    PDM_TRY(pdm_march_create(p, march_good_slabs(p), &march));
    if (pdm_domain_n_free(march->slab->domain) > PDM_FREE_CHEAP) goto done;
    PDM_TRY(pdm_samples_create(march->slab, 1, &s));
    PDM_TRY(pdm_free_solver_create(march->slab, 1, TRIAL_TOLERANCE, TRIAL_ITERATIONS, &free));
    PDM_TRY(pdm_slab_end_create(march->slab, 1, &end));
    PDM_TRY(pdm_march_inputs(march, 1, input, s->input));
    *to_the_end = true;
    for (pdm_size k = 0; k < march->n_slab && *to_the_end; k++) {
        const pdm_batch batch = pdm_samples_batch(s, 1);
        if (k > 0) PDM_TRY(pdm_slab_advance(end, batch, pdm_solver_lend(free->solver)->c, s->input));
        if (k > 0) PDM_TRY(pdm_march_follow(march, 1, input, s->input));
        PDM_TRY(pdm_samples_prepare(s, 1, s->input));
        PDM_TRY(measure_solve(free, s, size, to_the_end));
        if (k == 0) *good = *to_the_end;
    }
done:
    pdm_slab_end_destroy(&end);
    pdm_free_solver_destroy(&free);
    pdm_samples_destroy(&s);
    pdm_march_destroy(&march);
    return status;
}

/* Corrects magnitudes that are far from those of the solution of the batch's first sample, with all coefficients free,
 * where that is cheap and goes well: a lift is zero, or rounding, where initial and boundary data are. *again: with
 * better scales it would come further. */
static pdm_status measure_solution(pdm_problem *p, const pdm_samples *s, bool *known, bool *corrected, bool *again)
{
    pdm_status     status  = PDM_OK;
    double        *size    = NULL;
    const pdm_size n_field = pdm_domain_n_field(p->domain);
    const bool     cut     = march_good_slabs(p) > 1;
    bool           good = false, to_the_end = true;

    *corrected = *again = false;
    if (pdm_domain_n_free(p->domain) > (cut ? MARCH_CHEAP : PDM_FREE_CHEAP)) return PDM_OK;
    PDM_TRY(pdm_alloc_array(p->ctx, n_field, &size));
    PDM_TRY(cut ? measure_march(p, s->input, size, &good, &to_the_end) : measure_whole(p, s, size, &good));
    if (!good) goto done;
    measure_given(p, size);
    for (pdm_size f = 0; f < n_field; f++) known[f] = known[f] || size[f] > 0.0;
    for (pdm_size f = 0; f < n_field; f++)
        if (size[f] > 0.0 && (size[f] > FAR * p->magnitude[f] || size[f] < p->magnitude[f] / FAR)) {
            p->magnitude[f] = size[f];
            *corrected      = true;
        }
    *again = *corrected && !to_the_end;
done:
    pdm_free(p->ctx, size);
    return status;
}

/* With the inputs `off` widths beside the middle of their distributions; *all_known: no field is zero there. */
static pdm_status find_scales(pdm_problem *p, pdm_samples *s, double off, bool *all_known)
{
    pdm_status     status    = PDM_OK;
    const pdm_size n_field   = pdm_domain_n_field(p->domain);
    pdm_backend   *b         = p->backend;
    void          *host      = NULL;
    bool           corrected = false, again = true;
    bool           known[PDM_MAX_FIELD] = {false};

    pdm_inputs_typical(p->inputs, off, s->input);
    PDM_TRY(pdm_samples_prepare(s, 1, s->input));
    PDM_TRY(b->ops->acquire(b, s->lift, PDM_READ, &host));
    for (pdm_size f = 0; f < n_field; f++) p->magnitude[f] = 0.0;
    measure(p, host, p->magnitude);
    measure_given(p, p->magnitude);
    PDM_TRY(b->ops->release(b, s->lift, &host));
    for (pdm_size f = 0; f < n_field; f++) {
        known[f] = p->magnitude[f] > 0.0;
        if (!known[f]) p->magnitude[f] = 1.0;
    }
    PDM_TRY(scale_rows(p, s));
    for (int round = 0; round < ROUNDS && again; round++) {
        PDM_TRY(measure_solution(p, s, known, &corrected, &again));
        if (corrected) PDM_TRY(scale_rows(p, s));
    }
    *all_known = true;
    for (pdm_size f = 0; f < n_field; f++) *all_known = *all_known && known[f];
done:
    return status;
}

pdm_status scales_find(pdm_problem *p)
{
    pdm_status   status = PDM_OK;
    pdm_samples *s      = NULL;
    bool         known  = false;

    PDM_TRY(pdm_samples_create(p, 1, &s));
    PDM_TRY(find_scales(p, s, 0.0, &known));
    if (!known)
        PDM_TRY(find_scales(p, s, BESIDE, &known)); /* amplitudes drawn from about zero: none has a size there */
done:
    pdm_samples_destroy(&s);
    return status;
}
