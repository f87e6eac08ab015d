/* Expressions: values, derivatives, splitting, messages, units. */
#define _XOPEN_SOURCE 700 /* setenv */
#include "pde/pde.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT_OF(a) ((int)(sizeof(a) / sizeof *(a)))

typedef struct setting {
    const char *group, *name, *value;
} setting;

static const setting base[] = {
    {"domain", "dimensions", "t x y"},     {"pde", "fields", "u v"},
    {"pde/parameters", "D", "0.3"},        {"pde/parameters", "E", "D^2/4 + pi"},
    {"pde/parameters", "n", "0.874"},      {"pde/definitions", "q", "u*dx(v)"},
    {"pde/definitions", "rho", "1 + q^2"}, {"pde/residuals", "u", "dt(u) - lap(u)"},
    {"pde/residuals", "v", "lap(v) - u"},  {"pde/initial", "u", "a"},
    {"inputs/a", "dimensions", ""},        {"inputs/f", "dimensions", "x y"},
};

static pdm_context *ctx;
static pdm_case    *c;
static pdm_pde     *p;

static pdm_status set(const char *group, const char *name, const char *value)
{
    return pdm_case_set_text(c, group, name, value);
}

static void set_up(void)
{
    ck_assert_int_eq(pdm_context_create(NULL, &ctx), PDM_OK);
    ck_assert_int_eq(pdm_case_create(ctx, &c), PDM_OK);
    for (int i = 0; i < COUNT_OF(base); i++) ck_assert_int_eq(set(base[i].group, base[i].name, base[i].value), PDM_OK);
}

static void set_up_pde(void)
{
    set_up();
    ck_assert_msg(pdm_pde_create(ctx, c, &p) == PDM_OK, "%s", pdm_context_error(ctx));
}

static void tear_down(void)
{
    pdm_pde_destroy(&p);
    pdm_case_destroy(&c);
    ck_assert_int_eq(pdm_context_destroy(&ctx), 0);
}

/* ---- evaluation ---------------------------------------------------------------------------------------------------
 * Fields and the input f are exponentials of linear functions, so that all their derivatives are known. */

static const double rate[3][3]   = {{0.3, 0.5, -0.2}, {-0.1, 0.25, 0.4}, {0.0, 0.7, 0.1}}; /* u, v, f */
static const double amplitude[3] = {0.8, 1.3, 0.6};
static const double input_a      = 0.35;

static double exponential(int which, const int32_t *order, const double *at)
{
    double value = amplitude[which];
    for (int j = 0; j < 3; j++) {
        value *= exp(rate[which][j] * at[j]);
        for (int32_t k = 0; k < order[j]; k++) value *= rate[which][j];
    }
    return value;
}

static void fill_inputs(const pdm_function *f, const double *at, double *in)
{
    for (pdm_size i = 0; i < f->n_input; i++) {
        const int32_t n = f->input[i].index;
        switch ((pdm_input_kind)f->input[i].kind) {
        case PDM_INPUT_ATOM: in[i] = exponential(f->atom[n].field, f->atom[n].order, at); break;
        case PDM_INPUT_COORDINATE: in[i] = at[n]; break;
        case PDM_INPUT_SCALAR: in[i] = input_a; break;
        case PDM_INPUT_FIELD: in[i] = exponential(2, f->sampled[n].order, at); break;
        }
    }
}

static void run(const pdm_program *program, const double *in, double *out)
{
    double *work = calloc((size_t)program->n_register + 1, sizeof *work);
    if (!work) abort();
    pdm_program_evaluate(program, in, out, work);
    free(work);
}

enum { MANY = 512 };

static double value_at(const pdm_function *f, const double *at)
{
    double in[MANY], out = 0.0;
    if (f->n_input > MANY) abort();
    fill_inputs(f, at, in);
    run(f->value, in, &out);
    return out;
}

static const pdm_function *compile(const char *text)
{
    const pdm_function *f = NULL;
    ck_assert_msg(pdm_pde_compile(p, text, (pdm_where){.offset = -1}, true, &f) == PDM_OK, "%s",
                  pdm_context_error(ctx));
    return f;
}

static const double here[3] = {0.7, 0.4, 1.3};

START_TEST(values_are_those_of_c)
    {
        const double t = here[0], x = here[1], y = here[2], a = input_a, D = 0.3, n = 0.874,
                     pi       = 3.14159265358979323846;
        const int32_t none[4] = {0, 0, 0, 0}, dx[4] = {0, 1, 0, 0};
        const double  u = exponential(0, none, here), v = exponential(1, none, here), f = exponential(2, none, here);
        const double  v_x = exponential(1, dx, here), f_x = exponential(2, dx, here);
        const struct {
            const char *text;
            double      value;
        } table[] = {
            {"1 + 2*3", 7.0},
            {"-2^2", -4.0},
            {"2^3^2", 512.0},
            {"2^-1", 0.5},
            {"(2 + 3)*4", 20.0},
            {"7 - 2 - 1", 4.0},
            {"8/2/2", 2.0},
            {"2*-3", -6.0},
            {"--2", 2.0},
            {"+2", 2.0},
            {"1e3 + 1.5E-1 + .5 + 5.", 1005.65},
            {"-u^2", -u * u},
            {"pi", pi},
            {"E", D * D / 4 + pi},
            {"u + v*x - t/y", u + v * x - t / y},
            {"u*u*u", u * u * u},
            {"u^7", pow(u, 7)},
            {"u^-3", pow(u, -3)},
            {"(-u)^3", -u * u * u},
            {"(-u)^2", u * u},
            {"(2*u)^3/4", 2 * u * u * u},
            {"u^0", 1.0},
            {"u^1.5", pow(u, 1.5)},
            {"u^-0.5", 1 / sqrt(u)},
            {"u^0.874", pow(u, n)},
            {"u^100", pow(u, 100)},
            {"u^v", pow(u, v)},
            {"2^u", pow(2, u)},
            {"pow(u, 3)", u * u * u},
            {"(u^2)^3", pow(u, 6)},
            {"u^a", pow(u, a)},
            {"exp(u)", exp(u)},
            {"log(u)", log(u)},
            {"sqrt(v)", sqrt(v)},
            {"sin(x)", sin(x)},
            {"cos(x)", cos(x)},
            {"tan(x)", tan(x)},
            {"sinh(u)", sinh(u)},
            {"cosh(u)", cosh(u)},
            {"tanh(u)", tanh(u)},
            {"erf(u)", erf(u)},
            {"atan(u)", atan(u)},
            {"log1p(u)", log1p(u)},
            {"log1p(1e-20)", 1e-20},
            {"abs(-u)", u},
            {"abs(x - y)", y - x},
            {"sign(x - y)", -1.0},
            {"sign(0)", 0.0},
            {"step(x - y)", 0.0},
            {"step(y - x)", 1.0},
            {"step(0)", 0.0},
            {"min(x, y)", x},
            {"max(x, y)", y},
            {"a*f", a * f},
            {"dx(f)", f_x},
            {"q", u * v_x},
            {"rho - 1", u * v_x * u * v_x},
            {"dx(x)", 1.0},
            {"dt(x)", 0.0},
            {"dx(3*x^2 + y)", 6 * x},
            {"dx(a)", 0.0},
            {"dt(f)", 0.0},
            {"lap(x^2*y^2)", 2 * y * y + 2 * x * x},
            {"dx(sin(u)*x)", cos(u) * 0.5 * u * x + sin(u)},
            {"dxy(u)", 0.5 * -0.2 * u},
            {"diff(u*t, t)", 0.3 * u * t + u},
            {"dt(dt(u))", 0.09 * u},
            {"dtt(u)", 0.09 * u},
            {"u - u", 0.0},
            {"u/u", 1.0},
            {"3*u - u - 2*u", 0.0},
            {"u - (v - u)", 2 * u - v},
            {"-(u - v)", v - u},
            {"2*(3*u)", 6 * u},
            {"(2*u)*(3*v)", 6 * u * v},
            {"u/4", u / 4},
            {"u/3", u / 3},
            {"-u/3", -u / 3},
            {"5*u/3", 5 * u / 3},
            {"(2*u)/(4*v)", u / v / 2},
            {"1/u", 1 / u},
            {"1e-200*(1e-200*(u*1e300))", 1e-100 * u},
            {"1e300*(1e300*(1e-300*u))", 1e300 * u},
            {"0*log(u)", 0.0},
            {"0/u", 0.0},
            {"u + 0", u},
            {"1*u", u},
            {"u - 0", u},
            {"0 - u", -u},
        };
        for (int i = 0; i < COUNT_OF(table); i++) {
            const double found = value_at(compile(table[i].text), here);
            ck_assert_msg(fabs(found - table[i].value) <= 1e-13 * fabs(table[i].value), "%s: %.17g, not %.17g",
                          table[i].text, found, table[i].value);
        }
    }
END_TEST

/* Expressions for properties that must hold for all of them. Smooth at the point of test, except the last five. */
static const char *const texts[] = {"u",
                                    "u*v",
                                    "u^3*v^2",
                                    "u/v",
                                    "1/(1 + u^2)",
                                    "u^1.5",
                                    "u^0.874",
                                    "u^-1.3",
                                    "(1 + v^2)^-0.126*u",
                                    "exp(-u^2)*v",
                                    "log(u + v)",
                                    "sqrt(1 + u*v)",
                                    "sin(u)*cos(v)",
                                    "tan(0.3*u)",
                                    "sinh(u) - cosh(v)",
                                    "tanh(u*v)",
                                    "erf(u - 0.2)",
                                    "atan(u/v)",
                                    "log1p(u*v)",
                                    "2^u",
                                    "u^v",
                                    "u*dx(u) + v*dy(u)",
                                    "dx(u)^2 + dy(u)^2",
                                    "dx((1 + u^2)*dx(u))",
                                    "dxx(dyy(u*v))",
                                    "dx(sin(u)*x)",
                                    "q + rho",
                                    "f*u^2 + a*dx(f)*v",
                                    "lap(u*f)*exp(-t)",
                                    "x*y*t*u",
                                    "(u + v + dx(u) + dy(v))^4",
                                    "dt(u + 2.4*sign(u)*(abs(u) + 1e-9)^n) - dx(D*dx(u))",
                                    "sin(x)*exp(y)",
                                    "pi",
                                    "min(u, 2*v)",
                                    "max(u, v)*u",
                                    "abs(u - 3*v)*v",
                                    "sign(u)*u^2",
                                    "step(v)*u^3"};

/* Differentiation by a coordinate against central differences, extrapolated once: error h^4. */
START_TEST(total_derivatives_follow_values)
    {
        static const char *const dim[3] = {"t", "x", "y"};
        for (int j = 0; j < 3; j++) {
            char text[512];
            (void)snprintf(text, sizeof text, "diff(%s, %s)", texts[_i], dim[j]);
            const pdm_function *f = compile(texts[_i]), *df = compile(text);
            double              slope[2];
            for (int k = 0; k < 2; k++) {
                const double h     = k ? 5e-4 : 1e-3;
                double       up[3] = {here[0], here[1], here[2]}, down[3] = {here[0], here[1], here[2]};
                up[j] += h;
                down[j] -= h;
                slope[k] = (value_at(f, up) - value_at(f, down)) / (2.0 * h);
            }
            const double expected = value_at(df, here), found = (4.0 * slope[1] - slope[0]) / 3.0;
            /* h^4 times fifth derivatives, and rounding eps/h */
            ck_assert_msg(fabs(found - expected) <= 1e-9 * (1.0 + fabs(expected) + fabs(value_at(f, here))),
                          "%s: %.15g, not %.15g", text, expected, found);
        }
    }
END_TEST

/* Taylor: |f(z+hd) - f - h f_a d_a| falls as h^2, with - h^2/2 f_ab d_a d_b as h^3. */
START_TEST(partials_follow_values)
    {
        const pdm_function *f = compile(texts[_i]);
        double              in[MANY], moved[MANY], direction[MANY], first[MANY], second[MANY], rest[2][2], value;
        double              slope = 0.0, curvature = 0.0;

        fill_inputs(f, here, in);
        run(f->value, in, &value);
        run(f->partial, in, first);
        run(f->second, in, second);
        ck_assert_int_eq(f->partial->n_output, 1 + f->n_atom);
        ck_assert_int_eq(f->second->n_output, f->n_second);
        ck_assert_double_eq(first[0], value);
        for (pdm_size a = 0; a < f->n_atom; a++) {
            direction[a] = pdm_random_normal((pdm_random_key){7, PDM_RANDOM_TEST, (uint64_t)_i}, (uint64_t)a);
            slope += first[1 + a] * direction[a];
        }
        for (pdm_size k = 0; k < f->n_second; k++) {
            const int32_t a = f->second_a[k], b = f->second_b[k];
            ck_assert(a <= b && b < f->n_atom && (k == 0 || a > f->second_a[k - 1] || b > f->second_b[k - 1]));
            curvature += second[k] * direction[a] * direction[b] * (a == b ? 1.0 : 2.0);
        }
        for (int k = 0; k < 2; k++) {
            const double h = k ? 1e-3 : 2e-3;
            double       there;
            memcpy(moved, in, sizeof moved);
            for (pdm_size a = 0; a < f->n_atom; a++) moved[a] += h * direction[a]; /* atoms come first */
            run(f->value, moved, &there);
            rest[0][k] = fabs(there - value - h * slope);
            rest[1][k] = fabs(there - value - h * slope - 0.5 * h * h * curvature);
        }
        for (int order = 2; order <= 3; order++) {
            const double *r     = rest[order - 2];
            const double  noise = 1e-13 * (1.0 + fabs(value)); /* where f is a polynomial of lower degree */
            ck_assert_msg(r[0] <= noise || fabs(log2(r[0] / r[1]) - order) < 0.2, "%s: order %d: rests %g, %g",
                          texts[_i], order, r[0], r[1]);
        }
    }
END_TEST

/* What is printed is read again as the same. */
START_TEST(print_is_read_again)
    {
        const pdm_function *f = compile(texts[_i]), *again = compile(f->text);
        ck_assert_str_eq(f->text, again->text);
        ck_assert_double_eq_tol(value_at(f, here), value_at(again, here), 1e-13 * (1.0 + fabs(value_at(f, here))));
    }
END_TEST

/* Registers are used again, but never an output's; each register that is read has been written. */
START_TEST(programs_are_in_order)
    {
        const pdm_function *f     = compile(texts[_i]);
        const pdm_program  *all[] = {f->value, f->partial, f->second};
        for (int k = 0; k < 3; k++) {
            const pdm_program *g = all[k];
            ck_assert_int_eq(g->n_input, f->n_input);
            for (pdm_size i = 0; i < g->n_instruction; i++) {
                const pdm_instruction *s     = &g->instruction[i];
                bool                   has_a = s->opcode <= PDM_OPCODE_INPUT, has_b = has_a;
                ck_assert(s->target >= 0 && s->target < g->n_register && s->a >= 0 && s->b >= 0);
                for (pdm_size j = 0; j < i; j++) {
                    has_a = has_a || g->instruction[j].target == s->a;
                    has_b = has_b || g->instruction[j].target == s->b;
                }
                ck_assert(has_a && has_b);
            }
            for (pdm_size o = 0; o < g->n_output; o++)
                for (pdm_size q = 0; q < g->n_output; q++) ck_assert(g->output[o] >= 0 && g->output[o] < g->n_register);
        }
    }
END_TEST

/* ---- powers ------------------------------------------------------------------------------------------------------- */

static int count(const pdm_program *g, pdm_opcode opcode)
{
    int n = 0;
    for (pdm_size i = 0; i < g->n_instruction; i++) n += g->instruction[i].opcode == (int32_t)opcode;
    return n;
}

static const struct {
    const char *text;
    int         n_pow[3];
} pow_counts[] = {
    {"sign(u)*(abs(u) + 1e-9)^0.874", {1, 1, 1}},
    {"dx(sign(u)*(abs(u) + 1e-9)^0.874)",
     {1, 1, 1}}, /* f' and f'' of the power in one program, f'' and f''' in the next */
    {"(abs(u) + 1e-9)^0.874 + dx((abs(u) + 1e-9)^0.874) + dxx((abs(u) + 1e-9)^0.874)", {1, 1, 1}},
    {"u^5 + v^-2", {0, 0, 0}},
    {"u^2.5", {0, 0, 0}},
    {"u^0.874", {1, 2, 1}}, /* u^0.874 and u^-0.126 of any u: apart, for u = 0 */
    {"u^1.874", {1, 1, 1}},
    {"2^u", {1, 1, 1}},
};

START_TEST(powers_are_shared)
    {
        const pdm_function *f = compile(pow_counts[_i].text);
        ck_assert_int_eq(count(f->value, PDM_OPCODE_POW), pow_counts[_i].n_pow[0]);
        ck_assert_int_eq(count(f->partial, PDM_OPCODE_POW), pow_counts[_i].n_pow[1]);
        ck_assert_int_eq(count(f->second, PDM_OPCODE_POW), pow_counts[_i].n_pow[2]);
    }
END_TEST

/* At zero, and for negative numbers, powers and their derivatives are what C's pow says. */
START_TEST(powers_at_zero_and_below)
    {
        static const double exponent[] = {3, -2, 0.874, 1.874, 2.874, -0.126, -1.3, 2.5, 1.5, -0.5},
                            at[]       = {0.0, -0.7, 1e-300, 1e200, 2.0};
        for (int e = 0; e < COUNT_OF(exponent); e++)
            for (int i = 0; i < COUNT_OF(at); i++) {
                const double n           = exponent[e],
                             expected[3] = {pow(at[i], n), n * pow(at[i], n - 1), n * (n - 1) * pow(at[i], n - 2)};
                char   text[64];
                double out[2], second;
                (void)snprintf(text, sizeof text, "u^%g", n);
                const pdm_function *f = compile(text);
                run(f->partial, &at[i], out);
                run(f->second, &at[i], &second);
                const double found[3] = {out[0], out[1], second};
                for (int k = 0; k < 3; k++)
                    ck_assert_msg((isnan(found[k]) && isnan(expected[k])) || found[k] == expected[k] ||
                                      fabs(found[k] - expected[k]) <= 2e-13 * fabs(expected[k]),
                                  "derivative %d of u^%g at %g: %.17g, not %.17g", k, n, at[i], found[k], expected[k]);
            }
    }
END_TEST

/* The slope of sign(u) g(|u|) is g' at u = 0 as well. */
START_TEST(odd_power_has_a_slope_at_zero)
    {
        const pdm_function *f    = compile("2.4*sign(u)*(abs(u) + 1e-9)^0.874");
        const double        zero = 0.0;
        double              out[2];
        run(f->partial, &zero, out);
        ck_assert_double_eq(out[0], 0.0);
        ck_assert_double_eq_tol(out[1], 2.4 * 0.874 * pow(1e-9, -0.126), 1e-10);
    }
END_TEST

/* Instructions of the second partials of n squarings in each other, of a residual with their derivatives. */
static pdm_size size_of_tower(int n)
{
    char text[64], name[16];
    ck_assert_int_eq(set("pde/definitions", "s0", "sin(u)"), PDM_OK);
    for (int i = 1; i <= n; i++) {
        (void)snprintf(name, sizeof name, "s%d", i);
        (void)snprintf(text, sizeof text, "s%d*cos(s%d) + s%d/7", i - 1, i - 1, i - 1);
        ck_assert_int_eq(set("pde/definitions", name, text), PDM_OK);
    }
    (void)snprintf(text, sizeof text, "dt(u) - s%d + dx(s%d)", n, n);
    ck_assert_int_eq(set("pde/residuals", "u", text), PDM_OK);
    ck_assert_msg(pdm_pde_create(ctx, c, &p) == PDM_OK, "%s", pdm_context_error(ctx));
    const pdm_size size = pdm_pde_strong(p, 0)->second->n_instruction;
    pdm_pde_destroy(&p);
    return size;
}

/* Subexpressions are there once: programs grow with the text, not with its expansion, which has 3^n parts. */
START_TEST(shared_parts_do_not_blow_up)
    {
        const pdm_size small = size_of_tower(20), large = size_of_tower(40);
        ck_assert_msg(small < 60 * 20 * 3 && large <= 2 * small + 100, "%lld, %lld instructions", (long long)small,
                      (long long)large);
    }
END_TEST

/* ---- splitting ----------------------------------------------------------------------------------------------------- */

static const struct {
    const char *residual, *flux[3], *source;
} splits[] = {
    {"dt(u) - dx(D*dx(u))", {"u", "-0.3*dx(u)", NULL}, NULL},
    {"dt(u) - D*dxx(u) + u^3", {"u", "-0.3*dx(u)", NULL}, "u^3"},
    {"dt(u + v) + dx(u^2/2) - dx(0.1*dx(u)) - dy(v)", {"u + v", "0.5*u^2 - 0.1*dx(u)", "-v"}, NULL},
    {"dt(u) + u*dx(u)", {"u", NULL, NULL}, "u*dx(u)"},
    {"dt(u) - a*dxx(u)", {"u", NULL, NULL}, "-a*dxx(u)"},
    {"dt(u) - x*dxx(u)", {"u", NULL, NULL}, "-x*dxx(u)"},
    {"-lap(u) - f*a", {NULL, "-dx(u)", "-dy(u)"}, "-a*f"},
    {"2*(dt(u) - 3*(dx(v)/3 - u)) - (-dx(u))", {"2*u", "u - 2*v", NULL}, "6*u"},
    {"dt(dt(u)) - dxx(u)", {"dt(u)", "-dx(u)", NULL}, NULL},
    {"dtt(u) - dxy(u)", {"dt(u)", "-dy(u)", NULL}, NULL},
    {"dt(u) + dx(q)", {"u", "u*dx(v)", NULL}, NULL},
    {"dt(u) + dx(u) - dx(u) - sin(x)", {"u", NULL, NULL}, "-sin(x)"},
    {"diff(u, t) + dx(f*u) + pi", {"u", "u*f", NULL}, "3.141592653589793"},
    {"v*dx(u) + dx(u)", {NULL, "u", NULL}, "v*dx(u)"},
    {"exp(u)*dt(u) + dt(x*u)", {"x*u", NULL, NULL}, "exp(u)*dt(u)"},
    {"dx(x^2) + u", {NULL, "x^2", NULL}, "u"},
};

static const char *term_text(int32_t dim)
{
    for (pdm_size i = 0; i < pdm_pde_n_term(p); i++)
        if (pdm_pde_term(p, i)->equation == 0 && pdm_pde_term(p, i)->dim == dim)
            return pdm_pde_term(p, i)->function->text;
    return NULL;
}

START_TEST(residuals_are_split)
    {
        static const char *const dim[3] = {"t", "x", "y"};
        double                   sum    = 0.0;
        ck_assert_int_eq(set("pde/residuals", "u", splits[_i].residual), PDM_OK);
        ck_assert_int_eq(set("pde/residuals", "v", "lap(v) - u - dt(u)"),
                         PDM_OK); /* u has an order in time in any case */
        if (strstr(splits[_i].residual, "dt(dt") || strstr(splits[_i].residual, "dtt"))
            ck_assert_int_eq(set("pde/initial", "u_t", "0"), PDM_OK);
        if (strstr(splits[_i].residual, "u + v)")) ck_assert_int_eq(set("pde/initial", "v", "0"), PDM_OK);
        ck_assert_msg(pdm_pde_create(ctx, c, &p) == PDM_OK, "%s", pdm_context_error(ctx));
        for (int j = 0; j < 3; j++) {
            char        text[256];
            const char *found = term_text(j);
            ck_assert_pstr_eq(found, splits[_i].flux[j]);
            if (!found) continue;
            (void)snprintf(text, sizeof text, "diff(%s, %s)", found, dim[j]);
            sum += value_at(compile(text), here);
        }
        ck_assert_pstr_eq(term_text(-1), splits[_i].source);
        if (term_text(-1)) sum += value_at(compile(term_text(-1)), here);
        const double strong = value_at(pdm_pde_strong(p, 0), here);
        ck_assert_double_eq_tol(sum, strong, 1e-13 * (1.0 + fabs(strong)));
    }
END_TEST

/* Summands of a term add up to it; where there would be too many, the term stays whole. */
START_TEST(terms_are_taken_apart)
    {
        static const char *const text[] = {"2*sin(u)", "-2*(1 - u)^2", "0.25*v*dx(u)", "-3*f"};
        const pdm_function      *part[4];
        pdm_size                 n = 0, source = -1;
        double                   sum = 0.0;
        ck_assert_int_eq(set("pde/residuals", "u", "dt(u) - lap(u) + 2*(sin(u) - (1 - u)^2) - (3*f - dx(u)*v/4)"),
                         PDM_OK);
        ck_assert_msg(pdm_pde_create(ctx, c, &p) == PDM_OK, "%s", pdm_context_error(ctx));
        for (pdm_size i = 0; i < pdm_pde_n_term(p); i++)
            if (pdm_pde_term(p, i)->equation == 0 && pdm_pde_term(p, i)->dim < 0) source = i;
        ck_assert_int_ge(source, 0);
        ck_assert_int_eq(pdm_pde_summands(p, source, 4, &n, part), PDM_OK);
        ck_assert_int_eq(n, 4);
        for (pdm_size i = 0; i < n; i++) {
            ck_assert_str_eq(part[i]->text, text[i]);
            sum += value_at(part[i], here);
        }
        ck_assert_double_eq_tol(sum, value_at(pdm_pde_term(p, source)->function, here), 1e-13 * (1.0 + fabs(sum)));
        ck_assert_int_eq(pdm_pde_summands(p, source, 3, &n, part), PDM_OK);
        ck_assert_int_eq(n, 1);
        ck_assert_ptr_eq(part[0], pdm_pde_term(p, source)->function);
        pdm_status status = PDM_ERR_MEMORY;
        for (pdm_size k = 1; status == PDM_ERR_MEMORY; k++) {
            pdm_context_fail_allocation(ctx, k);
            status = pdm_pde_summands(p, source, 4, &n, part);
            pdm_context_fail_allocation(ctx, 0);
        }
        ck_assert_int_eq(status, PDM_OK);
        ck_assert_int_eq(n, 4);
    }
END_TEST

START_TEST(orders_and_inputs_are_known)
    {
        ck_assert_int_eq(set("pde/residuals", "u", "dt(u) + dxx(dxx(u)) - dx(dy(v)) - f*a"), PDM_OK);
        ck_assert_msg(pdm_pde_create(ctx, c, &p) == PDM_OK, "%s", pdm_context_error(ctx));
        static const pdm_size order[2][3] = {{1, 4, 0}, {0, 2, 2}};
        for (pdm_size f = 0; f < 2; f++)
            for (pdm_size j = 0; j < 3; j++) ck_assert_int_eq(pdm_pde_order(p, f, j), order[f][j]);
        ck_assert(pdm_pde_has_time(p));
        ck_assert_int_eq(pdm_pde_n_dim(p), 3);
        ck_assert_str_eq(pdm_pde_dim_name(p, 2), "y");
        ck_assert_int_eq(pdm_pde_n_input(p), 2);
        ck_assert_int_eq(pdm_pde_n_scalar(p), 1);
        ck_assert_str_eq(pdm_pde_input(p, 0)->name, "a");
        ck_assert_int_eq(pdm_pde_input(p, 0)->scalar, 0);
        ck_assert_int_eq(pdm_pde_input(p, 1)->scalar, -1);
        ck_assert_int_eq(pdm_pde_input(p, 1)->n_dim, 2);
        ck_assert_int_eq(pdm_pde_input(p, 1)->dim[1], 2);
        ck_assert_str_eq(pdm_pde_field_units(p, 0), "");
        ck_assert_int_eq(pdm_pde_n_initial(p), 1);
        ck_assert(!compile("a*x")->uses_time && !compile("a*x")->is_constant && compile("t + u")->uses_time &&
                  compile("D*pi")->is_constant);
    }
END_TEST

START_TEST(conditions_are_understood)
    {
        static const struct {
            pdm_condition_kind kind;
            int32_t            dim, side, field;
            const char        *text;
            pdm_size           offset;
        } expected[] = {
            {PDM_CONDITION_DIRICHLET, 1, 0, 0, "0.3*a", 0},         {PDM_CONDITION_FLUX, 1, 0, 1, "-2*u", 9},
            {PDM_CONDITION_GENERAL, 1, 1, 0, "u + dx(u) - y*a", 0}, {PDM_CONDITION_FREE, 1, 1, 1, NULL, 21},
            {PDM_CONDITION_GENERAL, 2, 0, 0, "2*u - 1", 0},         {PDM_CONDITION_GENERAL, 2, 0, 0, "u - v", 9},
            {PDM_CONDITION_DIRICHLET, 2, 1, 1, "1 - exp(-t)", 0},
        };
        ck_assert_int_eq(set("pde/boundary", "x_min", "u = a*D; flux(v) = -2*u"), PDM_OK);
        ck_assert_int_eq(set("pde/boundary", "x_max", "u + dx(u) = a*y ;\n   v free ;\n "), PDM_OK);
        ck_assert_int_eq(set("pde/boundary", "y_min", "2*u = 1; (u) = v"), PDM_OK);
        ck_assert_int_eq(set("pde/boundary", "y_max", "v = 1 - exp(-t)"), PDM_OK);
        ck_assert_int_eq(set("pde/boundary", "comment", "words = for people"), PDM_OK);
        ck_assert_msg(pdm_pde_create(ctx, c, &p) == PDM_OK, "%s", pdm_context_error(ctx));
        pdm_case_destroy(&c); /* the pde needs it no more */
        ck_assert_int_eq(pdm_pde_n_condition(p), COUNT_OF(expected));
        for (int i = 0; i < COUNT_OF(expected); i++) {
            const pdm_condition *k = pdm_pde_condition(p, i);
            ck_assert_int_eq(k->kind, expected[i].kind);
            ck_assert_int_eq(k->dim, expected[i].dim);
            ck_assert_int_eq(k->side, expected[i].side);
            ck_assert_int_eq(k->field, expected[i].field);
            ck_assert_pstr_eq(k->function ? k->function->text : NULL, expected[i].text);
            ck_assert_int_eq(k->where.offset, expected[i].offset);
            ck_assert_str_eq(k->where.group, "pde/boundary");
        }
    }
END_TEST

START_TEST(view_shows_what_was_understood)
    {
        pdm_text text = {.ctx = ctx};
        ck_assert_int_eq(set("pde/residuals", "u", "dt(u + v^2) - dx(D*dx(u)) - a*u"), PDM_OK);
        ck_assert_int_eq(set("pde/initial", "v", "sin(pi*x)"), PDM_OK);
        ck_assert_int_eq(set("pde/boundary", "x_min", "u = 1; v free"), PDM_OK);
        ck_assert_int_eq(set("pde/boundary", "x_max", "flux(u) = 0; v + dx(v) = a"), PDM_OK);
        ck_assert_int_eq(
            set("pde/boundary", "y_min", "u = a where 1 > x>= D; u free where 2*D < t<=3 and x <1 and x > 0"), PDM_OK);
        ck_assert_int_eq(set("pde/constraints", "amount", "integral(u - dx(v)) = a*t"), PDM_OK);
        ck_assert_msg(pdm_pde_create(ctx, c, &p) == PDM_OK, "%s", pdm_context_error(ctx));
        ck_assert_int_eq(pdm_pde_view(p, &text), PDM_OK);
        ck_assert_str_eq(text.data, "equation     u: dt( u + v^2 ) + dx( -0.3*dx(u) ) + [ -u*a ] = 0\n"
                                    "equation     v: dx( dx(v) ) + dy( dy(v) ) + [ -u ] = 0\n"
                                    "initial      u = a\n"
                                    "initial      v = sin(3.141592653589793*x)\n"
                                    "at x_min     u = 1\n"
                                    "at x_min     v free\n"
                                    "at x_max     flux(u) = 0\n"
                                    "at x_max     v + dx(v) - a = 0\n"
                                    "at y_min     u = a where 0.3 <= x < 1\n"
                                    "at y_min     u free where 0.6 < t <= 3 and 0 < x < 1\n"
                                    "constraint   amount: integral( u - dx(v) ) = t*a\n");
        pdm_text_destroy(&text);
    }
END_TEST

/* ---- messages ------------------------------------------------------------------------------------------------------ */

/* Byte of the caret in the last line of the message, -1: no caret. */
static int caret(const char *message)
{
    const char *last = strrchr(message, '\n');
    if (!last || strspn(last + 1, " ") + 2 != strlen(last) || last[strlen(last) - 1] != '^') return -1;
    return (int)strlen(last) - 2 - 4;
}

static const struct {
    const char *text;
    int         offset;
    const char *words;
} bad_expressions[] = {
    {"u + w", 4, "unknown name \"w\"; the fields are: u, v; the inputs are: a, f; the parameters are: D, E, n"},
    {"dt(u) - rh0*u", 8, "did you mean \"rho\"?"},
    {"1 + sqr(u)", 4, "unknown function \"sqr\"; did you mean \"sqrt\"?"},
    {"wurzel(u)", 0, "unknown function \"wurzel\"; the functions are: exp, log"},
    {"(u + v", 0, "this parenthesis is not closed"},
    {"sin(u", 3, "this parenthesis is not closed"},
    {"u + v)", 5, "\")\" without \"(\""},
    {"sin()", 0, "sin takes 1 argument, not 0"},
    {"sin(u, v)", 0, "sin takes 1 argument, not 2"},
    {"2*min(u)", 2, "min takes 2 arguments, not 1"},
    {"max(u, v, a)", 0, "max takes 2 arguments, not 3"},
    {"dx(u, v)", 0, "dx takes 1 argument, not 2"},
    {"", 0, "the expression is empty"},
    {"   ", 0, "the expression is empty"},
    {"u v", 2, "unexpected \"v\"; an operator or the end expected"},
    {"2u", 1, "unexpected \"u\"; an operator or the end expected"},
    {"u +", 3, "the expression ends here"},
    {"u + * v", 4, "unexpected \"*\"; a number, a name or \"(\" expected"},
    {"u**2", 2, "a power is written with ^, not **"},
    {"u = v", 2, "unexpected \"=\"; an expression that is zero expected"},
    {"u; v", 1, "unexpected \";\""},
    {"u ? v", 2, "'?' has no meaning"},
    {"u + \xc3\xa9", 4, "byte 0xc3 has no meaning"},
    {"dz(u)", 1, "no dimension \"z\" to differentiate by; the dimensions are: t, x, y"},
    {"dxz(u)", 2, "no dimension \"z\""},
    {"diff(u, z)", 8, "no dimension \"z\" to differentiate by; the dimensions are: t, x, y"},
    {"diff(u, 2)", 8, "the name of a dimension expected"},
    {"diff(u)", 0, "diff takes 2 arguments, not 1"},
    {"u(x)", 0, "\"u\" is no function; a product is written with *"},
    {"sin + 1", 0, "\"sin\" is a function; its arguments in parentheses expected"},
    {"lap", 0, "\"lap\" is a function"},
    {"1 + flux(u)", 4, "flux(FIELD) can only stand alone"},
    {"u/0", 2, "division by zero"},
    {"1e999", 0, "not a number that a double can hold"},
    {"dxx(dyy(dtt(dxy(dx(u)))))", 0, "more than 8 derivatives in each other"},
    {"1e300*1e300", 0, "is not finite"},
    {"log(0)", 0, "is not finite"},
};

START_TEST(bad_expression_is_refused_with_a_caret)
    {
        const pdm_function *f     = NULL;
        const pdm_where     where = {.file = "a.nc", .group = "pde/residuals", .attribute = "u", .offset = -1};
        const char         *begin = "a.nc: /pde/residuals:u: ";
        ck_assert_int_eq(pdm_pde_compile(p, bad_expressions[_i].text, where, true, &f), PDM_ERR_CASE);
        ck_assert_ptr_null(f);
        const char *message = pdm_context_error(ctx);
        ck_assert_msg(strstr(message, bad_expressions[_i].words) && strncmp(message, begin, strlen(begin)) == 0, "%s",
                      message);
        ck_assert_msg(caret(message) == bad_expressions[_i].offset, "caret %d\n%s", caret(message), message);
        ck_assert_double_eq(value_at(compile("D*2"), here), 0.6); /* it goes on */
    }
END_TEST

START_TEST(nesting_and_length_have_limits)
    {
        static const struct {
            const char *open, *close;
            int         n;
            pdm_status  status;
            int         offset;
        } table[] = {
            {"(", ")", 200, PDM_OK, 0},
            {"(", ")", 201, PDM_ERR_CASE, 200},
            {"-", "", 201, PDM_ERR_CASE, 200},
            {"sin(", ")", 200, PDM_OK, 0},
            {"sin(", ")", 20000, PDM_ERR_CASE, 0},
            {"u^", "", 200, PDM_OK, 0},
            {"u^", "", 20000, PDM_ERR_CASE, 0},
            {"u+", "", 8000, PDM_OK, 0},
            {"u*v-", "", 2000, PDM_OK, 0},
            {"u+", "", 40000, PDM_ERR_CASE, 0},
            {"u*x/", "", 1000, PDM_OK, 0},
            {"(", "", 30000, PDM_ERR_CASE, 200},
        };
        for (int i = 0; i < COUNT_OF(table); i++) {
            pdm_text            text = {.ctx = ctx};
            const pdm_function *f    = NULL;
            for (int k = 0; k < table[i].n; k++) ck_assert_int_eq(pdm_text_append(&text, "%s", table[i].open), PDM_OK);
            ck_assert_int_eq(pdm_text_append(&text, "v"), PDM_OK);
            for (int k = 0; k < table[i].n; k++) ck_assert_int_eq(pdm_text_append(&text, "%s", table[i].close), PDM_OK);
            const pdm_status status = pdm_pde_compile(p, text.data, (pdm_where){.offset = -1}, true, &f);
            ck_assert_msg(status == table[i].status, "%s x %d: %s", table[i].open, table[i].n, pdm_context_error(ctx));
            if (status != PDM_OK)
                ck_assert_msg(strstr(pdm_context_error(ctx), "nested more than 200 deep") ||
                                  strstr(pdm_context_error(ctx), "at most 65536 expected"),
                              "%s", pdm_context_error(ctx));
            pdm_text_destroy(&text);
        }
    }
END_TEST

/* Eight derivatives of a tower of functions are too many parts: refused, and the pde is as it was. */
START_TEST(size_has_a_limit)
    {
        pdm_text            text = {.ctx = ctx};
        const pdm_function *f    = NULL;
        ck_assert_int_eq(pdm_text_append(&text, "dxxxxyyyy("), PDM_OK);
        for (int k = 0; k < 60; k++) ck_assert_int_eq(pdm_text_append(&text, "sin(u*v + "), PDM_OK);
        ck_assert_int_eq(pdm_text_append(&text, "x"), PDM_OK);
        for (int k = 0; k <= 60; k++) ck_assert_int_eq(pdm_text_append(&text, ")"), PDM_OK);
        ck_assert_int_eq(pdm_pde_compile(p, text.data, (pdm_where){.offset = -1}, true, &f), PDM_ERR_CASE);
        ck_assert_msg(strstr(pdm_context_error(ctx), "too large"), "%s", pdm_context_error(ctx));
        ck_assert_double_eq(value_at(compile("D*2"), here), 0.6);
        pdm_text_destroy(&text);
    }
END_TEST

/* group NULL: the setting above is all there is. offset -1: no caret. */
static const struct {
    setting     set[3];
    int         offset;
    const char *words[2];
} bad_cases[] = {
    {{{"pde/residuals", "u", "dt(u) - lap(w)"}},
     12,
     {"(case): /pde/residuals:u: unknown name \"w\"", "the fields are: u, v"}},
    {{{"pde/residuals", "w", "dt(u)"}}, -1, {"/pde/residuals:w: no field of this name", "u, v"}},
    {{{"pde", "fields", "u v w"}}, -1, {"2 residuals for 3 fields (u, v, w); none for \"w\"", NULL}},
    {{{"pde", "fields", "u v u"}}, 4, {"/pde:fields: \"u\" is named twice", NULL}},
    {{{"pde", "fields", "u v;"}}, 3, {"names separated by blanks or commas expected", NULL}},
    {{{"pde", "fields", ""}}, -1, {"no field", NULL}},
    {{{"pde", "fields", "u 2v"}}, 2, {"\"2v\" cannot be the name of a field", NULL}},
    {{{"pde", "fields", "u v D"}},
     -1,
     {"/pde/parameters:D: \"D\" is a field already and cannot be a parameter too", NULL}},
    {{{"pde", "fields", "u v x"}}, 4, {"\"x\" is a dimension already and cannot be a field too", NULL}},
    {{{"pde", "fields", "u v sin"}}, 4, {"\"sin\" is a function already", NULL}},
    {{{"pde", "fields", "u v pi"}}, 4, {"\"pi\" is the number pi already", NULL}},
    {{{"pde", "fields", "u v dxy"}}, 4, {"\"dxy\" is a derivative already", NULL}},
    {{{"pde", "fields", "u v solver_reason"}}, 4, {"\"solver_reason\" is a name of pdemoe's own outputs", NULL}},
    {{{"pde", "fields", "u v error_estimate"}}, 4, {"\"error_estimate\" is a name of pdemoe's own outputs", "a field"}},
    {{{"pde", "fields", "u v error_estimate_u"}}, 4, {"\"error_estimate_u\" is a name of pdemoe's own outputs", NULL}},
    {{{"pde", "fields", "u v comment"}}, 4, {"\"comment\" is a word that every group may have", NULL}},
    {{{"domain", "dimensions", "t x y expert"}}, 6, {"\"expert\" is a name of pdemoe's own outputs", "a dimension"}},
    {{{"inputs/sample", "dimensions", ""}},
     -1,
     {"/inputs/sample: \"sample\" is a name of pdemoe's own outputs", "an input"}},
    {{{"inputs/description", "dimensions", ""}}, -1, {"\"description\" is a word that every group may have", NULL}},
    {{{"pde/parameters", "comment", "0.1"}, {"pde/residuals", "u", "dt(u) - comment*lap(u)"}},
     8,
     {"\"comment\" is a word that every group may have as a remark", "no name of a parameter"}},
    {{{"pde/definitions", "a", "u"}}, -1, {"\"a\" is an input already", NULL}},
    {{{"inputs/D", "dimensions", ""}}, -1, {"\"D\" is an input already and cannot be a parameter too", NULL}},
    {{{"inputs/g", "dimensions", "x z"}},
     2,
     {"/inputs/g:dimensions: unknown dimension \"z\"; the dimensions are: t, x, y", NULL}},
    {{{"inputs/g", "dimensions", "x x"}}, 2, {"dimension \"x\" is named twice", NULL}},
    {{{"domain", "dimensions", "x t"}}, 2, {"\"t\" is time and must come first", NULL}},
    {{{"domain", "dimensions", "t x y z w"}}, 8, {"at most 4 expected", NULL}},
    {{{"domain", "dimensions", ""}}, -1, {"no dimension", NULL}},
    {{{"pde/parameters", "k", "2*x"}},
     2,
     {"/pde/parameters:k: \"x\" is a dimension; a parameter may use numbers", NULL}},
    {{{"pde/parameters", "k", "1/(n - n)"}}, 2, {"division by zero", NULL}},
    {{{"pde/parameters", "k", "log(-1)"}}, 0, {"not finite", NULL}},
    {{{"pde/parameters", "k", "2*l"}, {"pde/parameters", "l", "1"}}, 2, {"\"l\" is used before it is defined", NULL}},
    {{{"pde/parameters", "k", "dx(1)"}}, 0, {"a derivative in a parameter", NULL}},
    {{{"pde/definitions", "b", "u + s"}, {"pde/definitions", "s", "b"}},
     4,
     {"/pde/definitions:b: \"s\" is used before it is defined", NULL}},
    {{{"pde/definitions", "b", "u + b"}}, 4, {"\"b\" is used before it is defined", NULL}},
    {{{"pde/residuals", "u", "dt(u) = lap(u)"}}, 6, {"an expression that is zero expected", NULL}},
    {{{"pde/residuals", "u", "a*x"}}, 0, {"no field is left in this equation", NULL}},
    {{{"pde/residuals", "u", "u - u + x"}}, 0, {"no field is left in this equation", NULL}},
    {{{"pde/residuals", "v", "lap(u) + dt(u)"}}, -1, {"field \"v\" is in no equation", NULL}},
    {{{"pde/residuals", "u", "dtt(dt(u))"}}, -1, {"field \"u\" is of order 3 in time; at most 2 expected", NULL}},
    {{{"pde/residuals", "u", "dtt(u) - lap(u)"}},
     -1,
     {"/pde/initial: field \"u\" is of order 2 in time: 2 initial conditions expected, 1 given; \"u_t\"", NULL}},
    {{{"pde/residuals", "v", "dt(v) - u"}},
     -1,
     {"field \"v\" is of order 1 in time: 1 initial condition expected, 0 given; \"v\" is missing", NULL}},
    {{{"pde/initial", "u_t", "0"}},
     -1,
     {"/pde/initial:u_t: field \"u\" is of order 1 in time: one initial condition expected", NULL}},
    {{{"pde/initial", "v", "0"}},
     -1,
     {"/pde/initial:v: field \"v\" is of order 0 in time: no initial condition expected", NULL}},
    {{{"pde/initial", "w", "0"}}, -1, {"/pde/initial:w: no field of this name", "u, v"}},
    {{{"pde/initial", "u", "2*v"}},
     2,
     {"\"v\" is a field; an expression of coordinates, parameters and inputs expected", NULL}},
    {{{"pde/initial", "u", "x*rho"}}, 2, {"\"rho\" contains a field", NULL}},
    {{{"pde/boundary", "z_min", "u = 0"}},
     -1,
     {"/pde/boundary:z_min: no such side; the sides are: x_min, x_max, y_min, y_max", NULL}},
    {{{"pde/boundary", "t_min", "u = 0"}},
     -1,
     {"time has no sides; initial conditions are expected in /pde/initial", NULL}},
    {{{"pde/boundary", "x_min", "u = 1; v = 2*u"}}, 13, {"\"u\" is a field", NULL}},
    {{{"pde/boundary", "x_min", "u = 1; w free"}}, 7, {"unknown field \"w\"; the fields are: u, v", NULL}},
    {{{"pde/boundary", "x_min", "u = 1; v fre"}}, 9, {"unexpected \"fre\"; \"= expr\" or \"free\" expected", NULL}},
    {{{"pde/boundary", "x_min", "flux(w) = 1"}}, 5, {"unknown field \"w\"", NULL}},
    {{{"pde/boundary", "x_min", "flux(u + v) = 1"}}, 7, {"\")\" expected: flux(FIELD)", NULL}},
    {{{"pde/boundary", "x_min", "u + dx(u)"}}, 9, {"\"=\" expected: conditions are", NULL}},
    {{{"pde/boundary", "x_min", "u = 1 = 2"}}, 6, {"a second \"=\"", NULL}},
    {{{"pde/boundary", "x_min", "a = 1"}}, 0, {"no field in this condition", NULL}},
    {{{"pde/boundary", "x_min", "u = 1;; v = 2"}}, 6, {"the expression is empty", NULL}},
    {{{"pde/boundary", "x_min", ""}}, 0, {"the expression is empty", NULL}},
    {{{"pde/boundary", "x_min", "u = 1) "}}, 5, {"\")\" without \"(\"", NULL}},
    {{{"pde/boundary", "x_min", "u = 1; (v = 2"}}, 7, {"this parenthesis is not closed", NULL}},
    {{{"pde/units", "q", "m"}}, -1, {"\"q\" is a definition", NULL}},
    {{{"pde/units", "a", "m"}}, -1, {"/inputs/a:units", NULL}},
    {{{"pde/units", "uu", "m"}}, -1, {"/pde/units:uu: unknown name", "did you mean \"u\"?"}},
    {{{"pde/units", "u", "mm s-"}}, 0, {"/pde/units:u: \"mm s-\" is not a unit", NULL}},
};

START_TEST(bad_case_is_refused_with_words)
    {
        for (int k = 0; k < 3 && bad_cases[_i].set[k].group; k++)
            ck_assert_int_eq(set(bad_cases[_i].set[k].group, bad_cases[_i].set[k].name, bad_cases[_i].set[k].value),
                             PDM_OK);
        ck_assert_int_eq(pdm_pde_create(ctx, c, &p), PDM_ERR_CASE);
        ck_assert_ptr_null(p);
        const char *message = pdm_context_error(ctx);
        for (int k = 0; k < 2 && bad_cases[_i].words[k]; k++)
            ck_assert_msg(strstr(message, bad_cases[_i].words[k]) != NULL, "%s", message);
        ck_assert_msg(caret(message) == bad_cases[_i].offset, "caret %d\n%s", caret(message), message);
    }
END_TEST

START_TEST(case_without_time_has_no_initial_state)
    {
        ck_assert_int_eq(set("domain", "dimensions", "x y"), PDM_OK);
        ck_assert_int_eq(set("pde/residuals", "u", "lap(u) - v"), PDM_OK);
        ck_assert_int_eq(pdm_pde_create(ctx, c, &p), PDM_ERR_CASE);
        ck_assert_msg(strstr(pdm_context_error(ctx), "an initial condition, but there is no dimension \"t\""), "%s",
                      pdm_context_error(ctx));
    }
END_TEST

/* What is read is known as read; what nobody reads is told. */
START_TEST(all_of_the_case_is_read)
    {
        ck_assert_int_eq(set("pde/residuals", "comment", "words"), PDM_OK);
        ck_assert_msg(pdm_pde_create(ctx, c, &p) == PDM_OK, "%s", pdm_context_error(ctx));
        ck_assert_msg(pdm_case_check_unread(c) == PDM_OK, "%s", pdm_context_error(ctx));
    }
END_TEST

/* The offset of a part of a longer text, and a limit on what it may mention. */
START_TEST(part_of_a_text_is_compiled_in_place)
    {
        const pdm_function *f    = NULL;
        const char         *text = "error of: u - w";
        const pdm_where where = {.file = "a.nc", .group = "output", .attribute = "error", .text = text, .offset = 10};
        ck_assert_int_eq(pdm_pde_compile(p, text + 10, where, true, &f), PDM_ERR_CASE);
        ck_assert_int_eq(caret(pdm_context_error(ctx)), 14);
        ck_assert_int_eq(pdm_pde_compile(p, "a*x + u", where, false, &f), PDM_ERR_CASE);
        ck_assert_int_eq(caret(pdm_context_error(ctx)), 6);
        ck_assert_int_eq(pdm_pde_compile(p, "a*x*t", where, false, &f), PDM_OK);
        ck_assert_int_eq(f->n_atom, 0);
        ck_assert_int_eq(f->n_second, 0);
    }
END_TEST

/* ---- units --------------------------------------------------------------------------------------------------------- */

static const setting with_units[] = {
    {"domain", "dimensions", "t x"},
    {"pde", "fields", "u"},
    {"pde/parameters", "D", "5e-4"},
    {"pde/parameters", "L", "2"},
    {"pde/parameters", "rate", "D/L^2"},
    {"pde/definitions", "s", "rate*u"},
    {"pde/residuals", "u", "dt(u) - dx(D*dx(u)) + s"},
    {"pde/initial", "u", "a"},
    {"inputs/a", "units", "kg m-3"},
    {"pde/units", "t", "s"},
    {"pde/units", "x", "m"},
    {"pde/units", "u", "kg m-3"},
    {"pde/units", "D", "m2 s-1"},
    {"pde/units", "L", "m"},
};

/* words NULL: units agree. */
static const struct {
    setting     set;
    int         offset;
    const char *words;
} unit_cases[] = {
    {{"pde", "comment", ""}, 0, NULL},
    {{"pde/units", "rate", "s-1"}, 0, NULL},
    {{"pde/units", "rate", "m"}, 0, "the expression is in \"Hz\", the parameter in \"m\""},
    {{"pde/residuals", "u", "dt(u) + u"},
     6,
     "\"+\" of a quantity in \"m-3.kg.s-1\" and one in \"m-3.kg\"; the same unit expected"},
    {{"pde/residuals", "u", "dt(u) - lap(u)"}, 6, "\"-\" of a quantity"},
    {{"pde/residuals", "u", "dt(u) - dx(D*dx(u)) + 0"}, 0, NULL},
    {{"pde/residuals", "u", "dt(u) - dx(D*dx(u)) + 1"}, 20, "and one in \"1\""},
    {{"pde/residuals", "u", "dt(u + (abs(u) + 1e-9)^0.874)"}, 15, "\"+\" of a quantity in \"m-3.kg\" and one in \"1\""},
    {{"pde/residuals", "u", "dt(u)*exp(-t)"}, 6, "exp of a quantity in \"s\"; a dimensionless argument expected"},
    {{"pde/residuals", "u", "dt(u)*exp(-t*rate)"}, 0, NULL},
    {{"pde/residuals", "u", "dt(u)*(x/L)^(t*rate)"}, 0, NULL},
    {{"pde/residuals", "u", "dt(u)*x^(t*rate)"}, 7, "to a power that is not constant"},
    {{"pde/residuals", "u", "dt(u)*L^x"}, 7, "an exponent in \"m\"; a dimensionless one expected"},
    {{"pde/residuals", "u", "dt(u)*sqrt(x^2 + L*x)"}, 0, NULL},
    {{"pde/residuals", "u", "dt(u) + min(u, x)"}, 8, "\"min\" of a quantity"},
    {{"pde/residuals", "u", "dt(u) + sign(u)*step(x)*u*rate"}, 0, NULL},
    {{"pde/residuals", "u", "dt(u) + x^0.874*u*rate"}, 9, "to the power 0.874 is no unit"},
    {{"pde/residuals", "u", "dt(u)*sin(2*pi*x/L)"}, 0, NULL},
    {{"pde/initial", "u", "2*a"}, 0, NULL},
    {{"pde/initial", "u", "0"}, 0, NULL},
    {{"pde/initial", "u", "2"}, 0, "the expression is in \"1\", the field in \"m-3.kg\""},
    {{"pde/boundary", "x_min", "u = a"}, 0, NULL},
    {{"pde/boundary", "x_min", "u = a*x"},
     2,
     "/pde/boundary:x_min: the expression is in \"m-2.kg\", the field in \"m-3.kg\""},
    {{"pde/boundary", "x_min", "flux(u) = D*a/L"}, 0, NULL},
    {{"pde/boundary", "x_min", "flux(u) = D*a"}, 8, "the flux in"},
    {{"pde/boundary", "x_min", "u + L*dx(u) = a"}, 0, NULL},
    {{"pde/boundary", "x_min", "u + L*dx(u) = x"}, 12, "\"=\" of a quantity"},
    {{"pde/units", "L", "km"}, 20, "\"+\" of a quantity"},
    {{"inputs/a", "units", "bananas"}, 0, "/inputs/a:units: \"bananas\" is not a unit"},
};

START_TEST(units_are_checked)
    {
        pdm_case_destroy(&c);
        ck_assert_int_eq(pdm_case_create(ctx, &c), PDM_OK);
        for (int i = 0; i < COUNT_OF(with_units); i++)
            ck_assert_int_eq(set(with_units[i].group, with_units[i].name, with_units[i].value), PDM_OK);
        ck_assert_int_eq(set(unit_cases[_i].set.group, unit_cases[_i].set.name, unit_cases[_i].set.value), PDM_OK);
        const pdm_status status = pdm_pde_create(ctx, c, &p);
        if (!unit_cases[_i].words) {
            ck_assert_msg(status == PDM_OK, "%s", pdm_context_error(ctx));
            ck_assert_str_eq(pdm_pde_dim_units(p, 1), "m");
            ck_assert_str_eq(pdm_pde_field_units(p, 0), "kg m-3");
            return;
        }
        ck_assert_int_eq(status, PDM_ERR_CASE);
        ck_assert_msg(strstr(pdm_context_error(ctx), unit_cases[_i].words) != NULL, "%s", pdm_context_error(ctx));
        ck_assert_msg(caret(pdm_context_error(ctx)) == unit_cases[_i].offset, "caret %d\n%s",
                      caret(pdm_context_error(ctx)), pdm_context_error(ctx));
    }
END_TEST

/* Zero of degC is no zero of temperature: sums with differences, differences, comparisons and derivatives are fine;
 * products, quotients, powers and functions are not. */
static const setting with_offset[] = {
    {"domain", "dimensions", "t x"},
    {"pde", "fields", "T"},
    {"pde/parameters", "k", "2"},
    {"pde/parameters", "h", "3"},
    {"pde/parameters", "Ta", "20"},
    {"pde/parameters", "rise", "5"},
    {"pde/residuals", "T", "dt(T) - k*lap(T)"},
    {"pde/initial", "T", "T0"},
    {"inputs/T0", "units", "degC"},
    {"pde/units", "t", "s"},
    {"pde/units", "x", "m"},
    {"pde/units", "T", "degC"},
    {"pde/units", "Ta", "degC"},
    {"pde/units", "rise", "K"},
    {"pde/units", "k", "m2 s-1"},
    {"pde/units", "h", "s-1"},
};
static const struct {
    setting     set;
    int         offset;
    const char *words;
} offset_cases[] = {
    {{"pde", "comment", ""}, 0, NULL},
    {{"pde/residuals", "T", "dt(T) + h*(T - Ta)"}, 0, NULL},
    {{"pde/residuals", "T", "dt(T) + h*abs(T - Ta)*exp((T - Ta)/rise)"}, 0, NULL},
    {{"pde/residuals", "T", "dt(T) - step(max(T, Ta) - T0)*k*lap(T)"}, 0, NULL},
    {{"pde/residuals", "T", "dt(T) + h*(T - Ta)^2/rise"}, 0, NULL},
    {{"pde/initial", "T", "T0 + rise"}, 0, NULL},
    {{"pde/initial", "T", "rise + T0 - rise"}, 0, NULL},
    {{"pde/boundary", "x_min", "T = T0 - rise"}, 0, NULL},
    {{"pde/boundary", "x_max", "k*dx(T) = h*(0*x + 0)"}, 0, NULL},
    {{"pde/constraints", "level", "integral(T - Ta) = 0"}, 0, NULL},
    {{"pde/residuals", "T", "dt(T) + h*T"}, 10, "a product of a quantity in \"degC\", whose zero is not zero in \"K\""},
    {{"pde/residuals", "T", "dt(T) + T*h"}, 10, "a product"},
    {{"pde/residuals", "T", "dt(T)*T0/Ta"}, 6, "a product"},
    {{"pde/residuals", "T", "dt(T)/Ta"}, 6, "a quotient"},
    {{"pde/residuals", "T", "dt(T) + h*T^4"}, 11, "a power"},
    {{"pde/residuals", "T", "dt(T) + h*sqrt(T)"}, 10, "a power"},
    {{"pde/residuals", "T", "dt(T) + h*abs(T)"}, 10, "abs of a quantity in \"degC\""},
    {{"pde/residuals", "T", "dt(T) + h*exp(T)"}, 10, "exp of a quantity"},
    {{"pde/residuals", "T", "dt(T) + h*(Ta + (-T))"}, 17, "the negative"},
    {{"pde/initial", "T", "rise"}, 0, "the expression is in \"K\", the field in \"degC\""},
    {{"pde/initial", "T", "T0 - Ta"}, 0, "the expression is in \"K\", the field in \"degC\""},
    {{"pde/initial", "T", "rise - T0"}, 5, "\"-\" of a quantity in \"K\" and one in \"degC\""},
    {{"pde/boundary", "x_min", "T + rise = rise"}, 9, "\"=\" of a quantity"},
    {{"pde/constraints", "level", "integral(T) = 0"}, 9, "a product"},
};

START_TEST(offsets_of_units_are_kept_out_of_products)
    {
        pdm_case_destroy(&c);
        ck_assert_int_eq(pdm_case_create(ctx, &c), PDM_OK);
        for (int i = 0; i < COUNT_OF(with_offset); i++)
            ck_assert_int_eq(set(with_offset[i].group, with_offset[i].name, with_offset[i].value), PDM_OK);
        ck_assert_int_eq(set(offset_cases[_i].set.group, offset_cases[_i].set.name, offset_cases[_i].set.value),
                         PDM_OK);
        const pdm_status status = pdm_pde_create(ctx, c, &p);
        ck_assert_msg(status == (offset_cases[_i].words ? PDM_ERR_CASE : PDM_OK), "%s: %s", offset_cases[_i].set.value,
                      pdm_context_error(ctx));
        if (!offset_cases[_i].words) return;
        ck_assert_msg(strstr(pdm_context_error(ctx), offset_cases[_i].words) != NULL, "%s", pdm_context_error(ctx));
        ck_assert_msg(caret(pdm_context_error(ctx)) == offset_cases[_i].offset, "caret %d\n%s",
                      caret(pdm_context_error(ctx)), pdm_context_error(ctx));
    }
END_TEST

/* Without units in the case, UDUNITS is not touched: a database that is not there does no harm. */
START_TEST(units_are_not_touched_when_none_are_given)
    {
        ck_assert_int_eq(setenv("UDUNITS2_XML_PATH", "/nowhere/udunits2.xml", 1), 0);
        ck_assert_msg(pdm_pde_create(ctx, c, &p) == PDM_OK, "%s", pdm_context_error(ctx));
        pdm_pde_destroy(&p);
        ck_assert_int_eq(set("pde/units", "x", "m"), PDM_OK);
        ck_assert_int_eq(pdm_pde_create(ctx, c, &p), PDM_ERR_IO);
    }
END_TEST

/* ---- memory -------------------------------------------------------------------------------------------------------- */

/* Every allocation that fails is reported, leaks nothing, leaves the output alone. */
static void fail_each_allocation(void)
{
    pdm_status status = PDM_ERR_MEMORY;
    for (pdm_size k = 1; status == PDM_ERR_MEMORY; k++) {
        pdm_size  before, after;
        pdm_case *copy  = NULL;
        pdm_pde  *fresh = NULL;
        ck_assert_int_eq(pdm_case_copy(c, &copy), PDM_OK);
        pdm_context_memory(ctx, &before, NULL, NULL);
        pdm_context_fail_allocation(ctx, k);
        status = pdm_pde_create(ctx, copy, &fresh);
        pdm_context_fail_allocation(ctx, 0);
        ck_assert_msg(status == PDM_OK || status == PDM_ERR_MEMORY, "%s", pdm_context_error(ctx));
        ck_assert((status == PDM_OK) == (fresh != NULL));
        pdm_pde_destroy(&fresh);
        pdm_case_destroy(&copy);
        pdm_context_memory(ctx, &after, NULL, NULL);
        ck_assert_int_lt(after, before);
    }
    ck_assert_int_eq(status, PDM_OK);
}

START_TEST(allocation_failures_are_survived)
    {
        ck_assert_int_eq(set("pde/residuals", "u", "dt(u) - dx((abs(u) + 1e-9)^n*dx(u)) + rho"), PDM_OK);
        ck_assert_int_eq(set("pde/boundary", "x_min", "u = a*D; flux(v) = u*f; u + dx(v) = 0; v free"), PDM_OK);
        fail_each_allocation();
    }
END_TEST

START_TEST(allocation_failures_in_compile_are_survived)
    {
        pdm_status          status = PDM_ERR_MEMORY;
        const pdm_function *f      = NULL;
        for (pdm_size k = 1; status == PDM_ERR_MEMORY; k++) {
            pdm_context_fail_allocation(ctx, k);
            status = pdm_pde_compile(p, "lap(u*f)*exp(-t) + (u + v + dx(u) + dy(v))^4.3", (pdm_where){.offset = -1},
                                     true, &f);
            pdm_context_fail_allocation(ctx, 0);
            ck_assert((status == PDM_OK) == (f != NULL));
        }
        ck_assert_int_eq(status, PDM_OK);
        ck_assert(isfinite(value_at(f, here)));
    }
END_TEST

int main(void)
{
    Suite *s = suite_create("pde");
    TCase *t = tcase_create("expressions");
    tcase_add_checked_fixture(t, set_up_pde, tear_down);
    tcase_add_test(t, values_are_those_of_c);
    tcase_add_loop_test(t, total_derivatives_follow_values, 0, COUNT_OF(texts));
    tcase_add_loop_test(t, partials_follow_values, 0, COUNT_OF(texts));
    tcase_add_loop_test(t, print_is_read_again, 0, COUNT_OF(texts));
    tcase_add_loop_test(t, programs_are_in_order, 0, COUNT_OF(texts));
    tcase_add_loop_test(t, powers_are_shared, 0, COUNT_OF(pow_counts));
    tcase_add_test(t, powers_at_zero_and_below);
    tcase_add_test(t, odd_power_has_a_slope_at_zero);
    tcase_add_loop_test(t, bad_expression_is_refused_with_a_caret, 0, COUNT_OF(bad_expressions));
    tcase_add_test(t, nesting_and_length_have_limits);
    tcase_add_test(t, size_has_a_limit);
    tcase_add_test(t, part_of_a_text_is_compiled_in_place);
    tcase_add_test(t, allocation_failures_in_compile_are_survived);
    suite_add_tcase(s, t);
    t = tcase_create("cases");
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, shared_parts_do_not_blow_up);
    tcase_add_loop_test(t, residuals_are_split, 0, COUNT_OF(splits));
    tcase_add_test(t, terms_are_taken_apart);
    tcase_add_test(t, orders_and_inputs_are_known);
    tcase_add_test(t, conditions_are_understood);
    tcase_add_test(t, view_shows_what_was_understood);
    tcase_add_loop_test(t, bad_case_is_refused_with_words, 0, COUNT_OF(bad_cases));
    tcase_add_test(t, case_without_time_has_no_initial_state);
    tcase_add_test(t, all_of_the_case_is_read);
    tcase_add_loop_test(t, units_are_checked, 0, COUNT_OF(unit_cases));
    tcase_add_loop_test(t, offsets_of_units_are_kept_out_of_products, 0, COUNT_OF(offset_cases));
    tcase_add_test(t, units_are_not_touched_when_none_are_given);
    tcase_add_test(t, allocation_failures_are_survived);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
