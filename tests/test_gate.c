/* The gate: its network, routing, price and balance by themselves; its gradient through the whole model; odd states;
 * what a trained one does. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/models.h"
#include "tests/prediction.h"
#include "gate/gate_impl.h"

static double number(uint64_t stream, pdm_size i)
{
    return pdm_random_normal((pdm_random_key){77, PDM_RANDOM_TEST, stream}, (uint64_t)i);
}

static const pdm_random_key DIRECTION = {77, PDM_RANDOM_TEST, 5};

/* ---- the network ---- */

enum { N_IN = 5, N_HIDDEN = 7, N_CHOICE = 4, N_ROW = 6 };

typedef struct network {
    pdm_gate_net *gate;
    double        x[N_ROW * N_IN], p[N_ROW * N_CHOICE], weight[N_ROW * N_CHOICE];
} network;

static double network_loss(void *user)
{
    network *k   = user;
    double   sum = 0.0;
    pdm_gate_net_forward(k->gate, 0, N_ROW, k->x, k->p);
    for (int i = 0; i < N_ROW * N_CHOICE; i++) sum += k->weight[i] * k->p[i] * k->p[i];
    return sum;
}

START_TEST(network_passes_the_taylor_test)
    {
        network k                         = {0};
        double  g_score[N_ROW * N_CHOICE] = {0}, g_p[N_CHOICE];
        open_context();
        OK(pdm_gate_net_create(ctx, N_IN, N_HIDDEN, N_CHOICE, N_ROW, 3, &k.gate));
        pdm_weights s = pdm_gate_net_lend(k.gate);
        network_loss(&k);
        for (int i = 0; i < N_ROW * N_CHOICE; i++)
            ck_assert_double_eq_tol(k.p[i], 0.25, 1e-15); /* all the same at first */
        for (pdm_size i = 0; i < s.n; i++) s.parameter[i] = 0.7 * number(1, i);
        for (int i = 0; i < N_ROW * N_IN; i++) k.x[i] = number(2, i);
        for (int i = 0; i < N_ROW * N_CHOICE; i++) k.weight[i] = number(3, i);
        network_loss(&k);
        for (int r = 0; r < N_ROW; r++) {
            double sum = 0.0;
            for (int c = 0; c < N_CHOICE; c++) {
                const int i = r * N_CHOICE + c;
                g_p[c]      = 2.0 * k.weight[i] * k.p[i];
                sum += k.p[i];
            }
            ck_assert_double_eq_tol(sum, 1.0, 1e-15);
            pdm_gate_net_softmax_backward(N_CHOICE, k.p + r * N_CHOICE, g_p, g_score + r * N_CHOICE);
        }
        pdm_gate_net_backward(k.gate, 0, N_ROW, k.x, g_score);
        double *g = calloc((size_t)s.n, sizeof *g);
        memcpy(g, s.gradient, (size_t)s.n * sizeof *g);
        const double slope = taylor_slope(network_loss, &k, DIRECTION, s.parameter, g, s.n, 0.05);
        ck_assert_msg(fabs(slope - 2.0) < 0.1, "slope %.3f", slope);
        free(g);
        /* an update goes down, clears the gradient, and refuses what is not a number */
        const double before = network_loss(&k);
        ck_assert(pdm_gate_net_update(k.gate, 1, 1e-3));
        ck_assert_double_lt(network_loss(&k), before);
        ck_assert_double_eq(s.gradient[0], 0.0);
        const double kept = s.parameter[0];
        s.gradient[1]     = NAN;
        ck_assert(!pdm_gate_net_update(k.gate, 2, 1e-3));
        ck_assert_double_eq(s.parameter[0], kept);
        pdm_gate_net_destroy(&k.gate);
        close_context();
    }
END_TEST

/* ---- models ---- */

static pdm_case *gated_case(int kind, const char *experts, const char *basis, const char *groups, const char *shared)
{
    pdm_case *c = NULL;
    OK(problem_case(ctx, kind, &c));
    const char *const set[][3] = {
        {"experts", "basis", basis},  {"surrogate", "width", "6"},      {"surrogate", "layers", "2"},
        {"surrogate", "hidden", "8"}, {"surrogate", "modes", "2 2"},    {"training", "batch", "3"},
        {"training", "steps", "60"},  {"domain/x", "experts", experts}, {"gate", "groups", groups},
        {"gate", "shared", shared},   {"gate", "hidden", "5"},          {"solver", "ridge", "1e-4"},
        {"gate", "top_p", "0.9"}};
    for (size_t i = 0; i < sizeof set / sizeof *set; i++) OK(pdm_case_set_text(c, set[i][0], set[i][1], set[i][2]));
    return c;
}

static pdm_batch all_of(pdm_model *m)
{
    return pdm_model_batch(m, m->n_batch);
}

/* Weights of a gate that has seen something: scores of order one. */
static void stir(pdm_model *m, double size)
{
    const pdm_weights s = pdm_gate_net_lend(m->gate->net);
    for (pdm_size i = 0; i < s.n; i++) s.parameter[i] = size * number(11, i);
    m->state.step = PDM_GATE_OPENING;
}

/* Scores that do not look at the input: b_1, the last of the parameters. */
static void prescribe(pdm_model *m, const double *score)
{
    const pdm_weights s = pdm_gate_net_lend(m->gate->net);
    const pdm_size    n = pdm_routing_n_choice(m->gate->routing);
    for (pdm_size i = 0; i < s.n; i++) s.parameter[i] = i < s.n - n ? 0.0 : score[i - s.n + n];
    m->state.step = PDM_GATE_OPENING;
}

static void write_data(const pdm_model *m, const char *path)
{
    const pdm_pde *pde     = pdm_domain_pde(m->problem->domain);
    pdm_output    *o       = NULL;
    const char    *dims[3] = {"sample"};
    double         u[50], a[2] = {0.6, 0.9};
    OK(pdm_output_create(ctx, path, &o));
    OK(pdm_output_dimension(o, "sample", 2, NULL, NULL, NULL, NULL));
    for (pdm_size j = 0; j < 2; j++) {
        const pdm_spline *s = pdm_domain_spline(m->problem->domain, j);
        double            x[5];
        for (int i = 0; i < 5; i++) x[i] = s->map.low + (s->map.high - s->map.low) * (i + 0.5) / 5.0;
        dims[j + 1] = pdm_pde_dim_name(pde, j);
        OK(pdm_output_dimension(o, dims[j + 1], 5, x, "1", NULL, NULL));
    }
    for (int i = 0; i < 50; i++) u[i] = 0.5 + 0.3 * sin(0.7 * i);
    OK(pdm_output_variable(o, "a", 1, dims, "1", NULL));
    OK(pdm_output_put(o, "a", 0, 2, a));
    for (pdm_size f = 0; f < pdm_pde_n_field(pde); f++) {
        OK(pdm_output_variable(o, pdm_pde_field_name(pde, f), 3, dims, "1", NULL));
        OK(pdm_output_put(o, pdm_pde_field_name(pde, f), 0, 2, u));
    }
    OK(pdm_output_commit(o));
    pdm_output_destroy(&o);
}

static double loss_at(void *user)
{
    double loss = NAN;
    OK(model_loss(user, 0, false, &loss));
    return loss;
}

/* The gate's weights through choice, ridge, solve and adjoint; the sets are frozen. */
START_TEST(gate_gradient_passes_the_taylor_test)
    {
        static const int         problems[] = {PROBLEM_HEAT, PROBLEM_FLUX, PROBLEM_SYSTEM, PROBLEM_LEVELS};
        static const char *const losses[]   = {"physics", "data", "mix"};
        double                   loss;
        char                     path[64];
        open_context();
        pdm_case *c = gated_case(problems[_i / 3], _i % 2 ? "3" : "2", "5", "4", "1");
        OK(pdm_case_set_text(c, "gate", "ridge", "1e-2"));
        snprintf(path, sizeof path, "gate-data-%d.nc", _i);
        if (_i % 3 > 0) {
            pdm_model *m = model_of(gated_case(problems[_i / 3], "2", "5", "4", "1"));
            write_data(m, path);
            pdm_model_destroy(&m);
            OK(pdm_case_set_text(c, "training", "data", path));
        }
        OK(pdm_case_set_text(c, "training", "loss", losses[_i % 3]));
        pdm_model *m = model_of(c);
        remove(path);
        stir(m, 0.8);
        pdm_solver_set_limits(m->solver, 1e-13, 500);
        OK(model_loss(m, 0, true, &loss));
        const pdm_routing_choice choice = pdm_routing_lend(m->gate->routing);
        pdm_size                 on = 0, n = m->n_batch * pdm_experts_n_column(m->experts);
        for (pdm_size i = 0; i < n; i++) on += choice.on[i];
        ck_assert(on > 0 && on < n);
        pdm_weights s = pdm_gate_net_lend(m->gate->net);
        double     *g = calloc((size_t)s.n, sizeof *g);
        memcpy(g, s.gradient, (size_t)s.n * sizeof *g);
        pdm_routing_freeze(m->gate->routing, true);
        const double slope = taylor_slope(loss_at, m, DIRECTION, s.parameter, g, s.n, 0.02);
        ck_assert_msg(fabs(slope - 2.0) < 0.1, "problem %d, loss %s: slope %.3f", problems[_i / 3], losses[_i % 3],
                      slope);
        free(g);
        pdm_model_destroy(&m);
        close_context();
    }
END_TEST

/* ---- the gradient check that users have ---- */

static void keep_text(void *user, const char *text)
{
    snprintf(user, 8192, "%s", text);
}

/* A back end that tells the gate a derivative by its ridges that is a little too large,
 * or of the network's gradient nothing. */
static const pdm_backend_ops *right_ops;
static pdm_buffer            *spoiled, *unknown;

static pdm_status spoil_acquire(pdm_backend *b, pdm_buffer *buffer, pdm_access access, void **host)
{
    const pdm_status status = right_ops->acquire(b, buffer, access, host);
    if (buffer == spoiled && status == PDM_OK) /* the CPU lends the buffer itself */
        for (int i = 0; i < 3 * 2 * 5; i++) ((double *)*host)[i] *= 1.01;
    if (buffer == unknown && status == PDM_OK) ((float *)*host)[0] = NAN;
    return status;
}

/* It finds the gate's gradient right, also with the small ridge that is the default, and finds an error of one in a
 * hundred. The network's gradient has to be right, too. */
START_TEST(gradient_check_has_the_gate)
    {
        if (on_backend("check")) return;
        static const char *const ridges[] = {"1e-9", "1e-2", "1e-2", "0", "1e-2"};
        double                   slope    = NAN;
        char                     table[8192];
        open_context();
        pdm_case *c = gated_case(PROBLEM_FLUX, "2", "5", "4", "1");
        OK(pdm_case_set_text(c, "gate", "ridge", ridges[_i]));
        pdm_model *m = model_of(c);
        stir(m, 0.8);
        const pdm_weights s    = pdm_gate_net_lend(m->gate->net);
        double           *kept = calloc((size_t)s.n, sizeof *kept);
        memcpy(kept, s.parameter, (size_t)s.n * sizeof *kept);
        pdm_backend_ops ops      = *m->problem->backend->ops;
        right_ops                = m->problem->backend->ops;
        spoiled                  = _i == 2 ? m->g_ridge : NULL;
        unknown                  = _i == 4 ? m->surrogate->g_parameters : NULL;
        ops.acquire              = spoil_acquire;
        m->problem->backend->ops = &ops;
        OK(pdm_model_check_gradient(m, &slope, keep_text, table));
        m->problem->backend->ops = right_ops;
        ck_assert_int_eq(memcmp(kept, s.parameter, (size_t)s.n * sizeof *kept), 0);
        ck_assert_msg(_i == 4 || fabs(pdm_model_value(m, "slope.network") - 2.0) <= 0.1, "%s", table);
        const double of_gate = pdm_model_value(m, "slope.gate");
        if (_i == 3)
            ck_assert_msg(isnan(of_gate) && strstr(table, "gate: no slope: the loss does not depend"), "%s", table);
        else
            ck_assert_msg(fabs(of_gate - (_i == 2 ? 1.0 : 2.0)) <= (_i == 2 ? 0.3 : 0.1), "%s", table);
        ck_assert_msg(_i == 4 ? isnan(slope) : fabs(slope - 2.0) <= 0.1 || _i == 2, "%s", table);
        ck_assert(_i != 2 || slope == of_gate);
        free(kept);
        pdm_model_destroy(&m);
        close_context();
    }
END_TEST

/* ---- routing ---- */

/* Null alone, or the fewest groups that reach top_p of what it leaves, ties by number,
 * shared columns with all but null experts. */
START_TEST(groups_are_the_fewest_that_reach_top_p)
    {
        static const struct {
            double      p[4];
            const char *on;
        } rows[] = {{{0.5, 0.3, 0.1, 0.1}, "110"},     {{0.85, 0.05, 0.05, 0.05}, "100"},
                    {{0.05, 0.05, 0.05, 0.85}, "000"}, {{0.1, 0.1, 0.2, 0.6}, "111"},
                    {{0.25, 0.25, 0.25, 0.25}, "111"}, {{0.1, 0.7, 0.2, 0.0}, "011"},
                    {{0.02, 0.02, 0.3, 0.66}, "001"}};
        open_context();
        pdm_case *c = gated_case(PROBLEM_HEAT, "2", "7", "3", "1");
        OK(pdm_case_set_text(c, "gate", "top_p", "0.8"));
        pdm_model               *m      = model_of(c);
        const pdm_routing_choice choice = pdm_routing_lend(m->gate->routing);
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
            double p[8];
            int    n = 0;
            memcpy(p, rows[i].p, sizeof rows[i].p);
            memcpy(p + 4, rows[0].p, sizeof rows[0].p);
            OK(pdm_routing_choose(m->gate->routing, 1, p, 1e-4));
            for (int k = 0; k < 3; k++) {
                ck_assert_int_eq(choice.group_on[1 * 2 * 3 + k], rows[i].on[k] - '0');
                n += rows[i].on[k] - '0';
            }
            ck_assert_int_eq(choice.null[2], n == 0);
            ck_assert_int_eq(choice.n_on[2], n == 0 ? 0 : 1 + 2 * n);
            ck_assert_int_eq(choice.n_on[3], 5);
            ck_assert_int_eq(choice.on[pdm_experts_n_column(m->experts)], n > 0); /* the shared one */
        }
        double p[8] = {0.5, 0.5, 0.0, NAN, 0.25, 0.25, 0.25, 0.25};
        ck_assert_int_eq(pdm_routing_choose(m->gate->routing, 1, p, 1e-4), PDM_ERR_NUMERIC);
        ck_assert_ptr_nonnull(strstr(pdm_context_error(ctx), "choice 3 of expert 0 of sample 1"));
        pdm_model_destroy(&m);
        close_context();
    }
END_TEST

/* The price leaves the wanted share, whatever the scale of worth; targets at that price keep what is worth it. */
START_TEST(price_meets_the_budget)
    {
        double worth[3 * 2 * 5], t[2 * 5], surcharge[6], share = 0.0;
        open_context();
        pdm_case *c = gated_case(PROBLEM_HEAT, "2", "8", "4", "0");
        OK(pdm_case_set_text(c, "gate", "unknowns", "0.5"));
        pdm_model *m = model_of(c);
        for (int i = 0; i < 30; i++) worth[i] = i % 5 == 4 ? 0.0 : exp(6.0 * number(21, i));
        const double price =
            pdm_routing_log_price(m->gate->routing, all_of(m), 0.5, PDM_BALANCE_GLOBAL, worth, surcharge);
        for (int i = 0; i < 6; i++) ck_assert_double_eq(surcharge[i], 0.0);
        for (int s = 0; s < 3; s++) {
            pdm_routing_target(m->gate->routing, worth + s * 10, price, surcharge, t);
            for (int e = 0; e < 2; e++) {
                double sum = 0.0, most = 0.0;
                for (int k = 0; k < 5; k++) sum += t[e * 5 + k];
                ck_assert_double_eq_tol(sum, 1.0, 1e-12);
                for (int k = 0; k < 4; k++) most = fmax(most, t[e * 5 + k]);
                for (int k = 0; k < 4; k++) {
                    const bool wanted = worth[s * 10 + e * 5 + k] > exp(price) * 0.125; /* 2 of 16 columns */
                    share += wanted ? 1.0 / 24.0 : 0.0;
                    if (!wanted) ck_assert_double_le(t[e * 5 + k], 0.5 * sum);
                }
            }
        }
        ck_assert_double_eq_tol(share, 0.5, 1e-12);
        for (int i = 0; i < 30; i++) worth[i] *= 1e6;
        ck_assert_double_eq_tol(
            pdm_routing_log_price(m->gate->routing, all_of(m), 0.5, PDM_BALANCE_GLOBAL, worth, surcharge),
            price + log(1e6), 1e-6);
        /* an expert that nobody needs is null; one whose worth is not known has no target */
        for (int k = 0; k < 5; k++) worth[k] = 0.0, worth[5 + k] = NAN;
        pdm_routing_target(m->gate->routing, worth, price, surcharge, t);
        ck_assert_double_eq(t[4], 1.0);
        ck_assert(isnan(t[5]));
        pdm_model_destroy(&m);
        close_context();
    }
END_TEST

/* Experts all of whose control points are fixed are not counted among those that are null or not. */
START_TEST(experts_without_columns_do_not_count)
    {
        double p[12 * 3];
        open_context();
        pdm_case *c = gated_case(PROBLEM_SORPTION, "2", "2", "2", "0");
        OK(pdm_case_set_text(c, "domain/t", "experts", "6"));
        OK(pdm_case_set_text(c, "domain/t", "control_points", "6")); /* the first is the initial state */
        pdm_model      *m       = model_of(c);
        pdm_routing    *r       = m->gate->routing;
        const pdm_size *column0 = pdm_experts_column0(m->experts);
        ck_assert_int_eq(pdm_routing_n_expert(r), 12);
        ck_assert_int_eq(column0[2], 0);
        ck_assert_int_gt(column0[3], 0);
        for (int e = 0; e < 12; e++)
            for (int k = 0; k < 3; k++) p[e * 3 + k] = e == 2 || e < 2 ? k == 2 : k < 2 ? 0.5 : 0.0;
        for (pdm_size s = 0; s < m->n_batch; s++) OK(pdm_routing_choose(r, s, p, 1e-4));
        const pdm_routing_load load = pdm_routing_measure(r, all_of(m));
        ck_assert_double_eq_tol(load.null, 0.1, 1e-12); /* one of ten */
        pdm_gate_record *record = NULL;
        pdm_gate_shares  shares;
        OK(pdm_gate_record_create(ctx, m->gate, m->experts, m->problem->domain, NULL, m->n_batch, &record));
        pdm_gate_record_take(record, 0, m->n_batch);
        OK(pdm_gate_record_end(record, &shares));
        pdm_gate_record_destroy(&record);
        ck_assert_double_eq_tol(shares.null, 0.1, 1e-12);
        pdm_model_destroy(&m);
        close_context();
    }
END_TEST

/* ---- balance ---- */

/* A gate that learns worth that is given, by itself: samples are hard in one expert each, and expert 0 more often than
 * others, so that without balance it has the largest load. Features are one-hot. Over a whole batch, an even load
 * leaves each sample free to have its columns where it needs them; sample by sample it does not. */
enum { B_EXPERT = 4, B_SAMPLE = 8, B_GROUPS = 6, B_CHOICE = B_GROUPS + 1 };

static void learn_balanced(pdm_balance kind, const char *weight, double *load, double *captured)
{
    static const int hard_at[B_SAMPLE] = {0, 0, 0, 0, 1, 2, 3, 1};
    enum { B_IN = B_EXPERT + B_EXPERT, STEPS = 1500 };
    double x[B_SAMPLE * B_EXPERT * B_IN]                                 = {0}, p[B_SAMPLE * B_EXPERT * B_CHOICE],
                                   worth[B_SAMPLE * B_EXPERT * B_CHOICE] = {0};
    pdm_gate_net *gate                                                   = NULL;
    int32_t       index[B_SAMPLE];
    pdm_case     *c = gated_case(PROBLEM_FLUX, "4", "6", "6", "0");
    OK(pdm_case_set_text(c, "training", "batch", "8"));
    OK(pdm_case_set_text(c, "domain/x", "control_points", "16"));
    OK(pdm_case_set_text(c, "gate", "balance", weight));
    pdm_model   *m = model_of(c);
    pdm_routing *r = m->gate->routing;
    OK(pdm_gate_net_create(ctx, B_IN, 16, B_CHOICE, B_SAMPLE * B_EXPERT, 1, &gate));
    for (int s = 0; s < B_SAMPLE; s++) {
        index[s] = s;
        for (int e = 0; e < B_EXPERT; e++) {
            double *row = x + (s * B_EXPERT + e) * B_IN, *w = worth + (s * B_EXPERT + e) * B_CHOICE;
            row[e] = row[B_EXPERT + hard_at[s]] = 1.0;
            for (int k = 0; k < B_GROUPS; k++) w[k] = exp((hard_at[s] == e ? 9.0 : 3.0) - 2.0 * k);
        }
    }
    const pdm_batch batch = {B_SAMPLE, index};
    for (int step = 1; step <= STEPS; step++) {
        double g_score[B_SAMPLE * B_EXPERT * B_CHOICE], surcharge[B_SAMPLE * B_EXPERT];
        pdm_gate_net_forward(gate, 0, B_SAMPLE * B_EXPERT, x, p);
        for (int s = 0; s < B_SAMPLE; s++) OK(pdm_routing_choose(r, s, p + s * B_EXPERT * B_CHOICE, 1e-4));
        const double price = pdm_routing_log_price(r, batch, 0.6, kind, worth, surcharge);
        for (int s = 0; s < B_SAMPLE; s++) {
            double    t[B_EXPERT * B_CHOICE];
            const int at = s * B_EXPERT * B_CHOICE;
            pdm_routing_target(r, worth + at, price, surcharge + s * B_EXPERT, t);
            for (int i = 0; i < B_EXPERT * B_CHOICE; i++) g_score[at + i] = (p[at + i] - t[i]) / (B_SAMPLE * B_EXPERT);
        }
        pdm_gate_net_backward(gate, 0, B_SAMPLE * B_EXPERT, x, g_score);
        ck_assert(pdm_gate_net_update(gate, step, 1e-2 * (1.0 - (double)step / (STEPS + 1))));
    }
    double all = 0.0, kept = 0.0;
    for (int i = 0; i < B_SAMPLE * B_EXPERT; i++)
        for (int k = 0; k < B_GROUPS; k++) {
            all += log1p(worth[i * B_CHOICE + k]);
            kept += pdm_routing_lend(r).group_on[i * B_GROUPS + k] ? log1p(worth[i * B_CHOICE + k]) : 0.0;
        }
    *load     = pdm_routing_measure(r, batch).load;
    *captured = kept / all;
    pdm_gate_net_destroy(&gate);
    pdm_model_destroy(&m);
}

START_TEST(global_balance_evens_loads)
    {
        double none, global, local, kept[3]; /* captured: without balance, global, local */
        open_context();
        learn_balanced(PDM_BALANCE_GLOBAL, "0", &none, &kept[0]);
        learn_balanced(PDM_BALANCE_GLOBAL, "1", &global, &kept[1]);
        learn_balanced(PDM_BALANCE_LOCAL, "1", &local, &kept[2]);
        ck_assert_double_gt(none, 1.2);
        ck_assert_double_le(global, 1.2);
        ck_assert_double_gt(kept[1], kept[0] - 0.01);
        ck_assert_double_lt(kept[2], kept[1] - 0.05);
        close_context();
    }
END_TEST

/* ---- odd states ---- */

/* All experts null: the solution is the lift, the network has no gradient, and the gate learns its way out. */
START_TEST(a_gate_that_closes_everything_opens_again)
    {
        const double shut[5] = {0.0, 0.0, 0.0, 0.0, 4.0};
        double       loss, first = 0.0;
        open_context();
        pdm_model *m = model_of(gated_case(PROBLEM_SORPTION, "3", "8", "4", "0"));
        prescribe(m, shut);
        OK(model_loss(m, 0, true, &loss));
        ck_assert_double_eq(m->load.unknowns, 0.0);
        ck_assert_double_eq_tol(m->load.null, 1.0, 1e-12);
        float *g = NULL;
        OK(m->problem->backend->ops->acquire(m->problem->backend, m->surrogate->g_parameters, PDM_READ, (void **)&g));
        for (pdm_size i = 0; i < m->surrogate->n_parameter; i++) ck_assert(g[i] == 0.0f);
        OK(m->problem->backend->ops->release(m->problem->backend, m->surrogate->g_parameters, (void **)&g));
        for (int k = 0; k < 400 && !(pdm_model_value(m, "gate.unknowns") > 0.3); k++) {
            m->problem->training.steps = 400;
            OK(pdm_model_train_step(m));
            if (k == 0) first = pdm_model_value(m, "loss");
        }
        ck_assert_double_gt(pdm_model_value(m, "gate.unknowns"), 0.3);
        ck_assert_double_lt(pdm_model_value(m, "loss"), first);
        pdm_model_destroy(&m);
        close_context();
    }
END_TEST

/* One expert with every column and the rest null: as a solve with the others' coefficients at the lift. */
START_TEST(one_expert_may_have_all)
    {
        double loss;
        open_context();
        pdm_model *m = model_of(gated_case(PROBLEM_SORPTION, "3", "8", "4", "0"));
        OK(model_loss(m, 0, false, &loss));
        pdm_routing   *r        = m->gate->routing;
        const pdm_size n_expert = pdm_routing_n_expert(r);
        double        *p        = calloc((size_t)(n_expert * 5), sizeof *p);
        for (pdm_size e = 0; e < n_expert; e++)
            for (int k = 0; k < 5; k++) p[e * 5 + k] = e == 1 ? 0.2 : k == 4;
        for (pdm_size s = 0; s < m->n_batch; s++) OK(pdm_routing_choose(r, s, p, 1e-4));
        const pdm_routing_choice choice = pdm_routing_lend(r);
        OK(pdm_solver_select(m->solver, all_of(m), choice.on, choice.ridge));
        OK(pdm_solver_solve(m->solver, all_of(m), &m->samples->data, m->basis, m->samples->lift, PDM_START_ZERO));
        const pdm_size n = m->n_batch * pdm_solver_lend(m->solver)->c_size;
        double        *c = NULL, *lift = NULL;
        OK(m->problem->backend->ops->acquire(m->problem->backend, pdm_solver_lend(m->solver)->c, PDM_READ,
                                             (void **)&c));
        OK(m->problem->backend->ops->acquire(m->problem->backend, m->samples->lift, PDM_READ, (void **)&lift));
        pdm_size                moved = 0;
        const pdm_column_group *g     = &pdm_experts_columns(m->experts)->group[1];
        for (pdm_size i = 0; i < n; i++) moved += c[i] != lift[i];
        ck_assert_int_gt(moved, 0);
        ck_assert_int_le(moved, m->n_batch * g->n_coef);
        OK(m->problem->backend->ops->release(m->problem->backend, pdm_solver_lend(m->solver)->c, (void **)&c));
        OK(m->problem->backend->ops->release(m->problem->backend, m->samples->lift, (void **)&lift));
        for (pdm_size s = 0; s < m->n_batch; s++)
            ck_assert(pdm_reason_is_good(pdm_solver_results(m->solver)[s].reason));
        free(p);
        pdm_model_destroy(&m);
        close_context();
    }
END_TEST

/* Scores that are not numbers stop a step, and the weights stay. */
START_TEST(scores_that_are_not_numbers_are_an_error)
    {
        open_context();
        pdm_model        *m  = model_of(gated_case(PROBLEM_HEAT, "2", "4", "2", "0"));
        const pdm_weights s  = pdm_gate_net_lend(m->gate->net);
        s.parameter[s.n - 1] = NAN;
        const double kept    = s.parameter[0];
        ck_assert_int_eq(pdm_model_train_step(m), PDM_ERR_NUMERIC);
        ck_assert_msg(
            strstr(pdm_context_error(ctx), "the gate gives choice 0 of expert 0 of sample 0 the probability") &&
                strstr(pdm_context_error(ctx), "its weights or the features are not finite") &&
                strstr(pdm_context_error(ctx), "in training step 0; the weights are those of the step before"),
            "%s", pdm_context_error(ctx));
        ck_assert_double_eq(pdm_gate_get_usage(m->gate).weight, 0.0);
        ck_assert_double_eq(s.parameter[0], kept);
        ck_assert_int_eq(pdm_model_step(m), 0);
        pdm_model_destroy(&m);
        close_context();
    }
END_TEST

/* Lines of the log. */
typedef struct told {
    int  n;
    char text[4096];
} told;

static void keep_line(void *user, pdm_log_level level, const char *topic, const char *text)
{
    told *t = user;
    (void)level, (void)topic;
    t->n++;
    snprintf(t->text + strlen(t->text), sizeof t->text - strlen(t->text), "%s\n", text);
}

/* A prediction without any column is the lift, with a warning; training says so once, and leaves the network as it is. */
START_TEST(a_closed_gate_predicts_the_lift)
    {
        const double shut[5] = {0.0, 0.0, 0.0, 0.0, 9.0}, input = 0.1;
        told         t = {0};
        open_context();
        pdm_context_set_log(ctx, keep_line, &t, PDM_LOG_WARNING);
        pdm_case *c = gated_case(PROBLEM_SORPTION, "3", "8", "4", "0");
        OK(pdm_case_set_text(c, "gate", "learning_rate", "0")); /* it stays closed */
        pdm_model *m = model_of(c);
        prescribe(m, shut);
        m->state.norm_mean = 0.5;
        double *u = calloc((size_t)pdm_model_n_point(m), sizeof *u), *c_of = NULL, *lift = NULL;
        OK(pdm_model_predict(m, 1, &input, u, NULL));
        OK(m->problem->backend->ops->acquire(m->problem->backend, pdm_solver_lend(m->solver)->c, PDM_READ,
                                             (void **)&c_of));
        OK(m->problem->backend->ops->acquire(m->problem->backend, m->samples->lift, PDM_READ, (void **)&lift));
        ck_assert_int_eq(memcmp(c_of, lift, (size_t)pdm_solver_lend(m->solver)->c_size * sizeof *lift), 0);
        OK(m->problem->backend->ops->release(m->problem->backend, pdm_solver_lend(m->solver)->c, (void **)&c_of));
        OK(m->problem->backend->ops->release(m->problem->backend, m->samples->lift, (void **)&lift));
        float *before = NULL, *after = NULL;
        OK(m->problem->backend->ops->acquire(m->problem->backend, m->surrogate->parameters, PDM_READ, (void **)&after));
        before = calloc((size_t)m->surrogate->n_parameter, sizeof *before);
        memcpy(before, after, (size_t)m->surrogate->n_parameter * sizeof *before);
        OK(m->problem->backend->ops->release(m->problem->backend, m->surrogate->parameters, (void **)&after));
        for (int k = 0; k < 5; k++) OK(pdm_model_train_step(m));
        OK(m->problem->backend->ops->acquire(m->problem->backend, m->surrogate->parameters, PDM_READ, (void **)&after));
        ck_assert_int_eq(memcmp(before, after, (size_t)m->surrogate->n_parameter * sizeof *before), 0);
        OK(m->problem->backend->ops->release(m->problem->backend, m->surrogate->parameters, (void **)&after));
        ck_assert_int_eq(t.n, 1);
        ck_assert_ptr_nonnull(strstr(t.text, "step 11: the gate leaves every expert of every input null"));
        ck_assert_double_eq(pdm_gate_get_usage(m->gate).null[0], 1.0);
        ck_assert_double_eq(m->state.norm_mean, 0.5); /* when the gate opens, gradients are not cut */
        free(before), free(u);
        pdm_model_destroy(&m);
        close_context();
    }
END_TEST

/* A price that no share goes with stops at its limits, and the targets at it are probabilities still. */
START_TEST(price_has_limits)
    {
        double worth[3 * 2 * 5], t[2 * 5], surcharge[6];
        open_context();
        pdm_model   *m = model_of(gated_case(PROBLEM_HEAT, "2", "8", "4", "0"));
        pdm_routing *r = m->gate->routing;
        for (int kind = 0; kind < 3; kind++) { /* worth nothing; not known; beyond any price */
            const double value = kind == 0 ? 0.0 : kind == 1 ? NAN : 1e300;
            for (int i = 0; i < 30; i++) worth[i] = i % 5 == 4 ? 0.0 : value;
            const double price = pdm_routing_log_price(r, all_of(m), 0.5, PDM_BALANCE_GLOBAL, worth, surcharge);
            ck_assert_double_eq_tol(price, kind == 0 ? -60.0 : 60.0, 1e-9);
            pdm_routing_target(r, worth, price, surcharge, t);
            for (int e = 0; e < 2; e++) {
                double sum = 0.0;
                for (int k = 0; k < 5; k++) sum += t[e * 5 + k];
                ck_assert(kind == 1 ? isnan(sum) : fabs(sum - 1.0) < 1e-12);
                if (kind == 0) ck_assert_double_eq(t[e * 5 + 4], 1.0);
                if (kind == 2) ck_assert_double_eq_tol(t[e * 5], 0.25, 1e-12);
            }
        }
        pdm_model_destroy(&m);
        close_context();
    }
END_TEST

/* A share that is not reached: the price rises to a limit, training goes on, and its end says so;
 * a share that is, is not told. */
START_TEST(a_missed_budget_is_told)
    {
        told t = {0};
        open_context();
        pdm_context_set_log(ctx, keep_line, &t, PDM_LOG_WARNING);
        pdm_case *c = gated_case(PROBLEM_HEAT, "2", "4", "2", "0");
        OK(pdm_case_set_text(c, "gate", "unknowns", _i ? "1" : "0.5"));
        OK(pdm_case_set_text(c, "gate", "learning_rate", "0")); /* all columns stay */
        OK(pdm_case_set_text(c, "training", "steps", "200"));
        pdm_model *m = model_of(c);
        OK(pdm_model_train(m, "gate-missed.nc", NULL, NULL));
        ck_assert_double_eq_tol(pdm_model_value(m, "gate.unknowns"), 1.0, 1e-12);
        ck_assert(isfinite(pdm_model_value(m, "gate.price")));
        if (_i == 0) {
            ck_assert_double_eq(m->gate->drift, 4.0);
            ck_assert_int_eq(t.n, 1);
            ck_assert_msg(strstr(t.text, "100.0 % of the unknowns exist") && strstr(t.text, "asks for 50.0 %"), "%s",
                          t.text);
        } else {
            ck_assert_int_eq(t.n, 0);
        }
        pdm_model_destroy(&m);
        remove("gate-missed.nc");
        remove("gate-missed.log.jsonl");
        close_context();
    }
END_TEST

/* ---- the trained gate ---- */

/* All columns exist at first; what is left then is the share that was asked for, and the loss goes down with it. */
START_TEST(training_meets_the_budget)
    {
        double first = 0.0, share = 0.0, last = 0.0;
        enum { STEPS = 200, LAST = 20 };
        open_context();
        pdm_case *c = gated_case(PROBLEM_SORPTION, "3", "12", "6", "0");
        OK(pdm_case_set_text(c, "gate", "unknowns", "0.6"));
        OK(pdm_case_set_text(c, "training", "steps", "200"));
        OK(pdm_case_set_text(c, "gate", "hidden", "16"));
        pdm_model *m = model_of(c);
        for (int k = 0; k < STEPS; k++) {
            OK(pdm_model_train_step(m));
            if (k < PDM_GATE_OPENING) ck_assert_double_eq_tol(pdm_model_value(m, "gate.unknowns"), 1.0, 1e-12);
            if (k == PDM_GATE_OPENING) ck_assert_double_le(fabs(pdm_model_value(m, "gate.unknowns") - 0.6), 0.15);
            if (k < LAST) first += pdm_model_value(m, "loss") / LAST;
            if (k >= STEPS - LAST) {
                last += pdm_model_value(m, "loss") / LAST;
                share += pdm_model_value(m, "gate.unknowns") / LAST;
            }
        }
        ck_assert_msg(fabs(share - 0.6) < 0.1, "share %.3f", share);
        ck_assert_double_lt(last, first);
        pdm_model_destroy(&m);
        close_context();
    }
END_TEST

/* A front that starts at x = 0 and is not far from there at the end: experts ahead of it are null,
 * the one it is in is not. */
START_TEST(experts_ahead_of_a_front_are_null)
    {
        static const char *const set[][3] = {{"pde", "fields", "u"},
                                             {"pde/residuals", "u", "dt(u) - dx(5e-4*dx(u))"},
                                             {"pde/initial", "u", "a"},
                                             {"pde/boundary", "x_min", "u = 1"},
                                             {"pde/boundary", "x_max", "flux(u) = 0"},
                                             {"inputs/a", "distribution", "uniform(0, 0.2)"},
                                             {"domain", "dimensions", "t x"},
                                             {"domain/t", "extent", "0 1"},
                                             {"domain/t", "control_points", "6"},
                                             {"domain/x", "extent", "0 1"},
                                             {"domain/x", "control_points", "36"},
                                             {"domain/x", "experts", "6"},
                                             {"experts", "basis", "6"},
                                             {"surrogate", "width", "6"},
                                             {"surrogate", "layers", "2"},
                                             {"surrogate", "hidden", "8"},
                                             {"surrogate", "modes", "2 4"},
                                             {"training", "batch", "3"},
                                             {"training", "steps", "150"},
                                             {"gate", "groups", "3"},
                                             {"gate", "unknowns", "0.4"}};
        pdm_case                *c        = NULL;
        open_context();
        OK(pdm_case_create(ctx, &c));
        for (size_t i = 0; i < sizeof set / sizeof *set; i++) OK(pdm_case_set_text(c, set[i][0], set[i][1], set[i][2]));
        pdm_model *m = model_of(c);
        for (int k = 0; k < 150; k++) OK(pdm_model_train_step(m));
        OK(model_loss(m, 999, false, &(double){0.0})); /* inputs that it has not seen */
        const unsigned char *null = pdm_routing_lend(m->gate->routing).null;
        for (int s = 0; s < 3; s++) {
            ck_assert(!null[s * 6]);
            for (int e = 3; e < 6; e++) ck_assert_msg(null[s * 6 + e], "expert %d of sample %d", e, s);
        }
        pdm_model_destroy(&m);
        close_context();
    }
END_TEST

/* A model that was read goes on as the one that was written would have: gate, moments, price and use are in the file. */
START_TEST(resumed_training_is_the_same_training)
    {
        double *weight[2], price[2], use[2][5];
        open_context();
        pdm_model *m = model_of(gated_case(PROBLEM_FLUX, "3", "6", "3", "0"));
        for (int run = 0; run < 2; run++) {
            if (run == 1) OK(pdm_model_read(ctx, "gate-resume.nc", &m));
            for (int k = run ? 5 : 0; k < 12; k++) {
                if (run == 0 && k == 5) OK(pdm_model_write(m, "gate-resume.nc"));
                OK(pdm_model_train_step(m));
            }
            const pdm_weights s = pdm_gate_net_lend(m->gate->net);
            weight[run]         = calloc((size_t)s.n, sizeof(double));
            memcpy(weight[run], s.parameter, (size_t)s.n * sizeof(double));
            price[run]             = pdm_model_value(m, "gate.price");
            const pdm_gate_usage u = pdm_gate_get_usage(m->gate);
            use[run][0] = u.weight, use[run][1] = u.columns[1], use[run][2] = u.null[1], use[run][3] = u.load[2];
            use[run][4] = u.group[u.n_expert * u.n_group - 1];
            if (run == 1) ck_assert_int_eq(memcmp(weight[0], weight[1], (size_t)s.n * sizeof(double)), 0);
            pdm_model_destroy(&m);
        }
        ck_assert_double_eq(price[0], price[1]);
        ck_assert_int_eq(memcmp(use[0], use[1], sizeof use[0]), 0);
        ck_assert_double_gt(use[0][1], 0.0);
        remove("gate-resume.nc");
        free(weight[0]), free(weight[1]);
        close_context();
    }
END_TEST

/* Means over steps, each counting 0.98 times as much as the next, of what routing lends after each of them, from the
 * first step in which the gate chooses; the whole use of the steps before is known beforehand. */
START_TEST(usage_is_the_mean_over_recent_steps)
    {
        enum { STEPS = 70, EXPERTS = 3, GROUPS = 4 };
        double columns[EXPERTS] = {0}, null[EXPERTS] = {0}, load[EXPERTS] = {0}, group[EXPERTS][GROUPS] = {0};
        double total = 0.0;
        open_context();
        pdm_case *c = gated_case(PROBLEM_SORPTION, "3", "8", "4", "0");
        OK(pdm_case_set_text(c, "gate", "unknowns", "0.3"));
        pdm_model     *m = model_of(c);
        pdm_gate_usage u = pdm_gate_get_usage(m->gate);
        ck_assert_int_eq(u.n_expert, EXPERTS);
        ck_assert_int_eq(u.n_group, GROUPS);
        ck_assert_double_eq(u.weight, 0.0);
        ck_assert(isnan(u.columns[0]) && isnan(u.null[0]) && isnan(u.load[0]) && isnan(u.group[0]));
        const pdm_column_group *owned = pdm_experts_columns(m->experts)->group;
        for (int k = 0; k < STEPS; k++) {
            OK(pdm_model_train_step(m));
            if (k < PDM_GATE_OPENING) { /* all columns exist at first */
                u = pdm_gate_get_usage(m->gate);
                ck_assert_double_eq_tol(u.columns[1], 8.0, 1e-12);
                ck_assert_double_eq_tol(u.group[5], 1.0, 1e-12);
                ck_assert_double_eq(u.null[2], 0.0);
                continue;
            }
            const pdm_routing_choice choice = pdm_routing_lend(m->gate->routing);
            const double             weight = pow(0.98, STEPS - 1 - k) / (double)m->n_batch;
            for (pdm_size i = 0; i < m->n_batch * EXPERTS; i++) {
                const double n = (double)choice.n_on[i];
                columns[i % EXPERTS] += weight * n;
                load[i % EXPERTS] += weight * n * n * (double)owned[i % EXPERTS].n_coef;
                null[i % EXPERTS] += weight * (n == 0.0);
                for (int j = 0; j < GROUPS; j++) group[i % EXPERTS][j] += weight * choice.group_on[i * GROUPS + j];
            }
            total += pow(0.98, k - PDM_GATE_OPENING);
        }
        u = pdm_gate_get_usage(m->gate);
        ck_assert_double_eq_tol(u.weight, 1.0 - pow(0.98, STEPS - PDM_GATE_OPENING), 1e-12);
        double off = 0.0;
        for (int e = 0; e < EXPERTS; e++) {
            ck_assert_double_eq_tol(u.columns[e], columns[e] / total, 1e-12);
            ck_assert_double_eq_tol(u.load[e], load[e] / total, 1e-9);
            ck_assert_double_eq_tol(u.null[e], null[e] / total, 1e-12);
            for (int j = 0; j < GROUPS; j++) {
                ck_assert_double_eq_tol(u.group[e * GROUPS + j], group[e][j] / total, 1e-12);
                off += 1.0 - u.group[e * GROUPS + j];
            }
        }
        ck_assert_double_gt(off, 1.0); /* there is something to see */
        pdm_model_destroy(&m);
        m = model_of(gated_case(PROBLEM_SORPTION, "3", "8", "4", "0"));
        OK(pdm_model_write(m, "gate-usage.nc")); /* as files from before usage was kept */
        pdm_model_destroy(&m);
        OK(pdm_model_read(ctx, "gate-usage.nc", &m));
        ck_assert_double_eq(pdm_gate_get_usage(m->gate).weight, 0.0);
        ck_assert(isnan(pdm_gate_get_usage(m->gate).columns[0]));
        pdm_model_destroy(&m);
        remove("gate-usage.nc");
        close_context();
    }
END_TEST

START_TEST(steps_do_not_allocate)
    {
        if (on_backend("check")) return;
        pdm_size second = 0, last = 0;
        open_context();
        pdm_model *m = model_of(gated_case(PROBLEM_SYSTEM, "3", "6", "3", "0"));
        for (int k = 0; k < 20; k++) {
            OK(pdm_model_train_step(m));
            if (k == 1) pdm_context_memory(ctx, NULL, NULL, &second);
        }
        pdm_context_memory(ctx, NULL, NULL, &last);
        ck_assert_int_eq(second, last);
        pdm_model_destroy(&m);
        close_context();
    }
END_TEST

int main(void)
{
    Suite *s = suite_create("gate");
    TCase *t = tcase_create("gate");
    tcase_set_timeout(t, 120.0);
    tcase_add_test(t, network_passes_the_taylor_test);
    tcase_add_loop_test(t, gate_gradient_passes_the_taylor_test, 0, 12);
    tcase_add_loop_test(t, gradient_check_has_the_gate, 0, 5);
    tcase_add_test(t, groups_are_the_fewest_that_reach_top_p);
    tcase_add_test(t, experts_without_columns_do_not_count);
    tcase_add_test(t, price_meets_the_budget);
    tcase_add_test(t, global_balance_evens_loads);
    tcase_add_test(t, a_gate_that_closes_everything_opens_again);
    tcase_add_test(t, a_closed_gate_predicts_the_lift);
    tcase_add_test(t, price_has_limits);
    tcase_add_loop_test(t, a_missed_budget_is_told, 0, 2);
    tcase_add_test(t, one_expert_may_have_all);
    tcase_add_test(t, scores_that_are_not_numbers_are_an_error);
    tcase_add_test(t, training_meets_the_budget);
    tcase_add_test(t, experts_ahead_of_a_front_are_null);
    tcase_add_test(t, resumed_training_is_the_same_training);
    tcase_add_test(t, usage_is_the_mean_over_recent_steps);
    tcase_add_test(t, steps_do_not_allocate);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
