/* Evaluation of fields on tensor grids of points, and its transpose. */
#include "backend/cuda/cuda_impl.h"

#include <string.h>

#include "backend/cuda/axes.h"
#include "backend/cuda/tensor.h"

struct pdm_points_plan {
    pdm_size  n_dim, n_field;
    axes_size size;
    cuda_axes axes;
};

pdm_status points_create_cuda(pdm_backend *b, const pdm_points_desc *desc, pdm_points_plan **out)
{
    CUDA_HERE(b);
    pdm_status       status = PDM_OK;
    pdm_points_plan *p      = NULL;
    axis_source      source[PDM_MAX_DIM];

    PDM_TRY(pdm_alloc(b->ctx, sizeof *p, &p));
    p->n_dim   = desc->n_dim;
    p->n_field = desc->n_field;
    for (pdm_size j = 0; j < desc->n_dim; j++)
        source[j] = (axis_source){
            .axis = &desc->axis[j], .n_order = desc->n_order, .n_coef = desc->n_coef[j], .width = desc->degree[j] + 1};
    PDM_TRY(cuda_axes_create(pdm_cuda_of(b), 1, desc->n_dim, source, &p->axes));
    p->size = cuda_axes_size(p->axes.axis);
    *out    = p;
    p       = NULL;
done:
    points_destroy_cuda(b, &p);
    return status;
}

void points_destroy_cuda(pdm_backend *b, pdm_points_plan **plan)
{
    CUDA_HERE(b);
    if (!plan || !*plan) return;
    cuda_settle(pdm_cuda_of(b));
    cuda_axes_destroy(pdm_cuda_of(b), &(*plan)->axes);
    pdm_free(b->ctx, *plan);
    *plan = NULL;
}

static tensor_args tensor_of(const pdm_points_plan *p, pdm_batch s, const pdm_atom *atom)
{
    tensor_args args = {.n_listed = s.n, .n_point = p->size.n_point, .n_coef = p->size.n_coef};

    for (pdm_size j = 0; j < p->n_dim; j++) args.order[j] = atom->order[j];
    memcpy(args.axis, p->axes.axis, sizeof args.axis);
    return args;
}

pdm_status points_evaluate_cuda(pdm_backend *b, pdm_points_plan *p, pdm_batch s, pdm_atom atom, pdm_buffer *c,
                                pdm_buffer *out)
{
    CUDA_HERE(b);
    pdm_status  status = PDM_OK;
    pdm_cuda   *cu     = pdm_cuda_of(b);
    tensor_args args   = tensor_of(p, s, &atom);

    PDM_TRY(cuda_post_list(cu, s, &args.index));
    args.in         = (const double *)cuda_data(c) + atom.field * p->size.n_coef;
    args.in_stride  = p->n_field * p->size.n_coef;
    args.out        = cuda_data(out);
    args.out_stride = p->size.n_point;
    PDM_TRY(cuda_launch(cu, tensor_evaluate_kernel, cuda_grid_of(p->size.n_point, s.n), &args));
done:
    return status;
}

pdm_status points_evaluate_adjoint_cuda(pdm_backend *b, pdm_points_plan *p, pdm_batch s, pdm_atom atom,
                                        pdm_buffer *g_out, pdm_buffer *g_c)
{
    CUDA_HERE(b);
    pdm_status  status = PDM_OK;
    pdm_cuda   *cu     = pdm_cuda_of(b);
    tensor_args args   = tensor_of(p, s, &atom);

    PDM_TRY(cuda_post_list(cu, s, &args.index));
    args.in         = cuda_data(g_out);
    args.in_stride  = p->size.n_point;
    args.out        = (double *)cuda_data(g_c) + atom.field * p->size.n_coef;
    args.out_stride = p->n_field * p->size.n_coef;
    args.add        = true;
    PDM_TRY(cuda_launch(cu, tensor_evaluate_adjoint_kernel, cuda_grid_of(p->size.n_coef, s.n), &args));
done:
    return status;
}
