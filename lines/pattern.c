/* Which unknowns each row reads, and where in the Jacobian each entry of its walk goes. */
#include "lines/lines.h"

#include <stdlib.h>

#include "lines/lines_impl.h"

static int compare(const void *a, const void *b)
{
    const int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return (x > y) - (x < y);
}

/* Columns of one row in the order of the walk: column [*n], of `most` places; NULL only counts. */
static void walk(const pdm_lines *l, const lines_row *r, pdm_size unknown, pdm_size *n, int32_t *column)
{
    const int32_t  function[] = {r->a, r->b};
    const pdm_size base       = unknown / l->n_variable * l->n_variable;
    int32_t        node[LINES_MAX_ENTRY];
    double         weight[LINES_MAX_ENTRY];

    *n = 0;
    if (r->kind == LINES_VALUE || r->kind == LINES_RATE) {
        if (column) column[*n] = (int32_t)base + (r->moves ? r->rate : r->variable);
        (*n)++;
    }
    if (r->kind == LINES_RATE) {
        if (column) column[*n] = (int32_t)base + r->rate;
        (*n)++;
    }
    for (int k = 0; k < 2; k++) {
        const lines_function *f = function[k] >= 0 ? &l->function[function[k]] : NULL;
        for (pdm_size i = 0; f && f->function && i < f->function->n_atom; i++) {
            pdm_size          m;
            const lines_atom *a = r->moves ? &f->moved[i] : &f->atom[i];
            lines_expand(l, a, r->at, &m, node, weight);
            for (pdm_size q = 0; q < m && column; q++) column[*n + q] = node[q] * (int32_t)l->n_variable + a->variable;
            *n += m;
        }
    }
}

/* Sorts, keeps one of each: number of columns. */
static pdm_size unique(int32_t *column, pdm_size n)
{
    pdm_size kept = 0;
    qsort(column, (size_t)n, sizeof *column, compare);
    for (pdm_size i = 0; i < n; i++)
        if (kept == 0 || column[i] != column[kept - 1]) column[kept++] = column[i];
    return kept;
}

pdm_status lines_pattern_create(pdm_lines *l)
{
    pdm_status status = PDM_OK;
    int32_t   *sorted = NULL;
    pdm_size   most = 0, n, total = 0;

    PDM_TRY(pdm_alloc_array(l->ctx, l->n_unknown + 1, &l->row0));
    PDM_TRY(pdm_alloc_array(l->ctx, l->n_unknown + 1, &l->slot0));
    for (pdm_size i = 0; i < l->n_unknown; i++) {
        walk(l, &l->row[i], i, &n, NULL);
        l->slot0[i + 1] = l->slot0[i] + n;
        most            = n > most ? n : most;
    }
    PDM_TRY(pdm_alloc_array(l->ctx, l->slot0[l->n_unknown], &l->slot));
    PDM_TRY(pdm_alloc_array(l->ctx, l->slot0[l->n_unknown], &l->column));
    PDM_TRY(pdm_alloc_array(l->ctx, most, &sorted));
    for (pdm_size i = 0; i < l->n_unknown; i++) {
        int32_t *slot = l->slot + l->slot0[i];
        walk(l, &l->row[i], i, &n, slot);
        for (pdm_size k = 0; k < n; k++) sorted[k] = slot[k];
        const pdm_size kept = unique(sorted, n);
        for (pdm_size k = 0; k < n; k++)
            slot[k] = (int32_t)((int32_t *)bsearch(&slot[k], sorted, (size_t)kept, sizeof *sorted, compare) - sorted);
        for (pdm_size k = 0; k < kept; k++) l->column[total + k] = sorted[k];
        total += kept;
        l->row0[i + 1] = total;
    }
done:
    pdm_free(l->ctx, sorted);
    return status;
}

void pdm_lines_pattern(const pdm_lines *l, const pdm_size **row0, const int32_t **column)
{
    *row0   = l->row0;
    *column = l->column;
}
