/* Messages are at most as long as the pieces of comm/, far below INT_MAX. */
#include "comm/mpi/mpi.h"

#include <limits.h>
#include <stdlib.h>

/* A receive that is cancelled while its message arrives is given so many looks to end. */
enum { CANCEL_LOOKS = 10000 };

bool mpi_is_running(void)
{
    int begun = 0, ended = 0;
    return MPI_Initialized(&begun) == MPI_SUCCESS && begun && MPI_Finalized(&ended) == MPI_SUCCESS && !ended;
}

static MPI_Comm comm_of(const void *user)
{
    return *(const MPI_Comm *)user;
}

/* A request that call number `code` may have begun. */
static int keep_request(int code, MPI_Request *begun, void **request)
{
    if (code == MPI_SUCCESS)
        *request = begun;
    else
        free(begun);
    return code;
}

static int mpi_send(void *user, int to, int tag, const void *data, size_t bytes, void **request)
{
    MPI_Request *r = bytes > INT_MAX ? NULL : malloc(sizeof *r);

    if (!r) return MPI_ERR_COUNT;
    return keep_request(MPI_Isend(data, (int)bytes, MPI_BYTE, to, tag, comm_of(user), r), r, request);
}

static int mpi_receive(void *user, int from, int tag, void *data, size_t bytes, void **request)
{
    MPI_Request *r = bytes > INT_MAX ? NULL : malloc(sizeof *r);

    if (!r) return MPI_ERR_COUNT;
    return keep_request(MPI_Irecv(data, (int)bytes, MPI_BYTE, from, tag, comm_of(user), r), r, request);
}

static int mpi_test(void *user, void **request, int *done)
{
    MPI_Request *r    = *request;
    const int    code = MPI_Test(r, done, MPI_STATUS_IGNORE);

    (void)user;
    if (code == MPI_SUCCESS && *done) {
        free(r);
        *request = NULL;
    }
    return code;
}

static int mpi_probe(void *user, int tag, int *from)
{
    int        there = 0;
    MPI_Status status;
    const int  code = MPI_Iprobe(MPI_ANY_SOURCE, tag, comm_of(user), &there, &status);

    *from = code == MPI_SUCCESS && there ? status.MPI_SOURCE : -1;
    return code;
}

/* Sends cannot be cancelled everywhere: what does not end by itself is left to MPI. */
static void mpi_cancel(void *user, void **request)
{
    MPI_Request *r    = *request;
    int          done = 0;

    (void)user;
    if (*r != MPI_REQUEST_NULL) (void)MPI_Cancel(r);
    for (int i = 0; i < CANCEL_LOOKS && !done; i++)
        if (MPI_Test(r, &done, MPI_STATUS_IGNORE) != MPI_SUCCESS) break;
    if (*r != MPI_REQUEST_NULL) (void)MPI_Request_free(r);
    free(r);
    *request = NULL;
}

static void mpi_release(void *user)
{
    if (mpi_is_running()) (void)MPI_Comm_free(user);
    free(user);
}

bool mpi_carry(MPI_Comm comm, pdm_transport *t)
{
    MPI_Comm *own = NULL;

    if (!mpi_is_running() || comm == MPI_COMM_NULL) return false;
    own = malloc(sizeof *own);
    if (!own) return false;
    if (MPI_Comm_dup(comm, own) != MPI_SUCCESS) {
        free(own);
        return false;
    }
    *t = (pdm_transport){.user    = own,
                         .send    = mpi_send,
                         .receive = mpi_receive,
                         .test    = mpi_test,
                         .probe   = mpi_probe,
                         .cancel  = mpi_cancel,
                         .release = mpi_release};
    (void)MPI_Comm_set_errhandler(*own, MPI_ERRORS_RETURN); /* failures of messages are told as errors */
    (void)MPI_Comm_rank(*own, &t->rank);
    (void)MPI_Comm_size(*own, &t->n_rank);
    return true;
}
