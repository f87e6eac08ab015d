/* The method of lines: differences, Jacobians, which unknowns are differential, what is refused; and, where the build has
 * SUNDIALS, solutions against exact ones by order. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lines/lines.h"

#define COUNT_OF(a) ((int)(sizeof(a) / sizeof *(a)))
#define OK(call)    ck_assert_msg((call) == PDM_OK, "%s", pdm_context_error(ctx))

static pdm_context *ctx;

static void set_up(void)
{
    ck_assert_int_eq(pdm_context_create(NULL, &ctx), PDM_OK);
    OK(pdm_context_set_threads(ctx, 1));
}

static void tear_down(void)
{
    ck_assert_int_eq(pdm_context_destroy(&ctx), 0);
}

static double random_number(void)
{
    static uint64_t state = 12345;
    state                 = state * 6364136223846793005u + 1442695040888963407u;
    return (double)(state >> 11) / 4503599627370496.0 - 1.0;
}

/* ---- problems with exact solutions: N(u) = N(w), w the exact solution;
 * small shapes of everything a case may have --- */

enum { MOST_SET = 24, MOST_NODE = 400 };
static const struct {
    const char *name;
    pdm_size    n[3];  /* nodes of the coarser grid */
    double      least; /* order in space */
    const char *set[MOST_SET][3];
} cases[] = {
    {"nonlinear flux, Robin, graded",
     {1, 33},
     3.5,
     {{"pde", "fields", "u"},
      {"pde/definitions", "w", "1 + a*exp(-t)*cos(2*x)"},
      {"pde/residuals", "u", "dt(u + u^2) - dx((1 + u^2)*dx(u)) - dt(w + w^2) + (1 + w^2)*dxx(w) + 2*w*dx(w)^2"},
      {"pde/initial", "u", "1 + a*cos(2*x)"},
      {"pde/boundary", "x_min", "u = w"},
      {"pde/boundary", "x_max", "u^2 + dx(u) = w^2 + dx(w)"},
      {"inputs/a", "distribution", "uniform(0.2, 0.4)"},
      {"domain", "dimensions", "t x"},
      {"domain/x", "grading", "sinh 0.3 2"}}},
    {"prescribed flux on both sides, a field input with its slope",
     {1, 25},
     3.5,
     {{"pde", "fields", "u"},
      {"pde/definitions", "w", "a*exp(-t)*sin(2*x + 1)"},
      {"pde/residuals", "u", "dt(u) - dx((2 + k)*dx(u)) - dt(w) + (2 + k)*dxx(w) + dx(k)*dx(w)"},
      {"pde/initial", "u", "a*sin(2*x + 1)"},
      {"pde/boundary", "x_min", "flux(u) = -(2 + k)*dx(w) + u - w"},
      {"pde/boundary", "x_max", "flux(u) = -(2 + k)*dx(w)"},
      {"inputs/a", "distribution", "uniform(0.5, 1)"},
      {"inputs/k", "dimensions", "x"},
      {"inputs/k", "distribution", "gaussian_field(length=0.5)"},
      {"domain", "dimensions", "t x"}}},
    {"waves that leave",
     {1, 81},
     3.5,
     {{"pde", "fields", "u"},
      {"pde/definitions", "w", "exp(-((x - 0.3 - t)/0.2)^2)"},
      {"pde/residuals", "u", "dt(dt(u)) - dxx(u)"},
      {"pde/initial", "u", "exp(-((x - 0.3)/0.2)^2)"},
      {"pde/initial", "u_t", "2*(x - 0.3)/0.04*exp(-((x - 0.3)/0.2)^2)"},
      {"pde/boundary", "x_min", "u = w"},
      {"pde/boundary", "x_max", "dt(u) + dx(u) = 0"},
      {"domain", "dimensions", "t x"}}},
    {"damped beam, two conditions a side",
     {1, 21},
     3.3,
     {{"pde", "fields", "u"},
      {"pde/definitions", "w", "exp(-t)*sin(pi*x)"},
      {"pde/residuals", "u", "dt(dt(u)) + dt(u) + 0.1*dxx(dxx(u)) - 0.1*pi^4*w"},
      {"pde/initial", "u", "sin(pi*x)"},
      {"pde/initial", "u_t", "-sin(pi*x)"},
      {"pde/boundary", "x_min", "u = 0 ; dxx(u) = 0"},
      {"pde/boundary", "x_max", "u = 0 ; dx(u) = -pi*exp(-t)"},
      {"domain", "dimensions", "t x"},
      {"domain/x", "degree", "5"}}},
    {"a damped string, moved at its ends",
     {1, 25},
     3.3,
     {{"pde", "fields", "u"},
      {"pde/definitions", "w", "exp(-t)*sin(2*x + 0.5)"},
      {"pde/residuals", "u", "dt(dt(u)) - dxx(u + 0.1*dt(u)) - dt(dt(w)) + dxx(w + 0.1*dt(w))"},
      {"pde/initial", "u", "sin(2*x + 0.5)"},
      {"pde/initial", "u_t", "-sin(2*x + 0.5)"},
      {"pde/boundary", "x_min", "u = w"},
      {"pde/boundary", "x_max", "u + dx(u) = w + dx(w)"},
      {"domain", "dimensions", "t x"}}},
    {"advection out of a free side",
     {1, 41},
     3.3,
     {{"pde", "fields", "u"},
      {"pde/residuals", "u", "dt(u) + dx(u)"},
      {"pde/initial", "u", "sin(2*pi*x)"},
      {"pde/boundary", "x_min", "u = sin(2*pi*(x - t))"},
      {"pde/boundary", "x_max", "u free"},
      {"domain", "dimensions", "t x"}}},
    {"sound between walls: a field without conditions",
     {1, 41},
     3.3,
     {{"pde", "fields", "u p"},
      {"pde/residuals", "u", "dt(u) + dx(p)"},
      {"pde/residuals", "p", "dt(p) + dx(u)"},
      {"pde/initial", "u", "sin(pi*x)"},
      {"pde/initial", "p", "0"},
      {"pde/boundary", "x_min", "u = 0 ; p free"},
      {"pde/boundary", "x_max", "u = 0 ; p free"},
      {"domain", "dimensions", "t x"}}},
    {"an algebraic field",
     {1, 25},
     3.5,
     {{"pde", "fields", "u p"},
      {"pde/definitions", "w", "exp(-t)*sin(pi*x)"},
      {"pde/residuals", "u", "dt(u) - dxx(u) - p*u - (pi^2 - 1)*w - w^2"},
      {"pde/residuals", "p", "dxx(p) - pi^2*u"},
      {"pde/initial", "u", "sin(pi*x)"},
      {"pde/boundary", "x_min", "u = 0 ; dx(p) = -pi*exp(-t)"},
      {"pde/boundary", "x_max", "u = 0 ; p = 0"},
      {"domain", "dimensions", "t x"}}},
    {"a mixed derivative in time and space, between sides",
     {1, 25},
     3.3,
     {{"pde", "fields", "u"},
      {"pde/definitions", "w", "exp(-t)*sin(2*x + 0.5)"},
      {"pde/residuals", "u", "dt(u - 0.1*dxx(u)) + u*dx(u) - dt(w) + 0.1*dt(dxx(w)) - w*dx(w)"},
      {"pde/initial", "u", "sin(2*x + 0.5)"},
      {"pde/boundary", "x_min", "u = w"},
      {"pde/boundary", "x_max", "u + dx(u) = w + dx(w)"},
      {"domain", "dimensions", "t x"}}},
    {"a mixed derivative in time and space, periodic",
     {1, 32},
     3.5,
     {{"pde", "fields", "u"},
      {"pde/definitions", "w", "sin(2*pi*(x - t))"},
      {"pde/residuals", "u", "dt(u - 0.01*dxx(u)) + dx(u^2/2) - dt(w) + 0.01*dt(dxx(w)) - w*dx(w)"},
      {"pde/initial", "u", "sin(2*pi*x)"},
      {"domain", "dimensions", "t x"},
      {"domain/x", "kind", "periodic"}}},
    {"a mixed derivative in space, two dimensions",
     {1, 11, 16},
     3.3,
     {{"pde", "fields", "u"},
      {"pde/definitions", "w", "exp(-t)*sin(x + 0.2)*(1 + 0.5*cos(2*pi*y))"},
      {"pde/residuals", "u",
       "dt(u) - dx(dx(u) + 0.3*dy(u)) - dy(0.1*dy(u) + 0.3*dx(u)) - dt(w) + dxx(w) + 0.6*dxy(w) + 0.1*dyy(w)"},
      {"pde/initial", "u", "sin(x + 0.2)*(1 + 0.5*cos(2*pi*y))"},
      {"pde/boundary", "x_min", "u = w"},
      {"pde/boundary", "x_max", "flux(u) = 0.3*dy(w)"},
      {"domain", "dimensions", "t x y"},
      {"domain/y", "extent", "0 1"},
      {"domain/y", "control_points", "8"},
      {"domain/y", "kind", "periodic"}}},
    {"two conditions of a side that each read two fields",
     {1, 25},
     3.5,
     {{"pde", "fields", "u v"},
      {"pde/definitions", "w", "exp(-t)*sin(2*x + 0.5)"},
      {"pde/definitions", "z", "exp(-t)*cos(x)"},
      {"pde/residuals", "u", "dt(u) - dxx(u) - dt(w) + dxx(w)"},
      {"pde/residuals", "v", "dt(v) - 0.5*dxx(v) - dt(z) + 0.5*dxx(z)"},
      {"pde/initial", "u", "sin(2*x + 0.5)"},
      {"pde/initial", "v", "cos(x)"},
      {"pde/boundary", "x_min", "u = w; v = z"},
      {"pde/boundary", "x_max", "dx(v) + v - u = dx(z) + z - w; dx(u) + 2*(u - v) = dx(w) + 2*(w - z)"},
      {"domain", "dimensions", "t x"}}},
    {"corners of two dimensions",
     {1, 11, 12},
     3.3,
     {{"pde", "fields", "u"},
      {"pde/definitions", "w", "exp(-t)*sin(x + 0.2)*cos(y)"},
      {"pde/residuals", "u", "dt(u) - dxx(u) - dyy(u) + u*dx(u) - w - w*dx(w)"},
      {"pde/initial", "u", "sin(x + 0.2)*cos(y)"},
      {"pde/boundary", "x_min", "u = w"},
      {"pde/boundary", "x_max", "u + dx(u) = w + dx(w)"},
      {"pde/boundary", "y_min", "dy(u) = dy(w)"},
      {"pde/boundary", "y_max", "dy(u) = dy(w)"},
      {"domain", "dimensions", "t x y"},
      {"domain/y", "extent", "0 1"},
      {"domain/y", "control_points", "8"}}},
};
/* Exact solutions of the first field, where "w" is not that of the case, and of the second where there is one. */
static const char *const exact[COUNT_OF(cases)][2] = {[5]  = {"sin(2*pi*(x - t))"},
                                                      [6]  = {"cos(pi*t)*sin(pi*x)", "-sin(pi*t)*cos(pi*x)"},
                                                      [7]  = {"w", "-w"},
                                                      [11] = {"w", "z"}};

typedef struct bench {
    pdm_case   *the_case;
    pdm_pde    *pde;
    pdm_domain *domain;
    pdm_lines  *lines;
    double     *input, *x[3];
    pdm_size    n[3], n_unknown;
} bench;

/* A field input is k(x) = sin(3 x). */
static void give_input(bench *b)
{
    OK(pdm_alloc_array(ctx, pdm_domain_n_input(b->domain), &b->input));
    for (pdm_size i = 0; i < pdm_pde_n_input(b->pde); i++) {
        double *v = b->input + pdm_domain_input_offset(b->domain, i);
        for (pdm_size k = 0; k < pdm_domain_input_size(b->domain, i); k++) {
            pdm_size n;
            v[k] =
                pdm_pde_input(b->pde, i)->n_dim > 0 ? sin(3.0 * pdm_domain_input_points(b->domain, i, 0, &n)[k]) : 0.35;
        }
    }
}

static void bench_open(bench *b, int number, pdm_size factor)
{
    char count[16];
    memset(b, 0, sizeof *b);
    OK(pdm_case_create(ctx, &b->the_case));
    snprintf(count, sizeof count, "%d", (int)(60 * factor)); /* an input is far finer than the nodes */
    OK(pdm_case_set_text(b->the_case, "domain/t", "extent", "0 0.5"));
    OK(pdm_case_set_text(b->the_case, "domain/t", "control_points", "4"));
    OK(pdm_case_set_text(b->the_case, "domain/x", "extent", "0 1"));
    OK(pdm_case_set_text(b->the_case, "domain/x", "control_points", count));
    for (int i = 0; i < MOST_SET && cases[number].set[i][0]; i++)
        OK(pdm_case_set_text(b->the_case, cases[number].set[i][0], cases[number].set[i][1], cases[number].set[i][2]));
    OK(pdm_pde_create(ctx, b->the_case, &b->pde));
    OK(pdm_domain_create(ctx, b->the_case, b->pde, NULL, &b->domain));
    give_input(b);
    b->n[0] = 1;
    for (pdm_size j = 1; j < pdm_pde_n_dim(b->pde); j++) {
        const pdm_spline *s = pdm_domain_spline(b->domain, j);
        b->n[j]             = s->periodic ? cases[number].n[j] * factor : (cases[number].n[j] - 1) * factor + 1;
        OK(pdm_alloc_array(ctx, b->n[j], &b->x[j]));
        pdm_nodes_place(s, b->n[j], b->x[j]);
    }
    OK(pdm_lines_create(ctx, b->domain, b->n, (const double *const *)b->x, &b->lines));
    OK(pdm_lines_set_input(b->lines, b->input));
    b->n_unknown = pdm_lines_n_unknown(b->lines);
}

static void bench_close(bench *b)
{
    pdm_lines_destroy(&b->lines);
    pdm_domain_destroy(&b->domain);
    pdm_pde_destroy(&b->pde);
    pdm_case_destroy(&b->the_case);
    pdm_free(ctx, b->input);
    for (int j = 0; j < 3; j++) pdm_free(ctx, b->x[j]);
}

/* ---- differences ---- */

/* n + 1 nodes, or n of a period, that follow a smooth map of equal steps. */
static void smooth_nodes(pdm_size n, bool periodic, double *x, pdm_nodes *g)
{
    const pdm_size count = periodic ? n : n + 1;
    for (pdm_size i = 0; i < count; i++) {
        const double s = (double)i / (double)n;
        x[i]           = periodic ? s + 0.05 * sin(6.283185307179586 * s) : s + 0.3 * s * (1.0 - s);
    }
    *g = (pdm_nodes){.n = count, .x = x, .period = periodic ? 1.0 : 0.0};
}

/* f = sin(2 pi x + 0.3), its derivative of that order. */
static double wave(double x, pdm_size order)
{
    return pow(6.283185307179586, (double)order) *
           sin(6.283185307179586 * x + 0.3 + 1.5707963267948966 * (double)order);
}

static double difference_error(pdm_size n, bool periodic, pdm_size order)
{
    double    x[MOST_NODE], weight[PDM_LINES_WIDTH], worst = 0.0;
    int32_t   node[PDM_LINES_WIDTH];
    pdm_nodes g;
    smooth_nodes(n, periodic, x, &g);
    for (pdm_size i = 0; i < g.n; i++) {
        double   sum = 0.0;
        pdm_size m;
        pdm_nodes_difference(&g, i, order, &m, node, weight);
        for (pdm_size k = 0; k < m; k++) sum += weight[k] * wave(x[node[k]], 0);
        worst = fmax(worst, fabs(sum - wave(x[i], order)));
    }
    return worst;
}

START_TEST(differences_are_of_fourth_order)
    {
        for (pdm_size order = 1; order <= 4; order++)
            for (int periodic = 0; periodic < 2; periodic++) {
                const double coarse = difference_error(80, periodic, order),
                             fine   = difference_error(160, periodic, order);
                ck_assert_msg(log2(coarse / fine) > 3.6, "order %d, periodic %d: %g, %g", (int)order, periodic, coarse,
                              fine);
            }
    }
END_TEST

/* n nodes give polynomials of degree n - 1 exactly: to rounding, which grows with the weights. */
START_TEST(weights_are_exact_for_polynomials)
    {
        static const double x[] = {-0.7, -0.2, 0.1, 0.35, 0.9, 1.3};
        for (pdm_size order = 0; order < 6; order++) {
            double weight[PDM_LINES_WIDTH];
            pdm_difference_weights(6, x, 0.25, order, weight);
            for (int p = 0; p < 6; p++) {
                double sum = 0.0, size = 0.0, wanted = pow(0.25, (double)(p - order));
                for (pdm_size k = 0; k < order; k++) wanted *= (double)(p - k);
                for (int k = 0; k < 6; k++) {
                    sum += weight[k] * pow(x[k], p);
                    size += fabs(weight[k]);
                }
                if (p < order) wanted = 0.0;
                ck_assert_msg(fabs(sum - wanted) < 1e-13 * (1.0 + size), "order %d, power %d: %g, %g", (int)order, p,
                              sum, wanted);
            }
        }
    }
END_TEST

START_TEST(values_between_nodes_are_of_sixth_order)
    {
        for (int periodic = 0; periodic < 2; periodic++) {
            double error[2] = {0.0, 0.0};
            for (int fine = 0; fine < 2; fine++) {
                double    x[MOST_NODE], weight[PDM_LINES_WIDTH];
                int32_t   node[PDM_LINES_WIDTH];
                pdm_nodes g;
                smooth_nodes(fine ? 80 : 40, periodic, x, &g);
                for (int i = 0; i <= 97; i++) {
                    double   sum = 0.0;
                    pdm_size m;
                    pdm_nodes_value(&g, i / 97.0, &m, node, weight);
                    for (pdm_size k = 0; k < m; k++) sum += weight[k] * wave(x[node[k]], 0);
                    error[fine] = fmax(error[fine], fabs(sum - wave(i / 97.0, 0)));
                }
            }
            ck_assert_msg(log2(error[0] / error[1]) > 5.5, "periodic %d: %g, %g", periodic, error[0], error[1]);
        }
    }
END_TEST

/* Every third node is a break, from end to end, in order. */
START_TEST(nodes_follow_the_knots)
    {
        static const struct {
            pdm_map_kind kind;
            bool         periodic;
        } shape[]                      = {{PDM_MAP_LINEAR, false}, {PDM_MAP_SINH, false}, {PDM_MAP_LINEAR, true}};
        static const double interior[] = {0.05, 0.1, 0.3, 0.7, 0.95}; /* uneven on purpose */
        for (int k = 0; k < COUNT_OF(shape); k++) {
            pdm_map    map = {.kind = PDM_MAP_LINEAR, .low = -1.0, .high = 2.0};
            pdm_spline s   = {0};
            double     x[MOST_NODE];
            if (shape[k].kind == PDM_MAP_SINH) OK(pdm_map_parse(ctx, "sinh 0 4", (pdm_where){0}, -1.0, 2.0, &map));
            OK(pdm_spline_create(ctx, &map, 3, shape[k].periodic ? 6 : 9, shape[k].periodic, interior, &s));
            const pdm_size n = 3 * s.n_element + (s.periodic ? 0 : 1);
            pdm_nodes_place(&s, n, x);
            for (pdm_size e = 0; e < s.n_element; e++)
                ck_assert_double_eq_tol(x[3 * e], e == 0 ? -1.0 : pdm_map_value(&map, s.breaks[e]), 1e-12);
            if (!s.periodic) ck_assert_double_eq(x[n - 1], 2.0);
            for (pdm_size i = 1; i < n; i++) ck_assert_double_gt(x[i], x[i - 1]);
            ck_assert_double_lt(x[n - 1], s.periodic ? 2.0 : 2.0 + 1e-12);
            pdm_spline_destroy(&s);
        }
    }
END_TEST

/* ---- the system ---- */

/* |r(z + h d) - r(z) - h J d| along a direction: of values d, of rates alpha d;
 * at the start of either what is not held. */
static double jacobian_rest(bench *b, pdm_lines_stage stage, double h, double alpha, const double *y,
                            const double *rate, const double *d, const double *Jd, double *work)
{
    const pdm_size n  = b->n_unknown;
    double        *r0 = work, *r1 = work + n, *y1 = work + 2 * n, *rate1 = work + 3 * n, sum = 0.0;
    for (pdm_size i = 0; i < n; i++) {
        const bool moves = pdm_lines_differential(b->lines)[i] != 0;
        y1[i]            = y[i] + (stage == PDM_LINES_START && moves ? 0.0 : h * d[i]);
        rate1[i]         = rate[i] + (stage == PDM_LINES_START && !moves ? 0.0 : h * alpha * d[i]);
    }
    ck_assert(pdm_lines_residual(b->lines, 0.2, y, rate, r0));
    ck_assert(pdm_lines_residual(b->lines, 0.2, y1, rate1, r1));
    for (pdm_size i = 0; i < n; i++) sum += pow(r1[i] - r0[i] - h * Jd[i], 2.0);
    return sqrt(sum);
}

START_TEST(jacobian_is_that_of_the_residual)
    {
        const double          alpha = 3.7;
        const pdm_lines_stage stage = _i % 2 ? PDM_LINES_START : PDM_LINES_STEP;
        bench                 b;
        bench_open(&b, _i / 2, 1);
        const pdm_size n = b.n_unknown, *row0;
        const int32_t *column;
        double        *work, *value, size = 0.0;
        pdm_lines_pattern(b.lines, &row0, &column);
        OK(pdm_alloc_array(ctx, 8 * n, &work));
        OK(pdm_alloc_array(ctx, row0[n], &value));
        double *y = work, *rate = work + n, *d = work + 2 * n, *Jd = work + 3 * n;
        pdm_lines_start(b.lines, y, rate);
        for (pdm_size i = 0; i < n; i++) {
            y[i] += 0.3 * random_number();
            rate[i] = random_number();
            d[i]    = random_number();
        }
        ck_assert(pdm_lines_jacobian(b.lines, stage, 0.2, alpha, y, rate, value));
        for (pdm_size i = 0; i < n; i++) {
            Jd[i] = 0.0;
            for (pdm_size k = row0[i]; k < row0[i + 1]; k++) {
                ck_assert(k == row0[i] || column[k] > column[k - 1]);
                Jd[i] += value[k] * d[column[k]];
            }
            size += Jd[i] * Jd[i];
        }
        double rest[4];
        for (int k = 0; k < 4; k++)
            rest[k] = jacobian_rest(&b, stage, 1e-2 / (1 << k), alpha, y, rate, d, Jd, work + 4 * n);
        const double rounding = 1e-12 * sqrt(size);
        for (int k = 1; k < 4; k++)
            ck_assert_msg(rest[k] < rounding || fabs(log2(rest[k - 1] / rest[k]) - 2.0) < 0.1, "%s: %g, then %g",
                          cases[_i / 2].name, rest[k - 1], rest[k]);
        pdm_free(ctx, work);
        pdm_free(ctx, value);
        bench_close(&b);
    }
END_TEST

/* Where a value meets a condition on a slope, the node has the value: it reads nothing else. */
START_TEST(values_win_in_corners)
    {
        bench           b;
        const pdm_size *row0;
        const int32_t  *column;
        bench_open(&b, COUNT_OF(cases) - 1, 1);
        pdm_lines_pattern(b.lines, &row0, &column);
        const pdm_size across = b.n[2], corner[] = {0, across - 1}, other[] = {b.n_unknown - across, b.n_unknown - 1};
        for (int k = 0; k < 2; k++) {
            ck_assert_int_eq(row0[corner[k] + 1] - row0[corner[k]], 1);
            ck_assert_int_eq(column[row0[corner[k]]], corner[k]);
            ck_assert_int_gt(row0[other[k] + 1] - row0[other[k]], 1);
        }
        bench_close(&b);
    }
END_TEST

/* Interior nodes move in time, prescribed ones do not; a field whose rate alone is prescribed does. */
START_TEST(differential_unknowns_are_told_apart)
    {
        static const struct {
            int         number;
            const char *first, *last; /* marks of the variables of the first and of the last node */
            const char *inner;
        } wanted[] = {{0, "0", "0", "1"},    {2, "00", "10", "11"}, {3, "00", "00", "11"},
                      {4, "00", "00", "11"}, {5, "0", "1", "1"},    {6, "01", "01", "11"},
                      {7, "00", "00", "10"}, {8, "0", "0", "1"},    {9, "1", "1", "1"}};
        for (int k = 0; k < COUNT_OF(wanted); k++) {
            bench b;
            bench_open(&b, wanted[k].number, 1);
            const pdm_size       n_variable = pdm_lines_n_variable(b.lines);
            const unsigned char *mark       = pdm_lines_differential(b.lines);
            for (pdm_size v = 0; v < n_variable; v++) {
                ck_assert_msg(mark[v] == wanted[k].first[v] - '0', "%s: first", cases[wanted[k].number].name);
                ck_assert_msg(mark[b.n_unknown - n_variable + v] == wanted[k].last[v] - '0', "%s: last",
                              cases[wanted[k].number].name);
                ck_assert_msg(mark[8 * n_variable + v] == wanted[k].inner[v] - '0', "%s: inner",
                              cases[wanted[k].number].name);
            }
            bench_close(&b);
        }
    }
END_TEST

static const struct {
    const char *words;
    const char *set[6][3];
} refusals[] = {
    {"steady", {{"domain", "dimensions", "x"}, {"pde/residuals", "u", "dxx(u)"}}},
    {"3 dimensions of space",
     {{"domain", "dimensions", "t x y z"}, {"domain/y", "kind", "periodic"}, {"domain/z", "kind", "periodic"}}},
    {"order 3 in time", {{"domain/t", "degree", "4"}, {"pde/residuals", "u", "dt(dt(dt(u))) - dxx(u)"}}},
    {"order 0 in time", {{"pde/residuals", "u", "u - dxx(u)"}}},
    {"constant in cells",
     {{"inputs/k", "dimensions", "x"}, {"inputs/k", "kind", "cells"}, {"pde/residuals", "u", "dt(u) - dx(k*dx(u))"}}},
    {"varies in time", {{"inputs/k", "dimensions", "t"}, {"pde/residuals", "u", "dt(u) - dxx(u) - k"}}},
    {"invlap(u) depends on all of space",
     {{"domain/x", "kind", "periodic"}, {"pde/residuals", "u", "dt(u) - dxx(u) + invlap(u)"}}},
    {"on a part of a side, where t < 0.5",
     {{"pde/boundary", "x_max", "u = 0 where t < 0.5 ; dx(u) = 0 where t >= 0.5"}}},
    {"is on an integral", {{"pde/constraints", "amount", "integral(u) = 1"}}},
    {"a condition has a time derivative", {{"pde/boundary", "x_max", "dt(dt(u)) + dx(u) = 0"}}},
};

START_TEST(what_does_not_fit_is_refused)
    {
        pdm_case   *c      = NULL;
        pdm_pde    *pde    = NULL;
        pdm_domain *domain = NULL;
        pdm_lines  *lines  = NULL;
        char        why[300];
        OK(pdm_case_create(ctx, &c));
        OK(pdm_case_set_text(c, "pde", "fields", "u"));
        OK(pdm_case_set_text(c, "domain", "dimensions", "t x"));
        OK(pdm_case_set_text(c, "pde/residuals", "u", "dt(u) - dxx(u)"));
        OK(pdm_case_set_text(c, "pde/boundary", "x_min", "u = 0"));
        OK(pdm_case_set_text(c, "pde/boundary", "x_max", "u = 0"));
        for (int i = 0; i < 4; i++) {
            const char *group[] = {"domain/t", "domain/x", "domain/y", "domain/z"};
            OK(pdm_case_set_text(c, group[i], "extent", "0 1"));
            OK(pdm_case_set_text(c, group[i], "control_points", "6"));
        }
        for (int i = 0; i < 6 && refusals[_i].set[i][0]; i++)
            OK(pdm_case_set_text(c, refusals[_i].set[i][0], refusals[_i].set[i][1], refusals[_i].set[i][2]));
        if (strstr(refusals[_i].words, "invlap")) {
            OK(pdm_case_remove(c, "pde/boundary", "x_min"));
            OK(pdm_case_remove(c, "pde/boundary", "x_max"));
        }
        const int order = _i == 2 ? 2 : _i == 0 || _i == 3 ? 0 : 1;
        if (order > 0) OK(pdm_case_set_text(c, "pde/initial", "u", "0"));
        if (order > 1) OK(pdm_case_set_text(c, "pde/initial", "u_t", "0"));
        if (pdm_pde_create(ctx, c, &pde) == PDM_OK && pdm_domain_create(ctx, c, pde, NULL, &domain) == PDM_OK) {
            const pdm_size n[] = {1, 20, 20, 20};
            const double  *x[4];
            double         node[20];
            for (int i = 0; i < 20; i++) node[i] = i / 19.0;
            for (int i = 0; i < 4; i++) x[i] = node;
            ck_assert(pdm_lines_refuses(domain, why, sizeof why));
            ck_assert_msg(strstr(why, refusals[_i].words) != NULL, "%s: %s", refusals[_i].words, why);
            ck_assert_int_eq(pdm_lines_create(ctx, domain, n, x, &lines), PDM_ERR_ARGUMENT);
            ck_assert_msg(strstr(pdm_context_error(ctx), refusals[_i].words) != NULL, "%s", pdm_context_error(ctx));
            ck_assert_ptr_null(lines);
        } else { /* what the case itself may not be need not be refused here */
            ck_assert_msg(strcmp(refusals[_i].words, "order 3 in time") == 0, "%s", pdm_context_error(ctx));
        }
        pdm_domain_destroy(&domain);
        pdm_pde_destroy(&pde);
        pdm_case_destroy(&c);
    }
END_TEST

START_TEST(too_few_nodes_are_refused)
    {
        bench b;
        bench_open(&b, 3, 1);
        pdm_lines     *l    = NULL;
        const pdm_size n[2] = {1, 7};
        ck_assert_int_eq(pdm_lines_create(ctx, b.domain, n, (const double *const *)b.x, &l), PDM_ERR_ARGUMENT);
        ck_assert_ptr_nonnull(strstr(pdm_context_error(ctx), "7 nodes along x; at least 8 expected"));
        bench_close(&b);
    }
END_TEST

/* ---- in time ---- */

/* Relative L2 error of a field on a grid of times and places, the start among them. */
static double field_error(bench *b, const char *solution, pdm_size field, const pdm_size *n, const double *const *at,
                          const double *u)
{
    const pdm_size      n_point = n[0] * n[1] * n[2];
    const pdm_function *f       = NULL;
    double             *w, error = 0.0, norm = 0.0;
    OK(pdm_alloc_array(ctx, n_point, &w));
    OK(pdm_pde_compile(b->pde, solution, (pdm_where){0}, false, &f));
    OK(pdm_domain_evaluate(b->domain, f, NULL, b->input, n, at, w));
    for (pdm_size i = 0; i < n_point; i++) {
        error += pow(u[field * n_point + i] - w[i], 2.0);
        norm += w[i] * w[i];
    }
    pdm_free(ctx, w);
    return sqrt(error / norm);
}

/* The largest of the fields whose solution is known. */
static double solution_error(int number, pdm_size factor, double tolerance)
{
    enum { TIMES = 4, PLACES = 37, ACROSS = 29 };
    bench b;
    bench_open(&b, number, factor);
    const pdm_size n[3] = {TIMES, PLACES, pdm_pde_n_dim(b.pde) == 3 ? ACROSS : 1};
    double         t[TIMES], x[PLACES], y[ACROSS], *u, worst;
    const double  *at[3] = {t, x, y};
    for (int i = 0; i < TIMES; i++) t[i] = 0.5 * i / (TIMES - 1);
    for (int i = 0; i < PLACES; i++) x[i] = i / (PLACES - 1.0);
    for (int i = 0; i < ACROSS; i++) y[i] = i / (ACROSS - 1.0);
    OK(pdm_alloc_array(ctx, pdm_pde_n_field(b.pde) * n[0] * n[1] * n[2], &u));
    OK(pdm_lines_integrate(b.lines, tolerance, NULL, n, at, u, NULL));
    worst = field_error(&b, exact[number][0] ? exact[number][0] : "w", 0, n, at, u);
    if (exact[number][1]) worst = fmax(worst, field_error(&b, exact[number][1], 1, n, at, u));
    pdm_free(ctx, u);
    bench_close(&b);
    return worst;
}

START_TEST(solutions_converge_with_the_order_of_the_differences)
    {
        if (!pdm_lines_is_built()) return;
        const double coarse = solution_error(_i, 1, 1e-10), fine = solution_error(_i, 2, 1e-10);
        if (getenv("PDM_TEST_SHOW"))
            fprintf(stderr, "%-60s %9.2e %9.2e %6.2f\n", cases[_i].name, coarse, fine, log2(coarse / fine));
        ck_assert_msg(coarse < 1e-2 && log2(coarse / fine) > cases[_i].least, "%s: errors %g and %g, order %.2f",
                      cases[_i].name, coarse, fine, log2(coarse / fine));
    }
END_TEST

/* On a fine grid the error is that of time, and follows the tolerance over four decades. */
START_TEST(tolerance_in_time_is_obeyed)
    {
        if (!pdm_lines_is_built()) return;
        const double loose = solution_error(0, 8, 1e-4), tight = solution_error(0, 8, 1e-8);
        ck_assert_msg(loose < 1e-2 && tight < 1e-6 && tight < 1e-2 * loose, "%g, %g", loose, tight);
    }
END_TEST

START_TEST(a_build_without_sundials_says_so)
    {
        if (pdm_lines_is_built()) return;
        bench          b;
        double         u[4], one[] = {0.5};
        const pdm_size n[]  = {1, 1};
        const double  *at[] = {one, one};
        bench_open(&b, 5, 1);
        ck_assert_int_eq(pdm_lines_integrate(b.lines, 1e-4, NULL, n, at, u, NULL), PDM_ERR_ARGUMENT);
        ck_assert_ptr_nonnull(strstr(pdm_context_error(ctx), "built without SUNDIALS"));
        bench_close(&b);
    }
END_TEST

int main(void)
{
    Suite *s = suite_create("lines");
    TCase *t = tcase_create("lines");
    tcase_set_timeout(t, 120);
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, differences_are_of_fourth_order);
    tcase_add_test(t, weights_are_exact_for_polynomials);
    tcase_add_test(t, values_between_nodes_are_of_sixth_order);
    tcase_add_test(t, nodes_follow_the_knots);
    tcase_add_loop_test(t, jacobian_is_that_of_the_residual, 0, 2 * COUNT_OF(cases));
    tcase_add_test(t, values_win_in_corners);
    tcase_add_test(t, differential_unknowns_are_told_apart);
    tcase_add_loop_test(t, what_does_not_fit_is_refused, 0, COUNT_OF(refusals));
    tcase_add_test(t, too_few_nodes_are_refused);
    tcase_add_loop_test(t, solutions_converge_with_the_order_of_the_differences, 0, COUNT_OF(cases));
    tcase_add_test(t, tolerance_in_time_is_obeyed);
    tcase_add_test(t, a_build_without_sundials_says_so);
    suite_add_tcase(s, t);
    SRunner *runner = srunner_create(s);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
