#include "tests/nested.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { OWN = -1 };
const int32_t       nested_listed[NESTED_LISTED] = {2, 0};
static const double NOT_THERE                    = 7.0;

typedef struct setting {
    const char *group, *name, *value;
} setting;

/* One dimension. */
static const setting LINE[] = {{"pde", "fields", "u"},
                               {"pde/residuals", "u", "-dx((1 + u^2)*dx(u)) - a*x"},
                               {"pde/boundary", "x_min", "u = 0"},
                               {"pde/boundary", "x_max", "u + dx(u) = 0"},
                               {"inputs/a", "distribution", "list(1, 2)"},
                               {"domain", "dimensions", "x"},
                               {"domain/x", "extent", "0 1"}};

static const struct {
    const char *name;
    int         problem;   /* OWN: LINE */
    const char *x, *y, *t; /* control points; NULL: those of the problem */
    pdm_size    n_level;
    double      shift; /* of sample 0 */
} CASES[] = {{"line", OWN, "400", NULL, NULL, 2, 1e-8},
             {"one level", PROBLEM_POISSON, "12", "10", NULL, 1, 1e-8},
             {"poisson", PROBLEM_POISSON, "50", "12", NULL, 2, 1e-8},
             {"ring", PROBLEM_BURGERS, "96", NULL, NULL, 2, 1e-8},
             {"odd ring", PROBLEM_BURGERS, "85", NULL, "7", 2, 1e-8},
             {"short ring", PROBLEM_POINT, "9", NULL, "60", 2, 1e-8},
             {"degree 4", PROBLEM_FOURTH, "62", NULL, "6", 2, 1e-8},
             {"two fields", PROBLEM_SYSTEM, "40", NULL, NULL, 2, 1e-8},
             {"patches to the last", PROBLEM_KINKS, "210", NULL, NULL, 1, 1e-2},
             {"two fields, longer", PROBLEM_SYSTEM, "24", NULL, "12", 2, 1e-8},
             {"heat", PROBLEM_HEAT, "30", NULL, "20", 2, 1e-8},
             {"three levels", PROBLEM_POISSON, "44", "24", NULL, 3, 1e-8},
             {"three dimensions", PROBLEM_PARTS, "7", "7", "6", 2, 1e-8},
             {"four dimensions", PROBLEM_SPACE3, "9", NULL, NULL, 2, 1e-2},
             {"strips", PROBLEM_POISSON, "70", "9", NULL, 2, 1e-8},
             {"strips of a ring", PROBLEM_BURGERS, "136", NULL, "7", 3, 1e-3}};

pdm_batch nested_batch(void)
{
    return (pdm_batch){NESTED_LISTED, nested_listed};
}

double *nested_numbers(pdm_size n)
{
    double *x = calloc((size_t)n + 1, sizeof *x);
    ck_assert_ptr_nonnull(x);
    return x;
}

/* ---- problems and their plans ---- */

void nested_case(problem *p, int number, int n_thread)
{
    *p = (problem){.number = CASES[number].problem == OWN ? 0 : CASES[number].problem, .n_sample = NESTED_SAMPLES};
    ck_assert_int_eq(pdm_context_create(NULL, &p->ctx), PDM_OK);
    ck_assert_int_eq(pdm_context_set_threads(p->ctx, n_thread), PDM_OK);
    if (CASES[number].problem == OWN) {
        ck_assert_int_eq(pdm_case_create(p->ctx, &p->the_case), PDM_OK);
        for (size_t i = 0; i < sizeof LINE / sizeof *LINE; i++)
            ck_assert_int_eq(pdm_case_set_text(p->the_case, LINE[i].group, LINE[i].name, LINE[i].value), PDM_OK);
    } else
        ck_assert_int_eq(problem_case(p->ctx, CASES[number].problem, &p->the_case), PDM_OK);
    ck_assert_int_eq(pdm_case_set_text(p->the_case, "domain", "levels", "off"), PDM_OK); /* no pyramid */
    const setting points[] = {{"domain/x", "control_points", CASES[number].x},
                              {"domain/y", "control_points", CASES[number].y},
                              {"domain/t", "control_points", CASES[number].t}};
    for (int i = 0; i < 3; i++)
        if (points[i].value)
            ck_assert_int_eq(pdm_case_set_text(p->the_case, points[i].group, points[i].name, points[i].value), PDM_OK);
}

void nested_open(nested *k, int number, const char *backend, int n_thread)
{
    nested_case(&k->p, number, n_thread);
    problem_open_case(&k->p, backend);
    k->name = CASES[number].name;
    k->nest = NULL;
    k->plan = NULL;
    for (int s = 0; s < NESTED_SAMPLES; s++) k->shift[s] = CASES[number].shift * (1.0 + s);
    ck_assert_int_eq(pdm_nest_create(k->p.ctx, k->p.domain, &k->nest), PDM_OK);
    ck_assert_msg(pdm_nest_describe(k->nest)->n_level == CASES[number].n_level, "%s: %d levels", CASES[number].name,
                  (int)pdm_nest_describe(k->nest)->n_level);
    pdm_backend *b = k->p.backend;
    ck_assert_msg(b->ops->nest_create(b, pdm_domain_rows(k->p.domain), pdm_nest_describe(k->nest), NESTED_SAMPLES,
                                      &k->plan) == PDM_OK,
                  "%s", pdm_context_error(k->p.ctx));
}

void nested_close(nested *k)
{
    k->p.backend->ops->nest_destroy(k->p.backend, &k->plan);
    pdm_nest_destroy(&k->nest);
    problem_close(&k->p);
}

void nested_linearise(nested *k)
{
    problem *p = &k->p;
    problem_random_state(p, 5);
    ck_assert_int_eq(p->backend->ops->rows_linearise(p->backend, p->rows, problem_batch(p), &p->data, p->c, p->A),
                     PDM_OK);
}

void nested_levels(const nested *k, pdm_nest_levels *out)
{
    ck_assert_int_eq(pdm_nest_levels_create(k->p.ctx, pdm_domain_rows(k->p.domain), pdm_nest_describe(k->nest), out),
                     PDM_OK);
}

void nested_factor(nested *k, int32_t *failed)
{
    pdm_backend *b = k->p.backend;
    ck_assert_msg(b->ops->nest_factor(b, k->plan, nested_batch(), k->shift, k->p.A, failed) == PDM_OK, "%s",
                  pdm_context_error(k->p.ctx));
}

bool nested_is_free(const problem *p, pdm_size i)
{
    return pdm_domain_free(p->domain)[i % p->c_size];
}

double *nested_random(const problem *p, uint64_t seed, double other)
{
    double *x = nested_numbers(NESTED_SAMPLES * p->c_size);
    for (pdm_size i = 0; i < NESTED_SAMPLES * p->c_size; i++)
        x[i] = nested_is_free(p, i) ? pdm_random_uniform((pdm_random_key){seed, PDM_RANDOM_TEST, 9}, (uint64_t)i) - 0.5
                                    : other;
    return x;
}

double nested_dot(const double *x, const double *y, pdm_size n)
{
    double sum = 0.0;
    for (pdm_size i = 0; i < n; i++) sum += x[i] * y[i];
    return sum;
}

double *nested_apply(nested *k, const double *x)
{
    problem       *p  = &k->p;
    const pdm_size n  = NESTED_SAMPLES * p->c_size;
    double        *in = nested_numbers(n), *out = nested_numbers(n);
    for (pdm_size i = 0; i < n; i++) in[i] = nested_is_free(p, i) ? x[i] : (double)NAN, out[i] = NOT_THERE;
    problem_put(p, p->v, in, n);
    problem_put(p, p->out, out, n);
    pdm_backend *b = p->backend;
    ck_assert_msg(b->ops->nest_solve(b, k->plan, nested_batch(), p->v, p->out) == PDM_OK, "%s",
                  pdm_context_error(p->ctx));
    problem_get(p, p->out, out, n);
    for (pdm_size i = p->c_size; i < 2 * p->c_size; i++) ck_assert_double_eq(out[i], NOT_THERE);
    free(in);
    return out;
}

/* ---- conjugate gradients ---- */

/* out = A^T A x for the listed samples, where it is free */
static void apply_square(problem *p, const double *x, double *out)
{
    problem_put(p, p->v, x, NESTED_SAMPLES * p->c_size);
    ck_assert_int_eq(p->backend->ops->rows_curvature(p->backend, p->rows, nested_batch(), p->A, NULL, p->v, p->out),
                     PDM_OK);
    problem_get(p, p->out, out, NESTED_SAMPLES * p->c_size);
    for (pdm_size i = 0; i < NESTED_SAMPLES * p->c_size; i++)
        if (!nested_is_free(p, i)) out[i] = 0.0;
}

void nested_H(nested *k, double *H[NESTED_SAMPLES])
{
    problem       *p = &k->p;
    const pdm_size n = p->c_size;
    double        *x = nested_numbers(NESTED_SAMPLES * n), *out = nested_numbers(NESTED_SAMPLES * n);
    for (int s = 0; s < NESTED_LISTED; s++) H[nested_listed[s]] = nested_numbers(n * n);
    for (pdm_size i = 0; i < n; i++) {
        for (int s = 0; s < NESTED_SAMPLES; s++) x[s * n + i] = nested_is_free(p, i);
        apply_square(p, x, out);
        for (int s = 0; s < NESTED_SAMPLES; s++) x[s * n + i] = 0.0;
        for (int s = 0; s < NESTED_LISTED; s++) {
            double *column = H[nested_listed[s]] + i * n;
            memcpy(column, out + nested_listed[s] * n, (size_t)n * sizeof *column);
            column[i] *= 1.0 + k->shift[nested_listed[s]];
        }
    }
    free(x), free(out);
}
void nested_free_H(double *H[NESTED_SAMPLES])
{
    for (int s = 0; s < NESTED_LISTED; s++) free(H[nested_listed[s]]);
}

static void multiply(pdm_size n, const double *H, const double *x, double *out)
{
    for (pdm_size i = 0; i < n; i++) out[i] = nested_dot(H + i * n, x, n);
}

int nested_iterations(nested *k, int32_t s, const double *H)
{
    const problem *p = &k->p;
    const pdm_size n = p->c_size, at = s * n;
    double        *all = nested_random(p, 3, 0.0), *r = all + at, *d = nested_numbers(n), *Hd = nested_numbers(n);
    double        *z = nested_apply(k, all), first = nested_dot(r, z + at, n), rz = first;
    int            i = 0;
    memcpy(d, z + at, (size_t)n * sizeof *d);
    for (; i < 300 && rz > 1e-16 * first; i++) {
        multiply(n, H, d, Hd);
        const double alpha = rz / nested_dot(d, Hd, n), before = rz;
        for (pdm_size j = 0; j < n; j++) r[j] -= alpha * Hd[j];
        free(z);
        z  = nested_apply(k, all);
        rz = nested_dot(r, z + at, n);
        for (pdm_size j = 0; j < n; j++) d[j] = z[at + j] + rz / before * d[j];
    }
    free(all), free(d), free(Hd), free(z);
    return i;
}

/* ---- the definition ---- */

/* x = H^-1 x by Cholesky; H [n][n] is used up */
static void solve_dense(pdm_size n, double *H, double *x)
{
    for (pdm_size j = 0; j < n; j++)
        for (pdm_size i = j; i < n; i++) {
            double sum = H[i * n + j];
            for (pdm_size q = 0; q < j; q++) sum -= H[i * n + q] * H[j * n + q];
            H[i * n + j] = i == j ? sqrt(sum) : sum / H[j * n + j];
        }
    for (pdm_size i = 0; i < n; i++) {
        for (pdm_size q = 0; q < i; q++) x[i] -= H[i * n + q] * x[q];
        x[i] /= H[i * n + i];
    }
    for (pdm_size i = n - 1; i >= 0; i--) {
        for (pdm_size q = i + 1; q < n; q++) x[i] -= H[q * n + i] * x[q];
        x[i] /= H[i * n + i];
    }
}

/* P [n_all][n_all, coarser] */
static double *make_P(const pdm_nest_levels *p, const pdm_nest_level *l)
{
    const pdm_nest_level *c = l + 1;
    double               *P = nested_numbers(l->n_all * c->n_all);
    for (pdm_size u = 0; u < l->n_all; u++)
        for (pdm_size k = 0; k < p->n_local; k++) {
            pdm_size index[PDM_MAX_DIM], local[PDM_MAX_DIM], width[PDM_MAX_DIM], at = 0;
            double   w = 1.0;
            for (pdm_size j = 0; j < p->n_dim; j++) width[j] = p->rows->degree[j] + 1;
            pdm_nest_unpack(p->n_dim, l->n_coef, u % l->n, index);
            pdm_nest_unpack(p->n_dim, width, k, local);
            for (pdm_size j = 0; j < p->n_dim; j++) {
                w *= l->weight[j][index[j] * width[j] + local[j]];
                at = at * c->n_coef[j] + (l->first[j][index[j]] + local[j]) % c->n_coef[j];
            }
            if (l->free[u] && c->free[u / l->n * c->n + at]) P[u * c->n_all + u / l->n * c->n + at] += w;
        }
    return P;
}

/* P^T H P */
static double *coarsened(pdm_size n, pdm_size m, const double *H, const double *P)
{
    double *HP = nested_numbers(n * m), *out = nested_numbers(m * m);
    for (pdm_size i = 0; i < n; i++)
        for (pdm_size k = 0; k < n; k++)
            if (H[i * n + k] != 0.0)
                for (pdm_size j = 0; j < m; j++) HP[i * m + j] += H[i * n + k] * P[k * m + j];
    for (pdm_size k = 0; k < n; k++)
        for (pdm_size i = 0; i < m; i++)
            if (P[k * m + i] != 0.0)
                for (pdm_size j = 0; j < m; j++) out[i * m + j] += P[k * m + i] * HP[k * m + j];
    free(HP);
    return out;
}

static void relax(const pdm_nest_level *l, const double *H, const double *y, pdm_size patch, double *x)
{
    const int32_t *unknown = l->unknown + l->patch0[patch];
    const pdm_size n       = l->patch0[patch + 1] - l->patch0[patch];
    double        *M = nested_numbers(n * n), *d = nested_numbers(n);
    for (pdm_size i = 0; i < n; i++) {
        d[i] = y[unknown[i]] - nested_dot(H + unknown[i] * l->n_all, x, l->n_all);
        for (pdm_size j = 0; j < n; j++) M[i * n + j] = H[unknown[i] * l->n_all + unknown[j]];
    }
    solve_dense(n, M, d);
    for (pdm_size i = 0; i < n; i++) x[unknown[i]] += d[i];
    free(M), free(d);
}

static bool is_of(const pdm_nest_level *l, nested_order order, pdm_size part, pdm_size patch)
{
    pdm_size strip = 0;
    if (order == NESTED_COLOURS) return l->colour[patch] == part;
    while (l->strip0[strip + 1] <= patch) strip++;
    return strip % 2 == part;
}

static void sweep(const pdm_nest_level *l, nested_order order, const double *H, const double *y, bool back, double *x)
{
    const pdm_size n_part = order == NESTED_COLOURS ? l->n_colour : 2;
    for (pdm_size k = 0; k < n_part; k++)
        for (pdm_size i = 0; i < l->n_patch; i++) {
            const pdm_size patch = back ? l->n_patch - 1 - i : i;
            if (is_of(l, order, back ? n_part - 1 - k : k, patch)) relax(l, H, y, patch, x);
        }
}

void nested_cycle(const pdm_nest_levels *p, pdm_size level, nested_order order, const double *H, const double *y,
                  double *x)
{
    const pdm_nest_level *l = &p->level[level];
    memset(x, 0, (size_t)l->n_all * sizeof *x);
    sweep(l, order, H, y, false, x);
    if (level + 1 < p->n_level) {
        const pdm_size n = l->n_all, m = l[1].n_all;
        double        *P = make_P(p, l), *Hc = coarsened(n, m, H, P), *yc = nested_numbers(m), *xc = nested_numbers(m);
        for (pdm_size i = 0; i < n; i++)
            for (pdm_size j = 0; j < m; j++) yc[j] += P[i * m + j] * (y[i] - nested_dot(H + i * n, x, n));
        nested_cycle(p, level + 1, order, Hc, yc, xc);
        for (pdm_size i = 0; i < n; i++) x[i] += nested_dot(P + i * m, xc, m);
        free(P), free(Hc), free(yc), free(xc);
    }
    sweep(l, order, H, y, true, x);
}
