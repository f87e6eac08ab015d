/* What unknowns are worth to a quadratic, expert by expert. docs/mathematics.md, "Worth of columns". */
#include "backend/cuda/worth.h"

#include "backend/cuda/potrf.h"

/* Row r of block j of L X = E, in column c of X [packed][m] over E, when all rows before it are there: WORTH_LANES
 * threads of a warp a column. Columns from m on are none. */
static __device__ void solve_row(const blocks_args *a, const int32_t *size, const double *L, double *X, int32_t m,
                                 int32_t c, int32_t j, int32_t r)
{
    const int32_t lane = (int32_t)threadIdx.x % WORTH_LANES, n = c < m ? size[j] : 0;
    const double *Lj = L + a->offset[a->start[j]] + (int64_t)r * size[j];
    double       *Xj = X + (int64_t)a->packed0[j] * m + c, sum = 0.0;

    for (int32_t k = a->left0[j]; k < a->left0[j + 1] && n > 0; k++) {
        const int32_t nk = size[a->left[k].k];
        const double *Lk = L + a->offset[a->left[k].entry] + (int64_t)r * nk;
        const double *Xk = X + (int64_t)a->packed0[a->left[k].k] * m + c;
        for (int32_t l = lane; l < nk; l += WORTH_LANES) sum += Lk[l] * Xk[(int64_t)l * m];
    }
    for (int32_t l = lane; l < r && n > 0; l += WORTH_LANES) sum += Lj[l] * Xj[(int64_t)l * m];
    for (int32_t half = WORTH_LANES / 2; half > 0; half /= 2)
        sum += __shfl_down_sync(0xffffffffu, sum, half, WORTH_LANES);
    if (lane == 0 && n > 0) Xj[(int64_t)r * m] = (Xj[(int64_t)r * m] - sum) / Lj[r];
    __syncwarp();
}

/* L X = E: X [packed][m] over unit columns E. Zeros before the first of them stay zeros. */
static __device__ void invert(const blocks_args *a, int64_t sample, const double *L, const int32_t *which, int32_t m,
                              double *X)
{
    const int32_t *at = a->at + sample * a->n_unknown, *size = a->size + sample * a->n_block;
    const int32_t  wide  = BLOCKS_THREADS / WORTH_LANES;
    int32_t        first = (int32_t)a->n_block;

    for (int64_t i = threadIdx.x; i < a->n_unknown * m; i += blockDim.x) X[i] = 0.0;
    __syncthreads();
    for (int32_t r = (int32_t)threadIdx.x; r < m; r += (int32_t)blockDim.x) X[(int64_t)at[which[r]] * m + r] = 1.0;
    for (int32_t r = 0; r < m; r++) first = a->block_of[which[r]] < first ? a->block_of[which[r]] : first;
    __syncthreads();
    for (int32_t c = 0; c < m; c += wide)
        for (int32_t j = first; j < a->n_block; j++) {
            for (int32_t r = 0; r < size[j]; r++)
                solve_row(a, size, L, X, m, c + (int32_t)threadIdx.x / WORTH_LANES, j, r);
            __syncthreads(); /* warps stay together, and read L from near */
        }
}

/* K = X^T X, packed. Rows of X that no unknown has are zeros. */
static __device__ void multiply(int64_t n, int32_t m, const double *X, double *K)
{
    for (int32_t t = (int32_t)threadIdx.x; t < m * m; t += (int32_t)blockDim.x) {
        const int32_t i = t / m, j = t % m;
        double        sum = 0.0;
        if (j > i) continue;
        for (int64_t r = 0; r < n; r++) sum += X[r * m + i] * X[r * m + j];
        K[lower(i, j)] = sum;
    }
    __syncthreads();
}

/* K is the inverse within the set, the last unknown first. Its factor G, K = G G^T, is the mirror image of the upper
 * triangular P with (L L^T)^-1 = P P^T in the set's own order: R^T x = P^-1 x. Rarely called, and without
 * tiles: a column of X reads L once. */
PDM_KERNEL(worth_kernel, worth_args)
{
    const worth_set   set = a.set[blockIdx.x];
    const blocks_args b   = a.blocks;

    for (int64_t s = blockIdx.y; s < b.n_listed; s += gridDim.y) {
        const int64_t  sample = b.index[s];
        const int32_t *which = a.which + s * b.n_unknown + set.set0, m = a.m[s * a.n_set + blockIdx.x];
        double        *X = a.scratch + (s * a.n_set + blockIdx.x) * a.set_stride, *K = X + b.n_unknown * m,
               *y   = K + lower(m, 0);
        double *out = b.out + sample * b.n_unknown;

        for (int32_t u = set.set0 + (int32_t)threadIdx.x; u < set.end; u += (int32_t)blockDim.x) out[u] = 0.0;
        if (m == 0) continue;
        invert(&b, sample, b.L + sample * b.n_value, which, m, X);
        multiply(b.n_unknown, m, X, K);
        const int32_t failed = packed_potrf(m, K, BLOCKS_TILE);
        for (int32_t r = (int32_t)threadIdx.x; r < m; r += (int32_t)blockDim.x)
            y[r] = b.y[sample * b.n_unknown + which[r]];
        __syncthreads();
        for (int32_t k = 0; k < m && failed == 0; k++) {
            const double v = y[k] / K[lower(k, k)];
            for (int32_t r = k + 1 + (int32_t)threadIdx.x; r < m; r += (int32_t)blockDim.x) y[r] -= K[lower(r, k)] * v;
            __syncthreads(); /* y[k] stays undivided, as others may read it */
        }
        for (int32_t r = (int32_t)threadIdx.x; r < m; r += (int32_t)blockDim.x) {
            const double v = failed == 0 ? y[r] / K[lower(r, r)] : a.nan;
            out[which[r]]  = 0.5 * v * v;
        }
        __syncthreads();
    }
}
