/* Learned windows: the softmax and its backward; the backward of columns to windows, on every back end and any number
 * of threads; the derivative through the solve; windows that vanish; models that learn them. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "implicit_diff/implicit_diff.h"
#include "tests/problems.h"
#include "tests/prediction.h"

enum { N_SAMPLE = 2 };
static const double WEIGHT[N_SAMPLE] = {0.7, 0.4}, NO_WEIGHT[N_SAMPLE] = {0.0}; /* of objectives in the loss */
typedef enum loss { LOSS_OBJECTIVE, LOSS_MISFIT, LOSS_BOTH, LOSS_COUNT } loss;

typedef struct chain {
    problem       p;
    pdm_experts  *experts;
    pdm_solver   *solver;
    pdm_implicit *implicit;
    pdm_buffer   *basis, *g_basis, *g_c, *g_window;
    pdm_size      n_c, n_window;
    loss          kind;
} chain;

static double number(uint64_t stream, pdm_size i)
{
    return pdm_random_normal((pdm_random_key){91, PDM_RANDOM_TEST, stream}, (uint64_t)i);
}

static pdm_buffer *buffer_of(chain *k, size_t bytes)
{
    pdm_buffer *b = NULL;
    ck_assert_int_eq(k->p.backend->ops->buffer_create(k->p.backend, bytes, &b), PDM_OK);
    return b;
}

static void open_experts(chain *k, int which, const char *backend, int n_thread, const char *experts,
                         const char *partition, const char *overlap)
{
    *k = (chain){0};
    problem_open_threads(&k->p, which, backend, N_SAMPLE, n_thread);
    const char *const set[][3] = {{"experts", "basis", "3"},
                                  {"experts", "partition", partition},
                                  {"experts", "overlap", overlap},
                                  {"domain/x", "experts", experts}};
    for (size_t i = 0; i < sizeof set / sizeof *set; i++)
        ck_assert_int_eq(pdm_case_set_text(k->p.the_case, set[i][0], set[i][1], set[i][2]), PDM_OK);
    ck_assert_msg(pdm_experts_create(k->p.ctx, k->p.the_case, k->p.domain, NULL, &k->experts) == PDM_OK, "%s",
                  pdm_context_error(k->p.ctx));
    k->n_c      = N_SAMPLE * k->p.c_size;
    k->n_window = pdm_experts_n_window(k->experts);
}

static void open_solver(chain *k, pdm_mode mode)
{
    const pdm_solver_settings settings = {.mode          = (int)mode,
                                          .tolerance     = 1e-13,
                                          .ridge         = 1e-3,
                                          .damping       = 1e-4,
                                          .max_iter      = 500,
                                          .cg_tolerance  = 1e-10,
                                          .cg_iterations = 5000};
    pdm_backend              *b        = k->p.backend;
    const pdm_size n    = N_SAMPLE * pdm_experts_columns(k->experts)->n_channel * pdm_domain_n_coef(k->p.domain);
    void          *host = NULL;
    problem_random_state(&k->p, 21);
    ck_assert_int_eq(pdm_solver_create(k->p.ctx, b, &settings, k->p.domain, k->experts, N_SAMPLE, &k->solver), PDM_OK);
    ck_assert_int_eq(pdm_implicit_create(k->p.ctx, b, k->solver, 1e-12, &k->implicit), PDM_OK);
    k->basis    = buffer_of(k, (size_t)n * sizeof(float));
    k->g_basis  = buffer_of(k, (size_t)n * sizeof(float));
    k->g_c      = buffer_of(k, (size_t)k->n_c * sizeof(double));
    k->g_window = buffer_of(k, (size_t)k->n_window * sizeof(double));
    ck_assert_int_eq(b->ops->acquire(b, k->basis, PDM_WRITE, &host), PDM_OK);
    for (pdm_size i = 0; i < n; i++) ((float *)host)[i] = (float)number(1, i);
    ck_assert_int_eq(b->ops->release(b, k->basis, &host), PDM_OK);
}

static void close_chain(chain *k)
{
    pdm_buffer **buffer[] = {&k->basis, &k->g_basis, &k->g_c, &k->g_window};
    for (size_t i = 0; i < sizeof buffer / sizeof *buffer; i++)
        k->p.backend->ops->buffer_destroy(k->p.backend, buffer[i]);
    pdm_implicit_destroy(&k->implicit);
    pdm_solver_destroy(&k->solver);
    pdm_experts_destroy(&k->experts);
    problem_close(&k->p);
}

/* Logits away from where they start. */
static void stir(chain *k)
{
    const pdm_weights s = pdm_experts_logits(k->experts);
    for (pdm_size i = 0; i < s.n; i++) s.parameter[i] += 0.5 * number(2, i);
    pdm_experts_put_windows(k->experts);
    if (k->solver) ck_assert_int_eq(pdm_solver_take_windows(k->solver), PDM_OK);
}

static const pdm_random_key DIRECTION = {91, PDM_RANDOM_TEST, 5};

static double *copy_of(const double *x, pdm_size n)
{
    double *out = calloc((size_t)n + 1, sizeof *out);
    memcpy(out, x, (size_t)n * sizeof *out);
    return out;
}

/* The windows of all groups, one behind the other. */
static double *windows_of(const pdm_experts *x)
{
    const pdm_columns_desc *d   = pdm_experts_columns(x);
    double                 *out = calloc((size_t)pdm_experts_n_window(x) + 1, sizeof *out), *to = out;
    for (pdm_size g = 0; g < d->n_expert * d->n_field; g++) {
        memcpy(to, d->group[g].window, (size_t)d->group[g].n_coef * sizeof *to);
        to += d->group[g].n_coef;
    }
    return out;
}

/* ---- softmax ---- */

static const struct {
    int         problem;
    const char *experts, *overlap;
} layouts[] = {{PROBLEM_HEAT, "3", "4"},      {PROBLEM_SYSTEM, "3", "3"}, {PROBLEM_BURGERS, "2", "4"},
               {PROBLEM_BURGERS, "9", "64"},  {PROBLEM_SPACE3, "2", "2"}, {PROBLEM_WAVE, "3", "3"},
               {PROBLEM_POSITIVE, "3", "3.5"}};
enum { N_LAYOUT = sizeof layouts / sizeof *layouts };

/* At first they are the smooth ones, of the same experts at the same control points; wherever logits go, they are a
 * partition of unity, and all groups of an expert, whatever the field, have the same window at a control point. */
START_TEST(windows_start_smooth_and_stay_a_partition)
    {
        chain smooth, learned;
        open_experts(&smooth, layouts[_i].problem, "cpu", 1, layouts[_i].experts, "smooth", layouts[_i].overlap);
        open_experts(&learned, layouts[_i].problem, "cpu", 1, layouts[_i].experts, "learned", layouts[_i].overlap);
        const pdm_columns_desc *d = pdm_experts_columns(learned.experts), *e = pdm_experts_columns(smooth.experts);
        double                 *sum     = calloc((size_t)learned.p.c_size, sizeof *sum);
        double                 *first   = calloc((size_t)d->n_coef, sizeof *first);
        const unsigned char    *is_free = pdm_domain_free(learned.p.domain);
        ck_assert_int_eq(learned.n_window, smooth.n_window);
        ck_assert_int_eq(pdm_experts_logits(smooth.experts).n, 0);
        ck_assert_int_gt(pdm_experts_logits(learned.experts).n, 0);
        for (pdm_size g = 0; g < d->n_expert * d->n_field; g++)
            for (pdm_size i = 0; i < d->group[g].n_coef; i++) {
                ck_assert_int_eq(d->group[g].coef[i], e->group[g].coef[i]);
                ck_assert_double_eq_tol(d->group[g].window[i], e->group[g].window[i], 1e-14);
            }
        stir(&learned);
        double moved = 0.0;
        for (pdm_size k = 0; k < d->n_expert; k++) {
            for (pdm_size i = 0; i < d->n_coef; i++) first[i] = -1.0;
            for (pdm_size f = 0; f < d->n_field; f++) {
                const pdm_column_group *g = &d->group[k * d->n_field + f];
                for (pdm_size i = 0; i < g->n_coef; i++) {
                    const int32_t c = g->coef[i];
                    ck_assert_double_gt(g->window[i], 0.0);
                    ck_assert(first[c] < 0.0 || first[c] == g->window[i]);
                    first[c] = g->window[i];
                    sum[f * d->n_coef + c] += g->window[i];
                    moved = fmax(moved, fabs(g->window[i] - e->group[k * d->n_field + f].window[i]));
                }
            }
        }
        ck_assert_double_gt(moved, 0.01);
        for (pdm_size i = 0; i < learned.p.c_size; i++) ck_assert_double_eq_tol(sum[i], is_free[i] ? 1.0 : 0.0, 1e-14);
        free(sum), free(first);
        close_chain(&smooth);
        close_chain(&learned);
    }
END_TEST

static double windows_loss(void *user)
{
    chain *k   = user;
    double sum = 0.0;
    pdm_experts_put_windows(k->experts);
    double *w = windows_of(k->experts);
    for (pdm_size i = 0; i < k->n_window; i++) sum += (number(3, i) + 0.5 * w[i]) * w[i];
    free(w);
    return sum;
}

START_TEST(softmax_passes_the_taylor_test)
    {
        chain k;
        open_experts(&k, layouts[_i].problem, "cpu", 1, layouts[_i].experts, "learned", layouts[_i].overlap);
        stir(&k);
        const pdm_weights s        = pdm_experts_logits(k.experts);
        double           *g_window = windows_of(k.experts);
        for (pdm_size i = 0; i < k.n_window; i++) g_window[i] += number(3, i);
        pdm_experts_windows_backward(k.experts, g_window);
        double      *g     = copy_of(s.gradient, s.n);
        const double slope = taylor_slope(windows_loss, &k, DIRECTION, s.parameter, g, s.n, 0.02);
        ck_assert_msg(fabs(slope - 2.0) < 0.1, "slope %.3f", slope);
        pdm_experts_windows_backward(k.experts, g_window); /* adds */
        for (pdm_size i = 0; i < s.n; i++) ck_assert_double_eq_tol(s.gradient[i], 2.0 * g[i], 1e-13);
        free(g), free(g_window);
        close_chain(&k);
    }
END_TEST

/* One expert, or none within reach of another: no logits, and windows of one. */
START_TEST(experts_that_share_nothing_have_no_logits)
    {
        chain k;
        open_experts(&k, PROBLEM_HEAT, "cpu", 1, _i ? "2" : "1", "learned", _i ? "0.5" : "4");
        ck_assert_int_eq(pdm_experts_logits(k.experts).n, 0);
        ck_assert_int_eq(pdm_experts_n_shared(k.experts), 0);
        pdm_experts_put_windows(k.experts);
        double *w = windows_of(k.experts);
        for (pdm_size i = 0; i < k.n_window; i++) ck_assert_double_eq(w[i], 1.0);
        pdm_experts_windows_backward(k.experts, w);
        free(w);
        close_chain(&k);
    }
END_TEST

/* ---- columns ---- */

/* sum over samples of p.(C w) - q.(C lambda), for the windows in the experts' description; p, q, w, lambda as below. */
static pdm_buffer *p_of, *q_of, *w_of, *lambda_of, *c_of;
static double      columns_loss(void *user)
{
    chain                  *k     = user;
    pdm_backend            *b     = k->p.backend;
    const pdm_batch         batch = problem_batch(&k->p);
    const pdm_solver_state *st    = pdm_solver_lend(k->solver);
    double                  part[N_SAMPLE], sum = 0.0;
    ck_assert_int_eq(pdm_solver_take_windows(k->solver), PDM_OK);
    ck_assert_int_eq(b->ops->columns_build(b, st->columns, batch, k->basis), PDM_OK);
    for (int side = 0; side < 2; side++) {
        ck_assert_int_eq(b->ops->columns_expand(b, st->columns, batch, side ? lambda_of : w_of, NULL, c_of), PDM_OK);
        ck_assert_int_eq(pdm_vector_dot(b, batch, st->c_size, side ? q_of : p_of, c_of, NULL, part), PDM_OK);
        for (int s = 0; s < N_SAMPLE; s++) sum += side ? -part[s] : part[s];
    }
    return sum;
}

static pdm_buffer *random_buffer(chain *k, pdm_size n, uint64_t stream)
{
    pdm_buffer *b = buffer_of(k, (size_t)n * sizeof(double));
    double     *x = calloc((size_t)n, sizeof *x);
    for (pdm_size i = 0; i < n; i++) x[i] = number(stream, i);
    problem_put(&k->p, b, x, n);
    free(x);
    return b;
}

static void open_columns(chain *k, int which, const char *backend, int n_thread)
{
    open_experts(k, which, backend, n_thread, "3", "learned", "3");
    open_solver(k, PDM_MODE_COUPLED);
    stir(k);
    const pdm_size n_column = N_SAMPLE * pdm_experts_n_column(k->experts);
    p_of                    = random_buffer(k, k->n_c, 11);
    q_of                    = random_buffer(k, k->n_c, 12);
    w_of                    = random_buffer(k, n_column, 13);
    lambda_of               = random_buffer(k, n_column, 14);
    c_of                    = random_buffer(k, k->n_c, 15);
}

static void close_columns(chain *k)
{
    pdm_buffer **buffer[] = {&p_of, &q_of, &w_of, &lambda_of, &c_of};
    for (size_t i = 0; i < sizeof buffer / sizeof *buffer; i++)
        k->p.backend->ops->buffer_destroy(k->p.backend, buffer[i]);
    close_chain(k);
}

/* g_window for these; with_q: with q and lambda. */
static double *columns_gradient(chain *k, pdm_batch batch, bool with_q)
{
    pdm_backend *b = k->p.backend;
    double      *g = calloc((size_t)k->n_window, sizeof *g);
    for (pdm_size i = 0; i < k->n_window; i++) g[i] = NAN; /* overwritten */
    problem_put(&k->p, k->g_window, g, k->n_window);
    ck_assert_int_eq(b->ops->columns_windows_backward(b, pdm_solver_lend(k->solver)->columns, batch, k->basis, p_of,
                                                      w_of, with_q ? q_of : NULL, with_q ? lambda_of : NULL,
                                                      k->g_window),
                     PDM_OK);
    problem_get(&k->p, k->g_window, g, k->n_window);
    return g;
}

/* Half of the columns, others for each sample. */
static void choose_half(chain *k)
{
    const pdm_size n  = pdm_experts_n_column(k->experts);
    unsigned char *on = calloc((size_t)(N_SAMPLE * n), 1);
    for (pdm_size i = 0; i < N_SAMPLE * n; i++) on[i] = number(16, i) > 0.0;
    ck_assert_int_eq(
        k->p.backend->ops->columns_select(k->p.backend, pdm_solver_lend(k->solver)->columns, problem_batch(&k->p), on),
        PDM_OK);
    free(on);
}

static const int column_problems[] = {PROBLEM_HEAT, PROBLEM_SYSTEM, PROBLEM_BURGERS, PROBLEM_SPACE3, PROBLEM_WAVE};
enum { N_COLUMN_PROBLEM = sizeof column_problems / sizeof *column_problems };

/* All columns, and half of them; and as columns have unit length,
 * what is common to all windows of a group does nothing. */
START_TEST(columns_pass_the_taylor_test_in_windows)
    {
        chain k;
        open_columns(&k, column_problems[_i / 4], _i % 2 ? "check" : "cpu", 1);
        if (_i / 2 % 2) choose_half(&k);
        columns_loss(&k);
        const pdm_columns_desc *d      = pdm_experts_columns(k.experts);
        double                 *g      = columns_gradient(&k, problem_batch(&k.p), true);
        double                 *window = (double *)d->group[0].window; /* all groups, one behind the other */
        const double            slope  = taylor_slope(columns_loss, &k, DIRECTION, window, g, k.n_window, 0.01);
        ck_assert_msg(fabs(slope - 2.0) < 0.1, "slope %.3f", slope);
        for (pdm_size e = 0, at = 0; e < d->n_expert * d->n_field; e++) {
            double along = 0.0, size = 0.0;
            for (pdm_size i = 0; i < d->group[e].n_coef; i++, at++) {
                along += window[at] * g[at];
                size += fabs(window[at] * g[at]);
            }
            ck_assert_double_le(fabs(along), 1e-13 * size);
        }
        free(g);
        close_columns(&k);
    }
END_TEST

/* Without q it is that of p w^T alone; samples add up, and without any there are zeros. */
START_TEST(samples_add_up_in_windows)
    {
        static const int32_t one[] = {0, 1};
        chain                k;
        open_columns(&k, PROBLEM_SYSTEM, "check", 1);
        columns_loss(&k);
        double *both   = columns_gradient(&k, problem_batch(&k.p), false);
        double *a      = columns_gradient(&k, (pdm_batch){1, one}, false),
               *b      = columns_gradient(&k, (pdm_batch){1, one + 1}, false);
        double *none   = columns_gradient(&k, (pdm_batch){0, one}, false),
               *all    = columns_gradient(&k, problem_batch(&k.p), true);
        double differs = 0.0;
        for (pdm_size i = 0; i < k.n_window; i++) {
            ck_assert_double_eq_tol(both[i], a[i] + b[i], 1e-12 * (fabs(a[i]) + fabs(b[i]) + 1.0));
            ck_assert_double_eq(none[i], 0.0);
            differs = fmax(differs, fabs(all[i] - both[i]));
        }
        ck_assert_double_gt(differs, 1e-3);
        free(both), free(a), free(b), free(none), free(all);
        close_columns(&k);
    }
END_TEST

START_TEST(windows_have_the_same_bits_for_any_number_of_threads)
    {
        double *g[3];
        chain   k;
        for (int t = 0; t < 3; t++) {
            open_columns(&k, column_problems[_i], t == 2 ? "check" : "cpu", t == 1 ? 4 : 1);
            columns_loss(&k);
            g[t] = columns_gradient(&k, problem_batch(&k.p), true);
            close_columns(&k);
        }
        for (int t = 1; t < 3; t++) ck_assert_int_eq(memcmp(g[0], g[t], (size_t)k.n_window * sizeof(double)), 0);
        for (int t = 0; t < 3; t++) free(g[t]);
    }
END_TEST

/* A back end has windows of its own: what is written into the description counts once it has been handed over. */
START_TEST(windows_are_taken_when_they_are_handed_over)
    {
        chain k;
        open_columns(&k, PROBLEM_HEAT, _i ? "check" : "cpu", 1);
        pdm_backend            *b     = k.p.backend;
        const pdm_solver_state *st    = pdm_solver_lend(k.solver);
        const double            first = columns_loss(&k);
        double                  part[N_SAMPLE];
        ((double *)pdm_experts_columns(k.experts)->group[0].window)[0] *= 0.5;
        for (int pass = 0; pass < 2; pass++) {
            ck_assert_int_eq(b->ops->columns_build(b, st->columns, problem_batch(&k.p), k.basis), PDM_OK);
            ck_assert_int_eq(b->ops->columns_expand(b, st->columns, problem_batch(&k.p), w_of, NULL, c_of), PDM_OK);
            ck_assert_int_eq(pdm_vector_dot(b, problem_batch(&k.p), st->c_size, p_of, c_of, NULL, part), PDM_OK);
            static double kept;
            if (pass == 0) {
                kept = part[0];
                ck_assert_double_ne(columns_loss(&k), first);
            } else
                ck_assert_double_ne(part[0], kept);
        }
        close_columns(&k);
    }
END_TEST

/* ---- through the solve ---- */

static double chain_loss(void *user)
{
    chain *k   = user;
    double sum = 0.0, *c = calloc((size_t)k->n_c, sizeof *c);
    pdm_experts_put_windows(k->experts);
    ck_assert_int_eq(pdm_solver_take_windows(k->solver), PDM_OK);
    ck_assert_int_eq(pdm_solver_solve(k->solver, problem_batch(&k->p), &k->p.data, k->basis, k->p.lift, PDM_START_ZERO),
                     PDM_OK);
    for (int s = 0; s < N_SAMPLE; s++) {
        const pdm_solve_result *r = &pdm_solver_results(k->solver)[s];
        ck_assert_msg(pdm_reason_is_good(r->reason), "%s: %s", problem_name(k->p.number), pdm_reason_text(r->reason));
        if (k->kind != LOSS_MISFIT) sum += WEIGHT[s] * r->objective;
    }
    problem_get(&k->p, pdm_solver_lend(k->solver)->c, c, k->n_c);
    for (pdm_size i = 0; i < k->n_c && k->kind != LOSS_OBJECTIVE; i++) {
        const double weight = pdm_random_uniform((pdm_random_key){33, PDM_RANDOM_TEST, 0}, (uint64_t)i);
        sum += 0.5 * weight * c[i] * c[i];
        c[i] *= weight;
    }
    problem_put(&k->p, k->g_c, c, k->n_c);
    free(c);
    return sum;
}

/* The logits' gradient, of a solve that has been done. Copied. */
static double *chain_gradient(chain *k)
{
    const pdm_weights s    = pdm_experts_logits(k->experts);
    pdm_backend      *b    = k->p.backend;
    void             *host = NULL;
    ck_assert_int_eq(pdm_implicit_backward(k->implicit, problem_batch(&k->p), &k->p.data,
                                           k->kind == LOSS_MISFIT ? NO_WEIGHT : WEIGHT,
                                           k->kind == LOSS_OBJECTIVE ? NULL : k->g_c, k->g_basis),
                     PDM_OK);
    for (int i = 0; i < N_SAMPLE; i++) ck_assert(pdm_implicit_results(k->implicit)[i].converged);
    ck_assert_int_eq(pdm_implicit_windows(k->implicit, problem_batch(&k->p), k->basis, k->g_window), PDM_OK);
    memset(s.gradient, 0, (size_t)s.n * sizeof *s.gradient);
    ck_assert_int_eq(b->ops->acquire(b, k->g_window, PDM_READ, &host), PDM_OK);
    pdm_experts_windows_backward(k->experts, host);
    ck_assert_int_eq(b->ops->release(b, k->g_window, &host), PDM_OK);
    return copy_of(s.gradient, s.n);
}

static double chain_slope(chain *k)
{
    const pdm_weights s = pdm_experts_logits(k->experts);
    chain_loss(k);
    double      *g     = chain_gradient(k);
    const double slope = taylor_slope(chain_loss, k, DIRECTION, s.parameter, g, s.n, 0.005);
    free(g);
    return slope;
}

/* Problems of every kind, each loss. */
START_TEST(logits_pass_the_taylor_test_through_the_solve)
    {
        chain     k;
        const int which = _i / LOSS_COUNT;
        open_experts(&k, which, "cpu", 1, "3", "learned", "3");
        open_solver(&k, PDM_MODE_COUPLED);
        stir(&k);
        k.kind             = (loss)(_i % LOSS_COUNT);
        const double slope = chain_slope(&k);
        ck_assert_msg(fabs(slope - 2.0) <= 0.1, "%s, loss %d: slope %.3f", problem_name(which), _i % LOSS_COUNT, slope);
        close_chain(&k);
    }
END_TEST

START_TEST(logits_pass_the_taylor_test_after_sweeps)
    {
        static const int problems[] = {PROBLEM_SORPTION, PROBLEM_SYSTEM};
        chain            k;
        open_experts(&k, problems[_i / LOSS_COUNT], "cpu", 1, "2", "learned", "3");
        open_solver(&k, PDM_MODE_SCHWARZ);
        stir(&k);
        k.kind             = (loss)(_i % LOSS_COUNT);
        const double slope = chain_slope(&k);
        ck_assert_msg(fabs(slope - 2.0) <= 0.1, "%s, loss %d: slope %.3f", problem_name(k.p.number), _i % LOSS_COUNT,
                      slope);
        close_chain(&k);
    }
END_TEST

/* An expert that has lost all its control points (its logits underflow), or nearly all of each (windows about the floor
 * under the norm): finite everywhere, weights of zero, no gradient; and the others have what it lost. */
START_TEST(windows_that_vanish_leave_nothing_behind)
    {
        static const double least[] = {-2000.0, -36.0, -32.0};
        chain               k;
        open_experts(&k, PROBLEM_SYSTEM, "cpu", 1, "3", "learned", "64"); /* all share all */
        open_solver(&k, PDM_MODE_COUPLED);
        const pdm_weights       s = pdm_experts_logits(k.experts);
        const pdm_columns_desc *d = pdm_experts_columns(k.experts);
        k.kind                    = LOSS_BOTH;
        for (pdm_size i = 0; i < s.n; i++) s.parameter[i] = i % 3 == 1 ? least[_i / 2] : 0.1 * number(7, i);
        if (_i % 2)
            for (pdm_size i = 0; i < s.n; i++)
                s.parameter[i] += i / 3 % 2 ? -800.0 : 800.0; /* what is common is nothing */
        ck_assert(isfinite(chain_loss(&k)));
        double *g = chain_gradient(&k), *w = calloc((size_t)(N_SAMPLE * pdm_experts_n_column(k.experts)), sizeof *w);
        problem_get(&k.p, pdm_solver_lend(k.solver)->w, w, N_SAMPLE * pdm_experts_n_column(k.experts));
        for (pdm_size i = 0; i < s.n; i++) ck_assert_msg(isfinite(g[i]), "logit %d: %g", (int)i, g[i]);
        for (pdm_size f = 0; f < d->n_field; f++) {
            const pdm_column_group *lost = &d->group[d->n_field + f];
            for (pdm_size i = 0; i < lost->n_coef; i++) ck_assert_double_le(lost->window[i], exp(least[_i / 2] + 3.0));
        }
        for (pdm_size i = 0; i < N_SAMPLE * pdm_experts_n_column(k.experts); i++) {
            const pdm_size *first = pdm_experts_column0(k.experts), at = i % pdm_experts_n_column(k.experts);
            ck_assert(isfinite(w[i]));
            if (_i / 2 == 0 && at >= first[1] && at < first[2]) ck_assert_double_eq(w[i], 0.0);
        }
        for (pdm_size i = 1; _i / 2 == 0 && i < s.n; i += 3) ck_assert_double_eq(g[i], 0.0);
        const double slope = taylor_slope(chain_loss, &k, DIRECTION, s.parameter, g, s.n, 0.02);
        ck_assert_msg(fabs(slope - 2.0) <= 0.1, "slope %.3f", slope);
        free(g), free(w);
        close_chain(&k);
    }
END_TEST

/* ---- models ---- */

static pdm_context *ctx;

#define OK(call) ck_assert_msg((call) == PDM_OK, "%s", pdm_context_error(ctx))

static pdm_case *learned_case(const char *partition)
{
    static const char *const set[][3] = {
        {"experts", "basis", "4"},   {"experts", "overlap", "4"},  {"domain/x", "experts", "3"},
        {"surrogate", "width", "6"}, {"surrogate", "layers", "2"}, {"surrogate", "hidden", "8"},
        {"surrogate", "modes", "2"}, {"training", "batch", "3"},   {"training", "steps", "60"},
        {"solver", "ridge", "1e-8"}, {"domain/t", "experts", "1"}, {"experts", "learning_rate", "1e-2"}};
    pdm_case *c = NULL;
    OK(problem_case(ctx, PROBLEM_BURGERS, &c));
    for (size_t i = 0; i < sizeof set / sizeof *set; i++) OK(pdm_case_set_text(c, set[i][0], set[i][1], set[i][2]));
    OK(pdm_case_set_text(c, "experts", "partition", partition));
    return c;
}

static pdm_model *trained(pdm_case *c, int steps)
{
    pdm_model *m = NULL;
    OK(pdm_model_create(c, &m));
    pdm_case_destroy(&c);
    for (int i = 0; i < steps; i++) OK(pdm_model_train_step(m));
    return m;
}

static void predict(pdm_model *m, double **u, size_t *bytes)
{
    const double input[2] = {0.6, 0.9};
    *bytes                = (size_t)(2 * pdm_model_n_field(m) * pdm_model_n_point(m)) * sizeof **u;
    *u                    = malloc(*bytes);
    OK(pdm_model_predict(m, 2, input, *u, NULL));
}

static void assert_same_predictions(pdm_model *a, pdm_model *b)
{
    double *u, *v;
    size_t  bytes;
    predict(a, &u, &bytes);
    predict(b, &v, &bytes);
    ck_assert_mem_eq(u, v, bytes);
    free(u), free(v);
}

static void assert_same_logits(const pdm_model *a, const pdm_model *b, bool moments)
{
    const pdm_weights x = pdm_experts_logits(a->experts), y = pdm_experts_logits(b->experts);
    const size_t      bytes = (size_t)x.n * sizeof(double);
    ck_assert_int_gt(x.n, 0);
    ck_assert_int_eq(x.n, y.n);
    ck_assert_mem_eq(x.parameter, y.parameter, bytes);
    if (moments) ck_assert_mem_eq(x.m, y.m, bytes);
    if (moments) ck_assert_mem_eq(x.v, y.v, bytes);
}

/* Steps move logits, and the loss of the same inputs falls by moving them alone; a model that was written in between
 * has the same bits; a step of rate zero leaves them. */
START_TEST(training_moves_windows)
    {
        double      before = NAN, after = NAN;
        const char *path = "learned_half.nc";
        ck_assert_int_eq(context_on_backend(&ctx), PDM_OK);
        pdm_model *m = trained(learned_case("learned"), 6), *half = trained(learned_case("learned"), 3), *rest = NULL;
        pdm_case  *still    = learned_case("learned");
        const pdm_weights s = pdm_experts_logits(m->experts);
        OK(pdm_case_set_text(still, "experts", "learning_rate", "0"));
        pdm_model *first = trained(learned_case("learned"), 0), *kept = trained(still, 6);
        assert_same_logits(first, kept, false);
        double moved = 0.0;
        for (pdm_size i = 0; i < s.n; i++)
            moved = fmax(moved, fabs(s.parameter[i] - pdm_experts_logits(first->experts).parameter[i]));
        ck_assert_double_gt(moved, 1e-2);
        ck_assert_double_le(moved, 0.07);
        OK(pdm_model_write(half, path));
        OK(pdm_model_read(ctx, path, &rest));
        remove(path);
        assert_same_logits(half, rest, true);
        assert_same_predictions(half, rest);
        for (int i = 0; i < 3; i++) OK(pdm_model_train_step(rest));
        assert_same_logits(m, rest, true);
        assert_same_predictions(m, rest);
        /* down the gradient of the logits alone */
        OK(model_loss(m, 0, true, &before));
        const double size   = 1e-3 * before;
        double       square = 0.0;
        for (pdm_size i = 0; i < s.n; i++) square += s.gradient[i] * s.gradient[i];
        for (pdm_size i = 0; i < s.n; i++) s.parameter[i] -= size * s.gradient[i] / square;
        OK(pdm_model_apply_windows(m));
        OK(model_loss(m, 0, false, &after));
        ck_assert_msg(fabs(before - after - size) < 0.1 * size, "%g to %g, %g less expected", before, after, size);
        pdm_model_destroy(&m);
        pdm_model_destroy(&half);
        pdm_model_destroy(&rest);
        pdm_model_destroy(&first);
        pdm_model_destroy(&kept);
        ck_assert_int_eq(pdm_context_destroy(&ctx), 0);
    }
END_TEST

/* A model that goes on from another one: with its windows; in another layout refused in words, but for windows that are
 * not learned; from one without, windows start smooth. */
START_TEST(windows_are_inherited)
    {
        static const char *const change[][4] = {
            {"experts", "overlap", "3", "its windows do not fit: 3 experts learn to share"},
            {"domain/x", "experts", "2", "its windows do not fit: 3 experts learn to share"},
            {"experts", "partition", "smooth", NULL},
            {"experts", "partition", "hard", NULL},
            {"training", "loss", "physics", NULL}};
        ck_assert_int_eq(context_on_backend(&ctx), PDM_OK);
        pdm_model *parent = trained(learned_case(_i == 5 ? "smooth" : "learned"), 4), *m = NULL;
        pdm_case  *c = NULL;
        OK(pdm_model_case(parent, &c));
        if (_i < 5) OK(pdm_case_set_text(c, change[_i][0], change[_i][1], change[_i][2]));
        if (_i == 5) OK(pdm_case_set_text(c, "experts", "partition", "learned"));
        const pdm_status got = pdm_model_create_from(c, parent, &m);
        if (_i < 5 && change[_i][3]) {
            ck_assert_int_eq(got, PDM_ERR_MODEL);
            ck_assert_msg(strstr(pdm_context_error(ctx), change[_i][3]) && strstr(pdm_context_error(ctx), "partition"),
                          "%s", pdm_context_error(ctx));
        } else
            OK(got);
        if (_i == 4) {
            assert_same_logits(parent, m, false);
            assert_same_predictions(parent, m);
            for (pdm_size i = 0; i < pdm_experts_logits(m->experts).n; i++)
                ck_assert_double_eq(pdm_experts_logits(m->experts).m[i], 0.0);
        }
        if (_i == 5) {
            double *w = windows_of(parent->experts), *v = windows_of(m->experts);
            for (pdm_size i = 0; i < pdm_experts_n_window(m->experts); i++) ck_assert_double_eq_tol(w[i], v[i], 1e-14);
            free(w), free(v);
        }
        pdm_case_destroy(&c);
        pdm_model_destroy(&m);
        pdm_model_destroy(&parent);
        ck_assert_int_eq(pdm_context_destroy(&ctx), 0);
    }
END_TEST

START_TEST(windows_of_merged_models_are_between)
    {
        static const char *const path[]   = {"learned_a.nc", "learned_b.nc"};
        const double             weight[] = {1.0, 3.0};
        ck_assert_int_eq(context_on_backend(&ctx), PDM_OK);
        pdm_model *a = trained(learned_case("learned"), 2), *b = trained(learned_case("learned"), 6), *m = NULL;
        OK(pdm_model_write(a, path[0]));
        OK(pdm_model_write(b, path[1]));
        OK(pdm_model_merge(ctx, 2, path, weight, &m));
        remove(path[0]), remove(path[1]);
        const pdm_weights x = pdm_experts_logits(a->experts), y = pdm_experts_logits(b->experts),
                          z = pdm_experts_logits(m->experts);
        double *w           = windows_of(m->experts);
        pdm_experts_put_windows(m->experts);
        double *put = windows_of(m->experts);
        ck_assert_mem_eq(w, put, (size_t)pdm_experts_n_window(m->experts) * sizeof *w);
        for (pdm_size i = 0; i < z.n; i++) {
            ck_assert_double_eq_tol(z.parameter[i], 0.25 * x.parameter[i] + 0.75 * y.parameter[i], 1e-14);
            ck_assert_double_eq(z.m[i], 0.0);
        }
        OK(pdm_model_train_step(m));
        free(w), free(put);
        pdm_model_destroy(&a);
        pdm_model_destroy(&b);
        pdm_model_destroy(&m);
        ck_assert_int_eq(pdm_context_destroy(&ctx), 0);
    }
END_TEST

static const pdm_backend_ops *right_ops;
static pdm_buffer            *spoiled;
static double                 spoil_by;
static pdm_status             spoil_acquire(pdm_backend *b, pdm_buffer *buffer, pdm_access access, void **host)
{
    const pdm_status status = right_ops->acquire(b, buffer, access, host);
    if (status == PDM_OK && buffer == spoiled) *(double *)*host *= spoil_by;
    return status;
}

static void keep_text(void *user, const char *text)
{
    snprintf(user, 16384, "%s", text);
}

/* The whole chain, by itself, with a gate, and with one number of the gradient wrong. */
START_TEST(models_pass_the_gradient_check_in_windows)
    {
        if (on_backend("check")) return;
        double      slope = NAN;
        static char table[16384];
        ck_assert_int_eq(context_on_backend(&ctx), PDM_OK);
        pdm_case *c = learned_case("learned");
        if (_i == 1) OK(pdm_case_set_text(c, "gate", "groups", "2"));
        if (_i == 3) OK(pdm_case_set_text(c, "domain/x", "experts", "1"));
        pdm_model      *m    = trained(c, _i == 3 ? 0 : 2);
        double         *kept = windows_of(m->experts);
        pdm_backend_ops ops  = *m->problem->backend->ops;
        right_ops            = m->problem->backend->ops;
        spoiled              = m->g_window;
        spoil_by             = 2.0;
        ops.acquire          = spoil_acquire;
        if (_i == 2) m->problem->backend->ops = &ops;
        OK(pdm_model_check_gradient(m, &slope, keep_text, table));
        m->problem->backend->ops = right_ops;
        const double of_windows  = pdm_model_value(m, "slope.windows");
        ck_assert_msg(fabs(pdm_model_value(m, "slope.network") - 2.0) <= 0.1, "%s", table);
        if (_i == 3)
            ck_assert_msg(isnan(of_windows) && !strstr(table, "windows"), "%s", table);
        else
            ck_assert_msg(fabs(of_windows - (_i == 2 ? 1.0 : 2.0)) <= 0.2 && strstr(table, "windows: slope"), "%s",
                          table);
        ck_assert(_i != 2 || slope == of_windows);
        double *now = windows_of(m->experts);
        ck_assert_mem_eq(kept, now, (size_t)pdm_experts_n_window(m->experts) * sizeof *kept);
        free(kept), free(now);
        pdm_model_destroy(&m);
        ck_assert_int_eq(pdm_context_destroy(&ctx), 0);
    }
END_TEST

/* A gradient that is not a number ends the step, with windows, weights and step as they were. */
START_TEST(gradients_of_windows_that_are_not_numbers_are_refused)
    {
        if (on_backend("check")) return;
        ck_assert_int_eq(context_on_backend(&ctx), PDM_OK);
        pdm_model      *m = trained(learned_case("learned"), 2), *same = trained(learned_case("learned"), 2);
        pdm_backend_ops ops      = *m->problem->backend->ops;
        right_ops                = m->problem->backend->ops;
        spoiled                  = m->g_window;
        spoil_by                 = NAN;
        ops.acquire              = spoil_acquire;
        m->problem->backend->ops = &ops;
        ck_assert_int_eq(pdm_model_train_step(m), PDM_ERR_NUMERIC);
        m->problem->backend->ops = right_ops;
        ck_assert_msg(strstr(pdm_context_error(ctx), "the gradient of the experts' windows is not finite"), "%s",
                      pdm_context_error(ctx));
        ck_assert_int_eq(pdm_model_step(m), 2);
        assert_same_logits(m, same, true);
        assert_same_predictions(m, same);
        OK(pdm_model_train_step(m));
        pdm_model_destroy(&m);
        pdm_model_destroy(&same);
        ck_assert_int_eq(pdm_context_destroy(&ctx), 0);
    }
END_TEST

int main(void)
{
    Suite *s = suite_create("learned");
    TCase *t = tcase_create("learned");
    tcase_set_timeout(t, 120);
    tcase_add_loop_test(t, windows_start_smooth_and_stay_a_partition, 0, N_LAYOUT);
    tcase_add_loop_test(t, softmax_passes_the_taylor_test, 0, N_LAYOUT);
    tcase_add_loop_test(t, experts_that_share_nothing_have_no_logits, 0, 2);
    tcase_add_loop_test(t, columns_pass_the_taylor_test_in_windows, 0, 4 * N_COLUMN_PROBLEM);
    tcase_add_test(t, samples_add_up_in_windows);
    tcase_add_loop_test(t, windows_have_the_same_bits_for_any_number_of_threads, 0, N_COLUMN_PROBLEM);
    tcase_add_loop_test(t, windows_are_taken_when_they_are_handed_over, 0, 2);
    tcase_add_loop_test(t, logits_pass_the_taylor_test_through_the_solve, 0, PROBLEM_COUNT * LOSS_COUNT);
    tcase_add_loop_test(t, logits_pass_the_taylor_test_after_sweeps, 0, 2 * LOSS_COUNT);
    tcase_add_loop_test(t, windows_that_vanish_leave_nothing_behind, 0, 6);
    tcase_add_test(t, training_moves_windows);
    tcase_add_loop_test(t, windows_are_inherited, 0, 6);
    tcase_add_test(t, windows_of_merged_models_are_between);
    tcase_add_loop_test(t, models_pass_the_gradient_check_in_windows, 0, 4);
    tcase_add_test(t, gradients_of_windows_that_are_not_numbers_are_refused);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
