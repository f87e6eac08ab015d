/* Block-sparse Cholesky on the device: the order of work, launches, large blocks. */
#include "backend/cuda/blocks_impl.h"

#include <string.h>

/* ---- create ---- */

/* Lists on the host, for the device. */
typedef struct blocks_draft {
    int32_t       *block_of, *left0, *source0, *used;
    blocks_left   *left;
    blocks_source *source;
    int32_t       *level; /* [n_block] */
    blocks_tile   *subtract, *divide;
    int32_t       *column;
} blocks_draft;

static pdm_status copy_desc(pdm_context *ctx, const pdm_blocks_desc *d, pdm_blocks_plan *p)
{
    pdm_status     status = PDM_OK;
    const pdm_size n      = d->start[d->n_block];

    PDM_TRY(pdm_alloc_array(ctx, d->n_block + 1, &p->start));
    PDM_TRY(pdm_alloc_array(ctx, n, &p->row));
    PDM_TRY(pdm_alloc_array(ctx, n, &p->offset));
    PDM_TRY(pdm_alloc_array(ctx, d->n_unknown, &p->order));
    PDM_TRY(pdm_alloc_array(ctx, d->n_block + 1, &p->packed0));
    memcpy(p->start, d->start, (size_t)(d->n_block + 1) * sizeof *p->start);
    memcpy(p->row, d->row, (size_t)n * sizeof *p->row);
    memcpy(p->offset, d->offset, (size_t)n * sizeof *p->offset);
    memcpy(p->order, d->order, (size_t)d->n_unknown * sizeof *p->order);
    for (pdm_size j = 0; j < d->n_block; j++) p->packed0[j + 1] = p->packed0[j] + d->size[j];
done:
    return status;
}

/* Blocks left of the diagonal ones, and the levels of block columns that they make. */
static pdm_status draft_left(pdm_context *ctx, const pdm_blocks_desc *d, blocks_draft *t, pdm_size *n_level)
{
    pdm_status status = PDM_OK;

    PDM_TRY(pdm_alloc_array(ctx, d->n_unknown, &t->block_of));
    PDM_TRY(pdm_alloc_array(ctx, d->n_block + 1, &t->left0));
    PDM_TRY(pdm_alloc_array(ctx, d->n_block, &t->used));
    PDM_TRY(pdm_alloc_array(ctx, d->n_block, &t->level));
    PDM_TRY(pdm_alloc_array(ctx, d->start[d->n_block], &t->left));
    for (pdm_size j = 0, u = 0; j < d->n_block; j++)
        for (pdm_size i = 0; i < d->size[j]; i++) t->block_of[d->order[u++]] = (int32_t)j;
    for (pdm_size k = 0; k < d->n_block; k++)
        for (int32_t at = d->start[k] + 1; at < d->start[k + 1]; at++) t->left0[d->row[at] + 1]++;
    for (pdm_size j = 0; j < d->n_block; j++) t->left0[j + 1] += t->left0[j];
    for (pdm_size k = 0; k < d->n_block; k++) {
        for (int32_t at = t->left0[k]; at < t->left0[k + 1]; at++) {
            const int32_t below = t->level[t->left[at].k] + 1;
            if (below > t->level[k]) t->level[k] = below;
        }
        if (t->level[k] >= *n_level) *n_level = t->level[k] + 1;
        for (int32_t at = d->start[k] + 1; at < d->start[k + 1]; at++)
            t->left[t->left0[d->row[at]] + t->used[d->row[at]]++] = (blocks_left){at, (int32_t)k};
    }
done:
    return status;
}

/* Entry of block (i, j); it is in the pattern. */
static int32_t find_entry(const pdm_blocks_desc *d, int32_t i, int32_t j)
{
    int32_t low = d->start[j], high = d->start[j + 1] - 1;
    while (low < high) {
        const int32_t middle = (low + high) / 2;
        if (d->row[middle] < i)
            low = middle + 1;
        else
            high = middle;
    }
    PDM_ASSERT(d->row[low] == i);
    return low;
}

/* Every pair of blocks in a column is a source of the block that their rows meet in. */
static pdm_status draft_sources(pdm_context *ctx, const pdm_blocks_desc *d, blocks_draft *t)
{
    pdm_status     status  = PDM_OK;
    const pdm_size n_entry = d->start[d->n_block];
    int32_t       *used    = NULL;

    PDM_TRY(pdm_alloc_array(ctx, n_entry + 1, &t->source0));
    PDM_TRY(pdm_alloc_array(ctx, n_entry, &used));
    for (pdm_size k = 0; k < d->n_block; k++)
        for (int32_t i = d->start[k] + 1; i < d->start[k + 1]; i++)
            for (int32_t j = d->start[k] + 1; j <= i; j++) t->source0[find_entry(d, d->row[i], d->row[j]) + 1]++;
    for (pdm_size i = 0; i < n_entry; i++) t->source0[i + 1] += t->source0[i];
    PDM_TRY(pdm_alloc_array(ctx, t->source0[n_entry], &t->source));
    for (pdm_size k = 0; k < d->n_block; k++)
        for (int32_t i = d->start[k] + 1; i < d->start[k + 1]; i++)
            for (int32_t j = d->start[k] + 1; j <= i; j++) {
                const int32_t entry                          = find_entry(d, d->row[i], d->row[j]);
                t->source[t->source0[entry] + used[entry]++] = (blocks_source){i, j, (int32_t)k};
            }
done:
    pdm_free(ctx, used);
    return status;
}

/* Tiles of the block at `entry` of column j, rows only where columns are not split up; counted where tile is NULL. */
static pdm_size add_tiles(const pdm_blocks_desc *d, int32_t entry, int32_t j, bool split, blocks_tile *tile)
{
    const int32_t i = d->row[entry];
    pdm_size      n = 0;
    for (int32_t row = 0; row < d->size[i]; row += BLOCKS_TILE)
        for (int32_t column = 0; column < (split ? d->size[j] : 1); column += BLOCKS_TILE) {
            if (split && i == j && column > row) break;
            if (tile) tile[n] = (blocks_tile){entry, i, j, row, column};
            n++;
        }
    return n;
}

/* The work of one level, into the lists, or counted where they are NULL. */
static void draft_level(const pdm_blocks_desc *d, const blocks_draft *t, pdm_blocks_plan *p, int32_t level,
                        blocks_level *at)
{
    for (int32_t j = 0; j < d->n_block; j++) {
        if (t->level[j] != level || d->size[j] == 0) continue;
        const bool ours = d->size[j] <= BLOCKS_OWN;
        for (int32_t k = d->start[j]; k < d->start[j + 1]; k++) {
            if (t->source0[k + 1] > t->source0[k])
                at->n_subtract +=
                    add_tiles(d, k, j, true, t->subtract ? t->subtract + at->subtract0 + at->n_subtract : NULL);
            if (ours && k > d->start[j])
                at->n_divide += add_tiles(d, k, j, false, t->divide ? t->divide + at->divide0 + at->n_divide : NULL);
        }
        if (ours && t->column) t->column[at->column0 + at->n_column] = j;
        if (!ours && p->large) p->large[at->large0 + at->n_large] = j;
        at->n_column += ours;
        at->n_large += !ours;
        if (ours && d->size[j] > at->widest) at->widest = d->size[j];
    }
}

static pdm_status draft_levels(pdm_context *ctx, const pdm_blocks_desc *d, blocks_draft *t, pdm_blocks_plan *p,
                               blocks_level *total)
{
    pdm_status status = PDM_OK;

    PDM_TRY(pdm_alloc_array(ctx, p->n_level, &p->level));
    for (pdm_size l = 0; l < p->n_level; l++) {
        blocks_level *k = &p->level[l];
        *k              = (blocks_level){.subtract0 = total->n_subtract,
                                         .column0   = total->n_column,
                                         .divide0   = total->n_divide,
                                         .large0    = total->n_large};
        draft_level(d, t, p, (int32_t)l, k);
        total->n_subtract += k->n_subtract;
        total->n_column += k->n_column;
        total->n_divide += k->n_divide;
        total->n_large += k->n_large;
    }
    PDM_TRY(pdm_alloc_array(ctx, total->n_subtract, &t->subtract));
    PDM_TRY(pdm_alloc_array(ctx, total->n_divide, &t->divide));
    PDM_TRY(pdm_alloc_array(ctx, total->n_column, &t->column));
    PDM_TRY(pdm_alloc_array(ctx, total->n_large, &p->large));
    for (pdm_size l = 0; l < p->n_level; l++) {
        blocks_level *k = &p->level[l];
        k->n_subtract = k->n_column = k->n_divide = k->n_large = 0;
        draft_level(d, t, p, (int32_t)l, k);
    }
done:
    return status;
}

static pdm_status upload(pdm_cuda *cu, const pdm_blocks_desc *d, const blocks_draft *t, const blocks_level *total,
                         pdm_blocks_plan *p)
{
    pdm_status     status  = PDM_OK;
    blocks_args   *k       = &p->args;
    cuda_owned    *o       = &p->owned;
    const pdm_size n_entry = d->start[d->n_block];
    const int64_t *offset  = NULL;

    PDM_TRY(cuda_keep(cu, o, d->start, d->n_block + 1, &k->start));
    PDM_TRY(cuda_keep(cu, o, d->row, n_entry, &k->row));
    PDM_TRY(cuda_keep(cu, o, d->offset, n_entry, &offset));
    k->offset = offset;
    PDM_TRY(cuda_keep(cu, o, p->packed0, d->n_block + 1, &k->packed0));
    PDM_TRY(cuda_keep(cu, o, t->block_of, d->n_unknown, &k->block_of));
    PDM_TRY(cuda_keep(cu, o, t->source0, n_entry + 1, &k->source0));
    PDM_TRY(cuda_keep(cu, o, t->source, t->source0[n_entry], &k->source));
    PDM_TRY(cuda_keep(cu, o, t->left0, d->n_block + 1, &k->left0));
    PDM_TRY(cuda_keep(cu, o, t->left, t->left0[d->n_block], &k->left));
    PDM_TRY(cuda_keep(cu, o, t->subtract, total->n_subtract, &p->subtract));
    PDM_TRY(cuda_keep(cu, o, t->divide, total->n_divide, &p->divide));
    PDM_TRY(cuda_keep(cu, o, t->column, total->n_column, &p->column));
done:
    return status;
}

/* Numbers of scratch: least, failed, info, cuSOLVER's work; or the unknowns of a solve. */
static size_t scratch_doubles(const pdm_blocks_plan *p)
{
    const size_t factor = (size_t)(2 * p->n_sample + 1 + p->n_work), solve = (size_t)(p->n_sample * p->args.n_unknown);
    return factor > solve ? factor : solve;
}

static pdm_status create_large(pdm_cuda *cu, const pdm_blocks_desc *d, pdm_blocks_plan *p)
{
    pdm_status status = PDM_OK;

    PDM_TRY(cuda_reserve(cu, sizeof(double)));
    for (pdm_size j = 0; j < d->n_block; j++) {
        int n = 0;
        if (d->size[j] <= BLOCKS_OWN) continue;
        CUSOLVER_TRY(cu, cusolverDnDpotrf_bufferSize(cu->solver, CUBLAS_FILL_MODE_UPPER, d->size[j], cu->scratch,
                                                     d->size[j], &n));
        if (n > p->n_work) p->n_work = n;
    }
done:
    return status;
}

/* ---- what exists ---- */

/* on [n_unknown]; NULL: all */
static void choose(pdm_blocks_plan *p, pdm_size sample, const unsigned char *on)
{
    const pdm_size n_block = p->args.n_block;
    int32_t       *at      = p->at.host + sample * p->args.n_unknown;

    for (pdm_size j = 0; j < n_block; j++) {
        int32_t n = 0;
        for (int32_t k = p->packed0[j]; k < p->packed0[j + 1]; k++) {
            const bool exists = !on || on[p->order[k]];
            at[p->order[k]]   = exists ? p->packed0[j] + n : -1;
            n += exists;
        }
        p->size.host[sample * n_block + j] = n;
    }
}

pdm_status blocks_select_cuda(pdm_backend *b, pdm_blocks_plan *plan, pdm_batch s, const unsigned char *on)
{
    CUDA_HERE(b);
    pdm_status status = PDM_OK;
    pdm_cuda  *cu     = pdm_cuda_of(b);

    for (pdm_size i = 0; i < s.n; i++) choose(plan, s.index[i], on ? on + s.index[i] * plan->args.n_unknown : NULL);
    PDM_TRY(cuda_table_send(cu, &plan->size, s));
    PDM_TRY(cuda_table_send(cu, &plan->at, s));
done:
    return status;
}

/* ---- life ---- */

pdm_status blocks_create_cuda(pdm_backend *b, const pdm_blocks_desc *desc, pdm_size n_sample, pdm_blocks_plan **out)
{
    CUDA_HERE(b);
    pdm_status       status = PDM_OK;
    pdm_cuda        *cu     = pdm_cuda_of(b);
    pdm_context     *ctx    = b->ctx;
    pdm_blocks_plan *p      = NULL;
    blocks_draft     t      = {0};
    blocks_level     total  = {0};

    PDM_TRY(pdm_alloc(ctx, sizeof *p, &p));
    p->n_sample       = n_sample;
    p->args.n_block   = desc->n_block;
    p->args.n_unknown = desc->n_unknown;
    p->args.n_value   = desc->n_value;
    PDM_TRY(copy_desc(ctx, desc, p));
    PDM_TRY(draft_left(ctx, desc, &t, &p->n_level));
    PDM_TRY(draft_sources(ctx, desc, &t));
    PDM_TRY(draft_levels(ctx, desc, &t, p, &total));
    PDM_TRY(upload(cu, desc, &t, &total, p));
    PDM_TRY(create_large(cu, desc, p));
    PDM_TRY(cuda_table_create(cu, n_sample, desc->n_block, &p->size));
    PDM_TRY(cuda_table_create(cu, n_sample, desc->n_unknown, &p->at));
    p->args.size = p->size.device;
    p->args.at   = p->at.device;
    for (pdm_size i = 0; i < n_sample; i++) choose(p, i, NULL);
    PDM_TRY(cuda_table_send_all(cu, &p->size));
    PDM_TRY(cuda_table_send_all(cu, &p->at));
    PDM_TRY(pdm_alloc_array(ctx, n_sample, &p->failed));
    PDM_TRY(cuda_reserve(cu, scratch_doubles(p) * sizeof(double)));
    PDM_TRY(worth_create(cu, desc, p));
    *out = p;
    p    = NULL;
done:
    pdm_free(ctx, t.block_of);
    pdm_free(ctx, t.left0);
    pdm_free(ctx, t.left);
    pdm_free(ctx, t.source0);
    pdm_free(ctx, t.source);
    pdm_free(ctx, t.used);
    pdm_free(ctx, t.level);
    pdm_free(ctx, t.subtract);
    pdm_free(ctx, t.divide);
    pdm_free(ctx, t.column);
    blocks_destroy_cuda(b, &p);
    return status;
}

void blocks_destroy_cuda(pdm_backend *b, pdm_blocks_plan **plan)
{
    CUDA_HERE(b);
    if (!plan || !*plan) return;
    cuda_settle(pdm_cuda_of(b));
    pdm_cuda        *cu = pdm_cuda_of(b);
    pdm_blocks_plan *p  = *plan;
    worth_destroy(cu, p);
    cuda_owned_destroy(cu, &p->owned);
    cuda_table_destroy(cu, &p->size);
    cuda_table_destroy(cu, &p->at);
    pdm_free(b->ctx, p->start);
    pdm_free(b->ctx, p->row);
    pdm_free(b->ctx, p->offset);
    pdm_free(b->ctx, p->order);
    pdm_free(b->ctx, p->packed0);
    pdm_free(b->ctx, p->large);
    pdm_free(b->ctx, p->level);
    pdm_free(b->ctx, p->failed);
    pdm_free(b->ctx, p);
    *plan = NULL;
}

/* ---- launches ---- */

static cuda_grid a_block_each(pdm_size n, pdm_size n_sample)
{
    return (cuda_grid){.blocks_x = n, .blocks_y = n_sample, .threads = BLOCKS_THREADS};
}

/* Block column j of one sample, place i of the list, by the libraries. Their matrices are column-major, so ours are the
 * transposed: L_jj is an upper triangle U with H_jj = U^T U, and L_aj^T = U^-T H_aj^T. */
static pdm_status factor_large(pdm_cuda *cu, const pdm_blocks_plan *p, const blocks_args *args, pdm_size sample,
                               pdm_size i, int32_t j, double *work)
{
    pdm_status     status = PDM_OK;
    const int32_t *size   = p->size.host + sample * args->n_block;
    double        *L = args->L + sample * args->n_value, *diagonal = L + p->offset[p->start[j]];
    const double   one = 1.0;

    if (size[j] == 0) return PDM_OK;
    CUSOLVER_TRY(cu, cusolverDnDpotrf(cu->solver, CUBLAS_FILL_MODE_UPPER, size[j], diagonal, size[j], work, p->n_work,
                                      args->info + i));
    for (int32_t a = p->start[j] + 1; a < p->start[j + 1]; a++)
        if (size[p->row[a]] > 0)
            CUBLAS_TRY(cu, cublasDtrsm(cu->blas, CUBLAS_SIDE_LEFT, CUBLAS_FILL_MODE_UPPER, CUBLAS_OP_T,
                                       CUBLAS_DIAG_NON_UNIT, size[j], size[p->row[a]], &one, diagonal, size[j],
                                       L + p->offset[a], size[j]));
done:
    return status;
}

/* Block columns of a level that are too large for our kernel. */
static pdm_status factor_large_columns(pdm_cuda *cu, const pdm_blocks_plan *p, pdm_batch s, const blocks_level *k,
                                       blocks_args args, double *work)
{
    pdm_status status = PDM_OK;

    for (pdm_size l = 0; l < k->n_large; l++) {
        args.j = p->large[k->large0 + l];
        for (pdm_size i = 0; i < s.n; i++) PDM_TRY(factor_large(cu, p, &args, s.index[i], i, (int32_t)args.j, work));
        PDM_TRY(cuda_launch(cu, blocks_judge_kernel, a_block_each(1, s.n), &args));
    }
done:
    return status;
}

static pdm_status factor_level(pdm_cuda *cu, const pdm_blocks_plan *p, pdm_batch s, const blocks_level *k,
                               blocks_args args, double *work)
{
    pdm_status   status   = PDM_OK;
    cuda_grid    diagonal = a_block_each(k->n_column, s.n), divide = a_block_each(k->n_divide, s.n);
    const size_t triangle = (size_t)(k->widest * (k->widest + 1) / 2);

    diagonal.shared = triangle * sizeof(double);
    divide.shared   = (triangle + (size_t)(BLOCKS_TILE * k->widest)) * sizeof(double);
    args.tile       = p->subtract + k->subtract0;
    PDM_TRY(cuda_launch(cu, blocks_subtract_kernel, a_block_each(k->n_subtract, s.n), &args));
    args.column = p->column + k->column0;
    PDM_TRY(cuda_launch(cu, blocks_potrf_kernel, diagonal, &args));
    args.tile = p->divide + k->divide0;
    PDM_TRY(cuda_launch(cu, blocks_divide_kernel, divide, &args));
    PDM_TRY(factor_large_columns(cu, p, s, k, args, work));
done:
    return status;
}

/* 3 launches and 3 a level, less what a level has not; for block columns above BLOCKS_OWN one each, and a call of
 * cuSOLVER, and of cuBLAS for every block below, a sample. A sample that failed goes on with what it has: its matrix is
 * undefined, and others have their own. */
pdm_status blocks_factor_cuda(pdm_backend *b, pdm_blocks_plan *plan, pdm_batch s, const double *shift, double ridge,
                              pdm_buffer *ridges, pdm_buffer *H, pdm_buffer *L, int32_t *failed)
{
    CUDA_HERE(b);
    pdm_status  status = PDM_OK;
    pdm_cuda   *cu     = pdm_cuda_of(b);
    blocks_args args   = plan->args;

    if (s.n == 0) return PDM_OK;
    args.n_listed = s.n;
    args.ridge    = ridge;
    args.ridges   = cuda_data(ridges);
    args.H        = cuda_data(H);
    args.L        = cuda_data(L);
    double *work  = cu->scratch;
    args.least    = work + plan->n_work;
    args.failed   = (int32_t *)(args.least + s.n);
    args.info     = args.failed + s.n;
    PDM_TRY(cuda_post_list(cu, s, &args.index));
    PDM_TRY(cuda_post_listed(cu, s, shift, &args.shift));
    PDM_TRY(cuda_launch(cu, blocks_least_kernel, a_block_each(1, s.n), &args));
    PDM_TRY(cuda_launch(cu, blocks_copy_kernel, cuda_grid_of(args.n_value, s.n), &args));
    PDM_TRY(cuda_launch(cu, blocks_shift_kernel, cuda_grid_of(args.n_unknown, s.n), &args));
    for (pdm_size l = 0; l < plan->n_level; l++) PDM_TRY(factor_level(cu, plan, s, &plan->level[l], args, work));
    PDM_TRY(cuda_fetch(cu, args.failed, (size_t)s.n * sizeof *failed, plan->failed));
    for (pdm_size i = 0; i < s.n; i++) failed[s.index[i]] = plan->failed[i] < args.n_block ? plan->failed[i] + 1 : 0;
done:
    return status;
}

pdm_status blocks_solve_cuda(pdm_backend *b, pdm_blocks_plan *plan, pdm_batch s, pdm_buffer *L, pdm_buffer *y,
                             pdm_buffer *x)
{
    CUDA_HERE(b);
    pdm_status  status = PDM_OK;
    pdm_cuda   *cu     = pdm_cuda_of(b);
    blocks_args args   = plan->args;

    args.n_listed = s.n;
    args.L        = cuda_data(L);
    args.y        = cuda_data(y);
    args.x        = cu->scratch;
    args.out      = cuda_data(x);
    PDM_TRY(cuda_post_list(cu, s, &args.index));
    PDM_TRY(cuda_launch(cu, blocks_solve_kernel, a_block_each(1, s.n), &args));
done:
    return status;
}

pdm_status blocks_diagonal_cuda(pdm_backend *b, pdm_blocks_plan *plan, pdm_batch s, pdm_buffer *H, pdm_buffer *out)
{
    CUDA_HERE(b);
    pdm_status  status = PDM_OK;
    pdm_cuda   *cu     = pdm_cuda_of(b);
    blocks_args args   = plan->args;

    args.n_listed = s.n;
    args.H        = cuda_data(H);
    args.out      = cuda_data(out);
    args.least    = cu->scratch;
    PDM_TRY(cuda_post_list(cu, s, &args.index));
    PDM_TRY(cuda_launch(cu, blocks_least_kernel, a_block_each(1, s.n), &args));
    PDM_TRY(cuda_launch(cu, blocks_diagonal_kernel, cuda_grid_of(args.n_unknown, s.n), &args));
done:
    return status;
}
