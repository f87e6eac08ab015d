/* Boxes of coordinates, cut again and again where a function may have more than what is known of it: best first, by
 * bounds of its program. What is narrow is found without a grid that would have to hit it.
 * docs/mathematics.md, "Data between the points". */
#include "domain/domain_impl.h"

#include <math.h>

static const double KNOWN    = 0.05;    /* of the integral: so much may be unknown at the end             */
static const double SMALLEST = 0x1p-44; /* of the extent: sides of boxes that are not cut                 */

static double absolute(domain_size_kind kind, double value)
{
    const double size = fabs(value);
    return kind == DOMAIN_SIZE ? size : kind == DOMAIN_SQUARE ? size * size : 1.0 / size;
}

/* The largest size of a number within bounds. */
static double largest(domain_size_kind kind, pdm_bounds b)
{
    if (kind == DOMAIN_INVERSE)
        return b.low <= 0.0 && b.high >= 0.0 ? INFINITY : absolute(kind, fmin(fabs(b.low), fabs(b.high)));
    return absolute(kind, fmax(fabs(b.low), fabs(b.high)));
}

/* The smallest one. */
static double smallest(domain_size_kind kind, pdm_bounds b)
{
    const double most = fmax(fabs(b.low), fabs(b.high));
    if (kind == DOMAIN_INVERSE) return absolute(kind, most);
    return b.low <= 0.0 && b.high >= 0.0 ? 0.0 : absolute(kind, fmin(fabs(b.low), fabs(b.high)));
}

double domain_boxes_size_at(domain_boxes *k, const double *x)
{
    double size;
    for (pdm_size i = 0; i < k->f->n_input; i++)
        k->in[i] = k->f->input[i].kind == PDM_INPUT_COORDINATE ? x[k->f->input[i].index] : k->fixed[i];
    pdm_program_evaluate(k->program, k->in, k->out, k->registers);
    size = absolute(k->kind, k->out[k->output]);
    return isnan(size) ? 0.0 : size;
}

static pdm_bounds bounds_in(domain_boxes *k, const domain_box *box)
{
    for (pdm_size i = 0; i < k->f->n_input; i++) {
        const int32_t j = k->f->input[i].index;
        k->bound_in[i]  = k->f->input[i].kind == PDM_INPUT_COORDINATE ? (pdm_bounds){box->low[j], box->high[j]}
                                                                      : (pdm_bounds){k->fixed[i], k->fixed[i]};
    }
    pdm_program_bounds(k->program, k->bound_in, k->bound_out, k->bound_registers);
    k->n_look++;
    return k->bound_out[k->output];
}

/* Most and middle of a box with sides. */
static void look(domain_boxes *k, domain_box *box)
{
    double middle[PDM_MAX_DIM];

    box->volume = 1.0;
    for (pdm_size j = 0; j < k->n_dim; j++) {
        middle[j] = 0.5 * (box->low[j] + box->high[j]);
        if (k->reads[j]) box->volume *= box->high[j] - box->low[j];
    }
    const pdm_bounds bounds = bounds_in(k, box);
    box->most               = largest(k->kind, bounds);
    box->middle             = domain_boxes_size_at(k, middle);
    if (isinf(box->middle)) box->middle = 0.0; /* at one point: halves know more */
    /* the middle may be a crest, of what is narrow and in the middle of the extent */
    box->rest = box->volume * fmax(0.0, fmax(box->most - box->middle, box->middle - smallest(k->kind, bounds)));
}

/* ---- a heap, the box with the most unknown first ---- */

static bool is_before(const domain_box *a, const domain_box *b)
{
    return a->rest > b->rest || (a->rest == b->rest && a->volume > b->volume);
}

static void exchange(domain_box *a, domain_box *b)
{
    const domain_box t = *a;
    *a                 = *b;
    *b                 = t;
}

static void sink(domain_boxes *k, pdm_size i)
{
    for (;;) {
        pdm_size first = i;
        for (pdm_size child = 2 * i + 1; child <= 2 * i + 2; child++)
            if (child < k->n && is_before(&k->box[child], &k->box[first])) first = child;
        if (first == i) return;
        exchange(&k->box[i], &k->box[first]);
        i = first;
    }
}

static void rise(domain_boxes *k, pdm_size i)
{
    for (; i > 0 && is_before(&k->box[i], &k->box[(i - 1) / 2]); i = (i - 1) / 2)
        exchange(&k->box[i], &k->box[(i - 1) / 2]);
}

/* ---- cuts ---- */

static bool can_cut(const domain_boxes *k, const domain_box *box, pdm_size j)
{
    return k->reads[j] && box->high[j] - box->low[j] > SMALLEST * (k->high[j] - k->low[j]);
}

static void halve(domain_boxes *k, const domain_box *box, pdm_size j, domain_box half[2])
{
    const double middle = 0.5 * (box->low[j] + box->high[j]);
    half[0] = half[1] = *box;
    half[0].high[j]   = middle;
    half[1].low[j]    = middle;
    look(k, &half[0]);
    look(k, &half[1]);
}

/* By the cut after which the two halves may have the least; of equals across the longest side. */
static bool cut(domain_boxes *k, const domain_box *box, domain_box half[2])
{
    double     least = INFINITY, longest = 0.0;
    domain_box two[2];
    bool       any = false;

    for (pdm_size j = 0; j < k->n_dim; j++) {
        if (!can_cut(k, box, j)) continue;
        halve(k, box, j, two);
        const double may  = two[0].volume * two[0].most + two[1].volume * two[1].most;
        const double side = (box->high[j] - box->low[j]) / (k->high[j] - k->low[j]);
        if (any && !(may < least * (1.0 - 1e-9)) && !(may <= least * (1.0 + 1e-9) && side > longest)) continue;
        least   = may;
        longest = side;
        half[0] = two[0];
        half[1] = two[1];
        any     = true;
    }
    return any;
}

/* Sums over all boxes; what may be unknown can be infinite. */
static void sum(const domain_boxes *k, double *known, double *rest)
{
    *known = *rest = 0.0;
    for (pdm_size i = 0; i < k->n; i++) {
        *known += k->box[i].volume * k->box[i].middle;
        *rest += k->box[i].rest;
    }
}

double domain_boxes_search(domain_boxes *k)
{
    double     known, rest;
    domain_box half[2];

    k->n = k->n_look = 0;
    domain_box *root = &k->box[k->n++];
    for (pdm_size j = 0; j < k->n_dim; j++) {
        root->low[j]  = k->low[j];
        root->high[j] = k->high[j];
    }
    look(k, root);
    sum(k, &known, &rest);
    for (pdm_size turn = 1; k->n < DOMAIN_BOXES && k->n_look < k->most_look && k->box[0].rest > 0.0; turn++) {
        if (turn % 16 == 0) sum(k, &known, &rest);
        if (rest <= KNOWN * known) break;
        if (!cut(k, &k->box[0], half)) {
            k->box[0].rest = 0.0; /* as small as boxes are */
            sink(k, 0);
            continue;
        }
        k->box[0] = half[0];
        sink(k, 0);
        k->box[k->n++] = half[1];
        rise(k, k->n - 1);
    }
    sum(k, &known, &rest);
    return known;
}
