/* Dense FP64 kernels, written once over a vector type; each instruction set's file defines
 *   LANES                 doubles in a vector (vec; vec_load, vec_store, vec_set, vec_fma, vec_fnma, vec_sqrt)
 *   MR, NV                register tile: MR rows of NV vectors; MR is a multiple of LANES
 *   BATCH_ROWS            tile of the interleaved Cholesky: BATCH_ROWS x BATCH_COLS vectors
 * and includes this text. Everything is one form of the same step: a tile of C gathers sum_k a(i,k) b(k,j), a(i,k)
 * read as broadcast scalars at any strides, b(k,j) as vectors along j. Loops over the tile are unrolled, so that it
 * stays in registers. Sums run over k in order, in blocks whose size depends on the matrix sizes alone. */

#define ALWAYS  static inline __attribute__((always_inline))
#define ALIGNED __attribute__((aligned(64)))

enum {
    TILE_COLS   = NV * LANES,
    K_BLOCK     = 256,  /* longest sum between two updates of C                        */
    L1_DOUBLES  = 3072, /* 24 KiB: a block of b of this size is read in place          */
    LEAST_BLOCK = 32,   /* wider b: panels of WIDE_BLOCK rows are packed               */
    WIDE_BLOCK  = 128,
    POTRF_BASE  = 64, /* Cholesky in one piece up to here                            */
    SOLVE_MAX   = 256 /* largest triangle of trsm_*                                  */
};

/* MR rows of a: a(i,k) = row[i][k * step]. */
typedef struct tile_rows {
    const double *row[MR];
    pdm_size      step;
} tile_rows;

/* Rows beyond the last repeat it: computed, not stored. */
ALWAYS tile_rows rows_of(const double *a, pdm_size row_step, pdm_size k_step, pdm_size n_row)
{
    tile_rows t = {.step = k_step};
    for (int i = 0; i < MR; i++) t.row[i] = a + (i < n_row ? i : n_row - 1) * row_step;
    return t;
}

/* acc [MR][nv] = sum over k < n_k */
ALWAYS void tile_sum(pdm_size n_k, const tile_rows *a, const double *restrict b, pdm_size ldb, int nv, vec acc[MR][NV])
{
    const double *row[MR];
#pragma GCC unroll 8
    for (int i = 0; i < MR; i++) {
        row[i] = a->row[i];
#pragma GCC unroll 8
        for (int v = 0; v < nv; v++) acc[i][v] = vec_set(0.0);
    }
    for (pdm_size k = 0, at = 0; k < n_k; k++, at += a->step, b += ldb) {
        vec bv[NV];
#pragma GCC unroll 8
        for (int v = 0; v < nv; v++) bv[v] = vec_load(b + v * LANES);
#pragma GCC unroll 8
        for (int i = 0; i < MR; i++) {
            const vec av = vec_set(row[i][at]);
#pragma GCC unroll 8
            for (int v = 0; v < nv; v++) acc[i][v] = vec_fma(av, bv[v], acc[i][v]);
        }
    }
}

ALWAYS void tile_update(vec acc[MR][NV], int nv, double *restrict c, pdm_size ldc, pdm_cpu_update op)
{
#pragma GCC unroll 8
    for (int i = 0; i < MR; i++)
#pragma GCC unroll 8
        for (int v = 0; v < nv; v++) {
            double *at = c + i * ldc + v * LANES;
            if (op == PDM_CPU_SET)
                vec_store(at, acc[i][v]);
            else
                vec_store(at, op == PDM_CPU_ADD ? vec_load(at) + acc[i][v] : vec_load(at) - acc[i][v]);
        }
}

/* Part of a tile: rows < n_row, columns < n_col, and columns <= row + last (the diagonal). */
static void tile_update_part(const double *tile, pdm_size n_row, pdm_size n_col, pdm_size last, double *restrict c,
                             pdm_size ldc, pdm_cpu_update op)
{
    for (pdm_size i = 0; i < n_row; i++) {
        const double  *t   = tile + i * TILE_COLS;
        double        *row = c + i * ldc;
        const pdm_size n   = i + last + 1 < n_col ? i + last + 1 : n_col;
        if (op == PDM_CPU_SET)
            for (pdm_size j = 0; j < n; j++) row[j] = t[j];
        else if (op == PDM_CPU_ADD)
            for (pdm_size j = 0; j < n; j++) row[j] += t[j];
        else
            for (pdm_size j = 0; j < n; j++) row[j] -= t[j];
    }
}

/* What of a tile goes to C. last: column of the diagonal in the tile's row 0; no diagonal: a large number. */
typedef struct tile_place {
    double        *c;
    pdm_size       ldc, n_row, n_col, last;
    pdm_cpu_update op;
} tile_place;

ALWAYS void tile_nv(pdm_size n_k, const tile_rows *a, const double *b, pdm_size ldb, int nv, const tile_place *p)
{
    vec acc[MR][NV];
    tile_sum(n_k, a, b, ldb, nv, acc);
    if (p->n_row == MR && p->n_col == nv * LANES && p->last >= nv * LANES - 1) {
        if (p->op == PDM_CPU_SET)
            tile_update(acc, nv, p->c, p->ldc, PDM_CPU_SET);
        else if (p->op == PDM_CPU_ADD)
            tile_update(acc, nv, p->c, p->ldc, PDM_CPU_ADD);
        else
            tile_update(acc, nv, p->c, p->ldc, PDM_CPU_SUBTRACT);
    } else {
        double tile[MR * TILE_COLS] ALIGNED;
#pragma GCC unroll 8
        for (int i = 0; i < MR; i++)
#pragma GCC unroll 8
            for (int v = 0; v < nv; v++) vec_store(tile + i * TILE_COLS + v * LANES, acc[i][v]);
        tile_update_part(tile, p->n_row, p->n_col, p->last, p->c, p->ldc, p->op);
    }
}

static void tile(pdm_size n_k, const tile_rows *a, const double *b, pdm_size ldb, int nv, const tile_place *p)
{
    switch (nv) {
    case 1: tile_nv(n_k, a, b, ldb, 1, p); break;
    case 2: tile_nv(n_k, a, b, ldb, 2, p); break;
#if NV > 2
    case 3: tile_nv(n_k, a, b, ldb, 3, p); break;
#endif
    default: break;
    }
}

/* b [n_k][n_col] -> pack [n_k][nv*LANES], zeros beyond n_col */
static void pack_panel(pdm_size n_k, pdm_size n_col, int nv, const double *restrict b, pdm_size ldb,
                       double *restrict pack)
{
    const int last = nv - 1, n_last = (int)n_col - last * LANES;
    for (pdm_size k = 0; k < n_k; k++, b += ldb, pack += nv * LANES) {
        for (int v = 0; v < last; v++) vec_store(pack + v * LANES, vec_load(b + v * LANES));
        vec_store(pack + last * LANES,
                  n_last == LANES ? vec_load(b + last * LANES) : vec_load_part(b + last * LANES, n_last));
    }
}

static pdm_size least(pdm_size a, pdm_size b)
{
    return a < b ? a : b;
}

/* b [n_col][n_k] -> pack [n_k][nv*LANES]; beyond n_col the last row is repeated. */
static void pack_transposed(pdm_size n_k, pdm_size n_col, int nv, const double *restrict b, pdm_size ldb,
                            double *restrict pack)
{
    const pdm_size width = nv * LANES;
    for (pdm_size j = 0; j < width; j += LANES) {
        pdm_size k = 0;
        for (; k + LANES <= n_k; k += LANES) {
            vec v[LANES];
#pragma GCC unroll 8
            for (int l = 0; l < LANES; l++) v[l] = vec_load(b + least(j + l, n_col - 1) * ldb + k);
            vec_transpose(v);
#pragma GCC unroll 8
            for (int l = 0; l < LANES; l++) vec_store(pack + (k + l) * width + j, v[l]);
        }
        for (; k < n_k; k++)
            for (int l = 0; l < LANES; l++) pack[k * width + j + l] = b[least(j + l, n_col - 1) * ldb + k];
    }
}

/* The way back: pack [n_k][n_col, rounded up to LANES] -> b [n_col][n_k] */
static void unpack_transposed(pdm_size n_k, pdm_size n_col, const double *restrict pack, pdm_size width,
                              double *restrict b, pdm_size ldb)
{
    for (pdm_size j = 0; j < n_col; j += LANES) {
        const int n = (int)least(LANES, n_col - j);
        pdm_size  k = 0;
        for (; k + LANES <= n_k; k += LANES) {
            vec v[LANES];
#pragma GCC unroll 8
            for (int l = 0; l < LANES; l++) v[l] = vec_load(pack + (k + l) * width + j);
            vec_transpose(v);
#pragma GCC unroll 8
            for (int l = 0; l < LANES; l++)
                if (l < n) vec_store(b + (j + l) * ldb + k, v[l]);
        }
        for (; k < n_k; k++)
            for (int l = 0; l < n; l++) b[(j + l) * ldb + k] = pack[k * width + j + l];
    }
}

/* Vectors of the next panel when n are left: panels of nearly equal width, so that few are a single vector. */
static int panel_vectors(pdm_size n)
{
    return (int)((n + (n + NV - 1) / NV - 1) / ((n + NV - 1) / NV));
}

typedef enum matrix_part { WHOLE, LOWER } matrix_part;
typedef enum matrix_form { PLAIN, TRANSPOSED } matrix_form;

/* a(i,k) = p[i*row + k*col] */
typedef struct left_matrix {
    const double *p;
    pdm_size      row, col;
} left_matrix;

/* C [n_i][n_j] (op) a b; b [n_k][n_j], or [n_j][n_k] when TRANSPOSED. */
static void multiply(pdm_size n_i, pdm_size n_j, pdm_size n_k, left_matrix a, const double *b, pdm_size ldb,
                     matrix_form form, double *c, pdm_size ldc, pdm_cpu_update op, matrix_part part)
{
    double         pack[K_BLOCK * TILE_COLS] ALIGNED;
    const pdm_size fit   = L1_DOUBLES / (n_j > 0 ? n_j : 1);
    const bool     wide  = fit < LEAST_BLOCK || ldb > 2 * n_j; /* far rows share few sets of the cache */
    const pdm_size block = wide || form == TRANSPOSED ? WIDE_BLOCK : least(fit, K_BLOCK);

    if (op == PDM_CPU_SET && n_k == 0)
        for (pdm_size i = 0; i < n_i; i++)
            for (pdm_size j = 0; j < (part == LOWER ? i + 1 : n_j); j++) c[i * ldc + j] = 0.0;
    for (pdm_size k0 = 0; k0 < n_k; k0 += block) {
        const pdm_size kn = least(block, n_k - k0);
        for (pdm_size j0 = 0, nv; j0 < n_j; j0 += nv * LANES) {
            nv                   = panel_vectors((n_j - j0 + LANES - 1) / LANES);
            const pdm_size n_col = least(nv * LANES, n_j - j0);
            const double  *panel = b + k0 * ldb + j0;
            pdm_size       step  = ldb;
            if (form == TRANSPOSED)
                pack_transposed(kn, n_col, (int)nv, b + j0 * ldb + k0, ldb, pack);
            else if (wide || n_col < nv * LANES)
                pack_panel(kn, n_col, (int)nv, panel, ldb, pack);
            if (form == TRANSPOSED || wide || n_col < nv * LANES) {
                panel = pack;
                step  = nv * LANES;
            }
            for (pdm_size i0 = part == LOWER ? j0 / MR * MR : 0; i0 < n_i; i0 += MR) {
                const tile_rows  rows  = rows_of(a.p + i0 * a.row + k0 * a.col, a.row, a.col, n_i - i0);
                const pdm_size   last  = part == LOWER ? i0 - j0 : n_j; /* up to the diagonal only */
                const pdm_size   used  = least(nv, (last + MR - 1) / LANES + 1);
                const tile_place place = {
                    c + i0 * ldc + j0,          ldc,  least(MR, n_i - i0),
                    least(n_col, used * LANES), last, op == PDM_CPU_SET && k0 > 0 ? PDM_CPU_ADD : op};
                tile(kn, &rows, panel, step, (int)used, &place);
            }
        }
    }
}

static void syrk_tn(pdm_size m, pdm_size n, const double *J, pdm_size ldj, double *H, pdm_size ldh, pdm_cpu_update op)
{
    multiply(n, n, m, (left_matrix){J, 1, ldj}, J, ldj, PLAIN, H, ldh, op, LOWER);
}

static void gemm_tn(pdm_size m, pdm_size n1, pdm_size n2, const double *J1, pdm_size ld1, const double *J2,
                    pdm_size ld2, double *C, pdm_size ldc, pdm_cpu_update op)
{
    multiply(n1, n2, m, (left_matrix){J1, 1, ld1}, J2, ld2, PLAIN, C, ldc, op, WHOLE);
}

static void gemm_nn(pdm_size m, pdm_size n, pdm_size k, const double *A, pdm_size lda, const double *B, pdm_size ldb,
                    double *C, pdm_size ldc, pdm_cpu_update op)
{
    multiply(m, n, k, (left_matrix){A, lda, 1}, B, ldb, PLAIN, C, ldc, op, WHOLE);
}

static void gemm_nt(pdm_size m, pdm_size n, pdm_size k, const double *A, pdm_size lda, const double *B, pdm_size ldb,
                    double *C, pdm_size ldc, pdm_cpu_update op)
{
    multiply(m, n, k, (left_matrix){A, lda, 1}, B, ldb, TRANSPOSED, C, ldc, op, WHOLE);
}

static void syrk_nt(pdm_size n, pdm_size k, const double *A, pdm_size lda, double *C, pdm_size ldc, pdm_cpu_update op)
{
    multiply(n, n, k, (left_matrix){A, lda, 1}, A, lda, TRANSPOSED, C, ldc, op, LOWER);
}

/* ---- triangles ---- */

/* An MR x MR lower triangle for forward substitution, padded with the identity. */
typedef struct corner {
    double below[MR][MR], inverse[MR]; /* below[r][s], s < r; 1 / diagonal */
} corner;

/* L(r,s) = p[r*row + s*col], r, s < n */
static corner corner_of(const double *p, pdm_size row, pdm_size col, pdm_size n)
{
    corner t;
    for (int r = 0; r < MR; r++) {
        for (int s = 0; s < r; s++) t.below[r][s] = r < n ? p[r * row + s * col] : 0.0;
        t.inverse[r] = r < n ? 1.0 / p[r * (row + col)] : 1.0;
    }
    return t;
}

ALWAYS void corner_solve(const corner *t, int nv, vec acc[MR][NV])
{
#pragma GCC unroll 8
    for (int r = 0; r < MR; r++) {
        const vec inverse = vec_set(t->inverse[r]);
#pragma GCC unroll 8
        for (int v = 0; v < nv; v++) acc[r][v] *= inverse;
#pragma GCC unroll 8
        for (int s = r + 1; s < MR; s++) {
            const vec below = vec_set(t->below[s][r]);
#pragma GCC unroll 8
            for (int v = 0; v < nv; v++) acc[s][v] = vec_fnma(below, acc[r][v], acc[s][v]);
        }
    }
}

/* x [n_row <= MR][nv*LANES] = (x - sum_k a(i,k) b(k,.)) / corner */
ALWAYS void solve_tile_nv(pdm_size n_k, const tile_rows *a, const double *b, pdm_size ldb, const corner *t, int nv,
                          double *x, pdm_size ldx, pdm_size n_row)
{
    vec acc[MR][NV];
    tile_sum(n_k, a, b, ldb, nv, acc);
#pragma GCC unroll 8
    for (int i = 0; i < MR; i++)
#pragma GCC unroll 8
        for (int v = 0; v < nv; v++) acc[i][v] = vec_load(x + (i < n_row ? i : 0) * ldx + v * LANES) - acc[i][v];
    corner_solve(t, nv, acc);
#pragma GCC unroll 8
    for (int i = 0; i < MR; i++)
        if (i < n_row)
#pragma GCC unroll 8
            for (int v = 0; v < nv; v++) vec_store(x + i * ldx + v * LANES, acc[i][v]);
}

static void solve_tile(pdm_size n_k, const tile_rows *a, const double *b, pdm_size ldb, const corner *t, int nv,
                       double *x, pdm_size ldx, pdm_size n_row)
{
    switch (nv) {
    case 1: solve_tile_nv(n_k, a, b, ldb, t, 1, x, ldx, n_row); break;
    case 2: solve_tile_nv(n_k, a, b, ldb, t, 2, x, ldx, n_row); break;
#if NV > 2
    case 3: solve_tile_nv(n_k, a, b, ldb, t, 3, x, ldx, n_row); break;
#endif
    default: break;
    }
}

/* L x = b on a panel x [n][nv*LANES], in place. */
static void solve_panel(pdm_size n, const double *L, pdm_size ldl, int nv, double *x, pdm_size ldx)
{
    for (pdm_size j = 0; j < n; j += MR) {
        const tile_rows rows = rows_of(L + j * ldl, ldl, 1, n - j);
        const corner    t    = corner_of(L + j * (ldl + 1), ldl, 1, least(MR, n - j));
        solve_tile(j, &rows, x, ldx, &t, nv, x + j * ldx, ldx, least(MR, n - j));
    }
}

static void trsm_right(pdm_size m, pdm_size n, const double *L, pdm_size ldl, double *B, pdm_size ldb)
{
    double panel[SOLVE_MAX * TILE_COLS] ALIGNED; /* B^T: [n][nv*LANES] */
    for (pdm_size i0 = 0, nv; i0 < m; i0 += nv * LANES) {
        nv                   = panel_vectors((m - i0 + LANES - 1) / LANES);
        const pdm_size n_col = least(nv * LANES, m - i0), width = nv * LANES;
        pack_transposed(n, n_col, (int)nv, B + i0 * ldb, ldb, panel);
        solve_panel(n, L, ldl, (int)nv, panel, width);
        unpack_transposed(n, n_col, panel, width, B + i0 * ldb, ldb);
    }
}

static void trsm_forward(pdm_size n, pdm_size n_rhs, const double *L, pdm_size ldl, double *B, pdm_size ldb)
{
    double panel[SOLVE_MAX * TILE_COLS] ALIGNED;
    for (pdm_size j0 = 0, nv; j0 < n_rhs; j0 += nv * LANES) {
        nv                   = panel_vectors((n_rhs - j0 + LANES - 1) / LANES);
        const pdm_size n_col = least(nv * LANES, n_rhs - j0), width = nv * LANES;
        pack_panel(n, n_col, (int)nv, B + j0, ldb, panel);
        solve_panel(n, L, ldl, (int)nv, panel, width);
        for (pdm_size i = 0; i < n; i++)
            for (pdm_size j = 0; j < n_col; j++) B[i * ldb + j0 + j] = panel[i * width + j];
    }
}

/* Row by row from the last: x_i /= L_ii, then row i of L takes its share from all rows above. */
static void trsm_backward(pdm_size n, pdm_size n_rhs, const double *L, pdm_size ldl, double *B, pdm_size ldb)
{
    for (pdm_size i = n - 1; i >= 0; i--) {
        double *restrict x   = B + i * ldb;
        const double inverse = 1.0 / L[i * ldl + i];
        for (pdm_size j = 0; j < n_rhs; j++) x[j] *= inverse;
        for (pdm_size k = 0; k < i; k++) {
            const double l = L[i * ldl + k];
            for (pdm_size j = 0; j < n_rhs; j++) B[k * ldb + j] -= l * x[j];
        }
    }
}

/* ---- vectors: DOT_ROWS rows of A at a time ---- */

enum { DOT_ROWS = 4 };

/* sum [DOT_ROWS] of A [n_row <= DOT_ROWS][n] x; rows beyond n_row repeat the last. */
static void dot_rows(pdm_size n_row, pdm_size n, const double *A, pdm_size lda, const double *restrict x,
                     double sum[DOT_ROWS])
{
    const double *row[DOT_ROWS];
    vec           s[DOT_ROWS];
    pdm_size      j = 0;
    for (int i = 0; i < DOT_ROWS; i++) {
        row[i] = A + (i < n_row ? i : n_row - 1) * lda;
        s[i]   = vec_set(0.0);
    }
    for (; j + LANES <= n; j += LANES)
        for (int i = 0; i < DOT_ROWS; i++) s[i] = vec_fma(vec_load(row[i] + j), vec_load(x + j), s[i]);
    for (int i = 0; i < DOT_ROWS; i++) {
        sum[i] = vec_sum(s[i]);
        for (pdm_size l = j; l < n; l++) sum[i] += row[i][l] * x[l];
    }
}

/* y [n] -= sum over n_row rows of x_i A_i */
static void subtract_rows(pdm_size n_row, pdm_size n, const double *A, pdm_size lda, const double *x,
                          double *restrict y)
{
    const double *row[DOT_ROWS];
    vec           f[DOT_ROWS];
    pdm_size      j = 0;
    for (int i = 0; i < DOT_ROWS; i++) {
        row[i] = A + (i < n_row ? i : n_row - 1) * lda;
        f[i]   = vec_set(i < n_row ? x[i] : 0.0);
    }
    for (; j + LANES <= n; j += LANES) {
        vec sum = vec_load(y + j);
        for (int i = 0; i < DOT_ROWS; i++) sum = vec_fnma(f[i], vec_load(row[i] + j), sum);
        vec_store(y + j, sum);
    }
    for (; j < n; j++)
        for (pdm_size i = 0; i < n_row; i++) y[j] -= x[i] * row[i][j];
}

static void gemv_n(pdm_size m, pdm_size n, const double *A, pdm_size lda, const double *x, double *y)
{
    for (pdm_size i = 0; i < m; i += DOT_ROWS) {
        double sum[DOT_ROWS];
        dot_rows(least(DOT_ROWS, m - i), n, A + i * lda, lda, x, sum);
        for (pdm_size r = 0; r < DOT_ROWS && i + r < m; r++) y[i + r] -= sum[r];
    }
}

static void gemv_t(pdm_size m, pdm_size n, const double *A, pdm_size lda, const double *x, double *y)
{
    for (pdm_size i = 0; i < m; i += DOT_ROWS) subtract_rows(least(DOT_ROWS, m - i), n, A + i * lda, lda, x + i, y);
}

static void trsv_forward(pdm_size n, const double *L, pdm_size ldl, double *x)
{
    for (pdm_size i = 0; i < n; i += DOT_ROWS) {
        const pdm_size n_row = least(DOT_ROWS, n - i);
        double         sum[DOT_ROWS];
        dot_rows(n_row, i, L + i * ldl, ldl, x, sum);
        for (pdm_size r = 0; r < n_row; r++) {
            const double *row = L + (i + r) * ldl + i;
            double        v   = x[i + r] - sum[r];
            for (pdm_size s = 0; s < r; s++) v -= row[s] * x[i + s];
            x[i + r] = v / row[r];
        }
    }
}

static void trsv_backward(pdm_size n, const double *L, pdm_size ldl, double *x)
{
    for (pdm_size i = n > 0 ? (n - 1) / DOT_ROWS * DOT_ROWS : -1; i >= 0; i -= DOT_ROWS) {
        const pdm_size n_row = least(DOT_ROWS, n - i);
        for (pdm_size r = n_row - 1; r >= 0; r--) {
            const double *row = L + (i + r) * ldl + i;
            x[i + r] /= row[r];
            for (pdm_size s = 0; s < r; s++) x[i + s] -= row[s] * x[i + r];
        }
        subtract_rows(n_row, i, L + i * ldl, ldl, x + i, x);
    }
}

/* ---- Cholesky of one matrix ---- */

static bool pivot_is_good(double d)
{
    return d > 0.0 && d <= DBL_MAX;
}

/* Upper triangle of the corner u [MR][MR] (ldu apart) = U^T U in place; t: U^T, for the rest of the rows. */
static int32_t corner_factor(double *u, pdm_size ldu, corner *t)
{
    for (int r = 0; r < MR; r++) {
        const double d = u[r * ldu + r];
        if (!pivot_is_good(d)) return 1 + r;
        const double root = sqrt(d), inverse = 1.0 / root;
        t->inverse[r]  = inverse;
        u[r * ldu + r] = root;
        for (int j = r + 1; j < MR; j++) {
            u[r * ldu + j] *= inverse;
            t->below[j][r] = u[r * ldu + j];
        }
        for (int i = r + 1; i < MR; i++)
            for (int j = i; j < MR; j++) u[i * ldu + j] -= u[r * ldu + i] * u[r * ldu + j];
    }
    return 0;
}

/* a [LANES][n] -> u [n][LANES], n a multiple of LANES */
static void transpose_rows(pdm_size n, const double *restrict a, pdm_size lda, double *restrict u, pdm_size ldu)
{
    for (pdm_size j = 0; j < n; j += LANES) {
        vec v[LANES];
#pragma GCC unroll 8
        for (int l = 0; l < LANES; l++) v[l] = vec_load(a + l * lda + j);
        vec_transpose(v);
#pragma GCC unroll 8
        for (int l = 0; l < LANES; l++) vec_store(u + (j + l) * ldu, v[l]);
    }
}

/* Up to POTRF_BASE: U = L^T row by row in a padded copy, so that all sums run over vectors along a row of U. The
 * padding is the identity. */
static int32_t potrf_base(pdm_size n, double *A, pdm_size lda)
{
    double         u[POTRF_BASE * POTRF_BASE] ALIGNED;
    const pdm_size width = (n + MR - 1) / MR * MR;

    /* whole blocks of LANES rows; what they bring from above the diagonal is not used */
    for (pdm_size i = 0; i + LANES <= n; i += LANES) transpose_rows(i + LANES, A + i * lda, lda, u + i, width);
    for (pdm_size i = n / LANES * LANES; i < width; i++)
        for (pdm_size j = 0; j <= i; j++) u[j * width + i] = i < n ? A[i * lda + j] : i == j ? 1.0 : 0.0;
    for (pdm_size k = 0; k < width; k += MR) {
        const tile_rows  rows  = rows_of(u + k, 1, width, MR);
        double          *x     = u + k * width;
        const tile_place place = {x + k, width, MR, MR, MR, PDM_CPU_SUBTRACT};
        corner           t;
        tile(k, &rows, u + k, width, MR / LANES, &place);
        const int32_t failed = corner_factor(x + k, width, &t);
        if (failed) return (int32_t)k + failed;
        for (pdm_size j = k + MR, nv; j < width; j += nv * LANES) {
            nv = panel_vectors((width - j) / LANES);
            solve_tile(k, &rows, u + j, width, &t, (int)nv, x + j, width, MR);
        }
    }
    for (pdm_size i = 0; i < n; i += LANES) { /* blocks of LANES columns of U; their corner on the diagonal by itself */
        const int n_row = (int)least(LANES, n - i);
        unpack_transposed(i, n_row, u + i, width, A + i * lda, lda);
        for (pdm_size r = i; r < i + n_row; r++)
            for (pdm_size j = i; j <= r; j++) A[r * lda + j] = u[j * width + r];
    }
    return 0;
}

/* Blocks of POTRF_BASE columns: factor the corner, solve below it, update what is right of it. */
static int32_t potrf(pdm_size n, double *A, pdm_size lda)
{
    for (pdm_size k = 0; k < n; k += POTRF_BASE) {
        const pdm_size nb = least(POTRF_BASE, n - k), rest = n - k - nb;
        double        *corner_k = A + k * (lda + 1), *below = corner_k + nb * lda;
        const int32_t  failed = potrf_base(nb, corner_k, lda);
        if (failed) return (int32_t)k + failed;
        trsm_right(rest, nb, corner_k, lda, below, lda);
        syrk_nt(rest, nb, below, lda, below + nb, lda, PDM_CPU_SUBTRACT);
    }
    return 0;
}

/* ---- Cholesky of many matrices, one a lane ---- */

/* Entry (i,j) of the lower triangle of all LANES matrices: one vector. */
ALWAYS double *lane_entry(double *l, pdm_size i, pdm_size j)
{
    return l + (i * (i + 1) / 2 + j) * LANES;
}

/* acc = rows i .. i+n_row of columns j .. j+n_col (0 above the diagonal), less what columns < j give. */
ALWAYS void lanes_sum(double *l, pdm_size i, pdm_size j, int n_row, int n_col, vec acc[BATCH_ROWS][BATCH_COLS])
{
    const double *row[BATCH_ROWS], *col[BATCH_COLS];
#pragma GCC unroll 8
    for (int r = 0; r < n_row; r++) {
        row[r] = lane_entry(l, i + r, 0);
#pragma GCC unroll 8
        for (int c = 0; c < n_col; c++)
            acc[r][c] = i + r >= j + c ? vec_load(lane_entry(l, i + r, j + c)) : vec_set(0.0);
    }
#pragma GCC unroll 8
    for (int c = 0; c < n_col; c++) col[c] = lane_entry(l, j + c, 0);
    for (pdm_size k = 0; k < j * LANES; k += LANES)
#pragma GCC unroll 8
        for (int r = 0; r < n_row; r++) {
            const vec a = vec_load(row[r] + k);
#pragma GCC unroll 8
            for (int c = 0; c < n_col; c++) acc[r][c] = vec_fnma(a, vec_load(col[c] + k), acc[r][c]);
        }
}

/* Diagonal block j .. j+n_col: factor; inverse: 1 / diagonal; failed [LANES]. */
ALWAYS void lanes_corner(double *l, pdm_size j, int n_col, vec inverse[BATCH_COLS], int32_t *failed)
{
#pragma GCC unroll 8
    for (int c = 0; c < n_col; c++) {
        double *at_c = lane_entry(l, j + c, j);
#pragma GCC unroll 8
        for (int r = c; r < n_col; r++) {
            double *at_r = lane_entry(l, j + r, j);
            vec     v    = vec_load(at_r + c * LANES);
#pragma GCC unroll 8
            for (int k = 0; k < c; k++) v = vec_fnma(vec_load(at_r + k * LANES), vec_load(at_c + k * LANES), v);
            if (r == c) {
                for (int lane = 0; lane < LANES; lane++)
                    if (!pivot_is_good(v[lane]) && failed[lane] == 0) failed[lane] = 1 + (int32_t)j + c;
                v          = vec_sqrt(v);
                inverse[c] = vec_set(1.0) / v;
            } else {
                v *= inverse[c];
            }
            vec_store(at_r + c * LANES, v);
        }
    }
}

/* Rows below the diagonal block. */
ALWAYS void lanes_below(double *l, pdm_size i, pdm_size j, int n_row, int n_col, const vec inverse[BATCH_COLS])
{
    vec acc[BATCH_ROWS][BATCH_COLS];
    lanes_sum(l, i, j, n_row, n_col, acc);
#pragma GCC unroll 8
    for (int c = 0; c < n_col; c++)
#pragma GCC unroll 8
        for (int r = 0; r < n_row; r++) {
#pragma GCC unroll 8
            for (int k = 0; k < c; k++)
                acc[r][c] = vec_fnma(acc[r][k], vec_load(lane_entry(l, j + c, j + k)), acc[r][c]);
            acc[r][c] *= inverse[c];
            vec_store(lane_entry(l, i + r, j + c), acc[r][c]);
        }
}

ALWAYS void lanes_columns(double *l, pdm_size n, pdm_size j, int n_col, int32_t *failed)
{
    vec inverse[BATCH_COLS];
    for (int r = 0; r < n_col; r++) {
        vec acc[BATCH_ROWS][BATCH_COLS];
        lanes_sum(l, j + r, j, 1, n_col, acc);
        for (int c = 0; c <= r; c++) vec_store(lane_entry(l, j + r, j + c), acc[0][c]);
    }
    lanes_corner(l, j, n_col, inverse, failed);
    pdm_size i = j + n_col;
    for (; i + BATCH_ROWS <= n; i += BATCH_ROWS) lanes_below(l, i, j, BATCH_ROWS, n_col, inverse);
    for (; i < n; i++) lanes_below(l, i, j, 1, n_col, inverse);
}

/* A [LANES][n][n]; n_matrix < LANES: the missing ones repeat the last. */
static void potrf_lanes(pdm_size n_matrix, pdm_size n, double *A, int32_t *failed)
{
    double   l[PDM_CPU_BATCH_MAX * (PDM_CPU_BATCH_MAX + 1) / 2 * LANES] ALIGNED;
    int32_t  lane_failed[LANES] = {0};
    pdm_size j                  = 0;

    for (pdm_size i = 0; i < n; i++) pack_transposed(i + 1, n_matrix, 1, A + i * n, n * n, lane_entry(l, i, 0));
    for (; j + BATCH_COLS <= n; j += BATCH_COLS) lanes_columns(l, n, j, BATCH_COLS, lane_failed);
    for (; j < n; j++) lanes_columns(l, n, j, 1, lane_failed);
    for (pdm_size i = 0; i < n; i++) unpack_transposed(i + 1, n_matrix, lane_entry(l, i, 0), LANES, A + i * n, n * n);
    for (pdm_size lane = 0; lane < n_matrix; lane++) failed[lane] = lane_failed[lane];
}

static void potrf_batched(pdm_size batch, pdm_size n, double *A, int32_t *failed)
{
    for (pdm_size i = 0; i < batch; i += LANES) potrf_lanes(least(LANES, batch - i), n, A + i * n * n, failed + i);
}
