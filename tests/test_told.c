/* What the program tells of a case before it is believed: which condition counts for which field, contradictions with
 * their size, what is singular; and that what it accepts is solved right. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/models.h"
#include "tests/prediction.h"

#define COUNT_OF(a) ((int)(sizeof(a) / sizeof *(a)))

/* Words of a case; the rest are of a small grid. */
enum { MOST_WORD = 20 };
static const word usual[]   = {{"domain/x", "extent", "0 1"}, {"domain/x", "control_points", "10"},
                               {"experts", "basis", "3"},     {"surrogate", "width", "4"},
                               {"surrogate", "layers", "1"},  {"training", "batch", "1"}};
static const word in_time[] = {
    {"domain", "dimensions", "t x"}, {"domain/t", "extent", "0 1"}, {"domain/t", "control_points", "8"}};

static void fill_case(pdm_case *c, const word *w)
{
    set(c, sizeof usual / sizeof *usual, usual);
    set(c, sizeof in_time / sizeof *in_time, in_time);
    for (int i = 0; i < MOST_WORD && w[i].group; i++) set(c, 1, &w[i]);
}

/* ---- conditions that read several fields ---- */

/* u = 1 + t + x^2, v = 2 + t x are splines: solved for to rounding. */
static const char *const robin[] = {
    "dx(u) = u - v + 2; dx(v) = v - u + t",
    "dx(v) = v - u + t; dx(u) = u - v + 2",
    "v - u + t = dx(v); u - v + 2 = dx(u)",
};

START_TEST(pairs_of_conditions_are_solved_in_any_order)
    {
        const word words[MOST_WORD] = {{"pde", "fields", "u v"},
                                       {"pde/residuals", "u", "dt(u) - dx(dx(u)) + 1"},
                                       {"pde/residuals", "v", "dt(v) - dx(0.5*dx(v)) - x"},
                                       {"pde/initial", "u", "1 + x^2"},
                                       {"pde/initial", "v", "2"},
                                       {"pde/boundary", "x_min", "dx(u) = 0; dx(v) = t"},
                                       {"pde/boundary", "x_max", robin[_i]}};
        enum { N = 9 };
        double           at[N], u[2 * N * N], worst = 0.0;
        double          *x[] = {at, at};
        const pdm_size   n[] = {N, N};
        pdm_case        *c   = NULL;
        pdm_solve_result r;
        for (int i = 0; i < N; i++) at[i] = (double)i / (N - 1);
        OK(pdm_case_create(ctx, &c));
        fill_case(c, words);
        pdm_model *m = model_of(c);
        OK(predict_on(m, n, x, 1e-12, 1, NULL, u, &r));
        for (int i = 0; i < N; i++)
            for (int j = 0; j < N; j++) {
                worst = fmax(worst, fabs(u[i * N + j] - (1.0 + at[i] + at[j] * at[j])));
                worst = fmax(worst, fabs(u[(N + i) * N + j] - (2.0 + at[i] * at[j])));
            }
        ck_assert(pdm_reason_is_good(r.reason));
        ck_assert_double_lt(worst, 1e-8); /* normal equations of a matrix of condition 1e3 or so */
        pdm_model_destroy(&m);
    }
END_TEST

int main(void)
{
    Suite *s = suite_create("told");
    TCase *t = tcase_create("told");
    tcase_add_checked_fixture(t, open_context, close_context);
    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, pairs_of_conditions_are_solved_in_any_order, 0, COUNT_OF(robin));
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
