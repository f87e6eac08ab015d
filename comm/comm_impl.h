/* Inside of comm/. */
#ifndef PDM_COMM_IMPL_H
#define PDM_COMM_IMPL_H

#include "comm/comm.h"

enum { RANKS_TEXT = 1024 };

typedef struct pdm_ranks {
    pdm_transport t;
    double        seconds;
    uint64_t      sequence; /* calls so far */
    bool         *has_left; /* [n_rank] the context is gone */
    size_t        piece;    /* bytes of a message at most */
    void         *work;     /* of sums */
    size_t        n_work;
    bool          is_late; /* has waited too long */
    pdm_status    failure; /* PDM_OK: none so far */
    char          text[RANKS_TEXT];
} pdm_ranks;

/* NULL: one rank. */
pdm_ranks *ranks_of(const pdm_context *ctx);
/* exchange.c: messages of a call, to and from other ranks; sizes 0 send, or receive, nothing but that the call is
 * made. */
pdm_status ranks_exchange(pdm_context *ctx, const char *what, pdm_size n, const pdm_ranks_piece *piece);
/* Tells the others that no more will come from this one, unless they know of its failure. */
void ranks_leave(const pdm_ranks *r);
/* Test hook: messages are cut in pieces of so many bytes. */
void pdm_ranks_set_piece(pdm_context *ctx, size_t bytes);
/* cores.c: threads of the context, as many as its share of the machine's cores. Collective. */
pdm_status ranks_share_cores(pdm_context *ctx);

#endif
