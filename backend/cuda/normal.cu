/* Normal matrices: J = A C expert by expert, products of the experts that share rows, and the share of coarse rows. */
#include "backend/cuda/normal.h"

static __device__ const int32_t *exists_of(const normal_args *a, int64_t s)
{
    return a->exists + a->index[s] * a->sizes;
}

/* Columns of an expert that exist. */
static __device__ int32_t columns_on(const normal_args *a, const int32_t *exists, int64_t expert)
{
    const int32_t *first = exists + a->group_at + expert * a->n_field;
    return first[a->n_field] - first[0];
}

PDM_KERNEL(normal_clear_kernel, normal_args)
{
    const int64_t i = item();

    for (int64_t s = blockIdx.y; s < a.n_listed && i < a.n_value; s += gridDim.y) a.H[a.index[s] * a.n_value + i] = 0.0;
}

PDM_KERNEL(normal_clear_sums_kernel, normal_args)
{
    const int64_t i = item(), n = a.n_box * a.n_unknown;

    for (int64_t s = blockIdx.y; s < a.n_listed && i < n; s += gridDim.y) a.S[s * n + i] = 0.0;
}

/* J[r][n] = sum over references of A[row][local] C[place][n]. */
PDM_KERNEL(normal_rows_kernel, normal_args)
{
    const normal_job    job = a.job[blockIdx.x];
    const normal_expert e   = a.expert[job.expert];
    const int32_t       m   = e.n_row - job.first < NORMAL_ROWS ? e.n_row - job.first : NORMAL_ROWS;

    for (int64_t s = blockIdx.y; s < a.n_listed; s += gridDim.y) {
        const int32_t *exists = exists_of(&a, s), *first = exists + a.group_at + job.expert * a.n_field;
        const int32_t  n_on = columns_on(&a, exists, job.expert);
        const double  *A = a.A + a.index[s] * a.n_row * a.row_size, *C = a.C + a.index[s] * a.n_column_value;
        double        *J = a.J + s * a.j_size + e.j0 + (int64_t)job.first * n_on;
        for (int32_t t = (int32_t)threadIdx.x; t < m * n_on; t += (int32_t)blockDim.x) {
            const int32_t r = t / n_on, n = t % n_on;
            int64_t       f = 0;
            while (first[f + 1] - first[0] <= n) f++;
            const int32_t n_group = first[f + 1] - first[f];
            const int64_t list    = a.piece[e.row0 + job.first + r] * a.n_field + f;
            const double *A_r     = A + a.row[e.row0 + job.first + r] * a.row_size;
            const double *C_n     = C + a.group[job.expert * a.n_field + f].value0 + n - (first[f] - first[0]);
            double        sum     = 0.0;
            for (int32_t k = a.reference0[list]; k < a.reference0[list + 1]; k++)
                sum += A_r[a.reference[k].local] * C_n[(int64_t)a.reference[k].place * n_group];
            J[t] = sum;
        }
    }
}

/* An entry a thread; several, from registers, would read shared memory less. Where all rows see all experts, as with one
 * of them, cublasDsyrk would do. */
PDM_KERNEL(normal_products_kernel, normal_args)
{
    __shared__ double   left[NORMAL_TILE][NORMAL_TILE], right[NORMAL_TILE][NORMAL_TILE];
    const normal_slice  slice = a.slice[blockIdx.x];
    const normal_tile   tile  = a.tile[slice.tile];
    const normal_pair   pair  = a.pair[tile.pair];
    const normal_expert ea = a.expert[pair.a], eb = a.expert[pair.b];
    const int32_t       ti = (int32_t)threadIdx.x / NORMAL_TILE, tj = (int32_t)threadIdx.x % NORMAL_TILE;

    for (int64_t s = blockIdx.y; s < a.n_listed; s += gridDim.y) {
        const int32_t *exists = exists_of(&a, s);
        const int32_t  na = columns_on(&a, exists, pair.a), nb = columns_on(&a, exists, pair.b);
        const double  *J   = a.J + s * a.j_size;
        double         sum = 0.0;
        if (tile.row >= na || tile.column >= nb) continue;
        for (int64_t first = slice.first; first < slice.end; first += NORMAL_TILE) {
            __syncthreads();
            left[ti][tj] = right[ti][tj] = 0.0;
            if (first + ti < slice.end) {
                const normal_common r = a.common[first + ti];
                if (tile.row + tj < na) left[ti][tj] = J[ea.j0 + (int64_t)r.a * na + tile.row + tj];
                if (tile.column + tj < nb) right[ti][tj] = J[eb.j0 + (int64_t)r.b * nb + tile.column + tj];
            }
            __syncthreads();
            for (int32_t k = 0; k < NORMAL_TILE; k++) sum += left[k][ti] * right[k][tj];
        }
        a.partial[(s * a.n_slice + blockIdx.x) * NORMAL_THREADS + (int32_t)threadIdx.x] = sum;
    }
}

PDM_KERNEL(normal_gather_kernel, normal_args)
{
    const normal_tile tile = a.tile[blockIdx.x];
    const normal_pair pair = a.pair[tile.pair];
    const int32_t     i    = tile.row + (int32_t)threadIdx.x / NORMAL_TILE,
                  j        = tile.column + (int32_t)threadIdx.x % NORMAL_TILE;

    for (int64_t s = blockIdx.y; s < a.n_listed; s += gridDim.y) {
        const int32_t *exists = exists_of(&a, s);
        double         sum    = 0.0;
        if (i >= columns_on(&a, exists, pair.a) || j >= columns_on(&a, exists, pair.b)) continue;
        if (pair.a == pair.b && j > i) continue;
        for (int32_t k = 0; k < tile.n_slice; k++)
            sum += a.partial[(s * a.n_slice + tile.slice0 + k) * NORMAL_THREADS + (int32_t)threadIdx.x];
        const int32_t *place = exists + a.place_at;
        a.H[a.index[s] * a.n_value + pair.offset + (int64_t)(place[pair.a] + i) * exists[pair.j] + place[pair.b] + j] =
            sum;
    }
}

/* Offset of block (i, j); -1: not in the pattern. */
static __device__ int64_t block_offset(const normal_args *a, int32_t i, int32_t j)
{
    for (int32_t k = a->start[j]; k < a->start[j + 1]; k++)
        if (a->block_row[k] == i) return a->offset[k];
    return -1;
}

/* Row u of H: from the elements that see u one after the other, from other unknowns v of an element side by side. */
PDM_KERNEL(normal_identity_kernel, normal_args)
{
    const int64_t u     = blockIdx.x;
    const int32_t block = a.block_of[u], place = a.place_of[u];

    for (int64_t s = blockIdx.y; s < a.n_listed; s += gridDim.y) {
        const double *A = a.A + a.index[s] * a.n_row * a.row_size;
        double       *H = a.H + a.index[s] * a.n_value;
        for (int32_t k = a.seen0[u]; k < a.seen0[u + 1]; k++) {
            const normal_reference here = a.seen[k];
            const int32_t          row0 = a.element_row0[here.place], row_end = a.element_row0[here.place + 1];
            for (int32_t r = a.reference0[here.place] + (int32_t)threadIdx.x; r < a.reference0[here.place + 1];
                 r += (int32_t)blockDim.x) {
                const int32_t v = a.reference[r].place, local = a.reference[r].local, block_v = a.block_of[v];
                double        sum = 0.0;
                if (block_v > block || (block_v == block && a.place_of[v] > place)) continue;
                const int64_t offset = block_offset(&a, block, block_v);
                if (offset < 0) continue;
                for (int32_t i = row0; i < row_end; i++) {
                    const double *A_i = A + a.element_row[i] * a.row_size;
                    if (!a.own || a.own[a.element_row[i]] != 0.0) sum += A_i[here.local] * A_i[local];
                }
                H[offset + (int64_t)place * (a.exists[block_v]) + a.place_of[v]] += sum;
            }
            __syncthreads();
        }
    }
}

PDM_KERNEL(normal_sums_kernel, normal_args)
{
    const normal_run    run = a.run[blockIdx.x];
    const normal_expert e   = a.expert[run.expert];

    for (int64_t s = blockIdx.y; s < a.n_listed; s += gridDim.y) {
        const int32_t *exists = exists_of(&a, s), n_on = columns_on(&a, exists, run.expert);
        const int64_t  ld = exists[a.packed_at + a.n_block];
        double        *S  = a.S + s * a.n_box * a.n_unknown + run.box * ld + exists[a.packed_at + e.block] +
                    exists[a.place_at + run.expert];
        const double *J = a.J + s * a.j_size + e.j0;
        for (int32_t n = (int32_t)threadIdx.x; n < n_on; n += (int32_t)blockDim.x) {
            double sum = 0.0;
            for (int32_t k = run.first; k < run.end; k++)
                sum += a.unscale[a.row[e.row0 + a.run_row[k]]] * J[(int64_t)a.run_row[k] * n_on + n];
            S[n] = sum;
        }
    }
}

/* Rows of a box one after the other: they share unknowns. */
PDM_KERNEL(normal_identity_sums_kernel, normal_args)
{
    const int64_t box = blockIdx.x;

    for (int64_t s = blockIdx.y; s < a.n_listed; s += gridDim.y) {
        const double *A = a.A + a.index[s] * a.n_row * a.row_size;
        double       *S = a.S + (s * a.n_box + box) * a.n_unknown;
        for (int32_t k = a.child0[box]; k < a.child0[box + 1]; k++) {
            const int32_t row = a.child[k], element = a.row_element[row];
            for (int32_t r = a.reference0[element] + (int32_t)threadIdx.x; r < a.reference0[element + 1];
                 r += (int32_t)blockDim.x) {
                const int32_t v = a.reference[r].place;
                S[a.exists[a.packed_at + a.block_of[v]] + a.place_of[v]] +=
                    a.unscale[row] * A[row * a.row_size + a.reference[r].local];
            }
            __syncthreads();
        }
    }
}

PDM_KERNEL(normal_sums_up_kernel, normal_args)
{
    const int64_t t = item(), box = a.box0 + t / a.n_unknown, n = t % a.n_unknown;

    for (int64_t s = blockIdx.y; s < a.n_listed && t < a.n_boxes * a.n_unknown; s += gridDim.y) {
        const int64_t ld  = exists_of(&a, s)[a.packed_at + a.n_block];
        double       *S   = a.S + s * a.n_box * a.n_unknown;
        double        sum = 0.0;
        if (n >= ld) continue;
        for (int32_t k = a.child0[box]; k < a.child0[box + 1]; k++) sum += S[a.child[k] * ld + n];
        S[box * ld + n] = sum;
    }
}

PDM_KERNEL(normal_coarse_kernel, normal_args)
{
    __shared__ double       left[NORMAL_TILE][NORMAL_TILE], right[NORMAL_TILE][NORMAL_TILE];
    const normal_block_tile tile = a.block_tile[blockIdx.x];
    const int32_t           ti = (int32_t)threadIdx.x / NORMAL_TILE, tj = (int32_t)threadIdx.x % NORMAL_TILE;

    for (int64_t s = blockIdx.y; s < a.n_listed; s += gridDim.y) {
        const int32_t *exists = exists_of(&a, s), *packed0 = exists + a.packed_at;
        const int32_t  ni = exists[tile.i], nj = exists[tile.j];
        const int64_t  ld = packed0[a.n_block];
        const double  *S = a.S + s * a.n_box * a.n_unknown, *Si = S + packed0[tile.i] + tile.row,
                     *Sj = S + packed0[tile.j] + tile.column;
        double sum       = 0.0;
        if (tile.row >= ni || tile.column >= nj) continue;
        for (int64_t l = 1; l <= a.n_level; l++) {
            const int32_t *i = a.touched + 2 * (l * a.n_block + tile.i), *j = a.touched + 2 * (l * a.n_block + tile.j);
            const int64_t  end = a.level0[l] + (i[1] < j[1] ? i[1] : j[1]);
            for (int64_t first = a.level0[l] + (i[0] > j[0] ? i[0] : j[0]); first < end; first += NORMAL_TILE) {
                const int64_t box = first + ti;
                __syncthreads();
                left[ti][tj] = right[ti][tj] = 0.0;
                if (box < end && tile.row + tj < ni) left[ti][tj] = a.scale[box] * Si[box * ld + tj];
                if (box < end && tile.column + tj < nj) right[ti][tj] = a.scale[box] * Sj[box * ld + tj];
                __syncthreads();
                for (int32_t k = 0; k < NORMAL_TILE; k++) sum += left[k][ti] * right[k][tj];
            }
        }
        if (tile.row + ti < ni && tile.column + tj < nj && (tile.i != tile.j || tile.column + tj <= tile.row + ti))
            a.H[a.index[s] * a.n_value + a.offset[tile.entry] + (int64_t)(tile.row + ti) * nj + tile.column + tj] +=
                sum;
    }
}
