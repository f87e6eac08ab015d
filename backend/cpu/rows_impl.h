/* Inside of the CPU rows: the plan, and the tensor contractions that rows and points are made of. */
#ifndef PDM_CPU_ROWS_IMPL_H
#define PDM_CPU_ROWS_IMPL_H

#include "backend/cpu/cpu_impl.h"
#include "backend/cpu/pyramid.h"

/* ---- narrow.c: from coefficients to points, and from points to rows. All tensors row-major. ---- */

/* An axis as tables: points from coefficients, order by order, and rows from points. */
typedef struct narrow_axis {
    const pdm_axis *axis; /* lent */
    pdm_size        n_coef;
    pdm_cpu_narrow  basis;      /* of order 0; those of order o lie o*width*pitch behind its weights */
    pdm_cpu_narrow  pairs;      /* n = 0: the axis has none; these and the next with the rows' scales */
    const double   *pair_basis; /* [n_order][n_pair][width] */
} narrow_axis;

typedef struct narrow_axes {
    pdm_arena    arena;
    narrow_axis *axis; /* [n] */
} narrow_axes;

/* What narrow_axes_create() makes a table of. */
typedef struct narrow_source {
    const pdm_axis *axis;
    pdm_size        n_order, n_coef, degree;
    double          scale;     /* of all rows */
    const double   *row_scale; /* [n_row]; NULL: the axis has none */
} narrow_source;
pdm_status narrow_axes_create(pdm_context *ctx, pdm_size n, const narrow_source *source, narrow_axes *out);
void       narrow_axes_destroy(narrow_axes *a);

/* A slab of points: [first0, first0+n0) of dimension 0 x all of the others; it sees coefficients coef0 ..
 * coef0+n_coef0-1 of dimension 0. */
typedef struct narrow_slab {
    pdm_size           n_dim;
    const narrow_axis *axis; /* [n_dim] */
    pdm_size           first0, n0, coef0, n_coef0;
} narrow_slab;
narrow_slab narrow_slab_of(pdm_size n_dim, const narrow_axis *axis, pdm_size first0, pdm_size n0);

/* Doubles of work that the two below need. */
pdm_size narrow_evaluate_size(const narrow_slab *s);
/* A field's coefficients c, derivatives by all dimensions but the first: [n_coef0][n_point 1]..., in work or in c. */
const double *narrow_evaluate_plane(const pdm_cpu_kernels *k, const narrow_slab *s, const int32_t *order,
                                    const double *restrict c, double *restrict work);
/* Derivative `order` by the first dimension of that: out [n0][n_point 1]... */
void narrow_evaluate_first(const pdm_cpu_kernels *k, const narrow_slab *s, int32_t order, const double *restrict plane,
                           double *restrict out);

/* Doubles of work for values at a slab's points to rows, n_row0 of them along dimension 0. */
pdm_size narrow_rows_size(const narrow_slab *s, pdm_size n_row0);
/* values at the points -> sums in rows [row0, row0+n_row0) x all of the others, in work. */
const double *narrow_rows(const pdm_cpu_kernels *k, const narrow_slab *s, pdm_size row0, pdm_size n_row0,
                          const double *restrict values, double *restrict work);

/* ---- rows.c ---- */

/* Rows first .. first+n of dimension 0 of one block of terms: what one task works on. */
typedef struct rows_slab {
    pdm_size           block, first, n;
    const narrow_slab *points; /* [n_term of the block] */
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
    narrow_axes           tables;       /* [n_term][n_dim] */
    const double        **coordinate;   /* [n_term][n_dim] at a slab's points; NULL: of dimension 0, or not read */
    double               *coordinates;  /* of all of them                                      */
    narrow_slab          *points;       /* of all slabs and their terms                        */
    double               *factor;       /* [n_row] of a row: scale and row_scale of its terms  */
    int32_t              *offset;       /* [n_local] of coefficients, from the first that an element sees */
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

/* in [outer][n_row][inner] of rows first .. first+n_row, out [outer][n_point][inner] is overwritten: the transpose of
 * points to rows in one dimension */
void contract_pairs_adjoint(pdm_size outer, pdm_size inner, const pdm_axis *axis, pdm_size first, pdm_size n_row,
                            pdm_size point0, pdm_size n_point, const double *restrict in, double *restrict out);
/* One step of assembling dr/dc: out [outer][n_row][rows][width][local] = (add: +=) sum over pairs of pair_basis[.][l] *
 * in[outer][point][rows][local] */
void contract_assemble(const pdm_cpu_kernels *kernels, pdm_size outer, pdm_size rows, pdm_size local,
                       const narrow_axis *axis, pdm_size order, pdm_size first, pdm_size n_row, pdm_size point0,
                       pdm_size n_point, const double *restrict in, bool add, double *restrict out);

/* Points first .. first+n of dimension 0 that rows [row, row+n_row) of the axis use; n = 0: none. */
void axis_point_range(const pdm_axis *axis, pdm_size row, pdm_size n_row, pdm_size *first, pdm_size *n);

/* values on points [first0, first0+n0) x all others, as a derivative `order`, back to coefficients: adds into g_c. work:
 * twice evaluate_tensor_adjoint_size() doubles, the largest intermediate tensor. */
void     evaluate_tensor_adjoint(pdm_size n_dim, const pdm_size *degree, const pdm_size *n_coef, const pdm_axis *axis,
                                 const int32_t *order, pdm_size first0, pdm_size n0, const double *restrict values,
                                 double *restrict g_c, double *restrict work);
pdm_size evaluate_tensor_adjoint_size(pdm_size n_dim, const pdm_size *n_coef, const pdm_axis *axis, pdm_size n0);

#endif
