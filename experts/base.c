/* The prior "taylor": columns made of what follows from the initial state, sample by sample, under the network's own. */
#include "experts/experts_impl.h"

#include <math.h>
#include <string.h>

/* A column that is smaller than this on an expert's coefficients, relative to all, is as good as zero there: what is
 * left is rounding. */
static const double QUIET = 1e-6;

pdm_status experts_base_create(pdm_experts *x, pdm_where where)
{
    pdm_status status = PDM_OK;

    where.text = NULL; /* lent for less than the life of the experts */
    PDM_TRY(pdm_taylor_create(x->domain, where, &x->taylor));
    const pdm_size n_space = x->desc.n_coef / pdm_domain_spline(x->domain, 0)->n_coef;
    PDM_TRY(pdm_alloc_array(x->ctx, pdm_taylor_n_feature(x->taylor) * n_space, &x->feature));
done:
    return status;
}

/* Columns of a group that are Taylor columns: its first ones. */
static pdm_size count_taylor(const pdm_experts *x, const pdm_column_group *g)
{
    pdm_size n = 0;
    if (x->taylor) (void)pdm_taylor_columns(x->taylor, g->field, &n);
    n = experts_count_numbers(x, n);
    return n < g->n_col ? n : g->n_col;
}

bool pdm_experts_has_base(const pdm_experts *x)
{
    return x->taylor != NULL;
}

static double root_mean_square(pdm_size n, const int32_t *coef, const float *v)
{
    double sum = 0.0;
    for (pdm_size i = 0; i < n; i++) sum += (double)v[coef[i]] * (double)v[coef[i]];
    return n > 0 ? sqrt(sum / (double)n) : 0.0;
}

static void divide(pdm_size n, const int32_t *coef, double by, float *v)
{
    for (pdm_size i = 0; i < n; i++) v[coef[i]] = (float)((double)v[coef[i]] / by);
}

/* Column `c` of a field on all its coefficients, of unit root mean square on those that are free; zero on the others. */
static void put_column(const pdm_experts *x, pdm_size field, pdm_taylor_column c, float *out)
{
    const pdm_size       n_time = pdm_domain_spline(x->domain, 0)->n_coef, n_space = x->desc.n_coef / n_time;
    const unsigned char *is_free = pdm_domain_free(x->domain) + field * x->desc.n_coef;
    const double        *profile = pdm_taylor_profile(x->taylor, c.power), *feature = x->feature + c.feature * n_space;
    double               sum = 0.0;
    pdm_size             n   = 0;

    for (pdm_size i = 0; i < x->desc.n_coef; i++) {
        const double v = is_free[i] ? profile[i / n_space] * feature[i % n_space] : 0.0;
        sum += v * v;
        n += is_free[i];
    }
    const double size = sum > 0.0 && isfinite(sum) ? sqrt(sum / (double)n) : 0.0;
    for (pdm_size i = 0; i < x->desc.n_coef; i++)
        out[i] = is_free[i] && size > 0.0 ? (float)(profile[i / n_space] * feature[i % n_space] / size) : 0.0F;
}

pdm_status pdm_experts_base(pdm_experts *x, const double *input, const double *lift, float *base)
{
    pdm_status     status = PDM_OK;
    const pdm_size N = x->settings.basis, n_coef = x->desc.n_coef;

    memset(base, 0, (size_t)(x->desc.n_channel * n_coef) * sizeof *base);
    PDM_TRY(pdm_taylor_features(x->taylor, input, lift, x->feature));
    for (pdm_size f = 0; f < x->desc.n_field; f++) {
        pdm_size                 n;
        const pdm_taylor_column *column = pdm_taylor_columns(x->taylor, f, &n);
        for (pdm_size k = 0; k < N && x->number[k] < n; k++)
            put_column(x, f, column[x->number[k]], base + (f * N + k) * n_coef);
    }
    if (x->settings.partition != PARTITION_HARD) goto done; /* experts share coefficients */
    for (pdm_size i = 0; i < x->desc.n_expert * x->desc.n_field; i++) {
        const pdm_column_group *g = &x->group[i];
        for (pdm_size k = 0; k < count_taylor(x, g); k++) {
            float       *v    = base + g->channel[k] * n_coef;
            const double size = root_mean_square(g->n_coef, g->coef, v);
            if (size > 0.0) divide(g->n_coef, g->coef, fmax(size, QUIET), v);
        }
    }
done:
    return status;
}
