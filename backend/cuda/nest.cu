/* Sums of a row are shared by NEST_LANES threads that lie together in a warp, and put together by a fixed tree. */
#include "backend/cuda/nest.h"

/* split() of axis.h for what fits in 32 bits */
static __device__ void unpack(int32_t i, const int32_t *n, int32_t *at)
{
    for (int j = AXES - 1; j > 0; j--) {
        at[j] = i % n[j];
        i /= n[j];
    }
    at[0] = i;
}

/* Offset of place k of a stencil along dimension j, from 0 on. */
static __device__ int32_t offset_of(const int32_t *place, int32_t k, int j)
{
    return place[k] >> (8 * j) & 255;
}

/* i of n in a dimension; -1: outside of it */
static __device__ int32_t within(int32_t i, int32_t n, int32_t periodic)
{
    return periodic ? (i % n + n) % n : i < n ? i : -1;
}

/* A block's threads: lanes of groups. */
typedef struct team {
    int32_t thread, n_thread, lane, group, n_group;
} team;

static __device__ team team_of(void)
{
    const int32_t thread = (int32_t)threadIdx.x, n = (int32_t)blockDim.x;
    const team    t = {thread, n, thread % NEST_LANES, thread / NEST_LANES, n / NEST_LANES};
    return t;
}

/* The sum over the lanes, in all of them. All threads of the warp call. */
static __device__ double lanes_sum(double value)
{
    for (int half = NEST_LANES / 2; half > 0; half /= 2) value += __shfl_xor_sync(0xFFFFFFFFu, value, half, NEST_LANES);
    return value;
}

/* ---- matrices of levels ---- */

/* Of two coefficients in an element, from their places in it: all its rows. */
static __device__ double element_sum(const nest_square_args *a, int64_t element, const double *A, int64_t p, int64_t q)
{
    const int64_t m   = a->level.n_field * a->n_local;
    double        sum = 0.0;

    for (int32_t i = a->element_row0[element]; i < a->element_row0[element + 1]; i++)
        sum += A[a->element_row[i] * m + p] * A[a->element_row[i] * m + q];
    return sum;
}

/* The element that has coefficient i of a dimension in place l; -1: there is none */
static __device__ int32_t element_at(const nest_level *v, int j, int32_t i, int32_t l)
{
    return i < l && !v->periodic[j] ? -1 : within(i - l, v->n_element[j], v->periodic[j]);
}

/* Elements that hold both the coefficient `at` of field f and the one at place k from it, of field g. */
static __device__ double square(const nest_square_args *a, const int32_t *at, int32_t f, int32_t g, int32_t k,
                                const double *A)
{
    const nest_level *v = &a->level;
    int32_t           from[AXES], to[AXES], width[AXES];
    int64_t           apart = 0; /* places in an element */
    double            sum   = 0.0;

    for (int j = 0; j < AXES; j++) {
        const int32_t d = v->degree[j], o = offset_of(v->place, k, j) - d;
        from[j]  = o < 0 ? -o : 0;
        to[j]    = o < 0 ? d : d - o;
        width[j] = d + 1;
        apart    = apart * width[j] + o;
    }
    for (int32_t l0 = from[0]; l0 <= to[0]; l0++) {
        const int32_t e0 = element_at(v, 0, at[0], l0);
        for (int32_t l1 = from[1]; l1 <= to[1] && e0 >= 0; l1++) {
            const int32_t e1 = element_at(v, 1, at[1], l1);
            for (int32_t l2 = from[2]; l2 <= to[2] && e1 >= 0; l2++) {
                const int32_t e2 = element_at(v, 2, at[2], l2);
                for (int32_t l3 = from[3]; l3 <= to[3] && e2 >= 0; l3++) {
                    const int32_t e3 = element_at(v, 3, at[3], l3);
                    const int64_t element =
                        (((int64_t)e0 * v->n_element[1] + e1) * v->n_element[2] + e2) * v->n_element[3] + e3;
                    const int64_t l = ((l0 * width[1] + l1) * width[2] + l2) * width[3] + l3;
                    if (e3 >= 0) sum += element_sum(a, element, A, f * a->n_local + l, g * a->n_local + l + apart);
                }
            }
        }
    }
    return sum;
}

/* Where place k from the coefficient `at` is, dimension by dimension; false: outside. */
static __device__ bool other(const int32_t *n_coef, const int32_t *degree, const int32_t *periodic,
                             const int32_t *place, const int32_t *at, int32_t k, int32_t *to)
{
    bool inside = true;
    for (int j = 0; j < AXES; j++) {
        to[j]  = within(at[j] + offset_of(place, k, j) - degree[j], n_coef[j], periodic[j]);
        inside = inside && to[j] >= 0;
    }
    return inside;
}

static __device__ int64_t pack(const int32_t *n, const int32_t *at)
{
    return (((int64_t)at[0] * n[1] + at[1]) * n[2] + at[2]) * n[3] + at[3];
}

PDM_KERNEL(nest_square_kernel, nest_square_args)
{
    const nest_level *v = &a.level;
    const int32_t     k = (int32_t)(item() % v->width), g = (int32_t)(item() / v->width % v->n_field);
    const int64_t     u = item() / v->width / v->n_field;
    int32_t           at[AXES], to[AXES];

    if (u >= v->n_field * v->n) return;
    const int32_t f = (int32_t)(u / v->n);
    unpack((int32_t)(u % v->n), v->n_coef, at);
    const bool there = other(v->n_coef, v->degree, v->periodic, v->place, at, k, to) && v->free[u] &&
                       v->free[g * v->n + pack(v->n_coef, to)];
    for (int64_t s = blockIdx.y; s < a.n_listed; s += gridDim.y) {
        const int64_t sample = a.index[s];
        double        sum    = 0.0;
        if (there) sum = square(&a, at, f, g, k, a.A + sample * a.n_row * v->n_field * a.n_local);
        if (k == v->width / 2 && g == f) sum *= 1.0 + a.shift[s];
        v->H[sample * v->stride + item()] = sum;
        if (item() == 0) a.failed[s] = 0;
    }
}

/* Sum over finer coefficients i of coarse one `at` and j of the one at place k from it: weight_i H_ij weight_j.
 * H: of in [..][n_fine][..], stencils of field f; fine and place count numbers to the next one along the dimension. */
static __device__ double coarsened(const nest_coarsen_args *a, int32_t at, int32_t offset, const double *H,
                                   int64_t fine, int64_t place)
{
    const nest_axis *x = &a->axis;
    const int32_t    n = x->n_fine, degree = x->width - 1;
    double           sum = 0.0;

    for (int32_t k = x->seen0[at]; k < x->seen0[at + 1]; k++) {
        const int32_t i = x->seen[k], to = x->first[i] + x->seen_local[k] + offset - degree;
        for (int32_t o = 0; o < 2 * degree + 1; o++) {
            int32_t j = i + o - degree, turn = 0;
            if (!a->periodic[a->dim] && (j < 0 || j >= n)) continue;
            for (; j < 0; j += n) turn--;
            for (; j >= n; j -= n) turn++;
            const int32_t l = to - x->first[j] - turn * x->n_coarse;
            if (l >= 0 && l <= degree) sum += x->seen_weight[k] * x->weight[j * x->width + l] * H[i * fine + o * place];
        }
    }
    return sum;
}

/* Of two numbers that symmetry makes the same, one is computed, twice. */
PDM_KERNEL(nest_coarsen_kernel, nest_coarsen_args)
{
    const int32_t middle = a.width / 2;
    int32_t       k = (int32_t)(item() % a.width), g = (int32_t)(item() / a.width % a.n_field), at[AXES], to[AXES];
    const int64_t u    = item() / a.width / a.n_field;
    int64_t       coef = 0, n_fine = 1, fine, place;

    if (u >= a.n_field * a.n) return;
    int32_t f = (int32_t)(u / a.n);
    unpack((int32_t)(u % a.n), a.n_coef, at);
    const bool there = other(a.n_coef, a.degree, a.periodic, a.place, at, k, to) &&
                       (!a.free || (a.free[u] && a.free[g * a.n + pack(a.n_coef, to)]));
    if (there && (k < middle || (k == middle && g < f))) {
        const int32_t swap = f;
        f                  = g;
        g                  = swap;
        k                  = a.width - 1 - k;
        for (int j = 0; j < AXES; j++) at[j] = to[j];
    }
    fine = a.n_field * a.width, place = 1;
    for (int j = 0; j < AXES; j++) {
        const int32_t n = j == a.dim ? a.axis.n_fine : a.n_coef[j];
        n_fine *= n;
        coef = coef * n + (j == a.dim ? 0 : at[j]);
        if (j > a.dim) fine *= n, place *= 2 * a.degree[j] + 1;
    }
    const int32_t offset = offset_of(a.place, k, a.dim);
    const int64_t first  = ((f * n_fine + coef) * a.n_field + g) * a.width + k - offset * place;
    for (int64_t s = blockIdx.y; s < a.n_listed; s += gridDim.y) {
        const double *in  = a.in + (a.in_place ? s : a.index[s]) * a.in_stride;
        double       *out = a.out + (a.out_place ? s : a.index[s]) * a.out_stride;
        out[item()]       = there ? coarsened(&a, at[a.dim], offset, in + first, fine, place) : 0.0;
    }
}

/* ---- factors ---- */

/* H of two unknowns: all places of a stencil that are the second one, of which there is more than one where a dimension
 * is short. */
static __device__ double entry(const nest_level *v, const double *H, int32_t u, int32_t w)
{
    int32_t       at[AXES], to[AXES], first[AXES], count[AXES], n = 1;
    const double *row = H + ((int64_t)u * v->n_field + w / v->n) * v->width;
    double        sum = 0.0;

    unpack((int32_t)(u % v->n), v->n_coef, at);
    unpack((int32_t)(w % v->n), v->n_coef, to);
    for (int j = 0; j < AXES; j++) {
        const int32_t d = v->degree[j], offset = to[j] - at[j] + d;
        first[j] = v->periodic[j] ? within(offset, v->n_coef[j], 1) : offset;
        count[j] = first[j] < 0 || first[j] > 2 * d ? 0 : v->periodic[j] ? (2 * d - first[j]) / v->n_coef[j] + 1 : 1;
        n *= count[j];
    }
    for (int32_t i = 0; i < n; i++) {
        int32_t rest = i, place = 0, stride = 1;
        for (int j = AXES - 1; j >= 0; j--) {
            place += (first[j] + rest % count[j] * v->n_coef[j]) * stride;
            rest /= count[j];
            stride *= 2 * v->degree[j] + 1;
        }
        sum += row[place];
    }
    return sum;
}

/* Row i of a lower triangle packed by rows. */
static __device__ double *row_of(double *M, int32_t i)
{
    return M + (int64_t)i * (i + 1) / 2;
}

/* M [n] becomes its Cholesky factor L, inverses on the diagonal. Whether it worked, for all threads; column [n]. */
static __device__ bool cholesky(double *M, int32_t n, double *column)
{
    const team t = team_of();

    for (int32_t j = 0; j < n; j++) {
        const double *pivot = row_of(M, j);
        for (int32_t first = j; first < n; first += t.n_group) {
            const int32_t i   = first + t.group;
            double       *row = row_of(M, i < n ? i : j), sum = 0.0;
            for (int32_t q = t.lane; q < j; q += NEST_LANES) sum += row[q] * pivot[q];
            sum = lanes_sum(sum);
            if (t.lane == 0 && i < n) column[i] = row[j] - sum;
        }
        __syncthreads();
        const double d = column[j];
        if (!(d > 0.0) || !isfinite(d)) return false;
        const double inverse = 1.0 / sqrt(d);
        for (int32_t i = j + t.thread; i < n; i += t.n_thread) row_of(M, i)[j] = i == j ? inverse : column[i] * inverse;
        __syncthreads();
    }
    return true;
}

/* M, a factor with inverses on the diagonal, becomes its inverse, row by row. */
static __device__ void invert(double *M, int32_t n, double *work)
{
    const team t = team_of();

    for (int32_t i = 0; i < n; i++) {
        double *row = row_of(M, i);
        for (int32_t first = 0; first < i; first += t.n_group) {
            const int32_t j   = first + t.group;
            double        sum = 0.0;
            for (int32_t q = j + t.lane; q < i; q += NEST_LANES) sum += row[q] * row_of(M, q)[j];
            sum = lanes_sum(sum);
            if (t.lane == 0 && j < i) work[j] = sum;
        }
        __syncthreads();
        for (int32_t j = t.thread; j < i; j += t.n_thread) row[j] = -row[i] * work[j];
        __syncthreads();
    }
}

PDM_KERNEL(nest_factor_kernel, nest_factor_args)
{
    PDM_DYNAMIC_SHARED(double, work); /* [most], then a triangle */
    const nest_level *v       = &a.level;
    const int32_t    *unknown = v->unknown + v->patch0[blockIdx.x];
    const int32_t     n       = v->patch0[blockIdx.x + 1] - v->patch0[blockIdx.x];

    const team t = team_of();

    for (int64_t s = blockIdx.y; s < a.n_listed; s += gridDim.y) {
        const double *H   = v->H + a.index[s] * v->stride;
        double       *out = v->factor + a.index[s] * v->stride + v->factor0[blockIdx.x];
        double       *M   = a.in_shared ? work + v->most : out;
        for (int32_t i = t.group; i < n; i += t.n_group)
            for (int32_t j = t.lane; j <= i; j += NEST_LANES) row_of(M, i)[j] = entry(v, H, unknown[i], unknown[j]);
        __syncthreads();
        const bool positive = cholesky(M, n, work);
        if (positive) invert(M, n, work);
        if (!positive && threadIdx.x == 0) atomicMax(&a.failed[s], (int32_t)(1 + blockIdx.x));
        for (int32_t i = t.thread; i < n * (n + 1) / 2 && a.in_shared; i += t.n_thread) out[i] = M[i];
        __syncthreads(); /* M and work are written again */
    }
}

/* ---- the cycle ---- */

/* This lane's part of row u of H times x. */
static __device__ double row_times(const nest_level *v, const double *H, int32_t u, const double *x, int32_t lane)
{
    const double  *row = H + (int64_t)u * v->n_field * v->width;
    const int32_t *near[AXES];
    int32_t        at[AXES];
    double         sum = 0.0;

    unpack((int32_t)(u % v->n), v->n_coef, at);
    for (int j = 0; j < AXES; j++) near[j] = v->near[j] + at[j] * (2 * v->degree[j] + 1);
    for (int32_t f = 0; f < v->n_field; f++, row += v->width, x += v->n)
        for (int32_t k = lane; k < v->width; k += NEST_LANES) {
            int32_t to = 0;
            for (int j = 0; j < AXES; j++) to += near[j][offset_of(v->place, k, j)];
            sum += row[k] * x[to];
        }
    return sum;
}

/* x += d,  H d = y - H x for the unknowns of a patch; work [2][most]. */
static __device__ void relax(const nest_level *v, int64_t sample, int32_t patch, double *work)
{
    const team     t       = team_of();
    const int32_t *unknown = v->unknown + v->patch0[patch], n = v->patch0[patch + 1] - v->patch0[patch];
    const double  *H = v->H + sample * v->stride, *y = v->y + sample * v->y_stride;
    double        *M = v->factor + sample * v->stride + v->factor0[patch], *x = v->x + sample * v->x_stride;
    double        *r = work, *half = work + v->most;

    for (int32_t first = 0; first < n; first += t.n_group) {
        const int32_t i   = first + t.group;
        const double  sum = lanes_sum(i < n ? row_times(v, H, unknown[i], x, t.lane) : 0.0);
        if (t.lane == 0 && i < n) r[i] = y[unknown[i]] - sum;
    }
    __syncthreads();
    for (int32_t first = 0; first < n; first += t.n_group) {
        const int32_t i   = first + t.group;
        double        sum = 0.0;
        for (int32_t j = t.lane; j <= i && i < n; j += NEST_LANES) sum += row_of(M, i)[j] * r[j];
        sum = lanes_sum(sum);
        if (t.lane == 0 && i < n) half[i] = sum;
    }
    __syncthreads();
    for (int32_t first = 0; first < n; first += t.n_group) {
        const int32_t j   = first + t.group;
        double        sum = 0.0;
        for (int32_t i = j + t.lane; i < n; i += NEST_LANES) sum += row_of(M, i)[j] * half[i];
        sum = lanes_sum(sum);
        if (t.lane == 0 && j < n) x[unknown[j]] += sum;
    }
    __syncthreads(); /* the next one reads x, and writes work */
}

PDM_KERNEL(nest_relax_kernel, nest_relax_args)
{
    PDM_DYNAMIC_SHARED(double, work);

    for (int64_t s = blockIdx.y; s < a.n_listed; s += gridDim.y)
        for (int32_t k = 0; k < a.n_colour; k++) {
            const int32_t colour = a.colour + (a.back ? a.n_colour - 1 - k : k);
            for (int32_t q = a.level.colour0[colour] + (int32_t)blockIdx.x; q < a.level.colour0[colour + 1];
                 q += (int32_t)gridDim.x)
                relax(&a.level, a.index[s], q, work);
        }
}

PDM_KERNEL(nest_zero_kernel, nest_transfer_args)
{
    const nest_level *v = &a.fine;

    for (int64_t s = blockIdx.y; s < a.n_listed && item() < v->n_field * v->n; s += gridDim.y)
        v->x[a.index[s] * v->x_stride + item()] = 0.0;
}

PDM_KERNEL(nest_residual_kernel, nest_transfer_args)
{
    const nest_level *v    = &a.fine;
    const int32_t     lane = (int32_t)(threadIdx.x % NEST_LANES);
    const int64_t     u    = item() / NEST_LANES;
    const bool        free = u < v->n_field * v->n && v->free[u];

    for (int64_t s = blockIdx.y; s < a.n_listed; s += gridDim.y) {
        const int64_t sample = a.index[s];
        const double *H = v->H + sample * v->stride, *x = v->x + sample * v->x_stride;
        const double  sum = lanes_sum(free ? row_times(v, H, (int32_t)u, x, lane) : 0.0);
        if (lane == 0 && u < v->n_field * v->n)
            a.residual[s * v->n_field * v->n + u] = free ? v->y[sample * v->y_stride + u] - sum : 0.0;
    }
}

/* P^T r at a coarse coefficient. */
static __device__ double restricted(const nest_axis *x, const int32_t *at, const double *r)
{
    double sum = 0.0;

    for (int32_t k0 = x[0].seen0[at[0]]; k0 < x[0].seen0[at[0] + 1]; k0++) {
        const double  w0 = x[0].seen_weight[k0];
        const int64_t i0 = (int64_t)x[0].seen[k0] * x[1].n_fine;
        for (int32_t k1 = x[1].seen0[at[1]]; k1 < x[1].seen0[at[1] + 1]; k1++) {
            const double  w1 = w0 * x[1].seen_weight[k1];
            const int64_t i1 = (i0 + x[1].seen[k1]) * x[2].n_fine;
            for (int32_t k2 = x[2].seen0[at[2]]; k2 < x[2].seen0[at[2] + 1]; k2++) {
                const double  w2 = w1 * x[2].seen_weight[k2];
                const int64_t i2 = (i1 + x[2].seen[k2]) * x[3].n_fine;
                for (int32_t k3 = x[3].seen0[at[3]]; k3 < x[3].seen0[at[3] + 1]; k3++)
                    sum += w2 * x[3].seen_weight[k3] * r[i2 + x[3].seen[k3]];
            }
        }
    }
    return sum;
}

PDM_KERNEL(nest_restrict_kernel, nest_transfer_args)
{
    const nest_level *c = &a.coarse, *v = &a.fine;
    int32_t           at[AXES];

    if (item() >= c->n_field * c->n) return;
    unpack((int32_t)(item() % c->n), c->n_coef, at);
    for (int64_t s = blockIdx.y; s < a.n_listed; s += gridDim.y) {
        const int64_t sample                = a.index[s];
        const double *r                     = a.residual + (s * v->n_field + item() / c->n) * v->n;
        c->y[sample * c->y_stride + item()] = c->free[item()] ? restricted(a.axis, at, r) : 0.0;
        c->x[sample * c->x_stride + item()] = 0.0;
    }
}

/* P x at a fine coefficient. */
static __device__ double prolonged(const nest_axis *x, const int32_t *at, const double *coarse)
{
    double sum = 0.0;

    for (int32_t k0 = 0; k0 < x[0].width; k0++) {
        const double  w0 = x[0].weight[at[0] * x[0].width + k0];
        const int64_t i0 = (int64_t)((x[0].first[at[0]] + k0) % x[0].n_coarse) * x[1].n_coarse;
        for (int32_t k1 = 0; k1 < x[1].width && w0 != 0.0; k1++) {
            const double  w1 = w0 * x[1].weight[at[1] * x[1].width + k1];
            const int64_t i1 = (i0 + (x[1].first[at[1]] + k1) % x[1].n_coarse) * x[2].n_coarse;
            for (int32_t k2 = 0; k2 < x[2].width && w1 != 0.0; k2++) {
                const double  w2 = w1 * x[2].weight[at[2] * x[2].width + k2];
                const int64_t i2 = (i1 + (x[2].first[at[2]] + k2) % x[2].n_coarse) * x[3].n_coarse;
                for (int32_t k3 = 0; k3 < x[3].width && w2 != 0.0; k3++)
                    sum += w2 * x[3].weight[at[3] * x[3].width + k3] *
                           coarse[i2 + (x[3].first[at[3]] + k3) % x[3].n_coarse];
            }
        }
    }
    return sum;
}

PDM_KERNEL(nest_prolong_kernel, nest_transfer_args)
{
    const nest_level *c = &a.coarse, *v = &a.fine;
    int32_t           at[AXES];

    if (item() >= v->n_field * v->n || !v->free[item()]) return;
    unpack((int32_t)(item() % v->n), v->n_coef, at);
    for (int64_t s = blockIdx.y; s < a.n_listed; s += gridDim.y)
        v->x[a.index[s] * v->x_stride + item()] +=
            prolonged(a.axis, at, c->x + a.index[s] * c->x_stride + item() / v->n * c->n);
}
