/* A^T A v without A: partials of all terms at their points instead, n_atom numbers a point where A has (degree + 1)^n_dim
 * a row. v goes to the points and comes back tensor by tensor. */
#include "backend/cpu/rows_impl.h"

#include <string.h>

pdm_status rows_plan_partials(pdm_context *ctx, pdm_rows_plan *p)
{
    pdm_status           status = PDM_OK;
    const pdm_rows_desc *d      = p->desc;

    PDM_TRY(pdm_alloc_array(ctx, d->n_term, &p->partial0));
    for (pdm_size t = 0; t < d->n_term; t++) {
        p->partial0[t] = p->n_partial;
        p->n_partial += d->term[t].n_atom * d->term[t].axis[0].n_point * term_plane(d, &d->term[t]);
    }
done:
    return status;
}

/* Of a term's atom, at the first point of a slab. */
static pdm_size place_of(const pdm_rows_plan *p, const pdm_term_desc *t, pdm_size atom, const narrow_slab *x)
{
    return p->partial0[t - p->desc->term] + (atom * t->axis[0].n_point + x->first0) * term_plane(p->desc, t);
}

/* Planes of points that slabs before slab s of the same block have, too: they are theirs to write. */
static pdm_size planes_before(const pdm_rows_plan *p, pdm_size s, pdm_size term)
{
    const narrow_slab *x   = &p->slab[s].points[term];
    pdm_size           end = x->first0;
    for (pdm_size k = s - 1; k >= 0 && p->slab[k].block == p->slab[s].block; k--) {
        const narrow_slab *before = &p->slab[k].points[term];
        if (before->n0 > 0 && before->first0 + before->n0 > end) end = before->first0 + before->n0;
    }
    return end - x->first0 < x->n0 ? end - x->first0 : x->n0;
}

static void partials_task(void *user, pdm_size task, int thread)
{
    const rows_task     *k      = user;
    const pdm_rows_plan *p      = k->plan;
    const pdm_rows_desc *d      = p->desc;
    const pdm_size       sample = k->batch.index[task / p->n_slab];
    const rows_slab     *s      = &p->slab[task % p->n_slab];
    const rows_block    *b      = &p->block[s->block];

    for (pdm_size i = 0; i < b->n_term; i++) {
        const pdm_term_desc *t = b->term[i];
        const narrow_slab   *x = &s->points[i];
        term_work            w;
        if (x->n0 <= 0 || t->n_atom == 0) continue;
        const pdm_size n = x->n0 * term_plane(d, t);
        term_layout(p, t, s->n, x, pdm_cpu_scratch(k->cpu, thread), &w);
        term_evaluate(k->cpu, p, t, k->c + sample * p->n_seen * p->n_coef, x, w.atom, w.tensor);
        term_run(k->cpu, p, t, t->partial, k->scalar + sample * d->n_scalar, k->sampled + sample * d->n_sampled, x, &w);
        const pdm_size skip = planes_before(p, task % p->n_slab, i) * term_plane(d, t);
        for (pdm_size a = 0; a < t->n_atom; a++)
            memcpy(k->out + sample * p->n_partial + place_of(p, t, a, x) + skip, w.value + (1 + a) * n + skip,
                   (size_t)(n - skip) * sizeof *k->out);
    }
}

/* One slab's rows of A v into y. */
static void slab_rows(const rows_task *k, pdm_size sample, const rows_slab *s, double *y, double *scratch)
{
    const pdm_rows_plan *p     = k->plan;
    const rows_block    *b     = &p->block[s->block];
    const pdm_size       n_row = s->n * b->rest;

    memset(y, 0, (size_t)n_row * sizeof *y);
    for (pdm_size i = 0; i < b->n_term; i++) {
        const pdm_term_desc *t = b->term[i];
        const narrow_slab   *x = &s->points[i];
        term_work            w;
        if (x->n0 <= 0 || t->n_atom == 0) continue;
        const pdm_size n = x->n0 * term_plane(p->desc, t);
        term_layout(p, t, s->n, x, scratch, &w);
        term_evaluate(k->cpu, p, t, k->v + sample * p->n_seen * p->n_coef, x, w.tangent, w.tensor);
        memset(w.value, 0, (size_t)n * sizeof *w.value);
        for (pdm_size a = 0; a < t->n_atom; a++) {
            const double *partial = k->c + sample * p->n_partial + place_of(p, t, a, x);
            for (pdm_size q = 0; q < n; q++) w.value[q] += partial[q] * w.tangent[a * n + q];
        }
        const double *sum = narrow_rows(k->cpu->kernels, x, s->first, s->n, w.value, w.tensor);
        for (pdm_size q = 0; q < n_row; q++) y[q] += sum[q];
    }
}

/* out += A^T y of one slab's rows; y is used up. */
static void slab_adjoint(const rows_task *k, pdm_size sample, const rows_slab *s, double *y, double *scratch,
                         double *out)
{
    const pdm_rows_plan *p = k->plan;
    const pdm_rows_desc *d = p->desc;
    const rows_block    *b = &p->block[s->block];

    for (pdm_size q = 0; q < s->n * b->rest; q++) y[q] *= p->factor[b->row0 + s->first * b->rest + q];
    for (pdm_size i = 0; i < b->n_term; i++) {
        const pdm_term_desc *t = b->term[i];
        const narrow_slab   *x = &s->points[i];
        term_work            w;
        if (x->n0 <= 0 || t->n_atom == 0) continue;
        const pdm_size n = x->n0 * term_plane(d, t);
        term_layout(p, t, s->n, x, scratch, &w);
        memcpy(w.atom, term_from_rows(p, t, s, x, y, w.tensor), (size_t)n * sizeof *w.atom);
        for (pdm_size a = 0; a < t->n_atom; a++) {
            const double *partial = k->c + sample * p->n_partial + place_of(p, t, a, x);
            for (pdm_size q = 0; q < n; q++) w.value[q] = w.atom[q] * partial[q];
            evaluate_tensor_adjoint(d->n_dim, d->degree, d->n_coef, t->axis, t->atom[a].order, x->first0, x->n0,
                                    w.value, out + t->atom[a].field * p->n_coef, w.tensor);
        }
    }
}

static void curvature_task(void *user, pdm_size task, int thread)
{
    const rows_task     *k      = user;
    const pdm_rows_plan *p      = k->plan;
    const pdm_size       sample = k->batch.index[task / p->n_chunk], chunk = task % p->n_chunk;
    double              *out = rows_chunk_sums(k, sample, chunk), *y = pdm_cpu_scratch(k->cpu, thread);

    memset(out, 0, (size_t)(p->n_seen * p->n_coef) * sizeof *out);
    for (pdm_size i = p->n_slab * chunk / p->n_chunk; i < p->n_slab * (chunk + 1) / p->n_chunk; i++) {
        const rows_slab *s    = &p->slab[i];
        double          *work = y + (s->n * p->block[s->block].rest + 7) / 8 * 8;
        slab_rows(k, sample, s, y, work);
        slab_adjoint(k, sample, s, y, work, out);
    }
}

pdm_status rows_partials_cpu(pdm_backend *b, pdm_rows_plan *plan, pdm_batch s, const pdm_rows_data *data, pdm_buffer *c,
                             pdm_buffer *partials)
{
    rows_task task = rows_task_at(b, plan, s, data, c);
    task.out       = cpu_data(partials);
    pdm_cpu_for(task.cpu, s.n * plan->n_slab, partials_task, &task);
    return PDM_OK;
}

pdm_status rows_curvature_cpu(pdm_backend *b, pdm_rows_plan *plan, pdm_batch s, pdm_buffer *A, pdm_buffer *partials,
                              pdm_buffer *v, pdm_buffer *out)
{
    rows_task task = {.cpu   = pdm_cpu_of(b),
                      .plan  = plan,
                      .batch = s,
                      .c     = cpu_data(partials ? partials : A),
                      .v     = rows_extended(b, plan, s, v, plan->v),
                      .out   = rows_unfolded(plan, out)};
    rows_sum(&task, partials ? curvature_task : rows_apply_both_task);
    rows_fold(b, plan, s, out);
    return PDM_OK;
}
