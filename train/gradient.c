/* Taylor test of the whole chain: loss by network weights, through basis, solve, adjoint and back; by those of the
 * gate, through ridge, solve and adjoint; and by the logits of learned windows. Along a direction d, with
 * e(h) = L(x + h d) - L(x) - h <g, d>, its even part E and its odd part O,
 *     curvature = |16 E(h/2) - E(h)| / 3             falls as h^2 (the term of fourth order is gone);
 *     mistake   = |8 O(h/2) - O(h)| / 3              falls as h^5 for a right gradient, as h for a wrong one (the term
 *                                                    of third order, which hides small mistakes, is gone);
 *     rest      = sqrt(curvature^2 + mistake^2)      falls as h^2 for a right gradient, as h for a wrong one.
 * docs/mathematics.md, "Checks". */
#include "train/train.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "train/train_impl.h"

enum {
    STEPS      = 13, /* rows of the table, h halved from row to row                                       */
    FIRST      = 1,  /* of the table: h = 2^-FIRST                                                        */
    TINY_STEPS = 5,  /* rows for the noise: roundings of weights and network (FP32), and of the solves    */
    TINY_FIRST = 17, /* of these: h = 2^-TINY_FIRST, where a weight moves by a few roundings              */
    DIRECTIONS = 3,
    SWEEPS     = 20000, /* most of a solve, where it is made of them                                      */
    RATIOS     = 2,     /* in a fit                                                                           */
    CANDIDATES = 3      /* fits of the rest to choose from                                                    */
};

static const double RIGHT_SLOPE = 2.0;
static const double SIZE        = 0.08; /* of a direction at h = 1, relative to the weights                   */
static const double ALIGNED     = 0.1;  /* share of its squared length that lies along the gradient           */
static const double CLEAR       = 10.0; /* times the noise: what stands above it                              */
static const double EXACT       = 1e-6; /* of the gradient: smaller mistakes are not looked for               */
static const double LOW_RATIO = 1.6, HIGH_RATIO = 2.5; /* between these a mistake falls as h                  */

/* Medians over the directions, which a solve that ends elsewhere along one of them does not move. */
typedef struct taylor_row {
    double h, rest, mistake, even[DIRECTIONS], odd[DIRECTIONS];
} taylor_row;

/* Whose weights are moved. */
typedef enum weights_owner { OF_NETWORK, OF_GATE, OF_WINDOWS, N_OWNER } weights_owner;
static const char *const owner_name[] = {"network", "gate", "windows"};

typedef struct taylor {
    pdm_model    *m;
    weights_owner owner;
    pdm_size      n;         /* weights                                        */
    pdm_batch     good;      /* the samples of the base point, frozen          */
    double       *weight;    /* [n] saved                                      */
    double       *gradient;  /* [n] at the base point                          */
    double       *direction; /* [DIRECTIONS][n]                                */
    double        base;      /* loss                                           */
    taylor_row    row[STEPS + 1], tiny[TINY_STEPS + 1];
    double        rest_noise, mistake_noise;
    double        along; /* median of |<g, d>| */
} taylor;

typedef struct taylor_fit {
    bool   mistake;     /* of the mistakes; else of the rests */
    int    first, last; /* rows; first < 0: none              */
    double slope;
} taylor_fit;

/* The middle one; NaN counts as infinite. */
static double median(double *x)
{
    for (int i = 0; i < DIRECTIONS; i++) {
        if (isnan(x[i])) x[i] = INFINITY;
        for (int j = i; j > 0 && x[j] < x[j - 1]; j--) {
            const double later = x[j - 1];
            x[j - 1]           = x[j];
            x[j]               = later;
        }
    }
    return x[DIRECTIONS / 2];
}

/* One tensor's part of a direction: the sum of a random part and of one along the gradient, without which <g, d>, and a
 * mistake in it, would drown in curvature; together as long as SIZE times the tensor itself (or its usual size). Returns
 * its part of <g, d>. */
static double draw_tensor(pdm_size n, const double *weight, const double *g, pdm_random_key key, uint64_t first,
                          double *d)
{
    double norm_r = 0.0, norm_g = 0.0, length = 0.0, product = 0.0;
    for (pdm_size i = 0; i < n; i++) {
        d[i] = pdm_random_normal(key, first + (uint64_t)i);
        norm_r += d[i] * d[i];
        norm_g += g[i] * g[i];
        length += weight[i] * weight[i];
    }
    const double size   = SIZE * (length > 0.0 ? sqrt(length) : 0.1 * sqrt(norm_r));
    const double along  = norm_g > 0.0 ? sqrt(ALIGNED / norm_g) : 0.0;
    const double random = sqrt((norm_g > 0.0 ? 1.0 - ALIGNED : 1.0) / norm_r);
    for (pdm_size i = 0; i < n; i++) {
        d[i] = size * (random * d[i] + along * g[i]);
        product += d[i] * g[i];
    }
    return product;
}

/* Weights on the host, of all but the network. */
static pdm_weights host_weights(const pdm_model *m, weights_owner owner)
{
    return owner == OF_GATE ? pdm_gate_net_lend(m->gate->net) : pdm_experts_logits(m->experts);
}

/* They are one tensor. */
static void draw_directions(taylor *t)
{
    const pdm_surrogate  *net    = t->m->surrogate;
    const pdm_tensor_info all    = {.n = t->n};
    const bool            whole  = t->owner != OF_NETWORK;
    const pdm_size        n_part = whole ? 1 : net->n_tensor;
    double                slope[DIRECTIONS];

    for (int k = 0; k < DIRECTIONS; k++) {
        const pdm_random_key key = {7, PDM_RANDOM_CHECK, (uint64_t)t->owner * DIRECTIONS + (uint64_t)k};
        slope[k]                 = 0.0;
        for (pdm_size j = 0; j < n_part; j++) {
            const pdm_tensor_info *part = whole ? &all : &net->tensor[j];
            slope[k] += draw_tensor(part->n, t->weight + part->offset, t->gradient + part->offset, key,
                                    (uint64_t)part->offset, t->direction + k * t->n + part->offset);
        }
        slope[k] = fabs(slope[k]);
    }
    t->along = median(slope);
}

/* Weights and gradient as they are, where either is asked for. */
static pdm_status get_weights(const taylor *t, double *weight, double *gradient)
{
    pdm_status    status = PDM_OK;
    pdm_backend  *b      = t->m->problem->backend;
    double       *to[]   = {weight, gradient};
    pdm_buffer   *from[] = {t->m->surrogate->parameters, t->m->surrogate->g_parameters};
    const double *own[2] = {NULL};
    void         *host   = NULL;

    if (t->owner != OF_NETWORK) {
        const pdm_weights s = host_weights(t->m, t->owner);
        own[0]              = s.parameter;
        own[1]              = s.gradient;
    }
    for (int k = 0; k < 2; k++) {
        if (!to[k]) continue;
        if (t->owner != OF_NETWORK) {
            memcpy(to[k], own[k], (size_t)t->n * sizeof *to[k]);
            continue;
        }
        PDM_TRY(b->ops->acquire(b, from[k], PDM_READ, &host));
        for (pdm_size i = 0; i < t->n; i++) to[k][i] = (double)((float *)host)[i];
        PDM_TRY(b->ops->release(b, from[k], &host));
    }
done:
    return status;
}

/* To weight + h direction, the network's rounded to FP32; along: <g, what they have moved by>. direction NULL: back. */
static pdm_status set_weights(const taylor *t, const double *direction, double h, double *along)
{
    pdm_status     status = PDM_OK;
    pdm_backend   *b      = t->m->problem->backend;
    pdm_surrogate *net    = t->m->surrogate;
    void          *host   = NULL;

    *along = 0.0;
    if (t->owner == OF_NETWORK) PDM_TRY(b->ops->acquire(b, net->parameters, PDM_WRITE, &host));
    double *own = t->owner != OF_NETWORK ? host_weights(t->m, t->owner).parameter : NULL;
    for (pdm_size i = 0; i < t->n; i++) {
        const double moved = t->weight[i] + (direction ? h * direction[i] : 0.0),
                     x     = own ? moved : (double)(float)moved;
        if (own)
            own[i] = x;
        else
            ((float *)host)[i] = (float)x;
        *along += (x - t->weight[i]) * t->gradient[i];
    }
    if (t->owner == OF_WINDOWS) PDM_TRY(pdm_model_apply_windows(t->m));
done:
    status = pdm_release(b, status, net->parameters, &host);
    return status;
}

/* e(h) along a direction; NaN where one of the samples does not converge. */
static pdm_status left_over(const taylor *t, const double *direction, double h, double *e)
{
    pdm_status      status = PDM_OK;
    pdm_model      *m      = t->m;
    double          along  = 0.0;
    pdm_size        n_good = 0;
    pdm_step_report r      = {.loss = NAN};

    PDM_TRY(set_weights(t, direction, h, &along));
    status = pdm_train_loss(m, m->state.step, t->good, false, &n_good, &r);
    if (status != PDM_ERR_NUMERIC) PDM_TRY(status);
    *e     = status == PDM_OK && n_good == t->good.n ? r.loss - t->base - along : NAN;
    status = PDM_OK;
done:
    return status;
}

static pdm_status measure(const taylor *t, taylor_row *row)
{
    pdm_status status = PDM_OK;
    for (int k = 0; k < DIRECTIONS; k++) {
        const double *d = t->direction + k * t->n;
        double        up, down;
        PDM_TRY(left_over(t, d, row->h, &up));
        PDM_TRY(left_over(t, d, -row->h, &down));
        row->even[k] = 0.5 * (up + down);
        row->odd[k]  = 0.5 * (up - down);
    }
done:
    return status;
}

/* A row from the even and odd parts at h and at h/2. */
static void compare(taylor_row *row, const taylor_row *half)
{
    double mistake[DIRECTIONS], rest[DIRECTIONS];
    for (int k = 0; k < DIRECTIONS; k++) {
        mistake[k] = fabs(8.0 * half->odd[k] - row->odd[k]) / 3.0;
        rest[k]    = hypot((16.0 * half->even[k] - row->even[k]) / 3.0, mistake[k]);
    }
    row->mistake = median(mistake);
    row->rest    = median(rest);
}

static pdm_status measure_all(taylor *t)
{
    pdm_status status = PDM_OK;
    for (int i = 0; i <= STEPS; i++) t->row[i].h = ldexp(1.0, -FIRST - i);
    for (int i = 0; i <= TINY_STEPS; i++) t->tiny[i].h = ldexp(1.0, -TINY_FIRST - i);
    for (int i = 0; i <= STEPS; i++) PDM_TRY(measure(t, &t->row[i]));
    for (int i = 0; i <= TINY_STEPS; i++) PDM_TRY(measure(t, &t->tiny[i]));
    for (int i = 0; i < STEPS; i++) compare(&t->row[i], &t->row[i + 1]);
    for (int i = 0; i < TINY_STEPS; i++) {
        compare(&t->tiny[i], &t->tiny[i + 1]);
        t->rest_noise    = fmax(t->rest_noise, t->tiny[i].rest);
        t->mistake_noise = fmax(t->mistake_noise, t->tiny[i].mistake);
    }
done:
    return status;
}

static double column(const taylor *t, int i, bool mistake)
{
    return mistake ? t->row[i].mistake : t->row[i].rest;
}

/* Are the rows first .. last finite, and all above the noise? Mistakes also above what solves that end some time leave
 * of the gradient: beside weights in FP64 it can be all that there is. */
static bool is_clear(const taylor *t, int first, int last, bool mistake)
{
    for (int i = first; i <= last; i++) {
        const double least =
            mistake ? fmax(CLEAR * t->mistake_noise, EXACT * t->row[i].h * t->along) : CLEAR * t->rest_noise;
        if (!(column(t, i, mistake) > least) || !isfinite(column(t, i, mistake))) return false;
    }
    return true;
}

/* Smallest and largest ratio of neighbours among the rows first .. last. */
static void ratios(const taylor *t, int first, int last, bool mistake, double *low, double *high)
{
    *low  = INFINITY;
    *high = 0.0;
    for (int i = first; i < last; i++) {
        const double ratio = column(t, i, mistake) / column(t, i + 1, mistake);
        *low               = fmin(*low, ratio);
        *high              = fmax(*high, ratio);
    }
}

/* Least squares through log2 of the rows first .. last. */
static taylor_fit fit(const taylor *t, int first, int last, bool mistake)
{
    double sxy = 0.0, sxx = 0.0;
    for (int i = first; i <= last; i++) {
        const double x = 0.5 * (double)(first + last) - i; /* log2 h, centred */
        sxy += x * log2(column(t, i, mistake));
        sxx += x * x;
    }
    return (taylor_fit){.mistake = mistake, .first = first, .last = last, .slope = sxy / sxx};
}

/* Large steps say nothing, small mistakes being hidden there: the smallest ones that are clear of the noise decide.
 * When the mistake falls as h there, the gradient is wrong. Otherwise the slope is that of the rest, over the steadiest
 * of the smallest windows. */
static taylor_fit choose_fit(const taylor *t)
{
    double     low, high, steadiest = INFINITY;
    taylor_fit best = {.first = -1, .slope = NAN};

    for (int last = STEPS - 1; last >= RATIOS; last--) {
        if (!is_clear(t, last - RATIOS, last, true)) continue;
        ratios(t, last - RATIOS, last, true, &low, &high);
        if (low > LOW_RATIO && high < HIGH_RATIO) return fit(t, last - RATIOS, last, true);
        break;
    }
    for (int last = STEPS - 1, n = 0; last >= RATIOS && n < CANDIDATES; last--) {
        if (!is_clear(t, last - RATIOS, last, false)) continue;
        n++;
        ratios(t, last - RATIOS, last, false, &low, &high);
        if (!(high / low < steadiest)) continue;
        steadiest = high / low;
        best      = fit(t, last - RATIOS, last, false);
    }
    return best;
}

/* The least mistake, relative to the gradient, that stands above the noise over the rows of a fit, from the first row on
     * where what a right gradient leaves does not. */
static double least_mistake(const taylor *t)
{
    int i = 0;
    while (i < STEPS && !(t->row[i].mistake <= CLEAR * t->mistake_noise)) i++;
    return fmax(EXACT, CLEAR * t->mistake_noise / (ldexp(1.0, -FIRST - i - RATIOS) * t->along));
}

static pdm_status write_table(const taylor *t, const taylor_fit *f, pdm_text *text)
{
    pdm_status status    = PDM_OK;
    char       whose[16] = "";
    if (t->owner != OF_NETWORK) snprintf(whose, sizeof whose, "%s: ", owner_name[t->owner]);
    PDM_TRY(pdm_text_append(text, "loss %.10e, noise of the rest %.1e, of the mistake %.1e\n", t->base, t->rest_noise,
                            t->mistake_noise));
    PDM_TRY(pdm_text_append(text, "%-12s %-14s %-8s %-14s %s\n", "step h", "|rest|", "ratio", "|mistake|", "ratio"));
    for (int i = 0; i < STEPS; i++) {
        const taylor_row *r = &t->row[i];
        PDM_TRY(i == 0 ? pdm_text_append(text, "%-12.5g %-14.5e %-8s %.5e\n", r->h, r->rest, "", r->mistake)
                       : pdm_text_append(text, "%-12.5g %-14.5e %-8.3f %-14.5e %.3f\n", r->h, r->rest,
                                         r[-1].rest / r->rest, r->mistake, r[-1].mistake / r->mistake));
    }
    if (!f->mistake)
        PDM_TRY(pdm_text_append(text, "a mistake of %.1e of the gradient, or a larger one, would show\n",
                                least_mistake(t)));
    if (f->first < 0)
        PDM_TRY(pdm_text_append(text, "%sno slope: the rests are too close to the noise\n", whose));
    else
        PDM_TRY(pdm_text_append(text, "%sslope %.3f of the %s over h = %g to %g (2 is right, 1 is a wrong gradient)\n",
                                whose, f->slope, f->mistake ? "mistake" : "rest", t->row[f->first].h,
                                t->row[f->last].h));
done:
    return status;
}

/* Loss and gradient at the weights as they are, solved to rounding; the samples that have both are frozen. */
static pdm_status take_base(pdm_model *m, int32_t *good, pdm_size *n_good, double *base)
{
    pdm_status      status = PDM_OK;
    pdm_step_report r      = {.loss = NAN};

    pdm_solver_set_limits(m->solver, 1e-12, m->whole->solving.mode == PDM_MODE_SCHWARZ ? SWEEPS : 500);
    PDM_TRY(pdm_train_loss(m, m->state.step, pdm_model_batch(m, m->n_batch), true, n_good, &r));
    *base = r.loss;
    memcpy(good, m->good, (size_t)*n_good * sizeof *good);
done:
    return status;
}

/* Does the loss say nothing about the weights: no gradient, and no difference either? */
static bool is_indifferent(const taylor *t)
{
    for (pdm_size i = 0; i < t->n; i++)
        if (t->gradient[i] != 0.0) return false;
    for (int i = 0; i < STEPS; i++)
        if (t->row[i].rest != 0.0) return false;
    return true;
}

/* The test in the weights of one owner: table and slope. The gate's choice of columns is frozen, as the derivative is
 * that of the ridge of the columns that exist. */
static pdm_status check_weights(pdm_model *m, weights_owner owner, const int32_t *good, pdm_size n_good, double base,
                                double *slope, pdm_text *text)
{
    static const char *const head[] = {"", "\nThe weights of the gate, the columns that exist being fixed:\n",
                                       "\nThe logits of the experts' windows:\n"};
    pdm_status               status = PDM_OK;
    taylor                   t      = {.m = m, .owner = owner, .good = {.n = n_good, .index = good}, .base = base};
    bool                     saved  = false;
    double                   along;

    t.n = owner == OF_NETWORK ? m->surrogate->n_parameter : host_weights(m, owner).n;
    PDM_TRY(pdm_alloc_array(m->ctx, t.n, &t.weight));
    PDM_TRY(pdm_alloc_array(m->ctx, t.n, &t.gradient));
    PDM_TRY(pdm_alloc_array(m->ctx, DIRECTIONS * t.n, &t.direction));
    PDM_TRY(get_weights(&t, t.weight, t.gradient));
    saved = true;
    draw_directions(&t);
    if (m->gate) pdm_routing_freeze(m->gate->routing, true);
    PDM_TRY(measure_all(&t));
    const taylor_fit f = choose_fit(&t);
    *slope             = f.slope;
    PDM_TRY(pdm_text_append(text, "%s", head[owner]));
    if (owner != OF_NETWORK && is_indifferent(&t))
        PDM_TRY(pdm_text_append(text, "%s: no slope: the loss does not depend on %s\n", owner_name[owner],
                                owner == OF_GATE ? "its weights (gate:ridge, or all experts null)" : "them"));
    else
        PDM_TRY(write_table(&t, &f, text));
done:
    if (m->gate) pdm_routing_freeze(m->gate->routing, false);
    if (saved) {
        const pdm_status back = set_weights(&t, NULL, 0.0, &along);
        if (status == PDM_OK) status = back;
    }
    pdm_free(m->ctx, t.weight);
    pdm_free(m->ctx, t.gradient);
    pdm_free(m->ctx, t.direction);
    return status;
}

pdm_status pdm_model_check_gradient(pdm_model *m, double *slope, pdm_sink sink, void *user)
{
    pdm_status status = PDM_OK;
    int32_t   *good   = NULL;
    pdm_text   text   = {0};
    pdm_size   n_good = 0;
    double     base = NAN, worst = NAN;

    if (!m) return PDM_ERR_ARGUMENT;
    PDM_EXPECT_POINTER(m->ctx, slope, "a place for the slope");
    text.ctx               = m->ctx;
    const pdm_size opening = m->gate ? m->gate->opening : 0;
    if (m->gate) m->gate->opening = 0; /* it chooses in the first steps, too */
    const bool has[N_OWNER] = {true, m->gate != NULL, m->g_window != NULL};
    PDM_TRY(pdm_alloc_array(m->ctx, m->n_batch, &good));
    PDM_TRY(take_base(m, good, &n_good, &base));
    for (int k = OF_NETWORK; k < N_OWNER; k++) {
        double here = NAN;
        if (has[k]) PDM_TRY(check_weights(m, (weights_owner)k, good, n_good, base, &here, &text));
        pdm_values_set(m->ctx, &m->values, here, "slope.%s", owner_name[k]);
        if (k == OF_NETWORK || (!isnan(here) && fabs(here - RIGHT_SLOPE) > fabs(worst - RIGHT_SLOPE))) worst = here;
    }
    *slope = worst;
    if (sink) sink(user, text.data);
done:
    if (m->gate) m->gate->opening = opening;
    pdm_free(m->ctx, good);
    pdm_text_destroy(&text);
    return status;
}
