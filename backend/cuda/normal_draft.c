/* Normal matrices on the device, while planning: what elements see, which experts, unknowns and rows that are. */
#include "backend/cuda/normal_impl.h"

#include "backend/cuda/axes.h"

static pdm_status draft_rows(pdm_context *ctx, normal_draft *t)
{
    pdm_status           status = PDM_OK;
    const pdm_rows_desc *d      = t->rows;

    t->n_local = t->n_element = 1;
    for (pdm_size j = 0; j < d->n_dim; j++) {
        t->n_local *= d->degree[j] + 1;
        t->n_element *= d->n_element[j];
    }
    PDM_TRY(pdm_alloc_array(ctx, t->n_element * t->n_local, &t->element_coef));
    PDM_TRY(pdm_alloc_array(ctx, d->n_row, &t->row_element));
    PDM_TRY(pdm_alloc_array(ctx, t->n_element + 1, &t->element_row0));
    PDM_TRY(pdm_alloc_array(ctx, d->n_row, &t->element_row));
    pdm_rows_coefficients(d, t->element_coef);
    pdm_rows_elements(d, t->row_element);
    cuda_sort_by_key(t->n_element, d->n_row, t->row_element, t->element_row0, t->element_row);
done:
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
    PDM_TRY(pdm_owners_create(ctx, columns, &t->owners));
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
    pdm_owners_destroy(ctx, &t->owners);
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
