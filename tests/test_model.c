/* train/: what a model remembers and says: defaults, the verdict on its training. */
#include "train/train.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "io/io_impl.h"
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

static pdm_case *tiny_case(int number)
{
    static const char *const setting[][3] = {{"experts", "basis", "3"},    {"surrogate", "width", "6"},
                                             {"surrogate", "layers", "2"}, {"surrogate", "hidden", "8"},
                                             {"surrogate", "modes", "2"},  {"training", "batch", "2"}};
    pdm_case                *c            = NULL;
    OK(problem_case(ctx, number, &c));
    for (size_t i = 0; i < sizeof setting / sizeof *setting; i++)
        OK(pdm_case_set_text(c, setting[i][0], setting[i][1], setting[i][2]));
    return c;
}

/* A model that was written by a program with other defaults: they stay, and the case that states none resumes it. */
START_TEST(models_keep_their_defaults)
    {
        open_context();
        pdm_case  *plain = tiny_case(PROBLEM_HEAT), *stated = tiny_case(PROBLEM_HEAT);
        pdm_model *m = NULL;
        OK(pdm_model_create(plain, &m));
        ck_assert_double_eq(m->training.clip, 3.0);
        OK(pdm_case_set_text(m->the_case->defaults, "training", "clip", "7.5"));
        OK(pdm_case_set_text(m->the_case->defaults, "solver", "max_iter", "11"));
        OK(pdm_case_set_text(m->the_case->defaults, "training", "setting_that_is_no_more", "1"));
        OK(pdm_model_write(m, "defaults.nc"));
        for (int k = 0; k < 2; k++) { /* and written again by this program */
            pdm_model_destroy(&m);
            OK(pdm_model_read(ctx, "defaults.nc", &m));
            ck_assert_double_eq(m->training.clip, 7.5);
            ck_assert_int_eq(m->solver_settings.max_iter, 11);
            OK(pdm_model_write(m, "defaults.nc"));
        }
        OK(pdm_model_check_case(m, plain));
        OK(pdm_case_set_text(stated, "training", "clip", "7.5"));
        OK(pdm_model_check_case(m, stated));
        OK(pdm_case_set_text(stated, "training", "clip", "3"));
        ck_assert_int_eq(pdm_model_check_case(m, stated), PDM_ERR_MODEL);
        pdm_model_destroy(&m);
        pdm_case_destroy(&plain);
        pdm_case_destroy(&stated);
        remove("defaults.nc");
        close_context();
    }
END_TEST

/* Training in one go, and in two, of which the second does not see the first steps. */
START_TEST(training_ends_with_a_verdict)
    {
        double first[2], sum = 0.0;
        open_context();
        for (int parts = 1; parts <= 2; parts++) {
            pdm_case *c = tiny_case(PROBLEM_BURGERS);
            OK(pdm_case_set_text(c, "training", "steps", "12"));
            pdm_model *m = NULL;
            OK(pdm_model_create(c, &m));
            pdm_case_destroy(&c);
            if (parts == 2) {
                for (int k = 0; k < 7; k++) {
                    OK(pdm_model_train_step(m));
                    sum += pdm_model_value(m, "loss");
                }
                ck_assert_double_eq_tol(pdm_model_value(m, "loss.first"), sum / 7.0, 1e-12 * sum);
                OK(pdm_model_write(m, "verdict.nc"));
                pdm_model_destroy(&m);
                OK(pdm_model_read(ctx, "verdict.nc", &m));
            }
            OK(pdm_model_train(m, "verdict.nc", NULL, NULL));
            first[parts - 1] = pdm_model_value(m, "loss.first");
            ck_assert_double_gt(pdm_model_value(m, "loss.free"), 0.0);
            ck_assert_double_lt(pdm_model_value(m, "loss.free"), pdm_model_value(m, "loss"));
            ck_assert(isfinite(pdm_model_value(m, "loss.last")));
            pdm_model_destroy(&m);
        }
        ck_assert_double_eq(first[0], first[1]);
        remove("verdict.nc");
        remove("verdict.log.jsonl");
        close_context();
    }
END_TEST

/* What range_check() counts, by distribution: value, is it outside. */
static const struct {
    const char *distribution;
    double      value;
    int         outside;
} ranges[] = {{"uniform(0, 2)", 2.0, 0},   {"uniform(0, 2)", 2.0 + 1e-6, 1}, {"uniform(0, 2)", -0.1, 1},
              {"uniform(2, 2)", 2.0, 0},   {"uniform(2, 2)", 2.1, 1},        {"normal(1, 0.1)", 1.45, 0},
              {"normal(1, 0.1)", 0.45, 1}, {"list(1, 2, 4)", 4.0, 0},        {"list(1, 2, 4)", 3.0, 1},
              {"normal(3, 0)", 1e300, 1}};

START_TEST(inputs_beyond_training_are_counted)
    {
        open_context();
        pdm_case  *c = NULL;
        pdm_model *m = NULL;
        OK(pdm_case_create(ctx, &c));
        static const char *const text[][3] = {{"pde", "fields", "u"},
                                              {"pde/residuals", "u", "-dxx(u) - a"},
                                              {"pde/boundary", "x_min", "u = 0"},
                                              {"pde/boundary", "x_max", "u = 0"},
                                              {"domain", "dimensions", "x"},
                                              {"domain/x", "extent", "0 1"},
                                              {"domain/x", "control_points", "8"},
                                              {"experts", "basis", "2"}};
        for (size_t i = 0; i < sizeof text / sizeof *text; i++)
            OK(pdm_case_set_text(c, text[i][0], text[i][1], text[i][2]));
        OK(pdm_case_set_text(c, "inputs/a", "distribution", ranges[_i].distribution));
        OK(pdm_model_create(c, &m));
        OK(range_check(m, 1, &ranges[_i].value));
        ck_assert_double_eq(pdm_model_value(m, "outside"), 0.0); /* not trained */
        m->step = 1;
        OK(range_check(m, 1, &ranges[_i].value));
        ck_assert_double_eq(pdm_model_value(m, "outside"), ranges[_i].outside);
        pdm_model_destroy(&m);
        pdm_case_destroy(&c);
        close_context();
    }
END_TEST

int main(void)
{
    Suite *s = suite_create("model");
    TCase *t = tcase_create("model");
    tcase_set_timeout(t, 120);
    tcase_add_test(t, models_keep_their_defaults);
    tcase_add_test(t, training_ends_with_a_verdict);
    tcase_add_loop_test(t, inputs_beyond_training_are_counted, 0, (int)(sizeof ranges / sizeof *ranges));
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
