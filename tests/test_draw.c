/* Inputs of samples: distributions as text, random fields against their formulas, files of samples.
 * Statistics are held to five deviations of the estimate: one false alarm in 2e6 tests, and the seed is fixed. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/models.h"
#include "train/train.h"

static const double PI = 3.14159265358979323846;
enum { N_DRAW = 4096 };

static const pdm_random_key KEY = {5, PDM_RANDOM_TEST, 3};

static pdm_random_field *field_of(const char *text, pdm_size n_dim, const pdm_field_axis *axis)
{
    pdm_distribution  d;
    pdm_random_field *f     = NULL;
    const pdm_where   where = {.group = "inputs/f", .attribute = "distribution", .text = text, .offset = -1};
    OK(pdm_distribution_parse(ctx, text, where, &d));
    OK(pdm_random_field_create(ctx, &d, n_dim, axis, where, &f));
    return f;
}

/* n points i/n (without the last end) or i/(n-1) of an extent from 2 to 2 + length. */
static pdm_field_axis axis_of(double *x, int n, double length, bool ends)
{
    for (int i = 0; i < n; i++) x[i] = 2.0 + length * i / (ends ? n - 1 : n);
    if (ends) x[n - 1] = 2.0 + length;
    return (pdm_field_axis){.name = "x", .low = 2.0, .high = 2.0 + length, .periodic = !ends, .n = n, .point = x};
}

/* ---- the formula ---- */

/* lambda summed over the modes k_j <= most of each dimension, with cosines of k (x - 2) at the lag or, bounded, at two
 * points; slow and plain. kind: 0 periodic, 1 neumann, 2 dirichlet. */
typedef struct formula {
    const char *text;
    int         n_dim, kind, constant; /* constant 1: dropped */
    double      length[2], smoothness;
} formula;

static double lambda(const formula *f, double q)
{
    return isinf(f->smoothness) ? exp(-0.5 * q) : pow(1.0 + q, -(f->smoothness + 0.5 * f->n_dim));
}

static double mode(const formula *f, int k, double x,
                   double y) /* the mode's share of the covariance, box of length 1 */
{
    switch (f->kind) {
    case 0: return k == 0 ? 1.0 : 2.0 * cos(2.0 * PI * k * (x - y));
    case 1: return k == 0 ? 1.0 : 2.0 * cos(PI * k * x) * cos(PI * k * y);
    default: return 2.0 * sin(PI * k * x) * sin(PI * k * y);
    }
}

/* mean: the mean over the box of the variance instead of the covariance of x and y [n_dim]. */
static double formula_sum(const formula *f, int most, bool mean, const double *x, const double *y)
{
    const double step = f->kind == 0 ? 2.0 * PI : PI;
    double       sum  = 0.0;
    for (int a = f->kind == 2; a <= most; a++)
        for (int b = f->n_dim == 1 ? 0 : f->kind == 2; b <= (f->n_dim == 1 ? 0 : most); b++) {
            if (f->constant && a + b == 0) continue;
            const double q = pow(f->length[0] * step * a, 2.0) + pow(f->length[1] * step * b, 2.0);
            double       m = 1.0;
            if (mean)
                m = f->kind == 0 ? (a ? 2.0 : 1.0) * (b ? 2.0 : 1.0) : 1.0;
            else
                m = mode(f, a, x[0], y[0]) * (f->n_dim == 2 ? mode(f, b, x[1], y[1]) : 1.0);
            sum += m * lambda(f, q);
        }
    return sum;
}

static const formula formulas[] = {
    {"gaussian_field(length=0.1, kind=periodic)", 1, 0, 0, {0.1, 0.0}, 2.0},
    {"gaussian_field(0.3, smoothness=1.5, kind=neumann)", 1, 1, 0, {0.3, 0.0}, 1.5},
    {"gaussian_field(0.05, smoothness=3, kind=dirichlet)", 1, 2, 0, {0.05, 0.0}, 3.0},
    {"gaussian_field(2, constant=drop, kind=periodic)", 1, 0, 1, {2.0, 0.0}, 2.0},
    {"gaussian_field(0.2, smoothness=inf, kind=periodic)", 1, 0, 0, {0.2, 0.0}, INFINITY},
    {"gaussian_field(0.2, smoothness=inf, constant=drop, kind=neumann)", 1, 1, 1, {0.2, 0.0}, INFINITY},
    {"gaussian_field(0.1 0.2, smoothness=3, kind=periodic)", 2, 0, 0, {0.1, 0.2}, 3.0},
    {"gaussian_field(length = 0.2 0.1 , kind = neumann neumann)", 2, 1, 0, {0.2, 0.1}, 2.0},
    {"gaussian_field(0.2, kind=neumann, constant=drop)", 2, 1, 1, {0.2, 0.2}, 2.0},
    {"gaussian_field(0.1, smoothness=2.5, kind=dirichlet)", 2, 2, 0, {0.1, 0.1}, 2.5}};
enum { N_FORMULA = sizeof formulas / sizeof *formulas, N_1D = 24 };

static int carried_modes(int kind) /* of N_1D points with ends, or without when periodic */
{
    return kind == 0 ? N_1D / 2 - 1 : N_1D - 2;
}

/* The variance is shared among all modes there are, by the theta functions; here the sum is taken term by term. The
 * rest beyond `most` is below the integral of q^-(smoothness + d/2), 1e-9 of the sum for the slowest of these. */
START_TEST(variance_is_that_of_all_modes)
    {
        const formula *f = &formulas[_i];
        double         x[N_1D];
        open_context();
        const pdm_field_axis axis[2] = {axis_of(x, N_1D, 1.0, f->kind != 0), axis_of(x, N_1D, 1.0, f->kind != 0)};
        pdm_random_field    *field   = field_of(f->text, f->n_dim, axis);
        const double         all     = formula_sum(f, f->n_dim == 1 ? 40000 : 1200, true, NULL, NULL);
        const double         few     = formula_sum(f, carried_modes(f->kind), true, NULL, NULL);
        ck_assert_double_eq_tol(pdm_random_field_carried(field), few / all, 1e-8);
        pdm_random_field_destroy(&field);
        close_context();
    }
END_TEST

/* Mean and covariance at two points (and the variance at either) over many draws. An estimate of a covariance of N pairs
 * has the variance (v_x v_y + c^2) / N. */
START_TEST(moments_follow_the_formula)
    {
        const formula *f = &formulas[_i];
        const int      n = f->n_dim == 1 ? N_1D : N_1D * N_1D, at[2] = {3, 7};
        double         x[N_1D], p[2][2], mean[2] = {0}, product[3] = {0}, expected[3];
        open_context();
        const pdm_field_axis axis[2]  = {axis_of(x, N_1D, 1.0, f->kind != 0), axis_of(x, N_1D, 1.0, f->kind != 0)};
        pdm_random_field    *field    = field_of(f->text, f->n_dim, axis);
        double              *value    = calloc((size_t)n, sizeof *value);
        const int            index[2] = {f->n_dim == 1 ? at[0] : at[0] * N_1D + at[1],
                              f->n_dim == 1 ? at[1] : at[1] * N_1D + at[1] + 2};
        for (int i = 0; i < 2; i++) {
            p[i][0] = x[f->n_dim == 1 ? index[i] : index[i] / N_1D] - 2.0;
            p[i][1] = f->n_dim == 1 ? 0.0 : x[index[i] % N_1D] - 2.0;
        }
        const double all = formula_sum(f, f->n_dim == 1 ? 40000 : 1200, true, NULL, NULL);
        for (int i = 0; i < 3; i++)
            expected[i] = formula_sum(f, carried_modes(f->kind), false, p[i == 1], p[i > 0]) / all;
        for (int s = 0; s < N_DRAW; s++) {
            pdm_random_field_draw(field, KEY, 0, s, PDM_NORMALISE_NONE, value);
            for (int i = 0; i < 2; i++) mean[i] += value[index[i]] / N_DRAW;
            for (int i = 0; i < 3; i++) product[i] += value[index[i == 1]] * value[index[i > 0]] / N_DRAW;
        }
        for (int i = 0; i < 2; i++) ck_assert_double_le(fabs(mean[i]), 5.0 * sqrt(expected[i] / N_DRAW));
        for (int i = 0; i < 3; i++) {
            const double v =
                (i < 2 ? expected[i] * expected[i] : expected[0] * expected[1]) + expected[i] * expected[i];
            ck_assert_msg(fabs(product[i] - expected[i]) <= 5.0 * sqrt(v / N_DRAW), "%s: moment %d is %g, %g expected",
                          f->text, i, product[i], expected[i]);
        }
        free(value);
        pdm_random_field_destroy(&field);
        close_context();
    }
END_TEST

/* smoothness 1/2 in one dimension has the covariance cosh((L/2 - r)/l) / cosh(L/(2 l)) on a circle: the sum of
 * exp(-|r + i L|/l) over all turns i, scaled to 1. The modes cut off take at most 1 - carried from it. */
START_TEST(exponential_covariance)
    {
        enum { N = 128, LAG = 9 };
        double       x[N], value[N], sum = 0.0;
        const double L = 3.0, l = 0.4, r = L * LAG / N;
        open_context();
        const pdm_field_axis axis = axis_of(x, N, L, false);
        pdm_random_field *field = field_of("gaussian_field(length=0.4, smoothness=0.5, amplitude=2, mean=1)", 1, &axis);
        for (int s = 0; s < N_DRAW; s++) {
            pdm_random_field_draw(field, KEY, 0, s, PDM_NORMALISE_NONE, value);
            sum += (value[0] - 1.0) * (value[LAG] - 1.0) / N_DRAW;
        }
        const double exact = 4.0 * cosh((0.5 * L - r) / l) / cosh(0.5 * L / l);
        const double rest  = 4.0 * (1.0 - pdm_random_field_carried(field));
        ck_assert_double_le(fabs(sum - exact), rest + 5.0 * sqrt((16.0 + exact * exact) / N_DRAW));
        ck_assert_double_lt(rest, 0.1);
        pdm_random_field_destroy(&field);
        close_context();
    }
END_TEST

/* ---- samples ---- */

START_TEST(draws_are_a_function_of_their_key)
    {
        double x[16], first[256], again[256];
        open_context();
        const pdm_field_axis axis[2] = {axis_of(x, 16, 1.0, true), axis_of(x, 16, 1.0, true)};
        pdm_random_field *a = field_of("gaussian_field(0.2)", 2, axis), *b = field_of("gaussian_field(0.2)", 2, axis);
        pdm_random_field_draw(a, KEY, 1, 2, PDM_NORMALISE_NONE, first);
        pdm_random_field_draw(b, KEY, 0, 0, PDM_NORMALISE_NONE, again); /* who draws what before does not matter */
        pdm_random_field_draw(b, KEY, 1, 2, PDM_NORMALISE_NONE, again);
        ck_assert_int_eq(memcmp(first, again, sizeof first), 0);
        const pdm_random_key other[3] = {
            {6, KEY.purpose, KEY.step}, {KEY.seed, PDM_RANDOM_INPUT, KEY.step}, {KEY.seed, KEY.purpose, 4}};
        for (int i = 0; i < 5; i++) {
            pdm_random_field_draw(b, i < 3 ? other[i] : KEY, i == 3 ? 2 : 1, i == 4 ? 3 : 2, PDM_NORMALISE_NONE, again);
            double product = 0.0, size[2] = {0.0};
            for (int k = 0; k < 256; k++) {
                product += first[k] * again[k];
                size[0] += first[k] * first[k];
                size[1] += again[k] * again[k];
            }
            ck_assert_double_lt(fabs(product) / sqrt(size[0] * size[1]), 0.9);
        }
        pdm_random_field_destroy(&a);
        pdm_random_field_destroy(&b);
        close_context();
    }
END_TEST

/* On a finer grid the same function: to rounding where the cut modes are (exp(-(0.4 * 10 * 2 pi / 1.5)^2 / 4) is
 * 4e-31), else up to their variance. */
static const struct {
    const char *text;
    bool        ends;
    int         n_dim;
} grids[] = {{"gaussian_field(0.4, smoothness=inf)", true, 1},
             {"gaussian_field(0.4, smoothness=inf)", false, 1},
             {"gaussian_field(0.4, smoothness=inf, kind=dirichlet, mean=3, normalise=rms)", true, 1},
             {"gaussian_field(0.4, smoothness=inf, constant=drop)", true, 2},
             {"gaussian_field(0.4, smoothness=inf, normalise=rms)", false, 2},
             {"gaussian_field(0.1, smoothness=0.6)", true, 1}};

START_TEST(finer_grids_see_the_same_function)
    {
        enum { COARSE = 21, FINE = 81 }; /* with ends; 20 and 80 without */
        const bool rough = strstr(grids[_i].text, "inf") == NULL;
        const int  n[2]  = {COARSE - !grids[_i].ends, FINE - !grids[_i].ends};
        double     x[FINE], y[FINE], sum = 0.0;
        open_context();
        const pdm_field_axis coarse[2] = {axis_of(x, n[0], 1.5, grids[_i].ends), axis_of(x, n[0], 1.5, grids[_i].ends)};
        const pdm_field_axis fine[2]   = {axis_of(y, n[1], 1.5, grids[_i].ends), axis_of(y, n[1], 1.5, grids[_i].ends)};
        pdm_random_field    *a         = field_of(grids[_i].text, grids[_i].n_dim, coarse),
                         *b            = field_of(grids[_i].text, grids[_i].n_dim, fine);
        double *u = calloc(COARSE * COARSE, sizeof *u), *v = calloc(FINE * FINE, sizeof *v);
        for (int s = 0; s < (rough ? N_DRAW : 3); s++) {
            pdm_random_field_draw(a, KEY, 0, s, PDM_NORMALISE_NONE, u);
            pdm_random_field_draw(b, KEY, 0, s, PDM_NORMALISE_NONE, v);
            for (int i = 0; i < n[0]; i++)
                for (int j = 0; j < (grids[_i].n_dim == 2 ? n[0] : 1); j++) {
                    const double gap =
                        grids[_i].n_dim == 2 ? u[i * n[0] + j] - v[4 * i * n[1] + 4 * j] : u[i] - v[4 * i];
                    if (!rough) ck_assert_double_eq_tol(gap, 0.0, 1e-12);
                    sum += gap * gap / N_DRAW;
                }
        }
        if (rough) { /* the expected square at all coarse points: a sum over the modes from 20 to 79 */
            const formula f        = {NULL, 1, 1, 0, {0.1 / 1.5, 0.0}, 0.6};
            double        expected = 0.0;
            for (int i = 0; i < n[0]; i++) {
                const double p = (x[i] - 2.0) / 1.5;
                expected += formula_sum(&f, 79, false, &p, &p) - formula_sum(&f, 19, false, &p, &p);
            }
            expected /= formula_sum(&f, 4000000, true, NULL, NULL); /* the rest is 1e-7 of it */
            /* a sum of n squares, at worst all the same: deviation sqrt(2/N) of it */
            ck_assert_double_le(fabs(sum - expected), 5.0 * sqrt(2.0 / N_DRAW) * expected);
        }
        free(u), free(v);
        pdm_random_field_destroy(&a);
        pdm_random_field_destroy(&b);
        close_context();
    }
END_TEST

/* Periodic: the same at both ends. Dirichlet: the mean at both, exactly. Neumann: no slope; the difference formula is
 * wrong by f''' h^2 / 3 at most, and f''' by four modes of at most (4 pi)^3 each. */
START_TEST(ends_are_as_the_kind_says)
    {
        const double h    = 1e-4;
        const double x[8] = {0.0, h, 2.0 * h, 0.2, 0.4, 0.6, 0.8, 1.0};
        double       v[8], most = 0.0;
        open_context();
        const pdm_field_axis axis     = {.name = "x", .low = 0.0, .high = 1.0, .n = 8, .point = x};
        pdm_random_field    *periodic = field_of("gaussian_field(0.1, kind=periodic)", 1, &axis),
                         *zero        = field_of("gaussian_field(0.1, kind=dirichlet, mean=0.7)", 1, &axis),
                         *flat        = field_of("gaussian_field(0.1)", 1, &axis);
        for (int s = 0; s < 20; s++) {
            pdm_random_field_draw(periodic, KEY, 0, s, PDM_NORMALISE_NONE, v);
            ck_assert_double_eq_tol(v[0], v[7], 1e-13);
            pdm_random_field_draw(zero, KEY, 0, s, PDM_NORMALISE_NONE, v);
            ck_assert_double_eq(v[0], 0.7);
            ck_assert_double_eq(v[7], 0.7);
            most = fmax(most, fabs(v[3] - 0.7));
            pdm_random_field_draw(flat, KEY, 0, s, PDM_NORMALISE_NONE, v);
            ck_assert_double_le(fabs(-3.0 * v[0] + 4.0 * v[1] - v[2]) / (2.0 * h),
                                4.0 * 5.0 * pow(4.0 * PI, 3.0) * h * h);
            most = fmax(most, fabs(v[3] - v[0]));
        }
        ck_assert_double_gt(most, 0.5);
        pdm_random_field_destroy(&periodic);
        pdm_random_field_destroy(&zero);
        pdm_random_field_destroy(&flat);
        close_context();
    }
END_TEST

/* On an even periodic grid the mean over the points is the mean over the box for products of modes below half the points:
 * root mean square and mean are exact to rounding. The length and norm are those of a turbulence benchmark. */
START_TEST(normalised_samples_have_the_exact_rms)
    {
        enum { N = 32 };
        double x[N], *v = calloc(N * N, sizeof *v);
        open_context();
        const pdm_field_axis axis[2] = {axis_of(x, N, 2.0 * PI, false), axis_of(x, N, 2.0 * PI, false)};
        pdm_random_field    *f       = field_of("gaussian_field(length=0.8, amplitude=1, smoothness=inf, mean=0.3, "
                                                "constant=drop, normalise=rms)",
                                                2, axis);
        for (int s = 0; s < 5; s++) {
            double mean = 0.0, square = 0.0;
            pdm_random_field_draw(f, KEY, 0, s, PDM_NORMALISE_NONE, v);
            for (int i = 0; i < N * N; i++) {
                mean += v[i] / (N * N);
                square += (v[i] - 0.3) * (v[i] - 0.3) / (N * N);
            }
            ck_assert_double_eq_tol(mean, 0.3, 1e-13);
            ck_assert_double_eq_tol(sqrt(square), 1.0, 1e-13);
        }
        free(v);
        pdm_random_field_destroy(&f);
        close_context();
    }
END_TEST

/* Both values and nothing else; in each cell, also where the field varies less, high with the probability asked for. */
static const struct {
    const char *text;
    double      fraction;
} phases[] = {{"two_phase(low=3, high=12, length=0.2, smoothness=1)", 0.5},
              {"two_phase(3, 12, 0.2, fraction=0.3)", 0.3},
              {"two_phase(3, 12, 0.1 0.3, fraction=0.05, kind=dirichlet)", 0.05},
              {"two_phase(3, 12, 0.2, constant=drop, fraction=0.8, kind=periodic neumann)", 0.8},
              {"two_phase(3, 12, 0.2, fraction=1)", 1.0},
              {"two_phase(3, 12, 0.2, fraction=0)", 0.0}};

START_TEST(phases_have_their_fraction)
    {
        enum { N = 8 };
        double x[N], v[N * N], high[N * N] = {0.0};
        open_context();
        for (int i = 0; i < N; i++) x[i] = (i + 0.5) / N;
        const pdm_field_axis one     = {.name = "x", .low = 0.0, .high = 1.0, .n = N, .point = x};
        const pdm_field_axis axis[2] = {one, one};
        pdm_random_field    *f       = field_of(phases[_i].text, 2, axis);
        for (int s = 0; s < N_DRAW; s++) {
            pdm_random_field_draw(f, KEY, 0, s, PDM_NORMALISE_NONE, v);
            for (int i = 0; i < N * N; i++) {
                ck_assert(v[i] == 3.0 || v[i] == 12.0);
                high[i] += v[i] == 12.0 ? 1.0 / N_DRAW : 0.0;
            }
        }
        const double p = phases[_i].fraction;
        for (int i = 0; i < N * N; i++)
            ck_assert_double_le(fabs(high[i] - p), 5.0 * sqrt(p * (1.0 - p) / N_DRAW) + 1e-12);
        pdm_random_field_destroy(&f);
        close_context();
    }
END_TEST

/* ---- text ---- */

/* What is wrong, and the word at the caret. */
static const struct {
    const char *text, *word, *at;
} mistakes[] = {
    {"gauss(0, 1)", "is not a distribution", "gauss"},
    {"uniform", "\"(\" expected", ""},
    {"uniform(0, 1", "\",\" or \")\"", ""},
    {"uniform(0; 1)", "low is \"0;\"", "0;"},
    {"uniform(0, 1) 2", "nothing more", "2"},
    {"uniform(1)", "without high", ")"},
    {"uniform(1, 0)", "do not decrease", ")"},
    {"uniform(0, 1, 2)", "too many", "2)"},
    {"uniform(low=0, 1)", "without a name", "1)"},
    {"uniform(low=0, low=1)", "given twice", "low=1"},
    {"uniform(0, low=1)", "given twice", "low=1"},
    {"uniform(0, top=1)", "arguments are: low, high", "top"},
    {"uniform(0, x)", "high is \"x\"; a finite number", "x)"},
    {"uniform(0, nan)", "high is \"nan\"", "nan"},
    {"normal(0, -1)", "at least 0", "-1"},
    {"list()", "finite number", ")"},
    {"list(1, , 2)", "finite number", ", 2"},
    {"gaussian_field()", "length is \"\"", ")"},
    {"gaussian_field(amplitude=1)", "without length", ")"},
    {"gaussian_field(length=0)", "above 0", "0)"},
    {"gaussian_field(length=0.1 0.2 0.3 0.4 0.5)", "at most 4 values", "0.5)"},
    {"gaussian_field(length=0.1, amplitude=-1)", "at least 0", "-1)"},
    {"gaussian_field(length=0.1, amplitude=1 2)", "at most 1 value ", "2)"},
    {"gaussian_field(length=0.1, amplitude=inf)", "amplitude is \"inf\"", "inf"},
    {"gaussian_field(length=0.1, smoothness=0)", "at least 0.1, or inf", "0)"},
    {"gaussian_field(length=0.1, kind=robin)", "periodic|neumann|dirichlet", "robin"},
    {"gaussian_field(length=0.1, normalise=max)", "none|rms", "max"},
    {"gaussian_field(length=0.1, constant=no)", "keep|drop", "no)"},
    {"gaussian_field(lenght=0.1)", "its arguments are: length", "lenght"},
    {"two_phase(low=3, length=0.1)", "without high", ")"},
    {"two_phase(3, 12, 0.1, fraction=1.5)", "from 0 to 1", "1.5"},
};

START_TEST(mistakes_are_shown_where_they_are)
    {
        pdm_distribution d     = {.n = 77};
        const pdm_where  where = {.file = "a.cdl", .group = "inputs/f", .attribute = "distribution", .offset = -1};
        const char      *text  = mistakes[_i].text;
        char             caret[128];
        open_context();
        ck_assert_int_eq(pdm_distribution_parse(ctx, text, where, &d), PDM_ERR_CASE);
        ck_assert_int_eq(d.n, 77);
        const char *said = pdm_context_error(ctx);
        ck_assert_msg(strstr(said, "a.cdl: /inputs/f:distribution: ") == said, "%s", said);
        ck_assert_msg(strstr(said, mistakes[_i].word) != NULL, "%s", said);
        ck_assert_msg(strstr(said, "expected") || strstr(said, "twice") || strstr(said, "arguments"), "%s", said);
        if (mistakes[_i].at) {
            const size_t offset = *mistakes[_i].at ? (size_t)(strstr(text, mistakes[_i].at) - text) : strlen(text);
            snprintf(caret, sizeof caret, "\n    %s\n    %*s^", text, (int)offset, "");
            ck_assert_msg(strstr(said, caret) != NULL, "%s\nexpected:%s", said, caret);
        }
        close_context();
    }
END_TEST

/* ---- cases ---- */

static pdm_case *small_case(int number)
{
    pdm_case *c = NULL;
    OK(problem_case(ctx, number, &c));
    OK(pdm_case_set_text(c, "experts", "basis", "3"));
    OK(pdm_case_set_text(c, "surrogate", "width", "6"));
    OK(pdm_case_set_text(c, "surrogate", "layers", "2"));
    OK(pdm_case_set_text(c, "surrogate", "hidden", "8"));
    OK(pdm_case_set_text(c, "surrogate", "modes", "2 2"));
    OK(pdm_case_set_text(c, "training", "batch", "2"));
    OK(pdm_case_set_text(c, "training", "steps", "8"));
    return c;
}

/* Settings of the Poisson problem, whose input f is a field of x and y, beside a, a scalar. */
static const struct {
    const char *set[3][3];
    const char *words[3]; /* of the error; none: it is fine */
} settings[] = {
    {{{"inputs/f", "distribution", "gaussian_field(0.3)"}}, {NULL}},
    {{{"inputs/f", "distribution", "two_phase(1, 2, 0.3)"}, {"inputs/f", "kind", "cells"}}, {NULL}},
    {{{"inputs/f", "distribution", "two_phase(1, 2, 0.3)"}}, {"/inputs/f:distribution", "kind = \"cells\"", NULL}},
    {{{"inputs/f", "distribution", "uniform(0, 1)"}}, {"/inputs/f:distribution", "is a field", "gaussian_field"}},
    {{{NULL}}, {"/inputs/f:distribution", "missing", "gaussian_field"}},
    {{{"inputs/f", "distribution", "gaussian_field(0.1 0.2 0.3)"}}, {"/inputs/f:distribution", "3 lengths", "or 2"}},
    {{{"inputs/f", "distribution", "gaussian_field(1, kind=periodic periodic neumann)"}}, {"3 kinds", "or 2", NULL}},
    {{{"inputs/f", "distribution", "gaussian_field(1)"}, {"inputs/a", "distribution", "gaussian_field(1)"}},
     {"/inputs/a:distribution", "is a scalar", "uniform"}},
    {{{"inputs/f", "distribution", "gaussian_field(1)"}, {"inputs/f", "file", "x.nc"}},
     {"/inputs/f:file", "a file and a distribution", NULL}},
    {{{"inputs/f", "file", "x.nc"}, {"training", "data", "y.nc"}}, {"/inputs/f:file", "training:data", NULL}},
    {{{"inputs/f", "distribution", "two_phase(1, 2, 1, kind=dirichlet)"},
      {"inputs/f", "kind", "cells"},
      {"inputs/f", "cells", "1"}},
     {"/inputs/f:distribution", "carry no wave", NULL}},
};

START_TEST(fields_fit_their_inputs)
    {
        pdm_model *m = NULL;
        open_context();
        pdm_case *c = small_case(PROBLEM_POISSON);
        for (int i = 0; i < 3 && settings[_i].set[i][0]; i++)
            OK(pdm_case_set_text(c, settings[_i].set[i][0], settings[_i].set[i][1], settings[_i].set[i][2]));
        const pdm_status status = pdm_model_create(c, &m);
        ck_assert_msg(status == (settings[_i].words[0] ? PDM_ERR_CASE : PDM_OK), "%s", pdm_context_error(ctx));
        for (int i = 0; i < 3 && settings[_i].words[i]; i++)
            ck_assert_msg(strstr(pdm_context_error(ctx), settings[_i].words[i]) != NULL, "%s", pdm_context_error(ctx));
        for (int i = 0; i < 3 && m; i++) OK(pdm_model_train_step(m));
        pdm_model_destroy(&m);
        pdm_case_destroy(&c);
        close_context();
    }
END_TEST

/* A periodic dimension wants a periodic field. */
START_TEST(fields_fit_periodic_dimensions)
    {
        pdm_model *m = NULL;
        open_context();
        pdm_case *c = small_case(PROBLEM_BURGERS);
        OK(pdm_case_set_text(c, "pde/initial", "u", "f*a"));
        OK(pdm_case_set_text(c, "inputs/f", "dimensions", "x"));
        OK(pdm_case_set_text(c, "inputs/f", "distribution", "gaussian_field(1, kind=neumann)"));
        ck_assert_int_eq(pdm_model_create(c, &m), PDM_ERR_CASE);
        ck_assert_ptr_nonnull(strstr(pdm_context_error(ctx), "\"x\" is periodic"));
        OK(pdm_case_set_text(c, "inputs/f", "distribution", "gaussian_field(1)"));
        OK(pdm_model_create(c, &m));
        for (int i = 0; i < 3; i++) OK(pdm_model_train_step(m));
        pdm_model_destroy(&m);
        pdm_case_destroy(&c);
        close_context();
    }
END_TEST

/* The same fields and scalars on a finer control grid, where the field is periodic and all its
 * modes are carried by both. */
START_TEST(samples_do_not_depend_on_the_control_grid)
    {
        double *input[2], a[2];
        open_context();
        for (int i = 0; i < 2; i++) {
            pdm_model *m = NULL;
            pdm_case  *c = small_case(PROBLEM_BURGERS);
            OK(pdm_case_set_text(c, "pde/initial", "u", "f*a"));
            OK(pdm_case_set_text(c, "domain/x", "control_points", i ? "32" : "16"));
            OK(pdm_case_set_text(c, "inputs/f", "dimensions", "x"));
            OK(pdm_case_set_text(c, "inputs/f", "distribution", "gaussian_field(3, smoothness=inf)"));
            OK(pdm_model_create(c, &m));
            input[i] = calloc(2 * (size_t)pdm_model_n_input(m), sizeof(double));
            pdm_inputs_draw_first(m->problem->inputs, 2, input[i]);
            for (pdm_size k = 0; k < pdm_pde_n_input(m->problem->pde); k++)
                if (pdm_domain_input_size(m->problem->domain, k) == 1)
                    a[i] = input[i][pdm_domain_input_offset(m->problem->domain, k)];
            if (i == 1) { /* the first model's control points are every other of these */
                const pdm_size at = pdm_domain_input_size(m->problem->domain, 0) > 1 ? 0 : 1;
                for (pdm_size k = 0; k < 16; k++) {
                    double least = INFINITY;
                    for (pdm_size l = 0; l < 32; l++) least = fmin(least, fabs(input[0][at + k] - input[1][at + l]));
                    ck_assert_double_lt(least, 1e-12);
                }
            }
            pdm_model_destroy(&m);
            pdm_case_destroy(&c);
        }
        ck_assert_double_eq(a[0], a[1]);
        free(input[0]), free(input[1]);
        close_context();
    }
END_TEST

static void keep_text(void *user, const char *text)
{
    snprintf(user, 8192, "%s", text);
}

/* Centre and width that the network's features are made with. */
static const struct {
    const char *text, *kind, *words;
    double      centre, width;
} scalings[] = {
    {"gaussian_field(0.5, amplitude=2, mean=3)", "spline", "f: field, gaussian_field(0.5, amplitude=2, mean=3)", 3, 2},
    {"gaussian_field(0.5, amplitude=0)", "cells", "f: field on cells, gaussian_field(0.5, amplitude=0)", 0, 1},
    {"two_phase(12, 3, 0.5)", "cells", "f: field on cells, two_phase(12, 3, 0.5)", 7.5, 4.5}};

START_TEST(features_are_scaled_by_the_distribution)
    {
        static char text[8192];
        pdm_model  *m = NULL;
        open_context();
        pdm_case *c = small_case(PROBLEM_POISSON);
        OK(pdm_case_set_text(c, "inputs/f", "distribution", scalings[_i].text));
        OK(pdm_case_set_text(c, "inputs/f", "kind", scalings[_i].kind));
        OK(pdm_model_create(c, &m));
        OK(pdm_model_describe(m, keep_text, text));
        ck_assert_msg(strstr(text, scalings[_i].words) != NULL, "%s", text);
        const pdm_size f = strcmp(pdm_pde_input(m->problem->pde, 0)->name, "f") == 0 ? 0 : 1;
        ck_assert_double_eq_tol(m->problem->inputs->shift[f], scalings[_i].centre, 1e-15);
        ck_assert_double_eq_tol(1.0 / m->problem->inputs->scale[f], scalings[_i].width, 1e-15);
        pdm_model_destroy(&m);
        pdm_case_destroy(&c);
        close_context();
    }
END_TEST

/* ---- files of samples ---- */

enum { FILE_SAMPLES = 3, FILE_POINTS = 9 };

/* f(sample, x, y) = sample + 1 + 10 (x > 1/2), a(sample) = 5 + sample, u zero, on 9 x 9 points of the Poisson problem. */
static void write_samples(const char *path)
{
    pdm_output   *o       = NULL;
    const char   *dims[3] = {"sample", "x", "y"};
    double        x[FILE_POINTS], y[FILE_POINTS], a[FILE_SAMPLES];
    static double f[FILE_SAMPLES * FILE_POINTS * FILE_POINTS], u[FILE_SAMPLES * FILE_POINTS * FILE_POINTS];
    for (int i = 0; i < FILE_POINTS; i++) x[i] = i / (FILE_POINTS - 1.0), y[i] = 2.0 * x[i];
    for (int i = 0; i < FILE_SAMPLES * FILE_POINTS * FILE_POINTS; i++)
        f[i] = i / (FILE_POINTS * FILE_POINTS) + 1 + (x[i / FILE_POINTS % FILE_POINTS] > 0.5 ? 10.0 : 0.0);
    for (int i = 0; i < FILE_SAMPLES; i++) a[i] = 5.0 + i;
    OK(pdm_output_create(ctx, path, &o));
    OK(pdm_output_dimension(o, "sample", FILE_SAMPLES, NULL, NULL, NULL, NULL));
    OK(pdm_output_dimension(o, "x", FILE_POINTS, x, "1", NULL, NULL));
    OK(pdm_output_dimension(o, "y", FILE_POINTS, y, "1", NULL, NULL));
    OK(pdm_output_variable(o, "f", 3, dims, "1", NULL));
    OK(pdm_output_variable(o, "u", 3, dims, "1", NULL));
    OK(pdm_output_variable(o, "a", 1, dims, "1", NULL));
    OK(pdm_output_put(o, "f", 0, FILE_SAMPLES, f));
    OK(pdm_output_put(o, "u", 0, FILE_SAMPLES, u));
    OK(pdm_output_put(o, "a", 0, FILE_SAMPLES, a));
    OK(pdm_output_commit(o));
    pdm_output_destroy(&o);
}

/* Samples in the case are a file within it: scalars and fields, picked together. */
START_TEST(samples_of_the_case_are_drawn_from)
    {
        enum { N_SAMPLE = 3, N_CELL = 4, N_TRY = 60 };
        pdm_model *m           = NULL;
        double     a[N_SAMPLE] = {5.0, 6.0, 7.0}, f[N_SAMPLE][N_CELL][N_CELL], seen = 0.0;
        open_context();
        for (int s = 0; s < N_SAMPLE; s++)
            for (int i = 0; i < N_CELL * N_CELL; i++) f[s][i / N_CELL][i % N_CELL] = s + 0.01 * i;
        pdm_case *c = small_case(PROBLEM_POISSON);
        OK(pdm_case_set_text(c, "inputs/f", "kind", "cells"));
        OK(pdm_case_set_text(c, "inputs/f", "cells", "4"));
        OK(pdm_case_set_text(c, "inputs/f", "distribution", ""));
        OK(pdm_case_set_text(c, "inputs/a", "distribution", ""));
        OK(pdm_case_set_array(c, "inputs/a", "samples", 1, (const char *const[]){"n"}, (pdm_size[]){N_SAMPLE}, a));
        OK(pdm_case_set_array(c, "inputs/f", "samples", 2, (const char *const[]){"n", "x"},
                              (pdm_size[]){N_SAMPLE, N_CELL}, &f[0][0][0]));
        ck_assert_int_eq(pdm_model_create(c, &m), PDM_ERR_CASE);
        SAYS("2 dimensions; 3 expected, samples first");
        OK(pdm_case_set_array(c, "inputs/f", "samples", 3, (const char *const[]){"n", "x", "y"},
                              (pdm_size[]){N_SAMPLE, N_CELL, N_CELL}, &f[0][0][0]));
        OK(pdm_model_create(c, &m));
        const pdm_size n_input = pdm_model_n_input(m);
        double        *input   = calloc((size_t)(N_TRY * n_input), sizeof *input);
        pdm_inputs_draw_first(m->problem->inputs, N_TRY, input);
        const pdm_size of_f = strcmp(pdm_pde_input(m->problem->pde, 0)->name, "f") == 0 ? 0 : 1;
        for (int s = 0; s < N_TRY; s++) {
            const double *own   = input + s * n_input;
            const double *field = own + pdm_domain_input_offset(m->problem->domain, of_f);
            const int     k     = (int)(own[pdm_domain_input_offset(m->problem->domain, 1 - of_f)] - 5.0);
            ck_assert(k >= 0 && k < N_SAMPLE);
            seen += k == 2;
            ck_assert_mem_eq(field, f[k], sizeof f[k]);
        }
        ck_assert(seen > 0.0 && seen < N_TRY);
        OK(pdm_model_write(m, "samples-in-case.nc")); /* they are part of the case */
        pdm_model_destroy(&m);
        OK(pdm_model_read(ctx, "samples-in-case.nc", &m));
        OK(pdm_model_train_step(m));
        remove("samples-in-case.nc");
        free(input);
        pdm_model_destroy(&m);
        pdm_case_destroy(&c);
        close_context();
    }
END_TEST

/* Inputs of one file are picked together, each sample as often as the others; on cells values are taken as they are. */
START_TEST(files_are_drawn_from)
    {
        pdm_model *m                   = NULL;
        int        count[FILE_SAMPLES] = {0};
        open_context();
        write_samples("samples.nc");
        pdm_case *c = small_case(PROBLEM_POISSON);
        OK(pdm_case_set_text(c, "inputs/f", "file", "samples.nc"));
        OK(pdm_case_set_text(c, "inputs/f", "kind", "cells"));
        OK(pdm_case_set_text(c, "inputs/f", "cells", "4"));
        OK(pdm_case_set_text(c, "inputs/a", "distribution", ""));
        OK(pdm_case_set_text(c, "inputs/a", "file", "samples.nc"));
        OK(pdm_model_create(c, &m));
        const pdm_size n_input = pdm_model_n_input(m);
        double        *input   = calloc((size_t)(N_DRAW * n_input), sizeof *input);
        pdm_inputs_draw_first(m->problem->inputs, N_DRAW, input);
        const pdm_size f     = strcmp(pdm_pde_input(m->problem->pde, 0)->name, "f") == 0 ? 0 : 1;
        const double  *field = input + pdm_domain_input_offset(m->problem->domain, f),
                     *a      = input + pdm_domain_input_offset(m->problem->domain, 1 - f);
        for (int s = 0; s < N_DRAW; s++, field += n_input, a += n_input) {
            const int k = (int)(*a - 5.0);
            ck_assert(k >= 0 && k < FILE_SAMPLES);
            count[k]++;
            for (int i = 0; i < 16; i++) ck_assert_double_eq(field[i], k + 1 + (i >= 8 ? 10.0 : 0.0));
        }
        for (int k = 0; k < FILE_SAMPLES; k++)
            ck_assert_double_le(fabs(count[k] - N_DRAW / 3.0), 5.0 * sqrt(N_DRAW * 2.0 / 9.0));
        /* 1, 2, 3 and 11, 12, 13 as often: mean 7, square deviation 25 + 2/3 */
        ck_assert_double_eq_tol(m->problem->inputs->shift[f], 7.0, 1e-12);
        ck_assert_double_eq_tol(m->problem->inputs->scale[f], 1.0 / sqrt(25.0 + 2.0 / 3.0), 1e-12);
        ck_assert_double_eq_tol(m->problem->inputs->shift[1 - f], 6.0, 1e-12);
        free(input);
        pdm_model_destroy(&m);
        OK(pdm_case_set_text(c, "inputs/f", "file", "absent.nc"));
        ck_assert_int_eq(pdm_model_create(c, &m), PDM_ERR_IO);
        ck_assert_ptr_nonnull(strstr(pdm_context_error(ctx), "absent.nc"));
        pdm_case_destroy(&c);
        remove("samples.nc");
        close_context();
    }
END_TEST

/* Training goes on from a file as if it had not stopped, whatever the inputs come from; predictions need no samples. */
static const char *const sources[] = {"data", "physics on data", "file", "gaussian_field(0.4)"};

START_TEST(resumed_training_has_its_samples)
    {
        double loss[2] = {0.0};
        open_context();
        write_samples("resume-samples.nc");
        pdm_case *c = small_case(PROBLEM_POISSON);
        if (_i < 2) OK(pdm_case_set_text(c, "training", "data", "resume-samples.nc"));
        if (_i == 0) OK(pdm_case_set_text(c, "training", "loss", "mix"));
        if (_i == 2) OK(pdm_case_set_text(c, "inputs/f", "file", "resume-samples.nc"));
        if (_i == 3) OK(pdm_case_set_text(c, "inputs/f", "distribution", sources[_i]));
        pdm_model *m = NULL;
        OK(pdm_model_create(c, &m));
        OK(pdm_model_train_step(m));
        OK(pdm_model_write(m, "resume-model.nc"));
        OK(pdm_model_train_step(m));
        loss[0] = pdm_model_value(m, "loss");
        pdm_model_destroy(&m);
        OK(pdm_model_read(ctx, "resume-model.nc", &m));
        OK(pdm_model_train_step(m));
        loss[1] = pdm_model_value(m, "loss");
        ck_assert_double_eq(loss[0], loss[1]);
        pdm_model_destroy(&m);
        remove("resume-samples.nc");
        OK(pdm_model_read(ctx, "resume-model.nc", &m));
        double *input = calloc((size_t)pdm_model_n_input(m), sizeof *input),
               *u     = calloc((size_t)pdm_model_n_point(m), sizeof *u);
        OK(pdm_model_predict(m, 1, input, u, NULL));
        if (_i < 3) ck_assert_int_eq(pdm_model_train_step(m), PDM_ERR_IO);
        free(input), free(u);
        pdm_model_destroy(&m);
        pdm_case_destroy(&c);
        remove("resume-model.nc");
        close_context();
    }
END_TEST

/* Every allocation that fails is reported, leaks nothing, leaves the output alone. */
START_TEST(allocation_failures_are_survived)
    {
        double            x[8];
        pdm_distribution  d;
        pdm_random_field *f = NULL;
        open_context();
        const pdm_field_axis axis = axis_of(x, 8, 1.0, true);
        OK(pdm_distribution_parse(ctx, "gaussian_field(0.1)", (pdm_where){0}, &d));
        pdm_status status = PDM_ERR_MEMORY;
        for (pdm_size k = 1; status == PDM_ERR_MEMORY; k++) {
            pdm_context_fail_allocation(ctx, k);
            status = pdm_random_field_create(ctx, &d, 1, &axis, (pdm_where){0}, &f);
            pdm_context_fail_allocation(ctx, 0);
            ck_assert(status == PDM_OK || f == NULL);
        }
        ck_assert_int_eq(status, PDM_OK);
        pdm_random_field_destroy(&f);
        close_context();
    }
END_TEST

#define COUNT(table) ((int)(sizeof(table) / sizeof *(table)))

int main(void)
{
    Suite *s = suite_create("draw");
    TCase *t = tcase_create("draw");
    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, variance_is_that_of_all_modes, 0, N_FORMULA);
    tcase_add_loop_test(t, moments_follow_the_formula, 0, N_FORMULA);
    tcase_add_test(t, exponential_covariance);
    tcase_add_test(t, draws_are_a_function_of_their_key);
    tcase_add_loop_test(t, finer_grids_see_the_same_function, 0, COUNT(grids));
    tcase_add_test(t, ends_are_as_the_kind_says);
    tcase_add_test(t, normalised_samples_have_the_exact_rms);
    tcase_add_loop_test(t, phases_have_their_fraction, 0, COUNT(phases));
    tcase_add_loop_test(t, mistakes_are_shown_where_they_are, 0, COUNT(mistakes));
    tcase_add_loop_test(t, fields_fit_their_inputs, 0, COUNT(settings));
    tcase_add_test(t, fields_fit_periodic_dimensions);
    tcase_add_test(t, samples_do_not_depend_on_the_control_grid);
    tcase_add_loop_test(t, features_are_scaled_by_the_distribution, 0, COUNT(scalings));
    tcase_add_test(t, samples_of_the_case_are_drawn_from);
    tcase_add_test(t, files_are_drawn_from);
    tcase_add_loop_test(t, resumed_training_has_its_samples, 0, COUNT(sources));
    tcase_add_test(t, allocation_failures_are_survived);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
