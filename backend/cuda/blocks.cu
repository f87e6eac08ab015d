/* Block-sparse Cholesky, left-looking: a block gathers the products that belong to it, in the order of block columns, so
 * that all columns of a level of the elimination tree go at once and nothing is added to by two. */
#include "backend/cuda/blocks.h"

#include "backend/cuda/potrf.h"
#include "backend/cuda/tree.h"

PDM_KERNEL(blocks_least_kernel, blocks_args)
{
    __shared__ double work[BLOCKS_THREADS];

    for (int64_t s = blockIdx.y; s < a.n_listed; s += gridDim.y) {
        const int64_t  sample = a.index[s];
        const int32_t *size   = a.size + sample * a.n_block;
        const double  *H      = a.H + sample * a.n_value;
        double         most   = 0.0;
        for (int64_t u = threadIdx.x; u < a.n_unknown; u += blockDim.x) {
            const int32_t at = a.at[sample * a.n_unknown + u];
            if (at < 0) continue;
            const int32_t j = a.block_of[u];
            const double  v = H[a.offset[a.start[j]] + (int64_t)(at - a.packed0[j]) * (size[j] + 1)];
            most            = v > most ? v : most;
        }
        most = tree_most(most, work);
        if (threadIdx.x > 0) continue;
        a.least[s] = 1e-12 * most;
        if (a.failed) a.failed[s] = (int32_t)a.n_block;
    }
}

PDM_KERNEL(blocks_copy_kernel, blocks_args)
{
    const int64_t i = item();

    for (int64_t s = blockIdx.y; s < a.n_listed && i < a.n_value; s += gridDim.y)
        a.L[a.index[s] * a.n_value + i] = a.H[a.index[s] * a.n_value + i];
}

PDM_KERNEL(blocks_shift_kernel, blocks_args)
{
    const int64_t u = item();

    for (int64_t s = blockIdx.y; s < a.n_listed && u < a.n_unknown; s += gridDim.y) {
        const int64_t sample = a.index[s];
        const int32_t at = a.at[sample * a.n_unknown + u], j = a.block_of[u];
        if (at < 0) continue;
        const int64_t k = sample * a.n_value + a.offset[a.start[j]] +
                          (int64_t)(at - a.packed0[j]) * (a.size[sample * a.n_block + j] + 1);
        const double v     = a.H[k];
        const double ridge = a.ridges ? a.ridges[sample * a.n_unknown + u] : a.ridge;
        a.L[k]             = v + (a.shift[s] * (v > a.least[s] ? v : a.least[s]) + ridge);
    }
}

PDM_KERNEL(blocks_diagonal_kernel, blocks_args)
{
    const int64_t u = item();

    for (int64_t s = blockIdx.y; s < a.n_listed && u < a.n_unknown; s += gridDim.y) {
        const int64_t sample = a.index[s];
        const int32_t at = a.at[sample * a.n_unknown + u], j = a.block_of[u];
        double        v = 0.0;
        if (at >= 0) {
            v = a.H[sample * a.n_value + a.offset[a.start[j]] +
                    (int64_t)(at - a.packed0[j]) * (a.size[sample * a.n_block + j] + 1)];
            v = v > a.least[s] ? v : a.least[s];
        }
        a.out[sample * a.n_unknown + u] = v;
    }
}

/* An entry a thread; several, from registers, would read shared memory less. */
PDM_KERNEL(blocks_subtract_kernel, blocks_args)
{
    __shared__ double left[BLOCKS_TILE][BLOCKS_TILE + 1], right[BLOCKS_TILE][BLOCKS_TILE + 1];
    const blocks_tile t  = a.tile[blockIdx.x];
    const int32_t     ti = (int32_t)threadIdx.x / BLOCKS_TILE, tj = (int32_t)threadIdx.x % BLOCKS_TILE;

    for (int64_t s = blockIdx.y; s < a.n_listed; s += gridDim.y) {
        const int64_t  sample = a.index[s];
        const int32_t *size = a.size + sample * a.n_block, ni = size[t.i], nj = size[t.j];
        double        *L   = a.L + sample * a.n_value;
        double         sum = 0.0;
        if (t.row >= ni || t.column >= nj) continue;
        for (int32_t k = a.source0[t.entry]; k < a.source0[t.entry + 1]; k++) {
            const blocks_source from = a.source[k];
            const int32_t       n    = size[from.k];
            const double       *Li = L + a.offset[from.left], *Lj = L + a.offset[from.right];
            for (int32_t c = 0; c < n; c += BLOCKS_TILE) {
                __syncthreads();
                left[ti][tj]  = t.row + ti < ni && c + tj < n ? Li[(int64_t)(t.row + ti) * n + c + tj] : 0.0;
                right[ti][tj] = t.column + ti < nj && c + tj < n ? Lj[(int64_t)(t.column + ti) * n + c + tj] : 0.0;
                __syncthreads();
                for (int32_t l = 0; l < BLOCKS_TILE; l++) sum += left[ti][l] * right[tj][l];
            }
        }
        if (t.row + ti < ni && t.column + tj < nj && (t.i != t.j || t.column + tj <= t.row + ti))
            L[a.offset[t.entry] + (int64_t)(t.row + ti) * nj + t.column + tj] -= sum;
    }
}

PDM_KERNEL(blocks_potrf_kernel, blocks_args)
{
    PDM_DYNAMIC_SHARED(double, packed);
    const int32_t j = a.column[blockIdx.x];

    for (int64_t s = blockIdx.y; s < a.n_listed; s += gridDim.y) {
        const int64_t sample = a.index[s];
        const int32_t n      = a.size[sample * a.n_block + j];
        double       *L      = a.L + sample * a.n_value + a.offset[a.start[j]];
        __syncthreads();
        for (int32_t i = (int32_t)threadIdx.x / BLOCKS_TILE; i < n; i += BLOCKS_TILE)
            for (int32_t c = (int32_t)threadIdx.x % BLOCKS_TILE; c <= i; c += BLOCKS_TILE)
                packed[lower(i, c)] = L[(int64_t)i * n + c];
        if (packed_potrf(n, packed, BLOCKS_TILE) != 0) {
            if (threadIdx.x == 0) atomicMin(a.failed + s, j);
            continue;
        }
        for (int32_t i = (int32_t)threadIdx.x / BLOCKS_TILE; i < n; i += BLOCKS_TILE)
            for (int32_t c = (int32_t)threadIdx.x % BLOCKS_TILE; c <= i; c += BLOCKS_TILE)
                L[(int64_t)i * n + c] = packed[lower(i, c)];
    }
}

/* A row x of L_ij solves x L_jj^T = b: BLOCKS_TILE threads a row, column by column. */
PDM_KERNEL(blocks_divide_kernel, blocks_args)
{
    PDM_DYNAMIC_SHARED(double, packed);
    const blocks_tile t  = a.tile[blockIdx.x];
    const int32_t     ti = (int32_t)threadIdx.x / BLOCKS_TILE, tj = (int32_t)threadIdx.x % BLOCKS_TILE;

    for (int64_t s = blockIdx.y; s < a.n_listed; s += gridDim.y) {
        const int64_t sample = a.index[s];
        const int32_t m = a.size[sample * a.n_block + t.i], n = a.size[sample * a.n_block + t.j], i = t.row + ti;
        const double *L = a.L + sample * a.n_value + a.offset[a.start[t.j]];
        double       *B = a.L + sample * a.n_value + a.offset[t.entry];
        double       *x = packed + lower(n, 0) + ti * n;
        if (t.row >= m || n == 0) continue;
        __syncthreads();
        for (int32_t r = ti; r < n; r += BLOCKS_TILE)
            for (int32_t c = tj; c <= r; c += BLOCKS_TILE) packed[lower(r, c)] = L[(int64_t)r * n + c];
        for (int32_t c = tj; c < n; c += BLOCKS_TILE) x[c] = i < m ? B[(int64_t)i * n + c] : 0.0;
        __syncthreads();
        for (int32_t k = 0; k < n; k++) {
            const double v = x[k] / packed[lower(k, k)];
            for (int32_t c = k + 1 + tj; c < n; c += BLOCKS_TILE) x[c] -= packed[lower(c, k)] * v;
            __syncthreads(); /* x[k+1] is final; x[k] itself stays undivided, as others may read it */
        }
        for (int32_t c = tj; c < n && i < m; c += BLOCKS_TILE) B[(int64_t)i * n + c] = x[c] / packed[lower(c, c)];
    }
}

PDM_KERNEL(blocks_judge_kernel, blocks_args)
{
    for (int64_t s = blockIdx.y; s < a.n_listed; s += gridDim.y) {
        const int64_t sample = a.index[s], n = a.size[sample * a.n_block + a.j];
        const double *L    = a.L + sample * a.n_value + a.offset[a.start[a.j]];
        int           fine = n == 0 || a.info[s] == 0;
        for (int64_t i = threadIdx.x; i < n; i += blockDim.x) {
            const double v = L[i * (n + 1)];
            if (!(v > 0.0) || v > 1.7976931348623157e308) fine = 0;
        }
        if (!fine) atomicMin(a.failed + s, (int32_t)a.j);
    }
}

/* Entry (i, j) of a triangle [m][m], m <= BLOCKS_PANEL, to shared memory. */
static __device__ void take_triangle(int32_t m, int64_t ld, const double *L, double tile[][BLOCKS_PANEL + 1])
{
    const int32_t lane = (int32_t)threadIdx.x % BLOCKS_PANEL, warp = (int32_t)threadIdx.x / BLOCKS_PANEL;

    for (int32_t r = warp; r < m; r += BLOCKS_WARPS)
        if (lane <= r) tile[r][lane] = L[r * ld + lane];
}

/* A x of one row of A [n], in the first lane of a warp. */
static __device__ double row_product(int32_t n, const double *A, const double *x)
{
    double sum = 0.0;
    for (int32_t c = (int32_t)threadIdx.x % BLOCKS_PANEL; c < n; c += BLOCKS_PANEL) sum += A[c] * x[c];
    return sum;
}

/* x of a panel, m unknowns from the p-th of block j on, once all before them are there. */
static __device__ void solve_forward(const blocks_args *a, const int32_t *size, const double *L, double *x, int32_t j,
                                     int32_t p, int32_t m, double tile[][BLOCKS_PANEL + 1])
{
    const int32_t lane = (int32_t)threadIdx.x % BLOCKS_PANEL, n = size[j];
    const double *Lj = L + a->offset[a->start[j]] + (int64_t)p * n;
    double       *xj = x + a->packed0[j];

    take_triangle(m, n, Lj + p, tile);
    for (int32_t r = (int32_t)threadIdx.x / BLOCKS_PANEL; r < m; r += BLOCKS_WARPS) {
        double sum = 0.0;
        for (int32_t k = a->left0[j]; k < a->left0[j + 1]; k++) {
            const blocks_left from = a->left[k];
            sum += row_product(size[from.k], L + a->offset[from.entry] + (int64_t)(p + r) * size[from.k],
                               x + a->packed0[from.k]);
        }
        sum = warp_sum(sum + row_product(p, Lj + (int64_t)r * n, xj));
        if (lane == 0) xj[p + r] -= sum;
    }
    __syncthreads();
    if (threadIdx.x < BLOCKS_PANEL) {
        double v = lane < m ? xj[p + lane] : 0.0;
        for (int32_t k = 0; k < m; k++) {
            const double x_k = __shfl_sync(0xffffffffu, v, k) / tile[k][k];
            if (lane == k) v = x_k;
            if (lane > k && lane < m) v -= tile[lane][k] * x_k;
        }
        if (lane < m) xj[p + lane] = v;
    }
    __syncthreads();
}

/* A lane's share of A^T x, A [m][..] from the panel's first column on: every BLOCKS_WARPS-th row. */
static __device__ double column_product(int32_t m, int64_t ld, const double *A, const double *x)
{
    double sum = 0.0;
    for (int32_t r = (int32_t)threadIdx.x / BLOCKS_PANEL; r < m; r += BLOCKS_WARPS)
        sum += A[r * ld + (int32_t)threadIdx.x % BLOCKS_PANEL] * x[r];
    return sum;
}

/* Likewise, with L^T and once all behind them are there. */
static __device__ void solve_backward(const blocks_args *a, const int32_t *size, const double *L, double *x, int32_t j,
                                      int32_t p, int32_t m, double tile[][BLOCKS_PANEL + 1], double *work)
{
    const int32_t lane = (int32_t)threadIdx.x % BLOCKS_PANEL, n = size[j];
    const double *Lj = L + a->offset[a->start[j]] + (int64_t)p * n + p;
    double       *xj = x + a->packed0[j], sum = 0.0;

    take_triangle(m, n, Lj, tile);
    for (int32_t k = a->start[j] + 1; k < a->start[j + 1] && lane < m; k++)
        sum += column_product(size[a->row[k]], n, L + a->offset[k] + p, x + a->packed0[a->row[k]]);
    if (lane < m) sum += column_product(n - p - m, n, Lj + (int64_t)m * n, xj + p + m);
    sum = tree_sum_across(sum, BLOCKS_PANEL, work);
    if (threadIdx.x < BLOCKS_PANEL) {
        double v = lane < m ? xj[p + lane] - sum : 0.0;
        for (int32_t k = m - 1; k >= 0; k--) {
            const double x_k = __shfl_sync(0xffffffffu, v, k) / tile[k][k];
            if (lane == k) v = x_k;
            if (lane < k) v -= tile[k][lane] * x_k;
        }
        if (lane < m) xj[p + lane] = v;
    }
    __syncthreads();
}

/* A block a sample walks through all block columns, BLOCKS_PANEL unknowns at a time: a matrix is read once each way, at
 * what one multiprocessor can. With few samples and large blocks, levels of the tree and cublasDtrsv would be faster. */
PDM_KERNEL(blocks_solve_kernel, blocks_args)
{
    __shared__ double work[BLOCKS_THREADS], tile[BLOCKS_PANEL][BLOCKS_PANEL + 1];

    for (int64_t s = blockIdx.y; s < a.n_listed; s += gridDim.y) {
        const int64_t  sample = a.index[s];
        const int32_t *size = a.size + sample * a.n_block, *at = a.at + sample * a.n_unknown;
        const double  *L = a.L + sample * a.n_value;
        double        *x = a.x + s * a.n_unknown;

        for (int64_t u = threadIdx.x; u < a.n_unknown; u += blockDim.x)
            if (at[u] >= 0) x[at[u]] = a.y[sample * a.n_unknown + u];
        __syncthreads();
        for (int32_t j = 0; j < a.n_block; j++)
            for (int32_t p = 0; p < size[j]; p += BLOCKS_PANEL)
                solve_forward(&a, size, L, x, j, p, size[j] - p < BLOCKS_PANEL ? size[j] - p : BLOCKS_PANEL, tile);
        for (int32_t j = (int32_t)a.n_block - 1; j >= 0; j--)
            for (int32_t end = size[j]; end > 0;) { /* panels as on the way there, from the last one on */
                const int32_t p = (end - 1) / BLOCKS_PANEL * BLOCKS_PANEL;
                solve_backward(&a, size, L, x, j, p, end - p, tile, work);
                end = p;
            }
        for (int64_t u = threadIdx.x; u < a.n_unknown; u += blockDim.x)
            a.out[sample * a.n_unknown + u] = at[u] >= 0 ? x[at[u]] : 0.0;
        __syncthreads();
    }
}
