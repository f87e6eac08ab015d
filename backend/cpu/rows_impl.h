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
    pdm_size             *partial0;     /* [n_term] where a term's partials begin              */
    pdm_size              n_partial;    /* of one sample                                       */
    double               *factor;       /* [n_row] of a row: scale and row_scale of its terms  */
    int32_t              *offset;       /* [n_local] of coefficients, from the first that an element sees */
    pdm_size             *element_row0; /* [n_element+1] into element_row                      */
    int32_t              *element_row;  /* [n_row] rows, element by element                    */
    cpu_pyramid           pyramid;
    pdm_size              n_chunk;   /* parts of a sum over rows                                              */
    double               *partial;   /* [n_sample][n_chunk][n_seen][n_coef]; NULL: one part                   */
    size_t                slab_work; /* doubles of scratch a task needs */
};

/* What a task works on. */
typedef struct rows_task {
    pdm_cpu       *cpu;
    pdm_rows_plan *plan;
    pdm_batch      batch;
    const double  *scalar, *sampled, *c, *y, *v;
    double        *out;
} rows_task;
/* Of rows or their derivatives at a state, without what goes out. */
rows_task rows_task_at(pdm_backend *b, pdm_rows_plan *plan, pdm_batch s, const pdm_rows_data *data, pdm_buffer *c);
/* What the rows see of c: c itself, or c with its derived fields in `seen`. */
const double *rows_extended(pdm_backend *b, const pdm_rows_plan *p, pdm_batch s, pdm_buffer *c, double *seen);
/* Where a cotangent of what the rows see goes, and how it becomes one of c. */
double *rows_unfolded(const pdm_rows_plan *p, pdm_buffer *out);
void    rows_fold(pdm_backend *b, const pdm_rows_plan *p, pdm_batch s, pdm_buffer *out);
/* Runs a task that sums over rows into coefficients, chunk by chunk; where chunk `chunk` of a sample goes. */
void    rows_sum(const rows_task *k, pdm_cpu_task fn);
double *rows_chunk_sums(const rows_task *k, pdm_size sample, pdm_size chunk);

void rows_apply_both_task(void *user, pdm_size task, int thread); /* A^T A v; c: A */

/* ---- rows_slab.c: one term on one slab ---- */

/* Scratch of one term on a slab, carved from the task's. n_point: points of the slab. */
typedef struct term_work {
    double *atom;    /* [n_atom][n_point]                        */
    double *tangent; /* [n_atom][n_point] atoms of a direction   */
    double *value;   /* [1+n_atom] or [n_second] [n_point]       */
    double *tensor;  /* contractions                             */
    double *first;   /* [n_point] coordinate of dimension 0, where it is read and planes have points */
    void   *program;
} term_work;

/* Points of a term for each point of dimension 0. */
pdm_size term_plane(const pdm_rows_desc *d, const pdm_term_desc *t);
bool     term_reads_coordinate(const pdm_term_desc *t, pdm_size dim);
/* Intermediates of contractions from rows, and of A: doubles. */
pdm_size term_tensor(const pdm_rows_desc *d, const pdm_term_desc *t, pdm_size n_point0, pdm_size n_row0);
/* Carves the scratch; base NULL: measures. Returns doubles. */
size_t term_layout(const pdm_rows_plan *p, const pdm_term_desc *t, pdm_size n_row0, const narrow_slab *x, double *base,
                   term_work *w);
/* Derivatives of c at the points: atom [n_atom][n_point]. */
void term_evaluate(const pdm_cpu *cpu, const pdm_rows_plan *p, const pdm_term_desc *t, const double *c,
                   const narrow_slab *x, double *atom, double *work);
/* Runs a program of a term on the points of a slab; outputs w->value [n_output][n_point]. */
void term_run(const pdm_cpu *cpu, const pdm_rows_plan *p, const pdm_term_desc *t, const pdm_program *program,
              const double *scalar, const double *sampled, const narrow_slab *x, const term_work *w);
/* Rows of the slab, scaled, to its points: in tensor. */
const double *term_from_rows(const pdm_rows_plan *p, const pdm_term_desc *t, const rows_slab *s, const narrow_slab *x,
                             const double *rows, double *tensor);

/* ---- rows_product.c: A^T A v without A, from the programs' partials at the points of all slabs ---- */

pdm_status rows_plan_partials(pdm_context *ctx, pdm_rows_plan *p);

/* ---- derived.c: c [n_sample][n_field][n_coef], seen [n_sample][n_seen][n_coef] ---- */
size_t derived_work(const pdm_rows_plan *p); /* doubles of scratch */
/* seen = c and the derived fields of c */
void derived_extend(pdm_cpu *cpu, const pdm_rows_plan *p, pdm_batch s, const double *c, double *seen);
/* the transpose */
void derived_fold(pdm_cpu *cpu, const pdm_rows_plan *p, pdm_batch s, const double *seen, double *out);

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
