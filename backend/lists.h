/* Who sees whom, as every back end lists it when plans are made. */
#ifndef PDM_BACKEND_LISTS_H
#define PDM_BACKEND_LISTS_H

#include "backend/backend.h"

/* Terms of one block of rows have the same rows: is this the first of its block? */
bool pdm_rows_is_first_of_block(const pdm_rows_desc *d, pdm_size term);
/* element [n_row]: the one that holds a row. */
void pdm_rows_elements(const pdm_rows_desc *d, int32_t *element);
/* Rows by the element that holds them: row[row0[e]] ... row[row0[e+1]-1], rising; both are the caller's to free. */
pdm_status pdm_rows_by_element(pdm_context *ctx, const pdm_rows_desc *d, pdm_size **row0, int32_t **row);
/* list: coefficients of a field that the element at `element` sees; returns how many. */
pdm_size pdm_element_sees(pdm_size n_dim, const pdm_size *degree, const pdm_size *n_coef, const pdm_size *element,
                          int32_t *list);
/* coefficient [n_element][n_local]: those of a field that an element sees. */
void pdm_rows_coefficients(const pdm_rows_desc *d, int32_t *coefficient);

/* Groups that reach a coefficient: group[k], where it has place[k], k = first[c] .. first[c+1]-1, groups rising,
 * c = field * n_coef + coefficient. */
typedef struct pdm_owners {
    pdm_size *first; /* [n_field*n_coef+1] */
    int32_t  *group, *place;
} pdm_owners;
pdm_status pdm_owners_create(pdm_context *ctx, const pdm_columns_desc *d, pdm_owners *out);
void       pdm_owners_destroy(pdm_context *ctx, pdm_owners *o); /* zeroed and half-made ones too */

#endif
