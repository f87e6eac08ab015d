/* Random fields on a box: Gaussian, and two-phase media made by a threshold.
 *
 *   f(x) = mean + amplitude sum_m sqrt(lambda_m / Lambda) z_m prod_j phi_{m_j}(x_j),     z_m independent, normal (0, 1)
 *
 * phi per dimension of length L, of mean square 1 over it, orthogonal, with wave number kappa:
 *   periodic    1, sqrt(2) cos(kappa x), sqrt(2) sin(kappa x), ...   kappa = 2 pi k / L
 *   neumann     1, sqrt(2) cos(kappa x), ...                         kappa = pi k / L
 *   dirichlet   sqrt(2) sin(kappa x), ...                            kappa = pi k / L
 * Spectrum, with q = sum_j (length_j kappa_j)^2 and d the number of dimensions:
 *   lambda = (1 + q)^-(smoothness + d/2)      Matern (P. Whittle, Biometrika 41, 1954; F. Lindgren, H. Rue, J. Lindstrom,
 *                                             J. R. Stat. Soc. B 73, 2011, eq. 2: (1/length^2 - Laplacian)^(alpha/2) f
 *                                             = white noise, alpha = smoothness + d/2, on a box with these conditions)
 *   lambda = exp(-q/2)                        smoothness = inf: covariance exp(-r^2 / (2 length^2)) (C. E. Rasmussen,
 *                                             C. K. I. Williams, Gaussian Processes for Machine Learning, 2006,
 *                                             sect. 4.2)
 * Lambda is the sum of lambda over all modes, also those that a grid cannot carry, so that a sample is the same
 * function on every grid up to the modes that are cut off: those with a kappa_j of pi / (largest gap of the points) or
 * more. By (1 + q)^-alpha = 1/Gamma(alpha) int t^(alpha-1) exp(-t (1 + q)) dt the sum over all dimensions is an
 * integral over products of sums over one, theta functions.
 *
 * z_m is a function of (seed, purpose, step), input, sample and m; nothing depends on which modes a grid carries. */
#include "inputs/inputs.h"

#include <math.h>
#include <string.h>

enum {
    MODES_MOST  = 1023, /* per dimension: ten bits each for four dimensions */
    MODE_BITS   = 40,   /* of all dimensions together                       */
    SAMPLE_BITS = 12,
    INPUT_BITS  = 11
};

struct pdm_random_field {
    pdm_context *ctx;
    pdm_size     n_dim, n_mode, n_point;
    pdm_size     m[PDM_MAX_DIM], n[PDM_MAX_DIM]; /* modes and points per dimension                    */
    pdm_size     first[PDM_MAX_DIM];             /* number of the first mode: 1 for sines, else 0      */
    bool         two_phase, exact_rms;
    double       mean, amplitude, low, high;
    double       carried; /* share of the variance in the modes that the grid carries  */
    pdm_arena    arena;
    double      *basis[PDM_MAX_DIM]; /* [n][m]                                                         */
    double      *deviation;          /* [n_mode] of the coefficients                                   */
    double      *threshold;          /* [n_point] two-phase: high where f is above                     */
    double      *work[2];            /* [most of the tensors on the way from modes to points]          */
};

static const double PI = 3.14159265358979323846;

/* ---- the sum of all lambda ---- */

/* sum_{k >= 1} exp(-u k^2), for u < 1 by the theta function's own transformation (Poisson's sum). */
static double gauss_sum(double u)
{
    const double v   = u < 1.0 ? PI * PI / u : u;
    double       sum = 0.0;
    for (int k = 1; k <= 7; k++) sum += exp(-v * k * k); /* the next is below 1e-27 */
    return u < 1.0 ? 0.5 * (sqrt(PI / u) * (1.0 + 2.0 * sum) - 1.0) : sum;
}

/* Logarithm of sum_m exp(-t q_m), without the constant when it is dropped. scale [n_dim]: (length kappa_1)^2. */
static double log_mode_sum(const pdm_distribution *d, pdm_size n_dim, const int *basis, const double *scale, double t)
{
    double sum         = 0.0;
    bool   no_constant = false;
    for (pdm_size j = 0; j < n_dim; j++) {
        const double one = gauss_sum(t * scale[j]);
        if (basis[j] == PDM_BASIS_DIRICHLET) {
            sum += log(one);
            no_constant = true;
        } else {
            sum += log1p(basis[j] == PDM_BASIS_PERIODIC ? 2.0 * one : one);
        }
    }
    return d->constant == PDM_CONSTANT_DROP && !no_constant ? sum + log(-expm1(-sum)) : sum;
}

static double total_variance(const pdm_distribution *d, pdm_size n_dim, const int *basis, const double *scale)
{
    const double alpha = d->smoothness + 0.5 * (double)n_dim, step = 0.05;
    double       sum = 0.0;
    if (isinf(d->smoothness)) return exp(log_mode_sum(d, n_dim, basis, scale, 0.5));
    /* t = exp(s): the integrand is analytic in a strip about the axis and decays like exp(smoothness s) and exp(-exp(s)):
     * the trapezoidal rule converges exponentially */
    const double from = -45.0 / fmin(d->smoothness, 1.0);
    for (pdm_size i = 0; from + step * (double)i < 7.0; i++) {
        const double s = from + step * (double)i, t = exp(s);
        sum += exp(alpha * s - t - lgamma(alpha) + log_mode_sum(d, n_dim, basis, scale, t));
    }
    return step * sum;
}

static double lambda_of(const pdm_distribution *d, pdm_size n_dim, double q)
{
    return isinf(d->smoothness) ? exp(-0.5 * q) : pow(1.0 + q, -(d->smoothness + 0.5 * (double)n_dim));
}

/* ---- creation ---- */

static double length_of(const pdm_distribution *d, pdm_size j)
{
    return d->length[d->n_length == 1 ? 0 : j];
}

static pdm_status choose_bases(pdm_context *ctx, const pdm_distribution *d, pdm_size n_dim, const pdm_field_axis *axis,
                               pdm_where where, int *basis)
{
    pdm_status status = PDM_OK;
    where.offset      = -1;
    if (d->n_length != 1 && d->n_length != n_dim)
        PDM_FAIL_AT(ctx, PDM_ERR_CASE, &where, "%lld lengths; one for all dimensions of the input or %lld expected",
                    (long long)d->n_length, (long long)n_dim);
    if (d->n_basis > 1 && d->n_basis != n_dim)
        PDM_FAIL_AT(ctx, PDM_ERR_CASE, &where, "%lld kinds; one for all dimensions of the input or %lld expected",
                    (long long)d->n_basis, (long long)n_dim);
    for (pdm_size j = 0; j < n_dim; j++) {
        basis[j] = d->n_basis > 0     ? d->basis[d->n_basis == 1 ? 0 : j]
                   : axis[j].periodic ? PDM_BASIS_PERIODIC
                                      : PDM_BASIS_NEUMANN;
        if (axis[j].periodic && basis[j] != PDM_BASIS_PERIODIC)
            PDM_FAIL_AT(ctx, PDM_ERR_CASE, &where,
                        "dimension \"%s\" is periodic and the field would not be; kind = periodic expected for it",
                        axis[j].name);
    }
done:
    return status;
}

/* Modes that points with this largest gap carry. */
static pdm_size count_modes(const pdm_field_axis *a, int basis)
{
    const double length = a->high - a->low;
    double       gap    = a->n == 1 ? length : 0.0;
    for (pdm_size i = basis == PDM_BASIS_PERIODIC ? 0 : 1; i < a->n; i++) {
        const double step = a->point[i] - a->point[i > 0 ? i - 1 : a->n - 1];
        gap               = fmax(gap, step < 0.0 ? step + length : step); /* periodic points may start anywhere */
    }
    /* the highest k with kappa_k < pi / gap */
    const double   ratio = length / gap * (1.0 - 1e-9), most = basis == PDM_BASIS_PERIODIC ? 0.5 * ratio : ratio;
    const pdm_size k = (pdm_size)fmin(floor(most), (double)MODES_MOST);
    switch ((pdm_basis)basis) {
    case PDM_BASIS_PERIODIC: return 2 * k + 1 < MODES_MOST ? 2 * k + 1 : MODES_MOST;
    case PDM_BASIS_NEUMANN: return k + 1 < MODES_MOST ? k + 1 : MODES_MOST;
    case PDM_BASIS_DIRICHLET: break;
    }
    return k;
}

/* Wave count k of mode number i: kappa = k kappa_1. */
static double wave_count(int basis, pdm_size i)
{
    return (double)(basis == PDM_BASIS_PERIODIC ? (i + 1) / 2 : i);
}

static double basis_value(int basis, pdm_size i, double xi)
{
    const double root = 1.4142135623730950488, k = wave_count(basis, i);
    switch ((pdm_basis)basis) {
    case PDM_BASIS_PERIODIC:
        return i == 0 ? 1.0 : root * (i % 2 == 1 ? cos(2.0 * PI * k * xi) : sin(2.0 * PI * k * xi));
    case PDM_BASIS_NEUMANN: return i == 0 ? 1.0 : root * cos(PI * k * xi);
    case PDM_BASIS_DIRICHLET: break;
    }
    return xi <= 0.0 || xi >= 1.0 ? 0.0 : root * sin(PI * k * xi); /* zero, not almost */
}

static void field_layout(pdm_random_field *f)
{
    pdm_arena *a    = &f->arena;
    pdm_size   most = f->n_mode, here = f->n_mode;
    for (pdm_size j = 0; j < f->n_dim; j++) {
        f->basis[j] = pdm_carve(a, double, f->n[j] * f->m[j]);
        here        = here / f->m[j] * f->n[j];
        most        = here > most ? here : most;
    }
    f->deviation = pdm_carve(a, double, f->n_mode);
    f->threshold = pdm_carve(a, double, f->two_phase ? f->n_point : 0);
    f->work[0]   = pdm_carve(a, double, most);
    f->work[1]   = pdm_carve(a, double, most);
}

/* Number of mode m in dimension j, 0 .. */
static void split_mode(const pdm_random_field *f, pdm_size m, pdm_size *index)
{
    for (pdm_size j = f->n_dim - 1; j >= 0; j--) {
        index[j] = m % f->m[j] + f->first[j];
        m /= f->m[j];
    }
}

static void fill_tables(pdm_random_field *f, const pdm_distribution *d, const pdm_field_axis *axis, const int *basis)
{
    double scale[PDM_MAX_DIM];
    for (pdm_size j = 0; j < f->n_dim; j++) {
        const double length = axis[j].high - axis[j].low;
        const double kappa  = (basis[j] == PDM_BASIS_PERIODIC ? 2.0 : 1.0) * PI / length;
        scale[j]            = length_of(d, j) * kappa * length_of(d, j) * kappa;
        for (pdm_size i = 0; i < f->n[j]; i++)
            for (pdm_size k = 0; k < f->m[j]; k++)
                f->basis[j][i * f->m[j] + k] =
                    basis_value(basis[j], k + f->first[j], (axis[j].point[i] - axis[j].low) / length);
    }
    const double total = total_variance(d, f->n_dim, basis, scale);
    for (pdm_size m = 0; m < f->n_mode; m++) {
        pdm_size index[PDM_MAX_DIM];
        double   q = 0.0, any = 0.0;
        split_mode(f, m, index);
        for (pdm_size j = 0; j < f->n_dim; j++) {
            const double k = wave_count(basis[j], index[j]);
            q += scale[j] * k * k;
            any += k;
        }
        const double share = any == 0.0 && d->constant == PDM_CONSTANT_DROP ? 0.0 : lambda_of(d, f->n_dim, q) / total;
        f->deviation[m]    = f->amplitude * sqrt(share);
        f->carried += share;
    }
}

/* From modes to points, dimension by dimension, with the tables or their squares. The modes are in work[0]; returns where
 * the points are. */
static const double *to_points(pdm_random_field *f, bool squared)
{
    double  *from = f->work[0], *to = f->work[1];
    pdm_size outer = 1, inner = f->n_mode;
    for (pdm_size j = 0; j < f->n_dim; j++) {
        inner /= f->m[j];
        memset(to, 0, (size_t)(outer * f->n[j] * inner) * sizeof *to);
        for (pdm_size o = 0; o < outer; o++)
            for (pdm_size i = 0; i < f->n[j]; i++)
                for (pdm_size k = 0; k < f->m[j]; k++) {
                    const double  b = f->basis[j][i * f->m[j] + k], factor = squared ? b * b : b;
                    const double *in  = from + (o * f->m[j] + k) * inner;
                    double       *out = to + (o * f->n[j] + i) * inner;
                    for (pdm_size l = 0; l < inner; l++) out[l] += factor * in[l];
                }
        outer *= f->n[j];
        double *swap = from;
        from         = to;
        to           = swap;
    }
    return from;
}

/* z with P(Z > z) = p, by bisection: infinite at 0 and 1. */
static double normal_above(double p)
{
    double low = -40.0, high = 40.0;
    if (p <= 0.0 || p >= 1.0) return p <= 0.0 ? INFINITY : -INFINITY;
    if (p == 0.5) return 0.0;
    for (int i = 0; i < 100; i++) {
        const double z = 0.5 * (low + high);
        if (0.5 * erfc(z / sqrt(2.0)) > p)
            low = z;
        else
            high = z;
    }
    return 0.5 * (low + high);
}

/* At every point the phase is high with the same probability: the threshold follows the field's own deviation there. */
static void fill_threshold(pdm_random_field *f, double fraction)
{
    const double z = normal_above(fraction);
    for (pdm_size m = 0; m < f->n_mode; m++) f->work[0][m] = f->deviation[m] * f->deviation[m];
    const double *variance = to_points(f, true);
    for (pdm_size i = 0; i < f->n_point; i++) f->threshold[i] = z == 0.0 || isinf(z) ? z : z * sqrt(variance[i]);
}

static pdm_status set_sizes(pdm_random_field *f, const pdm_field_axis *axis, const int *basis, pdm_where where)
{
    pdm_status status = PDM_OK;
    where.offset      = -1;
    for (pdm_size j = 0; j < f->n_dim; j++) {
        f->n[j]     = axis[j].n;
        f->m[j]     = count_modes(&axis[j], basis[j]);
        f->first[j] = basis[j] == PDM_BASIS_DIRICHLET ? 1 : 0;
        if (f->m[j] < 1)
            PDM_FAIL_AT(f->ctx, PDM_ERR_CASE, &where,
                        "%lld points of dimension \"%s\" carry no wave that is zero at its ends; more points expected",
                        (long long)axis[j].n, axis[j].name);
        f->n_point *= f->n[j];
        f->n_mode *= f->m[j];
    }
done:
    return status;
}

pdm_status pdm_random_field_create(pdm_context *ctx, const pdm_distribution *d, pdm_size n_dim,
                                   const pdm_field_axis *axis, pdm_where where, pdm_random_field **out)
{
    pdm_status        status = PDM_OK;
    pdm_random_field *f      = NULL;
    int               basis[PDM_MAX_DIM];

    PDM_TRY(pdm_alloc(ctx, sizeof *f, &f));
    f->ctx       = ctx;
    f->n_dim     = n_dim;
    f->n_mode    = 1;
    f->n_point   = 1;
    f->two_phase = d->kind == PDM_DISTRIBUTION_TWO_PHASE;
    f->exact_rms = !f->two_phase && d->normalise == PDM_NORMALISE_RMS;
    f->amplitude = f->two_phase ? 1.0 : d->amplitude;
    f->mean      = f->two_phase ? 0.0 : d->mean;
    f->low       = d->low;
    f->high      = d->high;
    PDM_TRY(choose_bases(ctx, d, n_dim, axis, where, basis));
    PDM_TRY(set_sizes(f, axis, basis, where));
    pdm_arena_measure(&f->arena, ctx);
    field_layout(f);
    PDM_TRY(pdm_arena_allocate(&f->arena));
    field_layout(f);
    fill_tables(f, d, axis, basis);
    where.offset = -1;
    if (!(f->carried > 0.0))
        PDM_FAIL_AT(ctx, PDM_ERR_CASE, &where,
                    "the points of the input carry none of this field; more points expected");
    if (f->two_phase) fill_threshold(f, d->fraction);
    *out = f;
    f    = NULL;
done:
    pdm_random_field_destroy(&f);
    return status;
}

void pdm_random_field_destroy(pdm_random_field **field)
{
    if (!field || !*field) return;
    pdm_random_field *f = *field;
    pdm_arena_destroy(&f->arena);
    pdm_free(f->ctx, f);
    *field = NULL;
}

double pdm_random_field_carried(const pdm_random_field *f)
{
    return f->carried;
}

/* ---- drawing ---- */

/* Which number of its stream a mode takes. The top bit keeps clear of scalars, which are drawn by small indices. */
static uint64_t mode_index(const pdm_random_field *f, pdm_size input, pdm_size sample, const pdm_size *mode)
{
    const int bits  = MODE_BITS / (int)f->n_dim;
    uint64_t  index = 0;
    PDM_ASSERT(input < 1 << INPUT_BITS && sample < 1 << SAMPLE_BITS);
    for (pdm_size j = 0; j < f->n_dim; j++) index = index << bits | (uint64_t)mode[j];
    return index | (uint64_t)sample << MODE_BITS | (uint64_t)input << (MODE_BITS + SAMPLE_BITS) | (uint64_t)1 << 63;
}

void pdm_random_field_draw(pdm_random_field *f, pdm_random_key key, pdm_size input, pdm_size sample,
                           pdm_normalise normalise, double *out)
{
    double *z = f->work[0], square = 0.0;
    for (pdm_size m = 0; m < f->n_mode; m++) {
        pdm_size index[PDM_MAX_DIM];
        split_mode(f, m, index);
        z[m] = f->deviation[m] * pdm_random_normal(key, mode_index(f, input, sample, index));
        square += z[m] * z[m];
    }
    const bool   exact = f->exact_rms || (normalise == PDM_NORMALISE_RMS && !f->two_phase);
    const double factor =
        exact && square > 0.0 ? f->amplitude / sqrt(square) : 1.0; /* Parseval: square is the mean square */
    const double *value = to_points(f, false);
    for (pdm_size i = 0; i < f->n_point; i++)
        out[i] = f->two_phase ? (value[i] > f->threshold[i] ? f->high : f->low) : f->mean + factor * value[i];
}

const double *pdm_random_field_modes(const pdm_random_field *f, pdm_size *n)
{
    *n = f->two_phase ? 0 : f->n_mode;
    return f->deviation;
}

void pdm_random_field_compose(pdm_random_field *f, const double *z, double *out)
{
    for (pdm_size m = 0; m < f->n_mode; m++) f->work[0][m] = f->deviation[m] * z[m];
    const double *sum = to_points(f, false);
    for (pdm_size i = 0; i < f->n_point; i++) out[i] = f->mean + sum[i];
}
