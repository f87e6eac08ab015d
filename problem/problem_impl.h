/* Inside of problem/. */
#ifndef PDM_PROBLEM_IMPL_H
#define PDM_PROBLEM_IMPL_H

#include "problem/problem.h"

/* grading.c: breaks for the dimensions of p's case that ask for them; all NULL where none does. Destroy *out. */
pdm_status grading_find(const pdm_problem *p, pdm_grading *out);
/* scales.c: sizes of fields and factors of rows, from a typical input. Inputs have been read and measured. */
pdm_status scales_find(pdm_problem *p);

#endif
