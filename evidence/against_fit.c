/* Factors on the terms of an equation that make its residual least. Their errors add up, in squares, three things:
 * standard errors of sums over clusters of neighbouring boxes (a "sandwich"): residuals of neighbours hang together,
 * and boxes differ in size and in what they hold; what errors of the terms themselves, which are made of the data, do
 * to a factor; and how far the factor moves when half of the data's points are left out. docs/mathematics.md, "An
 * equation on data". */
#include "evidence/evidence.h"

#include <math.h>

#include "evidence/evidence_impl.h"

static const double UNSURE =
    4.0; /* times the square of a term's change, or of the residual: the square of a term's error */
static const double LEAST_DEPENDENT = 1e-8;
static const double TRUSTED =
    0.01; /* equations that hold to that, of the largest term, may hold: the rest may be the data's */

static double rms_of(const term_values *v, const double *x)
{
    double sum = 0.0;
    for (pdm_size i = 0; i < v->n_box; i++) sum += x[i] * x[i];
    return sqrt(sum / (double)(v->n_sample > 0 ? v->n_sample : 1));
}

static double product(const term_values *v, const double *x, const double *y)
{
    double sum = 0.0;
    for (pdm_size i = 0; i < v->n_box; i++) sum += x[i] * y[i];
    return sum;
}

/* score [n_cluster]: sums of x e over the boxes of each cluster. */
static void cluster_sums(const term_values *v, const double *x, const double *e, double *score)
{
    for (pdm_size g = 0; g < v->n_cluster; g++) score[g] = 0.0;
    for (pdm_size i = 0; i < v->n_box; i++) score[v->cluster[i]] += x[i] * e[i];
}

/* Few clusters know little of their spread. */
static double small_number(const term_values *v, pdm_size n_factor)
{
    const double g = (double)v->n_cluster, n = (double)v->n_box, k = (double)n_factor;
    return g > 1.0 && n > k ? g / (g - 1.0) * (n - 1.0) / (n - k) : 1.0;
}

/* Each term with a factor of its own, the others as they are. */
static void fit_alone(const term_values *v, const double *total, double *e, double *score, term_fit *fit)
{
    for (pdm_size k = 0; k < v->n_term; k++) {
        const double *x   = v->value + k * v->n_box;
        const double  xx  = product(v, x, x);
        double        sum = 0.0;
        fit[k].factor     = 1.0 - product(v, x, total) / xx;
        for (pdm_size i = 0; i < v->n_box; i++) e[i] = total[i] + (fit[k].factor - 1.0) * x[i];
        cluster_sums(v, x, e, score);
        for (pdm_size g = 0; g < v->n_cluster; g++) sum += score[g] * score[g];
        fit[k].error = sqrt(small_number(v, 1) * sum) / xx;
        fit[k].left  = rms_of(v, e);
    }
}

/* In place Cholesky of a [n][n] with unit diagonal; used [n] false where a share of no more than `dependent` of a row's
 * square is not a sum of those before: it is left out. */
static void factor_correlations(pdm_size n, double dependent, double *a, bool *used)
{
    for (pdm_size j = 0; j < n; j++) {
        double d = a[j * n + j];
        for (pdm_size k = 0; k < j; k++)
            if (used[k]) d -= a[j * n + k] * a[j * n + k];
        used[j] = d > dependent;
        if (!used[j]) continue;
        a[j * n + j] = sqrt(d);
        for (pdm_size i = j + 1; i < n; i++) {
            double s = a[i * n + j];
            for (pdm_size k = 0; k < j; k++)
                if (used[k]) s -= a[i * n + k] * a[j * n + k];
            a[i * n + j] = s / a[j * n + j];
        }
    }
}

static void solve_correlations(pdm_size n, const double *l, const bool *used, double *x)
{
    for (pdm_size i = 0; i < n; i++) {
        if (!used[i]) continue;
        for (pdm_size k = 0; k < i; k++)
            if (used[k]) x[i] -= l[i * n + k] * x[k];
        x[i] /= l[i * n + i];
    }
    for (pdm_size i = n - 1; i >= 0; i--) {
        if (!used[i]) continue;
        for (pdm_size k = i + 1; k < n; k++)
            if (used[k]) x[i] -= l[k * n + i] * x[k];
        x[i] /= l[i * n + i];
    }
}

/* Misfit that may be the data's: what is left with the best factors, and up to TRUSTED of the largest term any of it,
 * since factors of terms that nearly depend on each other can take up errors as well. */
static double data_error(double residual, double left, double largest)
{
    return fmin(residual, fmax(left, TRUSTED * largest));
}

/* The share of each term that may be an error: what half of the points change,
 * or the data's error beside the largest term. */
static double doubt_terms(const term_values *v, double residual, double left, term_fit *fit)
{
    double largest = 0.0;
    for (pdm_size k = 0; k < v->n_term; k++) largest = fmax(largest, fit[k].rms);
    const double error = data_error(residual, left, largest);
    for (pdm_size k = 0; k < v->n_term; k++) fit[k].unsure = sqrt(UNSURE) * fmax(fit[k].change, error / largest);
    return error;
}

/* What errors of the terms do to factor k: errors in a row of the pseudoinverse, times the error of all. With z_k what
 * is left of term k beside the other terms, which is near zero where terms depend on each other, the factor is <z_k, .>
 * / <z_k, z_k>, and z_k is wrong by the sum of errors. inverse [n]: row k of the inverse of the correlations. */
static double systematic_error(const term_values *v, const term_fit *fit, pdm_size k, const double *inverse,
                               double error)
{
    double sum = 0.0;
    for (pdm_size i = 0; i < v->n_term; i++) sum += inverse[i] * inverse[i] * fit[i].unsure * fit[i].unsure;
    return sqrt(sum) * error / fit[k].rms;
}

/* All terms but `held`, and those that depend on others, with factors at once. work [(n_cluster + n_term + 1) n_term] */
static void fit_jointly(const term_values *v, pdm_size held, double dependent, double *e, double *work, bool *used,
                        term_fit *fit, double residual, double *left)
{
    const pdm_size n = v->n_term;
    double        *a = work, *x = a + n * n, *score = x + n; /* score [n_term][n_cluster] */

    for (pdm_size i = 0; i < n; i++)
        for (pdm_size j = 0; j < n; j++)
            a[i * n + j] = i == held || j == held ? 0.0
                                                  : product(v, v->value + i * v->n_box, v->value + j * v->n_box) /
                                                        (fit[i].norm * fit[j].norm);
    factor_correlations(n, dependent, a, used);
    for (pdm_size i = 0; i < v->n_box; i++) {
        e[i] = 0.0;
        for (pdm_size k = 0; k < n; k++) e[i] += used[k] ? 0.0 : v->value[k * v->n_box + i];
    }
    for (pdm_size k = 0; k < n; k++) x[k] = used[k] ? -product(v, v->value + k * v->n_box, e) / fit[k].norm : 0.0;
    solve_correlations(n, a, used, x);
    for (pdm_size k = 0; k < n; k++) {
        fit[k].joint = k == held ? 1.0 : used[k] ? x[k] / fit[k].norm : NAN;
        for (pdm_size i = 0; i < v->n_box && used[k]; i++) e[i] += fit[k].joint * v->value[k * v->n_box + i];
    }
    *left              = rms_of(v, e);
    const double error = doubt_terms(v, residual, *left, fit);
    for (pdm_size k = 0; k < n; k++) cluster_sums(v, v->value + k * v->n_box, e, score + k * v->n_cluster);
    for (pdm_size k = 0; k < n; k++) {
        double sum = 0.0;
        for (pdm_size i = 0; i < n; i++) x[i] = i == k ? 1.0 : 0.0;
        if (used[k]) solve_correlations(n, a, used, x); /* row k of the inverse */
        for (pdm_size g = 0; g < v->n_cluster && used[k]; g++) {
            double s = 0.0;
            for (pdm_size i = 0; i < n; i++)
                if (used[i]) s += x[i] * score[i * v->n_cluster + g] / fit[i].norm;
            sum += s * s;
        }
        const double systematic = used[k] ? systematic_error(v, fit, k, x, error) : 0.0;
        fit[k].joint_error      = k == held ? 0.0
                                  : used[k] ? hypot(sqrt(small_number(v, n) * sum) / fit[k].norm, systematic)
                                            : NAN;
    }
}

/* Both fits of v; total, e [n_box]. */
static void fit_both(const term_values *v, pdm_size held, double dependent, double *total, double *e, double *work,
                     bool *used, term_fit *fit, double *joint_left)
{
    for (pdm_size i = 0; i < v->n_box; i++) total[i] = 0.0;
    for (pdm_size k = 0; k < v->n_term; k++) {
        const double *x = v->value + k * v->n_box;
        fit[k].rms      = rms_of(v, x);
        fit[k].norm     = sqrt(product(v, x, x));
        for (pdm_size i = 0; i < v->n_box; i++) total[i] += x[i];
    }
    fit_alone(v, total, e, work, fit);
    fit_jointly(v, held, dependent, e, work, used, fit, rms_of(v, total), joint_left);
}

/* fit[k].change: of term k by leaving out half of the points, relative. Returns the largest square, times UNSURE: a
 * term of which no more than that share, of its square, is not a sum of others cannot be told apart from them. */
static double compare_terms(const term_values *v, term_fit *fit)
{
    double dependent = LEAST_DEPENDENT;
    for (pdm_size k = 0; k < v->n_term; k++) {
        const double *x = v->value + k * v->n_box, *half = v->half + k * v->n_box;
        double        change = 0.0;
        for (pdm_size i = 0; i < v->n_box; i++) change += (x[i] - half[i]) * (x[i] - half[i]);
        fit[k].change = sqrt(change / product(v, x, x));
        dependent     = fmax(dependent, UNSURE * fit[k].change * fit[k].change);
    }
    return dependent;
}

static double with_change(double error, double factor, double half)
{
    return isfinite(factor - half) ? hypot(error, factor - half) : error;
}

pdm_status terms_fit(pdm_context *ctx, const term_values *v, pdm_size held, term_fit *fit, double *residual,
                     double *joint_left)
{
    pdm_status  status = PDM_OK;
    double     *total = NULL, *e = NULL, *work = NULL, half_left;
    bool       *used      = NULL;
    term_fit   *half_fit  = NULL;
    term_values half      = *v;
    double      dependent = 0.0;

    half.value = v->half;
    PDM_TRY(pdm_alloc_array(ctx, v->n_box, &total));
    PDM_TRY(pdm_alloc_array(ctx, v->n_box, &e));
    PDM_TRY(pdm_alloc_array(ctx, (v->n_cluster + v->n_term + 1) * v->n_term, &work));
    PDM_TRY(pdm_alloc_array(ctx, v->n_term, &used));
    PDM_TRY(pdm_alloc_array(ctx, v->n_term, &half_fit));
    dependent = compare_terms(v, fit);
    fit_both(&half, held, dependent, total, e, work, used, half_fit, &half_left);
    fit_both(v, held, dependent, total, e, work, used, fit, joint_left);
    *residual = rms_of(v, total);
    for (pdm_size k = 0; k < v->n_term; k++) {
        fit[k].error       = hypot(fit[k].error, fit[k].unsure * fit[k].left / fit[k].rms);
        fit[k].error       = with_change(fit[k].error, fit[k].factor, half_fit[k].factor);
        fit[k].joint_error = with_change(fit[k].joint_error, fit[k].joint, half_fit[k].joint);
    }
done:
    pdm_free(ctx, total);
    pdm_free(ctx, e);
    pdm_free(ctx, work);
    pdm_free(ctx, used);
    pdm_free(ctx, half_fit);
    return status;
}
