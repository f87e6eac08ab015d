#include "backend/backend.h"

#include "backend/lists.h"

bool pdm_rows_is_first_of_block(const pdm_rows_desc *d, pdm_size term)
{
    for (pdm_size i = 0; i < term; i++)
        if (d->term[i].row0 == d->term[term].row0) return false;
    return true;
}

void pdm_rows_elements(const pdm_rows_desc *d, int32_t *element)
{
    for (pdm_size k = 0; k < d->n_term; k++) {
        const pdm_axis *axis = d->term[k].axis;
        pdm_size        n    = pdm_rows_is_first_of_block(d, k) ? 1 : 0;
        for (pdm_size j = 0; j < d->n_dim; j++) n *= axis[j].n_row;
        for (pdm_size i = 0; i < n; i++) {
            pdm_size rest = i, at = 0, stride = 1;
            for (pdm_size j = d->n_dim - 1; j >= 0; j--) {
                at += axis[j].row_element[rest % axis[j].n_row] * stride;
                rest /= axis[j].n_row;
                stride *= d->n_element[j];
            }
            element[d->term[k].row0 + i] = (int32_t)at;
        }
    }
}

void pdm_rows_coefficients(const pdm_rows_desc *d, int32_t *coefficient)
{
    pdm_size n_element = 1, n_local = 1;

    for (pdm_size j = 0; j < d->n_dim; j++) {
        n_element *= d->n_element[j];
        n_local *= d->degree[j] + 1;
    }
    for (pdm_size i = 0; i < n_element * n_local; i++) {
        pdm_size element = i / n_local, local = i % n_local, at = 0, stride = 1;
        for (pdm_size j = d->n_dim - 1; j >= 0; j--) {
            const pdm_size width = d->degree[j] + 1;
            at += (element % d->n_element[j] + local % width) % d->n_coef[j] * stride;
            element /= d->n_element[j];
            local /= width;
            stride *= d->n_coef[j];
        }
        coefficient[i] = (int32_t)at;
    }
}

pdm_status pdm_owners_create(pdm_context *ctx, const pdm_columns_desc *d, pdm_owners *out)
{
    pdm_status     status = PDM_OK;
    const pdm_size n = d->n_field * d->n_coef, n_group = d->n_expert * d->n_field;
    pdm_size      *used = NULL;

    PDM_TRY(pdm_alloc_array(ctx, n + 1, &out->first));
    PDM_TRY(pdm_alloc_array(ctx, n, &used));
    for (pdm_size g = 0; g < n_group; g++)
        for (pdm_size i = 0; i < d->group[g].n_coef; i++)
            out->first[d->group[g].field * d->n_coef + d->group[g].coef[i] + 1]++;
    for (pdm_size i = 0; i < n; i++) out->first[i + 1] += out->first[i];
    PDM_TRY(pdm_alloc_array(ctx, out->first[n], &out->group));
    PDM_TRY(pdm_alloc_array(ctx, out->first[n], &out->place));
    for (pdm_size g = 0; g < n_group; g++)
        for (pdm_size i = 0; i < d->group[g].n_coef; i++) {
            const pdm_size c = d->group[g].field * d->n_coef + d->group[g].coef[i], at = out->first[c] + used[c]++;
            out->group[at] = (int32_t)g;
            out->place[at] = (int32_t)i;
        }
done:
    pdm_free(ctx, used);
    return status;
}

void pdm_owners_destroy(pdm_context *ctx, pdm_owners *o)
{
    pdm_free(ctx, o->first);
    pdm_free(ctx, o->group);
    pdm_free(ctx, o->place);
    *o = (pdm_owners){0};
}
