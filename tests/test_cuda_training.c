/* Training on the double of the toolkit beside training on the CPU: the same cases, seeds and steps.
 *
 * FP64: with the same basis functions both solve to the same coefficients, within SAME64, where a solve takes a few
 * steps. Along dozens of steps, as in the first ones of diffusion_sorption's training, rounding grows by itself to 1e-6
 * and more: there objectives are no farther apart than what the two solves say that is left to gain, which the solver's
 * tolerance allows.
 * FP32: losses part, since kernels add up in another order, and training makes such differences grow. How much is
 * measured beside: by models on the CPU whose weights are moved by one unit in the last place, each up or down at
 * random, after every step. Losses of the double may be FACTOR times as far away as those are; without the moved ones'
 * growth a constant would have to be that of the worst case. On a GPU the same holds. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/models.h"

enum {
    STEPS       = 50,
    CHECK_EVERY = 10,
    SHORT       = 10,
    N_MOVED     = 3,
    CPU         = 0,
    CUDA        = 1,
    FIRST_MOVED = 2,
    N_MODEL     = FIRST_MOVED + N_MOVED
};

static const double SAME64 = 1e-10; /* relative */
static const double FACTOR = 4.0;   /* three runs, of which the largest is taken, tell no more of a spread */

typedef struct contest {
    const char *name, *file;
    word        words[16];
} contest;

static const contest CONTESTS[] = {{"diffusion_sorption", "cases/diffusion_sorption/diffusion_sorption.cdl", {{0}}},
                                   {"burgers_random",
                                    "cases/burgers/burgers_random.cdl",
                                    {{"experts", "prior", "polynomial"},
                                     {"experts", "slabs", "1"},
                                     {"experts", "basis", "8"},
                                     {"domain/t", "control_points", "10"},
                                     {"domain/x", "control_points", "32"},
                                     {"domain/x", "experts", "4"},
                                     {"surrogate", "width", "8"},
                                     {"surrogate", "modes", "4 6"}}},
                                   {"heat2d",
                                    "cases/heat2d/heat2d.cdl",
                                    {{"experts", "prior", "polynomial"},
                                     {"solver", "rows", "all"},
                                     {"domain/t", "control_points", "5"},
                                     {"domain/x", "control_points", "8"},
                                     {"domain/y", "control_points", "8"},
                                     {"surrogate", "width", "8"},
                                     {"surrogate", "modes", "2 3 3"}}},
                                   {"navier_stokes",
                                    "cases/navier_stokes/navier_stokes.cdl",
                                    {{"experts", "prior", "polynomial"},
                                     {"experts", "basis", "6"},
                                     {"domain/x", "control_points", "12"},
                                     {"domain/x", "experts", "3"},
                                     {"domain/y", "control_points", "12"},
                                     {"domain/y", "experts", "3"},
                                     {"training", "slabs", "1"},
                                     {"surrogate", "width", "6"},
                                     {"surrogate", "modes", "2 3 3"}}}};
enum { N_CONTEST = sizeof CONTESTS / sizeof *CONTESTS };

static pdm_model *model_for(const contest *c, const char *backend)
{
    pdm_case *the_case = NULL;
    char      path[4096];

    snprintf(path, sizeof path, "%s/%s", PDM_SOURCE_DIR, c->file);
    OK(pdm_case_read(ctx, path, &the_case));
    for (const word *w = c->words; w->group; w++) set(the_case, 1, w);
    set(the_case, 1, &(word){"solver", "backend", backend});
    set(the_case, 1, &(word){"training", "steps", "50"});
    return model_of(the_case);
}

/* Every weight to the next number above or below. */
static void move_weights(pdm_model *m, uint64_t seed)
{
    pdm_backend         *b    = m->problem->backend;
    const pdm_random_key key  = {seed, PDM_RANDOM_SIGNS, (uint64_t)m->state.step};
    void                *host = NULL;

    OK(b->ops->acquire(b, m->surrogate->parameters, PDM_READ_WRITE, &host));
    float *weight = host;
    for (pdm_size i = 0; i < m->surrogate->n_parameter; i++)
        weight[i] = nextafterf(weight[i], pdm_random_uniform(key, (uint64_t)i) < 0.5 ? -INFINITY : INFINITY);
    OK(b->ops->release(b, m->surrogate->parameters, &host));
}

static void copy_buffer(pdm_model *from, pdm_buffer *x, pdm_model *to, pdm_buffer *y, size_t bytes)
{
    pdm_backend *a = from->problem->backend, *b = to->problem->backend;
    void        *in = NULL, *out = NULL;

    OK(a->ops->acquire(a, x, PDM_READ, &in));
    OK(b->ops->acquire(b, y, PDM_WRITE, &out));
    memcpy(out, in, bytes);
    OK(b->ops->release(b, y, &out));
    OK(a->ops->release(a, x, &in));
}

/* |x - y| / |x| */
static double distance(pdm_size n, const double *x, const double *y)
{
    double square = 0.0, difference = 0.0;
    for (pdm_size i = 0; i < n; i++) square += x[i] * x[i], difference += (x[i] - y[i]) * (x[i] - y[i]);
    return sqrt(difference / square);
}

/* How far apart two solves of a batch are: short ones in coefficients, long ones in the objective, in units of what they
 * say themselves that is left to gain. */
typedef struct parting {
    double apart, apart_long;
    int    n_short;
} parting;

static void compare_answers(pdm_model *m[2], parting *p)
{
    const pdm_size          n    = pdm_solver_lend(m[0]->solver)->c_size;
    const pdm_solve_result *r[2] = {pdm_solver_results(m[0]->solver), pdm_solver_results(m[1]->solver)};
    void                   *c[2] = {NULL, NULL};

    for (int k = 0; k < 2; k++)
        OK(m[k]->problem->backend->ops->acquire(m[k]->problem->backend, pdm_solver_lend(m[k]->solver)->c, PDM_READ,
                                                &c[k]));
    for (pdm_size i = 0; i < m[0]->n_batch; i++) {
        const pdm_solve_result a = r[0][i], b = r[1][i];
        if (a.iterations <= SHORT) {
            p->apart = fmax(p->apart, distance(n, (double *)c[0] + i * n, (double *)c[1] + i * n));
            p->n_short++;
        } else if (pdm_reason_is_good(a.reason) && pdm_reason_is_good(b.reason)) {
            const double left = a.decrement * a.decrement + b.decrement * b.decrement;
            p->apart_long     = fmax(p->apart_long, fabs(b.objective / a.objective - 1.0) / left);
        }
    }
    for (int k = 0; k < 2; k++)
        OK(m[k]->problem->backend->ops->release(m[k]->problem->backend, pdm_solver_lend(m[k]->solver)->c, &c[k]));
}

/* Both solve with the basis functions that the CPU's network has now. */
static void compare_in_fp64(pdm_model *m[2], parting *p)
{
    const pdm_batch batch = pdm_model_batch(m[0], m[0]->n_batch);
    size_t          bytes = (size_t)(m[0]->n_batch * m[0]->surrogate->shape.n_channel) * sizeof(float);

    for (pdm_size d = 0; d < m[0]->surrogate->shape.n_dim; d++) bytes *= (size_t)m[0]->surrogate->shape.n_coef[d];
    for (int k = 0; k < 2; k++) OK(pdm_model_draw(m[k], m[k]->state.step));
    OK(pdm_model_basis(m[0], batch, false));
    copy_buffer(m[0], m[0]->basis, m[1], m[1]->basis, bytes);
    for (int k = 0; k < 2; k++) OK(pdm_model_solve(m[k], batch));
    compare_answers(m, p);
}

/* ---- the contest ---- */

typedef struct course {
    pdm_model *m[N_MODEL];
    double     loss[N_MODEL];
    double     off, grown; /* largest so far: of the double, and of the CPU's models that are moved */
    parting    fp64;
} course;

static void take_step(course *k)
{
    for (int i = 0; i < N_MODEL; i++) {
        pdm_step_report report;
        OK(pdm_train_step(k->m[i], &report));
        k->loss[i] = report.loss;
        if (i >= FIRST_MOVED) move_weights(k->m[i], (uint64_t)i);
    }
    k->off = fmax(k->off, fabs(k->loss[CUDA] / k->loss[CPU] - 1.0));
    for (int i = FIRST_MOVED; i < N_MODEL; i++) k->grown = fmax(k->grown, fabs(k->loss[i] / k->loss[CPU] - 1.0));
}

START_TEST(training_is_that_of_the_cpu)
    {
        const contest *c = &CONTESTS[_i];
        course         k = {.off = 0.0};

        open_context();
        for (int i = 0; i < N_MODEL; i++) k.m[i] = model_for(c, i == CUDA ? "cuda" : "cpu");
        for (int i = FIRST_MOVED; i < N_MODEL; i++) move_weights(k.m[i], (uint64_t)i);
        for (int step = 1; step <= STEPS; step++) {
            take_step(&k);
            if (step % CHECK_EVERY == 0) compare_in_fp64(k.m, &k.fp64);
        }
        printf("%s: coefficients %.2g of %d solves, long ones %.2g; losses %.2g, of moved weights %.2g\n", c->name,
               k.fp64.apart, k.fp64.n_short, k.fp64.apart_long, k.off, k.grown);
        ck_assert_int_gt(k.fp64.n_short, STEPS / CHECK_EVERY * k.m[CPU]->n_batch / 2);
        ck_assert_msg(k.fp64.apart <= SAME64, "%s: coefficients are %g apart", c->name, k.fp64.apart);
        ck_assert_msg(k.fp64.apart_long <= 1.0, "%s: objectives are %g of what is left to gain apart", c->name,
                      k.fp64.apart_long);
        ck_assert_msg(k.off <= FACTOR * k.grown, "%s: losses are %g apart, those of moved weights %g", c->name, k.off,
                      k.grown);
        for (int i = 0; i < N_MODEL; i++) pdm_model_destroy(&k.m[i]);
        close_context();
    }
END_TEST

int main(void)
{
    Suite *suite = suite_create("cuda_training");
    TCase *tests = tcase_create("training");

    tcase_set_timeout(tests, 300);
    tcase_add_loop_test(tests, training_is_that_of_the_cpu, 0, N_CONTEST);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    const int n_failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return n_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
