/* Ranks: processes, or threads with a context each, that work on one model together. Collective calls, which all ranks
 * make in the same order; `what` names the call in messages. Of a context without ranks all of them do what one rank
 * does: nothing, or a copy.
 *
 * A call fails on all ranks where one of them has failed, with that one's status and text ("rank 2: ..."); where not all
 * have come within the time that the context was given, or one has left, with the name of the call and of the ranks that
 * are missing; and where another one makes another call. After a failure every later call fails with the same words.
 *
 * Sums are those of rank order: the same bits on all ranks, and from run to run. Calls take memory for their messages,
 * and give it back; sums keep the work space of the largest so far. */
#ifndef PDM_COMM_H
#define PDM_COMM_H

#include "core/core.h"

pdm_size pdm_rank(const pdm_context *ctx);   /* 0 .. pdm_n_rank() - 1; 0 without ranks */
pdm_size pdm_n_rank(const pdm_context *ctx); /* 1 without ranks */

/* A contiguous share of n things: those of rank k are [first, first + n). The first n mod n_rank ranks have one more. */
typedef struct pdm_share {
    pdm_size first, n;
} pdm_share;
pdm_share pdm_share_of(pdm_size n, pdm_size rank, pdm_size n_rank);

/* x [n] = sum of all ranks' x, on all ranks */
pdm_status pdm_ranks_sum(pdm_context *ctx, const char *what, pdm_size n, double *x);
/* all = own of rank 0, own of rank 1, ...; bytes [n_rank]: how many each has, known to all; on all ranks. own may be
 * where it belongs in all. */
pdm_status pdm_ranks_gather(pdm_context *ctx, const char *what, const size_t *bytes, const void *own, void *all);
/* The same for rank 0 alone; all may be NULL on others. */
pdm_status pdm_ranks_gather_first(pdm_context *ctx, const char *what, const size_t *bytes, const void *own, void *all);
/* The same of n items of `bytes` each, of which every rank has its pdm_share_of(); all may be NULL on others than rank 0
 * where it is not for all of them. */
pdm_status pdm_ranks_gather_shares(pdm_context *ctx, const char *what, bool to_all, pdm_size n, size_t bytes,
                                   const void *own, void *all);
/* x = that of `root`, on all ranks */
pdm_status pdm_ranks_broadcast(pdm_context *ctx, const char *what, pdm_size root, size_t bytes, void *x);
/* Pieces to and from neighbours, at most one for each, none for ranks without neighbours, which call it all the same;
 * both sides name the same sizes. Not of this rank itself. */
typedef struct pdm_ranks_piece {
    pdm_size    rank;
    size_t      n_send, n_receive; /* bytes */
    const void *send;
    void       *receive;
} pdm_ranks_piece;
pdm_status pdm_ranks_exchange(pdm_context *ctx, const char *what, pdm_size n, const pdm_ranks_piece *piece);
/* Returns when all ranks have called it. */
pdm_status pdm_ranks_meet(pdm_context *ctx, const char *what);
/* For the end of a call that all ranks make, without a collective call before it: PDM_OK where it went well on all;
 * else on those where it did not its own status and text, on the others those of the first such rank ("rank 2: ...").
 * The ranks go on. Collective. */
pdm_status pdm_ranks_agree(pdm_context *ctx, const char *what, pdm_status status);
/* For the end of a job that all ranks do: where status is a failure of this rank, the others are told, with the
 * context's text, and their next collective call fails; PDM_OK: nothing. Returns status. Not collective, and never
 * waits long. */
pdm_status pdm_ranks_end(pdm_context *ctx, pdm_status status);

/* ---- the program, started as one of several by mpirun or srun ---- */

/* Prints the error of another rank, or of this one. */
typedef void pdm_mpi_print(int rank, const char *text);

/* What pdemoe_mpi.so exports, as pdm_mpi_program: an object that is opened when it is needed, so that nothing else links
 * MPI. It has a copy of core/ of its own: both sides have to be of one build. */
typedef struct pdm_mpi {
    const char *(*build)(void); /* pdm_build_info */
    /* MPI runs from here on, if it has not; *out carries messages between all that were started together. False: why not,
     * in text. */
    bool (*begin)(pdm_transport *out, char *text, size_t size);
    /* The end of MPI, with the exit code of this rank; returns that of all, or ends all of them where one is not 0. Rank
     * 0 has printed its error, text is that of another rank: rank 0 prints it, unless it has failed itself, and if it
     * does not within 10 s the rank itself does. */
    int (*end)(int code, const char *text, pdm_mpi_print *print);
} pdm_mpi;

/* Opens it. Fails with PDM_ERR_UNSUPPORTED, in one line that says what is missing. */
pdm_status pdm_mpi_open(pdm_context *ctx, const pdm_mpi **out);

#endif
