/* Patches of unknowns, solved for exactly one after the other, and the cycle over the levels. Strips of patches that do
 * not touch go to different threads, every second one at a time; the numbers are the same for any number of threads. */
#include "backend/cpu/nest_impl.h"

#include <math.h>
#include <string.h>

enum {
    RUN_MOST = 2 * PDM_NEST_DEGREE + 1,
    PATCHES  = 64,   /* of a task that factors, at least */
    UNKNOWNS = 4096, /* of a task that takes H d off r, about */
    SUMS     = 4     /* running ones of a dot product: the same for every instruction set */
};

/* ---- patches ---- */

/* The triangle of a patch is packed by rows, with inverses on the diagonal. */
static double *row_of(double *L, pdm_size i)
{
    return L + i * (i + 1) / 2;
}

/* The patch's matrix from stencils, lower triangle, H [n][n]. place [n_all] is -1 everywhere, before and after. */
static void gather_patch(const pdm_nest_plan *plan, pdm_size level, const double *stencil, pdm_size patch,
                         int32_t *place, double *H)
{
    const pdm_nest_levels *p       = &plan->levels;
    const pdm_nest_level  *l       = &p->level[level];
    const nest_level      *own     = &plan->level[level];
    const int32_t         *unknown = l->unknown + l->patch0[patch];
    const pdm_size         n = l->patch0[patch + 1] - l->patch0[patch], last = p->n_dim - 1, n_last = l->n_coef[last];
    const pdm_size         degree = p->rows->degree[last], run = 2 * degree + 1;

    for (pdm_size i = 0; i < n; i++) place[unknown[i]] = (int32_t)i;
    for (pdm_size i = 0; i < n; i++) {
        const pdm_size coef = unknown[i] % l->n, first = coef % n_last - degree;
        const int32_t *line = own->line + coef / n_last * own->n_line;
        const double  *h    = stencil + unknown[i] * p->n_field * p->width;
        memset(H + i * n, 0, (size_t)(i + 1) * sizeof *H);
        for (pdm_size f = 0; f < p->n_field; f++)
            for (pdm_size k = 0; k < own->n_line; k++, h += run)
                for (pdm_size q = 0; q < run; q++) {
                    const pdm_size at = first + q, on = p->rows->periodic[last] ? (at + n_last) % n_last : at;
                    if (line[k] < 0 || on < 0 || on >= n_last) continue;
                    const int32_t j = place[f * l->n + line[k] + on];
                    if (j >= 0 && j <= i) H[i * n + j] += h[q];
                }
    }
    for (pdm_size i = 0; i < n; i++) place[unknown[i]] = -1;
}

static void pack_factor(pdm_size n, const double *H, double *L)
{
    for (pdm_size i = 0; i < n; i++) {
        memcpy(row_of(L, i), H + i * n, (size_t)i * sizeof *L);
        row_of(L, i)[i] = 1.0 / H[i * n + i];
    }
}

static pdm_size n_part_of(pdm_size n, pdm_size each)
{
    return n < 2 * each ? 1 : n / each;
}

static void factor_task(void *user, pdm_size task, int thread)
{
    const nest_task       *k      = user;
    const pdm_nest_levels *p      = &k->plan->levels;
    const pdm_nest_level  *l      = &p->level[k->level];
    const pdm_size         sample = nest_sample(k, task), part = nest_part(k, task), n_part = k->n_part;
    double                *value = k->plan->value + sample * p->n_value;
    double                *H     = pdm_cpu_scratch(k->cpu, thread);
    int32_t               *place = (int32_t *)(H + l->most * l->most);

    for (pdm_size u = 0; u < l->n_all; u++) place[u] = -1;
    for (pdm_size q = l->n_patch * part / n_part; q < l->n_patch * (part + 1) / n_part; q++) {
        const pdm_size n = l->patch0[q + 1] - l->patch0[q];
        gather_patch(k->plan, k->level, value + l->at_stencil, q, place, H);
        const int32_t failed = pdm_cpu_potrf(k->cpu->kernels, n, H, n);
        pack_factor(n, H, value + l->at_factor + l->factor0[q]);
        if (failed != 0) value[l->at_factor + l->factor0[q]] = NAN; /* found by check_task() */
    }
}

static void check_task(void *user, pdm_size task, int thread)
{
    const nest_task       *k      = user;
    const pdm_nest_levels *p      = &k->plan->levels;
    const pdm_size         sample = nest_sample(k, task);
    const double          *value  = k->plan->value + sample * p->n_value;
    (void)thread;
    k->failed[sample] = 0;
    for (pdm_size i = 0; i < p->n_level; i++)
        for (pdm_size q = 0; q < p->level[i].n_patch && k->failed[sample] == 0; q++)
            if (isnan(value[p->level[i].at_factor + p->level[i].factor0[q]])) k->failed[sample] = (int32_t)(1 + q);
}

void nest_factors(nest_task *k)
{
    const pdm_nest_levels *p = &k->plan->levels;
    for (k->level = 0; k->level < p->n_level; k->level++)
        nest_run(k, factor_task, n_part_of(p->level[k->level].n_patch, PATCHES), 0, 1);
    nest_run(k, check_task, 1, 0, 1);
}

static void solve_patch(pdm_size n, double *L, double *restrict x)
{
    for (pdm_size i = 0; i < n; i++) {
        const double *restrict row = row_of(L, i);
        double   sum[SUMS]         = {0.0};
        pdm_size j                 = 0;
        for (; j + SUMS <= i; j += SUMS)
            for (pdm_size s = 0; s < SUMS; s++) sum[s] += row[j + s] * x[j + s];
        for (pdm_size s = 0; j < i; j++, s++) sum[s] += row[j] * x[j];
        x[i] = (x[i] - ((sum[0] + sum[2]) + (sum[1] + sum[3]))) * row[i];
    }
    for (pdm_size i = n - 1; i >= 0; i--) {
        const double *restrict row = row_of(L, i);
        const double xi            = x[i] *= row[i];
        for (pdm_size j = 0; j < i; j++) x[j] -= row[j] * xi;
    }
}

/* ---- H times vectors ---- */

/* Where the stencil of a coefficient lies: along the last dimension places from ... to-1 of every run are inside, unless
 * runs go round a ring. */
typedef struct nest_view {
    const pdm_nest_levels *p;
    const pdm_nest_level  *l;
    const nest_level      *own;
    const double          *stencil;
    pdm_size               n_last, degree;
} nest_view;

static nest_view view_of(const pdm_nest_plan *plan, pdm_size level, const double *value)
{
    const pdm_nest_level *l    = &plan->levels.level[level];
    const pdm_size        last = plan->levels.n_dim - 1;
    return (nest_view){
        &plan->levels, l, &plan->level[level], value + l->at_stencil, l->n_coef[last], plan->levels.rows->degree[last]};
}

static inline pdm_size round_ring(pdm_size i, pdm_size n)
{
    while (i < 0) i += n;
    while (i >= n) i -= n;
    return i;
}

/* r -= alpha H e_u; degree: that of the last dimension, a constant of the callers below */
static inline void subtract_column(const nest_view *v, pdm_size degree, pdm_size u, double alpha, double *restrict r)
{
    const pdm_size run = 2 * degree + 1, coef = u % v->l->n, first = coef % v->n_last - degree;
    const int32_t *line   = v->own->line + coef / v->n_last * v->own->n_line;
    const bool     inside = first >= 0 && first + run <= v->n_last, ring = v->p->rows->periodic[v->p->n_dim - 1];
    const double *restrict h = v->stencil + u * v->p->n_field * v->p->width;

    for (pdm_size f = 0; f < v->p->n_field; f++, r += v->l->n)
        for (pdm_size k = 0; k < v->own->n_line; k++, h += run) {
            if (line[k] < 0) continue;
            double *to = r + line[k];
            if (inside)
                for (pdm_size q = 0; q < run; q++) to[first + q] -= alpha * h[q];
            else if (ring)
                for (pdm_size q = 0; q < run; q++) to[round_ring(first + q, v->n_last)] -= alpha * h[q];
            else
                for (pdm_size q = 0; q < run; q++)
                    if (first + q >= 0 && first + q < v->n_last) to[first + q] -= alpha * h[q];
        }
}

/* (H d)_u, which is row u as well */
static double times_row(const nest_view *v, pdm_size u, const double *d)
{
    const pdm_size run = 2 * v->degree + 1, coef = u % v->l->n, first = coef % v->n_last - v->degree;
    const int32_t *line   = v->own->line + coef / v->n_last * v->own->n_line;
    const bool     inside = first >= 0 && first + run <= v->n_last, ring = v->p->rows->periodic[v->p->n_dim - 1];
    const double  *h             = v->stencil + u * v->p->n_field * v->p->width;
    double         sum[RUN_MOST] = {0.0}, all = 0.0;

    for (pdm_size f = 0; f < v->p->n_field; f++, d += v->l->n)
        for (pdm_size k = 0; k < v->own->n_line; k++, h += run) {
            if (line[k] < 0) continue;
            const double *from = d + line[k];
            if (inside)
                for (pdm_size q = 0; q < run; q++) sum[q] += h[q] * from[first + q];
            else if (ring)
                for (pdm_size q = 0; q < run; q++) sum[q] += h[q] * from[round_ring(first + q, v->n_last)];
            else
                for (pdm_size q = 0; q < run; q++)
                    if (first + q >= 0 && first + q < v->n_last) sum[q] += h[q] * from[first + q];
        }
    for (pdm_size q = 0; q < run; q++) all += sum[q];
    return all;
}

/* ---- relaxation ---- */

static inline void relax_patch(const nest_view *v, pdm_size degree, pdm_size patch, double *L, double *r, double *x,
                               double *d)
{
    const int32_t *unknown = v->l->unknown + v->l->patch0[patch];
    const pdm_size n       = v->l->patch0[patch + 1] - v->l->patch0[patch];

    for (pdm_size i = 0; i < n; i++) d[i] = r[unknown[i]];
    solve_patch(n, L, d);
    for (pdm_size i = 0; i < n; i++) {
        x[unknown[i]] += d[i];
        subtract_column(v, degree, unknown[i], d[i], r);
    }
}

static void strip_task(void *user, pdm_size task, int thread)
{
    const nest_task      *k     = user;
    double               *value = k->plan->value + nest_sample(k, task) * k->plan->levels.n_value;
    const nest_view       v     = view_of(k->plan, k->level, value);
    const pdm_nest_level *l     = v.l;
    const pdm_size        first = l->strip0[nest_part(k, task)], n = l->strip0[nest_part(k, task) + 1] - first;
    double               *r = value + l->at_r, *x = value + l->at_x, *d = pdm_cpu_scratch(k->cpu, thread);

    for (pdm_size i = 0; i < n; i++) {
        const pdm_size patch = k->back ? first + n - 1 - i : first + i;
        double        *L     = value + l->at_factor + l->factor0[patch];
        if (v.degree == 3)
            relax_patch(&v, 3, patch, L, r, x, d);
        else
            relax_patch(&v, v.degree, patch, L, r, x, d);
    }
}

/* All patches of a level, there or back. */
static void relax(nest_task *k, bool back)
{
    const pdm_size n = k->plan->levels.level[k->level].n_strip;
    k->back          = back;
    nest_run(k, strip_task, n, back ? 1 : 0, 2);
    nest_run(k, strip_task, n, back ? 0 : 1, 2);
}

/* ---- from level to level ---- */

/* rc = P^T r, x of the next level = 0 */
static void restrict_task(void *user, pdm_size task, int thread)
{
    const nest_task       *k = user;
    const pdm_nest_levels *p = &k->plan->levels;
    const pdm_nest_level  *l = &p->level[k->level], *c = l + 1;
    const nest_makers     *m     = k->plan->level[k->level].makers;
    double                *value = k->plan->value + nest_sample(k, task) * p->n_value;
    const pdm_size         rest = c->n / c->n_coef[0], i0 = nest_part(k, task);
    (void)thread;

    for (pdm_size q = 0; q < p->n_field * rest; q++) {
        const pdm_size coef = i0 * rest + q % rest, u = q / rest * c->n + coef;
        pdm_size       index[PDM_MAX_DIM], shape[PDM_MAX_DIM], n = 1;
        double         sum = 0.0;
        pdm_nest_unpack(p->n_dim, c->n_coef, coef, index);
        for (pdm_size j = 0; j < p->n_dim; j++) n *= shape[j] = m[j].first[index[j] + 1] - m[j].first[index[j]];
        for (pdm_size i = 0; i < n && c->free[u]; i++) {
            pdm_size which[PDM_MAX_DIM], at = 0;
            double   weight = 1.0;
            pdm_nest_unpack(p->n_dim, shape, i, which);
            for (pdm_size j = 0; j < p->n_dim; j++) {
                const pdm_size maker = m[j].first[index[j]] + which[j];
                at                   = at * l->n_coef[j] + m[j].fine[maker];
                weight *= m[j].weight[maker];
            }
            sum += weight * value[l->at_r + q / rest * l->n + at];
        }
        value[c->at_r + u] = sum;
        value[c->at_x + u] = 0.0;
    }
}

/* step = P xc */
static void prolong_task(void *user, pdm_size task, int thread)
{
    const nest_task       *k = user;
    const pdm_nest_levels *p = &k->plan->levels;
    const pdm_nest_level  *l = &p->level[k->level], *c = l + 1;
    const pdm_size         sample = nest_sample(k, task), part = nest_part(k, task);
    const double          *x    = k->plan->value + sample * p->n_value + c->at_x;
    double                *step = k->plan->step + sample * p->level[0].n_all;
    (void)thread;

    for (pdm_size u = l->n_all * part / k->n_part; u < l->n_all * (part + 1) / k->n_part; u++) {
        pdm_size index[PDM_MAX_DIM], which[PDM_MAX_DIM] = {0}, j = l->free[u] ? 0 : -1;
        double   sum = 0.0;
        pdm_nest_unpack(p->n_dim, l->n_coef, u % l->n, index);
        while (j >= 0) {
            pdm_size at     = 0;
            double   weight = 1.0;
            for (j = 0; j < p->n_dim && weight != 0.0; j++) {
                weight *= l->weight[j][index[j] * (p->rows->degree[j] + 1) + which[j]];
                at = at * c->n_coef[j] + round_ring(l->first[j][index[j]] + which[j], c->n_coef[j]);
            }
            if (weight != 0.0) sum += weight * x[u / l->n * c->n + at];
            for (j = p->n_dim - 1; j >= 0 && ++which[j] > p->rows->degree[j]; j--) which[j] = 0;
        }
        step[u] = sum;
    }
}

/* x += step, r -= H step */
static void correct_task(void *user, pdm_size task, int thread)
{
    const nest_task       *k      = user;
    const pdm_nest_levels *p      = &k->plan->levels;
    const pdm_nest_level  *l      = &p->level[k->level];
    const pdm_size         sample = nest_sample(k, task), part = nest_part(k, task);
    double                *value = k->plan->value + sample * p->n_value;
    const double          *step  = k->plan->step + sample * p->level[0].n_all;
    const nest_view        v     = view_of(k->plan, k->level, value);
    (void)thread;

    for (pdm_size u = l->n_all * part / k->n_part; u < l->n_all * (part + 1) / k->n_part; u++) {
        if (!l->free[u]) continue;
        value[l->at_x + u] += step[u];
        value[l->at_r + u] -= times_row(&v, u, step);
    }
}

/* ---- the cycle ---- */

static void begin_task(void *user, pdm_size task, int thread)
{
    const nest_task      *k      = user;
    const pdm_nest_level *l      = &k->plan->levels.level[0];
    const pdm_size        sample = nest_sample(k, task);
    double               *value  = k->plan->value + sample * k->plan->levels.n_value;
    (void)thread;
    for (pdm_size u = 0; u < l->n_all; u++) value[l->at_r + u] = l->free[u] ? k->y[sample * l->n_all + u] : 0.0;
    memset(value + l->at_x, 0, (size_t)l->n_all * sizeof *value);
}

static void end_task(void *user, pdm_size task, int thread)
{
    const nest_task      *k      = user;
    const pdm_nest_level *l      = &k->plan->levels.level[0];
    const pdm_size        sample = nest_sample(k, task);
    (void)thread;
    memcpy(k->x + sample * l->n_all, k->plan->value + sample * k->plan->levels.n_value + l->at_x,
           (size_t)l->n_all * sizeof *k->x);
}

void nest_cycle(nest_task *k)
{
    const pdm_nest_levels *p    = &k->plan->levels;
    const pdm_size         last = p->n_level - 1;

    nest_run(k, begin_task, 1, 0, 1);
    for (k->level = 0; k->level < last; k->level++) {
        relax(k, false);
        nest_run(k, restrict_task, p->level[k->level + 1].n_coef[0], 0, 1);
    }
    relax(k, false);
    if (p->level[last].n_patch > 1) relax(k, true);
    while (k->level-- > 0) {
        const pdm_size n_part = n_part_of(p->level[k->level].n_all, UNKNOWNS);
        nest_run(k, prolong_task, n_part, 0, 1);
        nest_run(k, correct_task, n_part, 0, 1);
        relax(k, true);
    }
    nest_run(k, end_task, 1, 0, 1);
}

size_t nest_cycle_work(const pdm_nest_plan *plan)
{
    size_t most = 0, n_all = 0;
    for (pdm_size i = 0; i < plan->levels.n_level; i++) {
        const pdm_nest_level *l = &plan->levels.level[i];
        most                    = (size_t)l->most > most ? (size_t)l->most : most;
        n_all                   = (size_t)l->n_all > n_all ? (size_t)l->n_all : n_all;
    }
    return most * most + most + n_all / 2 + 8;
}
