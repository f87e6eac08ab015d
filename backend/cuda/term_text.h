/* A term's programs as text of kernels. */
#ifndef PDM_CUDA_TERM_TEXT_H
#define PDM_CUDA_TERM_TEXT_H

#include "backend/backend.h"

/* Appends the kernels of term number t: termT_value gives f, termT_partial the partials by its atoms, termT_second
 * (Q^T y) f_ab E v by atoms (term.h). What does not exist (no atoms, no second partials) is left out. Sizes of grids are
 * not in the text. */
pdm_status cuda_term_write(pdm_text *out, const pdm_rows_desc *d, pdm_size t);

#endif
