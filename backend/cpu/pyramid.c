#include "backend/cpu/pyramid.h"

#include <string.h>

/* Boxes of a level, or cells, in a box of the next one, along each dimension. */
static const pdm_size *width_of(const pdm_pyramid_desc *d, pdm_size level)
{
    return level == 0 ? d->first_width : d->width;
}

/* Boxes of a block along each dimension in level l. */
static pdm_size boxes(const pdm_pyramid_desc *d, pdm_size n_dim, pdm_size level, pdm_size *shape)
{
    pdm_size n = 1;
    for (pdm_size j = 0; j < n_dim; j++) {
        shape[j] = d->shape[j];
        for (pdm_size l = 0; l < level; l++) shape[j] = (shape[j] - 1) / width_of(d, l)[j] + 1;
        n *= shape[j];
    }
    return n;
}

static void measure(const pdm_rows_desc *rows, cpu_pyramid *p)
{
    pdm_size shape[PDM_MAX_DIM];

    *p = (cpu_pyramid){.n[0] = rows->n_row};
    for (pdm_size k = 0; k < rows->n_pyramid; k++) {
        const pdm_pyramid_desc *d = &rows->pyramid[k];
        if (d->n_level > p->n_level) p->n_level = d->n_level;
        for (pdm_size l = 1; l <= d->n_level; l++) p->n[l] += boxes(d, rows->n_dim, l, shape);
    }
    for (pdm_size l = 1; l <= p->n_level; l++) p->n_box += p->n[l];
}

/* One level of one block, whose first box in the level is at `at`, and the first box of the next level at `next`. */
static void fill_level(const pdm_pyramid_desc *d, pdm_size n_dim, pdm_size level, pdm_size at, pdm_size next,
                       cpu_pyramid *p)
{
    pdm_size       shape[PDM_MAX_DIM], above[PDM_MAX_DIM];
    const pdm_size n = boxes(d, n_dim, level, shape);

    (void)boxes(d, n_dim, level + 1, above);
    for (pdm_size i = 0; i < n; i++) {
        pdm_size rest = i, parent = 0, stride = 1;
        double   factor = 1.0;
        for (pdm_size j = n_dim - 1; j >= 0; j--) {
            const pdm_size k = rest % shape[j];
            rest /= shape[j];
            factor *= level == 0 ? d->unscale[j][k] : d->scale[j][(level - 1) * d->shape[j] + k];
            parent += k / width_of(d, level)[j] * stride;
            stride *= above[j];
        }
        if (level == 0) {
            p->unscale[at + i] = factor;
            p->own[at + i]     = d->only_sums ? 0.0 : 1.0;
        } else {
            p->scale[level][at + i] = factor;
        }
        if (level < p->n_level) p->parent[level][at + i] = level < d->n_level ? (int32_t)(next + parent) : -1;
    }
}

static void fill(const pdm_rows_desc *rows, cpu_pyramid *p)
{
    pdm_size used[PDM_MAX_LEVEL + 2] = {0}, shape[PDM_MAX_DIM];

    for (pdm_size i = 0; i < rows->n_row; i++) {
        p->parent[0][i] = -1;
        p->own[i]       = 1.0;
    }
    for (pdm_size k = 0; k < rows->n_pyramid; k++) {
        const pdm_pyramid_desc *d = &rows->pyramid[k];
        fill_level(d, rows->n_dim, 0, d->row0, used[1], p);
        for (pdm_size l = 1; l <= d->n_level; l++) fill_level(d, rows->n_dim, l, used[l], used[l + 1], p);
        for (pdm_size l = 1; l <= d->n_level; l++) used[l] += boxes(d, rows->n_dim, l, shape);
    }
}

pdm_status cpu_pyramid_create(pdm_context *ctx, const pdm_rows_desc *rows, cpu_pyramid *out)
{
    pdm_status  status = PDM_OK;
    cpu_pyramid p;

    measure(rows, &p);
    if (p.n_level == 0) {
        *out = p;
        return PDM_OK;
    }
    PDM_TRY(pdm_alloc_array(ctx, rows->n_row, &p.unscale));
    PDM_TRY(pdm_alloc_array(ctx, rows->n_row, &p.own));
    for (pdm_size l = 0; l < p.n_level; l++) PDM_TRY(pdm_alloc_array(ctx, p.n[l], &p.parent[l]));
    for (pdm_size l = 1; l <= p.n_level; l++) PDM_TRY(pdm_alloc_array(ctx, p.n[l], &p.scale[l]));
    fill(rows, &p);
    *out = p;
    return PDM_OK;
done:
    cpu_pyramid_destroy(ctx, &p);
    return status;
}

void cpu_pyramid_destroy(pdm_context *ctx, cpu_pyramid *p)
{
    pdm_free(ctx, p->unscale);
    pdm_free(ctx, p->own);
    for (pdm_size l = 0; l < PDM_MAX_LEVEL; l++) pdm_free(ctx, p->parent[l]);
    for (pdm_size l = 0; l <= PDM_MAX_LEVEL; l++) pdm_free(ctx, p->scale[l]);
    *p = (cpu_pyramid){0};
}

/* Up: sums of unscaled rows. Down: each box hands its children its own share and its parent's. */
void cpu_pyramid_weigh(const cpu_pyramid *p, const double *restrict r, double *restrict out, double *restrict work)
{
    double *level[PDM_MAX_LEVEL + 1] = {NULL}; /* [l] sums of level l, then what goes down */

    for (pdm_size l = 1; l <= p->n_level; l++) {
        level[l] = work;
        work += p->n[l];
        memset(level[l], 0, (size_t)p->n[l] * sizeof(double));
    }
    for (pdm_size i = 0; i < p->n[0]; i++)
        if (p->parent[0][i] >= 0) level[1][p->parent[0][i]] += p->unscale[i] * r[i];
    for (pdm_size l = 1; l < p->n_level; l++)
        for (pdm_size i = 0; i < p->n[l]; i++)
            if (p->parent[l][i] >= 0) level[l + 1][p->parent[l][i]] += level[l][i];
    for (pdm_size l = p->n_level; l >= 1; l--)
        for (pdm_size i = 0; i < p->n[l]; i++) {
            const bool inner = l < p->n_level && p->parent[l][i] >= 0;
            level[l][i] = p->scale[l][i] * p->scale[l][i] * level[l][i] + (inner ? level[l + 1][p->parent[l][i]] : 0.0);
        }
    for (pdm_size i = 0; i < p->n[0]; i++)
        out[i] = p->own[i] * r[i] + (p->parent[0][i] >= 0 ? p->unscale[i] * level[1][p->parent[0][i]] : 0.0);
}
