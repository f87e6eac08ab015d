/* Normal matrices of columns from basis functions: J_e = A C_e of every expert has the rows that see it, element by
 * element; two experts that share rows have a product, in tiles, each in slices of rows. */
#include "backend/cuda/normal_impl.h"

/* ---- pieces: the elements of an expert ---- */

/* Experts whose coefficients an element sees, sorted, into t->seen; those without columns are left out. */
static pdm_size experts_seen(const normal_draft *t, const pdm_size *column0, pdm_size element)
{
    const pdm_columns_desc *d = t->columns;
    pdm_size                n = 0;

    for (pdm_size f = 0; f < d->n_field; f++)
        for (pdm_size l = 0; l < t->n_local; l++) {
            const pdm_size at = f * d->n_coef + t->element_coef[element * t->n_local + l];
            for (pdm_size k = t->owners.first[at]; k < t->owners.first[at + 1]; k++) {
                const int32_t e = d->group[t->owners.group[k]].expert;
                pdm_size      i = n;
                if (column0[e * d->n_field] == column0[(e + 1) * d->n_field]) continue;
                while (i > 0 && t->seen[i - 1] > e) i--;
                if (i > 0 && t->seen[i - 1] == e) continue;
                for (pdm_size m = n; m > i; m--) t->seen[m] = t->seen[m - 1];
                t->seen[i] = e;
                n++;
            }
        }
    return n;
}

static pdm_status draft_pieces(pdm_context *ctx, const pdm_normal_plan *p, normal_draft *t)
{
    pdm_status     status   = PDM_OK;
    const pdm_size n_expert = p->n_expert;

    PDM_TRY(pdm_alloc_array(ctx, n_expert + 1, &t->piece0));
    PDM_TRY(pdm_alloc_array(ctx, t->n_element + 1, &t->of_element0));
    for (pdm_size e = 0; e < t->n_element; e++) {
        const pdm_size n      = experts_seen(t, p->column0, e);
        t->of_element0[e + 1] = t->of_element0[e] + n;
        for (pdm_size i = 0; i < n; i++) t->piece0[t->seen[i] + 1]++;
    }
    const pdm_size n_piece = t->of_element0[t->n_element];
    for (pdm_size i = 0; i < n_expert; i++) t->piece0[i + 1] += t->piece0[i];
    PDM_TRY(pdm_alloc_array(ctx, n_piece, &t->piece_element));
    PDM_TRY(pdm_alloc_array(ctx, n_piece, &t->piece_expert));
    PDM_TRY(pdm_alloc_array(ctx, n_piece, &t->piece_row));
    PDM_TRY(pdm_alloc_array(ctx, n_piece, &t->of_element));
    for (pdm_size e = 0; e < t->n_element; e++) {
        const pdm_size n = experts_seen(t, p->column0, e);
        for (pdm_size i = 0; i < n; i++) {
            const pdm_size piece                 = t->piece0[t->seen[i]] + t->count[t->seen[i]]++;
            t->piece_element[piece]              = (int32_t)e;
            t->piece_expert[piece]               = t->seen[i];
            t->of_element[t->of_element0[e] + i] = (int32_t)piece;
        }
    }
    for (pdm_size i = 0; i < n_expert; i++) t->count[i] = 0;
done:
    return status;
}

static pdm_size element_rows(const normal_draft *t, int32_t element)
{
    return t->element_row0[element + 1] - t->element_row0[element];
}

/* Rows of all J_e: which rows of A, and what they see. */
static pdm_status create_rows(pdm_cuda *cu, normal_draft *t, pdm_normal_plan *p)
{
    pdm_status   status = PDM_OK;
    pdm_context *ctx    = cu->base.ctx;
    int32_t     *row = NULL, *piece = NULL;
    normal_job  *job   = NULL;
    pdm_size     n_row = 0, n_job = 0;

    PDM_TRY(pdm_alloc_array(ctx, p->n_expert, &t->expert));
    for (pdm_size e = 0; e < p->n_expert; e++) {
        normal_expert *x = &t->expert[e];
        *x               = (normal_expert){.row0 = n_row, .j0 = p->args.j_size, .block = p->expert_block[e]};
        for (pdm_size k = t->piece0[e]; k < t->piece0[e + 1]; k++) {
            t->piece_row[k] = x->n_row;
            x->n_row += (int32_t)element_rows(t, t->piece_element[k]);
        }
        n_row += x->n_row;
        p->n_job += (x->n_row + NORMAL_ROWS - 1) / NORMAL_ROWS;
        p->args.j_size += x->n_row * (p->column0[(e + 1) * t->columns->n_field] - p->column0[e * t->columns->n_field]);
    }
    PDM_TRY(pdm_alloc_array(ctx, n_row, &row));
    PDM_TRY(pdm_alloc_array(ctx, n_row, &piece));
    PDM_TRY(pdm_alloc_array(ctx, p->n_job, &job));
    for (pdm_size e = 0; e < p->n_expert; e++) {
        const normal_expert *x = &t->expert[e];
        for (pdm_size k = t->piece0[e]; k < t->piece0[e + 1]; k++) {
            const int32_t element = t->piece_element[k];
            for (pdm_size i = 0; i < element_rows(t, element); i++) {
                row[x->row0 + t->piece_row[k] + i]   = t->element_row[t->element_row0[element] + i];
                piece[x->row0 + t->piece_row[k] + i] = (int32_t)k;
            }
        }
        for (int32_t i = 0; i < x->n_row; i += NORMAL_ROWS) job[n_job++] = (normal_job){(int32_t)e, i};
    }
    PDM_TRY(cuda_keep(cu, &p->owned, t->expert, p->n_expert, &p->args.expert));
    PDM_TRY(cuda_keep(cu, &p->owned, row, n_row, &p->args.row));
    PDM_TRY(cuda_keep(cu, &p->owned, piece, n_row, &p->args.piece));
    PDM_TRY(cuda_keep(cu, &p->owned, job, p->n_job, &p->args.job));
done:
    pdm_free(ctx, row);
    pdm_free(ctx, piece);
    pdm_free(ctx, job);
    return status;
}

/* What a piece sees of its expert in one field; counted where `to` is NULL. */
static pdm_size list_references(const normal_draft *t, pdm_size piece, pdm_size field, normal_reference *to)
{
    const pdm_columns_desc *d     = t->columns;
    const pdm_size          group = t->piece_expert[piece] * d->n_field + field;
    pdm_size                n     = 0;

    for (pdm_size l = 0; l < t->n_local; l++) {
        const pdm_size at = field * d->n_coef + t->element_coef[t->piece_element[piece] * t->n_local + l];
        for (pdm_size k = t->owners.first[at]; k < t->owners.first[at + 1]; k++) {
            if (t->owners.group[k] != group) continue;
            if (to) to[n] = (normal_reference){(int32_t)(field * t->n_local + l), t->owners.place[k]};
            n++;
        }
    }
    return n;
}

static pdm_status create_references(pdm_cuda *cu, const normal_draft *t, pdm_normal_plan *p)
{
    pdm_status        status  = PDM_OK;
    pdm_context      *ctx     = cu->base.ctx;
    const pdm_size    n_piece = t->piece0[p->n_expert], n_field = t->columns->n_field;
    int32_t          *first = NULL;
    normal_reference *list  = NULL;

    PDM_TRY(pdm_alloc_array(ctx, n_piece * n_field + 1, &first));
    for (pdm_size k = 0; k < n_piece; k++)
        for (pdm_size f = 0; f < n_field; f++)
            first[k * n_field + f + 1] = first[k * n_field + f] + (int32_t)list_references(t, k, f, NULL);
    PDM_TRY(pdm_alloc_array(ctx, first[n_piece * n_field], &list));
    for (pdm_size k = 0; k < n_piece; k++)
        for (pdm_size f = 0; f < n_field; f++) (void)list_references(t, k, f, list + first[k * n_field + f]);
    PDM_TRY(cuda_keep(cu, &p->owned, first, n_piece * n_field + 1, &p->args.reference0));
    PDM_TRY(cuda_keep(cu, &p->owned, list, first[n_piece * n_field], &p->args.reference));
done:
    pdm_free(ctx, first);
    pdm_free(ctx, list);
    return status;
}

/* ---- pairs of experts ---- */

typedef struct pair_draft {
    pdm_size       n_pair, n_common;
    normal_pair   *pair;
    normal_common *common;
} pair_draft;

/* Row i of an element counts by itself. */
static bool counts(const normal_draft *t, int32_t element, pdm_size i)
{
    return t->pyramid.n_level == 0 || t->pyramid.own[t->element_row[t->element_row0[element] + i]] != 0.0;
}

/* Offset of block (i, j); -1: not in the pattern. */
static pdm_size block_offset(const pdm_blocks_desc *d, int32_t i, int32_t j)
{
    for (int32_t k = d->start[j]; k < d->start[j + 1]; k++)
        if (d->row[k] == i) return d->offset[k];
    return -1;
}

/* Where the product of two experts goes, the one whose unknowns are rows first; false: nowhere. */
static bool place_pair(const normal_draft *t, const pdm_normal_plan *p, int32_t a, int32_t b, normal_pair *out)
{
    const pdm_size n_field = t->columns->n_field, ua = p->column0[a * n_field], ub = p->column0[b * n_field];
    const int32_t  block_a = t->block_of[ua], block_b = t->block_of[ub];
    const bool     swap = block_a < block_b || (block_a == block_b && t->place_of[ua] < t->place_of[ub]);

    *out        = swap ? (normal_pair){.a = b, .b = a, .j = block_a} : (normal_pair){.a = a, .b = b, .j = block_b};
    out->offset = block_offset(t->blocks, swap ? block_b : block_a, out->j);
    return out->offset >= 0;
}

/* The pairs of expert `e` and those up to it; counted where k->pair is NULL. t->count: 1 + the pair's number for experts
 * met already. */
static void list_pairs(const normal_draft *t, const pdm_normal_plan *p, int32_t e, pair_draft *k)
{
    pdm_size n_met = 0;

    for (pdm_size piece = t->piece0[e]; piece < t->piece0[e + 1]; piece++) {
        const int32_t element = t->piece_element[piece];
        for (pdm_size o = t->of_element0[element]; o < t->of_element0[element + 1]; o++) {
            const int32_t other = t->piece_expert[t->of_element[o]];
            normal_pair   pair;
            if (other > e) break;
            if (t->count[other] || !place_pair(t, p, e, other, &pair)) continue;
            if (k->pair) k->pair[k->n_pair] = pair;
            t->count[other]  = 1 + k->n_pair++;
            t->seen[n_met++] = other;
        }
    }
    for (pdm_size m = 0; m < n_met; m++) t->count[t->seen[m]] = 0;
}

/* The rows that the experts of a pair share; counted where k->common is NULL. */
static void list_common(const normal_draft *t, normal_pair *pair, pair_draft *k)
{
    pdm_size x = t->piece0[pair->a], y = t->piece0[pair->b];

    pair->common0 = k->n_common;
    while (x < t->piece0[pair->a + 1] && y < t->piece0[pair->b + 1]) {
        const int32_t element = t->piece_element[x];
        if (element != t->piece_element[y]) {
            if (element < t->piece_element[y])
                x++;
            else
                y++;
            continue;
        }
        for (pdm_size i = 0; i < element_rows(t, element); i++) {
            if (!counts(t, element, i)) continue;
            if (k->common)
                k->common[k->n_common] = (normal_common){t->piece_row[x] + (int32_t)i, t->piece_row[y] + (int32_t)i};
            k->n_common++;
        }
        x++;
        y++;
    }
    pair->end = k->n_common;
}

static pdm_status draft_pairs(pdm_context *ctx, const normal_draft *t, const pdm_normal_plan *p, pair_draft *k)
{
    pdm_status status = PDM_OK;

    for (pdm_size e = 0; e < p->n_expert; e++) list_pairs(t, p, (int32_t)e, k);
    PDM_TRY(pdm_alloc_array(ctx, k->n_pair, &k->pair));
    k->n_pair = 0;
    for (pdm_size e = 0; e < p->n_expert; e++) list_pairs(t, p, (int32_t)e, k);
    for (pdm_size i = 0; i < k->n_pair; i++) list_common(t, &k->pair[i], k);
    PDM_TRY(pdm_alloc_array(ctx, k->n_common, &k->common));
    k->n_common = 0;
    for (pdm_size i = 0; i < k->n_pair; i++) list_common(t, &k->pair[i], k);
done:
    return status;
}

/* Tiles of a pair's product and their slices; counted where tile and slice are NULL. */
static void list_tiles(const normal_draft *t, pdm_normal_plan *p, const pair_draft *k, int32_t i, normal_tile *tile,
                       normal_slice *slice)
{
    const normal_pair *pair    = &k->pair[i];
    const pdm_size     n_field = t->columns->n_field,
                   na          = p->column0[(pair->a + 1) * n_field] - p->column0[pair->a * n_field],
                   nb          = p->column0[(pair->b + 1) * n_field] - p->column0[pair->b * n_field];

    for (int32_t row = 0; row < na; row += NORMAL_TILE)
        for (int32_t column = 0; column < nb; column += NORMAL_TILE) {
            if (pair->a == pair->b && column > row) break;
            const pdm_size slice0 = p->n_slice;
            for (int64_t first = pair->common0; first < pair->end; first += NORMAL_SLICE, p->n_slice++) {
                const int64_t end = first + NORMAL_SLICE < pair->end ? first + NORMAL_SLICE : pair->end;
                if (slice) slice[p->n_slice] = (normal_slice){.first = first, .end = end, .tile = (int32_t)p->n_tile};
            }
            if (tile)
                tile[p->n_tile] = (normal_tile){.pair    = i,
                                                .row     = row,
                                                .column  = column,
                                                .n_slice = (int32_t)(p->n_slice - slice0),
                                                .slice0  = slice0};
            p->n_tile++;
        }
}

static pdm_status create_pairs(pdm_cuda *cu, const normal_draft *t, pdm_normal_plan *p)
{
    pdm_status    status = PDM_OK;
    pdm_context  *ctx    = cu->base.ctx;
    pair_draft    k      = {0};
    normal_tile  *tile   = NULL;
    normal_slice *slice  = NULL;

    PDM_TRY(draft_pairs(ctx, t, p, &k));
    for (pdm_size i = 0; i < k.n_pair; i++) list_tiles(t, p, &k, (int32_t)i, NULL, NULL);
    PDM_TRY(pdm_alloc_array(ctx, p->n_tile, &tile));
    PDM_TRY(pdm_alloc_array(ctx, p->n_slice, &slice));
    p->n_tile = p->n_slice = 0;
    for (pdm_size i = 0; i < k.n_pair; i++) list_tiles(t, p, &k, (int32_t)i, tile, slice);
    p->args.n_slice = p->n_slice;
    PDM_TRY(cuda_keep(cu, &p->owned, k.pair, k.n_pair, &p->args.pair));
    PDM_TRY(cuda_keep(cu, &p->owned, k.common, k.n_common, &p->args.common));
    PDM_TRY(cuda_keep(cu, &p->owned, tile, p->n_tile, &p->args.tile));
    PDM_TRY(cuda_keep(cu, &p->owned, slice, p->n_slice, &p->args.slice));
done:
    pdm_free(ctx, k.pair);
    pdm_free(ctx, k.common);
    pdm_free(ctx, tile);
    pdm_free(ctx, slice);
    return status;
}

/* ---- boxes of level 1 ---- */

/* Row i of a J_e, and its box. */
static int32_t box_of(const normal_draft *t, pdm_size piece, pdm_size i)
{
    return t->pyramid.parent[0][t->element_row[t->element_row0[t->piece_element[piece]] + i]];
}

/* The boxes of an expert and its rows in them. run and run_row have room for a number for every row of a J_e. */
static void list_runs(const normal_draft *t, int32_t e, normal_run *run, pdm_size *n_run, int32_t *run_row,
                      pdm_size *n_run_row)
{
    const pdm_size before = *n_run;

    for (pdm_size k = t->piece0[e]; k < t->piece0[e + 1]; k++)
        for (pdm_size i = 0; i < element_rows(t, t->piece_element[k]); i++) {
            const int32_t box = box_of(t, k, i);
            if (box < 0) continue;
            if (t->count[box] == 0) { /* count: 1 + number of the run; end: rows so far */
                run[*n_run]   = (normal_run){.box = box, .expert = e};
                t->count[box] = 1 + (*n_run)++;
            }
            run[t->count[box] - 1].end++;
        }
    for (pdm_size r = before; r < *n_run; r++) {
        const int32_t n = run[r].end;
        run[r].first = run[r].end = (int32_t)*n_run_row;
        *n_run_row += n;
    }
    for (pdm_size k = t->piece0[e]; k < t->piece0[e + 1]; k++)
        for (pdm_size i = 0; i < element_rows(t, t->piece_element[k]); i++) {
            const int32_t box = box_of(t, k, i);
            if (box >= 0) run_row[run[t->count[box] - 1].end++] = t->piece_row[k] + (int32_t)i;
        }
    for (pdm_size r = before; r < *n_run; r++) t->count[run[r].box] = 0;
}

static pdm_status create_runs(pdm_cuda *cu, const normal_draft *t, pdm_normal_plan *p)
{
    pdm_status   status  = PDM_OK;
    pdm_context *ctx     = cu->base.ctx;
    normal_run  *run     = NULL;
    int32_t     *run_row = NULL;
    pdm_size     n_row = 0, n_run_row = 0;

    for (pdm_size e = 0; e < p->n_expert; e++) n_row += t->expert[e].n_row;
    PDM_TRY(pdm_alloc_array(ctx, n_row, &run));
    PDM_TRY(pdm_alloc_array(ctx, n_row, &run_row));
    for (pdm_size e = 0; e < p->n_expert; e++) list_runs(t, (int32_t)e, run, &p->n_run, run_row, &n_run_row);
    PDM_TRY(cuda_keep(cu, &p->owned, run, p->n_run, &p->args.run));
    PDM_TRY(cuda_keep(cu, &p->owned, run_row, n_run_row, &p->args.run_row));
done:
    pdm_free(ctx, run);
    pdm_free(ctx, run_row);
    return status;
}

pdm_status normal_dense_create(pdm_cuda *cu, normal_draft *t, pdm_normal_plan *p)
{
    pdm_status status = PDM_OK;

    PDM_TRY(draft_pieces(cu->base.ctx, p, t));
    PDM_TRY(create_rows(cu, t, p));
    PDM_TRY(create_references(cu, t, p));
    PDM_TRY(create_pairs(cu, t, p));
    if (t->pyramid.n_level > 0) PDM_TRY(create_runs(cu, t, p));
done:
    return status;
}
