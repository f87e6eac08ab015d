/* The case in memory, settings, units, the training log. Files: test_io_files.c. */
#define _XOPEN_SOURCE 700 /* mkstemp */
#include "io/io.h"

#include <check.h>
#include <float.h>
#include <locale.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "io/io_impl.h"

static pdm_context *ctx;
static pdm_case    *c;

static void set_up(void)
{
    ck_assert_int_eq(pdm_context_create(NULL, &ctx), PDM_OK);
    ck_assert_int_eq(pdm_case_create(ctx, &c), PDM_OK);
}

static void tear_down(void)
{
    pdm_case_destroy(&c);
    ck_assert_ptr_null(c);
    ck_assert_int_eq(pdm_context_destroy(&ctx), 0);
}

static pdm_size live_bytes(void)
{
    pdm_size live = 0;
    pdm_context_memory(ctx, &live, NULL, NULL);
    return live;
}

/* ---- case -------------------------------------------------------------------------------------------------------- */

START_TEST(test_case_set_and_text)
    {
        const char *text = NULL;

        ck_assert_int_eq(pdm_case_set_text(c, "pde.parameters", "D", "5e-4"), PDM_OK);
        ck_assert_int_eq(pdm_case_set_text(c, "/pde/parameters", "phi", "0.29"), PDM_OK);
        ck_assert_int_eq(pdm_case_set_text(c, "", "title", "a \"case\""), PDM_OK);
        ck_assert_int_eq(pdm_case_text(c, "pde/parameters", "D", NULL, &text), PDM_OK);
        ck_assert_str_eq(text, "5e-4");
        ck_assert_int_eq(pdm_case_set_text(c, "pde/parameters", "D", "6e-4"), PDM_OK);
        ck_assert_int_eq(pdm_case_text(c, "pde.parameters", "D", NULL, &text), PDM_OK);
        ck_assert_str_eq(text, "6e-4");
        ck_assert_int_eq(pdm_case_text(c, "pde.parameters", "nothing", "default", &text), PDM_OK);
        ck_assert_str_eq(text, "default");
        ck_assert(pdm_case_has(c, "pde/parameters", "phi"));
        ck_assert(!pdm_case_has(c, "pde/parameters", "psi"));
        ck_assert(!pdm_case_has(c, "pde//parameters", "phi"));
        ck_assert(pdm_case_has_group(c, "pde"));
        ck_assert(!pdm_case_has_group(c, "gate"));
        ck_assert_str_eq(pdm_case_path(c), "(case)");
        ck_assert_ptr_eq(pdm_case_context(c), ctx);
    }
END_TEST

/* Order is that of setting, whatever was asked for before. */
START_TEST(test_case_listing)
    {
        ck_assert(!pdm_case_has(c, "b", "second"));
        ck_assert(!pdm_case_has_group(c, "late"));
        ck_assert_int_eq(pdm_case_n_attribute(c, "b"), 0);
        ck_assert_int_eq(pdm_case_set_text(c, "b", "first", "1"), PDM_OK);
        ck_assert_int_eq(pdm_case_set_text(c, "b", "second", "2"), PDM_OK);
        ck_assert_int_eq(pdm_case_set_text(c, "early", "x", "1"), PDM_OK);
        ck_assert_int_eq(pdm_case_set_text(c, "late.deep", "x", "1"), PDM_OK);
        ck_assert_int_eq(pdm_case_n_attribute(c, "b"), 2);
        ck_assert_str_eq(pdm_case_attribute_name(c, "b", 0), "first");
        ck_assert_str_eq(pdm_case_attribute_name(c, "b", 1), "second");
        ck_assert_ptr_null(pdm_case_attribute_name(c, "b", 2));
        ck_assert_ptr_null(pdm_case_attribute_name(c, "b", -1));
        ck_assert_int_eq(pdm_case_n_subgroup(c, ""), 3);
        ck_assert_str_eq(pdm_case_subgroup_name(c, "", 0), "b");
        ck_assert_str_eq(pdm_case_subgroup_name(c, "", 1), "early");
        ck_assert_str_eq(pdm_case_subgroup_name(c, "", 2), "late");
        ck_assert_str_eq(pdm_case_subgroup_name(c, "late", 0), "deep");
        ck_assert_ptr_null(pdm_case_subgroup_name(c, "late", 1));
        ck_assert_int_eq(pdm_case_n_subgroup(c, "nowhere"), 0);
    }
END_TEST

static const struct {
    const char *text;
    pdm_size    n_min, n_max;
    int         status;
    pdm_size    n;
    double      value[3];
    const char *error;
} reals_table[] = {
    {"0., 500.", 2, 2, PDM_OK, 2, {0.0, 500.0}, NULL},
    {"0 500", 2, 2, PDM_OK, 2, {0.0, 500.0}, NULL},
    {" 1e-3,2 ,\n -3.5 ", 1, 3, PDM_OK, 3, {1e-3, 2.0, -3.5}, NULL},
    {"", 0, 3, PDM_OK, 0, {0.0}, NULL},
    {"", 1, 1, PDM_ERR_CASE, 0, {0.0}, "(case): /g:a: 0 numbers; exactly 1 expected\n    "},
    {"1 2 3", 2, 2, PDM_ERR_CASE, 0, {0.0}, "(case): /g:a: 3 numbers; exactly 2 expected\n    1 2 3"},
    {"1", 2, 3, PDM_ERR_CASE, 0, {0.0}, "(case): /g:a: 1 number; 2 to 3 expected\n    1"},
    {"1 2x",
     1,
     3,
     PDM_ERR_CASE,
     0,
     {0.0},
     "(case): /g:a: not a number; numbers separated by blanks or commas are expected\n    1 2x\n      ^"},
    {"nan",
     1,
     1,
     PDM_ERR_CASE,
     0,
     {0.0},
     "(case): /g:a: not a number; numbers separated by blanks or commas are expected\n    nan\n    ^"},
    {"1e999", 1, 1, PDM_ERR_CASE, 0, {0.0}, NULL},
    {"11111111111111111111111111111111111111111111111111111111111111111111", 1, 1, PDM_ERR_CASE, 0, {0.0}, NULL},
};

START_TEST(test_case_reals)
    {
        double   value[3] = {-1.0, -1.0, -1.0};
        pdm_size n        = -7;

        ck_assert_int_eq(pdm_case_set_text(c, "g", "a", reals_table[_i].text), PDM_OK);
        ck_assert_int_eq(pdm_case_reals(c, "g", "a", true, reals_table[_i].n_min, reals_table[_i].n_max, value, &n),
                         reals_table[_i].status);
        if (reals_table[_i].status == PDM_OK) {
            ck_assert_int_eq(n, reals_table[_i].n);
            for (pdm_size i = 0; i < n; i++) ck_assert_double_eq(value[i], reals_table[_i].value[i]);
        } else {
            ck_assert_int_eq(n, -7);
            ck_assert_double_eq(value[0], -1.0);
            if (reals_table[_i].error) ck_assert_str_eq(pdm_context_error(ctx), reals_table[_i].error);
        }
    }
END_TEST

START_TEST(test_case_numeric_attribute)
    {
        const double numbers[] = {0.1, 500.0, -1e-300};
        const char  *text      = NULL;
        double       value[3]  = {0.0};
        pdm_size     n         = 0;
        case_group  *g         = NULL;

        ck_assert_int_eq(case_group_make(c, "g", &g), PDM_OK);
        ck_assert_int_eq(case_attribute_set(c, g, &g->attribute, "a", NULL, numbers, 3), PDM_OK);
        ck_assert_int_eq(pdm_case_reals(c, "g", "a", true, 3, 3, value, &n), PDM_OK);
        for (int i = 0; i < 3; i++) ck_assert_double_eq(value[i], numbers[i]);
        ck_assert_int_eq(pdm_case_text(c, "g", "a", NULL, &text), PDM_OK);
        ck_assert_str_eq(text, "0.1 500 -1e-300");
        ck_assert_ptr_null(pdm_case_where(c, "g", "a").text);
        ck_assert_int_eq(pdm_case_set_text(c, "g", "a", "7"), PDM_OK); /* replaces the numbers */
        ck_assert_int_eq(pdm_case_reals(c, "g", "a", true, 1, 1, value, &n), PDM_OK);
        ck_assert_double_eq(value[0], 7.0);
        ck_assert_int_eq(case_attribute_set(c, g, &g->attribute, "a", NULL, (double[]){NAN}, 1), PDM_OK);
        ck_assert_int_eq(pdm_case_reals(c, "g", "a", true, 1, 1, value, &n), PDM_ERR_CASE);
        ck_assert_str_eq(pdm_context_error(ctx), "(case): /g:a: number 1 is not finite");
    }
END_TEST

START_TEST(test_case_absent)
    {
        const char *text  = "untouched";
        double      value = -1.0;
        pdm_size    n     = -1;

        ck_assert_int_eq(pdm_case_set_text(c, "solver", "tolerence", "1"), PDM_OK);
        ck_assert_int_eq(pdm_case_reals(c, "solver", "nothing", false, 1, 1, &value, &n), PDM_OK);
        ck_assert_int_eq(n, 0);
        ck_assert_int_eq(pdm_case_reals(c, "solver", "tolerance", true, 1, 1, &value, &n), PDM_ERR_CASE);
        ck_assert_str_eq(pdm_context_error(ctx),
                         "(case): /solver:tolerance: required and missing; is \"tolerence\" meant for it?");
        ck_assert_int_eq(pdm_case_text(c, "solver", "kind", NULL, &text), PDM_ERR_CASE);
        ck_assert_str_eq(pdm_context_error(ctx), "(case): /solver:kind: required and missing; a text expected");
        ck_assert_int_eq(pdm_case_set_text(c, "boundery", "x", "1"), PDM_OK);
        ck_assert_int_eq(pdm_case_text(c, "boundary/x", "kind", NULL, &text), PDM_ERR_CASE);
        ck_assert_str_eq(pdm_context_error(ctx),
                         "(case): /boundary: this group is required and missing; is \"boundery\" meant for it?");
        ck_assert_int_eq(pdm_case_text(c, "pde", "fields", NULL, &text), PDM_ERR_CASE);
        ck_assert_str_eq(pdm_context_error(ctx),
                         "(case): /pde: this group is required and missing; it must have \"fields\" (a text)");
        ck_assert_str_eq(text, "untouched");
        ck_assert_double_eq(value, -1.0);
    }
END_TEST

START_TEST(test_case_bad_names)
    {
        static const char *const bad[] = {"", "1a", "a b", "a/b", "a.b", "\xc3\xa4", "a\n", "-a"};
        char                     longer[CASE_MAX_NAME + 2], deep[4 * CASE_MAX_DEPTH] = "";
        char                    *big = NULL;

        for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
            ck_assert_int_eq(pdm_case_set_text(c, "g", bad[i], "1"), PDM_ERR_CASE);
            if (!strpbrk(bad[i], "/.") && bad[i][0])
                ck_assert_int_eq(pdm_case_set_text(c, bad[i], "a", "1"), PDM_ERR_CASE);
        }
        ck_assert_int_eq(pdm_case_set_text(c, "a..b", "a", "1"), PDM_ERR_CASE);
        ck_assert_int_eq(pdm_case_set_text(c, "a/", "a", "1"), PDM_ERR_CASE);
        ck_assert_int_eq(pdm_case_set_text(c, "//", "a", "1"), PDM_ERR_CASE);
        memset(longer, 'a', sizeof longer - 1);
        longer[sizeof longer - 1] = '\0';
        ck_assert_int_eq(pdm_case_set_text(c, "g", longer, "1"), PDM_ERR_CASE);
        ck_assert_int_eq(pdm_case_set_text(c, longer, "a", "1"), PDM_ERR_CASE);
        for (int i = 0; i <= CASE_MAX_DEPTH; i++) strcat(deep, i > 0 ? "/g" : "g");
        ck_assert_int_eq(pdm_case_set_text(c, deep, "a", "1"), PDM_ERR_CASE);
        ck_assert_ptr_nonnull(strstr(pdm_context_error(ctx), "more than 16 groups inside groups"));
        ck_assert_int_eq(pdm_alloc(ctx, CASE_MAX_TEXT + 2, &big), PDM_OK);
        memset(big, 'x', CASE_MAX_TEXT + 1);
        ck_assert_int_eq(pdm_case_set_text(c, "g", "a", big), PDM_ERR_CASE);
        pdm_free(ctx, big);
        ck_assert_int_eq(pdm_case_set_text(c, NULL, "a", "1"), PDM_ERR_ARGUMENT);
        ck_assert_int_eq(pdm_case_set_text(c, "g", NULL, "1"), PDM_ERR_ARGUMENT);
        ck_assert_int_eq(pdm_case_set_text(c, "g", "a", NULL), PDM_ERR_ARGUMENT);
        ck_assert_int_eq(pdm_case_n_subgroup(c, ""), 0); /* nothing of all that has stayed */
    }
END_TEST

START_TEST(test_case_where)
    {
        pdm_where where;

        ck_assert_int_eq(pdm_case_set_text(c, "pde.boundary", "x_min", "u = 1"), PDM_OK);
        where = pdm_case_where(c, "pde.boundary", "x_min");
        ck_assert_str_eq(where.file, "(case)");
        ck_assert_str_eq(where.group, "pde/boundary");
        ck_assert_str_eq(where.attribute, "x_min");
        ck_assert_str_eq(where.text, "u = 1");
        ck_assert_int_eq(where.offset, -1);
        where = pdm_case_where(c, "pde.boundary", "x_max");
        ck_assert_str_eq(where.attribute, "x_max");
        ck_assert_ptr_null(where.text);
        where = pdm_case_where(c, "gate.x", NULL);
        ck_assert_str_eq(where.group, "gate/x");
        ck_assert_ptr_null(where.attribute);
    }
END_TEST

/* ---- what nobody asked for --------------------------------------------------------------------------------------- */

/* Sets group:name and asks for a few; the error for the one nobody asked for. */
static const struct {
    const char *group, *name, *error;
} unread_table[] = {
    {"solver", "tolerance", NULL},
    {"solver", "tolerence",
     "(case): /solver:tolerence: unknown attribute; did you mean \"tolerance\"?  (known ones: tolerance, max_iter)"},
    {"solver", "zzzzzz", "(case): /solver:zzzzzz: unknown attribute; the known ones are: tolerance, max_iter"},
    {"sovler", "tolerance", "(case): /sovler: unknown group; did you mean \"solver\"?  (known ones: solver, pde)"},
    {"pde.boundery", "x", "(case): /pde/boundery: unknown group; did you mean \"boundary\"?  (known ones: boundary)"},
    {"solver.deep", "x", "(case): /solver/deep: unknown group; none is expected here"},
    {"", "title", NULL},
    {"", "Conventions", NULL},
    {"", "tittle", "(case): /:tittle: unknown attribute; none is expected here"},
    {"solver", "long_name", NULL},
    {"solver", "description", NULL},
    {"solver", "comment", NULL},
    {"solver", "title", "(case): /solver:title: unknown attribute; the known ones are: tolerance, max_iter"},
};

START_TEST(test_case_unread)
    {
        double   value;
        pdm_size n;

        ck_assert_int_eq(pdm_case_set_text(c, unread_table[_i].group, unread_table[_i].name, "1"), PDM_OK);
        ck_assert_int_eq(pdm_case_reals(c, "solver", "tolerance", false, 1, 1, &value, &n), PDM_OK);
        ck_assert_int_eq(pdm_case_reals(c, "solver", "max_iter", false, 1, 1, &value, &n), PDM_OK);
        (void)pdm_case_has_group(c, "pde/boundary");
        if (unread_table[_i].error) {
            ck_assert_int_eq(pdm_case_check_unread(c), PDM_ERR_CASE);
            ck_assert_str_eq(pdm_context_error(ctx), unread_table[_i].error);
        } else {
            ck_assert_int_eq(pdm_case_check_unread(c), PDM_OK);
        }
    }
END_TEST

/* Listing a group makes it known, not its attributes; a copy has forgotten what was asked. */
START_TEST(test_case_unread_listing)
    {
        pdm_case   *copy = NULL;
        const char *text = NULL;

        ck_assert_int_eq(pdm_case_set_text(c, "pde/parameters", "D", "1"), PDM_OK);
        ck_assert_int_eq(pdm_case_n_attribute(c, "pde/parameters"), 1);
        ck_assert_int_eq(pdm_case_check_unread(c), PDM_ERR_CASE);
        ck_assert_str_eq(pdm_context_error(ctx), "(case): /pde/parameters:D: unknown attribute; none is expected here");
        ck_assert_int_eq(pdm_case_text(c, "pde/parameters", "D", NULL, &text), PDM_OK);
        ck_assert_int_eq(pdm_case_check_unread(c), PDM_OK);
        ck_assert_int_eq(pdm_case_copy(c, &copy), PDM_OK);
        ck_assert_int_eq(pdm_case_check_unread(copy), PDM_ERR_CASE);
        ck_assert_str_eq(pdm_context_error(ctx), "(case): /pde: unknown group; none is expected here");
        pdm_case_destroy(&copy);
    }
END_TEST

/* ---- print, hash, copy, variables -------------------------------------------------------------------------------- */

static const char printed[] = "netcdf case {\n"
                              "    :title = \"say \\\"hi\\\"\\n\\\\ \\001 \xc3\xa4\" ;\n"
                              "\n"
                              "    group: solver {\n"
                              "        dimensions:\n"
                              "            x = 2 ;\n"
                              "            y = 3 ;\n"
                              "        variables:\n"
                              "            double a(x, y) ;\n"
                              "            double s ;\n"
                              "        :tolerance = 1e-08 ;\n"
                              "        :many = 0., 500., 0.1 ;\n"
                              "        :empty = \"\" ;\n"
                              "        data:\n"
                              "            a = 1., 2., 3., 4., 5., 0.1 ;\n"
                              "            s = -7. ;\n"
                              "\n"
                              "        group: deep {\n"
                              "            :word = \"1 apple\" ;\n"
                              "        }\n"
                              "    }\n"
                              "}\n";

static void fill(pdm_case *to, const char *tolerance, const char *many)
{
    const double a[6] = {1.0, 2.0, 3.0, 4.0, 5.0, 0.1};

    ck_assert_int_eq(pdm_case_set_text(to, "", "title", "say \"hi\"\n\\ \001 \xc3\xa4"), PDM_OK);
    ck_assert_int_eq(pdm_case_set_text(to, "solver", "tolerance", tolerance), PDM_OK);
    ck_assert_int_eq(pdm_case_set_text(to, "solver", "many", many), PDM_OK);
    ck_assert_int_eq(pdm_case_set_text(to, "solver", "empty", ""), PDM_OK);
    ck_assert_int_eq(pdm_case_set_text(to, "solver/deep", "word", "1 apple"), PDM_OK);
    ck_assert_int_eq(pdm_case_set_array(to, "solver", "a", 2, (const char *const[]){"x", "y"}, (pdm_size[]){2, 3}, a),
                     PDM_OK);
    ck_assert_int_eq(pdm_case_set_array(to, "solver", "s", 0, NULL, NULL, (double[]){-7.0}), PDM_OK);
}

/* Appends "group:name a b;" for each difference. */
static pdm_status note_difference(void *user, const char *group, const char *name, const char *a, const char *b)
{
    return pdm_text_append(user, "%s:%s %s %s;", group, name, a ? a : "-", b ? b : "-");
}

typedef struct compared_settings {
    pdm_size steps;
} compared_settings;
static const pdm_setting compared_table[] = {
    {"steps", PDM_SETTING_COUNT, offsetof(compared_settings, steps), 400, 0, 1e9, NULL, "1", "training steps"}};

START_TEST(test_case_compare)
    {
        pdm_case         *other = NULL;
        pdm_text          text  = {.ctx = ctx};
        compared_settings settings;
        const double      values[] = {1.0, 2.0};
        const pdm_size    shape[]  = {2};
        const char *const dims[]   = {"x"};

        ck_assert_int_eq(pdm_case_create(ctx, &other), PDM_OK);
        ck_assert_int_eq(pdm_case_set_text(c, "a", "one", "1"), PDM_OK);
        ck_assert_int_eq(pdm_case_set_text(c, "a", "two", "2 3"), PDM_OK);
        ck_assert_int_eq(pdm_case_set_text(other, "a", "two", "2., 3e0"), PDM_OK); /* the same, and in another order */
        ck_assert_int_eq(pdm_case_set_text(other, "a", "one", "1"), PDM_OK);
        ck_assert_int_eq(pdm_case_settings(c, "training", compared_table, 1, &settings), PDM_OK);
        ck_assert_int_eq(pdm_case_set_text(other, "training", "steps", "400"), PDM_OK); /* the default of the other */
        ck_assert_int_eq(pdm_case_settings(other, "training", compared_table, 1, &settings), PDM_OK);
        ck_assert_int_eq(pdm_case_compare(c, other, note_difference, &text), PDM_OK);
        ck_assert_uint_eq(text.length, 0);

        ck_assert_int_eq(pdm_case_set_text(other, "a", "one", "5"), PDM_OK);
        ck_assert_int_eq(pdm_case_set_text(other, "b/c", "new", "word"), PDM_OK);
        ck_assert_int_eq(pdm_case_set_text(c, "d", "old", "7"), PDM_OK);
        ck_assert_int_eq(pdm_case_set_array(other, "a", "v", 1, dims, shape, values), PDM_OK);
        ck_assert_int_eq(pdm_case_set_text(other->defaults, "training", "steps", "300"), PDM_OK);
        ck_assert_int_eq(pdm_case_compare(c, other, note_difference, &text), PDM_OK);
        ck_assert_str_eq(text.data, "a:one 1 5;a:v - ...;d:old 7 -;training:steps - 400;b/c:new - word;"
                                    "training:steps 400 300;");
        ck_assert_int_eq(pdm_case_compare(c, c, note_difference, &text), PDM_OK);
        pdm_text_destroy(&text);
        pdm_case_destroy(&other);
    }
END_TEST

/* Numbers set as numbers keep all digits, also through the text of the case;
 * a case in memory has arrays like one of a file. */
START_TEST(numbers_are_set_as_numbers)
    {
        const double value[3] = {0.1 + 0.2, -1.0 / 3.0, 1e300}, bad[2] = {1.0, NAN};
        double       back[3] = {0.0};
        pdm_size     n       = 0;
        pdm_case    *own     = NULL;
        const char  *text    = NULL;
        ck_assert_int_eq(pdm_case_create(ctx, &own), PDM_OK);
        ck_assert_int_eq(pdm_case_set_numbers(own, "domain.x", "knots", 3, value), PDM_OK);
        ck_assert_int_eq(pdm_case_reals(own, "domain/x", "knots", true, 1, 3, back, &n), PDM_OK);
        ck_assert_int_eq(n, 3);
        ck_assert_mem_eq(back, value, sizeof value);
        ck_assert_int_eq(pdm_case_set_count(own, "domain/x", "control_points", 14), PDM_OK);
        ck_assert_int_eq(pdm_case_text(own, "domain/x", "control_points", NULL, &text), PDM_OK);
        ck_assert_str_eq(text, "14");
        ck_assert_int_eq(pdm_case_set_numbers(own, "domain/x", "knots", 2, bad), PDM_ERR_ARGUMENT);
        ck_assert_int_eq(pdm_case_set_numbers(own, "domain/x", "knots", 0, value), PDM_ERR_ARGUMENT);
        ck_assert_int_eq(pdm_case_reals(own, "domain/x", "knots", true, 1, 3, back, &n), PDM_OK);
        ck_assert_int_eq(n, 3); /* as they were */
        pdm_case_destroy(&own);
    }
END_TEST

START_TEST(test_case_print_hash_copy)
    {
        pdm_case *copy = NULL, *other = NULL;
        pdm_text  text = {.ctx = ctx}, text_copy = {.ctx = ctx};
        char      hash[3][PDM_HASH_TEXT];

        (void)pdm_case_has(c, "solver", "not_there"); /* asking changes nothing */
        fill(c, "1e-8", "0 500 .1");
        ck_assert_int_eq(pdm_case_print(c, &text), PDM_OK);
        ck_assert_str_eq(text.data, printed);
        ck_assert_int_eq(pdm_case_copy(c, &copy), PDM_OK);
        ck_assert_int_eq(pdm_case_print(copy, &text_copy), PDM_OK);
        ck_assert_str_eq(text_copy.data, printed);
        ck_assert_int_eq(pdm_case_create(ctx, &other), PDM_OK);
        fill(other, "0.00000001", "0., 500.,1e-1"); /* the same, written in another way */
        ck_assert_int_eq(pdm_case_hash(c, hash[0]), PDM_OK);
        ck_assert_int_eq(pdm_case_hash(other, hash[1]), PDM_OK);
        ck_assert_str_eq(hash[0], hash[1]);
        ck_assert_uint_eq(strlen(hash[0]), 32);
        ck_assert_int_eq(pdm_case_set_text(copy, "solver", "tolerance", "2e-8"), PDM_OK);
        ck_assert_int_eq(pdm_case_hash(copy, hash[2]), PDM_OK);
        ck_assert_str_ne(hash[0], hash[2]);
        pdm_text_destroy(&text);
        pdm_text_destroy(&text_copy);
        pdm_case_destroy(&copy);
        pdm_case_destroy(&other);
    }
END_TEST

START_TEST(test_case_array)
    {
        pdm_size      n_dim = -1, shape[2] = {0};
        const double *value = NULL;
        const double  zero  = 0.0;

        fill(c, "1", "1");
        ck_assert(pdm_case_has_array(c, "solver", "a"));
        ck_assert(!pdm_case_has_array(c, "solver", "b"));
        ck_assert_int_eq(pdm_case_array(c, "solver", "a", 2, &n_dim, shape, &value), PDM_OK);
        ck_assert_int_eq(n_dim, 2);
        ck_assert_int_eq(shape[0] * 10 + shape[1], 23);
        ck_assert_double_eq(value[5], 0.1);
        ck_assert_int_eq(pdm_case_array(c, "solver", "a", 1, &n_dim, shape, &value), PDM_ERR_CASE);
        ck_assert_str_eq(pdm_context_error(ctx),
                         "(case): /solver:a: the variable has 2 dimensions; at most 1 expected");
        ck_assert_int_eq(pdm_case_array(c, "solver", "aa", 1, &n_dim, shape, &value), PDM_ERR_CASE);
        ck_assert_str_eq(pdm_context_error(ctx), "(case): /solver:aa: required and missing; a variable expected");
        ck_assert_int_eq(
            pdm_case_set_array(c, "solver", "b", 1, (const char *const[]){"x"}, (pdm_size[]){3}, (double[]){1, 2, 3}),
            PDM_ERR_CASE);
        ck_assert_str_eq(pdm_context_error(ctx),
                         "(case): /solver:b: dimension \"x\" has length 3 here and 2 in variable \"a\"");
        ck_assert_int_eq(
            pdm_case_set_array(c, "solver", "b", 1, (const char *const[]){"z"}, (pdm_size[]){CASE_MAX_VALUE}, &zero),
            PDM_ERR_CASE);
        ck_assert_int_eq(pdm_case_set_array(c, "solver", "b", 1, (const char *const[]){"z"}, (pdm_size[]){0}, &zero),
                         PDM_ERR_CASE);
        ck_assert_int_eq(pdm_case_set_array(c, "solver", "b", PDM_CASE_MAX_DIM + 1, (const char *const[]){"z"},
                                            (pdm_size[]){1}, &zero),
                         PDM_ERR_CASE);
        ck_assert(!pdm_case_has_array(c, "solver", "b"));
        /* one that is there may get another shape */
        ck_assert_int_eq(
            pdm_case_set_array(c, "solver", "a", 1, (const char *const[]){"x"}, (pdm_size[]){1}, (double[]){9}),
            PDM_OK);
        ck_assert_int_eq(pdm_case_array(c, "solver", "a", 2, &n_dim, shape, &value), PDM_OK);
        ck_assert_int_eq(n_dim, 1);
        ck_assert_double_eq(value[0], 9.0);
    }
END_TEST

/* Coordinates of a dimension that was used need nobody to read them; other variables do. */
START_TEST(test_case_unread_array)
    {
        const double  value[2] = {0.0, 1.0};
        const double *read     = NULL;
        pdm_size      n_dim, shape[1];

        ck_assert_int_eq(pdm_case_set_array(c, "g", "x", 1, (const char *const[]){"x"}, (pdm_size[]){2}, value),
                         PDM_OK);
        ck_assert_int_eq(pdm_case_set_array(c, "g", "u", 1, (const char *const[]){"x"}, (pdm_size[]){2}, value),
                         PDM_OK);
        (void)pdm_case_has_array(c, "g", "v");
        ck_assert_int_eq(pdm_case_check_unread(c), PDM_ERR_CASE);
        ck_assert_str_eq(pdm_context_error(ctx),
                         "(case): /g:x: unknown variable; did you mean \"v\"?  (known ones: v)");
        ck_assert_int_eq(pdm_case_array(c, "g", "u", 1, &n_dim, shape, &read), PDM_OK);
        ck_assert_int_eq(pdm_case_check_unread(c), PDM_OK);
    }
END_TEST

/* ---- failing allocations ----------------------------------------------------------------------------------------- */

static pdm_status do_set(void)
{
    return pdm_case_set_text(c, "new.group", "a", "text");
}
static pdm_status do_set_array(void)
{
    return pdm_case_set_array(c, "new.group", "u", 1, (const char *const[]){"x"}, (pdm_size[]){2}, (double[]){1, 2});
}
static pdm_status do_copy(void)
{
    pdm_case  *copy   = NULL;
    pdm_status status = pdm_case_copy(c, &copy);
    if ((status == PDM_OK) != (copy != NULL)) return PDM_ERR_INTERNAL;
    pdm_case_destroy(&copy);
    return status;
}
static pdm_status do_create(void)
{
    pdm_case  *fresh  = NULL;
    pdm_status status = pdm_case_create(ctx, &fresh);
    if ((status == PDM_OK) != (fresh != NULL)) return PDM_ERR_INTERNAL;
    pdm_case_destroy(&fresh);
    return status;
}
static pdm_status do_hash(void)
{
    char hash[PDM_HASH_TEXT];
    return pdm_case_hash(c, hash);
}
static pdm_status do_text(void)
{
    const char *text = NULL;
    return pdm_case_text(c, "other.group", "a", "fallback", &text);
}
static pdm_status do_has(void)
{
    c->remembered = PDM_OK;
    (void)pdm_case_has(c, "another.group", "a");
    return pdm_case_has_group(c, "pde") ? PDM_OK : pdm_case_check_unread(c) == PDM_ERR_MEMORY ? PDM_ERR_MEMORY : PDM_OK;
}
static pdm_status (*const failing[])(void) = {do_set, do_set_array, do_copy, do_create, do_hash, do_text, do_has};

START_TEST(test_case_allocation_fails)
    {
        pdm_text   before = {.ctx = ctx}, after = {.ctx = ctx};
        pdm_status status = PDM_ERR_MEMORY;

        fill(c, "1", "1");
        ck_assert_int_eq(pdm_case_print(c, &before), PDM_OK);
        for (pdm_size k = 1; status != PDM_OK; k++) {
            ck_assert_int_lt(k, 1000);
            pdm_context_fail_allocation(ctx, k);
            status = failing[_i]();
            pdm_context_fail_allocation(ctx, 0);
            if (status == PDM_OK) break;
            ck_assert_int_eq(status, PDM_ERR_MEMORY);
            after.length = 0;
            ck_assert_int_eq(pdm_case_print(c, &after), PDM_OK);
            ck_assert_str_eq(after.data, before.data);
        }
        pdm_text_destroy(&before);
        pdm_text_destroy(&after);
    }
END_TEST

/* A question that could not be remembered leaves no group without its path behind: the next one gets the right answer,
 * and the check at the end says that something is missing. */
START_TEST(test_question_without_memory)
    {
        for (pdm_size k = 1; k < 12; k++) {
            pdm_case *asked = NULL;
            ck_assert_int_eq(pdm_case_create(ctx, &asked), PDM_OK);
            pdm_context_fail_allocation(ctx, k);
            ck_assert(!pdm_case_has(asked, "some/where/deep", "name"));
            const bool failed = pdm_context_error(ctx)[0] != '\0';
            pdm_context_fail_allocation(ctx, 0);
            ck_assert(!pdm_case_has(asked, "some/where/deep", "name"));
            ck_assert_str_eq(pdm_case_where(asked, "some/where/deep", "name").group, "some/where/deep");
            ck_assert_str_eq(pdm_case_where(asked, "some/where", NULL).group, "some/where");
            ck_assert_str_eq(pdm_case_where(asked, "some", NULL).group, "some");
            ck_assert_int_eq(pdm_case_check_unread(asked), failed ? PDM_ERR_MEMORY : PDM_OK);
            pdm_case_destroy(&asked);
        }
    }
END_TEST

/* ---- settings ---------------------------------------------------------------------------------------------------- */

typedef struct solver_settings {
    double   tolerance;
    pdm_size max_iter;
    int      mode;
    double   time;
} solver_settings;

static const pdm_setting solver_table[] = {
    {"tolerance", PDM_SETTING_REAL, offsetof(solver_settings, tolerance), 1e-8, 0.0, 1.0, NULL, "1", "stop below this"},
    {"max_iter", PDM_SETTING_COUNT, offsetof(solver_settings, max_iter), 50, 1, 10000, NULL, "1", "steps per expert"},
    {"mode", PDM_SETTING_CHOICE, offsetof(solver_settings, mode), 1, 0, 0, "coupled|schwarz|independent", "1",
     "how experts are solved"},
    {"time", PDM_SETTING_REAL, offsetof(solver_settings, time), 0.5, 0.0, DBL_MAX, NULL, "s", "time allowed"},
};
#define N_SETTING ((pdm_size)(sizeof solver_table / sizeof *solver_table))

START_TEST(test_settings)
    {
        solver_settings s = {0};

        ck_assert_int_eq(pdm_case_settings(c, "solver", solver_table, N_SETTING, &s), PDM_OK);
        ck_assert_double_eq(s.tolerance, 1e-8);
        ck_assert_int_eq(s.max_iter, 50);
        ck_assert_int_eq(s.mode, 1);
        ck_assert_double_eq(s.time, 0.5);
        ck_assert_int_eq(pdm_case_set_text(c, "solver", "tolerance", "1"), PDM_OK); /* limits are inclusive */
        ck_assert_int_eq(pdm_case_set_text(c, "solver", "max_iter", "7."), PDM_OK);
        ck_assert_int_eq(pdm_case_set_text(c, "solver", "mode", "independent"), PDM_OK);
        ck_assert_int_eq(pdm_case_settings(c, "solver", solver_table, N_SETTING, &s), PDM_OK);
        ck_assert_double_eq(s.tolerance, 1.0);
        ck_assert_int_eq(s.max_iter, 7);
        ck_assert_int_eq(s.mode, 2);
        ck_assert_int_eq(pdm_case_check_unread(c), PDM_OK);
    }
END_TEST

static const struct {
    const char *name, *value, *error;
} setting_error_table[] = {
    {"tolerance", "1.5", "(case): /solver:tolerance: 1.5 is outside its range; 0 to 1 expected\n    1.5"},
    {"tolerance", "-1e-9", "(case): /solver:tolerance: -1e-09 is outside its range; 0 to 1 expected\n    -1e-9"},
    {"tolerance", "1 2", "(case): /solver:tolerance: 2 numbers; exactly 1 expected\n    1 2"},
    {"tolerance", "big",
     "(case): /solver:tolerance: not a number; numbers separated by blanks or commas are expected\n    big\n    ^"},
    {"max_iter", "0", "(case): /solver:max_iter: 0 is outside its range; 1 to 10000 expected\n    0"},
    {"max_iter", "2.5", "(case): /solver:max_iter: 2.5 is not a whole number; 1 to 10000 expected\n    2.5"},
    {"max_iter", "1e300", "(case): /solver:max_iter: 1e+300 is not a whole number; 1 to 10000 expected\n    1e300"},
    {"mode", "Schwartz",
     "(case): /solver:mode: \"Schwartz\" is not one of: coupled, schwarz, independent; did you mean \"schwarz\"?\n"
     "    Schwartz"},
    {"mode", "x", "(case): /solver:mode: \"x\" is not one of: coupled, schwarz, independent\n    x"},
    {"time", "-1", "(case): /solver:time: -1 is outside its range; >= 0 s expected\n    -1"},
};

START_TEST(test_settings_error)
    {
        solver_settings s = {.tolerance = 3.0, .max_iter = 3, .mode = 3, .time = 3.0};

        ck_assert_int_eq(pdm_case_set_text(c, "solver", setting_error_table[_i].name, setting_error_table[_i].value),
                         PDM_OK);
        ck_assert_int_eq(pdm_case_settings(c, "solver", solver_table, N_SETTING, &s), PDM_ERR_CASE);
        ck_assert_str_eq(pdm_context_error(ctx), setting_error_table[_i].error);
        ck_assert(s.tolerance == 3.0 && s.max_iter == 3 && s.mode == 3 && s.time == 3.0);
    }
END_TEST

START_TEST(test_settings_view)
    {
        pdm_text text = {.ctx = ctx};

        ck_assert_int_eq(pdm_settings_view("solver", solver_table, N_SETTING, &text), PDM_OK);
        ck_assert_str_eq(text.data, "solver\n"
                                    "  tolerance  1e-08    0 to 1                       stop below this\n"
                                    "  max_iter   50       1 to 10000                   steps per expert\n"
                                    "  mode       schwarz  coupled|schwarz|independent  how experts are solved\n"
                                    "  time       0.5      >= 0                         time allowed; in s\n");
        pdm_text_destroy(&text);
    }
END_TEST

/* ---- number text ------------------------------------------------------------------------------------------------- */

START_TEST(test_real_text)
    {
        static const struct {
            double      value;
            const char *text;
        } table[] = {{0.0, "0"},
                     {-0.0, "-0"},
                     {0.1, "0.1"},
                     {1e22, "1e+22"},
                     {500.0, "500"},
                     {1.0 / 3.0, "0.3333333333333333"},
                     {0x1p-1074, "4.94065645841247e-324"},
                     {DBL_MAX, "1.7976931348623157e+308"},
                     {NAN, "nan"},
                     {INFINITY, "inf"},
                     {-INFINITY, "-inf"}};
        char text[IO_REAL_TEXT];

        for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
            io_real_text(table[i].value, text);
            ck_assert_str_eq(text, table[i].text);
        }
        for (uint64_t i = 0; i < 2000; i++) { /* the same double comes back */
            const pdm_random_key key   = {.seed = 1, .purpose = PDM_RANDOM_TEST, .step = 0};
            const double         value = ldexp(pdm_random_normal(key, i), (int)(i % 1800) - 900);
            io_real_text(value, text);
            ck_assert_double_eq(strtod(text, NULL), value);
        }
    }
END_TEST

/* ---- units ------------------------------------------------------------------------------------------------------- */

static const struct {
    const char *from, *to;
    bool        ok;
    double      factor, offset;
} unit_table[] = {
    {"km", "m", true, 1e3, 0.0},
    {"degC", "K", true, 1.0, 273.15},
    {"degF", "K", true, 5.0 / 9.0, 459.67 * 5.0 / 9.0},
    {"h", "s", true, 3600.0, 0.0},
    {"", "1", true, 1.0, 0.0},
    {"percent", "1", true, 0.01, 0.0},
    {" m s-1 ", "km/h", true, 3.6, 0.0},
    {"m2 s-1", "cm2 day-1", true, 8.64e8, 0.0},
    {"s", "Hz", false, 0.0, 0.0},
    {"m", "s", false, 0.0, 0.0},
    {"\xc2\xb5m", "m", true, 1e-6, 0.0},
    {"hours since 2000-01-01", "s", false, 0.0, 0.0},
    {"hours since 2000-01-02", "s since 2000-01-01", true, 3600.0, 86400.0},
    {"mol l-1", "mol m-3", true, 1e3, 0.0},
    {"lg(re 1 mW)", "W", false, 0.0, 0.0},
};

START_TEST(test_units_convert)
    {
        pdm_units      *u    = NULL;
        const pdm_unit *from = NULL, *to = NULL;
        double          factor = -1.0, offset = -1.0;

        ck_assert_int_eq(pdm_units_create(ctx, &u), PDM_OK);
        from = pdm_unit_parse(u, unit_table[_i].from);
        to   = pdm_unit_parse(u, unit_table[_i].to);
        ck_assert_ptr_nonnull(from);
        ck_assert_ptr_nonnull(to);
        ck_assert(pdm_unit_convert(from, to, &factor, &offset) == unit_table[_i].ok);
        if (unit_table[_i].ok) {
            /* a conversion is a few products and sums */
            ck_assert_double_le(fabs(factor - unit_table[_i].factor), 8 * DBL_EPSILON * unit_table[_i].factor);
            ck_assert_double_le(fabs(offset - unit_table[_i].offset), 8 * DBL_EPSILON * unit_table[_i].offset);
        } else {
            ck_assert_double_eq(factor, -1.0);
        }
        pdm_units_destroy(&u);
    }
END_TEST

START_TEST(test_units_of_a_host_convert)
    {
        double factor = 0.0, offset = 0.0;

        ck_assert_int_eq(pdm_units_conversion(ctx, "degC", "K", &factor, &offset), PDM_OK);
        ck_assert(fabs(factor - 1.0) <= 1e-15 && fabs(offset - 273.15) <= 1e-12);
        ck_assert_int_eq(pdm_units_conversion(ctx, "km", "s", &factor, &offset), PDM_ERR_DATA);
        ck_assert_ptr_nonnull(strstr(pdm_context_error(ctx), "\"km\" does not convert to \"s\""));
        ck_assert_int_eq(pdm_units_conversion(ctx, "km", "no unit", &factor, &offset), PDM_ERR_DATA);
        ck_assert_ptr_nonnull(strstr(pdm_context_error(ctx), "\"no unit\" is not a unit"));
    }
END_TEST

START_TEST(test_units_algebra)
    {
        pdm_units      *u = NULL;
        const pdm_unit *m, *s, *one, *percent, *product;
        char            text[32];

        ck_assert_int_eq(pdm_units_create(ctx, &u), PDM_OK);
        m       = pdm_unit_parse(u, "m");
        s       = pdm_unit_parse(u, "s");
        one     = pdm_unit_parse(u, "1");
        percent = pdm_unit_parse(u, "%");
        product = pdm_unit_divide(u, pdm_unit_power(u, m, 2.0), s);
        ck_assert(pdm_unit_same(product, pdm_unit_parse(u, "m2 s-1")));
        ck_assert(!pdm_unit_same(product, pdm_unit_parse(u, "cm2 s-1")));
        ck_assert(pdm_unit_same(pdm_unit_multiply(u, product, s), pdm_unit_parse(u, "m2")));
        ck_assert(pdm_unit_same(pdm_unit_power(u, pdm_unit_parse(u, "m4"), 0.5), pdm_unit_parse(u, "m2")));
        ck_assert(pdm_unit_same(pdm_unit_power(u, pdm_unit_parse(u, "m3"), 2.0 / 3.0), pdm_unit_parse(u, "m2")));
        ck_assert(pdm_unit_same(pdm_unit_power(u, m, 0.0), one));
        ck_assert(pdm_unit_same(pdm_unit_power(u, m, -1.0), pdm_unit_parse(u, "m-1")));
        ck_assert_ptr_null(pdm_unit_power(u, m, 0.874));
        ck_assert_ptr_null(pdm_unit_power(u, m, 1e9));
        ck_assert_ptr_null(pdm_unit_power(u, m, (double)NAN));
        ck_assert(pdm_unit_same(pdm_unit_power(u, one, 0.874), one));
        ck_assert_ptr_nonnull(pdm_unit_power(u, percent, 0.874));
        ck_assert(pdm_unit_same(pdm_unit_parse(u, ""), one));
        ck_assert_ptr_null(pdm_unit_parse(u, "no such unit"));
        ck_assert_ptr_null(pdm_unit_parse(u, "m^^2"));
        ck_assert_ptr_null(pdm_unit_parse(u, NULL));
        pdm_unit_format(product, text, sizeof text);
        ck_assert_str_eq(text, "m2.s-1");
        pdm_unit_format(product, text, 3);
        ck_assert_str_eq(text, "");
        pdm_units_destroy(&u);
    }
END_TEST

/* ---- JSON lines -------------------------------------------------------------------------------------------------- */

static char log_path[64];

static void make_log(void)
{
    set_up();
    (void)strcpy(log_path, "/tmp/pdemoe-test-io-XXXXXX");
    const int file = mkstemp(log_path);
    ck_assert_int_ge(file, 0);
    ck_assert_int_eq(close(file), 0);
}

static void remove_log(void)
{
    ck_assert_int_eq(unlink(log_path), 0);
    tear_down();
}

static const char *read_log(char *text, size_t size)
{
    FILE *file                                      = fopen(log_path, "r");
    text[file ? fread(text, 1, size - 1, file) : 0] = '\0';
    if (file) (void)fclose(file);
    return text;
}

static pdm_status write_record(pdm_jsonl *j, pdm_size step)
{
    pdm_jsonl_begin(j);
    pdm_jsonl_count(j, "step", step);
    pdm_jsonl_real(j, "loss", step == 1 ? NAN : 0.1);
    pdm_jsonl_count(j, "a \"b\"\n\\\001", 3);
    return pdm_jsonl_end(j);
}

START_TEST(test_jsonl)
    {
        static const char first[]  = "{\"step\": 0, \"loss\": 0.1, \"a \\\"b\\\"\\n\\\\\\u0001\": 3}\n";
        static const char second[] = "{\"step\": 1, \"loss\": null, \"a \\\"b\\\"\\n\\\\\\u0001\": 3}\n";
        char              text[1024], wanted[1024];
        pdm_jsonl        *j     = NULL;
        pdm_size          calls = 0, calls_after = 0;

        ck_assert_int_eq(pdm_jsonl_open(ctx, log_path, false, &j), PDM_OK);
        pdm_context_memory(ctx, NULL, NULL, &calls);
        ck_assert_int_eq(write_record(j, 0), PDM_OK);
        ck_assert_int_eq(write_record(j, 1), PDM_OK);
        pdm_context_memory(ctx, NULL, NULL, &calls_after);
        ck_assert_int_eq(calls, calls_after);
        (void)snprintf(wanted, sizeof wanted, "%s%s", first, second);
        ck_assert_str_eq(read_log(text, sizeof text), wanted); /* there without closing */
        pdm_jsonl_close(&j);
        ck_assert_int_eq(truncate(log_path, (off_t)(strlen(wanted) - 5)), 0); /* a line cut by a kill */
        ck_assert_int_eq(pdm_jsonl_truncate(ctx, log_path, 5), PDM_OK);
        ck_assert_str_eq(read_log(text, sizeof text), first);
        ck_assert_int_eq(pdm_jsonl_open(ctx, log_path, true, &j), PDM_OK);
        ck_assert_int_eq(write_record(j, 1), PDM_OK);
        pdm_jsonl_close(&j);
        ck_assert_str_eq(read_log(text, sizeof text), wanted);
        ck_assert_int_eq(pdm_jsonl_truncate(ctx, log_path, 1), PDM_OK); /* steps 0 and 1 */
        ck_assert_str_eq(read_log(text, sizeof text), wanted);
        ck_assert_int_eq(truncate(log_path, 0), 0);
        ck_assert_int_eq(pdm_jsonl_open(ctx, log_path, true, &j), PDM_OK);
        for (int step = 7; step < 10; step++)
            ck_assert_int_eq(write_record(j, step), PDM_OK); /* a log that starts late */
        pdm_jsonl_close(&j);
        ck_assert_int_eq(pdm_jsonl_truncate(ctx, log_path, 8), PDM_OK);
        ck_assert_ptr_nonnull(strstr(read_log(text, sizeof text), "\"step\": 8"));
        ck_assert_ptr_null(strstr(text, "\"step\": 9"));
        ck_assert_int_eq(pdm_jsonl_truncate(ctx, log_path, 0), PDM_OK);
        ck_assert_str_eq(read_log(text, sizeof text), "");
        ck_assert_int_eq(pdm_jsonl_truncate(ctx, "/tmp/no such file", 3), PDM_OK);
    }
END_TEST

START_TEST(test_jsonl_error)
    {
        pdm_jsonl    *j = NULL;
        char          before[1024], after[1024];
        struct rlimit limit, full = {.rlim_max = RLIM_INFINITY};

        ck_assert_int_eq(pdm_jsonl_open(ctx, "/no/such/folder/log", false, &j), PDM_ERR_IO);
        ck_assert_str_eq(pdm_context_error(ctx), "/no/such/folder/log: cannot be written: No such file or directory");
        ck_assert_ptr_null(j);
        ck_assert_int_eq(pdm_jsonl_open(ctx, "/dev/full", true, &j), PDM_ERR_IO);
        ck_assert_str_eq(pdm_context_error(ctx), "/dev/full: cannot be written: it exists and is not a regular file");
        ck_assert_int_eq(pdm_jsonl_open(ctx, log_path, false, &j), PDM_OK);
        ck_assert_int_eq(write_record(j, 0), PDM_OK);
        (void)read_log(before, sizeof before);
        ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
        ck_assert_ptr_ne(signal(SIGXFSZ, SIG_IGN), SIG_ERR);
        full.rlim_cur = strlen(before) + 10; /* like a full disk: ten bytes of the next line fit */
        ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &full), 0);
        ck_assert_int_eq(write_record(j, 0), PDM_ERR_IO);
        ck_assert_ptr_nonnull(strstr(pdm_context_error(ctx), ": cannot be written: "));
        ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
        ck_assert_str_eq(read_log(after, sizeof after), before);
        pdm_jsonl_close(&j);
        for (pdm_size k = 1;; k++) {
            const pdm_size live = live_bytes();
            pdm_context_fail_allocation(ctx, k);
            const pdm_status status = pdm_jsonl_open(ctx, log_path, false, &j);
            pdm_context_fail_allocation(ctx, 0);
            if (status == PDM_OK) break;
            ck_assert_int_eq(status, PDM_ERR_MEMORY);
            ck_assert_int_eq(live_bytes(), live);
        }
        pdm_jsonl_begin(j);
        pdm_context_fail_allocation(ctx, 1);
        for (int i = 0; i < 100; i++) pdm_jsonl_count(j, "a key so that the line has to grow, and grow", i);
        ck_assert_int_eq(pdm_jsonl_end(j), PDM_ERR_MEMORY);
        ck_assert_int_eq(write_record(j, 0), PDM_OK); /* the next record is not touched by it */
        pdm_jsonl_close(&j);
    }
END_TEST

#define N_OF(table) (int)(sizeof(table) / sizeof *(table))

static Suite *make_suite(void)
{
    Suite *suite    = suite_create("io");
    TCase *of_case  = tcase_create("case");
    TCase *settings = tcase_create("settings");
    TCase *units    = tcase_create("units");
    TCase *jsonl    = tcase_create("jsonl");

    tcase_add_checked_fixture(of_case, set_up, tear_down);
    tcase_add_test(of_case, numbers_are_set_as_numbers);
    tcase_add_test(of_case, test_case_set_and_text);
    tcase_add_test(of_case, test_case_listing);
    tcase_add_loop_test(of_case, test_case_reals, 0, N_OF(reals_table));
    tcase_add_test(of_case, test_case_numeric_attribute);
    tcase_add_test(of_case, test_case_absent);
    tcase_add_test(of_case, test_case_bad_names);
    tcase_add_test(of_case, test_case_where);
    tcase_add_loop_test(of_case, test_case_unread, 0, N_OF(unread_table));
    tcase_add_test(of_case, test_case_unread_listing);
    tcase_add_test(of_case, test_case_print_hash_copy);
    tcase_add_test(of_case, test_case_compare);
    tcase_add_test(of_case, test_case_array);
    tcase_add_test(of_case, test_case_unread_array);
    tcase_add_loop_test(of_case, test_case_allocation_fails, 0, N_OF(failing));
    tcase_add_test(of_case, test_question_without_memory);
    suite_add_tcase(suite, of_case);

    tcase_add_checked_fixture(settings, set_up, tear_down);
    tcase_add_test(settings, test_settings);
    tcase_add_loop_test(settings, test_settings_error, 0, N_OF(setting_error_table));
    tcase_add_test(settings, test_settings_view);
    tcase_add_test(settings, test_real_text);
    suite_add_tcase(suite, settings);

    tcase_add_checked_fixture(units, set_up, tear_down);
    tcase_add_loop_test(units, test_units_convert, 0, N_OF(unit_table));
    tcase_add_test(units, test_units_of_a_host_convert);
    tcase_add_test(units, test_units_algebra);
    suite_add_tcase(suite, units);

    tcase_add_checked_fixture(jsonl, make_log, remove_log);
    tcase_add_test(jsonl, test_jsonl);
    tcase_add_test(jsonl, test_jsonl_error);
    suite_add_tcase(suite, jsonl);
    return suite;
}

int main(void)
{
    SRunner *runner   = srunner_create(make_suite());
    int      n_failed = 0;

    srunner_run_all(runner, CK_NORMAL);
    n_failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return n_failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
