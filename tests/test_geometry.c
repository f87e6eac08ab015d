/* Shapes inside the box: orders against exact solutions, what is refused, and what is the same as without. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/answer.h"
#include "tests/prediction.h"

typedef struct setting {
    const char *group, *name, *value;
} setting;

enum { SETTINGS = 16 };
typedef struct shape_case {
    const char *name, *dims, *extent;
    int         points[3];   /* control points of three grids; 0: fewer grids */
    double      order, most; /* the least order between the last two grids; the largest error on the last */
    setting     set[SETTINGS];
} shape_case;

/* Where data differ from the exact solution inside, so that the spline has something to find. */
#define DISC "x^2 + y^2 < 1"
static const shape_case cases[] = {
    {"disc, u = 0 on its rim",
     "xy",
     "-1.1 1.1",
     {10, 14, 20},
     3.5,
     1e-4,
     {{"geometry", "inside", DISC},
      {"geometry", "rim", "u = 0 on x^2 + y^2 = 1"},
      {"pde/exact", "u", "(1 - x^2 - y^2)*sin(3*x + y + 1)"},
      {"pde/definitions", "e", "(1 - x^2 - y^2)*sin(3*x + y + 1)"},
      {"pde/residuals", "u", "-lap(u) + lap(e)"}}},
    {"disc, data that are another function inside, at points",
     "xy",
     "-1.1 1.1",
     {10, 14, 20},
     3.5,
     1e-4,
     {{"geometry", "inside", DISC},
      {"geometry", "rim", "u = exp(x*y) + (x^2 + y^2 - 1)*5*cos(2*x + y) on boundary"},
      {"pde/exact", "u", "exp(x*y)"},
      {"pde/residuals", "u", "-lap(u) + (x^2 + y^2)*exp(x*y)"},
      {"domain", "rows", "point"}}},
    {"annulus, a value on either circle",
     "xy",
     "-1.1 1.1",
     {20, 28, 40},
     3.5,
     1e-4,
     {{"geometry", "inside", "x^2 + y^2 > R^2 and x^2 + y^2 < 1"},
      {"geometry", "hole", "u = 1 on x^2 + y^2 = R^2"},
      {"geometry", "rim", "u = 0 on x^2 + y^2 = 1"},
      {"pde/parameters", "R", "0.3"},
      {"pde/exact", "u", "log(x^2 + y^2)/log(R^2)"},
      {"pde/residuals", "u", "-lap(u)"}}},
    {"half a disc, a slope on the side of the box",
     "xy",
     "-1.1 1.1",
     {10, 14, 20},
     3.5,
     1e-4,
     {{"geometry", "inside", DISC},
      {"geometry", "rim", "u = 0 on x^2 + y^2 = 1"},
      {"domain/y", "extent", "0 1.1"},
      {"pde/boundary", "y_min", "dy(u) = 0"},
      {"pde/definitions", "e", "(x^2 + y^2 - 1)*cos(2*y)*exp(x)"},
      {"pde/exact", "u", "(x^2 + y^2 - 1)*cos(2*y)*exp(x)"},
      {"pde/residuals", "u", "-lap(u) + lap(e)"}}},
    {"L, its sides with values, its corner built in; smooth, but not times the inverse of an R-function",
     "xy",
     "-1 1",
     {10, 14, 20},
     1.2,
     2e-3,
     {{"geometry", "inside", "x < 0 or y > 0"},
      {"geometry", "corner", "u = 0 on boundary"},
      {"pde/definitions", "e", "x*y*cos(x + y)"},
      {"pde/exact", "u", "x*y*cos(x + y)"},
      {"pde/boundary", "x_min", "u = e"},
      {"pde/boundary", "x_max", "u = e"},
      {"pde/boundary", "y_min", "u = e"},
      {"pde/boundary", "y_max", "u = e"},
      {"pde/residuals", "u", "-lap(u) + lap(e)"}}},
    {"sphere",
     "xyz",
     "-1.1 1.1",
     {7, 10},
     3.5,
     1e-3,
     {{"geometry", "inside", "x^2 + y^2 + z^2 < 1"},
      {"geometry", "surface", "u = 0 on x^2 + y^2 + z^2 = 1"},
      {"pde/definitions", "e", "(1 - x^2 - y^2 - z^2)*exp(x)*sin(y + z + 1)"},
      {"pde/exact", "u", "(1 - x^2 - y^2 - z^2)*exp(x)*sin(y + z + 1)"},
      {"pde/residuals", "u", "-lap(u) + lap(e)"}}},
    {"heat in a disc, values on its rim",
     "txy",
     "-1.1 1.1",
     {8, 11},
     3.5,
     1e-3,
     {{"geometry", "inside", DISC},
      {"geometry", "rim", "u = exp(x*y) on x^2 + y^2 = 1"},
      {"domain/t", "extent", "0 0.5"},
      {"pde/definitions", "e", "exp(x*y) + (1 - x^2 - y^2)*exp(x - t)*cos(3*t + y)"},
      {"pde/exact", "u", "exp(x*y) + (1 - x^2 - y^2)*exp(x - t)*cos(3*t + y)"},
      {"pde/initial", "u", "exp(x*y) + (1 - x^2 - y^2)*exp(x)*cos(y)"},
      {"pde/residuals", "u", "dt(u) - lap(u) - (dt(e) - lap(e))"}}},
};
enum { N_CASE = sizeof cases / sizeof *cases };

static pdm_context *ctx;

static void setup(void)
{
    ck_assert_int_eq(context_on_backend(&ctx), PDM_OK);
}

static void teardown(void)
{
    pdm_context_destroy(&ctx);
}

static pdm_case *make_case(const char *dims, const char *extent, int points, const setting *set)
{
    pdm_case *c = NULL;
    char      group[16], number[16], names[16] = "";

    ck_assert_int_eq(pdm_case_create(ctx, &c), PDM_OK);
    ck_assert_int_eq(pdm_case_set_text(c, "pde", "fields", "u"), PDM_OK);
    snprintf(number, sizeof number, "%d", points);
    for (const char *d = dims; *d; d++) {
        snprintf(group, sizeof group, "domain/%c", *d);
        snprintf(names + strlen(names), sizeof names - strlen(names), "%c ", *d);
        ck_assert_int_eq(pdm_case_set_text(c, group, "extent", extent), PDM_OK);
        ck_assert_int_eq(pdm_case_set_text(c, group, "control_points", number), PDM_OK);
    }
    ck_assert_int_eq(pdm_case_set_text(c, "domain", "dimensions", names), PDM_OK);
    for (int i = 0; i < SETTINGS && set[i].group; i++)
        ck_assert_int_eq(pdm_case_set_text(c, set[i].group, set[i].name, set[i].value), PDM_OK);
    return c;
}

/* Error of the polished solution inside; it is NaN outside, and nowhere else. */
static double polished_error(const shape_case *k, int points)
{
    pdm_case *c = make_case(k->dims, k->extent, points, k->set);
    answer    a;
    double   *truth = NULL, error;

    ck_assert_msg(answer_find(c, NULL, &a) == PDM_OK, "%s: %s", k->name, pdm_context_error(ctx));
    ck_assert_msg(pdm_reason_is_good(a.result.reason), "%s: %s", k->name, pdm_reason_text(a.result.reason));
    ck_assert_int_eq(pdm_alloc_array(ctx, a.grid->n_point, &truth), PDM_OK);
    ck_assert_int_eq(answer_exact(&a, a.grid, truth), PDM_OK);
    error = answer_error(&a, a.grid, a.u, truth);
    for (pdm_size i = 0; i < a.grid->n_point; i++)
        ck_assert_int_eq(isnan(a.u[i]), !pdm_output_grid_is_inside(a.grid, i));
    if (error < 0.01 && k->order > 3.0) ck_assert_int_eq(a.verdict.word, PDM_VERDICT_GOOD);
    pdm_free(ctx, truth);
    answer_close(&a);
    pdm_case_destroy(&c);
    return error;
}

START_TEST(polished_solutions_converge)
    {
        const shape_case *k      = &cases[_i];
        double            before = NAN, error = NAN, order = NAN;
        const int         degree = 3;

        for (int i = 0; i < 3 && k->points[i]; i++) {
            before = error;
            error  = polished_error(k, k->points[i]);
            if (i > 0) order = log(before / error) / log((double)(k->points[i] - degree) / (k->points[i - 1] - degree));
            printf("%s: %d points, error %.3e, order %.2f\n", k->name, k->points[i], error, order);
        }
        ck_assert_msg(order >= k->order, "%s: order %.2f, %.2f expected", k->name, order, k->order);
        ck_assert_msg(error <= k->most, "%s: error %.3g, %.3g expected", k->name, error, k->most);
    }
END_TEST

/* Quadratic solutions are in the space of splines. */
START_TEST(a_quadratic_is_exact)
    {
        const setting set[SETTINGS] = {{"geometry", "inside", DISC},
                                       {"geometry", "rim", "u = 0 on x^2 + y^2 = 1"},
                                       {"pde/exact", "u", "1 - x^2 - y^2"},
                                       {"pde/residuals", "u", "-lap(u) - 4"}};
        shape_case    k             = {"quadratic", "xy", "-1.1 1.1", {8}, 4.0, 0.0, {{0}}};
        memcpy(k.set, set, sizeof k.set);
        ck_assert_double_lt(polished_error(&k, 12), 1e-11);
    }
END_TEST

/* The box inside as a whole: bit by bit what there is without a shape, for rows at points. */
START_TEST(all_of_the_box_is_as_without)
    {
        setting   set[SETTINGS] = {{"pde/residuals", "u", "-lap(u) - exp(x) + u^3"},
                                   {"domain", "rows", "point"},
                                   {"pde/boundary", "x_min", "u = y"},
                                   {"pde/boundary", "x_max", "dx(u) = 0"},
                                   {"pde/boundary", "y_min", "u = 0"},
                                   {"pde/boundary", "y_max", "u = 1 where x < 0.4 ; dy(u) = 0 where x >= 0.4"}};
        answer    with, without;
        pdm_case *c;

        c = make_case("xy", "0 1", 9, set);
        ck_assert_msg(answer_find(c, NULL, &without) == PDM_OK, "%s", pdm_context_error(ctx));
        pdm_case_destroy(&c);
        set[6] = (setting){"geometry", "inside", "x > -1"};
        set[7] = (setting){"geometry", "nothing", "u free"};
        c      = make_case("xy", "0 1", 9, set);
        ck_assert_msg(answer_find(c, NULL, &with) == PDM_OK, "%s", pdm_context_error(ctx));
        pdm_case_destroy(&c);
        ck_assert_int_eq(with.n_unknown, without.n_unknown);
        for (pdm_size i = 0; i < with.grid->n_point; i++) ck_assert_double_eq_tol(with.u[i], without.u[i], 1e-12);
        answer_close(&with);
        answer_close(&without);
    }
END_TEST

/* Experts outside have no columns, coefficients outside are not free. */
START_TEST(experts_outside_vanish)
    {
        const setting set[SETTINGS] = {{"geometry", "inside", "x^2 + y^2 < 0.25"},
                                       {"geometry", "rim", "u = 0 on boundary"},
                                       {"pde/residuals", "u", "-lap(u) - 4"},
                                       {"domain/x", "experts", "4"},
                                       {"domain/y", "experts", "4"},
                                       {"surrogate", "width", "2"},
                                       {"experts", "basis", "3"}};
        pdm_case     *c             = make_case("xy", "-1 1", 24, set);
        pdm_model    *m             = NULL;

        ck_assert_msg(pdm_model_create(c, &m) == PDM_OK, "%s", pdm_context_error(ctx));
        const pdm_columns_desc *d      = pdm_experts_columns(m->experts);
        pdm_size                n_null = 0;
        for (pdm_size e = 0; e < d->n_expert; e++) n_null += d->group[e].n_col == 0;
        ck_assert_int_ge(n_null, 4); /* the corners at least */
        ck_assert_int_lt(pdm_domain_n_free(m->problem->domain), 24 * 24 / 3);
        pdm_model_destroy(&m);
        pdm_case_destroy(&c);
    }
END_TEST

static const struct {
    const char *inside, *condition, *words;
} refused[] = {
    {"x^2 + y^2 < -1", "u = 0 on boundary", "nothing of the box is inside"},
    {DISC, "u = 0 on x^2 + y^2 = 0.25", "the inside ends at"},
    {DISC " and x^2 + y^2 > 0.04", "u = 0 on x^2 + y^2 = 1", "no condition on a curve says what \"u\" is"},
    {DISC, "u = 0 on x^2 + y^2 = 1, x^2 + y^2 = 9", "this curve bounds no part of the inside"},
    {DISC, "u = 0 on x^2 + y^2 = 1, x = 0.1", "goes through the inside near"},
    {"x^2 + y^2 < 1.5", "u = 0 on boundary", "no condition for field \"u\" on this side"},
    {"x^2 + y^2 < R", "u = 0 on boundary", "unknown name \"R\""},
    {"x^2 + y^2 = 1", "u = 0 on boundary", "\"<\" or \">\" expected"},
    {"u < 1", "u = 0 on boundary", "\"u\" is a field"},
    {"k*x^2 + y^2 < 1", "u = 0 on boundary", "this reads an input"},
    {"x^2 + y^2 < 1 and", "u = 0 on boundary", "the expression ends here"},
    {"not (x^2 + y^2 > 1 or (x > 0 and y > 0)", "u = 0 on boundary", "this parenthesis is not closed"},
    {DISC " y", "u = 0 on boundary", "unexpected \"y\""},
    {DISC, "dx(u) = 0 on boundary", "slopes and fluxes on curves are not known"},
    {DISC, "flux(u) = 0 on boundary", "slopes and fluxes on curves are not known"},
    {DISC, "v = 0 on boundary", "the fields are: u"},
    {DISC, "u = 0", "\"on\" and a curve expected"},
    {DISC, "u = 0 on x^2 + y^2", "a curve is said like"},
    {DISC, "u = 0 on 1 = 1", "no coordinate is read"},
    {DISC, "u = k on boundary", "this reads an input"},
    {DISC, "u = 0 on boundary ; u free", "\"u\" is free, and has other conditions"},
    {DISC, "", "no condition for field \"u\""},
};
enum { N_REFUSED = sizeof refused / sizeof *refused };

START_TEST(what_is_wrong_is_said)
    {
        const bool    none          = !*refused[_i].condition;
        const setting set[SETTINGS] = {{"pde/residuals", "u", "-lap(u) - k"},
                                       {"inputs/k", "distribution", "uniform(1, 2)"},
                                       {"geometry", "inside", refused[_i].inside},
                                       {none ? NULL : "geometry", "rim", refused[_i].condition}};
        pdm_case     *c             = make_case("xy", "-1.1 1.1", 12, set);
        pdm_model    *m             = NULL;

        ck_assert_int_eq(pdm_model_create(c, &m), PDM_ERR_CASE);
        ck_assert_msg(strstr(pdm_context_error(ctx), refused[_i].words) != NULL, "\"%s\" expected in: %s",
                      refused[_i].words, pdm_context_error(ctx));
        pdm_case_destroy(&c);
    }
END_TEST

/* What shapes do not go with, each with its words. */
static const struct {
    setting     set[3];
    const char *words;
} beside[] = {
    {{{"pde", "positive", "u"}}, "values on curves cannot be built into it"},
    {{{"training", "loss", "data"}}, "training on data is for domains that are the whole box"},
    {{{"pde/boundary", "x_min", "u = 0"}}, "all of this side lies outside"},
    {{{"pde/initial", "u", "1"}}, "where a condition on a curve says 0"},
    {{{"pde/constraints", "mass", "integral(u) = 1"}}, "integrals are those over the whole box"},
    {{{"pde/residuals", "u", "dt(u) - lap(u) + invlap(u)"}}, "a sum of fields"},
    {{{"geometry", "rim", "u free"}, {"pde/residuals", "u", "dt(u) + invlap(u)"}}, "invlap is for the whole box"},
    {{{"geometry", "inside", "x^2 + y^2 < 1 - t"}}, "shapes and values on curves are the same at all times"},
};
enum { N_BESIDE = sizeof beside / sizeof *beside };

START_TEST(what_does_not_go_together_is_said)
    {
        const setting set[SETTINGS] = {{"pde/residuals", "u", "dt(u) - lap(u)"},
                                       {"pde/initial", "u", "1 - x^2 - y^2"},
                                       {"geometry", "inside", DISC},
                                       {"geometry", "rim", "u = 0 on x^2 + y^2 = 1"}};
        pdm_case     *c             = make_case("txy", "-1.1 1.1", 8, set);
        pdm_model    *m             = NULL;

        for (int i = 0; i < 3 && beside[_i].set[i].group; i++)
            ck_assert_int_eq(
                pdm_case_set_text(c, beside[_i].set[i].group, beside[_i].set[i].name, beside[_i].set[i].value), PDM_OK);
        ck_assert_int_ne(pdm_model_create(c, &m), PDM_OK);
        ck_assert_msg(strstr(pdm_context_error(ctx), beside[_i].words) != NULL, "\"%s\" expected in: %s",
                      beside[_i].words, pdm_context_error(ctx));
        pdm_case_destroy(&c);
    }
END_TEST

int main(void)
{
    Suite *s = suite_create("geometry");
    TCase *t = tcase_create("shapes");

    tcase_set_timeout(t, 0);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_loop_test(t, polished_solutions_converge, 0, N_CASE);
    tcase_add_test(t, a_quadratic_is_exact);
    tcase_add_test(t, all_of_the_box_is_as_without);
    tcase_add_test(t, experts_outside_vanish);
    tcase_add_loop_test(t, what_is_wrong_is_said, 0, N_REFUSED);
    tcase_add_loop_test(t, what_does_not_go_together_is_said, 0, N_BESIDE);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
