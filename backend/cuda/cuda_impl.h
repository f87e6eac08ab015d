/* Inside of the CUDA back end: the object, its stream and libraries, numbers on their way to the device and back.
 *
 * One stream carries everything, so operations follow each other and scratch may be used again by the next one. Host
 * memory is touched by what uploads, posts and fetches here, and by acquire() and release(). */
#ifndef PDM_CUDA_IMPL_H
#define PDM_CUDA_IMPL_H

#include "backend/backend.h"

#include <cublas_v2.h>
#include <cuda_runtime_api.h>
#include <cusolverDn.h>

enum { PDM_CUDA_THREADS = 128 }; /* of a block, where nothing speaks for another number */

/* Pinned memory and the device's beside it, through which host numbers go to operations. */
typedef struct cuda_ring {
    char  *host, *device;
    size_t bytes, used;
    void  *outgrown[2 * 32]; /* smaller ones, which operations may still read: pairs of host, device */
    int    n_outgrown;
} cuda_ring;

/* The samples that were listed last. */
typedef struct cuda_list {
    int32_t *host, *device; /* [most] */
    pdm_size n, most;
} cuda_list;

/* Memory of the device that has been taken. */
typedef struct cuda_taken {
    void  *device;
    size_t bytes;
} cuda_taken;

typedef struct cuda_jit cuda_jit; /* a library compiled at run time (jit.c) */

typedef struct pdm_cuda {
    pdm_backend           base;
    int                   device;
    struct cudaDeviceProp properties;
    cudaStream_t          stream;
    bool                  stream_is_lent; /* by the program (pdm_context_set_cuda) */
    cublasHandle_t        blas;           /* on the stream, pointers on the host, pedantic math */
    cusolverDnHandle_t    solver;         /* on the stream */

    cuda_taken *taken; /* [n_taken], of most_taken */
    pdm_size    n_taken, most_taken;

    void     *scratch; /* device */
    size_t    scratch_bytes;
    cuda_ring ring;
    cuda_list list;
    cuda_jit *jit;     /* all of them */
    void     *fetched; /* pinned, for cuda_fetch() */
    size_t    fetched_bytes;
    pdm_size  n_wait;      /* times that the host waited for the stream: all before is done */
    pdm_size  n_selection; /* choices of columns so far */
} pdm_cuda;

struct pdm_buffer {
    void    *device;
    size_t   bytes;
    void    *stage;   /* pinned, what acquire() shows; from the first acquire() on      */
    pdm_size left_at; /* n_wait when its last copy to the device was enqueued   */
    pdm_size n_reader;
    bool     written; /* someone holds it for writing */
    bool     lent;    /* the memory is a program's own */
};

static inline pdm_cuda *pdm_cuda_of(pdm_backend *b)
{
    return (pdm_cuda *)b;
}

/* Makes the device current in the calling thread until the end of the function, and then the one that was: first in every
 * slot. */
#define CUDA_HERE(b) __attribute__((cleanup(cuda_leave), unused)) const int cuda_before = cuda_enter(pdm_cuda_of(b))
/* The device that was current; -1: it is the same one. */
static inline int cuda_enter(const pdm_cuda *cu)
{
    int before = cu->device;
    (void)cudaGetDevice(&before);
    if (before == cu->device) return -1;
    (void)cudaSetDevice(cu->device);
    return before;
}
static inline void cuda_leave(const int *before)
{
    if (*before >= 0) (void)cudaSetDevice(*before);
}

/* Before memory is given back that operations may still use. */
static inline void cuda_settle(const pdm_cuda *cu)
{
    if (cu->stream) (void)cudaStreamSynchronize(cu->stream);
}
/* On the device; NULL for NULL. */
static inline void *cuda_data(pdm_buffer *buffer)
{
    return buffer ? buffer->device : NULL;
}

/* ---- errors: a call of a library ends the function with the library's own words ---- */

#define CUDA_TRY(cu, call)                                        \
    do {                                                          \
        const cudaError_t cuda_code = (call);                     \
        if (cuda_code != cudaSuccess) {                           \
            status = cuda_fail((cu), cuda_code, #call, __func__); \
            goto done;                                            \
        }                                                         \
    } while (0)
#define CUBLAS_TRY(cu, call)                                           \
    do {                                                               \
        const cublasStatus_t blas_code = (call);                       \
        if (blas_code != CUBLAS_STATUS_SUCCESS) {                      \
            status = cuda_fail_blas((cu), blas_code, #call, __func__); \
            goto done;                                                 \
        }                                                              \
    } while (0)
#define CUSOLVER_TRY(cu, call)                                             \
    do {                                                                   \
        const cusolverStatus_t solver_code = (call);                       \
        if (solver_code != CUSOLVER_STATUS_SUCCESS) {                      \
            status = cuda_fail_solver((cu), solver_code, #call, __func__); \
            goto done;                                                     \
        }                                                                  \
    } while (0)

/* PDM_ERR_MEMORY where memory is short, else PDM_ERR_INTERNAL. */
pdm_status cuda_fail(pdm_cuda *cu, cudaError_t code, const char *call, const char *function);
/* Handles that cannot be initialised are short of memory, too: the device has been seen to work before. */
pdm_status cuda_fail_blas(pdm_cuda *cu, cublasStatus_t code, const char *call, const char *function);
pdm_status cuda_fail_solver(pdm_cuda *cu, cusolverStatus_t code, const char *call, const char *function);

/* ---- memory of the device (memory.c). Zeroed; sizes of 0 give something that may be freed. ---- */

pdm_status cuda_take_bytes(pdm_cuda *cu, pdm_size n, size_t item, void **out);
#define cuda_take(cu, n, out) cuda_take_bytes((cu), (n), sizeof **(out), (void **)(out))
void cuda_free(pdm_cuda *cu, void *device); /* NULL is fine */
/* A copy of host numbers on the device, at create: waits. */
pdm_status cuda_upload_bytes(pdm_cuda *cu, const void *host, pdm_size n, size_t item, void **out);
#define cuda_upload(cu, host, n, out) cuda_upload_bytes((cu), (host), (n), sizeof **(out), (void **)(out))
/* At least so many bytes at cu->scratch: from *_create, or where there is none, at the first call. */
pdm_status cuda_reserve(pdm_cuda *cu, size_t bytes);

/* ---- numbers on their way (memory.c) ---- */

/* Host numbers, the caller's again at return, to where operations enqueued next find them: post what one operation needs,
 * enqueue it, post again. Does not wait but where the ring is used up. */
pdm_status cuda_post_bytes(pdm_cuda *cu, const void *host, pdm_size n, size_t item, const void **out);
#define cuda_post(cu, host, n, out) cuda_post_bytes((cu), (host), (n), sizeof **(out), (const void **)(out))
/* The same of one number a sample, host [n_sample]: *out [s.n], in the order of the list. */
pdm_status cuda_post_listed(pdm_cuda *cu, pdm_batch s, const double *host, const double **out);
/* The samples of a batch, for operations enqueued until the next list; sent where the last list was another. */
pdm_status cuda_post_list(pdm_cuda *cu, pdm_batch s, const int32_t **out);
/* Room for lists of so many samples, from *_create. */
pdm_status cuda_reserve_list(pdm_cuda *cu, pdm_size n);
/* Numbers from the device, and waits for them. */
pdm_status cuda_fetch(pdm_cuda *cu, const void *device, size_t bytes, void *host);
/* The same of dot products, device [n_dot][s.n] in the order of the list. */
pdm_status cuda_fetch_dots(pdm_cuda *cu, pdm_batch s, const double *device, pdm_size n_dot, const pdm_dot *dot);
pdm_status cuda_wait(pdm_cuda *cu);

/* ---- launches (launch.c) ---- */

/* blocks_x x blocks_y blocks of `threads`, `shared` bytes of dynamic shared memory each (above 48 KiB too); args: the
 * kernel's struct, copied. Nothing is launched where a number of blocks is 0. */
typedef struct cuda_grid {
    pdm_size blocks_x, blocks_y;
    int      threads;
    size_t   shared;
} cuda_grid;
pdm_status cuda_launch_at(pdm_cuda *cu, const void *kernel, const char *name, cuda_grid grid, void *args);
#define cuda_launch(cu, kernel, grid, args) cuda_launch_at((cu), (const void *)(kernel), #kernel, (grid), (args))

/* A thread for each of n items of each of n_sample samples: kernels see item blockIdx.x * blockDim.x + threadIdx.x of
 * the sample index[blockIdx.y] (and on, by gridDim.y, where there are more samples than a grid can be high). */
cuda_grid cuda_grid_of(pdm_size n, pdm_size n_sample);

/* ---- life (memory.c) ---- */
pdm_status cuda_memory_create(pdm_cuda *cu);
void       cuda_memory_destroy(pdm_cuda *cu); /* ring, list, scratch; half-made ones too */

/* ---- what a plan has on the device (table.c) ---- */

/* Arrays that live as long as the plan, to be read by kernels. */
typedef struct cuda_owned {
    void *item[40];
    int   n;
} cuda_owned;
void cuda_owned_destroy(pdm_cuda *cu, cuda_owned *o);
/* A copy of host numbers, at create. */
pdm_status cuda_keep_bytes(pdm_cuda *cu, cuda_owned *o, const void *host, pdm_size n, size_t item, const void **out);
#define cuda_keep(cu, o, host, n, out) cuda_keep_bytes((cu), (o), (host), (n), sizeof **(out), (const void **)(out))
/* Room, zeroed. */
pdm_status cuda_keep_room_bytes(pdm_cuda *cu, cuda_owned *o, pdm_size n, size_t item, void **out);
#define cuda_keep_room(cu, o, n, out) cuda_keep_room_bytes((cu), (o), (n), sizeof **(out), (void **)(out))

/* ---- tables of numbers, sample by sample (table.c) ---- */

typedef struct cuda_table {
    pdm_size n_sample, n;
    int32_t *host, *device; /* [n_sample][n] */
    int32_t *listed;        /* room for as many on their way */
} cuda_table;
pdm_status cuda_table_create(pdm_cuda *cu, pdm_size n_sample, pdm_size n, cuda_table *t); /* zeros */
void       cuda_table_destroy(pdm_cuda *cu, cuda_table *t);                               /* half-made ones too */
/* What the host has of the batch's samples, or of all, to the device. */
pdm_status cuda_table_send(pdm_cuda *cu, cuda_table *t, pdm_batch s);
pdm_status cuda_table_send_all(pdm_cuda *cu, cuda_table *t);
/* Host numbers, the caller's again at return, over those on the device. */
pdm_status cuda_send_bytes(pdm_cuda *cu, const void *host, pdm_size n, size_t item, void *device);
#define cuda_send(cu, host, n, device) cuda_send_bytes((cu), (host), (n), sizeof *(device), (device))

/* ---- rows that count as sums over boxes (pyramid.c); as cpu_pyramid, boxes of all levels in one row ---- */

typedef struct cuda_pyramid {
    pdm_size n_level, n_row, n_box;
    pdm_size box0[PDM_MAX_LEVEL + 2]; /* level l has the boxes box0[l] .. box0[l+1]-1, l >= 1     */
    int32_t *child0, *child;          /* what boxes add up: rows (level 1), boxes                 */
    int32_t *above;                   /* [n_box] box of the next level; -1: none                  */
    double  *scale;                   /* [n_box]                                                  */
    int32_t *parent;                  /* [n_row] box of level 1; -1: none                         */
    double  *unscale, *own;           /* [n_row]                                                  */
} cuda_pyramid;
/* n_level 0 when no block asks for levels. Scratch: n_box doubles a sample. */
pdm_status cuda_pyramid_create(pdm_cuda *cu, const pdm_rows_desc *rows, pdm_size n_sample, cuda_pyramid *out);
void       cuda_pyramid_destroy(pdm_cuda *cu, cuda_pyramid *p); /* zeros are fine */
/* out = M r, [n_sample][n_row] on the device, not the same. */
pdm_status cuda_pyramid_weigh(pdm_cuda *cu, const cuda_pyramid *p, pdm_batch s, const double *r, double *out);

/* ---- functions behind the table ---- */

/* rows.c */
pdm_status rows_create_cuda(pdm_backend *b, const pdm_rows_desc *desc, pdm_size n_sample, pdm_rows_plan **out);
void       rows_destroy_cuda(pdm_backend *b, pdm_rows_plan **plan);
pdm_status rows_residual_cuda(pdm_backend *b, pdm_rows_plan *plan, pdm_batch s, const pdm_rows_data *data,
                              pdm_buffer *c, pdm_buffer *r);
pdm_status rows_linearise_cuda(pdm_backend *b, pdm_rows_plan *plan, pdm_batch s, const pdm_rows_data *data,
                               pdm_buffer *c, pdm_buffer *A);
pdm_status rows_weigh_cuda(pdm_backend *b, pdm_rows_plan *plan, pdm_batch s, pdm_buffer *r, pdm_buffer *out);
pdm_status rows_apply_cuda(pdm_backend *b, pdm_rows_plan *plan, pdm_batch s, pdm_buffer *A, pdm_buffer *v,
                           pdm_buffer *out);
pdm_status rows_apply_adjoint_cuda(pdm_backend *b, pdm_rows_plan *plan, pdm_batch s, pdm_buffer *A, pdm_buffer *v,
                                   pdm_buffer *out);
pdm_status rows_partials_cuda(pdm_backend *b, pdm_rows_plan *plan, pdm_batch s, const pdm_rows_data *data,
                              pdm_buffer *c, pdm_buffer *partials);
pdm_status rows_curvature_cuda(pdm_backend *b, pdm_rows_plan *plan, pdm_batch s, pdm_buffer *A, pdm_buffer *partials,
                               pdm_buffer *v, pdm_buffer *out);
pdm_status rows_second_order_cuda(pdm_backend *b, pdm_rows_plan *plan, pdm_batch s, const pdm_rows_data *data,
                                  pdm_buffer *c, pdm_buffer *y, pdm_buffer *v, pdm_buffer *out);
/* points.c */
pdm_status points_create_cuda(pdm_backend *b, const pdm_points_desc *desc, pdm_points_plan **out);
void       points_destroy_cuda(pdm_backend *b, pdm_points_plan **plan);
pdm_status points_evaluate_cuda(pdm_backend *b, pdm_points_plan *plan, pdm_batch s, pdm_atom atom, pdm_buffer *c,
                                pdm_buffer *out);
pdm_status points_evaluate_adjoint_cuda(pdm_backend *b, pdm_points_plan *plan, pdm_batch s, pdm_atom atom,
                                        pdm_buffer *g_out, pdm_buffer *g_c);
/* columns.c */
pdm_status columns_create_cuda(pdm_backend *b, const pdm_columns_desc *desc, pdm_size n_sample, pdm_columns_plan **out);
void       columns_destroy_cuda(pdm_backend *b, pdm_columns_plan **plan);
pdm_status columns_select_cuda(pdm_backend *b, pdm_columns_plan *plan, pdm_batch s, const unsigned char *on);
pdm_status columns_windows_cuda(pdm_backend *b, pdm_columns_plan *plan, const pdm_columns_desc *desc);
pdm_status columns_build_cuda(pdm_backend *b, pdm_columns_plan *plan, pdm_batch s, pdm_buffer *basis);
pdm_status columns_start_cuda(pdm_backend *b, pdm_columns_plan *plan, pdm_batch s, pdm_buffer *basis, pdm_buffer *lift,
                              pdm_buffer *start);
pdm_status columns_expand_cuda(pdm_backend *b, pdm_columns_plan *plan, pdm_batch s, pdm_buffer *w, pdm_buffer *lift,
                               pdm_buffer *c);
pdm_status columns_reduce_cuda(pdm_backend *b, pdm_columns_plan *plan, pdm_batch s, pdm_buffer *g_c, pdm_buffer *g_w);
pdm_status columns_backward_cuda(pdm_backend *b, pdm_columns_plan *plan, pdm_batch s, pdm_buffer *p, pdm_buffer *w,
                                 pdm_buffer *q, pdm_buffer *lambda, pdm_buffer *g_basis);
pdm_status columns_windows_backward_cuda(pdm_backend *b, pdm_columns_plan *plan, pdm_batch s, pdm_buffer *basis,
                                         pdm_buffer *p, pdm_buffer *w, pdm_buffer *q, pdm_buffer *lambda,
                                         pdm_buffer *g_window);

/* blocks.c, worth.c */
pdm_status blocks_create_cuda(pdm_backend *b, const pdm_blocks_desc *desc, pdm_size n_sample, pdm_blocks_plan **out);
void       blocks_destroy_cuda(pdm_backend *b, pdm_blocks_plan **plan);
pdm_status blocks_select_cuda(pdm_backend *b, pdm_blocks_plan *plan, pdm_batch s, const unsigned char *on);
pdm_status blocks_factor_cuda(pdm_backend *b, pdm_blocks_plan *plan, pdm_batch s, const double *shift, double ridge,
                              pdm_buffer *ridges, pdm_buffer *H, pdm_buffer *L, int32_t *failed);
pdm_status blocks_solve_cuda(pdm_backend *b, pdm_blocks_plan *plan, pdm_batch s, pdm_buffer *L, pdm_buffer *y,
                             pdm_buffer *x);
pdm_status blocks_worth_cuda(pdm_backend *b, pdm_blocks_plan *plan, pdm_batch s, pdm_buffer *L, pdm_buffer *x,
                             const unsigned char *preferred, pdm_buffer *out);
pdm_status blocks_diagonal_cuda(pdm_backend *b, pdm_blocks_plan *plan, pdm_batch s, pdm_buffer *H, pdm_buffer *out);

/* normal.c */
pdm_status normal_create_cuda(pdm_backend *b, const pdm_rows_desc *rows, const pdm_columns_desc *columns,
                              const pdm_blocks_desc *blocks, pdm_size n_sample, pdm_normal_plan **out);
void       normal_destroy_cuda(pdm_backend *b, pdm_normal_plan **plan);
pdm_status normal_assemble_cuda(pdm_backend *b, pdm_normal_plan *plan, pdm_batch s, pdm_columns_plan *columns,
                                pdm_buffer *A, pdm_buffer *H);

/* nest.c */
pdm_status nest_create_cuda(pdm_backend *b, const pdm_rows_desc *rows, const pdm_nest_desc *desc, pdm_size n_sample,
                            pdm_nest_plan **out);
void       nest_destroy_cuda(pdm_backend *b, pdm_nest_plan **plan);
pdm_status nest_factor_cuda(pdm_backend *b, pdm_nest_plan *plan, pdm_batch s, const double *shift, pdm_buffer *A,
                            int32_t *failed);
pdm_status nest_solve_cuda(pdm_backend *b, pdm_nest_plan *plan, pdm_batch s, pdm_buffer *y, pdm_buffer *x);
/* matrix.c */
pdm_status matrix_create_cuda(pdm_backend *b, const pdm_matrix_desc *desc, pdm_matrix_plan **out);
void       matrix_destroy_cuda(pdm_backend *b, pdm_matrix_plan **plan);
pdm_status matrix_apply_cuda(pdm_backend *b, pdm_matrix_plan *plan, pdm_batch s, pdm_buffer *x, pdm_buffer *y);
/* vector.c */
pdm_status vector_dots_cuda(pdm_backend *b, pdm_batch s, pdm_size n_dot, const pdm_dot *dot);
pdm_status vector_combine_cuda(pdm_backend *b, pdm_batch s, pdm_size n, const double *alpha, pdm_buffer *x,
                               const double *beta, pdm_buffer *y, pdm_buffer *z);
pdm_status vector_multiply_cuda(pdm_backend *b, pdm_batch s, pdm_size n, pdm_buffer *x, pdm_buffer *y, pdm_buffer *z);
pdm_status vector_positive_cuda(pdm_backend *b, pdm_batch s, pdm_size n, double scale, pdm_buffer *x);

/* network.c */
pdm_status fourier_create_cuda(pdm_backend *b, const pdm_fourier_desc *desc, pdm_size n_sample, pdm_fourier_plan **out);
void       fourier_destroy_cuda(pdm_backend *b, pdm_fourier_plan **plan);
pdm_status fourier_lift_cuda(pdm_backend *b, pdm_fourier_plan *plan, pdm_batch s, pdm_buffer *parameters,
                             pdm_buffer *features, bool keep);
pdm_status fourier_layer_cuda(pdm_backend *b, pdm_fourier_plan *plan, pdm_batch s, pdm_size layer,
                              pdm_buffer *parameters, bool keep);
pdm_status fourier_head_cuda(pdm_backend *b, pdm_fourier_plan *plan, pdm_batch s, pdm_buffer *parameters,
                             pdm_buffer *basis, bool keep);
pdm_status fourier_head_backward_cuda(pdm_backend *b, pdm_fourier_plan *plan, pdm_batch s, pdm_buffer *parameters,
                                      pdm_buffer *g_basis, pdm_buffer *g_parameters);
pdm_status fourier_layer_backward_cuda(pdm_backend *b, pdm_fourier_plan *plan, pdm_batch s, pdm_size layer,
                                       pdm_buffer *parameters, pdm_buffer *g_parameters);
pdm_status fourier_lift_backward_cuda(pdm_backend *b, pdm_fourier_plan *plan, pdm_batch s, pdm_buffer *g_parameters);
/* optimiser.c */
pdm_status adam_f32_cuda(pdm_backend *b, const pdm_adam *adam, pdm_buffer *gradient, pdm_buffer *m, pdm_buffer *v,
                         pdm_buffer *parameters);
pdm_status norm2_f32_cuda(pdm_backend *b, pdm_size n, pdm_buffer *x, double *out);
pdm_status combine_f32_cuda(pdm_backend *b, pdm_size n, double alpha, pdm_buffer *x, double beta, pdm_buffer *y);
pdm_status widen_f32_cuda(pdm_backend *b, pdm_size n, pdm_buffer *x, double beta, pdm_buffer *y);
pdm_status narrow_f64_cuda(pdm_backend *b, pdm_size n, double alpha, pdm_buffer *x, pdm_buffer *y);

#endif
