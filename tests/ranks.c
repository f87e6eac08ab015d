#include "tests/ranks.h"

#include <check.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "tests/prediction.h"

enum { MOST_RANKS = 16 };

/* A message on its way, or a place that waits for one. */
typedef struct letter {
    struct letter *next;
    int            from, tag, looks;
    size_t         bytes;
    char          *data;
} letter;

/* All letters to a rank, in the order of sending. */
typedef struct post {
    pthread_mutex_t lock;
    letter         *first[MOST_RANKS];
    int             n_sent_by_first;
    rank_troubles   troubles;
} post;

typedef struct wish {
    int    from, tag;
    void  *data;
    size_t bytes;
} wish;

typedef struct seat {
    post         *all;
    int           rank, n, n_sent;
    rank_function function;
    void         *user;
    pdm_status    status;
    pdm_size      left; /* bytes in the context at its end */
    char          text[RANK_TEXT];
} seat;

/* Looks for a message until it is seen: letters of different ranks overtake each other. */
static int looks_for(const post *p, int from, int to, int count)
{
    const pdm_random_key key = {1, PDM_RANDOM_TEST, (uint64_t)(from * MOST_RANKS + to)};
    return p->troubles.delay + (int)(pdm_random_uniform(key, (uint64_t)count) * (p->troubles.vary + 1));
}

/* What is sent is done at once: it has been copied. */
static int send_letter(void *user, int to, int tag, const void *data, size_t bytes, void **request)
{
    seat    *s    = user;
    letter  *l    = calloc(1, sizeof *l);
    letter **last = &s->all->first[to];

    *l      = (letter){.from = s->rank, .tag = tag, .bytes = bytes};
    l->data = malloc(bytes + 1);
    if (bytes > 0) memcpy(l->data, data, bytes);
    pthread_mutex_lock(&s->all->lock);
    l->looks        = looks_for(s->all, s->rank, to, s->n_sent++);
    const bool lost = s->rank == 0 && ++s->all->n_sent_by_first == s->all->troubles.drop;
    while (*last) last = &(*last)->next;
    if (!lost) *last = l;
    pthread_mutex_unlock(&s->all->lock);
    if (lost) free(l->data), free(l);
    *request = NULL;
    return 0;
}

static int receive_letter(void *user, int from, int tag, void *data, size_t bytes, void **request)
{
    wish *w = malloc(sizeof *w);
    (void)user;
    *w       = (wish){from, tag, data, bytes};
    *request = w;
    return 0;
}

/* The place of the first letter with that tag; from < 0: of anybody. Its lock is held. */
static letter **find(const seat *s, int from, int tag)
{
    letter **l = &s->all->first[s->rank];
    while (*l && ((from >= 0 && (*l)->from != from) || (*l)->tag != tag)) l = &(*l)->next;
    return l;
}

static int test_request(void *user, void **request, int *done)
{
    seat *s = user;
    wish *w = *request;

    *done = w == NULL;
    if (!w) return 0;
    pthread_mutex_lock(&s->all->lock);
    letter **at = find(s, w->from, w->tag), *l = *at;
    if (l && l->looks-- <= 0) {
        *at   = l->next;
        *done = 1;
    }
    pthread_mutex_unlock(&s->all->lock);
    if (!*done) return 0;
    const int fits = l->bytes == w->bytes;
    if (fits && l->bytes > 0) memcpy(w->data, l->data, l->bytes);
    free(l->data);
    free(l);
    free(w);
    *request = NULL;
    return fits ? 0 : 1;
}

static int probe(void *user, int tag, int *from)
{
    seat *s = user;
    pthread_mutex_lock(&s->all->lock);
    const letter *l = *find(s, -1, tag);
    *from           = l ? l->from : -1;
    pthread_mutex_unlock(&s->all->lock);
    return 0;
}

static void cancel(void *user, void **request)
{
    (void)user;
    free(*request);
    *request = NULL;
}

static void *live(void *user)
{
    seat               *s = user;
    pdm_context        *ctx;
    const double        seconds = s->all->troubles.seconds > 0.0 ? s->all->troubles.seconds : 60.0;
    const pdm_transport t       = {s->rank, s->n, s, send_letter, receive_letter, test_request, probe, cancel, NULL};

    if ((s->status = context_on_backend(&ctx)) != PDM_OK) return NULL;
    s->status = pdm_context_set_ranks(ctx, &t, seconds);
    if (s->status == PDM_OK) s->status = pdm_context_set_threads(ctx, 1);
    if (s->status == PDM_OK) s->status = s->function(ctx, s->user);
    strncpy(s->text, s->status == PDM_OK ? "" : pdm_context_error(ctx), sizeof s->text - 1);
    s->left = pdm_context_destroy(&ctx);
    return NULL;
}

void ranks_run(int n, const rank_troubles *troubles, rank_function function, void *user, pdm_status *status,
               char (*text)[RANK_TEXT])
{
    post      all = {.lock = PTHREAD_MUTEX_INITIALIZER};
    pthread_t thread[MOST_RANKS];
    seat     *seats = calloc((size_t)n, sizeof *seats);

    ck_assert_int_le(n, MOST_RANKS);
    if (troubles) all.troubles = *troubles;
    for (int k = 0; k < n; k++) {
        seats[k] = (seat){.all = &all, .rank = k, .n = n, .function = function, .user = user};
        ck_assert_int_eq(pthread_create(&thread[k], NULL, live, &seats[k]), 0);
    }
    for (int k = 0; k < n; k++) ck_assert_int_eq(pthread_join(thread[k], NULL), 0);
    for (int k = 0; k < n; k++) {
        ck_assert_int_eq(seats[k].left, 0);
        if (status)
            status[k] = seats[k].status;
        else
            ck_assert_msg(seats[k].status == PDM_OK, "rank %d of %d: %s", k, n, seats[k].text);
        if (text) memcpy(text[k], seats[k].text, RANK_TEXT);
        for (letter *l = all.first[k], *next; l; l = next) next = l->next, free(l->data), free(l);
    }
    free(seats);
}
