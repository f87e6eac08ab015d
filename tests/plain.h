/* What anybody would write first: second-order central differences on equal spans, conservative where the equation is, in
 * time the trapezoidal rule, Newton's iteration with a dense matrix. To be compared with, not to be right. */
#ifndef PDM_TESTS_PLAIN_H
#define PDM_TESTS_PLAIN_H

#include <stdbool.h>
#include <stddef.h>

/* A problem of tests/truth: fields of an ordinary system, [n_field][n[0]]; of a steady one along x (and y),
 * [n[0]] or [n[0]][n[1]]; in time and x, [n_field][n[0]][n[1]]. Points n[d] at x[d], at equal distances, both ends among
 * them; of a periodic dimension both ends are one. false: it is not among those known here; *ended false: Newton's
 * iteration does not end. */
bool plain_answer(const char *name, size_t n_field, const size_t *n, double *const *x, double *u, bool *ended);

#endif
