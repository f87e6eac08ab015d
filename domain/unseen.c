/* What data have between the points at which they are read. An integral by boxes (boxes.c), which see all of it, against
 * the points around each box: with M the largest size at the corners of the cell of points that holds x,
 *     share = integral (|f(x)| - M)_+ / integral |f|,
 * so that what rises or falls through a cell, or jumps in it, is seen, and what has its crest there alone is not.
 * docs/mathematics.md, "Data between the points". */
#include "domain/domain_impl.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { LOOKS = 4000, LOOKS_OF_INPUT = 400 }; /* at boxes, for every expression; once a case, and once a sample */
enum { MOST_GRID = 65536 };                  /* points at which what they have together is found                   */
enum { MOST_OUTPUT = 1024 };                 /* of a program, for numbers                                             */
static const double LEAST_SHARE = 0.1;       /* of sources and factors, whose integrals count                         */
static const double ENOUGH      = 0.1;       /* of the integral: more may not be unknown where points have too much */
static const double CREST       = 1.2;       /* of what is seen beside it */
static const double LEAST_ROOT  = 0.3;  /* root of the share of squares, of data that are interpolated            */
static const double NEGLIGIBLE  = 1e-6; /* of the integral: boxes with less are not looked at                     */
static const double NARROW      = 0.2;  /* of the distance of points: 0.29 is what fills it evenly                */
static const double FEATURE     = 0.05; /* of what is not seen                                                    */

typedef struct unseen_job {
    const pdm_domain *d;
    const double     *magnitude, *scalar, *mean; /* mean [n of pde inputs]: what a field input is taken for */
    domain_boxes      boxes;
    const double     *point[PDM_MAX_DIM]; /* rising */
    pdm_size          n_point[PDM_MAX_DIM];
    double           *moment;   /* [3][most points + 1] of what is not seen, along a dimension */
    bool              too_much; /* of data, is what points have more than there is looked at, too? */
    pdm_unseen_list  *list;
} unseen_job;

/* ---- what an output reads ---- */

typedef struct reading {
    bool coordinate[PDM_MAX_DIM], input; /* input: of the sample */
} reading;

static void join(reading *a, const reading *b)
{
    for (int j = 0; j < PDM_MAX_DIM; j++) a->coordinate[j] = a->coordinate[j] || b->coordinate[j];
    a->input = a->input || b->input;
}

/* scratch [n_register] */
static reading what_it_reads(const pdm_function *f, const pdm_program *p, pdm_size output, reading *scratch)
{
    for (pdm_size i = 0; i < p->n_instruction; i++) {
        const pdm_instruction *k    = &p->instruction[i];
        reading                here = {{false}, false};
        if (k->opcode == PDM_OPCODE_INPUT) {
            const pdm_program_input *in = &f->input[k->a];
            if (in->kind == PDM_INPUT_COORDINATE) here.coordinate[in->index] = true;
            here.input = in->kind == PDM_INPUT_SCALAR || in->kind == PDM_INPUT_FIELD;
        } else if (k->opcode != PDM_OPCODE_CONST) {
            join(&here, &scratch[k->a]);
            if (k->b >= 0) join(&here, &scratch[k->b]);
        }
        scratch[k->target] = here;
    }
    return scratch[p->output[output]];
}

static bool is_in(pdm_unseen_scope scope, const reading *r)
{
    return scope == PDM_UNSEEN_ALL || r->input == (scope == PDM_UNSEEN_OF_INPUT);
}

/* ---- points ---- */

/* The cell of points that holds x: between the two, which are one at the ends of what is bounded; the distance of its
 * ends. */
static double cell_of(const unseen_job *k, pdm_size j, double x, pdm_size *cell, double corner[2])
{
    const double  *point = k->point[j];
    const pdm_size n     = k->n_point[j];
    pdm_size       low = 0, high = n; /* points before low are at most x, those from high on beyond */

    while (low < high) {
        const pdm_size middle = (low + high) / 2;
        if (point[middle] <= x)
            low = middle + 1;
        else
            high = middle;
    }
    *cell     = low;
    corner[0] = point[low > 0 ? low - 1 : 0];
    corner[1] = point[low < n ? low : n - 1];
    if (k->d->spline[j].periodic && (low == 0 || low == n)) { /* round the end: what closes the period is seen, too */
        corner[0] = point[n - 1];
        corner[1] = point[0];
        return corner[1] - corner[0] + k->boxes.high[j] - k->boxes.low[j];
    }
    return (low < n ? corner[1] : k->boxes.high[j]) - (low > 0 ? corner[0] : k->boxes.low[j]);
}

/* The largest size at the corners of the cell around x. */
static double seen_at(unseen_job *k, const double *x, pdm_size *cell, double *apart)
{
    const pdm_size n_dim = k->d->n_dim;
    double         corner[PDM_MAX_DIM][2], most = 0.0;

    for (pdm_size j = 0; j < n_dim; j++) {
        apart[j] = 0.0;
        cell[j]  = 0;
        if (k->boxes.reads[j])
            apart[j] = cell_of(k, j, x[j], &cell[j], corner[j]);
        else
            corner[j][0] = corner[j][1] = x[j];
    }
    for (int bits = 0; bits < 1 << n_dim; bits++) {
        double at[PDM_MAX_DIM];
        bool   twice = false;
        for (pdm_size j = 0; j < n_dim; j++) {
            at[j] = corner[j][bits >> j & 1];
            twice = twice || (!k->boxes.reads[j] && (bits >> j & 1));
        }
        if (!twice) most = fmax(most, domain_boxes_size_at(&k->boxes, at));
    }
    return most;
}

/* ---- one expression ---- */

/* A crest that is hardly higher than what is seen beside it, of a wave with ten points or so, is resolved. */
static double excess(domain_size_kind kind, double size, double seen)
{
    if (!(size > (kind == DOMAIN_SQUARE ? CREST * CREST : CREST) * seen)) return 0.0;
    return kind == DOMAIN_SQUARE ? pow(sqrt(size) - sqrt(seen), 2.0) : size - seen;
}

/* What boxes have beyond what points around them see, each in its `rest`; the largest in *out. */
static double hide(unseen_job *k, double integral, pdm_unseen *out)
{
    double hidden = 0.0, most = 0.0;

    for (pdm_size i = 0; i < k->boxes.n; i++) {
        domain_box *box = &k->boxes.box[i];
        pdm_size    cell[PDM_MAX_DIM];
        double      x[PDM_MAX_DIM], apart[PDM_MAX_DIM];
        box->rest = 0.0;
        if (!(box->volume * box->middle > NEGLIGIBLE * integral)) continue;
        for (pdm_size j = 0; j < k->d->n_dim; j++) x[j] = 0.5 * (box->low[j] + box->high[j]);
        const double seen = seen_at(k, x, cell, apart);
        box->rest         = box->volume * excess(k->boxes.kind, box->middle, seen);
        hidden += box->rest;
        if (!(box->rest > 0.0 && box->middle > most)) continue;
        most      = box->middle;
        out->size = box->middle;
        out->seen = seen;
        memcpy(out->at, x, sizeof x);
        memcpy(out->apart, apart, sizeof apart);
    }
    return hidden;
}

/* Keeps the list by falling share. */
static void add_feature(pdm_unseen *u, pdm_size j, pdm_feature feature)
{
    pdm_size i = u->n_feature[j];

    if (i == PDM_FEATURES_MOST && feature.share <= u->feature[j][i - 1].share) return;
    if (i == PDM_FEATURES_MOST) i--;
    for (; i > 0 && u->feature[j][i - 1].share < feature.share; i--) u->feature[j][i] = u->feature[j][i - 1];
    u->feature[j][i] = feature;
    if (u->n_feature[j] < PDM_FEATURES_MOST) u->n_feature[j]++;
}

/* What is not seen along a dimension, cell by cell of points; features are what is narrow in its cell. */
static void find_features(unseen_job *k, pdm_size j, double hidden, pdm_unseen *out)
{
    const pdm_size n    = k->n_point[j] + 1;
    double        *mass = k->moment, *first = mass + n, *second = first + n;

    memset(k->moment, 0, (size_t)(3 * n) * sizeof *k->moment);
    for (pdm_size i = 0; i < k->boxes.n; i++) {
        const domain_box *box = &k->boxes.box[i];
        const double      x = 0.5 * (box->low[j] + box->high[j]), side = box->high[j] - box->low[j];
        double            corner[2];
        pdm_size          cell;
        if (box->rest == 0.0) continue;
        (void)cell_of(k, j, x, &cell, corner);
        mass[cell] += box->rest;
        first[cell] += box->rest * (x - corner[0]);
        second[cell] += box->rest * ((x - corner[0]) * (x - corner[0]) + side * side / 12.0);
    }
    for (pdm_size i = 0; i < n; i++) {
        const double low = i > 0 ? k->point[j][i - 1] : k->point[j][0], mean = first[i] / mass[i];
        const double apart = (i < n - 1 ? k->point[j][i] : k->boxes.high[j]) - (i > 0 ? low : k->boxes.low[j]);
        if (!(mass[i] > FEATURE * hidden)) continue;
        const double width = sqrt(fmax(second[i] / mass[i] - mean * mean, 0.0));
        if (width < NARROW * apart)
            add_feature(out, j, (pdm_feature){.at = low + mean, .width = width, .share = mass[i] / hidden});
    }
}

/* What point i stands for along a dimension: half the way to its neighbours, all of it to an end. */
static double share_of(const unseen_job *k, pdm_size j, pdm_size i)
{
    const double  *x = k->point[j], length = k->boxes.high[j] - k->boxes.low[j];
    const pdm_size n = k->n_point[j];

    if (k->d->spline[j].periodic) /* wrapped, the first ones may be the last */
        return 0.5 * fmod(x[(i + 1) % n] - x[i] + length, length) +
               0.5 * fmod(x[i] - x[(i + n - 1) % n] + length, length);
    const double low  = i > 0 ? 0.5 * (x[i - 1] + x[i]) : k->boxes.low[j];
    const double high = i < n - 1 ? 0.5 * (x[i] + x[i + 1]) : k->boxes.high[j];
    return high - low;
}

/* The integral of the size by its values at points; 0 where there are too many. */
static double integral_by_points(unseen_job *k)
{
    double   sum = 0.0, at[PDM_MAX_DIM];
    pdm_size n   = 1;

    for (pdm_size j = 0; j < k->d->n_dim; j++) {
        at[j] = k->boxes.low[j];
        if (k->boxes.reads[j]) n *= k->n_point[j];
        if (n > MOST_GRID) return 0.0;
    }
    for (pdm_size i = 0; i < n; i++) {
        double   volume = 1.0;
        pdm_size rest   = i;
        for (pdm_size j = 0; j < k->d->n_dim; j++) {
            if (!k->boxes.reads[j]) continue;
            at[j] = k->point[j][rest % k->n_point[j]];
            volume *= share_of(k, j, rest % k->n_point[j]);
            rest /= k->n_point[j];
        }
        sum += volume * domain_boxes_size_at(&k->boxes, at);
    }
    return sum;
}

/* Has the search come to its end? */
static bool is_known(const unseen_job *k, double integral)
{
    double rest = 0.0;
    for (pdm_size i = 0; i < k->boxes.n; i++) rest += k->boxes.box[i].rest;
    return rest < ENOUGH * integral;
}

/* A point in what is narrow stands for more than there is: all of it is a feature then. */
static double all_as_hidden(unseen_job *k)
{
    double sum = 0.0;
    for (pdm_size i = 0; i < k->boxes.n; i++)
        sum += k->boxes.box[i].rest = k->boxes.box[i].volume * k->boxes.box[i].middle;
    return sum;
}

static void fill_fixed(unseen_job *k, const pdm_function *f, bool zero_atoms)
{
    for (pdm_size i = 0; i < f->n_input; i++) {
        const int32_t n    = f->input[i].index;
        double        size = 0.0;
        switch ((pdm_input_kind)f->input[i].kind) {
        case PDM_INPUT_COORDINATE: break;
        case PDM_INPUT_SCALAR: size = k->scalar[n]; break;
        case PDM_INPUT_FIELD:
        case PDM_INPUT_ATOM: {
            const bool     atom  = f->input[i].kind == PDM_INPUT_ATOM;
            const int32_t *order = atom ? f->atom[n].order : f->sampled[n].order;
            if (!atom && f->sampled[n].input == PDM_SAMPLED_INSIDE) size = 1.0;
            if (!atom && f->sampled[n].input >= 0) size = k->mean[f->sampled[n].input];
            if (atom && !zero_atoms && f->atom[n].field < k->d->n_field) size = k->magnitude[f->atom[n].field];
            if (atom && !zero_atoms && f->atom[n].field >= k->d->n_field) size = 1.0;
            for (pdm_size j = 0; j < k->d->n_dim; j++)
                size /= pow(k->d->spline[j].map.high - k->d->spline[j].map.low, order[j]);
            break;
        }
        }
        k->boxes.fixed[i] = size;
    }
}

/* An output of a program of f, on the points that the job has; u says what it is. */
static void examine(unseen_job *k, const pdm_function *f, const pdm_program *program, pdm_size output,
                    domain_size_kind kind, const reading *reads, pdm_unseen *u)
{
    domain_boxes *b = &k->boxes;

    b->f         = f;
    b->program   = program;
    b->output    = output;
    b->kind      = kind;
    b->most_look = reads->input ? LOOKS_OF_INPUT : LOOKS;
    for (pdm_size j = 0; j < k->d->n_dim; j++) b->reads[j] = reads->coordinate[j] && b->high[j] > b->low[j];
    fill_fixed(k, f, output == 0);
    double integral = domain_boxes_search(b);
    if (!(integral > 0.0) && f->n_atom > 0) { /* it may divide by a field */
        fill_fixed(k, f, false);
        integral = domain_boxes_search(b);
    }
    if (!(integral > 0.0) || !isfinite(integral)) return;
    const bool known  = is_known(k, integral);
    double     hidden = hide(k, integral, u);
    u->share          = kind == DOMAIN_SQUARE ? sqrt(hidden / integral) : hidden / integral;
    if (k->too_much && known && !(u->share > LEAST_ROOT)) {
        u->share = integral_by_points(k) / integral - 1.0;
        hidden   = all_as_hidden(k);
    }
    if (!(u->share > (kind == DOMAIN_SQUARE ? LEAST_ROOT : LEAST_SHARE)) || k->list->n == PDM_UNSEEN_MOST) return;
    for (pdm_size j = 0; j < k->d->n_dim; j++) {
        u->reads[j] = b->reads[j];
        if (b->reads[j]) find_features(k, j, hidden, u);
    }
    u->inverse = kind == DOMAIN_INVERSE;
    if (kind == DOMAIN_SQUARE) {
        u->size = sqrt(u->size);
        u->seen = sqrt(u->seen);
    } else if (kind == DOMAIN_INVERSE) {
        u->size = 1.0 / u->size;
        u->seen = 1.0 / u->seen;
    }
    k->list->item[k->list->n++] = *u;
}

/* ---- all of them ---- */

static bool any_coordinate(const unseen_job *k, const reading *r)
{
    bool any = false;
    for (pdm_size j = 0; j < k->d->n_dim; j++)
        any = any || (r->coordinate[j] && k->boxes.high[j] > k->boxes.low[j] && k->n_point[j] > 0);
    return any;
}

/* Points along a dimension, and the extent, within a part of it that is not all. */
static void set_points(unseen_job *k, pdm_size j, const pdm_axis *axis, axis_kind kind, bool is_part)
{
    const pdm_map *map = &k->d->spline[j].map;
    const bool     one = kind >= AXIS_FLUX_LOW && kind <= AXIS_SIDE_HIGH && kind != AXIS_POINT;
    k->point[j]        = axis->coordinate;
    k->n_point[j]      = axis->n_point;
    k->boxes.low[j]    = map->low;
    k->boxes.high[j]   = map->high;
    if (axis->n_point == 0 || (!one && !is_part)) return;
    k->boxes.low[j]  = axis->coordinate[0];
    k->boxes.high[j] = axis->coordinate[axis->n_point - 1];
}

/* "dxx(u)" */
static void print_atom(const pdm_pde *pde, const pdm_atom *atom, char *out, size_t size)
{
    size_t used = (size_t)snprintf(out, size, "%s", "");
    for (pdm_size j = 0; j < pdm_pde_n_dim(pde); j++)
        for (int32_t i = 0; i < atom->order[j] && used < size; i++)
            used += (size_t)snprintf(out + used, size - used, "%s%.16s", used ? "" : "d", pdm_pde_dim_name(pde, j));
    if (used < size)
        (void)snprintf(out + used, size - used, used ? "(%.24s)" : "%.24s", pdm_pde_atom_name(pde, atom->field));
}

/* The dimension that a term has faces, or one end, of; -1: none. */
static pdm_size across(const unseen_job *k, pdm_size t)
{
    for (pdm_size j = 0; j < k->d->n_dim; j++)
        if (k->d->term_kind[t][j] != AXIS_CELL && k->d->term_kind[t][j] != AXIS_POINT) return j;
    return -1;
}

/* In one dimension a flux is the same all along, and what is small in front of a derivative counts. */
static domain_size_kind kind_of_factor(const unseen_job *k, pdm_size dim, const pdm_atom *atom, const reading *r)
{
    if (dim < 0 || atom->order[dim] == 0) return DOMAIN_SIZE;
    for (pdm_size j = 0; j < k->d->n_dim; j++)
        if (r->coordinate[j] != (j == dim)) return DOMAIN_SIZE;
    return DOMAIN_INVERSE;
}

static void examine_term(unseen_job *k, pdm_size t, pdm_unseen_scope scope, reading *scratch)
{
    const pdm_function *f     = k->d->term_function[t];
    const pdm_size      dim   = across(k, t);
    const char         *block = k->d->block[k->d->term_block[t]].name;

    for (pdm_size j = 0; j < k->d->n_dim; j++) {
        const domain_axis *whole = &k->d->axis[j][k->d->term_kind[t][j]];
        set_points(k, j, &k->d->term[t].axis[j], k->d->term_kind[t][j],
                   !whole->built || whole->axis.n_point != k->d->term[t].axis[j].n_point);
    }
    for (pdm_size a = 0; a <= f->n_atom; a++) {
        const reading r = what_it_reads(f, f->partial, a, scratch);
        char          atom[64];
        pdm_unseen    u = {
               .kind = a == 0 ? PDM_UNSEEN_SOURCE : PDM_UNSEEN_FACTOR, .field = -1, .number = t * MOST_OUTPUT + a};
        if (!any_coordinate(k, &r) || !is_in(scope, &r)) continue;
        if (k->d->term_block[t] < pdm_pde_n_equation(k->d->pde)) u.field = k->d->term_block[t];
        if (a > 0) print_atom(k->d->pde, &f->atom[a - 1], atom, sizeof atom);
        (void)snprintf(u.what, sizeof u.what, "%s%.40s%s%s of %.60s", a == 0 ? "" : "factor of ", a == 0 ? "" : atom,
                       a == 0 ? "" : " in the ", dim < 0 ? "source" : "flux", block);
        examine(k, f, f->partial, a, a == 0 ? DOMAIN_SIZE : kind_of_factor(k, dim, &f->atom[a - 1], &r), &r, &u);
    }
}

static const domain_layer *layer_of(const pdm_domain *d, pdm_size i)
{
    return i < d->n_initial ? &d->initial[i] : &d->side[i - d->n_initial];
}

/* What was given for a layer, before the transform of a positive field. */
static const pdm_function *given_of(const pdm_domain *d, const domain_layer *l)
{
    for (pdm_size i = 0; i < pdm_pde_n_initial(d->pde); i++)
        if (pdm_pde_initial(d->pde, i)->function == l->function) return pdm_pde_initial(d->pde, i)->given;
    for (pdm_size i = 0; i < pdm_pde_n_condition(d->pde); i++)
        if (pdm_pde_condition(d->pde, i)->function == l->function && pdm_pde_condition(d->pde, i)->given)
            return pdm_pde_condition(d->pde, i)->given;
    return l->function;
}

static void examine_layer(unseen_job *k, pdm_size number, pdm_unseen_scope scope, reading *scratch)
{
    const domain_layer *l     = layer_of(k->d, number);
    const pdm_function *given = given_of(k->d, l);
    const pdm_pde      *pde   = k->d->pde;
    pdm_unseen          u     = {.field = l->field, .order = l->order};
    u.kind                    = l->part ? PDM_UNSEEN_SIDE : PDM_UNSEEN_INITIAL;
    u.number                  = k->d->n_term * MOST_OUTPUT + number;
    const reading r           = what_it_reads(given, given->value, 0, scratch);

    for (pdm_size j = 0; j < k->d->n_dim; j++) {
        set_points(k, j, &k->d->axis[j][l->kind[j]].axis, l->kind[j], false);
        if (!l->part) continue;
        k->boxes.low[j]  = fmax(k->boxes.low[j], l->part[j].low);
        k->boxes.high[j] = fmin(k->boxes.high[j], l->part[j].high);
    }
    if (!any_coordinate(k, &r) || !is_in(scope, &r)) return;
    if (l->part)
        (void)snprintf(u.what, sizeof u.what, "value of %.40s on %.40s_%s", pdm_pde_field_name(pde, l->field),
                       pdm_pde_dim_name(pde, l->dim), l->side ? "max" : "min");
    else
        (void)snprintf(u.what, sizeof u.what, "initial %s of %.40s", l->order ? "slope" : "state",
                       pdm_pde_field_name(pde, l->field));
    examine(k, given, given->value, 0, DOMAIN_SQUARE, &r, &u);
}

/* ---- room ---- */

typedef struct need {
    pdm_size input, output, reg, point;
} need;

static void raise_need(need *n, const pdm_function *f, const pdm_program *p)
{
    if (f->n_input > n->input) n->input = f->n_input;
    if (p->n_output > n->output) n->output = p->n_output;
    if (p->n_register > n->reg) n->reg = p->n_register;
}

static need measure(const pdm_domain *d)
{
    need n = {.point = 1};
    for (pdm_size t = 0; t < d->n_term; t++) {
        raise_need(&n, d->term_function[t], d->term_function[t]->partial);
        for (pdm_size j = 0; j < d->n_dim; j++)
            if (d->term[t].axis[j].n_point > n.point) n.point = d->term[t].axis[j].n_point;
    }
    for (pdm_size i = 0; i < d->n_initial + d->n_side; i++) {
        const pdm_function *f = given_of(d, layer_of(d, i));
        raise_need(&n, f, f->value);
    }
    for (pdm_size j = 0; j < d->n_dim; j++)
        if (d->spline[j].n_coef > n.point) n.point = d->spline[j].n_coef;
    return n;
}

/* Scalars, and for each field input its root mean square with the sign of its mean. */
static void read_input(const pdm_domain *d, const double *input, double *scalar, double *mean)
{
    for (pdm_size i = 0; i < pdm_pde_n_input(d->pde) && input; i++) {
        const pdm_input_info *info  = pdm_pde_input(d->pde, i);
        const double         *value = input + d->input_offset[i];
        const pdm_size        n     = d->input_offset[i + 1] - d->input_offset[i];
        double                sum = 0.0, square = 0.0;
        if (info->scalar >= 0) scalar[info->scalar] = value[0];
        for (pdm_size q = 0; q < n; q++) {
            sum += value[q];
            square += value[q] * value[q];
        }
        mean[i] = n > 0 ? copysign(sqrt(square / (double)n), sum) : 0.0;
    }
}

struct pdm_unseen_room {
    const pdm_domain *d;
    need              need;
    pdm_size          n_number;
    double           *numbers; /* [n_number] */
    pdm_bounds       *bounds;
    reading          *scratch;
    domain_box       *box; /* [DOMAIN_BOXES] */
};

pdm_status pdm_unseen_room_create(const pdm_domain *d, pdm_unseen_room **out)
{
    pdm_status       status = PDM_OK;
    pdm_unseen_room *r      = NULL;

    PDM_TRY(pdm_alloc(d->ctx, sizeof *r, &r));
    const need n = r->need = measure(d);
    r->d                   = d;
    r->n_number =
        2 * n.input + n.output + n.reg + 3 * (n.point + 1) + pdm_pde_n_input(d->pde) + pdm_pde_n_scalar(d->pde);
    PDM_TRY(pdm_alloc_array(d->ctx, r->n_number, &r->numbers));
    PDM_TRY(pdm_alloc_array(d->ctx, n.input + n.output + n.reg, &r->bounds));
    PDM_TRY(pdm_alloc_array(d->ctx, n.reg, &r->scratch));
    PDM_TRY(pdm_alloc_array(d->ctx, DOMAIN_BOXES, &r->box));
    *out = r;
    r    = NULL;
done:
    pdm_unseen_room_destroy(&r);
    return status;
}

void pdm_unseen_room_destroy(pdm_unseen_room **room)
{
    pdm_unseen_room *r = *room;
    if (!r) return;
    pdm_context *ctx = r->d->ctx;
    pdm_free(ctx, r->numbers);
    pdm_free(ctx, r->bounds);
    pdm_free(ctx, r->scratch);
    pdm_free(ctx, r->box);
    pdm_free(ctx, r);
    *room = NULL;
}

void pdm_unseen_find(pdm_unseen_room *room, const double *input, const double *magnitude, pdm_unseen_scope scope,
                     pdm_unseen_list *out)
{
    const pdm_domain *d = room->d;
    const need        n = room->need;
    unseen_job k = {.d = d, .magnitude = magnitude, .list = out, .boxes.n_dim = d->n_dim, .boxes.box = room->box};

    out->n     = 0;
    k.too_much = scope == PDM_UNSEEN_START;
    for (pdm_size i = 0; i < room->n_number; i++) room->numbers[i] = 0.0;
    k.boxes.fixed     = room->numbers;
    k.boxes.in        = k.boxes.fixed + n.input;
    k.boxes.out       = k.boxes.in + n.input;
    k.boxes.registers = k.boxes.out + n.output;
    k.moment          = k.boxes.registers + n.reg;
    double *mean = k.moment + 3 * (n.point + 1), *scalar = mean + pdm_pde_n_input(d->pde);
    k.boxes.bound_in        = room->bounds;
    k.boxes.bound_out       = k.boxes.bound_in + n.input;
    k.boxes.bound_registers = k.boxes.bound_out + n.output;
    read_input(d, input, scalar, mean);
    k.mean           = mean;
    k.scalar         = scalar;
    const bool start = scope == PDM_UNSEEN_START;
    for (pdm_size t = 0; t < d->n_term && !start; t++) examine_term(&k, t, scope, room->scratch);
    for (pdm_size i = 0; i < d->n_initial + (start ? 0 : d->n_side); i++) examine_layer(&k, i, scope, room->scratch);
}

pdm_status pdm_domain_unseen(const pdm_domain *d, const double *input, const double *magnitude, pdm_unseen_scope scope,
                             pdm_unseen_list *out)
{
    pdm_status       status = PDM_OK;
    pdm_unseen_room *room   = NULL;

    out->n = 0;
    PDM_TRY(pdm_unseen_room_create(d, &room));
    pdm_unseen_find(room, input, magnitude, scope, out);
done:
    pdm_unseen_room_destroy(&room);
    return status;
}
