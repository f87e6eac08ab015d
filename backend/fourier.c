#include "backend/fourier.h"

#include <math.h>

pdm_status pdm_fourier_check(pdm_context *ctx, const pdm_fourier_desc *d, pdm_size n_sample)
{
    pdm_status status = PDM_OK;

    if (d->n_dim < 1 || d->n_dim > PDM_MAX_DIM)
        PDM_FAIL(ctx, PDM_ERR_ARGUMENT, "a Fourier network of %lld dimensions; 1 to %d expected", (long long)d->n_dim,
                 PDM_MAX_DIM);
    if (n_sample < 1 || d->n_feature < 1 || d->width < 1 || d->n_layer < 1 || d->n_hidden < 1 || d->n_channel < 1)
        PDM_FAIL(ctx, PDM_ERR_ARGUMENT,
                 "a Fourier network with %lld samples, %lld features, width %lld, %lld layers, %lld hidden, "
                 "%lld channels; 1 or more of each expected",
                 (long long)n_sample, (long long)d->n_feature, (long long)d->width, (long long)d->n_layer,
                 (long long)d->n_hidden, (long long)d->n_channel);
    for (pdm_size i = 0; i < d->n_dim; i++) {
        const pdm_size least = i == d->n_dim - 1 ? 1 : 0, most = d->n_padded[i] / 2 + least;
        if (d->n_grid[i] < 1 || d->n_padded[i] < d->n_grid[i])
            PDM_FAIL(ctx, PDM_ERR_ARGUMENT, "a Fourier network pads %lld points to %lld", (long long)d->n_grid[i],
                     (long long)d->n_padded[i]);
        if (d->n_mode[i] < least || d->n_mode[i] > most)
            PDM_FAIL(ctx, PDM_ERR_ARGUMENT, "%lld modes in dimension %lld; %lld to %lld fit %lld points",
                     (long long)d->n_mode[i], (long long)i, (long long)least, (long long)most,
                     (long long)d->n_padded[i]);
    }
done:
    return status;
}

/* Trigonometric functions of the last dimension: cos 0 .. m-1 and sin 1 .. m-1; of others cos 0 .. m and sin 1 .. m,
 * since -m has no partner; of a dimension put in front (0 modes): cos 0. Order: c0, c1, s1, c2, s2, ... */
static pdm_size count_trig(const pdm_fourier_desc *d, pdm_size dim)
{
    return dim == d->n_dim - 1 ? 2 * d->n_mode[dim] - 1 : 2 * d->n_mode[dim] + 1;
}

static pdm_size count_modes(const pdm_fourier_desc *d, pdm_size dim)
{
    return dim == d->n_dim - 1 ? d->n_mode[dim] : d->n_mode[dim] == 0 ? 1 : 2 * d->n_mode[dim];
}

pdm_fourier_sizes pdm_fourier_sizes_of(const pdm_fourier_desc *d)
{
    pdm_fourier_sizes s = {.n_part         = (pdm_size)1 << d->n_dim,
                           .n_group        = 1,
                           .n_mode         = 1,
                           .n_spectrum     = 1,
                           .n_point        = 1,
                           .n_point_padded = 1};

    for (pdm_size i = 0; i < d->n_dim; i++) {
        s.n_trig[i] = count_trig(d, i);
        s.n_spectrum *= s.n_trig[i];
        s.n_group *= i == d->n_dim - 1 ? d->n_mode[i] : d->n_mode[i] + 1;
        s.n_mode *= count_modes(d, i);
        s.n_point *= d->n_grid[i];
        s.n_point_padded *= d->n_padded[i];
    }
    return s;
}

void pdm_fourier_fill_matrix(const pdm_fourier_desc *d, pdm_size dim, float *matrix)
{
    const pdm_size n = d->n_padded[dim], n_trig = count_trig(d, dim);
    for (pdm_size q = 0; q < n_trig; q++)
        for (pdm_size j = 0; j < n; j++) {
            const pdm_size k     = (q + 1) / 2;
            const double   angle = 2.0 * 3.14159265358979323846 * (double)(k * j % n) / (double)n;
            matrix[q * n + j]    = (float)(q == 0 || q % 2 == 1 ? cos(angle) : sin(angle));
        }
}

/* Place of cos (sine = 0) or sin k in a dimension, -1 for sin 0. */
static pdm_size trig_place(pdm_size k, pdm_size sine)
{
    return k == 0 ? (sine ? -1 : 0) : 2 * k - 1 + sine;
}

/* Place of mode k or -k (negative = 1) of a dimension that keeps -m .. m-1, -1 when it is not kept. */
static pdm_size mode_place(pdm_size k, pdm_size negative, pdm_size m)
{
    if (negative) return k == 0 ? -1 : 2 * m - k;
    return k == 0 || k < m ? k : -1;
}

void pdm_fourier_fill_group(const pdm_fourier_desc *d, pdm_size number, pdm_fourier_group *g)
{
    const pdm_fourier_sizes sizes = pdm_fourier_sizes_of(d);
    const pdm_size          last  = d->n_dim - 1;
    pdm_size                k[PDM_MAX_DIM];

    for (pdm_size i = last + 1, rest = number; i-- > 0;) {
        const pdm_size n = i == last ? d->n_mode[i] : d->n_mode[i] + 1;
        k[i]             = rest % n;
        rest /= n;
    }
    const bool once = k[last] == 0 || 2 * k[last] == d->n_padded[last];
    g->factor       = (float)((once ? 1.0 : 2.0) / (double)sizes.n_point_padded);
    for (pdm_size part = 0; part < sizes.n_part; part++) {
        pdm_size place = 0, mode = 0;
        for (pdm_size i = 0; i <= last; i++) {
            const pdm_size bit = part >> (i == last ? 0 : i + 1) & 1, t = trig_place(k[i], bit);
            const pdm_size m = i == last ? k[i] : mode_place(k[i], bit, d->n_mode[i]);
            place            = place < 0 || t < 0 ? -1 : place * sizes.n_trig[i] + t;
            mode             = mode < 0 || m < 0 ? -1 : mode * count_modes(d, i) + m;
        }
        g->trig[part] = (int32_t)place;
        if (part % 2 == 0) g->mode[part / 2] = (int32_t)mode;
    }
}
