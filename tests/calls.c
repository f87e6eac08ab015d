#include "tests/calls.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Numbers of a sum: none, one, what goes in one message and what does not, fewer than ranks, much, uneven. */
static const pdm_size size[] = {0, 1, 4, 5, 512, 513, 1000, 4097, 20011};
enum { N_SIZE = sizeof size / sizeof *size };

#define CALLS_TRY(call)                                                                       \
    do {                                                                                      \
        if ((call) != PDM_OK) {                                                               \
            (void)snprintf(t->said, sizeof t->said, "%s: %s", #call, pdm_context_error(ctx)); \
            goto done;                                                                        \
        }                                                                                     \
    } while (0)
#define CALLS_EXPECT(condition)                                                                          \
    do {                                                                                                 \
        if (!(condition)) {                                                                              \
            (void)snprintf(t->said, sizeof t->said, "rank %d of %d, case %d: %s", pdm_context_rank(ctx), \
                           pdm_context_n_rank(ctx), (int)n, #condition);                                 \
            goto done;                                                                                   \
        }                                                                                                \
    } while (0)

/* Number i of rank k: sums of these depend on their order. */
static double number(pdm_size k, pdm_size i)
{
    return pdm_random_uniform((pdm_random_key){7, PDM_RANDOM_TEST, (uint64_t)k}, (uint64_t)i) - 0.5;
}

static double sum_of(pdm_size n_rank, pdm_size i)
{
    double sum = number(0, i);

    for (pdm_size k = 1; k < n_rank; k++) sum += number(k, i);
    return sum;
}

static void add_to_hash(uint64_t *hash, const double *x, pdm_size n)
{
    uint64_t bits;

    for (pdm_size i = 0; hash && i < n; i++) {
        memcpy(&bits, &x[i], sizeof bits);
        *hash = (*hash ^ bits) * 0x100000001b3u;
    }
}

static void check_sum(pdm_context *ctx, pdm_size n, uint64_t *hash, calls_text *t)
{
    double *x = malloc(((size_t)n + 1) * sizeof *x);

    CALLS_EXPECT(x != NULL);
    for (pdm_size i = 0; i < n; i++) x[i] = number(pdm_rank(ctx), i);
    x[n] = 1.5;
    CALLS_TRY(pdm_ranks_sum(ctx, "numbers", n, x));
    for (pdm_size i = 0; i < n; i++) CALLS_EXPECT(x[i] == sum_of(pdm_n_rank(ctx), i));
    CALLS_EXPECT(x[n] == 1.5);
    add_to_hash(hash, x, n);
done:
    free(x);
}

/* Rank k has (k + shift) % 3 * n numbers. */
static void check_gather(pdm_context *ctx, pdm_size n, pdm_size shift, calls_text *t)
{
    const pdm_size n_rank = pdm_n_rank(ctx), rank = pdm_rank(ctx);
    size_t        *bytes = calloc((size_t)n_rank, sizeof *bytes), all_bytes = 0;
    double        *own = malloc(((size_t)n * 2 + 1) * sizeof *own), *all = NULL, *place;

    CALLS_EXPECT(bytes && own);
    for (pdm_size k = 0; k < n_rank; k++) all_bytes += bytes[k] = (size_t)((k + shift) % 3 * n) * sizeof *own;
    for (pdm_size i = 0; i < (rank + shift) % 3 * n; i++) own[i] = number(rank, i);
    for (int first = 0; first < 2; first++) {
        all = calloc(all_bytes + 1, 1);
        CALLS_EXPECT(all != NULL);
        if (first)
            CALLS_TRY(pdm_ranks_gather_first(ctx, "pieces", bytes, own, rank == 0 ? all : NULL));
        else
            CALLS_TRY(pdm_ranks_gather(ctx, "pieces", bytes, own, all));
        place = all;
        for (pdm_size k = 0; k < n_rank && (!first || rank == 0); k++)
            for (pdm_size i = 0; i < (k + shift) % 3 * n; i++) CALLS_EXPECT(*place++ == number(k, i));
        free(all);
        all = NULL;
    }
done:
    free(all);
    free(own);
    free(bytes);
}

/* What is gathered stands where it belongs from the start. */
static void check_gather_in_place(pdm_context *ctx, pdm_size n, calls_text *t)
{
    const pdm_size  n_rank = pdm_n_rank(ctx);
    const pdm_share s      = pdm_share_of(n, pdm_rank(ctx), n_rank);
    size_t         *bytes  = calloc((size_t)n_rank, sizeof *bytes);
    double         *all    = calloc((size_t)n + 1, sizeof *all);

    CALLS_EXPECT(bytes && all);
    for (pdm_size k = 0; k < n_rank; k++) bytes[k] = (size_t)pdm_share_of(n, k, n_rank).n * sizeof *all;
    for (pdm_size i = 0; i < s.n; i++) all[s.first + i] = number(0, s.first + i);
    CALLS_TRY(pdm_ranks_gather(ctx, "shares", bytes, all + s.first, all));
    for (pdm_size i = 0; i < n; i++) CALLS_EXPECT(all[i] == number(0, i));
done:
    free(all);
    free(bytes);
}

static void check_broadcast(pdm_context *ctx, pdm_size n, pdm_size root, calls_text *t)
{
    double *x = calloc((size_t)n + 1, sizeof *x);

    CALLS_EXPECT(x != NULL);
    for (pdm_size i = 0; i < n && pdm_rank(ctx) == root; i++) x[i] = number(root, i);
    CALLS_TRY(pdm_ranks_broadcast(ctx, "weights", root, (size_t)n * sizeof *x, x));
    for (pdm_size i = 0; i < n; i++) CALLS_EXPECT(x[i] == number(root, i));
    CALLS_EXPECT(x[n] == 0.0);
done:
    free(x);
}

/* A chain: each rank sends n numbers up, and n + 1 down. */
static void check_exchange(pdm_context *ctx, pdm_size n, calls_text *t)
{
    const pdm_size  rank = pdm_rank(ctx), n_rank = pdm_n_rank(ctx);
    const size_t    up = (size_t)n * sizeof(double), down = (size_t)(n + 1) * sizeof(double);
    double         *x = calloc(3 * ((size_t)n + 1), sizeof *x), *below, *above;
    pdm_ranks_piece piece[2];
    pdm_size        n_piece = 0;

    CALLS_EXPECT(x != NULL);
    below = x + n + 1;
    above = below + n + 1;
    for (pdm_size i = 0; i <= n; i++) x[i] = number(rank, i);
    if (rank + 1 < n_rank) piece[n_piece++] = (pdm_ranks_piece){rank + 1, up, down, x, above};
    if (rank > 0) piece[n_piece++] = (pdm_ranks_piece){rank - 1, down, up, x, below};
    CALLS_TRY(pdm_ranks_exchange(ctx, "halo", n_piece, piece));
    for (pdm_size i = 0; i < n && rank > 0; i++) CALLS_EXPECT(below[i] == number(rank - 1, i));
    for (pdm_size i = 0; i <= n && rank + 1 < n_rank; i++) CALLS_EXPECT(above[i] == number(rank + 1, i));
done:
    free(x);
}

/* All well; then the last rank and the one before it not: the first that failed is told, and the ranks go on. */
static void check_agreement(pdm_context *ctx, calls_text *t)
{
    const pdm_size rank = pdm_rank(ctx), n = pdm_n_rank(ctx), first = n > 1 ? n - 2 : 0;
    char           expected[64];
    pdm_status     status = PDM_OK;

    CALLS_TRY(pdm_ranks_agree(ctx, "files", PDM_OK));
    if (rank >= first) status = pdm_error_set(ctx, PDM_ERR_DATA, NULL, __func__, "file %d is damaged", (int)rank);
    status = pdm_ranks_agree(ctx, "files", status);
    CALLS_EXPECT(status == PDM_ERR_DATA);
    if (rank >= first)
        (void)snprintf(expected, sizeof expected, "file %d is damaged", (int)rank);
    else
        (void)snprintf(expected, sizeof expected, "rank %d: file %d is damaged", (int)first, (int)first);
    CALLS_EXPECT(strcmp(pdm_context_error(ctx), expected) == 0);
    CALLS_TRY(pdm_ranks_meet(ctx, "end"));
done:
    return;
}

calls_text calls_check(pdm_context *ctx, uint64_t *hash)
{
    calls_text t = {""};

    for (int i = 0; i < N_SIZE && !*t.said; i++) {
        check_sum(ctx, size[i], hash, &t);
        if (!*t.said) check_gather_in_place(ctx, size[i], &t);
        if (!*t.said) check_exchange(ctx, size[i], &t);
        for (pdm_size shift = 0; shift < 3 && !*t.said; shift++) check_gather(ctx, size[i], shift, &t);
        for (pdm_size root = 0; root < pdm_n_rank(ctx) && !*t.said; root++) check_broadcast(ctx, size[i], root, &t);
    }
    if (!*t.said) check_agreement(ctx, &t);
    return t;
}
