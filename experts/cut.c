/* Boxes of equal difficulty: a tree of cuts, each where polynomials on the two sides leave least of given solutions. */
#include "experts/experts_impl.h"

#include <math.h>
#include <string.h>

enum { TRIALS = 8 };                   /* cuts of a dimension that are tried at first */
static const double NOTHING   = 1e-12; /* of the squares of all: a gain that is rounding */
static const double DEPENDENT = 1e-10; /* of a column's square: what is left of it beside those before */

typedef struct cut_box {
    pdm_size low[PDM_MAX_DIM], high[PDM_MAX_DIM];
    pdm_size n_free;  /* coefficients of all fields */
    double   left;    /* squares that polynomials leave */
    double   gain;    /* by the best cut; -1: it cannot be cut */
    pdm_size dim, at; /* the best cut */
} cut_box;

typedef struct cutter {
    const pdm_experts *x;
    pdm_size           n_dim, n_sample;
    const double      *d;      /* [n_sample][n_field][n_coef] */
    double             total;  /* its squares */
    int32_t           *coef;   /* [n_coef] of a box */
    double            *column; /* [n_coef][N] */
    double            *normal; /* [N][N], lower triangle; then its factor */
    double            *slope;  /* [N] */
    unsigned char     *seen;   /* [longest dimension], zeros */
} cutter;

/* Free coefficients of a field in a box, into coef; limit: places along every dimension at which there are some. */
static pdm_size list_free(const cutter *c, const cut_box *box, pdm_size field, pdm_size *limit)
{
    const unsigned char *is_free = pdm_domain_free(c->x->domain) + field * c->x->desc.n_coef;
    pdm_size             at[PDM_MAX_DIM], n = 0, stride = 1, j;

    memcpy(at, box->low, sizeof at);
    do {
        pdm_size i = 0;
        for (j = 0; j < c->n_dim; j++) i = i * pdm_domain_spline(c->x->domain, j)->n_coef + at[j];
        if (is_free[i]) c->coef[n++] = (int32_t)i;
        for (j = c->n_dim - 1; j >= 0; j--) {
            if (++at[j] < box->high[j]) break;
            at[j] = box->low[j];
        }
    } while (j >= 0);
    for (j = c->n_dim - 1; j >= 0; j--) {
        const pdm_size along = pdm_domain_spline(c->x->domain, j)->n_coef;
        limit[j]             = 0;
        for (pdm_size i = 0; i < n; i++) {
            unsigned char *seen = &c->seen[c->coef[i] / stride % along];
            limit[j] += !*seen;
            *seen = 1;
        }
        memset(c->seen, 0, (size_t)along);
        stride *= along;
    }
    return n;
}

/* Lower Cholesky factor in place, rows of dependent columns zero. */
static void factor(pdm_size n, double *a)
{
    for (pdm_size i = 0; i < n; i++) {
        const double size = a[i * n + i];
        for (pdm_size k = 0; k <= i; k++) {
            double v = a[i * n + k];
            for (pdm_size l = 0; l < k; l++) v -= a[i * n + l] * a[k * n + l];
            if (k < i)
                a[i * n + k] = a[k * n + k] > 0.0 ? v / a[k * n + k] : 0.0;
            else
                a[i * n + i] = v > DEPENDENT * size ? sqrt(v) : 0.0;
        }
        if (!(a[i * n + i] > 0.0)) memset(a + i * n, 0, (size_t)(i + 1) * sizeof *a);
    }
}

/* What n_col columns leave of the samples of one field, at n coefficients: |d|^2 - |L^-1 P^T d|^2, P^T P = L L^T. */
static double fit_field(const cutter *c, pdm_size field, pdm_size n, pdm_size n_col)
{
    const pdm_size n_field = c->x->desc.n_field, n_coef = c->x->desc.n_coef;
    double         left = 0.0;

    memset(c->normal, 0, (size_t)(n_col * n_col) * sizeof *c->normal);
    for (pdm_size k = 0; k < n; k++) {
        const double *row = c->column + k * n_col;
        for (pdm_size i = 0; i < n_col; i++)
            for (pdm_size l = 0; l <= i; l++) c->normal[i * n_col + l] += row[i] * row[l];
    }
    factor(n_col, c->normal);
    for (pdm_size s = 0; s < c->n_sample; s++) {
        const double *d    = c->d + (s * n_field + field) * n_coef;
        double        here = 0.0;
        memset(c->slope, 0, (size_t)n_col * sizeof *c->slope);
        for (pdm_size k = 0; k < n; k++) {
            const double v = d[c->coef[k]];
            here += v * v;
            for (pdm_size i = 0; i < n_col; i++) c->slope[i] += v * c->column[k * n_col + i];
        }
        for (pdm_size i = 0; i < n_col; i++) {
            const double *row = c->normal + i * n_col;
            for (pdm_size l = 0; l < i; l++) c->slope[i] -= row[l] * c->slope[l];
            c->slope[i] = row[i] > 0.0 ? c->slope[i] / row[i] : 0.0;
            here -= c->slope[i] * c->slope[i];
        }
        left += here > 0.0 ? here : 0.0;
    }
    return left;
}

/* Counts a box's free coefficients and fits it. */
static void fit(const cutter *c, cut_box *box)
{
    experts_box edge;
    pdm_size    limit[PDM_MAX_DIM];

    box->n_free = 0;
    box->left   = 0.0;
    for (pdm_size j = 0; j < c->n_dim; j++) {
        edge.low[j]  = (double)box->low[j];
        edge.high[j] = (double)box->high[j];
    }
    for (pdm_size f = 0; f < c->x->desc.n_field; f++) {
        const pdm_size n = list_free(c, box, f, limit), N = c->x->settings.basis < n ? c->x->settings.basis : n;
        box->n_free += n;
        if (n <= c->x->settings.basis) continue; /* a column for every coefficient */
        memset(c->column, 0, (size_t)(n * N) * sizeof *c->column);
        experts_polynomials(c->x, &edge, limit, n, c->coef, 0, N, c->column);
        box->left += fit_field(c, f, n, N);
    }
}

static void split(const cut_box *box, pdm_size dim, pdm_size at, cut_box *lower, cut_box *upper)
{
    *lower = *upper  = *box;
    lower->high[dim] = upper->low[dim] = at;
}

/* Columns of a box that is not short of coefficients. */
static pdm_size box_columns(const cutter *c)
{
    return c->x->settings.basis * c->x->desc.n_field;
}

/* Keeps a cut where it is better than the best so far; of equal ones the first. Either side has `least` free
 * coefficients or more. */
static void try_cut(const cutter *c, cut_box *box, pdm_size dim, pdm_size at, pdm_size least)
{
    cut_box lower, upper;

    if (at <= box->low[dim] || at >= box->high[dim]) return;
    split(box, dim, at, &lower, &upper);
    fit(c, &lower);
    fit(c, &upper);
    double gain = box->left - lower.left - upper.left;
    if (gain < NOTHING * c->total) gain = 0.0;
    if (lower.n_free < least || upper.n_free < least || gain <= box->gain) return;
    box->gain = gain;
    box->dim  = dim;
    box->at   = at;
}

/* Tries the middle of the longest side first, then TRIALS cuts of every side, then ever finer around the best. */
static void search_cuts(const cutter *c, cut_box *box, pdm_size least)
{
    pdm_size longest = -1, step[PDM_MAX_DIM], most = 0;

    box->gain = -1.0;
    for (pdm_size j = 0; j < c->n_dim; j++) {
        const pdm_size side = box->high[j] - box->low[j];
        step[j]             = c->x->per_dim[j] == 1 ? 0 : 1 + side / (TRIALS + 1);
        if (step[j] > 0 && side > most) longest = j, most = side;
    }
    if (longest < 0 || most < 2) return;
    try_cut(c, box, longest, (box->low[longest] + box->high[longest]) / 2, least);
    for (pdm_size j = 0; j < c->n_dim; j++)
        for (pdm_size at = box->low[j] + step[j]; step[j] > 0 && at < box->high[j]; at += step[j])
            try_cut(c, box, j, at, least);
    for (pdm_size fine = box->gain > 0.0 ? step[box->dim] / 2 : 0; fine > 0; fine /= 2) {
        const pdm_size here = box->at;
        try_cut(c, box, box->dim, here - fine, least);
        try_cut(c, box, box->dim, here + fine, least);
    }
}

/* No side may be empty, nor, where there is such a cut, short of coefficients for its columns. */
static void find_cut(const cutter *c, cut_box *box)
{
    const pdm_size N = box_columns(c), least = box->n_free >= 2 * N ? N : 1;

    search_cuts(c, box, least);
    if (box->gain < 0.0 && least > 1) search_cuts(c, box, 1);
}

/* By their first control points. */
static bool comes_before(const cutter *c, const cut_box *a, const cut_box *b)
{
    for (pdm_size j = 0; j < c->n_dim; j++)
        if (a->low[j] != b->low[j]) return a->low[j] < b->low[j];
    return false;
}

static void write_bounds(const cutter *c, pdm_size n, cut_box *box, int64_t *bounds)
{
    for (pdm_size i = 1; i < n; i++) {
        const cut_box here = box[i];
        pdm_size      k    = i;
        for (; k > 0 && comes_before(c, &here, &box[k - 1]); k--) box[k] = box[k - 1];
        box[k] = here;
    }
    for (pdm_size i = 0; i < n; i++)
        for (pdm_size j = 0; j < c->n_dim; j++) {
            *bounds++ = box[i].low[j];
            *bounds++ = box[i].high[j];
        }
}

/* Cuts the first of `n` boxes until there are that many. */
static pdm_status grow(const cutter *c, pdm_size n, cut_box *box)
{
    pdm_status status = PDM_OK;

    fit(c, &box[0]);
    find_cut(c, &box[0]);
    for (pdm_size have = 1; have < n; have++) {
        pdm_size best = 0;
        for (pdm_size i = 1; i < have; i++)
            if (box[i].gain > box[best].gain || (box[i].gain == box[best].gain && box[i].n_free > box[best].n_free))
                best = i;
        if (box[best].gain < 0.0)
            PDM_FAIL(
                c->x->ctx, PDM_ERR_CASE,
                "experts:boxes = \"measured\": %lld experts, but only %lld boxes that have free coefficients; fewer "
                "experts expected",
                (long long)n, (long long)have);
        const cut_box whole = box[best];
        split(&whole, whole.dim, whole.at, &box[best], &box[have]);
        fit(c, &box[best]);
        fit(c, &box[have]);
        find_cut(c, &box[best]);
        find_cut(c, &box[have]);
    }
done:
    return status;
}

pdm_status pdm_experts_cut(const pdm_experts *x, pdm_size n_sample, const double *d, int64_t *bounds)
{
    pdm_status     status = PDM_OK;
    cutter         c      = {.x = x, .n_dim = pdm_domain_n_dim(x->domain), .n_sample = n_sample, .d = d};
    cut_box       *box    = NULL;
    const pdm_size n = x->desc.n_expert, N = x->settings.basis;
    pdm_size       longest = 0;

    for (pdm_size i = 0; i < n_sample * x->desc.n_field * x->desc.n_coef; i++) c.total += d[i] * d[i];
    if (!isfinite(c.total))
        PDM_FAIL(x->ctx, PDM_ERR_NUMERIC, "experts:boxes = \"measured\": the solutions to be reached are not finite");
    PDM_TRY(pdm_alloc_array(x->ctx, n, &box));
    for (pdm_size j = 0; j < c.n_dim; j++) {
        box[0].high[j] = pdm_domain_spline(x->domain, j)->n_coef;
        longest        = box[0].high[j] > longest ? box[0].high[j] : longest;
    }
    PDM_TRY(pdm_alloc_array(x->ctx, x->desc.n_coef, &c.coef));
    PDM_TRY(pdm_alloc_array(x->ctx, x->desc.n_coef * N, &c.column));
    PDM_TRY(pdm_alloc_array(x->ctx, N * N, &c.normal));
    PDM_TRY(pdm_alloc_array(x->ctx, N, &c.slope));
    PDM_TRY(pdm_alloc_array(x->ctx, longest, &c.seen));
    PDM_TRY(grow(&c, n, box));
    write_bounds(&c, n, box, bounds);
done:
    pdm_free(x->ctx, box);
    pdm_free(x->ctx, c.coef);
    pdm_free(x->ctx, c.column);
    pdm_free(x->ctx, c.normal);
    pdm_free(x->ctx, c.slope);
    pdm_free(x->ctx, c.seen);
    return status;
}
