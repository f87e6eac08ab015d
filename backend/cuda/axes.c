#include "backend/cuda/cuda_impl.h"

#include "backend/cuda/axes.h"
#include "backend/cuda/pack.h"

/* What is turned round on the host: from coefficients to points, from points to rows. */
typedef struct transposes {
    int32_t *seen0, *seen_point, *seen_local, *use0, *use_row;
    double  *use_weight, *row_scale;
} transposes;

_Static_assert((int)AXES == (int)PDM_MAX_DIM, "kernels have as many axes as there may be dimensions");

/* A dimension that is not there: one point that sees one coefficient, one row of it. */
static const int32_t  NOWHERE[] = {0, 1};
static const double   ONE[]     = {1.0};
static const pdm_axis NO_AXIS   = {.n_point     = 1,
                                   .coordinate  = ONE,
                                   .element     = NOWHERE,
                                   .basis       = ONE,
                                   .n_row       = 1,
                                   .row_element = NOWHERE,
                                   .pair0       = NOWHERE,
                                   .pair_point  = NOWHERE,
                                   .pair_weight = ONE,
                                   .pair_basis  = ONE};

static const axis_source NO_DIMENSION = {&NO_AXIS, 1, 1, 1, 1.0, ONE};

static bool has_rows(const axis_source *x)
{
    return x->row_scale != NULL;
}

void cuda_sort_by_key(pdm_size n_key, pdm_size n, const int32_t *key, int32_t *first, int32_t *list)
{
    for (pdm_size i = 0; i < n; i++) first[key[i] + 1]++;
    for (pdm_size k = 0; k < n_key; k++) first[k + 1] += first[k];
    for (pdm_size i = 0; i < n; i++) list[first[key[i]]++] = (int32_t)i;
    for (pdm_size k = n_key; k > 0; k--) first[k] = first[k - 1];
    first[0] = 0;
}

static pdm_status list_points(pdm_context *ctx, const axis_source *x, transposes *t)
{
    pdm_status     status = PDM_OK;
    const pdm_size n      = x->axis->n_point * x->width;
    int32_t       *key = NULL, *list = NULL;

    PDM_TRY(pdm_alloc_array(ctx, n, &key));
    PDM_TRY(pdm_alloc_array(ctx, n, &list));
    PDM_TRY(pdm_alloc_array(ctx, x->n_coef + 1, &t->seen0));
    PDM_TRY(pdm_alloc_array(ctx, n, &t->seen_point));
    PDM_TRY(pdm_alloc_array(ctx, n, &t->seen_local));
    for (pdm_size i = 0; i < n; i++) key[i] = (int32_t)((x->axis->element[i / x->width] + i % x->width) % x->n_coef);
    cuda_sort_by_key(x->n_coef, n, key, t->seen0, list);
    for (pdm_size i = 0; i < n; i++) {
        t->seen_point[i] = (int32_t)(list[i] / x->width);
        t->seen_local[i] = (int32_t)(list[i] % x->width);
    }
done:
    pdm_free(ctx, key);
    pdm_free(ctx, list);
    return status;
}

static pdm_status list_rows(pdm_context *ctx, const axis_source *x, transposes *t)
{
    pdm_status      status = PDM_OK;
    const pdm_axis *axis   = x->axis;
    const pdm_size  n      = axis->pair0[axis->n_row];
    int32_t        *row = NULL, *list = NULL;

    PDM_TRY(pdm_alloc_array(ctx, n, &row));
    PDM_TRY(pdm_alloc_array(ctx, n, &list));
    PDM_TRY(pdm_alloc_array(ctx, axis->n_point + 1, &t->use0));
    PDM_TRY(pdm_alloc_array(ctx, n, &t->use_row));
    PDM_TRY(pdm_alloc_array(ctx, n, &t->use_weight));
    PDM_TRY(pdm_alloc_array(ctx, axis->n_row, &t->row_scale));
    for (pdm_size i = 0; i < axis->n_row; i++) {
        for (int32_t k = axis->pair0[i]; k < axis->pair0[i + 1]; k++) row[k] = (int32_t)i;
        t->row_scale[i] = x->scale * x->row_scale[i];
    }
    cuda_sort_by_key(axis->n_point, n, axis->pair_point, t->use0, list);
    for (pdm_size i = 0; i < n; i++) {
        t->use_row[i]    = row[list[i]];
        t->use_weight[i] = axis->pair_weight[list[i]];
    }
done:
    pdm_free(ctx, row);
    pdm_free(ctx, list);
    return status;
}

static void transposes_destroy(pdm_context *ctx, transposes *t)
{
    pdm_free(ctx, t->seen0);
    pdm_free(ctx, t->seen_point);
    pdm_free(ctx, t->seen_local);
    pdm_free(ctx, t->use0);
    pdm_free(ctx, t->use_row);
    pdm_free(ctx, t->use_weight);
    pdm_free(ctx, t->row_scale);
}

/* Run twice, see pack.h. Rows that are not to be linearised have no pair_basis. */
static void put_axis(cuda_pack *k, const axis_source *x, const transposes *t, cuda_axis *out)
{
    const pdm_axis *a      = x->axis;
    const pdm_size  n_seen = a->n_point * x->width, n_pair = has_rows(x) ? a->pair0[a->n_row] : 0;

    *out            = (cuda_axis){.n_point = a->n_point,
                                  .n_coef  = x->n_coef,
                                  .n_row   = has_rows(x) ? a->n_row : 0,
                                  .n_pair  = n_pair,
                                  .width   = (int32_t)x->width};
    out->coordinate = cuda_pack_put(k, a->coordinate, a->coordinate ? a->n_point : 0);
    out->element    = cuda_pack_put(k, a->element, a->n_point);
    out->basis      = cuda_pack_put(k, a->basis, x->n_order * n_seen);
    out->seen0      = cuda_pack_put(k, t->seen0, x->n_coef + 1);
    out->seen_point = cuda_pack_put(k, t->seen_point, n_seen);
    out->seen_local = cuda_pack_put(k, t->seen_local, n_seen);
    if (!has_rows(x)) return;
    out->pair0       = cuda_pack_put(k, a->pair0, a->n_row + 1);
    out->pair_point  = cuda_pack_put(k, a->pair_point, n_pair);
    out->pair_weight = cuda_pack_put(k, a->pair_weight, n_pair);
    out->row_scale   = cuda_pack_put(k, t->row_scale, a->n_row);
    out->use0        = cuda_pack_put(k, t->use0, a->n_point + 1);
    out->use_row     = cuda_pack_put(k, t->use_row, n_pair);
    out->use_weight  = cuda_pack_put(k, t->use_weight, n_pair);
    if (a->pair_basis) out->pair_basis = cuda_pack_put(k, a->pair_basis, x->n_order * n_pair * x->width);
}

/* All axes of all tensors; those that are not there are one and the same. */
static void put_axes(cuda_pack *k, pdm_size n, pdm_size n_dim, const axis_source *source, const transposes *t,
                     cuda_axis *out)
{
    cuda_axis none;

    put_axis(k, &NO_DIMENSION, &t[n * n_dim], &none);
    for (pdm_size i = 0; i < n; i++)
        for (pdm_size j = 0; j < AXES; j++) {
            const pdm_size at = i * n_dim + j;
            if (j < n_dim)
                put_axis(k, &source[at], &t[at], &out[i * AXES + j]);
            else
                out[i * AXES + j] = none;
        }
}

static pdm_status list_all(pdm_context *ctx, const axis_source *x, transposes *t)
{
    pdm_status status = PDM_OK;
    PDM_TRY(list_points(ctx, x, t));
    if (has_rows(x)) PDM_TRY(list_rows(ctx, x, t));
done:
    return status;
}

pdm_status cuda_axes_create(pdm_cuda *cu, pdm_size n, pdm_size n_dim, const axis_source *source, cuda_axes *out)
{
    pdm_status     status = PDM_OK;
    pdm_context   *ctx    = cu->base.ctx;
    const pdm_size n_axis = n * n_dim;
    transposes    *t      = NULL;
    cuda_pack      pack   = {0};

    PDM_TRY(pdm_alloc_array(ctx, n_axis + 1, &t));
    for (pdm_size i = 0; i < n_axis; i++) PDM_TRY(list_all(ctx, &source[i], &t[i]));
    PDM_TRY(list_all(ctx, &NO_DIMENSION, &t[n_axis]));
    PDM_TRY(pdm_alloc_array(ctx, n * AXES, &out->axis));
    put_axes(&pack, n, n_dim, source, t, out->axis);
    PDM_TRY(cuda_pack_allocate(cu, &pack));
    put_axes(&pack, n, n_dim, source, t, out->axis);
    PDM_TRY(cuda_pack_send(cu, &pack));
    out->device = pack.device;
    pack.device = NULL;
done:
    for (pdm_size i = 0; t && i <= n_axis; i++) transposes_destroy(ctx, &t[i]);
    pdm_free(ctx, t);
    cuda_pack_destroy(cu, &pack);
    return status;
}

void cuda_axes_destroy(pdm_cuda *cu, cuda_axes *axes)
{
    cuda_free(cu, axes->device);
    pdm_free(cu->base.ctx, axes->axis);
    *axes = (cuda_axes){0};
}

axes_size cuda_axes_size(const cuda_axis *axis)
{
    axes_size n = {1, 1, 1, 1, 1};

    for (int j = 0; j < AXES; j++) {
        n.n_point *= axis[j].n_point;
        n.n_coef *= axis[j].n_coef;
        n.n_row *= axis[j].n_row;
        n.n_local *= axis[j].width;
        n.n_pair *= axis[j].n_pair;
    }
    return n;
}
