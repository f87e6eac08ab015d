#include "bench/count.h"

#include <stdlib.h>
#include <string.h>

/* ---- network: two flops for each weight and point, eight for each complex weight of a mode, two for each multiply-add
 * of the transforms as products of real matrices; activations are not counted ---- */

static double product(const double *n, pdm_size from, pdm_size to)
{
    double p = 1.0;
    for (pdm_size i = from; i < to; i++) p *= n[i];
    return p;
}

/* The padded grid is only in the surrogate's view: "padded to 40 x 18". */
static pdm_status read_padded(pdm_surrogate *s, bench_network *out)
{
    pdm_status  status = PDM_OK;
    pdm_text    text   = {.ctx = s->ctx};
    const char *at;

    PDM_TRY(s->ops->view(s, &text));
    at = strstr(text.data, "padded to ");
    if (!at) PDM_FAIL(s->ctx, PDM_ERR_INTERNAL, "padded grid of \"%s\" not found", s->ops->name);
    at += strlen("padded to ");
    for (pdm_size i = 0; i < s->shape.n_dim; i++) {
        char *end;
        out->padded[i] = (double)strtoll(at, &end, 10);
        if (out->padded[i] < (double)s->shape.n_coef[i])
            PDM_FAIL(s->ctx, PDM_ERR_INTERNAL, "padded grid of \"%s\" not understood", s->ops->name);
        at = strncmp(end, " x ", 3) == 0 ? end + 3 : end;
    }
done:
    pdm_text_destroy(&text);
    return status;
}

/* Tensors: lift (weight, bias), layers (spectral, weight, bias), head0, head1. spectral [modes of each dimension][2
 * width][width], modes 0 .. m-1 in the last dimension, -m .. m-1 in the others (1: mode 0 alone). */
pdm_status bench_network_read(pdm_surrogate *s, bench_network *out)
{
    pdm_status             status   = PDM_OK;
    const pdm_tensor_info *spectral = NULL;

    *out = (bench_network){0};
    if (strcmp(s->ops->name, "none") == 0) return PDM_OK;
    if (strcmp(s->ops->name, "fno") != 0)
        PDM_FAIL(s->ctx, PDM_ERR_UNSUPPORTED, "the flops of surrogate \"%s\" are not known", s->ops->name);
    spectral       = &s->tensor[2];
    *out           = (bench_network){.n_dim = s->shape.n_dim, .n_layer = (s->n_tensor - 6) / 3, .n_mode = 1.0};
    out->width     = s->tensor[0].shape[1];
    out->n_hidden  = s->tensor[s->n_tensor - 4].shape[1];
    out->n_feature = (double)s->shape.n_feature;
    out->n_channel = (double)s->shape.n_channel;
    PDM_TRY(read_padded(s, out));
    for (pdm_size i = 0; i < out->n_dim; i++) {
        const double kept = (double)spectral->shape[i];
        out->grid[i]      = (double)s->shape.n_coef[i];
        out->trig[i]      = i == out->n_dim - 1 ? 2.0 * kept - 1.0 : kept == 1.0 ? 1.0 : kept + 1.0;
        out->n_mode *= kept;
    }
done:
    return status;
}

/* h_0 and h_L live on the control grid, the others on the padded one. */
static const double *extent_of(const bench_network *x, pdm_size l)
{
    return l == 0 || l == x->n_layer ? x->grid : x->padded;
}

/* Last dimension first there, dimension 0 first back, one sample. */
static double transform_flops(const bench_network *x, pdm_size layer)
{
    const double *in = extent_of(x, layer), *out = extent_of(x, layer + 1);
    double        sum = 0.0;
    for (pdm_size i = 0; i < x->n_dim; i++) {
        sum += product(in, 0, i + 1) * product(x->trig, i, x->n_dim);
        sum += product(out, 0, i + 1) * product(x->trig, i, x->n_dim);
    }
    return 2.0 * (double)x->width * sum;
}

static void count_network(const bench_network *x, double n, double n_parameter, bench_count *count)
{
    const double width = (double)x->width, hidden = (double)x->n_hidden, points = product(x->grid, 0, x->n_dim);
    double       weights   = 2.0 * points * (x->n_feature * width + width * hidden + hidden * x->n_channel);
    double       transform = 0.0, kept = points * (width + hidden); /* h_0 and hidden, then h_l */

    for (pdm_size l = 0; l < x->n_layer; l++) {
        const double *common = l == 0 ? x->grid : extent_of(x, l + 1);
        transform += transform_flops(x, l);
        weights += 8.0 * x->n_mode * width * width + 2.0 * width * width * product(common, 0, x->n_dim);
        kept += width * product(extent_of(x, l + 1), 0, x->n_dim);
    }
    /* Parameters once, then per sample features, basis, and what backward needs. Backward: transforms once, weights twice
     * (cotangents of inputs and of weights); parameters and their gradient once. */
    count[BENCH_FORWARD] = (bench_count){n * (weights + transform),
                                         4.0 * (n_parameter + n * (points * (x->n_feature + x->n_channel) + kept))};
    count[BENCH_BACKWARD] =
        (bench_count){n * (2.0 * weights + transform),
                      4.0 * (2.0 * n_parameter + n * (points * (x->n_feature + x->n_channel) + kept))};
    /* m, v, parameter: read and written; gradient: read. 3 + 4 flops for the means, 5 for the step. */
    count[BENCH_ADAM] = (bench_count){12.0 * n_parameter, 4.0 * 7.0 * n_parameter};
}

/* ---- rows: whole grids of points, as if nothing were computed twice. Programs: one flop an instruction (exp and pow
 * too) and point; loads are free ---- */

static double points_of(const pdm_rows_desc *d, const pdm_term_desc *t)
{
    double n = 1.0;
    for (pdm_size j = 0; j < d->n_dim; j++) n *= (double)t->axis[j].n_point;
    return n;
}

static double rows_of(const pdm_rows_desc *d, const pdm_term_desc *t)
{
    double n = 1.0;
    for (pdm_size j = 0; j < d->n_dim; j++) n *= (double)t->axis[j].n_row;
    return n;
}

static double n_local_of(const pdm_rows_desc *d)
{
    double n = 1.0;
    for (pdm_size j = 0; j < d->n_dim; j++) n *= (double)(d->degree[j] + 1);
    return n;
}

static double program_flops(const pdm_program *p)
{
    double n = 0.0;
    for (pdm_size i = 0; i < p->n_instruction; i++)
        n += p->instruction[i].opcode != PDM_OPCODE_CONST && p->instruction[i].opcode != PDM_OPCODE_INPUT;
    return n;
}

/* Coefficients to points, dimension 0 first: 2 (degree+1) per result of each step. */
static double evaluate_flops(const pdm_rows_desc *d, const pdm_term_desc *t)
{
    double sum = 0.0;
    for (pdm_size j = 0; j < d->n_dim; j++) {
        double n = 1.0;
        for (pdm_size i = 0; i < d->n_dim; i++) n *= (double)(i > j ? d->n_coef[i] : t->axis[i].n_point);
        sum += 2.0 * (double)(d->degree[j] + 1) * n;
    }
    return sum;
}

static double n_pair_of(const pdm_axis *axis)
{
    return (double)axis->pair0[axis->n_row];
}

/* Points to rows, dimension 0 first: 2 per pair and entry of the other dimensions. */
static double pairs_flops(const pdm_rows_desc *d, const pdm_term_desc *t)
{
    double sum = 0.0;
    for (pdm_size j = 0; j < d->n_dim; j++) {
        double n = n_pair_of(&t->axis[j]);
        for (pdm_size i = 0; i < d->n_dim; i++)
            if (i != j) n *= (double)(i > j ? t->axis[i].n_point : t->axis[i].n_row);
        sum += 2.0 * n;
    }
    return sum;
}

/* Partials at points to A of one atom, last dimension first: 2 (degree+1) per pair, entry of the other dimensions, and
 * local coefficient of the dimensions done. */
static double assemble_flops(const pdm_rows_desc *d, const pdm_term_desc *t)
{
    double sum = 0.0, local = 1.0;
    for (pdm_size j = d->n_dim - 1; j >= 0; j--) {
        double n = n_pair_of(&t->axis[j]);
        for (pdm_size i = 0; i < d->n_dim; i++)
            if (i != j) n *= (double)(i < j ? t->axis[i].n_point : t->axis[i].n_row);
        local *= (double)(d->degree[j] + 1);
        sum += 2.0 * n * local;
    }
    return sum;
}

bench_term bench_term_of(const pdm_rows_desc *d, const pdm_term_desc *t)
{
    bench_term k = {.points = points_of(d, t), .rows = rows_of(d, t), .pairs = 1.0, .value = program_flops(t->value)};

    for (pdm_size j = 0; j < d->n_dim; j++) k.pairs *= n_pair_of(&t->axis[j]);
    if (t->n_atom == 0) return k;
    k.partial  = program_flops(t->partial);
    k.second   = t->n_second > 0 ? program_flops(t->second) : 0.0;
    k.assemble = assemble_flops(d, t);
    return k;
}

static void count_rows(const pdm_rows_desc *d, double c_size, double n, bench_count *count)
{
    const double n_row = (double)d->n_row, values = n_row * (double)d->n_field * n_local_of(d);
    const double data     = (double)(d->n_scalar + d->n_sampled);
    double       residual = n_row, linearise = values; /* scaling */

    for (pdm_size i = 0; i < d->n_term; i++) {
        const pdm_term_desc *t        = &d->term[i];
        const double         evaluate = (double)t->n_atom * evaluate_flops(d, t), points = points_of(d, t);
        residual += evaluate + points * program_flops(t->value) + pairs_flops(d, t) + rows_of(d, t);
        if (t->n_atom == 0) continue;
        linearise += evaluate + points * program_flops(t->partial);
        linearise += (double)t->n_atom * (assemble_flops(d, t) + rows_of(d, t) * n_local_of(d));
    }
    count[BENCH_RESIDUAL]      = (bench_count){n * residual, 8.0 * n * (data + c_size + n_row)};
    count[BENCH_LINEARISE]     = (bench_count){n * linearise, 8.0 * n * (data + c_size + values)};
    count[BENCH_APPLY_ADJOINT] = (bench_count){n * 2.0 * values, 8.0 * n * (values + n_row + c_size)};
}

/* ---- columns ---- */

static void count_columns(const pdm_columns_desc *d, double n, bench_count *count)
{
    const double c_size = (double)(d->n_field * d->n_coef);
    double       values = 0.0, columns = 0.0;

    for (pdm_size g = 0; g < d->n_expert * d->n_field; g++) {
        values += (double)(d->group[g].n_coef * d->group[g].n_col);
        columns += (double)d->group[g].n_col;
    }
    /* window, square and sum, division; basis read as float, C and norms written */
    count[BENCH_COLUMNS_BUILD] = (bench_count){n * 4.0 * values, n * (12.0 * values + 8.0 * columns)};
    if (pdm_columns_are_constant(d)) count[BENCH_COLUMNS_BUILD] = (bench_count){0.0, 0.0}; /* built once */
    count[BENCH_COLUMNS_EXPAND] = (bench_count){n * 2.0 * values, 8.0 * n * (values + columns + 2.0 * c_size)};
    count[BENCH_COLUMNS_REDUCE] = (bench_count){n * 2.0 * values, 8.0 * n * (values + columns + c_size)};
}

/* ---- normal matrix: J = A C element by element, 2 per row, local coefficient and column of the experts that own it;
 * then the lower triangle of J^T J, columns+1 per row and column, where the columns are those of all experts the
 * element sees ---- */

/* Rows that an element holds: blocks are tensor grids, terms with the same row0 are one block. */
static double element_rows(const pdm_rows_desc *d, const pdm_size *element)
{
    double sum = 0.0;
    for (pdm_size t = 0; t < d->n_term; t++) {
        bool   known = false;
        double n     = 1.0;
        for (pdm_size i = 0; i < t; i++) known = known || d->term[i].row0 == d->term[t].row0;
        for (pdm_size j = 0; j < d->n_dim && !known; j++) {
            const pdm_axis *axis = &d->term[t].axis[j];
            double          here = 0.0;
            for (pdm_size i = 0; i < axis->n_row; i++) here += axis->row_element[i] == element[j];
            n *= here;
        }
        if (!known) sum += n;
    }
    return sum;
}

/* Local coefficient l of an element, as an index into one field's control grid. */
static pdm_size local_coef(const pdm_rows_desc *d, const pdm_size *element, pdm_size l)
{
    pdm_size at = 0, stride = 1;
    for (pdm_size j = d->n_dim - 1; j >= 0; j--) {
        at += (element[j] + l % (d->degree[j] + 1)) % d->n_coef[j] * stride;
        l /= d->degree[j] + 1;
        stride *= d->n_coef[j];
    }
    return at;
}

static double element_flops(const pdm_rows_desc *d, const pdm_columns_desc *c, const unsigned char *member,
                            const pdm_size *element, double *n_j)
{
    const double   n_row   = element_rows(d, element);
    const pdm_size n_local = (pdm_size)n_local_of(d);
    double         form = 0.0, n_column = 0.0;

    for (pdm_size e = 0; e < c->n_expert; e++) {
        double seen = 0.0, columns = 0.0;
        for (pdm_size g = e * c->n_field; g < (e + 1) * c->n_field; g++) {
            double here = 0.0;
            for (pdm_size l = 0; l < n_local; l++) here += member[g * c->n_coef + local_coef(d, element, l)];
            seen += here;
            columns += (double)c->group[g].n_col;
            form += 2.0 * n_row * here * (double)c->group[g].n_col;
        }
        if (seen > 0.0) n_column += columns;
    }
    *n_j += n_row * n_column;
    return form + n_row * n_column * (n_column + 1.0);
}

static pdm_status normal_flops(pdm_context *ctx, const pdm_rows_desc *d, const pdm_columns_desc *c, double *out,
                               double *n_j)
{
    pdm_status     status    = PDM_OK;
    const pdm_size n_group   = c->n_expert * c->n_field;
    unsigned char *member    = NULL; /* [n_group][n_coef] */
    pdm_size       n_element = 1, element[PDM_MAX_DIM];

    PDM_TRY(pdm_alloc_array(ctx, n_group * c->n_coef, &member));
    for (pdm_size g = 0; g < n_group; g++)
        for (pdm_size i = 0; i < c->group[g].n_coef; i++) member[g * c->n_coef + c->group[g].coef[i]] = 1;
    for (pdm_size j = 0; j < d->n_dim; j++) n_element *= d->n_element[j];
    *out = *n_j = 0.0;
    for (pdm_size e = 0; e < n_element; e++) {
        pdm_size rest = e;
        for (pdm_size j = d->n_dim - 1; j >= 0; j--) {
            element[j] = rest % d->n_element[j];
            rest /= d->n_element[j];
        }
        *out += element_flops(d, c, member, element, n_j);
    }
done:
    pdm_free(ctx, member);
    return status;
}

/* ---- blocks: by block column of size m, with blocks of sizes a below: m^3/3, a m^2, and a m (a + 1) or 2 a b m for the
 * updates; the triangles by forward and backward substitution: 2 per value, each way ---- */

static void count_blocks(const pdm_blocks_desc *d, double n, bench_count *count)
{
    double factor = 0.0, solve = 0.0;

    for (pdm_size j = 0; j < d->n_block; j++) {
        const double m = (double)d->size[j];
        factor += m * m * m / 3.0;
        solve += 2.0 * m * m;
        for (int32_t a = d->start[j] + 1; a < d->start[j + 1]; a++) {
            const double size = (double)d->size[d->row[a]];
            solve += 4.0 * size * m;
            factor += size * m * m + size * m * (size + 1.0);
            for (int32_t b = d->start[j] + 1; b < a; b++) factor += 2.0 * size * m * (double)d->size[d->row[b]];
        }
    }
    const double value = (double)d->n_value, unknown = (double)d->n_unknown;
    count[BENCH_FACTOR] = (bench_count){n * factor, 8.0 * n * 2.0 * value};
    count[BENCH_SOLVE]  = (bench_count){n * solve, 8.0 * n * (value + 2.0 * unknown)};
}

pdm_status bench_count_all(pdm_surrogate *s, const pdm_rows_desc *rows, const pdm_columns_desc *columns,
                           const pdm_blocks_desc *blocks, pdm_size n, bench_count *count, double *n_j)
{
    pdm_status    status = PDM_OK;
    bench_network network;
    double        normal = 0.0, values = 0.0;

    PDM_TRY(bench_network_read(s, &network));
    PDM_TRY(normal_flops(s->ctx, rows, columns, &normal, n_j));
    count_network(&network, (double)n, (double)s->n_parameter, count);
    count_rows(rows, (double)(columns->n_field * columns->n_coef), (double)n, count);
    count_columns(columns, (double)n, count);
    count_blocks(blocks, (double)n, count);
    for (pdm_size g = 0; g < columns->n_expert * columns->n_field; g++)
        values += (double)(columns->group[g].n_coef * columns->group[g].n_col);
    values += (double)(rows->n_row * rows->n_field) * n_local_of(rows) + (double)blocks->n_value; /* C, A, H */
    count[BENCH_NORMAL] = (bench_count){(double)n * normal, 8.0 * (double)n * values};
done:
    return status;
}
