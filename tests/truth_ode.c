#include <math.h>
#include <string.h>

#include "tests/truth.h"

enum { MOST = 4, STEPS = 20000 };

static void pendulum(const double *y, double *slope)
{
    slope[0] = y[1];
    slope[1] = -sin(y[0]);
}

static void sir(const double *y, double *slope)
{
    slope[0] = -0.5 * y[0] * y[1];
    slope[1] = 0.5 * y[0] * y[1] - 0.1 * y[1];
}

static void lorenz(const double *y, double *slope)
{
    slope[0] = 10.0 * (y[1] - y[0]);
    slope[1] = y[0] * (28.0 - y[2]) - y[1];
    slope[2] = y[0] * y[1] - 8.0 / 3.0 * y[2];
}

static void van_der_pol(const double *y, double *slope)
{
    slope[0] = y[1];
    slope[1] = 20.0 * (1.0 - y[0] * y[0]) * y[1] - y[0];
}

static void brusselator(const double *y, double *slope)
{
    slope[0] = 1.0 + y[0] * y[0] * y[1] - 4.0 * y[0];
    slope[1] = 3.0 * y[0] - y[0] * y[0] * y[1];
}

/* The first n_field of a system's states are fields of the case. */
static const struct {
    const char *name;
    size_t      n;
    void (*rate)(const double *y, double *slope);
    double start[MOST];
} systems[] = {{"pendulum", 2, pendulum, {3.1, 0.0}},
               {"sir", 2, sir, {0.999, 0.001}},
               {"lorenz", 3, lorenz, {1.0, 1.0, 1.0}},
               {"van_der_pol", 2, van_der_pol, {2.0, 0.0}},
               {"brusselator", 2, brusselator, {1.5, 3.0}}};

static void step(size_t s, double h, double *y)
{
    double       k[4][MOST], z[MOST];
    const size_t n = systems[s].n;
    systems[s].rate(y, k[0]);
    for (int stage = 1; stage < 4; stage++) {
        const double share = stage == 3 ? h : 0.5 * h;
        for (size_t i = 0; i < n; i++) z[i] = y[i] + share * k[stage - 1][i];
        systems[s].rate(z, k[stage]);
    }
    for (size_t i = 0; i < n; i++) y[i] += h / 6.0 * (k[0][i] + 2.0 * (k[1][i] + k[2][i]) + k[3][i]);
}

/* From one time to the next. */
static void advance(size_t s, double from, double to, double most, double *y)
{
    const int n = (int)ceil((to - from) / most);
    for (int i = 0; i < n; i++) step(s, (to - from) / n, y);
}

bool truth_ode(const char *name, size_t n_field, size_t n_t, const double *t, double *u, double *change)
{
    const double most    = (t[n_t - 1] - t[0]) / STEPS;
    double       largest = 0.0, difference = 0.0, y[MOST], fine[MOST];
    size_t       s = 0;

    while (s < sizeof systems / sizeof *systems && strcmp(systems[s].name, name) != 0) s++;
    if (s == sizeof systems / sizeof *systems || n_field > systems[s].n) return false;
    memcpy(y, systems[s].start, sizeof y);
    memcpy(fine, y, sizeof fine);
    for (size_t k = 0; k < n_t; k++) {
        if (k > 0) {
            advance(s, t[k - 1], t[k], most, y);
            advance(s, t[k - 1], t[k], 0.5 * most, fine);
        }
        for (size_t f = 0; f < n_field; f++) {
            u[f * n_t + k] = fine[f];
            largest        = fmax(largest, fabs(fine[f]));
            difference     = fmax(difference, fabs(fine[f] - y[f]));
        }
    }
    *change = difference / largest;
    return true;
}
