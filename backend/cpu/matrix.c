/* Products with sparse matrices. Entries of splines lie four columns after each other, most of them: such rows are sums
 * of products of four. */
#include "backend/cpu/cpu_impl.h"

enum { CHUNK_ROWS = 2048 };

struct pdm_matrix_plan {
    const pdm_matrix_desc *desc; /* lent */
    pdm_size               n, n_chunk;
    int32_t               *row;   /* [n] that have entries                        */
    bool                  *fours; /* [n] which come four columns after each other */
};

typedef struct matrix_task {
    const pdm_matrix_plan *plan;
    pdm_batch              batch;
    const double          *x;
    double                *y;
} matrix_task;

typedef double four __attribute__((vector_size(32), aligned(8), may_alias));

static double sum_of_fours(pdm_size n, const int32_t *column, const double *value, const double *x)
{
    four sum = {0.0, 0.0, 0.0, 0.0};
    for (pdm_size e = 0; e < n; e += 4) sum += *(const four *)(value + e) * *(const four *)(x + column[e]);
    return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

static double sum_of_ones(pdm_size n, const int32_t *column, const double *value, const double *x)
{
    double sum = 0.0;
    for (pdm_size e = 0; e < n; e++) sum += value[e] * x[column[e]];
    return sum;
}

/* Fields that begin with nothing have no start. */
static bool is_zero(pdm_size n, const double *x)
{
    pdm_size i = 0;
    while (i < n && x[i] == 0.0) i++;
    return i == n;
}

static void apply_task(void *user, pdm_size task, int thread)
{
    const matrix_task     *k      = user;
    const pdm_matrix_plan *p      = k->plan;
    const pdm_matrix_desc *d      = p->desc;
    const pdm_size         sample = k->batch.index[task / p->n_chunk], first = task % p->n_chunk * CHUNK_ROWS,
                   end = first + CHUNK_ROWS < p->n ? first + CHUNK_ROWS : p->n;
    const double *x    = k->x + sample * d->n_column;
    double       *y    = k->y + sample * d->n_row;
    const bool    zero = is_zero(d->n_column, x);
    (void)thread;

    for (pdm_size i = first; i < end; i++) {
        const int32_t  row = p->row[i], at = d->row0[row];
        const pdm_size n = d->row0[row + 1] - at;
        y[row]           = zero ? 0.0 : (p->fours[i] ? sum_of_fours : sum_of_ones)(n, d->column + at, d->value + at, x);
    }
}

static bool is_of_fours(const pdm_matrix_desc *d, pdm_size row)
{
    if ((d->row0[row + 1] - d->row0[row]) % 4) return false;
    for (int32_t e = d->row0[row]; e < d->row0[row + 1]; e++)
        if (d->column[e] != d->column[e - (e - d->row0[row]) % 4] + (e - d->row0[row]) % 4) return false;
    return true;
}

pdm_status matrix_create_cpu(pdm_backend *b, const pdm_matrix_desc *desc, pdm_matrix_plan **out)
{
    pdm_status       status = PDM_OK;
    pdm_matrix_plan *p      = NULL;

    PDM_TRY(pdm_alloc(b->ctx, sizeof *p, &p));
    p->desc = desc;
    for (pdm_size i = 0; i < desc->n_row; i++) p->n += desc->row0[i + 1] > desc->row0[i];
    p->n_chunk = (p->n + CHUNK_ROWS - 1) / CHUNK_ROWS;
    PDM_TRY(pdm_alloc_array(b->ctx, p->n, &p->row));
    PDM_TRY(pdm_alloc_array(b->ctx, p->n, &p->fours));
    p->n = 0;
    for (pdm_size i = 0; i < desc->n_row; i++) {
        if (desc->row0[i + 1] == desc->row0[i]) continue;
        p->row[p->n]     = (int32_t)i;
        p->fours[p->n++] = is_of_fours(desc, i);
    }
    *out = p;
    p    = NULL;
done:
    matrix_destroy_cpu(b, &p);
    return status;
}

void matrix_destroy_cpu(pdm_backend *b, pdm_matrix_plan **plan)
{
    if (!plan || !*plan) return;
    pdm_free(b->ctx, (*plan)->row);
    pdm_free(b->ctx, (*plan)->fours);
    pdm_free(b->ctx, *plan);
    *plan = NULL;
}

pdm_status matrix_apply_cpu(pdm_backend *b, pdm_matrix_plan *plan, pdm_batch s, pdm_buffer *x, pdm_buffer *y)
{
    matrix_task task = {plan, s, cpu_data(x), cpu_data(y)};
    pdm_cpu_for(pdm_cpu_of(b), s.n * plan->n_chunk, apply_task, &task);
    return PDM_OK;
}
