/* What an equation d(q, t) + d(F, x) + ... + S = 0 comes to over all of space and time: q gained, F let through the
 * walls, S made. On cells that the solve does not know of; between cells fluxes cancel, so that walls and ends of time
 * alone are looked at. What does not add up is held against the largest of
 *     max_t,k int |q_k|,      int over walls and time of sum_k |F_k|,      int |S|
 * with summands k of q and F. At the end of a step q_k is what it was before and what left_over.c finds of d(q_k, t).
 * docs/mathematics.md, "Conservation". */
#include "verdict/verdict.h"

#include <math.h>
#include <string.h>

#include "verdict/verdict_impl.h"

static const double TOLD = 1e-10; /* what is less is rounding                                      */
static const double OFF  = 0.02;  /* right answers are off by 0.9 % at most, trained networks by 1 % */

/* What is added up for. */
typedef enum aim_kind { AIM_NONE, AIM_START, AIM_WALLS, AIM_CONTENT, AIM_SOURCES } aim_kind;

/* Some faces of the cells of a summand: those at the start, or the walls. */
typedef struct part {
    aim_kind      aim;
    pdm_size      equation, row0, n_row;
    bool          first, last; /* summand of its term */
    pdm_size      running;     /* of a start: where its row of cells goes on in time */
    pdm_part_rows rows;
} part;

/* What is heard of a summand of an equation, on all its cells. */
typedef struct heard {
    aim_kind aim;
    bool     first, last; /* summand of its term */
    pdm_size running;     /* of contents         */
} heard;

/* Of one equation and sample: integrals, and those of sizes. */
typedef struct sums {
    double start, end, out, source; /* q at either end; F outwards, S */
    double content, walls, sources;
} sums;

struct conservation {
    const pdm_problem *problem;
    pdm_size           n_most, n_equation, n_part;
    part              *part;    /* [n_part] */
    pdm_size          *n_heard; /* [n_equation] ... */
    heard             *heard;   /* [n_equation][most_heard] */
    pdm_size           most_heard, most_row, n_running;
    double            *running; /* [n_most][n_running] q_k at the last face that was heard of */
    double            *cells;   /* [n_most][most_row] summands of a term added up */
    pdm_term_desc     *term;    /* [n_part] those of the parts, each with rows of its own */
    pdm_rows_desc      rows;
    pdm_rows_plan     *plan; /* NULL: there are no parts */
    pdm_buffer        *r;    /* [n_most][rows.n_row] */
    bool              *told; /* [n_equation]         */
    sums              *sum;  /* [n_most][n_equation] */
};

/* ---- what can be told ---- */

static bool reads_derivatives(const pdm_function *f)
{
    for (pdm_size a = 0; a < f->n_atom; a++)
        for (int j = 0; j < PDM_MAX_DIM; j++)
            if (f->atom[a].order[j] > 0) return true;
    return false;
}

static bool is_time(const pdm_problem *p, pdm_size dim)
{
    return dim == 0 && pdm_pde_has_time(p->pde);
}

bool pdm_account_is_told(const pdm_problem *p, pdm_size equation)
{
    const pdm_domain *d    = p->domain;
    bool              told = false;

    for (pdm_size t = 0; t < pdm_domain_rows(d)->n_term; t++) {
        const pdm_size dim = pdm_domain_term_flux(d, t);
        if (pdm_domain_term_block(d, t) != equation) continue;
        if (dim < 0 && reads_derivatives(pdm_domain_term_function(d, t))) return false;
        told = told || (dim >= 0 && !is_time(p, dim));
    }
    return told;
}

/* ---- creation ---- */

/* Cells of an equation at one time. */
static pdm_size plane_of(const conservation *c, pdm_size equation)
{
    const pdm_row_block *block = pdm_domain_block(c->problem->domain, equation);
    return block->n_row / block->shape[0];
}

/* Where q jumps, as it may at a kink in time, two cells see it from either side, and differences do not add up to it. */
static bool goes_on(const pdm_axis *a)
{
    for (pdm_size i = 0; i + 1 < a->n_row; i++) {
        int32_t here = -1, next = INT32_MAX;
        for (pdm_size k = a->pair0[i]; k < a->pair0[i + 1]; k++)
            here = a->pair_point[k] > here ? a->pair_point[k] : here;
        for (pdm_size k = a->pair0[i + 1]; k < a->pair0[i + 2]; k++)
            next = a->pair_point[k] < next ? a->pair_point[k] : next;
        if (here != next) return false;
    }
    return true;
}

/* f: a summand of the term. Parts without a face, as sides are given, are none. */
static pdm_status add_part(conservation *c, pdm_size term, const pdm_function *f, part like)
{
    pdm_status        status = PDM_OK;
    const pdm_domain *d      = c->problem->domain;
    part             *q      = &c->part[c->n_part];
    const pdm_faces   faces  = like.aim == AIM_START     ? PDM_FACES_FIRST
                               : like.aim == AIM_CONTENT ? PDM_FACES_UPPER
                                                         : PDM_FACES_OUTER;
    pdm_size          n_kept = 1;

    *q          = like;
    q->equation = pdm_domain_term_block(d, term);
    q->row0     = c->rows.n_row;
    q->n_row    = pdm_domain_block(d, q->equation)->n_row;
    PDM_TRY(pdm_part_rows_create(d, term, f, &q->rows));
    c->n_part++;
    PDM_TRY(pdm_part_rows_keep(d, &q->rows, pdm_domain_term_flux(d, term), faces, &n_kept));
    if (n_kept == 0)
        pdm_part_rows_destroy(d, &c->part[--c->n_part].rows);
    else
        c->rows.n_row += q->n_row;
done:
    return status;
}

/* Summand by summand, as left_over.c takes them. */
static pdm_status add_term(conservation *c, pdm_size term)
{
    pdm_status          status   = PDM_OK;
    const pdm_domain   *d        = c->problem->domain;
    const pdm_size      equation = pdm_domain_term_block(d, term), dim = pdm_domain_term_flux(d, term);
    const bool          time    = dim >= 0 && is_time(c->problem, dim);
    const bool          wall    = dim >= 0 && !time && !pdm_domain_spline(d, dim)->periodic;
    const bool          adds_up = time && goes_on(&pdm_domain_rows(d)->term[term].axis[dim]);
    const aim_kind      aim     = adds_up ? AIM_CONTENT : dim < 0 ? AIM_SOURCES : AIM_NONE;
    const pdm_function *f[MOST_SUMMAND];
    pdm_size            n;

    PDM_TRY(summands_of(c->problem, term, &n, f));
    for (pdm_size k = 0; k < n; k++) {
        part like = {.aim = AIM_WALLS, .first = k == 0, .last = k == n - 1, .running = c->n_running};
        c->heard[equation * c->most_heard + c->n_heard[equation]++] =
            (heard){.aim = aim, .first = like.first, .last = like.last, .running = c->n_running};
        if (wall) PDM_TRY(add_part(c, term, f[k], like));
        if (!time) continue;
        c->n_running += plane_of(c, equation);
        like.aim = AIM_START;
        PDM_TRY(add_part(c, term, f[k], like));
        like.aim = AIM_CONTENT;
        if (!adds_up) PDM_TRY(add_part(c, term, f[k], like));
    }
done:
    return status;
}

/* One plan for all parts, each with rows of its own. */
static pdm_status make_plan(conservation *c)
{
    pdm_status   status = PDM_OK;
    pdm_backend *b      = c->problem->backend;
    int          checked;

    if (c->n_part == 0) return PDM_OK;
    PDM_TRY(pdm_narrow_int(c->problem->ctx, c->rows.n_row, "rows of walls, contents and sources", &checked));
    PDM_TRY(pdm_alloc_array(c->problem->ctx, c->n_part, &c->term));
    for (pdm_size k = 0; k < c->n_part; k++) {
        c->term[k]      = c->part[k].rows.term;
        c->term[k].row0 = c->part[k].row0;
    }
    const pdm_size n_row = c->rows.n_row;
    c->rows              = c->part[0].rows.rows;
    c->rows.n_row        = n_row;
    c->rows.n_term       = c->n_part;
    c->rows.term         = c->term;
    PDM_TRY(b->ops->rows_create(b, &c->rows, c->n_most, &c->plan));
    PDM_TRY(b->ops->buffer_create(b, (size_t)(c->n_most * n_row) * sizeof(double), &c->r));
done:
    return status;
}

pdm_status conservation_create(const pdm_problem *p, pdm_size n_most, conservation **out)
{
    pdm_status     status = PDM_OK;
    const pdm_size n_term = pdm_domain_rows(p->domain)->n_term;
    conservation  *c      = NULL;

    PDM_TRY(pdm_alloc(p->ctx, sizeof *c, &c));
    c->problem    = p;
    c->n_most     = n_most;
    c->n_equation = pdm_pde_n_equation(p->pde);
    PDM_TRY(pdm_alloc_array(p->ctx, c->n_equation, &c->told));
    PDM_TRY(pdm_alloc_array(p->ctx, n_most * c->n_equation, &c->sum));
    c->most_heard = n_term * MOST_SUMMAND;
    PDM_TRY(pdm_alloc_array(p->ctx, 2 * c->most_heard, &c->part));
    PDM_TRY(pdm_alloc_array(p->ctx, c->n_equation, &c->n_heard));
    PDM_TRY(pdm_alloc_array(p->ctx, c->n_equation * c->most_heard, &c->heard));
    for (pdm_size e = 0; e < c->n_equation; e++) {
        const pdm_size n_row = pdm_domain_block(p->domain, e)->n_row;
        c->told[e]           = pdm_account_is_told(p, e);
        c->most_row          = n_row > c->most_row ? n_row : c->most_row;
    }
    for (pdm_size t = 0; t < n_term; t++) {
        const pdm_size block = pdm_domain_term_block(p->domain, t);
        if (block < c->n_equation && c->told[block]) PDM_TRY(add_term(c, t));
    }
    PDM_TRY(make_plan(c));
    PDM_TRY(pdm_alloc_array(p->ctx, n_most * c->n_running, &c->running));
    PDM_TRY(pdm_alloc_array(p->ctx, n_most * c->most_row, &c->cells));
    *out = c;
    c    = NULL;
done:
    conservation_destroy(p->ctx, &c);
    if (status == PDM_ERR_MEMORY) {
        pdm_log(p->ctx, PDM_LOG_WARNING, "verdict", "what is conserved is not told: %s", pdm_context_error(p->ctx));
        status = PDM_OK;
    }
    return status;
}

void conservation_destroy(pdm_context *ctx, conservation **balance)
{
    conservation *c = *balance;
    if (!c) return;
    pdm_backend *b = c->problem->backend;
    b->ops->rows_destroy(b, &c->plan);
    for (pdm_size k = 0; k < c->n_part; k++) pdm_part_rows_destroy(c->problem->domain, &c->part[k].rows);
    b->ops->buffer_destroy(b, &c->r);
    pdm_free(ctx, c->part);
    pdm_free(ctx, c->n_heard);
    pdm_free(ctx, c->heard);
    pdm_free(ctx, c->running);
    pdm_free(ctx, c->cells);
    pdm_free(ctx, c->term);
    pdm_free(ctx, c->told);
    pdm_free(ctx, c->sum);
    pdm_free(ctx, c);
    *balance = NULL;
}

/* ---- use ---- */

void conservation_begin(conservation *c)
{
    if (!c) return;
    memset(c->sum, 0, (size_t)(c->n_most * c->n_equation) * sizeof *c->sum);
}

static void add_up(pdm_size n, const double *value, double *sum, double *size)
{
    *sum = *size = 0.0;
    for (pdm_size i = 0; i < n; i++) {
        *sum += value[i];
        *size += fabs(value[i]);
    }
}

/* Summands of a term added up cell by cell; NULL: there are more to come. */
static const double *whole_term(const conservation *c, pdm_size s, bool first, bool last, pdm_size n,
                                const double *cell)
{
    double *all = c->cells + s * c->most_row;

    if (first && last) return cell;
    for (pdm_size i = 0; i < n; i++) all[i] = (first ? 0.0 : all[i]) + cell[i];
    return last ? all : NULL;
}

/* Row of cells at the start of a slab: the lower face of a cell stands with the sign -. */
static void take_start(const conservation *c, const part *q, pdm_size s, const double *cell, bool first, sums *to)
{
    const pdm_size plane   = plane_of(c, q->equation);
    double        *running = c->running + s * c->n_running + q->running, sum, size;

    for (pdm_size i = 0; i < plane; i++) running[i] = -cell[i];
    const double *all = whole_term(c, s, q->first, q->last, plane, running);
    if (!all) return;
    add_up(plane, all, &sum, &size);
    to->start   = first ? sum : to->start;
    to->content = fmax(to->content, size);
}

/* The size of q at the ends of all steps, cells [n_step][plane], and its integral at the last. */
static void take_content(pdm_size n_step, pdm_size plane, const double *cell, sums *to)
{
    double sum = 0.0, size = 0.0;

    for (pdm_size i = 0; i < n_step; i++) {
        add_up(plane, cell + i * plane, &sum, &size);
        to->content = fmax(to->content, size);
    }
    to->end += sum;
}

static pdm_size steps_of(const conservation *c, pdm_size equation)
{
    return pdm_domain_block(c->problem->domain, equation)->shape[0];
}

static void take_part(const conservation *c, const part *q, pdm_size s, const double *cell, bool first)
{
    sums  *to = &c->sum[s * c->n_equation + q->equation];
    double out, size;

    if (q->aim == AIM_START) take_start(c, q, s, cell, first, to);
    if (q->aim == AIM_CONTENT) take_content(steps_of(c, q->equation), plane_of(c, q->equation), cell, to);
    if (q->aim != AIM_WALLS) return;
    add_up(q->n_row, cell, &out, &size);
    to->out += out;
    to->walls += size;
}

/* q goes on from slab to slab: the last end counts. */
static void begin_slab(const conservation *c, pdm_size s)
{
    for (pdm_size e = 0; e < c->n_equation; e++) c->sum[s * c->n_equation + e].end = 0.0;
    for (pdm_size i = 0; i < c->n_running; i++) c->running[s * c->n_running + i] = 0.0;
}

pdm_status conservation_add(conservation *c, const left_over_state *at)
{
    pdm_status status = PDM_OK;
    void      *host   = NULL;

    if (!c) return PDM_OK;
    for (pdm_size n = 0; n < at->batch.n; n++) begin_slab(c, at->batch.index[n]);
    if (!c->plan) return PDM_OK;
    pdm_backend *b = c->problem->backend;
    PDM_TRY(b->ops->rows_residual(b, c->plan, at->batch, at->data, at->c, c->r));
    PDM_TRY(b->ops->acquire(b, c->r, PDM_READ, &host));
    for (pdm_size n = 0; n < at->batch.n; n++) {
        const pdm_size s   = at->batch.index[n];
        const double  *row = (const double *)host + s * c->rows.n_row;
        for (pdm_size k = 0; k < c->n_part; k++) take_part(c, &c->part[k], s, row + c->part[k].row0, at->slab == 0);
    }
done:
    status = pdm_release(b, status, c->r, &host);
    return status;
}

/* T = q(upper face) - q(lower face) of all cells, time first. */
static void hear_content(const conservation *c, pdm_size s, pdm_size e, double *running, const double *T)
{
    const pdm_size plane = plane_of(c, e), n_step = steps_of(c, e);
    double        *cell = c->cells + s * c->most_row;

    for (pdm_size i = 0; i < n_step; i++)
        for (pdm_size x = 0; x < plane; x++) cell[i * plane + x] = running[x] += T[i * plane + x];
    take_content(n_step, plane, cell, &c->sum[s * c->n_equation + e]);
}

void conservation_hear(conservation *c, pdm_size s, pdm_size e, pdm_size summand, const double *T)
{
    if (!c || !c->told[e]) return;
    const heard   *h     = &c->heard[e * c->most_heard + summand];
    const pdm_size n_row = pdm_domain_block(c->problem->domain, e)->n_row;
    double         sum, size;

    if (h->aim == AIM_CONTENT) hear_content(c, s, e, c->running + s * c->n_running + h->running, T);
    if (h->aim != AIM_SOURCES) return;
    const double *all = whole_term(c, s, h->first, h->last, n_row, T);
    if (!all) return;
    add_up(n_row, all, &sum, &size);
    c->sum[s * c->n_equation + e].source += sum;
    c->sum[s * c->n_equation + e].sources += size;
}

void conservation_take(const conservation *c, const left_over *beside, pdm_size i, pdm_assessment *out)
{
    for (pdm_size e = 0; e < c->n_equation; e++) {
        pdm_account *a = &out->account[e];
        *a             = (pdm_account){.told = c->told[e]};
        if (!a->told) continue;
        const sums  *s       = &c->sum[i * c->n_equation + e];
        const double nothing = left_over_nothing(beside, e, i);
        a->gained            = s->end - s->start;
        a->let_in            = 0.0 - s->out; /* no -0 */
        a->made              = 0.0 - s->source;
        const double off     = a->gained - a->let_in - a->made;
        a->imbalance         = off / fmax(fmax(s->content, nothing), fmax(s->walls, s->sources));
    }
}

/* ---- in words ---- */

bool pdm_account_is_off(const pdm_account *a)
{
    return a->told && fabs(a->imbalance) > OFF;
}

/* What an equation has. */
typedef struct contents {
    bool time, walls, sources;
} contents;

static contents contents_of(const pdm_problem *p, pdm_size equation)
{
    const pdm_domain *d = p->domain;
    contents          k = {false, false, false};

    for (pdm_size t = 0; t < pdm_domain_rows(d)->n_term; t++) {
        const pdm_size dim = pdm_domain_term_flux(d, t);
        if (pdm_domain_term_block(d, t) != equation) continue;
        if (dim < 0)
            k.sources = true;
        else if (is_time(p, dim))
            k.time = true;
        else
            k.walls = k.walls || !pdm_domain_spline(d, dim)->periodic;
    }
    return k;
}

pdm_status pdm_account_explain(const pdm_problem *p, pdm_size equation, const pdm_account *a, pdm_text *out)
{
    pdm_status     status = PDM_OK;
    const contents k      = contents_of(p, equation);

    if (k.time) PDM_TRY(pdm_text_append(out, "the domain gained %.4g", a->gained));
    if (k.walls) PDM_TRY(pdm_text_append(out, "%swalls let in %.4g", k.time ? ", " : "", a->let_in));
    if (k.sources) PDM_TRY(pdm_text_append(out, "%ssources made %.4g", k.time || k.walls ? ", " : "", a->made));
    if (fabs(a->imbalance) < TOLD)
        PDM_TRY(pdm_text_append(out, ": nothing lost"));
    else
        PDM_TRY(
            pdm_text_append(out, ": %.2g %% %s", 100.0 * fabs(a->imbalance), a->imbalance < 0.0 ? "lost" : "too much"));
done:
    return status;
}
