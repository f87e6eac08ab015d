#include "core/core_impl.h"

#include <Random123/philox.h>
#include <check.h>
#include <locale.h>
#include <math.h>
#include <omp.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static pdm_context *ctx;

static void setup(void)
{
    ck_assert_int_eq(pdm_context_create(NULL, &ctx), PDM_OK);
}

static void teardown(void)
{
    ck_assert_int_eq(pdm_context_destroy(&ctx), 0);
    ck_assert_ptr_null(ctx);
}

/* ---- version, status ---- */

START_TEST(version_agrees_with_header)
    {
        char text[32];
        snprintf(text, sizeof text, "%d.%d.%d", PDM_VERSION_MAJOR, PDM_VERSION_MINOR, PDM_VERSION_PATCH);
        ck_assert_str_eq(pdm_version(), text);
        ck_assert(PDM_VERSION_GE(PDM_VERSION_MAJOR, PDM_VERSION_MINOR, PDM_VERSION_PATCH));
        ck_assert(!PDM_VERSION_GE(PDM_VERSION_MAJOR, PDM_VERSION_MINOR, PDM_VERSION_PATCH + 1));
    }
END_TEST

START_TEST(build_info_names_the_parts)
    {
        static const char *const parts[] = {"pdemoe ",   "\ncommit ",   "\ncompiler ",
                                            "\nNetCDF ", "\nOpenBLAS ", "\nOpenMP "};
        for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
            ck_assert_ptr_nonnull(strstr(pdm_build_info(), parts[i]));
    }
END_TEST

START_TEST(status_has_text)
    {
        ck_assert_str_eq(pdm_status_text(PDM_OK), "success");
        ck_assert_str_eq(pdm_status_text(PDM_ERR_MEMORY), "memory could not be had");
        ck_assert_str_eq(pdm_status_text((pdm_status)99), "unknown status");
    }
END_TEST

/* ---- errors ---- */

typedef struct error_case {
    pdm_where   where;
    const char *expected; /* the message is "what" */
} error_case;

static const error_case error_cases[] = {
    {{"a.nc", "pde", "residual", "dt(u) + v*dx(u) - nu*dxx(u)", 8},
     "a.nc: /pde:residual: what\n    dt(u) + v*dx(u) - nu*dxx(u)\n            ^"},
    {{"a.nc", "pde/boundary", "left", NULL, 0}, "a.nc: /pde/boundary:left: what"},
    {{"a.nc", "pde", NULL, NULL, 0}, "a.nc: /pde: what"},
    {{"a.nc", NULL, NULL, NULL, 0}, "a.nc: what"},
    {{NULL, "", "title", NULL, 0}, "/:title: what"},
    {{NULL, NULL, NULL, NULL, 0}, "what"},
    {{NULL, NULL, NULL, "u + v", -1}, "what\n    u + v"},
    {{NULL, NULL, NULL, "u +", 3}, "what\n    u +\n       ^"},
    {{NULL, NULL, NULL, "u +", 300}, "what\n    u +\n       ^"},
    {{NULL, NULL, NULL, "", 0}, "what\n    \n    ^"},
    {{NULL, NULL, NULL, "u\t+\tv", 4}, "what\n    u + v\n        ^"},
    {{NULL, NULL, NULL, "first\nsecond\nthird", 8}, "what\n    second\n      ^"},
    {{NULL, NULL, NULL, "first\nsecond", 6}, "what\n    second\n    ^"},
    {{NULL, NULL, NULL, "first\nsecond", 5}, "what\n    first\n         ^"},
    {{NULL, NULL, NULL, "\xc3\xa9 + v", 5}, "what\n    \xc3\xa9 + v\n        ^"}, /* columns, not bytes */
};

START_TEST(error_shows_its_place)
    {
        const error_case *c = &error_cases[_i];
        ck_assert_int_eq(pdm_error_set(ctx, PDM_ERR_CASE, &c->where, __func__, "%s", "what"), PDM_ERR_CASE);
        ck_assert_str_eq(pdm_context_error(ctx), c->expected);
    }
END_TEST

START_TEST(error_in_a_long_line_shows_a_window)
    {
        char      text[1001];
        pdm_where where = {.text = text, .offset = 500};
        memset(text, 'x', 1000);
        text[1000] = '\0';
        text[500]  = '?';
        pdm_error_set(ctx, PDM_ERR_CASE, &where, __func__, "what");
        const char *shown = strchr(pdm_context_error(ctx), '\n') + 1;
        const char *below = strchr(shown, '\n') + 1;
        ck_assert_int_lt(below - shown, 120);
        ck_assert_int_eq(shown[strchr(below, '^') - below], '?');
        ck_assert_int_eq(strncmp(shown, "    ...x", 8), 0);
        ck_assert_int_eq(strncmp(below - 5, "x...\n", 5), 0);
    }
END_TEST

START_TEST(error_longer_than_the_buffer_keeps_its_caret)
    {
        char      text[3 * CORE_ERROR_SIZE];
        pdm_where where = {.text = "u + v", .offset = 4};
        memset(text, 'x', sizeof text);
        text[sizeof text - 1] = '\0';
        pdm_error_set(ctx, PDM_ERR_CASE, &where, __func__, "%s", text);
        const char *error = pdm_context_error(ctx);
        ck_assert_ptr_nonnull(strstr(error, "x...\n    u + v\n        ^"));
        for (int i = 0; i < 5; i++) pdm_error_note(ctx, "%s", text);
        ck_assert_uint_lt(strlen(error), CORE_ERROR_SIZE);
    }
END_TEST

static pdm_status fail_twice(pdm_context *context, bool quote)
{
    pdm_status status = PDM_OK;
    if (quote) PDM_FAIL(context, PDM_ERR_DATA, "outer: %s", pdm_context_error(context));
    PDM_FAIL(context, PDM_ERR_IO, "inner %d", 1);
done:
    return status;
}

START_TEST(error_may_quote_the_one_before)
    {
        ck_assert_str_eq(pdm_context_error(ctx), "");
        ck_assert_int_eq(fail_twice(ctx, false), PDM_ERR_IO);
        ck_assert_int_eq(fail_twice(ctx, true), PDM_ERR_DATA);
        ck_assert_str_eq(pdm_context_error(ctx), "outer: inner 1");
        pdm_error_note(ctx, "while solving sample %d", 3);
        ck_assert_str_eq(pdm_context_error(ctx), "outer: inner 1\nwhile solving sample 3");
        ck_assert_int_eq(fail_twice(NULL, false), PDM_ERR_IO);
    }
END_TEST

/* Runs fn in four threads at once. */
static bool run_in_threads(void *(*fn)(void *))
{
    pthread_t thread[4];
    int       n = 0;
    while (n < 4 && pthread_create(&thread[n], NULL, fn, NULL) == 0) n++;
    for (int i = 0; i < n; i++) pthread_join(thread[i], NULL);
    return n == 4;
}

static void *set_errors(void *argument)
{
    for (int i = 0; i < 100; i++)
        pdm_error_set(ctx, PDM_ERR_NUMERIC, NULL, __func__, "%d %d %d %d", i % 10, i % 10, i % 10, i % 10);
    return argument;
}

START_TEST(errors_of_many_threads_leave_one_whole_message)
    {
        ck_assert(run_in_threads(set_errors));
        const char *error = pdm_context_error(ctx);
        ck_assert_uint_eq(strlen(error), 7);
        for (int k = 2; k < 7; k += 2) ck_assert_int_eq(error[k], error[0]);
    }
END_TEST

/* ---- memory ---- */

START_TEST(memory_is_zeroed_aligned_counted)
    {
        pdm_size live, peak, calls;
        double  *a = NULL;
        char    *b = NULL, *empty = NULL;

        ck_assert_int_eq(pdm_alloc_array(ctx, 1000, &a), PDM_OK);
        ck_assert_int_eq(pdm_alloc(ctx, 3, &b), PDM_OK);
        ck_assert_int_eq(pdm_alloc(ctx, 0, &empty), PDM_OK);
        ck_assert_ptr_nonnull(empty);
        ck_assert_uint_eq((uintptr_t)a % 64, 0);
        ck_assert_uint_eq((uintptr_t)b % 64, 0);
        for (int i = 0; i < 1000; i++) ck_assert_double_eq(a[i], 0.0);
        pdm_context_memory(ctx, &live, &peak, &calls);
        ck_assert_int_ge(live, 8003);
        ck_assert_int_eq(peak, live);
        ck_assert_int_eq(calls, 3);
        pdm_free(ctx, a);
        pdm_free(ctx, b);
        pdm_free(ctx, empty);
        pdm_free(ctx, NULL);
        pdm_context_memory(ctx, &live, NULL, &calls);
        ck_assert_int_eq(live, 0);
        ck_assert_int_eq(calls, 3);
    }
END_TEST

START_TEST(memory_refuses_impossible_sizes)
    {
        double *a = NULL;
        ck_assert_int_eq(pdm_alloc_array(ctx, -1, &a), PDM_ERR_ARGUMENT);
        ck_assert_ptr_nonnull(strstr(pdm_context_error(ctx), "-1 items"));
        ck_assert_int_eq(pdm_alloc_array(ctx, INT64_MAX, &a), PDM_ERR_MEMORY);
        ck_assert_int_eq(pdm_alloc_array(ctx, INT64_MAX / 8, &a), PDM_ERR_MEMORY);
        ck_assert_int_eq(pdm_alloc(ctx, SIZE_MAX, &a), PDM_ERR_MEMORY);
        ck_assert_ptr_null(a);
    }
END_TEST

START_TEST(memory_left_behind_is_reported)
    {
        pdm_context *other = NULL;
        char        *p     = NULL;
        ck_assert_int_eq(pdm_context_create(NULL, &other), PDM_OK);
        ck_assert_int_eq(pdm_alloc_text(other, "left", &p), PDM_OK);
        ck_assert_str_eq(p, "left");
        pdm_free(other, p);
        ck_assert_int_eq(pdm_alloc_text(other, "left", &p), PDM_OK);
        void *base = ((void **)(void *)p)[-4]; /* released by hand below, so that the test itself leaks nothing */
        ck_assert_int_ge(pdm_context_destroy(&other), 5);
        free(base);
        ck_assert_int_eq(pdm_context_destroy(NULL), 0);
    }
END_TEST

static void *alloc_and_free(void *argument)
{
    for (int i = 0; i < 250; i++) {
        char *p = NULL;
        if (pdm_alloc(ctx, (size_t)i, &p) == PDM_OK) pdm_free(ctx, p);
    }
    return argument;
}

START_TEST(memory_is_counted_across_threads)
    {
        pdm_size live, calls;
        ck_assert(run_in_threads(alloc_and_free));
        pdm_context_memory(ctx, &live, NULL, &calls);
        ck_assert_int_eq(live, 0);
        ck_assert_int_eq(calls, 1000);
    }
END_TEST

/* A host's allocator: unaligned on purpose, checks that sizes agree. */
typedef struct host_heap {
    size_t live, n_alloc, limit; /* limit: bytes it is willing to give */
} host_heap;

static void *host_alloc(void *user, size_t bytes)
{
    host_heap *heap = user;
    if (heap->live + bytes > heap->limit) return NULL;
    heap->live += bytes;
    heap->n_alloc++;
    char *base = malloc(bytes + 8);
    return base ? base + 8 : NULL;
}

static void host_release(void *user, void *p, size_t bytes)
{
    host_heap *heap = user;
    heap->live -= bytes;
    free((char *)p - 8);
}

START_TEST(allocator_of_the_host_is_used)
    {
        host_heap           heap      = {0, 0, 100000};
        const pdm_allocator allocator = {host_alloc, host_release, &heap};
        pdm_context        *other     = NULL;
        double             *a         = NULL;
        pdm_size            live;

        ck_assert_int_eq(pdm_context_create(&allocator, &other), PDM_OK);
        const size_t own = heap.live;
        ck_assert_int_eq(pdm_alloc_array(other, 100, &a), PDM_OK);
        ck_assert_uint_eq((uintptr_t)a % 64, 0);
        pdm_context_memory(other, &live, NULL, NULL);
        ck_assert_uint_eq(heap.live, own + (size_t)live);
        pdm_free(other, a);
        a = NULL;
        ck_assert_int_eq(pdm_alloc_array(other, 1000000, &a), PDM_ERR_MEMORY);
        ck_assert_ptr_null(a);
        ck_assert_int_eq(pdm_context_destroy(&other), 0);
        ck_assert_uint_eq(heap.live, 0);
        ck_assert_uint_eq(heap.n_alloc, 2);

        heap.limit = 10;
        ck_assert_int_eq(pdm_context_create(&allocator, &other), PDM_ERR_MEMORY);
        ck_assert_ptr_null(other);
        ck_assert_int_eq(pdm_context_create(&(pdm_allocator){0}, &other), PDM_ERR_ARGUMENT);
        ck_assert_int_eq(pdm_context_create(NULL, NULL), PDM_ERR_ARGUMENT);
    }
END_TEST

/* Several allocations in a row: what one function of the library does. */
static pdm_status build_three(pdm_context *context, char **out)
{
    pdm_status status = PDM_OK;
    char      *text   = NULL;
    pdm_text   report = {.ctx = context};
    pdm_arena  arena  = {0};

    PDM_TRY(pdm_alloc_text(context, "text", &text));
    PDM_TRY(pdm_text_append(&report, "%0500d", 1));
    pdm_arena_measure(&arena, context);
    (void)pdm_carve(&arena, double, 10);
    PDM_TRY(pdm_arena_allocate(&arena));
    *out = text;
    text = NULL;
done:
    pdm_free(context, text);
    pdm_text_destroy(&report);
    pdm_arena_destroy(&arena);
    return status;
}

START_TEST(every_allocation_may_fail)
    {
        pdm_size   k      = 0;
        pdm_status status = PDM_ERR_MEMORY;
        char      *out    = NULL;

        while (status == PDM_ERR_MEMORY) {
            pdm_size live;
            ck_assert_ptr_null(out);
            pdm_context_fail_allocation(ctx, ++k);
            status = build_three(ctx, &out);
            pdm_context_memory(ctx, &live, NULL, NULL);
            ck_assert((status == PDM_OK) == (live > 0));
        }
        pdm_context_fail_allocation(ctx, 0);
        ck_assert_int_eq(status, PDM_OK);
        ck_assert_int_eq(k, 4);
        pdm_free(ctx, out);
    }
END_TEST

/* ---- arena ---- */

typedef struct pieces {
    double  *a; /* [7]  */
    float   *b; /* [n]  */
    int32_t *c; /* [0]  */
    char    *d; /* [65] */
} pieces;

static void pieces_layout(pieces *p, pdm_arena *arena, pdm_size n)
{
    p->a = pdm_carve(arena, double, 7);
    p->b = pdm_carve(arena, float, n);
    p->c = pdm_carve(arena, int32_t, 0);
    p->d = pdm_carve(arena, char, 65);
}

static void pieces_create(pieces *p, pdm_arena *arena)
{
    pdm_arena_measure(arena, ctx);
    pieces_layout(p, arena, 33);
    ck_assert_ptr_null(p->a);
    ck_assert_ptr_null(p->d);
    ck_assert_int_eq(pdm_arena_allocate(arena), PDM_OK);
    pieces_layout(p, arena, 33);
}

START_TEST(memory_has_a_limit)
    {
        void *p = NULL, *q = NULL;
        ck_assert_int_eq(pdm_context_set_memory(ctx, -1), PDM_ERR_ARGUMENT);
        ck_assert_int_eq(pdm_context_set_memory(ctx, 100000), PDM_OK);
        ck_assert_int_eq(pdm_alloc(ctx, 60000, &p), PDM_OK);
        ck_assert_int_eq(pdm_alloc(ctx, 60000, &q), PDM_ERR_MEMORY);
        ck_assert_ptr_nonnull(strstr(pdm_context_error(ctx), "0.06 MB more"));
        ck_assert_ptr_null(q);
        pdm_free(ctx, p);
        ck_assert_int_eq(pdm_alloc(ctx, 60000, &q), PDM_OK); /* what is given back counts */
        pdm_free(ctx, q);
        ck_assert_int_eq(pdm_context_set_memory(ctx, 0), PDM_OK);
        ck_assert_int_eq(pdm_alloc(ctx, (size_t)1 << 60, &p), PDM_ERR_MEMORY); /* more than any machine has */
        ck_assert_ptr_nonnull(strstr(pdm_context_error(ctx), "are free"));
    }
END_TEST

START_TEST(arena_carves_what_it_measured)
    {
        pdm_arena arena;
        pieces    p;
        pdm_size  calls;

        pieces_create(&p, &arena);
        ck_assert_uint_eq(arena.used, arena.size);
        ck_assert(!arena.overflow);
        ck_assert_uint_eq((uintptr_t)p.a % 64 + (uintptr_t)p.b % 64 + (uintptr_t)p.c % 64 + (uintptr_t)p.d % 64, 0);
        memset(p.a, 1, 7 * sizeof *p.a);
        memset(p.b, 2, 33 * sizeof *p.b);
        memset(p.d, 3, 65);
        for (size_t i = 0; i < 7 * sizeof *p.a; i++) ck_assert_int_eq(((char *)p.a)[i], 1);
        for (size_t i = 0; i < 33 * sizeof *p.b; i++) ck_assert_int_eq(((char *)p.b)[i], 2);

        pdm_context_memory(ctx, NULL, NULL, &calls);
        ck_assert_int_eq(calls, 1);
        pdm_arena_destroy(&arena);
        ck_assert_ptr_null(arena.base);
        pdm_arena_destroy(&arena);
    }
END_TEST

START_TEST(arena_refuses_impossible_pieces)
    {
        pdm_arena arena;
        pdm_arena_measure(&arena, ctx);
        (void)pdm_carve(&arena, double, -1);
        ck_assert(arena.overflow);
        ck_assert_int_eq(pdm_arena_allocate(&arena), PDM_ERR_MEMORY);
        pdm_arena_destroy(&arena);
        pdm_arena_measure(&arena, ctx);
        (void)pdm_carve(&arena, double, INT64_MAX);
        ck_assert_int_eq(pdm_arena_allocate(&arena), PDM_ERR_MEMORY);
        pdm_arena_destroy(&arena);
    }
END_TEST

#ifndef NDEBUG
START_TEST(arena_fills_with_nan)
    {
        pdm_arena arena;
        pieces    p;
        pieces_create(&p, &arena);
        for (int i = 0; i < 7; i++) ck_assert(isnan(p.a[i]));
        for (int i = 0; i < 33; i++) ck_assert(isnan(p.b[i]));
        pdm_arena_destroy(&arena);
    }
END_TEST

/* Each of these aborts with a message; the wrong write stays inside the bytes that were really taken. */
START_TEST(guards_find_wrong_writes)
    {
        pdm_arena arena;
        pieces    p;
        char     *block = NULL;

        ck_assert_ptr_nonnull(freopen("/dev/null", "w", stderr));
        pieces_create(&p, &arena);
        ck_assert_int_eq(pdm_alloc(ctx, 10, &block), PDM_OK);
        switch (_i) {
        case 0:
            block[10] = 0;
            pdm_free(ctx, block);
            break;
        case 1:
            ((volatile char *)p.a)[7 * sizeof(double)] = 0;
            pdm_arena_destroy(&arena);
            break;
        case 2:
            p.d[65] = 0;
            pdm_arena_destroy(&arena);
            break;
        case 3: (void)pdm_carve(&arena, double, 1); break;
        default: pdm_free(ctx, p.b); break; /* not a block of its own */
        }
    }
END_TEST
#endif

START_TEST(narrowing_is_checked)
    {
        int n = 7;
        ck_assert_int_eq(pdm_narrow_int(ctx, 2147483648, "number of rows", &n), PDM_ERR_ARGUMENT);
        ck_assert_str_eq(pdm_context_error(ctx), "number of rows is 2147483648; at most 2147483647 expected");
        ck_assert_int_eq(pdm_narrow_int(ctx, -2147483649, "k", &n), PDM_ERR_ARGUMENT);
        ck_assert_int_eq(n, 7);
        ck_assert_int_eq(pdm_narrow_int(ctx, 2147483647, "k", &n), PDM_OK);
        ck_assert_int_eq(n, 2147483647);
    }
END_TEST

/* ---- context, log ---- */

START_TEST(threads_are_limited)
    {
        ck_assert_int_ge(pdm_context_threads(ctx), 1);
        ck_assert_int_eq(pdm_context_set_threads(ctx, 3), PDM_OK);
        ck_assert_int_eq(pdm_context_threads(ctx), 3);
        ck_assert_int_eq(pdm_context_set_threads(ctx, -1), PDM_ERR_ARGUMENT);
        ck_assert_int_eq(pdm_context_set_threads(ctx, 100000), PDM_ERR_ARGUMENT);
        ck_assert_int_eq(pdm_context_threads(ctx), 3);
        ck_assert_int_eq(pdm_context_set_threads(ctx, 0), PDM_OK);
        ck_assert_int_eq(pdm_context_threads(ctx), omp_get_max_threads());
        ck_assert_int_eq(pdm_context_set_threads(NULL, 1), PDM_ERR_ARGUMENT);
    }
END_TEST

static void keep_line(void *user, pdm_log_level level, const char *topic, const char *text)
{
    snprintf(user, 256, "%d %s %s", level, topic, text);
}

START_TEST(log_reaches_the_host)
    {
        char line[256] = "";
        pdm_log(ctx, PDM_LOG_ERROR, "core", "nobody listens");
        pdm_context_set_log(ctx, keep_line, line, PDM_LOG_INFO);
        ck_assert(pdm_log_wants(ctx, PDM_LOG_INFO) && !pdm_log_wants(ctx, PDM_LOG_DEBUG));
        pdm_log(ctx, PDM_LOG_DEBUG, "core", "too talkative");
        ck_assert_str_eq(line, "");
        pdm_log(ctx, PDM_LOG_INFO, "solver", "step %d\nof %d", 3, 4);
        ck_assert_str_eq(line, "2 solver step 3 of 4");
        pdm_context_set_log(ctx, keep_line, line, PDM_LOG_DEBUG);
        pdm_error_set(ctx, PDM_ERR_IO, NULL, "reader", "gone");
        ck_assert_str_eq(line, "3 core reader: a file could not be read or written: gone");
    }
END_TEST

START_TEST(record_is_one_line_of_keys)
    {
        char       line[256] = "";
        pdm_record r;
        pdm_record_begin(&r);
        pdm_record_count(&r, "step", 340);
        pdm_record_real(&r, "loss", 5.31e-4);
        pdm_record_real(&r, "grad", NAN);
        ck_assert_str_eq(r.text, "step=340 loss=5.310e-04 grad=nan");
        ck_assert_int_eq(r.length, (pdm_size)strlen(r.text));
        pdm_context_set_log(ctx, keep_line, line, PDM_LOG_INFO);
        pdm_record_log(ctx, PDM_LOG_INFO, "train", &r);
        ck_assert_str_eq(line + 8, r.text);
        for (int i = 0; i < 100; i++) pdm_record_count(&r, "filler", i);
        ck_assert_uint_lt(strlen(r.text), sizeof r.text);
        ck_assert_ptr_null(strstr(r.text, "filler=99"));
        ck_assert_int_eq(r.length, (pdm_size)strlen(r.text));
    }
END_TEST

START_TEST(clock_does_not_go_back)
    {
        const double before = pdm_clock();
        ck_assert_double_ge(pdm_clock(), before);
    }
END_TEST

/* ---- random numbers ---- */

/* Random123's own known answers (kat_vectors): the library header here must give them. */
START_TEST(philox_known_answers)
    {
        static const uint32_t answers[3][10] = {
            {0, 0, 0, 0, 0, 0, 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8},
            {~0u, ~0u, ~0u, ~0u, ~0u, ~0u, 0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd},
            {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344, 0xa4093822, 0x299f31d0, 0xd16cfe09, 0x94fdcceb, 0x5001e420,
             0x24126ea1}};
        const uint32_t        *k       = answers[_i];
        const philox4x32_ctr_t counter = {{k[0], k[1], k[2], k[3]}};
        const philox4x32_key_t key     = {{k[4], k[5]}};
        const philox4x32_ctr_t words   = philox4x32(counter, key);
        for (int j = 0; j < 4; j++) ck_assert_uint_eq(words.v[j], k[6 + j]);
    }
END_TEST

/* Purpose in the top byte of the counter, 52 bits of words 0 and 1: the stream that files and seeds rely on. */
START_TEST(uniform_is_philox_of_seed_purpose_step_index)
    {
        const philox4x32_ctr_t counter = {{7, 1, 340, PDM_RANDOM_INPUT << 24}};
        const philox4x32_key_t key     = {{5, 2}};
        const philox4x32_ctr_t words   = philox4x32(counter, key);
        const uint64_t         bits    = ((uint64_t)words.v[1] << 32 | words.v[0]) >> 12;
        const double u = pdm_random_uniform((pdm_random_key){2ull << 32 | 5, PDM_RANDOM_INPUT, 340}, 1ull << 32 | 7);
        ck_assert_double_eq(u, ((double)bits + 0.5) / 4503599627370496.0);
    }
END_TEST

/* Mean, variance, skewness and kurtosis within 5 standard errors of n draws: seeds are fixed, so this passes or not. */
START_TEST(random_numbers_have_their_moments)
    {
        enum { N = 50000 };
        const pdm_random_key key    = {12345 + (uint64_t)_i, PDM_RANDOM_TEST, 17};
        double               sum[5] = {0}, cross = 0.0, before = 0.0;

        for (uint64_t i = 0; i < N; i++) {
            const double u = pdm_random_uniform(key, i);
            ck_assert(u > 0.0 && u < 1.0);
            const double z = pdm_random_normal(key, i);
            sum[0] += u;
            sum[1] += (u - 0.5) * (u - 0.5);
            sum[2] += z;
            sum[3] += z * z;
            sum[4] += z * z * z * z;
            cross += before * z;
            before = z;
        }
        const double root = sqrt((double)N);
        ck_assert_double_lt(fabs(sum[0] / N - 0.5), 5.0 * sqrt(1.0 / 12.0) / root);
        ck_assert_double_lt(fabs(sum[1] / N - 1.0 / 12.0), 5.0 * sqrt(1.0 / 180.0) / root);
        ck_assert_double_lt(fabs(sum[2] / N), 5.0 / root);
        ck_assert_double_lt(fabs(sum[3] / N - 1.0), 5.0 * sqrt(2.0) / root);
        ck_assert_double_lt(fabs(sum[4] / N - 3.0), 5.0 * sqrt(96.0) / root);
        ck_assert_double_lt(fabs(cross / N), 5.0 / root);
    }
END_TEST

START_TEST(random_numbers_differ_in_every_part_of_the_key)
    {
        const pdm_random_key key = {1, PDM_RANDOM_INPUT, 1};
        const double         u[] = {
                    pdm_random_uniform(key, 1),
                    pdm_random_uniform(key, 2),
                    pdm_random_uniform((pdm_random_key){2, PDM_RANDOM_INPUT, 1}, 1),
                    pdm_random_uniform((pdm_random_key){1, PDM_RANDOM_WEIGHTS, 1}, 1),
                    pdm_random_uniform((pdm_random_key){1, PDM_RANDOM_INPUT, 2}, 1),
                    pdm_random_uniform((pdm_random_key){1ull << 32 | 1, PDM_RANDOM_INPUT, 1}, 1),
                    pdm_random_uniform(key, 1ull << 32 | 1),
        };
        const int n = (int)(sizeof u / sizeof u[0]);
        for (int i = 0; i < n; i++)
            for (int j = 0; j < i; j++) ck_assert_double_ne(u[i], u[j]);
        ck_assert_double_eq(u[0], pdm_random_uniform(key, 1));
    }
END_TEST

/* ---- text ---- */

typedef struct nearest_case {
    const char *word, *nearest;
} nearest_case;

static const nearest_case nearest_cases[] = {
    {"tolerence", "tolerance"},
    {"TOLERANCE", "tolerance"},
    {"max_iter", NULL} /* 6 edits, 3 allowed */,
    {"step", "steps"},
    {"stpes", "steps"},
    {"xyz", NULL},
    {"", NULL},
    {"sed", "seed"},
};

START_TEST(nearest_name)
    {
        static const char *const known[] = {"tolerance", "max_iterations", "steps", "seed"};
        const nearest_case      *c       = &nearest_cases[_i];
        const char              *found   = pdm_text_nearest(c->word, known, 4);
        ck_assert(pdm_text_equal(found, c->nearest));
    }
END_TEST

START_TEST(nearest_of_long_words)
    {
        char              word[400];
        const char *const known[] = {word, "u"};
        memset(word, 'a', sizeof word);
        word[sizeof word - 1] = '\0';
        ck_assert_ptr_null(pdm_text_nearest(word, known, 2));
        ck_assert_str_eq(pdm_text_nearest("v", known, 2), "u");
        ck_assert_ptr_null(pdm_text_nearest("v", NULL, 0));
    }
END_TEST

START_TEST(equal_and_spans)
    {
        const char *cursor = " u, v_1\t2nd,\n; w";
        ck_assert(pdm_text_equal("a", "a") && !pdm_text_equal("a", "b"));
        ck_assert(pdm_text_equal(NULL, NULL) && !pdm_text_equal(NULL, "a") && !pdm_text_equal("a", NULL));
        ck_assert(pdm_span_equals(pdm_text_next_name(&cursor), "u"));
        const pdm_span second = pdm_text_next_name(&cursor);
        ck_assert(pdm_span_equals(second, "v_1") && !pdm_span_equals(second, "v_") && !pdm_span_equals(second, "v_12"));
        ck_assert(pdm_span_equals(pdm_text_next_name(&cursor), "2nd"));
        ck_assert_int_eq(pdm_text_next_name(&cursor).length, 0);
        ck_assert_int_eq(*cursor, ';'); /* not part of a list of names: the cursor stays there */
    }
END_TEST

START_TEST(text_grows)
    {
        pdm_text t = {.ctx = ctx};
        ck_assert_int_eq(pdm_text_append(&t, "%s", ""), PDM_OK);
        ck_assert_str_eq(t.data, "");
        for (int i = 0; i < 1000; i++) ck_assert_int_eq(pdm_text_append(&t, "%d,", i), PDM_OK);
        ck_assert_uint_eq(t.length, 10 * 2 + 90 * 3 + 900 * 4);
        ck_assert_uint_eq(strlen(t.data), t.length);
        ck_assert_int_eq(strncmp(t.data, "0,1,2,", 6), 0);
        pdm_context_fail_allocation(ctx, 1);
        ck_assert_int_eq(pdm_text_append(&t, "%9000d", 1), PDM_ERR_MEMORY);
        ck_assert_uint_eq(strlen(t.data), 10 * 2 + 90 * 3 + 900 * 4);
        pdm_text_destroy(&t);
        pdm_text_destroy(&t);
    }
END_TEST

typedef struct real_case {
    const char *text;
    bool        valid;
    double      value;
} real_case;

static const real_case real_cases[] = {
    {"5e-4", true, 5e-4},   {"0.29", true, 0.29},  {"-1", true, -1.0},    {"+.5", true, 0.5},  {"3.", true, 3.0},
    {"1E+3", true, 1000.0}, {"1e-400", true, 0.0}, {"1e400", false, 0.0}, {"", false, 0.0},    {".", false, 0.0},
    {"1e", false, 0.0},     {"1.2.3", false, 0.0}, {"1,5", false, 0.0},   {" 1", false, 0.0},  {"1 ", false, 0.0},
    {"nan", false, 0.0},    {"inf", false, 0.0},   {"0x10", false, 0.0},  {"1d0", false, 0.0}, {"--1", false, 0.0},
    {"1e+", false, 0.0},    {"0.1", true, 0.1},    {"-", false, 0.0},     {"abc", false, 0.0},
};

START_TEST(real_from_text)
    {
        const real_case *c   = &real_cases[_i];
        double           out = 7.0;
        ck_assert_int_eq(pdm_text_to_real(c->text, &out), c->valid);
        ck_assert_double_eq(out, c->valid ? c->value : 7.0);
    }
END_TEST

typedef struct size_case {
    const char *text;
    bool        valid;
    pdm_size    value;
} size_case;

static const size_case size_cases[] = {
    {"0", true, 0},
    {"400", true, 400},
    {"-12", true, -12},
    {"+3", true, 3},
    {"9223372036854775807", true, INT64_MAX},
    {"-9223372036854775808", true, INT64_MIN},
    {"9223372036854775808", false, 0},
    {"-9223372036854775809", false, 0},
    {"99999999999999999999", false, 0},
    {"", false, 0},
    {"-", false, 0},
    {"1.0", false, 0},
    {"4k", false, 0},
    {" 4", false, 0},
};

START_TEST(size_from_text)
    {
        const size_case *c   = &size_cases[_i];
        pdm_size         out = 7;
        ck_assert_int_eq(pdm_text_to_size(c->text, &out), c->valid);
        ck_assert_int_eq(out, c->valid ? c->value : 7);
    }
END_TEST

START_TEST(decimal_point_of_any_locale)
    {
        static const char *const numbers[][2] = {{"1,5e-03", "1.5e-03"},
                                                 {"1.5", "1.5"},
                                                 {"-1\xd9\xab"
                                                  "5",
                                                  "-1.5"},
                                                 {"nan", "nan"},
                                                 {"17", "17"},
                                                 {"-inf", "-inf"}};
        char                     text[32];
        snprintf(text, sizeof text, "%s", numbers[_i][0]);
        core_plain_point(text);
        ck_assert_str_eq(text, numbers[_i][1]);
    }
END_TEST

/* Runs where a locale with a decimal comma is installed; says nothing elsewhere. */
START_TEST(numbers_in_a_locale_with_a_comma)
    {
        static const char *const names[] = {"de_DE.UTF-8", "fr_FR.UTF-8", "nl_NL.UTF-8", "es_ES.UTF-8"};
        bool                     found   = false;
        double                   out     = 0.0;
        pdm_record               r;

        for (int i = 0; i < 4 && !found; i++) found = setlocale(LC_ALL, names[i]) != NULL;
        ck_assert(pdm_text_to_real("0.5", &out));
        ck_assert_double_eq(out, 0.5);
        pdm_record_begin(&r);
        pdm_record_real(&r, "loss", 0.5);
        ck_assert_str_eq(r.text, "loss=5.000e-01");
    }
END_TEST

#define COUNT(cases) ((int)(sizeof(cases) / sizeof(cases)[0]))

static TCase *add_case(Suite *suite, const char *name)
{
    TCase *tc = tcase_create(name);
    tcase_add_checked_fixture(tc, setup, teardown);
    suite_add_tcase(suite, tc);
    return tc;
}

static void add_errors(Suite *suite)
{
    TCase *tc = add_case(suite, "version and errors");
    tcase_add_test(tc, memory_has_a_limit);
    tcase_add_test(tc, version_agrees_with_header);
    tcase_add_test(tc, build_info_names_the_parts);
    tcase_add_test(tc, status_has_text);
    tcase_add_loop_test(tc, error_shows_its_place, 0, COUNT(error_cases));
    tcase_add_test(tc, error_in_a_long_line_shows_a_window);
    tcase_add_test(tc, error_longer_than_the_buffer_keeps_its_caret);
    tcase_add_test(tc, error_may_quote_the_one_before);
    tcase_add_test(tc, errors_of_many_threads_leave_one_whole_message);
}

static void add_memory(Suite *suite)
{
    TCase *tc = add_case(suite, "memory");
    tcase_add_test(tc, memory_is_zeroed_aligned_counted);
    tcase_add_test(tc, memory_refuses_impossible_sizes);
    tcase_add_test(tc, memory_left_behind_is_reported);
    tcase_add_test(tc, memory_is_counted_across_threads);
    tcase_add_test(tc, allocator_of_the_host_is_used);
    tcase_add_test(tc, every_allocation_may_fail);
    tcase_add_test(tc, arena_carves_what_it_measured);
    tcase_add_test(tc, arena_refuses_impossible_pieces);
    tcase_add_test(tc, narrowing_is_checked);
#ifndef NDEBUG
    tcase_add_test(tc, arena_fills_with_nan);
    tcase_add_loop_test_raise_signal(tc, guards_find_wrong_writes, SIGABRT, 0, 5);
#endif
}

static void add_log_and_random(Suite *suite)
{
    TCase *tc = add_case(suite, "log and random numbers");
    tcase_add_test(tc, threads_are_limited);
    tcase_add_test(tc, log_reaches_the_host);
    tcase_add_test(tc, record_is_one_line_of_keys);
    tcase_add_test(tc, clock_does_not_go_back);
    tcase_add_loop_test(tc, philox_known_answers, 0, 3);
    tcase_add_test(tc, uniform_is_philox_of_seed_purpose_step_index);
    tcase_add_loop_test(tc, random_numbers_have_their_moments, 0, 3);
    tcase_add_test(tc, random_numbers_differ_in_every_part_of_the_key);
}

static void add_text(Suite *suite)
{
    TCase *tc = add_case(suite, "text");
    tcase_add_loop_test(tc, nearest_name, 0, COUNT(nearest_cases));
    tcase_add_test(tc, nearest_of_long_words);
    tcase_add_test(tc, equal_and_spans);
    tcase_add_test(tc, text_grows);
    tcase_add_loop_test(tc, real_from_text, 0, COUNT(real_cases));
    tcase_add_loop_test(tc, size_from_text, 0, COUNT(size_cases));
    tcase_add_loop_test(tc, decimal_point_of_any_locale, 0, 6);
    tcase_add_test(tc, numbers_in_a_locale_with_a_comma);
}

int main(void)
{
    Suite *suite = suite_create("core");
    add_errors(suite);
    add_memory(suite);
    add_log_and_random(suite);
    add_text(suite);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    const int n_failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return n_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
