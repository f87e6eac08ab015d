/* The method of lines: a second way to solve a case, which shares its equations, as text, and nothing else with the
 * rows of domain/. Fields are values at nodes of a tensor grid of the space dimensions; derivatives in space are finite
 * differences; what is left, a system of differential and algebraic equations in time, goes to SUNDIALS' IDA where the
 * build has it. docs/mathematics.md, "The method of lines".
 *
 * Unknowns y [n_node][n_variable]: the fields, then the rates of change of those that are of second order in time;
 * nodes have the last dimension fastest. A boundary node takes the conditions of its side in place of equations, one
 * node inwards for each further condition; fields that are "free" there keep the equation,
 * with one-sided differences. */
#ifndef PDM_LINES_H
#define PDM_LINES_H

#include "domain/domain.h"

/* ---- nodes of one dimension (lines/nodes.c) ---- */

enum { PDM_LINES_ORDER = 4, PDM_LINES_WIDTH = 16 }; /* order of the differences; most nodes in one of them */

typedef struct pdm_nodes {
    pdm_size      n;
    const double *x;      /* [n] increasing; lent                     */
    double        period; /* 0: bounded; x then has no second end      */
} pdm_nodes;

/* x [n]: both ends of the spline's extent, or the lower one alone where it is periodic, and between them as dense as its
 * knots, smoothly: equal steps in the index of the knots, between which a monotone cubic leads. n at least 2. */
void pdm_nodes_place(const pdm_spline *s, pdm_size n, double *x);
/* Weights of values at x [n] for the derivative `order` at `at`, exact for polynomials of degree n - 1. Source: Fornberg,
 * Math. Comp. 51 (1988). n at most PDM_LINES_WIDTH. */
void pdm_difference_weights(pdm_size n, const double *x, double at, pdm_size order, double *weight);
/* Derivative `order` at node i: *n nodes and their weights. Centred where the nodes allow it,
 * else the nearest order + 4. */
void pdm_nodes_difference(const pdm_nodes *g, pdm_size i, pdm_size order, pdm_size *n, int32_t *node, double *weight);
/* Value at `at` by the polynomial through the 6 nodes around it. */
void pdm_nodes_value(const pdm_nodes *g, double at, pdm_size *n, int32_t *node, double *weight);
/* Nodes needed for a derivative of that order. */
pdm_size pdm_nodes_least(pdm_size order);

/* ---- the system (lines/system.c, lines/residual.c) ---- */

typedef struct pdm_lines pdm_lines;

/* True, with the reason, for cases that cannot be solved this way: steady ones, more than two dimensions of space,
 * invlap and constraints on integrals, inputs in cells or that vary in time, conditions on a part of a side or with
 * time derivatives that the equations do not have. */
bool pdm_lines_refuses(const pdm_domain *d, char *why, size_t size);
/* Nodes n [n_dim], x [n_dim][n]; those of time are not looked at. d is lent for the life of the system, the nodes are
 * copied. Fails with PDM_ERR_ARGUMENT where pdm_lines_refuses() says why, or with too few nodes. */
pdm_status pdm_lines_create(pdm_context *ctx, pdm_domain *d, const pdm_size *n, const double *const *x,
                            pdm_lines **out);
void       pdm_lines_destroy(pdm_lines **l);
pdm_size   pdm_lines_n_unknown(const pdm_lines *l);
pdm_size   pdm_lines_n_variable(const pdm_lines *l);
/* One sample's packed input, at the points of the domain.
 * Fails with PDM_ERR_NUMERIC where initial data are not finite. */
pdm_status pdm_lines_set_input(pdm_lines *l, const double *input);
/* At the start, not consistent yet: y from initial data, with boundary values put in; rate 0. */
void pdm_lines_start(pdm_lines *l, double *y, double *rate);
/* r [n_unknown]. False when some number is not finite. */
bool pdm_lines_residual(pdm_lines *l, double t, const double *y, const double *rate, double *r);
/* The pattern of Jacobians: rows row0 [n_unknown + 1], columns in order. Lent. */
void pdm_lines_pattern(const pdm_lines *l, const pdm_size **row0, const int32_t **column);
/* STEP: dr/dy + alpha dr/drate. START: alpha dr/drate for differential unknowns, dr/dy for the others: what a
 * consistent start is solved with, where y is held for the first and the rate for the second. */
typedef enum pdm_lines_stage { PDM_LINES_STEP, PDM_LINES_START } pdm_lines_stage;
/* value [row0[n_unknown]]. False when some number is not finite. */
bool pdm_lines_jacobian(pdm_lines *l, pdm_lines_stage stage, double t, double alpha, const double *y,
                        const double *rate, double *value);
/* [n_unknown] 1 where an equation has the unknown's time derivative, 0 where it follows from the others. Lent. */
const unsigned char *pdm_lines_differential(const pdm_lines *l);

/* ---- in time (lines/ida.c, or lines/ida_absent.c in builds without SUNDIALS) ---- */

bool pdm_lines_is_built(void);
typedef struct pdm_lines_work {
    pdm_size steps, factorisations;
} pdm_lines_work;
/* The sample that was set, on a tensor grid of output coordinates whose times are at or after the start: u
 * [n_field][points]. The start itself shows the initial data. tolerance: IDA's relative one; the absolute one is that
 * times the size of the field, magnitude [n_field] or what it starts with, whichever is larger. Fails with
 * PDM_ERR_NUMERIC, saying when and why, where IDA does not get through; with PDM_ERR_ARGUMENT in builds without it. */
pdm_status pdm_lines_integrate(pdm_lines *l, double tolerance, const double *magnitude, const pdm_size *n,
                               const double *const *coordinate, double *u, pdm_lines_work *work);

#endif
