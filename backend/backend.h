/* Back ends: one table of operations, run on the CPU (backend/cpu), on the CPU in disguise
 * (backend/check), on GPUs
 * (backend/cuda).
 *
 * Everything heavy lives in buffers that only the back end can see through; descriptions (tables, programs, structures)
 * are handed over once, at create, as plain host structs that the back end copies to where it needs them.
 * All operations work on a batch of independent inputs ("samples") and enqueue; `synchronise` waits. Host code reads a
 * buffer only between acquire and release.
 *
 * Common layouts, last index fastest:
 *   c, g_c   double [n_sample][n_field][n_coef]      control coefficients; n_coef = prod of n_coef[d]
 *   r        double [n_sample][n_row]
 *   A        double [n_sample][n_row][n_seen][n_local]    dr/dc; n_local = prod (degree[d]+1): all coefficients that a
 *            row sees; n_seen = n_field + n_derived: the columns of derived fields are apart, see pdm_derived_desc
 *   w        double [n_sample][n_column]             expert weights, packed expert by expert
 */
#ifndef PDM_BACKEND_H
#define PDM_BACKEND_H

#include "core/core.h"

#define PDM_BACKEND_OPS_VERSION 9
#define PDM_MAX_DIM             4
#define PDM_MAX_LEVEL           17 /* boxes of 2^17 cells are wider than any dimension */

typedef struct pdm_backend  pdm_backend;
typedef struct pdm_buffer   pdm_buffer;
typedef struct pdm_fallback pdm_fallback;

typedef enum pdm_access { PDM_READ = 1, PDM_WRITE = 2, PDM_READ_WRITE = 3 } pdm_access;

/* The samples an operation works on: n of them, index[i] in [0, n_sample). Host memory, lent for the call. */
typedef struct pdm_batch {
    pdm_size       n;
    const int32_t *index;
} pdm_batch;

/* ---- programs -------------------------------------------------------------------------------------------------------
 * Straight-line code over registers: what pde/ emits, what cpu/ interprets over blocks of points and cuda/ compiles. */
#define PDM_OPCODE_LIST(X)                                                                                      \
    /* name, number of operands, meaning */                                                                     \
    X(CONST, 0, "value")                                                                                        \
    X(INPUT, 0, "program input number a")                                                                       \
    X(NEG, 1, "-a")                                                                                             \
    X(ADD, 2, "a + b")                                                                                          \
    X(SUB, 2, "a - b")                                                                                          \
    X(MUL, 2, "a * b")                                                                                          \
    X(DIV, 2, "a / b")                                                                                          \
    X(POW, 2, "a ^ b, C pow")                                                                                   \
    X(SQUARE, 1, "a * a")                                                                                       \
    X(RECIPROCAL, 1, "1 / a")                                                                                   \
    X(EXP, 1, "exp")                                                                                            \
    X(LOG, 1, "log")                                                                                            \
    X(SQRT, 1, "sqrt") X(SIN, 1, "sin") X(COS, 1, "cos") X(TAN, 1, "tan") X(SINH, 1, "sinh") X(COSH, 1, "cosh") \
        X(TANH, 1, "tanh") X(ERF, 1, "erf") X(ATAN, 1, "atan") X(LOG1P, 1, "log(1 + a)") X(ABS, 1, "abs")       \
            X(SIGN, 1, "-1, 0, 1") X(STEP, 1, "a > 0 ? 1 : 0") X(MIN, 2, "min") X(MAX, 2, "max")

typedef enum pdm_opcode {
#define PDM_OPCODE_ENUM(name, n_operand, text) PDM_OPCODE_##name,
    PDM_OPCODE_LIST(PDM_OPCODE_ENUM)
#undef PDM_OPCODE_ENUM
        PDM_OPCODE_COUNT
} pdm_opcode;

typedef struct pdm_instruction {
    int32_t opcode;
    int32_t target; /* register written */
    int32_t a, b;   /* registers read; for INPUT: a is the number of the input */
    double  value;  /* CONST */
} pdm_instruction;

/* Registers are reused; an output's register stays untouched after it is written. */
typedef struct pdm_program {
    pdm_size               n_instruction, n_register, n_input, n_output;
    const pdm_instruction *instruction; /* [n_instruction] */
    const int32_t         *output;      /* [n_output] register of each output */
} pdm_program;

/* Plain reference interpreter (backend/program.c): in [n_input] and out [n_output] are the values at one point;
 * work [n_register]. */
void pdm_program_evaluate(const pdm_program *p, const double *in, double *out, double *work);

/* ---- rows: the discretised PDE (built by domain/) -------------------------------------------------------------------
 * r = sum over terms of Q f(E c): E evaluates splines at the term's points (a tensor grid), f is the term's program,
 * Q adds up weighted points into rows (a tensor product too). */

/* One dimension of a term's point grid and of the row grid it feeds.
 * Element: knot cell; element e sees coefficients e .. e+degree, modulo n_coef when periodic. */
typedef struct pdm_axis {
    pdm_size       n_point;
    const double  *coordinate; /* [n_point] physical                                                  */
    const int32_t *element;    /* [n_point] element in which the point is evaluated                    */
    const double  *basis;      /* [n_order][n_point][degree+1] derivatives of order 0.. by the physical coordinate */
    pdm_size       n_row;
    const int32_t *row_element; /* [n_row] element that holds the row                                  */
    const int32_t *pair0;       /* [n_row+1] row i adds up pairs pair0[i] .. pair0[i+1]-1              */
    const int32_t *pair_point;  /* [n_pair]                                                            */
    const double  *pair_weight; /* [n_pair] signed                                                     */
    const double  *pair_basis;  /* [n_order][n_pair][degree+1] weight times basis, relative to row_element; NULL: not
                                  * to be linearised */
} pdm_axis;

typedef enum pdm_input_kind {
    PDM_INPUT_ATOM,       /* derivative of a field at the point: index = atom of the term             */
    PDM_INPUT_COORDINATE, /* index = dimension                                                         */
    PDM_INPUT_SCALAR,     /* index = per-sample scalar                                                 */
    PDM_INPUT_FIELD       /* index = sampled per-sample array over the term's points                   */
} pdm_input_kind;

typedef struct pdm_program_input {
    int32_t kind, index;
} pdm_program_input;

static inline bool pdm_inputs_read_coordinate(pdm_size n, const pdm_program_input *input, pdm_size dim)
{
    for (pdm_size i = 0; i < n; i++)
        if (input[i].kind == PDM_INPUT_COORDINATE && input[i].index == dim) return true;
    return false;
}

typedef struct pdm_atom {
    int32_t field; /* n_field and beyond: a derived field */
    int32_t order[PDM_MAX_DIM];
} pdm_atom;

typedef struct pdm_term_desc {
    pdm_axis                 axis[PDM_MAX_DIM];
    pdm_size                 n_order; /* orders tabulated in every axis                                      */
    pdm_size                 n_atom;
    const pdm_atom          *atom; /* [n_atom]                                                            */
    pdm_size                 n_input;
    const pdm_program_input *input;    /* [n_input] the same for the three programs                           */
    const pdm_program       *value;    /* 1 output: f                                                         */
    const pdm_program       *partial;  /* 1 + n_atom outputs: f, df/datom                                     */
    const pdm_program       *second;   /* n_second outputs                                                    */
    pdm_size                 n_second; /* structurally non-zero second partials, a <= b                       */
    const int32_t           *second_a, *second_b; /* [n_second] atoms                                         */
    pdm_size                 n_sampled;      /* sampled input fields                                               */
    const int32_t           *sampled_offset; /* [n_sampled] offset in doubles inside one sample's share of `sampled` */
    pdm_size                 row0;           /* first row of the block the term feeds; the block is a tensor grid   */
    double                   scale;          /* factor on the whole term (same for all terms of one block)          */
    const double            *row_scale[PDM_MAX_DIM]; /* [axis.n_row] further factors, one a dimension         */
} pdm_term_desc;

/* Rows that count as sums: one block of rows also counts as sums over boxes of cells, level by level, l = 1 .. n_level,
 *     |r|^2  becomes  r.M r,    M = I + sum_l B_l^T B_l,    B_l = diag(s_l) Sum_l diag(1/s_0)
 * Sum_l adds up the cells of a box (the last one of a dimension may be smaller); the scales are products of one factor
 * a dimension. Where only_sums, I is left out: the rows themselves do not count. docs/mathematics.md, "Rows at every
 * scale", "Integral constraints". */
typedef struct pdm_pyramid_desc {
    pdm_size      row0, n_level;
    bool          only_sums;
    pdm_size      first_width[PDM_MAX_DIM]; /* cells of a box of level 1 along a dimension              */
    pdm_size      width[PDM_MAX_DIM];       /* boxes of a level in a box of the next                    */
    pdm_size      shape[PDM_MAX_DIM];       /* cells                                                     */
    const double *unscale[PDM_MAX_DIM];     /* [shape] 1/s_0, the block's common factor left out          */
    const double *scale[PDM_MAX_DIM];       /* [n_level][shape] s_l, of box i in place i; likewise        */
} pdm_pyramid_desc;

/* A derived field: coefficients that are linear in a field's and not local, the same for every index of the dimensions
 * before first_dim and circulant in those from there on, which are periodic and uniform:
 *     c' = T diag(symbol) T c,   T the tensor product of transform[d] (Hartley: cos + sin),
 * which is its own transpose. Rows read derived fields like others; A keeps what they see of them in columns of its
 * own, and apply and apply_adjoint put the two together. The normal matrix leaves them out. */
typedef struct pdm_derived_desc {
    int32_t       field;
    const double *symbol; /* [prod of n_coef[d], d >= first_dim] */
} pdm_derived_desc;

typedef struct pdm_rows_desc {
    pdm_size                n_dim, n_field, n_row;
    pdm_size                degree[PDM_MAX_DIM], n_coef[PDM_MAX_DIM], n_element[PDM_MAX_DIM];
    bool                    periodic[PDM_MAX_DIM];
    pdm_size                n_term;
    const pdm_term_desc    *term;                   /* [n_term] */
    pdm_size                n_pyramid;              /* 0: M = I */
    const pdm_pyramid_desc *pyramid;                /* [n_pyramid] */
    pdm_size                n_derived;              /* fields n_field .. n_field+n_derived-1 of atoms */
    const pdm_derived_desc *derived;                /* [n_derived] */
    pdm_size                first_dim;              /* of the derived fields' transforms */
    const double           *transform[PDM_MAX_DIM]; /* [n_coef[d]][n_coef[d]], d >= first_dim */
    pdm_size                n_scalar;               /* per-sample scalars                               */
    pdm_size                n_sampled;              /* doubles of sampled fields per sample, all terms  */
} pdm_rows_desc;

/* Arrays of coefficients that a row sees: fields and derived fields. */
static inline pdm_size pdm_rows_n_seen(const pdm_rows_desc *d)
{
    return d->n_field + d->n_derived;
}

/* A is that of any coefficients. */
static inline bool pdm_rows_are_linear(const pdm_rows_desc *d)
{
    for (pdm_size t = 0; t < d->n_term; t++)
        if (d->term[t].n_second > 0) return false;
    return true;
}

/* Partials of all terms at all their points. */
static inline pdm_size pdm_rows_n_partial(const pdm_rows_desc *d)
{
    pdm_size all = 0;
    for (pdm_size t = 0; t < d->n_term; t++) {
        pdm_size n = d->term[t].n_atom;
        for (pdm_size j = 0; j < d->n_dim; j++) n *= d->term[t].axis[j].n_point;
        all += n;
    }
    return all;
}

typedef struct pdm_rows_plan pdm_rows_plan;

/* Per-sample data the terms read besides c: scalar [n_sample][n_scalar], sampled [n_sample][n_sampled]. */
typedef struct pdm_rows_data {
    pdm_buffer *scalar, *sampled;
} pdm_rows_data;

/* ---- points: evaluation on a tensor grid ------------------------------------------------------------------------- */
typedef struct pdm_points_desc {
    pdm_size n_dim, n_field;
    pdm_size degree[PDM_MAX_DIM], n_coef[PDM_MAX_DIM];
    bool     periodic[PDM_MAX_DIM];
    pdm_size n_order;
    pdm_axis axis[PDM_MAX_DIM]; /* row and pair members unused */
} pdm_points_desc;

typedef struct pdm_points_plan pdm_points_plan;

/* ---- columns: c = c_lift + offset + guess + C w (built by experts/) -------------------------------------------------
 * Columns come in groups: one group is one expert's columns in one field. Expert e owns groups e*n_field .. +n_field-1.
 * C is packed group by group, [n_sample][sum over groups of n_coef_g * n_col_g], group g as [n_coef_g][n_col_g]. */
typedef enum pdm_column_kind {
    /* C from basis functions: C[i][n] = scale * window_i * (prior[i][n] + B[channel n][coef i]) / norm_n */
    PDM_COLUMNS_DENSE,
    PDM_COLUMNS_IDENTITY /* all free coefficients are unknowns; C is not stored; n_col_g = n_coef_g        */
} pdm_column_kind;

typedef struct pdm_column_group {
    int32_t        expert, field;
    pdm_size       n_coef; /* free coefficients it reaches                                            */
    const int32_t *coef;   /* [n_coef] increasing indices into one field's control grid               */
    const double  *window; /* [n_coef] partition weight G_e (1 for hard partitions); see columns_windows */
    pdm_size       n_col;
    const int32_t *channel; /* [n_col] basis channel of each column; NULL: the prior alone, or IDENTITY */
    double         scale;   /* length of the columns of DENSE: the field's size, so that w is about one */
    const double  *prior;   /* [n_coef][n_col] added to the basis functions; NULL: nothing             */
} pdm_column_group;

typedef struct pdm_columns_desc {
    pdm_column_kind         kind;
    pdm_size                n_expert, n_field, n_coef, n_channel; /* n_coef: of one field */
    const pdm_column_group *group;                                /* [n_expert*n_field] */
    /* DENSE: the last n_field channels are a guess, of field f in channel n_channel - n_field + f, in sizes of the field
     * (its groups' scale): [n_field][n_coef], 1 at coefficients that it is for, 0 elsewhere; NULL: there is none */
    const unsigned char *guess;
    const double        *offset; /* DENSE: [n_field][n_coef] in sizes of fields, added to lift too; NULL: nothing */
} pdm_columns_desc;

/* Do solves start from something else than the lift? */
static inline bool pdm_columns_have_start(const pdm_columns_desc *d)
{
    return d->guess || d->offset;
}

/* Are columns those of any sample? */
static inline bool pdm_columns_are_constant(const pdm_columns_desc *d)
{
    for (pdm_size g = 0; g < d->n_expert * d->n_field; g++)
        if (d->group[g].n_col > 0 && (d->group[g].channel || !d->group[g].prior)) return false;
    return d->kind == PDM_COLUMNS_DENSE;
}

typedef struct pdm_columns_plan pdm_columns_plan;

/* ---- block-sparse symmetric matrices (structure from solver/) -------------------------------------------------------
 * Lower triangle by blocks in elimination order. Block column j holds blocks of rows row[start[j]] = j, then increasing;
 * each block is dense row-major [size[row]][size[j]] at offset[k]. The pattern includes fill. A block gathers any
 * unknowns: packed position p (block by block) holds the unknown order[p] of w. */
typedef struct pdm_blocks_desc {
    pdm_size        n_block, n_unknown, n_value; /* n_value: doubles of one matrix         */
    const int32_t  *size;                        /* [n_block]                              */
    const int32_t  *start;                       /* [n_block+1] into row and offset        */
    const int32_t  *row;                         /* block row                              */
    const pdm_size *offset;                      /* into one matrix's values               */
    const int32_t  *order;                       /* [n_unknown] unknown at packed position */
    pdm_size        n_set;                       /* of unknowns one after the other, for blocks_worth; 0: none */
    const pdm_size *set0;                        /* [n_set+1] into the order of w          */
} pdm_blocks_desc;

/* Are there blocks below the diagonal? One block alone counts as if: nothing is left out of it. */
static inline bool pdm_blocks_are_coupled(const pdm_blocks_desc *d)
{
    return d->n_block == 1 || d->start[d->n_block] > d->n_block;
}

typedef struct pdm_blocks_plan pdm_blocks_plan;

/* Normal matrix H = C^T A^T M A C (+ diagonal) from A and C, straight into blocks, without derived fields and what
 * falls into blocks that are not in the pattern. With a pyramid every block is there,
 * or those on the diagonal alone. */
typedef struct pdm_normal_plan pdm_normal_plan;

/* ---- nested splines (built by domain/) ------------------------------------------------------------------------------
 * Coarser and coarser splines inside those of the rows, for a preconditioner of A^T A; level 0 is the finest. A
 * dimension that loses no knots from a level to the next has parent[e] = e and the identity. */
typedef struct pdm_nest_axis {
    pdm_size       n_coef, n_element; /* of the coarser level                                                */
    const int32_t *parent;            /* [n_element, finer] the coarser element that holds it; rising        */
    const double  *local; /* [n_element, finer][degree+1][degree+1] what it sees, from what its parent sees  */
} pdm_nest_axis;

typedef struct pdm_nest_desc {
    pdm_size             n_level;
    const pdm_nest_axis *axis; /* [n_level-1][n_dim] from each level to the next            */
    const unsigned char *free; /* [n_field][n_coef] of level 0: 1 where there is an unknown */
} pdm_nest_desc;

typedef struct pdm_nest_plan pdm_nest_plan;

/* ---- sparse matrices, the same for all samples, by rows ---- */
typedef struct pdm_matrix_desc {
    pdm_size       n_row, n_column;
    const int32_t *row0;   /* [n_row+1] row i has the entries row0[i] .. row0[i+1]-1 */
    const int32_t *column; /* [row0[n_row]] */
    const double  *value;  /* [row0[n_row]] */
} pdm_matrix_desc;

typedef struct pdm_matrix_plan pdm_matrix_plan;

/* ---- Fourier networks (architecture and parameters from surrogate/) -------------------------------------------------
 *     h_0     = features W_lift + b_lift                                                  on the control grid
 *     h_{l+1} = gelu(R^T mix_l(R h_l) + h_l W_l + b_l),    l = 0 .. n_layer-1             on the padded grid
 *     basis   = gelu(h_L W_0 + b_0) W_1 + b_1                                             on the control grid
 * R is the transform to the modes kept, on the padded grid (zeros beyond the control grid in h_0): in the last
 * dimension modes 0 .. m-1, in the others -m .. m-1, stored in the order 0 .. m-1, -m .. -1. mix_l multiplies each mode
 * by its own complex matrix K = Kr + i Ki; R^T is the real part of the inverse transform, where modes k > 0 of the last
 * dimension count twice. gelu is the tanh form.
 *
 * Parameters, float, packed from offset_lift on:  W_lift [n_feature][width], b_lift [width];
 * from offset_layer + l*layer_stride on:          [mode] of (Kr [width in][width out], Ki [width in][width out]),
 *                                                 W_l [width in][width out], b_l [width];
 * from offset_head on:                            W_0 [width][n_hidden], b_0, W_1 [n_hidden][n_channel], b_1. */
typedef struct pdm_fourier_desc {
    pdm_size n_dim;
    pdm_size n_grid[PDM_MAX_DIM];   /* control grid                                                       */
    pdm_size n_padded[PDM_MAX_DIM]; /* >= n_grid: the transform's period                                  */
    pdm_size
        n_mode[PDM_MAX_DIM]; /* m; last dimension: 1 <= m <= n_padded/2+1; others: 0 (mode 0 alone) <= 2m <= n_padded */
    pdm_size n_feature, width, n_layer, n_hidden, n_channel; /* all >= 1 */
    pdm_size offset_lift, offset_layer, layer_stride, offset_head;
} pdm_fourier_desc;

typedef struct pdm_fourier_plan pdm_fourier_plan;

/* One step of Adam on n parameters: with g' = gradient_scale * g,
 *     m = beta1 m + (1-beta1) g',  v = beta2 v + (1-beta2) g'^2,
 *     parameters -= learning_rate * (m / (1-beta1^step)) / (sqrt(v / (1-beta2^step)) + epsilon) */
typedef struct pdm_adam {
    pdm_size n;
    pdm_size step; /* >= 1 */
    double   learning_rate, beta1, beta2, epsilon, gradient_scale;
} pdm_adam;

/* A dot product: out = sum_i x_i y_i (weight_i), x, y and weight [n_sample][n]. */
typedef struct pdm_dot {
    pdm_size    n;
    pdm_buffer *x, *y, *weight; /* weight NULL: 1 */
    double     *out;            /* [n_sample] host */
} pdm_dot;

/* Bytes that the context's objects hold, and that they may take besides. */
typedef struct pdm_memory {
    double held, available;
    bool   is_host;
} pdm_memory;

/* A back end may leave slots NULL from the rows on (backend/fallback/fallback.h); callers find none that is, but for
 * those of memory that say so. */
typedef struct pdm_backend_ops {
    int         version; /* PDM_BACKEND_OPS_VERSION */
    const char *name;
    void (*destroy)(pdm_backend *b);
    pdm_status (*view)(pdm_backend *b, pdm_text *out);

    /* -- memory. Buffers are zeroed. acquire: host view until release; one writer excludes others. -- */
    pdm_status (*buffer_create)(pdm_backend *b, size_t bytes, pdm_buffer **out);
    void (*buffer_destroy)(pdm_backend *b, pdm_buffer **buffer);
    pdm_status (*acquire)(pdm_backend *b, pdm_buffer *buffer, pdm_access access, void **host);
    pdm_status (*release)(pdm_backend *b, pdm_buffer *buffer, void **host);
    pdm_status (*copy)(pdm_backend *b, pdm_buffer *to, const pdm_buffer *from, size_t to_offset, size_t from_offset,
                       size_t bytes);
    pdm_status (*synchronise)(pdm_backend *b);
    /* A buffer that shows bytes of a program's own, in memory of the kind that the back end computes in: to be copied to
     * and from, and destroyed, which leaves them. *buffer: NULL, or what an earlier call gave, which shows the new ones
     * then. what: their name, for errors. PDM_ERR_ARGUMENT where they are elsewhere, not aligned to 8 bytes,
     * or fewer. NULL: there is no such memory. */
    pdm_status (*buffer_lend)(pdm_backend *b, const char *what, void *memory, size_t bytes, pdm_buffer **buffer);
    /* Of the memory that buffers and plans are in. NULL: it is the host's, which the context counts. */
    pdm_status (*memory)(pdm_backend *b, pdm_memory *out);

    /* -- rows -- */
    pdm_status (*rows_create)(pdm_backend *b, const pdm_rows_desc *desc, pdm_size n_sample, pdm_rows_plan **out);
    void (*rows_destroy)(pdm_backend *b, pdm_rows_plan **plan);
    /* r = r(c) */
    pdm_status (*rows_residual)(pdm_backend *b, pdm_rows_plan *plan, pdm_batch s, const pdm_rows_data *data,
                                pdm_buffer *c, pdm_buffer *r);
    /* A = dr/dc at c */
    pdm_status (*rows_linearise)(pdm_backend *b, pdm_rows_plan *plan, pdm_batch s, const pdm_rows_data *data,
                                 pdm_buffer *c, pdm_buffer *A);
    /* out = M r, both [n_row] and not the same buffer */
    pdm_status (*rows_weigh)(pdm_backend *b, pdm_rows_plan *plan, pdm_batch s, pdm_buffer *r, pdm_buffer *out);
    /* out = A v [n_row] ; out = A^T v [n_field][n_coef] */
    pdm_status (*rows_apply)(pdm_backend *b, pdm_rows_plan *plan, pdm_batch s, pdm_buffer *A, pdm_buffer *v,
                             pdm_buffer *out);
    pdm_status (*rows_apply_adjoint)(pdm_backend *b, pdm_rows_plan *plan, pdm_batch s, pdm_buffer *A, pdm_buffer *v,
                                     pdm_buffer *out);
    /* What terms' programs have for partials at c: partials [n_sample][pdm_rows_n_partial()], as [term][atom][point].
     * They are there for the next slot of the same back end, which may read A instead, and then this one does nothing. */
    pdm_status (*rows_partials)(pdm_backend *b, pdm_rows_plan *plan, pdm_batch s, const pdm_rows_data *data,
                                pdm_buffer *c, pdm_buffer *partials);
    /* out = A^T A v, v and out like c, for rows without a pyramid, from A and from partials at the same c;
     * partials NULL: from A */
    pdm_status (*rows_curvature)(pdm_backend *b, pdm_rows_plan *plan, pdm_batch s, pdm_buffer *A, pdm_buffer *partials,
                                 pdm_buffer *v, pdm_buffer *out);
    /* out = (sum_i y_i hess r_i(c)) v; y [n_row], v and out like c */
    pdm_status (*rows_second_order)(pdm_backend *b, pdm_rows_plan *plan, pdm_batch s, const pdm_rows_data *data,
                                    pdm_buffer *c, pdm_buffer *y, pdm_buffer *v, pdm_buffer *out);

    /* -- evaluation: out [n_sample][n_point] = derivative `atom` of c on the points; adjoint adds into g_c -- */
    pdm_status (*points_create)(pdm_backend *b, const pdm_points_desc *desc, pdm_points_plan **out);
    void (*points_destroy)(pdm_backend *b, pdm_points_plan **plan);
    pdm_status (*points_evaluate)(pdm_backend *b, pdm_points_plan *plan, pdm_batch s, pdm_atom atom, pdm_buffer *c,
                                  pdm_buffer *out);
    pdm_status (*points_evaluate_adjoint)(pdm_backend *b, pdm_points_plan *plan, pdm_batch s, pdm_atom atom,
                                          pdm_buffer *g_out, pdm_buffer *g_c);

    /* -- columns -- */
    pdm_status (*columns_create)(pdm_backend *b, const pdm_columns_desc *desc, pdm_size n_sample,
                                 pdm_columns_plan **out);
    void (*columns_destroy)(pdm_backend *b, pdm_columns_plan **plan);
    /* Which columns exist, sample by sample, until the next call; at first all do. on [n_sample][n_column] host, 0 or
     * 1, of which the batch's are read; NULL: all of them. A column that does not exist costs nothing: it adds nothing
     * to c, its entries of w and lambda are not read, those of g_w are 0, it sends nothing back to the basis. DENSE
     * only. Takes effect with columns_build; normal_assemble follows it. */
    pdm_status (*columns_select)(pdm_backend *b, pdm_columns_plan *plan, pdm_batch s, const unsigned char *on);
    /* The windows, priors and offset of desc, which otherwise is that of create, take the place of those that the plan
     * has, in columns_build and columns_start from now on. DENSE only. */
    pdm_status (*columns_windows)(pdm_backend *b, pdm_columns_plan *plan, const pdm_columns_desc *desc);
    /* C and norm from basis [n_sample][n_channel][n_coef] FP32 (DENSE only); norm kept in the plan */
    pdm_status (*columns_build)(pdm_backend *b, pdm_columns_plan *plan, pdm_batch s, pdm_buffer *basis);
    /* start = lift + offset + guess, the last out of basis; start may be lift */
    pdm_status (*columns_start)(pdm_backend *b, pdm_columns_plan *plan, pdm_batch s, pdm_buffer *basis,
                                pdm_buffer *lift, pdm_buffer *start);
    /* c = lift + C w */
    pdm_status (*columns_expand)(pdm_backend *b, pdm_columns_plan *plan, pdm_batch s, pdm_buffer *w, pdm_buffer *lift,
                                 pdm_buffer *c);
    /* g_w = C^T g_c */
    pdm_status (*columns_reduce)(pdm_backend *b, pdm_columns_plan *plan, pdm_batch s, pdm_buffer *g_c, pdm_buffer *g_w);
    /* g_basis = backward of columns_build for g_C = p w^T - q lambda^T (q and lambda may be NULL), and of columns_start
     * to the guess for g_start = p; overwritten for s */
    pdm_status (*columns_backward)(pdm_backend *b, pdm_columns_plan *plan, pdm_batch s, pdm_buffer *p, pdm_buffer *w,
                                   pdm_buffer *q, pdm_buffer *lambda, pdm_buffer *g_basis);
    /* g_window, FP64, group by group as windows are, [sum of n_coef_g] = the same backward to the windows, basis being
     * that of columns_build; overwritten with the sum over the samples of s,
     * added up in their order (zeros when s is empty) */
    pdm_status (*columns_windows_backward)(pdm_backend *b, pdm_columns_plan *plan, pdm_batch s, pdm_buffer *basis,
                                           pdm_buffer *p, pdm_buffer *w, pdm_buffer *q, pdm_buffer *lambda,
                                           pdm_buffer *g_window);

    /* -- block-sparse normal matrices; H and L: [n_sample][n_value]; of diagonal blocks the lower triangle is read -- */
    pdm_status (*blocks_create)(pdm_backend *b, const pdm_blocks_desc *desc, pdm_size n_sample, pdm_blocks_plan **out);
    void (*blocks_destroy)(pdm_backend *b, pdm_blocks_plan **plan);
    /* Which unknowns exist: as columns_select, and the same ones. A block of rows i and columns j then holds those that
     * exist alone, [rows on][columns on], at the offset it has anyway. */
    pdm_status (*blocks_select)(pdm_backend *b, pdm_blocks_plan *plan, pdm_batch s, const unsigned char *on);
    pdm_status (*normal_create)(pdm_backend *b, const pdm_rows_desc *rows, const pdm_columns_desc *columns,
                                const pdm_blocks_desc *blocks, pdm_size n_sample, pdm_normal_plan **out);
    void (*normal_destroy)(pdm_backend *b, pdm_normal_plan **plan);
    /* H = C^T A^T M A C */
    pdm_status (*normal_assemble)(pdm_backend *b, pdm_normal_plan *plan, pdm_batch s, pdm_columns_plan *columns,
                                  pdm_buffer *A, pdm_buffer *H);
    /* L = chol(H + shift_s diag D + ridge I), D = out of blocks_diagonal; shift [n_sample] host. ridges: NULL, or
     * [n_sample][n_unknown] in the order of w, one number for each unknown in place of ridge.
     * failed [n_sample] host: 0, or 1 + the block at which a pivot was not positive. */
    pdm_status (*blocks_factor)(pdm_backend *b, pdm_blocks_plan *plan, pdm_batch s, const double *shift, double ridge,
                                pdm_buffer *ridges, pdm_buffer *H, pdm_buffer *L, int32_t *failed);
    /* x = (L L^T)^-1 y, both in the order of w; x may be y; 0 where an unknown does not exist */
    pdm_status (*blocks_solve)(pdm_backend *b, pdm_blocks_plan *plan, pdm_batch s, pdm_buffer *L, pdm_buffer *y,
                               pdm_buffer *x);
    /* out [n_unknown]: what unknowns are worth at the minimum x of a quadratic with the matrix L L^T. With K the part
     * of (L L^T)^-1 within a set of unknowns, K^-1 = R R^T, R lower triangular: out_i = 1/2 (R^T x)_i^2. The sum over
     * the last ones of a set, from any one on, is how much the minimum rises when those are held at zero and all others
     * may follow. preferred [n_sample][n_unknown] host: a set's unknowns are taken in their order, but these before the
     * others; NULL: none. 0 where an unknown does not exist; NaN in sets whose K is singular. */
    pdm_status (*blocks_worth)(pdm_backend *b, pdm_blocks_plan *plan, pdm_batch s, pdm_buffer *L, pdm_buffer *x,
                               const unsigned char *preferred, pdm_buffer *out);
    /* out [n_column] = diag H, no entry below 1e-12 of the largest; 0 where an unknown does not exist */
    pdm_status (*blocks_diagonal)(pdm_backend *b, pdm_blocks_plan *plan, pdm_batch s, pdm_buffer *H, pdm_buffer *out);

    /* -- nested splines: about (A^T A)^-1 for identity columns, without pyramid and derived fields -- */
    /* desc is copied, but for axis and what it points to. */
    pdm_status (*nest_create)(pdm_backend *b, const pdm_rows_desc *rows, const pdm_nest_desc *desc, pdm_size n_sample,
                              pdm_nest_plan **out);
    void (*nest_destroy)(pdm_backend *b, pdm_nest_plan **plan);
    /* Keeps in the plan what nest_solve needs of H = A^T A + shift_s diag(A^T A) on free coefficients;
     * shift [n_sample] host. failed [n_sample] host: 0, or not where H is not positive. */
    pdm_status (*nest_factor)(pdm_backend *b, pdm_nest_plan *plan, pdm_batch s, const double *shift, pdm_buffer *A,
                              int32_t *failed);
    /* x = K y, K symmetric positive definite and near H^-1; x and y like c, not the same buffer. What is not free is
     * not read, and 0 in x. */
    pdm_status (*nest_solve)(pdm_backend *b, pdm_nest_plan *plan, pdm_batch s, pdm_buffer *y, pdm_buffer *x);

    /* -- sparse matrices -- */
    pdm_status (*matrix_create)(pdm_backend *b, const pdm_matrix_desc *desc, pdm_matrix_plan **out);
    void (*matrix_destroy)(pdm_backend *b, pdm_matrix_plan **plan);
    /* y = M x, x [n_sample][n_column], y [n_sample][n_row]; rows without entries leave y as it is */
    pdm_status (*matrix_apply)(pdm_backend *b, pdm_matrix_plan *plan, pdm_batch s, pdm_buffer *x, pdm_buffer *y);

    /* -- FP64 vectors [n_sample][n] -- */
    /* dot [n_dot]: each by a fixed tree, whatever the others are; the host waits once for all of them */
    pdm_status (*vector_dots)(pdm_backend *b, pdm_batch s, pdm_size n_dot, const pdm_dot *dot);
    /* z = alpha_s x + beta_s y; alpha, beta [n_sample] host, beta NULL: z = alpha x, and 0 where alpha is 0, whatever x
     * holds; z may be x or y */
    pdm_status (*vector_combine)(pdm_backend *b, pdm_batch s, pdm_size n, const double *alpha, pdm_buffer *x,
                                 const double *beta, pdm_buffer *y, pdm_buffer *z);
    /* z = x y, entry by entry; z may be x or y */
    pdm_status (*vector_multiply)(pdm_backend *b, pdm_batch s, pdm_size n, pdm_buffer *x, pdm_buffer *y, pdm_buffer *z);
    /* x = pdm_positive(scale, x), entry by entry */
    pdm_status (*vector_positive)(pdm_backend *b, pdm_batch s, pdm_size n, double scale, pdm_buffer *x);

    /* ==== network operations, FP32 (surrogate/, model/ and train/ use these only) ==== */
    /* PDM_NETWORK_OPS_BEGIN */
    /* -- Fourier networks. What flows between the calls (h, spectra, what backward needs) stays in the plan, sample by
     * sample; a sample's results do not depend on the rest of the batch. Forward: lift, layers 0 .. n_layer-1, head,
     * all with the same batch and keep. Backward (keep must have been true): head, layers n_layer-1 .. 0, lift, all
     * with the same batch, any part of what was kept. parameters, g_parameters: whole vectors; each backward call
     * overwrites its own tensors in g_parameters with the sum over the batch (zeros when the batch is empty), added up
     * in the order of the batch. -- */
    /* Fails with PDM_ERR_ARGUMENT when desc breaks its limits; desc is copied. */
    pdm_status (*fourier_create)(pdm_backend *b, const pdm_fourier_desc *desc, pdm_size n_sample,
                                 pdm_fourier_plan **out);
    void (*fourier_destroy)(pdm_backend *b, pdm_fourier_plan **plan);
    /* features [n_sample][n_feature][grid] float */
    pdm_status (*fourier_lift)(pdm_backend *b, pdm_fourier_plan *plan, pdm_batch s, pdm_buffer *parameters,
                               pdm_buffer *features, bool keep);
    pdm_status (*fourier_layer)(pdm_backend *b, pdm_fourier_plan *plan, pdm_batch s, pdm_size layer,
                                pdm_buffer *parameters, bool keep);
    /* basis [n_sample][n_channel][grid] float */
    pdm_status (*fourier_head)(pdm_backend *b, pdm_fourier_plan *plan, pdm_batch s, pdm_buffer *parameters,
                               pdm_buffer *basis, bool keep);
    pdm_status (*fourier_head_backward)(pdm_backend *b, pdm_fourier_plan *plan, pdm_batch s, pdm_buffer *parameters,
                                        pdm_buffer *g_basis, pdm_buffer *g_parameters);
    pdm_status (*fourier_layer_backward)(pdm_backend *b, pdm_fourier_plan *plan, pdm_batch s, pdm_size layer,
                                         pdm_buffer *parameters, pdm_buffer *g_parameters);
    pdm_status (*fourier_lift_backward)(pdm_backend *b, pdm_fourier_plan *plan, pdm_batch s, pdm_buffer *g_parameters);

    /* -- FP32 vectors [n] of parameters -- */
    pdm_status (*adam_f32)(pdm_backend *b, const pdm_adam *adam, pdm_buffer *gradient, pdm_buffer *m, pdm_buffer *v,
                           pdm_buffer *parameters);
    /* *out (host) = sum of squares, FP64, fixed tree; not finite exactly when an entry is not */
    pdm_status (*norm2_f32)(pdm_backend *b, pdm_size n, pdm_buffer *x, double *out);
    /* y = alpha x + beta y; with beta = 0, y is not read */
    pdm_status (*combine_f32)(pdm_backend *b, pdm_size n, double alpha, pdm_buffer *x, double beta, pdm_buffer *y);
    /* y = x + beta y, y FP64; with beta = 0, y is not read */
    pdm_status (*widen_f32)(pdm_backend *b, pdm_size n, pdm_buffer *x, double beta, pdm_buffer *y);
    /* y = alpha x, x FP64 */
    pdm_status (*narrow_f64)(pdm_backend *b, pdm_size n, double alpha, pdm_buffer *x, pdm_buffer *y);
    /* PDM_NETWORK_OPS_END */
} pdm_backend_ops;

struct pdm_backend {
    const pdm_backend_ops *ops;
    pdm_context           *ctx;
    pdm_fallback          *fallback; /* does what the back end lacks (backend/fallback); NULL: it lacks nothing */
    /* each back end embeds this struct first in its own */
};

/* At the end of a function: releases what it holds (*host NULL: nothing) and returns the first failure, status being what
 * there was before. Numbers that were written are on their way only when it is well. */
static inline pdm_status pdm_release(pdm_backend *b, pdm_status status, pdm_buffer *buffer, void **host)
{
    const pdm_status released = *host ? b->ops->release(b, buffer, host) : PDM_OK;
    return status == PDM_OK ? released : status;
}

/* One dot product, see pdm_dot. */
static inline pdm_status pdm_vector_dot(pdm_backend *b, pdm_batch s, pdm_size n, pdm_buffer *x, pdm_buffer *y,
                                        pdm_buffer *weight, double *out)
{
    const pdm_dot dot = {n, x, y, weight, out};
    return b->ops->vector_dots(b, s, 1, &dot);
}

/* A field above zero of the scale a > 0, from its spline's value v: a log(1 + exp(v/a)), v itself from 40 a on
 * (backend/cpu/vector.c); docs/mathematics.md, "Positive fields". */
double pdm_positive(double a, double v);

/* ---- dense complex matrices on the host (backend/dense.c): LAPACK on one thread, whatever others are told, so that
 * bits do not hang on their number. For what is done once, beside the table: no buffer is read,
 * and no step waits for it. ---- */
typedef struct pdm_dense pdm_dense; /* holds BLAS to one thread while it lives */
struct pdm_dense {
    int blas, omp; /* threads before */
};
pdm_dense pdm_dense_begin(void);
void      pdm_dense_end(const pdm_dense *d);
/* Hermitian a [n][n], upper triangle read, becomes its eigenvectors, in columns; value [n] rising. PDM_ERR_NUMERIC. */
pdm_status pdm_dense_eigen(pdm_context *ctx, pdm_size n, double _Complex *a, double *value);
/* a [n][m] = u diag(value) v, value [l] falling, u [n][l], v [l][m], l the lesser of n and m; a is used up,
 * work [l]. PDM_ERR_NUMERIC. */
pdm_status pdm_dense_svd(pdm_context *ctx, pdm_size n, pdm_size m, double _Complex *a, double *value,
                         double _Complex *u, double _Complex *v, double *work);

/* name: "cpu", "cuda" (backend/plugin), "auto" (a GPU where there is one, else the CPU), "check" or, for tests, "bare"
 * (backend/check/check.h). What the back end lacks is done by the
 * CPU (backend/fallback). Fails with PDM_ERR_UNSUPPORTED for one that this build or machine lacks (text says why). */
pdm_status pdm_backend_create(pdm_context *ctx, const char *name, pdm_backend **out);
void       pdm_backend_destroy(pdm_backend **b);
/* Of the memory that it works in: the device's, or the host's. */
pdm_status pdm_backend_memory(pdm_backend *b, pdm_memory *out);
/* Lines for `info`: instruction set chosen, BLAS found and its threading, threads; which slots the CPU stands in for. */
pdm_status pdm_backend_view(pdm_backend *b, pdm_text *out);

#endif
