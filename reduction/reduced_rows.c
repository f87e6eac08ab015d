/* Some rows through columns that are the same for all samples: what rows read of c = start + C w is what they read of the
 * start plus w times what they read of the columns. So they are rows of one dimension and one element, in which function
 * n is column n and the coefficients are w. docs/mathematics.md, "Few rows". */
#include "reduction/reduction.h"

#include <math.h>
#include <string.h>

/* ---- which rows and points of a term ---- */

/* The rows of a term that are listed, list->row[first] .. [first+n_row-1], and the points of its tensor grid that they
 * read. place: of a point among those, -1 for others; point: of those in the grid. */
typedef struct kept_term {
    const pdm_rows_desc *d;
    const pdm_term_desc *t;
    const pdm_row_list  *list;
    pdm_size             first, n_row, n_point, n_pair;
    int32_t             *place, *point; /* [points of the grid] room of the caller */
} kept_term;

static pdm_size grid_points(const pdm_rows_desc *d, const pdm_term_desc *t)
{
    pdm_size n = 1;
    for (pdm_size j = 0; j < d->n_dim; j++) n *= t->axis[j].n_point;
    return n;
}

static pdm_size grid_rows(const pdm_rows_desc *d, const pdm_term_desc *t)
{
    pdm_size n = 1;
    for (pdm_size j = 0; j < d->n_dim; j++) n *= t->axis[j].n_row;
    return n;
}

/* Pairs of row i of a term's tensor grid, products of those of the dimensions: how many, into point and weight. */
static pdm_size multiply_pairs(const pdm_rows_desc *d, const pdm_term_desc *t, pdm_size i, int32_t *point,
                               double *weight)
{
    pdm_size first[PDM_MAX_DIM], count[PDM_MAX_DIM], n = 1;

    for (pdm_size j = d->n_dim - 1; j >= 0; j--) {
        const pdm_axis *a = &t->axis[j];
        first[j]          = a->pair0[i % a->n_row];
        count[j]          = a->pair0[i % a->n_row + 1] - first[j];
        n *= count[j];
        i /= a->n_row;
    }
    for (pdm_size q = 0; q < n; q++) {
        pdm_size at = 0, stride = 1, rest = q;
        double   product = 1.0;
        for (pdm_size j = d->n_dim - 1; j >= 0; j--) {
            const pdm_size pair = first[j] + rest % count[j];
            at += t->axis[j].pair_point[pair] * stride;
            product *= t->axis[j].pair_weight[pair];
            stride *= t->axis[j].n_point;
            rest /= count[j];
        }
        point[q]  = (int32_t)at;
        weight[q] = product;
    }
    return n;
}

static pdm_size most_pairs(const pdm_rows_desc *d)
{
    pdm_size most = 0;
    for (pdm_size t = 0; t < d->n_term; t++) {
        pdm_size n = 1;
        for (pdm_size j = 0; j < d->n_dim; j++) {
            const pdm_axis *a = &d->term[t].axis[j];
            pdm_size        m = 0;
            for (pdm_size i = 0; i < a->n_row; i++)
                m = a->pair0[i + 1] - a->pair0[i] > m ? a->pair0[i + 1] - a->pair0[i] : m;
            n *= m;
        }
        most = n > most ? n : most;
    }
    return most;
}

static kept_term keep_term(const pdm_rows_desc *d, const pdm_term_desc *t, const pdm_row_list *list, int32_t *room,
                           int32_t *pair_point, double *pair_weight)
{
    const pdm_size n_grid = grid_points(d, t), end = t->row0 + grid_rows(d, t);
    kept_term      k = {.d = d, .t = t, .list = list, .place = room, .point = room + n_grid};

    for (pdm_size p = 0; p < n_grid; p++) k.place[p] = -1;
    while (k.first < list->n && list->row[k.first] < t->row0) k.first++;
    while (k.first + k.n_row < list->n && list->row[k.first + k.n_row] < end) {
        const pdm_size n = multiply_pairs(d, t, list->row[k.first + k.n_row++] - t->row0, pair_point, pair_weight);
        for (pdm_size q = 0; q < n; q++) k.place[pair_point[q]] = 0;
        k.n_pair += n;
    }
    for (pdm_size p = 0; p < n_grid; p++) {
        if (k.place[p] < 0) continue;
        k.place[p]           = (int32_t)k.n_point;
        k.point[k.n_point++] = (int32_t)p;
    }
    return k;
}

/* Index along dimension j of a point of the grid. */
static pdm_size index_along(const kept_term *k, pdm_size point, pdm_size j)
{
    for (pdm_size i = k->d->n_dim - 1; i > j; i--) point /= k->t->axis[i].n_point;
    return point % k->t->axis[j].n_point;
}

/* ---- programs ---- */

/* The program with every atom replaced by atom + start, the latter being input n_input + atom. NULL of NULL. */
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
        *next++ = (pdm_instruction){PDM_OPCODE_INPUT, held, (int32_t)t->n_input + t->input[s->a].index, 0, 0.0};
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
static void place_inputs(pdm_arena *a, const kept_term *k, pdm_size first, pdm_term_desc *out)
{
    const pdm_term_desc *t                          = k->t;
    int32_t              of_coordinate[PDM_MAX_DIM] = {0}, n_coordinate = 0;

    for (pdm_size j = 0; j < k->d->n_dim; j++)
        if (pdm_inputs_read_coordinate(t->n_input, t->input, j)) of_coordinate[j] = (int32_t)t->n_atom + n_coordinate++;
    out->n_input              = t->n_input + t->n_atom;
    out->n_sampled            = t->n_atom + n_coordinate + t->n_sampled;
    pdm_program_input *input  = pdm_carve(a, pdm_program_input, out->n_input);
    int32_t           *offset = pdm_carve(a, int32_t, out->n_sampled);
    out->input                = input;
    out->sampled_offset       = offset;
    if (!input) return;
    for (pdm_size i = 0; i < t->n_input; i++) {
        const int32_t index = t->input[i].index;
        input[i]            = t->input[i];
        if (t->input[i].kind == PDM_INPUT_COORDINATE)
            input[i] = (pdm_program_input){PDM_INPUT_FIELD, of_coordinate[index]};
        if (t->input[i].kind == PDM_INPUT_FIELD) input[i].index = (int32_t)t->n_atom + n_coordinate + index;
    }
    for (pdm_size i = 0; i < t->n_atom; i++) input[t->n_input + i] = (pdm_program_input){PDM_INPUT_FIELD, (int32_t)i};
    for (pdm_size i = 0; i < out->n_sampled; i++) offset[i] = (int32_t)(first + i * k->n_point);
}

/* ---- the one axis ---- */

static double scale_of_row(const kept_term *k, pdm_size i)
{
    double   product = sqrt(k->list->weight[k->first + i]);
    pdm_size row     = k->list->row[k->first + i] - k->t->row0;
    for (pdm_size j = k->d->n_dim - 1; j >= 0; j--) {
        product *= k->t->row_scale[j][row % k->t->axis[j].n_row];
        row /= k->t->axis[j].n_row;
    }
    return product;
}

static void flatten_axis(pdm_arena *arena, const kept_term *k, pdm_size n_column, pdm_term_desc *out, double **basis,
                         double **pair_basis)
{
    const pdm_size n_order     = k->t->n_atom > 0 ? k->t->n_atom : 1;
    double        *coordinate  = pdm_carve(arena, double, k->n_point);
    double        *pair_weight = pdm_carve(arena, double, k->n_pair);
    double        *row_scale   = pdm_carve(arena, double, k->n_row);
    int32_t       *element     = pdm_carve(arena, int32_t, k->n_point);
    int32_t       *row_element = pdm_carve(arena, int32_t, k->n_row);
    int32_t       *pair0       = pdm_carve(arena, int32_t, k->n_row + 1);
    int32_t       *pair_point  = pdm_carve(arena, int32_t, k->n_pair);
    int32_t        n           = 0;

    *basis      = pdm_carve(arena, double, n_order * k->n_point * n_column);
    *pair_basis = pdm_carve(arena, double, n_order * k->n_pair * n_column);
    if (!coordinate) return;
    memset(*basis, 0, (size_t)(n_order * k->n_point * n_column) * sizeof **basis);
    memset(*pair_basis, 0, (size_t)(n_order * k->n_pair * n_column) * sizeof **pair_basis);
    memset(coordinate, 0, (size_t)k->n_point * sizeof *coordinate); /* programs have them from elsewhere */
    memset(element, 0, (size_t)k->n_point * sizeof *element);
    memset(row_element, 0, (size_t)k->n_row * sizeof *row_element);
    for (pdm_size i = 0; i < k->n_row; i++) {
        row_scale[i] = scale_of_row(k, i);
        pair0[i]     = n;
        n += (int32_t)multiply_pairs(k->d, k->t, k->list->row[k->first + i] - k->t->row0, pair_point + n,
                                     pair_weight + n);
    }
    pair0[k->n_row] = n;
    for (int32_t q = 0; q < n; q++) pair_point[q] = k->place[pair_point[q]];
    out->axis[0]      = (pdm_axis){.n_point     = k->n_point,
                                   .coordinate  = coordinate,
                                   .element     = element,
                                   .basis       = *basis,
                                   .n_row       = k->n_row,
                                   .row_element = row_element,
                                   .pair0       = pair0,
                                   .pair_point  = pair_point,
                                   .pair_weight = pair_weight,
                                   .pair_basis  = *pair_basis};
    out->n_order      = n_order;
    out->row_scale[0] = row_scale;
}

static void flatten_atoms(pdm_arena *arena, const pdm_term_desc *t, pdm_term_desc *out)
{
    pdm_atom *atom = pdm_carve(arena, pdm_atom, t->n_atom);
    out->atom      = atom;
    for (pdm_size a = 0; a < t->n_atom && atom; a++) atom[a] = (pdm_atom){.field = 0, .order = {(int32_t)a}};
}

/* ---- matrices ---- */

typedef struct draft_matrix {
    int32_t *row0, *column;
    double  *value;
    pdm_size n; /* entries so far */
} draft_matrix;

static draft_matrix carve_matrix(pdm_arena *a, pdm_size n_row, pdm_size n_entry)
{
    int32_t *row0   = pdm_carve(a, int32_t, n_row + 1);
    int32_t *column = pdm_carve(a, int32_t, n_entry);
    double  *value  = pdm_carve(a, double, n_entry);
    return (draft_matrix){row0, column, value, 0};
}

static void add_entry(draft_matrix *m, pdm_size column, double value)
{
    m->column[m->n]  = (int32_t)column;
    m->value[m->n++] = value;
}

/* A row: an atom at a point of the grid, from coefficients. */
static void add_atom(draft_matrix *m, const kept_term *k, const pdm_atom *atom, pdm_size point)
{
    const pdm_rows_desc *d = k->d;
    pdm_size             index[PDM_MAX_DIM], n_local = 1, n_coef = 1;

    for (pdm_size j = 0; j < d->n_dim; j++) {
        index[j] = index_along(k, point, j);
        n_local *= d->degree[j] + 1;
        n_coef *= d->n_coef[j];
    }
    for (pdm_size l = 0; l < n_local; l++) {
        pdm_size rest = l, at = 0, stride = 1;
        double   value = 1.0;
        for (pdm_size j = d->n_dim - 1; j >= 0; j--) {
            const pdm_axis *a     = &k->t->axis[j];
            const pdm_size  width = d->degree[j] + 1, own = rest % width;
            at += (a->element[index[j]] + own) % d->n_coef[j] * stride;
            value *= a->basis[(atom->order[j] * a->n_point + index[j]) * width + own];
            stride *= d->n_coef[j];
            rest /= width;
        }
        add_entry(m, atom->field * n_coef + at, value);
    }
}

/* What makes sampled inputs: the two matrices, and what is the same for all samples. */
typedef struct draft_sampled {
    draft_matrix start, inputs;
    double      *same;
} draft_sampled;

/* A term's sampled inputs: atoms, coordinates, inputs. */
static void add_term(const kept_term *k, const pdm_term_desc *mine, draft_sampled *out)
{
    const pdm_size n_atom = k->t->n_atom, first = mine->n_sampled - k->t->n_sampled;
    pdm_size       dim = -1;

    for (pdm_size s = 0; s < mine->n_sampled; s++) {
        if (s >= n_atom && s < first) do
                dim++;
            while (!pdm_inputs_read_coordinate(k->t->n_input, k->t->input, dim));
        for (pdm_size p = 0; p < k->n_point; p++) {
            const pdm_size row    = mine->sampled_offset[s] + p;
            out->start.row0[row]  = (int32_t)out->start.n;
            out->inputs.row0[row] = (int32_t)out->inputs.n;
            out->same[row]        = 0.0;
            if (s < n_atom)
                add_atom(&out->start, k, &k->t->atom[s], k->point[p]);
            else if (s < first)
                out->same[row] = k->t->axis[dim].coordinate[index_along(k, k->point[p], dim)];
            else
                add_entry(&out->inputs, k->t->sampled_offset[s - first] + k->point[p], 1.0);
        }
    }
}

static pdm_matrix_desc end_matrix(draft_matrix *m, pdm_size n_row, pdm_size n_column)
{
    if (m->row0) m->row0[n_row] = (int32_t)m->n;
    return (pdm_matrix_desc){n_row, n_column, m->row0, m->column, m->value};
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
          .kind = PDM_COLUMNS_IDENTITY, .n_expert = 1, .n_field = 1, .n_coef = n_column + 1, .group = group};
}

/* Scratch of a layout, and sizes as the run before found them. */
typedef struct layout_room {
    int32_t *point, *pair_point;
    double  *pair_weight;
    pdm_size n_sampled, n_start, n_input; /* sampled inputs, and entries of the two matrices */
} layout_room;

/* Run three times: for the sizes, measuring, for good. */
static void reduced_layout(pdm_reduced_rows *x, const pdm_row_list *rows, layout_room *room)
{
    const pdm_rows_desc *d       = x->of;
    draft_sampled        sampled = {carve_matrix(&x->arena, room->n_sampled, room->n_start),
                                    carve_matrix(&x->arena, room->n_sampled, room->n_input),
                                    pdm_carve(&x->arena, double, room->n_sampled)};
    pdm_term_desc       *term    = pdm_carve(&x->arena, pdm_term_desc, d->n_term);
    pdm_size             n_term = 0, n_local = 1, n_coef = 1;

    x->basis        = pdm_carve(&x->arena, double *, d->n_term);
    x->pair_basis   = pdm_carve(&x->arena, double *, d->n_term);
    room->n_sampled = room->n_start = room->n_input = 0;
    for (pdm_size j = 0; j < d->n_dim; j++) {
        n_local *= d->degree[j] + 1;
        n_coef *= d->n_coef[j];
    }
    for (pdm_size t = 0; t < d->n_term; t++) {
        const pdm_term_desc *from = &d->term[t];
        const kept_term      k    = keep_term(d, from, rows, room->point, room->pair_point, room->pair_weight);
        pdm_term_desc        mine = *from;
        double              *basis, *pair_basis;
        if (k.n_row == 0) continue;
        place_inputs(&x->arena, &k, room->n_sampled, &mine);
        mine.value   = shift_program(&x->arena, from, from->value);
        mine.partial = shift_program(&x->arena, from, from->partial);
        mine.second  = shift_program(&x->arena, from, from->second);
        mine.row0    = k.first;
        flatten_atoms(&x->arena, from, &mine);
        flatten_axis(&x->arena, &k, x->n_column + 1, &mine, &basis, &pair_basis);
        if (term) {
            term[n_term]          = mine;
            x->basis[n_term]      = basis;
            x->pair_basis[n_term] = pair_basis;
            add_term(&k, &mine, &sampled);
        }
        n_term++;
        room->n_sampled += mine.n_sampled * k.n_point;
        room->n_start += from->n_atom * k.n_point * n_local;
        room->n_input += from->n_sampled * k.n_point;
    }
    describe_columns(&x->arena, x->n_column, &x->columns);
    x->same   = sampled.same;
    x->start  = end_matrix(&sampled.start, room->n_sampled, d->n_field * n_coef);
    x->inputs = end_matrix(&sampled.inputs, room->n_sampled, d->n_sampled);
    x->desc   = (pdm_rows_desc){.n_dim     = 1,
                                .n_field   = 1,
                                .n_row     = rows->n,
                                .degree    = {x->n_column},
                                .n_coef    = {x->n_column + 1},
                                .n_element = {1},
                                .n_term    = n_term,
                                .term      = term,
                                .n_scalar  = d->n_scalar,
                                .n_sampled = room->n_sampled};
}

pdm_status pdm_reduced_rows_create(pdm_context *ctx, const pdm_rows_desc *d, const pdm_row_list *rows,
                                   pdm_size n_column, pdm_reduced_rows *out)
{
    pdm_status  status = PDM_OK;
    pdm_size    most   = 0;
    layout_room room   = {0};

    *out = (pdm_reduced_rows){.of = d, .n_column = n_column};
    for (pdm_size t = 0; t < d->n_term; t++)
        most = grid_points(d, &d->term[t]) > most ? grid_points(d, &d->term[t]) : most;
    PDM_TRY(pdm_alloc_array(ctx, 2 * most, &room.point));
    PDM_TRY(pdm_alloc_array(ctx, most_pairs(d), &room.pair_point));
    PDM_TRY(pdm_alloc_array(ctx, most_pairs(d), &room.pair_weight));
    for (int turn = 0; turn < 2; turn++) {
        pdm_arena_measure(&out->arena, ctx);
        reduced_layout(out, rows, &room);
    }
    PDM_TRY(pdm_arena_allocate(&out->arena));
    reduced_layout(out, rows, &room);
done:
    pdm_free(ctx, room.point);
    pdm_free(ctx, room.pair_point);
    pdm_free(ctx, room.pair_weight);
    if (status != PDM_OK) pdm_reduced_rows_destroy(out);
    return status;
}

void pdm_reduced_rows_destroy(pdm_reduced_rows *x)
{
    pdm_arena_destroy(&x->arena);
    *x = (pdm_reduced_rows){0};
}

void pdm_reduced_rows_set_column(pdm_reduced_rows *x, pdm_size n, const double *c)
{
    for (pdm_size t = 0; t < x->desc.n_term; t++) {
        const pdm_term_desc *term   = &x->desc.term[t];
        const pdm_axis      *axis   = &term->axis[0];
        const pdm_size       n_pair = axis->pair0[axis->n_row], width = x->n_column + 1;
        for (pdm_size a = 0; a < term->n_atom; a++) {
            for (pdm_size p = 0; p < axis->n_point; p++) {
                const pdm_size row = term->sampled_offset[a] + p;
                double         sum = 0.0;
                for (int32_t e = x->start.row0[row]; e < x->start.row0[row + 1]; e++)
                    sum += x->start.value[e] * c[x->start.column[e]];
                x->basis[t][(a * axis->n_point + p) * width + n] = sum;
            }
            for (pdm_size q = 0; q < n_pair; q++)
                x->pair_basis[t][(a * n_pair + q) * width + n] =
                    axis->pair_weight[q] * x->basis[t][(a * axis->n_point + axis->pair_point[q]) * width + n];
        }
    }
}
