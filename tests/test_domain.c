/* domain/: splines, maps, rows against analytic values; r, A, A^T and second order against each other. */
#include "domain/domain.h"
#include "reduction/reduction.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "backend/cpu/cpu_impl.h"
#include "backend/cpu/rows_impl.h"
#include "domain/domain_impl.h"
#include "tests/problems.h"

static const double TWO_PI = 6.283185307179586;

/* What a test has of its own, where it is there; nothing leaks. */
static void close_parts(pdm_context **ctx, pdm_case **c, pdm_pde **pde, pdm_domain **d)
{
    pdm_domain_destroy(d);
    pdm_pde_destroy(pde);
    pdm_case_destroy(c);
    ck_assert_int_eq(pdm_context_destroy(ctx), 0);
}

/* ---- maps ---- */

static const struct {
    const char *text;
    double      low, high;
} maps[] = {{"linear", -1.0, 3.0},   {"sqrt", 0.0, 500.0},      {"power 1.5", 0.0, 1.0},  {"power 3", 2.0, 4.0},
            {"sinh 0 4", -1.0, 1.0}, {"sinh 0.2 7", -1.0, 2.0}, {"sinh -1 3", -1.0, 1.0}, {"sinh 1 3", -1.0, 1.0}};
enum { N_MAP = sizeof maps / sizeof *maps };

START_TEST(map_is_increasing_and_inverted)
    {
        pdm_context *ctx = NULL;
        pdm_map      m;
        ck_assert_int_eq(pdm_context_create(NULL, &ctx), PDM_OK);
        ck_assert_int_eq(pdm_map_parse(ctx, maps[_i].text, (pdm_where){0}, maps[_i].low, maps[_i].high, &m), PDM_OK);
        ck_assert_double_eq_tol(pdm_map_value(&m, 0.0), maps[_i].low, 1e-13);
        ck_assert_double_eq_tol(pdm_map_value(&m, 1.0), maps[_i].high, 1e-12);
        for (int k = 1; k < 20; k++) {
            const double xi = k / 20.0, h = 1e-4;
            double       d[PDM_MAX_ORDER + 1];
            ck_assert_double_eq_tol(pdm_map_inverse(&m, pdm_map_value(&m, xi)), xi, 1e-12);
            pdm_map_derivatives(&m, xi, 4, d);
            ck_assert(d[1] > 0.0);
            /* central differences: error h^2/6 times the next-but-one derivative, which stays below 1e6 here */
            ck_assert_double_eq_tol((pdm_map_value(&m, xi + h) - pdm_map_value(&m, xi - h)) / (2 * h), d[1],
                                    1e-2 * fabs(d[1]));
        }
        ck_assert_int_eq(pdm_context_destroy(&ctx), 0);
    }
END_TEST

/* A map by sinh meets its ends and its centre to rounding, which its slope of at most strength times the length carries
 * over from xi; just inside the ends, where the value is computed, not given. */
START_TEST(sinh_map_meets_its_ends_and_its_centre)
    {
        static const double share[]    = {0.0, 1e-12, 0.01, 0.3, 0.5, 0.9, 1.0 - 1e-12, 1.0};
        static const double strength[] = {0.01, 0.5, 4.0, 15.0, 19.0, 25.0, 30.0};
        const double        low = -1.0, high = 2.0, inside = 1e-15;
        pdm_context        *ctx = NULL;
        char                text[64];
        ck_assert_int_eq(pdm_context_create(NULL, &ctx), PDM_OK);
        for (size_t i = 0; i < sizeof share / sizeof *share; i++)
            for (size_t k = 0; k < sizeof strength / sizeof *strength; k++) {
                pdm_map      m;
                const double tolerance = 32.0 * 2.2e-16 * (1.0 + strength[k]) * (high - low);
                snprintf(text, sizeof text, "sinh %.17g %.17g", low + share[i] * (high - low), strength[k]);
                ck_assert_int_eq(pdm_map_parse(ctx, text, (pdm_where){0}, low, high, &m), PDM_OK);
                ck_assert(m.xi0 >= 0.0 && m.xi0 <= 1.0);
                ck_assert_double_eq_tol(pdm_map_value(&m, inside), low, tolerance);
                ck_assert_double_eq_tol(pdm_map_value(&m, 1.0 - inside), high, tolerance);
                ck_assert_double_eq_tol(pdm_map_value(&m, m.xi0), m.centre, tolerance);
                /* asinh(x / s) carries a rounding of x at the far end over as one of xi / strength */
                ck_assert_double_eq_tol(pdm_map_inverse(&m, low), 0.0, 1e-13);
                ck_assert_double_eq_tol(pdm_map_inverse(&m, high), 1.0, 1e-13);
            }
        ck_assert_int_eq(pdm_context_destroy(&ctx), 0);
    }
END_TEST

static const char *const bad_maps[] = {"",         "cubic",    "power",  "power 9",    "sinh 1",
                                       "sinh 9 1", "linear 3", "sqrt x", "power 1.5 2"};

START_TEST(bad_map_is_refused_with_words)
    {
        pdm_context *ctx = NULL;
        pdm_map      m;
        ck_assert_int_eq(pdm_context_create(NULL, &ctx), PDM_OK);
        ck_assert_int_eq(
            pdm_map_parse(ctx, bad_maps[_i], (pdm_where){.group = "domain/x", .attribute = "map"}, 0.0, 1.0, &m),
            PDM_ERR_CASE);
        ck_assert_ptr_nonnull(strstr(pdm_context_error(ctx), "expected"));
        pdm_context_destroy(&ctx);
    }
END_TEST

/* ---- splines ---- */

static const struct {
    const char *map;
    int         degree, n;
    bool        periodic;
} splines[] = {{"linear", 1, 5, false},  {"linear", 2, 7, false}, {"linear", 3, 4, false}, {"linear", 3, 12, false},
               {"linear", 5, 11, false}, {"linear", 7, 9, false}, {"sqrt", 3, 9, false},   {"sinh 0.3 3", 3, 10, false},
               {"linear", 2, 6, true},   {"linear", 3, 8, true},  {"linear", 3, 4, true},  {"linear", 5, 9, true},
               {"linear", 5, 10, true},  {"linear", 5, 11, true}, {"linear", 7, 8, true},  {"linear", 6, 13, true}};
enum { N_SPLINE = sizeof splines / sizeof *splines };

static void make_spline(pdm_context *ctx, int i, pdm_spline *s)
{
    pdm_map m;
    ck_assert_int_eq(pdm_map_parse(ctx, splines[i].map, (pdm_where){0}, 0.0, 2.0, &m), PDM_OK);
    ck_assert_int_eq(pdm_spline_create(ctx, &m, splines[i].degree, splines[i].n, splines[i].periodic, NULL, s), PDM_OK);
}

static double spline_value(const pdm_spline *s, const double *c, double xi, int order)
{
    double         b[(PDM_MAX_ORDER + 1) * (PDM_MAX_DEGREE + 1)], sum = 0.0;
    const pdm_size e = pdm_spline_element(s, xi), w = s->degree + 1;
    pdm_spline_basis(s, e, xi, order + 1, b);
    for (pdm_size l = 0; l < w; l++) sum += b[order * w + l] * c[(e + l) % s->n_coef];
    return sum;
}

START_TEST(spline_functions_sum_to_one)
    {
        pdm_context *ctx = NULL;
        pdm_spline   s;
        ck_assert_int_eq(pdm_context_create(NULL, &ctx), PDM_OK);
        make_spline(ctx, _i, &s);
        double one[64];
        for (int i = 0; i < 64; i++) one[i] = 1.0;
        for (int k = 0; k <= 50; k++) {
            const double xi = 0.001 + 0.998 * k / 50.0; /* off the ends, where a map may have no slope */
            ck_assert_double_eq_tol(spline_value(&s, one, xi, 0), 1.0, 1e-13);
            /* a derivative of order o of rounding: eps * (degree * spans / length)^o, times the map's bend */
            ck_assert_double_eq_tol(spline_value(&s, one, xi, 1), 0.0, 1e-9);
        }
        pdm_spline_destroy(&s);
        ck_assert_int_eq(pdm_context_destroy(&ctx), 0);
    }
END_TEST

START_TEST(spline_derivatives_follow_values)
    {
        pdm_context *ctx = NULL;
        pdm_spline   s;
        double       c[64];
        ck_assert_int_eq(pdm_context_create(NULL, &ctx), PDM_OK);
        make_spline(ctx, _i, &s);
        for (int i = 0; i < 64; i++) c[i] = pdm_random_normal((pdm_random_key){1, PDM_RANDOM_TEST, 0}, (uint64_t)i);
        for (pdm_size e = 0; e < s.n_element; e++) /* inside an element, where all derivatives exist */
            for (int order = 0; order < 4 && order < s.degree; order++) {
                const double xi = 0.5 * (s.breaks[e] + s.breaks[e + 1]), x = pdm_map_value(&s.map, xi);
                const double h = 1e-3 * (pdm_map_value(&s.map, s.breaks[e + 1]) - pdm_map_value(&s.map, s.breaks[e]));
                double       coarse, fine, exact = spline_value(&s, c, xi, order + 1);
                coarse = (spline_value(&s, c, pdm_map_inverse(&s.map, x + 2 * h), order) -
                          spline_value(&s, c, pdm_map_inverse(&s.map, x - 2 * h), order)) /
                         (4 * h);
                fine = (spline_value(&s, c, pdm_map_inverse(&s.map, x + h), order) -
                        spline_value(&s, c, pdm_map_inverse(&s.map, x - h), order)) /
                       (2 * h);
                const double extrapolated = (4 * fine - coarse) / 3; /* error h^4 */
                const double size         = fabs(exact) + fabs(spline_value(&s, c, xi, order)) / (h * 1e3);
                ck_assert_double_eq_tol(extrapolated, exact, 1e-6 * size);
            }
        pdm_spline_destroy(&s);
        pdm_context_destroy(&ctx);
    }
END_TEST

START_TEST(spline_passes_through_its_values)
    {
        pdm_context *ctx = NULL;
        pdm_spline   s;
        double       v[64], c[64];
        ck_assert_int_eq(pdm_context_create(NULL, &ctx), PDM_OK);
        make_spline(ctx, _i, &s);
        for (pdm_size i = 0; i < s.n_coef; i++)
            v[i] = pdm_random_normal((pdm_random_key){2, PDM_RANDOM_TEST, 0}, (uint64_t)i);
        pdm_spline_interpolate(&s, v, 1, c, 1);
        for (pdm_size i = 0; i < s.n_coef; i++)
            ck_assert_double_eq_tol(spline_value(&s, c, s.greville[i], 0), v[i], 1e-10);
        pdm_spline_destroy(&s);
        pdm_context_destroy(&ctx);
    }
END_TEST

/* Any degree, any knots, thousands of points: the residual is that of a backward stable solve, in time and memory
 * linear in the points (a cubic method would run out of the test's time). */
START_TEST(large_splines_pass_through_their_values)
    {
        enum { N = 3000 };
        const pdm_size degree   = _i / 2 + 1;
        const bool     periodic = _i % 2 == 1;
        pdm_context   *ctx      = NULL;
        pdm_spline     s;
        pdm_map        m;
        double         sum = 0.0, most = 0.0, *breaks = calloc(N, sizeof *breaks), *v = calloc(N, sizeof *v),
               *c = calloc(N, sizeof *c);
        ck_assert_int_eq(pdm_context_create(NULL, &ctx), PDM_OK);
        ck_assert_int_eq(pdm_map_parse(ctx, "linear", (pdm_where){0}, 0.0, 2.0, &m), PDM_OK);
        const pdm_size n_interior = periodic ? N - 1 : N - degree - 1;
        for (pdm_size i = 0; i < n_interior; i++) /* spans that differ up to fifty times */
            breaks[i] = sum += 0.02 + pdm_random_uniform((pdm_random_key){5, PDM_RANDOM_TEST, 0}, (uint64_t)i);
        for (pdm_size i = 0; i < n_interior; i++) breaks[i] /= sum + 0.5;
        ck_assert_int_eq(pdm_spline_create(ctx, &m, degree, N, periodic, breaks, &s), PDM_OK);
        for (pdm_size i = 0; i < N; i++) v[i] = pdm_random_normal((pdm_random_key){2, PDM_RANDOM_TEST, 0}, (uint64_t)i);
        pdm_spline_interpolate(&s, v, 1, c, 1);
        for (pdm_size i = 0; i < N; i++) most = fmax(most, fabs(c[i]));
        for (pdm_size i = 0; i < N; i++)
            ck_assert_double_eq_tol(spline_value(&s, c, s.greville[i], 0), v[i], 1e-14 * (double)(degree + 1) * most);
        pdm_spline_destroy(&s);
        free(breaks), free(v), free(c);
        ck_assert_int_eq(pdm_context_destroy(&ctx), 0);
    }
END_TEST

/* Interpolating a smooth function converges with order degree + 1. */
/* One is one on every level, and a coefficient that two elements see is the same to both. */
static void check_nest_axis(const pdm_nest_axis *a, pdm_size n_element, pdm_size degree)
{
    const pdm_size w = degree + 1;
    for (pdm_size e = 0; e < n_element; e++)
        for (pdm_size i = 0; i < w; i++) {
            const double *row = a->local + (e * w + i) * w;
            double        sum = 0.0;
            for (pdm_size j = 0; j < w; j++) sum += row[j];
            ck_assert_double_eq_tol(sum, 1.0, 1e-12);
            if (e == 0 || i == w - 1) continue;
            const double  *before = row - (w - 1) * w; /* row i+1 of the element before */
            const pdm_size apart  = a->parent[e] - a->parent[e - 1];
            ck_assert(apart == 0 || apart == 1);
            for (pdm_size j = 0; j + apart < w; j++) ck_assert_double_eq_tol(row[j], before[j + apart], 1e-12);
        }
}

START_TEST(nested_splines_are_the_same_functions)
    {
        static const int which[] = {PROBLEM_HEAT, PROBLEM_SORPTION, PROBLEM_POISSON, PROBLEM_BURGERS, PROBLEM_FOURTH};
        problem          p;
        pdm_nest        *nest = NULL;
        problem_open_points(&p, which[_i], "cpu", 1, 1, "131");
        const pdm_rows_desc *rows = pdm_domain_rows(p.domain);
        ck_assert_int_eq(pdm_nest_create(p.ctx, p.domain, &nest), PDM_OK);
        const pdm_nest_desc *d = pdm_nest_describe(nest);
        ck_assert_int_gt(d->n_level, 1);
        for (pdm_size j = 0; j < rows->n_dim; j++) {
            pdm_size n = rows->n_element[j];
            for (pdm_size l = 0; l + 1 < d->n_level; l++) {
                const pdm_nest_axis *a = &d->axis[l * rows->n_dim + j];
                check_nest_axis(a, n, rows->degree[j]);
                ck_assert_int_eq(a->parent[n - 1] + 1, a->n_element);
                n = a->n_element;
            }
        }
        pdm_nest_destroy(&nest);
        problem_close(&p);
    }
END_TEST

START_TEST(resampling_converges)
    {
        pdm_context *ctx = NULL;
        double       error[2];
        ck_assert_int_eq(pdm_context_create(NULL, &ctx), PDM_OK);
        const bool periodic = _i == 1;
        for (int k = 0; k < 2; k++) {
            const int n    = 20 << k;
            double   *from = calloc((size_t)n, sizeof *from), *data = calloc((size_t)n, sizeof *data), to[33], out[33];
            pdm_resample *r = NULL;
            for (int i = 0; i < n; i++) from[i] = TWO_PI * i / (periodic ? n : n - 1);
            for (int i = 0; i < 33; i++) to[i] = TWO_PI * i / 33.0;
            for (int i = 0; i < n; i++) data[i] = sin(from[i]);
            ck_assert_int_eq(pdm_resample_create(ctx, n, from, 33, to, periodic ? TWO_PI : 0.0, &r), PDM_OK);
            pdm_resample_apply(r, data, 1, out, 1);
            pdm_resample_destroy(&r);
            error[k] = 0.0;
            for (int i = 0; i < 33; i++) error[k] = fmax(error[k], fabs(out[i] - sin(to[i])));
            free(from);
            free(data);
        }
        ck_assert_double_ge(log2(error[0] / error[1]), 3.5);
        ck_assert_int_eq(pdm_context_destroy(&ctx), 0);
    }
END_TEST

/* A spline that is sampled at points enough comes back from its least squares, also where points are not even and
 * around a seam; of too few points it is said to be not possible. */
START_TEST(a_sampled_spline_comes_back)
    {
        enum { N_COEF = 9, N_POINT = 31 };
        const bool      periodic = _i % 2 == 1;
        const pdm_size  degree   = _i / 2 + 1;
        const pdm_map   map      = {.kind = PDM_MAP_LINEAR, .low = 0.0, .high = 1.0, .exponent = 1.0};
        pdm_context    *ctx      = NULL;
        pdm_spline      s;
        pdm_spline_fit *f        = NULL;
        bool            possible = false;
        double          c[N_COEF], back[2 * N_COEF], xi[N_POINT], value[2 * N_POINT], basis[PDM_MAX_DEGREE + 1];
        ck_assert_int_eq(pdm_context_create(NULL, &ctx), PDM_OK);
        ck_assert_int_eq(pdm_spline_create(ctx, &map, degree, N_COEF, periodic, NULL, &s), PDM_OK);
        for (int i = 0; i < N_COEF; i++) c[i] = sin(1.0 + 2.3 * i);
        for (int q = 0; q < N_POINT; q++) {
            xi[q]            = (q + 0.3 * sin(5.0 * q)) / N_POINT + 0.01;
            const pdm_size e = pdm_spline_element(&s, xi[q]);
            pdm_spline_basis(&s, e, xi[q], 1, basis);
            value[2 * q] = 0.0;
            for (pdm_size k = 0; k <= degree; k++) value[2 * q] += basis[k] * c[(e + k) % N_COEF];
        }
        ck_assert_int_eq(pdm_spline_fit_create(&s, N_POINT, xi, NULL, &f, &possible), PDM_OK);
        ck_assert(possible);
        pdm_spline_fit_apply(f, value, 2, back, 2);
        for (int i = 0; i < N_COEF; i++) ck_assert_double_eq_tol(back[2 * i], c[i], 1e-9);
        pdm_spline_fit_destroy(&f);
        ck_assert_int_eq(pdm_spline_fit_create(&s, N_COEF - 2, xi, NULL, &f, &possible), PDM_OK);
        ck_assert(!possible && !f);
        pdm_spline_destroy(&s);
        ck_assert_int_eq(pdm_context_destroy(&ctx), 0);
    }
END_TEST

/* ---- rows of every test problem ---- */

/* <A v, y> = <v, A^T y>, and r(c + h v) - r(c) - h A v shrinks as h^2. */
START_TEST(rows_linearise_and_transpose)
    {
        problem p;
        problem_open(&p, _i, "cpu", 2);
        problem_random_state(&p, 3);
        const double rest = problem_taylor_rows(&p);
        ck_assert_msg(rest > 1.9 || problem_is_linear(&p), "%s: slope %.3f", problem_name(_i), rest);
        ck_assert_double_lt(problem_adjoint_gap(&p), 1e-12);
        ck_assert_double_lt(problem_both_gap(&p), 1e-13);
        problem_close(&p);
    }
END_TEST

/* y . (A(c + h v) - A(c)) v / h against the second-order product, order h. */
START_TEST(rows_second_order_follows_linearisation)
    {
        problem p;
        problem_open(&p, _i, "cpu", 2);
        problem_random_state(&p, 4);
        ck_assert_double_lt(problem_second_order_gap(&p), 1e-5);
        problem_close(&p);
    }
END_TEST

/* The check back end, the bare one, for which the CPU does it, and the CPU give the same bits. */
START_TEST(rows_are_the_same_on_other_back_ends)
    {
        problem a, b;
        if (!problem_on_cpu()) return;
        problem_open(&a, _i / 2, "cpu", 1);
        problem_open(&b, _i / 2, _i % 2 ? "bare" : "check", 1);
        problem_random_state(&a, 5);
        problem_random_state(&b, 5);
        ck_assert(problem_same_rows(&a, &b));
        problem_close(&a);
        problem_close(&b);
    }
END_TEST

/* ---- inputs on cells ---- */

/* A coefficient k on cells in x (periodic or not) and y, in the flux across x and in the source. */
static pdm_case *cells_case(pdm_context *ctx, bool periodic, const char *between)
{
    pdm_case *c = NULL;
    ck_assert_int_eq(pdm_case_create(ctx, &c), PDM_OK);
    const char *const set[][3] = {{"pde", "fields", "u"},
                                  {"pde/residuals", "u", "-dx(k*dx(u)) - dyy(u) - k"},
                                  {"pde/boundary", "y_min", "u = 0"},
                                  {"pde/boundary", "y_max", "u = 0"},
                                  {"inputs/k", "dimensions", "x y"},
                                  {"inputs/k", "kind", "cells"},
                                  {"inputs/k", "between", between},
                                  {"domain", "dimensions", "x y"},
                                  {"domain/x", "extent", "0 2"},
                                  {"domain/x", "control_points", periodic ? "4" : "7"}, /* 4 knot spans */
                                  {"domain/x", "kind", periodic ? "periodic" : "bounded"},
                                  {"domain/y", "extent", "0 1"},
                                  {"domain/y", "control_points", "6"}, /* 3 knot spans, graded */
                                  {"domain/y", "grading", "power 2"}};
    for (size_t i = 0; i < sizeof set / sizeof *set; i++)
        ck_assert_int_eq(pdm_case_set_text(c, set[i][0], set[i][1], set[i][2]), PDM_OK);
    if (!periodic) {
        ck_assert_int_eq(pdm_case_set_text(c, "pde/boundary", "x_min", "u = 0"), PDM_OK);
        ck_assert_int_eq(pdm_case_set_text(c, "pde/boundary", "x_max", "u = 0"), PDM_OK);
    }
    return c;
}

static double mean_of(const double *k, int n, const int *at, bool harmonic)
{
    double sum = 0.0;
    for (int i = 0; i < n; i++) sum += harmonic ? 1.0 / k[at[i]] : k[at[i]];
    return harmonic ? n / sum : sum / n;
}

/* Constant inside a cell, the mean of two on a face and of four in a corner, across a periodic end too; what the terms
 * and the network read is the same. */
/* ---- some rows through constant columns ---- */

enum { REDUCED_COLUMNS = 3 };

/* Every second row or so, with weights. */
static pdm_row_list some_rows(problem *p)
{
    double      *weight = calloc((size_t)p->n_row, sizeof *weight);
    pdm_row_list list;
    for (pdm_size i = 0; i < p->n_row; i++) weight[i] = i * i % 5 < 2 ? 0.25 + (double)(i % 7) : 0.0;
    ck_assert_int_eq(pdm_row_list_keep(p->ctx, p->n_row, weight, &list), PDM_OK);
    ck_assert_int_lt(list.n, p->n_row);
    free(weight);
    return list;
}

/* y += M x, of one sample. */
static void matrix_times(const pdm_matrix_desc *m, const double *x, double *y)
{
    for (pdm_size i = 0; i < m->n_row; i++)
        for (int32_t e = m->row0[i]; e < m->row0[i + 1]; e++) y[i] += m->value[e] * x[m->column[e]];
}

/* Residual and linearisation by weights are those of the coefficients that the weights make, along the columns, of the
 * listed rows, times the roots of their weights. */
START_TEST(reduced_rows_are_rows_of_the_weights)
    {
        problem          p;
        pdm_reduced_rows x;
        pdm_rows_plan   *plan = NULL;
        pdm_buffer      *w = NULL, *r = NULL, *J = NULL, *sampled = NULL;
        enum { N = REDUCED_COLUMNS + 1 }; /* behind the weights that of the offset */
        problem_open(&p, _i, "cpu", 2);
        problem_random_state(&p, 6);
        const pdm_rows_desc *d = pdm_domain_rows(p.domain);
        if (d->n_pyramid > 0 || d->n_derived > 0) {
            problem_close(&p);
            return;
        }
        const pdm_backend_ops *ops   = p.backend->ops;
        const pdm_batch        batch = problem_batch(&p);
        const pdm_random_key   key   = {6, 1, 1};
        const size_t           n_c   = 2 * (size_t)p.c_size;
        pdm_row_list           list  = some_rows(&p);
        double                *start = calloc(n_c, sizeof(double)), *state = calloc(n_c, sizeof(double)),
               *column = calloc(N * n_c, sizeof(double)), weight[2 * N];
        problem_get(&p, p.c, start, 2 * p.c_size);
        for (size_t i = 0; i < N * n_c; i++) /* the same for both samples */
            column[i] = 0.1 * pdm_random_normal(key, (uint64_t)(i / n_c * n_c + i % (size_t)p.c_size));
        for (int i = 0; i < 2 * N; i++) weight[i] = i % N == REDUCED_COLUMNS ? 1.0 : 0.3 * cos(1.0 + i);
        ck_assert_int_eq(pdm_reduced_rows_create(p.ctx, d, &list, REDUCED_COLUMNS, &x), PDM_OK);
        ck_assert_int_eq(x.desc.n_row, list.n);
        for (size_t n = 0; n < N; n++) pdm_reduced_rows_set_column(&x, (pdm_size)n, column + n * n_c);
        ck_assert_int_eq(ops->rows_create(p.backend, &x.desc, 2, &plan), PDM_OK);

        const size_t n_row = 2 * (size_t)list.n, n_sampled = (size_t)x.desc.n_sampled;
        double      *data = calloc(2 * n_sampled + 1, sizeof(double)),
               *all       = calloc(2 * (size_t)d->n_sampled + 1, sizeof(double));
        problem_get(&p, p.data.sampled, all, 2 * d->n_sampled);
        for (size_t i = 0; i < 2; i++) {
            memcpy(data + i * n_sampled, x.same, n_sampled * sizeof(double));
            matrix_times(&x.start, start + i * (size_t)p.c_size, data + i * n_sampled);
            matrix_times(&x.inputs, all + i * (size_t)d->n_sampled, data + i * n_sampled);
        }
        ck_assert_int_eq(ops->buffer_create(p.backend, 2 * N * sizeof(double), &w), PDM_OK);
        ck_assert_int_eq(ops->buffer_create(p.backend, n_row * sizeof(double), &r), PDM_OK);
        ck_assert_int_eq(ops->buffer_create(p.backend, n_row * N * sizeof(double), &J), PDM_OK);
        ck_assert_int_eq(ops->buffer_create(p.backend, (2 * n_sampled + 1) * sizeof(double), &sampled), PDM_OK);
        problem_put(&p, w, weight, 2 * N);
        problem_put(&p, sampled, data, 2 * (pdm_size)n_sampled);
        const pdm_rows_data own = {p.data.scalar, sampled};
        ck_assert_int_eq(ops->rows_residual(p.backend, plan, batch, &own, w, r), PDM_OK);
        ck_assert_int_eq(ops->rows_linearise(p.backend, plan, batch, &own, w, J), PDM_OK);

        for (size_t i = 0; i < n_c; i++) {
            state[i] = start[i];
            for (size_t n = 0; n < N; n++) state[i] += weight[i / (size_t)p.c_size * N + n] * column[n * n_c + i];
        }
        problem_put(&p, p.c, state, 2 * p.c_size);
        ck_assert_int_eq(ops->rows_residual(p.backend, p.rows, batch, &p.data, p.c, p.r), PDM_OK);
        ck_assert_int_eq(ops->rows_linearise(p.backend, p.rows, batch, &p.data, p.c, p.A), PDM_OK);
        double *full = calloc(2 * (size_t)p.n_row, sizeof(double)), *few = calloc(n_row * N, sizeof(double));
        for (int n = -1; n < N; n++) { /* -1: the residual */
            double size = 0.0;
            if (n >= 0) {
                problem_put(&p, p.v, column + (size_t)n * n_c, 2 * p.c_size);
                ck_assert_int_eq(ops->rows_apply(p.backend, p.rows, batch, p.A, p.v, p.r), PDM_OK);
            }
            problem_get(&p, p.r, full, 2 * p.n_row);
            problem_get(&p, n < 0 ? r : J, few, (pdm_size)n_row * (n < 0 ? 1 : N));
            for (pdm_size i = 0; i < 2 * p.n_row; i++) size = fmax(size, fabs(full[i]));
            for (size_t i = 0; i < n_row; i++) {
                const size_t at   = i % (size_t)list.n;
                const double root = sqrt(list.weight[at]),
                             want = root * full[(pdm_size)(i / (size_t)list.n) * p.n_row + list.row[at]];
                ck_assert_double_eq_tol(few[n < 0 ? i : i * N + (size_t)n], want, 1e-11 * root * size);
            }
        }
        free(start), free(state), free(column), free(data), free(all), free(full), free(few);
        ops->buffer_destroy(p.backend, &w);
        ops->buffer_destroy(p.backend, &r);
        ops->buffer_destroy(p.backend, &J);
        ops->buffer_destroy(p.backend, &sampled);
        ops->rows_destroy(p.backend, &plan);
        pdm_reduced_rows_destroy(&x);
        pdm_row_list_destroy(p.ctx, &list);
        problem_close(&p);
    }
END_TEST

START_TEST(cells_are_constant)
    {
        const bool          periodic = _i % 2 == 1, harmonic = _i / 2 == 1;
        pdm_context        *ctx = NULL;
        pdm_pde            *pde = NULL;
        pdm_domain         *d   = NULL;
        const pdm_function *f   = NULL;
        double              k[12], out[16];
        pdm_size            n_x, n_y;
        pdm_where           where = {.text = "k", .offset = 0};
        ck_assert_int_eq(pdm_context_create(NULL, &ctx), PDM_OK);
        pdm_case *c = cells_case(ctx, periodic, harmonic ? "harmonic" : "mean");
        ck_assert_int_eq(pdm_pde_create(ctx, c, &pde), PDM_OK);
        ck_assert_msg(pdm_domain_create(ctx, c, pde, NULL, &d) == PDM_OK, "%s", pdm_context_error(ctx));
        ck_assert(pdm_domain_input_on_cells(d, 0));
        ck_assert_int_eq(pdm_domain_input_size(d, 0), 12);
        const double *x_centre = pdm_domain_input_points(d, 0, 0, &n_x);
        const double *y_centre = pdm_domain_input_points(d, 0, 1, &n_y);
        ck_assert_int_eq(n_x, 4);
        ck_assert_int_eq(n_y, 3);
        ck_assert_double_eq(x_centre[1], 0.75);
        ck_assert_double_eq_tol(y_centre[1], (1.0 + 4.0) / 18.0, 1e-15); /* knots at 0, 1/9, 4/9, 1 */
        for (int i = 0; i < 12; i++) k[i] = 3.0 + 9.0 * (i * 7 % 5);
        ck_assert_int_eq(pdm_pde_compile(pde, "k", where, false, &f), PDM_OK);
        /* inside cells, close to their faces as well: exactly the value */
        const double   x[4] = {0.01, 0.5 - 1e-7, 0.5 + 1e-7, 1.9}, y[4] = {0.0, 0.1111, 0.1112, 1.0};
        const int      cell_x[4] = {0, 0, 1, 3}, cell_y[4] = {0, 0, 1, 2};
        const pdm_size four[2] = {4, 4};
        ck_assert_int_eq(pdm_domain_evaluate(d, f, &where, k, four, (const double *[]){x, y}, out), PDM_OK);
        for (int i = 0; i < 16; i++) ck_assert_double_eq(out[i], k[cell_x[i / 4] * 3 + cell_y[i % 4]]);
        /* on a face, in a corner, on the sides */
        const double   xf[3] = {0.0, 0.5, 2.0}, yf[2] = {0.2, 4.0 / 9.0};
        const pdm_size faces[2] = {3, 2};
        ck_assert_int_eq(pdm_domain_evaluate(d, f, &where, k, faces, (const double *[]){xf, yf}, out), PDM_OK);
        const int low[2] = {1, 10}, middle[2] = {1, 4}, corner[4] = {1, 2, 4, 5}, high[2] = {10, 1};
        ck_assert_double_eq_tol(out[0], periodic ? mean_of(k, 2, low, harmonic) : k[1], 1e-14);
        ck_assert_double_eq_tol(out[2], mean_of(k, 2, middle, harmonic), 1e-14);
        ck_assert_double_eq_tol(out[3], mean_of(k, 4, corner, harmonic), 1e-14);
        ck_assert_double_eq_tol(out[4], periodic ? mean_of(k, 2, high, harmonic) : k[10], 1e-14);
        /* sampled for the terms: nothing but values of cells and means of neighbours in x */
        const pdm_rows_desc *rows   = pdm_domain_rows(d);
        double              *sample = calloc((size_t)rows->n_sampled, sizeof *sample);
        double              *lift   = calloc((size_t)pdm_domain_n_coef(d), sizeof *lift);
        double              *work   = calloc((size_t)pdm_domain_prepare_work(d), sizeof *work);
        float *feature              = calloc((size_t)(pdm_domain_n_feature(d) * pdm_domain_n_coef(d)), sizeof *feature);
        ck_assert_int_eq(pdm_domain_prepare(d, k, NULL, sample, lift, work, NULL), PDM_OK);
        for (pdm_size i = 0; i < rows->n_sampled; i++) {
            double least = INFINITY;
            for (int a = 0; a < 12; a++)
                for (int b = 0; b < 12; b++)
                    if (a % 3 == b % 3)
                        least = fmin(least, fabs(sample[i] - mean_of(k, 2, (const int[]){a, b}, harmonic)));
            ck_assert_double_lt(least, 1e-13);
        }
        const double one = 1.0, zero = 0.0;
        pdm_domain_features(d, k, lift, &one, &zero, &one, feature);
        const float *last = feature + (pdm_domain_n_feature(d) - 1) * pdm_domain_n_coef(d);
        const int ends[2] = {6, 9}; /* the first control point lies at x = 1.5, a face, when x is periodic, else at 0 */
        ck_assert_double_eq(pdm_domain_greville(d, 0)[0], periodic ? 1.5 : 0.0);
        ck_assert_float_eq(last[0], (float)(periodic ? mean_of(k, 2, ends, harmonic) : k[0]));
        free(sample), free(lift), free(work), free(feature);
        close_parts(&ctx, &c, &pde, &d);
    }
END_TEST

/* Fields of one to three dimensions, in any order: what splines hold exactly comes back at points, and so do slopes. */
static const char *const sampled_dimensions[] = {"x y z", "z x", "y", "y z x"};

static double sampled_polynomial(int dim, int order, double x) /* of degree 1, 2 and 3 along x, y and z */
{
    static const double c[3][4] = {{1, 2, 0, 0}, {-1, 1, 3, 0}, {2, -1, 1, 1}};
    const double       *a       = c[dim];
    return order ? a[1] + x * (2 * a[2] + x * 3 * a[3]) : a[0] + x * (a[1] + x * (a[2] + x * a[3]));
}

static double sampled_product(const char *dimensions, const double *x, int order_z)
{
    double product = 1.0;
    for (int j = 0; j < 3; j++)
        if (strchr(dimensions, 'x' + j)) product *= sampled_polynomial(j, j == 2 ? order_z : 0, x[j]);
    return product;
}

START_TEST(input_fields_are_sampled)
    {
        const char *const dimensions  = sampled_dimensions[_i];
        const char *const case_text[] = {"x_min", "x_max", "y_min", "y_max", "z_min", "z_max"};
        pdm_context      *ctx         = NULL;
        pdm_case         *c           = NULL;
        pdm_pde          *pde         = NULL;
        pdm_domain       *d           = NULL;
        double           *k, out[27], at[3];
        ck_assert_int_eq(pdm_context_create(NULL, &ctx), PDM_OK);
        ck_assert_int_eq(pdm_case_create(ctx, &c), PDM_OK);
        const char *const set[][3] = {{"pde", "fields", "u"},
                                      {"pde/residuals", "u", "-lap(u) - k"},
                                      {"inputs/k", "dimensions", dimensions},
                                      {"domain", "dimensions", "x y z"},
                                      {"domain/x", "extent", "0 1"},
                                      {"domain/x", "control_points", "5"},
                                      {"domain/x", "degree", "2"},
                                      {"domain/y", "extent", "0 2"},
                                      {"domain/y", "control_points", "6"},
                                      {"domain/z", "extent", "-1 1"},
                                      {"domain/z", "control_points", "7"},
                                      {"domain/z", "degree", "4"}};
        for (size_t i = 0; i < sizeof set / sizeof *set; i++)
            ck_assert_int_eq(pdm_case_set_text(c, set[i][0], set[i][1], set[i][2]), PDM_OK);
        for (int i = 0; i < 6; i++)
            ck_assert_int_eq(pdm_case_set_text(c, "pde/boundary", case_text[i], "u = 0"), PDM_OK);
        ck_assert_int_eq(pdm_pde_create(ctx, c, &pde), PDM_OK);
        ck_assert_msg(pdm_domain_create(ctx, c, pde, NULL, &d) == PDM_OK, "%s", pdm_context_error(ctx));

        const pdm_size n = pdm_domain_input_size(d, 0);
        k                = calloc((size_t)n, sizeof *k);
        for (pdm_size i = 0; i < n; i++) {
            pdm_size rest = i;
            for (int m = (int)strlen(dimensions) / 2; m >= 0; m--) {
                const int     j       = dimensions[2 * m] - 'x';
                pdm_size      n_along = 0;
                const double *along   = pdm_domain_input_points(d, 0, m, &n_along);
                at[j]                 = along[rest % n_along];
                rest /= n_along;
            }
            k[i] = sampled_product(dimensions, at, 0);
        }
        const double   x[3] = {0.0, 0.37, 1.0}, y[3] = {0.1, 1.3, 2.0}, z[3] = {-1.0, 0.05, 0.9};
        const pdm_size three[3] = {3, 3, 3};
        for (int order = 0; order < 2; order++) {
            const pdm_sampled_input what = {.input = 0, .order = {0, 0, strchr(dimensions, 'z') ? order : 0}};
            ck_assert_int_eq(pdm_domain_sample(d, &what, k, three, (const double *[]){x, y, z}, out), PDM_OK);
            for (int i = 0; i < 27; i++) {
                const double point[3] = {x[i / 9], y[i / 3 % 3], z[i % 3]};
                ck_assert_double_eq_tol(out[i], sampled_product(dimensions, point, what.order[2]), 1e-11);
            }
        }
        free(k);
        close_parts(&ctx, &c, &pde, &d);
    }
END_TEST

/* With a cell count of their own, cells are equal in physical space. What is wrong is refused by name. */
static const struct {
    const char *group, *name, *value, *words[3];
} cells_settings[] = {
    {"inputs/k", "cells", "5", {NULL}},
    {"inputs/k", "cells", "5 2", {NULL}},
    {"inputs/k", "cells", "0", {"/inputs/k:cells", "whole numbers", "from 1"}},
    {"inputs/k", "cells", "2.5 2", {"/inputs/k:cells", "2.5", "whole numbers"}},
    {"inputs/k", "cells", "2 2 2", {"/inputs/k:cells", NULL, NULL}},
    {"inputs/k", "kind", "bricks", {"/inputs/k:kind", "bricks", "\"spline\" or \"cells\""}},
    {"inputs/k", "kind", "spline", {"/inputs/k:between", "kind = \"cells\"", NULL}},
    {"inputs/k", "between", "least", {"/inputs/k:between", "least", "harmonic"}},
    {"inputs/k", "dimensions", "", {"/inputs/k:kind", "scalar", "dimensions expected"}},
    {"domain", "rows", "point", {"/pde/residuals:u", "constant in cells", "derivative by x"}},
    {"pde/residuals",
     "u",
     "-k*dx(k)*u - dxx(u) - dyy(u)",
     {"/pde/residuals:u", "constant in cells", "derivative by x"}},
    {"pde/boundary", "y_min", "u = dx(k)", {"/pde/boundary:y_min", "constant in cells", "derivative by x"}},
};

START_TEST(cells_settings_are_read)
    {
        pdm_context *ctx = NULL;
        pdm_pde     *pde = NULL;
        pdm_domain  *d   = NULL;
        pdm_size     n;
        ck_assert_int_eq(pdm_context_create(NULL, &ctx), PDM_OK);
        pdm_case *c = cells_case(ctx, false, "harmonic");
        ck_assert_int_eq(
            pdm_case_set_text(c, cells_settings[_i].group, cells_settings[_i].name, cells_settings[_i].value), PDM_OK);
        pdm_status status = pdm_pde_create(ctx, c, &pde);
        if (status == PDM_OK) status = pdm_domain_create(ctx, c, pde, NULL, &d);
        if (!cells_settings[_i].words[0]) {
            ck_assert_int_eq(status, PDM_OK);
            ck_assert_int_eq(pdm_domain_input_size(d, 0), _i ? 10 : 25);
            ck_assert_double_eq_tol(pdm_domain_input_points(d, 0, 0, &n)[1], 0.6, 1e-15);
        } else {
            ck_assert_int_eq(status, PDM_ERR_CASE);
        }
        for (int k = 0; k < 3 && cells_settings[_i].words[k]; k++)
            ck_assert_msg(strstr(pdm_context_error(ctx), cells_settings[_i].words[k]) != NULL, "%s",
                          pdm_context_error(ctx));
        close_parts(&ctx, &c, &pde, &d);
    }
END_TEST

/* ---- refusals ---- */

static const struct {
    const char *group, *name, *value, *words[3];
} refusals[] = {
    {"domain/x", "degree", "6", {"/domain/x:degree", "too high", "5 control points"}},
    {"domain/x", "control_points", "1", {"/domain/x:control_points", "whole number", NULL}},
    {"domain/x", "extent", "1 0", {"/domain/x:extent", "increasing", NULL}},
    {"domain/x", "kind", "round", {"/domain/x:kind", "periodic", NULL}},
    {"domain/x", "kind", "periodic", {"periodic", "condition", NULL}},
    {"domain/x", "map", "banana", {"/domain/x:map", "sqrt", NULL}},
    {"domain/x", "map", "sqrt", {"/domain/x:map", "slope", NULL}},
    {"pde/boundary", "x_min", "u = 0; u = 1", {"two conditions", "x_min", NULL}},
    {"pde/boundary", "x_min", "u free; u = 1", {"two conditions", "x_min", NULL}},
    {"domain/x", "degree", "1", {"/domain/x:degree", "too low", "order 2"}},
    {"pde/boundary", "x_max", "u + dxxx(dx(u)) = 0", {"/pde/boundary:x_max", "order 4", "degree 3"}},
    {"pde/boundary", "x_max", "u + dxxx(dxx(u)) = 0", {"/pde/boundary:x_max", "order 5", NULL}},
    {"domain", "gauss", "9", {"/domain:gauss", NULL, NULL}},
    {"domain/t", "kind", "periodic", {"time", NULL, NULL}},
    {"domain/x", "gauss", "9", {"/domain/x:gauss", "0 to 5", NULL}},
    {"domain/x", "sub", "0", {"/domain/x:sub", "1 to 8", NULL}},
    {"pde/residuals", "u", "dt(u) - D*dxx(u) - invlap(u)", {"/pde/residuals:u", "x is bounded", "^"}},
    {"pde/residuals", "u", "dt(u) - invlap(u^2)", {"/pde/residuals:u", "constant factors", "^"}},
    {"pde/residuals", "u", "dt(u) - invlap(x*u)", {"/pde/residuals:u", "constant factors", "^"}},
    {"pde/residuals", "u", "dt(u) - invlap(invlap(u))", {"/pde/residuals:u", "invlap of an invlap", "^"}},
    {"pde/residuals", "u", "dt(u) - invlap(u, u)", {"/pde/residuals:u", "takes 1 argument", "^"}},
    {"pde/residuals", "u", "dt(u) - invlap", {"/pde/residuals:u", "is a function", "^"}},
    {"pde/initial", "u", "invlap(a)", {"/pde/initial:u", "for fields", "^"}},
};
enum { N_REFUSAL = sizeof refusals / sizeof *refusals };

START_TEST(bad_domain_is_refused_with_words)
    {
        pdm_context *ctx = NULL;
        pdm_case    *c   = NULL;
        pdm_pde     *pde = NULL;
        pdm_domain  *d   = NULL;
        ck_assert_int_eq(pdm_context_create(NULL, &ctx), PDM_OK);
        ck_assert_int_eq(problem_case(ctx, PROBLEM_HEAT, &c), PDM_OK);
        ck_assert_int_eq(pdm_case_set_text(c, "domain/x", "control_points", "5"), PDM_OK);
        ck_assert_int_eq(pdm_case_set_text(c, refusals[_i].group, refusals[_i].name, refusals[_i].value), PDM_OK);
        pdm_status status = pdm_pde_create(ctx, c, &pde);
        if (status == PDM_OK) status = pdm_domain_create(ctx, c, pde, NULL, &d);
        ck_assert_int_eq(status, PDM_ERR_CASE);
        for (int k = 0; k < 3 && refusals[_i].words[k]; k++)
            ck_assert_msg(strstr(pdm_context_error(ctx), refusals[_i].words[k]) != NULL, "%s", pdm_context_error(ctx));
        close_parts(&ctx, &c, &pde, NULL);
    }
END_TEST

/* A fourth-order equation takes two conditions a side, but not two for the value, nor two for the flux. */
static const struct {
    const char *x_max, *words[2];
} pairs[] = {{"u = 0; dxx(u) = 0", {NULL, NULL}},
             {"flux(u) = 1; u = 0", {NULL, NULL}},
             {"u = 0; u = 2*t", {"the value of \"u\"", "as 0 and as 2*t"}},
             {"flux(u) = 0; flux(u) = t", {"the flux of \"u\"", "as 0 and as t"}}};
enum { N_PAIR = sizeof pairs / sizeof *pairs };

START_TEST(conditions_do_not_replace_each_other)
    {
        pdm_context *ctx = NULL;
        pdm_case    *c   = NULL;
        pdm_pde     *pde = NULL;
        pdm_domain  *d   = NULL;
        ck_assert_int_eq(pdm_context_create(NULL, &ctx), PDM_OK);
        ck_assert_int_eq(problem_case(ctx, PROBLEM_FOURTH, &c), PDM_OK);
        ck_assert_int_eq(pdm_case_set_text(c, "domain/x", "kind", "bounded"), PDM_OK);
        ck_assert_int_eq(pdm_case_set_text(c, "pde/boundary", "x_min", "u = 0; dxx(u) = 0"), PDM_OK);
        ck_assert_int_eq(pdm_case_set_text(c, "pde/boundary", "x_max", pairs[_i].x_max), PDM_OK);
        ck_assert_msg(pdm_pde_create(ctx, c, &pde) == PDM_OK, "%s", pdm_context_error(ctx));
        ck_assert_int_eq(pdm_domain_create(ctx, c, pde, NULL, &d), pairs[_i].words[0] ? PDM_ERR_CASE : PDM_OK);
        for (int k = 0; k < 2 && pairs[_i].words[k]; k++)
            ck_assert_msg(strstr(pdm_context_error(ctx), pairs[_i].words[k]) != NULL, "%s", pdm_context_error(ctx));
        close_parts(&ctx, &c, &pde, &d);
    }
END_TEST

/* ---- which field a condition counts for ---- */

/* Of problem "system", fields u and v of second order in x, sides x_max; counts_for: fields by letter. */
static const struct {
    const char *x_max, *counts_for, *words[3];
} matches[] = {
    {"u + v = dx(u); u - v = dx(v)", "uv", {NULL}},
    {"u - v = dx(v); u + v = dx(u)", "vu", {NULL}},
    {"(u) = v; dx(u) + dx(v) = 0", "vu", {NULL}},
    {"dx(u) + dx(v) = 0; 2*u = 1", "vu", {NULL}},
    {"dx(u) + dx(v) = 0; 2*v = 1", "uv", {NULL}},
    {"u = 1; dx(u) + v = 0", "uv", {NULL}},
    {"dx(v) = u; v = 0", "uv", {NULL}},
    {"u free; dx(v) = u", "uv", {NULL}},
    {"dx(u) = v where t < 0.5; (v) = u^2 where t < 0.5; flux(u) = 0 where t >= 0.5; u*v = 1 where t >= 0.5",
     "uvuv",
     {NULL}},
    {"2*u = 1; dx(u) = u", NULL, {"two conditions on side x_max of field \"u\"", "order 2", NULL}},
    {"u free; v = 1; dx(u) = u", NULL, {"two conditions on side x_max of field \"u\"", NULL}},
    {"u = 1; v = 0; dx(u) = v",
     NULL,
     {"too many conditions on side x_max: no field is left", "\"u\" has its value, \"v\" has its value", NULL}},
    {"dx(u) = v; dx(v) = u; (u) = v", NULL, {"no field is left", "\"u\" has dx(u) - v = 0", "\"v\" has dx(v) - u = 0"}},
    {"u = 1 where t < 0.5; dx(u) = 0 where t >= 0.5; u*v = 1; dx(v) = 0 where t > 0.75",
     NULL,
     {"two conditions on side x_max of field \"v\" at t = 0.875", NULL}},
    {"dx(u) = 1", NULL, {"no condition for field \"v\"", NULL}},
    {"dx(u) + dx(v) = 0", NULL, {"no condition for field \"v\"", NULL}},
};
enum { N_MATCH = sizeof matches / sizeof *matches };

START_TEST(conditions_are_matched_with_fields)
    {
        pdm_context *ctx = NULL;
        pdm_case    *c   = NULL;
        pdm_pde     *pde = NULL;
        pdm_domain  *d   = NULL;
        ck_assert_int_eq(pdm_context_create(NULL, &ctx), PDM_OK);
        ck_assert_int_eq(problem_case(ctx, PROBLEM_SYSTEM, &c), PDM_OK);
        ck_assert_int_eq(pdm_case_set_text(c, "pde/boundary", "x_max", matches[_i].x_max), PDM_OK);
        ck_assert_msg(pdm_pde_create(ctx, c, &pde) == PDM_OK, "%s", pdm_context_error(ctx));
        const pdm_status status = pdm_domain_create(ctx, c, pde, NULL, &d);
        const char      *counts = matches[_i].counts_for;
        ck_assert_msg(status == (counts ? PDM_OK : PDM_ERR_CASE), "%s: %s", matches[_i].x_max, pdm_context_error(ctx));
        for (int k = 0; k < 3 && matches[_i].words[k]; k++)
            ck_assert_msg(strstr(pdm_context_error(ctx), matches[_i].words[k]), "%s", pdm_context_error(ctx));
        for (pdm_size i = 0, k = 0; counts && i < pdm_pde_n_condition(pde); i++)
            if (pdm_pde_condition(pde, i)->side == 1)
                ck_assert_int_eq("uv"[pdm_domain_condition_field(d, i)], counts[k++]);
        close_parts(&ctx, &c, &pde, &d);
    }
END_TEST

/* Of problem "system": fluxes -0.1*dx(u) and -0.2*dx(v). What of several fields holds one of them whole is that flux. */
static const struct {
    const char *x_max, *flux; /* of the first condition; NULL: boundary rows */
} wholes[] = {
    {"0.1*dx(u) = v - u; dx(v) = 0", "u - v"},
    {"(v) = u + dx(u)/2 + 5; dx(v) = 0", "0.2*u - 0.2*v + 1"},
    {"dx(v) + 0*x = u*v; dx(u) = 0", "-0.2*u*v"},
    {"u*dx(u) = v; dx(v) = 0", NULL},
    {"dx(u) + dx(v) = 1; u = 0", NULL},
    {"0.1*dx(u) = u; dx(v) = 0", NULL}, /* of one field alone: rows, as it says */
};

START_TEST(a_whole_flux_is_prescribed_in_cells)
    {
        for (int point = 0; point < 2; point++) {
            pdm_context *ctx = NULL;
            pdm_case    *c   = NULL;
            pdm_pde     *pde = NULL;
            pdm_domain  *d   = NULL;
            pdm_size     i   = 0;
            ck_assert_int_eq(pdm_context_create(NULL, &ctx), PDM_OK);
            ck_assert_int_eq(problem_case(ctx, PROBLEM_SYSTEM, &c), PDM_OK);
            ck_assert_int_eq(pdm_case_set_text(c, "domain", "rows", point ? "point" : "volume"), PDM_OK);
            if (point) ck_assert_int_eq(pdm_case_set_text(c, "pde/boundary", "x_min", "u = 0; v = 0"), PDM_OK);
            ck_assert_int_eq(pdm_case_set_text(c, "pde/boundary", "x_max", wholes[_i].x_max), PDM_OK);
            ck_assert_msg(pdm_pde_create(ctx, c, &pde) == PDM_OK, "%s", pdm_context_error(ctx));
            ck_assert_msg(pdm_domain_create(ctx, c, pde, NULL, &d) == PDM_OK, "%s", pdm_context_error(ctx));
            while (pdm_pde_condition(pde, i)->side == 0) i++;
            const bool flux = wholes[_i].flux && !point;
            ck_assert_int_eq(d->condition[i].kind, flux ? PDM_CONDITION_FLUX : PDM_CONDITION_GENERAL);
            if (flux) ck_assert_str_eq(d->condition[i].function->text, wholes[_i].flux);
            close_parts(&ctx, &c, &pde, &d);
        }
    }
END_TEST

/* A chain of conditions for three fields has one matching; it is found in every order. */
START_TEST(the_only_matching_is_found_in_any_order)
    {
        static const char *const condition[3] = {"2*u = 1", "u + v = 0", "v*w + u = 0"};
        static const int         order[6][3]  = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
        static const char *const setting[][3] = {{"pde", "fields", "u v w"},
                                                 {"pde/residuals", "u", "dxx(u) - v"},
                                                 {"pde/residuals", "v", "dxx(v) - w"},
                                                 {"pde/residuals", "w", "dxx(w) - u"},
                                                 {"pde/boundary", "x_min", "u = 0; v = 0; w = 0"},
                                                 {"domain", "dimensions", "x"},
                                                 {"domain/x", "extent", "0 1"},
                                                 {"domain/x", "control_points", "5"}};
        pdm_context             *ctx          = NULL;
        pdm_case                *c            = NULL;
        pdm_pde                 *pde          = NULL;
        pdm_domain              *d            = NULL;
        char                     text[100];
        const int               *k = order[_i];
        ck_assert_int_eq(pdm_context_create(NULL, &ctx), PDM_OK);
        ck_assert_int_eq(pdm_case_create(ctx, &c), PDM_OK);
        for (size_t i = 0; i < sizeof setting / sizeof *setting; i++)
            ck_assert_int_eq(pdm_case_set_text(c, setting[i][0], setting[i][1], setting[i][2]), PDM_OK);
        snprintf(text, sizeof text, "%s; %s; %s", condition[k[0]], condition[k[1]], condition[k[2]]);
        ck_assert_int_eq(pdm_case_set_text(c, "pde/boundary", "x_max", text), PDM_OK);
        ck_assert_msg(pdm_pde_create(ctx, c, &pde) == PDM_OK, "%s", pdm_context_error(ctx));
        ck_assert_msg(pdm_domain_create(ctx, c, pde, NULL, &d) == PDM_OK, "%s", pdm_context_error(ctx));
        for (int i = 0; i < 3; i++) ck_assert_int_eq(pdm_domain_condition_field(d, 3 + i), k[i]);
        close_parts(&ctx, &c, &pde, &d);
    }
END_TEST

/* A wave of the control grid is a wave in the coefficients, too, and its inverse Laplacian that wave over -|K|^2. */
START_TEST(invlap_divides_waves)
    {
        problem      p;
        const double pi = 3.14159265358979323846;
        problem_open(&p, PROBLEM_VORTICITY, "cpu", 1);
        const pdm_rows_desc *rows = pdm_domain_rows(p.domain);
        const pdm_size       n_t = rows->n_coef[0], n_x = rows->n_coef[1], n_y = rows->n_coef[2], n = n_t * n_x * n_y;
        ck_assert_int_eq(rows->n_derived, 2);
        double *c = calloc((size_t)n, sizeof *c), *out = calloc((size_t)n, sizeof *out);
        double *work = calloc((size_t)(2 * n), sizeof *work);
        for (int kx = 0; kx <= 3; kx++)
            for (int ky = 0; ky <= 2; ky++) {
                for (pdm_size i = 0; i < n; i++) {
                    const double x = 2.0 * pi * (double)(i / n_y % n_x) / (double)n_x;
                    const double y = 2.0 * pi * (double)(i % n_y) / (double)n_y, t = (double)(1 + i / (n_x * n_y));
                    c[i] = t * cos(kx * x + 0.3) * cos(ky * y - 0.2);
                }
                for (pdm_size k = 0; k < rows->n_derived; k++) {
                    domain_derive_layers(p.domain, k, n, c, out, work);
                    for (pdm_size i = 0; i < n; i++) {
                        const double k2 = kx * kx + ky * ky, wanted = k2 > 0.0 ? -c[i] / k2 : 0.0;
                        ck_assert_double_eq_tol(out[i], wanted, 1e-12);
                    }
                }
            }
        free(c), free(out), free(work);
        problem_close(&p);
    }
END_TEST

static double dot(pdm_size n, const double *x, const double *y)
{
    double sum = 0.0;
    for (pdm_size i = 0; i < n; i++) sum += x[i] * y[i];
    return sum;
}

static void fill_random(uint64_t seed, pdm_size n, double *x)
{
    const pdm_random_key key = {seed, PDM_RANDOM_TEST, 1};
    for (pdm_size i = 0; i < n; i++) x[i] = pdm_random_normal(key, (uint64_t)i);
}

/* Derived fields of random coefficients, by the host for set-up and by the back end for solves; and the back end's
 * transpose is that of the host's map. */
START_TEST(host_and_back_end_derive_the_same)
    {
        enum { N_SAMPLE = 2 };
        problem p;
        if (!problem_on_cpu()) return;
        problem_open(&p, PROBLEM_VORTICITY, "cpu", N_SAMPLE);
        const pdm_rows_desc *rows = pdm_domain_rows(p.domain);
        const pdm_size       n = pdm_domain_n_coef(p.domain), n_field = rows->n_field, n_seen = pdm_rows_n_seen(rows);
        const pdm_size       n_c = N_SAMPLE * n_field * n, n_all = N_SAMPLE * n_seen * n;
        double              *c = calloc((size_t)n_c, sizeof *c), *folded = calloc((size_t)n_c, sizeof *folded);
        double *by_host = calloc((size_t)n_all, sizeof *by_host), *seen = calloc((size_t)n_all, sizeof *seen);
        double *weight = calloc((size_t)n_all, sizeof *weight), *work = calloc((size_t)(2 * n), sizeof *work);
        double  largest = 0.0;

        fill_random(3, n_c, c);
        fill_random(4, n_all, weight);
        for (pdm_size s = 0; s < N_SAMPLE; s++) {
            double *to = by_host + s * n_seen * n;
            memcpy(to, c + s * n_field * n, (size_t)(n_field * n) * sizeof *to);
            for (pdm_size k = 0; k < rows->n_derived; k++)
                domain_derive_layers(p.domain, k, n, to + rows->derived[k].field * n, to + (n_field + k) * n, work);
        }
        derived_extend(pdm_cpu_of(p.backend), p.rows, problem_batch(&p), c, seen);
        for (pdm_size i = 0; i < n_all; i++) largest = fmax(largest, fabs(by_host[i]));
        ck_assert_double_gt(largest, 0.1);
        for (pdm_size i = 0; i < n_all; i++) ck_assert_double_eq_tol(seen[i], by_host[i], 1e-13 * largest);
        derived_fold(pdm_cpu_of(p.backend), p.rows, problem_batch(&p), weight, folded);
        ck_assert_double_eq_tol(dot(n_c, folded, c), dot(n_all, weight, by_host), 1e-12 * dot(n_all, weight, weight));
        free(c), free(folded), free(by_host), free(seen), free(weight), free(work);
        problem_close(&p);
    }
END_TEST

/* The tables hold every derivative that is read: of fields in conditions, of inputs in equations and conditions. */
static const struct {
    const char *residual, *x_max, *where;
    pdm_size    n_order; /* 0: refused */
} tabulated[] = {{"-dxx(u) - f", "u = 0", NULL, 3},
                 {"-dxx(u) - f", "u + dxxx(u) = 0", NULL, 4},
                 {"-dxx(u) - f", "flux(u) = dxxx(f)", NULL, 4},
                 {"-dxx(u) - f", "u = dxxx(f)", NULL, 4},
                 {"-dxx(u) - x*dxxx(f)", "u = 0", NULL, 4},
                 {"-dxx(u) - f", "u = dxxx(dx(f))", "/pde/boundary:x_max", 0},
                 {"-dxx(u) - dxxx(dxx(f))*x", "u = 0", "/pde/residuals:u", 0}};
enum { N_TABULATED = sizeof tabulated / sizeof *tabulated };

START_TEST(tables_hold_what_is_read)
    {
        pdm_context *ctx = NULL;
        pdm_case    *c   = NULL;
        pdm_pde     *pde = NULL;
        pdm_domain  *d   = NULL;
        ck_assert_int_eq(pdm_context_create(NULL, &ctx), PDM_OK);
        ck_assert_int_eq(pdm_case_create(ctx, &c), PDM_OK);
        const char *const set[][3] = {{"pde", "fields", "u"},
                                      {"pde/residuals", "u", tabulated[_i].residual},
                                      {"pde/boundary", "x_min", "u = 0"},
                                      {"pde/boundary", "x_max", tabulated[_i].x_max},
                                      {"inputs/f", "dimensions", "x"},
                                      {"domain", "dimensions", "x"},
                                      {"domain/x", "extent", "0 1"},
                                      {"domain/x", "control_points", "9"}};
        for (size_t k = 0; k < sizeof set / sizeof *set; k++)
            ck_assert_int_eq(pdm_case_set_text(c, set[k][0], set[k][1], set[k][2]), PDM_OK);
        ck_assert_msg(pdm_pde_create(ctx, c, &pde) == PDM_OK, "%s", pdm_context_error(ctx));
        const pdm_status status = pdm_domain_create(ctx, c, pde, NULL, &d);
        ck_assert_int_eq(status, tabulated[_i].n_order ? PDM_OK : PDM_ERR_CASE);
        if (status == PDM_OK) ck_assert_int_eq(pdm_domain_rows(d)->term[0].n_order, tabulated[_i].n_order);
        if (status != PDM_OK)
            ck_assert_msg(strstr(pdm_context_error(ctx), tabulated[_i].where) != NULL, "%s", pdm_context_error(ctx));
        close_parts(&ctx, &c, &pde, &d);
    }
END_TEST

/* Every allocation that fails is reported, leaks nothing, leaves the output alone. */
START_TEST(allocation_failures_are_survived)
    {
        pdm_context *ctx = NULL;
        pdm_case    *c   = NULL;
        pdm_pde     *pde = NULL;
        pdm_domain  *d   = NULL;
        ck_assert_int_eq(pdm_context_create(NULL, &ctx), PDM_OK);
        ck_assert_int_eq(problem_case(ctx, PROBLEM_SYSTEM, &c), PDM_OK);
        ck_assert_int_eq(pdm_pde_create(ctx, c, &pde), PDM_OK);
        ck_assert_int_eq(pdm_domain_create(ctx, c, pde, NULL, &d),
                         PDM_OK); /* the case remembers what was asked for: once is enough */
        pdm_domain_destroy(&d);
        pdm_status status = PDM_ERR_MEMORY;
        for (pdm_size k = 1; status == PDM_ERR_MEMORY; k++) {
            pdm_size before, after;
            pdm_context_memory(ctx, &before, NULL, NULL);
            pdm_context_fail_allocation(ctx, k);
            status = pdm_domain_create(ctx, c, pde, NULL, &d);
            pdm_context_fail_allocation(ctx, 0);
            if (status == PDM_OK) break;
            pdm_context_memory(ctx, &after, NULL, NULL);
            ck_assert_int_eq(status, PDM_ERR_MEMORY);
            ck_assert_int_eq(before, after);
            ck_assert_ptr_null(d);
        }
        ck_assert_int_eq(status, PDM_OK);
        close_parts(&ctx, &c, &pde, &d);
    }
END_TEST

/* ---- rows at every scale ---- */

/* Length in xi of the cells of a dimension over their mean. */
static void cell_lengths(const pdm_domain *d, pdm_size dim, pdm_size n_cell, double *length)
{
    const pdm_spline *s   = pdm_domain_spline(d, dim);
    const pdm_size    sub = n_cell / s->n_element;
    for (pdm_size i = 0; i < n_cell; i++)
        length[i] = (s->breaks[i / sub + 1] - s->breaks[i / sub]) / (double)sub * (double)n_cell;
}

/* r.M r of one equation by its definition, box by box: with cells of xi-volume V (1 on average) a row is V^-1/4 times an
 * integral; the box of level l with n cells counts 2^l n^-1/2 (V_box / mean V_box of the level)^-1/4 times the sum of
 * integrals (two dimensions, power 1 and 1/4 of the defaults). */
static double weighed_square(const problem *p, const pdm_row_block *block, const double *r)
{
    const pdm_size nx = block->shape[0], ny = block->shape[1];
    double         lx[64], ly[64], sum = 0.0;
    cell_lengths(p->domain, 0, nx, lx);
    cell_lengths(p->domain, 1, ny, ly);
    for (pdm_size i = 0; i < nx * ny; i++) sum += r[block->row0 + i] * r[block->row0 + i];
    for (pdm_size l = 1; ((pdm_size)1 << (l - 1)) < (nx > ny ? nx : ny); l++) {
        const pdm_size w = (pdm_size)1 << l, bx = (nx + w - 1) / w, by = (ny + w - 1) / w;
        for (pdm_size b = 0; b < bx * by; b++) {
            double x = 0.0, y = 0.0, integral = 0.0;
            int    n = 0;
            for (pdm_size i = b / by * w; i < nx && i < (b / by + 1) * w; i++) x += lx[i];
            for (pdm_size j = b % by * w; j < ny && j < (b % by + 1) * w; j++) y += ly[j];
            for (pdm_size i = b / by * w; i < nx && i < (b / by + 1) * w; i++)
                for (pdm_size j = b % by * w; j < ny && j < (b % by + 1) * w; j++, n++)
                    integral += r[block->row0 + i * ny + j] * pow(lx[i] * ly[j], 0.25);
            const double mean = (double)(nx * ny) / (double)(bx * by);
            sum += pow((double)w * pow(x * y / mean, -0.25) * integral, 2.0) / (double)n;
        }
    }
    return sum;
}

/* r.M r of a constraint by its definition. Steady: 1000 (linear; else 30) times the sum of all integrals over the root
 * of the number of cells. With time: that of every piece of time, times its length to -1/4, with 1 instead; and of
 * every knot span. */
static double constraint_square(const problem *p, const pdm_row_block *block, const double *r)
{
    const pdm_size n0 = block->shape[0], n1 = block->shape[1];
    double         l0[64], l1[64], sum = 0.0, integral = 0.0, span = 0.0;
    cell_lengths(p->domain, 0, n0, l0);
    cell_lengths(p->domain, 1, n1, l1);
    for (pdm_size i = 0; i < n0; i++) {
        double piece = 0.0;
        for (pdm_size j = 0; j < n1; j++) piece += r[block->row0 + i * n1 + j] * pow(l0[i] * l1[j], 0.25);
        integral += piece;
        span = i % 2 ? span + piece : piece;
        sum += pow(pow(l0[i], -0.25) * piece, 2.0) / (double)n1;
        if (i % 2) sum += 900.0 * pow(pow(0.5 * (l0[i - 1] + l0[i]), -0.25) * span, 2.0) / (double)(2 * n1);
    }
    return pdm_pde_has_time(p->pde) ? sum : 1e6 * integral * integral / (double)(n0 * n1);
}

START_TEST(levels_are_sums_over_boxes)
    {
        static const int number[] = {PROBLEM_LEVELS, PROBLEM_MEDIUM, PROBLEM_AMOUNT, PROBLEM_MEAN};
        problem          p;
        problem_open(&p, number[_i], "cpu", 1);
        problem_random_state(&p, 21);
        const pdm_batch batch = problem_batch(&p);
        const size_t    n     = (size_t)p.n_row;
        double         *y = calloc(n, sizeof *y), *My = calloc(n, sizeof *My), *z = calloc(n, sizeof *z),
               *Mz = calloc(n, sizeof *Mz);
        double sum = 0.0, expected = 0.0, yMz = 0.0, zMy = 0.0, size = 0.0;
        for (pdm_size i = 0; i < p.n_row; i++) z[i] = cos((double)(i * i));
        problem_get(&p, p.y, y, p.n_row);
        problem_put(&p, p.r2, z, p.n_row);
        ck_assert_int_eq(p.backend->ops->rows_weigh(p.backend, p.rows, batch, p.y, p.r), PDM_OK);
        problem_get(&p, p.r, My, p.n_row);
        ck_assert_int_eq(p.backend->ops->rows_weigh(p.backend, p.rows, batch, p.r2, p.r), PDM_OK);
        problem_get(&p, p.r, Mz, p.n_row);
        for (pdm_size i = 0; i < p.n_row; i++) {
            sum += y[i] * My[i];
            zMy += z[i] * My[i];
            yMz += y[i] * Mz[i];
            size += fabs(y[i] * Mz[i]);
        }
        for (pdm_size b = 0; b < pdm_domain_n_block(p.domain); b++) {
            const pdm_row_block *block = pdm_domain_block(p.domain, b);
            const bool           cells = strncmp(block->name, "equation", 8) == 0;
            const bool           sums  = strncmp(block->name, "constraint", 10) == 0;
            const bool           level = cells && number[_i] != PROBLEM_AMOUNT;
            if (level) expected += weighed_square(&p, block, y);
            if (sums) expected += constraint_square(&p, block, y);
            for (pdm_size i = block->row0; i < block->row0 + block->n_row && !level && !sums; i++)
                expected += y[i] * y[i];
        }
        ck_assert_double_eq_tol(sum, expected, 1e-12 * expected); /* some 1000 roundings of 1e-16 */
        ck_assert_double_eq_tol(yMz, zMy, 1e-13 * size);
        free(y), free(My), free(z), free(Mz);
        problem_close(&p);
    }
END_TEST

/* Of 5 cubic control points along y, at 0, 1/6, 1/2, 5/6, 1, two have y < 1/2; of 4 quadratic ones along t, at 0, 0.1,
 * 0.3, 0.4, the initial state has the first, and one more has t < 0.3. */
START_TEST(a_part_fixes_its_control_points)
    {
        static const struct {
            const char *text;
            pdm_size    fixed;
        } table[]       = {{"u free", 0},
                           {"u = a", 3 * 5},
                           {"u = a where y < 0.5; u free where y >= 0.5", 3 * 2},
                           {"u = a where y <= 0.5; u free where y > 0.5", 3 * 3},
                           /* ends that differ by rounding are one: 0.3 < 0.1 + 0.2, 1/3 > 1 - 2/3, 1/2 < 0.5 + 1e-12 */
                           {"u = a where y < 0.3; u free where y >= 0.1 + 0.2", 3 * 2},
                           {"u = a where y < 0.1 + 0.2; u free where y >= 0.3", 3 * 2},
                           {"u = a where y < 1/3; u free where y >= 1 - 2/3", 3 * 2},
                           {"u = a where y <= 1 - 2/3; u free where y > 1/3", 3 * 2},
                           {"u = a where y < 0.5 + 1e-12; u free where y >= 0.5", 3 * 2},
                           {"u = a where y <= 0.5 - 1e-12; u free where y > 0.5 + 1e-12", 3 * 3},
                           {"u = a where t < 0.3; u free where t >= 0.3", 1 * 5},
                           {"u = a where y < 0.5 and t < 0.3; u free where y >= 0.5;"
                                  "u free where y < 0.5 and t >= 0.3",
                            2}};
        pdm_size n_free = 0;
        for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
            pdm_context *ctx = NULL;
            pdm_case    *c   = NULL;
            pdm_pde     *pde = NULL;
            pdm_domain  *d   = NULL;
            char         text[256];
            ck_assert_int_eq(pdm_context_create(NULL, &ctx), PDM_OK);
            ck_assert_int_eq(problem_case(ctx, PROBLEM_PARTS, &c), PDM_OK);
            snprintf(text, sizeof text, "%s; v free", table[i].text);
            ck_assert_int_eq(pdm_case_set_text(c, "pde/boundary", "x_min", text), PDM_OK);
            ck_assert_int_eq(pdm_case_set_text(c, "pde/boundary", "y_min", "u free; v free"), PDM_OK);
            ck_assert_int_eq(pdm_case_set_text(c, "pde/boundary", "y_max", "u free; v free"), PDM_OK);
            ck_assert_msg(pdm_pde_create(ctx, c, &pde) == PDM_OK, "%s", pdm_context_error(ctx));
            ck_assert_msg(pdm_domain_create(ctx, c, pde, NULL, &d) == PDM_OK, "%s", pdm_context_error(ctx));
            if (i == 0) n_free = pdm_domain_n_free(d);
            ck_assert_int_eq(n_free - pdm_domain_n_free(d), table[i].fixed);
            close_parts(&ctx, &c, &pde, &d);
        }
    }
END_TEST

/* A condition given in pieces that meet is the condition: the same rows (fluxes), the same coefficients (values). */
START_TEST(parts_of_a_side_make_the_whole)
    {
        static const char *const text[2][2] = {
            {"flux(u) = a*(1 - u); flux(v) = 0.5", "flux(u) = a*(1 - u) where y < 0.37 ; flux(v) = 0.5 where t <= 0.2 ;"
                                                   "flux(u) = a*(1 - u) where 0.37 <= y ; flux(v) = 0.5 where 0.2 < t"},
            {"u = a + y*t; v = y",
             "u = a + y*t where y < 0.37 and t < 0.2; u = a + y*t where 0.37 <= y;"
             "u = a + y*t where y < 0.37 and 0.2 <= t; v = y where t > 0.1; v = y where t <= 0.1"}};
        double  *r[2] = {NULL, NULL}, *lift[2] = {NULL, NULL};
        pdm_size n_free[2], n_row = 0, n_c = 0;
        double   size = 0.0;
        for (int k = 0; k < 2; k++) {
            pdm_context   *ctx  = NULL;
            pdm_case      *c    = NULL;
            pdm_pde       *pde  = NULL;
            pdm_domain    *d    = NULL;
            pdm_backend   *b    = NULL;
            pdm_rows_plan *plan = NULL;
            pdm_buffer    *bc = NULL, *br = NULL;
            pdm_rows_data  data = {0};
            void          *host = NULL;
            const int32_t  zero = 0;
            ck_assert_int_eq(pdm_context_create(NULL, &ctx), PDM_OK);
            ck_assert_int_eq(problem_case(ctx, PROBLEM_PARTS, &c), PDM_OK);
            ck_assert_int_eq(pdm_case_set_text(c, "pde/boundary", "x_min", text[_i][k]), PDM_OK);
            ck_assert_msg(pdm_pde_create(ctx, c, &pde) == PDM_OK, "%s", pdm_context_error(ctx));
            ck_assert_msg(pdm_domain_create(ctx, c, pde, NULL, &d) == PDM_OK, "%s", pdm_context_error(ctx));
            ck_assert_int_eq(pdm_backend_create(ctx, "cpu", &b), PDM_OK);
            const pdm_rows_desc *rows = pdm_domain_rows(d);
            n_row         = pdm_domain_block(d, 1)->row0 + pdm_domain_block(d, 1)->n_row; /* of the two equations */
            n_c           = 2 * pdm_domain_n_coef(d);
            n_free[k]     = pdm_domain_n_free(d);
            r[k]          = calloc((size_t)rows->n_row, sizeof(double));
            lift[k]       = calloc((size_t)n_c, sizeof(double));
            double scalar = 0.0, input = 0.7, *work = calloc((size_t)pdm_domain_prepare_work(d), sizeof *work);
            ck_assert_int_eq(pdm_domain_prepare(d, &input, &scalar, NULL, lift[k], work, NULL), PDM_OK);
            ck_assert_int_eq(b->ops->rows_create(b, rows, 1, &plan), PDM_OK);
            ck_assert_int_eq(b->ops->buffer_create(b, (size_t)n_c * sizeof(double), &bc), PDM_OK);
            ck_assert_int_eq(b->ops->buffer_create(b, (size_t)rows->n_row * sizeof(double), &br), PDM_OK);
            ck_assert_int_eq(b->ops->buffer_create(b, sizeof(double), &data.scalar), PDM_OK);
            ck_assert_int_eq(b->ops->buffer_create(b, sizeof(double), &data.sampled), PDM_OK);
            ck_assert_int_eq(b->ops->acquire(b, data.scalar, PDM_WRITE, &host), PDM_OK);
            *(double *)host = scalar;
            ck_assert_int_eq(b->ops->release(b, data.scalar, &host), PDM_OK);
            ck_assert_int_eq(b->ops->acquire(b, bc, PDM_WRITE, &host), PDM_OK);
            for (pdm_size i = 0; i < n_c; i++) ((double *)host)[i] = lift[k][i] + sin(3.0 * (double)i);
            ck_assert_int_eq(b->ops->release(b, bc, &host), PDM_OK);
            ck_assert_int_eq(b->ops->rows_residual(b, plan, (pdm_batch){1, &zero}, &data, bc, br), PDM_OK);
            ck_assert_int_eq(b->ops->acquire(b, br, PDM_READ, &host), PDM_OK);
            memcpy(r[k], host, (size_t)rows->n_row * sizeof(double));
            ck_assert_int_eq(b->ops->release(b, br, &host), PDM_OK);
            free(work);
            b->ops->buffer_destroy(b, &bc);
            b->ops->buffer_destroy(b, &br);
            b->ops->buffer_destroy(b, &data.scalar);
            b->ops->buffer_destroy(b, &data.sampled);
            b->ops->rows_destroy(b, &plan);
            pdm_backend_destroy(&b);
            close_parts(&ctx, &c, &pde, &d);
        }
        ck_assert_int_eq(n_free[0], n_free[1]);
        for (pdm_size i = 0; i < n_c; i++) ck_assert_double_eq_tol(lift[0][i], lift[1][i], 1e-14);
        for (pdm_size i = 0; i < n_row; i++) size = fmax(size, fabs(r[0][i]));
        for (pdm_size i = 0; i < n_row; i++) ck_assert_double_eq_tol(r[0][i], r[1][i], 1e-13 * size);
        for (int k = 0; k < 2; k++) free(r[k]), free(lift[k]);
    }
END_TEST

int main(void)
{
    Suite *s = suite_create("domain");
    TCase *t = tcase_create("domain");
    tcase_add_loop_test(t, a_sampled_spline_comes_back, 0, 8);
    tcase_add_loop_test(t, map_is_increasing_and_inverted, 0, N_MAP);
    tcase_add_test(t, sinh_map_meets_its_ends_and_its_centre);
    tcase_add_loop_test(t, bad_map_is_refused_with_words, 0, (int)(sizeof bad_maps / sizeof *bad_maps));
    tcase_add_loop_test(t, spline_functions_sum_to_one, 0, N_SPLINE);
    tcase_add_loop_test(t, spline_derivatives_follow_values, 0, N_SPLINE);
    tcase_add_loop_test(t, spline_passes_through_its_values, 0, N_SPLINE);
    tcase_add_loop_test(t, large_splines_pass_through_their_values, 0, 2 * PDM_MAX_DEGREE);
    tcase_add_loop_test(t, nested_splines_are_the_same_functions, 0, 5);
    tcase_add_loop_test(t, resampling_converges, 0, 2);
    tcase_add_test(t, a_part_fixes_its_control_points);
    tcase_add_loop_test(t, parts_of_a_side_make_the_whole, 0, 2);
    tcase_add_loop_test(t, levels_are_sums_over_boxes, 0, 4);
    tcase_add_loop_test(t, rows_linearise_and_transpose, 0, PROBLEM_COUNT);
    tcase_add_loop_test(t, rows_second_order_follows_linearisation, 0, PROBLEM_COUNT);
    tcase_add_loop_test(t, rows_are_the_same_on_other_back_ends, 0, 2 * PROBLEM_COUNT);
    tcase_add_loop_test(t, reduced_rows_are_rows_of_the_weights, 0, PROBLEM_COUNT);
    tcase_add_loop_test(t, cells_are_constant, 0, 4);
    tcase_add_loop_test(t, input_fields_are_sampled, 0, sizeof sampled_dimensions / sizeof *sampled_dimensions);
    tcase_add_loop_test(t, cells_settings_are_read, 0, (int)(sizeof cells_settings / sizeof *cells_settings));
    tcase_add_loop_test(t, bad_domain_is_refused_with_words, 0, N_REFUSAL);
    tcase_add_loop_test(t, conditions_do_not_replace_each_other, 0, N_PAIR);
    tcase_add_loop_test(t, conditions_are_matched_with_fields, 0, N_MATCH);
    tcase_add_loop_test(t, a_whole_flux_is_prescribed_in_cells, 0, sizeof wholes / sizeof *wholes);
    tcase_add_loop_test(t, the_only_matching_is_found_in_any_order, 0, 6);
    tcase_add_test(t, invlap_divides_waves);
    tcase_add_test(t, host_and_back_end_derive_the_same);
    tcase_add_loop_test(t, tables_hold_what_is_read, 0, N_TABULATED);
    tcase_add_test(t, allocation_failures_are_survived);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
