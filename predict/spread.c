/* What many values come to, one after the other in flat memory: means, deviations, ends, and quantiles. The first n_mark
 * values are kept, sorted, as marks, and of all others it is counted between which two of them they lie. So the rank of
 * every mark among all is exact, and a quantile lies between the two marks around it, where it is interpolated. */
#include "predict/predict_impl.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

pdm_status spread_create(pdm_context *ctx, pdm_size n_value, pdm_size n_mark, spread *s)
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

void spread_destroy(spread *s)
{
    void *piece[] = {s->mean, s->square, s->low, s->high, s->mark, s->count};
    for (size_t i = 0; i < sizeof piece / sizeof *piece; i++) pdm_free(s->ctx, piece[i]);
    *s = (spread){.ctx = s->ctx};
}

static int compare_doubles(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The first mark that is not below x; n where all are. */
static pdm_size place_of(pdm_size n, const double *mark, double x)
{
    pdm_size low = 0, high = n;
    while (low < high) {
        const pdm_size middle = (low + high) / 2;
        if (mark[middle] < x)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* All places are taken: each mark is one value that is at most itself. */
static void sort_marks(spread *s)
{
    for (pdm_size v = 0; v < s->n_value; v++) {
        qsort(s->mark + v * s->n_mark, (size_t)s->n_mark, sizeof *s->mark, compare_doubles);
        for (pdm_size i = 0; i < s->n_mark; i++) s->count[v * (s->n_mark + 1) + i] = 1;
    }
}

static void add_to_marks(spread *s, const double *x)
{
    const pdm_size n = s->n_mark;

    for (pdm_size v = 0; v < s->n_value; v++) {
        s->low[v]  = s->n == 1 ? x[v] : fmin(s->low[v], x[v]);
        s->high[v] = s->n == 1 ? x[v] : fmax(s->high[v], x[v]);
        if (s->n <= n)
            s->mark[v * n + s->n - 1] = x[v];
        else
            s->count[v * (n + 1) + place_of(n, s->mark + v * n, x[v])]++;
    }
    if (s->n == n) sort_marks(s);
}

/* Source: Welford, Technometrics 4 (1962) 419. */
void spread_add(spread *s, const double *x)
{
    s->n++;
    for (pdm_size v = 0; v < s->n_value; v++) {
        const double d = x[v] - s->mean[v];
        s->mean[v] += d / (double)s->n;
        s->square[v] += d * (x[v] - s->mean[v]);
    }
    if (s->n_mark > 0) add_to_marks(s, x);
}

double spread_deviation(const spread *s, pdm_size v)
{
    return s->n > 1 ? sqrt(s->square[v] / (double)(s->n - 1)) : NAN;
}

void spread_end(spread *s)
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

double spread_quantile(const spread *s, pdm_size v, double p, double *error)
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
