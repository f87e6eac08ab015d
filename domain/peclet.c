/* Cell Peclet numbers: how far what carries goes beyond what the grid resolves. docs/mathematics.md, "Layers". */
#include "domain/domain_impl.h"

#include <math.h>

enum { LINES = 4 }; /* looked at along each other dimension */

/* Means over the points of terms in a span, on one line: a and D of a u_x - D u_xx. */
typedef struct span_mean {
    double   carries[2], spreads[2]; /* sums over the points of fluxes, of sources */
    pdm_size n[2];
} span_mean;

typedef struct peclet_job {
    const pdm_domain *d;
    const double     *c, *scalar, *sampled;
    domain_place      place;
    pdm_size          dim, field;
    pdm_size         *span_of; /* [n_element] */
    span_mean        *mean;    /* [lines][n_span] */
} peclet_job;

static pdm_size lines_along(pdm_size n_point)
{
    return n_point < LINES ? n_point : LINES;
}

/* Point number `line` of the few that are looked at in a dimension of n_point. */
static pdm_size line_point(pdm_size n_point, pdm_size line)
{
    return (2 * line + 1) * n_point / (2 * lines_along(n_point));
}

/* Lines along a dimension through the points of a term; sets the other indices for one of them. */
static pdm_size set_line(const peclet_job *k, const pdm_term_desc *term, pdm_size line, pdm_size *index)
{
    pdm_size n = 1;
    for (pdm_size j = k->d->n_dim - 1; j >= 0; j--) {
        if (j == k->dim) continue;
        const pdm_size m = lines_along(term->axis[j].n_point);
        if (m > 0) index[j] = line_point(term->axis[j].n_point, line / n % m);
        n *= m;
    }
    return n;
}

/* 0: flux across faces along the dimension, 1: source, -1: neither. */
static int kind_of(const peclet_job *k, pdm_size t)
{
    for (pdm_size j = 0; j < k->d->n_dim; j++)
        if (j != k->dim && k->d->term_kind[t][j] != AXIS_CELL && k->d->term_kind[t][j] != AXIS_POINT) return -1;
    const axis_kind kind = k->d->term_kind[t][k->dim];
    return kind >= AXIS_FACE && kind <= AXIS_FACE_INNER ? 0 : kind == AXIS_CELL || kind == AXIS_POINT ? 1 : -1;
}

/* What the partial by an atom carries and spreads: an atom of order 0 and 1 in a flux, of order 1 and 2 in a source. */
static void add_partial(const peclet_job *k, const pdm_atom *atom, int source, double partial, span_mean *to)
{
    for (pdm_size j = 0; j < k->d->n_dim; j++)
        if (j != k->dim && atom->order[j] > 0) return;
    if (atom->field != k->field) return;
    if (atom->order[k->dim] == source) to->carries[source] += partial;
    if (atom->order[k->dim] == source + 1) to->spreads[source] += partial;
}

static void add_term(peclet_job *k, pdm_size t, int source)
{
    domain_place_go(k->d, &k->place, t);
    const pdm_axis *axis   = &k->place.term->axis[k->dim];
    const pdm_size  n_line = set_line(k, k->place.term, 0, k->place.index);
    for (pdm_size line = 0; line < n_line; line++) {
        set_line(k, k->place.term, line, k->place.index);
        for (pdm_size i = 0; i < axis->n_point; i++) {
            span_mean *to          = &k->mean[line * k->d->spline[k->dim].n_span + k->span_of[axis->element[i]]];
            k->place.index[k->dim] = i;
            domain_place_read(k->d, &k->place, k->c, k->scalar, k->sampled);
            pdm_program_evaluate(k->place.f->partial, k->place.in, k->place.out, k->place.work);
            for (pdm_size a = 0; a < k->place.f->n_atom; a++)
                add_partial(k, &k->place.f->atom[a], source, k->place.out[1 + a], to);
            to->n[source]++;
        }
    }
}

static double ratio(const span_mean *m, double h)
{
    double carries = 0.0, spreads = 0.0;
    for (int s = 0; s < 2; s++) {
        if (m->n[s] == 0) continue;
        carries += m->carries[s] / (double)m->n[s];
        spreads += m->spreads[s] / (double)m->n[s];
    }
    const double value = fabs(carries) * h / fabs(spreads);
    return isfinite(value) ? value : 0.0;
}

/* One equation along one dimension. */
static void look(peclet_job *k, pdm_size n_line, pdm_peclet *out)
{
    const pdm_spline    *s    = &k->d->spline[k->dim];
    const pdm_term_desc *like = NULL;

    for (pdm_size i = 0; i < n_line * s->n_span; i++) k->mean[i] = (span_mean){.n = {0}};
    for (pdm_size t = 0; t < k->d->n_term; t++) {
        const int source = k->d->term_block[t] == k->field ? kind_of(k, t) : -1;
        if (source < 0) continue;
        add_term(k, t, source);
        like = k->place.term;
    }
    for (pdm_size i = 0; i < n_line * s->n_span && like; i++) {
        const pdm_size e   = i % s->n_span;
        const double   low = pdm_map_value(&s->map, s->ends[e]), high = pdm_map_value(&s->map, s->ends[e + 1]);
        const double   value = ratio(&k->mean[i], high - low);
        if (!(value > out->value)) continue;
        out->value = value;
        out->field = k->field;
        set_line(k, like, i / s->n_span, k->place.index);
        for (pdm_size j = 0; j < k->d->n_dim; j++)
            out->at[j] = j == k->dim ? 0.5 * (low + high) : like->axis[j].coordinate[k->place.index[j]];
    }
}

static pdm_size most_lines(const pdm_domain *d, pdm_size dim)
{
    pdm_size n = 1;
    for (pdm_size j = 0; j < d->n_dim; j++) n *= j == dim ? 1 : LINES;
    return n;
}

pdm_status pdm_domain_peclet(const pdm_domain *d, const double *c, const double *scalar, const double *sampled,
                             pdm_peclet *out)
{
    pdm_status status = PDM_OK;
    peclet_job k      = {.d = d, .c = c, .scalar = scalar, .sampled = sampled};

    for (pdm_size j = 0; j < d->n_dim; j++) out[j] = (pdm_peclet){.value = 0.0};
    if (d->rows.n_derived > 0 || d->shape) return PDM_OK; /* what is built in carries, too: it says nothing */
    PDM_TRY(domain_place_create(d, &k.place));
    for (pdm_size j = pdm_pde_has_time(d->pde) ? 1 : 0; j < d->n_dim; j++) {
        const pdm_spline *s = &d->spline[j];
        pdm_free(d->ctx, k.mean);
        pdm_free(d->ctx, k.span_of);
        k.mean    = NULL;
        k.span_of = NULL;
        k.dim     = j;
        PDM_TRY(pdm_alloc_array(d->ctx, most_lines(d, j) * s->n_span, &k.mean));
        PDM_TRY(pdm_alloc_array(d->ctx, s->n_element, &k.span_of));
        for (pdm_size i = 0; i < s->n_span; i++) k.span_of[s->span[i]] = i;
        for (k.field = 0; k.field < d->n_field; k.field++) look(&k, most_lines(d, j), &out[j]);
    }
done:
    domain_place_destroy(d, &k.place);
    pdm_free(d->ctx, k.mean);
    pdm_free(d->ctx, k.span_of);
    return status;
}
