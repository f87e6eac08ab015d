/* What an equation d(q, t) + d(F, x) + ... + S = 0 comes to over all of space and time: q gained, F let through the
 * walls, S made. On cells that the solve does not know of; between cells fluxes cancel, so that walls and ends of time
 * alone are looked at. What does not add up is held against the largest of
 *     max_t,k int |q_k|,      int over walls and time of sum_k |F_k|,      int |S|
 * with summands k of q and F.
 * docs/mathematics.md, "Conservation". */
#include "verdict/verdict.h"

#include <math.h>
#include <string.h>

#include "verdict/verdict_impl.h"

static const double TOLD = 1e-10; /* what is less is rounding                                      */
static const double OFF  = 0.02;  /* right answers are off by 0.9 % at most, trained networks by 1 % */

/* What a part is added up for. */
typedef enum aim_kind { AIM_START, AIM_CONTENT, AIM_WALLS, AIM_SOURCES } aim_kind;

/* Some faces, or the insides, of the cells of an equation's term. */
typedef struct part {
    aim_kind      aim;
    pdm_size      equation, row0, n_row;
    pdm_part_rows rows;
} part;

/* Of one equation and sample: integrals, and those of sizes. */
typedef struct sums {
    double start, end, out, source; /* q at either end; F outwards, S */
    double content, walls, sources;
} sums;

struct conservation {
    const pdm_problem *problem;
    pdm_size           n_most, n_equation, n_part;
    part              *part; /* [n_part] */
    pdm_term_desc     *term; /* [n_part] those of the parts, each with rows of its own */
    pdm_rows_desc      rows;
    pdm_rows_plan     *plan; /* NULL: nothing is told */
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

/* f: of the term. Parts without a face, as sides are given, are none. */
static pdm_status add_part(conservation *c, pdm_size term, const pdm_function *f, aim_kind aim)
{
    static const pdm_faces faces[] = {
        [AIM_START] = PDM_FACES_FIRST, [AIM_CONTENT] = PDM_FACES_UPPER, [AIM_WALLS] = PDM_FACES_OUTER};
    pdm_status        status   = PDM_OK;
    const pdm_domain *d        = c->problem->domain;
    const pdm_size    equation = pdm_domain_term_block(d, term);
    part             *q        = &c->part[c->n_part];
    pdm_size          n_kept   = 1;

    *q = (part){.aim = aim, .equation = equation, .row0 = c->rows.n_row, .n_row = pdm_domain_block(d, equation)->n_row};
    PDM_TRY(pdm_part_rows_create(d, term, f, &q->rows));
    c->n_part++;
    if (aim != AIM_SOURCES)
        PDM_TRY(pdm_part_rows_keep(d, &q->rows, pdm_domain_term_flux(d, term), faces[aim], &n_kept));
    if (n_kept == 0)
        pdm_part_rows_destroy(d, &c->part[--c->n_part].rows);
    else
        c->rows.n_row += q->n_row;
done:
    return status;
}

static pdm_status add_summands(conservation *c, pdm_size term, aim_kind aim)
{
    pdm_status          status = PDM_OK;
    const pdm_function *f[MOST_SUMMAND];
    pdm_size            n;

    PDM_TRY(summands_of(c->problem, term, &n, f));
    for (pdm_size k = 0; k < n; k++) PDM_TRY(add_part(c, term, f[k], aim));
done:
    return status;
}

static pdm_status add_term(conservation *c, pdm_size term)
{
    pdm_status          status = PDM_OK;
    const pdm_domain   *d      = c->problem->domain;
    const pdm_function *f      = pdm_domain_term_function(d, term);
    const pdm_size      dim    = pdm_domain_term_flux(d, term);

    if (dim < 0)
        PDM_TRY(add_part(c, term, f, AIM_SOURCES));
    else if (is_time(c->problem, dim)) {
        PDM_TRY(add_part(c, term, f, AIM_START));
        PDM_TRY(add_summands(c, term, AIM_CONTENT));
    } else if (!pdm_domain_spline(d, dim)->periodic)
        PDM_TRY(add_summands(c, term, AIM_WALLS));
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
    PDM_TRY(pdm_alloc_array(p->ctx, n_term * (MOST_SUMMAND + 1), &c->part));
    for (pdm_size e = 0; e < c->n_equation; e++) c->told[e] = pdm_account_is_told(p, e);
    for (pdm_size t = 0; t < n_term; t++) {
        const pdm_size block = pdm_domain_term_block(p->domain, t);
        if (block < c->n_equation && c->told[block]) PDM_TRY(add_term(c, t));
    }
    PDM_TRY(make_plan(c));
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

/* Cells of a part, n_step of them in time, in the first slab or a later one. */
static void take_cells(const part *q, pdm_size n_step, const double *cell, bool first, sums *s)
{
    const pdm_size plane = q->n_row / n_step;
    double         sum = 0.0, size = 0.0;

    switch (q->aim) {
    case AIM_START: /* the lower face of a cell stands with the sign - */
        add_up(q->n_row, cell, &sum, &size);
        s->start   = first ? -sum : s->start;
        s->content = fmax(s->content, size);
        break;
    case AIM_CONTENT:
        for (pdm_size i = 0; i < n_step; i++) {
            add_up(plane, cell + i * plane, &sum, &size);
            s->content = fmax(s->content, size);
        }
        s->end += sum; /* at the last step */
        break;
    case AIM_WALLS:
        add_up(q->n_row, cell, &sum, &size);
        s->out += sum;
        s->walls += size;
        break;
    case AIM_SOURCES:
        add_up(q->n_row, cell, &sum, &size);
        s->source += sum;
        s->sources += size;
        break;
    }
}

static void take_sample(const conservation *c, const double *row, bool first, sums *sum)
{
    for (pdm_size e = 0; e < c->n_equation; e++)
        sum[e].end = 0.0; /* q goes on from slab to slab: the last one counts */
    for (pdm_size i = 0; i < c->n_part; i++) {
        const part *q = &c->part[i];
        take_cells(q, pdm_domain_block(c->problem->domain, q->equation)->shape[0], row + q->row0, first,
                   &sum[q->equation]);
    }
}

pdm_status conservation_add(conservation *c, const left_over_state *at)
{
    pdm_status status = PDM_OK;
    void      *host   = NULL;

    if (!c || !c->plan) return PDM_OK;
    pdm_backend *b = c->problem->backend;
    PDM_TRY(b->ops->rows_residual(b, c->plan, at->batch, at->data, at->c, c->r));
    PDM_TRY(b->ops->acquire(b, c->r, PDM_READ, &host));
    for (pdm_size n = 0; n < at->batch.n; n++) {
        const pdm_size s = at->batch.index[n];
        take_sample(c, (const double *)host + s * c->rows.n_row, at->slab == 0, c->sum + s * c->n_equation);
    }
done:
    if (host) (void)b->ops->release(b, c->r, &host);
    return status;
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
