/* Models whose experts answer slab after slab of time (experts:slabs): against exact solutions, an integrator of the
 * test's own, solves with all coefficients free, and themselves. */
#include "kin/kin_impl.h"
#include "predict/predict.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/models.h"
#include "tests/prediction.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))
enum { WORDS = 24 };

/* As many words as are there, with a small network. */
static pdm_case *case_of(const word *w, const char *slabs)
{
    static const word small[] = {{"surrogate", "width", "4"},
                                 {"surrogate", "layers", "1"},
                                 {"surrogate", "hidden", "4"},
                                 {"solver", "tolerance", "1e-9"}};
    pdm_case         *c       = NULL;
    OK(pdm_case_create(ctx, &c));
    set(c, COUNT(small), small);
    for (int i = 0; i < WORDS && w[i].group; i++) set(c, 1, &w[i]);
    OK(pdm_case_set_text(c, "experts", "slabs", slabs));
    return c;
}

#define TIME(low_high, n)               \
    {"domain/t", "extent", low_high},   \
    {                                   \
        "domain/t", "control_points", n \
    }
#define SPACE(low_high, n)              \
    {"domain/x", "extent", low_high},   \
    {                                   \
        "domain/x", "control_points", n \
    }

/* ---- exact solutions ---- */

/* Untrained and after two steps of training, in slabs: worst relative error of all samples below `error`; with the same
 * columns for all of time at once above `at_once`. */
typedef struct exact_case {
    const char *name, *slabs;
    word        words[WORDS];
    double      error, at_once;
} exact_case;
static const exact_case exact_cases[] = {
    {"growth from a small state, an expression",
     "8",
     {{"pde", "fields", "u"},
      {"pde/residuals", "u", "dt(u) - u*(1 - u)"},
      {"pde/initial", "u", "0.001*a"},
      {"pde/exact", "u", "1/(1 + (1000/a - 1)*exp(-t))"},
      {"inputs/a", "distribution", "uniform(0.5, 2)"},
      {"experts", "basis", "6"},
      {"domain", "dimensions", "t"},
      TIME("0 20", "33")},
     1e-3,
     0.5},
    /* t is read by a definition, the equation, both sides and the initial state; time starts at 2 */
    {"equations that read t",
     "6",
     {{"pde", "fields", "u"},
      {"pde/definitions", "e", "(1 + 0.3*sin(3*t + a))*(1 + 0.2*x^2) + 0.1*t"},
      {"pde/residuals", "u", "dt(u) - dx(0.1*dx(u)) - (dt(e) - 0.1*dxx(e))"},
      {"pde/initial", "u", "e"},
      {"pde/boundary", "x_min", "u = e"},
      {"pde/boundary", "x_max", "dx(u) = dx(e)"},
      {"pde/exact", "u", "e"},
      {"inputs/a", "distribution", "uniform(0, 3)"},
      {"training", "batch", "3"},
      {"experts", "basis", "56"}, /* all that there are */
      {"domain", "dimensions", "t x"},
      TIME("2 5", "27"),
      SPACE("0 1", "8")},
     1e-4,
     1e-3},
    {"second order in time",
     "8",
     {{"pde", "fields", "u"},
      {"pde/residuals", "u", "dt(dt(u)) - dxx(u)"},
      {"pde/initial", "u", "sin(pi*x)"},
      {"pde/initial", "u_t", "b*pi*sin(pi*x)"},
      {"pde/boundary", "x_min", "u = 0"},
      {"pde/boundary", "x_max", "u = 0"},
      {"pde/exact", "u", "sin(pi*x)*(cos(pi*t) + b*sin(pi*t))"},
      {"inputs/b", "distribution", "uniform(-1, 1)"},
      {"experts", "basis", "40"},
      {"domain", "dimensions", "t x"},
      {"domain/x", "experts", "2"},
      TIME("0 2", "43"),
      SPACE("0 1", "14")},
     2e-3,
     0.1},
    {"a positive field, from an input field and a scalar",
     "4",
     {{"pde", "fields", "u"},
      {"pde", "positive", "u 0.1"},
      {"pde/residuals", "u", "dt(u) + a*u"},
      {"pde/initial", "u", "1 + 0.1*u0"},
      {"pde/exact", "u", "(1 + 0.1*u0)*exp(-a*t)"},
      {"inputs/a", "distribution", "uniform(1, 2)"},
      {"inputs/u0", "distribution", "gaussian_field(length=0.5)"},
      {"inputs/u0", "dimensions", "x"},
      {"training", "batch", "3"},
      {"experts", "basis", "56"},
      {"domain", "dimensions", "t x"},
      TIME("0 3", "19"),
      SPACE("0 1", "8")},
     1e-3,
     5e-3},
    /* the spline through g at the control points is what the equation sees: its time derivative is exact there */
    {"an input field that varies in time",
     "4",
     {{"pde", "fields", "u"},
      {"pde/residuals", "u", "dt(u) - dt(g) - 0.5*(u - g)"},
      {"pde/initial", "u", "g"},
      {"pde/exact", "u", "g"},
      {"inputs/g", "distribution", "gaussian_field(length=0.5, mean=2, amplitude=0.5)"},
      {"inputs/g", "dimensions", "t x"},
      {"training", "batch", "3"},
      {"experts", "basis", "56"},
      {"solver", "ridge", "1e-12"},
      {"domain", "dimensions", "t x"},
      TIME("1 4", "19"),
      SPACE("0 1", "8")},
     1e-3,
     1e-2},
    {"columns of the equations",
     "6",
     {{"pde", "fields", "u"},
      {"pde/residuals", "u", "dt(u) - dx(0.1*dx(u))"},
      {"pde/initial", "u", "1 + sin(x)"},
      {"pde/exact", "u", "1 + exp(-0.1*t)*sin(x)"},
      {"experts", "prior", "taylor"},
      {"experts", "basis", "12"},
      {"domain", "dimensions", "t x"},
      {"domain/x", "kind", "periodic"},
      TIME("0 6", "33"),
      SPACE("0 6.283185307179586", "16")},
     1e-3,
     0.0},
};

static double exact_error(const exact_case *x, const char *slabs, int steps)
{
    pdm_case  *c = case_of(x->words, slabs);
    pdm_model *m = trained(c, steps);
    ck_assert_msg((m->march != NULL) == (strcmp(slabs, "1") != 0), "%s", x->name);
    OK(pdm_model_evaluate_exact(m, 0.0, NULL, NULL));
    ck_assert_msg(pdm_model_value(m, "unconverged") == 0.0, "%s: %g unconverged", x->name,
                  pdm_model_value(m, "unconverged"));
    const double error = pdm_model_value(m, "error.worst");
    pdm_model_destroy(&m);
    pdm_case_destroy(&c);
    return error;
}

START_TEST(models_in_slabs_reach_the_exact_solution)
    {
        const exact_case *x = &exact_cases[_i];
        open_context();
        const double untrained = exact_error(x, x->slabs, 0), slabs = exact_error(x, x->slabs, 2),
                     at_once = exact_error(x, "1", 0);
        printf("%s: untrained %.2e, two steps %.2e, at once %.2e\n", x->name, untrained, slabs, at_once);
        ck_assert_msg(untrained < x->error, "%s: %g", x->name, untrained);
        ck_assert_msg(slabs < x->error, "%s: %g", x->name, slabs);
        ck_assert_msg(at_once > x->at_once, "%s: %g", x->name, at_once);
        close_context();
    }
END_TEST

/* A pendulum from near its top, beside the classical method of Runge and Kutta. */
static const word pendulum_words[] = {{"pde", "fields", "q"},
                                      {"pde/residuals", "q", "dt(dt(q)) + sin(q)"},
                                      {"pde/initial", "q", "q0"},
                                      {"pde/initial", "q_t", "0"},
                                      {"inputs/q0", "distribution", "uniform(3.05, 3.12)"},
                                      {"training", "steps", "60"},
                                      {"experts", "basis", "6"},
                                      {"domain", "dimensions", "t"},
                                      TIME("0 20", "83"),
                                      {0}};

static void swing(double h, int n, double *q, double *v)
{
    for (int i = 0; i < n; i++) {
        double       k[4], l[4], at = *q, rate = *v;
        const double part[] = {0.5 * h, 0.5 * h, h};
        for (int s = 0; s < 4; s++) {
            k[s] = rate;
            l[s] = -sin(at);
            if (s == 3) break;
            at   = *q + part[s] * k[s];
            rate = *v + part[s] * l[s];
        }
        *q += h / 6.0 * (k[0] + 2.0 * k[1] + 2.0 * k[2] + k[3]);
        *v += h / 6.0 * (l[0] + 2.0 * l[1] + 2.0 * l[2] + l[3]);
    }
}

static double pendulum_error(const char *slabs)
{
    enum { N = 41, STEPS = 2000, TRAINED = 60 };
    const double     start = 3.1;
    double           time[N], u[N], q = start, v = 0.0, square = 0.0, norm = 0.0;
    double          *coordinate[PDM_MAX_DIM] = {time};
    const pdm_size   n[PDM_MAX_DIM]          = {N};
    pdm_solve_result result;
    pdm_case        *c = case_of(pendulum_words, slabs);
    pdm_model       *m = trained(c, TRAINED);

    for (int i = 0; i < N; i++) time[i] = 20.0 * i / (N - 1);
    OK(predict_on(m, n, coordinate, 0.0, 1, &start, u, &result));
    for (int i = 0; i < N; i++) {
        if (i > 0) swing(20.0 / (N - 1) / STEPS, STEPS, &q, &v);
        square += (u[i] - q) * (u[i] - q);
        norm += q * q;
    }
    pdm_model_destroy(&m);
    pdm_case_destroy(&c);
    return sqrt(square / norm);
}

START_TEST(a_pendulum_falls_as_it_must)
    {
        open_context();
        const double slabs = pendulum_error("20"), at_once = pendulum_error("1");
        printf("pendulum: in 20 slabs %.2e, at once %.2e\n", slabs, at_once);
        ck_assert_double_lt(slabs, 1e-2);
        ck_assert_double_gt(at_once, 0.3);
        close_context();
    }
END_TEST

static const word logistic_words[] = {{"pde", "fields", "u"},
                                      {"pde/residuals", "u", "dt(u) - u*(1 - u)"},
                                      {"pde/initial", "u", "a"},
                                      {"pde/exact", "u", "1/(1 + (1/a - 1)*exp(-t))"},
                                      {"inputs/a", "distribution", "uniform(0.0005, 0.002)"},
                                      {"experts", "basis", "5"},
                                      {"training", "batch", "2"},
                                      {"domain", "dimensions", "t"},
                                      TIME("0 20", "33"),
                                      {0}};

/* ---- training ---- */

/* t is read, an input has time, another is the initial state in an expression. */
static const word moving_words[]       = {{"pde", "fields", "u"},
                                          {"pde/residuals", "u", "dt(u) - dx(0.05*dx(u)) - a*u + u^3 - g*cos(t)"},
                                          {"pde/initial", "u", "0.3*u0 + a"},
                                          {"pde/boundary", "x_min", "flux(u) = 0"},
                                          {"pde/boundary", "x_max", "u = 0.3*u0 + a*exp(-t)"},
                                          {"inputs/a", "distribution", "uniform(0.5, 1)"},
                                          {"inputs/u0", "distribution", "gaussian_field(length=0.5)"},
                                          {"inputs/u0", "dimensions", "x"},
                                          {"inputs/g", "distribution", "gaussian_field(length=0.7)"},
                                          {"inputs/g", "dimensions", "t x"},
                                          {"training", "batch", "4"},
                                          {"experts", "basis", "5"},
                                          {"domain", "dimensions", "t x"},
                                          {"domain/x", "experts", "2"},
                                          TIME("0 2", "15"),
                                          SPACE("0 1", "8"),
                                          {0}};
static const word second_order_words[] = {{"pde", "fields", "u"},
                                          {"pde/residuals", "u", "dt(dt(u)) - dxx(u) + a*u^3"},
                                          {"pde/initial", "u", "sin(pi*x)"},
                                          {"pde/initial", "u_t", "a*sin(pi*x)"},
                                          {"pde/boundary", "x_min", "u = 0"},
                                          {"pde/boundary", "x_max", "u = 0"},
                                          {"inputs/a", "distribution", "uniform(-1, 1)"},
                                          {"training", "batch", "3"},
                                          {"experts", "basis", "5"},
                                          {"domain", "dimensions", "t x"},
                                          TIME("0 2", "15"),
                                          SPACE("0 1", "8"),
                                          {0}};
enum { SLABS = 3 };

/* Samples of a batch are in different slabs, each is where its time says, and its inputs are those of that time. */
START_TEST(samples_of_training_go_through_the_slabs)
    {
        int visits[SLABS] = {0};
        open_context();
        pdm_model       *m     = model_of(case_of(moving_words, "3"));
        const pdm_march *march = m->march;
        const pdm_size   n_in = pdm_domain_n_input(march->slab->domain), n_whole = pdm_domain_n_input(m->whole->domain),
                       start = pdm_domain_input_offset(march->slab->domain, pdm_pde_start(march->slab->pde));
        double *right        = malloc((size_t)n_in * sizeof(double));
        ck_assert_ptr_nonnull(right);
        for (int k = 0; k < 4 * SLABS; k++) {
            OK(pdm_model_draw(m, m->state.step));
            for (pdm_size i = 0; i < m->n_batch; i++) {
                const double *own = m->samples->input + i * n_in;
                ck_assert_double_eq_tol(own[start], 2.0 / SLABS * (double)m->state.carried.slab[i], 1e-14);
                if (k >= SLABS) visits[m->state.carried.slab[i]]++;
                memcpy(right, own, (size_t)n_in * sizeof *own);
                OK(pdm_march_follow(march, 1, m->drawn + i * n_whole, right));
                ck_assert_mem_eq(own, right, (size_t)n_in * sizeof *own);
            }
            OK(pdm_model_train_step(m));
        }
        for (int s = 0; s < SLABS; s++) ck_assert_msg(visits[s] == 3 * 4, "%d visits to slab %d", visits[s], s);
        free(right);
        pdm_model_destroy(&m);
        close_context();
    }
END_TEST

/* The loss of slabs of all sizes is their geometric mean. */
START_TEST(small_states_count_like_large_ones)
    {
        double loss, product = 1.0, least = INFINITY, most = 0.0;
        open_context();
        pdm_case *c = case_of(logistic_words, "6");
        OK(pdm_case_set_text(c, "experts", "basis", "3"));
        pdm_model *m = trained(c, 4);
        OK(model_loss(m, m->state.step, false, &loss));
        for (pdm_size i = 0; i < m->n_batch; i++) {
            const double phi = pdm_solver_results(m->solver)[i].objective;
            product *= phi;
            least = fmin(least, phi);
            most  = fmax(most, phi);
        }
        ck_assert_double_gt(most, 10.0 * least);
        ck_assert_double_eq_tol(loss / pow(product, 1.0 / (double)m->n_batch), 1.0, 1e-9);
        pdm_model_destroy(&m);
        pdm_case_destroy(&c);
        close_context();
    }
END_TEST

static void report(void *user, const char *text)
{
    snprintf(user, 8192, "%s", text);
}

typedef struct gradient_case {
    const word *words;
    word        change;
} gradient_case;
static const gradient_case gradient_cases[] = {{moving_words, {"experts", "basis", "5"}},
                                               {moving_words, {"experts", "partition", "learned"}},
                                               {moving_words, {"gate", "unknowns", "0.6"}},
                                               {second_order_words, {"experts", "basis", "5"}},
                                               {second_order_words, {"experts", "partition", "smooth"}}};

START_TEST(the_gradient_in_slabs_passes_the_taylor_test)
    {
        const gradient_case *x = &gradient_cases[_i];
        char                 table[8192];
        double               slope   = 0.0;
        pdm_size             further = 0;
        open_context_threads(2);
        pdm_case *c = case_of(x->words, "3");
        set(c, 1, &x->change);
        OK(pdm_case_set_text(c, "solver", "ridge", "1e-4"));
        pdm_model *m = model_of(c);
        for (int i = 0; i < 4; i++) OK(pdm_model_train_step(m));
        for (pdm_size i = 0; i < m->n_batch; i++) further += m->state.carried.slab[i] > 0;
        ck_assert_int_gt(further, 0);
        OK(pdm_model_check_gradient(m, &slope, report, table));
        ck_assert_msg(fabs(slope - 2.0) <= 0.1, "%s = %s\n%s", x->change.name, x->change.value, table);
        pdm_model_destroy(&m);
        close_context();
    }
END_TEST

static float *weights_of(pdm_model *m)
{
    const size_t bytes = (size_t)m->surrogate->n_parameter * sizeof(float);
    float       *copy  = malloc(bytes);
    void        *host  = NULL;
    ck_assert_ptr_nonnull(copy);
    OK(m->problem->backend->ops->acquire(m->problem->backend, m->surrogate->parameters, PDM_READ, &host));
    memcpy(copy, host, bytes);
    OK(m->problem->backend->ops->release(m->problem->backend, m->surrogate->parameters, &host));
    return copy;
}

START_TEST(resumed_training_in_slabs_is_the_same_training)
    {
        float *weight[2];
        open_context_threads(2);
        pdm_case *c = case_of(_i == 0 ? moving_words : second_order_words, "3");
        if (_i == 0) OK(pdm_case_set_text(c, "gate", "unknowns", "0.7"));
        pdm_model     *m     = model_of(c);
        const pdm_size bytes = m->surrogate->n_parameter * (pdm_size)sizeof(float);
        for (int k = 0; k < 9; k++) {
            if (k == 4) OK(pdm_model_write(m, "march-resume.nc"));
            OK(pdm_model_train_step(m));
        }
        weight[0] = weights_of(m);
        pdm_model_destroy(&m);
        OK(pdm_model_read(ctx, "march-resume.nc", &m));
        ck_assert_ptr_nonnull(m->march);
        for (int k = 4; k < 9; k++) OK(pdm_model_train_step(m));
        weight[1] = weights_of(m);
        ck_assert_mem_eq(weight[0], weight[1], (size_t)bytes);
        pdm_model_destroy(&m);
        remove("march-resume.nc");
        free(weight[0]), free(weight[1]);
        close_context();
    }
END_TEST

/* ---- prediction ---- */

/* For inputs that are drawn: all of them at the points of the grid, and what is asked of them. */
static double *predicted(pdm_model *m, pdm_size n, const double *input)
{
    double *u = malloc((size_t)(n * pdm_model_n_field(m) * pdm_model_n_point(m)) * sizeof(double));
    ck_assert_ptr_nonnull(u);
    OK(pdm_model_predict(m, n, input, u, NULL));
    return u;
}

/* Sample by sample, in batches, from a file and to one, and by a model that was written and read: the same bits. */
START_TEST(all_ways_to_predict_are_one)
    {
        enum { N = 6 };
        static const char *const dims[] = {"sample", "t", "x"};
        double                   input[N];
        pdm_output              *o = NULL;
        pdm_fields              *f = NULL;
        pdm_size                 shape[3];
        double                  *read       = NULL;
        const char *const        of_input[] = {"sample"};
        open_context();
        pdm_case *c = case_of(second_order_words, "3");
        if (_i == 1) OK(pdm_case_set_text(c, "domain/x", "grading", "auto")); /* found for all of time */
        pdm_model *m = trained(c, 5), *again = NULL;
        for (int k = 0; k < 5; k++)
            ck_assert_double_eq(pdm_domain_spline(m->problem->domain, 1)->breaks[k],
                                pdm_domain_spline(m->whole->domain, 1)->breaks[k]);
        ck_assert((_i == 1) == (pdm_domain_spline(m->whole->domain, 1)->breaks[1] != 0.2));
        for (int i = 0; i < N; i++) input[i] = -1.0 + 2.0 * i / (N - 1);
        const pdm_size size = pdm_model_n_point(m);
        double        *u    = predicted(m, N, input);
        for (int i = 0; i < N; i++) {
            double *one = predicted(m, 1, input + i);
            ck_assert_mem_eq(one, u + i * size, (size_t)size * sizeof(double));
            free(one);
        }
        OK(pdm_model_write(m, "march-model.nc"));
        OK(pdm_model_read(ctx, "march-model.nc", &again));
        double *v = predicted(again, N, input);
        ck_assert_mem_eq(v, u, (size_t)(N * size) * sizeof(double));
        free(v);
        OK(pdm_output_create(ctx, "march-inputs.nc", &o));
        OK(pdm_output_dimension(o, "sample", N, NULL, NULL, NULL, NULL));
        OK(pdm_output_variable(o, "a", 1, of_input, "1", NULL));
        OK(pdm_output_put(o, "a", 0, N, input));
        OK(pdm_output_commit(o));
        pdm_output_destroy(&o);
        OK(pdm_model_predict_file(again, "march-inputs.nc", "march-fields.nc", 0.0));
        OK(pdm_fields_open(ctx, "march-fields.nc", &f));
        OK(pdm_fields_read(f, "u", 3, dims, NULL, shape, &read));
        ck_assert_int_eq(shape[0] * shape[1] * shape[2], N * size);
        ck_assert_mem_eq(read, u, (size_t)(N * size) * sizeof(double));
        pdm_free(ctx, read);
        pdm_fields_close(&f);
        free(u);
        pdm_model_destroy(&again);
        pdm_model_destroy(&m);
        pdm_case_destroy(&c);
        remove("march-model.nc"), remove("march-inputs.nc"), remove("march-fields.nc");
        close_context();
    }
END_TEST

/* With as many columns as there are coefficients the experts' answer is the polished one, which is another march of the
 * same slabs, with another solver. Inputs that have time, times between, and the time that is the end of a slab. */
START_TEST(all_columns_give_the_polished_answer)
    {
        enum { N = 7, X = 5, SAMPLES = 2 };
        double           time[N] = {0.0, 0.3, 2.0 / 3.0, 1.0, 4.0 / 3.0, 1.9, 2.0}, x[X] = {0.0, 0.2, 0.5, 0.9, 1.0};
        double           u[SAMPLES * N * X], v[SAMPLES * N * X], difference = 0.0, norm = 0.0;
        double          *coordinate[PDM_MAX_DIM] = {time, x};
        const pdm_size   n[PDM_MAX_DIM]          = {N, X};
        pdm_solve_result result[SAMPLES];
        open_context();
        pdm_case *c = case_of(moving_words, "3");
        OK(pdm_case_set_text(c, "experts", "basis", "60"));
        OK(pdm_case_set_text(c, "domain/x", "experts", "1"));
        OK(pdm_case_set_text(c, "domain/t", "slabs", "3"));
        OK(pdm_case_set_text(c, "solver", "ridge", "1e-14"));
        OK(pdm_case_set_text(c, "solver", "max_iter", "100"));
        pdm_model *m = model_of(c);
        ck_assert_int_eq(pdm_experts_n_column(m->experts), pdm_domain_n_free(m->problem->domain));
        double *input = malloc((size_t)(SAMPLES * pdm_model_n_input(m)) * sizeof(double));
        ck_assert_ptr_nonnull(input);
        OK(pdm_inputs_draw_unseen(m->whole->inputs, SAMPLES, input));
        OK(predict_on(m, n, coordinate, 0.0, SAMPLES, input, u, result));
        OK(predict_on(m, n, coordinate, 1e-10, SAMPLES, input, v, result));
        for (int i = 0; i < SAMPLES * N * X; i++) {
            difference += (u[i] - v[i]) * (u[i] - v[i]);
            norm += v[i] * v[i];
        }
        ck_assert_double_lt(sqrt(difference / norm), 1e-5);
        free(input);
        pdm_model_destroy(&m);
        close_context();
    }
END_TEST

static const word growth_words[] = {{"pde", "fields", "u"},
                                    {"pde/residuals", "u", "dt(u) - a*u"},
                                    {"pde/initial", "u", "u0"},
                                    {"inputs/a", "distribution", "uniform(0, 1)"},
                                    {"inputs/u0", "distribution", "gaussian_field(length=0.5)"},
                                    {"inputs/u0", "dimensions", "x"},
                                    {"experts", "basis", "72"},
                                    {"domain", "dimensions", "t x"},
                                    TIME("1 3", "25"),
                                    SPACE("0 1", "9"),
                                    {0}};

/* Times beyond the horizon, where the whole can be rolled out; an estimate and verdicts beside it; and inputs that are
 * those of the case, so that states that have grown are not outside of what training drew. */
START_TEST(slabs_go_on_beyond_the_horizon)
    {
        enum { N = 5, X = 9 };
        double           time[N] = {1.0, 1.7, 3.0, 3.4, 6.2}, x[X], u[N * X], input[10], wrong[1] = {4.0};
        double          *coordinate[PDM_MAX_DIM] = {time, x};
        const pdm_size   n[PDM_MAX_DIM]          = {N, X};
        pdm_solve_result result;
        open_context();
        pdm_model *m = model_of(case_of(growth_words, "5"));
        for (int i = 0; i < X; i++) x[i] = pdm_domain_greville(m->whole->domain, 1)[i];
        ck_assert_int_eq(pdm_model_n_input(m), 10);
        OK(pdm_inputs_draw_unseen(m->whole->inputs, 1, input));
        OK(predict_on(m, n, coordinate, 0.0, 1, input, u, &result));
        for (int k = 0; k < N; k++)
            for (int i = 0; i < X; i++) {
                const double grown = exp(input[0] * (time[k] - 1.0));
                ck_assert_double_eq_tol(u[k * X + i], input[1 + i] * grown, 3e-4 * grown);
            }
        pdm_model_destroy(&m);
        m = model_of(case_of(moving_words, "3")); /* which reads t */
        ck_assert_int_eq(pdm_model_set_output(m, "t", 1, wrong), PDM_ERR_DATA);
        SAYS("equations without t");
        pdm_model_destroy(&m);
        close_context();
    }
END_TEST

START_TEST(files_evaluations_and_estimates_speak_of_the_whole)
    {
        enum { N = 2 };
        const double      input[N]   = {0.0006, 0.0019};
        const char *const of_input[] = {"sample"};
        pdm_output       *o          = NULL;
        open_context();
        pdm_case  *c = case_of(logistic_words, "6");
        pdm_model *m = trained(c, 20);
        OK(pdm_output_create(ctx, "march-states.nc", &o));
        OK(pdm_output_dimension(o, "sample", N, NULL, NULL, NULL, NULL));
        OK(pdm_output_variable(o, "a", 1, of_input, "1", NULL));
        OK(pdm_output_put(o, "a", 0, N, input));
        OK(pdm_output_commit(o));
        pdm_output_destroy(&o);
        OK(pdm_model_set_estimate(m, 1));
        OK(pdm_model_predict_file(m, "march-states.nc", "march-whole.nc", 0.0));
        ck_assert_double_eq(pdm_model_value(m, "outside"), 0.0); /* though the state grows to 1 */
        const double estimate = pdm_model_value(m, "estimate");
        OK(pdm_model_set_estimate(m, 0));
        OK(pdm_model_evaluate_file(m, "march-whole.nc", NULL, 1e-9, NULL, NULL)); /* by the polished one */
        ck_assert_double_eq_tol(pdm_model_value(m, "error") / estimate, 1.0, 0.3);
        OK(pdm_model_evaluate_exact(m, 1e-9, NULL, NULL));
        ck_assert_double_lt(pdm_model_value(m, "error"), 1e-4);
        pdm_model_destroy(&m);
        pdm_case_destroy(&c);
        remove("march-states.nc"), remove("march-whole.nc");
        close_context();
    }
END_TEST

/* What a network sees of states: of a size about 1, whatever they are; and of time nothing, where nothing reads it. */
START_TEST(states_are_scaled_by_what_they_come_to)
    {
        open_context();
        pdm_model       *m = model_of(case_of(logistic_words, "6"));
        const pdm_march *x = m->march;
        /* a, the time, and the state, which at t = 0, 10/3, ... is 0.001, 0.03, 0.5, 0.96, 1, 1 */
        ck_assert_int_eq(pdm_pde_n_input(x->slab->pde), 3);
        ck_assert_double_eq(x->scale[0], m->whole->inputs->scale[0]);
        ck_assert_double_eq(x->scale[1], 0.0);
        ck_assert_double_eq_tol(x->shift[2], 0.58, 0.05);
        ck_assert_double_eq_tol(1.0 / x->scale[2], 0.44, 0.05);
        pdm_model_destroy(&m);
        m = model_of(case_of(moving_words, "3"));
        ck_assert_double_eq_tol(m->march->shift[3], 2.0 / 3.0, 1e-14); /* starts at 0, 2/3, 4/3 */
        ck_assert_double_eq_tol(m->march->scale[3], 1.5, 1e-14);
        pdm_model_destroy(&m);
        close_context();
    }
END_TEST

START_TEST(check_tells_of_the_slabs)
    {
        char text[8192];
        open_context();
        pdm_case *c = case_of(moving_words, "3");
        OK(pdm_case_describe(c, report, text)); /* the last text is that of the steps */
        ck_assert_ptr_nonnull(strstr(text, "steps"));
        pdm_model *m = model_of(c);
        OK(pdm_model_describe(m, report, text));
        ck_assert_msg(strstr(text, "answer 3 slabs of 0.666667, 4 knot spans (7 control points) each"), "%s", text);
        ck_assert_ptr_nonnull(strstr(text, "0 to 2, bounded, degree 3, 15 control points"));
        pdm_model_destroy(&m);
        close_context();
    }
END_TEST

/* ---- models from models ---- */

START_TEST(kin_keep_the_slabs)
    {
        static const char *const path[]   = {"march-a.nc", "march-b.nc"};
        const double             input[1] = {0.4};
        pdm_case                *more     = NULL;
        pdm_model               *child = NULL, *merged = NULL, *up = NULL;
        pdm_compress_settings    s;
        open_context();
        pdm_case *c = case_of(second_order_words, "3");
        if (_i == 1) OK(pdm_case_set_text(c, "gate", "groups", "2"));
        if (_i == 1) OK(pdm_case_set_text(c, "experts", "basis", "6"));
        pdm_model *parent = trained(c, 4);
        child             = branch(parent, (word){"training", "steps", "5"}, 0);
        double *u = predicted(parent, 1, input), *v = predicted(child, 1, input);
        ck_assert_mem_eq(u, v, (size_t)pdm_model_n_point(parent) * sizeof(double));
        free(u), free(v);
        for (int k = 0; k < 3; k++) OK(pdm_model_train_step(child));
        OK(pdm_model_write(child, path[0]));
        pdm_model_destroy(&child);
        child = branch(parent, (word){"training", "seed", "2"}, 3);
        OK(pdm_model_write(child, path[1]));
        pdm_model_destroy(&child);
        OK(pdm_model_merge(ctx, 2, path, NULL, &merged));
        ck_assert_int_eq(merged->march->n_slab, 3);
        free(predicted(merged, 1, input));
        OK(pdm_case_copy(c, &more));
        OK(pdm_case_set_text(more, "domain/x", "experts", "2"));
        OK(pdm_model_upcycle(merged, more, NULL, 0.1, NULL, NULL, NULL, &up));
        ck_assert_int_eq(pdm_experts_columns(up->experts)->n_expert, 2);
        free(predicted(up, 1, input));
        pdm_model_destroy(&up);
        OK(pdm_case_set_text(more, "experts", "slabs", "2"));
        ck_assert_int_eq(pdm_model_upcycle(merged, more, NULL, 0.1, NULL, NULL, NULL, &up), PDM_ERR_CASE);
        SAYS("/experts:slabs is 3");
        ck_assert_int_eq(pdm_model_create_from(more, parent, &up), PDM_ERR_MODEL);
        SAYS("/experts:slabs: 2 against 3");
        OK(pdm_case_set_text(c, "training", "seed", "3"));
        child = trained(c, 1); /* whose states have another centre */
        OK(pdm_model_write(child, path[1]));
        pdm_model_destroy(&child);
        ck_assert_int_eq(pdm_model_merge(ctx, 2, path, NULL, &child), PDM_ERR_MODEL);
        SAYS("centres of states");
        pdm_compress_settings_init(&s, sizeof s);
        s.energy = 0.9;
        OK(pdm_model_compress(merged, "march-less.nc", &s, NULL, NULL, NULL));
        pdm_model_destroy(&merged);
        pdm_model_destroy(&parent);
        pdm_case_destroy(&more);
        pdm_case_destroy(&c);
        remove(path[0]), remove(path[1]), remove("march-less.nc");
        close_context();
    }
END_TEST

/* Inputs that models are judged by are those of slabs in turn: the second one is a slab further than the first. */
START_TEST(models_are_judged_in_all_slabs)
    {
        open_context();
        pdm_case      *c     = case_of(second_order_words, "3");
        pdm_model     *m     = trained(c, 2);
        trial_inputs   x     = {0};
        const pdm_size n_in  = pdm_domain_n_input(m->problem->domain),
                       start = pdm_domain_input_offset(m->problem->domain, pdm_pde_start(m->problem->pde));
        OK(trial_inputs_create(m, &x));
        ck_assert(x.has_floor);
        for (pdm_size i = 0; i < x.n; i++)
            ck_assert_double_eq_tol(x.input[i * n_in + start], 2.0 / 3.0 * (double)(i % 3), 1e-14);
        trial_inputs_destroy(ctx, &x);
        pdm_model_destroy(&m);
        pdm_case_destroy(&c);
        close_context();
    }
END_TEST

/* ---- what is refused ---- */

typedef struct refusal {
    const word *words_of;
    word        change;
    const char *words;
} refusal;
static const refusal refusals[] = {
    {moving_words, {"experts", "slabs", "0"}, "slabs"},
    {moving_words, {"experts", "slabs", "1.5"}, "slabs"},
    {moving_words, {"experts", "slabs", "7"}, "at most 5"},
    {moving_words, {"domain/t", "map", "sqrt"}, "knots are not at equal distances"},
    {moving_words, {"domain/t", "grading", "auto"}, "knots are not at equal distances"},
    {moving_words, {"domain/t", "sub", "1"}, "one row a knot span"},
    {moving_words, {"inputs/g", "kind", "cells"}, "\"g\" is on cells of it"},
    {moving_words, {"training", "loss", "data"}, "a loss on data"},
    {growth_words, {"training", "slabs", "2"}, "experts:slabs = 3"},
    {moving_words, {"experts", "boxes", "measured"}, "experts:slabs = 3"},
};

START_TEST(what_does_not_go_with_slabs_is_refused)
    {
        const refusal *x = &refusals[_i];
        pdm_model     *m = NULL;
        open_context();
        pdm_case *c = case_of(x->words_of, "3");
        set(c, 1, &x->change);
        ck_assert_int_eq(pdm_model_create(c, &m), PDM_ERR_CASE);
        SAYS(x->words);
        SAYS("slabs");
        pdm_case_destroy(&c);
        close_context();
    }
END_TEST

/* A start with a layer is graded by itself, which is said with what to do about it. */
START_TEST(a_start_with_a_layer_is_refused)
    {
        static const word words[] = {{"pde", "fields", "u"},
                                     {"pde/residuals", "u", "dt(u) - dx(0.1*dx(u))"},
                                     {"pde/initial", "u", "0"},
                                     {"pde/boundary", "x_min", "u = 1"},
                                     {"pde/boundary", "x_max", "flux(u) = 0"},
                                     {"domain", "dimensions", "t x"},
                                     TIME("0 1", "15"),
                                     SPACE("0 1", "12"),
                                     {0}};
        pdm_model        *m       = NULL;
        open_context();
        pdm_case *c = case_of(words, "3");
        ck_assert_int_eq(pdm_model_create(c, &m), PDM_ERR_CASE);
        SAYS("grading = \"none\"");
        OK(pdm_case_set_text(c, "domain/t", "grading", "none"));
        OK(pdm_model_create(c, &m));
        double none;
        ck_assert_int_eq(pdm_model_compare_modes(m, NULL, 0, NULL, 10, NULL, NULL, &none), PDM_ERR_MODEL);
        SAYS("experts:slabs = 3");
        pdm_model_destroy(&m);
        pdm_case_destroy(&c);
        close_context();
    }
END_TEST

/* Whatever allocation fails, all is given back: close_context() looks. */
START_TEST(allocation_failures_leave_nothing)
    {
        const double input[1] = {0.001};
        pdm_status   status   = PDM_ERR_MEMORY;
        open_context();
        pdm_case *c = case_of(logistic_words, "6");
        for (pdm_size k = 1; status != PDM_OK; k++) {
            pdm_model *m = NULL;
            double     u[200];
            pdm_context_fail_allocation(ctx, k);
            status = pdm_model_create(c, &m);
            if (status == PDM_OK) ck_assert_int_le(pdm_model_n_point(m), 200);
            if (status == PDM_OK) status = pdm_model_train_step(m);
            if (status == PDM_OK) status = pdm_model_predict(m, 1, input, u, NULL);
            pdm_context_fail_allocation(ctx, 0);
            ck_assert_msg(status == PDM_OK || status == PDM_ERR_MEMORY, "%s", pdm_context_error(ctx));
            pdm_model_destroy(&m);
        }
        pdm_case_destroy(&c);
        close_context();
    }
END_TEST

int main(void)
{
    Suite *s = suite_create("march_model");
    TCase *t = tcase_create("march_model");
    tcase_set_timeout(t, 120);
    tcase_add_loop_test(t, models_in_slabs_reach_the_exact_solution, 0, (int)COUNT(exact_cases));
    tcase_add_test(t, a_pendulum_falls_as_it_must);
    tcase_add_test(t, samples_of_training_go_through_the_slabs);
    tcase_add_test(t, small_states_count_like_large_ones);
    tcase_add_loop_test(t, the_gradient_in_slabs_passes_the_taylor_test, 0, (int)COUNT(gradient_cases));
    tcase_add_loop_test(t, resumed_training_in_slabs_is_the_same_training, 0, 2);
    tcase_add_loop_test(t, all_ways_to_predict_are_one, 0, 2);
    tcase_add_test(t, all_columns_give_the_polished_answer);
    tcase_add_test(t, slabs_go_on_beyond_the_horizon);
    tcase_add_test(t, files_evaluations_and_estimates_speak_of_the_whole);
    tcase_add_test(t, states_are_scaled_by_what_they_come_to);
    tcase_add_test(t, check_tells_of_the_slabs);
    tcase_add_loop_test(t, kin_keep_the_slabs, 0, 2); /* without a gate, and with one */
    tcase_add_test(t, models_are_judged_in_all_slabs);
    tcase_add_loop_test(t, what_does_not_go_with_slabs_is_refused, 0, (int)COUNT(refusals));
    tcase_add_test(t, a_start_with_a_layer_is_refused);
    if (!on_backend("check")) tcase_add_test(t, allocation_failures_leave_nothing);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
