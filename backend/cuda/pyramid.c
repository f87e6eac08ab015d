/* Rows that count as sums over boxes of cells: the CPU's tables (backend/cpu/pyramid.c), turned round so that boxes
 * gather from what is below them. */
#include "backend/cuda/cuda_impl.h"

#include "backend/cpu/pyramid.h"
#include "backend/cuda/pyramid.h"

/* Tables on the host, boxes of all levels in one row. */
typedef struct pyramid_draft {
    cpu_pyramid y;
    int32_t    *child0, *child, *above, *used;
    double     *scale;
} pyramid_draft;

static pdm_status allocate(pdm_context *ctx, const cuda_pyramid *p, pyramid_draft *t)
{
    pdm_status status = PDM_OK;

    PDM_TRY(pdm_alloc_array(ctx, p->n_box + 1, &t->child0));
    PDM_TRY(pdm_alloc_array(ctx, p->n_row + p->n_box, &t->child));
    PDM_TRY(pdm_alloc_array(ctx, p->n_box, &t->above));
    PDM_TRY(pdm_alloc_array(ctx, p->n_box, &t->used));
    PDM_TRY(pdm_alloc_array(ctx, p->n_box, &t->scale));
done:
    return status;
}

/* Boxes of level l + 1: what they add up, which is numbered from `below` on. */
static void draft_level(const cuda_pyramid *p, pyramid_draft *t, pdm_size l, pdm_size below)
{
    const int32_t *parent = t->y.parent[l];
    const pdm_size box0 = p->box0[l + 1], n_box = p->box0[l + 2] - box0;

    for (pdm_size i = 0; i < t->y.n[l]; i++)
        if (parent[i] >= 0) t->child0[box0 + parent[i] + 1]++;
    for (pdm_size i = box0; i < box0 + n_box; i++) t->child0[i + 1] += t->child0[i];
    for (pdm_size i = 0; i < t->y.n[l]; i++) {
        if (l > 0) t->above[below + i] = parent[i] >= 0 ? (int32_t)(box0 + parent[i]) : -1;
        if (parent[i] < 0) continue;
        const pdm_size box                        = box0 + parent[i];
        t->child[t->child0[box] + t->used[box]++] = (int32_t)(below + i);
    }
    for (pdm_size i = 0; i < n_box; i++) {
        t->scale[box0 + i] = t->y.scale[l + 1][i];
        t->above[box0 + i] = -1;
    }
}

static pdm_status upload(pdm_cuda *cu, const pyramid_draft *t, cuda_pyramid *p)
{
    pdm_status status = PDM_OK;

    PDM_TRY(cuda_upload(cu, t->child0, p->n_box + 1, &p->child0));
    PDM_TRY(cuda_upload(cu, t->child, t->child0[p->n_box], &p->child));
    PDM_TRY(cuda_upload(cu, t->above, p->n_box, &p->above));
    PDM_TRY(cuda_upload(cu, t->scale, p->n_box, &p->scale));
    PDM_TRY(cuda_upload(cu, t->y.parent[0], p->n_row, &p->parent));
    PDM_TRY(cuda_upload(cu, t->y.unscale, p->n_row, &p->unscale));
    PDM_TRY(cuda_upload(cu, t->y.own, p->n_row, &p->own));
done:
    return status;
}

pdm_status cuda_pyramid_create(pdm_cuda *cu, const pdm_rows_desc *rows, pdm_size n_sample, cuda_pyramid *out)
{
    pdm_status    status = PDM_OK;
    pdm_context  *ctx    = cu->base.ctx;
    pyramid_draft t      = {0};
    cuda_pyramid  p      = {.n_row = rows->n_row};

    PDM_TRY(cpu_pyramid_create(ctx, rows, &t.y));
    p.n_level = t.y.n_level;
    p.n_box   = t.y.n_box;
    for (pdm_size l = 1; l <= p.n_level; l++) p.box0[l + 1] = p.box0[l] + t.y.n[l];
    if (p.n_level > 0) {
        PDM_TRY(allocate(ctx, &p, &t));
        for (pdm_size l = 0; l < p.n_level; l++) draft_level(&p, &t, l, l == 0 ? 0 : p.box0[l]);
        PDM_TRY(upload(cu, &t, &p));
        PDM_TRY(cuda_reserve(cu, (size_t)(n_sample * p.n_box) * sizeof(double)));
    }
    *out = p;
    p    = (cuda_pyramid){0};
done:
    cpu_pyramid_destroy(ctx, &t.y);
    pdm_free(ctx, t.child0);
    pdm_free(ctx, t.child);
    pdm_free(ctx, t.above);
    pdm_free(ctx, t.used);
    pdm_free(ctx, t.scale);
    cuda_pyramid_destroy(cu, &p);
    return status;
}

void cuda_pyramid_destroy(pdm_cuda *cu, cuda_pyramid *p)
{
    cuda_free(cu, p->child0);
    cuda_free(cu, p->child);
    cuda_free(cu, p->above);
    cuda_free(cu, p->scale);
    cuda_free(cu, p->parent);
    cuda_free(cu, p->unscale);
    cuda_free(cu, p->own);
    *p = (cuda_pyramid){0};
}

/* 2 n_level + 1 launches. Levels above the first are small: they would fit into one, a block a sample. */
pdm_status cuda_pyramid_weigh(pdm_cuda *cu, const cuda_pyramid *p, pdm_batch s, const double *r, double *out)
{
    pdm_status   status = PDM_OK;
    pyramid_args args   = {.n_listed = s.n,
                           .n_row    = p->n_row,
                           .n_box    = p->n_box,
                           .child0   = p->child0,
                           .child    = p->child,
                           .above    = p->above,
                           .scale    = p->scale,
                           .parent   = p->parent,
                           .unscale  = p->unscale,
                           .own      = p->own,
                           .r        = r,
                           .out      = out,
                           .sum      = cu->scratch};

    PDM_TRY(cuda_post_list(cu, s, &args.index));
    for (pdm_size l = 1; l <= p->n_level; l++) {
        args.box0 = p->box0[l];
        args.n    = p->box0[l + 1] - p->box0[l];
        if (l == 1) {
            const cuda_grid grid = {.blocks_x = (args.n * PYRAMID_LANES + PYRAMID_THREADS - 1) / PYRAMID_THREADS,
                                    .blocks_y = s.n,
                                    .threads  = PYRAMID_THREADS};
            PDM_TRY(cuda_launch(cu, pyramid_rows_up_kernel, grid, &args));
        } else {
            PDM_TRY(cuda_launch(cu, pyramid_up_kernel, cuda_grid_of(args.n, s.n), &args));
        }
    }
    for (pdm_size l = p->n_level; l >= 1; l--) {
        args.box0 = p->box0[l];
        args.n    = p->box0[l + 1] - p->box0[l];
        PDM_TRY(cuda_launch(cu, pyramid_down_kernel, cuda_grid_of(args.n, s.n), &args));
    }
    PDM_TRY(cuda_launch(cu, pyramid_rows_down_kernel, cuda_grid_of(p->n_row, s.n), &args));
done:
    return status;
}
