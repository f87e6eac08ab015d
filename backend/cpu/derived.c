/* Derived fields on the CPU: small dense transforms, one layer (index of the dimensions before first_dim) a task. */
#include "backend/cpu/cpu_impl.h"

#include <string.h>

#include "backend/cpu/rows_impl.h"

typedef struct derived_task {
    pdm_cpu             *cpu;
    const pdm_rows_desc *desc;
    pdm_batch            batch;
    pdm_size             n_coef, n_layer, size; /* size: coefficients of a layer */
    const double        *in;
    double              *out;
} derived_task;

static derived_task task_of(pdm_cpu *cpu, const pdm_rows_plan *p, pdm_batch batch, const double *in, double *out)
{
    derived_task t = {
        .cpu = cpu, .desc = p->desc, .batch = batch, .n_coef = p->n_coef, .n_layer = 1, .in = in, .out = out};
    for (pdm_size j = 0; j < p->desc->first_dim; j++) t.n_layer *= p->desc->n_coef[j];
    t.size = p->n_coef / t.n_layer;
    return t;
}

size_t derived_work(const pdm_rows_plan *p)
{
    return p->desc->n_derived > 0 ? 2 * (size_t)p->n_coef : 0;
}

/* Tensor product of the transforms of a layer, dimension by dimension; a and b [size] take turns.
 * Returns where it lies. */
static double *transform_layer(const derived_task *t, double *a, double *b)
{
    const pdm_rows_desc   *d     = t->desc;
    const pdm_cpu_kernels *k     = t->cpu->kernels;
    pdm_size               outer = 1, inner = t->size;

    for (pdm_size j = d->first_dim; j < d->n_dim; j++) {
        const pdm_size n = d->n_coef[j];
        inner /= n;
        if (inner == 1) pdm_cpu_gemm_nn(k, outer, n, n, a, n, d->transform[j], n, b, n, PDM_CPU_SET);
        for (pdm_size o = 0; inner > 1 && o < outer; o++)
            pdm_cpu_gemm_nn(k, n, inner, n, d->transform[j], n, a + o * n * inner, inner, b + o * n * inner, inner,
                            PDM_CPU_SET);
        outer *= n;
        double *swap = a;
        a            = b;
        b            = swap;
    }
    return a;
}

/* Coefficients of one layer of derived field k from those of its field, in [size]. Returns where they lie,
 * in work [2 size]. */
static const double *derive_layer(const derived_task *t, pdm_size k, const double *in, double *work)
{
    double *a = work, *b = work + t->size;
    memcpy(a, in, (size_t)t->size * sizeof *a);
    double *modes = transform_layer(t, a, b);
    for (pdm_size i = 0; i < t->size; i++) modes[i] *= t->desc->derived[k].symbol[i];
    return transform_layer(t, modes, modes == a ? b : a);
}

static void extend_task(void *user, pdm_size task, int thread)
{
    const derived_task  *t      = user;
    const pdm_rows_desc *d      = t->desc;
    const pdm_size       sample = t->batch.index[task / t->n_layer], at = task % t->n_layer * t->size;
    const double        *c    = t->in + sample * d->n_field * t->n_coef + at;
    double              *seen = t->out + sample * pdm_rows_n_seen(d) * t->n_coef + at;

    for (pdm_size f = 0; f < d->n_field; f++)
        memcpy(seen + f * t->n_coef, c + f * t->n_coef, (size_t)t->size * sizeof *seen);
    for (pdm_size k = 0; k < d->n_derived; k++)
        memcpy(seen + (d->n_field + k) * t->n_coef,
               derive_layer(t, k, c + d->derived[k].field * t->n_coef, pdm_cpu_scratch(t->cpu, thread)),
               (size_t)t->size * sizeof *seen);
}

static void fold_task(void *user, pdm_size task, int thread)
{
    const derived_task  *t      = user;
    const pdm_rows_desc *d      = t->desc;
    const pdm_size       sample = t->batch.index[task / t->n_layer], at = task % t->n_layer * t->size;
    const double        *seen = t->in + sample * pdm_rows_n_seen(d) * t->n_coef + at;
    double              *out  = t->out + sample * d->n_field * t->n_coef + at;

    for (pdm_size f = 0; f < d->n_field; f++)
        memcpy(out + f * t->n_coef, seen + f * t->n_coef, (size_t)t->size * sizeof *out);
    for (pdm_size k = 0; k < d->n_derived; k++) {
        const double *part = derive_layer(t, k, seen + (d->n_field + k) * t->n_coef, pdm_cpu_scratch(t->cpu, thread));
        double       *to   = out + d->derived[k].field * t->n_coef;
        for (pdm_size i = 0; i < t->size; i++) to[i] += part[i];
    }
}

void derived_extend(pdm_cpu *cpu, const pdm_rows_plan *p, pdm_batch s, const double *c, double *seen)
{
    derived_task t = task_of(cpu, p, s, c, seen);
    pdm_cpu_for(cpu, s.n * t.n_layer, extend_task, &t);
}

void derived_fold(pdm_cpu *cpu, const pdm_rows_plan *p, pdm_batch s, const double *seen, double *out)
{
    derived_task t = task_of(cpu, p, s, seen, out);
    pdm_cpu_for(cpu, s.n * t.n_layer, fold_task, &t);
}
