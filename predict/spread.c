/* What many values come to, one after the other in flat memory: means, deviations, ends, and quantiles. The first n_mark
 * values are kept, sorted, as marks, and of all others it is counted between which two of them they lie. So the rank of
 * every mark among all is exact, and a quantile lies between the two marks around it, where it is interpolated. */
#include "predict/predict_impl.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { AT_HAND = 1024 }; /* marks */

pdm_status spread_create(pdm_context *ctx, pdm_size n_value, pdm_size n_mark, spread_stats *s)
{
    pdm_status status = PDM_OK;

    s->ctx     = ctx;
    s->n_value = n_value;
    s->n_mark  = n_mark;
    PDM_TRY(pdm_alloc_array(ctx, n_value, &s->mean));
    PDM_TRY(pdm_alloc_array(ctx, n_value, &s->square));
    if (n_mark == 0) goto done;
    PDM_TRY(pdm_alloc_array(ctx, n_value, &s->low));
    PDM_TRY(pdm_alloc_array(ctx, n_value, &s->high));
    PDM_TRY(pdm_alloc_array(ctx, n_value * n_mark, &s->mark));
    PDM_TRY(pdm_alloc_array(ctx, n_value * (n_mark + 1), &s->count));
done:
    return status;
}

void spread_destroy(spread_stats *s)
{
    void *piece[] = {s->mean, s->square, s->low, s->high, s->mark, s->count};
    for (size_t i = 0; i < sizeof piece / sizeof *piece; i++) pdm_free(s->ctx, piece[i]);
    *s = (spread_stats){.ctx = s->ctx};
}

static int compare_doubles(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The first mark that is not below x; n where all are. Without branches, which nobody could foresee. */
static pdm_size place_of(pdm_size n, const double *mark, double x)
{
    const double *first = mark;
    for (pdm_size left = n; left > 1;) {
        const pdm_size half = left / 2;
        first += first[half - 1] < x ? half : 0;
        left -= half;
    }
    return first - mark + (*first < x);
}

/* All places are taken: each mark is one value that is at most itself. */
static void sort_marks(const spread_stats *s, pdm_size v)
{
    qsort(s->mark + v * s->n_mark, (size_t)s->n_mark, sizeof *s->mark, compare_doubles);
    for (pdm_size i = 0; i < s->n_mark; i++) s->count[v * (s->n_mark + 1) + i] = 1;
}

/* Of value v. */
static void find_ends(spread_stats *s, pdm_size v, pdm_size n, const double *const *sample)
{
    for (pdm_size i = 0; i < n; i++) {
        const double x = sample[i][v];
        s->low[v]      = s->n + i == 0 || x < s->low[v] ? x : s->low[v];
        s->high[v]     = s->n + i == 0 || x > s->high[v] ? x : s->high[v];
    }
}

/* Of value v: marks are read in their order once, which memory likes, and then searched at hand. */
static void count_samples(const spread_stats *s, pdm_size v, pdm_size n, const double *const *sample)
{
    double         at_hand[AT_HAND];
    const double  *mark  = s->mark + v * s->n_mark;
    uint32_t      *count = s->count + v * (s->n_mark + 1);
    const pdm_size size  = s->n_mark;

    if (size <= AT_HAND) {
        memcpy(at_hand, mark, (size_t)size * sizeof *mark);
        mark = at_hand;
    }
    for (pdm_size i = 0; i < n; i++) count[place_of(size, mark, sample[i][v])]++;
}

static void add_to_marks(spread_stats *s, pdm_size v, pdm_size n, const double *const *sample)
{
    const pdm_size left = s->n < s->n_mark ? s->n_mark - s->n : 0, taken = left < n ? left : n;

    find_ends(s, v, n, sample);
    for (pdm_size i = 0; i < taken; i++) s->mark[v * s->n_mark + s->n + i] = sample[i][v];
    if (taken > 0 && taken == left) sort_marks(s, v);
    if (n > taken) count_samples(s, v, n - taken, sample + taken);
}

/* Source: Welford, Technometrics 4 (1962) 419. */
static void add_to_moments(spread_stats *s, pdm_size v, pdm_size n, const double *const *sample)
{
    double mean = s->mean[v], square = s->square[v];

    for (pdm_size i = 0; i < n; i++) {
        const double x = sample[i][v], d = x - mean;
        mean += d / (double)(s->n + i + 1);
        square += d * (x - mean);
    }
    s->mean[v]   = mean;
    s->square[v] = square;
}

/* Value by value, so that its marks are at hand for all samples. */
void spread_add(spread_stats *s, pdm_size n, const double *const *sample)
{
    for (pdm_size v = 0; v < s->n_value; v++) {
        add_to_moments(s, v, n, sample);
        if (s->n_mark > 0) add_to_marks(s, v, n, sample);
    }
    s->n += n;
}

/* Source: Chan, Golub, LeVeque, The American Statistician 37 (1983) 242. */
void spread_change(const spread_stats *s, const spread_stats *by, int sign, pdm_size v, double *mean, double *deviation)
{
    const double n_s = (double)s->n, n_by = (double)by->n, n = n_s + sign * n_by;
    const double m      = n > 0.0 ? (n_s * s->mean[v] + sign * n_by * by->mean[v]) / n : NAN;
    const double gap    = sign > 0 ? s->mean[v] - by->mean[v] : m - by->mean[v];
    const double share  = sign > 0 ? n_s * n_by / n : n * n_by / n_s;
    const double square = s->square[v] + sign * (by->square[v] + gap * gap * share);
    *mean               = m;
    *deviation          = n > 1.0 ? sqrt(fmax(square, 0.0) / (n - 1.0)) : NAN;
}

double spread_deviation(const spread_stats *s, pdm_size v)
{
    return s->n > 1 ? sqrt(s->square[v] / (double)(s->n - 1)) : NAN;
}

void spread_end(spread_stats *s)
{
    if (s->n >= s->n_mark) return;
    for (pdm_size v = 0; v < s->n_value; v++)
        qsort(s->mark + v * s->n_mark, (size_t)s->n, sizeof *s->mark, compare_doubles);
}

/* Of number `rank` (perhaps between two) of the values that are sorted, which is between number r0, that is v0, and
 * number r1, that is v1. */
static double between(double rank, pdm_size r0, double v0, pdm_size r1, double v1, double *error)
{
    const double share = r1 > r0 ? (rank - (double)r0) / (double)(r1 - r0) : 0.0, value = v0 + share * (v1 - v0);
    *error = r1 > r0 + 1 && share > 0.0 && share < 1.0 ? fmax(value - v0, v1 - value) : 0.0;
    return value;
}

double spread_quantile(const spread_stats *s, pdm_size v, double p, double *error)
{
    const double    rank  = p * (double)(s->n - 1);
    const double   *mark  = s->mark + v * s->n_mark;
    const uint32_t *count = s->count + v * (s->n_mark + 1);
    pdm_size        r0 = 0, below = 0;
    double          v0 = s->low[v];

    if (s->n <= s->n_mark) {
        const pdm_size k = (pdm_size)rank, next = k + 1 < s->n ? k + 1 : k;
        return between(rank, k, mark[k], next, mark[next], error);
    }
    for (pdm_size i = 0; i < s->n_mark; i++) {
        below += count[i];
        if ((double)(below - 1) >= rank) return between(rank, r0, v0, below - 1, mark[i], error);
        r0 = below - 1;
        v0 = mark[i];
    }
    return between(rank, r0, v0, s->n - 1, s->high[v], error);
}
