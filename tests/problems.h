/* Small problems of every kind, made in memory, for the tests of domain, solver, implicit_diff and train. */
#ifndef PDM_TESTS_PROBLEMS_H
#define PDM_TESTS_PROBLEMS_H

#include <string.h>

#include "domain/domain.h"

enum {
    PROBLEM_HEAT,      /* linear, 1D and time, Dirichlet on both sides                          */
    PROBLEM_SORPTION,  /* nonlinear storage (smooth at u = 0), sqrt map, graded knots, Dirichlet and a Robin row  */
    PROBLEM_FLUX,      /* nonlinear flux, prescribed flux on both sides, one of them by the field's input */
    PROBLEM_POISSON,   /* steady, 2D, a field given per sample as source                        */
    PROBLEM_SYSTEM,    /* two fields, reaction, no flux, degree 2 and 3                          */
    PROBLEM_BURGERS,   /* advection as a flux, periodic                                          */
    PROBLEM_POINT,     /* the same at points, with source terms that multiply derivatives        */
    PROBLEM_WAVE,      /* second order in time                                                   */
    PROBLEM_FOURTH,    /* fourth order in space, periodic                                        */
    PROBLEM_SPACE3,    /* 3D and time, few points                                                */
    PROBLEM_LEVELS,    /* advection and a reaction, bounded, graded, rows at every scale           */
    PROBLEM_MEDIUM,    /* steady, two fields, a coefficient field in the flux (levels by itself), Robin rows */
    PROBLEM_VORTICITY, /* flow in a periodic box: a derived field; another one of two fields, in a source */
    PROBLEM_AMOUNT,    /* nonlinear, insulated, and the integral of the field is given at all times       */
    PROBLEM_MEAN,      /* steady, two fields, levels, and one field's level is fixed by its mean alone     */
    PROBLEM_PARTS,     /* nonlinear, conditions of every kind on parts of sides, along space and time                */
    PROBLEM_POSITIVE,  /* two fields, one above zero, second order in time, prescribed flux, a part of a side    */
    PROBLEM_KINKS,     /* nonlinear, a coefficient that jumps twice in space: joints, and rows at every scale     */
    PROBLEM_COUNT
};

typedef struct problem {
    pdm_context   *ctx;
    pdm_case      *the_case;
    pdm_pde       *pde;
    pdm_domain    *domain;
    pdm_backend   *backend;
    pdm_rows_plan *rows;
    pdm_buffer    *c, *v, *r, *r2, *y, *A, *out, *out2, *lift;
    pdm_rows_data  data;
    pdm_size       n_sample, c_size, n_row, a_size;
    int            number;
} problem;

/* Is "cpu" the CPU, or what PDM_TEST_BACKEND (set by CTest) names in its place? */
bool problem_on_cpu(void);
/* What makes the back ends: pdm_backend_create, unless a suite puts its own in place. */
extern pdm_status (*problem_backend)(pdm_context *ctx, const char *name, pdm_backend **out);

const char *problem_name(int number);
pdm_status  problem_case(pdm_context *ctx, int number, pdm_case **out);
void problem_open(problem *p, int number, const char *backend, pdm_size n_sample); /* stops the test on failure */
void problem_open_threads(problem *p, int number, const char *backend, pdm_size n_sample, int n_thread);
/* The same with that many control points along x; NULL: its own. */
void problem_open_points(problem *p, int number, const char *backend, pdm_size n_sample, int n_thread,
                         const char *points);
/* What is left to do for a problem whose ctx, the_case, n_sample and number are there. */
void problem_open_case(problem *p, const char *backend);
void problem_close(problem *p);
bool problem_is_linear(const problem *p);
/* Random c near the lift, v and y; lift and data from random inputs. */
void      problem_random_state(problem *p, int seed);
double    problem_taylor_rows(problem *p);      /* slope of |r(c+hv) - r(c) - hAv|                */
double    problem_adjoint_gap(problem *p);      /* |<Av,y> - <v,A^T y>| / (|Av| |y|)              */
double    problem_both_gap(problem *p);         /* rows_curvature, by A and by partials, against A^T (A v) */
double    problem_second_order_gap(problem *p); /* second order product against differences of A^T y */
bool      problem_same_rows(problem *a, problem *b);
pdm_batch problem_batch(const problem *p);
/* Order of what f's first-order model leaves along a random direction, over both signs, from h on: f reads x [n], and
 * is called once more with x as it was; g: its gradient. */
double taylor_slope(double (*f)(void *user), void *user, pdm_random_key direction, double *x, const double *g,
                    pdm_size n, double h);
/* Host copy in and out of a buffer. */
void problem_get(problem *p, pdm_buffer *b, double *to, pdm_size n);
void problem_put(problem *p, pdm_buffer *b, const double *from, pdm_size n);

#endif
