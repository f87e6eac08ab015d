/* Normal matrices on the device, while planning: what elements see, which experts, unknowns and rows that are. */
#include "backend/cuda/normal_impl.h"

static void draft_elements(normal_draft *t)
{
    const pdm_rows_desc *d = t->rows;

    for (pdm_size e = 0; e < t->n_element; e++) {
        pdm_size index[PDM_MAX_DIM], rest = e;
        for (pdm_size j = d->n_dim - 1; j >= 0; j--) {
            index[j] = rest % d->n_element[j];
            rest /= d->n_element[j];
        }
        for (pdm_size l = 0; l < t->n_local; l++) {
            pdm_size r = l, at = 0, stride = 1;
            for (pdm_size j = d->n_dim - 1; j >= 0; j--) {
                at += (index[j] + r % (d->degree[j] + 1)) % d->n_coef[j] * stride;
                r /= d->degree[j] + 1;
                stride *= d->n_coef[j];
            }
            t->element_coef[e * t->n_local + l] = (int32_t)at;
        }
    }
}

/* All terms of a block of rows have the same rows. */
static void draft_row_elements(normal_draft *t)
{
    const pdm_rows_desc *d = t->rows;

    for (pdm_size k = 0; k < d->n_term; k++) {
        const pdm_axis *axis = d->term[k].axis;
        pdm_size        n    = 1;
        for (pdm_size j = 0; j < d->n_dim; j++) n *= axis[j].n_row;
        for (pdm_size i = 0; i < n; i++) {
            pdm_size rest = i, e = 0, stride = 1;
            for (pdm_size j = d->n_dim - 1; j >= 0; j--) {
                e += axis[j].row_element[rest % axis[j].n_row] * stride;
                rest /= axis[j].n_row;
                stride *= d->n_element[j];
            }
            t->row_element[d->term[k].row0 + i] = (int32_t)e;
        }
    }
}

static pdm_status draft_rows(pdm_context *ctx, normal_draft *t)
{
    pdm_status           status = PDM_OK;
    const pdm_rows_desc *d      = t->rows;
    int32_t             *used   = NULL;

    t->n_local = t->n_element = 1;
    for (pdm_size j = 0; j < d->n_dim; j++) {
        t->n_local *= d->degree[j] + 1;
        t->n_element *= d->n_element[j];
    }
    PDM_TRY(pdm_alloc_array(ctx, t->n_element * t->n_local, &t->element_coef));
    PDM_TRY(pdm_alloc_array(ctx, d->n_row, &t->row_element));
    PDM_TRY(pdm_alloc_array(ctx, t->n_element + 1, &t->element_row0));
    PDM_TRY(pdm_alloc_array(ctx, d->n_row, &t->element_row));
    PDM_TRY(pdm_alloc_array(ctx, t->n_element, &used));
    draft_elements(t);
    draft_row_elements(t);
    for (pdm_size i = 0; i < d->n_row; i++) t->element_row0[t->row_element[i] + 1]++;
    for (pdm_size e = 0; e < t->n_element; e++) t->element_row0[e + 1] += t->element_row0[e];
    for (pdm_size i = 0; i < d->n_row; i++) {
        const int32_t e                                = t->row_element[i];
        t->element_row[t->element_row0[e] + used[e]++] = (int32_t)i;
    }
done:
    pdm_free(ctx, used);
    return status;
}

static pdm_status draft_owners(pdm_context *ctx, normal_draft *t)
{
    pdm_status              status = PDM_OK;
    const pdm_columns_desc *d      = t->columns;
    const pdm_size          n      = d->n_field * d->n_coef;
    pdm_size               *used   = NULL;

    PDM_TRY(pdm_alloc_array(ctx, n + 1, &t->owner0));
    PDM_TRY(pdm_alloc_array(ctx, n, &used));
    for (pdm_size g = 0; g < t->n_group; g++)
        for (pdm_size i = 0; i < d->group[g].n_coef; i++)
            t->owner0[d->group[g].field * d->n_coef + d->group[g].coef[i] + 1]++;
    for (pdm_size i = 0; i < n; i++) t->owner0[i + 1] += t->owner0[i];
    PDM_TRY(pdm_alloc_array(ctx, t->owner0[n], &t->owner_group));
    PDM_TRY(pdm_alloc_array(ctx, t->owner0[n], &t->owner_place));
    for (pdm_size g = 0; g < t->n_group; g++)
        for (pdm_size i = 0; i < d->group[g].n_coef; i++) {
            const pdm_size k = d->group[g].field * d->n_coef + d->group[g].coef[i], at = t->owner0[k] + used[k]++;
            t->owner_group[at] = (int32_t)g;
            t->owner_place[at] = (int32_t)i;
        }
done:
    pdm_free(ctx, used);
    return status;
}

static pdm_status draft_unknowns(pdm_context *ctx, normal_draft *t)
{
    pdm_status             status = PDM_OK;
    const pdm_blocks_desc *d      = t->blocks;

    PDM_TRY(pdm_alloc_array(ctx, d->n_unknown, &t->block_of));
    PDM_TRY(pdm_alloc_array(ctx, d->n_unknown, &t->place_of));
    for (pdm_size j = 0, packed = 0; j < d->n_block; j++)
        for (pdm_size i = 0; i < d->size[j]; i++, packed++) {
            t->block_of[d->order[packed]] = (int32_t)j;
            t->place_of[d->order[packed]] = (int32_t)i;
        }
done:
    return status;
}

pdm_status normal_draft_create(pdm_context *ctx, const pdm_rows_desc *rows, const pdm_columns_desc *columns,
                               const pdm_blocks_desc *blocks, normal_draft *t)
{
    pdm_status status = PDM_OK;

    *t = (normal_draft){
        .rows = rows, .columns = columns, .blocks = blocks, .n_group = columns->n_expert * columns->n_field};
    PDM_TRY(cpu_pyramid_create(ctx, rows, &t->pyramid));
    PDM_TRY(draft_rows(ctx, t));
    PDM_TRY(draft_owners(ctx, t));
    PDM_TRY(draft_unknowns(ctx, t));
    PDM_TRY(pdm_alloc_array(ctx, columns->n_expert + 1, &t->seen));
    PDM_TRY(pdm_alloc_array(ctx, columns->n_expert + t->pyramid.n[1], &t->count));
done:
    return status;
}

void normal_draft_destroy(pdm_context *ctx, normal_draft *t)
{
    cpu_pyramid_destroy(ctx, &t->pyramid);
    pdm_free(ctx, t->element_coef);
    pdm_free(ctx, t->row_element);
    pdm_free(ctx, t->element_row0);
    pdm_free(ctx, t->element_row);
    pdm_free(ctx, t->owner0);
    pdm_free(ctx, t->owner_group);
    pdm_free(ctx, t->owner_place);
    pdm_free(ctx, t->block_of);
    pdm_free(ctx, t->place_of);
    pdm_free(ctx, t->seen);
    pdm_free(ctx, t->count);
    pdm_free(ctx, t->piece0);
    pdm_free(ctx, t->piece_element);
    pdm_free(ctx, t->piece_row);
    pdm_free(ctx, t->piece_expert);
    pdm_free(ctx, t->of_element0);
    pdm_free(ctx, t->of_element);
    pdm_free(ctx, t->expert);
    *t = (normal_draft){0};
}
