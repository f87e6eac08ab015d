/* Which directions of the matrices K of a Fourier layer's modes matter.
 *
 * A change dK of a mode's matrix moves the network's output, to first order, by the sum over samples of z dK G^H, z
 * [n_in] being what comes into the mode and G [n_out] the cotangent that comes back for a random cotangent of the
 * output. With A = mean z^H z and B = mean G^H G, taken as independent, the mean square of that is |A^1/2 dK B^1/2|^2.
 * So K is best approximated by the singular directions of A^1/2 K B^1/2, taken back by A^-1/2 and B^-1/2; and as all
 * modes of all layers are measured in the same unit, the largest singular values of all of them together are the ones
 * to keep. The gradient of K for one sample is g = z^H G: the sums of g g^H and g^H g are A and B but for a factor. No
 * other operation of the back end is needed. docs/mathematics.md, "Compressed weights". */
#include "kin/kin.h"

#include <complex.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kin/kin_impl.h"

enum { PROBE_SAMPLES = 16, PROBES = 4 };
static const double DAMPING = 1e-3; /* of A and B by their mean eigenvalue: for inputs other than those drawn */

/* One matrix: sums over probes, and then its directions. */
typedef struct mode {
    double _Complex *a, *b;        /* [n_in][n_in], [n_out][n_out] */
    double          *weight;       /* [n_least] by falling size, least of n_in and n_out */
    float           *left, *right; /* [n_least][2][n_in], [n_least][2][n_out] */
} mode;

typedef struct direction {
    double   weight;
    pdm_size mode; /* of all tensors */
    int      k;
} direction;

struct rank_order {
    const pdm_surrogate *net;
    pdm_size             n_mode, n_direction;
    pdm_size            *first; /* [n_tensor + 1]: modes of each tensor */
    mode                *mode;  /* [n_mode]      */
    direction           *order; /* [n_direction] */
};

static pdm_size least_of(pdm_size a, pdm_size b)
{
    return a < b ? a : b;
}

void rank_order_destroy(pdm_context *ctx, rank_order **x)
{
    if (!*x) return;
    for (pdm_size i = 0; (*x)->mode && i < (*x)->n_mode; i++) {
        mode *m = &(*x)->mode[i];
        pdm_free(ctx, m->a);
        pdm_free(ctx, m->b);
        pdm_free(ctx, m->weight);
        pdm_free(ctx, m->left);
        pdm_free(ctx, m->right);
    }
    pdm_free(ctx, (*x)->mode);
    pdm_free(ctx, (*x)->first);
    pdm_free(ctx, (*x)->order);
    pdm_free(ctx, *x);
    *x = NULL;
}

pdm_size rank_order_n_mode(const rank_order *x)
{
    return x->n_mode;
}

pdm_size rank_order_n_direction(const rank_order *x)
{
    return x->n_direction;
}

/* ---- sums over probes ---- */

/* a += g g^H, b += g^H g for a gradient g = z^H G of one sample: both are known from its longest column and row. */
static void add_gradient(pdm_size n_in, pdm_size n_out, const float *g, mode *m)
{
    const float *imag = g + n_in * n_out;
    double       all = 0.0, long_row = 0.0, long_column = 0.0;
    pdm_size     row = 0, column = 0;

    for (pdm_size i = 0; i < n_in; i++) {
        double sum = 0.0;
        for (pdm_size k = i * n_out; k < (i + 1) * n_out; k++) sum += (double)g[k] * g[k] + (double)imag[k] * imag[k];
        all += sum;
        if (sum > long_row) row = i;
        long_row = fmax(long_row, sum);
    }
    for (pdm_size o = 0; o < n_out; o++) {
        double sum = 0.0;
        for (pdm_size k = o; k < n_in * n_out; k += n_out) sum += (double)g[k] * g[k] + (double)imag[k] * imag[k];
        if (sum > long_column) column = o;
        long_column = fmax(long_column, sum);
    }
    if (!(all > 0.0)) return;
    const float *r = g + row * n_out, *r_imag = imag + row * n_out, *c = g + column, *c_imag = imag + column;
    for (pdm_size i = 0; i < n_in; i++)
        for (pdm_size j = 0; j < n_in; j++)
            m->a[i * n_in + j] +=
                all / long_column * (c[i * n_out] + I * c_imag[i * n_out]) * (c[j * n_out] - I * c_imag[j * n_out]);
    for (pdm_size o = 0; o < n_out; o++)
        for (pdm_size p = 0; p < n_out; p++)
            m->b[o * n_out + p] += all / long_row * (r[o] - I * r_imag[o]) * (r[p] + I * r_imag[p]);
}

static pdm_status add_gradients(pdm_model *m, rank_order *x)
{
    pdm_status   status = PDM_OK;
    pdm_backend *b      = m->problem->backend;
    void        *g      = NULL;

    PDM_TRY(b->ops->acquire(b, x->net->g_parameters, PDM_READ, &g));
    for (pdm_size t = 0; t < x->net->n_tensor; t++) {
        pdm_size n_mode, n_in, n_out;
        if (x->net->tensor[t].kind != PDM_TENSOR_MODES) continue;
        pdm_tensor_modes(&x->net->tensor[t], &n_mode, &n_in, &n_out);
        for (pdm_size k = 0; k < n_mode; k++)
            add_gradient(n_in, n_out, (const float *)g + x->net->tensor[t].offset + k * 2 * n_in * n_out,
                         &x->mode[x->first[t] + k]);
    }
done:
    status = pdm_release(b, status, x->net->g_parameters, &g);
    return status;
}

static pdm_status draw_cotangent(pdm_model *m, pdm_size n, uint64_t number)
{
    pdm_status           status = PDM_OK;
    const pdm_random_key key    = {(uint64_t)m->whole->training.seed, PDM_RANDOM_CHECK, number};
    void                *g      = NULL;

    PDM_TRY(m->problem->backend->ops->acquire(m->problem->backend, m->g_basis, PDM_WRITE, &g));
    for (pdm_size i = 0; i < n; i++) ((float *)g)[i] = (float)pdm_random_normal(key, (uint64_t)i);
done:
    status = pdm_release(m->problem->backend, status, m->g_basis, &g);
    return status;
}

/* One input at a time, the first of the batch. */
static pdm_status probe(pdm_model *m, rank_order *x)
{
    pdm_status      status  = PDM_OK;
    pdm_surrogate  *net     = m->surrogate;
    const pdm_size  n_input = pdm_domain_n_input(m->problem->domain);
    const pdm_size  n_basis = net->shape.n_channel * pdm_domain_n_coef(m->problem->domain);
    const pdm_batch one     = pdm_model_batch(m, 1);
    trial_inputs    drawn   = {0};

    PDM_TRY(trial_inputs_draw(m, PROBE_SAMPLES, false, &drawn));
    for (pdm_size i = 0; i < drawn.n; i++) {
        PDM_TRY(pdm_model_prepare(m, 1, drawn.input + i * n_input));
        for (int k = 0; k < PROBES; k++) {
            PDM_TRY(net->ops->forward(net, one, m->features, m->basis, true));
            PDM_TRY(draw_cotangent(m, n_basis, (uint64_t)(i * PROBES + k)));
            PDM_TRY(net->ops->backward(net, one, m->g_basis));
            PDM_TRY(add_gradients(m, x));
        }
    }
done:
    trial_inputs_destroy(m->ctx, &drawn);
    return status;
}

/* ---- directions ---- */

/* Hermitian a [n][n], of trace `sum`: its damped root and the inverse of that, of mean eigenvalue about 1/n. */
static pdm_status roots(pdm_context *ctx, pdm_size n, double sum, double _Complex *a, double _Complex *root,
                        double _Complex *inverse)
{
    pdm_status status = PDM_OK;
    double    *value  = NULL;

    PDM_TRY(pdm_alloc_array(ctx, n, &value));
    for (pdm_size i = 0; i < n * n; i++) a[i] /= sum;
    PDM_TRY(pdm_dense_eigen(ctx, n, a, value));
    for (pdm_size i = 0; i < n; i++)
        for (pdm_size j = 0; j < n; j++) {
            root[i * n + j] = inverse[i * n + j] = 0.0;
            for (pdm_size k = 0; k < n; k++) {
                const double s          = sqrt((1.0 - DAMPING) * fmax(value[k], 0.0) + DAMPING / (double)n);
                const double _Complex v = a[i * n + k] * conj(a[j * n + k]);
                root[i * n + j] += s * v;
                inverse[i * n + j] += v / s;
            }
        }
done:
    pdm_free(ctx, value);
    return status;
}

/* c [n][q] = a [n][p] b [p][q] */
static void multiply(pdm_size n, pdm_size p, pdm_size q, const double _Complex *a, const double _Complex *b,
                     double _Complex *c)
{
    for (pdm_size i = 0; i < n; i++)
        for (pdm_size j = 0; j < q; j++) {
            double _Complex sum = 0.0;
            for (pdm_size k = 0; k < p; k++) sum += a[i * p + k] * b[k * q + j];
            c[i * q + j] = sum;
        }
}

/* Scratch of one matrix. */
typedef struct matrix_work {
    double _Complex *k, *half, *root_a, *inverse_a, *root_b, *inverse_b, *u, *v;
    double          *value, *super;
} matrix_work;

static pdm_status work_create(pdm_context *ctx, pdm_size n_in, pdm_size n_out, pdm_arena *arena, matrix_work *w)
{
    pdm_status     status = PDM_OK;
    const pdm_size least  = least_of(n_in, n_out);

    pdm_arena_measure(arena, ctx);
    for (int pass = 0; pass < 2; pass++) {
        w->k         = pdm_carve(arena, double _Complex, n_in *n_out);
        w->half      = pdm_carve(arena, double _Complex, n_in *n_out);
        w->root_a    = pdm_carve(arena, double _Complex, n_in *n_in);
        w->inverse_a = pdm_carve(arena, double _Complex, n_in *n_in);
        w->root_b    = pdm_carve(arena, double _Complex, n_out *n_out);
        w->inverse_b = pdm_carve(arena, double _Complex, n_out *n_out);
        w->u         = pdm_carve(arena, double _Complex, n_in *least);
        w->v         = pdm_carve(arena, double _Complex, least *n_out);
        w->value     = pdm_carve(arena, double, least);
        w->super     = pdm_carve(arena, double, least);
        if (pass == 0) PDM_TRY(pdm_arena_allocate(arena));
    }
done:
    return status;
}

/* Singular directions of A^1/2 K B^1/2 back in the coordinates of K; u, v are used up. */
static void keep_directions(pdm_size n_in, pdm_size n_out, double unit, const matrix_work *w, mode *m)
{
    const pdm_size least = least_of(n_in, n_out);

    for (pdm_size k = 0; k < least; k++) {
        const double root = sqrt(w->value[k]);
        m->weight[k]      = unit * w->value[k];
        double left = 0.0, right = 0.0; /* squares of the lengths: both get the same */
        for (pdm_size i = 0; i < n_in; i++) {
            double _Complex sum = 0.0;
            for (pdm_size j = 0; j < n_in; j++) sum += w->inverse_a[i * n_in + j] * w->u[j * least + k];
            w->half[i] = root * sum;
            left += creal(w->half[i] * conj(w->half[i]));
        }
        for (pdm_size o = 0; o < n_out; o++) {
            double _Complex sum = 0.0;
            for (pdm_size p = 0; p < n_out; p++) sum += w->v[k * n_out + p] * w->inverse_b[p * n_out + o];
            w->k[o] = root * sum;
            right += creal(w->k[o] * conj(w->k[o]));
        }
        const double balance = left > 0.0 && right > 0.0 ? pow(right / left, 0.25) : 1.0;
        for (pdm_size i = 0; i < n_in; i++) {
            m->left[k * 2 * n_in + i]        = (float)(balance * creal(w->half[i]));
            m->left[k * 2 * n_in + n_in + i] = (float)(balance * cimag(w->half[i]));
        }
        for (pdm_size o = 0; o < n_out; o++) {
            m->right[k * 2 * n_out + o]         = (float)(creal(w->k[o]) / balance);
            m->right[k * 2 * n_out + n_out + o] = (float)(cimag(w->k[o]) / balance);
        }
    }
}

/* k: the mode's matrix [2][n_in][n_out]. */
static pdm_status take_apart(pdm_context *ctx, pdm_size n_in, pdm_size n_out, const float *k, const matrix_work *w,
                             mode *m)
{
    pdm_status status = PDM_OK;
    double     sum    = 0.0;

    for (pdm_size i = 0; i < n_in; i++) sum += creal(m->a[i * n_in + i]);
    if (!isfinite(sum)) PDM_FAIL(ctx, PDM_ERR_NUMERIC, "the network's weights or gradients are not finite");
    for (pdm_size i = 0; i < n_in && sum == 0.0; i++) m->a[i * n_in + i] = 1.0; /* it matters to nothing: as it is */
    for (pdm_size i = 0; i < n_out && sum == 0.0; i++) m->b[i * n_out + i] = 1.0;
    PDM_TRY(roots(ctx, n_in, sum > 0.0 ? sum : (double)n_in, m->a, w->root_a, w->inverse_a));
    PDM_TRY(roots(ctx, n_out, sum > 0.0 ? sum : (double)n_out, m->b, w->root_b, w->inverse_b));
    for (pdm_size i = 0; i < n_in * n_out; i++) w->k[i] = k[i] + I * k[n_in * n_out + i];
    multiply(n_in, n_in, n_out, w->root_a, w->k, w->half);
    multiply(n_in, n_out, n_out, w->half, w->root_b, w->k);
    PDM_TRY(pdm_dense_svd(ctx, n_in, n_out, w->k, w->value, w->u, w->v, w->super));
    keep_directions(n_in, n_out, sqrt(sum), w, m);
done:
    return status;
}

static pdm_status take_tensor_apart(pdm_context *ctx, rank_order *x, pdm_size t, const float *weights)
{
    pdm_status  status = PDM_OK;
    pdm_arena   arena  = {0};
    matrix_work w;
    pdm_size    n_mode, n_in, n_out;

    pdm_tensor_modes(&x->net->tensor[t], &n_mode, &n_in, &n_out);
    PDM_TRY(work_create(ctx, n_in, n_out, &arena, &w));
    for (pdm_size k = 0; k < n_mode; k++)
        PDM_TRY(take_apart(ctx, n_in, n_out, weights + x->net->tensor[t].offset + k * 2 * n_in * n_out, &w,
                           &x->mode[x->first[t] + k]));
done:
    pdm_arena_destroy(&arena);
    return status;
}

/* ---- all of them in order ---- */

static int by_weight(const void *p, const void *q)
{
    const direction *a = p, *b = q;
    if (a->weight != b->weight) return a->weight > b->weight ? -1 : 1;
    if (a->mode != b->mode) return a->mode < b->mode ? -1 : 1; /* a fixed order for equal ones */
    return a->k - b->k;
}

static void sort_directions(rank_order *x)
{
    pdm_size n = 0;

    for (pdm_size t = 0; t < x->net->n_tensor; t++) {
        pdm_size n_mode, n_in, n_out;
        if (x->net->tensor[t].kind != PDM_TENSOR_MODES) continue;
        pdm_tensor_modes(&x->net->tensor[t], &n_mode, &n_in, &n_out);
        for (pdm_size i = x->first[t]; i < x->first[t + 1]; i++)
            for (pdm_size k = 0; k < least_of(n_in, n_out); k++)
                x->order[n++] = (direction){x->mode[i].weight[k], i, (int)k};
    }
    qsort(x->order, (size_t)n, sizeof *x->order, by_weight);
}

static pdm_status allocate_modes(pdm_context *ctx, rank_order *x)
{
    pdm_status status = PDM_OK;

    PDM_TRY(pdm_alloc_array(ctx, x->net->n_tensor + 1, &x->first));
    for (int pass = 0; pass < 2; pass++) {
        pdm_size at = 0;
        for (pdm_size t = 0; t < x->net->n_tensor; t++) {
            pdm_size n_mode = 0, n_in = 0, n_out = 0;
            x->first[t] = at;
            if (x->net->tensor[t].kind == PDM_TENSOR_MODES)
                pdm_tensor_modes(&x->net->tensor[t], &n_mode, &n_in, &n_out);
            const pdm_size least = least_of(n_in, n_out);
            for (pdm_size k = 0; k < n_mode && pass == 1; k++) {
                mode *m = &x->mode[at + k];
                PDM_TRY(pdm_alloc_array(ctx, n_in * n_in, &m->a));
                PDM_TRY(pdm_alloc_array(ctx, n_out * n_out, &m->b));
                PDM_TRY(pdm_alloc_array(ctx, least, &m->weight));
                PDM_TRY(pdm_alloc_array(ctx, least * 2 * n_in, &m->left));
                PDM_TRY(pdm_alloc_array(ctx, least * 2 * n_out, &m->right));
            }
            at += n_mode;
            if (pass == 0) x->n_direction += n_mode * least;
        }
        x->first[x->net->n_tensor] = x->n_mode = at;
        if (pass == 1) break;
        PDM_TRY(pdm_alloc_array(ctx, x->n_mode, &x->mode));
        PDM_TRY(pdm_alloc_array(ctx, x->n_direction, &x->order));
    }
done:
    return status;
}

static pdm_status take_all_apart(pdm_context *ctx, rank_order *x, const float *weights)
{
    pdm_status      status = PDM_OK;
    const pdm_dense dense  = pdm_dense_begin(); /* the matrices are small */
    for (pdm_size t = 0; t < x->net->n_tensor; t++)
        if (x->net->tensor[t].kind == PDM_TENSOR_MODES) PDM_TRY(take_tensor_apart(ctx, x, t, weights));
done:
    pdm_dense_end(&dense);
    return status;
}

pdm_status rank_order_create(pdm_model *m, rank_order **out)
{
    pdm_status  status  = PDM_OK;
    rank_order *x       = NULL;
    void       *weights = NULL;

    PDM_TRY(pdm_alloc(m->ctx, sizeof *x, &x));
    x->net = m->surrogate;
    PDM_TRY(allocate_modes(m->ctx, x));
    PDM_TRY(probe(m, x));
    PDM_TRY(m->problem->backend->ops->acquire(m->problem->backend, x->net->parameters, PDM_READ, &weights));
    PDM_TRY(take_all_apart(m->ctx, x, weights));
    sort_directions(x);
    *out = x;
    x    = NULL;
done:
    status = pdm_release(m->problem->backend, status, m->surrogate->parameters, &weights);
    rank_order_destroy(m->ctx, &x);
    return status;
}

pdm_size rank_order_count(const rank_order *x, double energy)
{
    double   all = 0.0, sum = 0.0;
    pdm_size n = 0;

    for (pdm_size i = x->n_direction - 1; i >= 0; i--) all += x->order[i].weight * x->order[i].weight;
    while (n < x->n_direction && sum < energy * all) {
        sum += x->order[n].weight * x->order[n].weight;
        n++;
    }
    return n > 0 ? n : 1;
}

static pdm_status take_factors(const rank_order *x, pdm_size t, pdm_low_rank *f)
{
    pdm_status status = PDM_OK;
    pdm_size   n_mode, n_in, n_out, n_direction = 0;
    float     *to;

    pdm_tensor_modes(&x->net->tensor[t], &n_mode, &n_in, &n_out);
    for (pdm_size k = 0; k < n_mode; k++) n_direction += f->rank[k];
    f->n_number = n_direction * 2 * (n_in + n_out);
    PDM_TRY(pdm_alloc_array(x->net->ctx, f->n_number, &f->factor));
    to = f->factor;
    for (pdm_size i = 0; i < n_mode; i++)
        for (pdm_size k = 0; k < f->rank[i]; k++)
            for (pdm_size part = 0; part < 2; part++) {
                const mode *m = &x->mode[x->first[t] + i];
                memcpy(to, m->left + (2 * k + part) * n_in, (size_t)n_in * sizeof *to);
                memcpy(to + n_in, m->right + (2 * k + part) * n_out, (size_t)n_out * sizeof *to);
                to += n_in + n_out;
            }
done:
    return status;
}

pdm_status rank_order_take(const rank_order *x, pdm_size n, pdm_packed *p)
{
    pdm_status status = PDM_OK;

    for (pdm_size t = 0; t < x->net->n_tensor; t++) {
        pdm_low_rank *f = &p->tensor[t];
        if (x->net->tensor[t].kind != PDM_TENSOR_MODES) continue;
        f->n_mode = x->first[t + 1] - x->first[t];
        PDM_TRY(pdm_alloc_array(x->net->ctx, f->n_mode, &f->rank));
        for (pdm_size i = 0; i < n; i++)
            if (x->order[i].mode >= x->first[t] && x->order[i].mode < x->first[t + 1])
                f->rank[x->order[i].mode - x->first[t]]++;
        PDM_TRY(take_factors(x, t, f));
    }
done:
    return status;
}
