/* Less than all rows and coefficients: descriptions for back ends made out of other ones. docs/mathematics.md, "Few
 * rows". */
#ifndef PDM_REDUCTION_H
#define PDM_REDUCTION_H

#include "backend/backend.h"

/* ---- some of the rows, which stand for all (few_rows.c) ----
 * Rows of a block lie in places along each dimension. Blocks that have as many places along a dimension share a grid. */
typedef struct pdm_row_grid {
    pdm_size dim, n_place, n;
    int32_t *row;    /* [n] places that are kept, rising, in [0, n_place) */
    double  *weight; /* [n] > 0, of squares of rows: of a row the product over its grids */
} pdm_row_grid;
enum { PDM_ROW_GRIDS_MOST = 16 };
typedef struct pdm_row_choice {
    pdm_size     n_grid; /* dimensions of blocks that have none of these stay whole */
    pdm_row_grid grid[PDM_ROW_GRIDS_MOST];
} pdm_row_choice;
/* The grids there are, of more than one place, with none of them kept. */
void pdm_row_choice_list(const pdm_rows_desc *d, pdm_row_choice *out);
/* Those places are kept whose weight [n_place] is not 0. Allocates. */
pdm_status pdm_row_grid_keep(pdm_context *ctx, const double *weight, pdm_row_grid *g);
void       pdm_row_choice_destroy(pdm_context *ctx, pdm_row_choice *c);
/* Number of an axis' grid; -1: it stays whole. */
pdm_size pdm_row_choice_find(const pdm_row_choice *c, pdm_size dim, pdm_size n_row);
/* A description of those rows, in the order they have; scales have the roots of the weights. */
typedef struct pdm_few_rows {
    pdm_rows_desc desc;
    int32_t      *from; /* [desc.n_sampled] places in the sampled inputs of all rows */
    pdm_arena     arena;
} pdm_few_rows;
/* d is lent for its life and has no pyramid. *out stays where it is. */
pdm_status pdm_few_rows_create(pdm_context *ctx, const pdm_rows_desc *d, const pdm_row_choice *c, pdm_few_rows *out);
void       pdm_few_rows_destroy(pdm_few_rows *f);

/* ---- rows through columns that are the same for all samples (reduced_rows.c) ----
 * As rows of one dimension and one element whose coefficients are the columns' weights. What belongs to a sample stands
 * in its sampled inputs: atoms at what the columns are added to, coordinates, and the sampled inputs of the rows. */
typedef struct pdm_reduced_rows {
    const pdm_rows_desc *of; /* lent */
    pdm_rows_desc        desc;
    pdm_columns_desc     columns; /* every weight by itself */
    pdm_size            *start; /* [n_term] where in a sample's sampled inputs the atoms of a term begin, one after the
                                   * other [n_atom][points of the term] */
    int32_t             *place; /* [of->n_sampled] the same of the sampled inputs of the rows */
    pdm_arena            arena;
} pdm_reduced_rows;
/* d is lent for its life and has neither pyramid nor derived fields. values [n_term]: of each term [n_atom][points of the
 * term][n_column], its atoms of the columns at its points; copied. *out stays where it is. */
pdm_status pdm_reduced_rows_create(pdm_context *ctx, const pdm_rows_desc *d, pdm_size n_column,
                                   const double *const *values, pdm_reduced_rows *out);
void       pdm_reduced_rows_destroy(pdm_reduced_rows *x);
/* Coordinates into one sample's sampled inputs [desc.n_sampled]: the same for all samples. */
void pdm_reduced_rows_coordinates(const pdm_reduced_rows *x, double *sampled);

#endif
