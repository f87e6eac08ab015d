#include "experts/experts.h"

#include <string.h>

#include "experts/experts_impl.h"

struct pdm_wide {
    pdm_context       *ctx;
    const pdm_experts *x;
    pdm_columns_desc   desc;
    pdm_column_group  *group;              /* [n_expert*n_field]  */
    int32_t           *coef;               /* pieces of all groups */
    double            *window;             /* like coef, 1         */
    double            *prior;              /* pieces of all groups; NULL: none */
    unsigned char     *reach[PDM_MAX_DIM]; /* [n_expert][n_coef of the dimension] 1: within reach */
};

/* Control points of a dimension that an expert's elements see, and those that its window reaches. */
static void find_reach(pdm_wide *w, pdm_size expert)
{
    const pdm_columns_desc *d      = &w->x->desc;
    const pdm_size          n_dim  = pdm_domain_n_dim(w->x->domain);
    pdm_size                stride = 1;

    for (pdm_size j = n_dim - 1; j >= 0; j--) {
        const pdm_spline *s     = pdm_domain_spline(w->x->domain, j);
        unsigned char    *reach = w->reach[j] + expert * s->n_coef;
        for (pdm_size e = 0; e < s->n_element; e++)
            for (pdm_size k = 0; k <= s->degree && pdm_experts_owns(w->x, expert, j, e); k++)
                reach[(e + k) % s->n_coef] = 1;
        for (pdm_size f = 0; f < d->n_field; f++) {
            const pdm_column_group *g = &d->group[expert * d->n_field + f];
            for (pdm_size i = 0; i < g->n_coef; i++) reach[g->coef[i] / stride % s->n_coef] = 1;
        }
        stride *= s->n_coef;
    }
}

static bool is_reached(const pdm_wide *w, pdm_size expert, pdm_size coef)
{
    for (pdm_size j = pdm_domain_n_dim(w->x->domain) - 1; j >= 0; j--) {
        const pdm_size n = pdm_domain_spline(w->x->domain, j)->n_coef;
        if (!w->reach[j][expert * n + coef % n]) return false;
        coef /= n;
    }
    return true;
}

/* All groups; run without store to count. An expert without columns has no use for more coefficients. */
static pdm_size collect(pdm_wide *w, bool store)
{
    const pdm_columns_desc *d    = &w->x->desc;
    pdm_size                used = 0;

    for (pdm_size g = 0; g < d->n_expert * d->n_field; g++) {
        const pdm_column_group *from    = &d->group[g];
        const unsigned char    *is_free = pdm_domain_free(w->x->domain) + from->field * d->n_coef;
        pdm_size                n       = 0;
        for (pdm_size i = 0; i < d->n_coef && from->n_col > 0; i++) {
            if (!is_free[i] || !is_reached(w, from->expert, i)) continue;
            if (store) {
                w->coef[used + n]   = (int32_t)i;
                w->window[used + n] = 1.0;
            }
            n++;
        }
        if (store) {
            w->group[g]        = *from;
            w->group[g].coef   = w->coef + used;
            w->group[g].window = w->window + used;
            w->group[g].n_coef = n;
        }
        used += n;
    }
    return used;
}

static pdm_status continue_prior(pdm_wide *w)
{
    pdm_status              status  = PDM_OK;
    const pdm_columns_desc *d       = &w->x->desc;
    const pdm_size          n_group = d->n_expert * d->n_field;
    pdm_size                n       = 0;

    for (pdm_size g = 0; g < n_group; g++) n += w->group[g].n_coef * w->group[g].n_col;
    PDM_TRY(pdm_alloc_array(w->ctx, n, &w->prior));
    double *next = w->prior;
    for (pdm_size g = 0; g < n_group; g++) {
        pdm_column_group *own = &w->group[g];
        PDM_TRY(experts_prior_fill(w->x, own->expert, own->field, own->n_coef, own->coef, own->n_col, next));
        own->prior = next;
        next += own->n_coef * own->n_col;
    }
done:
    return status;
}

pdm_status pdm_wide_create(pdm_context *ctx, const pdm_experts *x, pdm_wide **out)
{
    pdm_status status = PDM_OK;
    pdm_wide  *w      = NULL;

    if (x->settings.prior == PRIOR_POD)
        PDM_FAIL(ctx, PDM_ERR_UNSUPPORTED,
                 "experts by themselves: columns from solutions (experts:prior = \"pod\") end with their expert's box; "
                 "another prior expected");
    PDM_TRY(pdm_alloc(ctx, sizeof *w, &w));
    w->ctx         = ctx;
    w->x           = x;
    w->desc        = x->desc;
    w->desc.guess  = NULL;
    w->desc.offset = NULL;
    for (pdm_size j = 0; j < pdm_domain_n_dim(x->domain); j++)
        PDM_TRY(pdm_alloc_array(ctx, x->desc.n_expert * pdm_domain_spline(x->domain, j)->n_coef, &w->reach[j]));
    for (pdm_size e = 0; e < x->desc.n_expert; e++) find_reach(w, e);
    PDM_TRY(pdm_alloc_array(ctx, x->desc.n_expert * x->desc.n_field, &w->group));
    const pdm_size n = collect(w, false);
    PDM_TRY(pdm_alloc_array(ctx, n, &w->coef));
    PDM_TRY(pdm_alloc_array(ctx, n, &w->window));
    collect(w, true);
    w->desc.group = w->group;
    if (x->prior) PDM_TRY(continue_prior(w));
    *out = w;
    w    = NULL;
done:
    pdm_wide_destroy(&w);
    return status;
}

void pdm_wide_destroy(pdm_wide **wide)
{
    if (!wide || !*wide) return;
    pdm_wide *w = *wide;
    for (pdm_size j = 0; j < PDM_MAX_DIM; j++) pdm_free(w->ctx, w->reach[j]);
    pdm_free(w->ctx, w->group);
    pdm_free(w->ctx, w->coef);
    pdm_free(w->ctx, w->window);
    pdm_free(w->ctx, w->prior);
    pdm_free(w->ctx, w);
    *wide = NULL;
}

const pdm_columns_desc *pdm_wide_columns(const pdm_wide *w)
{
    return &w->desc;
}

void pdm_wide_share(const pdm_wide *w, pdm_size expert, double *share)
{
    const pdm_columns_desc *d = &w->x->desc;

    memset(share, 0, (size_t)(d->n_field * d->n_coef) * sizeof *share);
    for (pdm_size f = 0; f < d->n_field; f++) {
        const pdm_column_group *g = &d->group[expert * d->n_field + f];
        for (pdm_size i = 0; i < g->n_coef; i++) share[f * d->n_coef + g->coef[i]] = g->window[i];
    }
}
