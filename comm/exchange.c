/* Messages of one call between ranks: a head, which says what call it is of, with what fits, then the rest in pieces.
 * While a rank waits it looks out for failures of others, and at the clock. */
#define _POSIX_C_SOURCE 200809L /* nanosleep */

#include "comm/comm.h"

#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "comm/comm_impl.h"

enum { TAG_HEAD = 1, TAG_BODY, TAG_FAILURE };
enum { WHAT_TEXT = 48, INLINE_BYTES = 192 };
static const double FAILURE_SECONDS = 2.0; /* to tell the others of one, at most                          */
static const double LEFT_SECONDS    = 1.0; /* for what a rank has sent before it left; then nothing comes */
enum { SPINS = 200, YIELDS = 2000 };       /* looks before the thread gives way, and before it sleeps */

/* Fixed in size, so that a rank in another call can read it. */
typedef struct head {
    uint64_t sequence, bytes;
    char     what[WHAT_TEXT];
    char     data[INLINE_BYTES]; /* all of it, if it fits */
} head;

typedef struct failure {
    int32_t status, is_late; /* is_late: that of a rank which has waited too long */
    char    text[RANKS_TEXT];
} failure;

/* One direction of a piece. */
typedef struct message {
    int    peer;
    head   head;
    void  *request, *body; /* of the head; pieces follow it one after the other */
    size_t done;           /* bytes of the body that have gone, or come */
    bool   sends, has_head, is_over;
} message;

/* ---- failures ---- */

static pdm_status broken(pdm_context *ctx, const pdm_ranks *r)
{
    return pdm_error_set(ctx, r->failure, NULL, __func__, "%s", r->text);
}

static pdm_status fail_with(pdm_context *ctx, pdm_ranks *r, pdm_status status, const char *text)
{
    r->failure = status;
    snprintf(r->text, sizeof r->text, "%.*s", RANKS_TEXT - 1, text);
    return broken(ctx, r);
}

/* Another rank's failure, if there is word of one; PDM_OK is that of a rank that has left. Where nobody goes on the
 * patience of all ends at the same time: who has waited long names soon itself whom it waits for. */
static pdm_status look_for_failure(pdm_context *ctx, pdm_ranks *r, double waited)
{
    int     from = -1, done = 0;
    void   *request = NULL;
    failure f       = {0};
    char    text[RANKS_TEXT + 32];

    if (r->t.probe(r->t.user, TAG_FAILURE, &from) != 0 || from < 0) return PDM_OK;
    if (r->t.receive(r->t.user, from, TAG_FAILURE, &f, sizeof f, &request) != 0) return PDM_OK;
    for (const double start = pdm_clock(); !done && pdm_clock() - start < FAILURE_SECONDS;)
        if (r->t.test(r->t.user, &request, &done) != 0) break;
    if (!done) r->t.cancel(r->t.user, &request); /* f is not written to any more */
    if (done && f.status == PDM_OK) {
        r->has_left[from] = true;
        return PDM_OK;
    }
    if (done && f.is_late && waited > 0.5 * r->seconds) return PDM_OK;
    f.text[RANKS_TEXT - 1] = '\0';
    snprintf(text, sizeof text, "rank %d: %s", from, done ? f.text : "failed");
    return fail_with(ctx, r, done ? (pdm_status)f.status : PDM_ERR_INTERNAL, text);
}

static void tell_failure(const pdm_ranks *r, const failure *f)
{
    const double start = pdm_clock();

    for (int k = 0; k < r->t.n_rank; k++) {
        void *request = NULL;
        int   done    = 0;
        if (k == r->t.rank || r->t.send(r->t.user, k, TAG_FAILURE, f, sizeof *f, &request) != 0) continue;
        while (!done && pdm_clock() - start < FAILURE_SECONDS)
            if (r->t.test(r->t.user, &request, &done) != 0) break;
        if (!done) r->t.cancel(r->t.user, &request);
    }
}

void ranks_leave(const pdm_ranks *r)
{
    const failure none = {.status = PDM_OK};
    if (r->failure == PDM_OK) tell_failure(r, &none);
}

pdm_status pdm_ranks_end(pdm_context *ctx, pdm_status status)
{
    pdm_ranks *r = ranks_of(ctx);
    failure    f = {.status = (int32_t)status, .is_late = r && r->is_late};

    if (!r || status == PDM_OK || r->failure != PDM_OK) return status;
    snprintf(f.text, sizeof f.text, "%.*s", RANKS_TEXT - 1, pdm_context_error(ctx));
    r->failure = status;
    memcpy(r->text, f.text, sizeof r->text);
    tell_failure(r, &f);
    return status;
}

/* ---- one message ---- */

static pdm_status fail_transport(pdm_context *ctx, const char *what, const message *m)
{
    return pdm_error_set(ctx, PDM_ERR_INTERNAL, NULL, __func__, "\"%s\": rank %d cannot be reached", what, m->peer);
}

static bool is_inline(const message *m)
{
    return m->head.bytes <= INLINE_BYTES;
}

/* The head, or the next piece of the body. */
static pdm_status begin(pdm_context *ctx, pdm_ranks *r, const char *what, message *m)
{
    const size_t left = (size_t)m->head.bytes - m->done, n = left < r->piece ? left : r->piece;
    char        *at   = m->has_head ? (char *)m->body + m->done : (char *)&m->head;
    const size_t size = m->has_head ? n : sizeof m->head;
    const int    tag  = m->has_head ? TAG_BODY : TAG_HEAD;
    const int    got  = m->sends ? r->t.send(r->t.user, m->peer, tag, at, size, &m->request)
                                 : r->t.receive(r->t.user, m->peer, tag, at, size, &m->request);
    return got == 0 ? PDM_OK : fail_transport(ctx, what, m);
}

/* What came is of the same call, and as long as is expected. */
static pdm_status check_head(pdm_context *ctx, const pdm_ranks *r, const char *what, const message *m, size_t expected)
{
    pdm_status status = PDM_OK;
    const bool same   = strncmp(m->head.what, what, WHAT_TEXT - 1) == 0;

    if (!same || m->head.sequence != r->sequence)
        PDM_FAIL(
            ctx, PDM_ERR_INTERNAL,
            "ranks do not do the same: rank %d is in \"%.*s\", its call number %llu, rank %d in \"%s\", number %llu",
            m->peer, WHAT_TEXT - 1, m->head.what, (unsigned long long)m->head.sequence, r->t.rank, what,
            (unsigned long long)r->sequence);
    if (m->head.bytes != expected)
        PDM_FAIL(ctx, PDM_ERR_INTERNAL, "\"%s\": %llu bytes from rank %d, %zu expected", what,
                 (unsigned long long)m->head.bytes, m->peer, expected);
done:
    return status;
}

/* A piece has gone, or come. */
static pdm_status advance(pdm_context *ctx, pdm_ranks *r, const char *what, message *m, size_t expected)
{
    pdm_status   status = PDM_OK;
    const size_t left   = expected - m->done;

    if (m->has_head) m->done += left < r->piece ? left : r->piece;
    if (!m->has_head && !m->sends) PDM_TRY(check_head(ctx, r, what, m, expected));
    if (!m->has_head && is_inline(m)) {
        if (!m->sends && expected > 0) memcpy(m->body, m->head.data, expected);
        m->done = expected;
    }
    m->has_head = true;
    m->is_over  = m->done == expected;
    if (!m->is_over) PDM_TRY(begin(ctx, r, what, m));
done:
    return status;
}

/* ---- waiting ---- */

static void rest(pdm_size looks)
{
    const struct timespec nap = {.tv_nsec = 100000};
    if (looks < SPINS) return;
    if (looks < YIELDS)
        (void)sched_yield();
    else
        (void)nanosleep(&nap, NULL);
}

/* Nothing has come for so many seconds: is that too long? Names those who are waited for. */
static pdm_status check_patience(pdm_context *ctx, pdm_ranks *r, const char *what, pdm_size n, const message *m,
                                 double waited)
{
    char   text[RANKS_TEXT];
    int    before = -1;
    size_t length = (size_t)snprintf(text, sizeof text, "after %g s in \"%s\" rank %d still waits for", r->seconds,
                                     what, r->t.rank);

    for (pdm_size i = 0; i < n && length < sizeof text - 16; i++) {
        if (m[i].is_over || m[i].peer == before) continue;
        if (r->has_left[m[i].peer] && waited > LEFT_SECONDS)
            return pdm_error_set(ctx, PDM_ERR_INTERNAL, NULL, __func__,
                                 "rank %d has left, rank %d waits for it in \"%s\"", m[i].peer, r->t.rank, what);
        length += (size_t)snprintf(text + length, sizeof text - length, "%s rank %d", before < 0 ? "" : ",", m[i].peer);
        before = m[i].peer;
    }
    r->is_late = waited > r->seconds;
    return r->is_late ? pdm_error_set(ctx, PDM_ERR_INTERNAL, NULL, __func__, "%s", text) : PDM_OK;
}

/* Until all n messages are over. */
static pdm_status wait_for(pdm_context *ctx, pdm_ranks *r, const char *what, pdm_size n, message *m,
                           const size_t *expected)
{
    pdm_status status = PDM_OK;
    double     since  = pdm_clock();
    pdm_size   over   = 0;

    for (pdm_size looks = 0; over < n; looks++) {
        bool moved = false;
        over       = 0;
        for (pdm_size i = 0; i < n; i++) {
            int done = 0;
            if (!m[i].is_over && r->t.test(r->t.user, &m[i].request, &done) != 0)
                PDM_TRY(fail_transport(ctx, what, &m[i]));
            if (done) PDM_TRY(advance(ctx, r, what, &m[i], expected[i]));
            moved = moved || done;
            over += m[i].is_over;
        }
        if (moved) looks = -1;
        if (moved) since = pdm_clock();
        if (over == n || moved) continue;
        const double waited = pdm_clock() - since;
        PDM_TRY(look_for_failure(ctx, r, waited));
        PDM_TRY(check_patience(ctx, r, what, n, m, waited));
        rest(looks);
    }
done:
    return status;
}

static void describe(message *m, const pdm_ranks *r, const char *what, const pdm_ranks_piece *p, bool sends)
{
    *m               = (message){.peer = (int)p->rank, .sends = sends};
    m->body          = sends ? (void *)(uintptr_t)p->send : p->receive; /* what is sent is not written to */
    m->head.sequence = r->sequence;
    m->head.bytes    = sends ? p->n_send : p->n_receive;
    snprintf(m->head.what, sizeof m->head.what, "%.*s", WHAT_TEXT - 1, what);
    if (sends && p->n_send > 0 && p->n_send <= INLINE_BYTES) memcpy(m->head.data, p->send, p->n_send);
}

pdm_status ranks_exchange(pdm_context *ctx, const char *what, pdm_size n, const pdm_ranks_piece *piece)
{
    pdm_status status   = PDM_OK;
    pdm_ranks *r        = ranks_of(ctx);
    message   *m        = NULL;
    size_t    *expected = NULL;

    if (r->failure != PDM_OK) return broken(ctx, r);
    PDM_TRY(pdm_alloc_array(ctx, 2 * n, &m));
    PDM_TRY(pdm_alloc_array(ctx, 2 * n, &expected));
    for (pdm_size i = 0; i < 2 * n; i++) {
        describe(&m[i], r, what, &piece[i / 2], i % 2);
        expected[i] = (size_t)m[i].head.bytes;
        PDM_TRY(begin(ctx, r, what, &m[i]));
    }
    PDM_TRY(wait_for(ctx, r, what, 2 * n, m, expected));
done:
    for (pdm_size i = 0; m && i < 2 * n; i++)
        if (m[i].request) r->t.cancel(r->t.user, &m[i].request);
    pdm_free(ctx, m);
    pdm_free(ctx, expected);
    return pdm_ranks_end(ctx, status);
}
