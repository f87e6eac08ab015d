/* A shape inside the box (pde/shape.c): which knot spans reach inside, which coefficients these see, whether curves bound
 * the inside, and where. Equations hold in all of every span that reaches inside, so that a little beyond the curve; a
 * function of the spline that is cut off has such a span whole, which holds it. docs/mathematics.md, "Shapes". */
#include "domain/domain_impl.h"

#include <math.h>

/* A span is looked at at this many steps along each of up to two dimensions of space, and of three. */
enum { STEPS_FLAT = 8, STEPS_SOLID = 4, BISECTIONS = 60 };
static const double ON_CURVE = 1e-6; /* of the largest value in the span */

/* A function of coordinates alone, and its scratch. */
typedef struct place_function {
    const pdm_function *f;
    double             *in, *work;
} place_function;

static pdm_status place_function_create(pdm_domain *d, const pdm_function *f, place_function *out)
{
    pdm_status status = PDM_OK;
    out->f            = f;
    PDM_TRY(pdm_alloc_array(d->ctx, f->n_input + f->value->n_register, &out->in));
    out->work = out->in + f->n_input;
done:
    return status;
}

static double value_at(const place_function *k, const double *x)
{
    double out;
    for (pdm_size i = 0; i < k->f->n_input; i++) k->in[i] = x[k->f->input[i].index];
    pdm_program_evaluate(k->f->value, k->in, &out, k->work);
    return out;
}

double domain_value_at(const pdm_function *f, const double *x, double *work)
{
    const place_function k = {.f = f, .in = work, .work = work + f->n_input};
    return value_at(&k, x);
}

/* What is looked at: the level, weights of fields, functions of curves. */
typedef struct shape_search {
    pdm_domain     *d;
    pdm_size        n_step, n_place, first; /* first: dimension of space; n_place: of a span                */
    place_function  level;
    place_function *weight; /* [n_field]; .f NULL: none */
    place_function *curve;  /* [n_curve] */
    bool           *bounds; /* [n_curve] does it bound the inside? */
    double         *x;      /* [n_place][n_dim] */
    double         *inside; /* [n_place] level */
    double         *value;  /* [n_field + n_curve][n_place] */
    double         *size;   /* [n_field + n_curve] the largest */
    pdm_bounds     *bound_in, *bound_work;
    double          low[PDM_MAX_DIM], high[PDM_MAX_DIM];
    pdm_size        capacity;
} shape_search;

static void search_destroy(shape_search *k)
{
    pdm_context *ctx = k->d->ctx;
    pdm_free(ctx, k->level.in);
    for (pdm_size f = 0; k->weight && f < k->d->n_field; f++) pdm_free(ctx, k->weight[f].in);
    for (pdm_size i = 0; k->curve && i < pdm_pde_n_curve(k->d->pde); i++) pdm_free(ctx, k->curve[i].in);
    pdm_free(ctx, k->weight);
    pdm_free(ctx, k->curve);
    pdm_free(ctx, k->bounds);
    pdm_free(ctx, k->x);
    pdm_free(ctx, k->bound_in);
}

static pdm_status search_create(pdm_domain *d, shape_search *k)
{
    pdm_status     status  = PDM_OK;
    const pdm_size n_curve = pdm_pde_n_curve(d->pde);
    pdm_size       most    = 0;

    k->first   = pdm_pde_has_time(d->pde) ? 1 : 0;
    k->n_step  = d->n_dim - k->first > 2 ? STEPS_SOLID : STEPS_FLAT;
    k->n_place = 1;
    for (pdm_size j = k->first; j < d->n_dim; j++) k->n_place *= k->n_step + 1;
    PDM_TRY(place_function_create(d, pdm_pde_level(d->pde), &k->level));
    PDM_TRY(pdm_alloc_array(d->ctx, d->n_field, &k->weight));
    PDM_TRY(pdm_alloc_array(d->ctx, n_curve, &k->curve));
    PDM_TRY(pdm_alloc_array(d->ctx, n_curve, &k->bounds));
    for (pdm_size f = 0; f < d->n_field; f++)
        if (pdm_pde_curve_weight(d->pde, f))
            PDM_TRY(place_function_create(d, pdm_pde_curve_weight(d->pde, f), &k->weight[f]));
    for (pdm_size i = 0; i < n_curve; i++)
        PDM_TRY(place_function_create(d, pdm_pde_curve(d->pde, i)->function, &k->curve[i]));
    PDM_TRY(pdm_alloc_array(d->ctx, k->n_place * (d->n_dim + 1 + d->n_field + n_curve) + d->n_field + n_curve, &k->x));
    k->inside = k->x + k->n_place * d->n_dim;
    k->value  = k->inside + k->n_place;
    k->size   = k->value + (d->n_field + n_curve) * k->n_place;
    most      = k->level.f->n_input + k->level.f->value->n_register;
    for (pdm_size f = 0; f < d->n_field; f++)
        if (k->weight[f].f && k->weight[f].f->n_input + k->weight[f].f->value->n_register > most)
            most = k->weight[f].f->n_input + k->weight[f].f->value->n_register;
    PDM_TRY(pdm_alloc_array(d->ctx, most, &k->bound_in));
done:
    return status;
}

/* Of a function over the span. */
static pdm_bounds bounds_of(shape_search *k, const pdm_function *f)
{
    pdm_bounds out;
    for (pdm_size i = 0; i < f->n_input; i++)
        k->bound_in[i] = (pdm_bounds){k->low[f->input[i].index], k->high[f->input[i].index]};
    pdm_program_bounds(f->value, k->bound_in, &out, k->bound_in + f->n_input);
    return out;
}

/* Is the span inside as a whole, and no weight zero in it? */
static bool is_plain(shape_search *k)
{
    bool plain = bounds_of(k, k->level.f).low > 0.0;
    for (pdm_size f = 0; f < k->d->n_field && plain; f++) {
        if (!k->weight[f].f) continue;
        const pdm_bounds w = bounds_of(k, k->weight[f].f);
        plain              = w.low > 0.0 || w.high < 0.0;
    }
    return plain;
}

/* Values at all places of the span. */
static void look_at_span(shape_search *k)
{
    const pdm_size n_dim = k->d->n_dim, n_field = k->d->n_field, n_curve = pdm_pde_n_curve(k->d->pde);

    for (pdm_size i = 0; i < n_field + n_curve; i++) k->size[i] = 0.0;
    for (pdm_size p = 0; p < k->n_place; p++) {
        double  *x    = k->x + p * n_dim;
        pdm_size rest = p;
        x[0]          = k->low[0];
        for (pdm_size j = n_dim - 1; j >= k->first; j--) {
            const double at = (double)(rest % (k->n_step + 1)) / (double)k->n_step;
            x[j]            = k->low[j] + at * (k->high[j] - k->low[j]);
            rest /= k->n_step + 1;
        }
        k->inside[p] = value_at(&k->level, x);
        for (pdm_size i = 0; i < n_field + n_curve; i++) {
            const place_function *f = i < n_field ? &k->weight[i] : &k->curve[i - n_field];
            if (!f->f) continue;
            const double v               = value_at(f, x);
            k->value[i * k->n_place + p] = v;
            k->size[i]                   = fmax(k->size[i], fabs(v));
        }
    }
}

static pdm_status append_place(const pdm_domain *d, const double *x, pdm_text *out)
{
    pdm_status     status = PDM_OK;
    const pdm_size first  = pdm_pde_has_time(d->pde) ? 1 : 0;
    for (pdm_size j = first; j < d->n_dim; j++)
        PDM_TRY(pdm_text_append(out, "%s%s = %.4g", j > first ? ", " : "", pdm_pde_dim_name(d->pde, j), x[j]));
done:
    return status;
}

/* One more place where the inside ends. */
static pdm_status keep_end(pdm_domain *d, const double *x, pdm_size *capacity)
{
    pdm_status    status = PDM_OK;
    domain_shape *shape  = d->shape;
    double       *more   = NULL;

    if (shape->n_end == *capacity) {
        const pdm_size n = *capacity ? 2 * *capacity : 256;
        PDM_TRY(pdm_alloc_array(d->ctx, n * d->n_dim, &more));
        for (pdm_size i = 0; i < shape->n_end * d->n_dim; i++) more[i] = shape->end[i];
        pdm_free(d->ctx, shape->end);
        shape->end = more;
        *capacity  = n;
    }
    for (pdm_size j = 0; j < d->n_dim; j++) shape->end[shape->n_end * d->n_dim + j] = x[j];
    shape->n_end++;
done:
    return status;
}

/* The place between `in` and `out` where the inside ends: is every field given there? */
static pdm_status check_end(shape_search *k, const double *in, const double *out)
{
    pdm_status     status = PDM_OK;
    pdm_domain    *d      = k->d;
    const pdm_size n_dim = d->n_dim, n_curve = pdm_pde_n_curve(d->pde);
    double         a[PDM_MAX_DIM], b[PDM_MAX_DIM], x[PDM_MAX_DIM];
    pdm_text       at = {.ctx = d->ctx};

    for (pdm_size j = 0; j < n_dim; j++) a[j] = in[j], b[j] = out[j];
    for (int i = 0; i < BISECTIONS; i++) {
        for (pdm_size j = 0; j < n_dim; j++) x[j] = 0.5 * (a[j] + b[j]);
        const bool inside = value_at(&k->level, x) > 0.0;
        for (pdm_size j = 0; j < n_dim; j++) *(inside ? &a[j] : &b[j]) = x[j];
    }
    for (pdm_size i = 0; i < n_curve; i++)
        k->bounds[i] = k->bounds[i] || fabs(value_at(&k->curve[i], a)) <= ON_CURVE * k->size[d->n_field + i];
    for (pdm_size f = 0; f < d->n_field; f++) {
        if (!k->weight[f].f || fabs(value_at(&k->weight[f], a)) <= ON_CURVE * k->size[f]) continue;
        PDM_TRY(append_place(d, a, &at));
        PDM_FAIL_AT(d->ctx, PDM_ERR_CASE, pdm_pde_level_where(d->pde),
                    "the inside ends at %s, where no condition on a curve says what \"%s\" is; one for all that bounds "
                    "the inside expected",
                    at.data, pdm_pde_field_name(d->pde, f));
    }
    PDM_TRY(keep_end(d, a, &k->capacity));
done:
    pdm_text_destroy(&at);
    return status;
}

/* A curve that goes through the inside would hold the field there as well. */
static pdm_status check_between(shape_search *k, pdm_size p, pdm_size q)
{
    pdm_status  status = PDM_OK;
    pdm_domain *d      = k->d;
    pdm_text    at     = {.ctx = d->ctx};

    for (pdm_size i = 0; i < d->n_field; i++) {
        const double *v = k->value + i * k->n_place, small = ON_CURVE * k->size[i];
        if (!k->weight[i].f || !((v[p] > small && v[q] < -small) || (v[p] < -small && v[q] > small))) continue;
        PDM_TRY(append_place(d, k->x + p * d->n_dim, &at));
        PDM_FAIL_AT(d->ctx, PDM_ERR_CASE, pdm_pde_level_where(d->pde),
                    "a curve with a condition on \"%s\" goes through the inside near %s; curves that bound it expected",
                    pdm_pde_field_name(d->pde, i), at.data);
    }
done:
    pdm_text_destroy(&at);
    return status;
}

/* Neighbours along every dimension. */
static pdm_status check_span(shape_search *k)
{
    pdm_status status = PDM_OK;
    pdm_size   stride = 1;

    for (pdm_size j = k->d->n_dim - 1; j >= k->first; j--, stride *= k->n_step + 1)
        for (pdm_size p = 0; p < k->n_place; p++) {
            if (p / stride % (k->n_step + 1) == k->n_step) continue;
            const pdm_size q  = p + stride;
            const bool     in = k->inside[p] > 0.0, next = k->inside[q] > 0.0;
            const double  *x = k->x + p * k->d->n_dim, *y = k->x + q * k->d->n_dim;
            if (in && next) PDM_TRY(check_between(k, p, q));
            if (in != next) PDM_TRY(in ? check_end(k, x, y) : check_end(k, y, x));
        }
done:
    return status;
}

/* On which sides of the box is it inside? */
static void note_sides(const shape_search *k, domain_shape *shape)
{
    for (pdm_size p = 0; p < k->n_place; p++)
        for (pdm_size j = k->first; j < k->d->n_dim && k->inside[p] > 0.0; j++) {
            const pdm_map *map = &k->d->spline[j].map;
            const double   x = k->x[p * k->d->n_dim + j], slack = 1e-12 * (map->high - map->low);
            shape->reaches[j][0] = shape->reaches[j][0] || x <= map->low + slack;
            shape->reaches[j][1] = shape->reaches[j][1] || x >= map->high - slack;
        }
}

/* The spans one by one: index [n_dim] of spans. */
static pdm_status take_span(shape_search *k, const pdm_size *index)
{
    pdm_status    status = PDM_OK;
    pdm_domain   *d      = k->d;
    domain_shape *shape  = d->shape;
    pdm_size      at     = 0;
    bool          in = false, out = false;

    for (pdm_size j = 0; j < d->n_dim; j++) {
        const pdm_spline *s = &d->spline[j];
        k->low[j]           = pdm_map_value(&s->map, j < k->first ? 0.0 : s->ends[index[j]]);
        k->high[j]          = pdm_map_value(&s->map, j < k->first ? 1.0 : s->ends[index[j] + 1]);
        if (j >= k->first) at += s->span[index[j]] * shape->stride[j];
    }
    if (bounds_of(k, k->level.f).high <= 0.0) goto done;
    if (is_plain(k)) {
        shape->counts[at] = 1;
        shape->n_inside++;
        for (pdm_size j = k->first; j < d->n_dim; j++) {
            shape->reaches[j][0] = shape->reaches[j][0] || index[j] == 0;
            shape->reaches[j][1] = shape->reaches[j][1] || index[j] == d->spline[j].n_span - 1;
        }
        goto done;
    }
    look_at_span(k);
    for (pdm_size p = 0; p < k->n_place; p++) {
        if (isnan(k->inside[p])) k->inside[p] = -1.0; /* where it is no number nothing is inside */
        in  = in || k->inside[p] > 0.0;
        out = out || !(k->inside[p] > 0.0);
    }
    if (!in) goto done;
    shape->counts[at] = 1;
    shape->n_inside++;
    shape->n_cut += out;
    note_sides(k, shape);
    PDM_TRY(check_span(k));
done:
    return status;
}

static pdm_status search_all(shape_search *k)
{
    pdm_status  status             = PDM_OK;
    pdm_domain *d                  = k->d;
    pdm_size    index[PDM_MAX_DIM] = {0};

    for (pdm_size i = 0; i < d->shape->n_span; i++) {
        pdm_size rest = i;
        for (pdm_size j = d->n_dim - 1; j >= k->first; j--) {
            index[j] = rest % d->spline[j].n_span;
            rest /= d->spline[j].n_span;
        }
        PDM_TRY(take_span(k, index));
    }
    if (d->shape->n_inside == 0)
        PDM_FAIL_AT(d->ctx, PDM_ERR_CASE, pdm_pde_level_where(d->pde),
                    "nothing of the box is inside; a condition that holds somewhere, on a piece that is not much "
                    "smaller than a knot span, expected");
    for (pdm_size i = 0; i < pdm_pde_n_curve(d->pde); i++)
        if (!k->bounds[i])
            PDM_FAIL_AT(d->ctx, PDM_ERR_CASE, &pdm_pde_curve(d->pde, i)->where,
                        "this curve bounds no part of the inside; \"%s\" would have no value there",
                        pdm_pde_field_name(d->pde, pdm_pde_curve(d->pde, i)->field));
done:
    return status;
}

pdm_status domain_shape_create(pdm_domain *d)
{
    pdm_status   status = PDM_OK;
    shape_search k      = {.d = d};
    pdm_size     n      = 1;

    if (!pdm_pde_level(d->pde)) return PDM_OK;
    PDM_TRY(pdm_alloc(d->ctx, sizeof *d->shape, &d->shape));
    d->shape->n_span = 1;
    for (pdm_size j = d->n_dim - 1; j >= (pdm_pde_has_time(d->pde) ? 1 : 0); j--) {
        d->shape->stride[j] = n;
        n *= d->spline[j].n_element;
        d->shape->n_span *= d->spline[j].n_span;
    }
    PDM_TRY(pdm_alloc_array(d->ctx, n, &d->shape->counts));
    PDM_TRY(search_create(d, &k));
    PDM_TRY(search_all(&k));
done:
    search_destroy(&k);
    return status;
}

void domain_shape_destroy(pdm_domain *d)
{
    if (!d->shape) return;
    pdm_free(d->ctx, d->shape->counts);
    pdm_free(d->ctx, d->shape->end);
    pdm_free(d->ctx, d->shape);
}

/* ---- use --------------------------------------------------------------------------------------------------------- */

static bool span_counts(const pdm_domain *d, const pdm_size *element)
{
    pdm_size at = 0;
    for (pdm_size j = 0; j < d->n_dim; j++) at += element[j] * d->shape->stride[j];
    return d->shape->counts[at] != 0;
}

void domain_shape_sample(const pdm_domain *d, const pdm_axis *const *axis, double *out)
{
    pdm_size n_point = 1, element[PDM_MAX_DIM];

    for (pdm_size j = 0; j < d->n_dim; j++) n_point *= axis[j]->n_point;
    for (pdm_size i = 0; i < n_point; i++) {
        pdm_size rest = i;
        for (pdm_size j = d->n_dim - 1; j >= 0; j--) {
            element[j] = axis[j]->element[rest % axis[j]->n_point];
            rest /= axis[j]->n_point;
        }
        out[i] = span_counts(d, element) ? 1.0 : 0.0;
    }
}

bool domain_shape_sees(const pdm_domain *d, const pdm_size *index)
{
    pdm_size element[PDM_MAX_DIM] = {0}, n = 1;

    for (pdm_size j = 0; j < d->n_dim; j++) n *= d->shape->stride[j] > 0 ? d->spline[j].degree + 1 : 1;
    for (pdm_size l = 0; l < n; l++) {
        pdm_size rest = l;
        bool     is   = true;
        for (pdm_size j = d->n_dim - 1; j >= 0; j--) {
            const pdm_spline *s = &d->spline[j];
            if (d->shape->stride[j] == 0) continue;
            element[j] = index[j] - rest % (s->degree + 1);
            if (s->periodic) element[j] = (element[j] + s->n_element) % s->n_element;
            is = is && element[j] >= 0 && element[j] < s->n_element;
            rest /= s->degree + 1;
        }
        if (is && span_counts(d, element)) return true;
    }
    return false;
}

bool pdm_domain_row_counts(const pdm_domain *d, pdm_size term, pdm_size i)
{
    pdm_size element[PDM_MAX_DIM];

    if (!d->shape) return true;
    for (pdm_size j = d->n_dim - 1; j >= 0; j--) {
        const pdm_axis *axis = &d->term[term].axis[j];
        element[j]           = axis->row_element[i % axis->n_row];
        i /= axis->n_row;
    }
    return span_counts(d, element);
}

bool pdm_domain_side_is_inside(const pdm_domain *d, pdm_size dim, int side)
{
    return !d->shape || d->shape->reaches[dim][side];
}

pdm_status domain_shape_view(const pdm_domain *d, pdm_text *out)
{
    if (!d->shape) return PDM_OK;
    return pdm_text_append(out, "shape        %lld of %lld knot spans of space reach inside, %lld are cut\n",
                           (long long)d->shape->n_inside, (long long)d->shape->n_span, (long long)d->shape->n_cut);
}
