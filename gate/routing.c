/* Routing: which groups of columns an expert has for a sample, from probabilities. */
#include "gate/gate.h"

#include <math.h>

#include "gate/gate_impl.h"

enum {
    COLUMNS_MOST = 256, /* of an expert, all fields together: what blocks_worth takes */
    GROUPS_MOST  = 64   /* as in the table */
};

#define ROUTING_SETTINGS(X)                                                                                            \
    X(groups, PDM_SETTING_COUNT, 0, 0, 64, NULL, "1",                                                                  \
      "groups of columns that an expert may have or not; 0: one a column, or 64 at most")                              \
    X(shared, PDM_SETTING_COUNT, 0, 0, 255, NULL, "1", "columns per expert and field that all but null experts have")  \
    X(top_p, PDM_SETTING_REAL, 0.99, 1e-3, 0.999, NULL, "1",                                                           \
      "an expert has the fewest groups whose probability adds up to this")                                             \
    X(unknowns, PDM_SETTING_REAL, 0.6, 1e-3, 1.0, NULL, "1",                                                           \
      "share of the unknowns that the gate learns to get by with; 1: as many as are of any use")                       \
    X(ridge, PDM_SETTING_REAL, 1e-9, 0.0, 1.0, NULL, "1", "solver:ridge of routed columns, over their weight squared") \
    X(balance, PDM_SETTING_REAL, 0.0, 0.0, 1.0, NULL, "1",                                                             \
      "how far the loads of experts are to be evened out, over a whole batch; 1: altogether")                          \
    X(hidden, PDM_SETTING_COUNT, 16, 1, 1024, NULL, "1", "width of the gate's network")                                \
    X(learning_rate, PDM_SETTING_REAL, 2e-2, 0.0, 1.0, NULL, "1", "of the gate, at the start; falls like training's")

#define SETTING(name_, type_, fallback_, low_, high_, choices_, unit_, help_) \
    {#name_, type_, offsetof(pdm_routing_settings, name_), fallback_, low_, high_, choices_, unit_, help_},
static const pdm_setting settings_table[] = {ROUTING_SETTINGS(SETTING)};
#undef SETTING

pdm_status pdm_routing_settings_view(pdm_text *out)
{
    return pdm_settings_view("gate", settings_table, sizeof settings_table / sizeof *settings_table, out);
}

/* Columns per expert and field of experts that are not short of coefficients; of columns without channels the most that
 * there are. */
static pdm_size full_width(const pdm_routing *r)
{
    const pdm_columns_desc *d    = r->columns;
    pdm_size                most = 0;

    if (d->group[0].channel) return d->n_channel / d->n_field - (d->guess ? 1 : 0);
    for (pdm_size g = 0; g < d->n_expert * d->n_field; g++) most = d->group[g].n_col > most ? d->group[g].n_col : most;
    return most;
}

/* Of equal size, for n columns: as many as may be. */
static pdm_size most_groups(pdm_size n)
{
    pdm_size groups = n < GROUPS_MOST ? n : GROUPS_MOST;
    while (groups > 1 && n % groups != 0) groups--;
    return groups > 1 ? groups : 1;
}

static pdm_status check_groups(pdm_routing *r, pdm_case *c)
{
    pdm_status      status = PDM_OK;
    const pdm_size  N = full_width(r), shared = r->settings.shared, groups = r->settings.groups;
    const pdm_where where = pdm_case_where(c, "gate", pdm_case_has(c, "gate", "shared") ? "shared" : "groups");

    if (N * r->columns->n_field > COLUMNS_MOST) {
        const pdm_where basis = pdm_case_where(c, "experts", "basis");
        PDM_FAIL_AT(r->ctx, PDM_ERR_CASE, &basis,
                    "%lld columns for each of %lld fields; with a gate an expert has at most %d in all fields together",
                    (long long)N, (long long)r->columns->n_field, COLUMNS_MOST);
    }
    if (shared >= N)
        PDM_FAIL_AT(
            r->ctx, PDM_ERR_CASE, &where,
            "%lld shared columns of the %lld of an expert (experts:basis); fewer expected, so that some are left "
            "to route",
            (long long)shared, (long long)N);
    if (r->settings.unknowns * (double)N < (double)shared) {
        const pdm_where budget = pdm_case_where(c, "gate", "unknowns");
        PDM_FAIL_AT(
            r->ctx, PDM_ERR_CASE, &budget,
            "%g of the %lld columns of an expert are fewer than its %lld shared ones (gate:shared); more expected",
            r->settings.unknowns, (long long)N, (long long)shared);
    }
    if ((N - shared) % groups != 0)
        PDM_FAIL_AT(r->ctx, PDM_ERR_CASE, &where,
                    "%lld columns (experts:basis less gate:shared) in %lld groups (gate:groups); groups of equal size "
                    "expected",
                    (long long)(N - shared), (long long)groups);
done:
    return status;
}

/* Where an expert's control points are on average, and how many of them it has. */
static void find_place(pdm_routing *r, const pdm_domain *domain, pdm_size expert)
{
    double        *place   = r->place + expert * r->n_dim;
    const pdm_size n_field = r->columns->n_field;
    double         n       = 0.0;

    for (pdm_size f = 0; f < n_field; f++) {
        const pdm_column_group *g = &r->columns->group[expert * n_field + f];
        for (pdm_size i = 0; i < g->n_coef; i++) {
            pdm_size at = g->coef[i];
            for (pdm_size j = r->n_dim - 1; j >= 0; j--) {
                const pdm_size n_coef = pdm_domain_spline(domain, j)->n_coef;
                place[j] += (2.0 * (double)(at % n_coef) + 1.0) / (double)n_coef - 1.0;
                at /= n_coef;
            }
        }
        n += (double)g->n_coef;
    }
    for (pdm_size j = 0; j < r->n_dim && n > 0.0; j++) place[j] /= n;
    r->points[expert] = n / (double)n_field;
}

static void find_groups(pdm_routing *r)
{
    const pdm_size n_field = r->columns->n_field, groups = r->settings.groups, shared = r->settings.shared;
    const pdm_size size = (full_width(r) - shared) / groups;
    pdm_size       at   = 0;

    for (pdm_size g = 0; g < r->n_expert * n_field; g++)
        for (pdm_size n = 0; n < r->columns->group[g].n_col; n++, at++) {
            r->group_of[at] = (int32_t)(n < shared ? groups : (n - shared) / size);
            r->size[g / n_field * (groups + 1) + r->group_of[at]]++;
        }
}

/* Columns of an expert that is not null, at the least. */
static pdm_size least_columns(const pdm_routing *r, pdm_size expert)
{
    const int32_t *size  = r->size + expert * (r->settings.groups + 1);
    pdm_size       least = 0;

    for (pdm_size k = 0; k < r->settings.groups; k++)
        if (size[k] > 0 && (least == 0 || size[k] < least)) least = size[k];
    return least + size[r->settings.groups];
}

/* With less than one group in one expert the gate could only close altogether, in most samples or in all. */
static pdm_status check_budget(pdm_routing *r, pdm_case *c)
{
    pdm_status   status = PDM_OK;
    pdm_size     least  = 0;
    const double wanted = r->settings.unknowns * (double)r->n_column;

    for (pdm_size e = 0; e < r->n_expert; e++) {
        const pdm_size own = least_columns(r, e);
        if (own > 0 && (least == 0 || own < least)) least = own;
    }
    if (wanted < (double)least * (1.0 - 1e-9)) {
        const pdm_where where = pdm_case_where(c, "gate", "unknowns");
        PDM_FAIL_AT(r->ctx, PDM_ERR_CASE, &where,
                    "%g of %lld unknowns are fewer than the %lld that one expert with one group has; %.3g or more, or "
                    "more and smaller groups (gate:groups), expected",
                    r->settings.unknowns, (long long)r->n_column, (long long)least,
                    (double)least / (double)r->n_column);
    }
done:
    return status;
}

pdm_status pdm_routing_create(pdm_context *ctx, pdm_case *c, const pdm_domain *domain, const pdm_experts *experts,
                              pdm_size n_sample, pdm_routing **out)
{
    pdm_status   status = PDM_OK;
    pdm_routing *r      = NULL;

    *out = NULL;
    if (!pdm_case_has_group(c, "gate")) return PDM_OK;
    PDM_TRY(pdm_alloc(ctx, sizeof *r, &r));
    r->ctx = ctx;
    PDM_TRY(pdm_case_settings(c, "gate", settings_table, sizeof settings_table / sizeof *settings_table, &r->settings));
    r->columns  = pdm_experts_columns(experts);
    r->column0  = pdm_experts_column0(experts);
    r->n_dim    = pdm_domain_n_dim(domain);
    r->n_expert = r->columns->n_expert;
    r->n_column = pdm_experts_n_column(experts);
    if (r->settings.groups == 0) r->settings.groups = most_groups(full_width(r) - r->settings.shared);
    PDM_TRY(check_groups(r, c));
    r->n_choice = r->settings.groups + 1;
    PDM_TRY(pdm_alloc_array(ctx, r->n_column, &r->group_of));
    PDM_TRY(pdm_alloc_array(ctx, r->n_expert * r->n_choice, &r->size));
    PDM_TRY(pdm_alloc_array(ctx, r->n_expert, &r->points));
    PDM_TRY(pdm_alloc_array(ctx, r->n_expert * r->n_dim, &r->place));
    PDM_TRY(pdm_alloc_array(ctx, r->n_choice, &r->order));
    PDM_TRY(pdm_alloc_array(ctx, r->n_choice, &r->trial));
    PDM_TRY(pdm_alloc_array(ctx, n_sample * r->n_column, &r->on));
    PDM_TRY(pdm_alloc_array(ctx, n_sample * r->n_column, &r->ridge));
    PDM_TRY(pdm_alloc_array(ctx, n_sample * r->n_expert * r->settings.groups, &r->group_on));
    PDM_TRY(pdm_alloc_array(ctx, n_sample * r->n_expert, &r->null));
    PDM_TRY(pdm_alloc_array(ctx, n_sample * r->n_expert, &r->n_on));
    PDM_TRY(pdm_alloc_array(ctx, r->n_expert, &r->load));
    find_groups(r);
    PDM_TRY(check_budget(r, c));
    for (pdm_size e = 0; e < r->n_expert; e++) find_place(r, domain, e);
    *out = r;
    r    = NULL;
done:
    pdm_routing_destroy(&r);
    return status;
}

void pdm_routing_destroy(pdm_routing **routing)
{
    if (!routing || !*routing) return;
    pdm_routing *r       = *routing;
    void        *array[] = {r->group_of, r->size,  r->points, r->place,    r->order, r->on,
                            r->trial,    r->ridge, r->null,   r->group_on, r->n_on,  r->load};
    for (size_t i = 0; i < sizeof array / sizeof *array; i++) pdm_free(r->ctx, array[i]);
    pdm_free(r->ctx, r);
    *routing = NULL;
}

const pdm_routing_settings *pdm_routing_get_settings(const pdm_routing *r)
{
    return &r->settings;
}
pdm_size pdm_routing_n_expert(const pdm_routing *r)
{
    return r->n_expert;
}
pdm_size pdm_routing_n_choice(const pdm_routing *r)
{
    return r->n_choice;
}
pdm_size pdm_routing_size(const pdm_routing *r, pdm_size expert, pdm_size k)
{
    return r->size[expert * r->n_choice + k];
}
pdm_size pdm_routing_n_in(const pdm_routing *r, pdm_size n_feature)
{
    return 2 * n_feature + r->n_dim;
}

pdm_status pdm_routing_view(const pdm_routing *r, pdm_text *out)
{
    return pdm_text_append(
        out,
        "gate         %lld shared columns and %lld groups of %lld, of which probability %g; %g of the "
        "unknowns wanted\n",
        (long long)r->settings.shared, (long long)r->settings.groups,
        (long long)((full_width(r) - r->settings.shared) / r->settings.groups), r->settings.top_p,
        r->settings.unknowns);
}

void pdm_routing_pool(const pdm_routing *r, pdm_size n_feature, const float *features, double *x)
{
    const pdm_columns_desc *d = r->columns;
    for (pdm_size e = 0; e < r->n_expert; e++, x += 2 * n_feature + r->n_dim) {
        for (pdm_size i = 0; i < 2 * n_feature; i++) x[i] = 0.0;
        for (pdm_size f = 0; f < d->n_field; f++) {
            const pdm_column_group *g = &d->group[e * d->n_field + f];
            for (pdm_size k = 0; k < n_feature; k++)
                for (pdm_size i = 0; i < g->n_coef; i++) {
                    const double v = (double)features[k * d->n_coef + g->coef[i]];
                    x[k] += v / (r->points[e] * (double)d->n_field);
                    x[n_feature + k] = fmax(x[n_feature + k], fabs(v));
                }
        }
        for (pdm_size j = 0; j < r->n_dim; j++) x[2 * n_feature + j] = r->place[e * r->n_dim + j];
    }
}

/* The groups into r->order, most probable first. */
static void sort_groups(pdm_routing *r, const double *p)
{
    for (pdm_size k = 0; k < r->settings.groups; k++) {
        pdm_size i = k;
        for (; i > 0 && p[r->order[i - 1]] < p[k]; i--) r->order[i] = r->order[i - 1];
        r->order[i] = (int32_t)k;
    }
}

/* Were the null choice one of those that add up, a doubtful one would bring in more groups instead of fewer. */
static void choose_sets(pdm_routing *r, const double *p, unsigned char *group_on, unsigned char *null)
{
    const pdm_size groups = r->settings.groups;
    const double   enough = r->settings.top_p * (1.0 - p[groups]);
    double         sum    = 0.0;

    for (pdm_size k = 0; k < groups; k++) group_on[k] = 0;
    sort_groups(r, p);
    *null = p[groups] >= r->settings.top_p;
    for (pdm_size i = 0; i < groups && !*null && (i == 0 || sum < enough); i++) {
        group_on[r->order[i]] = 1;
        sum += p[r->order[i]];
    }
}

pdm_status pdm_routing_choose(pdm_routing *r, pdm_size sample, const double *p, double solver_ridge)
{
    pdm_status     status = PDM_OK;
    const pdm_size groups = r->settings.groups;

    for (pdm_size i = 0; i < r->n_expert * r->n_choice; i++)
        if (!isfinite(p[i]))
            PDM_FAIL(r->ctx, PDM_ERR_NUMERIC,
                     "the gate gives choice %lld of expert %lld of sample %lld the probability %g: its weights or the "
                     "features are not finite",
                     (long long)(i % r->n_choice), (long long)(i / r->n_choice), (long long)sample, p[i]);
    for (pdm_size e = 0; e < r->n_expert; e++) {
        const pdm_size at       = sample * r->n_expert + e;
        unsigned char *group_on = r->group_on + at * groups;
        if (!r->frozen) choose_sets(r, p + e * r->n_choice, group_on, &r->null[at]);
        r->n_on[at] = 0;
        for (pdm_size i = r->column0[e]; i < r->column0[e + 1]; i++) {
            const int32_t k                    = r->group_of[i];
            const double  g                    = k < groups ? routing_weight(r, p[e * r->n_choice + k]) : 1.0;
            r->on[sample * r->n_column + i]    = k < groups ? group_on[k] : !r->null[at];
            r->ridge[sample * r->n_column + i] = k < groups ? r->settings.ridge / (g * g) : solver_ridge;
            r->n_on[at] += r->on[sample * r->n_column + i];
        }
    }
done:
    return status;
}

void pdm_routing_freeze(pdm_routing *r, bool frozen)
{
    r->frozen = frozen;
}

pdm_size pdm_routing_count(pdm_routing *r, const double *p)
{
    const pdm_size groups = r->settings.groups;
    pdm_size       n      = 0;
    for (pdm_size e = 0; e < r->n_expert; e++) {
        unsigned char  null;
        const int32_t *size = r->size + e * r->n_choice;
        choose_sets(r, p + e * r->n_choice, r->trial, &null);
        for (pdm_size k = 0; k < groups; k++) n += r->trial[k] ? size[k] : 0;
        n += null ? 0 : size[groups];
    }
    return n;
}

void pdm_routing_open(pdm_routing *r, pdm_size sample, double solver_ridge)
{
    const pdm_size groups = r->settings.groups;
    for (pdm_size e = 0; e < r->n_expert; e++) {
        const pdm_size at = sample * r->n_expert + e;
        for (pdm_size k = 0; k < groups; k++) r->group_on[at * groups + k] = 1;
        r->null[at] = 0;
        r->n_on[at] = (int32_t)(r->column0[e + 1] - r->column0[e]);
        for (pdm_size i = r->column0[e]; i < r->column0[e + 1]; i++) {
            r->on[sample * r->n_column + i]    = 1;
            r->ridge[sample * r->n_column + i] = solver_ridge;
        }
    }
}

/* d(ridge/g^2)/dp = -2 ridge g'/g^3 */
void pdm_routing_backward(const pdm_routing *r, pdm_size sample, const double *p, const double *g_ridge, double *g_p)
{
    for (pdm_size e = 0; e < r->n_expert; e++)
        for (pdm_size i = r->column0[e]; i < r->column0[e + 1]; i++) {
            const int32_t k = r->group_of[i];
            if (k == r->settings.groups || !r->on[sample * r->n_column + i]) continue;
            const double p_k = p[e * r->n_choice + k], g = routing_weight(r, p_k);
            g_p[e * r->n_choice + k] -=
                2.0 * r->settings.ridge * routing_weight_slope(r, p_k) / (g * g * g) * g_ridge[i];
        }
}

pdm_routing_choice pdm_routing_lend(const pdm_routing *r)
{
    return (pdm_routing_choice){
        .on = r->on, .ridge = r->ridge, .group_on = r->group_on, .null = r->null, .n_on = r->n_on};
}

pdm_routing_load pdm_routing_measure(const pdm_routing *r, pdm_batch batch)
{
    pdm_routing_load m    = {0};
    double           most = 0.0, sum = 0.0, n_expert = 0.0;
    const double     n = (double)batch.n;

    for (pdm_size e = 0; e < r->n_expert; e++) {
        const bool has_columns = r->column0[e + 1] > r->column0[e];
        double     load        = 0.0;
        n_expert += has_columns ? 1.0 : 0.0;
        for (pdm_size i = 0; i < batch.n; i++) {
            const pdm_size at = batch.index[i] * r->n_expert + e;
            load += r->points[e] * (double)r->n_on[at] * (double)r->n_on[at];
            m.unknowns += (double)r->n_on[at] / (n * (double)r->n_column);
            m.null += has_columns && r->null[at] ? 1.0 / n : 0.0;
        }
        most = fmax(most, load);
        sum += load;
    }
    m.null /= fmax(1.0, n_expert);
    m.load = sum > 0.0 ? most * (double)r->n_expert / sum : 1.0;
    return m;
}

static void blend(double *to, double share, double value)
{
    *to = (1.0 - share) * *to + share * value;
}

void pdm_routing_blend_use(const pdm_routing *r, pdm_batch batch, double share, const pdm_routing_use *to)
{
    const pdm_size groups = r->settings.groups;
    const double   n      = (double)batch.n;

    for (pdm_size e = 0; e < r->n_expert; e++) {
        double columns = 0.0, squares = 0.0, null = 0.0;
        for (pdm_size i = 0; i < batch.n; i++) {
            const pdm_size at   = batch.index[i] * r->n_expert + e;
            const double   n_on = (double)r->n_on[at];
            columns += n_on;
            squares += n_on * n_on;
            null += (double)r->null[at];
        }
        blend(&to->columns[e], share, columns / n);
        blend(&to->load[e], share, r->points[e] * squares / n);
        blend(&to->null[e], share, null / n);
        for (pdm_size k = 0; k < groups; k++) {
            double on = 0.0;
            for (pdm_size i = 0; i < batch.n; i++)
                on += (double)r->group_on[(batch.index[i] * r->n_expert + e) * groups + k];
            blend(&to->group[e * groups + k], share, on / n);
        }
    }
}
