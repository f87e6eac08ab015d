/* Nodes of one dimension, and finite differences on them. */
#include "lines/lines.h"

#include <math.h>

enum { VALUE_NODES = 6 };

/* Physical coordinate of break e, and of those beyond the ends where the breaks repeat. */
static double break_at(const pdm_spline *s, pdm_size e)
{
    double shift = 0.0;
    if (s->periodic) {
        while (e < 0) {
            e += s->n_span;
            shift -= s->map.high - s->map.low;
        }
        while (e > s->n_span) {
            e -= s->n_span;
            shift += s->map.high - s->map.low;
        }
    }
    return (e == s->n_span ? s->map.high : e == 0 ? s->map.low : pdm_map_value(&s->map, s->ends[e])) + shift;
}

/* Slope at break e of a monotone cubic through the breaks: harmonic mean of the spans beside it (Fritsch and Butland,
 * SIAM J. Sci. Stat. Comput. 5, 1984); at an end, what makes the last span a parabola, where that is monotone. */
static double slope_at(const pdm_spline *s, pdm_size e)
{
    const pdm_size last = s->n_span;
    if (!s->periodic && (e == 0 || e == last)) {
        const pdm_size inner = e == 0 ? 1 : last - 1;
        const double   span  = fabs(break_at(s, inner) - break_at(s, e));
        if (last == 1) return span;
        const double slope = 2.0 * span - slope_at(s, inner);
        return slope > 0.05 * span ? slope : 0.05 * span;
    }
    const double before = break_at(s, e) - break_at(s, e - 1), after = break_at(s, e + 1) - break_at(s, e);
    return 2.0 * before * after / (before + after);
}

void pdm_nodes_place(const pdm_spline *s, pdm_size n, double *x)
{
    const double step = (double)s->n_span / (double)(s->periodic ? n : n - 1);
    for (pdm_size i = 0; i < n; i++) {
        pdm_size e = (pdm_size)floor(step * (double)i);
        if (e >= s->n_span) e = s->n_span - 1;
        const double z = step * (double)i - (double)e, y = 1.0 - z;
        x[i] = break_at(s, e) * y * y * (1.0 + 2.0 * z) + break_at(s, e + 1) * z * z * (1.0 + 2.0 * y) +
               slope_at(s, e) * z * y * y - slope_at(s, e + 1) * z * z * y;
    }
    x[0] = s->map.low;
    if (!s->periodic) x[n - 1] = s->map.high;
}

void pdm_difference_weights(pdm_size n, const double *x, double at, pdm_size order, double *weight)
{
    double   c[PDM_LINES_WIDTH][PDM_LINES_WIDTH]; /* [node][order] of the nodes so far */
    double   product = 1.0;
    pdm_size most    = order < n ? order : n - 1;

    for (pdm_size j = 0; j < n; j++)
        for (pdm_size k = 0; k <= most; k++) c[j][k] = 0.0;
    c[0][0] = 1.0;
    for (pdm_size i = 1; i < n; i++) {
        const double   here = x[i] - at, before = x[i - 1] - at;
        const pdm_size top  = i < most ? i : most;
        double         next = 1.0;
        for (pdm_size j = 0; j < i; j++) next *= x[i] - x[j];
        for (pdm_size k = top; k >= 0; k--)
            c[i][k] = product / next * ((k > 0 ? (double)k * c[i - 1][k - 1] : 0.0) - before * c[i - 1][k]);
        for (pdm_size j = 0; j < i; j++)
            for (pdm_size k = top; k >= 0; k--)
                c[j][k] = (here * c[j][k] - (k > 0 ? (double)k * c[j][k - 1] : 0.0)) / (x[i] - x[j]);
        product = next;
    }
    for (pdm_size j = 0; j < n; j++) weight[j] = order < n ? c[j][order] : 0.0;
}

static pdm_size centred_width(pdm_size order)
{
    return order == 0 ? 1 : 2 * ((order + 1) / 2) + PDM_LINES_ORDER - 1;
}

pdm_size pdm_nodes_least(pdm_size order)
{
    return order + PDM_LINES_ORDER > VALUE_NODES ? order + PDM_LINES_ORDER : VALUE_NODES;
}

/* Weights of n nodes from number `first` on, which goes round the period. */
static void window(const pdm_nodes *g, pdm_size first, pdm_size n, double at, pdm_size order, int32_t *node,
                   double *weight)
{
    double x[PDM_LINES_WIDTH];
    for (pdm_size k = 0; k < n; k++) {
        pdm_size i    = first + k;
        double   turn = 0.0;
        if (i < 0) {
            i += g->n;
            turn = -g->period;
        } else if (i >= g->n) {
            i -= g->n;
            turn = g->period;
        }
        node[k] = (int32_t)i;
        x[k]    = g->x[i] + turn;
    }
    pdm_difference_weights(n, x, at, order, weight);
}

void pdm_nodes_difference(const pdm_nodes *g, pdm_size i, pdm_size order, pdm_size *n, int32_t *node, double *weight)
{
    pdm_size width = centred_width(order), first = i - width / 2;
    if (g->period == 0.0 && (first < 0 || first + width > g->n)) {
        const bool low = first < 0;
        width          = order + PDM_LINES_ORDER;
        first          = low ? 0 : g->n - width;
    }
    *n = width;
    window(g, first, width, g->x[i], order, node, weight);
}

void pdm_nodes_value(const pdm_nodes *g, double at, pdm_size *n, int32_t *node, double *weight)
{
    pdm_size below = 0, above = g->n; /* x[below] <= at < x[above] */
    if (g->period > 0.0) {
        while (at < g->x[0]) at += g->period;
        while (at >= g->x[0] + g->period) at -= g->period;
    }
    while (above - below > 1) {
        const pdm_size middle = (above + below) / 2;
        if (g->x[middle] <= at)
            below = middle;
        else
            above = middle;
    }
    pdm_size first = below - VALUE_NODES / 2 + 1;
    if (g->period == 0.0) first = first < 0 ? 0 : first + VALUE_NODES > g->n ? g->n - VALUE_NODES : first;
    *n = VALUE_NODES;
    window(g, first, VALUE_NODES, at, 0, node, weight);
}
