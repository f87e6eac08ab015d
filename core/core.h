/* What every folder needs: status and error text, the context, memory, the log, random numbers, text.
 * Lowest layer: includes the public header and the C library only. */
#ifndef PDM_CORE_H
#define PDM_CORE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pdemoe/pdemoe.h"
#include "pdemoe/pdemoe_cuda.h"

#if defined(__GNUC__)
#define PDM_PRINTF(fmt, first) __attribute__((format(printf, fmt, first)))
#else
#define PDM_PRINTF(fmt, first)
#endif

/* ---- errors (core/error.c) ----------------------------------------------------------------------------------------
 * Every function has one exit `done:`; everything it owns is initialised at the top and destroyed there. */

#define PDM_TRY(call)                               \
    do {                                            \
        if ((status = (call)) != PDM_OK) goto done; \
    } while (0)

#define PDM_FAIL(ctx, code, ...)                                         \
    do {                                                                 \
        (void)pdm_error_set((ctx), (code), NULL, __func__, __VA_ARGS__); \
        status = (code); /* said here too, where analysers see it */     \
        goto done;                                                       \
    } while (0)

#define PDM_FAIL_AT(ctx, code, where, ...)                                  \
    do {                                                                    \
        (void)pdm_error_set((ctx), (code), (where), __func__, __VA_ARGS__); \
        status = (code);                                                    \
        goto done;                                                          \
    } while (0)

/* First lines of a public call, which owns nothing yet: the condition holds, or the call ends with a text of its own.
 * Where the handle that has the context is NULL itself there is nowhere to put a text. */
#define PDM_EXPECT(ctx, condition, ...)                                                               \
    do {                                                                                              \
        if (!(condition)) return pdm_error_set((ctx), PDM_ERR_ARGUMENT, NULL, __func__, __VA_ARGS__); \
    } while (0)
#define PDM_EXPECT_POINTER(ctx, p, what) PDM_EXPECT((ctx), (p) != NULL, #p " is NULL; " what " expected")

/* Samples, points along a dimension, models: as many as a public call takes.
 * Products of a few of them stay below 2^63. */
#define PDM_MAX_COUNT INT32_MAX

/* Our own mistakes only, never what a user can cause; empty when NDEBUG is set. */
#ifdef NDEBUG
#define PDM_ASSERT(condition) ((void)0)
#else
#define PDM_ASSERT(condition) ((condition) ? (void)0 : pdm_assert_failed(#condition, __FILE__, __LINE__))
#endif
void pdm_assert_failed(const char *condition, const char *file, int line); /* prints and aborts */

/* A place in a case. Any pointer may be NULL. Printed as  file: /group:attribute: message
 * and, with text, two more lines: the text indented by four, and a caret under byte `offset` (-1: no caret). */
typedef struct pdm_where {
    const char *file, *group, *attribute; /* group as a path without leading slash, "pde/boundary" */
    const char *text;                     /* the attribute's value; only its line that holds offset is shown */
    pdm_size    offset;
} pdm_where;

/* Formats the message into the context's fixed buffer (no allocation), replacing what was there; returns code.
 * function goes to the debug log only. where may be NULL. */
pdm_status pdm_error_set(pdm_context *ctx, pdm_status code, const pdm_where *where, const char *function,
                         const char *format, ...) PDM_PRINTF(5, 6);
/* Adds one line of circumstance ("while solving sample 3, step 340") to the present message. */
void pdm_error_note(pdm_context *ctx, const char *format, ...) PDM_PRINTF(2, 3);

/* ---- context (core/context.c) ---- */
int         pdm_context_threads(const pdm_context *ctx); /* >= 1 */
const char *pdm_context_backend(const pdm_context *ctx); /* "": not said. Lent */
/* Where models on a device do their work; all zero: on the current device of the thread that makes them, in a stream of
 * their own. */
typedef struct pdm_queue {
    bool                is_given;
    int                 device; /* -1: the current one */
    struct CUstream_st *stream; /* NULL: the device's default stream */
} pdm_queue;
/* Bytes of a device's memory, as they are taken (below 0: given back), and those held now. */
void      pdm_context_count_device(pdm_context *ctx, int64_t bytes);
pdm_size  pdm_context_device_bytes(const pdm_context *ctx);
pdm_queue pdm_context_queue(const pdm_context *ctx);
/* What comm/ keeps with a context, until the context goes or gets other ranks; NULL: one rank. */
void *pdm_context_ranks(const pdm_context *ctx);
void  pdm_context_keep_ranks(pdm_context *ctx, void *ranks, void (*destroy)(pdm_context *ctx, void *ranks));
/* Test hook (tests only): the allocation number `countdown` from now fails, 1 = the next; 0 = never. */
void pdm_context_fail_allocation(pdm_context *ctx, pdm_size countdown);

/* ---- memory (core/memory.c) ----------------------------------------------------------------------------------------
 * Zeroed, aligned to 64 bytes, counted. Freed with pdm_free (NULL is fine). bytes may be 0: a valid pointer results. */
pdm_status pdm_alloc_bytes(pdm_context *ctx, size_t bytes, void **out);
pdm_status pdm_alloc_items(pdm_context *ctx, pdm_size n, size_t item, void **out); /* checks n >= 0 and n*item */
void       pdm_free_bytes(pdm_context *ctx, void *p);
#define pdm_alloc(ctx, bytes, out)   pdm_alloc_bytes((ctx), (bytes), (void **)(out))
#define pdm_alloc_array(ctx, n, out) pdm_alloc_items((ctx), (n), sizeof **(out), (void **)(out))
#define pdm_free(ctx, p)             pdm_free_bytes((ctx), (p))
/* Copy of a string. */
/* Bytes that can still be had: of the context's limit, else of the machine, by the system's own account;
 * SIZE_MAX: not known. */
size_t     pdm_memory_available(const pdm_context *ctx);
pdm_status pdm_alloc_text(pdm_context *ctx, const char *text, char **out);

/* Arena: one allocation, carved into pieces. A layout function runs twice over the same text: once on a measuring arena
 * (all pieces NULL), once on the real one. Debug builds fill floating-point pieces with NaN and put guard bytes behind
 * each piece, checked at destroy. */
typedef struct pdm_arena {
    pdm_context *ctx;
    char        *base; /* NULL while measuring */
    size_t       size, used;
    bool         overflow;
} pdm_arena;

void       pdm_arena_measure(pdm_arena *a, pdm_context *ctx);     /* starts measuring */
pdm_status pdm_arena_allocate(pdm_arena *a);                      /* takes what was measured; used = 0 */
void       pdm_arena_destroy(pdm_arena *a);                       /* zero-initialised arena is fine */
void      *pdm_arena_take(pdm_arena *a, pdm_size n, size_t item); /* NULL while measuring */
#define pdm_carve(arena, type, n) ((type *)pdm_arena_take((arena), (n), sizeof(type)))

/* n as int, or PDM_ERR_ARGUMENT with text `what`, before a BLAS, MPI or NetCDF call gets a wrapped number. */
pdm_status pdm_narrow_int(pdm_context *ctx, pdm_size n, const char *what, int *out);

/* ---- shared objects that are opened when they are needed (core/object.c): what they stand on need not be there for
 * everything else to run ---- */
typedef enum pdm_object_scope {
    PDM_OBJECT_ALONE, /* its symbols, and those of what it stands on, are for itself */
    PDM_OBJECT_SHARED /* for all that is opened later, too                           */
} pdm_object_scope;
/* Opens pdemoe_NAME.so in the folder that PDEMOE_BACKENDS names; else in pdemoe/ beside the library or program that holds
 * this function, or in the one that the library is installed in. It stays open for the life of the process. *out: what it
 * exports as `symbol`, NULL where it exports no such thing. Fails with PDM_ERR_UNSUPPORTED, in one line that begins with
 * `what` and says which is missing: the object, or what it stands on. */
pdm_status pdm_object_open(pdm_context *ctx, const char *what, const char *name, pdm_object_scope scope,
                           const char *symbol, const void **out);

/* ---- settings structs of the public header, which may grow (core/growing.c): their first member is their size ---- */
/* Defaults into a caller's struct of `size` bytes, which may be of an earlier header: as much as it has. */
void pdm_settings_fill(void *to, size_t size, const void *defaults, size_t own);
/* What a caller gave onto the defaults in out [own]; given NULL: these. PDM_ERR_ARGUMENT where the size was never set. */
pdm_status pdm_settings_take(pdm_context *ctx, const char *name, const void *given, void *out, size_t own);

/* ---- log (core/log.c) ---- */
void pdm_log(pdm_context *ctx, pdm_log_level level, const char *topic, const char *format, ...) PDM_PRINTF(4, 5);
bool pdm_log_wants(const pdm_context *ctx, pdm_log_level level);

/* A progress record: one line of key=value with fixed keys. */
typedef struct pdm_record {
    char     text[512];
    pdm_size length;
} pdm_record;
void pdm_record_begin(pdm_record *r);
void pdm_record_count(pdm_record *r, const char *key, pdm_size value); /* step=340       */
void pdm_record_real(pdm_record *r, const char *key, double value);    /* loss=5.310e-04 */
void pdm_record_log(pdm_context *ctx, pdm_log_level level, const char *topic, const pdm_record *r);

/* Wall clock in seconds from some fixed moment; for timing only. */
double pdm_clock(void);

/* ---- random numbers (core/random.c) ---------------------------------------------------------------------------------
 * Counter-based (Philox4x32-10, Random123): the number is a function of (seed, purpose, step, index) alone. */
typedef enum pdm_random_purpose {
    PDM_RANDOM_WEIGHTS = 1, /* initial network weights: step = parameter tensor, index = entry */
    PDM_RANDOM_INPUT   = 2, /* training inputs: step = training step, index = sample * inputs + input (inputs/draw.c) */
    PDM_RANDOM_TEST    = 3,
    PDM_RANDOM_CHECK   = 4, /* gradient check directions */
    PDM_RANDOM_BATCH   = 5, /* choice of samples from given data */
    PDM_RANDOM_TYPICAL = 6, /* the input that scales are found at */
    PDM_RANDOM_SIGNS   = 7, /* of the numbers that rows are sums of: index = coefficient */
    PDM_RANDOM_GUESS   = 8, /* choice of solutions to learn from: step = training step */
    PDM_RANDOM_ROWS    = 9  /* directions that few rows are found by: step = direction, index = row */
} pdm_random_purpose;

typedef struct pdm_random_key {
    uint64_t           seed;
    pdm_random_purpose purpose;
    uint64_t           step;
} pdm_random_key;

double pdm_random_uniform(pdm_random_key key, uint64_t index); /* in (0, 1), 53 bits */
double pdm_random_normal(pdm_random_key key, uint64_t index);  /* mean 0, variance 1 (Box-Muller on one counter) */

/* ---- weights (core/weights.c) ---------------------------------------------------------------------------------------
 * A small vector of weights that is learned on the host, in FP64, with its gradient and Adam's two moments, [n] each.
 * What has one lends it, to be read and written. */
typedef struct pdm_weights {
    pdm_size n;
    double  *parameter, *gradient, *m, *v;
} pdm_weights;
pdm_status pdm_weights_create(pdm_context *ctx, pdm_size n, pdm_weights *out); /* all zero */
void       pdm_weights_destroy(pdm_context *ctx, pdm_weights *w);              /* a zero-initialised one is fine */
/* One step of Adam number `step` (from 1 on) with the gradient, which becomes zero. False when it is not finite: nothing
 * has changed then but the gradient. */
bool pdm_weights_update(const pdm_weights *w, pdm_size step, double rate);

/* ---- text (core/text.c) ---- */
/* The candidate nearest to word by edit distance (at most 1 + length/3 edits, case ignored), or NULL. */
const char *pdm_text_nearest(const char *word, const char *const *candidates, pdm_size n);
bool        pdm_text_equal(const char *a, const char *b); /* NULL equals NULL only */
/* Growing text, for reports. Zero-initialise; text is never NULL after a first append. */
typedef struct pdm_text {
    pdm_context *ctx;
    char        *data;
    size_t       length, capacity;
} pdm_text;
pdm_status pdm_text_append(pdm_text *t, const char *format, ...) PDM_PRINTF(2, 3);
void       pdm_text_destroy(pdm_text *t);
/* Splits off the next name made of letters, digits, '_' from *cursor, skipping blanks and commas; length 0 at the end. */
typedef struct pdm_span {
    const char *start;
    pdm_size    length;
} pdm_span;
pdm_span pdm_text_next_name(const char **cursor);
bool     pdm_span_equals(pdm_span span, const char *text);
/* The calling thread in the locale C until the end, whatever the host has set; plain NULL: there was no memory. */
typedef struct pdm_plain_locale {
    void *plain, *before;
} pdm_plain_locale;
pdm_plain_locale pdm_plain_locale_begin(void);
void             pdm_plain_locale_end(pdm_plain_locale l);
const char      *pdm_base_name(const char *path); /* behind the last slash */
/* Number from text: whole text must be used; false otherwise. Locale-independent. */
bool pdm_text_to_real(const char *text, double *out);
bool pdm_text_to_size(const char *text, pdm_size *out);

#endif
