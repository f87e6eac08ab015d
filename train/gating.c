/* The gate in training and prediction. docs/mathematics.md, "Gate". */
#include "train/train.h"

#include <math.h>
#include <string.h>

#include "train/train_impl.h"

static const double PRICE_MEMORY = 0.9;                  /* of the running mean of log prices          */
static const double DRIFT_RATE = 0.05, DRIFT_MOST = 4.0; /* a step of the gate, and altogether         */
static const double UNIT_LEAST = 1e-2;                   /* of the objective, that worth is measured by */
enum { OPENING = GATING_OPENING, LESSONS = 50 };         /* steps of a new gate in each of the first OPENING */

static void gating_layout(gating *g, pdm_size n_batch, pdm_size n_in)
{
    const pdm_size rows = n_batch * pdm_routing_n_expert(g->routing), choices = rows * pdm_routing_n_choice(g->routing);
    double       **array[] = {&g->p, &g->g_p, &g->g_score, &g->target, &g->worth};
    for (size_t i = 0; i < sizeof array / sizeof *array; i++) *array[i] = pdm_carve(&g->arena, double, choices);
    g->x         = pdm_carve(&g->arena, double, rows *n_in);
    g->least     = pdm_carve(&g->arena, double, n_batch);
    g->surcharge = pdm_carve(&g->arena, double, rows);
    usage_layout(g);
}

pdm_status gating_create(pdm_model *m)
{
    pdm_status   status = PDM_OK;
    gating      *g      = NULL;
    pdm_routing *r      = NULL;

    PDM_TRY(pdm_routing_create(m->ctx, m->the_case, m->domain, m->experts, m->n_batch, &r));
    if (!r) return PDM_OK;
    const pdm_size n_expert = pdm_routing_n_expert(r), n_in = pdm_routing_n_in(r, pdm_domain_n_feature(m->domain));
    const size_t   bytes = (size_t)(m->n_batch * pdm_experts_n_column(m->experts)) * sizeof(double);
    PDM_TRY(pdm_alloc(m->ctx, sizeof *g, &g));
    g->routing   = r;
    g->log_price = NAN;
    g->opening   = OPENING;
    m->gating    = g;
    r            = NULL;
    PDM_TRY(pdm_gate_create(m->ctx, n_in, pdm_routing_get_settings(g->routing)->hidden,
                            pdm_routing_n_choice(g->routing), m->n_batch * n_expert, (uint64_t)m->training.seed,
                            &g->gate));
    PDM_TRY(m->backend->ops->buffer_create(m->backend, bytes, &g->g_ridge));
    PDM_TRY(m->backend->ops->buffer_create(m->backend, bytes, &g->column_worth));
    pdm_arena_measure(&g->arena, m->ctx);
    gating_layout(g, m->n_batch, n_in);
    PDM_TRY(pdm_arena_allocate(&g->arena));
    gating_layout(g, m->n_batch, n_in);
    usage_clear(g);
    /* ridges take their memory here, not in the first step; nothing is chosen yet */
    PDM_TRY(pdm_solver_select(m->solver, (pdm_batch){0}, NULL, pdm_routing_lend(g->routing).ridge));
done:
    pdm_routing_destroy(&r);
    return status;
}

void gating_destroy(pdm_model *m)
{
    gating *g = m->gating;
    if (!g) return;
    m->backend->ops->buffer_destroy(m->backend, &g->g_ridge);
    m->backend->ops->buffer_destroy(m->backend, &g->column_worth);
    pdm_arena_destroy(&g->arena);
    pdm_gate_destroy(&g->gate);
    pdm_routing_destroy(&g->routing);
    pdm_free(m->ctx, g);
    m->gating = NULL;
}

/* Rows of the gate of sample i, and their first entries with `each` numbers a row. */
static pdm_size row_of(const gating *g, pdm_size i)
{
    return i * pdm_routing_n_expert(g->routing);
}
static pdm_size choice_of(const gating *g, pdm_size i)
{
    return row_of(g, i) * pdm_routing_n_choice(g->routing);
}
static double *seen_by(const pdm_model *m, pdm_size i)
{
    return m->gating->x + row_of(m->gating, i) * pdm_routing_n_in(m->gating->routing, pdm_domain_n_feature(m->domain));
}

void gating_pool(pdm_model *m, pdm_size sample, const float *features)
{
    if (m->gating) pdm_routing_pool(m->gating->routing, pdm_domain_n_feature(m->domain), features, seen_by(m, sample));
}

/* At first all columns exist, and a new gate learns what it would choose. */
static bool is_open(const pdm_model *m)
{
    return m->step < m->gating->opening;
}

pdm_status gating_choose(pdm_model *m, pdm_batch batch)
{
    pdm_status status = PDM_OK;
    gating    *g      = m->gating;

    if (!g) return PDM_OK;
    for (pdm_size i = 0; i < batch.n; i++) {
        const pdm_size k = batch.index[i];
        double        *p = g->p + choice_of(g, k);
        pdm_gate_forward(g->gate, row_of(g, k), pdm_routing_n_expert(g->routing), seen_by(m, k), p);
        PDM_TRY(pdm_routing_choose(g->routing, k, p, m->solver_settings.ridge));
    }
    for (pdm_size i = 0; i < batch.n && is_open(m); i++)
        pdm_routing_open(g->routing, batch.index[i], m->solver_settings.ridge);
    const pdm_routing_choice choice = pdm_routing_lend(g->routing);
    const pdm_routing_load   load   = pdm_routing_measure(g->routing, batch);
    PDM_TRY(pdm_solver_select(m->solver, batch, choice.on, choice.ridge));
    model_set_value(m, "gate.unknowns", load.unknowns);
    model_set_value(m, "gate.null", load.null);
    model_set_value(m, "gate.load", load.load);
done:
    return status;
}

pdm_status gating_backward(pdm_model *m, pdm_batch good)
{
    pdm_status     status   = PDM_OK;
    gating        *g        = m->gating;
    void          *host     = NULL;
    const pdm_size n_column = pdm_experts_n_column(m->experts);

    if (!g) return PDM_OK;
    const pdm_size    n_expert = pdm_routing_n_expert(g->routing), n_choice = pdm_routing_n_choice(g->routing);
    const pdm_weights net = pdm_gate_lend(g->gate);
    memset(net.gradient, 0, (size_t)net.n * sizeof *net.gradient);
    PDM_TRY(pdm_implicit_ridge(m->implicit, good, g->g_ridge));
    PDM_TRY(m->backend->ops->acquire(m->backend, g->g_ridge, PDM_READ, &host));
    for (pdm_size i = 0; i < good.n; i++) {
        const pdm_size k = good.index[i], at = choice_of(g, k);
        memset(g->g_p + at, 0, (size_t)(n_expert * n_choice) * sizeof *g->g_p);
        memset(g->g_score + at, 0, (size_t)(n_expert * n_choice) * sizeof *g->g_score);
        if (!is_open(m)) pdm_routing_backward(g->routing, k, g->p + at, (double *)host + k * n_column, g->g_p + at);
        for (pdm_size e = 0; e < n_expert; e++)
            pdm_gate_softmax_backward(n_choice, g->p + at + e * n_choice, g->g_p + at + e * n_choice,
                                      g->g_score + at + e * n_choice);
        pdm_gate_backward(g->gate, row_of(g, k), n_expert, seen_by(m, k), g->g_score + at);
    }
    PDM_TRY(m->backend->ops->release(m->backend, g->g_ridge, &host));
done:
    if (host) (void)m->backend->ops->release(m->backend, g->g_ridge, &host);
    return status;
}

/* What groups are worth, in units of the least that the objective of a sample could be. */
static pdm_status find_worth(pdm_model *m, pdm_batch good)
{
    pdm_status     status   = PDM_OK;
    gating        *g        = m->gating;
    void          *host     = NULL;
    const pdm_size n_column = pdm_experts_n_column(m->experts);

    PDM_TRY(pdm_solver_worth(m->solver, good, m->basis, pdm_routing_lend(g->routing).on, g->column_worth, g->least));
    PDM_TRY(m->backend->ops->acquire(m->backend, g->column_worth, PDM_READ, &host));
    for (pdm_size i = 0; i < good.n; i++) {
        const pdm_size k    = good.index[i];
        const double   phi  = pdm_solver_results(m->solver)[k].objective;
        const double   unit = isnan(g->least[k]) ? NAN : fmax(g->least[k], UNIT_LEAST * phi);
        pdm_routing_add_worth(g->routing, (double *)host + k * n_column, unit, g->worth + choice_of(g, k));
    }
    PDM_TRY(m->backend->ops->release(m->backend, g->column_worth, &host));
done:
    if (host) (void)m->backend->ops->release(m->backend, g->column_worth, &host);
    return status;
}

/* The share of the unknowns that the gate would keep, whether or not all exist. */
static double kept_share(pdm_model *m, pdm_batch good)
{
    gating *g = m->gating;
    double  n = 0.0;
    for (pdm_size i = 0; i < good.n; i++)
        n += (double)pdm_routing_count(g->routing, g->p + choice_of(g, good.index[i]));
    return n / (double)(good.n * pdm_experts_n_column(m->experts));
}

/* Corrects the price for what the gate makes of it, and finds the targets. */
static void find_targets(pdm_model *m, pdm_batch good)
{
    gating      *g      = m->gating;
    const double wanted = pdm_routing_get_settings(g->routing)->unknowns, missed = kept_share(m, good) / wanted - 1.0;
    g->next_drift = fmax(-DRIFT_MOST, fmin(DRIFT_MOST, g->next_drift + DRIFT_RATE * missed));
    for (pdm_size i = 0; i < good.n; i++) {
        const pdm_size k = good.index[i], at = choice_of(g, k);
        pdm_routing_target(g->routing, g->worth + at, g->next_price + g->next_drift, g->surcharge + row_of(g, k),
                           g->target + at);
    }
}

/* The price of unknowns: a running mean of what would do for each batch. */
static void find_price(pdm_model *m, pdm_batch good)
{
    gating      *g    = m->gating;
    const double here = pdm_routing_log_price(g->routing, good, pdm_routing_get_settings(g->routing)->unknowns,
                                              g->balance, g->worth, g->surcharge);
    g->next_price     = isnan(g->log_price) ? here : PRICE_MEMORY * g->log_price + (1.0 - PRICE_MEMORY) * here;
    g->next_drift     = g->drift;
}

/* Adds the gradient of the cross entropy with the targets, averaged over experts and samples, by the gate's weights; returns
 * how far the probabilities are from them. */
static double add_entropy(pdm_model *m, pdm_batch good)
{
    gating        *g        = m->gating;
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
        pdm_gate_backward(g->gate, row_of(g, k), n_expert, seen_by(m, k), g->g_score + at);
    }
    return distance;
}

pdm_status gating_learn(pdm_model *m, pdm_batch good, double loss)
{
    pdm_status status = PDM_OK;
    gating    *g      = m->gating;
    bool       finite = true;

    if (!g) return PDM_OK;
    const pdm_weights net = pdm_gate_lend(g->gate);
    for (pdm_size i = 0; i < net.n; i++) net.gradient[i] *= loss > 0.0 ? 1.0 / loss : 0.0;
    PDM_TRY(find_worth(m, good));
    find_price(m, good);
    find_targets(m, good);
    model_set_value(m, "gate.distance", add_entropy(m, good));
    for (pdm_size i = 0; i < net.n; i++) finite = finite && isfinite(net.gradient[i]);
    if (!finite) PDM_FAIL(m->ctx, PDM_ERR_NUMERIC, "the gradient of the gate's weights is not finite (loss %g)", loss);
done:
    return status;
}

/* One more of the gate's steps with the worth that was found: price, targets, gradient. */
static void learn_again(pdm_model *m, pdm_batch good)
{
    gating *g = m->gating;
    for (pdm_size i = 0; i < good.n; i++) {
        const pdm_size k = good.index[i];
        pdm_gate_forward(g->gate, row_of(g, k), pdm_routing_n_expert(g->routing), seen_by(m, k),
                         g->p + choice_of(g, k));
    }
    find_targets(m, good);
    (void)add_entropy(m, good);
}

/* The gate falls silent sooner than the network: columns that come and go cannot be learnt. */
static double gate_rate(const pdm_model *m)
{
    const double rate = optimiser_rate(m, pdm_routing_get_settings(m->gating->routing)->learning_rate);
    return is_open(m) ? rate : rate * OPENING / (double)(m->step + 1 + OPENING - m->gating->opening);
}

/* The gate's steps in so many of the network's. */
static pdm_size lessons_before(const gating *g, pdm_size step)
{
    return step + (LESSONS - 1) * (step < g->opening ? step : g->opening);
}

void gating_update(pdm_model *m, pdm_batch good)
{
    gating *g = m->gating;
    if (!g) return;
    const pdm_size lessons = is_open(m) ? LESSONS : 1,
                   before  = lessons_before(g, m->step) - lessons_before(g, m->moments_since);
    for (pdm_size lesson = 0; lesson < lessons; lesson++) {
        if (lesson > 0) learn_again(m, good);
        (void)pdm_gate_update(g->gate, before + lesson + 1, gate_rate(m));
    }
    g->log_price = g->next_price;
    g->drift     = g->next_drift;
    if (m->step == g->opening) usage_clear(g); /* what was there before was there whatever the gate said */
    usage_take(m, batch_of(m, m->n_batch));
    gating_tell_closed(m);
    model_set_value(m, "gate.price", exp(g->log_price + g->drift));
}

/* ---- file ---- */

/* Of a file that does not have it: that of a new gate. */
static pdm_status store_opening(gating *g, pdm_store *s, bool writing)
{
    pdm_status status = PDM_OK;
    pdm_size   length = 0;
    int64_t    steps  = g->opening;

    if (!writing) PDM_TRY(pdm_store_length(s, "gate", "opening", &length));
    if (writing ? steps == OPENING : length < 0) goto done;
    PDM_TRY(store_values(s, writing, "gate", "opening", PDM_STORE_INT64, 1, &steps));
    g->opening = steps;
done:
    return status;
}

pdm_status gating_store(pdm_model *m, pdm_store *s, bool writing)
{
    pdm_status status = PDM_OK;
    gating    *g      = m->gating;

    if (!g) return PDM_OK;
    const pdm_weights net = pdm_gate_lend(g->gate);
    const struct {
        const char *name;
        double     *values;
        pdm_size    n;
    } piece[]            = {{"parameters", net.parameter, net.n},
                            {"log_price", &g->log_price, 1},
                            {"drift", &g->drift, 1},
                            {"adam_m", net.m, net.n},
                            {"adam_v", net.v, net.n}};
    const size_t n_piece = sizeof piece / sizeof *piece - (m->moments_empty ? 2 : 0);
    for (size_t i = 0; i < n_piece; i++)
        PDM_TRY(store_values(s, writing, "gate", piece[i].name, PDM_STORE_DOUBLE, piece[i].n, piece[i].values));
    PDM_TRY(store_opening(g, s, writing));
    PDM_TRY(usage_store(m, s, writing));
done:
    return status;
}
