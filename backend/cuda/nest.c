/* A cycle over nested splines on the device: levels and patches of backend/nest.h. Patches of a colour are solved for at
 * once; colours follow each other, there and back, so that K is symmetric. A level with few patches of a colour takes one
 * launch a sweep, in which a sample's block goes over all colours. */
#include "backend/nest.h"

#include <string.h>

#include "backend/cuda/axes.h"
#include "backend/cuda/cuda_impl.h"
#include "backend/cuda/nest.h"
#include "backend/cuda/pack.h"
#include "backend/lists.h"

enum {
    DEGREE_MOST  = 127,       /* offsets of stencils are bytes                                             */
    FEW          = 4,         /* patches of a colour up to which one block of a sample does a whole level  */
    THREADS_MOST = 512,       /* of a block, for large patches                                             */
    SHARED       = 48 * 1024, /* bytes of a triangle in shared memory, at most                             */
    ROOM         = 1 << 28    /* bytes of scratch for matrices between two levels, aimed at                */
};

typedef struct nest_stage {
    void      *tables; /* device */
    nest_level level;
    nest_axis  axis[AXES];              /* to the next level */
    pdm_size   n_patch, n_colour, many; /* patches of a colour, at most */
    pdm_size  *colour0;                 /* [n_colour+1] */
} nest_stage;

struct pdm_nest_plan {
    pdm_nest_levels levels;
    nest_stage     *stage;                      /* [n_level] */
    int32_t        *place;                      /* device, [width] */
    int32_t        *element_row0, *element_row; /* device */
    pdm_size n_row, between, at_once; /* doubles of a sample between two levels; samples that there is room for */
    double  *value;                   /* device, [n_sample][n_value] */
    int32_t *failed, *failed_host;    /* [n_sample] device, host */
};

/* ---- tables of a level ---- */

typedef struct stage_tables {
    int32_t *near[AXES], *first[AXES], *seen0[AXES], *seen[AXES], *seen_local[AXES];
    double  *weight[AXES], *seen_weight[AXES];
    int32_t *list, *colour0, *patch0, *unknown;
    int64_t *factor0;
} stage_tables;

static void tables_destroy(pdm_context *ctx, stage_tables *t)
{
    for (int j = 0; j < AXES; j++) {
        pdm_free(ctx, t->near[j]);
        pdm_free(ctx, t->first[j]);
        pdm_free(ctx, t->seen0[j]);
        pdm_free(ctx, t->seen[j]);
        pdm_free(ctx, t->seen_local[j]);
        pdm_free(ctx, t->weight[j]);
        pdm_free(ctx, t->seen_weight[j]);
    }
    pdm_free(ctx, t->list);
    pdm_free(ctx, t->colour0);
    pdm_free(ctx, t->patch0);
    pdm_free(ctx, t->unknown);
    pdm_free(ctx, t->factor0);
}

/* Sizes, and what a dimension beyond those of the problem has. */
static void fill_level(const pdm_nest_plan *p, pdm_size i, nest_level *v)
{
    const pdm_nest_levels *all = &p->levels;
    const pdm_nest_level  *l   = &all->level[i];

    for (pdm_size j = 0; j < AXES; j++) {
        const bool is_there = j < all->n_dim;
        v->n_coef[j]        = is_there ? (int32_t)l->n_coef[j] : 1;
        v->n_element[j]     = is_there ? (int32_t)l->n_element[j] : 1;
        v->degree[j]        = is_there ? (int32_t)all->rows->degree[j] : 0;
        v->periodic[j]      = is_there && all->rows->periodic[j];
    }
    v->n_field  = (int32_t)all->n_field;
    v->width    = (int32_t)all->width;
    v->most     = (int32_t)l->most;
    v->n        = l->n;
    v->place    = p->place;
    v->stride   = all->n_value;
    v->H        = p->value + l->at_stencil;
    v->factor   = p->value + l->at_factor;
    v->y        = p->value + l->at_r;
    v->x        = p->value + l->at_x;
    v->y_stride = v->x_stride = v->stride;
}

static pdm_status list_neighbours(pdm_context *ctx, const nest_level *v, stage_tables *t)
{
    pdm_status status = PDM_OK;
    int32_t    stride = 1;

    for (int j = AXES - 1; j >= 0; j--) {
        const int32_t n = v->n_coef[j], d = v->degree[j], width = 2 * d + 1;
        PDM_TRY(pdm_alloc_array(ctx, (pdm_size)n * width, &t->near[j]));
        for (int32_t i = 0; i < n; i++)
            for (int32_t o = 0; o < width; o++) {
                int32_t at = i + o - d;
                if (v->periodic[j])
                    at = (at % n + n) % n;
                else if (at < 0 || at >= n)
                    at = i;
                t->near[j][i * width + o] = at * stride;
            }
        stride *= n;
    }
done:
    return status;
}

/* Patches by colours. */
static pdm_status list_patches(pdm_context *ctx, const pdm_nest_level *l, stage_tables *t)
{
    pdm_status status = PDM_OK;
    pdm_size   used   = 0;

    PDM_TRY(pdm_alloc_array(ctx, l->n_patch, &t->list));
    PDM_TRY(pdm_alloc_array(ctx, l->n_colour + 1, &t->colour0));
    PDM_TRY(pdm_alloc_array(ctx, l->n_patch + 1, &t->patch0));
    PDM_TRY(pdm_alloc_array(ctx, l->n_patch, &t->factor0));
    PDM_TRY(pdm_alloc_array(ctx, l->patch0[l->n_patch], &t->unknown));
    cuda_sort_by_key(l->n_colour, l->n_patch, l->colour, t->colour0, t->list);
    for (pdm_size q = 0; q < l->n_patch; q++) {
        const pdm_size from = l->patch0[t->list[q]], n = l->patch0[t->list[q] + 1] - from;
        memcpy(t->unknown + used, l->unknown + from, (size_t)n * sizeof *t->unknown);
        used += n;
        t->patch0[q + 1] = (int32_t)used;
        t->factor0[q]    = l->factor0[t->list[q]];
    }
done:
    return status;
}

static pdm_status list_axis(pdm_context *ctx, const pdm_nest_level *l, int j, nest_axis *x, stage_tables *t)
{
    pdm_status     status = PDM_OK;
    const pdm_size n_fine = x->n_fine, width = x->width;
    int32_t       *key = NULL, *list = NULL;

    PDM_TRY(pdm_alloc_array(ctx, n_fine, &t->first[j]));
    PDM_TRY(pdm_alloc_array(ctx, n_fine * width, &t->weight[j]));
    PDM_TRY(pdm_alloc_array(ctx, n_fine * width, &key));
    PDM_TRY(pdm_alloc_array(ctx, n_fine * width, &list));
    PDM_TRY(pdm_alloc_array(ctx, x->n_coarse + 2, &t->seen0[j])); /* the last one has what weighs nothing */
    PDM_TRY(pdm_alloc_array(ctx, n_fine * width, &t->seen[j]));
    PDM_TRY(pdm_alloc_array(ctx, n_fine * width, &t->seen_local[j]));
    PDM_TRY(pdm_alloc_array(ctx, n_fine * width, &t->seen_weight[j]));
    for (pdm_size k = 0; k < n_fine * width; k++) {
        t->first[j][k / width] = l ? l->first[j][k / width] : 0;
        t->weight[j][k]        = l ? l->weight[j][k] : 1.0;
        key[k] = t->weight[j][k] != 0.0 ? (int32_t)((t->first[j][k / width] + k % width) % x->n_coarse) : x->n_coarse;
    }
    cuda_sort_by_key(x->n_coarse + 1, n_fine * width, key, t->seen0[j], list);
    for (pdm_size k = 0; k < n_fine * width; k++) {
        t->seen[j][k]        = (int32_t)(list[k] / width);
        t->seen_local[j][k]  = (int32_t)(list[k] % width);
        t->seen_weight[j][k] = t->weight[j][list[k]];
    }
done:
    pdm_free(ctx, key);
    pdm_free(ctx, list);
    return status;
}

/* Run twice, see pack.h. */
static void put_tables(cuda_pack *k, const pdm_nest_level *l, const stage_tables *t, nest_stage *g)
{
    nest_level *v = &g->level;

    for (int j = 0; j < AXES; j++) {
        nest_axis     *x = &g->axis[j];
        const pdm_size n = (pdm_size)x->n_fine * x->width;
        v->near[j]       = cuda_pack_put(k, t->near[j], (pdm_size)v->n_coef[j] * (2 * v->degree[j] + 1));
        if (!l->axis) continue;
        x->first       = cuda_pack_put(k, t->first[j], x->n_fine);
        x->weight      = cuda_pack_put(k, t->weight[j], n);
        x->seen0       = cuda_pack_put(k, t->seen0[j], x->n_coarse + 1);
        x->seen        = cuda_pack_put(k, t->seen[j], n);
        x->seen_local  = cuda_pack_put(k, t->seen_local[j], n);
        x->seen_weight = cuda_pack_put(k, t->seen_weight[j], n);
    }
    v->free    = cuda_pack_put(k, l->free, l->n_all);
    v->colour0 = cuda_pack_put(k, t->colour0, l->n_colour + 1);
    v->patch0  = cuda_pack_put(k, t->patch0, l->n_patch + 1);
    v->unknown = cuda_pack_put(k, t->unknown, l->patch0[l->n_patch]);
    v->factor0 = cuda_pack_put(k, t->factor0, l->n_patch);
}

static pdm_status plan_stage(pdm_cuda *cu, pdm_nest_plan *p, pdm_size i)
{
    pdm_status            status = PDM_OK;
    pdm_context          *ctx    = cu->base.ctx;
    const pdm_nest_level *l      = &p->levels.level[i];
    nest_stage           *g      = &p->stage[i];
    stage_tables          t      = {0};
    cuda_pack             pack   = {0};

    fill_level(p, i, &g->level);
    PDM_TRY(list_neighbours(ctx, &g->level, &t));
    PDM_TRY(list_patches(ctx, l, &t));
    for (int j = 0; j < AXES && l->axis; j++) {
        const bool is_there = j < p->levels.n_dim;
        g->axis[j]          = (nest_axis){.n_fine   = g->level.n_coef[j],
                                          .n_coarse = is_there ? (int32_t)l[1].n_coef[j] : 1,
                                          .width    = g->level.degree[j] + 1};
        PDM_TRY(list_axis(ctx, is_there ? l : NULL, j, &g->axis[j], &t));
    }
    put_tables(&pack, l, &t, g);
    PDM_TRY(cuda_pack_allocate(cu, &pack));
    put_tables(&pack, l, &t, g);
    PDM_TRY(cuda_pack_send(cu, &pack));
    g->tables   = pack.device;
    pack.device = NULL;
    g->n_patch  = l->n_patch;
    g->n_colour = l->n_colour;
    PDM_TRY(pdm_alloc_array(ctx, g->n_colour + 1, &g->colour0));
    for (pdm_size c = 0; c < g->n_colour; c++) {
        const pdm_size n  = t.colour0[c + 1] - t.colour0[c];
        g->colour0[c + 1] = t.colour0[c + 1];
        g->many           = n > g->many ? n : g->many;
    }
done:
    tables_destroy(ctx, &t);
    cuda_pack_destroy(cu, &pack);
    return status;
}

/* ---- create, destroy ---- */

static pdm_status plan_rows(pdm_cuda *cu, pdm_nest_plan *p)
{
    pdm_status           status  = PDM_OK;
    pdm_context         *ctx     = cu->base.ctx;
    const pdm_rows_desc *d       = p->levels.rows;
    pdm_size             n       = 1;
    int32_t             *element = NULL, *row0 = NULL, *row = NULL, *place = NULL;

    for (pdm_size j = 0; j < d->n_dim; j++) n *= d->n_element[j];
    PDM_TRY(pdm_alloc_array(ctx, d->n_row, &element));
    PDM_TRY(pdm_alloc_array(ctx, n + 1, &row0));
    PDM_TRY(pdm_alloc_array(ctx, d->n_row, &row));
    PDM_TRY(pdm_alloc_array(ctx, p->levels.width, &place));
    pdm_rows_elements(d, element);
    cuda_sort_by_key(n, d->n_row, element, row0, row);
    for (pdm_size k = 0; k < p->levels.width; k++) {
        pdm_size rest = k;
        for (pdm_size j = d->n_dim - 1; j >= 0; j--) {
            const pdm_size width = 2 * d->degree[j] + 1;
            place[k] |= (int32_t)(rest % width << (8 * j));
            rest /= width;
        }
    }
    PDM_TRY(cuda_upload(cu, row0, n + 1, &p->element_row0));
    PDM_TRY(cuda_upload(cu, row, d->n_row, &p->element_row));
    PDM_TRY(cuda_upload(cu, place, p->levels.width, &p->place));
done:
    pdm_free(ctx, element);
    pdm_free(ctx, row0);
    pdm_free(ctx, row);
    pdm_free(ctx, place);
    return status;
}

static bool drops_knots(const pdm_nest_level *l, pdm_size j)
{
    return l->n_element[j] != l[1].n_element[j];
}

/* Doubles of a sample that is part of the way to the next level: of two matrices one after the other. */
static pdm_size doubles_between(const pdm_nest_levels *all, const pdm_nest_level *l)
{
    pdm_size n = l->n_all * all->n_field * all->width, n_drop = 0, n_first = 0;

    for (pdm_size j = 0; j < all->n_dim; j++) {
        if (!drops_knots(l, j)) continue;
        n = n / l->n_coef[j] * l[1].n_coef[j];
        if (n_drop++ == 0) n_first = n;
    }
    return n_drop < 2 ? 0 : n_drop == 2 ? n_first : 2 * n_first;
}

static pdm_status plan_scratch(pdm_cuda *cu, pdm_nest_plan *p, pdm_size n_sample)
{
    pdm_status status = PDM_OK;

    for (pdm_size i = 0; i + 1 < p->levels.n_level; i++) {
        const pdm_size n = doubles_between(&p->levels, &p->levels.level[i]);
        p->between       = n > p->between ? n : p->between;
    }
    p->at_once = p->between == 0 ? n_sample : ROOM / (p->between * (pdm_size)sizeof(double));
    p->at_once = p->at_once < 1 ? 1 : p->at_once < n_sample ? p->at_once : n_sample;
    PDM_TRY(cuda_reserve(cu, (size_t)(p->at_once * p->between) * sizeof(double)));
    PDM_TRY(cuda_reserve(cu, (size_t)(n_sample * p->levels.level[0].n_all) * sizeof(double)));
done:
    return status;
}

pdm_status nest_create_cuda(pdm_backend *b, const pdm_rows_desc *rows, const pdm_nest_desc *desc, pdm_size n_sample,
                            pdm_nest_plan **out)
{
    CUDA_HERE(b);
    pdm_status     status = PDM_OK;
    pdm_cuda      *cu     = pdm_cuda_of(b);
    pdm_nest_plan *p      = NULL;

    for (pdm_size j = 0; j < rows->n_dim; j++)
        if (rows->degree[j] > DEGREE_MOST)
            PDM_FAIL(b->ctx, PDM_ERR_UNSUPPORTED, "degree %lld; %d at most is supported", (long long)rows->degree[j],
                     DEGREE_MOST);
    PDM_TRY(pdm_alloc(b->ctx, sizeof *p, &p));
    p->n_row = rows->n_row;
    PDM_TRY(pdm_nest_levels_create(b->ctx, rows, desc, &p->levels));
    PDM_TRY(plan_rows(cu, p));
    PDM_TRY(cuda_take(cu, n_sample * p->levels.n_value, &p->value));
    PDM_TRY(cuda_take(cu, n_sample, &p->failed));
    PDM_TRY(pdm_alloc_array(b->ctx, n_sample, &p->failed_host));
    PDM_TRY(pdm_alloc_array(b->ctx, p->levels.n_level, &p->stage));
    for (pdm_size i = 0; i < p->levels.n_level; i++) PDM_TRY(plan_stage(cu, p, i));
    PDM_TRY(plan_scratch(cu, p, n_sample));
    *out = p;
    p    = NULL;
done:
    nest_destroy_cuda(b, &p);
    return status;
}

void nest_destroy_cuda(pdm_backend *b, pdm_nest_plan **plan)
{
    CUDA_HERE(b);
    if (!plan || !*plan) return;
    cuda_settle(pdm_cuda_of(b));
    pdm_nest_plan *p = *plan;
    for (pdm_size i = 0; p->stage && i < p->levels.n_level; i++) {
        cuda_free(pdm_cuda_of(b), p->stage[i].tables);
        pdm_free(b->ctx, p->stage[i].colour0);
    }
    pdm_free(b->ctx, p->stage);
    cuda_free(pdm_cuda_of(b), p->place);
    cuda_free(pdm_cuda_of(b), p->element_row0);
    cuda_free(pdm_cuda_of(b), p->element_row);
    cuda_free(pdm_cuda_of(b), p->value);
    cuda_free(pdm_cuda_of(b), p->failed);
    pdm_free(b->ctx, p->failed_host);
    pdm_nest_levels_destroy(b->ctx, &p->levels);
    pdm_free(b->ctx, p);
    *plan = NULL;
}

/* ---- factors ---- */

/* H of level i + 1 from that of level i, for samples that there is scratch for: one dimension after the other. */
static pdm_status coarsen(pdm_cuda *cu, const pdm_nest_plan *p, pdm_size i, const int32_t *index, pdm_size n_listed)
{
    pdm_status            status = PDM_OK;
    const pdm_nest_level *l      = &p->levels.level[i];
    const nest_level     *v = &p->stage[i].level, *c = &p->stage[i + 1].level;
    double               *half = cu->scratch;
    nest_coarsen_args     args = {.index     = index,
                                  .n_listed  = n_listed,
                                  .n_field   = v->n_field,
                                  .width     = v->width,
                                  .n         = v->n,
                                  .place     = v->place,
                                  .in        = v->H,
                                  .in_stride = v->stride};
    pdm_size              last = p->levels.n_dim - 1;

    memcpy(args.n_coef, v->n_coef, sizeof args.n_coef);
    memcpy(args.degree, v->degree, sizeof args.degree);
    memcpy(args.periodic, v->periodic, sizeof args.periodic);
    while (!drops_knots(l, last)) last--;
    for (pdm_size j = 0; j <= last; j++) {
        if (!drops_knots(l, j)) continue;
        args.dim         = (int32_t)j;
        args.axis        = p->stage[i].axis[j];
        args.n           = args.n / v->n_coef[j] * c->n_coef[j];
        args.n_coef[j]   = c->n_coef[j];
        const pdm_size n = args.n_field * args.n * args.n_field * args.width;
        args.free        = j == last ? c->free : NULL;
        args.out         = j == last ? c->H : half;
        args.out_stride  = j == last ? c->stride : n;
        args.out_place   = j != last;
        PDM_TRY(cuda_launch(cu, nest_coarsen_kernel, cuda_grid_of(n, n_listed), &args));
        args.in        = args.out;
        half           = args.in == cu->scratch ? (double *)cu->scratch + p->at_once * p->between / 2 : cu->scratch;
        args.in_stride = args.out_stride;
        args.in_place  = true;
    }
done:
    return status;
}

/* Threads for patches of so many unknowns. */
static int threads_for(pdm_size most)
{
    const pdm_size n = (most * NEST_LANES + 31) / 32 * 32;
    return (int)(n < 32 ? 32 : n < THREADS_MOST ? n : THREADS_MOST);
}

static pdm_status factor(pdm_cuda *cu, const pdm_nest_plan *p, pdm_size i, pdm_batch s, const int32_t *index)
{
    pdm_status        status = PDM_OK;
    const nest_stage *g      = &p->stage[i];
    const size_t      most = (size_t)g->level.most, triangle = most * (most + 1) / 2 * sizeof(double);
    nest_factor_args  args = {
         .index = index, .n_listed = s.n, .level = g->level, .in_shared = triangle <= SHARED, .failed = p->failed};
    const cuda_grid grid = {g->n_patch, s.n, threads_for((pdm_size)most),
                            most * sizeof(double) + (args.in_shared ? triangle : 0)};

    PDM_TRY(cuda_launch(cu, nest_factor_kernel, grid, &args));
done:
    return status;
}

pdm_status nest_factor_cuda(pdm_backend *b, pdm_nest_plan *p, pdm_batch s, const double *shift, pdm_buffer *A,
                            int32_t *failed)
{
    CUDA_HERE(b);
    pdm_status             status = PDM_OK;
    pdm_cuda              *cu     = pdm_cuda_of(b);
    const pdm_nest_levels *all    = &p->levels;
    const pdm_size         n      = all->level[0].n_all * all->n_field * all->width;
    nest_square_args       args   = {.n_listed     = s.n,
                                     .n_row        = p->n_row,
                                     .n_local      = all->n_local,
                                     .level        = p->stage[0].level,
                                     .element_row0 = p->element_row0,
                                     .element_row  = p->element_row,
                                     .A            = cuda_data(A),
                                     .failed       = p->failed};

    PDM_TRY(cuda_post_list(cu, s, &args.index));
    PDM_TRY(cuda_post_listed(cu, s, shift, &args.shift));
    PDM_TRY(cuda_launch(cu, nest_square_kernel, cuda_grid_of(n, s.n), &args));
    for (pdm_size i = 0; i < all->n_level; i++) {
        for (pdm_size first = 0; first < s.n && i + 1 < all->n_level; first += p->at_once) {
            const pdm_size rest = s.n - first;
            PDM_TRY(coarsen(cu, p, i, args.index + first, rest < p->at_once ? rest : p->at_once));
        }
        PDM_TRY(factor(cu, p, i, s, args.index));
    }
    PDM_TRY(cuda_fetch(cu, p->failed, (size_t)s.n * sizeof *p->failed, p->failed_host));
    for (pdm_size k = 0; k < s.n; k++) failed[s.index[k]] = p->failed_host[k];
done:
    return status;
}

/* ---- the cycle ---- */

/* A level as nest_solve sees it: the finest one has the caller's vectors. */
static nest_level level_at(const pdm_nest_plan *p, pdm_size i, double *y, double *x)
{
    nest_level v = p->stage[i].level;
    if (i > 0) return v;
    v.y        = y;
    v.x        = x;
    v.y_stride = v.x_stride = p->levels.level[0].n_all;
    return v;
}

/* A sweep over all patches of a level. */
static pdm_status sweep(pdm_cuda *cu, const nest_stage *g, const nest_transfer_args *at, bool back)
{
    pdm_status      status = PDM_OK;
    nest_relax_args args   = {.index = at->index, .n_listed = at->n_listed, .level = at->fine, .back = back};
    cuda_grid       grid   = {1, at->n_listed, threads_for(at->fine.most), 2 * (size_t)at->fine.most * sizeof(double)};

    if (g->many <= FEW) {
        args.n_colour = (int32_t)g->n_colour;
        return cuda_launch(cu, nest_relax_kernel, grid, &args);
    }
    args.n_colour = 1;
    for (pdm_size k = 0; k < g->n_colour; k++) {
        const pdm_size colour = back ? g->n_colour - 1 - k : k;
        args.colour           = (int32_t)colour;
        grid.blocks_x         = g->colour0[colour + 1] - g->colour0[colour];
        PDM_TRY(cuda_launch(cu, nest_relax_kernel, grid, &args));
    }
done:
    return status;
}

pdm_status nest_solve_cuda(pdm_backend *b, pdm_nest_plan *p, pdm_batch s, pdm_buffer *y, pdm_buffer *x)
{
    CUDA_HERE(b);
    pdm_status         status = PDM_OK;
    pdm_cuda          *cu     = pdm_cuda_of(b);
    const pdm_size     last   = p->levels.n_level - 1;
    nest_transfer_args at     = {.n_listed = s.n, .residual = cu->scratch};

    PDM_TRY(cuda_post_list(cu, s, &at.index));
    for (pdm_size i = 0; i <= last; i++) {
        const pdm_nest_level *l = &p->levels.level[i];
        at.fine                 = level_at(p, i, cuda_data(y), cuda_data(x));
        if (i == 0) PDM_TRY(cuda_launch(cu, nest_zero_kernel, cuda_grid_of(l->n_all, s.n), &at));
        PDM_TRY(sweep(cu, &p->stage[i], &at, false));
        if (i == last) break;
        at.coarse = p->stage[i + 1].level;
        memcpy(at.axis, p->stage[i].axis, sizeof at.axis);
        PDM_TRY(cuda_launch(cu, nest_residual_kernel, cuda_grid_of(l->n_all * NEST_LANES, s.n), &at));
        PDM_TRY(cuda_launch(cu, nest_restrict_kernel, cuda_grid_of(l[1].n_all, s.n), &at));
    }
    if (p->stage[last].n_patch > 1) PDM_TRY(sweep(cu, &p->stage[last], &at, true));
    for (pdm_size i = last - 1; i >= 0; i--) {
        at.fine   = level_at(p, i, cuda_data(y), cuda_data(x));
        at.coarse = p->stage[i + 1].level;
        memcpy(at.axis, p->stage[i].axis, sizeof at.axis);
        PDM_TRY(cuda_launch(cu, nest_prolong_kernel, cuda_grid_of(p->levels.level[i].n_all, s.n), &at));
        PDM_TRY(sweep(cu, &p->stage[i], &at, true));
    }
done:
    return status;
}
