/* What an answer leaves over of the equations. Every equation is taken apart at its + and -, each summand k integrated
 * over boxes b of cells: T_kb. With R_b = sum_k T_kb,
 *     left = sum_b |R_b| / max_k sum_b |T_kb|.
 * In a box what faces between its cells leave over cancels: beside a jump of a coefficient cells by themselves leave
 * 94 % where the answer is 0.7 % off. Absolute values, so that one bad box does not speak for all.
 * docs/mathematics.md, "Verdicts". */
#include "verdict/verdict.h"

#include <math.h>
#include <string.h>

#include "verdict/verdict_impl.h"

static const double NOTHING = 1e-9; /* of what rows naturally are: no equation is obeyed better than that */

typedef struct summand {
    pdm_part_rows  part;
    pdm_rows_plan *plan;
} summand;

/* One equation's sums over cells, sample by sample. */
typedef struct equation {
    pdm_size n_summand, capacity, n_row, n_box;
    pdm_size shape[PDM_MAX_DIM];
    summand *summand; /* [n_summand]                                                                  */
    int32_t *box;     /* [n_row] of a cell                                                            */
    double  *natural; /* [n_row] of a cell: the inverse of its scale                                   */
    double  *size;    /* [n_most][n_summand] sum_b |T_kb|                                              */
    double  *left;    /* [n_most] sum_b |R_b|                                                          */
    double  *cells;   /* [n_most] the same cell by cell */
    double  *floor;   /* [n_most] sum of natural                                                      */
    double  *worst;   /* [n_most] largest of a cell                                                       */
    double  *place;   /* [n_most][n_dim] where                                                         */
} equation;

struct left_over {
    const pdm_problem *problem;
    pdm_size           n_most, n_equation, most_row;
    pdm_size           spans;        /* of a box, in any dimension */
    equation          *equation;     /* [n_equation] */
    pdm_buffer        *r, *base;     /* [n_most][most_row] */
    double            *sum;          /* [n_most][most_row] */
    double            *box;          /* [most_row] sums over boxes */
    double            *plus, *minus; /* [n_most] 1 and -1 */
};

/* ---- creation ---- */

static pdm_status add_summand(left_over *l, equation *e, pdm_size term, const pdm_function *f)
{
    pdm_status   status = PDM_OK;
    pdm_backend *b      = l->problem->backend;
    summand     *s      = &e->summand[e->n_summand];

    PDM_TRY(pdm_part_rows_create(l->problem->domain, term, f, &s->part));
    e->n_summand++;
    PDM_TRY(b->ops->rows_create(b, &s->part.rows, l->n_most, &s->plan));
done:
    return status;
}

pdm_status summands_of(const pdm_problem *p, pdm_size term, pdm_size *n, const pdm_function *out[MOST_SUMMAND])
{
    pdm_status          status = PDM_OK;
    const pdm_function *f      = pdm_domain_term_function(p->domain, term);

    *n = 0;
    for (pdm_size i = 0; i < pdm_pde_n_term(p->pde) && *n == 0; i++)
        if (pdm_pde_term(p->pde, i)->function == f) PDM_TRY(pdm_pde_summands(p->pde, i, MOST_SUMMAND, n, out));
    if (*n == 0) out[(*n)++] = f;
done:
    return status;
}

static pdm_status add_term(left_over *l, equation *e, pdm_size term)
{
    pdm_status          status = PDM_OK;
    const pdm_function *part[MOST_SUMMAND];
    pdm_size            n;

    PDM_TRY(summands_of(l->problem, term, &n, part));
    for (pdm_size k = 0; k < n; k++) PDM_TRY(add_summand(l, e, term, part[k]));
done:
    return status;
}

/* Of row i of a block: 1 / (factor of the block x factors of the cell along every dimension). */
static double natural_size(const left_over *l, pdm_size term, const equation *e, pdm_size block, pdm_size i)
{
    const pdm_term_desc *t    = &pdm_domain_rows(l->problem->domain)->term[term];
    double               size = pdm_domain_scale(l->problem->domain, block);
    for (pdm_size j = pdm_domain_n_dim(l->problem->domain) - 1; j >= 0; j--) {
        if (t->row_scale[j]) size *= t->row_scale[j][i % e->shape[j]];
        i /= e->shape[j];
    }
    return 1.0 / size;
}

/* Cells of a box along a dimension, so that what faces between the cells of a box leave over cancels. */
static pdm_size box_width(const left_over *l, const equation *e, pdm_size dim)
{
    const pdm_size a_span = e->shape[dim] / pdm_domain_spline(l->problem->domain, dim)->n_span;
    return l->spans * (a_span > 1 ? a_span : 1);
}

static pdm_size box_of(const left_over *l, const equation *e, pdm_size i)
{
    pdm_size box = 0, stride = 1;
    for (pdm_size j = pdm_domain_n_dim(l->problem->domain) - 1; j >= 0; j--) {
        const pdm_size width = box_width(l, e, j);
        box += i % e->shape[j] / width * stride;
        stride *= (e->shape[j] + width - 1) / width;
        i /= e->shape[j];
    }
    return box;
}

static pdm_status create_equation(left_over *l, pdm_size number)
{
    pdm_status           status = PDM_OK;
    pdm_context         *ctx    = l->problem->ctx;
    const pdm_domain    *d      = l->problem->domain;
    const pdm_row_block *block  = pdm_domain_block(d, number);
    equation            *e      = &l->equation[number];
    const pdm_size       n_term = pdm_domain_rows(d)->n_term;
    pdm_size             first  = -1;

    e->n_row = block->n_row;
    memcpy(e->shape, block->shape, sizeof e->shape);
    for (pdm_size t = 0; t < n_term; t++) e->capacity += pdm_domain_term_block(d, t) == number ? MOST_SUMMAND : 0;
    PDM_TRY(pdm_alloc_array(ctx, e->capacity, &e->summand));
    for (pdm_size t = 0; t < n_term; t++) {
        if (pdm_domain_term_block(d, t) != number) continue;
        if (first < 0) first = t;
        PDM_TRY(add_term(l, e, t));
    }
    PDM_TRY(pdm_alloc_array(ctx, e->n_row, &e->natural));
    PDM_TRY(pdm_alloc_array(ctx, e->n_row, &e->box));
    for (pdm_size i = 0; i < e->n_row; i++) {
        e->natural[i] = pdm_domain_row_counts(d, first, i) ? natural_size(l, first, e, number, i) : 0.0;
        e->box[i]     = (int32_t)box_of(l, e, i);
        e->n_box      = e->box[i] >= e->n_box ? e->box[i] + 1 : e->n_box;
    }
    PDM_TRY(pdm_alloc_array(ctx, l->n_most * e->n_summand, &e->size));
    PDM_TRY(pdm_alloc_array(ctx, l->n_most, &e->left));
    PDM_TRY(pdm_alloc_array(ctx, l->n_most, &e->cells));
    PDM_TRY(pdm_alloc_array(ctx, l->n_most, &e->floor));
    PDM_TRY(pdm_alloc_array(ctx, l->n_most, &e->worst));
    PDM_TRY(pdm_alloc_array(ctx, l->n_most * pdm_domain_n_dim(d), &e->place));
    l->most_row = e->n_row > l->most_row ? e->n_row : l->most_row;
done:
    return status;
}

pdm_status left_over_create(const pdm_problem *p, pdm_size n_most, pdm_size spans, left_over **out)
{
    pdm_status   status = PDM_OK;
    pdm_backend *b      = p->backend;
    left_over   *l      = NULL;

    PDM_TRY(pdm_alloc(p->ctx, sizeof *l, &l));
    l->problem    = p;
    l->n_most     = n_most;
    l->spans      = spans;
    l->n_equation = pdm_pde_n_equation(p->pde);
    PDM_TRY(pdm_alloc_array(p->ctx, l->n_equation, &l->equation));
    for (pdm_size i = 0; i < l->n_equation; i++) PDM_TRY(create_equation(l, i));
    PDM_TRY(b->ops->buffer_create(b, (size_t)(n_most * l->most_row) * sizeof(double), &l->r));
    PDM_TRY(b->ops->buffer_create(b, (size_t)(n_most * l->most_row) * sizeof(double), &l->base));
    PDM_TRY(pdm_alloc_array(p->ctx, n_most * l->most_row, &l->sum));
    PDM_TRY(pdm_alloc_array(p->ctx, l->most_row, &l->box));
    PDM_TRY(pdm_alloc_array(p->ctx, n_most, &l->plus));
    PDM_TRY(pdm_alloc_array(p->ctx, n_most, &l->minus));
    for (pdm_size i = 0; i < n_most; i++) {
        l->plus[i]  = 1.0;
        l->minus[i] = -1.0;
    }
    *out = l;
    l    = NULL;
done:
    left_over_destroy(p->ctx, &l);
    return status;
}

void left_over_destroy(pdm_context *ctx, left_over **left)
{
    left_over *l = *left;
    if (!l) return;
    pdm_backend *b = l->problem->backend;
    for (pdm_size i = 0; i < l->n_equation && l->equation; i++) {
        equation *e = &l->equation[i];
        for (pdm_size k = 0; k < e->n_summand; k++) {
            b->ops->rows_destroy(b, &e->summand[k].plan);
            pdm_part_rows_destroy(l->problem->domain, &e->summand[k].part);
        }
        pdm_free(ctx, e->summand);
        pdm_free(ctx, e->natural);
        pdm_free(ctx, e->box);
        pdm_free(ctx, e->size);
        pdm_free(ctx, e->left);
        pdm_free(ctx, e->cells);
        pdm_free(ctx, e->floor);
        pdm_free(ctx, e->worst);
        pdm_free(ctx, e->place);
    }
    b->ops->buffer_destroy(b, &l->r);
    b->ops->buffer_destroy(b, &l->base);
    pdm_free(ctx, l->equation);
    pdm_free(ctx, l->sum);
    pdm_free(ctx, l->box);
    pdm_free(ctx, l->plus);
    pdm_free(ctx, l->minus);
    pdm_free(ctx, l);
    *left = NULL;
}

/* ---- use ---- */

void left_over_begin(left_over *l)
{
    for (pdm_size i = 0; i < l->n_equation; i++) {
        equation *e = &l->equation[i];
        memset(e->size, 0, (size_t)(l->n_most * e->n_summand) * sizeof *e->size);
        for (pdm_size s = 0; s < l->n_most; s++) e->left[s] = e->cells[s] = e->floor[s] = e->worst[s] = 0.0;
    }
}

/* Middle of cell i of a sample's slab k. */
static void put_place(const left_over *l, const equation *e, pdm_size i, pdm_size k, double *place)
{
    const pdm_domain *d = l->problem->domain;
    for (pdm_size j = pdm_domain_n_dim(d) - 1; j >= 0; j--) {
        place[j] = pdm_domain_cell_middle(d, j, i % e->shape[j]);
        i /= e->shape[j];
    }
    const pdm_map *time = &pdm_domain_spline(d, 0)->map;
    place[0] += (double)k * (time->high - time->low);
}

/* values [n_row] added up box by box: out [n_box]. */
static void add_up(const equation *e, const double *values, double *out)
{
    memset(out, 0, (size_t)e->n_box * sizeof *out);
    for (pdm_size i = 0; i < e->n_row; i++) out[e->box[i]] += values[i];
}

static void add_sample(left_over *l, equation *e, pdm_size s, pdm_size k)
{
    const double  *R     = l->sum + s * l->most_row;
    const pdm_size n_dim = pdm_domain_n_dim(l->problem->domain);
    add_up(e, R, l->box);
    for (pdm_size i = 0; i < e->n_box; i++) e->left[s] += fabs(l->box[i]);
    for (pdm_size i = 0; i < e->n_row; i++) {
        e->floor[s] += e->natural[i];
        e->cells[s] += fabs(R[i]);
        if (fabs(R[i]) <= e->worst[s]) continue;
        e->worst[s] = fabs(R[i]);
        put_place(l, e, i, k, e->place + s * n_dim);
    }
}

/* Integrals of summand q at c, less those at base, into l->r. */
static pdm_status integrate(left_over *l, const equation *e, pdm_size q, const left_over_state *at)
{
    pdm_status     status = PDM_OK;
    pdm_backend   *b      = l->problem->backend;
    pdm_rows_plan *plan   = e->summand[q].plan;

    PDM_TRY(b->ops->rows_residual(b, plan, at->batch, at->data, at->c, l->r));
    if (!at->base) goto done;
    PDM_TRY(b->ops->rows_residual(b, plan, at->batch, at->data, at->base, l->base));
    PDM_TRY(b->ops->vector_combine(b, at->batch, e->n_row, l->plus, l->r, l->minus, l->base, l->r));
done:
    return status;
}

static pdm_status add_equation(left_over *l, pdm_size number, const left_over_state *at)
{
    pdm_status      status = PDM_OK;
    pdm_backend    *b      = l->problem->backend;
    const pdm_batch batch  = at->batch;
    equation       *e      = &l->equation[number];
    void           *host   = NULL;

    memset(l->sum, 0, (size_t)(l->n_most * l->most_row) * sizeof *l->sum);
    for (pdm_size q = 0; q < e->n_summand; q++) {
        PDM_TRY(integrate(l, e, q, at));
        PDM_TRY(b->ops->acquire(b, l->r, PDM_READ, &host));
        for (pdm_size n = 0; n < batch.n; n++) {
            const pdm_size s = batch.index[n];
            const double  *T = (const double *)host + s * e->n_row;
            for (pdm_size i = 0; i < e->n_row; i++) l->sum[s * l->most_row + i] += T[i];
            add_up(e, T, l->box);
            for (pdm_size i = 0; i < e->n_box; i++) e->size[s * e->n_summand + q] += fabs(l->box[i]);
            conservation_hear(at->balance, s, number, q, T);
        }
        PDM_TRY(b->ops->release(b, l->r, &host));
    }
    for (pdm_size n = 0; n < batch.n; n++) add_sample(l, e, batch.index[n], at->slab);
done:
    status = pdm_release(b, status, l->r, &host);
    return status;
}

pdm_status left_over_add(left_over *l, const left_over_state *at)
{
    pdm_status status = PDM_OK;
    for (pdm_size i = 0; i < l->n_equation; i++) PDM_TRY(add_equation(l, i, at));
done:
    return status;
}

/* Where an equation is one summand, there is no larger term than what is left: natural sizes stand for it. */
static double relative(const equation *e, pdm_size s)
{
    double largest = 0.0;
    for (pdm_size k = 0; k < e->n_summand; k++) largest = fmax(largest, e->size[s * e->n_summand + k]);
    if (e->n_summand == 1) largest = e->floor[s];
    largest = fmax(largest, NOTHING * e->floor[s]);
    return e->left[s] <= NOTHING * e->floor[s] ? 0.0 : e->left[s] / largest;
}

void left_over_take(const left_over *l, pdm_size i, pdm_assessment *out)
{
    const pdm_size n_dim = pdm_domain_n_dim(l->problem->domain);

    out->left     = -1.0;
    out->equation = 0;
    for (pdm_size q = 0; q < l->n_equation; q++) {
        const double left = relative(&l->equation[q], i);
        if (left <= out->left) continue; /* NaN is taken */
        out->left     = left;
        out->equation = q;
        memcpy(out->place, l->equation[q].place + i * n_dim, (size_t)n_dim * sizeof *out->place);
        if (isnan(left)) break;
    }
}

double left_over_nothing(const left_over *l, pdm_size e, pdm_size i)
{
    return NOTHING * l->equation[e].floor[i];
}

double left_over_largest(const left_over *l, pdm_size i)
{
    pdm_assessment v;
    left_over_take(l, i, &v);
    return v.left;
}

double left_over_of_natural(const left_over *l, pdm_size i)
{
    double largest = 0.0;
    for (pdm_size q = 0; q < l->n_equation; q++)
        largest = fmax(largest, l->equation[q].cells[i] / l->equation[q].floor[i]);
    return largest;
}
