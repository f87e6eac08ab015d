/* Some of the rows: those in some places along each dimension, which stand for all. docs/mathematics.md, "Few rows". */
#include "reduction/reduction.h"

#include <math.h>
#include <string.h>

void pdm_row_choice_destroy(pdm_context *ctx, pdm_row_choice *c)
{
    for (pdm_size g = 0; g < c->n_grid; g++) {
        pdm_free(ctx, c->grid[g].row);
        pdm_free(ctx, c->grid[g].weight);
    }
    *c = (pdm_row_choice){0};
}

pdm_size pdm_row_choice_find(const pdm_row_choice *c, pdm_size dim, pdm_size n_row)
{
    for (pdm_size g = 0; g < c->n_grid; g++)
        if (c->grid[g].dim == dim && c->grid[g].n_place == n_row) return g;
    return -1;
}

void pdm_row_choice_list(const pdm_rows_desc *d, pdm_row_choice *out)
{
    *out = (pdm_row_choice){0};
    for (pdm_size t = 0; t < d->n_term; t++)
        for (pdm_size j = 0; j < d->n_dim && out->n_grid < PDM_ROW_GRIDS_MOST; j++) {
            const pdm_size n_row = d->term[t].axis[j].n_row;
            if (n_row < 2 || pdm_row_choice_find(out, j, n_row) >= 0) continue;
            out->grid[out->n_grid++] = (pdm_row_grid){.dim = j, .n_place = n_row};
        }
}

pdm_status pdm_row_grid_keep(pdm_context *ctx, const double *weight, pdm_row_grid *g)
{
    pdm_status status = PDM_OK;

    g->n = 0;
    PDM_TRY(pdm_alloc_array(ctx, g->n_place, &g->row));
    PDM_TRY(pdm_alloc_array(ctx, g->n_place, &g->weight));
    for (pdm_size i = 0; i < g->n_place; i++) {
        if (!(weight[i] > 0.0)) continue;
        g->row[g->n]      = (int32_t)i;
        g->weight[g->n++] = weight[i];
    }
done:
    return status;
}

/* ---- one dimension of one term ---- */

/* What of an axis is kept: rows, and the points that they read. */
typedef struct kept_axis {
    const pdm_axis *from;
    pdm_size        n_row, n_point, n_pair;
    const int32_t  *row;    /* [n_row], NULL: all of them */
    const double   *weight; /* [n_row], NULL: 1 */
    int32_t        *point;  /* [n_point] */
} kept_axis;

/* point [from->n_point]: room. */
static kept_axis keep_axis(const pdm_axis *a, const pdm_row_choice *c, pdm_size dim, int32_t *point)
{
    const pdm_size      number = pdm_row_choice_find(c, dim, a->n_row);
    const pdm_row_grid *grid   = number < 0 ? NULL : &c->grid[number];
    kept_axis           k      = {.from   = a,
                                  .n_row  = grid ? grid->n : a->n_row,
                                  .row    = grid ? grid->row : NULL,
                                  .weight = grid ? grid->weight : NULL,
                                  .point  = point};

    memset(point, 0, (size_t)a->n_point * sizeof *point);
    for (pdm_size i = 0; i < k.n_row; i++) {
        const pdm_size row = k.row ? k.row[i] : i;
        for (int32_t q = a->pair0[row]; q < a->pair0[row + 1]; q++, k.n_pair++) point[a->pair_point[q]] = 1;
    }
    for (int32_t p = 0; p < (int32_t)a->n_point; p++)
        if (point[p]) point[k.n_point++] = p;
    return k;
}

/* Place of a kept point. */
static int32_t find_point(const kept_axis *k, int32_t point)
{
    pdm_size low = 0, high = k->n_point - 1;
    while (low < high) {
        const pdm_size middle = (low + high) / 2;
        if (k->point[middle] < point)
            low = middle + 1;
        else
            high = middle;
    }
    return (int32_t)low;
}

/* Carved from an arena that may be measuring: then only that. */
static void copy_axis(pdm_arena *arena, const kept_axis *k, pdm_size n_order, pdm_size n_local, const double *scale,
                      pdm_axis *out, const double **out_scale)
{
    const pdm_axis *a           = k->from;
    double         *coordinate  = pdm_carve(arena, double, k->n_point);
    double         *basis       = pdm_carve(arena, double, n_order * k->n_point * n_local);
    double         *pair_weight = pdm_carve(arena, double, k->n_pair);
    double         *pair_basis  = pdm_carve(arena, double, n_order * k->n_pair * n_local);
    double         *row_scale   = pdm_carve(arena, double, k->n_row);
    int32_t        *element     = pdm_carve(arena, int32_t, k->n_point);
    int32_t        *row_element = pdm_carve(arena, int32_t, k->n_row);
    int32_t        *pair0       = pdm_carve(arena, int32_t, k->n_row + 1);
    int32_t        *pair_point  = pdm_carve(arena, int32_t, k->n_pair);
    const pdm_size  all_points = a->n_point, all_pairs = a->pair0[a->n_row];
    const size_t    bytes = (size_t)n_local * sizeof *basis;

    if (!coordinate) return;
    for (pdm_size p = 0; p < k->n_point; p++) {
        coordinate[p] = a->coordinate[k->point[p]];
        element[p]    = a->element[k->point[p]];
        for (pdm_size o = 0; o < n_order; o++)
            memcpy(basis + (o * k->n_point + p) * n_local, a->basis + (o * all_points + k->point[p]) * n_local, bytes);
    }
    pair0[0] = 0;
    for (pdm_size i = 0; i < k->n_row; i++) {
        const pdm_size row = k->row ? k->row[i] : i;
        row_element[i]     = a->row_element[row];
        row_scale[i]       = scale[row] * (k->weight ? sqrt(k->weight[i]) : 1.0);
        pair0[i + 1]       = pair0[i];
        for (int32_t q = a->pair0[row]; q < a->pair0[row + 1]; q++) {
            const int32_t to = pair0[i + 1]++;
            pair_point[to]   = find_point(k, a->pair_point[q]);
            pair_weight[to]  = a->pair_weight[q];
            for (pdm_size o = 0; o < n_order; o++)
                memcpy(pair_basis + (o * k->n_pair + to) * n_local, a->pair_basis + (o * all_pairs + q) * n_local,
                       bytes);
        }
    }
    *out       = (pdm_axis){.n_point     = k->n_point,
                            .coordinate  = coordinate,
                            .element     = element,
                            .basis       = basis,
                            .n_row       = k->n_row,
                            .row_element = row_element,
                            .pair0       = pair0,
                            .pair_point  = pair_point,
                            .pair_weight = pair_weight,
                            .pair_basis  = pair_basis};
    *out_scale = row_scale;
}

/* ---- a term ---- */

/* Places of a term's sampled inputs among those of all rows, behind the `used` of the terms before. */
static pdm_size copy_sampled(const pdm_rows_desc *d, const pdm_term_desc *t, const kept_axis *kept, pdm_size used,
                             int32_t *offset, int32_t *from)
{
    pdm_size n = 1;
    for (pdm_size j = 0; j < d->n_dim; j++) n *= kept[j].n_point;
    for (pdm_size s = 0; s < t->n_sampled; s++, used += n) {
        if (!offset) continue;
        offset[s] = (int32_t)used;
        for (pdm_size i = 0; i < n; i++) {
            pdm_size rest = i, stride = 1, at = 0;
            for (pdm_size j = d->n_dim - 1; j >= 0; j--) {
                at += kept[j].point[rest % kept[j].n_point] * stride;
                rest /= kept[j].n_point;
                stride *= t->axis[j].n_point;
            }
            from[used + i] = (int32_t)(t->sampled_offset[s] + at);
        }
    }
    return used;
}

/* First row of the block that has row0 in d: blocks come in the order of their first terms. */
static pdm_size new_row0(const pdm_rows_desc *d, const pdm_term_desc *done, pdm_size t, pdm_size *n_row)
{
    pdm_size n = 1;
    for (pdm_size i = 0; i < t; i++)
        if (d->term[i].row0 == d->term[t].row0) return done[i].row0;
    for (pdm_size j = 0; j < d->n_dim; j++) n *= done[t].axis[j].n_row;
    *n_row += n;
    return *n_row - n;
}

static pdm_size most_points(const pdm_rows_desc *d)
{
    pdm_size n = 1;
    for (pdm_size t = 0; t < d->n_term; t++)
        for (pdm_size j = 0; j < d->n_dim; j++) n = d->term[t].axis[j].n_point > n ? d->term[t].axis[j].n_point : n;
    return n;
}

/* Run twice: measuring, then for good. point [PDM_MAX_DIM][most_points]: room. */
static void few_layout(pdm_few_rows *f, const pdm_rows_desc *d, const pdm_row_choice *c, pdm_size most, int32_t *point)
{
    pdm_arena     *arena     = &f->arena;
    pdm_term_desc *term      = pdm_carve(arena, pdm_term_desc, d->n_term);
    const pdm_size n_sampled = f->desc.n_sampled; /* 0 in the first run */
    pdm_size       n_row = 0, used = 0;

    f->from = pdm_carve(arena, int32_t, n_sampled);
    for (pdm_size t = 0; t < d->n_term; t++) {
        const pdm_term_desc *all = &d->term[t];
        kept_axis            kept[PDM_MAX_DIM];
        pdm_term_desc        mine   = *all;
        int32_t             *offset = pdm_carve(arena, int32_t, all->n_sampled);
        for (pdm_size j = 0; j < d->n_dim; j++) {
            kept[j] = keep_axis(&all->axis[j], c, j, point + j * most);
            copy_axis(arena, &kept[j], all->n_order, d->degree[j] + 1, all->row_scale[j], &mine.axis[j],
                      &mine.row_scale[j]);
        }
        used                = copy_sampled(d, all, kept, used, term ? offset : NULL, f->from);
        mine.sampled_offset = offset;
        if (!term) continue;
        term[t]      = mine;
        term[t].row0 = new_row0(d, term, t, &n_row);
    }
    f->desc           = *d;
    f->desc.term      = term;
    f->desc.n_row     = n_row;
    f->desc.n_sampled = used;
}

pdm_status pdm_few_rows_create(pdm_context *ctx, const pdm_rows_desc *d, const pdm_row_choice *c, pdm_few_rows *out)
{
    pdm_status     status = PDM_OK;
    const pdm_size most   = most_points(d);
    int32_t       *point  = NULL;

    *out = (pdm_few_rows){0};
    PDM_TRY(pdm_alloc_array(ctx, PDM_MAX_DIM * most, &point));
    pdm_arena_measure(&out->arena, ctx);
    few_layout(out, d, c, most, point);
    pdm_arena_measure(&out->arena, ctx); /* again, now that the number of sampled inputs is known */
    few_layout(out, d, c, most, point);
    PDM_TRY(pdm_arena_allocate(&out->arena));
    few_layout(out, d, c, most, point);
done:
    pdm_free(ctx, point);
    if (status != PDM_OK) pdm_few_rows_destroy(out);
    return status;
}

void pdm_few_rows_destroy(pdm_few_rows *f)
{
    pdm_arena_destroy(&f->arena);
    *f = (pdm_few_rows){0};
}
