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

pdm_status pdm_rows_by_element(pdm_context *ctx, const pdm_rows_desc *d, pdm_size **row0, int32_t **row)
{
    pdm_status status    = PDM_OK;
    pdm_size   n_element = 1, *first = NULL, *next = NULL;
    int32_t   *element = NULL, *list = NULL;

    for (pdm_size j = 0; j < d->n_dim; j++) n_element *= d->n_element[j];
    PDM_TRY(pdm_alloc_array(ctx, n_element + 1, &first));
    PDM_TRY(pdm_alloc_array(ctx, n_element, &next));
    PDM_TRY(pdm_alloc_array(ctx, d->n_row, &element));
    PDM_TRY(pdm_alloc_array(ctx, d->n_row, &list));
    pdm_rows_elements(d, element);
    for (pdm_size q = 0; q < d->n_row; q++) first[element[q] + 1]++;
    for (pdm_size e = 0; e < n_element; e++) {
        first[e + 1] += first[e];
        next[e] = first[e];
    }
    for (pdm_size q = 0; q < d->n_row; q++) list[next[element[q]]++] = (int32_t)q;
    *row0 = first;
    *row  = list;
    first = NULL;
    list  = NULL;
done:
    pdm_free(ctx, first);
    pdm_free(ctx, next);
    pdm_free(ctx, element);
    pdm_free(ctx, list);
    return status;
}

pdm_size pdm_element_sees(pdm_size n_dim, const pdm_size *degree, const pdm_size *n_coef, const pdm_size *element,
                          int32_t *list)
{
    pdm_size n = 1;
    list[0]    = 0;
    for (pdm_size j = 0; j < n_dim; j++) {
        const pdm_size width = degree[j] + 1;
        for (pdm_size k = n - 1; k >= 0; k--)
            for (pdm_size l = width - 1; l >= 0; l--)
                list[k * width + l] = (int32_t)(list[k] * n_coef[j] + (element[j] + l) % n_coef[j]);
        n *= width;
    }
    return n;
}

void pdm_rows_coefficients(const pdm_rows_desc *d, int32_t *coefficient)
{
    pdm_size element[PDM_MAX_DIM] = {0}, j = 0;

    while (j >= 0) {
        coefficient += pdm_element_sees(d->n_dim, d->degree, d->n_coef, element, coefficient);
        for (j = d->n_dim - 1; j >= 0 && ++element[j] == d->n_element[j]; j--) element[j] = 0;
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
