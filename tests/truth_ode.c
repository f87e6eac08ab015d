#include <math.h>
#include <string.h>

#include "tests/truth.h"

enum { STEPS = 20000 };

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

static void logistic(const double *y, double *slope)
{
    slope[0] = y[0] * (1.0 - y[0]);
}

static void harmonic(const double *y, double *slope)
{
    slope[0] = y[1];
    slope[1] = -y[0];
}

static const truth_system systems[] = {
    {"logistic", 1, logistic, {0.001}},         {"harmonic", 2, harmonic, {1.0, 0.0}},
    {"pendulum", 2, pendulum, {3.1, 0.0}},      {"sir", 2, sir, {0.999, 0.001}},
    {"lorenz", 3, lorenz, {1.0, 1.0, 1.0}},     {"van_der_pol", 2, van_der_pol, {2.0, 0.0}},
    {"brusselator", 2, brusselator, {1.5, 3.0}}};

const truth_system *truth_system_of(const char *name)
{
    for (size_t i = 0; i < sizeof systems / sizeof *systems; i++)
        if (strcmp(systems[i].name, name) == 0) return &systems[i];
    return NULL;
}

static void step(const truth_system *s, double h, double *y)
{
    double       k[4][TRUTH_STATES], z[TRUTH_STATES];
    const size_t n = s->n;
    s->rate(y, k[0]);
    for (int stage = 1; stage < 4; stage++) {
        const double share = stage == 3 ? h : 0.5 * h;
        for (size_t i = 0; i < n; i++) z[i] = y[i] + share * k[stage - 1][i];
        s->rate(z, k[stage]);
    }
    for (size_t i = 0; i < n; i++) y[i] += h / 6.0 * (k[0][i] + 2.0 * (k[1][i] + k[2][i]) + k[3][i]);
}

/* From one time to the next. */
static void advance(const truth_system *s, double from, double to, double most, double *y)
{
    const int n = (int)ceil((to - from) / most);
    for (int i = 0; i < n; i++) step(s, (to - from) / n, y);
}

bool truth_ode(const char *name, size_t n_field, size_t n_t, const double *t, double *u, double *change)
{
    const double        most    = (t[n_t - 1] - t[0]) / STEPS;
    double              largest = 0.0, difference = 0.0, y[TRUTH_STATES], fine[TRUTH_STATES];
    const truth_system *s = truth_system_of(name);

    if (!s || n_field > s->n) return false;
    memcpy(y, s->start, sizeof y);
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
