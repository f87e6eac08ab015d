/* The prior "taylor": time derivatives of the initial state against known solutions, its columns,
 * and what they are worth. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "experts/experts.h"
#include "tests/prediction.h"

typedef struct setting {
    const char *group, *name, *value;
} setting;

enum { N_GRID = 4 };

static pdm_context *ctx;
#define OK(call) ck_assert_msg((call) == PDM_OK, "%s", pdm_context_error(ctx))

static pdm_case *case_of(const setting *s)
{
    pdm_case *c = NULL;
    OK(pdm_case_create(ctx, &c));
    for (; s->group; s++) OK(pdm_case_set_text(c, s->group, s->name, s->value));
    return c;
}

/* ---- time derivatives against those of a solution ---- */

/* Solutions U, V of equations whose sources are made from them; order[k]: expected of the k-th derivative in time, as a
 * cubic spline, so 4 at most. Three times two derivatives in space by splines of degree 7, each of which costs two
 * orders at boundaries: 6, 4, 2. */
static const struct {
    const char *name;
    const char *dims;
    int         extra[3], spans;
    const char *exact[2]; /* of t and the dimensions, by field */
    double      order[4];
    setting     set[24];
} cases[] = {
    {"heat, periodic",
     "tx",
     {3, 0},
     12,
     {"exp(-0.4*pi^2*t)*sin(2*pi*x)"},
     {4.0, 4.0, 4.0, 4.0},
     {{"pde/residuals", "u", "dt(u) - 0.1*dxx(u)"},
      {"pde/initial", "u", "sin(2*pi*x)"},
      {"domain/x", "kind", "periodic"}}},
    {"heat, periodic, degree 2, graded",
     "tx",
     {3, 0},
     14,
     {"exp(-0.4*pi^2*t)*sin(2*pi*x)"},
     {3.0, 3.0, 3.0, 3.0},
     {{"pde/residuals", "u", "2*dt(u) - 0.2*dxx(u)"},
      {"pde/initial", "u", "sin(2*pi*x)"},
      {"domain/x", "degree", "2"},
      {"domain/x", "grading", "sinh 0.5 1.5"},
      {"domain/x", "kind", "periodic"}}},
    {"heat, bounded",
     "tx",
     {3, 3},
     12,
     {"exp(-0.1*pi^2*t)*sin(pi*x)"},
     {4.0, 4.0, 4.0, 2.0},
     {{"pde/residuals", "u", "dt(u) - dx(0.1*dx(u))"},
      {"pde/initial", "u", "sin(pi*x)"},
      {"pde/boundary", "x_min", "u = 0"},
      {"pde/boundary", "x_max", "u = 0"}}},
    /* a map, a start that is not zero, a source in time, a nonlinear flux */
    {"nonlinear diffusion, sinh map",
     "tx",
     {3, 3},
     12,
     {"exp(-t)*cos(x)"},
     {4.0, 4.0, 4.0, 2.0},
     {{"pde/residuals", "u", "dt(u) - dx((1 + u^2)*dx(u)) - s"},
      {"pde/definitions", "w", "exp(-t)*cos(x)"},
      {"pde/definitions", "s", "-w + (1 + w^2)*w - 2*w*(exp(-t)*sin(x))^2"},
      {"pde/initial", "u", "exp(-0.5)*cos(x)"},
      {"pde/boundary", "x_min", "flux(u) = 0"},
      {"pde/boundary", "x_max", "u = exp(-t)*cos(1)"},
      {"domain/t", "extent", "0.5 1"},
      {"domain/x", "map", "sinh 0.2 1.5"}}},
    /* M = [1 + u/2, 0.3; 0.5 v, 1], of the state and full */
    {"system, storage of both fields",
     "tx",
     {3, 0},
     14,
     {"exp(-t)*sin(2*pi*x)", "cos(t)*cos(2*pi*x) + sin(t)"},
     {4.0, 4.0, 4.0, 4.0},
     {{"pde", "fields", "u v"},
      {"pde/definitions", "U", "exp(-t)*sin(2*pi*x)"},
      {"pde/definitions", "V", "cos(t)*cos(2*pi*x) + sin(t)"},
      {"pde/residuals", "u",
       "dt(u + u^2/4 + 0.3*v) - 0.02*dx((1 + v^2)*dx(u)) - (dt(U + U^2/4 + 0.3*V) - "
       "0.02*dx((1 + V^2)*dx(U)))"},
      {"pde/residuals", "v",
       "dt(v) + 0.5*v*dt(u) + u*dx(v) + (1 + t)*u*v - (dt(V) + 0.5*V*dt(U) + U*dx(V) + "
       "(1 + t)*U*V)"},
      {"pde/initial", "u", "sin(2*pi*x)"},
      {"pde/initial", "v", "cos(2*pi*x)"},
      {"domain/x", "kind", "periodic"}}},
    {"two dimensions, mixed derivative, sinh grading",
     "txy",
     {3, 0, 3},
     10,
     {"exp(-t)*sin(2*pi*x)*cos(2*y + t)"},
     {4.0, 4.0, 4.0, 2.0},
     {{"pde/definitions", "U", "exp(-t)*sin(2*pi*x)*cos(2*y + t)"},
      {"pde/residuals", "u",
       "dt(u) - 0.1*lap(u) + 0.05*dxy(u) + u*dy(u) - (dt(U) - 0.1*lap(U) + 0.05*dxy(U) + U*dy(U))"},
      {"pde/initial", "u", "sin(2*pi*x)*cos(2*y)"},
      {"pde/boundary", "y_min", "u free"},
      {"pde/boundary", "y_max", "u = exp(-t)*sin(2*pi*x)*cos(2 + t)"},
      {"domain/x", "kind", "periodic"},
      {"domain/y", "grading", "sinh 0.3 1"}}},
    {"vorticity with its stream function by invlap",
     "txy",
     {3, 0, 0},
     10,
     {"(cos(x) + cos(2*y))*exp(-t)"},
     {4.0, 4.0, 4.0, 4.0},
     {{"pde", "fields", "w"},
      {"pde/definitions", "psi", "-invlap(w)"},
      {"pde/definitions", "W", "(cos(x) + cos(2*y))*exp(-t)"},
      {"pde/definitions", "P", "(cos(x) + cos(2*y)/4)*exp(-t)"},
      {"pde/residuals", "w",
       "dt(w) + dx(dy(psi)*w) - dy(dx(psi)*w) - 0.05*lap(w) - (dt(W) + dx(dy(P)*W) - dy(dx(P)*W) - 0.05*lap(W))"},
      {"pde/initial", "w", "cos(x) + cos(2*y)"},
      {"domain/x", "extent", "0 6.283185307179586"},
      {"domain/x", "kind", "periodic"},
      {"domain/y", "extent", "0 6.283185307179586"},
      {"domain/y", "kind", "periodic"}}},
    {"ordinary",
     "t",
     {3},
     4,
     {"1/(2 - t)"},
     {9.0, 9.0, 9.0, 9.0}, /* exact */
     {{"pde/residuals", "u", "dt(u) - u^2"}, {"pde/initial", "u", "0.5"}}},
};
enum { N_CASE = sizeof cases / sizeof *cases };

typedef struct expansion {
    pdm_case   *the_case;
    pdm_pde    *pde;
    pdm_domain *domain;
    pdm_taylor *taylor;
    double     *input, *lift, *feature;
    pdm_size    n_space;
} expansion;

static void expansion_open(expansion *x, pdm_case *c)
{
    *x = (expansion){.the_case = c};
    OK(pdm_pde_create(ctx, c, &x->pde));
    OK(pdm_domain_create(ctx, c, x->pde, NULL, &x->domain));
    OK(pdm_taylor_create(x->domain, pdm_case_where(c, "experts", "prior"), &x->taylor));
    const pdm_size n_coef = pdm_domain_n_coef(x->domain), n_field = pdm_domain_n_field(x->domain);
    x->n_space = n_coef / pdm_domain_spline(x->domain, 0)->n_coef;
    x->input   = calloc((size_t)pdm_domain_n_input(x->domain) + 1, sizeof(double));
    x->lift    = calloc((size_t)(n_coef * n_field), sizeof(double));
    x->feature = calloc((size_t)(pdm_taylor_n_feature(x->taylor) * x->n_space), sizeof(double));
}

static void expansion_run(expansion *x)
{
    const pdm_rows_desc *rows    = pdm_domain_rows(x->domain);
    double              *scalar  = calloc((size_t)rows->n_scalar + 1, sizeof(double));
    double              *sampled = calloc((size_t)rows->n_sampled + 1, sizeof(double));
    double              *work    = calloc((size_t)pdm_domain_prepare_work(x->domain), sizeof(double));
    OK(pdm_domain_prepare(x->domain, x->input, scalar, sampled, x->lift, work, NULL));
    OK(pdm_taylor_features(x->taylor, x->input, x->lift, x->feature));
    free(scalar);
    free(sampled);
    free(work);
}

static void expansion_close(expansion *x)
{
    pdm_taylor_destroy(&x->taylor);
    pdm_domain_destroy(&x->domain);
    pdm_pde_destroy(&x->pde);
    pdm_case_destroy(&x->the_case);
    free(x->input);
    free(x->lift);
    free(x->feature);
}

/* Value in space of a spline with coefficients [n_space] at one point, by its functions alone. */
static double value_at(const pdm_domain *d, const double *coef, const double *x)
{
    const pdm_size n_dim = pdm_domain_n_dim(d);
    double         basis[PDM_MAX_DIM][PDM_MAX_DEGREE + 1], sum = 0.0;
    pdm_size       element[PDM_MAX_DIM], n_local               = 1;
    for (pdm_size j = 1; j < n_dim; j++) {
        const pdm_spline *s  = pdm_domain_spline(d, j);
        const double      xi = pdm_map_inverse(&s->map, x[j]);
        element[j]           = pdm_spline_element(s, xi);
        pdm_spline_basis(s, element[j], xi, 1, basis[j]);
        n_local *= s->degree + 1;
    }
    for (pdm_size l = 0; l < n_local; l++) {
        double   product = 1.0;
        pdm_size at = 0, stride = 1, rest = l;
        for (pdm_size j = n_dim - 1; j >= 1; j--) {
            const pdm_spline *s = pdm_domain_spline(d, j);
            product *= basis[j][rest % (s->degree + 1)];
            at += (element[j] + rest % (s->degree + 1)) % s->n_coef * stride;
            rest /= s->degree + 1;
            stride *= s->n_coef;
        }
        sum += product * coef[at];
    }
    return sum;
}

/* Relative root mean square error of a feature, against values on a tensor grid of n points a dimension in space. */
static double feature_error(const expansion *x, const double *coef, pdm_size n, double *const *coordinate,
                            const double *exact)
{
    const pdm_size n_dim = pdm_domain_n_dim(x->domain);
    double         error = 0.0, size = 0.0;
    pdm_size       n_point = 1;
    for (pdm_size j = 1; j < n_dim; j++) n_point *= n;
    for (pdm_size i = 0; i < n_point; i++) {
        double   at[PDM_MAX_DIM];
        pdm_size rest = i;
        for (pdm_size j = n_dim - 1; j >= 1; j--) {
            at[j] = coordinate[j][rest % n];
            rest /= n;
        }
        const double e = value_at(x->domain, coef, at) - exact[i];
        error += e * e;
        size += exact[i] * exact[i];
    }
    return sqrt(error / size);
}

static void expected(expansion *x, const char *text, pdm_size n, double *const *coordinate, double *out)
{
    const pdm_function *f     = NULL;
    const pdm_where     where = {.text = text};
    const double       *at[PDM_MAX_DIM];
    pdm_size            n_point[PDM_MAX_DIM];
    for (pdm_size j = 0; j < pdm_domain_n_dim(x->domain); j++) {
        at[j]      = coordinate[j];
        n_point[j] = j == 0 ? 1 : n;
    }
    OK(pdm_pde_compile(x->pde, text, where, false, &f));
    OK(pdm_domain_evaluate(x->domain, f, &where, x->input, n_point, at, out));
}

/* Errors [field][order] of the time derivatives of the initial state on a grid. */
static void derivative_errors(int number, int spans, double errors[2][4])
{
    enum { N_SAMPLE = 29 };
    static const char *const pattern[4] = {"%s", "dt(%s)", "dt(dt(%s))", "dt(dt(dt(%s)))"};
    expansion                x;
    pdm_case                *c = case_of(cases[number].set);
    char                     group[16], text[256], names[8];
    const size_t             n_dim                   = strlen(cases[number].dims);
    double                  *coordinate[PDM_MAX_DIM] = {NULL};
    static double            exact[N_SAMPLE * N_SAMPLE];

    if (!pdm_case_has(c, "pde", "fields")) OK(pdm_case_set_text(c, "pde", "fields", "u"));
    for (size_t j = 0; j < n_dim; j++) {
        names[2 * j]     = cases[number].dims[j];
        names[2 * j + 1] = j + 1 < n_dim ? ' ' : '\0';
        snprintf(group, sizeof group, "domain/%c", cases[number].dims[j]);
        snprintf(text, sizeof text, "%d", (j == 0 ? 3 : spans) + cases[number].extra[j]);
        if (!pdm_case_has(c, group, "extent")) OK(pdm_case_set_text(c, group, "extent", "0 1"));
        OK(pdm_case_set_text(c, group, "control_points", text));
    }
    OK(pdm_case_set_text(c, "domain", "dimensions", names));
    expansion_open(&x, c);
    expansion_run(&x);
    for (size_t j = 0; j < n_dim; j++) {
        const pdm_spline *s = pdm_domain_spline(x.domain, (pdm_size)j);
        coordinate[j]       = calloc(N_SAMPLE, sizeof(double));
        coordinate[j][0]    = s->map.low;
        for (int i = 0; i < N_SAMPLE && j > 0; i++)
            coordinate[j][i] = s->map.low + (s->map.high - s->map.low) * i / (N_SAMPLE - 1.0);
    }
    for (pdm_size f = 0; f < pdm_domain_n_field(x.domain); f++)
        for (int k = 0; k < 4; k++) {
            snprintf(text, sizeof text, pattern[k], cases[number].exact[f]);
            expected(&x, text, N_SAMPLE, coordinate, exact);
            errors[f][k] = feature_error(&x, x.feature + (f * 4 + k) * x.n_space, N_SAMPLE, coordinate, exact);
        }
    for (size_t j = 0; j < n_dim; j++) free(coordinate[j]);
    expansion_close(&x);
}

START_TEST(time_derivatives_have_their_order)
    {
        double errors[N_GRID][2][4], spans = cases[_i].spans, x[N_GRID];
        ck_assert_int_eq(context_on_backend(&ctx), PDM_OK);
        for (int g = 0; g < N_GRID; g++, spans *= 1.4) {
            const int n = (int)(spans + 0.5);
            derivative_errors(_i, n, errors[g]);
            x[g] = log2(1.0 / n);
        }
        for (int f = 0; f < 2 && cases[_i].exact[f]; f++)
            for (int k = 0; k < 4; k++) {
                double sx = 0.0, sy = 0.0, sxx = 0.0, sxy = 0.0;
                printf("%s, field %d, derivative %d:", cases[_i].name, f, k);
                for (int g = 0; g < N_GRID; g++) {
                    const double y = log2(errors[g][f][k]);
                    printf(" %.2e", errors[g][f][k]);
                    sx += x[g], sy += y, sxx += x[g] * x[g], sxy += x[g] * y;
                }
                const double order = (N_GRID * sxy - sx * sy) / (N_GRID * sxx - sx * sx);
                printf(", order %.2f\n", order);
                if (cases[_i].order[k] < 9.0)
                    ck_assert_double_ge(order, cases[_i].order[k] - 0.3);
                else
                    ck_assert_double_lt(errors[0][f][k], 1e-13);
            }
        ck_assert_int_eq(pdm_context_destroy(&ctx), 0);
    }
END_TEST

/* Burgers' equation from a sine, by hand. With sums of sines s = sum_k a_k sin kx and (s r)_x
 * for products of two of them:
 *     u' = -(u^2)_x/2 + nu u_xx,    u'' = -(u u')_x + nu u'_xx,    u''' = -(u u'' + u'^2)_x + nu u''_xx */
enum { N_SINE = 16 };

static void add_product_slope(const double *a, const double *b, double factor, double *out)
{
    for (int i = 1; i < N_SINE; i++) /* sin i sin j = (cos(i-j) - cos(i+j)) / 2, and its slope */
        for (int j = 1; j < N_SINE; j++) {
            const int    low = abs(i - j), high = i + j;
            const double v = 0.5 * factor * a[i] * b[j];
            out[low] -= v * low;
            if (high < N_SINE) out[high] += v * high;
        }
}

static void add_curvature(const double *a, double factor, double *out)
{
    for (int k = 1; k < N_SINE; k++) out[k] -= factor * k * k * a[k];
}

START_TEST(burgers_from_a_sine)
    {
        static const setting set[] = {{"pde", "fields", "u"},
                                      {"pde/residuals", "u", "dt(u) + dx(u^2/2) - dx(0.05*dx(u))"},
                                      {"pde/initial", "u", "a*sin(x) + 0.3*sin(2*x)"},
                                      {"inputs/a", "distribution", "uniform(0.5, 1)"},
                                      {"domain", "dimensions", "t x"},
                                      {"domain/t", "extent", "0 1"},
                                      {"domain/t", "control_points", "5"},
                                      {"domain/x", "extent", "0 6.283185307179586"},
                                      {"domain/x", "kind", "periodic"},
                                      {"domain/x", "degree", "5"},
                                      {"domain/x", "control_points", "64"},
                                      {NULL, NULL, NULL}};
        expansion            x;
        double               u[4][N_SINE] = {{0.0}};
        ck_assert_int_eq(context_on_backend(&ctx), PDM_OK);
        expansion_open(&x, case_of(set));
        x.input[0] = 0.8;
        expansion_run(&x);
        u[0][1] = 0.8;
        u[0][2] = 0.3;
        add_product_slope(u[0], u[0], -0.5, u[1]);
        add_curvature(u[0], 0.05, u[1]);
        add_product_slope(u[0], u[1], -1.0, u[2]);
        add_curvature(u[1], 0.05, u[2]);
        add_product_slope(u[0], u[2], -1.0, u[3]);
        add_product_slope(u[1], u[1], -1.0, u[3]);
        add_curvature(u[2], 0.05, u[3]);
        for (int k = 0; k < 4; k++)
            for (int i = 0; i < 50; i++) {
                const double at[2] = {0.0, 6.283185307179586 * i / 50.0};
                double       exact = 0.0, size = 0.0;
                for (int m = 1; m < N_SINE; m++) {
                    exact += u[k][m] * sin(m * at[1]);
                    size += fabs(u[k][m]);
                }
                /* a sine of 8 waves through 64 points, degree 5: (pi/8)^6 = 4e-3 times a constant below one, of the
                 * part of size that has so many waves, which is small */
                ck_assert_double_eq_tol(value_at(x.domain, x.feature + k * x.n_space, at), exact, 1e-4 * size);
            }
        expansion_close(&x);
        ck_assert_int_eq(pdm_context_destroy(&ctx), 0);
    }
END_TEST

/* Inputs given as fields, one of them of time: u = exp(-t) sin(pi x) solves u_t = (k u_x)_x + b f. */
START_TEST(inputs_that_are_fields)
    {
        static const setting set[] = {{"pde", "fields", "u"},
                                      {"pde/residuals", "u", "dt(u) - dx(k*dx(u)) - b*f"},
                                      {"pde/initial", "u", "u0"},
                                      {"pde/boundary", "x_min", "u = 0"},
                                      {"pde/boundary", "x_max", "u = 0"},
                                      {"inputs/k", "dimensions", "x"},
                                      {"inputs/b", "distribution", "list(2)"},
                                      {"inputs/f", "dimensions", "t x"},
                                      {"inputs/u0", "dimensions", "x"},
                                      {"domain", "dimensions", "t x"},
                                      {"domain/t", "extent", "0 0.5"},
                                      {"domain/t", "control_points", "12"},
                                      {"domain/x", "extent", "0 1"},
                                      {"domain/x", "control_points", "32"},
                                      {NULL, NULL, NULL}};
        const double         pi    = 3.14159265358979323846;
        expansion            x;
        double              *at_input[4] = {NULL};
        pdm_size             n_x, n_t;
        ck_assert_int_eq(context_on_backend(&ctx), PDM_OK);
        expansion_open(&x, case_of(set));
        for (pdm_size i = 0; i < pdm_pde_n_input(x.pde); i++) {
            const char *name = pdm_pde_input(x.pde, i)->name;
            const int   k    = strcmp(name, "k") == 0 ? 0 : strcmp(name, "b") == 0 ? 1 : strcmp(name, "f") == 0 ? 2 : 3;
            at_input[k]      = x.input + pdm_domain_input_offset(x.domain, i);
        }
        const double *px = pdm_domain_greville(x.domain, 1), *pt = pdm_domain_greville(x.domain, 0);
        n_t          = pdm_domain_spline(x.domain, 0)->n_coef;
        n_x          = pdm_domain_spline(x.domain, 1)->n_coef;
        *at_input[1] = 2.0;
        for (pdm_size i = 0; i < n_x; i++) {
            const double s = sin(pi * px[i]), c = cos(pi * px[i]), k = 1.0 + 0.5 * px[i];
            at_input[0][i] = k;
            at_input[3][i] = s;
            for (pdm_size j = 0; j < n_t; j++)
                at_input[2][j * n_x + i] = 0.5 * exp(-pt[j]) * (-s - 0.5 * pi * c + k * pi * pi * s);
        }
        expansion_run(&x);
        for (int order = 0; order < 4; order++) {
            double error = 0.0, size = 0.0;
            for (int i = order == 3 ? 10 : 0; i <= (order == 3 ? 30 : 40); i++) {
                const double at[2] = {0.0, i / 40.0}, exact = (order % 2 ? -1.0 : 1.0) * sin(pi * at[1]),
                             e = value_at(x.domain, x.feature + order * x.n_space, at) - exact;
                error += e * e;
                size += exact * exact;
            }
            printf("inputs, derivative %d: %.2e\n", order, sqrt(error / size));
            /* f is ten times as large as u and a cubic in time through 12 points, which at the start has slopes to
             * h^3/12, h = 1/18; u'' leaves 2e-3 of it next to the sides,
             * on which two more derivatives in space build */
            ck_assert_double_lt(sqrt(error / size), order < 2 ? 1e-5 : order == 2 ? 2e-3 : 0.03);
        }
        expansion_close(&x);
        ck_assert_int_eq(pdm_context_destroy(&ctx), 0);
    }
END_TEST

/* ---- equations without an expansion ---- */

static const struct {
    setting     set[6];
    const char *words;
} refused[] = {
    {{{"pde/residuals", "u", "dt(dt(u)) - dxx(u)"}, {"pde/initial", "u_t", "0"}}, "order 2 in time"},
    {{{"pde/residuals", "u", "dt(u) - dx(dx(dt(u))) + u"}}, "differentiated by x"},
    {{{"pde/residuals", "u", "dt(u)^2 - dxx(u)"}}, "not linear"},
    {{{"pde/residuals", "u", "dt(u) - dt(invlap(u)) + dx(u)"}}, "time derivative of invlap(u)"},
    {{{"pde", "fields", "u p"}, {"pde/residuals", "u", "dt(u) - dxx(u) + p"}, {"pde/residuals", "p", "dxx(p) - u"}},
     "no equation has dt(p)"},
    {{{"pde/residuals", "u", "dt(u) - dx(k*dx(u))"}, {"inputs/k", "dimensions", "x"}, {"inputs/k", "kind", "cells"}},
     "constant in cells"},
    {{{"domain", "dimensions", "x"}, {"pde/residuals", "u", "-dxx(u) + u - 1"}}, "no dimension \"t\""},
};
enum { N_REFUSED = sizeof refused / sizeof *refused };

static pdm_case *small_case(void)
{
    static const setting set[] = {{"pde", "fields", "u"},           {"pde/initial", "u", "sin(6.283185307179586*x)"},
                                  {"domain", "dimensions", "t x"},  {"domain/t", "extent", "0 1"},
                                  {"domain/x", "extent", "0 1"},    {"domain/t", "control_points", "5"},
                                  {"domain/x", "kind", "periodic"}, {"domain/x", "control_points", "12"},
                                  {"experts", "prior", "taylor"},   {NULL, NULL, NULL}};
    return case_of(set);
}

/* The message has the place of the setting, the reason, and nothing is left behind. */
START_TEST(what_has_no_expansion_is_refused)
    {
        pdm_pde     *pde = NULL;
        pdm_domain  *d   = NULL;
        pdm_experts *x   = NULL;
        ck_assert_int_eq(context_on_backend(&ctx), PDM_OK);
        pdm_case *c = small_case();
        for (const setting *s = refused[_i].set; s->group; s++) OK(pdm_case_set_text(c, s->group, s->name, s->value));
        if (_i == N_REFUSED - 1) OK(pdm_case_remove(c, "pde/initial", "u"));
        OK(pdm_pde_create(ctx, c, &pde));
        OK(pdm_domain_create(ctx, c, pde, NULL, &d));
        ck_assert_int_eq(pdm_experts_create(ctx, c, d, NULL, &x), PDM_ERR_CASE);
        ck_assert_ptr_null(x);
        ck_assert_ptr_nonnull(strstr(pdm_context_error(ctx), "/experts:prior"));
        ck_assert_msg(strstr(pdm_context_error(ctx), refused[_i].words) != NULL, "%s", pdm_context_error(ctx));
        pdm_domain_destroy(&d);
        pdm_pde_destroy(&pde);
        pdm_case_destroy(&c);
        ck_assert_int_eq(pdm_context_destroy(&ctx), 0);
    }
END_TEST

/* Factors that are dependent at some point are found when its state is there. */
START_TEST(singular_factors_are_refused)
    {
        expansion x;
        ck_assert_int_eq(context_on_backend(&ctx), PDM_OK);
        pdm_case *c = small_case();
        OK(pdm_case_set_text(c, "pde", "fields", "u v"));
        OK(pdm_case_set_text(c, "pde/residuals", "u", "dt(u) + dt(v) - u"));
        OK(pdm_case_set_text(c, "pde/residuals", "v", "2*dt(u) + 2*dt(v) - v"));
        OK(pdm_case_set_text(c, "pde/initial", "v", "1"));
        expansion_open(&x, c);
        ck_assert_int_eq(pdm_taylor_features(x.taylor, x.input, x.lift, x.feature), PDM_ERR_NUMERIC);
        ck_assert_ptr_nonnull(strstr(pdm_context_error(ctx), "/experts:prior"));
        expansion_close(&x);
        ck_assert_int_eq(pdm_context_destroy(&ctx), 0);
    }
END_TEST

/* ---- columns ---- */

/* What the experts add: t times u' and so on in this order, of unit size on each expert's coefficients (or on all,
 * where experts share some), nothing where coefficients are fixed; the rest of the channels is left to polynomials,
 * from the constant on. */
START_TEST(base_has_the_columns_in_order)
    {
        enum { N = 24 };
        static const setting set[]    = {{"pde/residuals", "u", "dt(u) + u*dx(u) - 0.05*dxx(u)"},
                                         {"domain/x", "experts", "3"},
                                         {"domain/t", "experts", "2"},
                                         {"domain/t", "control_points", "12"},
                                         {"domain/x", "control_points", "24"},
                                         {NULL, NULL, NULL}};
        static const int     order[9] = {1, 2, 3, 3, 2, 0, 4, 5, 3}, power[9] = {1, 2, 3, 1, 1, 1, 1, 1, 2};
        pdm_experts         *x = NULL;
        expansion            e;
        static float         base[N * 12 * 24];
        ck_assert_int_eq(context_on_backend(&ctx), PDM_OK);
        pdm_case *c = small_case();
        for (const setting *s = set; s->group; s++) OK(pdm_case_set_text(c, s->group, s->name, s->value));
        OK(pdm_case_set_text(c, "experts", "basis", "24"));
        OK(pdm_case_set_text(c, "experts", "partition", _i ? "smooth" : "hard"));
        expansion_open(&e, c);
        expansion_run(&e);
        OK(pdm_experts_create(ctx, c, e.domain, NULL, &x));
        ck_assert(pdm_experts_has_base(x));
        OK(pdm_experts_base(x, e.input, e.lift, base));
        const pdm_columns_desc *d = pdm_experts_columns(x);
        pdm_size                n_taylor;
        (void)pdm_taylor_columns(e.taylor, 0, &n_taylor);
        ck_assert_int_eq(n_taylor, 18); /* t, t^2, t^3 times u, u', u'', u''', u_x, u_xx */
        for (pdm_size i = 0; i < d->n_channel * d->n_coef; i++)
            if (i / d->n_coef >= n_taylor || !pdm_domain_free(e.domain)[i % d->n_coef]) ck_assert(base[i] == 0.0F);
        for (pdm_size k = 0; k < d->n_expert; k++) {
            const pdm_column_group *g = &d->group[k];
            ck_assert_int_eq(g->n_col, N);
            for (int n = 0; n < 9; n++) {
                const double *profile = pdm_taylor_profile(e.taylor, power[n]),
                             *feature = e.feature + order[n] * e.n_space;
                double along = 0.0, size = 0.0, square = 0.0;
                for (pdm_size i = 0; i < g->n_coef; i++) {
                    const double v = profile[g->coef[i] / e.n_space] * feature[g->coef[i] % e.n_space],
                                 b = base[n * d->n_coef + g->coef[i]];
                    along += v * b;
                    size += v * v;
                    square += b * b;
                }
                ck_assert_double_eq_tol(along, sqrt(size * square), 1e-6 * sqrt(size * square)); /* FP32 */
                if (!_i) ck_assert_double_eq_tol(square, (double)g->n_coef, 1e-5 * (double)g->n_coef);
            }
            for (pdm_size i = 0; i < g->n_coef; i++)
                for (pdm_size n = 0; n <= n_taylor; n++)
                    ck_assert_double_eq(g->prior[i * g->n_col + n], n < n_taylor ? 0.0 : 1.0);
        }
        pdm_text text = {.ctx = ctx};
        OK(pdm_experts_view(x, &text));
        ck_assert_msg(strstr(text.data, "taylor: 18 of 24 columns of u\n") != NULL, "%s", text.data);
        pdm_text_destroy(&text);
        pdm_experts_destroy(&x);
        expansion_close(&e);
        ck_assert_int_eq(pdm_context_destroy(&ctx), 0);
    }
END_TEST

/* ---- models ---- */

/* Burgers on a short slab, from a random smooth state. */
static pdm_model *burgers_model(const char *prior)
{
    static const setting set[] = {
        {"pde/residuals", "u", "dt(u) + dx(u^2/2) - dx(0.02*dx(u))"},
        {"pde/initial", "u", "u0"},
        {"inputs/u0", "dimensions", "x"},
        {"inputs/u0", "distribution", "gaussian_field(length=0.2, amplitude=0.5, smoothness=inf)"},
        {"domain/t", "extent", "0 0.1"},
        {"domain/t", "control_points", "6"},
        {"domain/x", "control_points", "32"},
        {"domain/x", "experts", "4"},
        {"experts", "basis", "12"},
        {"surrogate", "modes", "2 4"},
        {"surrogate", "width", "8"},
        {"surrogate", "layers", "2"},
        {"surrogate", "hidden", "8"},
        {"solver", "ridge", "1e-8"},
        {"training", "batch", "2"},
        {NULL, NULL, NULL}};
    pdm_case  *c = small_case();
    pdm_model *m = NULL;
    for (const setting *s = set; s->group; s++) OK(pdm_case_set_text(c, s->group, s->name, s->value));
    OK(pdm_case_set_text(c, "experts", "prior", prior));
    OK(pdm_model_create(c, &m));
    pdm_case_destroy(&c);
    return m;
}

/* Relative error of an untrained model against all coefficients free, until `end`, slab by slab. */
static double untrained_error(const char *prior, double end)
{
    enum { N_SAMPLE = 3, N_X = 32, N_T = 7 };
    pdm_model *m              = burgers_model(prior);
    pdm_size   n[PDM_MAX_DIM] = {N_T, N_X};
    double  t[N_T], x[N_X], u[N_SAMPLE * N_T * N_X], free_u[N_SAMPLE * N_T * N_X], input[N_SAMPLE * N_X], error = 0.0;
    double *coordinate[PDM_MAX_DIM] = {t, x};
    pdm_solve_result result[N_SAMPLE];
    pdm_output_grid *grid = NULL;
    for (int i = 0; i < N_T; i++) t[i] = end * i / (N_T - 1.0);
    for (int i = 0; i < N_X; i++) x[i] = i / (double)N_X;
    OK(pdm_inputs_draw_unseen(m->problem->inputs, N_SAMPLE, input));
    OK(predict_on(m, n, coordinate, 0.0, N_SAMPLE, input, u, result));
    OK(predict_on(m, n, coordinate, 1e-10, N_SAMPLE, input, free_u, result));
    OK(pdm_output_grid_create(m->problem, 1, n, coordinate, &grid));
    for (int i = 0; i < N_SAMPLE; i++)
        error += pdm_relative_error(grid, u + i * N_T * N_X, free_u + i * N_T * N_X, -INFINITY) / N_SAMPLE;
    pdm_output_grid_destroy(&grid);
    pdm_model_destroy(&m);
    return error;
}

/* The same number of columns, no training: what the equations say of the start is worth more than polynomials, and is
 * found anew in every slab. Measured: a sixth of the error, in one slab and in three; with the base of the first slab
 * in all three a quarter. */
START_TEST(untrained_error_falls)
    {
        ck_assert_int_eq(context_on_backend(&ctx), PDM_OK);
        const double slab = untrained_error("taylor", 0.1), roll_out = untrained_error("taylor", 0.3),
                     slab_before     = untrained_error("polynomial", 0.1),
                     roll_out_before = untrained_error("polynomial", 0.3);
        printf("one slab: %.2e, with polynomials %.2e; three: %.2e and %.2e\n", slab, slab_before, roll_out,
               roll_out_before);
        ck_assert_double_lt(slab, 0.2 * slab_before);
        ck_assert_double_lt(roll_out, 0.2 * roll_out_before);
        ck_assert_int_eq(pdm_context_destroy(&ctx), 0);
    }
END_TEST

static void keep_text(void *user, const char *text)
{
    snprintf(user, 4096, "%s", text);
}

/* The base is no function of the weights: the gradient stays what it was. */
START_TEST(gradient_is_right)
    {
        double      slope = 0.0;
        static char table[4096];
        ck_assert_int_eq(context_on_backend(&ctx), PDM_OK);
        pdm_model *m = burgers_model("taylor");
        for (int i = 0; i < 3; i++) OK(pdm_model_train_step(m));
        OK(pdm_model_check_gradient(m, &slope, keep_text, table));
        ck_assert_msg(fabs(slope - 2.0) <= 0.1, "%s", table);
        pdm_model_destroy(&m);
        ck_assert_int_eq(pdm_context_destroy(&ctx), 0);
    }
END_TEST

/* Whatever allocation fails, nothing is left behind. */
START_TEST(failed_allocations_leave_nothing)
    {
        pdm_pde     *pde = NULL;
        pdm_domain  *d   = NULL;
        pdm_experts *x   = NULL;
        ck_assert_int_eq(context_on_backend(&ctx), PDM_OK);
        pdm_case *c = small_case();
        OK(pdm_case_set_text(c, "pde/residuals", "u", "dt(u) - dxx(u)"));
        OK(pdm_pde_create(ctx, c, &pde));
        OK(pdm_domain_create(ctx, c, pde, NULL, &d));
        OK(pdm_experts_create(ctx, c, d, NULL, &x)); /* the case has noted what is asked for */
        pdm_experts_destroy(&x);
        pdm_status status = PDM_ERR_MEMORY;
        for (pdm_size k = 1; status != PDM_OK; k++) {
            pdm_context_fail_allocation(ctx, k);
            status = pdm_experts_create(ctx, c, d, NULL, &x);
            pdm_context_fail_allocation(ctx, 0);
            ck_assert(status == PDM_OK || status == PDM_ERR_MEMORY);
            ck_assert((status == PDM_OK) == (x != NULL));
        }
        pdm_experts_destroy(&x);
        pdm_domain_destroy(&d);
        pdm_pde_destroy(&pde);
        pdm_case_destroy(&c);
        ck_assert_int_eq(pdm_context_destroy(&ctx), 0);
    }
END_TEST

int main(void)
{
    Suite *s = suite_create("taylor");
    TCase *t = tcase_create("taylor");
    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, time_derivatives_have_their_order, 0, N_CASE);
    tcase_add_test(t, burgers_from_a_sine);
    tcase_add_test(t, inputs_that_are_fields);
    tcase_add_loop_test(t, what_has_no_expansion_is_refused, 0, N_REFUSED);
    tcase_add_test(t, singular_factors_are_refused);
    tcase_add_loop_test(t, base_has_the_columns_in_order, 0, 2);
    tcase_add_test(t, untrained_error_falls);
    tcase_add_test(t, gradient_is_right);
    tcase_add_test(t, failed_allocations_leave_nothing);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
