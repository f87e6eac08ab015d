/* An answer as a user gets it: polished on the grid of its case, on an output grid, with its verdict. */
#ifndef PDM_TESTS_ANSWER_H
#define PDM_TESTS_ANSWER_H

#include "predict/predict.h"

/* Of the first input of a case (drawn, where it has any). */
typedef struct answer {
    pdm_model       *m;
    pdm_output_grid *grid;
    pdm_model_way    by;
    double          *u; /* [n_field][n_point] */
    pdm_solve_result result;
    pdm_assessment   verdict;
    pdm_size         n_field, n_unknown;
    double          *input; /* [n_input] */
} answer;

/* n: of points along each dimension, at equal distances, both ends among them; NULL: four a control point. Makes the
 * network of the case small, as nobody asks it. After a failure a is to be closed, too. */
pdm_status answer_find(pdm_case *c, const pdm_size *n, answer *a);
void       answer_close(answer *a);
/* Another output grid of the problem of a. */
pdm_status answer_grid(const answer *a, const pdm_size *n, pdm_output_grid **out);
/* /pde/exact on an output grid: truth [n_field][n_point]. */
pdm_status answer_exact(const answer *a, const pdm_output_grid *grid, double *truth);
/* The worst relative L2 error of all fields of u [n_field][n_point]. */
double answer_error(const answer *a, const pdm_output_grid *grid, const double *u, const double *truth);

#endif
