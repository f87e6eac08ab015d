/* Windows of experts: 1 on an expert's box of control points and 0 elsewhere, or blended with its neighbours'. They are
 * products of windows along the dimensions, divided by their sum over all experts. */
#include "experts/experts_impl.h"

#include <math.h>

static double clamp01(double x)
{
    return x < 0.0 ? 0.0 : x > 1.0 ? 1.0 : x;
}

/* Ramp up around `low`, down around `high`, over `overlap` points; 0/1 when overlap is 0. Open ends have no ramp. */
static double bump(double x, double low, double high, bool open_low, bool open_high, double overlap)
{
    if (overlap <= 0.0) return (open_low || x >= low) && (open_high || x < high) ? 1.0 : 0.0;
    const double up   = open_low ? 1.0 : clamp01((x - low) / overlap + 0.5);
    const double down = open_high ? 1.0 : clamp01((high - x) / overlap + 0.5);
    return up * down;
}

/* Window at control point i of a dimension of the interval low .. high of it; a control point stands at i + 1/2. */
static double raw_window(const pdm_spline *s, double overlap, double low, double high, pdm_size i)
{
    const double n = (double)s->n_coef, x = (double)i + 0.5;
    const bool   ends = !s->periodic || (low <= 0.0 && high >= n);
    double       v    = bump(x, low, high, ends && low <= 0.0, ends && high >= n, overlap);

    if (!ends) v += bump(x - n, low, high, false, false, overlap) + bump(x + n, low, high, false, false, overlap);
    return v;
}

/* Puts the windows at points from .. to-1 that are within the dimension, behind the *used that are there. */
static void add_range(axis_windows *w, const pdm_spline *s, double overlap, double low, double high, pdm_size from,
                      pdm_size to, bool store, pdm_size *used)
{
    for (pdm_size i = from > 0 ? from : 0; i < to && i < s->n_coef; i++) {
        const double v = raw_window(s, overlap, low, high, i);
        if (v <= 0.0) continue;
        if (store) {
            w->index[*used] = i;
            w->value[*used] = v;
        }
        (*used)++;
    }
}

/* All windows along one dimension, looking at points near each box only; run without store to count. */
static pdm_size add_windows(axis_windows *w, const pdm_spline *s, double overlap, pdm_size dim, pdm_size n_expert,
                            const experts_box *box, bool store)
{
    const pdm_size n    = s->n_coef;
    pdm_size       used = 0;
    for (pdm_size e = 0; e < n_expert; e++) {
        const double low = box[e].low[dim], high = box[e].high[dim];
        pdm_size     from = (pdm_size)floor(low - 0.5 * overlap) - 1, to = (pdm_size)ceil(high + 0.5 * overlap) + 1;
        if (s->periodic && to - from >= n) from = 0, to = n;
        w->start[e] = used;
        if (s->periodic) add_range(w, s, overlap, low, high, 0, to - n, store, &used);
        add_range(w, s, overlap, low, high, from, to, store, &used);
        if (s->periodic && from < 0) add_range(w, s, overlap, low, high, from + n, n, store, &used);
    }
    w->start[n_expert] = used;
    return used;
}

pdm_status windows_create(pdm_experts *x, pdm_size dim, double overlap)
{
    pdm_status        status = PDM_OK;
    const pdm_spline *s      = pdm_domain_spline(x->domain, dim);
    axis_windows     *w      = &x->window_of[dim];

    PDM_TRY(pdm_alloc_array(x->ctx, x->desc.n_expert + 1, &w->start));
    const pdm_size n = add_windows(w, s, overlap, dim, x->desc.n_expert, x->box, false);
    PDM_TRY(pdm_alloc_array(x->ctx, n, &w->index));
    PDM_TRY(pdm_alloc_array(x->ctx, n, &w->value));
    add_windows(w, s, overlap, dim, x->desc.n_expert, x->box, true);
done:
    return status;
}

void windows_destroy(pdm_context *ctx, axis_windows *w)
{
    pdm_free(ctx, w->start);
    pdm_free(ctx, w->index);
    pdm_free(ctx, w->value);
    *w = (axis_windows){0};
}

bool windows_first(const pdm_experts *x, pdm_size expert, windows_at *at)
{
    for (pdm_size j = 0; j < pdm_domain_n_dim(x->domain); j++) {
        at->entry[j] = x->window_of[j].start[expert];
        if (at->entry[j] == x->window_of[j].start[expert + 1]) return false;
    }
    at->expert = expert;
    return true;
}

bool windows_next(const pdm_experts *x, windows_at *at)
{
    for (pdm_size j = pdm_domain_n_dim(x->domain) - 1; j >= 0; j--) {
        if (++at->entry[j] < x->window_of[j].start[at->expert + 1]) return true;
        at->entry[j] = x->window_of[j].start[at->expert];
    }
    return false;
}

pdm_size windows_coef(const pdm_experts *x, const windows_at *at)
{
    pdm_size coef = 0;
    for (pdm_size j = 0; j < pdm_domain_n_dim(x->domain); j++)
        coef = coef * pdm_domain_spline(x->domain, j)->n_coef + x->window_of[j].index[at->entry[j]];
    return coef;
}

double windows_value(const pdm_experts *x, const windows_at *at)
{
    double v = 1.0;
    for (pdm_size j = pdm_domain_n_dim(x->domain) - 1; j >= 0; j--) v *= x->window_of[j].value[at->entry[j]];
    return v;
}
