/* train/: models with gates made from models: merged, with more experts, with fewer groups, trained on from others. */
#include "kin/kin.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/models.h"
#include "kin/kin_impl.h"
#include "train/train_impl.h"

#define COMPRESS(...) (&(pdm_compress_settings){.size = sizeof(pdm_compress_settings), __VA_ARGS__})

/* Eight columns in four groups, shared ones none. */
static pdm_case *gated_case(int number)
{
    static const word w[] = {{"experts", "basis", "8"},    {"surrogate", "width", "6"}, {"surrogate", "layers", "2"},
                             {"surrogate", "hidden", "8"}, {"surrogate", "modes", "2"}, {"training", "batch", "2"},
                             {"training", "steps", "20"},  {"gate", "groups", "4"},     {"gate", "hidden", "5"},
                             {"gate", "unknowns", "0.7"}};
    pdm_case         *c   = NULL;
    OK(problem_case(ctx, number, &c));
    set(c, sizeof w / sizeof *w, w);
    return c;
}

static double *copy_of(pdm_size n, const double *x)
{
    double *copy = malloc((size_t)n * sizeof *copy);
    ck_assert_ptr_nonnull(copy);
    memcpy(copy, x, (size_t)n * sizeof *copy);
    return copy;
}

static double *gate_of(const pdm_model *m, pdm_size *n)
{
    const pdm_weights s = pdm_gate_net_lend(m->gate->net);
    *n                  = s.n;
    return copy_of(s.n, s.parameter);
}

/* ---- merging ---- */

static const word halves[] = {{"inputs/a", "distribution", "uniform(0.5, 0.7)"},
                              {"inputs/a", "distribution", "uniform(0.7, 1.25)"}};

START_TEST(a_merged_gate_is_the_weighted_mean)
    {
        static const char *const path[]   = {"kin_gate_a.nc", "kin_gate_b.nc"};
        const double             weight[] = {1.0, 3.0};
        double                  *w[3] = {NULL}, *group[3] = {NULL}, price[2], drift[2];
        pdm_size                 n = 0;
        open_context();
        pdm_case      *c      = gated_case(PROBLEM_BURGERS);
        pdm_model     *parent = trained(c, PDM_GATE_OPENING), *m = NULL;
        const pdm_size n_use = pdm_routing_n_expert(parent->gate->routing) * 4;
        for (int k = 0; k < 2; k++) {
            m        = branch(parent, halves[k], 3 + k);
            w[k]     = gate_of(m, &n);
            group[k] = copy_of(n_use, m->gate->use.group);
            price[k] = m->gate->log_price;
            drift[k] = m->gate->drift;
            OK(pdm_model_write(m, path[k]));
            pdm_model_destroy(&m);
        }
        OK(pdm_model_merge(ctx, 2, path, weight, &m));
        OK(pdm_model_write(m, "kin_gate_m.nc"));
        for (int read = 0; read < 2; read++) {
            if (read) pdm_model_destroy(&m);
            if (read) OK(pdm_model_read(ctx, "kin_gate_m.nc", &m));
            const pdm_weights s     = pdm_gate_net_lend(m->gate->net);
            double            moved = 0.0;
            for (pdm_size i = 0; i < n; i++) {
                ck_assert_double_eq(s.parameter[i], 0.25 * w[0][i] + 0.75 * w[1][i]);
                ck_assert_double_eq(s.m[i], 0.0);
                ck_assert_double_eq(s.v[i], 0.0);
                moved = fmax(moved, fabs(w[0][i] - w[1][i]));
            }
            ck_assert_double_gt(moved, 1e-3); /* the branches differ */
            ck_assert_int_eq(m->gate->opening, 0);
            ck_assert_double_eq(m->gate->log_price, 0.25 * price[0] + 0.75 * price[1]);
            ck_assert_double_eq(m->gate->drift, 0.25 * drift[0] + 0.75 * drift[1]);
            /* use of one step weighs 1 - 0.98: sums of three and four of them */
            ck_assert_double_eq_tol(m->gate->use_weight, 1.0 - 0.25 * pow(0.98, 3) - 0.75 * pow(0.98, 4), 1e-14);
            for (pdm_size i = 0; i < n_use; i++)
                ck_assert_double_eq(m->gate->use.group[i], 0.25 * group[0][i] + 0.75 * group[1][i]);
        }
        /* Adam's first step from zero moments moves a weight whose gradient is not tiny by the gate's rate, which falls
         * as 10/(step + 11) as this gate has chosen before */
        const double *now = pdm_gate_net_lend(m->gate->net).parameter;
        w[2]              = copy_of(n, now);
        OK(pdm_model_train_step(m));
        double largest = 0.0;
        for (pdm_size i = 0; i < n; i++) largest = fmax(largest, fabs(now[i] - w[2][i]));
        m->state.step--;
        const double rate = optimiser_rate(m, pdm_routing_get_settings(m->gate->routing)->learning_rate) * 10.0 / 15.0;
        ck_assert_double_eq_tol(largest, rate, 1e-3 * rate);
        for (int k = 0; k < 3; k++) free(w[k]);
        for (int k = 0; k < 2; k++) free(group[k]);
        pdm_model_destroy(&m);
        pdm_model_destroy(&parent);
        pdm_case_destroy(&c);
        remove(path[0]);
        remove(path[1]);
        remove("kin_gate_m.nc");
        close_context();
    }
END_TEST

/* A parent whose gate has found no price and seen no step has no say in those of the mean. */
START_TEST(what_a_gate_does_not_know_is_not_averaged)
    {
        static const char *const path[] = {"kin_gate_a.nc", "kin_gate_b.nc"};
        open_context();
        pdm_case  *c      = gated_case(PROBLEM_BURGERS);
        pdm_model *parent = trained(c, 0), *m = branch(parent, halves[0], 3);
        OK(pdm_model_write(parent, path[0]));
        OK(pdm_model_write(m, path[1]));
        const double price = m->gate->log_price, columns = pdm_gate_get_usage(m->gate).columns[0];
        ck_assert(isnan(parent->gate->log_price));
        pdm_model_destroy(&m);
        OK(pdm_model_merge(ctx, 2, path, NULL, &m));
        ck_assert_double_eq_tol(m->gate->log_price, price, 1e-14);
        ck_assert_double_eq_tol(pdm_gate_get_usage(m->gate).columns[0], columns, 1e-14);
        pdm_model_destroy(&m);
        OK(pdm_model_write(parent, path[1]));
        OK(pdm_model_merge(ctx, 2, path, NULL, &m));
        ck_assert(isnan(m->gate->log_price));
        ck_assert_double_eq(pdm_gate_get_usage(m->gate).weight, 0.0);
        pdm_model_destroy(&m);
        pdm_model_destroy(&parent);
        pdm_case_destroy(&c);
        remove(path[0]);
        remove(path[1]);
        close_context();
    }
END_TEST

/* What is changed in the second case, and how it is told; trained on from one another they are refused in the same
 * words, where both have a gate. */
static const struct {
    word        change;
    const char *merging, *going_on;
} unlike[] = {{{"gate", "", ""}, "kin_gate_a.nc and kin_gate_b.nc: /gate: a gate against none", NULL},
              {{"gate", "groups", "2"}, "/gate:groups: 4 against 2", "/gate:groups: 2 against 4"},
              {{"gate", "shared", "4"}, "/gate:shared: 0 against 4", "/gate:shared: 4 against 0"},
              {{"gate", "hidden", "7"}, "/gate:hidden: 5 against 7", "/gate:hidden: 7 against 5"},
              {{"gate", "top_p", "0.8"}, "/gate:top_p is not stated in kin_gate_a.nc and 0.8 in kin_gate_b.nc", NULL},
              {{"domain/x", "experts", "1"}, "/domain/x:experts is 3 in kin_gate_a.nc and 1 in kin_gate_b.nc", NULL},
              {{"gate", "learning_rate", "1e-3"}, NULL, NULL}};

START_TEST(gates_that_differ_are_named)
    {
        static const char *const path[] = {"kin_gate_a.nc", "kin_gate_b.nc"};
        open_context();
        pdm_case  *c = gated_case(PROBLEM_BURGERS), *other = NULL;
        pdm_model *parent = trained(c, 1), *m = NULL, *second = NULL;
        OK(pdm_model_case(parent, &other));
        static const char *const all[] = {"groups", "hidden", "unknowns"};
        if (*unlike[_i].change.name) set(other, 1, &unlike[_i].change);
        for (int k = 0; k < 3 && !*unlike[_i].change.name; k++) OK(pdm_case_remove(other, "gate", all[k]));
        OK(pdm_model_create(other, &second));
        OK(pdm_model_write(parent, path[0]));
        OK(pdm_model_write(second, path[1]));
        const pdm_status got = pdm_model_merge(ctx, 2, path, NULL, &m);
        if (unlike[_i].merging) {
            ck_assert_int_eq(got, PDM_ERR_MODEL);
            ck_assert_ptr_null(m);
            SAYS(unlike[_i].merging);
        } else {
            OK(got);
        }
        pdm_model_destroy(&m);
        const pdm_status on = pdm_model_create_from(other, parent, &m);
        if (unlike[_i].going_on) {
            ck_assert_int_eq(on, PDM_ERR_MODEL);
            SAYS(unlike[_i].going_on);
        } else {
            OK(on);
        }
        pdm_model_destroy(&m);
        pdm_model_destroy(&second);
        pdm_model_destroy(&parent);
        pdm_case_destroy(&other);
        pdm_case_destroy(&c);
        remove(path[0]);
        remove(path[1]);
        close_context();
    }
END_TEST

/* ---- more experts ---- */

/* Numbers that are told, by name. */
typedef struct told {
    int    n;
    char   name[32][32];
    double value[32];
} told;

static void keep_number(void *user, const char *name, double value)
{
    told *t = user;
    ck_assert_int_lt(t->n, 32);
    snprintf(t->name[t->n], sizeof t->name[0], "%s", name);
    t->value[t->n++] = value;
}

static double number_of(const told *t, const char *name)
{
    for (int i = 0; i < t->n; i++)
        if (strcmp(t->name[i], name) == 0) return t->value[i];
    ck_abort_msg("no number \"%s\"", name);
    return NAN;
}

static pdm_case *changed_case(const pdm_model *m, size_t n, const word *w)
{
    pdm_case *c = NULL;
    OK(pdm_model_case(m, &c));
    set(c, n, w);
    return c;
}

static const struct {
    const char *before, *t, *x, *boxes;
} more[] = {{"1", "1", "4", "equal"},    {"1", "2", "4", "equal"}, {"1", "1", "2", "measured"},
            {"1", "2", "2", "measured"}, {"2", "1", "4", "equal"}, {"2", "2", "8", "equal"}};

/* Share of groups, over inputs drawn anew and experts, that are chosen as they were for the expert that had most of an
 * expert's control points. Of hard partitions. */
static double chosen_alike(pdm_model *m, pdm_model *up)
{
    enum { N = 8 };
    const pdm_columns_desc *d = pdm_experts_columns(m->experts), *e = pdm_experts_columns(up->experts);
    const pdm_size          groups = pdm_routing_n_choice(m->gate->routing) - 1;
    double                  alike = 0.0, all = 0.0;
    trial_inputs            x = {0};
    OK(trial_inputs_draw(m, N, true, &x));
    for (pdm_size i = 0; i < x.n; i++) {
        OK(pdm_model_prepare(m, 1, x.input + i * pdm_domain_n_input(m->problem->domain)));
        OK(pdm_model_prepare(up, 1, x.input + i * pdm_domain_n_input(m->problem->domain)));
        OK(pdm_model_choose(m, pdm_model_batch(m, 1)));
        OK(pdm_model_choose(up, pdm_model_batch(up, 1)));
        const unsigned char *on  = pdm_routing_lend(m->gate->routing).group_on,
                            *now = pdm_routing_lend(up->gate->routing).group_on;
        for (pdm_size a = 0; a < d->n_expert; a++)
            for (pdm_size b = 0; b < e->n_expert; b++) {
                pdm_size common = 0;
                for (pdm_size k = 0; k < d->group[a].n_coef; k++)
                    for (pdm_size j = 0; j < e->group[b].n_coef; j++)
                        common += d->group[a].coef[k] == e->group[b].coef[j];
                for (pdm_size g = 0; 2 * common > e->group[b].n_coef && g < groups; g++) {
                    alike += on[a * groups + g] == now[b * groups + g];
                    all += 1.0;
                }
            }
    }
    trial_inputs_destroy(ctx, &x);
    return alike / all;
}

/* The gate chooses for pieces of a box what it chose for it, also for inputs that it was not taught with. */
START_TEST(more_experts_take_the_gate_along)
    {
        told t = {0};
        open_context();
        pdm_case *c = gated_case(PROBLEM_HEAT);
        set(c, 3,
            (const word[]){
                {"domain/x", "experts", more[_i].before}, {"gate", "groups", "8"}, {"gate", "unknowns", "0.5"}});
        pdm_model *m = trained(c, 20), *up = NULL, *read = NULL;
        ck_assert_double_lt(pdm_gate_get_usage(m->gate).columns[0], 7.9); /* it does not have all of them */
        pdm_case *d = changed_case(m, 4,
                                   (const word[]){{"domain/t", "experts", more[_i].t},
                                                  {"domain/x", "experts", more[_i].x},
                                                  {"experts", "boxes", more[_i].boxes},
                                                  {"gate", "unknowns", "0.6"}});
        OK(pdm_model_upcycle(m, d, NULL, 0.01, NULL, keep_number, &t, &up));
        ck_assert_double_eq(number_of(&t, "within"), 1.0);
        ck_assert_double_le(number_of(&t, "residual"), 1.01 * number_of(&t, "residual.before"));
        ck_assert_double_gt(number_of(&t, "kept"), number_of(&t, "kept.before"));
        const double alike = chosen_alike(m, up);
        ck_assert_msg(alike > 0.98, "%g", alike);
        OK(pdm_model_write(up, "kin_gate_u.nc"));
        OK(pdm_model_read(ctx, "kin_gate_u.nc", &read));
        for (int k = 0; k < 2; k++) {
            const pdm_gate   *g = (k ? read : up)->gate;
            const pdm_weights s = pdm_gate_net_lend(g->net);
            for (pdm_size i = 0; i < s.n; i++) ck_assert(s.m[i] == 0.0 && s.v[i] == 0.0);
            ck_assert(isnan(g->log_price));
            ck_assert_double_eq(g->drift, m->gate->drift);
            ck_assert_double_eq(g->use_weight, 0.0);
            ck_assert_int_eq(g->opening, m->gate->opening);
        }
        OK(pdm_model_train_step(read));
        ck_assert(isfinite(read->gate->log_price));
        remove("kin_gate_u.nc");
        pdm_model_destroy(&read);
        pdm_model_destroy(&up);
        pdm_model_destroy(&m);
        pdm_case_destroy(&d);
        pdm_case_destroy(&c);
        close_context();
    }
END_TEST

START_TEST(upcycling_keeps_the_groups_and_the_gate)
    {
        open_context();
        pdm_case  *c = gated_case(PROBLEM_BURGERS);
        pdm_model *m = trained(c, 1), *up = NULL;
        pdm_case  *d = changed_case(m, 2, (const word[]){{"domain/x", "experts", "9"}, {"gate", "groups", "2"}});
        ck_assert_int_eq(pdm_model_upcycle(m, d, NULL, 0.01, NULL, NULL, NULL, &up), PDM_ERR_CASE);
        SAYS("/gate:groups is 4 in a model and 2 here");
        static const char *const all[] = {"groups", "hidden", "unknowns"};
        for (int k = 0; k < 3; k++) OK(pdm_case_remove(d, "gate", all[k]));
        ck_assert_int_eq(pdm_model_upcycle(m, d, NULL, 0.01, NULL, NULL, NULL, &up), PDM_ERR_CASE);
        SAYS("has a gate and the case here no group /gate");
        ck_assert_ptr_null(up);
        pdm_model_destroy(&m);
        pdm_case_destroy(&d);
        pdm_case_destroy(&c);
        close_context();
    }
END_TEST

/* ---- a gate for a model that has none ---- */

/* Training from a model without a gate in a case with one: the gate is that of a new model, and all groups are there. */
START_TEST(a_gate_starts_anew_where_the_parent_has_none)
    {
        pdm_size n = 0;
        open_context();
        pdm_case *c = gated_case(PROBLEM_BURGERS), *bare = NULL;
        OK(pdm_case_copy(c, &bare));
        static const char *const all[] = {"groups", "hidden", "unknowns"};
        for (int k = 0; k < 3; k++) OK(pdm_case_remove(bare, "gate", all[k]));
        pdm_model *parent = trained(bare, 3), *child = NULL, *fresh = trained(c, 0);
        ck_assert_ptr_null(parent->gate);
        OK(pdm_model_create_from(c, parent, &child));
        double *w = gate_of(child, &n), *anew = gate_of(fresh, &n);
        ck_assert_mem_eq(w, anew, (size_t)n * sizeof *w);
        ck_assert(isnan(child->gate->log_price));
        OK(pdm_model_train_step(child));
        ck_assert_double_eq_tol(pdm_model_value(child, "gate.unknowns"), 1.0, 1e-12);
        free(w);
        free(anew);
        pdm_model_destroy(&fresh);
        pdm_model_destroy(&child);
        pdm_model_destroy(&parent);
        pdm_case_destroy(&bare);
        pdm_case_destroy(&c);
        close_context();
    }
END_TEST

/* ---- fewer groups ---- */

/* As if groups 1 and 3 of four had never been on, in training or for any input, and the others always: e^-60 is nothing
 * beside 1 in a sum, and ridges do not count, as weights of groups hang on how many there are. */
static void close_groups(pdm_model *m)
{
    pdm_gate         *g = m->gate;
    const pdm_weights s = pdm_gate_net_lend(g->net);
    const pdm_size    n = pdm_routing_n_expert(g->routing);

    memset(s.parameter + s.n - 5 - 5 * 5, 0, 5 * 5 * sizeof *s.parameter); /* W_1: five choices of five hidden ones */
    for (int k = 0; k < 5; k++) s.parameter[s.n - 5 + k] = k % 2 ? -60.0 : k == 4 ? -8.0 : 0.0;
    for (int k = 1; k < 4; k += 2) {
        for (pdm_size e = 0; e < n; e++) g->use.group[e * 4 + k] = 0.0;
    }
    for (pdm_size e = 0; e < n; e++) g->use.group[e * 4] = g->use.group[e * 4 + 2] = g->use_weight;
}

static double *prediction(pdm_model *m, pdm_size n, const double *input, pdm_size *size)
{
    *size     = n * pdm_model_n_field(m) * pdm_model_n_point(m);
    double *u = malloc((size_t)*size * sizeof *u);
    ck_assert_ptr_nonnull(u);
    OK(pdm_model_predict(m, n, input, u, NULL));
    return u;
}

static const struct {
    int         problem;
    const char *experts, *basis, *shared, *prior;
} fewer[] = {{PROBLEM_BURGERS, "3", "8", "0", "polynomial"}, {PROBLEM_BURGERS, "9", "8", "0", "polynomial"},
             {PROBLEM_BURGERS, "3", "10", "2", "none"},      {PROBLEM_BURGERS, "2", "20", "4", "taylor"},
             {PROBLEM_SYSTEM, "2", "8", "0", "polynomial"},  {PROBLEM_HEAT, "4", "9", "1", "polynomial"}};

/* What is left has the columns that were chosen before, so predictions are the same but for rounding: network outputs
 * are sums of `hidden` products in single precision, whose order may change, n times 2^-24 of their size each, and
 * solves end within 1e-10 of the minimum. */
START_TEST(without_unused_groups_predictions_are_the_same)
    {
        enum { N = 3 };
        static const double input[N] = {0.55, 0.8, 1.2};
        pdm_size            n = 0, size = 0, same = 0;
        open_context();
        pdm_case *c = gated_case(fewer[_i].problem);
        set(c, 6,
            (const word[]){{"domain/x", "experts", fewer[_i].experts},
                           {"experts", "basis", fewer[_i].basis},
                           {"gate", "shared", fewer[_i].shared},
                           {"experts", "prior", fewer[_i].prior},
                           {"gate", "ridge", "0"},
                           {"solver", "tolerance", "1e-10"}});
        pdm_model *m = trained(c, PDM_GATE_OPENING), *less = NULL, *read = NULL, *on = NULL;
        close_groups(m);
        unused_groups x = {0};
        OK(unused_groups_find(m, 0.01, &x));
        ck_assert_int_eq(x.n_keep, 2);
        OK(model_without_groups(m, &x, &less));
        const pdm_routing_settings *s = pdm_routing_get_settings(less->gate->routing);
        ck_assert_int_eq(s->groups, 2);
        ck_assert_int_lt(pdm_experts_n_column(less->experts), pdm_experts_n_column(m->experts));
        ck_assert_double_eq_tol(
            s->unknowns * (double)pdm_experts_n_column(less->experts),
            fmin(0.7 * (double)pdm_experts_n_column(m->experts), (double)pdm_experts_n_column(less->experts)), 1e-9);
        ck_assert_double_eq_tol(exp(less->gate->log_price) / (double)pdm_experts_n_column(less->experts),
                                exp(m->gate->log_price) / (double)pdm_experts_n_column(m->experts), 1e-12);
        double *u = prediction(m, N, input, &size), *v = prediction(less, N, input, &n), most = 0.0, off = 0.0;
        ck_assert_int_eq(n, size);
        for (pdm_size i = 0; i < n; i++) {
            most = fmax(most, fabs(u[i]));
            off  = fmax(off, fabs(u[i] - v[i]));
            same += u[i] == v[i];
        }
        ck_assert_double_gt(most, 0.1);
        ck_assert_msg(off <= 8.0 * 8.0 * pow(2.0, -24) * most, "off by %g of %g, %lld of %lld the same", off, most,
                      (long long)same, (long long)n);
        /* what exists of the columns is the same number */
        const pdm_routing_choice a = pdm_routing_lend(m->gate->routing), b = pdm_routing_lend(less->gate->routing);
        for (pdm_size i = 0; i < pdm_routing_n_expert(m->gate->routing); i++) ck_assert_int_eq(a.n_on[i], b.n_on[i]);
        /* it can be read, and goes on */
        OK(pdm_model_write(less, "kin_gate_l.nc"));
        OK(pdm_model_read(ctx, "kin_gate_l.nc", &read));
        double *w = prediction(read, N, input, &n);
        ck_assert_mem_eq(v, w, (size_t)n * sizeof *w);
        OK(pdm_model_train_step(read));
        OK(pdm_model_create_from(less->problem->the_case, less, &on));
        OK(pdm_model_train_step(on));
        pdm_model_destroy(&on);
        /* the numbers of its columns say what they are added to */
        pdm_case *d = changed_case(less, 1, (const word[]){{"experts", "prior_columns", ""}});
        OK(pdm_case_remove(d, "experts", "prior_columns"));
        ck_assert_int_eq(pdm_model_create_from(d, less, &on), PDM_ERR_MODEL);
        SAYS("/experts:prior_columns: number");
        remove("kin_gate_l.nc");
        free(u);
        free(v);
        free(w);
        unused_groups_destroy(ctx, &x);
        pdm_model_destroy(&read);
        pdm_model_destroy(&less);
        pdm_model_destroy(&m);
        pdm_case_destroy(&d);
        pdm_case_destroy(&c);
        close_context();
    }
END_TEST

/* Columns that exist are those of groups that are on; of those that are gone, fewer. */
START_TEST(use_is_that_of_what_is_left)
    {
        open_context();
        pdm_case      *c = gated_case(PROBLEM_BURGERS);
        pdm_model     *m = trained(c, 2), *less = NULL;
        const pdm_size n = pdm_routing_n_expert(m->gate->routing);
        unused_groups  x = {0};
        for (pdm_size e = 0; e < n; e++) {
            m->gate->use.columns[e] = 0.0;
            for (int k = 0; k < 4; k++) {
                const double use = m->gate->use_weight * (k == 2 ? 0.03 : 0.2 + 0.1 * k + 0.01 * (double)e);
                m->gate->use.group[e * 4 + k] = use;
                m->gate->use.columns[e] += use * (double)pdm_routing_size(m->gate->routing, e, k);
            }
        }
        OK(unused_groups_find(m, 0.05, &x));
        ck_assert_int_eq(x.n_keep, 3);
        ck_assert_double_eq_tol(x.use[2], 0.03, 1e-12);
        OK(model_without_groups(m, &x, &less));
        const pdm_gate_usage u = pdm_gate_get_usage(less->gate);
        for (pdm_size e = 0; e < n; e++) {
            double sum = 0.0;
            for (int k = 0; k < 3; k++) sum += u.group[e * 3 + k] * (double)pdm_routing_size(less->gate->routing, e, k);
            ck_assert_double_eq_tol(u.columns[e], sum, 1e-12);
            ck_assert_double_eq_tol(u.group[e * 3 + 2], 0.5 + 0.01 * (double)e,
                                    1e-12); /* the last one, by its number before */
        }
        unused_groups_destroy(ctx, &x);
        pdm_model_destroy(&less);
        pdm_model_destroy(&m);
        pdm_case_destroy(&c);
        close_context();
    }
END_TEST

static char said[4096];
static void keep_text(void *user, const char *text)
{
    (void)user;
    snprintf(said, sizeof said, "%s", text);
}

START_TEST(compressing_drops_what_no_expert_uses)
    {
        told t = {0};
        open_context();
        pdm_case  *c = gated_case(PROBLEM_BURGERS);
        pdm_model *m = trained(c, 10), *read = NULL;
        close_groups(m);
        OK(pdm_model_compress(m, "kin_gate_c.nc", COMPRESS(.tolerance = 0.1), keep_text, keep_number, &t));
        ck_assert_double_eq(number_of(&t, "within"), 1.0);
        ck_assert_double_eq(number_of(&t, "groups.before"), 4.0);
        ck_assert_double_eq(number_of(&t, "groups"), 2.0);
        ck_assert_double_eq(number_of(&t, "unknowns.before"), 33.0); /* of three experts with 8 columns, three with 3 */
        ck_assert_double_eq(number_of(&t, "unknowns"), 18.0);
        ck_assert_msg(strstr(said, "without 1 3, on in less than 1 %") != NULL, "%s", said);
        static const char *const changed[] = {"--set experts.basis=4", "--set experts.prior_columns=0,1,4,5",
                                              "--set gate.groups=2", "--set gate.unknowns=1"};
        for (int k = 0; k < 4; k++) ck_assert_msg(strstr(said, changed[k]) != NULL, "%s", said);
        OK(pdm_model_read(ctx, "kin_gate_c.nc", &read));
        ck_assert_int_eq(pdm_model_step(read), 10);
        ck_assert_int_eq(pdm_routing_n_choice(read->gate->routing), 3);
        ck_assert_ptr_nonnull(strstr(read->history, "4 of 8 columns"));
        const pdm_weights s = pdm_gate_net_lend(read->gate->net);
        for (pdm_size i = 0; i < s.n; i++) ck_assert(s.m[i] == 0.0 && s.v[i] == 0.0); /* no optimiser */
        ck_assert_double_gt(pdm_gate_net_lend(m->gate->net).v[0], 0.0);
        OK(pdm_model_train_step(read));
        pdm_model_destroy(&read);
        ck_assert_int_eq(pdm_routing_n_choice(m->gate->routing), 5); /* the model stays as it is */

        /* groups that the error hangs on are kept, unless they are asked for: then nothing is written */
        for (int k = 1; k < 4; k += 2) /* on after all */
            pdm_gate_net_lend(m->gate->net).parameter[pdm_gate_net_lend(m->gate->net).n - 5 + k] = 0.0;
        remove("kin_gate_c.nc");
        t = (told){0};
        OK(pdm_model_compress(m, "kin_gate_c.nc", COMPRESS(.tolerance = 1e-3), keep_text, keep_number, &t));
        ck_assert_double_eq(number_of(&t, "within"), 1.0);
        ck_assert_double_eq(number_of(&t, "groups"), 4.0);
        ck_assert_msg(strstr(said, "all 4 groups are kept: without 1 3 the excess is") != NULL, "%s", said);
        remove("kin_gate_c.nc");
        t = (told){0};
        OK(pdm_model_compress(m, "kin_gate_c.nc", COMPRESS(.tolerance = 1e-3, .groups = 0.01), keep_text, keep_number,
                              &t));
        ck_assert_double_eq(number_of(&t, "within"), 0.0);
        ck_assert_ptr_null(fopen("kin_gate_c.nc", "r"));

        /* none, or all of them */
        for (pdm_size i = 0; i < 6 * 4; i++) m->gate->use.group[i] = 0.5 * m->gate->use_weight;
        OK(pdm_model_compress(m, "kin_gate_c.nc", COMPRESS(.tolerance = 0.1), keep_text, NULL, NULL));
        ck_assert_msg(strstr(said, "all 4 groups are kept: each is on in 50 % of the samples") != NULL, "%s", said);
        ck_assert_int_eq(
            pdm_model_compress(m, "kin_gate_c.nc", COMPRESS(.tolerance = 0.1, .groups = 0.6), NULL, NULL, NULL),
            PDM_ERR_ARGUMENT);
        SAYS("groups 0.6: all 4 groups are on in less than that share");
        SAYS("0.5 or less expected");
        ck_assert_int_eq(
            pdm_model_compress(m, "kin_gate_c.nc", COMPRESS(.tolerance = 0.1, .groups = 1.5), NULL, NULL, NULL),
            PDM_ERR_ARGUMENT);
        SAYS("groups 1.5, a share of samples");
        for (pdm_size i = 0; i < 6 * 4; i++) m->gate->use.group[i] = 0.0;
        OK(pdm_model_compress(m, "kin_gate_c.nc", COMPRESS(.tolerance = 0.1), keep_text, NULL, NULL));
        ck_assert_msg(strstr(said, "all 4 groups are kept: none is on in 1 %") != NULL, "%s", said);
        pdm_model_destroy(&m);

        /* not known, or no gate */
        m = trained(c, 0);
        OK(pdm_model_compress(m, "kin_gate_c.nc", COMPRESS(.tolerance = 1.0), keep_text, NULL, NULL));
        ck_assert_msg(strstr(said, "all 4 groups are kept: how they are used is not known") != NULL, "%s", said);
        ck_assert_int_eq(
            pdm_model_compress(m, "kin_gate_c.nc", COMPRESS(.tolerance = 1.0, .groups = 0.1), NULL, NULL, NULL),
            PDM_ERR_MODEL);
        SAYS("no steps of training with this gate");
        pdm_model_destroy(&m);
        static const char *const all[] = {"groups", "hidden", "unknowns"};
        for (int k = 0; k < 3; k++) OK(pdm_case_remove(c, "gate", all[k]));
        m = trained(c, 0);
        ck_assert_int_eq(
            pdm_model_compress(m, "kin_gate_c.nc", COMPRESS(.tolerance = 1.0, .groups = 0.1), NULL, NULL, NULL),
            PDM_ERR_MODEL);
        SAYS("has no gate, and so no groups to drop");
        remove("kin_gate_c.nc");
        pdm_model_destroy(&m);
        pdm_case_destroy(&c);
        close_context();
    }
END_TEST

int main(void)
{
    Suite *s = suite_create("kin_gate");
    TCase *t = tcase_create("kin_gate");
    tcase_set_timeout(t, 120);
    tcase_add_test(t, a_merged_gate_is_the_weighted_mean);
    tcase_add_test(t, what_a_gate_does_not_know_is_not_averaged);
    tcase_add_loop_test(t, gates_that_differ_are_named, 0, (int)(sizeof unlike / sizeof *unlike));
    tcase_add_loop_test(t, more_experts_take_the_gate_along, 0, (int)(sizeof more / sizeof *more));
    tcase_add_test(t, upcycling_keeps_the_groups_and_the_gate);
    tcase_add_test(t, a_gate_starts_anew_where_the_parent_has_none);
    tcase_add_loop_test(t, without_unused_groups_predictions_are_the_same, 0, (int)(sizeof fewer / sizeof *fewer));
    tcase_add_test(t, use_is_that_of_what_is_left);
    tcase_add_test(t, compressing_drops_what_no_expert_uses);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
