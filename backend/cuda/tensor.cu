/* Every sum runs over the dimensions in order, the last one inmost; weights of the outer ones are multiplied on the way. */
#include "backend/cuda/tensor.h"

#include "backend/cuda/tree.h"

/* A sample's share of `in` and `out`. */
static __device__ const double *in_of(const tensor_args *a, int64_t s)
{
    return a->in + (a->in_place ? s : a->index[s]) * a->in_stride;
}
static __device__ double *out_of(const tensor_args *a, int64_t s)
{
    return a->out + (a->out_place ? s : a->index[s]) * a->out_stride;
}
static __device__ void put(const tensor_args *a, double *to, double value)
{
    *to = a->add ? *to + value : value;
}

/* Functions of the order wanted that point i of an axis sees: [width]. */
static __device__ const double *basis_of(const cuda_axis *x, int32_t order, int32_t i)
{
    return x->basis + ((int64_t)order * x->n_point + i) * x->width;
}

static __device__ double evaluate(const tensor_args *a, const int32_t *at, const double *c)
{
    const cuda_axis *x  = a->axis;
    const double    *b0 = basis_of(&x[0], a->order[0], at[0]), *b1 = basis_of(&x[1], a->order[1], at[1]),
                 *b2 = basis_of(&x[2], a->order[2], at[2]), *b3 = basis_of(&x[3], a->order[3], at[3]);
    double sum = 0.0;

    for (int32_t l0 = 0; l0 < x[0].width; l0++) {
        const int64_t i0 = (x[0].element[at[0]] + l0) % x[0].n_coef;
        for (int32_t l1 = 0; l1 < x[1].width; l1++) {
            const int64_t i1 = i0 * x[1].n_coef + (x[1].element[at[1]] + l1) % x[1].n_coef;
            for (int32_t l2 = 0; l2 < x[2].width; l2++) {
                const int64_t i2 = (i1 * x[2].n_coef + (x[2].element[at[2]] + l2) % x[2].n_coef) * x[3].n_coef;
                const double  w  = b0[l0] * b1[l1] * b2[l2];
                for (int32_t l3 = 0; l3 < x[3].width; l3++)
                    sum += w * b3[l3] * c[i2 + (x[3].element[at[3]] + l3) % x[3].n_coef];
            }
        }
    }
    return sum;
}

PDM_KERNEL(tensor_evaluate_kernel, tensor_args)
{
    int32_t at[AXES];

    if (item() >= a.n_point) return;
    split(item(), a.axis[1].n_point, a.axis[2].n_point, a.axis[3].n_point, at);
    for (int64_t s = blockIdx.y; s < a.n_listed; s += gridDim.y)
        put(&a, out_of(&a, s) + item(), evaluate(&a, at, in_of(&a, s)));
}

/* What entry k of the list of a coefficient's points has for it, by the order wanted. */
static __device__ double seen_basis(const cuda_axis *x, int32_t order, int32_t k)
{
    return basis_of(x, order, x->seen_point[k])[x->seen_local[k]];
}

static __device__ double evaluate_adjoint(const tensor_args *a, const int32_t *at, const double *in)
{
    const cuda_axis *x   = a->axis;
    double           sum = 0.0;

    for (int32_t k0 = x[0].seen0[at[0]]; k0 < x[0].seen0[at[0] + 1]; k0++) {
        const double  w0 = seen_basis(&x[0], a->order[0], k0);
        const int64_t i0 = x[0].seen_point[k0] * x[1].n_point;
        for (int32_t k1 = x[1].seen0[at[1]]; k1 < x[1].seen0[at[1] + 1]; k1++) {
            const double  w1 = w0 * seen_basis(&x[1], a->order[1], k1);
            const int64_t i1 = (i0 + x[1].seen_point[k1]) * x[2].n_point;
            for (int32_t k2 = x[2].seen0[at[2]]; k2 < x[2].seen0[at[2] + 1]; k2++) {
                const double  w2 = w1 * seen_basis(&x[2], a->order[2], k2);
                const int64_t i2 = (i1 + x[2].seen_point[k2]) * x[3].n_point;
                for (int32_t k3 = x[3].seen0[at[3]]; k3 < x[3].seen0[at[3] + 1]; k3++)
                    sum += w2 * seen_basis(&x[3], a->order[3], k3) * in[i2 + x[3].seen_point[k3]];
            }
        }
    }
    return sum;
}

PDM_KERNEL(tensor_evaluate_adjoint_kernel, tensor_args)
{
    int32_t at[AXES];

    if (item() >= a.n_coef) return;
    split(item(), a.axis[1].n_coef, a.axis[2].n_coef, a.axis[3].n_coef, at);
    for (int64_t s = blockIdx.y; s < a.n_listed; s += gridDim.y)
        put(&a, out_of(&a, s) + item(), evaluate_adjoint(&a, at, in_of(&a, s)));
}

static __device__ double row_scale(const cuda_axis *x, const int32_t *at)
{
    return x[0].row_scale[at[0]] * x[1].row_scale[at[1]] * x[2].row_scale[at[2]] * x[3].row_scale[at[3]];
}

static __device__ double row_sum(const tensor_args *a, const int32_t *at, const double *in)
{
    const cuda_axis *x   = a->axis;
    double           sum = 0.0;

    for (int32_t k0 = x[0].pair0[at[0]]; k0 < x[0].pair0[at[0] + 1]; k0++) {
        const double  w0 = x[0].pair_weight[k0];
        const int64_t i0 = x[0].pair_point[k0] * x[1].n_point;
        for (int32_t k1 = x[1].pair0[at[1]]; k1 < x[1].pair0[at[1] + 1]; k1++) {
            const double  w1 = w0 * x[1].pair_weight[k1];
            const int64_t i1 = (i0 + x[1].pair_point[k1]) * x[2].n_point;
            for (int32_t k2 = x[2].pair0[at[2]]; k2 < x[2].pair0[at[2] + 1]; k2++) {
                const double  w2 = w1 * x[2].pair_weight[k2];
                const int64_t i2 = (i1 + x[2].pair_point[k2]) * x[3].n_point;
                for (int32_t k3 = x[3].pair0[at[3]]; k3 < x[3].pair0[at[3] + 1]; k3++)
                    sum += w2 * x[3].pair_weight[k3] * in[i2 + x[3].pair_point[k3]];
            }
        }
    }
    return sum;
}

PDM_KERNEL(tensor_rows_kernel, tensor_args)
{
    int32_t at[AXES];

    if (item() >= a.n_row) return;
    split(item(), a.axis[1].n_row, a.axis[2].n_row, a.axis[3].n_row, at);
    for (int64_t s = blockIdx.y; s < a.n_listed; s += gridDim.y)
        put(&a, out_of(&a, s) + item(), row_scale(a.axis, at) * row_sum(&a, at, in_of(&a, s)));
}

static __device__ int64_t pairs_of(const cuda_axis *x, int32_t row)
{
    return x->pair0[row + 1] - x->pair0[row];
}

PDM_KERNEL(tensor_long_rows_kernel, tensor_args)
{
    __shared__ double work[LONG_ROWS_THREADS];
    const cuda_axis  *x = a.axis;
    int32_t           at[AXES], k[AXES];

    split(blockIdx.x, x[1].n_row, x[2].n_row, x[3].n_row, at);
    const int64_t n1 = pairs_of(&x[1], at[1]), n2 = pairs_of(&x[2], at[2]), n3 = pairs_of(&x[3], at[3]),
                  n = pairs_of(&x[0], at[0]) * n1 * n2 * n3;
    for (int64_t s = blockIdx.y; s < a.n_listed; s += gridDim.y) {
        const double *in  = in_of(&a, s);
        double        sum = 0.0;
        for (int64_t i = threadIdx.x; i < n; i += LONG_ROWS_THREADS) {
            double  w  = 1.0;
            int64_t to = 0;
            split(i, n1, n2, n3, k);
            for (int j = 0; j < AXES; j++) {
                const int32_t pair = x[j].pair0[at[j]] + k[j];
                w *= x[j].pair_weight[pair];
                to = to * x[j].n_point + x[j].pair_point[pair];
            }
            sum += w * in[to];
        }
        sum = tree_sum(sum, work);
        if (threadIdx.x == 0) put(&a, out_of(&a, s) + blockIdx.x, row_scale(x, at) * sum);
    }
}

/* Entry k of the list of the rows that use a point: its weight in the row, scaled. */
static __device__ double use_weight(const cuda_axis *x, int32_t k)
{
    return x->use_weight[k] * x->row_scale[x->use_row[k]];
}

static __device__ double rows_adjoint(const tensor_args *a, const int32_t *at, const double *in)
{
    const cuda_axis *x   = a->axis;
    double           sum = 0.0;

    for (int32_t k0 = x[0].use0[at[0]]; k0 < x[0].use0[at[0] + 1]; k0++) {
        const double  w0 = use_weight(&x[0], k0);
        const int64_t i0 = x[0].use_row[k0] * x[1].n_row;
        for (int32_t k1 = x[1].use0[at[1]]; k1 < x[1].use0[at[1] + 1]; k1++) {
            const double  w1 = w0 * use_weight(&x[1], k1);
            const int64_t i1 = (i0 + x[1].use_row[k1]) * x[2].n_row;
            for (int32_t k2 = x[2].use0[at[2]]; k2 < x[2].use0[at[2] + 1]; k2++) {
                const double  w2 = w1 * use_weight(&x[2], k2);
                const int64_t i2 = (i1 + x[2].use_row[k2]) * x[3].n_row;
                for (int32_t k3 = x[3].use0[at[3]]; k3 < x[3].use0[at[3] + 1]; k3++)
                    sum += w2 * use_weight(&x[3], k3) * in[i2 + x[3].use_row[k3]];
            }
        }
    }
    return sum;
}

PDM_KERNEL(tensor_rows_adjoint_kernel, tensor_args)
{
    int32_t at[AXES];

    if (item() >= a.n_point) return;
    split(item(), a.axis[1].n_point, a.axis[2].n_point, a.axis[3].n_point, at);
    for (int64_t s = blockIdx.y; s < a.n_listed; s += gridDim.y)
        put(&a, out_of(&a, s) + item(), rows_adjoint(&a, at, in_of(&a, s)));
}

/* What pairs of a row make of the numbers at its points: basis [n_pair] and in [n_point], each at its distance. */
static __device__ double contracted(const cuda_axis *x, int32_t row, const double *basis, const double *in,
                                    int64_t step)
{
    double sum = 0.0;

    for (int32_t k = x->pair0[row]; k < x->pair0[row + 1]; k++)
        sum += basis[(int64_t)k * x->width] * in[x->pair_point[k] * step];
    return sum * x->row_scale[row];
}

PDM_KERNEL(tensor_assemble_kernel, assemble_args)
{
    const int32_t n_row = (int32_t)a.axis.n_row, width = a.axis.width, line = width * a.local;
    const int64_t of_row = item() / line; /* of all that `out` has */

    if (of_row >= (int64_t)a.outer * n_row * a.rows) return;
    const int32_t place = (int32_t)(item() - of_row * line), later = (int32_t)(of_row % a.rows),
                  row = (int32_t)(of_row / a.rows % n_row), l = place / a.local, t = place - l * a.local;
    const int64_t outer = of_row / ((int64_t)a.rows * n_row), step = (int64_t)a.rows * a.local,
                  from  = outer * a.axis.n_point * step + (int64_t)later * a.local + t;
    const double *basis = a.axis.pair_basis + (int64_t)a.order * a.axis.n_pair * width + l;
    for (int64_t s = blockIdx.y; s < a.n_listed; s += gridDim.y) {
        double      *to    = a.out + (a.out_place ? s : a.index[s]) * a.out_stride + of_row * a.row_size + place;
        const double value = contracted(&a.axis, row, basis, a.in + s * a.in_stride + from, step);
        *to                = a.add ? *to + value : value;
    }
}

PDM_KERNEL(tensor_blank_kernel, tensor_args)
{
    const int64_t row = item() / a.n_local;

    for (int64_t s = blockIdx.y; s < a.n_listed && row < a.n_row; s += gridDim.y)
        out_of(&a, s)[row * a.row_size + item() % a.n_local] = 0.0;
}
