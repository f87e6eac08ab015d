/* Evaluation of fields on tensor grids of points, and its transpose. */
#include "backend/cpu/cpu_impl.h"

#include "backend/cpu/rows_impl.h"

struct pdm_points_plan {
    pdm_points_desc desc; /* axes lent */
    pdm_size        n_coef, n_point;
    narrow_axes     tables; /* [n_dim] */
};

typedef struct points_task {
    pdm_cpu               *cpu;
    const pdm_points_plan *plan;
    pdm_batch              batch;
    pdm_atom               atom;
    const double          *in;
    double                *out;
} points_task;

static void evaluate_task(void *user, pdm_size task, int thread)
{
    const points_task     *k      = user;
    const pdm_points_desc *d      = &k->plan->desc;
    const pdm_size         sample = k->batch.index[task];
    const double          *c      = k->in + (sample * d->n_field + k->atom.field) * k->plan->n_coef;
    const narrow_slab      all    = narrow_slab_of(d->n_dim, k->plan->tables.axis, 0, d->axis[0].n_point);
    const double          *plane =
        narrow_evaluate_plane(k->cpu->kernels, &all, k->atom.order, c, pdm_cpu_scratch(k->cpu, thread));
    narrow_evaluate_first(k->cpu->kernels, &all, k->atom.order[0], plane, k->out + sample * k->plan->n_point);
}

static void evaluate_adjoint_task(void *user, pdm_size task, int thread)
{
    const points_task     *k      = user;
    const pdm_points_desc *d      = &k->plan->desc;
    const pdm_size         sample = k->batch.index[task];
    double                *g_c    = k->out + (sample * d->n_field + k->atom.field) * k->plan->n_coef;
    evaluate_tensor_adjoint(d->n_dim, d->degree, d->n_coef, d->axis, k->atom.order, 0, d->axis[0].n_point,
                            k->in + sample * k->plan->n_point, g_c, pdm_cpu_scratch(k->cpu, thread));
}

pdm_status points_create_cpu(pdm_backend *b, const pdm_points_desc *desc, pdm_points_plan **out)
{
    pdm_status       status = PDM_OK;
    pdm_points_plan *p      = NULL;
    narrow_source    source[PDM_MAX_DIM];

    PDM_TRY(pdm_alloc(b->ctx, sizeof *p, &p));
    p->desc   = *desc;
    p->n_coef = p->n_point = 1;
    for (pdm_size j = 0; j < desc->n_dim; j++) {
        p->n_coef *= desc->n_coef[j];
        p->n_point *= desc->axis[j].n_point;
    }
    for (pdm_size j = 0; j < desc->n_dim; j++)
        source[j] = (narrow_source){
            .axis = &desc->axis[j], .n_order = desc->n_order, .n_coef = desc->n_coef[j], .degree = desc->degree[j]};
    PDM_TRY(narrow_axes_create(b->ctx, desc->n_dim, source, &p->tables));
    const narrow_slab all = narrow_slab_of(desc->n_dim, p->tables.axis, 0, desc->axis[0].n_point);
    const pdm_size    adjoint =
        2 * evaluate_tensor_adjoint_size(desc->n_dim, desc->n_coef, desc->axis, desc->axis[0].n_point);
    PDM_TRY(pdm_cpu_reserve(pdm_cpu_of(b), (size_t)adjoint * sizeof(double)));
    PDM_TRY(pdm_cpu_reserve(pdm_cpu_of(b), (size_t)narrow_evaluate_size(&all) * sizeof(double)));
    *out = p;
    p    = NULL;
done:
    points_destroy_cpu(b, &p);
    return status;
}

void points_destroy_cpu(pdm_backend *b, pdm_points_plan **plan)
{
    if (!plan || !*plan) return;
    narrow_axes_destroy(&(*plan)->tables);
    pdm_free(b->ctx, *plan);
    *plan = NULL;
}

pdm_status points_evaluate_cpu(pdm_backend *b, pdm_points_plan *plan, pdm_batch s, pdm_atom atom, pdm_buffer *c,
                               pdm_buffer *out)
{
    points_task task = {pdm_cpu_of(b), plan, s, atom, cpu_data(c), cpu_data(out)};
    pdm_cpu_for(task.cpu, s.n, evaluate_task, &task);
    return PDM_OK;
}

pdm_status points_evaluate_adjoint_cpu(pdm_backend *b, pdm_points_plan *plan, pdm_batch s, pdm_atom atom,
                                       pdm_buffer *g_out, pdm_buffer *g_c)
{
    points_task task = {pdm_cpu_of(b), plan, s, atom, cpu_data(g_out), cpu_data(g_c)};
    pdm_cpu_for(task.cpu, s.n, evaluate_adjoint_task, &task);
    return PDM_OK;
}
