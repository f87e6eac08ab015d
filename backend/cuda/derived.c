#include "backend/cuda/cuda_impl.h"

#include "backend/cuda/derived.h"
#include "backend/cuda/rows_impl.h"

/* Coefficients of a layer: an index of the dimensions before first_dim. */
static pdm_size layer_size(const pdm_rows_desc *d)
{
    pdm_size n = 1;
    for (pdm_size j = d->first_dim; j < d->n_dim; j++) n *= d->n_coef[j];
    return n;
}

pdm_status cuda_derived_create(pdm_cuda *cu, pdm_rows_plan *p)
{
    pdm_status           status = PDM_OK;
    const pdm_rows_desc *d      = p->desc;
    cuda_derived        *k      = &p->derived;
    double             **room[] = {&k->c, &k->v, &k->out};
    double              *symbol = NULL;

    if (d->n_derived == 0) return PDM_OK;
    const pdm_size size = layer_size(d);
    for (pdm_size j = d->first_dim; j < d->n_dim; j++)
        PDM_TRY(cuda_upload(cu, d->transform[j], d->n_coef[j] * d->n_coef[j], &k->transform[j]));
    PDM_TRY(pdm_alloc_array(cu->base.ctx, d->n_derived * size, &symbol));
    for (pdm_size i = 0; i < d->n_derived * size; i++) symbol[i] = d->derived[i / size].symbol[i % size];
    PDM_TRY(cuda_upload(cu, symbol, d->n_derived * size, &k->symbol));
    for (int i = 0; i < 3; i++) PDM_TRY(cuda_take(cu, p->n_sample * p->n_seen * p->n_coef, room[i]));
    PDM_TRY(cuda_reserve(cu, (size_t)(2 * p->n_sample * p->n_coef) * sizeof(double)));
done:
    pdm_free(cu->base.ctx, symbol);
    return status;
}

void cuda_derived_destroy(pdm_cuda *cu, pdm_rows_plan *p)
{
    for (int j = 0; j < PDM_MAX_DIM; j++) cuda_free(cu, p->derived.transform[j]);
    cuda_free(cu, p->derived.symbol);
    cuda_free(cu, p->derived.c);
    cuda_free(cu, p->derived.v);
    cuda_free(cu, p->derived.out);
}

/* A field of a batch: of each sample, or, in scratch, by place. */
typedef struct field_place {
    double  *first;
    pdm_size stride;
    bool     by_place;
} field_place;

/* All transforms of a field, dimension by dimension, then times symbol, where there is one: to `to` (add: +=), or, where
 * that is NULL, wherever in the two halves of `work` it comes to lie, *out. */
static pdm_status transform(pdm_cuda *cu, const pdm_rows_plan *p, pdm_batch s, field_place from, const double *symbol,
                            const field_place *to, bool add, const field_place work[2], field_place *out)
{
    pdm_status           status = PDM_OK;
    const pdm_rows_desc *d      = p->desc;
    transform_args       args   = {.n_listed = s.n, .inner = layer_size(d), .n_symbol = layer_size(d)};

    PDM_TRY(cuda_post_list(cu, s, &args.index));
    args.outer = p->n_coef / args.inner;
    for (pdm_size j = d->first_dim; j < d->n_dim; j++) {
        const bool        last = j == d->n_dim - 1;
        const field_place next = last && to ? *to : work[from.first == work[0].first ? 1 : 0];
        args.n                 = d->n_coef[j];
        args.inner /= args.n;
        args.transform  = p->derived.transform[j];
        args.symbol     = last ? symbol : NULL;
        args.in         = from.first;
        args.in_stride  = from.stride;
        args.in_place   = from.by_place;
        args.out        = next.first;
        args.out_stride = next.stride;
        args.out_place  = next.by_place;
        args.add        = last && add;
        PDM_TRY(cuda_launch(cu, derived_transform_kernel, cuda_grid_of(p->n_coef, s.n), &args));
        args.outer *= args.n;
        from = next;
    }
    *out = from;
done:
    return status;
}

/* Derived field k of `from` to `to` (add: +=); T diag(symbol) T is its own transpose. */
static pdm_status derive(pdm_cuda *cu, const pdm_rows_plan *p, pdm_batch s, pdm_size k, field_place from,
                         field_place to, bool add)
{
    pdm_status        status  = PDM_OK;
    double           *scratch = cu->scratch;
    const field_place work[2] = {{scratch, p->n_coef, true}, {scratch + p->n_sample * p->n_coef, p->n_coef, true}};
    field_place       modes;

    PDM_TRY(transform(cu, p, s, from, p->derived.symbol + k * layer_size(p->desc), NULL, false, work, &modes));
    PDM_TRY(transform(cu, p, s, modes, NULL, &to, add, work, &modes));
done:
    return status;
}

static pdm_status copy_fields(pdm_cuda *cu, const pdm_rows_plan *p, pdm_batch s, const double *in, pdm_size in_fields,
                              double *out, pdm_size out_fields)
{
    pdm_status status = PDM_OK;
    field_args args   = {.n_listed   = s.n,
                         .n          = p->desc->n_field * p->n_coef,
                         .in_stride  = in_fields * p->n_coef,
                         .out_stride = out_fields * p->n_coef,
                         .in         = in,
                         .out        = out};

    PDM_TRY(cuda_post_list(cu, s, &args.index));
    PDM_TRY(cuda_launch(cu, derived_fields_kernel, cuda_grid_of(args.n, s.n), &args));
done:
    return status;
}

pdm_status cuda_derived_extend(pdm_cuda *cu, const pdm_rows_plan *p, pdm_batch s, const double *c, double *room,
                               const double **seen)
{
    pdm_status           status = PDM_OK;
    const pdm_rows_desc *d      = p->desc;

    *seen = c;
    if (d->n_derived == 0) return PDM_OK;
    PDM_TRY(copy_fields(cu, p, s, c, d->n_field, room, p->n_seen));
    for (pdm_size k = 0; k < d->n_derived; k++) {
        const field_place from = {room + d->derived[k].field * p->n_coef, p->n_seen * p->n_coef, false},
                          to   = {room + (d->n_field + k) * p->n_coef, p->n_seen * p->n_coef, false};
        PDM_TRY(derive(cu, p, s, k, from, to, false));
    }
    *seen = room;
done:
    return status;
}

pdm_status cuda_derived_fold(pdm_cuda *cu, const pdm_rows_plan *p, pdm_batch s, double *out)
{
    pdm_status           status = PDM_OK;
    const pdm_rows_desc *d      = p->desc;
    double              *seen   = p->derived.out;

    if (d->n_derived == 0) return PDM_OK;
    PDM_TRY(copy_fields(cu, p, s, seen, p->n_seen, out, d->n_field));
    for (pdm_size k = 0; k < d->n_derived; k++) {
        const field_place from = {seen + (d->n_field + k) * p->n_coef, p->n_seen * p->n_coef, false},
                          to   = {out + d->derived[k].field * p->n_coef, d->n_field * p->n_coef, false};
        PDM_TRY(derive(cu, p, s, k, from, to, true));
    }
done:
    return status;
}
