/* Rows through columns that are the same for all samples: what rows read of c = start + C w is what they read of the
 * start plus w times what they read of the columns. So they are rows of one dimension and one element, in which function
 * n is column n and the coefficients are w. docs/mathematics.md, "Few rows". */
#include "reduction/reduction.h"

#include <string.h>

/* Points, rows and pairs of a term's tensor grid. */
typedef struct grid_sizes {
    pdm_size n_point, n_row, n_pair;
} grid_sizes;

static grid_sizes sizes_of(const pdm_rows_desc *d, const pdm_term_desc *t)
{
    grid_sizes s = {1, 1, 1};
    for (pdm_size j = 0; j < d->n_dim; j++) {
        s.n_point *= t->axis[j].n_point;
        s.n_row *= t->axis[j].n_row;
        s.n_pair *= t->axis[j].pair0[t->axis[j].n_row];
    }
    return s;
}

static bool reads_coordinate(const pdm_term_desc *t, pdm_size dim)
{
    for (pdm_size i = 0; i < t->n_input; i++)
        if (t->input[i].kind == PDM_INPUT_COORDINATE && t->input[i].index == dim) return true;
    return false;
}

/* ---- programs ---- */

/* Number of the program input that holds an atom at the start. */
static int32_t start_input(const pdm_term_desc *t, int32_t atom)
{
    return (int32_t)t->n_input + atom;
}

/* The program with every atom replaced by atom + start. NULL of NULL. */
static const pdm_program *shift_program(pdm_arena *a, const pdm_term_desc *t, const pdm_program *p)
{
    pdm_size n = 0;

    if (!p) return NULL;
    for (pdm_size i = 0; i < p->n_instruction; i++) {
        const pdm_instruction *s = &p->instruction[i];
        n += s->opcode == PDM_OPCODE_INPUT && t->input[s->a].kind == PDM_INPUT_ATOM ? 3 : 1;
    }
    pdm_program     *out  = pdm_carve(a, pdm_program, 1);
    pdm_instruction *code = pdm_carve(a, pdm_instruction, n), *next = code;
    const int32_t    held = (int32_t)p->n_register;
    if (!code) return NULL;
    for (pdm_size i = 0; i < p->n_instruction; i++) {
        const pdm_instruction *s = &p->instruction[i];
        *next++                  = *s;
        if (s->opcode != PDM_OPCODE_INPUT || t->input[s->a].kind != PDM_INPUT_ATOM) continue;
        *next++ = (pdm_instruction){PDM_OPCODE_INPUT, held, start_input(t, t->input[s->a].index), 0, 0.0};
        *next++ = (pdm_instruction){PDM_OPCODE_ADD, s->target, s->target, held, 0.0};
    }
    *out               = *p;
    out->n_instruction = n;
    out->n_register    = p->n_register + 1;
    out->n_input       = t->n_input + t->n_atom;
    out->instruction   = code;
    return out;
}

/* Inputs of a term in its sampled fields: its atoms at the start, coordinates that it reads, and what was sampled. */
static void place_inputs(pdm_arena *a, const pdm_rows_desc *d, const pdm_term_desc *t, pdm_size n_point, pdm_size first,
                         pdm_term_desc *out)
{
    pdm_size n_coordinate = 0, n = 0;
    int32_t  of_coordinate[PDM_MAX_DIM] = {0};

    for (pdm_size j = 0; j < d->n_dim; j++)
        if (reads_coordinate(t, j)) of_coordinate[j] = (int32_t)(t->n_atom + n_coordinate++);
    pdm_program_input *input  = pdm_carve(a, pdm_program_input, t->n_input + t->n_atom);
    int32_t           *offset = pdm_carve(a, int32_t, t->n_atom + n_coordinate + t->n_sampled);
    out->n_input              = t->n_input + t->n_atom;
    out->n_sampled            = t->n_atom + n_coordinate + t->n_sampled;
    out->input                = input;
    out->sampled_offset       = offset;
    if (!input) return;
    for (pdm_size i = 0; i < t->n_input; i++, n++) {
        const int32_t k = t->input[i].index;
        input[n]        = t->input[i];
        if (t->input[i].kind == PDM_INPUT_COORDINATE) input[n] = (pdm_program_input){PDM_INPUT_FIELD, of_coordinate[k]};
        if (t->input[i].kind == PDM_INPUT_FIELD) input[n].index = (int32_t)(t->n_atom + n_coordinate + k);
    }
    for (pdm_size i = 0; i < t->n_atom; i++) input[n++] = (pdm_program_input){PDM_INPUT_FIELD, (int32_t)i};
    for (pdm_size i = 0; i < out->n_sampled; i++) offset[i] = (int32_t)(first + i * n_point);
}

/* Where a term's sampled inputs go. */
static void place_sampled(const pdm_term_desc *from, const pdm_term_desc *to, pdm_size n_point, int32_t *place)
{
    for (pdm_size s = 0; s < from->n_sampled; s++)
        for (pdm_size p = 0; p < n_point; p++)
            place[from->sampled_offset[s] + p] = (int32_t)(to->sampled_offset[to->n_sampled - from->n_sampled + s] + p);
}

/* ---- the one axis ---- */

/* Pairs of a row: products of those of the dimensions. */
static void multiply_pairs(const pdm_rows_desc *d, const pdm_term_desc *t, pdm_size row, int32_t *n, int32_t *point,
                           double *weight)
{
    pdm_size first[PDM_MAX_DIM], count[PDM_MAX_DIM], rest = row, total = 1;

    for (pdm_size j = d->n_dim - 1; j >= 0; j--) {
        const pdm_axis *a = &t->axis[j];
        first[j]          = a->pair0[rest % a->n_row];
        count[j]          = a->pair0[rest % a->n_row + 1] - first[j];
        total *= count[j];
        rest /= a->n_row;
    }
    for (pdm_size q = 0; q < total; q++, (*n)++) {
        pdm_size at = 0, stride = 1;
        double   product = 1.0;
        rest             = q;
        for (pdm_size j = d->n_dim - 1; j >= 0; j--) {
            const pdm_size pair = first[j] + rest % count[j];
            at += t->axis[j].pair_point[pair] * stride;
            product *= t->axis[j].pair_weight[pair];
            stride *= t->axis[j].n_point;
            rest /= count[j];
        }
        point[*n]  = (int32_t)at;
        weight[*n] = product;
    }
}

static double scale_of_row(const pdm_rows_desc *d, const pdm_term_desc *t, pdm_size row)
{
    double product = 1.0;
    for (pdm_size j = d->n_dim - 1; j >= 0; j--) {
        product *= t->row_scale[j][row % t->axis[j].n_row];
        row /= t->axis[j].n_row;
    }
    return product;
}

/* values [n_atom][n_point][n_column] */
static void flatten_axis(pdm_arena *arena, const pdm_rows_desc *d, const pdm_term_desc *t, pdm_size n_column,
                         const double *values, pdm_term_desc *out)
{
    const grid_sizes s           = sizes_of(d, t);
    const pdm_size   n_order     = t->n_atom > 0 ? t->n_atom : 1;
    double          *coordinate  = pdm_carve(arena, double, s.n_point);
    double          *basis       = pdm_carve(arena, double, n_order *s.n_point *n_column);
    double          *pair_weight = pdm_carve(arena, double, s.n_pair);
    double          *pair_basis  = pdm_carve(arena, double, n_order *s.n_pair *n_column);
    double          *row_scale   = pdm_carve(arena, double, s.n_row);
    int32_t         *element     = pdm_carve(arena, int32_t, s.n_point);
    int32_t         *row_element = pdm_carve(arena, int32_t, s.n_row);
    int32_t         *pair0       = pdm_carve(arena, int32_t, s.n_row + 1);
    int32_t         *pair_point  = pdm_carve(arena, int32_t, s.n_pair);
    int32_t          n           = 0;

    if (!coordinate) return;
    for (pdm_size p = 0; p < s.n_point; p++) coordinate[p] = 0.0, element[p] = 0;
    for (pdm_size i = 0; i < s.n_row; i++) {
        row_element[i] = 0;
        row_scale[i]   = scale_of_row(d, t, i);
        pair0[i]       = n;
        multiply_pairs(d, t, i, &n, pair_point, pair_weight);
    }
    pair0[s.n_row] = n;
    memset(basis, 0, (size_t)(n_order * s.n_point * n_column) * sizeof *basis);
    memset(pair_basis, 0, (size_t)(n_order * s.n_pair * n_column) * sizeof *pair_basis);
    if (t->n_atom > 0) memcpy(basis, values, (size_t)(t->n_atom * s.n_point * n_column) * sizeof *basis);
    for (pdm_size a = 0; a < t->n_atom; a++)
        for (pdm_size q = 0; q < s.n_pair; q++)
            for (pdm_size k = 0; k < n_column; k++)
                pair_basis[(a * s.n_pair + q) * n_column + k] =
                    pair_weight[q] * basis[(a * s.n_point + pair_point[q]) * n_column + k];
    out->axis[0] = (pdm_axis){s.n_point,   coordinate, element,    basis,       s.n_row,
                              row_element, pair0,      pair_point, pair_weight, pair_basis};
    out->n_order = n_order;
    for (pdm_size j = 0; j < PDM_MAX_DIM; j++) out->row_scale[j] = j == 0 ? row_scale : NULL;
}

static void flatten_atoms(pdm_arena *arena, const pdm_term_desc *t, pdm_term_desc *out)
{
    pdm_atom *atom = pdm_carve(arena, pdm_atom, t->n_atom);
    out->atom      = atom;
    for (pdm_size a = 0; a < t->n_atom && atom; a++) atom[a] = (pdm_atom){.field = 0, .order = {(int32_t)a}};
}

/* ---- all of it ---- */

/* Every weight by itself. */
static void describe_columns(pdm_arena *arena, pdm_size n_column, pdm_columns_desc *out)
{
    pdm_column_group *group = pdm_carve(arena, pdm_column_group, 1);
    int32_t          *coef  = pdm_carve(arena, int32_t, n_column);
    if (!group) return;
    for (pdm_size i = 0; i < n_column; i++) coef[i] = (int32_t)i;
    *group = (pdm_column_group){.n_coef = n_column, .coef = coef, .n_col = n_column, .scale = 1.0};
    *out   = (pdm_columns_desc){
          .kind = PDM_COLUMNS_IDENTITY, .n_expert = 1, .n_field = 1, .n_coef = n_column, .group = group};
}

/* Run twice: measuring, then for good. */
static void reduced_layout(pdm_reduced_rows *x, pdm_size n_column, const double *const *values)
{
    const pdm_rows_desc *d     = x->of;
    pdm_term_desc       *term  = pdm_carve(&x->arena, pdm_term_desc, d->n_term);
    pdm_size            *start = pdm_carve(&x->arena, pdm_size, d->n_term);
    int32_t             *place = pdm_carve(&x->arena, int32_t, d->n_sampled);
    pdm_size             used  = 0;

    for (pdm_size t = 0; t < d->n_term; t++) {
        const pdm_term_desc *from    = &d->term[t];
        const pdm_size       n_point = sizes_of(d, from).n_point;
        pdm_term_desc        mine    = *from;
        place_inputs(&x->arena, d, from, n_point, used, &mine);
        mine.value   = shift_program(&x->arena, from, from->value);
        mine.partial = shift_program(&x->arena, from, from->partial);
        mine.second  = shift_program(&x->arena, from, from->second);
        flatten_atoms(&x->arena, from, &mine);
        flatten_axis(&x->arena, d, from, n_column, values[t], &mine);
        if (start) start[t] = used;
        if (place) place_sampled(from, &mine, n_point, place);
        if (term) term[t] = mine;
        used += mine.n_sampled * n_point;
    }
    describe_columns(&x->arena, n_column, &x->columns);
    x->start = start;
    x->place = place;
    x->desc  = (pdm_rows_desc){.n_dim     = 1,
                               .n_field   = 1,
                               .n_row     = d->n_row,
                               .degree    = {n_column - 1},
                               .n_coef    = {n_column},
                               .n_element = {1},
                               .n_term    = d->n_term,
                               .term      = term,
                               .n_scalar  = d->n_scalar,
                               .n_sampled = used};
}

pdm_status pdm_reduced_rows_create(pdm_context *ctx, const pdm_rows_desc *d, pdm_size n_column,
                                   const double *const *values, pdm_reduced_rows *out)
{
    pdm_status status = PDM_OK;

    *out = (pdm_reduced_rows){.of = d};
    pdm_arena_measure(&out->arena, ctx);
    reduced_layout(out, n_column, values);
    PDM_TRY(pdm_arena_allocate(&out->arena));
    reduced_layout(out, n_column, values);
done:
    if (status != PDM_OK) pdm_reduced_rows_destroy(out);
    return status;
}

void pdm_reduced_rows_destroy(pdm_reduced_rows *x)
{
    pdm_arena_destroy(&x->arena);
    *x = (pdm_reduced_rows){0};
}

void pdm_reduced_rows_coordinates(const pdm_reduced_rows *x, double *sampled)
{
    const pdm_rows_desc *d = x->of;
    for (pdm_size t = 0; t < d->n_term; t++) {
        const pdm_term_desc *from    = &d->term[t];
        const pdm_size       n_point = sizes_of(d, from).n_point;
        double              *out     = sampled + x->start[t] + from->n_atom * n_point;
        for (pdm_size j = 0; j < d->n_dim; j++) {
            pdm_size inner = 1;
            if (!reads_coordinate(from, j)) continue;
            for (pdm_size i = j + 1; i < d->n_dim; i++) inner *= from->axis[i].n_point;
            for (pdm_size p = 0; p < n_point; p++) *out++ = from->axis[j].coordinate[p / inner % from->axis[j].n_point];
        }
    }
}
