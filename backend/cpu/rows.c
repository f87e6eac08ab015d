/* Rows of the discretised PDE on the CPU: r(c) and its linearisation A = dr/dc, slab by slab.
 * A slab is a few rows of dimension 0 of one block, over all other dimensions: small enough to stay in cache, and owned
 * by one task, so that results do not depend on threads. */
#include "backend/cpu/cpu_impl.h"

#include <string.h>

#include "backend/cpu/rows_impl.h"
#include "backend/lists.h"

enum {
    SLAB_POINTS = 4096,    /* points of one term in a slab, aimed at                               */
    LINE_POINTS = 65536,   /* the same where there is one dimension: sums along all of it are faster */
    LARGE       = 1000000, /* numbers in A from which on the sums of one sample are shared out     */
    CHUNKS      = 8        /* in so many parts, whatever the number of threads: the sums are the same */
};

/* ---- plan ---- */

static pdm_size term_points(const pdm_rows_desc *d, const pdm_term_desc *t)
{
    return term_plane(d, t) * t->axis[0].n_point;
}

/* Rows of dimension 0 per slab: as many as keep every term's points near SLAB_POINTS, and the rows below it: a wall has
 * few points for many rows. */
static pdm_size slab_rows(const pdm_rows_desc *d, const rows_block *b)
{
    pdm_size most = b->rest;
    for (pdm_size i = 0; i < b->n_term; i++) {
        const pdm_size n = term_points(d, b->term[i]) / b->n_row0 + 1;
        most             = n > most ? n : most;
    }
    const pdm_size n = (d->n_dim == 1 ? LINE_POINTS : SLAB_POINTS) / most;
    return n < 1 ? 1 : n > b->n_row0 ? b->n_row0 : n;
}

static void plan_blocks(pdm_rows_plan *p)
{
    const pdm_rows_desc *d = p->desc;
    pdm_size             k = 0;
    for (pdm_size t = 0; t < d->n_term; t++) {
        bool known = false;
        for (pdm_size b = 0; b < p->n_block; b++) known = known || p->block[b].row0 == d->term[t].row0;
        if (known) continue;
        rows_block *b = &p->block[p->n_block++];
        *b            = (rows_block){
                       .row0 = d->term[t].row0, .n_row0 = d->term[t].axis[0].n_row, .rest = 1, .term = p->term_list + k};
        for (pdm_size j = 1; j < d->n_dim; j++) b->rest *= d->term[t].axis[j].n_row;
        for (pdm_size i = t; i < d->n_term; i++)
            if (d->term[i].row0 == b->row0) b->term[b->n_term++] = &d->term[i];
        k += b->n_term;
    }
}

static pdm_size plan_slabs(const pdm_rows_plan *p, rows_slab *slab)
{
    pdm_size n = 0;
    for (pdm_size b = 0; b < p->n_block; b++) {
        const pdm_size step = slab_rows(p->desc, &p->block[b]);
        for (pdm_size i = 0; i < p->block[b].n_row0; i += step, n++)
            if (slab) slab[n] = (rows_slab){b, i, i + step <= p->block[b].n_row0 ? step : p->block[b].n_row0 - i, NULL};
    }
    return n;
}

/* The same for all terms of a block: products, dimension by dimension. */
static void plan_factors(pdm_rows_plan *p)
{
    for (pdm_size b = 0; b < p->n_block; b++) {
        const pdm_term_desc *t     = p->block[b].term[0];
        double              *f     = p->factor + p->block[b].row0;
        pdm_size             n_row = 1;
        f[0]                       = t->scale;
        for (pdm_size j = 0; j < p->desc->n_dim; j++) {
            const pdm_size n = t->axis[j].n_row;
            for (pdm_size i = n_row - 1; i >= 0; i--)
                for (pdm_size k = n - 1; k >= 0; k--) f[i * n + k] = f[i] * t->row_scale[j][k];
            n_row *= n;
        }
    }
}

static pdm_status plan_tables(pdm_context *ctx, pdm_rows_plan *p)
{
    pdm_status           status = PDM_OK;
    const pdm_rows_desc *d      = p->desc;
    narrow_source       *source = NULL;

    PDM_TRY(pdm_alloc_array(ctx, d->n_term * d->n_dim, &source));
    for (pdm_size t = 0; t < d->n_term; t++)
        for (pdm_size j = 0; j < d->n_dim; j++)
            source[t * d->n_dim + j] = (narrow_source){
                &d->term[t].axis[j],    d->term[t].n_order, d->n_coef[j], d->degree[j], j == 0 ? d->term[t].scale : 1.0,
                d->term[t].row_scale[j]};
    PDM_TRY(narrow_axes_create(ctx, d->n_term * d->n_dim, source, &p->tables));
done:
    pdm_free(ctx, source);
    return status;
}

/* The points that each term has for each slab. */
static pdm_status plan_points(pdm_context *ctx, pdm_rows_plan *p)
{
    pdm_status     status = PDM_OK;
    const pdm_size n_dim  = p->desc->n_dim;
    pdm_size       n      = 0;

    for (pdm_size s = 0; s < p->n_slab; s++) n += p->block[p->slab[s].block].n_term;
    PDM_TRY(pdm_alloc_array(ctx, n, &p->points));
    n = 0;
    for (pdm_size s = 0; s < p->n_slab; s++) {
        rows_slab        *slab = &p->slab[s];
        const rows_block *b    = &p->block[slab->block];
        slab->points           = p->points + n;
        for (pdm_size i = 0; i < b->n_term; i++) {
            pdm_size first0, n0;
            axis_point_range(&b->term[i]->axis[0], slab->first, slab->n, &first0, &n0);
            p->points[n++] = narrow_slab_of(n_dim, p->tables.axis + (b->term[i] - p->desc->term) * n_dim, first0, n0);
        }
    }
done:
    return status;
}

/* The most points along dimension 0 that a term has in a slab. */
static pdm_size most_planes(const pdm_rows_plan *p, const pdm_term_desc *t)
{
    pdm_size most = 0;
    for (pdm_size s = 0; s < p->n_slab; s++) {
        const rows_block *b = &p->block[p->slab[s].block];
        for (pdm_size i = 0; i < b->n_term; i++)
            if (b->term[i] == t && p->slab[s].points[i].n0 > most) most = p->slab[s].points[i].n0;
    }
    return most;
}

/* Coordinates that programs read, of dimension 1 and on: the same from plane to plane, so for one slab. */
static pdm_status plan_coordinates(pdm_context *ctx, pdm_rows_plan *p)
{
    pdm_status           status = PDM_OK;
    const pdm_rows_desc *d      = p->desc;
    pdm_size             n      = 0;

    for (pdm_size t = 0; t < d->n_term; t++)
        for (pdm_size j = 1; j < d->n_dim; j++)
            if (term_reads_coordinate(&d->term[t], j)) n += most_planes(p, &d->term[t]) * term_plane(d, &d->term[t]);
    PDM_TRY(pdm_alloc_array(ctx, d->n_term * d->n_dim, &p->coordinate));
    PDM_TRY(pdm_alloc_array(ctx, n, &p->coordinates));
    double *next = p->coordinates;
    for (pdm_size k = 0; k < d->n_term * d->n_dim; k++) {
        const pdm_term_desc *t     = &d->term[k / d->n_dim];
        const pdm_size       dim   = k % d->n_dim;
        pdm_size             outer = most_planes(p, t), inner = 1;
        if (dim == 0 || !term_reads_coordinate(t, dim)) continue;
        for (pdm_size j = 1; j < dim; j++) outer *= t->axis[j].n_point;
        for (pdm_size j = dim + 1; j < d->n_dim; j++) inner *= t->axis[j].n_point;
        p->coordinate[k] = next;
        for (pdm_size o = 0; o < outer; o++)
            for (pdm_size i = 0; i < t->axis[dim].n_point; i++)
                for (pdm_size q = 0; q < inner; q++) *next++ = t->axis[dim].coordinate[i];
    }
done:
    return status;
}

static void plan_work(pdm_rows_plan *p)
{
    for (pdm_size s = 0; s < p->n_slab; s++) {
        const rows_block *b = &p->block[p->slab[s].block];
        for (pdm_size i = 0; i < b->n_term; i++) {
            const size_t need = term_layout(p, b->term[i], p->slab[s].n, &p->slab[s].points[i], NULL, NULL);
            p->slab_work      = need > p->slab_work ? need : p->slab_work;
        }
    }
}

/* ---- operations ---- */

static void residual_task(void *user, pdm_size task, int thread)
{
    const rows_task     *k       = user;
    pdm_rows_plan       *p       = k->plan;
    const pdm_rows_desc *d       = p->desc;
    const pdm_size       sample  = k->batch.index[task / p->n_slab];
    const rows_slab     *s       = &p->slab[task % p->n_slab];
    const rows_block    *b       = &p->block[s->block];
    double              *r       = k->out + sample * d->n_row + b->row0 + s->first * b->rest;
    double              *scratch = pdm_cpu_scratch(k->cpu, thread);

    memset(r, 0, (size_t)(s->n * b->rest) * sizeof *r);
    for (pdm_size i = 0; i < b->n_term; i++) {
        const pdm_term_desc *t = b->term[i];
        const narrow_slab   *x = &s->points[i];
        term_work            w;
        if (x->n0 <= 0) continue;
        term_layout(p, t, s->n, x, scratch, &w);
        term_evaluate(k->cpu, p, t, k->c + sample * p->n_seen * p->n_coef, x, w.atom, w.tensor);
        term_run(k->cpu, p, t, t->value, k->scalar + sample * d->n_scalar, k->sampled + sample * d->n_sampled, x, &w);
        const double *sum = narrow_rows(k->cpu->kernels, x, s->first, s->n, w.value, w.tensor);
        for (pdm_size q = 0; q < s->n * b->rest; q++) r[q] += sum[q];
    }
}

/* A of one atom of one term: partials at points, contracted from the last dimension to the first. Where it lies, row
 * after row; or (add: added) in `direct`, unless that is NULL. */
static const double *assemble_atom(const pdm_cpu_kernels *kernels, const pdm_rows_plan *p, const pdm_term_desc *t,
                                   const pdm_atom *atom, const rows_slab *s, const narrow_slab *x,
                                   const double *partial, double *tensor, double *direct, bool add)
{
    const pdm_rows_desc *d    = p->desc;
    const pdm_size       half = term_tensor(d, t, x->n0, s->n) / 2;
    const double        *from = partial;
    pdm_size             rows = 1, local = 1;
    for (pdm_size j = d->n_dim - 1; j >= 0; j--) {
        const narrow_axis *a     = &x->axis[j];
        pdm_size           outer = 1;
        for (pdm_size i = 0; i < j; i++) outer *= i == 0 ? x->n0 : t->axis[i].n_point;
        double *to = j == 0 && direct ? direct : tensor + (j % 2) * half;
        if (j == 0)
            contract_assemble(kernels, 1, rows, local, a, atom->order[0], s->first, s->n, x->first0, x->n0, from,
                              direct && add, to);
        else
            contract_assemble(kernels, outer, rows, local, a, atom->order[j], 0, t->axis[j].n_row, 0,
                              t->axis[j].n_point, from, false, to);
        rows *= t->axis[j].n_row;
        local *= d->degree[j] + 1;
        from = to;
    }
    return from;
}

static void linearise_task(void *user, pdm_size task, int thread)
{
    const rows_task     *k        = user;
    pdm_rows_plan       *p        = k->plan;
    const pdm_rows_desc *d        = p->desc;
    const pdm_size       sample   = k->batch.index[task / p->n_slab];
    const rows_slab     *s        = &p->slab[task % p->n_slab];
    const rows_block    *b        = &p->block[s->block];
    const pdm_size       row_size = p->n_seen * p->n_local, n_row = s->n * b->rest;
    double              *A       = k->out + (sample * d->n_row + b->row0 + s->first * b->rest) * row_size;
    double              *scratch = pdm_cpu_scratch(k->cpu, thread);
    const bool           alone   = p->n_seen == 1; /* then rows of A are as contractions leave them */
    bool                 empty   = true;           /* nothing is written yet */

    if (!alone) memset(A, 0, (size_t)(n_row * row_size) * sizeof *A);
    for (pdm_size i = 0; i < b->n_term; i++) {
        const pdm_term_desc *t = b->term[i];
        const narrow_slab   *x = &s->points[i];
        term_work            w;
        if (x->n0 <= 0 || t->n_atom == 0) continue;
        term_layout(p, t, s->n, x, scratch, &w);
        term_evaluate(k->cpu, p, t, k->c + sample * p->n_seen * p->n_coef, x, w.atom, w.tensor);
        term_run(k->cpu, p, t, t->partial, k->scalar + sample * d->n_scalar, k->sampled + sample * d->n_sampled, x, &w);
        for (pdm_size a = 0; a < t->n_atom; a++) {
            const double *partial = w.value + (1 + a) * x->n0 * term_plane(d, t);
            const double *part =
                assemble_atom(k->cpu->kernels, p, t, &t->atom[a], s, x, partial, w.tensor, alone ? A : NULL, !empty);
            double *to = A + t->atom[a].field * p->n_local;
            empty      = false;
            for (pdm_size q = 0; q < n_row && !alone; q++)
                for (pdm_size l = 0; l < p->n_local; l++) to[q * row_size + l] += part[q * p->n_local + l];
        }
    }
    if (empty) memset(A, 0, (size_t)(n_row * row_size) * sizeof *A);
}

/* out += E^T [ (Q^T y) f_ab E v ] of one term on one slab. */
static void second_order_slab(const rows_task *k, pdm_size sample, const rows_slab *s, pdm_size term, double *out,
                              double *scratch)
{
    pdm_rows_plan       *p      = k->plan;
    const pdm_rows_desc *d      = p->desc;
    const rows_block    *b      = &p->block[s->block];
    const pdm_term_desc *t      = b->term[term];
    const narrow_slab   *x      = &s->points[term];
    const pdm_size       c_size = p->n_seen * p->n_coef, n_row = s->n * b->rest;
    term_work            w;

    if (x->n0 <= 0 || t->n_second == 0) return;
    const pdm_size n      = x->n0 * term_plane(d, t);
    double        *y      = scratch;                  /* scaled rows of the slab */
    double        *weight = y + (n_row + 7) / 8 * 8;  /* [n] */
    double        *g      = weight + (n + 7) / 8 * 8; /* [n_atom][n] */
    term_layout(p, t, s->n, x, g + (t->n_atom * n + 7) / 8 * 8, &w);
    term_evaluate(k->cpu, p, t, k->c + sample * c_size, x, w.atom, w.tensor);
    term_evaluate(k->cpu, p, t, k->v + sample * c_size, x, w.tangent, w.tensor);
    term_run(k->cpu, p, t, t->second, k->scalar + sample * d->n_scalar, k->sampled + sample * d->n_sampled, x, &w);
    const pdm_size row0 = b->row0 + s->first * b->rest;
    for (pdm_size q = 0; q < n_row; q++) y[q] = k->y[sample * d->n_row + row0 + q] * p->factor[row0 + q];
    memcpy(weight, term_from_rows(p, t, s, x, y, w.tensor), (size_t)n * sizeof *weight);
    memset(g, 0, (size_t)(t->n_atom * n) * sizeof *g);
    for (pdm_size m = 0; m < t->n_second; m++) {
        const pdm_size i = t->second_a[m], j = t->second_b[m];
        const double  *f = w.value + m * n;
        for (pdm_size q = 0; q < n; q++) g[i * n + q] += weight[q] * f[q] * w.tangent[j * n + q];
        for (pdm_size q = 0; q < n && i != j; q++) g[j * n + q] += weight[q] * f[q] * w.tangent[i * n + q];
    }
    for (pdm_size a = 0; a < t->n_atom; a++)
        evaluate_tensor_adjoint(d->n_dim, d->degree, d->n_coef, t->axis, t->atom[a].order, x->first0, x->n0, g + a * n,
                                out + t->atom[a].field * p->n_coef, w.tensor);
}

/* Where chunk `chunk` of the sums of a sample goes: the plan's part of its own,
 * or the result where there is one chunk. */
double *rows_chunk_sums(const rows_task *k, pdm_size sample, pdm_size chunk)
{
    const pdm_rows_plan *p = k->plan;
    const pdm_size       n = p->n_seen * p->n_coef;
    return p->n_chunk == 1 ? k->out + sample * n : p->partial + (sample * p->n_chunk + chunk) * n;
}

static void second_order_task(void *user, pdm_size task, int thread)
{
    const rows_task     *k      = user;
    const pdm_rows_plan *p      = k->plan;
    const pdm_size       sample = k->batch.index[task / p->n_chunk], chunk = task % p->n_chunk;
    double              *out = rows_chunk_sums(k, sample, chunk);

    memset(out, 0, (size_t)(p->n_seen * p->n_coef) * sizeof *out);
    for (pdm_size s = p->n_slab * chunk / p->n_chunk; s < p->n_slab * (chunk + 1) / p->n_chunk; s++) {
        const rows_block *b = &p->block[p->slab[s].block];
        for (pdm_size i = 0; i < b->n_term; i++)
            second_order_slab(k, sample, &p->slab[s], i, out, pdm_cpu_scratch(k->cpu, thread));
    }
}

/* Coefficients that an element sees: base + index[l]. list [n_local] is where they are written out for an element that
 * goes round a ring; all others see alike. */
typedef struct element_view {
    pdm_size       base;
    const int32_t *index;
} element_view;

static element_view view_element(const pdm_rows_plan *p, pdm_size element, int32_t *list)
{
    const pdm_rows_desc *d = p->desc;
    pdm_size             at[PDM_MAX_DIM], base = 0, stride = 1;
    bool                 round = false;
    for (pdm_size j = d->n_dim - 1; j >= 0; j--) {
        at[j] = element % d->n_element[j];
        element /= d->n_element[j];
        base += at[j] * stride;
        stride *= d->n_coef[j];
        round = round || at[j] + d->degree[j] >= d->n_coef[j];
    }
    if (!round) return (element_view){base, p->offset};
    pdm_element_sees(d->n_dim, d->degree, d->n_coef, at, list);
    return (element_view){0, list};
}

static void gather(const pdm_rows_plan *p, element_view e, const double *restrict v, double *restrict local)
{
    for (pdm_size f = 0; f < p->n_seen; f++)
        for (pdm_size l = 0; l < p->n_local; l++) local[f * p->n_local + l] = v[f * p->n_coef + e.base + e.index[l]];
}

static void scatter(const pdm_rows_plan *p, element_view e, const double *restrict local, double *restrict out)
{
    for (pdm_size f = 0; f < p->n_seen; f++)
        for (pdm_size l = 0; l < p->n_local; l++) out[f * p->n_coef + e.base + e.index[l]] += local[f * p->n_local + l];
}

/* Eight running sums: the same for every instruction set. */
static double dot(pdm_size n, const double *restrict a, const double *restrict b)
{
    double   sum[8] = {0};
    pdm_size i      = 0;
    for (; i + 8 <= n; i += 8)
        for (pdm_size l = 0; l < 8; l++) sum[l] += a[i + l] * b[i + l];
    for (pdm_size l = 0; i + l < n; l++) sum[l] += a[i + l] * b[i + l];
    return ((sum[0] + sum[4]) + (sum[2] + sum[6])) + ((sum[1] + sum[5]) + (sum[3] + sum[7]));
}

/* Elements of a chunk of a sample, with all rows that they hold: out = A v, A^T v or A^T A v. */
typedef enum apply_mode { APPLY, APPLY_ADJOINT, APPLY_BOTH } apply_mode;

static void apply_elements(const rows_task *k, pdm_size task, int thread, apply_mode mode)
{
    const pdm_rows_plan *p      = k->plan;
    const pdm_rows_desc *d      = p->desc;
    const pdm_size       sample = k->batch.index[task / p->n_chunk], chunk = task % p->n_chunk;
    const pdm_size       n = p->n_seen * p->n_local, end = p->n_element * (chunk + 1) / p->n_chunk;
    const double        *A = k->c + sample * d->n_row * n;
    const double        *v = k->v + sample * (mode == APPLY_ADJOINT ? d->n_row : p->n_seen * p->n_coef);
    double *restrict in = pdm_cpu_scratch(k->cpu, thread), *restrict sum = in + (n + 7) / 8 * 8;
    int32_t *list = (int32_t *)(sum + n);
    double  *out  = mode == APPLY ? k->out + sample * d->n_row : rows_chunk_sums(k, sample, chunk);

    if (mode != APPLY) memset(out, 0, (size_t)(p->n_seen * p->n_coef) * sizeof *out);
    for (pdm_size e = p->n_element * chunk / p->n_chunk; e < end; e++) {
        if (p->element_row0[e] == p->element_row0[e + 1]) continue;
        const element_view view = view_element(p, e, list);
        if (mode != APPLY_ADJOINT) gather(p, view, v, in);
        if (mode != APPLY) memset(sum, 0, (size_t)n * sizeof *sum);
        for (pdm_size i = p->element_row0[e]; i < p->element_row0[e + 1]; i++) {
            const pdm_size q         = p->element_row[i];
            const double *restrict a = A + q * n;
            const double y           = mode == APPLY_ADJOINT ? v[q] : dot(n, a, in);
            if (mode == APPLY)
                out[q] = y;
            else
                for (pdm_size l = 0; l < n; l++) sum[l] += y * a[l];
        }
        if (mode != APPLY) scatter(p, view, sum, out);
    }
}

static void apply_task(void *user, pdm_size task, int thread)
{
    apply_elements(user, task, thread, APPLY);
}
static void apply_adjoint_task(void *user, pdm_size task, int thread)
{
    apply_elements(user, task, thread, APPLY_ADJOINT);
}

void rows_apply_both_task(void *user, pdm_size task, int thread)
{
    apply_elements(user, task, thread, APPLY_BOTH);
}

/* The chunks of a sample, added up in order. */
static void add_chunks_task(void *user, pdm_size task, int thread)
{
    const rows_task     *k      = user;
    const pdm_rows_plan *p      = k->plan;
    const pdm_size       sample = k->batch.index[task], n = p->n_seen * p->n_coef;
    double              *out = k->out + sample * n;
    (void)thread;
    for (pdm_size i = 0; i < n; i++) {
        double sum = 0.0;
        for (pdm_size j = 0; j < p->n_chunk; j++) sum += p->partial[(sample * p->n_chunk + j) * n + i];
        out[i] = sum;
    }
}

/* Runs a task that sums over rows into coefficients, chunk by chunk. */
void rows_sum(const rows_task *k, pdm_cpu_task fn)
{
    pdm_cpu_for(k->cpu, k->batch.n * k->plan->n_chunk, fn, (void *)(uintptr_t)k);
    if (k->plan->n_chunk > 1) pdm_cpu_for(k->cpu, k->batch.n, add_chunks_task, (void *)(uintptr_t)k);
}

static void weigh_task(void *user, pdm_size task, int thread)
{
    const rows_task *k  = user;
    const pdm_size   at = k->batch.index[task] * k->plan->desc->n_row;
    cpu_pyramid_weigh(&k->plan->pyramid, k->v + at, k->out + at, pdm_cpu_scratch(k->cpu, thread));
}

/* What the rows see of c: c itself, or c with its derived fields in `seen`. */
const double *rows_extended(pdm_backend *b, const pdm_rows_plan *p, pdm_batch s, pdm_buffer *c, double *seen)
{
    if (p->desc->n_derived == 0) return cpu_data(c);
    derived_extend(pdm_cpu_of(b), p, s, cpu_data(c), seen);
    return seen;
}

/* Where a cotangent of what the rows see goes, and how it becomes one of c. */
double *rows_unfolded(const pdm_rows_plan *p, pdm_buffer *out)
{
    return p->desc->n_derived == 0 ? cpu_data(out) : p->out;
}
void rows_fold(pdm_backend *b, const pdm_rows_plan *p, pdm_batch s, pdm_buffer *out)
{
    if (p->desc->n_derived > 0) derived_fold(pdm_cpu_of(b), p, s, p->out, cpu_data(out));
}

/* Of rows or their derivatives at a state, without what goes out. */
rows_task rows_task_at(pdm_backend *b, pdm_rows_plan *plan, pdm_batch s, const pdm_rows_data *data, pdm_buffer *c)
{
    return (rows_task){.cpu     = pdm_cpu_of(b),
                       .plan    = plan,
                       .batch   = s,
                       .scalar  = cpu_data(data->scalar),
                       .sampled = cpu_data(data->sampled),
                       .c       = rows_extended(b, plan, s, c, plan->c)};
}

pdm_status rows_residual_cpu(pdm_backend *b, pdm_rows_plan *plan, pdm_batch s, const pdm_rows_data *data, pdm_buffer *c,
                             pdm_buffer *r)
{
    rows_task task = rows_task_at(b, plan, s, data, c);
    task.out       = cpu_data(r);
    pdm_cpu_for(task.cpu, s.n * plan->n_slab, residual_task, &task);
    return PDM_OK;
}

pdm_status rows_linearise_cpu(pdm_backend *b, pdm_rows_plan *plan, pdm_batch s, const pdm_rows_data *data,
                              pdm_buffer *c, pdm_buffer *A)
{
    rows_task task = rows_task_at(b, plan, s, data, c);
    task.out       = cpu_data(A);
    pdm_cpu_for(task.cpu, s.n * plan->n_slab, linearise_task, &task);
    return PDM_OK;
}

pdm_status rows_second_order_cpu(pdm_backend *b, pdm_rows_plan *plan, pdm_batch s, const pdm_rows_data *data,
                                 pdm_buffer *c, pdm_buffer *y, pdm_buffer *v, pdm_buffer *out)
{
    rows_task task = rows_task_at(b, plan, s, data, c);
    task.y         = cpu_data(y);
    task.v         = rows_extended(b, plan, s, v, plan->v);
    task.out       = rows_unfolded(plan, out);
    rows_sum(&task, second_order_task);
    rows_fold(b, plan, s, out);
    return PDM_OK;
}

pdm_status rows_weigh_cpu(pdm_backend *b, pdm_rows_plan *plan, pdm_batch s, pdm_buffer *r, pdm_buffer *out)
{
    rows_task task = {.cpu = pdm_cpu_of(b), .plan = plan, .batch = s, .v = cpu_data(r), .out = cpu_data(out)};
    if (plan->pyramid.n_level == 0) {
        for (pdm_size i = 0; i < s.n; i++)
            memcpy(task.out + s.index[i] * plan->desc->n_row, task.v + s.index[i] * plan->desc->n_row,
                   (size_t)plan->desc->n_row * sizeof(double));
        return PDM_OK;
    }
    pdm_cpu_for(task.cpu, s.n, weigh_task, &task);
    return PDM_OK;
}

pdm_status rows_apply_cpu(pdm_backend *b, pdm_rows_plan *plan, pdm_batch s, pdm_buffer *A, pdm_buffer *v,
                          pdm_buffer *out)
{
    rows_task task = {.cpu   = pdm_cpu_of(b),
                      .plan  = plan,
                      .batch = s,
                      .c     = cpu_data(A),
                      .v     = rows_extended(b, plan, s, v, plan->v),
                      .out   = cpu_data(out)};
    pdm_cpu_for(task.cpu, s.n * plan->n_chunk, apply_task, &task);
    return PDM_OK;
}

pdm_status rows_apply_adjoint_cpu(pdm_backend *b, pdm_rows_plan *plan, pdm_batch s, pdm_buffer *A, pdm_buffer *v,
                                  pdm_buffer *out)
{
    rows_task task = {.cpu   = pdm_cpu_of(b),
                      .plan  = plan,
                      .batch = s,
                      .c     = cpu_data(A),
                      .v     = cpu_data(v),
                      .out   = rows_unfolded(plan, out)};
    rows_sum(&task, apply_adjoint_task);
    rows_fold(b, plan, s, out);
    return PDM_OK;
}

/* ---- create, destroy ---- */

static size_t second_order_extra(const pdm_rows_plan *p)
{
    size_t most = 0;
    for (pdm_size s = 0; s < p->n_slab; s++) {
        const rows_block *b = &p->block[p->slab[s].block];
        for (pdm_size i = 0; i < b->n_term; i++) {
            const pdm_size n    = p->slab[s].points[i].n0 * term_plane(p->desc, b->term[i]);
            const size_t   need = (size_t)(p->slab[s].n * b->rest + n + b->term[i]->n_atom * n + 24);
            most                = need > most ? need : most;
        }
    }
    return most;
}

pdm_status rows_create_cpu(pdm_backend *b, const pdm_rows_desc *desc, pdm_size n_sample, pdm_rows_plan **out)
{
    pdm_status     status = PDM_OK;
    pdm_context   *ctx    = b->ctx;
    pdm_rows_plan *p      = NULL;

    for (pdm_size t = 0; t < desc->n_term; t++)
        if (desc->term[t].n_input > PDM_CPU_MAX_INPUT || 1 + desc->term[t].n_atom > PDM_CPU_MAX_INPUT ||
            desc->term[t].n_second > PDM_CPU_MAX_INPUT)
            PDM_FAIL(ctx, PDM_ERR_UNSUPPORTED,
                     "a term reads %lld inputs and has %lld second partials; at most %d are supported",
                     (long long)desc->term[t].n_input, (long long)desc->term[t].n_second, PDM_CPU_MAX_INPUT);
    PDM_TRY(pdm_alloc(ctx, sizeof *p, &p));
    p->desc    = desc;
    p->n_local = p->n_coef = p->n_element = 1;
    for (pdm_size j = 0; j < desc->n_dim; j++) {
        p->n_local *= desc->degree[j] + 1;
        p->n_coef *= desc->n_coef[j];
        p->n_element *= desc->n_element[j];
    }
    PDM_TRY(pdm_alloc_array(ctx, desc->n_term, &p->block));
    PDM_TRY(pdm_alloc_array(ctx, desc->n_term, &p->term_list));
    plan_blocks(p);
    p->n_slab = plan_slabs(p, NULL);
    PDM_TRY(pdm_alloc_array(ctx, p->n_slab, &p->slab));
    plan_slabs(p, p->slab);
    PDM_TRY(pdm_alloc_array(ctx, p->n_local, &p->offset));
    pdm_element_sees(desc->n_dim, desc->degree, desc->n_coef, (const pdm_size[PDM_MAX_DIM]){0}, p->offset);
    PDM_TRY(pdm_alloc_array(ctx, desc->n_row, &p->factor));
    plan_factors(p);
    PDM_TRY(plan_tables(ctx, p));
    PDM_TRY(plan_points(ctx, p));
    PDM_TRY(plan_coordinates(ctx, p));
    PDM_TRY(rows_plan_partials(ctx, p));
    plan_work(p);
    p->n_seen          = pdm_rows_n_seen(desc);
    double **derived[] = {&p->c, &p->v, &p->out};
    for (int i = 0; desc->n_derived > 0 && i < 3; i++)
        PDM_TRY(pdm_alloc_array(ctx, n_sample * p->n_seen * p->n_coef, derived[i]));
    PDM_TRY(pdm_cpu_reserve(pdm_cpu_of(b), derived_work(p) * sizeof(double)));
    PDM_TRY(pdm_cpu_reserve(pdm_cpu_of(b), (size_t)((2 * p->n_seen + 1) * p->n_local + 8) * sizeof(double)));
    PDM_TRY(pdm_rows_by_element(ctx, desc, &p->element_row0, &p->element_row));
    p->n_chunk = desc->n_row * p->n_seen * p->n_local > LARGE ? CHUNKS : 1;
    if (p->n_chunk > 1) PDM_TRY(pdm_alloc_array(ctx, n_sample * p->n_chunk * p->n_seen * p->n_coef, &p->partial));
    PDM_TRY(cpu_pyramid_create(ctx, desc, &p->pyramid));
    PDM_TRY(pdm_cpu_reserve(pdm_cpu_of(b), (size_t)p->pyramid.n_box * sizeof(double)));
    PDM_TRY(pdm_cpu_reserve(pdm_cpu_of(b), (p->slab_work + second_order_extra(p)) * sizeof(double)));
    *out = p;
    p    = NULL;
done:
    rows_destroy_cpu(b, &p);
    return status;
}

void rows_destroy_cpu(pdm_backend *b, pdm_rows_plan **plan)
{
    if (!plan || !*plan) return;
    pdm_rows_plan *p = *plan;
    cpu_pyramid_destroy(b->ctx, &p->pyramid);
    pdm_free(b->ctx, p->block);
    pdm_free(b->ctx, p->term_list);
    pdm_free(b->ctx, p->slab);
    narrow_axes_destroy(&p->tables);
    pdm_free(b->ctx, p->coordinate);
    pdm_free(b->ctx, p->coordinates);
    pdm_free(b->ctx, p->points);
    pdm_free(b->ctx, p->partial0);
    pdm_free(b->ctx, p->factor);
    pdm_free(b->ctx, p->offset);
    pdm_free(b->ctx, p->element_row0);
    pdm_free(b->ctx, p->element_row);
    pdm_free(b->ctx, p->c);
    pdm_free(b->ctx, p->v);
    pdm_free(b->ctx, p->out);
    pdm_free(b->ctx, p->partial);
    pdm_free(b->ctx, p);
    *plan = NULL;
}
