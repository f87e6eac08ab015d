/* What the network's functions are added to: polynomials on the box of an expert,
 * or on a larger one that it is a part of. */
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
            while (j >= 0 && (++degree[j] == limit[j] || degree[j] > total)) degree[j--] = 0;
            if (j < 0) break; /* all zero again: on to the next sum */
            for (pdm_size k = 0; k < n_dim; k++) sum += degree[k];
            if (sum == total) return true;
        }
    }
    return false;
}

static bool goes_round(const pdm_experts *x, const experts_box *box, pdm_size dim)
{
    return box->high[dim] - box->low[dim] >= (double)pdm_domain_spline(x->domain, dim)->n_coef;
}

/* Place of control point i in a box along a dimension, -1 to 1. */
static double place_in_box(const pdm_experts *x, const experts_box *box, pdm_size dim, pdm_size i)
{
    const pdm_spline *s = pdm_domain_spline(x->domain, dim);
    const double      n = (double)s->n_coef, overlap = experts_overlap(x);
    const double      share  = box->high[dim] - box->low[dim];
    double            offset = (double)i + 0.5 - 0.5 * (box->low[dim] + box->high[dim]);
    if (s->periodic) offset -= n * floor(offset / n + 0.5);
    const double half = 0.5 * (goes_round(x, box, dim) ? share : share + overlap);
    return offset / half;
}

/* The experts' own boxes; or equal ones, fewer, that whole experts are parts of. */
static pdm_status create_boxes(pdm_experts *x)
{
    pdm_status     status = PDM_OK;
    const pdm_size n_dim  = pdm_domain_n_dim(x->domain);
    pdm_size       n      = 1, n_coef[PDM_MAX_DIM];

    for (pdm_size j = 0; j < n_dim; j++) {
        n *= x->prior_per_dim[j];
        n_coef[j] = pdm_domain_spline(x->domain, j)->n_coef;
    }
    PDM_TRY(pdm_alloc_array(x->ctx, n, &x->prior_box));
    PDM_TRY(pdm_alloc_array(x->ctx, x->desc.n_expert, &x->prior_of));
    if (n == x->desc.n_expert)
        memcpy(x->prior_box, x->box, (size_t)n * sizeof *x->box);
    else
        boxes_equal(n_dim, n_coef, x->prior_per_dim, x->prior_box);
    for (pdm_size e = 0; e < x->desc.n_expert; e++) {
        pdm_size rest = e, stride = 1, own = 0;
        for (pdm_size j = n_dim - 1; j >= 0; j--) {
            own += rest % x->per_dim[j] / (x->per_dim[j] / x->prior_per_dim[j]) * stride;
            stride *= x->prior_per_dim[j];
            rest /= x->per_dim[j];
        }
        x->prior_of[e] = (int32_t)own;
    }
done:
    return status;
}

/* Experts by the boxes that they are parts of: order [n_expert]. */
static pdm_status sort_by_box(const pdm_experts *x, pdm_size n_box, int32_t *order)
{
    pdm_status status = PDM_OK;
    pdm_size  *next   = NULL;

    PDM_TRY(pdm_alloc_array(x->ctx, n_box + 1, &next));
    for (pdm_size e = 0; e < x->desc.n_expert; e++) next[x->prior_of[e] + 1]++;
    for (pdm_size i = 0; i < n_box; i++) next[i + 1] += next[i];
    for (pdm_size e = 0; e < x->desc.n_expert; e++) order[next[x->prior_of[e]]++] = (int32_t)e;
done:
    pdm_free(x->ctx, next);
    return status;
}

/* Places along a dimension at which the groups of a field have coefficients, box by box: so many functions of one
 * variable are independent there. order: experts by boxes. seen: zeros, one a place. */
static void count_places(pdm_experts *x, pdm_size field, pdm_size dim, const int32_t *order, int32_t *seen)
{
    const pdm_size n_dim = pdm_domain_n_dim(x->domain), n_field = x->desc.n_field;
    const pdm_size n      = pdm_domain_spline(x->domain, dim)->n_coef;
    pdm_size       stride = 1;

    for (pdm_size j = dim + 1; j < n_dim; j++) stride *= pdm_domain_spline(x->domain, j)->n_coef;
    for (pdm_size e = 0; e < x->desc.n_expert; e++) {
        const pdm_column_group *g   = &x->group[order[e] * n_field + field];
        const int32_t           box = x->prior_of[order[e]];
        for (pdm_size k = 0; k < g->n_coef; k++) {
            int32_t *last = &seen[g->coef[k] / stride % n]; /* the last box that has it, from 1 on */
            x->n_place[(box * n_field + field) * n_dim + dim] += *last != box + 1;
            *last = box + 1;
        }
    }
}

static pdm_status find_places(pdm_experts *x)
{
    pdm_status     status = PDM_OK;
    const pdm_size n_dim = pdm_domain_n_dim(x->domain), n_field = x->desc.n_field;
    pdm_size       n_box = 1;
    int32_t       *order = NULL, *seen = NULL;

    for (pdm_size j = 0; j < n_dim; j++) n_box *= x->prior_per_dim[j];
    PDM_TRY(pdm_alloc_array(x->ctx, n_box * n_field * n_dim, &x->n_place));
    PDM_TRY(pdm_alloc_array(x->ctx, x->desc.n_expert, &order));
    PDM_TRY(sort_by_box(x, n_box, order));
    for (pdm_size i = 0; i < n_field * n_dim; i++) {
        PDM_TRY(pdm_alloc_array(x->ctx, pdm_domain_spline(x->domain, i % n_dim)->n_coef, &seen));
        count_places(x, i / n_dim, i % n_dim, order, seen);
        pdm_free(x->ctx, seen);
        seen = NULL;
    }
done:
    pdm_free(x->ctx, order);
    pdm_free(x->ctx, seen);
    return status;
}

void experts_polynomials(const pdm_experts *x, const experts_box *box, const pdm_size *limit, pdm_size n_coef,
                         const int32_t *coef, pdm_size first, pdm_size n_col, double *out)
{
    const pdm_size n_dim               = pdm_domain_n_dim(x->domain);
    pdm_size       degree[PDM_MAX_DIM] = {0};
    bool           round[PDM_MAX_DIM];

    for (pdm_size j = 0; j < n_dim; j++) round[j] = pdm_domain_spline(x->domain, j)->periodic && goes_round(x, box, j);
    for (pdm_size n = first; n < n_col; n++) {
        for (pdm_size k = 0; k < n_coef; k++) {
            pdm_size at    = coef[k];
            double   value = 1.0;
            for (pdm_size j = n_dim - 1; j >= 0; j--) {
                const pdm_size along = pdm_domain_spline(x->domain, j)->n_coef;
                value *= prior_factor(round[j], degree[j], place_in_box(x, box, j, at % along));
                at /= along;
            }
            out[k * n_col + n] = value;
        }
        if (!next_degrees(n_dim, limit, degree)) break;
    }
}

/* Polynomials of all numbers below a group's last one, of which its columns are some; Taylor columns come before them. */
pdm_status experts_prior_fill(const pdm_experts *x, pdm_size expert, pdm_size field, pdm_size n_coef,
                              const int32_t *coef, pdm_size n_col, double *out)
{
    pdm_status      status   = PDM_OK;
    const int32_t   box      = x->prior_of[expert];
    const pdm_size *limit    = x->n_place + (box * x->desc.n_field + field) * pdm_domain_n_dim(x->domain);
    const pdm_size  n        = n_col > 0 ? x->number[n_col - 1] + 1 : 0;
    pdm_size        n_taylor = 0;
    double         *all      = NULL;

    PDM_TRY(pdm_alloc_array(x->ctx, n_coef * n, &all));
    if (x->taylor) (void)pdm_taylor_columns(x->taylor, field, &n_taylor);
    experts_polynomials(x, &x->prior_box[box], limit, n_coef, coef, n_taylor < n ? n_taylor : n, n, all);
    for (pdm_size i = 0; i < n_coef; i++)
        for (pdm_size k = 0; k < n_col; k++) out[i * n_col + k] = all[i * n + x->number[k]];
done:
    pdm_free(x->ctx, all);
    return status;
}

pdm_status experts_prior_create(pdm_experts *x)
{
    pdm_status     status  = PDM_OK;
    const pdm_size n_group = x->desc.n_expert * x->desc.n_field;
    pdm_size       n       = 0;

    PDM_TRY(create_boxes(x));
    PDM_TRY(find_places(x));
    for (pdm_size g = 0; g < n_group; g++) n += x->group[g].n_coef * x->group[g].n_col;
    PDM_TRY(pdm_alloc_array(x->ctx, n, &x->prior));
    double *next = x->prior;
    for (pdm_size g = 0; g < n_group; g++) {
        pdm_column_group *own = &x->group[g];
        PDM_TRY(experts_prior_fill(x, own->expert, own->field, own->n_coef, own->coef, own->n_col, next));
        own->prior = next;
        next += own->n_coef * own->n_col;
    }
done:
    return status;
}
