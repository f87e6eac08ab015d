/* implicit_diff/: d(loss)/d(basis) through the solve by the Taylor test, in the space of basis functions, for the
 * objective, for a misfit of c, and for both; hard and smooth partitions; every kind of problem. */
#include "implicit_diff/implicit_diff.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>

#include "tests/problems.h"

typedef enum loss { LOSS_OBJECTIVE, LOSS_MISFIT, LOSS_BOTH, LOSS_COUNT } loss;
enum { N_SAMPLE = 2, STEPS = 10 };
static const double WEIGHT[N_SAMPLE] = {0.7, 0.4}, NO_WEIGHT[N_SAMPLE] = {0.0}; /* of objectives in the loss */

typedef struct chain {
    problem       p;
    pdm_experts  *experts;
    pdm_solver   *solver;
    pdm_implicit *implicit;
    pdm_buffer   *basis, *g_basis, *g_c;
    pdm_size      n_basis, n_c;
    float        *base, *moved;
    double       *weight, *direction; /* of the misfit 1/2 sum weight c^2 + weight' c; of the Taylor step */
    loss          kind;
} chain;

static pdm_buffer *buffer_of(chain *k, size_t bytes)
{
    pdm_buffer *b = NULL;
    ck_assert_int_eq(k->p.backend->ops->buffer_create(k->p.backend, bytes, &b), PDM_OK);
    return b;
}

static bool with_guess; /* of chains that are opened */

static void chain_open(chain *k, int number, bool smooth, loss kind, const char *experts, pdm_mode mode)
{
    pdm_solver_settings settings = {.mode          = (int)mode,
                                    .tolerance     = 1e-13,
                                    .ridge         = 1e-3,
                                    .damping       = 1e-4,
                                    .max_iter      = 500,
                                    .cg_tolerance  = 1e-10,
                                    .cg_iterations = 5000};
    *k                           = (chain){.kind = kind};
    problem_open(&k->p, number, "cpu", N_SAMPLE);
    ck_assert_int_eq(pdm_case_set_text(k->p.the_case, "experts", "basis", "3"), PDM_OK);
    ck_assert_int_eq(pdm_case_set_text(k->p.the_case, "experts", "partition", smooth ? "smooth" : "hard"), PDM_OK);
    ck_assert_int_eq(pdm_case_set_text(k->p.the_case, "experts", "overlap", "3"), PDM_OK);
    ck_assert_int_eq(pdm_case_set_text(k->p.the_case, "experts", "guess", with_guess ? "network" : "none"), PDM_OK);
    if (experts) ck_assert_int_eq(pdm_case_set_text(k->p.the_case, "domain/x", "experts", experts), PDM_OK);
    /* rows of unit size, as a model has them */
    pdm_experts *x = NULL;
    ck_assert_msg(pdm_experts_create(k->p.ctx, k->p.the_case, k->p.domain, NULL, &x) == PDM_OK, "%s",
                  pdm_context_error(k->p.ctx));
    k->experts = x;
    problem_random_state(&k->p, 21);
    ck_assert_int_eq(pdm_solver_create(k->p.ctx, k->p.backend, &settings, k->p.domain, x, N_SAMPLE, &k->solver),
                     PDM_OK);
    ck_assert_int_eq(pdm_implicit_create(k->p.ctx, k->p.backend, k->solver, 1e-12, &k->implicit), PDM_OK);
    k->n_basis   = N_SAMPLE * pdm_experts_columns(x)->n_channel * pdm_domain_n_coef(k->p.domain);
    k->n_c       = N_SAMPLE * k->p.c_size;
    k->basis     = buffer_of(k, (size_t)k->n_basis * sizeof(float));
    k->g_basis   = buffer_of(k, (size_t)k->n_basis * sizeof(float));
    k->g_c       = buffer_of(k, (size_t)k->n_c * sizeof(double));
    k->base      = calloc((size_t)k->n_basis, sizeof(float));
    k->moved     = calloc((size_t)k->n_basis, sizeof(float));
    k->direction = calloc((size_t)k->n_basis, sizeof(double));
    k->weight    = calloc((size_t)k->n_c, sizeof(double));
    for (pdm_size i = 0; i < k->n_basis; i++) {
        k->base[i]      = (float)pdm_random_normal((pdm_random_key){31, PDM_RANDOM_TEST, 0}, (uint64_t)i);
        k->direction[i] = pdm_random_normal((pdm_random_key){32, PDM_RANDOM_TEST, 0}, (uint64_t)i);
    }
    /* channels of a guess are the last ones */
    for (pdm_size i = 0, n = k->n_basis / N_SAMPLE; i < k->n_basis && with_guess; i++) {
        const bool is_guess = i % n >= n - k->p.c_size;
        k->base[i] *= is_guess ? 0.02f : 1.0f;
        k->direction[i] *= is_guess ? 0.02 : 0.0;
    }
    for (pdm_size i = 0; i < k->n_c; i++)
        k->weight[i] = pdm_random_uniform((pdm_random_key){33, PDM_RANDOM_TEST, 0}, (uint64_t)i);
}

static void chain_close(chain *k)
{
    pdm_backend *b = k->p.backend;
    free(k->base), free(k->moved), free(k->direction), free(k->weight);
    b->ops->buffer_destroy(b, &k->basis);
    b->ops->buffer_destroy(b, &k->g_basis);
    b->ops->buffer_destroy(b, &k->g_c);
    pdm_implicit_destroy(&k->implicit);
    pdm_solver_destroy(&k->solver);
    pdm_experts_destroy(&k->experts);
    problem_close(&k->p);
}

/* Solves for the basis given, returns the loss summed over samples; its cotangent by c goes to g_c. */
static double chain_loss(chain *k, const float *basis)
{
    pdm_backend *b    = k->p.backend;
    void        *host = NULL;
    double       sum = 0.0, *c = calloc((size_t)k->n_c, sizeof *c);
    ck_assert_int_eq(b->ops->acquire(b, k->basis, PDM_WRITE, &host), PDM_OK);
    memcpy(host, basis, (size_t)k->n_basis * sizeof *basis);
    ck_assert_int_eq(b->ops->release(b, k->basis, &host), PDM_OK);
    ck_assert_int_eq(pdm_solver_solve(k->solver, problem_batch(&k->p), &k->p.data, k->basis, k->p.lift, PDM_START_ZERO),
                     PDM_OK);
    for (int s = 0; s < N_SAMPLE; s++) {
        const pdm_solve_result *r = &pdm_solver_results(k->solver)[s];
        ck_assert_msg(pdm_reason_is_good(r->reason), "%s: %s", problem_name(k->p.number), pdm_reason_text(r->reason));
        if (k->kind != LOSS_MISFIT) sum += WEIGHT[s] * r->objective;
    }
    problem_get(&k->p, pdm_solver_lend(k->solver)->c, c, k->n_c);
    for (pdm_size i = 0; i < k->n_c && k->kind != LOSS_OBJECTIVE; i++) {
        sum += 0.5 * k->weight[i] * c[i] * c[i];
        c[i] *= k->weight[i];
    }
    problem_put(&k->p, k->g_c, c, k->n_c);
    free(c);
    return sum;
}

/* Left-over of the first-order model at h, over both signs: third-order terms cannot cancel second-order ones. */
static double chain_rest(chain *k, const float *g, double base, double h)
{
    double rest = 0.0;
    for (int side = -1; side <= 1; side += 2) {
        double along = 0.0;
        for (pdm_size i = 0; i < k->n_basis; i++) {
            k->moved[i] = (float)((double)k->base[i] + side * h * k->direction[i]);
            along += ((double)k->moved[i] - (double)k->base[i]) * (double)g[i];
        }
        rest = hypot(rest, chain_loss(k, k->moved) - base - along);
    }
    return rest;
}

static int compare_slopes(const void *a, const void *b)
{
    return (*(const double *)a > *(const double *)b) - (*(const double *)a < *(const double *)b);
}

/* Slope, the median over the smallest six steps far above what FP32 leaves: noise of the loss, which tiny steps
 * measure, and rounding of the gradient, which grows with h. A solve that stops early at one step is two of five
 * slopes. */
static double chain_slope(chain *k)
{
    pdm_backend *b    = k->p.backend;
    void        *host = NULL;
    double       rest[STEPS], noise = 0.0, rounding = 0.0, h = 0.1;
    int          last = 0;
    float       *g    = calloc((size_t)k->n_basis, sizeof *g);
    const double base = chain_loss(k, k->base);
    ck_assert_int_eq(pdm_implicit_backward(k->implicit, problem_batch(&k->p), &k->p.data,
                                           k->kind == LOSS_MISFIT ? NO_WEIGHT : WEIGHT,
                                           k->kind == LOSS_OBJECTIVE ? NULL : k->g_c, k->g_basis),
                     PDM_OK);
    for (int s = 0; s < N_SAMPLE; s++) ck_assert(pdm_implicit_results(k->implicit)[s].converged);
    ck_assert_int_eq(b->ops->acquire(b, k->g_basis, PDM_READ, &host), PDM_OK);
    memcpy(g, host, (size_t)k->n_basis * sizeof *g);
    ck_assert_int_eq(b->ops->release(b, k->g_basis, &host), PDM_OK);
    for (pdm_size i = 0; i < k->n_basis; i++) rounding = hypot(rounding, 6e-8 * (double)g[i] * k->direction[i]);
    for (int n = 1; n <= 3; n++) noise = fmax(noise, chain_rest(k, g, base, n * 1e-7));
    for (int n = 0; n < STEPS; n++, h *= 0.5) {
        rest[n] = chain_rest(k, g, base, h);
        if (rest[n] > 20.0 * (noise + h * rounding) && last == n) last = n + 1;
    }
    free(g);
    const int n = last < 6 ? last - 1 : 5;
    if (n < 3) return NAN;
    for (int i = 0; i < n; i++) rest[i] = log2(rest[last - 1 - n + i] / rest[last - n + i]);
    qsort(rest, (size_t)n, sizeof *rest, compare_slopes);
    return rest[n / 2];
}

START_TEST(gradient_passes_the_taylor_test)
    {
        chain      k;
        const int  number = _i / (2 * LOSS_COUNT);
        const bool smooth = _i / LOSS_COUNT % 2;
        chain_open(&k, number, smooth, (loss)(_i % LOSS_COUNT), NULL, PDM_MODE_COUPLED);
        const double slope = chain_slope(&k);
        ck_assert_msg(fabs(slope - 2.0) <= 0.1, "%s, %s, loss %d: slope %.3f", problem_name(number),
                      smooth ? "smooth" : "hard", _i % LOSS_COUNT, slope);
        chain_close(&k);
    }
END_TEST

START_TEST(gradient_with_one_and_four_experts)
    {
        chain k;
        chain_open(&k, _i % 2 ? PROBLEM_SYSTEM : PROBLEM_FLUX, false, LOSS_BOTH, _i / 2 ? "4" : "1", PDM_MODE_COUPLED);
        const double slope = chain_slope(&k);
        ck_assert_msg(fabs(slope - 2.0) <= 0.1, "slope %.3f", slope);
        chain_close(&k);
    }
END_TEST

/* By a guess: what columns are added to; every kind of problem, by turns with a hard and a smooth partition. */
START_TEST(gradient_of_a_guess)
    {
        chain     k;
        const int number = _i / LOSS_COUNT;
        with_guess       = true;
        chain_open(&k, number, _i % 2, (loss)(_i % LOSS_COUNT), NULL, PDM_MODE_COUPLED);
        const double slope = chain_slope(&k);
        ck_assert_msg(fabs(slope - 2.0) <= 0.1, "%s, loss %d: slope %.3f", problem_name(number), _i % LOSS_COUNT,
                      slope);
        chain_close(&k);
        with_guess = false;
    }
END_TEST

/* Sweeps end in the same minimum, with an adjoint that is solved by conjugate gradients.
 * Problems whose sweeps are few. */
START_TEST(gradient_after_sweeps)
    {
        static const int number[] = {PROBLEM_SORPTION, PROBLEM_SYSTEM, PROBLEM_WAVE, PROBLEM_VORTICITY};
        chain            k;
        chain_open(&k, number[_i / LOSS_COUNT], false, (loss)(_i % LOSS_COUNT), NULL, PDM_MODE_SCHWARZ);
        const double slope = chain_slope(&k);
        ck_assert_msg(fabs(slope - 2.0) <= 0.1, "%s, loss %d: slope %.3f", problem_name(k.p.number), _i % LOSS_COUNT,
                      slope);
        chain_close(&k);
    }
END_TEST

/* Every expert by itself: every kind of problem, levels and derived fields among them, by turns with a hard and a smooth
 * partition. */
START_TEST(gradient_of_independent_experts)
    {
        chain      k;
        const int  number = _i / LOSS_COUNT;
        const bool smooth = _i % 2;
        chain_open(&k, number, smooth, (loss)(_i % LOSS_COUNT), NULL, PDM_MODE_INDEPENDENT);
        const double slope = chain_slope(&k);
        ck_assert_msg(fabs(slope - 2.0) <= 0.1, "%s, %s, loss %d: slope %.3f", problem_name(number),
                      smooth ? "smooth" : "hard", _i % LOSS_COUNT, slope);
        chain_close(&k);
    }
END_TEST

int main(void)
{
    Suite *s = suite_create("implicit_diff");
    TCase *t = tcase_create("implicit_diff");
    tcase_add_loop_test(t, gradient_passes_the_taylor_test, 0, PROBLEM_COUNT * 2 * LOSS_COUNT);
    tcase_add_loop_test(t, gradient_of_a_guess, 0, PROBLEM_COUNT * LOSS_COUNT);
    tcase_add_loop_test(t, gradient_with_one_and_four_experts, 0, 4);
    tcase_add_loop_test(t, gradient_after_sweeps, 0, 4 * LOSS_COUNT);
    tcase_add_loop_test(t, gradient_of_independent_experts, 0, PROBLEM_COUNT * LOSS_COUNT);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
