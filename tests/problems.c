#include "tests/problems.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>

typedef struct setting {
    const char *group, *name, *value;
} setting;
enum { N_SETTING_MOST = 40 };

static const struct {
    const char *name;
    bool        linear;
    setting     set[N_SETTING_MOST];
} problems[PROBLEM_COUNT] = {
    [PROBLEM_HEAT]     = {"heat",
                          true,
                          {{"pde", "fields", "u"},
                           {"pde/parameters", "D", "0.3"},
                           {"pde/residuals", "u", "dt(u) - dx(D*dx(u))"},
                           {"pde/initial", "u", "a*sin(pi*x)"},
                           {"pde/boundary", "x_min", "u = 0"},
                           {"pde/boundary", "x_max", "u = a*t"},
                           {"inputs/a", "distribution", "uniform(0.5, 1.5)"},
                           {"domain", "dimensions", "t x"},
                           {"domain/t", "extent", "0 0.5"},
                           {"domain/t", "control_points", "5"},
                           {"domain/x", "extent", "0 1"},
                           {"domain/x", "control_points", "8"},
                           {"domain/x", "experts", "2"}}},
    [PROBLEM_SORPTION] = {"sorption",
                          false,
                          {{"pde", "fields", "u"},
                           {"pde/residuals", "u", "dt(u + 2.4*u*(u^2 + 0.01)^(-0.063)) - dx(5e-4*dx(u))"},
                           {"pde/initial", "u", "a"},
                           {"pde/boundary", "x_min", "u = 1"},
                           {"pde/boundary", "x_max", "u + 5e-4*dx(u) = 0"},
                           {"inputs/a", "distribution", "uniform(0.05, 0.2)"},
                           {"domain", "dimensions", "t x"},
                           {"domain/t", "extent", "0 500"},
                           {"domain/t", "control_points", "6"},
                           {"domain/t", "map", "sqrt"},
                           {"domain/x", "extent", "0 1"},
                           {"domain/x", "control_points", "10"},
                           {"domain/x", "grading", "power 1.5"},
                           {"domain/x", "experts", "3"}}},
    [PROBLEM_FLUX]     = {"flux",
                          false,
                          {{"pde", "fields", "u"},
                           {"pde/residuals", "u", "dt(u) - dx((1 + u^2)*dx(u)) + u^3"},
                           {"pde/initial", "u", "1 + 0.3*cos(pi*x)"},
                           {"pde/boundary", "x_min", "flux(u) = a*(1 - u)"},
                           {"pde/boundary", "x_max", "flux(u) = 0"},
                           {"inputs/a", "distribution", "uniform(0.5, 1.5)"},
                           {"domain", "dimensions", "t x"},
                           {"domain/t", "extent", "0 0.5"},
                           {"domain/t", "control_points", "5"},
                           {"domain/x", "extent", "0 1"},
                           {"domain/x", "control_points", "7"},
                           {"domain/x", "experts", "2"}}},
    [PROBLEM_POISSON]  = {"poisson",
                          true,
                          {{"pde", "fields", "u"},
                           {"pde/residuals", "u", "-lap(u) - f*a"},
                           {"pde/boundary", "x_min", "u = 0"},
                           {"pde/boundary", "x_max", "u = 0"},
                           {"pde/boundary", "y_min", "u = 0"},
                           {"pde/boundary", "y_max", "u + dy(u) = x"},
                           {"inputs/f", "dimensions", "x y"},
                           {"inputs/a", "distribution", "list(1, 2)"},
                           {"domain", "dimensions", "x y"},
                           {"domain/x", "extent", "0 1"},
                           {"domain/x", "control_points", "7"},
                           {"domain/x", "experts", "2"},
                           {"domain/y", "extent", "0 2"},
                           {"domain/y", "control_points", "6"},
                           {"domain/y", "experts", "2"}}},
    [PROBLEM_SYSTEM]   = {"system",
                          false,
                          {{"pde", "fields", "u v"},
                           {"pde/residuals", "u", "dt(u) - dx(0.1*dx(u)) - (u - u^3 - v)"},
                           {"pde/residuals", "v", "dt(v) - dx(0.2*dx(v)) - a*(u - v)*exp(-u^2)"},
                           {"pde/initial", "u", "cos(pi*x)"},
                           {"pde/initial", "v", "0.5"},
                           {"pde/boundary", "x_min", "flux(u) = 0; flux(v) = 0"},
                           {"pde/boundary", "x_max", "flux(u) = 0; v = 0.5"},
                           {"inputs/a", "distribution", "normal(1, 0.2)"},
                           {"domain", "dimensions", "t x"},
                           {"domain/t", "extent", "0 1"},
                           {"domain/t", "control_points", "5"},
                           {"domain/t", "degree", "2"},
                           {"domain/x", "extent", "0 1"},
                           {"domain/x", "control_points", "7"},
                           {"domain/x", "experts", "2"}}},
    [PROBLEM_BURGERS]  = {"burgers",
                          false,
                          {{"pde", "fields", "u"},
                           {"pde/residuals", "u", "dt(u) + dx(u^2/2) - dx(0.05*dx(u))"},
                           {"pde/initial", "u", "a*sin(2*pi*x)"},
                           {"inputs/a", "distribution", "uniform(0.5, 1)"},
                           {"domain", "dimensions", "t x"},
                           {"domain/t", "extent", "0 0.3"},
                           {"domain/t", "control_points", "5"},
                           {"domain/t", "experts", "2"},
                           {"domain/x", "extent", "0 1"},
                           {"domain/x", "control_points", "9"},
                           {"domain/x", "kind", "periodic"},
                           {"domain/x", "experts", "3"}}},
    [PROBLEM_POINT]    = {"point",
                          false,
                          {{"pde", "fields", "u"},
                           {"pde/residuals", "u", "dt(u) + u*dx(u) - 0.05*(1 + x^2)*dxx(u) + a*sin(t)*u"},
                           {"pde/initial", "u", "sin(2*pi*x)"},
                           {"inputs/a", "distribution", "uniform(0.5, 1)"},
                           {"domain", "rows", "point"},
                           {"domain", "dimensions", "t x"},
                           {"domain/t", "extent", "0 0.3"},
                           {"domain/t", "control_points", "5"},
                           {"domain/x", "extent", "0 1"},
                           {"domain/x", "control_points", "8"},
                           {"domain/x", "kind", "periodic"},
                           {"domain/x", "experts", "2"}}},
    [PROBLEM_WAVE] =
        {"wave",
         true,
         {{"pde", "fields", "u"},
          {"pde/residuals", "u", "dt(dt(u)) - dxx(u)"},
          {"pde/initial", "u", "a*sin(pi*x)"},
          {"pde/initial", "u_t", "sin(2*pi*x)"},
          {"pde/boundary", "x_min", "u = 0"},
          {"pde/boundary", "x_max", "u = 0"},
          {"inputs/a", "distribution", "uniform(0.5, 1)"},
          {"domain", "dimensions", "t x"},
          {"domain/t", "extent", "0 1"},
          {"domain/t", "control_points", "6"},
          {"domain/x", "extent", "0 1"},
          {"domain/x", "control_points", "8"},
          {"domain/x", "experts", "2"}}},
    [PROBLEM_FOURTH]    = {"fourth",
                           false,
                           {{"pde", "fields", "u"},
                            {"pde/residuals", "u", "dt(u) + dx(u^2/2) + dxx(u) + dxx(dxx(u))"},
                            {"pde/initial", "u", "a*cos(x/16)*(1 + sin(x/16))"},
                            {"inputs/a", "distribution", "uniform(0.5, 1)"},
                            {"domain", "dimensions", "t x"},
                            {"domain/t", "extent", "0 1"},
                            {"domain/t", "control_points", "4"},
                            {"domain/x", "extent", "0 100.53096491487338"},
                            {"domain/x", "control_points", "10"},
                            {"domain/x", "kind", "periodic"},
                            {"domain/x", "degree", "4"},
                            {"domain/x", "experts", "2"}}},
    [PROBLEM_SPACE3]    = {"space3",
                           false,
                           {{"pde", "fields", "u"},
                            {"pde/residuals", "u", "dt(u) - lap(u) + a*u^2"},
                            {"pde/initial", "u", "sin(pi*x)*cos(2*pi*y)*z"},
                            {"pde/boundary", "x_min", "u = 0"},
                            {"pde/boundary", "x_max", "flux(u) = 0"},
                            {"pde/boundary", "z_min", "u = 0"},
                            {"pde/boundary", "z_max", "dz(u) = 1"},
                            {"inputs/a", "distribution", "uniform(0.5, 1)"},
                            {"domain", "dimensions", "t x y z"},
                            {"domain", "sub", "1"},
                            {"domain/t", "extent", "0 0.1"},
                            {"domain/t", "control_points", "3"},
                            {"domain/t", "degree", "2"},
                            {"domain/x", "extent", "0 1"},
                            {"domain/x", "control_points", "4"},
                            {"domain/x", "degree", "2"},
                            {"domain/x", "experts", "2"},
                            {"domain/y", "extent", "0 1"},
                            {"domain/y", "control_points", "4"},
                            {"domain/y", "degree", "2"},
                            {"domain/y", "kind", "periodic"},
                            {"domain/z", "extent", "0 1"},
                            {"domain/z", "control_points", "4"},
                            {"domain/z", "degree", "2"}}},
    [PROBLEM_LEVELS]    = {"levels",
                           false,
                           {{"pde", "fields", "u"},
                            {"pde/residuals", "u", "dt(u) + dx(u^2/2 - 0.02*dx(u)) + u^3"},
                            {"pde/initial", "u", "-a*sin(pi*x)"},
                            {"pde/boundary", "x_min", "u = 0"},
                            {"pde/boundary", "x_max", "u = 0"},
                            {"inputs/a", "distribution", "uniform(0.5, 1)"},
                            {"domain", "dimensions", "t x"},
                            {"domain", "levels", "on"},
                            {"domain/t", "extent", "0 0.5"},
                            {"domain/t", "control_points", "5"},
                            {"domain/x", "extent", "-1 1"},
                            {"domain/x", "control_points", "9"},
                            {"domain/x", "grading", "sinh 0 4"},
                            {"domain/x", "experts", "3"}}},
    [PROBLEM_MEDIUM]    = {"medium",
                           false,
                           {{"pde", "fields", "u v"},
                            {"pde/residuals", "u", "-dx(k*dx(u)) - dy(k*dy(u)) - a + u^3"},
                            {"pde/residuals", "v", "-lap(v) + v - u"},
                            {"pde/boundary", "x_min", "u = 0; v = 1"},
                            {"pde/boundary", "x_max", "u + dx(u) = 0; v = 0"},
                            {"pde/boundary", "y_min", "flux(u) = 0; v = 0"},
                            {"pde/boundary", "y_max", "u = x; v + dy(v) = 1"},
                            {"inputs/k", "dimensions", "x y"},
                            {"inputs/a", "distribution", "uniform(0.5, 1)"},
                            {"domain", "dimensions", "x y"},
                            {"domain/x", "extent", "0 1"},
                            {"domain/x", "control_points", "8"},
                            {"domain/x", "experts", "2"},
                            {"domain/y", "extent", "0 1"},
                            {"domain/y", "control_points", "6"},
                            {"domain/y", "experts", "2"}}},
    [PROBLEM_VORTICITY] = {"vorticity",
                           false,
                           {{"pde", "fields", "w q"},
                            {"pde/definitions", "psi", "-invlap(w - 0.5*dx(q))"},
                            {"pde/residuals", "w", "dt(w) + dx(dy(psi)*w) - dy(dx(psi)*w) - 0.1*lap(w) + psi*q"},
                            {"pde/residuals", "q", "dt(q) + dy(psi)*dx(q) - dx(psi)*dy(q) + psi^2"},
                            {"pde/initial", "w", "0.5*a*cos(x) + 0.3*sin(y)"},
                            {"pde/initial", "q", "0.5*sin(x + y)"},
                            {"inputs/a", "distribution", "uniform(0.5, 1)"},
                            {"domain", "dimensions", "t x y"},
                            {"domain/t", "extent", "0 0.5"},
                            {"domain/t", "control_points", "5"},
                            {"domain/x", "extent", "0 6.283185307179586"},
                            {"domain/x", "kind", "periodic"},
                            {"domain/x", "control_points", "6"},
                            {"domain/x", "sub", "1"},
                            {"domain/x", "gauss", "3"},
                            {"domain/x", "experts", "2"},
                            {"domain/y", "extent", "0 6.283185307179586"},
                            {"domain/y", "kind", "periodic"},
                            {"domain/y", "degree", "2"},
                            {"domain/y", "control_points", "5"}}},
    [PROBLEM_AMOUNT]    = {"amount",
                           false,
                           {{"pde", "fields", "u q"},
                            {"pde/residuals", "u", "dt(u) - dx((0.1 + u^2)*dx(u)) - q"},
                            {"pde/residuals", "q", "dx(q)"},
                            {"pde/constraints", "amount", "integral(u + 0.1*u^2) = a*exp(-t)"},
                            {"pde/initial", "u", "a*(1 + 0.3*cos(pi*x))"},
                            {"pde/boundary", "x_min", "flux(u) = 0; q free"},
                            {"pde/boundary", "x_max", "flux(u) = 0; q free"},
                            {"inputs/a", "distribution", "uniform(0.5, 1)"},
                            {"domain", "dimensions", "t x"},
                            {"domain/t", "extent", "0 0.5"},
                            {"domain/t", "control_points", "5"},
                            {"domain/x", "extent", "0 1"},
                            {"domain/x", "control_points", "8"},
                            {"domain/x", "grading", "power 1.4"},
                            {"domain/x", "experts", "3"}}},
    [PROBLEM_MEAN] =
        {"mean",
         true,
         {{"pde", "fields", "u v"},
          {"pde/residuals", "u", "-lap(u) - (cos(pi*x) + v)"},
          {"pde/residuals", "v", "-lap(v) + v - a*x"},
          {"pde/constraints", "mean", "integral(u) = a"},
          {"pde/boundary", "x_min", "flux(u) = 0; v = 1"},
          {"pde/boundary", "x_max", "flux(u) = 0; v = 0"},
          {"pde/boundary", "y_min", "flux(u) = 0; v = 0"},
          {"pde/boundary", "y_max", "dy(u) = 0; v + dy(v) = 1"},
          {"inputs/a", "distribution", "uniform(0.5, 1)"},
          {"domain", "dimensions", "x y"},
          {"domain", "levels", "on"},
          {"domain/x", "extent", "0 1"},
          {"domain/x", "control_points", "8"},
          {"domain/x", "experts", "2"},
          {"domain/y", "extent", "0 1"},
          {"domain/y", "control_points", "6"},
          {"domain/y", "grading", "power 1.4"},
          {"domain/y", "experts", "2"}}},
    [PROBLEM_PARTS]    = {"parts",
                          false,
                          {{"pde", "fields", "u v"},
                           {"pde/residuals", "u", "dt(u) - dx((1 + u^2)*dx(u)) - dyy(u) + u*v"},
                           {"pde/residuals", "v", "-lap(v) + v - u^2"},
                           {"pde/initial", "u", "a"},
                           {"pde/boundary", "x_min",
                            "u = a where y < 0.5; flux(u) = a*(1 - u) where y >= 0.5 and t < 0.2;"
                               "u + dx(u) = a where y >= 0.5 and 0.2 <= t;"
                               "v = 0 where t <= 0.2; flux(v) = u where t > 0.2"},
                           {"pde/boundary", "x_max", "u = a; v = 1"},
                           {"pde/boundary", "y_min",
                            "flux(u) = 0 where 0.3 < x < 0.7; u = a where x <= 0.3;"
                               "u free where 0.7 <= x; v = 1"},
                           {"pde/boundary", "y_max", "flux(u) = u^2 where x < 0.5; flux(u) = 1 where x >= 0.5; v = 0"},
                           {"inputs/a", "distribution", "uniform(0.5, 1)"},
                           {"domain", "dimensions", "t x y"},
                           {"domain", "levels", "off"},
                           {"domain/t", "extent", "0 0.4"},
                           {"domain/t", "control_points", "4"},
                           {"domain/t", "degree", "2"},
                           {"domain/x", "extent", "0 1"},
                           {"domain/x", "control_points", "6"},
                           {"domain/x", "experts", "2"},
                           {"domain/y", "extent", "0 1"},
                           {"domain/y", "control_points", "5"}}},
    [PROBLEM_POSITIVE] = {"positive",
                          false,
                          {{"pde", "fields", "v u"},
                           {"pde", "positive", "u 0.7"},
                           {"pde/residuals", "v", "dt(v) - dx((1 + u)*dx(v)) + u*v"},
                           {"pde/residuals", "u", "dt(dt(u)) + dt(u) - dx((0.1 + u^2)*dx(u)) - v^2"},
                           {"pde/initial", "v", "cos(pi*x)"},
                           {"pde/initial", "u", "a + 0.1*x"},
                           {"pde/initial", "u_t", "0.2*x"},
                           {"pde/boundary", "x_min", "v = 1; u = a where t < 0.2; flux(u) = -0.1*u where t >= 0.2"},
                           {"pde/boundary", "x_max", "flux(v) = 0; u + dx(u) = 1"},
                           {"inputs/a", "distribution", "uniform(0.5, 1)"},
                           {"domain", "dimensions", "t x"},
                           {"domain", "levels", "off"},
                           {"domain/t", "extent", "0 0.4"},
                           {"domain/t", "control_points", "5"},
                           {"domain/x", "extent", "0 1"},
                           {"domain/x", "control_points", "7"},
                           {"domain/x", "experts", "2"}}},
    [PROBLEM_KINKS]    = {"kinks",
                          false,
                          {{"pde", "fields", "u"},
                           {"pde/definitions", "k", "1 + 3*step(x - 0.4) + max(x, 0.7)"},
                           {"pde/residuals", "u", "dt(u) - dx(k*(1 + 0.1*u^2)*dx(u)) + u^3"},
                           {"pde/initial", "u", "a*sin(pi*x)"},
                           {"pde/boundary", "x_min", "u = 0"},
                           {"pde/boundary", "x_max", "flux(u) = 0.1*u"},
                           {"inputs/a", "distribution", "uniform(0.5, 1)"},
                           {"domain", "dimensions", "t x"},
                           {"domain", "levels", "on"},
                           {"domain/t", "extent", "0 0.3"},
                           {"domain/t", "control_points", "5"},
                           {"domain/x", "extent", "0 1"},
                           {"domain/x", "control_points", "7"},
                           {"domain/x", "experts", "2"}}}};

const char *problem_name(int number)
{
    return problems[number].name;
}
bool problem_is_linear(const problem *p)
{
    return problems[p->number].linear;
}

pdm_status problem_case(pdm_context *ctx, int number, pdm_case **out)
{
    pdm_status status = PDM_OK;
    pdm_case  *c      = NULL;
    PDM_TRY(pdm_case_create(ctx, &c));
    for (const setting *s = problems[number].set; s->group; s++)
        PDM_TRY(pdm_case_set_text(c, s->group, s->name, s->value));
    *out = c;
    c    = NULL;
done:
    pdm_case_destroy(&c);
    return status;
}

static pdm_buffer *make_buffer(problem *p, pdm_size n)
{
    pdm_buffer *b = NULL;
    ck_assert_int_eq(p->backend->ops->buffer_create(p->backend, (size_t)n * sizeof(double), &b), PDM_OK);
    return b;
}

bool problem_on_cpu(void)
{
    return !getenv("PDM_TEST_BACKEND");
}

static pdm_status create_backend(pdm_context *ctx, const char *name, pdm_backend **out)
{
    return pdm_backend_create(ctx, !problem_on_cpu() && pdm_text_equal(name, "cpu") ? getenv("PDM_TEST_BACKEND") : name,
                              out);
}

pdm_status (*problem_backend)(pdm_context *ctx, const char *name, pdm_backend **out) = create_backend;

void problem_open(problem *p, int number, const char *backend, pdm_size n_sample)
{
    problem_open_threads(p, number, backend, n_sample, 2);
}

void problem_open_threads(problem *p, int number, const char *backend, pdm_size n_sample, int n_thread)
{
    problem_open_points(p, number, backend, n_sample, n_thread, NULL);
}
void problem_open_points(problem *p, int number, const char *backend, pdm_size n_sample, int n_thread,
                         const char *points)
{
    *p = (problem){.number = number, .n_sample = n_sample};
    ck_assert_int_eq(pdm_context_create(NULL, &p->ctx), PDM_OK);
    ck_assert_int_eq(pdm_context_set_threads(p->ctx, n_thread), PDM_OK);
    ck_assert_int_eq(problem_case(p->ctx, number, &p->the_case), PDM_OK);
    if (points) ck_assert_int_eq(pdm_case_set_text(p->the_case, "domain/x", "control_points", points), PDM_OK);
    problem_open_case(p, backend);
}

void problem_open_case(problem *p, const char *backend)
{
    const pdm_size n_sample = p->n_sample;
    ck_assert_msg(pdm_pde_create(p->ctx, p->the_case, &p->pde) == PDM_OK, "%s", pdm_context_error(p->ctx));
    ck_assert_msg(pdm_domain_create(p->ctx, p->the_case, p->pde, NULL, &p->domain) == PDM_OK, "%s",
                  pdm_context_error(p->ctx));
    ck_assert_msg(problem_backend(p->ctx, backend, &p->backend) == PDM_OK, "%s", pdm_context_error(p->ctx));
    const pdm_rows_desc *rows  = pdm_domain_rows(p->domain);
    pdm_size             local = 1;
    for (pdm_size j = 0; j < rows->n_dim; j++) local *= rows->degree[j] + 1;
    p->c_size = rows->n_field * pdm_domain_n_coef(p->domain);
    p->n_row  = rows->n_row;
    p->a_size = rows->n_row * pdm_rows_n_seen(rows) * local;
    ck_assert_int_eq(p->backend->ops->rows_create(p->backend, rows, n_sample, &p->rows), PDM_OK);
    pdm_buffer **coef[] = {&p->c, &p->v, &p->out, &p->out2, &p->lift}, **row[] = {&p->r, &p->r2, &p->y};
    for (size_t i = 0; i < sizeof coef / sizeof *coef; i++) *coef[i] = make_buffer(p, n_sample * p->c_size);
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) *row[i] = make_buffer(p, n_sample * p->n_row);
    p->A            = make_buffer(p, n_sample * p->a_size);
    p->data.scalar  = make_buffer(p, n_sample * rows->n_scalar);
    p->data.sampled = make_buffer(p, n_sample * rows->n_sampled);
}

void problem_close(problem *p)
{
    pdm_buffer **all[] = {&p->c,   &p->v,    &p->r,    &p->r2,          &p->y,           &p->A,
                          &p->out, &p->out2, &p->lift, &p->data.scalar, &p->data.sampled};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) p->backend->ops->buffer_destroy(p->backend, all[i]);
    p->backend->ops->rows_destroy(p->backend, &p->rows);
    pdm_backend_destroy(&p->backend);
    pdm_domain_destroy(&p->domain);
    pdm_pde_destroy(&p->pde);
    pdm_case_destroy(&p->the_case);
    ck_assert_int_eq(pdm_context_destroy(&p->ctx), 0);
}

pdm_batch problem_batch(const problem *p)
{
    static const int32_t first[8] = {0, 1, 2, 3, 4, 5, 6, 7};
    return (pdm_batch){p->n_sample, first};
}

void problem_put(problem *p, pdm_buffer *b, const double *from, pdm_size n)
{
    void *host = NULL;
    ck_assert_int_eq(p->backend->ops->acquire(p->backend, b, PDM_WRITE, &host), PDM_OK);
    if (n) memcpy(host, from, (size_t)n * sizeof *from);
    ck_assert_int_eq(p->backend->ops->release(p->backend, b, &host), PDM_OK);
}

void problem_get(problem *p, pdm_buffer *b, double *to, pdm_size n)
{
    void *host = NULL;
    ck_assert_int_eq(p->backend->ops->acquire(p->backend, b, PDM_READ, &host), PDM_OK);
    if (n) memcpy(to, host, (size_t)n * sizeof *to);
    ck_assert_int_eq(p->backend->ops->release(p->backend, b, &host), PDM_OK);
}

static double *make_array(pdm_size n)
{
    return calloc((size_t)(n ? n : 1), sizeof(double));
}

static void fill_random(double *x, pdm_size n, int seed, double size)
{
    const pdm_random_key key = {(uint64_t)seed, PDM_RANDOM_TEST, 1};
    for (pdm_size i = 0; i < n; i++) x[i] = size * pdm_random_normal(key, (uint64_t)i);
}

void problem_random_state(problem *p, int seed)
{
    const pdm_rows_desc *rows    = pdm_domain_rows(p->domain);
    const pdm_size       n_input = pdm_domain_n_input(p->domain), n = p->n_sample;
    double              *input = make_array(n_input), *work = make_array(pdm_domain_prepare_work(p->domain));
    double              *scalar = make_array(n * rows->n_scalar), *sampled = make_array(n * rows->n_sampled),
           *lift  = make_array(n * p->c_size);
    double *noise = make_array(n * p->c_size), *y = make_array(n * p->n_row);

    for (pdm_size s = 0; s < n; s++) {
        for (pdm_size i = 0; i < n_input; i++)
            input[i] = 0.1 + pdm_random_uniform((pdm_random_key){(uint64_t)seed, PDM_RANDOM_TEST, 2},
                                                (uint64_t)(s * n_input + i));
        ck_assert_int_eq(pdm_domain_prepare(p->domain, input, scalar + s * rows->n_scalar,
                                            sampled + s * rows->n_sampled, lift + s * p->c_size, work, NULL),
                         PDM_OK);
    }
    problem_put(p, p->data.scalar, scalar, n * rows->n_scalar);
    problem_put(p, p->data.sampled, sampled, n * rows->n_sampled);
    problem_put(p, p->lift, lift, n * p->c_size);
    fill_random(noise, n * p->c_size, seed, 0.05);
    for (pdm_size i = 0; i < n * p->c_size; i++) lift[i] += 1.0 + noise[i]; /* away from kinks at 0 */
    problem_put(p, p->c, lift, n * p->c_size);
    fill_random(noise, n * p->c_size, seed + 100, 0.1);
    problem_put(p, p->v, noise, n * p->c_size);
    fill_random(y, n * p->n_row, seed + 200, 1.0);
    problem_put(p, p->y, y, n * p->n_row);
    free(input);
    free(work);
    free(scalar);
    free(sampled);
    free(lift);
    free(noise);
    free(y);
}

static double norm_of(const double *x, pdm_size n)
{
    double sum = 0.0;
    for (pdm_size i = 0; i < n; i++) sum += x[i] * x[i];
    return sqrt(sum);
}

static void residual_at(problem *p, const double *c, double *r)
{
    problem_put(p, p->c, c, p->n_sample * p->c_size);
    ck_assert_int_eq(p->backend->ops->rows_residual(p->backend, p->rows, problem_batch(p), &p->data, p->c, p->r),
                     PDM_OK);
    problem_get(p, p->r, r, p->n_sample * p->n_row);
}

double problem_taylor_rows(problem *p)
{
    const pdm_size n = p->n_sample * p->c_size, m = p->n_sample * p->n_row;
    double *c = make_array(n), *v = make_array(n), *moved = make_array(n), *r0 = make_array(m), *r = make_array(m),
           *Av = make_array(m);
    double       rest[4], h = 0.5;
    pdm_backend *b = p->backend;

    problem_get(p, p->c, c, n);
    problem_get(p, p->v, v, n);
    residual_at(p, c, r0);
    ck_assert_int_eq(b->ops->rows_linearise(b, p->rows, problem_batch(p), &p->data, p->c, p->A), PDM_OK);
    ck_assert_int_eq(b->ops->rows_apply(b, p->rows, problem_batch(p), p->A, p->v, p->r2), PDM_OK);
    problem_get(p, p->r2, Av, m);
    for (int k = 0; k < 4; k++, h *= 0.5) {
        for (pdm_size i = 0; i < n; i++) moved[i] = c[i] + h * v[i];
        residual_at(p, moved, r);
        for (pdm_size i = 0; i < m; i++) r[i] -= r0[i] + h * Av[i];
        rest[k] = norm_of(r, m);
    }
    problem_put(p, p->c, c, n);
    /* a linear problem leaves only rounding: eps times the size of the residuals, whatever h */
    const double slope = problem_is_linear(p) ? (rest[0] < 1e-11 * (norm_of(r0, m) + norm_of(Av, m)) ? 2.0 : 0.0)
                                              : log2(rest[0] / rest[3]) / 3.0;
    if (problem_is_linear(p)) ck_assert_double_eq(slope, 2.0);
    free(c), free(v), free(moved), free(r0), free(r), free(Av);
    return slope;
}

/* |out - two| / |two|, [n] */
static double gap_of(problem *p, const double *two, pdm_size n)
{
    double *one = make_array(n);
    problem_get(p, p->out, one, n);
    for (pdm_size i = 0; i < n; i++) one[i] -= two[i];
    const double gap = norm_of(one, n) / norm_of(two, n);
    free(one);
    return gap;
}

/* From partials at the points. */
static double partials_gap(problem *p, const double *two)
{
    pdm_backend *b        = p->backend;
    pdm_buffer  *partials = NULL;
    const size_t size     = (size_t)(p->n_sample * pdm_rows_n_partial(pdm_domain_rows(p->domain)));
    ck_assert_int_eq(b->ops->buffer_create(b, size * sizeof(double), &partials), PDM_OK);
    ck_assert_int_eq(b->ops->rows_partials(b, p->rows, problem_batch(p), &p->data, p->c, partials), PDM_OK);
    ck_assert_int_eq(b->ops->rows_curvature(b, p->rows, problem_batch(p), p->A, partials, p->v, p->out), PDM_OK);
    b->ops->buffer_destroy(b, &partials);
    return gap_of(p, two, p->n_sample * p->c_size);
}

double problem_both_gap(problem *p)
{
    const pdm_size n   = p->n_sample * p->c_size;
    double        *two = make_array(n);
    pdm_backend   *b   = p->backend;

    ck_assert_int_eq(b->ops->rows_linearise(b, p->rows, problem_batch(p), &p->data, p->c, p->A), PDM_OK);
    ck_assert_int_eq(b->ops->rows_apply(b, p->rows, problem_batch(p), p->A, p->v, p->r2), PDM_OK);
    ck_assert_int_eq(b->ops->rows_apply_adjoint(b, p->rows, problem_batch(p), p->A, p->r2, p->out), PDM_OK);
    problem_get(p, p->out, two, n);
    ck_assert_int_eq(b->ops->rows_curvature(b, p->rows, problem_batch(p), p->A, NULL, p->v, p->out), PDM_OK);
    const double gap = fmax(gap_of(p, two, n), partials_gap(p, two));
    free(two);
    return gap;
}

double problem_adjoint_gap(problem *p)
{
    const pdm_size n = p->n_sample * p->c_size, m = p->n_sample * p->n_row;
    double *Av = make_array(m), *y = make_array(m), *v = make_array(n), *Aty = make_array(n), left = 0.0, right = 0.0;
    pdm_backend *b = p->backend;

    ck_assert_int_eq(b->ops->rows_linearise(b, p->rows, problem_batch(p), &p->data, p->c, p->A), PDM_OK);
    ck_assert_int_eq(b->ops->rows_apply(b, p->rows, problem_batch(p), p->A, p->v, p->r2), PDM_OK);
    ck_assert_int_eq(b->ops->rows_apply_adjoint(b, p->rows, problem_batch(p), p->A, p->y, p->out), PDM_OK);
    problem_get(p, p->r2, Av, m);
    problem_get(p, p->y, y, m);
    problem_get(p, p->v, v, n);
    problem_get(p, p->out, Aty, n);
    for (pdm_size i = 0; i < m; i++) left += Av[i] * y[i];
    for (pdm_size i = 0; i < n; i++) right += v[i] * Aty[i];
    const double gap = fabs(left - right) / (norm_of(Av, m) * norm_of(y, m));
    free(Av), free(y), free(v), free(Aty);
    return gap;
}

static void adjoint_at(problem *p, const double *c, double *out)
{
    pdm_backend *b = p->backend;
    problem_put(p, p->c, c, p->n_sample * p->c_size);
    ck_assert_int_eq(b->ops->rows_linearise(b, p->rows, problem_batch(p), &p->data, p->c, p->A), PDM_OK);
    ck_assert_int_eq(b->ops->rows_apply_adjoint(b, p->rows, problem_batch(p), p->A, p->y, p->out), PDM_OK);
    problem_get(p, p->out, out, p->n_sample * p->c_size);
}

double problem_second_order_gap(problem *p)
{
    const pdm_size n = p->n_sample * p->c_size;
    const double   h = 1e-4; /* central: truncation h^2, rounding eps/h */
    double *c = make_array(n), *v = make_array(n), *moved = make_array(n), *up = make_array(n), *down = make_array(n),
           *exact  = make_array(n);
    pdm_backend *b = p->backend;

    problem_get(p, p->c, c, n);
    problem_get(p, p->v, v, n);
    for (pdm_size i = 0; i < n; i++) moved[i] = c[i] + h * v[i];
    adjoint_at(p, moved, up);
    for (pdm_size i = 0; i < n; i++) moved[i] = c[i] - h * v[i];
    adjoint_at(p, moved, down);
    problem_put(p, p->c, c, n);
    ck_assert_int_eq(b->ops->rows_second_order(b, p->rows, problem_batch(p), &p->data, p->c, p->y, p->v, p->out2),
                     PDM_OK);
    problem_get(p, p->out2, exact, n);
    for (pdm_size i = 0; i < n; i++) down[i] = (up[i] - down[i]) / (2.0 * h) - exact[i];
    const double gap = norm_of(down, n) / (norm_of(exact, n) + norm_of(up, n));
    free(c), free(v), free(moved), free(up), free(down), free(exact);
    return gap;
}

bool problem_same_rows(problem *a, problem *b)
{
    const pdm_size n  = a->n_sample * a->n_row;
    double        *ra = make_array(n), *rb = make_array(n), *c = make_array(a->n_sample * a->c_size);
    problem_get(a, a->c, c, a->n_sample * a->c_size);
    residual_at(a, c, ra);
    residual_at(b, c, rb);
    const bool same = memcmp(ra, rb, (size_t)n * sizeof *ra) == 0;
    free(ra), free(rb), free(c);
    return same;
}

double taylor_slope(double (*f)(void *user), void *user, pdm_random_key direction, double *x, const double *g,
                    pdm_size n, double h)
{
    enum { STEPS = 4 };
    double *base = calloc((size_t)n + 1, sizeof *base), rest[STEPS] = {0}, f0 = f(user);
    memcpy(base, x, (size_t)n * sizeof *base);
    for (int k = 0; k < STEPS; k++, h *= 0.5)
        for (int side = -1; side <= 1; side += 2) {
            double along = 0.0;
            for (pdm_size i = 0; i < n; i++) {
                x[i] = base[i] + side * h * pdm_random_normal(direction, (uint64_t)i);
                along += (x[i] - base[i]) * g[i];
            }
            rest[k] = hypot(rest[k], f(user) - f0 - along);
        }
    memcpy(x, base, (size_t)n * sizeof *base);
    f(user);
    free(base);
    return log2(rest[0] / rest[STEPS - 1]) / (STEPS - 1);
}
