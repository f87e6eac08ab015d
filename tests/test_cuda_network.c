/* Networks and optimiser of the back end "cuda", on the double of its toolkit, against "cpu". */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/backend.h"
#include "tests/double/reach.h"

enum { N_SAMPLE = 5, LIFT_AT = 3, GAP = 5 }; /* floats before and between tensors, which belong to nobody */

typedef struct network_case {
    pdm_size n_dim, n_grid[PDM_MAX_DIM], n_padded[PDM_MAX_DIM], n_mode[PDM_MAX_DIM];
    pdm_size n_feature, width, n_layer, n_hidden, n_channel;
} network_case;

static const network_case cases[] = {
    {1, {13}, {17}, {4}, 2, 8, 2, 11, 3},
    {1, {12}, {12}, {7}, 1, 5, 3, 7, 2}, /* up to the highest mode */
    {1, {9}, {14}, {1}, 3, 3, 1, 4, 1},  /* one layer: the padded grid is never stored */
    {1, {1}, {1}, {1}, 1, 1, 1, 1, 1},
    {2, {9, 7}, {12, 9}, {3, 2}, 3, 8, 3, 16, 5},
    {2, {8, 6}, {8, 8}, {4, 4}, 2, 16, 2, 10, 4}, /* -m has no partner; one dimension padded */
    {2, {7, 10}, {7, 10}, {2, 3}, 2, 24, 1, 8, 1},
    {2, {6, 8}, {9, 8}, {0, 2}, 2, 33, 4, 20, 12},  /* the mean alone in the first */
    {2, {32, 16}, {40, 16}, {2, 3}, 2, 6, 3, 9, 2}, /* points in parts */
    {3, {5, 6, 4}, {7, 6, 5}, {2, 3, 2}, 2, 8, 3, 8, 3},
    {3, {4, 3, 5}, {5, 5, 7}, {1, 0, 4}, 9, 4, 2, 5, 2}, /* more features than channels */
    {3, {4, 4, 5}, {4, 4, 5}, {1, 2, 3}, 1, 6, 3, 5, 2},
    {4, {3, 3, 2, 4}, {4, 3, 3, 5}, {2, 1, 0, 2}, 2, 4, 2, 6, 2},
};
enum { N_CASE = sizeof cases / sizeof cases[0] };

static const double NEAR = 2e-5; /* FP32 rounding of sums of a few hundred terms, through at most four layers */

static pdm_context *ctx;

static void set_up(void)
{
    ck_assert_int_eq(pdm_context_create(NULL, &ctx), PDM_OK);
    ck_assert_int_eq(pdm_context_set_threads(ctx, 1), PDM_OK);
}

static void tear_down(void)
{
    ck_assert_int_eq(pdm_context_destroy(&ctx), 0);
    ck_assert_int_eq(double_counts().live, 0);
    ck_assert_int_eq(double_counts().live_pinned, 0);
    ck_assert_int_eq(double_counts().live_handles, 0);
}

/* ---- buffers ---- */

static float *floats(pdm_size n)
{
    float *p = NULL;
    ck_assert_int_eq(pdm_alloc_array(ctx, n > 0 ? n : 1, &p), PDM_OK);
    return p;
}

static float *normal(pdm_size n, uint64_t stream, double size)
{
    float *p = floats(n);
    for (pdm_size i = 0; i < n; i++)
        p[i] = (float)(size * pdm_random_normal((pdm_random_key){7, PDM_RANDOM_TEST, stream}, (uint64_t)i));
    return p;
}

static pdm_status put(pdm_backend *b, pdm_buffer *buffer, pdm_size n, const float *values)
{
    pdm_status status = PDM_OK;
    void      *host   = NULL;

    PDM_TRY(b->ops->acquire(b, buffer, PDM_WRITE, &host));
    memcpy(host, values, (size_t)n * sizeof *values);
    PDM_TRY(b->ops->release(b, buffer, &host));
done:
    return status;
}

static pdm_status get(pdm_backend *b, pdm_buffer *buffer, pdm_size n, float *values)
{
    pdm_status status = PDM_OK;
    void      *host   = NULL;

    PDM_TRY(b->ops->acquire(b, buffer, PDM_READ, &host));
    memcpy(values, host, (size_t)n * sizeof *values);
    PDM_TRY(b->ops->release(b, buffer, &host));
done:
    return status;
}

/* Random numbers of a stream, or `value` where the stream is 0. */
static pdm_status fill(pdm_backend *b, pdm_buffer *buffer, pdm_size n, uint64_t stream, double value)
{
    float *x = normal(n, stream, value);

    for (pdm_size i = 0; i < n && stream == 0; i++) x[i] = (float)value;
    const pdm_status status = put(b, buffer, n, x);
    pdm_free(ctx, x);
    return status;
}

/* |x - y| / |y|; what is far where y is 0 */
static double distance(pdm_size n, const float *x, const float *y)
{
    double error = 0.0, size = 0.0;
    for (pdm_size i = 0; i < n; i++) {
        error += pow((double)x[i] - (double)y[i], 2);
        size += (double)y[i] * (double)y[i];
    }
    return error == 0.0 ? 0.0 : sqrt(error / size);
}

/* ---- networks ---- */

typedef struct network {
    pdm_backend      *b;
    pdm_fourier_desc  desc;
    pdm_fourier_plan *plan;
    pdm_buffer       *parameters, *g_parameters, *features, *basis, *g_basis;
    pdm_size          n_sample, n_parameter, n_in, n_out; /* n_in, n_out: of one sample */
} network;

static pdm_size layer_size(const pdm_fourier_desc *d)
{
    pdm_size n_mode = 1;
    for (pdm_size i = 0; i < d->n_dim; i++)
        n_mode *= i == d->n_dim - 1 ? d->n_mode[i] : d->n_mode[i] == 0 ? 1 : 2 * d->n_mode[i];
    return n_mode * 2 * d->width * d->width + (d->width + 1) * d->width;
}

static pdm_size head_size(const pdm_fourier_desc *d)
{
    return (d->width + 1) * d->n_hidden + (d->n_hidden + 1) * d->n_channel;
}

static pdm_fourier_desc desc_of(const network_case *c)
{
    pdm_fourier_desc d = {.n_dim       = c->n_dim,
                          .n_feature   = c->n_feature,
                          .width       = c->width,
                          .n_layer     = c->n_layer,
                          .n_hidden    = c->n_hidden,
                          .n_channel   = c->n_channel,
                          .offset_lift = LIFT_AT};

    memcpy(d.n_grid, c->n_grid, sizeof d.n_grid);
    memcpy(d.n_padded, c->n_padded, sizeof d.n_padded);
    memcpy(d.n_mode, c->n_mode, sizeof d.n_mode);
    d.offset_layer = d.offset_lift + (d.n_feature + 1) * d.width + GAP;
    d.layer_stride = layer_size(&d) + GAP;
    d.offset_head  = d.offset_layer + d.n_layer * d.layer_stride;
    return d;
}

static void network_close(network *n)
{
    if (n->b) {
        n->b->ops->fourier_destroy(n->b, &n->plan);
        n->b->ops->buffer_destroy(n->b, &n->parameters);
        n->b->ops->buffer_destroy(n->b, &n->g_parameters);
        n->b->ops->buffer_destroy(n->b, &n->features);
        n->b->ops->buffer_destroy(n->b, &n->basis);
        n->b->ops->buffer_destroy(n->b, &n->g_basis);
    }
    pdm_backend_destroy(&n->b);
}

/* Features, cotangents and parameters are random, the same for every back end. */
static pdm_status network_open(const network_case *c, pdm_size n_sample, const char *backend, network *n)
{
    pdm_status status  = PDM_OK;
    pdm_size   n_point = 1;

    *n = (network){.desc = desc_of(c), .n_sample = n_sample};
    for (pdm_size d = 0; d < c->n_dim; d++) n_point *= c->n_grid[d];
    n->n_in        = c->n_feature * n_point;
    n->n_out       = c->n_channel * n_point;
    n->n_parameter = n->desc.offset_head + head_size(&n->desc) + GAP;
    PDM_TRY(pdm_backend_create(ctx, backend, &n->b));
    PDM_TRY(n->b->ops->fourier_create(n->b, &n->desc, n_sample, &n->plan));
    PDM_TRY(n->b->ops->buffer_create(n->b, (size_t)n->n_parameter * sizeof(float), &n->parameters));
    PDM_TRY(n->b->ops->buffer_create(n->b, (size_t)n->n_parameter * sizeof(float), &n->g_parameters));
    PDM_TRY(n->b->ops->buffer_create(n->b, (size_t)(n_sample * n->n_in) * sizeof(float), &n->features));
    PDM_TRY(n->b->ops->buffer_create(n->b, (size_t)(n_sample * n->n_out) * sizeof(float), &n->basis));
    PDM_TRY(n->b->ops->buffer_create(n->b, (size_t)(n_sample * n->n_out) * sizeof(float), &n->g_basis));
    PDM_TRY(fill(n->b, n->features, n_sample * n->n_in, 1, 1.0));
    PDM_TRY(fill(n->b, n->g_basis, n_sample * n->n_out, 2, 1.0));
    PDM_TRY(fill(n->b, n->parameters, n->n_parameter, 3, 0.3));
done:
    return status;
}

static pdm_status forward(network *n, pdm_batch s, bool keep)
{
    pdm_status status = PDM_OK;

    PDM_TRY(n->b->ops->fourier_lift(n->b, n->plan, s, n->parameters, n->features, keep));
    for (pdm_size l = 0; l < n->desc.n_layer; l++)
        PDM_TRY(n->b->ops->fourier_layer(n->b, n->plan, s, l, n->parameters, keep));
    PDM_TRY(n->b->ops->fourier_head(n->b, n->plan, s, n->parameters, n->basis, keep));
done:
    return status;
}

static pdm_status backward(network *n, pdm_batch s)
{
    pdm_status status = PDM_OK;

    PDM_TRY(n->b->ops->fourier_head_backward(n->b, n->plan, s, n->parameters, n->g_basis, n->g_parameters));
    for (pdm_size l = n->desc.n_layer; l-- > 0;)
        PDM_TRY(n->b->ops->fourier_layer_backward(n->b, n->plan, s, l, n->parameters, n->g_parameters));
    PDM_TRY(n->b->ops->fourier_lift_backward(n->b, n->plan, s, n->g_parameters));
done:
    return status;
}

/* Tensors one after the other: the t-th [first, first + n); false where there is none. */
static bool tensor_of(const network *n, pdm_size t, pdm_size *first, pdm_size *size)
{
    const pdm_fourier_desc *d = &n->desc;
    const pdm_size          w = d->width, modes = layer_size(d) - (w + 1) * w;
    const pdm_size          lift[2] = {d->n_feature * w, w}, layer[3] = {modes, w * w, w};
    const pdm_size          head[4] = {w * d->n_hidden, d->n_hidden, d->n_hidden * d->n_channel, d->n_channel};
    const pdm_size         *sizes = lift, in_layer = t - 2, in_head = t - 2 - 3 * d->n_layer;
    pdm_size                at = d->offset_lift, k = t;

    if (in_head >= 0)
        sizes = head, at = d->offset_head, k = in_head;
    else if (in_layer >= 0)
        sizes = layer, at = d->offset_layer + in_layer / 3 * d->layer_stride, k = in_layer % 3;
    if (in_head >= 4) return false;
    for (pdm_size i = 0; i < k; i++) at += sizes[i];
    *first = at;
    *size  = sizes[k];
    return true;
}

/* ---- values ---- */

typedef struct list {
    pdm_size n;
    int32_t  index[N_SAMPLE];
} list;

static const list lists[] = {
    {5, {0, 1, 2, 3, 4}}, {5, {4, 3, 2, 1, 0}}, {3, {1, 2, 3}}, {2, {4, 0}}, {1, {2}}, {0, {0}}};
enum { N_LIST = sizeof lists / sizeof lists[0] };

static pdm_batch batch_of(const list *l)
{
    return (pdm_batch){l->n, l->index};
}

static bool is_listed(const list *l, pdm_size sample)
{
    for (pdm_size i = 0; i < l->n; i++)
        if (l->index[i] == sample) return true;
    return false;
}

START_TEST(forward_agrees_with_the_cpu)
    {
        const network_case *c = &cases[_i];
        network             cpu, cuda;
        ck_assert_msg(network_open(c, N_SAMPLE, "cpu", &cpu) == PDM_OK, "%s", pdm_context_error(ctx));
        ck_assert_msg(network_open(c, N_SAMPLE, "cuda", &cuda) == PDM_OK, "%s", pdm_context_error(ctx));
        const pdm_size n      = N_SAMPLE * cpu.n_out;
        float         *before = normal(n, 4, 1.0), *expected = floats(n), *found = floats(n), *all = floats(n);
        double         worst = 0.0;

        for (int k = 0; k < 2 * N_LIST; k++) {
            const list *l = &lists[k / 2];
            ck_assert_int_eq(put(cpu.b, cpu.basis, n, before), PDM_OK);
            ck_assert_int_eq(put(cuda.b, cuda.basis, n, before), PDM_OK);
            ck_assert_int_eq(forward(&cpu, batch_of(l), k % 2), PDM_OK);
            ck_assert_int_eq(forward(&cuda, batch_of(l), k % 2), PDM_OK);
            ck_assert_int_eq(get(cpu.b, cpu.basis, n, expected), PDM_OK);
            ck_assert_int_eq(get(cuda.b, cuda.basis, n, found), PDM_OK);
            if (k == 0) memcpy(all, found, (size_t)n * sizeof *all);
            for (pdm_size s = 0; s < N_SAMPLE; s++) {
                const pdm_size at = s * cpu.n_out, bytes = cpu.n_out * (pdm_size)sizeof *found;
                const double   far = distance(cpu.n_out, found + at, expected + at);
                ck_assert_mem_eq(found + at, is_listed(l, s) ? all + at : before + at, (size_t)bytes);
                ck_assert_msg(far <= NEAR, "list %d, sample %d: %g", k / 2, (int)s, far);
                if (far > worst) worst = far;
            }
        }
        if (getenv("PDM_TEST_TELL")) printf("case %d: basis %.1e\n", _i, worst);
        pdm_free(ctx, before);
        pdm_free(ctx, expected);
        pdm_free(ctx, found);
        pdm_free(ctx, all);
        network_close(&cpu);
        network_close(&cuda);
    }
END_TEST

/* What was kept by several forwards, and any part of it backwards. */
START_TEST(backward_agrees_with_the_cpu)
    {
        const network_case *c      = &cases[_i];
        const list          kept[] = {{2, {3, 0}}, {3, {1, 4, 2}}};
        network             cpu, cuda;
        ck_assert_msg(network_open(c, N_SAMPLE, "cpu", &cpu) == PDM_OK, "%s", pdm_context_error(ctx));
        ck_assert_msg(network_open(c, N_SAMPLE, "cuda", &cuda) == PDM_OK, "%s", pdm_context_error(ctx));
        const pdm_size n        = cpu.n_parameter;
        float         *expected = floats(n), *found = floats(n), *again = floats(n);
        double         worst = 0.0;

        for (int k = 0; k < 2; k++) {
            ck_assert_int_eq(forward(&cpu, batch_of(&kept[k]), true), PDM_OK);
            ck_assert_int_eq(forward(&cuda, batch_of(&kept[k]), true), PDM_OK);
        }
        for (int k = 0; k < N_LIST; k++) {
            ck_assert_int_eq(fill(cpu.b, cpu.g_parameters, n, 0, 7.0), PDM_OK);
            ck_assert_int_eq(fill(cuda.b, cuda.g_parameters, n, 0, 7.0), PDM_OK);
            ck_assert_int_eq(backward(&cpu, batch_of(&lists[k])), PDM_OK);
            ck_assert_int_eq(backward(&cuda, batch_of(&lists[k])), PDM_OK);
            ck_assert_int_eq(get(cpu.b, cpu.g_parameters, n, expected), PDM_OK);
            ck_assert_int_eq(get(cuda.b, cuda.g_parameters, n, found), PDM_OK);
            ck_assert_int_eq(backward(&cuda, batch_of(&lists[k])), PDM_OK);
            ck_assert_int_eq(get(cuda.b, cuda.g_parameters, n, again), PDM_OK);
            ck_assert_mem_eq(found, again, (size_t)n * sizeof *found);
            for (pdm_size t = 0, first = 0, size = 0; tensor_of(&cpu, t, &first, &size); t++) {
                const double far = distance(size, found + first, expected + first);
                ck_assert_msg(far <= NEAR, "list %d, tensor %d: %g", k, (int)t, far);
                if (far > worst) worst = far;
                for (pdm_size i = 0; i < size; i++) {
                    if (lists[k].n == 0) ck_assert(found[first + i] == 0.0f);
                    again[first + i] = 7.0f;
                }
            }
            for (pdm_size i = 0; i < n; i++) ck_assert(again[i] == 7.0f); /* nothing beside the tensors is written */
        }
        if (getenv("PDM_TEST_TELL")) printf("case %d: gradient %.1e\n", _i, worst);
        pdm_free(ctx, expected);
        pdm_free(ctx, found);
        pdm_free(ctx, again);
        network_close(&cpu);
        network_close(&cuda);
    }
END_TEST

/* More samples than a tile of modes holds. */
START_TEST(many_samples_agree_with_the_cpu)
    {
        enum { MANY = 135 };
        network cpu, cuda;
        int32_t index[MANY];
        ck_assert_int_eq(network_open(&cases[4], MANY, "cpu", &cpu), PDM_OK);
        ck_assert_int_eq(network_open(&cases[4], MANY, "cuda", &cuda), PDM_OK);
        const pdm_size n = cpu.n_parameter, n_out = MANY * cpu.n_out, n_listed[] = {64, 65, MANY};
        float         *x = floats(n), *y = floats(n), *basis = floats(n_out), *one = floats(n_out);

        for (int32_t i = 0; i < MANY; i++) index[i] = (i * 11 + 3) % MANY; /* any order */
        for (int k = 0; k < 3; k++) {
            const pdm_batch s = {n_listed[k], index};
            ck_assert_int_eq(forward(&cpu, s, true), PDM_OK);
            ck_assert_int_eq(forward(&cuda, s, true), PDM_OK);
            ck_assert_int_eq(backward(&cpu, s), PDM_OK);
            ck_assert_int_eq(backward(&cuda, s), PDM_OK);
            ck_assert_int_eq(get(cpu.b, cpu.g_parameters, n, x), PDM_OK);
            ck_assert_int_eq(get(cuda.b, cuda.g_parameters, n, y), PDM_OK);
            for (pdm_size t = 0, first = 0, size = 0; tensor_of(&cpu, t, &first, &size); t++)
                ck_assert_double_le(distance(size, y + first, x + first), NEAR);
        }
        ck_assert_int_eq(get(cuda.b, cuda.basis, n_out, basis), PDM_OK);
        for (pdm_size i = 62; i < 67; i++) { /* alone or not */
            ck_assert_int_eq(forward(&cuda, (pdm_batch){1, &index[i]}, false), PDM_OK);
            ck_assert_int_eq(get(cuda.b, cuda.basis, n_out, one), PDM_OK);
            ck_assert_mem_eq(basis, one, (size_t)n_out * sizeof *one);
        }
        pdm_free(ctx, x);
        pdm_free(ctx, y);
        pdm_free(ctx, basis);
        pdm_free(ctx, one);
        network_close(&cpu);
        network_close(&cuda);
    }
END_TEST

/* <g_basis, basis> of the whole batch. */
static double product_of(network *n, const float *parameters, const float *direction, double h)
{
    const list    *l     = &lists[1];
    const pdm_size n_out = N_SAMPLE * n->n_out;
    float         *moved = floats(n->n_parameter), *basis = floats(n_out), *g_basis = floats(n_out);
    double         sum = 0.0;

    for (pdm_size i = 0; i < n->n_parameter; i++) moved[i] = parameters[i] + (float)h * direction[i];
    ck_assert_int_eq(put(n->b, n->parameters, n->n_parameter, moved), PDM_OK);
    ck_assert_int_eq(forward(n, batch_of(l), true), PDM_OK);
    ck_assert_int_eq(get(n->b, n->basis, n_out, basis), PDM_OK);
    ck_assert_int_eq(get(n->b, n->g_basis, n_out, g_basis), PDM_OK);
    for (pdm_size i = 0; i < n_out; i++) sum += (double)basis[i] * (double)g_basis[i];
    pdm_free(ctx, moved);
    pdm_free(ctx, basis);
    pdm_free(ctx, g_basis);
    return sum;
}

/* What is left after the first-order model shrinks by 4 when h halves, all of it on the back end. */
START_TEST(gradient_has_order_two)
    {
        network n;
        ck_assert_int_eq(network_open(&cases[_i], N_SAMPLE, "cuda", &n), PDM_OK);
        float *direction  = normal(n.n_parameter, 5, 5.0 / sqrt((double)n.n_parameter)),
              *parameters = floats(n.n_parameter), *g = floats(n.n_parameter);
        double slope = 0.0, rest[3];

        ck_assert_int_eq(get(n.b, n.parameters, n.n_parameter, parameters), PDM_OK);
        const double f0 = product_of(&n, parameters, direction, 0.0);
        ck_assert_int_eq(backward(&n, batch_of(&lists[1])), PDM_OK);
        ck_assert_int_eq(get(n.b, n.g_parameters, n.n_parameter, g), PDM_OK);
        for (pdm_size t = 0, first = 0, size = 0; tensor_of(&n, t, &first, &size); t++)
            for (pdm_size i = first; i < first + size; i++) slope += (double)direction[i] * (double)g[i];
        for (int k = 0; k < 3; k++) {
            const double h = 0.08 / (1 << k);
            rest[k]        = fabs(product_of(&n, parameters, direction, h) - f0 - h * slope);
        }
        for (int k = 0; k < 2; k++) { /* FP32: f is known to some 1e-6 of its size */
            const double order = log2(rest[k] / rest[k + 1]);
            ck_assert_msg(fabs(order - 2.0) < 0.4 || rest[k] < 1e-5 * (fabs(f0) + fabs(slope)),
                          "order %.3f, rest %g then %g; f %g, slope %g", order, rest[k], rest[k + 1], f0, slope);
        }
        pdm_free(ctx, direction);
        pdm_free(ctx, parameters);
        pdm_free(ctx, g);
        network_close(&n);
    }
END_TEST

/* ---- how it is done ---- */

/* A step takes no memory and waits for nothing. */
START_TEST(steps_take_and_wait_for_nothing)
    {
        if (!double_is_here()) return;
        network  n;
        pdm_size calls = 0, calls_after = 0;
        ck_assert_int_eq(network_open(&cases[_i], N_SAMPLE, "cuda", &n), PDM_OK);
        const pdm_adam adam = {n.n_parameter, 1, 1e-3, 0.9, 0.999, 1e-8, 1.0};
        pdm_buffer    *m = NULL, *v = NULL;
        ck_assert_int_eq(n.b->ops->buffer_create(n.b, (size_t)n.n_parameter * sizeof(float), &m), PDM_OK);
        ck_assert_int_eq(n.b->ops->buffer_create(n.b, (size_t)n.n_parameter * sizeof(float), &v), PDM_OK);
        pdm_context_memory(ctx, NULL, NULL, &calls);
        pdm_double_count before = double_counts();
        for (int k = 0; k < N_LIST; k++) {
            ck_assert_int_eq(forward(&n, batch_of(&lists[0]), true), PDM_OK);
            ck_assert_int_eq(backward(&n, batch_of(&lists[k])), PDM_OK);
            ck_assert_int_eq(n.b->ops->adam_f32(n.b, &adam, n.g_parameters, m, v, n.parameters), PDM_OK);
            ck_assert_int_eq(n.b->ops->combine_f32(n.b, n.n_parameter, 0.5, m, 0.5, v), PDM_OK);
            /* the first one that lists samples takes pinned memory for the ring */
            if (k == 0) before = double_counts(), pdm_context_memory(ctx, NULL, NULL, &calls);
        }
        const pdm_double_count after = double_counts();
        pdm_context_memory(ctx, NULL, NULL, &calls_after);
        ck_assert_int_eq(calls, calls_after);
        ck_assert_int_eq(before.live, after.live);
        ck_assert_int_eq(before.live_pinned, after.live_pinned);
        ck_assert_int_eq(before.synchronisations, after.synchronisations);
        ck_assert_int_eq(before.to_host, after.to_host);
        ck_assert_int_eq(before.findings, after.findings);
        n.b->ops->buffer_destroy(n.b, &m);
        n.b->ops->buffer_destroy(n.b, &v);
        network_close(&n);
    }
END_TEST

typedef struct cost {
    int64_t launches, products;
} cost;

static cost cost_since(pdm_double_count before)
{
    const pdm_double_count now = double_counts();
    return (cost){now.launches - before.launches, now.library_calls - before.library_calls};
}

/* The launches of a layer in the middle, kernels and products, for a batch that is a run. */
START_TEST(layers_are_few_launches)
    {
        if (!double_is_here()) return;
        const network_case *c = &cases[_i];
        const pdm_batch     s = batch_of(&lists[0]);
        network             n;
        ck_assert_int_eq(network_open(c, N_SAMPLE, "cuda", &n), PDM_OK);
        ck_assert_int_eq(forward(&n, s, true), PDM_OK);
        ck_assert_int_eq(backward(&n, s), PDM_OK);
        pdm_double_count before = double_counts();
        ck_assert_int_eq(n.b->ops->fourier_layer(n.b, n.plan, s, 0, n.parameters, true), PDM_OK);
        const cost layer = cost_since(before);
        before           = double_counts();
        ck_assert_int_eq(n.b->ops->fourier_layer_backward(n.b, n.plan, s, 0, n.parameters, n.g_parameters), PDM_OK);
        const cost layer_backward = cost_since(before);
        if (getenv("PDM_TEST_TELL"))
            printf("%d-D: layer %d kernels, %d products; backward %d, %d\n", (int)c->n_dim, (int)layer.launches,
                   (int)layer.products, (int)layer_backward.launches, (int)layer_backward.products);
        ck_assert_int_le(layer.products, 2 * c->n_dim + 2);
        ck_assert_int_le(layer_backward.products, 2 * c->n_dim + 5);
        network_close(&n);
    }
END_TEST

/* Every call of a library fails once: the step says so, and the next one is right. */
START_TEST(failures_are_told_and_leave_nothing)
    {
        if (!double_is_here()) return;
        const network_case *c      = &cases[4];
        pdm_status          status = PDM_ERR_INTERNAL;
        network             n;

        for (int64_t k = 1; status != PDM_OK; k++) { /* life */
            ck_assert_int_lt(k, 400);
            double_fail_at(k);
            status = network_open(c, N_SAMPLE, "cuda", &n);
            double_fail_at(0);
            if (status != PDM_OK) ck_assert(strlen(pdm_context_error(ctx)) > 0);
            network_close(&n);
            ck_assert_int_eq(double_counts().live, 0);
            ck_assert_int_eq(double_counts().live_handles, 0);
        }
        ck_assert_int_eq(network_open(c, N_SAMPLE, "cuda", &n), PDM_OK);
        const pdm_size size = n.n_parameter;
        float         *x = floats(size), *y = floats(size);
        ck_assert_int_eq(forward(&n, batch_of(&lists[3]), true), PDM_OK);
        ck_assert_int_eq(backward(&n, batch_of(&lists[3])), PDM_OK);
        ck_assert_int_eq(get(n.b, n.g_parameters, size, x), PDM_OK);
        status = PDM_ERR_INTERNAL;
        for (int64_t k = 1; status != PDM_OK; k++) { /* steps */
            ck_assert_int_lt(k, 400);
            double_fail_at(k);
            status = forward(&n, batch_of(&lists[3]), true);
            if (status == PDM_OK) status = backward(&n, batch_of(&lists[3]));
            double_fail_at(0);
            ck_assert_int_eq(forward(&n, batch_of(&lists[3]), true), PDM_OK);
            ck_assert_int_eq(backward(&n, batch_of(&lists[3])), PDM_OK);
            ck_assert_int_eq(get(n.b, n.g_parameters, size, y), PDM_OK);
            ck_assert_mem_eq(x, y, (size_t)size * sizeof *x);
        }
        pdm_free(ctx, x);
        pdm_free(ctx, y);
        network_close(&n);
    }
END_TEST

START_TEST(impossible_networks_are_refused)
    {
        pdm_backend      *b    = NULL;
        pdm_fourier_plan *plan = NULL;
        pdm_fourier_desc  good = desc_of(&cases[4]);
        ck_assert_int_eq(pdm_backend_create(ctx, "cuda", &b), PDM_OK);
        pdm_fourier_desc bad[5] = {good, good, good, good, good};
        bad[0].n_dim            = 0;
        bad[1].n_mode[1]        = 6;
        bad[2].n_padded[0]      = 8;
        bad[3].width            = 0;
        bad[4].n_grid[0] = bad[4].n_padded[0] = (pdm_size)1 << 40; /* more than kernels can number */
        for (int k = 0; k < 5; k++) {
            ck_assert_int_eq(b->ops->fourier_create(b, &bad[k], 1, &plan),
                             k < 4 ? PDM_ERR_ARGUMENT : PDM_ERR_UNSUPPORTED);
            ck_assert_ptr_null(plan);
        }
        pdm_backend_destroy(&b);
    }
END_TEST

/* ---- vectors of parameters ---- */

static const pdm_size sizes[] = {1, 127, 128, 129, 20001, 1100003};
enum { N_SIZE = sizeof sizes / sizeof sizes[0] };

typedef struct vectors {
    pdm_backend *b;
    pdm_size     n;
    pdm_buffer  *x[4]; /* gradient, m, v, parameters */
} vectors;

static void vectors_open(vectors *k, const char *backend, pdm_size n)
{
    *k = (vectors){.n = n};
    ck_assert_msg(pdm_backend_create(ctx, backend, &k->b) == PDM_OK, "%s", pdm_context_error(ctx));
    for (int i = 0; i < 4; i++) {
        ck_assert_int_eq(k->b->ops->buffer_create(k->b, (size_t)n * sizeof(float), &k->x[i]), PDM_OK);
        if (i == 0 || i == 3) ck_assert_int_eq(fill(k->b, k->x[i], n, (uint64_t)i + 1, 1.0), PDM_OK);
    }
}

static void vectors_close(vectors *k)
{
    for (int i = 0; i < 4; i++) k->b->ops->buffer_destroy(k->b, &k->x[i]);
    pdm_backend_destroy(&k->b);
}

START_TEST(adam_agrees_with_the_cpu)
    {
        const pdm_size n = sizes[_i];
        vectors        k[2];
        vectors_open(&k[0], "cpu", n);
        vectors_open(&k[1], "cuda", n);
        float *expected = floats(n), *found = floats(n);

        for (int step = 1; step <= 6; step++) {
            const pdm_adam adam = {n, step, 1e-2, 0.9, 0.99, step < 4 ? 1e-8 : 1e-3, step % 2 ? 1.0 : 0.37};
            for (int i = 0; i < 2; i++) {
                pdm_buffer **x = k[i].x;
                ck_assert_int_eq(fill(k[i].b, x[0], n, (uint64_t)step + 10, 1.0), PDM_OK);
                ck_assert_int_eq(k[i].b->ops->adam_f32(k[i].b, &adam, x[0], x[1], x[2], x[3]), PDM_OK);
            }
        }
        for (int i = 1; i < 4; i++) {
            ck_assert_int_eq(get(k[0].b, k[0].x[i], n, expected), PDM_OK);
            ck_assert_int_eq(get(k[1].b, k[1].x[i], n, found), PDM_OK);
            const double far = distance(n, found, expected);
            if (getenv("PDM_TEST_TELL")) printf("adam %d: %.1e\n", (int)n, far);
            ck_assert_msg(far <= 4e-7, "vector %d: %g", i,
                          far); /* the CPU's kernels may fuse what is fused here, or not */
        }
        pdm_free(ctx, expected);
        pdm_free(ctx, found);
        vectors_close(&k[0]);
        vectors_close(&k[1]);
    }
END_TEST

START_TEST(norm_follows_its_definition)
    {
        const pdm_size n = sizes[_i];
        vectors        k;
        double         norm = -1.0, again = -1.0;
        long double    sum = 0.0L;
        vectors_open(&k, "cuda", n);
        float *x = normal(n, 1, 1.0);

        for (pdm_size i = 0; i < n; i++) sum += (long double)x[i] * (long double)x[i];
        ck_assert_int_eq(k.b->ops->norm2_f32(k.b, n, k.x[0], &norm), PDM_OK);
        ck_assert_int_eq(k.b->ops->norm2_f32(k.b, n, k.x[0], &again), PDM_OK);
        ck_assert_double_le(fabs(norm - (double)sum), 1e-14 * (double)sum);
        ck_assert(norm == again);
        ck_assert_int_eq(k.b->ops->norm2_f32(k.b, 0, k.x[0], &norm), PDM_OK);
        ck_assert(norm == 0.0);

        const float odd[] = {INFINITY, -INFINITY, NAN, 3e38f};
        for (int o = 0; o < 4; o++)
            for (int place = 0; place < 3; place++) {
                const pdm_size at     = place == 0 ? 0 : place == 1 ? n / 2 : n - 1;
                const float    before = x[at];
                x[at]                 = odd[o];
                ck_assert_int_eq(put(k.b, k.x[1], n, x), PDM_OK);
                ck_assert_int_eq(k.b->ops->norm2_f32(k.b, n, k.x[1], &norm), PDM_OK);
                ck_assert_int_eq(isfinite(norm) != 0, o == 3);
                if (o == 3) ck_assert_double_ge(norm, 8.9e76);
                x[at] = before;
            }
        pdm_free(ctx, x);
        vectors_close(&k);
    }
END_TEST

START_TEST(combine_agrees_with_the_cpu)
    {
        const pdm_size n = sizes[_i];
        vectors        k;
        vectors_open(&k, "cuda", n);
        float *x = normal(n, 1, 1.0), *y = normal(n, 4, 1.0), *z = floats(n);

        ck_assert_int_eq(k.b->ops->combine_f32(k.b, n, 1.7, k.x[0], -0.3, k.x[3]), PDM_OK);
        ck_assert_int_eq(get(k.b, k.x[3], n, z), PDM_OK);
        for (pdm_size i = 0; i < n; i++) {
            const volatile float first = 1.7f * x[i], second = -0.3f * y[i]; /* rounded each */
            ck_assert(z[i] == first + second);
        }
        for (pdm_size i = 0; i < n; i++) y[i] = i % 2 ? NAN : INFINITY;
        ck_assert_int_eq(put(k.b, k.x[3], n, y), PDM_OK);
        ck_assert_int_eq(k.b->ops->combine_f32(k.b, n, -2.0, k.x[0], 0.0, k.x[3]), PDM_OK);
        ck_assert_int_eq(get(k.b, k.x[3], n, z), PDM_OK);
        for (pdm_size i = 0; i < n; i++) ck_assert(z[i] == -2.0f * x[i]);
        ck_assert_int_eq(k.b->ops->combine_f32(k.b, n, 2.0, k.x[0], 1.0, k.x[0]), PDM_OK);
        ck_assert_int_eq(get(k.b, k.x[0], n, z), PDM_OK);
        for (pdm_size i = 0; i < n; i++) ck_assert(z[i] == 2.0f * x[i] + x[i]);

        pdm_buffer *wide = NULL;
        ck_assert_int_eq(k.b->ops->buffer_create(k.b, (size_t)n * sizeof(double), &wide), PDM_OK);
        ck_assert_int_eq(put(k.b, k.x[0], n, x), PDM_OK);
        ck_assert_int_eq(k.b->ops->widen_f32(k.b, n, k.x[0], 0.0, wide), PDM_OK);
        ck_assert_int_eq(k.b->ops->widen_f32(k.b, n, k.x[0], -0.3, wide), PDM_OK);
        ck_assert_int_eq(k.b->ops->narrow_f64(k.b, n, 1.7, wide, k.x[3]), PDM_OK);
        ck_assert_int_eq(get(k.b, k.x[3], n, z), PDM_OK);
        for (pdm_size i = 0; i < n; i++) {
            const volatile double product = -0.3 * (double)x[i], sum = (double)x[i] + product; /* rounded each */
            ck_assert(z[i] == (float)(1.7 * sum));
        }
        k.b->ops->buffer_destroy(k.b, &wide);
        pdm_free(ctx, x);
        pdm_free(ctx, y);
        pdm_free(ctx, z);
        vectors_close(&k);
    }
END_TEST

int main(void)
{
    Suite *suite  = suite_create("cuda_network");
    TCase *values = tcase_create("values"), *manners = tcase_create("manners"),
          *parameters = tcase_create("parameters");

    tcase_add_checked_fixture(values, set_up, tear_down);
    tcase_add_loop_test(values, forward_agrees_with_the_cpu, 0, N_CASE);
    tcase_add_loop_test(values, backward_agrees_with_the_cpu, 0, N_CASE);
    tcase_add_test(values, many_samples_agree_with_the_cpu);
    tcase_add_loop_test(values, gradient_has_order_two, 0, N_CASE);
    suite_add_tcase(suite, values);

    tcase_add_checked_fixture(manners, set_up, tear_down);
    tcase_add_loop_test(manners, steps_take_and_wait_for_nothing, 0, N_CASE);
    tcase_add_loop_test(manners, layers_are_few_launches, 0, N_CASE);
    tcase_add_test(manners, failures_are_told_and_leave_nothing);
    tcase_add_test(manners, impossible_networks_are_refused);
    suite_add_tcase(suite, manners);

    tcase_add_checked_fixture(parameters, set_up, tear_down);
    tcase_add_loop_test(parameters, adam_agrees_with_the_cpu, 0, N_SIZE);
    tcase_add_loop_test(parameters, norm_follows_its_definition, 0, N_SIZE);
    tcase_add_loop_test(parameters, combine_agrees_with_the_cpu, 0, N_SIZE);
    suite_add_tcase(suite, parameters);

    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    const int n_failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return n_failed > 0;
}
