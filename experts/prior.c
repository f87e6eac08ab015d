/* What the network's functions are added to: polynomials on the box of an expert, or on a larger one that it is a part of. */
#include "experts/experts_impl.h"

#include <math.h>
#include <string.h>

/* Function k of a dimension at place s in (-1, 1) of the box: Legendre polynomials, or 1, cos, sin, cos 2, ... where one
 * expert goes all the way round. */
static double prior_factor(bool round, pdm_size k, double s)
{
    const double pi     = 3.14159265358979323846;
    double       before = 1.0, here = s;

    if (round && k > 0) return k % 2 ? cos(pi * (double)((k + 1) / 2) * s) : sin(pi * (double)(k / 2) * s);
    if (k == 0) return 1.0;
    for (pdm_size n = 1; n < k; n++) {
        const double next = ((double)(2 * n + 1) * s * here - (double)n * before) / (double)(n + 1);
        before            = here;
        here              = next;
    }
    return here;
}

/* Next choice of one function a dimension, by rising sum of degrees; false when there are no more with the limits. */
static bool next_degrees(pdm_size n_dim, const pdm_size *limit, pdm_size *degree)
{
    pdm_size total = 0, most = 0;
    for (pdm_size j = 0; j < n_dim; j++) {
        total += degree[j];
        most += limit[j] - 1;
    }
    for (; total <= most; total++) {
        for (;;) { /* count up like digits, the last one fastest, until the sum is right */
            pdm_size j = n_dim - 1, sum = 0;
            while (j >= 0 && ++degree[j] == limit[j]) degree[j--] = 0;
            if (j < 0) break; /* all zero again: on to the next sum */
            for (pdm_size k = 0; k < n_dim; k++) sum += degree[k];
            if (sum == total) return true;
        }
    }
    return false;
}

/* Place of control point i in box e of a dimension, -1 to 1. */
static double place_in_box(const pdm_experts *x, pdm_size dim, pdm_size e, pdm_size i)
{
    const pdm_spline *s = pdm_domain_spline(x->domain, dim);
    const double      n = (double)s->n_coef, overlap = x->settings.partition == 1 ? x->settings.overlap : 0.0;
    const double      share  = n / (double)x->prior_per_dim[dim];
    double            offset = (double)i + 0.5 - share * ((double)e + 0.5);
    if (s->periodic) offset -= n * floor(offset / n + 0.5);
    const double half = 0.5 * (x->prior_per_dim[dim] > 1 ? share + overlap : share);
    return offset / half;
}

/* The box of an expert, a number a dimension. */
static void find_box(const pdm_experts *x, pdm_size expert, pdm_size *box)
{
    for (pdm_size j = pdm_domain_n_dim(x->domain) - 1; j >= 0; j--) {
        box[j] = expert % x->per_dim[j] / (x->per_dim[j] / x->prior_per_dim[j]);
        expert /= x->per_dim[j];
    }
}

static bool is_in_box(const pdm_experts *x, pdm_size expert, const pdm_size *box)
{
    pdm_size own[PDM_MAX_DIM];
    find_box(x, expert, own);
    return memcmp(own, box, (size_t)pdm_domain_n_dim(x->domain) * sizeof *box) == 0;
}

/* Places along every dimension at which the groups of a field in one box have coefficients: so many functions of one variable
 * are independent. seen: zeros, as many as the longest dimension has control points, and zeros again afterwards. */
static void count_places(const pdm_experts *x, pdm_size field, const pdm_size *box, unsigned char *seen,
                         pdm_size *n_place)
{
    pdm_size stride = 1;
    for (pdm_size j = pdm_domain_n_dim(x->domain) - 1; j >= 0; j--) {
        const pdm_size n = pdm_domain_spline(x->domain, j)->n_coef;
        n_place[j]       = 0;
        for (pdm_size e = 0; e < x->desc.n_expert; e++) {
            const pdm_column_group *g = &x->group[e * x->desc.n_field + field];
            if (!is_in_box(x, e, box)) continue;
            for (pdm_size k = 0; k < g->n_coef; k++) {
                const pdm_size i = g->coef[k] / stride % n;
                if (!seen[i]) n_place[j]++;
                seen[i] = 1;
            }
        }
        memset(seen, 0, (size_t)n);
        stride *= n;
    }
}

static void fill_prior(const pdm_experts *x, pdm_size field, const pdm_column_group *g, unsigned char *seen,
                       double *prior)
{
    const pdm_size n_dim = pdm_domain_n_dim(x->domain);
    pdm_size       limit[PDM_MAX_DIM], degree[PDM_MAX_DIM] = {0}, box[PDM_MAX_DIM];
    bool           round[PDM_MAX_DIM];

    find_box(x, g->expert, box);
    for (pdm_size j = 0; j < n_dim; j++)
        round[j] = pdm_domain_spline(x->domain, j)->periodic && x->prior_per_dim[j] == 1;
    count_places(x, field, box, seen, limit);
    for (pdm_size n = experts_n_taylor(x, g); n < g->n_col; n++) {
        for (pdm_size k = 0; k < g->n_coef; k++) {
            pdm_size at    = g->coef[k];
            double   value = 1.0;
            for (pdm_size j = n_dim - 1; j >= 0; j--) {
                const pdm_size n_coef = pdm_domain_spline(x->domain, j)->n_coef;
                value *= prior_factor(round[j], degree[j], place_in_box(x, j, box[j], at % n_coef));
                at /= n_coef;
            }
            prior[k * g->n_col + n] = value;
        }
        if (!next_degrees(n_dim, limit, degree)) break;
    }
}

pdm_status experts_prior_create(pdm_experts *x)
{
    pdm_status     status  = PDM_OK;
    const pdm_size n_group = x->desc.n_expert * x->desc.n_field;
    pdm_size       n = 0, longest = 0;
    unsigned char *seen = NULL;

    for (pdm_size j = 0; j < pdm_domain_n_dim(x->domain); j++)
        if (pdm_domain_spline(x->domain, j)->n_coef > longest) longest = pdm_domain_spline(x->domain, j)->n_coef;
    PDM_TRY(pdm_alloc_array(x->ctx, longest, &seen));
    for (pdm_size g = 0; g < n_group; g++) n += x->group[g].n_coef * x->group[g].n_col;
    PDM_TRY(pdm_alloc_array(x->ctx, n, &x->prior));
    double *next = x->prior;
    for (pdm_size g = 0; g < n_group; g++) {
        fill_prior(x, g % x->desc.n_field, &x->group[g], seen, next);
        x->group[g].prior = next;
        next += x->group[g].n_coef * x->group[g].n_col;
    }
done:
    pdm_free(x->ctx, seen);
    return status;
}
