/* Back ends: buffers and their misuse, kernels of every instruction set against plain loops, programs, vectors. */
#include <check.h>
#include <float.h>
#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "backend/backend.h"
#include "backend/check/check.h"
#include "backend/cpu/cpu_impl.h"

static const char *const BACKENDS[] = {"cpu", "check", "bare", "cuda"};
#ifdef PDM_TEST_CUDA /* on the double of its toolkit */
enum { N_BACKEND = 4 };
#else
enum { N_BACKEND = 3 };
#endif
enum { N_CPU = 2, MAX_ISA = 3 }; /* N_CPU: those that are the CPU */

static pdm_context *ctx;

static void set_up(void)
{
    ck_assert_int_eq(pdm_context_create(NULL, &ctx), PDM_OK);
}
static void tear_down(void)
{
    ck_assert_int_eq(pdm_context_destroy(&ctx), 0);
}

/* Kernels number i, or NULL when there is no such one or the machine cannot run them. */
static const pdm_cpu_kernels *isa(int i)
{
    const pdm_cpu_kernels *const *k = pdm_cpu_kernels_all();
    while (i > 0 && *k) {
        k++;
        i--;
    }
    return *k && pdm_cpu_kernels_supported(*k) ? *k : NULL;
}

static double *doubles(pdm_size n)
{
    double *p = NULL;
    ck_assert_int_eq(pdm_alloc_array(ctx, n, &p), PDM_OK);
    return p;
}

/* Numbers in (-1, 1), a function of `stream` alone. */
static double *numbers(pdm_size n, uint64_t stream)
{
    double              *p   = doubles(n);
    const pdm_random_key key = {7, PDM_RANDOM_CHECK, stream};
    for (pdm_size i = 0; i < n; i++) p[i] = 2.0 * pdm_random_uniform(key, (uint64_t)i) - 1.0;
    return p;
}

/* ---- products ---- */

typedef enum product { SYRK_TN, GEMM_TN, GEMM_NN, GEMM_NT, SYRK_NT, N_PRODUCT } product;

typedef struct product_case {
    pdm_size n_i, n_j, n_k;
} product_case;
static const product_case PRODUCTS[] = {{1, 1, 1},      {2, 3, 5},     {3, 2, 17},   {4, 4, 0},    {4, 4, 64},
                                        {5, 7, 3},      {7, 13, 257},  {8, 8, 256},  {11, 12, 31}, {12, 24, 100},
                                        {13, 25, 513},  {16, 16, 700}, {16, 48, 16}, {17, 9, 16},  {24, 24, 40},
                                        {31, 33, 129},  {48, 1, 300},  {1, 48, 300}, {64, 64, 64}, {65, 63, 127},
                                        {100, 30, 200}, {130, 130, 5}, {256, 40, 33}};
enum { N_PRODUCT_CASE = sizeof PRODUCTS / sizeof *PRODUCTS };

static void run_product(const pdm_cpu_kernels *k, product p, product_case s, const double *A, pdm_size lda,
                        const double *B, pdm_size ldb, double *C, pdm_size ldc, pdm_cpu_update op)
{
    switch (p) {
    case SYRK_TN: k->syrk_tn(s.n_k, s.n_i, A, lda, C, ldc, op); break;
    case GEMM_TN: k->gemm_tn(s.n_k, s.n_i, s.n_j, A, lda, B, ldb, C, ldc, op); break;
    case GEMM_NN: k->gemm_nn(s.n_i, s.n_j, s.n_k, A, lda, B, ldb, C, ldc, op); break;
    case GEMM_NT: k->gemm_nt(s.n_i, s.n_j, s.n_k, A, lda, B, ldb, C, ldc, op); break;
    case SYRK_NT: k->syrk_nt(s.n_i, s.n_k, A, lda, C, ldc, op); break;
    case N_PRODUCT: break;
    }
}

/* Largest |C - plain loop| / (eps n_k sum |a||b| + eps |C0|) over the part that is to be written; elements that are not
 * to be written must be as before: infinity otherwise. */
static double product_error(const pdm_cpu_kernels *k, product p, product_case s, pdm_cpu_update op, pdm_size gap)
{
    const bool lower = p == SYRK_TN || p == SYRK_NT, a_by_k = p == SYRK_TN || p == GEMM_TN;
    if (lower) s.n_j = s.n_i;
    const pdm_size lda = (a_by_k ? s.n_i : s.n_k) + gap, ldb = (p == GEMM_NT ? s.n_k : s.n_j) + gap, ldc = s.n_j + gap;
    const pdm_size rows_a = a_by_k ? s.n_k : s.n_i, rows_b = p == GEMM_NT ? s.n_j : s.n_k;
    double *A = numbers(rows_a * lda, 1), *B = lower ? NULL : numbers(rows_b * ldb, 2), *C0 = numbers(s.n_i * ldc, 3),
           *C    = numbers(s.n_i * ldc, 3);
    double worst = 0.0;

    run_product(k, p, s, A, lda, B, ldb, C, ldc, op);
    for (pdm_size i = 0; i < s.n_i; i++)
        for (pdm_size j = 0; j < ldc; j++) {
            const double before = C0[i * ldc + j], after = C[i * ldc + j];
            double       sum = 0.0, size = 0.0;
            if (j >= s.n_j || (lower && j > i)) {
                if (before != after) worst = INFINITY;
                continue;
            }
            for (pdm_size l = 0; l < s.n_k; l++) {
                const double a = a_by_k ? A[l * lda + i] : A[i * lda + l];
                const double b = p == SYRK_TN   ? A[l * lda + j]
                                 : p == SYRK_NT ? A[j * lda + l]
                                 : p == GEMM_NT ? B[j * ldb + l]
                                                : B[l * ldb + j];
                sum += a * b;
                size += fabs(a * b);
            }
            const double expected = op == PDM_CPU_SET ? sum : op == PDM_CPU_ADD ? before + sum : before - sum;
            const double error =
                fabs(after - expected) / (DBL_EPSILON * ((double)s.n_k * size + fabs(before) + DBL_MIN));
            if (!(error <= worst)) worst = error;
        }
    pdm_free(ctx, A);
    pdm_free(ctx, B);
    pdm_free(ctx, C);
    pdm_free(ctx, C0);
    return worst;
}

START_TEST(test_products)
    {
        const pdm_cpu_kernels *k = isa(_i / N_PRODUCT);
        if (!k) return;
        for (int c = 0; c < N_PRODUCT_CASE; c++)
            for (int op = PDM_CPU_SET; op <= PDM_CPU_SUBTRACT; op++)
                for (pdm_size gap = 0; gap <= 3; gap += 3) {
                    const double error =
                        product_error(k, (product)(_i % N_PRODUCT), PRODUCTS[c], (pdm_cpu_update)op, gap);
                    ck_assert_msg(error <= 8.0, "%s, product %d, case %d, update %d, gap %d: error %g", k->isa,
                                  _i % N_PRODUCT, c, op, (int)gap, error);
                }
    }
END_TEST

/* Large sizes, OpenBLAS included, by a random vector: H x = J^T (J x). */
START_TEST(test_products_by_vector)
    {
        const pdm_size         m = 3000, sizes[] = {16, 64, 150, 300};
        const pdm_cpu_kernels *k = isa(_i / 4);
        if (!k) return;
        const pdm_size n = sizes[_i % 4];
        double        *J = numbers(m * n, 1), *x = numbers(n, 2), *H = doubles(n * n), *y = doubles(m);
        pdm_cpu_syrk_tn(k, m, n, J, n, H, n, PDM_CPU_SET);
        for (pdm_size i = 0; i < m; i++)
            for (pdm_size j = 0; j < n; j++) y[i] += J[i * n + j] * x[j];
        for (pdm_size i = 0; i < n; i++) {
            double left = 0.0, right = 0.0;
            for (pdm_size j = 0; j < n; j++) left += (j <= i ? H[i * n + j] : H[j * n + i]) * x[j];
            for (pdm_size l = 0; l < m; l++) right += J[l * n + i] * y[l];
            ck_assert_double_le(fabs(left - right), 8.0 * DBL_EPSILON * (double)(m * n)); /* |J|, |x| <= 1 */
        }
        pdm_free(ctx, J);
        pdm_free(ctx, x);
        pdm_free(ctx, H);
        pdm_free(ctx, y);
    }
END_TEST

/* ---- Cholesky and triangles ---- */

static const pdm_size ORDERS[] = {1,  2,  3,  4,  5,  7,  8,  9,  12,  15,  16,  17,  24,
                                  31, 32, 33, 48, 63, 64, 65, 96, 128, 130, 200, 256, 300};
enum { N_ORDER = sizeof ORDERS / sizeof *ORDERS };

/* B B^T / n + 1 */
static double *positive(pdm_size n, uint64_t stream)
{
    double *B = numbers(n * n, stream), *A = doubles(n * n);
    for (pdm_size i = 0; i < n; i++)
        for (pdm_size j = 0; j < n; j++) {
            for (pdm_size l = 0; l < n; l++) A[i * n + j] += B[i * n + l] * B[j * n + l] / (double)n;
            if (i == j) A[i * n + j] += 1.0;
        }
    pdm_free(ctx, B);
    return A;
}

/* max |L L^T - A| / (eps n max A): at most a small constant for a backward stable factor. */
static double factor_error(pdm_size n, const double *L, pdm_size ldl, const double *A)
{
    double worst = 0.0, size = 0.0;
    for (pdm_size i = 0; i < n; i++)
        for (pdm_size j = 0; j <= i; j++) {
            double sum = 0.0;
            for (pdm_size l = 0; l <= j; l++) sum += L[i * ldl + l] * L[j * ldl + l];
            const double error = fabs(sum - A[i * n + j]);
            if (!(error <= worst)) worst = error;
            if (fabs(A[i * n + j]) > size) size = fabs(A[i * n + j]);
        }
    return worst / (DBL_EPSILON * (double)n * size);
}

START_TEST(test_potrf)
    {
        const pdm_cpu_kernels *k = isa(_i / N_ORDER);
        if (!k) return;
        const pdm_size n = ORDERS[_i % N_ORDER], ld = n + 3;
        double        *A = positive(n, 1), *L = doubles(n * ld);
        for (pdm_size i = 0; i < n; i++)
            for (pdm_size j = 0; j < ld; j++) L[i * ld + j] = j <= i ? A[i * n + j] : 777.0;
        ck_assert_int_eq(pdm_cpu_potrf(k, n, L, ld), 0);
        ck_assert_double_le(factor_error(n, L, ld, A), 8.0);
        for (pdm_size i = 0; i < n; i++)
            for (pdm_size j = i + 1; j < ld; j++) ck_assert_double_eq(L[i * ld + j], 777.0);
        pdm_free(ctx, A);
        pdm_free(ctx, L);
    }
END_TEST

/* A pivot that is not positive, a NaN, an infinity: reported with the column at which it shows. */
START_TEST(test_potrf_fails)
    {
        const double           bad[] = {-1.0, 0.0, NAN, INFINITY};
        const pdm_cpu_kernels *k     = isa(_i / 4);
        if (!k) return;
        for (int c = 0; c < N_ORDER; c++)
            for (pdm_size at = 0; at < ORDERS[c]; at += 1 + ORDERS[c] / 3) {
                const pdm_size n = ORDERS[c];
                double        *A = doubles(n * n);
                for (pdm_size i = 0; i < n; i++) A[i * n + i] = 4.0;
                A[at * n + at] = bad[_i % 4];
                ck_assert_int_eq(pdm_cpu_potrf(k, n, A, n), at + 1);
                pdm_free(ctx, A);
            }
    }
END_TEST

START_TEST(test_potrf_batched)
    {
        const pdm_cpu_kernels *k     = isa(_i / N_ORDER);
        const pdm_size         batch = 11, n = ORDERS[_i % N_ORDER], bad = 5;
        if (!k || n > PDM_CPU_BATCH_MAX) return;
        double *A = doubles(batch * n * n), *L = doubles(batch * n * n);
        int32_t failed[11];
        for (pdm_size b = 0; b < batch; b++) {
            double *one = positive(n, (uint64_t)b);
            memcpy(A + b * n * n, one, (size_t)(n * n) * sizeof *one);
            pdm_free(ctx, one);
        }
        A[bad * n * n + (n / 2) * (n + 1)] = -1.0;
        memcpy(L, A, (size_t)(batch * n * n) * sizeof *A);
        k->potrf_batched(batch, n, L, failed);
        for (pdm_size b = 0; b < batch; b++) {
            ck_assert_int_eq(failed[b], b == bad ? 1 + n / 2 : 0);
            if (b == bad) continue;
            ck_assert_double_le(factor_error(n, L + b * n * n, n, A + b * n * n), 8.0);
            for (pdm_size i = 0; i < n; i++)
                for (pdm_size j = i + 1; j < n; j++)
                    ck_assert_double_eq(L[(b * n + i) * n + j], A[(b * n + i) * n + j]);
        }
        pdm_free(ctx, A);
        pdm_free(ctx, L);
    }
END_TEST

/* A lower triangle whose inverse is of modest size. */
static double *triangle(pdm_size n, pdm_size ld)
{
    double *L = numbers(n * ld, 9);
    for (pdm_size i = 0; i < n; i++)
        for (pdm_size j = 0; j < ld; j++) L[i * ld + j] = i == j ? 2.0 + L[i * ld + j] : L[i * ld + j] / (double)n;
    return L;
}

typedef enum triangle_solve {
    TRSM_RIGHT,
    TRSM_FORWARD,
    TRSM_BACKWARD,
    TRSV_FORWARD,
    TRSV_BACKWARD,
    N_SOLVE
} triangle_solve;

/* Solves, multiplies back: max |op(L) x - b| / (eps n max|L| max|x|). */
static double solve_error(const pdm_cpu_kernels *k, triangle_solve what, pdm_size n, pdm_size n_rhs)
{
    const bool     right = what == TRSM_RIGHT, one = what == TRSV_FORWARD || what == TRSV_BACKWARD;
    const pdm_size ldl = n + 2, ld = one ? 1 : (right ? n : n_rhs) + 1, rows = right ? n_rhs : n;
    if (one) n_rhs = 1;
    double *L = triangle(n, ldl), *B = numbers(rows * ld, 4), *X = numbers(rows * ld, 4), worst = 0.0, size = 1.0;

    switch (what) {
    case TRSM_RIGHT: pdm_cpu_trsm_right(k, n_rhs, n, L, ldl, X, ld); break;
    case TRSM_FORWARD: k->trsm_forward(n, n_rhs, L, ldl, X, ld); break;
    case TRSM_BACKWARD: k->trsm_backward(n, n_rhs, L, ldl, X, ld); break;
    case TRSV_FORWARD: k->trsv_forward(n, L, ldl, X); break;
    case TRSV_BACKWARD: k->trsv_backward(n, L, ldl, X); break;
    case N_SOLVE: break;
    }
    for (pdm_size c = 0; c < n_rhs; c++)
        for (pdm_size i = 0; i < n; i++) {
            const bool transposed = what == TRSM_BACKWARD || what == TRSV_BACKWARD;
            double     sum        = 0.0;
            for (pdm_size j = transposed ? i : 0; j < (transposed ? n : i + 1); j++) {
                const double x = right ? X[c * ld + j] : X[j * ld + c];
                sum += (transposed ? L[j * ldl + i] : L[i * ldl + j]) * x;
                if (fabs(x) > size) size = fabs(x);
            }
            const double error = fabs(sum - (right ? B[c * ld + i] : B[i * ld + c]));
            if (!(error <= worst)) worst = error;
        }
    for (pdm_size r = 0; r < rows && !one; r++)
        if (X[r * ld + ld - 1] != B[r * ld + ld - 1]) worst = INFINITY; /* the gap */
    pdm_free(ctx, L);
    pdm_free(ctx, B);
    pdm_free(ctx, X);
    return worst / (DBL_EPSILON * (double)n * 3.0 * size);
}

START_TEST(test_triangles)
    {
        const pdm_size         rhs[] = {1, 2, 5, 12, 29, 64};
        const pdm_cpu_kernels *k     = isa(_i / N_SOLVE);
        if (!k) return;
        for (int c = 0; c < N_ORDER; c++)
            for (int r = 0; r < 6; r++) {
                const triangle_solve what = (triangle_solve)(_i % N_SOLVE);
                if (ORDERS[c] > 256 && (what == TRSM_FORWARD || what == TRSM_BACKWARD)) continue;
                const double error = solve_error(k, what, ORDERS[c], rhs[r]);
                ck_assert_msg(error <= 8.0, "%s, solve %d, order %d, %d right-hand sides: %g", k->isa, what,
                              (int)ORDERS[c], (int)rhs[r], error);
            }
    }
END_TEST

START_TEST(test_gemv)
    {
        const pdm_cpu_kernels *k = isa(_i);
        if (!k) return;
        for (int c = 0; c < N_PRODUCT_CASE; c++) {
            const pdm_size m = PRODUCTS[c].n_i, n = PRODUCTS[c].n_j, ld = n + 1;
            double        *A = numbers(m * ld, 1), *x = numbers(m + n, 2), *y = numbers(m, 3), *z = numbers(n, 3),
                   *y0 = numbers(m, 3), *z0 = numbers(n, 3);
            k->gemv_n(m, n, A, ld, x, y);
            k->gemv_t(m, n, A, ld, x, z);
            for (pdm_size i = 0; i < m; i++) {
                for (pdm_size j = 0; j < n; j++) y0[i] -= A[i * ld + j] * x[j];
                ck_assert_double_le(fabs(y[i] - y0[i]), 8.0 * DBL_EPSILON * (double)(n + 1));
            }
            for (pdm_size j = 0; j < n; j++) {
                for (pdm_size i = 0; i < m; i++) z0[j] -= A[i * ld + j] * x[i];
                ck_assert_double_le(fabs(z[j] - z0[j]), 8.0 * DBL_EPSILON * (double)(m + 1));
            }
            double *all[] = {A, x, y, z, y0, z0};
            for (int i = 0; i < 6; i++) pdm_free(ctx, all[i]);
        }
    }
END_TEST

/* A table whose row i has (i*i) % (width+1) entries, of rows [first, first+n) and of all, with vectors long and short. */
START_TEST(test_narrow)
    {
        enum { N = 13, WIDTH = 6, PITCH = 16, N_IN = 26, OUTER = 3, MOST = 19 };
        static const pdm_size  inner_of[]           = {1, 2, 3, 7, 8, MOST};
        const pdm_cpu_kernels *k                    = isa(_i);
        int32_t                place[WIDTH * PITCH] = {0}, count[N], window[WIDTH * PITCH / PDM_CPU_LANES_MOST];
        if (!k) return;
        double *weight = numbers(WIDTH * PITCH, 1), *in = numbers(OUTER * N_IN * MOST, 2),
               *out = doubles(OUTER * N * MOST);
        for (pdm_size i = 0; i < PITCH; i++)
            for (pdm_size e = 0; e < WIDTH; e++) {
                if (i < N) count[i] = (int32_t)(i * i % (WIDTH + 1));
                place[e * PITCH + i] =
                    (int32_t)(e % 2 ? 10 + (3 * i + 5 * e) % PDM_CPU_WINDOW : 2 + (7 * i + 5 * e) % (N_IN - 2));
                window[(e * PITCH + i) / PDM_CPU_LANES_MOST] = e % 2 ? 10 : -1;
                if (i >= N || e >= count[i]) weight[e * PITCH + i] = 0.0;
            }
        const pdm_cpu_narrow t = {N, WIDTH, PITCH, weight, place, count, window, false};
        for (size_t c = 0; c < 2 * sizeof inner_of / sizeof *inner_of; c++) {
            const pdm_size inner = inner_of[c / 2], first = c % 2 ? 4 : 0, n = c % 2 ? N - 5 : N, in0 = c % 2 ? 2 : 0;
            k->narrow(&t, first, n, OUTER, inner, in0, N_IN - in0, in, out);
            for (pdm_size at = 0; at < OUTER * n * inner; at++) {
                const pdm_size o = at / (n * inner), i = first + at / inner % n, l = at % inner;
                double         sum = 0.0;
                for (pdm_size e = 0; e < count[i]; e++)
                    sum += weight[e * PITCH + i] * in[(o * (N_IN - in0) + place[e * PITCH + i] - in0) * inner + l];
                ck_assert_double_le(fabs(out[at] - sum), 8.0 * DBL_EPSILON * WIDTH);
            }
        }
        pdm_free(ctx, weight);
        pdm_free(ctx, in);
        pdm_free(ctx, out);
    }
END_TEST

/* A row of A, of every shape: one number a pair, cubic splines, others; in one piece and added to. */
START_TEST(test_assemble)
    {
        static const pdm_size  shape[][4] = {{1, 4, 1, 1},  {3, 4, 1, 1}, {8, 5, 1, 1},  {2, 19, 1, 1}, {2, 4, 7, 4},
                                             {3, 4, 2, 16}, {3, 3, 5, 3}, {5, 6, 3, 36}, {2, 4, 3, 1},  {1, 2, 2, 9}};
        const pdm_cpu_kernels *k          = isa(_i);
        if (!k) return;
        for (size_t c = 0; c < 2 * sizeof shape / sizeof *shape; c++) {
            const pdm_size n = shape[c / 2][0], width = shape[c / 2][1], rows = shape[c / 2][2],
                           local = shape[c / 2][3], size = rows * width * local;
            double *b = numbers(n * width, 1), *in = numbers(n * rows * local, 2), *out = numbers(size, 3),
                   *expected = numbers(size, 3);
            const double *from[8];
            for (pdm_size q = 0; q < n; q++) from[q] = in + (n - 1 - q) * rows * local;
            k->assemble(n, b, width, from, rows, local, c % 2 == 1, out);
            for (pdm_size at = 0; at < size; at++) {
                const pdm_size t = at % local, l = at / local % width, r = at / local / width;
                double         sum = c % 2 ? expected[at] : 0.0;
                for (pdm_size q = 0; q < n; q++) sum += b[q * width + l] * from[q][r * local + t];
                ck_assert_double_le(fabs(out[at] - sum), 8.0 * DBL_EPSILON * (double)(n + 1));
            }
            double *all[] = {b, in, out, expected};
            for (int i = 0; i < 4; i++) pdm_free(ctx, all[i]);
        }
    }
END_TEST

/* ---- programs ---- */

/* Distance in units in the last place of b; 0 for equal values and for two NaN. */
static double ulps(double a, double b)
{
    if (a == b || (isnan(a) && isnan(b))) return 0.0;
    if (isnan(a) || isnan(b) || isinf(a) || isinf(b)) return INFINITY;
    const double next = nextafter(fabs(b), INFINITY) - fabs(b);
    return fabs(a - b) / next;
}

static double reference(pdm_opcode opcode, double a, double b)
{
    const pdm_instruction code[] = {
        {PDM_OPCODE_INPUT, 0, 0, 0, 0.0}, {PDM_OPCODE_INPUT, 1, 1, 0, 0.0}, {(int32_t)opcode, 2, 0, 1, 2.5}};
    const int32_t     result = 2;
    const pdm_program p      = {3, 3, 2, 1, code, &result};
    const double      in[]   = {a, b};
    double            out, work[3];
    pdm_program_evaluate(&p, in, &out, work);
    return out;
}

static const double SPECIAL[] = {0.0,    -0.0,    1.0,   -1.0,   2.0,    -2.0,     0.5,       -0.5, 3.0,
                                 1e-300, -1e-300, 1e300, -1e300, 5e-324, INFINITY, -INFINITY, NAN};
enum { N_SPECIAL = sizeof SPECIAL / sizeof *SPECIAL, N_VALUE = 2 * PDM_CPU_PROGRAM_BLOCK };

/* Every operation at pairs of special values and at random ones up to 1e4: at most 4 units in the last place from
 * libm, which is libmvec's own bound. */
START_TEST(test_program_operations)
    {
        const pdm_opcode       opcode = (pdm_opcode)(_i % PDM_OPCODE_COUNT);
        const pdm_cpu_kernels *k      = isa(_i / PDM_OPCODE_COUNT);
        if (!k || opcode == PDM_OPCODE_INPUT) return;
        double *a = numbers(N_VALUE, 1), *b = numbers(N_VALUE, 2), *out = doubles(N_VALUE);
        for (pdm_size i = 0; i < N_VALUE; i++) {
            a[i] *= i % 3 == 0 ? 1.0 : i % 3 == 1 ? 20.0 : 1e4;
            b[i] *= i % 2 == 0 ? 1.0 : 8.0;
            if (i < N_SPECIAL * N_SPECIAL) {
                a[i] = SPECIAL[i % N_SPECIAL];
                b[i] = SPECIAL[i / N_SPECIAL];
            }
            if (opcode == PDM_OPCODE_POW && i >= N_SPECIAL * N_SPECIAL && i % 5 != 0) a[i] = fabs(a[i]);
        }
        for (pdm_size i = 0; i < N_VALUE; i += PDM_CPU_PROGRAM_BLOCK)
            k->program_step(opcode, PDM_CPU_PROGRAM_BLOCK, a + i, b + i, 2.5, out + i);
        for (pdm_size i = 0; i < N_VALUE; i++) {
            const double expected = reference(opcode, a[i], b[i]);
            ck_assert_msg(ulps(out[i], expected) <= 4.0, "%s, operation %d of %.17g and %.17g: %.17g; %.17g expected",
                          k->isa, opcode, a[i], b[i], out[i], expected);
        }
        pdm_free(ctx, a);
        pdm_free(ctx, b);
        pdm_free(ctx, out);
    }
END_TEST

/* sign(u) (|u| + 1e-9)^s and u + s, u a point value, s a scalar. */
static const pdm_instruction RETARDATION[] = {
    {PDM_OPCODE_INPUT, 0, 0, 0, 0.0}, {PDM_OPCODE_ABS, 1, 0, -1, 0.0},  {PDM_OPCODE_CONST, 2, -1, -1, 1e-9},
    {PDM_OPCODE_ADD, 1, 1, 2, 0.0},   {PDM_OPCODE_INPUT, 2, 1, 0, 0.0}, {PDM_OPCODE_POW, 1, 1, 2, 0.0},
    {PDM_OPCODE_SIGN, 3, 0, -1, 0.0}, {PDM_OPCODE_MUL, 1, 1, 3, 0.0},   {PDM_OPCODE_ADD, 2, 0, 2, 0.0}};
static const int32_t     RETARDATION_OUT[]   = {1, 2};
static const pdm_program RETARDATION_PROGRAM = {9, 4, 2, 2, RETARDATION, RETARDATION_OUT};

/* Any number of points; a point's value does not depend on its place: the run from point 5 on gives the same bits. */
START_TEST(test_program_run)
    {
        const pdm_size         sizes[] = {1, 2, 7, 255, 256, 257, 1000};
        const pdm_cpu_kernels *k       = isa(_i / 7);
        if (!k) return;
        const pdm_size n = sizes[_i % 7], from = n > 5 ? 5 : 0, stride[] = {1, 0};
        double *u = numbers(n, 1), *f = doubles(n + 1), *g = doubles(n + 1), *shifted = doubles(n), *scratch = NULL;
        const double s = 0.874;
        ck_assert_int_eq(pdm_alloc(ctx, pdm_cpu_program_scratch(&RETARDATION_PROGRAM), &scratch), PDM_OK);
        f[n] = g[n]        = 777.0;
        const double *in[] = {u, &s}, *in_shifted[] = {u + from, &s};
        double       *out[] = {f, g}, *out_shifted[] = {shifted, g};
        pdm_cpu_program_run(k, &RETARDATION_PROGRAM, n, in, stride, out, scratch);
        for (pdm_size i = 0; i < n; i++) {
            const double values[] = {u[i], s};
            double       expected[2], work[4];
            pdm_program_evaluate(&RETARDATION_PROGRAM, values, expected, work);
            ck_assert_double_le(ulps(f[i], expected[0]), 4.0);
            ck_assert_double_eq(g[i], expected[1]);
        }
        ck_assert_double_eq(f[n], 777.0);
        ck_assert_double_eq(g[n], 777.0);
        pdm_cpu_program_run(k, &RETARDATION_PROGRAM, n - from, in_shifted, stride, out_shifted, scratch);
        ck_assert_mem_eq(shifted, f + from, (size_t)(n - from) * sizeof *f);
        double *all[] = {u, f, g, shifted, scratch};
        for (int i = 0; i < 5; i++) pdm_free(ctx, all[i]);
    }
END_TEST

/* ---- the object ---- */

START_TEST(test_life)
    {
        pdm_backend *b    = NULL;
        pdm_text     text = {.ctx = ctx};
        ck_assert_int_eq(pdm_backend_create(ctx, BACKENDS[_i], &b), PDM_OK);
        ck_assert_str_eq(b->ops->name, BACKENDS[_i]);
        ck_assert_int_eq(b->ops->version, PDM_BACKEND_OPS_VERSION);
        ck_assert_int_eq(pdm_backend_view(b, &text), PDM_OK);
        const bool lacks_nothing = strcmp(BACKENDS[_i], "cuda") == 0; /* and has nothing done by the CPU */
        ck_assert_ptr_nonnull(strstr(text.data, lacks_nothing ? "compute capability" : "instruction set"));
        if (_i < N_CPU) ck_assert_int_eq(pdm_cpu_force_isa(b, "portable"), PDM_OK);
        if (_i < N_CPU) ck_assert_int_eq(pdm_cpu_force_isa(b, "vax"), PDM_ERR_UNSUPPORTED);
        pdm_text_destroy(&text);
        pdm_backend_destroy(&b);
        ck_assert_ptr_null(b);
        pdm_backend_destroy(&b);
    }
END_TEST

/* Every slot is filled, but for what callers ask for: they never test others for NULL. From view on all members are
 * function pointers. */
START_TEST(test_table_is_complete)
    {
        pdm_backend *b = NULL;
        ck_assert_int_eq(pdm_backend_create(ctx, BACKENDS[_i], &b), PDM_OK);
        const char *slots = (const char *)b->ops;
        for (size_t at = offsetof(pdm_backend_ops, destroy); at < sizeof *b->ops; at += sizeof(void (*)(void))) {
            void (*slot)(void);
            memcpy(&slot, slots + at, sizeof slot);
            const bool optional =
                at == offsetof(pdm_backend_ops, buffer_lend) || at == offsetof(pdm_backend_ops, memory);
            ck_assert_msg(slot || optional, "slot %d after destroy is empty",
                          (int)((at - offsetof(pdm_backend_ops, destroy)) / sizeof slot));
        }
        pdm_backend_destroy(&b);
    }
END_TEST

START_TEST(test_unknown_name)
    {
        pdm_backend *b = NULL;
        ck_assert_int_eq(pdm_backend_create(ctx, "cqu", &b), PDM_ERR_UNSUPPORTED);
        ck_assert_ptr_null(b);
        ck_assert_ptr_nonnull(strstr(pdm_context_error(ctx), "\"cqu\""));
        ck_assert_ptr_nonnull(strstr(pdm_context_error(ctx), "did you mean \"cpu\""));
    }
END_TEST

START_TEST(test_allocation_failures)
    {
        pdm_backend *b      = NULL;
        pdm_buffer  *buffer = NULL;
        void        *host   = NULL;
        for (pdm_size k = 1; !host; k++) {
            ck_assert_int_lt(k, 50);
            pdm_context_fail_allocation(ctx, k);
            pdm_status status = pdm_backend_create(ctx, BACKENDS[_i], &b);
            if (status == PDM_OK && _i < N_CPU) status = pdm_cpu_reserve(pdm_cpu_of(b), 1000);
            if (status == PDM_OK) status = b->ops->buffer_create(b, 80, &buffer);
            if (status == PDM_OK) status = b->ops->acquire(b, buffer, PDM_READ, &host);
            pdm_context_fail_allocation(ctx, 0);
            if (status == PDM_OK) break;
            ck_assert_int_eq(status, PDM_ERR_MEMORY);
            ck_assert_ptr_null(host);
            if (b) b->ops->buffer_destroy(b, &buffer);
            pdm_backend_destroy(&b);
            pdm_size live;
            pdm_context_memory(ctx, &live, NULL, NULL);
            ck_assert_int_eq(live, 0);
        }
        ck_assert_int_eq(b->ops->release(b, buffer, &host), PDM_OK);
        b->ops->buffer_destroy(b, &buffer);
        pdm_backend_destroy(&b);
    }
END_TEST

/* Scratch that cannot grow stays as it was: plans made before go on working. */
START_TEST(test_scratch_survives_failure)
    {
        pdm_backend *b = NULL;
        ck_assert_int_eq(pdm_context_set_threads(ctx, 3), PDM_OK);
        ck_assert_int_eq(pdm_backend_create(ctx, "cpu", &b), PDM_OK);
        pdm_cpu *cpu = pdm_cpu_of(b);
        ck_assert_int_eq(pdm_cpu_reserve(cpu, 1000), PDM_OK);
        pdm_status status = PDM_ERR_MEMORY;
        for (pdm_size k = 1; status != PDM_OK; k++) {
            pdm_context_fail_allocation(ctx, k);
            status = pdm_cpu_reserve(cpu, 5000);
            pdm_context_fail_allocation(ctx, 0);
            ck_assert(status == PDM_OK || status == PDM_ERR_MEMORY);
            const size_t bytes = status == PDM_OK ? 5000 : 1000;
            ck_assert_uint_eq(cpu->scratch_bytes, bytes);
            for (int i = 0; i < cpu->n_thread; i++) {
                ck_assert_ptr_nonnull(cpu->scratch[i]);
                memset(cpu->scratch[i], 1, bytes);
            }
        }
        pdm_backend_destroy(&b);
    }
END_TEST

START_TEST(test_buffers)
    {
        pdm_backend *b = NULL;
        pdm_buffer  *p = NULL, *q = NULL;
        void        *host = NULL;
        ck_assert_int_eq(pdm_backend_create(ctx, BACKENDS[_i], &b), PDM_OK);
        ck_assert_int_eq(b->ops->buffer_create(b, 10 * sizeof(double), &p), PDM_OK);
        ck_assert_int_eq(b->ops->buffer_create(b, 4 * sizeof(double), &q), PDM_OK);
        ck_assert_int_eq(b->ops->acquire(b, p, PDM_READ_WRITE, &host), PDM_OK);
        ck_assert_int_eq((uintptr_t)host % 64, 0);
        for (int i = 0; i < 10; i++) {
            ck_assert_double_eq(((double *)host)[i], 0.0);
            ((double *)host)[i] = i;
        }
        ck_assert_int_eq(b->ops->release(b, p, &host), PDM_OK);
        ck_assert_ptr_null(host);
        ck_assert_int_eq(b->ops->copy(b, q, p, sizeof(double), 5 * sizeof(double), 3 * sizeof(double)), PDM_OK);
        ck_assert_int_eq(b->ops->copy(b, q, p, 16, 0, 24), PDM_ERR_INTERNAL);
        ck_assert_int_eq(b->ops->copy(b, q, p, 0, 72, 16), PDM_ERR_INTERNAL);
        ck_assert_int_eq(b->ops->synchronise(b), PDM_OK);
        ck_assert_int_eq(b->ops->acquire(b, q, PDM_READ, &host), PDM_OK);
        const double expected[] = {0.0, 5.0, 6.0, 7.0};
        ck_assert_mem_eq(host, expected, sizeof expected);
        ck_assert_int_eq(b->ops->release(b, q, &host), PDM_OK);
        b->ops->buffer_destroy(b, &p);
        b->ops->buffer_destroy(b, &q);
        ck_assert_ptr_null(p);
        pdm_backend_destroy(&b);
    }
END_TEST

START_TEST(test_buffer_misuse)
    {
        pdm_backend *b     = NULL;
        pdm_buffer  *p     = NULL;
        void        *first = NULL, *second = NULL, *wrong = &wrong;
        ck_assert_int_eq(pdm_backend_create(ctx, BACKENDS[_i], &b), PDM_OK);
        ck_assert_int_eq(b->ops->buffer_create(b, 80, &p), PDM_OK);

        ck_assert_int_eq(b->ops->acquire(b, p, PDM_WRITE, &first), PDM_OK);
        ck_assert_int_eq(b->ops->acquire(b, p, PDM_READ, &second), PDM_ERR_INTERNAL);
        ck_assert_int_eq(b->ops->acquire(b, p, PDM_WRITE, &second), PDM_ERR_INTERNAL);
        ck_assert_ptr_null(second);
        ck_assert_str_ne(pdm_context_error(ctx), "");
        ck_assert_int_eq(b->ops->release(b, p, &wrong), PDM_ERR_INTERNAL);
        void *again = first;
        ck_assert_int_eq(b->ops->release(b, p, &first), PDM_OK);
        ck_assert_int_eq(b->ops->release(b, p, &again), PDM_ERR_INTERNAL);

        ck_assert_int_eq(b->ops->acquire(b, p, PDM_READ, &first), PDM_OK);
        ck_assert_int_eq(b->ops->acquire(b, p, PDM_READ, &second), PDM_OK);
        ck_assert_int_eq(b->ops->acquire(b, p, PDM_READ_WRITE, &again), PDM_ERR_INTERNAL);
        ck_assert_int_eq(b->ops->release(b, p, &second), PDM_OK);
        ck_assert_int_eq(b->ops->release(b, p, &first), PDM_OK);
        ck_assert_int_eq(b->ops->acquire(b, p, PDM_WRITE, &first), PDM_OK); /* left acquired: destroy frees it */
        b->ops->buffer_destroy(b, &p);
        pdm_backend_destroy(&b);
    }
END_TEST

/* What only "check" does. */
START_TEST(test_check_finds)
    {
        pdm_backend *b     = NULL;
        pdm_buffer  *p     = NULL;
        void        *first = NULL, *second = NULL;
        ck_assert_int_eq(pdm_backend_create(ctx, "check", &b), PDM_OK);
        ck_assert_int_eq(b->ops->buffer_create(b, 16, &p), PDM_OK);
        ck_assert_int_eq(b->ops->acquire(b, p, PDM_READ, &first), PDM_OK);
        ck_assert_int_eq(b->ops->acquire(b, p, PDM_READ, &second), PDM_OK);
        ck_assert_ptr_ne(first, second);
        ((double *)second)[0] = 1.0;
        ck_assert_int_eq(b->ops->release(b, p, &second), PDM_ERR_INTERNAL); /* written to while reading */
        ck_assert_int_eq(b->ops->release(b, p, &first), PDM_OK);
        ck_assert_int_eq(b->ops->acquire(b, p, PDM_WRITE, &first), PDM_OK);
        ck_assert_double_nan(((double *)first)[0]); /* nothing to read when only writing was asked for */
        ((double *)first)[0] = 3.0;
        ((double *)first)[1] = 4.0;
        ck_assert_int_eq(b->ops->release(b, p, &first), PDM_OK);
        ck_assert_double_eq(((const double *)cpu_data(p))[1], 4.0);
        ck_assert_int_eq(pdm_check_acquires(b), 3);
        b->ops->buffer_destroy(b, &p);
        pdm_backend_destroy(&b);
    }
END_TEST

/* ---- threads and vectors ---- */

typedef struct thread_task {
    pdm_cpu *cpu;
    double  *out;
    int     *seen;
} thread_task;

static void factor_one(void *user, pdm_size task, int thread)
{
    const thread_task *k = user;
    const pdm_size     n = 300; /* beyond our own kernels: OpenBLAS */
    double            *L = pdm_cpu_scratch(k->cpu, thread);
    for (pdm_size i = 0; i < n; i++)
        for (pdm_size j = 0; j < n; j++) L[i * n + j] = i == j ? 3.0 + (double)task : 1.0 / (double)(1 + i + j);
    k->seen[task] = pdm_cpu_potrf(k->cpu->kernels, n, L, n) + 1;
    k->out[task]  = L[n * n - 1] + L[(n - 1) * n];
}

typedef struct pool_count {
    int32_t    done[1000]; /* times that a task has run */
    atomic_int bad;        /* a call had a thread that is none */
    int        n_thread;
} pool_count;

static void count_task(void *user, pdm_size task, int thread)
{
    pool_count *k = user;
    k->done[task]++;
    if (thread < 0 || thread >= k->n_thread) atomic_store(&k->bad, 1);
}

/* Each task runs once and is seen by the caller, whether the threads watch or sleep, have cores or not. */
START_TEST(test_pool_runs_each_task_once)
    {
        static const int      N_THREAD[]     = {1, 2, 3, 16};
        static const pdm_size N_TASK[]       = {0, 1, 2, 3, 7, 64, 1000};
        const struct timespec pause          = {.tv_nsec = 400000}; /* longer than threads watch */
        pool_count            count          = {.n_thread = N_THREAD[_i]};
        pdm_cpu_pool         *pool           = NULL;
        int32_t               expected[1000] = {0};

        ck_assert_int_eq(pdm_cpu_pool_create(ctx, count.n_thread, NULL, NULL, &pool), PDM_OK);
        for (int call = 0; call < 700; call++) {
            const pdm_size n = N_TASK[call % 7];
            pdm_cpu_pool_run(pool, n, count_task, &count);
            for (pdm_size i = 0; i < n; i++) expected[i]++;
            ck_assert_mem_eq(count.done, expected, sizeof expected);
            if (call % 50 == 0) nanosleep(&pause, NULL);
        }
        ck_assert_int_eq(atomic_load(&count.bad), 0);
        pdm_cpu_pool_destroy(&pool);
        ck_assert_ptr_null(pool);
    }
END_TEST

START_TEST(test_threads_give_the_same_bits)
    {
        enum { N_TASK = 13 };
        double out[3][N_TASK];
        for (int n_thread = 1; n_thread <= 3; n_thread++) {
            pdm_backend *b            = NULL;
            int          seen[N_TASK] = {0};
            ck_assert_int_eq(pdm_context_set_threads(ctx, n_thread), PDM_OK);
            ck_assert_int_eq(pdm_backend_create(ctx, "cpu", &b), PDM_OK);
            ck_assert_int_eq(pdm_cpu_reserve(pdm_cpu_of(b), 300 * 300 * sizeof(double)), PDM_OK);
            thread_task task = {pdm_cpu_of(b), out[n_thread - 1], seen};
            pdm_size    before, after;
            pdm_context_memory(ctx, NULL, NULL, &before);
            ck_assert_int_eq(pdm_cpu_reserve(task.cpu, 1000), PDM_OK);
            pdm_cpu_for(task.cpu, N_TASK, factor_one, &task);
            pdm_context_memory(ctx, NULL, NULL, &after);
            ck_assert_int_eq(before, after);
            for (int i = 0; i < N_TASK; i++) ck_assert_int_eq(seen[i], 1);
            pdm_backend_destroy(&b);
        }
        ck_assert_mem_eq(out[0], out[1], sizeof out[0]);
        ck_assert_mem_eq(out[0], out[2], sizeof out[0]);
    }
END_TEST

static pdm_buffer *buffer_of(pdm_backend *b, pdm_size n, const double *values)
{
    pdm_buffer *p    = NULL;
    void       *host = NULL;
    ck_assert_int_eq(b->ops->buffer_create(b, (size_t)n * sizeof *values, &p), PDM_OK);
    ck_assert_int_eq(b->ops->acquire(b, p, PDM_WRITE, &host), PDM_OK);
    memcpy(host, values, (size_t)n * sizeof *values);
    ck_assert_int_eq(b->ops->release(b, p, &host), PDM_OK);
    return p;
}

/* Dot products of one call, more than a launch of a device takes and of several lengths, have the bits of those that are
 * alone. */
static void check_dots_at_once(pdm_backend *b, pdm_batch s, pdm_size n, pdm_buffer *v[3])
{
    enum { N_DOT = 6, N_SAMPLE = 3 };
    double  out[N_DOT][N_SAMPLE], alone[N_SAMPLE] = {7, 7, 7};
    pdm_dot dot[N_DOT];
    for (int i = 0; i < N_DOT; i++) {
        memcpy(out[i], (const double[]){7, 7, 7}, sizeof out[i]);
        dot[i] = (pdm_dot){i % 2 ? n : (n + 1) / 2, v[i % 3], v[(i + 1) / 2 % 3], i > 2 ? v[i - 3] : NULL, out[i]};
    }
    ck_assert_int_eq(b->ops->vector_dots(b, s, N_DOT, dot), PDM_OK);
    for (int i = 0; i < N_DOT; i++) {
        ck_assert_int_eq(pdm_vector_dot(b, s, dot[i].n, dot[i].x, dot[i].y, dot[i].weight, alone), PDM_OK);
        ck_assert_mem_eq(out[i], alone, sizeof alone);
    }
    ck_assert_int_eq(b->ops->vector_dots(b, s, 0, dot), PDM_OK);
    ck_assert_int_eq(b->ops->vector_dots(b, (pdm_batch){0, s.index}, N_DOT, dot), PDM_OK);
}

START_TEST(test_vectors)
    {
        enum { N_SAMPLE = 3 };
        const pdm_size sizes[] = {1, 7, 255, 256, 257, 1000, 20000};
        pdm_backend   *b       = NULL;
        ck_assert_int_eq(pdm_backend_create(ctx, BACKENDS[_i], &b), PDM_OK);
        for (int c = 0; c < 7; c++) {
            const pdm_size  n       = sizes[c];
            const int32_t   index[] = {2, 0};
            const pdm_batch s       = {2, index};
            double         *x = numbers(N_SAMPLE * n, 1), *y = numbers(N_SAMPLE * n, 2), *v = numbers(N_SAMPLE * n, 3),
                   dot[N_SAMPLE] = {7, 7, 7};
            pdm_buffer *bx = buffer_of(b, N_SAMPLE * n, x), *by = buffer_of(b, N_SAMPLE * n, y),
                       *bv = buffer_of(b, N_SAMPLE * n, v);
            for (int weighted = 0; weighted < 2; weighted++) {
                ck_assert_int_eq(pdm_vector_dot(b, s, n, bx, by, weighted ? bv : NULL, dot), PDM_OK);
                ck_assert_double_eq(dot[1], 7.0);
                for (int k = 0; k < 2; k++) {
                    long double sum = 0.0L;
                    for (pdm_size i = index[k] * n; i < (index[k] + 1) * n; i++)
                        sum += (long double)x[i] * y[i] * (weighted ? v[i] : 1.0);
                    /* leaves of 256 in 8 sums, then a tree: 32 + 3 + log2(n/256) roundings and two products */
                    ck_assert_double_le(fabs(dot[index[k]] - (double)sum), 50.0 * DBL_EPSILON * (double)n);
                }
            }
            check_dots_at_once(b, s, n, (pdm_buffer *[]){bx, by, bv});
            const double alpha[] = {0.5, 9.0, -2.0}, beta[] = {3.0, 9.0, 1.0};
            ck_assert_int_eq(b->ops->vector_combine(b, s, n, alpha, bx, beta, by, bv), PDM_OK);
            ck_assert_int_eq(b->ops->vector_combine(b, s, n, alpha, bx, NULL, NULL, bx), PDM_OK);
            void *host_v = NULL, *host_x = NULL;
            ck_assert_int_eq(b->ops->acquire(b, bv, PDM_READ, &host_v), PDM_OK);
            ck_assert_int_eq(b->ops->acquire(b, bx, PDM_READ, &host_x), PDM_OK);
            const double *z = host_v, *scaled = host_x;
            for (pdm_size i = 0; i < n; i++) {
                ck_assert_double_eq(z[i], alpha[0] * x[i] + beta[0] * y[i]);
                ck_assert_double_eq(z[n + i], v[n + i]);
                ck_assert_double_eq(z[2 * n + i], alpha[2] * x[2 * n + i] + beta[2] * y[2 * n + i]);
                ck_assert_double_eq(scaled[2 * n + i], alpha[2] * x[2 * n + i]);
            }
            ck_assert_int_eq(b->ops->release(b, bv, &host_v), PDM_OK);
            ck_assert_int_eq(b->ops->release(b, bx, &host_x), PDM_OK);
            pdm_buffer *all[] = {bx, by, bv};
            for (int i = 0; i < 3; i++) b->ops->buffer_destroy(b, &all[i]);
            pdm_free(ctx, x);
            pdm_free(ctx, y);
            pdm_free(ctx, v);
        }
        pdm_backend_destroy(&b);
    }
END_TEST

/* a log(1 + exp(v/a)) of the samples listed, relative to itself: z = v/a is rounded, and exp turns its error of
 * |z| eps/2 into a relative one; below -700 it is that of -700. */
START_TEST(test_positive)
    {
        enum { N_SAMPLE = 3, N = 12 };
        const double    z[N]    = {-1000.0, -700.0, -300.0, -40.0, -1.0, -1e-9, 0.0, 0.5, 39.9, 40.1, 1e6, INFINITY};
        const int32_t   index[] = {2, 0};
        const pdm_batch s       = {2, index};
        const double    a       = 0.1;
        double          x[N_SAMPLE * N];
        void           *host = NULL;
        pdm_backend    *b    = NULL;
        ck_assert_int_eq(pdm_backend_create(ctx, BACKENDS[_i], &b), PDM_OK);
        for (int i = 0; i < N_SAMPLE * N; i++) x[i] = a * z[i % N];
        pdm_buffer *bx = buffer_of(b, N_SAMPLE * N, x);
        ck_assert_int_eq(b->ops->vector_positive(b, s, N, a, bx), PDM_OK);
        ck_assert_int_eq(b->ops->acquire(b, bx, PDM_READ, &host), PDM_OK);
        const double *got = host;
        for (int i = 0; i < N; i++) {
            const long double v = x[i], t = fmaxl(v / a, -700.0L);
            const long double want = v > 0.0L ? v + a * log1pl(expl(-v / a)) : a * log1pl(expl(t));
            ck_assert_double_eq(got[N + i], x[N + i]);
            ck_assert_double_eq(got[2 * N + i], got[i]);
            ck_assert_msg(got[i] == (double)want ||
                              fabsl(got[i] - want) <= (4.0L + fabsl(t)) * DBL_EPSILON * fabsl(want),
                          "of %g: %.17g; %.17Lg expected", x[i], got[i], want);
        }
        ck_assert_int_eq(b->ops->release(b, bx, &host), PDM_OK);
        b->ops->buffer_destroy(b, &bx);
        pdm_backend_destroy(&b);
    }
END_TEST

static TCase *add_case(Suite *suite, const char *name)
{
    TCase *tc = tcase_create(name);
    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_set_timeout(tc, 60);
    suite_add_tcase(suite, tc);
    return tc;
}

int main(void)
{
    Suite *suite = suite_create("backend");

    TCase *object = add_case(suite, "object");
    tcase_add_loop_test(object, test_life, 0, N_BACKEND);
    tcase_add_loop_test(object, test_table_is_complete, 0, N_BACKEND);
    tcase_add_test(object, test_unknown_name);
    tcase_add_loop_test(object, test_allocation_failures, 0, N_BACKEND);
    tcase_add_test(object, test_scratch_survives_failure);
    tcase_add_loop_test(object, test_buffers, 0, N_BACKEND);
    tcase_add_loop_test(object, test_buffer_misuse, 0, N_BACKEND);
    tcase_add_test(object, test_check_finds);

    TCase *kernels = add_case(suite, "kernels");
    tcase_add_loop_test(kernels, test_products, 0, MAX_ISA * N_PRODUCT);
    tcase_add_loop_test(kernels, test_products_by_vector, 0, MAX_ISA * 4);
    tcase_add_loop_test(kernels, test_potrf, 0, MAX_ISA * N_ORDER);
    tcase_add_loop_test(kernels, test_potrf_fails, 0, MAX_ISA * 4);
    tcase_add_loop_test(kernels, test_potrf_batched, 0, MAX_ISA * N_ORDER);
    tcase_add_loop_test(kernels, test_triangles, 0, MAX_ISA * N_SOLVE);
    tcase_add_loop_test(kernels, test_gemv, 0, MAX_ISA);
    tcase_add_loop_test(kernels, test_narrow, 0, MAX_ISA);
    tcase_add_loop_test(kernels, test_assemble, 0, MAX_ISA);

    TCase *program = add_case(suite, "program");
    tcase_add_loop_test(program, test_program_operations, 0, MAX_ISA * PDM_OPCODE_COUNT);
    tcase_add_loop_test(program, test_program_run, 0, MAX_ISA * 7);

    TCase *threads = add_case(suite, "threads");
    tcase_add_loop_test(threads, test_pool_runs_each_task_once, 0, 4);
    tcase_add_test(threads, test_threads_give_the_same_bits);
    tcase_add_loop_test(threads, test_vectors, 0, N_BACKEND);
    tcase_add_loop_test(threads, test_positive, 0, N_BACKEND);

    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int n_failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return n_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
