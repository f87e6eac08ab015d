/* Windows that are weights of the model: a softmax over the experts that share a control point. docs/mathematics.md,
 * "Learned windows". */
#include "experts/experts_impl.h"

#include <math.h>
#include <string.h>

struct experts_learned {
    pdm_weights logits;
    pdm_size    n_point;  /* control points that several experts share                                  */
    pdm_size   *logit0;   /* [n_point+1] first logit of each                                            */
    int32_t    *coef;     /* [n_point] rising                                                           */
    int32_t    *expert;   /* [logits.n] rising within a point                                           */
    int32_t    *logit_of; /* [n_window] of a place in the groups; -1: a control point of one expert only */
    double     *share;    /* [logits.n] softmax                                                         */
    double     *g_share;  /* [logits.n] work                                                            */
};

static pdm_size window_of(const pdm_experts *x, const pdm_column_group *g)
{
    return g->window - x->window;
}

pdm_size pdm_experts_n_window(const pdm_experts *x)
{
    pdm_size n = 0;
    for (pdm_size g = 0; g < x->desc.n_expert * x->desc.n_field; g++) n += x->group[g].n_coef;
    return n;
}

/* What is free in one field may be fixed in another: an expert has a control point when one of its groups has it. seen
 * [n_coef]: the last expert that had it, and one more. */
static bool is_new(int32_t *seen, const pdm_column_group *g, pdm_size i)
{
    const bool first = seen[g->coef[i]] != g->expert + 1;
    seen[g->coef[i]] = g->expert + 1;
    return first;
}

/* Lists the control points with more than one expert, and makes room; count [n_coef]: experts of each. */
static pdm_status list_points(pdm_experts *x, const int32_t *count)
{
    pdm_status       status = PDM_OK;
    experts_learned *l      = x->learned;
    pdm_size         n      = 0;

    for (pdm_size i = 0; i < x->desc.n_coef; i++) l->n_point += count[i] > 1;
    PDM_TRY(pdm_alloc_array(x->ctx, l->n_point + 1, &l->logit0));
    PDM_TRY(pdm_alloc_array(x->ctx, l->n_point, &l->coef));
    for (pdm_size i = 0; i < x->desc.n_coef; i++) {
        if (count[i] < 2) continue;
        l->coef[n]       = (int32_t)i;
        l->logit0[n + 1] = l->logit0[n] + count[i];
        n++;
    }
    PDM_TRY(pdm_weights_create(x->ctx, l->logit0[n], &l->logits));
    PDM_TRY(pdm_alloc_array(x->ctx, l->logits.n, &l->expert));
    PDM_TRY(pdm_alloc_array(x->ctx, l->logits.n, &l->share));
    PDM_TRY(pdm_alloc_array(x->ctx, l->logits.n, &l->g_share));
    PDM_TRY(pdm_alloc_array(x->ctx, pdm_experts_n_window(x), &l->logit_of));
done:
    return status;
}

/* Logits, and which of them each place of the groups has. next [n_coef] the next logit of each control point, -1 where
 * there are none; here [n_coef] work. */
static void list_logits(pdm_experts *x, int32_t *seen, int32_t *next, int32_t *here)
{
    experts_learned *l = x->learned;

    for (pdm_size k = 0; k < x->desc.n_expert * x->desc.n_field; k++) {
        const pdm_column_group *g  = &x->group[k];
        int32_t                *to = l->logit_of + window_of(x, g);
        for (pdm_size i = 0; i < g->n_coef; i++) {
            const int32_t coef = g->coef[i];
            to[i]              = -1;
            if (next[coef] < 0) continue;
            if (is_new(seen, g, i)) {
                here[coef]                      = next[coef]++;
                l->expert[here[coef]]           = g->expert;
                l->logits.parameter[here[coef]] = log(g->window[i]);
            }
            to[i] = here[coef];
        }
    }
}

pdm_status experts_learned_create(pdm_experts *x)
{
    pdm_status     status = PDM_OK;
    const pdm_size n_coef = x->desc.n_coef;
    int32_t       *seen = NULL, *count = NULL, *here = NULL;

    PDM_TRY(pdm_alloc(x->ctx, sizeof *x->learned, &x->learned));
    PDM_TRY(pdm_alloc_array(x->ctx, n_coef, &seen));
    PDM_TRY(pdm_alloc_array(x->ctx, n_coef, &count));
    PDM_TRY(pdm_alloc_array(x->ctx, n_coef, &here));
    for (pdm_size k = 0; k < x->desc.n_expert * x->desc.n_field; k++)
        for (pdm_size i = 0; i < x->group[k].n_coef; i++) count[x->group[k].coef[i]] += is_new(seen, &x->group[k], i);
    PDM_TRY(list_points(x, count));
    memset(seen, 0, (size_t)n_coef * sizeof *seen);
    for (pdm_size i = 0; i < n_coef; i++) count[i] = -1;
    for (pdm_size p = 0; p < x->learned->n_point; p++) count[x->learned->coef[p]] = (int32_t)x->learned->logit0[p];
    list_logits(x, seen, count, here);
    pdm_experts_put_windows(x);
done:
    pdm_free(x->ctx, seen);
    pdm_free(x->ctx, count);
    pdm_free(x->ctx, here);
    return status;
}

void experts_learned_destroy(pdm_experts *x)
{
    experts_learned *l = x->learned;
    if (!l) return;
    pdm_weights_destroy(x->ctx, &l->logits);
    pdm_free(x->ctx, l->logit0);
    pdm_free(x->ctx, l->coef);
    pdm_free(x->ctx, l->expert);
    pdm_free(x->ctx, l->logit_of);
    pdm_free(x->ctx, l->share);
    pdm_free(x->ctx, l->g_share);
    pdm_free(x->ctx, l);
    x->learned = NULL;
}

pdm_weights pdm_experts_logits(const pdm_experts *x)
{
    return x->learned ? x->learned->logits : (pdm_weights){0};
}
pdm_size pdm_experts_n_shared(const pdm_experts *x)
{
    return x->learned ? x->learned->n_point : 0;
}
double pdm_experts_learning_rate(const pdm_experts *x)
{
    return x->settings.learning_rate;
}

bool pdm_experts_same_logits(const pdm_experts *a, const pdm_experts *b)
{
    const experts_learned *l = a->learned, *m = b->learned;
    if (!l || !m || l->n_point != m->n_point || l->logits.n != m->logits.n) return false;
    return memcmp(l->coef, m->coef, (size_t)l->n_point * sizeof *l->coef) == 0 &&
           memcmp(l->logit0, m->logit0, (size_t)(l->n_point + 1) * sizeof *l->logit0) == 0 &&
           memcmp(l->expert, m->expert, (size_t)l->logits.n * sizeof *l->expert) == 0;
}

static void softmax(pdm_size n, const double *logit, double *share)
{
    double most = -INFINITY, sum = 0.0;
    for (pdm_size k = 0; k < n; k++) most = logit[k] > most ? logit[k] : most;
    for (pdm_size k = 0; k < n; k++) sum += share[k] = exp(logit[k] - most);
    for (pdm_size k = 0; k < n; k++) share[k] /= sum;
}

void pdm_experts_put_windows(pdm_experts *x)
{
    experts_learned *l = x->learned;
    if (!l) return;
    for (pdm_size p = 0; p < l->n_point; p++)
        softmax(l->logit0[p + 1] - l->logit0[p], l->logits.parameter + l->logit0[p], l->share + l->logit0[p]);
    for (pdm_size i = 0, n = pdm_experts_n_window(x); i < n; i++)
        if (l->logit_of[i] >= 0) x->window[i] = l->share[l->logit_of[i]];
}

void pdm_experts_windows_backward(pdm_experts *x, const double *g_window)
{
    experts_learned *l = x->learned;
    if (!l) return;
    memset(l->g_share, 0, (size_t)l->logits.n * sizeof *l->g_share);
    for (pdm_size i = 0, n = pdm_experts_n_window(x); i < n; i++)
        if (l->logit_of[i] >= 0) l->g_share[l->logit_of[i]] += g_window[i];
    for (pdm_size p = 0; p < l->n_point; p++) {
        double mean = 0.0;
        for (pdm_size k = l->logit0[p]; k < l->logit0[p + 1]; k++) mean += l->share[k] * l->g_share[k];
        for (pdm_size k = l->logit0[p]; k < l->logit0[p + 1]; k++)
            l->logits.gradient[k] += l->share[k] * (l->g_share[k] - mean);
    }
}
