/* predict/: derivatives of answers by inputs, against the answers themselves. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/models.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))
enum { WORDS = 20, OWN = 4, N = 3, STEPS = 2 };

static const word common[] = {
    {"surrogate", "width", "4"},         {"surrogate", "layers", "1"},        {"surrogate", "hidden", "4"},
    {"surrogate", "modes", "2"},         {"training", "batch", "2"},          {"solver", "tolerance", "1e-10"},
    {"training", "tolerance", "1e-6"},   {"domain", "dimensions", "t x"},     {"domain/t", "extent", "0 1"},
    {"domain/t", "control_points", "8"}, {"domain/t", "slabs", "1"},          {"solver", "max_iter", "300"},
    {"domain/x", "extent", "0 1"},       {"domain/x", "control_points", "9"}, {"experts", "basis", "6"}};

/* Equations of every kind in which inputs are met. */
static const struct equation {
    const char *name;
    word        words[WORDS];
} equations[] = {
    {"heat, by the initial state alone",
     {{"pde", "fields", "u"},
      {"pde/residuals", "u", "dt(u) - dx(0.1*dx(u))"},
      {"pde/initial", "u", "a*sin(pi*x)"},
      {"pde/boundary", "x_min", "u = 0"},
      {"pde/boundary", "x_max", "u = 0"},
      {"inputs/a", "distribution", "uniform(0.5, 1.5)"}}},
    {"nonlinear, by coefficients, sides and the initial state",
     {{"pde", "fields", "u"},
      {"pde/residuals", "u", "dt(u + s*u^2) - dx((D + 0.2*u^2)*dx(u)) + k*u*dx(u)"},
      {"pde/initial", "u", "cos(pi*x) + s"},
      {"pde/boundary", "x_min", "flux(u) = k*(u - 1)"},
      {"pde/boundary", "x_max", "u = s - 1 + 0.3*s*t^2"},
      {"inputs/D", "distribution", "uniform(0.1, 0.4)"},
      {"inputs/k", "distribution", "uniform(0, 1)"},
      {"inputs/s", "distribution", "uniform(0.2, 0.4)"}}},
    {"a field as initial state, another one as source",
     {{"pde", "fields", "u"},
      {"pde/residuals", "u", "dt(u) - 0.1*dxx(u) + u^3 - q"},
      {"pde/initial", "u", "u0"},
      {"pde/boundary", "x_min", "u = 0"},
      {"pde/boundary", "x_max", "dx(u) = 0"},
      {"inputs/u0", "distribution", "gaussian_field(length=0.4, kind=dirichlet)"},
      {"inputs/u0", "dimensions", "x"},
      {"inputs/q", "distribution", "gaussian_field(length=0.4)"},
      {"inputs/q", "dimensions", "x"}}},
    {"two fields, one above zero",
     {{"pde", "fields", "u v"},
      {"pde", "positive", "v"},
      {"pde/residuals", "u", "dt(u) - 0.1*dxx(u) + k*u*v"},
      {"pde/residuals", "v", "dt(v) - 0.05*dxx(v) + u*v - 0.3*k"},
      {"pde/initial", "u", "a*cos(pi*x)"},
      {"pde/initial", "v", "1 + 0.5*a*cos(2*pi*x)"},
      {"domain/x", "kind", "periodic"},
      {"domain/x", "extent", "0 2"},
      {"inputs/a", "distribution", "uniform(0.5, 1)"},
      {"inputs/k", "distribution", "uniform(0.5, 1)"}}},
    {"rows at every scale",
     {{"pde", "fields", "u"},
      {"pde/residuals", "u", "dt(u) + dx(k*u^2/2) - 0.05*dxx(u)"},
      {"pde/initial", "u", "a + sin(2*pi*x)"},
      {"domain", "levels", "on"},
      {"domain/x", "kind", "periodic"},
      {"inputs/a", "distribution", "uniform(0.5, 1)"},
      {"inputs/k", "distribution", "uniform(0.5, 1)"}}},
    {"an amount that is given",
     {{"pde", "fields", "u"},
      {"pde/residuals", "u", "dt(u) - dx((0.2 + 0.1*u^2)*dx(u)) - 0.5*q"},
      {"pde/initial", "u", "q*(1 + cos(pi*x))"},
      {"pde/boundary", "x_min", "flux(u) = 0"},
      {"pde/boundary", "x_max", "flux(u) = 0"},
      {"pde/constraints", "amount", "integral(u) = q + 0.5*q*t"},
      {"inputs/q", "distribution", "uniform(0.5, 1)"}}},
    {"a shape, with a value on its end",
     {{"pde", "fields", "u"},
      {"pde/residuals", "u", "dt(u) - 0.1*dxx(u) + k*u^2"},
      {"pde/initial", "u", "a*(0.9 - x)*(1 + x)"},
      {"pde/boundary", "x_min", "dx(u) = 0"},
      {"geometry", "inside", "x < 0.9"},
      {"geometry", "wall", "u = 0 on x = 0.9"},
      {"inputs/a", "distribution", "uniform(0.5, 1)"},
      {"inputs/k", "distribution", "uniform(0.5, 1)"}}},
};

/* Models of the second one, and of the others where `all`: at once, in the ways that answers are made. */
static const struct sort {
    const char *name;
    bool        all;
    int         steps;
    double      polish;
    word        words[OWN];
} sorts[] = {
    {"by a network", true, STEPS, 0.0, {{0}}},
    {"polished", true, 0, 1e-10, {{0}}},
    {"polished, trained", false, STEPS, 1e-10, {{0}}},
    {"experts, smooth", false, STEPS, 0.0, {{"domain/x", "experts", "2"}, {"experts", "partition", "smooth"}}},
    {"experts, in sweeps",
     false,
     STEPS,
     0.0,
     {{"domain/x", "experts", "2"}, {"solver", "mode", "schwarz"}, {"solver", "max_iter", "5000"}}},
    {"columns from solutions", false, STEPS, 0.0, {{"experts", "prior", "pod"}, {"training", "solutions", "12"}}},
    {"Taylor columns", false, STEPS, 0.0, {{"experts", "prior", "taylor"}}},
    {"a guess", false, STEPS, 0.0, {{"experts", "guess", "network"}}},
    {"by conjugate gradients", false, STEPS, 0.0, {{"solver", "linear", "cg"}, {"solver", "cg_tolerance", "1e-10"}}},
};
enum { N_EQUATION = COUNT(equations), N_SORT = COUNT(sorts), NONLINEAR = 1 };

static pdm_model *model_of_sort(const struct equation *e, const struct sort *s)
{
    pdm_case *c = NULL;
    OK(pdm_case_create(ctx, &c));
    set(c, COUNT(common), common);
    for (int i = 0; i < WORDS && e->words[i].group; i++) set(c, 1, &e->words[i]);
    for (int i = 0; i < OWN && s->words[i].group; i++) set(c, 1, &s->words[i]);
    pdm_model *m = trained(c, s->steps);
    pdm_case_destroy(&c);
    OK(pdm_model_set_polish(m, s->polish));
    return m;
}

/* ---- a number of answers, its derivative, and that along a direction ---- */

typedef struct functional {
    pdm_model *m;
    pdm_size   n_input, n_u;            /* of N samples */
    double    *x, *g_u, *u, *g, *width; /* [N][...] */
} functional;

static void make_functional(functional *f, pdm_model *m)
{
    static const double  at[2][3] = {{0.31, 0.77, 1.0}, {0.12, 0.5, 0.95}};
    const pdm_random_key key      = {5, PDM_RANDOM_CHECK, 0};
    OK(pdm_model_set_output(m, "t", 3, at[0]));
    OK(pdm_model_set_output(m, "x", 3, at[1]));
    f->m             = m;
    f->n_input       = N * pdm_model_n_input(m);
    f->n_u           = N * pdm_model_n_field(m) * pdm_model_n_point(m);
    double **array[] = {&f->x, &f->g, &f->width};
    for (size_t i = 0; i < COUNT(array); i++) *array[i] = calloc((size_t)f->n_input, sizeof(double));
    f->u   = calloc((size_t)f->n_u, sizeof(double));
    f->g_u = calloc((size_t)f->n_u, sizeof(double));
    for (pdm_size i = 0; i < f->n_u; i++) f->g_u[i] = pdm_random_normal(key, (uint64_t)i);
    OK(pdm_inputs_draw_unseen(m->whole->inputs, N, f->x));
    for (pdm_size q = 0; q < pdm_model_count_inputs(m); q++) {
        pdm_quantity about;
        OK(pdm_model_input(m, q, &about));
        for (pdm_size s = 0; s < N; s++)
            for (pdm_size k = 0; k < about.n; k++)
                f->width[s * f->n_input / N + about.first + k] = 1.0 / m->whole->inputs->scale[q];
    }
}

static void drop(functional *f)
{
    free(f->x), free(f->g), free(f->width), free(f->u), free(f->g_u);
}

static double value_at(functional *f, const double *x)
{
    int32_t reason[N];
    double  sum = 0.0;
    OK(pdm_model_predict(f->m, N, x, f->u, reason));
    for (int i = 0; i < N; i++) ck_assert_msg(reason[i] == 1 || reason[i] == 2, "%s", pdm_reason_text(reason[i]));
    for (pdm_size i = 0; i < f->n_u; i++)
        if (!isnan(f->u[i])) sum += f->g_u[i] * f->u[i]; /* outside a shape there are none */
    return sum;
}

/* Along h times a direction d [n_input] of all samples. */
static double moved_value(functional *f, const double *d, double h)
{
    double *x = calloc((size_t)f->n_input, sizeof *x);
    for (pdm_size i = 0; i < f->n_input; i++) x[i] = f->x[i] + h * d[i];
    const double value = value_at(f, x);
    free(x);
    return value;
}

/* Central difference of fourth order. */
static double difference(functional *f, const double *d, double h)
{
    return (8.0 * (moved_value(f, d, 0.5 * h) - moved_value(f, d, -0.5 * h)) - moved_value(f, d, h) +
            moved_value(f, d, -h)) /
           (6.0 * h);
}

/* Order of what the first-order model leaves, over both signs, from h on; 2 where it leaves nothing but rounding. */
static double order_of(functional *f, const double *d, double along, double size, double h)
{
    enum { HALVINGS = 3 };
    const double base = value_at(f, f->x);
    double       rest[HALVINGS + 1];
    for (int k = 0; k <= HALVINGS; k++, h *= 0.5)
        rest[k] = fabs(moved_value(f, d, h) - base - h * along) + fabs(moved_value(f, d, -h) - base + h * along);
    return rest[0] < 1e-10 * size ? 2.0 : log2(rest[0] / rest[HALVINGS]) / HALVINGS;
}

START_TEST(answers_change_as_it_says)
    {
        const struct equation *e = &equations[_i % N_EQUATION];
        const struct sort     *s = &sorts[_i / N_EQUATION];
        functional             f;
        if (!s->all && _i % N_EQUATION != NONLINEAR) return;
        open_context();
        pdm_model *m = model_of_sort(e, s);
        make_functional(&f, m);
        OK(pdm_model_gradient(m, N, f.x, f.g_u, f.g, NULL, NULL));
        double *d = calloc((size_t)f.n_input, sizeof *d), along = 0.0, size = 0.0;
        for (pdm_size i = 0; i < f.n_input; i++) {
            d[i] = f.width[i] * pdm_random_normal((pdm_random_key){6, PDM_RANDOM_CHECK, 0}, (uint64_t)i);
            along += d[i] * f.g[i];
            size += fabs(d[i] * f.g[i]);
        }
        const double mistake = fabs(difference(&f, d, 0.01) - along) / size, order = order_of(&f, d, along, size, 0.02);
        ck_assert_msg(mistake < (s->polish > 0.0 ? 1e-6 : 1e-3) && fabs(order - 2.0) < 0.3,
                      "%s, %s: derivative %g of terms of %g, mistaken by %.1e of these, order %.2f", e->name, s->name,
                      along, size, mistake, order);
        free(d);
        drop(&f);
        pdm_model_destroy(&m);
        close_context();
    }
END_TEST

/* Of heat with all coefficients free the answer is linear in its input. */
START_TEST(it_is_the_transpose_of_a_linear_answer)
    {
        functional f;
        double     sum = 0.0, value;
        open_context();
        pdm_model *m = model_of_sort(&equations[0], &sorts[1]);
        make_functional(&f, m);
        OK(pdm_model_gradient(m, N, f.x, f.g_u, f.g, NULL, NULL));
        for (pdm_size i = 0; i < f.n_input; i++) sum += f.g[i] * f.x[i];
        value = value_at(&f, f.x);
        ck_assert_msg(fabs(sum - value) < 1e-9 * fabs(value), "%.15g, and the answers give %.15g", sum, value);
        drop(&f);
        pdm_model_destroy(&m);
        close_context();
    }
END_TEST

/* Batches of 2 or one by one, with the answers of a prediction, which are the same afterwards. */
START_TEST(samples_do_not_know_of_each_other)
    {
        functional f;
        int32_t    reason[N];
        open_context();
        pdm_model *m = model_of_sort(&equations[NONLINEAR], &sorts[_i]);
        make_functional(&f, m);
        value_at(&f, f.x);
        double *u = calloc((size_t)f.n_u, sizeof *u), alone[8];
        OK(pdm_model_gradient(m, N, f.x, f.g_u, f.g, u, reason));
        ck_assert_mem_eq(u, f.u, (size_t)f.n_u * sizeof *u);
        ck_assert(pdm_model_value(m, "seconds.gradient") > 0.0);
        for (int i = 0; i < N; i++) {
            const pdm_size n_input = f.n_input / N, n_u = f.n_u / N;
            ck_assert(reason[i] == 1 || reason[i] == 2);
            OK(pdm_model_gradient(m, 1, f.x + i * n_input, f.g_u + i * n_u, alone, NULL, NULL));
            ck_assert_mem_eq(alone, f.g + i * n_input, (size_t)n_input * sizeof *alone);
        }
        value_at(&f, f.x);
        ck_assert_mem_eq(u, f.u, (size_t)f.n_u * sizeof *u);
        OK(pdm_model_gradient(m, 0, f.x, f.g_u, f.g, NULL, NULL));
        free(u);
        drop(&f);
        pdm_model_destroy(&m);
        close_context();
    }
END_TEST

static void keep(void *user, pdm_log_level level, const char *topic, const char *text)
{
    if (level == PDM_LOG_WARNING && strcmp(topic, "gradient") == 0) snprintf(user, 256, "%s", text);
}

/* One step does not do for a nonlinear equation. */
START_TEST(what_has_not_converged_is_not_a_number)
    {
        static const struct sort hasty     = {"hasty", false, 0, 0.0, {{"solver", "max_iter", "1"}}};
        char                     told[256] = "";
        functional               f;
        int32_t                  reason[N];
        open_context();
        pdm_model *m = model_of_sort(&equations[NONLINEAR], &hasty);
        make_functional(&f, m);
        pdm_context_set_log(ctx, keep, told, PDM_LOG_WARNING);
        OK(pdm_model_gradient(m, N, f.x, f.g_u, f.g, NULL, reason));
        for (int i = 0; i < N; i++) ck_assert_int_eq(reason[i], PDM_REASON_MAX_ITER);
        for (pdm_size i = 0; i < f.n_input; i++) ck_assert(isnan(f.g[i]));
        ck_assert_msg(strncmp(told, "3 of 3 gradients are NaN", 24) == 0, "%s", told);
        f.g_u[4] = INFINITY;
        ck_assert_int_eq(pdm_model_gradient(m, N, f.x, f.g_u, f.g, NULL, NULL), PDM_ERR_DATA);
        SAYS("number 4 of sample 0 is inf");
        drop(&f);
        pdm_model_destroy(&m);
        close_context();
    }
END_TEST

/* What is answered in a way that has no derivative yet. */
static const struct refusal {
    const char *says;
    double      polish, until;
    word        words[OWN];
} refusals[] = {
    {"experts:slabs", 0.0, 1.0, {{"experts", "slabs", "2"}}},
    {"slabs of time", 1e-6, 1.0, {{"domain/t", "slabs", "2"}}},
    {"a gate chooses", 0.0, 1.0, {{"gate", "groups", "2"}, {"gate", "unknowns", "0.5"}}},
    {"few rows", 0.0, 1.0, {{"experts", "prior", "pod"}, {"training", "solutions", "12"}, {"solver", "rows", "few"}}},
    {"by themselves", 0.0, 1.0, {{"domain/x", "experts", "2"}, {"solver", "mode", "independent"}}},
    {"beyond the extent",
     0.0,
     1.5,
     {{"inputs/a", "dimensions", "x"},
      {"inputs/a", "distribution", "gaussian_field(length=1)"},
      {"pde/initial", "u", "a"}}},
};
enum { N_REFUSAL = COUNT(refusals) };

START_TEST(what_it_cannot_do_is_refused)
    {
        const struct refusal *r     = &refusals[_i];
        struct sort           s     = {.polish = r->polish};
        double                x[16] = {1.0}, g_u[1] = {1.0}, g[16];
        memcpy(s.words, r->words, sizeof s.words);
        open_context();
        pdm_model *m = model_of_sort(&equations[0], &s);
        if (m->whole->solving.rows == PDM_ROWS_FEW) {
            OK(pdm_model_set_training(m, "steps", "1"));
            OK(pdm_model_train(m, "gradient-few.nc", NULL, NULL));
            remove("gradient-few.nc");
            remove("gradient-few.log.jsonl");
        }
        OK(pdm_model_set_output(m, "t", 1, &r->until));
        OK(pdm_model_set_output(m, "x", 1, &(double){0.5}));
        ck_assert_int_eq(pdm_model_gradient(m, 1, x, g_u, g, NULL, NULL), PDM_ERR_MODEL);
        SAYS(r->says);
        pdm_model_destroy(&m);
        close_context();
    }
END_TEST

int main(void)
{
    Suite *s = suite_create("gradient");
    TCase *t = tcase_create("gradient");
    tcase_set_timeout(t, 120);
    tcase_add_loop_test(t, answers_change_as_it_says, 0, N_EQUATION * N_SORT);
    tcase_add_test(t, it_is_the_transpose_of_a_linear_answer);
    tcase_add_loop_test(t, samples_do_not_know_of_each_other, 0, 3);
    tcase_add_test(t, what_has_not_converged_is_not_a_number);
    tcase_add_loop_test(t, what_it_cannot_do_is_refused, 0, N_REFUSAL);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
