/* Normal matrices on the device: lists of identity columns and of coarse rows, what exists, launches. */
#include "backend/cuda/normal_impl.h"

enum { SCRATCH_MOST = 1 << 29 }; /* bytes; more samples come one part after the other */

/* ---- columns that are coefficients: a row of H from all elements that see its unknown ---- */

static pdm_status create_identity(pdm_cuda *cu, const normal_draft *t, pdm_normal_plan *p)
{
    pdm_status              status = PDM_OK;
    pdm_context            *ctx    = cu->base.ctx;
    const pdm_columns_desc *d      = t->columns;
    const pdm_size          n      = t->blocks->n_unknown;
    int32_t                *first = NULL, *seen0 = NULL, *used = NULL;
    normal_reference       *list = NULL, *seen = NULL;

    PDM_TRY(pdm_alloc_array(ctx, t->n_element + 1, &first));
    PDM_TRY(pdm_alloc_array(ctx, n + 1, &seen0));
    PDM_TRY(pdm_alloc_array(ctx, n, &used));
    for (int pass = 0; pass < 2; pass++) { /* counted, then listed */
        for (pdm_size e = 0; e < t->n_element; e++) {
            int32_t at = first[e];
            for (pdm_size f = 0; f < d->n_field; f++)
                for (pdm_size l = 0; l < t->n_local; l++) {
                    const pdm_size c = f * d->n_coef + t->element_coef[e * t->n_local + l];
                    for (pdm_size k = t->owners.first[c]; k < t->owners.first[c + 1]; k++, at++) {
                        const int32_t u     = (int32_t)(p->column0[t->owners.group[k]] + t->owners.place[k]);
                        const int32_t local = (int32_t)(f * t->n_local + l);
                        if (pass == 0) {
                            seen0[u + 1]++;
                            continue;
                        }
                        list[at]                   = (normal_reference){local, u};
                        seen[seen0[u] + used[u]++] = (normal_reference){local, (int32_t)e};
                    }
                }
            first[e + 1] = at;
        }
        if (pass == 1) break;
        for (pdm_size u = 0; u < n; u++) seen0[u + 1] += seen0[u];
        PDM_TRY(pdm_alloc_array(ctx, first[t->n_element], &list));
        PDM_TRY(pdm_alloc_array(ctx, seen0[n], &seen));
    }
    PDM_TRY(cuda_keep(cu, &p->owned, first, t->n_element + 1, &p->args.reference0));
    PDM_TRY(cuda_keep(cu, &p->owned, list, first[t->n_element], &p->args.reference));
    PDM_TRY(cuda_keep(cu, &p->owned, seen0, n + 1, &p->args.seen0));
    PDM_TRY(cuda_keep(cu, &p->owned, seen, seen0[n], &p->args.seen));
    PDM_TRY(cuda_keep(cu, &p->owned, t->block_of, n, &p->args.block_of));
    PDM_TRY(cuda_keep(cu, &p->owned, t->place_of, n, &p->args.place_of));
    PDM_TRY(cuda_keep(cu, &p->owned, t->row_element, t->rows->n_row, &p->args.row_element));
    PDM_TRY(cuda_keep(cu, &p->owned, t->element_row0, t->n_element + 1, &p->args.element_row0));
    PDM_TRY(cuda_keep(cu, &p->owned, t->element_row, t->rows->n_row, &p->args.element_row));
done:
    pdm_free(ctx, first);
    pdm_free(ctx, seen0);
    pdm_free(ctx, used);
    pdm_free(ctx, list);
    pdm_free(ctx, seen);
    return status;
}

/* ---- coarse rows ---- */

static void widen(int32_t *touched, int32_t first, int32_t end)
{
    if (first < touched[0]) touched[0] = first;
    if (end > touched[1]) touched[1] = end;
}

/* Which boxes the columns of a block touch, [n_level+1][n_block] of first, end: of level 1 from what elements see, of
 * others from their children. */
static void find_touched(const normal_draft *t, const pdm_normal_plan *p, int32_t *touched)
{
    const cpu_pyramid *y       = &t->pyramid;
    const pdm_size     n_block = t->blocks->n_block, n_field = t->columns->n_field;

    for (pdm_size i = 0; i < (y->n_level + 1) * n_block; i++) {
        touched[2 * i]     = INT32_MAX;
        touched[2 * i + 1] = 0;
    }
    for (pdm_size row = 0; row < t->rows->n_row; row++) {
        const int32_t box = y->parent[0][row], *coef = t->element_coef + t->row_element[row] * t->n_local;
        for (pdm_size i = 0; i < n_field * t->n_local && box >= 0; i++) {
            const pdm_size at = i / t->n_local * t->columns->n_coef + coef[i % t->n_local];
            for (pdm_size k = t->owners.first[at]; k < t->owners.first[at + 1]; k++) {
                const int32_t  group = t->owners.group[k];
                const pdm_size u     = p->column0[group] + (p->kind == PDM_COLUMNS_IDENTITY ? t->owners.place[k] : 0);
                if (p->column0[group + 1] > p->column0[group])
                    widen(touched + 2 * (n_block + t->block_of[u]), box, box + 1);
            }
        }
    }
    for (pdm_size l = 1; l < y->n_level; l++)
        for (pdm_size j = 0; j < n_block; j++) {
            const int32_t *below = touched + 2 * (l * n_block + j);
            for (int32_t i = below[0]; i < below[1]; i++)
                if (y->parent[l][i] >= 0)
                    widen(touched + 2 * ((l + 1) * n_block + j), y->parent[l][i], y->parent[l][i] + 1);
        }
}

static pdm_size list_block_tiles(const pdm_blocks_desc *d, normal_block_tile *tile)
{
    pdm_size n = 0;

    for (int32_t j = 0; j < d->n_block; j++)
        for (int32_t k = d->start[j]; k < d->start[j + 1]; k++)
            for (int32_t row = 0; row < d->size[d->row[k]]; row += NORMAL_TILE)
                for (int32_t column = 0; column < d->size[j]; column += NORMAL_TILE) {
                    if (d->row[k] == j && column > row) break;
                    if (tile) tile[n] = (normal_block_tile){k, d->row[k], j, row, column};
                    n++;
                }
    return n;
}

static pdm_status create_coarse(pdm_cuda *cu, const normal_draft *t, pdm_normal_plan *p)
{
    pdm_status         status  = PDM_OK;
    pdm_context       *ctx     = cu->base.ctx;
    normal_args       *k       = &p->args;
    const pdm_size     n       = 2 * (t->pyramid.n_level + 1) * t->blocks->n_block;
    int32_t           *touched = NULL;
    normal_block_tile *tile    = NULL;

    PDM_TRY(cuda_pyramid_create(cu, t->rows, 0, &p->pyramid));
    if (p->pyramid.n_level == 0) return PDM_OK;
    k->child0  = p->pyramid.child0;
    k->child   = p->pyramid.child;
    k->unscale = p->pyramid.unscale;
    k->own     = p->pyramid.own;
    k->scale   = p->pyramid.scale;
    k->n_box   = p->pyramid.n_box;
    k->n_level = p->pyramid.n_level;
    for (pdm_size l = 0; l <= p->pyramid.n_level + 1; l++) k->level0[l] = p->pyramid.box0[l];
    PDM_TRY(pdm_alloc_array(ctx, n, &touched));
    find_touched(t, p, touched);
    PDM_TRY(cuda_keep(cu, &p->owned, touched, n, &k->touched));
    p->n_block_tile = list_block_tiles(t->blocks, NULL);
    PDM_TRY(pdm_alloc_array(ctx, p->n_block_tile, &tile));
    (void)list_block_tiles(t->blocks, tile);
    PDM_TRY(cuda_keep(cu, &p->owned, tile, p->n_block_tile, &k->block_tile));
done:
    pdm_free(ctx, touched);
    pdm_free(ctx, tile);
    return status;
}

/* ---- what exists ---- */

/* Numbers of one sample, into exists [sizes]; n_on [n_group] NULL: all. */
static void find_existing(const pdm_normal_plan *p, const int32_t *n_on, int32_t *exists)
{
    const normal_args *k     = &p->args;
    int32_t           *group = exists + k->group_at, *place = exists + k->place_at, *packed0 = exists + k->packed_at;

    for (pdm_size g = 0; g < k->n_group; g++)
        group[g + 1] = group[g] + (n_on ? n_on[g] : (int32_t)(p->column0[g + 1] - p->column0[g]));
    for (pdm_size j = 0; j < k->n_block; j++) exists[j] = 0;
    for (pdm_size i = 0; i < p->n_packed; i++) {
        const int32_t e = p->packed_expert[i], block = p->expert_block[e];
        place[e] = exists[block];
        exists[block] += group[(e + 1) * k->n_field] - group[e * k->n_field];
    }
    for (pdm_size j = 0; j < k->n_block; j++) packed0[j + 1] = packed0[j] + exists[j];
}

static pdm_status follow_selection(pdm_cuda *cu, pdm_normal_plan *p, const pdm_columns_plan *columns)
{
    pdm_status status = PDM_OK;

    if (p->kind != PDM_COLUMNS_DENSE || p->selection == columns->selection) return PDM_OK;
    for (pdm_size i = 0; i < p->n_sample; i++)
        find_existing(p, columns->n_on.host + i * p->args.n_group, p->exists.host + i * p->args.sizes);
    PDM_TRY(cuda_table_send_all(cu, &p->exists));
    p->selection = columns->selection;
done:
    return status;
}

/* Experts in packed order, and the table of what exists. */
static pdm_status create_existing(pdm_cuda *cu, const normal_draft *t, pdm_normal_plan *p)
{
    pdm_status              status = PDM_OK;
    pdm_context            *ctx    = cu->base.ctx;
    const pdm_columns_desc *d      = t->columns;
    const pdm_blocks_desc  *blocks = t->blocks;
    normal_args            *k      = &p->args;
    int32_t                *at     = NULL;

    PDM_TRY(pdm_alloc_array(ctx, t->n_group + 1, &p->column0));
    for (pdm_size g = 0; g < t->n_group; g++) p->column0[g + 1] = p->column0[g] + d->group[g].n_col;
    k->packed_at = blocks->n_block;
    k->place_at  = k->packed_at + blocks->n_block + 1;
    k->group_at  = k->place_at + d->n_expert;
    k->sizes     = k->group_at + t->n_group + 1;
    if (d->kind == PDM_COLUMNS_IDENTITY) {
        PDM_TRY(cuda_table_create(cu, 1, k->sizes, &p->exists));
        for (pdm_size j = 0; j < blocks->n_block; j++) {
            p->exists.host[j]                    = blocks->size[j];
            p->exists.host[k->packed_at + j + 1] = p->exists.host[k->packed_at + j] + blocks->size[j];
        }
        k->sizes = 0; /* the same for all samples */
    } else {
        PDM_TRY(pdm_alloc_array(ctx, d->n_expert, &p->packed_expert));
        PDM_TRY(pdm_alloc_array(ctx, d->n_expert, &p->expert_block));
        PDM_TRY(pdm_alloc_array(ctx, blocks->n_unknown, &at)); /* 1 + expert whose first unknown it is */
        for (pdm_size e = 0; e < d->n_expert; e++) {
            const pdm_size first = p->column0[e * d->n_field];
            p->expert_block[e]   = -1;
            if (p->column0[(e + 1) * d->n_field] == first) continue;
            at[first]          = (int32_t)e + 1;
            p->expert_block[e] = t->block_of[first];
        }
        for (pdm_size i = 0; i < blocks->n_unknown; i++)
            if (at[blocks->order[i]] > 0) p->packed_expert[p->n_packed++] = at[blocks->order[i]] - 1;
        PDM_TRY(cuda_table_create(cu, p->n_sample, k->sizes, &p->exists));
        for (pdm_size i = 0; i < p->n_sample; i++) find_existing(p, NULL, p->exists.host + i * k->sizes);
    }
    k->exists = p->exists.device;
    PDM_TRY(cuda_table_send_all(cu, &p->exists));
done:
    pdm_free(ctx, at);
    return status;
}

/* ---- life ---- */

/* Scratch of a sample, in doubles: J_e [rows that see e][columns of e] of all experts, a row being seen by 2^n_dim of
 * them at most where the partition is hard; a tile of products for every slice; sums over boxes for every unknown. */
static pdm_size scratch_doubles(const pdm_normal_plan *p)
{
    return p->args.j_size + p->n_slice * NORMAL_THREADS + p->args.n_box * p->args.n_unknown;
}

static pdm_status create_scratch(pdm_cuda *cu, pdm_normal_plan *p)
{
    const pdm_size n = scratch_doubles(p);

    p->n_part = SCRATCH_MOST / (n * (pdm_size)sizeof(double) + 1);
    if (p->n_part < 1) p->n_part = 1;
    if (p->n_part > p->n_sample) p->n_part = p->n_sample;
    return cuda_reserve(cu, (size_t)(p->n_part * n) * sizeof(double));
}

static void fill_args(const normal_draft *t, pdm_normal_plan *p)
{
    normal_args *k = &p->args;

    k->n_row     = t->rows->n_row;
    k->row_size  = pdm_rows_n_seen(t->rows) * t->n_local;
    k->n_field   = t->columns->n_field;
    k->n_group   = t->n_group;
    k->n_block   = t->blocks->n_block;
    k->n_unknown = t->blocks->n_unknown;
    k->n_value   = t->blocks->n_value;
}

pdm_status normal_create_cuda(pdm_backend *b, const pdm_rows_desc *rows, const pdm_columns_desc *columns,
                              const pdm_blocks_desc *blocks, pdm_size n_sample, pdm_normal_plan **out)
{
    CUDA_HERE(b);
    pdm_status       status  = PDM_OK;
    pdm_cuda        *cu      = pdm_cuda_of(b);
    pdm_normal_plan *p       = NULL;
    const pdm_size   n_entry = blocks->start[blocks->n_block];
    normal_draft     t       = {0};

    PDM_TRY(pdm_alloc(b->ctx, sizeof *p, &p));
    p->kind     = columns->kind;
    p->n_sample = n_sample;
    p->n_expert = columns->n_expert;
    PDM_TRY(normal_draft_create(b->ctx, rows, columns, blocks, &t));
    fill_args(&t, p);
    PDM_TRY(create_existing(cu, &t, p));
    PDM_TRY(cuda_keep(cu, &p->owned, blocks->start, blocks->n_block + 1, &p->args.start));
    PDM_TRY(cuda_keep(cu, &p->owned, blocks->row, n_entry, &p->args.block_row));
    PDM_TRY(cuda_keep(cu, &p->owned, blocks->offset, n_entry, &p->args.offset));
    if (columns->kind == PDM_COLUMNS_DENSE)
        PDM_TRY(normal_dense_create(cu, &t, p));
    else
        PDM_TRY(create_identity(cu, &t, p));
    PDM_TRY(create_coarse(cu, &t, p));
    PDM_TRY(create_scratch(cu, p));
    *out = p;
    p    = NULL;
done:
    normal_draft_destroy(b->ctx, &t);
    normal_destroy_cuda(b, &p);
    return status;
}

void normal_destroy_cuda(pdm_backend *b, pdm_normal_plan **plan)
{
    CUDA_HERE(b);
    if (!plan || !*plan) return;
    cuda_settle(pdm_cuda_of(b));
    pdm_cuda        *cu = pdm_cuda_of(b);
    pdm_normal_plan *p  = *plan;
    cuda_owned_destroy(cu, &p->owned);
    cuda_pyramid_destroy(cu, &p->pyramid);
    cuda_table_destroy(cu, &p->exists);
    pdm_free(b->ctx, p->column0);
    pdm_free(b->ctx, p->packed_expert);
    pdm_free(b->ctx, p->expert_block);
    pdm_free(b->ctx, p);
    *plan = NULL;
}

/* ---- launches ---- */

static cuda_grid a_block_each(pdm_size n, pdm_size n_sample, int threads)
{
    return (cuda_grid){.blocks_x = n, .blocks_y = n_sample, .threads = threads};
}

static pdm_status assemble_coarse(pdm_cuda *cu, const pdm_normal_plan *p, normal_args *args)
{
    pdm_status     status = PDM_OK;
    const pdm_size n      = args->n_listed;

    PDM_TRY(cuda_launch(cu, normal_clear_sums_kernel, cuda_grid_of(args->n_box * args->n_unknown, n), args));
    if (p->kind == PDM_COLUMNS_DENSE)
        PDM_TRY(cuda_launch(cu, normal_sums_kernel, a_block_each(p->n_run, n, 32), args));
    else
        PDM_TRY(cuda_launch(cu, normal_identity_sums_kernel, a_block_each(args->level0[2], n, NORMAL_THREADS), args));
    for (pdm_size l = 2; l <= args->n_level; l++) {
        args->box0    = args->level0[l];
        args->n_boxes = args->level0[l + 1] - args->box0;
        PDM_TRY(cuda_launch(cu, normal_sums_up_kernel, cuda_grid_of(args->n_boxes * args->n_unknown, n), args));
    }
    PDM_TRY(cuda_launch(cu, normal_coarse_kernel, a_block_each(p->n_block_tile, n, NORMAL_THREADS), args));
done:
    return status;
}

/* Launches: 4, of identity columns 2; and with coarse rows 2 + their levels. For every part of the samples. */
static pdm_status assemble_part(pdm_cuda *cu, const pdm_normal_plan *p, pdm_batch s, normal_args args)
{
    pdm_status status = PDM_OK;

    args.n_listed = s.n;
    args.J        = cu->scratch;
    args.partial  = args.J + s.n * args.j_size;
    args.S        = args.partial + s.n * p->n_slice * NORMAL_THREADS;
    PDM_TRY(cuda_post_list(cu, s, &args.index));
    PDM_TRY(cuda_launch(cu, normal_clear_kernel, cuda_grid_of(args.n_value, s.n), &args));
    if (p->kind == PDM_COLUMNS_DENSE) {
        PDM_TRY(cuda_launch(cu, normal_rows_kernel, a_block_each(p->n_job, s.n, PDM_CUDA_THREADS), &args));
        PDM_TRY(cuda_launch(cu, normal_products_kernel, a_block_each(p->n_slice, s.n, NORMAL_THREADS), &args));
        PDM_TRY(cuda_launch(cu, normal_gather_kernel, a_block_each(p->n_tile, s.n, NORMAL_THREADS), &args));
    } else {
        PDM_TRY(cuda_launch(cu, normal_identity_kernel, a_block_each(args.n_unknown, s.n, PDM_CUDA_THREADS), &args));
    }
    if (args.n_level > 0) PDM_TRY(assemble_coarse(cu, p, &args));
done:
    return status;
}

pdm_status normal_assemble_cuda(pdm_backend *b, pdm_normal_plan *plan, pdm_batch s, pdm_columns_plan *columns,
                                pdm_buffer *A, pdm_buffer *H)
{
    CUDA_HERE(b);
    pdm_status  status = PDM_OK;
    pdm_cuda   *cu     = pdm_cuda_of(b);
    normal_args args   = plan->args;

    args.A              = cuda_data(A);
    args.H              = cuda_data(H);
    args.group          = columns->args.group;
    args.C              = columns->args.C;
    args.n_column_value = columns->args.n_value;
    PDM_TRY(follow_selection(cu, plan, columns));
    for (pdm_size i = 0; i < s.n; i += plan->n_part) {
        const pdm_size n = s.n - i < plan->n_part ? s.n - i : plan->n_part;
        PDM_TRY(assemble_part(cu, plan, (pdm_batch){n, s.index + i}, args));
    }
done:
    return status;
}
