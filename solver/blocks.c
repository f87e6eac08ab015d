/* Structure of the normal matrix: a graph of experts, a minimum-degree order, symbolic elimination, and neighbours merged
 * into blocks where that costs no fill. */
#include "solver/solver.h"

#include <string.h>

enum {
    DENSE_BELOW = 128, /* unknowns up to which the whole matrix is one dense block */
    BLOCK_MOST  = 128  /* largest merged block                                    */
};

/* Sets of experts as sorted lists; fill only ever adds. */
typedef struct neighbour_set {
    pdm_size n, capacity;
    int32_t *item;
} neighbour_set;

struct pdm_blocks {
    pdm_context    *ctx;
    pdm_size        n_expert;
    pdm_size       *column0;   /* [n_expert+1]                             */
    neighbour_set  *set;       /* [n_expert] graph, then fill of the factor */
    int32_t        *expert_at; /* [n_expert] expert eliminated at place    */
    int32_t        *place;     /* [n_expert] place at which it is eliminated */
    int32_t        *size, *start, *row, *order;
    pdm_size       *offset;
    pdm_blocks_desc desc;
};

static pdm_status set_insert(pdm_context *ctx, neighbour_set *s, int32_t item)
{
    pdm_status status = PDM_OK;
    pdm_size   low = 0, high = s->n;
    int32_t   *grown = NULL;
    while (low < high) {
        const pdm_size middle = (low + high) / 2;
        if (s->item[middle] < item)
            low = middle + 1;
        else
            high = middle;
    }
    if (low < s->n && s->item[low] == item) return PDM_OK;
    if (s->n == s->capacity) {
        const pdm_size capacity = s->capacity ? 2 * s->capacity : 8;
        PDM_TRY(pdm_alloc_array(ctx, capacity, &grown));
        if (s->n) memcpy(grown, s->item, (size_t)s->n * sizeof *grown);
        pdm_free(ctx, s->item);
        s->item     = grown;
        s->capacity = capacity;
    }
    memmove(s->item + low + 1, s->item + low, (size_t)(s->n - low) * sizeof *s->item);
    s->item[low] = item;
    s->n++;
done:
    return status;
}

static bool set_has(const neighbour_set *s, int32_t item)
{
    pdm_size low = 0, high = s->n;
    while (low < high) {
        const pdm_size middle = (low + high) / 2;
        if (s->item[middle] < item)
            low = middle + 1;
        else
            high = middle;
    }
    return low < s->n && s->item[low] == item;
}

/* Experts that own part of every control coefficient of a field, packed: owner[owner0[f*n_coef+i] ..]. */
static pdm_status coefficient_owners(pdm_context *ctx, const pdm_columns_desc *d, pdm_size **owner0, int32_t **owner)
{
    pdm_status     status = PDM_OK;
    const pdm_size n      = d->n_field * d->n_coef;
    pdm_size      *first = NULL, *used = NULL;
    int32_t       *list = NULL;

    PDM_TRY(pdm_alloc_array(ctx, n + 1, &first));
    PDM_TRY(pdm_alloc_array(ctx, n, &used));
    for (pdm_size g = 0; g < d->n_expert * d->n_field; g++)
        for (pdm_size i = 0; i < d->group[g].n_coef; i++)
            first[d->group[g].field * d->n_coef + d->group[g].coef[i] + 1]++;
    for (pdm_size i = 0; i < n; i++) first[i + 1] += first[i];
    PDM_TRY(pdm_alloc_array(ctx, first[n], &list));
    for (pdm_size g = 0; g < d->n_expert * d->n_field; g++)
        for (pdm_size i = 0; i < d->group[g].n_coef; i++) {
            const pdm_size k           = d->group[g].field * d->n_coef + d->group[g].coef[i];
            list[first[k] + used[k]++] = d->group[g].expert;
        }
    *owner0 = first;
    *owner  = list;
    first   = NULL;
    list    = NULL;
done:
    pdm_free(ctx, first);
    pdm_free(ctx, used);
    pdm_free(ctx, list);
    return status;
}

/* Two experts meet when some element sees coefficients of both, and with rows at every scale all do. */
static pdm_status build_graph(pdm_blocks *b, const pdm_rows_desc *rows, const pdm_columns_desc *d)
{
    pdm_status    status = PDM_OK;
    pdm_size     *owner0 = NULL, n_element = 1, n_local = 1;
    int32_t      *owner = NULL;
    neighbour_set here  = {0};

    PDM_TRY(coefficient_owners(b->ctx, d, &owner0, &owner));
    for (pdm_size j = 0; j < rows->n_dim; j++) {
        n_element *= rows->n_element[j];
        n_local *= rows->degree[j] + 1;
    }
    for (pdm_size e = 0; rows->n_pyramid > 0 && e < b->n_expert; e++) /* coarse rows see everything */
        for (pdm_size other = 0; other < b->n_expert; other++)
            if (other != e) PDM_TRY(set_insert(b->ctx, &b->set[e], (int32_t)other));
    for (pdm_size e = 0; rows->n_pyramid == 0 && e < n_element; e++) {
        here.n = 0;
        for (pdm_size l = 0; l < n_local; l++) {
            pdm_size re = e, rl = l, at = 0, stride = 1;
            for (pdm_size j = rows->n_dim - 1; j >= 0; j--) {
                at += (re % rows->n_element[j] + rl % (rows->degree[j] + 1)) % rows->n_coef[j] * stride;
                re /= rows->n_element[j];
                rl /= rows->degree[j] + 1;
                stride *= rows->n_coef[j];
            }
            for (pdm_size f = 0; f < d->n_field; f++)
                for (pdm_size k = owner0[f * d->n_coef + at]; k < owner0[f * d->n_coef + at + 1]; k++)
                    PDM_TRY(set_insert(b->ctx, &here, owner[k]));
        }
        for (pdm_size i = 0; i < here.n; i++)
            for (pdm_size j = 0; j < here.n; j++)
                if (i != j) PDM_TRY(set_insert(b->ctx, &b->set[here.item[i]], here.item[j]));
    }
done:
    pdm_free(b->ctx, owner0);
    pdm_free(b->ctx, owner);
    pdm_free(b->ctx, here.item);
    return status;
}

/* Minimum degree, weighted by columns; ties by the lower number. Eliminating an expert joins its remaining neighbours,
 * which leaves in set[e] exactly the factor's pattern below e. */
static pdm_status eliminate(pdm_blocks *b)
{
    pdm_status status = PDM_OK;
    pdm_size  *degree = NULL;

    PDM_TRY(pdm_alloc_array(b->ctx, b->n_expert, &degree));
    for (pdm_size e = 0; e < b->n_expert; e++) {
        b->place[e] = -1;
        for (pdm_size k = 0; k < b->set[e].n; k++)
            degree[e] += b->column0[b->set[e].item[k] + 1] - b->column0[b->set[e].item[k]];
    }
    for (pdm_size p = 0; p < b->n_expert; p++) {
        pdm_size best = -1;
        for (pdm_size e = 0; e < b->n_expert; e++)
            if (b->place[e] < 0 && (best < 0 || degree[e] < degree[best])) best = e;
        b->place[best]   = (int32_t)p;
        b->expert_at[p]  = (int32_t)best;
        neighbour_set *s = &b->set[best];
        pdm_size       n = 0;
        for (pdm_size k = 0; k < s->n; k++)
            if (b->place[s->item[k]] < 0) s->item[n++] = s->item[k];
        s->n = n;
        for (pdm_size i = 0; i < n; i++) {
            const int32_t e = s->item[i];
            for (pdm_size j = 0; j < n; j++)
                if (i != j) PDM_TRY(set_insert(b->ctx, &b->set[e], s->item[j]));
            degree[e] = 0;
            for (pdm_size k = 0; k < b->set[e].n; k++) {
                const int32_t other = b->set[e].item[k];
                if (b->place[other] < 0) degree[e] += b->column0[other + 1] - b->column0[other];
            }
        }
    }
done:
    pdm_free(b->ctx, degree);
    return status;
}

/* The expert at place p can join the block of the one before it when the pattern below that one
 * is p and p's own pattern. */
static bool can_join(const pdm_blocks *b, pdm_size p)
{
    const neighbour_set *before = &b->set[b->expert_at[p - 1]], *here = &b->set[b->expert_at[p]];
    if (before->n != here->n + 1 || !set_has(before, b->expert_at[p])) return false;
    for (pdm_size k = 0; k < here->n; k++)
        if (!set_has(before, here->item[k])) return false;
    return true;
}

/* block_of [n_expert] by place. Returns the number of blocks. */
static pdm_size merge_blocks(const pdm_blocks *b, pdm_coupling coupling, int32_t *block_of)
{
    const pdm_size total = b->column0[b->n_expert];
    pdm_size       n = 0, size = 0;
    for (pdm_size p = 0; p < b->n_expert; p++) {
        const pdm_size e = b->expert_at[p], columns = b->column0[e + 1] - b->column0[e];
        const bool     join = p > 0 && coupling != PDM_COUPLING_SEPARATE &&
                          (total <= DENSE_BELOW || (size + columns <= BLOCK_MOST && can_join(b, p)));
        if (!join) {
            n++;
            size = 0;
        }
        size += columns;
        block_of[p] = (int32_t)(n - 1);
    }
    return n;
}

static pdm_status lay_out(pdm_blocks *b, const int32_t *block_of)
{
    pdm_status    status = PDM_OK;
    neighbour_set below  = {0};
    pdm_size      n_row = 0, packed = 0, value = 0, p = 0, row_capacity = 0;
    int           checked;

    for (pdm_size e = 0; e < b->n_expert; e++) row_capacity += b->set[e].n + 1;
    PDM_TRY(pdm_alloc_array(b->ctx, b->desc.n_block, &b->size));
    PDM_TRY(pdm_alloc_array(b->ctx, b->desc.n_block + 1, &b->start));
    PDM_TRY(pdm_alloc_array(b->ctx, row_capacity, &b->row));
    PDM_TRY(pdm_alloc_array(b->ctx, row_capacity, &b->offset));
    PDM_TRY(pdm_alloc_array(b->ctx, b->column0[b->n_expert], &b->order));
    for (pdm_size i = 0; i < b->n_expert; i++) {
        const pdm_size e = b->expert_at[i];
        b->size[block_of[i]] += (int32_t)(b->column0[e + 1] - b->column0[e]);
        for (pdm_size k = b->column0[e]; k < b->column0[e + 1]; k++) b->order[packed++] = (int32_t)k;
    }
    for (pdm_size j = 0; j < b->desc.n_block; j++) {
        below.n = 0;
        PDM_TRY(set_insert(b->ctx, &below, (int32_t)j));
        for (; p < b->n_expert && block_of[p] == j; p++) {
            const neighbour_set *s = &b->set[b->expert_at[p]];
            for (pdm_size k = 0; k < s->n; k++) PDM_TRY(set_insert(b->ctx, &below, block_of[b->place[s->item[k]]]));
        }
        b->start[j] = (int32_t)n_row;
        for (pdm_size k = 0; k < below.n; k++) {
            b->row[n_row]      = below.item[k];
            b->offset[n_row++] = value;
            value += (pdm_size)b->size[below.item[k]] * b->size[j];
        }
    }
    PDM_TRY(pdm_narrow_int(b->ctx, n_row, "blocks of the normal matrix", &checked));
    b->start[b->desc.n_block] = checked;
    b->desc.n_unknown         = packed;
    b->desc.n_value           = value;
    b->desc.size              = b->size;
    b->desc.start             = b->start;
    b->desc.row               = b->row;
    b->desc.offset            = b->offset;
    b->desc.order             = b->order;
done:
    pdm_free(b->ctx, below.item);
    return status;
}

pdm_status pdm_blocks_create(pdm_context *ctx, const pdm_rows_desc *rows, const pdm_columns_desc *columns,
                             pdm_coupling coupling, pdm_blocks **out)
{
    pdm_status  status   = PDM_OK;
    pdm_blocks *b        = NULL;
    int32_t    *block_of = NULL;

    PDM_TRY(pdm_alloc(ctx, sizeof *b, &b));
    b->ctx      = ctx;
    b->n_expert = columns->n_expert;
    PDM_TRY(pdm_alloc_array(ctx, b->n_expert + 1, &b->column0));
    PDM_TRY(pdm_alloc_array(ctx, b->n_expert, &b->set));
    PDM_TRY(pdm_alloc_array(ctx, b->n_expert, &b->expert_at));
    PDM_TRY(pdm_alloc_array(ctx, b->n_expert, &b->place));
    PDM_TRY(pdm_alloc_array(ctx, b->n_expert, &block_of));
    for (pdm_size e = 0; e < b->n_expert; e++) {
        b->column0[e + 1] = b->column0[e];
        for (pdm_size f = 0; f < columns->n_field; f++)
            b->column0[e + 1] += columns->group[e * columns->n_field + f].n_col;
    }
    if (coupling == PDM_COUPLING_ALL) PDM_TRY(build_graph(b, rows, columns));
    PDM_TRY(eliminate(b));
    b->desc.n_block = merge_blocks(b, coupling, block_of);
    if (columns->kind == PDM_COLUMNS_DENSE) {
        b->desc.n_set = b->n_expert;
        b->desc.set0  = b->column0;
    }
    PDM_TRY(lay_out(b, block_of));
    *out = b;
    b    = NULL;
done:
    pdm_free(ctx, block_of);
    pdm_blocks_destroy(&b);
    return status;
}

void pdm_blocks_destroy(pdm_blocks **blocks)
{
    if (!blocks || !*blocks) return;
    pdm_blocks *b = *blocks;
    for (pdm_size e = 0; e < b->n_expert && b->set; e++) pdm_free(b->ctx, b->set[e].item);
    pdm_free(b->ctx, b->set);
    pdm_free(b->ctx, b->column0);
    pdm_free(b->ctx, b->expert_at);
    pdm_free(b->ctx, b->place);
    pdm_free(b->ctx, b->size);
    pdm_free(b->ctx, b->start);
    pdm_free(b->ctx, b->row);
    pdm_free(b->ctx, b->offset);
    pdm_free(b->ctx, b->order);
    pdm_free(b->ctx, b);
    *blocks = NULL;
}

double pdm_blocks_flops(const pdm_blocks *b)
{
    double flops = 0.0;
    for (pdm_size j = 0; j < b->desc.n_block; j++) {
        const double n     = b->size[j];
        double       below = 0.0;
        for (int32_t k = b->start[j] + 1; k < b->start[j + 1]; k++) below += b->size[b->row[k]];
        flops += n * n * n / 3.0 + n * n * below + n * below * below;
    }
    return flops;
}

const pdm_blocks_desc *pdm_blocks_describe(const pdm_blocks *b)
{
    return &b->desc;
}
