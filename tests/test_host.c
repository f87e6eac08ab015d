/* predict/: what a program gets with the answers that it asks for in its own memory: verdicts, as files have them. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/io.h"
#include "tests/models.h"
#include "tests/prediction.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))
enum { N = 3, STEPS = 3, MOST = 12000 };

/* Heat in one dimension; growth, of which a grid at once holds nothing; with a field as input; of two fields. */
static const word heat[]   = {{"pde", "fields", "u"},
                              {"pde/residuals", "u", "dt(u) - dx(0.1*dx(u))"},
                              {"pde/initial", "u", "a*sin(pi*x)"},
                              {"pde/boundary", "x_min", "u = 0"},
                              {"pde/boundary", "x_max", "u = 0"},
                              {"inputs/a", "distribution", "uniform(0.5, 1.5)"},
                              {"domain", "dimensions", "t x"},
                              {"domain/t", "extent", "0 1"},
                              {"domain/t", "control_points", "10"},
                              {"domain/x", "extent", "0 1"},
                              {"domain/x", "control_points", "12"},
                              {0}};
static const word rolled[] = {{"pde", "fields", "u"},
                              {"pde/residuals", "u", "dt(u) - dx(0.1*dx(u))"},
                              {"pde/initial", "u", "u0"},
                              {"pde/boundary", "x_min", "u = 0"},
                              {"pde/boundary", "x_max", "u = 0"},
                              {"inputs/u0", "distribution", "gaussian_field(length=0.4, kind=dirichlet)"},
                              {"inputs/u0", "dimensions", "x"},
                              {"domain", "dimensions", "t x"},
                              {"domain/t", "extent", "0 1"},
                              {"domain/t", "control_points", "10"},
                              {"domain/x", "extent", "0 1"},
                              {"domain/x", "control_points", "12"},
                              {0}};
static const word growth[] = {{"pde", "fields", "u v"},
                              {"pde/residuals", "u", "dt(u) - u*(1 - u)"},
                              {"pde/residuals", "v", "dt(v) + v - u"},
                              {"pde/initial", "u", "a"},
                              {"pde/initial", "v", "1"},
                              {"inputs/a", "distribution", "uniform(0.0005, 0.002)"},
                              {"domain", "dimensions", "t"},
                              {"domain/t", "extent", "0 20"},
                              {"domain/t", "control_points", "33"},
                              {0}};

static const word logistic[] = {{"pde", "fields", "u"},
                                {"pde/residuals", "u", "dt(u) - u*(1 - u)"},
                                {"pde/initial", "u", "a"},
                                {"inputs/a", "distribution", "uniform(0.0005, 0.002)"},
                                {"domain", "dimensions", "t"},
                                {"domain/t", "extent", "0 20"},
                                {"domain/t", "control_points", "33"},
                                {0}};

static const struct sort {
    const word *words;
    const char *slabs;
    double      until; /* the end of time, beyond the extent: a roll-out */
    bool        estimated, doubted;
    const char *basis;
} sorts[] = {{heat, "1", 1.0, false, false, "5"},    {heat, "1", 1.0, true, false, "5"},
             {rolled, "1", 2.5, false, false, "5"},  {growth, "1", 20.0, false, true, "5"},
             {growth, "6", 20.0, false, false, "5"}, {growth, "6", 20.0, true, false, "5"},
             {heat, "2", 1.0, false, false, "5"},    {heat, "1", 1.0, false, false, "40"},
             {heat, "2", 1.0, false, false, "40"},   {logistic, "1", 20.0, false, true, "16"}};

static pdm_model *model_of_sort(const struct sort *s, int steps)
{
    static const word small[] = {{"surrogate", "width", "4"},  {"surrogate", "layers", "1"},
                                 {"surrogate", "hidden", "4"}, {"surrogate", "modes", "2"},
                                 {"training", "batch", "2"},   {"solver", "tolerance", "1e-8"}};
    pdm_case         *c       = NULL;
    OK(pdm_case_create(ctx, &c));
    set(c, COUNT(small), small);
    for (int i = 0; s->words[i].group; i++) set(c, 1, &s->words[i]);
    OK(pdm_case_set_text(c, "experts", "slabs", s->slabs));
    OK(pdm_case_set_text(c, "experts", "basis", s->basis));
    pdm_model *m = trained(c, steps);
    pdm_case_destroy(&c);
    return m;
}

/* The inputs of N samples, and times [n], as a file. */
static void write_inputs(pdm_model *m, const double *input, pdm_size n, const double *time)
{
    const pdm_domain     *d      = m->whole->domain;
    const pdm_input_info *info   = pdm_pde_input(m->whole->pde, 0);
    const char           *dims[] = {"sample", "x"};
    pdm_output           *o      = NULL;
    OK(pdm_output_create(ctx, "host-in.nc", &o));
    OK(pdm_output_dimension(o, "sample", N, NULL, NULL, NULL, NULL));
    OK(pdm_output_dimension(o, "t", n, time, "1", NULL, NULL));
    pdm_size n_x = 0;
    if (info->n_dim > 0) {
        const double *x = pdm_domain_input_points(d, 0, 0, &n_x);
        OK(pdm_output_dimension(o, "x", n_x, x, "1", NULL, NULL));
    }
    OK(pdm_output_variable(o, info->name, 1 + info->n_dim, dims, "1", NULL));
    for (pdm_size i = 0; i < N; i++) OK(pdm_output_put(o, info->name, i, 1, input + i * pdm_model_n_input(m)));
    OK(pdm_output_commit(o));
    pdm_output_destroy(&o);
}

/* Of the file, sample by sample; input fields go through its spline, which rounds. */
static void compare(pdm_fields *f, const char *name, pdm_size stride, const double *mine)
{
    const char *const dims[] = {"sample"};
    pdm_size          n      = 0;
    double           *values = NULL;
    OK(pdm_fields_read(f, name, 1, dims, NULL, &n, &values));
    ck_assert_int_eq(n, N);
    for (int i = 0; i < N; i++)
        ck_assert_msg(fabs(values[i] - mine[i * stride]) <= 1e-9 * fabs(mine[i * stride]),
                      "%s of sample %d: %.17g in the file, %.17g in memory", name, i, values[i], mine[i * stride]);
    pdm_free(ctx, values);
}

typedef struct verdicts {
    int32_t word[N];
    double  number[N], left[N], estimate[2 * N];
} verdicts;

static void take(pdm_model *m, verdicts *v)
{
    OK(pdm_model_verdicts(m, N, v->word, v->left, v->estimate));
    for (int i = 0; i < N; i++) v->number[i] = v->word[i];
}

static void keep(void *user, const char *text)
{
    ck_assert_ptr_nonnull(text);
    snprintf(user, 512, "%s", text);
}

static void keep_much(void *user, const char *text)
{
    snprintf(user, 4096, "%s", text);
}

START_TEST(verdicts_are_those_of_files)
    {
        const struct sort *s       = &sorts[_i];
        const double       time[3] = {0.5 * s->until, 0.75 * s->until, s->until};
        double             input[N * 16], u[MOST];
        char               why[512];
        pdm_fields        *f = NULL;
        verdicts           v;
        open_context();
        pdm_model *m = model_of_sort(s, STEPS);
        ck_assert_int_le(pdm_model_n_input(m), 16);
        OK(pdm_inputs_draw_unseen(m->whole->inputs, N, input));
        OK(pdm_model_set_output(m, "t", COUNT(time), time));
        ck_assert_int_le(N * pdm_model_n_field(m) * pdm_model_n_point(m), MOST);
        OK(pdm_model_set_estimate(m, s->estimated));
        OK(pdm_model_set_verdict(m, 1));
        OK(pdm_model_predict(m, N, input, u, NULL));
        take(m, &v);
        const double doubtful = pdm_model_value(m, "verdict.doubtful"), wrong = pdm_model_value(m, "verdict.wrong");
        const double imbalance = pdm_model_value(m, "imbalance");
        for (int i = 0; i < N; i++) {
            OK(pdm_model_explain_verdict(m, i, keep, why));
            ck_assert_int_eq(v.word[i] >= PDM_VERDICT_DOUBTFUL, why[0] != '\0');
            ck_assert_int_eq(isnan(v.estimate[i]), !s->estimated);
            if (s->doubted) ck_assert_msg(v.word[i] >= PDM_VERDICT_DOUBTFUL, "sample %d: left %g", i, v.left[i]);
            if (s->doubted) ck_assert_ptr_nonnull(strstr(why, "equation "));
            ck_assert_double_gt(v.left[i], 0.0);
        }
        write_inputs(m, input, COUNT(time), time);
        OK(pdm_model_predict_file(m, "host-in.nc", "host-out.nc", 0.0));
        ck_assert_double_eq(pdm_model_value(m, "verdict.doubtful"), doubtful);
        ck_assert_double_eq(pdm_model_value(m, "verdict.wrong"), wrong);
        if (!isnan(imbalance)) ck_assert_double_eq_tol(pdm_model_value(m, "imbalance") / imbalance, 1.0, 1e-9);
        OK(pdm_fields_open(ctx, "host-out.nc", &f));
        compare(f, "verdict", 1, v.number);
        compare(f, "left_over", 1, v.left);
        if (s->estimated && s->words == growth) compare(f, "error_estimate_v", 2, v.estimate + 1);
        if (s->estimated && s->words != growth) compare(f, "error_estimate", 1, v.estimate);
        pdm_fields_close(&f);
        pdm_model_destroy(&m);
        remove("host-in.nc"), remove("host-out.nc");
        close_context();
    }
END_TEST

/* Nothing is taken from the context after the first call, and the fields are what they are without verdicts. */
START_TEST(verdicts_take_no_memory_after_the_first)
    {
        double   input[N * 16], u[2][MOST];
        pdm_size calls[2];
        verdicts v, again;
        if (on_backend("check") || sorts[_i].estimated) return;
        open_context();
        pdm_model *m = model_of_sort(&sorts[_i], STEPS);
        OK(pdm_inputs_draw_unseen(m->whole->inputs, N, input));
        ck_assert_int_le(N * pdm_model_n_field(m) * pdm_model_n_point(m), MOST);
        OK(pdm_model_predict(m, N, input, u[0], NULL));
        OK(pdm_model_set_estimate(m, sorts[_i].estimated));
        OK(pdm_model_set_verdict(m, 1));
        OK(pdm_model_predict(m, N, input, u[1], NULL));
        ck_assert_mem_eq(u[0], u[1], (size_t)(N * pdm_model_n_field(m) * pdm_model_n_point(m)) * sizeof **u);
        take(m, &v);
        pdm_context_memory(ctx, NULL, NULL, &calls[0]);
        OK(pdm_model_predict(m, N, input, u[1], NULL));
        OK(pdm_model_predict(m, 1, input, u[1], NULL));
        OK(pdm_model_predict(m, N, input, u[1], NULL));
        pdm_context_memory(ctx, NULL, NULL, &calls[1]);
        ck_assert_int_eq(calls[1], calls[0]);
        take(m, &again);
        ck_assert_mem_eq(v.word, again.word, sizeof v.word);
        ck_assert_mem_eq(v.left, again.left, sizeof v.left);
        pdm_model_destroy(&m);
        close_context();
    }
END_TEST

/* What a call comes to is that of all its batches. */
START_TEST(numbers_are_of_the_whole_call)
    {
        enum { MANY = 11 };
        double  input[MANY * 16], *u = NULL;
        int32_t reason[MANY], failed = 0;
        open_context();
        pdm_model *m = model_of_sort(&sorts[0], STEPS);
        ck_assert_int_lt(2 * m->n_batch, MANY);
        OK(pdm_inputs_draw_unseen(m->whole->inputs, MANY, input));
        u                           = calloc((size_t)(MANY * pdm_model_n_field(m) * pdm_model_n_point(m)), sizeof *u);
        m->whole->solving.max_iter  = 1;
        m->whole->solving.tolerance = 1e-14;
        OK(pdm_model_predict(m, MANY, input, u, reason));
        for (int i = 0; i < MANY; i++) failed += reason[i] != 1 && reason[i] != 2;
        ck_assert_int_gt(failed, m->n_batch);
        ck_assert_double_eq(pdm_model_value(m, "unconverged"), failed);
        const double all = pdm_model_value(m, "seconds"), solve = pdm_model_value(m, "seconds.solve");
        OK(pdm_model_predict(m, 1, input, u, reason));
        ck_assert_double_eq(pdm_model_value(m, "unconverged"), reason[0] != 1 && reason[0] != 2);
        ck_assert_double_gt(solve, 0.0);
        ck_assert_double_ge(all, solve);
        free(u);
        pdm_model_destroy(&m);
        close_context();
    }
END_TEST

/* There are verdicts of the last call alone, where they were asked for, on the grid that it was for. */
START_TEST(verdicts_are_of_the_last_call)
    {
        const double time[1] = {0.5};
        double       input[N], u[MOST];
        int32_t      words[N];
        char         why[512];
        open_context();
        pdm_model *m = model_of_sort(&sorts[0], STEPS);
        OK(pdm_inputs_draw_unseen(m->whole->inputs, N, input));
        ck_assert_int_eq(pdm_model_verdicts(m, 1, words, NULL, NULL), PDM_ERR_ARGUMENT);
        SAYS("pdm_model_set_verdict");
        OK(pdm_model_set_verdict(m, 1));
        OK(pdm_model_predict(m, N, input, u, NULL));
        OK(pdm_model_verdicts(m, N, NULL, NULL, NULL));
        ck_assert_int_eq(pdm_model_verdicts(m, N + 1, words, NULL, NULL), PDM_ERR_ARGUMENT);
        ck_assert_int_eq(pdm_model_explain_verdict(m, N, keep, why), PDM_ERR_ARGUMENT);
        const double nan_input[1] = {NAN};
        ck_assert_int_eq(pdm_model_predict(m, 1, nan_input, u, NULL), PDM_ERR_DATA);
        ck_assert_int_eq(pdm_model_verdicts(m, 1, words, NULL, NULL), PDM_ERR_ARGUMENT);
        OK(pdm_model_predict(m, 2, input, u, NULL));
        OK(pdm_model_verdicts(m, 2, words, NULL, NULL));
        OK(pdm_model_set_output(m, "t", 1, time));
        ck_assert_int_eq(pdm_model_verdicts(m, 1, words, NULL, NULL), PDM_ERR_ARGUMENT);
        OK(pdm_model_predict(m, 2, input, u, NULL));
        OK(pdm_model_verdicts(m, 2, words, NULL, NULL));
        OK(pdm_model_set_verdict(m, 0));
        OK(pdm_model_predict(m, 2, input, u, NULL));
        ck_assert_int_eq(pdm_model_verdicts(m, 1, words, NULL, NULL), PDM_ERR_ARGUMENT);
        pdm_model_destroy(&m);
        close_context();
    }
END_TEST

/* A call that runs out of memory leaves the model as it was. */
START_TEST(verdicts_without_memory)
    {
        double     input[N], u[MOST];
        int32_t    words[N];
        pdm_status status = PDM_ERR_MEMORY;
        open_context();
        pdm_model *m = model_of_sort(&sorts[1], STEPS);
        OK(pdm_inputs_draw_unseen(m->whole->inputs, N, input));
        OK(pdm_model_set_estimate(m, 1));
        OK(pdm_model_set_verdict(m, 1));
        for (pdm_size k = 1; status != PDM_OK; k += 1 + k / 8) {
            pdm_context_fail_allocation(ctx, k);
            status = pdm_model_predict(m, N, input, u, NULL);
            pdm_context_fail_allocation(ctx, 0);
            ck_assert(status == PDM_OK || status == PDM_ERR_MEMORY);
        }
        OK(pdm_model_verdicts(m, N, words, NULL, NULL));
        pdm_model_destroy(&m);
        close_context();
    }
END_TEST

/* ---- what a host labels its arrays with ---- */

/* A number and a field as inputs, two dimensions with units: names, shapes, points, ranges. */
START_TEST(quantities_and_dimensions_are_told)
    {
        static const word more[] = {{"inputs/D", "distribution", "list(0.2, 0.1)"},
                                    {"inputs/D", "units", "m2 s-1"},
                                    {"inputs/D", "long_name", "diffusivity"},
                                    {"pde/units", "x", "m"},
                                    {"pde/units", "t", "s"},
                                    {"pde/units", "u", "kg"}};
        const double      at[3]  = {0.25, 0.5, 1.0};
        pdm_quantity      q;
        pdm_dimension     d;
        pdm_case         *c = NULL;
        open_context();
        OK(pdm_case_create(ctx, &c));
        for (int i = 0; rolled[i].group; i++) set(c, 1, &rolled[i]);
        set(c, COUNT(more), more);
        OK(pdm_case_set_text(c, "inputs/u0", "units", "kg"));
        OK(pdm_case_set_text(c, "pde/residuals", "u", "dt(u) - dx(D*dx(u))"));
        pdm_model *m = model_of(c);
        ck_assert_int_eq(pdm_model_count_inputs(m), 2);
        pdm_size n = 0;
        for (pdm_size i = 0; i < 2; i++) {
            OK(pdm_model_input(m, i, &q));
            ck_assert_int_eq(q.first, n);
            n += q.n;
            if (q.n_dim == 0) {
                ck_assert_str_eq(q.name, "D");
                ck_assert_str_eq(q.units, "m2 s-1");
                ck_assert_str_eq(q.long_name, "diffusivity");
                ck_assert(q.n == 1 && q.low == 0.1 && q.high == 0.2);
            } else {
                ck_assert_str_eq(q.name, "u0");
                ck_assert_str_eq(q.long_name, "u0");
                ck_assert(q.n_dim == 1 && isnan(q.low) && isnan(q.high));
                OK(pdm_model_input_dimension(m, i, 0, &d));
                ck_assert_str_eq(d.name, "x");
                ck_assert_str_eq(d.units, "m");
                ck_assert_int_eq(d.n, q.n);
                for (pdm_size k = 1; k < d.n; k++) ck_assert(d.coordinate[k] > d.coordinate[k - 1]);
            }
        }
        ck_assert_int_eq(n, pdm_model_n_input(m));
        ck_assert_int_eq(pdm_model_n_dim(m), 2);
        OK(pdm_model_output_dimension(m, 1, &d));
        ck_assert(d.n == 49 && d.coordinate[0] == 0.0 && d.coordinate[48] == 1.0);
        OK(pdm_model_set_output(m, "t", 3, at));
        OK(pdm_model_output_dimension(m, 0, &d));
        ck_assert_str_eq(d.name, "t");
        ck_assert(d.n == 3 && memcmp(d.coordinate, at, sizeof at) == 0);
        OK(pdm_model_field(m, 0, &q));
        ck_assert_str_eq(q.units, "kg");
        ck_assert(q.first == 0 && q.n == 3 * 49 && q.n == pdm_model_n_point(m) && q.n_dim == 2);
        pdm_model_destroy(&m);
        close_context();
    }
END_TEST

/* A field on a host's coordinates comes to the model's points as that of a file does; what is wrong is refused. */
START_TEST(fields_are_brought_to_the_points)
    {
        enum { GIVEN = 33 };
        const double        time[1] = {1.0};
        double              x[GIVEN], u[N * GIVEN], mine[N * 16], was;
        const double *const points[1] = {x};
        const pdm_size      n = GIVEN, none = 0, huge = (pdm_size)1 << 60;
        pdm_output         *o      = NULL;
        pdm_fields         *f      = NULL;
        pdm_file_inputs     read   = {0};
        const char *const   dims[] = {"sample", "x"};
        open_context();
        pdm_model *m = model_of_sort(&sorts[2], 0);
        for (int i = 0; i < GIVEN; i++) x[i] = (double)i / (GIVEN - 1);
        for (int i = 0; i < N * GIVEN; i++) u[i] = sin(0.2 * i);
        OK(pdm_output_create(ctx, "host-in.nc", &o));
        OK(pdm_output_dimension(o, "sample", N, NULL, NULL, NULL, NULL));
        OK(pdm_output_dimension(o, "t", 1, time, "1", NULL, NULL));
        OK(pdm_output_dimension(o, "x", GIVEN, x, "1", NULL, NULL));
        OK(pdm_output_variable(o, "u0", 2, dims, "1", NULL));
        OK(pdm_output_put(o, "u0", 0, N, u));
        OK(pdm_output_commit(o));
        pdm_output_destroy(&o);
        OK(pdm_fields_open(ctx, "host-in.nc", &f));
        OK(pdm_file_inputs_read(m->whole->domain, f, &read));
        pdm_fields_close(&f);
        OK(pdm_model_bring_input(m, 0, N, &n, points, u, mine));
        ck_assert(memcmp(read.input, mine, (size_t)(N * pdm_model_n_input(m)) * sizeof *mine) == 0);
        pdm_file_inputs_destroy(ctx, &read);
        OK(pdm_model_bring_input(m, 0, 0, &n, points, NULL, NULL));
        ck_assert_int_eq(pdm_model_bring_input(m, 0, N, &none, points, u, mine), PDM_ERR_ARGUMENT);
        ck_assert_int_eq(pdm_model_bring_input(m, 0, N, &huge, points, u, mine), PDM_ERR_ARGUMENT);
        ck_assert_int_eq(pdm_model_bring_input(m, 0, N, &n, NULL, u, mine), PDM_ERR_ARGUMENT);
        ck_assert_int_eq(pdm_model_bring_input(m, 0, N, &n, points, NULL, mine), PDM_ERR_ARGUMENT);
        was  = x[4];
        x[4] = x[3];
        ck_assert_int_eq(pdm_model_bring_input(m, 0, N, &n, points, u, mine), PDM_ERR_ARGUMENT);
        SAYS("coordinate x[4] = 0.09375; finite, increasing");
        x[4]         = was;
        x[GIVEN - 1] = 1.5;
        ck_assert_int_eq(pdm_model_bring_input(m, 0, N, &n, points, u, mine), PDM_ERR_ARGUMENT);
        SAYS("outside the domain");
        const pdm_size half = GIVEN / 2;
        ck_assert_int_eq(pdm_model_bring_input(m, 0, N, &half, points, u, mine), PDM_ERR_DATA);
        SAYS("the whole domain, 0 to 1, expected");
        pdm_model_destroy(&m);
        remove("host-in.nc");
        close_context();
    }
END_TEST

/* A polish in memory is that of files, bit by bit, with its estimates; afterwards the model answers as before. */
START_TEST(polish_is_that_of_files)
    {
        const struct sort *s       = &sorts[_i];
        const double       time[3] = {0.5 * s->until, 0.75 * s->until, s->until};
        double             input[N * 16], u[MOST], again[MOST], estimate[2 * N];
        int32_t            words[N];
        pdm_fields        *f = NULL;
        pdm_dimension      x;
        open_context();
        pdm_model     *m       = model_of_sort(s, STEPS);
        const pdm_size n_field = pdm_model_n_field(m);
        OK(pdm_inputs_draw_unseen(m->whole->inputs, N, input));
        write_inputs(m, input, COUNT(time), time);
        OK(pdm_model_predict_file(m, "host-in.nc", "host-out.nc", 1e-6));
        OK(pdm_model_set_output(m, "t", COUNT(time), time));
        if (pdm_model_n_input(m) > 1) { /* the points of the field in the file are those of the output */
            OK(pdm_model_input_dimension(m, 0, 0, &x));
            OK(pdm_model_set_output(m, x.name, x.n, x.coordinate));
        }
        const size_t size = (size_t)(N * n_field * pdm_model_n_point(m));
        ck_assert_uint_le(size, MOST);
        OK(pdm_model_predict(m, N, input, again, NULL));
        OK(pdm_model_set_polish(m, 1e-6));
        OK(pdm_model_set_verdict(m, 1));
        OK(pdm_model_predict(m, N, input, u, NULL));
        OK(pdm_model_verdicts(m, N, words, NULL, estimate));
        OK(pdm_fields_open(ctx, "host-out.nc", &f));
        const double numbers[N] = {words[0], words[1], words[2]};
        compare(f, "verdict", 1, numbers);
        compare(f, n_field == 1 ? "error_estimate" : "error_estimate_u", n_field, estimate);
        pdm_fields_close(&f);
        OK(pdm_model_set_estimate(m, 1));
        ck_assert_int_eq(pdm_model_predict(m, N, input, u, NULL), PDM_ERR_ARGUMENT);
        OK(pdm_model_set_estimate(m, 0));
        ck_assert(memcmp(u, again, size * sizeof *u) != 0);
        OK(pdm_model_set_polish(m, 0.0));
        OK(pdm_model_predict(m, N, input, u, NULL));
        ck_assert(memcmp(u, again, size * sizeof *u) == 0);
        pdm_model_destroy(&m);
        remove("host-in.nc");
        remove("host-out.nc");
        close_context();
    }
END_TEST

/* ---- training tells what it has come to ---- */

static char told[2048]; /* warnings of train */

static void keep_warning(void *user, pdm_log_level level, const char *topic, const char *text)
{
    (void)user;
    if (level == PDM_LOG_WARNING && strcmp(topic, "train") == 0)
        snprintf(told + strlen(told), sizeof told - strlen(told), "%s\n", text);
}

static bool log_says(const char *words)
{
    char  line[4096], last[4096] = "";
    FILE *file = fopen("host.log.jsonl", "r");
    ck_assert_ptr_nonnull(file);
    while (fgets(line, sizeof line, file)) strcpy(last, line);
    (void)fclose(file);
    return strstr(last, words) && strstr(last, "\"step\": 3,") && strchr(last, '}') == strchr(last, '\n') - 1;
}

static const struct judged {
    int         sort;
    double      doubtful;
    const char *warned, *logged;
} judged[] = {{7, 0.0, NULL, "\"judged.doubtful\": 0,"},
              {8, 0.0, NULL, "\"judged\": 2,"},
              {9, 1.0, "the grid does not hold the solution", "\"judged.doubtful\": 1,"},
              {0, 1.0, "more training:steps", "\"judged.doubtful\": 1,"}};

/* Growth at once leaves most of its equation, whatever the network; heat with few functions after three steps too much,
 * though the grid can do it; with many it does not. It is in
 * the model, its file and the last line of the log, and of the weights that were judged alone. */
START_TEST(training_tells_what_answers_are_worth)
    {
        const struct judged *k = &judged[_i];
        char                 text[512], read[4096] = "";
        pdm_model           *again = NULL;
        told[0]                    = '\0';
        open_context();
        pdm_context_set_log(ctx, keep_warning, NULL, PDM_LOG_WARNING);
        pdm_model *m = model_of_sort(&sorts[k->sort], 0);
        ck_assert(isnan(pdm_model_value(m, "judged")));
        OK(pdm_model_set_training(m, "steps", "3"));
        OK(pdm_model_train(m, "host.nc", NULL, NULL));
        told[0] = '\0';
        OK(pdm_model_judge(m, "host.nc", keep, text));
        ck_assert_double_eq(pdm_model_value(m, "judged"), 2.0);
        ck_assert_double_eq(pdm_model_value(m, "judged.doubtful"), k->doubtful);
        ck_assert_ptr_nonnull(strstr(text, k->doubtful > 0.0 ? "2 of 2 answers" : "0 of 2 answers"));
        ck_assert_ptr_nonnull(strstr(text, "t = "));
        ck_assert_msg(k->warned ? strstr(told, k->warned) != NULL : told[0] == '\0', "%s", told);
        ck_assert(log_says(k->logged));
        OK(pdm_model_read(ctx, "host.nc", &again));
        ck_assert_double_eq(pdm_model_value(again, "judged.left"), pdm_model_value(m, "judged.left"));
        ck_assert_double_eq(pdm_model_value(again, "judged.at.t"), pdm_model_value(m, "judged.at.t"));
        OK(pdm_model_describe(again, keep_much, read));
        ck_assert_ptr_nonnull(strstr(read, text));
        OK(pdm_model_train_step(again));
        OK(pdm_model_describe(again, keep_much, read));
        ck_assert_ptr_null(strstr(read, text));
        /* by no file, to none, and as it was */
        OK(pdm_model_judge(m, NULL, NULL, NULL));
        ck_assert_double_eq(pdm_model_value(again, "judged.left"), pdm_model_value(m, "judged.left"));
        ck_assert_int_eq(pdm_model_judge(m, "no/such/folder.nc", NULL, NULL), PDM_ERR_IO);
        pdm_model_destroy(&again);
        pdm_model_destroy(&m);
        remove("host.nc"), remove("host.log.jsonl");
        close_context();
    }
END_TEST

/* Of a model that was trained through slabs in time, all of these. */
START_TEST(training_through_slabs_is_judged_through_them)
    {
        static const word words[] = {{"pde", "fields", "u"},
                                     {"pde/residuals", "u", "dt(u) - dx(0.1*dx(u)) - 3*u + u^3"},
                                     {"pde/initial", "u", "u0"},
                                     {"pde/boundary", "x_min", "u = 0"},
                                     {"pde/boundary", "x_max", "u = 0"},
                                     {"inputs/u0", "distribution", "gaussian_field(length=0.4, kind=dirichlet)"},
                                     {"inputs/u0", "dimensions", "x"},
                                     {"training", "slabs", "3"},
                                     {"domain", "dimensions", "t x"},
                                     {"domain/t", "extent", "0 1"},
                                     {"domain/t", "control_points", "10"},
                                     {"domain/x", "extent", "0 1"},
                                     {"domain/x", "control_points", "12"},
                                     {0}};
        const struct sort s       = {words, "1", 3.0, false, false, "5"};
        double            input[2 * 16], u[MOST], left[2], most = 0.0;
        const double      time[2][1] = {{1.0}, {3.0}};
        open_context();
        pdm_model *m = model_of_sort(&s, STEPS);
        OK(pdm_inputs_draw_unseen(m->whole->inputs, 2, input));
        OK(pdm_model_set_verdict(m, 1));
        OK(pdm_model_judge(m, NULL, NULL, NULL));
        for (int k = 0; k < 2; k++) {
            OK(pdm_model_set_output(m, "t", 1, time[k]));
            OK(pdm_model_predict(m, 2, input, u, NULL));
            OK(pdm_model_verdicts(m, 2, NULL, left, NULL));
            ck_assert(fmax(left[0], left[1]) != most);
            most = fmax(left[0], left[1]);
        }
        ck_assert_double_eq(pdm_model_value(m, "judged.left"), most);
        pdm_model_destroy(&m);
        close_context();
    }
END_TEST

int main(void)
{
    Suite *s = suite_create("host");
    TCase *t = tcase_create("host");
    tcase_set_timeout(t, 120);
    tcase_add_loop_test(t, verdicts_are_those_of_files, 0, (int)COUNT(sorts));
    tcase_add_loop_test(t, verdicts_take_no_memory_after_the_first, 0, 4);
    tcase_add_test(t, verdicts_are_of_the_last_call);
    tcase_add_test(t, numbers_are_of_the_whole_call);
    tcase_add_test(t, verdicts_without_memory);
    tcase_add_test(t, quantities_and_dimensions_are_told);
    tcase_add_test(t, fields_are_brought_to_the_points);
    tcase_add_loop_test(t, polish_is_that_of_files, 0, 5);
    tcase_add_loop_test(t, training_tells_what_answers_are_worth, 0, (int)COUNT(judged));
    tcase_add_test(t, training_through_slabs_is_judged_through_them);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
