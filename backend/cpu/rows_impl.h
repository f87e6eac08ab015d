/* Inside of the CPU rows: the plan, and the tensor contractions that rows and points are made of. */
#ifndef PDM_CPU_ROWS_IMPL_H
#define PDM_CPU_ROWS_IMPL_H

#include "backend/backend.h"
#include "backend/cpu/pyramid.h"

/* Rows first .. first+n of dimension 0 of one block of terms: what one task works on. */
typedef struct rows_slab {
    pdm_size block, first, n;
} rows_slab;

typedef struct rows_block {
    pdm_size              row0, n_row0, rest; /* first row; rows along dimension 0; rows per row of dimension 0 */
    pdm_size              n_term;
    const pdm_term_desc **term; /* [n_term] */
} rows_block;

struct pdm_rows_plan {
    const pdm_rows_desc  *desc; /* lent */
    pdm_size              n_local, n_coef, n_element;
    pdm_size              n_seen;      /* fields and derived fields                               */
    double               *c, *v, *out; /* [n_sample][n_seen][n_coef]; NULL without derived fields */
    pdm_size              n_block, n_slab;
    rows_block           *block;
    const pdm_term_desc **term_list; /* [n_term] terms sorted by block */
    rows_slab            *slab;
    int32_t              *row_element;  /* [n_row] element that holds a row                    */
    int32_t              *element_coef; /* [n_element][n_local] coefficients an element sees   */
    pdm_size             *element_row0; /* [n_element+1] into element_row                      */
    int32_t              *element_row;  /* [n_row] rows, element by element                    */
    cpu_pyramid           pyramid;
    pdm_size              n_chunk;   /* parts of a sum over rows                                              */
    double               *partial;   /* [n_sample][n_chunk][n_seen][n_coef]; NULL: one part                   */
    size_t                slab_work; /* doubles of scratch a task needs */
};

/* ---- derived.c: c [n_sample][n_field][n_coef], seen [n_sample][n_seen][n_coef] ---- */
struct pdm_cpu;
size_t derived_work(const pdm_rows_plan *p); /* doubles of scratch */
/* seen = c and the derived fields of c */
void derived_extend(struct pdm_cpu *cpu, const pdm_rows_plan *p, pdm_batch s, const double *c, double *seen);
/* the transpose */
void derived_fold(struct pdm_cpu *cpu, const pdm_rows_plan *p, pdm_batch s, const double *seen, double *out);

/* ---- contract.c: all tensors row-major. `width` = degree+1. ---- */

/* out [outer][n_row][inner] = sum over pairs of rows first .. first+n_row of weight * in[outer][point - point0][inner],
 * in [outer][n_point][inner] */
void contract_pairs(pdm_size outer, pdm_size inner, const pdm_axis *axis, pdm_size first, pdm_size n_row,
                    pdm_size point0, pdm_size n_point, const double *restrict in, double *restrict out);
/* the transpose: out [outer][n_point][inner] is overwritten */
void contract_pairs_adjoint(pdm_size outer, pdm_size inner, const pdm_axis *axis, pdm_size first, pdm_size n_row,
                            pdm_size point0, pdm_size n_point, const double *restrict in, double *restrict out);
/* One step of assembling dr/dc: out [outer][n_row][rows][width][local] = sum over pairs of pair_basis[.][l] *
 * in[outer][point][rows][local] */
void contract_assemble(pdm_size outer, pdm_size rows, pdm_size local, const pdm_axis *axis, pdm_size order,
                       pdm_size width, pdm_size first, pdm_size n_row, pdm_size point0, pdm_size n_point,
                       const double *restrict in, double *restrict out);

/* Points first .. first+n of dimension 0 that rows [row, row+n_row) of the axis use; n = 0: none. */
void axis_point_range(const pdm_axis *axis, pdm_size row, pdm_size n_row, pdm_size *first, pdm_size *n);

/* Derivative `order` of one field's coefficients on points [first0, first0+n0) x all others; work: contract_work()
 * doubles. out [n0][n_point 1]... */
void evaluate_tensor(pdm_size n_dim, const pdm_size *degree, const pdm_size *n_coef, const pdm_axis *axis,
                     const int32_t *order, pdm_size first0, pdm_size n0, const double *restrict c, double *restrict out,
                     double *restrict work);
/* The transpose, adds into g_c. */
void evaluate_tensor_adjoint(pdm_size n_dim, const pdm_size *degree, const pdm_size *n_coef, const pdm_axis *axis,
                             const int32_t *order, pdm_size first0, pdm_size n0, const double *restrict values,
                             double *restrict g_c, double *restrict work);
/* Largest intermediate tensor of both (doubles); work of evaluate_tensor is twice this. */
pdm_size evaluate_tensor_size(pdm_size n_dim, const pdm_size *n_coef, const pdm_axis *axis, pdm_size n0);

#endif
