/* Colours and ticks of pictures. */
#include <check.h>
#include <math.h>
#include <string.h>

#include "plot/colour.h"
#include "plot/ticks.h"

enum { N_STEP = 400 };

/* sRGB in 8 bits has steps of 1/255, of which lightness sees less than half. */
#define ROUNDING (0.5 / 255.0)

static int is_colour(colour c)
{
    return c.red >= 0.0 && c.red <= 1.0 && c.green >= 0.0 && c.green <= 1.0 && c.blue >= 0.0 && c.blue <= 1.0;
}

static double distance(colour a, colour b)
{
    return fabs(a.red - b.red) + fabs(a.green - b.green) + fabs(a.blue - b.blue);
}

/* Lightness is as linear as was asked for, to the digits of the matrices: no colour had to be cut to fit into sRGB. */
START_TEST(test_sequential)
    {
        const double first = colour_lightness(colour_sequential(0.0)), last = colour_lightness(colour_sequential(1.0));

        ck_assert_double_lt(first, 0.3);
        ck_assert_double_gt(last, 0.9);
        for (int i = 0; i <= N_STEP; i++) {
            const double s = (double)i / N_STEP;
            ck_assert(is_colour(colour_sequential(s)));
            ck_assert_double_eq_tol(colour_lightness(colour_sequential(s)), first + s * (last - first), 1e-5);
        }
    }
END_TEST

START_TEST(test_diverging)
    {
        double before = INFINITY;

        for (int i = 0; i <= N_STEP; i++) {
            const double s = (double)i / N_STEP, lightness = colour_lightness(colour_diverging(s));
            ck_assert(is_colour(colour_diverging(s)) && is_colour(colour_diverging(-s)));
            ck_assert_double_lt(lightness, before);
            ck_assert_double_eq_tol(lightness, colour_lightness(colour_diverging(-s)),
                                    1e-5); /* both sides weigh the same */
            before = lightness;
        }
        ck_assert_double_gt(colour_lightness(colour_diverging(0.0)), 0.95);
        ck_assert_double_gt(colour_diverging(1.0).red, 2.0 * colour_diverging(1.0).blue);
        ck_assert_double_gt(colour_diverging(-1.0).blue, 2.0 * colour_diverging(-1.0).red);
    }
END_TEST

/* Neighbours differ by little everywhere: no bands. */
START_TEST(test_smooth)
    {
        for (int i = 0; i < N_STEP; i++) {
            const double s = (double)i / N_STEP, t = (i + 1.0) / N_STEP;
            ck_assert_double_lt(distance(colour_sequential(s), colour_sequential(t)), 12.0 / N_STEP);
            ck_assert_double_lt(distance(colour_diverging(2.0 * s - 1.0), colour_diverging(2.0 * t - 1.0)),
                                12.0 / N_STEP);
        }
    }
END_TEST

START_TEST(test_clamped)
    {
        ck_assert_double_eq(distance(colour_sequential(-3.0), colour_sequential(0.0)), 0.0);
        ck_assert_double_eq(distance(colour_sequential(7.0), colour_sequential(1.0)), 0.0);
        ck_assert_double_eq(distance(colour_diverging(7.0), colour_diverging(1.0)), 0.0);
        ck_assert_double_eq(distance(colour_diverging(-7.0), colour_diverging(-1.0)), 0.0);
        const colour grey = colour_missing();
        ck_assert_double_lt(fabs(grey.red - grey.green) + fabs(grey.green - grey.blue), ROUNDING);
    }
END_TEST

static const struct {
    double      low, high;
    int         most, n;
    const char *first, *last, *factor;
} linear[] = {
    {0.0, 1.0, 6, 6, "0.0", "1.0", ""},
    {0.0, 500.0, 6, 6, "0", "500", ""},
    {-1.0, 1.0, 5, 5, "\u22121.0", "1.0", ""},
    {0.0012, 0.9988, 6, 6, "0.0", "1.0", ""}, /* a hair beyond the ends */
    {-0.0031, 0.0031, 4, 3, "\u22122", "2", "\u00d710\u207b\u00b3"},
    {0.0, 250000.0, 6, 6, "0.0", "2.5", "\u00d710\u2075"},
    {1.0, 1.0004, 5, 5, "1.0000", "1.0004", ""},
};

START_TEST(test_linear)
    {
        ticks t;

        ticks_linear(linear[_i].low, linear[_i].high, linear[_i].most, &t);
        ck_assert_int_eq(t.n, linear[_i].n);
        ck_assert_str_eq(t.label[0], linear[_i].first);
        ck_assert_str_eq(t.label[t.n - 1], linear[_i].last);
        ck_assert_str_eq(t.factor, linear[_i].factor);
        for (int i = 1; i < t.n; i++)
            ck_assert_double_eq_tol(t.at[i] - t.at[i - 1], t.at[1] - t.at[0], 1e-12 * fabs(linear[_i].high));
    }
END_TEST

/* Steps are 1, 2 or 5 times a power of ten, never more ticks than asked for (and one more, at both ends). */
START_TEST(test_steps)
    {
        for (double high = 1e-9; high < 1e9; high *= 1.37)
            for (int most = 2; most < 12; most++) {
                ticks t;
                ticks_linear(-0.3 * high, high, most, &t);
                ck_assert_int_ge(t.n, 1);
                ck_assert_int_le(t.n, most + 1);
                if (t.n < 2) continue;
                const double step = t.at[1] - t.at[0], ten = pow(10.0, floor(log10(step) + 1e-9)), digit = step / ten;
                ck_assert(fabs(digit - 1.0) < 1e-6 || fabs(digit - 2.0) < 1e-6 || fabs(digit - 5.0) < 1e-6);
            }
    }
END_TEST

START_TEST(test_log)
    {
        ticks t;

        ticks_log(0.5e-3, 2.0, 8, &t);
        ck_assert_int_eq(t.n, 4);
        ck_assert_str_eq(t.label[0], "10\u207b\u00b3");
        ck_assert_str_eq(t.label[3], "10\u2070");
        ticks_log(1.5, 7.0, 8, &t); /* no power of ten inside */
        ck_assert_int_eq(t.n, 2);
        ck_assert_str_eq(t.label[0], "2\u00d710\u2070");
        ticks_log(1e-30, 1e30, 6, &t);
        ck_assert_int_le(t.n, 7);
    }
END_TEST

START_TEST(test_number)
    {
        static const struct {
            double      value;
            const char *text;
        } number[] = {{0.0, "0"},       {-0.0, "0"},
                      {0.25, "0.25"},   {-2.5, "\u22122.5"},
                      {500.0, "500"},   {1.5e-7, "1.5\u00d710\u207b\u2077"},
                      {1234.0, "1234"}, {-3e12, "\u22123\u00d710\u00b9\u00b2"}};
        char text[TICK_TEXT];

        for (size_t i = 0; i < sizeof number / sizeof *number; i++) {
            number_text(number[i].value, text);
            ck_assert_str_eq(text, number[i].text);
        }
    }
END_TEST

int main(void)
{
    Suite *suite   = suite_create("plot_basis");
    TCase *colours = tcase_create("colours"), *numbers = tcase_create("ticks");

    tcase_add_test(colours, test_sequential);
    tcase_add_test(colours, test_diverging);
    tcase_add_test(colours, test_smooth);
    tcase_add_test(colours, test_clamped);
    tcase_add_loop_test(numbers, test_linear, 0, sizeof linear / sizeof *linear);
    tcase_add_test(numbers, test_steps);
    tcase_add_test(numbers, test_log);
    tcase_add_test(numbers, test_number);
    suite_add_tcase(suite, colours);
    suite_add_tcase(suite, numbers);

    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    const int n_failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return n_failed != 0;
}
