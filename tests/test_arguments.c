/* Every function of the public headers refuses NULL, NaN, negative and absurd sizes with PDM_ERR_ARGUMENT and a text of
 * its own, without a crash and without a trace in files. The last test compares the table with the headers. */
#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tests/models.h"

#define HUGE_COUNT ((pdm_size)1 << 62)
enum { MAX_TRIED = 128, NAME_SIZE = 64 };

static pdm_case  *c;
static pdm_model *m;
static int        n_wrong;

/* The functions that were called, for the last test; every test has its own, as it is a process of its own. */
static char tried[MAX_TRIED][NAME_SIZE];
static int  n_tried;

static void remember(const char *function)
{
    for (int i = 0; i < n_tried; i++)
        if (strcmp(tried[i], function) == 0) return;
    ck_assert_int_lt(n_tried, MAX_TRIED);
    (void)snprintf(tried[n_tried++], NAME_SIZE, "%s", function);
}

/* Text of a failure that is none of those to come. */
static const char *fail_before(void)
{
    ck_assert_int_eq(pdm_context_set_threads(ctx, -12345), PDM_ERR_ARGUMENT);
    return "-12345 threads";
}

static void judge(const char *function, const char *arguments, bool has_text, pdm_status status)
{
    const char *text = pdm_context_error(ctx);
    const bool  own  = strstr(text, "-12345") == NULL && text[0] != '\0';

    remember(function);
    if (status == PDM_ERR_ARGUMENT && own == has_text) return;
    fprintf(stderr, "%s(%s): status %d, text \"%s\"\n", function, arguments, (int)status, text);
    n_wrong++;
}

/* A call with a context to put a text into; one without; and one that cannot fail and answers so. */
#define REFUSES(function, ...) \
    (fail_before(), mark_point(), judge(#function, #__VA_ARGS__, true, function(__VA_ARGS__)))
#define REFUSES_SILENTLY(function, ...) \
    (fail_before(), mark_point(), judge(#function, #__VA_ARGS__, false, function(__VA_ARGS__)))
#define ANSWERS(function, condition)                                    \
    do {                                                                \
        remember(#function);                                            \
        mark_point();                                                   \
        if (!(condition)) {                                             \
            fprintf(stderr, "%s: not so: %s\n", #function, #condition); \
            n_wrong++;                                                  \
        }                                                               \
    } while (0)

static void sink(void *user, const char *text)
{
    (void)user;
    (void)text;
}

static void set_up(void)
{
    open_context();
    n_wrong = 0;
    OK(problem_case(ctx, PROBLEM_SORPTION, &c));
    OK(pdm_model_create(c, &m));
    OK(pdm_model_write(m, "arguments_model.nc"));
}

static void tear_down(void)
{
    remove("arguments_model.nc");
    pdm_model_destroy(&m);
    pdm_case_destroy(&c);
    close_context();
}

/* Nothing is left of a file that a refused call was to write. */
static bool files_are_clean(void)
{
    bool                 clean  = true;
    DIR                 *folder = opendir(".");
    const struct dirent *entry;

    while (folder && (entry = readdir(folder)))
        if (strstr(entry->d_name, "not_written")) clean = false;
    if (folder) closedir(folder);
    return clean;
}

static const char OUT[] = "not_written.nc", MODEL[] = "arguments_model.nc";

static void try_context(void)
{
    const pdm_allocator half = {0};
    pdm_context        *none = NULL;
    pdm_size            live = 1;

    REFUSES_SILENTLY(pdm_context_create, NULL, NULL);
    REFUSES_SILENTLY(pdm_context_create, &half, &none);
    ANSWERS(pdm_context_destroy, pdm_context_destroy(NULL) == 0 && pdm_context_destroy(&none) == 0);
    ANSWERS(pdm_context_set_log, (pdm_context_set_log(NULL, NULL, NULL, PDM_LOG_DEBUG), true));
    REFUSES_SILENTLY(pdm_context_set_threads, NULL, 1);
    ck_assert_int_eq(pdm_context_set_threads(ctx, 1 << 30), PDM_ERR_ARGUMENT);
    REFUSES_SILENTLY(pdm_context_set_backend, NULL, "cpu");
    REFUSES(pdm_context_set_backend, ctx, "a name that is longer than that of any back end there will ever be, by far");
    REFUSES_SILENTLY(pdm_context_set_cuda, NULL, 0, NULL);
    REFUSES(pdm_context_set_cuda, ctx, -2, NULL);
    REFUSES_SILENTLY(pdm_context_set_memory, NULL, 1);
    REFUSES(pdm_context_set_memory, ctx, -1);
    double factor = 0.0, offset = 0.0;
    REFUSES_SILENTLY(pdm_units_conversion, NULL, "m", "km", &factor, &offset);
    REFUSES(pdm_units_conversion, ctx, NULL, "km", &factor, &offset);
    REFUSES(pdm_units_conversion, ctx, "m", NULL, &factor, &offset);
    REFUSES(pdm_units_conversion, ctx, "m", "km", NULL, &offset);
    REFUSES(pdm_units_conversion, ctx, "m", "km", &factor, NULL);
    const pdm_transport bare = {.rank = 0, .n_rank = 2}, third = {.rank = 2, .n_rank = 2};
    REFUSES_SILENTLY(pdm_context_set_ranks, NULL, &bare, 1.0);
    REFUSES(pdm_context_set_ranks, ctx, &bare, 1.0);
    REFUSES(pdm_context_set_ranks, ctx, &third, 1.0);
    REFUSES(pdm_context_set_ranks, ctx, &bare, -1.0);
    REFUSES(pdm_context_set_ranks, ctx, &bare, NAN);
    ck_assert_int_eq(pdm_context_set_ranks(ctx, NULL, 0.0), PDM_OK);
    ANSWERS(pdm_context_rank, pdm_context_rank(NULL) == 0 && pdm_context_rank(ctx) == 0);
    ANSWERS(pdm_context_n_rank, pdm_context_n_rank(NULL) == 1 && pdm_context_n_rank(ctx) == 1);
    ANSWERS(pdm_context_error, pdm_context_error(NULL)[0] == '\0');
    ANSWERS(pdm_context_memory, (pdm_context_memory(NULL, &live, NULL, NULL), live == 0));
    ANSWERS(pdm_status_text, pdm_status_text((pdm_status)999) && pdm_status_text((pdm_status)-1));
    ANSWERS(pdm_verdict_text, pdm_verdict_text(999) && pdm_verdict_text(-1) && pdm_verdict_text(INT32_MIN));
    ANSWERS(pdm_reason_text, pdm_reason_text(999) && pdm_reason_text(-1) && pdm_reason_text(INT32_MIN));
    ANSWERS(pdm_version, pdm_version()[0] != '\0');
    ANSWERS(pdm_build_info, pdm_build_info()[0] != '\0');
}

static void try_claims(void)
{
    pdm_claim *none = NULL;

    REFUSES_SILENTLY(pdm_claim_create, NULL, OUT, 0, &none);
    REFUSES(pdm_claim_create, ctx, NULL, 0, &none);
    REFUSES(pdm_claim_create, ctx, OUT, 0, NULL);
    ANSWERS(pdm_claim_destroy, (pdm_claim_destroy(NULL), pdm_claim_destroy(&none), true));
    ANSWERS(pdm_remove_unfinished, (pdm_remove_unfinished(), true));
}

static void try_case(void)
{
    pdm_case         *out       = NULL;
    const double      number[2] = {1.0, NAN};
    const char *const dim[1]    = {"b"};
    const pdm_size    one = 1, huge = HUGE_COUNT, below = -1;

    REFUSES_SILENTLY(pdm_case_read, NULL, "a.cdl", &out);
    REFUSES(pdm_case_read, ctx, NULL, &out);
    REFUSES(pdm_case_read, ctx, "a.cdl", NULL);
    REFUSES(pdm_case_read, ctx, "a.nc", NULL);
    REFUSES_SILENTLY(pdm_case_create, NULL, &out);
    REFUSES(pdm_case_create, ctx, NULL);
    REFUSES_SILENTLY(pdm_case_set_text, NULL, "a", "b", "c");
    REFUSES(pdm_case_set_text, c, NULL, "b", "c");
    REFUSES(pdm_case_set_text, c, "a", NULL, "c");
    REFUSES(pdm_case_set_text, c, "a", "b", NULL);
    REFUSES_SILENTLY(pdm_case_set_numbers, NULL, "a", "b", 1, number);
    REFUSES(pdm_case_set_numbers, c, NULL, "b", 1, number);
    REFUSES(pdm_case_set_numbers, c, "a", NULL, 1, number);
    REFUSES(pdm_case_set_numbers, c, "a", "b", -1, number);
    REFUSES(pdm_case_set_numbers, c, "a", "b", 0, number);
    REFUSES(pdm_case_set_numbers, c, "a", "b", HUGE_COUNT, number);
    REFUSES(pdm_case_set_numbers, c, "a", "b", 2, number);
    REFUSES(pdm_case_set_numbers, c, "a", "b", 1, NULL);
    REFUSES_SILENTLY(pdm_case_set_array, NULL, "a", "b", 1, dim, &one, number);
    REFUSES(pdm_case_set_array, c, NULL, "b", 1, dim, &one, number);
    REFUSES(pdm_case_set_array, c, "a", NULL, 1, dim, &one, number);
    REFUSES(pdm_case_set_array, c, "a", "b", -1, dim, &one, number);
    REFUSES(pdm_case_set_array, c, "a", "b", HUGE_COUNT, dim, &one, number);
    REFUSES(pdm_case_set_array, c, "a", "b", 1, NULL, &one, number);
    REFUSES(pdm_case_set_array, c, "a", "b", 1, dim, NULL, number);
    REFUSES(pdm_case_set_array, c, "a", "b", 1, dim, &one, NULL);
    const char *text = NULL;
    REFUSES_SILENTLY(pdm_case_get_text, NULL, "pde", "fields", &text);
    REFUSES(pdm_case_get_text, c, NULL, "fields", &text);
    REFUSES(pdm_case_get_text, c, "pde", NULL, &text);
    REFUSES(pdm_case_get_text, c, "pde", "fields", NULL);
    ck_assert_int_eq(pdm_case_get_text(c, "pde", "no_such_thing", &text), PDM_ERR_CASE);
    ck_assert_ptr_null(text);
    ck_assert_int_eq(pdm_case_set_array(c, "a", "b", 1, dim, &huge, number), PDM_ERR_CASE);
    ck_assert_int_eq(pdm_case_set_array(c, "a", "b", 1, dim, &below, number), PDM_ERR_CASE);
    ANSWERS(pdm_case_destroy, (pdm_case_destroy(NULL), pdm_case_destroy(&out), true));
    REFUSES_SILENTLY(pdm_case_describe, NULL, sink, NULL);
    REFUSES(pdm_case_describe, c, NULL, NULL);
    REFUSES_SILENTLY(pdm_case_check_data, NULL, MODEL, sink, NULL, NULL);
    REFUSES(pdm_case_check_data, c, NULL, sink, NULL, NULL);
    REFUSES_SILENTLY(pdm_settings_describe, NULL, sink, NULL);
    REFUSES(pdm_settings_describe, ctx, NULL, NULL);
    ck_assert_ptr_null(out);
}

static void try_reference(void)
{
    pdm_reference_settings s;

/* The defaults but for one of them. */
#define REFERENCE(...)                                             \
    do {                                                           \
        pdm_reference_settings_init(&s, sizeof s);                 \
        __VA_ARGS__;                                               \
        REFUSES(pdm_case_reference, c, OUT, &s, NULL, NULL, NULL); \
    } while (0)
    ANSWERS(pdm_reference_settings_init, (pdm_reference_settings_init(NULL, sizeof s), true));
    REFUSES_SILENTLY(pdm_case_reference, NULL, OUT, NULL, NULL, NULL, NULL);
    REFUSES(pdm_case_reference, c, NULL, NULL, NULL, NULL, NULL);
    REFERENCE(s.size = 0);
    REFERENCE(s.size = sizeof s + 1);
    REFERENCE(s.n_sample = -1);
    REFERENCE(s.n_sample = HUGE_COUNT);
    REFERENCE(s.n_sample = 1, s.input = MODEL);
    REFERENCE(s.method = "guess");
    REFERENCE(s.tolerance = 0.0);
    REFERENCE(s.tolerance = -1.0);
    REFERENCE(s.tolerance = NAN);
    REFERENCE(s.tolerance = INFINITY);
    REFERENCE(s.max_unknowns = -1);
    REFERENCE(s.max_unknowns = 1);
    REFERENCE(s.max_seconds = -1.0);
    REFERENCE(s.max_seconds = NAN);
#undef REFERENCE
}

static void try_fit(void)
{
    pdm_fit_settings s;

/* The defaults but for one of them. */
#define FIT(...)                                                     \
    do {                                                             \
        pdm_fit_settings_init(&s, sizeof s);                         \
        s.parameters = "a";                                          \
        __VA_ARGS__;                                                 \
        REFUSES(pdm_case_fit, c, MODEL, OUT, &s, NULL, NULL, NULL);  \
        REFUSES(pdm_model_fit, m, MODEL, OUT, &s, NULL, NULL, NULL); \
    } while (0)
    ANSWERS(pdm_fit_settings_init, (pdm_fit_settings_init(NULL, sizeof s), true));
    pdm_fit_settings_init(&s, sizeof s);
    s.parameters = "a";
    REFUSES_SILENTLY(pdm_case_fit, NULL, MODEL, OUT, &s, NULL, NULL, NULL);
    REFUSES_SILENTLY(pdm_model_fit, NULL, MODEL, OUT, &s, NULL, NULL, NULL);
    REFUSES(pdm_case_fit, c, NULL, OUT, &s, NULL, NULL, NULL);
    REFUSES(pdm_case_fit, c, MODEL, NULL, &s, NULL, NULL, NULL);
    REFUSES(pdm_case_fit, c, MODEL, OUT, NULL, NULL, NULL, NULL);
    REFUSES(pdm_model_fit, m, NULL, OUT, &s, NULL, NULL, NULL);
    REFUSES(pdm_model_fit, m, MODEL, NULL, &s, NULL, NULL, NULL);
    REFUSES(pdm_model_fit, m, MODEL, OUT, NULL, NULL, NULL, NULL);
    FIT(s.size = 0);
    FIT(s.size = sizeof s + 1);
    FIT(s.parameters = NULL);
    FIT(s.parameters = "");
    FIT(s.parameters = "nobody");
    FIT(s.noise = "=");
    FIT(s.tolerance = 0.0);
    FIT(s.tolerance = 1.0);
    FIT(s.tolerance = -1.0);
    FIT(s.tolerance = NAN);
    FIT(s.max_iter = 0);
    FIT(s.max_iter = HUGE_COUNT);
    FIT(s.max_unknowns = -1);
#undef FIT
}

static void try_models_from_files(void)
{
    pdm_model   *out     = NULL;
    const char  *none[2] = {NULL, NULL}, *twice[2] = {MODEL, MODEL};
    const double wrong[4] = {-1.0, 0.0, NAN, INFINITY};

    REFUSES_SILENTLY(pdm_model_read, NULL, MODEL, &out);
    REFUSES(pdm_model_read, ctx, NULL, &out);
    REFUSES(pdm_model_read, ctx, MODEL, NULL);
    REFUSES_SILENTLY(pdm_model_merge, NULL, 2, twice, NULL, &out);
    REFUSES(pdm_model_merge, ctx, -1, twice, NULL, &out);
    REFUSES(pdm_model_merge, ctx, 1, twice, NULL, &out);
    REFUSES(pdm_model_merge, ctx, HUGE_COUNT, twice, NULL, &out);
    REFUSES(pdm_model_merge, ctx, 2, NULL, NULL, &out);
    REFUSES(pdm_model_merge, ctx, 2, none, NULL, &out);
    REFUSES(pdm_model_merge, ctx, 2, twice, NULL, NULL);
    for (int i = 0; i < 4; i++) {
        const double weight[2] = {1.0, wrong[i]};
        REFUSES(pdm_model_merge, ctx, 2, twice, weight, &out);
    }
    ck_assert_ptr_null(out);
}

static void try_models_from_cases(void)
{
    pdm_model   *out   = NULL;
    pdm_case    *copy  = NULL;
    pdm_context *other = NULL;

    REFUSES_SILENTLY(pdm_model_create, NULL, &out);
    REFUSES(pdm_model_create, c, NULL);
    REFUSES(pdm_model_create_from, NULL, m, &out);
    REFUSES(pdm_model_create_from, c, NULL, &out);
    REFUSES(pdm_model_create_from, c, m, NULL);
    REFUSES_SILENTLY(pdm_model_create_from, NULL, NULL, &out);
    ck_assert_int_eq(pdm_context_create(NULL, &other), PDM_OK);
    ck_assert_int_eq(pdm_case_create(other, &copy), PDM_OK);
    ck_assert_int_eq(pdm_model_create_from(copy, m, &out), PDM_ERR_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(pdm_context_error(other), "two contexts"));
    pdm_case_destroy(&copy);
    pdm_context_destroy(&other);
    REFUSES_SILENTLY(pdm_model_case, NULL, &copy);
    REFUSES(pdm_model_case, m, NULL);
    REFUSES(pdm_model_check_case, NULL, c);
    REFUSES(pdm_model_check_case, m, NULL);
    REFUSES_SILENTLY(pdm_model_check_case, NULL, NULL);
    ANSWERS(pdm_model_destroy, (pdm_model_destroy(NULL), pdm_model_destroy(&out), true));
}

static void try_models_from_models(void)
{
    pdm_model            *out = NULL;
    pdm_compress_settings s;

#define UPCYCLE(...) REFUSES(pdm_model_upcycle, __VA_ARGS__)
    UPCYCLE(NULL, c, NULL, 0.01, NULL, NULL, NULL, &out);
    UPCYCLE(m, NULL, NULL, 0.01, NULL, NULL, NULL, &out);
    UPCYCLE(m, c, NULL, -0.01, NULL, NULL, NULL, &out);
    UPCYCLE(m, c, NULL, (double)NAN, NULL, NULL, NULL, &out);
    UPCYCLE(m, c, NULL, (double)INFINITY, NULL, NULL, NULL, &out);
    UPCYCLE(m, c, NULL, 0.01, NULL, NULL, NULL, NULL);
#undef UPCYCLE
#define COMPRESS(...)                                              \
    do {                                                           \
        pdm_compress_settings_init(&s, sizeof s);                  \
        __VA_ARGS__;                                               \
        REFUSES(pdm_model_compress, m, OUT, &s, NULL, NULL, NULL); \
    } while (0)
    ANSWERS(pdm_compress_settings_init, (pdm_compress_settings_init(NULL, sizeof s), true));
    REFUSES_SILENTLY(pdm_model_compress, NULL, OUT, NULL, NULL, NULL, NULL);
    REFUSES(pdm_model_compress, m, NULL, NULL, NULL, NULL, NULL);
    COMPRESS(s.size = 0);
    COMPRESS(s.size = sizeof s + 1);
    COMPRESS(s.rank = 1.0, s.energy = 0.5);
    COMPRESS(s.rank = -1.0);
    COMPRESS(s.rank = NAN);
    COMPRESS(s.rank = INFINITY);
    COMPRESS(s.energy = -0.5);
    COMPRESS(s.energy = 1.5);
    COMPRESS(s.energy = NAN);
    COMPRESS(s.groups = -0.1);
    COMPRESS(s.groups = 1.1);
    COMPRESS(s.groups = NAN);
    COMPRESS(s.tolerance = -0.1);
    COMPRESS(s.tolerance = NAN);
    COMPRESS(s.tolerance = INFINITY);
#undef COMPRESS
    ck_assert_ptr_null(out);
}

static void try_training(void)
{
    double slope;

    REFUSES_SILENTLY(pdm_model_write, NULL, OUT);
    REFUSES(pdm_model_write, m, NULL);
    REFUSES_SILENTLY(pdm_model_describe, NULL, sink, NULL);
    REFUSES(pdm_model_describe, m, NULL, NULL);
    REFUSES_SILENTLY(pdm_model_routing, NULL, NULL, NULL);
    REFUSES(pdm_model_routing, m, NULL, NULL);
    REFUSES_SILENTLY(pdm_model_set_training, NULL, "steps", "3");
    REFUSES(pdm_model_set_training, m, NULL, "3");
    REFUSES(pdm_model_set_training, m, "steps", NULL);
    REFUSES_SILENTLY(pdm_model_train_step, NULL);
    REFUSES_SILENTLY(pdm_model_train, NULL, OUT, NULL, NULL);
    REFUSES(pdm_model_train, m, NULL, NULL, NULL);
    REFUSES_SILENTLY(pdm_model_judge, NULL, NULL, NULL, NULL);
    REFUSES_SILENTLY(pdm_model_check_gradient, NULL, &slope, NULL, NULL);
    REFUSES(pdm_model_check_gradient, m, NULL, NULL, NULL);
    ANSWERS(pdm_model_step, pdm_model_step(NULL) == 0);
    ANSWERS(pdm_model_steps, pdm_model_steps(NULL) == 0);
    ANSWERS(pdm_model_value, isnan(pdm_model_value(NULL, "loss")) && isnan(pdm_model_value(m, NULL)));
}

static void take(void *user, const void *bytes, size_t n)
{
    (void)user;
    (void)bytes;
    (void)n;
}

static void try_labels(void)
{
    pdm_quantity  q;
    pdm_dimension d;

    ANSWERS(pdm_model_count_inputs, pdm_model_count_inputs(NULL) == 0);
    ANSWERS(pdm_model_n_dim, pdm_model_n_dim(NULL) == 0);
    REFUSES_SILENTLY(pdm_model_input, NULL, 0, &q);
    REFUSES(pdm_model_input, m, -1, &q);
    REFUSES(pdm_model_input, m, HUGE_COUNT, &q);
    REFUSES(pdm_model_input, m, pdm_model_count_inputs(m), &q);
    REFUSES(pdm_model_input, m, 0, NULL);
    REFUSES_SILENTLY(pdm_model_field, NULL, 0, &q);
    REFUSES(pdm_model_field, m, -1, &q);
    REFUSES(pdm_model_field, m, pdm_model_n_field(m), &q);
    REFUSES(pdm_model_field, m, 0, NULL);
    REFUSES_SILENTLY(pdm_model_input_dimension, NULL, 0, 0, &d);
    REFUSES(pdm_model_input_dimension, m, 0, -1, &d);
    REFUSES(pdm_model_input_dimension, m, 0, HUGE_COUNT, &d);
    REFUSES(pdm_model_input_dimension, m, -1, 0, &d);
    REFUSES(pdm_model_input_dimension, m, 0, 0, NULL);
    const pdm_size one  = 1;
    const double   x[1] = {0.5}, *points[1] = {x};
    double         out[1];
    const char    *bytes = "no model";
    pdm_model     *none  = NULL;
    REFUSES_SILENTLY(pdm_model_write_memory, NULL, take, NULL);
    REFUSES(pdm_model_write_memory, m, NULL, NULL);
    REFUSES_SILENTLY(pdm_model_read_memory, NULL, bytes, 8, &none);
    REFUSES(pdm_model_read_memory, ctx, NULL, 8, &none);
    REFUSES(pdm_model_read_memory, ctx, bytes, 8, NULL);
    ck_assert_int_eq(pdm_model_read_memory(ctx, bytes, 0, &none), PDM_ERR_MODEL);
    ck_assert_int_eq(pdm_model_read_memory(ctx, bytes, 8, &none), PDM_ERR_MODEL);
    ck_assert_ptr_null(none);
    REFUSES_SILENTLY(pdm_model_bring_input, NULL, 0, 1, &one, points, x, out);
    REFUSES(pdm_model_bring_input, m, -1, 1, &one, points, x, out);
    REFUSES(pdm_model_bring_input, m, 0, 1, &one, points, x, out); /* a number */
    REFUSES_SILENTLY(pdm_model_output_dimension, NULL, 0, &d);
    REFUSES(pdm_model_output_dimension, m, -1, &d);
    REFUSES(pdm_model_output_dimension, m, pdm_model_n_dim(m), &d);
    REFUSES(pdm_model_output_dimension, m, 0, NULL);
}

static void try_prediction(void)
{
    const double number[2] = {0.1, NAN}, down[2] = {0.5, 0.1};
    double       u[1];

    ANSWERS(pdm_model_n_input, pdm_model_n_input(NULL) == 0);
    ANSWERS(pdm_model_n_field, pdm_model_n_field(NULL) == 0);
    ANSWERS(pdm_model_n_point, pdm_model_n_point(NULL) == 0);
    REFUSES_SILENTLY(pdm_model_set_polish, NULL, 0.0);
    REFUSES(pdm_model_set_polish, m, -1.0);
    REFUSES(pdm_model_set_polish, m, (double)NAN);
    REFUSES(pdm_model_set_polish, m, (double)INFINITY);
    REFUSES_SILENTLY(pdm_model_set_output, NULL, "t", 1, number);
    REFUSES(pdm_model_set_output, m, NULL, 1, number);
    REFUSES(pdm_model_set_output, m, "nowhere", 1, number);
    REFUSES(pdm_model_set_output, m, "t", 0, number);
    REFUSES(pdm_model_set_output, m, "t", -1, number);
    REFUSES(pdm_model_set_output, m, "t", HUGE_COUNT, number);
    REFUSES(pdm_model_set_output, m, "t", 1, NULL);
    REFUSES(pdm_model_set_output, m, "t", 2, number);
    REFUSES(pdm_model_set_output, m, "t", 2, down);
    REFUSES_SILENTLY(pdm_model_predict, NULL, 1, number, u, NULL);
    REFUSES(pdm_model_predict, m, -1, number, u, NULL);
    REFUSES(pdm_model_predict, m, HUGE_COUNT, number, u, NULL);
    REFUSES(pdm_model_predict, m, 1, NULL, u, NULL);
    REFUSES(pdm_model_predict, m, 1, number, NULL, NULL);
    REFUSES_SILENTLY(pdm_model_predict_cuda, NULL, 1, number, u, NULL);
    REFUSES(pdm_model_predict_cuda, m, -1, number, u, NULL);
    REFUSES(pdm_model_predict_cuda, m, HUGE_COUNT, number, u, NULL);
    REFUSES(pdm_model_predict_cuda, m, 1, NULL, u, NULL);
    REFUSES(pdm_model_predict_cuda, m, 1, number, NULL, NULL);
    REFUSES(pdm_model_predict_cuda, m, 1, number, u, NULL);
    REFUSES_SILENTLY(pdm_model_gradient, NULL, 1, number, u, u, NULL, NULL);
    REFUSES(pdm_model_gradient, m, -1, number, u, u, NULL, NULL);
    REFUSES(pdm_model_gradient, m, HUGE_COUNT, number, u, u, NULL, NULL);
    REFUSES(pdm_model_gradient, m, 1, NULL, u, u, NULL, NULL);
    REFUSES(pdm_model_gradient, m, 1, number, NULL, u, NULL, NULL);
    REFUSES(pdm_model_gradient, m, 1, number, u, NULL, NULL, NULL);
    REFUSES_SILENTLY(pdm_model_set_estimate, NULL, 1);
    REFUSES_SILENTLY(pdm_model_set_verdict, NULL, 1);
    REFUSES_SILENTLY(pdm_model_verdicts, NULL, 0, NULL, NULL, NULL);
    REFUSES(pdm_model_verdicts, m, -1, NULL, NULL, NULL);
    REFUSES(pdm_model_verdicts, m, 1, NULL, NULL, NULL);
    REFUSES(pdm_model_verdicts, m, HUGE_COUNT, NULL, NULL, NULL);
    REFUSES_SILENTLY(pdm_model_explain_verdict, NULL, 0, sink, NULL);
    REFUSES(pdm_model_explain_verdict, m, 0, NULL, NULL);
    REFUSES(pdm_model_explain_verdict, m, -1, sink, NULL);
    REFUSES(pdm_model_explain_verdict, m, 0, sink, NULL);
}

static void try_files(void)
{
    const double wrong[3] = {-1.0, NAN, INFINITY};

    REFUSES_SILENTLY(pdm_model_predict_file, NULL, MODEL, OUT, 0.0);
    REFUSES(pdm_model_predict_file, m, NULL, OUT, 0.0);
    REFUSES(pdm_model_predict_file, m, MODEL, NULL, 0.0);
    REFUSES_SILENTLY(pdm_model_evaluate_file, NULL, MODEL, OUT, 0.0, NULL, NULL);
    REFUSES(pdm_model_evaluate_file, m, NULL, OUT, 0.0, NULL, NULL);
    REFUSES_SILENTLY(pdm_model_evaluate_exact, NULL, 0.0, NULL, NULL);
    for (int i = 0; i < 3; i++) {
        REFUSES(pdm_model_predict_file, m, MODEL, OUT, wrong[i]);
        REFUSES(pdm_model_evaluate_file, m, MODEL, OUT, wrong[i], NULL, NULL);
        REFUSES(pdm_model_evaluate_exact, m, wrong[i], NULL, NULL);
        REFUSES(pdm_model_polish_file, m, NULL, 1, OUT, wrong[i], NULL, NULL);
    }
    REFUSES_SILENTLY(pdm_model_polish_file, NULL, NULL, 1, OUT, 1e-6, NULL, NULL);
    REFUSES(pdm_model_polish_file, m, NULL, -1, OUT, 1e-6, NULL, NULL);
    REFUSES(pdm_model_polish_file, m, NULL, HUGE_COUNT, OUT, 1e-6, NULL, NULL);
    REFUSES(pdm_model_polish_file, m, MODEL, 1, OUT, 1e-6, NULL, NULL);
    REFUSES(pdm_model_polish_file, m, NULL, 1, NULL, 1e-6, NULL, NULL);
    REFUSES(pdm_model_polish_file, m, NULL, 1, OUT, 0.0, NULL, NULL);
}

static void try_ensemble(void)
{
    const double          wrong[3] = {-0.1, NAN, 2.0}, down[2] = {0.5, 0.5};
    pdm_ensemble_settings s;

#define ENSEMBLE(member, value)                                    \
    do {                                                           \
        pdm_ensemble_settings_init(&s, sizeof s);                  \
        s.member = (value);                                        \
        REFUSES(pdm_model_ensemble, m, OUT, &s, NULL, NULL, NULL); \
    } while (0)
    ANSWERS(pdm_ensemble_settings_init, (pdm_ensemble_settings_init(NULL, sizeof s), true));
    pdm_ensemble_settings_init(&s, sizeof s);
    REFUSES_SILENTLY(pdm_model_ensemble, NULL, OUT, &s, NULL, NULL, NULL);
    REFUSES(pdm_model_ensemble, m, NULL, &s, NULL, NULL, NULL);
    ENSEMBLE(size, 0);
    ENSEMBLE(size, sizeof s + 1);
    ENSEMBLE(n_sample, -1);
    ENSEMBLE(n_sample, HUGE_COUNT);
    ENSEMBLE(n_quantile, -1);
    ENSEMBLE(n_quantile, HUGE_COUNT);
    ENSEMBLE(quantile, NULL);
    ENSEMBLE(n_mark, 0);
    ENSEMBLE(n_mark, HUGE_COUNT);
    ENSEMBLE(polish, -1.0);
    ENSEMBLE(polish, (double)NAN);
    for (int i = 0; i < 3; i++) {
        pdm_ensemble_settings_init(&s, sizeof s);
        s.n_quantile = 1;
        s.quantile   = wrong + i;
        REFUSES(pdm_model_ensemble, m, OUT, &s, NULL, NULL, NULL);
    }
    pdm_ensemble_settings_init(&s, sizeof s);
    s.n_quantile = 2;
    s.quantile   = down;
    REFUSES(pdm_model_ensemble, m, OUT, &s, NULL, NULL, NULL);
    pdm_ensemble_settings_init(&s, sizeof s);
    s.input    = MODEL;
    s.n_sample = 1;
    REFUSES(pdm_model_ensemble, m, OUT, &s, NULL, NULL, NULL);
#undef ENSEMBLE
}

static void try_modes(void)
{
    const pdm_size count[4] = {0, -1, HUGE_COUNT, INT64_MAX};

#define MODES(...) REFUSES(pdm_model_compare_modes, __VA_ARGS__, NULL, NULL, NULL)
    REFUSES_SILENTLY(pdm_model_compare_modes, NULL, NULL, 0, NULL, 0, NULL, NULL, NULL);
    MODES(m, NULL, -1, NULL, 0);
    MODES(m, NULL, 3, NULL, 0);
    MODES(m, NULL, HUGE_COUNT, count, 0);
    MODES(m, NULL, 0, NULL, -1);
    MODES(m, NULL, 0, NULL, HUGE_COUNT);
    for (int i = 0; i < 4; i++) MODES(m, NULL, 1, count + i, 0);
#undef MODES
}

static void (*const trials[])(void) = {try_context,
                                       try_claims,
                                       try_case,
                                       try_reference,
                                       try_fit,
                                       try_models_from_files,
                                       try_models_from_cases,
                                       try_models_from_models,
                                       try_training,
                                       try_labels,
                                       try_prediction,
                                       try_files,
                                       try_ensemble,
                                       try_modes};
enum { N_TRIAL = (int)(sizeof trials / sizeof *trials) };

START_TEST(absurd_arguments_are_refused)
    {
        trials[_i]();
        ck_assert_msg(n_wrong == 0, "%d calls answered otherwise", n_wrong);
        ck_assert(files_are_clean());
        /* and all of it goes on working */
        OK(pdm_model_train_step(m));
    }
END_TEST

/* A setting that is refused is not in the model either, nor in a file of it. */
START_TEST(refused_setting_leaves_no_trace)
    {
        pdm_model *again = NULL;

        ck_assert_int_eq(pdm_model_set_training(m, "checkpoint_every", "-5"), PDM_ERR_CASE);
        OK(pdm_model_check_case(m, c));
        OK(pdm_model_write(m, MODEL));
        OK(pdm_model_read(ctx, MODEL, &again));
        pdm_model_destroy(&again);
    }
END_TEST

/* Is every function that a public header declares tried above? How many there are. */
static int count_declared(const char *path)
{
    char  line[512];
    int   n_declared = 0;
    FILE *header     = fopen(path, "r");

    ck_assert_ptr_nonnull(header);
    while (fgets(line, sizeof line, header)) {
        char *end = strchr(line, '(');
        if (strncmp(line, "PDM_API ", 8) != 0) continue;
        ck_assert_ptr_nonnull(end);
        *end             = '\0';
        const char *name = end;
        while (name[-1] != ' ' && name[-1] != '*') name--;
        bool found = false;
        for (int i = 0; i < n_tried; i++) found = found || strcmp(tried[i], name) == 0;
        ck_assert_msg(found, "%s is tried nowhere in test_arguments.c", name);
        n_declared++;
    }
    (void)fclose(header);
    return n_declared;
}

/* What the headers declare is what was tried above, all of it. */
START_TEST(every_function_is_tried)
    {
        for (int i = 0; i < N_TRIAL; i++) trials[i]();
        const int n_declared = count_declared(PDM_SOURCE_DIR "/include/pdemoe/pdemoe.h");
        ck_assert_int_eq(n_declared + count_declared(PDM_SOURCE_DIR "/include/pdemoe/pdemoe_cuda.h"), n_tried);
    }
END_TEST

int main(void)
{
    Suite *s = suite_create("arguments");
    TCase *t = tcase_create("all");
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_loop_test(t, absurd_arguments_are_refused, 0, N_TRIAL);
    tcase_add_test(t, refused_setting_leaves_no_trace);
    tcase_add_test(t, every_function_is_tried);
    suite_add_tcase(s, t);
    SRunner *runner = srunner_create(s);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
