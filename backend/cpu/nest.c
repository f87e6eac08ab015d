/* A multilevel preconditioner of A^T A for free coefficients: one V-cycle over nested splines, with patches of unknowns
 * that overlap solved for one after the other (multiplicative Schwarz), there and back, which keeps it symmetric.
 *
 * H of a level is kept as a stencil, whole rows: an unknown sees those at most `degree` away in every dimension.
 * Matrices of elements go up the levels, depth first: that of a coarse element is the sum of its children's, P^T K P. */
#include "backend/cpu/cpu_impl.h"

#include <math.h>
#include <string.h>

#include "backend/cpu/rows_impl.h"
#include "backend/nest.h"

enum { SEEN_MOST = 16 }; /* degree + 1 at most */

struct pdm_nest_plan {
    pdm_nest_levels levels;
    pdm_size       *element_row0;
    int32_t        *element_row;
    double         *value; /* [n_sample][n_value] */
    size_t          work;  /* doubles */
};

/* ---- stencils ---- */

/* Coefficients that `coef` sees lie in runs along the last dimension. The first ones of its lines there, in the order of
 * its stencil, -1: outside; out [width of a stencil over that of a run]. Returns its index in the last dimension. */
static pdm_size neighbours(const pdm_nest_levels *p, const pdm_nest_level *l, pdm_size coef, int32_t *restrict out)
{
    pdm_size index[PDM_MAX_DIM], n = 1;
    pdm_nest_unpack(p->n_dim, l->n_coef, coef, index);
    out[0] = 0;
    for (pdm_size j = 0; j + 1 < p->n_dim; j++) {
        const pdm_size degree = p->rows->degree[j], w = 2 * degree + 1, n_coef = l->n_coef[j];
        for (pdm_size k = n - 1; k >= 0; k--)
            for (pdm_size o = w - 1; o >= 0; o--) {
                pdm_size at = index[j] + o - degree;
                if (p->rows->periodic[j]) at = ((at % n_coef) + n_coef) % n_coef;
                const bool inside = out[k] >= 0 && at >= 0 && at < n_coef;
                out[k * w + o]    = inside ? (int32_t)(out[k] * n_coef + at) : -1;
            }
        n *= w;
    }
    for (pdm_size k = 0; k < n; k++)
        if (out[k] >= 0) out[k] *= (int32_t)l->n_coef[p->n_dim - 1];
    return index[p->n_dim - 1];
}

/* Place q of a run around index i of the last dimension; -1: outside. */
static pdm_size along(const pdm_nest_levels *p, const pdm_nest_level *l, pdm_size i, pdm_size q)
{
    const pdm_size last = p->n_dim - 1, n = l->n_coef[last], at = i + q - p->rows->degree[last];
    if (p->rows->periodic[last]) return ((at % n) + n) % n;
    return at < n ? at : -1;
}

/* r -= alpha H e_u */
static void subtract_column(const pdm_nest_levels *p, const pdm_nest_level *l, const double *stencil, pdm_size u,
                            double alpha, double *r, int32_t *list)
{
    const pdm_size d = p->rows->degree[p->n_dim - 1], run = 2 * d + 1, i = neighbours(p, l, u % l->n, list);
    const bool     inside = i >= d && i + d < l->n_coef[p->n_dim - 1];
    const double  *h      = stencil + u * p->n_field * p->width;

    for (pdm_size f = 0; f < p->n_field; f++, h += p->width)
        for (pdm_size k = 0; k * run < p->width; k++) {
            if (list[k] < 0) continue;
            double *restrict to       = r + f * l->n + list[k] + (inside ? i - d : 0);
            const double *restrict of = h + k * run;
            for (pdm_size q = 0; q < run && inside; q++) to[q] -= alpha * of[q];
            for (pdm_size q = 0; q < run && !inside; q++) {
                const pdm_size at = along(p, l, i, q);
                if (at >= 0) to[at] -= alpha * of[q];
            }
        }
}

/* ---- matrices of elements ---- */

typedef struct nest_task {
    pdm_cpu       *cpu;
    pdm_nest_plan *plan;
    pdm_batch      batch;
    const double  *shift, *A, *y;
    double        *x;
    int32_t       *failed;
} nest_task;

/* What an element of a level sees: list [n_local]. */
static void element_sees(const pdm_nest_levels *p, const pdm_nest_level *l, const pdm_size *element, int32_t *list)
{
    pdm_size n = 1;
    list[0]    = 0;
    for (pdm_size j = 0; j < p->n_dim; j++) {
        const pdm_size w = p->rows->degree[j] + 1;
        for (pdm_size k = n - 1; k >= 0; k--)
            for (pdm_size o = w - 1; o >= 0; o--)
                list[k * w + o] = (int32_t)(list[k] * l->n_coef[j] + (element[j] + o) % l->n_coef[j]);
        n *= w;
    }
}

/* Adds K [m][m] of an element to the level's stencils. */
static void add_element(const pdm_nest_levels *p, const pdm_nest_level *l, const pdm_size *element, const double *K,
                        double *stencil, int32_t *list)
{
    int32_t *apart = list + p->n_local; /* place in a stencil of local b as seen by local 0; of a: less its own */
    pdm_size n     = 1;
    element_sees(p, l, element, list);
    apart[0] = 0;
    for (pdm_size j = 0; j < p->n_dim; j++) {
        const pdm_size w = p->rows->degree[j] + 1;
        for (pdm_size k = n - 1; k >= 0; k--)
            for (pdm_size o = w - 1; o >= 0; o--) apart[k * w + o] = (int32_t)(apart[k] * (2 * w - 1) + o);
        n *= w;
    }
    const int32_t centre = (int32_t)((p->width - 1) / 2);
    for (pdm_size a = 0; a < p->m; a++) {
        const pdm_size u = a / p->n_local * l->n + list[a % p->n_local];
        if (!l->free[u]) continue;
        double       *to   = stencil + u * p->n_field * p->width + centre - apart[a % p->n_local];
        const double *from = K + a * p->m;
        for (pdm_size f = 0; f < p->n_field; f++, to += p->width, from += p->n_local)
            for (pdm_size b = 0; b < p->n_local; b++)
                if (l->free[f * l->n + list[b]]) to[apart[b]] += from[b];
    }
}

/* out [m][m] = P^T in, P the tensor product of the element's matrices, dimension by dimension; in is used up. */
static void to_parent(const pdm_nest_levels *p, const pdm_nest_level *l, const pdm_size *element, double *in,
                      double *out)
{
    pdm_size inner = p->n_local * p->m, outer = p->n_field;
    for (pdm_size j = 0; j < p->n_dim; j++) {
        const pdm_size w = p->rows->degree[j] + 1;
        const double  *P = l->axis[j].local + element[j] * w * w;
        inner /= w;
        memset(out, 0, (size_t)(p->m * p->m) * sizeof *out);
        for (pdm_size o = 0; o < outer; o++)
            for (pdm_size b = 0; b < w; b++)
                for (pdm_size a = 0; a < w; a++) {
                    const double f              = P[a * w + b];
                    const double *restrict from = in + (o * w + a) * inner;
                    double *restrict to         = out + (o * w + b) * inner;
                    if (f == 0.0) continue;
                    for (pdm_size i = 0; i < inner; i++) to[i] += f * from[i];
                }
        outer *= w;
        double *swap = in;
        in           = out;
        out          = swap;
    }
    if (p->n_dim % 2 == 0) memcpy(out, in, (size_t)(p->m * p->m) * sizeof *out);
}

static void transpose(pdm_size n, double *K)
{
    for (pdm_size a = 0; a < n; a++)
        for (pdm_size b = 0; b < a; b++) {
            const double t = K[a * n + b];
            K[a * n + b]   = K[b * n + a];
            K[b * n + a]   = t;
        }
}

static void rows_matrix(const nest_task *k, pdm_size sample, pdm_size element, double *K)
{
    const pdm_nest_levels *p = &k->plan->levels;
    const pdm_size         m = p->m;
    for (pdm_size i = k->plan->element_row0[element]; i < k->plan->element_row0[element + 1]; i++) {
        const double *restrict a = k->A + (sample * p->rows->n_row + k->plan->element_row[i]) * m;
        for (pdm_size q = 0; q < m; q++)
            for (pdm_size s = 0; s < m; s++) K[q * m + s] += a[q] * a[s];
    }
    for (pdm_size q = 0; q < m; q++) K[q * m + q] *= 1.0 + k->shift[sample];
}

/* K of an element of a level into work [m][m]; further work follows it. Those of all levels are added to stencils. */
static void climb(const nest_task *k, pdm_size sample, pdm_size level, const pdm_size *element, double *work,
                  int32_t *list)
{
    const pdm_nest_levels *p     = &k->plan->levels;
    const pdm_nest_level  *l     = &p->level[level];
    const pdm_size         size  = p->m * p->m;
    double                *value = k->plan->value + sample * p->n_value;

    memset(work, 0, (size_t)size * sizeof *work);
    if (level == 0) {
        pdm_size at = 0;
        for (pdm_size j = 0; j < p->n_dim; j++) at = at * l->n_element[j] + element[j];
        rows_matrix(k, sample, at, work);
    } else {
        const pdm_nest_level *finer = l - 1;
        pdm_size              shape[PDM_MAX_DIM], child[PDM_MAX_DIM], n = 1;
        for (pdm_size j = 0; j < p->n_dim; j++) {
            shape[j] = finer->child[j][element[j] + 1] - finer->child[j][element[j]];
            n *= shape[j];
        }
        for (pdm_size i = 0; i < n; i++) {
            double *own = work + size, *other = work + 2 * size;
            pdm_nest_unpack(p->n_dim, shape, i, child);
            for (pdm_size j = 0; j < p->n_dim; j++) child[j] += finer->child[j][element[j]];
            climb(k, sample, level - 1, child, own, list);
            to_parent(p, finer, child, own, other);
            transpose(p->m, other);
            to_parent(p, finer, child, other, own);
            for (pdm_size q = 0; q < size; q++) work[q] += own[q];
        }
    }
    add_element(p, l, element, work, value + l->at_stencil, list);
}

/* ---- patches ---- */

/* Lower Cholesky factor by rows, packed. The diagonal holds inverses. Returns whether it worked. */
static bool factor_patch(pdm_size n, double *L)
{
    for (pdm_size i = 0; i < n; i++) {
        double *restrict row = L + i * (i + 1) / 2;
        for (pdm_size j = 0; j <= i; j++) {
            const double *restrict other = L + j * (j + 1) / 2;
            double sum                   = row[j];
            for (pdm_size q = 0; q < j; q++) sum -= row[q] * other[q];
            if (j < i)
                row[j] = sum * other[j];
            else if (!(sum > 0.0) || !isfinite(sum))
                return false;
            else
                row[i] = 1.0 / sqrt(sum);
        }
    }
    return true;
}

static void solve_patch(pdm_size n, const double *restrict L, double *restrict x)
{
    for (pdm_size i = 0; i < n; i++) {
        const double *row = L + i * (i + 1) / 2;
        double        sum = x[i];
        for (pdm_size j = 0; j < i; j++) sum -= row[j] * x[j];
        x[i] = sum * row[i];
    }
    for (pdm_size i = n - 1; i >= 0; i--) {
        const double *row = L + i * (i + 1) / 2;
        x[i] *= row[i];
        for (pdm_size j = 0; j < i; j++) x[j] -= row[j] * x[i];
    }
}

/* The patch's matrix from stencils. place [n_all] is -1 everywhere, before and after. */
static void gather_patch(const pdm_nest_levels *p, const pdm_nest_level *l, const double *stencil, pdm_size patch,
                         int32_t *place, int32_t *list, double *L)
{
    const int32_t *unknown = l->unknown + l->patch0[patch];
    const pdm_size n = l->patch0[patch + 1] - l->patch0[patch], run = 2 * p->rows->degree[p->n_dim - 1] + 1;

    memset(L, 0, (size_t)(n * (n + 1) / 2) * sizeof *L);
    for (pdm_size i = 0; i < n; i++) place[unknown[i]] = (int32_t)i;
    for (pdm_size i = 0; i < n; i++) {
        const pdm_size at = neighbours(p, l, unknown[i] % l->n, list);
        for (pdm_size f = 0; f < p->n_field; f++)
            for (pdm_size k = 0; k < p->width; k++) {
                const pdm_size q = along(p, l, at, k % run);
                const int32_t  j = list[k / run] < 0 || q < 0 ? -1 : place[f * l->n + list[k / run] + q];
                if (j >= 0 && j <= i) L[i * (i + 1) / 2 + j] += stencil[(unknown[i] * p->n_field + f) * p->width + k];
            }
    }
    for (pdm_size i = 0; i < n; i++) place[unknown[i]] = -1;
}

static void factor_task(void *user, pdm_size task, int thread)
{
    const nest_task       *k      = user;
    const pdm_nest_levels *p      = &k->plan->levels;
    const pdm_size         sample = k->batch.index[task];
    double                *value = k->plan->value + sample * p->n_value, *work = pdm_cpu_scratch(k->cpu, thread);
    int32_t               *list = (int32_t *)work, *place = list + 2 * p->width;
    const pdm_nest_level  *top = &p->level[p->n_level - 1];
    pdm_size               n   = 1, element[PDM_MAX_DIM];

    memset(value, 0, (size_t)p->n_value * sizeof *value);
    for (pdm_size j = 0; j < p->n_dim; j++) n *= top->n_element[j];
    for (pdm_size e = 0; e < n; e++) {
        pdm_nest_unpack(p->n_dim, top->n_element, e, element);
        climb(k, sample, p->n_level - 1, element, work + p->width, list);
    }
    k->failed[sample] = 0;
    for (pdm_size i = 0; i < p->n_level; i++) {
        const pdm_nest_level *l = &p->level[i];
        for (pdm_size u = 0; u < l->n_all; u++) place[u] = -1;
        for (pdm_size q = 0; q < l->n_patch && k->failed[sample] == 0; q++) {
            double *L = value + l->at_factor + l->factor0[q];
            gather_patch(p, l, value + l->at_stencil, q, place, list, L);
            if (!factor_patch(l->patch0[q + 1] - l->patch0[q], L)) k->failed[sample] = (int32_t)(1 + q);
        }
    }
}

/* ---- the cycle ---- */

static void relax(const pdm_nest_levels *p, const pdm_nest_level *l, const double *value, pdm_size patch, double *r,
                  double *x, double *d, int32_t *list)
{
    const int32_t *unknown = l->unknown + l->patch0[patch];
    const pdm_size n       = l->patch0[patch + 1] - l->patch0[patch];

    for (pdm_size i = 0; i < n; i++) d[i] = r[unknown[i]];
    solve_patch(n, value + l->at_factor + l->factor0[patch], d);
    for (pdm_size i = 0; i < n; i++) {
        x[unknown[i]] += d[i];
        subtract_column(p, l, value + l->at_stencil, unknown[i], d[i], r, list);
    }
}

/* What a coefficient sees of the next level along a dimension: places and weights that are not zero. */
typedef struct nest_line {
    pdm_size n, at[SEEN_MOST];
    double   weight[SEEN_MOST];
} nest_line;

static void find_line(const pdm_nest_levels *p, const pdm_nest_level *l, pdm_size dim, pdm_size i, nest_line *out)
{
    const pdm_size w = p->rows->degree[dim] + 1;
    out->n           = 0;
    for (pdm_size k = 0; k < w; k++) {
        if (l->weight[dim][i * w + k] == 0.0) continue;
        out->at[out->n]       = (l->first[dim][i] + k) % l[1].n_coef[dim];
        out->weight[out->n++] = l->weight[dim][i * w + k];
    }
}

/* coarse += P^T fine, or fine += P coarse */
static void transfer(const pdm_nest_levels *p, const pdm_nest_level *l, bool down, double *fine, double *coarse)
{
    const pdm_nest_level *c    = l + 1;
    const pdm_size        last = p->n_dim - 1;
    for (pdm_size coef = 0; coef < l->n; coef++) {
        nest_line line[PDM_MAX_DIM];
        pdm_size  index[PDM_MAX_DIM], shape[PDM_MAX_DIM], n = 1;
        pdm_nest_unpack(p->n_dim, l->n_coef, coef, index);
        for (pdm_size j = 0; j < p->n_dim; j++) find_line(p, l, j, index[j], &line[j]);
        for (pdm_size j = 0; j < last; j++) n *= shape[j] = line[j].n;
        for (pdm_size k = 0; k < n; k++) {
            pdm_size at     = 0;
            double   weight = 1.0;
            pdm_nest_unpack(last, shape, k, index);
            for (pdm_size j = 0; j < last; j++) {
                at = at * c->n_coef[j] + line[j].at[index[j]];
                weight *= line[j].weight[index[j]];
            }
            at *= c->n_coef[last];
            for (pdm_size f = 0; f < p->n_field; f++)
                for (pdm_size q = 0; q < line[last].n; q++) {
                    double *one = &fine[f * l->n + coef], *other = &coarse[f * c->n + at + line[last].at[q]];
                    if (down)
                        *other += weight * line[last].weight[q] * *one;
                    else
                        *one += weight * line[last].weight[q] * *other;
                }
        }
    }
}

/* x = about H^-1 r on a level and those below it; r is used up. */
static void cycle(const pdm_nest_levels *p, pdm_size level, double *value, double *work, int32_t *list)
{
    const pdm_nest_level *l = &p->level[level];
    double               *r = value + l->at_r, *x = value + l->at_x;

    memset(x, 0, (size_t)l->n_all * sizeof *x);
    for (pdm_size q = 0; q < l->n_patch; q++) relax(p, l, value, q, r, x, work, list);
    if (level + 1 == p->n_level) { /* back from the last patch but one: one patch alone is solved for once */
        for (pdm_size q = l->n_patch - 2; q >= 0; q--) relax(p, l, value, q, r, x, work, list);
        return;
    }
    const pdm_nest_level *c  = l + 1;
    double               *rc = value + c->at_r, *d = work;
    memset(rc, 0, (size_t)c->n_all * sizeof *rc);
    transfer(p, l, true, r, rc);
    for (pdm_size u = 0; u < c->n_all; u++)
        if (!c->free[u]) rc[u] = 0.0;
    cycle(p, level + 1, value, work, list);
    memset(d, 0, (size_t)l->n_all * sizeof *d);
    transfer(p, l, false, d, value + c->at_x);
    for (pdm_size u = 0; u < l->n_all; u++) {
        if (!l->free[u]) continue;
        x[u] += d[u];
        subtract_column(p, l, value + l->at_stencil, u, d[u], r, list);
    }
    for (pdm_size q = l->n_patch - 1; q >= 0; q--) relax(p, l, value, q, r, x, work, list);
}

static void solve_task(void *user, pdm_size task, int thread)
{
    const nest_task       *k      = user;
    const pdm_nest_levels *p      = &k->plan->levels;
    const pdm_nest_level  *l      = &p->level[0];
    const pdm_size         sample = k->batch.index[task];
    double                *value = k->plan->value + sample * p->n_value, *work = pdm_cpu_scratch(k->cpu, thread);

    for (pdm_size u = 0; u < l->n_all; u++) value[l->at_r + u] = l->free[u] ? k->y[sample * l->n_all + u] : 0.0;
    cycle(p, 0, value, work + p->width, (int32_t *)work);
    memcpy(k->x + sample * l->n_all, value + l->at_x, (size_t)l->n_all * sizeof(double));
}

pdm_status nest_factor_cpu(pdm_backend *b, pdm_nest_plan *plan, pdm_batch s, const double *shift, pdm_buffer *A,
                           int32_t *failed)
{
    nest_task task = {
        .cpu = pdm_cpu_of(b), .plan = plan, .batch = s, .shift = shift, .A = cpu_data(A), .failed = failed};
    pdm_cpu_for(task.cpu, s.n, factor_task, &task);
    return PDM_OK;
}

pdm_status nest_solve_cpu(pdm_backend *b, pdm_nest_plan *plan, pdm_batch s, pdm_buffer *y, pdm_buffer *x)
{
    nest_task task = {.cpu = pdm_cpu_of(b), .plan = plan, .batch = s, .y = cpu_data(y), .x = cpu_data(x)};
    pdm_cpu_for(task.cpu, s.n, solve_task, &task);
    return PDM_OK;
}

pdm_status nest_create_cpu(pdm_backend *b, const pdm_rows_desc *rows, const pdm_nest_desc *desc, pdm_size n_sample,
                           pdm_nest_plan **out)
{
    pdm_status     status = PDM_OK;
    pdm_nest_plan *p      = NULL;
    pdm_rows_plan *plan   = NULL;
    size_t         most   = 0;

    for (pdm_size j = 0; j < rows->n_dim; j++)
        if (rows->degree[j] >= SEEN_MOST)
            PDM_FAIL(b->ctx, PDM_ERR_UNSUPPORTED, "degree %lld; %d at most is supported", (long long)rows->degree[j],
                     SEEN_MOST - 1);
    PDM_TRY(pdm_alloc(b->ctx, sizeof *p, &p));
    PDM_TRY(rows_create_cpu(b, rows, 1, &plan));
    p->element_row0    = plan->element_row0;
    p->element_row     = plan->element_row;
    plan->element_row0 = NULL;
    plan->element_row  = NULL;
    PDM_TRY(pdm_nest_levels_create(b->ctx, rows, desc, &p->levels));
    const pdm_nest_levels *l = &p->levels;
    for (pdm_size i = 0; i < l->n_level; i++) {
        most = (size_t)l->level[i].n_all > most ? (size_t)l->level[i].n_all : most;
        most = (size_t)l->level[i].most > most ? (size_t)l->level[i].most : most;
    }
    const size_t climbing = (size_t)((l->n_level + 2) * 2 * l->m * l->m);
    p->work               = (size_t)(2 * l->width) + (climbing > most ? climbing : most) + 64;
    PDM_TRY(pdm_alloc_array(b->ctx, n_sample * l->n_value, &p->value));
    PDM_TRY(pdm_cpu_reserve(pdm_cpu_of(b), p->work * sizeof(double)));
    *out = p;
    p    = NULL;
done:
    rows_destroy_cpu(b, &plan);
    nest_destroy_cpu(b, &p);
    return status;
}

void nest_destroy_cpu(pdm_backend *b, pdm_nest_plan **plan)
{
    if (!plan || !*plan) return;
    pdm_nest_levels_destroy(b->ctx, &(*plan)->levels);
    pdm_free(b->ctx, (*plan)->element_row0);
    pdm_free(b->ctx, (*plan)->element_row);
    pdm_free(b->ctx, (*plan)->value);
    pdm_free(b->ctx, *plan);
    *plan = NULL;
}
