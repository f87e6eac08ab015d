/* Solutions that share nothing with the library: integrators of ordinary equations, lines of finite differences, a
 * series. For tests of what answers are worth. */
#ifndef PDM_TESTS_TRUTH_H
#define PDM_TESTS_TRUTH_H

#include <stdbool.h>
#include <stddef.h>

enum { TRUTH_STATES = 4 };
/* An ordinary system y' = rate(y) of n states, the first of which are the fields of the case. */
typedef struct truth_system {
    const char *name;
    size_t      n;
    void (*rate)(const double *y, double *slope);
    double start[TRUTH_STATES];
} truth_system;
const truth_system *truth_system_of(const char *name); /* NULL: there is none */

/* u [n_field][n_t] at times t; false: no such system. Classical Runge-Kutta, steps of at most 1/20000 of the whole, and
 * of half of that: *change is the largest difference of the two, relative to the largest value. */
bool truth_ode(const char *name, size_t n_field, size_t n_t, const double *t, double *u, double *change);
/* u [n_field][n_t][n_x] at times t and n_x points of equal distance from x[0] to x[n_x - 1]. Central differences on
 * four times as many spans, explicit steps; twice, and extrapolated: *change is the relative L2 distance of the two. */
bool truth_lines(const char *name, size_t n_field, size_t n_t, const double *t, size_t n_x, const double *x, double *u,
                 double *change);
/* Laplace in the unit square, 1 on y = 1 and 0 on the other sides: u [n_x][n_y]. */
void truth_hot_side(size_t n_x, const double *x, size_t n_y, const double *y, double *u);

#endif
