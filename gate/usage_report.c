/* How a gate has routed, and where measured boxes are, in words and numbers: pdemoe info. */
#include "gate/gate.h"

#include <math.h>
#include <stdio.h>

#include "experts/experts.h"

enum { EXPERTS_LISTED = 32, EXTREMES = 6 }; /* of more experts: so many with the largest loads, and with the smallest */

/* Of all experts together. */
typedef struct totals {
    double columns, most, null, load; /* null: of experts that could have columns; load: the mean */
    double busiest;                   /* over the mean  */
} totals;

static totals add_up(const pdm_experts *x, const pdm_gate_usage *u)
{
    totals t    = {.most = (double)pdm_experts_n_column(x)};
    double most = 0.0, could = 0.0;

    for (pdm_size e = 0; e < u->n_expert; e++) {
        const bool has_columns = pdm_experts_column0(x)[e + 1] > pdm_experts_column0(x)[e];
        t.columns += u->columns[e];
        t.null += has_columns ? u->null[e] : 0.0;
        could += has_columns ? 1.0 : 0.0;
        t.load += u->load[e] / (double)u->n_expert;
        most = fmax(most, u->load[e]);
    }
    t.null /= fmax(1.0, could);
    t.busiest = t.load > 0.0 ? most / t.load : 1.0;
    return t;
}

/* Relative to the mean; with no load anywhere all are alike. */
static double relative_load(const pdm_gate_usage *u, const totals *t, pdm_size expert)
{
    return t->load > 0.0 ? u->load[expert] / t->load : 1.0;
}

static pdm_status append_head(const pdm_domain *d, bool routes, pdm_text *out)
{
    pdm_status status = PDM_OK;
    PDM_TRY(pdm_text_append(out, "  expert"));
    for (pdm_size j = 0; j < pdm_domain_n_dim(d); j++)
        PDM_TRY(pdm_text_append(out, "  %-20s", pdm_pde_dim_name(pdm_domain_pde(d), j)));
    if (routes)
        PDM_TRY(pdm_text_append(out, "  %7s  %5s  %7s  %9s\n", "columns", "of", "null", "load/mean"));
    else
        PDM_TRY(pdm_text_append(out, "  %7s\n", "columns"));
done:
    return status;
}

/* t: NULL where nothing is known of how experts have been used. */
static pdm_status append_expert(const pdm_experts *x, const pdm_domain *d, const pdm_gate_usage *u, const totals *t,
                                const double *bounds, pdm_size e, pdm_text *out)
{
    pdm_status      status  = PDM_OK;
    const pdm_size *column0 = pdm_experts_column0(x), n_dim = pdm_domain_n_dim(d);
    char            place[64];

    PDM_TRY(pdm_text_append(out, "  %6lld", (long long)e));
    for (pdm_size j = 0; j < n_dim; j++) {
        const double *b = bounds + 2 * (e * n_dim + j);
        if (isnan(b[0])) /* all its control points are fixed */
            snprintf(place, sizeof place, "none");
        else
            snprintf(place, sizeof place, "%.4g to %.4g", b[0], b[1]);
        PDM_TRY(pdm_text_append(out, "  %-20s", place));
    }
    const long long all = (long long)(column0[e + 1] - column0[e]);
    if (!t) return pdm_text_append(out, "  %7lld\n", all);
    PDM_TRY(pdm_text_append(out, "  %7.2f  %5lld  %5.1f %%  %9.2f\n", u->columns[e], all, 100.0 * u->null[e],
                            relative_load(u, t, e)));
done:
    return status;
}

/* Experts by falling load; of two alike the lower number first. */
static void sort_by_load(const pdm_gate_usage *u, pdm_size *order)
{
    for (pdm_size e = 0; e < u->n_expert; e++) {
        pdm_size i = e;
        for (; i > 0 && u->load[order[i - 1]] < u->load[e]; i--) order[i] = order[i - 1];
        order[i] = e;
    }
}

static pdm_status append_extremes(pdm_context *ctx, const pdm_experts *x, const pdm_domain *d, const pdm_gate_usage *u,
                                  const totals *t, const double *bounds, pdm_text *out)
{
    pdm_status status = PDM_OK;
    pdm_size  *order  = NULL;

    PDM_TRY(pdm_alloc_array(ctx, u->n_expert, &order));
    sort_by_load(u, order);
    for (pdm_size i = 0; i < EXTREMES; i++) PDM_TRY(append_expert(x, d, u, t, bounds, order[i], out));
    PDM_TRY(
        pdm_text_append(out, "  ... %lld experts with loads between ...\n", (long long)(u->n_expert - 2 * EXTREMES)));
    for (pdm_size i = u->n_expert - EXTREMES; i < u->n_expert; i++)
        PDM_TRY(append_expert(x, d, u, t, bounds, order[i], out));
done:
    pdm_free(ctx, order);
    return status;
}

/* Measured boxes of a model that nothing is known of how it routes: a line each, of many the first ones. */
static pdm_status boxes_view(pdm_context *ctx, const pdm_experts *x, const pdm_domain *d, pdm_text *out)
{
    pdm_status           status = PDM_OK;
    const pdm_gate_usage none   = {0};
    const pdm_size       n      = pdm_experts_columns(x)->n_expert;
    double              *bounds = NULL;

    if (!pdm_experts_wants_boxes(x)) return PDM_OK;
    PDM_TRY(pdm_alloc_array(ctx, n * pdm_domain_n_dim(d) * 2, &bounds));
    pdm_experts_bounds(x, bounds);
    PDM_TRY(append_head(d, false, out));
    for (pdm_size e = 0; e < n && e < EXPERTS_LISTED; e++) PDM_TRY(append_expert(x, d, &none, NULL, bounds, e, out));
    if (n > EXPERTS_LISTED) PDM_TRY(pdm_text_append(out, "  ... %lld more experts\n", (long long)(n - EXPERTS_LISTED)));
done:
    pdm_free(ctx, bounds);
    return status;
}

pdm_status pdm_gate_usage_view(pdm_context *ctx, const pdm_gate *g, const pdm_experts *x, const pdm_domain *d,
                               pdm_text *out)
{
    pdm_status           status = PDM_OK;
    const pdm_gate_usage u      = pdm_gate_get_usage(g);
    double              *bounds = NULL;

    if (g && u.weight == 0.0)
        PDM_TRY(pdm_text_append(out, "routing      not known: no steps of training with this gate\n"));
    if (!g || u.weight == 0.0) return boxes_view(ctx, x, d, out);
    const totals t = add_up(x, &u);
    PDM_TRY(pdm_alloc_array(ctx, u.n_expert * pdm_domain_n_dim(d) * 2, &bounds));
    pdm_experts_bounds(x, bounds);
    PDM_TRY(pdm_text_append(out,
                            "routing      %.1f %% of the unknowns exist, %.1f %% of the experts are null, the largest "
                            "load is %.2f times the mean (about the last 50 steps)\n",
                            100.0 * t.columns / t.most, 100.0 * t.null, t.busiest));
    PDM_TRY(append_head(d, true, out));
    if (u.n_expert > EXPERTS_LISTED)
        PDM_TRY(append_extremes(ctx, x, d, &u, &t, bounds, out));
    else
        for (pdm_size e = 0; e < u.n_expert; e++) PDM_TRY(append_expert(x, d, &u, &t, bounds, e, out));
done:
    pdm_free(ctx, bounds);
    return status;
}

static void tell(pdm_number numbers, void *user, pdm_size expert, const char *what, double value)
{
    char name[128];
    snprintf(name, sizeof name, "routing.%lld.%s", (long long)expert, what);
    numbers(user, name, value);
}

pdm_status pdm_gate_usage_numbers(const pdm_gate *g, const pdm_experts *x, const pdm_domain *d, pdm_number numbers,
                                  void *user)
{
    pdm_status status = PDM_OK;
    double    *bounds = NULL;
    char       name[64];

    if (!g) return PDM_OK;
    const pdm_gate_usage u     = pdm_gate_get_usage(g);
    const pdm_size       n_dim = pdm_domain_n_dim(d);
    if (u.weight == 0.0) return PDM_OK;
    const totals t = add_up(x, &u);
    PDM_TRY(pdm_alloc_array(g->ctx, u.n_expert * n_dim * 2, &bounds));
    pdm_experts_bounds(x, bounds);
    numbers(user, "routing.experts", (double)u.n_expert);
    numbers(user, "routing.unknowns", t.columns / t.most);
    numbers(user, "routing.null", t.null);
    numbers(user, "routing.load", t.busiest);
    for (pdm_size e = 0; e < u.n_expert; e++) {
        tell(numbers, user, e, "columns", u.columns[e]);
        tell(numbers, user, e, "null", u.null[e]);
        tell(numbers, user, e, "load", relative_load(&u, &t, e));
        for (pdm_size k = 0; k < u.n_group; k++) {
            snprintf(name, sizeof name, "group.%lld", (long long)k);
            tell(numbers, user, e, name, u.group[e * u.n_group + k]);
        }
        for (pdm_size j = 0; j < 2 * n_dim; j++) {
            snprintf(name, sizeof name, "%s.%.40s", pdm_pde_dim_name(pdm_domain_pde(d), j / 2), j % 2 ? "to" : "from");
            tell(numbers, user, e, name, bounds[2 * e * n_dim + j]);
        }
    }
done:
    pdm_free(g->ctx, bounds);
    return status;
}
