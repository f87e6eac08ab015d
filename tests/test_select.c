/* Columns that exist for some samples and not for others, and a ridge for each: against a solver from whose experts
 * they were taken away; all of them, none of them; threads and back ends; the derivative through what is left. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "implicit_diff/implicit_diff.h"
#include "tests/problems.h"

enum { N_SAMPLE = 3, N_BASIS = 5 };
static const double WEIGHT[N_SAMPLE] = {0.7, 0.7, 0.7}; /* of objectives in the loss */

/* Many experts: more unknowns than one block takes. CG: steps by conjugate gradients with the experts' own blocks. ALONE,
 * SWEEPS: the other modes. */
typedef enum kind { KIND_HARD, KIND_SMOOTH, KIND_MANY, KIND_CG, KIND_ALONE, KIND_SWEEPS, KIND_COUNT } kind;

typedef struct fixture {
    kind           kind;
    problem        p;
    pdm_experts   *experts;
    pdm_solver    *solver;
    pdm_buffer    *basis;
    pdm_size       n_column, n_c;
    unsigned char *on;    /* [N_SAMPLE][n_column] */
    double        *ridge; /* like on */
} fixture;

static void open_experts(fixture *f, int number, kind k, const char *backend, int n_thread)
{
    const bool smooth = k == KIND_SMOOTH, many = k == KIND_MANY;
    *f = (fixture){.kind = k};
    problem_open_points(&f->p, number, backend, N_SAMPLE, n_thread,
                        !many                                                     ? NULL
                        : number == PROBLEM_SPACE3 || number == PROBLEM_VORTICITY ? "16"
                                                                                  : "60");
    ck_assert_int_eq(pdm_case_set_text(f->p.the_case, "experts", "basis", many ? "20" : "5"), PDM_OK);
    ck_assert_int_eq(pdm_case_set_text(f->p.the_case, "experts", "partition", smooth ? "smooth" : "hard"), PDM_OK);
    ck_assert_int_eq(pdm_case_set_text(f->p.the_case, "experts", "overlap", "3"), PDM_OK);
    ck_assert_int_eq(pdm_case_set_text(f->p.the_case, "domain/x", "experts", many ? "10" : "3"), PDM_OK);
    if (k == KIND_ALONE) /* polynomials are continued by their number in the box, which taking away changes */
        ck_assert_int_eq(pdm_case_set_text(f->p.the_case, "experts", "prior", "none"), PDM_OK);
    ck_assert_msg(pdm_experts_create(f->p.ctx, f->p.the_case, f->p.domain, NULL, &f->experts) == PDM_OK, "%s",
                  pdm_context_error(f->p.ctx));
    f->n_column = pdm_experts_n_column(f->experts);
    f->n_c      = N_SAMPLE * f->p.c_size;
}

/* With the columns that the experts have by now. Rows are of unit size here, hence the large ridge. */
static void open_solver(fixture *f)
{
    const pdm_solver_settings settings = {.mode          = f->kind == KIND_ALONE    ? PDM_MODE_INDEPENDENT
                                                           : f->kind == KIND_SWEEPS ? PDM_MODE_SCHWARZ
                                                                                    : PDM_MODE_COUPLED,
                                          .tolerance     = 1e-10,
                                          .ridge         = 1e-3,
                                          .damping       = 1e-4,
                                          .max_iter      = 500,
                                          .cg_tolerance  = 1e-8,
                                          .cg_iterations = 5000,
                                          .linear        = f->kind == KIND_CG ? PDM_LINEAR_CG : PDM_LINEAR_DIRECT};
    pdm_backend              *b        = f->p.backend;
    const pdm_size n    = N_SAMPLE * pdm_experts_columns(f->experts)->n_channel * pdm_domain_n_coef(f->p.domain);
    void          *host = NULL;
    ck_assert_int_eq(pdm_solver_create(f->p.ctx, b, &settings, f->p.domain, f->experts, N_SAMPLE, &f->solver), PDM_OK);
    ck_assert_int_eq(b->ops->buffer_create(b, (size_t)n * sizeof(float), &f->basis), PDM_OK);
    ck_assert_int_eq(b->ops->acquire(b, f->basis, PDM_WRITE, &host), PDM_OK);
    for (pdm_size i = 0; i < n; i++)
        ((float *)host)[i] = (float)pdm_random_normal((pdm_random_key){9, PDM_RANDOM_TEST, 0}, (uint64_t)i);
    ck_assert_int_eq(b->ops->release(b, f->basis, &host), PDM_OK);
    problem_random_state(&f->p, 11);
}

/* Another choice for each sample: about two columns of three; expert e of sample s has none when e + s is 3, all when it
 * is 1. */
static void choose(fixture *f)
{
    const pdm_size *first = pdm_experts_column0(f->experts);
    f->on                 = calloc((size_t)(N_SAMPLE * f->n_column + 1), 1);
    f->ridge              = calloc((size_t)(N_SAMPLE * f->n_column + 1), sizeof *f->ridge);
    for (pdm_size s = 0; s < N_SAMPLE; s++)
        for (pdm_size e = 0; e < pdm_experts_columns(f->experts)->n_expert; e++)
            for (pdm_size i = first[e]; i < first[e + 1]; i++) {
                const uint64_t at = (uint64_t)(s * f->n_column + i);
                const double   u  = pdm_random_uniform((pdm_random_key){41, PDM_RANDOM_TEST, 0}, at);
                f->on[at]         = e + s == 3 ? 0 : e + s == 1 ? 1 : u < 0.67;
                f->ridge[at] = 1e-2 * (1.0 + 9.0 * pdm_random_uniform((pdm_random_key){42, PDM_RANDOM_TEST, 0}, at));
            }
}

static void open_fixture(fixture *f, int number, kind k, const char *backend, int n_thread)
{
    open_experts(f, number, k, backend, n_thread);
    open_solver(f);
    choose(f);
}

static void close_fixture(fixture *f)
{
    free(f->on), free(f->ridge);
    f->p.backend->ops->buffer_destroy(f->p.backend, &f->basis);
    pdm_solver_destroy(&f->solver);
    pdm_experts_destroy(&f->experts);
    problem_close(&f->p);
}

static void solve(fixture *f)
{
    ck_assert_int_eq(pdm_solver_solve(f->solver, problem_batch(&f->p), &f->p.data, f->basis, f->p.lift, PDM_START_ZERO),
                     PDM_OK);
    for (int s = 0; s < N_SAMPLE; s++)
        ck_assert_msg(pdm_reason_is_good(pdm_solver_results(f->solver)[s].reason), "%s, sample %d: %s",
                      problem_name(f->p.number), s, pdm_reason_text(pdm_solver_results(f->solver)[s].reason));
}

static double *get(fixture *f, pdm_buffer *b, pdm_size n)
{
    double *x = calloc((size_t)(n ? n : 1), sizeof *x);
    problem_get(&f->p, b, x, n);
    return x;
}

/* ---- columns taken away for good: the description is rewritten, before a solver sees it ---- */

typedef struct removed {
    int32_t *channel;
    double  *prior;
} removed;

/* Only the columns of `on` and their ridges are left; ridges move to the front. */
static removed take_away(fixture *f, const unsigned char *on, double *ridge)
{
    const pdm_columns_desc *d       = pdm_experts_columns(f->experts);
    pdm_size               *column0 = (pdm_size *)pdm_experts_column0(f->experts), n_value = 0, used = 0, before = 0;
    removed                 r = {0};
    for (pdm_size g = 0; g < d->n_expert * d->n_field; g++) n_value += d->group[g].n_coef * d->group[g].n_col;
    r.channel     = calloc((size_t)f->n_column + 1, sizeof *r.channel);
    r.prior       = calloc((size_t)n_value + 1, sizeof *r.prior);
    double *prior = r.prior;
    for (pdm_size g = 0; g < d->n_expert * d->n_field; g++) {
        pdm_column_group *group = (pdm_column_group *)&d->group[g];
        const pdm_size    n_col = group->n_col, first = used;
        pdm_size          kept = 0;
        for (pdm_size n = 0; n < n_col; n++) kept += on[before + n];
        for (pdm_size n = 0, k = 0; n < n_col; n++) {
            if (!on[before + n]) continue;
            for (pdm_size i = 0; i < group->n_coef && group->prior; i++)
                prior[i * kept + k] = group->prior[i * n_col + n];
            r.channel[used] = group->channel[n];
            ridge[used++]   = ridge[before + n];
            k++;
        }
        before += n_col;
        group->n_col   = kept;
        group->channel = r.channel + first;
        group->prior   = group->prior ? prior : NULL;
        prior += group->n_coef * kept;
        if (g % d->n_field == d->n_field - 1) column0[g / d->n_field + 1] = used;
    }
    f->n_column = used;
    return r;
}

/* c, objective and gradient by the basis of sample s when the columns it has not are gone, all samples with the same. */
typedef struct answer {
    double  *c, objective;
    float   *g_basis;
    pdm_size n_basis;
    int32_t  iterations;
} answer;

static answer answer_of(fixture *f, int s)
{
    answer        a        = {.n_basis = pdm_experts_columns(f->experts)->n_channel * pdm_domain_n_coef(f->p.domain)};
    pdm_backend  *b        = f->p.backend;
    pdm_implicit *implicit = NULL;
    pdm_buffer   *g_c = NULL, *g_basis = NULL;
    void         *host = NULL;
    double       *c    = get(f, pdm_solver_lend(f->solver)->c, f->n_c);
    a.c                = calloc((size_t)f->p.c_size, sizeof *a.c);
    a.g_basis          = calloc((size_t)a.n_basis, sizeof *a.g_basis);
    memcpy(a.c, c + s * f->p.c_size, (size_t)f->p.c_size * sizeof *c);
    a.objective  = pdm_solver_results(f->solver)[s].objective;
    a.iterations = pdm_solver_results(f->solver)[s].iterations;
    ck_assert_int_eq(pdm_implicit_create(f->p.ctx, b, f->solver, 1e-12, &implicit), PDM_OK);
    ck_assert_int_eq(b->ops->buffer_create(b, (size_t)f->n_c * sizeof(double), &g_c), PDM_OK);
    ck_assert_int_eq(b->ops->buffer_create(b, (size_t)(N_SAMPLE * a.n_basis) * sizeof(float), &g_basis), PDM_OK);
    problem_put(&f->p, g_c, c, f->n_c);
    ck_assert_int_eq(pdm_implicit_backward(implicit, problem_batch(&f->p), &f->p.data, WEIGHT, g_c, g_basis), PDM_OK);
    ck_assert(pdm_implicit_results(implicit)[s].converged);
    ck_assert_int_eq(b->ops->acquire(b, g_basis, PDM_READ, &host), PDM_OK);
    memcpy(a.g_basis, (float *)host + s * a.n_basis, (size_t)a.n_basis * sizeof *a.g_basis);
    ck_assert_int_eq(b->ops->release(b, g_basis, &host), PDM_OK);
    b->ops->buffer_destroy(b, &g_c);
    b->ops->buffer_destroy(b, &g_basis);
    pdm_implicit_destroy(&implicit);
    free(c);
    return a;
}

static double distance(const answer *a, const answer *b, pdm_size n)
{
    double difference = 0.0, size = 0.0;
    for (pdm_size i = 0; i < n; i++) {
        difference = fmax(difference, fabs(a->c[i] - b->c[i]));
        size       = fmax(size, fabs(b->c[i]));
    }
    return difference / (size + 1e-300);
}

static double gradient_distance(const answer *a, const answer *b)
{
    double difference = 0.0, size = 0.0;
    for (pdm_size i = 0; i < a->n_basis; i++) {
        difference += pow((double)a->g_basis[i] - (double)b->g_basis[i], 2.0);
        size += pow((double)b->g_basis[i], 2.0);
    }
    ck_assert_double_gt(size, 0.0);
    return sqrt(difference / size);
}

/* Sweeps for some whose sweeps are few; not where one expert has all elements of a box of few and the others no rows. */
static bool is_worth_it(int number, kind k)
{
    if (k == KIND_SWEEPS) return number == PROBLEM_HEAT || number == PROBLEM_SYSTEM || number == PROBLEM_VORTICITY;
    return k != KIND_ALONE || number != PROBLEM_SPACE3;
}

/* The same numbers to rounding: blocks merge differently without the columns, otherwise the operations are the same
 * ones. 64 roundings for up to 20 iterations; 2e-14 and less in c and 3e-10 in the gradient (FP32) were measured. */
START_TEST(off_is_as_good_as_gone)
    {
        fixture f;
        answer  chosen[N_SAMPLE];
        if (!is_worth_it(_i / KIND_COUNT, (kind)(_i % KIND_COUNT))) return;
        open_fixture(&f, _i / KIND_COUNT, (kind)(_i % KIND_COUNT), "cpu", 2);
        ck_assert_int_eq(pdm_solver_select(f.solver, problem_batch(&f.p), f.on, f.ridge), PDM_OK);
        solve(&f);
        for (int s = 0; s < N_SAMPLE; s++) chosen[s] = answer_of(&f, s);
        for (int s = 0; s < N_SAMPLE; s++) {
            fixture        gone;
            const pdm_size n = f.n_column;
            open_experts(&gone, _i / KIND_COUNT, (kind)(_i % KIND_COUNT), "cpu", 2);
            gone.ridge = calloc((size_t)(N_SAMPLE * n + 1), sizeof(double));
            memcpy(gone.ridge, f.ridge + s * n, (size_t)n * sizeof(double));
            removed r = take_away(&gone, f.on + s * n, gone.ridge);
            ck_assert_int_lt(gone.n_column, n);
            for (pdm_size k = 1; k < N_SAMPLE; k++)
                memmove(gone.ridge + k * gone.n_column, gone.ridge, (size_t)gone.n_column * sizeof(double));
            open_solver(&gone);
            ck_assert_int_eq(pdm_solver_select(gone.solver, problem_batch(&gone.p), NULL, gone.ridge), PDM_OK);
            solve(&gone);
            answer       alone = answer_of(&gone, s);
            const double d = distance(&chosen[s], &alone, f.p.c_size), g = gradient_distance(&chosen[s], &alone);
            ck_assert_msg(d <= 1e-12, "%s, sample %d: c differs by %g", problem_name(f.p.number), s, d);
            ck_assert_msg(g <= 1e-8, "%s, sample %d: the gradient differs by %g", problem_name(f.p.number), s, g);
            ck_assert_double_le(fabs(chosen[s].objective - alone.objective), 1e-12 * alone.objective);
            free(alone.c), free(alone.g_basis), free(r.channel), free(r.prior);
            close_fixture(&gone);
        }
        for (int s = 0; s < N_SAMPLE; s++) free(chosen[s].c), free(chosen[s].g_basis);
        close_fixture(&f);
    }
END_TEST

/* All columns chosen one by one, and all after a choice of some: the same bits as without any choice. */
START_TEST(all_is_no_choice)
    {
        fixture f;
        double *c[3];
        open_fixture(&f, _i, KIND_MANY, "cpu", 2);
        solve(&f);
        c[0] = get(&f, pdm_solver_lend(f.solver)->c, f.n_c);
        ck_assert_int_eq(pdm_solver_select(f.solver, problem_batch(&f.p), f.on, NULL), PDM_OK);
        solve(&f);
        ck_assert_int_eq(pdm_solver_select(f.solver, problem_batch(&f.p), NULL, NULL), PDM_OK);
        solve(&f);
        c[1] = get(&f, pdm_solver_lend(f.solver)->c, f.n_c);
        memset(f.on, 1, (size_t)(N_SAMPLE * f.n_column));
        ck_assert_int_eq(pdm_solver_select(f.solver, problem_batch(&f.p), f.on, NULL), PDM_OK);
        solve(&f);
        c[2] = get(&f, pdm_solver_lend(f.solver)->c, f.n_c);
        for (int k = 1; k < 3; k++) ck_assert_int_eq(memcmp(c[0], c[k], (size_t)f.n_c * sizeof(double)), 0);
        for (int k = 0; k < 3; k++) free(c[k]);
        close_fixture(&f);
    }
END_TEST

/* One thread, two, the check and the bare back end: the same bits. */
START_TEST(same_bits_for_threads_and_back_ends)
    {
        static const char *const backend[4] = {"cpu", "cpu", "check", "bare"};
        double                  *c[4];
        pdm_size                 n = 0;
        if (!problem_on_cpu()) return;
        for (int k = 0; k < 4; k++) {
            fixture f;
            open_fixture(&f, _i, KIND_MANY, backend[k], k ? 2 : 1);
            ck_assert_int_eq(pdm_solver_select(f.solver, problem_batch(&f.p), f.on, f.ridge), PDM_OK);
            solve(&f);
            n    = f.n_c;
            c[k] = get(&f, pdm_solver_lend(f.solver)->c, n);
            close_fixture(&f);
        }
        for (int k = 1; k < 4; k++) ck_assert_int_eq(memcmp(c[0], c[k], (size_t)n * sizeof(double)), 0);
        for (int k = 0; k < 4; k++) free(c[k]);
    }
END_TEST

/* A sample without any column is its lift, after one iteration, and has no gradient; its companions are as before. */
START_TEST(none_is_the_lift)
    {
        fixture f;
        open_fixture(&f, _i, KIND_SMOOTH, "cpu", 1);
        ck_assert_int_eq(pdm_solver_select(f.solver, problem_batch(&f.p), f.on, f.ridge), PDM_OK);
        solve(&f);
        double *before = get(&f, pdm_solver_lend(f.solver)->c, f.n_c);
        memset(f.on + f.n_column, 0, (size_t)f.n_column);
        ck_assert_int_eq(pdm_solver_select(f.solver, problem_batch(&f.p), f.on, f.ridge), PDM_OK);
        solve(&f);
        double *after = get(&f, pdm_solver_lend(f.solver)->c, f.n_c), *lift = get(&f, f.p.lift, f.n_c),
               *w = get(&f, pdm_solver_lend(f.solver)->w, N_SAMPLE * f.n_column);
        for (int s = 0; s < N_SAMPLE; s++)
            ck_assert_int_eq(memcmp(after + s * f.p.c_size, (s == 1 ? lift : before) + s * f.p.c_size,
                                    (size_t)f.p.c_size * sizeof(double)),
                             0);
        ck_assert_int_eq(pdm_solver_results(f.solver)[1].iterations, 1);
        for (pdm_size i = 0; i < N_SAMPLE * f.n_column; i++) ck_assert(f.on[i] || w[i] == 0.0);
        answer a = answer_of(&f, 1);
        for (pdm_size i = 0; i < a.n_basis; i++) ck_assert(a.g_basis[i] == 0.0f);
        free(a.c), free(a.g_basis), free(before), free(after), free(lift), free(w);
        close_fixture(&f);
    }
END_TEST

/* Identity columns are all there. */
START_TEST(free_coefficients_have_no_choice)
    {
        fixture      f;
        pdm_experts *x = NULL;
        pdm_solver  *s = NULL;
        open_fixture(&f, PROBLEM_HEAT, KIND_HARD, "cpu", 1);
        const pdm_solver_settings settings = {.tolerance = 1e-8, .damping = 1e-4, .max_iter = 10};
        ck_assert_int_eq(pdm_experts_create_free(f.p.ctx, f.p.domain, 12, &x), PDM_OK);
        ck_assert_int_eq(pdm_solver_create(f.p.ctx, f.p.backend, &settings, f.p.domain, x, N_SAMPLE, &s), PDM_OK);
        ck_assert_int_eq(pdm_solver_select(s, problem_batch(&f.p), f.on, NULL), PDM_ERR_INTERNAL);
        pdm_solver_destroy(&s);
        pdm_experts_destroy(&x);
        close_fixture(&f);
    }
END_TEST

/* Worth against what it claims to be, in linear problems: objectives of solves without the last columns of one expert.
 * The shift by 1e-10 of the diagonal differs, 5e-6 of the minimum at most. */
START_TEST(worth_is_what_objectives_rise_by)
    {
        static const int linear[] = {PROBLEM_HEAT, PROBLEM_POISSON, PROBLEM_WAVE};
        fixture          f;
        pdm_buffer      *worth = NULL;
        double           least[N_SAMPLE], phi[N_SAMPLE];
        open_fixture(&f, linear[_i / 3], (kind)(_i % 3), "cpu", 2);
        const pdm_batch         all   = problem_batch(&f.p);
        const pdm_solver_state *st    = pdm_solver_lend(f.solver);
        const pdm_size         *first = pdm_experts_column0(f.experts);
        ck_assert_int_eq(pdm_solver_select(f.solver, all, f.on, NULL), PDM_OK); /* from where some are off */
        solve(&f);
        ck_assert_int_eq(pdm_solver_linearise(f.solver, all, &f.p.data, false), PDM_OK);
        ck_assert_int_eq(
            f.p.backend->ops->buffer_create(f.p.backend, (size_t)(N_SAMPLE * f.n_column) * sizeof(double), &worth),
            PDM_OK);
        ck_assert_int_eq(pdm_solver_worth(f.solver, all, f.basis, NULL, worth, least), PDM_OK);
        double *each = get(&f, worth, N_SAMPLE * f.n_column);
        ck_assert_int_eq(st->n_column, f.n_column);
        solve(&f);
        for (int s = 0; s < N_SAMPLE; s++) {
            phi[s] = pdm_solver_results(f.solver)[s].objective;
            ck_assert_double_le(fabs(least[s] - phi[s]), 1e-4 * phi[s]);
        }
        for (int k = 0; k < 6; k++) {
            const pdm_size e = k % pdm_experts_columns(f.experts)->n_expert, n = first[e + 1] - first[e],
                           from = n * k / 7;
            memset(f.on, 1, (size_t)(N_SAMPLE * f.n_column));
            for (int s = 0; s < N_SAMPLE; s++)
                for (pdm_size i = first[e] + from; i < first[e + 1]; i++) f.on[s * f.n_column + i] = 0;
            ck_assert_int_eq(pdm_solver_select(f.solver, all, f.on, NULL), PDM_OK);
            solve(&f);
            for (int s = 0; s < N_SAMPLE; s++) {
                double sum = 0.0;
                for (pdm_size i = first[e] + from; i < first[e + 1]; i++) sum += each[s * f.n_column + i];
                const double rise = pdm_solver_results(f.solver)[s].objective - phi[s];
                ck_assert_msg(fabs(rise - sum) <= 1e-4 * (rise + phi[s]), "%s, expert %d from %d: %g, not %g",
                              problem_name(f.p.number), (int)e, (int)from, sum, rise);
            }
        }
        free(each);
        f.p.backend->ops->buffer_destroy(f.p.backend, &worth);
        close_fixture(&f);
    }
END_TEST

/* The same where some columns of an expert come before the others: what the others of an expert are worth together. */
START_TEST(worth_of_the_rest_is_what_it_adds_to_the_preferred)
    {
        static const int linear[] = {PROBLEM_HEAT, PROBLEM_POISSON, PROBLEM_WAVE};
        fixture          f;
        pdm_buffer      *worth = NULL;
        double           least[N_SAMPLE], phi[N_SAMPLE];
        open_fixture(&f, linear[_i / 3], (kind)(_i % 3), "cpu", 2);
        const pdm_batch all   = problem_batch(&f.p);
        const pdm_size *first = pdm_experts_column0(f.experts), n_on = N_SAMPLE * f.n_column;
        unsigned char  *preferred = malloc((size_t)n_on);
        memcpy(preferred, f.on, (size_t)n_on);
        ck_assert_int_eq(pdm_solver_select(f.solver, all, NULL, NULL), PDM_OK);
        solve(&f);
        for (int s = 0; s < N_SAMPLE; s++) phi[s] = pdm_solver_results(f.solver)[s].objective;
        ck_assert_int_eq(pdm_solver_linearise(f.solver, all, &f.p.data, false), PDM_OK);
        ck_assert_int_eq(f.p.backend->ops->buffer_create(f.p.backend, (size_t)n_on * sizeof(double), &worth), PDM_OK);
        ck_assert_int_eq(pdm_solver_worth(f.solver, all, f.basis, preferred, worth, least), PDM_OK);
        double *each = get(&f, worth, n_on);
        for (pdm_size e = 0; e < pdm_experts_columns(f.experts)->n_expert; e++) {
            memset(f.on, 1, (size_t)n_on);
            for (int s = 0; s < N_SAMPLE; s++)
                for (pdm_size i = s * f.n_column + first[e]; i < s * f.n_column + first[e + 1]; i++)
                    f.on[i] = preferred[i];
            ck_assert_int_eq(pdm_solver_select(f.solver, all, f.on, NULL), PDM_OK);
            solve(&f);
            for (int s = 0; s < N_SAMPLE; s++) {
                double sum = 0.0;
                for (pdm_size i = first[e]; i < first[e + 1]; i++)
                    if (!preferred[s * f.n_column + i]) sum += each[s * f.n_column + i];
                const double rise = pdm_solver_results(f.solver)[s].objective - phi[s];
                ck_assert_msg(fabs(rise - sum) <= 1e-4 * (rise + phi[s]), "%s, expert %d: %g, not %g",
                              problem_name(f.p.number), (int)e, sum, rise);
            }
        }
        free(each), free(preferred);
        f.p.backend->ops->buffer_destroy(f.p.backend, &worth);
        close_fixture(&f);
    }
END_TEST

int main(void)
{
    Suite *s = suite_create("select");
    TCase *t = tcase_create("select");
    tcase_set_timeout(t, 60.0);
    tcase_add_loop_test(t, off_is_as_good_as_gone, 0, KIND_COUNT * PROBLEM_COUNT);
    tcase_add_loop_test(t, all_is_no_choice, 0, PROBLEM_COUNT);
    tcase_add_loop_test(t, same_bits_for_threads_and_back_ends, 0, PROBLEM_COUNT);
    tcase_add_loop_test(t, none_is_the_lift, 0, PROBLEM_COUNT);
    tcase_add_loop_test(t, worth_is_what_objectives_rise_by, 0, 9);
    tcase_add_loop_test(t, worth_of_the_rest_is_what_it_adds_to_the_preferred, 0, 9);
    tcase_add_test(t, free_coefficients_have_no_choice);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
