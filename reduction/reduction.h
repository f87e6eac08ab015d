/* Less than all rows and coefficients: descriptions for back ends made out of other ones. docs/mathematics.md, "Few
 * rows". */
#ifndef PDM_REDUCTION_H
#define PDM_REDUCTION_H

#include "backend/backend.h"

/* ---- some of the rows, which stand for all ---- */
typedef struct pdm_row_list {
    pdm_size n;
    int32_t *row;    /* [n] rising */
    double  *weight; /* [n] > 0, of squares of rows */
} pdm_row_list;
/* Those are kept whose weight [n_row] is not 0. Allocates. */
pdm_status pdm_row_list_keep(pdm_context *ctx, pdm_size n_row, const double *weight, pdm_row_list *out);
void       pdm_row_list_destroy(pdm_context *ctx, pdm_row_list *x);

/* ---- these rows through columns that are the same for all samples (reduced_rows.c) ----
 * As rows of one dimension and one element whose coefficients are the columns' weights and, behind them, 1:
 * c = start + sum_n w_n column n + offset.
 * What belongs to a sample stands in its sampled inputs [desc.n_sampled]: atoms at the start, by matrix `start`; sampled
 * inputs of all rows, by matrix `inputs`; coordinates, which are the same for all. */
typedef struct pdm_reduced_rows {
    const pdm_rows_desc *of; /* lent */
    pdm_size             n_column;
    pdm_rows_desc        desc;
    pdm_columns_desc     columns;             /* every weight by itself */
    pdm_matrix_desc      start;               /* [desc.n_sampled] from [of->n_field][n_coef] */
    pdm_matrix_desc      inputs;              /* [desc.n_sampled] from [of->n_sampled]       */
    double              *same;                /* [desc.n_sampled] coordinates; 0 where the others are    */
    double             **basis, **pair_basis; /* [desc.n_term] those of the axes */
    pdm_arena            arena;
} pdm_reduced_rows;
/* d is lent for its life and has neither pyramid nor derived fields. rows: scales have the roots of their weights.
 * Columns and offset are 0. *out stays where it is. */
pdm_status pdm_reduced_rows_create(pdm_context *ctx, const pdm_rows_desc *d, const pdm_row_list *rows,
                                   pdm_size n_column, pdm_reduced_rows *out);
void       pdm_reduced_rows_destroy(pdm_reduced_rows *x);
/* Column n is c [of->n_field][n_coef]; n = n_column: the offset. Before back ends take the description. */
void pdm_reduced_rows_set_column(pdm_reduced_rows *x, pdm_size n, const double *c);

#endif
