/* train/: models with gates made from models: merged, with more experts, with fewer groups, trained on from others. */
#include "train/train.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/problems.h"
#include "train/train_impl.h"

static pdm_context *ctx;

static void open_context(void)
{
    ck_assert_int_eq(pdm_context_create(NULL, &ctx), PDM_OK);
}

static void close_context(void)
{
    ck_assert_int_eq(pdm_context_destroy(&ctx), 0);
}

#define OK(call) ck_assert_msg((call) == PDM_OK, "%s", pdm_context_error(ctx))
#define SAYS(words) \
    ck_assert_msg(strstr(pdm_context_error(ctx), words), "no \"%s\" in: %s", words, pdm_context_error(ctx))

typedef struct word {
    const char *group, *name, *value;
} word;

static void set(pdm_case *c, size_t n, const word *w)
{
    for (size_t i = 0; i < n; i++) OK(pdm_case_set_text(c, w[i].group, w[i].name, w[i].value));
}

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

static pdm_model *trained(pdm_case *c, int steps)
{
    pdm_model *m = NULL;
    OK(pdm_model_create(c, &m));
    for (int i = 0; i < steps; i++) OK(pdm_model_train_step(m));
    return m;
}

/* A model that goes on from another one, in a case that is changed by one setting. */
static pdm_model *branch(pdm_model *parent, word change, int steps)
{
    pdm_case  *c = NULL;
    pdm_model *m = NULL;
    OK(pdm_model_case(parent, &c));
    set(c, 1, &change);
    OK(pdm_model_create_from(c, parent, &m));
    pdm_case_destroy(&c);
    for (int i = 0; i < steps; i++) OK(pdm_model_train_step(m));
    return m;
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
    const pdm_gate_state s = pdm_gate_lend(m->gating->gate);
    *n                     = s.n;
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
        pdm_model     *parent = trained(c, 2), *m = NULL;
        const pdm_size n_use = pdm_routing_n_expert(parent->gating->routing) * 4;
        for (int k = 0; k < 2; k++) {
            m        = branch(parent, halves[k], 3 + k);
            w[k]     = gate_of(m, &n);
            group[k] = copy_of(n_use, m->gating->use.group);
            price[k] = m->gating->log_price;
            drift[k] = m->gating->drift;
            OK(pdm_model_write(m, path[k]));
            pdm_model_destroy(&m);
        }
        OK(pdm_model_merge(ctx, 2, path, weight, &m));
        OK(pdm_model_write(m, "kin_gate_m.nc"));
        for (int read = 0; read < 2; read++) {
            if (read) pdm_model_destroy(&m);
            if (read) OK(pdm_model_read(ctx, "kin_gate_m.nc", &m));
            const pdm_gate_state s     = pdm_gate_lend(m->gating->gate);
            double               moved = 0.0;
            for (pdm_size i = 0; i < n; i++) {
                ck_assert_double_eq(s.parameter[i], 0.25 * w[0][i] + 0.75 * w[1][i]);
                ck_assert_double_eq(s.m[i], 0.0);
                ck_assert_double_eq(s.v[i], 0.0);
                moved = fmax(moved, fabs(w[0][i] - w[1][i]));
            }
            ck_assert_double_gt(moved, 1e-3); /* the branches differ */
            ck_assert_double_eq(m->gating->log_price, 0.25 * price[0] + 0.75 * price[1]);
            ck_assert_double_eq(m->gating->drift, 0.25 * drift[0] + 0.75 * drift[1]);
            /* use of one step weighs 1 - 0.98: sums of three and four of them */
            ck_assert_double_eq_tol(m->gating->use_weight, 1.0 - 0.25 * pow(0.98, 3) - 0.75 * pow(0.98, 4), 1e-14);
            for (pdm_size i = 0; i < n_use; i++)
                ck_assert_double_eq(m->gating->use.group[i], 0.25 * group[0][i] + 0.75 * group[1][i]);
        }
        /* Adam's first step from zero moments moves a weight whose gradient is not tiny by the gate's rate */
        const double *now = pdm_gate_lend(m->gating->gate).parameter;
        w[2]              = copy_of(n, now);
        OK(pdm_model_train_step(m));
        double largest = 0.0;
        for (pdm_size i = 0; i < n; i++) largest = fmax(largest, fabs(now[i] - w[2][i]));
        m->step--;
        const double rate = optimiser_rate(m, pdm_routing_get_settings(m->gating->routing)->learning_rate);
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
        const double price = m->gating->log_price, columns = gating_usage(m).columns[0];
        ck_assert(isnan(parent->gating->log_price));
        pdm_model_destroy(&m);
        OK(pdm_model_merge(ctx, 2, path, NULL, &m));
        ck_assert_double_eq_tol(m->gating->log_price, price, 1e-14);
        ck_assert_double_eq_tol(gating_usage(m).columns[0], columns, 1e-14);
        pdm_model_destroy(&m);
        OK(pdm_model_write(parent, path[1]));
        OK(pdm_model_merge(ctx, 2, path, NULL, &m));
        ck_assert(isnan(m->gating->log_price));
        ck_assert_double_eq(gating_usage(m).weight, 0.0);
        pdm_model_destroy(&m);
        pdm_model_destroy(&parent);
        pdm_case_destroy(&c);
        remove(path[0]);
        remove(path[1]);
        close_context();
    }
END_TEST

/* What is changed in the second case, and how it is told; trained on from one another they are refused in the same words, where
 * both have a gate. */
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
    const char *t, *x, *boxes;
} more[] = {{"1", "4", "equal"}, {"2", "4", "equal"}, {"1", "4", "measured"}, {"2", "2", "measured"}};

/* The network and the gate choose for pieces of a box what they chose for it, or nearly: what they see is the mean over less. */
START_TEST(more_experts_take_the_gate_along)
    {
        told t = {0};
        open_context();
        pdm_case *c = gated_case(PROBLEM_HEAT);
        set(c, 3,
            (const word[]){{"domain/x", "experts", "1"}, {"training", "steps", "80"}, {"gate", "unknowns", "0.5"}});
        pdm_model *m = trained(c, 80), *up = NULL, *read = NULL;
        ck_assert_double_lt(gating_usage(m).columns[0], 8.0); /* it does not have all of them */
        pdm_case *d = changed_case(m, 4,
                                   (const word[]){{"domain/t", "experts", more[_i].t},
                                                  {"domain/x", "experts", more[_i].x},
                                                  {"experts", "boxes", more[_i].boxes},
                                                  {"gate", "unknowns", "0.6"}});
        OK(pdm_model_upcycle(m, d, NULL, 0.01, NULL, keep_number, &t, &up));
        ck_assert_double_eq(number_of(&t, "within"), 1.0);
        ck_assert_double_le(number_of(&t, "residual"), 1.01 * number_of(&t, "residual.before"));
        ck_assert_double_gt(number_of(&t, "kept"), number_of(&t, "kept.before"));
        OK(pdm_model_write(up, "kin_gate_u.nc"));
        OK(pdm_model_read(ctx, "kin_gate_u.nc", &read));
        for (int k = 0; k < 2; k++) {
            const gating        *g = (k ? read : up)->gating;
            const pdm_gate_state s = pdm_gate_lend(g->gate), from = pdm_gate_lend(m->gating->gate);
            ck_assert_mem_eq(s.parameter, from.parameter, (size_t)s.n * sizeof *s.parameter);
            ck_assert_double_eq(s.m[0], 0.0);
            ck_assert(isnan(g->log_price));
            ck_assert_double_eq(g->drift, m->gating->drift);
            ck_assert_double_eq(g->use_weight, 0.0);
        }
        OK(pdm_model_train_step(read));
        ck_assert(isfinite(read->gating->log_price));
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
        SAYS("/gate:groups is not stated in a model and 2 here");
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
        ck_assert_ptr_null(parent->gating);
        OK(pdm_model_create_from(c, parent, &child));
        double *w = gate_of(child, &n), *anew = gate_of(fresh, &n);
        ck_assert_mem_eq(w, anew, (size_t)n * sizeof *w);
        ck_assert(isnan(child->gating->log_price));
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
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
