#include "domain/domain_impl.h"

#include <float.h>
#include <math.h>

/* Gauss-Legendre nodes and weights on (0,1), n = 1..5. */
static const double gauss_node[5][5] = {
    {0.5},
    {0.21132486540518712, 0.78867513459481288},
    {0.11270166537925831, 0.5, 0.88729833462074169},
    {0.069431844202973712, 0.33000947820757187, 0.66999052179242813, 0.93056815579702629},
    {0.046910077030668004, 0.23076534494715845, 0.5, 0.76923465505284155, 0.953089922969332}};
static const double gauss_weight[5][5] = {
    {1.0},
    {0.5, 0.5},
    {0.27777777777777778, 0.44444444444444444, 0.27777777777777778},
    {0.17392742256872693, 0.32607257743127307, 0.32607257743127307, 0.17392742256872693},
    {0.11846344252809454, 0.23931433524968324, 0.28444444444444444, 0.23931433524968324, 0.11846344252809454}};

void domain_axis_tables(const pdm_spline *s, pdm_size n, const double *xi, const pdm_size *element, pdm_size n_order,
                        int32_t *element_out, double *coordinate, double *basis)
{
    const pdm_size width = s->degree + 1;
    double         local[(PDM_MAX_ORDER + 1) * (PDM_MAX_DEGREE + 1)];
    for (pdm_size i = 0; i < n; i++) {
        element_out[i] = (int32_t)element[i];
        coordinate[i]  = pdm_map_value(&s->map, xi[i]);
        pdm_spline_basis(s, element[i], xi[i], n_order, local);
        for (pdm_size k = 0; k < n_order; k++)
            for (pdm_size l = 0; l < width; l++) basis[(k * n + i) * width + l] = local[k * width + l];
    }
}

/* What a kind of axis consists of, before tables are made: points and pairs. */
typedef struct axis_plan {
    pdm_size  n_point, n_row, n_pair;
    double   *xi;          /* [n_point]                 */
    pdm_size *element;     /* [n_point]                 */
    double   *weight;      /* [n_pair]                  */
    pdm_size *point;       /* [n_pair]                  */
    pdm_size *row0;        /* [n_row+1]                 */
    pdm_size *row_element; /* [n_row]               */
    double   *row_length;  /* [n_row] in xi         */
} axis_plan;

void domain_gauss(pdm_size n, const double **node, const double **weight)
{
    *node   = gauss_node[n - 1];
    *weight = gauss_weight[n - 1];
}

static pdm_size gauss_of(const pdm_domain *d, const pdm_spline *s)
{
    return d->gauss[s - d->spline];
}

static const domain_row_cells *cells_of(const pdm_domain *d, const pdm_spline *s)
{
    return &d->row_cells[s - d->spline];
}

/* Of a joint: of the cells beside it. */
static double length_of(const domain_row_cells *c, pdm_size i)
{
    if (!domain_is_joint(c, i)) return c->edge[i + 1] - c->edge[i];
    return 0.5 * (c->edge[i + 2] - c->edge[i - 1]);
}

static void plan_gauss(const pdm_domain *d, const pdm_spline *s, bool own_rows, axis_plan *p)
{
    const domain_row_cells *cells  = cells_of(d, s);
    const pdm_size          q      = gauss_of(d, s);
    const double            length = s->map.high - s->map.low;
    pdm_size                k      = 0;
    for (pdm_size i = 0; i < cells->n; i++) {
        const double a = cells->edge[i], b = cells->edge[i + 1];
        if (!own_rows) {
            p->row0[i]        = k;
            p->row_element[i] = cells->element[i];
            p->row_length[i]  = length_of(cells, i);
        }
        for (pdm_size g = 0; g < q && !domain_is_joint(cells, i); g++, k++) {
            double dx[2];
            p->xi[k]      = a + (b - a) * gauss_node[q - 1][g];
            p->element[k] = cells->element[i];
            p->point[k]   = k;
            pdm_map_derivatives(&s->map, p->xi[k], 1, dx);
            const double w = (b - a) * gauss_weight[q - 1][g] * dx[1];
            p->weight[k]   = own_rows ? sqrt(w / length) : w;
            if (own_rows) {
                p->row0[k]        = k;
                p->row_element[k] = p->element[k];
                p->row_length[k]  = 1.0;
            }
        }
    }
    p->row0[p->n_row] = p->n_pair;
}

/* Between two cells a face is seen from the upper one; a joint lies between two faces, each seen from its own side. */
static void plan_faces(const pdm_domain *d, const pdm_spline *s, bool low, bool high, axis_plan *p)
{
    const domain_row_cells *cells = cells_of(d, s);
    for (pdm_size i = 0; i <= cells->n; i++) {
        const bool below = i == cells->n || domain_is_joint(cells, i);
        p->xi[i]         = cells->edge[i];
        p->element[i]    = cells->element[below ? i - 1 : i];
    }
    pdm_size n_pair = 0;
    for (pdm_size i = 0; i < cells->n; i++) {
        p->row0[i]        = n_pair;
        p->row_element[i] = cells->element[i];
        p->row_length[i]  = length_of(cells, i);
        if (i > 0 || low) {
            p->point[n_pair]    = i;
            p->weight[n_pair++] = -1.0;
        }
        if (i + 1 < cells->n || high) {
            p->point[n_pair]    = i + 1;
            p->weight[n_pair++] = 1.0;
        }
    }
    p->row0[cells->n] = n_pair;
    p->n_pair         = n_pair;
}

/* One point on a side; into a row of its own, or (flux) into the outermost of all cells. */
static void plan_side(const pdm_domain *d, const pdm_spline *s, bool high, bool flux, axis_plan *p)
{
    p->xi[0]      = high ? 1.0 : 0.0;
    p->element[0] = high ? s->n_element - 1 : 0;
    p->point[0]   = 0;
    p->weight[0]  = flux && !high ? -1.0 : 1.0;
    for (pdm_size i = 0; i < p->n_row; i++) {
        const bool outermost = !flux || (high ? i == p->n_row - 1 : i == 0);
        p->row0[i + 1]       = p->row0[i] + (outermost ? 1 : 0);
        p->row_element[i]    = flux ? cells_of(d, s)->element[i] : p->element[0];
        p->row_length[i]     = flux ? length_of(cells_of(d, s), i) : 1.0;
    }
}

static void plan_fill(const pdm_domain *d, const pdm_spline *s, axis_kind kind, axis_plan *p)
{
    switch (kind) {
    case AXIS_CELL: plan_gauss(d, s, false, p); break;
    case AXIS_POINT: plan_gauss(d, s, true, p); break;
    case AXIS_FACE: plan_faces(d, s, true, true, p); break;
    case AXIS_FACE_LOW: plan_faces(d, s, false, true, p); break;
    case AXIS_FACE_HIGH: plan_faces(d, s, true, false, p); break;
    case AXIS_FACE_INNER: plan_faces(d, s, false, false, p); break;
    case AXIS_FLUX_LOW: plan_side(d, s, false, true, p); break;
    case AXIS_FLUX_HIGH: plan_side(d, s, true, true, p); break;
    case AXIS_SIDE_LOW: plan_side(d, s, false, false, p); break;
    case AXIS_SIDE_HIGH: plan_side(d, s, true, false, p); break;
    case AXIS_GREVILLE:
        for (pdm_size i = 0; i < s->n_coef; i++) {
            p->xi[i]      = s->greville[i];
            p->element[i] = pdm_spline_element(s, s->greville[i]);
        }
        break;
    case AXIS_KIND_COUNT: break;
    }
}

static void plan_sizes(const pdm_domain *d, const pdm_spline *s, axis_kind kind, axis_plan *p)
{
    const pdm_size n_cell = cells_of(d, s)->n, n_gauss = (n_cell - cells_of(d, s)->n_joint) * gauss_of(d, s);
    *p = (axis_plan){0};
    switch (kind) {
    case AXIS_CELL: *p = (axis_plan){.n_point = n_gauss, .n_row = n_cell, .n_pair = n_gauss}; break;
    case AXIS_POINT: *p = (axis_plan){.n_point = n_gauss, .n_row = n_gauss, .n_pair = n_gauss}; break;
    case AXIS_FACE:
    case AXIS_FACE_LOW:
    case AXIS_FACE_HIGH:
    case AXIS_FACE_INNER: *p = (axis_plan){.n_point = n_cell + 1, .n_row = n_cell, .n_pair = 2 * n_cell}; break;
    case AXIS_FLUX_LOW:
    case AXIS_FLUX_HIGH: *p = (axis_plan){.n_point = 1, .n_row = n_cell, .n_pair = 1}; break;
    case AXIS_SIDE_LOW:
    case AXIS_SIDE_HIGH: *p = (axis_plan){.n_point = 1, .n_row = 1, .n_pair = 1}; break;
    case AXIS_GREVILLE: *p = (axis_plan){.n_point = s->n_coef}; break;
    case AXIS_KIND_COUNT: break;
    }
}

/* The basis at the point of a pair, as seen from the row's element: a point on the far face of its row's element was
 * tabulated in the next element, whose functions are shifted by one; the one that is lost is zero there. Those of the
 * two faces of a joint are shifted up and down; what a joint does not see is zero there up to the slope. */
static void pair_tables(const pdm_spline *s, const axis_plan *p, pdm_size n_order, const double *basis,
                        double *pair_basis)
{
    const pdm_size width = s->degree + 1;
    for (pdm_size row = 0; row < p->n_row; row++)
        for (pdm_size k = p->row0[row]; k < p->row0[row + 1]; k++) {
            const pdm_size shift = p->element[p->point[k]] - p->row_element[row];
            PDM_ASSERT(shift > -width && shift < width);
            for (pdm_size o = 0; o < n_order; o++)
                for (pdm_size l = 0; l < width; l++) {
                    const double  *from                         = basis + (o * p->n_point + p->point[k]) * width;
                    const pdm_size at                           = l - shift;
                    pair_basis[(o * p->n_pair + k) * width + l] = at >= 0 && at < width ? p->weight[k] * from[at] : 0.0;
                }
        }
}

/* A face on a knot, tabulated in the element above: its last function is zero there up to rounding in the value and, by
 * continuity, in all derivatives below the degree; make it exactly so, since the row below cannot see it. On a kink
 * functions rise like powers of the distance: derivatives of order o are zero but for the o + 1 nearest functions. */
static void clean_knot_faces(const pdm_spline *s, const axis_plan *p, pdm_size n_order, double *basis)
{
    const pdm_size width = s->degree + 1;
    for (pdm_size i = 1; i + 1 < p->n_point; i++) {
        const int side = domain_kink_side(s, p->element[i], pdm_map_value(&s->map, p->xi[i]));
        for (pdm_size o = 0; o < n_order && o < s->degree; o++) {
            double *b = basis + (o * p->n_point + i) * width;
            if (side == 0 && p->xi[i] == s->breaks[p->element[i]]) b[s->degree] = 0.0;
            for (pdm_size l = 0; l < width; l++)
                if ((side > 0 && l > o) || (side < 0 && l < s->degree - o)) b[l] = 0.0;
        }
    }
}

/* Programs read coordinates: just beside a kink, on the side from which the face is seen. */
static void shift_kink_faces(const pdm_spline *s, const axis_plan *p, double *coordinate)
{
    const double rounding = 8.0 * DBL_EPSILON * fmax(fabs(s->map.low), fabs(s->map.high));
    for (pdm_size i = 0; i < p->n_point; i++) {
        const double *b      = s->breaks + p->element[i];
        const double  length = pdm_map_value(&s->map, b[1]) - pdm_map_value(&s->map, b[0]);
        coordinate[i] += domain_kink_side(s, p->element[i], coordinate[i]) * fmax(1e-12 * length, rounding);
    }
}

static void plan_carve(pdm_arena *a, axis_plan *p)
{
    p->xi          = pdm_carve(a, double, p->n_point);
    p->element     = pdm_carve(a, pdm_size, p->n_point);
    p->weight      = pdm_carve(a, double, p->n_pair);
    p->point       = pdm_carve(a, pdm_size, p->n_pair);
    p->row0        = pdm_carve(a, pdm_size, p->n_row + 1);
    p->row_element = pdm_carve(a, pdm_size, p->n_row);
    p->row_length  = pdm_carve(a, double, p->n_row);
}

/* Lays the finished tables out in one piece of memory: run with base NULL to measure. */
typedef struct axis_memory {
    double  *coordinate, *basis, *pair_weight, *pair_basis, *row_length, *row_scale;
    int32_t *element, *row_element, *pair0, *pair_point;
} axis_memory;

static size_t axis_layout(const axis_plan *p, pdm_size width, pdm_size n_order, char *base, axis_memory *m)
{
    size_t used = 0;
#define PIECE(member, type, n)                               \
    do {                                                     \
        if (base) m->member = (type *)(void *)(base + used); \
        used += ((size_t)(n) * sizeof(type) + 63) / 64 * 64; \
    } while (0)
    PIECE(coordinate, double, p->n_point);
    PIECE(basis, double, n_order * p->n_point * width);
    PIECE(pair_weight, double, p->n_pair);
    PIECE(pair_basis, double, n_order * p->n_pair * width);
    PIECE(row_length, double, p->n_row);
    PIECE(row_scale, double, p->n_row);
    PIECE(element, int32_t, p->n_point);
    PIECE(row_element, int32_t, p->n_row);
    PIECE(pair0, int32_t, p->n_row + 1);
    PIECE(pair_point, int32_t, p->n_pair);
#undef PIECE
    return used;
}

/* Leaves out what belongs to cells whose middle is not within: pairs of CELL, whose rows stay;
 * points and rows of POINT. */
static void plan_restrict(const pdm_domain *d, pdm_size dim, axis_kind kind, const pdm_interval *within, axis_plan *p)
{
    const pdm_size q = d->gauss[dim], n_cell = domain_n_cell(d, dim);
    pdm_size       n = 0, next = 0;

    for (pdm_size i = 0; i < n_cell; i++) {
        const pdm_size first = next;
        next += domain_is_joint(&d->row_cells[dim], i) ? 0 : q;
        if (kind == AXIS_CELL) p->row0[i] = n;
        if (!pdm_interval_has(within, pdm_domain_cell_middle(d, dim, i))) continue;
        for (pdm_size k = first; k < next; k++, n++) {
            p->xi[n]      = p->xi[k];
            p->element[n] = p->element[k];
            p->weight[n]  = p->weight[k];
            p->point[n]   = n;
            if (kind == AXIS_CELL) continue;
            p->row0[n]        = n;
            p->row_element[n] = p->row_element[k];
        }
    }
    p->n_point = p->n_pair = n;
    if (kind == AXIS_POINT) p->n_row = n;
    p->row0[p->n_row] = n;
}

/* Of a joint, beside 1 of the cells: docs/mathematics.md, "Kinks", has what was measured. */
static const double JOINT_WEIGHT = 0.5;

static double row_weight(const pdm_domain *d, pdm_size dim, axis_kind kind, pdm_size row)
{
    return kind <= AXIS_FLUX_HIGH && domain_is_joint(&d->row_cells[dim], row) ? JOINT_WEIGHT : 1.0;
}

/* within NULL: all of the dimension (CELL and POINT may be restricted); sign: factor on the weights. */
static pdm_status axis_build(pdm_domain *d, pdm_size dim, axis_kind kind, const pdm_interval *within, double sign,
                             domain_axis *da)
{
    pdm_status        status = PDM_OK;
    const pdm_spline *s      = &d->spline[dim];
    pdm_arena         arena  = {0};
    axis_plan         plan;
    axis_memory       m      = {0};
    void             *memory = NULL;
    const pdm_size    width  = s->degree + 1;

    plan_sizes(d, s, kind, &plan);
    pdm_arena_measure(&arena, d->ctx);
    plan_carve(&arena, &plan);
    PDM_TRY(pdm_arena_allocate(&arena));
    plan_carve(&arena, &plan);
    plan.row0[0] = 0;
    plan_fill(d, s, kind, &plan);
    if (within) plan_restrict(d, dim, kind, within, &plan);
    for (pdm_size k = 0; k < plan.n_pair; k++) plan.weight[k] *= sign;

    PDM_TRY(pdm_alloc(d->ctx, axis_layout(&plan, width, d->n_order, NULL, &m), &memory));
    axis_layout(&plan, width, d->n_order, memory, &m);
    domain_axis_tables(s, plan.n_point, plan.xi, plan.element, d->n_order, m.element, m.coordinate, m.basis);
    if (kind >= AXIS_FACE && kind <= AXIS_FACE_INNER) {
        clean_knot_faces(s, &plan, d->n_order, m.basis);
        if (d->row_cells[dim].n_joint > 0) shift_kink_faces(s, &plan, m.coordinate);
    }
    pair_tables(s, &plan, d->n_order, m.basis, m.pair_basis);
    double mean = 0.0;
    for (pdm_size i = 0; i < plan.n_row; i++) {
        m.row_element[i] = (int32_t)plan.row_element[i];
        m.pair0[i + 1]   = (int32_t)plan.row0[i + 1];
        mean += plan.row_length[i] / (double)plan.n_row;
    }
    for (pdm_size i = 0; i < plan.n_row; i++) {
        m.row_length[i] = plan.row_length[i] / mean;
        m.row_scale[i]  = row_weight(d, dim, kind, i) * pow(m.row_length[i], -d->settings.row_power);
    }
    for (pdm_size k = 0; k < plan.n_pair; k++) {
        m.pair_point[k]  = (int32_t)plan.point[k];
        m.pair_weight[k] = plan.weight[k];
    }
    da->axis       = (pdm_axis){.n_point     = plan.n_point,
                                .coordinate  = m.coordinate,
                                .element     = m.element,
                                .basis       = m.basis,
                                .n_row       = plan.n_row,
                                .row_element = m.row_element,
                                .pair0       = m.pair0,
                                .pair_point  = m.pair_point,
                                .pair_weight = m.pair_weight,
                                .pair_basis  = m.pair_basis};
    da->row_length = m.row_length;
    da->row_scale  = m.row_scale;
    da->memory     = memory;
    memory         = NULL;
    da->built      = true;
done:
    pdm_free(d->ctx, memory);
    pdm_arena_destroy(&arena);
    return status;
}

pdm_status domain_axis_get(pdm_domain *d, pdm_size dim, axis_kind kind, const domain_axis **out)
{
    domain_axis *da = &d->axis[dim][kind];

    *out = da;
    return da->built ? PDM_OK : axis_build(d, dim, kind, NULL, 1.0, da);
}

pdm_status domain_axis_part(pdm_domain *d, pdm_size dim, axis_kind kind, const pdm_interval *within, double sign,
                            const domain_axis **out)
{
    pdm_status   status = PDM_OK;
    domain_axis *grown  = NULL;

    if (d->n_part_axis == d->part_axis_capacity) {
        const pdm_size capacity = 2 * d->part_axis_capacity + 8;
        PDM_TRY(pdm_alloc_array(d->ctx, capacity, &grown));
        for (pdm_size i = 0; i < d->n_part_axis; i++) grown[i] = d->part_axis[i];
        pdm_free(d->ctx, d->part_axis);
        d->part_axis          = grown;
        d->part_axis_capacity = capacity;
    }
    PDM_TRY(axis_build(d, dim, kind, within, sign, &d->part_axis[d->n_part_axis]));
    *out = &d->part_axis[d->n_part_axis++];
done:
    return status;
}
