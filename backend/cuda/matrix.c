/* Sparse matrices. They are narrow, a few entries a row: a kernel of our own; cuSPARSE asks for vectors one after the
 * other, which the samples of a list are not. */
#include "backend/cuda/cuda_impl.h"

#include "backend/cuda/matrix.h"
#include "backend/cuda/pack.h"

struct pdm_matrix_plan {
    void       *tables; /* device */
    matrix_args args;
};

/* Run twice, see pack.h. */
static void put_tables(cuda_pack *k, const pdm_matrix_desc *d, matrix_args *out)
{
    const pdm_size n = d->row0[d->n_row];

    *out        = (matrix_args){.n_row = d->n_row, .n_column = d->n_column};
    out->row0   = cuda_pack_put(k, d->row0, d->n_row + 1);
    out->column = cuda_pack_put(k, d->column, n);
    out->value  = cuda_pack_put(k, d->value, n);
}

pdm_status matrix_create_cuda(pdm_backend *b, const pdm_matrix_desc *desc, pdm_matrix_plan **out)
{
    CUDA_HERE(b);
    pdm_status       status = PDM_OK;
    pdm_cuda        *cu     = pdm_cuda_of(b);
    pdm_matrix_plan *p      = NULL;
    cuda_pack        pack   = {0};

    PDM_TRY(pdm_alloc(b->ctx, sizeof *p, &p));
    put_tables(&pack, desc, &p->args);
    PDM_TRY(cuda_pack_allocate(cu, &pack));
    put_tables(&pack, desc, &p->args);
    PDM_TRY(cuda_pack_send(cu, &pack));
    p->tables   = pack.device;
    pack.device = NULL;
    *out        = p;
    p           = NULL;
done:
    matrix_destroy_cuda(b, &p);
    cuda_pack_destroy(cu, &pack);
    return status;
}

void matrix_destroy_cuda(pdm_backend *b, pdm_matrix_plan **plan)
{
    CUDA_HERE(b);
    if (!plan || !*plan) return;
    cuda_settle(pdm_cuda_of(b));
    cuda_free(pdm_cuda_of(b), (*plan)->tables);
    pdm_free(b->ctx, *plan);
    *plan = NULL;
}

pdm_status matrix_apply_cuda(pdm_backend *b, pdm_matrix_plan *p, pdm_batch s, pdm_buffer *x, pdm_buffer *y)
{
    CUDA_HERE(b);
    pdm_status  status = PDM_OK;
    pdm_cuda   *cu     = pdm_cuda_of(b);
    matrix_args args   = p->args;

    PDM_TRY(cuda_post_list(cu, s, &args.index));
    args.n_listed = s.n;
    args.x        = cuda_data(x);
    args.y        = cuda_data(y);
    PDM_TRY(cuda_launch(cu, matrix_apply_kernel, cuda_grid_of(args.n_row, s.n), &args));
done:
    return status;
}
