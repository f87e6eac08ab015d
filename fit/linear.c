/* Small dense systems: as many numbers as are to be found. */
#include "fit/fit.h"

#include <math.h>

#include "fit/fit_impl.h"

bool fit_cholesky_solve(pdm_size n, double *a, double *x)
{
    for (pdm_size j = 0; j < n; j++) {
        for (pdm_size i = j; i < n; i++) {
            double sum = a[i * n + j];
            for (pdm_size k = 0; k < j; k++) sum -= a[i * n + k] * a[j * n + k];
            if (i == j && !(sum > 0.0)) return false;
            a[i * n + j] = i == j ? sqrt(sum) : sum / a[j * n + j];
        }
    }
    for (pdm_size i = 0; i < n; i++) {
        for (pdm_size k = 0; k < i; k++) x[i] -= a[i * n + k] * x[k];
        x[i] /= a[i * n + i];
    }
    for (pdm_size i = n - 1; i >= 0; i--) {
        for (pdm_size k = i + 1; k < n; k++) x[i] -= a[k * n + i] * x[k];
        x[i] /= a[i * n + i];
    }
    return true;
}

/* One rotation that makes a[p][q] zero. */
static void rotate(pdm_size n, double *a, double *v, pdm_size p, pdm_size q)
{
    const double theta = 0.5 * (a[q * n + q] - a[p * n + p]) / a[p * n + q];
    const double t     = (theta < 0.0 ? -1.0 : 1.0) / (fabs(theta) + sqrt(theta * theta + 1.0));
    const double c = 1.0 / sqrt(t * t + 1.0), s = t * c;

    for (pdm_size k = 0; k < n; k++) {
        const double x = a[k * n + p], y = a[k * n + q];
        a[k * n + p] = c * x - s * y;
        a[k * n + q] = s * x + c * y;
    }
    for (pdm_size k = 0; k < n; k++) {
        const double x = a[p * n + k], y = a[q * n + k];
        a[p * n + k] = c * x - s * y;
        a[q * n + k] = s * x + c * y;
    }
    for (pdm_size k = 0; k < n; k++) {
        const double x = v[p * n + k], y = v[q * n + k];
        v[p * n + k] = c * x - s * y;
        v[q * n + k] = s * x + c * y;
    }
}

/* Largest first. */
static void sort(pdm_size n, double *value, double *v)
{
    for (pdm_size i = 0; i < n; i++) {
        pdm_size best = i;
        for (pdm_size k = i + 1; k < n; k++) best = value[k] > value[best] ? k : best;
        const double swap = value[i];
        value[i]          = value[best];
        value[best]       = swap;
        for (pdm_size k = 0; k < n && best != i; k++) {
            const double x  = v[i * n + k];
            v[i * n + k]    = v[best * n + k];
            v[best * n + k] = x;
        }
    }
}

void fit_eigen(pdm_size n, double *a, double *value, double *v)
{
    enum { SWEEPS = 60 };
    const double tiny = 1e-300;

    for (pdm_size i = 0; i < n * n; i++) v[i] = i / n == i % n ? 1.0 : 0.0;
    for (int sweep = 0; sweep < SWEEPS; sweep++) {
        bool done = true;
        for (pdm_size p = 0; p < n; p++)
            for (pdm_size q = p + 1; q < n; q++) {
                if (fabs(a[p * n + q]) <= 1e-17 * sqrt(fabs(a[p * n + p] * a[q * n + q])) + tiny) continue;
                rotate(n, a, v, p, q);
                done = false;
            }
        if (done) break;
    }
    for (pdm_size i = 0; i < n; i++) value[i] = a[i * n + i];
    sort(n, value, v);
}
