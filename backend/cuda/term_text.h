/* A term's programs as text of kernels. */
#ifndef PDM_CUDA_TERM_TEXT_H
#define PDM_CUDA_TERM_TEXT_H

#include "backend/backend.h"

/* Appends the kernels of all terms: for term number 3 term3_value, which gives f, term3_partial, the partials by its
 * atoms, and term3_second, (Q^T y) f_ab E v by atoms (term.h). What does not exist (no atoms, no second partials) is left
 * out. Sizes of grids are not in the text. */
pdm_status cuda_terms_write(pdm_text *out, const pdm_rows_desc *d);

#endif
