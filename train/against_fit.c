/* Factors on the terms of an equation that make its residual least. Standard errors are those of sums over clusters of
 * neighbouring boxes (a "sandwich"): residuals of neighbours hang together, and boxes differ in size and in what they hold. */
#include "train/train.h"

#include <math.h>

#include "train/train_impl.h"

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

/* In place Cholesky of a [n][n] with unit diagonal; used [n] false where a share of no more than `dependent` of a row's square
 * is not a sum of those before: it is left out. */
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

/* All terms but `held`, and those that depend on others, with factors at once. work [(n_cluster + n_term + 1) n_term] */
static void fit_jointly(const term_values *v, pdm_size held, double dependent, double *e, double *work, bool *used,
                        term_fit *fit, double *left)
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
    *left = rms_of(v, e);
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
        fit[k].joint_error = k == held ? 0.0 : used[k] ? sqrt(small_number(v, n) * sum) / fit[k].norm : NAN;
    }
}

pdm_status terms_fit(pdm_context *ctx, const term_values *v, pdm_size held, double dependent, term_fit *fit,
                     double *residual, double *joint_left)
{
    pdm_status status = PDM_OK;
    double    *total = NULL, *e = NULL, *work = NULL;
    bool      *used = NULL;

    PDM_TRY(pdm_alloc_array(ctx, v->n_box, &total));
    PDM_TRY(pdm_alloc_array(ctx, v->n_box, &e));
    PDM_TRY(pdm_alloc_array(ctx, (v->n_cluster + v->n_term + 1) * v->n_term, &work));
    PDM_TRY(pdm_alloc_array(ctx, v->n_term, &used));
    for (pdm_size k = 0; k < v->n_term; k++) {
        const double *x = v->value + k * v->n_box;
        fit[k].rms      = rms_of(v, x);
        fit[k].norm     = sqrt(product(v, x, x));
        for (pdm_size i = 0; i < v->n_box; i++) total[i] += x[i];
    }
    *residual = rms_of(v, total);
    fit_alone(v, total, e, work, fit);
    fit_jointly(v, held, dependent, e, work, used, fit, joint_left);
done:
    pdm_free(ctx, total);
    pdm_free(ctx, e);
    pdm_free(ctx, work);
    pdm_free(ctx, used);
    return status;
}
