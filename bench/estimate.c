#include "bench/estimate.h"

#include <math.h>

/* As in backend/cuda/ */
enum {
    THREADS        = 128,
    FOURIER_TILE   = 64,
    MOST_BATCH     = 65535,
    PART_POINTS    = 128,
    MOST_PARTS     = 16,
    SUM_PARAMETERS = 32,
    COLUMNS_WIDE   = 16,
    BLOCKS_TILE    = 16,
    BLOCKS_OWN     = 128,
    NORMAL_THREADS = 256,
    GEMM_TILE      = 64
};

/* What costs are added up with. */
typedef struct bill {
    const bench_model *m;
    double             n; /* samples */
    bench_cost         cost;
} bill;

/* ---- kernels and products ---- */

/* A multiprocessor that has no block does nothing. */
static void work(bill *b, double blocks, double flops, double peak, double bytes)
{
    if (blocks == 0.0) return;
    const double share    = fmin(1.0, blocks / b->m->device->n_processor);
    const double by_flops = flops / peak / share, by_bytes = bytes / b->m->device->bandwidth / share;
    b->cost.flops += flops;
    b->cost.bytes += bytes;
    *(by_flops > by_bytes ? &b->cost.by_flops : &b->cost.by_bytes) += fmax(by_flops, by_bytes);
}

/* In FP64, `threads`, flops and numbers of a sample. */
static void kernel64(bill *b, double threads, double flops, double numbers)
{
    b->cost.launches += threads > 0.0;
    work(b, b->n * ceil(threads / THREADS), b->n * flops, b->m->device->flops64, 8.0 * b->n * numbers);
}

static void kernel32(bill *b, double threads, double flops, double numbers)
{
    b->cost.launches += threads > 0.0;
    work(b, b->n * ceil(threads / THREADS), b->n * flops, b->m->device->flops32, 4.0 * b->n * numbers);
}

/* [m][k] times [k][n], a batch of them, of cuBLAS, FP32; `shared`: numbers of an operand that is the same for all. */
static void product32(bill *b, double m, double n, double k, double batch, double shared, bool add)
{
    const double numbers = m * k + k * n + m * n * (add ? 2.0 : 1.0);
    b->cost.products += ceil(batch / MOST_BATCH);
    work(b, batch * ceil(m / GEMM_TILE) * ceil(n / GEMM_TILE), 2.0 * batch * m * n * k, b->m->device->flops32,
         4.0 * (batch * (numbers - shared) + shared));
}

static double product_of(const double *n, pdm_size from, pdm_size to)
{
    double p = 1.0;
    for (pdm_size i = from; i < to; i++) p *= n[i];
    return p;
}

/* ---- rows: a kernel of a term's programs to scratch, then sums; as if scratch were enough for all samples ---- */

static double n_local_of(const pdm_rows_desc *d)
{
    double n = 1.0;
    for (pdm_size j = 0; j < d->n_dim; j++) n *= (double)(d->degree[j] + 1);
    return n;
}

static double n_coef_of(const pdm_rows_desc *d)
{
    double n = 1.0;
    for (pdm_size j = 0; j < d->n_dim; j++) n *= (double)d->n_coef[j];
    return n;
}

/* c contracted at a point, for each atom, the last dimension inmost. */
static double atoms_flops(const pdm_rows_desc *d, const pdm_term_desc *t)
{
    double sum = 0.0, n = 1.0;
    for (pdm_size j = 0; j < d->n_dim; j++) {
        n *= (double)(d->degree[j] + 1);
        sum += 2.0 * n;
    }
    return (double)t->n_atom * sum;
}

/* Of the terms of a block the first sets what no other one writes, A's part of fields without atoms by a kernel each. */
static double blanks_of(const pdm_rows_desc *d, const pdm_term_desc *t)
{
    double n = 0.0;
    for (const pdm_term_desc *i = d->term; i < t; i++)
        if (i->row0 == t->row0) return 0.0;
    for (pdm_size f = 0; f < d->n_field + d->n_derived; f++) {
        bool ever = false;
        for (const pdm_term_desc *i = t; i < d->term + d->n_term; i++)
            for (pdm_size k = 0; k < i->n_atom && i->row0 == t->row0; k++) ever = ever || i->atom[k].field == f;
        n += !ever;
    }
    return n;
}

/* Derived fields there or back: a copy, and two transforms of each. */
static void derived(bill *b)
{
    const pdm_rows_desc *d = b->m->rows;
    const double         n = n_coef_of(d);

    if (d->n_derived == 0) return;
    kernel64(b, (double)d->n_field * n, 0.0, 2.0 * (double)d->n_field * n);
    for (pdm_size i = 0; i < 2 * d->n_derived; i++)
        for (pdm_size j = d->first_dim; j < d->n_dim; j++) kernel64(b, n, 2.0 * n * (double)d->n_coef[j], 2.0 * n);
}

static void add_term(bill *b, const pdm_term_desc *t, bench_term k)
{
    kernel64(b, k.points, k.points * (atoms_flops(b->m->rows, t) + k.value), k.points + n_coef_of(b->m->rows));
    kernel64(b, k.rows, 2.0 * k.pairs, k.points + 2.0 * k.rows);
}

/* A launch a dimension for each atom's part of A; each reads and writes about as many numbers as that has. */
static void assemble_term(bill *b, const pdm_term_desc *t, bench_term k)
{
    const pdm_rows_desc *d = b->m->rows;
    const double         A = k.rows * n_local_of(d), n_atom = (double)t->n_atom;

    for (double i = 0.0; i < blanks_of(d, t); i++) kernel64(b, A, 0.0, A);
    if (t->n_atom == 0) return;
    kernel64(b, k.points, k.points * (atoms_flops(d, t) + k.partial), k.points * n_atom + n_coef_of(d));
    for (double i = 0.0; i < n_atom * (double)d->n_dim; i++)
        kernel64(b, A, k.assemble / (double)d->n_dim, 2.0 * A + k.points / (double)d->n_dim);
}

static void add_second(bill *b, const pdm_term_desc *t, bench_term k)
{
    const pdm_rows_desc *d = b->m->rows;

    if (t->n_second == 0) return;
    kernel64(b, k.points, 2.0 * k.pairs, k.rows + k.points);
    kernel64(b, k.points, k.points * (2.0 * atoms_flops(d, t) + k.second + 4.0 * (double)t->n_second),
             k.points * (double)(1 + t->n_atom) + 2.0 * n_coef_of(d));
    for (pdm_size i = 0; i < t->n_atom; i++)
        kernel64(b, n_coef_of(d), 2.0 * k.points * n_local_of(d), k.points + 2.0 * n_coef_of(d));
}

static void terms(bill *b, void (*part)(bill *b, const pdm_term_desc *t, bench_term k))
{
    const pdm_rows_desc *d = b->m->rows;
    for (const pdm_term_desc *t = d->term; t < d->term + d->n_term; t++) part(b, t, bench_term_of(d, t));
}

static double n_level_of(const pdm_rows_desc *d)
{
    double n = 0.0;
    for (pdm_size k = 0; k < d->n_pyramid; k++) n = fmax(n, (double)d->pyramid[k].n_level);
    return n;
}

static void rows(bill *b, bench_slot slot)
{
    const pdm_rows_desc *d      = b->m->rows;
    const double         n_seen = (double)(d->n_field + d->n_derived), c = n_seen * n_coef_of(d), r = (double)d->n_row;
    const double         A     = r * n_seen * n_local_of(d);
    const bool           there = slot == BENCH_SLOT_rows_apply || slot == BENCH_SLOT_rows_curvature;
    const bool           back  = slot == BENCH_SLOT_rows_apply_adjoint || slot == BENCH_SLOT_rows_curvature;

    if (slot == BENCH_SLOT_rows_weigh) {
        for (double i = 0.0; i < 2.0 * n_level_of(d); i++) kernel64(b, r, r, r);
        kernel64(b, r, 2.0 * r, 2.0 * r);
        return;
    }
    if (slot == BENCH_SLOT_rows_partials) return; /* that of a device does nothing */
    if (slot != BENCH_SLOT_rows_apply_adjoint) derived(b);
    if (slot == BENCH_SLOT_rows_residual) terms(b, add_term);
    if (slot == BENCH_SLOT_rows_linearise) terms(b, assemble_term);
    if (slot == BENCH_SLOT_rows_second_order) {
        derived(b);
        kernel64(b, c, 0.0, c);
        terms(b, add_second);
    }
    if (there) kernel64(b, r, 2.0 * A, A + c + r);
    if (back) kernel64(b, c, 2.0 * A, A + c + r);
    if (back || slot == BENCH_SLOT_rows_second_order) derived(b);
}

/* ---- columns, normal matrices, blocks ---- */

static bench_count least(const bench_model *m, bench_operation o, double n)
{
    const bench_count *one = &m->one[o], *two = &m->two[o];
    return (bench_count){one->flops + (n - 1.0) * (two->flops - one->flops),
                         one->bytes + (n - 1.0) * (two->bytes - one->bytes)};
}

static void columns(bill *b, bench_slot slot)
{
    const pdm_columns_desc *d     = b->m->columns;
    const double            n     = (double)(d->n_field * d->n_coef);
    double                  tiles = 0.0;
    bench_operation         o     = BENCH_COLUMNS_REDUCE;

    for (pdm_size g = 0; g < d->n_expert * d->n_field; g++) tiles += ceil((double)d->group[g].n_col / COLUMNS_WIDE);
    if (slot == BENCH_SLOT_columns_build && pdm_columns_are_constant(d)) return;
    if (slot == BENCH_SLOT_columns_start) {
        kernel64(b, n, 3.0 * n, 3.5 * n);
        return;
    }
    if (slot == BENCH_SLOT_columns_build) o = BENCH_COLUMNS_BUILD;
    if (slot == BENCH_SLOT_columns_expand) o = BENCH_COLUMNS_EXPAND;
    const bench_count count  = least(b->m, o, b->n);
    const double      blocks = o == BENCH_COLUMNS_EXPAND ? ceil(n / THREADS) : tiles;
    b->cost.launches++;
    work(b, b->n * blocks, count.flops, b->m->device->flops64, count.bytes);
    if (slot == BENCH_SLOT_columns_backward) {
        b->cost.launches +=
            d->n_channel > 0; /* a thread a channel and coefficient, which walks through the columns that read it */
        work(b, b->n * ceil((double)(d->n_channel * d->n_coef) / THREADS), 2.0 * count.flops, b->m->device->flops64,
             count.bytes + 4.0 * b->n * (double)(d->n_channel * d->n_coef));
    }
}

/* J = A C goes to memory and comes back for its products; tiles of these are added up by another kernel. All as if the
 * samples had scratch at once. */
static void normal(bill *b)
{
    const bool        dense = b->m->columns->kind == PDM_COLUMNS_DENSE;
    const bench_count count = least(b->m, BENCH_NORMAL, b->n);
    const double      level = n_level_of(b->m->rows), J = dense ? b->m->n_j : 0.0;

    b->cost.launches += (dense ? 4.0 : 2.0) + (level > 0.0 ? 2.0 + level : 0.0);
    work(b, dense ? b->n * ceil(J / NORMAL_THREADS) : b->n * (double)b->m->blocks->n_unknown, count.flops,
         b->m->device->flops64, count.bytes + 8.0 * b->n * 3.0 * J);
}

/* Block columns of a level of the tree at once, three kernels; a column that is too large by the libraries, sample by
 * sample. A step for each column of the widest triangle, and one for the rows below. */
static void factor(bill *b)
{
    const bench_model *m = b->m;

    for (int i = 0; i < 3; i++)
        kernel64(b, (double)m->blocks->n_value, 0.0, i == 1 ? 2.0 * (double)m->blocks->n_value : 0.0);
    for (pdm_size l = 0; l < m->n_level; l++) {
        const bench_level *k = &m->level[l];
        b->cost.launches += (l > 0) + (k->n > 0.0) + (k->below > 0.0) + k->n_large;
        b->cost.steps += k->widest * (k->below > 0.0 ? 2.0 : 1.0) + b->n * k->n_large * k->widest_large;
        b->cost.products += b->n * (k->n_large + k->below_large);
        if (k->n > 0.0) work(b, b->n * (k->n + k->below), b->n * k->flops, m->device->flops64, 48.0 * b->n * k->values);
        if (k->n_large > 0.0)
            work(b, ceil(k->widest_large / GEMM_TILE) * ceil(k->widest_large / GEMM_TILE), b->n * k->flops_large,
                 m->device->tensor64, 48.0 * b->n * k->values_large);
    }
}

static void blocks(bill *b, bench_slot slot)
{
    const pdm_blocks_desc *d     = b->m->blocks;
    const bench_count      count = least(b->m, BENCH_SOLVE, b->n);

    if (slot == BENCH_SLOT_blocks_factor) {
        factor(b);
        b->cost.waits++;
    } else if (slot == BENCH_SLOT_blocks_solve) { /* a block of threads a sample, there and back */
        b->cost.launches++;
        b->cost.steps += 2.0 * (double)d->n_unknown;
        work(b, b->n, count.flops, b->m->device->flops64, count.bytes + 8.0 * b->n * (double)d->n_value);
    } else {
        kernel64(b, THREADS, 0.0, (double)d->n_unknown);
        kernel64(b, (double)d->n_unknown, 0.0, 2.0 * (double)d->n_unknown);
    }
}

static pdm_status list_levels(pdm_context *ctx, const pdm_blocks_desc *d, bench_level **out, pdm_size *n)
{
    pdm_status   status = PDM_OK;
    int32_t     *at     = NULL; /* level of each block column: above all that it takes products from */
    bench_level *level  = NULL;

    PDM_TRY(pdm_alloc_array(ctx, d->n_block, &at));
    PDM_TRY(pdm_alloc_array(ctx, d->n_block, &level));
    for (pdm_size j = 0; j < d->n_block; j++) {
        bench_level *k    = &level[at[j]];
        const double size = (double)d->size[j], below = (double)(d->start[j + 1] - d->start[j] - 1);
        double       rows = 0.0, flops = size * size * size / 3.0;
        for (int32_t a = d->start[j] + 1; a < d->start[j + 1]; a++) {
            if (at[d->row[a]] <= at[j]) at[d->row[a]] = at[j] + 1;
            rows += (double)d->size[d->row[a]];
        }
        flops += rows * size * size + rows * rows * size;
        if (at[j] >= *n) *n = at[j] + 1;
        if (d->size[j] > BLOCKS_OWN) {
            k->n_large++, k->below_large += below;
            k->flops_large += flops, k->values_large += size * (size + rows);
            k->widest_large = fmax(k->widest_large, size);
        } else if (size > 0.0) {
            k->n++, k->below += ceil(rows / BLOCKS_TILE), k->flops += flops, k->values += size * (size + rows);
            k->widest = fmax(k->widest, size);
        }
    }
    *out  = level;
    level = NULL;
done:
    pdm_free(ctx, at);
    pdm_free(ctx, level);
    return status;
}

/* ---- vectors ---- */

static void vectors(bill *b, bench_call k)
{
    const double n = (double)k.size;

    switch (k.slot) {
    case BENCH_SLOT_vector_dots:
        kernel64(b, n / 32.0, 2.0 * n, 2.0 * n);
        kernel64(b, (double)k.dots * THREADS, 0.0, n / 4096.0);
        b->cost.waits++;
        break;
    case BENCH_SLOT_vector_combine: kernel64(b, n, 3.0 * n, 3.0 * n); break;
    case BENCH_SLOT_vector_multiply: kernel64(b, n, n, 3.0 * n); break;
    case BENCH_SLOT_adam_f32: kernel32(b, n, 12.0 * n, 7.0 * n); break;
    case BENCH_SLOT_combine_f32: kernel32(b, n, 3.0 * n, 3.0 * n); break;
    case BENCH_SLOT_widen_f32: kernel64(b, n, n, 2.5 * n); break;
    case BENCH_SLOT_narrow_f64: kernel64(b, n, n, 1.5 * n); break;
    case BENCH_SLOT_norm2_f32:
        kernel32(b, fmax(1.0, n / 32.0), 2.0 * n, n);
        kernel32(b, THREADS, 0.0, n / 4096.0);
        b->cost.waits++;
        break;
    default: break;
    }
}

/* ---- networks ---- */

/* h_0 and h_L live on the control grid, the others on the padded one; layers 0 and L-1 multiply on the former. */
static const double *grid_of(const bench_network *x, pdm_size l)
{
    return l == 0 || l == x->n_layer ? x->grid : x->padded;
}

static double points_of(const bench_network *x, pdm_size l)
{
    return product_of(grid_of(x, l), 0, x->n_dim);
}

static double points_within(const bench_network *x, pdm_size l)
{
    return l == x->n_layer - 1 ? product_of(x->grid, 0, x->n_dim) : points_of(x, l);
}

/* A product a dimension: points to cosines and sines, and with another grid back. */
static void transforms(bill *b, const double *from, const double *to)
{
    const bench_network *x = &b->m->network;
    for (pdm_size d = 0; d < x->n_dim; d++) {
        const double inner = product_of(x->trig, d + 1, x->n_dim) * (double)x->width;
        product32(b, x->trig[d], inner, from[d], b->n * product_of(from, 0, d), x->trig[d] * from[d], false);
        product32(b, to[d], inner, x->trig[d], b->n * product_of(to, 0, d), x->trig[d] * to[d], false);
    }
}

/* Modes, for whole tiles of samples; between kernels from spectra and to them. */
static void modes(bill *b, double m, double n, double k)
{
    for (double first = 0.0; first < b->n; first += FOURIER_TILE)
        product32(b, m, n, k, b->m->network.n_mode, 0.0, false);
}

static void mix(bill *b, pdm_size l, bool forward)
{
    const bench_network *x = &b->m->network;
    const double width = (double)x->width, rows = 2.0 * FOURIER_TILE, tiles = ceil(b->n / FOURIER_TILE) * FOURIER_TILE;
    const double spectrum = product_of(x->trig, 0, x->n_dim) * width;

    transforms(b, grid_of(x, forward ? l : l + 1), grid_of(x, forward ? l + 1 : l));
    kernel32(b, spectrum, 0.0, spectrum + tiles / b->n * 4.0 * x->n_mode * width);
    modes(b, rows, forward ? width : 2.0 * width, forward ? 2.0 * width : width);
    if (!forward) modes(b, 2.0 * width, width, rows);
    kernel32(b, spectrum, 0.0, spectrum + 2.0 * x->n_mode * width);
}

/* Of W and b: products for parts of samples, then their sum; what was kept is gathered where samples are no run. */
static void gradient(bill *b, bench_call k, double points, double all, double n_in, double n_out)
{
    double part = points, part_all = all;
    for (double i = 2.0; i <= MOST_PARTS; i++) {
        if (i * PART_POINTS <= points && fmod(points, i) == 0.0) part = points / i;
        if (i * PART_POINTS <= all && fmod(all, i) == 0.0) part_all = all / i;
    }
    if (!k.is_run) kernel32(b, points * n_in, 0.0, 2.0 * points * n_in);
    product32(b, n_in, n_out, part, b->n * points / part, 0.0, false);
    product32(b, 1.0, n_out, part_all, b->n * all / part_all, part_all, false);
    b->cost.launches++;
    work(b, 2.0 * ceil(n_in * n_out / SUM_PARAMETERS), b->n * points / part * n_in * n_out, b->m->device->flops32,
         4.0 * b->n * points / part * n_in * n_out);
}

static void network(bill *b, bench_call k)
{
    const bench_network *x = &b->m->network;
    const double width = (double)x->width, hidden = (double)x->n_hidden, points = product_of(x->grid, 0, x->n_dim);
    const double in = x->n_feature, out = x->n_channel, l = k.slot == BENCH_SLOT_fourier_layer;

    switch (k.slot) {
    case BENCH_SLOT_fourier_lift:
        kernel32(b, points * width, 2.0 * points * in * width, points * (2.0 * in + 2.0 * width));
        break;
    case BENCH_SLOT_fourier_layer:
    case BENCH_SLOT_fourier_layer_backward:
        mix(b, k.size, l > 0.0);
        product32(b, points_within(x, k.size), width, width, b->n, width * width, true);
        kernel32(b, points_of(x, k.size + 1) * width, 10.0 * points_of(x, k.size + 1) * width,
                 (3.0 + l) * points_of(x, k.size + 1) * width);
        if (l == 0.0) gradient(b, k, points_within(x, k.size), points_of(x, k.size + 1), width, width);
        break;
    case BENCH_SLOT_fourier_head:
        product32(b, points, hidden, width, b->n, width * hidden, false);
        kernel32(b, points * hidden, 10.0 * points * hidden, 4.0 * points * hidden);
        product32(b, out, points, hidden, b->n, out * hidden, false);
        kernel32(b, points * out, points * out, 2.0 * points * out);
        break;
    case BENCH_SLOT_fourier_head_backward:
        kernel32(b, points * out, 0.0, 2.0 * points * out);
        gradient(b, k, points, points, hidden, out);
        product32(b, points, hidden, out, b->n, out * hidden, false);
        kernel32(b, points * hidden, points * hidden, 3.0 * points * hidden);
        gradient(b, k, points, points, width, hidden);
        product32(b, points, width, hidden, b->n, width * hidden, false);
        break;
    case BENCH_SLOT_fourier_lift_backward: gradient(b, k, points, points, in, width); break;
    default: break;
    }
}

/* ---- a call ---- */

static bool between(bench_slot slot, bench_slot first, bench_slot last)
{
    return slot >= first && slot <= last;
}

bench_cost bench_estimate(const bench_model *m, bench_call k)
{
    bill b = {.m = m, .n = (double)k.n, .cost = {.copies = (double)k.posted, .waits = (double)k.waits}};

    if (k.n == 0) return b.cost;
    if (between(k.slot, BENCH_SLOT_rows_residual, BENCH_SLOT_rows_second_order)) rows(&b, k.slot);
    if (between(k.slot, BENCH_SLOT_columns_build, BENCH_SLOT_columns_backward)) columns(&b, k.slot);
    if (k.slot == BENCH_SLOT_normal_assemble) normal(&b);
    if (between(k.slot, BENCH_SLOT_blocks_factor, BENCH_SLOT_blocks_diagonal)) blocks(&b, k.slot);
    if (between(k.slot, BENCH_SLOT_fourier_lift, BENCH_SLOT_fourier_lift_backward)) network(&b, k);
    vectors(&b, k);
    return b.cost;
}

void bench_cost_add(bench_cost *to, const bench_cost *x)
{
    to->launches += x->launches, to->products += x->products, to->copies += x->copies, to->waits += x->waits;
    to->flops += x->flops, to->bytes += x->bytes, to->by_flops += x->by_flops, to->by_bytes += x->by_bytes;
    to->steps += x->steps;
}

/* Kernels follow each other, none is under way while the host waits or a stream begins the next. */
void bench_cost_parts(const bench_cost *c, double part[BENCH_N_PART])
{
    const double seconds[BENCH_N_PART] = {BENCH_LAUNCH * (c->launches + c->products + c->copies), BENCH_WAIT * c->waits,
                                          BENCH_STEP * c->steps, c->by_flops, c->by_bytes};
    for (int i = 0; i < BENCH_N_PART; i++) part[i] = seconds[i];
}

double bench_cost_seconds(const bench_cost *c)
{
    double part[BENCH_N_PART], sum = 0.0;
    bench_cost_parts(c, part);
    for (int i = 0; i < BENCH_N_PART; i++) sum += part[i];
    return sum;
}

const char *bench_cost_limit(const bench_cost *c)
{
    double part[BENCH_N_PART];
    int    most = 0;
    bench_cost_parts(c, part);
    for (int i = 1; i < BENCH_N_PART; i++) most = part[i] > part[most] ? i : most;
    return BENCH_PART_NAME[most];
}

/* ---- the CPU ---- */

/* Which of the operations of count.h it is; what a network's first call is charged with is the whole of it. */
static bool is_counted(bench_slot slot, bench_operation *o)
{
    static const struct {
        bench_slot      slot;
        bench_operation operation;
    } SAME[] = {
        {BENCH_SLOT_rows_residual, BENCH_RESIDUAL},         {BENCH_SLOT_rows_linearise, BENCH_LINEARISE},
        {BENCH_SLOT_rows_apply, BENCH_APPLY_ADJOINT},       {BENCH_SLOT_rows_apply_adjoint, BENCH_APPLY_ADJOINT},
        {BENCH_SLOT_rows_curvature, BENCH_APPLY_ADJOINT},   {BENCH_SLOT_columns_build, BENCH_COLUMNS_BUILD},
        {BENCH_SLOT_columns_expand, BENCH_COLUMNS_EXPAND},  {BENCH_SLOT_columns_reduce, BENCH_COLUMNS_REDUCE},
        {BENCH_SLOT_columns_backward, BENCH_COLUMNS_BUILD}, {BENCH_SLOT_normal_assemble, BENCH_NORMAL},
        {BENCH_SLOT_blocks_factor, BENCH_FACTOR},           {BENCH_SLOT_blocks_solve, BENCH_SOLVE},
        {BENCH_SLOT_fourier_lift, BENCH_FORWARD},           {BENCH_SLOT_fourier_head_backward, BENCH_BACKWARD}};
    for (size_t i = 0; i < sizeof SAME / sizeof *SAME; i++)
        if (SAME[i].slot == slot) {
            *o = SAME[i].operation;
            return true;
        }
    return false;
}

double bench_estimate_cpu(const bench_model *m, bench_call k)
{
    const bool       single = k.slot >= BENCH_SLOT_fourier_lift;
    bench_operation  o      = BENCH_N_OPERATION;
    bench_count      count;
    const bench_cost cost = bench_estimate(m, k);

    if (k.slot <= BENCH_SLOT_copy || cost.launches == 0.0) return 0.0;
    if (is_counted(k.slot, &o))
        count = least(m, o, (double)k.n);
    else if (k.slot == BENCH_SLOT_rows_second_order) /* without what a device writes to scratch */
        count = (bench_count){cost.flops, least(m, BENCH_RESIDUAL, (double)k.n).bytes};
    else if (between(k.slot, BENCH_SLOT_fourier_lift, BENCH_SLOT_fourier_lift_backward))
        return 0.0;
    else
        count = (bench_count){cost.flops, cost.bytes};
    return m->cpu_call + fmax(count.flops / (single ? m->cpu.gemm32 : m->cpu.gemm64), count.bytes / m->cpu.triad);
}

/* ---- life ---- */

pdm_status bench_model_fill(pdm_surrogate *s, const pdm_rows_desc *rows, const pdm_columns_desc *columns,
                            const pdm_blocks_desc *blocks, bench_model *out)
{
    pdm_status status = PDM_OK;

    out->rows    = rows;
    out->columns = columns;
    out->blocks  = blocks;
    PDM_TRY(bench_network_read(s, &out->network));
    PDM_TRY(bench_count_all(s, rows, columns, blocks, 1, out->one, &out->n_j));
    PDM_TRY(bench_count_all(s, rows, columns, blocks, 2, out->two, &out->n_j));
    PDM_TRY(list_levels(s->ctx, blocks, &out->level, &out->n_level));
done:
    return status;
}

void bench_model_clear(pdm_context *ctx, bench_model *m)
{
    pdm_free(ctx, m->level);
    m->level = NULL;
}
