/* Nested splines of the back end "cuda", on the double of its toolkit: K is symmetric, positive, as good as the CPU's,
 * and what its definition says, written out with dense matrices. */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "backend/nest.h"
#include "tests/double/reach.h"
#include "tests/problems.h"

enum { N_SAMPLE = 3, N_LISTED = 2, OWN = -1 };
static const int32_t LISTED[N_LISTED] = {2, 0}; /* sample 1 is left alone */
static const double  NOT_THERE        = 7.0;

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
             {"four dimensions", PROBLEM_SPACE3, "9", NULL, NULL, 2, 1e-2}};
enum { N_CASE = sizeof CASES / sizeof *CASES, N_QUICK = 8 };

static pdm_batch listed(void)
{
    return (pdm_batch){N_LISTED, LISTED};
}

static double *numbers(pdm_size n)
{
    double *x = calloc((size_t)n + 1, sizeof *x);
    ck_assert_ptr_nonnull(x);
    return x;
}
static double *get(problem *p, pdm_buffer *b, pdm_size n)
{
    double *x = numbers(n);
    problem_get(p, b, x, n);
    return x;
}

/* ---- pairs of problems ---- */

typedef struct nested {
    problem        p;
    int            number; /* of the case */
    double         shift[N_SAMPLE];
    pdm_nest      *nest;
    pdm_nest_plan *plan;
} nested;

static void make_case(problem *p, int number)
{
    *p = (problem){.number = CASES[number].problem == OWN ? 0 : CASES[number].problem, .n_sample = N_SAMPLE};
    ck_assert_int_eq(pdm_context_create(NULL, &p->ctx), PDM_OK);
    ck_assert_int_eq(pdm_context_set_threads(p->ctx, 1), PDM_OK);
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

static void open_nested(nested *k, int number, const char *backend)
{
    make_case(&k->p, number);
    problem_open_case(&k->p, backend);
    k->number = number;
    k->nest   = NULL;
    k->plan   = NULL;
    for (int s = 0; s < N_SAMPLE; s++) k->shift[s] = CASES[number].shift * (1.0 + s);
    ck_assert_int_eq(pdm_nest_create(k->p.ctx, k->p.domain, &k->nest), PDM_OK);
    ck_assert_msg(pdm_nest_describe(k->nest)->n_level == CASES[number].n_level, "%s: %d levels", CASES[number].name,
                  (int)pdm_nest_describe(k->nest)->n_level);
    pdm_backend *b = k->p.backend;
    ck_assert_msg(
        b->ops->nest_create(b, pdm_domain_rows(k->p.domain), pdm_nest_describe(k->nest), N_SAMPLE, &k->plan) == PDM_OK,
        "%s", pdm_context_error(k->p.ctx));
}

static void close_nested(nested *k)
{
    k->p.backend->ops->nest_destroy(k->p.backend, &k->plan);
    pdm_nest_destroy(&k->nest);
    problem_close(&k->p);
}

static void factor(nested *k, pdm_batch s, int32_t *failed)
{
    pdm_backend *b = k->p.backend;
    ck_assert_msg(b->ops->nest_factor(b, k->plan, s, k->shift, k->p.A, failed) == PDM_OK, "%s",
                  pdm_context_error(k->p.ctx));
}
static void solve(nested *k, pdm_batch s, pdm_buffer *y, pdm_buffer *x)
{
    pdm_backend *b = k->p.backend;
    ck_assert_msg(b->ops->nest_solve(b, k->plan, s, y, x) == PDM_OK, "%s", pdm_context_error(k->p.ctx));
}

/* The CPU's A for both, and the factors. */
static void open_pair(nested pair[2], int number)
{
    open_nested(&pair[0], number, "cpu");
    open_nested(&pair[1], number, "cuda");
    problem *p = &pair[0].p;
    problem_random_state(p, 5);
    ck_assert_int_eq(p->backend->ops->rows_linearise(p->backend, p->rows, problem_batch(p), &p->data, p->c, p->A),
                     PDM_OK);
    double *A = get(p, p->A, N_SAMPLE * p->a_size);
    problem_put(&pair[1].p, pair[1].p.A, A, N_SAMPLE * p->a_size);
    free(A);
    for (int k = 0; k < 2; k++) {
        int32_t failed[N_SAMPLE] = {7, 7, 7};
        factor(&pair[k], listed(), failed);
        ck_assert_int_eq(failed[0], 0);
        ck_assert_int_eq(failed[1], 7);
        ck_assert_int_eq(failed[2], 0);
    }
}

static void close_pair(nested pair[2])
{
    close_nested(&pair[0]);
    close_nested(&pair[1]);
}

static bool is_free(const problem *p, pdm_size i)
{
    return pdm_domain_free(p->domain)[i % p->c_size];
}

/* Random where it is free, `other` elsewhere: [N_SAMPLE][c_size] */
static double *random_free(const problem *p, uint64_t seed, double other)
{
    double *x = numbers(N_SAMPLE * p->c_size);
    for (pdm_size i = 0; i < N_SAMPLE * p->c_size; i++)
        x[i] =
            is_free(p, i) ? pdm_random_uniform((pdm_random_key){seed, PDM_RANDOM_TEST, 9}, (uint64_t)i) - 0.5 : other;
    return x;
}

static double dot(const double *x, const double *y, pdm_size n)
{
    double sum = 0.0;
    for (pdm_size i = 0; i < n; i++) sum += x[i] * y[i];
    return sum;
}

/* K x of all listed samples, what is not free being NaN in x; the sample that is not listed keeps what it had. */
static double *apply_K(nested *k, const double *x)
{
    problem       *p  = &k->p;
    const pdm_size n  = N_SAMPLE * p->c_size;
    double        *in = numbers(n), *out = numbers(n);
    for (pdm_size i = 0; i < n; i++) in[i] = is_free(p, i) ? x[i] : (double)NAN, out[i] = NOT_THERE;
    problem_put(p, p->v, in, n);
    problem_put(p, p->out, out, n);
    solve(k, listed(), p->v, p->out);
    problem_get(p, p->out, out, n);
    for (pdm_size i = p->c_size; i < 2 * p->c_size; i++) ck_assert_double_eq(out[i], NOT_THERE);
    free(in);
    return out;
}

/* All cases take a minute on the double: every fifth does, unless PDM_TEST_LONG is set. */
static bool is_left_out(int i)
{
    return i % 5 != 0 && !getenv("PDM_TEST_LONG");
}

START_TEST(K_is_symmetric_and_positive)
    {
        if (is_left_out(_i)) return;
        nested pair[2];
        open_pair(pair, _i);
        const problem *p = &pair[0].p;
        const pdm_size n = p->c_size;
        double        *x = random_free(p, 1, 0.0), *y = random_free(p, 2, 0.0);
        for (int k = 0; k < 2; k++) {
            double *Kx = apply_K(&pair[k], x), *Ky = apply_K(&pair[k], y);
            for (int i = 0; i < N_LISTED; i++) {
                const pdm_size at = LISTED[i] * n;
                const double   xy = dot(Kx + at, y + at, n), yx = dot(x + at, Ky + at, n);
                const double   size = sqrt(dot(Kx + at, Kx + at, n) * dot(y + at, y + at, n));
                ck_assert_msg(fabs(xy - yx) <= 1e-12 * size, "%s, %s: %.3g of %.3g", CASES[_i].name,
                              pair[k].p.backend->ops->name, xy - yx, size);
                ck_assert_double_gt(dot(Kx + at, x + at, n), 0.0);
                for (pdm_size q = at; q < at + n; q++)
                    if (!is_free(p, q)) ck_assert_double_eq(Kx[q], 0.0);
            }
            free(Kx), free(Ky);
        }
        free(x), free(y);
        close_pair(pair);
    }
END_TEST

/* ---- conjugate gradients ---- */

/* out = A^T A x for the listed samples, where it is free */
static void apply_square(problem *p, const double *x, double *out)
{
    problem_put(p, p->v, x, N_SAMPLE * p->c_size);
    ck_assert_int_eq(p->backend->ops->rows_apply_both(p->backend, p->rows, listed(), p->A, p->v, p->out), PDM_OK);
    problem_get(p, p->out, out, N_SAMPLE * p->c_size);
    for (pdm_size i = 0; i < N_SAMPLE * p->c_size; i++)
        if (!is_free(p, i)) out[i] = 0.0;
}

/* H [c_size][c_size] of the listed samples, column by column. */
static void make_H(nested *k, double *H[N_SAMPLE])
{
    problem       *p = &k->p;
    const pdm_size n = p->c_size;
    double        *x = numbers(N_SAMPLE * n), *out = numbers(N_SAMPLE * n);
    for (int s = 0; s < N_LISTED; s++) H[LISTED[s]] = numbers(n * n);
    for (pdm_size i = 0; i < n; i++) {
        for (int s = 0; s < N_SAMPLE; s++) x[s * n + i] = is_free(p, i);
        apply_square(p, x, out);
        for (int s = 0; s < N_SAMPLE; s++) x[s * n + i] = 0.0;
        for (int s = 0; s < N_LISTED; s++) {
            double *column = H[LISTED[s]] + i * n;
            memcpy(column, out + LISTED[s] * n, (size_t)n * sizeof *column);
            column[i] *= 1.0 + k->shift[LISTED[s]];
        }
    }
    free(x), free(out);
}
static void free_H(double *H[N_SAMPLE])
{
    for (int s = 0; s < N_LISTED; s++) free(H[LISTED[s]]);
}

static void multiply(pdm_size n, const double *H, const double *x, double *out)
{
    for (pdm_size i = 0; i < n; i++) out[i] = dot(H + i * n, x, n);
}

/* Iterations of sample s until r.K r is 1e-16 of what it was. */
static int iterations(nested *k, int32_t s, const double *H)
{
    const problem *p = &k->p;
    const pdm_size n = p->c_size, at = s * n;
    double        *all = random_free(p, 3, 0.0), *r = all + at, *d = numbers(n), *Hd = numbers(n);
    double        *z = apply_K(k, all), first = dot(r, z + at, n), rz = first;
    int            i = 0;
    memcpy(d, z + at, (size_t)n * sizeof *d);
    for (; i < 300 && rz > 1e-16 * first; i++) {
        multiply(n, H, d, Hd);
        const double alpha = rz / dot(d, Hd, n), before = rz;
        for (pdm_size j = 0; j < n; j++) r[j] -= alpha * Hd[j];
        free(z);
        z  = apply_K(k, all);
        rz = dot(r, z + at, n);
        for (pdm_size j = 0; j < n; j++) d[j] = z[at + j] + rz / before * d[j];
    }
    free(all), free(d), free(Hd), free(z);
    return i;
}

START_TEST(K_is_as_good_as_that_of_the_cpu)
    {
        if (is_left_out(_i)) return;
        nested  pair[2];
        double *H[N_SAMPLE] = {NULL};
        open_pair(pair, _i);
        make_H(&pair[0], H);
        const int32_t s   = LISTED[1];
        const int     cpu = iterations(&pair[0], s, H[s]), cuda = iterations(&pair[1], s, H[s]);
        ck_assert_msg(cuda <= 1.2 * cpu + 1.0, "%s: %d iterations, %d on the CPU", CASES[_i].name, cuda, cpu);
        free_H(H);
        close_pair(pair);
    }
END_TEST

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
    double               *P = numbers(l->n_all * c->n_all);
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
    double *HP = numbers(n * m), *out = numbers(m * m);
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
    double        *M = numbers(n * n), *d = numbers(n);
    for (pdm_size i = 0; i < n; i++) {
        d[i] = y[unknown[i]] - dot(H + unknown[i] * l->n_all, x, l->n_all);
        for (pdm_size j = 0; j < n; j++) M[i * n + j] = H[unknown[i] * l->n_all + unknown[j]];
    }
    solve_dense(n, M, d);
    for (pdm_size i = 0; i < n; i++) x[unknown[i]] += d[i];
    free(M), free(d);
}

static void sweep(const pdm_nest_level *l, const double *H, const double *y, bool back, double *x)
{
    for (pdm_size k = 0; k < l->n_colour; k++)
        for (pdm_size q = 0; q < l->n_patch; q++)
            if (l->colour[q] == (back ? l->n_colour - 1 - k : k)) relax(l, H, y, q, x);
}

/* x = K y of a level */
static void cycle(const pdm_nest_levels *p, pdm_size level, const double *H, const double *y, double *x)
{
    const pdm_nest_level *l = &p->level[level];
    memset(x, 0, (size_t)l->n_all * sizeof *x);
    sweep(l, H, y, false, x);
    if (level + 1 < p->n_level) {
        const pdm_size n = l->n_all, m = l[1].n_all;
        double        *P = make_P(p, l), *Hc = coarsened(n, m, H, P), *yc = numbers(m), *xc = numbers(m);
        for (pdm_size i = 0; i < n; i++)
            for (pdm_size j = 0; j < m; j++) yc[j] += P[i * m + j] * (y[i] - dot(H + i * n, x, n));
        cycle(p, level + 1, Hc, yc, xc);
        for (pdm_size i = 0; i < n; i++) x[i] += dot(P + i * m, xc, m);
        free(P), free(Hc), free(yc), free(xc);
    }
    sweep(l, H, y, true, x);
}

START_TEST(K_is_what_it_is_defined_to_be)
    {
        if (is_left_out(_i)) return;
        nested          pair[2];
        double         *H[N_SAMPLE] = {NULL};
        pdm_nest_levels levels      = {0};
        open_pair(pair, _i);
        problem       *p = &pair[0].p;
        const pdm_size n = p->c_size;
        make_H(&pair[0], H);
        ck_assert_int_eq(
            pdm_nest_levels_create(p->ctx, pdm_domain_rows(p->domain), pdm_nest_describe(pair[0].nest), &levels),
            PDM_OK);
        double *y = random_free(p, 4, 0.0), *x = numbers(n), *K = apply_K(&pair[1], y);
        for (int k = 0; k < N_LISTED; k++) {
            const pdm_size at   = LISTED[k] * n;
            double         most = 0.0, gap = 0.0;
            cycle(&levels, 0, H[LISTED[k]], y + at, x);
            for (pdm_size i = 0; i < n; i++) {
                most = fmax(most, fabs(x[i]));
                gap  = fmax(gap, fabs(x[i] - K[at + i]));
            }
            ck_assert_msg(gap <= 1e-10 * most, "%s: %.3g of %.3g off", CASES[_i].name, gap, most);
        }
        free(x), free(y), free(K), free_H(H);
        pdm_nest_levels_destroy(p->ctx, &levels);
        close_pair(pair);
    }
END_TEST

/* No two patches of a colour touch: H has nothing between them. */
START_TEST(patches_of_a_colour_are_apart)
    {
        nested          k;
        pdm_nest_levels levels = {0};
        open_nested(&k, _i, "cpu");
        ck_assert_int_eq(
            pdm_nest_levels_create(k.p.ctx, pdm_domain_rows(k.p.domain), pdm_nest_describe(k.nest), &levels), PDM_OK);
        for (pdm_size i = 0; i < levels.n_level; i++) {
            const pdm_nest_level *l    = &levels.level[i];
            int32_t              *seen = calloc((size_t)l->n, sizeof *seen); /* 1 + the last patch that sees it */
            for (pdm_size c = 0; c < l->n_colour; c++) {
                memset(seen, 0, (size_t)l->n * sizeof *seen);
                for (pdm_size q = 0; q < l->n_patch; q++) {
                    if (l->colour[q] != c) continue;
                    for (pdm_size u = l->patch0[q]; u < l->patch0[q + 1]; u++) /* no one before has seen it */
                        ck_assert(seen[l->unknown[u] % l->n] == 0);
                    for (pdm_size u = l->patch0[q]; u < l->patch0[q + 1]; u++)
                        for (pdm_size w = 0; w < levels.width; w++) {
                            pdm_size index[PDM_MAX_DIM], width[PDM_MAX_DIM], offset[PDM_MAX_DIM], at = 0;
                            bool     inside = true;
                            for (pdm_size j = 0; j < levels.n_dim; j++) width[j] = 2 * levels.rows->degree[j] + 1;
                            pdm_nest_unpack(levels.n_dim, l->n_coef, l->unknown[u] % l->n, index);
                            pdm_nest_unpack(levels.n_dim, width, w, offset);
                            for (pdm_size j = 0; j < levels.n_dim; j++) {
                                const pdm_size m = l->n_coef[j];
                                pdm_size       o = index[j] + offset[j] - levels.rows->degree[j];
                                if (levels.rows->periodic[j]) o = (o % m + m) % m;
                                inside = inside && o >= 0 && o < m;
                                at     = at * m + o;
                            }
                            if (inside) seen[at] = 1;
                        }
                }
            }
            free(seen);
        }
        pdm_nest_levels_destroy(k.p.ctx, &levels);
        close_nested(&k);
    }
END_TEST

/* ---- manners ---- */

START_TEST(nests_repeat_to_the_bit)
    {
        if (is_left_out(_i)) return;
        if (!double_is_here()) return;
        nested pair[2];
        open_pair(pair, _i);
        const pdm_size n = N_SAMPLE * pair[1].p.c_size;
        double        *y = random_free(&pair[1].p, 6, 0.0), *x[2];
        for (int k = 0; k < 2; k++) {
            int32_t failed[N_SAMPLE];
            double_seed((uint64_t)(1 + k));
            factor(&pair[1], listed(), failed);
            x[k] = apply_K(&pair[1], y);
        }
        ck_assert_mem_eq(x[0], x[1], (size_t)n * sizeof *y);
        free(x[0]), free(x[1]), free(y);
        close_pair(pair);
    }
END_TEST

/* What goes to the device and back: shifts, and which samples failed. */
START_TEST(nests_stay_on_the_device)
    {
        if (!double_is_here()) return;
        nested  pair[2];
        int32_t failed[N_SAMPLE];
        open_pair(pair, _i);
        double *y = random_free(&pair[1].p, 6, 0.0);
        free(apply_K(&pair[1], y));
        const pdm_double_count first = double_counts();
        factor(&pair[1], listed(), failed);
        const pdm_double_count before = double_counts();
        solve(&pair[1], listed(), pair[1].p.v, pair[1].p.out);
        const pdm_double_count after = double_counts();
        ck_assert_int_le(before.to_device, first.to_device + 1);
        ck_assert_int_eq(before.to_host, first.to_host + 1);
        ck_assert_int_eq(before.synchronisations, first.synchronisations + 1);
        ck_assert_int_eq(after.to_device, before.to_device);
        ck_assert_int_eq(after.to_host, before.to_host);
        ck_assert_int_eq(after.synchronisations, before.synchronisations);
        ck_assert_int_eq(after.live, first.live);
        ck_assert_int_eq(after.live_pinned, first.live_pinned);
        free(y);
        close_pair(pair);
    }
END_TEST

/* A sample whose H is not positive is told; the other one has the bits that it has by itself. */
START_TEST(one_of_several_samples_fails)
    {
        if (is_left_out(_i)) return;
        nested pair[2];
        open_pair(pair, _i);
        nested        *k = &pair[1];
        problem       *p = &k->p;
        const pdm_size n = p->c_size;
        double        *y = random_free(p, 6, 0.0), *A = get(p, p->A, N_SAMPLE * p->a_size), *x = apply_K(k, y);
        int32_t        failed[N_SAMPLE] = {7, 7, 7};
        for (pdm_size i = 2 * p->a_size; i < 3 * p->a_size; i++) A[i] = i % 2 ? 0.0 : (double)NAN;
        problem_put(p, p->A, A, N_SAMPLE * p->a_size);
        factor(k, listed(), failed);
        ck_assert_int_eq(failed[0], 0);
        ck_assert_int_eq(failed[1], 7);
        ck_assert_int_gt(failed[2], 0);
        memset(A + 2 * p->a_size, 0, (size_t)p->a_size * sizeof *A);
        problem_put(p, p->A, A, N_SAMPLE * p->a_size);
        factor(k, listed(), failed);
        ck_assert_int_eq(failed[0], 0);
        ck_assert_int_gt(failed[2], 0);
        for (pdm_size i = 2 * n; i < 3 * n; i++) y[i] = 0.0;
        double *z = apply_K(k, y);
        ck_assert_mem_eq(z, x, (size_t)n * sizeof *x);
        free(x), free(y), free(z), free(A);
        close_pair(pair);
    }
END_TEST

/* Every call of the toolkit that can fail does once: an error with words, and nothing is left behind. */
START_TEST(failures_are_survived)
    {
        if (!double_is_here()) return;
        bool done = false;
        for (int64_t k = 1; !done; k++) {
            nested n = {0};
            make_case(&n.p, 2);
            ck_assert_int_eq(pdm_pde_create(n.p.ctx, n.p.the_case, &n.p.pde), PDM_OK);
            ck_assert_int_eq(pdm_domain_create(n.p.ctx, n.p.the_case, n.p.pde, NULL, &n.p.domain), PDM_OK);
            ck_assert_int_eq(pdm_nest_create(n.p.ctx, n.p.domain, &n.nest), PDM_OK);
            ck_assert_int_eq(pdm_backend_create(n.p.ctx, "cuda", &n.p.backend), PDM_OK);
            double_fail_at(k);
            done = n.p.backend->ops->nest_create(n.p.backend, pdm_domain_rows(n.p.domain), pdm_nest_describe(n.nest), 2,
                                                 &n.plan) == PDM_OK;
            double_fail_at(0);
            if (!done) ck_assert_str_ne(pdm_context_error(n.p.ctx), "");
            ck_assert(done == (n.plan != NULL));
            n.p.backend->ops->nest_destroy(n.p.backend, &n.plan);
            pdm_nest_destroy(&n.nest);
            pdm_backend_destroy(&n.p.backend);
            pdm_domain_destroy(&n.p.domain);
            pdm_pde_destroy(&n.p.pde);
            pdm_case_destroy(&n.p.the_case);
            ck_assert_int_eq(pdm_context_destroy(&n.p.ctx), 0);
            const pdm_double_count now = double_counts();
            ck_assert_int_eq(now.live, 0);
            ck_assert_int_eq(now.live_pinned, 0);
            ck_assert_int_eq(now.live_handles, 0);
        }
    }
END_TEST

int main(void)
{
    Suite *suite = suite_create("cuda_nest");
    TCase *t     = tcase_create("nest");
    tcase_set_timeout(t, 120);
    tcase_add_loop_test(t, K_is_symmetric_and_positive, 0, N_CASE);
    tcase_add_loop_test(t, K_is_as_good_as_that_of_the_cpu, 0, N_CASE);
    tcase_add_loop_test(t, K_is_what_it_is_defined_to_be, 0, N_CASE);
    tcase_add_loop_test(t, patches_of_a_colour_are_apart, 0, N_CASE);
    tcase_add_loop_test(t, nests_repeat_to_the_bit, 0, N_QUICK);
    tcase_add_loop_test(t, nests_stay_on_the_device, 0, N_QUICK);
    tcase_add_loop_test(t, one_of_several_samples_fails, 0, N_QUICK);
    tcase_add_test(t, failures_are_survived);
    suite_add_tcase(suite, t);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
