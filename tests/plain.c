#include "tests/plain.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/truth.h"

enum { NEWTON = 30 };

/* n nodes at distance h from x0 on (and m at distance k along y). Periodic: the last node is the first. */
typedef struct net {
    size_t n, m;
    double x0, h, k;
    bool   periodic;
} net;

/* slope [size] of the state y [size] at time t; where `fixed` is set, slope = 0 is an equation for the state itself. */
typedef void (*rate_function)(const net *g, double t, const double *y, double *slope, bool *fixed);

/* ---- differences ---- */

/* The flux between two nodes at distance h. */
typedef double (*flux_function)(double left, double right, double h);

static double exchange(double D, double left, double right, double h)
{
    return -D * (right - left) / h;
}

#define DIFFUSION(name, D)                                  \
    static double name(double left, double right, double h) \
    {                                                       \
        return exchange(D, left, right, h);                 \
    }
#define CARRIED(name, eps)                                           \
    static double name(double left, double right, double h)          \
    {                                                                \
        return 0.5 * (left + right) + exchange(eps, left, right, h); \
    }
DIFFUSION(flux_one, 1.0)
DIFFUSION(flux_tenth, 0.1)
DIFFUSION(flux_hundredth, 0.01)
DIFFUSION(flux_thin, 0.05 * 0.05)
DIFFUSION(flux_conduction, 1.0 + 0.5 * (left + right))
DIFFUSION(flux_porous, left + right)
CARRIED(flux_advection, 0.0)
CARRIED(flux_half, 0.1)
CARRIED(flux_2, 0.025)
CARRIED(flux_20, 0.0025)

static double flux_burgers(double left, double right, double h)
{
    return 0.25 * (left * left + right * right) + exchange(0.1, left, right, h);
}

/* slope -= flux divergence; closed sides. */
static void conserve(const net *g, flux_function flux, const double *u, double *slope)
{
    for (size_t i = 0; i + 1 < g->n; i++) {
        const double f     = flux(u[i], u[i + 1], g->h);
        const bool   first = i == 0 && !g->periodic, last = i + 2 == g->n && !g->periodic;
        slope[i] -= f / (first ? 0.5 * g->h : g->h);
        slope[i + 1] += f / (last ? 0.5 * g->h : g->h);
    }
}

/* In a periodic box the last node has gathered what is the first one's. */
static void close_ring(const net *g, const double *u, double *slope, bool *fixed)
{
    slope[0] += slope[g->n - 1];
    slope[g->n - 1] = u[0] - u[g->n - 1];
    fixed[g->n - 1] = true;
}

static void hold(const double *y, size_t i, double value, double *slope, bool *fixed)
{
    slope[i] = value - y[i];
    fixed[i] = true;
}

static double place(const net *g, size_t i)
{
    return g->x0 + g->h * (double)i;
}

static double pi(void)
{
    return acos(-1.0);
}

/* ---- the problems ---- */

#define EACH_NODE(g) for (size_t i = 0; i < (g)->n; i++)
#define RATE(name)   static void name(const net *g, double t, const double *u, double *slope, bool *fixed)

RATE(poisson)
{
    (void)t;
    EACH_NODE(g) slope[i] = pi() * pi() * sin(pi() * place(g, i));
    conserve(g, flux_one, u, slope);
    hold(u, 0, 0.0, slope, fixed);
    hold(u, g->n - 1, 0.0, slope, fixed);
}

static void layer(const net *g, flux_function flux, const double *u, double *slope, bool *fixed)
{
    EACH_NODE(g) slope[i] = 0.5;
    conserve(g, flux, u, slope);
    hold(u, 0, 0.0, slope, fixed);
    hold(u, g->n - 1, 1.0, slope, fixed);
}

RATE(layer_half)
{
    (void)t;
    layer(g, flux_half, u, slope, fixed);
}

RATE(layer_2)
{
    (void)t;
    layer(g, flux_2, u, slope, fixed);
}

RATE(layer_20)
{
    (void)t;
    layer(g, flux_20, u, slope, fixed);
}

RATE(absorption)
{
    (void)t;
    EACH_NODE(g) slope[i] = 1.0 - u[i];
    conserve(g, flux_thin, u, slope);
    hold(u, 0, 0.0, slope, fixed);
    hold(u, g->n - 1, 0.0, slope, fixed);
}

RATE(bratu)
{
    (void)t;
    EACH_NODE(g) slope[i] = 2.0 * exp(u[i]);
    conserve(g, flux_one, u, slope);
    hold(u, 0, 0.0, slope, fixed);
    hold(u, g->n - 1, 0.0, slope, fixed);
}

RATE(conduction)
{
    (void)t;
    conserve(g, flux_conduction, u, slope);
    hold(u, 0, 0.0, slope, fixed);
    hold(u, g->n - 1, 1.0, slope, fixed);
}

/* Five points; -lap u = source on the square, 0 on its sides. */
static void square(const net *g, const double *u, const double *source, double *slope, bool *fixed)
{
    for (size_t i = 0; i < g->n; i++)
        for (size_t j = 0; j < g->m; j++) {
            const size_t at = i * g->m + j;
            if (i == 0 || j == 0 || i + 1 == g->n || j + 1 == g->m) {
                hold(u, at, 0.0, slope, fixed);
                continue;
            }
            slope[at] = (u[at + g->m] - 2.0 * u[at] + u[at - g->m]) / (g->h * g->h) +
                        (u[at + 1] - 2.0 * u[at] + u[at - 1]) / (g->k * g->k) + source[at];
        }
}

RATE(poisson_2d)
{
    double *source = slope; /* read before it is written over */
    (void)t;
    for (size_t at = 0; at < g->n * g->m; at++)
        source[at] = 5.0 * pi() * pi() * sin(pi() * place(g, at / g->m)) * sin(2.0 * pi() * g->k * (double)(at % g->m));
    square(g, u, source, slope, fixed);
}

RATE(cubic_2d)
{
    double *source = slope;
    (void)t;
    for (size_t at = 0; at < g->n * g->m; at++) {
        const double s = sin(pi() * place(g, at / g->m)) * sin(pi() * g->k * (double)(at % g->m));
        source[at]     = 2.0 * pi() * pi() * s + s * s * s - u[at] * u[at] * u[at];
    }
    square(g, u, source, slope, fixed);
}

RATE(heat)
{
    (void)t;
    conserve(g, flux_tenth, u, slope);
    hold(u, 0, 0.0, slope, fixed);
    hold(u, g->n - 1, 0.0, slope, fixed);
}

static double driven(double t, double x)
{
    return exp(-sqrt(pi()) * x) * cos(2.0 * pi() * t - sqrt(pi()) * x);
}

RATE(heat_driven)
{
    conserve(g, flux_one, u, slope);
    hold(u, 0, driven(t, 0.0), slope, fixed);
    hold(u, g->n - 1, driven(t, place(g, g->n - 1)), slope, fixed);
}

RATE(step_spreads)
{
    (void)t;
    conserve(g, flux_hundredth, u, slope);
    hold(u, 0, 0.0, slope, fixed);
    hold(u, g->n - 1, 1.0, slope, fixed);
}

RATE(advection)
{
    (void)t;
    conserve(g, flux_advection, u, slope);
    close_ring(g, u, slope, fixed);
}

RATE(wave) /* y = (u, u_t) */
{
    const double *v = u + g->n;
    (void)t;
    conserve(g, flux_one, u, slope + g->n);
    memcpy(slope, v, g->n * sizeof *slope);
    for (size_t side = 0; side < 2; side++) {
        hold(u, side * (g->n - 1), 0.0, slope, fixed);
        hold(u, g->n + side * (g->n - 1), 0.0, slope, fixed);
    }
}

static double front(double t, double x)
{
    return 1.0 - tanh((x - t) / 0.2);
}

RATE(burgers)
{
    conserve(g, flux_burgers, u, slope);
    hold(u, 0, front(t, g->x0), slope, fixed);
    hold(u, g->n - 1, front(t, place(g, g->n - 1)), slope, fixed);
}

static double invasion(double t, double x)
{
    return pow(1.0 + exp((x - 5.0 * t / sqrt(6.0)) / sqrt(6.0)), -2.0);
}

RATE(fisher)
{
    EACH_NODE(g) slope[i] = u[i] * (1.0 - u[i]);
    conserve(g, flux_one, u, slope);
    hold(u, 0, invasion(t, g->x0), slope, fixed);
    hold(u, g->n - 1, invasion(t, place(g, g->n - 1)), slope, fixed);
}

RATE(allen_cahn)
{
    (void)t;
    (void)fixed;
    EACH_NODE(g) slope[i] = 5.0 * (u[i] - u[i] * u[i] * u[i]);
    conserve(g, flux_hundredth, u, slope);
}

RATE(porous)
{
    (void)t;
    conserve(g, flux_porous, u, slope);
    hold(u, 0, 0.0, slope, fixed);
    hold(u, g->n - 1, 0.0, slope, fixed);
}

static double start_sine(size_t f, double x)
{
    return f == 0 ? sin(pi() * x) : 0.0;
}

static double start_driven(size_t f, double x)
{
    (void)f;
    return driven(0.0, x);
}

static double start_step(size_t f, double x)
{
    (void)f;
    return x > 0.5 ? 1.0 : 0.0;
}

static double start_advection(size_t f, double x)
{
    (void)f;
    return exp(2.0 * cos(2.0 * pi() * x));
}

static double start_wave(size_t f, double x)
{
    return f == 0 ? sin(pi() * x) : 2.0 * pi() * sin(2.0 * pi() * x);
}

static double start_front(size_t f, double x)
{
    (void)f;
    return front(0.0, x);
}

static double start_invasion(size_t f, double x)
{
    (void)f;
    return invasion(0.0, x);
}

static double start_phases(size_t f, double x)
{
    (void)f;
    return 0.001 * cos(pi() * x);
}

static double start_barenblatt(size_t f, double x)
{
    (void)f;
    return fmax(0.0, 1.0 - x * x / 12.0);
}

/* start NULL: steady. n_state: fields, and what else has a rate. */
typedef struct scheme {
    const char   *name;
    size_t        n_state;
    int           n_space;
    bool          periodic;
    rate_function rate;
    double (*start)(size_t state, double x);
} scheme;
static const scheme schemes[] = {
    {"poisson", 1, 1, false, poisson, NULL},
    {"layer_half", 1, 1, false, layer_half, NULL},
    {"layer_2", 1, 1, false, layer_2, NULL},
    {"layer_20", 1, 1, false, layer_20, NULL},
    {"absorption", 1, 1, false, absorption, NULL},
    {"bratu", 1, 1, false, bratu, NULL},
    {"conduction", 1, 1, false, conduction, NULL},
    {"poisson_2d", 1, 2, false, poisson_2d, NULL},
    {"cubic_2d", 1, 2, false, cubic_2d, NULL},
    {"heat", 1, 1, false, heat, start_sine},
    {"heat_driven", 1, 1, false, heat_driven, start_driven},
    {"step_spreads", 1, 1, false, step_spreads, start_step},
    {"advection", 1, 1, true, advection, start_advection},
    {"wave", 2, 1, false, wave, start_wave},
    {"burgers", 1, 1, false, burgers, start_front},
    {"fisher", 1, 1, false, fisher, start_invasion},
    {"allen_cahn", 1, 1, false, allen_cahn, start_phases},
    {"porous", 1, 1, false, porous, start_barenblatt},
};

static const scheme *find(const char *name)
{
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++)
        if (strcmp(schemes[i].name, name) == 0) return &schemes[i];
    return NULL;
}

/* ---- Newton ---- */

/* A step of h from y0, whose slope is f0, to y at time t; h 0: a steady state. ODE: system instead of scheme. */
typedef struct step {
    const scheme       *scheme;
    const truth_system *system;
    net                 g;
    size_t              size;
    double              h, t;
    const double       *y0, *f0;
    double             *f, *r, *r2, *J; /* J [size][size] */
    bool               *fixed;
} step;

static void slope_of(const step *s, double t, const double *y, double *f, bool *fixed)
{
    if (s->system) {
        s->system->rate(y, f);
        return;
    }
    memset(f, 0, s->size * sizeof *f);
    s->scheme->rate(&s->g, t, y, f, fixed);
}

static void residual(const step *s, const double *y, double *r)
{
    slope_of(s, s->t, y, s->f, s->fixed);
    for (size_t i = 0; i < s->size; i++)
        r[i] = s->h == 0.0 || s->fixed[i] ? s->f[i] : (y[i] - s->y0[i]) / s->h - 0.5 * (s->f0[i] + s->f[i]);
}

/* Gauss with pivots: b becomes the solution. */
static bool eliminate(size_t n, double *A, double *b)
{
    for (size_t k = 0; k < n; k++) {
        size_t p = k;
        for (size_t i = k + 1; i < n; i++)
            if (fabs(A[i * n + k]) > fabs(A[p * n + k])) p = i;
        if (!(fabs(A[p * n + k]) > 0.0)) return false;
        for (size_t j = 0; j < n && p != k; j++) {
            const double swap = A[k * n + j];
            A[k * n + j]      = A[p * n + j];
            A[p * n + j]      = swap;
        }
        const double swap = b[k];
        b[k]              = b[p];
        b[p]              = swap;
        for (size_t i = k + 1; i < n; i++) {
            const double l = A[i * n + k] / A[k * n + k];
            if (l == 0.0) continue;
            for (size_t j = k; j < n; j++) A[i * n + j] -= l * A[k * n + j];
            b[i] -= l * b[k];
        }
    }
    for (size_t k = n; k-- > 0;) {
        for (size_t j = k + 1; j < n; j++) b[k] -= A[k * n + j] * b[j];
        b[k] /= A[k * n + k];
    }
    return true;
}

static bool newton(const step *s, double *y)
{
    const size_t n = s->size;
    for (int k = 0; k < NEWTON; k++) {
        double change = 0.0, size = 0.0;
        residual(s, y, s->r);
        for (size_t j = 0; j < n; j++) {
            const double keep = y[j], d = 1e-7 * fmax(1.0, fabs(keep));
            y[j] = keep + d;
            residual(s, y, s->r2);
            y[j] = keep;
            for (size_t i = 0; i < n; i++) s->J[i * n + j] = (s->r2[i] - s->r[i]) / d;
        }
        if (!eliminate(n, s->J, s->r)) return false;
        for (size_t i = 0; i < n; i++) {
            y[i] -= s->r[i];
            change += s->r[i] * s->r[i];
            size += y[i] * y[i];
        }
        if (change <= 1e-18 * size || change < 1e-30) return true;
    }
    return false;
}

/* ---- the whole ---- */

static bool march(step *s, size_t n_field, size_t n_t, const double *t, double *y, double *u)
{
    const size_t n     = s->size / (s->system ? s->system->n : s->scheme->n_state);
    bool         ended = true;
    double      *y0 = malloc(s->size * sizeof *y0), *f0 = malloc(s->size * sizeof *f0);

    s->y0 = y0;
    s->f0 = f0;
    for (size_t k = 0; k < n_t && ended; k++) {
        if (k > 0) {
            memcpy(y0, y, s->size * sizeof *y);
            slope_of(s, t[k - 1], y0, f0, s->fixed);
            s->h  = t[k] - t[k - 1];
            s->t  = t[k];
            ended = newton(s, y);
        }
        for (size_t f = 0; f < n_field; f++) memcpy(u + (f * n_t + k) * n, y + f * n, n * sizeof *u);
    }
    free(y0);
    free(f0);
    return ended;
}

static void start(const step *s, double *y)
{
    for (size_t i = 0; i < s->size; i++) {
        if (s->system)
            y[i] = s->system->start[i];
        else
            y[i] = s->scheme->start ? s->scheme->start(i / s->g.n, place(&s->g, i % s->g.n)) : 0.0;
    }
}

bool plain_answer(const char *name, size_t n_field, const size_t *n, double *const *x, double *u, bool *ended)
{
    step s = {.scheme = find(name), .system = truth_system_of(name)};

    if (!s.scheme && !s.system) return false;
    if (s.scheme) {
        const int d = s.scheme->start ? 1 : 0; /* x comes after time */
        s.g         = (net){.n = n[d], .m = 1, .x0 = x[d][0], .h = x[d][1] - x[d][0], .periodic = s.scheme->periodic};
        if (s.scheme->n_space == 2) s.g.m = n[1];
        if (s.scheme->n_space == 2) s.g.k = x[1][1] - x[1][0];
    }
    s.size    = s.system ? s.system->n : s.scheme->n_state * s.g.n * s.g.m;
    double *y = malloc(s.size * sizeof *y);
    s.f       = malloc(s.size * sizeof *s.f);
    s.r       = malloc(s.size * sizeof *s.r);
    s.r2      = malloc(s.size * sizeof *s.r2);
    s.J       = malloc(s.size * s.size * sizeof *s.J);
    s.fixed   = calloc(s.size, sizeof *s.fixed);
    start(&s, y);
    if (s.system || s.scheme->start)
        *ended = march(&s, n_field, n[0], x[0], y, u);
    else {
        *ended = newton(&s, y);
        memcpy(u, y, s.size * sizeof *u);
    }
    free(y);
    free(s.f);
    free(s.r);
    free(s.r2);
    free(s.J);
    free(s.fixed);
    return true;
}
