/* Nested splines of small problems, for the suites of back ends: K from a plan, and what its definition says, written out
 * with dense matrices. */
#ifndef PDM_TESTS_NESTED_H
#define PDM_TESTS_NESTED_H

#include "backend/nest.h"
#include "tests/problems.h"

/* Cases; the first ones are quick. */
enum { NESTED_CASES = 16, NESTED_QUICK = 8, NESTED_SAMPLES = 3, NESTED_LISTED = 2 };
/* Sample 1 is left alone. */
extern const int32_t nested_listed[NESTED_LISTED];

typedef struct nested {
    problem        p;
    const char    *name; /* of the case */
    double         shift[NESTED_SAMPLES];
    pdm_nest      *nest;
    pdm_nest_plan *plan;
} nested;

/* ctx and case of number i, for a problem that is opened by hand. */
void nested_case(problem *p, int number, int n_thread);
/* Case number 0 ... NESTED_CASES-1; stops the test on failure, as all below. */
void nested_open(nested *k, int number, const char *backend, int n_thread);
void nested_close(nested *k);
void nested_linearise(nested *k); /* A at a random state */
void nested_levels(const nested *k, pdm_nest_levels *out);
void nested_factor(nested *k, int32_t *failed); /* of the listed samples */
/* K x of all listed samples, what is not free being NaN in x; the sample that is not listed keeps what it had. */
double *nested_apply(nested *k, const double *x);

pdm_batch nested_batch(void);
double   *nested_numbers(pdm_size n); /* zeros */
bool      nested_is_free(const problem *p, pdm_size i);
/* Random where it is free, `other` elsewhere: [NESTED_SAMPLES][c_size] */
double *nested_random(const problem *p, uint64_t seed, double other);
double  nested_dot(const double *x, const double *y, pdm_size n);

/* H [c_size][c_size] of the listed samples, column by column. */
void nested_H(nested *k, double *H[NESTED_SAMPLES]);
void nested_free_H(double *H[NESTED_SAMPLES]);
/* Conjugate gradients: iterations of sample s until r.K r is 1e-16 of what it was. */
int nested_iterations(nested *k, int32_t s, const double *H);
/* x = K y of a level by the definition; patches colour by colour, or every second strip. */
typedef enum nested_order { NESTED_COLOURS, NESTED_STRIPS } nested_order;
void nested_cycle(const pdm_nest_levels *p, pdm_size level, nested_order order, const double *H, const double *y,
                  double *x);

#endif
