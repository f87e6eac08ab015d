/* Block-sparse Cholesky: dense blocks in a given pattern that includes the fill. Right-looking: factor a block column,
 * then subtract its outer product from the columns it touches. Tasks are samples,
 * or with few of them the rows of a column. */
#include "backend/cpu/blocks_impl.h"

#include <string.h>

enum { FEW_BLOCKS = 8 }; /* fewer are not worth sharing out */

typedef struct blocks_task {
    pdm_cpu               *cpu;
    const pdm_blocks_plan *plan;
    pdm_batch              batch;
    const double          *shift, *ridges, *H, *y;
    double                 ridge;
    double                *L, *x;
    int32_t               *failed;
} blocks_task;

/* Offset of block (i, j); it is in the pattern. */
static pdm_size find_block(const pdm_blocks_desc *d, int32_t i, int32_t j)
{
    int32_t low = d->start[j], high = d->start[j + 1] - 1;
    while (low < high) {
        const int32_t middle = (low + high) / 2;
        if (d->row[middle] < i)
            low = middle + 1;
        else
            high = middle;
    }
    PDM_ASSERT(d->row[low] == i);
    return d->offset[low];
}

pdm_status blocks_select_cpu(pdm_backend *b, pdm_blocks_plan *plan, pdm_batch s, const unsigned char *on)
{
    const pdm_blocks_desc *d = plan->desc;
    (void)b;

    for (pdm_size i = 0; i < s.n; i++) {
        const pdm_size first = s.index[i] * d->n_unknown;
        for (pdm_size j = 0; j < d->n_block; j++) {
            int32_t n = 0;
            for (pdm_size p = plan->packed0[j]; p < plan->packed0[j + 1]; p++)
                if (!on || on[first + d->order[p]]) plan->order[first + plan->packed0[j] + n++] = d->order[p];
            plan->size[s.index[i] * d->n_block + j] = n;
        }
    }
    return PDM_OK;
}

pdm_status blocks_create_cpu(pdm_backend *b, const pdm_blocks_desc *desc, pdm_size n_sample, pdm_blocks_plan **out)
{
    pdm_status       status = PDM_OK;
    pdm_blocks_plan *p      = NULL;

    PDM_TRY(pdm_alloc(b->ctx, sizeof *p, &p));
    p->desc = desc;
    PDM_TRY(pdm_alloc_array(b->ctx, desc->n_block + 1, &p->packed0));
    PDM_TRY(pdm_alloc_array(b->ctx, desc->n_block + 1, &p->update0));
    for (pdm_size j = 0; j < desc->n_block; j++) {
        const pdm_size below = desc->start[j + 1] - desc->start[j] - 1;
        p->packed0[j + 1]    = p->packed0[j] + desc->size[j];
        p->update0[j + 1]    = p->update0[j] + below * (below + 1) / 2;
    }
    PDM_TRY(pdm_alloc_array(b->ctx, p->update0[desc->n_block], &p->update));
    for (pdm_size j = 0; j < desc->n_block; j++) {
        pdm_size k = p->update0[j];
        for (int32_t a = desc->start[j] + 1; a < desc->start[j + 1]; a++)
            for (int32_t c = desc->start[j] + 1; c <= a; c++)
                p->update[k++] = find_block(desc, desc->row[a], desc->row[c]);
    }
    PDM_TRY(pdm_alloc_array(b->ctx, n_sample * desc->n_block, &p->size));
    PDM_TRY(pdm_alloc_array(b->ctx, n_sample * desc->n_unknown, &p->order));
    for (pdm_size i = 0; i < n_sample; i++) {
        const int32_t sample = (int32_t)i;
        PDM_TRY(blocks_select_cpu(b, p, (pdm_batch){1, &sample}, NULL));
    }
    PDM_TRY(pdm_cpu_reserve(pdm_cpu_of(b), (size_t)(desc->n_unknown + 1) * sizeof(double)));
    PDM_TRY(pdm_cpu_reserve(pdm_cpu_of(b), worth_doubles(desc) * sizeof(double)));
    *out = p;
    p    = NULL;
done:
    blocks_destroy_cpu(b, &p);
    return status;
}

void blocks_destroy_cpu(pdm_backend *b, pdm_blocks_plan **plan)
{
    if (!plan || !*plan) return;
    pdm_free(b->ctx, (*plan)->packed0);
    pdm_free(b->ctx, (*plan)->update0);
    pdm_free(b->ctx, (*plan)->update);
    pdm_free(b->ctx, (*plan)->size);
    pdm_free(b->ctx, (*plan)->order);
    pdm_free(b->ctx, *plan);
    *plan = NULL;
}

/* Least diagonal entry that counts: 1e-12 of the largest. size [n_block]: of this sample, as everywhere below. */
static double diagonal_floor(const pdm_blocks_desc *d, const int32_t *size, const double *H)
{
    double most = 0.0;
    for (pdm_size j = 0; j < d->n_block; j++)
        for (pdm_size i = 0; i < size[j]; i++) {
            const double v = H[d->offset[d->start[j]] + i * size[j] + i];
            most           = v > most ? v : most;
        }
    return 1e-12 * most;
}

static void diagonal_task(void *user, pdm_size task, int thread)
{
    const blocks_task     *k      = user;
    const pdm_blocks_desc *d      = k->plan->desc;
    const pdm_size         sample = k->batch.index[task];
    const int32_t         *size = k->plan->size + sample * d->n_block, *order = k->plan->order + sample * d->n_unknown;
    const double          *H     = k->H + sample * d->n_value;
    double                *out   = k->x + sample * d->n_unknown;
    const double           least = diagonal_floor(d, size, H);
    (void)thread;
    memset(out, 0, (size_t)d->n_unknown * sizeof *out);
    for (pdm_size j = 0; j < d->n_block; j++)
        for (pdm_size i = 0; i < size[j]; i++) {
            const double v                      = H[d->offset[d->start[j]] + i * size[j] + i];
            out[order[k->plan->packed0[j] + i]] = v > least ? v : least;
        }
}

/* L = H + shift D + ridge of one sample, to be factored in place. */
static void factor_begin(const blocks_task *k, pdm_size sample)
{
    const pdm_blocks_desc *d     = k->plan->desc;
    const int32_t         *size  = k->plan->size + sample * d->n_block;
    const double          *H     = k->H + sample * d->n_value;
    double                *L     = k->L + sample * d->n_value;
    const double           least = diagonal_floor(d, size, H), shift = k->shift[sample];

    k->failed[sample] = 0;
    for (pdm_size j = 0; j < d->n_block; j++) {
        const int32_t *order    = k->plan->order + sample * d->n_unknown + k->plan->packed0[j];
        double        *diagonal = L + d->offset[d->start[j]];
        for (int32_t a = d->start[j]; a < d->start[j + 1]; a++)
            memcpy(L + d->offset[a], H + d->offset[a], (size_t)size[d->row[a]] * (size_t)size[j] * sizeof *L);
        for (pdm_size i = 0; i < size[j]; i++) {
            const double v     = H[d->offset[d->start[j]] + i * size[j] + i];
            const double ridge = k->ridges ? k->ridges[sample * d->n_unknown + order[i]] : k->ridge;
            diagonal[i * size[j] + i] += shift * (v > least ? v : least) + ridge;
        }
    }
}

/* One block column of one sample: its rows, task i being the i-th below the diagonal, are independent in both steps. */
typedef struct column_task {
    const blocks_task *k;
    const int32_t     *size; /* [n_block] */
    double            *L;
    pdm_size           j;
} column_task;

static bool factor_diagonal(const column_task *t)
{
    const pdm_blocks_desc *d = t->k->plan->desc;
    const pdm_size         n = t->size[t->j];
    return pdm_cpu_potrf(t->k->cpu->kernels, n, t->L + d->offset[d->start[t->j]], n) == 0;
}

static void divide_row(void *user, pdm_size i, int thread)
{
    const column_task     *t = user;
    const pdm_blocks_desc *d = t->k->plan->desc;
    const pdm_size         n = t->size[t->j], a = d->start[t->j] + 1 + i;
    (void)thread;
    if (t->size[d->row[a]] == 0) return;
    pdm_cpu_trsm_right(t->k->cpu->kernels, t->size[d->row[a]], n, t->L + d->offset[d->start[t->j]], n,
                       t->L + d->offset[a], n);
}

/* Row a's share of the outer product: into blocks (a, c) for the rows c up to a. */
static void subtract_row(void *user, pdm_size i, int thread)
{
    const column_task     *t      = user;
    const pdm_cpu_kernels *kernel = t->k->cpu->kernels;
    const pdm_blocks_desc *d      = t->k->plan->desc;
    const pdm_size         n = t->size[t->j], a = d->start[t->j] + 1 + i, na = t->size[d->row[a]];
    const pdm_size        *to = t->k->plan->update + t->k->plan->update0[t->j] + i * (i + 1) / 2;
    const double          *La = t->L + d->offset[a];
    (void)thread;

    if (na == 0) return;
    for (pdm_size c = d->start[t->j] + 1; c < a; c++, to++) {
        const pdm_size nc = t->size[d->row[c]];
        if (nc > 0) pdm_cpu_gemm_nt(kernel, na, nc, n, La, n, t->L + d->offset[c], n, t->L + *to, nc, PDM_CPU_SUBTRACT);
    }
    pdm_cpu_syrk_nt(kernel, na, n, La, n, t->L + *to, na, PDM_CPU_SUBTRACT);
}

/* One sample, by the calling thread (team NULL) or by all of them on one column after the other. The same bits: every
 * block gets the same sums. */
static void factor_sample(const blocks_task *k, pdm_size sample, pdm_cpu *team)
{
    const pdm_blocks_desc *d = k->plan->desc;
    column_task            t = {.k = k, .size = k->plan->size + sample * d->n_block, .L = k->L + sample * d->n_value};

    factor_begin(k, sample);
    for (t.j = 0; t.j < d->n_block; t.j++) {
        const pdm_size below = d->start[t.j + 1] - d->start[t.j] - 1;
        if (t.size[t.j] == 0) continue;
        if (!factor_diagonal(&t)) {
            k->failed[sample] = (int32_t)t.j + 1;
            return;
        }
        pdm_cpu_share(team, below, divide_row, &t);
        pdm_cpu_share(team, below, subtract_row, &t);
    }
}

static void factor_task(void *user, pdm_size task, int thread)
{
    const blocks_task *k = user;
    (void)thread;
    factor_sample(k, k->batch.index[task], NULL);
}

static void solve_task(void *user, pdm_size task, int thread)
{
    const blocks_task     *k      = user;
    const pdm_blocks_plan *plan   = k->plan;
    const pdm_blocks_desc *d      = plan->desc;
    const pdm_cpu_kernels *kernel = k->cpu->kernels;
    const pdm_size         sample = k->batch.index[task];
    const int32_t         *size = plan->size + sample * d->n_block, *order = plan->order + sample * d->n_unknown;
    const double          *L = k->L + sample * d->n_value, *y = k->y + sample * d->n_unknown;
    double                *x = pdm_cpu_scratch(k->cpu, thread), *out = k->x + sample * d->n_unknown;

    for (pdm_size j = 0; j < d->n_block; j++)
        for (pdm_size p = plan->packed0[j]; p < plan->packed0[j] + size[j]; p++) x[p] = y[order[p]];
    for (pdm_size j = 0; j < d->n_block; j++) {
        const pdm_size n = size[j];
        kernel->trsv_forward(n, L + d->offset[d->start[j]], n, x + plan->packed0[j]);
        for (int32_t a = d->start[j] + 1; a < d->start[j + 1]; a++)
            kernel->gemv_n(size[d->row[a]], n, L + d->offset[a], n, x + plan->packed0[j], x + plan->packed0[d->row[a]]);
    }
    for (pdm_size j = d->n_block - 1; j >= 0; j--) {
        const pdm_size n = size[j];
        for (int32_t a = d->start[j] + 1; a < d->start[j + 1]; a++)
            kernel->gemv_t(size[d->row[a]], n, L + d->offset[a], n, x + plan->packed0[d->row[a]], x + plan->packed0[j]);
        kernel->trsv_backward(n, L + d->offset[d->start[j]], n, x + plan->packed0[j]);
    }
    memset(out, 0, (size_t)d->n_unknown * sizeof *out);
    for (pdm_size j = 0; j < d->n_block; j++)
        for (pdm_size p = plan->packed0[j]; p < plan->packed0[j] + size[j]; p++) out[order[p]] = x[p];
}

pdm_status blocks_factor_cpu(pdm_backend *b, pdm_blocks_plan *plan, pdm_batch s, const double *shift, double ridge,
                             pdm_buffer *ridges, pdm_buffer *H, pdm_buffer *L, int32_t *failed)
{
    blocks_task task = {.cpu    = pdm_cpu_of(b),
                        .plan   = plan,
                        .batch  = s,
                        .shift  = shift,
                        .ridge  = ridge,
                        .ridges = cpu_data(ridges),
                        .H      = cpu_data(H),
                        .L      = cpu_data(L),
                        .failed = failed};
    if (s.n >= task.cpu->n_thread || plan->desc->n_block < FEW_BLOCKS)
        pdm_cpu_for(task.cpu, s.n, factor_task, &task);
    else
        for (pdm_size i = 0; i < s.n; i++) factor_sample(&task, s.index[i], task.cpu);
    return PDM_OK;
}

pdm_status blocks_solve_cpu(pdm_backend *b, pdm_blocks_plan *plan, pdm_batch s, pdm_buffer *L, pdm_buffer *y,
                            pdm_buffer *x)
{
    blocks_task task = {
        .cpu = pdm_cpu_of(b), .plan = plan, .batch = s, .L = cpu_data(L), .y = cpu_data(y), .x = cpu_data(x)};
    pdm_cpu_for(task.cpu, s.n, solve_task, &task);
    return PDM_OK;
}

pdm_status blocks_diagonal_cpu(pdm_backend *b, pdm_blocks_plan *plan, pdm_batch s, pdm_buffer *H, pdm_buffer *out)
{
    blocks_task task = {.cpu = pdm_cpu_of(b), .plan = plan, .batch = s, .H = cpu_data(H), .x = cpu_data(out)};
    pdm_cpu_for(task.cpu, s.n, diagonal_task, &task);
    return PDM_OK;
}
