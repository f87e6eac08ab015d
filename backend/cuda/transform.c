/* Transforms to the modes kept and back, by a small dense matrix a dimension: a strided batch of products each. */
#include "backend/cuda/network_impl.h"

#include <string.h>

#include "backend/cuda/transform.h"

_Static_assert((int)FOURIER_PARTS == (int)PDM_FOURIER_MAX_PART, "parts of as many dimensions as there may be");

static pdm_size product_of(const pdm_size *n, pdm_size from, pdm_size to)
{
    pdm_size product = 1;
    for (pdm_size d = from; d < to; d++) product *= n[d];
    return product;
}

static pdm_size tiles_of(pdm_size n)
{
    return (n + FOURIER_TILE - 1) / FOURIER_TILE;
}

/* ---- life ---- */

static pdm_status upload_groups(pdm_cuda *cu, pdm_fourier_plan *p)
{
    pdm_status     status  = PDM_OK;
    pdm_context   *ctx     = cu->base.ctx;
    const pdm_size n_group = p->sizes.n_group, n_part = p->sizes.n_part;
    int32_t       *trig = NULL, *mode = NULL;
    float         *factor = NULL;

    PDM_TRY(pdm_alloc_array(ctx, n_group * n_part, &trig));
    PDM_TRY(pdm_alloc_array(ctx, n_group * n_part / 2, &mode));
    PDM_TRY(pdm_alloc_array(ctx, n_group, &factor));
    for (pdm_size i = 0; i < n_group; i++) {
        pdm_fourier_group g;
        pdm_fourier_fill_group(&p->desc, i, &g);
        memcpy(trig + i * n_part, g.trig, (size_t)n_part * sizeof *trig);
        memcpy(mode + i * n_part / 2, g.mode, (size_t)(n_part / 2) * sizeof *mode);
        factor[i] = g.factor;
    }
    PDM_TRY(cuda_upload(cu, trig, n_group * n_part, &p->trig));
    PDM_TRY(cuda_upload(cu, mode, n_group * n_part / 2, &p->mode));
    PDM_TRY(cuda_upload(cu, factor, n_group, &p->factor));
done:
    pdm_free(ctx, trig);
    pdm_free(ctx, mode);
    pdm_free(ctx, factor);
    return status;
}

pdm_status fourier_transform_create(pdm_cuda *cu, pdm_fourier_plan *p)
{
    pdm_status status = PDM_OK;
    float     *matrix = NULL;

    for (pdm_size d = 0; d < p->desc.n_dim; d++) {
        const pdm_size n = p->sizes.n_trig[d] * p->desc.n_padded[d];
        PDM_TRY(pdm_alloc_array(cu->base.ctx, n, &matrix));
        pdm_fourier_fill_matrix(&p->desc, d, matrix);
        PDM_TRY(cuda_upload(cu, matrix, n, &p->matrix[d]));
        pdm_free(cu->base.ctx, matrix);
        matrix = NULL;
    }
    PDM_TRY(upload_groups(cu, p));
done:
    pdm_free(cu->base.ctx, matrix);
    return status;
}

void fourier_transform_destroy(pdm_cuda *cu, pdm_fourier_plan *p)
{
    for (pdm_size d = 0; d < PDM_MAX_DIM; d++) cuda_free(cu, p->matrix[d]);
    cuda_free(cu, p->trig);
    cuda_free(cu, p->mode);
    cuda_free(cu, p->factor);
}

fourier_spectra fourier_spectra_of(const pdm_fourier_plan *p, pdm_size n, cuda_pieces *k)
{
    const pdm_size  n_dim = p->desc.n_dim, width = p->desc.width;
    pdm_size        most = 0;
    fourier_spectra s;

    for (pdm_size d = 0; d < n_dim; d++) { /* points before dimension d, cosines and sines from it on */
        const pdm_size size = product_of(p->desc.n_padded, 0, d) * product_of(p->sizes.n_trig, d, n_dim);
        if (size > most) most = size;
    }
    for (int i = 0; i < 2; i++) s.stage[i] = cuda_piece(k, n * most * width);
    s.x = cuda_piece(k, p->sizes.n_mode * tiles_of(n) * 4 * FOURIER_TILE * width);
    s.y = cuda_piece(k, p->sizes.n_mode * tiles_of(n) * 2 * FOURIER_TILE * width);
    return s;
}

/* ---- dimension by dimension ---- */

/* R: h [n][grid][width], zero beyond the grid, to stage[0]. */
static pdm_status analyse(pdm_cuda *cu, const pdm_fourier_plan *p, pdm_size n, const pdm_size *grid, const float *h,
                          const fourier_spectra *w)
{
    pdm_status     status = PDM_OK;
    const pdm_size n_dim  = p->desc.n_dim;
    const float   *from   = h;

    for (pdm_size d = n_dim; d-- > 0;) {
        const pdm_size     n_trig = p->sizes.n_trig[d];
        const pdm_size     inner  = product_of(p->sizes.n_trig, d + 1, n_dim) * p->desc.width;
        const cuda_product step   = {.m       = n_trig,
                                     .n       = inner,
                                     .k       = grid[d],
                                     .n_batch = n * product_of(grid, 0, d),
                                     .a       = {.at = p->matrix[d], .row = p->desc.n_padded[d]},
                                     .b       = {.at = from, .row = inner, .step = grid[d] * inner},
                                     .c       = w->stage[d % 2]};
        PDM_TRY(cuda_multiply(cu, &step));
        from = step.c;
    }
done:
    return status;
}

/* R^T: stage[0] to out [n][grid][width]. */
static pdm_status synthesise(pdm_cuda *cu, const pdm_fourier_plan *p, pdm_size n, const fourier_spectra *w,
                             const pdm_size *grid, float *out)
{
    pdm_status     status = PDM_OK;
    const pdm_size n_dim  = p->desc.n_dim;
    const float   *from   = w->stage[0];

    for (pdm_size d = 0; d < n_dim; d++) {
        const pdm_size     n_trig = p->sizes.n_trig[d];
        const pdm_size     inner  = product_of(p->sizes.n_trig, d + 1, n_dim) * p->desc.width;
        const cuda_product step   = {.m       = grid[d],
                                     .n       = inner,
                                     .k       = n_trig,
                                     .n_batch = n * product_of(grid, 0, d),
                                     .a       = {.at = p->matrix[d], .row = p->desc.n_padded[d], .turned = true},
                                     .b       = {.at = from, .row = inner, .step = n_trig * inner},
                                     .c       = d == n_dim - 1 ? out : w->stage[(d + 1) % 2]};
        PDM_TRY(cuda_multiply(cu, &step));
        from = step.c;
    }
done:
    return status;
}

/* ---- with the modes multiplied ---- */

static fourier_modes_args modes_args(const pdm_fourier_plan *p, pdm_batch s, const int32_t *index,
                                     const fourier_spectra *w)
{
    return (fourier_modes_args){.index      = index,
                                .n_listed   = s.n,
                                .n_tile     = tiles_of(s.n),
                                .n_spectrum = p->sizes.n_spectrum,
                                .n_mode     = p->sizes.n_mode,
                                .n_group    = (int32_t)p->sizes.n_group,
                                .n_part     = (int32_t)p->sizes.n_part,
                                .width      = (int32_t)p->desc.width,
                                .trig       = p->trig,
                                .mode       = p->mode,
                                .factor     = p->factor,
                                .spectrum   = w->stage[0],
                                .x          = w->x,
                                .y          = w->y};
}

static cuda_grid modes_grid(const pdm_fourier_plan *p, pdm_size n_sample)
{
    return cuda_grid_of(p->sizes.n_group * p->desc.width, n_sample);
}

/* The product of one mode of a tile, for all modes and then tile by tile; summed up over the tiles, or not. */
static pdm_status multiply_tiles(pdm_cuda *cu, const pdm_fourier_plan *p, pdm_size n_sample, cuda_product product,
                                 bool sum)
{
    pdm_status     status = PDM_OK;
    const pdm_size rows = p->sizes.n_mode * 2 * FOURIER_TILE, width = p->desc.width;

    product.n_batch = p->sizes.n_mode;
    for (pdm_size first = 0; first < n_sample; first += FOURIER_TILE) {
        PDM_TRY(cuda_multiply(cu, &product));
        product.a.at += rows * product.a.row;
        if (sum)
            product.b.at += rows * width, product.add = true;
        else
            product.c += rows * product.n;
    }
done:
    return status;
}

/* The operands of a layer's modes: X [2 FOURIER_TILE][2 width], Y [2 FOURIER_TILE][width], K [2 width][width]. */
static cuda_operand operand_x(const pdm_fourier_plan *p, const fourier_spectra *w)
{
    const pdm_size row = 2 * p->desc.width;
    return (cuda_operand){.at = w->x, .row = row, .step = 2 * FOURIER_TILE * row};
}
static cuda_operand operand_y(const pdm_fourier_plan *p, const fourier_spectra *w)
{
    const pdm_size row = p->desc.width;
    return (cuda_operand){.at = w->y, .row = row, .step = 2 * FOURIER_TILE * row};
}
static cuda_operand operand_k(const pdm_fourier_plan *p, pdm_size layer, const float *parameters)
{
    const pdm_size width = p->desc.width, place = p->desc.offset_layer + layer * p->desc.layer_stride;
    return (cuda_operand){.at = parameters + place, .row = width, .step = 2 * width * width};
}
static cuda_operand turned(cuda_operand k)
{
    k.turned = true;
    return k;
}

/* Y = X K */
pdm_status fourier_mix(pdm_cuda *cu, const pdm_fourier_plan *p, pdm_batch s, const int32_t *index, pdm_size layer,
                       const float *parameters, const pdm_size *from, const float *h, const pdm_size *to, float *out,
                       bool keep)
{
    pdm_status            status = PDM_OK;
    const pdm_size        width  = p->desc.width;
    const fourier_spectra w      = fourier_spectra_of(p, s.n, &(cuda_pieces){.base = cu->scratch});
    fourier_modes_args    args   = modes_args(p, s, index, &w);
    const cuda_product    y      = {.m = 2 * FOURIER_TILE,
                                    .n = width,
                                    .k = 2 * width,
                                    .a = operand_x(p, &w),
                                    .b = operand_k(p, layer, parameters),
                                    .c = w.y};

    args.kept = keep ? p->modes[layer] : NULL;
    PDM_TRY(analyse(cu, p, s.n, from, h, &w));
    PDM_TRY(cuda_launch(cu, fourier_split_kernel, modes_grid(p, args.n_tile * FOURIER_TILE), &args));
    PDM_TRY(multiply_tiles(cu, p, s.n, y, false));
    PDM_TRY(cuda_launch(cu, fourier_join_kernel, modes_grid(p, s.n), &args));
    PDM_TRY(synthesise(cu, p, s.n, &w, to, out));
done:
    return status;
}

/* g_K = X^T g_Y,  g_X = g_Y K^T, which takes the place of X */
pdm_status fourier_mix_backward(pdm_cuda *cu, const pdm_fourier_plan *p, pdm_batch s, const int32_t *index,
                                pdm_size layer, const float *parameters, const pdm_size *to, const float *g,
                                const pdm_size *from, float *g_h, float *g_parameters)
{
    pdm_status            status = PDM_OK;
    const pdm_size        width = p->desc.width, place = p->desc.offset_layer + layer * p->desc.layer_stride;
    const fourier_spectra w    = fourier_spectra_of(p, s.n, &(cuda_pieces){.base = cu->scratch});
    fourier_modes_args    args = modes_args(p, s, index, &w);
    const cuda_product    g_k  = {.m = 2 * width,
                                  .n = width,
                                  .k = 2 * FOURIER_TILE,
                                  .a = turned(operand_x(p, &w)),
                                  .b = operand_y(p, &w),
                                  .c = g_parameters + place};
    const cuda_product    g_x  = {.m = 2 * FOURIER_TILE,
                                  .n = 2 * width,
                                  .k = width,
                                  .a = operand_y(p, &w),
                                  .b = turned(operand_k(p, layer, parameters)),
                                  .c = w.x};

    args.kept = p->modes[layer];
    PDM_TRY(analyse(cu, p, s.n, to, g, &w));
    PDM_TRY(cuda_launch(cu, fourier_join_backward_kernel, modes_grid(p, args.n_tile * FOURIER_TILE), &args));
    PDM_TRY(multiply_tiles(cu, p, s.n, g_k, true));
    PDM_TRY(multiply_tiles(cu, p, s.n, g_x, false));
    PDM_TRY(cuda_launch(cu, fourier_split_backward_kernel, modes_grid(p, s.n), &args));
    PDM_TRY(synthesise(cu, p, s.n, &w, from, g_h));
done:
    return status;
}
