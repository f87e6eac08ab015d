/* The gate at work: what it chooses, and what it learns from. docs/mathematics.md, "Gate". */
#include "gate/gate.h"

#include <math.h>
#include <string.h>

#include "gate/gate_impl.h"

static const double PRICE_MEMORY = 0.9;                  /* of the running mean of log prices          */
static const double DRIFT_RATE = 0.05, DRIFT_MOST = 4.0; /* a step of the gate, and altogether         */
static const double UNIT_LEAST = 1e-2;                   /* of the objective, that worth is measured by */
enum { OPENING = PDM_GATE_OPENING, LESSONS = 50 };       /* steps of a new gate in each of the first OPENING */

static void gate_layout(pdm_gate *g, pdm_size n_sample, pdm_size n_in)
{
    const pdm_size rows    = n_sample * pdm_routing_n_expert(g->routing),
                   choices = rows * pdm_routing_n_choice(g->routing);
    double **array[]       = {&g->p, &g->g_p, &g->g_score, &g->target, &g->worth};
    for (size_t i = 0; i < sizeof array / sizeof *array; i++) *array[i] = pdm_carve(&g->arena, double, choices);
    g->x         = pdm_carve(&g->arena, double, rows *n_in);
    g->surcharge = pdm_carve(&g->arena, double, rows);
    usage_layout(g);
}

static pdm_status create_parts(pdm_gate *g, pdm_size n_sample, uint64_t seed)
{
    pdm_status     status = PDM_OK;
    const pdm_size n_in   = pdm_routing_n_in(g->routing, g->n_feature);

    PDM_TRY(pdm_gate_net_create(g->ctx, n_in, pdm_routing_get_settings(g->routing)->hidden,
                                pdm_routing_n_choice(g->routing), n_sample * pdm_routing_n_expert(g->routing), seed,
                                &g->net));
    pdm_arena_measure(&g->arena, g->ctx);
    gate_layout(g, n_sample, n_in);
    PDM_TRY(pdm_arena_allocate(&g->arena));
    gate_layout(g, n_sample, n_in);
    usage_clear(g);
done:
    return status;
}

pdm_status pdm_gate_create(pdm_context *ctx, pdm_case *c, const pdm_domain *domain, const pdm_experts *experts,
                           pdm_size n_sample, uint64_t seed, pdm_gate **out)
{
    pdm_status   status = PDM_OK;
    pdm_gate    *g      = NULL;
    pdm_routing *r      = NULL;

    PDM_TRY(pdm_routing_create(ctx, c, domain, experts, n_sample, &r));
    if (!r) goto done;
    PDM_TRY(pdm_alloc(ctx, sizeof *g, &g));
    g->ctx       = ctx;
    g->experts   = experts;
    g->n_feature = pdm_domain_n_feature(domain);
    g->routing   = r;
    g->log_price = NAN;
    g->opening   = OPENING;
    r            = NULL;
    PDM_TRY(create_parts(g, n_sample, seed));
    *out = g;
    g    = NULL;
done:
    pdm_routing_destroy(&r);
    pdm_gate_destroy(&g);
    return status;
}

void pdm_gate_destroy(pdm_gate **gate)
{
    pdm_gate *g = *gate;
    if (!g) return;
    pdm_arena_destroy(&g->arena);
    pdm_gate_net_destroy(&g->net);
    pdm_routing_destroy(&g->routing);
    pdm_free(g->ctx, g);
    *gate = NULL;
}

/* Rows of the gate of sample i, and their first entries with `each` numbers a row. */
static pdm_size row_of(const pdm_gate *g, pdm_size i)
{
    return i * pdm_routing_n_expert(g->routing);
}
static pdm_size choice_of(const pdm_gate *g, pdm_size i)
{
    return row_of(g, i) * pdm_routing_n_choice(g->routing);
}
static double *seen_by(const pdm_gate *g, pdm_size i)
{
    return g->x + row_of(g, i) * pdm_routing_n_in(g->routing, g->n_feature);
}

bool pdm_gate_is_open(const pdm_gate *g, pdm_size step)
{
    return step < g->opening;
}

void pdm_gate_pool(pdm_gate *g, pdm_size sample, const float *features)
{
    pdm_routing_pool(g->routing, g->n_feature, features, seen_by(g, sample));
}

static void forward(pdm_gate *g, pdm_size sample)
{
    pdm_gate_net_forward(g->net, row_of(g, sample), pdm_routing_n_expert(g->routing), seen_by(g, sample),
                         g->p + choice_of(g, sample));
}

pdm_status pdm_gate_choose(pdm_gate *g, pdm_batch batch, bool open, double solver_ridge, pdm_routing_load *load)
{
    pdm_status status = PDM_OK;

    for (pdm_size i = 0; i < batch.n; i++) {
        forward(g, batch.index[i]);
        PDM_TRY(pdm_routing_choose(g->routing, batch.index[i], g->p + choice_of(g, batch.index[i]), solver_ridge));
    }
    for (pdm_size i = 0; i < batch.n && open; i++) pdm_routing_open(g->routing, batch.index[i], solver_ridge);
    *load = pdm_routing_measure(g->routing, batch);
done:
    return status;
}

void pdm_gate_backward(pdm_gate *g, pdm_batch good, bool open, const double *g_ridge)
{
    const pdm_size n_column = pdm_experts_n_column(g->experts), n_expert = pdm_routing_n_expert(g->routing),
                   n_choice = pdm_routing_n_choice(g->routing);
    const pdm_weights net   = pdm_gate_net_lend(g->net);

    memset(net.gradient, 0, (size_t)net.n * sizeof *net.gradient);
    for (pdm_size i = 0; i < good.n; i++) {
        const pdm_size k = good.index[i], at = choice_of(g, k);
        memset(g->g_p + at, 0, (size_t)(n_expert * n_choice) * sizeof *g->g_p);
        memset(g->g_score + at, 0, (size_t)(n_expert * n_choice) * sizeof *g->g_score);
        if (!open) pdm_routing_backward(g->routing, k, g->p + at, g_ridge + k * n_column, g->g_p + at);
        for (pdm_size e = 0; e < n_expert; e++)
            pdm_gate_net_softmax_backward(n_choice, g->p + at + e * n_choice, g->g_p + at + e * n_choice,
                                          g->g_score + at + e * n_choice);
        pdm_gate_net_backward(g->net, row_of(g, k), n_expert, seen_by(g, k), g->g_score + at);
    }
}

/* What groups are worth, in units of the least that the objective of a sample could be. */
static void find_worth(pdm_gate *g, pdm_batch good, pdm_gate_worth worth)
{
    const pdm_size n_column = pdm_experts_n_column(g->experts);

    for (pdm_size i = 0; i < good.n; i++) {
        const pdm_size k     = good.index[i];
        const double   least = worth.least[k], unit = isnan(least) ? NAN : fmax(least, UNIT_LEAST * worth.objective[k]);
        pdm_routing_add_worth(g->routing, worth.column + k * n_column, unit, g->worth + choice_of(g, k));
    }
}

/* The share of the unknowns that the gate would keep, whether or not all exist. */
static double kept_share(pdm_gate *g, pdm_batch good)
{
    double n = 0.0;
    for (pdm_size i = 0; i < good.n; i++)
        n += (double)pdm_routing_count(g->routing, g->p + choice_of(g, good.index[i]));
    return n / (double)(good.n * pdm_experts_n_column(g->experts));
}

/* Corrects the price for what the gate makes of it, and finds the targets. */
static void find_targets(pdm_gate *g, pdm_batch good)
{
    const double wanted = pdm_routing_get_settings(g->routing)->unknowns, missed = kept_share(g, good) / wanted - 1.0;
    g->next_drift = fmax(-DRIFT_MOST, fmin(DRIFT_MOST, g->next_drift + DRIFT_RATE * missed));
    for (pdm_size i = 0; i < good.n; i++) {
        const pdm_size k = good.index[i], at = choice_of(g, k);
        pdm_routing_target(g->routing, g->worth + at, g->next_price + g->next_drift, g->surcharge + row_of(g, k),
                           g->target + at);
    }
}

/* The price of unknowns: a running mean of what would do for each batch. */
static void find_price(pdm_gate *g, pdm_batch good)
{
    const double here = pdm_routing_log_price(g->routing, good, pdm_routing_get_settings(g->routing)->unknowns,
                                              g->balance, g->worth, g->surcharge);
    g->next_price     = isnan(g->log_price) ? here : PRICE_MEMORY * g->log_price + (1.0 - PRICE_MEMORY) * here;
    g->next_drift     = g->drift;
}

/* Adds the gradient of the cross entropy with the targets, averaged over experts and samples, by the gate's weights;
 * returns how far the probabilities are from them. */
static double add_entropy(pdm_gate *g, pdm_batch good)
{
    const pdm_size n_expert = pdm_routing_n_expert(g->routing), n_choice = pdm_routing_n_choice(g->routing);
    const double   share    = 1.0 / (double)(good.n * n_expert);
    double         distance = 0.0;

    for (pdm_size i = 0; i < good.n; i++) {
        const pdm_size k = good.index[i], at = choice_of(g, k);
        for (pdm_size row = at; row < at + n_expert * n_choice; row += n_choice) {
            const bool known = !isnan(g->target[row]);
            for (pdm_size c = row; c < row + n_choice; c++) {
                g->g_score[c] = known ? share * (g->p[c] - g->target[c]) : 0.0;
                if (known && g->target[c] > 0.0)
                    distance -= share * g->target[c] * log(g->p[c] / g->target[c] + 1e-300);
            }
        }
        pdm_gate_net_backward(g->net, row_of(g, k), n_expert, seen_by(g, k), g->g_score + at);
    }
    return distance;
}

pdm_status pdm_gate_learn(pdm_gate *g, pdm_batch good, double loss, pdm_gate_worth worth, double *distance)
{
    pdm_status        status = PDM_OK;
    bool              finite = true;
    const pdm_weights net    = pdm_gate_net_lend(g->net);

    for (pdm_size i = 0; i < net.n; i++) net.gradient[i] *= loss > 0.0 ? 1.0 / loss : 0.0;
    find_worth(g, good, worth);
    find_price(g, good);
    find_targets(g, good);
    *distance = add_entropy(g, good);
    for (pdm_size i = 0; i < net.n; i++) finite = finite && isfinite(net.gradient[i]);
    if (!finite) PDM_FAIL(g->ctx, PDM_ERR_NUMERIC, "the gradient of the gate's weights is not finite (loss %g)", loss);
done:
    return status;
}

/* One more of the gate's steps with the worth that was found: price, targets, gradient. */
static void learn_again(pdm_gate *g, pdm_batch good)
{
    for (pdm_size i = 0; i < good.n; i++) forward(g, good.index[i]);
    find_targets(g, good);
    (void)add_entropy(g, good);
}

/* The gate falls silent sooner than the network: columns that come and go cannot be learnt. */
static double gate_rate(const pdm_gate *g, pdm_gate_time time)
{
    return pdm_gate_is_open(g, time.step) ? time.rate
                                          : time.rate * OPENING / (double)(time.step + 1 + OPENING - g->opening);
}

/* The gate's steps in so many of the network's. */
static pdm_size lessons_before(const pdm_gate *g, pdm_size step)
{
    return step + (LESSONS - 1) * (step < g->opening ? step : g->opening);
}

double pdm_gate_update(pdm_gate *g, pdm_batch good, pdm_batch all, pdm_gate_time time, const pdm_routing_load *load)
{
    const pdm_size lessons = pdm_gate_is_open(g, time.step) ? LESSONS : 1,
                   before  = lessons_before(g, time.step) - lessons_before(g, time.since);

    for (pdm_size lesson = 0; lesson < lessons; lesson++) {
        if (lesson > 0) learn_again(g, good);
        (void)pdm_gate_net_update(g->net, before + lesson + 1, gate_rate(g, time));
    }
    g->log_price = g->next_price;
    g->drift     = g->next_drift;
    if (time.step == g->opening) usage_clear(g); /* what there was before was there whatever the gate said */
    usage_take(g, all);
    tell_closed(g, time.step, load);
    return exp(g->log_price + g->drift);
}

/* ---- file ---- */

/* Of a file that does not have it: that of a new gate. */
static pdm_status store_opening(pdm_gate *g, pdm_store *s, bool writing)
{
    pdm_status status = PDM_OK;
    pdm_size   length = 0;
    int64_t    steps  = g->opening;

    if (!writing) PDM_TRY(pdm_store_length(s, "gate", "opening", &length));
    if (writing ? steps == OPENING : length < 0) goto done;
    PDM_TRY(pdm_store_exchange(s, writing, "gate", "opening", PDM_STORE_INT64, 1, &steps));
    g->opening = steps;
done:
    return status;
}

pdm_status pdm_gate_store(pdm_gate *g, pdm_store *s, bool moments, bool writing)
{
    pdm_status        status = PDM_OK;
    const pdm_weights net    = pdm_gate_net_lend(g->net);
    const struct {
        const char *name;
        double     *values;
        pdm_size    n;
    } piece[]            = {{"parameters", net.parameter, net.n},
                            {"log_price", &g->log_price, 1},
                            {"drift", &g->drift, 1},
                            {"adam_m", net.m, net.n},
                            {"adam_v", net.v, net.n}};
    const size_t n_piece = sizeof piece / sizeof *piece - (moments ? 0 : 2);
    for (size_t i = 0; i < n_piece; i++)
        PDM_TRY(pdm_store_exchange(s, writing, "gate", piece[i].name, PDM_STORE_DOUBLE, piece[i].n, piece[i].values));
    PDM_TRY(store_opening(g, s, writing));
    PDM_TRY(usage_store(g, s, writing));
done:
    return status;
}
