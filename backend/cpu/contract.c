#include "backend/backend.h"

#include <string.h>

#include "backend/cpu/rows_impl.h"

/* Contracting one dimension of a tensor with a narrow matrix: transposes, and A; for what is not transposed the
 * matrices are tables (narrow.c). With inner > 1 the loops over inner are the long, contiguous ones. Sums run in a fixed
 * order. */

static void add_scaled(pdm_size n, double a, const double *restrict x, double *restrict y)
{
    for (pdm_size i = 0; i < n; i++) y[i] += a * x[i];
}

/* in [outer][n][inner] adds basis[i][l] in[outer][i][inner] into out [outer][(element[i]+l) mod n_coef][inner],
 * i = first .. first+n */
static void contract_basis_adjoint(pdm_size outer, pdm_size inner, pdm_size width, pdm_size n_coef, pdm_size first,
                                   pdm_size n, const int32_t *element, const double *basis, const double *restrict in,
                                   double *restrict out)
{
    for (pdm_size o = 0; o < outer; o++, out += n_coef * inner)
        for (pdm_size i = first; i < first + n; i++, in += inner) {
            const double  *b = basis + i * width;
            const pdm_size e = element[i], end = e + width <= n_coef ? width : n_coef - e; /* the rest: round a ring */
            if (inner == 1) {
                for (pdm_size l = 0; l < end; l++) out[e + l] += b[l] * in[0];
                for (pdm_size l = end; l < width; l++) out[(e + l) % n_coef] += b[l] * in[0];
            } else {
                for (pdm_size l = 0; l < end; l++) add_scaled(inner, b[l], in, out + (e + l) * inner);
                for (pdm_size l = end; l < width; l++) add_scaled(inner, b[l], in, out + (e + l) % n_coef * inner);
            }
        }
}

void contract_pairs_adjoint(pdm_size outer, pdm_size inner, const pdm_axis *axis, pdm_size first, pdm_size n_row,
                            pdm_size point0, pdm_size n_point, const double *restrict in, double *restrict out)
{
    memset(out, 0, (size_t)(outer * n_point * inner) * sizeof *out);
    for (pdm_size o = 0; o < outer; o++, out += n_point * inner)
        for (pdm_size i = first; i < first + n_row; i++, in += inner)
            for (pdm_size k = axis->pair0[i]; k < axis->pair0[i + 1]; k++)
                add_scaled(inner, axis->pair_weight[k], in, out + (axis->pair_point[k] - point0) * inner);
}

void contract_assemble(const pdm_cpu_kernels *kernels, pdm_size outer, pdm_size rows, pdm_size local,
                       const narrow_axis *axis, pdm_size order, pdm_size first, pdm_size n_row, pdm_size point0,
                       pdm_size n_point, const double *restrict in, bool add, double *restrict out)
{
    enum { AT_ONCE = 8 };
    const pdm_axis *a      = axis->axis;
    const pdm_size  n_pair = a->pair0[a->n_row], size = rows * local, width = axis->basis.width;
    const double   *table = axis->pair_basis + order * n_pair * width, *from[AT_ONCE];

    for (pdm_size o = 0; o < outer; o++, in += n_point * size)
        for (pdm_size i = first; i < first + n_row; i++, out += size * width) {
            const pdm_size begin = a->pair0[i], end = a->pair0[i + 1];
            if (begin == end && !add) memset(out, 0, (size_t)(size * width) * sizeof *out);
            for (pdm_size k = begin; k < end; k += AT_ONCE) {
                const pdm_size n = end - k < AT_ONCE ? end - k : AT_ONCE;
                for (pdm_size q = 0; q < n; q++) from[q] = in + (a->pair_point[k + q] - point0) * size;
                kernels->assemble(n, table + k * width, width, from, rows, local, add || k > begin, out);
            }
        }
}

void axis_point_range(const pdm_axis *axis, pdm_size row, pdm_size n_row, pdm_size *first, pdm_size *n)
{
    const pdm_size k0 = axis->pair0[row], k1 = axis->pair0[row + n_row];
    pdm_size       low = 0, high = -1;
    for (pdm_size k = k0; k < k1; k++) {
        const pdm_size p = axis->pair_point[k];
        if (k == k0 || p < low) low = p;
        if (k == k0 || p > high) high = p;
    }
    *first = low;
    *n     = high - low + 1;
}

/* Sizes of the tensor after dimensions 0..j were taken from coefficients to points. */
static pdm_size mixed_size(pdm_size n_dim, const pdm_size *n_coef, const pdm_axis *axis, pdm_size n0, pdm_size j)
{
    pdm_size n = 1;
    for (pdm_size i = 0; i < n_dim; i++) n *= i > j ? n_coef[i] : i == 0 ? n0 : axis[i].n_point;
    return n;
}

pdm_size evaluate_tensor_adjoint_size(pdm_size n_dim, const pdm_size *n_coef, const pdm_axis *axis, pdm_size n0)
{
    pdm_size most = 0;
    for (pdm_size j = 0; j < n_dim; j++) {
        const pdm_size n = mixed_size(n_dim, n_coef, axis, n0, j);
        most             = n > most ? n : most;
    }
    return most;
}

void evaluate_tensor_adjoint(pdm_size n_dim, const pdm_size *degree, const pdm_size *n_coef, const pdm_axis *axis,
                             const int32_t *order, pdm_size first0, pdm_size n0, const double *restrict values,
                             double *restrict g_c, double *restrict work)
{
    const pdm_size half = evaluate_tensor_adjoint_size(n_dim, n_coef, axis, n0);
    const double  *from = values;
    for (pdm_size j = n_dim - 1; j >= 0; j--) {
        const pdm_size n = j == 0 ? n0 : axis[j].n_point, first = j == 0 ? first0 : 0, width = degree[j] + 1;
        pdm_size       outer = 1, inner = 1;
        for (pdm_size i = 0; i < j; i++) outer *= i == 0 ? n0 : axis[i].n_point;
        for (pdm_size i = j + 1; i < n_dim; i++) inner *= n_coef[i];
        double *to = j == 0 ? g_c : work + (j % 2) * half;
        if (j > 0) memset(to, 0, (size_t)(outer * n_coef[j] * inner) * sizeof *to);
        contract_basis_adjoint(outer, inner, width, n_coef[j], first, n, axis[j].element,
                               axis[j].basis + order[j] * axis[j].n_point * width, from, to);
        from = to;
    }
}
