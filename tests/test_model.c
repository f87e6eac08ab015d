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

int main(void)
{
    Suite *s = suite_create("model");
    TCase *t = tcase_create("model");
    tcase_set_timeout(t, 120);
    tcase_add_test(t, models_keep_their_defaults);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
