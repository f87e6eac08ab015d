/* Fourier networks on the device: plans, and the operations of the table. Products are cuBLAS's, transforms in
 * transform.c, what is done point by point is one kernel a layer and direction. */
#include "backend/cuda/network_impl.h"

#include <string.h>

#include "backend/cuda/network.h"

enum {
    MOST_BATCH   = 65535, /* of one call of cuBLAS, whose grids are not higher        */
    PIECE        = 64,    /* floats: 256 bytes                                        */
    LEAST_POINTS = 128,   /* of a part of a sample that is a sum of gradients by itself */
    MOST_PARTS   = 16
};

_Static_assert((int)FOURIER_DIMS == (int)PDM_MAX_DIM, "grids of kernels have as many dimensions as there may be");

/* ---- products and pieces ---- */

pdm_status cuda_multiply(pdm_cuda *cu, const cuda_product *p)
{
    pdm_status  status = PDM_OK;
    const float one = 1.0f, beta = p->add ? 1.0f : 0.0f;
    int         m = 0, n = 0, k = 0, lda = 0, ldb = 0;

    PDM_TRY(pdm_narrow_int(cu->base.ctx, p->m, "rows of a product", &m));
    PDM_TRY(pdm_narrow_int(cu->base.ctx, p->n, "columns of a product", &n));
    PDM_TRY(pdm_narrow_int(cu->base.ctx, p->k, "terms of a product", &k));
    PDM_TRY(pdm_narrow_int(cu->base.ctx, p->a.row, "row of a product", &lda));
    PDM_TRY(pdm_narrow_int(cu->base.ctx, p->b.row, "row of a product", &ldb));
    for (pdm_size first = 0; first < p->n_batch; first += MOST_BATCH) {
        const pdm_size left = p->n_batch - first;
        /* columns first there, so everything is transposed: c^T = b^T a^T */
        CUBLAS_TRY(cu, cublasSgemmStridedBatched(
                           cu->blas, p->b.turned ? CUBLAS_OP_T : CUBLAS_OP_N, p->a.turned ? CUBLAS_OP_T : CUBLAS_OP_N,
                           n, m, k, &one, p->b.at + first * p->b.step, ldb, p->b.step, p->a.at + first * p->a.step, lda,
                           p->a.step, &beta, p->c + first * p->m * p->n, n, p->m * p->n,
                           (int)(left < MOST_BATCH ? left : MOST_BATCH)));
    }
done:
    return status;
}

float *cuda_piece(cuda_pieces *k, pdm_size n)
{
    const pdm_size at = k->used;
    k->used += (n + PIECE - 1) / PIECE * PIECE;
    return k->base ? k->base + at : NULL;
}

/* ---- sizes and places ---- */

static bool widens(const pdm_fourier_plan *p, pdm_size l)
{
    return p->is_padded && p->desc.n_layer > 1 && l == 0;
}

static bool narrows(const pdm_fourier_plan *p, pdm_size l)
{
    return p->is_padded && p->desc.n_layer > 1 && l == p->desc.n_layer - 1;
}

/* Grid of h_l: the control grid for the first and the last, which alone is read or not zero there. */
static bool is_control(const pdm_fourier_plan *p, pdm_size l)
{
    return l == 0 || l == p->desc.n_layer;
}

static const pdm_size *grid_of(const pdm_fourier_plan *p, pdm_size l)
{
    return is_control(p, l) ? p->desc.n_grid : p->desc.n_padded;
}

static pdm_size points_of(const pdm_fourier_plan *p, pdm_size l)
{
    return is_control(p, l) ? p->sizes.n_point : p->sizes.n_point_padded;
}

/* Points that W_l works on. */
static pdm_size points_within(const pdm_fourier_plan *p, pdm_size l)
{
    return narrows(p, l) ? p->sizes.n_point : points_of(p, l);
}

/* Parts of a sample's points, as long as each other. */
static pdm_size parts_of(pdm_size n_point)
{
    pdm_size n = 1;
    for (pdm_size i = 2; i <= MOST_PARTS && i * LEAST_POINTS <= n_point; i++)
        if (n_point % i == 0) n = i;
    return n;
}

static pdm_size most(pdm_size a, pdm_size b)
{
    return a > b ? a : b;
}

/* Tensors W_l, b_l of layer l in parameters. */
static pdm_size place_of_pointwise(const pdm_fourier_plan *p, pdm_size l)
{
    const pdm_size width = p->desc.width;
    return p->desc.offset_layer + l * p->desc.layer_stride + p->sizes.n_mode * 2 * width * width;
}

/* ---- scratch, for n samples ---- */

typedef struct gradient_scratch {
    float *kept;          /* listed: gathered, where it does not lie in the order of the batch */
    float *weight, *bias; /* [n parts][n_in][n_out], [n parts][n_out]                           */
} gradient_scratch;

static gradient_scratch gradient_scratch_of(const pdm_fourier_plan *p, pdm_size n, cuda_pieces *k)
{
    const pdm_fourier_desc *d    = &p->desc;
    const pdm_size          wide = most(d->width, d->n_hidden), out = most(wide, d->n_channel);
    const pdm_size          in     = most(wide, d->n_feature);
    const pdm_size          n_part = n * most(parts_of(p->sizes.n_point), parts_of(p->sizes.n_point_padded));
    gradient_scratch        s;

    s.kept   = cuda_piece(k, n * most(p->sizes.n_point_padded * d->width, p->sizes.n_point * in));
    s.weight = cuda_piece(k, n_part * in * out);
    s.bias   = cuda_piece(k, n_part * out);
    return s;
}

typedef struct head_scratch {
    float           *hidden; /* [n][n_point][n_hidden] */
    float           *out;    /* [n] of [n_channel][n_point], its cotangent of [n_point][n_channel] */
    gradient_scratch gradient;
} head_scratch;

static head_scratch head_scratch_of(const pdm_fourier_plan *p, pdm_size n, cuda_pieces *k)
{
    head_scratch s;
    s.hidden   = cuda_piece(k, n * p->sizes.n_point * p->desc.n_hidden);
    s.out      = cuda_piece(k, n * p->sizes.n_point * p->desc.n_channel);
    s.gradient = gradient_scratch_of(p, n, k);
    return s;
}

/* ---- life ---- */

static void plan_layout(pdm_fourier_plan *p, cuda_pieces *k)
{
    const pdm_fourier_desc *d = &p->desc;
    const pdm_size          n = p->n_sample, n_point = p->sizes.n_point;

    for (int i = 0; i < 2; i++) p->flow[i] = cuda_piece(k, n * p->sizes.n_point_padded * d->width);
    p->inside   = cuda_piece(k, n * n_point * d->width);
    p->features = cuda_piece(k, n * n_point * d->n_feature);
    for (pdm_size l = 0; l <= d->n_layer; l++) p->h[l] = cuda_piece(k, n * points_within(p, l) * d->width);
    for (pdm_size l = 0; l < d->n_layer; l++) {
        p->slope[l] = cuda_piece(k, n * points_of(p, l + 1) * d->width);
        p->modes[l] = cuda_piece(k, n * p->sizes.n_mode * 2 * d->width);
    }
    p->hidden       = cuda_piece(k, n * n_point * d->n_hidden);
    p->hidden_slope = cuda_piece(k, n * n_point * d->n_hidden);
}

/* Kernels number the items of a sample by 32 bits. */
static pdm_status check_sizes(pdm_context *ctx, const pdm_fourier_desc *d)
{
    pdm_status     status = PDM_OK;
    const pdm_size wide   = most(most(d->width, d->n_hidden), most(d->n_feature, d->n_channel));
    pdm_size       n      = wide;

    for (pdm_size i = 0; i < d->n_dim; i++)
        if (__builtin_mul_overflow(n, d->n_padded[i], &n) || n > INT32_MAX)
            PDM_FAIL(
                ctx, PDM_ERR_UNSUPPORTED,
                "a Fourier network of %lld channels on a grid of more than %lld points; fewer expected on a device",
                (long long)wide, (long long)(INT32_MAX / wide));
done:
    return status;
}

static pdm_status upload_ones(pdm_cuda *cu, pdm_size n, float **out)
{
    pdm_status status = PDM_OK;
    float     *ones   = NULL;

    PDM_TRY(pdm_alloc_array(cu->base.ctx, n, &ones));
    for (pdm_size i = 0; i < n; i++) ones[i] = 1.0f;
    PDM_TRY(cuda_upload(cu, ones, n, out));
done:
    pdm_free(cu->base.ctx, ones);
    return status;
}

static pdm_status reserve_scratch(pdm_cuda *cu, const pdm_fourier_plan *p)
{
    cuda_pieces mix = {.base = NULL}, head = {.base = NULL};

    (void)fourier_spectra_of(p, p->n_sample, &mix);
    (void)head_scratch_of(p, p->n_sample, &head); /* that of gradients alone is part of it */
    return cuda_reserve(cu, (size_t)most(mix.used, head.used) * sizeof(float));
}

pdm_status fourier_create_cuda(pdm_backend *b, const pdm_fourier_desc *desc, pdm_size n_sample, pdm_fourier_plan **out)
{
    CUDA_HERE(b);
    pdm_status        status = PDM_OK;
    pdm_cuda         *cu     = pdm_cuda_of(b);
    pdm_fourier_plan *p      = NULL;
    cuda_pieces       pieces = {.base = NULL};

    PDM_TRY(pdm_fourier_check(b->ctx, desc, n_sample));
    PDM_TRY(check_sizes(b->ctx, desc));
    PDM_TRY(pdm_alloc(b->ctx, sizeof *p, &p));
    p->desc      = *desc;
    p->sizes     = pdm_fourier_sizes_of(desc);
    p->n_sample  = n_sample;
    p->is_padded = p->sizes.n_point_padded > p->sizes.n_point;
    PDM_TRY(pdm_alloc_array(b->ctx, desc->n_layer + 1, &p->h));
    PDM_TRY(pdm_alloc_array(b->ctx, desc->n_layer, &p->slope));
    PDM_TRY(pdm_alloc_array(b->ctx, desc->n_layer, &p->modes));
    PDM_TRY(fourier_transform_create(cu, p));
    PDM_TRY(upload_ones(cu, p->sizes.n_point_padded, &p->ones));
    plan_layout(p, &pieces);
    PDM_TRY(cuda_take(cu, pieces.used, &p->memory));
    pieces = (cuda_pieces){.base = p->memory};
    plan_layout(p, &pieces);
    PDM_TRY(reserve_scratch(cu, p));
    PDM_TRY(cuda_reserve_list(cu, n_sample));
    *out = p;
    p    = NULL;
done:
    fourier_destroy_cuda(b, &p);
    return status;
}

void fourier_destroy_cuda(pdm_backend *b, pdm_fourier_plan **plan)
{
    CUDA_HERE(b);
    if (!plan || !*plan) return;
    cuda_settle(pdm_cuda_of(b));
    fourier_transform_destroy(pdm_cuda_of(b), *plan);
    cuda_free(pdm_cuda_of(b), (*plan)->ones);
    cuda_free(pdm_cuda_of(b), (*plan)->memory);
    pdm_free(b->ctx, (*plan)->h);
    pdm_free(b->ctx, (*plan)->slope);
    pdm_free(b->ctx, (*plan)->modes);
    pdm_free(b->ctx, *plan);
    *plan = NULL;
}

/* ---- gradients of weights and biases ---- */

/* Of g = in W + b: what was kept of `in` [n_sample][n_point][n_in], g listed [n_point][n_out], g_all listed
 * [n_point_all][n_out] for b. out: W [n_in][n_out], then b. */
typedef struct fourier_gradient {
    const float *kept, *g, *g_all;
    pdm_size     n_point, n_point_all, n_in, n_out;
    float       *out;
} fourier_gradient;

/* What was kept of the batch, [s.n][n]. */
static pdm_status list_kept(pdm_cuda *cu, pdm_batch s, const int32_t *index, const float *kept, pdm_size n,
                            float *gathered, const float **out)
{
    bool is_run = true;

    for (pdm_size i = 1; i < s.n; i++) is_run = is_run && s.index[i] == s.index[0] + i;
    if (is_run) {
        *out = kept + s.index[0] * n;
        return PDM_OK;
    }
    fourier_copy_args args = {.index = index, .n_listed = s.n, .n = (unsigned)n, .from = kept, .to = gathered};
    *out                   = gathered;
    return cuda_launch(cu, fourier_gather_kernel, cuda_grid_of(n, s.n), &args);
}

/* Sums over parts of samples, then over these in their order. */
static pdm_status add_up_gradient(pdm_cuda *cu, const pdm_fourier_plan *p, pdm_batch s, const int32_t *index,
                                  const fourier_gradient *k, const gradient_scratch *w)
{
    pdm_status     status = PDM_OK;
    const pdm_size n_part = parts_of(k->n_point), part = k->n_point / n_part;
    const pdm_size n_part_all = parts_of(k->n_point_all), part_all = k->n_point_all / n_part_all;
    const float   *in = NULL;

    PDM_TRY(list_kept(cu, s, index, k->kept, k->n_point * k->n_in, w->kept, &in));
    const cuda_product weight = {.m       = k->n_in,
                                 .n       = k->n_out,
                                 .k       = part,
                                 .n_batch = s.n * n_part,
                                 .a       = {.at = in, .row = k->n_in, .step = part * k->n_in, .turned = true},
                                 .b       = {.at = k->g, .row = k->n_out, .step = part * k->n_out},
                                 .c       = w->weight};
    const cuda_product bias   = {.m       = 1,
                                 .n       = k->n_out,
                                 .k       = part_all,
                                 .n_batch = s.n * n_part_all,
                                 .a       = {.at = p->ones, .row = part_all},
                                 .b       = {.at = k->g_all, .row = k->n_out, .step = part_all * k->n_out},
                                 .c       = w->bias};
    fourier_sum_args   sum    = {
             .tensor = {
                 {.partial = w->weight, .n_term = s.n * n_part, .n = k->n_in * k->n_out, .out = k->out},
                 {.partial = w->bias, .n_term = s.n * n_part_all, .n = k->n_out, .out = k->out + k->n_in * k->n_out}}};
    const cuda_grid grid = {(k->n_in * k->n_out + SUM_PARAMETERS - 1) / SUM_PARAMETERS, SUM_TENSORS,
                            SUM_PARAMETERS * SUM_GROUPS, 0};
    PDM_TRY(cuda_multiply(cu, &weight));
    PDM_TRY(cuda_multiply(cu, &bias));
    PDM_TRY(cuda_launch(cu, fourier_sum_kernel, grid, &sum));
done:
    return status;
}

static pdm_status clear(pdm_cuda *cu, float *parameters, pdm_size n)
{
    pdm_status status = PDM_OK;

    CUDA_TRY(cu, cudaMemsetAsync(parameters, 0, (size_t)n * sizeof *parameters, cu->stream));
done:
    return status;
}

/* ---- lift ---- */

pdm_status fourier_lift_cuda(pdm_backend *b, pdm_fourier_plan *plan, pdm_batch s, pdm_buffer *parameters,
                             pdm_buffer *features, bool keep)
{
    CUDA_HERE(b);
    pdm_status              status = PDM_OK;
    pdm_cuda               *cu     = pdm_cuda_of(b);
    const pdm_fourier_desc *d      = &plan->desc;
    const float            *weight = (const float *)cuda_data(parameters) + d->offset_lift;
    fourier_lift_args       args   = {.n_listed      = s.n,
                                      .n_point       = (unsigned)plan->sizes.n_point,
                                      .n_feature     = (unsigned)d->n_feature,
                                      .width         = (unsigned)d->width,
                                      .weight        = weight,
                                      .bias          = weight + d->n_feature * d->width,
                                      .features      = cuda_data(features),
                                      .h             = plan->flow[0],
                                      .kept          = keep ? plan->h[0] : NULL,
                                      .kept_features = keep ? plan->features : NULL};

    PDM_TRY(cuda_post_list(cu, s, &args.index));
    PDM_TRY(cuda_launch(cu, fourier_lift_kernel, cuda_grid_of(plan->sizes.n_point * most(d->width, d->n_feature), s.n),
                        &args));
done:
    return status;
}

pdm_status fourier_lift_backward_cuda(pdm_backend *b, pdm_fourier_plan *plan, pdm_batch s, pdm_buffer *g_parameters)
{
    CUDA_HERE(b);
    pdm_status              status = PDM_OK;
    pdm_cuda               *cu     = pdm_cuda_of(b);
    const pdm_fourier_desc *d      = &plan->desc;
    float                  *out    = (float *)cuda_data(g_parameters) + d->offset_lift;
    const int32_t          *index  = NULL;

    if (s.n == 0) return clear(cu, out, (d->n_feature + 1) * d->width);
    const gradient_scratch w = gradient_scratch_of(plan, s.n, &(cuda_pieces){.base = cu->scratch});
    const fourier_gradient g = {.kept        = plan->features,
                                .g           = plan->flow[0],
                                .g_all       = plan->flow[0],
                                .n_point     = plan->sizes.n_point,
                                .n_point_all = plan->sizes.n_point,
                                .n_in        = d->n_feature,
                                .n_out       = d->width,
                                .out         = out};
    PDM_TRY(cuda_post_list(cu, s, &index));
    PDM_TRY(add_up_gradient(cu, plan, s, index, &g, &w));
done:
    return status;
}

/* ---- layers ---- */

/* The pointwise part that makes h_{l+1} in x; without what differs forward and backward. */
static fourier_points_args points_args(const pdm_fourier_plan *p, pdm_batch s, const int32_t *index, pdm_size l)
{
    const pdm_size      width = p->desc.width;
    fourier_points_args args  = {.index    = index,
                                 .n_listed = s.n,
                                 .n        = (unsigned)(points_of(p, l + 1) * width),
                                 .width    = (unsigned)width,
                                 .x        = p->flow[(l + 1) % 2],
                                 .grids    = {.n_dim = (int32_t)p->desc.n_dim},
                                 .n_inside = (unsigned)(p->sizes.n_point * width),
                                 .inside   = p->inside};

    for (pdm_size d = 0; d < p->desc.n_dim; d++) {
        args.grids.n_grid[d]   = (unsigned)p->desc.n_grid[d];
        args.grids.n_padded[d] = (unsigned)p->desc.n_padded[d];
    }
    return args;
}

pdm_status fourier_layer_cuda(pdm_backend *b, pdm_fourier_plan *plan, pdm_batch s, pdm_size layer,
                              pdm_buffer *parameters, bool keep)
{
    CUDA_HERE(b);
    pdm_status     status = PDM_OK;
    pdm_cuda      *cu     = pdm_cuda_of(b);
    const pdm_size width = plan->desc.width, n_point = points_within(plan, layer);
    const float   *from = plan->flow[layer % 2], *weights = cuda_data(parameters);
    const float   *weight = weights + place_of_pointwise(plan, layer);
    const int32_t *index  = NULL;
    const bool     apart  = widens(plan, layer);
    /* h W, on top of the transform's part where that has the same grid */
    const cuda_product pointwise = {
        .m       = n_point,
        .n       = width,
        .k       = width,
        .n_batch = s.n,
        .a       = {.at = narrows(plan, layer) ? plan->inside : from, .row = width, .step = n_point * width},
        .b       = {.at = weight, .row = width},
        .c       = apart ? plan->inside : plan->flow[(layer + 1) % 2],
        .add     = !apart};

    if (s.n == 0) return PDM_OK;
    PDM_TRY(cuda_post_list(cu, s, &index));
    fourier_points_args args = points_args(plan, s, index, layer);
    args.bias                = weight + width * width;
    args.slope               = keep ? plan->slope[layer] : NULL;
    args.kept                = keep ? plan->h[layer + 1] : NULL;
    args.add                 = apart;
    args.leave               = narrows(plan, layer + 1);
    PDM_TRY(fourier_mix(cu, plan, s, index, layer, weights, grid_of(plan, layer), from, grid_of(plan, layer + 1),
                        args.x, keep));
    PDM_TRY(cuda_multiply(cu, &pointwise));
    PDM_TRY(cuda_launch(cu, fourier_gelu_kernel, cuda_grid_of(args.n, s.n), &args));
done:
    return status;
}

pdm_status fourier_layer_backward_cuda(pdm_backend *b, pdm_fourier_plan *plan, pdm_batch s, pdm_size layer,
                                       pdm_buffer *parameters, pdm_buffer *g_parameters)
{
    CUDA_HERE(b);
    pdm_status     status = PDM_OK;
    pdm_cuda      *cu     = pdm_cuda_of(b);
    const pdm_size width = plan->desc.width, n_point = points_within(plan, layer);
    const pdm_size first   = plan->desc.offset_layer + layer * plan->desc.layer_stride;
    const pdm_size place   = place_of_pointwise(plan, layer);
    const float   *weights = cuda_data(parameters), *g = plan->flow[(layer + 1) % 2];
    float         *g_weights = cuda_data(g_parameters), *out = plan->flow[layer % 2];
    const float   *g_within = widens(plan, layer) ? plan->inside : g; /* at the points of h W */
    const int32_t *index    = NULL;
    const bool     apart    = narrows(plan, layer);

    if (s.n == 0) return clear(cu, g_weights + first, place - first + (width + 1) * width);
    const gradient_scratch w         = gradient_scratch_of(plan, s.n, &(cuda_pieces){.base = cu->scratch});
    const fourier_gradient gradient  = {.kept        = plan->h[layer],
                                        .g           = g_within,
                                        .g_all       = g,
                                        .n_point     = n_point,
                                        .n_point_all = points_of(plan, layer + 1),
                                        .n_in        = width,
                                        .n_out       = width,
                                        .out         = g_weights + place};
    const cuda_product     pointwise = {.m       = n_point,
                                        .n       = width,
                                        .k       = width,
                                        .n_batch = s.n,
                                        .a       = {.at = g_within, .row = width, .step = n_point * width},
                                        .b       = {.at = weights + place, .row = width, .turned = true},
                                        .c       = apart ? plan->inside : out,
                                        .add     = !apart};
    PDM_TRY(cuda_post_list(cu, s, &index));
    fourier_points_args args = points_args(plan, s, index, layer);
    args.slope               = plan->slope[layer];
    args.add                 = narrows(plan, layer + 1);
    args.leave               = widens(plan, layer);
    PDM_TRY(cuda_launch(cu, fourier_gelu_backward_kernel, cuda_grid_of(args.n, s.n), &args));
    PDM_TRY(add_up_gradient(cu, plan, s, index, &gradient, &w));
    PDM_TRY(fourier_mix_backward(cu, plan, s, index, layer, weights, grid_of(plan, layer + 1), g, grid_of(plan, layer),
                                 out, g_weights));
    PDM_TRY(cuda_multiply(cu, &pointwise));
done:
    return status;
}

/* ---- head ---- */

typedef struct head_places {
    pdm_size weight0, bias0, weight1, bias1, end;
} head_places;

static head_places head_places_of(const pdm_fourier_desc *d)
{
    head_places p;
    p.weight0 = d->offset_head;
    p.bias0   = p.weight0 + d->width * d->n_hidden;
    p.weight1 = p.bias0 + d->n_hidden;
    p.bias1   = p.weight1 + d->n_hidden * d->n_channel;
    p.end     = p.bias1 + d->n_channel;
    return p;
}

static fourier_points_args hidden_args(const pdm_fourier_plan *p, pdm_batch s, const int32_t *index,
                                       const head_scratch *w)
{
    return (fourier_points_args){.index    = index,
                                 .n_listed = s.n,
                                 .n        = (unsigned)(p->sizes.n_point * p->desc.n_hidden),
                                 .width    = (unsigned)p->desc.n_hidden,
                                 .x        = w->hidden};
}

static fourier_copy_args channel_args(const pdm_fourier_plan *p, pdm_batch s, const int32_t *index)
{
    return (fourier_copy_args){.index     = index,
                               .n_listed  = s.n,
                               .n         = (unsigned)(p->sizes.n_point * p->desc.n_channel),
                               .n_point   = (unsigned)p->sizes.n_point,
                               .n_channel = (unsigned)p->desc.n_channel};
}

pdm_status fourier_head_cuda(pdm_backend *b, pdm_fourier_plan *plan, pdm_batch s, pdm_buffer *parameters,
                             pdm_buffer *basis, bool keep)
{
    CUDA_HERE(b);
    pdm_status              status = PDM_OK;
    pdm_cuda               *cu     = pdm_cuda_of(b);
    const pdm_fourier_desc *d      = &plan->desc;
    const head_places       at     = head_places_of(d);
    const head_scratch      w      = head_scratch_of(plan, s.n, &(cuda_pieces){.base = cu->scratch});
    const pdm_size          n      = plan->sizes.n_point;
    const float            *h = plan->flow[d->n_layer % 2], *weights = cuda_data(parameters);
    const int32_t          *index  = NULL;
    const cuda_product      first  = {.m       = n,
                                      .n       = d->n_hidden,
                                      .k       = d->width,
                                      .n_batch = s.n,
                                      .a       = {.at = h, .row = d->width, .step = n * d->width},
                                      .b       = {.at = weights + at.weight0, .row = d->n_hidden},
                                      .c       = w.hidden};
    const cuda_product      second = {/* channel by channel */
                                      .m       = d->n_channel,
                                      .n       = n,
                                      .k       = d->n_hidden,
                                      .n_batch = s.n,
                                      .a       = {.at = weights + at.weight1, .row = d->n_channel, .turned = true},
                                      .b = {.at = w.hidden, .row = d->n_hidden, .step = n * d->n_hidden, .turned = true},
                                      .c = w.out};

    if (s.n == 0) return PDM_OK;
    PDM_TRY(cuda_post_list(cu, s, &index));
    fourier_points_args hidden = hidden_args(plan, s, index, &w);
    fourier_copy_args   out    = channel_args(plan, s, index);
    hidden.bias                = weights + at.bias0;
    hidden.slope               = keep ? plan->hidden_slope : NULL;
    hidden.kept                = keep ? plan->hidden : NULL;
    out.from                   = w.out;
    out.to                     = cuda_data(basis);
    out.bias                   = weights + at.bias1;
    PDM_TRY(cuda_multiply(cu, &first));
    PDM_TRY(cuda_launch(cu, fourier_gelu_kernel, cuda_grid_of(hidden.n, s.n), &hidden));
    PDM_TRY(cuda_multiply(cu, &second));
    PDM_TRY(cuda_launch(cu, fourier_basis_kernel, cuda_grid_of(out.n, s.n), &out));
done:
    return status;
}

pdm_status fourier_head_backward_cuda(pdm_backend *b, pdm_fourier_plan *plan, pdm_batch s, pdm_buffer *parameters,
                                      pdm_buffer *g_basis, pdm_buffer *g_parameters)
{
    CUDA_HERE(b);
    pdm_status              status    = PDM_OK;
    pdm_cuda               *cu        = pdm_cuda_of(b);
    const pdm_fourier_desc *d         = &plan->desc;
    const head_places       at        = head_places_of(d);
    const head_scratch      w         = head_scratch_of(plan, s.n, &(cuda_pieces){.base = cu->scratch});
    const pdm_size          n         = plan->sizes.n_point;
    const float            *weights   = cuda_data(parameters);
    float                  *g_weights = cuda_data(g_parameters);
    const int32_t          *index     = NULL;
    const fourier_gradient  second    = {.kept        = plan->hidden,
                                         .g           = w.out,
                                         .g_all       = w.out,
                                         .n_point     = n,
                                         .n_point_all = n,
                                         .n_in        = d->n_hidden,
                                         .n_out       = d->n_channel,
                                         .out         = g_weights + at.weight1};
    const fourier_gradient  first     = {.kept        = plan->h[d->n_layer],
                                         .g           = w.hidden,
                                         .g_all       = w.hidden,
                                         .n_point     = n,
                                         .n_point_all = n,
                                         .n_in        = d->width,
                                         .n_out       = d->n_hidden,
                                         .out         = g_weights + at.weight0};
    const cuda_product      g_hidden  = {.m       = n,
                                         .n       = d->n_hidden,
                                         .k       = d->n_channel,
                                         .n_batch = s.n,
                                         .a       = {.at = w.out, .row = d->n_channel, .step = n * d->n_channel},
                                         .b       = {.at = weights + at.weight1, .row = d->n_channel, .turned = true},
                                         .c       = w.hidden};
    const cuda_product      g_h       = {.m       = n,
                                         .n       = d->width,
                                         .k       = d->n_hidden,
                                         .n_batch = s.n,
                                         .a       = {.at = w.hidden, .row = d->n_hidden, .step = n * d->n_hidden},
                                         .b       = {.at = weights + at.weight0, .row = d->n_hidden, .turned = true},
                                         .c       = plan->flow[d->n_layer % 2]};

    if (s.n == 0) return clear(cu, g_weights + at.weight0, at.end - at.weight0);
    PDM_TRY(cuda_post_list(cu, s, &index));
    fourier_copy_args   out    = channel_args(plan, s, index);
    fourier_points_args hidden = hidden_args(plan, s, index, &w);
    out.from                   = cuda_data(g_basis);
    out.to                     = w.out;
    hidden.slope               = plan->hidden_slope;
    PDM_TRY(cuda_launch(cu, fourier_gather_turned_kernel, cuda_grid_of(out.n, s.n), &out));
    PDM_TRY(add_up_gradient(cu, plan, s, index, &second, &w.gradient));
    PDM_TRY(cuda_multiply(cu, &g_hidden));
    PDM_TRY(cuda_launch(cu, fourier_gelu_backward_kernel, cuda_grid_of(hidden.n, s.n), &hidden));
    PDM_TRY(add_up_gradient(cu, plan, s, index, &first, &w.gradient));
    PDM_TRY(cuda_multiply(cu, &g_h));
done:
    return status;
}
