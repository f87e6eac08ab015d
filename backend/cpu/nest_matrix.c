/* H of all levels as stencils: of the first one from the rows, element by element; of the next H' = P^T H P, stencil to
 * stencil, dimension by dimension. */
#include "backend/cpu/nest_impl.h"

#include <string.h>

#include "backend/lists.h"

enum {
    SLAB_ELEMENTS = 16,      /* along dimension 0, at least: more than any degree          */
    SLICE_MOST    = 1 << 20, /* doubles of a slice of stencils, two to a thread, that go at once */
    ROWS_AT_ONCE  = 64       /* of an element, side by side for their products             */
};

/* ---- the first level: H = sum over elements of A_e^T A_e ---- */

/* Scratch of a thread. */
typedef struct element_work {
    double  *J;     /* [ROWS_AT_ONCE][m]  */
    double  *K;     /* [m][m]             */
    int32_t *list;  /* [n_local]          */
    int32_t *apart; /* [n_local] place in a stencil of local b as seen by local 0; of a: less its own */
} element_work;

static element_work carve_element(const pdm_nest_levels *p, double *scratch)
{
    int32_t *list = (int32_t *)(scratch + (ROWS_AT_ONCE + p->m) * p->m);
    return (element_work){scratch, scratch + ROWS_AT_ONCE * p->m, list, list + p->n_local};
}

static void find_apart(const pdm_nest_levels *p, int32_t *apart)
{
    pdm_size n = 1;
    apart[0]   = 0;
    for (pdm_size j = 0; j < p->n_dim; j++) {
        const pdm_size w = p->rows->degree[j] + 1;
        for (pdm_size k = n - 1; k >= 0; k--)
            for (pdm_size o = w - 1; o >= 0; o--) apart[k * w + o] = (int32_t)(apart[k] * (2 * w - 1) + o);
        n *= w;
    }
}

/* Lower triangle of K = A_e^T A_e; false: the element has no rows. */
static bool multiply_rows(const nest_task *k, pdm_size sample, pdm_size element, const element_work *w)
{
    const pdm_nest_levels *p     = &k->plan->levels;
    const pdm_size         first = k->plan->element_row0[element], end = k->plan->element_row0[element + 1];
    for (pdm_size i = first; i < end; i += ROWS_AT_ONCE) {
        const pdm_size n = i + ROWS_AT_ONCE < end ? ROWS_AT_ONCE : end - i;
        for (pdm_size q = 0; q < n; q++)
            memcpy(w->J + q * p->m, k->A + (sample * p->rows->n_row + k->plan->element_row[i + q]) * p->m,
                   (size_t)p->m * sizeof(double));
        pdm_cpu_syrk_tn(k->cpu->kernels, n, p->m, w->J, p->m, w->K, p->m, i == first ? PDM_CPU_SET : PDM_CPU_ADD);
    }
    return end > first;
}

/* K to the stencils of free coefficients; what is not free is in them, too, but nobody reads it. */
static void add_element(const pdm_nest_levels *p, const element_work *w, double *stencil)
{
    const pdm_nest_level *l      = &p->level[0];
    const pdm_size        run    = p->rows->degree[p->n_dim - 1] + 1;
    const int32_t         centre = (int32_t)((p->width - 1) / 2);

    for (pdm_size a = 0; a < p->m; a++)
        for (pdm_size b = a + 1; b < p->m; b++) w->K[a * p->m + b] = w->K[b * p->m + a];
    for (pdm_size a = 0; a < p->m; a++) {
        const pdm_size u = a / p->n_local * l->n + w->list[a % p->n_local];
        if (!l->free[u]) continue;
        double       *to   = stencil + u * p->n_field * p->width + centre - w->apart[a % p->n_local];
        const double *from = w->K + a * p->m;
        for (pdm_size f = 0; f < p->n_field; f++, to += p->width, from += p->n_local)
            for (pdm_size b = 0; b < p->n_local; b += run)
                for (pdm_size q = 0; q < run; q++) to[w->apart[b] + q] += from[b + q];
    }
}

/* Slabs of elements: those of every second one have no coefficient in common. */
static pdm_size n_slab_of(const pdm_nest_levels *p)
{
    const pdm_size most = p->level[0].n_element[0] / SLAB_ELEMENTS;
    return most < 2 ? 1 : p->rows->periodic[0] ? most / 2 * 2 : most;
}

static void slab_task(void *user, pdm_size task, int thread)
{
    const nest_task       *k      = user;
    const pdm_nest_levels *p      = &k->plan->levels;
    const pdm_nest_level  *l      = &p->level[0];
    const pdm_size         sample = nest_sample(k, task), slab = nest_part(k, task), n_slab = n_slab_of(p);
    double                *stencil = k->plan->value + sample * p->n_value + l->at_stencil;
    const element_work     w       = carve_element(p, pdm_cpu_scratch(k->cpu, thread));
    pdm_size               n       = 1, element[PDM_MAX_DIM];

    find_apart(p, w.apart);
    for (pdm_size j = 1; j < p->n_dim; j++) n *= l->n_element[j];
    for (pdm_size e = l->n_element[0] * slab / n_slab * n; e < l->n_element[0] * (slab + 1) / n_slab * n; e++) {
        if (!multiply_rows(k, sample, e, &w)) continue;
        pdm_nest_unpack(p->n_dim, l->n_element, e, element);
        pdm_element_sees(p->n_dim, p->rows->degree, l->n_coef, element, w.list);
        add_element(p, &w, stencil);
    }
}

static void clear_task(void *user, pdm_size task, int thread)
{
    const nest_task       *k = user;
    const pdm_nest_levels *p = &k->plan->levels;
    const pdm_nest_level  *l = &p->level[0];
    (void)thread;
    memset(k->plan->value + nest_sample(k, task) * p->n_value + l->at_stencil, 0,
           (size_t)(l->n_all * p->n_field * p->width) * sizeof(double));
}

/* H += shift diag H */
static void shift_task(void *user, pdm_size task, int thread)
{
    const nest_task       *k      = user;
    const pdm_nest_levels *p      = &k->plan->levels;
    const pdm_nest_level  *l      = &p->level[0];
    const pdm_size         sample = nest_sample(k, task);
    double                *centre = k->plan->value + sample * p->n_value + l->at_stencil + (p->width - 1) / 2;
    (void)thread;
    for (pdm_size u = 0; u < l->n_all; u++) centre[(u * p->n_field + u / l->n) * p->width] *= 1.0 + k->shift[sample];
}

/* ---- the next level ---- */

/* A stencil on its way to the next level: dimensions before j are there. [B coefficients][G][2 degree+1][inner] */
typedef struct axis_step {
    const pdm_nest_levels *p;
    const pdm_nest_level  *l;
    const nest_makers     *makers;
    pdm_size               dim, n_before, n_inner; /* n_before: G */
} axis_step;

static axis_step step_of(const pdm_nest_plan *plan, pdm_size level, pdm_size dim)
{
    const pdm_nest_levels *p = &plan->levels;
    axis_step              a = {p, &p->level[level], &plan->level[level].makers[dim], dim, p->n_field, 1};
    for (pdm_size j = 0; j < dim; j++) a.n_before *= 2 * p->rows->degree[j] + 1;
    for (pdm_size j = dim + 1; j < p->n_dim; j++) a.n_inner *= 2 * p->rows->degree[j] + 1;
    return a;
}

/* out += what maker k of a coefficient has of n others, in and out [n][G][2 degree+1][inner] */
static void add_maker(const axis_step *a, pdm_size k, pdm_size n, const double *in, double *out)
{
    const pdm_size degree = a->p->rows->degree[a->dim], w = 2 * degree + 1, n_fine = a->l->n_coef[a->dim];
    const pdm_size n_coarse = a->l[1].n_coef[a->dim], inner = a->n_inner;

    for (pdm_size o = 0; o < w; o++) {
        pdm_size other = a->makers->fine[k] + o - degree, turns = 0;
        if (a->p->rows->periodic[a->dim]) {
            while (other < 0) other += n_fine, turns--;
            while (other >= n_fine) other -= n_fine, turns++;
        }
        if (other < 0 || other >= n_fine) continue;
        for (pdm_size q = 0; q <= degree; q++) {
            const double   weight = a->makers->weight[k] * a->l->weight[a->dim][other * (degree + 1) + q];
            const pdm_size seen   = a->l->first[a->dim][other] + q + turns * n_coarse;
            const pdm_size place  = seen - a->makers->seen[k] + degree;
            if (weight == 0.0 || place < 0 || place >= w) continue;
            for (pdm_size b = 0; b < n * a->n_before; b++) {
                const double *restrict from = in + (b * w + o) * inner;
                double *restrict to         = out + (b * w + place) * inner;
                for (pdm_size i = 0; i < inner; i++) to[i] += weight * from[i];
            }
        }
    }
}

/* Coefficient i of the next level; in: that of the first fine coefficient, others lie `stride` doubles apart. */
static void gather_makers(const axis_step *a, pdm_size i, pdm_size n, const double *in, pdm_size stride, double *out)
{
    const pdm_size w = 2 * a->p->rows->degree[a->dim] + 1;
    memset(out, 0, (size_t)(n * a->n_before * w * a->n_inner) * sizeof *out);
    for (pdm_size k = a->makers->first[i]; k < a->makers->first[i + 1]; k++)
        add_maker(a, k, n, in + a->makers->fine[k] * stride, out);
}

/* Coefficients of a level from dimension `dim` on. */
static pdm_size n_from(const pdm_nest_levels *p, const pdm_nest_level *l, pdm_size dim)
{
    pdm_size n = 1;
    for (pdm_size j = dim; j < p->n_dim; j++) n *= l->n_coef[j];
    return n;
}

/* Dimensions from `dim` on, by turns from one piece of scratch to the other, the last one to out. */
static void reduce_others(const pdm_nest_plan *plan, pdm_size level, pdm_size dim, double *in, double *free_space,
                          double *out)
{
    const pdm_nest_levels *p       = &plan->levels;
    const pdm_nest_level  *l       = &p->level[level];
    pdm_size               n_outer = 1;
    for (pdm_size j = dim; j < p->n_dim; j++) {
        const axis_step a = step_of(plan, level, j);
        const pdm_size  n = n_from(p, l, j + 1), stride = n * p->n_field * p->width;
        double         *to = j + 1 == p->n_dim ? out : free_space;
        for (pdm_size o = 0; o < n_outer; o++)
            for (pdm_size i = 0; i < l[1].n_coef[j]; i++)
                gather_makers(&a, i, n, in + o * l->n_coef[j] * stride, stride, to + (o * l[1].n_coef[j] + i) * stride);
        n_outer *= l[1].n_coef[j];
        free_space = in;
        in         = to;
    }
}

/* Doubles of one coefficient along dimension 0, over all others; those along dimension 1 go one by one where they are
 * many. */
static pdm_size slice_size(const pdm_nest_levels *p, const pdm_nest_level *l)
{
    return n_from(p, l, 1) * p->n_field * p->width;
}

/* in: the stencils of a field; out: of the next level, at i0 */
static void reduce_at_once(const nest_task *k, pdm_size i0, const double *in, double *scratch, double *out)
{
    const pdm_nest_levels *p     = &k->plan->levels;
    const pdm_nest_level  *l     = &p->level[k->level];
    const axis_step        first = step_of(k->plan, k->level, 0);
    const pdm_size         slice = slice_size(p, l);
    double                *one   = p->n_dim == 1 ? out : scratch;
    gather_makers(&first, i0, n_from(p, l, 1), in, slice, one);
    if (p->n_dim > 1) reduce_others(k->plan, k->level, 1, one, scratch + slice, out);
}

static void reduce_one_by_one(const nest_task *k, pdm_size i0, const double *in, double *scratch, double *out)
{
    const pdm_nest_levels *p     = &k->plan->levels;
    const pdm_nest_level  *l     = &p->level[k->level];
    const axis_step        first = step_of(k->plan, k->level, 0), second = step_of(k->plan, k->level, 1);
    const nest_makers     *makers = second.makers;
    const pdm_size         size = p->n_field * p->width, n = n_from(p, l, 2);

    for (pdm_size i1 = 0; i1 < l[1].n_coef[1]; i1++, out += n_from(p, l + 1, 2) * size) {
        double *one = scratch, *sum = p->n_dim == 2 ? out : one + n * size;
        memset(sum, 0, (size_t)(n * size) * sizeof *sum);
        for (pdm_size m = makers->first[i1]; m < makers->first[i1 + 1]; m++) {
            gather_makers(&first, i0, n, in + makers->fine[m] * n * size, slice_size(p, l), one);
            add_maker(&second, m, n, one, sum);
        }
        if (p->n_dim > 2) reduce_others(k->plan, k->level, 2, sum, one, out);
    }
}

/* One coefficient along dimension 0 of the next level, of all fields, over all other dimensions. */
static void coarser_task(void *user, pdm_size task, int thread)
{
    const nest_task       *k    = user;
    const pdm_nest_levels *p    = &k->plan->levels;
    const pdm_nest_level  *l    = &p->level[k->level];
    const pdm_size         size = p->n_field * p->width, i0 = nest_part(k, task);
    double                *value   = k->plan->value + nest_sample(k, task) * p->n_value;
    double                *scratch = pdm_cpu_scratch(k->cpu, thread);

    for (pdm_size f = 0; f < p->n_field; f++) {
        const double *in  = value + l->at_stencil + f * l->n * size;
        double       *out = value + l[1].at_stencil + (f * l[1].n + i0 * n_from(p, l + 1, 1)) * size;
        if (slice_size(p, l) > SLICE_MOST && p->n_dim > 1)
            reduce_one_by_one(k, i0, in, scratch, out);
        else
            reduce_at_once(k, i0, in, scratch, out);
    }
}

/* ---- all levels ---- */

size_t nest_matrix_work(const pdm_nest_plan *plan)
{
    const pdm_nest_levels *p       = &plan->levels;
    const size_t           element = (size_t)((ROWS_AT_ONCE + p->m) * p->m + p->n_local + 1);
    const pdm_size         slice   = slice_size(p, p->level);
    const bool             one     = slice > SLICE_MOST && p->n_dim > 1;
    const size_t           between = (size_t)(2 * (one ? slice / p->level->n_coef[1] : slice));
    return element > between ? element : between;
}

void nest_matrices(nest_task *k)
{
    const pdm_nest_levels *p = &k->plan->levels;
    nest_run(k, clear_task, 1, 0, 1);
    nest_run(k, slab_task, n_slab_of(p), 0, 2);
    nest_run(k, slab_task, n_slab_of(p), 1, 2);
    nest_run(k, shift_task, 1, 0, 1);
    for (k->level = 0; k->level + 1 < p->n_level; k->level++)
        nest_run(k, coarser_task, p->level[k->level + 1].n_coef[0], 0, 1);
}
