/* Initial data that jump or are narrow: the lift has their integrals, keeps what sides prescribe, overshoots no more than
 * a spline through values does; smooth data are interpolated, bit for bit; slabs start from the same; answers gain. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/answer.h"
#include "tests/models.h"

#define COUNT_OF(a) ((int)(sizeof(a) / sizeof *(a)))

enum { MOST_WORD = 20 };

/* Heat on a line, in t and x, or as words say. */
static pdm_case *case_of(const word *w)
{
    static const word usual[] = {{"domain", "dimensions", "t x"},
                                 {"pde", "fields", "u"},
                                 {"pde/residuals", "u", "dt(u) - dx(0.01*dx(u))"},
                                 {"pde/boundary", "x_min", "u = 0"},
                                 {"pde/boundary", "x_max", "u = 0"},
                                 {"domain/t", "extent", "0 1"},
                                 {"domain/t", "control_points", "12"},
                                 {"domain/x", "extent", "0 1"},
                                 {"domain/x", "control_points", "24"},
                                 {"domain/x", "grading", "none"}};
    pdm_case         *c       = NULL;
    OK(pdm_case_create(ctx, &c));
    set(c, COUNT_OF(usual), usual);
    for (int i = 0; i < MOST_WORD && w[i].group; i++) set(c, 1, &w[i]);
    return c;
}

typedef struct parts {
    pdm_case   *c;
    pdm_pde    *pde;
    pdm_domain *d;
    double     *lift, *scalar, *sampled, *work;
} parts;

static void open_parts(const word *w, parts *p)
{
    *p = (parts){.c = case_of(w)};
    OK(pdm_pde_create(ctx, p->c, &p->pde));
    OK(pdm_domain_create(ctx, p->c, p->pde, NULL, &p->d));
    p->lift    = calloc((size_t)pdm_domain_n_coef(p->d), sizeof *p->lift);
    p->scalar  = calloc(8, sizeof *p->scalar);
    p->sampled = calloc((size_t)pdm_domain_rows(p->d)->n_sampled + 1, sizeof *p->sampled);
    p->work    = calloc((size_t)pdm_domain_prepare_work(p->d), sizeof *p->work);
}

static void close_parts(parts *p)
{
    free(p->lift), free(p->scalar), free(p->sampled), free(p->work);
    pdm_domain_destroy(&p->d);
    pdm_pde_destroy(&p->pde);
    pdm_case_destroy(&p->c);
}

static void prepare(parts *p, const double *input)
{
    OK(pdm_domain_prepare(p->d, input, p->scalar, p->sampled, p->lift, p->work, NULL));
}

/* Integrals of the functions of a dimension: trapezoids of many points are exact enough for none; five Gauss points on
 * each of eight parts of a span are. */
static void integrals(const pdm_spline *s, double *out)
{
    static const double node[]  = {0.046910077030668, 0.230765344947158, 0.5, 0.769234655052842, 0.953089922969332};
    static const double share[] = {0.118463442528095, 0.239314335249683, 0.284444444444444, 0.239314335249683,
                                   0.118463442528095};
    double              basis[PDM_MAX_DEGREE + 1], dx[2];
    memset(out, 0, (size_t)s->n_coef * sizeof *out);
    for (pdm_size e = 0; e < s->n_span; e++)
        for (int q = 0; q < 40; q++) {
            const double part = (s->ends[e + 1] - s->ends[e]) / 8.0, xi = s->ends[e] + part * (q / 5 + node[q % 5]);
            pdm_spline_basis(s, s->span[e], xi, 1, basis);
            pdm_map_derivatives(&s->map, xi, 1, dx);
            for (pdm_size a = 0; a <= s->degree; a++)
                out[(s->span[e] + a) % s->n_coef] += part * share[q % 5] * dx[1] * basis[a];
        }
}

/* Of the lift's first layer, over all of space. */
static double integral(const parts *p)
{
    const pdm_size n_dim = pdm_domain_n_dim(p->d), n = pdm_domain_n_coef(p->d) / pdm_domain_spline(p->d, 0)->n_coef;
    double        *weight[PDM_MAX_DIM] = {NULL}, sum = 0.0;
    for (pdm_size j = 1; j < n_dim; j++) {
        const pdm_spline *s = pdm_domain_spline(p->d, j);
        weight[j]           = calloc((size_t)s->n_coef, sizeof **weight);
        integrals(s, weight[j]);
    }
    for (pdm_size i = 0; i < n; i++) {
        double product = p->lift[i];
        for (pdm_size j = n_dim - 1, rest = i; j >= 1; j--) {
            product *= weight[j][rest % pdm_domain_spline(p->d, j)->n_coef];
            rest /= pdm_domain_spline(p->d, j)->n_coef;
        }
        sum += product;
    }
    for (pdm_size j = 1; j < n_dim; j++) free(weight[j]);
    return sum;
}

#define FREE_SIDES                        \
    {"pde/boundary", "x_min", "u free"},  \
    {                                     \
        "pde/boundary", "x_max", "u free" \
    }
#define IN_2D                                                                                                        \
    {"domain", "dimensions", "t x y"}, {"pde/residuals", "u", "dt(u) - dx(dx(u)) - dy(dy(u))"},                      \
        {"pde/boundary", "y_min", "u free"}, {"pde/boundary", "y_max", "u free"}, {"domain/y", "extent", "0 1"},     \
        {"domain/y", "control_points", "12"}, {"domain/y", "grading", "none"}, {"domain/x", "control_points", "14"}, \
    {                                                                                                                \
        "domain/t", "control_points", "6"                                                                            \
    }
#define START(text)              \
    {                            \
        "pde/initial", "u", text \
    }

/* within: of the integral */
static const struct {
    word   words[MOST_WORD];
    double integral, within;
} data[] = {
    {{START("step(x - 0.5)"), FREE_SIDES}, 0.5, 1e-10},
    {{START("step(x - 0.47)"), {"pde/boundary", "x_max", "u = 1"}}, 0.53, 1e-10},
    {{START("step(x - 0.001)"), {"pde/boundary", "x_max", "u = 1"}}, 0.999, 1e-10},
    {{START("3*step(x - 0.44)*step(0.53 - x)")}, 0.27, 1e-10},
    {{START("step(0.0005 - abs(x - 0.3333))"), FREE_SIDES}, 0.001, 1e-10}, /* both ends between two samples */
    {{START("x^2*sign(x - 0.3)"), FREE_SIDES}, 1.0 / 3.0 - 2.0 * 0.009, 1e-10},
    {{START("exp(-((x - 0.5234)/0.01)^2)")}, 0.017724538509055160, 1e-10},
    {{START("exp(-((x - 0.5234)/1e-4)^2)")}, 0.00017724538509055160, 1e-12},
    {{START("step(x - 0.37)"),
      {"pde/residuals", "u", "dt(u) + dx(u)"},
      {"pde/boundary", "x_max", "u free"},
      {"domain/x", "map", "sqrt"}},
     0.63,
     1e-10},
    {{START("step(x - 0.37)"), FREE_SIDES, {"domain/x", "map", "sinh 0.4 6"}}, 0.63, 1e-10},
    {{START("step(x - 0.37)"), FREE_SIDES, {"domain/x", "degree", "2"}}, 0.63, 1e-10},
    {{START("step(x - 0.37)"), FREE_SIDES, {"domain/x", "degree", "5"}}, 0.63, 1e-10},
    {{START("step(x - 0.37)"), FREE_SIDES, {"domain/x", "kinks", "0.25"}}, 0.63, 1e-10},
    {{IN_2D, FREE_SIDES, START("step(x - 0.37)*step(0.61 - y)")}, 0.63 * 0.61, 1e-10},
    {{IN_2D,
      FREE_SIDES,
      {"domain", "dimensions", "t x y z"},
      {"domain/z", "extent", "0 2"},
      {"domain/z", "control_points", "8"},
      {"pde/residuals", "u", "dt(u) - dx(dx(u)) - dy(dy(u)) - dz(dz(u))"},
      {"pde/boundary", "z_min", "u = 0"},
      {"pde/boundary", "z_max", "u free"},
      START("z*step(x - 0.37)*step(0.61 - y)*step(z - 0.9)")},
     0.63 * 0.61 * (4.0 - 0.81) / 2.0,
     1e-10},
    {{IN_2D, START("x*(1 - x)*step(0.61 - y)")}, 0.61 / 6.0, 1e-10},
    {{IN_2D, FREE_SIDES, START("step(0.09 - (x - 0.5)^2 - (y - 0.45)^2)")}, 0.28274333882308139, 3e-3},
};

START_TEST(integrals_are_those_of_the_data)
    {
        parts p;
        open_parts(data[_i].words, &p);
        prepare(&p, NULL);
        ck_assert_double_eq_tol(integral(&p), data[_i].integral, data[_i].within);
        close_parts(&p);
    }
END_TEST

/* The lowest value of a spline, at 20 points a span. */
static double lowest(const pdm_spline *s, const double *c)
{
    double low = INFINITY, basis[PDM_MAX_DEGREE + 1];
    for (int i = 0; i <= 20 * (int)s->n_span; i++) {
        const double   xi = i / (20.0 * (double)s->n_span);
        const pdm_size e  = pdm_spline_element(s, xi);
        double         u  = 0.0;
        pdm_spline_basis(s, e, xi, 1, basis);
        for (pdm_size a = 0; a <= s->degree; a++) u += basis[a] * c[(e + a) % s->n_coef];
        low = fmin(low, u);
    }
    return low;
}

/* Where the step is is an input; both sides prescribe what the data have there. It swings by a third more than through
 * points at most (measured -0.139 and -0.108, of 1), wherever it is. */
START_TEST(a_step_anywhere)
    {
        const word words[MOST_WORD] = {START("step(x - a)"),
                                       {"pde/boundary", "x_max", "u = 1"},
                                       {"inputs/a", "distribution", "uniform(0.1, 0.9)"}};
        parts      p;
        double     by_integrals = 0.0, through = 0.0, value[64], coef[64];
        open_parts(words, &p);
        const pdm_spline *s = pdm_domain_spline(p.d, 1);
        for (int i = 0; i < 200; i++) {
            const double a = 0.1 + 0.8 * i / 199.0;
            prepare(&p, &a);
            ck_assert_double_eq_tol(integral(&p), 1.0 - a, 1e-10);
            ck_assert_double_eq_tol(p.lift[0], 0.0, 1e-12);
            ck_assert_double_eq_tol(p.lift[s->n_coef - 1], 1.0, 1e-12);
            for (pdm_size k = 0; k < s->n_coef; k++) value[k] = pdm_domain_greville(p.d, 1)[k] > a;
            pdm_spline_interpolate(s, value, 1, coef, 1);
            through      = fmin(through, lowest(s, coef));
            by_integrals = fmin(by_integrals, lowest(s, p.lift));
        }
        ck_assert_msg(by_integrals > 1.4 * through, "%g and %g", by_integrals, through);
        close_parts(&p);
    }
END_TEST

/* Cells of an input are as many as its mean, in the end. */
START_TEST(cells_keep_their_means)
    {
        const word words[MOST_WORD] = {START("k"),
                                       FREE_SIDES,
                                       {"inputs/k", "dimensions", "x"},
                                       {"inputs/k", "kind", "cells"},
                                       {"inputs/k", "cells", "7"},
                                       {"inputs/k", "distribution", "grf(length=0.2)"}};
        parts      p;
        double     k[7], mean = 0.0;
        open_parts(words, &p);
        for (int i = 0; i < 7; i++) mean += (k[i] = sin(5.0 * i)) / 7.0;
        prepare(&p, k);
        ck_assert_double_eq_tol(integral(&p), mean, 1e-12);
        close_parts(&p);
    }
END_TEST

static const word smooth[][MOST_WORD] = {
    {START("sin(pi*x)")},
    {START("sin(pi*x)*exp(-x)"), {"domain/x", "degree", "2"}},
    {START("abs(x - 0.3)"), {"pde/boundary", "x_min", "u = 0.3"}, {"pde/boundary", "x_max", "u = 0.7"}},
    {START("step(x + 1)*sin(pi*x)")},
    {START("exp(-((x - 0.5)/0.1)^2)")},
};

START_TEST(smooth_data_are_interpolated)
    {
        parts    p;
        double   value[64], coef[64];
        pdm_text view = {.ctx = ctx};
        open_parts(smooth[_i], &p);
        prepare(&p, NULL);
        const pdm_spline *s     = pdm_domain_spline(p.d, 1);
        const double      start = 0.0, *at[2] = {&start, pdm_domain_greville(p.d, 1)};
        const pdm_size    n[2] = {1, s->n_coef};
        OK(pdm_domain_evaluate(p.d, pdm_pde_initial(p.pde, 0)->function, &pdm_pde_initial(p.pde, 0)->where, NULL, n, at,
                               value));
        pdm_spline_interpolate(s, value, 1, coef, 1);
        for (pdm_size i = 0; i < s->n_coef; i++) ck_assert_double_eq(p.lift[i], coef[i]);
        OK(pdm_domain_view(p.d, &view));
        ck_assert(!strstr(view.data, "\nlift "));
        pdm_text_destroy(&view);
        close_parts(&p);
    }
END_TEST

/* The lift of the whole and that of its first slab start alike; `check` tells it. */
START_TEST(slabs_start_from_it)
    {
        const word   words[MOST_WORD] = {START("step(x - 0.47)"), {"pde/boundary", "x_max", "u = 1"}};
        parts        p;
        pdm_problem *whole = NULL;
        pdm_march   *m     = NULL;
        pdm_text     view  = {.ctx = ctx};
        double       in[64], coef[64], none = 0.0;
        open_parts(words, &p);
        prepare(&p, NULL);
        OK(pdm_problem_create(p.c, PDM_PROBLEM_WHOLE, NULL, &whole));
        OK(pdm_march_create(whole, 3, &m));
        OK(pdm_march_inputs(m, 1, &none, in));
        const pdm_spline *s  = pdm_domain_spline(p.d, 1);
        const pdm_size    at = pdm_domain_input_offset(m->slab->domain, pdm_pde_initial(m->slab->pde, 0)->state);
        pdm_spline_interpolate(s, in + at, 1, coef, 1);
        for (pdm_size i = 0; i < s->n_coef; i++) ck_assert_double_eq_tol(coef[i], p.lift[i], 1e-13);
        OK(pdm_domain_view(p.d, &view));
        ck_assert_ptr_nonnull(strstr(view.data, "lift         initial state of u by its integrals, as it jumps\n"));
        pdm_text_destroy(&view);
        pdm_march_destroy(&m);
        pdm_problem_destroy(&whole);
        close_parts(&p);
    }
END_TEST

/* Whatever allocation fails, all is given back: close_context() looks. */
START_TEST(allocation_failures_leave_nothing)
    {
        static const word jumps[MOST_WORD] = {IN_2D, FREE_SIDES, START("step(x - 0.37)*step(0.61 - y)")};
        pdm_status        status           = PDM_ERR_MEMORY;
        parts             p                = {.c = case_of(jumps)};
        OK(pdm_pde_create(ctx, p.c, &p.pde));
        for (pdm_size k = 1; status != PDM_OK; k++) {
            pdm_context_fail_allocation(ctx, k);
            status = pdm_domain_create(ctx, p.c, p.pde, NULL, &p.d);
            pdm_context_fail_allocation(ctx, 0);
            ck_assert(status == PDM_OK || (status == PDM_ERR_MEMORY && !p.d));
        }
        close_parts(&p);
        open_parts(jumps, &p);
        const pdm_size n = pdm_domain_n_coef(p.d) / pdm_domain_spline(p.d, 0)->n_coef;
        double        *u = calloc((size_t)n, sizeof *u);
        bool           done;
        status = PDM_ERR_MEMORY;
        for (pdm_size k = 1; status != PDM_OK; k++) {
            pdm_context_fail_allocation(ctx, k);
            status = pdm_domain_start_values(p.d, pdm_pde_initial(p.pde, 0), NULL, u, &done);
            pdm_context_fail_allocation(ctx, 0);
            ck_assert(status == PDM_OK || status == PDM_ERR_MEMORY);
        }
        ck_assert(done);
        free(u);
        close_parts(&p);
    }
END_TEST

/* A side that has the data, which jump along it, does not disagree with them at the start; another one does, by 0.3. */
START_TEST(sides_are_held_against_the_data)
    {
        static const char *const side[]           = {"u = x + step(0.61 - y)", "u = x + step(0.61 - y) + 0.3"};
        const word               words[MOST_WORD] = {IN_2D,
                                                     START("x + step(0.61 - y)"),
                                                     {"pde/boundary", "x_min", side[_i]},
                                                     {"pde/boundary", "x_max", "u free"}};
        pdm_lift_report          report;
        parts                    p;
        open_parts(words, &p);
        OK(pdm_domain_prepare(p.d, NULL, p.scalar, p.sampled, p.lift, p.work, &report));
        ck_assert_double_eq_tol(report.start.size, _i == 0 ? 0.0 : 0.3, 1e-12);
        ck_assert_double_eq_tol(integral(&p), 0.5 + 0.61, 1e-10); /* the report changes nothing */
        close_parts(&p);
    }
END_TEST

/* What spreads forgets all but low moments: error at the end, of the answer as polished. By values through points 3.7,
 * 2.9, 17 and 99 %. */
static const struct {
    word   words[MOST_WORD];
    double end;
} spread[] = {
    {{START("step(x - 0.47)"),
      {"pde/boundary", "x_max", "u = 1"},
      {"pde/exact", "u", "0.5*(1 + erf((x - 0.47)/sqrt(0.04*(t + 1e-300))))"}},
     1e-3},
    {{START("step(x - 0.513)"),
      {"pde/boundary", "x_max", "u = 1"},
      {"pde/exact", "u", "0.5*(1 + erf((x - 0.513)/sqrt(0.04*(t + 1e-300))))"}},
     1e-3},
    {{START("step(x - 0.44)*step(0.53 - x)"),
      {"pde/residuals", "u", "dt(u) - dx(0.002*dx(u))"},
      {"pde/exact", "u", "0.5*(erf((x - 0.44)/sqrt(0.008*(t + 1e-300))) - erf((x - 0.53)/sqrt(0.008*(t + 1e-300))))"}},
     4e-3},
    {{START("exp(-((x - 0.5234)/0.01)^2)"),
      {"pde/residuals", "u", "dt(u) - dx(0.001*dx(u))"},
      {"pde/exact", "u", "0.01/sqrt(0.0001 + 0.004*t)*exp(-(x - 0.5234)^2/(0.0001 + 0.004*t))"}},
     0.05},
};

START_TEST(what_spreads_is_right_later)
    {
        const word time  = {"domain/t", "control_points", "20"};
        pdm_case  *c     = case_of(spread[_i].words);
        answer     a     = {0};
        double    *truth = NULL, error = 0.0, size = 0.0;
        set(c, 1, &time);
        OK(answer_find(c, NULL, &a));
        OK(pdm_alloc_array(ctx, a.grid->n_point, &truth));
        OK(answer_exact(&a, a.grid, truth));
        for (pdm_size i = a.grid->n_point - a.grid->n[1]; i < a.grid->n_point; i++) {
            error += pow(a.u[i] - truth[i], 2.0);
            size += pow(truth[i], 2.0);
        }
        ck_assert_double_lt(sqrt(error / size), spread[_i].end);
        pdm_free(ctx, truth);
        answer_close(&a);
        pdm_case_destroy(&c);
    }
END_TEST

int main(void)
{
    Suite *s = suite_create("means");
    TCase *t = tcase_create("means");
    tcase_add_checked_fixture(t, open_context, close_context);
    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, integrals_are_those_of_the_data, 0, COUNT_OF(data));
    tcase_add_test(t, a_step_anywhere);
    tcase_add_test(t, cells_keep_their_means);
    tcase_add_loop_test(t, smooth_data_are_interpolated, 0, COUNT_OF(smooth));
    tcase_add_test(t, slabs_start_from_it);
    tcase_add_test(t, allocation_failures_leave_nothing);
    tcase_add_loop_test(t, sides_are_held_against_the_data, 0, 2);
    tcase_add_loop_test(t, what_spreads_is_right_later, 0, COUNT_OF(spread));
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
