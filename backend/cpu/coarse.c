/* The share of the coarse rows in the normal matrix: (B_l J)^T (B_l J) for every level l of the pyramid.
 *
 * A box of level l sums 2^(l d) rows of J, which between them see many experts. So the sums are kept dense,
 * [boxes][unknowns in packed order], one level after the other; each pair of blocks gets the product of its columns,
 * over the boxes that both touch. Cost n_box n_unknown^2 at most,
 * against n_unknown^3 / 3 of the factorisation of the full matrix. */
#include "backend/cpu/normal_impl.h"

#include <string.h>

static pdm_size larger(pdm_size a, pdm_size b)
{
    return a > b ? a : b;
}

/* Levels 1, 3, ... lie in the first part of the sums, levels 2, 4, ... in the second. */
static double *level_sums(const pdm_normal_plan *p, pdm_size n_on, double *sums, pdm_size level)
{
    return level % 2 ? sums : sums + p->coarse.pyramid.n[1] * n_on;
}

size_t coarse_size(const pdm_normal_plan *p)
{
    const cpu_pyramid *y = &p->coarse.pyramid;
    return y->n_level == 0 ? 0 : (size_t)((y->n[1] + (y->n_level > 1 ? y->n[2] : 0)) * p->blocks->n_unknown);
}

static void widen(const pdm_normal_plan *p, pdm_size level, pdm_size block, int32_t first, int32_t end)
{
    const pdm_size at = level * p->blocks->n_block + block;
    if (first < p->coarse.first[at]) p->coarse.first[at] = first;
    if (end > p->coarse.end[at]) p->coarse.end[at] = end;
}

/* Which boxes the columns of a block touch: of level 1 from what elements see, of others from their children. */
static void find_ranges(pdm_normal_plan *p)
{
    const cpu_pyramid *y = &p->coarse.pyramid;

    for (pdm_size i = 0; i < (y->n_level + 1) * p->blocks->n_block; i++) p->coarse.first[i] = INT32_MAX;
    for (pdm_size e = 0; e < p->n_element; e++)
        for (pdm_size i = p->row0[e]; i < p->row0[e + 1]; i++) {
            const int32_t box = y->parent[0][p->element_row[i]];
            if (box < 0) continue;
            for (pdm_size r = p->reference0[e]; r < p->reference0[e + 1]; r++) {
                const element_reference *ref   = &p->reference[r];
                const bool               dense = p->columns->kind == PDM_COLUMNS_DENSE;
                if (dense && p->columns->group[ref->group].n_col == 0) continue;
                widen(p, 1, p->block_of[p->column0[ref->group] + (dense ? 0 : ref->place)], box, box + 1);
            }
        }
    for (pdm_size l = 1; l < y->n_level; l++)
        for (pdm_size j = 0; j < p->blocks->n_block; j++) {
            const pdm_size at = l * p->blocks->n_block + j;
            for (int32_t i = p->coarse.first[at]; i < p->coarse.end[at]; i++)
                if (y->parent[l][i] >= 0) widen(p, l + 1, j, y->parent[l][i], y->parent[l][i] + 1);
        }
}

pdm_status coarse_create(pdm_context *ctx, pdm_normal_plan *p)
{
    pdm_status             status = PDM_OK;
    coarse_plan           *c      = &p->coarse;
    const pdm_blocks_desc *d      = p->blocks;

    PDM_TRY(cpu_pyramid_create(ctx, p->rows, &c->pyramid));
    if (c->pyramid.n_level == 0) return PDM_OK;
    PDM_TRY(pdm_alloc_array(ctx, d->n_unknown, &c->packed_of));
    PDM_TRY(pdm_alloc_array(ctx, (c->pyramid.n_level + 1) * d->n_block, &c->first));
    PDM_TRY(pdm_alloc_array(ctx, (c->pyramid.n_level + 1) * d->n_block, &c->end));
    for (pdm_size i = 0; i < d->n_unknown; i++) c->packed_of[d->order[i]] = (int32_t)i;
    find_ranges(p);
    if (p->columns->kind == PDM_COLUMNS_IDENTITY) PDM_TRY(pdm_alloc_array(ctx, (pdm_size)coarse_size(p), &c->shared));
done:
    return status;
}

void coarse_destroy(pdm_context *ctx, pdm_normal_plan *p)
{
    cpu_pyramid_destroy(ctx, &p->coarse.pyramid);
    pdm_free(ctx, p->coarse.packed_of);
    pdm_free(ctx, p->coarse.first);
    pdm_free(ctx, p->coarse.end);
    pdm_free(ctx, p->coarse.shared);
}

void coarse_add(const pdm_normal_plan *p, pdm_size n_on, double *sums, int32_t row, pdm_size place, pdm_size n,
                const double *J)
{
    const cpu_pyramid *y   = &p->coarse.pyramid;
    const int32_t      box = y->parent[0][row];
    if (box < 0) return;
    double *sum = sums + box * n_on + place;
    for (pdm_size i = 0; i < n; i++) sum[i] += y->unscale[row] * J[i];
}

/* Products of one level: task k is block column k of H. */
typedef struct product_task {
    const pdm_normal_plan *plan;
    const normal_sizes    *sizes;
    const pdm_cpu_kernels *kernels;
    pdm_size               level, n_on;
    const double          *J; /* [boxes][n_on] */
    double                *H;
} product_task;

static void product_column(void *user, pdm_size j, int thread)
{
    const product_task    *k     = user;
    const coarse_plan     *c     = &k->plan->coarse;
    const pdm_blocks_desc *d     = k->plan->blocks;
    const int32_t         *first = c->first + k->level * d->n_block, *end = c->end + k->level * d->n_block;
    const int32_t         *size = k->sizes->block;
    const double          *J_j  = k->J + k->sizes->packed0[j];
    (void)thread;

    if (size[j] == 0) return;
    for (int32_t at = d->start[j]; at < d->start[j + 1]; at++) {
        const int32_t  i   = d->row[at];
        const pdm_size low = larger(first[i], first[j]), high = end[i] < end[j] ? end[i] : end[j];
        const double  *J_i  = k->J + k->sizes->packed0[i];
        const pdm_size skip = low * k->n_on;
        if (high <= low || size[i] == 0) continue;
        if (i == j)
            pdm_cpu_syrk_tn(k->kernels, high - low, size[j], J_j + skip, k->n_on, k->H + d->offset[at], size[j],
                            PDM_CPU_ADD);
        else
            pdm_cpu_gemm_tn(k->kernels, high - low, size[i], size[j], J_i + skip, k->n_on, J_j + skip, k->n_on,
                            k->H + d->offset[at], size[j], PDM_CPU_ADD);
    }
}

/* The sums of the next level, from those of this one, which are scaled; undone here. */
static void add_up(const pdm_normal_plan *p, pdm_size n, pdm_size level, const double *from, double *to)
{
    const cpu_pyramid *y = &p->coarse.pyramid;

    memset(to, 0, (size_t)(y->n[level + 1] * n) * sizeof *to);
    for (pdm_size i = 0; i < y->n[level]; i++) {
        if (y->parent[level][i] < 0) continue;
        const double factor = 1.0 / y->scale[level][i];
        double      *sum    = to + y->parent[level][i] * n;
        for (pdm_size u = 0; u < n; u++) sum[u] += factor * from[i * n + u];
    }
}

static void scale_rows(const pdm_normal_plan *p, pdm_size n, pdm_size level, double *sums)
{
    for (pdm_size i = 0; i < p->coarse.pyramid.n[level]; i++)
        for (pdm_size u = 0; u < n; u++) sums[i * n + u] *= p->coarse.pyramid.scale[level][i];
}

void coarse_products(const pdm_normal_plan *p, const normal_sizes *sizes, pdm_cpu *team, const pdm_cpu_kernels *kernels,
                     double *sums, double *H)
{
    const pdm_size n_level = p->coarse.pyramid.n_level, n_on = sizes->packed0[p->blocks->n_block];

    for (pdm_size l = 1; l <= n_level; l++) {
        double      *J    = level_sums(p, n_on, sums, l);
        product_task task = {.plan = p, .sizes = sizes, .kernels = kernels, .level = l, .n_on = n_on, .J = J, .H = H};
        scale_rows(p, n_on, l, J);
        pdm_cpu_share(team, p->blocks->n_block, product_column, &task);
        if (l < n_level) add_up(p, n_on, l, J, level_sums(p, n_on, sums, l + 1));
    }
}
