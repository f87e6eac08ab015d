/* One term on one slab: its fields' derivatives at the points, its programs, and back from rows to points. */
#include "backend/cpu/rows_impl.h"

pdm_size term_plane(const pdm_rows_desc *d, const pdm_term_desc *t)
{
    pdm_size n = 1;
    for (pdm_size j = 1; j < d->n_dim; j++) n *= t->axis[j].n_point;
    return n;
}

bool term_reads_coordinate(const pdm_term_desc *t, pdm_size dim)
{
    return pdm_inputs_read_coordinate(t->n_input, t->input, dim);
}

static pdm_size most_of(pdm_size a, pdm_size b)
{
    return a > b ? a : b;
}

/* Intermediates of contractions from rows, and of A: row, point and local sizes of each dimension, the worst mix. */
pdm_size term_tensor(const pdm_rows_desc *d, const pdm_term_desc *t, pdm_size n_point0, pdm_size n_row0)
{
    const pdm_size adjoint  = evaluate_tensor_adjoint_size(d->n_dim, d->n_coef, t->axis, n_point0);
    pdm_size       assemble = 1;
    for (pdm_size j = 0; j < d->n_dim; j++) {
        const pdm_size rows = j == 0 ? n_row0 : t->axis[j].n_row, points = j == 0 ? n_point0 : t->axis[j].n_point;
        assemble *= most_of(points, rows * (d->degree[j] + 1));
    }
    return 2 * most_of(assemble, adjoint);
}

size_t term_layout(const pdm_rows_plan *p, const pdm_term_desc *t, pdm_size n_row0, const narrow_slab *x, double *base,
                   term_work *w)
{
    const pdm_rows_desc *d       = p->desc;
    const pdm_size       n_point = x->n0 * term_plane(d, t),
                   narrow        = most_of(narrow_evaluate_size(x), narrow_rows_size(x, n_row0));
    size_t used                  = 0;
#define PIECE(member, n)                   \
    do {                                   \
        if (base) w->member = base + used; \
        used += ((size_t)(n) + 7) / 8 * 8; \
    } while (0)
    PIECE(atom, t->n_atom * n_point);
    PIECE(tangent, t->n_atom * n_point);
    PIECE(value, most_of(1 + t->n_atom, t->n_second) * n_point);
    PIECE(tensor, most_of(term_tensor(d, t, x->n0, n_row0), narrow));
    PIECE(first, term_reads_coordinate(t, 0) ? n_point : 0);
#undef PIECE
    size_t program = pdm_cpu_program_scratch(t->value);
    if (pdm_cpu_program_scratch(t->partial) > program) program = pdm_cpu_program_scratch(t->partial);
    if (pdm_cpu_program_scratch(t->second) > program) program = pdm_cpu_program_scratch(t->second);
    if (base) w->program = base + used;
    return used + (program + 63) / 64 * 8;
}

static const double *first_coordinate(const pdm_term_desc *t, const narrow_slab *x, pdm_size plane, double *out)
{
    const double *coordinate = t->axis[0].coordinate + x->first0;
    if (plane == 1) return coordinate;
    for (pdm_size i = 0; i < x->n0; i++)
        for (pdm_size q = 0; q < plane; q++) out[i * plane + q] = coordinate[i];
    return out;
}

/* Runs a program of a term on the points of a slab; outputs w->value [n_output][n_point]. */
void term_run(const pdm_cpu *cpu, const pdm_rows_plan *p, const pdm_term_desc *t, const pdm_program *program,
              const double *scalar, const double *sampled, const narrow_slab *x, const term_work *w)
{
    const pdm_size plane = term_plane(p->desc, t), n = x->n0 * plane;
    const double  *in[PDM_CPU_MAX_INPUT];
    pdm_size       stride[PDM_CPU_MAX_INPUT];
    double        *out[PDM_CPU_MAX_INPUT];
    for (pdm_size i = 0; i < t->n_input; i++) {
        const int32_t k = t->input[i].index;
        stride[i]       = 1;
        switch ((pdm_input_kind)t->input[i].kind) {
        case PDM_INPUT_ATOM: in[i] = w->atom + k * n; break;
        case PDM_INPUT_COORDINATE:
            in[i] = k == 0 ? first_coordinate(t, x, plane, w->first)
                           : p->coordinate[(t - p->desc->term) * p->desc->n_dim + k];
            break;
        case PDM_INPUT_SCALAR:
            in[i]     = scalar + k;
            stride[i] = 0;
            break;
        case PDM_INPUT_FIELD: in[i] = sampled + t->sampled_offset[k] + x->first0 * plane; break;
        }
    }
    for (pdm_size i = 0; i < program->n_output; i++) out[i] = w->value + i * n;
    pdm_cpu_program_run(cpu->kernels, program, n, in, stride, out, w->program);
}

/* Are two atoms the same field, differentiated alike by all dimensions but the first? */
static bool same_plane(const pdm_atom *a, const pdm_atom *b, pdm_size n_dim)
{
    bool same = a->field == b->field;
    for (pdm_size j = 1; j < n_dim; j++) same = same && a->order[j] == b->order[j];
    return same;
}

void term_evaluate(const pdm_cpu *cpu, const pdm_rows_plan *p, const pdm_term_desc *t, const double *c,
                   const narrow_slab *x, double *atom, double *work)
{
    const pdm_size n_dim = p->desc->n_dim, n = x->n0 * term_plane(p->desc, t);

    for (pdm_size a = 0; a < t->n_atom; a++) {
        pdm_size twin = 0;
        while (!same_plane(&t->atom[twin], &t->atom[a], n_dim)) twin++;
        if (twin < a) continue; /* done beside it */
        const double *plane =
            narrow_evaluate_plane(cpu->kernels, x, t->atom[a].order, c + t->atom[a].field * p->n_coef, work);
        for (pdm_size b = a; b < t->n_atom; b++)
            if (same_plane(&t->atom[a], &t->atom[b], n_dim))
                narrow_evaluate_first(cpu->kernels, x, t->atom[b].order[0], plane, atom + b * n);
    }
}

const double *term_from_rows(const pdm_rows_plan *p, const pdm_term_desc *t, const rows_slab *s, const narrow_slab *x,
                             const double *rows, double *tensor)
{
    const pdm_size half = term_tensor(p->desc, t, x->n0, s->n) / 2;
    const double  *from = rows;
    for (pdm_size j = p->desc->n_dim - 1; j >= 0; j--) {
        pdm_size outer = 1, inner = 1;
        for (pdm_size i = 0; i < j; i++) outer *= i == 0 ? s->n : t->axis[i].n_row;
        for (pdm_size i = j + 1; i < p->desc->n_dim; i++) inner *= t->axis[i].n_point;
        double *to = tensor + (j % 2) * half;
        if (j == 0)
            contract_pairs_adjoint(1, inner, &t->axis[0], s->first, s->n, x->first0, x->n0, from, to);
        else
            contract_pairs_adjoint(outer, inner, &t->axis[j], 0, t->axis[j].n_row, 0, t->axis[j].n_point, from, to);
        from = to;
    }
    return from;
}
