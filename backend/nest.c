#include "backend/nest.h"

#include <string.h>

enum {
    STRIDE = 2,   /* of patches, which are degree+1 coefficients wide                       */
    STRIP  = 16,  /* patches of a strip, along dimension 0: STRIDE STRIP > 3 degree          */
    WHOLE  = 1000 /* unknowns of the last level up to which it is one patch: solved exactly */
};

void pdm_nest_unpack(pdm_size n_dim, const pdm_size *shape, pdm_size i, pdm_size *index)
{
    for (pdm_size j = n_dim - 1; j >= 0; j--) {
        index[j] = i % shape[j];
        i /= shape[j];
    }
}

/* From the matrices of elements: which coefficients of the next level a coefficient sees, with what weight. */
static pdm_status plan_transfer(pdm_context *ctx, const pdm_nest_levels *p, pdm_nest_level *l)
{
    pdm_status status = PDM_OK;
    for (pdm_size j = 0; j < p->n_dim; j++) {
        const pdm_nest_axis *axis = &l->axis[j];
        const pdm_size       w    = p->rows->degree[j] + 1;
        PDM_TRY(pdm_alloc_array(ctx, l->n_coef[j], &l->first[j]));
        PDM_TRY(pdm_alloc_array(ctx, l->n_coef[j] * w, &l->weight[j]));
        PDM_TRY(pdm_alloc_array(ctx, axis->n_element + 1, &l->child[j]));
        for (pdm_size i = 0; i < l->n_coef[j]; i++) {
            const pdm_size e = i < l->n_element[j] ? i : l->n_element[j] - 1;
            l->first[j][i]   = axis->parent[e];
            memcpy(l->weight[j] + i * w, axis->local + (e * w + i - e) * w, (size_t)w * sizeof(double));
        }
        for (pdm_size e = 0; e < l->n_element[j]; e++) l->child[j][axis->parent[e] + 1] = (int32_t)(e + 1);
    }
done:
    return status;
}

/* A coefficient of the next level is free where all that it moves are. */
static void plan_free(const pdm_nest_levels *p, const pdm_nest_level *l, pdm_nest_level *c)
{
    memset(c->free, 1, (size_t)c->n_all);
    for (pdm_size coef = 0; coef < l->n; coef++)
        for (pdm_size k = 0; k < p->n_local; k++) {
            pdm_size index[PDM_MAX_DIM], local[PDM_MAX_DIM], shape[PDM_MAX_DIM], at = 0;
            double   w = 1.0;
            for (pdm_size j = 0; j < p->n_dim; j++) shape[j] = p->rows->degree[j] + 1;
            pdm_nest_unpack(p->n_dim, l->n_coef, coef, index);
            pdm_nest_unpack(p->n_dim, shape, k, local);
            for (pdm_size j = 0; j < p->n_dim; j++) {
                w *= l->weight[j][index[j] * shape[j] + local[j]];
                at = at * c->n_coef[j] + (l->first[j][index[j]] + local[j]) % c->n_coef[j];
            }
            for (pdm_size f = 0; f < p->n_field && w != 0.0; f++)
                if (!l->free[f * l->n + coef]) c->free[f * c->n + at] = 0;
        }
}

/* Colours of n patches in a row or a ring, STRIDE apart. Between two that are degree+1 patches apart, 2 degree+1 unknowns
 * at least, H has nothing. A ring is cut into as many stretches as there is room for, alike but for one patch. */
static pdm_size n_colour_of(pdm_size degree, bool ring, pdm_size n)
{
    const pdm_size apart = degree + 1, n_stretch = ring && n >= apart ? n / apart : 1;
    return ring ? (n + n_stretch - 1) / n_stretch : n < apart ? n : apart;
}

static pdm_size colour_of(pdm_size degree, bool ring, pdm_size n, pdm_size i)
{
    const pdm_size apart = degree + 1, n_stretch = ring && n >= apart ? n / apart : 1;
    const pdm_size length = n / n_stretch, n_longer = n % n_stretch, longer = n_longer * (length + 1);
    if (!ring) return i % apart;
    return i < longer ? i % (length + 1) : (i - longer) % length;
}

/* Strips of a level whose patches have n corners along dimension 0. */
static pdm_size n_strip_of(pdm_size n, bool ring)
{
    const pdm_size most = n / STRIP;
    return most < 2 ? 1 : ring ? most / 2 * 2 : most;
}

/* Patches of a level, on a grid of corners; the last level is one patch. Run with unknown NULL to measure. */
static pdm_size plan_patches(const pdm_nest_levels *p, pdm_nest_level *l, bool whole)
{
    pdm_size corner[PDM_MAX_DIM], shape[PDM_MAX_DIM] = {0}, index[PDM_MAX_DIM], side[PDM_MAX_DIM], n_in = 1, used = 0;
    pdm_size n_corner = 1, value = 0;
    bool     ring[PDM_MAX_DIM] = {false};
    for (pdm_size j = 0; j < p->n_dim; j++) {
        side[j]  = whole || p->rows->degree[j] + 1 > l->n_coef[j] ? l->n_coef[j] : p->rows->degree[j] + 1;
        ring[j]  = p->rows->periodic[j] && !whole;
        shape[j] = ring[j] ? (l->n_coef[j] + STRIDE - 1) / STRIDE : (l->n_coef[j] - side[j] + STRIDE - 1) / STRIDE + 1;
        n_in *= side[j];
        n_corner *= shape[j];
    }
    l->n_patch  = 0;
    l->n_colour = 1;
    l->n_strip  = n_strip_of(shape[0], ring[0]);
    for (pdm_size j = 0; j < p->n_dim; j++) l->n_colour *= n_colour_of(p->rows->degree[j], ring[j], shape[j]);
    for (pdm_size q = 0; q < n_corner; q++) {
        const pdm_size before = used;
        pdm_size       colour = 0;
        pdm_nest_unpack(p->n_dim, shape, q, corner);
        for (pdm_size j = 0; j < p->n_dim; j++)
            colour = colour * n_colour_of(p->rows->degree[j], ring[j], shape[j]) +
                     colour_of(p->rows->degree[j], ring[j], shape[j], corner[j]);
        for (pdm_size i = 0; i < n_in; i++) {
            pdm_size at = 0;
            pdm_nest_unpack(p->n_dim, side, i, index);
            for (pdm_size j = 0; j < p->n_dim; j++) {
                pdm_size from = corner[j] * STRIDE;
                if (!p->rows->periodic[j] && from > l->n_coef[j] - side[j]) from = l->n_coef[j] - side[j];
                at = at * l->n_coef[j] + (from + index[j]) % l->n_coef[j];
            }
            for (pdm_size f = 0; f < p->n_field; f++)
                if (l->free[f * l->n + at]) {
                    if (l->unknown) l->unknown[used] = (int32_t)(f * l->n + at);
                    used++;
                }
        }
        const pdm_size n = used - before;
        if (n == 0) continue;
        if (l->unknown) {
            for (pdm_size k = corner[0] * l->n_strip / shape[0]; k < l->n_strip; k++) l->strip0[k + 1] = l->n_patch + 1;
            l->patch0[l->n_patch + 1]  = used;
            l->factor0[l->n_patch + 1] = value + n * (n + 1) / 2;
            l->colour[l->n_patch]      = (int32_t)colour;
        }
        value += n * (n + 1) / 2;
        l->most = n > l->most ? n : l->most;
        l->n_patch++;
    }
    return used;
}

static pdm_status plan_level(pdm_context *ctx, pdm_nest_levels *p, const pdm_nest_desc *desc, pdm_size i)
{
    pdm_status      status = PDM_OK;
    pdm_nest_level *l      = &p->level[i];

    l->n = 1;
    for (pdm_size j = 0; j < p->n_dim; j++) {
        const pdm_nest_axis *from = i > 0 ? &l[-1].axis[j] : NULL;
        l->n_coef[j]              = from ? from->n_coef : p->rows->n_coef[j];
        l->n_element[j]           = from ? from->n_element : p->rows->n_element[j];
        l->n *= l->n_coef[j];
    }
    l->n_all = l->n * p->n_field;
    l->axis  = i + 1 < p->n_level ? desc->axis + i * p->n_dim : NULL;
    PDM_TRY(pdm_alloc_array(ctx, l->n_all, &l->free));
    if (i == 0)
        memcpy(l->free, desc->free, (size_t)l->n_all);
    else
        plan_free(p, l - 1, l);
    if (l->axis) PDM_TRY(plan_transfer(ctx, p, l));
    const bool     whole = !l->axis && l->n_all <= WHOLE;
    const pdm_size n     = plan_patches(p, l, whole);
    PDM_TRY(pdm_alloc_array(ctx, l->n_patch + 1, &l->patch0));
    PDM_TRY(pdm_alloc_array(ctx, l->n_patch + 1, &l->factor0));
    PDM_TRY(pdm_alloc_array(ctx, l->n_patch, &l->colour));
    PDM_TRY(pdm_alloc_array(ctx, l->n_strip + 1, &l->strip0));
    PDM_TRY(pdm_alloc_array(ctx, n, &l->unknown));
    plan_patches(p, l, whole);
    l->at_stencil = p->n_value;
    l->at_factor  = l->at_stencil + l->n_all * p->n_field * p->width;
    l->at_r       = l->at_factor + l->factor0[l->n_patch];
    l->at_x       = l->at_r + l->n_all;
    p->n_value    = l->at_x + l->n_all;
done:
    return status;
}

pdm_status pdm_nest_levels_create(pdm_context *ctx, const pdm_rows_desc *rows, const pdm_nest_desc *desc,
                                  pdm_nest_levels *out)
{
    pdm_status      status = PDM_OK;
    pdm_nest_levels p      = {.rows    = rows,
                              .n_dim   = rows->n_dim,
                              .n_field = rows->n_field,
                              .n_level = desc->n_level,
                              .n_local = 1,
                              .width   = 1};

    for (pdm_size j = 0; j < p.n_dim; j++) {
        if (rows->degree[j] > PDM_NEST_DEGREE)
            PDM_FAIL(ctx, PDM_ERR_UNSUPPORTED, "degree %lld; %d at most is supported", (long long)rows->degree[j],
                     PDM_NEST_DEGREE);
        p.n_local *= rows->degree[j] + 1;
        p.width *= 2 * rows->degree[j] + 1;
    }
    p.m = p.n_field * p.n_local;
    PDM_TRY(pdm_alloc_array(ctx, p.n_level, &p.level));
    for (pdm_size i = 0; i < p.n_level; i++) PDM_TRY(plan_level(ctx, &p, desc, i));
    *out = p;
    p    = (pdm_nest_levels){0};
done:
    pdm_nest_levels_destroy(ctx, &p);
    return status;
}

void pdm_nest_levels_destroy(pdm_context *ctx, pdm_nest_levels *p)
{
    for (pdm_size i = 0; p->level && i < p->n_level; i++) {
        pdm_nest_level *l = &p->level[i];
        pdm_free(ctx, l->free);
        pdm_free(ctx, l->patch0);
        pdm_free(ctx, l->factor0);
        pdm_free(ctx, l->unknown);
        pdm_free(ctx, l->colour);
        pdm_free(ctx, l->strip0);
        for (pdm_size j = 0; j < p->n_dim; j++) {
            pdm_free(ctx, l->first[j]);
            pdm_free(ctx, l->weight[j]);
            pdm_free(ctx, l->child[j]);
        }
    }
    pdm_free(ctx, p->level);
    *p = (pdm_nest_levels){0};
}
