/* Rows of the discretised PDE on the device. A term takes two steps: a kernel made of its programs gives numbers at its
 * points (f, its partials, or what the second order needs), in scratch, for so many samples at once as there is room;
 * sums over the tensor grid make rows, A or coefficients of them. */
#include "backend/cuda/cuda_impl.h"

#include <string.h>

#include "backend/cuda/jit.h"
#include "backend/cuda/pack.h"
#include "backend/cuda/rows_impl.h"
#include "backend/cuda/tensor.h"
#include "backend/cuda/term.h"
#include "backend/cuda/term_text.h"
#include "backend/lists.h"

enum {
    ROOM       = 1 << 28, /* bytes of scratch for numbers at points, aimed at */
    LONG_PAIRS = 256      /* points of a row from which on a block sums it up */
};

/* What a term has to do with a field's part of A, when blocks of rows are written term by term. */
enum { NOTHING, SET, ADD, BLANK };

/* ---- plan ---- */

static bool has_atoms(const pdm_term_desc *t, pdm_size field)
{
    for (pdm_size k = 0; k < t->n_atom; k++)
        if (t->atom[k].field == field) return true;
    return false;
}

/* The first term of a block with atoms of a field sets, later ones add; where none has, the block's first sets zeros. */
static void plan_writes(const pdm_rows_plan *p, pdm_size t)
{
    const pdm_rows_desc *d = p->desc;

    for (pdm_size f = 0; f < p->n_seen; f++) {
        bool before = false, ever = false;
        for (pdm_size i = 0; i < d->n_term; i++) {
            if (d->term[i].row0 != d->term[t].row0 || !has_atoms(&d->term[i], f)) continue;
            ever   = true;
            before = before || i < t;
        }
        const bool here      = has_atoms(&d->term[t], f);
        p->term[t].writes[f] = here ? (before ? ADD : SET) : !ever && p->term[t].first ? BLANK : NOTHING;
    }
}

/* Numbers of a sample between two steps of assembling A: points of dimensions before j, rows and places from j on. */
static pdm_size between_steps(const cuda_axis *axis, pdm_size n_dim)
{
    pdm_size most = 0;
    for (pdm_size j = 1; j < n_dim; j++) {
        pdm_size n = 1;
        for (pdm_size i = 0; i < n_dim; i++) n *= i < j ? axis[i].n_point : axis[i].n_row * axis[i].width;
        most = n > most ? n : most;
    }
    return most;
}

/* Doubles of scratch that a term needs for a sample: partials and what lies between them and A, or a weight and a
 * number an atom. */
static pdm_size scratch_of(const rows_term *t)
{
    return (1 + t->desc->n_atom) * t->size.n_point + 2 * t->between;
}

static pdm_status plan_terms(pdm_cuda *cu, pdm_rows_plan *p)
{
    pdm_status           status = PDM_OK;
    pdm_context         *ctx    = cu->base.ctx;
    const pdm_rows_desc *d      = p->desc;
    axis_source         *source = NULL;

    PDM_TRY(pdm_alloc_array(ctx, d->n_term * d->n_dim, &source));
    for (pdm_size k = 0; k < d->n_term * d->n_dim; k++) {
        const pdm_term_desc *t = &d->term[k / d->n_dim];
        const pdm_size       j = k % d->n_dim;
        source[k] = (axis_source){&t->axis[j],    t->n_order, d->n_coef[j], d->degree[j] + 1, j == 0 ? t->scale : 1.0,
                                  t->row_scale[j]};
    }
    PDM_TRY(cuda_axes_create(cu, d->n_term, d->n_dim, source, &p->axes));
    PDM_TRY(pdm_alloc_array(ctx, d->n_term, &p->term));
    PDM_TRY(pdm_alloc_array(ctx, d->n_term * p->n_seen, &p->writes));
    for (pdm_size i = 0; i < d->n_term; i++) {
        rows_term *t = &p->term[i];
        t->desc      = &d->term[i];
        t->axis      = p->axes.axis + i * AXES;
        t->size      = cuda_axes_size(t->axis);
        t->first     = pdm_rows_is_first_of_block(d, i);
        t->long_rows = t->size.n_pair > LONG_PAIRS * t->size.n_row;
        t->between   = between_steps(t->axis, d->n_dim);
        t->writes    = p->writes + i * p->n_seen;
        plan_writes(p, i);
    }
done:
    pdm_free(ctx, source);
    return status;
}

static pdm_status plan_sampled(pdm_cuda *cu, pdm_rows_plan *p)
{
    pdm_status           status = PDM_OK;
    const pdm_rows_desc *d      = p->desc;
    pdm_size             n      = 0;
    int32_t             *offset = NULL;

    for (pdm_size t = 0; t < d->n_term; t++) n += d->term[t].n_sampled;
    PDM_TRY(pdm_alloc_array(cu->base.ctx, n, &offset));
    n = 0;
    for (pdm_size t = 0; t < d->n_term; t++)
        for (pdm_size i = 0; i < d->term[t].n_sampled; i++) offset[n++] = d->term[t].sampled_offset[i];
    PDM_TRY(cuda_upload(cu, offset, n, &p->sampled_offset));
    n = 0;
    for (pdm_size t = 0; t < d->n_term; t++) {
        p->term[t].sampled_offset = p->sampled_offset + n;
        n += d->term[t].n_sampled;
    }
done:
    pdm_free(cu->base.ctx, offset);
    return status;
}

static pdm_status find_kernel(pdm_cuda *cu, cudaLibrary_t library, pdm_size term, const char *what, const void **out)
{
    char name[64];
    snprintf(name, sizeof name, "term%lld_%s", (long long)term, what);
    return cuda_jit_kernel(cu, library, name, out);
}

/* One text for all terms, one library. */
static pdm_status plan_kernels(pdm_cuda *cu, pdm_rows_plan *p)
{
    pdm_status           status  = PDM_OK;
    const pdm_rows_desc *d       = p->desc;
    cudaLibrary_t        library = NULL;
    pdm_text             text    = {.ctx = cu->base.ctx};

    PDM_TRY(cuda_terms_write(&text, d));
    PDM_TRY(cuda_jit_library(cu, text.data, &library));
    for (pdm_size t = 0; t < d->n_term; t++) {
        PDM_TRY(find_kernel(cu, library, t, "value", &p->term[t].value));
        if (d->term[t].n_atom > 0) PDM_TRY(find_kernel(cu, library, t, "partial", &p->term[t].partial));
        if (d->term[t].n_second > 0) PDM_TRY(find_kernel(cu, library, t, "second", &p->term[t].second));
    }
done:
    pdm_text_destroy(&text);
    return status;
}

/* ---- tables of products with A ---- */

typedef struct product_tables {
    pdm_size n_element, n_place;
    int32_t *row_element, *element_coef, *element_row0, *element_row, *coef0, *place;
} product_tables;

static pdm_status make_tables(pdm_context *ctx, const pdm_rows_plan *p, product_tables *t)
{
    pdm_status           status = PDM_OK;
    const pdm_rows_desc *d      = p->desc;

    t->n_element = 1;
    for (pdm_size j = 0; j < d->n_dim; j++) t->n_element *= d->n_element[j];
    t->n_place = t->n_element * p->n_local;
    PDM_TRY(pdm_alloc_array(ctx, d->n_row, &t->row_element));
    PDM_TRY(pdm_alloc_array(ctx, t->n_place, &t->element_coef));
    PDM_TRY(pdm_alloc_array(ctx, t->n_element + 1, &t->element_row0));
    PDM_TRY(pdm_alloc_array(ctx, d->n_row, &t->element_row));
    PDM_TRY(pdm_alloc_array(ctx, p->n_coef + 1, &t->coef0));
    PDM_TRY(pdm_alloc_array(ctx, t->n_place, &t->place));
    pdm_rows_coefficients(d, t->element_coef);
    pdm_rows_elements(d, t->row_element);
    cuda_sort_by_key(t->n_element, d->n_row, t->row_element, t->element_row0, t->element_row);
    cuda_sort_by_key(p->n_coef, t->n_place, t->element_coef, t->coef0, t->place);
done:
    return status;
}

static void tables_destroy(pdm_context *ctx, product_tables *t)
{
    pdm_free(ctx, t->row_element);
    pdm_free(ctx, t->element_coef);
    pdm_free(ctx, t->element_row0);
    pdm_free(ctx, t->element_row);
    pdm_free(ctx, t->coef0);
    pdm_free(ctx, t->place);
}

/* Run twice, see pack.h. */
static void put_tables(cuda_pack *k, const pdm_rows_plan *p, const product_tables *t, rows_args *out)
{
    *out = (rows_args){.n_row = p->desc->n_row, .n_seen = p->n_seen, .n_local = p->n_local, .n_coef = p->n_coef};
    out->row_element  = cuda_pack_put(k, t->row_element, p->desc->n_row);
    out->element_coef = cuda_pack_put(k, t->element_coef, t->n_place);
    out->element_row0 = cuda_pack_put(k, t->element_row0, t->n_element + 1);
    out->element_row  = cuda_pack_put(k, t->element_row, p->desc->n_row);
    out->coef0        = cuda_pack_put(k, t->coef0, p->n_coef + 1);
    out->place        = cuda_pack_put(k, t->place, t->n_place);
}

static pdm_status plan_products(pdm_cuda *cu, pdm_rows_plan *p)
{
    pdm_status     status = PDM_OK;
    product_tables t      = {0};
    cuda_pack      pack   = {0};

    PDM_TRY(make_tables(cu->base.ctx, p, &t));
    put_tables(&pack, p, &t, &p->product);
    PDM_TRY(cuda_pack_allocate(cu, &pack));
    put_tables(&pack, p, &t, &p->product);
    PDM_TRY(cuda_pack_send(cu, &pack));
    p->tables   = pack.device;
    pack.device = NULL;
done:
    tables_destroy(cu->base.ctx, &t);
    cuda_pack_destroy(cu, &pack);
    return status;
}

static pdm_status plan_scratch(pdm_cuda *cu, pdm_rows_plan *p)
{
    pdm_status status = PDM_OK;
    pdm_size   most   = 1;

    for (pdm_size t = 0; t < p->desc->n_term; t++) {
        const pdm_size n = scratch_of(&p->term[t]);
        most             = n > most ? n : most;
    }
    p->at_once = ROOM / (most * (pdm_size)sizeof(double));
    p->at_once = p->at_once < 1 ? 1 : p->at_once < p->n_sample ? p->at_once : p->n_sample;
    PDM_TRY(cuda_reserve_list(cu, p->n_sample));
    PDM_TRY(cuda_reserve(cu, (size_t)(p->at_once * most) * sizeof(double)));
    PDM_TRY(cuda_reserve(cu, (size_t)(p->n_sample * p->desc->n_row) * sizeof(double)));
done:
    return status;
}

/* Tables of rows and coefficients are of 32 bits. */
static pdm_status check_sizes(pdm_context *ctx, const pdm_rows_desc *d, pdm_size n_local)
{
    pdm_status status = PDM_OK;
    double     most   = (double)n_local;

    for (pdm_size j = 0; j < d->n_dim; j++) most *= (double)d->n_element[j];
    for (pdm_size t = 0; t < d->n_term; t++) {
        double n_point = 1.0;
        for (pdm_size j = 0; j < d->n_dim; j++) n_point *= (double)d->term[t].axis[j].n_point;
        most = n_point > most ? n_point : most;
    }
    if (most > INT32_MAX || d->n_row > INT32_MAX)
        PDM_FAIL(ctx, PDM_ERR_UNSUPPORTED, "%.3g points or places of a sample; back end \"cuda\" has at most %d", most,
                 INT32_MAX);
done:
    return status;
}

pdm_status rows_create_cuda(pdm_backend *b, const pdm_rows_desc *desc, pdm_size n_sample, pdm_rows_plan **out)
{
    CUDA_HERE(b);
    pdm_status     status = PDM_OK;
    pdm_cuda      *cu     = pdm_cuda_of(b);
    pdm_rows_plan *p      = NULL;

    PDM_TRY(pdm_alloc(b->ctx, sizeof *p, &p));
    p->desc     = desc;
    p->n_sample = n_sample;
    p->n_seen   = pdm_rows_n_seen(desc);
    p->n_coef = p->n_local = 1;
    for (pdm_size j = 0; j < desc->n_dim; j++) {
        p->n_coef *= desc->n_coef[j];
        p->n_local *= desc->degree[j] + 1;
    }
    PDM_TRY(check_sizes(b->ctx, desc, p->n_local));
    PDM_TRY(plan_terms(cu, p));
    PDM_TRY(plan_sampled(cu, p));
    PDM_TRY(plan_kernels(cu, p));
    PDM_TRY(plan_products(cu, p));
    PDM_TRY(plan_scratch(cu, p));
    PDM_TRY(cuda_derived_create(cu, p));
    PDM_TRY(cuda_pyramid_create(cu, desc, n_sample, &p->pyramid));
    *out = p;
    p    = NULL;
done:
    rows_destroy_cuda(b, &p);
    return status;
}

void rows_destroy_cuda(pdm_backend *b, pdm_rows_plan **plan)
{
    CUDA_HERE(b);
    if (!plan || !*plan) return;
    cuda_settle(pdm_cuda_of(b));
    pdm_rows_plan *p = *plan;
    cuda_axes_destroy(pdm_cuda_of(b), &p->axes);
    cuda_derived_destroy(pdm_cuda_of(b), p);
    cuda_pyramid_destroy(pdm_cuda_of(b), &p->pyramid);
    cuda_free(pdm_cuda_of(b), p->sampled_offset);
    cuda_free(pdm_cuda_of(b), p->tables);
    pdm_free(b->ctx, p->term);
    pdm_free(b->ctx, p->writes);
    pdm_free(b->ctx, p);
    *plan = NULL;
}

/* ---- programs at points ---- */

/* What all terms are given at a state, for the listed samples. */
typedef struct rows_state {
    pdm_size       n_listed;
    const int32_t *index; /* device */
    const double  *c, *v, *scalar, *sampled;
} rows_state;

static pdm_status state_at(pdm_cuda *cu, const pdm_rows_plan *p, pdm_batch s, const pdm_rows_data *data, pdm_buffer *c,
                           rows_state *out)
{
    pdm_status status = PDM_OK;

    *out = (rows_state){.n_listed = s.n, .scalar = cuda_data(data->scalar), .sampled = cuda_data(data->sampled)};
    PDM_TRY(cuda_derived_extend(cu, p, s, cuda_data(c), p->derived.c, &out->c));
    PDM_TRY(cuda_post_list(cu, s, &out->index));
done:
    return status;
}

/* The samples from place `first` on that there is scratch for. */
static rows_state part_of(const pdm_rows_plan *p, rows_state whole, pdm_size first)
{
    const pdm_size rest = whole.n_listed - first;
    whole.n_listed      = rest < p->at_once ? rest : p->at_once;
    whole.index += first;
    return whole;
}

static pdm_status run_term(pdm_cuda *cu, const pdm_rows_plan *p, const rows_term *t, const void *kernel,
                           const rows_state *x, const double *weight, double *out)
{
    term_args args = {.index          = x->index,
                      .n_listed       = x->n_listed,
                      .n_point        = t->size.n_point,
                      .n_coef         = p->n_coef,
                      .c_stride       = p->n_seen * p->n_coef,
                      .n_scalar       = p->desc->n_scalar,
                      .n_sampled      = p->desc->n_sampled,
                      .c              = x->c,
                      .v              = x->v,
                      .scalar         = x->scalar,
                      .sampled        = x->sampled,
                      .sampled_offset = t->sampled_offset,
                      .weight         = weight,
                      .out            = out};
    memcpy(args.axis, t->axis, sizeof args.axis);
    return cuda_launch_at(cu, kernel, "a kernel of the equations", cuda_grid_of(t->size.n_point, x->n_listed), &args);
}

static tensor_args tensor_of(const rows_term *t, const rows_state *x)
{
    tensor_args args = {.index    = x->index,
                        .n_listed = x->n_listed,
                        .n_point  = t->size.n_point,
                        .n_row    = t->size.n_row,
                        .n_coef   = t->size.n_coef,
                        .n_local  = t->size.n_local};
    memcpy(args.axis, t->axis, sizeof args.axis);
    return args;
}

/* ---- r ---- */

static pdm_status add_term(pdm_cuda *cu, const pdm_rows_plan *p, const rows_term *t, const rows_state *x, double *r)
{
    pdm_status  status    = PDM_OK;
    tensor_args args      = tensor_of(t, x);
    double     *at_points = cu->scratch;

    PDM_TRY(run_term(cu, p, t, t->value, x, NULL, at_points));
    args.in         = at_points;
    args.in_place   = true;
    args.in_stride  = t->size.n_point;
    args.out        = r + t->desc->row0;
    args.out_stride = p->desc->n_row;
    args.add        = !t->first;
    if (t->long_rows)
        PDM_TRY(cuda_launch(cu, tensor_long_rows_kernel,
                            ((cuda_grid){t->size.n_row, x->n_listed, LONG_ROWS_THREADS, 0}), &args));
    else
        PDM_TRY(cuda_launch(cu, tensor_rows_kernel, cuda_grid_of(t->size.n_row, x->n_listed), &args));
done:
    return status;
}

/* What one term adds to r, or to A, of samples that there is scratch for. */
typedef pdm_status (*term_step)(pdm_cuda *cu, const pdm_rows_plan *p, const rows_term *t, const rows_state *x,
                                double *out);

static pdm_status each_term(pdm_backend *b, const pdm_rows_plan *p, pdm_batch s, const pdm_rows_data *data,
                            pdm_buffer *c, term_step step, pdm_buffer *out)
{
    pdm_status status = PDM_OK;
    pdm_cuda  *cu     = pdm_cuda_of(b);
    rows_state whole;

    PDM_TRY(state_at(cu, p, s, data, c, &whole));
    for (pdm_size first = 0; first < s.n; first += p->at_once) {
        const rows_state part = part_of(p, whole, first);
        for (pdm_size t = 0; t < p->desc->n_term; t++) PDM_TRY(step(cu, p, &p->term[t], &part, cuda_data(out)));
    }
done:
    return status;
}

pdm_status rows_residual_cuda(pdm_backend *b, pdm_rows_plan *p, pdm_batch s, const pdm_rows_data *data, pdm_buffer *c,
                              pdm_buffer *r)
{
    CUDA_HERE(b);
    return each_term(b, p, s, data, c, add_term, r);
}

/* ---- A ---- */

/* An atom's part of A from its partials at the points, the last dimension first; `work` [2]: what lies between. */
static pdm_status assemble_atom(pdm_cuda *cu, const pdm_rows_plan *p, const rows_term *t, const rows_state *x,
                                pdm_size atom, bool add, double *A, double *const work[2])
{
    pdm_status           status = PDM_OK;
    const pdm_rows_desc *d      = p->desc;
    const pdm_atom      *k      = &t->desc->atom[atom];
    const pdm_size       size   = p->n_seen * p->n_local;
    assemble_args        args   = {.index     = x->index,
                                   .n_listed  = x->n_listed,
                                   .outer     = (int32_t)t->size.n_point,
                                   .rows      = 1,
                                   .local     = 1,
                                   .in        = (const double *)cu->scratch + atom * t->size.n_point,
                                   .in_stride = t->desc->n_atom * t->size.n_point};

    for (pdm_size j = d->n_dim - 1; j >= 0; j--) {
        args.axis = t->axis[j];
        args.outer /= (int32_t)args.axis.n_point;
        args.order       = k->order[j];
        const pdm_size n = args.outer * args.axis.n_row * args.rows, line = args.axis.width * args.local;
        args.add        = j == 0 && add;
        args.out_place  = j > 0;
        args.row_size   = j > 0 ? line : size;
        args.out        = j > 0 ? work[j % 2] : A + t->desc->row0 * size + k->field * p->n_local;
        args.out_stride = j > 0 ? n * line : d->n_row * size;
        PDM_TRY(cuda_launch(cu, tensor_assemble_kernel, cuda_grid_of(n * line, x->n_listed), &args));
        args.rows *= (int32_t)args.axis.n_row;
        args.local     = (int32_t)line;
        args.in        = args.out;
        args.in_stride = args.out_stride;
    }
done:
    return status;
}

/* Zeros for a field that no term of the block reads. */
static pdm_status blank_field(pdm_cuda *cu, const pdm_rows_plan *p, const rows_term *t, const rows_state *x,
                              pdm_size field, double *A)
{
    const pdm_size size = p->n_seen * p->n_local;
    tensor_args    args = tensor_of(t, x);

    args.row_size   = size;
    args.out        = A + t->desc->row0 * size + field * p->n_local;
    args.out_stride = p->desc->n_row * size;
    return cuda_launch(cu, tensor_blank_kernel, cuda_grid_of(t->size.n_row * p->n_local, x->n_listed), &args);
}

static pdm_status assemble_term(pdm_cuda *cu, const pdm_rows_plan *p, const rows_term *t, const rows_state *x,
                                double *A)
{
    pdm_status     status  = PDM_OK;
    double *const  between = (double *)cu->scratch + x->n_listed * t->desc->n_atom * t->size.n_point;
    double *const  work[2] = {between, between + x->n_listed * t->between};
    const pdm_size n_atom  = t->desc->n_atom;

    if (t->partial) PDM_TRY(run_term(cu, p, t, t->partial, x, NULL, cu->scratch));
    for (pdm_size f = 0; f < p->n_seen; f++) {
        bool add = t->writes[f] == ADD;
        if (t->writes[f] == BLANK) PDM_TRY(blank_field(cu, p, t, x, f, A));
        for (pdm_size k = 0; k < n_atom; k++) {
            if (t->desc->atom[k].field != f) continue;
            PDM_TRY(assemble_atom(cu, p, t, x, k, add, A, work));
            add = true;
        }
    }
done:
    return status;
}

pdm_status rows_linearise_cuda(pdm_backend *b, pdm_rows_plan *p, pdm_batch s, const pdm_rows_data *data, pdm_buffer *c,
                               pdm_buffer *A)
{
    CUDA_HERE(b);
    return each_term(b, p, s, data, c, assemble_term, A);
}

/* ---- second order ---- */

/* out += E^T [ (Q^T y) f_ab E v ] of one term. */
static pdm_status add_second(pdm_cuda *cu, const pdm_rows_plan *p, const rows_term *t, const rows_state *x,
                             const double *y, double *out)
{
    pdm_status           status = PDM_OK;
    const pdm_term_desc *d      = t->desc;
    double              *weight = cu->scratch, *g = weight + x->n_listed * t->size.n_point;
    tensor_args          args = tensor_of(t, x);

    args.in         = y + d->row0;
    args.in_stride  = p->desc->n_row;
    args.out        = weight;
    args.out_place  = true;
    args.out_stride = t->size.n_point;
    PDM_TRY(cuda_launch(cu, tensor_rows_adjoint_kernel, cuda_grid_of(t->size.n_point, x->n_listed), &args));
    PDM_TRY(run_term(cu, p, t, t->second, x, weight, g));
    args.in_place   = true;
    args.in_stride  = d->n_atom * t->size.n_point;
    args.out_place  = false;
    args.out_stride = p->n_seen * p->n_coef;
    args.add        = true;
    for (pdm_size k = 0; k < d->n_atom; k++) {
        args.in  = g + k * t->size.n_point;
        args.out = out + d->atom[k].field * p->n_coef;
        for (pdm_size j = 0; j < p->desc->n_dim; j++) args.order[j] = d->atom[k].order[j];
        PDM_TRY(cuda_launch(cu, tensor_evaluate_adjoint_kernel, cuda_grid_of(p->n_coef, x->n_listed), &args));
    }
done:
    return status;
}

/* Where a cotangent of what the rows see goes, before cuda_derived_fold(). */
static double *unfolded(const pdm_rows_plan *p, pdm_buffer *out)
{
    return p->desc->n_derived == 0 ? cuda_data(out) : p->derived.out;
}

pdm_status rows_second_order_cuda(pdm_backend *b, pdm_rows_plan *p, pdm_batch s, const pdm_rows_data *data,
                                  pdm_buffer *c, pdm_buffer *y, pdm_buffer *v, pdm_buffer *out)
{
    CUDA_HERE(b);
    pdm_status status = PDM_OK;
    pdm_cuda  *cu     = pdm_cuda_of(b);
    rows_args  zeros  = p->product;
    rows_state whole;

    PDM_TRY(state_at(cu, p, s, data, c, &whole));
    PDM_TRY(cuda_derived_extend(cu, p, s, cuda_data(v), p->derived.v, &whole.v));
    zeros.index    = whole.index;
    zeros.n_listed = s.n;
    zeros.out      = unfolded(p, out);
    PDM_TRY(cuda_launch(cu, rows_zero_kernel, cuda_grid_of(p->n_seen * p->n_coef, s.n), &zeros));
    for (pdm_size first = 0; first < s.n; first += p->at_once) {
        const rows_state part = part_of(p, whole, first);
        for (pdm_size t = 0; t < p->desc->n_term; t++)
            if (p->term[t].second) PDM_TRY(add_second(cu, p, &p->term[t], &part, cuda_data(y), zeros.out));
    }
    PDM_TRY(cuda_derived_fold(cu, p, s, cuda_data(out)));
done:
    return status;
}

/* ---- products with A ---- */

pdm_status rows_apply_cuda(pdm_backend *b, pdm_rows_plan *p, pdm_batch s, pdm_buffer *A, pdm_buffer *v, pdm_buffer *out)
{
    CUDA_HERE(b);
    pdm_status status = PDM_OK;
    pdm_cuda  *cu     = pdm_cuda_of(b);
    rows_args  args   = p->product;

    PDM_TRY(cuda_derived_extend(cu, p, s, cuda_data(v), p->derived.v, &args.v));
    PDM_TRY(cuda_post_list(cu, s, &args.index));
    args.n_listed = s.n;
    args.A        = cuda_data(A);
    args.out      = cuda_data(out);
    PDM_TRY(cuda_launch(cu, rows_apply_kernel, cuda_grid_of(p->desc->n_row, s.n), &args));
done:
    return status;
}

pdm_status rows_apply_adjoint_cuda(pdm_backend *b, pdm_rows_plan *p, pdm_batch s, pdm_buffer *A, pdm_buffer *v,
                                   pdm_buffer *out)
{
    CUDA_HERE(b);
    pdm_status status = PDM_OK;
    pdm_cuda  *cu     = pdm_cuda_of(b);
    rows_args  args   = p->product;

    PDM_TRY(cuda_post_list(cu, s, &args.index));
    args.n_listed = s.n;
    args.A        = cuda_data(A);
    args.v        = cuda_data(v);
    args.out      = unfolded(p, out);
    PDM_TRY(cuda_launch(cu, rows_apply_adjoint_kernel, cuda_grid_of(p->n_seen * p->n_coef, s.n), &args));
    PDM_TRY(cuda_derived_fold(cu, p, s, cuda_data(out)));
done:
    return status;
}

/* Products read A, whose rows lie in the order of threads: partials at the points would be gathered from all over. */
pdm_status rows_partials_cuda(pdm_backend *b, pdm_rows_plan *plan, pdm_batch s, const pdm_rows_data *data,
                              pdm_buffer *c, pdm_buffer *partials)
{
    (void)b, (void)plan, (void)s, (void)data, (void)c, (void)partials;
    return PDM_OK;
}

pdm_status rows_curvature_cuda(pdm_backend *b, pdm_rows_plan *p, pdm_batch s, pdm_buffer *A, pdm_buffer *partials,
                               pdm_buffer *v, pdm_buffer *out)
{
    CUDA_HERE(b);
    pdm_status status = PDM_OK;
    pdm_cuda  *cu     = pdm_cuda_of(b);
    rows_args  args   = p->product;
    (void)partials;

    PDM_TRY(cuda_derived_extend(cu, p, s, cuda_data(v), p->derived.v, &args.v));
    PDM_TRY(cuda_post_list(cu, s, &args.index));
    args.n_listed  = s.n;
    args.A         = cuda_data(A);
    args.out       = cu->scratch;
    args.out_place = true;
    PDM_TRY(cuda_launch(cu, rows_apply_kernel, cuda_grid_of(p->desc->n_row, s.n), &args));
    args.v       = cu->scratch;
    args.v_place = true;
    args.out     = unfolded(p, out);
    PDM_TRY(cuda_launch(cu, rows_apply_adjoint_kernel, cuda_grid_of(p->n_seen * p->n_coef, s.n), &args));
    PDM_TRY(cuda_derived_fold(cu, p, s, cuda_data(out)));
done:
    return status;
}

pdm_status rows_weigh_cuda(pdm_backend *b, pdm_rows_plan *plan, pdm_batch s, pdm_buffer *r, pdm_buffer *out)
{
    CUDA_HERE(b);
    return cuda_pyramid_weigh(pdm_cuda_of(b), &plan->pyramid, s, cuda_data(r), cuda_data(out));
}
