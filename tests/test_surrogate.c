/* Fourier networks: forward and backward against a plain double-precision network with a naive complex transform. */
#include "surrogate/surrogate.h"

#include <check.h>
#include <complex.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/cpu/cpu_impl.h"
#include "backend/cpu/network_impl.h"

#define PI 3.14159265358979323846

typedef struct network_case {
    pdm_size    n_dim, n_coef[PDM_MAX_DIM];
    bool        periodic[PDM_MAX_DIM];
    pdm_size    n_feature, n_channel;
    const char *width, *layers, *hidden, *modes, *padding;
} network_case;

static const network_case cases[] = {
    {1, {13}, {false}, 2, 3, "8", "2", "11", "4", "0.25"},
    {1, {12}, {true}, 1, 2, "5", "3", "7", "7", "0.25"}, /* up to the highest mode, which counts once */
    {2, {9, 7}, {false, false}, 3, 5, "8", "3", "16", "3 2", "0.3"},
    {2, {8, 6}, {true, false}, 2, 4, "16", "2", "10", "4 4", "0.25"}, /* -m has no partner and is the highest */
    {2, {7, 10}, {true, true}, 2, 1, "24", "1", "8", "2 3", "0.25"},
    {2, {6, 8}, {false, true}, 2, 12, "33", "2", "20", "2", "0.5"},
    {3, {5, 6, 4}, {false, true, false}, 2, 3, "8", "2", "8", "2 3 2", "0.4"},
    {3, {4, 4, 5}, {true, true, true}, 1, 2, "6", "3", "5", "1 2 3", "0.25"},
    {3, {1, 6, 5}, {false, false, true}, 2, 3, "8", "2", "8", "0 2 2", "0.25"}, /* the mean alone in the first */
    {4, {4, 3, 5, 4}, {false, false, true, false}, 2, 2, "4", "2", "6", "2 1 2 2", "0.3"},
};
enum { N_CASE = sizeof cases / sizeof cases[0], N_SAMPLE = 3 };

static pdm_context *ctx;

static void setup(void)
{
    ck_assert_int_eq(pdm_context_create(NULL, &ctx), PDM_OK);
    ck_assert_int_eq(pdm_context_set_threads(ctx, 1), PDM_OK);
}

static void teardown(void)
{
    ck_assert_int_eq(pdm_context_destroy(&ctx), 0);
}

/* PDM_TEST_BACKEND: all runs on that one. */
static const char *backend_or(const char *otherwise)
{
    const char *named = getenv("PDM_TEST_BACKEND");
    return named && *named ? named : otherwise;
}

/* ---- what a test holds ---- */

typedef struct network {
    pdm_context   *ctx;
    pdm_case      *c;
    pdm_backend   *b;
    pdm_surrogate *s;
    pdm_buffer    *features, *basis, *g_basis;
    pdm_size       n_point, n_in, n_out; /* n_in, n_out: of one sample */
} network;

static pdm_surrogate_shape shape_of(const network_case *c)
{
    pdm_surrogate_shape s = {
        .n_dim = c->n_dim, .n_feature = c->n_feature, .n_channel = c->n_channel, .n_sample = N_SAMPLE};
    memcpy(s.n_coef, c->n_coef, sizeof s.n_coef);
    memcpy(s.periodic, c->periodic, sizeof s.periodic);
    return s;
}

static pdm_status case_of(pdm_context *in, const network_case *c, pdm_case **out)
{
    pdm_status  status     = PDM_OK;
    pdm_case   *made       = NULL;
    const char *words[][2] = {{"width", c->width},
                              {"layers", c->layers},
                              {"hidden", c->hidden},
                              {"modes", c->modes},
                              {"padding", c->padding}};

    PDM_TRY(pdm_case_create(in, &made));
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (words[i][1]) PDM_TRY(pdm_case_set_text(made, "surrogate", words[i][0], words[i][1]));
    *out = made;
    made = NULL;
done:
    pdm_case_destroy(&made);
    return status;
}

static void network_close(network *n)
{
    if (n->b) {
        n->b->ops->buffer_destroy(n->b, &n->features);
        n->b->ops->buffer_destroy(n->b, &n->basis);
        n->b->ops->buffer_destroy(n->b, &n->g_basis);
    }
    pdm_surrogate_destroy(&n->s);
    pdm_backend_destroy(&n->b);
    pdm_case_destroy(&n->c);
}

static pdm_status fill(network *n, pdm_buffer *buffer, pdm_size count, uint64_t step, double size)
{
    pdm_status status = PDM_OK;
    void      *host   = NULL;

    PDM_TRY(n->b->ops->acquire(n->b, buffer, PDM_WRITE, &host));
    for (pdm_size i = 0; i < count; i++)
        ((float *)host)[i] = (float)(size * pdm_random_normal((pdm_random_key){7, PDM_RANDOM_TEST, step}, (uint64_t)i));
    PDM_TRY(n->b->ops->release(n->b, buffer, &host));
done:
    return status;
}

static pdm_status put(network *n, pdm_buffer *buffer, const float *values, pdm_size count)
{
    pdm_status status = PDM_OK;
    void      *host   = NULL;

    PDM_TRY(n->b->ops->acquire(n->b, buffer, PDM_WRITE, &host));
    memcpy(host, values, (size_t)count * sizeof *values);
    PDM_TRY(n->b->ops->release(n->b, buffer, &host));
done:
    return status;
}

static pdm_status get(network *n, pdm_buffer *buffer, pdm_size count, float *values)
{
    pdm_status status = PDM_OK;
    void      *host   = NULL;

    PDM_TRY(n->b->ops->acquire(n->b, buffer, PDM_READ, &host));
    memcpy(values, host, (size_t)count * sizeof *values);
    PDM_TRY(n->b->ops->release(n->b, buffer, &host));
done:
    return status;
}

/* Features, cotangents and all parameters (biases too) are random. */
static pdm_status network_open(const network_case *c, const char *backend, network *n)
{
    pdm_status          status = PDM_OK;
    pdm_surrogate_shape shape  = shape_of(c);

    *n = (network){.ctx = ctx, .n_point = 1};
    for (pdm_size d = 0; d < c->n_dim; d++) n->n_point *= c->n_coef[d];
    n->n_in  = c->n_feature * n->n_point;
    n->n_out = c->n_channel * n->n_point;
    PDM_TRY(case_of(ctx, c, &n->c));
    PDM_TRY(pdm_backend_create(ctx, backend, &n->b));
    PDM_TRY(pdm_surrogate_create(ctx, n->b, n->c, &shape, 11, &n->s));
    PDM_TRY(n->b->ops->buffer_create(n->b, (size_t)(N_SAMPLE * n->n_in) * sizeof(float), &n->features));
    PDM_TRY(n->b->ops->buffer_create(n->b, (size_t)(N_SAMPLE * n->n_out) * sizeof(float), &n->basis));
    PDM_TRY(n->b->ops->buffer_create(n->b, (size_t)(N_SAMPLE * n->n_out) * sizeof(float), &n->g_basis));
    PDM_TRY(fill(n, n->features, N_SAMPLE * n->n_in, 1, 1.0));
    PDM_TRY(fill(n, n->g_basis, N_SAMPLE * n->n_out, 2, 1.0));
    PDM_TRY(fill(n, n->s->parameters, n->s->n_parameter, 3, 0.3));
done:
    if (status != PDM_OK) network_close(n);
    return status;
}

static float *floats(pdm_size n)
{
    float *p = calloc((size_t)n + 1, sizeof *p);
    ck_assert_ptr_nonnull(p);
    return p;
}

static double *doubles(pdm_size n)
{
    double *p = calloc((size_t)n + 1, sizeof *p);
    ck_assert_ptr_nonnull(p);
    return p;
}

/* ---- the reference: one sample, FP64, every mode by its definition ---- */

typedef struct reference {
    const network_case *c;
    pdm_size            padded[PDM_MAX_DIM], mode[PDM_MAX_DIM];
    pdm_size            width, layers, hidden, n_point, n_padded, n_mode;
} reference;

static reference reference_of(const network_case *c, const pdm_surrogate *s)
{
    reference r = {.c        = c,
                   .width    = atol(c->width),
                   .layers   = atol(c->layers),
                   .hidden   = atol(c->hidden),
                   .n_point  = 1,
                   .n_padded = 1,
                   .n_mode   = 1};

    for (pdm_size d = 0; d < c->n_dim; d++) {
        const pdm_size stored = s->tensor[2].shape[d]; /* layer0.spectral */
        r.mode[d]             = d == c->n_dim - 1 ? stored : stored / 2;
        r.padded[d] =
            c->n_coef[d] + (c->periodic[d] ? 0 : (pdm_size)floor(atof(c->padding) * (double)c->n_coef[d] + 0.5));
        r.n_point *= c->n_coef[d];
        r.n_padded *= r.padded[d];
        r.n_mode *= stored;
    }
    return r;
}

/* Indices of point p of a grid; true when it lies on the control grid, then *inside is its number there. */
static bool point_of(const reference *r, pdm_size p, pdm_size *x, pdm_size *inside)
{
    bool on = true;
    *inside = 0;
    for (pdm_size d = r->c->n_dim; d-- > 0;) x[d] = p % r->padded[d], p /= r->padded[d];
    for (pdm_size d = 0; d < r->c->n_dim; d++) {
        on      = on && x[d] < r->c->n_coef[d];
        *inside = *inside * r->c->n_coef[d] + x[d];
    }
    return on;
}

static double gelu(double x)
{
    return 0.5 * x * (1.0 + tanh(sqrt(2.0 / PI) * (x + 0.044715 * x * x * x)));
}

static double complex phase(const reference *r, const pdm_size *x, const double *k, double sign)
{
    double angle = 0.0;
    for (pdm_size d = 0; d < r->c->n_dim; d++) angle += sign * 2.0 * PI * k[d] * (double)x[d] / (double)r->padded[d];
    return cexp(I * angle);
}

/* Wave numbers of stored mode m; *factor: how often it counts in the inverse. */
static void wave_of(const reference *r, pdm_size m, double *k, double *factor)
{
    for (pdm_size d = r->c->n_dim; d-- > 0;) {
        const bool     last = d == r->c->n_dim - 1;
        const pdm_size n = last ? r->mode[d] : r->mode[d] == 0 ? 1 : 2 * r->mode[d], i = m % n;
        m /= n;
        k[d] = last || i == 0 || i < r->mode[d] ? (double)i : (double)(i - n);
        if (last) *factor = i == 0 || 2 * i == r->padded[d] ? 1.0 : 2.0;
    }
}

static void reference_spectral(const reference *r, const double *K, const double *h, double *out)
{
    const pdm_size  w    = r->width;
    double complex *mode = calloc((size_t)(2 * w), sizeof *mode);

    ck_assert_ptr_nonnull(mode);
    for (pdm_size m = 0; m < r->n_mode; m++) {
        double          k[PDM_MAX_DIM], factor = 1.0;
        pdm_size        x[PDM_MAX_DIM], inside;
        const double   *re = K + m * 2 * w * w, *im = re + w * w;
        double complex *in = mode, *mixed = mode + w;
        wave_of(r, m, k, &factor);
        memset(mode, 0, (size_t)(2 * w) * sizeof *mode);
        for (pdm_size p = 0; p < r->n_padded; p++) {
            (void)point_of(r, p, x, &inside);
            const double complex e = phase(r, x, k, -1.0);
            for (pdm_size j = 0; j < w; j++) in[j] += e * h[p * w + j];
        }
        for (pdm_size i = 0; i < w; i++)
            for (pdm_size j = 0; j < w; j++) mixed[j] += in[i] * (re[i * w + j] + I * im[i * w + j]);
        for (pdm_size p = 0; p < r->n_padded; p++) {
            (void)point_of(r, p, x, &inside);
            const double complex e = phase(r, x, k, 1.0) * factor / (double)r->n_padded;
            for (pdm_size j = 0; j < w; j++) out[p * w + j] += creal(e * mixed[j]);
        }
    }
    free(mode);
}

static void reference_linear(pdm_size n_in, pdm_size n_out, const double *weight, const double *bias, const double *in,
                             double *out)
{
    for (pdm_size j = 0; j < n_out; j++) {
        out[j] += bias[j];
        for (pdm_size i = 0; i < n_in; i++) out[j] += in[i] * weight[i * n_out + j];
    }
}

/* basis [n_channel][n_point] of one sample */
static void reference_forward(const reference *r, const double *q, const double *features, double *basis)
{
    const pdm_size w = r->width, n_feature = r->c->n_feature;
    double        *h = doubles(r->n_padded * w), *next = doubles(r->n_padded * w), *in = doubles(n_feature + r->hidden),
           *hidden = in + n_feature;
    double  *out   = doubles(r->c->n_channel);
    pdm_size x[PDM_MAX_DIM], inside;

    for (pdm_size p = 0; p < r->n_padded; p++) {
        if (!point_of(r, p, x, &inside)) continue;
        for (pdm_size f = 0; f < n_feature; f++) in[f] = features[f * r->n_point + inside];
        reference_linear(n_feature, w, q, q + n_feature * w, in, h + p * w);
    }
    q += (n_feature + 1) * w;
    for (pdm_size l = 0; l < r->layers; l++) {
        const double *weight = q + r->n_mode * 2 * w * w;
        memset(next, 0, (size_t)(r->n_padded * w) * sizeof *next);
        reference_spectral(r, q, h, next);
        for (pdm_size p = 0; p < r->n_padded; p++) {
            reference_linear(w, w, weight, weight + w * w, h + p * w, next + p * w);
            for (pdm_size j = 0; j < w; j++) next[p * w + j] = gelu(next[p * w + j]);
        }
        memcpy(h, next, (size_t)(r->n_padded * w) * sizeof *h);
        q = weight + (w + 1) * w;
    }
    for (pdm_size p = 0; p < r->n_padded; p++) {
        if (!point_of(r, p, x, &inside)) continue;
        const double *second = q + (w + 1) * r->hidden;
        memset(hidden, 0, (size_t)r->hidden * sizeof *hidden);
        memset(out, 0, (size_t)r->c->n_channel * sizeof *out);
        reference_linear(w, r->hidden, q, q + w * r->hidden, h + p * w, hidden);
        for (pdm_size j = 0; j < r->hidden; j++) hidden[j] = gelu(hidden[j]);
        reference_linear(r->hidden, r->c->n_channel, second, second + r->hidden * r->c->n_channel, hidden, out);
        for (pdm_size j = 0; j < r->c->n_channel; j++) basis[j * r->n_point + inside] = out[j];
    }
    free(h);
    free(next);
    free(in);
    free(out);
}

/* sum over samples of <g_basis, basis> with parameters q + h d */
static double reference_product(const reference *r, const network *n, const float *q, const double *d, double h,
                                const float *features, const float *g_basis)
{
    double *moved = doubles(n->s->n_parameter), *in = doubles(n->n_in), *basis = doubles(n->n_out), sum = 0.0;

    for (pdm_size i = 0; i < n->s->n_parameter; i++) moved[i] = (double)q[i] + h * d[i];
    for (pdm_size s = 0; s < N_SAMPLE; s++) {
        for (pdm_size i = 0; i < n->n_in; i++) in[i] = (double)features[s * n->n_in + i];
        reference_forward(r, moved, in, basis);
        for (pdm_size i = 0; i < n->n_out; i++) sum += basis[i] * (double)g_basis[s * n->n_out + i];
    }
    free(moved);
    free(in);
    free(basis);
    return sum;
}

static const int32_t   all_samples[N_SAMPLE] = {0, 1, 2};
static const pdm_batch whole                 = {N_SAMPLE, all_samples};

/* ---- values ---- */

START_TEST(forward_agrees_with_the_definition)
    {
        const network_case *c = &cases[_i % N_CASE];
        network             n;
        ck_assert_msg(network_open(c, backend_or(_i < N_CASE ? "cpu" : "check"), &n) == PDM_OK, "%s",
                      pdm_context_error(ctx));
        const reference r = reference_of(c, n.s);
        float *q = floats(n.s->n_parameter), *features = floats(N_SAMPLE * n.n_in), *basis = floats(N_SAMPLE * n.n_out);
        double *qd = doubles(n.s->n_parameter), *in = doubles(n.n_in), *expected = doubles(n.n_out);

        ck_assert_int_eq(n.s->ops->forward(n.s, whole, n.features, n.basis, _i % 2), PDM_OK);
        ck_assert_int_eq(get(&n, n.s->parameters, n.s->n_parameter, q), PDM_OK);
        ck_assert_int_eq(get(&n, n.features, N_SAMPLE * n.n_in, features), PDM_OK);
        ck_assert_int_eq(get(&n, n.basis, N_SAMPLE * n.n_out, basis), PDM_OK);
        for (pdm_size i = 0; i < n.s->n_parameter; i++) qd[i] = (double)q[i];
        for (pdm_size s = 0; s < N_SAMPLE; s++) {
            double error = 0.0, size = 0.0;
            for (pdm_size i = 0; i < n.n_in; i++) in[i] = (double)features[s * n.n_in + i];
            reference_forward(&r, qd, in, expected);
            for (pdm_size i = 0; i < n.n_out; i++) {
                const double e = (double)basis[s * n.n_out + i] - expected[i];
                error += e * e;
                size += expected[i] * expected[i];
            }
            /* FP32 rounding of sums of at most a few hundred terms, through at most 4 layers: 1e-7 * 10 * 4 */
            ck_assert_msg(error <= 4e-6 * 4e-6 * size, "relative error %g", sqrt(error / size));
        }
        free(q);
        free(features);
        free(basis);
        free(qd);
        free(in);
        free(expected);
        network_close(&n);
    }
END_TEST

/* Along random directions, one tensor at a time and all together: the gradient in FP32 against the reference's central
 * difference in FP64, whose own error is h^2 = 1e-8 of the size of the third derivative. */
START_TEST(gradient_agrees_with_the_definition)
    {
        const network_case *c = &cases[_i];
        network             n;
        ck_assert_msg(network_open(c, backend_or("check"), &n) == PDM_OK, "%s", pdm_context_error(ctx));
        const reference r           = reference_of(c, n.s);
        const pdm_size  n_parameter = n.s->n_parameter;
        float          *q = floats(n_parameter), *g = floats(n_parameter), *features = floats(N_SAMPLE * n.n_in),
              *g_basis = floats(N_SAMPLE * n.n_out);
        double      *d = doubles(n_parameter);
        const double h = 1e-4;

        ck_assert_int_eq(fill(&n, n.s->g_parameters, n_parameter, 4, 1.0), PDM_OK); /* overwritten */
        ck_assert_int_eq(n.s->ops->forward(n.s, whole, n.features, n.basis, true), PDM_OK);
        ck_assert_int_eq(n.s->ops->backward(n.s, whole, n.g_basis), PDM_OK);
        ck_assert_int_eq(get(&n, n.s->parameters, n_parameter, q), PDM_OK);
        ck_assert_int_eq(get(&n, n.s->g_parameters, n_parameter, g), PDM_OK);
        ck_assert_int_eq(get(&n, n.features, N_SAMPLE * n.n_in, features), PDM_OK);
        ck_assert_int_eq(get(&n, n.g_basis, N_SAMPLE * n.n_out, g_basis), PDM_OK);
        for (pdm_size t = 0; t <= n.s->n_tensor; t++) {
            double slope = 0.0, norm_g = 0.0, norm_d = 0.0;
            for (pdm_size i = 0; i < n_parameter; i++) {
                const pdm_tensor_info *info  = &n.s->tensor[t < n.s->n_tensor ? t : 0];
                const bool             moves = t == n.s->n_tensor || (i >= info->offset && i < info->offset + info->n);
                d[i] = moves ? pdm_random_normal((pdm_random_key){3, PDM_RANDOM_TEST, (uint64_t)t}, (uint64_t)i) : 0.0;
                slope += d[i] * (double)g[i];
                norm_g += moves ? (double)g[i] * (double)g[i] : 0.0;
                norm_d += d[i] * d[i];
            }
            const double wanted = (reference_product(&r, &n, q, d, h, features, g_basis) -
                                   reference_product(&r, &n, q, d, -h, features, g_basis)) /
                                  (2.0 * h);
            ck_assert_double_gt(norm_g, 0.0);
            ck_assert_msg(fabs(slope - wanted) <= 1e-5 * sqrt(norm_g * norm_d),
                          "%s: %.9g, expected %.9g, gradient times direction %g",
                          t < n.s->n_tensor ? n.s->tensor[t].name : "all", slope, wanted, sqrt(norm_g * norm_d));
        }
        free(q);
        free(g);
        free(features);
        free(g_basis);
        free(d);
        network_close(&n);
    }
END_TEST

/* The gradient's order: what is left of the reference after its first-order model shrinks by 4 when h halves. */
START_TEST(gradient_has_order_two)
    {
        const network_case *c = &cases[_i];
        network             n;
        ck_assert_int_eq(network_open(c, backend_or("cpu"), &n), PDM_OK);
        const reference r           = reference_of(c, n.s);
        const pdm_size  n_parameter = n.s->n_parameter;
        float          *q = floats(n_parameter), *g = floats(n_parameter), *features = floats(N_SAMPLE * n.n_in),
              *g_basis = floats(N_SAMPLE * n.n_out);
        double *d = doubles(n_parameter), slope = 0.0, norm_g = 0.0, rest[3];

        ck_assert_int_eq(n.s->ops->forward(n.s, whole, n.features, n.basis, true), PDM_OK);
        ck_assert_int_eq(n.s->ops->backward(n.s, whole, n.g_basis), PDM_OK);
        ck_assert_int_eq(get(&n, n.s->parameters, n_parameter, q), PDM_OK);
        ck_assert_int_eq(get(&n, n.s->g_parameters, n_parameter, g), PDM_OK);
        ck_assert_int_eq(get(&n, n.features, N_SAMPLE * n.n_in, features), PDM_OK);
        ck_assert_int_eq(get(&n, n.g_basis, N_SAMPLE * n.n_out, g_basis), PDM_OK);
        for (pdm_size i = 0; i < n_parameter; i++) {
            d[i] = 0.3 * pdm_random_normal((pdm_random_key){5, PDM_RANDOM_TEST, 0}, (uint64_t)i);
            slope += d[i] * (double)g[i];
            norm_g += (double)g[i] * (double)g[i];
        }
        const double f0 = reference_product(&r, &n, q, d, 0.0, features, g_basis);
        for (int k = 0; k < 3; k++) {
            const double h = 0.04 / (1 << k);
            rest[k]        = fabs(reference_product(&r, &n, q, d, h, features, g_basis) - f0 - h * slope);
        }
        for (int k = 0; k < 2; k++) {
            const double order = log2(rest[k] / rest[k + 1]);
            ck_assert_msg(fabs(order - 2.0) < 0.35 || rest[k] < 1e-6 * sqrt(norm_g), "order %.3f, rest %g then %g",
                          order, rest[k], rest[k + 1]);
        }
        free(q);
        free(g);
        free(features);
        free(g_basis);
        free(d);
        network_close(&n);
    }
END_TEST

/* ---- the same bits ---- */

static void run_both(network *n, pdm_batch batch, float *basis, float *g)
{
    ck_assert_int_eq(n->s->ops->forward(n->s, batch, n->features, n->basis, true), PDM_OK);
    ck_assert_int_eq(n->s->ops->backward(n->s, batch, n->g_basis), PDM_OK);
    ck_assert_int_eq(get(n, n->basis, N_SAMPLE * n->n_out, basis), PDM_OK);
    ck_assert_int_eq(get(n, n->s->g_parameters, n->s->n_parameter, g), PDM_OK);
}

START_TEST(threads_do_not_change_results)
    {
        network one, two;
        ck_assert_int_eq(network_open(&cases[_i], backend_or("cpu"), &one), PDM_OK);
        ck_assert_int_eq(pdm_context_set_threads(ctx, 2 + _i % 2), PDM_OK);
        ck_assert_int_eq(network_open(&cases[_i], backend_or("cpu"), &two), PDM_OK);
        const pdm_size n_out = N_SAMPLE * one.n_out, n_parameter = one.s->n_parameter;
        float         *b1 = floats(n_out), *b2 = floats(n_out), *g1 = floats(n_parameter), *g2 = floats(n_parameter);

        run_both(&one, whole, b1, g1);
        run_both(&two, whole, b2, g2);
        ck_assert_mem_eq(b1, b2, (size_t)n_out * sizeof(float));
        ck_assert_mem_eq(g1, g2, (size_t)n_parameter * sizeof(float));
        free(b1);
        free(b2);
        free(g1);
        free(g2);
        network_close(&one);
        network_close(&two);
    }
END_TEST

START_TEST(samples_do_not_meet)
    {
        network n;
        ck_assert_int_eq(network_open(&cases[_i], backend_or("cpu"), &n), PDM_OK);
        const int32_t  some[2] = {2, 0};
        const pdm_size n_out = N_SAMPLE * n.n_out, n_parameter = n.s->n_parameter;
        float         *b1 = floats(n_out), *b2 = floats(n_out), *g1 = floats(n_parameter), *g2 = floats(n_parameter);

        run_both(&n, whole, b1, g1);
        ck_assert_int_eq(fill(&n, n.basis, n_out, 9, 1.0), PDM_OK);
        ck_assert_int_eq(get(&n, n.basis, n_out, b2), PDM_OK);
        memcpy(b1 + n.n_out, b2 + n.n_out, (size_t)n.n_out * sizeof(float)); /* sample 1 is left alone */
        run_both(&n, (pdm_batch){2, some}, b2, g2);
        ck_assert_mem_eq(b1, b2, (size_t)n_out * sizeof(float));

        /* a gradient over part of what was kept is the gradient of a forward over that part */
        ck_assert_int_eq(n.s->ops->forward(n.s, whole, n.features, n.basis, true), PDM_OK);
        ck_assert_int_eq(n.s->ops->backward(n.s, (pdm_batch){2, some}, n.g_basis), PDM_OK);
        ck_assert_int_eq(get(&n, n.s->g_parameters, n_parameter, g1), PDM_OK);
        ck_assert_mem_eq(g1, g2, (size_t)n_parameter * sizeof(float));

        ck_assert_int_eq(n.s->ops->backward(n.s, (pdm_batch){0, some}, n.g_basis), PDM_OK);
        ck_assert_int_eq(get(&n, n.s->g_parameters, n_parameter, g1), PDM_OK);
        for (pdm_size i = 0; i < n_parameter; i++) ck_assert(g1[i] == 0.0f);
        free(b1);
        free(b2);
        free(g1);
        free(g2);
        network_close(&n);
    }
END_TEST

START_TEST(instruction_sets_agree)
    {
        network n;
        ck_assert_int_eq(network_open(&cases[_i], "cpu", &n), PDM_OK);
        const pdm_size n_out = N_SAMPLE * n.n_out, n_parameter = n.s->n_parameter;
        float         *b1 = floats(n_out), *b2 = floats(n_out), *g1 = floats(n_parameter), *g2 = floats(n_parameter);
        double         error = 0.0, size = 0.0;

        run_both(&n, whole, b1, g1);
        ck_assert_int_eq(pdm_cpu_force_isa(n.b, "portable"), PDM_OK);
        run_both(&n, whole, b2, g2);
        for (pdm_size i = 0; i < n_out; i++)
            error += pow((double)b1[i] - (double)b2[i], 2), size += pow((double)b1[i], 2);
        ck_assert_double_le(error, 1e-5 * 1e-5 * size);
        error = size = 0.0;
        for (pdm_size i = 0; i < n_parameter; i++)
            error += pow((double)g1[i] - (double)g2[i], 2), size += pow((double)g1[i], 2);
        ck_assert_double_le(error, 1e-5 * 1e-5 * size);
        free(b1);
        free(b2);
        free(g1);
        free(g2);
        network_close(&n);
    }
END_TEST

/* ---- kernels ---- */

/* Products of all edge sizes against double loops; what stands behind a row of C stays. */
START_TEST(product_has_all_edges)
    {
        enum { MOST = 20, LD = 24 };
        const f32_kernels *k = _i == 0 ? &f32_kernels_portable : f32_kernels_for(pdm_cpu_kernels_best()->isa);
        float              a[MOST * LD], b[MOST * LD], init[MOST * LD], c[MOST * LD];

        for (int i = 0; i < MOST * LD; i++) {
            a[i]    = (float)pdm_random_normal((pdm_random_key){1, PDM_RANDOM_TEST, 1}, (uint64_t)i);
            b[i]    = (float)pdm_random_normal((pdm_random_key){1, PDM_RANDOM_TEST, 2}, (uint64_t)i);
            init[i] = (float)pdm_random_normal((pdm_random_key){1, PDM_RANDOM_TEST, 3}, (uint64_t)i);
        }
        for (pdm_size m = 0; m <= 13; m++)
            for (pdm_size n = 1; n <= MOST; n++)
                for (int way = 0; way < 4; way++) { /* A as it lies or transposed; init none, one row, all */
                    const pdm_size K = (m * 5 + n) % 8, row = way % 2 ? 1 : LD, col = way % 2 ? LD : 1;
                    const float   *start = way == 0 ? NULL : init;
                    const pdm_size ld    = way == 1 ? 0 : LD;
                    for (int i = 0; i < MOST * LD; i++) c[i] = 77.0f;
                    k->product(m, n, K, a, row, col, b, LD, start, ld, c, LD);
                    for (pdm_size i = 0; i < MOST; i++)
                        for (pdm_size j = 0; j < LD; j++) {
                            double sum = start ? (double)start[i * ld + j] : 0.0, size = fabs(sum);
                            for (pdm_size l = 0; l < K; l++) {
                                sum += (double)a[i * row + l * col] * (double)b[l * LD + j];
                                size += fabs((double)a[i * row + l * col] * (double)b[l * LD + j]);
                            }
                            if (i < m && j < n)
                                ck_assert_double_le(fabs((double)c[i * LD + j] - sum), 1e-6 * size);
                            else
                                ck_assert(c[i * LD + j] == 77.0f);
                        }
                }
    }
END_TEST

START_TEST(gelu_is_accurate)
    {
        const f32_kernels *k = _i == 0 ? &f32_kernels_portable : f32_kernels_for(pdm_cpu_kernels_best()->isa);
        enum { N = 4003 };
        float x[N], y[N], slope[N], again[N];

        for (int i = 0; i < N; i++)
            again[i] = y[i] = x[i] = (float)(-12.0 + 24.0 * i / (N - 1)) * (i % 7 == 0 ? 1e-3f : 1.0f);
        k->gelu(N, y, slope);
        k->gelu(N, again, NULL);
        ck_assert_mem_eq(y, again, sizeof y);
        for (int i = 0; i < N; i++) {
            const double v = (double)x[i], u = sqrt(2.0 / PI) * (v + 0.044715 * v * v * v),
                         s = 1.0 / (1.0 + exp(-2.0 * u));
            const double d = s + v * s / (1.0 + exp(2.0 * u)) * 2.0 * sqrt(2.0 / PI) * (1.0 + 3.0 * 0.044715 * v * v);
            /* e^{-2u} magnifies the rounding of u by |2u|; s is clipped at 2^-126 */
            ck_assert_double_le(fabs((double)y[i] - v * s), 6e-7 * fabs(v * s) * (1.0 + fabs(u)) + 1e-35);
            ck_assert_double_le(fabs((double)slope[i] - d), 2e-6);
        }
        y[0] = NAN;
        y[1] = INFINITY;
        k->gelu(3, y, slope);
        ck_assert(isnan(y[0]));
        ck_assert(isinf(y[1]));
    }
END_TEST

START_TEST(transpose_and_sums)
    {
        const f32_kernels *k = _i == 0 ? &f32_kernels_portable : f32_kernels_for(pdm_cpu_kernels_best()->isa);
        enum { MOST = 11, WIDE = 70 };
        static float a[WIDE * WIDE], b[WIDE * WIDE], y[WIDE];

        for (int i = 0; i < WIDE * WIDE; i++) a[i] = (float)(i % 97);
        for (pdm_size m = 0; m <= MOST; m++)
            for (pdm_size n = 0; n <= MOST; n++) {
                memset(b, 0, sizeof b);
                k->transpose(m, n, a, MOST, b, MOST + 1);
                for (pdm_size i = 0; i < m; i++)
                    for (pdm_size j = 0; j < n; j++) ck_assert(b[j * (MOST + 1) + i] == a[i * MOST + j]);
                if (m < MOST) ck_assert(b[n * (MOST + 1) + m] == 0.0f);
            }
        for (pdm_size n = 1; n <= WIDE; n++) {
            for (pdm_size j = 0; j < n; j++) y[j] = 1.0f;
            k->add_rows(5, n, a, y);
            for (pdm_size j = 0; j < n; j++)
                ck_assert(y[j] == 1.0f + a[j] + a[n + j] + a[2 * n + j] + a[3 * n + j] + a[4 * n + j]);
        }
    }
END_TEST

/* ---- vectors of parameters ---- */

START_TEST(adam_follows_its_formula)
    {
        enum { N = 20001 };
        network     n         = {.ctx = ctx};
        pdm_buffer *buffer[4] = {NULL}; /* gradient, m, v, parameters */
        float      *x[4], *y[4];
        double      sum = 0.0, norm = 0.0;

        ck_assert_int_eq(pdm_context_set_threads(ctx, 2), PDM_OK);
        ck_assert_int_eq(pdm_backend_create(ctx, "check", &n.b), PDM_OK);
        if (_i == 0) ck_assert_int_eq(pdm_cpu_force_isa(n.b, "portable"), PDM_OK);
        for (int k = 0; k < 4; k++) {
            ck_assert_int_eq(n.b->ops->buffer_create(n.b, N * sizeof(float), &buffer[k]), PDM_OK);
            ck_assert_int_eq(fill(&n, buffer[k], N, (uint64_t)k, 1.0), PDM_OK);
            x[k] = floats(N);
            y[k] = floats(N);
            ck_assert_int_eq(get(&n, buffer[k], N, x[k]), PDM_OK);
        }
        for (int i = 0; i < N; i++) x[2][i] = fabsf(x[2][i]);
        ck_assert_int_eq(put(&n, buffer[2], x[2], N), PDM_OK);

        const pdm_adam adam = {.n              = N,
                               .step           = 3,
                               .learning_rate  = 2e-3,
                               .beta1          = 0.9,
                               .beta2          = 0.999,
                               .epsilon        = 1e-8,
                               .gradient_scale = 0.5};
        ck_assert_int_eq(n.b->ops->adam_f32(n.b, &adam, buffer[0], buffer[1], buffer[2], buffer[3]), PDM_OK);
        for (int k = 0; k < 4; k++) ck_assert_int_eq(get(&n, buffer[k], N, y[k]), PDM_OK);
        for (int i = 0; i < N; i++) {
            const double g = 0.5 * (double)x[0][i], m = 0.9 * (double)x[1][i] + 0.1 * g,
                         v    = 0.999 * (double)x[2][i] + 0.001 * g * g;
            const double step = 2e-3 * (m / (1.0 - pow(0.9, 3))) / (sqrt(v / (1.0 - pow(0.999, 3))) + 1e-8);
            ck_assert(y[0][i] == x[0][i]);
            ck_assert_double_le(fabs((double)y[1][i] - m), 2e-7 * (fabs((double)x[1][i]) + fabs(g)));
            ck_assert_double_le(fabs((double)y[2][i] - v), 3e-7 * v);
            ck_assert_double_le(fabs((double)y[3][i] - ((double)x[3][i] - step)),
                                1e-7 * fabs((double)x[3][i]) + 2e-6 * fabs(step) + 1e-10);
            sum += (double)x[0][i] * (double)x[0][i];
        }
        ck_assert_int_eq(n.b->ops->norm2_f32(n.b, N, buffer[0], &norm), PDM_OK);
        ck_assert_double_le(fabs(norm - sum), 1e-13 * sum);

        ck_assert_int_eq(n.b->ops->combine_f32(n.b, N, 2.0, buffer[0], 3.0, buffer[1]), PDM_OK);
        ck_assert_int_eq(get(&n, buffer[1], N, x[1]), PDM_OK);
        for (int i = 0; i < N; i++) ck_assert(x[1][i] == 2.0f * y[0][i] + 3.0f * y[1][i]);
        y[1][N - 1] = NAN;
        ck_assert_int_eq(put(&n, buffer[1], y[1], N), PDM_OK);
        ck_assert_int_eq(n.b->ops->norm2_f32(n.b, N, buffer[1], &norm), PDM_OK);
        ck_assert(isnan(norm));
        ck_assert_int_eq(n.b->ops->combine_f32(n.b, N, -1.0, buffer[0], 0.0, buffer[1]), PDM_OK); /* NaN is not read */
        ck_assert_int_eq(get(&n, buffer[1], N, x[1]), PDM_OK);
        for (int i = 0; i < N; i++) ck_assert(x[1][i] == -y[0][i]);

        pdm_buffer *wide = NULL;
        ck_assert_int_eq(n.b->ops->buffer_create(n.b, N * sizeof(double), &wide), PDM_OK);
        ck_assert_int_eq(n.b->ops->widen_f32(n.b, N, buffer[0], 0.0, wide), PDM_OK);
        ck_assert_int_eq(n.b->ops->widen_f32(n.b, N, buffer[2], -0.3, wide), PDM_OK);
        ck_assert_int_eq(n.b->ops->narrow_f64(n.b, N, 1.7, wide, buffer[1]), PDM_OK);
        ck_assert_int_eq(get(&n, buffer[1], N, x[1]), PDM_OK);
        for (int i = 0; i < N; i++) {
            const double sum_of =
                (double)y[2][i] - 0.3 * (double)y[0][i]; /* one rounding to single precision, at the end */
            ck_assert(fabs((double)x[1][i] - 1.7 * sum_of) <= 6.0e-8 * fabs(1.7 * sum_of));
        }
        n.b->ops->buffer_destroy(n.b, &wide);
        for (int k = 0; k < 4; k++) {
            n.b->ops->buffer_destroy(n.b, &buffer[k]);
            free(x[k]);
            free(y[k]);
        }
        pdm_backend_destroy(&n.b);
    }
END_TEST

/* ---- settings, parameters, memory ---- */

typedef struct refusal {
    const char *name, *value, *expected; /* a part of the message */
} refusal;

static const refusal refusals[] = {
    {"modes", "5 4",
     "5 modes in dimension 1; a whole number from 0 to 4 expected, as its 9 control points are padded to 9"},
    {"modes", "2 5", "5 modes in dimension 2; a whole number from 1 to 4 expected"},
    {"modes", "0", "0 modes in dimension 2; a whole number from 1 to 4"},
    {"modes", "1.5", "1.5 modes"},
    {"modes", "1 2 3", "modes"},
    {"width", "0", "width"},
    {"kind", "fnu", "did you mean \"fno\"?"},
    {"padding", "-1", "padding"},
};

START_TEST(impossible_settings_are_refused)
    {
        const network_case  c     = {2, {9, 7}, {true, true}, 1, 1, NULL, NULL, NULL, NULL, NULL};
        pdm_surrogate_shape shape = shape_of(&c);
        network             n     = {.ctx = ctx};

        ck_assert_int_eq(case_of(ctx, &c, &n.c), PDM_OK);
        ck_assert_int_eq(pdm_backend_create(ctx, backend_or("cpu"), &n.b), PDM_OK);
        ck_assert_int_eq(pdm_case_set_text(n.c, "surrogate", refusals[_i].name, refusals[_i].value), PDM_OK);
        ck_assert_int_eq(pdm_surrogate_create(ctx, n.b, n.c, &shape, 1, &n.s), PDM_ERR_CASE);
        ck_assert_ptr_null(n.s);
        ck_assert_msg(strstr(pdm_context_error(ctx), refusals[_i].expected) != NULL, "%s", pdm_context_error(ctx));
        ck_assert_msg(strstr(pdm_context_error(ctx), "surrogate") != NULL, "%s", pdm_context_error(ctx));
        network_close(&n);
    }
END_TEST

START_TEST(defaults_are_those_of_the_prototype)
    {
        const network_case  c     = {2, {32, 14}, {false, false}, 4, 12, NULL, NULL, NULL, NULL, NULL};
        pdm_surrogate_shape shape = shape_of(&c);
        network             n     = {.ctx = ctx};
        pdm_text            text  = {.ctx = ctx};
        void               *host  = NULL;

        ck_assert_int_eq(case_of(ctx, &c, &n.c), PDM_OK);
        ck_assert_int_eq(pdm_backend_create(ctx, backend_or("cpu"), &n.b), PDM_OK);
        ck_assert_int_eq(pdm_surrogate_create(ctx, n.b, n.c, &shape, 1, &n.s), PDM_OK);
        ck_assert_int_eq(pdm_case_check_unread(n.c), PDM_OK);
        ck_assert_int_eq(n.s->ops->view(n.s, &text), PDM_OK);
        ck_assert_ptr_nonnull(strstr(text.data, "padded to 40 x 18"));
        ck_assert_ptr_nonnull(strstr(text.data, "16 x 6"));
        ck_assert_int_eq(n.s->n_parameter, 4 * 32 + 32 + 4 * (16 * 6 * 2 * 32 * 32 + 33 * 32) + 33 * 64 + 65 * 12);
        pdm_size end = 0;
        ck_assert_int_eq(n.b->ops->acquire(n.b, n.s->parameters, PDM_READ, &host), PDM_OK);
        for (pdm_size t = 0; t < n.s->n_tensor; t++) {
            const pdm_tensor_info *info   = &n.s->tensor[t];
            pdm_size               size   = 1;
            double                 square = 0.0;
            for (pdm_size a = 0; a < info->n_axis; a++) size *= info->shape[a];
            ck_assert_int_eq(info->offset, end);
            ck_assert_int_eq(info->n, size);
            end += size;
            for (pdm_size i = 0; i < size; i++) square += pow((double)((float *)host)[info->offset + i], 2);
            const double deviation = strstr(info->name, "bias")       ? 0.0
                                     : strstr(info->name, "spectral") ? 1.0 / 32
                                     : t == 0                         ? 0.7
                                                                      : 1.0 / sqrt((double)info->shape[0]);
            /* the variance of n normal numbers is known to sqrt(2/n) */
            ck_assert_double_le(fabs(square / (double)size - deviation * deviation),
                                5.0 * deviation * deviation * sqrt(2.0 / (double)size));
        }
        ck_assert_int_eq(end, n.s->n_parameter);
        ck_assert_int_eq(n.b->ops->release(n.b, n.s->parameters, &host), PDM_OK);
        ck_assert_str_eq(n.s->tensor[0].name, "lift.weight");
        ck_assert_str_eq(n.s->tensor[2].name, "layer0.spectral");
        ck_assert_str_eq(n.s->tensor[n.s->n_tensor - 1].name, "head1.bias");
        pdm_text_destroy(&text);
        network_close(&n);
    }
END_TEST

/* Every number of dimensions works without a word in the case. */
static const network_case plain[] = {
    {1, {32}, {false}, 2, 3, NULL, NULL, NULL, NULL, NULL},
    {2, {1, 2}, {false, false}, 1, 1, NULL, NULL, NULL, NULL, NULL},
    {3, {8, 10, 9}, {true, false, true}, 3, 12, NULL, NULL, NULL, NULL, NULL},
    {4, {4, 5, 4, 6}, {false, true, false, true}, 5, 8, NULL, NULL, NULL, NULL, NULL},
};

START_TEST(defaults_work_in_all_dimensions)
    {
        network n;
        double  norm = 0.0;
        ck_assert_msg(network_open(&plain[_i], backend_or("cpu"), &n) == PDM_OK, "%s", pdm_context_error(ctx));
        ck_assert_int_eq(n.s->ops->forward(n.s, whole, n.features, n.basis, true), PDM_OK);
        ck_assert_int_eq(n.s->ops->backward(n.s, whole, n.g_basis), PDM_OK);
        ck_assert_int_eq(n.b->ops->norm2_f32(n.b, n.s->n_parameter, n.s->g_parameters, &norm), PDM_OK);
        ck_assert(isfinite(norm) && norm > 0.0);
        network_close(&n);
    }
END_TEST

START_TEST(help_names_all_settings)
    {
        static const char *const names[] = {"kind", "width", "layers", "modes", "hidden", "padding"};
        pdm_text                 text    = {.ctx = ctx};
        ck_assert_int_eq(pdm_surrogate_settings_view(&text), PDM_OK);
        for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) ck_assert_ptr_nonnull(strstr(text.data, names[i]));
        pdm_text_destroy(&text);
    }
END_TEST

START_TEST(wrong_batches_are_refused)
    {
        network       n;
        const int32_t bad[2] = {0, N_SAMPLE};
        ck_assert_int_eq(network_open(&cases[0], backend_or("cpu"), &n), PDM_OK);
        ck_assert_int_eq(n.s->ops->forward(n.s, (pdm_batch){2, bad}, n.features, n.basis, true), PDM_ERR_ARGUMENT);
        ck_assert_int_eq(n.s->ops->backward(n.s, (pdm_batch){N_SAMPLE + 1, all_samples}, n.g_basis), PDM_ERR_ARGUMENT);
        network_close(&n);
    }
END_TEST

START_TEST(steps_allocate_nothing)
    {
        network  n;
        pdm_size before = 0, after = 0;
        ck_assert_int_eq(network_open(&cases[_i], backend_or("cpu"), &n), PDM_OK);
        pdm_context_memory(ctx, NULL, NULL, &before);
        for (int k = 0; k < 3; k++) {
            ck_assert_int_eq(n.s->ops->forward(n.s, whole, n.features, n.basis, true), PDM_OK);
            ck_assert_int_eq(n.s->ops->backward(n.s, whole, n.g_basis), PDM_OK);
        }
        pdm_context_memory(ctx, NULL, NULL, &after);
        ck_assert_int_eq(before, after);
        network_close(&n);
    }
END_TEST

START_TEST(failed_allocations_leave_nothing)
    {
        network             n      = {.ctx = ctx};
        pdm_surrogate_shape shape  = shape_of(&cases[2]);
        pdm_status          status = PDM_ERR_MEMORY;
        pdm_size            live = 0, now = 0;

        for (pdm_size k = 1; status != PDM_OK; k++) {
            ck_assert_int_lt(k, 200);
            pdm_context_memory(ctx, &live, NULL, NULL);
            /* case and back end of its own: one remembers defaults, the scratch of the other grows */
            ck_assert_int_eq(case_of(ctx, &cases[2], &n.c), PDM_OK);
            ck_assert_int_eq(pdm_backend_create(ctx, backend_or(_i ? "check" : "cpu"), &n.b), PDM_OK);
            pdm_context_fail_allocation(ctx, k);
            status = pdm_surrogate_create(ctx, n.b, n.c, &shape, 1, &n.s);
            pdm_context_fail_allocation(ctx, 0);
            if (status != PDM_OK) {
                ck_assert_int_eq(status, PDM_ERR_MEMORY);
                ck_assert_ptr_null(n.s);
            }
            pdm_surrogate_destroy(&n.s);
            pdm_backend_destroy(&n.b);
            pdm_case_destroy(&n.c);
            pdm_context_memory(ctx, &now, NULL, NULL);
            ck_assert_int_le(now, live);
        }
    }
END_TEST

int main(void)
{
    Suite *suite  = suite_create("surrogate");
    TCase *values = tcase_create("values"), *bits = tcase_create("bits"), *life = tcase_create("life");

    tcase_add_checked_fixture(values, setup, teardown);
    tcase_add_loop_test(values, forward_agrees_with_the_definition, 0, 2 * N_CASE);
    tcase_add_loop_test(values, gradient_agrees_with_the_definition, 0, N_CASE);
    tcase_add_loop_test(values, gradient_has_order_two, 0, N_CASE);
    tcase_set_timeout(values, 60);
    suite_add_tcase(suite, values);

    tcase_add_checked_fixture(bits, setup, teardown);
    tcase_add_loop_test(bits, threads_do_not_change_results, 0, N_CASE);
    tcase_add_loop_test(bits, samples_do_not_meet, 0, N_CASE);
    suite_add_tcase(suite, bits);

    if (!getenv("PDM_TEST_BACKEND")) { /* the CPU's own */
        TCase *kernels = tcase_create("kernels");
        tcase_add_checked_fixture(kernels, setup, teardown);
        tcase_add_loop_test(kernels, instruction_sets_agree, 0, N_CASE);
        tcase_add_loop_test(kernels, product_has_all_edges, 0, 2);
        tcase_add_loop_test(kernels, gelu_is_accurate, 0, 2);
        tcase_add_loop_test(kernels, transpose_and_sums, 0, 2);
        tcase_add_loop_test(kernels, adam_follows_its_formula, 0, 2);
        suite_add_tcase(suite, kernels);
    }

    tcase_add_checked_fixture(life, setup, teardown);
    tcase_add_loop_test(life, impossible_settings_are_refused, 0, (int)(sizeof refusals / sizeof refusals[0]));
    tcase_add_test(life, defaults_are_those_of_the_prototype);
    tcase_add_loop_test(life, defaults_work_in_all_dimensions, 0, (int)(sizeof plain / sizeof plain[0]));
    tcase_add_test(life, help_names_all_settings);
    tcase_add_test(life, wrong_batches_are_refused);
    tcase_add_loop_test(life, steps_allocate_nothing, 0, N_CASE);
    tcase_add_loop_test(life, failed_allocations_leave_nothing, 0, 2);
    suite_add_tcase(suite, life);

    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    const int n_failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return n_failed > 0;
}
