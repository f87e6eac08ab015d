/* A dimension of a tensor times a matrix with few entries a row, for each instruction set; see dense_body.h. Sums run in
 * the order of the table. */

#ifndef VEC_PLACES
/* p[place[0]], p[place[1]], ... wherever they lie */
typedef struct vec_places {
    const int32_t *place;
} vec_places;
static inline vec_places vec_places_of(const int32_t *place, int32_t window)
{
    (void)window;
    return (vec_places){place};
}
static inline vec vec_gather(const double *p, const vec_places *q)
{
    vec v = vec_set(0.0);
#pragma GCC unroll 4
    for (int lane = 0; lane < LANES; lane++) v[lane] = p[q->place[lane]];
    return v;
}
#endif

/* A vector of results, first of them i, of all outer ones: up to four entries each, from entry `first` on. */
ALWAYS void narrow_vector(const pdm_cpu_narrow *t, pdm_size i, pdm_size first, int width, pdm_size outer, pdm_size n_in,
                          const double *restrict in, double *restrict out)
{
    const int  rest = t->n - i < LANES ? (int)(t->n - i) : LANES;
    vec        weight[4];
    vec_places place[4];
#pragma GCC unroll 4
    for (int k = 0; k < width; k++) {
        const pdm_size at = (first + k) * t->pitch + i;
        weight[k]         = vec_load(t->weight + at);
        place[k]          = vec_places_of(t->place + at, t->window[at / PDM_CPU_LANES_MOST]);
    }
    for (pdm_size o = 0; o < outer; o++, in += n_in, out += t->n) {
        vec sum = first == 0 ? vec_set(0.0) : rest == LANES ? vec_load(out) : vec_load_part(out, rest);
#pragma GCC unroll 4
        for (int k = 0; k < width; k++) sum = vec_fma(weight[k], vec_gather(in, &place[k]), sum);
        if (rest == LANES)
            vec_store(out, sum);
        else
            vec_store_part(out, sum, rest);
    }
}

/* Along the last dimension: from places of their own ... */
static void narrow_last(const pdm_cpu_narrow *t, pdm_size outer, pdm_size n_in, const double *restrict in,
                        double *restrict out)
{
    if (t->width == 0) memset(out, 0, (size_t)(outer * t->n) * sizeof *out);
    for (pdm_size i = 0; i < t->n; i += LANES)
        for (pdm_size k = 0; k < t->width; k += 4) switch (t->width - k) {
            case 1: narrow_vector(t, i, k, 1, outer, n_in, in, out + i); break;
            case 2: narrow_vector(t, i, k, 2, outer, n_in, in, out + i); break;
            case 3: narrow_vector(t, i, k, 3, outer, n_in, in, out + i); break;
            default: narrow_vector(t, i, k, 4, outer, n_in, in, out + i); break;
            }
}

/* ... or from the same ones, which may be many and zero: blocks of results small enough to stay in cache. */
static void narrow_same(const pdm_cpu_narrow *t, pdm_size outer, pdm_size n_in, const double *restrict in,
                        double *restrict out)
{
    enum { BLOCK = 64 * LANES };
    for (pdm_size o = 0; o < outer; o++, in += n_in, out += t->n) {
        memset(out, 0, (size_t)t->n * sizeof *out);
        for (pdm_size first = 0; first < t->n; first += BLOCK) {
            const pdm_size end = first + BLOCK < t->n ? first + BLOCK : t->n;
            for (pdm_size k = 0; k < t->width; k++) {
                const double  x      = in[t->place[k * t->pitch]];
                const double *weight = t->weight + k * t->pitch;
                pdm_size      i      = first;
                if (x == 0.0) continue;
                for (; i + LANES <= end; i += LANES)
                    vec_store(out + i, vec_fma(vec_load(weight + i), vec_set(x), vec_load(out + i)));
                if (i < end) {
                    const int rest = (int)(end - i);
                    vec_store_part(out + i, vec_fma(vec_load(weight + i), vec_set(x), vec_load_part(out + i, rest)),
                                   rest);
                }
            }
        }
    }
}

/* out [inner] (op) sum of up to four rows of in, with their weights. */
ALWAYS void narrow_rows(int n_row, const double *weight, const double *const *row, pdm_size inner, bool add,
                        double *restrict out)
{
    vec      w[4];
    pdm_size i = 0;
#pragma GCC unroll 4
    for (int k = 0; k < n_row; k++) w[k] = vec_set(weight[k]);
    for (; i + LANES <= inner; i += LANES) {
        vec sum = add ? vec_load(out + i) : vec_set(0.0);
#pragma GCC unroll 4
        for (int k = 0; k < n_row; k++) sum = vec_fma(w[k], vec_load(row[k] + i), sum);
        vec_store(out + i, sum);
    }
    if (i == inner) return;
    const int rest = (int)(inner - i);
    vec       sum  = add ? vec_load_part(out + i, rest) : vec_set(0.0);
#pragma GCC unroll 4
    for (int k = 0; k < n_row; k++) sum = vec_fma(w[k], vec_load_part(row[k] + i, rest), sum);
    vec_store_part(out + i, sum, rest);
}

static void narrow_result(const pdm_cpu_narrow *t, pdm_size i, pdm_size in0, pdm_size inner, const double *in,
                          double *restrict out)
{
    const pdm_size count = t->count[i];
    double         weight[4];
    const double  *row[4];

    if (count == 0) memset(out, 0, (size_t)inner * sizeof *out);
    for (pdm_size first = 0; first < count; first += 4) {
        const pdm_size n = count - first < 4 ? count - first : 4;
        for (pdm_size k = 0; k < n; k++) {
            weight[k] = t->weight[(first + k) * t->pitch + i];
            row[k]    = in + (t->place[(first + k) * t->pitch + i] - in0) * inner;
        }
        switch (n) {
        case 1: narrow_rows(1, weight, row, inner, first > 0, out); break;
        case 2: narrow_rows(2, weight, row, inner, first > 0, out); break;
        case 3: narrow_rows(3, weight, row, inner, first > 0, out); break;
        default: narrow_rows(4, weight, row, inner, first > 0, out); break;
        }
    }
}

static void narrow(const pdm_cpu_narrow *t, pdm_size first, pdm_size n, pdm_size outer, pdm_size inner, pdm_size in0,
                   pdm_size n_in, const double *restrict in, double *restrict out)
{
    if (inner == 1 && n == t->n && in0 == 0) {
        (t->same_places ? narrow_same : narrow_last)(t, outer, n_in, in, out);
        return;
    }
    for (pdm_size o = 0; o < outer; o++, in += n_in * inner)
        for (pdm_size i = first; i < first + n; i++, out += inner) narrow_result(t, i, in0, inner, in, out);
}

/* ---- a row of A ---- */

typedef double four __attribute__((vector_size(32), aligned(8), may_alias));

/* out [width] (op) sum_k b_k from_k[0] */
ALWAYS void assemble_scalars(pdm_size n, const double *b, pdm_size width, const double *const *from, bool add,
                             double *restrict out)
{
    for (pdm_size l = 0; l < width; l += LANES) {
        const int rest = width - l < LANES ? (int)(width - l) : LANES;
        vec       sum  = !add ? vec_set(0.0) : rest == LANES ? vec_load(out + l) : vec_load_part(out + l, rest);
        for (pdm_size k = 0; k < n; k++) {
            const double *at = b + k * width + l;
            sum = vec_fma(rest == LANES ? vec_load(at) : vec_load_part(at, rest), vec_set(from[k][0]), sum);
        }
        if (rest == LANES)
            vec_store(out + l, sum);
        else
            vec_store_part(out + l, sum, rest);
    }
}

/* The same for from_k [rows][4], width 4: out [rows][4][4]. */
ALWAYS void assemble_fours(pdm_size n, const double *b, pdm_size rows, const double *const *from, bool add,
                           double *restrict out)
{
    for (pdm_size r = 0; r < rows; r++, out += 16) {
        four sum[4];
        for (int l = 0; l < 4; l++) sum[l] = add ? *(four *)(out + 4 * l) : (four){0.0, 0.0, 0.0, 0.0};
        for (pdm_size k = 0; k < n; k++) {
            const four x = *(const four *)(from[k] + 4 * r);
            for (int l = 0; l < 4; l++) sum[l] += b[4 * k + l] * x;
        }
        for (int l = 0; l < 4; l++) *(four *)(out + 4 * l) = sum[l];
    }
}

/* The same for from_k [local]: out [local]; step: between two b. */
ALWAYS void assemble_line(pdm_size n, const double *b, pdm_size step, pdm_size local, const double *const *from,
                          pdm_size at, bool add, double *restrict out)
{
    for (pdm_size t = 0; t < local; t += LANES) {
        const int rest = local - t < LANES ? (int)(local - t) : LANES;
        vec       sum  = !add ? vec_set(0.0) : rest == LANES ? vec_load(out + t) : vec_load_part(out + t, rest);
        for (pdm_size k = 0; k < n; k++) {
            const double *x = from[k] + at + t;
            sum             = vec_fma(vec_set(b[k * step]), rest == LANES ? vec_load(x) : vec_load_part(x, rest), sum);
        }
        if (rest == LANES)
            vec_store(out + t, sum);
        else
            vec_store_part(out + t, sum, rest);
    }
}

static void assemble(pdm_size n, const double *b, pdm_size width, const double *const *from, pdm_size rows,
                     pdm_size local, bool add, double *restrict out)
{
    if (local == 1 && rows == 1)
        assemble_scalars(n, b, width, from, add, out);
    else if (local == 4 && width == 4)
        assemble_fours(n, b, rows, from, add, out);
    else
        for (pdm_size r = 0; r < rows; r++)
            for (pdm_size l = 0; l < width; l++)
                assemble_line(n, b + l, width, local, from, r * local, add, out + (r * width + l) * local);
}
