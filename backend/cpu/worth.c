/* What unknowns are worth to a quadratic, expert by expert. docs/mathematics.md, "Worth of columns". */
#include "backend/cpu/blocks_impl.h"

#include <math.h>
#include <string.h>

enum { TRSM_MOST = 256 }; /* of the kernel */

typedef struct worth_task {
    pdm_cpu               *cpu;
    const pdm_blocks_plan *plan;
    pdm_batch              batch;
    const double          *L, *x;
    const unsigned char   *preferred;
    double                *out;
} worth_task;

static pdm_size widest_set(const pdm_blocks_desc *d)
{
    pdm_size most = 0;
    for (pdm_size i = 0; i < d->n_set; i++)
        most = d->set0[i + 1] - d->set0[i] > most ? d->set0[i + 1] - d->set0[i] : most;
    return most;
}

size_t worth_doubles(const pdm_blocks_desc *d)
{
    const pdm_size m = widest_set(d);
    return (size_t)(m * (d->n_unknown + m + 2));
}

/* Does unknown a come behind unknown b? */
static bool is_behind(const worth_task *k, pdm_size sample, int32_t a, int32_t b)
{
    if (k->preferred) {
        const unsigned char *p = k->preferred + sample * k->plan->desc->n_unknown;
        if (!p[a] != !p[b]) return !p[a];
    }
    return a > b;
}

/* L X = E: X [packed][m] over unit columns E, one for each unknown of the set that exists, the last unknown first.
 * Returns the first block that is not zero. */
static pdm_size invert(const worth_task *k, pdm_size sample, const int32_t *which, pdm_size m, double *X)
{
    const pdm_blocks_plan *plan   = k->plan;
    const pdm_blocks_desc *d      = plan->desc;
    const pdm_cpu_kernels *kernel = k->cpu->kernels;
    const int32_t         *size = plan->size + sample * d->n_block, *order = plan->order + sample * d->n_unknown;
    const double          *L     = k->L + sample * d->n_value;
    pdm_size               first = d->n_block;

    memset(X, 0, (size_t)(d->n_unknown * m) * sizeof *X);
    for (pdm_size j = d->n_block - 1; j >= 0; j--)
        for (pdm_size i = 0; i < size[j]; i++)
            for (pdm_size r = 0; r < m; r++)
                if (order[plan->packed0[j] + i] == which[r]) {
                    X[(plan->packed0[j] + i) * m + r] = 1.0;
                    first                             = j;
                }
    for (pdm_size j = first; j < d->n_block; j++) {
        const pdm_size n    = size[j];
        const double  *diag = L + d->offset[d->start[j]];
        double        *Xj   = X + plan->packed0[j] * m;
        if (n == 0) continue;
        PDM_ASSERT(n <= TRSM_MOST);
        kernel->trsm_forward(n, m, diag, n, Xj, m);
        for (int32_t a = d->start[j] + 1; a < d->start[j + 1]; a++)
            if (size[d->row[a]] > 0)
                kernel->gemm_nn(size[d->row[a]], m, n, L + d->offset[a], n, Xj, m, X + plan->packed0[d->row[a]] * m, m,
                                PDM_CPU_SUBTRACT);
    }
    return first;
}

/* K = X^T X is the inverse within the set, the last unknown first. Its factor G, K = G G^T, is the mirror image of the
 * upper triangular P with (L L^T)^-1 = P P^T in the set's own order: R^T x = P^-1 x. */
static void worth_task_run(void *user, pdm_size task, int thread)
{
    const worth_task      *k      = user;
    const pdm_blocks_desc *d      = k->plan->desc;
    const pdm_cpu_kernels *kernel = k->cpu->kernels;
    const pdm_size         sample = k->batch.index[task / d->n_set], set = task % d->n_set;
    const int32_t         *size = k->plan->size + sample * d->n_block, *order = k->plan->order + sample * d->n_unknown;
    const pdm_size         most = widest_set(d);
    double                *X = pdm_cpu_scratch(k->cpu, thread), *K = X + d->n_unknown * most, *y = K + most * most;
    int32_t               *which = (int32_t *)(y + most);
    double                *out   = k->out + sample * d->n_unknown;
    pdm_size               m     = 0;

    for (pdm_size u = d->set0[set]; u < d->set0[set + 1]; u++) out[u] = 0.0;
    for (pdm_size j = 0; j < d->n_block; j++)
        for (pdm_size i = 0; i < size[j]; i++) {
            const int32_t u = order[k->plan->packed0[j] + i];
            if (u >= d->set0[set] && u < d->set0[set + 1]) which[m++] = u;
        }
    if (m == 0) return;
    for (pdm_size i = 1; i < m; i++) /* the last one first; nearly sorted */
        for (pdm_size l = i; l > 0 && is_behind(k, sample, which[l], which[l - 1]); l--) {
            const int32_t u = which[l];
            which[l]        = which[l - 1];
            which[l - 1]    = u;
        }
    const pdm_size first = invert(k, sample, which, m, X), skip = k->plan->packed0[first];
    pdm_cpu_syrk_tn(kernel, d->n_unknown - skip, m, X + skip * m, m, K, m, PDM_CPU_SET);
    const bool whole = pdm_cpu_potrf(kernel, m, K, m) == 0;
    for (pdm_size r = 0; r < m; r++) y[r] = k->x[sample * d->n_unknown + which[r]];
    kernel->trsv_forward(m, K, m, y);
    for (pdm_size r = 0; r < m; r++) out[which[r]] = whole ? 0.5 * y[r] * y[r] : NAN;
}

pdm_status blocks_worth_cpu(pdm_backend *b, pdm_blocks_plan *plan, pdm_batch s, pdm_buffer *L, pdm_buffer *x,
                            const unsigned char *preferred, pdm_buffer *out)
{
    worth_task task = {.cpu       = pdm_cpu_of(b),
                       .plan      = plan,
                       .batch     = s,
                       .L         = cpu_data(L),
                       .x         = cpu_data(x),
                       .preferred = preferred,
                       .out       = cpu_data(out)};
    pdm_cpu_for(task.cpu, s.n * plan->desc->n_set, worth_task_run, &task);
    return PDM_OK;
}
