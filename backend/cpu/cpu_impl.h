/* Inside of the CPU back end: the object, its threads and scratch, the kernels, and the functions behind the table. */
#ifndef PDM_CPU_IMPL_H
#define PDM_CPU_IMPL_H

#include "backend/backend.h"
#include "backend/cpu/pool.h"

enum {
    PDM_CPU_MAX_INPUT     = 64,  /* inputs, and outputs, of a program              */
    PDM_CPU_PROGRAM_BLOCK = 256, /* points the interpreter works on at a time       */
    PDM_CPU_LANES_MOST    = 8,   /* doubles in the widest vector                    */
    PDM_CPU_WINDOW        = 16   /* columns that are looked into at once            */
};

/* ---- kernels (kernels/, one file per instruction set; chosen in tune.c) ----
 * Dense matrices are row-major, `ld` doubles from row to row. No arguments are checked, nothing is allocated; matrices
 * that are written do not overlap those that are read. One thread; the order of sums depends on sizes alone. */

typedef enum pdm_cpu_update { PDM_CPU_SET, PDM_CPU_ADD, PDM_CPU_SUBTRACT } pdm_cpu_update; /* C = P, C += P, C -= P */

/* A matrix of few entries a row: entry k of row i is weight[k*pitch + i], in column place[k*pitch + i]. What is not an
 * entry has weight 0 and the place of one of its row, or 0 in a row without. */
typedef struct pdm_cpu_narrow {
    pdm_size       n, width, pitch; /* width: the most entries of a row; pitch: n in whole vectors of any width */
    const double  *weight;          /* [width][pitch] */
    const int32_t *place;           /* [width][pitch] */
    const int32_t *count;           /* [n] entries of a row, its first ones */
    const int32_t *window;      /* [width][pitch/LANES_MOST] first of PDM_CPU_WINDOW columns that hold the k-th entries
                                     * of so many rows; -1: there are none */
    bool           same_places; /* all rows have all entries, in the same columns */
} pdm_cpu_narrow;

typedef struct pdm_cpu_kernels {
    const char *isa;   /* "portable", "avx2", "avx512" */
    int         lanes; /* doubles in a vector          */

    /* Lower triangle of H [n][n] (op) J^T J, J [m][n]; above the diagonal H is left alone. */
    void (*syrk_tn)(pdm_size m, pdm_size n, const double *J, pdm_size ldj, double *H, pdm_size ldh, pdm_cpu_update op);
    /* C [n1][n2] (op) J1^T J2, J1 [m][n1], J2 [m][n2] */
    void (*gemm_tn)(pdm_size m, pdm_size n1, pdm_size n2, const double *J1, pdm_size ld1, const double *J2,
                    pdm_size ld2, double *C, pdm_size ldc, pdm_cpu_update op);
    /* C [m][n] (op) A B, A [m][k], B [k][n] */
    void (*gemm_nn)(pdm_size m, pdm_size n, pdm_size k, const double *A, pdm_size lda, const double *B, pdm_size ldb,
                    double *C, pdm_size ldc, pdm_cpu_update op);
    /* C [m][n] (op) A B^T, A [m][k], B [n][k] */
    void (*gemm_nt)(pdm_size m, pdm_size n, pdm_size k, const double *A, pdm_size lda, const double *B, pdm_size ldb,
                    double *C, pdm_size ldc, pdm_cpu_update op);
    /* Lower triangle of C [n][n] (op) A A^T, A [n][k] */
    void (*syrk_nt)(pdm_size n, pdm_size k, const double *A, pdm_size lda, double *C, pdm_size ldc, pdm_cpu_update op);

    /* Lower triangle of A [n][n] = L L^T, L over A; above the diagonal A is left alone. Returns 0, or 1 + the index of
     * the first pivot that is not positive and finite; A is then undefined. */
    int32_t (*potrf)(pdm_size n, double *A, pdm_size lda);
    /* The same for A [batch][n][n], n <= PDM_CPU_BATCH_MAX, one matrix a lane; failed [batch]. */
    void (*potrf_batched)(pdm_size batch, pdm_size n, double *A, int32_t *failed);
    /* X L^T = B: X over B [m][n], L [n][n] lower, n <= 256 here and for the next two. */
    void (*trsm_right)(pdm_size m, pdm_size n, const double *L, pdm_size ldl, double *B, pdm_size ldb);
    /* L X = B and L^T X = B: X over B [n][n_rhs]. */
    void (*trsm_forward)(pdm_size n, pdm_size n_rhs, const double *L, pdm_size ldl, double *B, pdm_size ldb);
    void (*trsm_backward)(pdm_size n, pdm_size n_rhs, const double *L, pdm_size ldl, double *B, pdm_size ldb);
    /* The same for one right-hand side x [n]. */
    void (*trsv_forward)(pdm_size n, const double *L, pdm_size ldl, double *x);
    void (*trsv_backward)(pdm_size n, const double *L, pdm_size ldl, double *x);
    /* y [m] -= A x; y [n] -= A^T x; A [m][n] */
    void (*gemv_n)(pdm_size m, pdm_size n, const double *A, pdm_size lda, const double *x, double *y);
    void (*gemv_t)(pdm_size m, pdm_size n, const double *A, pdm_size lda, const double *x, double *y);

    /* out [outer][n][inner] = sum_k weight[k][i] in[outer][place[k][i] - in0][inner], i = first .. first+n-1, in
     * [outer][n_in][inner] */
    void (*narrow)(const pdm_cpu_narrow *t, pdm_size first, pdm_size n, pdm_size outer, pdm_size inner, pdm_size in0,
                   pdm_size n_in, const double *in, double *out);

    /* out [rows][width][local] = (add: +=) sum over k < n of b[k][l] from[k][r][t]; from[k]: [rows][local] */
    void (*assemble)(pdm_size n, const double *b, pdm_size width, const double *const *from, pdm_size rows,
                     pdm_size local, bool add, double *out);

    /* One instruction of a program on n points, rounded up to PDM_CPU_LANES_MOST of them, INPUT excepted; out may be a
     * or b. */
    void (*program_step)(pdm_opcode opcode, pdm_size n, const double *a, const double *b, double value, double *out);
} pdm_cpu_kernels;

enum { PDM_CPU_BATCH_MAX = 64 };

/* Instruction sets of this build, widest first, NULL at the end; supported: by this machine; best: the widest of those
 * that are, PDM_CPU_WIDEST (PDM_INSTRUCTIONS of CMake) at most. */
const pdm_cpu_kernels *const *pdm_cpu_kernels_all(void);
bool                          pdm_cpu_kernels_supported(const pdm_cpu_kernels *k);
const pdm_cpu_kernels        *pdm_cpu_kernels_best(void);

extern const pdm_cpu_kernels pdm_cpu_kernels_portable;
#ifdef PDM_CPU_X86
extern const pdm_cpu_kernels pdm_cpu_kernels_avx2, pdm_cpu_kernels_avx512;
#endif

/* What callers use: own kernels where they win, OpenBLAS for large matrices (limits in tune.c). Arguments as above. */
void    pdm_cpu_syrk_tn(const pdm_cpu_kernels *k, pdm_size m, pdm_size n, const double *J, pdm_size ldj, double *H,
                        pdm_size ldh, pdm_cpu_update op);
void    pdm_cpu_gemm_tn(const pdm_cpu_kernels *k, pdm_size m, pdm_size n1, pdm_size n2, const double *J1, pdm_size ld1,
                        const double *J2, pdm_size ld2, double *C, pdm_size ldc, pdm_cpu_update op);
void    pdm_cpu_gemm_nn(const pdm_cpu_kernels *k, pdm_size m, pdm_size n, pdm_size n_k, const double *A, pdm_size lda,
                        const double *B, pdm_size ldb, double *C, pdm_size ldc, pdm_cpu_update op);
void    pdm_cpu_gemm_nt(const pdm_cpu_kernels *k, pdm_size m, pdm_size n, pdm_size n_k, const double *A, pdm_size lda,
                        const double *B, pdm_size ldb, double *C, pdm_size ldc, pdm_cpu_update op);
void    pdm_cpu_syrk_nt(const pdm_cpu_kernels *k, pdm_size n, pdm_size n_k, const double *A, pdm_size lda, double *C,
                        pdm_size ldc, pdm_cpu_update op);
int32_t pdm_cpu_potrf(const pdm_cpu_kernels *k, pdm_size n, double *A, pdm_size lda);
void    pdm_cpu_trsm_right(const pdm_cpu_kernels *k, pdm_size m, pdm_size n, const double *L, pdm_size ldl, double *B,
                           pdm_size ldb);

/* Runs a program on n points (kernels/program.c). in [n_input]: values at the points, stride 1, or one value for all,
 * stride 0; out [n_output][n], not overlapping the inputs. scratch: pdm_cpu_program_scratch() bytes, 64-byte aligned.
 * A point's result does not depend on its place among the points. program NULL needs no scratch. */
size_t pdm_cpu_program_scratch(const pdm_program *program);
void   pdm_cpu_program_run(const pdm_cpu_kernels *k, const pdm_program *program, pdm_size n, const double *const *in,
                           const pdm_size *stride, double *const *out, void *scratch);

/* ---- the object (cpu.c) ---- */

typedef enum cpu_blas {
    CPU_BLAS_SERIAL  = 0,
    CPU_BLAS_PTHREAD = 1,
    CPU_BLAS_OPENMP  = 2
} cpu_blas; /* openblas_get_parallel() */

typedef struct pdm_cpu {
    pdm_backend            base;
    int                    n_thread; /* >= 1 */
    const pdm_cpu_kernels *kernels;
    cpu_blas               blas;
    pdm_cpu_pool          *pool;          /* NULL: one thread            */
    size_t                 scratch_bytes; /* of each thread; 0: none yet */
    void                 **scratch;       /* [n_thread]                  */
} pdm_cpu;

struct pdm_buffer {
    void    *host;
    size_t   bytes;
    pdm_size n_reader;
    bool     written; /* someone holds it for writing */
};

static inline pdm_cpu *pdm_cpu_of(pdm_backend *b)
{
    return (pdm_cpu *)b;
}
static inline void *cpu_data(pdm_buffer *buffer)
{
    return buffer ? buffer->host : NULL;
}

extern const pdm_backend_ops pdm_cpu_ops;

/* Fills *cpu (zeroed by the caller) for use with `ops`; undone by pdm_cpu_finish(). Fails with PDM_ERR_UNSUPPORTED when
 * OpenBLAS is the serial variant. */
pdm_status pdm_cpu_start(pdm_context *ctx, const pdm_backend_ops *ops, pdm_cpu *cpu);
void       pdm_cpu_finish(pdm_cpu *cpu);
pdm_status pdm_cpu_create(pdm_context *ctx, pdm_backend **out);
/* Uses the named instruction set from now on, for tests and benchmarks.
 * Fails with PDM_ERR_UNSUPPORTED where build or machine lacks it. */
pdm_status pdm_cpu_force_isa(pdm_backend *b, const char *isa);

/* Runs fn(user, task, thread) for all tasks on the back end's threads, 0 <= thread < n_thread; serially when called
 * from inside a parallel region. OpenBLAS calls made by fn run on one thread each, so results do not depend on
 * n_thread. fn must not allocate; where it can fail it writes a code per task, and the caller reports the lowest
 * failing one. */
void pdm_cpu_for(pdm_cpu *cpu, pdm_size n_task, pdm_cpu_task fn, void *user);
/* The same on the threads of team, or, where it is NULL, here and now: for work that may already be a task. */
void pdm_cpu_share(pdm_cpu *team, pdm_size n_task, pdm_cpu_task fn, void *user);
/* Makes at least `bytes` of scratch for each thread: called by every *_create for what its operations need, never in a
 * step. */
pdm_status pdm_cpu_reserve(pdm_cpu *cpu, size_t bytes);
/* A thread's scratch, 64-byte aligned; its content does not outlive the task. */
static inline void *pdm_cpu_scratch(const pdm_cpu *cpu, int thread)
{
    return cpu->scratch[thread];
}

/* ---- functions behind the table ---- */

/* rows.c */
pdm_status rows_create_cpu(pdm_backend *b, const pdm_rows_desc *desc, pdm_size n_sample, pdm_rows_plan **out);
void       rows_destroy_cpu(pdm_backend *b, pdm_rows_plan **plan);
pdm_status rows_residual_cpu(pdm_backend *b, pdm_rows_plan *plan, pdm_batch s, const pdm_rows_data *data, pdm_buffer *c,
                             pdm_buffer *r);
pdm_status rows_linearise_cpu(pdm_backend *b, pdm_rows_plan *plan, pdm_batch s, const pdm_rows_data *data,
                              pdm_buffer *c, pdm_buffer *A);
pdm_status rows_weigh_cpu(pdm_backend *b, pdm_rows_plan *plan, pdm_batch s, pdm_buffer *r, pdm_buffer *out);
pdm_status rows_apply_cpu(pdm_backend *b, pdm_rows_plan *plan, pdm_batch s, pdm_buffer *A, pdm_buffer *v,
                          pdm_buffer *out);
pdm_status rows_apply_adjoint_cpu(pdm_backend *b, pdm_rows_plan *plan, pdm_batch s, pdm_buffer *A, pdm_buffer *v,
                                  pdm_buffer *out);
pdm_status rows_second_order_cpu(pdm_backend *b, pdm_rows_plan *plan, pdm_batch s, const pdm_rows_data *data,
                                 pdm_buffer *c, pdm_buffer *y, pdm_buffer *v, pdm_buffer *out);
/* rows_product.c */
pdm_status rows_partials_cpu(pdm_backend *b, pdm_rows_plan *plan, pdm_batch s, const pdm_rows_data *data, pdm_buffer *c,
                             pdm_buffer *partials);
pdm_status rows_curvature_cpu(pdm_backend *b, pdm_rows_plan *plan, pdm_batch s, pdm_buffer *A, pdm_buffer *partials,
                              pdm_buffer *v, pdm_buffer *out);
/* points.c */
pdm_status points_create_cpu(pdm_backend *b, const pdm_points_desc *desc, pdm_points_plan **out);
void       points_destroy_cpu(pdm_backend *b, pdm_points_plan **plan);
pdm_status points_evaluate_cpu(pdm_backend *b, pdm_points_plan *plan, pdm_batch s, pdm_atom atom, pdm_buffer *c,
                               pdm_buffer *out);
pdm_status points_evaluate_adjoint_cpu(pdm_backend *b, pdm_points_plan *plan, pdm_batch s, pdm_atom atom,
                                       pdm_buffer *g_out, pdm_buffer *g_c);
/* columns.c */
pdm_status columns_create_cpu(pdm_backend *b, const pdm_columns_desc *desc, pdm_size n_sample, pdm_columns_plan **out);
void       columns_destroy_cpu(pdm_backend *b, pdm_columns_plan **plan);
pdm_status columns_select_cpu(pdm_backend *b, pdm_columns_plan *plan, pdm_batch s, const unsigned char *on);
pdm_status columns_windows_cpu(pdm_backend *b, pdm_columns_plan *plan, const pdm_columns_desc *desc);
pdm_status columns_build_cpu(pdm_backend *b, pdm_columns_plan *plan, pdm_batch s, pdm_buffer *basis);
pdm_status columns_start_cpu(pdm_backend *b, pdm_columns_plan *plan, pdm_batch s, pdm_buffer *basis, pdm_buffer *lift,
                             pdm_buffer *start);
pdm_status columns_expand_cpu(pdm_backend *b, pdm_columns_plan *plan, pdm_batch s, pdm_buffer *w, pdm_buffer *lift,
                              pdm_buffer *c);
pdm_status columns_reduce_cpu(pdm_backend *b, pdm_columns_plan *plan, pdm_batch s, pdm_buffer *g_c, pdm_buffer *g_w);
pdm_status columns_backward_cpu(pdm_backend *b, pdm_columns_plan *plan, pdm_batch s, pdm_buffer *p, pdm_buffer *w,
                                pdm_buffer *q, pdm_buffer *lambda, pdm_buffer *g_basis);
pdm_status columns_windows_backward_cpu(pdm_backend *b, pdm_columns_plan *plan, pdm_batch s, pdm_buffer *basis,
                                        pdm_buffer *p, pdm_buffer *w, pdm_buffer *q, pdm_buffer *lambda,
                                        pdm_buffer *g_window);
/* blocks.c */
pdm_status blocks_create_cpu(pdm_backend *b, const pdm_blocks_desc *desc, pdm_size n_sample, pdm_blocks_plan **out);
void       blocks_destroy_cpu(pdm_backend *b, pdm_blocks_plan **plan);
pdm_status blocks_select_cpu(pdm_backend *b, pdm_blocks_plan *plan, pdm_batch s, const unsigned char *on);
pdm_status normal_create_cpu(pdm_backend *b, const pdm_rows_desc *rows, const pdm_columns_desc *columns,
                             const pdm_blocks_desc *blocks, pdm_size n_sample, pdm_normal_plan **out);
void       normal_destroy_cpu(pdm_backend *b, pdm_normal_plan **plan);
pdm_status normal_assemble_cpu(pdm_backend *b, pdm_normal_plan *plan, pdm_batch s, pdm_columns_plan *columns,
                               pdm_buffer *A, pdm_buffer *H);

pdm_status nest_create_cpu(pdm_backend *b, const pdm_rows_desc *rows, const pdm_nest_desc *desc, pdm_size n_sample,
                           pdm_nest_plan **out);
void       nest_destroy_cpu(pdm_backend *b, pdm_nest_plan **plan);
pdm_status nest_factor_cpu(pdm_backend *b, pdm_nest_plan *plan, pdm_batch s, const double *shift, pdm_buffer *A,
                           int32_t *failed);
pdm_status nest_solve_cpu(pdm_backend *b, pdm_nest_plan *plan, pdm_batch s, pdm_buffer *y, pdm_buffer *x);
pdm_status blocks_factor_cpu(pdm_backend *b, pdm_blocks_plan *plan, pdm_batch s, const double *shift, double ridge,
                             pdm_buffer *ridges, pdm_buffer *H, pdm_buffer *L, int32_t *failed);
pdm_status blocks_solve_cpu(pdm_backend *b, pdm_blocks_plan *plan, pdm_batch s, pdm_buffer *L, pdm_buffer *y,
                            pdm_buffer *x);
pdm_status blocks_worth_cpu(pdm_backend *b, pdm_blocks_plan *plan, pdm_batch s, pdm_buffer *L, pdm_buffer *x,
                            const unsigned char *preferred, pdm_buffer *out);
pdm_status blocks_diagonal_cpu(pdm_backend *b, pdm_blocks_plan *plan, pdm_batch s, pdm_buffer *H, pdm_buffer *out);
/* matrix.c */
pdm_status matrix_create_cpu(pdm_backend *b, const pdm_matrix_desc *desc, pdm_matrix_plan **out);
void       matrix_destroy_cpu(pdm_backend *b, pdm_matrix_plan **plan);
pdm_status matrix_apply_cpu(pdm_backend *b, pdm_matrix_plan *plan, pdm_batch s, pdm_buffer *x, pdm_buffer *y);
/* vector.c */
pdm_status vector_dots_cpu(pdm_backend *b, pdm_batch s, pdm_size n_dot, const pdm_dot *dot);
pdm_status vector_combine_cpu(pdm_backend *b, pdm_batch s, pdm_size n, const double *alpha, pdm_buffer *x,
                              const double *beta, pdm_buffer *y, pdm_buffer *z);
pdm_status vector_multiply_cpu(pdm_backend *b, pdm_batch s, pdm_size n, pdm_buffer *x, pdm_buffer *y, pdm_buffer *z);
pdm_status vector_positive_cpu(pdm_backend *b, pdm_batch s, pdm_size n, double scale, pdm_buffer *x);

#endif
