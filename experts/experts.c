#include "experts/experts.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "experts/experts_impl.h"

#define EXPERTS_SETTINGS(X)                                                                                           \
    X(basis, PDM_SETTING_COUNT, 12, 1, 256, NULL, "1", "columns (basis functions) per expert and field")              \
    X(boxes, PDM_SETTING_CHOICE, 0, 0, 1, "equal|measured", "1", "of experts: of equal size, or of equal difficulty") \
    X(partition, PDM_SETTING_CHOICE, 0, 0, 2, "hard|smooth|learned", "1",                                             \
      "control points belong to one expert, blend between them, or learn how to")                                     \
    X(prior, PDM_SETTING_CHOICE, 0, 0, 3, "polynomial|none|taylor|pod", "1",                                          \
      "what the network's functions are added to; pod: directions of solutions, and no functions")                    \
    X(guess, PDM_SETTING_CHOICE, 0, 0, 1, "none|network", "1",                                                        \
      "what the experts correct: the lift alone, or with a solution that the network proposes")                       \
    X(overlap, PDM_SETTING_REAL, 4, 0.5, 64, NULL, "1",                                                               \
      "control points over which a smooth or learned partition blends")                                               \
    X(learning_rate, PDM_SETTING_REAL, 3e-3, 0.0, 10.0, NULL, "1",                                                    \
      "of the windows of a learned partition, at the start")                                                          \
    X(slabs, PDM_SETTING_COUNT, 1, 1, 1e5, NULL, "1",                                                                 \
      "intervals of time that they answer one after the other; 1: all of time at once")

#define SETTING(name_, type_, fallback_, low_, high_, choices_, unit_, help_) \
    {#name_, type_, offsetof(experts_settings, name_), fallback_, low_, high_, choices_, unit_, help_},
static const pdm_setting settings_table[] = {EXPERTS_SETTINGS(SETTING)};
#undef SETTING

/* Free coefficients that the groups of one expert reach, in rising order, behind the `used` of those before. */
static pdm_size collect_expert(pdm_experts *x, pdm_size expert, pdm_size field, bool store, pdm_size used)
{
    const unsigned char *is_free = pdm_domain_free(x->domain) + field * x->desc.n_coef;
    pdm_column_group    *g       = &x->group[expert * x->desc.n_field + field];
    windows_at           at;

    for (bool more = windows_first(x, expert, &at); more; more = windows_next(x, &at)) {
        const pdm_size coef = windows_coef(x, &at);
        const double   w    = windows_value(x, &at);
        if (!(w > 0.0) || !is_free[coef]) continue;
        if (store) {
            x->coef[used]   = (int32_t)coef;
            x->window[used] = w;
            g->n_coef++;
        }
        used++;
    }
    return used;
}

/* All groups; run without store to count. */
static pdm_size collect_groups(pdm_experts *x, bool store)
{
    pdm_size used = 0;
    for (pdm_size e = 0; e < x->desc.n_expert; e++)
        for (pdm_size f = 0; f < x->desc.n_field; f++) {
            if (store)
                x->group[e * x->desc.n_field + f] = (pdm_column_group){.expert = (int32_t)e,
                                                                       .field  = (int32_t)f,
                                                                       .coef   = x->coef + used,
                                                                       .window = x->window + used,
                                                                       .scale  = 1.0};
            used = collect_expert(x, e, f, store, used);
        }
    return used;
}

/* Windows are divided by their sum over experts, and control points are told who owns them. */
static pdm_status share_out(pdm_experts *x)
{
    pdm_status status = PDM_OK;
    double    *sum    = NULL;
    windows_at at;

    PDM_TRY(pdm_alloc_array(x->ctx, x->desc.n_coef, &sum));
    PDM_TRY(pdm_alloc_array(x->ctx, x->desc.n_coef, &x->owner));
    for (pdm_size e = 0; e < x->desc.n_expert; e++)
        for (bool more = windows_first(x, e, &at); more; more = windows_next(x, &at)) {
            const pdm_size coef = windows_coef(x, &at);
            const double   w    = windows_value(x, &at);
            if (!(w > 0.0)) continue;
            x->owner[coef] = sum[coef] > 0.0 ? -1 : (int32_t)e;
            sum[coef] += w;
        }
    for (pdm_size g = 0; g < x->desc.n_expert * x->desc.n_field; g++) {
        double *window = x->window + (x->group[g].window - x->window);
        for (pdm_size i = 0; i < x->group[g].n_coef; i++) window[i] /= sum[x->group[g].coef[i]];
    }
done:
    pdm_free(x->ctx, sum);
    return status;
}

/* Everything but kind and columns, once per_dim, bounds and overlap are known. */
static pdm_status create_partition(pdm_experts *x)
{
    pdm_status     status = PDM_OK;
    const pdm_size n_dim  = pdm_domain_n_dim(x->domain);
    pdm_size       n_coef[PDM_MAX_DIM];

    x->desc.n_field  = pdm_domain_n_field(x->domain);
    x->desc.n_coef   = pdm_domain_n_coef(x->domain);
    x->desc.n_expert = 1;
    for (pdm_size j = 0; j < n_dim; j++) {
        n_coef[j] = pdm_domain_spline(x->domain, j)->n_coef;
        x->desc.n_expert *= x->per_dim[j];
    }
    PDM_TRY(pdm_alloc_array(x->ctx, x->desc.n_expert, &x->box));
    if (x->bounds)
        boxes_from_bounds(n_dim, x->desc.n_expert, x->bounds, x->box);
    else
        boxes_equal(n_dim, n_coef, x->per_dim, x->box);
    for (pdm_size j = 0; j < n_dim; j++) PDM_TRY(windows_create(x, j, experts_overlap(x)));
    PDM_TRY(pdm_alloc_array(x->ctx, x->desc.n_expert * x->desc.n_field, &x->group));
    PDM_TRY(pdm_alloc_array(x->ctx, x->desc.n_expert + 1, &x->column0));
    const pdm_size n = collect_groups(x, false);
    PDM_TRY(pdm_alloc_array(x->ctx, n, &x->coef));
    PDM_TRY(pdm_alloc_array(x->ctx, n, &x->window));
    collect_groups(x, true);
    PDM_TRY(share_out(x));
    for (pdm_size j = 0; j < n_dim; j++) windows_destroy(x->ctx, &x->window_of[j]);
    x->desc.group = x->group;
    if (x->settings.partition == PARTITION_LEARNED) PDM_TRY(experts_learned_create(x));
done:
    return status;
}

static void count_columns(pdm_experts *x)
{
    for (pdm_size e = 0; e < x->desc.n_expert; e++) {
        x->column0[e + 1] = x->column0[e];
        for (pdm_size f = 0; f < x->desc.n_field; f++) x->column0[e + 1] += x->group[e * x->desc.n_field + f].n_col;
    }
}

static pdm_status read_experts(pdm_experts *x, pdm_case *c)
{
    pdm_status status = PDM_OK;
    for (pdm_size j = 0; j < pdm_domain_n_dim(x->domain); j++) {
        char           group[128];
        double         value  = 1.0;
        const pdm_size n_coef = pdm_domain_spline(x->domain, j)->n_coef;
        pdm_size       n;
        snprintf(group, sizeof group, "domain/%s", pdm_pde_dim_name(pdm_domain_pde(x->domain), j));
        PDM_TRY(pdm_case_reals(c, group, "experts", false, 1, 1, &value, &n));
        pdm_where where = pdm_case_where(c, group, "experts");
        if (value != floor(value) || value < 1.0)
            PDM_FAIL_AT(x->ctx, PDM_ERR_CASE, &where, "%g experts; a whole number from 1 expected", value);
        if (value > (double)n_coef)
            PDM_FAIL_AT(x->ctx, PDM_ERR_CASE, &where,
                        "%.0f experts for %lld control points; at most one expert per control point expected", value,
                        (long long)n_coef);
        x->per_dim[j] = (pdm_size)value;
        PDM_TRY(pdm_case_reals(c, group, "prior_experts", false, 1, 1, &value, &n));
        where = pdm_case_where(c, group, "prior_experts");
        if (value != floor(value) || value < 1.0 || x->per_dim[j] % (pdm_size)value != 0)
            PDM_FAIL_AT(x->ctx, PDM_ERR_CASE, &where, "%g; a whole number that divides the %lld experts expected",
                        value, (long long)x->per_dim[j]);
        x->prior_per_dim[j] = (pdm_size)value;
    }
done:
    return status;
}

/* Measured boxes have polynomials of their own, or all together those of one box: they are in no rows and columns of
 * which some could share theirs. */
static pdm_status check_prior_boxes(pdm_experts *x, pdm_case *c)
{
    pdm_status status = PDM_OK;
    bool       own = true, whole = true;
    char       group[128];

    for (pdm_size j = 0; j < pdm_domain_n_dim(x->domain); j++) {
        own   = own && x->prior_per_dim[j] == x->per_dim[j];
        whole = whole && x->prior_per_dim[j] == 1;
    }
    for (pdm_size j = 0; j < pdm_domain_n_dim(x->domain) && !own && !whole; j++) {
        if (x->prior_per_dim[j] == x->per_dim[j]) continue;
        snprintf(group, sizeof group, "domain/%s", pdm_pde_dim_name(pdm_domain_pde(x->domain), j));
        const pdm_where where = pdm_case_where(c, group, "prior_experts");
        PDM_FAIL_AT(x->ctx, PDM_ERR_CASE, &where,
                    "%lld of %lld experts; with experts:boxes = \"measured\" 1 along every dimension, or nothing along "
                    "any, expected",
                    (long long)x->prior_per_dim[j], (long long)x->per_dim[j]);
    }
done:
    return status;
}

/* Boxes of equal experts, or those found, which are taken when the case asks for them. */
static pdm_status take_bounds(pdm_experts *x, const int64_t *bounds)
{
    pdm_status status = PDM_OK;
    pdm_size   n      = 2 * pdm_domain_n_dim(x->domain);

    if (!bounds || x->settings.boxes != BOXES_MEASURED) return PDM_OK;
    for (pdm_size j = 0; j < pdm_domain_n_dim(x->domain); j++) n *= x->per_dim[j];
    PDM_TRY(pdm_alloc_array(x->ctx, n, &x->bounds));
    memcpy(x->bounds, bounds, (size_t)n * sizeof *bounds);
done:
    return status;
}

pdm_status pdm_experts_create(pdm_context *ctx, pdm_case *c, const pdm_domain *domain, const int64_t *bounds,
                              pdm_experts **out)
{
    pdm_status   status = PDM_OK;
    pdm_experts *x      = NULL;

    PDM_TRY(pdm_alloc(ctx, sizeof *x, &x));
    x->ctx    = ctx;
    x->domain = domain;
    PDM_TRY(
        pdm_case_settings(c, "experts", settings_table, sizeof settings_table / sizeof *settings_table, &x->settings));
    PDM_TRY(read_experts(x, c));
    if (x->settings.boxes == BOXES_MEASURED) PDM_TRY(check_prior_boxes(x, c));
    PDM_TRY(experts_numbers_read(x, c));
    PDM_TRY(take_bounds(x, bounds));
    PDM_TRY(create_partition(x));
    const pdm_size N   = x->settings.basis;
    x->desc.kind       = PDM_COLUMNS_DENSE;
    x->desc.guess      = x->settings.guess == GUESS_NETWORK ? pdm_domain_free(domain) : NULL;
    const bool learned = x->settings.prior != PRIOR_POD; /* columns that are added to */
    x->desc.n_channel  = ((learned ? N : 0) + (x->desc.guess ? 1 : 0)) * x->desc.n_field;
    PDM_TRY(pdm_alloc_array(ctx, N * x->desc.n_field, &x->channel));
    for (pdm_size i = 0; i < N * x->desc.n_field; i++) x->channel[i] = (int32_t)i;
    for (pdm_size g = 0; g < x->desc.n_expert * x->desc.n_field; g++) {
        x->group[g].n_col   = experts_count_numbers(x, x->group[g].n_coef);
        x->group[g].channel = learned ? x->channel + x->group[g].field * N : NULL;
    }
    if (x->settings.prior == PRIOR_TAYLOR) PDM_TRY(experts_base_create(x, pdm_case_where(c, "experts", "prior")));
    if (x->settings.prior == PRIOR_POLYNOMIAL || x->settings.prior == PRIOR_TAYLOR) PDM_TRY(experts_prior_create(x));
    if (!learned) PDM_TRY(experts_pod_create(x));
    count_columns(x);
    *out = x;
    x    = NULL;
done:
    pdm_experts_destroy(&x);
    return status;
}

pdm_status pdm_experts_create_free(pdm_context *ctx, const pdm_domain *domain, pdm_size tile, pdm_experts **out)
{
    pdm_status   status = PDM_OK;
    pdm_experts *x      = NULL;

    PDM_TRY(pdm_alloc(ctx, sizeof *x, &x));
    x->ctx               = ctx;
    x->domain            = domain;
    const pdm_size n_dim = pdm_domain_n_dim(domain);
    const double   side  = pow((double)tile / (double)pdm_domain_n_field(domain), 1.0 / (double)n_dim);
    for (pdm_size j = 0; j < n_dim; j++) {
        const double n = floor((double)pdm_domain_spline(domain, j)->n_coef / (side < 1.0 ? 1.0 : side) + 0.5);
        x->per_dim[j]  = n < 1.0 ? 1 : (pdm_size)n;
    }
    PDM_TRY(create_partition(x));
    x->desc.kind = PDM_COLUMNS_IDENTITY;
    for (pdm_size g = 0; g < x->desc.n_expert * x->desc.n_field; g++) x->group[g].n_col = x->group[g].n_coef;
    count_columns(x);
    *out = x;
    x    = NULL;
done:
    pdm_experts_destroy(&x);
    return status;
}

void pdm_experts_destroy(pdm_experts **experts)
{
    if (!experts || !*experts) return;
    pdm_experts *x = *experts;
    for (pdm_size j = 0; j < PDM_MAX_DIM; j++) windows_destroy(x->ctx, &x->window_of[j]);
    pdm_free(x->ctx, x->box);
    pdm_free(x->ctx, x->bounds);
    pdm_free(x->ctx, x->owner);
    pdm_free(x->ctx, x->prior_box);
    pdm_free(x->ctx, x->prior_of);
    pdm_free(x->ctx, x->n_place);
    pdm_free(x->ctx, x->group);
    pdm_free(x->ctx, x->column0);
    pdm_free(x->ctx, x->coef);
    pdm_free(x->ctx, x->window);
    experts_learned_destroy(x);
    pdm_free(x->ctx, x->channel);
    pdm_free(x->ctx, x->number);
    pdm_free(x->ctx, x->prior);
    pdm_free(x->ctx, x->feature);
    pdm_taylor_destroy(&x->taylor);
    pdm_free(x->ctx, x);
    *experts = NULL;
}

void pdm_experts_set_scale(pdm_experts *x, pdm_size field, double scale)
{
    for (pdm_size e = 0; e < x->desc.n_expert; e++) x->group[e * x->desc.n_field + field].scale = scale;
}

const pdm_columns_desc *pdm_experts_columns(const pdm_experts *x)
{
    return &x->desc;
}
bool pdm_experts_wants_boxes(const pdm_experts *x)
{
    return x->settings.boxes == BOXES_MEASURED;
}
const int64_t *pdm_experts_boxes(const pdm_experts *x)
{
    return x->bounds;
}
pdm_size pdm_experts_basis(const pdm_experts *x)
{
    return x->settings.basis;
}
bool pdm_experts_guess(const pdm_experts *x)
{
    return x->desc.guess != NULL;
}
pdm_size pdm_experts_n_column(const pdm_experts *x)
{
    return x->column0[x->desc.n_expert];
}
const pdm_size *pdm_experts_column0(const pdm_experts *x)
{
    return x->column0;
}

pdm_status pdm_experts_slabs(pdm_case *c, pdm_size *out)
{
    pdm_status       status = PDM_OK;
    experts_settings s;
    PDM_TRY(pdm_case_settings(c, "experts", settings_table, sizeof settings_table / sizeof *settings_table, &s));
    *out = s.slabs;
done:
    return status;
}

pdm_status pdm_experts_settings_view(pdm_text *out)
{
    pdm_status status = PDM_OK;
    PDM_TRY(pdm_settings_view("experts", settings_table, sizeof settings_table / sizeof *settings_table, out));
    PDM_TRY(pdm_text_append(
        out, "  prior_columns: which of the prior's columns these are added to, rising numbers from 0 on;\n"
             "         by default the first `basis`; compress sets it\n"));
done:
    return status;
}

static pdm_status view_prior(const pdm_experts *x, pdm_text *out)
{
    pdm_status status = PDM_OK;
    if (!x->taylor) return PDM_OK;
    PDM_TRY(pdm_text_append(out, "prior        taylor:"));
    for (pdm_size f = 0; f < x->desc.n_field; f++) {
        pdm_size n;
        (void)pdm_taylor_columns(x->taylor, f, &n);
        PDM_TRY(pdm_text_append(out, "%s %lld of %lld columns of %s", f ? "," : "",
                                (long long)experts_count_numbers(x, n), (long long)x->settings.basis,
                                pdm_pde_field_name(pdm_domain_pde(x->domain), f)));
        if (n > x->settings.basis) PDM_TRY(pdm_text_append(out, " (there are %lld)", (long long)n));
    }
    PDM_TRY(pdm_text_append(out, "\n"));
done:
    return status;
}

/* "1 in t, 4 in x" */
static pdm_status view_along(const pdm_experts *x, pdm_text *out)
{
    pdm_status status = PDM_OK;
    for (pdm_size j = 0; j < pdm_domain_n_dim(x->domain); j++)
        PDM_TRY(pdm_text_append(out, "%s%lld in %s", j ? ", " : "", (long long)x->per_dim[j],
                                pdm_pde_dim_name(pdm_domain_pde(x->domain), j)));
done:
    return status;
}

/* "measured boxes, cuts in x y": how many boxes lie along a dimension is not the case's to say. */
static pdm_status view_measured(const pdm_experts *x, pdm_text *out)
{
    pdm_status status = PDM_OK;
    PDM_TRY(pdm_text_append(out, "measured boxes, cuts in"));
    for (pdm_size j = 0; j < pdm_domain_n_dim(x->domain); j++)
        if (x->per_dim[j] > 1) PDM_TRY(pdm_text_append(out, " %s", pdm_pde_dim_name(pdm_domain_pde(x->domain), j)));
    if (x->desc.n_expert == 1) PDM_TRY(pdm_text_append(out, " no dimension"));
done:
    return status;
}

pdm_status pdm_experts_view(const pdm_experts *x, pdm_text *out)
{
    pdm_status status = PDM_OK;
    pdm_size   least = pdm_experts_n_column(x), most = 0;
    for (pdm_size e = 0; e < x->desc.n_expert; e++) {
        const pdm_size n = x->column0[e + 1] - x->column0[e];
        least            = n < least ? n : least;
        most             = n > most ? n : most;
    }
    PDM_TRY(pdm_text_append(out, "experts      %lld (", (long long)x->desc.n_expert));
    static const char *const partition[] = {"hard", "smooth", "learned"};
    PDM_TRY(x->settings.boxes == BOXES_MEASURED ? view_measured(x, out) : view_along(x, out));
    PDM_TRY(pdm_text_append(out, "), %s partition, %lld", partition[x->settings.partition], (long long)least));
    if (most > least) PDM_TRY(pdm_text_append(out, " to %lld", (long long)most));
    PDM_TRY(pdm_text_append(out, " columns each, %lld unknowns for %lld free coefficients\n",
                            (long long)pdm_experts_n_column(x), (long long)pdm_domain_n_free(x->domain)));
    if (x->learned)
        PDM_TRY(pdm_text_append(out, "windows      %lld logits of %lld control points that experts share, of %lld\n",
                                (long long)pdm_experts_logits(x).n, (long long)pdm_experts_n_shared(x),
                                (long long)x->desc.n_coef));
    PDM_TRY(view_prior(x, out));
done:
    return status;
}
