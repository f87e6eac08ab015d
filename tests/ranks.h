/* Ranks as threads of one process, with a context each, for suites of what several ranks do together. */
#ifndef PDM_TESTS_RANKS_H
#define PDM_TESTS_RANKS_H

#include "comm/comm.h"

/* What goes wrong between them. */
typedef struct rank_troubles {
    int    drop;    /* message number `drop` of rank 0, from 1 on, never arrives; 0: none */
    int    delay;   /* a message is seen after so many looks for it                       */
    int    vary;    /* and so many more at most, another number for each                  */
    double seconds; /* a rank waits for others; 0: a minute                               */
} rank_troubles;

/* Calls function(ctx, user) on n threads, each of which has made its context a rank of n. Its result of each goes into
 * status [n] (may be NULL), the text of its context into text [n] (may be NULL). Contexts must be empty at the end. */
typedef pdm_status (*rank_function)(pdm_context *ctx, void *user);
enum { RANK_TEXT = 1024 };
void ranks_run(int n, const rank_troubles *troubles, rank_function function, void *user, pdm_status *status,
               char (*text)[RANK_TEXT]);

#endif
