#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/truth.h"

/* n nodes at distance h from x = 0 on; y [n_field][n]. */
typedef struct lines {
    size_t n;
    double h;
} lines;

/* u'' at node i, the sides being mirrors. */
static double bend(const lines *l, const double *u, size_t i)
{
    const double left = u[i > 0 ? i - 1 : 1], right = u[i + 1 < l->n ? i + 1 : l->n - 2];
    return (left - 2.0 * u[i] + right) / (l->h * l->h);
}

static void allen_cahn(const lines *l, double t, const double *u, double *slope)
{
    (void)t;
    for (size_t i = 0; i < l->n; i++) slope[i] = 0.01 * bend(l, u, i) + 5.0 * (u[i] - u[i] * u[i] * u[i]);
}

static void gray_scott(const lines *l, double t, const double *y, double *slope)
{
    const double *u = y, *v = y + l->n;
    (void)t;
    for (size_t i = 0; i < l->n; i++) {
        const double eaten = u[i] * v[i] * v[i];
        slope[i]           = 2e-4 * bend(l, u, i) - eaten + 0.04 * (1.0 - u[i]);
        slope[l->n + i]    = 1e-4 * bend(l, v, i) + eaten - 0.1 * v[i];
    }
}

static void cahn_hilliard(const lines *l, double t, const double *u, double *slope)
{
    static double potential[1024];
    (void)t;
    for (size_t i = 0; i < l->n; i++) potential[i] = u[i] * u[i] * u[i] - u[i] - 0.01 * bend(l, u, i);
    for (size_t i = 0; i < l->n; i++) slope[i] = bend(l, potential, i);
}

/* y = u + sqrt(u + 1e-9) - sqrt(1e-9) of which w = sqrt(u + 1e-9) is the root of w^2 + w = y + c. */
static double sorbed_of(double y)
{
    const double w = 0.5 * (sqrt(1.0 + 4.0 * (y + sqrt(1e-9) + 1e-9)) - 1.0);
    return w * w - 1e-9;
}

static void sorption(const lines *l, double t, const double *y, double *slope)
{
    static double u[4096];
    for (size_t i = 0; i < l->n; i++) u[i] = sorbed_of(y[i]);
    u[0]     = 1.0 - exp(-10.0 * t);
    slope[0] = 0.0;
    for (size_t i = 1; i < l->n; i++) slope[i] = 0.05 * bend(l, u, i);
}

static void channel(const lines *l, double t, const double *u, double *slope)
{
    (void)t;
    slope[0] = slope[l->n - 1] = 0.0;
    for (size_t i = 1; i + 1 < l->n; i++)
        slope[i] = 1.0 - (u[i + 1] - u[i - 1]) / (2.0 * l->h) + 0.0025 * bend(l, u, i);
}

static double seed_allen_cahn(size_t f, double x)
{
    (void)f;
    return 0.001 * cos(acos(-1.0) * x);
}

static double seed_gray_scott(size_t f, double x)
{
    const double hill = exp(-100.0 * (x - 0.5) * (x - 0.5));
    return f == 0 ? 1.0 - 0.5 * hill : 0.25 * hill;
}

static double seed_cahn_hilliard(size_t f, double x)
{
    const double pi = acos(-1.0);
    (void)f;
    return 0.2 + 0.3 * cos(pi * x) + 0.1 * cos(2.0 * pi * x);
}

static double seed_nothing(size_t f, double x)
{
    (void)f;
    (void)x;
    return 0.0;
}

/* value: of the field from the state, or NULL. limit: a stable step is limit h^power. */
static const struct {
    const char *name;
    size_t      n_field;
    void (*rate)(const lines *l, double t, const double *y, double *slope);
    double (*start)(size_t field, double x);
    bool   sorbs;
    double limit, power;
} systems[] = {{"allen_cahn", 1, allen_cahn, seed_allen_cahn, false, 50.0, 2.0},
               {"gray_scott", 2, gray_scott, seed_gray_scott, false, 2500.0, 2.0},
               {"cahn_hilliard", 1, cahn_hilliard, seed_cahn_hilliard, false, 14.0, 4.0},
               {"sorption", 1, sorption, seed_nothing, true, 10.0, 2.0},
               {"channel", 1, channel, seed_nothing, false, 200.0, 2.0}};

static void step(size_t s, const lines *l, double t, double h, double *y, double *work)
{
    const size_t        size = systems[s].n_field * l->n;
    double             *k = work, *z = work + size, *sum = work + 2 * size;
    static const double share[4] = {0.0, 0.5, 0.5, 1.0}, weight[4] = {1.0, 2.0, 2.0, 1.0};

    memcpy(sum, y, size * sizeof *sum);
    for (int stage = 0; stage < 4; stage++) {
        for (size_t i = 0; i < size; i++) z[i] = y[i] + (stage ? share[stage] * h * k[i] : 0.0);
        systems[s].rate(l, t + share[stage] * h, z, k);
        for (size_t i = 0; i < size; i++) sum[i] += weight[stage] * h / 6.0 * k[i];
    }
    memcpy(y, sum, size * sizeof *sum);
}

/* On `finer` times as many spans as there are points apart. */
static void integrate(size_t s, size_t finer, size_t n_t, const double *t, size_t n_x, double length, double *u)
{
    const lines  l    = {.n = finer * (n_x - 1) + 1, .h = length / (double)(finer * (n_x - 1))};
    const size_t size = systems[s].n_field * l.n;
    const double most = systems[s].limit * pow(l.h, systems[s].power);
    double      *y = malloc(size * sizeof *y), *work = malloc(3 * size * sizeof *work);

    for (size_t f = 0; f < systems[s].n_field; f++)
        for (size_t i = 0; i < l.n; i++) y[f * l.n + i] = systems[s].start(f, (double)i * l.h);
    for (size_t k = 0; k < n_t; k++) {
        const size_t n = k > 0 ? (size_t)ceil((t[k] - t[k - 1]) / most) : 0;
        for (size_t i = 0; i < n; i++) {
            const double h = (t[k] - t[k - 1]) / (double)n;
            step(s, &l, t[k - 1] + (double)i * h, h, y, work);
        }
        for (size_t f = 0; f < systems[s].n_field; f++)
            for (size_t i = 0; i < n_x; i++) {
                const double value         = y[f * l.n + finer * i];
                u[(f * n_t + k) * n_x + i] = !systems[s].sorbs ? value : i ? sorbed_of(value) : 1.0 - exp(-10.0 * t[k]);
            }
    }
    free(work);
    free(y);
}

bool truth_lines(const char *name, size_t n_field, size_t n_t, const double *t, size_t n_x, const double *x, double *u,
                 double *change)
{
    const size_t size = n_field * n_t * n_x;
    double      *half = malloc(size * sizeof *half), difference = 0.0, norm = 0.0;
    size_t       s = 0;

    while (s < sizeof systems / sizeof *systems && strcmp(systems[s].name, name) != 0) s++;
    const bool there = half && s < sizeof systems / sizeof *systems && systems[s].n_field == n_field;
    if (there) {
        integrate(s, 2, n_t, t, n_x, x[n_x - 1] - x[0], half);
        integrate(s, 4, n_t, t, n_x, x[n_x - 1] - x[0], u);
        for (size_t i = 0; i < size; i++) {
            difference += (u[i] - half[i]) * (u[i] - half[i]) / 9.0;
            u[i] += (u[i] - half[i]) / 3.0;
            norm += u[i] * u[i];
        }
        *change = sqrt(difference / norm);
    }
    free(half);
    return there;
}

void truth_hot_side(size_t n_x, const double *x, size_t n_y, const double *y, double *u)
{
    enum { TERMS = 400 };
    const double pi = acos(-1.0);
    for (size_t i = 0; i < n_x; i++)
        for (size_t j = 0; j < n_y; j++) {
            double sum = 0.0;
            for (int n = 1; n < TERMS; n += 2) {
                const double k = n * pi;
                sum +=
                    4.0 / k * sin(k * x[i]) * (exp(k * (y[j] - 1.0)) - exp(-k * (y[j] + 1.0))) / (1.0 - exp(-2.0 * k));
            }
            u[i * n_y + j] = y[j] == 1.0 ? 1.0 : sum;
        }
}
