/* Inside of problem/. */
#ifndef PDM_PROBLEM_IMPL_H
#define PDM_PROBLEM_IMPL_H

#include "problem/problem.h"

/* grading.c: breaks for the dimensions of p's case that ask for them; all NULL where none does. Destroy *out. */
pdm_status grading_find(const pdm_problem *p, pdm_grading *out);
/* problem.c: rows of a slab of time, see pdm_pde_create_slab */
pdm_status problem_create_slab(pdm_case *c, const pdm_grading *grading, pdm_problem **out);
/* march.c: /domain/t:slabs, and whether it can be. */
pdm_size   march_good_slabs(const pdm_problem *p); /* whatever the case says; 1: at once */
pdm_status march_read_setting(pdm_problem *p);
pdm_status march_check_setting(const pdm_problem *p);
/* scales.c: sizes of fields and factors of rows, from a typical input. Inputs have been read and measured. */
pdm_status scales_find(pdm_problem *p);

#endif
