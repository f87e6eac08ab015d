/* Inside of inputs/. */
#ifndef PDM_INPUTS_IMPL_H
#define PDM_INPUTS_IMPL_H

#include "inputs/inputs.h"

/* given.c: the file in training:data, into x->given. */
pdm_status given_read(pdm_inputs *x);
void       given_destroy(pdm_inputs *x);

#endif
