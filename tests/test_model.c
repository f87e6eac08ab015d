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

int main(void)
{
    Suite *s = suite_create("model");
    TCase *t = tcase_create("model");
    tcase_set_timeout(t, 120);
    tcase_add_test(t, models_keep_their_defaults);
    tcase_add_test(t, training_ends_with_a_verdict);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
