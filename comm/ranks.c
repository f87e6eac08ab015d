/* The ranks of a context, and what all of them do together, made of exchanges. */
#include "comm/comm.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "comm/comm_impl.h"

static const double DEFAULT_SECONDS = 600.0;
static const size_t PIECE           = (size_t)64 << 20;
enum { SUMMED_AT_ONCE = 512 }; /* numbers that every rank adds up by itself */

pdm_ranks *ranks_of(const pdm_context *ctx)
{
    return pdm_context_ranks(ctx);
}

static void destroy(pdm_context *ctx, void *ranks)
{
    pdm_ranks *r = ranks;
    ranks_leave(r);
    if (r->t.release) r->t.release(r->t.user);
    pdm_free(ctx, r->work);
    pdm_free(ctx, r->has_left);
    pdm_free(ctx, r);
}

pdm_status pdm_context_set_ranks(pdm_context *ctx, const pdm_transport *t, double seconds)
{
    pdm_status status = PDM_OK;
    pdm_ranks *r      = NULL;

    if (!ctx) return PDM_ERR_ARGUMENT;
    PDM_EXPECT(ctx, seconds >= 0.0 && isfinite(seconds), "%g seconds to wait; a number above 0, or 0, expected",
               seconds);
    if (!t || t->n_rank == 1) {
        pdm_context_keep_ranks(ctx, NULL, NULL);
        if (t && t->release) t->release(t->user);
        return PDM_OK;
    }
    PDM_EXPECT(ctx, t->n_rank > 1 && t->rank >= 0 && t->rank < t->n_rank, "rank %d of %d; 0 to n_rank - 1 expected",
               t->rank, t->n_rank);
    PDM_EXPECT(ctx, t->send && t->receive && t->test && t->probe && t->cancel,
               "a transport without all of send, receive, test, probe and cancel");
    PDM_TRY(pdm_alloc(ctx, sizeof *r, &r));
    *r           = (pdm_ranks){.t = *t, .seconds = seconds > 0.0 ? seconds : DEFAULT_SECONDS, .piece = PIECE};
    r->t.release = NULL; /* the caller's until all is well */
    PDM_TRY(pdm_alloc_array(ctx, t->n_rank, &r->has_left));
    pdm_context_keep_ranks(ctx, r, destroy);
    PDM_TRY(pdm_ranks_end(ctx, ranks_share_cores(ctx)));
    r->t.release = t->release;
done:
    if (status != PDM_OK && r && pdm_context_ranks(ctx) == r)
        pdm_context_keep_ranks(ctx, NULL, NULL);
    else if (status != PDM_OK)
        pdm_free(ctx, r);
    return status;
}

void pdm_ranks_set_piece(pdm_context *ctx, size_t bytes)
{
    ranks_of(ctx)->piece = bytes;
}

pdm_size pdm_rank(const pdm_context *ctx)
{
    const pdm_ranks *r = ranks_of(ctx);
    return r ? r->t.rank : 0;
}

pdm_size pdm_n_rank(const pdm_context *ctx)
{
    const pdm_ranks *r = ranks_of(ctx);
    return r ? r->t.n_rank : 1;
}

int pdm_context_rank(const pdm_context *ctx)
{
    return ctx ? (int)pdm_rank(ctx) : 0;
}

int pdm_context_n_rank(const pdm_context *ctx)
{
    return ctx ? (int)pdm_n_rank(ctx) : 1;
}

pdm_share pdm_share_of(pdm_size n, pdm_size rank, pdm_size n_rank)
{
    const pdm_size each = n / n_rank, more = n % n_rank;
    return (pdm_share){rank * each + (rank < more ? rank : more), each + (rank < more)};
}

/* ---- calls: each has a number, the same on all ranks, however many exchanges it takes here ---- */

static void begin_call(pdm_context *ctx)
{
    pdm_ranks *r = ranks_of(ctx);
    if (r) r->sequence++;
}

/* Pieces for all other ranks, in their order. Owned by the caller. */
static pdm_status pieces_for_others(pdm_context *ctx, pdm_ranks_piece **out)
{
    pdm_status     status = PDM_OK;
    const pdm_size n_rank = pdm_n_rank(ctx), own = pdm_rank(ctx);

    PDM_TRY(pdm_alloc_array(ctx, n_rank - 1, out));
    for (pdm_size k = 0, i = 0; k < n_rank; k++)
        if (k != own) (*out)[i++].rank = k;
done:
    return status;
}

/* own, if it is not where it belongs already. */
static void put_own(const size_t *bytes, pdm_size rank, const void *own, char *all)
{
    size_t at = 0;
    for (pdm_size k = 0; k < rank; k++) at += bytes[k];
    if (bytes[rank] > 0 && own != all + at) memmove(all + at, own, bytes[rank]);
}

static pdm_status gather(pdm_context *ctx, const char *what, const size_t *bytes, const void *own, void *all)
{
    pdm_status       status = PDM_OK;
    const pdm_size   n_rank = pdm_n_rank(ctx), rank = pdm_rank(ctx);
    pdm_ranks_piece *piece = NULL;
    char            *at    = all;

    if (n_rank == 1) goto done;
    PDM_TRY(pieces_for_others(ctx, &piece));
    for (pdm_size k = 0, i = 0; k < n_rank; at += bytes[k], k++) {
        if (k == rank) continue;
        piece[i] =
            (pdm_ranks_piece){.rank = k, .n_send = bytes[rank], .n_receive = bytes[k], .send = own, .receive = at};
        i++;
    }
    PDM_TRY(ranks_exchange(ctx, what, n_rank - 1, piece));
done:
    if (status == PDM_OK) put_own(bytes, rank, own, all);
    pdm_free(ctx, piece);
    return status;
}

pdm_status pdm_ranks_gather(pdm_context *ctx, const char *what, const size_t *bytes, const void *own, void *all)
{
    begin_call(ctx);
    return pdm_ranks_end(ctx, gather(ctx, what, bytes, own, all));
}

pdm_status pdm_ranks_gather_first(pdm_context *ctx, const char *what, const size_t *bytes, const void *own, void *all)
{
    pdm_status            status = PDM_OK;
    const pdm_size        n_rank = pdm_n_rank(ctx), rank = pdm_rank(ctx);
    const pdm_ranks_piece to_first = {.n_send = bytes[rank], .send = own};
    pdm_ranks_piece      *piece    = NULL;
    char                 *at       = all;

    begin_call(ctx);
    if (rank > 0) return ranks_exchange(ctx, what, 1, &to_first);
    if (n_rank == 1) goto done;
    PDM_TRY(pieces_for_others(ctx, &piece));
    for (pdm_size k = 1; k < n_rank; k++) {
        at += bytes[k - 1];
        piece[k - 1].n_receive = bytes[k];
        piece[k - 1].receive   = at;
    }
    PDM_TRY(ranks_exchange(ctx, what, n_rank - 1, piece));
done:
    if (status == PDM_OK) put_own(bytes, rank, own, all);
    pdm_free(ctx, piece);
    return pdm_ranks_end(ctx, status);
}

pdm_status pdm_ranks_gather_shares(pdm_context *ctx, const char *what, bool to_all, pdm_size n, size_t bytes,
                                   const void *own, void *all)
{
    pdm_status     status = PDM_OK;
    const pdm_size n_rank = pdm_n_rank(ctx);
    size_t        *each   = NULL;

    PDM_TRY(pdm_alloc_array(ctx, n_rank, &each));
    for (pdm_size k = 0; k < n_rank; k++) each[k] = (size_t)pdm_share_of(n, k, n_rank).n * bytes;
    PDM_TRY(to_all ? pdm_ranks_gather(ctx, what, each, own, all) : pdm_ranks_gather_first(ctx, what, each, own, all));
done:
    pdm_free(ctx, each);
    return pdm_ranks_end(ctx, status);
}

/* By a binomial tree, ranks counted from the root on: each has it from the one without its highest bit. */
pdm_status pdm_ranks_broadcast(pdm_context *ctx, const char *what, pdm_size root, size_t bytes, void *x)
{
    pdm_status     status = PDM_OK;
    const pdm_size n_rank = pdm_n_rank(ctx), place = (pdm_rank(ctx) - root + n_rank) % n_rank;
    pdm_size       bit = 1;

    if (n_rank == 1) return PDM_OK;
    begin_call(ctx);
    while (place >= bit) bit *= 2; /* places below it have x before this one sends */
    if (place > 0)
        PDM_TRY(ranks_exchange(
            ctx, what, 1,
            &(pdm_ranks_piece){.rank = (place - bit / 2 + root) % n_rank, .n_receive = bytes, .receive = x}));
    for (; place + bit < n_rank; bit *= 2)
        PDM_TRY(ranks_exchange(ctx, what, 1,
                               &(pdm_ranks_piece){.rank = (place + bit + root) % n_rank, .n_send = bytes, .send = x}));
done:
    return status;
}

pdm_status pdm_ranks_exchange(pdm_context *ctx, const char *what, pdm_size n, const pdm_ranks_piece *piece)
{
    begin_call(ctx);
    return n > 0 ? ranks_exchange(ctx, what, n, piece) : PDM_OK;
}

pdm_status pdm_ranks_meet(pdm_context *ctx, const char *what)
{
    double nothing = 0.0;
    return pdm_ranks_sum(ctx, what, 1, &nothing);
}

/* ---- sums ---- */

static pdm_status reserve(pdm_context *ctx, pdm_ranks *r, pdm_size n, double **out)
{
    pdm_status   status = PDM_OK;
    const size_t bytes  = (size_t)n * sizeof(double);
    if (bytes > r->n_work) {
        pdm_free(ctx, r->work);
        r->work   = NULL;
        r->n_work = 0;
        PDM_TRY(pdm_alloc(ctx, bytes, &r->work));
        r->n_work = bytes;
    }
    *out = r->work;
done:
    return status;
}

/* x [n] = sum over ranks of part [n_rank][n], in their order */
static void add_up(pdm_size n_rank, pdm_size n, const double *part, double *x)
{
    for (pdm_size i = 0; i < n; i++) x[i] = part[i];
    for (pdm_size k = 1; k < n_rank; k++)
        for (pdm_size i = 0; i < n; i++) x[i] += part[k * n + i];
}

/* Each adds up all. */
static pdm_status sum_at_once(pdm_context *ctx, pdm_ranks *r, const char *what, pdm_size n, double *x)
{
    pdm_status       status = PDM_OK;
    const pdm_size   n_rank = r->t.n_rank;
    double          *part   = NULL;
    pdm_ranks_piece *piece  = NULL;

    PDM_TRY(reserve(ctx, r, n_rank * n, &part));
    PDM_TRY(pieces_for_others(ctx, &piece));
    for (pdm_size i = 0; i < n_rank - 1; i++) {
        piece[i].n_send = piece[i].n_receive = (size_t)n * sizeof *x;
        piece[i].send                        = x;
        piece[i].receive                     = part + piece[i].rank * n;
    }
    memcpy(part + r->t.rank * n, x, (size_t)n * sizeof *x);
    PDM_TRY(ranks_exchange(ctx, what, n_rank - 1, piece));
    add_up(n_rank, n, part, x);
done:
    pdm_free(ctx, piece);
    return status;
}

/* Each adds up a slice, and sends it to all. */
static pdm_status sum_by_slices(pdm_context *ctx, pdm_ranks *r, const char *what, pdm_size n, double *x)
{
    pdm_status       status = PDM_OK;
    const pdm_size   n_rank = r->t.n_rank;
    const pdm_share  own    = pdm_share_of(n, r->t.rank, n_rank);
    double          *part   = NULL;
    size_t          *bytes  = NULL;
    pdm_ranks_piece *piece  = NULL;

    PDM_TRY(reserve(ctx, r, n_rank * own.n, &part));
    PDM_TRY(pieces_for_others(ctx, &piece));
    PDM_TRY(pdm_alloc_array(ctx, n_rank, &bytes));
    for (pdm_size k = 0; k < n_rank; k++) bytes[k] = (size_t)pdm_share_of(n, k, n_rank).n * sizeof *x;
    for (pdm_size i = 0; i < n_rank - 1; i++) {
        piece[i].n_send    = bytes[piece[i].rank];
        piece[i].send      = x + pdm_share_of(n, piece[i].rank, n_rank).first;
        piece[i].n_receive = bytes[r->t.rank];
        piece[i].receive   = part + piece[i].rank * own.n;
    }
    memcpy(part + r->t.rank * own.n, x + own.first, bytes[r->t.rank]);
    PDM_TRY(ranks_exchange(ctx, what, n_rank - 1, piece));
    add_up(n_rank, own.n, part, x + own.first);
    PDM_TRY(gather(ctx, what, bytes, x + own.first, x));
done:
    pdm_free(ctx, piece);
    pdm_free(ctx, bytes);
    return status;
}

pdm_status pdm_ranks_sum(pdm_context *ctx, const char *what, pdm_size n, double *x)
{
    pdm_ranks *r = ranks_of(ctx);
    if (!r || n == 0) return PDM_OK;
    begin_call(ctx);
    return pdm_ranks_end(ctx,
                         n <= SUMMED_AT_ONCE ? sum_at_once(ctx, r, what, n, x) : sum_by_slices(ctx, r, what, n, x));
}

/* ---- agreement ---- */

typedef struct outcome {
    int32_t status;
    char    text[RANKS_TEXT];
} outcome;

pdm_status pdm_ranks_agree(pdm_context *ctx, const char *what, pdm_status status)
{
    const pdm_size n_rank = pdm_n_rank(ctx), rank = pdm_rank(ctx);
    outcome        own = {.status = (int32_t)status}, *all = NULL;

    if (n_rank == 1) return status;
    snprintf(own.text, sizeof own.text, "%.*s", RANKS_TEXT - 1, pdm_context_error(ctx));
    status = PDM_OK;
    PDM_TRY(pdm_ranks_end(ctx, pdm_alloc_array(ctx, n_rank, &all)));
    all[rank] = own;
    PDM_TRY(pdm_ranks_gather_shares(ctx, what, true, n_rank, sizeof *all, &all[rank], all));
    for (pdm_size k = 0; k < n_rank && own.status == PDM_OK; k++)
        if (all[k].status != PDM_OK)
            PDM_FAIL(ctx, (pdm_status)all[k].status, "rank %lld: %.*s", (long long)k, RANKS_TEXT - 1, all[k].text);
done:
    pdm_free(ctx, all);
    if (own.status == PDM_OK) return status;
    return pdm_error_set(ctx, (pdm_status)own.status, NULL, __func__, "%s", own.text);
}
